/* SPDX-License-Identifier: Apache-2.0
 * plan.c - the changes that make a node run a version: files, settings, containerd's configuration.
 * Trust, threads, memory: plan.h.
 */
#include "plan.h"

#include "shim/config.h"

#include <stdio.h>
#include <string.h>

void node_plan_done(struct node_plan *p)
{
    json_decref(p->old);
    json_decref(p->state);
    json_decref(p->txn);
    json_decref(p->doc);
    cl_buf_done(&p->dump);
    *p = (struct node_plan){0};
}

static enum cl_status new_state(struct node_plan *p, struct cl_err *err)
{
    p->state = p->old != NULL
                   ? json_deep_copy(p->old)
                   : json_pack("{s:s, s:s, s:n, s:[], s:[], s:{}, s:n, s:[], s:[], s:b, "
                               "s:b, s:n}",
                               "schema", "cloister.node-state/1", "current", "", "previous",
                               "versions", "classes", "config", "drop_in", "settings", "made",
                               "restart", 0, "removing", 0, "snapshotter");
    return p->state != NULL ? CL_OK : cl_err_nomem(err, "state");
}

enum cl_status node_plan_begin(struct node_run *r, const char *command, struct node_plan *ret,
                               const char **ret_hint, struct cl_err *err)
{
    ret->command = command;
    CL_TRY(node_state_load(r, &ret->old, err));
    if (json_is_true(json_object_get(ret->old, "removing"))) {
        *ret_hint = "finish it: 'cloister node uninstall'";
        return cl_err_set(err, CL_ERR_REJECTED,
                          "state: expected a node that is set up or not, got an uninstallation "
                          "that was cut off");
    }
    ret->classes = r->o->classes | (ret->old != NULL ? node_state_classes(ret->old) : 0);
    if (ret->classes == 0) {
        *ret_hint = "say which: '--class sim' protects nothing and is for trying";
        return cl_err_set(err, CL_ERR_REJECTED, "preflight: --class: expected one, got none");
    }
    CL_TRY(new_state(ret, err));
    CL_TRY(node_txn_new(command, /* undo= */ true, &ret->txn, err));
    ret->doc = json_pack("{s:s, s:s, s:b}", "schema", "cloister.node/1", "command", command,
                         "dry_run", r->o->dry_run);
    return ret->doc != NULL ? CL_OK : cl_err_nomem(err, "report");
}

enum cl_status node_plan_make(struct node_run *r, struct node_plan *p, const char *path,
                              mode_t mode, struct cl_err *err)
{
    size_t before = json_array_size(json_object_get(p->txn, "changes"));
    CL_TRY(node_txn_mkdir(r, p->txn, path, mode, err));
    if (json_array_size(json_object_get(p->txn, "changes")) == before) {
        return CL_OK;
    }
    return json_array_append_new(json_object_get(p->state, "made"), json_string(path)) == 0
               ? CL_OK
               : cl_err_nomem(err, "state");
}

/* --- files
 * ---------------------------------------------------------------------------------------------- */

static enum cl_status put_payload(struct node_run *r, struct node_plan *p,
                                  const struct node_payload *payload, struct cl_err *err)
{
    size_t i = 0;
    json_t *f = NULL;
    json_array_foreach(payload->files, i, f)
    {
        char from[2 * NODE_PATH_SIZE];
        char to[NODE_PATH_SIZE];
        const char *name = node_state_text(f, "path");
        (void)snprintf(from, sizeof(from), "%s/%s", payload->dir, name);
        (void)snprintf(to, sizeof(to), NODE_PREFIX "/%s/%s", payload->version, name);
        CL_TRY(node_txn_put_file(r, p->txn, to, from,
                                 (mode_t)json_integer_value(json_object_get(f, "mode")), err));
    }
    return CL_OK;
}

static enum cl_status name_version(struct node_plan *p, const struct node_payload *payload,
                                   struct cl_err *err)
{
    const char *current = node_state_text(p->state, "current");
    json_t *versions = json_object_get(p->state, "versions");
    (void)snprintf(p->version, sizeof(p->version), "%s", payload->version);
    if (node_state_version(p->state, payload->version) == NULL) {
        if (json_array_size(versions) >= NODE_MAX_VERSIONS) {
            return cl_err_set(
                err, CL_ERR_REJECTED,
                "files: versions side by side: expected at most %u, got more: pods of "
                "all of them run",
                NODE_MAX_VERSIONS);
        }
        json_t *v = json_pack("{s:s, s:O}", "version", payload->version, "files", payload->files);
        if (v == NULL || json_array_append_new(versions, v) != 0) {
            return cl_err_nomem(err, "state");
        }
    }
    if (strcmp(current, payload->version) != 0) {
        json_t *previous = current[0] != '\0' ? json_string(current) : json_null();
        if (json_object_set_new(p->state, "previous", previous) != 0 ||
            json_object_set_new(p->state, "current", json_string(payload->version)) != 0) {
            return cl_err_nomem(err, "state");
        }
    }
    return CL_OK;
}

enum cl_status node_plan_files(struct node_run *r, struct node_plan *p,
                               const struct node_payload *payload, struct cl_err *err)
{
    static const char *const folders[] = {"", "/bin", "/guest"};
    char path[NODE_PATH_SIZE];
    CL_TRY(node_plan_make(r, p, "/usr", 0755, err));
    CL_TRY(node_plan_make(r, p, "/usr/lib", 0755, err));
    CL_TRY(node_plan_make(r, p, NODE_PREFIX, 0755, err));
    CL_TRY(node_plan_make(r, p, NODE_VAR, 0700, err));
    CL_TRY(node_plan_make(r, p, NODE_SIGNATURES, 0700, err));
    CL_TRY(node_plan_make(r, p, "/var/cache", 0755, err));
    CL_TRY(node_plan_make(r, p, NODE_CACHE, 0700, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(folders); i++) {
        (void)snprintf(path, sizeof(path), NODE_PREFIX "/%s%s", payload->version, folders[i]);
        CL_TRY(node_txn_mkdir(r, p->txn, path, 0755, err));
    }
    CL_TRY(put_payload(r, p, payload, err));
    return name_version(p, payload, err);
}

/* --- settings
 * ------------------------------------------------------------------------------------------- */

/* The operator's own file stays; it must only be one that the shim takes, for this class. */
static enum cl_status check_settings(const struct node_run *r, const char *path, const char *tee,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    struct shim_config c;
    CL_TRY(node_read(&r->tree, path, SHIM_CONFIG_MAX_SIZE, &b, err));
    CL_TRY(shim_config_parse(b.data != NULL ? (const char *)b.data : "", b.len, path, &c, err));
    bool good = c.tee != NULL && strcmp(c.tee, tee) == 0;
    enum cl_status st =
        good ? CL_OK
             : cl_err_set(err, CL_ERR_REJECTED, "'%.100s': vm.tee: expected %s, got %s", path, tee,
                          c.tee != NULL ? c.tee : "none");
    shim_config_done(&c);
    return st;
}

static enum cl_status settings_of(struct node_run *r, struct node_plan *p, unsigned one,
                                  struct cl_err *err)
{
    char path[NODE_PATH_SIZE];
    char text[512];
    char sha256[NODE_HEX_SIZE];
    struct node_file now;
    const char *tee = strchr(node_class_name(one), '-') + 1;
    node_settings_path(one, path);
    CL_TRY(node_stat(&r->tree, path, &now, err));
    if (now.there) {
        return check_settings(r, path, tee, err);
    }
    (void)snprintf(text, sizeof(text),
                   "# Pods of the class %s: cloister.toml(5).\n[vm]\ntee = \"%s\"\n"
                   "[image]\nsignatures = \"" NODE_SIGNATURES "\"\n",
                   node_class_name(one), tee);
    CL_TRY(node_sha256(text, strlen(text), sha256, err));
    CL_TRY(node_txn_put_text(r, p->txn, path, text, strlen(text), 0644, err));
    return json_array_append_new(json_object_get(p->state, "settings"),
                                 json_pack("{s:s, s:s}", "path", path, "sha256", sha256)) == 0
               ? CL_OK
               : cl_err_nomem(err, "state");
}

enum cl_status node_plan_settings(struct node_run *r, struct node_plan *p, struct cl_err *err)
{
    json_t *names = json_array();
    if (names == NULL || json_object_set_new(p->state, "classes", names) != 0) {
        return cl_err_nomem(err, "state");
    }
    CL_TRY(node_plan_make(r, p, NODE_ETC, 0755, err));
    for (unsigned one = NODE_CLASS_SNP; one <= NODE_CLASS_SIM; one <<= 1) {
        if ((p->classes & one) == 0) {
            continue;
        }
        CL_TRY(settings_of(r, p, one, err));
        if (json_array_append_new(names, json_string(node_class_name(one))) != 0) {
            return cl_err_nomem(err, "state");
        }
    }
    return CL_OK;
}

/* --- containerd's configuration
 * ----------------------------------------------------------------------------- */

struct edit {              /* of one run of node_plan_config() */
    struct cl_buf base;    /* the file as it would be without us */
    struct node_file was;  /* the same; not there: there was none */
    struct cl_buf text;    /* the file to be */
    struct cl_buf drop_in; /* the drop-in to be; empty: none */
    char drop_in_path[NODE_PATH_SIZE];
    int version; /* of the configuration */
};

static void edit_done(struct edit *e)
{
    cl_buf_done(&e->base);
    cl_buf_done(&e->text);
    cl_buf_done(&e->drop_in);
}

/* Our last edit is still what lies there: then what was before it is known to the byte. Else the
 * operator went on editing, and what we added is taken out of his text. */
static enum cl_status find_base(struct node_run *r, struct node_plan *p, struct edit *e,
                                struct cl_err *err)
{
    const char *path = node_containerd_config(r->o);
    CL_CLEANUP(cl_buf_done) struct cl_buf now = {0};
    struct node_file lies;
    struct node_file ours = {0};
    json_t *config = json_object_get(p->old, "config");
    CL_TRY(node_stat(&r->tree, path, &lies, err));
    if (config != NULL) {
        CL_TRY(node_file_take(config, "after", &ours, err));
        CL_TRY(node_file_take(config, "before", &e->was, err));
    }
    if (lies.there && ours.there && strcmp(lies.sha256, ours.sha256) == 0) {
        char blob[NODE_PATH_SIZE];
        node_blob_path(r, e->was.sha256, blob);
        return e->was.there ? cl_buf_read_file(&e->base, blob, NODE_CONFIG_MAX_SIZE, err) : CL_OK;
    }
    e->was = lies;
    if (!lies.there) {
        return CL_OK;
    }
    CL_TRY(node_read(&r->tree, path, NODE_CONFIG_MAX_SIZE, &now, err));
    CL_TRY(node_config_strip(now.data != NULL ? (const char *)now.data : "", now.len,
                             e->drop_in_path, &e->base, err));
    return node_sha256(e->base.data, e->base.len, e->was.sha256, err);
}

static enum cl_status check_base(struct node_plan *p, struct edit *e, const struct node_config *c,
                                 const char **ret_hint, struct cl_err *err)
{
    bool merges = node_version_merges(&p->containerd);
    int most = merges ? 4 : 2;
    if (!c->has_table && c->version == 0) {
        e->version = merges ? 3 : 2; /* a file without anything */
    } else {
        e->version = c->version != 0 ? c->version : 1;
    }
    if (e->version < 2 || e->version > most) {
        *ret_hint = "see containerd-config.toml(5); 'containerd config migrate' of 1.7 and later "
                    "writes the new form";
        return cl_err_set(err, CL_ERR_REJECTED, "version: expected 2%s for containerd %s, got %d",
                          merges ? " to 4" : "", p->containerd.text, e->version);
    }
    if (c->handler[0] != '\0') {
        *ret_hint = "remove this table, or leave the node as it is: it was set up by hand";
        return cl_err_set(err, CL_ERR_REJECTED,
                          "runtimes: expected no table '%.40s' but ours, got one", c->handler);
    }
    if (merges && e->version < 3 && p->snapshot_classes != 0) {
        *ret_hint = "'containerd config migrate' writes version 3";
        return cl_err_set(err, CL_ERR_REJECTED,
                          "version: expected 3 or later for --snapshotter with containerd %s, "
                          "got %d",
                          p->containerd.text, e->version);
    }
    if (c->has_proxy && (p->snapshot_classes != 0 || p->snapshot_node)) {
        *ret_hint = "remove this table, or say '--snapshotter=none': it was set up by hand";
        return cl_err_set(err, CL_ERR_REJECTED,
                          "proxy_plugins: expected no table 'cloister' but ours, got one");
    }
    return CL_OK;
}

enum cl_status node_plan_dump(struct node_run *r, struct node_plan *p, struct cl_err *err)
{
    return p->dump.len > 0 ? CL_OK : node_dump(r, &p->dump, err);
}

/* containerd 1.x forgets its default runtimes when a file names one of its own. */
static enum cl_status keep_defaults(struct node_run *r, struct node_plan *p,
                                    const struct node_config *c, struct cl_buf *tables,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *flat = NULL;
    if (c->has_runtimes) {
        return CL_OK;
    }
    if (!node_can_dump(r)) {
        return cl_buf_append_str(tables,
                                 "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes."
                                 "runc]\n  runtime_type = \"io.containerd.runc.v2\"\n",
                                 err);
    }
    CL_TRY(node_plan_dump(r, p, err));
    CL_TRY(node_config_flatten((char *)p->dump.data, p->dump.len, &flat, err));
    return node_config_runtimes(flat, tables, err);
}

/* The operator's own table of 1.6 is not edited: what it must say is his to write. */
static enum cl_status check_global(const struct node_plan *p, const struct edit *e,
                                   const struct node_config *c, const char **ret_hint,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *flat = NULL;
    char now[64] = "none";
    if (!p->snapshot_node || !c->has_containerd) {
        return CL_OK;
    }
    CL_TRY(node_config_flatten((const char *)e->base.data, e->base.len, &flat, err));
    (void)node_config_cri(flat, "containerd\n", "snapshotter", now, sizeof(now));
    if (strcmp(now, "cloister") == 0) {
        return CL_OK;
    }
    *ret_hint = "write snapshotter = \"cloister\" into [plugins.\"io.containerd.grpc.v1.cri\""
                ".containerd] of it, and install again";
    return cl_err_set(err, CL_ERR_REJECTED, "snapshotter: expected \"cloister\", got %.60s", now);
}

static enum cl_status write_text(struct node_run *r, struct node_plan *p, struct edit *e,
                                 const struct node_config *c, const char **ret_hint,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf start = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf tables = {0};
    char dir[NODE_PATH_SIZE];
    (void)snprintf(dir, sizeof(dir), "%s", node_containerd_config(r->o));
    *strrchr(dir, '/') = '\0';
    if (c->version == 0) {
        CL_TRY(cl_buf_printf(&start, err, "version = %d\n", e->version));
    }
    CL_TRY(cl_buf_append(&start, e->base.data, e->base.len, err));
    CL_TRY(check_global(p, e, c, ret_hint, err));
    CL_TRY(node_tables(p, e->version, c, &tables, err));
    if (!node_version_merges(&p->containerd)) {
        CL_TRY(keep_defaults(r, p, c, &tables, err));
        return node_config_add_block((char *)start.data, start.len, (char *)tables.data, &e->text,
                                     err);
    }
    CL_TRY(cl_buf_printf(&e->drop_in, err,
                         "# Written by cloister node install; cloister node uninstall removes it.\n"
                         "version = %d\n%s",
                         e->version, (char *)tables.data));
    return node_config_imports((char *)start.data, c, dir, e->drop_in_path)
               ? cl_buf_append(&e->text, start.data, start.len, err)
               : node_config_add_import((char *)start.data, start.len, e->drop_in_path, &e->text,
                                        err);
}

static enum cl_status put_drop_in(struct node_run *r, struct node_plan *p, struct edit *e,
                                  struct cl_err *err)
{
    char dir[NODE_PATH_SIZE];
    struct node_file now;
    json_t *old = json_object_get(p->old, "drop_in");
    CL_TRY(node_stat(&r->tree, e->drop_in_path, &now, err));
    if (e->drop_in.len == 0) {
        if (json_object_set_new(p->state, "drop_in", json_null()) != 0) {
            return cl_err_nomem(err, "state");
        }
        return json_is_string(old) ? node_txn_remove(r, p->txn, e->drop_in_path, err) : CL_OK;
    }
    if (now.there && !json_is_string(old)) {
        return cl_err_set(err, CL_ERR_REJECTED, "'%.120s': expected no file, got one of others",
                          e->drop_in_path);
    }
    (void)snprintf(dir, sizeof(dir), "%s", e->drop_in_path);
    *strrchr(dir, '/') = '\0';
    CL_TRY(node_plan_make(r, p, dir, 0755, err));
    CL_TRY(
        node_txn_put_text(r, p->txn, e->drop_in_path, e->drop_in.data, e->drop_in.len, 0644, err));
    return json_object_set_new(p->state, "drop_in", json_string(e->drop_in_path)) == 0
               ? CL_OK
               : cl_err_nomem(err, "state");
}

static enum cl_status put_config(struct node_run *r, struct node_plan *p, struct edit *e,
                                 struct cl_err *err)
{
    const char *path = node_containerd_config(r->o);
    char dir[NODE_PATH_SIZE];
    char kept[NODE_HEX_SIZE];
    struct node_file after =
        e->was.there ? e->was : (struct node_file){.there = true, .mode = 0644};
    size_t before = json_array_size(json_object_get(p->txn, "changes"));
    (void)snprintf(dir, sizeof(dir), "%s", path);
    *strrchr(dir, '/') = '\0';
    CL_TRY(node_plan_make(r, p, dir, 0755, err));
    if (e->was.there) {
        CL_TRY(node_blob_keep(r, e->base.data, e->base.len, kept, err));
    }
    CL_TRY(put_drop_in(r, p, e, err));
    CL_TRY(node_txn_put_text(r, p->txn, path, e->text.data, e->text.len, 0644, err));
    CL_TRY(node_sha256(e->text.data, e->text.len, after.sha256, err));
    json_t *config = json_pack("{s:s, s:o, s:o}", "path", path, "before", node_file_json(&e->was),
                               "after", node_file_json(&after));
    if (config == NULL || json_object_set_new(p->state, "config", config) != 0) {
        return cl_err_nomem(err, "state");
    }
    bool changed = json_array_size(json_object_get(p->txn, "changes")) > before;
    if (changed && json_object_set_new(p->state, "restart", json_true()) != 0) {
        return cl_err_nomem(err, "state");
    }
    return CL_OK;
}

static enum cl_status same_path(struct node_run *r, struct node_plan *p, struct cl_err *err)
{
    const char *was = node_state_text(json_object_get(p->old, "config"), "path");
    const char *is = node_containerd_config(r->o);
    char full[NODE_PATH_SIZE];
    CL_TRY(node_path(&r->tree, is, full, err));
    return was == NULL || strcmp(was, is) == 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED,
                            "--containerd-config: expected '%.80s' as installed, got '%.80s'", was,
                            is);
}

enum cl_status node_plan_config(struct node_run *r, struct node_plan *p, const char **ret_hint,
                                struct cl_err *err)
{
    CL_CLEANUP(edit_done) struct edit e = {0};
    struct node_config c;
    const char *path = node_containerd_config(r->o);
    CL_TRY(same_path(r, p, err));
    node_drop_in_path(r->o, e.drop_in_path);
    enum cl_status st = find_base(r, p, &e, err);
    if (st == CL_OK) {
        st = node_config_scan(e.base.data != NULL ? (char *)e.base.data : "", e.base.len, &c, err);
    }
    if (st == CL_OK) {
        st = check_base(p, &e, &c, ret_hint, err);
    }
    if (st == CL_OK) {
        st = write_text(r, p, &e, &c, ret_hint, err);
    }
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "containerd: '%.100s'", path);
    }
    return put_config(r, p, &e, err);
}
