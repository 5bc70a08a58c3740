/* SPDX-License-Identifier: Apache-2.0
 * jose_peer.c - our side of the meeting with the jose tool: seals to a public JWK, checks and makes
 * ES256 tokens. Arguments: seal JWK-FILE < plaintext | verify JWK-FILE < token | sign < claims
 * (prints the public JWK on line one, the token on line two).
 */
#include "base/log.h"
#include "cloister/jwe.h"
#include "cloister/jwt.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum cl_status key_of(const char *file, enum cl_jwk_use use, struct cl_jwk **ret,
                             struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(cl_json_read_file(file, 65536, &j, err));
    return cl_jwk_parse(j, file, use, ret, err);
}

static enum cl_status seal(const char *file, const struct cl_buf *in, struct cl_err *err)
{
    CL_CLEANUP(cl_jwk_freep) struct cl_jwk *k = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_TRY(key_of(file, CL_JWK_WRAP, &k, err));
    CL_TRY(cl_jwe_seal(k, in->data, in->len, &out, err));
    (void)printf("%s\n", (const char *)out.data);
    return CL_OK;
}

static enum cl_status verify(const char *file, const struct cl_buf *in, struct cl_err *err)
{
    CL_CLEANUP(cl_jwk_freep) struct cl_jwk *k = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    const char *token = (const char *)in->data;
    CL_TRY(key_of(file, CL_JWK_ES256, &k, err));
    CL_TRY(cl_jwt_verify(CL_JWT_ES256, cl_jwk_pkey(k), token, strcspn(token, "\n"), &claims, err));
    CL_TRY(cl_json_compact(claims, &out, err));
    (void)printf("%s\n", (const char *)out.data);
    return CL_OK;
}

static enum cl_status sign(const struct cl_buf *in, struct cl_err *err)
{
    CL_CLEANUP(cl_jwk_freep) struct cl_jwk *k = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *jwk = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_json_parse(in->data, in->len, "claims", &claims, err));
    CL_TRY(cl_jwk_generate(CL_JWK_P256, &k, err));
    CL_TRY(cl_jwk_emit(k, CL_JWK_ES256, &jwk, err));
    CL_TRY(cl_json_compact(jwk, &text, err));
    CL_TRY(cl_jwt_sign(CL_JWT_ES256, cl_jwk_pkey(k), NULL, claims, &token, err));
    (void)printf("%s\n%s\n", (const char *)text.data, (const char *)token.data);
    return CL_OK;
}

int main(int argc, char **argv)
{
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf in = {0};
    cl_log_init("jose_peer", false);
    enum cl_status st = cl_buf_read_fd(&in, STDIN_FILENO, 1u << 20, &err);
    if (st == CL_OK && argc == 3 && strcmp(argv[1], "seal") == 0) {
        st = seal(argv[2], &in, &err);
    } else if (st == CL_OK && argc == 3 && strcmp(argv[1], "verify") == 0) {
        st = verify(argv[2], &in, &err);
    } else if (st == CL_OK && argc == 2 && strcmp(argv[1], "sign") == 0) {
        st = sign(&in, &err);
    } else if (st == CL_OK) {
        return 2;
    }
    if (st != CL_OK) {
        cl_report(&err, NULL);
    }
    return cl_status_exit_code(st);
}
