/* SPDX-License-Identifier: Apache-2.0
 * oom.c - containers that ran out of memory: seen when the kernel says so, and once more before the
 * end of a process is told.
 */
#include "engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define THREAD_STACK (128u << 10)

static void answer_event(struct agent_pod *p, struct cl_ttrpc_call call, struct pod_container *c)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    Cloister__Pod__V1__Event m;
    cloister__pod__v1__event__init(&m);
    m.oom_container_id = c->id;
    bool good = pod_pack(&m.base, &out, NULL) == CL_OK;
    pod_answer(p, call, good ? CL_TTRPC_OK : CL_TTRPC_RESOURCE_EXHAUSTED,
               good ? NULL : "out of memory", &out);
    c->oom = false;
}

void pod_oom_check(struct pod_container *c)
{
    uint64_t kills = pod_cgroup_oom_kills(c);
    if (kills > c->oom_kills) {
        c->oom_kills = kills;
        c->oom = true;
    }
    struct pod_waiter *w = c->pod->event_waiters;
    if (c->oom && w != NULL) {
        c->pod->event_waiters = w->next;
        answer_event(c->pod, w->call, c);
        free(w);
    }
}

POD_NOW(pod_next_event)
{
    (void)m;
    for (struct pod_container *c = p->containers; c != NULL; c = c->next) {
        if (c->oom) {
            answer_event(p, call, c);
            return;
        }
    }
    struct pod_waiter *w = malloc(sizeof(*w));
    if (w == NULL) {
        pod_answer(p, call, CL_TTRPC_RESOURCE_EXHAUSTED, "out of memory", NULL);
        return;
    }
    *w = (struct pod_waiter){p->event_waiters, call};
    p->event_waiters = w;
}

void pod_oom_watch(struct pod_container *c)
{
    char path[sizeof(c->cgroup) + 32];
    (void)snprintf(path, sizeof(path), "%s/memory.events", c->cgroup);
    if (c->pod->inotify >= 0) {
        c->watch = inotify_add_watch(c->pod->inotify, path, IN_MODIFY);
    }
}

void pod_oom_unwatch(struct pod_container *c)
{
    if (c->watch >= 0) {
        (void)inotify_rm_watch(c->pod->inotify, c->watch);
        c->watch = -1;
    }
}

static void check_watch(struct agent_pod *p, int watch)
{
    (void)pthread_mutex_lock(&p->lock);
    for (struct pod_container *c = p->containers; c != NULL; c = c->next) {
        if (c->watch == watch) {
            pod_oom_check(c);
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
}

static void *oom_thread(void *arg)
{
    struct agent_pod *p = arg;
    union {
        struct inotify_event event;
        char space[4096];
    } u;
    for (;;) {
        ssize_t n = read(p->inotify, u.space, sizeof(u.space));
        if (n < 0 && errno != EINTR) {
            return NULL;
        }
        for (ssize_t at = 0; at + (ssize_t)sizeof(u.event) <= n;) {
            struct inotify_event e;
            memcpy(&e, u.space + at, sizeof(e));
            check_watch(p, e.wd);
            at += (ssize_t)(sizeof(e) + e.len);
        }
    }
}

enum cl_status pod_oom_begin(struct agent_pod *p, struct cl_err *err)
{
    pthread_attr_t attr;
    pthread_t thread;
    p->inotify = inotify_init1(IN_CLOEXEC);
    if (p->inotify < 0) {
        return cl_err_sys(err, errno, "inotify");
    }
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, THREAD_STACK);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attr, oom_thread, p);
    (void)pthread_attr_destroy(&attr);
    return rc == 0 ? CL_OK : cl_err_sys(err, rc, "thread for memory events");
}
