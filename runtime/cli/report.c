/* SPDX-License-Identifier: Apache-2.0
 * report.c - what became of a run. Trust, threads, memory: report.h.
 */
#include "report.h"

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define EXIT_OURS 125

void cli_report_mark(struct cli_report *r, const char *name, uint64_t us)
{
    if (r->mark_count < CLI_MAX_MARKS) {
        struct cli_mark *m = &r->mark[r->mark_count++];
        (void)snprintf(m->name, sizeof(m->name), "%s", name);
        m->us = us != 0 ? us : cl_monotonic_us();
    }
}

void cli_report_fail(struct cli_report *r, const char *who, const char *step, const char *code,
                     const char *fmt, ...)
{
    va_list ap;
    if (r->done) {
        return;
    }
    r->done = true;
    r->failed = true;
    r->exit_status = EXIT_OURS;
    (void)snprintf(r->who, sizeof(r->who), "%s", who);
    (void)snprintf(r->step, sizeof(r->step), "%s", step);
    (void)snprintf(r->code, sizeof(r->code), "%s", code);
    va_start(ap, fmt);
    (void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
    va_end(ap);
}

/* Our messages say "...: <field>: expected <x>, got <y>": the parts, for --result. */
static void split_message(struct cli_report *r)
{
    const char *expected = strstr(r->why, ": expected ");
    const char *got = expected != NULL ? strstr(expected, ", got ") : NULL;
    if (got == NULL) {
        return;
    }
    const char *field = expected;
    while (field > r->why && !(field[-1] == ' ' && field > r->why + 1 && field[-2] == ':')) {
        field--;
    }
    (void)snprintf(r->field, sizeof(r->field), "%.*s", (int)(expected - field), field);
    expected += strlen(": expected ");
    (void)snprintf(r->expected, sizeof(r->expected), "%.*s", (int)(got - expected), expected);
    (void)snprintf(r->actual, sizeof(r->actual), "%.255s", got + strlen(", got "));
}

void cli_report_err(struct cli_report *r, const char *step, const struct cl_err *err)
{
    if (!r->done) {
        cli_report_fail(r, "host", step, cl_status_name(err->status), "%s", err->msg);
        split_message(r);
    }
}

void cli_report_outcome(struct cli_report *r, const struct cl_agent_outcome *o)
{
    memcpy(r->phase, o->phase, sizeof(r->phase));
    r->phase_count = o->phase_count;
    if (r->done) {
        return;
    }
    if (o->failed) {
        cli_report_fail(r, "guest", o->step, o->code, "%s", o->message);
        (void)snprintf(r->field, sizeof(r->field), "%s", o->field);
        (void)snprintf(r->expected, sizeof(r->expected), "%s", o->expected);
        (void)snprintf(r->actual, sizeof(r->actual), "%s", o->actual);
        return;
    }
    r->done = true;
    r->exit_status = o->exit_status;
    (void)snprintf(r->who, sizeof(r->who), "container");
}

void cli_report_print(const struct cli_report *r)
{
    struct cl_err err = {0};
    if (!r->failed) {
        return;
    }
    bool ours = strcmp(r->who, "host") == 0; /* our own messages say where they come from */
    (void)cl_err_set(&err, CL_ERR_SYS, "run '%.200s': %s%s%s%s%s", r->image, ours ? "" : r->who,
                     ours ? "" : ": ", ours ? "" : r->step, ours ? "" : ": ", r->why);
    cl_report(&err, NULL);
}

static json_t *text_or_null(const char *s)
{
    return s[0] != '\0' ? json_string(s) : json_null();
}

static enum cl_status write_json(json_t *j, const char *path, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *own = j;
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    if (own == NULL) {
        return cl_err_nomem(err, "report");
    }
    CL_TRY(cl_json_compact(own, &out, err));
    CL_TRY(cl_buf_append_str(&out, "\n", err));
    return cl_write_file(path, out.data, out.len, 0644, err);
}

enum cl_status cli_report_write_result(const struct cli_report *r, const char *path,
                                       struct cl_err *err)
{
    json_t *j = json_pack(
        "{s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
        "schema", "cloister.run/1", "outcome", r->failed ? "failed" : "exited", "exit_status",
        r->exit_status, "who", text_or_null(r->who), "step", text_or_null(r->step), "code",
        text_or_null(r->code), "field", text_or_null(r->field), "expected",
        text_or_null(r->expected), "actual", text_or_null(r->actual), "why", text_or_null(r->why),
        "image", r->image, "manifest", text_or_null(r->manifest), "tee", text_or_null(r->tee),
        "launch_digest", text_or_null(r->measurement), "initdata_digest", text_or_null(r->initdata),
        "agent_version", text_or_null(r->agent_version), "kernel_release",
        text_or_null(r->kernel_release));
    return write_json(j, path, err);
}

enum cl_status cli_report_write_timing(const struct cli_report *r, const char *path,
                                       struct cl_err *err)
{
    json_t *host = json_array();
    json_t *guest = json_array();
    for (size_t i = 0; i < r->mark_count; i++) {
        uint64_t us = r->mark[i].us > r->start_us ? r->mark[i].us - r->start_us : 0;
        (void)json_array_append_new(
            host, json_pack("{s:s, s:I}", "name", r->mark[i].name, "us", (json_int_t)us));
    }
    for (size_t i = 0; i < r->phase_count; i++) {
        (void)json_array_append_new(guest, json_pack("{s:s, s:I}", "name", r->phase[i].name, "us",
                                                     (json_int_t)r->phase[i].uptime_us));
    }
    /* Two clocks: the host's since the start of the command, the guest's since its kernel started.
     */
    return write_json(
        json_pack("{s:s, s:o, s:o}", "schema", "cloister.timing/1", "host", host, "guest", guest),
        path, err);
}
