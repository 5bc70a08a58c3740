/* SPDX-License-Identifier: Apache-2.0
 * disk.c - a disk for a VM that runs already. Trust, threads, memory: host/disk.h.
 */
#include "host/disk.h"

#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static enum cl_status dial(const char *dir, int *ret_fd, struct cl_err *err)
{
    const struct timeval limit = {.tv_sec = HOST_DISK_WAIT_S};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/control.sock", dir) >=
        (int)sizeof(a.sun_path)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "run folder '%.90s': path too long", dir);
    }
    CL_CLEANUP(cl_close_fdp) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0) {
        return cl_err_sys(err, errno, "socket");
    }
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "VMM: expected it to take a disk: %s",
                          strerror(errno));
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status ask(int to, unsigned slot, int fd, struct cl_err *err)
{
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.buf = {0}};
    char line[96];
    int n =
        snprintf(line, sizeof(line), "{\"op\":\"disk\",\"slot\":%u,\"path\":\"volume\"}\n", slot);
    struct iovec iov = {.iov_base = line, .iov_len = (size_t)n};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.buf,
                         .msg_controllen = sizeof(control.buf)};
    struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(h), &fd, sizeof(int));
    return sendmsg(to, &msg, MSG_NOSIGNAL) == n
               ? CL_OK
               : cl_err_set(err, CL_ERR_UNAVAILABLE, "VMM: expected it to take a disk: %s",
                            strerror(errno));
}

/* One line. */
static enum cl_status read_answer(int from, char ret[static HOST_DISK_ANSWER], struct cl_err *err)
{
    size_t len = 0;
    while (len == 0 || ret[len - 1] != '\n') {
        ssize_t n = len < HOST_DISK_ANSWER - 1 ? read(from, ret + len, 1) : 0;
        if (n <= 0) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE, "VMM: expected an answer of one line");
        }
        len++;
    }
    ret[len - 1] = '\0';
    return CL_OK;
}

static enum cl_status judge(const char *line, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *why = NULL;
    CL_TRY(cl_json_parse(line, strlen(line), "VMM", &j, err));
    if (json_is_true(json_object_get(j, "ok"))) {
        return CL_OK;
    }
    why = json_string_value(json_object_get(j, "error"));
    return cl_err_set(err, CL_ERR_REJECTED, "VMM: %.200s", why != NULL ? why : "refused");
}

enum cl_status host_disk_attach(const char *dir, unsigned slot, int fd, struct cl_err *err)
{
    char line[HOST_DISK_ANSWER];
    CL_CLEANUP(cl_close_fdp) int to = -1;
    CL_TRY(dial(dir, &to, err));
    CL_TRY(ask(to, slot, fd, err));
    CL_TRY(read_answer(to, line, err));
    return judge(line, err);
}
