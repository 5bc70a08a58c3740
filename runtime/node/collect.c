/* SPDX-License-Identifier: Apache-2.0
 * collect.c - versions that nothing needs any more. An old version stays as long as a process runs
 * from it or a bundle of containerd names its shim: `delete` of that pod is still to come.
 * Trust, threads, memory: state.h.
 */
#include "state.h"

#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUNDLES "/run/containerd/io.containerd.runtime.v2.task/*/*/shim-binary-path"

/* --- who uses one
 * --------------------------------------------------------------------------------------- */

static bool below(const char *path, const char *version)
{
    char prefix[NODE_PATH_SIZE];
    (void)snprintf(prefix, sizeof(prefix), NODE_PREFIX "/%s%s", version != NULL ? version : "",
                   version != NULL ? "/" : "");
    return strncmp(path, prefix, strlen(prefix)) == 0;
}

static bool process_uses(const char *pid, const char *version)
{
    char link[64];
    char exe[NODE_PATH_SIZE];
    (void)snprintf(link, sizeof(link), "/proc/%.20s/exe", pid);
    ssize_t n = readlink(link, exe, sizeof(exe) - 1);
    if (n <= 0 || strtoul(pid, NULL, 10) == (unsigned long)getpid()) {
        return false;
    }
    exe[n] = '\0';
    if (version == NULL && strstr(exe, "/bin/cloister-snapshotter") != NULL) {
        return false; /* of no pod: it ends when we go */
    }
    return below(exe, version);
}

static unsigned processes(const char *version)
{
    unsigned count = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        count += e->d_name[0] >= '1' && e->d_name[0] <= '9' && process_uses(e->d_name, version);
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return count;
}

static unsigned bundles(const char *version)
{
    glob_t g = {0};
    unsigned count = 0;
    if (glob(BUNDLES, GLOB_NOSORT, NULL, &g) == 0) {
        for (size_t i = 0; i < g.gl_pathc; i++) {
            CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
            count += cl_buf_read_file(&b, g.gl_pathv[i], NODE_PATH_SIZE, NULL) == CL_OK &&
                     b.len > 0 && below((const char *)b.data, version);
        }
    }
    globfree(&g);
    return count;
}

unsigned node_users(const struct node_run *r, const char *version)
{
    return r->tree.root[0] != '\0' ? 0 : processes(version) + bundles(version);
}

/* --- removal
 * ------------------------------------------------------------------------------------------- */

enum cl_status node_drop_version(struct node_run *r, json_t *txn, const json_t *version,
                                 struct cl_err *err)
{
    static const char *const folders[] = {"/bin", "/guest", ""};
    const char *name = node_state_text(version, "version");
    char path[NODE_PATH_SIZE];
    size_t i = 0;
    json_t *f = NULL;
    json_array_foreach(json_object_get(version, "files"), i, f)
    {
        (void)snprintf(path, sizeof(path), NODE_PREFIX "/%s/%s", name, node_state_text(f, "path"));
        CL_TRY(node_txn_remove(r, txn, path, err));
    }
    for (i = 0; i < CL_ARRAY_LEN(folders); i++) {
        (void)snprintf(path, sizeof(path), NODE_PREFIX "/%s%s", name, folders[i]);
        CL_TRY(node_txn_rmdir(txn, path, err));
    }
    return CL_OK;
}

static bool needed(const struct node_run *r, const json_t *state, const char *version)
{
    const char *current = node_state_text(state, "current");
    const char *previous = node_state_text(state, "previous");
    return strcmp(version, current) == 0 || (previous != NULL && strcmp(version, previous) == 0) ||
           node_users(r, version) > 0;
}

static enum cl_status drop_versions(struct node_run *r, json_t *state, json_t *gone,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *txn = NULL;
    json_t *versions = json_object_get(state, "versions");
    CL_TRY(node_txn_new("collect", /* undo= */ false, &txn, err));
    for (size_t i = json_array_size(versions); i-- > 0;) {
        json_t *v = json_array_get(versions, i);
        const char *name = node_state_text(v, "version");
        if (name == NULL || needed(r, state, name)) {
            continue;
        }
        CL_TRY(node_drop_version(r, txn, v, err));
        if (json_array_append_new(gone, json_string(name)) != 0 ||
            json_array_remove(versions, i) != 0) {
            return cl_err_nomem(err, "collect");
        }
    }
    if (json_array_size(json_object_get(txn, "changes")) == 0) {
        return CL_OK;
    }
    CL_TRY(node_state_put(r, txn, state, err));
    return node_txn_run(r, txn, err);
}

/* Blobs are only needed while a journal is there, but for the configuration as it was before us. */
static enum cl_status drop_blobs(const struct node_run *r, const json_t *state, struct cl_err *err)
{
    enum cl_status st = CL_OK;
    char dir[NODE_PATH_SIZE];
    char path[NODE_PATH_SIZE];
    const char *keep =
        node_state_text(json_object_get(json_object_get(state, "config"), "before"), "sha256");
    DIR *d = node_path(&r->tree, NODE_BLOBS, dir, NULL) == CL_OK ? opendir(dir) : NULL;
    for (struct dirent *e; st == CL_OK && d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.' && (keep == NULL || strcmp(keep, e->d_name) != 0)) {
            (void)snprintf(path, sizeof(path), NODE_BLOBS "/%.200s", e->d_name);
            st = node_remove(&r->tree, path, err);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return st;
}

enum cl_status node_collect(struct node_run *r, json_t *gone, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *state = NULL;
    CL_TRY(node_state_load(r, &state, err));
    if (state != NULL && !json_is_true(json_object_get(state, "removing"))) {
        CL_TRY(drop_versions(r, state, gone, err));
    }
    node_step(r);
    return drop_blobs(r, state, err);
}
