/* SPDX-License-Identifier: Apache-2.0
 * volume.c - volumes of the pod: directories of the agent's. Those of kind SCRATCH lie on the pod's
 * disk when it has one; all others stay in memory. They live until the guest ends, but for those
 * that were a single container's: what containers of a pod share, no host takes away between them.
 */
#include "engine.h"

#include "agent/spec.h"
#include "base/io.h"
#include "rootfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define KIND(name) CLOISTER__POD__V1__VOLUME_REQUEST__KIND__##name

struct pod_volume *pod_volume_find(struct agent_pod *p, const char *name)
{
    struct pod_volume *v = p->volumes;
    while (v != NULL && strcmp(v->name, name) != 0) {
        v = v->next;
    }
    return v;
}

static enum cl_status check_kind(int kind, struct cl_err *err)
{
    switch (kind) {
    case KIND(FILES):
    case KIND(SCRATCH):
    case KIND(MEMORY):
    case KIND(SHM):
    case KIND(BLOCK):
        return CL_OK;
    default:
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "volume: kind: expected FILES, SCRATCH, MEMORY, SHM or BLOCK, got %d",
                          kind);
    }
}

static enum cl_status make_dir(struct pod_volume *v, uint64_t size, struct cl_err *err)
{
    bool own =
        v->kind == KIND(MEMORY) || v->kind == KIND(SHM) || (v->kind == KIND(SCRATCH) && size > 0);
    const char *mode = v->kind == KIND(SHM) ? "1777" : "0777";
    unsigned long flags = MS_NODEV | (v->kind == KIND(SHM) ? MS_NOSUID | MS_NOEXEC : 0);
    char options[64];
    if (mkdir(v->dir, 0755) != 0) {
        return cl_err_sys(err, errno, "make '%s'", v->dir);
    }
    if (v->kind != KIND(FILES) && chmod(v->dir, 0777) != 0) {
        return cl_err_sys(err, errno, "mode of '%s'", v->dir);
    }
    if (size > 0) {
        (void)snprintf(options, sizeof(options), "mode=%s,size=%" PRIu64, mode, size);
    } else {
        (void)snprintf(options, sizeof(options), "mode=%s,size=85%%", mode);
    }
    if (own && mount("tmpfs", v->dir, "tmpfs", flags, options) != 0) {
        return cl_err_sys(err, errno, "mount '%s'", v->dir);
    }
    v->mounted = own;
    return CL_OK;
}

/* With the lock held. */
static enum cl_ttrpc_code add(struct agent_pod *p, const Cloister__Pod__V1__VolumeRequest *r,
                              const char *disk, struct cl_err *err)
{
    for (const struct pod_volume *v = p->volumes; v != NULL; v = v->next) {
        if (r->kind == KIND(BLOCK) && v->kind == KIND(BLOCK) && v->slot == r->slot &&
            strcmp(v->name, r->name) != 0) {
            return pod_error(err, CL_TTRPC_ALREADY_EXISTS,
                             "volume '%s': slot: expected one that is no volume yet, got %u, which "
                             "is '%s'",
                             r->name, (unsigned)r->slot, v->name);
        }
    }
    if (pod_volume_find(p, r->name) != NULL) {
        return pod_error(err, CL_TTRPC_ALREADY_EXISTS, "volume '%s': exists already", r->name);
    }
    if (p->volume_count >= AGENT_POD_MAX_VOLUMES) {
        return pod_error(err, CL_TTRPC_RESOURCE_EXHAUSTED, "volumes: expected at most %u, got more",
                         AGENT_POD_MAX_VOLUMES);
    }
    struct pod_volume *v = calloc(1, sizeof(*v));
    if (v == NULL) {
        return pod_error(err, CL_TTRPC_RESOURCE_EXHAUSTED, "out of memory");
    }
    (void)snprintf(v->name, sizeof(v->name), "%s", r->name);
    v->kind = (int)r->kind;
    (void)snprintf(v->dir, sizeof(v->dir), "%.120s/volumes/%" PRIu64,
                   v->kind == KIND(SCRATCH) && r->size == 0 ? p->data : p->config.dir,
                   pod_next_number(p));
    enum cl_status st = v->kind == KIND(BLOCK) ? CL_OK : make_dir(v, r->size, err);
    v->slot = r->slot;
    if (disk != NULL) {
        (void)snprintf(v->disk, sizeof(v->disk), "%s", disk);
    }
    if (st != CL_OK) {
        free(v);
        return pod_code(st);
    }
    v->next = p->volumes;
    p->volumes = v;
    p->volume_count++;
    return CL_TTRPC_OK;
}

/* Without the lock: the kernel may still be looking at it. */
static enum cl_status find_disk(const struct agent_pod *p,
                                const Cloister__Pod__V1__VolumeRequest *r, char *ret_disk,
                                struct cl_err *err)
{
    if (r->kind != KIND(BLOCK)) {
        return CL_OK;
    }
    if (r->slot < AGENT_POD_FIRST_DISK || r->slot > AGENT_POD_LAST_DISK) {
        return cl_err_set(err, CL_ERR_MALFORMED, "volume '%s': slot: expected %u to %u, got %u",
                          r->name, AGENT_POD_FIRST_DISK, AGENT_POD_LAST_DISK, (unsigned)r->slot);
    }
    if (p->config.disk == NULL) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "volume '%s': expected no block volume here",
                          r->name);
    }
    return p->config.disk(p->config.ctx, r->slot, ret_disk, err);
}

POD_RUN(pod_make_volume)
{
    const Cloister__Pod__V1__VolumeRequest *r = (const Cloister__Pod__V1__VolumeRequest *)m;
    (void)out;
    enum cl_status st = agent_pod_check_volume_name(r->name, "volume: name", err);
    st = st == CL_OK ? pod_policy_volume(p, r->name, (int)r->kind, err) : st;
    char disk[AGENT_POD_DISK_PATH] = "";
    st = st == CL_OK ? check_kind((int)r->kind, err) : st;
    st = st == CL_OK ? find_disk(p, r, disk, err) : st;
    if (st != CL_OK) {
        return pod_code(st);
    }
    (void)pthread_mutex_lock(&p->lock);
    enum cl_ttrpc_code code = add(p, r, disk, err);
    (void)pthread_mutex_unlock(&p->lock);
    return code;
}

/* --- who mounts it, and its end ----------------------------------------------------------------
 */

enum cl_status pod_volume_use(struct pod_container *c, const char *name, size_t max,
                              struct pod_volume **ret_v, struct cl_err *err)
{
    struct agent_pod *p = c->pod;
    if (c->volume == NULL) {
        c->volume = calloc(max, sizeof(struct pod_volume *));
    }
    if (c->volume == NULL) {
        return cl_err_nomem(err, "volumes");
    }
    (void)pthread_mutex_lock(&p->lock);
    struct pod_volume *v = pod_volume_find(p, name);
    if (v != NULL) {
        v->users++;
        c->volume[c->volume_count++] = v;
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (v == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "spec: mounts: source: expected a volume of the pod, got '%s'", name);
    }
    *ret_v = v;
    return CL_OK;
}

void pod_volumes_unuse(struct pod_container *c)
{
    for (; c->volume_count > 0; c->volume_count--) {
        struct pod_volume *v = c->volume[c->volume_count - 1];
        (void)pthread_mutex_lock(&c->pod->lock);
        v->users--;
        (void)pthread_mutex_unlock(&c->pod->lock);
        if (v->kind == KIND(BLOCK)) { /* these stay */
            pod_block_rest(c->pod, v);
        }
    }
    free(c->volume);
    c->volume = NULL;
}

static bool is_containers_own(const struct pod_volume *v)
{
    static const char *const beginnings[] = {"result_", "image_", "host_"};
    bool own = false;
    for (size_t i = 0; i < CL_ARRAY_LEN(beginnings); i++) {
        own = own || strncmp(v->name, beginnings[i], strlen(beginnings[i])) == 0;
    }
    return own && (v->kind == KIND(FILES) || v->kind == KIND(SCRATCH));
}

/* With the lock held: takes it out of the pod's list. */
static enum cl_ttrpc_code take_out(struct agent_pod *p, const char *name, struct pod_volume **ret_v,
                                   struct cl_err *err)
{
    struct pod_volume **at = &p->volumes;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    struct pod_volume *v = *at;
    if (v == NULL) {
        return pod_error(err, CL_TTRPC_NOT_FOUND, "volume '%.80s': not found", name);
    }
    if (!is_containers_own(v)) {
        return pod_error(err, CL_TTRPC_FAILED_PRECONDITION,
                         "volume '%s': expected one of a single container (result_, image_, "
                         "host_), got one of the pod",
                         v->name);
    }
    if (v->busy || v->users > 0) {
        return pod_error(err, CL_TTRPC_FAILED_PRECONDITION,
                         "volume '%s': expected one that nobody uses, got one in use", v->name);
    }
    *at = v->next;
    p->volume_count--;
    *ret_v = v;
    return CL_TTRPC_OK;
}

POD_RUN(pod_remove_volume)
{
    const Cloister__Pod__V1__RemoveVolumeRequest *r =
        (const Cloister__Pod__V1__RemoveVolumeRequest *)m;
    struct pod_volume *v = NULL;
    (void)out;
    (void)pthread_mutex_lock(&p->lock);
    enum cl_ttrpc_code code = take_out(p, r->name, &v, err);
    (void)pthread_mutex_unlock(&p->lock);
    if (code != CL_TTRPC_OK || v == NULL) {
        return code;
    }
    if (v->mounted) {
        (void)umount2(v->dir, MNT_DETACH);
    }
    pod_remove_tree(v->dir);
    free(v);
    return CL_TTRPC_OK;
}

/* A subdirectory that a pod mounts before anybody made it: as the volume's root is. */
static enum cl_status make_path(int root, const char *path, struct cl_err *err)
{
    struct stat s;
    CL_TRY(agent_spec_make_workdir(root, path, err));
    CL_CLEANUP(cl_close_fdp) int fd = agent_open_in_root(root, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || fstat(root, &s) != 0 || fchmod(fd, s.st_mode & 07777) != 0) {
        return cl_err_sys(err, errno, "make '%s'", path);
    }
    return CL_OK;
}

enum cl_status pod_volume_open(const struct pod_volume *v, const char *path, int *ret_fd,
                               struct cl_err *err)
{
    if (v->kind == KIND(BLOCK)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "expected a volume of files, got a block device");
    }
    CL_CLEANUP(cl_close_fdp) int root = open(v->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *name = path[0] != '\0' ? path : ".";
    if (root < 0) {
        return cl_err_sys(err, errno, "open '%s'", v->dir);
    }
    int fd = agent_open_in_root(root, name, O_PATH);
    if (fd < 0 && errno == ENOENT && v->kind != KIND(FILES)) {
        CL_TRY(make_path(root, path, err));
        fd = agent_open_in_root(root, name, O_PATH);
    }
    if (fd < 0) {
        return errno == ENOENT
                   ? cl_err_set(err, CL_ERR_MALFORMED,
                                "path: expected a file of the volume, got '%.128s'", path)
                   : cl_err_sys(err, errno, "open '%s'", path);
    }
    *ret_fd = fd;
    return CL_OK;
}
