/* SPDX-License-Identifier: Apache-2.0
 * files.c - reads files of the host for the guest. Trust, threads, memory: files.h.
 */
#include "files.h"

#include "base/buf.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_TRIES 3u

void shim_files_done(struct shim_files *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->file[i].path);
        free(f->file[i].data.data);
    }
    free(f->file);
    *f = (struct shim_files){0};
}

static enum cl_status add(struct shim_files *f, const char *path, const struct stat *st,
                          Cloister__Pod__V1__File **ret, struct cl_err *err)
{
    if (f->count == SHIM_FILES_MAX) {
        return cl_err_set(err, CL_ERR_REJECTED, "expected at most %u files", SHIM_FILES_MAX);
    }
    char *copy = strdup(path);
    Cloister__Pod__V1__File *more = reallocarray(f->file, f->count + 1, sizeof(*more));
    if (more != NULL) {
        f->file = more;
    }
    if (copy == NULL || more == NULL) {
        free(copy);
        return cl_err_nomem(err, "files");
    }
    *ret = &f->file[f->count++];
    cloister__pod__v1__file__init(*ret);
    (*ret)->path = copy;
    (*ret)->mode = st->st_mode & 0777;
    (*ret)->uid = st->st_uid;
    (*ret)->gid = st->st_gid;
    return CL_OK;
}

static enum cl_status add_contents(struct shim_files *f, int fd, const char *path,
                                   const struct stat *st, struct cl_err *err)
{
    struct cl_buf data = {0};
    Cloister__Pod__V1__File *file = NULL;
    enum cl_status status = cl_buf_read_fd(&data, fd, SHIM_FILES_MAX_FILE, err);
    if (status == CL_OK && data.len > SHIM_FILES_MAX_SIZE - f->size) {
        status = cl_err_set(err, CL_ERR_REJECTED, "'%.200s': expected at most %u bytes together",
                            path, SHIM_FILES_MAX_SIZE);
    }
    status = status == CL_OK ? add(f, path, st, &file, err) : status;
    if (status != CL_OK) {
        cl_buf_done(&data);
        return status;
    }
    file->data = (ProtobufCBinaryData){.len = data.len, .data = data.data};
    f->size += data.len;
    return CL_OK;
}

/* What lies below the folder, links followed as far as they stay in it: kubelet's files are links
 * to those of the moment. */
static int open_below(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static enum cl_status walk(struct shim_files *f, int root, const char *prefix, unsigned depth,
                           struct cl_err *err);

static enum cl_status add_entry(struct shim_files *f, int root, const char *path, unsigned depth,
                                struct cl_err *err)
{
    struct stat st;
    Cloister__Pod__V1__File *file = NULL;
    CL_CLEANUP(cl_close_fdp) int at = open_below(root, path, O_PATH);
    if (at < 0 || fstat(at, &st) != 0) {
        return errno == ENOENT ? CL_OK : cl_err_sys(err, errno, "'%.200s'", path);
    }
    if (S_ISDIR(st.st_mode)) {
        CL_TRY(add(f, path, &st, &file, err));
        file->directory = true;
        return walk(f, root, path, depth + 1, err);
    }
    if (!S_ISREG(st.st_mode)) { /* before it is opened: no device is */
        return cl_err_set(err, CL_ERR_REJECTED, "'%.200s': expected a file or a folder", path);
    }
    CL_CLEANUP(cl_close_fdp) int fd = open_below(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    return fd >= 0 ? add_contents(f, fd, path, &st, err) : cl_err_sys(err, errno, "'%.200s'", path);
}

/* Names that begin with two dots are kubelet's own: of the moment, and on its way there. */
static bool is_entry(const char *name, unsigned depth)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
           !(depth == 1 && strncmp(name, "..", 2) == 0);
}

static enum cl_status walk(struct shim_files *f, int root, const char *prefix, unsigned depth,
                           struct cl_err *err)
{
    char path[PATH_MAX];
    if (depth > SHIM_FILES_MAX_DEPTH) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.200s': expected at most %u levels", prefix,
                          SHIM_FILES_MAX_DEPTH);
    }
    int dir = open_below(root, prefix[0] != '\0' ? prefix : ".", O_RDONLY | O_DIRECTORY);
    DIR *d = dir >= 0 ? fdopendir(dir) : NULL;
    if (d == NULL) {
        int error = errno;
        cl_close_fdp(&dir);
        return cl_err_sys(err, error, "'%.200s'", prefix);
    }
    enum cl_status st = CL_OK;
    for (struct dirent *e = readdir(d); st == CL_OK && e != NULL; e = readdir(d)) {
        if (!is_entry(e->d_name, depth)) {
            continue;
        }
        int n =
            snprintf(path, sizeof(path), "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", e->d_name);
        st = n < (int)sizeof(path) ? add_entry(f, root, path, depth, err)
                                   : cl_err_set(err, CL_ERR_REJECTED, "path too long");
    }
    (void)closedir(d);
    return st;
}

/* kubelet changes all at once, by a link: seen before and after, it tells whether that happened. */
static void moment_of(int root, char ret[static PATH_MAX])
{
    ssize_t n = readlinkat(root, "..data", ret, PATH_MAX - 1);
    ret[n > 0 ? n : 0] = '\0';
}

static enum cl_status read_folder(int root, struct shim_files *ret, struct cl_err *err)
{
    char before[PATH_MAX];
    char after[PATH_MAX];
    enum cl_status st = CL_OK;
    for (unsigned tries = 0; tries < MAX_TRIES; tries++) {
        moment_of(root, before);
        st = walk(ret, root, "", 1, err);
        moment_of(root, after);
        if (strcmp(before, after) == 0) {
            return st;
        }
        shim_files_done(ret);
    }
    return st != CL_OK ? st : cl_err_set(err, CL_ERR_UNAVAILABLE, "it changes all the time");
}

enum cl_status shim_files_read(const char *path, struct shim_files *ret, struct cl_err *err)
{
    struct shim_files f = {0};
    struct stat st;
    const char *leaf = strrchr(path, '/');
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || leaf == NULL || fstat(fd, &st) != 0) {
        int error = fd < 0 ? errno : EINVAL;
        cl_close_fdp(&fd);
        return cl_err_sys(err, error, "'%.200s'", path);
    }
    enum cl_status status = CL_OK;
    if (S_ISDIR(st.st_mode)) {
        status = read_folder(fd, &f, err);
    } else if (S_ISREG(st.st_mode)) {
        status = add_contents(&f, fd, leaf + 1, &st, err);
    } else {
        status = cl_err_set(err, CL_ERR_REJECTED, "expected a file or a folder");
    }
    cl_close_fdp(&fd);
    if (status != CL_OK) {
        shim_files_done(&f);
        return cl_err_wrap(err, status, "'%.200s'", path);
    }
    *ret = f;
    return CL_OK;
}
