/* SPDX-License-Identifier: Apache-2.0
 * test_yaml_tree.c - YAML as Kubernetes reads it, and what is refused of it.
 */
#include "yaml_tree.h"

#include "check_main.h"

#include <string.h>

static struct cl_err err;

static enum cl_status parse(const char *text, json_t **ret)
{
    *ret = NULL;
    err = (struct cl_err){0};
    return cl_yaml_parse(text, strlen(text), "pod.yaml", ret, &err);
}

/* The only document of a text, as canonical JSON. */
static void expect(const char *text, const char *json)
{
    json_t *docs = NULL;
    struct cl_buf out = {0};
    ck_assert_msg(parse(text, &docs) == CL_OK, "%s: %s", text, err.msg);
    ck_assert_uint_eq(json_array_size(docs), 1);
    ck_assert_int_eq(cl_json_canonical(json_array_get(docs, 0), &out, &err), CL_OK);
    ck_assert_msg(strcmp((const char *)out.data, json) == 0, "%s: %s", text,
                  (const char *)out.data);
    cl_buf_done(&out);
    json_decref(docs);
}

static void refused(const char *text, enum cl_status st, const char *message)
{
    json_t *docs = NULL;
    enum cl_status got = parse(text, &docs);
    ck_assert_msg(got == st, "%s: %d %s", text, (int)got, err.msg);
    ck_assert_msg(strcmp(err.msg, message) == 0, "%s: %s", text, err.msg);
    ck_assert_ptr_null(docs);
}

START_TEST(test_shapes)
{
    expect("a: b", "{\"a\":\"b\"}");
    expect("a:\n- 1\n- - 2\n  - {x: [y1, z]}\n", "{\"a\":[1,[2,{\"x\":[\"y1\",\"z\"]}]]}");
    expect("a: |\n  one\n  two\nb: >-\n  one\n  two\n",
           "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}");
    expect("{\"a\": [1, true, null, \"x\"]}", "{\"a\":[1,true,null,\"x\"]}");
    expect("\xef\xbb\xbf"
           "a: \xc3\xa9 # comment\n",
           "{\"a\":\"\xc3\xa9\"}");
    expect("a:\nb: ~\n", "{\"a\":null,\"b\":null}");
    expect("a: &unused x\n", "{\"a\":\"x\"}");
    expect("- a: 1\n  b: 2\n", "[{\"a\":1,\"b\":2}]");
}
END_TEST

START_TEST(test_scalars_as_kubernetes)
{
    expect("[yes, Yes, YES, y, Y, on, On, ON, true, True, TRUE]",
           "[true,true,true,true,true,true,true,true,true,true,true]");
    expect("[no, No, NO, n, N, off, Off, OFF, false, False, FALSE]",
           "[false,false,false,false,false,false,false,false,false,false,false]");
    expect("['yes', \"no\", 'null', '1', yEs, tRue]",
           "[\"yes\",\"no\",\"null\",\"1\",\"yEs\",\"tRue\"]");
    expect("[~, null, Null, NULL]", "[null,null,null,null]");
    expect("[0, -0, +7, 0644, 0o644, 0x1F, 0b101, -0x10, 1_000]", "[0,0,7,420,420,31,5,-16,1000]");
    expect("[9223372036854775807, -9223372036854775808]",
           "[9223372036854775807,-9223372036854775808]");
    expect("[1.5, .5, 1e3, -2.5e-1]", "[1.5,0.5,1000.0,-0.25]");
    expect("[1.2.3, 2026-11-29, 12:30:45, 0x, 100m, 1Gi, -, 10.0.0.1, 1e, '', -x]",
           "[\"1.2.3\",\"2026-11-29\",\"12:30:45\",\"0x\",\"100m\",\"1Gi\",\"-\",\"10.0.0.1\","
           "\"1e\",\"\",\"-x\"]");
}
END_TEST

START_TEST(test_numbers_that_json_has_not)
{
    refused("a: 9223372036854775808", CL_ERR_MALFORMED,
            "pod.yaml: line 1: number: expected one of 64 bits, got '9223372036854775808'");
    refused("a: 1e999", CL_ERR_MALFORMED,
            "pod.yaml: line 1: number: expected a finite one, got '1e999'");
    refused("a: .inf", CL_ERR_MALFORMED,
            "pod.yaml: line 1: number: expected a finite one, got '.inf'");
    refused("a: .NaN", CL_ERR_MALFORMED,
            "pod.yaml: line 1: number: expected a finite one, got '.NaN'");
    refused("a: 089", CL_ERR_MALFORMED,
            "pod.yaml: line 1: number: expected octal digits behind a zero, or quotes around it, "
            "got '089'");
    refused("a: 11111111111111111111111111111111111111111111111111111111111111111",
            CL_ERR_MALFORMED,
            "pod.yaml: line 1: number: expected one of 64 bits, got "
            "'1111111111111111111111111111111111111111111111111111111111111111'");
}
END_TEST

START_TEST(test_several_documents)
{
    json_t *docs = NULL;
    ck_assert_int_eq(parse("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n", &docs), CL_OK);
    ck_assert_uint_eq(json_array_size(docs), 2);
    json_decref(docs);
    ck_assert_int_eq(parse("", &docs), CL_OK);
    ck_assert_uint_eq(json_array_size(docs), 0);
    json_decref(docs);
}
END_TEST

START_TEST(test_what_expands_is_refused)
{
    refused("a: &x 1\nb: *x\n", CL_ERR_UNSUPPORTED,
            "pod.yaml: line 2: alias: expected none, got '*x'");
    refused("a: &x [1]\n*x : 2\n", CL_ERR_UNSUPPORTED,
            "pod.yaml: line 2: alias: expected none, got '*x'");
    refused("a:\n  <<: {b: 1}\n", CL_ERR_UNSUPPORTED,
            "pod.yaml: line 2: key: expected no merge, got '<<'");
    refused("a: !!binary aGk=\n", CL_ERR_UNSUPPORTED,
            "pod.yaml: line 1: tag: expected none, got 'tag:yaml.org,2002:binary'");
    refused("a: !x [1]\n", CL_ERR_UNSUPPORTED, "pod.yaml: line 1: tag: expected none, got '!x'");
    refused("a: !!map {}\n", CL_ERR_UNSUPPORTED,
            "pod.yaml: line 1: tag: expected none, got 'tag:yaml.org,2002:map'");
}
END_TEST

START_TEST(test_keys)
{
    refused("a: 1\nb: 2\na: 3\n", CL_ERR_MALFORMED,
            "pod.yaml: line 3: key 'a': expected it once, got it twice");
    refused("{a: 1, 'a': 2}", CL_ERR_MALFORMED,
            "pod.yaml: line 1: key 'a': expected it once, got it twice");
    refused("on: 1", CL_ERR_MALFORMED,
            "pod.yaml: line 1: key: expected text, got on without quotes");
    refused("1: 1", CL_ERR_MALFORMED, "pod.yaml: line 1: key: expected text, got 1 without quotes");
    refused("? [a]\n: 1", CL_ERR_MALFORMED,
            "pod.yaml: line 1: key: expected text, got a list or a mapping");
    refused("\"a\\0b\": 1", CL_ERR_MALFORMED,
            "pod.yaml: line 1: expected text, got a NUL character");
    expect("'on': 1\n'<<': 2\n", "{\"<<\":2,\"on\":1}");
}
END_TEST

START_TEST(test_levels)
{
    char text[128] = {0};
    json_t *docs = NULL;
    memset(text, '[', CL_YAML_MAX_DEPTH);
    memset(text + CL_YAML_MAX_DEPTH, ']', CL_YAML_MAX_DEPTH);
    ck_assert_msg(parse(text, &docs) == CL_OK, "%s", err.msg);
    json_decref(docs);
    memset(text, '[', CL_YAML_MAX_DEPTH + 1);
    refused(text, CL_ERR_MALFORMED, "pod.yaml: line 1: expected at most 32 levels, got more");
}
END_TEST

static void repeat(struct cl_buf *b, const char *piece, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(cl_buf_append_str(b, piece, NULL), CL_OK);
    }
}

START_TEST(test_sizes)
{
    struct cl_buf b = {0};
    repeat(&b, "- 1\n", CL_YAML_MAX_NODES);
    refused((const char *)b.data, CL_ERR_MALFORMED,
            "pod.yaml: line 65536: expected at most 65536 nodes, got more");
    cl_buf_reset(&b);
    repeat(&b, "--- a\n", CL_YAML_MAX_DOCUMENTS + 1);
    refused((const char *)b.data, CL_ERR_MALFORMED,
            "pod.yaml: line 65: expected at most 64 documents, got more");
    cl_buf_reset(&b);
    repeat(&b, "#", CL_YAML_MAX_SIZE + 1);
    refused((const char *)b.data, CL_ERR_MALFORMED,
            "pod.yaml: expected at most 1048576 bytes, got 1048577");
    cl_buf_done(&b);
}
END_TEST

static const char good[] = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n"
                           "    args: [\"x\\ty\", 'it''s', |\n     no]\n";

START_TEST(test_every_truncation_ends)
{
    static const char pod[] =
        "kind: Pod\nspec:\n  containers:\n  - {name: a, args: ['x', \"\\ty\"]}\n"
        "  - name: b\n    command:\n    - |\n      text\n";
    for (size_t n = 0; n < sizeof(pod); n++) {
        json_t *docs = NULL;
        enum cl_status st = cl_yaml_parse(pod, n, "pod.yaml", &docs, &err);
        ck_assert_int_eq(st == CL_OK, docs != NULL);
        json_decref(docs);
    }
    for (size_t n = 0; n < sizeof(good) - 1; n++) { /* every byte broken */
        char text[sizeof(good)];
        json_t *docs = NULL;
        memcpy(text, good, sizeof(good));
        text[n] = (char)(text[n] ^ 0x80);
        ck_assert_int_eq(cl_yaml_parse(text, sizeof(good) - 1, "pod.yaml", &docs, NULL),
                         CL_ERR_MALFORMED);
    }
}
END_TEST

START_TEST(test_not_yaml)
{
    json_t *docs = NULL;
    static const char *const bad[] = {
        "a: b: c",  "a:\n\t- b",         "[1, 2",     "{a: 1", "\"abc",
        "a: 'x' y", "%YAML 3.0\n---\na", "- a\nb: 1", "\x01"};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_msg(parse(bad[i], &docs) == CL_ERR_MALFORMED, "%s", bad[i]);
        ck_assert_msg(strncmp(err.msg, "pod.yaml: line ", 15) == 0, "%s", err.msg);
    }
    ck_assert_int_eq(cl_yaml_parse("a\0b", 3, "pod.yaml", &docs, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(cl_yaml_parse("\xff\xfe"
                                   "a\0",
                                   4, "pod.yaml", &docs, &err),
                     CL_ERR_MALFORMED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("yaml");
    TCase *t = tcase_create("yaml");
    tcase_add_test(t, test_shapes);
    tcase_add_test(t, test_scalars_as_kubernetes);
    tcase_add_test(t, test_numbers_that_json_has_not);
    tcase_add_test(t, test_several_documents);
    tcase_add_test(t, test_what_expands_is_refused);
    tcase_add_test(t, test_keys);
    tcase_add_test(t, test_levels);
    tcase_add_test(t, test_sizes);
    tcase_add_test(t, test_every_truncation_ends);
    tcase_add_test(t, test_not_yaml);
    suite_add_tcase(s, t);
    return run_suite(s);
}
