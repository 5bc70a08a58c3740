/* SPDX-License-Identifier: Apache-2.0
 * store_data.c - resources, policy documents and the audit log in the database (see store.h).
 */
#include "base/io.h"
#include "store.h"

#include <sqlite3.h>
#include <string.h>

enum cl_status cl_store_resource_put(struct cl_store *s, const char *path,
                                     const struct cl_buf *sealed, int64_t now, struct cl_err *err)
{
    return cl_sql_run(s, err,
                      "INSERT OR REPLACE INTO resource(path, sealed, updated) VALUES(?,?,?)", "sbi",
                      path, sealed->data, sealed->len, now);
}

enum cl_status cl_store_resource_get(struct cl_store *s, const char *path, struct cl_buf *out,
                                     bool *ret_found, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err, "SELECT sealed FROM resource WHERE path = ?", "s", path));
    CL_TRY(cl_sql_step(s, stmt, &row, err));
    *ret_found = row;
    return row ? cl_buf_append(out, sqlite3_column_blob(stmt, 0),
                               (size_t)sqlite3_column_bytes(stmt, 0), err)
               : CL_OK;
}

enum cl_status cl_store_resource_delete(struct cl_store *s, const char *path, bool *ret_found,
                                        struct cl_err *err)
{
    CL_TRY(cl_sql_run(s, err, "DELETE FROM resource WHERE path = ?", "s", path));
    *ret_found = sqlite3_changes(cl_store_db(s)) > 0;
    return CL_OK;
}

/* Appends a new object to the list *j, which is freed when that fails. */
static enum cl_status push(json_t **j, json_t *item, struct cl_err *err)
{
    if (item == NULL || json_array_append_new(*j, item) != 0) {
        return cl_err_nomem(err, "list");
    }
    return CL_OK;
}

enum cl_status cl_store_resource_list(struct cl_store *s, json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *list = json_array();
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err,
                  "SELECT path, length(sealed) - 28, updated FROM resource ORDER BY path", ""));
    for (;;) {
        char when[21];
        CL_TRY(cl_sql_step(s, stmt, &row, err));
        if (!row) {
            break;
        }
        cl_time_format(when, sqlite3_column_int64(stmt, 2));
        CL_TRY(push(&list,
                    json_pack("{s:s, s:I, s:s}", "path", cl_sql_text(stmt, 0), "bytes",
                              (json_int_t)sqlite3_column_int64(stmt, 1), "updated", when),
                    err));
    }
    *ret_j = CL_TAKE(list);
    return CL_OK;
}

enum cl_status cl_store_policy_put(struct cl_store *s, const struct cl_buf *document,
                                   const char *author, int64_t now, int64_t *ret_version,
                                   struct cl_err *err)
{
    CL_TRY(cl_sql_run(s, err, "INSERT INTO policy(document, author, created) VALUES(?, ?, ?)",
                      "ssi", (const char *)document->data, author, now));
    *ret_version = sqlite3_last_insert_rowid(cl_store_db(s));
    return CL_OK;
}

enum cl_status cl_store_policy_get(struct cl_store *s, struct cl_buf *out, int64_t *ret_version,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    bool row = false;
    *ret_version = 0;
    CL_TRY(cl_sql(s, &stmt, err,
                  "SELECT version, document FROM policy ORDER BY version DESC LIMIT 1", ""));
    CL_TRY(cl_sql_step(s, stmt, &row, err));
    if (row) {
        *ret_version = sqlite3_column_int64(stmt, 0);
        CL_TRY(cl_buf_append_str(out, cl_sql_text(stmt, 1), err));
    }
    return CL_OK;
}

enum cl_status cl_store_policy_history(struct cl_store *s, json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *list = json_array();
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err,
                  "SELECT version, created, author, document FROM policy ORDER BY version DESC"
                  " LIMIT 1000",
                  ""));
    for (;;) {
        char when[21];
        json_t *document = NULL;
        CL_TRY(cl_sql_step(s, stmt, &row, err));
        if (!row) {
            break;
        }
        cl_time_format(when, sqlite3_column_int64(stmt, 1));
        const char *text = cl_sql_text(stmt, 3);
        CL_TRY(cl_json_parse(text, strlen(text), "policy", &document, err));
        CL_TRY(push(&list,
                    json_pack("{s:I, s:s, s:s, s:o}", "version",
                              (json_int_t)sqlite3_column_int64(stmt, 0), "created", when, "author",
                              cl_sql_text(stmt, 2), "policy", document),
                    err));
    }
    *ret_j = CL_TAKE(list);
    return CL_OK;
}

static enum cl_status prune(struct cl_store *s, enum cl_audit_ring ring, struct cl_err *err)
{
    int64_t max = ring == CL_AUDIT_ANONYMOUS ? CL_AUDIT_MAX_ANONYMOUS : CL_AUDIT_MAX_DENIED;
    return cl_sql_run(
        s, err,
        "DELETE FROM audit WHERE ring = ? AND ring > 0 AND id <= (SELECT id FROM audit"
        " WHERE ring = ? AND ring > 0 ORDER BY id DESC LIMIT 1 OFFSET ?)",
        "iii", (int64_t)ring, (int64_t)ring, max);
}

enum cl_status cl_store_audit(struct cl_store *s, const struct cl_audit *line, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf evidence = {0};
    if (line->evidence != NULL) {
        CL_TRY(cl_json_compact(line->evidence, &evidence, err));
    }
    CL_TRY(cl_sql_run(s, err,
                      "INSERT INTO audit(time, actor, action, object, verdict, chk, expected,"
                      " actual, evidence, ring) VALUES(?,?,?,?,?,?,?,?,?,?)",
                      "issssssssi", line->time, line->actor, line->action, line->object,
                      line->verdict, line->check, line->expected, line->actual,
                      (const char *)evidence.data, (int64_t)line->ring));
    return line->ring != CL_AUDIT_KEEP ? prune(s, line->ring, err) : CL_OK;
}

static enum cl_status audit_json(sqlite3_stmt *stmt, json_t **ret_j, struct cl_err *err)
{
    static const char *const names[] = {"actor", "action",   "object", "verdict",
                                        "check", "expected", "actual"};
    char when[21];
    cl_time_format(when, sqlite3_column_int64(stmt, 1));
    CL_CLEANUP(cl_json_decrefp)
    json_t *j =
        json_pack("{s:I, s:s}", "id", (json_int_t)sqlite3_column_int64(stmt, 0), "time", when);
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        const char *text = cl_sql_text(stmt, (int)i + 2);
        if (*text != '\0' && json_object_set_new(j, names[i], json_string(text)) != 0) {
            return cl_err_nomem(err, "audit");
        }
    }
    const char *evidence = cl_sql_text(stmt, 9);
    if (*evidence != '\0') {
        json_t *summary = NULL;
        CL_TRY(cl_json_parse(evidence, strlen(evidence), "audit", &summary, err));
        if (json_object_set_new(j, "evidence", summary) != 0) {
            return cl_err_nomem(err, "audit");
        }
    }
    *ret_j = CL_TAKE(j);
    return CL_OK;
}

enum cl_status cl_store_audit_list(struct cl_store *s, int64_t after, int64_t limit, json_t **ret_j,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *list = json_array();
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err,
                  "SELECT id, time, actor, action, object, verdict, chk, expected, actual, evidence"
                  " FROM audit WHERE id > ? ORDER BY id LIMIT ?",
                  "ii", after, limit));
    for (;;) {
        json_t *j = NULL;
        CL_TRY(cl_sql_step(s, stmt, &row, err));
        if (!row) {
            break;
        }
        CL_TRY(audit_json(stmt, &j, err));
        CL_TRY(push(&list, j, err));
    }
    *ret_j = CL_TAKE(list);
    return CL_OK;
}
