/* SPDX-License-Identifier: Apache-2.0
 * events.c - the events of a task, from plain values to their messages (containerd-shim.md 3.3).
 */
#include "events.pb-c.h"
#include "pb.h"
#include "publish_internal.h"

#include "base/log.h"

#include <stdlib.h>

static void fill_mount(Containerd__Types__Mount *m, const struct shim_event_mount *from)
{
    union {
        const char *const *c;
        char **v;
    } options = {.c = from->options};
    containerd__types__mount__init(m);
    m->type = shim_pb_ref(from->type);
    m->source = shim_pb_ref(from->source);
    m->target = shim_pb_ref(from->target);
    m->options = options.v;
    m->n_options = from->option_count;
}

void shim_publish_create(struct shim_publisher *p, const struct shim_event_create *e)
{
    Containerd__Events__TaskCreate m;
    Containerd__Events__TaskIO io;
    containerd__events__task_create__init(&m);
    containerd__events__task_io__init(&io);
    io.stdin = shim_pb_ref(e->stdin_path);
    io.stdout = shim_pb_ref(e->stdout_path);
    io.stderr = shim_pb_ref(e->stderr_path);
    io.terminal = e->terminal;
    m.io = &io;
    m.container_id = shim_pb_ref(e->container_id);
    m.bundle = shim_pb_ref(e->bundle);
    m.pid = e->pid;
    Containerd__Types__Mount *mount = calloc(e->rootfs_count + 1, sizeof(*mount));
    m.rootfs = calloc(e->rootfs_count + 1, sizeof(*m.rootfs));
    if (mount == NULL || m.rootfs == NULL) {
        cl_log(CL_LOG_ERROR, "events", "/tasks/create: lost: out of memory");
    } else {
        m.n_rootfs = e->rootfs_count;
        for (size_t i = 0; i < e->rootfs_count; i++) {
            fill_mount(&mount[i], &e->rootfs[i]);
            m.rootfs[i] = &mount[i];
        }
        shim_publish_message(p, "/tasks/create", &m.base);
    }
    free(mount);
    free(m.rootfs);
}

void shim_publish_start(struct shim_publisher *p, const char *container_id, uint32_t pid)
{
    Containerd__Events__TaskStart m;
    containerd__events__task_start__init(&m);
    m.container_id = shim_pb_ref(container_id);
    m.pid = pid;
    shim_publish_message(p, "/tasks/start", &m.base);
}

void shim_publish_exit(struct shim_publisher *p, const char *container_id, const char *exec_id,
                       uint32_t pid, uint32_t exit_status, struct timespec exited_at)
{
    Containerd__Events__TaskExit m;
    Google__Protobuf__Timestamp ts = shim_pb_time(exited_at);
    containerd__events__task_exit__init(&m);
    m.container_id = shim_pb_ref(container_id);
    m.id = shim_pb_ref(exec_id != NULL ? exec_id : container_id);
    m.pid = pid;
    m.exit_status = exit_status;
    m.exited_at = &ts;
    shim_publish_message(p, "/tasks/exit", &m.base);
}

void shim_publish_delete(struct shim_publisher *p, const char *container_id, const char *exec_id,
                         uint32_t pid, uint32_t exit_status, struct timespec exited_at)
{
    Containerd__Events__TaskDelete m;
    Google__Protobuf__Timestamp ts = shim_pb_time(exited_at);
    containerd__events__task_delete__init(&m);
    m.container_id = shim_pb_ref(container_id);
    m.id = shim_pb_ref(exec_id);
    m.pid = pid;
    m.exit_status = exit_status;
    m.exited_at = &ts;
    shim_publish_message(p, "/tasks/delete", &m.base);
}

void shim_publish_exec_added(struct shim_publisher *p, const char *container_id,
                             const char *exec_id)
{
    Containerd__Events__TaskExecAdded m;
    containerd__events__task_exec_added__init(&m);
    m.container_id = shim_pb_ref(container_id);
    m.exec_id = shim_pb_ref(exec_id);
    shim_publish_message(p, "/tasks/exec-added", &m.base);
}

void shim_publish_exec_started(struct shim_publisher *p, const char *container_id,
                               const char *exec_id, uint32_t pid)
{
    Containerd__Events__TaskExecStarted m;
    containerd__events__task_exec_started__init(&m);
    m.container_id = shim_pb_ref(container_id);
    m.exec_id = shim_pb_ref(exec_id);
    m.pid = pid;
    shim_publish_message(p, "/tasks/exec-started", &m.base);
}

void shim_publish_oom(struct shim_publisher *p, const char *container_id)
{
    Containerd__Events__TaskOOM m;
    containerd__events__task_oom__init(&m);
    m.container_id = shim_pb_ref(container_id);
    shim_publish_message(p, "/tasks/oom", &m.base);
}

void shim_publish_paused(struct shim_publisher *p, const char *container_id)
{
    Containerd__Events__TaskPaused m;
    containerd__events__task_paused__init(&m);
    m.container_id = shim_pb_ref(container_id);
    shim_publish_message(p, "/tasks/paused", &m.base);
}

void shim_publish_resumed(struct shim_publisher *p, const char *container_id)
{
    Containerd__Events__TaskResumed m;
    containerd__events__task_resumed__init(&m);
    m.container_id = shim_pb_ref(container_id);
    shim_publish_message(p, "/tasks/resumed", &m.base);
}
