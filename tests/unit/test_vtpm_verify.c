/* SPDX-License-Identifier: Apache-2.0
 * test_vtpm_verify.c - quotes behind a paravisor's report: a world of our own, whose simulated root
 * only the library's inner function takes; and what the published vectors give.
 */
#include "tpm/vtpm_internal.h"

#include "base/json.h"
#include "check_main.h"
#include "cloister/snp_evidence.h"
#include "cloister/tpm_policy.h"
#include "policy/policy_section.h"
#include "snp_world.h"
#include "tpm_world.h"

#include <string.h>

#define USER_DATA                                                                                  \
    ",\"user-data\":\"6368616C6C656E676500000000000000000000000000000000000000000000000000000000"  \
    "000000000000000000000000000000000000000000000000000000\""

static uint8_t root[1][CL_SNP_ROOT_SIZE];
static struct cl_buf runtime_text; /* of the good world */

/* What a caller that knows paravisor and guest says. */
struct policy_world {
    struct cl_snp_reference ref;
    struct cl_tpm_pcr_value pcr;
    struct cl_vtpm_policy policy;
};

static void policy_init(struct policy_world *w)
{
    *w = (struct policy_world){.ref = {.tee_class = CL_TEE_CLASS_AZ_SNP_VTPM},
                               .pcr = {.alg = CL_TPM_ALG_SHA256, .index = 4}};
    memset(w->ref.measurement, 0x3E, sizeof(w->ref.measurement));
    memset(w->pcr.value, 4, sizeof(w->pcr.value));
    w->policy = (struct cl_vtpm_policy){.time = WORLD_TIME,
                                        .nonce = (const uint8_t *)"challenge",
                                        .nonce_len = 9,
                                        .pcrs = &w->pcr,
                                        .pcr_count = 1};
    w->policy.snp.references = &w->ref;
    w->policy.snp.reference_count = 1;
}

/* Verifies under the simulated root; `deciding` NULL: accepted. */
static void expect_parts(struct cl_vtpm_parts *p, const struct cl_vtpm_policy *policy,
                         enum cl_verdict verdict, const char *deciding)
{
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = tpm_world_az_evidence(p);
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    ck_assert_int_eq(
        vtpm_verify_with(ev, policy, (const uint8_t(*)[CL_SNP_ROOT_SIZE])root, 1, &r, NULL, NULL),
        CL_OK);
    const struct cl_check *c = cl_verify_result_deciding(r);
    ck_assert_msg(r->verdict == verdict &&
                      (deciding == NULL ? c == NULL : c != NULL && strcmp(c->id, deciding) == 0),
                  "%s by %s: %s, got %s: %s", cl_verdict_name(r->verdict), c != NULL ? c->id : "-",
                  c != NULL ? c->expected : "", c != NULL ? c->actual : "",
                  c != NULL ? c->why : "");
    ck_assert_int_eq(r->tee_class,
                     r->authentic == CL_YES ? CL_TEE_CLASS_SIM_SNP : CL_TEE_CLASS_NONE);
}

static void expect(const struct tpm_world_quote *q, const struct cl_vtpm_policy *policy,
                   enum cl_verdict verdict, const char *deciding)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    tpm_world_az_parts(q, (const char *)runtime_text.data, &p);
    expect_parts(&p, policy, verdict, deciding);
}

START_TEST(test_the_good_world_is_accepted)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    policy_init(&w);
    expect(&q, &w.policy, CL_VERDICT_ACCEPTED, NULL);
    w.policy.require_secure_boot = true;
    expect(&q, &w.policy, CL_VERDICT_ACCEPTED, NULL);
}
END_TEST

/* The same world through the public function: no root of ours counts there, whatever the policy
 * says, and whichever class is asked for. */
START_TEST(test_the_public_function_takes_no_simulated_root)
{
    static const enum cl_tee_class classes[] = {CL_TEE_CLASS_NONE, CL_TEE_CLASS_AZ_SNP_VTPM,
                                                CL_TEE_CLASS_SIM_SNP};
    for (size_t i = 0; i < CL_ARRAY_LEN(classes); i++) {
        struct tpm_world_quote q = tpm_world_quote();
        struct policy_world w;
        CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        policy_init(&w);
        tpm_world_az_parts(&q, (const char *)runtime_text.data, &p);
        CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = tpm_world_az_evidence(&p);
        w.policy.snp.sim_roots = (const uint8_t(*)[CL_SNP_ROOT_SIZE])root;
        w.policy.snp.sim_root_count = 1;
        w.policy.require_class = classes[i];
        w.policy.authenticity_only = true;
        ck_assert_int_eq(cl_vtpm_verify(ev, &w.policy, &r, NULL, NULL), CL_OK);
        ck_assert_int_eq(r->verdict, CL_VERDICT_REJECTED);
        ck_assert_int_eq(r->tee_class, CL_TEE_CLASS_NONE);
        ck_assert_int_eq(cl_verify_result_check(r, "snp.chain.root")->status, CL_CHECK_FAIL);
        ck_assert_int_eq(cl_verify_result_check(r, "hcl.binding")->status, CL_CHECK_PASS);
    }
}
END_TEST

/* With registers alone, any paravisor would do; with the measurement alone, any guest. */
START_TEST(test_measurement_and_registers_must_both_be_compared)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    policy_init(&w);
    w.policy.pcr_count = 0;
    expect(&q, &w.policy, CL_VERDICT_UNDETERMINED, "tpm.pcr.values");
    policy_init(&w);
    w.policy.snp.reference_count = 0;
    expect(&q, &w.policy, CL_VERDICT_UNDETERMINED, "snp.measurement");
    w.policy.authenticity_only = true;
    expect(&q, &w.policy, CL_VERDICT_ACCEPTED, NULL);
    w.policy.pcr_count = 0;
    expect(&q, &w.policy, CL_VERDICT_ACCEPTED, NULL);
    policy_init(&w);
    w.ref.measurement[47] ^= 1;
    expect(&q, &w.policy, CL_VERDICT_REJECTED, "snp.measurement");
    policy_init(&w);
    w.ref.tee_class = CL_TEE_CLASS_SNP; /* a guest's reference is none of a paravisor */
    expect(&q, &w.policy, CL_VERDICT_UNDETERMINED, "snp.measurement");
    /* The same for the lists of a policy's section snp: they speak of guests. */
    policy_init(&w);
    struct cl_snp_rules rules = cl_snp_rules_default();
    rules.measurements = (struct cl_policy_list){w.ref.measurement, 1, sizeof(w.ref.measurement)};
    w.policy.snp.reference_count = 0;
    w.policy.snp.rules = w.policy.snp.sim_rules = &rules;
    expect(&q, &w.policy, CL_VERDICT_UNDETERMINED, "snp.measurement");
    policy_init(&w);
    w.pcr.value[0] ^= 1;
    expect(&q, &w.policy, CL_VERDICT_REJECTED, "tpm.pcr.values");
}
END_TEST

/* ---- the policy's sections ---- */

static enum cl_status read_section(const struct policy_section *s, const char *text,
                                   struct cl_tpm_rules *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    s->set_defaults(ret);
    ck_assert_int_eq(cl_json_parse(text, strlen(text), "section", &j, err), CL_OK);
    return policy_read_fields(j, s->name, s->fields, ret, err);
}

#define FOURS "0404040404040404040404040404040404040404040404040404040404040404"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define M3E                                                                                        \
    "3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e" \
    "3e3e"

START_TEST(test_a_section_of_a_policy_decides)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    struct cl_tpm_rules rules;
    struct cl_err err = {0};
    policy_init(&w);
    w.policy.snp.reference_count = 0;
    ck_assert_msg(read_section(&policy_section_az_snp_vtpm,
                               "{\"pcrs\":{\"sha256\":{\"4\":[\"" ZEROS "\",\"" FOURS
                               "\"]}},\"required_pcrs\":{\"sha256\":[0,23]},\"measurements\":"
                               "[\"" M3E "\"],\"require_secure_boot\":true}",
                               &rules, &err) == CL_OK,
                  "%s", err.msg);
    cl_tpm_rules_apply(&rules, &w.policy);
    expect(&q, &w.policy, CL_VERDICT_ACCEPTED, NULL); /* either of two values */
    rules.pcrs[1].value[0] ^= 1;
    expect(&q, &w.policy, CL_VERDICT_REJECTED, "tpm.pcr.values");
    rules.pcrs[1].value[0] ^= 1;
    q.selection.bank[0].mask = 0xFF;
    expect(&q, &w.policy, CL_VERDICT_REJECTED, "tpm.pcr.required");
    q.selection.bank[0].mask = 0xFFFFFF;
    w.policy.class_refused = true; /* what applying an absent section gives */
    expect(&q, &w.policy, CL_VERDICT_REJECTED, "tpm.policy");
    w.policy.class_refused = false;
    rules.measurements.data[0] ^= 1;
    expect(&q, &w.policy, CL_VERDICT_REJECTED, "snp.measurement");
    policy_free_fields(policy_section_az_snp_vtpm.fields, &rules);
    ck_assert_int_eq(read_section(&policy_section_tpm,
                                  "{\"aks\":{\"keys\":[\"" ZEROS "\"],\"names\":[\"000b" ZEROS
                                  "\"]}}",
                                  &rules, &err),
                     CL_OK);
    ck_assert_uint_eq(rules.ak_count, 2);
    ck_assert_uint_eq(rules.aks[1].len, 34);
}
END_TEST

/* Every member of the published schema is read, as its example shows it, and no other is. */
START_TEST(test_sections_are_those_of_the_schema)
{
    static const struct {
        const struct policy_section *section;
        const char *def;
    } sections[] = {{&policy_section_tpm, "tpm"},
                    {&policy_section_az_snp_vtpm, "az"},
                    {&policy_section_az_tdx_vtpm, "az"}};
    CL_CLEANUP(cl_json_decrefp) json_t *schema = NULL;
    ck_assert_int_eq(cl_json_read_file(CL_TEST_SOURCE_DIR "/docs/schema/verify-policy.schema.json",
                                       1u << 20, &schema, NULL),
                     CL_OK);
    for (size_t i = 0; i < CL_ARRAY_LEN(sections); i++) {
        const struct policy_section *s = sections[i].section;
        const char *name = NULL;
        json_t *member = NULL;
        size_t fields = 0;
        json_t *members = json_object_get(
            json_object_get(json_object_get(schema, "$defs"), sections[i].def), "properties");
        ck_assert_ptr_nonnull(json_object_get(json_object_get(schema, "properties"), s->name));
        json_object_foreach(members, name, member)
        {
            struct cl_tpm_rules rules = {0};
            struct cl_err err = {0};
            CL_CLEANUP(cl_json_decrefp)
            json_t *j =
                json_pack("{s:O}", name, json_array_get(json_object_get(member, "examples"), 0));
            ck_assert_msg(policy_read_fields(j, s->name, s->fields, &rules, &err) == CL_OK,
                          "%s: %s", name, err.msg);
            policy_free_fields(s->fields, &rules);
        }
        while (s->fields[fields].name != NULL) {
            fields++;
        }
        ck_assert_uint_eq(json_object_size(members), fields);
    }
}
END_TEST

START_TEST(test_sections_of_other_shapes_are_refused)
{
    static const char *const bad[] = {
        "{\"pcrs\":{\"md5\":{}}}",
        "{\"pcrs\":{\"sha256\":{}}}",
        "{\"pcrs\":{\"sha256\":[]}}",
        "{\"pcrs\":{\"sha256\":{\"24\":[\"" ZEROS "\"]}}}",
        "{\"pcrs\":{\"sha256\":{\"04\":[\"" ZEROS "\"]}}}",
        "{\"pcrs\":{\"sha256\":{\"4\":[]}}}",
        "{\"pcrs\":{\"sha256\":{\"4\":\"" ZEROS "\"}}}",
        "{\"pcrs\":{\"sha256\":{\"4\":[1]}}}",
        "{\"pcrs\":{\"sha1\":{\"4\":[\"" ZEROS "\"]}}}",
        "{\"pcrs\":[]}",
        "{\"pcr_events\":[]}",
        "{\"pcr_events\":{\"sha256\":{\"4\":[]}}}",
        "{\"pcr_events\":{\"sha256\":{\"24\":[\"" ZEROS "\"]}}}",
        "{\"required_pcrs\":{\"sha256\":[24]}}",
        "{\"required_pcrs\":{\"sha256\":[-1]}}",
        "{\"required_pcrs\":{\"sha256\":[]}}",
        "{\"required_pcrs\":{\"sha256\":[\"1\"]}}",
        "{\"required_pcrs\":{\"x\":[1]}}",
        "{\"aks\":{\"others\":[]}}",
        "{\"aks\":{\"keys\":[]}}",
        "{\"aks\":{\"keys\":[\"00\"]}}",
        "{\"aks\":{\"names\":[1]}}",
        "{\"measurements\":[\"" M3E "\"]}", /* a TPM alone has no paravisor */
        "{\"require_secure_boot\":true}",
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        struct cl_tpm_rules rules;
        struct cl_err err = {0};
        ck_assert_msg(read_section(&policy_section_tpm, bad[i], &rules, &err) != CL_OK, "%s",
                      bad[i]);
        policy_free_fields(policy_section_tpm.fields, &rules);
    }
}
END_TEST

START_TEST(test_wrong_nonce_key_and_secure_boot)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    policy_init(&w);
    w.policy.nonce = (const uint8_t *)"Challenge";
    expect(&q, &w.policy, CL_VERDICT_REJECTED, "tpm.quote.nonce");
    policy_init(&w);
    q.key = TPM_RSA_OTHER; /* not the one that the runtime data names */
    expect(&q, &w.policy, CL_VERDICT_REJECTED, "tpm.signature");
    q = tpm_world_quote();
    CL_CLEANUP(cl_buf_done) struct cl_buf off = {0};
    ck_assert_int_eq(cl_buf_append(&off, runtime_text.data, runtime_text.len, NULL), CL_OK);
    char *word = strstr((char *)off.data, "\"secure-boot\":true,");
    memcpy(word, "\"secure-boot\":false", 19);
    memcpy(word + 19, ",", 1);
    off.data[word + 19 - (char *)off.data] = ','; /* eats the quote of the next name */
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    tpm_world_az_parts(&q, (const char *)off.data, &p); /* no JSON any more, but bound */
    expect_parts(&p, &w.policy, CL_VERDICT_REJECTED, "hcl.runtime_data");
}
END_TEST

START_TEST(test_secure_boot_and_user_data)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    policy_init(&w);
    tpm_world_runtime(TPM_RSA, USER_DATA, &text);
    tpm_world_az_parts(&q, (const char *)text.data, &p);
    p.version = 2;
    expect_parts(&p, &w.policy, CL_VERDICT_ACCEPTED, NULL);
    cl_vtpm_parts_done(&p);
    text.data[strstr((char *)text.data, "6368") - (char *)text.data] = '7';
    tpm_world_az_parts(&q, (const char *)text.data, &p);
    p.version = 2;
    expect_parts(&p, &w.policy, CL_VERDICT_REJECTED, "hcl.user_data");
    /* Saying version 1 avoids the check, unless the policy demands it. */
    cl_vtpm_parts_done(&p);
    tpm_world_az_parts(&q, (const char *)text.data, &p);
    expect_parts(&p, &w.policy, CL_VERDICT_ACCEPTED, NULL);
    cl_vtpm_parts_done(&p);
    tpm_world_az_parts(&q, (const char *)text.data, &p);
    w.policy.require_user_data = true;
    expect_parts(&p, &w.policy, CL_VERDICT_REJECTED, "hcl.user_data");
    /* The paravisor does not say that secure boot is on. */
    CL_CLEANUP(cl_buf_done) struct cl_buf silent = {0};
    ck_assert_int_eq(cl_buf_append(&silent, runtime_text.data, runtime_text.len, NULL), CL_OK);
    memcpy(strstr((char *)silent.data, "secure-boot"), "Secure-boot", 11);
    cl_vtpm_parts_done(&p);
    tpm_world_az_parts(&q, (const char *)silent.data, &p);
    policy_init(&w);
    w.policy.require_secure_boot = true;
    expect_parts(&p, &w.policy, CL_VERDICT_REJECTED, "hcl.secure_boot");
}
END_TEST

START_TEST(test_runtime_data_of_other_shapes)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "runtime data"},
        {"[]", "keys"},
        {"{}", "keys"},
        {"{\"keys\":[]}", "expected HCLAkPub"},
        {"{\"keys\":[{\"kid\":\"HCLEkPub\"}]}", "expected HCLAkPub"},
        {"{\"keys\":[{\"kid\":\"HCLAkPub\",\"kty\":\"EC\",\"n\":\"\",\"e\":\"AQAB\"}]}",
         "one RSA key"},
        {"{\"keys\":[{\"kid\":\"HCLAkPub\",\"kty\":\"RSA\",\"n\":\"\",\"e\":\"Aw\"}]}",
         "exponent AQAB"},
        {"{\"keys\":[{\"kid\":\"HCLAkPub\",\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}]}",
         "modulus"},
        {"{\"keys\":[{\"kid\":\"HCLAkPub\",\"kty\":\"RSA\",\"n\":\"gQ\",\"e\":\"AQAB\"}]}",
         "RSA of 2048"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct cl_hcl_claims c = {0};
        struct cl_err err = {0};
        ck_assert_int_ne(
            cl_hcl_claims_parse((const uint8_t *)cases[i].text, strlen(cases[i].text), &c, &err),
            CL_OK);
        ck_assert_msg(strstr(err.msg, cases[i].want) != NULL, "%zu: %s", i, err.msg);
    }
    /* Two keys of that name: which one is meant cannot be told. */
    CL_CLEANUP(cl_buf_done) struct cl_buf two = {0};
    const char *first = (const char *)runtime_text.data + strlen("{\"keys\":[");
    const char *end = strchr(first, '}');
    ck_assert_int_eq(
        cl_buf_printf(&two, NULL, "{\"keys\":[%.*s},%s", (int)(end - first), first, first), CL_OK);
    struct cl_hcl_claims c = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_hcl_claims_parse(two.data, two.len, &c, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "another beside it"));
}
END_TEST

/* ---- structure of the report ---- */

START_TEST(test_report_truncations_and_fields)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum cl_status want;
    } cases[] = {
        {0, 'h', CL_ERR_MALFORMED},     {4, 3, CL_ERR_UNSUPPORTED},
        {8, 0xFF, CL_ERR_MALFORMED},    {12, 1, CL_ERR_MALFORMED},
        {16, 1, CL_ERR_MALFORMED},      {31, 1, CL_ERR_MALFORMED},
        {1216, 0xFF, CL_ERR_MALFORMED}, {1220, 2, CL_ERR_UNSUPPORTED},
        {1224, 3, CL_ERR_UNSUPPORTED},  {1228, 0, CL_ERR_UNSUPPORTED},
        {1228, 4, CL_ERR_UNSUPPORTED},  {1235, 0xFF, CL_ERR_TRUNCATED},
    };
    struct tpm_world_quote q = tpm_world_quote();
    struct cl_hcl_report h;
    struct cl_err err = {0};
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    tpm_world_az_parts(&q, (const char *)runtime_text.data, &p);
    ck_assert_int_eq(cl_hcl_report_parse(p.hcl.data, p.hcl.len, &h, &err), CL_OK);
    ck_assert_uint_eq(h.runtime_len, runtime_text.len);
    for (size_t n = 0; n < 1236 + h.runtime_len; n++) {
        ck_assert_int_eq(cl_hcl_report_parse(p.hcl.data, n, &h, &err), CL_ERR_TRUNCATED);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        uint8_t was = p.hcl.data[cases[i].at];
        p.hcl.data[cases[i].at] = cases[i].value;
        enum cl_status st = cl_hcl_report_parse(p.hcl.data, p.hcl.len, &h, &err);
        ck_assert_msg(st == cases[i].want, "%zu: %d %s", i, (int)st, err.msg);
        p.hcl.data[cases[i].at] = was;
    }
    p.hcl.data[p.hcl.len - 1] = 1; /* behind the runtime data */
    ck_assert_int_eq(cl_hcl_report_parse(p.hcl.data, p.hcl.len, &h, &err), CL_ERR_MALFORMED);
    /* A TDREPORT is shorter than its room. */
    p.hcl.data[p.hcl.len - 1] = 0;
    memset(p.hcl.data + 32, 0, 1184);
    p.hcl.data[1224] = 4;
    ck_assert_int_eq(cl_hcl_report_parse(p.hcl.data, p.hcl.len, &h, &err), CL_OK);
    p.hcl.data[32 + 1024] = 1;
    ck_assert_int_eq(cl_hcl_report_parse(p.hcl.data, p.hcl.len, &h, &err), CL_ERR_MALFORMED);
}
END_TEST

START_TEST(test_binding_by_each_hash)
{
    static const struct {
        uint32_t type;
        const char *name;
    } hashes[] = {{1, "sha256"}, {2, "sha384"}, {3, "sha512"}};
    uint8_t hardware[1184] = {0}, want[64], report_data[64];
    for (size_t i = 0; i < CL_ARRAY_LEN(hashes); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        struct cl_hcl_report h;
        bool bound = false;
        struct tpm_world_hcl t = {.version = 1,
                                  .type = 2,
                                  .hash_type = hashes[i].type,
                                  .hardware = hardware,
                                  .runtime = "text"};
        tpm_world_hcl(&t, &raw);
        ck_assert_int_eq(cl_hcl_report_parse(raw.data, raw.len, &h, NULL), CL_OK);
        memset(report_data, 0, sizeof(report_data));
        ck_assert_int_eq(
            EVP_Digest("text", 4, report_data, NULL, EVP_get_digestbyname(hashes[i].name), NULL),
            1);
        ck_assert_int_eq(cl_hcl_report_binding(&h, report_data, want, &bound, NULL), CL_OK);
        ck_assert(bound);
        report_data[63] ^= 1; /* zeros, or the digest's last byte */
        ck_assert_int_eq(cl_hcl_report_binding(&h, report_data, want, &bound, NULL), CL_OK);
        ck_assert(!bound);
    }
}
END_TEST

/* ---- every bit ---- */

/* In eight slices: one bit of each byte. No bit is without effect: padding must be zero, and what
 * is not parsed is signed or hashed. Of the SNP report within, each byte: test_snp_* flip its bits.
 */
START_TEST(test_each_flipped_bit_of_the_report_is_refused)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    size_t refused_early = 0, verified = 0;
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts good = {0};
    policy_init(&w);
    tpm_world_az_parts(&q, (const char *)runtime_text.data, &good);
    CL_CLEANUP(cl_buf_done) struct cl_buf ask_der = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf ark_der = {0};
    struct world_cert ask = world_ask(), ark = world_ark();
    world_cert_der(&ask, &ask_der);
    world_cert_der(&ark, &ark_der);
    const struct cl_buf *ca[] = {&ask_der, &ark_der};
    for (size_t bit = (size_t)_i; bit < 8 * good.hcl.len; bit += 8) {
        bool snp = bit / 8 >= 32 && bit / 8 < 32 + CL_SNP_REPORT_SIZE;
        if (snp && bit / 8 % 8 != bit % 8) {
            continue;
        }
        CL_CLEANUP(cl_vtpm_parts_done)
        struct cl_vtpm_parts p = {.kind = good.kind, .version = 1, .pcrs = good.pcrs};
        CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        ck_assert_int_eq(cl_buf_append(&p.message, good.message.data, good.message.len, NULL), 0);
        ck_assert_int_eq(cl_buf_append(&p.signature, good.signature.data, good.signature.len, NULL),
                         0);
        ck_assert_int_eq(cl_buf_append(&p.hcl, good.hcl.data, good.hcl.len, NULL), 0);
        ck_assert_int_eq(cl_buf_append(&p.vcek, good.vcek.data, good.vcek.len, NULL), 0);
        p.hcl.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (cl_vtpm_evidence_from_parts(&p, &ev, NULL) != CL_OK) {
            refused_early++;
            continue;
        }
        verified++;
        for (size_t i = 0; i < 2; i++) {
            ck_assert_int_eq(cl_snp_evidence_add_der(cl_vtpm_evidence_snp(ev), CL_SNP_CERT_ASK,
                                                     ca[i]->data, ca[i]->len, NULL),
                             CL_OK);
        }
        ck_assert_int_eq(vtpm_verify_with(ev, &w.policy, (const uint8_t(*)[CL_SNP_ROOT_SIZE])root,
                                          1, &r, NULL, NULL),
                         CL_OK);
        ck_assert_msg(r->verdict == CL_VERDICT_REJECTED && r->authentic == CL_NO, "bit %zu", bit);
    }
    ck_assert_uint_gt(refused_early, 100);
    ck_assert_uint_gt(verified, 500);
}
END_TEST

/* ---- JSON ---- */

/* The same evidence as version 2 (made here from 1), and as version 0 in integers. */
START_TEST(test_each_json_version_gives_the_same_evidence)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct cl_err err = {0};
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *again = NULL;
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *old = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    tpm_world_az_parts(&q, (const char *)runtime_text.data, &p);
    json_t *v0 = tpm_world_version_0(&p, /* vcek= */ NULL);
    ck_assert_msg(cl_vtpm_evidence_from_json(v0, &old, &err) == CL_OK, "%s", err.msg);
    json_decref(v0);
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
    ck_assert_int_eq(cl_vtpm_evidence_to_json(ev, &j, NULL), CL_OK);
    ck_assert_int_eq(cl_vtpm_evidence_guess(j), CL_TEE_CLASS_AZ_SNP_VTPM);
    ck_assert_int_eq(json_object_set_new(j, "version", json_integer(2)), 0);
    ck_assert_msg(cl_vtpm_evidence_from_json(j, &again, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(again->parts.version, 2);
    ck_assert_uint_eq(old->parts.version, 0);
    const struct cl_vtpm_evidence *same[] = {again, old};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_mem_eq(&same[i]->parts.pcrs, &ev->parts.pcrs, sizeof(ev->parts.pcrs));
        ck_assert_mem_eq(same[i]->parts.hcl.data, ev->parts.hcl.data, ev->parts.hcl.len);
        ck_assert_mem_eq(same[i]->parts.message.data, ev->parts.message.data,
                         ev->parts.message.len);
        ck_assert_mem_eq(same[i]->parts.signature.data, ev->parts.signature.data,
                         ev->parts.signature.len);
    }
}
END_TEST

START_TEST(test_claims)
{
    struct tpm_world_quote q = tpm_world_quote();
    struct policy_world w;
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    policy_init(&w);
    q.selection.bank[0].mask = 0x00000F;
    tpm_world_az_parts(&q, (const char *)runtime_text.data, &p);
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = tpm_world_az_evidence(&p);
    ck_assert_int_eq(cl_vtpm_verify(ev, &w.policy, &r, NULL, NULL), CL_OK);
    ck_assert_int_eq(cl_vtpm_verify_claims(ev, r, NULL, &j, NULL), CL_OK);
    const json_t *tpm = json_object_get(j, "tpm");
    const json_t *bank = json_object_get(json_object_get(tpm, "pcrs"), "sha256");
    ck_assert_str_eq(json_string_value(json_object_get(tpm, "extra_data")), "6368616c6c656e6765");
    ck_assert_uint_eq(json_object_size(bank), 4); /* not those that came along */
    ck_assert_str_eq(json_string_value(json_object_get(bank, "pcr01")),
                     "0101010101010101010101010101010101010101010101010101010101010101");
    ck_assert(json_is_true(json_object_get(json_object_get(j, "hcl"), "secure_boot")));
    ck_assert_ptr_nonnull(json_object_get(j, "measurement"));
}
END_TEST

int main(void)
{
    world_init();
    tpm_world_init();
    world_root(root[0]);
    tpm_world_runtime(TPM_RSA, "", &runtime_text);
    Suite *s = suite_create("vtpm_verify");
    TCase *t = tcase_create("verify");
    tcase_set_timeout(t, 240);
    tcase_add_test(t, test_the_good_world_is_accepted);
    tcase_add_test(t, test_the_public_function_takes_no_simulated_root);
    tcase_add_test(t, test_measurement_and_registers_must_both_be_compared);
    tcase_add_test(t, test_a_section_of_a_policy_decides);
    tcase_add_test(t, test_sections_are_those_of_the_schema);
    tcase_add_test(t, test_sections_of_other_shapes_are_refused);
    tcase_add_test(t, test_wrong_nonce_key_and_secure_boot);
    tcase_add_test(t, test_secure_boot_and_user_data);
    tcase_add_test(t, test_runtime_data_of_other_shapes);
    tcase_add_test(t, test_report_truncations_and_fields);
    tcase_add_test(t, test_binding_by_each_hash);
    tcase_add_loop_test(t, test_each_flipped_bit_of_the_report_is_refused, 0, 8);
    tcase_add_test(t, test_each_json_version_gives_the_same_evidence);
    tcase_add_test(t, test_claims);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    cl_buf_done(&runtime_text);
    return rc;
}
