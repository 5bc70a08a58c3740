/* SPDX-License-Identifier: Apache-2.0
 * test_image_signatures.c - the host's half of docs/interfaces.md I-4.6: what a guest may ask for,
 * and a folder of signatures that is filled from where the image is.
 */
#include "image/signatures.h"

#include "image_fixture.h"
#include "imagesig_world.h"

#include "base/encode.h"
#include "base/io.h"
#include "cloister/image_signature.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct cl_err err;
static char root[64];

static void setup(void)
{
    (void)snprintf(root, sizeof(root), "/tmp/cl-signatures-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void teardown(void)
{
    char command[96];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(test_what_may_be_asked_for)
{
    static const char *const bad[] = {
        "",
        SIG_DIGEST,
        "signatures:",
        "signatures:sha256:00",
        "signatures:" SIG_DIGEST " ",
        "signatures:" SIG_DIGEST "/1",
        "signatures:../" SIG_DIGEST,
        "simple-signature:" SIG_DIGEST,
        "simple-signature:" SIG_DIGEST "/",
        "simple-signature:" SIG_DIGEST "/0",
        "simple-signature:" SIG_DIGEST "/17",
        "simple-signature:" SIG_DIGEST "/1x",
        "simple-signature:" SIG_DIGEST "/-1",
        "simple-signature:" SIG_DIGEST "0/1",
        "simple-signature:/1",
    };
    struct cl_signature_ask ask;
    ck_assert(cl_signature_ask_parse("signatures:" SIG_DIGEST, &ask));
    ck_assert(!ask.simple && ask.digest[0] == 0xaa);
    ck_assert(cl_signature_ask_parse("simple-signature:" SIG_DIGEST "/16", &ask));
    ck_assert(ask.simple && ask.number == 16 && ask.digest[31] == 0xaa);
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_msg(!cl_signature_ask_parse(bad[i], &ask), "%s", bad[i]);
    }
}
END_TEST

START_TEST(test_a_folder_without)
{
    struct cl_signature_ask ask = {.number = 1};
    int fd = -1;
    uint64_t size = 0;
    for (int i = 0; i < 2; i++) {
        const char *dir = i == 0 ? NULL : root;
        ask.simple = false;
        ck_assert_int_eq(cl_signature_open(dir, &ask, &fd, &size, &err), CL_ERR_UNAVAILABLE);
        ask.simple = true;
        ck_assert_int_eq(cl_signature_open(dir, &ask, &fd, &size, &err), CL_ERR_UNAVAILABLE);
        ck_assert_int_eq(cl_signature_blob_open(dir, ask.digest, &fd, &size, &err),
                         CL_ERR_UNAVAILABLE);
    }
    char path[300]; /* a link is no file of the folder's */
    (void)snprintf(path, sizeof(path), "%s/sha256-%064d.sig", root, 0);
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
    ask.simple = false;
    ck_assert_int_eq(cl_signature_open(root, &ask, &fd, &size, &err), CL_ERR_SYS);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    ck_assert_int_eq(cl_signature_open(root, &ask, &fd, &size, &err), CL_ERR_REJECTED);
    ck_assert_int_eq(fd, -1);
}
END_TEST

static void add_to_index(const char *layout, const char *digest, size_t size, const char *tag,
                         const char *type)
{
    char path[256];
    json_t *index = NULL;
    (void)snprintf(path, sizeof(path), "%s/index.json", layout);
    ck_assert_int_eq(cl_json_read_file(path, 1 << 20, &index, &err), CL_OK);
    ck_assert_int_eq(
        json_array_append_new(json_object_get(index, "manifests"),
                              json_pack("{s:s, s:s, s:I, s:{s:s}}", "mediaType", type, "digest",
                                        digest, "size", (json_int_t)size, "annotations",
                                        "org.opencontainers.image.ref.name", tag)),
        0);
    ck_assert_int_eq(json_dump_file(index, path, 0), 0);
    json_decref(index);
}

/* cosign's signature of `digest` in the layout. */
static void sign_in_layout(const char *layout, EVP_PKEY *key, const char *digest)
{
    char payload_digest[CL_OCI_DIGEST_SIZE];
    char manifest_digest[CL_OCI_DIGEST_SIZE];
    char tag[CL_OCI_DIGEST_SIZE + 8];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    char *payload = sig_payload(SIG_COSIGN, "registry.example/app", digest);
    char *sig = sig_cosign(key, payload);
    fixture_blob(layout, payload, strlen(payload), payload_digest);
    ck_assert_int_eq(
        cl_buf_printf(&text, NULL,
                      "{\"schemaVersion\":2,\"layers\":[{\"mediaType\":"
                      "\"application/vnd.dev.cosign.simplesigning.v1+json\",\"size\":%zu,"
                      "\"digest\":\"%s\",\"annotations\":{"
                      "\"dev.cosignproject.cosign/signature\":\"%s\"}}]}",
                      strlen(payload), payload_digest, sig),
        CL_OK);
    fixture_blob(layout, text.data, text.len, manifest_digest);
    (void)snprintf(tag, sizeof(tag), "sha256-%s.sig", digest + 7);
    add_to_index(layout, manifest_digest, text.len, tag,
                 "application/vnd.oci.image.manifest.v1+json");
    free(payload);
    free(sig);
}

START_TEST(test_cosigns_signatures_are_fetched)
{
    char layout[128];
    char dir[128];
    char ref[160];
    char digest[CL_OCI_DIGEST_SIZE];
    struct cl_signature_count count = {0};
    struct cl_signature_ask ask = {0};
    CL_CLEANUP(cl_image_freep) struct cl_image *image = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_cosign_manifest_done) struct cl_cosign_manifest m = {0};
    EVP_PKEY *key = sig_key("P-256");
    int fd = -1;
    uint64_t size = 0;
    (void)snprintf(layout, sizeof(layout), "%s/layout", root);
    (void)snprintf(dir, sizeof(dir), "%s/signatures", root);
    (void)snprintf(ref, sizeof(ref), "oci:%s:v1", layout);
    fixture_layout(layout, "application/vnd.oci.image.layer.v1.tar");
    ck_assert_int_eq(cl_signatures_fetch(ref, NULL, NULL, dir, &count, &err), CL_OK);
    ck_assert_uint_eq(count.cosign + count.simple, 0);
    ck_assert_int_eq(cl_image_open(ref, NULL, &image, &err), CL_OK);
    cl_oci_digest_format(digest, cl_image_manifest_digest(image));
    sign_in_layout(layout, key, digest);
    ck_assert_msg(cl_signatures_fetch(ref, NULL, NULL, dir, &count, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(count.cosign, 1);
    memcpy(ask.digest, cl_image_manifest_digest(image), sizeof(ask.digest));
    ck_assert_int_eq(cl_signature_open(dir, &ask, &fd, &size, &err), CL_OK);
    ck_assert_int_eq(cl_buf_read_fd(&raw, fd, size, &err), CL_OK);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(cl_cosign_manifest_parse(raw.data, raw.len, &m, &err), CL_OK);
    ck_assert_int_eq(cl_signature_blob_open(dir, m.layers[0].digest, &fd, &size, &err), CL_OK);
    ck_assert_uint_eq(size, m.layers[0].size);
    ck_assert_int_eq(close(fd), 0);
    EVP_PKEY_free(key);
}
END_TEST

/* An index with one manifest, which is what is signed and tagged. */
START_TEST(test_signatures_of_an_index)
{
    char layout[128];
    char dir[128];
    char ref[160];
    char digest[CL_OCI_DIGEST_SIZE];
    char index_digest[CL_OCI_DIGEST_SIZE];
    struct cl_signature_count count = {0};
    CL_CLEANUP(cl_image_freep) struct cl_image *image = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf index = {0};
    uint8_t raw_digest[CL_SHA256_SIZE];
    EVP_PKEY *key = sig_key("P-256");
    int fd = -1;
    uint64_t size = 0;
    (void)snprintf(layout, sizeof(layout), "%s/layout", root);
    (void)snprintf(dir, sizeof(dir), "%s/signatures", root);
    (void)snprintf(ref, sizeof(ref), "oci:%s:v1", layout);
    fixture_layout(layout, "application/vnd.oci.image.layer.v1.tar");
    ck_assert_int_eq(cl_image_open(ref, NULL, &image, &err), CL_OK);
    ck_assert_uint_eq(cl_image_index_bytes(image)->len, 0);
    cl_oci_digest_format(digest, cl_image_manifest_digest(image));
    ck_assert_int_eq(
        cl_buf_printf(&index, NULL,
                      "{\"schemaVersion\":2,\"mediaType\":"
                      "\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{\"mediaType\":"
                      "\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\","
                      "\"size\":%zu,\"platform\":{\"os\":\"linux\",\"architecture\":"
                      "\"amd64\"}}]}",
                      digest, cl_image_manifest_bytes(image)->len),
        CL_OK);
    fixture_blob(layout, index.data, index.len, index_digest);
    add_to_index(layout, index_digest, index.len, "multi",
                 "application/vnd.oci.image.index.v1+json");
    sign_in_layout(layout, key, index_digest);
    (void)snprintf(ref, sizeof(ref), "oci:%s:multi", layout);
    ck_assert_msg(cl_signatures_fetch(ref, NULL, NULL, dir, &count, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(count.cosign, 1);
    struct cl_signature_ask ask = {0}; /* asked for by the manifest all the same */
    memcpy(ask.digest, cl_image_manifest_digest(image), sizeof(ask.digest));
    ck_assert_int_eq(cl_signature_open(dir, &ask, &fd, &size, &err), CL_OK);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(cl_oci_digest_parse(index_digest, raw_digest, &err), CL_OK);
    ck_assert_int_eq(cl_signature_blob_open(dir, raw_digest, &fd, &size, &err), CL_OK);
    ck_assert_uint_eq(size, index.len);
    ck_assert_int_eq(close(fd), 0);
    EVP_PKEY_free(key);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("image_signatures");
    TCase *t = tcase_create("image_signatures");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_what_may_be_asked_for);
    tcase_add_test(t, test_a_folder_without);
    tcase_add_test(t, test_cosigns_signatures_are_fetched);
    tcase_add_test(t, test_signatures_of_an_index);
    suite_add_tcase(s, t);
    return run_suite(s);
}
