/* SPDX-License-Identifier: Apache-2.0
 * test_host_forward.c - forwarded connections as the host serves them to a guest: both ways, with
 * half-close, under a number that waits, once.
 */
#include "check_main.h"

#include "base/bytes.h"
#include "host/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct host {
    struct event_base *base;
    struct host_server *server;
    int waiting; /* under number 7; -1: none */
    unsigned ends;
};

static bool open_forward(void *ctx, uint64_t id, int *ret_fd)
{
    struct host *h = ctx;
    if (id != 7 || h->waiting < 0) {
        return false;
    }
    *ret_fd = h->waiting;
    h->waiting = -1;
    return true;
}

static void on_forward_end(void *ctx)
{
    struct host *h = ctx;
    h->ends++;
}

/* Returns the client's end of a connection that waits. */
static int host_up(struct host *h)
{
    int pair[2];
    (void)signal(SIGPIPE, SIG_IGN);
    *h = (struct host){.base = event_base_new()};
    const struct host_server_config cfg = {
        .base = h->base, .open_forward = open_forward, .on_forward_end = on_forward_end, .ctx = h};
    ck_assert_int_eq(host_server_new(&cfg, &h->server, NULL), CL_OK);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    h->waiting = pair[1];
    return pair[0];
}

static void host_down(struct host *h)
{
    host_server_free(h->server);
    event_base_free(h->base);
}

static int ask(struct host *h, const char *line)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    host_server_take(h->server, HOST_PORT_STDIO, pair[1]);
    ck_assert_int_eq(write(pair[0], line, strlen(line)), (ssize_t)strlen(line));
    return pair[0];
}

/* The next bytes, "" at the end. */
static const char *heard(struct host *h, int fd)
{
    static char text[64];
    ssize_t n = -1;
    for (int i = 0; i < 2000 && n < 0; i++) {
        (void)event_base_loop(h->base, EVLOOP_NONBLOCK);
        n = recv(fd, text, sizeof(text) - 1, 0);
        ck_assert(n >= 0 || errno == EAGAIN || errno == ECONNRESET);
        n = n < 0 && errno == ECONNRESET ? 0 : n;
    }
    ck_assert_int_ge(n, 0);
    text[n] = '\0';
    return text;
}

START_TEST(test_both_ways_with_half_close)
{
    struct host h;
    int client = host_up(&h);
    ck_assert_int_eq(write(client, "question", 8), 8);
    (void)shutdown(client, SHUT_WR);
    int guest = ask(&h, "CLFWD1 7\n");
    ck_assert_str_eq(heard(&h, guest), "question");
    ck_assert_str_eq(heard(&h, guest), "");
    ck_assert_int_eq(write(guest, "answer", 6), 6);
    ck_assert_str_eq(heard(&h, client), "answer");
    ck_assert_uint_eq(h.ends, 0);
    (void)close(guest);
    ck_assert_str_eq(heard(&h, client), "");
    int again = ask(&h, "CLFWD1 7\n");
    ck_assert_str_eq(heard(&h, again), "");
    ck_assert_uint_eq(h.ends, 1);
    (void)close(again);
    (void)close(client);
    host_down(&h);
}
END_TEST

START_TEST(test_an_end_with_the_server)
{
    struct host h;
    int client = host_up(&h);
    int guest = ask(&h, "CLFWD1 7\n");
    ck_assert_int_eq(write(guest, "x", 1), 1);
    ck_assert_str_eq(heard(&h, client), "x");
    host_down(&h);
    ck_assert_uint_eq(h.ends, 1);
    (void)close(guest);
    (void)close(client);
}
END_TEST

START_TEST(test_refusals)
{
    static const char *const lines[] = {"CLFWD1 8\n",  "CLFWD1 \n",
                                        "CLFWD1 x\n",  "CLFWD1 7 \n",
                                        "CLFWD1 -7\n", "CLFWD1 18446744073709551616\n",
                                        "CLFWD1\n"};
    struct host h;
    int client = host_up(&h);
    for (size_t i = 0; i < CL_ARRAY_LEN(lines); i++) {
        int guest = ask(&h, lines[i]);
        ck_assert_str_eq(heard(&h, guest), "");
        (void)close(guest);
    }
    ck_assert_int_ge(h.waiting, 0);
    ck_assert_uint_eq(h.ends, 0);
    (void)close(h.waiting);
    (void)close(client);
    host_down(&h);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("host_forward");
    TCase *tc = tcase_create("forward");
    tcase_add_test(tc, test_both_ways_with_half_close);
    tcase_add_test(tc, test_an_end_with_the_server);
    tcase_add_test(tc, test_refusals);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
