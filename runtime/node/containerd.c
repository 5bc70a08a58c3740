/* SPDX-License-Identifier: Apache-2.0
 * containerd.c - containerd of this node. Trust, threads, memory: containerd.h.
 */
#include "containerd.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONFIG_PATH "/etc/containerd/config.toml"
#define SOCKET "/run/containerd/containerd.sock"
#define POLL_MS 50

/* --- programs
 * ------------------------------------------------------------------------------------------ */

static CL_NORETURN void become(const char *const *argv, int out, int errors)
{
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
    }
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(errors, STDERR_FILENO);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

/* Reads what there is; false at the end. */
static bool drain(int fd, struct cl_buf *to)
{
    uint8_t buf[4096];
    ssize_t n = read(fd, buf, sizeof(buf));
    if (n > 0 && to->len < NODE_CONFIG_MAX_SIZE &&
        cl_buf_append(to, buf, (size_t)n, NULL) != CL_OK) {
        return false;
    }
    return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* Until both are at their end; false when the time is over. */
static bool collect(int out, int errors, unsigned timeout_s, struct cl_buf *ret,
                    struct cl_buf *said)
{
    uint64_t until = cl_monotonic_us() + (uint64_t)timeout_s * 1000000u;
    struct pollfd p[2] = {{.fd = out, .events = POLLIN}, {.fd = errors, .events = POLLIN}};
    while (p[0].fd >= 0 || p[1].fd >= 0) {
        if (cl_monotonic_us() > until) {
            return false;
        }
        (void)poll(p, 2, POLL_MS);
        for (size_t i = 0; i < 2; i++) {
            if (p[i].fd >= 0 && p[i].revents != 0 && !drain(p[i].fd, i == 0 ? ret : said)) {
                p[i].fd = -1;
            }
        }
    }
    return true;
}

static enum cl_status outcome(const char *const *argv, int status, bool ended,
                              const struct cl_buf *said, unsigned timeout_s, struct cl_err *err)
{
    const char *words = said->data != NULL ? (const char *)said->data : "";
    size_t n = strcspn(words, "\n");
    if (!ended) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "%s: expected an end within %u s, got none",
                          argv[0], timeout_s);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "%s: expected a program, got none (%.*s)",
                          argv[0], (int)(n < 80 ? n : 80), words);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "%s: expected exit status 0, got %d: %.*s", argv[0],
                          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                          (int)(n < 120 ? n : 120), words);
    }
    return CL_OK;
}

enum cl_status node_command(const char *const *argv, unsigned timeout_s, struct cl_buf *ret,
                            struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf own = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf said = {0};
    int out[2] = {-1, -1};
    int errors[2] = {-1, -1};
    int status = 0;
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0) {
        cl_close_fdp(&out[0]);
        cl_close_fdp(&out[1]);
        return cl_err_sys(err, errno, "pipe");
    }
    pid_t pid = fork();
    if (pid == 0) {
        become(argv, out[1], errors[1]);
    }
    cl_close_fdp(&out[1]);
    cl_close_fdp(&errors[1]);
    bool ended = pid > 0 && collect(out[0], errors[0], timeout_s, ret != NULL ? ret : &own, &said);
    if (pid > 0) {
        if (!ended) {
            (void)kill(pid, SIGKILL);
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    cl_close_fdp(&out[0]);
    cl_close_fdp(&errors[0]);
    return pid > 0 ? outcome(argv, status, ended, &said, timeout_s, err)
                   : cl_err_sys(err, errno, "fork");
}

/* --- version
 * ------------------------------------------------------------------------------------------- */

enum cl_status node_version_parse(const char *text, struct node_version *ret, struct cl_err *err)
{
    const char *p = text + (text[0] == 'v');
    char *end = NULL;
    struct node_version v = {0};
    unsigned long major = p[0] >= '0' && p[0] <= '9' ? strtoul(p, &end, 10) : 1000;
    unsigned long minor = end != NULL && end[0] == '.' && end[1] >= '0' && end[1] <= '9'
                              ? strtoul(end + 1, &end, 10)
                              : 1000;
    if (major >= 1000 || minor >= 1000) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "containerd: version: expected one like 1.6.20, got '%.40s'", text);
    }
    v.major = (unsigned)major;
    v.minor = (unsigned)minor;
    (void)snprintf(v.text, sizeof(v.text), "%s", p);
    if (v.major < 1 || (v.major == 1 && v.minor < 6)) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "containerd: version: expected 1.6 or later, got %s", v.text);
    }
    *ret = v;
    return CL_OK;
}

static const char *program(const struct node_run *r)
{
    return r->o->containerd != NULL ? r->o->containerd : "containerd";
}

enum cl_status node_version_get(const struct node_run *r, struct node_version *ret,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    const char *const argv[] = {program(r), "--version", NULL};
    const char *text = NULL;
    char version[64] = "";
    if (r->o->containerd_version != NULL) {
        return node_version_parse(r->o->containerd_version, ret, err);
    }
    if (r->tree.root[0] != '\0' && r->o->containerd == NULL) {
        return cl_err_set(
            err, CL_ERR_UNAVAILABLE,
            "containerd: version: expected --containerd-version with --root, got none");
    }
    CL_TRY(node_command(argv, NODE_COMMAND_TIMEOUT_S, &out, err));
    CL_TRY(cl_buf_cstr(&out, "containerd --version", &text, err));
    if (sscanf(text, "%*63s %*127s %63s", version) != 1) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "containerd: version: expected three words of --version, got '%.60s'",
                          text);
    }
    return node_version_parse(version, ret, err);
}

bool node_version_merges(const struct node_version *v)
{
    return v->major >= 2;
}

json_t *node_snapshotter_case(const struct node_version *v)
{
    if (v->major == 1 && v->minor == 6) {
        return json_pack("{s:s, s:s}", "case", "global", "words",
                         "containerd 1.6 has one snapshotter for all runtimes: plain images work "
                         "with the one it has; encrypted ones need a node whose global snapshotter "
                         "is cloister-snapshotter, or images imported with --no-unpack");
    }
    if (v->major == 1 || v->minor < 2) {
        return json_pack("{s:s, s:s}", "case", "annotation", "words",
                         "containerd 1.7 to 2.1 choose a snapshotter by runtime only for pods with "
                         "the annotation io.containerd.cri.runtime-handler; other pods' images are "
                         "pulled with the default one");
    }
    return json_pack("{s:s, s:s}", "case", "itself", "words",
                     "containerd 2.2 and later choose the snapshotter by the pod's RuntimeClass");
}

/* --- its files
 * ---------------------------------------------------------------------------------------- */

const char *node_containerd_config(const struct node_options *o)
{
    return o->containerd_config != NULL ? o->containerd_config : CONFIG_PATH;
}

bool node_can_dump(const struct node_run *r)
{
    return r->tree.root[0] == '\0' || r->o->containerd != NULL;
}

enum cl_status node_dump(const struct node_run *r, struct cl_buf *ret, struct cl_err *err)
{
    char full[NODE_PATH_SIZE];
    CL_TRY(node_path(&r->tree, node_containerd_config(r->o), full, err));
    bool there = access(full, F_OK) == 0;
    const char *const with[] = {program(r), "--config", full, "config", "dump", NULL};
    const char *const without[] = {program(r), "--config", "/dev/null", "config", "default", NULL};
    return node_command(there ? with : without, NODE_COMMAND_TIMEOUT_S, ret, err);
}

/* --- restart
 * ------------------------------------------------------------------------------------------ */

const char *node_address(const struct node_options *o)
{
    return o->address != NULL ? o->address : SOCKET;
}

/* The number behind `key` in a file of /proc; key NULL: field 22 of a process's stat, which is
 * behind the last parenthesis. */
static bool proc_number(const char *path, const char *key, unsigned long long *ret)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    if (cl_buf_read_file(&b, path, NODE_CONFIG_MAX_SIZE, NULL) != CL_OK || b.len == 0) {
        return false;
    }
    const char *p = key != NULL ? strstr((char *)b.data, key) : strrchr((char *)b.data, ')');
    for (int field = 2; p != NULL && key == NULL && field < 22; field++) {
        p = strchr(p + 1, ' ');
    }
    if (p == NULL) {
        return false;
    }
    *ret = strtoull(p + (key != NULL ? strlen(key) : 0), NULL, 10);
    return *ret != 0;
}

bool node_started_after(const struct node_run *r, const char *path)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    struct stat st;
    char proc[64];
    unsigned long long boot = 0;
    unsigned long long ticks = 0;
    if (r->tree.root[0] != '\0' || stat(path, &st) != 0 ||
        cl_unix_connect(node_address(r->o), &fd, NULL) != CL_OK ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0) {
        return false;
    }
    (void)snprintf(proc, sizeof(proc), "/proc/%ld/stat", (long)peer.pid);
    return proc_number("/proc/stat", "\nbtime", &boot) && proc_number(proc, NULL, &ticks) &&
           boot + ticks / (unsigned long long)sysconf(_SC_CLK_TCK) >=
               (unsigned long long)st.st_mtim.tv_sec;
}

enum cl_status node_restart(const struct node_run *r, bool *ret_done, const char **ret_how,
                            struct cl_err *err)
{
    const char *const own[] = {"/bin/sh", "-c", r->o->restart, NULL};
    const char *const systemd[] = {"systemctl", "restart", "containerd", NULL};
    bool has_systemd = access("/run/systemd/system", F_OK) == 0;
    *ret_done = false;
    if (r->tree.root[0] != '\0' && r->o->restart == NULL) {
        *ret_how = "nothing: containerd of a tree does not run";
        return CL_OK;
    }
    if (r->o->no_restart || (r->o->restart == NULL && !has_systemd)) {
        *ret_how = "restart containerd: it reads its configuration only when it starts";
        return CL_OK;
    }
    *ret_how = r->o->restart != NULL ? r->o->restart : "systemctl restart containerd";
    CL_TRY(node_command(r->o->restart != NULL ? own : systemd, NODE_COMMAND_TIMEOUT_S, NULL, err));
    *ret_done = true;
    return CL_OK;
}
