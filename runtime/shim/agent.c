/* SPDX-License-Identifier: Apache-2.0
 * agent.c - calls to a pod's agent: each with a deadline, and with what it is about, which may be
 * gone when the answer comes.
 * Trust: codes and payloads are the guest's; both are bounded here, once for all.
 */
#include "pod_internal.h"

#include "rpc/ttrpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE "cloister.pod.v1.Pod"
#define FRAME_SLACK 512u /* for what ttrpc puts around a request */

static void job_free(struct job *j)
{
    if (j->prev != NULL) {
        j->prev->next = j->next;
    } else {
        j->pod->jobs = j->next;
    }
    if (j->next != NULL) {
        j->next->prev = j->prev;
    }
    free(j);
}

static struct job job_of(struct shim_pod *pod, const struct job_spec *spec)
{
    struct job j = {.pod = pod,
                    .proc = spec->proc,
                    .call = spec->call,
                    .ctx = spec->ctx,
                    .done = spec->done,
                    .next = pod->jobs};
    if (spec->proc != NULL) {
        (void)snprintf(j.container_id, sizeof(j.container_id), "%s", spec->proc->c->id);
        (void)snprintf(j.exec_id, sizeof(j.exec_id), "%s", spec->proc->id);
    }
    return j;
}

static struct job *job_new(struct shim_pod *pod, const struct job_spec *spec)
{
    struct job *j = malloc(sizeof(*j));
    if (j == NULL) {
        return NULL;
    }
    *j = job_of(pod, spec);
    if (pod->jobs != NULL) {
        pod->jobs->prev = j;
    }
    pod->jobs = j;
    return j;
}

/* Of the codes, those that gRPC has; of the rest, that it makes no sense. */
static enum shim_code known_code(int code)
{
    return code >= 0 && code <= 16 ? (enum shim_code)code : SHIM_CODE_UNKNOWN;
}

static void on_answer(void *ctx, int code, const char *message, const void *payload, size_t len)
{
    struct job *j = ctx;
    if (code == SHIM_CODE_OK && len > SHIM_ANSWER_MAX) {
        j->done(j, SHIM_CODE_UNKNOWN, "agent: the answer is too long", NULL, 0);
    } else {
        j->done(j, known_code(code), message != NULL ? message : "", payload, len);
    }
    job_free(j);
}

void pod_call(struct shim_pod *pod, const struct job_spec *spec)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    struct cl_err err = {0};
    size_t len = protobuf_c_message_get_packed_size(spec->request);
    struct job *j = job_new(pod, spec);
    if (j == NULL) {
        struct job lost = job_of(pod, spec);
        lost.done(&lost, SHIM_CODE_EXHAUSTED, "out of memory", NULL, 0);
        return;
    }
    enum cl_status st = CL_OK;
    if (pod->agent == NULL) {
        st = cl_err_set(&err, CL_ERR_UNAVAILABLE, "%s", pod->why);
    } else if (len > CL_TTRPC_MAX_FRAME - FRAME_SLACK) { /* the guest would hang up */
        st = cl_err_set(&err, CL_ERR_REJECTED,
                        "%s: expected at most %u bytes for the guest, got %zu", spec->method,
                        CL_TTRPC_MAX_FRAME - FRAME_SLACK, len);
    } else {
        st = cl_buf_reserve(&out, len, &err);
    }
    if (st == CL_OK) {
        out.len = protobuf_c_message_pack(spec->request, out.data);
        st = shim_rpc_invoke(pod->agent, SERVICE, spec->method, out.data, out.len, spec->timeout_ms,
                             on_answer, j, &err);
    }
    if (st != CL_OK) {
        on_answer(j, st == CL_ERR_UNAVAILABLE ? SHIM_CODE_UNAVAILABLE : SHIM_CODE_INTERNAL, err.msg,
                  NULL, 0);
    }
}

void pod_forget_proc(struct shim_pod *pod, const struct proc *p)
{
    for (struct job *j = pod->jobs; j != NULL; j = j->next) {
        if (j->proc == p) {
            j->proc = NULL;
        }
    }
}

void job_refuse(const struct job *j, enum shim_code code, const char *message)
{
    struct cl_err err = {0};
    if (j->call == NULL) {
        return;
    }
    (void)cl_err_set(&err, CL_ERR_REJECTED, "%s%s%s%s: %s", j->container_id,
                     j->exec_id[0] != '\0' ? "/" : "", j->exec_id,
                     code == SHIM_CODE_DEADLINE ? ": the guest does not answer" : "",
                     message[0] != '\0' ? message : "no reason given");
    shim_answer_error(j->call, code, &err);
}

void job_answer_empty(struct job *j, enum shim_code code, const char *message, const void *payload,
                      size_t len)
{
    (void)payload; /* an Empty; whatever else stands there means nothing */
    (void)len;
    if (code != SHIM_CODE_OK) {
        job_refuse(j, code, message);
    } else if (j->call != NULL) {
        shim_answer_empty(j->call);
    }
}

void job_ignore(struct job *j, enum shim_code code, const char *message, const void *payload,
                size_t len)
{
    (void)j;
    (void)code;
    (void)message;
    (void)payload;
    (void)len;
}
