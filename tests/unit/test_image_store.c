/* SPDX-License-Identifier: Apache-2.0
 * test_image_store.c - images out of a folder of blobs, as containerd's content store is one: by
 * the digest of a manifest or of an index, with blobs that are missing, changed, cut, or no files.
 */
#include "image/image.h"

#include "image_fixture.h"

#define OCI_TAR "application/vnd.oci.image.layer.v1.tar"
#define MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define DIR "img/blobs/sha256"

static uint8_t manifest[CL_SHA256_SIZE];
static size_t manifest_size;

/* One image of three layers, as the fixture makes it: its digest and the size of its manifest. */
static void make_image(void)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    fixture_layout("img", OCI_TAR);
    ck_assert_int_eq(cl_image_open("oci:img", NULL, &i, NULL), CL_OK);
    memcpy(manifest, cl_image_manifest_digest(i), sizeof(manifest));
    manifest_size = cl_image_manifest_bytes(i)->len;
    /* A content store has neither of these. */
    ck_assert_int_eq(unlink("img/index.json"), 0);
    ck_assert_int_eq(unlink("img/oci-layout"), 0);
}

/* An index of `count` entries for linux and the given architecture, all of them our manifest. */
static void make_index(const char *arch, unsigned count, uint8_t ret[static CL_SHA256_SIZE])
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, manifest);
    ck_assert_int_eq(cl_buf_printf(&text, NULL,
                                   "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
                                   "\"" MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,"
                                   "\"platform\":{\"os\":\"linux\",\"architecture\":"
                                   "\"arm64\"}}",
                                   digest, manifest_size),
                     CL_OK);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(cl_buf_printf(&text, NULL,
                                       ",{\"mediaType\":\"" MANIFEST
                                       "\",\"digest\":\"%s\",\"size\":%zu,"
                                       "\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}",
                                       digest, manifest_size, arch),
                         CL_OK);
    }
    ck_assert_int_eq(cl_buf_printf(&text, NULL, "]}"), CL_OK);
    fixture_blob("img", text.data, text.len, digest);
    ck_assert_int_eq(cl_oci_digest_parse(digest, ret, NULL), CL_OK);
}

static enum cl_status open_store(const uint8_t target[static CL_SHA256_SIZE], struct cl_err *err)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    *err = (struct cl_err){0};
    enum cl_status st = cl_image_open_store(DIR, NULL, target, &i, err);
    ck_assert((st == CL_OK) == (i != NULL));
    return st;
}

static void blob_path(const uint8_t digest[static CL_SHA256_SIZE], char ret[static 128])
{
    char hex[2 * CL_SHA256_SIZE + 1];
    cl_hex(hex, digest, CL_SHA256_SIZE);
    (void)snprintf(ret, 128, "%s/%s", DIR, hex);
}

START_TEST(test_a_manifest_and_an_index_open)
{
    uint8_t index[CL_SHA256_SIZE];
    make_image();
    make_index("amd64", 1, index);
    const uint8_t *targets[] = {manifest, index};
    for (size_t n = 0; n < CL_ARRAY_LEN(targets); n++) {
        CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
        CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
        CL_CLEANUP(cl_close_fdp) int fd = -1;
        uint64_t size = 0;
        struct cl_err err = {0};
        ck_assert_msg(cl_image_open_store(DIR, NULL, targets[n], &i, &err) == CL_OK, "%s", err.msg);
        ck_assert_mem_eq(cl_image_manifest_digest(i), manifest, sizeof(manifest));
        ck_assert_str_eq(cl_image_config(i)->cmd.v[0], "/x");
        const uint8_t *layer = cl_image_manifest(i)->layers[2].desc.digest;
        ck_assert_int_eq(cl_image_blob_open(i, layer, &fd, &size, NULL), CL_OK);
        ck_assert_int_eq(cl_buf_read_fd(&b, fd, 1u << 20, NULL), CL_OK);
        ck_assert_uint_eq(b.len, size);
        ck_assert_int_eq(cl_oci_verify(b.data, b.len, layer, "blob", NULL), CL_OK);
        /* The index is a blob of the store, but not of the image. */
        ck_assert_int_eq(cl_image_blob_open(i, index, &fd, &size, NULL), CL_ERR_REJECTED);
    }
}
END_TEST

START_TEST(test_an_index_without_the_one_platform)
{
    uint8_t index[CL_SHA256_SIZE];
    struct cl_err err;
    make_image();
    make_index("riscv64", 1, index);
    ck_assert_int_eq(open_store(index, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected one manifest for linux/amd64, got 0"));
    make_index("amd64", 2, index);
    ck_assert_int_eq(open_store(index, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected one manifest for linux/amd64, got 2"));
}
END_TEST

/* Each blob the image is made of: manifest, configuration, layers. */
static size_t all_blobs(uint8_t ret[static 2 + FIXTURE_LAYERS][CL_SHA256_SIZE])
{
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    ck_assert_int_eq(cl_image_open_store(DIR, NULL, manifest, &i, NULL), CL_OK);
    memcpy(ret[0], manifest, CL_SHA256_SIZE);
    memcpy(ret[1], cl_image_manifest(i)->config.digest, CL_SHA256_SIZE);
    for (size_t n = 0; n < FIXTURE_LAYERS; n++) {
        memcpy(ret[2 + n], cl_image_manifest(i)->layers[n].desc.digest, CL_SHA256_SIZE);
    }
    return 2 + FIXTURE_LAYERS;
}

START_TEST(test_each_missing_blob_is_named_with_its_folder)
{
    uint8_t blobs[2 + FIXTURE_LAYERS][CL_SHA256_SIZE];
    struct cl_err err;
    make_image();
    size_t count = all_blobs(blobs);
    for (size_t n = 0; n < count; n++) {
        char path[128];
        char digest[CL_OCI_DIGEST_SIZE];
        char target[CL_OCI_DIGEST_SIZE];
        char want[400];
        blob_path(blobs[n], path);
        ck_assert_int_eq(rename(path, "away"), 0);
        ck_assert_int_eq(open_store(manifest, &err), CL_ERR_UNAVAILABLE);
        cl_oci_digest_format(digest, blobs[n]);
        cl_oci_digest_format(target, manifest);
        (void)snprintf(want, sizeof(want),
                       "image '%s': blob %s: folder '" DIR "': expected a blob, got none", target,
                       digest);
        ck_assert_str_eq(err.msg, want);
        /* No file, and none that would make us wait. */
        ck_assert_int_eq(mkfifo(path, 0644), 0);
        ck_assert_int_eq(open_store(manifest, &err), CL_ERR_MALFORMED);
        ck_assert_ptr_nonnull(strstr(err.msg, "type: expected a plain file, got another"));
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        ck_assert_int_eq(open_store(manifest, &err), CL_ERR_MALFORMED);
        ck_assert_int_eq(rmdir(path), 0);
        ck_assert_int_eq(rename("away", path), 0);
    }
    ck_assert_int_eq(open_store(manifest, &err), CL_OK);
}
END_TEST

START_TEST(test_each_changed_blob)
{
    uint8_t blobs[2 + FIXTURE_LAYERS][CL_SHA256_SIZE];
    struct cl_err err;
    make_image();
    size_t count = all_blobs(blobs);
    for (size_t n = 0; n < count; n++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf good = {0};
        char path[128];
        blob_path(blobs[n], path);
        ck_assert_int_eq(cl_buf_read_file(&good, path, 1u << 20, NULL), CL_OK);
        for (int kind = 0; kind < 3; kind++) { /* cut, longer, another byte */
            CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
            ck_assert_int_eq(cl_buf_append(&b, good.data, good.len, NULL), CL_OK);
            ck_assert_int_eq(cl_buf_append(&b, " ", 1, NULL), CL_OK);
            b.data[b.len / 2] ^= kind == 2 ? 1 : 0;
            fixture_write(path, b.data, good.len - (kind == 0) + (kind == 1));
            enum cl_status st = open_store(manifest, &err);
            if (kind < 2 || n < 2) {
                ck_assert_msg(st == CL_ERR_REJECTED, "%zu %d: %s", n, kind, err.msg);
                continue;
            }
            /* A layer's digest is checked as it streams. */
            CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
            ck_assert_int_eq(cl_image_open_store(DIR, NULL, manifest, &i, NULL), CL_OK);
        }
        fixture_write(path, good.data, good.len);
    }
    ck_assert_int_eq(open_store(manifest, &err), CL_OK);
}
END_TEST

static enum cl_status drop(void *ctx, uint8_t *data, size_t len, struct cl_err *err)
{
    (void)ctx;
    (void)data;
    (void)len;
    (void)err;
    return CL_OK;
}

START_TEST(test_a_layer_that_changes_after_opening)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    struct cl_err err = {0};
    char path[128];
    int fd = -1;
    uint64_t size = 0;
    make_image();
    ck_assert_int_eq(cl_image_open_store(DIR, NULL, manifest, &i, NULL), CL_OK);
    const struct cl_oci_desc *d = &cl_image_manifest(i)->layers[1].desc;
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    blob_path(d->digest, path);
    ck_assert_int_eq(cl_buf_read_file(&b, path, 1u << 20, NULL), CL_OK);
    b.data[0] ^= 1;
    fixture_write(path, b.data, b.len);
    ck_assert_int_eq(cl_image_blob_copy(i, d, drop, NULL, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "blob: digest: expected sha256:"));
    ck_assert_int_eq(unlink(path), 0); /* containerd's garbage collection */
    ck_assert_int_eq(cl_image_blob_open(i, d->digest, &fd, &size, &err), CL_ERR_UNAVAILABLE);
    ck_assert_int_eq(fd, -1);
}
END_TEST

/* The digest fits, the document does not. */
START_TEST(test_documents_that_are_no_image)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"schemaVersion\":2,\"manifests\":[]}",
        "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}",
        "{\"schemaVersion\":2,\"layers\":[]}",
        "{\"schemaVersion\":2,\"mediaType\":\"text/plain\",\"layers\":[]}",
    };
    struct cl_err err;
    make_image();
    for (size_t n = 0; n < CL_ARRAY_LEN(bad); n++) {
        char digest[CL_OCI_DIGEST_SIZE];
        uint8_t target[CL_SHA256_SIZE];
        fixture_blob("img", bad[n], strlen(bad[n]), digest);
        ck_assert_int_eq(cl_oci_digest_parse(digest, target, NULL), CL_OK);
        ck_assert_msg(open_store(target, &err) != CL_OK, "%s", bad[n]);
        ck_assert_int_eq(strncmp(err.msg, "image 'sha256:", 14), 0);
    }
    /* An index that names an index: only one level. */
    uint8_t index[CL_SHA256_SIZE];
    make_index("amd64", 1, index);
    memcpy(manifest, index, sizeof(manifest));
    make_index("amd64", 1, index);
    ck_assert_int_ne(open_store(index, &err), CL_OK);
}
END_TEST

START_TEST(test_documents_are_bounded)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf big = {0};
    struct cl_err err;
    char digest[CL_OCI_DIGEST_SIZE];
    uint8_t target[CL_SHA256_SIZE];
    make_image();
    ck_assert_int_eq(cl_buf_append_str(&big, "{\"schemaVersion\":2,\"layers\":[]}", NULL), CL_OK);
    while (big.len <= CL_OCI_MAX_MANIFEST) {
        ck_assert_int_eq(cl_buf_append_str(&big, "                                ", NULL), CL_OK);
    }
    fixture_blob("img", big.data, big.len, digest);
    ck_assert_int_eq(cl_oci_digest_parse(digest, target, NULL), CL_OK);
    ck_assert_int_ne(open_store(target, &err), CL_OK);
}
END_TEST

START_TEST(test_a_folder_that_is_not_there_or_too_long)
{
    static char longest[5000];
    CL_CLEANUP(cl_image_freep) struct cl_image *i = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_image_open_store("none", NULL, manifest, &i, &err), CL_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.msg, "folder 'none': expected a blob, got none"));
    memset(longest, 'a', sizeof(longest) - 1);
    ck_assert_int_eq(cl_image_open_store(longest, NULL, manifest, &i, &err), CL_ERR_MALFORMED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("image_store");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, fixture_up, fixture_down);
    tcase_add_test(t, test_a_manifest_and_an_index_open);
    tcase_add_test(t, test_an_index_without_the_one_platform);
    tcase_add_test(t, test_each_missing_blob_is_named_with_its_folder);
    tcase_add_test(t, test_each_changed_blob);
    tcase_add_test(t, test_a_layer_that_changes_after_opening);
    tcase_add_test(t, test_documents_that_are_no_image);
    tcase_add_test(t, test_documents_are_bounded);
    tcase_add_test(t, test_a_folder_that_is_not_there_or_too_long);
    suite_add_tcase(s, t);
    return run_suite(s);
}
