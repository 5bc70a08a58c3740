/* SPDX-License-Identifier: Apache-2.0
 * test_agent_signatures.c - a host that brings signatures of an image, good ones and all kinds of
 * others, to the guest's side of docs/interfaces.md I-4.6.
 */
#include "agent/signatures.h"

#include "base/bytes.h"
#include "base/io.h"
#include "check_main.h"
#include "imagesig_world.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPOSITORY "{\"type\":\"matchRepository\"}"
#define NAME "registry.example/team/app"
#define MAX_DOCUMENTS 40u

/* What the host has: by the name under which it is asked for. */
static struct {
    char name[160];
    struct cl_buf data;
} documents[MAX_DOCUMENTS];
static size_t document_count;
static unsigned asked;
static pthread_t servers[64];
static size_t server_count;
static struct cl_err err;
static EVP_PKEY *key;
static EVP_PKEY *other;
static uint8_t manifest[CL_SHA256_SIZE];

/* --- the host --------------------------------------------------------------------------------- */

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char line[200];
    size_t n = 0;
    uint8_t head[9];
    while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n') {
        n++;
    }
    line[n] = '\0';
    struct cl_writer w = cl_writer_init(head, sizeof(head));
    size_t i = 0;
    while (i < document_count &&
           (strncmp(line, "CLBLOB1 ", 8) != 0 || strcmp(line + 8, documents[i].name) != 0)) {
        i++;
    }
    cl_writer_u8(&w, i == document_count);
    cl_writer_be64(&w, i == document_count ? 0 : documents[i].data.len);
    (void)send(fd, head, sizeof(head), MSG_NOSIGNAL);
    if (i < document_count) {
        (void)send(fd, documents[i].data.data, documents[i].data.len, MSG_NOSIGNAL);
    }
    (void)close(fd);
    return NULL;
}

static enum cl_status dial(void *ctx, int *ret_fd, struct cl_err *e)
{
    int sv[2];
    (void)ctx;
    asked++;
    if (server_count == CL_ARRAY_LEN(servers) || socketpair(AF_UNIX, SOCK_STREAM, 0, sv) != 0 ||
        pthread_create(&servers[server_count], NULL, serve, (void *)(intptr_t)sv[1]) != 0) {
        return cl_err_set(e, CL_ERR_SYS, "socketpair");
    }
    server_count++;
    *ret_fd = sv[0];
    return CL_OK;
}

/* Before a test changes what they read. */
static void servers_end(void)
{
    while (server_count > 0) {
        (void)pthread_join(servers[--server_count], NULL);
    }
}

static void give(const char *name, const void *data, size_t len)
{
    ck_assert_uint_lt(document_count, MAX_DOCUMENTS);
    (void)snprintf(documents[document_count].name, sizeof(documents[0].name), "%s", name);
    cl_buf_reset(&documents[document_count].data);
    ck_assert_int_eq(cl_buf_append(&documents[document_count].data, data, len, NULL), CL_OK);
    document_count++;
}

/* A blob, by its digest; which is left in ret. */
static void give_blob(const void *data, size_t len, char ret[static CL_OCI_DIGEST_SIZE])
{
    uint8_t digest[CL_SHA256_SIZE];
    ck_assert_int_eq(cl_sha256(digest, data, len, NULL), CL_OK);
    cl_oci_digest_format(ret, digest);
    give(ret, data, len);
}

/* Layers of the signature manifest, joined by commas. */
static void add_layer(struct cl_buf *layers, EVP_PKEY *signer, const char *name, const char *digest)
{
    char blob[CL_OCI_DIGEST_SIZE];
    char *payload = sig_payload(SIG_COSIGN, name, digest);
    char *sig = sig_cosign(signer, payload);
    give_blob(payload, strlen(payload), blob);
    ck_assert_int_eq(
        cl_buf_printf(layers, NULL,
                      "%s{\"mediaType\":\"application/vnd.dev.cosign.simplesigning.v1+json\","
                      "\"size\":%zu,\"digest\":\"%s\",\"annotations\":{"
                      "\"dev.cosignproject.cosign/signature\":\"%s\"}}",
                      layers->len > 0 ? "," : "", strlen(payload), blob, sig),
        CL_OK);
    free(payload);
    free(sig);
}

static void give_signatures(const struct cl_buf *layers)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    ck_assert_int_eq(cl_buf_printf(&text, NULL, "{\"schemaVersion\":2,\"layers\":[%s]}",
                                   layers->data != NULL ? (const char *)layers->data : ""),
                     CL_OK);
    give("signatures:" SIG_DIGEST, text.data, text.len);
}

static void setup(void)
{
    key = sig_key("P-256");
    other = sig_key("P-256");
    ck_assert_int_eq(cl_oci_digest_parse(SIG_DIGEST, manifest, &err), CL_OK);
}

static void teardown(void)
{
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static enum cl_status run(json_t *take)
{
    CL_CLEANUP(cl_image_rule_freep) struct cl_image_rule *rule = NULL;
    const struct agent_image_ops ops = {.dial_blob = dial};
    ck_assert_int_eq(cl_image_rule_parse(take, "rule", &rule, &err), CL_OK);
    json_decref(take);
    asked = 0;
    enum cl_status st = agent_image_signed(rule, &ops, manifest, SIG_TIME + 1, &err);
    servers_end();
    return st;
}

static enum cl_status run_cosign(void)
{
    return run(sig_cosign_rule(key, SIG_REFERENCE, REPOSITORY));
}

static void ck_line(enum cl_status got, enum cl_status st, const char *line)
{
    ck_assert_msg(got == st && strncmp(err.msg, line, strlen(line)) == 0,
                  "expected %d '%s', got %d '%s'", (int)st, line, (int)got, err.msg);
}

/* --- cosign ----------------------------------------------------------------------------------- */

START_TEST(test_a_signature_is_enough)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf layers = {0};
    add_layer(&layers, other, NAME, SIG_DIGEST); /* of somebody else */
    add_layer(&layers, key, "registry.example/team/old", SIG_DIGEST);
    add_layer(&layers, key, NAME, SIG_DIGEST);
    give_signatures(&layers);
    ck_assert_msg(run_cosign() == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(asked, 4);
}
END_TEST

START_TEST(test_none_is_none)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf none = {0};
    ck_line(run_cosign(), CL_ERR_REJECTED,
            "signature: expected one of kind cosign for '" SIG_REFERENCE
            "', got none: blob: host: expected found, got absent");
    ck_assert_uint_eq(asked, 1);
    give_signatures(&none);
    ck_line(run_cosign(), CL_ERR_REJECTED,
            "signature: expected one of kind cosign for '" SIG_REFERENCE "', got none");
}
END_TEST

START_TEST(test_the_one_that_got_furthest_is_told)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf layers = {0};
    add_layer(&layers, other, NAME, SIG_DIGEST);
    give_signatures(&layers);
    ck_line(run_cosign(), CL_ERR_REJECTED, "signature.key: expected a signature by one of 1 keys");
    document_count = 0;
    cl_buf_reset(&layers);
    add_layer(&layers, other, NAME, SIG_DIGEST);
    add_layer(&layers, key, "registry.example/team/other", SIG_DIGEST);
    add_layer(&layers, other, NAME, SIG_DIGEST);
    give_signatures(&layers);
    ck_line(run_cosign(), CL_ERR_REJECTED,
            "signature.identity: expected matchRepository of " SIG_REFERENCE ", got");
}
END_TEST

#define OTHER_DIGEST "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define INDEX(digest)                                                                              \
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","              \
    "\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":5,"     \
    "\"digest\":\"" digest "\",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}"

START_TEST(test_a_signature_of_another_image_is_none)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf layers = {0};
    add_layer(&layers, key, NAME, OTHER_DIGEST);
    give_signatures(&layers);
    ck_line(run_cosign(), CL_ERR_REJECTED,
            "signature.digest: expected " SIG_DIGEST " or an index that names it, got " OTHER_DIGEST
            " (blob: host: ");
}
END_TEST

START_TEST(test_an_index_may_stand_for_its_manifest)
{
    const char *text = _i == 0 ? INDEX(SIG_DIGEST) : INDEX(OTHER_DIGEST);
    char digest[CL_OCI_DIGEST_SIZE];
    CL_CLEANUP(cl_buf_done) struct cl_buf layers = {0};
    give_blob(text, strlen(text), digest);
    add_layer(&layers, key, NAME, digest);
    give_signatures(&layers);
    if (_i == 0) {
        ck_assert_msg(run_cosign() == CL_OK, "%s", err.msg);
    } else {
        ck_line(run_cosign(), CL_ERR_REJECTED, "signature.digest: expected " SIG_DIGEST);
        ck_assert_ptr_nonnull(strstr(err.msg, "an index of another image"));
    }
}
END_TEST

START_TEST(test_an_index_is_hashed)
{
    const char *text = INDEX(SIG_DIGEST);
    char digest[CL_OCI_DIGEST_SIZE];
    CL_CLEANUP(cl_buf_done) struct cl_buf layers = {0};
    give_blob("another", 7, digest); /* this is what was signed */
    documents[0].data.len = 0;
    ck_assert_int_eq(cl_buf_append(&documents[0].data, text, strlen(text), NULL), CL_OK);
    add_layer(&layers, key, NAME, digest);
    give_signatures(&layers);
    ck_line(run_cosign(), CL_ERR_REJECTED, "signature.digest: ");
}
END_TEST

START_TEST(test_lies_about_payloads)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf layers = {0};
    add_layer(&layers, key, NAME, SIG_DIGEST);
    give_signatures(&layers);
    documents[0].data.data[3] ^= 1;
    ck_line(run_cosign(), CL_ERR_REJECTED, "blob: digest: expected ");
    documents[0].data.data[3] ^= 1;
    documents[0].data.len--;
    ck_line(run_cosign(), CL_ERR_REJECTED, "blob: size: expected ");
}
END_TEST

START_TEST(test_documents_are_bounded)
{
    static char big[CL_IMAGE_SIG_MAX_MANIFEST + 1];
    give("signatures:" SIG_DIGEST, big, sizeof(big));
    ck_line(run_cosign(), CL_ERR_REJECTED, "signature: expected one of kind cosign");
    ck_assert_ptr_nonnull(strstr(err.msg, "blob: size: expected 1 to 1048576, got 1048577"));
    document_count = 0;
    give("signatures:" SIG_DIGEST, "{", 1);
    ck_line(run_cosign(), CL_ERR_REJECTED, "signature: expected one of kind cosign");
}
END_TEST

START_TEST(test_indices_are_bounded)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf layers = {0};
    for (size_t i = 0; i < 10; i++) {
        char digest[CL_OCI_DIGEST_SIZE];
        (void)snprintf(digest, sizeof(digest), "%s", OTHER_DIGEST);
        digest[20] = "0123456789"[i];
        digest[21] = 'c';
        add_layer(&layers, key, NAME, digest);
    }
    give_signatures(&layers);
    ck_assert_int_eq(run_cosign(), CL_ERR_REJECTED);
    ck_assert_uint_eq(asked, 1 + 10 + 4);
}
END_TEST

/* --- simple signing --------------------------------------------------------------------------- */

static void give_simple(unsigned n, EVP_PKEY *signer)
{
    char name[160];
    char *payload = sig_payload(SIG_SIMPLE, SIG_REFERENCE, SIG_DIGEST);
    CL_CLEANUP(cl_buf_done) struct cl_buf message = {0};
    sig_pgp_message(&(struct sig_pgp){.key = key, .signer = signer}, payload, &message);
    (void)snprintf(name, sizeof(name), "simple-signature:" SIG_DIGEST "/%u", n);
    give(name, message.data, message.len);
    free(payload);
}

static enum cl_status run_simple(void)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf ring = {0};
    sig_pgp_ring(&(struct sig_pgp){.key = key}, &ring);
    return run(sig_simple_rule(&ring, SIG_REFERENCE, "{\"type\":\"matchExact\"}"));
}

START_TEST(test_simple_signatures_are_numbered)
{
    give_simple(1, other);
    give_simple(2, other);
    ck_line(run_simple(), CL_ERR_REJECTED, "signature.key: expected a signature of this content");
    ck_assert_uint_eq(asked, 3);
    give_simple(3, key);
    ck_assert_msg(run_simple() == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(asked, 3);
}
END_TEST

START_TEST(test_simple_signatures_are_bounded)
{
    ck_line(run_simple(), CL_ERR_REJECTED, "signature: expected one of kind simple");
    for (unsigned n = 1; n <= 17; n++) {
        give_simple(n, n == 17 ? key : other);
    }
    ck_assert_int_eq(run_simple(), CL_ERR_REJECTED);
    ck_assert_uint_eq(asked, 16);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("agent_signatures");
    TCase *t = tcase_create("signatures");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_a_signature_is_enough);
    tcase_add_test(t, test_none_is_none);
    tcase_add_test(t, test_the_one_that_got_furthest_is_told);
    tcase_add_test(t, test_a_signature_of_another_image_is_none);
    tcase_add_loop_test(t, test_an_index_may_stand_for_its_manifest, 0, 2);
    tcase_add_test(t, test_an_index_is_hashed);
    tcase_add_test(t, test_lies_about_payloads);
    tcase_add_test(t, test_documents_are_bounded);
    tcase_add_test(t, test_indices_are_bounded);
    tcase_add_test(t, test_simple_signatures_are_numbered);
    tcase_add_test(t, test_simple_signatures_are_bounded);
    suite_add_tcase(s, t);
    return run_suite(s);
}
