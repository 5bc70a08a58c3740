/* SPDX-License-Identifier: Apache-2.0
 * test_snp_revocation.c - revocation lists of the root: in their period, by the right key, with the
 * right algorithm; each certificate of the chain listed; and all that is not such a list.
 */
#include "check_main.h"
#include "snp_world.h"

#include <openssl/objects.h>
#include <string.h>

#define DAY INT64_C(86400)

static uint8_t roots[1][CL_SNP_ROOT_SIZE];
static struct cl_verify_policy *profile; /* its common section requires lists */

static struct cl_snp_policy requiring(void)
{
    return (struct cl_snp_policy){.time = WORLD_TIME,
                                  .authenticity_only = true,
                                  .common = cl_verify_policy_common(profile),
                                  .sim_roots = (const uint8_t(*)[CL_SNP_ROOT_SIZE])roots,
                                  .sim_root_count = 1};
}

static struct cl_snp_evidence *evidence(const struct world_crl *crls, size_t count)
{
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    struct cl_snp_report r;
    ark.serial = 0x10000;
    ask.serial = 0x10001;
    world_report(&r);
    struct cl_snp_evidence *ev = world_evidence(&r, &ek, &ask, &ark);
    for (size_t i = 0; i < count; i++) {
        world_add_crl(ev, &crls[i]);
    }
    return ev;
}

static void expect(const struct world_crl *crls, size_t count, const struct cl_snp_policy *policy,
                   enum cl_verdict verdict, const char *deciding)
{
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = evidence(crls, count);
    ck_assert_int_eq(cl_snp_verify(ev, policy, &r, NULL), CL_OK);
    const struct cl_check *c = cl_verify_result_deciding(r);
    ck_assert_msg(r->verdict == verdict, "%s by %s: expected %s, got %s",
                  cl_verdict_name(r->verdict), c != NULL ? c->id : "-",
                  c != NULL ? c->expected : "", c != NULL ? c->actual : "");
    ck_assert_str_eq(c != NULL ? c->id : "", deciding);
    if (verdict == CL_VERDICT_REJECTED) {
        ck_assert_int_eq(r->authentic, CL_NO);
        ck_assert_int_eq(r->tee_class, CL_TEE_CLASS_NONE);
    }
}

START_TEST(test_required_list)
{
    struct cl_snp_policy p = requiring();
    struct world_crl crl = world_crl();
    expect(&crl, 1, &p, CL_VERDICT_ACCEPTED, "");
    expect(NULL, 0, &p, CL_VERDICT_UNDETERMINED, "snp.crl");
    p.common = NULL; /* not required: said, and accepted */
    expect(NULL, 0, &p, CL_VERDICT_ACCEPTED, "");
}
END_TEST

START_TEST(test_period_to_the_second)
{
    struct cl_snp_policy p = requiring();
    struct world_crl crl = world_crl();
    crl.from = WORLD_TIME;
    expect(&crl, 1, &p, CL_VERDICT_ACCEPTED, "");
    crl.from = WORLD_TIME + 1;
    expect(&crl, 1, &p, CL_VERDICT_UNDETERMINED, "snp.crl");
    crl = world_crl();
    crl.until = WORLD_TIME + 1;
    expect(&crl, 1, &p, CL_VERDICT_ACCEPTED, "");
    crl.until = WORLD_TIME;
    expect(&crl, 1, &p, CL_VERDICT_UNDETERMINED, "snp.crl");
    crl.until = 0; /* a list that never ends is none */
    expect(&crl, 1, &p, CL_VERDICT_UNDETERMINED, "snp.crl");
    /* An old one beside a current one does no harm. */
    struct world_crl two[] = {world_crl(), world_crl()};
    two[0].until = WORLD_TIME - 1;
    expect(two, 2, &p, CL_VERDICT_ACCEPTED, "");
}
END_TEST

START_TEST(test_age_to_the_second)
{
    struct cl_snp_policy p = requiring();
    const struct cl_policy_common common = {.require_crls = true, .max_collateral_age_days = 10};
    struct world_crl crl = world_crl();
    p.common = &common;
    crl.from = WORLD_TIME - 10 * DAY;
    expect(&crl, 1, &p, CL_VERDICT_ACCEPTED, "");
    crl.from--;
    expect(&crl, 1, &p, CL_VERDICT_UNDETERMINED, "snp.crl");
}
END_TEST

START_TEST(test_revoked_at_each_level)
{
    struct cl_snp_policy p = requiring();
    struct world_crl crl = world_crl();
    memcpy(crl.serials, (long[]){0x10001, -1}, sizeof(long[2]));
    expect(&crl, 1, &p, CL_VERDICT_REJECTED, "snp.revocation");
    memcpy(crl.serials, (long[]){5, 0x10000, -1}, sizeof(long[3]));
    expect(&crl, 1, &p, CL_VERDICT_REJECTED, "snp.revocation");
    memcpy(crl.serials, (long[]){5, 0x10002, -1}, sizeof(long[3]));
    expect(&crl, 1, &p, CL_VERDICT_ACCEPTED, "");
    memcpy(crl.serials, (long[]){0, -1},
           sizeof(long[2])); /* the leaf's serial, of another issuer */
    expect(&crl, 1, &p, CL_VERDICT_ACCEPTED, "");
    /* The leaf, by a list of its own issuer. */
    struct world_crl two[] = {world_crl(), world_crl()};
    two[1].issuer_cn = "Cloister simulated ASK";
    two[1].issuer_key = WORLD_ASK;
    expect(two, 2, &p, CL_VERDICT_ACCEPTED, "");
    memcpy(two[1].serials, (long[]){0, -1}, sizeof(long[2]));
    expect(two, 2, &p, CL_VERDICT_REJECTED, "snp.revocation");
    expect(&two[1], 1, &p, CL_VERDICT_REJECTED, "snp.revocation");
    memcpy(two[1].serials, (long[]){7, -1}, sizeof(long[2]));
    expect(&two[1], 1, &p, CL_VERDICT_UNDETERMINED, "snp.crl"); /* not the root's list */
}
END_TEST

START_TEST(test_revocation_is_for_good)
{
    struct cl_snp_policy p = requiring();
    struct world_crl two[] = {world_crl(), world_crl()};
    memcpy(two[0].serials, (long[]){0x10001, -1}, sizeof(long[2]));
    two[0].until = WORLD_TIME - 1; /* an expired list that names it, a current one that does not */
    expect(two, 2, &p, CL_VERDICT_REJECTED, "snp.revocation");
    p.common = NULL; /* also when no list is required */
    expect(two, 2, &p, CL_VERDICT_REJECTED, "snp.revocation");
    expect(two, 1, &p, CL_VERDICT_REJECTED, "snp.revocation");
}
END_TEST

START_TEST(test_lists_that_are_none)
{
    struct cl_snp_policy p = requiring();
    struct world_crl crl = world_crl();
    memcpy(crl.serials, (long[]){0x10001, -1}, sizeof(long[2]));
    const struct world_crl base = crl;
    crl.issuer_key = WORLD_ASK; /* the root's name, another's key */
    expect(&crl, 1, &p, CL_VERDICT_UNDETERMINED, "snp.crl");
    crl = base;
    crl.issuer_cn = "Cloister simulated root";
    expect(&crl, 1, &p, CL_VERDICT_UNDETERMINED, "snp.crl");
    for (enum world_signing how = WORLD_PSS_256; how <= WORLD_PKCS1; how++) {
        crl = base;
        crl.signing = how;
        expect(&crl, 1, &p, CL_VERDICT_UNDETERMINED, "snp.crl");
    }
    crl = base;
    crl.extra_nid = NID_issuing_distribution_point;
    expect(&crl, 1, &p, CL_VERDICT_UNDETERMINED, "snp.crl");
    crl.extra_nid = NID_delta_crl;
    expect(&crl, 1, &p, CL_VERDICT_UNDETERMINED, "snp.crl");
    /* Not required: a host cannot have a guest refused by putting rubbish beside its report. */
    p.common = NULL;
    expect(&crl, 1, &p, CL_VERDICT_ACCEPTED, "");
}
END_TEST

START_TEST(test_each_flipped_byte_of_a_list)
{
    struct cl_snp_policy p = requiring();
    struct world_crl crl = world_crl();
    memcpy(crl.serials, (long[]){0x10001, -1}, sizeof(long[2]));
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    world_crl_der(&crl, &der);
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *with = evidence(NULL, 0);
    CL_CLEANUP(cl_buf_done) struct cl_buf table = {0};
    ck_assert_int_eq(cl_snp_evidence_table(with, &table, NULL), CL_OK);
    for (size_t at = 0; at < der.len; at++) {
        CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        der.data[at] ^= (uint8_t)(1u << (at % 8));
        ck_assert_int_eq(cl_snp_evidence_from_report(cl_snp_evidence_report(with)->raw,
                                                     CL_SNP_REPORT_SIZE, &ev, NULL),
                         CL_OK);
        ck_assert_int_eq(cl_snp_evidence_add_table(ev, table.data, table.len, NULL), CL_OK);
        ck_assert_int_eq(cl_snp_evidence_add_der(ev, CL_SNP_CERT_CRL, der.data, der.len, NULL),
                         CL_OK);
        ck_assert_int_eq(cl_snp_verify(ev, &p, &r, NULL), CL_OK);
        ck_assert_msg(r->verdict == CL_VERDICT_UNDETERMINED, "byte %zu: %s", at,
                      cl_verdict_name(r->verdict));
        der.data[at] ^= (uint8_t)(1u << (at % 8));
    }
}
END_TEST

START_TEST(test_list_files)
{
    struct world_crl crl = world_crl();
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = evidence(NULL, 0);
    enum cl_snp_cert_type type = CL_SNP_CERT_OTHER;
    size_t len = 0;
    world_crl_der(&crl, &der);
    ck_assert_int_eq(cl_snp_evidence_add_file_bytes(ev, der.data, der.len, &err), CL_OK);
    ck_assert_uint_eq(cl_snp_evidence_cert_count(ev), 4);
    (void)cl_snp_evidence_cert(ev, 3, &type, &len);
    ck_assert_int_eq(type, CL_SNP_CERT_CRL);
    ck_assert_uint_eq(len, der.len);
    for (size_t n = 1; n < der.len; n++) { /* each truncation is no list, and no certificate */
        ck_assert_int_ne(cl_snp_evidence_add_file_bytes(ev, der.data, n, &err), CL_OK);
    }
    static const char pem[] = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
    ck_assert_int_eq(
        cl_snp_evidence_add_file_bytes(ev, (const uint8_t *)pem, sizeof(pem) - 1, &err),
        CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "CRL: contents: expected a CRL in DER"));
    ck_assert_uint_eq(cl_snp_evidence_cert_count(ev), 4);
}
END_TEST

int main(void)
{
    world_init();
    world_root(roots[0]);
    if (cl_verify_policy_profile("regulated", &profile, NULL) != CL_OK) {
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("snp_revocation");
    TCase *t = tcase_create("revocation");
    tcase_add_test(t, test_required_list);
    tcase_add_test(t, test_period_to_the_second);
    tcase_add_test(t, test_age_to_the_second);
    tcase_add_test(t, test_revoked_at_each_level);
    tcase_add_test(t, test_revocation_is_for_good);
    tcase_add_test(t, test_lists_that_are_none);
    tcase_add_test(t, test_each_flipped_byte_of_a_list);
    tcase_add_test(t, test_list_files);
    suite_add_tcase(s, t);
    int status = run_suite(s);
    cl_verify_policy_free(profile);
    return status;
}
