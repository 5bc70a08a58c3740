/* SPDX-License-Identifier: Apache-2.0
 * fetch_server.h - a registry of the tests' own, on loopback, that answers as it is told: one step
 * a request, the last one for all that follow. It keeps what it was asked.
 */
#ifndef CL_TEST_FETCH_SERVER_H
#define CL_TEST_FETCH_SERVER_H

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER_MAX_STEPS 8
#define SERVER_MAX_REQUESTS 128

struct step {
    const char
        *head; /* the status line and headers, each with its line end; NULL: 200 and length */
    const void *body;
    size_t len;
    size_t cut;      /* so many of the body's bytes are sent; 0: all */
    unsigned hang_s; /* and then it waits, or until the client is gone */
};

struct server {
    int fd;
    uint16_t port;
    pthread_t thread;
    const struct step *steps;
    size_t step_count;
    atomic_size_t requests;
    atomic_size_t bytes; /* of bodies that were sent */
    char seen[SERVER_MAX_REQUESTS][1024];
};

static inline void server_send(struct server *s, int c, const void *data, size_t len, bool body)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = send(c, p, len < 16384 ? len : 16384, MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        p += n;
        len -= (size_t)n;
        if (body) {
            atomic_fetch_add(&s->bytes, (size_t)n);
        }
    }
}

static inline void server_answer(struct server *s, int c, size_t n)
{
    const struct step *t = &s->steps[n < s->step_count ? n : s->step_count - 1];
    char head[512];
    if (t->head == NULL) {
        (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n", t->len);
    }
    server_send(s, c, t->head != NULL ? t->head : head, strlen(t->head != NULL ? t->head : head),
                false);
    server_send(s, c, "Connection: close\r\n\r\n", 21, false);
    server_send(s, c, t->body, t->cut != 0 ? t->cut : t->len, true);
    if (t->hang_s > 0) {
        const struct timeval limit = {.tv_sec = t->hang_s};
        char byte;
        (void)setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        (void)recv(c, &byte, 1, 0);
    }
}

static inline void *server_main(void *arg)
{
    struct server *s = arg;
    for (;;) {
        char request[4096];
        size_t len = 0;
        int c = accept(s->fd, NULL, NULL);
        if (c < 0) {
            return NULL;
        }
        while (len < sizeof(request) - 1) {
            ssize_t n = recv(c, request + len, sizeof(request) - 1 - len, 0);
            if (n <= 0) {
                break;
            }
            len += (size_t)n;
            request[len] = '\0';
            if (strstr(request, "\r\n\r\n") != NULL) {
                break;
            }
        }
        if (len > 0) {
            size_t n = atomic_load(&s->requests);
            request[len] = '\0';
            if (n < SERVER_MAX_REQUESTS) {
                (void)snprintf(s->seen[n], sizeof(s->seen[n]), "%.1000s", request);
            }
            atomic_fetch_add(&s->requests, 1);
            server_answer(s, c, n);
        }
        (void)shutdown(c, SHUT_WR);
        (void)close(c);
    }
}

static inline void server_steps(struct server *s, const struct step *steps, size_t count)
{
    s->steps = steps;
    s->step_count = count;
    atomic_store(&s->requests, 0);
    atomic_store(&s->bytes, 0);
    memset(s->seen, 0, sizeof(s->seen));
}

static inline void server_up(struct server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    ck_assert_int_eq(listen(s->fd, 16), 0);
    ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, server_main, s), 0);
}

static inline void server_down(struct server *s)
{
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
}

#endif
