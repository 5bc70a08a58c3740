/* SPDX-License-Identifier: Apache-2.0
 * bytes.c - bounds-checked reader and writer.
 */
#include "base/bytes.h"

#include <string.h>

/* n bytes, least (little) or most (big) significant first. */
static uint64_t load_le(const uint8_t *p, size_t n)
{
    uint64_t x = 0;
    for (size_t i = n; i > 0; i--) {
        x = (x << 8) | p[i - 1];
    }
    return x;
}

static uint64_t load_be(const uint8_t *p, size_t n)
{
    uint64_t x = 0;
    for (size_t i = 0; i < n; i++) {
        x = (x << 8) | p[i];
    }
    return x;
}

static void store_le(uint8_t *p, size_t n, uint64_t x)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(x >> (8 * i));
    }
}

static void store_be(uint8_t *p, size_t n, uint64_t x)
{
    for (size_t i = 0; i < n; i++) {
        p[n - 1 - i] = (uint8_t)(x >> (8 * i));
    }
}

uint16_t cl_le16_get(const cl_le16 *v)
{
    return (uint16_t)load_le(v->b, sizeof(v->b));
}

void cl_le16_put(cl_le16 *v, uint16_t x)
{
    store_le(v->b, sizeof(v->b), x);
}

uint32_t cl_le32_get(const cl_le32 *v)
{
    return (uint32_t)load_le(v->b, sizeof(v->b));
}

void cl_le32_put(cl_le32 *v, uint32_t x)
{
    store_le(v->b, sizeof(v->b), x);
}

uint64_t cl_le64_get(const cl_le64 *v)
{
    return (uint64_t)load_le(v->b, sizeof(v->b));
}

void cl_le64_put(cl_le64 *v, uint64_t x)
{
    store_le(v->b, sizeof(v->b), x);
}

uint16_t cl_be16_get(const cl_be16 *v)
{
    return (uint16_t)load_be(v->b, sizeof(v->b));
}

void cl_be16_put(cl_be16 *v, uint16_t x)
{
    store_be(v->b, sizeof(v->b), x);
}

uint32_t cl_be32_get(const cl_be32 *v)
{
    return (uint32_t)load_be(v->b, sizeof(v->b));
}

void cl_be32_put(cl_be32 *v, uint32_t x)
{
    store_be(v->b, sizeof(v->b), x);
}

uint64_t cl_be64_get(const cl_be64 *v)
{
    return (uint64_t)load_be(v->b, sizeof(v->b));
}

void cl_be64_put(cl_be64 *v, uint64_t x)
{
    store_be(v->b, sizeof(v->b), x);
}

struct cl_reader cl_reader_init(const void *data, size_t len)
{
    return (struct cl_reader){.data = data, .len = len};
}

const uint8_t *cl_reader_bytes(struct cl_reader *r, size_t n, const char *field)
{
    if (r->failed != NULL || n > r->len - r->pos) { /* subtract: pos + n could wrap */
        r->failed = r->failed != NULL ? r->failed : field;
        return NULL;
    }
    const uint8_t *p = r->data + r->pos;
    r->pos += n;
    return p;
}

void cl_reader_copy(struct cl_reader *r, void *dst, size_t n, const char *field)
{
    const uint8_t *p = cl_reader_bytes(r, n, field);
    if (n == 0) {
        return;
    }
    if (p != NULL) {
        memcpy(dst, p, n);
    } else {
        memset(dst, 0, n);
    }
}

void cl_reader_skip(struct cl_reader *r, size_t n, const char *field)
{
    (void)cl_reader_bytes(r, n, field);
}

uint8_t cl_reader_u8(struct cl_reader *r, const char *field)
{
    const uint8_t *p = cl_reader_bytes(r, 1, field);
    return p != NULL ? *p : 0;
}

uint16_t cl_reader_le16(struct cl_reader *r, const char *field)
{
    const uint8_t *p = cl_reader_bytes(r, 2, field);
    return p != NULL ? (uint16_t)load_le(p, 2) : 0;
}

uint32_t cl_reader_le32(struct cl_reader *r, const char *field)
{
    const uint8_t *p = cl_reader_bytes(r, 4, field);
    return p != NULL ? (uint32_t)load_le(p, 4) : 0;
}

uint64_t cl_reader_le64(struct cl_reader *r, const char *field)
{
    const uint8_t *p = cl_reader_bytes(r, 8, field);
    return p != NULL ? (uint64_t)load_le(p, 8) : 0;
}

uint16_t cl_reader_be16(struct cl_reader *r, const char *field)
{
    const uint8_t *p = cl_reader_bytes(r, 2, field);
    return p != NULL ? (uint16_t)load_be(p, 2) : 0;
}

uint32_t cl_reader_be32(struct cl_reader *r, const char *field)
{
    const uint8_t *p = cl_reader_bytes(r, 4, field);
    return p != NULL ? (uint32_t)load_be(p, 4) : 0;
}

uint64_t cl_reader_be64(struct cl_reader *r, const char *field)
{
    const uint8_t *p = cl_reader_bytes(r, 8, field);
    return p != NULL ? (uint64_t)load_be(p, 8) : 0;
}

struct cl_reader cl_reader_sub(struct cl_reader *r, size_t n, const char *field)
{
    const uint8_t *p = cl_reader_bytes(r, n, field);
    struct cl_reader sub = cl_reader_init(p, p != NULL ? n : 0);
    sub.failed = r->failed;
    return sub;
}

size_t cl_reader_left(const struct cl_reader *r)
{
    return r->failed != NULL ? 0 : r->len - r->pos;
}

enum cl_status cl_reader_check(const struct cl_reader *r, const char *what, struct cl_err *err)
{
    if (r->failed != NULL) {
        return cl_err_at(err, CL_ERR_TRUNCATED, r->pos,
                         "%s: %s at byte %zu: expected more bytes, got the end of the input", what,
                         r->failed, r->pos);
    }
    return CL_OK;
}

enum cl_status cl_reader_finish(const struct cl_reader *r, const char *what, struct cl_err *err)
{
    CL_TRY(cl_reader_check(r, what, err));
    if (r->pos != r->len) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos, "%s: %zu bytes left over at byte %zu", what,
                         r->len - r->pos, r->pos);
    }
    return CL_OK;
}

struct cl_writer cl_writer_init(void *data, size_t size)
{
    return (struct cl_writer){.data = data, .size = size};
}

static uint8_t *writer_take(struct cl_writer *w, size_t n)
{
    if (w->overflow || n > w->size - w->len) {
        w->overflow = true;
        return NULL;
    }
    uint8_t *p = w->data + w->len;
    w->len += n;
    return p;
}

void cl_writer_bytes(struct cl_writer *w, const void *src, size_t n)
{
    uint8_t *p = writer_take(w, n);
    if (p != NULL && n > 0) {
        memcpy(p, src, n);
    }
}

void cl_writer_zero(struct cl_writer *w, size_t n)
{
    uint8_t *p = writer_take(w, n);
    if (p != NULL && n > 0) {
        memset(p, 0, n);
    }
}

void cl_writer_u8(struct cl_writer *w, uint8_t x)
{
    cl_writer_bytes(w, &x, 1);
}

void cl_writer_le16(struct cl_writer *w, uint16_t x)
{
    uint8_t *p = writer_take(w, 2);
    if (p != NULL) {
        store_le(p, 2, x);
    }
}

void cl_writer_le32(struct cl_writer *w, uint32_t x)
{
    uint8_t *p = writer_take(w, 4);
    if (p != NULL) {
        store_le(p, 4, x);
    }
}

void cl_writer_le64(struct cl_writer *w, uint64_t x)
{
    uint8_t *p = writer_take(w, 8);
    if (p != NULL) {
        store_le(p, 8, x);
    }
}

void cl_writer_be16(struct cl_writer *w, uint16_t x)
{
    uint8_t *p = writer_take(w, 2);
    if (p != NULL) {
        store_be(p, 2, x);
    }
}

void cl_writer_be32(struct cl_writer *w, uint32_t x)
{
    uint8_t *p = writer_take(w, 4);
    if (p != NULL) {
        store_be(p, 4, x);
    }
}

void cl_writer_be64(struct cl_writer *w, uint64_t x)
{
    uint8_t *p = writer_take(w, 8);
    if (p != NULL) {
        store_be(p, 8, x);
    }
}

enum cl_status cl_writer_check(const struct cl_writer *w, const char *what, struct cl_err *err)
{
    if (w->overflow) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: does not fit into %zu bytes", what, w->size);
    }
    return CL_OK;
}

bool cl_add_size(size_t a, size_t b, size_t *ret)
{
    size_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *ret = sum;
    return true;
}

bool cl_mul_size(size_t a, size_t b, size_t *ret)
{
    size_t product = 0;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *ret = product;
    return true;
}

bool cl_add_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
    uint64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *ret = sum;
    return true;
}
