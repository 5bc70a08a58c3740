/* SPDX-License-Identifier: Apache-2.0
 * registry.c - a registry speaking the OCI distribution protocol, over image/http.h.
 * Trust: the registry is hostile, and so is what it redirects to: documents are bounded and
 *        verified by the caller, blobs are hashed while they stream and their last byte is held
 *        back until the digest was right. We send no credentials, so none can leak to another
 *        host. TLS is not optional except for a registry on loopback; redirects: image/http.h.
 * Threads: documents are fetched by the caller's thread, each blob by a thread of its own.
 * Memory: one document; libcurl's buffers.
 * Spec: OCI distribution-spec 1.1.
 */
#include "image_internal.h"

#include "base/io.h"
#include "base/log.h"
#include "image/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CA (4u << 20)

struct download {
    struct download *next;
    struct registry *r;
    struct cl_oci_desc d;
    int fd; /* our end; the reader has the other */
    pthread_t thread;
    struct cl_sha256_ctx *sha;
    uint64_t got;
    uint8_t last; /* held back */
};

struct registry {
    struct cl_image_ref ref;
    char label[280];
    char *ca; /* owned; NULL: the system's */
    bool plain;
    struct download *downloads;
    atomic_bool stopping;
};

static void free_text(char **p)
{
    free(*p);
}

static enum cl_status http_status(const struct cl_http_response *a, struct cl_err *err)
{
    if (a->status == 200) {
        return CL_OK;
    }
    if (a->status == 401 || a->status == 403) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "'%s': access: expected a registry that asks for no credentials, got "
                          "HTTP status %ld",
                          a->url, a->status);
    }
    return cl_err_set(err,
                      a->status >= 400 && a->status < 500 ? CL_ERR_REJECTED : CL_ERR_UNAVAILABLE,
                      "'%s': HTTP status: expected 200, got %ld", a->url, a->status);
}

static enum cl_status get(struct registry *r, const char *url, const char *accept,
                          bool (*sink)(void *ctx, const uint8_t *data, size_t len), void *ctx,
                          struct cl_err *err)
{
    const struct cl_http_server server = {.label = r->label, .only_ca = r->ca};
    const struct cl_http_request q = {
        .server = &server, .accept = accept, .stopping = &r->stopping, .sink = sink, .ctx = ctx};
    struct cl_http_response answer;
    CL_TRY(cl_http_get(&q, url, &answer, err));
    return http_status(&answer, err);
}

static char *make_url(const struct registry *r, const char *kind, const char *reference)
{
    char *url = NULL;
    char port[8] = "";
    bool v6 = strchr(r->ref.host, ':') != NULL;
    if (r->ref.port != 0) {
        (void)snprintf(port, sizeof(port), ":%u", (unsigned)r->ref.port);
    }
    if (asprintf(&url, "%s://%s%s%s%s/v2/%s/%s/%s", r->plain ? "http" : "https", v6 ? "[" : "",
                 r->ref.host, v6 ? "]" : "", port, r->ref.name, kind, reference) < 0) {
        return NULL;
    }
    return url;
}

/* --- documents
 * --------------------------------------------------------------------------------------- */

struct document {
    struct cl_buf *out;
    size_t max;
    bool too_big;
};

static bool document_sink(void *ctx, const uint8_t *data, size_t len)
{
    struct document *d = ctx;
    d->too_big = len > d->max - d->out->len;
    return !d->too_big && cl_buf_append(d->out, data, len, NULL) == CL_OK;
}

static enum cl_status get_document(struct registry *r, const char *kind, const char *reference,
                                   size_t max, struct cl_buf *out, struct cl_err *err)
{
    struct document d = {.out = out, .max = max};
    const char *accept = strcmp(kind, "manifests") == 0 ? CL_HTTP_ACCEPT_MANIFEST : NULL;
    CL_CLEANUP(free_text) char *url = make_url(r, kind, reference);
    if (url == NULL) {
        return cl_err_nomem(err, "registry request");
    }
    enum cl_status st = get(r, url, accept, document_sink, &d, err);
    if (d.too_big) {
        return cl_err_set(err, CL_ERR_MALFORMED, "'%s': expected at most %zu bytes, got more", url,
                          max);
    }
    return st;
}

static enum cl_status registry_root(void *source, struct cl_buf *out, bool *ret_has_digest,
                                    uint8_t ret_digest[CL_SHA256_SIZE], struct cl_err *err)
{
    struct registry *r = source;
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, r->ref.digest);
    *ret_has_digest = r->ref.has_digest;
    memcpy(ret_digest, r->ref.digest, CL_SHA256_SIZE);
    return get_document(r, "manifests", r->ref.has_digest ? digest : r->ref.tag,
                        CL_OCI_MAX_MANIFEST, out, err);
}

static enum cl_status registry_document(void *source, const struct cl_oci_desc *d, bool manifest,
                                        size_t max, struct cl_buf *out, struct cl_err *err)
{
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, d->digest);
    return get_document(source, manifest ? "manifests" : "blobs", digest, max, out, err);
}

/* --- blobs
 * --------------------------------------------------------------------------------------------- */

static bool send_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false; /* the reader went away */
        }
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool blob_sink(void *ctx, const uint8_t *data, size_t len)
{
    struct download *d = ctx;
    if (len == 0) {
        return true;
    }
    if (len > d->d.size - d->got || cl_sha256_update(d->sha, data, len, NULL) != CL_OK) {
        return false;
    }
    d->got += len;
    if (d->got == d->d.size) {
        d->last = data[--len];
    }
    return send_all(d->fd, data, len);
}

static void *download_main(void *arg)
{
    struct download *d = arg;
    struct cl_err err = {0};
    char digest[CL_OCI_DIGEST_SIZE];
    uint8_t got[CL_SHA256_SIZE];
    cl_oci_digest_format(digest, d->d.digest);
    CL_CLEANUP(free_text) char *url = make_url(d->r, "blobs", digest);
    enum cl_status st =
        url != NULL ? get(d->r, url, NULL, blob_sink, d, &err) : cl_err_nomem(&err, "blob");
    if (st == CL_OK && d->got == d->d.size && cl_sha256_final(d->sha, got, &err) == CL_OK &&
        memcmp(got, d->d.digest, sizeof(got)) == 0) {
        (void)send_all(d->fd, &d->last, 1);
    } else {
        cl_log(CL_LOG_DEBUG, "image.registry", "blob %s: %llu of %llu bytes: %s", digest,
               (unsigned long long)d->got, (unsigned long long)d->d.size,
               st == CL_OK ? "digest or size is wrong" : err.msg);
    }
    (void)shutdown(d->fd, SHUT_RDWR); /* the descriptor itself is closed by registry_free() */
    return NULL;
}

static void download_free(struct download *d)
{
    cl_sha256_free(d->sha);
    cl_close_fdp(&d->fd);
    free(d);
}

static enum cl_status registry_blob(void *source, const struct cl_oci_desc *desc, int *ret_fd,
                                    struct cl_err *err)
{
    struct registry *r = source;
    int pair[2] = {-1, -1};
    struct download *d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return cl_err_nomem(err, "blob");
    }
    *d = (struct download){.r = r, .d = *desc, .fd = -1};
    enum cl_status st = cl_sha256_new(&d->sha, err);
    if (st == CL_OK && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        st = cl_err_sys(err, errno, "blob");
    }
    d->fd = pair[0];
    if (st == CL_OK) {
        int rc = pthread_create(&d->thread, NULL, download_main, d);
        st = rc == 0 ? CL_OK : cl_err_sys(err, rc, "blob: thread");
    }
    if (st != CL_OK) {
        cl_close_fdp(&pair[1]);
        download_free(d);
        return st;
    }
    d->next = r->downloads;
    r->downloads = d;
    *ret_fd = pair[1];
    return CL_OK;
}

static void registry_free(void *source)
{
    struct registry *r = source;
    atomic_store(&r->stopping, true);
    for (struct download *d = r->downloads; d != NULL; d = d->next) {
        (void)shutdown(d->fd, SHUT_RDWR); /* wakes a thread whose reader is slow */
    }
    while (r->downloads != NULL) {
        struct download *d = r->downloads;
        r->downloads = d->next;
        (void)pthread_join(d->thread, NULL);
        download_free(d);
    }
    free(r->ca);
    free(r);
}

/* --- opening
 * ---------------------------------------------------------------------------------------------- */

/* libcurl would tell of it only after connecting, and without the file's name. */
static enum cl_status check_ca(const char *path, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    const char *text = NULL;
    CL_TRY(cl_buf_read_file(&pem, path, MAX_CA, err));
    enum cl_status st = cl_buf_cstr(&pem, "contents", &text, NULL);
    if (st != CL_OK || strstr(text, "-----BEGIN CERTIFICATE-----") == NULL ||
        strstr(text, "-----END CERTIFICATE-----") == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--registry-ca '%s': expected certificates in PEM, got something else",
                          path);
    }
    return CL_OK;
}

enum cl_status image_registry_open(const struct cl_image_ref *ref,
                                   const struct cl_image_options *opt, void **ret_source,
                                   const struct image_source_ops **ret_ops, struct cl_err *err)
{
    static const struct image_source_ops ops = {.root = registry_root,
                                                .document = registry_document,
                                                .blob = registry_blob,
                                                .free = registry_free};
    struct registry *r = calloc(1, sizeof(*r));
    const char *ca = opt != NULL ? opt->registry_ca : NULL;
    enum cl_status st = ca != NULL ? check_ca(ca, err) : CL_OK;
    if (st != CL_OK) {
        free(r);
        return st;
    }
    if (r == NULL || (ca != NULL && (r->ca = strdup(ca)) == NULL)) {
        free(r);
        return cl_err_nomem(err, "registry");
    }
    r->ref = *ref;
    (void)snprintf(r->label, sizeof(r->label), "registry '%s'", ref->host);
    r->plain = ca == NULL && cl_http_is_loopback(ref->host);
    *ret_source = r;
    *ret_ops = &ops;
    return CL_OK;
}
