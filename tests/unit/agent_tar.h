/* SPDX-License-Identifier: Apache-2.0
 * agent_tar.h - builds tar archives for tests, also those that no tar program would write; and a
 * stream over bytes.
 */
#ifndef CL_TEST_AGENT_TAR_H
#define CL_TEST_AGENT_TAR_H

#include "agent/stream.h"
#include "base/buf.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

struct tar_entry {
    char type; /* '0' file, '1' hard link, '2' link, '3' char, '4' block, '5' directory, '6' fifo,
                  'x' pax */
    const char *name;
    const char *link;
    const char *data;
    size_t size;
    unsigned mode, uid, gid, devmajor, devminor;
    unsigned long mtime;
};

static inline void tar_octal(char *field, size_t size, unsigned long v)
{
    for (size_t i = size - 1; i-- > 0; v >>= 3) {
        field[i] = (char)('0' + (v & 7));
    }
}

static inline void tar_pad(struct cl_buf *b)
{
    static const char zero[512];
    size_t over = b->len % 512;
    if (over != 0) {
        ck_assert_int_eq(cl_buf_append(b, zero, 512 - over, NULL), CL_OK);
    }
}

static inline void tar_add(struct cl_buf *b, const struct tar_entry *e)
{
    char h[512] = {0};
    size_t link_len = e->link != NULL ? strlen(e->link) : 0;
    ck_assert_uint_le(strlen(e->name), 100);
    ck_assert_uint_le(link_len, 100);
    memcpy(h, e->name, strlen(e->name));
    tar_octal(h + 100, 8, e->mode);
    tar_octal(h + 108, 8, e->uid);
    tar_octal(h + 116, 8, e->gid);
    tar_octal(h + 124, 12, e->size);
    tar_octal(h + 136, 12, e->mtime);
    memset(h + 148, ' ', 8);
    h[156] = e->type;
    if (link_len > 0) {
        memcpy(h + 157, e->link, link_len);
    }
    memcpy(h + 257,
           "ustar\0"
           "00",
           8);
    tar_octal(h + 329, 8, e->devmajor);
    tar_octal(h + 337, 8, e->devminor);
    unsigned long sum = 0;
    for (size_t i = 0; i < sizeof(h); i++) {
        sum += (unsigned char)h[i];
    }
    tar_octal(h + 148, 7, sum);
    ck_assert_int_eq(cl_buf_append(b, h, sizeof(h), NULL), CL_OK);
    if (e->data != NULL && e->size > 0) {
        ck_assert_int_eq(cl_buf_append(b, e->data, e->size, NULL), CL_OK);
        tar_pad(b);
    }
}

static inline void tar_file(struct cl_buf *b, const char *name, const char *text)
{
    struct tar_entry e = {
        .type = '0', .name = name, .data = text, .size = strlen(text), .mode = 0644};
    tar_add(b, &e);
}

static inline void tar_dir(struct cl_buf *b, const char *name)
{
    struct tar_entry e = {.type = '5', .name = name, .mode = 0755};
    tar_add(b, &e);
}

static inline void tar_link(struct cl_buf *b, char type, const char *name, const char *target)
{
    struct tar_entry e = {.type = type, .name = name, .link = target, .mode = 0777};
    tar_add(b, &e);
}

/* A pax header for the entry that follows: one record. */
static inline void tar_pax(struct cl_buf *b, const char *key, const void *value, size_t size)
{
    char record[1024];
    size_t body = 1 + strlen(key) + 1 + size + 1; /* " key=value\n" */
    size_t total = body + 1;
    while (total != body + (size_t)snprintf(NULL, 0, "%zu", total)) {
        total++;
    }
    int n = snprintf(record, sizeof(record), "%zu %s=", total, key);
    ck_assert(n > 0 && (size_t)n + size + 1 <= sizeof(record));
    memcpy(record + n, value, size);
    record[(size_t)n + size] = '\n';
    struct tar_entry e = {.type = 'x', .name = "pax", .data = record, .size = total, .mode = 0644};
    tar_add(b, &e);
}

static inline void tar_end(struct cl_buf *b)
{
    static const char zero[1024];
    ck_assert_int_eq(cl_buf_append(b, zero, sizeof(zero), NULL), CL_OK);
}

/* A stream over bytes, in pieces of `piece`. */
struct bytes_stream {
    const uint8_t *data;
    size_t len;
    size_t piece;
};

static inline enum cl_status bytes_next(void *ctx, const uint8_t **ret_data, size_t *ret_len,
                                        struct cl_err *err)
{
    struct bytes_stream *s = ctx;
    (void)err;
    size_t n = s->len < s->piece ? s->len : s->piece;
    *ret_data = s->data;
    *ret_len = n;
    s->data += n;
    s->len -= n;
    return CL_OK;
}

#endif
