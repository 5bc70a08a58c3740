/* SPDX-License-Identifier: Apache-2.0
 * uninstall.c - back to how it was: first containerd's configuration, then, when containerd does
 * not know of us any more, the files. Each half is done as a whole; the second is only ever
 * finished, never undone.
 * Trust, threads, memory: node.h.
 */
#include "snapshotter.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- containerd's configuration
 * ----------------------------------------------------------------------------- */

static enum cl_status strip_config(struct node_run *r, json_t *txn, const char *path,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf now = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf rest = {0};
    char drop_in[NODE_PATH_SIZE];
    (void)snprintf(drop_in, sizeof(drop_in), "%s", path);
    (void)snprintf(strrchr(drop_in, '/'), sizeof("/conf.d/cloister.toml"), "/conf.d/cloister.toml");
    CL_TRY(node_read(&r->tree, path, NODE_CONFIG_MAX_SIZE, &now, err));
    CL_TRY(
        node_config_strip(now.data != NULL ? (char *)now.data : "", now.len, drop_in, &rest, err));
    return node_txn_put_text(r, txn, path, rest.data != NULL ? (const char *)rest.data : "",
                             rest.len, 0644, err);
}

/* *ret_changed: somebody edited the file since; it is as it was but for his edits. */
static enum cl_status restore_config(struct node_run *r, const json_t *state, json_t *txn,
                                     bool *ret_changed, struct cl_err *err)
{
    json_t *config = json_object_get(state, "config");
    const char *path = NULL;
    struct node_file before;
    struct node_file after;
    struct node_file now;
    CL_TRY(cl_json_get_string(config, "state", "path", &path, err));
    CL_TRY(node_file_take(config, "before", &before, err));
    CL_TRY(node_file_take(config, "after", &after, err));
    CL_TRY(node_stat(&r->tree, path, &now, err));
    *ret_changed = now.there && strcmp(now.sha256, after.sha256) != 0;
    if (!now.there) {
        return CL_OK;
    }
    CL_TRY(*ret_changed ? strip_config(r, txn, path, err)
                        : node_txn_restore(r, txn, path, &before, err));
    return node_state_text(state, "drop_in") != NULL
               ? node_txn_remove(r, txn, node_state_text(state, "drop_in"), err)
               : CL_OK;
}

static enum cl_status first_half(struct node_run *r, json_t *state, json_t *doc, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *txn = NULL;
    bool changed = false;
    CL_TRY(node_txn_new("uninstall", /* undo= */ true, &txn, err));
    CL_TRY(restore_config(r, state, txn, &changed, err));
    CL_TRY(node_report_changes(doc, txn, err));
    if (changed && json_object_set_new(doc, "note",
                                       json_string("containerd's configuration was edited since "
                                                   "the installation: only what we added was "
                                                   "taken out of it")) != 0) {
        return cl_err_nomem(err, "report");
    }
    if (r->o->dry_run) {
        return CL_OK;
    }
    if (json_object_set_new(state, "removing", json_true()) != 0 ||
        json_object_set_new(state, "restart", json_true()) != 0) {
        return cl_err_nomem(err, "state");
    }
    CL_TRY(node_state_put(r, txn, state, err));
    return node_txn_run(r, txn, err);
}

/* --- files
 * ---------------------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path) == 0 ? 0 : -1;
}

/* A folder that did not exist before us, with what our programs put there while they ran. */
static void remove_kept(const struct node_run *r, const char *path)
{
    char full[NODE_PATH_SIZE];
    if (node_path(&r->tree, path, full, NULL) == CL_OK) {
        (void)nftw(full, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    }
}

static enum cl_status drop_files(struct node_run *r, const json_t *state, json_t *txn,
                                 struct cl_err *err)
{
    size_t i = 0;
    json_t *v = NULL;
    json_t *made = json_object_get(state, "made");
    json_array_foreach(json_object_get(state, "settings"), i, v)
    {
        const char *path = NULL;
        CL_TRY(cl_json_get_string(v, "settings", "path", &path, err));
        CL_TRY(node_txn_remove(r, txn, path, err));
    }
    json_array_foreach(json_object_get(state, "versions"), i, v)
    {
        CL_TRY(node_drop_version(r, txn, v, err));
    }
    CL_TRY(node_drop_units(r, txn, state, err));
    CL_TRY(node_txn_remove(r, txn, NODE_STATE_FILE, err));
    for (i = json_array_size(made); i-- > 0;) {
        const char *path = json_string_value(json_array_get(made, i));
        if (path != NULL) {
            CL_TRY(node_txn_rmdir(txn, path, err));
        }
    }
    return CL_OK;
}

static bool made(const json_t *state, const char *path)
{
    size_t i = 0;
    json_t *v = NULL;
    json_array_foreach(json_object_get(state, "made"), i, v)
    {
        if (json_is_string(v) && strcmp(json_string_value(v), path) == 0) {
            return true;
        }
    }
    return false;
}

static enum cl_status second_half(struct node_run *r, const json_t *state, json_t *doc,
                                  struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *txn = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *list = NULL;
    static const char *const kept[] = {NODE_VAR, NODE_CACHE};
    CL_TRY(node_txn_new("uninstall", /* undo= */ false, &txn, err));
    CL_TRY(drop_files(r, state, txn, err));
    list = json_incref(json_object_get(doc, "changes"));
    CL_TRY(node_report_changes(doc, txn, err));
    if (list != NULL && (json_array_extend(list, json_object_get(doc, "changes")) != 0 ||
                         json_object_set(doc, "changes", list) != 0)) {
        return cl_err_nomem(err, "report");
    }
    if (r->o->dry_run) {
        return CL_OK;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(kept); i++) {
        if (made(state, kept[i])) {
            remove_kept(r, kept[i]);
        }
    }
    bool used = node_snapshotter_used(state);
    if (used) {
        node_snapshotter_stop(r);
    }
    CL_TRY(node_txn_run(r, txn, err));
    if (used) {
        node_snapshotter_forget(r);
    }
    return CL_OK;
}

/* The folder of journal and blobs; nothing is installed any more. */
static void remove_state(struct node_run *r)
{
    node_step(r);
    remove_kept(r, NODE_STATE);
}

/* --- the whole
 * ------------------------------------------------------------------------------------------- */

static enum cl_status check_users(const struct node_run *r, const char **ret_hint,
                                  struct cl_err *err)
{
    unsigned users = node_users(r, NULL);
    if (users == 0 || r->o->force) {
        return CL_OK;
    }
    *ret_hint = "drain the node of pods of our classes, or say --force: those pods will fail";
    return cl_err_set(err, CL_ERR_REJECTED,
                      "pods: expected none of ours, got %u processes and bundles of them", users);
}

static enum cl_status remove_all(struct node_run *r, json_t *doc, const char **ret_hint,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *state = NULL;
    CL_TRY(node_state_load(r, &state, err));
    if (state == NULL) {
        return CL_OK;
    }
    CL_TRY(check_users(r, ret_hint, err));
    if (!json_is_true(json_object_get(state, "removing"))) {
        enum cl_status st = first_half(r, state, doc, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "containerd");
        }
    }
    if (!r->o->dry_run) {
        *ret_hint =
            "containerd's configuration is as it was; mend containerd, then uninstall again";
        CL_TRY(node_restart_if_due(r, doc, err));
        *ret_hint = NULL;
        json_decref(state);
        state = NULL;
        CL_TRY(node_state_load(r, &state, err));
    }
    enum cl_status st = second_half(r, state, doc, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "files");
}

enum cl_status node_uninstall(const struct node_options *o, json_t **ret, const char **ret_hint,
                              struct cl_err *err)
{
    CL_CLEANUP(node_close) struct node_run r = {.lock = -1};
    CL_CLEANUP(cl_json_decrefp) json_t *doc = NULL;
    const char *recovered = NULL;
    CL_TRY(node_open(o, &r, &recovered, err));
    doc = json_pack("{s:s, s:s, s:b, s:s, s:[]}", "schema", "cloister.node/1", "command",
                    "uninstall", "dry_run", o->dry_run, "recovered", recovered, "changes");
    if (doc == NULL) {
        return cl_err_nomem(err, "report");
    }
    CL_TRY(remove_all(&r, doc, ret_hint, err));
    if (!o->dry_run) {
        remove_state(&r);
    }
    *ret = CL_TAKE(doc);
    return CL_OK;
}
