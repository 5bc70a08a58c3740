/* SPDX-License-Identifier: Apache-2.0
 * spec.c - config.json for crun.
 */
#include "agent/spec.h"

#include "rootfile.h"
#include "seccomp.h"
#include "tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What containers usually have, without the making of device nodes. */
static const char *const capabilities[] = {
    "CAP_CHOWN",       "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_NET_RAW",     "CAP_SETGID",       "CAP_SETUID",           "CAP_SETFCAP",
    "CAP_SETPCAP",     "CAP_KILL",         "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_AUDIT_WRITE",
};
static const char *const masked_paths[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    "/sys/kernel/config",
};
static const char *const readonly_paths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                             "/proc/sysrq-trigger"};
static const char *const namespaces[] = {"pid", "ipc", "uts", "mount", "cgroup"};

struct mount {
    const char *destination;
    const char *type;
    const char *options; /* comma-separated */
};
static const struct mount mounts[] = {
    {"/proc", "proc", "nosuid,noexec,nodev"},
    {"/dev", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
    {"/dev/pts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"/dev/shm", "tmpfs", "nosuid,noexec,nodev,mode=1777,size=65536k"},
    {"/sys", "sysfs", "nosuid,noexec,nodev,ro"},
    {"/sys/fs/cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"},
};

enum cl_status agent_spec_args(const struct cl_initdata *i, const struct cl_oci_config *c,
                               struct cl_strv *ret, struct cl_err *err)
{
    const struct cl_strv *from[2] = {&c->entrypoint, &c->cmd};
    struct cl_strv args = {0};
    enum cl_status st = CL_OK;
    if (i->has_command) {
        st = cl_strv_copy(&args, &i->command, err);
    }
    for (size_t k = 0; !i->has_command && k < CL_ARRAY_LEN(from); k++) {
        for (size_t n = 0; st == CL_OK && n < from[k]->count; n++) {
            st = cl_strv_add(&args, from[k]->v[n], err);
        }
    }
    if (st == CL_OK && (args.count == 0 || args.v[0][0] == '\0')) {
        st = cl_err_set(err, CL_ERR_REJECTED,
                        "process: command: expected one in initdata or image, got none");
    }
    if (st != CL_OK) {
        cl_strv_done(&args);
        return st;
    }
    *ret = args;
    return CL_OK;
}

/* Bytes of "NAME=". */
static size_t name_len(const char *entry)
{
    const char *eq = strchr(entry, '=');
    return eq != NULL ? (size_t)(eq - entry) + 1 : strlen(entry);
}

static bool has_name(const struct cl_strv *env, const char *entry)
{
    size_t n = name_len(entry);
    for (size_t i = 0; i < env->count; i++) {
        if (name_len(env->v[i]) == n && strncmp(env->v[i], entry, n) == 0) {
            return true;
        }
    }
    return false;
}

static enum cl_status add_missing(struct cl_strv *env, const char *entry, struct cl_err *err)
{
    return has_name(env, entry) ? CL_OK : cl_strv_add(env, entry, err);
}

static enum cl_status merge_env(const struct cl_initdata *i, const struct cl_oci_config *c,
                                const struct agent_user *u, struct cl_strv *env, struct cl_err *err)
{
    char home[sizeof(u->home) + 8];
    (void)snprintf(home, sizeof(home), "HOME=%s", u->home);
    for (size_t k = 0; k < c->env.count; k++) {
        if (!has_name(&i->env, c->env.v[k])) {
            CL_TRY(cl_strv_add(env, c->env.v[k], err));
        }
    }
    for (size_t k = 0; k < i->env.count; k++) {
        CL_TRY(cl_strv_add(env, i->env.v[k], err));
    }
    CL_TRY(add_missing(env, DEFAULT_PATH, err));
    CL_TRY(add_missing(env, home, err));
    return i->terminal ? add_missing(env, "TERM=xterm", err) : CL_OK;
}

enum cl_status agent_spec_env(const struct cl_initdata *i, const struct cl_oci_config *c,
                              const struct agent_user *u, struct cl_strv *ret, struct cl_err *err)
{
    struct cl_strv env = {0};
    enum cl_status st = merge_env(i, c, u, &env, err);
    if (st != CL_OK) {
        cl_strv_done(&env);
        return st;
    }
    *ret = env;
    return CL_OK;
}

enum cl_status agent_spec_workdir(const struct cl_initdata *i, const struct cl_oci_config *c,
                                  const char **ret, struct cl_err *err)
{
    const char *dir = i->workdir != NULL ? i->workdir : c->working_dir;
    dir = dir != NULL && dir[0] != '\0' ? dir : "/";
    if (dir[0] != '/') {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "process: working directory: expected an absolute path, got '%s'", dir);
    }
    *ret = dir;
    return CL_OK;
}

enum cl_status agent_spec_make_workdir(int root_fd, const char *dir, struct cl_err *err)
{
    char below[AGENT_MAX_PATH + 3];
    struct agent_path p;
    struct agent_tree t;
    int parent = -1;
    CL_TRY(agent_path_parse(dir, "process: working directory", AGENT_MAX_DEPTH, &p, err));
    if (p.len + 2 > AGENT_MAX_PATH || p.depth == AGENT_MAX_DEPTH) {
        return cl_err_set(err, CL_ERR_REJECTED, "process: working directory: the path is too long");
    }
    int fd = agent_open_in_root(root_fd, p.len > 0 ? p.text : ".", O_PATH | O_DIRECTORY);
    if (fd >= 0) {
        (void)close(fd);
        return CL_OK;
    }
    (void)snprintf(below, sizeof(below), "%s/x", p.text); /* its parent is what we want */
    CL_TRY(agent_path_parse(below, "process: working directory", AGENT_MAX_DEPTH, &p, err));
    agent_tree_init(&t, root_fd);
    mode_t old = umask(0);
    enum cl_status st = agent_tree_parent(&t, &p, /* create= */ true, &parent, err);
    (void)umask(old);
    agent_tree_done(&t);
    return st;
}

/* The builders below give NULL when memory ran out or a string is not UTF-8; json_pack passes NULL
 * on. */
static json_t *strings(const char *const *v, size_t count)
{
    json_t *a = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(a, json_string(v[i])) != 0) {
            json_decref(a);
            return NULL;
        }
    }
    return a;
}

json_t *agent_spec_masked_paths(void)
{
    return strings(masked_paths, CL_ARRAY_LEN(masked_paths));
}

json_t *agent_spec_readonly_paths(void)
{
    return strings(readonly_paths, CL_ARRAY_LEN(readonly_paths));
}

static json_t *strv(const struct cl_strv *s)
{
    return strings((const char *const *)s->v, s->count);
}

static json_t *options(const char *list)
{
    json_t *a = json_array();
    while (*list != '\0') {
        size_t n = strcspn(list, ",");
        if (json_array_append_new(a, json_stringn(list, n)) != 0) {
            json_decref(a);
            return NULL;
        }
        list += n;
        list += *list == ',';
    }
    return a;
}

static json_t *mounts_json(void)
{
    json_t *a = json_array();
    for (size_t i = 0; i < CL_ARRAY_LEN(mounts); i++) {
        json_t *m = json_pack("{s:s,s:s,s:s,s:o}", "destination", mounts[i].destination, "type",
                              mounts[i].type, "source", mounts[i].type, "options",
                              options(mounts[i].options));
        if (json_array_append_new(a, m) != 0) {
            json_decref(a);
            return NULL;
        }
    }
    return a;
}

static json_t *user_json(const struct agent_user *u)
{
    json_t *groups = json_array();
    for (size_t i = 0; i < u->group_count; i++) {
        if (json_array_append_new(groups, json_integer(u->groups[i])) != 0) {
            json_decref(groups);
            return NULL;
        }
    }
    return json_pack("{s:I,s:I,s:o,s:i}", "uid", (json_int_t)u->uid, "gid", (json_int_t)u->gid,
                     "additionalGids", groups, "umask", 022);
}

static json_t *capabilities_json(void)
{
    const size_t n = CL_ARRAY_LEN(capabilities);
    return json_pack("{s:o,s:o,s:o}", "bounding", strings(capabilities, n), "effective",
                     strings(capabilities, n), "permitted", strings(capabilities, n));
}

static json_t *namespaces_json(void)
{
    json_t *a = json_array();
    for (size_t i = 0; i < CL_ARRAY_LEN(namespaces); i++) {
        if (json_array_append_new(a, json_pack("{s:s}", "type", namespaces[i])) != 0) {
            json_decref(a);
            return NULL;
        }
    }
    return a;
}

static json_t *linux_json(void)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:s,s:{s:[{s:b,s:s}]}}", "namespaces", namespaces_json(),
                     "maskedPaths", agent_spec_masked_paths(), "readonlyPaths",
                     agent_spec_readonly_paths(), "seccomp", agent_seccomp(), "cgroupsPath",
                     "/container", "resources", "devices", "allow", 0, "access", "rwm");
}

static json_t *process_json(const struct cl_strv *args, const struct cl_strv *env, const char *cwd,
                            const struct agent_user *u, bool terminal)
{
    return json_pack("{s:b,s:o,s:o,s:o,s:s,s:o,s:b,s:i,s:[{s:s,s:i,s:i}]}", "terminal", terminal,
                     "user", user_json(u), "args", strv(args), "env", strv(env), "cwd", cwd,
                     "capabilities", capabilities_json(), "noNewPrivileges", 0, "oomScoreAdj", 0,
                     "rlimits", "type", "RLIMIT_NOFILE", "hard", 524288, "soft", 1024);
}

static enum cl_status add_console_size(json_t *spec, uint32_t rows, uint32_t cols,
                                       struct cl_err *err)
{
    json_t *size = json_pack("{s:i,s:i}", "height", (int)rows, "width", (int)cols);
    if (json_object_set_new(json_object_get(spec, "process"), "consoleSize", size) != 0) {
        return cl_err_nomem(err, "container specification");
    }
    return CL_OK;
}

enum cl_status agent_spec_build(const struct cl_initdata *i, const struct cl_oci_config *c,
                                const struct agent_user *u, uint32_t rows, uint32_t cols,
                                struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_strv_done) struct cl_strv args = {0};
    CL_CLEANUP(cl_strv_done) struct cl_strv env = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *spec = NULL;
    const char *cwd = NULL;
    CL_TRY(agent_spec_args(i, c, &args, err));
    CL_TRY(agent_spec_env(i, c, u, &env, err));
    CL_TRY(agent_spec_workdir(i, c, &cwd, err));
    spec = json_pack("{s:s,s:o,s:{s:s,s:b},s:s,s:o,s:o}", "ociVersion", "1.0.2", "process",
                     process_json(&args, &env, cwd, u, i->terminal), "root", "path", "rootfs",
                     "readonly", 0, "hostname", "cloister", "mounts", mounts_json(), "linux",
                     linux_json());
    if (spec == NULL) {
        return cl_err_set(
            err, CL_ERR_MALFORMED,
            "container specification: command, environment or directory is not UTF-8");
    }
    if (i->terminal && rows > 0 && cols > 0) {
        CL_TRY(add_console_size(spec, rows, cols, err));
    }
    return cl_json_compact(spec, out, err);
}
