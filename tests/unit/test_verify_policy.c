/* SPDX-License-Identifier: Apache-2.0
 * test_verify_policy.c - the verification policy: the published schema against the parser, member
 * by member; each wrong value; the built-in policies.
 */
#include "cloister/verify_policy.h"

#include "base/json.h"
#include "check_main.h"
#include "cloister/snp_policy.h"
#include "policy/policy_section.h"

#include <string.h>

#define SCHEMA_FILE CL_TEST_SOURCE_DIR "/docs/schema/verify-policy.schema.json"
#define HEAD "{\"schema\":\"cloister.verify-policy/1\","
#define HEX32 "00112233445566778899aabbccddeeff"
#define HEX96 HEX32 HEX32 HEX32

static enum cl_status parse_text(const char *text, struct cl_verify_policy **ret,
                                 struct cl_err *err)
{
    return cl_verify_policy_parse(text, strlen(text), ret, err);
}

static enum cl_status parse_json(const json_t *doc, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = NULL;
    ck_assert_int_eq(cl_json_compact(doc, &text, NULL), CL_OK);
    return cl_verify_policy_parse(text.data, text.len, &p, err);
}

static json_t *load_schema(void)
{
    json_t *j = NULL;
    struct cl_err err = {0};
    ck_assert_msg(cl_json_read_file(SCHEMA_FILE, 1u << 20, &j, &err) == CL_OK, "%s", err.msg);
    return j;
}

/* The schema of a section, through its one reference. */
static const json_t *section_schema(const json_t *schema, const char *name)
{
    const json_t *s = json_object_get(json_object_get(schema, "properties"), name);
    ck_assert_msg(s != NULL, "section '%s' is not in the schema", name);
    const char *ref = json_string_value(json_object_get(s, "$ref"));
    if (ref != NULL) {
        ck_assert_int_eq(strncmp(ref, "#/$defs/", 8), 0);
        s = json_object_get(json_object_get(schema, "$defs"), ref + 8);
    }
    ck_assert(json_is_false(json_object_get(s, "additionalProperties")));
    return s;
}

/* {"schema": ..., section: obj}, with the members that obj's others depend on. Steals obj. */
static json_t *document(const char *section, json_t *obj)
{
    if (json_object_get(obj, "grace_days") != NULL && json_object_get(obj, "statuses") == NULL) {
        const char *status = NULL;
        json_t *days = NULL;
        json_t *all = json_array();
        json_object_foreach(json_object_get(obj, "grace_days"), status, days)
        {
            (void)json_array_append_new(all, json_string(status));
        }
        if (json_array_size(all) > 0) {
            (void)json_object_set(obj, "statuses", all);
        }
        json_decref(all);
    }
    json_t *doc = json_pack("{s:s,s:o}", "schema", "cloister.verify-policy/1", section, obj);
    ck_assert_ptr_nonnull(doc);
    return doc;
}

static bool is_key_list(const char *name)
{
    return strcmp(name, "id_keys") == 0 || strcmp(name, "author_keys") == 0;
}

static json_t *member(const char *name, const json_t *value)
{
    json_t *obj = json_pack("{s:O}", name, value);
    if (is_key_list(name)) { /* the schema's dependentRequired */
        (void)json_object_set_new(obj, "min_guest_svn", json_integer(0));
        (void)json_object_set_new(obj, "image_ids", json_pack("[s]", HEX32));
    }
    return obj;
}

static const char *type_of(const json_t *v)
{
    return json_is_object(v)    ? "object"
           : json_is_array(v)   ? "array"
           : json_is_string(v)  ? "string"
           : json_is_integer(v) ? "integer"
           : json_is_boolean(v) ? "boolean"
                                : "null";
}

/* The example is accepted; a value of every other type is not, and the error names the member. */
static void try_member(const char *section, const char *path, const char *name, const json_t *s,
                       json_t *(*wrap)(const char *path, json_t *obj))
{
    struct cl_err err = {0};
    const json_t *example = json_array_get(json_object_get(s, "examples"), 0);
    ck_assert_msg(example != NULL, "%s: %s has no example", section, name);
    CL_CLEANUP(cl_json_decrefp) json_t *good = document(section, wrap(path, member(name, example)));
    ck_assert_msg(parse_json(good, &err) == CL_OK, "%s: %s: %s", section, name, err.msg);
    static const char *const texts[] = {"{}",   "[]",   "\"\"",  "\"zz\"", "0",
                                        "-1",   "true", "null",  "1.5",    "[null]",
                                        "[[]]", "[{}]", "[1.5]", "[\"\"]", "99999999999"};
    const char *want = json_string_value(json_object_get(s, "type"));
    for (size_t i = 0; i < CL_ARRAY_LEN(texts); i++) {
        CL_CLEANUP(cl_json_decrefp) json_t *v = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        bool may_be_good = strcmp(type_of(v), want) == 0 &&
                           ((strcmp(texts[i], "0") == 0 &&
                             json_integer_value(json_object_get(s, "minimum")) <= 0) ||
                            json_is_boolean(v) || json_is_object(v));
        CL_CLEANUP(cl_json_decrefp) json_t *doc = document(section, wrap(path, member(name, v)));
        enum cl_status st = parse_json(doc, &err);
        ck_assert_msg((st == CL_OK) == may_be_good, "%s: %s: %s", section, name, texts[i]);
        ck_assert_msg(st == CL_OK || strstr(err.msg, name) != NULL, "%s: %s", name, err.msg);
    }
}

static json_t *plain(const char *path, json_t *obj)
{
    (void)path;
    return obj;
}

/* "min_tcb/milan": each part an object around the next. */
static json_t *nested(const char *path, json_t *obj)
{
    const char *slash = strrchr(path, '/');
    json_t *inner = json_pack("{s:o}", slash != NULL ? slash + 1 : path, obj);
    char outer[64];
    if (slash == NULL) {
        return inner;
    }
    (void)snprintf(outer, sizeof(outer), "%.*s", (int)(slash - path), path);
    return nested(outer, inner);
}

static void try_members(const char *section, const char *path, const json_t *s)
{
    const char *name = NULL;
    json_t *value = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *one = json_integer(1);
    struct cl_err err = {0};
    json_object_foreach(json_object_get(s, "properties"), name, value)
    {
        char below[64];
        try_member(section, path, name, value, path[0] != '\0' ? nested : plain);
        /* Registers and keys of a TPM: test_vtpm_verify tries them. */
        bool of_tpm = strstr(name, "pcr") != NULL || strcmp(name, "aks") == 0;
        if (json_object_get(value, "properties") != NULL && !of_tpm) {
            (void)snprintf(below, sizeof(below), "%s%s%s", path, path[0] != '\0' ? "/" : "", name);
            try_members(section, below, value);
        }
    }
    json_t *extra = member("nobody_knows", one);
    CL_CLEANUP(cl_json_decrefp)
    json_t *doc = document(section, path[0] != '\0' ? nested(path, extra) : extra);
    ck_assert_int_eq(parse_json(doc, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "nobody_knows"));
}

START_TEST(test_parser_does_what_the_schema_says)
{
    CL_CLEANUP(cl_json_decrefp) json_t *schema = load_schema();
    for (size_t i = 0; i < policy_section_count; i++) {
        const struct policy_section *s = policy_sections[i];
        const json_t *published = section_schema(schema, s->name);
        const json_t *properties = json_object_get(published, "properties");
        size_t count = 0;
        for (const struct policy_field *f = s->fields; f->name != NULL; f++, count++) {
            ck_assert_msg(json_object_get(properties, f->name) != NULL,
                          "%s: %s is not in the schema", s->name, f->name);
        }
        ck_assert_uint_eq(json_object_size(properties), count);
        try_members(s->name, "", published);
    }
    /* schema, name, and the sections: nothing else. */
    ck_assert_uint_eq(json_object_size(json_object_get(schema, "properties")),
                      policy_section_count + 2);
}
END_TEST

START_TEST(test_words_and_bounds_are_those_of_the_schema)
{
    CL_CLEANUP(cl_json_decrefp) json_t *schema = load_schema();
    const json_t *props = json_object_get(section_schema(schema, "snp"), "properties");
    const char *name = NULL;
    json_t *s = NULL;
    struct cl_err err = {0};
    json_object_foreach((json_t *)(uintptr_t)props, name, s)
    {
        const json_t *words = json_object_get(json_object_get(s, "items"), "enum");
        for (size_t i = 0; i < json_array_size(words); i++) {
            CL_CLEANUP(cl_json_decrefp) json_t *one = json_pack("[O]", json_array_get(words, i));
            CL_CLEANUP(cl_json_decrefp) json_t *doc = document("snp", member(name, one));
            ck_assert_msg(parse_json(doc, &err) == CL_OK, "%s", err.msg);
        }
        const json_t *max = json_object_get(s, "maximum");
        for (int more = 0; max != NULL && more < 2; more++) {
            CL_CLEANUP(cl_json_decrefp) json_t *v = json_integer(json_integer_value(max) + more);
            CL_CLEANUP(cl_json_decrefp) json_t *doc = document("snp", member(name, v));
            ck_assert_int_eq(parse_json(doc, &err), more == 0 ? CL_OK : CL_ERR_MALFORMED);
        }
    }
}
END_TEST

static const struct {
    const char *text;
    enum cl_status status;
    const char *message;
} bad[] = {
    {"", CL_ERR_TRUNCATED, "policy: expected a JSON document, got nothing"},
    {"[]", CL_ERR_MALFORMED, "policy: expected an object"},
    {"{}", CL_ERR_MALFORMED, "policy: schema: expected string, got nothing"},
    {"{\"schema\":1}", CL_ERR_MALFORMED, "policy: schema: expected string, got integer"},
    {"{\"schema\":\"cloister.verify-policy/2\"}", CL_ERR_UNSUPPORTED,
     "schema: expected cloister.verify-policy/1, got 'cloister.verify-policy/2'"},
    {HEAD "\"name\":1}", CL_ERR_MALFORMED, "policy: name: expected string"},
    {HEAD "\"sgx\":{}}", CL_ERR_UNSUPPORTED, "sections that this version knows, got 'sgx'"},
    {HEAD "\"snp\":[]}", CL_ERR_MALFORMED, "snp: expected an object"},
    {HEAD "\"snp\":{},\"snp\":{}}", CL_ERR_MALFORMED, "duplicate"},
    {HEAD "\"snp\":{\"vmpls\":[0],\"vmpls\":[1]}}", CL_ERR_MALFORMED, "duplicate"},
    {HEAD "\"snp\":{}} x", CL_ERR_MALFORMED, "end of file expected"},
    {HEAD "\"snp\":{\"measurements\":[\"" HEX32 "\"]}}", CL_ERR_MALFORMED,
     "snp: measurements: expected 96"},
    {HEAD "\"snp\":{\"measurements\":[\"" HEX96 "\",\"0\"]}}", CL_ERR_MALFORMED,
     "snp: measurements: expected 96"},
    {HEAD "\"snp\":{\"products\":[\"rome\"]}}", CL_ERR_MALFORMED,
     "snp: products: expected words of the schema, got 'rome'"},
    {HEAD "\"snp\":{\"vmpls\":[4]}}", CL_ERR_MALFORMED,
     "snp: vmpls: expected integers from 0 to 3"},
    {HEAD "\"snp\":{\"min_version\":6}}", CL_ERR_MALFORMED, "min_version: expected 0 to 5, got 6"},
    {HEAD "\"snp\":{\"launch_mitigations\":\"1\"}}", CL_ERR_MALFORMED, "launch_mitigations"},
    {HEAD "\"snp\":{\"csp_ids\":[\"a\\u0000b\"]}}", CL_ERR_MALFORMED, ""},
    {HEAD "\"snp\":{\"id_keys\":[\"" HEX96 "\"],\"image_ids\":[\"" HEX32 "\"]}}", CL_ERR_MALFORMED,
     "snp: min_guest_svn: expected a number"},
    {HEAD "\"snp\":{\"author_keys\":[\"" HEX96 "\"],\"min_guest_svn\":0}}", CL_ERR_MALFORMED,
     "snp: image_ids: expected these or family_ids"},
    {HEAD "\"snp\":{\"min_tcb\":{\"milan\":{\"fmc\":1}}}}", CL_ERR_MALFORMED,
     "milan: unknown member 'fmc'"},
    {HEAD "\"snp\":{\"min_tcb\":{\"milan\":{\"snp\":256}}}}", CL_ERR_MALFORMED,
     "milan: snp: expected 0 to 255, got 256"},
    {HEAD "\"snp\":{\"guest_policy\":{\"required\":[\"smt\"],\"forbidden\":[\"smt\"]}}}",
     CL_ERR_MALFORMED, "guest_policy: required: expected no word of 'forbidden'"},
    {HEAD "\"snp\":{\"platform_info\":{\"required\":[\"ecc\"],\"forbidden\":[\"ecc\"]}}}",
     CL_ERR_MALFORMED, "platform_info: required: expected no word of 'forbidden'"},
    {HEAD "\"snp\":{\"guest_policy\":{\"required\":[\"debug\"]}}}", CL_ERR_MALFORMED,
     "guest_policy: required: expected words of the schema, got 'debug'"},
    {HEAD "\"common\":{\"max_collateral_age_days\":3651}}", CL_ERR_MALFORMED,
     "common: max_collateral_age_days"},
};

START_TEST(test_bad_documents)
{
    struct cl_err err = {0};
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = NULL;
    enum cl_status st = parse_text(bad[_i].text, &p, &err);
    ck_assert_msg(st == bad[_i].status, "%s: %s: %s", bad[_i].text, cl_status_name(st), err.msg);
    ck_assert_msg(strstr(err.msg, bad[_i].message) != NULL, "%s: %s", bad[_i].text, err.msg);
    ck_assert_ptr_null(p);
}
END_TEST

START_TEST(test_size_is_bounded)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_buf_append_str(&text, HEAD "\"snp\":{\"vmpls\":[0", NULL), CL_OK);
    for (size_t i = 0; i < CL_VERIFY_POLICY_LIST_MAX; i++) {
        ck_assert_int_eq(cl_buf_append_str(&text, ",0", NULL), CL_OK);
    }
    ck_assert_int_eq(cl_buf_append_str(&text, "]}}", NULL), CL_OK);
    ck_assert_int_eq(cl_verify_policy_parse(text.data, text.len, &p, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "snp: vmpls: expected 1 to 10000 values, got 10001"));
    ck_assert_int_eq(cl_verify_policy_parse(text.data, CL_VERIFY_POLICY_MAX_SIZE + 1, &p, &err),
                     CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "policy: size: expected at most 1048576 bytes"));
}
END_TEST

START_TEST(test_every_truncation_is_refused)
{
    const char *text = cl_verify_policy_profile_text("regulated");
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] != '}') {
        len--;
    }
    for (size_t n = 0; n < len; n++) {
        CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = NULL;
        ck_assert_int_ne(cl_verify_policy_parse(text, n, &p, NULL), CL_OK);
    }
}
END_TEST

START_TEST(test_values_land_where_they_belong)
{
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = NULL;
    struct cl_err err = {0};
    static const char text[] =
        HEAD "\"common\":{\"require_crls\":true,\"max_collateral_age_days\":7},"
             "\"snp\":{\"products\":[\"turin\"],\"vmpls\":[1,3],\"signing_keys\":[\"vlek\"],"
             "\"min_tcb\":{\"turin\":{\"fmc\":1,\"microcode\":71}},\"tcbs_compared\":[\"launch\"],"
             "\"min_firmware\":{\"major\":1,\"minor\":55,\"build\":22},"
             "\"launch_mitigations\":\"0000000000000102\",\"csp_ids\":[\"CN=x\"],"
             "\"guest_policy\":{\"required\":[\"single_socket\"],\"min_abi_minor\":55},"
             "\"platform_info\":{\"forbidden\":[\"smt\",\"tio\"],\"refuse_unknown_bits\":true},"
             "\"measurements\":[\"" HEX96 "\"]}}";
    ck_assert_msg(parse_text(text, &p, &err) == CL_OK, "%s", err.msg);
    ck_assert(cl_verify_policy_common(p)->require_crls);
    ck_assert_uint_eq(cl_verify_policy_common(p)->max_collateral_age_days, 7);
    const struct cl_snp_rules *r = cl_verify_policy_snp(p);
    const char csp[CL_SNP_CSP_ID_SIZE] = "CN=x";
    uint8_t measurement[48];
    for (size_t i = 0; i < sizeof(measurement); i++) {
        measurement[i] = (uint8_t)(0x11 * (i % 16));
    }
    ck_assert_uint_eq(r->products, 1u << CL_SNP_PRODUCT_TURIN);
    ck_assert_uint_eq(r->vmpls, 1u << 1 | 1u << 3);
    ck_assert_uint_eq(r->signing_keys, CL_SNP_KEY_VLEK);
    ck_assert_uint_eq(r->tcbs_compared, CL_SNP_TCB_LAUNCH);
    ck_assert_uint_eq(r->min_tcb_given, 1u << CL_SNP_PRODUCT_TURIN);
    ck_assert_uint_eq(r->min_tcb[CL_SNP_PRODUCT_TURIN].microcode, 71);
    ck_assert(r->min_tcb[CL_SNP_PRODUCT_TURIN].has_fmc);
    ck_assert_uint_eq(r->min_firmware.build, 22);
    ck_assert_uint_eq(r->launch_mitigations, 0x102);
    ck_assert_uint_eq(r->guest_policy_required, 1u << 20);
    ck_assert_uint_eq(r->min_abi_minor, 55);
    ck_assert_uint_eq(r->platform_forbidden, 0x81);
    ck_assert(r->refuse_unknown_platform_bits);
    ck_assert(cl_policy_list_has(&r->measurements, measurement));
    measurement[47] ^= 1;
    ck_assert(!cl_policy_list_has(&r->measurements, measurement));
    ck_assert(cl_policy_list_has(&r->csp_ids, csp));
    /* No section for simulated evidence: nothing of it is accepted. */
    ck_assert_uint_eq(cl_verify_policy_sim_snp(p)->products, 0);
    ck_assert_uint_eq(cl_verify_policy_sim_snp(p)->vmpls, 0);
}
END_TEST

START_TEST(test_profiles)
{
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *d = NULL;
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *r = NULL;
    struct cl_err err = {0};
    ck_assert_msg(cl_verify_policy_profile("default", &d, &err) == CL_OK, "%s", err.msg);
    ck_assert(!cl_verify_policy_common(d)->require_crls);
    ck_assert_uint_eq(cl_verify_policy_snp(d)->vmpls, 1);
    ck_assert_uint_eq(cl_verify_policy_sim_snp(d)->vmpls, 1);
    ck_assert_msg(cl_verify_policy_profile("regulated", &r, &err) == CL_OK, "%s", err.msg);
    ck_assert(cl_verify_policy_common(r)->require_crls);
    ck_assert_uint_eq(cl_verify_policy_snp(r)->products_by_chip, 1u << CL_SNP_PRODUCT_MILAN);
    ck_assert_uint_eq(cl_verify_policy_snp(r)->chips_allowed.count, 0);
    ck_assert_uint_eq(cl_verify_policy_snp(r)->platform_required, 0x20);
    ck_assert(cl_verify_policy_snp(r)->refuse_provisional_firmware);
    ck_assert_uint_eq(cl_verify_policy_snp(r)->min_tcb[CL_SNP_PRODUCT_MILAN].snp, 0x18);
    ck_assert_uint_eq(cl_verify_policy_snp(r)->min_tcb[CL_SNP_PRODUCT_GENOA].snp, 0x17);
    ck_assert_uint_eq(cl_verify_policy_sim_snp(r)->products, 0); /* never for simulated evidence */
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *none = NULL;
    ck_assert_int_eq(cl_verify_policy_profile("strict", &none, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "profile: expected default or regulated, got 'strict'");
    ck_assert_ptr_null(cl_verify_policy_profile_text("strict"));
    cl_verify_policy_free(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("verify_policy");
    TCase *t = tcase_create("policy");
    tcase_add_test(t, test_parser_does_what_the_schema_says);
    tcase_add_test(t, test_words_and_bounds_are_those_of_the_schema);
    tcase_add_loop_test(t, test_bad_documents, 0, (int)CL_ARRAY_LEN(bad));
    tcase_add_test(t, test_size_is_bounded);
    tcase_add_test(t, test_every_truncation_is_refused);
    tcase_add_test(t, test_values_land_where_they_belong);
    tcase_add_test(t, test_profiles);
    suite_add_tcase(s, t);
    return run_suite(s);
}
