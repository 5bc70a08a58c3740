/* SPDX-License-Identifier: Apache-2.0
 * ahead.c - a ring of buffers between the thread that fills and the one that takes.
 */
#include "ahead.h"

#include "base/secret.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#define SLOTS 4u

struct agent_ahead {
    agent_fill_fn *fill;
    void *ctx;
    pthread_t thread;
    bool started; /* and not joined; the taker's */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned first;    /* the oldest filled slot */
    unsigned count;    /* filled slots, the one that is lent included */
    bool lent;         /* the first one is with the taker */
    bool stop;         /* the taker wants no more */
    bool done;         /* the source has ended or failed, or was stopped */
    enum cl_status st; /* how; valid once done */
    struct cl_err why; /* the same */
    size_t len[SLOTS];
    uint8_t data[SLOTS][AGENT_AHEAD_CHUNK];
};

/* The slot to fill next; false: stopped. */
static bool wait_free(struct agent_ahead *a, unsigned *ret_slot)
{
    (void)pthread_mutex_lock(&a->lock);
    while (a->count == SLOTS && !a->stop) {
        (void)pthread_cond_wait(&a->changed, &a->lock);
    }
    bool go = !a->stop;
    *ret_slot = (a->first + a->count) % SLOTS;
    (void)pthread_mutex_unlock(&a->lock);
    return go;
}

static void publish(struct agent_ahead *a, unsigned slot, size_t len)
{
    (void)pthread_mutex_lock(&a->lock);
    a->len[slot] = len;
    a->count++;
    (void)pthread_cond_signal(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
}

static void finish(struct agent_ahead *a, enum cl_status st, const struct cl_err *why)
{
    (void)pthread_mutex_lock(&a->lock);
    a->st = st;
    a->why = *why;
    a->done = true;
    (void)pthread_cond_signal(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
}

static void *run(void *arg)
{
    struct agent_ahead *a = arg;
    struct cl_err why = {0};
    unsigned slot = 0;
    for (;;) {
        size_t n = 0;
        if (!wait_free(a, &slot)) {
            finish(a, cl_err_set(&why, CL_ERR_UNAVAILABLE, "layer: reading was stopped"), &why);
            return NULL;
        }
        enum cl_status st = a->fill(a->ctx, a->data[slot], AGENT_AHEAD_CHUNK, &n, &why);
        if (st != CL_OK || n == 0) {
            finish(a, st, &why);
            return NULL;
        }
        publish(a, slot, n);
    }
}

/* Signals are for the thread that waits for them. */
static int start(struct agent_ahead *a)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    int rc = pthread_sigmask(SIG_BLOCK, &all, &before);
    if (rc != 0) {
        return rc;
    }
    rc = pthread_create(&a->thread, NULL, run, a);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

enum cl_status agent_ahead_new(agent_fill_fn *fill, void *ctx, struct agent_ahead **ret_a,
                               struct cl_err *err)
{
    struct agent_ahead *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return cl_err_nomem(err, "layer buffers");
    }
    a->fill = fill;
    a->ctx = ctx;
    (void)pthread_mutex_init(&a->lock, NULL); /* cannot fail without attributes */
    (void)pthread_cond_init(&a->changed, NULL);
    int rc = start(a);
    if (rc != 0) {
        agent_ahead_free(a);
        return cl_err_sys(err, rc, "layer: start a thread");
    }
    a->started = true;
    *ret_a = a;
    return CL_OK;
}

enum cl_status agent_ahead_next(struct agent_ahead *a, const uint8_t **ret_data, size_t *ret_len,
                                struct cl_err *err)
{
    enum cl_status st = CL_OK;
    (void)pthread_mutex_lock(&a->lock);
    if (a->lent) {
        a->lent = false;
        a->first = (a->first + 1) % SLOTS;
        a->count--;
        (void)pthread_cond_signal(&a->changed);
    }
    while (a->count == 0 && !a->done) {
        (void)pthread_cond_wait(&a->changed, &a->lock);
    }
    if (a->count > 0) {
        a->lent = true;
        *ret_data = a->data[a->first];
        *ret_len = a->len[a->first];
    } else if (a->st == CL_OK) {
        *ret_data = NULL;
        *ret_len = 0;
    } else {
        st = a->st;
        if (err != NULL) {
            *err = a->why;
        }
    }
    (void)pthread_mutex_unlock(&a->lock);
    return st;
}

void agent_ahead_stop(struct agent_ahead *a)
{
    if (a == NULL || !a->started) {
        return;
    }
    (void)pthread_mutex_lock(&a->lock);
    a->stop = true;
    (void)pthread_cond_signal(&a->changed);
    (void)pthread_mutex_unlock(&a->lock);
    (void)pthread_join(a->thread, NULL);
    a->started = false;
}

void agent_ahead_free(struct agent_ahead *a)
{
    if (a != NULL) {
        agent_ahead_stop(a);
        (void)pthread_cond_destroy(&a->changed);
        (void)pthread_mutex_destroy(&a->lock);
        cl_wipe(a, sizeof(*a));
        free(a);
    }
}
