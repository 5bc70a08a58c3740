/* SPDX-License-Identifier: Apache-2.0
 * layout.c - an OCI image layout in a folder.
 * Trust: the folder is hostile in content; that its files are plain files is checked, so that no
 *        FIFO makes us wait. Threads: one. Memory: one small object.
 */
#include "image_internal.h"

#include "base/encode.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct layout {
    struct cl_image_ref ref;
};

static enum cl_status open_plain(const char *path, int *ret_fd, struct stat *ret_st,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    if (fstat(fd, ret_st) != 0) {
        return cl_err_sys(err, errno, "stat '%s'", path);
    }
    if (!S_ISREG(ret_st->st_mode)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "'%s': type: expected a plain file, got another",
                          path);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status read_plain(const char *path, size_t max, struct cl_buf *out,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct stat st;
    CL_TRY(open_plain(path, &fd, &st, err));
    enum cl_status status = cl_buf_read_fd(out, fd, max, err);
    return status == CL_OK ? CL_OK : cl_err_wrap(err, status, "'%s'", path);
}

static enum cl_status blob_path(const struct layout *l, const struct cl_oci_desc *d, char *ret,
                                size_t size, struct cl_err *err)
{
    char hex[2 * CL_SHA256_SIZE + 1];
    cl_hex(hex, d->digest, CL_SHA256_SIZE);
    int n = snprintf(ret, size, "%s/blobs/sha256/%s", l->ref.dir, hex);
    return n > 0 && (size_t)n < size
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "'%.100s': path too long", l->ref.dir);
}

static enum cl_status layout_version(const struct layout *l, struct cl_err *err)
{
    char path[4200];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *version = NULL;
    (void)snprintf(path, sizeof(path), "%s/oci-layout", l->ref.dir);
    CL_TRY(read_plain(path, 4096, &text, err));
    CL_TRY(cl_json_parse(text.data, text.len, "oci-layout", &j, err));
    return cl_json_get_string(j, "oci-layout", "imageLayoutVersion", &version, err);
}

static enum cl_status layout_document(void *source, const struct cl_oci_desc *d, bool manifest,
                                      size_t max, struct cl_buf *out, struct cl_err *err)
{
    (void)manifest; /* a layout keeps both in one place */
    char path[4200];
    CL_TRY(blob_path(source, d, path, sizeof(path), err));
    return read_plain(path, max, out, err);
}

static enum cl_status layout_root(void *source, struct cl_buf *out, bool *ret_has_digest,
                                  uint8_t ret_digest[CL_SHA256_SIZE], struct cl_err *err)
{
    struct layout *l = source;
    char path[4200];
    CL_CLEANUP(cl_buf_done) struct cl_buf index = {0};
    struct cl_oci_desc d = {0};
    enum cl_oci_kind kind = CL_OCI_KIND_MANIFEST;
    CL_TRY(layout_version(l, err));
    (void)snprintf(path, sizeof(path), "%s/index.json", l->ref.dir);
    CL_TRY(read_plain(path, CL_OCI_MAX_MANIFEST, &index, err));
    CL_TRY(cl_oci_layout_select(index.data, index.len, l->ref.tag[0] != '\0' ? l->ref.tag : NULL,
                                &d, &kind, err));
    CL_TRY(layout_document(l, &d, true, CL_OCI_MAX_MANIFEST, out, err));
    *ret_has_digest = true;
    memcpy(ret_digest, d.digest, CL_SHA256_SIZE);
    return CL_OK;
}

static enum cl_status layout_blob(void *source, const struct cl_oci_desc *d, int *ret_fd,
                                  struct cl_err *err)
{
    char path[4200];
    struct stat st;
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(blob_path(source, d, path, sizeof(path), err));
    enum cl_status status = open_plain(path, &fd, &st, err);
    if (status != CL_OK) {
        return err != NULL && err->sys_errno == ENOENT
                   ? cl_err_set(err, CL_ERR_UNAVAILABLE, "'%s': expected a blob, got none", path)
                   : status;
    }
    if ((uint64_t)st.st_size != d->size) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%s': size: expected %llu, got %llu", path,
                          (unsigned long long)d->size, (unsigned long long)st.st_size);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

enum cl_status image_layout_open(const struct cl_image_ref *ref, void **ret_source,
                                 const struct image_source_ops **ret_ops, struct cl_err *err)
{
    static const struct image_source_ops ops = {
        .root = layout_root, .document = layout_document, .blob = layout_blob, .free = free};
    struct layout *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return cl_err_nomem(err, "image layout");
    }
    l->ref = *ref;
    *ret_source = l;
    *ret_ops = &ops;
    return CL_OK;
}
