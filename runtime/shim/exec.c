/* SPDX-License-Identifier: Apache-2.0
 * exec.c - a further process of a running container (kubectl exec, probes).
 */
#include "pod_internal.h"

#include <stdlib.h>
#include <string.h>

static void unlink_exec(struct proc *p)
{
    struct container *c = p->c;
    struct proc **at = &c->execs;
    while (*at != NULL && *at != p) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = p->next;
        c->pod->exec_count--;
    }
}

static void answer_gone(struct proc *p)
{
    struct cl_err err = {0};
    (void)cl_err_set(&err, CL_ERR_REJECTED, "%s/%s: was deleted", p->c->id, p->id);
    shim_answer_error(p->making, SHIM_CODE_NOT_FOUND, &err);
}

void exec_free(struct proc *p)
{
    if (p->making != NULL) {
        answer_gone(p);
    }
    unlink_exec(p);
    proc_done(p);
    free(p);
}

static void delete_in_guest(struct proc *p)
{
    Cloister__Pod__V1__ProcessRequest q;
    cloister__pod__v1__process_request__init(&q);
    q.container_id = p->c->id;
    q.exec_id = p->id;
    const struct job_spec spec = {.method = "Delete",
                                  .request = &q.base,
                                  .timeout_ms = p->c->pod->cfg.times.call,
                                  .done = job_ignore};
    pod_call(p->c->pod, &spec);
}

/* The guest has made it, and what takes its output is ready, or is not. */
static void on_streams(void *ctx, const struct cl_err *why)
{
    struct proc *p = ctx;
    struct shim_rpc_call *call = p->making;
    p->making = NULL;
    if (why->status != CL_OK) {
        shim_answer_error(call, code_of(why->status), why);
        delete_in_guest(p);
        exec_free(p);
        return;
    }
    p->state = PROC_CREATED;
    shim_publish_exec_added(p->c->pod->cfg.daemon->publisher, p->c->id, p->id);
    shim_answer_empty(call);
}

static void on_made(struct job *j, enum shim_code code, const char *message, const void *payload,
                    size_t len)
{
    struct proc *p = j->proc;
    (void)payload; /* an Empty */
    (void)len;
    if (p == NULL) { /* its container went; with it the guest's process */
        job_refuse(j, SHIM_CODE_NOT_FOUND, "was deleted");
        return;
    }
    if (code != SHIM_CODE_OK) {
        job_refuse(j, code, message);
        exec_free(p);
        return;
    }
    p->making = j->call;
    shim_streams_when_ready(p->io, on_streams, p);
}

static void make(struct proc *p, struct shim_rpc_call *call, const struct cl_buf *process)
{
    Cloister__Pod__V1__ExecRequest q;
    cloister__pod__v1__exec_request__init(&q);
    q.container_id = p->c->id;
    q.exec_id = p->id;
    q.process = (ProtobufCBinaryData){.len = process->len, .data = process->data};
    q.terminal = p->terminal;
    q.attach_stdin = shim_streams_has(p->io, 0);
    q.attach_stdout = shim_streams_has(p->io, 1);
    q.attach_stderr = shim_streams_has(p->io, 2);
    const struct job_spec spec = {.proc = p,
                                  .call = call,
                                  .method = "Exec",
                                  .request = &q.base,
                                  .timeout_ms = p->c->pod->cfg.times.call,
                                  .done = on_made};
    pod_call(p->c->pod, &spec);
}

static enum shim_code check(const struct shim_pod *pod,
                            const Containerd__Task__V2__ExecProcessRequest *r,
                            struct container **ret_c, struct cl_err *err)
{
    struct container *c = pod_find(pod, r->id);
    if (c == NULL) {
        (void)cl_err_set(err, CL_ERR_REJECTED, "container '%.100s': no such container", r->id);
        return SHIM_CODE_NOT_FOUND;
    }
    if (!id_good(r->exec_id)) {
        (void)cl_err_set(err, CL_ERR_MALFORMED, ID_EXPECTED, "exec_id", r->exec_id);
        return SHIM_CODE_INVALID;
    }
    if (pod_find_proc(pod, r->id, r->exec_id, NULL) != NULL) {
        (void)cl_err_set(err, CL_ERR_REJECTED, "container '%s': process '%s' exists already", c->id,
                         r->exec_id);
        return SHIM_CODE_EXISTS;
    }
    if (pod->exec_count >= SHIM_MAX_EXECS) {
        (void)cl_err_set(err, CL_ERR_REJECTED, "pod: expected at most %u further processes",
                         SHIM_MAX_EXECS);
        return SHIM_CODE_EXHAUSTED;
    }
    if (r->spec == NULL) {
        (void)cl_err_set(err, CL_ERR_MALFORMED, "spec: expected an OCI process, got none");
        return SHIM_CODE_INVALID;
    }
    *ret_c = c;
    return SHIM_CODE_OK;
}

/* Into the container's list, in state CREATING. */
static enum cl_status add(struct container *c, const Containerd__Task__V2__ExecProcessRequest *r,
                          struct proc **ret, struct cl_err *err)
{
    struct proc *p = calloc(1, sizeof(*p));
    enum cl_status st =
        p != NULL ? proc_init(p, c, r->exec_id, r->terminal, r->stdin, r->stdout, r->stderr, err)
                  : cl_err_nomem(err, "process");
    if (st != CL_OK) {
        free(p);
        return st;
    }
    p->next = c->execs;
    c->execs = p;
    c->pod->exec_count++;
    *ret = p;
    return CL_OK;
}

void pod_exec(void *ctx, struct shim_rpc_call *call,
              const Containerd__Task__V2__ExecProcessRequest *r)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf process = {0};
    struct cl_err err = {0};
    struct container *c = NULL;
    struct proc *p = NULL;
    enum shim_code code = check(ctx, r, &c, &err);
    if (code != SHIM_CODE_OK) {
        shim_answer_error(call, code, &err);
        return;
    }
    if (c->init.state != PROC_RUNNING || c->init.ended || c->paused || c->kind == SHIM_SANDBOX) {
        if (c->kind == SHIM_SANDBOX) {
            (void)cl_err_set(&err, CL_ERR_REJECTED,
                             "container '%s': the sandbox is the VM and runs no processes", c->id);
            shim_answer_error(call, SHIM_CODE_PRECONDITION, &err);
        } else {
            proc_refuse(call, &c->init, "running, and not paused");
        }
        return;
    }
    enum cl_status st =
        shim_process_translate(r->spec->value.data, r->spec->value.len, &process, &err);
    st = st == CL_OK ? add(c, r, &p, &err) : st;
    if (st != CL_OK) {
        shim_answer_error(call, code_of(st), &err);
        return;
    }
    make(p, call, &process);
}
