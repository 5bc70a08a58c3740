/* SPDX-License-Identifier: Apache-2.0
 * test_agent_rpc.c - both halves of the agent's service against each other over a socket pair, and
 * each half against a peer that breaks the rules.
 */
#include "rpc/agent_client.h"
#include "rpc/agent_server.h"
#include "rpc/ttrpc.h"

#include "base/io.h"
#include "check_main.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture {
    struct cl_agent_server *server;
    struct cl_ttrpc_server *ttrpc;
    struct cl_agent_client *client;
    pthread_t thread;
    enum cl_status run_status;
    struct cl_err run_err;
    struct cl_agent_start start;
    uint32_t signo;
    uint32_t rows;
    uint32_t cols;
};

static enum cl_status on_start(void *ctx, struct cl_agent_start *take, struct cl_err *err)
{
    struct fixture *f = ctx;
    if (take->terminal && take->attach_stderr) {
        cl_agent_start_done(take);
        return cl_err_set(err, CL_ERR_REJECTED, "start: a terminal has no standard error");
    }
    f->start = *take;
    return CL_OK;
}

static enum cl_status on_signal(void *ctx, uint32_t signo, struct cl_err *err)
{
    struct fixture *f = ctx;
    f->signo = signo;
    return signo == 64 ? cl_err_set(err, CL_ERR_UNAVAILABLE, "no container runs") : CL_OK;
}

static enum cl_status on_resize(void *ctx, uint32_t rows, uint32_t cols, struct cl_err *err)
{
    struct fixture *f = ctx;
    (void)err;
    f->rows = rows;
    f->cols = cols;
    return CL_OK;
}

static void on_info(void *ctx, struct cl_agent_info *ret)
{
    (void)ctx;
    (void)snprintf(ret->agent_version, sizeof(ret->agent_version), "1.2.3");
    (void)snprintf(ret->tee, sizeof(ret->tee), "sim");
}

static void *run_server(void *arg)
{
    struct fixture *f = arg;
    f->run_status = cl_ttrpc_server_run(f->ttrpc, &f->run_err);
    cl_agent_server_hang_up(f->server);
    return NULL;
}

static void setup(struct fixture *f, int *ret_raw)
{
    int sv[2];
    struct cl_err err = {0};
    *f = (struct fixture){0};
    struct cl_agent_ops ops = {f, on_start, on_signal, on_resize, on_info};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
    ck_assert_int_eq(cl_agent_server_new(&ops, &f->server, &err), CL_OK);
    const struct cl_ttrpc_service service = cl_agent_server_service(f->server);
    ck_assert_int_eq(cl_ttrpc_server_new(sv[0], &service, 1, &f->ttrpc, &err), CL_OK);
    if (ret_raw != NULL) {
        *ret_raw = sv[1];
    } else {
        ck_assert_int_eq(cl_agent_client_new(sv[1], &f->client, &err), CL_OK);
    }
    ck_assert_int_eq(pthread_create(&f->thread, NULL, run_server, f), 0);
}

static void teardown(struct fixture *f)
{
    if (f->client != NULL) {
        cl_agent_client_shutdown(f->client);
    }
    ck_assert_int_eq(pthread_join(f->thread, NULL), 0);
    cl_agent_client_free(f->client);
    cl_ttrpc_server_free(f->ttrpc);
    cl_agent_server_free(f->server);
    cl_agent_start_done(&f->start);
}

START_TEST(test_start_carries_every_field)
{
    struct fixture f;
    struct cl_err err = {0};
    setup(&f, NULL);
    const char *command[] = {"/bin/true", "a b", ""};
    const char *env[] = {"A=1"};
    struct cl_agent_start s = {
        .container_id = "c1",
        .manifest = "sha256:00",
        .command = command,
        .command_count = 3,
        .env = env,
        .env_count = 1,
        .workdir = "/w",
        .user = "u:g",
        .terminal = true,
        .attach_stdin = true,
        .attach_stdout = true,
        .rows = 24,
        .cols = 80,
    };
    ck_assert_int_eq(cl_agent_client_start(f.client, &s, 5000, &err), CL_OK);
    ck_assert_str_eq(f.start.container_id, "c1");
    ck_assert_str_eq(f.start.manifest, "sha256:00");
    ck_assert_uint_eq(f.start.command_count, 3);
    ck_assert_str_eq(f.start.command[1], "a b");
    ck_assert_str_eq(f.start.command[2], "");
    ck_assert_uint_eq(f.start.env_count, 1);
    ck_assert_str_eq(f.start.env[0], "A=1");
    ck_assert_str_eq(f.start.workdir, "/w");
    ck_assert_str_eq(f.start.user, "u:g");
    ck_assert(f.start.terminal && f.start.attach_stdin && f.start.attach_stdout);
    ck_assert(!f.start.attach_stderr);
    ck_assert_uint_eq(f.start.rows, 24);
    ck_assert_uint_eq(f.start.cols, 80);
    ck_assert_int_eq(cl_agent_client_start(f.client, &s, 5000, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "agent: Start: Start: was called already (code 9)");
    teardown(&f);
}
END_TEST

START_TEST(test_refused_start_tells_why)
{
    struct fixture f;
    struct cl_err err = {0};
    setup(&f, NULL);
    struct cl_agent_start s = {.terminal = true, .attach_stderr = true};
    ck_assert_int_eq(cl_agent_client_start(f.client, &s, 5000, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "agent: Start: start: a terminal has no standard error (code 7)");
    teardown(&f);
}
END_TEST

struct waiter {
    struct fixture *f;
    enum cl_status st;
    struct cl_agent_outcome outcome;
};

static void *wait_thread(void *arg)
{
    struct waiter *w = arg;
    struct cl_err err = {0};
    w->st = cl_agent_client_wait(w->f->client, 20000, &w->outcome, &err);
    return NULL;
}

START_TEST(test_other_calls_work_while_two_wait)
{
    struct fixture f;
    struct cl_err err = {0};
    struct waiter w[2];
    pthread_t t[2];
    struct cl_agent_info info = {0};
    setup(&f, NULL);
    for (size_t i = 0; i < 2; i++) {
        w[i] = (struct waiter){.f = &f};
        ck_assert_int_eq(pthread_create(&t[i], NULL, wait_thread, &w[i]), 0);
    }
    ck_assert_int_eq(cl_agent_client_info(f.client, 5000, &info, &err), CL_OK);
    ck_assert_str_eq(info.agent_version, "1.2.3");
    ck_assert_str_eq(info.tee, "sim");
    ck_assert_int_eq(cl_agent_client_signal(f.client, SIGTERM, 5000, &err), CL_OK);
    ck_assert_uint_eq(f.signo, SIGTERM);
    ck_assert_int_eq(cl_agent_client_signal(f.client, 64, 5000, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "agent: Signal: no container runs (code 9)");
    ck_assert_int_eq(cl_agent_client_signal(f.client, 65, 5000, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg,
                     "agent: Signal: SignalRequest: signal: expected 1 to 64, got 65 (code 3)");
    ck_assert_int_eq(cl_agent_client_resize(f.client, 50, 132, 5000, &err), CL_OK);
    ck_assert_uint_eq(f.rows, 50);
    ck_assert_uint_eq(f.cols, 132);
    struct cl_agent_outcome o = {.exit_status = 7, .phase_count = 1};
    (void)snprintf(o.phase[0].name, sizeof(o.phase[0].name), "attested");
    o.phase[0].uptime_us = 123456;
    cl_agent_server_finish(f.server, &o);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(t[i], NULL), 0);
        ck_assert_int_eq(w[i].st, CL_OK);
        ck_assert(!w[i].outcome.failed);
        ck_assert_int_eq(w[i].outcome.exit_status, 7);
        ck_assert_uint_eq(w[i].outcome.phase_count, 1);
        ck_assert_str_eq(w[i].outcome.phase[0].name, "attested");
        ck_assert_uint_eq(w[i].outcome.phase[0].uptime_us, 123456);
    }
    ck_assert(cl_agent_server_delivered(f.server, 5000));
    teardown(&f);
}
END_TEST

START_TEST(test_wait_after_the_end_gets_the_failure)
{
    struct fixture f;
    struct cl_err err = {0};
    setup(&f, NULL);
    struct cl_agent_outcome o = {.failed = true,
                                 .step = "start",
                                 .code = "rejected",
                                 .field = "container.user",
                                 .expected = "1000",
                                 .actual = "0\n",
                                 .message = "start: differs"};
    ck_assert(!cl_agent_server_delivered(f.server, 10));
    cl_agent_server_finish(f.server, &o);
    struct cl_agent_outcome other = {.exit_status = 0};
    cl_agent_server_finish(f.server, &other); /* the first one stays */
    struct cl_agent_outcome got = {0};
    ck_assert_int_eq(cl_agent_client_wait(f.client, 5000, &got, &err), CL_OK);
    ck_assert(got.failed);
    ck_assert_str_eq(got.step, "start");
    ck_assert_str_eq(got.code, "rejected");
    ck_assert_str_eq(got.field, "container.user");
    ck_assert_str_eq(got.expected, "1000");
    ck_assert_str_eq(got.actual, "0\\x0a");
    ck_assert_str_eq(got.message, "start: differs");
    ck_assert(cl_agent_server_delivered(f.server, 5000));
    teardown(&f);
}
END_TEST

START_TEST(test_wait_gives_up_in_time_and_a_late_answer_is_dropped)
{
    struct fixture f;
    struct cl_err err = {0};
    struct cl_agent_outcome got = {0};
    struct cl_agent_info info = {0};
    setup(&f, NULL);
    ck_assert_int_eq(cl_agent_client_wait(f.client, 50, &got, &err), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "agent: no answer within 50 ms");
    struct cl_agent_outcome o = {.exit_status = 3};
    cl_agent_server_finish(f.server, &o);
    ck_assert_int_eq(cl_agent_client_info(f.client, 5000, &info, &err), CL_OK);
    ck_assert_int_eq(cl_agent_client_wait(f.client, 5000, &got, &err), CL_OK);
    ck_assert_int_eq(got.exit_status, 3);
    teardown(&f);
}
END_TEST

/* What the server's _run says about one hostile frame. */
static void server_meets(const uint8_t *data, size_t len, enum cl_status want, const char *message)
{
    struct fixture f;
    int raw = -1;
    setup(&f, &raw);
    ck_assert_int_eq(cl_write_all(raw, data, len, "test", NULL), CL_OK);
    ck_assert_int_eq(shutdown(raw, SHUT_WR), 0);
    teardown(&f);
    (void)close(raw);
    ck_assert_int_eq(f.run_status, want);
    ck_assert_str_eq(f.run_err.msg, message);
}

START_TEST(test_server_ends_a_connection_that_breaks_the_framing)
{
    const uint8_t response[] = {0, 0, 0, 0, 0, 0, 0, 1, 2, 0};
    const uint8_t again[] = {0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0};
    const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 1, 0};
    const uint8_t cut[] = {0, 0, 0, 9, 0, 0, 0, 1, 1, 0, 1};
    const uint8_t garbage[] = {0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0xff};
    server_meets(response, sizeof(response), CL_ERR_MALFORMED,
                 "ttrpc frame: type: expected 1, got 2");
    server_meets(again, sizeof(again), CL_ERR_MALFORMED,
                 "ttrpc frame: stream: expected above 3, got 3");
    server_meets(huge, sizeof(huge), CL_ERR_MALFORMED,
                 "ttrpc header: length: expected at most 262144, got 4294967295");
    server_meets(cut, sizeof(cut), CL_ERR_TRUNCATED, "ttrpc frame: expected 9 bytes, got 1");
    server_meets(garbage, sizeof(garbage), CL_ERR_MALFORMED,
                 "ttrpc request: not a protobuf message");
    server_meets(garbage, 0, CL_OK, "");
}
END_TEST

START_TEST(test_server_answers_unknown_calls_and_too_many_waits)
{
    struct fixture f;
    int raw = -1;
    setup(&f, &raw);
    for (uint32_t i = 0; i < CL_AGENT_SERVER_MAX_WAITS + 3; i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf q = {0};
        const char *service = i == 0 ? "other.Service" : CL_AGENT_SERVICE;
        const char *method = i == 1 ? "SetPolicy" : "Wait";
        ck_assert_int_eq(cl_ttrpc_request_encode(service, method, NULL, 0, &q, NULL), CL_OK);
        ck_assert_int_eq(cl_ttrpc_write(raw, 2 * i + 1, CL_TTRPC_REQUEST, q.data, q.len, NULL),
                         CL_OK);
    }
    const struct {
        uint32_t stream;
        int32_t code;
        const char *message;
    } want[] = {{1, 12, "no such service"},
                {3, 12, "no such method"},
                {2 * (CL_AGENT_SERVER_MAX_WAITS + 2) + 1, 8, "Wait: too many are pending"}};
    for (size_t i = 0; i < CL_ARRAY_LEN(want); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
        CL_CLEANUP(cl_ttrpc_response_done) struct cl_ttrpc_response r = {0};
        struct cl_ttrpc_header h;
        bool eof = false;
        ck_assert_int_eq(cl_ttrpc_read(raw, &h, &data, &eof, NULL), CL_OK);
        ck_assert_int_eq(cl_ttrpc_response_parse(data.data, data.len, &r, NULL), CL_OK);
        ck_assert_uint_eq(h.stream, want[i].stream);
        ck_assert_int_eq(r.code, want[i].code);
        ck_assert_str_eq(r.message, want[i].message);
    }
    (void)shutdown(raw, SHUT_RDWR);
    teardown(&f);
    (void)close(raw);
}
END_TEST

/* What the client's Wait says when the guest answers with these bytes. */
static void client_meets(const uint8_t *data, size_t len, enum cl_status want, const char *message)
{
    int sv[2];
    struct cl_err err = {0};
    struct cl_agent_client *c = NULL;
    struct cl_agent_outcome o;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
    ck_assert_int_eq(cl_agent_client_new(sv[0], &c, &err), CL_OK);
    ck_assert_int_eq(cl_write_all(sv[1], data, len, "test", NULL), CL_OK);
    ck_assert_int_eq(shutdown(sv[1], SHUT_WR), 0);
    ck_assert_int_eq(cl_agent_client_wait(c, 5000, &o, &err), want);
    ck_assert_str_eq(err.msg, message);
    cl_agent_client_free(c);
    (void)close(sv[1]);
}

START_TEST(test_client_survives_a_hostile_guest)
{
    const uint8_t request[] = {0, 0, 0, 0, 0, 0, 0, 1, 1, 0};
    const uint8_t unopened[] = {0, 0, 0, 0, 0, 0, 0, 9, 2, 0};
    const uint8_t empty[] = {0, 0, 0, 0, 0, 0, 0, 1, 2, 0};
    const uint8_t status256[] = {0, 0, 0, 5, 0, 0, 0, 1, 2, 0, 0x12, 3, 0x08, 0x80, 2};
    const uint8_t huge[] = {0, 4, 0, 1, 0, 0, 0, 1, 2, 0};
    client_meets(request, sizeof(request), CL_ERR_MALFORMED,
                 "agent: frame type: expected 2, got 1");
    client_meets(unopened, sizeof(unopened), CL_ERR_MALFORMED,
                 "agent: answer for stream 9, which was never opened");
    client_meets(empty, sizeof(empty), CL_ERR_MALFORMED,
                 "WaitResponse: outcome: expected exited or failed, got neither");
    client_meets(status256, sizeof(status256), CL_ERR_MALFORMED,
                 "WaitResponse: exited: expected 0 to 255, got 256");
    client_meets(huge, sizeof(huge), CL_ERR_MALFORMED,
                 "ttrpc header: length: expected at most 262144, got 262145");
    client_meets(empty, 4, CL_ERR_UNAVAILABLE, "agent: the connection ended");
    client_meets(empty, 0, CL_ERR_UNAVAILABLE, "agent: the connection ended");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("agent_rpc");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_start_carries_every_field);
    tcase_add_test(t, test_refused_start_tells_why);
    tcase_add_test(t, test_other_calls_work_while_two_wait);
    tcase_add_test(t, test_wait_after_the_end_gets_the_failure);
    tcase_add_test(t, test_wait_gives_up_in_time_and_a_late_answer_is_dropped);
    tcase_add_test(t, test_server_ends_a_connection_that_breaks_the_framing);
    tcase_add_test(t, test_server_answers_unknown_calls_and_too_many_waits);
    tcase_add_test(t, test_client_survives_a_hostile_guest);
    suite_add_tcase(s, t);
    return run_suite(s);
}
