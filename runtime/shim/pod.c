/* SPDX-License-Identifier: Apache-2.0
 * pod.c - the life of a pod's VM and the tables of what runs in it. Trust, threads, memory: pod.h.
 */
#include "pod_internal.h"

#include "leftovers.h"

#include "base/log.h"
#include "image/signatures.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_AT_ONCE 4u /* of the guest; then they are asked for again after a pause */
#define EVENT_PAUSE_S 1

/* --- tables
 * ------------------------------------------------------------------------------------------- */

bool id_good(const char *id)
{
    static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t len = strlen(id);
    return len >= 1 && len <= SHIM_ID_MAX && strspn(id, chars) == len;
}

struct container *pod_find(const struct shim_pod *pod, const char *id)
{
    struct container *c = pod->containers;
    while (c != NULL && strcmp(c->id, id) != 0) {
        c = c->next;
    }
    return c;
}

struct proc *pod_find_proc(const struct shim_pod *pod, const char *id, const char *exec_id,
                           struct cl_err *err)
{
    struct container *c = pod_find(pod, id);
    if (c == NULL) {
        (void)cl_err_set(err, CL_ERR_REJECTED, "container '%.100s': no such container", id);
        return NULL;
    }
    struct proc *p = &c->init;
    if (exec_id != NULL && exec_id[0] != '\0') {
        for (p = c->execs; p != NULL && strcmp(p->id, exec_id) != 0;) {
            p = p->next;
        }
    }
    if (p == NULL) {
        (void)cl_err_set(err, CL_ERR_REJECTED, "container '%s': no process '%.100s'", c->id,
                         exec_id);
    }
    return p;
}

void pod_container_free(struct container *c)
{
    struct shim_pod *pod = c->pod;
    for (struct container **at = &pod->containers; *at != NULL; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            pod->container_count--;
            break;
        }
    }
    while (c->execs != NULL) {
        exec_free(c->execs);
    }
    proc_done(&c->init);
    pod->cfg.images->release(c->image);
    for (size_t i = 0; i < c->own_count; i++) {
        free(c->own[i].result_path);
    }
    free(c->own);
    free(c->bundle);
    free(c);
}

uint32_t pod_pid(const struct shim_pod *pod)
{
    return (uint32_t)pod->vm_pid;
}

/* --- the agent's events
 * ------------------------------------------------------------------------------- */

static void tell_event(struct shim_pod *pod, const void *payload, size_t len)
{
    Cloister__Pod__V1__Event *e = cloister__pod__v1__event__unpack(NULL, len, payload);
    const struct container *c = e != NULL ? pod_find(pod, e->oom_container_id) : NULL;
    if (c != NULL && c->kind != SHIM_SANDBOX && c->init.started && c->init.state != PROC_STOPPED) {
        shim_publish_oom(pod->cfg.daemon->publisher, c->id);
    }
    cloister__pod__v1__event__free_unpacked(e, NULL);
}

static void on_next_event(struct job *j, enum shim_code code, const char *message,
                          const void *payload, size_t len)
{
    static const struct timeval pause = {.tv_sec = EVENT_PAUSE_S};
    struct shim_pod *pod = j->pod;
    if (code != SHIM_CODE_OK) {
        cl_log(CL_LOG_DEBUG, "shim.pod", "no more events: %d %s", (int)code, message);
        return;
    }
    tell_event(pod, payload, len);
    /* At once, for an exit may follow that is to be told later; but a guest may have no end of
     * them. */
    if (++pod->events < EVENTS_AT_ONCE) {
        pod_ask_events(pod);
    } else {
        (void)event_add(pod->event_timer, &pause);
    }
}

void pod_ask_events(struct shim_pod *pod)
{
    Cloister__Pod__V1__Empty r;
    cloister__pod__v1__empty__init(&r);
    const struct job_spec spec = {
        .method = "NextEvent", .request = &r.base, .timeout_ms = -1, .done = on_next_event};
    pod_call(pod, &spec);
}

static void on_event_timer(evutil_socket_t fd, short what, void *ctx)
{
    struct shim_pod *pod = ctx;
    (void)fd;
    (void)what;
    pod->events = 0;
    if (pod->agent != NULL) {
        pod_ask_events(pod);
    }
}

/* --- the VM
 * ------------------------------------------------------------------------------------------ */

static struct creation *booting(const struct shim_pod *pod)
{
    for (struct container *c = pod->containers; c != NULL; c = c->next) {
        if (c->creation != NULL && c->kind != SHIM_CONTAINER) {
            return c->creation;
        }
    }
    return NULL;
}

static void drop_agent(struct shim_pod *pod)
{
    struct shim_rpc *agent = pod->agent;
    pod->agent = NULL; /* what its end brings about shall not call it */
    shim_rpc_free(agent);
}

/* The agent is the guest's first process: without it there is no guest. */
static void on_agent_closed(void *ctx, struct shim_rpc *rpc, const struct cl_err *why)
{
    struct shim_pod *pod = ctx;
    (void)rpc;
    pod_stop_vm(pod, why->status == CL_OK ? "the agent closed its connection" : why->msg);
    drop_agent(pod);
}

static void on_agent(void *ctx, int fd)
{
    struct shim_pod *pod = ctx;
    struct cl_err err = {0};
    const struct shim_rpc_callbacks cb = {.closed = on_agent_closed, .ctx = pod};
    if (shim_rpc_new(pod->cfg.daemon->base, fd, &cb, &pod->agent, &err) != CL_OK) {
        pod_stop_vm(pod, err.msg);
        return;
    }
    struct creation *cr = booting(pod);
    if (cr != NULL) {
        creation_booted(cr);
    }
}

static enum cl_status on_open_blob(void *ctx, const uint8_t digest[CL_SHA256_SIZE], int *ret_fd,
                                   uint64_t *ret_size, struct cl_err *err)
{
    const struct shim_pod *pod = ctx;
    enum cl_status st = cl_err_set(err, CL_ERR_REJECTED, "blob: none of this pod's images has it");
    for (struct container *c = pod->containers; c != NULL && st == CL_ERR_REJECTED; c = c->next) {
        if (c->image != NULL) {
            st = pod->cfg.images->open_blob(c->image, digest, ret_fd, ret_size, err);
        }
    }
    return st != CL_ERR_REJECTED || pod->cfg.settings->signatures == NULL
               ? st
               : cl_signature_blob_open(pod->cfg.settings->signatures, digest, ret_fd, ret_size,
                                        err);
}

/* "<container id>[/<exec id>]", a claim of the guest. */
static struct proc *proc_named(const struct shim_pod *pod, const char *process)
{
    char id[SHIM_ID_MAX + 1];
    const char *slash = strchr(process, '/');
    size_t len = slash != NULL ? (size_t)(slash - process) : strlen(process);
    if (len >= sizeof(id)) {
        return NULL;
    }
    memcpy(id, process, len);
    id[len] = '\0';
    return pod_find_proc(pod, id, slash != NULL ? slash + 1 : NULL, NULL);
}

static bool on_open_stdio(void *ctx, const char *process, unsigned stream, int *ret_fd,
                          bool *ret_owned)
{
    const struct shim_pod *pod = ctx;
    struct proc *p = proc_named(pod, process);
    *ret_owned = true;
    return p != NULL && !p->ended && p->state != PROC_STOPPED && p->io != NULL &&
           shim_streams_take(p->io, stream, ret_fd);
}

static void on_output_end(void *ctx, const char *process, unsigned stream)
{
    struct proc *p = proc_named(ctx, process);
    if (p != NULL) {
        shim_streams_output_end(p->io, stream);
        proc_check(p);
    }
}

static bool on_open_forward(void *ctx, uint64_t id, int *ret_fd)
{
    return forwards_take(ctx, id, ret_fd);
}

static void on_forward_end(void *ctx)
{
    forwards_one_ended(ctx);
}

/* Only a shim that is killed leaves anything behind for them to name. */
void pod_note_leftovers(const struct shim_pod *pod)
{
    pid_t pids[SHIM_VM_MAX_PROCESSES];
    const char *folders[1 + SHIM_CGROUP_MAX];
    struct cl_err err = {0};
    size_t count = 0;
    size_t folder_count = shim_cgroup_folders(pod->cgroup, folders);
    if (pod->vm != NULL) {
        folders[folder_count++] = pod->cfg.vm->folder(pod->vm);
        count = pod->cfg.vm->processes(pod->vm, pids);
    }
    if (shim_leftovers_write(pod->cfg.daemon->bundle, pids, count, folders, folder_count,
                             shim_network_netns(pod->network), &err) != CL_OK) {
        cl_log(CL_LOG_WARN, "shim.pod", "%s", err.msg);
    }
}

static void on_spawned(void *ctx)
{
    struct shim_pod *pod = ctx;
    struct creation *cr = booting(pod);
    pod->vm_pid = pod->cfg.vm->pid(pod->vm);
    pod_note_leftovers(pod);
    shim_network_taken(pod->network);
    if (cr != NULL) {
        creation_spawned(cr);
    }
}

/* Every process ends with its VM; further ones before the container's own, and the sandbox, which
 * is the VM, last. */
static void end_procs(struct shim_pod *pod)
{
    for (unsigned sandbox = 0; sandbox < 2; sandbox++) {
        for (struct container *c = pod->containers; c != NULL; c = c->next) {
            if ((c->kind == SHIM_SANDBOX) != (sandbox == 1) || c->creation != NULL) {
                continue;
            }
            for (struct proc *p = c->execs; p != NULL; p = p->next) {
                proc_ended(p, POD_STATUS_LOST);
            }
            bool asked = c->kind == SHIM_SANDBOX && pod->kill_signal != 0;
            proc_ended(&c->init, asked ? 128 + pod->kill_signal : POD_STATUS_LOST);
        }
    }
}

void pod_leave_network(struct shim_pod *pod)
{
    forwards_end(pod);
    shim_network_leave(pod->network);
    pod->network = NULL;
}

static void on_vm_ended(void *ctx, const char *why)
{
    struct shim_pod *pod = ctx;
    pod->vm_ended = true;
    if (pod->why[0] == '\0') {
        (void)snprintf(pod->why, sizeof(pod->why), "the VM has ended: %.200s", why);
    }
    cl_log(CL_LOG_INFO, "shim.pod", "%s", pod->why);
    (void)event_del(pod->event_timer);
    pod_leave_network(pod);
    drop_agent(pod);
    for (struct creation *cr = booting(pod); cr != NULL; cr = booting(pod)) {
        creation_failed(cr, SHIM_CODE_UNAVAILABLE, pod->why);
    }
    end_procs(pod);
}

enum cl_status pod_boot(struct shim_pod *pod, const struct shim_vm_config *vm, struct cl_err *err)
{
    struct shim_vm_config cfg = *vm;
    pod->memory = vm->size.memory;
    cfg.base = pod->cfg.daemon->base;
    cfg.settings = pod->cfg.settings;
    cfg.cb = (struct shim_vm_callbacks){.spawned = on_spawned,
                                        .agent = on_agent,
                                        .open_blob = on_open_blob,
                                        .open_signature = pod_open_signature,
                                        .open_stdio = on_open_stdio,
                                        .output_end = on_output_end,
                                        .open_forward = on_open_forward,
                                        .forward_end = on_forward_end,
                                        .ended = on_vm_ended,
                                        .ctx = pod};
    cfg.net = shim_network_of(pod->network);
    CL_TRY(pod->cfg.vm->start(&cfg, &pod->vm, err));
    pod_note_leftovers(pod);
    return CL_OK;
}

void pod_stop_vm(struct shim_pod *pod, const char *why)
{
    if (pod->vm == NULL || pod->vm_ended) {
        return;
    }
    if (pod->why[0] == '\0') {
        (void)snprintf(pod->why, sizeof(pod->why), "the VM is ended: %.200s", why);
    }
    pod->cfg.vm->stop(pod->vm);
}

/* --- the pod
 * ----------------------------------------------------------------------------------------- */

enum cl_status shim_pod_new(const struct shim_pod_config *cfg, struct shim_pod **ret_pod,
                            struct cl_err *err)
{
    struct shim_pod *pod = calloc(1, sizeof(*pod));
    if (pod != NULL) {
        pod->cfg = *cfg;
        pod->event_timer = event_new(cfg->daemon->base, -1, 0, on_event_timer, pod);
    }
    if (pod == NULL || pod->event_timer == NULL) {
        free(pod);
        return cl_err_nomem(err, "pod");
    }
    *ret_pod = pod;
    return CL_OK;
}

void *shim_pod_owner(const struct shim_pod *pod)
{
    return pod->cfg.owner;
}

void shim_pod_free(struct shim_pod *pod)
{
    if (pod == NULL) {
        return;
    }
    if (pod->why[0] == '\0') {
        (void)snprintf(pod->why, sizeof(pod->why), "the shim ends");
    }
    drop_agent(pod);
    while (pod->containers != NULL) {
        if (pod->containers->creation != NULL) {
            creation_failed(pod->containers->creation, SHIM_CODE_UNAVAILABLE, pod->why);
        } else {
            pod_container_free(pod->containers);
        }
    }
    pod->cfg.vm->free(pod->vm);
    pod_leave_network(pod);
    volumes_done(pod);
    shim_cgroup_leave(pod->cgroup);
    event_free(pod->event_timer);
    free(pod);
}
