/* SPDX-License-Identifier: Apache-2.0
 * test_broker_reference.c - reference values of every class: what a document must have, what its
 * name is, how it comes back from the database's form, and what matches it.
 */
#include "base/digest.h"
#include "base/encode.h"
#include "base/json.h"
#include "check_main.h"
#include "reference.h"

#include <stdio.h>
#include <string.h>

#define A48                                                                                        \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaa"
#define B48                                                                                        \
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" \
    "bbbb"
#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DOC(class, rest) "{\"schema\":\"cloister.reference/1\",\"class\":\"" class "\"," rest "}"
#define TD "\"mrtd\":\"" A48 "\",\"rtmr1\":\"" A48 "\",\"rtmr2\":\"" B48 "\""

static enum cl_status parse(const char *text, struct cl_reference *r, struct cl_err *err)
{
    json_t *j = NULL;
    ck_assert_int_eq(cl_json_parse(text, strlen(text), "reference", &j, err), CL_OK);
    enum cl_status st = cl_reference_from_json(j, r, err);
    json_decref(j);
    return st;
}

static const struct {
    const char *text;
    size_t count;
    const char *anchor;
} good_cases[] = {
    {DOC("snp", "\"measurement\":\"" A48 "\""), 1, "measurement"},
    {DOC("sim-snp", "\"measurement\":\"" A48 "\",\"expires\":\"x\",\"note\":\"n\""), 1,
     "measurement"},
    {DOC("tdx", TD), 3, "mrtd"},
    {DOC("sim-tdx", TD ",\"rtmr0\":\"" A48 "\",\"rtmr3\":\"" B48 "\""), 5, "mrtd"},
    {DOC("az-snp-vtpm", "\"measurement\":\"" A48 "\",\"pcrs\":{\"sha256\":{\"4\":\"" A32
                        "\",\"11\":\"" A32 "\"},\"sha384\":{\"4\":\"" B48 "\"}}"),
     4, "measurement"},
    {DOC("tdx", "\"measurement\":\"" A48 "\",\"rtmr1\":\"" A48 "\",\"rtmr2\":\"" B48 "\""), 3,
     "mrtd"},
    {DOC("az-tdx-vtpm", "\"mrtd\":\"" A48 "\",\"pcrs\":{\"sha256\":{\"0\":\"" A32 "\"}}"), 2,
     "mrtd"},
    {DOC("tpm", "\"ak\":\"" A32 "\",\"pcrs\":{\"sha256\":{\"23\":\"" A32 "\"}}"), 2, "ak"},
};

START_TEST(test_forms_of_every_class_and_their_way_through_the_database)
{
    struct cl_reference r = {0};
    struct cl_reference again = {0};
    struct cl_err err = {0};
    json_t *j = NULL;
    const struct cl_value *differs = NULL;
    ck_assert_msg(parse(good_cases[_i].text, &r, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(r.values.count, good_cases[_i].count);
    ck_assert_str_eq(r.values.list[0].name, good_cases[_i].anchor);
    ck_assert_str_eq(cl_reference_anchor(r.tee_class), good_cases[_i].anchor);
    ck_assert_uint_eq(strlen(r.id), 96);
    if (r.values.count == 1) {
        ck_assert_str_eq(r.id, A48);
    }
    ck_assert_int_eq(cl_reference_values_json(&r, &j, &err), CL_OK);
    ck_assert_msg(cl_reference_from_values(r.tee_class, j, &again, &err) == CL_OK, "%s", err.msg);
    ck_assert_str_eq(again.id, r.id);
    ck_assert(cl_reference_matches(&again, &r.values, &differs));
    for (size_t i = 0; i < r.values.count; i++) { /* each value counts, and a missing one too */
        struct cl_values got = r.values;
        got.list[i].data[got.list[i].size - 1] ^= 1;
        ck_assert(!cl_reference_matches(&r, &got, &differs));
        ck_assert_str_eq(differs->name, r.values.list[i].name);
        (void)snprintf(got.list[i].name, sizeof(got.list[i].name), "none");
        ck_assert(!cl_reference_matches(&r, &got, &differs));
    }
    json_decref(j);
    cl_reference_done(&r);
    cl_reference_done(&again);
}
END_TEST

static const struct {
    const char *text, *part;
} bad_cases[] = {
    {DOC("tdx", "\"mrtd\":\"" A48 "\""), "reference: rtmr1: expected string, got nothing"},
    {DOC("tdx", "\"mrtd\":\"" A48 "\",\"rtmr1\":\"" A48 "\""), "reference: rtmr2"},
    {DOC("tdx", "\"rtmr1\":\"" A48 "\",\"rtmr2\":\"" A48 "\""), "reference: mrtd"},
    {DOC("tdx", TD ",\"measurement\":\"" A48 "\""), "measurement"},
    {DOC("tdx", TD ",\"rtmr4\":\"" A48 "\""), "rtmr4"},
    {DOC("tdx", "\"mrtd\":\"" A32 "\",\"rtmr1\":\"" A48 "\",\"rtmr2\":\"" A48 "\""), "mrtd"},
    {DOC("snp", TD), "mrtd"},
    {DOC("snp", "\"measurement\":\"" A48 "\",\"pcrs\":{}"), "pcrs"},
    {DOC("snp", "\"measurement\":\"" A48 "\",\"events\":{}"), "events"},
    {DOC("az-snp-vtpm", "\"measurement\":\"" A48 "\""), "pcrs: expected object, got nothing"},
    {DOC("az-snp-vtpm", "\"measurement\":\"" A48 "\",\"pcrs\":{}"), "expected at least one"},
    {DOC("az-snp-vtpm", "\"measurement\":\"" A48 "\",\"pcrs\":{\"sha256\":{}}"),
     "expected at least one"},
    {DOC("tpm", "\"ak\":\"" A32 "\",\"pcrs\":{\"sha1\":{\"0\":\"" A32 "\"}}"), "got sha1 0"},
    {DOC("tpm", "\"ak\":\"" A32 "\",\"pcrs\":{\"sha256\":{\"24\":\"" A32 "\"}}"), "got sha256 24"},
    {DOC("tpm", "\"ak\":\"" A32 "\",\"pcrs\":{\"sha256\":{\"01\":\"" A32 "\"}}"), "got sha256 01"},
    {DOC("tpm", "\"ak\":\"" A32 "\",\"pcrs\":{\"sha256\":{\"1\":\"" A48 "\"}}"), "sha256:1"},
    {DOC("tpm", "\"ak\":\"" A32 "\",\"pcrs\":{\"sha256\":7}"), "expected at least one"},
    {DOC("tdx", TD ",\"events\":{\"rtmr1\":[]}"), "events: rtmr1: expected 1 to 64"},
    {DOC("tdx", TD ",\"events\":{\"rtmr1\":[\"" A48 "\"]}"),
     "expected digests that give its value"},
    {DOC("tdx", TD ",\"events\":{\"rtmr1\":[7]}"), "events"},
    {DOC("tdx", TD ",\"events\":{\"rtmr0\":[\"" A48 "\"]}"), "of a register that is given"},
};

START_TEST(test_bad_documents)
{
    struct cl_reference r = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(parse(bad_cases[_i].text, &r, &err), CL_ERR_MALFORMED);
    ck_assert_msg(strstr(err.msg, bad_cases[_i].part) != NULL, "%s", err.msg);
    ck_assert_uint_eq(r.values.count, 0);
}
END_TEST

START_TEST(test_events_must_give_the_register)
{
    uint8_t both[96] = {0};
    char digest[97];
    char rtmr[97];
    char text[1024];
    struct cl_reference r = {0};
    struct cl_err err = {0};
    memset(both + 48, 0x5a, 48);
    cl_hex(digest, both + 48, 48);
    ck_assert_int_eq(cl_sha384(both, both, sizeof(both), NULL), CL_OK);
    cl_hex(rtmr, both, 48);
    (void)snprintf(text, sizeof(text),
                   DOC("tdx", "\"mrtd\":\"" A48 "\",\"rtmr1\":\"%s\",\"rtmr2\":\"" B48
                              "\",\"events\":{\"rtmr1\":[\"%s\"]}"),
                   rtmr, digest);
    ck_assert_msg(parse(text, &r, &err) == CL_OK, "%s", err.msg);
    ck_assert_ptr_nonnull(r.events);
    cl_reference_done(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("broker_reference");
    TCase *t = tcase_create("broker_reference");
    tcase_add_loop_test(t, test_forms_of_every_class_and_their_way_through_the_database, 0,
                        (int)CL_ARRAY_LEN(good_cases));
    tcase_add_loop_test(t, test_bad_documents, 0, (int)CL_ARRAY_LEN(bad_cases));
    tcase_add_test(t, test_events_must_give_the_register);
    suite_add_tcase(s, t);
    return run_suite(s);
}
