/* SPDX-License-Identifier: Apache-2.0
 * block.c - block volumes: what the policy says of the device of a container. A plain one is handed
 * on as it is; one with a key is opened when the first container wants it, and is the guest's until
 * its end; its file system is mounted as long as a container has it.
 * Trust: which of the host's disks is which volume is the host's word: one that the volume's key
 *        does not open is refused.
 */
#include "engine.h"

#include "base/io.h"
#include "blockvol.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define KIND_BLOCK CLOISTER__POD__V1__VOLUME_REQUEST__KIND__BLOCK

struct wish {
    const struct cl_pod_device *device; /* NULL: there is no policy */
    const struct cl_pod_volume *volume;
};

/* Nobody else is at it until let_go(). */
static void take(struct agent_pod *p, struct pod_volume *v)
{
    (void)pthread_mutex_lock(&p->lock);
    while (v->busy) {
        (void)pthread_cond_wait(&p->changed, &p->lock);
    }
    v->busy = true;
    (void)pthread_mutex_unlock(&p->lock);
}

static void let_go(struct agent_pod *p, struct pod_volume *v)
{
    (void)pthread_mutex_lock(&p->lock);
    v->busy = false;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
}

/* --- which it is ------------------------------------------------------------------------------ */

/* From now on this disk is that volume: one disk for each that has a key, and one volume a disk. */
static enum cl_status bind_volume(struct agent_pod *p, struct pod_volume *v,
                                  const struct cl_pod_volume *is, struct cl_err *err)
{
    const struct pod_volume *other = NULL;
    (void)pthread_mutex_lock(&p->lock);
    for (const struct pod_volume *at = p->volumes; at != NULL; at = at->next) {
        other = at != v && at->is == is && is->key != NULL ? at : other;
    }
    const struct cl_pod_volume *was = v->is;
    v->is = was == NULL && other == NULL ? is : was;
    (void)pthread_mutex_unlock(&p->lock);
    if (other != NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "policy: volumes[%s]: expected one disk, '%s', got another", is->name,
                          other->name);
    }
    return was == NULL || was == is
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED,
                            "policy: volumes[%s]: expected a disk of its own, got '%s'", is->name,
                            was->name);
}

/* --- opening ---------------------------------------------------------------------------------- */

static bool wants_filesystem(const struct agent_pod *p, const struct cl_pod_volume *is)
{
    const struct cl_pod_policy *policy = p->measured.policy;
    for (size_t i = 0; i < policy->container_count; i++) {
        const struct cl_pod_policy_container *c = &policy->containers[i];
        for (size_t k = 0; k < c->device_count; k++) {
            if (c->devices[k].mount != NULL && strcmp(c->devices[k].volume, is->name) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Whoever has it to himself. */
static enum cl_status open_with_key(const struct agent_pod *p, struct pod_volume *v,
                                    struct cl_err *err)
{
    struct cl_secret key = {0};
    char name[32];
    if (v->opened[0] != '\0') {
        return CL_OK;
    }
    if (p->config.open_volume == NULL) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "expected no encrypted volume here");
    }
    (void)snprintf(name, sizeof(name), "cloister-volume-%u", v->slot);
    CL_TRY(p->measured.get_key(p->measured.ctx, v->is->key, &key, err));
    const struct agent_blockvol b = {.disk = v->disk,
                                     .name = name,
                                     .key = &key,
                                     .format_blank = v->is->format_blank,
                                     .filesystem = wants_filesystem(p, v->is)};
    enum cl_status st = p->config.open_volume(p->config.ctx, &b, v->opened, err);
    cl_secret_done(&key);
    if (st != CL_OK) {
        v->opened[0] = '\0';
    }
    return st;
}

/* Every block of it carries our tag: the kernel believes no file system of the host's. */
static enum cl_status mount_volume(struct pod_volume *v, struct cl_err *err)
{
    if (v->mounted) {
        return CL_OK;
    }
    if (mkdir(v->dir, 0700) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "make '%s'", v->dir);
    }
    if (mount(v->opened, v->dir, "ext4", MS_NODEV, "errors=remount-ro,nodiscard,noinit_itable") !=
        0) {
        return cl_err_sys(err, errno, "mount '%s'", v->opened);
    }
    v->mounted = true;
    return CL_OK;
}

static enum cl_status give(struct pod_container *c, struct pod_volume *v, const struct wish *w,
                           struct agent_podspec *spec, size_t i, struct cl_err *err)
{
    struct stat s;
    const char *path = v->disk;
    if (w->volume != NULL && w->volume->key != NULL) {
        CL_TRY(open_with_key(c->pod, v, err));
        path = v->opened;
    }
    if (w->device != NULL && w->device->mount != NULL) {
        CL_TRY(mount_volume(v, err));
        return pod_rootfs_bind(c, v->dir, w->device->mount, w->device->read_only, spec, err);
    }
    if (stat(path, &s) != 0 || !S_ISBLK(s.st_mode)) {
        return cl_err_sys(err, ENOTBLK, "'%s'", path);
    }
    return agent_podspec_set_device(spec, i, major(s.st_rdev), minor(s.st_rdev), err);
}

enum cl_status pod_block_give(struct pod_container *c, struct agent_podspec *spec, size_t i,
                              struct cl_err *err)
{
    struct pod_volume *v = NULL;
    struct wish w = {0};
    CL_TRY(
        pod_volume_use(c, spec->device[i].volume, spec->bind_count + spec->device_count, &v, err));
    if (v->kind != KIND_BLOCK) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "volume '%s': expected a block device, got a volume of files", v->name);
    }
    if (c->policy != NULL) {
        CL_TRY(cl_pod_policy_device(c->pod->measured.policy, c->policy, spec->device[i].path,
                                    &w.device, &w.volume, err));
        CL_TRY(bind_volume(c->pod, v, w.volume, err));
    }
    take(c->pod, v);
    enum cl_status st = give(c, v, &w, spec, i, err);
    let_go(c->pod, v);
    return st == CL_OK
               ? CL_OK
               : cl_err_wrap(err, st, "volume '%s'", w.volume != NULL ? w.volume->name : v->name);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* What was written is the host's to keep before the container is told to be gone. */
void pod_block_rest(struct agent_pod *p, struct pod_volume *v)
{
    take(p, v);
    (void)pthread_mutex_lock(&p->lock);
    bool unused = v->users == 0;
    (void)pthread_mutex_unlock(&p->lock);
    CL_CLEANUP(cl_close_fdp)
    int fd = open(v->mounted             ? v->dir
                  : v->opened[0] != '\0' ? v->opened
                                         : v->disk,
                  O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)(v->mounted ? syncfs(fd) : fsync(fd));
    }
    cl_close_fdp(&fd);
    if (v->mounted && unused) {
        v->mounted = umount2(v->dir, 0) != 0;
    }
    let_go(p, v);
}
