/* SPDX-License-Identifier: Apache-2.0
 * calls.c - the table of calls, and the workers that do what may take its time.
 */
#include "engine.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WORKER_STACK (512u << 10)

#define REQUEST(name) &cloister__pod__v1__##name##__descriptor

static const struct pod_method methods[] = {
    {"Sandbox", REQUEST(sandbox_request), pod_sandbox, NULL, false, true},
    {"Volume", REQUEST(volume_request), pod_make_volume, NULL, false, false},
    {"RemoveVolume", REQUEST(remove_volume_request), pod_remove_volume, NULL, false, false},
    {"PutFiles", REQUEST(put_files_request), pod_put_files, NULL, false, false},
    {"GetFile", REQUEST(get_file_request), pod_get_file, NULL, false, false},
    {"Create", REQUEST(create_request), pod_create, NULL, true, false},
    {"Exec", REQUEST(exec_request), pod_exec, NULL, false, false},
    {"Start", REQUEST(process_request), pod_start, NULL, false, false},
    {"Wait", REQUEST(process_request), NULL, pod_wait, false, false},
    {"Kill", REQUEST(kill_request), pod_kill, NULL, false, false},
    {"Resize", REQUEST(resize_request), NULL, pod_resize, false, false},
    {"Delete", REQUEST(process_request), pod_delete, NULL, false, false},
    {"Pause", REQUEST(container_request), pod_pause_container, NULL, false, false},
    {"Resume", REQUEST(container_request), pod_resume_container, NULL, false, false},
    {"Update", REQUEST(update_request), pod_update, NULL, false, false},
    {"Stats", REQUEST(container_request), pod_stats, NULL, false, false},
    {"Pids", REQUEST(container_request), pod_pids, NULL, false, false},
    {"Forward", REQUEST(forward_request), NULL, pod_forward, false, false},
    {"NextEvent", REQUEST(empty), NULL, pod_next_event, false, true},
    {"Stop", REQUEST(empty), pod_stop, NULL, false, true},
};

enum cl_ttrpc_code pod_code(enum cl_status st)
{
    switch (st) {
    case CL_OK:
        return CL_TTRPC_OK;
    case CL_ERR_TRUNCATED:
    case CL_ERR_MALFORMED:
    case CL_ERR_UNSUPPORTED:
        return CL_TTRPC_INVALID_ARGUMENT;
    case CL_ERR_REJECTED:
        return CL_TTRPC_PERMISSION_DENIED;
    case CL_ERR_NOMEM:
        return CL_TTRPC_RESOURCE_EXHAUSTED;
    case CL_ERR_UNAVAILABLE:
    case CL_ERR_SYS:
        break;
    }
    return CL_TTRPC_INTERNAL;
}

enum cl_ttrpc_code pod_error(struct cl_err *err, enum cl_ttrpc_code code, const char *fmt, ...)
{
    char text[CL_ERR_MSG_SIZE];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)cl_err_set(err, CL_ERR_UNAVAILABLE, "%s", text);
    return code;
}

enum cl_status pod_pack(const ProtobufCMessage *m, struct cl_buf *out, struct cl_err *err)
{
    CL_TRY(cl_buf_reserve(out, protobuf_c_message_get_packed_size(m), err));
    out->len += protobuf_c_message_pack(m, out->data + out->len);
    return CL_OK;
}

void pod_answer(struct agent_pod *p, struct cl_ttrpc_call call, enum cl_ttrpc_code code,
                const char *message, const struct cl_buf *payload)
{
    p->pending--;
    cl_ttrpc_reply(call, code, message, payload);
}

static void job_free(struct pod_job *j)
{
    if (j != NULL) {
        protobuf_c_message_free_unpacked(j->request, NULL);
        free(j);
    }
}

/* --- workers ---------------------------------------------------------------------------------- */

enum cl_status pod_queue_init(struct pod_queue *q, struct cl_err *err)
{
    *q = (struct pod_queue){.last = &q->first};
    int rc = pthread_cond_init(&q->changed, NULL);
    return rc == 0 ? CL_OK : cl_err_sys(err, rc, "queue");
}

static void work(struct agent_pod *p, struct pod_job *j)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    struct cl_err err = {0};
    bool early = !j->method->before_sandbox && !p->sandbox;
    (void)pthread_mutex_unlock(&p->lock);
    enum cl_ttrpc_code code = early ? pod_error(&err, CL_TTRPC_FAILED_PRECONDITION,
                                                "%s: expected Sandbox first", j->method->name)
                                    : j->method->run(p, j->request, &out, &err);
    (void)pthread_mutex_lock(&p->lock);
    pod_answer(p, j->call, code, code == CL_TTRPC_OK ? NULL : err.msg,
               code == CL_TTRPC_OK ? &out : NULL);
    if (j->method->run == pod_stop) {
        p->stopped = true;
        (void)pthread_cond_broadcast(&p->changed);
    }
}

struct worker {
    struct agent_pod *pod;
    struct pod_queue *queue;
};

/* Workers live as long as the guest. Each has a file mode mask of its own: unpacking needs 0. */
static void *worker_thread(void *arg)
{
    struct worker w = *(struct worker *)arg;
    free(arg);
    (void)unshare(CLONE_FS);
    (void)umask(022);
    (void)pthread_mutex_lock(&w.pod->lock);
    for (;;) {
        while (w.queue->first == NULL) {
            w.queue->idle++;
            (void)pthread_cond_wait(&w.queue->changed, &w.pod->lock);
            w.queue->idle--;
        }
        struct pod_job *j = w.queue->first;
        w.queue->first = j->next;
        if (w.queue->first == NULL) {
            w.queue->last = &w.queue->first;
        }
        work(w.pod, j);
        job_free(j);
    }
    return NULL;
}

/* With the lock held. One that cannot be made is no harm while others are there. */
static bool add_worker(struct agent_pod *p, struct pod_queue *q)
{
    struct worker *w = malloc(sizeof(*w));
    pthread_attr_t attr;
    pthread_t thread;
    if (w == NULL) {
        return q->workers > 0;
    }
    *w = (struct worker){p, q};
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, WORKER_STACK);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attr, worker_thread, w);
    (void)pthread_attr_destroy(&attr);
    if (rc != 0) {
        free(w);
        return q->workers > 0;
    }
    q->workers++;
    return true;
}

static bool wake_worker(struct agent_pod *p, struct pod_queue *q)
{
    size_t waiting = 0;
    for (struct pod_job *j = q->first; j != NULL; j = j->next) {
        waiting++;
    }
    bool good = q->workers > 0;
    if (waiting > q->idle && q->workers < AGENT_POD_WORKERS) {
        good = add_worker(p, q);
    }
    (void)pthread_cond_signal(&q->changed);
    return good;
}

void pod_calls_begin(struct agent_pod *p)
{
    struct pod_queue *const queues[] = {&p->slow, &p->quick};
    for (size_t i = 0; i < CL_ARRAY_LEN(queues); i++) {
        for (struct pod_job *j = queues[i]->first; j != NULL; j = j->next) {
            (void)wake_worker(p, queues[i]);
        }
    }
}

void pod_calls_refuse(struct agent_pod *p)
{
    struct pod_queue *const queues[] = {&p->slow, &p->quick};
    for (size_t i = 0; i < CL_ARRAY_LEN(queues); i++) {
        while (queues[i]->first != NULL) {
            struct pod_job *j = queues[i]->first;
            queues[i]->first = j->next;
            pod_answer(p, j->call, p->refusal, p->refusal_text, NULL);
            job_free(j);
        }
        queues[i]->last = &queues[i]->first;
    }
}

/* --- what comes in ---------------------------------------------------------------------------- */

static const struct pod_method *find_method(const char *name)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(methods); i++) {
        if (strcmp(methods[i].name, name) == 0) {
            return &methods[i];
        }
    }
    return NULL;
}

static void enqueue(struct agent_pod *p, struct cl_ttrpc_call call, const struct pod_method *method,
                    ProtobufCMessage *take)
{
    struct pod_queue *q = method->slow ? &p->slow : &p->quick;
    struct pod_job *j = malloc(sizeof(*j));
    if (j == NULL) {
        protobuf_c_message_free_unpacked(take, NULL);
        pod_answer(p, call, CL_TTRPC_RESOURCE_EXHAUSTED, "out of memory", NULL);
        return;
    }
    *j = (struct pod_job){NULL, call, method, take};
    *q->last = j;
    q->last = &j->next;
    if (p->mode == POD_SERVING && !wake_worker(p, q)) {
        q->first = NULL; /* it was alone: nobody has ever worked here */
        q->last = &q->first;
        pod_answer(p, call, CL_TTRPC_RESOURCE_EXHAUSTED, "no thread for the call", NULL);
        job_free(j);
    }
}

/* With the lock held. */
static void accept_call(struct agent_pod *p, struct cl_ttrpc_call call,
                        const struct pod_method *method, ProtobufCMessage *take)
{
    p->pending++;
    if (p->mode == POD_REFUSING) {
        pod_answer(p, call, p->refusal, p->refusal_text, NULL);
    } else if (p->pending > AGENT_POD_MAX_CALLS) {
        pod_answer(p, call, CL_TTRPC_RESOURCE_EXHAUSTED, "too many calls are pending", NULL);
    } else if (p->stopping) {
        pod_answer(p, call, CL_TTRPC_UNAVAILABLE, "the pod is ending", NULL);
    } else if (method->now == NULL) {
        enqueue(p, call, method, take);
        return;
    } else if (p->mode == POD_UNDECIDED) {
        pod_answer(p, call, CL_TTRPC_FAILED_PRECONDITION, "expected Sandbox first", NULL);
    } else {
        method->now(p, call, take);
    }
    protobuf_c_message_free_unpacked(take, NULL);
}

void pod_call(void *ctx, struct cl_ttrpc_call call, const struct cl_ttrpc_request *r)
{
    struct agent_pod *p = ctx;
    const struct pod_method *method = find_method(r->method);
    if (method == NULL) {
        cl_ttrpc_reply(call, CL_TTRPC_UNIMPLEMENTED, "no such method", NULL);
        return;
    }
    ProtobufCMessage *m =
        protobuf_c_message_unpack(method->request, NULL, r->payload_len, r->payload);
    if (m == NULL) {
        cl_ttrpc_reply(call, CL_TTRPC_INVALID_ARGUMENT, "request: not a protobuf message", NULL);
        return;
    }
    (void)pthread_mutex_lock(&p->lock);
    accept_call(p, call, method, m);
    (void)pthread_mutex_unlock(&p->lock);
}
