/* SPDX-License-Identifier: Apache-2.0
 * status.c - the VMM's events. Trust, threads, memory: status.h.
 */
#include "host/status.h"

#include "base/encode.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#define MEASUREMENT_SIZE 48u

/* Makes hostile text printable. */
static void put_clean(char *ret, size_t size, const char *text)
{
    struct cl_err clean = {0};
    (void)cl_err_set(&clean, CL_ERR_SYS, "%s", text);
    (void)snprintf(ret, size, "%s", clean.msg);
}

static bool take_mark(const json_t *j, struct host_event *e)
{
    const char *name = NULL;
    int64_t us = 0;
    if (cl_json_get_string(j, "vmm", "name", &name, NULL) != CL_OK ||
        cl_json_get_int(j, "vmm", "us", 0, INT64_MAX, &us, NULL) != CL_OK) {
        return false;
    }
    e->kind = HOST_EVENT_MARK;
    e->us = (uint64_t)us;
    put_clean(e->name, sizeof(e->name), name);
    return true;
}

static bool take_launched(const json_t *j, struct host_event *e)
{
    const char *text = NULL;
    uint8_t digest[MEASUREMENT_SIZE];
    if (cl_json_get_string(j, "vmm", "measurement", &text, NULL) != CL_OK ||
        cl_unhex(digest, sizeof(digest), text, "measurement", NULL) != CL_OK) {
        return false;
    }
    e->kind = HOST_EVENT_LAUNCHED;
    cl_hex(e->name, digest, sizeof(digest));
    return true;
}

static bool take_end(const json_t *j, struct host_event *e)
{
    const char *status = NULL;
    const char *reason = NULL;
    if (cl_json_get_string(j, "vmm", "status", &status, NULL) != CL_OK ||
        cl_json_get_string(j, "vmm", "reason", &reason, NULL) != CL_OK) {
        return false;
    }
    e->kind = HOST_EVENT_END;
    put_clean(e->name, sizeof(e->name), status);
    put_clean(e->reason, sizeof(e->reason), reason);
    (void)!cl_json_get_int(j, "vmm", "code", 0, INT32_MAX, &e->code, NULL);
    return true;
}

static bool take_line(const char *line, size_t len, struct host_event *e)
{
    static const struct {
        const char *event;
        bool (*take)(const json_t *j, struct host_event *e);
    } known[] = {{"mark", take_mark}, {"launched", take_launched}, {"end", take_end}};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *event = NULL;
    if (cl_json_parse(line, len, "vmm", &j, NULL) != CL_OK ||
        cl_json_get_string(j, "vmm", "event", &event, NULL) != CL_OK) {
        return false;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(known); i++) {
        if (strcmp(event, known[i].event) == 0) {
            return known[i].take(j, e);
        }
    }
    return false;
}

void host_status_feed(struct host_status *s, const void *data, size_t len,
                      void (*on_event)(void *ctx, const struct host_event *e), void *ctx)
{
    const char *bytes = data;
    for (size_t i = 0; i < len; i++) {
        struct host_event e = {0};
        if (bytes[i] != '\n') {
            s->skip = s->skip || s->len == sizeof(s->line);
            if (!s->skip) {
                s->line[s->len++] = bytes[i];
            }
            continue;
        }
        if (!s->skip && take_line(s->line, s->len, &e)) {
            on_event(ctx, &e);
        }
        s->len = 0;
        s->skip = false;
    }
}
