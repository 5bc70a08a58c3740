/* SPDX-License-Identifier: Apache-2.0
 * fuzz_blob_reply.c - a host that answers a request for a blob with anything.
 */
#include "agent/blob.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int sv[2];
    /* The digest of the two bytes "ok": one of the seeds is the right answer. */
    static const uint8_t digest[CL_SHA256_SIZE] = {0x26, 0x89, 0x36, 0x7b, 0x20, 0x5c, 0x16, 0xce,
                                                   0x32, 0xed, 0x42, 0x00, 0x94, 0x2b, 0x8b, 0x8b,
                                                   0x1e, 0x26, 0x2d, 0xfc, 0x70, 0xd9, 0xbc, 0x9f,
                                                   0xbc, 0x77, 0xc4, 0x96, 0x99, 0xa4, 0xf1, 0xdf};
    struct agent_blob *b = NULL;
    struct cl_buf out = {0};
    if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) != 0) {
        return 0;
    }
    bool sent = write(sv[1], data, size) == (ssize_t)size && shutdown(sv[1], SHUT_WR) == 0;
    if (!sent) {
        (void)close(sv[0]);
    } else if (agent_blob_open(sv[0], digest, /* size= */ 0, 1024, &b, NULL) == CL_OK) {
        if (agent_blob_read_all(b, &out, NULL) == CL_OK && (out.len != 2 || out.data[0] != 'o')) {
            abort(); /* what is not the blob was taken for it */
        }
        agent_blob_free(b);
    }
    cl_buf_done(&out);
    (void)close(sv[1]);
    return 0;
}
