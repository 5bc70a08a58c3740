/* SPDX-License-Identifier: Apache-2.0
 * daemon.c - the serving process: its loop, and how it ends.
 */
#include "daemon.h"

#include "base/log.h"
#include "leftovers.h"
#include "logfifo.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define SEND_MS 2000  /* for the last answers */
#define FLUSH_MS 5000 /* for the last events */
#define KEEP_BYTES 65536
/* Up to three for each stream of a pod: its FIFO, the other side of that, and the guest's. */
#define MAX_FILES 8192

struct running {
    struct shim_daemon d; /* first: finish() is given this */
    struct shim_service *service;
    const char *socket_path;
    struct event *terminated;
    bool finishing;
};

static void on_flushed(void *ctx)
{
    struct running *r = ctx;
    (void)event_base_loopbreak(r->d.base);
}

static void on_sent(void *ctx)
{
    struct running *r = ctx;
    shim_publisher_flush(r->d.publisher, FLUSH_MS, on_flushed, r);
}

/* The socket goes first: whoever starts the same group from now on starts another daemon. */
static void finish(struct shim_daemon *d)
{
    struct running *r = (struct running *)d;
    if (!r->finishing) {
        r->finishing = true;
        (void)unlink(r->socket_path);
        shim_service_stop(r->service, SEND_MS, on_sent, r);
    }
}

static void on_terminated(evutil_socket_t signo, short what, void *ctx)
{
    (void)signo;
    (void)what;
    finish(ctx);
}

static void on_connected(void *ctx)
{
    const struct running *r = ctx;
    shim_log_attach(r->d.bundle);
}

static enum cl_status make_base(struct running *r, const struct shim_args *a, struct cl_err *err)
{
    struct shim_publisher_config events = {.name_space = a->name_space,
                                           .ttrpc_address = a->ttrpc_address,
                                           .grpc_address = a->address,
                                           .publish_binary = a->publish_binary};
    r->d.base = event_base_new();
    if (r->d.base == NULL) {
        return cl_err_nomem(err, "event loop");
    }
    r->terminated = evsignal_new(r->d.base, SIGTERM, on_terminated, &r->d);
    if (r->terminated == NULL || event_add(r->terminated, NULL) != 0) {
        return cl_err_nomem(err, "event loop");
    }
    CL_TRY(shim_leftovers_write(a->bundle, NULL, 0, NULL, 0, NULL, err));
    return shim_publisher_new(r->d.base, &events, &r->d.publisher, err);
}

static enum cl_status serve(struct running *r, int listen_fd, const struct shim_task_ops *ops,
                            void (*ready)(void *ctx), void *ctx, struct cl_err *err)
{
    CL_TRY(shim_service_new(r->d.base, listen_fd, ops, &r->service, err));
    shim_service_on_connect(r->service, on_connected, r);
    (void)malloc_trim(0);
    ready(ctx);
    return event_base_dispatch(r->d.base) >= 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_SYS, "event loop: expected it to run, it has failed");
}

static void running_done(struct running *r)
{
    shim_service_free(r->service);
    shim_publisher_free(r->d.publisher);
    if (r->terminated != NULL) {
        event_free(r->terminated);
    }
    if (r->d.base != NULL) {
        event_base_free(r->d.base);
    }
    (void)unlink(r->socket_path);
    shim_leftovers_forget(r->d.bundle);
}

/* As far as containerd's own limit allows. */
static void raise_limits(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < MAX_FILES) {
        r.rlim_cur = r.rlim_max < MAX_FILES ? r.rlim_max : MAX_FILES;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

enum cl_status shim_daemon_run(const struct shim_args *a, int listen_fd, const char *socket_path,
                               const struct shim_daemon_service *service, void (*ready)(void *ctx),
                               void *ctx, struct cl_err *err)
{
    struct running r = {.socket_path = socket_path,
                        .d = {.name_space = a->name_space,
                              .id = a->id,
                              .bundle = a->bundle,
                              .address = a->address,
                              .config_path = a->config_path,
                              .finish = finish}};
    struct shim_task_ops ops = {.ctx = NULL};
    (void)signal(SIGPIPE, SIG_IGN);
    raise_limits();
    /* Large messages come and go: their memory goes, too. */
    (void)mallopt(M_MMAP_THRESHOLD, KEEP_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    cl_log_init("containerd-shim-cloister-v2", false);
    shim_log_attach(a->bundle);
    enum cl_status st = make_base(&r, a, err);
    if (st == CL_OK) {
        st = service->make(&r.d, &ops, err);
    }
    if (st != CL_OK) {
        (void)close(listen_fd);
        running_done(&r);
        return st;
    }
    st = serve(&r, listen_fd, &ops, ready, ctx, err);
    if (st != CL_OK) {
        cl_log(CL_LOG_ERROR, "daemon", "%s", err->msg);
    }
    service->unmake(ops.ctx);
    running_done(&r);
    return st;
}
