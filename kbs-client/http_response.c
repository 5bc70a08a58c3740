/* SPDX-License-Identifier: Apache-2.0
 * http_response.c - the response parser (see http_response.h). libevent 2.1's client cannot adopt a
 * descriptor that is already connected (a relay over vsock), and the guest's PID 1 is better
 * without it.
 */
#include "http_response.h"

#include <string.h>
#include <strings.h>

static const char session_cookie[] = "kbs-session-id=";

struct head {
    bool have_length;
    bool chunked;
    size_t length;
    unsigned field_count;
};

void cl_http_response_done(struct cl_http_response *r)
{
    if (r != NULL) {
        cl_buf_done(&r->body);
        *r = (struct cl_http_response){0};
    }
}

static enum cl_status bad(struct cl_err *err, const char *what)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "HTTP response: %s", what);
}

static enum cl_status more(struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_TRUNCATED, "HTTP response: ends early");
}

/* One line that ends with CRLF, of printable bytes and tabs. */
static enum cl_status take_line(const uint8_t *data, size_t len, size_t *pos, size_t max,
                                const char **ret_line, size_t *ret_len, struct cl_err *err)
{
    size_t left = len - *pos;
    size_t window = left < max ? left : max;
    const uint8_t *start = data + *pos;
    const uint8_t *lf = window > 0 ? memchr(start, '\n', window) : NULL;
    if (lf == NULL) {
        return left < max ? more(err) : bad(err, "line too long");
    }
    size_t n = (size_t)(lf - start);
    if (n == 0 || start[n - 1] != '\r') {
        return bad(err, "line without CR");
    }
    for (size_t i = 0; i + 1 < n; i++) {
        if ((start[i] < 0x20 && start[i] != '\t') || start[i] == 0x7f) {
            return bad(err, "control character");
        }
    }
    *ret_line = (const char *)start;
    *ret_len = n - 1;
    *pos += n + 1;
    return CL_OK;
}

/* "HTTP/1.1 200 ..." */
static enum cl_status status_line(const char *line, size_t n, struct cl_http_response *r,
                                  struct cl_err *err)
{
    static const char version[] = "HTTP/1.1 ";
    size_t v = sizeof(version) - 1;
    if (n < v + 3 || memcmp(line, version, v) != 0 || (n > v + 3 && line[v + 3] != ' ')) {
        return bad(err, "status line");
    }
    unsigned status = 0;
    for (size_t i = v; i < v + 3; i++) {
        if (line[i] < '0' || line[i] > '9') {
            return bad(err, "status line");
        }
        status = status * 10 + (unsigned)(line[i] - '0');
    }
    if (status < 200 || status > 599) {
        return bad(err, "status out of range");
    }
    r->status = status;
    return CL_OK;
}

static bool token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_name(const char *name, size_t n, const char *expected)
{
    return n == strlen(expected) && strncasecmp(name, expected, n) == 0;
}

static enum cl_status content_length(const char *v, size_t n, size_t max_body, struct head *h,
                                     struct cl_err *err)
{
    size_t length = 0;
    if (h->have_length || n == 0 || n > 10) {
        return bad(err, "Content-Length");
    }
    for (size_t i = 0; i < n; i++) {
        if (v[i] < '0' || v[i] > '9') {
            return bad(err, "Content-Length");
        }
        length = length * 10 + (size_t)(v[i] - '0');
    }
    if (length > max_body) {
        return bad(err, "body too large");
    }
    h->have_length = true;
    h->length = length;
    return CL_OK;
}

/* Set-Cookie: kbs-session-id=VALUE[; attributes]. Other cookies are not ours. */
static enum cl_status set_cookie(const char *v, size_t n, struct cl_http_response *r,
                                 struct cl_err *err)
{
    size_t prefix = sizeof(session_cookie) - 1;
    if (n < prefix || memcmp(v, session_cookie, prefix) != 0) {
        return CL_OK;
    }
    size_t value_len = 0;
    while (prefix + value_len < n && v[prefix + value_len] != ';') {
        char c = v[prefix + value_len];
        if (!token_char(c)) {
            return bad(err, "session cookie");
        }
        value_len++;
    }
    if (value_len == 0 || value_len > CL_HTTP_MAX_COOKIE || r->cookie[0] != '\0') {
        return bad(err, "session cookie");
    }
    memcpy(r->cookie, v + prefix, value_len);
    return CL_OK;
}

static enum cl_status field(const char *line, size_t n, size_t max_body, struct head *h,
                            struct cl_http_response *r, struct cl_err *err)
{
    size_t name = 0;
    while (name < n && token_char(line[name])) {
        name++;
    }
    if (name == 0 || name == n || line[name] != ':' || ++h->field_count > CL_HTTP_MAX_FIELDS) {
        return bad(err, "header field");
    }
    const char *v = line + name + 1;
    size_t v_len = n - name - 1;
    for (; v_len > 0 && (*v == ' ' || *v == '\t'); v++) {
        v_len--;
    }
    while (v_len > 0 && (v[v_len - 1] == ' ' || v[v_len - 1] == '\t')) {
        v_len--;
    }
    if (is_name(line, name, "content-length")) {
        return content_length(v, v_len, max_body, h, err);
    }
    if (is_name(line, name, "transfer-encoding")) {
        if (h->chunked || !is_name(v, v_len, "chunked")) {
            return bad(err, "Transfer-Encoding");
        }
        h->chunked = true;
    } else if (is_name(line, name, "connection")) {
        r->close = r->close || is_name(v, v_len, "close");
    } else if (is_name(line, name, "set-cookie")) {
        return set_cookie(v, v_len, r, err);
    }
    return CL_OK;
}

static enum cl_status head(const uint8_t *data, size_t len, size_t max_body, size_t *pos,
                           struct head *h, struct cl_http_response *r, struct cl_err *err)
{
    const char *line = NULL;
    size_t n = 0;
    CL_TRY(take_line(data, len, pos, CL_HTTP_MAX_HEAD, &line, &n, err));
    CL_TRY(status_line(line, n, r, err));
    for (;;) {
        if (*pos >= CL_HTTP_MAX_HEAD) {
            return bad(err, "head too large");
        }
        CL_TRY(take_line(data, len, pos, CL_HTTP_MAX_HEAD - *pos, &line, &n, err));
        if (n == 0) {
            break;
        }
        CL_TRY(field(line, n, max_body, h, r, err));
    }
    if (h->have_length == h->chunked) {
        return bad(err, "expected exactly one of Content-Length and chunked");
    }
    return CL_OK;
}

/* Hexadecimal size, extensions ignored (RFC 9112 7.1.1). */
static enum cl_status chunk_size(const char *line, size_t n, size_t max, size_t *ret,
                                 struct cl_err *err)
{
    size_t size = 0;
    size_t i = 0;
    for (; i < n && line[i] != ';' && line[i] != ' ' && line[i] != '\t'; i++) {
        char c = line[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit > 15 || i >= 7) {
            return bad(err, "chunk size");
        }
        size = size * 16 + digit;
    }
    if (i == 0) {
        return bad(err, "chunk size");
    }
    if (size > max) {
        return bad(err, "body too large");
    }
    *ret = size;
    return CL_OK;
}

static enum cl_status chunked_body(const uint8_t *data, size_t len, size_t max_body, size_t *pos,
                                   struct cl_buf *body, struct cl_err *err)
{
    for (;;) {
        const char *line = NULL;
        size_t n = 0;
        size_t size = 0;
        CL_TRY(take_line(data, len, pos, 256, &line, &n, err));
        CL_TRY(chunk_size(line, n, max_body - body->len, &size, err));
        if (size == 0) {
            break;
        }
        if (len - *pos < size) {
            return more(err);
        }
        CL_TRY(cl_buf_append(body, data + *pos, size, err));
        *pos += size;
        CL_TRY(take_line(data, len, pos, 2, &line, &n, err));
    }
    for (unsigned trailers = 0;; trailers++) { /* trailer fields are dropped */
        const char *line = NULL;
        size_t n = 0;
        CL_TRY(take_line(data, len, pos, 1024, &line, &n, err));
        if (n == 0) {
            return CL_OK;
        }
        if (trailers >= CL_HTTP_MAX_FIELDS) {
            return bad(err, "too many trailer fields");
        }
    }
}

enum cl_status cl_http_response_parse(const uint8_t *data, size_t len, size_t max_body,
                                      struct cl_http_response *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response r = {0};
    struct head h = {0};
    size_t pos = 0;
    CL_TRY(head(data, len, max_body, &pos, &h, &r, err));
    if (h.chunked) {
        CL_TRY(chunked_body(data, len, max_body, &pos, &r.body, err));
    } else if (len - pos < h.length) {
        return more(err);
    } else {
        CL_TRY(cl_buf_append(&r.body, data + pos, h.length, err));
        pos += h.length;
    }
    if (pos != len) {
        return bad(err, "bytes behind its end");
    }
    *ret = r;
    r = (struct cl_http_response){0};
    return CL_OK;
}
