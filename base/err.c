/* SPDX-License-Identifier: Apache-2.0
 * err.c - formatting of the one error type.
 */
#define CL_ERR_DEFINES
#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Copies text into dst (of size bytes), escaping what is not printable ASCII. */
static void escape_into(char *dst, size_t size, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        bool plain = *p >= 0x20 && *p < 0x7f;
        size_t need = plain ? 1 : 4;
        if (n + need >= size) {
            break;
        }
        if (plain) {
            dst[n++] = (char)*p;
        } else {
            dst[n++] = '\\';
            dst[n++] = 'x';
            dst[n++] = hex[*p >> 4];
            dst[n++] = hex[*p & 15];
        }
    }
    dst[n] = '\0';
}

CL_PRINTF(5, 0)
static void set_message(struct cl_err *err, enum cl_status st, int sys_errno, size_t offset,
                        const char *fmt, va_list ap)
{
    char raw[CL_ERR_MSG_SIZE];
    (void)vsnprintf(raw, sizeof(raw), fmt, ap);
    err->status = st;
    err->sys_errno = sys_errno;
    err->offset = offset;
    escape_into(err->msg, sizeof(err->msg), raw);
}

enum cl_status cl_err_set(struct cl_err *err, enum cl_status st, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        set_message(err, st, 0, SIZE_MAX, fmt, ap);
        va_end(ap);
    }
    return st;
}

enum cl_status cl_err_at(struct cl_err *err, enum cl_status st, size_t offset, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        set_message(err, st, 0, offset, fmt, ap);
        va_end(ap);
    }
    return st;
}

enum cl_status cl_err_sys(struct cl_err *err, int sys_errno, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        set_message(err, CL_ERR_SYS, sys_errno, SIZE_MAX, fmt, ap);
        va_end(ap);
        size_t n = strlen(err->msg);
        (void)snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", strerror(sys_errno));
    }
    return CL_ERR_SYS;
}

enum cl_status cl_err_nomem(struct cl_err *err, const char *what)
{
    return cl_err_set(err, CL_ERR_NOMEM, "%s: out of memory", what);
}

enum cl_status cl_err_wrap(struct cl_err *err, enum cl_status st, const char *fmt, ...)
{
    if (err == NULL) {
        return st;
    }
    char inner[CL_ERR_MSG_SIZE];
    memcpy(inner, err->msg, sizeof(inner));
    inner[sizeof(inner) - 1] = '\0';
    char raw[CL_ERR_MSG_SIZE];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    escape_into(err->msg, sizeof(err->msg), raw);
    size_t n = strlen(err->msg);
    (void)snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", inner);
    err->status = st;
    return st;
}

const char *cl_status_name(enum cl_status st)
{
    switch (st) {
    case CL_OK:
        return "ok";
    case CL_ERR_TRUNCATED:
        return "truncated";
    case CL_ERR_MALFORMED:
        return "malformed";
    case CL_ERR_UNSUPPORTED:
        return "unsupported";
    case CL_ERR_REJECTED:
        return "rejected";
    case CL_ERR_UNAVAILABLE:
        return "unavailable";
    case CL_ERR_NOMEM:
        return "out of memory";
    case CL_ERR_SYS:
        return "system error";
    }
    return "unknown";
}

int cl_status_exit_code(enum cl_status st)
{
    switch (st) {
    case CL_OK:
        return 0;
    case CL_ERR_REJECTED:
        return 1;
    case CL_ERR_UNAVAILABLE:
        return 3;
    case CL_ERR_TRUNCATED:
    case CL_ERR_MALFORMED:
    case CL_ERR_UNSUPPORTED:
        return 4;
    case CL_ERR_NOMEM:
    case CL_ERR_SYS:
        return 5;
    }
    return 5;
}
