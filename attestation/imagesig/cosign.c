/* SPDX-License-Identifier: Apache-2.0
 * cosign.c - the manifest in which cosign keeps the signatures of an image: each layer is what is
 * signed, an annotation of it the signature.
 */
#include "imagesig_internal.h"

#include <stdlib.h>
#include <string.h>

#define WHAT "signature manifest"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define LAYER_TYPE "application/vnd.dev.cosign.simplesigning.v1+json"
#define ANNOTATION "dev.cosignproject.cosign/signature"

void cl_cosign_manifest_done(struct cl_cosign_manifest *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->layers[i].signature);
    }
    free(m->layers);
    *m = (struct cl_cosign_manifest){0};
}

static enum cl_status layer_parse(const json_t *j, struct cl_cosign_layer *ret, struct cl_err *err)
{
    const char *digest = NULL;
    const char *signature = NULL;
    json_t *annotations = NULL;
    int64_t size = 0;
    CL_TRY(cl_json_get_string(j, WHAT ": layer", "digest", &digest, err));
    CL_TRY(cl_oci_digest_parse(digest, ret->digest, err));
    CL_TRY(cl_json_get_int(j, WHAT ": layer", "size", 1, CL_IMAGE_SIG_MAX_PAYLOAD, &size, err));
    CL_TRY(cl_json_get_object(j, WHAT ": layer", "annotations", &annotations, err));
    CL_TRY(cl_json_get_string(annotations, WHAT ": layer", ANNOTATION, &signature, err));
    if (strlen(signature) > CL_IMAGE_SIG_MAX_TEXT) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          WHAT ": layer: " ANNOTATION ": expected at most %u bytes, got %zu",
                          CL_IMAGE_SIG_MAX_TEXT, strlen(signature));
    }
    ret->size = (size_t)size;
    ret->signature = strdup(signature);
    return ret->signature != NULL ? CL_OK : cl_err_nomem(err, WHAT);
}

static enum cl_status layers_parse(const json_t *list, struct cl_cosign_manifest *m,
                                   struct cl_err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i);
        const char *type = NULL;
        CL_TRY(cl_json_get_string(j, WHAT ": layer", "mediaType", &type, err));
        if (strcmp(type, LAYER_TYPE) == 0) {
            CL_TRY(layer_parse(j, &m->layers[m->count], err));
            m->count++;
        }
    }
    return CL_OK;
}

static enum cl_status check_type(const json_t *j, struct cl_err *err)
{
    int64_t version = 0;
    const char *type = NULL;
    CL_TRY(cl_json_get_int(j, WHAT, "schemaVersion", 2, 2, &version, err));
    if (json_object_get(j, "mediaType") == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_string(j, WHAT, "mediaType", &type, err));
    return strcmp(type, MANIFEST_TYPE) == 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_UNSUPPORTED,
                            WHAT ": mediaType: expected " MANIFEST_TYPE ", got '%.96s'", type);
}

enum cl_status cl_cosign_manifest_parse(const void *data, size_t len,
                                        struct cl_cosign_manifest *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    json_t *list = NULL;
    if (len > CL_IMAGE_SIG_MAX_MANIFEST) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expected at most %u bytes, got %zu",
                          CL_IMAGE_SIG_MAX_MANIFEST, len);
    }
    CL_TRY(cl_json_parse(data, len, WHAT, &j, err));
    CL_TRY(check_type(j, err));
    CL_TRY(cl_json_get_array(j, WHAT, "layers", &list, err));
    if (json_array_size(list) > CL_IMAGE_SIG_MAX_LAYERS) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": layers: expected at most %u, got %zu",
                          CL_IMAGE_SIG_MAX_LAYERS, json_array_size(list));
    }
    CL_CLEANUP(cl_cosign_manifest_done) struct cl_cosign_manifest m = {0};
    m.layers = calloc(json_array_size(list) + 1, sizeof(*m.layers));
    if (m.layers == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    CL_TRY(layers_parse(list, &m, err));
    *ret = m;
    m = (struct cl_cosign_manifest){0};
    return CL_OK;
}
