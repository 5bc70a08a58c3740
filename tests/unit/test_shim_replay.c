/* SPDX-License-Identifier: Apache-2.0
 * test_shim_replay.c - what several versions of containerd said to a shim, recorded
 * (tests/vectors/shim/README.md), said again: each call is understood, each request reaches its
 * function and is answered without an error.
 */
#include "check_main.h"

#include "args.h"
#include "base/io.h"
#include "base/json.h"
#include "service.h"
#include "shim_rig.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_RECORD (1u << 20)
#define MAX_ARGS 32
#define BUNDLES "/tmp/pods/state/io.containerd.runtime.v2.task/"
#define CONFIG "/tmp/pods/cloister.toml"

static const struct version {
    const char *name;
    bool params; /* BootstrapParams on stdin */
    const char *service;
} versions[] = {
    {"1.6", false, "containerd.task.v2.Task"},
    {"1.7", false, "containerd.task.v2.Task"},
    {"2.1", false, "containerd.task.v2.Task"},
    {"2.3", true, "containerd.task.v3.Task"},
};

static const struct timespec when = {.tv_sec = 1700000000};

/* The methods in the order in which an answering shim would tell them. */
enum method {
    CONNECT,
    CREATE,
    START,
    WAIT,
    STATE,
    EXEC,
    KILL,
    PAUSE,
    RESUME,
    STATS,
    UPDATE,
    DELETE,
    SHUTDOWN,
    PIDS,
    METHODS
};
static const char *const method_names[METHODS] = {
    "Connect", "Create", "Start", "Wait",   "State",  "Exec",     "Kill",
    "Pause",   "Resume", "Stats", "Update", "Delete", "Shutdown", "Pids"};
/* By the calls that the recording made, whatever the version. */
static const enum method always[] = {CREATE, START,  WAIT,  STATE,  EXEC,  KILL,
                                     PAUSE,  RESUME, STATS, UPDATE, DELETE};

struct world {
    struct event_base *base;
    struct shim_service *service;
    char path[64];
    unsigned seen[METHODS];
};

static bool ends(const char *text, const char *end)
{
    size_t n = strlen(text);
    return n >= strlen(end) && strcmp(text + n - strlen(end), end) == 0;
}

static void see(struct world *w, enum method m, const char *id)
{
    ck_assert_uint_gt(strlen(id), 0);
    w->seen[m]++;
}

#define EMPTY_OP(name, METHOD, Type)                                                               \
    static void on_##name(void *ctx, struct shim_rpc_call *call,                                   \
                          const Containerd__Task__V2__##Type *r)                                   \
    {                                                                                              \
        see(ctx, METHOD, r->id);                                                                   \
        shim_answer_empty(call);                                                                   \
    }
EMPTY_OP(pause, PAUSE, PauseRequest)
EMPTY_OP(resume, RESUME, ResumeRequest)
EMPTY_OP(shutdown, SHUTDOWN, ShutdownRequest)

static void on_kill(void *ctx, struct shim_rpc_call *call,
                    const Containerd__Task__V2__KillRequest *r)
{
    ck_assert_uint_gt(r->signal, 0);
    see(ctx, KILL, r->id);
    shim_answer_empty(call);
}

static void on_exec(void *ctx, struct shim_rpc_call *call,
                    const Containerd__Task__V2__ExecProcessRequest *r)
{
    ck_assert_uint_gt(strlen(r->exec_id), 0);
    ck_assert_ptr_nonnull(r->spec);
    ck_assert(ends(r->spec->type_url, "/1/Process"));
    see(ctx, EXEC, r->id);
    shim_answer_empty(call);
}

static void on_update(void *ctx, struct shim_rpc_call *call,
                      const Containerd__Task__V2__UpdateTaskRequest *r)
{
    ck_assert_ptr_nonnull(r->resources);
    ck_assert(ends(r->resources->type_url, "/1/LinuxResources"));
    see(ctx, UPDATE, r->id);
    shim_answer_empty(call);
}

static void on_state(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__StateRequest *r)
{
    see(ctx, STATE, r->id);
    struct shim_state s = {.id = r->id,
                           .exec_id = r->exec_id,
                           .bundle = "/b",
                           .pid = 7,
                           .status = CONTAINERD__TASK__V2__STATUS__RUNNING};
    shim_answer_state(call, &s);
}

static void on_create(void *ctx, struct shim_rpc_call *call,
                      const Containerd__Task__V2__CreateTaskRequest *r)
{
    ck_assert(strncmp(r->bundle, BUNDLES, strlen(BUNDLES)) == 0);
    ck_assert(ends(r->bundle, r->id));
    ck_assert_uint_gt(r->n_rootfs, 0);
    see(ctx, CREATE, r->id);
    shim_answer_create(call, 4711);
}

static void on_start(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__StartRequest *r)
{
    see(ctx, START, r->id);
    shim_answer_start(call, 4711);
}

static void on_delete(void *ctx, struct shim_rpc_call *call,
                      const Containerd__Task__V2__DeleteRequest *r)
{
    see(ctx, DELETE, r->id);
    shim_answer_delete(call, 4711, 137, when);
}

static void on_pids(void *ctx, struct shim_rpc_call *call,
                    const Containerd__Task__V2__PidsRequest *r)
{
    struct shim_pid pid = {.pid = 4711};
    see(ctx, PIDS, r->id);
    shim_answer_pids(call, &pid, 1);
}

static void on_wait(void *ctx, struct shim_rpc_call *call,
                    const Containerd__Task__V2__WaitRequest *r)
{
    see(ctx, WAIT, r->id);
    shim_answer_wait(call, 137, when);
}

static void on_stats(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__StatsRequest *r)
{
    see(ctx, STATS, r->id);
    shim_answer_stats(call, "t", "\x01", 1);
}

static void on_connect(void *ctx, struct shim_rpc_call *call,
                       const Containerd__Task__V2__ConnectRequest *r)
{
    see(ctx, CONNECT, r->id);
    shim_answer_connect(call, 5, 6);
}

static void setup(struct world *w)
{
    struct shim_task_ops ops = {.ctx = w,
                                .state = on_state,
                                .create = on_create,
                                .start = on_start,
                                .del = on_delete,
                                .pids = on_pids,
                                .pause = on_pause,
                                .resume = on_resume,
                                .kill = on_kill,
                                .exec = on_exec,
                                .update = on_update,
                                .wait = on_wait,
                                .stats = on_stats,
                                .connect = on_connect,
                                .shutdown = on_shutdown};
    int fd = -1;
    *w = (struct world){.base = event_base_new()};
    ck_assert_ptr_nonnull(w->base);
    (void)snprintf(w->path, sizeof(w->path), "/tmp/shim-replay-%d", (int)getpid());
    ck_assert_int_eq(cl_unix_listen(w->path, &fd, NULL), CL_OK);
    ck_assert_int_eq(shim_service_new(w->base, fd, &ops, &w->service, NULL), CL_OK);
}

static void teardown(struct world *w)
{
    shim_service_free(w->service);
    event_base_free(w->base);
    (void)unlink(w->path);
}

/* Says one connection's bytes again, frame by frame, and reads an answer to each. */
static unsigned replay(struct world *w, const struct version *v, const char *path)
{
    struct cl_buf bytes = {0};
    unsigned requests = 0;
    int fd = -1;
    ck_assert_int_eq(cl_buf_read_file(&bytes, path, MAX_RECORD, NULL), CL_OK);
    ck_assert_int_eq(cl_unix_connect(w->path, &fd, NULL), CL_OK);
    rig_settle(w->base);
    for (size_t at = 0; at < bytes.len; requests++) {
        struct cl_ttrpc_header h;
        struct cl_ttrpc_request request;
        ck_assert_uint_ge(bytes.len - at, CL_TTRPC_HEADER_SIZE);
        ck_assert_int_eq(cl_ttrpc_header_parse(bytes.data + at, &h, NULL), CL_OK);
        size_t frame = CL_TTRPC_HEADER_SIZE + h.data_len;
        ck_assert_uint_ge(bytes.len - at, frame);
        ck_assert_int_eq(h.type, CL_TTRPC_REQUEST);
        ck_assert_int_eq(cl_ttrpc_request_parse(bytes.data + at + CL_TTRPC_HEADER_SIZE, h.data_len,
                                                &request, NULL),
                         CL_OK);
        ck_assert_msg(strcmp(request.service, v->service) == 0,
                      "%s: %s: service: expected %s, got %s", path, request.method, v->service,
                      request.service);
        cl_ttrpc_request_done(&request);
        ck_assert_int_eq(send(fd, bytes.data + at, frame, 0), (ssize_t)frame);
        struct cl_ttrpc_response answer = rig_response(w->base, fd, h.stream, SHIM_CODE_OK);
        cl_ttrpc_response_done(&answer);
        at += frame;
    }
    (void)close(fd);
    rig_settle(w->base);
    cl_buf_done(&bytes);
    return requests;
}

static size_t unhex(const char *text, uint8_t *out, size_t size)
{
    size_t len = strlen(text) / 2;
    ck_assert_uint_le(len, size);
    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;
        ck_assert_int_eq(sscanf(text + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return len;
}

static void environment(const json_t *call)
{
    static const char *const names[] = {"TTRPC_ADDRESS", "GRPC_ADDRESS", "NAMESPACE",
                                        "MAX_SHIM_VERSION"};
    const json_t *all = json_object_get(call, "environment");
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        const json_t *value = json_object_get(all, names[i]);
        int rc = value != NULL ? setenv(names[i], json_string_value(value), /* overwrite= */ 1)
                               : unsetenv(names[i]);
        ck_assert_int_eq(rc, 0);
    }
}

/* One run of the program: flags, environment and stdin are understood. Tells whether it was a start
 * with a configuration. */
static bool call(const struct version *v, const char *path)
{
    static uint8_t given[65536];
    static char text[MAX_ARGS][256];
    char program[] = "shim";
    char *argv[MAX_ARGS] = {program};
    struct shim_args a = {.action = SHIM_NO_ACTION};
    struct cl_err err = {0};
    json_t *j = NULL;
    ck_assert_int_eq(cl_json_read_file(path, MAX_RECORD, &j, NULL), CL_OK);
    const json_t *words = json_object_get(j, "arguments");
    size_t count = json_array_size(words);
    ck_assert_uint_lt(count, MAX_ARGS);
    for (size_t i = 0; i < count; i++) {
        const char *word = json_string_value(json_array_get(words, i));
        ck_assert_uint_lt(strlen(word), sizeof(text[i]));
        (void)snprintf(text[i], sizeof(text[i]), "%s", word);
        argv[i + 1] = text[i];
    }
    environment(j);
    size_t len = unhex(json_string_value(json_object_get(j, "stdin")), given, sizeof(given));
    ck_assert_msg(shim_args_parse((int)count + 1, argv, &a, &err) == CL_OK, "%s: %s", path,
                  err.msg);
    bool start = a.action == SHIM_START;
    if (start) {
        ck_assert_msg(shim_args_take_stdin(&a, given, len, &err) == CL_OK, "%s: %s", path, err.msg);
        ck_assert_int_eq(a.bootstrap, v->params);
    }
    if (start || a.action == SHIM_DELETE) {
        ck_assert_msg(shim_args_complete(&a, &err) == CL_OK, "%s: %s", path, err.msg);
        ck_assert_str_eq(a.address, "/tmp/pods/containerd.sock");
        ck_assert_str_eq(a.ttrpc_address, "/tmp/pods/containerd.sock.ttrpc");
    }
    bool configured = start && a.config_path != NULL && strcmp(a.config_path, CONFIG) == 0;
    shim_args_done(&a);
    json_decref(j);
    return configured;
}

START_TEST(test_recorded)
{
    const struct version *v = &versions[_i];
    char folder[256];
    struct dirent **names = NULL;
    struct world w;
    unsigned requests = 0;
    unsigned configured = 0;
    (void)snprintf(folder, sizeof(folder), SHIM_VECTORS "/%s", v->name);
    int count = scandir(folder, &names, NULL, alphasort);
    ck_assert_msg(count > 0, "'%s': expected records", folder);
    setup(&w);
    for (int i = 0; i < count; i++) {
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        if (ends(path, ".ttrpc")) {
            requests += replay(&w, v, path);
        } else if (ends(path, ".json")) {
            configured += call(v, path);
        }
        free(names[i]);
    }
    free(names);
    teardown(&w);
    ck_assert_uint_gt(requests, 20);
    ck_assert_uint_ge(configured, 2); /* one of ctr's, one of a pod's */
    for (size_t i = 0; i < CL_ARRAY_LEN(always); i++) {
        ck_assert_msg(w.seen[always[i]] > 0, "%s: no %s was recorded", v->name,
                      method_names[always[i]]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_replay");
    TCase *t = tcase_create("shim_replay");
    tcase_add_loop_test(t, test_recorded, 0, CL_ARRAY_LEN(versions));
    suite_add_tcase(s, t);
    return run_suite(s);
}
