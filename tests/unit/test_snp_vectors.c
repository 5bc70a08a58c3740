/* SPDX-License-Identifier: Apache-2.0
 * test_snp_vectors.c - real, published SNP evidence: each gives the outcome that the vectors' INDEX
 * states, and decodes to the fields that it lists.
 */
#include "cloister/snp_verify.h"

#include "base/encode.h"
#include "base/json.h"
#include "check_main.h"
#include "shared_vectors.h"

#include <string.h>

#define TEST_TIME INT64_C(1756684800) /* 2025-09-01, when every certificate is valid */

static const struct vector {
    const char *name, *product;
    bool vlek;
    uint32_t vmpl;
} vectors[] = {
    {"milan-v3-oak-oc-release", "milan", false, 0}, {"turin-v5-oak-oc", "turin", false, 0},
    {"milan-v3-vlek-aws", "milan", true, 1},        {"milan-v2-azure-coco", "milan", false, 0},
    {"genoa-v3-azure-vtpm", "genoa", false, 0},     {"milan-v2-virtee", "milan", false, 0},
    {"milan-v2-debug-google", "milan", false, 0},   {"milan-v2-automata", "milan", false, 0},
    {"milan-v2-aci-hostdata", "milan", false, 0},
};

static void add_cert(struct cl_snp_evidence *ev, const char *name)
{
    char path[1024];
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    shared_path(path, "snp/%s.der", name);
    read_whole(path, &der);
    ck_assert_msg(cl_snp_evidence_add_file_bytes(ev, der.data, der.len, &err) == CL_OK, "%s",
                  err.msg);
}

static struct cl_snp_evidence *load_report(const char *file)
{
    char path[1024];
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct cl_snp_evidence *ev = NULL;
    shared_path(path, "snp/%s", file);
    read_whole(path, &raw);
    ck_assert_int_eq(cl_snp_evidence_from_report(raw.data, raw.len, &ev, NULL), CL_OK);
    return ev;
}

/* The report with its own certificate and every CA of the product given by name. */
static struct cl_snp_evidence *load(const struct vector *v, const char *ca_product)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "%s/report.bin", v->name);
    struct cl_snp_evidence *ev = load_report(name);
    (void)snprintf(name, sizeof(name), "%s/%s", v->name, v->vlek ? "vlek" : "vcek");
    add_cert(ev, name);
    static const char *const kinds[] = {"ark", "ask", "asvk"};
    for (size_t i = 0; i < CL_ARRAY_LEN(kinds); i++) {
        (void)snprintf(name, sizeof(name), "ca/%s-%s", ca_product, kinds[i]);
        add_cert(ev, name);
    }
    return ev;
}

static struct cl_snp_reference reference_of(const struct cl_snp_evidence *ev)
{
    struct cl_snp_reference ref = {.tee_class = CL_TEE_CLASS_SNP};
    memcpy(ref.measurement, cl_snp_evidence_report(ev)->measurement, sizeof(ref.measurement));
    return ref;
}

/* What a verifier must know beforehand to accept it. */
static struct cl_snp_rules rules_for(const struct vector *v)
{
    struct cl_snp_rules rules = cl_snp_rules_default();
    rules.vmpls = UINT64_C(1) << v->vmpl;
    rules.allow_masked_chip = v->vlek;
    return rules;
}

/* Verifies, and asserts verdict and (unless NULL) the one check that decides it. */
static void expect(const struct cl_snp_evidence *ev, const struct cl_snp_policy *policy,
                   enum cl_verdict verdict, const char *deciding)
{
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    ck_assert_int_eq(cl_snp_verify(ev, policy, &r, NULL), CL_OK);
    const struct cl_check *c = cl_verify_result_deciding(r);
    ck_assert_msg(r->verdict == verdict, "%s: %s (%s): %s | %s", cl_verdict_name(r->verdict),
                  c != NULL ? c->id : "-", c != NULL ? c->why : "", c != NULL ? c->expected : "",
                  c != NULL ? c->actual : "");
    ck_assert_int_eq(c != NULL, deciding != NULL);
    if (deciding != NULL) {
        ck_assert_str_eq(c->id, deciding);
    }
}

START_TEST(test_every_vector_is_authentic_and_accepted_by_a_fitting_policy)
{
    if (!shared_available("snp")) {
        return;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(vectors); i++) {
        CL_CLEANUP(cl_snp_evidence_freep)
        struct cl_snp_evidence *ev = load(&vectors[i], vectors[i].product);
        struct cl_snp_reference ref = reference_of(ev);
        const struct cl_snp_rules rules = rules_for(&vectors[i]);
        struct cl_snp_policy policy = {
            .time = TEST_TIME, .references = &ref, .reference_count = 1, .rules = &rules};
        bool debug = strcmp(vectors[i].name, "milan-v2-debug-google") == 0;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        ck_assert_int_eq(cl_snp_verify(ev, &policy, &r, NULL), CL_OK);
        ck_assert_int_eq(r->authentic, CL_YES);
        ck_assert_int_eq(r->tee_class, CL_TEE_CLASS_SNP);
        ck_assert_str_eq(r->product, vectors[i].product);
        expect(ev, &policy, debug ? CL_VERDICT_REJECTED : CL_VERDICT_ACCEPTED,
               debug ? "snp.policy.debug" : NULL);
    }
}
END_TEST

static void set_min_milan(struct cl_snp_rules *rules)
{
    rules->min_tcb[CL_SNP_PRODUCT_MILAN] = (struct cl_snp_tcb){.snp = 0x18};
    rules->min_tcb_given = UINT64_C(1) << CL_SNP_PRODUCT_MILAN;
}

START_TEST(test_outcomes_of_the_index)
{
    if (!shared_available("snp")) {
        return;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(vectors); i++) {
        CL_CLEANUP(cl_snp_evidence_freep)
        struct cl_snp_evidence *ev = load(&vectors[i], vectors[i].product);
        struct cl_snp_reference ref = reference_of(ev);
        const struct cl_snp_rules fitting = rules_for(&vectors[i]);
        struct cl_snp_rules rules = fitting;
        const struct cl_snp_policy base = {
            .time = TEST_TIME, .references = &ref, .reference_count = 1, .rules = &rules};
        struct cl_snp_policy p = base;
        const char *name = vectors[i].name;
        if (strcmp(name, "milan-v3-vlek-aws") == 0) {
            rules.refuse_provisional_firmware = true;
            expect(ev, &p, CL_VERDICT_REJECTED, "snp.tcb.provisional");
            p = base;
            rules = fitting;
            rules.vmpls = 1;
            expect(ev, &p, CL_VERDICT_REJECTED, "snp.vmpl");
            p = base;
            rules = fitting;
            p.time = INT64_C(1765411200); /* 2025-12-11 */
            expect(ev, &p, CL_VERDICT_REJECTED, "snp.chain.validity");
            p = base;
            rules = fitting;
            rules.allow_masked_chip = false;
            expect(ev, &p, CL_VERDICT_UNDETERMINED, "snp.chip_id");
        } else if (strncmp(name, "milan-v2", 8) == 0 && strstr(name, "debug") == NULL) {
            set_min_milan(&rules);
            expect(ev, &p, CL_VERDICT_REJECTED, "snp.tcb.minimum");
            p = base;
            rules = fitting;
            rules.min_version = 3;
            expect(ev, &p, CL_VERDICT_REJECTED, "snp.report.min_version");
        } else if (strcmp(name, "milan-v3-oak-oc-release") == 0) {
            set_min_milan(&rules);
            rules.refuse_provisional_firmware = true;
            expect(ev, &p, CL_VERDICT_ACCEPTED, NULL);
        }
        if (strcmp(name, "milan-v2-azure-coco") == 0) {
            p = base;
            rules = fitting;
            rules.refuse_provisional_firmware = true;
            expect(ev, &p, CL_VERDICT_REJECTED, "snp.tcb.provisional");
        }
        if (strcmp(name, "milan-v2-aci-hostdata") == 0) {
            uint8_t host_data[32];
            memcpy(host_data, cl_snp_evidence_report(ev)->host_data, 32);
            p = base;
            rules = fitting;
            p.host_data = host_data;
            expect(ev, &p, CL_VERDICT_ACCEPTED, NULL);
            host_data[31] ^= 1;
            expect(ev, &p, CL_VERDICT_REJECTED, "snp.host_data");
        }
    }
}
END_TEST

START_TEST(test_without_anything_to_compare_it_is_undetermined)
{
    if (!shared_available("snp")) {
        return;
    }
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = load(&vectors[0], "milan");
    struct cl_snp_policy p = {.time = TEST_TIME};
    expect(ev, &p, CL_VERDICT_UNDETERMINED, "snp.measurement");
    p.authenticity_only = true;
    expect(ev, &p, CL_VERDICT_ACCEPTED, NULL);
    struct cl_snp_reference ref = reference_of(ev);
    ref.tee_class = CL_TEE_CLASS_SIM_SNP; /* a value for another class does not count */
    p = (struct cl_snp_policy){.time = TEST_TIME, .references = &ref, .reference_count = 1};
    expect(ev, &p, CL_VERDICT_REJECTED, "snp.measurement");
    ref = reference_of(ev);
    p.require_class = CL_TEE_CLASS_SIM_SNP;
    expect(ev, &p, CL_VERDICT_REJECTED, "snp.class");
    p.require_class = CL_TEE_CLASS_SNP;
    expect(ev, &p, CL_VERDICT_ACCEPTED, NULL);
}
END_TEST

START_TEST(test_wrong_chains_are_refused)
{
    if (!shared_available("snp")) {
        return;
    }
    /* Turin's report under Milan's CAs. */
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *turin = load(&vectors[1], "milan");
    struct cl_snp_reference ref = reference_of(turin);
    struct cl_snp_policy p = {.time = TEST_TIME, .references = &ref, .reference_count = 1};
    expect(turin, &p, CL_VERDICT_REJECTED, "snp.chain.root");
    /* VLEK report with the ASK only. */
    CL_CLEANUP(cl_snp_evidence_freep)
    struct cl_snp_evidence *vlek = load_report("milan-v3-vlek-aws/report.bin");
    add_cert(vlek, "milan-v3-vlek-aws/vlek");
    add_cert(vlek, "ca/milan-ark");
    add_cert(vlek, "ca/milan-ask");
    ref = reference_of(vlek);
    const struct cl_snp_rules rules = rules_for(&vectors[2]);
    p.rules = &rules;
    expect(vlek, &p, CL_VERDICT_REJECTED, "snp.chain.names");
    /* No intermediate at all: that cannot be decided. */
    CL_CLEANUP(cl_snp_evidence_freep)
    struct cl_snp_evidence *bare = load_report("milan-v3-vlek-aws/report.bin");
    add_cert(bare, "milan-v3-vlek-aws/vlek");
    add_cert(bare, "ca/milan-ark");
    expect(bare, &p, CL_VERDICT_UNDETERMINED, "snp.chain.root");
    add_cert(bare, "ca/milan-asvk");
    expect(bare, &p, CL_VERDICT_ACCEPTED, NULL);
}
END_TEST

START_TEST(test_cross_pairs_are_refused)
{
    if (!shared_available("snp")) {
        return;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(vectors); i++) {
        for (size_t k = 0; k < CL_ARRAY_LEN(vectors); k++) {
            char name[128];
            if (i == k) {
                continue;
            }
            (void)snprintf(name, sizeof(name), "%s/report.bin", vectors[i].name);
            CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = load_report(name);
            (void)snprintf(name, sizeof(name), "%s/%s", vectors[k].name,
                           vectors[k].vlek ? "vlek" : "vcek");
            add_cert(ev, name);
            static const char *const kinds[] = {"ark", "ask", "asvk"};
            for (size_t c = 0; c < CL_ARRAY_LEN(kinds); c++) {
                (void)snprintf(name, sizeof(name), "ca/%s-%s", vectors[k].product, kinds[c]);
                add_cert(ev, name);
            }
            struct cl_snp_reference ref = reference_of(ev);
            struct cl_snp_rules rules = rules_for(&vectors[i]);
            rules.allow_masked_chip = true;
            struct cl_snp_policy p = {
                .time = TEST_TIME, .references = &ref, .reference_count = 1, .rules = &rules};
            CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
            ck_assert_int_eq(cl_snp_verify(ev, &p, &r, NULL), CL_OK);
            ck_assert_int_eq(r->verdict, CL_VERDICT_REJECTED);
            ck_assert_int_eq(r->authentic, CL_NO);
            ck_assert_int_eq(cl_verify_result_check(r, "snp.signature")->status, CL_CHECK_FAIL);
        }
    }
}
END_TEST

START_TEST(test_negative_files_are_refused)
{
    if (!shared_available("snp")) {
        return;
    }
    /* A VCEK whose own signature is wrong. */
    CL_CLEANUP(cl_snp_evidence_freep)
    struct cl_snp_evidence *ev = load_report("negative/report-without-vcek.bin");
    add_cert(ev, "negative/vcek-bad-signature-legacy-hwid");
    add_cert(ev, "ca/milan-ark");
    add_cert(ev, "ca/milan-ask");
    struct cl_snp_policy p = {.time = TEST_TIME, .authenticity_only = true};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    ck_assert_int_eq(cl_snp_verify(ev, &p, &r, NULL), CL_OK);
    ck_assert_int_eq(r->verdict, CL_VERDICT_REJECTED);
    ck_assert_int_eq(cl_verify_result_check(r, "snp.ek.extensions")->status, CL_CHECK_PASS);
    ck_assert_int_eq(cl_verify_result_check(r, "snp.chain.signatures")->status, CL_CHECK_FAIL);
    ck_assert_int_eq(cl_verify_result_check(r, "snp.chain.path")->status, CL_CHECK_FAIL);
    ck_assert_int_eq(cl_verify_result_check(r, "snp.signature")->status, CL_CHECK_FAIL);
    ck_assert_int_eq(cl_verify_result_check(r, "snp.chip_id")->status, CL_CHECK_FAIL);
    /* The same report with a good VCEK of another chip. */
    CL_CLEANUP(cl_snp_evidence_freep)
    struct cl_snp_evidence *other = load_report("negative/report-without-vcek.bin");
    add_cert(other, "milan-v2-virtee/vcek");
    add_cert(other, "ca/milan-ark");
    add_cert(other, "ca/milan-ask");
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r2 = NULL;
    ck_assert_int_eq(cl_snp_verify(other, &p, &r2, NULL), CL_OK);
    ck_assert_int_eq(cl_verify_result_check(r2, "snp.signature")->status, CL_CHECK_FAIL);
    ck_assert_int_eq(r2->verdict, CL_VERDICT_REJECTED);
}
END_TEST

/* One row "| field | value |" of the INDEX against the decoded claims; true when it was compared.
 */
static bool compare_row(const json_t *claims, const char *field, const char *value)
{
    char text[64];
    const json_t *v = json_object_get(claims, field);
    if (v == NULL) {
        return false;
    }
    if (json_is_integer(v)) {
        ck_assert_int_eq(json_integer_value(v), strtoll(value, NULL, 0));
    } else if (json_is_object(v) && json_object_get(v, "raw") != NULL) {
        ck_assert_str_eq(json_string_value(json_object_get(v, "raw")), value);
    } else if (strncmp(value, "0x", 2) == 0) { /* 64-bit values: ours are 16 digits */
        (void)snprintf(text, sizeof(text), "%016llx", strtoull(value, NULL, 16));
        ck_assert_str_eq(json_string_value(v), text);
    } else if (strstr(field, "mit_vector") == NULL) {
        ck_assert_str_eq(json_string_value(v), value);
    }
    return true;
}

START_TEST(test_decoded_fields_equal_the_index)
{
    char path[1024], name[64] = "";
    CL_CLEANUP(cl_buf_done) struct cl_buf index = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    size_t compared = 0;
    char *save = NULL;
    if (!shared_available("snp")) {
        return;
    }
    shared_path(path, "snp/INDEX.md");
    read_whole(path, &index);
    for (char *line = strtok_r((char *)index.data, "\n", &save);
         line != NULL && strcmp(line, "## Negative") != 0; line = strtok_r(NULL, "\n", &save)) {
        char field[64], value[160];
        if (sscanf(line, "### %63s", name) == 1) {
            char file[128];
            (void)snprintf(file, sizeof(file), "%s/report.bin", name);
            CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = load_report(file);
            cl_json_decrefp(&claims);
            ck_assert_int_eq(cl_snp_report_claims(cl_snp_evidence_report(ev), CL_SNP_PRODUCT_MILAN,
                                                  &claims, NULL),
                             CL_OK);
        } else if (sscanf(line, "| %63s | %159s |", field, value) == 2) {
            compared += compare_row(claims, field, value) ? 1 : 0;
        }
    }
    ck_assert_uint_ge(compared, 9 * 18);
}
END_TEST

START_TEST(test_json_carries_each_vector_unchanged)
{
    if (!shared_available("snp")) {
        return;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(vectors); i++) {
        CL_CLEANUP(cl_snp_evidence_freep)
        struct cl_snp_evidence *ev = load(&vectors[i], vectors[i].product);
        CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *again = NULL;
        CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
        struct cl_err err = {0};
        ck_assert_msg(cl_snp_evidence_to_json(ev, &j, &err) == CL_OK, "%s", err.msg);
        ck_assert_msg(cl_snp_evidence_from_json(j, &again, &err) == CL_OK, "%s", err.msg);
        ck_assert_mem_eq(cl_snp_evidence_report(ev)->raw, cl_snp_evidence_report(again)->raw,
                         CL_SNP_REPORT_SIZE);
        struct cl_snp_reference ref = reference_of(again);
        const struct cl_snp_rules rules = rules_for(&vectors[i]);
        struct cl_snp_policy policy = {
            .time = TEST_TIME, .references = &ref, .reference_count = 1, .rules = &rules};
        if (strstr(vectors[i].name, "debug") == NULL) {
            expect(again, &policy, CL_VERDICT_ACCEPTED, NULL);
        }
    }
}
END_TEST

START_TEST(test_each_flipped_byte_of_a_real_report_is_refused)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    char path[1024];
    if (!shared_available("snp")) {
        return;
    }
    shared_path(path, "snp/milan-v3-oak-oc-release/report.bin");
    read_whole(path, &raw);
    for (size_t at = 0; at < raw.len; at += at < 0x330 ? 7 : 41) {
        raw.data[at] ^= (uint8_t)(1u << (at % 8));
        struct cl_snp_evidence *ev = NULL;
        ck_assert_int_eq(cl_snp_evidence_from_report(raw.data, raw.len, &ev, NULL), CL_OK);
        add_cert(ev, "milan-v3-oak-oc-release/vcek");
        add_cert(ev, "ca/milan-ask");
        add_cert(ev, "ca/milan-ark");
        struct cl_snp_policy p = {.time = TEST_TIME, .authenticity_only = true};
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        ck_assert_int_eq(cl_snp_verify(ev, &p, &r, NULL), CL_OK);
        ck_assert_msg(r->verdict == CL_VERDICT_REJECTED, "byte 0x%zx", at);
        ck_assert_int_eq(r->authentic, CL_NO);
        cl_snp_evidence_free(ev);
        raw.data[at] ^= (uint8_t)(1u << (at % 8));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snp_vectors");
    TCase *t = tcase_create("vectors");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_every_vector_is_authentic_and_accepted_by_a_fitting_policy);
    tcase_add_test(t, test_outcomes_of_the_index);
    tcase_add_test(t, test_without_anything_to_compare_it_is_undetermined);
    tcase_add_test(t, test_wrong_chains_are_refused);
    tcase_add_test(t, test_cross_pairs_are_refused);
    tcase_add_test(t, test_negative_files_are_refused);
    tcase_add_test(t, test_decoded_fields_equal_the_index);
    tcase_add_test(t, test_json_carries_each_vector_unchanged);
    tcase_add_test(t, test_each_flipped_byte_of_a_real_report_is_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
