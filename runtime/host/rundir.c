/* SPDX-License-Identifier: Apache-2.0
 * rundir.c - the folder of one run. Trust, threads, memory: rundir.h.
 */
#include "host/rundir.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "run-"

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

static void remove_tree(const char *path)
{
    (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Makes the base when it is not there, and checks that nobody else can write into it. */
static enum cl_status open_base(const char *base, int *ret_lock, struct cl_err *err)
{
    struct stat st;
    char lock[100];
    if (mkdir(base, 0700) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "create '%s'", base);
    }
    if (lstat(base, &st) != 0) {
        return cl_err_sys(err, errno, "stat '%s'", base);
    }
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "run folder '%s': expected a folder of our own with mode 0700, got owner "
                          "%u and mode %04o",
                          base, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777u);
    }
    (void)snprintf(lock, sizeof(lock), "%s/lock", base);
    CL_CLEANUP(cl_close_fdp)
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        return cl_err_sys(err, errno, "lock '%s'", lock);
    }
    *ret_lock = fd;
    fd = -1;
    return CL_OK;
}

/* A run holds its lock as long as it lives: a free lock means that nobody will clean up. */
static void remove_if_stale(const char *path)
{
    char lock[400];
    (void)snprintf(lock, sizeof(lock), "%s/lock", path);
    CL_CLEANUP(cl_close_fdp) int fd = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if ((fd < 0 && errno == ENOENT) || (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)) {
        remove_tree(path);
    }
}

static void remove_stale(const char *base)
{
    DIR *dir = opendir(base);
    if (dir == NULL) {
        return;
    }
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) == 0) {
            char path[340];
            (void)snprintf(path, sizeof(path), "%s/%s", base, e->d_name);
            remove_if_stale(path);
        }
    }
    (void)closedir(dir);
}

enum cl_status host_rundir_make_at(const char *base, struct host_rundir *ret, struct cl_err *err)
{
    struct host_rundir d = {.lock_fd = -1};
    CL_CLEANUP(cl_close_fdp) int base_lock = -1;
    char lock[108];
    if (strlen(base) + sizeof("/" PREFIX "XXXXXX") > sizeof(d.path)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "run folder '%.100s': expected at most %zu bytes, got %zu", base,
                          sizeof(d.path) - sizeof("/" PREFIX "XXXXXX"), strlen(base));
    }
    CL_TRY(open_base(base, &base_lock, err)); /* until our own lock is held: see remove_stale() */
    remove_stale(base);
    (void)snprintf(d.path, sizeof(d.path), "%s/" PREFIX "XXXXXX", base);
    if (mkdtemp(d.path) == NULL) {
        return cl_err_sys(err, errno, "create '%s'", d.path);
    }
    host_rundir_path(&d, "lock", lock);
    d.lock_fd = open(lock, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (d.lock_fd < 0 || flock(d.lock_fd, LOCK_EX | LOCK_NB) != 0) {
        enum cl_status st = cl_err_sys(err, errno, "lock '%s'", lock);
        host_rundir_remove(&d);
        return st;
    }
    *ret = d;
    return CL_OK;
}

enum cl_status host_rundir_make(struct host_rundir *ret, struct cl_err *err)
{
    char base[64];
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    if (xdg != NULL && xdg[0] == '/' && strlen(xdg) < 40) {
        (void)snprintf(base, sizeof(base), "%s/cloister", xdg);
        if (host_rundir_make_at(base, ret, NULL) == CL_OK) {
            return CL_OK;
        }
    }
    if (geteuid() == 0) {
        return host_rundir_make_at("/run/cloister", ret, err);
    }
    (void)snprintf(base, sizeof(base), "/tmp/cloister-%u", (unsigned)geteuid());
    return host_rundir_make_at(base, ret, err);
}

void host_rundir_remove(struct host_rundir *d)
{
    if (d == NULL || d->path[0] == '\0') {
        return;
    }
    remove_tree(d->path);
    cl_close_fdp(&d->lock_fd);
    *d = (struct host_rundir){.lock_fd = -1};
}

void host_rundir_path(const struct host_rundir *d, const char *name, char ret[static 108])
{
    (void)snprintf(ret, 108, "%s/%s", d->path, name);
}
