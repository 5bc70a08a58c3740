/* SPDX-License-Identifier: Apache-2.0
 * wire.c - a message's prefix, codes, texts. Trust, spec: grpc/wire.h.
 */
#include "grpc/wire.h"

#include "base/bytes.h"

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
