/* SPDX-License-Identifier: Apache-2.0
 * root.c - leaves the initramfs for a tmpfs, for pivot_root does not work on the former, and frees
 * what it held. Trust: the initramfs was measured. Memory: what crun needs is held twice for a
 * moment.
 */
#include "agent.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define NEW_ROOT "/newroot"
#define RAMFS_MAGIC_ 0x858458f6
#define TMPFS_MAGIC_ 0x01021994
#define MAX_DEPTH 16u
#define LINK_MAX_ 4096u

/* Not carried over: what we are, what is loaded already. */
static bool is_left_behind(const char *name)
{
    return strcmp(name, "init") == 0 || strcmp(name, "modules") == 0 ||
           strcmp(name, "newroot") == 0;
}

static enum cl_status copy_file(int from, int to, const char *name, const struct stat *s,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    CL_CLEANUP(cl_close_fdp)
    int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, s->st_mode & 0777);
    if (in < 0 || out < 0) {
        return cl_err_sys(err, errno, "copy '%s'", name);
    }
    off_t left = s->st_size;
    while (left > 0) {
        ssize_t n = sendfile(out, in, NULL, (size_t)left);
        if (n <= 0) {
            return cl_err_sys(err, n == 0 ? EIO : errno, "copy '%s'", name);
        }
        left -= n;
    }
    return CL_OK;
}

static enum cl_status copy_link(int from, int to, const char *name, struct cl_err *err)
{
    char target[LINK_MAX_];
    ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);
    if (n < 0) {
        return cl_err_sys(err, errno, "read link '%s'", name);
    }
    target[n] = '\0';
    return symlinkat(target, to, name) == 0 ? CL_OK : cl_err_sys(err, errno, "link '%s'", name);
}

static enum cl_status copy_tree(int from, int to, dev_t dev, unsigned depth, struct cl_err *err);

static enum cl_status copy_dir(int from, int to, const char *name, dev_t dev, unsigned depth,
                               struct cl_err *err)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (mkdirat(to, name, 0755) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "make '%s'", name);
    }
    CL_CLEANUP(cl_close_fdp) int in = openat(from, name, flags);
    CL_CLEANUP(cl_close_fdp) int out = openat(to, name, flags);
    if (in < 0 || out < 0) {
        return cl_err_sys(err, errno, "copy '%s'", name);
    }
    return copy_tree(in, out, dev, depth + 1, err);
}

static enum cl_status copy_entry(int from, int to, const char *name, dev_t dev, unsigned depth,
                                 struct cl_err *err)
{
    struct stat s;
    if (fstatat(from, name, &s, AT_SYMLINK_NOFOLLOW) != 0) {
        return cl_err_sys(err, errno, "look at '%s'", name);
    }
    if (s.st_dev != dev) { /* a mount point: it will have its own */
        return mkdirat(to, name, 0755) == 0 ? CL_OK : cl_err_sys(err, errno, "make '%s'", name);
    }
    if (S_ISDIR(s.st_mode)) {
        return copy_dir(from, to, name, dev, depth, err);
    }
    if (S_ISLNK(s.st_mode)) {
        return copy_link(from, to, name, err);
    }
    return S_ISREG(s.st_mode) ? copy_file(from, to, name, &s, err) : CL_OK;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static enum cl_status copy_tree(int from, int to, dev_t dev, unsigned depth, struct cl_err *err)
{
    int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a position of its own */
    DIR *dir = fd >= 0 && depth < MAX_DEPTH ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        int e = errno;
        cl_close_fdp(&fd);
        return cl_err_sys(err, depth < MAX_DEPTH ? e : ELOOP, "read the initramfs");
    }
    enum cl_status st = CL_OK;
    struct dirent *e = NULL;
    while (st == CL_OK && (e = readdir(dir)) != NULL) {
        if (!is_dot(e->d_name) && !(depth == 0 && is_left_behind(e->d_name))) {
            st = copy_entry(from, to, e->d_name, dev, depth, err);
        }
    }
    (void)closedir(dir);
    return st;
}

/* Removes what is in the directory, without leaving its file system. Best effort: what stays only
 * costs memory. */
static void remove_tree(int take_fd, dev_t dev, unsigned depth)
{
    DIR *dir = fdopendir(take_fd);
    if (dir == NULL) {
        (void)close(take_fd);
        return;
    }
    struct dirent *e = NULL;
    while ((e = readdir(dir)) != NULL) {
        struct stat s;
        if (is_dot(e->d_name) || fstatat(dirfd(dir), e->d_name, &s, AT_SYMLINK_NOFOLLOW) != 0 ||
            s.st_dev != dev) {
            continue;
        }
        if (S_ISDIR(s.st_mode) && depth < MAX_DEPTH) {
            int fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (fd >= 0) {
                remove_tree(fd, dev, depth + 1);
            }
        }
        (void)unlinkat(dirfd(dir), e->d_name, S_ISDIR(s.st_mode) ? AT_REMOVEDIR : 0);
    }
    (void)closedir(dir);
}

static enum cl_status open_old_root(int *ret_fd, dev_t *ret_dev, struct cl_err *err)
{
    struct statfs fs;
    struct stat s;
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstatfs(fd, &fs) != 0 || fstat(fd, &s) != 0) {
        enum cl_status st = cl_err_sys(err, errno, "open '/'");
        cl_close_fdp(&fd);
        return st;
    }
    if (fs.f_type != RAMFS_MAGIC_ && fs.f_type != TMPFS_MAGIC_) {
        (void)close(fd);
        return cl_err_set(err, CL_ERR_REJECTED, "root: expected an initramfs, got another kind");
    }
    *ret_fd = fd;
    *ret_dev = s.st_dev;
    return CL_OK;
}

static enum cl_status enter_new_root(struct cl_err *err)
{
    static const char *const moved[] = {"/proc", "/sys", "/dev"};
    for (size_t i = 0; i < CL_ARRAY_LEN(moved); i++) {
        char to[32];
        (void)snprintf(to, sizeof(to), NEW_ROOT "%s", moved[i]);
        if (mount(moved[i], to, NULL, MS_MOVE, NULL) != 0) {
            return cl_err_sys(err, errno, "move '%s'", moved[i]);
        }
    }
    if (chdir(NEW_ROOT) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 ||
        chdir("/") != 0) {
        return cl_err_sys(err, errno, "change root");
    }
    return CL_OK;
}

enum cl_status agent_switch_root(struct cl_err *err)
{
    int old = -1;
    dev_t dev = 0;
    if (mkdir(NEW_ROOT, 0755) != 0 ||
        mount("tmpfs", NEW_ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "size=32m,mode=0755") != 0) {
        return cl_err_sys(err, errno, "mount '" NEW_ROOT "'");
    }
    CL_TRY(open_old_root(&old, &dev, err));
    int new = open(NEW_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum cl_status st =
        new >= 0 ? copy_tree(old, new, dev, 0, err) : cl_err_sys(err, errno, "open '" NEW_ROOT "'");
    cl_close_fdp(&new);
    st = st == CL_OK ? enter_new_root(err) : st;
    if (st != CL_OK) {
        (void)close(old);
        return st;
    }
    remove_tree(old, dev, 0);
    return CL_OK;
}

static enum cl_status mount_at(const char *type, const char *where, unsigned long flags,
                               const char *options, struct cl_err *err)
{
    if (mkdir(where, 0755) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "make '%s'", where);
    }
    return mount(type, where, type, flags, options) == 0
               ? CL_OK
               : cl_err_sys(err, errno, "mount '%s'", where);
}

enum cl_status agent_mount_late(struct cl_err *err)
{
    const unsigned long plain = MS_NOSUID | MS_NOEXEC | MS_NODEV;
    CL_TRY(mount_at("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666", err));
    CL_TRY(mount_at("tmpfs", "/dev/shm", plain, "size=16m,mode=1777", err));
    CL_TRY(mount_at("cgroup2", "/sys/fs/cgroup", plain, NULL, err));
    CL_TRY(mount_at("tmpfs", "/run", plain, "size=16m,mode=0755", err));
    if (mkdir(AGENT_BUNDLE, 0700) != 0) {
        return cl_err_sys(err, errno, "make '" AGENT_BUNDLE "'");
    }
    /* Nodes that an image may bring do nothing here; the container's own /dev is another mount. */
    return mount_at("tmpfs", AGENT_ROOTFS, MS_NODEV, "size=85%,mode=0755", err);
}

enum cl_status agent_mount_pods(struct cl_err *err)
{
    return mount_at("tmpfs", AGENT_BUNDLE, MS_NODEV, "size=85%,mode=0700", err);
}
