/* SPDX-License-Identifier: Apache-2.0
 * cbor_read.c - the strict reader of CBOR (see cbor.h). libcbor takes one head apart at a time; its
 * callbacks write down what it was, and everything that deterministic encoding forbids is refused.
 */
#include "cbor/cbor.h"

#include "base/json.h"

#include <cbor.h>
#include <string.h>

struct head { /* what libcbor said of one head */
    struct cl_cbor_item item;
    const char *refused; /* well-formed CBOR that we do not take */
};

static void set(void *ctx, enum cl_cbor_type type, uint64_t u, const uint8_t *data)
{
    ((struct head *)ctx)->item = (struct cl_cbor_item){.type = type, .u = u, .data = data};
}

static void on_uint8(void *c, uint8_t v)
{
    set(c, CL_CBOR_UINT, v, NULL);
}
static void on_uint16(void *c, uint16_t v)
{
    set(c, CL_CBOR_UINT, v, NULL);
}
static void on_uint32(void *c, uint32_t v)
{
    set(c, CL_CBOR_UINT, v, NULL);
}
static void on_uint64(void *c, uint64_t v)
{
    set(c, CL_CBOR_UINT, v, NULL);
}
static void on_negint8(void *c, uint8_t v)
{
    set(c, CL_CBOR_NEGINT, v, NULL);
}
static void on_negint16(void *c, uint16_t v)
{
    set(c, CL_CBOR_NEGINT, v, NULL);
}
static void on_negint32(void *c, uint32_t v)
{
    set(c, CL_CBOR_NEGINT, v, NULL);
}
static void on_negint64(void *c, uint64_t v)
{
    set(c, CL_CBOR_NEGINT, v, NULL);
}
static void on_bytes(void *c, cbor_data data, size_t n)
{
    set(c, CL_CBOR_BYTES, n, data);
}
static void on_text(void *c, cbor_data data, size_t n)
{
    set(c, CL_CBOR_TEXT, n, data);
}
static void on_array(void *c, size_t n)
{
    set(c, CL_CBOR_ARRAY, n, NULL);
}
static void on_map(void *c, size_t n)
{
    set(c, CL_CBOR_MAP, n, NULL);
}
static void on_tag(void *c, uint64_t tag)
{
    set(c, CL_CBOR_TAG, tag, NULL);
}
static void on_bool(void *c, bool v)
{
    set(c, CL_CBOR_BOOL, v ? 1 : 0, NULL);
}
static void on_null(void *c)
{
    set(c, CL_CBOR_NULL, 0, NULL);
}
static void on_indefinite(void *c)
{
    ((struct head *)c)->refused = "an indefinite length";
}
static void on_undefined(void *c)
{
    ((struct head *)c)->refused = "undefined";
}
static void on_float(void *c, float v)
{
    (void)v;
    ((struct head *)c)->refused = "a float";
}
static void on_double(void *c, double v)
{
    (void)v;
    ((struct head *)c)->refused = "a float";
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string_start = on_indefinite,
    .byte_string = on_bytes,
    .string = on_text,
    .string_start = on_indefinite,
    .indef_array_start = on_indefinite,
    .array_start = on_array,
    .indef_map_start = on_indefinite,
    .map_start = on_map,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_undefined,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = on_indefinite,
};

static const char *type_name(enum cl_cbor_type type)
{
    static const char *const names[] = {
        [CL_CBOR_NONE] = "nothing",
        [CL_CBOR_UINT] = "an unsigned integer",
        [CL_CBOR_NEGINT] = "a negative integer",
        [CL_CBOR_BYTES] = "a byte string",
        [CL_CBOR_TEXT] = "text",
        [CL_CBOR_ARRAY] = "an array",
        [CL_CBOR_MAP] = "a map",
        [CL_CBOR_TAG] = "a tag",
        [CL_CBOR_BOOL] = "a boolean",
        [CL_CBOR_NULL] = "null",
    };
    return names[type];
}

/* Bytes that the shortest head of a value has. */
static size_t head_size(enum cl_cbor_type type, uint64_t u)
{
    if (type == CL_CBOR_BOOL || type == CL_CBOR_NULL || u < 24) {
        return 1;
    }
    return u <= UINT8_MAX ? 2 : u <= UINT16_MAX ? 3 : u <= UINT32_MAX ? 5 : 9;
}

static bool is_utf8(const uint8_t *data, uint64_t n)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = json_stringn((const char *)data, (size_t)n);
    return j != NULL;
}

/* One head. libcbor 0.8 refuses tags of one byte that had no meaning when it was written, COSE's
 * among them: these are taken apart here. */
static struct cbor_decoder_result decode(const uint8_t *data, size_t len, struct head *h)
{
    if (len > 0 && data[0] >= 0xC0 && data[0] <= 0xD7) {
        set(h, CL_CBOR_TAG, data[0] & 0x1Fu, NULL);
        return (struct cbor_decoder_result){.read = 1, .status = CBOR_DECODER_FINISHED};
    }
    return cbor_stream_decode(data, len, &callbacks, h);
}

struct cl_cbor_reader cl_cbor_reader_init(const void *data, size_t len)
{
    return (struct cl_cbor_reader){.data = data, .len = len};
}

enum cl_status cl_cbor_next(struct cl_cbor_reader *r, const char *field, struct cl_cbor_item *ret_i,
                            struct cl_err *err)
{
    struct head h = {0};
    size_t left = r->len - r->pos;
    struct cbor_decoder_result res = decode(r->data + r->pos, left, &h);
    if (left == 0 || res.status == CBOR_DECODER_NEDATA) {
        return cl_err_at(err, CL_ERR_TRUNCATED, r->pos, "CBOR: %s: expected a value, got the end",
                         field);
    }
    if (res.status != CBOR_DECODER_FINISHED || h.refused != NULL || h.item.type == CL_CBOR_NONE) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos,
                         "CBOR: %s: expected a value of definite length, got %s", field,
                         h.refused != NULL ? h.refused : "a reserved head");
    }
    bool string = h.item.type == CL_CBOR_BYTES || h.item.type == CL_CBOR_TEXT;
    size_t body = string ? (size_t)h.item.u : 0;
    if (body > left || res.read != head_size(h.item.type, h.item.u) + body) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos,
                         "CBOR: %s: expected the shortest encoding, got a longer one", field);
    }
    if (h.item.type == CL_CBOR_TEXT && !is_utf8(h.item.data, h.item.u)) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos, "CBOR: %s: expected UTF-8, got other bytes",
                         field);
    }
    r->pos += res.read;
    *ret_i = h.item;
    return CL_OK;
}

enum cl_status cl_cbor_expect(struct cl_cbor_reader *r, const char *field, enum cl_cbor_type type,
                              struct cl_cbor_item *ret_i, struct cl_err *err)
{
    size_t at = r->pos;
    struct cl_cbor_item i = {0};
    CL_TRY(cl_cbor_next(r, field, &i, err));
    if (i.type != type) {
        return cl_err_at(err, CL_ERR_MALFORMED, at, "CBOR: %s: expected %s, got %s", field,
                         type_name(type), type_name(i.type));
    }
    *ret_i = i;
    return CL_OK;
}

enum cl_status cl_cbor_expect_tag(struct cl_cbor_reader *r, const char *field, uint64_t tag,
                                  struct cl_err *err)
{
    size_t at = r->pos;
    struct cl_cbor_item i = {0};
    CL_TRY(cl_cbor_expect(r, field, CL_CBOR_TAG, &i, err));
    if (i.u != tag) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, at, "CBOR: %s: expected tag %llu, got %llu",
                         field, (unsigned long long)tag, (unsigned long long)i.u);
    }
    return CL_OK;
}

static enum cl_status check_count(const char *field, size_t at, uint64_t n, uint64_t min,
                                  uint64_t max, struct cl_err *err)
{
    if (n < min || n > max) {
        return cl_err_at(err, CL_ERR_MALFORMED, at,
                         "CBOR: %s: expected %llu to %llu elements, got %llu", field,
                         (unsigned long long)min, (unsigned long long)max, (unsigned long long)n);
    }
    return CL_OK;
}

enum cl_status cl_cbor_array(struct cl_cbor_reader *r, const char *field, uint64_t min,
                             uint64_t max, uint64_t *ret_count, struct cl_err *err)
{
    size_t at = r->pos;
    struct cl_cbor_item i = {0};
    CL_TRY(cl_cbor_expect(r, field, CL_CBOR_ARRAY, &i, err));
    CL_TRY(check_count(field, at, i.u, min, max, err));
    *ret_count = i.u;
    return CL_OK;
}

enum cl_status cl_cbor_map(struct cl_cbor_reader *r, const char *field, uint64_t max,
                           struct cl_cbor_map *ret_m, struct cl_err *err)
{
    size_t at = r->pos;
    struct cl_cbor_item i = {0};
    CL_TRY(cl_cbor_expect(r, field, CL_CBOR_MAP, &i, err));
    CL_TRY(check_count(field, at, i.u, 1, max, err));
    *ret_m = (struct cl_cbor_map){.left = i.u};
    return CL_OK;
}

/* RFC 8949 4.2.1: bytewise order of the encoded keys; equal keys are duplicates. No encoded item is
 * the beginning of another, so that two keys differ within the shorter one or nowhere. */
static bool key_follows(const struct cl_cbor_map *m, const uint8_t *key, size_t len)
{
    if (m->last == NULL) {
        return true;
    }
    size_t n = len < m->last_len ? len : m->last_len;
    return memcmp(m->last, key, n) < 0; /* public values */
}

enum cl_status cl_cbor_map_key(struct cl_cbor_reader *r, const char *field, struct cl_cbor_map *m,
                               struct cl_cbor_item *ret_key, bool *ret_more, struct cl_err *err)
{
    size_t at = r->pos;
    if (m->left == 0) {
        *ret_more = false;
        return CL_OK;
    }
    CL_TRY(cl_cbor_next(r, field, ret_key, err));
    if (ret_key->type != CL_CBOR_UINT && ret_key->type != CL_CBOR_NEGINT &&
        ret_key->type != CL_CBOR_TEXT) {
        return cl_err_at(err, CL_ERR_MALFORMED, at, "CBOR: %s: expected an integer or text as key",
                         field);
    }
    if (!key_follows(m, r->data + at, r->pos - at)) {
        return cl_err_at(err, CL_ERR_MALFORMED, at,
                         "CBOR: %s: expected keys in order and each once, got another order",
                         field);
    }
    m->last = r->data + at;
    m->last_len = r->pos - at;
    m->left--;
    *ret_more = true;
    return CL_OK;
}

static enum cl_status skip_one(struct cl_cbor_reader *r, const char *field, unsigned depth,
                               struct cl_err *err);

static enum cl_status skip_map(struct cl_cbor_reader *r, const char *field, uint64_t pairs,
                               unsigned depth, struct cl_err *err)
{
    struct cl_cbor_map m = {.left = pairs};
    for (bool more = true; more;) {
        struct cl_cbor_item key;
        CL_TRY(cl_cbor_map_key(r, field, &m, &key, &more, err));
        if (more) {
            CL_TRY(skip_one(r, field, depth, err));
        }
    }
    return CL_OK;
}

/* Recursion is bounded by depth, and each element takes at least one byte of the input. */
static enum cl_status skip_one( // NOLINT(misc-no-recursion)
    struct cl_cbor_reader *r, const char *field, unsigned depth, struct cl_err *err)
{
    struct cl_cbor_item i = {0};
    if (depth == CL_CBOR_MAX_DEPTH) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos, "CBOR: %s: expected at most %u levels",
                         field, CL_CBOR_MAX_DEPTH);
    }
    CL_TRY(cl_cbor_next(r, field, &i, err));
    if (i.type == CL_CBOR_MAP) {
        return skip_map(r, field, i.u, depth + 1, err);
    }
    uint64_t parts = i.type == CL_CBOR_ARRAY ? i.u : i.type == CL_CBOR_TAG ? 1 : 0;
    for (; parts > 0; parts--) {
        CL_TRY(skip_one(r, field, depth + 1, err));
    }
    return CL_OK;
}

enum cl_status cl_cbor_skip(struct cl_cbor_reader *r, const char *field, struct cl_err *err)
{
    return skip_one(r, field, 0, err);
}

enum cl_status cl_cbor_finish(const struct cl_cbor_reader *r, const char *field, struct cl_err *err)
{
    if (r->pos != r->len) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos, "CBOR: %s: expected the end, got %zu bytes",
                         field, r->len - r->pos);
    }
    return CL_OK;
}
