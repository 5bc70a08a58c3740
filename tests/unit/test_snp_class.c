/* SPDX-License-Identifier: Apache-2.0
 * test_snp_class.c - class snp, under roots of the test's own in place of AMD's: every product
 * line, key and version; a chain used again; times to the second. And the forged world: the same,
 * under the roots that the library pins, in every way of bringing one's own.
 */
#include "check_main.h"
#include "snp/snp_internal.h"
#include "snp_world.h"

#include <string.h>

static const uint8_t no_roots[1][CL_SNP_ROOT_SIZE];

struct guest {
    struct world_chain w;
    struct cl_snp_report r;
    struct cl_snp_evidence *ev;
};

static void guest_done(struct guest *g)
{
    cl_snp_evidence_free(g->ev);
}

static void make_evidence(struct guest *g)
{
    cl_snp_evidence_free(g->ev);
    g->ev = world_evidence(&g->r, &g->w.ek, &g->w.ask, &g->w.ark);
}

static void guest(struct guest *g, enum cl_snp_product product, uint32_t version, bool vlek)
{
    *g = (struct guest){.w = world_amd(product, vlek)};
    world_report_of(&g->r, product, version, vlek);
    make_evidence(g);
}

static const struct cl_snp_policy authenticity = {.time = WORLD_TIME, .authenticity_only = true};

/* With our root as that of `pinned`. */
static struct cl_verify_result *verify_at(const struct cl_snp_evidence *ev,
                                          enum cl_snp_product pinned, int64_t t)
{
    struct snp_root roots[2];
    struct cl_snp_policy policy = authenticity;
    struct cl_verify_result *res = NULL;
    CL_CLEANUP(cl_snp_chain_freep) struct cl_snp_chain *chain = NULL;
    policy.time = t;
    world_pinned_root(pinned, roots);
    ck_assert_int_eq(cl_snp_chain_new(ev, &chain, NULL), CL_OK);
    ck_assert_int_eq(
        snp_verify_with_roots(cl_snp_evidence_report(ev), chain, &policy, roots, &res, NULL),
        CL_OK);
    return res;
}

static void expect(const struct cl_snp_evidence *ev, enum cl_snp_product pinned, int64_t t,
                   enum cl_verdict verdict, const char *deciding)
{
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = verify_at(ev, pinned, t);
    const struct cl_check *c = cl_verify_result_deciding(r);
    ck_assert_msg(r->verdict == verdict && strcmp(c != NULL ? c->id : "", deciding) == 0,
                  "%s by %s: expected %s, got %s", cl_verdict_name(r->verdict),
                  c != NULL ? c->id : "-", c != NULL ? c->expected : "",
                  c != NULL ? c->actual : "");
    ck_assert_int_eq(r->tee_class, r->authentic == CL_YES ? CL_TEE_CLASS_SNP : CL_TEE_CLASS_NONE);
}

static const struct {
    enum cl_snp_product product;
    uint32_t version;
    bool vlek;
} kinds[] = {
    {CL_SNP_PRODUCT_MILAN, 2, false}, {CL_SNP_PRODUCT_MILAN, 2, true},
    {CL_SNP_PRODUCT_MILAN, 3, false}, {CL_SNP_PRODUCT_MILAN, 3, true},
    {CL_SNP_PRODUCT_MILAN, 5, false}, {CL_SNP_PRODUCT_GENOA, 2, false},
    {CL_SNP_PRODUCT_GENOA, 3, false}, {CL_SNP_PRODUCT_GENOA, 3, true},
    {CL_SNP_PRODUCT_GENOA, 4, false}, {CL_SNP_PRODUCT_GENOA, 5, false},
    {CL_SNP_PRODUCT_TURIN, 3, false}, {CL_SNP_PRODUCT_TURIN, 5, false},
    {CL_SNP_PRODUCT_TURIN, 5, true},
};

START_TEST(test_every_kind_is_authentic_as_its_own_product_only)
{
    CL_CLEANUP(guest_done) struct guest g;
    guest(&g, kinds[_i].product, kinds[_i].version, kinds[_i].vlek);
    for (unsigned p = CL_SNP_PRODUCT_MILAN; p < CL_SNP_PRODUCT_COUNT; p++) {
        bool same = p == (unsigned)kinds[_i].product;
        expect(g.ev, (enum cl_snp_product)p, WORLD_TIME,
               same ? CL_VERDICT_ACCEPTED : CL_VERDICT_REJECTED, same ? "" : "snp.chain.root");
    }
}
END_TEST

START_TEST(test_siena_and_bergamo_are_genoa)
{
    static const uint8_t models[] = {0x10, 0x1F, 0xA0, 0xAF};
    for (size_t i = 0; i < sizeof(models); i++) {
        CL_CLEANUP(guest_done) struct guest g;
        guest(&g, CL_SNP_PRODUCT_GENOA, 3, false);
        g.r.cpuid_mod_id = models[i];
        make_evidence(&g);
        expect(g.ev, CL_SNP_PRODUCT_GENOA, WORLD_TIME, CL_VERDICT_ACCEPTED, "");
    }
}
END_TEST

START_TEST(test_unknown_versions_say_what_to_upgrade)
{
    static const uint32_t versions[] = {0, 1, 6, 7, UINT32_MAX};
    for (size_t i = 0; i < CL_ARRAY_LEN(versions); i++) {
        CL_CLEANUP(guest_done) struct guest g;
        guest(&g, CL_SNP_PRODUCT_GENOA, 5, false);
        g.r.version = versions[i];
        make_evidence(&g);
        CL_CLEANUP(cl_verify_result_freep)
        struct cl_verify_result *r = verify_at(g.ev, CL_SNP_PRODUCT_GENOA, WORLD_TIME);
        ck_assert_str_eq(cl_verify_result_deciding(r)->id, "snp.report.version");
        ck_assert_int_eq(strstr(cl_verify_result_deciding(r)->why, "upgrade Cloister") != NULL,
                         versions[i] > 5);
    }
}
END_TEST

START_TEST(test_unknown_product_is_refused)
{
    static const uint8_t fms[][2] = {
        {0x17, 1}, {0x19, 0x20}, {0x19, 0x9F}, {0x1A, 0x12}, {0x1A, 0x50}};
    for (size_t i = 0; i < CL_ARRAY_LEN(fms); i++) {
        CL_CLEANUP(guest_done) struct guest g;
        guest(&g, CL_SNP_PRODUCT_MILAN, 3, false);
        g.r.cpuid_fam_id = fms[i][0];
        g.r.cpuid_mod_id = fms[i][1];
        make_evidence(&g);
        expect(g.ev, CL_SNP_PRODUCT_MILAN, WORLD_TIME, CL_VERDICT_REJECTED, "snp.product");
    }
}
END_TEST

START_TEST(test_product_of_report_and_certificate_must_agree)
{
    CL_CLEANUP(guest_done) struct guest g;
    guest(&g, CL_SNP_PRODUCT_MILAN, 3, false);
    g.r.cpuid_mod_id = 0x11; /* Genoa's report under Milan's certificate */
    make_evidence(&g);
    expect(g.ev, CL_SNP_PRODUCT_GENOA, WORLD_TIME, CL_VERDICT_REJECTED, "snp.ek.product");
    guest_done(&g);
    guest(&g, CL_SNP_PRODUCT_TURIN, 3, false);
    g.w.ek = world_amd(CL_SNP_PRODUCT_MILAN, false).ek;
    make_evidence(&g);
    expect(g.ev, CL_SNP_PRODUCT_TURIN, WORLD_TIME, CL_VERDICT_REJECTED, "snp.ek.product");
}
END_TEST

START_TEST(test_kind_of_key_and_certificate_must_agree)
{
    for (int vlek = 0; vlek < 2; vlek++) {
        CL_CLEANUP(guest_done) struct guest g;
        guest(&g, CL_SNP_PRODUCT_GENOA, 3, vlek == 1);
        g.r.key_info = vlek == 1 ? 0 : 1u << 2;
        make_evidence(&g);
        expect(g.ev, CL_SNP_PRODUCT_GENOA, WORLD_TIME, CL_VERDICT_REJECTED, "snp.ek.kind");
    }
    /* The right kind under the intermediate of the other. */
    CL_CLEANUP(guest_done) struct guest g;
    guest(&g, CL_SNP_PRODUCT_GENOA, 3, true);
    g.w.ask.cn = g.w.ek.issuer_cn = "SEV-Genoa";
    make_evidence(&g);
    expect(g.ev, CL_SNP_PRODUCT_GENOA, WORLD_TIME, CL_VERDICT_REJECTED, "snp.chain.names");
}
END_TEST

START_TEST(test_turin_chip_id_is_eight_bytes)
{
    static const size_t bytes[] = {0, 7, 8, 63};
    CL_CLEANUP(guest_done) struct guest g = {0};
    for (size_t i = 0; i < CL_ARRAY_LEN(bytes); i++) {
        guest(&g, CL_SNP_PRODUCT_TURIN, 5, false);
        g.r.chip_id[bytes[i]] ^= 0x80;
        make_evidence(&g);
        expect(g.ev, CL_SNP_PRODUCT_TURIN, WORLD_TIME, CL_VERDICT_REJECTED, "snp.chip_id");
        cl_snp_evidence_freep(&g.ev);
    }
}
END_TEST

/* Each of the three certificates, valid for exactly one second. */
START_TEST(test_validity_to_the_second)
{
    for (int i = 0; i < 3; i++) {
        CL_CLEANUP(guest_done) struct guest g;
        guest(&g, CL_SNP_PRODUCT_GENOA, 5, false);
        struct world_cert *c = i == 0 ? &g.w.ek : i == 1 ? &g.w.ask : &g.w.ark;
        c->from = WORLD_TIME;
        c->until = WORLD_TIME + 1;
        make_evidence(&g);
        expect(g.ev, CL_SNP_PRODUCT_GENOA, WORLD_TIME - 1, CL_VERDICT_REJECTED,
               "snp.chain.validity");
        expect(g.ev, CL_SNP_PRODUCT_GENOA, WORLD_TIME, CL_VERDICT_ACCEPTED, "");
        expect(g.ev, CL_SNP_PRODUCT_GENOA, WORLD_TIME + 1, CL_VERDICT_REJECTED,
               "snp.chain.validity");
    }
}
END_TEST

/* Whose VLEK it is, and what a policy says of keys and classes when nothing vouches for either. */
START_TEST(test_rules_about_the_key)
{
    static const struct {
        const char *csp;
        bool vlek, with_ek;
        const char *id;
        enum cl_check_status status;
    } cases[] = {{"CN=csp.test.x", true, true, "snp.csp_id", CL_CHECK_PASS},
                 {"CN=csp.test.y", true, true, "snp.csp_id", CL_CHECK_FAIL},
                 {"CN=csp.test.x", true, false, "snp.csp_id", CL_CHECK_UNKNOWN},
                 {"CN=csp.test.y", false, true, "snp.csp_id", CL_CHECK_SKIPPED},
                 {"CN=csp.test.x", true, false, "snp.class", CL_CHECK_UNKNOWN},
                 {"CN=csp.test.x", true, false, "snp.measurement", CL_CHECK_UNKNOWN}};
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(guest_done) struct guest g;
        CL_CLEANUP(cl_snp_chain_freep) struct cl_snp_chain *chain = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        struct cl_snp_rules rules = cl_snp_rules_default();
        uint8_t csp[CL_SNP_CSP_ID_SIZE] = {0};
        struct snp_root roots[2];
        const struct cl_snp_reference ref = {.tee_class = CL_TEE_CLASS_SNP};
        struct cl_snp_policy policy = {.time = WORLD_TIME,
                                       .rules = &rules,
                                       .references = &ref,
                                       .reference_count = 1,
                                       .require_class = CL_TEE_CLASS_SNP};
        memcpy(csp, cases[i].csp, strlen(cases[i].csp));
        rules.csp_ids = (struct cl_policy_list){.data = csp, .count = 1, .size = sizeof(csp)};
        world_pinned_root(CL_SNP_PRODUCT_GENOA, roots);
        guest(&g, CL_SNP_PRODUCT_GENOA, 3, cases[i].vlek);
        if (!cases[i].with_ek) {
            cl_snp_evidence_freep(&g.ev);
            g.ev = world_evidence(&g.r, NULL, &g.w.ask, &g.w.ark);
        }
        ck_assert_int_eq(cl_snp_chain_new(g.ev, &chain, NULL), CL_OK);
        ck_assert_int_eq(
            snp_verify_with_roots(cl_snp_evidence_report(g.ev), chain, &policy, roots, &r, NULL),
            CL_OK);
        ck_assert_int_eq(cl_verify_result_check(r, cases[i].id)->status, cases[i].status);
    }
}
END_TEST

START_TEST(test_rules_that_accept_nothing)
{
    static const struct cl_snp_rules nothing;
    CL_CLEANUP(guest_done) struct guest g;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    const struct cl_snp_policy policy = {.time = WORLD_TIME, .rules = &nothing};
    guest(&g, CL_SNP_PRODUCT_GENOA, 3, false); /* under AMD's roots: of no class */
    ck_assert_int_eq(cl_snp_verify(g.ev, &policy, &r, NULL), CL_OK);
    ck_assert_int_eq(cl_verify_result_check(r, "snp.product.allowed")->status, CL_CHECK_UNKNOWN);
    ck_assert_int_eq(cl_verify_result_check(r, "snp.vmpl")->status, CL_CHECK_FAIL);
    ck_assert_int_eq(cl_verify_result_check(r, "snp.signing_key")->status, CL_CHECK_FAIL);
}
END_TEST

static bool same_checks(const struct cl_verify_result *a, const struct cl_verify_result *b)
{
    bool same = a->verdict == b->verdict && a->authentic == b->authentic &&
                a->tee_class == b->tee_class && a->check_count == b->check_count;
    for (size_t i = 0; same && i < a->check_count; i++) {
        const struct cl_check *x = &a->checks[i], *y = &b->checks[i];
        same = strcmp(x->id, y->id) == 0 && x->status == y->status && x->warning == y->warning &&
               strcmp(x->expected, y->expected) == 0 && strcmp(x->actual, y->actual) == 0 &&
               strcmp(x->why, y->why) == 0;
    }
    return same;
}

START_TEST(test_chain_used_again_gives_the_same_answer)
{
    CL_CLEANUP(guest_done) struct guest g;
    CL_CLEANUP(cl_snp_chain_freep) struct cl_snp_chain *chain = NULL;
    struct cl_snp_policy policies[] = {authenticity, authenticity, authenticity};
    const struct cl_policy_common strict = {.require_crls = true};
    policies[1].time += INT64_C(86400) * 365 * 30;
    policies[2].common = &strict;
    guest(&g, CL_SNP_PRODUCT_GENOA, 5, false);
    ck_assert_int_eq(cl_snp_chain_new(g.ev, &chain, NULL), CL_OK);
    for (size_t i = 0; i < CL_ARRAY_LEN(policies); i++) {
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *a = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *b = NULL;
        ck_assert_int_eq(cl_snp_verify(g.ev, &policies[i], &a, NULL), CL_OK);
        ck_assert_int_eq(
            cl_snp_verify_chain(cl_snp_evidence_report(g.ev), chain, &policies[i], &b, NULL),
            CL_OK);
        ck_assert(same_checks(a, b));
        ck_assert_str_eq(cl_verify_result_deciding(a)->id, "snp.chain.root");
    }
    cl_snp_chain_free(NULL);
}
END_TEST

START_TEST(test_chain_outlives_its_evidence_and_refuses_other_chips)
{
    CL_CLEANUP(guest_done) struct guest g;
    CL_CLEANUP(cl_snp_chain_freep) struct cl_snp_chain *chain = NULL;
    struct snp_root roots[2];
    uint8_t raw[CL_SNP_REPORT_SIZE];
    world_pinned_root(CL_SNP_PRODUCT_GENOA, roots);
    guest(&g, CL_SNP_PRODUCT_GENOA, 5, false);
    ck_assert_int_eq(cl_snp_chain_new(g.ev, &chain, NULL), CL_OK);
    cl_snp_evidence_freep(&g.ev);
    static const char *const ids[] = {"", "snp.chip_id", "snp.tcb.certificate", "snp.ek.kind"};
    for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        struct cl_snp_report report = g.r, decoded;
        report.chip_id[0] ^= i == 1 ? 1 : 0;
        report.reported_tcb[6] = (uint8_t)(report.reported_tcb[6] - (i == 2 ? 1 : 0));
        report.key_info |= i == 3 ? 1u << 2 : 0;
        world_sign(&report, raw);
        ck_assert_int_eq(cl_snp_report_decode(raw, sizeof(raw), &decoded, NULL), CL_OK);
        ck_assert_int_eq(snp_verify_with_roots(&decoded, chain, &authenticity, roots, &r, NULL),
                         CL_OK);
        const struct cl_check *c = cl_verify_result_deciding(r);
        ck_assert_str_eq(c != NULL ? c->id : "", ids[i]);
    }
}
END_TEST

/* Everything below is judged by the library's own roots: nothing of ours may count. */

static void expect_forged(const struct cl_snp_evidence *ev)
{
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    struct cl_snp_reference ref = {.tee_class = CL_TEE_CLASS_SNP};
    memcpy(ref.measurement, cl_snp_evidence_report(ev)->measurement, sizeof(ref.measurement));
    struct cl_snp_policy policy = {.time = WORLD_TIME,
                                   .references = &ref,
                                   .reference_count = 1,
                                   .sim_roots = no_roots,
                                   .sim_root_count = 1};
    ck_assert_int_eq(cl_snp_verify(ev, &policy, &r, NULL), CL_OK);
    ck_assert_int_eq(r->verdict, CL_VERDICT_REJECTED);
    ck_assert_int_eq(r->authentic, CL_NO);
    ck_assert_int_eq(r->tee_class, CL_TEE_CLASS_NONE);
    ck_assert_int_eq(cl_verify_result_check(r, "snp.chain.root")->status, CL_CHECK_FAIL);
}

START_TEST(test_forged_world_is_refused)
{
    CL_CLEANUP(guest_done) struct guest g;
    guest(&g, kinds[_i].product, kinds[_i].version, kinds[_i].vlek);
    expect_forged(g.ev);
}
END_TEST

START_TEST(test_forged_world_in_every_wrapping)
{
    static const enum cl_snp_cert_type labels[] = {CL_SNP_CERT_VCEK, CL_SNP_CERT_VLEK,
                                                   CL_SNP_CERT_ASK, CL_SNP_CERT_ARK};
    CL_CLEANUP(guest_done) struct guest g;
    guest(&g, CL_SNP_PRODUCT_GENOA, 3, false);
    const struct world_cert *certs[] = {&g.w.ek, &g.w.ask, &g.w.ark};
    for (size_t i = 0; i < 64; i++) { /* every label on every certificate */
        CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
        ck_assert_int_eq(cl_snp_evidence_from_report(cl_snp_evidence_report(g.ev)->raw,
                                                     CL_SNP_REPORT_SIZE, &ev, NULL),
                         CL_OK);
        for (size_t k = 0; k < 3; k++) {
            CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
            world_cert_der(certs[k], &der);
            ck_assert_int_eq(
                cl_snp_evidence_add_der(ev, labels[(i >> (2 * k)) & 3], der.data, der.len, NULL),
                CL_OK);
        }
        expect_forged(ev);
    }
    /* As JSON and as a table, which is how a host sends it. */
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *again = NULL;
    json_t *j = NULL;
    ck_assert_int_eq(cl_snp_evidence_to_json(g.ev, &j, NULL), CL_OK);
    ck_assert_int_eq(cl_snp_evidence_from_json(j, &again, NULL), CL_OK);
    json_decref(j);
    expect_forged(again);
}
END_TEST

START_TEST(test_forged_shapes_of_the_chain)
{
    CL_CLEANUP(guest_done) struct guest g;
    /* A root that issues the leaf itself, and one that calls itself the intermediate. */
    guest(&g, CL_SNP_PRODUCT_GENOA, 3, false);
    g.w.ek.issuer_cn = g.w.ark.cn;
    g.w.ek.issuer_key = WORLD_ARK;
    make_evidence(&g);
    expect_forged(g.ev);
    guest_done(&g);
    guest(&g, CL_SNP_PRODUCT_GENOA, 3, false);
    g.w.ask = g.w.ark;
    g.w.ek.issuer_cn = g.w.ark.cn;
    g.w.ek.issuer_key = WORLD_ARK;
    make_evidence(&g);
    expect_forged(g.ev);
    guest_done(&g);
    /* The names of another product line; and of the report's, with another's extensions. */
    guest(&g, CL_SNP_PRODUCT_GENOA, 3, false);
    g.w.ark.cn = g.w.ark.issuer_cn = g.w.ask.issuer_cn = "ARK-Turin";
    make_evidence(&g);
    expect_forged(g.ev);
}
END_TEST

int main(void)
{
    world_init();
    Suite *s = suite_create("snp_class");
    TCase *t = tcase_create("class");
    tcase_add_loop_test(t, test_every_kind_is_authentic_as_its_own_product_only, 0,
                        (int)CL_ARRAY_LEN(kinds));
    tcase_add_test(t, test_siena_and_bergamo_are_genoa);
    tcase_add_test(t, test_unknown_versions_say_what_to_upgrade);
    tcase_add_test(t, test_unknown_product_is_refused);
    tcase_add_test(t, test_product_of_report_and_certificate_must_agree);
    tcase_add_test(t, test_kind_of_key_and_certificate_must_agree);
    tcase_add_test(t, test_turin_chip_id_is_eight_bytes);
    tcase_add_test(t, test_validity_to_the_second);
    tcase_add_test(t, test_rules_about_the_key);
    tcase_add_test(t, test_rules_that_accept_nothing);
    tcase_add_test(t, test_chain_used_again_gives_the_same_answer);
    tcase_add_test(t, test_chain_outlives_its_evidence_and_refuses_other_chips);
    tcase_add_loop_test(t, test_forged_world_is_refused, 0, (int)CL_ARRAY_LEN(kinds));
    tcase_add_test(t, test_forged_world_in_every_wrapping);
    tcase_add_test(t, test_forged_shapes_of_the_chain);
    suite_add_tcase(s, t);
    return run_suite(s);
}
