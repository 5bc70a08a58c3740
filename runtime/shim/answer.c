/* SPDX-License-Identifier: Apache-2.0
 * answer.c - the answers of the Task service, from plain values to their messages.
 */
#include "service.h"

#include "pb.h"

#include <stdlib.h>

void shim_answer_empty(struct shim_rpc_call *call)
{
    shim_rpc_answer(call, SHIM_CODE_OK, NULL, NULL, 0);
}

void shim_answer_error(struct shim_rpc_call *call, enum shim_code code, const struct cl_err *err)
{
    shim_rpc_answer(call, code, err->msg, NULL, 0);
}

static void answer(struct shim_rpc_call *call, const ProtobufCMessage *m)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    if (shim_pb_pack(m, &out, NULL) != CL_OK) {
        shim_rpc_answer(call, SHIM_CODE_EXHAUSTED, "out of memory", NULL, 0);
        return;
    }
    shim_rpc_answer(call, SHIM_CODE_OK, NULL, out.data, out.len);
}

void shim_answer_create(struct shim_rpc_call *call, uint32_t pid)
{
    Containerd__Task__V2__CreateTaskResponse m;
    containerd__task__v2__create_task_response__init(&m);
    m.pid = pid;
    answer(call, &m.base);
}

void shim_answer_start(struct shim_rpc_call *call, uint32_t pid)
{
    Containerd__Task__V2__StartResponse m;
    containerd__task__v2__start_response__init(&m);
    m.pid = pid;
    answer(call, &m.base);
}

void shim_answer_wait(struct shim_rpc_call *call, uint32_t exit_status, struct timespec exited_at)
{
    Containerd__Task__V2__WaitResponse m;
    containerd__task__v2__wait_response__init(&m);
    Google__Protobuf__Timestamp ts = shim_pb_time(exited_at);
    m.exit_status = exit_status;
    m.exited_at = &ts;
    answer(call, &m.base);
}

void shim_answer_delete(struct shim_rpc_call *call, uint32_t pid, uint32_t exit_status,
                        struct timespec exited_at)
{
    Containerd__Task__V2__DeleteResponse m;
    containerd__task__v2__delete_response__init(&m);
    Google__Protobuf__Timestamp ts = shim_pb_time(exited_at);
    m.pid = pid;
    m.exit_status = exit_status;
    m.exited_at = &ts;
    answer(call, &m.base);
}

void shim_answer_connect(struct shim_rpc_call *call, uint32_t shim_pid, uint32_t task_pid)
{
    Containerd__Task__V2__ConnectResponse m;
    containerd__task__v2__connect_response__init(&m);
    m.shim_pid = shim_pid;
    m.task_pid = task_pid;
    m.version = shim_pb_ref(CL_VERSION);
    answer(call, &m.base);
}

void shim_answer_stats(struct shim_rpc_call *call, const char *type_url, const void *value,
                       size_t len)
{
    Containerd__Task__V2__StatsResponse m;
    containerd__task__v2__stats_response__init(&m);
    Google__Protobuf__Any any;
    google__protobuf__any__init(&any);
    any.type_url = shim_pb_ref(type_url);
    any.value = (ProtobufCBinaryData){.len = len, .data = shim_pb_ref(value)};
    m.stats = &any;
    answer(call, &m.base);
}

void shim_answer_state(struct shim_rpc_call *call, const struct shim_state *s)
{
    Containerd__Task__V2__StateResponse m;
    containerd__task__v2__state_response__init(&m);
    Google__Protobuf__Timestamp ts = shim_pb_time(s->exited_at);
    m.id = shim_pb_ref(s->id);
    m.exec_id = shim_pb_ref(s->exec_id);
    m.bundle = shim_pb_ref(s->bundle);
    m.pid = s->pid;
    m.status = s->status;
    m.stdin = shim_pb_ref(s->stdin_path);
    m.stdout = shim_pb_ref(s->stdout_path);
    m.stderr = shim_pb_ref(s->stderr_path);
    m.terminal = s->terminal;
    m.exit_status = s->exit_status;
    m.exited_at = ts.seconds != 0 || ts.nanos != 0 ? &ts : NULL;
    answer(call, &m.base);
}

/* The `info` of an exec's process: containerd.runc.v1.ProcessDetails. False: no memory. */
static bool details(const char *exec_id, Google__Protobuf__Any *any, struct cl_buf *bytes)
{
    Containerd__Task__V2__ProcessDetails d;
    containerd__task__v2__process_details__init(&d);
    d.exec_id = shim_pb_ref(exec_id);
    if (shim_pb_pack(&d.base, bytes, NULL) != CL_OK) {
        return false;
    }
    google__protobuf__any__init(any);
    any->type_url = shim_pb_ref("containerd.runc.v1.ProcessDetails");
    any->value = (ProtobufCBinaryData){.len = bytes->len, .data = bytes->data};
    return true;
}

struct pid_row {
    Containerd__Task__V2__ProcessInfo info;
    Google__Protobuf__Any any;
    struct cl_buf bytes;
};

void shim_answer_pids(struct shim_rpc_call *call, const struct shim_pid *pid, size_t count)
{
    Containerd__Task__V2__PidsResponse m;
    containerd__task__v2__pids_response__init(&m);
    struct pid_row *row = calloc(count + 1, sizeof(*row));
    Containerd__Task__V2__ProcessInfo **list = calloc(count + 1, sizeof(*list));
    bool good = row != NULL && list != NULL;
    for (size_t i = 0; good && i < count; i++) {
        containerd__task__v2__process_info__init(&row[i].info);
        row[i].info.pid = pid[i].pid;
        list[i] = &row[i].info;
        if (pid[i].exec_id != NULL) {
            row[i].info.info = &row[i].any;
            good = details(pid[i].exec_id, &row[i].any, &row[i].bytes);
        }
    }
    m.processes = list;
    m.n_processes = count;
    if (good) {
        answer(call, &m.base);
    } else {
        shim_rpc_answer(call, SHIM_CODE_EXHAUSTED, "out of memory", NULL, 0);
    }
    for (size_t i = 0; row != NULL && i < count; i++) {
        cl_buf_done(&row[i].bytes);
    }
    free(row);
    free(list);
}
