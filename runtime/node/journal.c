/* SPDX-License-Identifier: Apache-2.0
 * journal.c - the form of a journal: encoding and strict decoding. Trust, threads, memory:
 * journal.h.
 */
#include "journal.h"

#include <stdio.h>
#include <string.h>

#define HEAD "cloister-node-journal/1 "
#define HEAD_SIZE (sizeof(HEAD) - 1)

enum cl_status node_journal_encode(const json_t *txn, struct cl_buf *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    char sha256[NODE_HEX_SIZE];
    CL_TRY(cl_json_compact(txn, &body, err));
    CL_TRY(node_sha256(body.data, body.len, sha256, err));
    CL_TRY(cl_buf_printf(ret, err, HEAD "%s\n", sha256));
    return cl_buf_append(ret, body.data, body.len, err);
}

json_t *node_file_json(const struct node_file *f)
{
    return f->there ? json_pack("{s:s, s:i, s:i, s:i}", "sha256", f->sha256, "mode", (int)f->mode,
                                "uid", (int)f->uid, "gid", (int)f->gid)
                    : json_null();
}

static bool is_hex(const char *s)
{
    return strlen(s) == NODE_HEX_SIZE - 1 && strspn(s, "0123456789abcdef") == NODE_HEX_SIZE - 1;
}

enum cl_status node_file_take(const json_t *obj, const char *key, struct node_file *ret,
                              struct cl_err *err)
{
    static const char *const keys[] = {"sha256", "mode", "uid", "gid", NULL};
    json_t *f = NULL;
    const char *sha256 = NULL;
    int64_t mode = 0;
    int64_t uid = 0;
    int64_t gid = 0;
    if (json_is_null(json_object_get(obj, key))) {
        *ret = (struct node_file){0};
        return CL_OK;
    }
    CL_TRY(cl_json_get_object(obj, "file", key, &f, err));
    CL_TRY(cl_json_only_keys(f, key, keys, err));
    CL_TRY(cl_json_get_string(f, key, "sha256", &sha256, err));
    CL_TRY(cl_json_get_int(f, key, "mode", 0, 07777, &mode, err));
    CL_TRY(cl_json_get_int(f, key, "uid", 0, INT32_MAX, &uid, err));
    CL_TRY(cl_json_get_int(f, key, "gid", 0, INT32_MAX, &gid, err));
    if (!is_hex(sha256)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: sha256: expected 64 hex digits, got '%.80s'",
                          key, sha256);
    }
    *ret = (struct node_file){
        .there = true, .mode = (mode_t)mode, .uid = (uid_t)uid, .gid = (gid_t)gid};
    memcpy(ret->sha256, sha256, NODE_HEX_SIZE);
    return CL_OK;
}

/* --- decoding
 * -------------------------------------------------------------------------------------------- */

static enum cl_status check_put(const json_t *c, const char *path, struct cl_err *err)
{
    static const char *const keys[] = {"op", "path", "from", "after", "before", NULL};
    static const struct node_tree none = {""};
    const char *from = NULL;
    struct node_file after;
    struct node_file before;
    char full[NODE_PATH_SIZE];
    CL_TRY(cl_json_only_keys(c, path, keys, err));
    CL_TRY(cl_json_get_string(c, path, "from", &from, err));
    CL_TRY(node_file_take(c, "after", &after, err));
    CL_TRY(node_file_take(c, "before", &before, err));
    if (!after.there) {
        return cl_err_set(err, CL_ERR_MALFORMED, "'%.100s': after: expected a file, got none",
                          path);
    }
    return strcmp(from, "blob") == 0 ? CL_OK : node_path(&none, from, full, err);
}

static enum cl_status check_remove(const json_t *c, const char *path, struct cl_err *err)
{
    static const char *const keys[] = {"op", "path", "before", NULL};
    struct node_file before;
    CL_TRY(cl_json_only_keys(c, path, keys, err));
    return node_file_take(c, "before", &before, err);
}

static enum cl_status check_folder(const json_t *c, const char *path, struct cl_err *err)
{
    static const char *const keys[] = {"op", "path", "mode", NULL};
    int64_t mode = 0;
    CL_TRY(cl_json_only_keys(c, path, keys, err));
    return cl_json_get_int(c, path, "mode", 0, 07777, &mode, err);
}

static enum cl_status check_change(const json_t *c, struct cl_err *err)
{
    static const struct node_tree none = {""};
    const char *op = NULL;
    const char *path = NULL;
    char full[NODE_PATH_SIZE];
    CL_TRY(cl_json_get_string(c, "change", "op", &op, err));
    CL_TRY(cl_json_get_string(c, "change", "path", &path, err));
    CL_TRY(node_path(&none, path, full, err));
    if (strcmp(op, "put") == 0) {
        return check_put(c, path, err);
    }
    if (strcmp(op, "remove") == 0) {
        return check_remove(c, path, err);
    }
    if (strcmp(op, "mkdir") == 0 || strcmp(op, "rmdir") == 0) {
        return check_folder(c, path, err);
    }
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "change: op: expected put, remove, mkdir or rmdir, "
                      "got '%.40s'",
                      op);
}

static enum cl_status check_txn(const json_t *txn, struct cl_err *err)
{
    static const char *const keys[] = {"command", "direction", "undo", "changes", NULL};
    const char *command = NULL;
    const char *direction = NULL;
    bool undo = false;
    json_t *changes = NULL;
    CL_TRY(cl_json_only_keys(txn, "journal", keys, err));
    CL_TRY(cl_json_get_string(txn, "journal", "command", &command, err));
    CL_TRY(cl_json_get_string(txn, "journal", "direction", &direction, err));
    CL_TRY(cl_json_get_bool(txn, "journal", "undo", &undo, err));
    CL_TRY(cl_json_get_array(txn, "journal", "changes", &changes, err));
    if (strcmp(direction, "forward") != 0 && (strcmp(direction, "back") != 0 || !undo)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "journal: direction: expected forward%s, got '%.40s'",
                          undo ? " or back" : "", direction);
    }
    if (json_array_size(changes) > NODE_MAX_OPS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "journal: changes: expected at most %u, got %zu",
                          NODE_MAX_OPS, json_array_size(changes));
    }
    for (size_t i = 0; i < json_array_size(changes); i++) {
        enum cl_status st = check_change(json_array_get(changes, i), err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "journal: change %zu", i);
        }
    }
    return CL_OK;
}

enum cl_status node_journal_decode(const void *data, size_t len, json_t **ret, struct cl_err *err)
{
    const char *text = data;
    char sha256[NODE_HEX_SIZE];
    size_t head = HEAD_SIZE + NODE_HEX_SIZE; /* digest and line end */
    CL_CLEANUP(cl_json_decrefp) json_t *txn = NULL;
    if (len < head || memcmp(text, HEAD, HEAD_SIZE) != 0 || text[head - 1] != '\n') {
        return cl_err_set(err, CL_ERR_MALFORMED, "journal: expected '" HEAD "<sha256>' first");
    }
    CL_TRY(node_sha256(text + head, len - head, sha256, err));
    if (memcmp(sha256, text + HEAD_SIZE, NODE_HEX_SIZE - 1) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "journal: sha256: expected that of what follows, %.16s.., got %.16s..",
                          sha256, text + HEAD_SIZE);
    }
    CL_TRY(cl_json_parse(text + head, len - head, "journal", &txn, err));
    CL_TRY(check_txn(txn, err));
    *ret = CL_TAKE(txn);
    return CL_OK;
}
