/* SPDX-License-Identifier: Apache-2.0
 * test_snp_flips.c - exhaustive damage to real evidence: every single bit of three reports, every
 * byte and every truncation of each certificate. None is accepted. No bit is a don't-care: what the
 * signature does not cover (0x330 to the end) must be zero, and of the signature itself the upper
 * bytes of R and S must be. (R, n - S) also verifies, but is not one flipped bit away.
 */
#include "base/buf.h"
#include "check_main.h"
#include "cloister/snp_verify.h"
#include "shared_vectors.h"

#include <string.h>

#define TEST_TIME INT64_C(1756684800) /* 2025-09-01, when every certificate is valid */
#define CERTS 3

static const struct vector {
    const char *name, *certs[CERTS];
    unsigned vmpl;
} vectors[] = {
    {"milan-v3-oak-oc-release",
     {"milan-v3-oak-oc-release/vcek", "ca/milan-ask", "ca/milan-ark"},
     0},
    {"genoa-v3-azure-vtpm", {"genoa-v3-azure-vtpm/vcek", "ca/genoa-ask", "ca/genoa-ark"}, 0},
    {"turin-v5-oak-oc", {"turin-v5-oak-oc/vcek", "ca/turin-ask", "ca/turin-ark"}, 0},
    {"milan-v3-vlek-aws", {"milan-v3-vlek-aws/vlek", "ca/milan-asvk", "ca/milan-ark"}, 1},
};

struct files {
    struct cl_buf report, certs[CERTS];
};

static void files_done(struct files *f)
{
    cl_buf_done(&f->report);
    for (size_t i = 0; i < CERTS; i++) {
        cl_buf_done(&f->certs[i]);
    }
}

static void load(const struct vector *v, struct files *f)
{
    char path[1024];
    shared_path(path, "snp/%s/report.bin", v->name);
    read_whole(path, &f->report);
    for (size_t i = 0; i < CERTS; i++) {
        shared_path(path, "snp/%s.der", v->certs[i]);
        read_whole(path, &f->certs[i]);
    }
}

static struct cl_snp_evidence *evidence(const struct files *f)
{
    struct cl_snp_evidence *ev = NULL;
    ck_assert_int_eq(cl_snp_evidence_from_report(f->report.data, f->report.len, &ev, NULL), CL_OK);
    for (size_t i = 0; i < CERTS; i++) {
        if (cl_snp_evidence_add_der(ev, CL_SNP_CERT_VCEK, f->certs[i].data, f->certs[i].len,
                                    NULL) != CL_OK) {
            cl_snp_evidence_free(ev); /* no X.509 any more: the evidence is refused at once */
            return NULL;
        }
    }
    return ev;
}

static struct cl_snp_policy policy_of(const struct vector *v, struct cl_snp_rules *rules)
{
    *rules = cl_snp_rules_default();
    rules->vmpls = UINT64_C(1) << v->vmpl;
    rules->allow_masked_chip = v->vmpl > 0;
    return (struct cl_snp_policy){.time = TEST_TIME, .rules = rules, .authenticity_only = true};
}

/* False: there are no vectors. */
static bool open_vector(const struct vector *v, struct files *f, struct cl_snp_rules *rules,
                        struct cl_snp_policy *policy)
{
    if (!shared_available("snp")) {
        return false;
    }
    load(v, f);
    *policy = policy_of(v, rules);
    return true;
}

START_TEST(test_every_bit_of_a_report)
{
    CL_CLEANUP(files_done) struct files f = {0};
    CL_CLEANUP(cl_snp_chain_freep) struct cl_snp_chain *chain = NULL;
    struct cl_snp_rules rules;
    struct cl_snp_policy policy;
    if (!open_vector(&vectors[_i], &f, &rules, &policy)) {
        return;
    }
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = evidence(&f);
    ck_assert_ptr_nonnull(ev);
    ck_assert_int_eq(cl_snp_chain_new(ev, &chain, NULL), CL_OK);
    for (size_t bit = 0; bit <= 8 * f.report.len; bit++) {
        struct cl_snp_report r;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *res = NULL;
        bool whole = bit == 8 * f.report.len; /* the control, last */
        if (!whole) {
            f.report.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        ck_assert_int_eq(cl_snp_report_decode(f.report.data, f.report.len, &r, NULL), CL_OK);
        ck_assert_int_eq(cl_snp_verify_chain(&r, chain, &policy, &res, NULL), CL_OK);
        ck_assert_msg(res->verdict == (whole ? CL_VERDICT_ACCEPTED : CL_VERDICT_REJECTED),
                      "byte 0x%03zx bit %zu: %s", bit / 8, bit % 8, cl_verdict_name(res->verdict));
        ck_assert_int_eq(res->authentic, whole ? CL_YES : CL_NO);
        if (!whole) {
            f.report.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
}
END_TEST

START_TEST(test_every_truncation_of_a_report)
{
    if (!shared_available("snp")) {
        return;
    }
    CL_CLEANUP(files_done) struct files f = {0};
    struct cl_snp_report r;
    load(&vectors[_i], &f);
    for (size_t n = 0; n < f.report.len; n++) {
        ck_assert_int_eq(cl_snp_report_decode(f.report.data, n, &r, NULL), CL_ERR_TRUNCATED);
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf longer = {0};
    ck_assert_int_eq(cl_buf_append(&longer, f.report.data, f.report.len, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append(&longer, "", 1, NULL), CL_OK);
    ck_assert_int_eq(cl_snp_report_decode(longer.data, longer.len, &r, NULL), CL_ERR_MALFORMED);
}
END_TEST

static void expect_refused(const struct files *f, const struct cl_snp_policy *policy, size_t cert,
                           const char *how, size_t at)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = evidence(f);
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *res = NULL;
    if (ev == NULL) {
        return;
    }
    ck_assert_int_eq(cl_snp_verify(ev, policy, &res, NULL), CL_OK);
    ck_assert_msg(res->verdict != CL_VERDICT_ACCEPTED, "certificate %zu: %s %zu", cert, how, at);
    ck_assert_int_ne(res->authentic, CL_YES);
}

/* One vector's certificates, a bit in each byte: which one goes round. */
START_TEST(test_every_byte_of_each_certificate)
{
    CL_CLEANUP(files_done) struct files f = {0};
    struct cl_snp_rules rules;
    struct cl_snp_policy policy;
    if (!open_vector(&vectors[_i], &f, &rules, &policy)) {
        return;
    }
    for (size_t c = 0; c < CERTS; c++) {
        for (size_t at = 0; at < f.certs[c].len; at++) {
            f.certs[c].data[at] ^= (uint8_t)(1u << (at % 8));
            expect_refused(&f, &policy, c, "byte", at);
            f.certs[c].data[at] ^= (uint8_t)(1u << (at % 8));
        }
    }
}
END_TEST

START_TEST(test_every_truncation_of_each_certificate)
{
    CL_CLEANUP(files_done) struct files f = {0};
    struct cl_snp_rules rules;
    struct cl_snp_policy policy;
    if (!open_vector(&vectors[_i], &f, &rules, &policy)) {
        return;
    }
    for (size_t c = 0; c < CERTS; c++) {
        size_t len = f.certs[c].len;
        for (size_t n = 0; n < len; n++) {
            f.certs[c].len = n;
            expect_refused(&f, &policy, c, "truncated to", n);
        }
        f.certs[c].len = len;
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snp_flips");
    TCase *t = tcase_create("flips");
    int n = (int)CL_ARRAY_LEN(vectors);
    tcase_set_timeout(t, 600);
    tcase_add_loop_test(t, test_every_bit_of_a_report, 0, n);
    tcase_add_loop_test(t, test_every_truncation_of_a_report, 0, n);
    tcase_add_loop_test(t, test_every_byte_of_each_certificate, 0, n);
    tcase_add_loop_test(t, test_every_truncation_of_each_certificate, 0, n);
    suite_add_tcase(s, t);
    return run_suite(s);
}
