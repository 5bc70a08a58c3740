/* SPDX-License-Identifier: Apache-2.0
 * state.c - what is installed. Trust, threads, memory: state.h.
 */
#include "state.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA "cloister.node-state/1"

static const struct {
    unsigned bit;
    const char *name;
} classes[] = {{NODE_CLASS_SNP, "cloister-snp"},
               {NODE_CLASS_TDX, "cloister-tdx"},
               {NODE_CLASS_SIM, "cloister-sim"}};

const char *node_class_name(unsigned one)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(classes); i++) {
        if (classes[i].bit == one) {
            return classes[i].name;
        }
    }
    return NULL;
}

/* --- lock
 * ---------------------------------------------------------------------------------------------- */

static enum cl_status take_root(const char *root, char ret[static NODE_PATH_SIZE],
                                struct cl_err *err)
{
    char *real = root != NULL ? realpath(root, NULL) : NULL;
    if (root != NULL && real == NULL) {
        return cl_err_sys(err, errno, "--root '%s'", root);
    }
    size_t n = real != NULL ? strlen(real) : 0;
    n = n == 1 ? 0 : n; /* "/" */
    bool fits = n < NODE_PATH_SIZE / 2;
    if (fits) {
        (void)snprintf(ret, NODE_PATH_SIZE, "%.*s", (int)n, real != NULL ? real : "");
    }
    free(real);
    return fits ? CL_OK
                : cl_err_set(err, CL_ERR_MALFORMED, "--root: expected a path of at most %u bytes",
                             NODE_PATH_SIZE / 2);
}

static enum cl_status lock(struct node_run *r, struct cl_err *err)
{
    char full[NODE_PATH_SIZE];
    CL_TRY(node_path(&r->tree, NODE_STATE, full, err));
    r->lock = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (r->lock < 0) {
        return cl_err_sys(err, errno, "open '%s'", full);
    }
    if (flock(r->lock, LOCK_EX | LOCK_NB) != 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "'%.120s': expected to be alone, got another command at work", full);
    }
    return CL_OK;
}

static enum cl_status make_folders(struct node_run *r, struct cl_err *err)
{
    static const char *const above[] = {"/var", "/var/lib"};
    for (size_t i = 0; i < CL_ARRAY_LEN(above) && r->tree.root[0] != '\0'; i++) {
        if (!node_is_dir(&r->tree, above[i])) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "--root: expected the tree of a system, got none ('%s' is missing)",
                              above[i]);
        }
    }
    node_step(r);
    CL_TRY(node_mkdir(&r->tree, NODE_STATE, 0700, err));
    CL_TRY(lock(r, err));
    node_step(r);
    return node_mkdir(&r->tree, NODE_BLOBS, 0700, err);
}

enum cl_status node_open(const struct node_options *o, struct node_run *ret,
                         const char **ret_recovered, struct cl_err *err)
{
    struct node_file journal;
    *ret = (struct node_run){.o = o, .lock = -1};
    *ret_recovered = "none";
    CL_TRY(take_root(o->root, ret->tree.root, err));
    if (o->dry_run) {
        CL_TRY(node_stat(&ret->tree, NODE_JOURNAL, &journal, err));
        return journal.there
                   ? cl_err_set(err, CL_ERR_REJECTED,
                                "journal: expected none, got one of a command that was cut off")
                   : CL_OK;
    }
    CL_TRY(make_folders(ret, err));
    enum cl_status st = node_recover(ret, ret_recovered, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "recovery");
}

void node_close(struct node_run *r)
{
    cl_close_fdp(&r->lock);
}

/* --- the document
 * -------------------------------------------------------------------------------------- */

enum cl_status node_state_load(const struct node_run *r, json_t **ret, struct cl_err *err)
{
    static const char *const keys[] = {"schema",   "current",     "previous", "versions", "classes",
                                       "config",   "drop_in",     "settings", "made",     "restart",
                                       "removing", "snapshotter", NULL};
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    struct cl_err own = {0};
    const char *schema = NULL;
    json_t *list = NULL;
    *ret = NULL;
    enum cl_status st = node_read(&r->tree, NODE_STATE_FILE, NODE_JOURNAL_MAX, &b, &own);
    if (st != CL_OK) {
        return st == CL_ERR_SYS && own.sys_errno == ENOENT ? CL_OK
                                                           : cl_err_set(err, st, "%s", own.msg);
    }
    CL_TRY(cl_json_parse(b.data, b.len, NODE_STATE_FILE, &j, err));
    CL_TRY(cl_json_get_string(j, "state", "schema", &schema, err));
    if (strcmp(schema, SCHEMA) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "state: schema: expected " SCHEMA ", got '%.60s'", schema);
    }
    CL_TRY(cl_json_only_keys(j, "state", keys, err));
    CL_TRY(cl_json_get_array(j, "state", "versions", &list, err));
    CL_TRY(cl_json_get_array(j, "state", "classes", &list, err));
    CL_TRY(cl_json_get_array(j, "state", "settings", &list, err));
    CL_TRY(cl_json_get_array(j, "state", "made", &list, err));
    CL_TRY(cl_json_get_object(j, "state", "config", &list, err));
    CL_TRY(cl_json_get_string(j, "state", "current", &schema, err));
    *ret = CL_TAKE(j);
    return CL_OK;
}

enum cl_status node_state_put(struct node_run *r, json_t *txn, const json_t *state,
                              struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_TRY(cl_json_compact(state, &b, err));
    return node_txn_put_text(r, txn, NODE_STATE_FILE, b.data, b.len, 0600, err);
}

const char *node_state_text(const json_t *state, const char *key)
{
    return json_string_value(json_object_get(state, key));
}

json_t *node_state_version(const json_t *state, const char *version)
{
    size_t i = 0;
    json_t *v = NULL;
    json_array_foreach(json_object_get(state, "versions"), i, v)
    {
        const char *name = node_state_text(v, "version");
        if (name != NULL && version != NULL && strcmp(name, version) == 0) {
            return v;
        }
    }
    return NULL;
}

unsigned node_state_classes(const json_t *state)
{
    unsigned ret = 0;
    size_t i = 0;
    json_t *v = NULL;
    json_array_foreach(json_object_get(state, "classes"), i, v)
    {
        for (size_t k = 0; k < CL_ARRAY_LEN(classes); k++) {
            if (json_is_string(v) && strcmp(json_string_value(v), classes[k].name) == 0) {
                ret |= classes[k].bit;
            }
        }
    }
    return ret;
}

/* --- ends of a command
 * --------------------------------------------------------------------------------- */

enum cl_status node_report_changes(json_t *doc, const json_t *txn, struct cl_err *err)
{
    json_t *list = json_array();
    size_t i = 0;
    json_t *c = NULL;
    if (list == NULL || json_object_set_new(doc, "changes", list) != 0) {
        return cl_err_nomem(err, "report");
    }
    json_array_foreach(json_object_get(txn, "changes"), i, c)
    {
        const char *op = node_state_text(c, "op");
        bool was = json_is_object(json_object_get(c, "before"));
        const char *word = strcmp(op, "put") != 0 ? op : was ? "replace" : "create";
        if (json_array_append_new(list, json_pack("{s:s, s:s}", "change", word, "path",
                                                  node_state_text(c, "path"))) != 0) {
            return cl_err_nomem(err, "report");
        }
    }
    return CL_OK;
}

static enum cl_status forget_restart(struct node_run *r, json_t *state, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *txn = NULL;
    if (json_object_set_new(state, "restart", json_false()) != 0) {
        return cl_err_nomem(err, "state");
    }
    CL_TRY(node_txn_new("restart", /* undo= */ true, &txn, err));
    CL_TRY(node_state_put(r, txn, state, err));
    return node_txn_run(r, txn, err);
}

bool node_restart_due(const struct node_run *r, const json_t *state)
{
    const char *drop_in = node_state_text(state, "drop_in");
    return json_is_true(json_object_get(state, "restart")) &&
           (!node_started_after(r, node_containerd_config(r->o)) ||
            (drop_in != NULL && !node_started_after(r, drop_in)));
}

enum cl_status node_restart_if_due(struct node_run *r, json_t *doc, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *state = NULL;
    bool done = false;
    const char *how = "nothing: containerd's configuration is as it was";
    CL_TRY(node_state_load(r, &state, err));
    bool due = json_is_true(json_object_get(state, "restart"));
    if (due && !node_restart_due(r, state)) {
        how = "nothing: it was started since its configuration was changed";
        CL_TRY(forget_restart(r, state, err));
        due = false;
    }
    if (due) {
        enum cl_status st = node_restart(r, &done, &how, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "restart");
        }
        bool tree = r->tree.root[0] != '\0';
        if (done || tree) {
            CL_TRY(forget_restart(r, state, err));
        }
        due = !tree;
    }
    return json_object_set_new(
               doc, "restart",
               json_pack("{s:b, s:b, s:s}", "needed", due, "done", done, "how", how)) == 0
               ? CL_OK
               : cl_err_nomem(err, "report");
}
