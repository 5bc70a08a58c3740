/* SPDX-License-Identifier: Apache-2.0
 * fuzz_shim_task.c - the Task server against a client that sends anything: requests are decoded,
 * and their fields come back in answers (containerd-shim.md 3).
 */
#include "service.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_state(void *ctx, struct shim_rpc_call *call,
                     const Containerd__Task__V2__StateRequest *r)
{
    (void)ctx;
    struct shim_state s = {.id = r->id, .exec_id = r->exec_id, .status = 9};
    shim_answer_state(call, &s);
}

static void on_create(void *ctx, struct shim_rpc_call *call,
                      const Containerd__Task__V2__CreateTaskRequest *r)
{
    (void)ctx;
    size_t sum = 0;
    for (size_t i = 0; i < r->n_rootfs; i++) {
        sum += strlen(r->rootfs[i]->source) + r->rootfs[i]->n_options;
    }
    sum += r->options != NULL ? r->options->value.len : 0;
    shim_answer_create(call, (uint32_t)sum);
}

static void on_exec(void *ctx, struct shim_rpc_call *call,
                    const Containerd__Task__V2__ExecProcessRequest *r)
{
    (void)ctx;
    struct shim_pid pid = {.pid = 1, .exec_id = r->exec_id};
    shim_answer_pids(call, &pid, 1);
}

static void on_update(void *ctx, struct shim_rpc_call *call,
                      const Containerd__Task__V2__UpdateTaskRequest *r)
{
    (void)ctx;
    size_t sum = 0;
    for (size_t i = 0; i < r->n_annotations; i++) {
        sum += strlen(r->annotations[i]->key) + strlen(r->annotations[i]->value);
    }
    shim_answer_start(call, (uint32_t)sum);
}

/* A listening socket without a name in the file system, and its address. */
static int listen_nameless(struct sockaddr_un *ret, socklen_t *ret_len)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret_len = sizeof(*ret);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a.sun_family)) != 0 ||
        listen(fd, 1) != 0 || getsockname(fd, (struct sockaddr *)ret, ret_len) != 0) {
        __builtin_trap();
    }
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct shim_task_ops ops = {
        .state = on_state, .create = on_create, .exec = on_exec, .update = on_update};
    struct shim_service *s = NULL;
    struct sockaddr_un a;
    socklen_t len = 0;
    char sink[65536];
    if (size > 65536) {
        return 0;
    }
    struct event_base *base = event_base_new();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int listener = listen_nameless(&a, &len);
    if (base == NULL || shim_service_new(base, listener, &ops, &s, NULL) != CL_OK || fd < 0 ||
        connect(fd, (const struct sockaddr *)&a, len) != 0 ||
        write(fd, data, size) != (ssize_t)size) {
        __builtin_trap();
    }
    (void)shutdown(fd, SHUT_WR);
    for (int i = 0; i < 32; i++) {
        (void)event_base_loop(base, EVLOOP_NONBLOCK);
        if (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) == 0) {
            break;
        }
    }
    shim_service_free(s);
    event_base_free(base);
    (void)close(fd);
    return 0;
}
