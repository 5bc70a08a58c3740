/* SPDX-License-Identifier: Apache-2.0
 * shim_world.c - a pod with everything around it played by the test.
 */
#include "shim_world.h"

#include "base/io.h"
#include "base/json.h"
#include "events.pb-c.h"
#include "leftovers.h"

#ifndef WORLD_REAL_SPEC
#include "shim_world_spec.h"
#endif

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the loop
 * ------------------------------------------------------------------------------------------ */

void world_settle(struct world *w)
{
    for (int quiet = 0; quiet < 5;) {
        struct pollfd none = {.fd = -1};
        quiet = event_base_loop(w->base, EVLOOP_NONBLOCK) == 0 &&
                        event_base_get_num_events(w->base, EVENT_BASE_COUNT_ACTIVE) == 0
                    ? quiet + 1
                    : 0;
        (void)poll(&none, 0, 1);
    }
}

void world_until(struct world *w, const bool *flag)
{
    uint64_t end = cl_monotonic_us() + WORLD_ANY_TIME * UINT64_C(1000);
    while (!*flag) {
        ck_assert_msg(cl_monotonic_us() < end, "nothing came for long");
        (void)event_base_loop(w->base, EVLOOP_NONBLOCK);
        struct pollfd none = {.fd = -1};
        (void)poll(&none, 0, *flag ? 0 : 1);
    }
}

void world_pass(struct world *w, int ms)
{
    uint64_t end = cl_monotonic_us() + (uint64_t)ms * 1000;
    while (cl_monotonic_us() < end) {
        (void)event_base_loop(w->base, EVLOOP_NONBLOCK);
        struct pollfd none = {.fd = -1};
        (void)poll(&none, 0, 1);
    }
}

/* --- events
 * -------------------------------------------------------------------------------------------- */

#define TAKE_EVENT(lower, type, ...)                                                               \
    if (strcmp(url, "containerd.events." #type) == 0) {                                            \
        Containerd__Events__##type *e = containerd__events__##lower##__unpack(NULL, len, data);    \
        ck_assert_ptr_nonnull(e);                                                                  \
        (void)snprintf(line, size, __VA_ARGS__);                                                   \
        containerd__events__##lower##__free_unpacked(e, NULL);                                     \
    }

static void event_line(const char *url, const uint8_t *data, size_t len, char *line, size_t size)
{
    TAKE_EVENT(task_create, TaskCreate, "create %s", e->container_id)
    TAKE_EVENT(task_start, TaskStart, "start %s", e->container_id)
    TAKE_EVENT(task_delete, TaskDelete, "delete %s", e->container_id)
    TAKE_EVENT(task_exec_added, TaskExecAdded, "exec-added %s/%s", e->container_id, e->exec_id)
    TAKE_EVENT(task_exec_started, TaskExecStarted, "exec-started %s/%s", e->container_id,
               e->exec_id)
    TAKE_EVENT(task_oom, TaskOOM, "oom %s", e->container_id)
    TAKE_EVENT(task_paused, TaskPaused, "paused %s", e->container_id)
    TAKE_EVENT(task_resumed, TaskResumed, "resumed %s", e->container_id)
    TAKE_EVENT(task_exit, TaskExit, "exit %s%s%s %u", e->container_id,
               strcmp(e->id, e->container_id) == 0 ? "" : "/",
               strcmp(e->id, e->container_id) == 0 ? "" : e->id, (unsigned)e->exit_status)
}

static void on_event_request(void *ctx, struct shim_rpc_call *call, const char *service,
                             const char *method, const void *payload, size_t len)
{
    struct world *w = ctx;
    (void)service;
    (void)method;
    Containerd__Events__ForwardRequest *r =
        containerd__events__forward_request__unpack(NULL, len, payload);
    ck_assert_ptr_nonnull(r);
    ck_assert_uint_lt(w->event_count, WORLD_MAX_LINES);
    const Google__Protobuf__Any *any = r->envelope->event;
    char *line = w->event[w->event_count];
    event_line(any->type_url, any->value.data, any->value.len, line, sizeof(w->event[0]));
    ck_assert_int_ne(line[0], '\0');
    w->event_count++;
    containerd__events__forward_request__free_unpacked(r, NULL);
    shim_rpc_answer(call, SHIM_CODE_OK, NULL, NULL, 0);
}

static void on_events_closed(void *ctx, struct shim_rpc *rpc, const struct cl_err *why)
{
    struct world *w = ctx;
    (void)why;
    shim_rpc_free(rpc);
    w->events_rpc = NULL;
}

static void on_events_connect(evutil_socket_t fd, short what, void *ctx)
{
    struct world *w = ctx;
    const struct shim_rpc_callbacks cb = {
        .request = on_event_request, .closed = on_events_closed, .ctx = w};
    (void)what;
    int conn = accept4((int)fd, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(conn, 0);
    ck_assert_ptr_null(w->events_rpc);
    ck_assert_int_eq(shim_rpc_new(w->base, conn, &cb, &w->events_rpc, NULL), CL_OK);
}

bool event_is(const struct world *w, size_t index, const char *line)
{
    return index < w->event_count && strcmp(w->event[index], line) == 0;
}

bool event_seen(const struct world *w, const char *line)
{
    for (size_t i = 0; i < w->event_count; i++) {
        if (event_is(w, i, line)) {
            return true;
        }
    }
    return false;
}

size_t event_find(struct world *w, const char *line)
{
    for (int tries = 0; tries < WORLD_ANY_TIME / 5; tries++) {
        for (size_t i = 0; i < w->event_count; i++) {
            if (event_is(w, i, line)) {
                return i;
            }
        }
        world_pass(w, 5);
    }
    for (size_t i = 0; i < w->event_count; i++) {
        (void)fprintf(stderr, "event: %s\n", w->event[i]);
    }
    ck_abort_msg("no event '%s'", line);
}

/* --- the VM
 * -------------------------------------------------------------------------------------------- */

struct shim_vm {
    struct world *w;
};

static struct world *the_world; /* vm->start has no context of its own */

static void no_agent(void *ctx, int fd)
{
    (void)ctx;
    (void)close(fd);
}

static void on_vm_up(evutil_socket_t fd, short what, void *ctx)
{
    struct world *w = ctx;
    (void)fd;
    (void)what;
    w->vm_started = true;
    w->vm.spawned(w->vm.ctx);
    if (!w->vm_slow) {
        agent_calls(w);
    }
}

static void on_vm_end(evutil_socket_t fd, short what, void *ctx)
{
    struct world *w = ctx;
    (void)fd;
    (void)what;
    shim_rpc_free(w->agent);
    w->agent = NULL;
    w->vm_started = false;
    w->vm.ended(w->vm.ctx, "poweroff");
}

static enum cl_status fake_start(const struct shim_vm_config *cfg, struct shim_vm **ret_vm,
                                 struct cl_err *err)
{
    struct world *w = the_world;
    if (w->vm_fails) {
        return cl_err_set(err, CL_ERR_SYS, "no KVM");
    }
    struct shim_vm *vm = calloc(1, sizeof(*vm));
    vm->w = w;
    w->vm = cfg->cb;
    w->vm_memory = cfg->size.memory;
    w->vm_cpus = cfg->size.cpus;
    w->vm_net = cfg->net;
    const struct host_server_config server = {.base = w->base,
                                              .open_blob = cfg->cb.open_blob,
                                              .open_stdio = cfg->cb.open_stdio,
                                              .on_output_end = cfg->cb.output_end,
                                              .open_forward = cfg->cb.open_forward,
                                              .on_forward_end = cfg->cb.forward_end,
                                              .on_agent = no_agent,
                                              .ctx = cfg->cb.ctx};
    ck_assert_int_eq(host_server_new(&server, &w->server, NULL), CL_OK);
    event_active(w->vm_up_ev, 0, 0);
    *ret_vm = vm;
    return CL_OK;
}

static void fake_stop(struct shim_vm *vm)
{
    if (vm->w->vm_stops++ == 0 && !vm->w->vm_deaf) {
        event_active(vm->w->vm_end_ev, 0, 0);
    }
}

static void fake_free(struct shim_vm *vm)
{
    if (vm != NULL) {
        host_server_free(vm->w->server);
        vm->w->server = NULL;
        free(vm);
    }
}

static pid_t fake_pid(const struct shim_vm *vm)
{
    return vm->w->vm_started ? WORLD_PID : 0;
}

static size_t fake_processes(const struct shim_vm *vm, pid_t ret[SHIM_VM_MAX_PROCESSES])
{
    (void)vm;
    ret[0] = getpid();
    return 1;
}

static const char *fake_folder(const struct shim_vm *vm)
{
    return vm->w->dir;
}

static enum cl_status fake_attach(struct shim_vm *vm, unsigned slot, int fd, struct cl_err *err)
{
    vm->w->vm_disks |= 1u << slot;
    return fd >= 0 ? CL_OK : cl_err_set(err, CL_ERR_REJECTED, "slot %u: no disk", slot);
}

static const struct shim_vm_ops fake_vm = {.start = fake_start,
                                           .stop = fake_stop,
                                           .free = fake_free,
                                           .pid = fake_pid,
                                           .processes = fake_processes,
                                           .attach = fake_attach,
                                           .folder = fake_folder};

void vm_dies(struct world *w)
{
    event_active(w->vm_end_ev, 0, 0);
    world_settle(w);
}

/* --- the agent
 * ----------------------------------------------------------------------------------------- */

void agent_on(struct world *w, const struct behaviour *b)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(w->behave); i++) {
        if (w->behave[i].method == NULL || strcmp(w->behave[i].method, b->method) == 0) {
            w->behave[i] = *b;
            return;
        }
    }
    ck_abort_msg("too many behaviours");
}

static const struct behaviour *behaviour_of(const struct world *w, const char *method)
{
    static const struct behaviour fine = {.reply = REPLY_OK};
    static const struct behaviour hold = {.reply = REPLY_HOLD};
    for (size_t i = 0; i < CL_ARRAY_LEN(w->behave) && w->behave[i].method != NULL; i++) {
        if (strcmp(w->behave[i].method, method) == 0) {
            return &w->behave[i];
        }
    }
    return strcmp(method, "Wait") == 0 || strcmp(method, "NextEvent") == 0 ? &hold : &fine;
}

/* "c1", "c1/e1": fields 1 and 2 of most requests. */
static void who_of(const char *method, const void *payload, size_t len, char *ret, size_t size,
                   char *more, size_t more_size)
{
    more[0] = '\0';
    if (strcmp(method, "Exec") == 0) {
        Cloister__Pod__V1__ExecRequest *r =
            cloister__pod__v1__exec_request__unpack(NULL, len, payload);
        ck_assert_ptr_nonnull(r);
        (void)snprintf(ret, size, "%s/%s", r->container_id, r->exec_id);
        cloister__pod__v1__exec_request__free_unpacked(r, NULL);
        return;
    }
    if (strcmp(method, "Kill") == 0) {
        Cloister__Pod__V1__KillRequest *r =
            cloister__pod__v1__kill_request__unpack(NULL, len, payload);
        ck_assert_ptr_nonnull(r);
        (void)snprintf(ret, size, "%s%s%s", r->container_id, r->exec_id[0] != '\0' ? "/" : "",
                       r->exec_id);
        (void)snprintf(more, more_size, " %u%s", (unsigned)r->signal, r->all ? " all" : "");
        cloister__pod__v1__kill_request__free_unpacked(r, NULL);
        return;
    }
    if (strcmp(method, "Forward") == 0) {
        Cloister__Pod__V1__ForwardRequest *r =
            cloister__pod__v1__forward_request__unpack(NULL, len, payload);
        (void)snprintf(ret, size, "%u %u", (unsigned)r->id, (unsigned)r->port);
        cloister__pod__v1__forward_request__free_unpacked(r, NULL);
        return;
    }
    if (strcmp(method, "Resize") == 0) {
        Cloister__Pod__V1__ResizeRequest *r =
            cloister__pod__v1__resize_request__unpack(NULL, len, payload);
        ck_assert_ptr_nonnull(r);
        (void)snprintf(ret, size, "%s%s%s", r->container_id, r->exec_id[0] != '\0' ? "/" : "",
                       r->exec_id);
        (void)snprintf(more, more_size, " %ux%u", (unsigned)r->rows, (unsigned)r->cols);
        cloister__pod__v1__resize_request__free_unpacked(r, NULL);
        return;
    }
    bool two = strcmp(method, "Start") == 0 || strcmp(method, "Wait") == 0 ||
               strcmp(method, "Delete") == 0;
    if (two) {
        Cloister__Pod__V1__ProcessRequest *r =
            cloister__pod__v1__process_request__unpack(NULL, len, payload);
        ck_assert_ptr_nonnull(r);
        (void)snprintf(ret, size, "%s%s%s", r->container_id, r->exec_id[0] != '\0' ? "/" : "",
                       r->exec_id);
        cloister__pod__v1__process_request__free_unpacked(r, NULL);
        return;
    }
    /* field 1, a string, of the rest */
    Cloister__Pod__V1__ContainerRequest *r =
        cloister__pod__v1__container_request__unpack(NULL, len, payload);
    (void)snprintf(ret, size, "%s", r != NULL ? r->container_id : "");
    cloister__pod__v1__container_request__free_unpacked(r, NULL);
}

static void answer_wait(struct shim_rpc_call *call, uint32_t status)
{
    Cloister__Pod__V1__WaitResponse r;
    uint8_t out[16];
    cloister__pod__v1__wait_response__init(&r);
    r.status = status;
    size_t len = cloister__pod__v1__wait_response__pack(&r, out);
    shim_rpc_answer(call, SHIM_CODE_OK, NULL, out, len);
}

static void on_agent_request(void *ctx, struct shim_rpc_call *call, const char *service,
                             const char *method, const void *payload, size_t len)
{
    struct world *w = ctx;
    char who[180];
    char more[32];
    ck_assert_str_eq(service, "cloister.pod.v1.Pod");
    who_of(method, payload, len, who, sizeof(who), more, sizeof(more));
    ck_assert_uint_lt(w->said_count, WORLD_MAX_LINES);
    (void)snprintf(w->said[w->said_count++], sizeof(w->said[0]), "%s%s%s%s", method,
                   who[0] != '\0' ? " " : "", who, more);
    if (strcmp(method, "Sandbox") == 0) {
        cl_buf_reset(&w->sandbox);
        ck_assert_int_eq(cl_buf_append(&w->sandbox, payload, len, NULL), CL_OK);
    }
    const struct behaviour *b = behaviour_of(w, method);
    if (b->reply == REPLY_HOLD) {
        ck_assert_uint_lt(w->kept_count, WORLD_MAX_KEPT);
        struct kept *k = &w->kept[w->kept_count++];
        k->call = call;
        (void)snprintf(k->method, sizeof(k->method), "%.15s", method);
        (void)snprintf(k->who, sizeof(k->who), "%s", who);
    } else if (b->reply == REPLY_CODE) {
        shim_rpc_answer(call, (enum shim_code)b->code, b->message, NULL, 0);
    } else if (b->reply == REPLY_BYTES) {
        shim_rpc_answer(call, SHIM_CODE_OK, NULL, b->bytes, b->len);
    } else {
        shim_rpc_answer(call, SHIM_CODE_OK, NULL, NULL, 0);
        if (w->agent_ends_on_kill && strcmp(method, "Kill") == 0) {
            agent_exit(w, who, 128 + (uint32_t)strtoul(more, NULL, 10));
        }
    }
}

void agent_calls(struct world *w)
{
    int pair[2];
    const struct shim_rpc_callbacks cb = {.request = on_agent_request, .ctx = w};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(shim_rpc_new(w->base, pair[0], &cb, &w->agent, NULL), CL_OK);
    w->vm.agent(w->vm.ctx, pair[1]);
}

void agent_exit(struct world *w, const char *who, uint32_t status)
{
    for (size_t i = 0; i < w->kept_count; i++) {
        struct kept *k = &w->kept[i];
        if (k->call != NULL && strcmp(k->method, "Wait") == 0 && strcmp(k->who, who) == 0) {
            answer_wait(k->call, status);
            k->call = NULL;
        }
    }
}

void agent_answer(struct world *w, const char *method, int code, const void *payload, size_t len)
{
    unsigned count = 0;
    for (size_t i = 0; i < w->kept_count; i++) {
        struct kept *k = &w->kept[i];
        if (k->call != NULL && strcmp(k->method, method) == 0) {
            struct shim_rpc_call *call = k->call;
            k->call = NULL;
            shim_rpc_answer(call, (enum shim_code)code, code != 0 ? "so it is" : NULL, payload,
                            len);
            count++;
        }
    }
    ck_assert_msg(count > 0, "no %s is kept", method);
}

int agent_stream(struct world *w, const char *process, unsigned stream)
{
    int pair[2];
    char line[256];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    host_server_take(w->server, HOST_PORT_STDIO, pair[1]);
    int len = snprintf(line, sizeof(line), "%s%s %u\n", process == NULL ? "CLFWD1" : "CLSTDIO1 ",
                       process == NULL ? "" : process, stream);
    ck_assert_int_eq(write(pair[0], line, (size_t)len), len);
    world_settle(w);
    return pair[0];
}

/* --- images
 * --------------------------------------------------------------------------------------------- */

struct shim_image {
    struct world *w;
    struct event *ev;
    shim_image_done done;
    void *ctx;
};

static void on_image(evutil_socket_t fd, short what, void *ctx)
{
    struct shim_image *i = ctx;
    struct cl_err err = {0};
    (void)fd;
    (void)what;
    if (i->w->image_fails) {
        (void)cl_err_set(&err, CL_ERR_UNAVAILABLE, "image 'a:b': no such image");
        i->done(i->ctx, CL_ERR_UNAVAILABLE, NULL, &err);
        return;
    }
    i->done(i->ctx, CL_OK,
            "sha256:0000000000000000000000000000000000000000000000000000000000000000", &err);
}

static enum cl_status fake_resolve(void *ctx, const struct shim_image_request *r,
                                   shim_image_done done, void *done_ctx, struct shim_image **ret,
                                   struct cl_err *err)
{
    struct world *w = ctx;
    struct shim_image *i = calloc(1, sizeof(*i));
    (void)r;
    (void)err;
    *i = (struct shim_image){.w = w, .done = done, .ctx = done_ctx};
    i->ev = event_new(w->base, -1, 0, on_image, i);
    if (!w->image_holds) {
        event_active(i->ev, 0, 0);
    }
    w->images++;
    *ret = i;
    return CL_OK;
}

static enum cl_status fake_open_blob(struct shim_image *i, const uint8_t digest[CL_SHA256_SIZE],
                                     int *ret_fd, uint64_t *ret_size, struct cl_err *err)
{
    (void)i;
    if (digest[0] != 0xab) {
        return cl_err_set(err, CL_ERR_REJECTED, "blob: not of this image");
    }
    *ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    *ret_size = 0;
    return CL_OK;
}

static void fake_release(struct shim_image *i)
{
    if (i != NULL) {
        i->w->images--;
        event_free(i->ev);
        free(i);
    }
}

/* --- containerd
 * ---------------------------------------------------------------------------------------- */

static void on_answer(void *ctx, int code, const char *message, const void *payload, size_t len)
{
    struct answer *a = ctx;
    a->done = true;
    a->code = code;
    (void)snprintf(a->message, sizeof(a->message), "%s", message);
    ck_assert_int_eq(cl_buf_append(&a->payload, payload, len, NULL), CL_OK);
}

void answer_done(struct answer *a)
{
    cl_buf_done(&a->payload);
    *a = (struct answer){0};
}

void world_begin(struct world *w, const char *method, const ProtobufCMessage *m, struct answer *a)
{
    struct cl_buf out = {0};
    size_t len = protobuf_c_message_get_packed_size(m);
    answer_done(a);
    ck_assert_int_eq(cl_buf_reserve(&out, len, NULL), CL_OK);
    out.len = protobuf_c_message_pack(m, out.data);
    ck_assert_int_eq(shim_rpc_invoke(w->client, "containerd.task.v2.Task", method, out.data,
                                     out.len, -1, on_answer, a, NULL),
                     CL_OK);
    cl_buf_done(&out);
}

void world_call(struct world *w, const char *method, const ProtobufCMessage *m, struct answer *a)
{
    world_begin(w, method, m, a);
    world_until(w, &a->done);
}

void world_bundle(struct world *w, const char *id, const char *config, char ret[static 160])
{
    char path[200];
    (void)snprintf(ret, 160, "%s/%s", w->dir, id);
    (void)mkdir(ret, 0700);
    (void)snprintf(path, sizeof(path), "%s/config.json", ret);
    ck_assert_int_eq(cl_write_file(path, config, strlen(config), 0600, NULL), CL_OK);
}

void world_create_begin(struct world *w, const char *id, const char *config, const char *in,
                        const char *out, const char *err, struct answer *a)
{
    Containerd__Task__V2__CreateTaskRequest r;
    containerd__task__v2__create_task_request__init(&r);
    char bundle[160];
    char path[3][200];
    const char *const given[3] = {in, out, err};
    world_bundle(w, id, config, bundle);
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(path[i], sizeof(path[i]), "%s", given[i] != NULL ? given[i] : "");
    }
    char name[200];
    (void)snprintf(name, sizeof(name), "%s", id);
    r.id = name;
    r.bundle = bundle;
    r.stdin = path[0];
    r.stdout = path[1];
    r.stderr = path[2];
    r.terminal = strstr(config, "\"terminal\":true") != NULL;
    world_begin(w, "Create", &r.base, a);
}

int world_create(struct world *w, const char *id, const char *config, struct answer *a)
{
    world_create_begin(w, id, config, NULL, NULL, NULL, a);
    world_until(w, &a->done);
    return a->code;
}

#define WITH_NAMES(id_, exec_)                                                                     \
    char id_copy[200];                                                                             \
    char exec_copy[200];                                                                           \
    (void)snprintf(id_copy, sizeof(id_copy), "%s", id_);                                           \
    (void)snprintf(exec_copy, sizeof(exec_copy), "%s", (exec_) != NULL ? (exec_) : "");            \
    r.id = id_copy;                                                                                \
    r.exec_id = exec_copy

int world_start(struct world *w, const char *id, const char *exec, struct answer *a)
{
    Containerd__Task__V2__StartRequest r;
    containerd__task__v2__start_request__init(&r);
    WITH_NAMES(id, exec);
    world_call(w, "Start", &r.base, a);
    return a->code;
}

int world_exec(struct world *w, const char *id, const char *exec, struct answer *a)
{
    Containerd__Task__V2__ExecProcessRequest r;
    containerd__task__v2__exec_process_request__init(&r);
    Google__Protobuf__Any spec;
    google__protobuf__any__init(&spec);
    uint8_t json[] = "{}";
    char url[] = "types.containerd.io/opencontainers/runtime-spec/1/Process";
    WITH_NAMES(id, exec);
    spec.type_url = url;
    spec.value = (ProtobufCBinaryData){.data = json, .len = 2};
    r.spec = &spec;
    world_call(w, "Exec", &r.base, a);
    return a->code;
}

int world_kill(struct world *w, const char *id, const char *exec, uint32_t sig, struct answer *a)
{
    Containerd__Task__V2__KillRequest r;
    containerd__task__v2__kill_request__init(&r);
    WITH_NAMES(id, exec);
    r.signal = sig;
    world_call(w, "Kill", &r.base, a);
    return a->code;
}

int world_delete(struct world *w, const char *id, const char *exec, struct answer *a)
{
    Containerd__Task__V2__DeleteRequest r;
    containerd__task__v2__delete_request__init(&r);
    WITH_NAMES(id, exec);
    world_call(w, "Delete", &r.base, a);
    return a->code;
}

void world_wait_begin(struct world *w, const char *id, const char *exec, struct answer *a)
{
    Containerd__Task__V2__WaitRequest r;
    containerd__task__v2__wait_request__init(&r);
    WITH_NAMES(id, exec);
    world_begin(w, "Wait", &r.base, a);
}

int world_state(struct world *w, const char *id, const char *exec,
                Containerd__Task__V2__StateResponse **ret)
{
    struct answer a = {0};
    Containerd__Task__V2__StateRequest r;
    containerd__task__v2__state_request__init(&r);
    WITH_NAMES(id, exec);
    world_call(w, "State", &r.base, &a);
    if (a.code == 0) {
        *ret = containerd__task__v2__state_response__unpack(NULL, a.payload.len, a.payload.data);
        ck_assert_ptr_nonnull(*ret);
    }
    int code = a.code;
    answer_done(&a);
    return code;
}

int world_status(struct world *w, const char *id, const char *exec)
{
    Containerd__Task__V2__StateResponse *s = NULL;
    int code = world_state(w, id, exec, &s);
    int status = code == 0 ? (int)s->status : -code;
    if (s != NULL) {
        containerd__task__v2__state_response__free_unpacked(s, NULL);
    }
    return status;
}

uint32_t wait_status(const struct answer *a)
{
    ck_assert(a->done);
    ck_assert_msg(a->code == 0, "%d %s", a->code, a->message);
    Containerd__Task__V2__WaitResponse *r =
        containerd__task__v2__wait_response__unpack(NULL, a->payload.len, a->payload.data);
    ck_assert_ptr_nonnull(r);
    ck_assert_ptr_nonnull(r->exited_at);
    ck_assert_int_gt(r->exited_at->seconds, 0);
    uint32_t status = r->exit_status;
    containerd__task__v2__wait_response__free_unpacked(r, NULL);
    return status;
}

/* --- up and down
 * ---------------------------------------------------------------------------------------- */

static void on_finish(struct shim_daemon *d)
{
    struct world *w = the_world;
    ck_assert_ptr_eq(d, &w->daemon);
    w->finished++;
}

static void make_publisher(struct world *w)
{
    char path[108];
    (void)snprintf(path, sizeof(path), "%s/events.sock", w->dir);
    ck_assert_int_eq(cl_unix_listen(path, &w->events_fd, NULL), CL_OK);
    w->events_ev = event_new(w->base, w->events_fd, EV_READ | EV_PERSIST, on_events_connect, w);
    ck_assert_int_eq(event_add(w->events_ev, NULL), 0);
    const struct shim_publisher_config cfg = {.name_space = "k8s.io", .ttrpc_address = path};
    ck_assert_int_eq(shim_publisher_new(w->base, &cfg, &w->daemon.publisher, NULL), CL_OK);
}

static void make_service(struct world *w)
{
    char path[108];
    int listener = -1;
    int fd = -1;
    struct shim_task_ops ops;
    static const struct shim_rpc_callbacks none = {0};
    (void)snprintf(path, sizeof(path), "%s/task.sock", w->dir);
    ck_assert_int_eq(cl_unix_listen(path, &listener, NULL), CL_OK);
    shim_pod_ops(w->pod, &ops);
    ck_assert_int_eq(shim_service_new(w->base, listener, &ops, &w->service, NULL), CL_OK);
    ck_assert_int_eq(cl_unix_connect(path, &fd, NULL), CL_OK);
    ck_assert_int_eq(shim_rpc_new(w->base, fd, &none, &w->client, NULL), CL_OK);
}

int world_call_ms = 300;

void world_up_on(struct world *w, const struct shim_vm_ops *vm, const struct shim_image_ops *images)
{
    (void)signal(SIGPIPE, SIG_IGN);
    *w = (struct world){.events_fd = -1};
    the_world = w;
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/shim-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(w->dir));
    w->base = event_base_new();
    w->vm_end_ev = event_new(w->base, -1, 0, on_vm_end, w);
    w->vm_up_ev = event_new(w->base, -1, 0, on_vm_up, w);
    shim_config_default(&w->settings);
    w->daemon = (struct shim_daemon){
        .base = w->base, .name_space = "k8s.io", .id = "sb", .bundle = w->dir, .finish = on_finish};
    make_publisher(w);
    const struct shim_pod_config cfg = {
        .daemon = &w->daemon,
        .settings = &w->settings,
        .vm = vm,
        .images = images,
        .times = {.call = world_call_ms, .stats = 300, .drain = 300, .kill = 500}};
    ck_assert_int_eq(shim_pod_new(&cfg, &w->pod, NULL), CL_OK);
    make_service(w);
}

void world_up(struct world *w)
{
    static struct shim_image_ops images;
    images = (struct shim_image_ops){
        .ctx = w, .resolve = fake_resolve, .open_blob = fake_open_blob, .release = fake_release};
    world_up_on(w, &fake_vm, &images);
}

void world_down(struct world *w)
{
    char command[128];
    shim_pod_free(w->pod);
    ck_assert_uint_eq(w->images, 0);
    for (size_t i = 0; i < w->kept_count; i++) {
        if (w->kept[i].call != NULL) {
            shim_rpc_answer(w->kept[i].call, SHIM_CODE_CANCELED, NULL, NULL, 0);
        }
    }
    shim_rpc_free(w->agent);
    shim_rpc_free(w->client);
    shim_service_free(w->service);
    shim_publisher_free(w->daemon.publisher);
    shim_rpc_free(w->events_rpc);
    event_free(w->events_ev);
    (void)close(w->events_fd);
    event_free(w->vm_end_ev);
    event_free(w->vm_up_ev);
    event_base_free(w->base);
    cl_buf_done(&w->sandbox);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
    char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, command, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        (void)execv("/bin/sh", argv);
        _exit(127);
    }
    (void)waitpid(pid, NULL, 0);
}
