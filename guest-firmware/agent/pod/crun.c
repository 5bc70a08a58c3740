/* SPDX-License-Identifier: Apache-2.0
 * crun.c - crun as a child process.
 */
#include "crun.h"

#include "base/io.h"
#include "base/json.h"

#include <assert.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LOG 65536u
#define MAX_OPTION 192u

/* posix_spawn takes pointers to what may change; it changes nothing. */
static char *unconst(const char *p)
{
    union {
        const char *c;
        char *v;
    } u = {.c = p};
    return u.v;
}

/* A child of ours gets default signals and no mask. */
static void init_attributes(posix_spawnattr_t *attr)
{
    sigset_t set;
    (void)posix_spawnattr_init(attr);
    (void)sigemptyset(&set);
    (void)posix_spawnattr_setsigmask(attr, &set);
    (void)sigaddset(&set, SIGPIPE);
    (void)posix_spawnattr_setsigdefault(attr, &set);
    (void)posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

enum cl_status agent_crun_spawn(const struct agent_crun *c, const char *const *args,
                                const int fds[static 3], const char *log, pid_t *ret_pid,
                                struct cl_err *err)
{
    char root[MAX_OPTION];
    char log_option[MAX_OPTION];
    char *argv[AGENT_CRUN_MAX_ARGS + 6] = {unconst("crun"), root,
                                           unconst("--cgroup-manager=cgroupfs"), log_option,
                                           unconst("--log-format=json")};
    char *env[] = {unconst("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    pid_t pid = -1;
    (void)snprintf(root, sizeof(root), "--root=%s", c->root);
    (void)snprintf(log_option, sizeof(log_option), "--log=%s", log);
    for (size_t i = 0; args[i] != NULL; i++) {
        assert(i < AGENT_CRUN_MAX_ARGS);
        argv[5 + i] = unconst(args[i]);
    }
    (void)posix_spawn_file_actions_init(&files);
    for (int i = 0; i < 3; i++) {
        (void)posix_spawn_file_actions_adddup2(&files, fds[i], i);
    }
    init_attributes(&attr);
    int rc = posix_spawn(&pid, c->program, &files, &attr, argv, env);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&files);
    if (rc != 0) {
        return cl_err_sys(err, rc, "start '%s'", c->program);
    }
    *ret_pid = pid;
    return CL_OK;
}

bool agent_crun_last_error(const char *log, char *ret, size_t size)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    const char *all = NULL;
    bool found = false;
    if (cl_buf_read_file(&text, log, MAX_LOG, NULL) != CL_OK || text.len == 0 ||
        cl_buf_cstr(&text, log, &all, NULL) != CL_OK) {
        return false;
    }
    char *rest = (char *)text.data;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
        const char *level = NULL;
        const char *msg = NULL;
        if (cl_json_parse(line, strlen(line), "crun log", &j, NULL) == CL_OK &&
            cl_json_get_string(j, "crun log", "level", &level, NULL) == CL_OK &&
            cl_json_get_string(j, "crun log", "msg", &msg, NULL) == CL_OK &&
            strcmp(level, "error") == 0) {
            (void)snprintf(ret, size, "%s", msg);
            found = true;
        }
    }
    return found;
}

int agent_crun_exec_failure(const char *message)
{
    static const char *const heads[] = {"exec container process", "open executable",
                                        "executable file"};
    for (size_t i = 0; i < CL_ARRAY_LEN(heads); i++) {
        if (strncmp(message, heads[i], strlen(heads[i])) == 0) {
            return strstr(message, "No such file or directory") != NULL ? 127 : 126;
        }
    }
    return 0;
}

enum cl_status agent_crun_receive_console(int conn, int *ret_fd, struct cl_err *err)
{
    char data[256];
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof(control.space)};
    ssize_t n = recvmsg(conn, &m, MSG_CMSG_CLOEXEC);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "terminal: expected a descriptor, got none");
    }
    memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
    return CL_OK;
}
