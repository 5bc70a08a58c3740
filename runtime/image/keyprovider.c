/* SPDX-License-Identifier: Apache-2.0
 * keyprovider.c - ocicrypt's key-provider protocol. Trust, threads, memory: see keyprovider.h.
 */
#include "image/keyprovider.h"

#include "oci/ocicrypt.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHAT "key provider request"

struct params {
    char keyid[CL_OCICRYPT_MAX_KID];
    char keypath[4096];
    bool generate;
};

/* --- keys
 * ------------------------------------------------------------------------------------------ */

/* Writes a new key under a temporary name and links it into place: of several that do so at once,
 * one wins and all read its key. */
static enum cl_status generate_key(const char *path, struct cl_err *err)
{
    char temp[4096 + 16];
    CL_CLEANUP(cl_secret_done) struct cl_secret key = {0};
    CL_TRY(cl_secret_random(&key, CL_OCICRYPT_KEY_SIZE, err));
    if (snprintf(temp, sizeof(temp), "%s.XXXXXX", path) >= (int)sizeof(temp)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "'%.100s': path too long", path);
    }
    CL_CLEANUP(cl_close_fdp) int fd = mkostemp(temp, O_CLOEXEC); /* 0600 */
    if (fd < 0) {
        return cl_err_sys(err, errno, "create '%s'", temp);
    }
    enum cl_status st = cl_write_all(fd, key.data, key.len, temp, err);
    if (st == CL_OK && fsync(fd) != 0) {
        st = cl_err_sys(err, errno, "write '%s'", temp);
    }
    if (st == CL_OK && link(temp, path) != 0 && errno != EEXIST) {
        st = cl_err_sys(err, errno, "create '%s'", path);
    }
    (void)unlink(temp);
    return st;
}

enum cl_status cl_keyprovider_load_key(const char *path, bool generate, struct cl_secret *ret,
                                       struct cl_err *err)
{
    if (generate && access(path, F_OK) != 0) {
        CL_TRY(generate_key(path, err));
    }
    CL_CLEANUP(cl_secret_done) struct cl_secret key = {0};
    CL_TRY(cl_secret_read_file(&key, path, CL_OCICRYPT_KEY_SIZE, err));
    if (key.len != CL_OCICRYPT_KEY_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "key '%s': size: expected %u bytes, got %zu", path,
                          CL_OCICRYPT_KEY_SIZE, key.len);
    }
    *ret = key;
    key = (struct cl_secret){0};
    return CL_OK;
}

/* --- parameters
 * --------------------------------------------------------------------------------------- */

static enum cl_status take_text(char *dst, size_t size, const char *value, size_t len,
                                const char *name, struct cl_err *err)
{
    if (len == 0 || len >= size) {
        return cl_err_set(err, CL_ERR_MALFORMED, "parameters: %s: expected 1 to %zu bytes, got %zu",
                          name, size - 1, len);
    }
    memcpy(dst, value, len);
    dst[len] = '\0';
    return CL_OK;
}

static bool is(const char *text, size_t len, const char *want)
{
    return len == strlen(want) && memcmp(text, want, len) == 0;
}

static enum cl_status take_param(struct params *p, const char *name, size_t name_len,
                                 const char *value, size_t len, struct cl_err *err)
{
    if (is(name, name_len, "keyid")) {
        return take_text(p->keyid, sizeof(p->keyid), value, len, "keyid", err);
    }
    if (is(name, name_len, "keypath")) {
        return take_text(p->keypath, sizeof(p->keypath), value, len, "keypath", err);
    }
    if (is(name, name_len, "algorithm")) {
        return is(value, len, "A256GCM")
                   ? CL_OK
                   : cl_err_set(err, CL_ERR_UNSUPPORTED,
                                "parameters: algorithm: expected A256GCM, got '%.*s'",
                                (int)(len < 32 ? len : 32), value);
    }
    if (is(name, name_len, "generate")) {
        p->generate = is(value, len, "true");
        return p->generate || is(value, len, "false")
                   ? CL_OK
                   : cl_err_set(err, CL_ERR_MALFORMED,
                                "parameters: generate: expected true or false");
    }
    if (is(name, name_len, "sample") && is(value, len, "false")) {
        return CL_OK; /* CoCo's sample key is public: it protects nothing, and we do not offer it */
    }
    return cl_err_set(err, CL_ERR_UNSUPPORTED,
                      "parameters: expected keyid, keypath, algorithm or generate, got '%.*s'",
                      (int)(name_len < 32 ? name_len : 32), name);
}

static enum cl_status parse_params(const char *text, struct params *p, struct cl_err *err)
{
    while (*text != '\0') {
        const char *sep = strstr(text, "::");
        size_t len = sep != NULL ? (size_t)(sep - text) : strlen(text);
        const char *eq = memchr(text, '=', len);
        if (eq == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED, "parameters: expected name=value, got '%.*s'",
                              (int)(len < 32 ? len : 32), text);
        }
        size_t name_len = (size_t)(eq - text);
        CL_TRY(take_param(p, text, name_len, eq + 1, len - name_len - 1, err));
        text += sep != NULL ? len + 2 : len;
    }
    return CL_OK;
}

/* Parameters is {"<provider>": ["<base64>", ...]}: ours, or the only one. Absent: none. */
static enum cl_status read_params(const json_t *config, struct params *ret, struct cl_err *err)
{
    json_t *all = json_object_get(config, "Parameters");
    json_t *list = json_object_get(all, CL_OCICRYPT_PROVIDER);
    if (list == NULL && json_object_size(all) == 1) {
        list = json_object_iter_value(json_object_iter(all));
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *b64 = json_string_value(json_array_get(list, i));
        CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
        const char *s = NULL;
        if (b64 == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": Parameters: expected strings");
        }
        CL_TRY(cl_b64_decode(&text, b64, strlen(b64), WHAT ": Parameters", err));
        if (text.len > 0) {
            CL_TRY(cl_buf_cstr(&text, WHAT ": Parameters", &s, err));
            CL_TRY(parse_params(s, ret, err));
        }
    }
    return CL_OK;
}

/* --- requests
 * ------------------------------------------------------------------------------------------ */

static enum cl_status load(const struct cl_keyprovider *k, const struct params *p,
                           bool may_generate, struct cl_secret *ret, struct cl_err *err)
{
    const char *path = p->keypath[0] != '\0' ? p->keypath : k->key_path;
    if (path == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "parameters: keypath: expected a file of 32 bytes, got none");
    }
    return k->load_key(path, may_generate && p->generate, ret, err);
}

/* A byte string: base64 text, or an array of integers. */
static enum cl_status read_bytes(const json_t *obj, const char *key, struct cl_buf *ret,
                                 struct cl_err *err)
{
    const json_t *v = json_object_get(obj, key);
    if (json_is_string(v)) {
        return cl_b64_decode(ret, json_string_value(v), json_string_length(v), WHAT, err);
    }
    if (!json_is_array(v)) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": %s: expected bytes", key);
    }
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *item = json_array_get(v, i);
        json_int_t n = json_is_integer(item) ? json_integer_value(item) : -1;
        if (n < 0 || n > 255) {
            return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": %s: item %zu: expected 0 to 255", key,
                              i);
        }
        uint8_t byte = (uint8_t)n;
        CL_TRY(cl_buf_append(ret, &byte, 1, err));
    }
    return CL_OK;
}

static enum cl_status put_bytes(struct cl_buf *out, const char *head, const uint8_t *data,
                                size_t len, struct cl_err *err)
{
    CL_TRY(cl_buf_append_str(out, head, err));
    for (size_t i = 0; i < len; i++) {
        CL_TRY(cl_buf_printf(out, err, "%s%u", i > 0 ? "," : "", (unsigned)data[i]));
    }
    return cl_buf_append_str(out, "]}}\n", err);
}

static enum cl_status handle_wrap(const struct cl_keyprovider *k, const json_t *j,
                                  struct cl_buf *out, struct cl_err *err)
{
    json_t *wrap = NULL;
    struct params p = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf options = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf json = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    CL_CLEANUP(cl_ocicrypt_packet_done) struct cl_ocicrypt_packet packet = {0};
    char path[CL_OCICRYPT_MAX_PATH];
    char kid[CL_OCICRYPT_MAX_KID];
    CL_TRY(cl_json_get_object(j, WHAT, "keywrapparams", &wrap, err));
    CL_TRY(read_params(json_object_get(wrap, "ec"), &p, err));
    if (p.keyid[0] == '\0') {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "parameters: keyid: expected kbs:///repository/type/tag, got none");
    }
    CL_TRY(cl_ocicrypt_kid_path(p.keyid, path, err));
    (void)snprintf(kid, sizeof(kid), "kbs:///%s", path);
    CL_TRY(read_bytes(wrap, "optsdata", &options, err));
    CL_TRY(load(k, &p, true, &kek, err));
    CL_TRY(cl_ocicrypt_packet_wrap(kid, &kek, options.data, options.len, &packet, err));
    CL_TRY(cl_ocicrypt_packet_make(&packet, &json, err));
    return put_bytes(out, "{\"keywrapresults\":{\"annotation\":[", json.data, json.len, err);
}

static enum cl_status handle_unwrap(const struct cl_keyprovider *k, const json_t *j,
                                    struct cl_buf *out, struct cl_err *err)
{
    json_t *unwrap = NULL;
    struct params p = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret options = {0};
    CL_CLEANUP(cl_ocicrypt_packet_done) struct cl_ocicrypt_packet packet = {0};
    CL_TRY(cl_json_get_object(j, WHAT, "keyunwrapparams", &unwrap, err));
    CL_TRY(read_params(json_object_get(unwrap, "dc"), &p, err));
    CL_TRY(read_bytes(unwrap, "annotation", &text, err));
    CL_TRY(cl_ocicrypt_packet_parse(text.data, text.len, &packet, err));
    CL_TRY(load(k, &p, false, &kek, err));
    CL_TRY(cl_ocicrypt_packet_unwrap(&packet, &kek, &options, err));
    return put_bytes(out, "{\"keyunwrapresults\":{\"optsdata\":[", options.data, options.len, err);
}

enum cl_status cl_keyprovider_handle(const struct cl_keyprovider *k, const uint8_t *request,
                                     size_t len, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *op = NULL;
    if (len > CL_KEYPROVIDER_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expected at most %u bytes, got %zu",
                          CL_KEYPROVIDER_MAX, len);
    }
    CL_TRY(cl_json_parse(request, len, WHAT, &j, err));
    CL_TRY(cl_json_get_string(j, WHAT, "op", &op, err));
    if (strcmp(op, "keywrap") == 0) {
        return handle_wrap(k, j, out, err);
    }
    if (strcmp(op, "keyunwrap") == 0) {
        return handle_unwrap(k, j, out, err);
    }
    return cl_err_set(err, CL_ERR_UNSUPPORTED,
                      WHAT ": op: expected keywrap or keyunwrap, got '%.32s'", op);
}
