/* SPDX-License-Identifier: Apache-2.0
 * rootfs.c - what a container stands on: the image below an overlay of its own, and the volumes
 * that it mounts, each pinned by a bind mount of ours so that no path of a container is resolved
 * twice.
 */
#include "engine.h"

#include "agent/spec.h"
#include "base/io.h"
#include "rootfile.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_DEVICE_DEPTH 3u
#define LOOP_MAJOR 7u
#define LOOP_NODES 8u

static void below(const struct pod_container *c, const char *name, char ret[static POD_PATH_SIZE])
{
    (void)snprintf(ret, POD_PATH_SIZE, "%.120s/%s", c->dir, name);
}

static void in_layer(const struct pod_container *c, const char *name,
                     char ret[static POD_PATH_SIZE])
{
    (void)snprintf(ret, POD_PATH_SIZE, "%.120s/%s", c->layer, name);
}

static bool has_layer_apart(const struct pod_container *c)
{
    return strcmp(c->layer, c->dir) != 0;
}

static enum cl_status make_dir(const char *path, mode_t mode, struct cl_err *err)
{
    return mkdir(path, mode) == 0 ? CL_OK : cl_err_sys(err, errno, "make '%s'", path);
}

static enum cl_status make_dirs(const struct pod_container *c, struct cl_err *err)
{
    static const char *const own[] = {"rootfs", "mounts"};
    static const char *const layer[] = {"upper", "work"};
    char path[POD_PATH_SIZE];
    CL_TRY(make_dir(c->dir, 0700, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(own); i++) {
        below(c, own[i], path);
        CL_TRY(make_dir(path, 0755, err));
    }
    if (has_layer_apart(c)) {
        CL_TRY(make_dir(c->layer, 0700, err));
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(layer); i++) {
        in_layer(c, layer[i], path);
        CL_TRY(make_dir(path, 0755, err));
    }
    return CL_OK;
}

/* The container's root has the mode and owner of the image's. */
static enum cl_status copy_mode(const char *from, const char *to, struct cl_err *err)
{
    struct stat s;
    if (stat(from, &s) != 0 || chown(to, s.st_uid, s.st_gid) != 0 ||
        chmod(to, s.st_mode & 07777) != 0) {
        return cl_err_sys(err, errno, "mode of '%s'", to);
    }
    return CL_OK;
}

static enum cl_status mount_root(struct pod_container *c, const char *image, bool devices,
                                 struct cl_err *err)
{
    char root[POD_PATH_SIZE];
    char upper[POD_PATH_SIZE];
    char options[3 * POD_PATH_SIZE + 64];
    below(c, "rootfs", root);
    in_layer(c, "upper", upper);
    CL_TRY(copy_mode(image, upper, err));
    (void)snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s/work", image,
                   upper, c->layer);
    if (mount("overlay", root, "overlay", devices ? 0 : MS_NODEV, options) != 0) {
        return cl_err_sys(err, errno, "mount overlay '%s'", root);
    }
    c->mounted = true;
    return CL_OK;
}

static enum cl_status make_target(const char *path, bool is_dir, struct cl_err *err)
{
    if (is_dir) {
        return mkdir(path, 0700) == 0 ? CL_OK : cl_err_sys(err, errno, "make '%s'", path);
    }
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd >= 0 ? CL_OK : cl_err_sys(err, errno, "make '%s'", path);
}

static enum cl_status bind_fd(struct pod_container *c, int fd, bool read_only, char *ret_path,
                              struct cl_err *err)
{
    struct stat s;
    char name[32];
    char source[48];
    (void)snprintf(name, sizeof(name), "mounts/%u", c->bind_count);
    (void)snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
    below(c, name, ret_path);
    if (fstat(fd, &s) != 0) {
        return cl_err_sys(err, errno, "look at a volume");
    }
    if (!S_ISDIR(s.st_mode) && !S_ISREG(s.st_mode)) {
        return cl_err_set(err, CL_ERR_REJECTED, "expected a file or directory, got another kind");
    }
    CL_TRY(make_target(ret_path, S_ISDIR(s.st_mode), err));
    if (mount(source, ret_path, NULL, MS_BIND, NULL) != 0) {
        return cl_err_sys(err, errno, "bind a volume");
    }
    c->bind_count++;
    if (read_only && mount(NULL, ret_path, NULL,
                           MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NODEV | MS_NOSUID, NULL) != 0) {
        return cl_err_sys(err, errno, "make a volume read-only");
    }
    return CL_OK;
}

/* --- volumes that an image declares ------------------------------------------------------------
 */

static bool is_image_volume(const struct pod_volume *v, const char *path)
{
    return v->kind == CLOISTER__POD__V1__VOLUME_REQUEST__KIND__SCRATCH &&
           strncmp(v->name, "image_", 6) == 0 && path[0] == '\0';
}

/* What the image has at this place; -1: nothing. */
static int open_image_directory(const char *image, const char *destination)
{
    CL_CLEANUP(cl_close_fdp) int root = open(image, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return root >= 0 ? agent_open_in_root(root, destination + 1, O_PATH | O_DIRECTORY) : -1;
}

static enum cl_status make_layer_dirs(const struct pod_volume *v, int lower, struct cl_err *err)
{
    static const char *const names[] = {"upper", "work"};
    struct stat s;
    if (fstat(lower, &s) != 0) {
        return cl_err_sys(err, errno, "look at a volume of the image");
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        char path[POD_PATH_SIZE + 8];
        (void)snprintf(path, sizeof(path), "%s/%s", v->dir, names[i]);
        if ((mkdir(path, 0755) != 0 && errno != EEXIST) || chown(path, s.st_uid, s.st_gid) != 0 ||
            chmod(path, s.st_mode & 07777) != 0) {
            return cl_err_sys(err, errno, "make '%s'", path);
        }
    }
    return CL_OK;
}

/* A VOLUME of the image begins with what the image has there, as with every other runtime: the
 * volume is a layer of its own above that directory. */
static enum cl_status mount_image_volume(struct pod_container *c, const struct pod_volume *v,
                                         int lower, char *ret_path, struct cl_err *err)
{
    char name[32];
    char options[2 * POD_PATH_SIZE + 128];
    CL_TRY(make_layer_dirs(v, lower, err));
    (void)snprintf(name, sizeof(name), "mounts/%u", c->bind_count);
    below(c, name, ret_path);
    CL_TRY(make_target(ret_path, /* is_dir= */ true, err));
    (void)snprintf(options, sizeof(options),
                   "lowerdir=/proc/self/fd/%d,upperdir=%s/upper,workdir=%s/work", lower, v->dir,
                   v->dir);
    if (mount("overlay", ret_path, "overlay", MS_NODEV, options) != 0) {
        return cl_err_sys(err, errno, "mount a volume of the image");
    }
    c->bind_count++;
    return CL_OK;
}

static enum cl_status mount_volume(struct pod_container *c, const struct pod_volume *v,
                                   const char *image, const char *destination, const char *path,
                                   char *ret_source, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    if (is_image_volume(v, path)) {
        fd = open_image_directory(image, destination);
    }
    if (fd >= 0) {
        return mount_image_volume(c, v, fd, ret_source, err);
    }
    CL_TRY(pod_volume_open(v, path, &fd, err));
    return bind_fd(c, fd, v->kind == CLOISTER__POD__V1__VOLUME_REQUEST__KIND__FILES, ret_source,
                   err);
}

static enum cl_status add_volume(struct pod_container *c, const char *image,
                                 struct agent_podspec *spec, size_t i, struct cl_err *err)
{
    const struct agent_pod_bind *b = &spec->bind[i];
    char source[POD_PATH_SIZE];
    struct pod_volume *v = NULL;
    CL_TRY(pod_volume_use(c, b->volume, spec->bind_count + spec->device_count, &v, err));
    enum cl_status st =
        mount_volume(c, v, image, agent_podspec_destination(spec, i), b->path, source, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "volume '%s'", b->volume);
    }
    return agent_podspec_set_source(spec, i, source,
                                    v->kind == CLOISTER__POD__V1__VOLUME_REQUEST__KIND__FILES, err);
}

enum cl_status pod_rootfs_bind(struct pod_container *c, const char *dir, const char *destination,
                               bool read_only, struct agent_podspec *spec, struct cl_err *err)
{
    char source[POD_PATH_SIZE];
    CL_CLEANUP(cl_close_fdp) int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", dir);
    }
    CL_TRY(bind_fd(c, fd, read_only, source, err));
    return agent_podspec_add_bind(spec, source, destination, read_only, err);
}

/* Makes the working directory when the image has none, as every runtime does. */
static enum cl_status make_workdir(const struct pod_container *c, const struct agent_podspec *spec,
                                   struct cl_err *err)
{
    char root[POD_PATH_SIZE];
    below(c, "rootfs", root);
    const char *cwd =
        json_string_value(json_object_get(json_object_get(spec->config, "process"), "cwd"));
    CL_CLEANUP(cl_close_fdp) int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", root);
    }
    return agent_spec_make_workdir(fd, cwd, err);
}

enum cl_status pod_rootfs_make(struct pod_container *c, const char *image,
                               struct agent_podspec *spec, struct cl_err *err)
{
    CL_TRY(make_dirs(c, err));
    CL_TRY(mount_root(c, image, spec->privileged, err));
    CL_TRY(make_workdir(c, spec, err));
    for (size_t i = 0; i < spec->bind_count; i++) {
        CL_TRY(add_volume(c, image, spec, i, err));
    }
    for (size_t i = 0; i < spec->device_count; i++) {
        CL_TRY(pod_block_give(c, spec, i, err));
    }
    return CL_OK;
}

void pod_remove_tree(const char *path)
{
    struct agent_tree t;
    struct agent_path root;
    CL_CLEANUP(cl_close_fdp)
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    agent_tree_init(&t, fd);
    /* What a container nested too deep stays, and costs its own pod memory. */
    if (agent_path_parse("", "root", AGENT_MAX_DEPTH, &root, NULL) == CL_OK &&
        agent_tree_clear(&t, &root, /* keep= */ NULL, NULL) == CL_OK) {
        (void)rmdir(path);
    }
    agent_tree_done(&t);
}

void pod_rootfs_remove(struct pod_container *c)
{
    char path[POD_PATH_SIZE];
    for (; c->bind_count > 0; c->bind_count--) {
        char name[32];
        (void)snprintf(name, sizeof(name), "mounts/%u", c->bind_count - 1);
        below(c, name, path);
        (void)umount2(path, MNT_DETACH);
    }
    if (c->mounted) {
        below(c, "rootfs", path);
        (void)umount2(path, MNT_DETACH);
        c->mounted = false;
    }
    pod_volumes_unuse(c);
    if (has_layer_apart(c)) {
        pod_remove_tree(c->layer);
    }
    pod_remove_tree(c->dir);
}

/* --- devices of the guest, for a privileged container ----------------------------------------- */

static bool is_mount_of_its_own(const char *name)
{
    return strcmp(name, "pts") == 0 || strcmp(name, "shm") == 0 || strcmp(name, "mqueue") == 0 ||
           strcmp(name, "console") == 0;
}

static enum cl_status add_devices_below(struct agent_podspec *spec, const char *dir, unsigned depth,
                                        struct cl_err *err);

static enum cl_status add_entry(struct agent_podspec *spec, const char *path, unsigned depth,
                                struct cl_err *err)
{
    struct stat s;
    if (lstat(path, &s) != 0) {
        return CL_OK; /* gone */
    }
    if (S_ISDIR(s.st_mode) && depth < MAX_DEVICE_DEPTH) {
        return add_devices_below(spec, path, depth + 1, err);
    }
    if (!S_ISCHR(s.st_mode) && !S_ISBLK(s.st_mode)) {
        return CL_OK;
    }
    return agent_podspec_add_device(spec, path, S_ISBLK(s.st_mode) ? 'b' : 'c', major(s.st_rdev),
                                    minor(s.st_rdev), s.st_mode, err);
}

static enum cl_status add_devices_below(struct agent_podspec *spec, const char *dir, unsigned depth,
                                        struct cl_err *err)
{
    DIR *d = opendir(dir);
    enum cl_status st = CL_OK;
    if (d == NULL) {
        return cl_err_sys(err, errno, "open '%s'", dir);
    }
    const struct dirent *e = readdir(d);
    while (st == CL_OK && e != NULL) {
        char path[512];
        int n = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.' && !(depth == 0 && is_mount_of_its_own(e->d_name)) && n > 0 &&
            (size_t)n < sizeof(path)) {
            st = add_entry(spec, path, depth, err);
        }
        e = readdir(d);
    }
    (void)closedir(d);
    return st;
}

/* The kernel makes a loop device when it is asked for one, too late for a /dev that is filled at
 * the container's start: names for the first are there before. */
static enum cl_status add_loop_devices(struct agent_podspec *spec, struct cl_err *err)
{
    for (unsigned i = 0; i < LOOP_NODES; i++) {
        char path[sizeof("/dev/loop0")];
        (void)snprintf(path, sizeof(path), "/dev/loop%u", i % 10);
        if (access(path, F_OK) != 0) {
            CL_TRY(agent_podspec_add_device(spec, path, 'b', LOOP_MAJOR, i, 0600, err));
        }
    }
    return CL_OK;
}

enum cl_status pod_add_devices(struct agent_podspec *spec, struct cl_err *err)
{
    CL_TRY(add_devices_below(spec, "/dev", 0, err));
    return add_loop_devices(spec, err);
}
