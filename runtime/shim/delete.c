/* SPDX-License-Identifier: Apache-2.0
 * delete.c - forgets a process, or a container with what it left in the guest.
 * Trust: whatever the guest answers, or does not, the host's side is deleted: nothing in a guest
 * keeps a pod in the state Terminating.
 */
#include "pod_internal.h"

#include "base/log.h"

#include <stdio.h>
#include <sys/mount.h>

/* Whatever may have been mounted there: we mount nothing, but what is there would keep containerd
 * from removing the bundle. */
static void unmount_rootfs(const struct container *c)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/rootfs", c->bundle) < (int)sizeof(path)) {
        while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
        }
    }
}

static void forget(struct proc *p, struct shim_rpc_call *call)
{
    struct container *c = p->c;
    struct shim_pod *pod = c->pod;
    struct shim_publisher *publisher = pod->cfg.daemon->publisher;
    bool own = p == &c->init;
    if (p->state != PROC_STOPPED) { /* it was never started */
        if (!p->ended) {
            proc_ended(p, POD_STATUS_LOST);
        }
        p->overdue = true;
        proc_check(p);
    }
    if (call != NULL) {
        shim_answer_delete(call, pod_pid(pod), p->exit_status, p->exited_at);
    }
    if (!own) {
        exec_free(p);
        return;
    }
    shim_publish_delete(publisher, c->id, NULL, pod_pid(pod), p->exit_status, p->exited_at);
    unmount_rootfs(c);
    pod_container_free(c);
    if (pod->containers == NULL) {
        pod_stop_vm(pod, "its last container was deleted");
    } else {
        volumes_drop_unused(pod);
    }
}

static void on_deleted(struct job *j, enum shim_code code, const char *message, const void *payload,
                       size_t len)
{
    (void)payload;
    (void)len;
    if (j->proc == NULL) { /* its container went before it */
        job_refuse(j, SHIM_CODE_NOT_FOUND, "was deleted");
        return;
    }
    if (code != SHIM_CODE_OK && j->pod->agent != NULL) {
        cl_log(CL_LOG_WARN, "shim.pod", "container '%s': the guest did not delete it: %d %s",
               j->container_id, (int)code, message);
    }
    forget(j->proc, j->call);
}

/* The VM is the container: it goes, and need not be asked first. */
static bool takes_vm(const struct container *c)
{
    return c->kind != SHIM_CONTAINER;
}

void pod_delete(void *ctx, struct shim_rpc_call *call, const Containerd__Task__V2__DeleteRequest *r)
{
    struct shim_pod *pod = ctx;
    struct cl_err err = {0};
    struct proc *p = pod_find_proc(pod, r->id, r->exec_id, &err);
    if (p == NULL) {
        shim_answer_error(call, SHIM_CODE_NOT_FOUND, &err);
        return;
    }
    struct container *c = p->c;
    bool own = p == &c->init;
    if (own && c->creation != NULL) { /* whoever wanted it has given up */
        creation_failed(c->creation, SHIM_CODE_CANCELED, "deleted while it was created");
        const struct timespec now = {.tv_sec = time(NULL)};
        shim_answer_delete(call, pod_pid(pod), POD_STATUS_LOST, now);
        return;
    }
    if ((p->state != PROC_CREATED && p->state != PROC_STOPPED) || p->deleting) {
        proc_refuse(call, p, "stopped");
        return;
    }
    if (pod->agent == NULL || (own ? takes_vm(c) : !c->in_guest)) {
        forget(p, call);
        return;
    }
    Cloister__Pod__V1__ProcessRequest q;
    cloister__pod__v1__process_request__init(&q);
    q.container_id = c->id;
    q.exec_id = p->id;
    p->deleting = true;
    const struct job_spec spec = {.proc = p,
                                  .call = call,
                                  .method = "Delete",
                                  .request = &q.base,
                                  .timeout_ms = pod->cfg.times.call,
                                  .done = on_deleted};
    pod_call(pod, &spec);
}
