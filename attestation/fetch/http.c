/* SPDX-License-Identifier: Apache-2.0
 * http.c - one document over HTTP, with libcurl: bounded in size and time, no redirects, no
 * credentials, TLS always verified, patient with servers that say they are busy.
 * Trust: the server is hostile. Threads: one. Memory: FETCH_MAX_BODY and one header.
 */
#include "fetch.h"

#include "base/io.h"
#include "base/log.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define CONNECT_TIMEOUT_S 10L
#define STALL_S 15L /* no byte for so long: the server is gone */

struct transfer {
    CURL *curl;
    const char *const *chain_header; /* NULL: none is wanted */
    struct fetch_response *out;
    size_t header_bytes;
    long retry_after_s;
    const char *malformed; /* why we ended it ourselves; NULL: we did not */
};

void fetch_response_done(struct fetch_response *r)
{
    cl_buf_done(&r->body);
    cl_buf_done(&r->chain);
}

/* --- callbacks of libcurl ----------------------------------------------------------------------
 */

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *t = ctx;
    size_t n = size * count; /* size is always 1 */
    if (n > FETCH_MAX_BODY - t->out->body.len) {
        t->malformed = "size: expected at most 1048576 bytes, got more";
        return 0;
    }
    return cl_buf_append(&t->out->body, data, n, NULL) == CL_OK ? n : 0;
}

static bool take_chain(struct transfer *t, const char *value, size_t len)
{
    int n = 0;
    while (len > 0 && strchr(" \t\r\n", value[len - 1]) != NULL) {
        len--;
    }
    if (t->out->chain.len != 0 || len == 0 || len > 3u * CL_COLLATERAL_MAX_CHAIN) {
        t->malformed = "issuer chain: expected one, of a bounded size, got others";
        return false;
    }
    char *text = curl_easy_unescape(t->curl, value, (int)len, &n);
    bool good =
        text != NULL && n > 0 && cl_buf_append(&t->out->chain, text, (size_t)n, NULL) == CL_OK;
    curl_free(text);
    return good;
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *t = ctx;
    size_t n = size * count;
    t->header_bytes += n;
    if (t->header_bytes > FETCH_MAX_HEADERS) {
        t->malformed = "headers: expected at most 262144 bytes, got more";
        return 0;
    }
    for (const char *const *name = t->chain_header; name != NULL && *name != NULL; name++) {
        size_t k = strlen(*name);
        if (n > k && data[k] == ':' && strncasecmp(data, *name, k) == 0) {
            for (k++; k < n && (data[k] == ' ' || data[k] == '\t'); k++) {
            }
            return take_chain(t, data + k, n - k) ? n : 0;
        }
    }
    return n;
}

/* --- one round trip
 * ------------------------------------------------------------------------------------------ */

static bool set_options(struct transfer *t, const struct fetch_options *o, const char *url,
                        long left_ms)
{
    CURL *c = t->curl;
    bool ok = curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR,
                                fetch_url_is_plain(url) ? "http" : "https") == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, left_ms) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALL_S) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_USERAGENT, "cloister/" CL_VERSION) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_WRITEDATA, t) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_HEADERDATA, t) == CURLE_OK;
    if (o->tls_ca != NULL) {
        ok = ok && curl_easy_setopt(c, CURLOPT_CAINFO, o->tls_ca) == CURLE_OK;
        ok = ok && curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    return ok;
}

static enum cl_status transport_failed(const struct transfer *t, CURLcode rc, const char *url,
                                       struct cl_err *err)
{
    if (t->malformed != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "'%s': %s", url, t->malformed);
    }
    bool certificate = rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE;
    if (certificate) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "'%s': TLS certificate: expected a trusted one for this host, got '%s'",
                          url, curl_easy_strerror(rc));
    }
    return cl_err_set(err, CL_ERR_UNAVAILABLE, "'%s': answer: expected a whole one, got '%s'", url,
                      curl_easy_strerror(rc));
}

/* *ret_status: the HTTP status of a whole answer. */
static enum cl_status round_trip(const struct fetch_options *o, const char *url, struct transfer *t,
                                 long left_ms, long *ret_status, struct cl_err *err)
{
    curl_off_t retry_after = 0;
    cl_buf_reset(&t->out->body);
    cl_buf_reset(&t->out->chain);
    t->header_bytes = 0;
    t->curl = curl_easy_init();
    if (t->curl == NULL || !set_options(t, o, url, left_ms)) {
        curl_easy_cleanup(t->curl);
        return cl_err_nomem(err, "HTTP request");
    }
    CURLcode rc = curl_easy_perform(t->curl);
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, ret_status);
    (void)curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &retry_after);
    t->retry_after_s = retry_after > (curl_off_t)FETCH_MAX_TIMEOUT_S ? (long)FETCH_MAX_TIMEOUT_S + 1
                                                                     : (long)retry_after;
    curl_easy_cleanup(t->curl);
    t->curl = NULL;
    return rc == CURLE_OK ? CL_OK : transport_failed(t, rc, url, err);
}

static enum cl_status wrong_status(const char *url, long status, struct cl_err *err)
{
    bool redirect = status >= 300 && status < 400;
    return cl_err_set(err, CL_ERR_UNAVAILABLE, "'%s': HTTP status: expected 200%s, got %ld", url,
                      redirect ? " and no redirect" : "", status);
}

/* Waits before the next try: as long as the server asks, or longer and longer. */
static enum cl_status wait_turn(const struct transfer *t, unsigned tries, long left_ms,
                                const char *url, long status, struct cl_err *err)
{
    long wait_ms = t->retry_after_s > 0 ? t->retry_after_s * 1000 : 500L << tries;
    if (tries + 1 == FETCH_MAX_TRIES || wait_ms >= left_ms) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "'%s': HTTP status: expected 200, got %ld; the server wants %ld s more, "
                          "past --timeout or the last of %u tries",
                          url, status, (wait_ms + 999) / 1000, FETCH_MAX_TRIES);
    }
    cl_log(CL_LOG_INFO, "collateral.fetch", "'%s': HTTP status %ld: waiting %ld ms", url, status,
           wait_ms);
    struct timespec ts = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000L};
    while (nanosleep(&ts, &ts) != 0) {
    }
    return CL_OK;
}

enum cl_status fetch_http_get(const struct fetch_options *o, const char *url,
                              const char *const *chain_header, struct fetch_response *ret,
                              struct cl_err *err)
{
    struct transfer t = {.chain_header = chain_header, .out = ret};
    uint64_t deadline = cl_monotonic_us() + (uint64_t)o->timeout_s * 1000000u;
    for (unsigned tries = 0;; tries++) {
        long status = 0;
        uint64_t now = cl_monotonic_us();
        long left_ms = now < deadline ? (long)((deadline - now) / 1000u) + 1 : 1;
        CL_TRY(round_trip(o, url, &t, left_ms, &status, err));
        if (status == 200) {
            return CL_OK;
        }
        if (status != 429 && status != 503) {
            return wrong_status(url, status, err);
        }
        now = cl_monotonic_us();
        left_ms = now < deadline ? (long)((deadline - now) / 1000u) : 0;
        CL_TRY(wait_turn(&t, tries, left_ms, url, status, err));
    }
}
