/* SPDX-License-Identifier: Apache-2.0
 * unused.c - volumes that were made for one container go with it: a container that is restarted for
 * days brings one with every start. One at a time, and none while a container's volumes are filled.
 * Trust: what the guest does not take away it keeps, and has less room for others.
 */
#include "pod_internal.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static bool has_volume(const struct container *c, const char *name)
{
    for (size_t i = 0; i < c->own_count; i++) {
        if (strcmp(c->own[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_used(const struct shim_pod *pod, const struct volume_name *v)
{
    const struct container *c = pod->containers;
    while (c != NULL && !has_volume(c, v->name)) {
        c = c->next;
    }
    return c != NULL;
}

/* Watches nothing: what is watched is the pod's. */
static void forget(struct shim_pod *pod, const char *name)
{
    struct volume_name **at = &pod->volumes;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    struct volume_name *v = *at;
    if (v != NULL) {
        *at = v->next;
        free(v->watched);
        free(v);
    }
}

static void on_removed(struct job *j, enum shim_code code, const char *message, const void *payload,
                       size_t len)
{
    struct shim_pod *pod = j->pod;
    char *name = j->ctx;
    (void)payload;
    (void)len;
    if (code == SHIM_CODE_OK || code == SHIM_CODE_NOT_FOUND) {
        forget(pod, name);
    } else if (pod->agent != NULL) { /* asked again when the next container goes */
        cl_log(CL_LOG_WARN, "shim.pod", "volume '%s': the guest did not remove it: %d %s", name,
               (int)code, message);
    }
    free(name);
    pod->fillings--;
    volumes_idle(pod);
}

static void take_away(struct shim_pod *pod, const struct volume_name *v)
{
    Cloister__Pod__V1__RemoveVolumeRequest q;
    cloister__pod__v1__remove_volume_request__init(&q);
    char *name = strdup(v->name);
    if (name == NULL) {
        return;
    }
    q.name = name;
    pod->fillings++;
    const struct job_spec spec = {.method = "RemoveVolume",
                                  .request = &q.base,
                                  .timeout_ms = pod->cfg.times.call,
                                  .ctx = name,
                                  .done = on_removed};
    pod_call(pod, &spec);
}

/* The next of those that were found unused, if it still is. */
static void remove_next(struct shim_pod *pod)
{
    struct volume_name *v = pod->volumes;
    while (v != NULL && !(v->unused && !is_used(pod, v))) {
        v->unused = false;
        v = v->next;
    }
    if (v != NULL) {
        v->unused = false;
        take_away(pod, v);
    }
}

void volumes_idle(struct shim_pod *pod)
{
    if (pod->fillings == 0 && pod->agent != NULL) {
        remove_next(pod);
    }
    creations_go_on(pod);
    volumes_refresh(pod);
}

void volumes_drop_unused(struct shim_pod *pod)
{
    for (struct volume_name *v = pod->volumes; v != NULL; v = v->next) {
        v->unused = v->transient && !is_used(pod, v);
    }
    if (pod->fillings == 0 && pod->agent != NULL) {
        remove_next(pod);
    }
}
