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

#define DATA_LINK "..data" /* of kubelet's atomic writer */
#define MAX_TRIES 5u

/* --- entries ---------------------------------------------------------------------------------- */

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

size_t shim_files_piece(const struct shim_files *f, size_t from)
{
    size_t n = 0;
    size_t size = 256; /* the volume's name and the rest of the message */
    while (from + n < f->count) {
        const Cloister__Pod__V1__File *file = &f->file[from + n];
        size += file->data.len + strlen(file->path) + strlen(file->link) + 64;
        if (n > 0 && size > SHIM_FILES_MESSAGE) {
            break;
        }
        n++;
    }
    return n;
}

static enum cl_status add(struct shim_files *f, const char *path, const struct stat *st,
                          Cloister__Pod__V1__File **ret, struct cl_err *err)
{
    if (f->count == SHIM_FILES_MAX) {
        return cl_err_set(err, CL_ERR_REJECTED, "files: expected at most %u", SHIM_FILES_MAX);
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

/* The next bytes of a file, at most `size`. *ret_end: there are no more. */
static enum cl_status read_piece(int fd, size_t size, ProtobufCBinaryData *ret, bool *ret_end,
                                 struct cl_err *err)
{
    uint8_t *data = malloc(size);
    size_t len = 0;
    ssize_t n = 1;
    if (data == NULL) {
        return cl_err_nomem(err, "files");
    }
    while (n != 0 && len < size) {
        n = read(fd, data + len, size - len);
        if (n < 0 && errno != EINTR) {
            int error = errno;
            free(data);
            return cl_err_sys(err, error, "read");
        }
        len += n > 0 ? (size_t)n : 0;
    }
    *ret = (ProtobufCBinaryData){.len = len, .data = data};
    *ret_end = n == 0;
    return CL_OK;
}

static enum cl_status add_piece(struct shim_files *f, const char *path, const struct stat *st,
                                uint64_t offset, const ProtobufCBinaryData *data,
                                struct cl_err *err)
{
    Cloister__Pod__V1__File *file = NULL;
    if (data->len > SHIM_FILES_MAX_SIZE - f->size) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "'%.200s': size: expected at most %u bytes together", path,
                          SHIM_FILES_MAX_SIZE);
    }
    CL_TRY(add(f, path, st, &file, err));
    file->data = *data;
    file->offset = offset;
    f->size += data->len;
    return CL_OK;
}

/* Room for one byte more than the file has, so that its end shows. */
static enum cl_status add_contents(struct shim_files *f, int fd, const char *path,
                                   const struct stat *st, struct cl_err *err)
{
    uint64_t size = st->st_size > 0 ? (uint64_t)st->st_size : 0;
    uint64_t offset = 0;
    bool end = false;
    while (!end) {
        uint64_t left = size > offset ? size - offset + 1 : 1;
        ProtobufCBinaryData data = {0};
        CL_TRY(read_piece(fd, left < SHIM_FILES_PIECE ? (size_t)left : SHIM_FILES_PIECE, &data,
                          &end, err));
        bool more = data.len > 0 || offset == 0; /* an empty file is one entry */
        enum cl_status status = more ? add_piece(f, path, st, offset, &data, err) : CL_OK;
        if (!more || status != CL_OK) {
            free(data.data);
            CL_TRY(status);
        }
        offset += data.len;
    }
    return CL_OK;
}

/* Whether a link at `path` stays in the folder. */
static bool stays_inside(const char *path, const char *target)
{
    unsigned depth = 0;
    for (const char *p = path; *p != '\0'; p++) {
        depth += *p == '/';
    }
    bool inside = target[0] != '/' && target[0] != '\0';
    for (const char *at = target; inside && *at != '\0';) {
        size_t n = strcspn(at, "/");
        if (n == 2 && strncmp(at, "..", 2) == 0) {
            inside = depth > 0;
            depth -= inside;
        } else if (n > 0 && !(n == 1 && *at == '.')) {
            depth++;
        }
        at += n + (at[n] == '/');
    }
    return inside;
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
    if (!stays_inside(path, target)) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "'%.200s': link: expected one that stays inside, got '%.128s'", path,
                          target);
    }
    CL_TRY(add(f, path, st, &file, err));
    char *copy = strdup(target);
    if (copy == NULL) {
        return cl_err_nomem(err, "files");
    }
    file->link = copy;
    return CL_OK;
}

/* --- folders ---------------------------------------------------------------------------------- */

/* Opens a name of a folder: never out of it, and never waits for the other end of a FIFO. */
static int open_in(int dir, const char *name, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {
        .flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve,
    };
    return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

static enum cl_status walk(struct shim_files *f, int dir, const char *prefix, unsigned depth,
                           struct cl_err *err);

static enum cl_status add_folder(struct shim_files *f, int dir, const char *name, const char *path,
                                 const struct stat *st, unsigned depth, struct cl_err *err)
{
    Cloister__Pod__V1__File *file = NULL;
    CL_TRY(add(f, path, st, &file, err));
    file->directory = true;
    int fd = open_in(dir, name, O_DIRECTORY | O_NOFOLLOW, RESOLVE_NO_XDEV);
    return fd >= 0 ? walk(f, fd, path, depth + 1, err) : cl_err_sys(err, errno, "'%.200s'", path);
}

static enum cl_status add_file(struct shim_files *f, int dir, const char *name, const char *path,
                               struct cl_err *err)
{
    struct stat st;
    CL_CLEANUP(cl_close_fdp) int fd = open_in(dir, name, O_NOFOLLOW, 0);
    if (fd < 0 || fstat(fd, &st) != 0) {
        return cl_err_sys(err, errno, "'%.200s'", path);
    }
    return S_ISREG(st.st_mode)
               ? add_contents(f, fd, path, &st, err)
               : cl_err_set(err, CL_ERR_REJECTED,
                            "'%.200s': kind: expected a file, a folder or a link", path);
}

static enum cl_status add_entry(struct shim_files *f, int dir, const char *name, const char *prefix,
                                unsigned depth, struct cl_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    if (snprintf(path, sizeof(path), "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", name) >=
        (int)sizeof(path)) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.200s': path: expected a shorter one", prefix);
    }
    if (depth > SHIM_FILES_MAX_DEPTH) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.200s': depth: expected at most %u", path,
                          SHIM_FILES_MAX_DEPTH);
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
    if (!S_ISREG(st.st_mode)) { /* not even opened */
        return cl_err_set(err, CL_ERR_REJECTED,
                          "'%.200s': kind: expected a file, a folder or a link", path);
    }
    return add_file(f, dir, name, path, err);
}

/* Takes the descriptor. depth: of the names in it, from 1. */
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

/* The folder itself, or what its "..data" points to now. */
static int open_data(int root)
{
    int fd = open_in(root, DATA_LINK, O_DIRECTORY, 0);
    return fd < 0 && errno == ENOENT ? open_in(root, ".", O_DIRECTORY, 0) : fd;
}

static bool still_there(int root, int was)
{
    struct stat a;
    struct stat b;
    CL_CLEANUP(cl_close_fdp) int fd = open_data(root);
    return fd >= 0 && fstat(fd, &a) == 0 && fstat(was, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* While we read, kubelet may put another folder in place and take this one away: then it is read
 * again. */
static enum cl_status read_folder(struct shim_files *ret, int root, struct cl_err *err)
{
    for (unsigned i = 0; i < MAX_TRIES; i++) {
        struct shim_files f = {0};
        CL_CLEANUP(cl_close_fdp) int data = open_data(root);
        int fd = data >= 0 ? open_in(data, ".", O_DIRECTORY, 0) : -1;
        if (fd < 0) {
            return cl_err_sys(err, errno, "folder");
        }
        enum cl_status status = walk(&f, fd, "", 1, err);
        if (still_there(root, data)) {
            if (status != CL_OK) {
                shim_files_done(&f);
                return status;
            }
            *ret = f;
            return CL_OK;
        }
        shim_files_done(&f);
    }
    return cl_err_set(err, CL_ERR_UNAVAILABLE,
                      "folder: expected one that stays, got another %u "
                      "times",
                      MAX_TRIES);
}

static enum cl_status read_path(const char *path, struct shim_files *f, struct cl_err *err)
{
    struct stat st;
    const char *leaf = strrchr(path, '/');
    CL_CLEANUP(cl_close_fdp)
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        return cl_err_sys(err, errno, "open");
    }
    if (S_ISDIR(st.st_mode)) {
        return read_folder(f, fd, err);
    }
    return S_ISREG(st.st_mode) && leaf != NULL
               ? add_contents(f, fd, leaf + 1, &st, err)
               : cl_err_set(err, CL_ERR_REJECTED, "kind: expected a file or a folder");
}

enum cl_status shim_files_read(const char *path, struct shim_files *ret, struct cl_err *err)
{
    struct shim_files f = {0};
    enum cl_status st = read_path(path, &f, err);
    if (st != CL_OK) {
        shim_files_done(&f);
        return cl_err_wrap(err, st, "'%.200s'", path);
    }
    *ret = f;
    return CL_OK;
}
