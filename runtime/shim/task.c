/* SPDX-License-Identifier: Apache-2.0
 * task.c - the rest of the Task service: questions about a pod, and changes that are the guest's to
 * make.
 * Trust: what the guest says of itself (metrics) is decoded, bounded and encoded anew.
 */
#include "pod_internal.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATS_MAX 65536u       /* bytes of an answer */
#define STATS_MAX_DEVICES 256u /* in it */

static bool find(struct shim_pod *pod, struct shim_rpc_call *call, const char *id,
                 const char *exec_id, struct proc **ret)
{
    struct cl_err err = {0};
    *ret = pod_find_proc(pod, id, exec_id, &err);
    if (*ret == NULL) {
        shim_answer_error(call, SHIM_CODE_NOT_FOUND, &err);
    }
    return *ret != NULL;
}

/* --- questions that are answered at once
 * ---------------------------------------------------------------- */

static Containerd__Task__V2__Status status_of(const struct proc *p)
{
    if (p->state == PROC_STOPPED) {
        return CONTAINERD__TASK__V2__STATUS__STOPPED;
    }
    if (p->state != PROC_RUNNING) {
        return CONTAINERD__TASK__V2__STATUS__CREATED;
    }
    return p->c->paused ? CONTAINERD__TASK__V2__STATUS__PAUSED
                        : CONTAINERD__TASK__V2__STATUS__RUNNING;
}

static void on_state(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__StateRequest *r)
{
    struct proc *p = NULL;
    if (!find(ctx, call, r->id, r->exec_id, &p)) {
        return;
    }
    struct shim_state s = {.id = p->c->id,
                           .exec_id = p->id,
                           .bundle = p->c->bundle,
                           .pid = pod_pid(ctx),
                           .status = status_of(p),
                           .stdin_path = p->path[0],
                           .stdout_path = p->path[1],
                           .stderr_path = p->path[2],
                           .terminal = p->terminal};
    if (p->state == PROC_STOPPED) {
        s.exit_status = p->exit_status;
        s.exited_at = p->exited_at;
    }
    shim_answer_state(call, &s);
}

static void on_pids(void *ctx, struct shim_rpc_call *call,
                    const Containerd__Task__V2__PidsRequest *r)
{
    struct proc *p = NULL;
    if (find(ctx, call, r->id, NULL, &p)) {
        const struct shim_pid pid = {.pid = pod_pid(ctx)};
        shim_answer_pids(call, &pid, 1);
    }
}

/* Of a container that is not there, too: containerd asks before it creates one. */
static void on_connect(void *ctx, struct shim_rpc_call *call,
                       const Containerd__Task__V2__ConnectRequest *r)
{
    (void)r;
    shim_answer_connect(call, (uint32_t)getpid(), pod_pid(ctx));
}

static void on_close_io(void *ctx, struct shim_rpc_call *call,
                        const Containerd__Task__V2__CloseIORequest *r)
{
    struct proc *p = NULL;
    if (!find(ctx, call, r->id, r->exec_id, &p)) {
        return;
    }
    if (r->stdin) {
        shim_streams_close_stdin(p->io);
    }
    shim_answer_empty(call);
}

static void on_checkpoint(void *ctx, struct shim_rpc_call *call,
                          const Containerd__Task__V2__CheckpointTaskRequest *r)
{
    struct cl_err err = {0};
    (void)ctx;
    (void)cl_err_set(&err, CL_ERR_UNSUPPORTED,
                     "container '%.76s': a confidential VM cannot be checkpointed: its memory is "
                     "not the host's to read",
                     r->id);
    shim_answer_error(call, SHIM_CODE_UNIMPLEMENTED, &err);
}

static void on_shutdown(void *ctx, struct shim_rpc_call *call,
                        const Containerd__Task__V2__ShutdownRequest *r)
{
    struct shim_pod *pod = ctx;
    struct shim_daemon *d = pod->cfg.daemon;
    bool ends = pod->containers == NULL || r->now;
    shim_answer_empty(call);
    if (ends) {
        d->finish(d);
    }
}

/* --- what the guest does to a container
 * ----------------------------------------------------------------- */

/* A container of the guest's that runs (or has stopped running, if `ended` may be). */
static bool find_running(struct shim_pod *pod, struct shim_rpc_call *call, const char *id,
                         struct proc **ret)
{
    struct cl_err err = {0};
    if (!find(pod, call, id, NULL, ret)) {
        return false;
    }
    if ((*ret)->c->kind == SHIM_SANDBOX) {
        (void)cl_err_set(&err, CL_ERR_UNSUPPORTED,
                         "container '%s': expected a container in the VM, got the sandbox, which "
                         "is the VM",
                         (*ret)->c->id);
        shim_answer_error(call, SHIM_CODE_UNIMPLEMENTED, &err);
        return false;
    }
    if ((*ret)->state != PROC_RUNNING || (*ret)->ended) {
        proc_refuse(call, *ret, "running");
        return false;
    }
    return true;
}

static void call_container(struct proc *p, struct shim_rpc_call *call, const char *method,
                           int timeout_ms,
                           void (*done)(struct job *j, enum shim_code code, const char *message,
                                        const void *payload, size_t len))
{
    Cloister__Pod__V1__ContainerRequest q;
    cloister__pod__v1__container_request__init(&q);
    q.container_id = p->c->id;
    const struct job_spec spec = {.proc = p,
                                  .call = call,
                                  .method = method,
                                  .request = &q.base,
                                  .timeout_ms = timeout_ms,
                                  .done = done};
    pod_call(p->c->pod, &spec);
}

static void on_paused(struct job *j, enum shim_code code, const char *message, const void *payload,
                      size_t len)
{
    if (code == SHIM_CODE_OK && j->proc != NULL && !j->proc->ended && !j->proc->c->paused) {
        j->proc->c->paused = true;
        shim_publish_paused(j->pod->cfg.daemon->publisher, j->container_id);
    }
    job_answer_empty(j, code, message, payload, len);
}

static void on_resumed(struct job *j, enum shim_code code, const char *message, const void *payload,
                       size_t len)
{
    if (code == SHIM_CODE_OK && j->proc != NULL && j->proc->c->paused) {
        j->proc->c->paused = false;
        shim_publish_resumed(j->pod->cfg.daemon->publisher, j->container_id);
    }
    job_answer_empty(j, code, message, payload, len);
}

static void on_pause(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__PauseRequest *r)
{
    struct proc *p = NULL;
    if (find_running(ctx, call, r->id, &p)) {
        call_container(p, call, "Pause", p->c->pod->cfg.times.call, on_paused);
    }
}

static void on_resume(void *ctx, struct shim_rpc_call *call,
                      const Containerd__Task__V2__ResumeRequest *r)
{
    struct proc *p = NULL;
    if (find_running(ctx, call, r->id, &p)) {
        call_container(p, call, "Resume", p->c->pod->cfg.times.call, on_resumed);
    }
}

/* --- Stats
 * -----------------------------------------------------------------------------------------------
 */

static void answer_stats(const struct job *j, const Io__Containerd__Cgroups__V2__Metrics *m)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    struct cl_err err = {0};
    size_t len = io__containerd__cgroups__v2__metrics__get_packed_size(m);
    if (cl_buf_reserve(&out, len, &err) != CL_OK) {
        shim_answer_error(j->call, SHIM_CODE_EXHAUSTED, &err);
        return;
    }
    out.len = io__containerd__cgroups__v2__metrics__pack(m, out.data);
    shim_answer_stats(j->call, "io.containerd.cgroups.v2.Metrics", out.data, out.len);
}

/* Fields that we do not know do not pass. */
static void drop_unknown(ProtobufCMessage *m)
{
    for (unsigned i = 0; m != NULL && i < m->n_unknown_fields; i++) {
        free(m->unknown_fields[i].data);
    }
    if (m != NULL) {
        free(m->unknown_fields);
        m->unknown_fields = NULL;
        m->n_unknown_fields = 0;
    }
}

static void keep_known(Io__Containerd__Cgroups__V2__Metrics *m)
{
    drop_unknown(&m->base);
    drop_unknown((ProtobufCMessage *)m->pids);
    drop_unknown((ProtobufCMessage *)m->cpu);
    drop_unknown((ProtobufCMessage *)m->memory);
    drop_unknown((ProtobufCMessage *)m->io);
    drop_unknown((ProtobufCMessage *)m->memory_events);
    for (size_t i = 0; m->io != NULL && i < m->io->n_usage; i++) {
        drop_unknown(&m->io->usage[i]->base);
    }
}

static void on_metrics(struct job *j, enum shim_code code, const char *message, const void *payload,
                       size_t len)
{
    if (code != SHIM_CODE_OK) {
        job_refuse(j, code, message);
        return;
    }
    Io__Containerd__Cgroups__V2__Metrics *m =
        len <= STATS_MAX ? io__containerd__cgroups__v2__metrics__unpack(NULL, len, payload) : NULL;
    if (m == NULL || (m->io != NULL && m->io->n_usage > STATS_MAX_DEVICES)) {
        job_refuse(j, SHIM_CODE_UNKNOWN, "agent: expected metrics, got something else");
    } else {
        keep_known(m);
        answer_stats(j, m);
    }
    io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
}

static void on_stats(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__StatsRequest *r)
{
    struct proc *p = NULL;
    if (find_running(ctx, call, r->id, &p)) {
        call_container(p, call, "Stats", p->c->pod->cfg.times.stats, on_metrics);
    }
}

/* --- Update
 * ---------------------------------------------------------------------------------------------- */

/* The VM does not grow: a limit above its memory would be one that never holds. */
static enum shim_code check_fits(const struct shim_pod *pod, const struct cl_buf *resources,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    enum cl_status st = cl_json_parse(resources->data, resources->len, "resources", &j, err);
    if (st != CL_OK) {
        return code_of(st);
    }
    const json_t *limit = json_object_get(json_object_get(j, "memory"), "limit");
    if (json_is_integer(limit) && json_integer_value(limit) > 0 &&
        (uint64_t)json_integer_value(limit) > pod->memory) {
        (void)cl_err_set(err, CL_ERR_REJECTED,
                         "memory.limit: expected at most the VM's %llu bytes, got %lld",
                         (unsigned long long)pod->memory, (long long)json_integer_value(limit));
        return SHIM_CODE_EXHAUSTED;
    }
    return SHIM_CODE_OK;
}

static void update_in_guest(struct proc *p, struct shim_rpc_call *call,
                            const struct cl_buf *resources)
{
    Cloister__Pod__V1__UpdateRequest q;
    cloister__pod__v1__update_request__init(&q);
    q.container_id = p->c->id;
    q.resources = (ProtobufCBinaryData){.len = resources->len, .data = resources->data};
    const struct job_spec spec = {.proc = p,
                                  .call = call,
                                  .method = "Update",
                                  .request = &q.base,
                                  .timeout_ms = p->c->pod->cfg.times.call,
                                  .done = job_answer_empty};
    pod_call(p->c->pod, &spec);
}

static void on_update(void *ctx, struct shim_rpc_call *call,
                      const Containerd__Task__V2__UpdateTaskRequest *r)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf resources = {0};
    struct cl_err err = {0};
    struct proc *p = NULL;
    if (!find(ctx, call, r->id, NULL, &p)) {
        return;
    }
    enum shim_code code = SHIM_CODE_INVALID;
    if (r->resources == NULL) {
        (void)cl_err_set(&err, CL_ERR_MALFORMED, "resources: expected some, got none");
    } else {
        code = code_of(shim_resources_translate(r->resources->value.data, r->resources->value.len,
                                                &resources, &err));
        code = code == SHIM_CODE_OK ? check_fits(ctx, &resources, &err) : code;
    }
    if (code != SHIM_CODE_OK) {
        shim_answer_error(call, code, &err);
    } else if (p->ended || (p->state != PROC_RUNNING && p->state != PROC_CREATED)) {
        proc_refuse(call, p, "running");
    } else if (p->c->kind == SHIM_SANDBOX) {
        shim_answer_empty(call); /* the sum of the containers' limits: they enforce it */
    } else {
        update_in_guest(p, call, &resources);
    }
}

void shim_pod_ops(struct shim_pod *pod, struct shim_task_ops *ret_ops)
{
    *ret_ops = (struct shim_task_ops){.ctx = pod,
                                      .state = on_state,
                                      .create = pod_create,
                                      .start = pod_start,
                                      .del = pod_delete,
                                      .pids = on_pids,
                                      .pause = on_pause,
                                      .resume = on_resume,
                                      .checkpoint = on_checkpoint,
                                      .kill = pod_kill,
                                      .exec = pod_exec,
                                      .resize_pty = pod_resize,
                                      .close_io = on_close_io,
                                      .update = on_update,
                                      .wait = pod_wait,
                                      .stats = on_stats,
                                      .connect = on_connect,
                                      .shutdown = on_shutdown};
}
