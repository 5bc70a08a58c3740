/* SPDX-License-Identifier: Apache-2.0
 * store_reference.c - reference values in the database (see store.h).
 */
#include "base/encode.h"
#include "base/io.h"
#include "store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum cl_status cl_store_reference_put(struct cl_store *s, const struct cl_reference *ref,
                                      const char *note, int64_t now, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    char anchor[2 * CL_VALUE_MAX_SIZE + 1];
    CL_TRY(cl_reference_values_json(ref, &j, err));
    CL_TRY(cl_json_canonical(j, &text, err));
    cl_hex(anchor, ref->values.list[0].data, ref->values.list[0].size);
    return cl_sql_run(s, err,
                      "INSERT OR REPLACE INTO reference(class, id, expires, note, created, anchor,"
                      " document) VALUES(?, ?, ?, ?, ?, ?, ?)",
                      "ssisiss", cl_tee_class_name(ref->tee_class), ref->id, ref->expires, note,
                      now, anchor, (const char *)text.data);
}

enum cl_status cl_store_reference_delete(struct cl_store *s, enum cl_tee_class c, const char *id,
                                         bool *ret_found, struct cl_err *err)
{
    *ret_found = false;
    CL_TRY(cl_sql_run(s, err, "DELETE FROM reference WHERE class = ? AND id = ?", "ss",
                      cl_tee_class_name(c), id));
    *ret_found = sqlite3_changes(cl_store_db(s)) > 0;
    return CL_OK;
}

static enum cl_status list_item(sqlite3_stmt *stmt, json_t **ret_j, struct cl_err *err)
{
    char expires[21];
    char created[21];
    const char *document = cl_sql_text(stmt, 5);
    CL_CLEANUP(cl_json_decrefp) json_t *values = NULL;
    CL_TRY(cl_json_parse(document, strlen(document), "reference", &values, err));
    cl_time_format(expires, sqlite3_column_int64(stmt, 2));
    cl_time_format(created, sqlite3_column_int64(stmt, 4));
    CL_CLEANUP(cl_json_decrefp) json_t *j = json_pack("{s:s}", "class", cl_sql_text(stmt, 0));
    CL_CLEANUP(cl_json_decrefp)
    json_t *about = json_pack("{s:s, s:s, s:s, s:s}", "expires", expires, "note",
                              cl_sql_text(stmt, 3), "created", created, "id", cl_sql_text(stmt, 1));
    if (j == NULL || about == NULL || json_object_update(j, values) != 0 ||
        json_object_update(j, about) != 0) {
        return cl_err_nomem(err, "list");
    }
    *ret_j = CL_TAKE(j);
    return CL_OK;
}

enum cl_status cl_store_reference_list(struct cl_store *s, json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *list = json_array();
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err,
                  "SELECT class, id, expires, note, created, document FROM reference"
                  " ORDER BY class, id",
                  ""));
    for (;;) {
        json_t *item = NULL;
        CL_TRY(cl_sql_step(s, stmt, &row, err));
        if (!row) {
            break;
        }
        CL_TRY(list_item(stmt, &item, err));
        if (json_array_append_new(list, item) != 0) {
            return cl_err_nomem(err, "list");
        }
    }
    *ret_j = CL_TAKE(list);
    return CL_OK;
}

enum cl_status cl_store_reference_expires(struct cl_store *s, enum cl_tee_class c, const char *id,
                                          int64_t *ret_expires, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err, "SELECT expires FROM reference WHERE class = ? AND id = ?", "ss",
                  cl_tee_class_name(c), id));
    CL_TRY(cl_sql_step(s, stmt, &row, err));
    *ret_expires = row ? sqlite3_column_int64(stmt, 0) : 0;
    return CL_OK;
}

void cl_reference_answer_done(struct cl_reference_answer *a)
{
    cl_reference_done(&a->nearest);
    *a = (struct cl_reference_answer){0};
}

/* How near: 3 good, 2 expired, 1 of the same anchor, 0 nothing. */
static int rank(const struct cl_reference_answer *a, int64_t now)
{
    return a->matches ? (a->nearest.expires > now ? 3 : 2) : a->known ? 1 : 0;
}

static enum cl_status read_row(sqlite3_stmt *stmt, enum cl_tee_class c, const struct cl_values *got,
                               struct cl_reference_answer *ret_a, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const struct cl_value *differs = NULL;
    const char *document = cl_sql_text(stmt, 1);
    CL_TRY(cl_json_parse(document, strlen(document), "reference", &j, err));
    CL_TRY(cl_reference_from_values(c, j, &ret_a->nearest, err));
    ret_a->nearest.expires = sqlite3_column_int64(stmt, 0);
    ret_a->known = true;
    ret_a->matches = cl_reference_matches(&ret_a->nearest, got, &differs);
    if (differs != NULL) {
        (void)snprintf(ret_a->differs, sizeof(ret_a->differs), "%s", differs->name);
    }
    return CL_OK;
}

enum cl_status cl_store_reference_find(struct cl_store *s, enum cl_tee_class c,
                                       const struct cl_values *got, int64_t now,
                                       struct cl_reference_answer *ret_a, struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    CL_CLEANUP(cl_reference_answer_done) struct cl_reference_answer best = {0};
    char anchor[2 * CL_VALUE_MAX_SIZE + 1] = "";
    const char *name = cl_reference_anchor(c);
    const struct cl_value *v = name != NULL ? cl_values_find(got, name) : NULL;
    bool row = v != NULL;
    if (row) {
        cl_hex(anchor, v->data, v->size);
    }
    CL_TRY(cl_sql(s, &stmt, err,
                  "SELECT expires, document FROM reference WHERE class = ? AND anchor = ?", "ss",
                  cl_tee_class_name(c), anchor));
    while (row && rank(&best, now) < 3) {
        CL_CLEANUP(cl_reference_answer_done) struct cl_reference_answer a = {0};
        CL_TRY(cl_sql_step(s, stmt, &row, err));
        if (row) {
            CL_TRY(read_row(stmt, c, got, &a, err));
        }
        if (rank(&a, now) > rank(&best, now)) {
            struct cl_reference_answer t = best;
            best = a;
            a = t;
        }
    }
    *ret_a = best;
    best = (struct cl_reference_answer){0};
    return CL_OK;
}
