/* SPDX-License-Identifier: Apache-2.0
 * log.c - the log sink. Its settings are the one piece of global state, written once by main().
 */
#include "base/log.h"

#include "base/buf.h"
#include "base/io.h"
#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *program;
    bool json;
    char filter[256]; /* "info,vmm.virtio=debug" */
} log_sink = {.program = "cloister", .filter = "warn"};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void cl_log_init(const char *program, bool json)
{
    log_sink.program = program;
    log_sink.json = json;
    const char *filter = getenv("CLOISTER_LOG");
    if (filter != NULL && strlen(filter) < sizeof(log_sink.filter)) {
        (void)snprintf(log_sink.filter, sizeof(log_sink.filter), "%s", filter);
    }
}

/* Nothing can be done when stderr is gone. */
static void put_line(const void *line, size_t len)
{
    if (cl_write_all(STDERR_FILENO, line, len, "log", NULL) != CL_OK) {
        return;
    }
}

static int level_of(const char *name, size_t len)
{
    for (int i = 0; i < (int)CL_ARRAY_LEN(level_names); i++) {
        if (strlen(level_names[i]) == len && strncmp(level_names[i], name, len) == 0) {
            return i;
        }
    }
    return CL_LOG_WARN;
}

/* Entries without '=' set the level of everything, "area=level" of one area and what lies below it;
 * the last match wins. */
bool cl_log_enabled(enum cl_log_level level, const char *area)
{
    int limit = CL_LOG_WARN;
    const char *p = log_sink.filter;
    while (*p != '\0') {
        size_t len = strcspn(p, ",");
        const char *eq = memchr(p, '=', len);
        if (eq == NULL) {
            limit = level_of(p, len);
        } else {
            size_t alen = (size_t)(eq - p);
            if (strncmp(area, p, alen) == 0 && (area[alen] == '\0' || area[alen] == '.')) {
                limit = level_of(eq + 1, len - alen - 1);
            }
        }
        p += len;
        p += *p == ',';
    }
    return (int)level <= limit;
}

static void write_json(enum cl_log_level level, const char *area, const char *text)
{
    char now[21];
    cl_time_format(now, (int64_t)time(NULL));
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:s}", "time", now, "level", level_names[level],
                          "program", log_sink.program, "area", area, "message", text);
    CL_CLEANUP(cl_buf_done) struct cl_buf line = {0};
    if (j != NULL && cl_json_compact(j, &line, NULL) == CL_OK &&
        cl_buf_append_str(&line, "\n", NULL) == CL_OK) {
        put_line(line.data, line.len);
    }
}

void cl_log(enum cl_log_level level, const char *area, const char *fmt, ...)
{
    if (!cl_log_enabled(level, area)) {
        return;
    }
    char raw[CL_ERR_MSG_SIZE];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    struct cl_err safe = {0};
    (void)cl_err_set(&safe, CL_OK, "%s", raw); /* escapes */
    if (log_sink.json) {
        write_json(level, area, safe.msg);
        return;
    }
    char line[CL_ERR_MSG_SIZE + 128];
    int n = snprintf(line, sizeof(line), "%s: %s: %s: %s\n", log_sink.program, level_names[level],
                     area, safe.msg);
    if (n > 0) {
        put_line(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
    }
}

void cl_report(const struct cl_err *err, const char *hint)
{
    char line[CL_ERR_MSG_SIZE * 2];
    int n =
        snprintf(line, sizeof(line), "%s: %s\n%s%s%s", log_sink.program, err->msg,
                 hint != NULL ? "hint: " : "", hint != NULL ? hint : "", hint != NULL ? "\n" : "");
    if (n > 0) {
        put_line(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
    }
}
