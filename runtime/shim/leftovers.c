/* SPDX-License-Identifier: Apache-2.0
 * leftovers.c - the processes of a pod on file, and their end.
 */
#include "leftovers.h"

#include "base/bytes.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "net/podnet.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SCHEMA "cloister.shim/1"
#define FILE_MAX 65536u
#define STAT_MAX 4096u
#define START_FIELD 22 /* of /proc/PID/stat, counted from 1: clock ticks since the kernel began */
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

static enum cl_status start_time(pid_t pid, char ret[static 21], struct cl_err *err)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_TRY(cl_buf_read_file(&b, path, STAT_MAX, err));
    /* The second field is a name in parentheses, which may hold anything. */
    const char *p = b.data != NULL ? strrchr((const char *)b.data, ')') : NULL;
    for (int field = 2; p != NULL && field < START_FIELD; field++) {
        p = strchr(p + 1, ' ');
    }
    if (p == NULL || sscanf(p, " %20[0-9]", ret) != 1) {
        return cl_err_set(err, CL_ERR_MALFORMED, "'%s': expected %d fields, got fewer", path,
                          START_FIELD);
    }
    return CL_OK;
}

static enum cl_status boot_id(struct cl_buf *ret, struct cl_err *err)
{
    CL_TRY(cl_buf_read_file(ret, BOOT_ID_FILE, 64, err));
    while (ret->len > 0 && ret->data[ret->len - 1] == '\n') {
        ret->data[--ret->len] = 0;
    }
    return CL_OK;
}

static enum cl_status add_process(json_t *list, pid_t pid, struct cl_err *err)
{
    char start[21];
    CL_TRY(start_time(pid, start, err));
    if (json_array_append_new(list, json_pack("{s:i,s:s}", "pid", (int)pid, "start", start)) != 0) {
        return cl_err_nomem(err, SHIM_LEFTOVERS_FILE);
    }
    return CL_OK;
}

static enum cl_status path_of(const char *bundle, char ret[static 4096], struct cl_err *err)
{
    int n = snprintf(ret, 4096, "%s/%s", bundle, SHIM_LEFTOVERS_FILE);
    return n < 0 || n >= 4096 ? cl_err_set(err, CL_ERR_MALFORMED,
                                           "bundle: expected a shorter path, got %d bytes", n)
                              : CL_OK;
}

enum cl_status shim_leftovers_write(const char *bundle, const pid_t *pid, size_t count,
                                    const char *const *folder, size_t folder_count,
                                    const char *netns, struct cl_err *err)
{
    char path[4096];
    CL_CLEANUP(cl_buf_done) struct cl_buf boot = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *processes = json_array();
    CL_CLEANUP(cl_json_decrefp) json_t *folders = json_array();
    if (count > SHIM_MAX_LEFTOVERS || folder_count > SHIM_MAX_LEFTOVERS) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "'%s': expected at most %u processes and folders, got %zu and %zu",
                          SHIM_LEFTOVERS_FILE, SHIM_MAX_LEFTOVERS, count, folder_count);
    }
    CL_TRY(path_of(bundle, path, err));
    CL_TRY(boot_id(&boot, err));
    CL_TRY(add_process(processes, getpid(), err));
    for (size_t i = 0; i < count; i++) {
        CL_TRY(add_process(processes, pid[i], err));
    }
    for (size_t i = 0; i < folder_count; i++) {
        if (json_array_append_new(folders, json_string(folder[i])) != 0) {
            return cl_err_nomem(err, SHIM_LEFTOVERS_FILE);
        }
    }
    CL_CLEANUP(cl_json_decrefp)
    json_t *j =
        json_pack("{s:s,s:s,s:O,s:O,s:s*}", "schema", SCHEMA, "boot", (const char *)boot.data,
                  "processes", processes, "folders", folders, "netns", netns);
    if (j == NULL) {
        return cl_err_nomem(err, SHIM_LEFTOVERS_FILE);
    }
    CL_TRY(cl_json_compact(j, &text, err));
    return cl_write_file(path, text.data, text.len, 0600, err);
}

void shim_leftovers_forget(const char *bundle)
{
    char path[4096];
    if (path_of(bundle, path, NULL) == CL_OK) {
        (void)unlink(path);
    }
}

/* The end of it all. */

struct survivors {
    struct pollfd
        process[SHIM_MAX_LEFTOVERS + 1]; /* process descriptors; those of the gone are -1 */
    size_t count;
};

static void send_signal(const struct survivors *s, size_t count, int signo)
{
    for (size_t i = 0; i < count; i++) {
        if (s->process[i].fd >= 0) {
            (void)syscall(SYS_pidfd_send_signal, s->process[i].fd, signo, NULL, 0);
        }
    }
}

/* The descriptor first, the time of its start after: so it is the same process, if it still is. */
static int open_process(pid_t pid, const char *start)
{
    char now[21];
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0 && (start_time(pid, now, NULL) != CL_OK || strcmp(now, start) != 0)) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* Waits until the first `count` are gone. */
static bool wait_gone(struct survivors *s, size_t count, int timeout_ms)
{
    uint64_t end = cl_monotonic_us() + (uint64_t)timeout_ms * 1000;
    for (;;) {
        size_t left = 0;
        for (size_t i = 0; i < count; i++) {
            if (s->process[i].fd >= 0 && (s->process[i].revents & POLLIN) != 0) {
                cl_close_fdp(&s->process[i].fd);
                s->process[i].fd = -1;
            }
            left += s->process[i].fd >= 0;
        }
        uint64_t now = cl_monotonic_us();
        if (left == 0 || now >= end) {
            return left == 0;
        }
        if (poll(s->process, count, (int)((end - now) / 1000) + 1) < 0 && errno != EINTR) {
            return false;
        }
    }
}

static enum cl_status end_processes(struct survivors *s, int timeout_ms, struct cl_err *err)
{
    size_t daemon = s->count > 0 ? 1 : 0; /* it stands first */
    send_signal(s, daemon, SIGTERM);      /* it ends its VM and tells what it has to tell */
    (void)wait_gone(s, daemon, timeout_ms / 2);
    send_signal(s, s->count, SIGKILL);
    bool gone = wait_gone(s, s->count, timeout_ms - timeout_ms / 2);
    for (size_t i = 0; i < s->count; i++) {
        cl_close_fdp(&s->process[i].fd);
    }
    return gone ? CL_OK
                : cl_err_set(err, CL_ERR_UNAVAILABLE,
                             "pod: expected its processes to end within %d ms, some have not",
                             timeout_ms);
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
    (void)sb;
    (void)type;
    (void)ftw;
    (void)remove(path);
    return 0;
}

static void remove_folders(const json_t *folders)
{
    size_t i;
    const json_t *f;
    json_array_foreach(folders, i, f)
    {
        const char *path = json_string_value(f);
        if (path != NULL && path[0] == '/' && strstr(path, "/..") == NULL) {
            (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
        }
    }
}

static void find_survivors(const json_t *processes, struct survivors *ret)
{
    size_t i;
    const json_t *p;
    json_array_foreach(processes, i, p)
    {
        int64_t pid = 0;
        const char *start = NULL;
        if (ret->count < CL_ARRAY_LEN(ret->process) &&
            cl_json_get_int(p, "process", "pid", 2, INT32_MAX, &pid, NULL) == CL_OK &&
            cl_json_get_string(p, "process", "start", &start, NULL) == CL_OK) {
            ret->process[ret->count++] =
                (struct pollfd){.fd = open_process((pid_t)pid, start), .events = POLLIN};
        }
    }
}

/* The kernel took the taps with the VMM, and sockets with the shim; rules at CNI's interfaces stay.
 */
static void leave_network(const json_t *j)
{
    const char *netns = json_string_value(json_object_get(j, "netns"));
    struct cl_err err = {0};
    if (netns != NULL && netns[0] == '/' && cl_podnet_leave(netns, &err) != CL_OK) {
        cl_log(CL_LOG_WARN, "shim.delete", "%s", err.msg);
    }
}

enum cl_status shim_leftovers_kill(const char *bundle, int timeout_ms, struct cl_err *err)
{
    char path[4096];
    const char *boot_then = NULL;
    json_t *processes = NULL;
    json_t *folders = NULL;
    struct survivors s = {.count = 0};
    CL_CLEANUP(cl_buf_done) struct cl_buf boot = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(path_of(bundle, path, err));
    if (access(path, F_OK) != 0) {
        return CL_OK;
    }
    CL_TRY(cl_json_read_file(path, FILE_MAX, &j, err));
    CL_TRY(cl_json_get_string(j, path, "boot", &boot_then, err));
    CL_TRY(cl_json_get_array(j, path, "processes", &processes, err));
    CL_TRY(cl_json_get_array(j, path, "folders", &folders, err));
    CL_TRY(boot_id(&boot, err));
    if (strcmp(boot_then, (const char *)boot.data) == 0) {
        find_survivors(processes, &s);
    }
    enum cl_status st = end_processes(&s, timeout_ms, err);
    remove_folders(folders);
    leave_network(j);
    return st;
}
