/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_policy.c - the section "tdx" of a policy: each member of the published schema is read,
 * wrong values are refused by name, and defaults accept UpToDate alone.
 */
#include "cloister/tdx_policy.h"

#include "base/json.h"
#include "check_main.h"
#include "policy/policy_section.h"
#include "tdx/tdx_internal.h"

#include <string.h>

#define SCHEMA_FILE CL_TEST_SOURCE_DIR "/docs/schema/verify-policy.schema.json"

static void rules_done(struct cl_tdx_rules *r)
{
    policy_free_fields(policy_section_tdx.fields, r);
}

static enum cl_status read_section(const json_t *obj, struct cl_tdx_rules *ret, struct cl_err *err)
{
    policy_section_tdx.set_defaults(ret);
    CL_TRY(policy_read_fields(obj, "tdx", policy_section_tdx.fields, ret, err));
    return policy_section_tdx.check(obj, ret, err);
}

static enum cl_status read_text(const char *text, struct cl_tdx_rules *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = json_loads(text, 0, NULL);
    ck_assert_msg(j != NULL, "%s", text);
    return read_section(j, ret, err);
}

START_TEST(test_each_member_of_the_schema_is_read)
{
    CL_CLEANUP(cl_json_decrefp) json_t *schema = NULL;
    const char *name = NULL;
    json_t *member = NULL;
    struct cl_err err = {0};
    size_t count = 0, fields = 0;
    ck_assert_msg(cl_json_read_file(SCHEMA_FILE, 1u << 20, &schema, &err) == CL_OK, "%s", err.msg);
    const json_t *published = json_object_get(json_object_get(schema, "$defs"), "tdx");
    json_object_foreach(json_object_get(published, "properties"), name, member)
    {
        CL_CLEANUP(rules_done) struct cl_tdx_rules r = {0};
        CL_CLEANUP(rules_done) struct cl_tdx_rules bad = {0};
        const json_t *example = json_array_get(json_object_get(member, "examples"), 0);
        CL_CLEANUP(cl_json_decrefp) json_t *good = json_pack("{s:O}", name, example);
        CL_CLEANUP(cl_json_decrefp) json_t *wrong = json_pack("{s:f}", name, 1.5);
        ck_assert_msg(read_section(good, &r, &err) == CL_OK, "%s: %s", name, err.msg);
        ck_assert_int_eq(read_section(wrong, &bad, &err), CL_ERR_MALFORMED);
        ck_assert_ptr_nonnull(strstr(err.msg, name));
        count++;
    }
    while (policy_section_tdx.fields[fields].name != NULL) {
        fields++;
    }
    ck_assert_uint_eq(count, fields);
}
END_TEST

START_TEST(test_values)
{
    CL_CLEANUP(rules_done) struct cl_tdx_rules r = {0};
    struct cl_err err = {0};
    ck_assert_msg(
        read_text("{\"statuses\":[\"UpToDate\",\"OutOfDate\"],\"grace_days\":{\"OutOfDate\":30},"
                  "\"allowed_advisories\":[\"INTEL-SA-00837\"],\"xfam_allowed\":"
                  "\"0000000000080000\"}",
                  &r, &err) == CL_OK,
        "%s", err.msg);
    ck_assert_uint_eq(r.statuses, 1u << CL_TDX_TCB_UP_TO_DATE | 1u << CL_TDX_TCB_OUT_OF_DATE);
    ck_assert_uint_eq(r.grace_days[CL_TDX_TCB_OUT_OF_DATE], 30);
    ck_assert_uint_eq(r.allowed_advisories.count, 1);
    ck_assert_str_eq((const char *)r.allowed_advisories.data, "INTEL-SA-00837");
    ck_assert_uint_eq(r.xfam_allowed, 0x80000);
    CL_CLEANUP(rules_done) struct cl_tdx_rules none = {0};
    ck_assert_int_eq(read_text("{}", &none, NULL), CL_OK);
    ck_assert_uint_eq(none.statuses, 1u << CL_TDX_TCB_UP_TO_DATE);
}
END_TEST

START_TEST(test_what_cannot_be_demanded)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"statuses\":[\"Revoked\"]}", "expected words of the schema, got 'Revoked'"},
        {"{\"statuses\":[]}", "expected 1 to 10000 values"},
        {"{\"grace_days\":{\"OutOfDate\":30}}", "expected statuses that are accepted"},
        {"{\"grace_days\":{\"Fine\":30}}", "expected one of Intel's, got 'Fine'"},
        {"{\"grace_days\":{\"UpToDate\":0}}", "expected 1 to 3650, got 0"},
        {"{\"mrtd\":[\"ab\"]}", "mrtd"},
        {"{\"allow_debug\":true}", "expected members of the schema, got 'allow_debug'"},
        {"{\"allowed_advisories\":[\"INTEL-SA-00837-and-a-very-long-tail\"]}", "1 to 31"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(rules_done) struct cl_tdx_rules r = {0};
        struct cl_err err = {0};
        ck_assert_int_eq(read_text(cases[i].text, &r, &err), CL_ERR_MALFORMED);
        ck_assert_msg(strstr(err.msg, cases[i].message) != NULL, "%s", err.msg);
    }
}
END_TEST

START_TEST(test_names_of_statuses)
{
    for (unsigned i = CL_TDX_TCB_UP_TO_DATE; i < CL_TDX_TCB_NOT_SUPPORTED; i++) {
        enum cl_tdx_tcb_status s = CL_TDX_TCB_UNKNOWN;
        const char *name = cl_tdx_tcb_status_name((enum cl_tdx_tcb_status)i);
        ck_assert_int_eq(cl_tdx_tcb_status_parse(name, &s, NULL), CL_OK);
        ck_assert_uint_eq(s, i);
    }
    ck_assert_str_eq(cl_tdx_tcb_status_name((enum cl_tdx_tcb_status)99), "unknown");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_policy");
    TCase *t = tcase_create("tdx_policy");
    tcase_add_test(t, test_each_member_of_the_schema_is_read);
    tcase_add_test(t, test_values);
    tcase_add_test(t, test_what_cannot_be_demanded);
    tcase_add_test(t, test_names_of_statuses);
    suite_add_tcase(s, t);
    return run_suite(s);
}
