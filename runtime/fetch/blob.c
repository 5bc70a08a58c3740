/* SPDX-License-Identifier: Apache-2.0
 * blob.c - one blob from the first host that gives it right. Trust, threads, memory: fetch.h.
 */
#include "blob.h"

#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MIB (UINT64_C(1) << 20)

/* --- one try
 * ----------------------------------------------------------------------------------------- */

struct download {
    struct fetch_partial *p;
    struct fetch_totals *totals;
    const char *host;
    uint64_t told_us;
    struct cl_err why; /* why we ended it; status CL_OK: we did not */
};

static void tell(struct download *d)
{
    uint64_t now = cl_monotonic_us();
    if (now - d->told_us < FETCH_PROGRESS_S * UINT64_C(1000000)) {
        return;
    }
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, d->p->digest);
    cl_log(CL_LOG_INFO, "fetch", "blob %s: %llu of %llu MiB from %s", digest,
           (unsigned long long)(d->p->have / MIB), (unsigned long long)(d->p->size / MIB), d->host);
    d->told_us = now;
}

/* A host that knows no ranges begins anew, and so do we. */
static bool on_begin(void *ctx, uint64_t start)
{
    struct download *d = ctx;
    if (start == d->p->have) {
        return true;
    }
    if (start == 0) {
        cl_log(CL_LOG_INFO, "fetch", "%s gives no parts of a blob: begins anew", d->host);
        return fetch_partial_restart(d->p, &d->why) == CL_OK;
    }
    (void)cl_err_set(&d->why, CL_ERR_REJECTED, "Content-Range: expected from %llu, got from %llu",
                     (unsigned long long)d->p->have, (unsigned long long)start);
    return false;
}

static bool on_bytes(void *ctx, const uint8_t *data, size_t len)
{
    struct download *d = ctx;
    d->totals->moved += len;
    if (fetch_partial_write(d->p, data, len, &d->why) != CL_OK) {
        return false;
    }
    tell(d);
    return true;
}

static enum cl_status try_once(struct fetch_client *client, size_t host, struct fetch_partial *p,
                               struct fetch_totals *totals, long *ret_status, struct cl_err *err)
{
    struct download d = {.p = p,
                         .totals = totals,
                         .host = client->hosts.host[host].name,
                         .told_us = cl_monotonic_us()};
    const struct fetch_get g = {.kind = "blobs",
                                .digest = p->digest,
                                .offset = p->have,
                                .begin = on_begin,
                                .sink = on_bytes,
                                .ctx = &d};
    enum cl_status st = fetch_client_get(client, host, &g, ret_status, err);
    if (d.why.status != CL_OK) {
        *err = d.why;
        return d.why.status == CL_ERR_SYS ? CL_ERR_SYS
                                          : cl_err_wrap(err, d.why.status, "registry '%s'", d.host);
    }
    if (st == CL_OK && p->have < p->size) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "registry '%s': length: expected %llu bytes, got %llu", d.host,
                          (unsigned long long)p->size, (unsigned long long)p->have);
    }
    return st;
}

/* --- one host
 * ---------------------------------------------------------------------------------------- */

static void pause_before(unsigned failures)
{
    const unsigned ms = 100u << (failures < 5 ? failures : 5);
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&t, NULL);
}

static enum cl_status commit(struct fetch_partial *p, const char *host, bool resumed, int *ret_fd,
                             struct cl_err *err)
{
    enum cl_status st = fetch_partial_commit(p, ret_fd, err);
    if (st != CL_ERR_REJECTED) {
        return st;
    }
    (void)cl_err_wrap(err, st, "registry '%s'", host);
    /* the beginning may have been another host's, or the disk's: once more from there */
    return resumed ? cl_err_set(err, CL_ERR_UNAVAILABLE, "%s", err->msg) : st;
}

static enum cl_status from_host(struct fetch_client *client, size_t host, struct fetch_partial *p,
                                struct fetch_totals *totals, int *ret_fd, struct cl_err *err)
{
    const char *name = client->hosts.host[host].name;
    /* where another may have it, a mirror that is gone costs little */
    const unsigned tries = host + 1 < client->hosts.count ? FETCH_MIRROR_TRIES : FETCH_TRIES;
    unsigned failures = 0;
    bool resumed = p->have > 0;
    enum cl_status st = CL_ERR_UNAVAILABLE;
    for (unsigned n = 0; n < FETCH_MAX_TRIES && failures < tries; n++) {
        uint64_t before = p->have;
        long status = 0;
        st = before == p->size ? CL_OK : try_once(client, host, p, totals, &status, err);
        if (st == CL_OK) {
            st = commit(p, name, resumed, ret_fd, err);
            resumed = false;
        }
        if (st != CL_ERR_UNAVAILABLE) {
            return st;
        }
        if (status == 416) { /* it has no such part */
            CL_TRY(fetch_partial_restart(p, err));
        }
        cl_log(CL_LOG_WARN, "fetch", "%s; %llu of %llu bytes are there", err->msg,
               (unsigned long long)p->have, (unsigned long long)p->size);
        resumed = resumed || p->have > 0;
        failures = p->have > before ? 1 : failures + 1;
        if (failures < tries) {
            pause_before(failures);
        }
    }
    return st;
}

/* --- all hosts
 * --------------------------------------------------------------------------------------- */

static enum cl_status from_hosts(struct fetch_client *client, struct fetch_partial *p,
                                 struct fetch_totals *totals, int *ret_fd, struct cl_err *err)
{
    enum cl_status st = cl_err_set(err, CL_ERR_REJECTED,
                                   "registry '%s': hosts.toml: expected a host with the capability "
                                   "pull, got none",
                                   client->registry);
    for (size_t i = 0; i < client->hosts.count; i++) {
        if (!client->hosts.host[i].pull) {
            continue;
        }
        st = from_host(client, i, p, totals, ret_fd, err);
        if (st == CL_OK || st == CL_ERR_NOMEM || st == CL_ERR_SYS) {
            return st;
        }
        if (i + 1 < client->hosts.count) {
            cl_log(CL_LOG_WARN, "fetch", "%s; asking the next host", err->msg);
        }
    }
    return st;
}

enum cl_status fetch_blob(const struct fetch_cache *cache, struct fetch_client *client,
                          const struct cl_oci_desc *d, struct fetch_totals *totals, int *ret_fd,
                          struct cl_err *err)
{
    struct fetch_partial p;
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, d->digest);
    enum cl_status st = fetch_cache_find(cache, d->digest, d->size, ret_fd, err);
    if (st == CL_OK && *ret_fd < 0) {
        st = fetch_cache_begin(cache, d->digest, d->size, &p, ret_fd, err);
        if (st == CL_OK && *ret_fd < 0) {
            st = from_hosts(client, &p, totals, ret_fd, err);
            /* what a full disk left is in the way of everybody */
            fetch_partial_done(&p, st == CL_ERR_SYS || (st != CL_OK && p.have == 0));
            return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "blob %s", digest);
        }
    }
    totals->cached += st == CL_OK ? d->size : 0;
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "blob %s", digest);
}

/* --- documents
 * --------------------------------------------------------------------------------------- */

struct document {
    struct cl_buf *out;
    bool too_big;
};

static bool document_sink(void *ctx, const uint8_t *data, size_t len)
{
    struct document *d = ctx;
    d->too_big = len > CL_OCI_MAX_MANIFEST - d->out->len;
    return !d->too_big && cl_buf_append(d->out, data, len, NULL) == CL_OK;
}

static enum cl_status document_from(struct fetch_client *client, size_t host, const uint8_t *digest,
                                    struct cl_buf *out, struct cl_err *err)
{
    enum cl_status st = CL_ERR_UNAVAILABLE;
    for (unsigned n = 0; n < FETCH_TRIES && st == CL_ERR_UNAVAILABLE; n++) {
        struct document d = {.out = out};
        const struct fetch_get g = {
            .kind = "manifests", .digest = digest, .sink = document_sink, .ctx = &d};
        long status = 0;
        if (n > 0) {
            pause_before(n);
        }
        cl_buf_reset(out);
        st = fetch_client_get(client, host, &g, &status, err);
        if (d.too_big) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "registry '%s': manifest: expected at most %u bytes, got more",
                              client->hosts.host[host].name, CL_OCI_MAX_MANIFEST);
        }
    }
    return st == CL_OK ? cl_oci_verify(out->data, out->len, digest, "manifest", err) : st;
}

enum cl_status fetch_document(struct fetch_client *client,
                              const uint8_t digest[static CL_SHA256_SIZE],
                              struct fetch_totals *totals, struct cl_buf *out, struct cl_err *err)
{
    enum cl_status st = cl_err_set(err, CL_ERR_REJECTED, "registry '%s': expected a host, got none",
                                   client->registry);
    for (size_t i = 0; i < client->hosts.count; i++) {
        if (client->hosts.host[i].pull) {
            st = document_from(client, i, digest, out, err);
            if (st == CL_OK) {
                totals->moved += out->len;
                return CL_OK;
            }
        }
    }
    return cl_err_wrap(err, st, "manifest");
}
