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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file's strings are ours, or still the empty one of protobuf-c. */
static void free_text(char *text)
{
    if (text != protobuf_c_empty_string) {
        free(text);
    }
}

void shim_files_done(struct shim_files *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free_text(f->file[i].path);
        free_text(f->file[i].link);
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

static enum cl_status add_link(struct shim_files *f, int dir, const char *name, const char *path,
                               const struct stat *st, struct cl_err *err)
{
    char target[PATH_MAX];
    Cloister__Pod__V1__File *file = NULL;
    ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);
    if (n < 0) {
        return cl_err_sys(err, errno, "'%.200s'", path);
    }
    target[n] = '\0';
    if (n == 0 || target[0] == '/') {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.200s': expected a link that stays inside",
                          path);
    }
    CL_TRY(add(f, path, st, &file, err));
    char *copy = strdup(target);
    if (copy == NULL) {
        return cl_err_nomem(err, "files");
    }
    file->link = copy;
    return CL_OK;
}

static enum cl_status walk(struct shim_files *f, int dir, const char *prefix, unsigned depth,
                           struct cl_err *err);

static enum cl_status add_folder(struct shim_files *f, int dir, const char *name, const char *path,
                                 const struct stat *st, unsigned depth, struct cl_err *err)
{
    Cloister__Pod__V1__File *file = NULL;
    if (depth == SHIM_FILES_MAX_DEPTH) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.200s': expected at most %u levels", path,
                          SHIM_FILES_MAX_DEPTH);
    }
    CL_TRY(add(f, path, st, &file, err));
    file->directory = true;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? walk(f, fd, path, depth + 1, err) : cl_err_sys(err, errno, "'%.200s'", path);
}

static enum cl_status add_entry(struct shim_files *f, int dir, const char *name, const char *prefix,
                                unsigned depth, struct cl_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    if (snprintf(path, sizeof(path), "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", name) >=
        (int)sizeof(path)) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.200s': path too long", prefix);
    }
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? CL_OK : cl_err_sys(err, errno, "'%.200s'", path);
    }
    if (S_ISLNK(st.st_mode)) {
        return add_link(f, dir, name, path, &st, err);
    }
    if (S_ISDIR(st.st_mode)) {
        return add_folder(f, dir, name, path, &st, depth, err);
    }
    CL_CLEANUP(cl_close_fdp)
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        return cl_err_sys(err, errno, "'%.200s'", path);
    }
    return S_ISREG(st.st_mode)
               ? add_contents(f, fd, path, &st, err)
               : cl_err_set(err, CL_ERR_REJECTED, "'%.200s': expected a file or a folder", path);
}

/* Takes the descriptor. */
static enum cl_status walk(struct shim_files *f, int dir, const char *prefix, unsigned depth,
                           struct cl_err *err)
{
    DIR *d = fdopendir(dir);
    if (d == NULL) {
        int error = errno;
        (void)close(dir);
        return cl_err_sys(err, error, "'%.200s'", prefix);
    }
    enum cl_status st = CL_OK;
    for (struct dirent *e = readdir(d); st == CL_OK && e != NULL; e = readdir(d)) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            st = add_entry(f, dirfd(d), e->d_name, prefix, depth, err);
        }
    }
    (void)closedir(d);
    return st;
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
        status = walk(&f, fd, "", 1, err);
        fd = -1;
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
