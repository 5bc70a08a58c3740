/* SPDX-License-Identifier: Apache-2.0
 * snapshotter.c - cloister-snapshotter on a node. Trust, threads, memory: snapshotter.h.
 */
#include "snapshotter.h"

#include "units.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "bin/cloister-snapshotter"
#define UNITS "/etc/systemd/system"
#define UNIT_PROGRAM "/usr/bin/cloister-snapshotter" /* as the unit of deploy/systemd has it */

static const char *const modes[] = {[NODE_SNAPSHOTTER_AS_IS] = "default",
                                    [NODE_SNAPSHOTTER_NONE] = "none",
                                    [NODE_SNAPSHOTTER_CLASS] = "class",
                                    [NODE_SNAPSHOTTER_NODE] = "node"};

bool node_snapshotter_used(const json_t *state)
{
    return json_array_size(json_object_get(json_object_get(state, "snapshotter"), "units")) > 0;
}

/* --- for which runtimes
 * ------------------------------------------------------------------------------------- */

static enum node_snapshotter mode_of(const struct node_run *r, const struct node_plan *p)
{
    const char *was = node_state_text(json_object_get(p->old, "snapshotter"), "mode");
    if (r->o->snapshotter != NODE_SNAPSHOTTER_AS_IS) {
        return r->o->snapshotter;
    }
    for (size_t i = 0; was != NULL && i < CL_ARRAY_LEN(modes); i++) {
        if (strcmp(was, modes[i]) == 0) {
            return (enum node_snapshotter)i;
        }
    }
    return NODE_SNAPSHOTTER_AS_IS;
}

static enum cl_status choose(struct node_plan *p, enum node_snapshotter mode, const char **ret_hint,
                             struct cl_err *err)
{
    bool one_for_all = p->containerd.major == 1 && p->containerd.minor == 6;
    p->snapshot_node = mode == NODE_SNAPSHOTTER_NODE;
    p->snapshot_classes = mode == NODE_SNAPSHOTTER_CLASS ? p->classes
                          : mode == NODE_SNAPSHOTTER_AS_IS && !one_for_all
                              ? p->classes & NODE_ENCRYPTED
                              : 0;
    if (one_for_all && mode == NODE_SNAPSHOTTER_CLASS) {
        *ret_hint = "'--snapshotter=node' on a node of its own: no other runtime starts containers "
                    "there any more";
        return cl_err_set(err, CL_ERR_REJECTED,
                          "preflight: --snapshotter: expected 'node' for containerd %s, which has "
                          "one for all runtimes, got 'class'",
                          p->containerd.text);
    }
    if (!one_for_all && mode == NODE_SNAPSHOTTER_NODE) {
        *ret_hint = "'--snapshotter=class': this containerd has one for each runtime";
        return cl_err_set(
            err, CL_ERR_REJECTED,
            "preflight: --snapshotter: expected 'class' for containerd %s, got 'node'",
            p->containerd.text);
    }
    return CL_OK;
}

/* --- units
 * -------------------------------------------------------------------------------------------- */

static bool is_listed(const json_t *units, const char *path)
{
    size_t i = 0;
    json_t *u = NULL;
    json_array_foreach(units, i, u)
    {
        const char *listed = node_state_text(u, "path");
        if (listed != NULL && strcmp(listed, path) == 0) {
            return true;
        }
    }
    return false;
}

static enum cl_status put_unit(struct node_run *r, struct node_plan *p, const char *path,
                               const char *text, size_t len, json_t *units, struct cl_err *err)
{
    const json_t *old = json_object_get(json_object_get(p->old, "snapshotter"), "units");
    char sha256[NODE_HEX_SIZE];
    struct node_file now;
    CL_TRY(node_stat(&r->tree, path, &now, err));
    if (now.there && !is_listed(old, path)) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.120s': expected no file, got one of others",
                          path);
    }
    CL_TRY(node_txn_put_text(r, p->txn, path, text, len, 0644, err));
    CL_TRY(node_sha256(text, len, sha256, err));
    return json_array_append_new(units, json_pack("{s:s, s:s}", "path", path, "sha256", sha256)) ==
                   0
               ? CL_OK
               : cl_err_nomem(err, "state");
}

static enum cl_status put_units(struct node_run *r, struct node_plan *p, json_t *units,
                                struct cl_err *err)
{
    static const char *const folders[] = {"/etc", "/etc/systemd", UNITS, UNITS "/sockets.target.d"};
    static const char at_boot[] = "# Written by cloister node install.\n"
                                  "[Unit]\nWants=cloister-snapshotter.socket\n";
    CL_CLEANUP(cl_buf_done) struct cl_buf service = {0};
    const char *program = strstr(node_unit_service, UNIT_PROGRAM);
    size_t before = program != NULL ? (size_t)(program - node_unit_service) : 0;
    if (program == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "unit: expected " UNIT_PROGRAM ", got none");
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(folders); i++) {
        CL_TRY(node_plan_make(r, p, folders[i], 0755, err));
    }
    CL_TRY(cl_buf_printf(&service, err, "%.*s" NODE_PREFIX "/%s/" PROGRAM "%s", (int)before,
                         node_unit_service, p->version, program + strlen(UNIT_PROGRAM)));
    CL_TRY(put_unit(r, p, UNITS "/cloister-snapshotter.service", (const char *)service.data,
                    service.len, units, err));
    CL_TRY(put_unit(r, p, UNITS "/cloister-snapshotter.socket", node_unit_socket,
                    strlen(node_unit_socket), units, err));
    return put_unit(r, p, UNITS "/sockets.target.d/cloister-snapshotter.conf", at_boot,
                    strlen(at_boot), units, err);
}

enum cl_status node_drop_units(struct node_run *r, json_t *txn, const json_t *state,
                               struct cl_err *err)
{
    size_t i = 0;
    json_t *u = NULL;
    json_array_foreach(json_object_get(json_object_get(state, "snapshotter"), "units"), i, u)
    {
        const char *path = NULL;
        CL_TRY(cl_json_get_string(u, "snapshotter", "path", &path, err));
        CL_TRY(node_txn_remove(r, txn, path, err));
    }
    return CL_OK;
}

/* --- the plan
 * ----------------------------------------------------------------------------------------- */

static enum cl_status put_state(struct node_plan *p, enum node_snapshotter mode, json_t *units,
                                struct cl_err *err)
{
    json_t *names = json_array();
    json_t *all =
        json_pack("{s:s, s:o, s:O}", "mode", modes[mode], "classes", names, "units", units);
    if (all == NULL || json_object_set_new(p->state, "snapshotter", all) != 0) {
        return cl_err_nomem(err, "state");
    }
    for (unsigned one = NODE_CLASS_SNP; one <= NODE_CLASS_SIM; one <<= 1) {
        if ((p->snapshot_classes & one) != 0 &&
            json_array_append_new(names, json_string(node_class_name(one))) != 0) {
            return cl_err_nomem(err, "state");
        }
    }
    return CL_OK;
}

/* containerd cannot remove the snapshots of pods whose snapshotter it does not know any more. */
static enum cl_status check_pods(const struct node_run *r, const struct node_plan *p,
                                 const char **ret_hint, struct cl_err *err)
{
    unsigned users = node_snapshotter_used(p->old) ? node_users(r, NULL) : 0;
    if (users == 0) {
        return CL_OK;
    }
    *ret_hint = "drain the node of pods of our classes first";
    return cl_err_set(err, CL_ERR_REJECTED,
                      "pods: expected none of ours while the snapshotter is taken away, got %u "
                      "processes and bundles of them",
                      users);
}

enum cl_status node_plan_snapshotter(struct node_run *r, struct node_plan *p, const char **ret_hint,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *units = json_array();
    const json_t *files = json_object_get(node_state_version(p->state, p->version), "files");
    enum node_snapshotter mode = mode_of(r, p);
    if (units == NULL) {
        return cl_err_nomem(err, "state");
    }
    CL_TRY(choose(p, mode, ret_hint, err));
    if (p->snapshot_classes == 0 && !p->snapshot_node) {
        CL_TRY(check_pods(r, p, ret_hint, err));
        CL_TRY(node_drop_units(r, p->txn, p->old, err));
        return put_state(p, mode, units, err);
    }
    if (!is_listed(files, PROGRAM)) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "files: version '%.60s': expected '" PROGRAM "' for --snapshotter, got "
                          "none",
                          p->version);
    }
    enum cl_status st = put_units(r, p, units, err);
    return st == CL_OK ? put_state(p, mode, units, err) : cl_err_wrap(err, st, "files");
}

/* --- start and end
 * ------------------------------------------------------------------------------------ */

static bool has_systemd(const struct node_run *r)
{
    return r->tree.root[0] == '\0' && access("/run/systemd/system", F_OK) == 0;
}

enum cl_status node_snapshotter_start(const struct node_run *r, const json_t *state, json_t *doc,
                                      struct cl_err *err)
{
    static const char *const commands[][4] = {
        {"systemctl", "daemon-reload", NULL},
        {"systemctl", "start", "cloister-snapshotter.socket", NULL},
        {"systemctl", "try-restart", "cloister-snapshotter.service", NULL}};
    char how[NODE_PATH_SIZE] = "systemctl start cloister-snapshotter.socket";
    bool done = has_systemd(r);
    if (!node_snapshotter_used(state)) {
        return CL_OK;
    }
    for (size_t i = 0; done && i < CL_ARRAY_LEN(commands); i++) {
        enum cl_status st = node_command(commands[i], NODE_COMMAND_TIMEOUT_S, NULL, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "snapshotter");
        }
    }
    if (r->tree.root[0] != '\0') {
        (void)snprintf(how, sizeof(how),
                       "nothing: its systemd, if it has one, starts the socket "
                       "at boot");
    } else if (!done) {
        (void)snprintf(how, sizeof(how), "run '" NODE_PREFIX "/%s/" PROGRAM "' and keep it running",
                       node_state_text(state, "current"));
    }
    json_t *service =
        json_pack("{s:b, s:b, s:s}", "needed", r->tree.root[0] == '\0', "done", done, "how", how);
    return json_object_set_new(doc, "service", service) == 0 ? CL_OK : cl_err_nomem(err, "report");
}

/* What the end of a set-up need not wait for: units that are not there any more. */
static void try_command(const char *const *argv)
{
    enum cl_status st = node_command(argv, NODE_COMMAND_TIMEOUT_S, NULL, NULL);
    (void)st;
}

void node_snapshotter_stop(const struct node_run *r)
{
    static const char *const ends[] = {"systemctl", "stop", "cloister-snapshotter.socket",
                                       "cloister-snapshotter.service", NULL};
    char path[NODE_PATH_SIZE];
    if (has_systemd(r)) {
        try_command(ends);
    }
    if (node_path(&r->tree, NODE_SNAPSHOTTER_SOCKET, path, NULL) == CL_OK) {
        (void)unlink(path);
        *strrchr(path, '/') = '\0';
        (void)rmdir(path);
    }
}

void node_snapshotter_forget(const struct node_run *r)
{
    static const char *const reload[] = {"systemctl", "daemon-reload", NULL};
    if (has_systemd(r)) {
        try_command(reload);
    }
}
