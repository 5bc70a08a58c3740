/* SPDX-License-Identifier: Apache-2.0
 * host.c - serves the host's calls in a thread of its own and hands Start to the main thread.
 */
#include "agent.h"
#include "blockvol.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define CONNECT_TRIES 20 /* of 100 ms: the host may still be making its socket */
#define DISK_TRIES 60    /* of 50 ms */

static enum cl_status on_start(void *ctx, struct cl_agent_start *take, struct cl_err *err)
{
    struct agent_host *h = ctx;
    (void)err;
    (void)pthread_mutex_lock(&h->lock);
    h->start = *take; /* the server calls this once */
    h->start_seen = true;
    (void)pthread_cond_broadcast(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
    return CL_OK;
}

static enum cl_status on_signal(void *ctx, uint32_t signo, struct cl_err *err)
{
    struct agent_host *h = ctx;
    return agent_container_signal(h->container, signo, err);
}

static enum cl_status on_resize(void *ctx, uint32_t rows, uint32_t cols, struct cl_err *err)
{
    struct agent_host *h = ctx;
    return agent_container_resize(h->container, rows, cols, err);
}

static void on_info(void *ctx, struct cl_agent_info *ret)
{
    struct agent_host *h = ctx;
    struct utsname u;
    (void)snprintf(ret->agent_version, sizeof(ret->agent_version), "%s", CL_VERSION);
    if (uname(&u) == 0) {
        (void)snprintf(ret->kernel_release, sizeof(ret->kernel_release), "%.60s", u.release);
    }
    (void)pthread_mutex_lock(&h->lock);
    (void)snprintf(ret->tee, sizeof(ret->tee), "%s", agent_tee_name(h->tee));
    (void)pthread_mutex_unlock(&h->lock);
}

static void *serve(void *arg)
{
    struct agent_host *h = arg;
    struct cl_err err = {0};
    if (cl_ttrpc_server_run(h->ttrpc, &err) != CL_OK) {
        agent_say("host: %s", err.msg);
    }
    cl_agent_server_hang_up(h->server);
    agent_pod_hang_up(h->pod);
    (void)pthread_mutex_lock(&h->lock);
    h->gone = true;
    (void)pthread_cond_broadcast(&h->changed);
    (void)pthread_mutex_unlock(&h->lock);
    /* Nobody is left to work for: the container goes, and with it the guest. */
    if (agent_container_signal(h->container, 9, &err) == CL_OK) {
        agent_say("host: connection ended; the container was killed");
    }
    return NULL;
}

static enum cl_status dial_host(int *ret_fd, struct cl_err *err)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    enum cl_status st = CL_ERR_UNAVAILABLE;
    for (int i = 0; st != CL_OK && i < CONNECT_TRIES; i++) {
        st = agent_dial(AGENT_PORT_RPC, /* patient= */ true, ret_fd, err);
        if (st != CL_OK) {
            (void)nanosleep(&pause, NULL);
        }
    }
    return st;
}

static enum cl_status dial_for_pod(void *ctx, uint32_t port, bool patient, int *ret_fd,
                                   struct cl_err *err)
{
    (void)ctx;
    return agent_dial(port, patient, ret_fd, err);
}

/* The VMM has filled the slot before the host asks for it; the kernel may hear of it a moment
 * later. */
static enum cl_status disk_for_pod(void *ctx, unsigned slot,
                                   char ret_path[static AGENT_POD_DISK_PATH], struct cl_err *err)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    bool present = false;
    (void)ctx;
    for (int i = 0; !present && i < DISK_TRIES; i++) {
        CL_TRY(agent_disk_find(slot, &present, ret_path, err));
        if (!present) {
            (void)nanosleep(&pause, NULL);
        }
    }
    return present ? CL_OK
                   : cl_err_set(err, CL_ERR_UNAVAILABLE,
                                "block slot %u: expected a disk, got an empty slot", slot);
}
static enum cl_status open_volume(void *ctx, const struct agent_blockvol *v,
                                  char ret_path[static 32], struct cl_err *err)
{
    struct agent_blockvol own = *v;
    (void)ctx;
    own.memory_dir = "/run";
    own.mke2fs = "/bin/mke2fs";
    return agent_blockvol_open(&own, ret_path, err);
}

_Static_assert(AGENT_POD_DISK_PATH == AGENT_DISK_PATH_SIZE, "a path of a disk");

/* Which of the two is served is not known yet: what comes in waits. */
static enum cl_status make_services(struct agent_host *h, struct cl_err *err)
{
    const struct cl_agent_ops ops = {h, on_start, on_signal, on_resize, on_info};
    const struct agent_pod_config pod = {
        .dial = dial_for_pod,
        .disk = disk_for_pod,
        .open_volume = open_volume,
        .dir = AGENT_BUNDLE,
        .crun = "/bin/crun",
        .crun_root = "/run/crun",
        .cgroup = "/sys/fs/cgroup",
        .limits = agent_image_limits(),
    };
    CL_TRY(cl_agent_server_new(&ops, &h->server, err));
    return agent_pod_new(&pod, &h->pod, err);
}

enum cl_status agent_host_connect(struct agent_host *h, struct cl_err *err)
{
    pthread_condattr_t attr;
    int fd = -1;
    (void)pthread_mutex_init(&h->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&h->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    CL_TRY(make_services(h, err));
    CL_TRY(dial_host(&fd, err));
    const struct cl_ttrpc_service services[] = {cl_agent_server_service(h->server),
                                                agent_pod_service(h->pod)};
    CL_TRY(cl_ttrpc_server_new(fd, services, CL_ARRAY_LEN(services), &h->ttrpc, err));
    int rc = pthread_create(&h->thread, NULL, serve, h);
    return rc == 0 ? CL_OK : cl_err_sys(err, rc, "thread for the host");
}

enum cl_status agent_host_wait_start(struct agent_host *h, int timeout_ms, struct cl_err *err)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += timeout_ms / 1000;
    (void)pthread_mutex_lock(&h->lock);
    int rc = 0;
    while (!h->start_seen && !h->gone && rc == 0) {
        rc = pthread_cond_timedwait(&h->changed, &h->lock, &t);
    }
    bool seen = h->start_seen;
    bool gone = h->gone;
    (void)pthread_mutex_unlock(&h->lock);
    if (seen) {
        return CL_OK;
    }
    return cl_err_set(err, CL_ERR_UNAVAILABLE,
                      gone ? "start: the host closed the connection"
                           : "start: the host did not call within %d s",
                      timeout_ms / 1000);
}
