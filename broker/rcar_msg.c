/* SPDX-License-Identifier: Apache-2.0
 * rcar_msg.c - parsing the handshake's messages (see rcar_msg.h).
 */
#include "rcar_msg.h"

#include "base/toml.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define ERROR_TYPE "https://github.com/confidential-containers/kbs/errors/"

static enum cl_status object(const void *data, size_t len, const char *what, json_t **ret_j,
                             struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    if (len > CL_RCAR_MAX_BODY) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected at most %u bytes, got %zu", what,
                          CL_RCAR_MAX_BODY, len);
    }
    CL_TRY(cl_json_parse(data, len, what, &j, err));
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected object", what);
    }
    *ret_j = CL_TAKE(j);
    return CL_OK;
}

enum cl_status cl_auth_request_parse(const void *data, size_t len, struct cl_auth_request *ret,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    struct cl_auth_request r = {0};
    const char *version = NULL;
    const char *tee = NULL;
    CL_TRY(object(data, len, "auth request", &j, err));
    CL_TRY(cl_json_get_string(j, "auth request", "version", &version, err));
    CL_TRY(cl_json_get_string(j, "auth request", "tee", &tee, err));
    if (json_object_get(j, "extra-params") == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "auth request: extra-params: expected any value, got nothing");
    }
    if (cl_rcar_version_parse(version, &r.version, NULL) != CL_OK) {
        /* CoCo's tests look for these words (kbs-protocol.md 1) */
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "KBS Client Protocol Version Mismatch: expect =0.4.0 or =0.2.0 while the "
                          "request is %.32s",
                          version);
    }
    r.family = cl_family_find(tee);
    if (r.family == NULL) {
        char names[64];
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "auth request: tee: expected %s, got %.32s",
                          cl_family_names(names, sizeof(names)), tee);
    }
    *ret = r;
    return CL_OK;
}

void cl_attest_request_done(struct cl_attest_request *r)
{
    if (r != NULL) {
        json_decref(r->body);
        cl_jwk_free(r->tee_key);
        *r = (struct cl_attest_request){0};
    }
}

static enum cl_status parse_key(const json_t *from, const char *what, struct cl_attest_request *r,
                                struct cl_err *err)
{
    json_t *key = NULL;
    CL_TRY(cl_json_get_object(from, what, "tee-pubkey", &key, err));
    return cl_jwk_parse(key, "tee-pubkey", CL_JWK_WRAP, &r->tee_key, err);
}

/* {"format":"toml","body":"..."}, null or absent */
static enum cl_status parse_initdata(const json_t *body, struct cl_attest_request *r,
                                     struct cl_err *err)
{
    const json_t *j = json_object_get(body, "init-data");
    const char *format = NULL;
    if (j == NULL || json_is_null(j)) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_string(j, "init-data", "format", &format, err));
    CL_TRY(cl_json_get_string(j, "init-data", "body", &r->initdata, err));
    r->initdata_len = json_string_length(json_object_get(j, "body"));
    if (strcmp(format, "toml") != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "init-data: format: expected toml, got %.32s",
                          format);
    }
    return CL_OK;
}

/* We verify no devices: nothing, or an empty map. */
static enum cl_status check_additional(const char *text, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    if (text[0] == '\0') {
        return CL_OK;
    }
    CL_TRY(cl_json_parse(text, strlen(text), "additional_evidence", &j, err));
    if (!json_is_object(j) || json_object_size(j) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "additional_evidence: expected none, got %zu entries",
                          json_object_size(j));
    }
    return CL_OK;
}

static enum cl_status parse_0_4_0(struct cl_attest_request *r, struct cl_err *err)
{
    json_t *runtime = NULL;
    json_t *evidence = NULL;
    json_t *primary = NULL;
    r->version = CL_RCAR_0_4_0;
    CL_TRY(cl_json_get_object(r->body, "attest request", "runtime-data", &runtime, err));
    CL_TRY(cl_json_get_object(r->body, "attest request", "tee-evidence", &evidence, err));
    CL_TRY(cl_json_get_string(runtime, "runtime-data", "nonce", &r->nonce, err));
    CL_TRY(parse_key(runtime, "runtime-data", r, err));
    CL_TRY(cl_json_get_object(evidence, "tee-evidence", "primary_evidence", &primary, err));
    CL_TRY(
        cl_json_get_string(evidence, "tee-evidence", "additional_evidence", &r->additional, err));
    r->primary = primary;
    CL_TRY(check_additional(r->additional, err));
    return parse_initdata(r->body, r, err);
}

static enum cl_status parse_0_2_0(struct cl_attest_request *r, struct cl_err *err)
{
    json_t *evidence = NULL;
    r->version = CL_RCAR_0_2_0;
    r->additional = "";
    CL_TRY(parse_key(r->body, "attest request", r, err));
    CL_TRY(cl_json_get_object(r->body, "attest request", "tee-evidence", &evidence, err));
    r->primary = evidence;
    return CL_OK;
}

enum cl_status cl_attest_request_parse(const void *data, size_t len, struct cl_attest_request *ret,
                                       struct cl_err *err)
{
    CL_CLEANUP(cl_attest_request_done) struct cl_attest_request r = {0};
    CL_TRY(object(data, len, "attest request", &r.body, err));
    bool old = json_object_get(r.body, "runtime-data") == NULL &&
               json_object_get(r.body, "tee-pubkey") != NULL;
    CL_TRY(old ? parse_0_2_0(&r, err) : parse_0_4_0(&r, err));
    *ret = r;
    r = (struct cl_attest_request){0};
    return CL_OK;
}

enum cl_status cl_initdata_text_digest(const char *text, size_t len,
                                       uint8_t ret[static CL_INITDATA_DIGEST_MAX], size_t *ret_len,
                                       struct cl_err *err)
{
    static const struct {
        const char *name, *md;
    } hashes[] = {{"sha256", "SHA256"}, {"sha384", "SHA384"}, {"sha512", "SHA512"}};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *algorithm = NULL;
    const char *md = NULL;
    CL_TRY(cl_toml_parse(text, len, "init-data", &j, err));
    CL_TRY(cl_json_get_string(j, "init-data", "algorithm", &algorithm, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(hashes); i++) {
        md = strcmp(algorithm, hashes[i].name) == 0 ? hashes[i].md : md;
    }
    if (md == NULL) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "init-data: algorithm: expected sha256, sha384 or sha512, got %.32s",
                          algorithm);
    }
    size_t digest_len = 0;
    if (EVP_Q_digest(NULL, md, NULL, text, len, ret, &digest_len) != 1) {
        return cl_err_set(err, CL_ERR_SYS, "init-data: OpenSSL failed");
    }
    *ret_len = digest_len;
    return CL_OK;
}

enum cl_status cl_rcar_error(const char *name, const char *detail, struct cl_buf *out,
                             struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf type = {0};
    CL_TRY(cl_buf_printf(&type, err, ERROR_TYPE "%s", name));
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s, s:s}", "type", (const char *)type.data, "detail", detail);
    return j != NULL ? cl_json_compact(j, out, err) : cl_err_nomem(err, "error");
}
