/* SPDX-License-Identifier: Apache-2.0
 * create.c - Create: from the bundle to a container that waits for Start. For a sandbox and for a
 * single container the VM comes first. Each step ends in the next, or in creation_failed(); the
 * request is answered when all is done.
 * Trust: containerd's specification is judged by translate.h; whether a container may run is for
 * the guest to say.
 */
#include "pod_internal.h"

#include "initdata.h"

#include "base/json.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct creation {
    struct container *c;
    struct shim_rpc_call *call;
    Containerd__Task__V2__CreateTaskRequest *request; /* ours */
    struct shim_spec *spec;
    bool waits;          /* for another's volumes, which may be its own, too */
    bool has_vm;         /* it was started for this one */
    struct event *timer; /* until the agent has answered for the first time */
};

enum shim_code code_of(enum cl_status st)
{
    switch (st) {
    case CL_OK:
        return SHIM_CODE_OK;
    case CL_ERR_TRUNCATED:
    case CL_ERR_MALFORMED:
        return SHIM_CODE_INVALID;
    case CL_ERR_UNSUPPORTED: /* never "unimplemented": containerd would try an older interface */
    case CL_ERR_REJECTED:
        return SHIM_CODE_PRECONDITION;
    case CL_ERR_UNAVAILABLE:
        return SHIM_CODE_UNAVAILABLE;
    case CL_ERR_NOMEM:
        return SHIM_CODE_EXHAUSTED;
    case CL_ERR_SYS:
        break;
    }
    return SHIM_CODE_INTERNAL;
}

/* --- the two ends
 * ------------------------------------------------------------------------------------- */

static void creation_free(struct creation *cr)
{
    if (cr->timer != NULL) {
        event_free(cr->timer);
    }
    if (cr->spec != NULL) {
        shim_spec_done(cr->spec);
        free(cr->spec);
    }
    containerd__task__v2__create_task_request__free_unpacked(cr->request, NULL);
    free(cr);
}

/* Only now nothing in the guest uses its volumes. */
static void on_given_up(struct job *j, enum shim_code code, const char *message,
                        const void *payload, size_t len)
{
    (void)code;
    (void)message;
    (void)payload;
    (void)len;
    volumes_drop_unused(j->pod);
}

static void delete_in_guest(struct shim_pod *pod, const char *container_id)
{
    Cloister__Pod__V1__ProcessRequest q;
    char id[SHIM_ID_MAX + 1];
    cloister__pod__v1__process_request__init(&q);
    (void)snprintf(id, sizeof(id), "%s", container_id);
    q.container_id = id;
    const struct job_spec spec = {.method = "Delete",
                                  .request = &q.base,
                                  .timeout_ms = pod->cfg.times.call,
                                  .done = on_given_up};
    pod_call(pod, &spec);
}

void creation_failed(struct creation *cr, enum shim_code code, const char *message)
{
    struct container *c = cr->c;
    struct shim_pod *pod = c->pod;
    struct cl_err err = {0};
    bool has_vm = cr->has_vm;
    bool in_guest = c->in_guest;
    (void)cl_err_set(&err, CL_ERR_REJECTED, "container '%s': %s", c->id, message);
    cl_log(CL_LOG_WARN, "shim.pod", "create: %s", err.msg);
    shim_answer_error(cr->call, code == SHIM_CODE_UNIMPLEMENTED ? SHIM_CODE_UNKNOWN : code, &err);
    c->creation = NULL;
    creation_free(cr);
    if (has_vm) {
        pod_stop_vm(pod, message);
    } else if (in_guest && pod->agent != NULL) {
        delete_in_guest(pod, c->id);
    }
    if (pod->vm == NULL) {
        pod_leave_network(pod);
    }
    pod_container_free(c);
    if (!in_guest) {
        volumes_drop_unused(pod);
    }
}

static void publish_create(const struct creation *cr)
{
    const Containerd__Task__V2__CreateTaskRequest *r = cr->request;
    const struct shim_pod *pod = cr->c->pod;
    struct shim_event_mount *rootfs = calloc(r->n_rootfs + 1, sizeof(*rootfs));
    size_t count = rootfs != NULL ? r->n_rootfs : 0;
    for (size_t i = 0; i < count; i++) {
        const Containerd__Types__Mount *m = r->rootfs[i];
        rootfs[i] = (struct shim_event_mount){.type = m->type,
                                              .source = m->source,
                                              .target = m->target,
                                              .options = (const char *const *)m->options,
                                              .option_count = m->n_options};
    }
    const struct shim_event_create e = {.container_id = r->id,
                                        .bundle = r->bundle,
                                        .rootfs = rootfs,
                                        .rootfs_count = count,
                                        .stdin_path = r->stdin,
                                        .stdout_path = r->stdout,
                                        .stderr_path = r->stderr,
                                        .terminal = r->terminal,
                                        .pid = pod_pid(pod)};
    shim_publish_create(pod->cfg.daemon->publisher, &e);
    free(rootfs);
}

static void creation_done(struct creation *cr)
{
    struct container *c = cr->c;
    c->creation = NULL;
    c->init.state = PROC_CREATED;
    publish_create(cr);
    shim_answer_create(cr->call, pod_pid(c->pod));
    creation_free(cr);
}

/* --- the container in the guest
 * ------------------------------------------------------------------------- */

/* What takes its output is ready, or is not. */
static void on_streams(void *ctx, const struct cl_err *why)
{
    struct creation *cr = ctx;
    if (why->status == CL_OK) {
        creation_done(cr);
    } else {
        creation_failed(cr, code_of(why->status), why->msg);
    }
}

static void on_created(struct job *j, enum shim_code code, const char *message, const void *payload,
                       size_t len)
{
    (void)payload;
    (void)len;
    if (j->proc == NULL) { /* given up meanwhile */
        if (code == SHIM_CODE_OK) {
            delete_in_guest(j->pod, j->container_id);
        }
        return;
    }
    struct creation *cr = j->proc->c->creation;
    if (code != SHIM_CODE_OK) {
        creation_failed(cr, code, message[0] != '\0' ? message : "the guest does not answer");
        return;
    }
    shim_streams_when_ready(cr->c->init.io, on_streams, cr);
}

static void create_in_guest(struct creation *cr, char *manifest)
{
    struct container *c = cr->c;
    Cloister__Pod__V1__CreateRequest q;
    cloister__pod__v1__create_request__init(&q);
    q.container_id = c->id;
    q.manifest_digest = manifest;
    q.spec = (ProtobufCBinaryData){.len = cr->spec->guest.len, .data = cr->spec->guest.data};
    q.terminal = c->init.terminal;
    q.attach_stdin = shim_streams_has(c->init.io, 0);
    q.attach_stdout = shim_streams_has(c->init.io, 1);
    q.attach_stderr = shim_streams_has(c->init.io, 2);
    q.rows = cr->spec->rows;
    q.cols = cr->spec->cols;
    q.name = cr->spec->name;
    c->in_guest = true;
    const struct job_spec spec = {.proc = &c->init,
                                  .method = "Create",
                                  .request = &q.base,
                                  .timeout_ms = (int)c->pod->cfg.settings->image_timeout_s * 1000,
                                  .done = on_created};
    pod_call(c->pod, &spec);
}

/* --- volumes and image
 * ---------------------------------------------------------------------------------- */

static void on_image(void *ctx, enum cl_status st, const char *manifest, const struct cl_err *err)
{
    struct container *c = ctx;
    char copy[CL_OCI_DIGEST_SIZE];
    if (st != CL_OK) {
        creation_failed(c->creation, code_of(st), err->msg);
        return;
    }
    (void)snprintf(copy, sizeof(copy), "%s", manifest);
    create_in_guest(c->creation, copy);
}

static void on_volumes(struct proc *p, enum shim_code code, const char *message)
{
    struct container *c = p->c;
    struct creation *cr = c->creation;
    struct cl_err err = {0};
    if (code != SHIM_CODE_OK) {
        creation_failed(cr, code, message);
        return;
    }
    const struct shim_pod_config *cfg = &c->pod->cfg;
    const struct shim_image_request rq = {.name_space = cfg->daemon->name_space,
                                          .container_id = c->id,
                                          .image_name = cr->spec->image_name};
    enum cl_status st = cfg->images->resolve(cfg->images->ctx, &rq, on_image, c, &c->image, &err);
    if (st != CL_OK) {
        creation_failed(cr, code_of(st), err.msg);
    }
}

/* One container's at a time: they share volumes. */
static void make_volumes(struct creation *cr)
{
    cr->waits = cr->c->pod->fillings > 0;
    if (!cr->waits) {
        volumes_make(&cr->c->init, cr->spec, on_volumes);
    }
}

void creations_go_on(struct shim_pod *pod)
{
    struct container *c = pod->fillings == 0 ? pod->containers : NULL;
    while (c != NULL && (c->creation == NULL || !c->creation->waits)) {
        c = c->next;
    }
    if (c != NULL) {
        make_volumes(c->creation);
    }
}

/* --- the sandbox
 * -------------------------------------------------------------------------------------- */

static void on_sandbox(struct job *j, enum shim_code code, const char *message, const void *payload,
                       size_t len)
{
    (void)payload;
    (void)len;
    if (j->proc == NULL) {
        return;
    }
    struct container *c = j->proc->c;
    struct creation *cr = c->creation;
    if (code != SHIM_CODE_OK) {
        creation_failed(cr, code, message[0] != '\0' ? message : "the agent does not answer");
        return;
    }
    (void)event_del(cr->timer);
    pod_ask_events(c->pod);
    forwards_begin(c->pod);
    if (c->kind == SHIM_SANDBOX) {
        creation_done(cr);
    } else {
        make_volumes(cr);
    }
}

void creation_booted(struct creation *cr)
{
    struct container *c = cr->c;
    Cloister__Pod__V1__SandboxRequest q;
    Cloister__Pod__V1__Setting setting[CL_ARRAY_LEN(cr->spec->sysctl)];
    Cloister__Pod__V1__Setting *list[CL_ARRAY_LEN(cr->spec->sysctl)];
    cloister__pod__v1__sandbox_request__init(&q);
    q.sandbox_id = c->id;
    q.hostname = cr->spec->hostname;
    q.share_processes = cr->spec->share_processes;
    for (size_t i = 0; i < cr->spec->sysctl_count; i++) {
        cloister__pod__v1__setting__init(&setting[i]);
        setting[i].name = cr->spec->sysctl[i].name;
        setting[i].value = cr->spec->sysctl[i].value;
        list[q.n_sysctls++] = &setting[i];
    }
    q.sysctls = list;
    struct cl_err err = {0};
    if (shim_network_tell(c->pod->network, &q, &err) != CL_OK) {
        creation_failed(cr, SHIM_CODE_EXHAUSTED, err.msg);
        return;
    }
    const struct job_spec spec = {.proc = &c->init,
                                  .method = "Sandbox",
                                  .request = &q.base,
                                  .timeout_ms = c->pod->cfg.times.call,
                                  .done = on_sandbox};
    struct shim_pod *pod = c->pod;
    pod_call(pod, &spec);
    shim_network_told(pod->network); /* it is in the request */
}

/* --- the VM
 * ------------------------------------------------------------------------------------------- */

static void on_boot_timeout(evutil_socket_t fd, short what, void *ctx)
{
    struct creation *cr = ctx;
    char text[96];
    (void)fd;
    (void)what;
    (void)snprintf(text, sizeof(text), "the guest did not answer within %u seconds of its start",
                   (unsigned)cr->c->pod->cfg.settings->boot_timeout_s);
    creation_failed(cr, SHIM_CODE_DEADLINE, text);
}

/* Not before: a simulated processor may have to make its keys, once for a machine. */
void creation_spawned(struct creation *cr)
{
    const struct timeval limit = {.tv_sec = (time_t)cr->c->pod->cfg.settings->boot_timeout_s};
    (void)event_add(cr->timer, &limit);
}

static enum cl_status enter_cgroup(struct creation *cr, struct cl_err *err)
{
    struct shim_pod *pod = cr->c->pod;
    if (cr->spec->cgroup_path == NULL || pod->cgroup != NULL) {
        return CL_OK;
    }
    enum cl_status st = shim_cgroup_enter(SHIM_CGROUP_ROOT, SHIM_CGROUP_SELF, cr->spec->cgroup_path,
                                          cr->c->id, &pod->cgroup, err);
    return st == CL_ERR_SYS ? CL_OK : st; /* a host without cgroups limits nothing */
}

static enum cl_status boot(struct creation *cr, struct cl_err *err)
{
    struct shim_pod *pod = cr->c->pod;
    const struct shim_spec *s = cr->spec;
    struct shim_vm_config vm = {.id = cr->c->id};
    CL_CLEANUP(cl_buf_done) struct cl_buf initdata = {0};
    CL_TRY(shim_size_for(pod->cfg.settings, s->cpus, s->memory, &vm.size, err));
    if (s->initdata != NULL) {
        CL_TRY(shim_initdata_decode(s->initdata, &initdata, err));
        vm.initdata = initdata.data;
        vm.initdata_len = initdata.len;
    }
    cr->timer = event_new(pod->cfg.daemon->base, -1, 0, on_boot_timeout, cr);
    if (cr->timer == NULL) {
        return cl_err_nomem(err, "creation");
    }
    if (s->netns != NULL && pod->network == NULL) {
        CL_TRY(shim_network_join(s->netns, &pod->network, err));
        pod_note_leftovers(pod);
    }
    CL_TRY(enter_cgroup(cr, err));
    CL_TRY(pod_boot(pod, &vm, err));
    cr->has_vm = true;
    return CL_OK;
}

/* --- the request
 * -------------------------------------------------------------------------------------- */

static enum cl_status read_spec(struct creation *cr, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf config = {0};
    char path[4096];
    const struct shim_config *settings = cr->c->pod->cfg.settings;
    const struct shim_translate_options options = {.kubelet_root = settings->kubelet,
                                                   .host_files = settings->host_files};
    if (cr->request->bundle[0] != '/' ||
        snprintf(path, sizeof(path), "%s/config.json", cr->request->bundle) >= (int)sizeof(path)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "bundle: expected an absolute path, got '%.100s'",
                          cr->request->bundle);
    }
    CL_TRY(cl_buf_read_file(&config, path, SHIM_SPEC_MAX, err));
    struct shim_spec *spec = calloc(1, sizeof(*spec));
    if (spec == NULL) {
        return cl_err_nomem(err, "specification");
    }
    enum cl_status st = shim_spec_translate(config.data, config.len, &options, spec, err);
    if (st != CL_OK) {
        free(spec);
        return cl_err_wrap(err, st, "config.json");
    }
    cr->spec = spec;
    if (spec->terminal != (cr->request->terminal != 0)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "config.json: process.terminal: expected %s as in the request",
                          cr->request->terminal ? "true" : "false");
    }
    return CL_OK;
}

/* Does this container belong here? */
static enum cl_status check_kind(const struct creation *cr, struct cl_err *err)
{
    const struct shim_pod *pod = cr->c->pod;
    const struct shim_spec *s = cr->spec;
    if (s->kind != SHIM_CONTAINER) {
        return pod->vm == NULL ? CL_OK
                               : cl_err_set(err, CL_ERR_REJECTED,
                                            "expected a container of this pod, got another pod");
    }
    const struct container *sandbox = pod_find(pod, s->sandbox_id);
    if (sandbox == NULL || sandbox->kind != SHIM_SANDBOX) {
        return cl_err_set(err, CL_ERR_REJECTED, "sandbox: expected one of this shim, got '%s'",
                          s->sandbox_id);
    }
    return sandbox->init.state == PROC_RUNNING && !sandbox->init.ended
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED, "sandbox '%s': expected running, got %s",
                            s->sandbox_id, sandbox->init.ended ? "stopped" : "created");
}

/* What has to be known of its volumes when it ends. */
static enum cl_status keep_own_volumes(struct creation *cr, struct cl_err *err)
{
    struct container *c = cr->c;
    const struct shim_spec *s = cr->spec;
    c->own = calloc(s->volume_count + 1, sizeof(c->own[0]));
    if (c->own == NULL) {
        return cl_err_nomem(err, "volumes");
    }
    for (size_t i = 0; i < s->volume_count; i++) {
        const struct shim_volume *v = &s->volume[i];
        if (!v->transient) {
            continue;
        }
        struct own_volume *o = &c->own[c->own_count];
        (void)snprintf(o->name, sizeof(o->name), "%s", v->name);
        o->result_path = v->kind == SHIM_VOLUME_RESULT ? strdup(v->host_path) : NULL;
        if (v->kind == SHIM_VOLUME_RESULT && o->result_path == NULL) {
            return cl_err_nomem(err, "volumes");
        }
        c->own_count++;
    }
    return CL_OK;
}

static enum cl_status prepare(struct creation *cr, struct cl_err *err)
{
    struct container *c = cr->c;
    const Containerd__Task__V2__CreateTaskRequest *r = cr->request;
    if (r->checkpoint[0] != '\0') {
        return cl_err_set(err, CL_ERR_REJECTED, "checkpoint: expected none, got '%.100s'",
                          r->checkpoint);
    }
    CL_TRY(read_spec(cr, err));
    c->kind = cr->spec->kind;
    CL_TRY(check_kind(cr, err));
    CL_TRY(keep_own_volumes(cr, err));
    c->bundle = strdup(r->bundle);
    if (c->bundle == NULL) {
        return cl_err_nomem(err, "container");
    }
    CL_TRY(proc_init(&c->init, c, "", r->terminal, r->stdin, r->stdout, r->stderr, err));
    return c->kind == SHIM_CONTAINER ? CL_OK : boot(cr, err);
}

/* A copy: the request goes when its function returns. */
static Containerd__Task__V2__CreateTaskRequest *
request_dup(const Containerd__Task__V2__CreateTaskRequest *r)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf packed = {0};
    size_t len = containerd__task__v2__create_task_request__get_packed_size(r);
    if (cl_buf_reserve(&packed, len, NULL) != CL_OK) {
        return NULL;
    }
    (void)containerd__task__v2__create_task_request__pack(r, packed.data);
    return containerd__task__v2__create_task_request__unpack(NULL, len, packed.data);
}

static struct creation *creation_new(struct shim_pod *pod, struct shim_rpc_call *call,
                                     const Containerd__Task__V2__CreateTaskRequest *r)
{
    struct creation *cr = calloc(1, sizeof(*cr));
    struct container *c = calloc(1, sizeof(*c));
    Containerd__Task__V2__CreateTaskRequest *copy = request_dup(r);
    if (cr == NULL || c == NULL || copy == NULL) {
        free(cr);
        free(c);
        containerd__task__v2__create_task_request__free_unpacked(copy, NULL);
        return NULL;
    }
    *cr = (struct creation){.c = c, .call = call, .request = copy};
    *c = (struct container){
        .pod = pod, .kind = SHIM_CONTAINER, .creation = cr, .next = pod->containers};
    (void)snprintf(c->id, sizeof(c->id), "%s", r->id);
    pod->containers = c;
    pod->container_count++;
    return cr;
}

static enum shim_code check_id(const struct shim_pod *pod, const char *id, struct cl_err *err)
{
    if (!id_good(id)) {
        (void)cl_err_set(err, CL_ERR_MALFORMED, ID_EXPECTED, "id", id);
        return SHIM_CODE_INVALID;
    }
    if (pod_find(pod, id) != NULL) {
        (void)cl_err_set(err, CL_ERR_REJECTED, "container '%s': exists already", id);
        return SHIM_CODE_EXISTS;
    }
    if (pod->container_count == SHIM_MAX_CONTAINERS) {
        (void)cl_err_set(err, CL_ERR_REJECTED, "pod: expected at most %u containers",
                         SHIM_MAX_CONTAINERS);
        return SHIM_CODE_EXHAUSTED;
    }
    return SHIM_CODE_OK;
}

void pod_create(void *ctx, struct shim_rpc_call *call,
                const Containerd__Task__V2__CreateTaskRequest *r)
{
    struct shim_pod *pod = ctx;
    struct cl_err err = {0};
    enum shim_code code = check_id(pod, r->id, &err);
    struct creation *cr = code == SHIM_CODE_OK ? creation_new(pod, call, r) : NULL;
    if (cr == NULL) {
        if (code == SHIM_CODE_OK) {
            (void)cl_err_nomem(&err, "container");
            code = SHIM_CODE_EXHAUSTED;
        }
        shim_answer_error(call, code, &err);
        return;
    }
    enum cl_status st = prepare(cr, &err);
    if (st != CL_OK) {
        creation_failed(cr, code_of(st), err.msg);
        return;
    }
    if (cr->c->kind == SHIM_CONTAINER) {
        make_volumes(cr);
    }
}
