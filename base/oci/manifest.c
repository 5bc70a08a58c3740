/* SPDX-License-Identifier: Apache-2.0
 * manifest.c - the manifest of one image: its configuration and its ordered layers.
 * Trust: hostile bytes. Threads: no shared state. Memory: at most CL_OCI_MAX_LAYERS layers with
 * CL_OCICRYPT_MAX_PACKETS packets each, out of a text of CL_OCI_MAX_MANIFEST bytes.
 */
#include "oci_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum cl_status cl_oci_verify(const void *data, size_t len, const uint8_t digest[static 32],
                             const char *what, struct cl_err *err)
{
    uint8_t got[CL_SHA256_SIZE];
    CL_TRY(cl_sha256(got, data, len, err));
    if (memcmp(got, digest, sizeof(got)) == 0) { /* public values: no constant time needed */
        return CL_OK;
    }
    char want_text[CL_OCI_DIGEST_SIZE];
    char got_text[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(want_text, digest);
    cl_oci_digest_format(got_text, got);
    return cl_err_set(err, CL_ERR_REJECTED, "%s: digest: expected %s, got %s", what, want_text,
                      got_text);
}

enum cl_status oci_document(const uint8_t *data, size_t len, size_t max, const char *what,
                            json_t **ret_j, struct cl_err *err)
{
    if (len > max) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected at most %zu bytes, got %zu", what,
                          max, len);
    }
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(cl_json_parse(data, len, what, &j, err));
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected an object", what);
    }
    int64_t version = 0;
    CL_TRY(cl_json_get_int(j, what, "schemaVersion", 2, 2, &version, err));
    *ret_j = CL_TAKE(j);
    return CL_OK;
}

enum cl_status oci_opt_string(const json_t *obj, const char *what, const char *key,
                              const char **ret, struct cl_err *err)
{
    const json_t *v = json_object_get(obj, key);
    if (v == NULL || json_is_null(v)) {
        *ret = NULL;
        return CL_OK;
    }
    return cl_json_get_string(obj, what, key, ret, err);
}

enum cl_status oci_desc_parse(const json_t *obj, const char *what, uint64_t max,
                              struct cl_oci_desc *ret, struct cl_err *err)
{
    struct cl_oci_desc d = {0};
    const char *digest = NULL;
    int64_t size = 0;
    CL_TRY(cl_json_get_string(obj, what, "digest", &digest, err));
    enum cl_status st = cl_oci_digest_parse(digest, d.digest, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "%s", what);
    }
    CL_TRY(cl_json_get_int(obj, what, "size", 1, (int64_t)max, &size, err));
    d.size = (uint64_t)size;
    *ret = d;
    return CL_OK;
}

/* --- layers ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum cl_oci_compression compression;
    bool encrypted;
    bool docker;
} layer_types[] = {
    {"application/vnd.oci.image.layer.v1.tar", CL_OCI_PLAIN, false, false},
    {"application/vnd.oci.image.layer.v1.tar+gzip", CL_OCI_GZIP, false, false},
    {"application/vnd.oci.image.layer.v1.tar+zstd", CL_OCI_ZSTD, false, false},
    {"application/vnd.oci.image.layer.v1.tar+encrypted", CL_OCI_PLAIN, true, false},
    {"application/vnd.oci.image.layer.v1.tar+gzip+encrypted", CL_OCI_GZIP, true, false},
    {"application/vnd.oci.image.layer.v1.tar+zstd+encrypted", CL_OCI_ZSTD, true, false},
    {"application/vnd.docker.image.rootfs.diff.tar", CL_OCI_PLAIN, false, true},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", CL_OCI_GZIP, false, true},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", CL_OCI_ZSTD, false, true},
    {"application/vnd.docker.image.rootfs.diff.tar+encrypted", CL_OCI_PLAIN, true, true},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip+encrypted", CL_OCI_GZIP, true, true},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd+encrypted", CL_OCI_ZSTD, true, true},
};

enum cl_status cl_oci_layer_type_parse(const char *media_type, struct cl_oci_layer *ret,
                                       struct cl_err *err)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(layer_types); i++) {
        if (strcmp(media_type, layer_types[i].name) == 0) {
            ret->compression = layer_types[i].compression;
            ret->encrypted = layer_types[i].encrypted;
            ret->docker = layer_types[i].docker;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_UNSUPPORTED, "mediaType: expected a layer, got '%.100s'",
                      media_type);
}

const char *cl_oci_layer_type(const struct cl_oci_layer *layer, bool encrypted)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(layer_types); i++) {
        if (layer_types[i].compression == layer->compression &&
            layer_types[i].docker == layer->docker && layer_types[i].encrypted == encrypted) {
            return layer_types[i].name;
        }
    }
    return NULL; /* not reached: the table has every combination */
}

/* CoCo's own provider annotation, else the first of any provider: ocicrypt lets the person who
 * encrypts choose the provider's name, and the packet inside is the same. */
static const char *find_packets(json_t *annotations)
{
    const json_t *own =
        json_object_get(annotations, CL_OCICRYPT_PROVIDER_PREFIX CL_OCICRYPT_PROVIDER);
    if (json_is_string(own)) {
        return json_string_value(own);
    }
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(annotations, key, value)
    {
        if (strncmp(key, CL_OCICRYPT_PROVIDER_PREFIX, strlen(CL_OCICRYPT_PROVIDER_PREFIX)) == 0 &&
            json_is_string(value)) {
            return json_string_value(value);
        }
    }
    return NULL;
}

static enum cl_status layer_keys_parse(const json_t *obj, const char *what,
                                       struct cl_oci_layer *layer, struct cl_err *err)
{
    json_t *annotations = NULL;
    const char *pub = NULL;
    CL_TRY(cl_json_get_object(obj, what, "annotations", &annotations, err));
    CL_TRY(cl_json_get_string(annotations, what, CL_OCICRYPT_PUBOPTS, &pub, err));
    enum cl_status st = cl_ocicrypt_public_parse(pub, &layer->pub, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "%s", what);
    }
    const char *packets = find_packets(annotations);
    if (packets == NULL) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: expected an annotation %s*, got none", what,
                          CL_OCICRYPT_PROVIDER_PREFIX);
    }
    st = cl_ocicrypt_packets_parse(packets, &layer->packets, &layer->packet_count, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "%s", what);
}

static enum cl_status layer_parse(const json_t *obj, const char *what, struct cl_oci_layer *layer,
                                  struct cl_err *err)
{
    const char *type = NULL;
    CL_TRY(cl_json_get_string(obj, what, "mediaType", &type, err));
    enum cl_status st = cl_oci_layer_type_parse(type, layer, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "%s", what);
    }
    CL_TRY(oci_desc_parse(obj, what, CL_OCI_MAX_LAYER_SIZE, &layer->desc, err));
    return layer->encrypted ? layer_keys_parse(obj, what, layer, err) : CL_OK;
}

static enum cl_status layers_parse(const json_t *array, struct cl_oci_manifest *m,
                                   struct cl_err *err)
{
    size_t count = json_array_size(array);
    if (count < 1 || count > CL_OCI_MAX_LAYERS) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "image manifest: layers: expected 1 to %u, got %zu", CL_OCI_MAX_LAYERS,
                          count);
    }
    m->layers = calloc(count, sizeof(*m->layers));
    if (m->layers == NULL) {
        return cl_err_nomem(err, "layers");
    }
    m->layer_count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *obj = json_array_get(array, i);
        char what[48];
        (void)snprintf(what, sizeof(what), "image manifest: layer %zu", i);
        if (!json_is_object(obj)) {
            return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected an object", what);
        }
        CL_TRY(layer_parse(obj, what, &m->layers[i], err));
    }
    return CL_OK;
}

/* --- manifest -------------------------------------------------------------------------------- */

void cl_oci_manifest_done(struct cl_oci_manifest *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->layer_count; i++) {
        cl_ocicrypt_packets_free(m->layers[i].packets, m->layers[i].packet_count);
    }
    free(m->layers);
    *m = (struct cl_oci_manifest){0};
}

static enum cl_status manifest_type_check(const json_t *j, struct cl_err *err)
{
    const char *type = NULL;
    CL_TRY(oci_opt_string(j, "image manifest", "mediaType", &type, err));
    if (type != NULL && strcmp(type, OCI_TYPE_MANIFEST) != 0 &&
        strcmp(type, DOCKER_TYPE_MANIFEST) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "image manifest: mediaType: expected an image manifest, got '%.100s'",
                          type);
    }
    /* One text must not be readable as two kinds of thing (CVE-2021-41190). */
    if (json_object_get(j, "manifests") != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "image manifest: manifests: expected none beside layers");
    }
    return CL_OK;
}

static enum cl_status config_desc_parse(const json_t *j, struct cl_oci_desc *ret,
                                        struct cl_err *err)
{
    const char *what = "image manifest: config";
    json_t *obj = NULL;
    const char *type = NULL;
    CL_TRY(cl_json_get_object(j, "image manifest", "config", &obj, err));
    CL_TRY(cl_json_get_string(obj, what, "mediaType", &type, err));
    if (strcmp(type, OCI_TYPE_CONFIG) != 0 && strcmp(type, DOCKER_TYPE_CONFIG) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "%s: mediaType: expected an image configuration, got '%.100s'", what,
                          type);
    }
    return oci_desc_parse(obj, what, CL_OCI_MAX_CONFIG, ret, err);
}

enum cl_status cl_oci_manifest_parse(const uint8_t *data, size_t len, struct cl_oci_manifest *ret,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(oci_document(data, len, CL_OCI_MAX_MANIFEST, "image manifest", &j, err));
    CL_TRY(manifest_type_check(j, err));
    CL_CLEANUP(cl_oci_manifest_done) struct cl_oci_manifest m = {0};
    CL_TRY(config_desc_parse(j, &m.config, err));
    json_t *layers = NULL;
    CL_TRY(cl_json_get_array(j, "image manifest", "layers", &layers, err));
    CL_TRY(layers_parse(layers, &m, err));
    *ret = m;
    m = (struct cl_oci_manifest){0};
    return CL_OK;
}

static size_t encrypted_count(const struct cl_oci_manifest *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->layer_count; i++) {
        n += m->layers[i].encrypted ? 1 : 0;
    }
    return n;
}

bool cl_oci_manifest_all_encrypted(const struct cl_oci_manifest *m)
{
    return encrypted_count(m) == m->layer_count;
}

bool cl_oci_manifest_none_encrypted(const struct cl_oci_manifest *m)
{
    return encrypted_count(m) == 0;
}
