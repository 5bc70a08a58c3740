/* SPDX-License-Identifier: Apache-2.0
 * failure.c - an error message taken apart for the host.
 */
#include "agent/failure.h"

#include <stdio.h>
#include <string.h>

static void copy(char *dst, size_t size, const char *src, size_t len)
{
    (void)snprintf(dst, size, "%.*s", (int)len, src);
}

/* Where the field's name begins: behind the last ": " before `end`. */
static const char *field_start(const char *msg, const char *end)
{
    const char *start = msg;
    for (const char *p = strstr(msg, ": "); p != NULL && p < end; p = strstr(p + 2, ": ")) {
        start = p + 2;
    }
    return start;
}

void agent_failure_set(struct cl_agent_outcome *o, const char *step, const struct cl_err *err)
{
    o->failed = true;
    o->exit_status = 0;
    (void)snprintf(o->step, sizeof(o->step), "%s", step);
    (void)snprintf(o->code, sizeof(o->code), "%s", cl_status_name(err->status));
    (void)snprintf(o->message, sizeof(o->message), "%s", err->msg);
    o->field[0] = '\0';
    o->expected[0] = '\0';
    o->actual[0] = '\0';
    const char *expected = strstr(err->msg, ": expected ");
    const char *got = expected != NULL ? strstr(expected, ", got ") : NULL;
    if (got == NULL) {
        return;
    }
    const char *field = field_start(err->msg, expected);
    const char *want = expected + strlen(": expected ");
    const char *actual = got + strlen(", got ");
    copy(o->field, sizeof(o->field), field, (size_t)(expected - field));
    copy(o->expected, sizeof(o->expected), want, (size_t)(got - want));
    copy(o->actual, sizeof(o->actual), actual, strlen(actual));
}
