/* SPDX-License-Identifier: Apache-2.0
 * initdata.c - reads initdata: CoCo's outer document, its "aa.toml", and ours: "cloister.toml" or
 * "pod-policy.json".
 * Trust: the caller has compared the digest (cl_initdata_verify); the parser is strict all the
 * same. Threads: no shared state. Memory: copies of what a text of CL_INITDATA_MAX_SIZE holds.
 */
#include "cloister/initdata.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/toml.h"
#include "cloister/pod_policy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void cl_initdata_done(struct cl_initdata *i)
{
    if (i == NULL) {
        return;
    }
    free(i->kbs_url);
    free(i->kbs_cert);
    free(i->pod_policy);
    cl_pod_policy_free(i->pod);
    cl_strv_done(&i->command);
    cl_strv_done(&i->env);
    free(i->workdir);
    free(i->user);
    *i = (struct cl_initdata){0};
}

enum cl_status cl_initdata_digest(const void *data, size_t len, uint8_t ret[static CL_SHA256_SIZE],
                                  struct cl_err *err)
{
    return cl_sha256(ret, data, len, err);
}

void cl_initdata_fit(uint8_t *ret, size_t size, const uint8_t *digest, size_t len)
{
    memset(ret, 0, size);
    memcpy(ret, digest, len < size ? len : size);
}

enum cl_status cl_initdata_verify(const void *data, size_t len, const uint8_t *field, size_t size,
                                  struct cl_err *err)
{
    static const uint8_t zero[CL_INITDATA_FIELD_MAX];
    uint8_t digest[CL_SHA256_SIZE];
    uint8_t got[CL_INITDATA_FIELD_MAX];
    assert(size >= CL_SHA256_SIZE && size <= sizeof(got));
    if (memcmp(field, zero, size) == 0) { /* both values are public */
        return cl_err_set(err, CL_ERR_REJECTED,
                          "initdata: measured digest: expected one, got all zero");
    }
    CL_TRY(cl_sha256(digest, data, len, err));
    cl_initdata_fit(got, size, digest, sizeof(digest));
    if (memcmp(got, field, size) != 0) {
        char want_hex[2 * CL_INITDATA_FIELD_MAX + 1];
        char got_hex[2 * CL_SHA256_SIZE + 1];
        cl_hex(want_hex, field, size);
        cl_hex(got_hex, digest, sizeof(digest));
        return cl_err_set(err, CL_ERR_REJECTED, "initdata: digest: expected %s, got %s", want_hex,
                          got_hex);
    }
    return CL_OK;
}

static enum cl_status dup_text(const char *text, char **ret, struct cl_err *err)
{
    *ret = strdup(text);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "initdata");
}

/* --- the broker: CoCo's aa.toml ----------------------------------------------------------------
 */

enum cl_status cl_initdata_broker(const struct cl_initdata *i, char ret_host[static 256],
                                  uint16_t *ret_port, struct cl_err *err)
{
    const char *what = "initdata: aa.toml: token_configs.kbs: url";
    static const char scheme[] = "https://";
    if (i->kbs_url == NULL || strncmp(i->kbs_url, scheme, strlen(scheme)) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected https://host:port, got '%.100s'",
                          what, i->kbs_url != NULL ? i->kbs_url : "none");
    }
    const char *host = i->kbs_url + strlen(scheme);
    const char *end = host + strcspn(host, "/?#@");
    const char *colon = memrchr(host, ':', (size_t)(end - host));
    bool bracketed = host[0] == '[';
    if (*end != '\0') { /* a path or anything else behind the port */
        colon = NULL;
    }
    char port[6] = {0};
    size_t port_len = colon != NULL ? (size_t)(end - colon) - 1 : 0;
    size_t host_len = colon != NULL ? (size_t)(colon - host) : 0;
    if (bracketed && host_len > 2 && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    }
    if (host_len == 0 || host_len > 255 || port_len == 0 || port_len > 5 ||
        strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") <
            host_len ||
        (!bracketed && memchr(host, ':', host_len) != NULL)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected https://host:port, got '%.100s'",
                          what, i->kbs_url);
    }
    memcpy(port, colon + 1, port_len);
    uint64_t number = 0;
    CL_TRY(cl_uint_parse(port, what, 1, 65535, &number, err));
    memcpy(ret_host, host, host_len);
    ret_host[host_len] = '\0';
    *ret_port = (uint16_t)number;
    return CL_OK;
}

static enum cl_status aa_parse(const char *text, struct cl_initdata *ret, struct cl_err *err)
{
    static const char *const top[] = {"token_configs", NULL};
    static const char *const configs[] = {"kbs", NULL};
    static const char *const kbs_keys[] = {"url", "cert", NULL};
    const char *what = "initdata: aa.toml";
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    json_t *token_configs = NULL;
    json_t *kbs = NULL;
    const char *url = NULL;
    const char *cert = NULL;
    CL_TRY(cl_toml_parse(text, strlen(text), what, &j, err));
    CL_TRY(cl_json_only_keys(j, what, top, err));
    CL_TRY(cl_json_get_object(j, what, "token_configs", &token_configs, err));
    CL_TRY(cl_json_only_keys(token_configs, what, configs, err));
    CL_TRY(cl_json_get_object(token_configs, what, "kbs", &kbs, err));
    CL_TRY(cl_json_only_keys(kbs, what, kbs_keys, err));
    CL_TRY(cl_json_get_string(kbs, what, "url", &url, err));
    CL_TRY(cl_json_get_string(kbs, what, "cert", &cert, err));
    CL_TRY(dup_text(url, &ret->kbs_url, err));
    CL_TRY(dup_text(cert, &ret->kbs_cert, err));
    char host[256];
    uint16_t port = 0;
    CL_TRY(cl_initdata_broker(ret, host, &port, err));
    if (strstr(cert, "-----BEGIN CERTIFICATE-----") == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: cert: expected a PEM certificate", what);
    }
    return CL_OK;
}

/* --- the workload: our cloister.toml ------------------------------------------------------------
 */

static enum cl_status image_parse(const json_t *j, struct cl_initdata *ret, struct cl_err *err)
{
    static const char *const keys[] = {"manifest", "encryption", NULL};
    const char *what = "initdata: cloister.toml: image";
    json_t *image = NULL;
    const char *manifest = NULL;
    const char *encryption = NULL;
    CL_TRY(cl_json_get_object(j, "initdata: cloister.toml", "image", &image, err));
    CL_TRY(cl_json_only_keys(image, what, keys, err));
    CL_TRY(cl_json_get_string(image, what, "manifest", &manifest, err));
    enum cl_status st = cl_oci_digest_parse(manifest, ret->manifest, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "%s: manifest", what);
    }
    CL_TRY(cl_json_get_string(image, what, "encryption", &encryption, err));
    ret->encryption_required = strcmp(encryption, "required") == 0;
    if (!ret->encryption_required && strcmp(encryption, "optional") != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "%s: encryption: expected required or optional, got '%.32s'", what,
                          encryption);
    }
    return CL_OK;
}

/* An absent key is false. */
static enum cl_status flag_parse(const json_t *obj, const char *key, bool *ret, struct cl_err *err)
{
    *ret = false;
    return json_object_get(obj, key) == NULL
               ? CL_OK
               : cl_json_get_bool(obj, "initdata: cloister.toml: container", key, ret, err);
}

static enum cl_status text_parse(const json_t *obj, const char *key, char **ret, struct cl_err *err)
{
    const char *text = NULL;
    if (json_object_get(obj, key) == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_string(obj, "initdata: cloister.toml: container", key, &text, err));
    if (text[0] == '\0') {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "initdata: cloister.toml: container: %s: expected text, got none", key);
    }
    return dup_text(text, ret, err);
}

static enum cl_status values_check(const struct cl_initdata *i, struct cl_err *err)
{
    const char *what = "initdata: cloister.toml: container";
    if (i->has_command && (i->command.count == 0 || i->command.v[0][0] == '\0')) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: command: expected a program, got none", what);
    }
    for (size_t n = 0; n < i->env.count; n++) {
        const char *eq = strchr(i->env.v[n], '=');
        if (eq == NULL || eq == i->env.v[n]) {
            return cl_err_set(err, CL_ERR_MALFORMED, "%s: env: item %zu: expected NAME=value", what,
                              n);
        }
    }
    if (i->workdir != NULL && i->workdir[0] != '/') {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: workdir: expected an absolute path, got '%.100s'", what, i->workdir);
    }
    if (i->terminal && (!i->stdin_allowed || !i->stdout_allowed || i->stderr_allowed)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: terminal: expected stdin and stdout allowed and stderr not, for a "
                          "terminal carries both",
                          what);
    }
    return CL_OK;
}

static enum cl_status container_parse(const json_t *j, struct cl_initdata *ret, struct cl_err *err)
{
    static const char *const keys[] = {"command", "env",    "workdir", "user", "terminal",
                                       "stdin",   "stdout", "stderr",  NULL};
    const char *what = "initdata: cloister.toml: container";
    json_t *c = NULL;
    if (json_object_get(j, "container") == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_object(j, "initdata: cloister.toml", "container", &c, err));
    CL_TRY(cl_json_only_keys(c, what, keys, err));
    ret->has_command = json_object_get(c, "command") != NULL;
    CL_TRY(cl_strv_from_json(c, what, "command", CL_INITDATA_MAX_ARGS, CL_INITDATA_MAX_ARG,
                             &ret->command, err));
    CL_TRY(cl_strv_from_json(c, what, "env", CL_INITDATA_MAX_ARGS, CL_INITDATA_MAX_ARG, &ret->env,
                             err));
    CL_TRY(text_parse(c, "workdir", &ret->workdir, err));
    CL_TRY(text_parse(c, "user", &ret->user, err));
    CL_TRY(flag_parse(c, "terminal", &ret->terminal, err));
    CL_TRY(flag_parse(c, "stdin", &ret->stdin_allowed, err));
    CL_TRY(flag_parse(c, "stdout", &ret->stdout_allowed, err));
    CL_TRY(flag_parse(c, "stderr", &ret->stderr_allowed, err));
    return values_check(ret, err);
}

static enum cl_status cloister_parse(const char *text, struct cl_initdata *ret, struct cl_err *err)
{
    static const char *const top[] = {"image", "container", NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(cl_toml_parse(text, strlen(text), "initdata: cloister.toml", &j, err));
    CL_TRY(cl_json_only_keys(j, "initdata: cloister.toml", top, err));
    CL_TRY(image_parse(j, ret, err));
    return container_parse(j, ret, err);
}

/* --- the outer document -------------------------------------------------------------------------
 */

static enum cl_status expect_text(const json_t *j, const char *key, const char *want,
                                  struct cl_err *err)
{
    const char *got = NULL;
    CL_TRY(cl_json_get_string(j, "initdata", key, &got, err));
    if (strcmp(got, want) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "initdata: %s: expected %s, got '%.32s'", key,
                          want, got);
    }
    return CL_OK;
}

/* What is run: one container, or the containers of a pod. */
static enum cl_status workload_parse(const json_t *data, struct cl_initdata *i, struct cl_err *err)
{
    const char *text = NULL;
    if (json_object_get(data, "pod-policy.json") == NULL) {
        CL_TRY(cl_json_get_string(data, "initdata: data", "cloister.toml", &text, err));
        return cloister_parse(text, i, err);
    }
    if (json_object_get(data, "cloister.toml") != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "initdata: data: expected cloister.toml or pod-policy.json, got both");
    }
    CL_TRY(cl_json_get_string(data, "initdata: data", "pod-policy.json", &text, err));
    CL_TRY(dup_text(text, &i->pod_policy, err));
    enum cl_status st = cl_pod_policy_parse(text, strlen(text), &i->pod, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "initdata");
}

static enum cl_status data_parse(const json_t *data, struct cl_initdata *i, struct cl_err *err)
{
    static const char *const keys[] = {"aa.toml", "cloister.toml", "pod-policy.json", NULL};
    const char *text = NULL;
    CL_TRY(cl_json_only_keys(data, "initdata: data", keys, err));
    CL_TRY(workload_parse(data, i, err));
    bool encrypted = i->pod != NULL ? cl_pod_policy_encrypted(i->pod) : i->encryption_required;
    if (json_object_get(data, "aa.toml") != NULL) {
        CL_TRY(cl_json_get_string(data, "initdata: data", "aa.toml", &text, err));
        CL_TRY(aa_parse(text, i, err));
    } else if (encrypted) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "initdata: data: aa.toml: expected a broker, as encryption is required");
    }
    return CL_OK;
}

enum cl_status cl_initdata_parse(const void *data, size_t len, struct cl_initdata *ret,
                                 struct cl_err *err)
{
    static const char *const keys[] = {"version", "algorithm", "data", NULL};
    if (len == 0 || len > CL_INITDATA_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "initdata: expected 1 to %u bytes, got %zu",
                          CL_INITDATA_MAX_SIZE, len);
    }
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    json_t *tables = NULL;
    CL_TRY(cl_toml_parse(data, len, "initdata", &j, err));
    CL_TRY(cl_json_only_keys(j, "initdata", keys, err));
    CL_TRY(expect_text(j, "version", "0.1.0", err));
    CL_TRY(expect_text(j, "algorithm", "sha256", err));
    CL_TRY(cl_json_get_object(j, "initdata", "data", &tables, err));
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    CL_TRY(data_parse(tables, &i, err));
    *ret = i;
    i = (struct cl_initdata){0};
    return CL_OK;
}
