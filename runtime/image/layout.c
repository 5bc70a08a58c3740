/* SPDX-License-Identifier: Apache-2.0
 * layout.c - an OCI image layout in a folder.
 * Trust: the folder is hostile in content. Threads: one. Memory: one small object.
 */
#include "image_internal.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct layout {
    struct image_blobs blobs; /* first: its documents and blobs are those of any folder of blobs */
    struct cl_image_ref ref;
};

static enum cl_status layout_version(const struct layout *l, struct cl_err *err)
{
    char path[4200];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *version = NULL;
    (void)snprintf(path, sizeof(path), "%s/oci-layout", l->ref.dir);
    CL_TRY(image_read_plain(path, 4096, &text, err));
    CL_TRY(cl_json_parse(text.data, text.len, "oci-layout", &j, err));
    return cl_json_get_string(j, "oci-layout", "imageLayoutVersion", &version, err);
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
    CL_TRY(image_read_plain(path, CL_OCI_MAX_MANIFEST, &index, err));
    CL_TRY(cl_oci_layout_select(index.data, index.len, l->ref.tag[0] != '\0' ? l->ref.tag : NULL,
                                &d, &kind, err));
    CL_TRY(image_blobs_document(&l->blobs, &d, true, CL_OCI_MAX_MANIFEST, out, err));
    *ret_has_digest = true;
    memcpy(ret_digest, d.digest, CL_SHA256_SIZE);
    return CL_OK;
}

enum cl_status image_layout_open(const struct cl_image_ref *ref, void **ret_source,
                                 const struct image_source_ops **ret_ops, struct cl_err *err)
{
    static const struct image_source_ops ops = {.root = layout_root,
                                                .document = image_blobs_document,
                                                .blob = image_blobs_blob,
                                                .free = free};
    struct layout *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return cl_err_nomem(err, "image layout");
    }
    l->ref = *ref;
    (void)snprintf(l->blobs.dir, sizeof(l->blobs.dir), "%s/blobs/sha256", ref->dir);
    *ret_source = l;
    *ret_ops = &ops;
    return CL_OK;
}
