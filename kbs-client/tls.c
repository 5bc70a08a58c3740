/* SPDX-License-Identifier: Apache-2.0
 * tls.c - TLS over a connected socket, with the peer's certificate pinned (see link.h).
 * OpenSSL works on memory BIOs; the socket is ours, so that every wait has the request's deadline
 * and a broken pipe raises no signal.
 * Trust: dates, names and issuers are not looked at: the pin is the identity.
 */
#include "base/io.h"
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct cl_kbs_tls {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in;  /* owned by ssl */
    BIO *out; /* owned by ssl */
    const struct cl_buf *pin_der;
    bool other_cert;
    bool eof;
};

void cl_kbs_tls_free(struct cl_kbs_tls *t)
{
    if (t != NULL) {
        SSL_free(t->ssl);
        SSL_CTX_free(t->ctx);
        cl_close_fdp(&t->fd);
        free(t);
    }
}

static void tls_freep(struct cl_kbs_tls **t)
{
    cl_kbs_tls_free(*t);
}

/* Replaces OpenSSL's chain building: yes only to the pinned certificate, byte for byte. */
static int verify_pin(X509_STORE_CTX *store, void *arg)
{
    struct cl_kbs_tls *t = arg;
    uint8_t *der = NULL;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    int len = leaf != NULL ? i2d_X509(leaf, &der) : -1;
    bool same = len > 0 && (size_t)len == t->pin_der->len &&
                memcmp(der, t->pin_der->data, (size_t)len) == 0;
    OPENSSL_free(der);
    t->other_cert = !same;
    X509_STORE_CTX_set_error(store, same ? X509_V_OK : X509_V_ERR_CERT_UNTRUSTED);
    return same ? 1 : 0;
}

static enum cl_status wait_fd(const struct cl_kbs_tls *t, short events, uint64_t deadline_us,
                              struct cl_err *err)
{
    for (;;) {
        uint64_t now = cl_monotonic_us();
        if (now >= deadline_us) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE, "no answer in time");
        }
        struct pollfd p = {.fd = t->fd, .events = events};
        int rc = poll(&p, 1, (int)((deadline_us - now) / 1000 + 1));
        if (rc > 0) {
            return CL_OK;
        }
        if (rc < 0 && errno != EINTR) {
            return cl_err_sys(err, errno, "poll");
        }
    }
}

static enum cl_status lost(struct cl_err *err, int sys_errno)
{
    return cl_err_set(err, CL_ERR_UNAVAILABLE, "connection lost: %s", strerror(sys_errno));
}

/* Sends what OpenSSL has ready. */
static enum cl_status flush_out(struct cl_kbs_tls *t, uint64_t deadline_us, struct cl_err *err)
{
    char *data = NULL;
    long len = BIO_get_mem_data(t->out, &data);
    while (len > 0) {
        ssize_t n = send(t->fd, data, (size_t)len, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            CL_TRY(wait_fd(t, POLLOUT, deadline_us, err));
            continue;
        }
        if (n < 0) {
            return lost(err, errno);
        }
        data += n;
        len -= n;
    }
    (void)BIO_reset(t->out);
    return CL_OK;
}

static enum cl_status fill_in(struct cl_kbs_tls *t, uint64_t deadline_us, struct cl_err *err)
{
    uint8_t chunk[16384];
    for (;;) {
        ssize_t n = recv(t->fd, chunk, sizeof(chunk), 0);
        if (n > 0) {
            return BIO_write(t->in, chunk, (int)n) == (int)n ? CL_OK : cl_err_nomem(err, "TLS");
        }
        if (n == 0) {
            t->eof = true;
            return CL_OK;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return lost(err, errno);
        }
        CL_TRY(wait_fd(t, POLLIN, deadline_us, err));
    }
}

/* After an SSL_* call that did not succeed: moves bytes until it may be tried again. */
static enum cl_status pump(struct cl_kbs_tls *t, int ssl_error, uint64_t deadline_us,
                           struct cl_err *err)
{
    CL_TRY(flush_out(t, deadline_us, err)); /* alerts too */
    if (t->other_cert) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "certificate: expected the pinned one, got another");
    }
    if (ssl_error == SSL_ERROR_WANT_READ) {
        if (t->eof) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE, "connection closed by the other side");
        }
        return fill_in(t, deadline_us, err);
    }
    if (ssl_error == SSL_ERROR_WANT_WRITE) {
        return CL_OK;
    }
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    enum cl_status st =
        cl_err_set(err, CL_ERR_MALFORMED, "TLS: %s", reason != NULL ? reason : "protocol error");
    ERR_clear_error();
    return st;
}

static enum cl_status setup(struct cl_kbs_tls *t, const char *host, struct cl_err *err)
{
    uint8_t addr[16];
    t->ctx = SSL_CTX_new(TLS_client_method());
    if (t->ctx == NULL || SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1) {
        return cl_err_nomem(err, "TLS");
    }
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(t->ctx, verify_pin, t);
    (void)SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
    t->ssl = SSL_new(t->ctx);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (t->ssl == NULL || t->in == NULL || t->out == NULL) {
        BIO_free(t->in);
        BIO_free(t->out);
        return cl_err_nomem(err, "TLS");
    }
    (void)BIO_set_mem_eof_return(t->in, -1);
    SSL_set_bio(t->ssl, t->in, t->out);
    bool is_address = inet_pton(AF_INET, host, addr) == 1 || inet_pton(AF_INET6, host, addr) == 1;
    if (!is_address && SSL_set_tlsext_host_name(t->ssl, host) != 1) {
        return cl_err_nomem(err, "TLS");
    }
    return CL_OK;
}

enum cl_status cl_kbs_tls_open(int fd, const char *host, const struct cl_buf *pin_der,
                               uint64_t deadline_us, struct cl_kbs_tls **ret_t, struct cl_err *err)
{
    CL_CLEANUP(tls_freep) struct cl_kbs_tls *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        cl_close_fdp(&fd);
        return cl_err_nomem(err, "TLS");
    }
    t->fd = fd;
    t->pin_der = pin_der;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return cl_err_sys(err, errno, "TLS: descriptor");
    }
    CL_TRY(setup(t, host, err));
    for (;;) {
        ERR_clear_error();
        int rc = SSL_connect(t->ssl);
        if (rc == 1) {
            break;
        }
        CL_TRY(pump(t, SSL_get_error(t->ssl, rc), deadline_us, err));
    }
    CL_TRY(flush_out(t, deadline_us, err));
    *ret_t = CL_TAKE(t);
    return CL_OK;
}

enum cl_status cl_kbs_tls_write(struct cl_kbs_tls *t, const void *data, size_t n,
                                uint64_t deadline_us, struct cl_err *err)
{
    const uint8_t *p = data;
    while (n > 0) {
        size_t done = 0;
        ERR_clear_error();
        int rc = SSL_write_ex(t->ssl, p, n < 16384 ? n : 16384, &done);
        if (rc != 1) {
            CL_TRY(pump(t, SSL_get_error(t->ssl, rc), deadline_us, err));
            continue;
        }
        CL_TRY(flush_out(t, deadline_us, err));
        p += done;
        n -= done;
    }
    return CL_OK;
}

enum cl_status cl_kbs_tls_read(struct cl_kbs_tls *t, void *data, size_t size, size_t *ret_n,
                               uint64_t deadline_us, struct cl_err *err)
{
    for (;;) {
        size_t n = 0;
        ERR_clear_error();
        int rc = SSL_read_ex(t->ssl, data, size, &n);
        if (rc == 1) {
            *ret_n = n;
            return CL_OK;
        }
        int ssl_error = SSL_get_error(t->ssl, rc);
        if (ssl_error == SSL_ERROR_ZERO_RETURN || (ssl_error == SSL_ERROR_WANT_READ && t->eof)) {
            *ret_n = 0; /* lengths are in HTTP: a cut stream is found out there */
            return CL_OK;
        }
        CL_TRY(pump(t, ssl_error, deadline_us, err));
    }
}
