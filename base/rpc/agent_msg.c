/* SPDX-License-Identifier: Apache-2.0
 * agent_msg.c - the messages of agent.proto as plain structs, both directions.
 */
#include "rpc/agent.h"
#include "rpc/ttrpc.h"

#include "agent.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *unconst(const void *p)
{
    union {
        const void *c;
        void *v;
    } u = {.c = p};
    return u.v;
}

static char *text(const char *s)
{
    return unconst(s != NULL ? s : "");
}

static enum cl_status pack(const ProtobufCMessage *m, struct cl_buf *out, struct cl_err *err)
{
    size_t size = protobuf_c_message_get_packed_size(m);
    if (size > CL_TTRPC_MAX_FRAME) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: size: expected at most %u, got %zu",
                          m->descriptor->short_name, CL_TTRPC_MAX_FRAME, size);
    }
    CL_TRY(cl_buf_reserve(out, size, err));
    out->len += protobuf_c_message_pack(m, out->data + out->len);
    out->data[out->len] = 0;
    return CL_OK;
}

static enum cl_status unpack(const ProtobufCMessageDescriptor *d, const void *data, size_t len,
                             ProtobufCMessage **ret, struct cl_err *err)
{
    ProtobufCMessage *m =
        len > CL_TTRPC_MAX_FRAME ? NULL : protobuf_c_message_unpack(d, NULL, len, data);
    if (m == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: not a protobuf message", d->short_name);
    }
    *ret = m;
    return CL_OK;
}

static void free_message(void *m)
{
    if (m != NULL) {
        protobuf_c_message_free_unpacked(m, NULL);
    }
}

/* Cuts to fit; what is not printable ASCII becomes \xNN. */
static void copy_text(char *dst, size_t size, const char *src)
{
    size_t n = 0;
    for (; *src != '\0'; src++) {
        unsigned char c = (unsigned char)*src;
        bool plain = c >= 0x20 && c < 0x7f;
        size_t need = plain ? 1 : 4;
        if (n + need >= size) {
            break;
        }
        if (plain) {
            dst[n] = (char)c;
        } else {
            (void)snprintf(dst + n, size - n, "\\x%02x", (unsigned)c);
        }
        n += need;
    }
    dst[n] = '\0';
}

enum cl_status cl_agent_start_encode(const struct cl_agent_start *s, struct cl_buf *out,
                                     struct cl_err *err)
{
    Cloister__Agent__V1__StartRequest m;
    cloister__agent__v1__start_request__init(&m);
    m.container_id = text(s->container_id);
    m.manifest_digest = text(s->manifest);
    m.command = unconst(s->command);
    m.n_command = s->command_count;
    m.env = unconst(s->env);
    m.n_env = s->env_count;
    m.workdir = text(s->workdir);
    m.user = text(s->user);
    m.terminal = s->terminal;
    m.attach_stdin = s->attach_stdin;
    m.attach_stdout = s->attach_stdout;
    m.attach_stderr = s->attach_stderr;
    m.rows = s->rows;
    m.cols = s->cols;
    return pack(&m.base, out, err);
}

enum cl_status cl_agent_start_parse(const void *data, size_t len, struct cl_agent_start *ret,
                                    struct cl_err *err)
{
    ProtobufCMessage *base = NULL;
    CL_TRY(unpack(&cloister__agent__v1__start_request__descriptor, data, len, &base, err));
    Cloister__Agent__V1__StartRequest *m = (Cloister__Agent__V1__StartRequest *)base;
    *ret = (struct cl_agent_start){
        .container_id = m->container_id,
        .manifest = m->manifest_digest,
        .command = (const char *const *)m->command,
        .command_count = m->n_command,
        .env = (const char *const *)m->env,
        .env_count = m->n_env,
        .workdir = m->workdir,
        .user = m->user,
        .terminal = m->terminal,
        .attach_stdin = m->attach_stdin,
        .attach_stdout = m->attach_stdout,
        .attach_stderr = m->attach_stderr,
        .rows = m->rows,
        .cols = m->cols,
        .owner = m,
    };
    return CL_OK;
}

void cl_agent_start_done(struct cl_agent_start *s)
{
    if (s != NULL) {
        free_message(s->owner);
        *s = (struct cl_agent_start){0};
    }
}

enum cl_status cl_agent_outcome_encode(const struct cl_agent_outcome *o, struct cl_buf *out,
                                       struct cl_err *err)
{
    Cloister__Agent__V1__Phase phase[CL_AGENT_MAX_PHASES];
    Cloister__Agent__V1__Phase *list[CL_AGENT_MAX_PHASES];
    Cloister__Agent__V1__Failed failed;
    cloister__agent__v1__failed__init(&failed);
    Cloister__Agent__V1__WaitResponse m;
    cloister__agent__v1__wait_response__init(&m);
    for (size_t i = 0; i < o->phase_count && i < CL_AGENT_MAX_PHASES; i++) {
        cloister__agent__v1__phase__init(&phase[i]);
        phase[i].name = text(o->phase[i].name);
        phase[i].uptime_us = o->phase[i].uptime_us;
        list[i] = &phase[i];
        m.n_phases = i + 1;
    }
    m.phases = list;
    if (o->failed) {
        failed.step = text(o->step);
        failed.code = text(o->code);
        failed.field = text(o->field);
        failed.expected = text(o->expected);
        failed.actual = text(o->actual);
        failed.message = text(o->message);
        m.outcome_case = CLOISTER__AGENT__V1__WAIT_RESPONSE__OUTCOME_FAILED;
        m.failed = &failed;
    } else {
        m.outcome_case = CLOISTER__AGENT__V1__WAIT_RESPONSE__OUTCOME_EXITED;
        m.exited = o->exit_status;
    }
    return pack(&m.base, out, err);
}

static enum cl_status outcome_from(const Cloister__Agent__V1__WaitResponse *m,
                                   struct cl_agent_outcome *o, struct cl_err *err)
{
    if (m->n_phases > CL_AGENT_MAX_PHASES) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "WaitResponse: phases: expected at most %u, got %zu", CL_AGENT_MAX_PHASES,
                          m->n_phases);
    }
    o->phase_count = m->n_phases;
    for (size_t i = 0; i < m->n_phases; i++) {
        copy_text(o->phase[i].name, sizeof(o->phase[i].name), m->phases[i]->name);
        o->phase[i].uptime_us = m->phases[i]->uptime_us;
    }
    if (m->outcome_case == CLOISTER__AGENT__V1__WAIT_RESPONSE__OUTCOME_EXITED) {
        if (m->exited < 0 || m->exited > 255) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "WaitResponse: exited: expected 0 to 255, got %d", (int)m->exited);
        }
        o->exit_status = m->exited;
        return CL_OK;
    }
    if (m->outcome_case != CLOISTER__AGENT__V1__WAIT_RESPONSE__OUTCOME_FAILED ||
        m->failed->step[0] == '\0' || m->failed->code[0] == '\0') {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "WaitResponse: outcome: expected exited or failed, got neither");
    }
    o->failed = true;
    copy_text(o->step, sizeof(o->step), m->failed->step);
    copy_text(o->code, sizeof(o->code), m->failed->code);
    copy_text(o->field, sizeof(o->field), m->failed->field);
    copy_text(o->expected, sizeof(o->expected), m->failed->expected);
    copy_text(o->actual, sizeof(o->actual), m->failed->actual);
    copy_text(o->message, sizeof(o->message), m->failed->message);
    return CL_OK;
}

enum cl_status cl_agent_outcome_parse(const void *data, size_t len, struct cl_agent_outcome *ret,
                                      struct cl_err *err)
{
    ProtobufCMessage *base = NULL;
    CL_TRY(unpack(&cloister__agent__v1__wait_response__descriptor, data, len, &base, err));
    struct cl_agent_outcome o = {0};
    enum cl_status st = outcome_from((Cloister__Agent__V1__WaitResponse *)base, &o, err);
    free_message(base);
    if (st == CL_OK) {
        *ret = o;
    }
    return st;
}

enum cl_status cl_agent_info_encode(const struct cl_agent_info *i, struct cl_buf *out,
                                    struct cl_err *err)
{
    Cloister__Agent__V1__InfoResponse m;
    cloister__agent__v1__info_response__init(&m);
    m.agent_version = text(i->agent_version);
    m.kernel_release = text(i->kernel_release);
    m.tee = text(i->tee);
    return pack(&m.base, out, err);
}

enum cl_status cl_agent_info_parse(const void *data, size_t len, struct cl_agent_info *ret,
                                   struct cl_err *err)
{
    ProtobufCMessage *base = NULL;
    CL_TRY(unpack(&cloister__agent__v1__info_response__descriptor, data, len, &base, err));
    const Cloister__Agent__V1__InfoResponse *m = (Cloister__Agent__V1__InfoResponse *)base;
    copy_text(ret->agent_version, sizeof(ret->agent_version), m->agent_version);
    copy_text(ret->kernel_release, sizeof(ret->kernel_release), m->kernel_release);
    copy_text(ret->tee, sizeof(ret->tee), m->tee);
    free_message(base);
    return CL_OK;
}

enum cl_status cl_agent_signal_encode(uint32_t signo, struct cl_buf *out, struct cl_err *err)
{
    Cloister__Agent__V1__SignalRequest m;
    cloister__agent__v1__signal_request__init(&m);
    m.signal = signo;
    return pack(&m.base, out, err);
}

enum cl_status cl_agent_signal_parse(const void *data, size_t len, uint32_t *ret_signo,
                                     struct cl_err *err)
{
    ProtobufCMessage *base = NULL;
    CL_TRY(unpack(&cloister__agent__v1__signal_request__descriptor, data, len, &base, err));
    uint32_t signo = ((Cloister__Agent__V1__SignalRequest *)base)->signal;
    free_message(base);
    if (signo < 1 || signo > 64) {
        return cl_err_set(err, CL_ERR_MALFORMED, "SignalRequest: signal: expected 1 to 64, got %u",
                          (unsigned)signo);
    }
    *ret_signo = signo;
    return CL_OK;
}

enum cl_status cl_agent_resize_encode(uint32_t rows, uint32_t cols, struct cl_buf *out,
                                      struct cl_err *err)
{
    Cloister__Agent__V1__ResizeTtyRequest m;
    cloister__agent__v1__resize_tty_request__init(&m);
    m.rows = rows;
    m.cols = cols;
    return pack(&m.base, out, err);
}

enum cl_status cl_agent_resize_parse(const void *data, size_t len, uint32_t *ret_rows,
                                     uint32_t *ret_cols, struct cl_err *err)
{
    ProtobufCMessage *base = NULL;
    CL_TRY(unpack(&cloister__agent__v1__resize_tty_request__descriptor, data, len, &base, err));
    uint32_t rows = ((Cloister__Agent__V1__ResizeTtyRequest *)base)->rows;
    uint32_t cols = ((Cloister__Agent__V1__ResizeTtyRequest *)base)->cols;
    free_message(base);
    if (rows < 1 || rows > UINT16_MAX || cols < 1 || cols > UINT16_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "ResizeTtyRequest: size: expected 1 to 65535, got %u by %u",
                          (unsigned)rows, (unsigned)cols);
    }
    *ret_rows = rows;
    *ret_cols = cols;
    return CL_OK;
}
