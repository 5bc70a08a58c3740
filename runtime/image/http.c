/* SPDX-License-Identifier: Apache-2.0
 * http.c - one GET over libcurl, redirects followed by hand so that each is judged. Trust, threads,
 * memory: image/http.h.
 */
#include "image/http.h"

#include "net/addr.h"
#include "proxy.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

struct transfer {
    const struct cl_http_request *q;
    struct cl_http_response *r;
    CURL *curl;
    bool foreign;   /* redirected: not where the operator pointed us */
    bool proxied;   /* the address that is dialled is the proxy's */
    bool has_range; /* Content-Range of this response */
    uint64_t start; /* and where it begins */
    bool begun;
    char why[160]; /* why we ended it ourselves; empty: we did not */
};

/* --- callbacks of libcurl ----------------------------------------------------------------------
 */

static curl_socket_t on_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct transfer *t = ctx;
    (void)purpose;
    if (t->foreign && !t->proxied) {
        enum cl_addr_kind kind = cl_addr_kind(&a->addr, (socklen_t)a->addrlen);
        if (kind != CL_ADDR_PUBLIC || cl_addr_is_own(&a->addr, (socklen_t)a->addrlen)) {
            char text[CL_ADDR_TEXT_SIZE];
            cl_addr_text(&a->addr, (socklen_t)a->addrlen, text);
            (void)snprintf(t->why, sizeof(t->why), "redirected to %s, an address of this node",
                           text);
            return CURL_SOCKET_BAD;
        }
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

bool cl_http_range_parse(const char *value, uint64_t *ret_start)
{
    char *end = NULL;
    while (*value == ' ') {
        value++;
    }
    if (strncasecmp(value, "bytes ", 6) != 0 || value[6] < '0' || value[6] > '9') {
        return false;
    }
    errno = 0;
    unsigned long long v = strtoull(value + 6, &end, 10);
    if (errno != 0 || *end != '-') {
        return false;
    }
    *ret_start = v;
    return true;
}

/* The value of a header line of that name, copied without what is around it. */
static bool header_is(const char *line, size_t len, const char *name, char *ret, size_t size)
{
    size_t n = strlen(name);
    if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':') {
        return false;
    }
    line += n + 1;
    len -= n + 1;
    while (len > 0 && (line[0] == ' ' || line[0] == '\t')) {
        line++;
        len--;
    }
    while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == ' ')) {
        len--;
    }
    if (len >= size) {
        return false;
    }
    memcpy(ret, line, len);
    ret[len] = '\0';
    return true;
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *t = ctx;
    size_t n = size * count;
    char value[CL_HTTP_MAX_CHALLENGE];
    if (n > 5 && strncmp(data, "HTTP/", 5) == 0) { /* a response of its own */
        t->has_range = false;
        t->r->challenge[0] = '\0';
    } else if (header_is(data, n, "WWW-Authenticate", value, sizeof(value))) {
        /* of several the bearer's, which is the stronger */
        if (t->r->challenge[0] == '\0' || strncasecmp(value, "bearer ", 7) == 0) {
            memcpy(t->r->challenge, value, strlen(value) + 1);
        }
    } else if (header_is(data, n, "Content-Range", value, sizeof(value))) {
        t->has_range = cl_http_range_parse(value, &t->start);
    }
    return n;
}

static bool begin(struct transfer *t)
{
    t->begun = true;
    if (t->r->status == 206 && !t->has_range) {
        (void)snprintf(t->why, sizeof(t->why),
                       "Content-Range: expected one with HTTP status 206, got none");
        return false;
    }
    return t->q->begin == NULL || t->q->begin(t->q->ctx, t->r->status == 206 ? t->start : 0);
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct transfer *t = ctx;
    size_t n = size * count; /* size is always 1 */
    if (t->r->status == 0) {
        (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->r->status);
    }
    if (t->r->status != 200 && t->r->status != 206) {
        return n; /* the page that comes with an error or a redirect */
    }
    if (!t->begun && !begin(t)) {
        return 0;
    }
    return t->q->sink(t->q->ctx, (const uint8_t *)data, n) ? n : 0;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    const struct transfer *t = ctx;
    return t->q->stopping != NULL && atomic_load(t->q->stopping) ? 1 : 0;
}

/* --- where to
 * --------------------------------------------------------------------------------------- */

struct place {
    bool https;
    char host[256]; /* without brackets */
    char port[8];
};

static void take_part(CURLU *u, CURLUPart part, unsigned flags, char *ret, size_t size, bool *good)
{
    char *text = NULL;
    if (curl_url_get(u, part, &text, flags) != CURLUE_OK || strlen(text) >= size) {
        *good = false;
    } else {
        memcpy(ret, text, strlen(text) + 1);
    }
    curl_free(text);
}

static bool place_of(const char *url, struct place *ret)
{
    char scheme[16] = "";
    char host[256] = "";
    CURLU *u = curl_url();
    bool good = u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK;
    if (good) {
        take_part(u, CURLUPART_SCHEME, 0, scheme, sizeof(scheme), &good);
        take_part(u, CURLUPART_HOST, 0, host, sizeof(host), &good);
        take_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, ret->port, sizeof(ret->port), &good);
    }
    curl_url_cleanup(u);
    size_t n = strlen(host);
    bool v6 = n > 2 && host[0] == '[' && host[n - 1] == ']';
    memcpy(ret->host, host + (v6 ? 1 : 0), n + 1 - (v6 ? 1 : 0));
    if (v6) {
        ret->host[n - 2] = '\0';
    }
    ret->https = strcasecmp(scheme, "https") == 0;
    return good && (ret->https || strcasecmp(scheme, "http") == 0);
}

static bool same_place(const struct place *a, const struct place *b)
{
    return a->https == b->https && strcasecmp(a->host, b->host) == 0 &&
           strcmp(a->port, b->port) == 0;
}

/* --- one round trip
 * --------------------------------------------------------------------------------- */

static bool set_trust(struct transfer *t)
{
    const struct cl_http_server *s = t->q->server;
    CURL *c = t->curl;
    bool ok = true;
    if (t->foreign) {
        return true; /* the system's CAs, and nothing of ours */
    }
    if (s->only_ca != NULL) {
        ok = curl_easy_setopt(c, CURLOPT_CAINFO, s->only_ca) == CURLE_OK;
        ok = ok && curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
    } else if (s->ca != NULL && s->ca->len > 0) {
        struct curl_blob blob = {.data = s->ca->data, .len = s->ca->len, .flags = CURL_BLOB_NOCOPY};
        ok = curl_easy_setopt(c, CURLOPT_CAINFO_BLOB, &blob) == CURLE_OK;
    }
    if (s->client_cert != NULL) {
        ok = ok && curl_easy_setopt(c, CURLOPT_SSLCERT, s->client_cert) == CURLE_OK;
        ok = ok &&
             curl_easy_setopt(c, CURLOPT_SSLKEY,
                              s->client_key != NULL ? s->client_key : s->client_cert) == CURLE_OK;
    }
    if (s->skip_verify) {
        ok = ok && curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK;
        ok = ok && curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
    }
    return ok;
}

static bool set_callbacks(struct transfer *t)
{
    CURL *c = t->curl;
    bool ok = curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_WRITEDATA, t) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_HEADERDATA, t) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_open_socket) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, t) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_XFERINFODATA, t) == CURLE_OK;
    return ok && curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
}

static bool set_options(struct transfer *t, const char *url, const struct place *to,
                        struct curl_slist *headers)
{
    CURL *c = t->curl;
    const struct cl_http_request *q = t->q;
    const char *proxy = q->server->proxy ? image_proxy_for(to->https, to->host) : NULL;
    long stall = q->stall_s != 0 ? (long)q->stall_s : (long)CL_HTTP_STALL_S;
    char range[32];
    t->proxied = proxy != NULL;
    bool ok = curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, to->https ? "https" : "http") == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_PROXY, proxy != NULL ? proxy : "") == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_NOPROXY, "") == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CL_HTTP_CONNECT_S) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, stall) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_USERAGENT, "cloister/" CL_VERSION) == CURLE_OK;
    ok = ok && curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
    if (q->post != NULL) {
        ok = ok && curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->post) == CURLE_OK;
    }
    if (q->offset > 0) {
        (void)snprintf(range, sizeof(range), "%llu-", (unsigned long long)q->offset);
        ok = ok && curl_easy_setopt(c, CURLOPT_RANGE, range) == CURLE_OK;
    }
    return ok && set_callbacks(t) && set_trust(t);
}

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *more = line != NULL ? curl_slist_append(*list, line) : *list;
    if (more == NULL && line != NULL) {
        return false;
    }
    *list = more;
    return true;
}

static bool make_headers(const struct transfer *t, struct curl_slist **ret)
{
    const char *const *own = t->foreign ? NULL : t->q->server->headers;
    bool ok = add_header(ret, t->q->accept);
    ok = ok && (t->foreign || add_header(ret, t->q->authorization));
    for (size_t i = 0; ok && own != NULL && own[i] != NULL; i++) {
        ok = add_header(ret, own[i]);
    }
    return ok;
}

static enum cl_status curl_failed(const struct transfer *t, CURLcode rc, struct cl_err *err)
{
    const char *label = t->q->server->label;
    if (t->why[0] != '\0') {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: %s", label, t->why);
    }
    if (rc == CURLE_OPERATION_TIMEDOUT && t->r->status != 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "%s: stalled: no byte for %u seconds", label,
                          t->q->stall_s != 0 ? t->q->stall_s : CL_HTTP_STALL_S);
    }
    bool certificate = rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE;
    return cl_err_set(err, certificate ? CL_ERR_REJECTED : CL_ERR_UNAVAILABLE, "%s: %s", label,
                      curl_easy_strerror(rc));
}

/* *ret_next: the URL of a redirect (owned), or NULL. */
static enum cl_status round_trip(struct transfer *t, const char *url, const struct place *to,
                                 char **ret_next, struct cl_err *err)
{
    struct curl_slist *headers = NULL;
    t->curl = curl_easy_init();
    t->r->status = 0;
    t->begun = false;
    (void)snprintf(t->r->url, sizeof(t->r->url), "%s", url);
    if (t->curl == NULL || !make_headers(t, &headers) || !set_options(t, url, to, headers)) {
        curl_slist_free_all(headers);
        curl_easy_cleanup(t->curl);
        return cl_err_nomem(err, "registry request");
    }
    CURLcode rc = curl_easy_perform(t->curl);
    (void)curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->r->status);
    char *next = NULL;
    if (rc == CURLE_OK && t->r->status >= 300 && t->r->status < 400) {
        (void)curl_easy_getinfo(t->curl, CURLINFO_REDIRECT_URL, &next);
        next = next != NULL ? strdup(next) : NULL;
    }
    enum cl_status st = rc == CURLE_OK ? CL_OK : curl_failed(t, rc, err);
    curl_slist_free_all(headers);
    curl_easy_cleanup(t->curl);
    t->curl = NULL;
    *ret_next = next;
    return st;
}

static void free_text(char **p)
{
    free(*p);
}

static enum cl_status follow(struct transfer *t, const char *url, const struct place *first,
                             struct place *to, struct cl_err *err)
{
    bool good = place_of(url, to);
    if (good && !t->foreign && same_place(first, to)) {
        return CL_OK;
    }
    t->foreign = true;
    if (!good || !to->https) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: redirect: expected https, got '%.100s'",
                          t->q->server->label, url);
    }
    return CL_OK;
}

static void curl_init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum cl_status cl_http_get(const struct cl_http_request *q, const char *url,
                           struct cl_http_response *ret, struct cl_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct transfer t = {.q = q, .r = ret};
    struct place first = {0};
    CL_CLEANUP(free_text) char *at = strdup(url);
    (void)pthread_once(&once, curl_init);
    *ret = (struct cl_http_response){0};
    if (at == NULL) {
        return cl_err_nomem(err, "registry request");
    }
    if (!place_of(url, &first)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected an http or https URL, got '%.100s'",
                          q->server->label, url);
    }
    struct place to = first;
    for (unsigned hops = 0; hops <= CL_HTTP_MAX_REDIRECTS; hops++) {
        char *next = NULL;
        CL_TRY(round_trip(&t, at, &to, &next, err));
        if (next == NULL) {
            return CL_OK;
        }
        free(at);
        at = next;
        CL_TRY(follow(&t, at, &first, &to, err));
    }
    return cl_err_set(err, CL_ERR_REJECTED, "%s: redirects: expected at most %u", q->server->label,
                      CL_HTTP_MAX_REDIRECTS);
}
