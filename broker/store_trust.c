/* SPDX-License-Identifier: Apache-2.0
 * store_trust.c - simulated roots and revocations in the database (see store.h).
 */
#include "base/encode.h"
#include "base/io.h"
#include "store.h"

#include <sqlite3.h>
#include <stdlib.h>

static enum cl_status deleted(struct cl_store *s, enum cl_status st, bool *ret_found)
{
    *ret_found = st == CL_OK && sqlite3_changes(cl_store_db(s)) > 0;
    return st;
}

/* Rows of text columns; an integer is a time. */
static enum cl_status list_rows(struct cl_store *s, const char *sql, const char *const *names,
                                json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *list = json_array();
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err, sql, ""));
    for (;;) {
        CL_TRY(cl_sql_step(s, stmt, &row, err));
        if (!row) {
            break;
        }
        json_t *item = json_object();
        if (json_array_append_new(list, item) != 0) {
            return cl_err_nomem(err, "list");
        }
        for (int i = 0; names[i] != NULL; i++) {
            char when[21];
            bool time = sqlite3_column_type(stmt, i) == SQLITE_INTEGER;
            if (time) {
                cl_time_format(when, sqlite3_column_int64(stmt, i));
            }
            if (json_object_set_new(item, names[i],
                                    json_string(time ? when : cl_sql_text(stmt, i))) != 0) {
                return cl_err_nomem(err, "list");
            }
        }
    }
    *ret_j = CL_TAKE(list);
    return CL_OK;
}

/* Number of rows, to size one allocation. */
static enum cl_status count(struct cl_store *s, const char *sql, size_t *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err, sql, ""));
    CL_TRY(cl_sql_step(s, stmt, &row, err));
    *ret = row ? (size_t)sqlite3_column_int64(stmt, 0) : 0;
    return CL_OK;
}

enum cl_status cl_store_root_put(struct cl_store *s, const cl_root_digest digest, const char *note,
                                 int64_t now, struct cl_err *err)
{
    char hex[2 * CL_SNP_ROOT_SIZE + 1];
    cl_hex(hex, digest, CL_SNP_ROOT_SIZE);
    return cl_sql_run(s, err,
                      "INSERT OR REPLACE INTO sim_root(digest, note, created) VALUES(?, ?, ?)",
                      "ssi", hex, note, now);
}

enum cl_status cl_store_root_delete(struct cl_store *s, const char *hex, bool *ret_found,
                                    struct cl_err *err)
{
    return deleted(s, cl_sql_run(s, err, "DELETE FROM sim_root WHERE digest = ?", "s", hex),
                   ret_found);
}

enum cl_status cl_store_root_list(struct cl_store *s, json_t **ret_j, struct cl_err *err)
{
    static const char *const names[] = {"spki-sha384", "note", "created", NULL};
    return list_rows(s, "SELECT digest, note, created FROM sim_root ORDER BY digest", names, ret_j,
                     err);
}

enum cl_status cl_store_root_all(struct cl_store *s, cl_root_digest **ret_roots, size_t *ret_count,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    size_t max = 0;
    size_t n = 0;
    bool row = false;
    CL_TRY(count(s, "SELECT count(*) FROM sim_root", &max, err));
    cl_root_digest *roots = calloc(max + 1, sizeof(*roots));
    if (roots == NULL) {
        return cl_err_nomem(err, "simulated roots");
    }
    enum cl_status st = cl_sql(s, &stmt, err, "SELECT digest FROM sim_root", "");
    while (st == CL_OK && n < max) {
        st = cl_sql_step(s, stmt, &row, err);
        if (st != CL_OK || !row) {
            break;
        }
        st = cl_unhex(roots[n++], CL_SNP_ROOT_SIZE, cl_sql_text(stmt, 0), "sim root", err);
    }
    if (st != CL_OK) {
        free(roots);
        return st;
    }
    *ret_roots = roots;
    *ret_count = n;
    return CL_OK;
}

void cl_root_digests_freep(cl_root_digest **roots)
{
    free(*roots);
}

enum cl_status cl_store_revoke(struct cl_store *s, const char *kind, const char *value,
                               const char *note, int64_t now, struct cl_err *err)
{
    return cl_sql_run(s, err,
                      "INSERT OR IGNORE INTO revoked(kind, value, note, created) VALUES(?,?,?,?)",
                      "sssi", kind, value, note, now);
}

enum cl_status cl_store_unrevoke(struct cl_store *s, const char *kind, const char *value,
                                 bool *ret_found, struct cl_err *err)
{
    return deleted(
        s,
        cl_sql_run(s, err, "DELETE FROM revoked WHERE kind = ? AND value = ?", "ss", kind, value),
        ret_found);
}

enum cl_status cl_store_is_revoked(struct cl_store *s, const char *kind, const void *value,
                                   size_t len, bool *ret_yes, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    char hex[2 * CL_SNP_CHIP_ID_SIZE + 1];
    if (len > CL_SNP_CHIP_ID_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "revoked %s: %zu bytes", kind, len);
    }
    cl_hex(hex, value, len);
    CL_TRY(cl_sql(s, &stmt, err, "SELECT 1 FROM revoked WHERE kind = ? AND value = ?", "ss", kind,
                  hex));
    return cl_sql_step(s, stmt, ret_yes, err);
}

enum cl_status cl_store_revoked_list(struct cl_store *s, json_t **ret_j, struct cl_err *err)
{
    static const char *const names[] = {"kind", "value", "note", "created", NULL};
    return list_rows(s, "SELECT kind, value, note, created FROM revoked ORDER BY kind, value",
                     names, ret_j, err);
}
