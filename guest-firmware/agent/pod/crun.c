/* SPDX-License-Identifier: Apache-2.0
 * crun.c - crun as a child process.
 */
#include "crun.h"

#include "base/io.h"
#include "base/json.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LOG 65536u
#define MAX_OPTION 192u

/* execve takes pointers to what may change; it changes nothing. */
static char *unconst(const char *p)
{
    union {
        const char *c;
        char *v;
    } u = {.c = p};
    return u.v;
}

struct start {
    const char *program;
    char *const *argv;
    const int *fds;
    char oom_score[8]; /* empty: the agent's own */
    int failed;        /* closed by execve; else it gets errno */
};

static bool set_oom_score(const char *score)
{
    size_t len = strlen(score);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, score, len) == (ssize_t)len;
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

/* Between fork and exec there are only system calls: other threads may hold any lock. Default
 * signals, no mask. crun 1.8 leaves a score of 0 in a specification, and the score of an exec, as
 * it finds it: the agent's, whom the kernel never kills, would be theirs. */
CL_NORETURN static void be_crun(const struct start *s)
{
    char *const env[] = {unconst("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), NULL};
    const struct sigaction normal = {.sa_handler = SIG_DFL};
    sigset_t none;
    bool good = s->oom_score[0] == '\0' || set_oom_score(s->oom_score);
    for (int i = 0; good && i < 3; i++) {
        good = dup2(s->fds[i], i) == i && fcntl(i, F_SETFD, 0) == 0;
    }
    (void)sigemptyset(&none);
    if (good && sigaction(SIGPIPE, &normal, NULL) == 0 &&
        sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
        (void)execve(s->program, s->argv, env);
    }
    int error = errno;
    (void)!write(s->failed, &error, sizeof(error));
    _exit(127);
}

static enum cl_status start(struct start *s, pid_t *ret_pid, struct cl_err *err)
{
    int ends[2];
    int error = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return cl_err_sys(err, errno, "start '%s'", s->program);
    }
    s->failed = ends[1];
    pid_t pid = fork();
    if (pid == 0) {
        be_crun(s);
    }
    if (pid < 0) {
        error = errno;
    }
    (void)close(ends[1]);
    ssize_t n = 0;
    do {
        n = pid > 0 ? read(ends[0], &error, sizeof(error)) : 0;
    } while (n < 0 && errno == EINTR);
    (void)close(ends[0]);
    if (error != 0) { /* whoever reaps children reaps this one, too */
        return cl_err_sys(err, error, "start '%s'", s->program);
    }
    *ret_pid = pid;
    return CL_OK;
}

enum cl_status agent_crun_spawn(const struct agent_crun *c, const char *const *args,
                                const int fds[static 3], const char *log, int oom_score,
                                pid_t *ret_pid, struct cl_err *err)
{
    char root[MAX_OPTION];
    char log_option[MAX_OPTION];
    char *argv[AGENT_CRUN_MAX_ARGS + 6] = {unconst("crun"), root,
                                           unconst("--cgroup-manager=cgroupfs"), log_option,
                                           unconst("--log-format=json")};
    struct start s = {.program = c->program, .argv = argv, .fds = fds};
    (void)snprintf(root, sizeof(root), "--root=%s", c->root);
    (void)snprintf(log_option, sizeof(log_option), "--log=%s", log);
    for (size_t i = 0; args[i] != NULL; i++) {
        assert(i < AGENT_CRUN_MAX_ARGS);
        argv[5 + i] = unconst(args[i]);
    }
    if (oom_score != AGENT_CRUN_OWN_SCORE) {
        (void)snprintf(s.oom_score, sizeof(s.oom_score), "%d", oom_score);
    }
    return start(&s, ret_pid, err);
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
