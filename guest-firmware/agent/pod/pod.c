/* SPDX-License-Identifier: Apache-2.0
 * pod.c - the beginning and the end of a pod.
 */
#include "pod.h"

#include "engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define HANG_UP_S 2 /* for the host to close after Stop was answered */

enum cl_status agent_pod_new(const struct agent_pod_config *config, struct agent_pod **ret_p,
                             struct cl_err *err)
{
    struct agent_pod *p = calloc(1, sizeof(*p));
    pthread_condattr_t attr;
    if (p == NULL) {
        return cl_err_nomem(err, "pod");
    }
    p->config = *config;
    p->data = config->dir;
    p->crun = (struct agent_crun){config->crun, config->crun_root};
    p->inotify = -1;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&p->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    enum cl_status st = pod_queue_init(&p->slow, err);
    st = st == CL_OK ? pod_queue_init(&p->quick, err) : st;
    if (st != CL_OK) {
        free(p);
        return st;
    }
    *ret_p = p;
    return CL_OK;
}

void agent_pod_free(struct agent_pod *p)
{
    if (p == NULL) {
        return;
    }
    assert(p->mode != POD_SERVING && p->pending == 0);
    (void)pthread_cond_destroy(&p->slow.changed);
    (void)pthread_cond_destroy(&p->quick.changed);
    (void)pthread_cond_destroy(&p->changed);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

struct cl_ttrpc_service agent_pod_service(struct agent_pod *p)
{
    return (struct cl_ttrpc_service){AGENT_POD_SERVICE, p, pod_call};
}

/* Streams and pipes of all processes are ours to hold; and containers whose specification has no
 * limit inherit ours, which is what containerd's have. */
static void raise_limits(void)
{
    static const rlim_t wanted[] = {1048576, AGENT_POD_MAX_PROCESSES * 16u};
    for (size_t i = 0; i < CL_ARRAY_LEN(wanted); i++) {
        const struct rlimit r = {wanted[i], wanted[i]};
        if (setrlimit(RLIMIT_NOFILE, &r) == 0) {
            return;
        }
    }
}

void agent_pod_measure(struct agent_pod *p, const struct agent_pod_measured *measured)
{
    p->measured = *measured;
}

void agent_pod_use_disk(struct agent_pod *p, const char *dir, uint64_t size)
{
    p->data = dir;
    p->config.limits.max_bytes = size;
}

enum cl_status agent_pod_begin(struct agent_pod *p, struct cl_err *err)
{
    raise_limits();
    CL_TRY(pod_cgroup_begin(p, err));
    CL_TRY(pod_store_begin(p, err));
    CL_TRY(pod_reap_begin(p, err));
    CL_TRY(pod_oom_begin(p, err));
    (void)pthread_mutex_lock(&p->lock);
    p->mode = POD_SERVING;
    pod_calls_begin(p);
    (void)pthread_mutex_unlock(&p->lock);
    return CL_OK;
}

void agent_pod_refuse(struct agent_pod *p, enum cl_ttrpc_code code, const char *why)
{
    (void)pthread_mutex_lock(&p->lock);
    p->mode = POD_REFUSING;
    p->refusal = code;
    (void)snprintf(p->refusal_text, sizeof(p->refusal_text), "%s", why);
    pod_calls_refuse(p);
    (void)pthread_mutex_unlock(&p->lock);
}

void agent_pod_hang_up(struct agent_pod *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->hung_up = true;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
}

void agent_pod_wait(struct agent_pod *p)
{
    struct timespec until;
    int rc = 0;
    (void)pthread_mutex_lock(&p->lock);
    while (!p->hung_up && !p->stopped) {
        (void)pthread_cond_wait(&p->changed, &p->lock);
    }
    p->stopping = true;
    pod_kill_all(p);
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += HANG_UP_S; /* the answer to Stop must have left the guest */
    while (!p->hung_up && rc == 0) {
        rc = pthread_cond_timedwait(&p->changed, &p->lock, &until);
    }
    (void)pthread_mutex_unlock(&p->lock);
}
