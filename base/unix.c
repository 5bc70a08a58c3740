/* SPDX-License-Identifier: Apache-2.0
 * unix.c - Unix stream sockets (io.h). Apart from io.c, so that a library without any network can
 * leave them out.
 */
#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static enum cl_status unix_address(const char *path, struct sockaddr_un *ret, struct cl_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof(a.sun_path)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "socket '%s': path: expected fewer than %zu bytes, got %zu", path,
                          sizeof(a.sun_path), len);
    }
    memcpy(a.sun_path, path, len);
    *ret = a;
    return CL_OK;
}

/* Its own name, so that `path` appears only when it can be connected to. */
static enum cl_status listen_beside(const char *path, int fd, struct cl_err *err)
{
    struct sockaddr_un a;
    char beside[sizeof(a.sun_path) + 1];
    (void)snprintf(beside, sizeof(beside), "%.*s~", (int)sizeof(a.sun_path) - 1, path);
    CL_TRY(unix_address(beside, &a, err));
    (void)unlink(beside);
    if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
        return cl_err_sys(err, errno, "listen '%s'", path);
    }
    if (chmod(beside, 0600) != 0 || listen(fd, 64) != 0 || rename(beside, path) != 0) {
        enum cl_status st = cl_err_sys(err, errno, "listen '%s'", path);
        (void)unlink(beside);
        return st;
    }
    return CL_OK;
}

enum cl_status cl_unix_listen(const char *path, int *ret_fd, struct cl_err *err)
{
    struct sockaddr_un a;
    struct stat sb;
    CL_TRY(unix_address(path, &a, err));
    if (lstat(path, &sb) == 0 && !S_ISSOCK(sb.st_mode)) {
        return cl_err_sys(err, EADDRINUSE, "listen '%s'", path);
    }
    CL_CLEANUP(cl_close_fdp) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return cl_err_sys(err, errno, "socket '%s'", path);
    }
    CL_TRY(listen_beside(path, fd, err));
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

enum cl_status cl_unix_connect(const char *path, int *ret_fd, struct cl_err *err)
{
    return cl_unix_connect_within(path, 0, ret_fd, err);
}

enum cl_status cl_unix_connect_within(const char *path, unsigned timeout_ms, int *ret_fd,
                                      struct cl_err *err)
{
    struct sockaddr_un a;
    /* A Unix socket's connect() waits for a place in the backlog, as long as a send would. */
    struct timeval tv = {.tv_sec = timeout_ms / 1000,
                         .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    CL_TRY(unix_address(path, &a, err));
    CL_CLEANUP(cl_close_fdp) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        (timeout_ms != 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) != 0)) {
        return cl_err_sys(err, errno, "socket '%s'", path);
    }
    int rc = 0;
    do {
        rc = connect(fd, (const struct sockaddr *)&a, sizeof(a));
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        return cl_err_sys(err, errno, "connect '%s'", path);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}
