/* SPDX-License-Identifier: Apache-2.0
 * refresh.c - volumes of files are kept as the host has them, as long as the pod runs: a token that
 * kubelet renews, a configMap that was edited. One at a time, and none while a container's volumes
 * are filled: the agent takes generations in their order.
 */
#include "pod_internal.h"

#include "daemon.h"
#include "watch.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct refresh {
    struct shim_pod *pod;
    char name[SHIM_NAME_MAX + 1];
    struct shim_files files;
    size_t file; /* the next */
    uint64_t generation;
};

static void refresh_end(struct refresh *r)
{
    struct shim_pod *pod = r->pod;
    shim_files_done(&r->files);
    free(r);
    pod->refreshing = false;
    volumes_refresh(pod);
}

static void on_piece(struct job *j, enum shim_code code, const char *message, const void *payload,
                     size_t len)
{
    struct refresh *r = j->ctx;
    (void)payload;
    (void)len;
    if (code != SHIM_CODE_OK) {
        cl_log(CL_LOG_WARN, "shim.pod", "volume '%s': not refreshed: %d %s", r->name, (int)code,
               message);
        refresh_end(r);
    } else if (r->file < r->files.count) {
        volume_put(r->pod, NULL, r->name, &r->files, &r->file, r->generation, r, on_piece);
    } else {
        cl_log(CL_LOG_INFO, "shim.pod", "volume '%s': refreshed", r->name);
        refresh_end(r);
    }
}

static void begin(struct shim_pod *pod, const struct volume_name *v)
{
    struct cl_err err = {0};
    struct refresh *r = calloc(1, sizeof(*r));
    enum cl_status st =
        r != NULL ? shim_files_read(v->watched, &r->files, &err) : cl_err_nomem(&err, "refresh");
    if (st != CL_OK) {
        cl_log(CL_LOG_WARN, "shim.pod", "volume '%s': not refreshed: %s", v->name, err.msg);
        free(r);
        return;
    }
    r->pod = pod;
    r->generation = ++pod->generation;
    (void)snprintf(r->name, sizeof(r->name), "%s", v->name);
    pod->refreshing = true;
    volume_put(pod, NULL, r->name, &r->files, &r->file, r->generation, r, on_piece);
}

void volumes_refresh(struct shim_pod *pod)
{
    for (struct volume_name *v = pod->volumes; v != NULL; v = v->next) {
        if (pod->refreshing || pod->fillings > 0 || pod->agent == NULL) {
            return;
        }
        if (v->changed) {
            v->changed = false;
            begin(pod, v);
        }
    }
}

static void on_changed(void *ctx, const char *path)
{
    struct shim_pod *pod = ctx;
    for (struct volume_name *v = pod->volumes; v != NULL; v = v->next) {
        v->changed = v->changed || (v->watched != NULL && strcmp(v->watched, path) == 0);
    }
    volumes_refresh(pod);
}

static enum cl_status watch_path(struct shim_pod *pod, struct volume_name *v, const char *path,
                                 struct cl_err *err)
{
    if (pod->watch == NULL) {
        CL_TRY(shim_watch_new(pod->cfg.daemon->base, on_changed, pod, &pod->watch, err));
    }
    if (v->watched == NULL) {
        v->watched = strdup(path);
    }
    return v->watched != NULL ? shim_watch_add(pod->watch, v->watched, err)
                              : cl_err_nomem(err, "watch");
}

/* A pod whose files stay as they were is better than none. */
void volume_watch(struct shim_pod *pod, struct volume_name *v, const char *path)
{
    struct cl_err err = {0};
    if (watch_path(pod, v, path, &err) != CL_OK) {
        cl_log(CL_LOG_WARN, "shim.pod", "volume '%s': its changes will not be seen: %s", v->name,
               err.msg);
    }
}
