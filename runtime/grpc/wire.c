/* SPDX-License-Identifier: Apache-2.0
 * wire.c - a message's prefix, codes, texts. Trust, spec: grpc/wire.h.
 */
#include "grpc/wire.h"

#include "base/bytes.h"
#include "base/io.h"

#include <string.h>

static const struct {
    const char *name;
    enum cl_status status;
} codes[] = {
    [CL_GRPC_OK] = {"OK", CL_OK},
    [CL_GRPC_CANCELLED] = {"Canceled", CL_ERR_UNAVAILABLE},
    [CL_GRPC_UNKNOWN] = {"Unknown", CL_ERR_UNAVAILABLE},
    [CL_GRPC_INVALID_ARGUMENT] = {"InvalidArgument", CL_ERR_REJECTED},
    [CL_GRPC_DEADLINE_EXCEEDED] = {"DeadlineExceeded", CL_ERR_UNAVAILABLE},
    [CL_GRPC_NOT_FOUND] = {"NotFound", CL_ERR_REJECTED},
    [CL_GRPC_ALREADY_EXISTS] = {"AlreadyExists", CL_ERR_REJECTED},
    [CL_GRPC_PERMISSION_DENIED] = {"PermissionDenied", CL_ERR_REJECTED},
    [CL_GRPC_RESOURCE_EXHAUSTED] = {"ResourceExhausted", CL_ERR_UNAVAILABLE},
    [CL_GRPC_FAILED_PRECONDITION] = {"FailedPrecondition", CL_ERR_REJECTED},
    [CL_GRPC_ABORTED] = {"Aborted", CL_ERR_UNAVAILABLE},
    [CL_GRPC_OUT_OF_RANGE] = {"OutOfRange", CL_ERR_REJECTED},
    [CL_GRPC_UNIMPLEMENTED] = {"Unimplemented", CL_ERR_UNSUPPORTED},
    [CL_GRPC_INTERNAL] = {"Internal", CL_ERR_UNAVAILABLE},
    [CL_GRPC_UNAVAILABLE] = {"Unavailable", CL_ERR_UNAVAILABLE},
    [CL_GRPC_DATA_LOSS] = {"DataLoss", CL_ERR_UNAVAILABLE},
    [CL_GRPC_UNAUTHENTICATED] = {"Unauthenticated", CL_ERR_REJECTED},
};

const char *cl_grpc_code_name(unsigned code)
{
    return codes[code < CL_ARRAY_LEN(codes) ? code : CL_GRPC_UNKNOWN].name;
}

enum cl_status cl_grpc_code_status(unsigned code)
{
    return codes[code < CL_ARRAY_LEN(codes) ? code : CL_GRPC_UNKNOWN].status;
}

enum cl_status cl_grpc_message_encode(const void *data, size_t len, struct cl_buf *out,
                                      struct cl_err *err)
{
    struct {
        uint8_t compressed;
        cl_be32 len;
    } prefix = {0};
    _Static_assert(sizeof(prefix) == CL_GRPC_PREFIX_SIZE, "Length-Prefixed-Message");
    if (len > UINT32_MAX) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "message: size: expected at most %u, got %zu",
                          UINT32_MAX, len);
    }
    cl_be32_put(&prefix.len, (uint32_t)len);
    CL_TRY(cl_buf_append(out, &prefix, sizeof(prefix), err));
    return cl_buf_append(out, data, len, err);
}

enum cl_status cl_grpc_message_parse(const void *body, size_t len, const uint8_t **ret_data,
                                     size_t *ret_len, struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(body, len);
    uint8_t compressed = cl_reader_u8(&r, "compressed");
    uint32_t size = cl_reader_be32(&r, "length");
    CL_TRY(cl_reader_check(&r, "message", err));
    if (compressed != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "message: compressed: expected 0, got %u",
                          (unsigned)compressed);
    }
    const uint8_t *data = cl_reader_bytes(&r, size, "data");
    CL_TRY(cl_reader_finish(&r, "message", err));
    *ret_data = data;
    *ret_len = size;
    return CL_OK;
}

uint32_t cl_grpc_prefix_length(const uint8_t *body, size_t len)
{
    struct cl_reader r = cl_reader_init(body, len);
    (void)cl_reader_u8(&r, "compressed");
    return cl_reader_be32(&r, "length");
}

bool cl_grpc_is_content_type(const char *value)
{
    static const char want[] = "application/grpc";
    const char *rest = value + strlen(want);
    return strncmp(value, want, strlen(want)) == 0 &&
           (*rest == '\0' || *rest == '+' || *rest == ';');
}

/* Microseconds for each unit; nanoseconds round down to none. */
static uint64_t unit_us(char unit, uint64_t value)
{
    switch (unit) {
    case 'H':
        return value * UINT64_C(3600000000);
    case 'M':
        return value * UINT64_C(60000000);
    case 'S':
        return value * UINT64_C(1000000);
    case 'm':
        return value * UINT64_C(1000);
    case 'u':
        return value;
    default:
        return value / 1000;
    }
}

enum cl_status cl_grpc_timeout_parse(const char *text, uint64_t *ret_us, struct cl_err *err)
{
    char digits[9] = "";
    size_t n = strspn(text, "0123456789");
    uint64_t value = 0;
    if (n == 0 || n >= sizeof(digits) || text[n] == '\0' || strchr("HMSmun", text[n]) == NULL ||
        text[n + 1] != '\0') {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "grpc-timeout: expected up to eight digits and a unit, got '%.20s'",
                          text);
    }
    memcpy(digits, text, n);
    CL_TRY(cl_uint_parse(digits, "grpc-timeout", 0, 99999999, &value, err));
    *ret_us = unit_us(text[n], value);
    return CL_OK;
}

void cl_grpc_text_encode(const char *text, char ret[static 3 * CL_GRPC_TEXT_SIZE])
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;
    for (size_t i = 0; text[i] != '\0' && i + 1 < CL_GRPC_TEXT_SIZE; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c <= 0x7e && c != '%') {
            ret[n++] = text[i];
        } else {
            ret[n++] = '%';
            ret[n++] = hex[c >> 4];
            ret[n++] = hex[c & 15];
        }
    }
    ret[n] = '\0';
}

/* 0..15, or 16 for what is no hex digit. */
static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (unsigned)(c - 'a') + 10;
    }
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

void cl_grpc_text_decode(const char *text, char ret[static CL_GRPC_TEXT_SIZE])
{
    size_t n = 0;
    while (*text != '\0' && n + 1 < CL_GRPC_TEXT_SIZE) {
        unsigned high = text[0] == '%' ? hex_digit(text[1]) : 16;
        unsigned low = high < 16 ? hex_digit(text[2]) : 16;
        bool coded = low < 16 && high * 16 + low != 0;
        ret[n++] = coded ? (char)(unsigned char)(high * 16 + low) : text[0];
        text += coded ? 3 : 1;
    }
    ret[n] = '\0';
}
