/* SPDX-License-Identifier: Apache-2.0
 * agent_link.c - blocking calls to the agent, answers in the loop. Trust, threads: agent_link.h.
 */
#include "agent_link.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define CALL_MS 30000

enum note { NOTE_STARTED, NOTE_OUTCOME, NOTE_LOST, NOTE_REFUSED };

/* Small enough for one atomic write into a pipe. */
struct message {
    int kind; /* enum note; in the queue: 0 signal, 1 resize */
    unsigned a, b;
};

struct cli_agent {
    struct cl_agent_client *client;
    const struct cl_agent_start *start;
    struct cli_agent_callbacks cb;
    struct event *ev;
    int notes[2];
    int queue[2];
    bool waiter_runs, caller_runs;
    pthread_t waiter, caller;
    /* Written by the waiter before its note, read by the loop after it. */
    struct cl_agent_info info;
    struct cl_agent_outcome outcome;
    struct cl_err err;
};

static void send_message(int fd, int kind, unsigned a, unsigned b)
{
    struct message m = {.kind = kind, .a = a, .b = b};
    while (write(fd, &m, sizeof(m)) < 0 && errno == EINTR) {
    }
}

static void *waiter_main(void *arg)
{
    struct cli_agent *a = arg;
    enum cl_status st = cl_agent_client_info(a->client, CLI_AGENT_START_MS, &a->info, &a->err);
    st = st == CL_OK ? cl_agent_client_start(a->client, a->start, CLI_AGENT_START_MS, &a->err) : st;
    if (st == CL_OK) {
        send_message(a->notes[1], NOTE_STARTED, 0, 0);
        st = cl_agent_client_wait(a->client, -1, &a->outcome, &a->err);
    }
    send_message(a->notes[1], st == CL_OK ? NOTE_OUTCOME : NOTE_LOST, 0, 0);
    return NULL;
}

static void *caller_main(void *arg)
{
    struct cli_agent *a = arg;
    struct message m;
    while (cl_read_all(a->queue[0], &m, sizeof(m), "queue", NULL) == CL_OK) {
        if (m.kind == 1) {
            (void)!cl_agent_client_resize(a->client, m.a, m.b, CALL_MS, NULL);
        } else if (cl_agent_client_signal(a->client, m.a, CALL_MS, NULL) == CL_ERR_REJECTED) {
            send_message(a->notes[1], NOTE_REFUSED, m.a, 0);
        }
    }
    return NULL;
}

static void on_note(evutil_socket_t fd, short what, void *ctx)
{
    struct cli_agent *a = ctx;
    struct message m;
    (void)what;
    if (read((int)fd, &m, sizeof(m)) != (ssize_t)sizeof(m)) {
        return;
    }
    switch ((enum note)m.kind) {
    case NOTE_STARTED:
        a->cb.started(a->cb.ctx, &a->info);
        break;
    case NOTE_OUTCOME:
        a->cb.outcome(a->cb.ctx, &a->outcome);
        break;
    case NOTE_LOST:
        a->cb.lost(a->cb.ctx, &a->err);
        break;
    case NOTE_REFUSED:
        a->cb.signal_refused(a->cb.ctx, (int)m.a);
        break;
    }
}

static enum cl_status set_up(struct cli_agent *a, struct event_base *base, struct cl_err *err)
{
    if (pipe2(a->notes, O_CLOEXEC) != 0 || fcntl(a->notes[0], F_SETFL, O_NONBLOCK) != 0 ||
        pipe2(a->queue, O_CLOEXEC) != 0 || fcntl(a->queue[1], F_SETFL, O_NONBLOCK) != 0) {
        return cl_err_sys(err, errno, "agent: pipe");
    }
    a->ev = event_new(base, a->notes[0], EV_READ | EV_PERSIST, on_note, a);
    if (a->ev == NULL || event_add(a->ev, NULL) != 0) {
        return cl_err_nomem(err, "agent");
    }
    int rc = pthread_create(&a->waiter, NULL, waiter_main, a);
    a->waiter_runs = rc == 0;
    if (rc == 0) {
        rc = pthread_create(&a->caller, NULL, caller_main, a);
        a->caller_runs = rc == 0;
    }
    return rc == 0 ? CL_OK : cl_err_sys(err, rc, "agent: thread");
}

enum cl_status cli_agent_new(struct event_base *base, int fd, const struct cl_agent_start *start,
                             const struct cli_agent_callbacks *cb, struct cli_agent **ret_a,
                             struct cl_err *err)
{
    struct cli_agent *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        (void)close(fd);
        return cl_err_nomem(err, "agent");
    }
    *a = (struct cli_agent){.start = start, .cb = *cb, .notes = {-1, -1}, .queue = {-1, -1}};
    enum cl_status st = cl_agent_client_new(fd, &a->client, err);
    st = st == CL_OK ? set_up(a, base, err) : st;
    if (st != CL_OK) {
        cli_agent_free(a);
        return st;
    }
    *ret_a = a;
    return CL_OK;
}

void cli_agent_free(struct cli_agent *a)
{
    if (a == NULL) {
        return;
    }
    if (a->client != NULL) {
        cl_agent_client_shutdown(a->client); /* calls in flight return */
    }
    cl_close_fdp(&a->queue[1]); /* the caller's queue ends */
    if (a->waiter_runs) {
        (void)pthread_join(a->waiter, NULL);
    }
    if (a->caller_runs) {
        (void)pthread_join(a->caller, NULL);
    }
    cl_agent_client_free(a->client);
    if (a->ev != NULL) {
        event_free(a->ev);
    }
    cl_close_fdp(&a->queue[0]);
    cl_close_fdp(&a->notes[0]);
    cl_close_fdp(&a->notes[1]);
    free(a);
}

void cli_agent_signal(struct cli_agent *a, int signo)
{
    send_message(a->queue[1], 0, (unsigned)signo, 0);
}

void cli_agent_resize(struct cli_agent *a, unsigned rows, unsigned cols)
{
    send_message(a->queue[1], 1, rows, cols);
}
