/* SPDX-License-Identifier: Apache-2.0
 * test_alloc_shimrpc.c - a call and its answer, and what start reads on stdin, while memory runs
 * out at every point in turn: an error, and never a crash, a leak or an answer that is missing.
 */
#include "args.h"
#include "check_main.h"
#include "failing_alloc.h"
#include "rpc.h"

#include <string.h>
#include <sys/socket.h>

#define TURNS 100

struct ends {
    struct event_base *base;
    struct shim_rpc *client;
    struct shim_rpc *server;
    bool done;
    int code;
};

static void on_request(void *ctx, struct shim_rpc_call *call, const char *service,
                       const char *method, const void *payload, size_t len)
{
    (void)ctx;
    (void)service;
    (void)method;
    shim_rpc_answer(call, SHIM_CODE_OK, NULL, payload, len);
}

static void on_closed(void *ctx, struct shim_rpc *rpc, const struct cl_err *why)
{
    struct ends *e = ctx;
    (void)why;
    if (rpc == e->client) {
        e->client = NULL;
    } else {
        e->server = NULL;
    }
    shim_rpc_free(rpc);
}

static void on_done(void *ctx, int code, const char *message, const void *payload, size_t len)
{
    struct ends *e = ctx;
    (void)message;
    (void)payload;
    e->done = true;
    e->code = len == 100000 || code != SHIM_CODE_OK ? code : SHIM_CODE_UNKNOWN;
}

static enum cl_status exchange(struct ends *e, int client, int server)
{
    static char payload[100000];
    struct shim_rpc_callbacks cb = {.request = on_request, .closed = on_closed, .ctx = e};
    enum cl_status st = shim_rpc_new(e->base, client, &cb, &e->client, NULL);
    enum cl_status other = shim_rpc_new(e->base, server, &cb, &e->server, NULL);
    if (st != CL_OK || other != CL_OK) {
        return CL_ERR_NOMEM;
    }
    CL_TRY(
        shim_rpc_invoke(e->client, "svc", "m", payload, sizeof(payload), 60000, on_done, e, NULL));
    for (int i = 0; i < TURNS && !e->done; i++) {
        (void)event_base_loop(e->base, EVLOOP_NONBLOCK);
    }
    return e->done && e->code == SHIM_CODE_OK ? CL_OK : CL_ERR_UNAVAILABLE;
}

static enum cl_status call_and_answer(void)
{
    int sv[2];
    struct ends e = {.base = event_base_new()};
    if (e.base == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0) {
        return CL_ERR_SYS;
    }
    enum cl_status st = exchange(&e, sv[0], sv[1]);
    bool asked = st == CL_OK || st == CL_ERR_UNAVAILABLE;
    shim_rpc_free(e.client);
    shim_rpc_free(e.server);
    event_base_free(e.base);
    return asked && !e.done ? CL_OK : st; /* a call without an end is what must not be */
}

/* Options that name a configuration: google.protobuf.Any. */
static enum cl_status read_stdin(void)
{
    static const char in[] = "\x0a\x19runtimeoptions.v1.Options\x12\x04\x12\x02/c";
    CL_CLEANUP(shim_args_done) struct shim_args a = {.id = "c1", .name_space = "n"};
    CL_TRY(shim_args_take_stdin(&a, in, sizeof(in) - 1, NULL));
    return a.config_path != NULL && strcmp(a.config_path, "/c") == 0 ? CL_OK : CL_ERR_MALFORMED;
}

START_TEST(test_call_and_answer)
{
    failing_alloc_each(call_and_answer, EVERY_ONE_COUNTS, 1);
}
END_TEST

START_TEST(test_stdin)
{
    failing_alloc_each(read_stdin, EVERY_ONE_COUNTS, 1);
}
END_TEST

int main(void)
{
    failing_alloc_init();
    Suite *s = suite_create("alloc_shimrpc");
    TCase *t = tcase_create("alloc_shimrpc");
    tcase_add_test(t, test_call_and_answer);
    tcase_add_test(t, test_stdin);
    suite_add_tcase(s, t);
    return run_suite(s);
}
