/* SPDX-License-Identifier: Apache-2.0
 * images.c - see images.h.
 */
#include "images.h"

#include <stdlib.h>
#include <string.h>

void policy_images_done(struct policy_images *i)
{
    for (size_t k = 0; k < i->count; k++) {
        cl_image_free(i->image[k]);
        free(i->reference[k]);
    }
    i->count = 0;
}

/* What --image says of a name; a container's name counts before its image's. NULL: nothing. */
static const char *given(struct policy_images *i, const char *container, const char *name)
{
    const char *const keys[] = {container, name};
    for (size_t k = 0; k < CL_ARRAY_LEN(keys); k++) {
        size_t len = strlen(keys[k]);
        for (size_t n = 0; n < i->given->count; n++) {
            if (strncmp(i->given->v[n], keys[k], len) == 0 && i->given->v[n][len] == '=') {
                i->given_used[n] = true;
                return i->given->v[n] + len + 1;
            }
        }
    }
    return NULL;
}

/* "host.example/...", "host:port/...", "localhost/...": anything else means somebody's default. */
static bool names_registry(const char *name)
{
    size_t n = strcspn(name, "/");
    return name[n] == '/' && (memchr(name, '.', n) != NULL || memchr(name, ':', n) != NULL ||
                              (n == 9 && strncmp(name, "localhost", n) == 0));
}

static enum cl_status reference_of(struct policy_images *i, const char *container, const char *name,
                                   struct cl_buf *out, struct cl_err *err)
{
    const char *reference = given(i, container, name);
    if (reference != NULL) {
        return cl_buf_append_str(out, reference, err);
    }
    if (!names_registry(name)) {
        i->hint = "say which it is with --image NAME=oci:DIR[:TAG] or --image NAME=docker://...";
        return cl_err_set(err, CL_ERR_REJECTED,
                          "image '%.200s': reference: expected a registry in the name, or --image, "
                          "got neither",
                          name);
    }
    return cl_buf_printf(out, err, "docker://%s", name);
}

static enum cl_status open_image(struct policy_images *i, const char *reference,
                                 struct cl_image **ret, struct cl_err *err)
{
    const struct cl_image_options options = {.registry_ca = i->registry_ca};
    for (size_t k = 0; k < i->count; k++) {
        if (strcmp(i->reference[k], reference) == 0) {
            *ret = i->image[k];
            return CL_OK;
        }
    }
    if (i->count == POLICY_MAX_IMAGES) {
        return cl_err_set(err, CL_ERR_REJECTED, "images: expected at most %u, got more",
                          POLICY_MAX_IMAGES);
    }
    CL_TRY(cl_image_open(reference, &options, ret, err));
    i->image[i->count] = *ret;
    i->reference[i->count] = strdup(reference);
    return i->reference[i->count++] != NULL ? CL_OK : cl_err_nomem(err, "image");
}

enum cl_status policy_images_find(void *ctx, const char *container, const char *name,
                                  struct policy_image *ret, struct cl_err *err)
{
    struct policy_images *i = ctx;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct cl_image *image = NULL;
    const char *reference = NULL;
    CL_TRY(reference_of(i, container, name, &text, err));
    CL_TRY(cl_buf_cstr(&text, "image", &reference, err));
    CL_TRY(open_image(i, reference, &image, err));
    ret->config = cl_image_config(image);
    ret->all_encrypted = cl_oci_manifest_all_encrypted(cl_image_manifest(image));
    memcpy(ret->manifest, cl_image_manifest_digest(image), sizeof(ret->manifest));
    return CL_OK;
}

enum cl_status policy_images_check_used(const struct policy_images *i, struct cl_err *err)
{
    for (size_t n = 0; n < i->given->count; n++) {
        if (!i->given_used[n]) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "--image '%.200s': expected the name of an image or a container of "
                              "the pod, got another",
                              i->given->v[n]);
        }
    }
    return CL_OK;
}
