/* SPDX-License-Identifier: Apache-2.0
 * store_document.c - verify policy, collateral and distrust documents in the database, with their
 * history (see store.h).
 */
#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"
#include "store.h"

#include <sqlite3.h>
#include <stdlib.h>

void cl_trust_document_done(struct cl_trust_document *d)
{
    cl_buf_done(&d->data);
    *d = (struct cl_trust_document){0};
}

enum cl_status cl_store_document_put(struct cl_store *s, const char *kind, const void *data,
                                     size_t len, int64_t expires, bool keep, const char *author,
                                     int64_t now, int64_t *ret_version, struct cl_err *err)
{
    uint8_t digest[CL_SHA256_SIZE];
    char hex[2 * CL_SHA256_SIZE + 1];
    CL_TRY(cl_sha256(digest, data, len, err));
    cl_hex(hex, digest, sizeof(digest));
    if (!keep) {
        CL_TRY(cl_sql_run(s, err, "UPDATE trust_document SET document = x'' WHERE kind = ?", "s",
                          kind));
    }
    CL_TRY(cl_sql_run(s, err,
                      "INSERT INTO trust_document(kind, document, sha256, bytes, expires, author,"
                      " created) VALUES(?, ?, ?, ?, ?, ?, ?)",
                      "sbsiisi", kind, data, len, hex, (int64_t)len, expires, author, now));
    *ret_version = sqlite3_last_insert_rowid(cl_store_db(s));
    return CL_OK;
}

enum cl_status cl_store_document_get(struct cl_store *s, const char *kind,
                                     struct cl_trust_document *ret_d, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err,
                  "SELECT version, document FROM trust_document WHERE kind = ?"
                  " ORDER BY version DESC LIMIT 1",
                  "s", kind));
    CL_TRY(cl_sql_step(s, stmt, &row, err));
    if (!row) {
        return CL_OK;
    }
    int n = sqlite3_column_bytes(stmt, 1);
    if (n > 0) {
        CL_TRY(cl_buf_append(&ret_d->data, sqlite3_column_blob(stmt, 1), (size_t)n, err));
    }
    ret_d->version = sqlite3_column_int64(stmt, 0);
    return CL_OK;
}

static enum cl_status history_item(sqlite3_stmt *stmt, bool documents, json_t **ret_j,
                                   struct cl_err *err)
{
    char created[21];
    char expires[21];
    cl_time_format(created, sqlite3_column_int64(stmt, 5));
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:I, s:s, s:I, s:s, s:s}", "version",
                          (json_int_t)sqlite3_column_int64(stmt, 0), "sha256", cl_sql_text(stmt, 1),
                          "bytes", (json_int_t)sqlite3_column_int64(stmt, 2), "author",
                          cl_sql_text(stmt, 4), "created", created);
    int64_t end = sqlite3_column_int64(stmt, 3);
    if (end != 0) {
        cl_time_format(expires, end);
    }
    if (j == NULL || (end != 0 && json_object_set_new(j, "expires", json_string(expires)) != 0)) {
        return cl_err_nomem(err, "list");
    }
    int n = sqlite3_column_bytes(stmt, 6);
    if (documents && n > 0) {
        json_t *document = NULL;
        CL_TRY(cl_json_parse(sqlite3_column_blob(stmt, 6), (size_t)n, "document", &document, err));
        if (json_object_set_new(j, "document", document) != 0) {
            return cl_err_nomem(err, "list");
        }
    }
    *ret_j = CL_TAKE(j);
    return CL_OK;
}

enum cl_status cl_store_document_history(struct cl_store *s, const char *kind, bool documents,
                                         json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *list = json_array();
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err,
                  "SELECT version, sha256, bytes, expires, author, created, document"
                  " FROM trust_document WHERE kind = ? ORDER BY version DESC LIMIT 1000",
                  "s", kind));
    for (;;) {
        json_t *item = NULL;
        CL_TRY(cl_sql_step(s, stmt, &row, err));
        if (!row) {
            break;
        }
        CL_TRY(history_item(stmt, documents, &item, err));
        if (json_array_append_new(list, item) != 0) {
            return cl_err_nomem(err, "list");
        }
    }
    *ret_j = CL_TAKE(list);
    return CL_OK;
}

enum cl_status cl_store_trust_version(struct cl_store *s, int64_t *ret_version, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err, "SELECT max(version) FROM trust_document", ""));
    CL_TRY(cl_sql_step(s, stmt, &row, err));
    *ret_version = row ? sqlite3_column_int64(stmt, 0) : 0;
    return CL_OK;
}
