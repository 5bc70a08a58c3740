/* SPDX-License-Identifier: Apache-2.0
 * jwt.c - compact JWS with claims: sign and verify, ES256 and EdDSA (see cloister/jwt.h).
 * Trust: tokens are hostile; keys and algorithm come from the caller only.
 * Threads: no shared state. Memory: bounded by CL_JWT_MAX_SIZE.
 */
#include "cloister/jwt.h"

#include "base/encode.h"
#include "sign.h"

#include <string.h>

#define MAX_TIME ((int64_t)1 << 40)

static enum cl_sig_alg sig_alg(enum cl_jwt_alg alg)
{
    return alg == CL_JWT_ES256 ? CL_SIG_ES256 : CL_SIG_EDDSA;
}

static const char *alg_name(enum cl_jwt_alg alg)
{
    return cl_sig_alg_name(sig_alg(alg));
}

static enum cl_status of_jwt(enum cl_status st, struct cl_err *err)
{
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "JWT");
}

static enum cl_status put_part(struct cl_buf *out, const json_t *j, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_json_compact(j, &text, err));
    return cl_b64url_encode(out, text.data, text.len, err);
}

enum cl_status cl_jwt_sign(enum cl_jwt_alg alg, EVP_PKEY *key, json_t *extra_header,
                           const json_t *claims, struct cl_buf *out, struct cl_err *err)
{
    uint8_t sig[CL_SIG_MAX_SIZE];
    CL_CLEANUP(cl_buf_done) struct cl_buf input = {0};
    CL_CLEANUP(cl_json_decrefp)
    json_t *header = json_pack("{s:s, s:s}", "typ", "JWT", "alg", alg_name(alg));
    if (header == NULL ||
        (extra_header != NULL && json_object_update_missing(header, extra_header) != 0)) {
        return cl_err_nomem(err, "JWT header");
    }
    CL_TRY(put_part(&input, header, err));
    CL_TRY(cl_buf_append_str(&input, ".", err));
    CL_TRY(put_part(&input, claims, err));
    CL_TRY(of_jwt(cl_sig_make(sig_alg(alg), key, input.data, input.len, sig, err), err));
    CL_TRY(cl_buf_append_str(&input, ".", err));
    CL_TRY(cl_b64url_encode(&input, sig, cl_sig_size(sig_alg(alg)), err));
    if (input.len > CL_JWT_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "JWT: expected at most %u bytes, got %zu",
                          CL_JWT_MAX_SIZE, input.len);
    }
    return cl_buf_append(out, input.data, input.len, err);
}

static enum cl_status check_header(enum cl_jwt_alg alg, const char *part, size_t len,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *header = NULL;
    const char *name = NULL;
    CL_TRY(cl_b64url_decode(&text, part, len, "JWT header", err));
    CL_TRY(cl_json_parse(text.data, text.len, "JWT header", &header, err));
    CL_TRY(cl_json_get_string(header, "JWT header", "alg", &name, err));
    if (strcmp(name, alg_name(alg)) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "JWT header: alg: expected %s, got %.32s",
                          alg_name(alg), name);
    }
    if (json_object_get(header, "crit") != NULL) { /* RFC 7515 4.1.11 */
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "JWT header: crit: not supported");
    }
    return CL_OK;
}

enum cl_status cl_jwt_verify(enum cl_jwt_alg alg, EVP_PKEY *key, const char *token, size_t len,
                             json_t **ret_claims, struct cl_err *err)
{
    CL_TRY(of_jwt(cl_sig_check_key(sig_alg(alg), key, err), err));
    const char *dot1 = len <= CL_JWT_MAX_SIZE ? memchr(token, '.', len) : NULL;
    const char *end = token + len;
    const char *dot2 = dot1 != NULL ? memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1)) : NULL;
    if (dot2 == NULL || memchr(dot2 + 1, '.', (size_t)(end - dot2 - 1)) != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "JWT: expected three parts in at most %u bytes",
                          CL_JWT_MAX_SIZE);
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf sig = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    CL_TRY(check_header(alg, token, (size_t)(dot1 - token), err));
    CL_TRY(cl_b64url_decode(&sig, dot2 + 1, (size_t)(end - dot2 - 1), "JWT signature", err));
    if (sig.len != cl_sig_size(sig_alg(alg))) {
        return cl_err_set(err, CL_ERR_MALFORMED, "JWT signature: expected %zu bytes, got %zu",
                          cl_sig_size(sig_alg(alg)), sig.len);
    }
    CL_TRY(
        of_jwt(cl_sig_check(sig_alg(alg), key, token, (size_t)(dot2 - token), sig.data, err), err));
    CL_TRY(cl_b64url_decode(&text, dot1 + 1, (size_t)(dot2 - dot1 - 1), "JWT claims", err));
    CL_TRY(cl_json_parse(text.data, text.len, "JWT claims", &claims, err));
    if (!json_is_object(claims)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "JWT claims: expected an object");
    }
    *ret_claims = CL_TAKE(claims);
    return CL_OK;
}

enum cl_status cl_jwt_check_times(const json_t *claims, int64_t now, struct cl_err *err)
{
    int64_t t = 0;
    CL_TRY(cl_json_get_int(claims, "JWT claims", "exp", 0, MAX_TIME, &t, err));
    if (now > t + CL_JWT_LEEWAY_SECONDS) {
        return cl_err_set(err, CL_ERR_REJECTED, "JWT: exp: expired %lld seconds ago",
                          (long long)(now - t));
    }
    static const char *const starts[] = {"nbf", "iat"};
    for (size_t i = 0; i < CL_ARRAY_LEN(starts); i++) {
        if (json_object_get(claims, starts[i]) == NULL) {
            continue;
        }
        CL_TRY(cl_json_get_int(claims, "JWT claims", starts[i], 0, MAX_TIME, &t, err));
        if (now + CL_JWT_LEEWAY_SECONDS < t) {
            return cl_err_set(err, CL_ERR_REJECTED, "JWT: %s: %lld seconds in the future",
                              starts[i], (long long)(t - now));
        }
    }
    return CL_OK;
}
