/* SPDX-License-Identifier: Apache-2.0
 * index.c - image indexes: choosing the one manifest for linux/amd64, and the entry of a layout.
 * Trust: hostile bytes. Threads: no shared state. Memory: a text of CL_OCI_MAX_MANIFEST bytes.
 */
#include "oci_internal.h"

#include <string.h>

static bool is_manifest_type(const char *type)
{
    return strcmp(type, OCI_TYPE_MANIFEST) == 0 || strcmp(type, DOCKER_TYPE_MANIFEST) == 0;
}

static bool is_index_type(const char *type)
{
    return strcmp(type, OCI_TYPE_INDEX) == 0 || strcmp(type, DOCKER_TYPE_INDEX) == 0;
}

enum cl_status cl_oci_kind(const uint8_t *data, size_t len, enum cl_oci_kind *ret,
                           struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(oci_document(data, len, CL_OCI_MAX_MANIFEST, "image manifest", &j, err));
    bool has_manifests = json_object_get(j, "manifests") != NULL;
    bool has_layers = json_object_get(j, "layers") != NULL || json_object_get(j, "config") != NULL;
    const char *type = NULL;
    CL_TRY(oci_opt_string(j, "image manifest", "mediaType", &type, err));
    if (has_manifests == has_layers) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "image manifest: expected either layers or manifests, got %s",
                          has_layers ? "both" : "neither");
    }
    if (type != NULL && !(has_manifests ? is_index_type(type) : is_manifest_type(type))) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "image manifest: mediaType: expected an image %s, got '%.100s'",
                          has_manifests ? "index" : "manifest", type);
    }
    *ret = has_manifests ? CL_OCI_KIND_INDEX : CL_OCI_KIND_MANIFEST;
    return CL_OK;
}

/* The `manifests` array of an index, each item checked to be an object with a media type. */
static enum cl_status entries(const json_t *j, json_t **ret_array, struct cl_err *err)
{
    json_t *array = NULL;
    CL_TRY(cl_json_get_array(j, "image index", "manifests", &array, err));
    if (json_array_size(array) > CL_OCI_MAX_INDEX_ENTRIES) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "image index: manifests: expected at most %u, got %zu",
                          CL_OCI_MAX_INDEX_ENTRIES, json_array_size(array));
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *type = NULL;
        const json_t *item = json_array_get(array, i);
        if (!json_is_object(item)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "image index: manifest %zu: expected an object", i);
        }
        CL_TRY(cl_json_get_string(item, "image index: manifest", "mediaType", &type, err));
    }
    *ret_array = array;
    return CL_OK;
}

/* linux/amd64 with no variant or v1 (the base level, which every amd64 CPU has). */
static enum cl_status platform_fits(const json_t *item, bool *ret_fits, struct cl_err *err)
{
    const char *what = "image index: platform";
    const char *type = json_string_value(json_object_get(item, "mediaType"));
    const json_t *platform = json_object_get(item, "platform");
    *ret_fits = false;
    if (!is_manifest_type(type) || platform == NULL || json_is_null(platform)) {
        return CL_OK;
    }
    const char *os = NULL;
    const char *arch = NULL;
    const char *variant = NULL;
    CL_TRY(cl_json_get_string(platform, what, "os", &os, err));
    CL_TRY(cl_json_get_string(platform, what, "architecture", &arch, err));
    CL_TRY(oci_opt_string(platform, what, "variant", &variant, err));
    *ret_fits = strcmp(os, "linux") == 0 && strcmp(arch, "amd64") == 0 &&
                (variant == NULL || variant[0] == '\0' || strcmp(variant, "v1") == 0);
    return CL_OK;
}

enum cl_status cl_oci_index_select(const uint8_t *data, size_t len, struct cl_oci_desc *ret,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    json_t *array = NULL;
    CL_TRY(oci_document(data, len, CL_OCI_MAX_MANIFEST, "image index", &j, err));
    CL_TRY(entries(j, &array, err));
    const json_t *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(array); i++) {
        bool fits = false;
        CL_TRY(platform_fits(json_array_get(array, i), &fits, err));
        found = fits ? json_array_get(array, i) : found;
        count += fits ? 1 : 0;
    }
    if (count != 1) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "image index: platform: expected one manifest for linux/amd64, got %zu",
                          count);
    }
    return oci_desc_parse(found, "image index: manifest", CL_OCI_MAX_MANIFEST, ret, err);
}

static bool tag_fits(const json_t *item, const char *tag)
{
    const json_t *annotations = json_object_get(item, "annotations");
    const char *name =
        json_string_value(json_object_get(annotations, "org.opencontainers.image.ref.name"));
    return tag == NULL || (name != NULL && strcmp(name, tag) == 0);
}

enum cl_status cl_oci_layout_select(const uint8_t *data, size_t len, const char *tag,
                                    struct cl_oci_desc *ret, enum cl_oci_kind *ret_kind,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    json_t *array = NULL;
    CL_TRY(oci_document(data, len, CL_OCI_MAX_MANIFEST, "image layout", &j, err));
    CL_TRY(entries(j, &array, err));
    const json_t *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (tag_fits(json_array_get(array, i), tag)) {
            found = json_array_get(array, i);
            count++;
        }
    }
    if (count != 1) {
        return tag != NULL
                   ? cl_err_set(err, CL_ERR_REJECTED,
                                "image layout: tag: expected one image tagged '%.100s', got %zu",
                                tag, count)
                   : cl_err_set(err, CL_ERR_REJECTED,
                                "image layout: expected one image when no tag is given, got %zu",
                                count);
    }
    const char *type = json_string_value(json_object_get(found, "mediaType"));
    if (!is_manifest_type(type) && !is_index_type(type)) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "image layout: mediaType: expected an image, got '%.100s'", type);
    }
    CL_TRY(oci_desc_parse(found, "image layout", CL_OCI_MAX_MANIFEST, ret, err));
    *ret_kind = is_index_type(type) ? CL_OCI_KIND_INDEX : CL_OCI_KIND_MANIFEST;
    return CL_OK;
}
