/* SPDX-License-Identifier: Apache-2.0
 * pod_service.c - the Task service of the program.
 */
#include "pod_service.h"

#include "config.h"
#include "images.h"
#include "pod.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct pod_service {
    struct shim_config settings;
    struct shim_containerd_images store;
    struct shim_image_ops images;
    struct shim_pod *pod;
};

/* Without a file at the usual place the defaults hold; a file that was named must be there. */
static enum cl_status read_settings(const struct shim_daemon *d, struct shim_config *ret,
                                    struct cl_err *err)
{
    if (d->config_path == NULL && access(SHIM_CONFIG_PATH, F_OK) != 0 && errno == ENOENT) {
        shim_config_default(ret);
        return CL_OK;
    }
    return shim_config_read(d->config_path != NULL ? d->config_path : SHIM_CONFIG_PATH, ret, err);
}

static void pod_service_free(struct pod_service *s)
{
    shim_pod_free(s->pod);
    shim_config_done(&s->settings);
    free(s);
}

static enum cl_status make(struct shim_daemon *d, struct shim_task_ops *ret_ops, struct cl_err *err)
{
    struct pod_service *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return cl_err_nomem(err, "pod");
    }
    s->store = (struct shim_containerd_images){
        .base = d->base, .socket = d->address, .settings = &s->settings};
    s->images = shim_images_of(&s->store);
    const struct shim_pod_config cfg = {.daemon = d,
                                        .settings = &s->settings,
                                        .vm = shim_vm_host(),
                                        .images = &s->images,
                                        .times = SHIM_TIMES,
                                        .owner = s};
    enum cl_status st = read_settings(d, &s->settings, err);
    st = st == CL_OK ? shim_pod_new(&cfg, &s->pod, err) : st;
    if (st != CL_OK) {
        pod_service_free(s);
        return st;
    }
    shim_pod_ops(s->pod, ret_ops);
    return CL_OK;
}

static void unmake(void *ctx)
{
    pod_service_free(shim_pod_owner(ctx));
}

const struct shim_daemon_service shim_pod_service = {make, unmake};
