/* SPDX-License-Identifier: Apache-2.0
 * test_collateral_documents.c - what collateral comes in, with one thing wrong in it: the
 * collateral of a quote, bundles, protected headers and signatures, names of signers, files and
 * folders.
 */
#include "check_main.h"
#include "collateral_world.h"
#include "edit.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <unistd.h>

#define NOW INT64_C(1790000000)

static struct cl_collateral *fresh(void)
{
    struct cl_collateral *c = NULL;
    ck_assert_int_eq(cl_collateral_new(&c, NULL), CL_OK);
    return c;
}

/* ---- documents ---- */

static void expect_document(json_t *doc, enum cl_status want, const char *message)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = fresh();
    struct cl_collateral_options o = {.time = NOW};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_json_compact(doc, &text, NULL), CL_OK);
    enum cl_status st = cl_collateral_add_document(c, text.data, text.len, &o, &err);
    ck_assert_msg(st == want && strcmp(err.msg, message) == 0, "%s: %s, not %s: %s",
                  cl_status_name(st), err.msg, cl_status_name(want), message);
}

START_TEST(test_quote_collateral_needs_each_member)
{
    json_t *good = cw_quote_collateral(), *value = NULL;
    const char *key = NULL;
    json_object_foreach(good, key, value)
    {
        char message[128];
        CL_CLEANUP(cl_json_decrefp) json_t *doc = json_deep_copy(good);
        (void)snprintf(message, sizeof(message), "collateral: %s: expected string, got integer",
                       key);
        ck_assert_int_eq(json_object_set_new(doc, key, json_integer(7)), 0);
        expect_document(doc, CL_ERR_MALFORMED, message);
    }
    json_decref(good);
}
END_TEST

/* Texts are put together again: none of them may break out of its place. */
START_TEST(test_parts_of_quote_collateral_stay_in_their_place)
{
    static const struct {
        const char *key, *value, *message;
    } rows[] = {
        {"pck_crl", "0g", "pck_crl: expected lower-case hex, got another character at 1"},
        {"pck_crl", "000", "pck_crl: expected 2 hex digits, got 3 characters"},
        {"tcb_info_signature", "00\",\"x\":\"",
         "tcb_info_signature: expected 128 hex digits, got 9 characters"},
        {"tcb_info", "{},\"x\":{}", "intel-tcb-info: document: unknown member 'x'"},
        {"tcb_info", "7", "intel-tcb-info: document: tcbInfo: expected object, got integer"},
        {"qe_identity", "{}}",
         "intel-qe-identity: document: not JSON at byte 23: end of file expected near ','"},
        {"pck_crl_issuer_chain", "", "intel-pck-crl: issuer chain: expected one, got none"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        CL_CLEANUP(cl_json_decrefp) json_t *doc = cw_quote_collateral();
        ck_assert_int_eq(json_object_set_new(doc, rows[i].key, json_string(rows[i].value)), 0);
        expect_document(doc, CL_ERR_MALFORMED, rows[i].message);
    }
}
END_TEST

/* ---- bundles ---- */

#define PAYLOAD                                                                                    \
    "{\"schema\":\"cloister.collateral/1\",\"created\":\"2026-01-01T00:00:00Z\","                  \
    "\"expires\":\"2096-01-01T00:00:00Z\",\"items\":[{\"kind\":\"amd-vcek\",\"data\":\"AAAA\"}]}"

START_TEST(test_each_member_of_a_payload)
{
    static const struct {
        const char *from, *to, *message;
    } rows[] = {
        {"\"created\":\"2026-01-01T00:00:00Z\",", "",
         "bundle: created: expected string, got nothing"},
        {"2026-01-01T00:00:00Z", "yesterday",
         "bundle: created: time: expected YYYY-MM-DDTHH:MM:SSZ, got 'yesterday'"},
        {"2096-01-01T00:00:00Z", "tomorrow",
         "bundle: expires: time: expected YYYY-MM-DDTHH:MM:SSZ, got 'tomorrow'"},
        {"[{\"kind\":\"amd-vcek\",\"data\":\"AAAA\"}]", "{}",
         "bundle: items: expected array, got object"},
        {"\"data\":\"AAAA\"", "\"data\":7",
         "bundle: item 0: item: data: expected string, got integer"},
        {"\"data\":\"AAAA\"", "\"data\":\"A\"",
         "bundle: item 0: data: expected padded base64, got 1 characters"},
        {"\"data\":\"AAAA\"", "\"data\":\"AAAA\",\"label\":\"x\"",
         "bundle: item 0: item: unknown member 'label'"},
        {"\"data\":\"AAAA\"", "\"data\":\"AAAA\",\"chain\":null",
         "bundle: item 0: item: chain: expected string, got null"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf payload = {0};
        char *text = edit(PAYLOAD, rows[i].from, rows[i].to);
        ck_assert_int_eq(cl_b64url_encode(&payload, text, strlen(text), NULL), CL_OK);
        CL_CLEANUP(cl_json_decrefp)
        json_t *doc = json_pack("{s:s,s:s}", "schema", "cloister.collateral/1", "payload",
                                (const char *)payload.data);
        expect_document(doc, CL_ERR_MALFORMED, rows[i].message);
        free(text);
    }
}
END_TEST

static json_t *signed_bundle(EVP_PKEY *key)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = fresh();
    json_t *j = NULL;
    ck_assert_int_eq(cl_collateral_write_bundle(c, NOW, NOW + 1, key, &text, NULL), CL_OK);
    ck_assert_int_eq(cl_json_parse(text.data, text.len, "x", &j, NULL), CL_OK);
    return j;
}

static void set_header(json_t *bundle, const char *header)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    ck_assert_int_eq(cl_b64url_encode(&text, header, strlen(header), NULL), CL_OK);
    ck_assert_int_eq(json_object_set_new(bundle, "protected", json_string((const char *)text.data)),
                     0);
}

/* {"alg":"ES256","typ":"cloister.collateral","spki":"<SPKI>"} */
static void header_of(const json_t *bundle, struct cl_buf *out)
{
    const char *text = json_string_value(json_object_get(bundle, "protected"));
    ck_assert_int_eq(cl_b64url_decode(out, text, strlen(text), "header", NULL), CL_OK);
}

START_TEST(test_what_a_protected_header_may_say)
{
    static const struct {
        const char *from, *to;
        enum cl_status want;
        const char *message;
    } rows[] = {
        {"{", "[", CL_ERR_MALFORMED, "bundle signature: not JSON at byte 7: ']' expected near ':'"},
        {"{", "{\"kid\":\"1\",", CL_ERR_MALFORMED, "bundle signature: unknown member 'kid'"},
        {"\"alg\":\"ES256\",", "", CL_ERR_MALFORMED,
         "bundle signature: alg: expected string, got nothing"},
        {"\"typ\":\"cloister.collateral\",", "", CL_ERR_MALFORMED,
         "bundle signature: typ: expected string, got nothing"},
        {"\"spki\":\"", "\"spki\":\"!", CL_ERR_MALFORMED,
         "bundle signature: spki: expected base64, got another character at 0"},
        {"\"spki\":\"", "\"spki\":\"AAAA", CL_ERR_MALFORMED,
         "bundle signature: spki: expected a public key in DER, got something else"},
        {"\"}", "AAAA\"}", CL_ERR_MALFORMED, /* behind the key */
         "bundle signature: spki: expected a public key in DER, got something else"},
        {"ES256", "none", CL_ERR_REJECTED,
         "bundle signature: alg, typ: expected ES256, cloister.collateral, got 'none', "
         "'cloister.collateral'"},
        {"ES256", "EdDSA", CL_ERR_REJECTED,
         "bundle signature: alg, typ: expected ES256, cloister.collateral, got 'EdDSA', "
         "'cloister.collateral'"},
        {"cloister.collateral", "JWT", CL_ERR_REJECTED,
         "bundle signature: alg, typ: expected ES256, cloister.collateral, got 'ES256', 'JWT'"},
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
        CL_CLEANUP(cl_json_decrefp) json_t *bundle = signed_bundle(key);
        header_of(bundle, &header);
        char *text = edit((const char *)header.data, rows[i].from, rows[i].to);
        set_header(bundle, text);
        expect_document(bundle, rows[i].want, rows[i].message);
        free(text);
    }
    EVP_PKEY_free(key);
}
END_TEST

static void set_spki(json_t *bundle, const void *der, size_t len)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
    ck_assert_int_eq(
        cl_buf_append_str(&header, "{\"alg\":\"ES256\",\"typ\":\"cloister.collateral\",\"spki\":\"",
                          NULL),
        CL_OK);
    ck_assert_int_eq(cl_b64url_encode(&header, der, len, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append_str(&header, "\"}", NULL), CL_OK);
    set_header(bundle, (const char *)header.data);
}

START_TEST(test_keys_and_signatures_of_other_sizes)
{
    static const uint8_t large[513];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    unsigned char *der = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *bundle = signed_bundle(key);
    ck_assert_int_eq(json_object_set_new(bundle, "signature", json_string("AAAA")), 0);
    expect_document(bundle, CL_ERR_MALFORMED, "bundle signature: size: expected 64 bytes, got 3");
    ck_assert_int_eq(json_object_set_new(bundle, "signature", json_string("!")), 0);
    expect_document(bundle, CL_ERR_MALFORMED,
                    "bundle signature: signature: expected base64, got 1 characters");
    set_header(bundle, "{\"alg\":\"ES256\",\"typ\":\"cloister.collateral\"}");
    expect_document(bundle, CL_ERR_MALFORMED,
                    "bundle signature: spki: expected string, got nothing");
    set_spki(bundle, large, sizeof(large));
    expect_document(bundle, CL_ERR_MALFORMED,
                    "bundle signature: spki: expected a public key in DER, got something else");
    int len = i2d_PUBKEY(world_pkey(WORLD_EK), &der); /* P-384 */
    set_spki(bundle, der, (size_t)len);
    expect_document(bundle, CL_ERR_UNSUPPORTED,
                    "bundle signature: key: expected EC P-256 or Ed25519, got another kind");
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}
END_TEST

/* ---- the name of a signer ---- */

static char dir[] = "/tmp/cloister-forms-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void put(const char *name, const void *data, size_t len)
{
    ck_assert_int_eq(cl_write_file(path_of(name), data, len, 0600, NULL), CL_OK);
}

static void put_doc(const char *name, enum cw_doc doc)
{
    put(name, cw_doc(doc)->data, cw_doc(doc)->len);
}

static void expect_signer(const char *text, enum cl_status want, const char *message)
{
    uint8_t got[CL_COLLATERAL_SIGNER_SIZE];
    struct cl_err err = {0};
    ck_assert_int_eq(cl_collateral_signer_read(text, got, &err), want);
    ck_assert_msg(strstr(err.msg, message) != NULL, "%s", err.msg);
}

/* The same key as hex, and in files: digest, public key, private key, certificate. */
START_TEST(test_a_signer_is_read_from_each_form)
{
    uint8_t want[CL_COLLATERAL_SIGNER_SIZE], got[CL_COLLATERAL_SIGNER_SIZE];
    char hex[2 * CL_COLLATERAL_SIGNER_SIZE + 2];
    EVP_PKEY *key = world_pkey(WORLD_P256);
    struct world_cert self = world_ask();
    struct cl_buf pem = {0};
    char *text[3] = {NULL};
    BIO *bios[3] = {BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
    ck_assert_int_eq(cl_collateral_signer_of(key, want, NULL), CL_OK);
    cl_hex(hex, want, sizeof(want));
    ck_assert_int_eq(cl_collateral_signer_read(hex, got, NULL), CL_OK);
    ck_assert_mem_eq(got, want, sizeof(want));
    hex[64] = '\n';
    ck_assert_int_eq(PEM_write_bio_PUBKEY(bios[0], key), 1);
    ck_assert_int_eq(PEM_write_bio_PrivateKey(bios[1], key, NULL, NULL, 0, NULL, NULL), 1);
    self.key = WORLD_P256;
    cw_append_cert(&pem, &self);
    ck_assert_int_eq(BIO_write(bios[2], pem.data, (int)pem.len), (int)pem.len);
    for (size_t i = 0; i <= CL_ARRAY_LEN(bios); i++) {
        long len = i < CL_ARRAY_LEN(bios) ? BIO_get_mem_data(bios[i], &text[i]) : 65;
        put("signer", i < CL_ARRAY_LEN(bios) ? text[i] : hex, (size_t)len);
        memset(got, 0, sizeof(got));
        ck_assert_int_eq(cl_collateral_signer_read(path_of("signer"), got, NULL), CL_OK);
        ck_assert_mem_eq(got, want, sizeof(want));
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(bios); i++) {
        BIO_free(bios[i]);
    }
    cl_buf_done(&pem);
}
END_TEST

START_TEST(test_signers_that_are_none)
{
    static uint8_t large[16385];
    struct world_cert p384 = world_ask();
    struct cl_buf pem = {0};
    expect_signer(path_of("absent"), CL_ERR_SYS, "absent': No such file or directory");
    put("signer", "", 0);
    expect_signer(path_of("signer"), CL_ERR_MALFORMED,
                  "signer': signer: expected a key or certificate in PEM or 64 hex digits, got "
                  "something else");
    put("signer", large, sizeof(large));
    expect_signer(path_of("signer"), CL_ERR_MALFORMED,
                  "signer': size: expected at most 16384 bytes, got more");
    memset(large, 'x', 64);
    put("signer", large, 64);
    expect_signer(path_of("signer"), CL_ERR_MALFORMED, "signer: expected lower-case hex");
    uint8_t digest[CL_COLLATERAL_SIGNER_SIZE];
    ck_assert_int_eq(cl_collateral_signer_parse(large, sizeof(large), digest, NULL),
                     CL_ERR_MALFORMED);
    p384.key = WORLD_EK;
    cw_append_cert(&pem, &p384);
    put("signer", pem.data, pem.len);
    expect_signer(path_of("signer"), CL_ERR_UNSUPPORTED,
                  "key: expected EC P-256 or Ed25519, got another kind");
    cl_buf_done(&pem);
}
END_TEST

/* ---- files and folders ---- */

static void expect_path(const char *path, enum cl_status want, const char *message)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = fresh();
    struct cl_collateral_options o = {.time = NOW};
    struct cl_err err = {0};
    enum cl_status st = cl_collateral_add_path(c, path, &o, &err);
    ck_assert_msg(st == want && strstr(err.msg, message) != NULL, "%s: %s", cl_status_name(st),
                  err.msg);
}

START_TEST(test_files_that_hold_something_else)
{
    static uint8_t large[CL_COLLATERAL_MAX_DATA + 1];
    expect_path(path_of("absent"), CL_ERR_SYS, "absent': No such file or directory");
    put("amd-vcek.der", "", 0);
    expect_path(path_of("amd-vcek.der"), CL_ERR_TRUNCATED, "expected contents, got none");
    put("amd-vcek.der", large, sizeof(large));
    expect_path(path_of("amd-vcek.der"), CL_ERR_MALFORMED, "size: expected at most 1048576 bytes");
    put("amd-vcek.der", "x", 1);
    expect_path(path_of("amd-vcek.der"), CL_ERR_MALFORMED,
                "amd-vcek.der': amd-vcek: certificate: contents: expected X.509 in DER");
    put("bundle.json", "", 0);
    expect_path(path_of("bundle.json"), CL_ERR_TRUNCATED, "expected contents, got none");
    put("bundle.json", "[]", 2);
    expect_path(path_of("bundle.json"), CL_ERR_MALFORMED,
                "bundle.json': collateral: contents: expected a bundle");
    (void)unlink(path_of("amd-vcek.der"));
    (void)unlink(path_of("bundle.json"));
}
END_TEST

/* A name without a folder; documents among raw files; hidden ones are passed over. */
START_TEST(test_names_that_count)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = fresh();
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *doc = cw_quote_collateral();
    struct cl_collateral_options o = {.time = NOW};
    ck_assert_int_eq(cl_json_compact(doc, &text, NULL), CL_OK);
    put_doc("amd-vcek.der", CW_AMD_VCEK);
    ck_assert_int_eq(chdir(dir), 0);
    ck_assert_int_eq(cl_collateral_add_path(c, "amd-vcek.der", &o, NULL), CL_OK);
    ck_assert_int_eq(chdir("/"), 0);
    put("platform.collateral.json", text.data, text.len);
    put(".half.collateral.json", "{", 1);
    ck_assert_int_eq(cl_collateral_add_path(c, dir, &o, NULL), CL_OK);
    ck_assert_uint_eq(cl_collateral_count(c), 5);
    (void)unlink(path_of("amd-vcek.der"));
    (void)unlink(path_of("platform.collateral.json"));
    (void)unlink(path_of(".half.collateral.json"));
}
END_TEST

static void expect_too_long(const char *path)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = fresh();
    struct cl_collateral_options o = {.time = NOW};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_collateral_add_path(c, path, &o, &err), CL_ERR_SYS);
    ck_assert_int_eq(err.sys_errno, ENAMETOOLONG);
}

/* A path that can be opened, but not with what would have to be put behind it. */
START_TEST(test_paths_that_are_too_long)
{
    static const char file[] = "intel-tcb-info.json";
    char path[4096];
    size_t end = sizeof(path) - 1, at = strlen(dir);
    put_doc(file, CW_TCB_INFO);
    memset(path, '/', end);
    path[end] = '\0';
    memcpy(path, dir, at);
    expect_too_long(path);
    memcpy(path + end - strlen(file), file, strlen(file));
    expect_too_long(path);
    (void)unlink(path_of(file));
}
END_TEST

int main(void)
{
    cw_init(NOW);
    if (mkdtemp(dir) == NULL) {
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("collateral_documents");
    TCase *t = tcase_create("collateral_documents");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_quote_collateral_needs_each_member);
    tcase_add_test(t, test_parts_of_quote_collateral_stay_in_their_place);
    tcase_add_test(t, test_each_member_of_a_payload);
    tcase_add_test(t, test_what_a_protected_header_may_say);
    tcase_add_test(t, test_keys_and_signatures_of_other_sizes);
    tcase_add_test(t, test_a_signer_is_read_from_each_form);
    tcase_add_test(t, test_signers_that_are_none);
    tcase_add_test(t, test_files_that_hold_something_else);
    tcase_add_test(t, test_names_that_count);
    tcase_add_test(t, test_paths_that_are_too_long);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    (void)unlink(path_of("signer"));
    (void)rmdir(dir);
    return rc;
}
