/* SPDX-License-Identifier: Apache-2.0
 * tar.c - tar headers: POSIX.1-1988 ustar, POSIX.1-2001 pax records, GNU's long names and base-256
 * numbers.
 */
#include "tar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAX_ID (UINT32_MAX - 1)
#define MAX_SIZE ((uint64_t)1 << 62)
#define CAPABILITY_KEY "SCHILY.xattr.security.capability"

struct header { /* POSIX.1-1988, pax(1): ustar interchange format */
    uint8_t name[100];
    uint8_t mode[8];
    uint8_t uid[8];
    uint8_t gid[8];
    uint8_t size[12];
    uint8_t mtime[12];
    uint8_t checksum[8];
    uint8_t type;
    uint8_t link[100];
    uint8_t magic[8]; /* and version */
    uint8_t uname[32];
    uint8_t gname[32];
    uint8_t devmajor[8];
    uint8_t devminor[8];
    uint8_t prefix[155];
    uint8_t rest[12];
};
_Static_assert(sizeof(struct header) == AGENT_TAR_BLOCK, "a tar header is one block");
_Static_assert(offsetof(struct header, checksum) == 148, "ustar: chksum");
_Static_assert(offsetof(struct header, prefix) == 345, "ustar: prefix");

/* What extended headers said about the entry that follows them. */
struct extra {
    bool path, link, size, uid, gid, mtime;
};

void agent_tar_init(struct agent_tar *t, const struct agent_stream *in)
{
    t->in = in;
    t->have = NULL;
    t->have_len = 0;
    t->left = 0;
    t->padding = 0;
    t->pax = (struct cl_buf){0};
}

void agent_tar_done(struct agent_tar *t)
{
    cl_buf_done(&t->pax);
}

/* --- bytes ------------------------------------------------------------------------------------ */

/* Makes sure that something is at hand; *ret_end when the stream has ended. */
static enum cl_status fill(struct agent_tar *t, bool *ret_end, struct cl_err *err)
{
    if (t->have_len == 0) {
        CL_TRY(t->in->next(t->in->ctx, &t->have, &t->have_len, err));
    }
    *ret_end = t->have_len == 0;
    return CL_OK;
}

static enum cl_status cut_short(const char *what, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_TRUNCATED, "tar: %s: the archive ends inside", what);
}

/* Exactly n bytes; *ret_end (may be NULL) when the stream ended before the first of them. */
static enum cl_status read_bytes(struct agent_tar *t, void *dst, size_t n, const char *what,
                                 bool *ret_end, struct cl_err *err)
{
    uint8_t *p = dst;
    size_t got = 0;
    while (got < n) {
        bool end = false;
        CL_TRY(fill(t, &end, err));
        if (end && got == 0 && ret_end != NULL) {
            *ret_end = true;
            return CL_OK;
        }
        if (end) {
            return cut_short(what, err);
        }
        size_t k = n - got < t->have_len ? n - got : t->have_len;
        memcpy(p + got, t->have, k);
        t->have += k;
        t->have_len -= k;
        got += k;
    }
    return CL_OK;
}

static enum cl_status skip_bytes(struct agent_tar *t, uint64_t n, const char *what,
                                 struct cl_err *err)
{
    while (n > 0) {
        bool end = false;
        CL_TRY(fill(t, &end, err));
        if (end) {
            return cut_short(what, err);
        }
        size_t k = n < t->have_len ? (size_t)n : t->have_len;
        t->have += k;
        t->have_len -= k;
        n -= k;
    }
    return CL_OK;
}

static uint64_t padding_of(uint64_t size)
{
    return (AGENT_TAR_BLOCK - size % AGENT_TAR_BLOCK) % AGENT_TAR_BLOCK;
}

/* --- fields ----------------------------------------------------------------------------------- */

static enum cl_status bad_number(const char *field, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "tar: %s: not a number in its range", field);
}

/* GNU: the first bit set, then a big-endian number. */
static bool number_binary(const uint8_t *p, size_t n, uint64_t *ret)
{
    uint64_t v = p[0] & 0x7f;
    for (size_t i = 1; i < n; i++) {
        if (v >> 55 != 0) {
            return false; /* too large, or negative */
        }
        v = v << 8 | p[i];
    }
    *ret = v;
    return true;
}

/* Octal digits between blanks, ended by NUL or blank; nothing at all is 0. */
static bool number_octal(const uint8_t *p, size_t n, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;
    while (i < n && p[i] == ' ') {
        i++;
    }
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++) {
        v = v << 3 | (uint64_t)(p[i] - '0'); /* at most 12 digits: no overflow */
    }
    for (; i < n; i++) {
        if (p[i] != ' ' && p[i] != '\0') {
            return false;
        }
    }
    *ret = v;
    return true;
}

static enum cl_status number(const uint8_t *p, size_t n, const char *field, uint64_t max,
                             uint64_t *ret, struct cl_err *err)
{
    uint64_t v = 0;
    bool good = (p[0] & 0x80) != 0 ? number_binary(p, n, &v) : number_octal(p, n, &v);
    if (!good || v > max) {
        return bad_number(field, err);
    }
    *ret = v;
    return CL_OK;
}

static enum cl_status number32(const uint8_t *p, size_t n, const char *field, uint32_t max,
                               uint32_t *ret, struct cl_err *err)
{
    uint64_t v = 0;
    CL_TRY(number(p, n, field, max, &v, err));
    *ret = (uint32_t)v;
    return CL_OK;
}

static size_t text_len(const uint8_t *p, size_t n)
{
    const uint8_t *end = memchr(p, 0, n);
    return end != NULL ? (size_t)(end - p) : n;
}

static enum cl_status check_sum(const struct header *h, struct cl_err *err)
{
    const uint8_t *p = (const uint8_t *)h;
    uint64_t want = 0;
    uint64_t sum = 0;
    int64_t signed_sum = 0; /* what some old programs computed */
    CL_TRY(number(h->checksum, sizeof(h->checksum), "checksum", UINT32_MAX, &want, err));
    for (size_t i = 0; i < AGENT_TAR_BLOCK; i++) {
        bool blank = i >= offsetof(struct header, checksum) && i < offsetof(struct header, type);
        sum += blank ? ' ' : p[i];
        signed_sum += blank ? ' ' : (int8_t)p[i];
    }
    if (want != sum && (signed_sum < 0 || want != (uint64_t)signed_sum)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "tar: checksum: expected %" PRIu64 ", got %" PRIu64, sum, want);
    }
    return CL_OK;
}

/* --- extended headers ------------------------------------------------------------------------- */

static enum cl_status put_text(char ret[static AGENT_MAX_PATH + 1], const uint8_t *p, size_t n,
                               const char *field, struct cl_err *err)
{
    if (n == 0 || n > AGENT_MAX_PATH || memchr(p, 0, n) != NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "tar: %s: expected 1 to %u bytes without NUL, got %zu", field,
                          AGENT_MAX_PATH, n);
    }
    memcpy(ret, p, n);
    ret[n] = '\0';
    return CL_OK;
}

static enum cl_status decimal(const uint8_t *p, size_t n, const char *field, uint64_t max,
                              uint64_t *ret, struct cl_err *err)
{
    uint64_t v = 0;
    if (n == 0 || n > 19) {
        return bad_number(field, err);
    }
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return bad_number(field, err);
        }
        v = v * 10 + (uint64_t)(p[i] - '0');
    }
    if (v > max) {
        return bad_number(field, err);
    }
    *ret = v;
    return CL_OK;
}

static enum cl_status decimal32(const uint8_t *p, size_t n, const char *field, uint32_t *ret,
                                struct cl_err *err)
{
    uint64_t v = 0;
    CL_TRY(decimal(p, n, field, MAX_ID, &v, err));
    *ret = (uint32_t)v;
    return CL_OK;
}

/* "seconds[.fraction]"; times before 1970 become 1970. */
static enum cl_status pax_time(const uint8_t *p, size_t n, struct timespec *ret, struct cl_err *err)
{
    const uint8_t *dot = memchr(p, '.', n);
    size_t whole = dot != NULL ? (size_t)(dot - p) : n;
    uint64_t seconds = 0;
    long nanos = 0;
    if (n > 0 && p[0] == '-') {
        *ret = (struct timespec){0};
        return CL_OK;
    }
    CL_TRY(decimal(p, whole, "mtime", INT64_MAX / 2, &seconds, err));
    for (size_t i = 1; i <= 9; i++) {
        uint8_t c = whole + i < n ? p[whole + i] : '0';
        if (c < '0' || c > '9') {
            return bad_number("mtime", err);
        }
        nanos = nanos * 10 + (c - '0');
    }
    *ret = (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = nanos};
    return CL_OK;
}

static bool key_is(const uint8_t *key, size_t n, const char *name)
{
    return n == strlen(name) && memcmp(key, name, n) == 0; /* public */
}

static enum cl_status pax_record(struct agent_tar_entry *e, const uint8_t *key, size_t key_len,
                                 const uint8_t *v, size_t n, struct extra *x, struct cl_err *err)
{
    if (key_is(key, key_len, "path")) {
        x->path = true;
        return put_text(e->path, v, n, "path", err);
    }
    if (key_is(key, key_len, "linkpath")) {
        x->link = true;
        return put_text(e->link, v, n, "linkpath", err);
    }
    if (key_is(key, key_len, "size")) {
        x->size = true;
        return decimal(v, n, "size", MAX_SIZE, &e->size, err);
    }
    if (key_is(key, key_len, "uid")) {
        x->uid = true;
        return decimal32(v, n, "uid", &e->uid, err);
    }
    if (key_is(key, key_len, "gid")) {
        x->gid = true;
        return decimal32(v, n, "gid", &e->gid, err);
    }
    if (key_is(key, key_len, "mtime")) {
        x->mtime = true;
        return pax_time(v, n, &e->mtime, err);
    }
    if (key_is(key, key_len, CAPABILITY_KEY)) {
        if (n > AGENT_TAR_MAX_CAPABILITY) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "tar: security.capability: expected at most %u bytes, got %zu",
                              AGENT_TAR_MAX_CAPABILITY, n);
        }
        memcpy(e->capability, v, n);
        e->capability_len = n;
        return CL_OK;
    }
    if (key_len >= 10 && memcmp(key, "GNU.sparse", 10) == 0) { /* public */
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "tar: sparse files are not supported");
    }
    return CL_OK; /* other attributes are not kept */
}

/* One "<length> <key>=<value>\n" off the front of *p. */
static enum cl_status next_record(const uint8_t **p, size_t *left, const uint8_t **ret_key,
                                  size_t *ret_key_len, const uint8_t **ret_value,
                                  size_t *ret_value_len, struct cl_err *err)
{
    const uint8_t *space = memchr(*p, ' ', *left < 8 ? *left : 8);
    uint64_t len = 0;
    if (space == NULL ||
        decimal(*p, (size_t)(space - *p), "pax", AGENT_TAR_MAX_PAX, &len, NULL) != CL_OK) {
        return cl_err_set(err, CL_ERR_MALFORMED, "tar: pax: expected a length, got none");
    }
    size_t head = (size_t)(space - *p) + 1;
    if (len > *left || len < head + 3 || (*p)[len - 1] != '\n') {
        return cl_err_set(err, CL_ERR_MALFORMED, "tar: pax: the record's length does not fit");
    }
    const uint8_t *key = *p + head;
    size_t n = (size_t)len - head - 1;
    const uint8_t *eq = memchr(key, '=', n);
    if (eq == NULL || eq == key) {
        return cl_err_set(err, CL_ERR_MALFORMED, "tar: pax: expected key=value, got none");
    }
    *ret_key = key;
    *ret_key_len = (size_t)(eq - key);
    *ret_value = eq + 1;
    *ret_value_len = n - *ret_key_len - 1;
    *p += len;
    *left -= (size_t)len;
    return CL_OK;
}

static enum cl_status parse_pax(struct agent_tar *t, bool global, struct extra *x,
                                struct cl_err *err)
{
    const uint8_t *p = t->pax.data;
    size_t left = t->pax.len;
    while (left > 0) {
        const uint8_t *key = NULL;
        const uint8_t *value = NULL;
        size_t key_len = 0;
        size_t value_len = 0;
        CL_TRY(next_record(&p, &left, &key, &key_len, &value, &value_len, err));
        if (!global) {
            CL_TRY(pax_record(&t->entry, key, key_len, value, value_len, x, err));
        } else if (!key_is(key, key_len, "comment")) {
            return cl_err_set(err, CL_ERR_UNSUPPORTED, "tar: global pax records are not supported");
        }
    }
    return CL_OK;
}

/* The body of an extended header to t->pax. */
static enum cl_status read_body(struct agent_tar *t, const struct header *h, struct cl_err *err)
{
    uint64_t size = 0;
    CL_TRY(number(h->size, sizeof(h->size), "size", MAX_SIZE, &size, err));
    if (size > AGENT_TAR_MAX_PAX) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "tar: extended header: expected at most %u bytes, got %" PRIu64,
                          AGENT_TAR_MAX_PAX, size);
    }
    cl_buf_reset(&t->pax);
    CL_TRY(cl_buf_reserve(&t->pax, (size_t)size, err));
    CL_TRY(read_bytes(t, t->pax.data, (size_t)size, "extended header", /* ret_end= */ NULL, err));
    t->pax.len = (size_t)size;
    return skip_bytes(t, padding_of(size), "extended header", err);
}

/* GNU's 'L' and 'K': a name with a NUL behind it. */
static enum cl_status long_name(struct agent_tar *t, char ret[static AGENT_MAX_PATH + 1],
                                const char *field, struct cl_err *err)
{
    return put_text(ret, t->pax.data, text_len(t->pax.data, t->pax.len), field, err);
}

/* True when the header was an extended one; then it has been read whole. */
static enum cl_status extended(struct agent_tar *t, const struct header *h, struct extra *x,
                               bool *ret_was, struct cl_err *err)
{
    *ret_was = true;
    switch (h->type) {
    case 'x':
        CL_TRY(read_body(t, h, err));
        return parse_pax(t, /* global= */ false, x, err);
    case 'g':
        CL_TRY(read_body(t, h, err));
        return parse_pax(t, /* global= */ true, x, err);
    case 'L':
        CL_TRY(read_body(t, h, err));
        x->path = true;
        return long_name(t, t->entry.path, "long name", err);
    case 'K':
        CL_TRY(read_body(t, h, err));
        x->link = true;
        return long_name(t, t->entry.link, "long link", err);
    default:
        *ret_was = false;
        return CL_OK;
    }
}

/* --- entries ---------------------------------------------------------------------------------- */

static enum cl_status type_of(uint8_t c, enum agent_tar_type *ret, struct cl_err *err)
{
    switch (c) {
    case '\0':
    case '0':
    case '7':
        *ret = AGENT_TAR_FILE;
        return CL_OK;
    case '1':
        *ret = AGENT_TAR_HARDLINK;
        return CL_OK;
    case '2':
        *ret = AGENT_TAR_SYMLINK;
        return CL_OK;
    case '3':
        *ret = AGENT_TAR_CHAR;
        return CL_OK;
    case '4':
        *ret = AGENT_TAR_BLOCKDEV;
        return CL_OK;
    case '5':
        *ret = AGENT_TAR_DIR;
        return CL_OK;
    case '6':
        *ret = AGENT_TAR_FIFO;
        return CL_OK;
    default:
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "tar: type: expected 0 to 7, got 0x%02x",
                          (unsigned)c);
    }
}

/* prefix and name; only POSIX's form has the former. */
static void header_path(const struct header *h, char ret[static AGENT_MAX_PATH + 1])
{
    size_t prefix = text_len(h->prefix, sizeof(h->prefix));
    bool posix = memcmp(h->magic, "ustar\0", 6) == 0; /* public */
    if (posix && prefix > 0) {
        (void)snprintf(ret, AGENT_MAX_PATH + 1, "%.*s/%.*s", (int)prefix, (const char *)h->prefix,
                       (int)text_len(h->name, sizeof(h->name)), (const char *)h->name);
    } else {
        (void)snprintf(ret, AGENT_MAX_PATH + 1, "%.*s", (int)text_len(h->name, sizeof(h->name)),
                       (const char *)h->name);
    }
}

static enum cl_status header_numbers(const struct header *h, struct agent_tar_entry *e,
                                     const struct extra *x, struct cl_err *err)
{
    uint64_t mtime = 0;
    CL_TRY(number32(h->mode, sizeof(h->mode), "mode", UINT32_MAX, &e->mode, err));
    e->mode &= 07777;
    if (!x->uid) {
        CL_TRY(number32(h->uid, sizeof(h->uid), "uid", MAX_ID, &e->uid, err));
    }
    if (!x->gid) {
        CL_TRY(number32(h->gid, sizeof(h->gid), "gid", MAX_ID, &e->gid, err));
    }
    if (!x->size) {
        CL_TRY(number(h->size, sizeof(h->size), "size", MAX_SIZE, &e->size, err));
    }
    if (!x->mtime && h->mtime[0] != 0xff) { /* not a time before 1970 */
        CL_TRY(number(h->mtime, sizeof(h->mtime), "mtime", INT64_MAX / 2, &mtime, err));
        e->mtime = (struct timespec){.tv_sec = (time_t)mtime};
    }
    if (e->type == AGENT_TAR_CHAR || e->type == AGENT_TAR_BLOCKDEV) {
        CL_TRY(number32(h->devmajor, sizeof(h->devmajor), "devmajor", 4095, &e->devmajor, err));
        CL_TRY(number32(h->devminor, sizeof(h->devminor), "devminor", 0xfffff, &e->devminor, err));
    }
    return CL_OK;
}

static enum cl_status read_entry(struct agent_tar *t, const struct header *h, const struct extra *x,
                                 struct cl_err *err)
{
    struct agent_tar_entry *e = &t->entry;
    CL_TRY(type_of(h->type, &e->type, err));
    CL_TRY(header_numbers(h, e, x, err));
    if (!x->path) {
        header_path(h, e->path);
    }
    if (!x->link) {
        (void)snprintf(e->link, sizeof(e->link), "%.*s", (int)text_len(h->link, sizeof(h->link)),
                       (const char *)h->link);
    }
    size_t n = strlen(e->path);
    if (e->type == AGENT_TAR_FILE && n > 0 && e->path[n - 1] == '/') {
        e->type = AGENT_TAR_DIR; /* as tar did before it had a type for directories */
    }
    if (e->type != AGENT_TAR_FILE) {
        e->size = 0; /* a header and nothing behind it */
    }
    t->left = e->size;
    t->padding = padding_of(e->size);
    return CL_OK;
}

static bool is_zero(const struct header *h)
{
    const uint8_t *p = (const uint8_t *)h;
    uint8_t any = 0;
    for (size_t i = 0; i < AGENT_TAR_BLOCK; i++) {
        any |= p[i];
    }
    return any == 0;
}

enum cl_status agent_tar_next(struct agent_tar *t, const struct agent_tar_entry **ret_entry,
                              struct cl_err *err)
{
    struct extra x = {0};
    bool was_extended = true;
    CL_TRY(skip_bytes(t, t->left, "data", err));
    CL_TRY(skip_bytes(t, t->padding, "padding", err));
    t->left = 0;
    t->padding = 0;
    t->entry = (struct agent_tar_entry){0};
    for (bool first = true; was_extended; first = false) {
        struct header h;
        bool end = false;
        CL_TRY(read_bytes(t, &h, sizeof(h), "header", first ? &end : NULL, err));
        if (end || (first && is_zero(&h))) {
            *ret_entry = NULL;
            return CL_OK;
        }
        CL_TRY(check_sum(&h, err));
        CL_TRY(extended(t, &h, &x, &was_extended, err));
        if (!was_extended) {
            CL_TRY(read_entry(t, &h, &x, err));
        }
    }
    *ret_entry = &t->entry;
    return CL_OK;
}

enum cl_status agent_tar_data(struct agent_tar *t, const uint8_t **ret_data, size_t *ret_len,
                              struct cl_err *err)
{
    bool end = false;
    if (t->left == 0) {
        *ret_len = 0;
        return CL_OK;
    }
    CL_TRY(fill(t, &end, err));
    if (end) {
        return cut_short("data", err);
    }
    size_t n = t->left < t->have_len ? (size_t)t->left : t->have_len;
    *ret_data = t->have;
    *ret_len = n;
    t->have += n;
    t->have_len -= n;
    t->left -= n;
    return CL_OK;
}
