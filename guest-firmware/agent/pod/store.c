/* SPDX-License-Identifier: Apache-2.0
 * store.c - images, unpacked once for each manifest (and apart where every layer had to be
 * encrypted). They stay until the guest ends: a container that is made again finds its image. They
 * lie on the pod's disk when it has one.
 */
#include "engine.h"

#include "agent/image.h"
#include "agent/ports.h"
#include "agent/signatures.h"
#include "base/encode.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static enum cl_status make_dirs(const char *root, struct cl_err *err)
{
    static const char *const dirs[] = {"images", "containers", "volumes"};
    for (size_t i = 0; i < CL_ARRAY_LEN(dirs); i++) {
        char path[POD_PATH_SIZE];
        (void)snprintf(path, sizeof(path), "%s/%s", root, dirs[i]);
        if (mkdir(path, 0700) != 0) {
            return cl_err_sys(err, errno, "make '%s'", path);
        }
    }
    return CL_OK;
}

enum cl_status pod_store_begin(struct agent_pod *p, struct cl_err *err)
{
    CL_TRY(make_dirs(p->config.dir, err));
    return p->data != p->config.dir ? make_dirs(p->data, err) : CL_OK;
}

static enum cl_status dial_blob(void *ctx, int *ret_fd, struct cl_err *err)
{
    const struct agent_pod *p = ctx;
    return p->config.dial(p->config.ctx, AGENT_PORT_BLOB, /* patient= */ false, ret_fd, err);
}

static enum cl_status get_key(void *ctx, const char *path, struct cl_secret *ret,
                              struct cl_err *err)
{
    const struct agent_pod *p = ctx;
    if (p->measured.policy != NULL) {
        return p->measured.get_key(p->measured.ctx, path, ret, err);
    }
    return cl_err_set(err, CL_ERR_REJECTED, "broker: expected one in initdata, got none");
}

static void phase_done(void *ctx, const char *phase)
{
    (void)ctx;
    (void)phase;
}

static enum cl_status fetch(struct agent_pod *p, const struct pod_image *i, const char *dir,
                            struct cl_err *err)
{
    const struct agent_image_ops ops = {p, dial_blob, get_key, phase_done};
    const struct agent_image_want want = {i->digest, i->encrypted};
    struct cl_oci_config config = {0};
    const char *step = "";
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "make '%s'", dir);
    }
    CL_CLEANUP(cl_close_fdp) int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return cl_err_sys(err, errno, "open '%s'", dir);
    }
    if (p->measured.record_image != NULL) {
        CL_TRY(p->measured.record_image(p->measured.ctx, i->digest, err));
    }
    enum cl_status st =
        agent_image_fetch(&want, &ops, root, &p->config.limits, &config, &step, err);
    cl_oci_config_done(&config);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "%s", step);
}

/* With the lock held. */
static struct pod_image *find_or_add(struct agent_pod *p, const uint8_t *digest, bool encrypted)
{
    struct pod_image *i = p->images;
    while (i != NULL && (i->encrypted != encrypted ||
                         memcmp(i->digest, digest, CL_SHA256_SIZE) != 0)) { /* public */
        i = i->next;
    }
    if (i == NULL) {
        i = calloc(1, sizeof(*i));
        if (i != NULL) {
            memcpy(i->digest, digest, CL_SHA256_SIZE);
            i->encrypted = encrypted;
            i->next = p->images;
            p->images = i;
        }
    }
    return i;
}

/* With the lock held: what could not be had is forgotten once nobody looks at it, so that a later
 * Create may try again. */
static void drop_if_failed(struct agent_pod *p, struct pod_image *i)
{
    struct pod_image **at = &p->images;
    if (i->ready || i->fetching || i->waiting > 0) {
        return;
    }
    while (*at != i) {
        at = &(*at)->next;
    }
    *at = i->next;
    free(i);
}

/* With the lock held; released while bytes come in. */
static void fetch_unlocked(struct agent_pod *p, struct pod_image *i, const char *dir)
{
    struct cl_err why = {0};
    i->fetching = true;
    (void)pthread_mutex_unlock(&p->lock);
    why.status = fetch(p, i, dir, &why);
    (void)pthread_mutex_lock(&p->lock);
    i->fetching = false;
    i->ready = why.status == CL_OK;
    i->err = why;
    (void)pthread_cond_broadcast(&p->changed);
}

enum cl_status pod_image_signed(struct agent_pod *p, const struct cl_pod_policy_container *c,
                                const uint8_t digest[static CL_SHA256_SIZE], struct cl_err *err)
{
    const struct agent_image_ops ops = {p, dial_blob, get_key, phase_done};
    if (c == NULL || c->rule == NULL) {
        return CL_OK;
    }
    enum cl_status st = agent_image_signed(c->rule, &ops, digest, time(NULL), err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "policy: containers[%s]: image", c->name);
}

enum cl_status pod_image_get(struct agent_pod *p, const uint8_t digest[static CL_SHA256_SIZE],
                             bool encrypted, char ret_dir[static POD_PATH_SIZE], struct cl_err *err)
{
    char hex[2 * CL_SHA256_SIZE + 1];
    char parent[POD_PATH_SIZE - 8];
    enum cl_status st = CL_OK;
    cl_hex(hex, digest, CL_SHA256_SIZE);
    (void)snprintf(parent, sizeof(parent), "%s/images/%s%s", p->data, hex,
                   encrypted ? ".encrypted" : "");
    (void)snprintf(ret_dir, POD_PATH_SIZE, "%s/rootfs", parent);
    if (mkdir(parent, 0700) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "make '%s'", parent);
    }
    (void)pthread_mutex_lock(&p->lock);
    struct pod_image *i = find_or_add(p, digest, encrypted);
    if (i == NULL) {
        st = cl_err_nomem(err, "image");
    } else if (i->fetching) {
        i->waiting++;
        while (i->fetching) {
            (void)pthread_cond_wait(&p->changed, &p->lock);
        }
        i->waiting--;
    } else if (!i->ready) {
        fetch_unlocked(p, i, ret_dir);
    }
    if (i != NULL && !i->ready) {
        st = i->err.status;
        if (err != NULL) {
            *err = i->err;
        }
        drop_if_failed(p, i);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return st;
}
