/* SPDX-License-Identifier: Apache-2.0
 * test_toml.c - the TOML subset: what it reads, what it refuses and at which line, every
 * truncation.
 */
#include "base/toml.h"
#include "check_main.h"

#include <string.h>

static const char good[] = "# head\n"
                           "version = \"0.1.0\"\r\n"
                           "\"quoted key\" = 'lit\\eral'\n"
                           "n = -42\n"
                           "flag = true # why\n"
                           "list = [ \"a\", 'b', # c\n  \"d\", ]\n"
                           "[data]\n"
                           "\"aa.toml\" = '''\n[x]\nurl = \"u\"\n'''\n"
                           "esc = \"\\t\\\"\\u00e9\"\n"
                           "multi = \"\"\"\nline \\\n   joined\n\"\"\"\n"
                           "[data.deep.er]\nk = 0\n";

static enum cl_status parse(const char *text, size_t len, json_t **j, struct cl_err *err)
{
    return cl_toml_parse(text, len, "doc", j, err);
}

START_TEST(test_reads_the_subset)
{
    json_t *j = NULL;
    struct cl_err err = {0};
    ck_assert_msg(parse(good, strlen(good), &j, &err) == CL_OK, "%s", err.msg);
    ck_assert_str_eq(json_string_value(json_object_get(j, "version")), "0.1.0");
    ck_assert_str_eq(json_string_value(json_object_get(j, "quoted key")), "lit\\eral");
    ck_assert_int_eq(json_integer_value(json_object_get(j, "n")), -42);
    ck_assert(json_is_true(json_object_get(j, "flag")));
    ck_assert_uint_eq(json_array_size(json_object_get(j, "list")), 3);
    json_t *data = json_object_get(j, "data");
    ck_assert_str_eq(json_string_value(json_object_get(data, "aa.toml")), "[x]\nurl = \"u\"\n");
    ck_assert_str_eq(json_string_value(json_object_get(data, "esc")), "\t\"\xc3\xa9");
    ck_assert_str_eq(json_string_value(json_object_get(data, "multi")), "line joined\n");
    ck_assert_int_eq(json_integer_value(json_object_get(
                         json_object_get(json_object_get(data, "deep"), "er"), "k")),
                     0);
    json_decref(j);
}
END_TEST

START_TEST(test_every_truncation_is_read_or_refused)
{
    for (size_t n = 0; n < strlen(good); n++) {
        json_t *j = NULL;
        enum cl_status st = parse(good, n, &j, NULL);
        ck_assert(st == CL_OK || st == CL_ERR_MALFORMED);
        ck_assert((st == CL_OK) == (j != NULL));
        json_decref(j);
    }
}
END_TEST

START_TEST(test_refuses_with_the_line)
{
    static const struct {
        const char *text;
        const char *msg;
    } bad[] = {
        {"a = 1\na = 2\n", "doc: line 2: key given twice"},
        {"[t]\n[t]\n", "doc: line 2: table given twice"},
        {"a = 1\n[a]\n", "doc: line 2: table named like a key"},
        {"a = 1.5\n", "doc: line 1: expected the end of the line"},
        {"a = {b = 1}\n", "doc: line 1: expected a string, integer, boolean or array"},
        {"[[t]]\n", "doc: line 1: expected a key"},
        {"a.b = 1\n", "doc: line 1: expected '=' behind the key"},
        {"a = \"x\n\"\n", "doc: line 1: control character in a string"},
        {"a = '''x", "doc: line 1: string without an end"},
        {"a = \"\\x\"\n", "doc: line 1: bad escape"},
        {"a = \"\\ud800\"\n", "doc: line 1: escape names no character allowed here"},
        {"a = \"\\u0000\"\n", "doc: line 1: escape names no character allowed here"},
        {"a = 01\n", "doc: line 1: expected a string, integer, boolean or array"},
        {"a = 99999999999999999999\n", "doc: line 1: integer out of range"},
        {"a = [1 2]\n", "doc: line 1: expected ',' or ']'"},
        {"a = [[[1]]]\n", "doc: line 1: expected a string, integer, boolean or array"},
        {"a = truely\n", "doc: line 1: expected a boolean"},
        {"a = \"\xff\"\n", "doc: line 1: expected UTF-8 text"},
        {"# \x01\n", "doc: line 1: control character in a comment"},
        {"= 1\n", "doc: line 1: expected a key"},
        {"a = 1 b = 2\n", "doc: line 1: expected the end of the line"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        json_t *j = NULL;
        struct cl_err err = {0};
        ck_assert_msg(parse(bad[i].text, strlen(bad[i].text), &j, &err) == CL_ERR_MALFORMED, "%s",
                      bad[i].text);
        ck_assert_str_eq(err.msg, bad[i].msg);
        ck_assert_ptr_null(j);
    }
}
END_TEST

START_TEST(test_written_strings_come_back)
{
    static const char *const v[] = {"",
                                    "plain",
                                    "a\nb\n",
                                    "quote\" back\\slash",
                                    "tab\tand\x01",
                                    "'''\n",
                                    "\nends in quote'",
                                    "''\n'' x\n"};
    for (size_t i = 0; i < CL_ARRAY_LEN(v); i++) {
        struct cl_buf out = {0};
        json_t *j = NULL;
        ck_assert_int_eq(cl_toml_put_string(&out, "aa.toml", v[i], NULL), CL_OK);
        ck_assert_int_eq(parse((char *)out.data, out.len, &j, NULL), CL_OK);
        ck_assert_str_eq(json_string_value(json_object_get(j, "aa.toml")), v[i]);
        json_decref(j);
        cl_buf_done(&out);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("toml");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, test_reads_the_subset);
    tcase_add_test(tc, test_every_truncation_is_read_or_refused);
    tcase_add_test(tc, test_refuses_with_the_line);
    tcase_add_test(tc, test_written_strings_come_back);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
