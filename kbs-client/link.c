/* SPDX-License-Identifier: Apache-2.0
 * link.c - URL, connection and one HTTP exchange with a broker (see link.h).
 */
#include "link.h"

#include "base/io.h"
#include "base/json.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* The answer in a chunked coding of one-byte chunks still fits. */
#define MAX_WIRE (CL_HTTP_MAX_HEAD + 8u * CL_KBS_MAX_BODY)
#define READ_SIZE (32u << 10)

struct cl_kbs_link {
    char host[CL_KBS_HOST_SIZE];
    uint16_t port;
    char *authority; /* for the Host field */
    struct cl_buf pin_der;
    struct cl_kbs_transport transport;
    struct cl_kbs_tls *tls; /* NULL: not connected */
};

static bool host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':';
}

enum cl_status cl_kbs_url_parse(const char *url, char ret_host[static CL_KBS_HOST_SIZE],
                                uint16_t *ret_port, struct cl_err *err)
{
    static const char scheme[] = "https://";
    const char *p = strncmp(url, scheme, sizeof(scheme) - 1) == 0 ? url + sizeof(scheme) - 1 : "";
    bool bracket = *p == '[';
    p += bracket ? 1 : 0;
    size_t n = strcspn(p, bracket ? "]" : ":/");
    const char *end = p + n + (bracket && p[n] == ']' ? 1 : 0);
    uint64_t port = 443;
    bool good = n > 0 && n < CL_KBS_HOST_SIZE && (!bracket || p[n] == ']');
    for (size_t i = 0; i < n && good; i++) {
        good = host_char(p[i]);
    }
    if (good && *end == ':') {
        char digits[6] = "";
        size_t d = strspn(end + 1, "0123456789");
        if (d > 0 && d < sizeof(digits)) {
            memcpy(digits, end + 1, d);
        }
        good = cl_uint_parse(digits, "port", 1, UINT16_MAX, &port, err) == CL_OK;
        end += 1 + d;
    }
    if (!good || (strcmp(end, "") != 0 && strcmp(end, "/") != 0)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "broker '%.200s': URL: expected https://host:port",
                          url);
    }
    memcpy(ret_host, p, n);
    ret_host[n] = '\0';
    *ret_port = (uint16_t)port;
    return CL_OK;
}

static enum cl_status parse_pin(const char *pem, struct cl_buf *ret_der, struct cl_err *err)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    X509 *second = cert != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    uint8_t *der = NULL;
    int len = cert != NULL && second == NULL ? i2d_X509(cert, &der) : -1;
    enum cl_status st = len > 0
                            ? cl_buf_append(ret_der, der, (size_t)len, err)
                            : cl_err_set(err, CL_ERR_MALFORMED,
                                         "broker certificate: expected exactly one, in PEM, got %s",
                                         cert != NULL ? "more" : "something else");
    OPENSSL_free(der);
    X509_free(second);
    X509_free(cert);
    BIO_free(bio);
    ERR_clear_error();
    return st;
}

enum cl_status cl_kbs_check_cert(const char *pem, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    return parse_pin(pem, &der, err);
}

void cl_kbs_link_free(struct cl_kbs_link *l)
{
    if (l != NULL) {
        cl_kbs_tls_free(l->tls);
        cl_buf_done(&l->pin_der);
        free(l->authority);
        free(l);
    }
}

void cl_kbs_link_freep(struct cl_kbs_link **l)
{
    cl_kbs_link_free(*l);
}

enum cl_status cl_kbs_link_new(const char *url, const char *cert_pem,
                               const struct cl_kbs_transport *transport, struct cl_kbs_link **ret_l,
                               struct cl_err *err)
{
    CL_CLEANUP(cl_kbs_link_freep) struct cl_kbs_link *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return cl_err_nomem(err, "broker link");
    }
    l->transport = *transport;
    CL_TRY(cl_kbs_url_parse(url, l->host, &l->port, err));
    CL_TRY(parse_pin(cert_pem, &l->pin_der, err));
    size_t skip = strlen("https://");
    l->authority = strndup(url + skip, strcspn(url + skip, "/"));
    if (l->authority == NULL) {
        return cl_err_nomem(err, "broker link");
    }
    *ret_l = CL_TAKE(l);
    return CL_OK;
}

static void disconnect(struct cl_kbs_link *l)
{
    cl_kbs_tls_free(l->tls);
    l->tls = NULL;
}

static enum cl_status connect_link(struct cl_kbs_link *l, uint64_t deadline_us, struct cl_err *err)
{
    int fd = -1;
    CL_TRY(l->transport.dial(l->transport.ctx, l->host, l->port, &fd, err));
    return cl_kbs_tls_open(fd, l->host, &l->pin_der, deadline_us, &l->tls, err);
}

/* Reads until the response parses whole. */
static enum cl_status read_response(struct cl_kbs_link *l, uint64_t deadline_us,
                                    struct cl_http_response *ret, bool *ret_any, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf wire = {0};
    for (;;) {
        size_t n = 0;
        CL_TRY(cl_buf_reserve(&wire, READ_SIZE, err));
        CL_TRY(cl_kbs_tls_read(l->tls, wire.data + wire.len, READ_SIZE - 1, &n, deadline_us, err));
        if (n == 0 && wire.len == 0) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE, "connection closed by the other side");
        }
        *ret_any = true;
        wire.len += n;
        wire.data[wire.len] = '\0';
        enum cl_status st = cl_http_response_parse(wire.data, wire.len, CL_KBS_MAX_BODY, ret, err);
        if (st != CL_ERR_TRUNCATED || n == 0) {
            return st == CL_ERR_TRUNCATED ? cl_err_set(err, CL_ERR_UNAVAILABLE, "answer cut short")
                                          : st;
        }
        if (wire.len > MAX_WIRE) {
            return cl_err_set(err, CL_ERR_MALFORMED, "HTTP response: too large");
        }
    }
}

static enum cl_status exchange(struct cl_kbs_link *l, const struct cl_buf *wire,
                               uint64_t deadline_us, struct cl_http_response *ret, bool *ret_any,
                               struct cl_err *err)
{
    *ret_any = false;
    CL_TRY(cl_kbs_tls_write(l->tls, wire->data, wire->len, deadline_us, err));
    return read_response(l, deadline_us, ret, ret_any, err);
}

static enum cl_status request_text(const struct cl_kbs_link *l, const struct cl_kbs_request *req,
                                   struct cl_buf *out, struct cl_err *err)
{
    CL_TRY(cl_buf_printf(out, err, "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n",
                         req->method, req->path, l->authority));
    if (req->headers != NULL) {
        CL_TRY(cl_buf_append_str(out, req->headers, err));
    }
    if (req->body != NULL) {
        CL_TRY(cl_buf_printf(out, err, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                             req->body_len));
    }
    CL_TRY(cl_buf_append_str(out, "\r\n", err));
    return req->body_len > 0 ? cl_buf_append(out, req->body, req->body_len, err) : CL_OK;
}

enum cl_status cl_kbs_link_request(struct cl_kbs_link *l, const struct cl_kbs_request *req,
                                   struct cl_http_response *ret, struct cl_err *err)
{
    uint64_t deadline_us = cl_monotonic_us() + CL_KBS_TIMEOUT_MS * UINT64_C(1000);
    CL_CLEANUP(cl_buf_done) struct cl_buf wire = {0};
    CL_TRY(request_text(l, req, &wire, err));
    enum cl_status st = CL_OK;
    bool any = false;
    bool reused = l->tls != NULL;
    if (reused) {
        st = exchange(l, &wire, deadline_us, ret, &any, err);
    }
    if (!reused || (st == CL_ERR_UNAVAILABLE && !any)) { /* an idle connection may have ended */
        disconnect(l);
        st = connect_link(l, deadline_us, err);
        st = st == CL_OK ? exchange(l, &wire, deadline_us, ret, &any, err) : st;
    }
    if (st != CL_OK || ret->close) {
        disconnect(l);
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "broker 'https://%s'", l->authority);
}

enum cl_status cl_kbs_refusal(const struct cl_http_response *resp, const char *what, char *ret_name,
                              struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *type = NULL;
    const char *detail = NULL;
    if (ret_name != NULL) {
        ret_name[0] = '\0';
    }
    if (resp->status >= 500) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "%s: the broker failed (HTTP %u)", what,
                          resp->status);
    }
    if (cl_json_parse(resp->body.data, resp->body.len, "error", &j, NULL) != CL_OK ||
        cl_json_get_string(j, "error", "type", &type, NULL) != CL_OK ||
        cl_json_get_string(j, "error", "detail", &detail, NULL) != CL_OK) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: HTTP %u without the protocol's error", what,
                          resp->status);
    }
    const char *slash = strrchr(type, '/');
    const char *name = slash != NULL ? slash + 1 : type;
    if (ret_name != NULL && strlen(name) < 64) {
        memcpy(ret_name, name, strlen(name) + 1);
    }
    return cl_err_set(err, CL_ERR_REJECTED, "%s: refused: %.300s", what, detail);
}
