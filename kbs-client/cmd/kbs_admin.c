/* SPDX-License-Identifier: Apache-2.0
 * kbs_admin.c - an admin's connection: pinned TLS, and a fresh EdDSA token for each request.
 */
#include "cmd_kbs.h"

#include "base/io.h"
#include "base/secret.h"
#include "cloister/jwt.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TOKEN_SECONDS 60

struct kbs_admin {
    struct cl_kbs_link *link;
    EVP_PKEY *key;
};

void kbs_admin_freep(struct kbs_admin **a)
{
    if (*a != NULL) {
        cl_kbs_link_free((*a)->link);
        EVP_PKEY_free((*a)->key);
        free(*a);
    }
}

enum cl_status kbs_need_broker(const struct kbs_options *o, struct cl_err *err)
{
    const char *missing = o->url == NULL    ? "--url (or CLOISTER_KBS_URL)"
                          : o->cert == NULL ? "--cert (or CLOISTER_KBS_CERT)"
                                            : NULL;
    return missing == NULL ? CL_OK
                           : cl_err_set(err, CL_ERR_MALFORMED, "expected %s, got none", missing);
}

enum cl_status kbs_read_cert(const struct kbs_options *o, struct cl_buf *out, struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(cl_buf_read_file(out, o->cert, 64u << 10, err));
    enum cl_status st = cl_buf_cstr(out, "broker certificate", &text, err);
    st = st == CL_OK ? cl_kbs_check_cert(text, err) : st;
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "'%s'", o->cert);
}

static enum cl_status read_key(const char *path, EVP_PKEY **ret_key, struct cl_err *err)
{
    struct stat sb;
    CL_CLEANUP(cl_secret_done) struct cl_secret pem = {0};
    if (stat(path, &sb) == 0 && S_ISREG(sb.st_mode) && (sb.st_mode & 077) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "admin key '%s': mode: expected 0600, got %04o",
                          path, (unsigned)(sb.st_mode & 07777));
    }
    CL_TRY(cl_secret_read_file(&pem, path, 16384, err));
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (key == NULL || EVP_PKEY_is_a(key, "ED25519") != 1) {
        EVP_PKEY_free(key);
        ERR_clear_error();
        return cl_err_set(
            err, CL_ERR_MALFORMED,
            "admin key '%s': expected an Ed25519 private key in PEM, got something else", path);
    }
    *ret_key = key;
    return CL_OK;
}

enum cl_status kbs_admin_open(const struct kbs_options *o, struct kbs_admin **ret_a,
                              struct cl_err *err)
{
    struct cl_kbs_transport tcp = {.dial = cl_kbs_dial_tcp};
    CL_CLEANUP(cl_buf_done) struct cl_buf cert = {0};
    CL_CLEANUP(kbs_admin_freep) struct kbs_admin *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return cl_err_nomem(err, "connection");
    }
    CL_TRY(kbs_need_broker(o, err));
    if (o->admin_key == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "expected --admin-key (or CLOISTER_KBS_ADMIN_KEY), got none");
    }
    CL_TRY(read_key(o->admin_key, &a->key, err));
    CL_TRY(kbs_read_cert(o, &cert, err));
    CL_TRY(cl_kbs_link_new(o->url, (const char *)cert.data, &tcp, &a->link, err));
    *ret_a = CL_TAKE(a);
    return CL_OK;
}

static enum cl_status bearer(struct kbs_admin *a, struct cl_buf *out, struct cl_err *err)
{
    json_int_t now = (json_int_t)time(NULL);
    CL_CLEANUP(cl_json_decrefp)
    json_t *claims = json_pack("{s:I, s:I, s:s, s:s}", "iat", now, "exp", now + TOKEN_SECONDS,
                               "iss", "cloister-admin", "role", "admin");
    if (claims == NULL) {
        return cl_err_nomem(err, "token");
    }
    CL_TRY(cl_buf_append_str(out, "Authorization: Bearer ", err));
    CL_TRY(cl_jwt_sign(CL_JWT_EDDSA, a->key, /* extra_header= */ NULL, claims, out, err));
    return cl_buf_append_str(out, "\r\n", err);
}

enum cl_status kbs_admin_send(struct kbs_admin *a, const char *method, const char *path,
                              const void *body, size_t len, struct cl_http_response *ret,
                              struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf headers = {0};
    CL_TRY(bearer(a, &headers, err));
    struct cl_kbs_request req = {.method = method,
                                 .path = path,
                                 .headers = (const char *)headers.data,
                                 .body = body,
                                 .body_len = len};
    CL_TRY(cl_kbs_link_request(a->link, &req, ret, err));
    if (ret->status == 200) {
        return CL_OK;
    }
    enum cl_status st = cl_kbs_refusal(ret, "broker", NULL, err);
    if (st == CL_ERR_REJECTED && ret->status == 400) {
        st = CL_ERR_MALFORMED;
        if (err != NULL) {
            err->status = st;
        }
    }
    return st;
}

enum cl_status kbs_admin_send_json(struct kbs_admin *a, const char *path, const json_t *body,
                                   struct cl_http_response *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    if (body == NULL) {
        return cl_err_nomem(err, "request");
    }
    CL_TRY(cl_json_compact(body, &text, err));
    return kbs_admin_send(a, "POST", path, text.data, text.len, ret, err);
}

enum cl_status kbs_admin_get_json(struct kbs_admin *a, const char *path, json_t **ret_j,
                                  struct cl_err *err)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    CL_TRY(kbs_admin_send(a, "GET", path, NULL, 0, &resp, err));
    return cl_json_parse(resp.body.data, resp.body.len, "broker's answer", ret_j, err);
}

enum cl_status kbs_write_out(const struct kbs_options *o, const void *data, size_t len,
                             struct cl_err *err)
{
    return o->out != NULL ? cl_write_file(o->out, data, len, 0600, err)
                          : cl_write_all(STDOUT_FILENO, data, len, "stdout", err);
}
