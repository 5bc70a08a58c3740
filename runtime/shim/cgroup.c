/* SPDX-License-Identifier: Apache-2.0
 * cgroup.c - the pod's cgroup. Trust, threads, memory: cgroup.h.
 */
#include "cgroup.h"

#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_MAX_LEN 1024u
#define LEAVE_TRIES 100 /* of 20 ms */

struct shim_cgroup {
    size_t count;
    struct {
        char leaf[2 * PATH_MAX_LEN];
        char back[2 * PATH_MAX_LEN];
    } at[SHIM_CGROUP_MAX];
};

static enum cl_status bad_path(const char *path, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "linux.cgroupsPath: expected /PARENT/NAME or SLICE:PREFIX:NAME, got '%.200s'",
                      path);
}

/* "a-b-c.slice" lies in "/a.slice/a-b.slice/a-b-c.slice" (systemd.slice(5)). */
static bool expand_slice(const char *slice, size_t len, char *ret, size_t size)
{
    static const char suffix[] = ".slice";
    size_t stem = len - strlen(suffix);
    size_t n = 0;
    for (size_t i = 1; i <= stem; i++) {
        if (i < stem && slice[i] != '-') {
            continue;
        }
        int wrote = snprintf(ret + n, size - n, "/%.*s%s", (int)i, slice, suffix);
        if (wrote < 0 || (size_t)wrote >= size - n) {
            return false;
        }
        n += (size_t)wrote;
    }
    return true;
}

/* No empty component, no "." and no "..". */
static bool clean_path(const char *path)
{
    for (const char *p = path; *p != '\0';) {
        size_t len = strcspn(++p, "/");
        if (len == 0 || (p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.')))) {
            return false;
        }
        p += len;
    }
    return path[0] == '/';
}

enum cl_status shim_cgroup_parent(const char *path, char *ret, size_t size, struct cl_err *err)
{
    char out[PATH_MAX_LEN] = "";
    const char *colon = strchr(path, ':');
    if (colon != NULL) {
        size_t len = (size_t)(colon - path);
        bool good = len > strlen(".slice") && memchr(path, '/', len) == NULL && path[0] != '-' &&
                    strncmp(colon - strlen(".slice"), ".slice", 6) == 0 &&
                    strchr(colon + 1, ':') != NULL && expand_slice(path, len, out, sizeof(out));
        if (!good) {
            return bad_path(path, err);
        }
    } else {
        const char *slash = strrchr(path, '/');
        size_t len = slash != NULL ? (size_t)(slash - path) : 0;
        if (!clean_path(path) || len >= sizeof(out)) {
            return bad_path(path, err);
        }
        memcpy(out, path, len);
    }
    if (!(out[0] == '\0' || clean_path(out)) || strlen(out) >= size) {
        return bad_path(path, err);
    }
    (void)snprintf(ret, size, "%s", out);
    return CL_OK;
}

/* --- entering
 * ----------------------------------------------------------------------------------------- */

static bool join(const char *folder, pid_t pid)
{
    char path[2 * PATH_MAX_LEN + 16];
    char text[24];
    int len = snprintf(text, sizeof(text), "%d\n", (int)pid);
    (void)snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && write(fd, text, (size_t)len) == len;
}

/* One hierarchy: mount, and our own path in it. What does not work is not tried again elsewhere: a
 * controller that takes no processes here (cpuset without CPUs, say) limits nothing either. */
static void enter_one(struct shim_cgroup *g, const char *mount, const char *own, const char *parent,
                      const char *id)
{
    struct stat st;
    char above[2 * PATH_MAX_LEN];
    if (g->count == SHIM_CGROUP_MAX || strlen(mount) + strlen(own) + 1 > PATH_MAX_LEN ||
        parent[0] == '\0') {
        return;
    }
    char *leaf = g->at[g->count].leaf;
    int n = snprintf(above, sizeof(above), "%s%s", mount, parent);
    if (n >= (int)(sizeof(above) - 100) || stat(above, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return;
    }
    (void)snprintf(leaf, sizeof(g->at[0].leaf), "%.1900s/cloister-%.80s", above, id);
    (void)snprintf(g->at[g->count].back, sizeof(g->at[0].back), "%s%s", mount, own);
    if (mkdir(leaf, 0755) != 0 && errno != EEXIST) {
        cl_log(CL_LOG_WARN, "shim.cgroup", "'%.200s': %s", leaf, strerror(errno));
        return;
    }
    if (!join(leaf, getpid())) {
        cl_log(CL_LOG_WARN, "shim.cgroup", "'%.200s': %s", leaf, strerror(errno));
        (void)rmdir(leaf);
        return;
    }
    g->count++;
}

/* A line of /proc/self/cgroup: "0::/path" (v2), "4:memory:/path", "1:name=systemd:/path". */
static void enter_line(struct shim_cgroup *g, const char *root, char *line, const char *parent,
                       const char *id)
{
    char mount[PATH_MAX_LEN];
    char unified[PATH_MAX_LEN];
    char *rest = line;
    (void)strsep(&rest, ":");
    const char *controllers = strsep(&rest, ":");
    const char *own = rest;
    if (controllers == NULL || own == NULL || own[0] != '/') {
        return;
    }
    if (strncmp(controllers, "name=", 5) == 0) {
        controllers += 5;
    }
    bool v2 = controllers[0] == '\0';
    (void)snprintf(unified, sizeof(unified), "%.900s/unified", root);
    if (v2) {
        (void)snprintf(mount, sizeof(mount), "%.900s", access(unified, F_OK) == 0 ? unified : root);
    } else {
        (void)snprintf(mount, sizeof(mount), "%.800s/%.200s", root, controllers);
    }
    enter_one(g, mount, strcmp(own, "/") == 0 ? "" : own, parent, id);
}

enum cl_status shim_cgroup_enter(const char *root, const char *self, const char *path,
                                 const char *id, struct shim_cgroup **ret, struct cl_err *err)
{
    char parent[PATH_MAX_LEN];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(shim_cgroup_parent(path, parent, sizeof(parent), err));
    CL_TRY(cl_buf_read_file(&text, self, 65536, err));
    struct shim_cgroup *g = calloc(1, sizeof(*g));
    if (g == NULL) {
        return cl_err_nomem(err, "cgroup");
    }
    char *rest = (char *)text.data;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        enter_line(g, root, line, parent, id);
    }
    if (g->count == 0) {
        free(g);
        g = NULL;
    }
    *ret = g;
    return CL_OK;
}

/* A VM that was killed holds its cgroup until the kernel has taken its memory apart. */
static bool remove_leaf(const char *path)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    bool gone = false;
    for (int i = 0; i < LEAVE_TRIES && !gone; i++) {
        gone = rmdir(path) == 0 || errno == ENOENT;
        if (gone || errno != EBUSY) {
            break;
        }
        (void)nanosleep(&pause, NULL);
    }
    return gone;
}

void shim_cgroup_leave(struct shim_cgroup *g)
{
    for (size_t i = 0; g != NULL && i < g->count; i++) {
        if (!join(g->at[i].back, getpid()) || !remove_leaf(g->at[i].leaf)) {
            cl_log(CL_LOG_WARN, "shim.cgroup", "'%.200s': %s", g->at[i].leaf, strerror(errno));
        }
    }
    free(g);
}

size_t shim_cgroup_folders(const struct shim_cgroup *g, const char *ret[SHIM_CGROUP_MAX])
{
    size_t count = g != NULL ? g->count : 0;
    for (size_t i = 0; i < count; i++) {
        ret[i] = g->at[i].leaf;
    }
    return count;
}
