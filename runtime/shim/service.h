/* SPDX-License-Identifier: Apache-2.0
 * service.h - the Task service as containerd calls it: any number of connections to one socket,
 * containerd.task.v2.Task and .v3.Task alike, each request decoded and handed to one function of a
 * table; and the answers, one function each (containerd-shim.md 1.3, 3).
 * Trust: whoever may connect to the socket (mode 0600) is containerd, or root; what it sends is
 * bounded nevertheless. Threads: the loop's. Memory: what rpc.h says for each connection.
 */
#ifndef SHIM_SERVICE_H
#define SHIM_SERVICE_H

#include "rpc.h"
#include "task.pb-c.h"

#include <stdbool.h>
#include <time.h>

#define SHIM_MAX_CONNECTIONS 512u

/* One function for each method. Each must answer `call` once, now or later, with a shim_answer_*;
 * the request lives until the function returns. NULL: answered with SHIM_CODE_UNIMPLEMENTED, as
 * methods and services of other names are. */
struct shim_task_ops {
    void *ctx;
    void (*state)(void *ctx, struct shim_rpc_call *call,
                  const Containerd__Task__V2__StateRequest *r);
    void (*create)(void *ctx, struct shim_rpc_call *call,
                   const Containerd__Task__V2__CreateTaskRequest *r);
    void (*start)(void *ctx, struct shim_rpc_call *call,
                  const Containerd__Task__V2__StartRequest *r);
    void (*del)(void *ctx, struct shim_rpc_call *call,
                const Containerd__Task__V2__DeleteRequest *r);
    void (*pids)(void *ctx, struct shim_rpc_call *call, const Containerd__Task__V2__PidsRequest *r);
    void (*pause)(void *ctx, struct shim_rpc_call *call,
                  const Containerd__Task__V2__PauseRequest *r);
    void (*resume)(void *ctx, struct shim_rpc_call *call,
                   const Containerd__Task__V2__ResumeRequest *r);
    void (*checkpoint)(void *ctx, struct shim_rpc_call *call,
                       const Containerd__Task__V2__CheckpointTaskRequest *r);
    void (*kill)(void *ctx, struct shim_rpc_call *call, const Containerd__Task__V2__KillRequest *r);
    void (*exec)(void *ctx, struct shim_rpc_call *call,
                 const Containerd__Task__V2__ExecProcessRequest *r);
    void (*resize_pty)(void *ctx, struct shim_rpc_call *call,
                       const Containerd__Task__V2__ResizePtyRequest *r);
    void (*close_io)(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__CloseIORequest *r);
    void (*update)(void *ctx, struct shim_rpc_call *call,
                   const Containerd__Task__V2__UpdateTaskRequest *r);
    void (*wait)(void *ctx, struct shim_rpc_call *call, const Containerd__Task__V2__WaitRequest *r);
    void (*stats)(void *ctx, struct shim_rpc_call *call,
                  const Containerd__Task__V2__StatsRequest *r);
    void (*connect)(void *ctx, struct shim_rpc_call *call,
                    const Containerd__Task__V2__ConnectRequest *r);
    /* With containers left: answers and goes on. With none: answers, then shim_daemon.finish. */
    void (*shutdown)(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__ShutdownRequest *r);
};

/* The answers. Strings may be NULL where empty; all are copied. */
void shim_answer_empty(struct shim_rpc_call *call); /* Pause, Kill, Exec, Shutdown, ... */
/* err's message is what the user reads in `kubectl describe`. */
void shim_answer_error(struct shim_rpc_call *call, enum shim_code code, const struct cl_err *err);
void shim_answer_create(struct shim_rpc_call *call, uint32_t pid);
void shim_answer_start(struct shim_rpc_call *call, uint32_t pid);
void shim_answer_wait(struct shim_rpc_call *call, uint32_t exit_status, struct timespec exited_at);
void shim_answer_delete(struct shim_rpc_call *call, uint32_t pid, uint32_t exit_status,
                        struct timespec exited_at);
void shim_answer_connect(struct shim_rpc_call *call, uint32_t shim_pid, uint32_t task_pid);
/* value: the encoded message of type_url ("io.containerd.cgroups.v2.Metrics"). */
void shim_answer_stats(struct shim_rpc_call *call, const char *type_url, const void *value,
                       size_t len);

struct shim_state {
    const char *id;
    const char *exec_id;
    const char *bundle;
    uint32_t pid;
    Containerd__Task__V2__Status status;
    const char *stdin_path;
    const char *stdout_path;
    const char *stderr_path;
    bool terminal;
    uint32_t exit_status;
    struct timespec exited_at; /* zero: has not */
};
void shim_answer_state(struct shim_rpc_call *call, const struct shim_state *s);

struct shim_pid {
    uint32_t pid;
    const char *exec_id; /* NULL: the container's own */
};
void shim_answer_pids(struct shim_rpc_call *call, const struct shim_pid *pid, size_t count);

struct shim_service; /* opaque */

/* Serves on a listening descriptor, which it takes (closed by _free, and when this fails). `ops`
 * is copied. */
CL_NODISCARD enum cl_status shim_service_new(struct event_base *base, int listen_fd,
                                             const struct shim_task_ops *ops,
                                             struct shim_service **ret_s, struct cl_err *err);
/* Called with each connection that comes: containerd may have been restarted. */
void shim_service_on_connect(struct shim_service *s, void (*connected)(void *ctx), void *ctx);
/* Takes no more connections; calls `done` once, from the loop, when every answer given so far is
 * on its way, after timeout_ms at the latest. */
void shim_service_stop(struct shim_service *s, int timeout_ms, void (*done)(void *ctx), void *ctx);
void shim_service_free(struct shim_service *s);

#endif
