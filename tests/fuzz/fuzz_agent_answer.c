/* SPDX-License-Identifier: Apache-2.0
 * fuzz_agent_answer.c - an answer to the agent's question for evidence, with a report and a
 * certificate table of the host's making (threats.md rows 40, 53). What is taken is over the data
 * that was asked for, here zeros, and is written as JSON that reads back.
 */
#undef NDEBUG
#include "agent/evidence.h"

#include "cloister/snp_evidence.h"

#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
    int theirs;
};

static enum cl_status dial(void *ctx, int *ret_fd, struct cl_err *err)
{
    struct input *in = ctx;
    int sv[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) != 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "socketpair");
    }
    bool sent =
        write(sv[1], in->data, in->size) == (ssize_t)in->size && shutdown(sv[1], SHUT_WR) == 0;
    assert(sent);
    in->theirs = sv[1];
    *ret_fd = sv[0];
    return CL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t question[64] = {0};
    struct input in = {data, size, -1};
    struct agent_evidence e = {.tee = AGENT_TEE_SIM, .dial_sim = dial, .ctx = &in};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    if (size > 65536) {
        return 0;
    }
    if (agent_evidence_json(&e, question, &out, NULL) == CL_OK) {
        enum cl_status st = cl_snp_evidence_from_json_text(out.data, out.len, &ev, NULL);
        assert(st == CL_OK);
        for (size_t i = 0; i < sizeof(question); i++) {
            assert(cl_snp_evidence_report(ev)->report_data[i] == 0);
        }
    }
    if (in.theirs >= 0) {
        (void)close(in.theirs);
    }
    return 0;
}
