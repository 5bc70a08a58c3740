/* SPDX-License-Identifier: Apache-2.0
 * signatures.c - a folder of signatures: what it has, and how it is filled. See
 * image/signatures.h.
 */
#include "image/signatures.h"

#include "image_internal.h"

#include "base/encode.h"
#include "base/io.h"
#include "cloister/image_signature.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4300u
#define HEX_SIZE (2u * CL_SHA256_SIZE + 1u)

/* --- what a guest asks for -------------------------------------------------------------------- */

bool cl_signature_ask_parse(const char *text, struct cl_signature_ask *ret)
{
    static const char cosign[] = "signatures:";
    static const char simple[] = "simple-signature:";
    struct cl_signature_ask ask = {0};
    char digest[CL_OCI_DIGEST_SIZE];
    uint64_t number = 0;
    if (strncmp(text, cosign, strlen(cosign)) == 0) {
        *ret = ask;
        return cl_oci_digest_parse(text + strlen(cosign), ret->digest, NULL) == CL_OK;
    }
    if (strncmp(text, simple, strlen(simple)) != 0) {
        return false;
    }
    text += strlen(simple);
    const char *slash = strchr(text, '/');
    if (slash == NULL || (size_t)(slash - text) >= sizeof(digest)) {
        return false;
    }
    memcpy(digest, text, (size_t)(slash - text));
    digest[slash - text] = '\0';
    ask.simple = true;
    bool good =
        cl_oci_digest_parse(digest, ask.digest, NULL) == CL_OK &&
        cl_uint_parse(slash + 1, "number", 1, CL_IMAGE_SIG_MAX_COUNT, &number, NULL) == CL_OK;
    ask.number = (unsigned)number;
    *ret = ask;
    return good;
}

static enum cl_status open_file(const char *path, uint64_t max, int *ret_fd, uint64_t *ret_size,
                                struct cl_err *err)
{
    struct stat s;
    CL_CLEANUP(cl_close_fdp)
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "signature '%.200s': expected one, got none",
                          path);
    }
    if (fd < 0 || fstat(fd, &s) != 0) {
        return cl_err_sys(err, errno, "open '%.200s'", path);
    }
    if (!S_ISREG(s.st_mode) || s.st_size < 1 || (uint64_t)s.st_size > max) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "signature '%.200s': expected a file of 1 to %llu bytes, got another",
                          path, (unsigned long long)max);
    }
    *ret_size = (uint64_t)s.st_size;
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

/* The path below the folder; cuts nothing off: the folder's name is bounded by the caller. */
static enum cl_status make_path(const char *dir, const struct cl_signature_ask *ask,
                                char ret[static PATH_SIZE], struct cl_err *err)
{
    char hex[HEX_SIZE];
    char name[32] = "";
    cl_hex(hex, ask->digest, CL_SHA256_SIZE);
    if (ask->simple) {
        (void)snprintf(name, sizeof(name), "/signature-%u", ask->number);
    }
    int n = snprintf(ret, PATH_SIZE, "%s/sha256-%s%s", dir, hex, ask->simple ? name : ".sig");
    return n > 0 && (size_t)n < PATH_SIZE
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "folder '%.100s': path too long", dir);
}

enum cl_status cl_signature_open(const char *dir, const struct cl_signature_ask *ask, int *ret_fd,
                                 uint64_t *ret_size, struct cl_err *err)
{
    char path[PATH_SIZE];
    if (dir == NULL) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "signatures: expected a folder, got none");
    }
    CL_TRY(make_path(dir, ask, path, err));
    return open_file(path, ask->simple ? CL_IMAGE_SIG_MAX_SIMPLE : CL_IMAGE_SIG_MAX_MANIFEST,
                     ret_fd, ret_size, err);
}

enum cl_status cl_signature_blob_open(const char *dir, const uint8_t digest[static CL_SHA256_SIZE],
                                      int *ret_fd, uint64_t *ret_size, struct cl_err *err)
{
    char path[PATH_SIZE];
    char hex[HEX_SIZE];
    if (dir == NULL) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "signatures: expected a folder, got none");
    }
    cl_hex(hex, digest, CL_SHA256_SIZE);
    if (snprintf(path, sizeof(path), "%s/blobs/%s", dir, hex) >= (int)sizeof(path)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "folder '%.100s': path too long", dir);
    }
    return open_file(path, CL_OCI_MAX_MANIFEST, ret_fd, ret_size, err);
}

/* --- filling a folder ------------------------------------------------------------------------- */

struct fetch {
    struct cl_image_ref ref;
    const struct cl_image_options *opt;
    const char *lookaside;
    const char *dir;
    const uint8_t *manifest;
    struct cl_signature_count count;
};

static enum cl_status make_dir(const char *path, struct cl_err *err)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST
               ? CL_OK
               : cl_err_sys(err, errno, "make '%.200s'", path);
}

static enum cl_status put_blob(const struct fetch *f, const void *data, size_t len,
                               struct cl_err *err)
{
    char path[PATH_SIZE];
    char hex[HEX_SIZE];
    uint8_t digest[CL_SHA256_SIZE];
    CL_TRY(cl_sha256(digest, data, len, err));
    cl_hex(hex, digest, sizeof(digest));
    (void)snprintf(path, sizeof(path), "%.4000s/blobs/%s", f->dir, hex);
    return cl_write_file(path, data, len, 0644, err);
}

/* One after the other, each verified by its digest. */
static enum cl_status get_payloads(struct fetch *f, void *source,
                                   const struct image_source_ops *ops,
                                   const struct cl_cosign_manifest *m, struct cl_err *err)
{
    for (size_t i = 0; i < m->count; i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf payload = {0};
        struct cl_oci_desc d = {.size = m->layers[i].size};
        memcpy(d.digest, m->layers[i].digest, sizeof(d.digest));
        CL_TRY(ops->document(source, &d, false, CL_IMAGE_SIG_MAX_PAYLOAD, &payload, err));
        CL_TRY(cl_oci_verify(payload.data, payload.len, d.digest, "signature", err));
        CL_TRY(put_blob(f, payload.data, payload.len, err));
        f->count.cosign++;
    }
    return CL_OK;
}

static enum cl_status get_cosign_from(struct fetch *f, void *source,
                                      const struct image_source_ops *ops, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_cosign_manifest_done) struct cl_cosign_manifest m = {0};
    struct cl_signature_ask ask = {0};
    char path[PATH_SIZE];
    bool has_digest = false;
    uint8_t unused[CL_SHA256_SIZE];
    if (ops->root(source, &raw, &has_digest, unused, NULL) != CL_OK) {
        return CL_OK; /* it has none */
    }
    CL_TRY(cl_cosign_manifest_parse(raw.data, raw.len, &m, err));
    CL_TRY(get_payloads(f, source, ops, &m, err));
    memcpy(ask.digest, f->manifest, sizeof(ask.digest));
    CL_TRY(make_path(f->dir, &ask, path, err));
    return cl_write_file(path, raw.data, raw.len, 0644, err);
}

/* digest: what was signed. */
static enum cl_status get_cosign(struct fetch *f, const uint8_t *digest, struct cl_err *err)
{
    struct cl_image_ref ref = f->ref;
    const struct image_source_ops *ops = NULL;
    void *source = NULL;
    char hex[HEX_SIZE];
    cl_hex(hex, digest, CL_SHA256_SIZE);
    ref.has_digest = false;
    (void)snprintf(ref.tag, sizeof(ref.tag), "sha256-%s.sig", hex);
    CL_TRY(ref.registry ? image_registry_open(&ref, f->opt, &source, &ops, err)
                        : image_layout_open(&ref, &source, &ops, err));
    enum cl_status st = get_cosign_from(f, source, ops, err);
    ops->free(source);
    return st;
}

static enum cl_status get_simple(struct fetch *f, const uint8_t *digest, struct cl_err *err)
{
    char hex[HEX_SIZE];
    char path[PATH_SIZE];
    struct cl_signature_ask ask = {.simple = true};
    cl_hex(hex, digest, CL_SHA256_SIZE);
    memcpy(ask.digest, f->manifest, sizeof(ask.digest));
    for (unsigned n = 1; n <= CL_IMAGE_SIG_MAX_COUNT; n++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        if (snprintf(path, sizeof(path), "%s/%s@sha256=%s/signature-%u", f->lookaside, f->ref.name,
                     hex, n) >= (int)sizeof(path) ||
            access(path, F_OK) != 0) {
            return CL_OK; /* the last one's end */
        }
        CL_TRY(image_read_plain(path, CL_IMAGE_SIG_MAX_SIMPLE, &raw, err));
        ask.number = (unsigned)++f->count.simple;
        cl_hex(hex, f->manifest, CL_SHA256_SIZE);
        (void)snprintf(path, sizeof(path), "%.4000s/sha256-%s", f->dir, hex);
        CL_TRY(make_dir(path, err));
        CL_TRY(make_path(f->dir, &ask, path, err));
        CL_TRY(cl_write_file(path, raw.data, raw.len, 0644, err));
        cl_hex(hex, digest, CL_SHA256_SIZE);
    }
    return CL_OK;
}

/* Of the manifest; when nobody signed that, of the index that names it. */
static enum cl_status get_all(struct fetch *f, const struct cl_buf *index, struct cl_err *err)
{
    uint8_t digest[CL_SHA256_SIZE];
    bool simple = f->lookaside != NULL && f->ref.registry;
    CL_TRY(get_cosign(f, f->manifest, err));
    CL_TRY(simple ? get_simple(f, f->manifest, err) : CL_OK);
    if (index->len == 0) {
        return CL_OK;
    }
    CL_TRY(cl_sha256(digest, index->data, index->len, err));
    size_t before = f->count.cosign + f->count.simple;
    CL_TRY(f->count.cosign == 0 ? get_cosign(f, digest, err) : CL_OK);
    CL_TRY(f->count.simple == 0 && simple ? get_simple(f, digest, err) : CL_OK);
    return f->count.cosign + f->count.simple > before ? put_blob(f, index->data, index->len, err)
                                                      : CL_OK;
}

enum cl_status cl_signatures_fetch(const char *ref, const struct cl_image_options *opt,
                                   const char *lookaside, const char *dir,
                                   struct cl_signature_count *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *image = NULL;
    struct fetch f = {.opt = opt, .lookaside = lookaside, .dir = dir};
    char path[PATH_SIZE];
    CL_TRY(cl_image_ref_parse(ref, &f.ref, err));
    CL_TRY(cl_image_open(ref, opt, &image, err));
    f.manifest = cl_image_manifest_digest(image);
    if (snprintf(path, sizeof(path), "%s/blobs", dir) > 4000) {
        return cl_err_set(err, CL_ERR_MALFORMED, "folder '%.100s': path too long", dir);
    }
    CL_TRY(make_dir(dir, err));
    CL_TRY(make_dir(path, err));
    enum cl_status st = get_all(&f, cl_image_index_bytes(image), err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "signatures of '%.200s'", ref);
    }
    *ret = f.count;
    return CL_OK;
}
