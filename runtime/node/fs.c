/* SPDX-License-Identifier: Apache-2.0
 * fs.c - files of a tree. Trust, threads, memory: fs.h.
 */
#include "fs.h"

#include "base/encode.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX "~cloister" /* of a file that is being written */

static bool has_parent_part(const char *path)
{
    for (const char *p = path; (p = strstr(p, "/..")) != NULL; p += 3) {
        if (p[3] == '/' || p[3] == '\0') {
            return true;
        }
    }
    return false;
}

enum cl_status node_path(const struct node_tree *t, const char *path,
                         char ret[static NODE_PATH_SIZE], struct cl_err *err)
{
    if (path[0] != '/' || has_parent_part(path)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "path '%.120s': expected an absolute path", path);
    }
    int n = snprintf(ret, NODE_PATH_SIZE, "%s%s", t->root, path);
    if (n < 0 || (size_t)n + sizeof(SUFFIX) > NODE_PATH_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "path '%.100s': expected at most %u bytes", path,
                          NODE_PATH_SIZE);
    }
    return CL_OK;
}

/* Digest of what is read from fd, which is also written to `to` unless that is -1. */
static enum cl_status digest_of(int fd, int to, const char *path, char ret[static NODE_HEX_SIZE],
                                struct cl_err *err)
{
    CL_CLEANUP(cl_sha256_freep) struct cl_sha256_ctx *sha = NULL;
    uint8_t buf[65536];
    uint8_t digest[CL_SHA256_SIZE];
    ssize_t n = 0;
    CL_TRY(cl_sha256_new(&sha, err));
    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        CL_TRY(cl_sha256_update(sha, buf, (size_t)n, err));
        if (to >= 0) {
            CL_TRY(cl_write_all(to, buf, (size_t)n, path, err));
        }
    }
    if (n < 0) {
        return cl_err_sys(err, errno, "read '%s'", path);
    }
    CL_TRY(cl_sha256_final(sha, digest, err));
    cl_hex(ret, digest, sizeof(digest));
    return CL_OK;
}

static enum cl_status open_file(const struct node_tree *t, const char *path, int *ret_fd,
                                struct stat *ret_st, struct cl_err *err)
{
    char full[NODE_PATH_SIZE];
    CL_TRY(node_path(t, path, full, err));
    CL_CLEANUP(cl_close_fdp) int fd = open(full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ELOOP) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.140s': expected a file, got a symbolic link",
                          full);
    }
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", full);
    }
    if (fstat(fd, ret_st) != 0) {
        return cl_err_sys(err, errno, "stat '%s'", full);
    }
    if (!S_ISREG(ret_st->st_mode)) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.140s': expected a file, got something else",
                          full);
    }
    *ret_fd = fd;
    fd = -1; /* is the caller's */
    return CL_OK;
}

enum cl_status node_stat(const struct node_tree *t, const char *path, struct node_file *ret,
                         struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct stat st;
    struct cl_err own = {0};
    struct node_file f = {.there = true};
    enum cl_status s = open_file(t, path, &fd, &st, &own);
    if (s == CL_ERR_SYS && (own.sys_errno == ENOENT || own.sys_errno == ENOTDIR)) {
        *ret = (struct node_file){0};
        return CL_OK;
    }
    if (s != CL_OK) {
        if (err != NULL) {
            *err = own;
        }
        return s;
    }
    CL_TRY(digest_of(fd, -1, path, f.sha256, err));
    f.mode = st.st_mode & 07777u;
    f.uid = st.st_uid;
    f.gid = st.st_gid;
    *ret = f;
    return CL_OK;
}

enum cl_status node_read(const struct node_tree *t, const char *path, size_t max,
                         struct cl_buf *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct stat st;
    CL_TRY(open_file(t, path, &fd, &st, err));
    enum cl_status s = cl_buf_read_fd(ret, fd, max, err);
    return s == CL_OK ? CL_OK : cl_err_wrap(err, s, "'%.100s'", path);
}

/* What a rename or an unlink did is on the disk. */
static enum cl_status sync_folder(const char *full, struct cl_err *err)
{
    char dir[NODE_PATH_SIZE];
    (void)snprintf(dir, sizeof(dir), "%s", full);
    char *slash = strrchr(dir, '/');
    if (slash != NULL) {
        slash[slash == dir ? 1 : 0] = '\0';
    }
    CL_CLEANUP(cl_close_fdp) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? CL_OK : cl_err_sys(err, errno, "fsync '%s'", dir);
}

static enum cl_status write_copy(int in, const char *temp, const struct node_file *want,
                                 struct cl_err *err)
{
    char sha256[NODE_HEX_SIZE];
    (void)unlink(temp);
    CL_CLEANUP(cl_close_fdp)
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return cl_err_sys(err, errno, "create '%s'", temp);
    }
    CL_TRY(digest_of(in, fd, temp, sha256, err));
    if (strcmp(sha256, want->sha256) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.80s': sha256: expected %.16s.., got %.16s..",
                          temp, want->sha256, sha256);
    }
    if (fchown(fd, want->uid, want->gid) != 0 && geteuid() == 0) {
        return cl_err_sys(err, errno, "chown '%s'", temp);
    }
    if (fchmod(fd, want->mode) != 0 || fsync(fd) != 0) {
        return cl_err_sys(err, errno, "write '%s'", temp);
    }
    return CL_OK;
}

enum cl_status node_put(const struct node_tree *t, const char *from, const char *path,
                        const struct node_file *want, struct cl_err *err)
{
    char full[NODE_PATH_SIZE];
    char temp[NODE_PATH_SIZE + sizeof(SUFFIX)];
    CL_TRY(node_path(t, path, full, err));
    (void)snprintf(temp, sizeof(temp), "%s" SUFFIX, full);
    CL_CLEANUP(cl_close_fdp) int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) {
        return cl_err_sys(err, errno, "open '%s'", from);
    }
    enum cl_status st = write_copy(in, temp, want, err);
    if (st == CL_OK && rename(temp, full) != 0) {
        st = cl_err_sys(err, errno, "rename '%s'", temp);
    }
    if (st != CL_OK) {
        (void)unlink(temp);
        return st;
    }
    return sync_folder(full, err);
}

enum cl_status node_remove(const struct node_tree *t, const char *path, struct cl_err *err)
{
    char full[NODE_PATH_SIZE];
    char temp[NODE_PATH_SIZE + sizeof(SUFFIX)];
    CL_TRY(node_path(t, path, full, err));
    (void)snprintf(temp, sizeof(temp), "%s" SUFFIX, full);
    (void)unlink(temp); /* of a writer that was cut off */
    if (unlink(full) != 0) {
        return errno == ENOENT || errno == ENOTDIR ? CL_OK
                                                   : cl_err_sys(err, errno, "remove '%s'", full);
    }
    return sync_folder(full, err);
}

enum cl_status node_mkdir(const struct node_tree *t, const char *path, mode_t mode,
                          struct cl_err *err)
{
    char full[NODE_PATH_SIZE];
    CL_TRY(node_path(t, path, full, err));
    if (mkdir(full, mode) != 0 && (errno != EEXIST || !node_is_dir(t, path))) {
        return cl_err_sys(err, errno, "mkdir '%s'", full);
    }
    return sync_folder(full, err);
}

enum cl_status node_rmdir(const struct node_tree *t, const char *path, struct cl_err *err)
{
    char full[NODE_PATH_SIZE];
    CL_TRY(node_path(t, path, full, err));
    if (rmdir(full) != 0) {
        return errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST
                   ? CL_OK
                   : cl_err_sys(err, errno, "rmdir '%s'", full);
    }
    return sync_folder(full, err);
}

bool node_is_dir(const struct node_tree *t, const char *path)
{
    char full[NODE_PATH_SIZE];
    struct stat st;
    return node_path(t, path, full, NULL) == CL_OK && stat(full, &st) == 0 && S_ISDIR(st.st_mode);
}

enum cl_status node_sha256(const void *data, size_t len, char ret[static NODE_HEX_SIZE],
                           struct cl_err *err)
{
    uint8_t digest[CL_SHA256_SIZE];
    CL_TRY(cl_sha256(digest, data, len, err));
    cl_hex(ret, digest, sizeof(digest));
    return CL_OK;
}
