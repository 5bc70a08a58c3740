/* SPDX-License-Identifier: Apache-2.0
 * test_keyprovider.c - ocicrypt's key-provider protocol: wrap, unwrap, and what is refused.
 */
#include "image/keyprovider.h"

#include "base/json.h"
#include "edit.h"
#include "image_fixture.h"
#include "oci/ocicrypt.h"

#include <pthread.h>

/* optsdata is "{\"symkey\":..." in base64: any bytes do. */
#define WRAP                                                                                       \
    "{\"op\":\"keywrap\",\"keywrapparams\":{\"ec\":{\"Parameters\":{\"attestation-agent\":["       \
    "\"@PARAMS@\"]},\"DecryptConfig\":{\"Parameters\":{}}},\"optsdata\":\"c2VjcmV0IG9wdGlvbnM=\"}" \
    ","                                                                                            \
    "\"keyunwrapparams\":{\"dc\":null,\"annotation\":null}}"
#define UNWRAP                                                                                     \
    "{\"op\":\"keyunwrap\",\"keywrapparams\":{\"ec\":null,\"optsdata\":null},"                     \
    "\"keyunwrapparams\":{\"dc\":{\"Parameters\":{\"attestation-agent\":[\"@PARAMS@\"]}},"         \
    "\"annotation\":@ANNOTATION@}}"

static char *request(const char *form, const char *params, const char *annotation)
{
    struct cl_buf b64 = {0};
    ck_assert_int_eq(cl_b64_encode(&b64, params, strlen(params), NULL), CL_OK);
    char *one = edit(form, "@PARAMS@", b64.data != NULL ? (char *)b64.data : "");
    cl_buf_done(&b64);
    if (annotation == NULL) {
        return one;
    }
    char *two = edit(one, "@ANNOTATION@", annotation);
    free(one);
    return two;
}

static enum cl_status handle(const char *text, const char *key, struct cl_buf *out,
                             struct cl_err *err)
{
    struct cl_keyprovider k = {.key_path = key, .load_key = cl_keyprovider_load_key};
    return cl_keyprovider_handle(&k, (const uint8_t *)text, strlen(text), out, err);
}

/* The array of integers in an answer, as bytes. */
static void answer_bytes(const struct cl_buf *out, const char *outer, const char *inner,
                         struct cl_buf *ret)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    ck_assert_int_eq(cl_json_parse(out->data, out->len, "answer", &j, NULL), CL_OK);
    const json_t *a = json_object_get(json_object_get(j, outer), inner);
    ck_assert(json_is_array(a));
    for (size_t i = 0; i < json_array_size(a); i++) {
        uint8_t byte = (uint8_t)json_integer_value(json_array_get(a, i));
        ck_assert_int_eq(cl_buf_append(ret, &byte, 1, NULL), CL_OK);
    }
}

static void wrap_then_unwrap(const char *wrap_params, const char *unwrap_params, const char *key,
                             bool text_annotation)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf packet = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf again = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf plain = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf annotation = {0};
    struct cl_err err = {0};
    char *text = request(WRAP, wrap_params, NULL);
    ck_assert_msg(handle(text, key, &out, &err) == CL_OK, "%s", err.msg);
    free(text);
    answer_bytes(&out, "keywrapresults", "annotation", &packet);
    CL_CLEANUP(cl_ocicrypt_packet_done) struct cl_ocicrypt_packet p = {0};
    ck_assert_int_eq(cl_ocicrypt_packet_parse(packet.data, packet.len, &p, NULL), CL_OK);
    ck_assert_str_eq(p.kid, "kbs:///default/image-kek/1");
    if (text_annotation) {
        ck_assert_int_eq(cl_buf_append_str(&annotation, "\"", NULL), CL_OK);
        ck_assert_int_eq(cl_b64_encode(&annotation, packet.data, packet.len, NULL), CL_OK);
        ck_assert_int_eq(cl_buf_append_str(&annotation, "\"", NULL), CL_OK);
    } else {
        const char *start = strchr((char *)out.data, '[');
        size_t len = (size_t)(strchr(start, ']') - start) + 1;
        ck_assert_int_eq(cl_buf_append(&annotation, start, len, NULL), CL_OK);
    }
    text = request(UNWRAP, unwrap_params, (char *)annotation.data);
    ck_assert_msg(handle(text, key, &again, &err) == CL_OK, "%s", err.msg);
    free(text);
    answer_bytes(&again, "keyunwrapresults", "optsdata", &plain);
    ck_assert_str_eq((char *)plain.data, "secret options");
}

START_TEST(test_wrap_then_unwrap)
{
    fixture_write("kek", "0123456789abcdef0123456789abcdef", 32);
    wrap_then_unwrap("keypath=kek::keyid=kbs:///default/image-kek/1", "keypath=kek", NULL, true);
    wrap_then_unwrap("keypath=kek::keyid=kbs:///default/image-kek/1", "keypath=kek", NULL, false);
    wrap_then_unwrap("keyid=/default/image-kek/1::algorithm=A256GCM::sample=false", "", "kek",
                     true);
    wrap_then_unwrap("generate=true::keypath=new::keyid=host/default/image-kek/1", "keypath=new",
                     NULL, true);
}
END_TEST

START_TEST(test_refusals)
{
    static const struct {
        const char *params, *msg;
        enum cl_status st;
    } t[] = {
        {"keypath=kek", "parameters: keyid: expected kbs:///repository/type/tag, got none",
         CL_ERR_MALFORMED},
        {"keyid=kbs:///a/b/c", "parameters: keypath: expected a file of 32 bytes, got none",
         CL_ERR_MALFORMED},
        {"keyid=kbs:///a/b::keypath=kek", "key id: expected kbs:///repository/type/tag",
         CL_ERR_MALFORMED},
        {"keyid=kbs:///a/b/c::keypath=none", "'none': No such file", CL_ERR_SYS},
        {"keyid=kbs:///a/b/c::keypath=short", "key 'short': size: expected 32 bytes, got 31",
         CL_ERR_MALFORMED},
        {"keyid=kbs:///a/b/c::keypath=empty", "key 'empty': size: expected 32 bytes, got 0",
         CL_ERR_MALFORMED},
        {"keyid=kbs:///a/b/c::keypath=long", "long", CL_ERR_MALFORMED},
        {"keyid=kbs:///a/b/c::algorithm=A256CTR::keypath=kek",
         "parameters: algorithm: expected A256GCM, got 'A256CTR'", CL_ERR_UNSUPPORTED},
        {"sample=true", "parameters: expected keyid, keypath, algorithm or generate, got 'sample'",
         CL_ERR_UNSUPPORTED},
        {"surprise=1", "got 'surprise'", CL_ERR_UNSUPPORTED},
        {"keyid", "parameters: expected name=value, got 'keyid'", CL_ERR_MALFORMED},
        {"keyid=", "parameters: keyid: expected 1 to 255 bytes, got 0", CL_ERR_MALFORMED},
        {"generate=yes", "parameters: generate: expected true or false", CL_ERR_MALFORMED},
    };
    fixture_write("kek", "0123456789abcdef0123456789abcdef", 32);
    fixture_write("short", "0123456789abcdef0123456789abcdef", 31);
    fixture_write("long", "0123456789abcdef0123456789abcdef0", 33);
    fixture_write("empty", "", 0);
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
        struct cl_err err = {0};
        char *text = request(WRAP, t[i].params, NULL);
        enum cl_status st = handle(text, NULL, &out, &err);
        ck_assert_msg(st == t[i].st, "%s: %d %s", t[i].params, st, err.msg);
        ck_assert_msg(strstr(err.msg, t[i].msg) != NULL, "%s: %s", t[i].params, err.msg);
        ck_assert_uint_eq(out.len, 0);
        free(text);
    }
}
END_TEST

START_TEST(test_every_truncation_is_refused)
{
    fixture_write("kek", "0123456789abcdef0123456789abcdef", 32);
    char *text = request(WRAP, "keypath=kek::keyid=kbs:///a/b/c", NULL);
    size_t len = strlen(text);
    for (size_t n = 0; n < len; n++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
        struct cl_keyprovider k = {.load_key = cl_keyprovider_load_key};
        ck_assert_msg(cl_keyprovider_handle(&k, (uint8_t *)text, n, &out, NULL) != CL_OK,
                      "%zu bytes", n);
    }
    free(text);
}
END_TEST

START_TEST(test_unwrap_with_another_key_is_rejected)
{
    fixture_write("kek", "0123456789abcdef0123456789abcdef", 32);
    fixture_write("other", "0123456789abcdef0123456789abcdeg", 32);
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf again = {0};
    struct cl_err err = {0};
    char *text = request(WRAP, "keypath=kek::keyid=kbs:///a/b/c", NULL);
    ck_assert_int_eq(handle(text, NULL, &out, &err), CL_OK);
    free(text);
    char *start = strchr((char *)out.data, '[');
    strchr(start, ']')[1] = '\0';
    text = request(UNWRAP, "keypath=other", start);
    ck_assert_int_eq(handle(text, NULL, &again, &err), CL_ERR_REJECTED);
    ck_assert_uint_eq(again.len, 0);
    free(text);
    text = request(UNWRAP, "keypath=other", "[1,256]");
    ck_assert_int_eq(handle(text, NULL, &again, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "key provider request: annotation: item 1: expected 0 to 255");
    free(text);
}
END_TEST

static void *generate(void *ret)
{
    return cl_keyprovider_load_key("made", true, ret, NULL) == CL_OK ? ret : NULL;
}

START_TEST(test_keys_made_at_once_are_one_key)
{
    struct cl_secret key[8] = {0};
    pthread_t thread[8];
    struct stat st;
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(pthread_create(&thread[i], NULL, generate, &key[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        void *ok = NULL;
        ck_assert_int_eq(pthread_join(thread[i], &ok), 0);
        ck_assert_ptr_nonnull(ok);
        ck_assert_uint_eq(key[i].len, 32);
        ck_assert_mem_eq(key[i].data, key[0].data, 32);
    }
    ck_assert_int_eq(stat("made", &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(system("test \"$(echo *)\" = made"), 0); /* no temporary file is left */
    for (size_t i = 0; i < 8; i++) {
        cl_secret_done(&key[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("keyprovider");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, fixture_up, fixture_down);
    tcase_add_test(t, test_wrap_then_unwrap);
    tcase_add_test(t, test_refusals);
    tcase_add_test(t, test_every_truncation_is_refused);
    tcase_add_test(t, test_unwrap_with_another_key_is_rejected);
    tcase_add_test(t, test_keys_made_at_once_are_one_key);
    suite_add_tcase(s, t);
    return run_suite(s);
}
