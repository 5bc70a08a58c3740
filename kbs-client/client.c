/* SPDX-License-Identifier: Apache-2.0
 * client.c - the RCAR handshake 0.4.0 and resources (see cloister/kbs_client.h; kbs-protocol.md
 * 4 to 7).
 */
#include "cloister/kbs_client.h"

#include "cloister/jwe.h"
#include "cloister/rcar.h"
#include "link.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ATTEMPTS 3
#define MAX_TOKEN (64u << 10)

struct cl_kbs {
    struct cl_kbs_link *link;
    struct cl_kbs_evidence evidence;
    char *tee;              /* owned copy of evidence.tee */
    struct cl_buf initdata; /* TOML text; data is NULL when there is none */
    struct cl_jwk *key;     /* of the session; NULL before */
    char cookie[CL_HTTP_MAX_COOKIE + 1];
    char *token;
};

void cl_kbs_free(struct cl_kbs *k)
{
    if (k != NULL) {
        cl_kbs_link_free(k->link);
        cl_jwk_free(k->key);
        cl_buf_done(&k->initdata);
        free(k->tee);
        free(k->token);
        free(k);
    }
}

void cl_kbs_freep(struct cl_kbs **k)
{
    cl_kbs_free(*k);
}

const char *cl_kbs_token(const struct cl_kbs *k)
{
    return k->token;
}

enum cl_status cl_kbs_new(const struct cl_kbs_config *cfg, struct cl_kbs **ret_k,
                          struct cl_err *err)
{
    CL_CLEANUP(cl_kbs_freep) struct cl_kbs *k = calloc(1, sizeof(*k));
    if (k == NULL) {
        return cl_err_nomem(err, "broker client");
    }
    CL_TRY(cl_kbs_link_new(cfg->url, cfg->cert_pem, &cfg->transport, &k->link, err));
    k->evidence = cfg->evidence;
    k->tee = strdup(cfg->evidence.tee);
    if (k->tee == NULL) {
        return cl_err_nomem(err, "broker client");
    }
    if (cfg->initdata != NULL) {
        const char *text = NULL;
        if (cfg->initdata_len > CL_KBS_MAX_INITDATA) {
            return cl_err_set(err, CL_ERR_MALFORMED, "initdata: expected at most %u bytes, got %zu",
                              CL_KBS_MAX_INITDATA, cfg->initdata_len);
        }
        CL_TRY(cl_buf_append(&k->initdata, cfg->initdata, cfg->initdata_len, err));
        CL_TRY(cl_buf_cstr(&k->initdata, "initdata", &text, err)); /* travels as a JSON string */
    }
    *ret_k = CL_TAKE(k);
    return CL_OK;
}

/* POST of a JSON document, answered by 200 with a JSON object. */
static enum cl_status post(struct cl_kbs *k, const char *what, const char *path,
                           const char *headers, const json_t *body, struct cl_http_response *resp,
                           json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_json_compact(body, &text, err));
    struct cl_kbs_request req = {.method = "POST",
                                 .path = path,
                                 .headers = headers,
                                 .body = text.data,
                                 .body_len = text.len};
    CL_TRY(cl_kbs_link_request(k->link, &req, resp, err));
    if (resp->status != 200) {
        return cl_kbs_refusal(resp, what, /* ret_name= */ NULL, err);
    }
    return cl_json_parse(resp->body.data, resp->body.len, what, ret_j, err);
}

/* We hash with SHA-384 and nothing else (kbs-protocol.md 4). */
static enum cl_status check_hash(const json_t *answer, struct cl_err *err)
{
    const json_t *extra = json_object_get(answer, "extra-params");
    const json_t *hash = json_object_get(extra, "selected-hash-algorithm");
    if (hash == NULL) {
        return CL_OK;
    }
    const char *name = json_string_value(hash);
    if (name == NULL || strcasecmp(name, "sha384") != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "auth: selected-hash-algorithm: expected sha384, got %.32s",
                          name != NULL ? name : "no string");
    }
    return CL_OK;
}

static enum cl_status auth(struct cl_kbs *k, char ret_nonce[static CL_RCAR_MAX_NONCE + 1],
                           struct cl_err *err)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *answer = NULL;
    CL_CLEANUP(cl_json_decrefp)
    json_t *body = json_pack("{s:s, s:s, s:{s:[s]}}", "version", "0.4.0", "tee", k->tee,
                             "extra-params", "supported-hash-algorithms", "sha384");
    const char *nonce = NULL;
    if (body == NULL) {
        return cl_err_nomem(err, "auth request");
    }
    CL_TRY(post(k, "auth", "/kbs/v0/auth", NULL, body, &resp, &answer, err));
    CL_TRY(cl_json_get_string(answer, "auth", "nonce", &nonce, err));
    CL_TRY(check_hash(answer, err));
    if (strlen(nonce) > CL_RCAR_MAX_NONCE || resp.cookie[0] == '\0') {
        return cl_err_set(err, CL_ERR_MALFORMED, "auth: %s",
                          resp.cookie[0] == '\0' ? "no session cookie" : "nonce too long");
    }
    memcpy(ret_nonce, nonce, strlen(nonce) + 1);
    memcpy(k->cookie, resp.cookie, sizeof(k->cookie));
    return CL_OK;
}

static json_t *initdata_json(const struct cl_kbs *k)
{
    if (k->initdata.data == NULL) {
        return json_null();
    }
    return json_pack("{s:s, s:s%}", "format", "toml", "body", (const char *)k->initdata.data,
                     k->initdata.len);
}

static enum cl_status attest_body(struct cl_kbs *k, const char *nonce, const struct cl_jwk *key,
                                  json_t **ret_j, struct cl_err *err)
{
    uint8_t report_data[CL_RCAR_REPORT_DATA_SIZE];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *primary = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *jwk = NULL;
    CL_TRY(cl_rcar_report_data(CL_RCAR_0_4_0, nonce, key, "", report_data, err));
    CL_TRY(k->evidence.get(k->evidence.ctx, report_data, &text, err));
    CL_TRY(cl_json_parse(text.data, text.len, "evidence", &primary, err));
    CL_TRY(cl_jwk_emit(key, CL_JWK_WRAP, &jwk, err));
    *ret_j = json_pack("{s:o, s:{s:s, s:O}, s:{s:O, s:s}}", "init-data", initdata_json(k),
                       "runtime-data", "nonce", nonce, "tee-pubkey", jwk, "tee-evidence",
                       "primary_evidence", primary, "additional_evidence", "");
    return *ret_j != NULL ? CL_OK : cl_err_set(err, CL_ERR_MALFORMED, "attest request: not UTF-8");
}

static enum cl_status attest_once(struct cl_kbs *k, struct cl_err *err)
{
    char nonce[CL_RCAR_MAX_NONCE + 1];
    CL_CLEANUP(cl_jwk_freep) struct cl_jwk *key = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *body = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *answer = NULL;
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf headers = {0};
    const char *token = NULL;
    CL_TRY(cl_jwk_generate(CL_JWK_P256, &key, err));
    CL_TRY(auth(k, nonce, err));
    CL_TRY(attest_body(k, nonce, key, &body, err));
    CL_TRY(cl_buf_printf(&headers, err, "Cookie: kbs-session-id=%s\r\n", k->cookie));
    CL_TRY(
        post(k, "attest", "/kbs/v0/attest", (const char *)headers.data, body, &resp, &answer, err));
    CL_TRY(cl_json_get_string(answer, "attest", "token", &token, err));
    char *copy = strlen(token) <= MAX_TOKEN ? strdup(token) : NULL;
    if (copy == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "attest: token too long");
    }
    free(k->token);
    k->token = copy;
    cl_jwk_free(k->key);
    k->key = CL_TAKE(key);
    return CL_OK;
}

enum cl_status cl_kbs_attest(struct cl_kbs *k, struct cl_err *err)
{
    enum cl_status st = CL_ERR_UNAVAILABLE;
    for (int i = 0; i < ATTEMPTS && st == CL_ERR_UNAVAILABLE; i++) {
        if (i > 0) {
            (void)sleep(1);
        }
        st = attest_once(k, err);
    }
    return st;
}

/* repository/type/tag, each [A-Za-z0-9_-][A-Za-z0-9_.-]* (kbs-protocol.md 8). */
static bool path_is_good(const char *path)
{
    unsigned segments = 1;
    bool start = true;
    size_t n = strlen(path);
    for (size_t i = 0; i < n; i++) {
        char c = path[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-';
        if (c == '/' && !start) {
            segments++;
            start = true;
        } else if (word || (c == '.' && !start)) {
            start = false;
        } else {
            return false;
        }
    }
    return segments == 3 && !start && n <= 256;
}

static enum cl_status get_once(struct cl_kbs *k, const char *path, struct cl_secret *ret,
                               char ret_name[static 64], struct cl_err *err)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf headers = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf target = {0};
    CL_TRY(cl_buf_printf(&headers, err, "Cookie: kbs-session-id=%s\r\n", k->cookie));
    CL_TRY(cl_buf_printf(&target, err, "/kbs/v0/resource/%s", path));
    struct cl_kbs_request req = {
        .method = "GET", .path = (const char *)target.data, .headers = (const char *)headers.data};
    CL_TRY(cl_kbs_link_request(k->link, &req, &resp, err));
    if (resp.status != 200) {
        return cl_kbs_refusal(&resp, "resource", ret_name, err);
    }
    return cl_jwe_open(k->key, resp.body.data, resp.body.len, ret, err);
}

enum cl_status cl_kbs_get_resource(struct cl_kbs *k, const char *path, struct cl_secret *ret,
                                   struct cl_err *err)
{
    if (!path_is_good(path)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "resource '%.200s': path: expected repository/type/tag", path);
    }
    bool fresh = k->key == NULL;
    if (fresh) {
        CL_TRY(cl_kbs_attest(k, err));
    }
    char name[64] = "";
    enum cl_status st = get_once(k, path, ret, name, err);
    bool session_gone =
        strcmp(name, "TokenNotFound") == 0 || strcmp(name, "TokenVerifierError") == 0;
    if (st == CL_ERR_REJECTED && session_gone && !fresh) {
        CL_TRY(cl_kbs_attest(k, err));
        st = get_once(k, path, ret, name, err);
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "resource '%s'", path);
}
