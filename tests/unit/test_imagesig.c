/* SPDX-License-Identifier: Apache-2.0
 * test_imagesig.c - cosign's signatures by key, identity rules, and what a policy may say of them.
 */
#include "cloister/image_signature.h"

#include "base/encode.h"
#include "check_main.h"
#include "imagesig_world.h"

#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

#define REPOSITORY "{\"type\":\"matchRepository\"}"
#define WHAT "rule"

static struct cl_err err;
static EVP_PKEY *key;
static EVP_PKEY *other;

static void setup(void)
{
    key = sig_key("P-256");
    other = sig_key("P-256");
}

static void teardown(void)
{
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static struct cl_image_rule *rule_of(json_t *take)
{
    struct cl_image_rule *rule = NULL;
    enum cl_status st = cl_image_rule_parse(take, WHAT, &rule, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    json_decref(take);
    return rule;
}

static void ck_line(enum cl_status got, enum cl_status st, const char *line)
{
    ck_assert_msg(got == st && strncmp(err.msg, line, strlen(line)) == 0,
                  "expected %d '%s', got %d '%s'", (int)st, line, (int)got, err.msg);
}

/* One signature by `signer` of a payload, against a rule with one key. */
static enum cl_status check(EVP_PKEY *in_rule, EVP_PKEY *signer, const char *ours,
                            const char *identity, const char *type, const char *theirs,
                            struct cl_image_signed *ret)
{
    CL_CLEANUP(cl_image_rule_freep)
    struct cl_image_rule *rule = rule_of(sig_cosign_rule(in_rule, ours, identity));
    char *payload = sig_payload(type, theirs, SIG_DIGEST);
    char *sig = sig_cosign(signer, payload);
    enum cl_status st = cl_image_rule_cosign(rule, payload, strlen(payload), sig, ret, &err);
    free(payload);
    free(sig);
    return st;
}

START_TEST(test_cosign_takes_each_kind_of_key)
{
    static const char *const kinds[] = {"P-256", "RSA", "Ed25519"};
    EVP_PKEY *k = sig_key(kinds[_i]);
    struct cl_image_signed s = {0};
    uint8_t digest[CL_SHA256_SIZE];
    enum cl_status st =
        check(k, k, SIG_REFERENCE, REPOSITORY, SIG_COSIGN, "registry.example/team/app", &s);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert(s.verified);
    ck_assert_int_eq(cl_oci_digest_parse(SIG_DIGEST, digest, &err), CL_OK);
    ck_assert_mem_eq(s.digest, digest, sizeof(digest));
    ck_line(check(k, other, SIG_REFERENCE, REPOSITORY, SIG_COSIGN, "registry.example/team/app", &s),
            CL_ERR_REJECTED, "signature.key: expected a signature by one of 1 keys of the policy");
    ck_assert(!s.verified);
    EVP_PKEY_free(k);
}
END_TEST

START_TEST(test_cosign_needs_every_bit)
{
    CL_CLEANUP(cl_image_rule_freep)
    struct cl_image_rule *rule = rule_of(sig_cosign_rule(key, SIG_REFERENCE, REPOSITORY));
    char *payload = sig_payload(SIG_COSIGN, "registry.example/team/app", SIG_DIGEST);
    char *sig = sig_cosign(key, payload);
    struct cl_image_signed s = {0};
    size_t len = strlen(payload);
    ck_assert_int_eq(cl_image_rule_cosign(rule, payload, len, sig, &s, &err), CL_OK);
    for (size_t n = 0; n < len; n++) {
        ck_assert_int_eq(cl_image_rule_cosign(rule, payload, n, sig, &s, NULL), CL_ERR_REJECTED);
    }
    for (size_t i = 0; i < len; i++) {
        payload[i] ^= 1;
        ck_assert_int_eq(cl_image_rule_cosign(rule, payload, len, sig, &s, NULL), CL_ERR_REJECTED);
        payload[i] ^= 1;
    }
    for (size_t n = 0; n < strlen(sig); n++) {
        char cut[CL_IMAGE_SIG_MAX_TEXT];
        (void)snprintf(cut, sizeof(cut), "%.*s", (int)n, sig);
        ck_assert_int_ne(cl_image_rule_cosign(rule, payload, len, cut, &s, NULL), CL_OK);
    }
    char broken[CL_IMAGE_SIG_MAX_TEXT]; /* lines are broken by some tools */
    (void)snprintf(broken, sizeof(broken), "%.20s\n%s\n", sig, sig + 20);
    ck_assert_int_eq(cl_image_rule_cosign(rule, payload, len, broken, &s, &err), CL_OK);
    static char long_text[CL_IMAGE_SIG_MAX_TEXT + 2];
    memset(long_text, 'A', CL_IMAGE_SIG_MAX_TEXT + 1);
    ck_line(cl_image_rule_cosign(rule, payload, len, long_text, &s, &err), CL_ERR_MALFORMED,
            "signature.format: expected at most 2048 bytes");
    static char big[CL_IMAGE_SIG_MAX_PAYLOAD + 1];
    ck_line(cl_image_rule_cosign(rule, big, sizeof(big), sig, &s, &err), CL_ERR_REJECTED,
            "signature.type: expected cosign of at most 65536 bytes");
    ck_assert_int_eq(cl_image_rule_simple(rule, payload, len, 0, &s, &err), CL_ERR_REJECTED);
    free(payload);
    free(sig);
}
END_TEST

#define D "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define TYPE(t) "{\"type\":\"" t "\"}"
#define EXACT_REF(r) "{\"type\":\"exactReference\",\"dockerReference\":\"" r "\"}"
#define EXACT_REPO(r) "{\"type\":\"exactRepository\",\"dockerRepository\":\"" r "\"}"
#define REMAP(p, s) "{\"type\":\"remapIdentity\",\"prefix\":\"" p "\",\"signedPrefix\":\"" s "\"}"

static const struct {
    const char *identity;
    const char *ours;
    const char *theirs;
    bool good;
} identities[] = {
    {TYPE("matchExact"), "h.io/a:1", "h.io/a:1", true},
    {TYPE("matchExact"), "h.io/a:1", "h.io/a:2", false},
    {TYPE("matchExact"), "h.io/a:1", "h.io/a", false},
    {TYPE("matchExact"), "h.io/a:1", "h.io/b:1", false},
    {TYPE("matchExact"), "h.io/a@" D, "h.io/a@" D, true},
    {TYPE("matchExact"), "h.io/a@" D, "h.io/a:1", false},
    {TYPE("matchExact"), "h.io/a:1", "h.io/a:1@" D, false},
    {TYPE("matchRepoDigestOrExact"), "h.io/a:1", "h.io/a:1", true},
    {TYPE("matchRepoDigestOrExact"), "h.io/a:1", "h.io/a:2", false},
    {TYPE("matchRepoDigestOrExact"), "h.io/a@" D, "h.io/a:2", true},
    {TYPE("matchRepoDigestOrExact"), "h.io/a@" D, "h.io/a", false},
    {TYPE("matchRepoDigestOrExact"), "h.io/a@" D, "h.io/b:2", false},
    {TYPE("matchRepoDigestOrExact"), "h.io/a:1@" D, "h.io/a:2", false},
    {TYPE("matchRepository"), "h.io/a:1", "h.io/a", true},
    {TYPE("matchRepository"), "h.io/a", "h.io/a:7", true},
    {TYPE("matchRepository"), "h.io/a", "h.io/ab", false},
    {TYPE("matchRepository"), "h.io/a", "h.io/a/b", false},
    {TYPE("matchRepository"), "h.io:5000/a", "h.io/a", false},
    {TYPE("matchRepository"), "busybox", "docker.io/library/busybox:1", true},
    {TYPE("matchRepository"), "index.docker.io/me/x", "me/x", true},
    {TYPE("matchRepository"), "localhost/x", "localhost/x", true},
    {TYPE("matchRepository"), "h.io/a", "h.io/A", false},  /* no reference */
    {TYPE("matchRepository"), "h.io/a", "", false},        /* no reference */
    {TYPE("matchRepository"), "h.io/a", "h.io//a", false}, /* no reference */
    {EXACT_REF("h.io/s:1"), "h.io/a:1", "h.io/s:1", true},
    {EXACT_REF("h.io/s:1"), "h.io/a:1", "h.io/s:2", false},
    {EXACT_REF("h.io/s:1"), "h.io/s:2", "h.io/s:2", false},
    {EXACT_REPO("h.io/s"), "h.io/a:1", "h.io/s:2", true},
    {EXACT_REPO("h.io/s"), "h.io/a:1", "h.io/a:1", false},
    {REMAP("mirror.io/up", "h.io/x"), "mirror.io/up/a:1", "h.io/x/a:1", true},
    {REMAP("mirror.io", "h.io"), "mirror.io/up/a:1", "h.io/up/a:1", true},
    {REMAP("mirror.io/up", "h.io/x"), "mirror.io/up:1", "h.io/x:1", true},
    {REMAP("mirror.io/up", "h.io/x"), "mirror.io/up/a:1", "h.io/x/a:2", false},
    {REMAP("mirror.io/up", "h.io/x"), "mirror.io/up/a:1", "mirror.io/up/a:1", false},
    {REMAP("mirror.io/up", "h.io/x"), "mirror.io/upper/a:1", "mirror.io/upper/a:1", true},
    {REMAP("mirror.io/up", "h.io/x"), "mirror.io/upper/a:1", "h.io/xper/a:1", false},
    {REMAP("mirror.io/up", "h.io"), "mirror.io/up:1", "h.io:1", false},
};

START_TEST(test_identity)
{
    struct cl_image_signed s = {0};
    enum cl_status st = check(key, key, identities[_i].ours, identities[_i].identity, SIG_COSIGN,
                              identities[_i].theirs, &s);
    ck_assert_msg((st == CL_OK) == identities[_i].good, "%s %s %s: %s", identities[_i].identity,
                  identities[_i].ours, identities[_i].theirs, st != CL_OK ? err.msg : "");
    ck_assert(s.verified);
    if (identities[_i].good || identities[_i].theirs[0] == '\0') {
        return;
    }
    ck_assert_msg(strncmp(err.msg, "signature.identity: expected ", 29) == 0, "%s", err.msg);
}
END_TEST

START_TEST(test_payload_is_of_the_right_type)
{
    struct cl_image_signed s = {0};
    ck_line(check(key, key, SIG_REFERENCE, REPOSITORY, SIG_SIMPLE, "registry.example/team/app", &s),
            CL_ERR_REJECTED, "signature.type: expected 'cosign container image signature', got");
}
END_TEST

static const struct {
    const char *payload;
    const char *line;
} payloads[] = {
    {"{}", "signature.payload: critical: expected"},
    {"[]", "signature.payload: critical: expected object"},
    {"{\"critical\":{},\"x\":1}", "signature.payload: "},
    {"{\"critical\":{\"type\":\"" SIG_COSIGN "\"}}", "signature.payload: critical: identity"},
    {"{\"critical\":{\"type\":\"" SIG_COSIGN
     "\",\"identity\":{\"docker-reference\":\"\"},\"image\":{}}}",
     "signature.payload: critical: identity: docker-reference: expected 1 to 512 bytes, got 0"},
    {"{\"critical\":{\"type\":\"" SIG_COSIGN
     "\",\"identity\":{\"docker-reference\":\"a\"},\"image\":{}}}",
     "signature.payload: critical: image: docker-manifest-digest"},
    {"{\"critical\":{\"type\":\"" SIG_COSIGN "\",\"identity\":{\"docker-reference\":\"a\"},"
     "\"image\":{\"docker-manifest-digest\":\"sha256:00\"}}}",
     "signature.payload: critical: image: docker-manifest-digest"},
    {"{\"critical\":{\"type\":\"" SIG_COSIGN
     "\",\"identity\":{\"docker-reference\":\"a\",\"more\":1},\"image\":{}}}",
     "signature.payload: critical: identity"},
    {"{\"critical\":{\"type\":\"" SIG_COSIGN "\",\"identity\":{},\"image\":{},\"more\":1}}",
     "signature.payload: critical"},
};

START_TEST(test_payload_is_read_strictly)
{
    CL_CLEANUP(cl_image_rule_freep)
    struct cl_image_rule *rule = rule_of(sig_cosign_rule(key, SIG_REFERENCE, REPOSITORY));
    const char *payload = payloads[_i].payload;
    char *sig = sig_cosign(key, payload);
    struct cl_image_signed s = {0};
    enum cl_status st = cl_image_rule_cosign(rule, payload, strlen(payload), sig, &s, &err);
    free(sig);
    ck_assert(st != CL_OK && s.verified);
    ck_assert_msg(strncmp(err.msg, payloads[_i].line, strlen(payloads[_i].line)) == 0, "%s",
                  err.msg);
}
END_TEST

/* --- rules ------------------------------------------------------------------------------------ */

static const struct {
    const char *member;
    const char *value; /* JSON; NULL: taken away */
    enum cl_status st;
    const char *line;
} rules[] = {
    {"type", "\"pki\"", CL_ERR_MALFORMED, WHAT ": type: expected cosign or simple, got 'pki'"},
    {"type", NULL, CL_ERR_MALFORMED, WHAT ": type: "},
    {"keyring", "\"\"", CL_ERR_MALFORMED, WHAT},
    {"reference", "\"h.io/A\"", CL_ERR_MALFORMED,
     WHAT ": reference: expected a reference of an image, got 'h.io/A'"},
    {"reference", "\"h.io/a:b:c\"", CL_ERR_MALFORMED, WHAT ": reference: "},
    {"reference", "\"h.io/a@sha256:0\"", CL_ERR_MALFORMED, WHAT ": reference: "},
    {"reference", "\"h.io/a@\"", CL_ERR_MALFORMED, WHAT ": reference: "},
    {"reference", "\"h.io/a:\"", CL_ERR_MALFORMED, WHAT ": reference: "},
    {"reference", "\"h.io:x/a\"", CL_ERR_MALFORMED, WHAT ": reference: "},
    {"reference", "\"h.io:123456/a\"", CL_ERR_MALFORMED, WHAT ": reference: "},
    {"reference", "\"-h.io/a\"", CL_ERR_MALFORMED, WHAT ": reference: "},
    {"reference", "\"h.io/a/\"", CL_ERR_MALFORMED, WHAT ": reference: "},
    {"reference", "\"h.io/-a\"", CL_ERR_MALFORMED, WHAT ": reference: "},
    {"reference", NULL, CL_ERR_MALFORMED, WHAT ": reference: "},
    {"identity", NULL, CL_ERR_MALFORMED, WHAT ": identity: "},
    {"identity", "{}", CL_ERR_MALFORMED, WHAT ": identity: type: "},
    {"identity", "{\"type\":\"any\"}", CL_ERR_MALFORMED,
     WHAT ": identity: type: expected a signedIdentity of containers-policy.json, got 'any'"},
    {"identity", "{\"type\":\"matchRepository\",\"x\":1}", CL_ERR_MALFORMED, WHAT ": identity"},
    {"identity", "{\"type\":\"exactReference\"}", CL_ERR_MALFORMED, WHAT ": identity"},
    {"identity", EXACT_REF("h.io/a"), CL_ERR_MALFORMED,
     WHAT ": identity: dockerReference: expected a tag or digest, got 'h.io/a'"},
    {"identity", EXACT_REPO("h.io/a:1"), CL_ERR_MALFORMED,
     WHAT ": identity: dockerRepository: expected a repository, got 'h.io/a:1'"},
    {"identity", REMAP("h.io/a/", "h.io"), CL_ERR_MALFORMED, WHAT ": identity: prefix: "},
    {"identity", REMAP("h.io", "h_io/x"), CL_ERR_MALFORMED, WHAT ": identity: signedPrefix: "},
    {"keys", "[]", CL_ERR_MALFORMED, WHAT ": keys: expected 1 to 16, got 0"},
    {"keys", "[1]", CL_ERR_MALFORMED, WHAT ": keys[0]: expected a string"},
    {"keys", "[\"x\"]", CL_ERR_MALFORMED, WHAT ": keys[0]: expected a PUBLIC KEY in PEM"},
    {"keys", "[\"-----BEGIN PUBLIC KEY-----\\nAA\\n-----END PUBLIC KEY-----\\n\"]",
     CL_ERR_MALFORMED, WHAT ": keys[0]: expected one PUBLIC KEY in PEM, got a damaged one"},
};

START_TEST(test_rule_is_read_strictly)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = sig_cosign_rule(key, SIG_REFERENCE, REPOSITORY);
    struct cl_image_rule *rule = NULL;
    if (rules[_i].value != NULL) {
        (void)json_object_set_new(j, rules[_i].member,
                                  json_loads(rules[_i].value, JSON_DECODE_ANY, NULL));
    } else {
        (void)json_object_del(j, rules[_i].member);
    }
    ck_line(cl_image_rule_parse(j, WHAT, &rule, &err), rules[_i].st, rules[_i].line);
    ck_assert_ptr_null(rule);
}
END_TEST

START_TEST(test_rule_needs_a_tag_where_one_is_compared)
{
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = sig_cosign_rule(key, "h.io/a", TYPE("matchRepoDigestOrExact"));
    struct cl_image_rule *rule = NULL;
    ck_line(cl_image_rule_parse(j, WHAT, &rule, &err), CL_ERR_MALFORMED,
            WHAT ": identity: type: expected matchRepository for a reference without tag");
}
END_TEST

START_TEST(test_rule_takes_no_other_keys)
{
    struct cl_image_rule *rule = NULL;
    EVP_PKEY *k = sig_key("P-384");
    CL_CLEANUP(cl_json_decrefp) json_t *j = sig_cosign_rule(k, SIG_REFERENCE, REPOSITORY);
    ck_line(cl_image_rule_parse(j, WHAT, &rule, &err), CL_ERR_UNSUPPORTED,
            WHAT ": keys[0]: expected a P-256, Ed25519 or RSA key of 2048 to 8192 bits, got EC");
    EVP_PKEY_free(k);
    EVP_PKEY *small = EVP_RSA_gen(1024);
    CL_CLEANUP(cl_json_decrefp) json_t *j2 = sig_cosign_rule(small, SIG_REFERENCE, REPOSITORY);
    ck_line(cl_image_rule_parse(j2, WHAT, &rule, &err), CL_ERR_UNSUPPORTED, WHAT ": keys[0]: ");
    EVP_PKEY_free(small);
    char *pem = sig_pem(key);
    char two[4096];
    (void)snprintf(two, sizeof(two), "%s%s", pem, pem);
    CL_CLEANUP(cl_json_decrefp) json_t *j3 = sig_cosign_rule(key, SIG_REFERENCE, REPOSITORY);
    (void)json_object_set_new(j3, "keys", json_pack("[s]", two));
    ck_line(cl_image_rule_parse(j3, WHAT, &rule, &err), CL_ERR_MALFORMED,
            WHAT ": keys[0]: expected one PUBLIC KEY in PEM, got more");
    free(pem);
}
END_TEST

START_TEST(test_rule_tells_what_it_is)
{
    CL_CLEANUP(cl_image_rule_freep)
    struct cl_image_rule *rule =
        rule_of(sig_cosign_rule(key, SIG_REFERENCE, REMAP("registry.example", "h.io")));
    CL_CLEANUP(cl_json_decrefp) json_t *d = cl_image_rule_describe(rule);
    ck_assert_str_eq(json_string_value(json_object_get(d, "type")), "cosign");
    ck_assert_str_eq(json_string_value(json_object_get(d, "reference")), SIG_REFERENCE);
    ck_assert_uint_eq(json_array_size(json_object_get(d, "keys")), 1);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(d, "identity"), "signedPrefix")), "h.io");
    ck_assert_str_eq(cl_image_rule_reference(rule), SIG_REFERENCE);
    ck_assert_int_eq(cl_image_rule_type(rule), CL_IMAGE_SIG_COSIGN);
}
END_TEST

/* --- the manifest ----------------------------------------------------------------------------- */

#define LAYER(type, size, digest)                                                                  \
    "{\"mediaType\":\"" type "\",\"size\":" size ",\"digest\":\"" digest                           \
    "\",\"annotations\":{\"dev.cosignproject.cosign/signature\":\"QUJD\"}}"
#define COSIGN "application/vnd.dev.cosign.simplesigning.v1+json"
#define MANIFEST(layers) "{\"schemaVersion\":2,\"config\":{},\"layers\":[" layers "]}"

START_TEST(test_manifest_lists_signatures)
{
    static const char text[] = MANIFEST(LAYER(COSIGN, "3", D) "," LAYER(
        "application/other", "9", "x") "," LAYER(COSIGN, "65536", SIG_DIGEST));
    struct cl_cosign_manifest m = {0};
    ck_assert_int_eq(cl_cosign_manifest_parse(text, strlen(text), &m, &err), CL_OK);
    ck_assert_uint_eq(m.count, 2);
    ck_assert_uint_eq(m.layers[0].size, 3);
    ck_assert_str_eq(m.layers[1].signature, "QUJD");
    cl_cosign_manifest_done(&m);
    for (size_t n = 0; n < strlen(text); n++) {
        ck_assert_int_ne(cl_cosign_manifest_parse(text, n, &m, NULL), CL_OK);
    }
    ck_assert_int_eq(cl_cosign_manifest_parse(MANIFEST(""), strlen(MANIFEST("")), &m, &err), CL_OK);
    ck_assert_uint_eq(m.count, 0);
    cl_cosign_manifest_done(&m);
}
END_TEST

static const char *const bad_manifests[] = {
    "[]",
    "{}",
    "{\"schemaVersion\":1,\"layers\":[]}",
    "{\"schemaVersion\":2}",
    "{\"schemaVersion\":2,\"layers\":{}}",
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"layers\":[]}",
    MANIFEST("1"),
    MANIFEST("{}"),
    MANIFEST(LAYER(COSIGN, "0", D)),
    MANIFEST(LAYER(COSIGN, "65537", D)),
    MANIFEST(LAYER(COSIGN, "-1", D)),
    MANIFEST(LAYER(COSIGN, "3", "sha512:00")),
    MANIFEST("{\"mediaType\":\"" COSIGN "\",\"size\":3,\"digest\":\"" D "\"}"),
    MANIFEST("{\"mediaType\":\"" COSIGN "\",\"size\":3,\"digest\":\"" D "\",\"annotations\":{}}"),
    MANIFEST("{\"mediaType\":\"" COSIGN "\",\"size\":3,\"digest\":\"" D
             "\",\"annotations\":{\"dev.cosignproject.cosign/signature\":1}}"),
};

START_TEST(test_manifest_is_read_strictly)
{
    struct cl_cosign_manifest m = {0};
    const char *text = bad_manifests[_i];
    ck_assert_msg(cl_cosign_manifest_parse(text, strlen(text), &m, &err) != CL_OK, "%s", text);
    ck_assert_ptr_null(m.layers);
}
END_TEST

START_TEST(test_manifest_is_bounded)
{
    struct cl_cosign_manifest m = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    ck_assert_int_eq(cl_buf_append_str(&b, "{\"schemaVersion\":2,\"layers\":[", &err), CL_OK);
    for (unsigned i = 0; i <= CL_IMAGE_SIG_MAX_LAYERS; i++) {
        ck_assert_int_eq(cl_buf_printf(&b, &err, "%s{}", i > 0 ? "," : ""), CL_OK);
    }
    ck_assert_int_eq(cl_buf_append_str(&b, "]}", &err), CL_OK);
    ck_line(cl_cosign_manifest_parse(b.data, b.len, &m, &err), CL_ERR_MALFORMED,
            "signature manifest: layers: expected at most 64, got 65");
    ck_assert_int_eq(cl_buf_reserve(&b, CL_IMAGE_SIG_MAX_MANIFEST + 1, &err), CL_OK);
    memset(b.data, ' ', CL_IMAGE_SIG_MAX_MANIFEST + 1);
    ck_line(cl_cosign_manifest_parse(b.data, CL_IMAGE_SIG_MAX_MANIFEST + 1, &m, &err),
            CL_ERR_MALFORMED, "signature manifest: expected at most 1048576 bytes");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("imagesig");
    TCase *t = tcase_create("cosign");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_cosign_takes_each_kind_of_key, 0, 3);
    tcase_add_test(t, test_cosign_needs_every_bit);
    tcase_add_loop_test(t, test_identity, 0, CL_ARRAY_LEN(identities));
    tcase_add_test(t, test_payload_is_of_the_right_type);
    tcase_add_loop_test(t, test_payload_is_read_strictly, 0, CL_ARRAY_LEN(payloads));
    tcase_add_loop_test(t, test_rule_is_read_strictly, 0, CL_ARRAY_LEN(rules));
    tcase_add_test(t, test_rule_needs_a_tag_where_one_is_compared);
    tcase_add_test(t, test_rule_takes_no_other_keys);
    tcase_add_test(t, test_rule_tells_what_it_is);
    tcase_add_test(t, test_manifest_lists_signatures);
    tcase_add_loop_test(t, test_manifest_is_read_strictly, 0, CL_ARRAY_LEN(bad_manifests));
    tcase_add_test(t, test_manifest_is_bounded);
    suite_add_tcase(s, t);
    return run_suite(s);
}
