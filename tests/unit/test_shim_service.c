/* SPDX-License-Identifier: Apache-2.0
 * test_shim_service.c - the Task server: many connections, both versions, every method and every
 * answer, and requests that are none (containerd-shim.md 1.3, 3).
 */
#include "check_main.h"

#include "base/io.h"
#include "pb.h"
#include "service.h"
#include "shim_rig.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define V2 "containerd.task.v2.Task"
#define V3 "containerd.task.v3.Task"

static const struct timespec when = {.tv_sec = 1700000000, .tv_nsec = 5};

struct world {
    struct event_base *base;
    struct shim_service *service;
    char path[64];
    int connects;
    struct shim_rpc_call *waiting;
    char seen[64]; /* id/exec_id of the last request */
    bool stopped;
};

static void see(struct world *w, const char *id, const char *exec_id)
{
    (void)snprintf(w->seen, sizeof(w->seen), "%s/%s", id, exec_id);
}

#define EMPTY_OP(name, Type)                                                                       \
    static void on_##name(void *ctx, struct shim_rpc_call *call,                                   \
                          const Containerd__Task__V2__##Type *r)                                   \
    {                                                                                              \
        see(ctx, r->id, #name);                                                                    \
        shim_answer_empty(call);                                                                   \
    }
EMPTY_OP(pause, PauseRequest)
EMPTY_OP(resume, ResumeRequest)
EMPTY_OP(kill, KillRequest)
EMPTY_OP(exec, ExecProcessRequest)
EMPTY_OP(resize_pty, ResizePtyRequest)
EMPTY_OP(close_io, CloseIORequest)
EMPTY_OP(update, UpdateTaskRequest)
EMPTY_OP(shutdown, ShutdownRequest)

static void on_state(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__StateRequest *r)
{
    see(ctx, r->id, r->exec_id);
    struct shim_state s = {.id = r->id,
                           .exec_id = r->exec_id,
                           .bundle = "/b",
                           .pid = 7,
                           .status = CONTAINERD__TASK__V2__STATUS__STOPPED,
                           .stdout_path = "/out",
                           .terminal = true,
                           .exit_status = 3,
                           .exited_at = when};
    shim_answer_state(call, &s);
}

static void on_create(void *ctx, struct shim_rpc_call *call,
                      const Containerd__Task__V2__CreateTaskRequest *r)
{
    see(ctx, r->id, r->n_rootfs == 1 ? r->rootfs[0]->type : "?");
    shim_answer_create(call, 4711);
}

static void on_start(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__StartRequest *r)
{
    see(ctx, r->id, r->exec_id);
    shim_answer_start(call, 4712);
}

static void on_delete(void *ctx, struct shim_rpc_call *call,
                      const Containerd__Task__V2__DeleteRequest *r)
{
    see(ctx, r->id, r->exec_id);
    shim_answer_delete(call, 4713, 137, when);
}

static void on_pids(void *ctx, struct shim_rpc_call *call,
                    const Containerd__Task__V2__PidsRequest *r)
{
    see(ctx, r->id, "");
    struct shim_pid pid[] = {{.pid = 1}, {.pid = 2, .exec_id = "e"}};
    shim_answer_pids(call, pid, 2);
}

static void on_wait(void *ctx, struct shim_rpc_call *call,
                    const Containerd__Task__V2__WaitRequest *r)
{
    struct world *w = ctx;
    see(ctx, r->id, r->exec_id);
    w->waiting = call;
}

static void on_stats(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__StatsRequest *r)
{
    see(ctx, r->id, "");
    shim_answer_stats(call, "t", "\x01\x02", 2);
}

static void on_connect(void *ctx, struct shim_rpc_call *call,
                       const Containerd__Task__V2__ConnectRequest *r)
{
    see(ctx, r->id, "");
    shim_answer_connect(call, 5, 6);
}

static void on_connected(void *ctx)
{
    struct world *w = ctx;
    w->connects++;
}

static void on_stopped(void *ctx)
{
    struct world *w = ctx;
    w->stopped = true;
}

/* Checkpoint is none of its operations. */
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
                                .resize_pty = on_resize_pty,
                                .close_io = on_close_io,
                                .update = on_update,
                                .wait = on_wait,
                                .stats = on_stats,
                                .connect = on_connect,
                                .shutdown = on_shutdown};
    int fd = -1;
    *w = (struct world){.base = event_base_new()};
    ck_assert_ptr_nonnull(w->base);
    (void)snprintf(w->path, sizeof(w->path), "/tmp/shim-service-%d", (int)getpid());
    ck_assert_int_eq(cl_unix_listen(w->path, &fd, NULL), CL_OK);
    ck_assert_int_eq(shim_service_new(w->base, fd, &ops, &w->service, NULL), CL_OK);
    shim_service_on_connect(w->service, on_connected, w);
}

static void teardown(struct world *w)
{
    shim_service_free(w->service);
    event_base_free(w->base);
    (void)unlink(w->path);
}

static int dial(struct world *w)
{
    int fd = -1;
    ck_assert_int_eq(cl_unix_connect(w->path, &fd, NULL), CL_OK);
    rig_settle(w->base);
    return fd;
}

/* Asks and compares the bytes of the answer. */
static void ask(struct world *w, int fd, uint32_t stream, const char *service, const char *method,
                const char *request, size_t len, const char *answer, size_t answer_len)
{
    rig_request(fd, stream, service, method, request, len);
    struct cl_ttrpc_response r = rig_response(w->base, fd, stream, SHIM_CODE_OK);
    ck_assert_msg(r.payload_len == answer_len, "%s: answer of %zu bytes, expected %zu", method,
                  r.payload_len, answer_len);
    ck_assert_mem_eq(r.payload, answer, answer_len);
    cl_ttrpc_response_done(&r);
}

#define TS "\x08\x80\xe2\xcf\xaa\x06\x10\x05"
#define ID "\x0a\x01"

START_TEST(test_each_method_reaches_its_function)
{
    struct world w;
    setup(&w);
    int fd = dial(&w);
    static const struct {
        const char *method, *request, *seen, *answer;
        size_t request_len, answer_len;
    } rows[] = {
        {"State", ID "c\x12\x01x", "c/x",
         "\x0a\x01"
         "c\x12\x02/b\x18\x07\x20\x03\x32\x04/out\x40\x01\x48\x03\x52\x08" TS "\x5a\x01x",
         6, 34},
        {"Create", ID "c\x1a\x03\x0a\x01m", "c/m", "\x08\xe7\x24", 8, 3},
        {"Start", ID "c", "c/", "\x08\xe8\x24", 3, 3},
        {"Delete", ID "c\x12\x01x", "c/x", "\x08\xe9\x24\x10\x89\x01\x1a\x08" TS, 6, 16},
        {"Pause", ID "c", "c/pause", "", 3, 0},
        {"Resume", ID "c", "c/resume", "", 3, 0},
        {"Kill", ID "c\x18\x09\x20\x01", "c/kill", "", 7, 0},
        {"Exec", ID "c\x12\x01x", "c/exec", "", 6, 0},
        {"ResizePty", ID "c", "c/resize_pty", "", 3, 0},
        {"CloseIO", ID "c\x18\x01", "c/close_io", "", 5, 0},
        {"Update", ID "c\x1a\x06\x0a\x01k\x12\x01v", "c/update", "", 11, 0},
        {"Stats", ID "c", "c/", "\x0a\x07\x0a\x01t\x12\x02\x01\x02", 3, 9},
        {"Connect", ID "c", "c/", "\x08\x05\x10\x06\x1a\x05" CL_VERSION, 3, 11},
        {"Shutdown", ID "c\x10\x01", "c/shutdown", "", 5, 0},
    };
    uint32_t stream = 1;
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        ask(&w, fd, stream, V2, rows[i].method, rows[i].request, rows[i].request_len,
            rows[i].answer, rows[i].answer_len);
        ck_assert_str_eq(w.seen, rows[i].seen);
        ask(&w, fd, stream + 2, V3, rows[i].method, rows[i].request, rows[i].request_len,
            rows[i].answer, rows[i].answer_len);
        stream += 4;
    }
    (void)close(fd);
    teardown(&w);
}
END_TEST

START_TEST(test_pids_say_which_exec)
{
    struct world w;
    setup(&w);
    int fd = dial(&w);
    rig_request(fd, 1, V2, "Pids", ID "c", 3);
    struct cl_ttrpc_response r = rig_response(w.base, fd, 1, SHIM_CODE_OK);
    ProtobufCMessage *m =
        shim_pb_unpack(&containerd__task__v2__pids_response__descriptor, r.payload, r.payload_len);
    const Containerd__Task__V2__PidsResponse *p = (const Containerd__Task__V2__PidsResponse *)m;
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq(p->n_processes, 2);
    ck_assert_uint_eq(p->processes[0]->pid, 1);
    ck_assert_ptr_null(p->processes[0]->info);
    ck_assert_uint_eq(p->processes[1]->pid, 2);
    ck_assert_str_eq(p->processes[1]->info->type_url, "containerd.runc.v1.ProcessDetails");
    ck_assert_uint_eq(p->processes[1]->info->value.len, 3);
    ck_assert_mem_eq(p->processes[1]->info->value.data,
                     "\x0a\x01"
                     "e",
                     3);
    protobuf_c_message_free_unpacked(m, NULL);
    cl_ttrpc_response_done(&r);
    (void)close(fd);
    teardown(&w);
}
END_TEST

static void refuse(struct world *w, int fd, uint32_t stream, const char *service,
                   const char *method, const char *request, size_t len, int code, const char *why)
{
    rig_request(fd, stream, service, method, request, len);
    struct cl_ttrpc_response r = rig_response(w->base, fd, stream, code);
    ck_assert_str_eq(r.message, why);
    cl_ttrpc_response_done(&r);
}

START_TEST(test_other_names_and_other_bytes_are_refused)
{
    struct world w;
    setup(&w);
    int fd = dial(&w);
    refuse(&w, fd, 1, V2, "Checkpoint", ID "c", 3, SHIM_CODE_UNIMPLEMENTED,
           "method 'containerd.task.v2.Task/Checkpoint': expected one of the Task service");
    refuse(&w, fd, 3, V2, "state", ID "c", 3, SHIM_CODE_UNIMPLEMENTED,
           "method 'containerd.task.v2.Task/state': expected one of the Task service");
    refuse(&w, fd, 5, "containerd.task.v4.Task", "State\n", ID "c", 3, SHIM_CODE_UNIMPLEMENTED,
           "method 'containerd.task.v4.Task/State\\x0a': expected one of the Task service");
    for (size_t len = 1; len < 6; len++) { /* "c", then half of exec_id */
        if (len != 3) {
            refuse(&w, fd, (uint32_t)(7 + 2 * len), V2, "State", ID "c\x12\x01x", len,
                   SHIM_CODE_INVALID, "request 'State': expected a StateRequest, got other bytes");
        }
    }
    ck_assert_str_eq(w.seen, "");
    (void)close(fd);
    teardown(&w);
}
END_TEST

START_TEST(test_decoded_size_is_bounded)
{
    struct world w;
    setup(&w);
    int fd = dial(&w);
    size_t len = 2u << 20; /* a million empty mounts */
    char *request = malloc(len);
    ck_assert_ptr_nonnull(request);
    for (size_t i = 0; i < len; i += 2) {
        request[i] = 0x1a;
        request[i + 1] = 0;
    }
    struct cl_buf frame = {0};
    ck_assert_int_eq(cl_ttrpc_request_encode(V2, "Create", request, len, &frame, NULL), CL_OK);
    rig_put(fd, (uint32_t)frame.len, 1, CL_TTRPC_REQUEST, 0, "", 0);
    for (size_t at = 0; at < frame.len;) {
        ssize_t n = send(fd, frame.data + at, frame.len - at, MSG_DONTWAIT);
        at += n > 0 ? (size_t)n : 0;
        (void)event_base_loop(w.base, EVLOOP_NONBLOCK);
    }
    struct cl_ttrpc_response r = rig_response(w.base, fd, 1, SHIM_CODE_INVALID);
    cl_ttrpc_response_done(&r);
    cl_buf_done(&frame);
    free(request);
    (void)close(fd);
    teardown(&w);
}
END_TEST

START_TEST(test_wait_outlives_other_connections)
{
    struct world w;
    setup(&w);
    int fd[20];
    for (int i = 0; i < 20; i++) {
        fd[i] = dial(&w);
    }
    ck_assert_int_eq(w.connects, 20);
    rig_request(fd[7], 1, V2, "Wait", ID "c", 3);
    rig_settle(w.base);
    for (int i = 0; i < 20; i++) {
        if (i != 7) {
            ask(&w, fd[i], 1, V2, "Start", ID "c", 3, "\x08\xe8\x24", 3);
            (void)close(fd[i]);
            rig_settle(w.base);
        }
    }
    shim_answer_wait(w.waiting, 137, when);
    struct cl_ttrpc_response r = rig_response(w.base, fd[7], 1, SHIM_CODE_OK);
    ck_assert_uint_eq(r.payload_len, 13);
    ck_assert_mem_eq(r.payload, "\x08\x89\x01\x12\x08" TS, 13);
    cl_ttrpc_response_done(&r);
    /* The client goes before its answer. */
    rig_request(fd[7], 3, V2, "Wait", ID "c", 3);
    rig_settle(w.base);
    (void)close(fd[7]);
    rig_settle(w.base);
    ck_assert(!shim_rpc_call_wanted(w.waiting));
    shim_answer_wait(w.waiting, 0, when);
    teardown(&w);
}
END_TEST

START_TEST(test_connections_are_bounded)
{
    struct world w;
    setup(&w);
    static int fd[SHIM_MAX_CONNECTIONS + 8];
    for (size_t i = 0; i < SHIM_MAX_CONNECTIONS + 8; i++) {
        fd[i] = dial(&w);
    }
    ck_assert_int_eq(w.connects, (int)SHIM_MAX_CONNECTIONS);
    for (size_t i = 0; i < 8; i++) { /* those that wait come in */
        (void)close(fd[i]);
        rig_settle(w.base);
    }
    ck_assert_int_eq(w.connects, (int)SHIM_MAX_CONNECTIONS + 8);
    ask(&w, fd[SHIM_MAX_CONNECTIONS + 7], 1, V2, "Start", ID "c", 3, "\x08\xe8\x24", 3);
    for (size_t i = 8; i < SHIM_MAX_CONNECTIONS + 8; i++) {
        (void)close(fd[i]);
    }
    teardown(&w);
}
END_TEST

START_TEST(test_stop_sends_what_was_answered)
{
    struct world w;
    setup(&w);
    int fd = dial(&w);
    rig_request(fd, 1, V2, "Shutdown", ID "c", 3);
    for (int i = 0; i < 100 && w.seen[0] == '\0'; i++) {
        (void)event_base_loop(w.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
    }
    shim_service_stop(w.service, 1000, on_stopped, &w);
    ck_assert(rig_until(w.base, &w.stopped));
    struct cl_ttrpc_response r = rig_response(w.base, fd, 1, SHIM_CODE_OK);
    cl_ttrpc_response_done(&r);
    int late = -1;
    ck_assert_int_ne(cl_unix_connect(w.path, &late, NULL), CL_OK);
    (void)close(fd);
    teardown(&w);
}
END_TEST

START_TEST(test_stop_does_not_wait_for_ever)
{
    struct world w;
    setup(&w);
    int fd = dial(&w);
    static char big[500000]; /* more than the socket takes */
    rig_request(fd, 1, V2, "Wait", "", 0);
    rig_settle(w.base);
    ck_assert_ptr_nonnull(w.waiting);
    shim_answer_stats(w.waiting, "t", big, sizeof(big));
    rig_settle(w.base);
    shim_service_stop(w.service, 50, on_stopped, &w);
    rig_settle(w.base);
    ck_assert(!w.stopped);
    ck_assert(rig_until(w.base, &w.stopped));
    (void)close(fd);
    teardown(&w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_service");
    TCase *t = tcase_create("shim_service");
    tcase_add_test(t, test_each_method_reaches_its_function);
    tcase_add_test(t, test_pids_say_which_exec);
    tcase_add_test(t, test_other_names_and_other_bytes_are_refused);
    tcase_add_test(t, test_decoded_size_is_bounded);
    tcase_add_test(t, test_wait_outlives_other_connections);
    tcase_add_test(t, test_connections_are_bounded);
    tcase_add_test(t, test_stop_sends_what_was_answered);
    tcase_add_test(t, test_stop_does_not_wait_for_ever);
    suite_add_tcase(s, t);
    return run_suite(s);
}
