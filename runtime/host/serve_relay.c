/* SPDX-License-Identifier: Apache-2.0
 * serve_relay.c - the guest's way to its broker (I-4.2): checked, resolved, checked again, dialled.
 * Trust: guest and DNS are hostile; TLS ends in the guest, so what passes here is not looked at.
 * Threads: resolving blocks, so each request has a detached thread, which knows only its job. The
 *        job's `conn` belongs to the loop; the rest to the thread until it sends the job back.
 * Memory: one job per request, two pumps per connection.
 */
#include "serve_internal.h"

#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct relay_job {
    struct conn *conn; /* the loop's; NULL: nobody waits any more */
    struct host_endpoint want;
    int note; /* ours: where the job is sent back to */
    int fd;   /* the broker; -1: see err */
    struct cl_err err;
};

/* What the thread wrote into its job is seen by the loop: the pipe orders them, but the language
 * does not know. */
static pthread_mutex_t handover = PTHREAD_MUTEX_INITIALIZER;

static void job_free(struct relay_job *j)
{
    cl_close_fdp(&j->note);
    cl_close_fdp(&j->fd);
    free(j);
}

/* --- the thread
 * -------------------------------------------------------------------------------------- */

static enum cl_status connect_one(const struct host_endpoint *want, const struct addrinfo *a,
                                  int *ret_fd, struct cl_err *err)
{
    CL_TRY(host_allow_address(want, a->ai_addr, a->ai_addrlen, err));
    CL_CLEANUP(cl_close_fdp)
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        socklen_t len = sizeof(error);
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        error = errno;
        if (error == EINPROGRESS) {
            error = ETIMEDOUT;
            if (poll(&p, 1, HOST_RELAY_TIMEOUT_S * 1000) == 1 &&
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
                error = errno;
            }
        }
    }
    if (error != 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "relay '%s:%u': %s", want->host, want->port,
                          strerror(error));
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status dial(const struct host_endpoint *want, int *ret_fd, struct cl_err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", want->port);
    int rc = getaddrinfo(want->host, port, &hints, &list);
    if (rc != 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "relay '%s:%u': %s", want->host, want->port,
                          gai_strerror(rc));
    }
    enum cl_status st =
        cl_err_set(err, CL_ERR_UNAVAILABLE, "relay '%s:%u': no address", want->host, want->port);
    for (const struct addrinfo *a = list; a != NULL && st != CL_OK; a = a->ai_next) {
        st = connect_one(want, a, ret_fd, err);
    }
    freeaddrinfo(list);
    return st;
}

static void *job_main(void *arg)
{
    struct relay_job *j = arg;
    if (dial(&j->want, &j->fd, &j->err) == CL_OK) {
        j->err = (struct cl_err){0};
    }
    int note = j->note;
    j->note = -1;
    (void)pthread_mutex_lock(&handover);
    (void)pthread_mutex_unlock(&handover);
    if (write(note, &j, sizeof(j)) != (ssize_t)sizeof(j)) {
        job_free(j); /* the loop is gone */
    }
    (void)close(note);
    return NULL;
}

/* --- the loop
 * ------------------------------------------------------------------------------------------ */

static void refuse(struct conn *c, const struct cl_err *err)
{
    char line[CL_ERR_MSG_SIZE + 8];
    int n = snprintf(line, sizeof(line), "NO %s\n", err->msg);
    cl_log(CL_LOG_WARN, "host.relay", "%s", err->msg);
    (void)send(c->fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT); /* the buffer is empty */
    serve_conn_free(c);
}

static void on_note(evutil_socket_t fd, short what, void *ctx)
{
    struct relay_job *j = NULL;
    (void)what;
    (void)ctx;
    /* Pointers are smaller than PIPE_BUF, so that one comes whole or not at all. */
    if (read((int)fd, &j, sizeof(j)) != (ssize_t)sizeof(j)) {
        return;
    }
    (void)pthread_mutex_lock(&handover);
    (void)pthread_mutex_unlock(&handover);
    struct conn *c = j->conn;
    if (c != NULL) {
        c->job = NULL;
        if (j->fd >= 0) {
            serve_both_ways(c, j->fd, "OK\n", 3);
            j->fd = -1;
        } else {
            refuse(c, &j->err);
        }
    }
    job_free(j);
}

static enum cl_status start_job(struct conn *c, const struct host_endpoint *want,
                                struct cl_err *err)
{
    struct relay_job *j = calloc(1, sizeof(*j));
    if (j == NULL) {
        return cl_err_nomem(err, "relay");
    }
    *j = (struct relay_job){
        .conn = c, .want = *want, .fd = -1, .note = fcntl(c->server->note[1], F_DUPFD_CLOEXEC, 3)};
    pthread_t thread = 0;
    int rc = j->note < 0 ? errno : pthread_create(&thread, NULL, job_main, j);
    if (rc != 0) {
        job_free(j);
        return cl_err_sys(err, rc, "relay: thread");
    }
    (void)pthread_detach(thread);
    c->job = j;
    return CL_OK;
}

void serve_relay(struct conn *c, const char *line)
{
    struct host_endpoint want;
    struct cl_err err = {0};
    enum cl_status st = host_relay_request_parse(line, &want, &err);
    st = st == CL_OK ? host_allow_endpoint(&c->server->cfg.allow, &want, &err) : st;
    st = st == CL_OK ? start_job(c, &want, &err) : st;
    if (st != CL_OK) {
        refuse(c, &err);
    }
}

enum cl_status serve_relay_init(struct host_server *s, struct cl_err *err)
{
    s->note[0] = -1;
    s->note[1] = -1;
    if (pipe2(s->note, O_CLOEXEC) != 0 || fcntl(s->note[0], F_SETFL, O_NONBLOCK) != 0) {
        return cl_err_sys(err, errno, "relay: pipe");
    }
    s->note_ev = event_new(s->cfg.base, s->note[0], EV_READ | EV_PERSIST, on_note, s);
    if (s->note_ev == NULL || event_add(s->note_ev, NULL) != 0) {
        return cl_err_nomem(err, "relay");
    }
    return CL_OK;
}

void serve_relay_done(struct host_server *s)
{
    if (s->note_ev != NULL) {
        event_free(s->note_ev);
    }
    cl_close_fdp(&s->note[0]); /* jobs under way find it closed and free themselves */
    cl_close_fdp(&s->note[1]);
}

void serve_relay_forget(struct conn *c)
{
    if (c->job != NULL) {
        c->job->conn = NULL;
        c->job = NULL;
    }
}
