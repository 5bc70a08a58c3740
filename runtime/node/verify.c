/* SPDX-License-Identifier: Apache-2.0
 * verify.c - whether a node does what it was set up for: files, settings, what containerd makes of
 * its configuration, and a container of each class, run through containerd. All items are looked
 * at, whatever one of them says. Trust, threads, memory: node.h.
 */
#include "items.h"

#include "shim/config.h"

#include "base/io.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RUN_TIMEOUT_S 300u

static const char *status_word(bool good)
{
    return good ? "pass" : "fail";
}

/* --- files
 * ---------------------------------------------------------------------------------------------- */

static enum cl_status check_files(const struct node_run *r, const json_t *state, json_t *list,
                                  struct cl_err *err)
{
    const char *current = node_state_text(state, "current");
    json_t *files = json_object_get(node_state_version(state, current), "files");
    char actual[NODE_PATH_SIZE + 32] = "they have";
    size_t i = 0;
    json_t *f = NULL;
    bool good = json_array_size(files) > 0;
    json_array_foreach(files, i, f)
    {
        struct node_file now = {0};
        char path[NODE_PATH_SIZE];
        (void)snprintf(path, sizeof(path), NODE_PREFIX "/%s/%s", current,
                       node_state_text(f, "path"));
        if (node_stat(&r->tree, path, &now, NULL) != CL_OK || !now.there ||
            strcmp(now.sha256, node_state_text(f, "sha256")) != 0) {
            good = false;
            (void)snprintf(actual, sizeof(actual), "'%s': %s", path,
                           now.there ? "changed" : "missing");
        }
    }
    return node_item(list, "files", status_word(good), "the digests of the installation", actual,
                     err);
}

static enum cl_status check_settings(const struct node_run *r, unsigned one, json_t *list,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    struct shim_config c = {0};
    struct cl_err why = {0};
    char path[NODE_PATH_SIZE];
    char id[64];
    const char *tee = strchr(node_class_name(one), '-') + 1;
    node_settings_path(one, path);
    enum cl_status st = node_read(&r->tree, path, SHIM_CONFIG_MAX_SIZE, &b, &why);
    if (st == CL_OK) {
        st = shim_config_parse(b.data != NULL ? (char *)b.data : "", b.len, path, &c, &why);
    }
    bool good = st == CL_OK && c.tee != NULL && strcmp(c.tee, tee) == 0;
    (void)snprintf(id, sizeof(id), "settings.%s", node_class_name(one));
    CL_TRY(node_item(list, id, status_word(good), "settings of this class",
                     st != CL_OK     ? why.msg
                     : c.tee == NULL ? "no vm.tee"
                                     : c.tee,
                     err));
    shim_config_done(&c);
    return CL_OK;
}

/* --- containerd
 * ----------------------------------------------------------------------------------------- */

static enum cl_status check_handler(const json_t *flat, const json_t *state, const char *key,
                                    unsigned one, json_t *list, struct cl_err *err)
{
    char table[128];
    char id[64];
    char expected[NODE_PATH_SIZE];
    char actual[NODE_PATH_SIZE] = "none";
    (void)snprintf(table, sizeof(table), "containerd\nruntimes\n%s\n", node_class_name(one));
    (void)snprintf(id, sizeof(id), "containerd.handler.%s", node_class_name(one));
    (void)snprintf(expected, sizeof(expected), NODE_PREFIX "/%s/bin/containerd-shim-cloister-v2",
                   node_state_text(state, "current"));
    (void)node_config_cri(flat, table, key, actual, sizeof(actual));
    return node_item(list, id, status_word(strcmp(expected, actual) == 0), expected, actual, err);
}

static enum cl_status check_containerd(const struct node_run *r, const json_t *state,
                                       const struct node_version *v, json_t *list,
                                       struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf dump = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *flat = NULL;
    struct cl_err why = {0};
    unsigned classes = node_state_classes(state);
    bool due = node_restart_due(r, state);
    CL_TRY(node_item(list, "containerd.restarted", status_word(!due),
                     "containerd was restarted since its configuration was changed",
                     due ? "it was not, as far as we know" : "it was", err));
    if (!node_can_dump(r)) {
        return node_item(list, "containerd.config", "skipped", "containerd's own account",
                         "--root: no containerd", err);
    }
    if (node_dump(r, &dump, &why) != CL_OK ||
        node_config_flatten((char *)dump.data, dump.len, &flat, &why) != CL_OK) {
        return node_item(list, "containerd.config", "fail", "containerd's own account", why.msg,
                         err);
    }
    for (unsigned one = NODE_CLASS_SNP; one <= NODE_CLASS_SIM; one <<= 1) {
        if ((classes & one) != 0) {
            CL_TRY(check_handler(flat, state, node_shim_key(v), one, list, err));
        }
    }
    return node_verify_chosen(flat, state, list, err);
}

/* --- a container
 * ---------------------------------------------------------------------------------------- */

static enum cl_status run_one(const struct node_run *r, const json_t *state, unsigned one,
                              json_t *list, struct cl_err *err)
{
    char id[64];
    char name[64];
    char shim[NODE_PATH_SIZE];
    char settings[NODE_PATH_SIZE];
    struct cl_err why = {0};
    const char *address = node_address(r->o);
    (void)snprintf(id, sizeof(id), "container.%s", node_class_name(one));
    if (r->o->image == NULL || r->tree.root[0] != '\0') {
        return node_item(list, id, "skipped", "a container runs and ends with status 0",
                         r->o->image == NULL ? "no --image to run" : "--root: a tree", err);
    }
    (void)snprintf(name, sizeof(name), "cloister-verify-%ld", (long)getpid());
    (void)snprintf(shim, sizeof(shim), NODE_PREFIX "/%s/bin/containerd-shim-cloister-v2",
                   node_state_text(state, "current"));
    node_settings_path(one, settings);
    const char *const argv[] = {"ctr",    "--address", address, "run",
                                "--rm",   "--runtime", shim,    "--runtime-config-path",
                                settings, r->o->image, name,    NULL};
    enum cl_status st = node_command(argv, RUN_TIMEOUT_S, NULL, &why);
    return node_item(list, id, status_word(st == CL_OK), "a container runs and ends with status 0",
                     st == CL_OK ? "it did" : why.msg, err);
}

static enum cl_status check_runs(const struct node_run *r, const json_t *state, json_t *list,
                                 struct cl_err *err)
{
    const char *address = node_address(r->o);
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    unsigned classes = node_state_classes(state);
    struct cl_err why = {0};
    if (r->tree.root[0] == '\0') {
        bool good = cl_unix_connect(address, &fd, &why) == CL_OK;
        CL_TRY(node_item(list, "containerd.socket", status_word(good), address,
                         good ? "it answers" : why.msg, err));
    }
    for (unsigned one = NODE_CLASS_SNP; one <= NODE_CLASS_SIM; one <<= 1) {
        if ((classes & one) != 0) {
            CL_TRY(run_one(r, state, one, list, err));
        }
    }
    return CL_OK;
}

/* --- the whole
 * ------------------------------------------------------------------------------------------- */

static enum cl_status all_items(const struct node_run *r, const json_t *state, json_t *list,
                                struct cl_err *err)
{
    struct node_version v = {0};
    struct cl_err why = {0};
    unsigned classes = node_state_classes(state);
    if (node_version_get(r, &v, &why) == CL_OK) {
        CL_TRY(node_preflight_items(r, classes, &v, list, err));
    } else {
        bool tree = r->tree.root[0] != '\0' && why.status == CL_ERR_UNAVAILABLE;
        CL_TRY(node_item(list, "containerd.version", tree ? "skipped" : "fail", "1.6 or later",
                         why.msg, err));
    }
    CL_TRY(check_files(r, state, list, err));
    for (unsigned one = NODE_CLASS_SNP; one <= NODE_CLASS_SIM; one <<= 1) {
        if ((classes & one) != 0) {
            CL_TRY(check_settings(r, one, list, err));
        }
    }
    CL_TRY(check_containerd(r, state, &v, list, err));
    CL_TRY(node_verify_snapshotter(r, state, list, err));
    return check_runs(r, state, list, err);
}

static bool any_failed(const json_t *list)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(list, i, item)
    {
        if (strcmp(node_state_text(item, "status"), "fail") == 0) {
            return true;
        }
    }
    return false;
}

enum cl_status node_verify(const struct node_options *o, json_t **ret, const char **ret_hint,
                           struct cl_err *err)
{
    CL_CLEANUP(node_close) struct node_run r = {.lock = -1};
    CL_CLEANUP(cl_json_decrefp) json_t *state = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *doc = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *gone = json_array();
    const char *recovered = NULL;
    CL_TRY(node_open(o, &r, &recovered, err));
    CL_TRY(node_state_load(&r, &state, err));
    if (state == NULL || json_is_true(json_object_get(state, "removing"))) {
        *ret_hint = "'cloister node install' comes first";
        return cl_err_set(err, CL_ERR_REJECTED, "state: expected a node that is set up, got none");
    }
    doc = json_pack("{s:s, s:s, s:s, s:s, s:[]}", "schema", "cloister.node/1", "command", "verify",
                    "recovered", recovered, "version", node_state_text(state, "current"), "items");
    if (doc == NULL || gone == NULL) {
        return cl_err_nomem(err, "report");
    }
    json_t *items = json_object_get(doc, "items");
    CL_TRY(all_items(&r, state, items, err));
    if (!o->dry_run) {
        CL_TRY(node_collect(&r, gone, err));
    }
    if (json_object_set_new(doc, "verdict", json_string(any_failed(items) ? "fail" : "pass")) !=
            0 ||
        json_object_set(doc, "collected", gone) != 0) {
        return cl_err_nomem(err, "report");
    }
    *ret = CL_TAKE(doc);
    return CL_OK;
}
