/* SPDX-License-Identifier: Apache-2.0
 * encode.c - hex, base64, base64url. Lengths are public; contents take table-free paths so that
 * encoding a key leaks nothing by index.
 */
#include "base/encode.h"

#include "base/bytes.h"

#include <string.h>

void cl_hex(char *ret, const void *data, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[p[i] >> 4];
        ret[2 * i + 1] = digits[p[i] & 15];
    }
    ret[2 * n] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
}

enum cl_status cl_unhex(void *ret, size_t n, const char *hex, const char *field, struct cl_err *err)
{
    size_t len = strlen(hex);
    if (len != 2 * n) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected %zu hex digits, got %zu characters",
                          field, 2 * n, len);
    }
    for (size_t i = 0; i < len; i++) {
        if (hex_value(hex[i]) < 0) {
            return cl_err_at(err, CL_ERR_MALFORMED, i,
                             "%s: expected lower-case hex, got another character at %zu", field, i);
        }
    }
    uint8_t *p = ret;
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(hex_value(hex[2 * i]) * 16 + hex_value(hex[2 * i + 1]));
    }
    return CL_OK;
}

void cl_mac_format(char ret[static CL_MAC_TEXT_SIZE], const uint8_t mac[static CL_MAC_SIZE])
{
    for (size_t i = 0; i < CL_MAC_SIZE; i++) {
        cl_hex(ret + 3 * i, mac + i, 1);
        ret[3 * i + 2] = i + 1 < CL_MAC_SIZE ? ':' : '\0';
    }
}

enum cl_status cl_mac_parse(const char *text, const char *field, uint8_t ret[static CL_MAC_SIZE],
                            struct cl_err *err)
{
    uint8_t mac[CL_MAC_SIZE];
    bool good = strlen(text) == CL_MAC_TEXT_SIZE - 1;
    for (size_t i = 0; i < CL_MAC_SIZE && good; i++) {
        const char *p = text + 3 * i;
        char pair[3] = {lower(p[0]), lower(p[1])};
        good = cl_unhex(&mac[i], 1, pair, field, NULL) == CL_OK &&
               (i + 1 == CL_MAC_SIZE || p[2] == ':');
    }
    if (!good) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: expected six pairs of hex digits, got '%.64s'", field, text);
    }
    memcpy(ret, mac, sizeof(mac));
    return CL_OK;
}

/* All-ones when lo <= x <= hi, else 0, without a branch. */
static uint32_t in_range(uint32_t x, uint32_t lo, uint32_t hi)
{
    return (((x - lo) | (hi - x)) >> 31) - 1u; /* values stay below 2^31, so bit 31 is the borrow */
}

static char b64_char(uint32_t v, bool url)
{
    uint32_t c = (in_range(v, 0, 25) & (v + 'A')) | (in_range(v, 26, 51) & (v - 26 + 'a')) |
                 (in_range(v, 52, 61) & (v - 52 + '0')) |
                 (in_range(v, 62, 62) & (url ? (uint32_t)'-' : (uint32_t)'+')) |
                 (in_range(v, 63, 63) & (url ? (uint32_t)'_' : (uint32_t)'/'));
    return (char)c;
}

/* 0..63, or -1. */
static int b64_value(char ch, bool url)
{
    uint32_t c = (unsigned char)ch;
    uint32_t c62 = url ? (uint32_t)'-' : (uint32_t)'+';
    uint32_t c63 = url ? (uint32_t)'_' : (uint32_t)'/';
    uint32_t v = (in_range(c, 'A', 'Z') & (c - 'A' + 1)) |
                 (in_range(c, 'a', 'z') & (c - 'a' + 27)) |
                 (in_range(c, '0', '9') & (c - '0' + 53)) | (in_range(c, c62, c62) & 63) |
                 (in_range(c, c63, c63) & 64);
    return (int)v - 1;
}

static enum cl_status encode(struct cl_buf *out, const uint8_t *p, size_t n, bool url,
                             struct cl_err *err)
{
    size_t need = 0;
    if (!cl_mul_size(n / 3 + 1, 4, &need)) {
        return cl_err_nomem(err, "base64");
    }
    CL_TRY(cl_buf_reserve(out, need, err));
    char *o = (char *)out->data + out->len;
    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i < 3 ? n - i : 3;
        uint32_t v = (uint32_t)p[i] << 16;
        v |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        v |= left > 2 ? p[i + 2] : 0;
        for (size_t k = 0; k < 4; k++) {
            if (k <= left) {
                *o++ = b64_char((v >> (18 - 6 * k)) & 63, url);
            } else if (!url) {
                *o++ = '=';
            }
        }
    }
    out->len = (size_t)((uint8_t *)o - out->data);
    out->data[out->len] = 0;
    return CL_OK;
}

static enum cl_status decode(struct cl_buf *out, const char *text, size_t len, bool url,
                             const char *field, struct cl_err *err)
{
    size_t n = len;
    if (!url) {
        if (len % 4 != 0) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: expected padded base64, got %zu characters", field, len);
        }
        for (size_t k = 0; k < 2 && n > 0 && text[n - 1] == '='; k++) {
            n--;
        }
    }
    if (n % 4 == 1) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected base64, got %zu characters", field,
                          len);
    }
    CL_TRY(cl_buf_reserve(out, n / 4 * 3 + 3, err));
    uint8_t *o = out->data + out->len;
    uint32_t acc = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < n; i++) {
        int v = b64_value(text[i], url);
        if (v < 0) {
            return cl_err_at(err, CL_ERR_MALFORMED, i,
                             "%s: expected base64, got another character at %zu", field, i);
        }
        acc = (acc << 6) | (uint32_t)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *o++ = (uint8_t)(acc >> bits);
            acc &= (1u << bits) - 1;
        }
    }
    if (acc != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: base64 ends in non-zero spare bits", field);
    }
    out->len = (size_t)(o - out->data);
    out->data[out->len] = 0;
    return CL_OK;
}

enum cl_status cl_b64_encode(struct cl_buf *out, const void *data, size_t n, struct cl_err *err)
{
    return encode(out, data, n, false, err);
}

enum cl_status cl_b64_decode(struct cl_buf *out, const char *text, size_t len, const char *field,
                             struct cl_err *err)
{
    return decode(out, text, len, false, field, err);
}

enum cl_status cl_b64url_encode(struct cl_buf *out, const void *data, size_t n, struct cl_err *err)
{
    return encode(out, data, n, true, err);
}

enum cl_status cl_b64url_decode(struct cl_buf *out, const char *text, size_t len, const char *field,
                                struct cl_err *err)
{
    return decode(out, text, len, true, field, err);
}
