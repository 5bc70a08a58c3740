/* SPDX-License-Identifier: Apache-2.0
 * process.c - a process of a pod from Start to its end: what is told to containerd, and in which
 * order (containerd-shim.md 3.1): TaskStart before TaskExit, the container's own TaskExit last, the
 * output before the exit.
 * Trust: the guest's word for when a process ended and with which status, and for nothing else.
 */
#include "pod_internal.h"

#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *exec_id_of(const struct proc *p)
{
    return p->id[0] != '\0' ? p->id : NULL;
}

/* --- making and ending
 * --------------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    struct proc *p = ctx;
    (void)fd;
    (void)what;
    if (p->ended) {
        p->overdue = true;
        proc_check(p);
    } else {
        cl_log(CL_LOG_ERROR, "shim.pod", "container '%s': SIGKILL has not ended it", p->c->id);
        pod_stop_vm(p->c->pod, "SIGKILL has not ended a container");
    }
}

enum cl_status proc_init(struct proc *p, struct container *c, const char *id, bool terminal,
                         const char *in, const char *out, const char *errors, struct cl_err *err)
{
    const char *const path[3] = {in, out, errors};
    *p = (struct proc){.c = c, .terminal = terminal};
    (void)snprintf(p->id, sizeof(p->id), "%s", id);
    p->timer = event_new(c->pod->cfg.daemon->base, -1, 0, on_timer, p);
    bool good = p->timer != NULL;
    for (unsigned i = 0; good && i < 3; i++) {
        p->path[i] = strdup(path[i] != NULL ? path[i] : "");
        good = p->path[i] != NULL;
    }
    const struct shim_streams_config io = {.base = c->pod->cfg.daemon->base,
                                           .path = {p->path[0], p->path[1], p->path[2]},
                                           .terminal = terminal,
                                           /* `ctr` calls CloseIO only if its input ends after
                                            * Create has answered; CRI always, and a restart of
                                            * containerd hangs up too. */
                                           .hang_up_ends = c->kind == SHIM_SINGLE,
                                           .container_id = c->id,
                                           .name_space = c->pod->cfg.daemon->name_space};
    enum cl_status st = good ? shim_streams_open(&io, &p->io, err) : cl_err_nomem(err, "process");
    if (st != CL_OK) {
        proc_done(p);
    }
    return st;
}

static void answer_waiters(struct proc *p)
{
    for (size_t i = 0; i < p->waiter_count; i++) {
        shim_answer_wait(p->waiter[i], p->exit_status, p->exited_at);
    }
    free(p->waiter);
    p->waiter = NULL;
    p->waiter_count = 0;
}

static void note_exit(struct proc *p, uint32_t status)
{
    p->exit_status = status;
    (void)clock_gettime(CLOCK_REALTIME, &p->exited_at); /* ours: the guest's clock is its own */
}

void proc_done(struct proc *p)
{
    if (p->c == NULL) {
        return;
    }
    if (p->exited_at.tv_sec == 0) {
        note_exit(p, POD_STATUS_LOST);
    }
    answer_waiters(p);
    pod_forget_proc(p->c->pod, p);
    shim_streams_free(p->io);
    for (unsigned i = 0; i < 3; i++) {
        free(p->path[i]);
    }
    if (p->timer != NULL) {
        event_free(p->timer);
    }
    *p = (struct proc){0};
}

void proc_arm(struct proc *p, int ms)
{
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    (void)event_add(p->timer, &tv);
}

void proc_finish(struct proc *p)
{
    const struct shim_pod *pod = p->c->pod;
    (void)event_del(p->timer);
    p->ended = true;
    p->state = PROC_STOPPED;
    shim_streams_close_unused(p->io);
    if (p->started) {
        shim_publish_exit(pod->cfg.daemon->publisher, p->c->id, exec_id_of(p), pod_pid(pod),
                          p->exit_status, p->exited_at);
    }
    answer_waiters(p);
}

static bool execs_left(const struct container *c)
{
    const struct proc *p = c->execs;
    while (p != NULL && (!p->started || p->state == PROC_STOPPED)) {
        p = p->next;
    }
    return p != NULL;
}

void proc_check(struct proc *p)
{
    struct container *c = p->c;
    bool own = p == &c->init;
    if (!p->ended || p->state == PROC_STOPPED ||
        (!p->overdue &&
         (p->results > 0 || shim_streams_pending(p->io) || (own && execs_left(c))))) {
        return;
    }
    for (struct proc *e = own ? c->execs : NULL; e != NULL; e = e->next) {
        if (e->state != PROC_STOPPED) { /* overdue, or never started: nothing can start it now */
            if (!e->ended) {
                note_exit(e, POD_STATUS_LOST);
            }
            proc_finish(e);
        }
    }
    proc_finish(p);
    if (!own) {
        proc_check(&c->init);
    }
}

void proc_ended(struct proc *p, uint32_t status)
{
    if (p->ended || p->state == PROC_CREATING) {
        return;
    }
    p->ended = true;
    note_exit(p, status);
    proc_arm(p, p->c->pod->cfg.times.drain);
    shim_streams_close_unused(p->io);
    if (p == &p->c->init && p->started && p->c->pod->agent != NULL) {
        volumes_fetch_results(p);
    }
    proc_check(p);
}

/* --- the agent's word for the end
 * ---------------------------------------------------------------------- */

static void on_wait(struct job *j, enum shim_code code, const char *message, const void *payload,
                    size_t len)
{
    if (j->proc == NULL) {
        return;
    }
    if (code == SHIM_CODE_UNAVAILABLE) { /* the guest ends, and with it everything together */
        pod_stop_vm(j->pod, message);
        return;
    }
    Cloister__Pod__V1__WaitResponse *r =
        code == SHIM_CODE_OK ? cloister__pod__v1__wait_response__unpack(NULL, len, payload) : NULL;
    uint32_t status = r != NULL && r->status <= 255 ? r->status : POD_STATUS_UNKNOWN;
    if (r == NULL || r->status > 255) {
        cl_log(CL_LOG_WARN, "shim.pod", "container '%s': no sensible end: code %d %s, status %u",
               j->container_id, (int)code, message, r != NULL ? (unsigned)r->status : 0u);
    }
    cloister__pod__v1__wait_response__free_unpacked(r, NULL);
    proc_ended(j->proc, status);
}

void proc_wait(struct proc *p)
{
    Cloister__Pod__V1__ProcessRequest r;
    cloister__pod__v1__process_request__init(&r);
    r.container_id = p->c->id;
    r.exec_id = p->id;
    const struct job_spec spec = {
        .proc = p, .method = "Wait", .request = &r.base, .timeout_ms = -1, .done = on_wait};
    pod_call(p->c->pod, &spec);
}

/* --- Wait
 * ------------------------------------------------------------------------------------------- */

/* Whoever asked may have gone, with a containerd that was restarted, say. */
static void forget_unwanted(struct proc *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->waiter_count; i++) {
        if (shim_rpc_call_wanted(p->waiter[i])) {
            p->waiter[kept++] = p->waiter[i];
        } else {
            shim_rpc_answer(p->waiter[i], SHIM_CODE_CANCELED, NULL, NULL, 0);
        }
    }
    p->waiter_count = kept;
}

void pod_wait(void *ctx, struct shim_rpc_call *call, const Containerd__Task__V2__WaitRequest *r)
{
    struct cl_err err = {0};
    struct proc *p = pod_find_proc(ctx, r->id, r->exec_id, &err);
    if (p == NULL) {
        shim_answer_error(call, SHIM_CODE_NOT_FOUND, &err);
        return;
    }
    if (p->state == PROC_STOPPED) {
        shim_answer_wait(call, p->exit_status, p->exited_at);
        return;
    }
    forget_unwanted(p);
    struct shim_rpc_call **more =
        reallocarray(p->waiter, p->waiter_count + 1, sizeof(p->waiter[0]));
    if (more == NULL) {
        (void)cl_err_nomem(&err, "Wait");
        shim_answer_error(call, SHIM_CODE_EXHAUSTED, &err);
        return;
    }
    p->waiter = more;
    p->waiter[p->waiter_count++] = call;
}

/* --- Start
 * ------------------------------------------------------------------------------------------ */

static const char *state_name(const struct proc *p)
{
    static const char *const names[] = {"being created", "created", "being started", "running",
                                        "stopped"};
    return p->deleting ? "being deleted" : names[p->state];
}

void proc_refuse(struct shim_rpc_call *call, const struct proc *p, const char *expected)
{
    struct cl_err err = {0};
    (void)cl_err_set(&err, CL_ERR_REJECTED, "container '%s'%s%s%s: expected %s, got %s", p->c->id,
                     p->id[0] != '\0' ? ": process '" : "", p->id, p->id[0] != '\0' ? "'" : "",
                     expected, state_name(p));
    shim_answer_error(call, SHIM_CODE_PRECONDITION, &err);
}

static void started(struct proc *p)
{
    const struct shim_pod *pod = p->c->pod;
    struct shim_publisher *publisher = pod->cfg.daemon->publisher;
    p->state = PROC_RUNNING;
    p->started = true;
    if (p->id[0] == '\0') {
        shim_publish_start(publisher, p->c->id, pod_pid(pod));
    } else {
        shim_publish_exec_started(publisher, p->c->id, p->id, pod_pid(pod));
    }
}

/* It may start after all, and nobody here would know. */
static void end_late(struct proc *p)
{
    Cloister__Pod__V1__KillRequest q;
    cloister__pod__v1__kill_request__init(&q);
    q.container_id = p->c->id;
    q.exec_id = p->id;
    q.signal = SIGKILL;
    const struct job_spec spec = {.proc = p,
                                  .method = "Kill",
                                  .request = &q.base,
                                  .timeout_ms = p->c->pod->cfg.times.call,
                                  .done = job_ignore};
    pod_call(p->c->pod, &spec);
}

static void on_started(struct job *j, enum shim_code code, const char *message, const void *payload,
                       size_t len)
{
    struct proc *p = j->proc;
    (void)payload; /* the pid in the guest means nothing out here */
    (void)len;
    if (p == NULL || p->state != PROC_STARTING) {
        job_refuse(j, SHIM_CODE_NOT_FOUND, "was deleted");
        return;
    }
    if (code != SHIM_CODE_OK) {
        p->state = PROC_CREATED;
        job_refuse(j, code, message);
        if (code == SHIM_CODE_DEADLINE) {
            end_late(p);
        }
        return;
    }
    started(p);
    shim_answer_start(j->call, pod_pid(j->pod));
    proc_wait(p);
}

void pod_start(void *ctx, struct shim_rpc_call *call, const Containerd__Task__V2__StartRequest *r)
{
    struct shim_pod *pod = ctx;
    struct cl_err err = {0};
    struct proc *p = pod_find_proc(pod, r->id, r->exec_id, &err);
    if (p == NULL) {
        shim_answer_error(call, SHIM_CODE_NOT_FOUND, &err);
        return;
    }
    if (p->state != PROC_CREATED || p->ended || p->deleting) {
        proc_refuse(call, p, "created");
        return;
    }
    if (p != &p->c->init && (p->c->init.state != PROC_RUNNING || p->c->init.ended)) {
        proc_refuse(call, &p->c->init, "running");
        return;
    }
    if (p->c->kind == SHIM_SANDBOX) { /* the VM itself, which runs since Create */
        started(p);
        shim_answer_start(call, pod_pid(pod));
        return;
    }
    Cloister__Pod__V1__ProcessRequest q;
    cloister__pod__v1__process_request__init(&q);
    q.container_id = p->c->id;
    q.exec_id = p->id;
    p->state = PROC_STARTING;
    const struct job_spec spec = {.proc = p,
                                  .call = call,
                                  .method = "Start",
                                  .request = &q.base,
                                  .timeout_ms = p->c->pod->cfg.times.call,
                                  .done = on_started};
    pod_call(pod, &spec);
}

/* --- the size of a terminal
 * --------------------------------------------------------------------------- */

static void on_resized(struct job *j, enum shim_code code, const char *message, const void *payload,
                       size_t len)
{
    bool over = j->proc == NULL || j->proc->ended;
    job_answer_empty(j, over ? SHIM_CODE_OK : code, message, payload, len);
}

static void tell_size(struct proc *p, struct shim_rpc_call *call,
                      const Containerd__Task__V2__ResizePtyRequest *size)
{
    Cloister__Pod__V1__ResizeRequest r;
    cloister__pod__v1__resize_request__init(&r);
    r.container_id = p->c->id;
    r.exec_id = p->id;
    r.rows = size->height;
    r.cols = size->width;
    const struct job_spec spec = {.proc = p,
                                  .call = call,
                                  .method = "Resize",
                                  .request = &r.base,
                                  .timeout_ms = p->c->pod->cfg.times.call,
                                  .done = on_resized};
    pod_call(p->c->pod, &spec);
}

void pod_resize(void *ctx, struct shim_rpc_call *call,
                const Containerd__Task__V2__ResizePtyRequest *r)
{
    struct cl_err err = {0};
    struct proc *p = pod_find_proc(ctx, r->id, r->exec_id, &err);
    if (p == NULL) {
        shim_answer_error(call, SHIM_CODE_NOT_FOUND, &err);
        return;
    }
    if (!p->terminal || p->ended || r->width < 1 || r->width > UINT16_MAX || r->height < 1 ||
        r->height > UINT16_MAX) { /* nothing to do, as other runtimes see it */
        shim_answer_empty(call);
        return;
    }
    if (p->state == PROC_CREATING) {
        proc_refuse(call, p, "created");
        return;
    }
    tell_size(p, call, r); /* before Start, too: the guest keeps it */
}

/* --- Kill
 * ------------------------------------------------------------------------------------------- */

static void on_killed(struct job *j, enum shim_code code, const char *message, const void *payload,
                      size_t len)
{
    struct proc *p = j->proc;
    if (code != SHIM_CODE_OK && (p == NULL || p->ended)) {
        code = SHIM_CODE_NOT_FOUND; /* it went by itself meanwhile */
    }
    job_answer_empty(j, code, message, payload, len);
    if (code == SHIM_CODE_OK && p != NULL && p->state == PROC_CREATED && !p->ended) {
        proc_wait(p); /* nobody has asked yet when it ends: it has not been started */
    }
}

/* The signals that end a sandbox; others mean nothing to a VM. */
static bool ends_vm(uint32_t signo)
{
    return signo == SIGTERM || signo == SIGKILL || signo == SIGINT || signo == SIGQUIT ||
           signo == SIGHUP;
}

static void kill_sandbox(struct shim_pod *pod, struct shim_rpc_call *call, uint32_t signo)
{
    if (ends_vm(signo)) {
        pod->kill_signal = signo;
        pod_stop_vm(pod, "the sandbox was killed");
    }
    shim_answer_empty(call);
}

static void kill_proc(struct proc *p, struct shim_rpc_call *call,
                      const Containerd__Task__V2__KillRequest *r)
{
    Cloister__Pod__V1__KillRequest q;
    cloister__pod__v1__kill_request__init(&q);
    q.container_id = p->c->id;
    q.exec_id = p->id;
    q.signal = r->signal;
    q.all = r->all && p->id[0] == '\0';
    const struct job_spec spec = {.proc = p,
                                  .call = call,
                                  .method = "Kill",
                                  .request = &q.base,
                                  .timeout_ms = p->c->pod->cfg.times.call,
                                  .done = on_killed};
    /* A guest that does not let a container die shall not keep its pod alive for ever. */
    if (r->signal == SIGKILL && p->id[0] == '\0' && !event_pending(p->timer, EV_TIMEOUT, NULL)) {
        proc_arm(p, p->c->pod->cfg.times.kill);
    }
    pod_call(p->c->pod, &spec);
}

void pod_kill(void *ctx, struct shim_rpc_call *call, const Containerd__Task__V2__KillRequest *r)
{
    struct shim_pod *pod = ctx;
    struct cl_err err = {0};
    struct proc *p = pod_find_proc(pod, r->id, r->exec_id, &err);
    if (p != NULL && (p->ended || p->state == PROC_STOPPED)) {
        (void)cl_err_set(&err, CL_ERR_REJECTED, "container '%s': the process has ended", p->c->id);
        p = NULL;
    }
    if (p == NULL) {
        shim_answer_error(call, SHIM_CODE_NOT_FOUND, &err);
    } else if (r->signal < 1 || r->signal > 64) {
        (void)cl_err_set(&err, CL_ERR_MALFORMED, "signal: expected 1 to 64, got %u",
                         (unsigned)r->signal);
        shim_answer_error(call, SHIM_CODE_INVALID, &err);
    } else if (p->state == PROC_CREATING || (p->id[0] != '\0' && p->state == PROC_CREATED)) {
        proc_refuse(call, p, "running");
    } else if (p->c->kind == SHIM_SANDBOX) {
        kill_sandbox(pod, call, r->signal);
    } else {
        kill_proc(p, call, r);
    }
}
