/* SPDX-License-Identifier: Apache-2.0
 * image_fixture.h - small OCI layouts for tests, in a folder that goes away with the test.
 */
#ifndef CL_TEST_IMAGE_FIXTURE_H
#define CL_TEST_IMAGE_FIXTURE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"
#include "check_main.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char fixture_dir[64];

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void fixture_up(void)
{
    (void)snprintf(fixture_dir, sizeof(fixture_dir), "%s", "/tmp/cloister-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fixture_dir));
    ck_assert_int_eq(chdir(fixture_dir), 0);
}

static inline void fixture_down(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(nftw(fixture_dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void fixture_write(const char *path, const void *data, size_t len)
{
    ck_assert_int_eq(cl_write_file(path, data, len, 0644, NULL), CL_OK);
}

/* Stores a blob; ret_digest is "sha256:...". */
static inline void fixture_blob(const char *layout, const void *data, size_t len,
                                char ret_digest[static CL_OCI_DIGEST_SIZE])
{
    uint8_t digest[32];
    char path[256];
    ck_assert_int_eq(cl_sha256(digest, data, len, NULL), CL_OK);
    cl_oci_digest_format(ret_digest, digest);
    (void)snprintf(path, sizeof(path), "%s/blobs/sha256/%s", layout, ret_digest + 7);
    fixture_write(path, data, len);
}

#define FIXTURE_LAYERS 3u
/* The bytes of layer n: text that repeats, of a size that no buffer divides. */
static inline size_t fixture_layer(unsigned n, uint8_t ret[static 300000])
{
    size_t len = 1 + n * 131073u;
    for (size_t i = 0; i < len; i++) {
        ret[i] = (uint8_t)("plain layer "[i % 12] + (char)n);
    }
    return len;
}

/* A layout with one image of three layers, tagged "v1". `type` is the media type of the layers. */
static inline void fixture_layout(const char *layout, const char *type)
{
    char path[256];
    char digest[CL_OCI_DIGEST_SIZE];
    struct cl_buf layers = {0};
    struct cl_buf diffs = {0};
    struct cl_buf text = {0};
    static uint8_t data[300000];
    ck_assert_int_eq(mkdir(layout, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/blobs", layout);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/blobs/sha256", layout);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    for (unsigned n = 0; n < FIXTURE_LAYERS; n++) {
        size_t len = fixture_layer(n, data);
        fixture_blob(layout, data, len, digest);
        ck_assert_int_eq(cl_buf_printf(&layers, NULL,
                                       "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}",
                                       n > 0 ? "," : "", type, digest, len),
                         CL_OK);
        ck_assert_int_eq(cl_buf_printf(&diffs, NULL, "%s\"%s\"", n > 0 ? "," : "", digest), CL_OK);
    }
    ck_assert_int_eq(
        cl_buf_printf(&text, NULL,
                      "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"/x\"]},"
                      "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[%s]}}",
                      (char *)diffs.data),
        CL_OK);
    fixture_blob(layout, text.data, text.len, digest);
    size_t config_len = text.len;
    cl_buf_reset(&text);
    ck_assert_int_eq(
        cl_buf_printf(&text, NULL,
                      "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/"
                      "vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":"
                      "[%s]}",
                      digest, config_len, (char *)layers.data),
        CL_OK);
    fixture_blob(layout, text.data, text.len, digest);
    size_t manifest_len = text.len;
    cl_buf_reset(&text);
    ck_assert_int_eq(
        cl_buf_printf(&text, NULL,
                      "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/"
                      "vnd.oci.image.manifest.v1+json\",\"digest\":\"%s\",\"size\":%zu,"
                      "\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}}]}",
                      digest, manifest_len),
        CL_OK);
    (void)snprintf(path, sizeof(path), "%s/index.json", layout);
    fixture_write(path, text.data, text.len);
    (void)snprintf(path, sizeof(path), "%s/oci-layout", layout);
    fixture_write(path, "{\"imageLayoutVersion\":\"1.0.0\"}", 30);
    cl_buf_done(&layers);
    cl_buf_done(&diffs);
    cl_buf_done(&text);
}

#endif
