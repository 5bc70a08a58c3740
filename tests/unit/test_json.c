/* SPDX-License-Identifier: Apache-2.0
 * test_json.c - the strictness of the JSON helpers, and canonical text.
 */
#include "base/json.h"
#include "check_main.h"

#include <string.h>

static enum cl_status parse(const char *text, json_t **j, struct cl_err *err)
{
    return cl_json_parse(text, strlen(text), "doc", j, err);
}

START_TEST(test_refuses_what_is_not_one_document)
{
    static const char *const bad[] = {"{",    "{}x", "{\"a\":1,\"a\":2}",   "{'a':1}",
                                      "[1,]", "nul", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\u0000\"}",
                                      "\xff"};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        json_t *j = NULL;
        ck_assert_msg(parse(bad[i], &j, NULL) == CL_ERR_MALFORMED, "%s", bad[i]);
        ck_assert_ptr_null(j);
    }
    json_t *j = NULL;
    ck_assert_int_eq(parse("", &j, NULL), CL_ERR_TRUNCATED);
}
END_TEST

START_TEST(test_depth_is_capped)
{
    char text[2 * CL_JSON_MAX_DEPTH + 4];
    memset(text, '[', CL_JSON_MAX_DEPTH);
    memset(text + CL_JSON_MAX_DEPTH, ']', CL_JSON_MAX_DEPTH);
    text[2 * CL_JSON_MAX_DEPTH] = '\0';
    json_t *j = NULL;
    ck_assert_int_eq(parse(text, &j, NULL), CL_OK);
    json_decref(j);
    j = NULL;
    memset(text, '[', CL_JSON_MAX_DEPTH + 1);
    memset(text + CL_JSON_MAX_DEPTH + 1, ']', CL_JSON_MAX_DEPTH + 1);
    text[2 * CL_JSON_MAX_DEPTH + 2] = '\0';
    struct cl_err err = {0};
    ck_assert_int_eq(parse(text, &j, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "doc: nested deeper than 32");
    ck_assert_int_eq(parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", &j, &err),
                     CL_ERR_MALFORMED);
    ck_assert_int_eq(parse("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[\"]", &j, &err), CL_OK);
    json_decref(j);
}
END_TEST

START_TEST(test_getters_name_the_field)
{
    json_t *j = NULL;
    struct cl_err err = {0};
    const char *s = NULL;
    int64_t i = 0;
    ck_assert_int_eq(parse("{\"a\":1,\"b\":\"xy\",\"c\":\"ok\"}", &j, &err), CL_OK);
    ck_assert_int_eq(cl_json_get_string(j, "doc", "a", &s, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "doc: a: expected string, got integer");
    ck_assert_int_eq(cl_json_get_string(j, "doc", "z", &s, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "doc: z: expected string, got nothing");
    ck_assert_int_eq(cl_json_get_string(j, "doc", "c", &s, &err), CL_OK);
    ck_assert_str_eq(s, "ok");
    ck_assert_int_eq(cl_json_get_int(j, "doc", "a", 2, 3, &i, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "doc: a: expected 2 to 3, got 1");
    ck_assert_int_eq(cl_json_get_time(j, "doc", "a", &i, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "doc: a: expected string, got integer");
    ck_assert_int_eq(cl_json_get_time(j, "doc", "c", &i, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "doc: c: time: expected YYYY-MM-DDTHH:MM:SSZ, got 'ok'");
    ck_assert_int_eq(json_object_set_new(j, "b", json_string("2026-01-01T00:00:00Z")), 0);
    ck_assert_int_eq(cl_json_get_time(j, "doc", "b", &i, &err), CL_OK);
    ck_assert_int_eq(i, INT64_C(1767225600));
    static const char *const keys[] = {"a", "b", NULL};
    ck_assert_int_eq(cl_json_only_keys(j, "doc", keys, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "doc: unknown member 'c'");
    json_decref(j);
}
END_TEST

START_TEST(test_canonical_text_is_jcs)
{
    json_t *j = NULL;
    struct cl_buf out = {0};
    ck_assert_int_eq(
        parse("{\"b\":1, \"a\":\"te/st\\u000a\\u00e9\", \"c\":{\"d\":\"e\"}}", &j, NULL), CL_OK);
    ck_assert_int_eq(cl_json_canonical(j, &out, NULL), CL_OK);
    ck_assert_str_eq((char *)out.data, "{\"a\":\"te/st\\n\xc3\xa9\",\"b\":1,\"c\":{\"d\":\"e\"}}");
    cl_buf_done(&out);
    json_decref(j);
}
END_TEST

START_TEST(test_members_that_may_be_absent)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = json_pack("{s:b,s:{},s:[i,i]}", "b", 1, "o", "a", 1, 2);
    struct cl_err err = {0};
    bool b = true;
    json_t *v = j;
    ck_assert_int_eq(cl_json_opt_bool(j, "x", "none", &b, &err), CL_OK);
    ck_assert(!b);
    ck_assert_int_eq(cl_json_opt_bool(j, "x", "b", &b, &err), CL_OK);
    ck_assert(b);
    ck_assert_int_eq(cl_json_opt_bool(j, "x", "o", &b, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(cl_json_opt_object(j, "x", "none", &v, &err), CL_OK);
    ck_assert_ptr_null(v);
    ck_assert_int_eq(cl_json_opt_object(j, "x", "a", &v, &err), CL_ERR_MALFORMED);
    v = j;
    ck_assert_int_eq(cl_json_opt_array(j, "x", "none", 0, &v, &err), CL_OK);
    ck_assert_ptr_null(v);
    ck_assert_int_eq(cl_json_opt_array(j, "x", "a", 2, &v, &err), CL_OK);
    ck_assert_uint_eq(json_array_size(v), 2);
    ck_assert_int_eq(cl_json_opt_array(j, "x", "a", 1, &v, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "x: a: expected at most 1, got 2");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("json");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_refuses_what_is_not_one_document);
    tcase_add_test(tc, test_depth_is_capped);
    tcase_add_test(tc, test_getters_name_the_field);
    tcase_add_test(tc, test_canonical_text_is_jcs);
    tcase_add_test(tc, test_members_that_may_be_absent);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
