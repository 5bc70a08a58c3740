/* SPDX-License-Identifier: Apache-2.0
 * install.c - install, upgrade, rollback: a plan each, done as a whole. Trust, threads, memory:
 * node.h.
 */
#include "snapshotter.h"

#include <stdio.h>
#include <string.h>

/* --- doing it
 * ------------------------------------------------------------------------------------------- */

/* What containerd makes of its files, before and after: nothing but our runtimes may differ. */
static enum cl_status apply(struct node_run *r, struct node_plan *p, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf after = {0};
    struct cl_err undo = {0};
    enum cl_status st = CL_OK;
    bool check = node_can_dump(r) && json_is_true(json_object_get(p->state, "restart"));
    if (check) {
        st = node_plan_dump(r, p, err);
    }
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "containerd: configuration as it is");
    }
    CL_TRY(node_txn_run(r, p->txn, err));
    if (!check) {
        return CL_OK;
    }
    st = node_dump(r, &after, err);
    if (st == CL_OK) {
        st = node_config_compare((char *)p->dump.data, p->dump.len, (char *)after.data, after.len,
                                 err);
    }
    if (st == CL_OK) {
        return CL_OK;
    }
    if (node_txn_undo(r, p->txn, &undo) != CL_OK) {
        return cl_err_wrap(err, st, "containerd: not undone (%.60s)", undo.msg);
    }
    return cl_err_wrap(err, st, "containerd: undone, nothing was changed");
}

enum cl_status node_plan_run(struct node_run *r, struct node_plan *p, const char **ret_hint,
                             struct cl_err *err)
{
    json_t *gone = json_array();
    if (gone == NULL || json_object_set_new(p->doc, "collected", gone) != 0 ||
        json_object_set_new(p->doc, "version", json_string(p->version)) != 0 ||
        json_object_set_new(p->doc, "snapshotter", node_snapshotter_case(&p->containerd)) != 0) {
        return cl_err_nomem(err, "report");
    }
    CL_TRY(node_report_changes(p->doc, p->txn, err));
    if (r->o->dry_run) {
        return CL_OK;
    }
    if (json_array_size(json_object_get(p->txn, "changes")) > 0) {
        CL_TRY(node_state_put(r, p->txn, p->state, err));
        CL_TRY(apply(r, p, err));
    }
    *ret_hint = "the files are in place: when containerd runs again, 'cloister node verify'; or "
                "'cloister node uninstall'";
    CL_TRY(node_snapshotter_start(r, p->state, p->doc, err));
    CL_TRY(node_restart_if_due(r, p->doc, err));
    if (node_snapshotter_used(p->old) && !node_snapshotter_used(p->state)) {
        node_snapshotter_stop(r);
        node_snapshotter_forget(r);
    }
    CL_TRY(node_collect(r, gone, err));
    *ret_hint = NULL;
    return CL_OK;
}

static enum cl_status take_doc(struct node_plan *p, const char *recovered, json_t **ret,
                               struct cl_err *err)
{
    if (json_object_set_new(p->doc, "recovered", json_string(recovered)) != 0) {
        return cl_err_nomem(err, "report");
    }
    *ret = CL_TAKE(p->doc);
    return CL_OK;
}

/* --- install and upgrade
 * ------------------------------------------------------------------------------------- */

static enum cl_status to_payload(struct node_run *r, struct node_plan *p, const char **ret_hint,
                                 struct cl_err *err)
{
    CL_CLEANUP(node_payload_done) struct node_payload payload = {0};
    CL_TRY(node_version_get(r, &p->containerd, err));
    CL_TRY(node_preflight(r, p->classes, &p->containerd, p->doc, ret_hint, err));
    enum cl_status st = node_payload_read(r->o, &payload, err);
    if (st == CL_OK) {
        st = node_plan_files(r, p, &payload, err);
    }
    if (st == CL_OK) {
        st = node_plan_settings(r, p, err);
    }
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "files");
    }
    CL_TRY(node_plan_snapshotter(r, p, ret_hint, err));
    CL_TRY(node_plan_config(r, p, ret_hint, err));
    return node_plan_run(r, p, ret_hint, err);
}

static enum cl_status set_up(const struct node_options *o, const char *command, json_t **ret,
                             const char **ret_hint, struct cl_err *err)
{
    CL_CLEANUP(node_close) struct node_run r = {.lock = -1};
    CL_CLEANUP(node_plan_done) struct node_plan p = {0};
    const char *recovered = NULL;
    CL_TRY(node_open(o, &r, &recovered, err));
    CL_TRY(node_plan_begin(&r, command, &p, ret_hint, err));
    if (strcmp(command, "upgrade") == 0 && p.old == NULL) {
        *ret_hint = "'cloister node install' comes first";
        return cl_err_set(err, CL_ERR_REJECTED, "state: expected a node that is set up, got none");
    }
    CL_TRY(to_payload(&r, &p, ret_hint, err));
    return take_doc(&p, recovered, ret, err);
}

enum cl_status node_install(const struct node_options *o, json_t **ret, const char **ret_hint,
                            struct cl_err *err)
{
    return set_up(o, "install", ret, ret_hint, err);
}

enum cl_status node_upgrade(const struct node_options *o, json_t **ret, const char **ret_hint,
                            struct cl_err *err)
{
    return set_up(o, "upgrade", ret, ret_hint, err);
}

/* --- rollback
 * ------------------------------------------------------------------------------------------- */

static enum cl_status swap_versions(struct node_plan *p, struct cl_err *err)
{
    const char *previous = node_state_text(p->old, "previous");
    (void)snprintf(p->version, sizeof(p->version), "%s", previous);
    return json_object_set_new(p->state, "previous",
                               json_string(node_state_text(p->old, "current"))) == 0 &&
                   json_object_set_new(p->state, "current", json_string(previous)) == 0
               ? CL_OK
               : cl_err_nomem(err, "state");
}

enum cl_status node_rollback(const struct node_options *o, json_t **ret, const char **ret_hint,
                             struct cl_err *err)
{
    CL_CLEANUP(node_close) struct node_run r = {.lock = -1};
    CL_CLEANUP(node_plan_done) struct node_plan p = {0};
    const char *recovered = NULL;
    CL_TRY(node_open(o, &r, &recovered, err));
    CL_TRY(node_plan_begin(&r, "rollback", &p, ret_hint, err));
    if (p.old == NULL || node_state_text(p.old, "previous") == NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "state: expected a version before this one, got none");
    }
    CL_TRY(node_version_get(&r, &p.containerd, err));
    CL_TRY(swap_versions(&p, err));
    CL_TRY(node_plan_snapshotter(&r, &p, ret_hint, err));
    CL_TRY(node_plan_config(&r, &p, ret_hint, err));
    CL_TRY(node_plan_run(&r, &p, ret_hint, err));
    return take_doc(&p, recovered, ret, err);
}
