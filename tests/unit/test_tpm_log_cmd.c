/* SPDX-License-Identifier: Apache-2.0
 * test_tpm_log_cmd.c - `cloister verify --event-log` of TPM evidence as a user meets it.
 */
#include "cmd_rig.h"

#include "base/encode.h"
#include "base/json.h"
#include "check_main.h"
#include "tpm_log_world.h"

#include <stdio.h>
#include <string.h>

static void put_evidence(const struct tpm_world_quote *q)
{
    struct cl_vtpm_parts p;
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    tpm_world_parts(q, &p);
    put("reference.json", p.ak_spki.data, p.ak_spki.len); /* a name that is removed */
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
    ck_assert_int_eq(cl_vtpm_evidence_to_json(ev, &j, NULL), CL_OK);
    ck_assert_int_eq(cl_json_compact(j, &text, NULL), CL_OK);
    put("evidence.json", text.data, text.len);
}

START_TEST(test_verify_replays_the_log_of_a_tpm)
{
    static const uint16_t banks[] = {CL_TPM_ALG_SHA1};
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    CL_CLEANUP(tpm_log_done) struct tpm_log_world other;
    char line[400], pcr[65];
    tpm_log_boot(&w);
    struct tpm_world_quote q = tpm_log_quote(&w, 2);
    put_evidence(&q);
    put("page.html", w.raw.data, w.raw.len); /* names that are removed */
    cl_hex(pcr, w.pcr[1][4], 32);
    (void)snprintf(line, sizeof(line),
                   "verify --evidence @/evidence.json --tpm-ak @/reference.json --pcr 4=%s "
                   "--event-log @/page.html",
                   pcr);
    expect(line, 0, "");
    CL_CLEANUP(outcome_done) struct outcome o = run(line);
    ck_assert_ptr_nonnull(strstr((const char *)o.out.data, "tpm.event_log.pcr04: 3 events\n"));
    /* The log alone is nothing that was compared with. */
    expect("verify --evidence @/evidence.json --tpm-ak @/reference.json --event-log @/page.html", 3,
           "undetermined: tpm.pcr.values");
    tpm_log_event(&w, 7, 0x80000001, "more");
    put("page.html", w.raw.data, w.raw.len);
    expect(line, 1, "rejected: tpm.event_log.pcr07: expected ");
    tpm_log_begin(&other, banks, 1);
    put("page.html", other.raw.data, other.raw.len);
    expect(line, 1, "rejected: tpm.event_log: expected a log of each quoted bank, sha256");
    put("page.html", w.raw.data, w.raw.len - 1);
    expect(line, 4, "/page.html': event log: ");
}
END_TEST

START_TEST(test_verify_refuses_bad_logs)
{
    CL_CLEANUP(tpm_log_done) struct tpm_log_world w;
    tpm_log_boot(&w);
    struct tpm_world_quote q = tpm_log_quote(&w, 2);
    put_evidence(&q);
    expect("verify --evidence @/evidence.json --event-log @/kernel", 4, "/kernel': event log: ");
    expect("verify --evidence @/evidence.json --event-log @/nothing", 5, "/nothing': No such file");
    expect("verify --evidence @/evidence.json --event-log @/empty", 4,
           "expected contents, got none");
    expect("verify --evidence @/evidence.json --event-log @", 4,
           "expected a file, got a directory");
}
END_TEST

int main(void)
{
    if (!rig_init()) {
        return EXIT_FAILURE;
    }
    tpm_world_init();
    Suite *s = suite_create("tpm_log_cmd");
    TCase *t = tcase_create("cmd");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_verify_replays_the_log_of_a_tpm);
    tcase_add_test(t, test_verify_refuses_bad_logs);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    rig_done();
    return rc;
}
