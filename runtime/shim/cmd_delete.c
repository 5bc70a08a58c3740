/* SPDX-License-Identifier: Apache-2.0
 * cmd_delete.c - `delete`: what is left of a container, or of a pod (containerd-shim.md 1.4).
 */
#include "commands.h"

#include "group.h"
#include "leftovers.h"
#include "pb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#define KILL_MS 3500   /* containerd gives 5 s for all of it */
#define KILLED 137     /* 128 + SIGKILL */
#define MAX_MOUNTED 64 /* one upon the other */
#define MOUNTS "/proc/self/mountinfo"

/* The fifth field of a line, in which the kernel writes space, tab, newline and backslash as three
 * octal digits. */
static bool mounted_at(const char *line, const char *path)
{
    const char *p = line;
    for (int field = 1; p != NULL && field < 5; field++) {
        p = strchr(p, ' ');
        p = p != NULL ? p + 1 : NULL;
    }
    for (; p != NULL && *p != ' ' && *p != '\0'; path++) {
        char c = *p;
        if (c == '\\' && strlen(p) >= 4) {
            c = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
            p += 3;
        }
        if (c != *path) {
            return false;
        }
        p++;
    }
    return p != NULL && *path == '\0';
}

static bool is_mounted(const char *path)
{
    FILE *f = fopen(MOUNTS, "re");
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (f != NULL && !found && getline(&line, &size, f) >= 0) {
        found = mounted_at(line, path);
    }
    free(line);
    if (f != NULL) {
        (void)fclose(f);
    }
    return found;
}

static enum cl_status unmount_rootfs(const char *bundle, struct cl_err *err)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/rootfs", bundle) >= (int)sizeof(path)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "bundle: expected a shorter path");
    }
    for (int i = 0; i < MAX_MOUNTED && is_mounted(path); i++) {
        if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
            return cl_err_sys(err, errno, "unmount '%s'", path);
        }
    }
    return CL_OK;
}

static enum cl_status tell_deleted(struct cl_buf *out, struct cl_err *err)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    Containerd__Task__V2__DeleteResponse m;
    Google__Protobuf__Timestamp ts = shim_pb_time(now);
    containerd__task__v2__delete_response__init(&m);
    m.exit_status = KILLED;
    m.exited_at = &ts;
    return shim_pb_pack(&m.base, out, err);
}

/* A container that came first of a group by label leaves the daemon to the others; a sandbox does
 * not. */
static bool serves_others(const struct shim_args *a)
{
    struct shim_group g;
    char path[SHIM_SOCKET_SIZE];
    return shim_group_read(a, &g, NULL) == CL_OK && strcmp(g.id, a->id) != 0 &&
           shim_socket_path(a, g.id, path, NULL) == CL_OK && shim_socket_answers(path);
}

enum cl_status shim_delete(const struct shim_args *a, struct cl_buf *out, struct cl_err *err)
{
    char path[SHIM_SOCKET_SIZE];
    struct cl_err unmounting = {0};
    enum cl_status st = serves_others(a) ? CL_OK : shim_leftovers_kill(a->bundle, KILL_MS, err);
    enum cl_status unmounted = unmount_rootfs(a->bundle, &unmounting);
    if (st == CL_OK && unmounted != CL_OK) {
        st = cl_err_set(err, unmounted, "%s", unmounting.msg);
    }
    CL_TRY(st);
    /* A container of a pod has none of its own. */
    CL_TRY(shim_socket_path(a, a->id, path, err));
    shim_socket_remove_stale(path);
    return tell_deleted(out, err);
}
