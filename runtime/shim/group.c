/* SPDX-License-Identifier: Apache-2.0
 * group.c - one shim per pod: its name and its socket.
 */
#include "group.h"

#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONFIG_MAX (4u << 20)

/* The annotations, first those of containerd's CRI, then those of CRI-O. */
static const char *const type_keys[] = {"io.kubernetes.cri.container-type",
                                        "io.kubernetes.cri-o.ContainerType"};
static const char *const sandbox_keys[] = {"io.kubernetes.cri.sandbox-id",
                                           "io.kubernetes.cri-o.SandboxID"};
static const char *const label_keys[] = {"io.containerd.runc.v2.group"};

static const char *annotation(const json_t *annotations, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *s = json_string_value(json_object_get(annotations, keys[i]));
        if (s != NULL) {
            return s;
        }
    }
    return NULL;
}

static enum cl_status set_id(struct shim_group *g, const char *id, const char *field,
                             struct cl_err *err)
{
    size_t len = strlen(id);
    if (len == 0 || len >= sizeof(g->id) || strchr(id, '/') != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "config.json: %s: expected 1 to %u characters without /, got '%.100s'",
                          field, SHIM_NAME_SIZE - 1, id);
    }
    memcpy(g->id, id, len + 1);
    return CL_OK;
}

static enum cl_status decide(const json_t *annotations, const char *own_id, struct shim_group *g,
                             struct cl_err *err)
{
    const char *type = annotation(annotations, type_keys, CL_ARRAY_LEN(type_keys));
    const char *sandbox = annotation(annotations, sandbox_keys, CL_ARRAY_LEN(sandbox_keys));
    const char *label = annotation(annotations, label_keys, CL_ARRAY_LEN(label_keys));
    if (type != NULL && strcmp(type, "container") == 0) {
        g->member = true;
        return set_id(g, sandbox != NULL ? sandbox : "", sandbox_keys[0], err);
    }
    if (type != NULL && strcmp(type, "sandbox") != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "config.json: %s: expected sandbox or container, got '%.100s'",
                          type_keys[0], type);
    }
    return set_id(g, type == NULL && label != NULL ? label : own_id, label_keys[0], err);
}

enum cl_status shim_group_read(const struct shim_args *a, struct shim_group *ret,
                               struct cl_err *err)
{
    char path[4096];
    struct shim_group g = {.member = false};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    if (snprintf(path, sizeof(path), "%s/config.json", a->bundle) >= (int)sizeof(path)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "bundle: expected a shorter path");
    }
    CL_TRY(cl_json_read_file(path, CONFIG_MAX, &j, err));
    CL_TRY(decide(json_object_get(j, "annotations"), a->id, &g, err));
    *ret = g;
    return CL_OK;
}

/* The socket. */

enum cl_status shim_socket_path(const struct shim_args *a, const char *group_id,
                                char ret[static SHIM_SOCKET_SIZE], struct cl_err *err)
{
    const char *dir = a->socket_dir != NULL ? a->socket_dir : SHIM_SOCKET_DIR;
    uint8_t digest[CL_SHA256_SIZE];
    char hex[2 * CL_SHA256_SIZE + 1];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_buf_printf(&text, err, "%s/%s/%s", a->address, a->name_space, group_id));
    CL_TRY(cl_sha256(digest, text.data, text.len, err));
    cl_hex(hex, digest, sizeof(digest));
    int n = a->socket != NULL ? snprintf(ret, SHIM_SOCKET_SIZE, "%s", a->socket)
                              : snprintf(ret, SHIM_SOCKET_SIZE, "%s/%s", dir, hex);
    if (n < 0 || n >= (int)SHIM_SOCKET_SIZE || ret[0] != '/') {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "socket: expected an absolute path of at most %u bytes, got '%s'",
                          SHIM_SOCKET_SIZE - 1, a->socket != NULL ? a->socket : dir);
    }
    return CL_OK;
}

bool shim_socket_answers(const char *path)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    return cl_unix_connect(path, &fd, NULL) == CL_OK;
}

/* Others may look into the folder, as containerd's own shims let them. */
static enum cl_status make_dirs(char *dir, struct cl_err *err)
{
    for (char *p = dir + 1;; p++) {
        if (*p == '/' || *p == '\0') {
            char was = *p;
            *p = '\0';
            if (mkdir(dir, 0711) != 0 && errno != EEXIST) {
                return cl_err_sys(err, errno, "mkdir '%s'", dir);
            }
            *p = was;
            if (was == '\0') {
                return CL_OK;
            }
        }
    }
}

/* Until it is closed, no other `start` looks at sockets of that folder. */
static enum cl_status lock_folder(const char *path, int *ret_fd, struct cl_err *err)
{
    char copy[SHIM_SOCKET_SIZE];
    (void)snprintf(copy, sizeof(copy), "%s", path);
    char *dir = dirname(copy);
    CL_TRY(make_dirs(dir, err));
    CL_CLEANUP(cl_close_fdp) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        return cl_err_sys(err, errno, "lock '%s'", dir);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status bind_and_listen(const char *path, int *ret_fd, struct cl_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    CL_CLEANUP(cl_close_fdp) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return cl_err_sys(err, errno, "socket '%s'", path);
    }
    mode_t mask = umask(0177); /* 0600 from the first moment */
    int rc = bind(fd, (const struct sockaddr *)&a, sizeof(a));
    int error = errno;
    (void)umask(mask);
    if (rc != 0) {
        return cl_err_sys(err, error, "bind '%s'", path);
    }
    if (listen(fd, SOMAXCONN) != 0) {
        return cl_err_sys(err, errno, "listen '%s'", path);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

enum cl_status shim_socket_listen(const char *path, int *ret_fd, struct cl_err *err)
{
    struct cl_err why = {0};
    CL_CLEANUP(cl_close_fdp) int lock = -1;
    CL_TRY(lock_folder(path, &lock, err));
    enum cl_status st = bind_and_listen(path, ret_fd, &why);
    if (st == CL_ERR_SYS && why.sys_errno == EADDRINUSE) {
        if (shim_socket_answers(path)) {
            *ret_fd = -1;
            return CL_OK;
        }
        (void)unlink(path);
        return bind_and_listen(path, ret_fd, err);
    }
    return st == CL_OK ? CL_OK : cl_err_set(err, st, "%s", why.msg);
}

void shim_socket_remove_stale(const char *path)
{
    CL_CLEANUP(cl_close_fdp) int lock = -1;
    if (access(path, F_OK) == 0 && lock_folder(path, &lock, NULL) == CL_OK &&
        !shim_socket_answers(path)) {
        (void)unlink(path);
    }
}
