/* SPDX-License-Identifier: Apache-2.0
 * txn.c - lists of changes: made, done, undone, recovered. Trust, threads, memory: journal.h.
 */
#include "journal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void node_step(struct node_run *r)
{
    if (r->o->step != NULL) {
        r->o->step(r->o->step_ctx, r->step);
    }
    r->step++;
}

/* --- blobs
 * -----------------------------------------------------------------------------------------------
 */

void node_blob_path(const struct node_run *r, const char *sha256, char ret[static NODE_PATH_SIZE])
{
    (void)snprintf(ret, NODE_PATH_SIZE, "%.800s" NODE_BLOBS "/%.64s", r->tree.root, sha256);
}

enum cl_status node_blob_keep(struct node_run *r, const void *data, size_t len,
                              char ret[static NODE_HEX_SIZE], struct cl_err *err)
{
    char path[NODE_PATH_SIZE];
    CL_TRY(node_sha256(data, len, ret, err));
    if (r->o->dry_run) {
        return CL_OK;
    }
    node_blob_path(r, ret, path);
    node_step(r);
    return cl_write_file(path, data, len, 0600, err);
}

/* What lies at a path, of any size. */
static enum cl_status keep_file(struct node_run *r, const char *path, const struct node_file *now,
                                struct cl_err *err)
{
    char full[NODE_PATH_SIZE];
    char blob[NODE_PATH_SIZE];
    struct node_file as = {.there = true, .mode = 0600};
    if (r->o->dry_run) {
        return CL_OK;
    }
    memcpy(as.sha256, now->sha256, sizeof(as.sha256));
    (void)snprintf(blob, sizeof(blob), NODE_BLOBS "/%s", now->sha256);
    CL_TRY(node_path(&r->tree, path, full, err));
    node_step(r);
    return node_put(&r->tree, full, blob, &as, err);
}

/* --- making a list
 * --------------------------------------------------------------------------------------- */

enum cl_status node_txn_new(const char *command, bool undo, json_t **ret, struct cl_err *err)
{
    *ret = json_pack("{s:s, s:s, s:b, s:[]}", "command", command, "direction", "forward", "undo",
                     undo, "changes");
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "journal");
}

static enum cl_status add(json_t *txn, json_t *change, struct cl_err *err)
{
    json_t *changes = json_object_get(txn, "changes");
    if (json_array_size(changes) >= NODE_MAX_OPS) {
        json_decref(change);
        return cl_err_set(err, CL_ERR_REJECTED, "journal: changes: expected at most %u, got more",
                          NODE_MAX_OPS);
    }
    return json_array_append_new(changes, change) == 0 ? CL_OK : cl_err_nomem(err, "journal");
}

/* Whether the list makes this folder already. */
static bool makes(const json_t *txn, const char *path)
{
    size_t i = 0;
    json_t *c = NULL;
    json_array_foreach(json_object_get(txn, "changes"), i, c)
    {
        if (strcmp(json_string_value(json_object_get(c, "op")), "mkdir") == 0 &&
            strcmp(json_string_value(json_object_get(c, "path")), path) == 0) {
            return true;
        }
    }
    return false;
}

enum cl_status node_txn_mkdir(struct node_run *r, json_t *txn, const char *path, mode_t mode,
                              struct cl_err *err)
{
    return node_is_dir(&r->tree, path) || makes(txn, path)
               ? CL_OK
               : add(txn,
                     json_pack("{s:s, s:s, s:i}", "op", "mkdir", "path", path, "mode", (int)mode),
                     err);
}

enum cl_status node_txn_rmdir(json_t *txn, const char *path, struct cl_err *err)
{
    return add(txn, json_pack("{s:s, s:s, s:i}", "op", "rmdir", "path", path, "mode", 0), err);
}

static enum cl_status put(struct node_run *r, json_t *txn, const char *path, const char *from,
                          const struct node_file *after, struct cl_err *err)
{
    struct node_file before;
    CL_TRY(node_stat(&r->tree, path, &before, err));
    if (before.there && strcmp(before.sha256, after->sha256) == 0 && before.mode == after->mode) {
        return CL_OK;
    }
    if (before.there) {
        CL_TRY(keep_file(r, path, &before, err));
    }
    return add(txn,
               json_pack("{s:s, s:s, s:s, s:o, s:o}", "op", "put", "path", path, "from", from,
                         "after", node_file_json(after), "before", node_file_json(&before)),
               err);
}

enum cl_status node_txn_put_file(struct node_run *r, json_t *txn, const char *path,
                                 const char *from, mode_t mode, struct cl_err *err)
{
    static const struct node_tree none = {""};
    struct node_file f;
    CL_TRY(node_stat(&none, from, &f, err));
    if (!f.there) {
        return cl_err_sys(err, ENOENT, "'%s'", from);
    }
    f.mode = mode;
    f.uid = 0;
    f.gid = 0;
    return put(r, txn, path, from, &f, err);
}

enum cl_status node_txn_put_text(struct node_run *r, json_t *txn, const char *path,
                                 const void *data, size_t len, mode_t mode, struct cl_err *err)
{
    struct node_file now;
    struct node_file f = {.there = true, .mode = mode};
    CL_TRY(node_stat(&r->tree, path, &now, err));
    if (now.there) {
        f = now;
    }
    CL_TRY(node_blob_keep(r, data, len, f.sha256, err));
    return put(r, txn, path, "blob", &f, err);
}

enum cl_status node_txn_restore(struct node_run *r, json_t *txn, const char *path,
                                const struct node_file *file, struct cl_err *err)
{
    return file->there ? put(r, txn, path, "blob", file, err) : node_txn_remove(r, txn, path, err);
}

enum cl_status node_txn_remove(struct node_run *r, json_t *txn, const char *path,
                               struct cl_err *err)
{
    struct node_file now;
    CL_TRY(node_stat(&r->tree, path, &now, err));
    if (!now.there) {
        return CL_OK;
    }
    if (json_is_true(json_object_get(txn, "undo"))) {
        CL_TRY(keep_file(r, path, &now, err));
    }
    return add(
        txn,
        json_pack("{s:s, s:s, s:o}", "op", "remove", "path", path, "before", node_file_json(&now)),
        err);
}

/* --- doing one
 * ------------------------------------------------------------------------------------------- */

static bool same(const struct node_file *a, const struct node_file *b)
{
    return a->there == b->there && strcmp(a->sha256, b->sha256) == 0;
}

static enum cl_status conflict(const char *path, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_REJECTED,
                      "'%.100s': expected what the journal says, got a file that somebody changed "
                      "meanwhile",
                      path);
}

static enum cl_status from_blob(struct node_run *r, const char *path, const struct node_file *f,
                                struct cl_err *err)
{
    char blob[NODE_PATH_SIZE];
    node_blob_path(r, f->sha256, blob);
    return node_put(&r->tree, blob, path, f, err);
}

/* `to` and `other` are what a path has after the change and before it; going back, the other way
 * round. from: where `to` comes from. */
static enum cl_status change_file(struct node_run *r, const char *path, const char *from,
                                  const struct node_file *to, const struct node_file *other,
                                  struct cl_err *err)
{
    struct node_file now;
    CL_TRY(node_stat(&r->tree, path, &now, err));
    if (same(&now, to) && (!to->there || now.mode == to->mode)) {
        return CL_OK;
    }
    if (!same(&now, to) && !same(&now, other)) {
        return conflict(path, err);
    }
    if (!to->there) {
        return node_remove(&r->tree, path, err);
    }
    return strcmp(from, "blob") == 0 ? from_blob(r, path, to, err)
                                     : node_put(&r->tree, from, path, to, err);
}

static enum cl_status do_change(struct node_run *r, const json_t *c, bool back, struct cl_err *err)
{
    const char *op = json_string_value(json_object_get(c, "op"));
    const char *path = json_string_value(json_object_get(c, "path"));
    const char *from = json_string_value(json_object_get(c, "from"));
    struct node_file after = {0};
    struct node_file before = {0};
    if (strcmp(op, "mkdir") == 0 || strcmp(op, "rmdir") == 0) {
        mode_t mode = (mode_t)json_integer_value(json_object_get(c, "mode"));
        bool make = (strcmp(op, "mkdir") == 0) != back;
        return make ? node_mkdir(&r->tree, path, mode, err) : node_rmdir(&r->tree, path, err);
    }
    CL_TRY(node_file_take(c, "before", &before, err));
    if (from != NULL) {
        CL_TRY(node_file_take(c, "after", &after, err));
    }
    return back ? change_file(r, path, "blob", &before, &after, err)
                : change_file(r, path, from != NULL ? from : "blob", &after, &before, err);
}

static enum cl_status do_all(struct node_run *r, const json_t *txn, bool back, struct cl_err *err)
{
    json_t *changes = json_object_get(txn, "changes");
    size_t count = json_array_size(changes);
    for (size_t i = 0; i < count; i++) {
        node_step(r);
        CL_TRY(do_change(r, json_array_get(changes, back ? count - 1 - i : i), back, err));
    }
    return CL_OK;
}

/* --- the whole
 * ------------------------------------------------------------------------------------------- */

static enum cl_status write_journal(struct node_run *r, const json_t *txn, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    char full[NODE_PATH_SIZE];
    CL_TRY(node_path(&r->tree, NODE_JOURNAL, full, err));
    CL_TRY(node_journal_encode(txn, &b, err));
    node_step(r);
    return cl_write_file(full, b.data, b.len, 0600, err);
}

static enum cl_status forget_journal(struct node_run *r, struct cl_err *err)
{
    node_step(r);
    return node_remove(&r->tree, NODE_JOURNAL, err);
}

static enum cl_status go_back(struct node_run *r, json_t *txn, struct cl_err *err)
{
    if (json_object_set_new(txn, "direction", json_string("back")) != 0) {
        return cl_err_nomem(err, "journal");
    }
    CL_TRY(write_journal(r, txn, err));
    CL_TRY(do_all(r, txn, /* back= */ true, err));
    return forget_journal(r, err);
}

/* Undoes after an error, which stays the one that is told unless undoing fails too. */
static enum cl_status fail_back(struct node_run *r, json_t *txn, enum cl_status st,
                                struct cl_err *err)
{
    struct cl_err second = {0};
    if (!json_is_true(json_object_get(txn, "undo"))) {
        return cl_err_wrap(err, st,
                           "not finished; the journal stays, and the next command goes on");
    }
    enum cl_status back = go_back(r, txn, &second);
    if (back != CL_OK) {
        return cl_err_wrap(err, st, "not undone (%.60s)", second.msg);
    }
    return st;
}

enum cl_status node_txn_run(struct node_run *r, json_t *txn, struct cl_err *err)
{
    CL_TRY(write_journal(r, txn, err));
    enum cl_status st = do_all(r, txn, /* back= */ false, err);
    return st == CL_OK ? forget_journal(r, err) : fail_back(r, txn, st, err);
}

enum cl_status node_txn_undo(struct node_run *r, json_t *txn, struct cl_err *err)
{
    return go_back(r, txn, err);
}

enum cl_status node_recover(struct node_run *r, const char **ret_what, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *txn = NULL;
    struct cl_err own = {0};
    enum cl_status st = node_read(&r->tree, NODE_JOURNAL, NODE_JOURNAL_MAX, &b, &own);
    if (st == CL_ERR_SYS && own.sys_errno == ENOENT) {
        *ret_what = "none";
        return CL_OK;
    }
    if (st != CL_OK) {
        return cl_err_set(err, st, "%s", own.msg);
    }
    CL_TRY(node_journal_decode(b.data, b.len, &txn, err));
    bool back = strcmp(json_string_value(json_object_get(txn, "direction")), "back") == 0;
    st = back ? CL_ERR_REJECTED : do_all(r, txn, /* back= */ false, &own);
    if (!back && st == CL_OK) {
        *ret_what = "finished";
        return forget_journal(r, err);
    }
    if (!json_is_true(json_object_get(txn, "undo"))) {
        return cl_err_set(err, st, "%s", own.msg);
    }
    *ret_what = "undone";
    return go_back(r, txn, err);
}
