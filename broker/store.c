/* SPDX-License-Identifier: Apache-2.0
 * store.c - opening the database, statements, transactions, named blobs (see store.h).
 */
#include "store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUSY_TIMEOUT_MS 10000
#define SCHEMA_VERSION 2
#define APPLICATION_ID 0x434c4252 /* "CLBR" */

struct cl_store {
    sqlite3 *db;
};

static const char schema[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE resource(path TEXT PRIMARY KEY, sealed BLOB NOT NULL, updated INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE policy(version INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL,"
    " author TEXT NOT NULL, created INTEGER NOT NULL);"
    "CREATE TABLE reference(class TEXT NOT NULL, id TEXT NOT NULL, expires INTEGER NOT NULL,"
    " note TEXT NOT NULL, created INTEGER NOT NULL, anchor TEXT NOT NULL, document TEXT NOT NULL,"
    " PRIMARY KEY(class, id)) WITHOUT ROWID;"
    "CREATE TABLE sim_root(digest TEXT PRIMARY KEY, note TEXT NOT NULL, created INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE revoked(kind TEXT NOT NULL, value TEXT NOT NULL, note TEXT NOT NULL,"
    " created INTEGER NOT NULL, PRIMARY KEY(kind, value)) WITHOUT ROWID;"
    "CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
    " actor TEXT NOT NULL, action TEXT NOT NULL, object TEXT NOT NULL, verdict TEXT NOT NULL,"
    " chk TEXT NOT NULL, expected TEXT NOT NULL, actual TEXT NOT NULL, evidence TEXT NOT NULL,"
    " ring INTEGER NOT NULL);"
    "CREATE INDEX audit_ring ON audit(ring, id) WHERE ring > 0;";

/* What version 2 added, to a database of version 1 as to a new one. */
static const char added_2[] =
    "CREATE INDEX reference_anchor ON reference(class, anchor);"
    "CREATE TABLE trust_document(version INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
    " document BLOB NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, author TEXT NOT NULL, created INTEGER NOT NULL);"
    "CREATE INDEX trust_document_kind ON trust_document(kind, version);";

/* Version 1 had references of one measurement, which was their key. */
static const char from_1_to_2[] =
    "ALTER TABLE reference RENAME COLUMN measurement TO id;"
    "ALTER TABLE reference ADD COLUMN anchor TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE reference ADD COLUMN document TEXT NOT NULL DEFAULT '';"
    "UPDATE reference SET anchor = id, document = '{\"measurement\":\"' || id || '\"}';";

static enum cl_status failed(struct cl_store *s, struct cl_err *err)
{
    int code = sqlite3_errcode(s->db);
    enum cl_status st = code == SQLITE_NOMEM                              ? CL_ERR_NOMEM
                        : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? CL_ERR_MALFORMED
                                                                          : CL_ERR_SYS;
    return cl_err_set(err, st, "database: %s", sqlite3_errmsg(s->db));
}

static enum cl_status exec(struct cl_store *s, const char *sql, struct cl_err *err)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? CL_OK : failed(s, err);
}

void cl_store_free(struct cl_store *s)
{
    if (s != NULL) {
        (void)sqlite3_close(s->db);
        free(s);
    }
}

void cl_store_freep(struct cl_store **s)
{
    cl_store_free(*s);
}

sqlite3 *cl_store_db(struct cl_store *s)
{
    return s->db;
}

void cl_stmt_freep(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
}

enum cl_status cl_store_begin(struct cl_store *s, struct cl_err *err)
{
    return exec(s, "BEGIN IMMEDIATE", err);
}

enum cl_status cl_store_commit(struct cl_store *s, struct cl_err *err)
{
    enum cl_status st = exec(s, "COMMIT", err);
    if (st != CL_OK) {
        cl_store_rollback(s);
    }
    return st;
}

void cl_store_rollback(struct cl_store *s)
{
    if (sqlite3_get_autocommit(s->db) == 0) {
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

static enum cl_status pragma_int(struct cl_store *s, const char *sql, int64_t *ret,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err, sql, ""));
    CL_TRY(cl_sql_step(s, stmt, &row, err));
    *ret = row ? sqlite3_column_int64(stmt, 0) : 0;
    return CL_OK;
}

static enum cl_status make_tables(struct cl_store *s, struct cl_err *err)
{
    CL_TRY(cl_store_begin(s, err));
    enum cl_status st = exec(s, schema, err);
    st = st == CL_OK ? exec(s, added_2, err) : st;
    st = st == CL_OK ? exec(s, "PRAGMA application_id = 1129071186", err) : st; /* APPLICATION_ID */
    st = st == CL_OK ? exec(s, "PRAGMA user_version = 2", err) : st;            /* SCHEMA_VERSION */
    if (st != CL_OK) {
        cl_store_rollback(s);
        return st;
    }
    return cl_store_commit(s, err);
}
_Static_assert(APPLICATION_ID == 1129071186, "the pragma takes no parameter");
_Static_assert(SCHEMA_VERSION == 2, "the pragma takes no parameter");

/* All of it, or nothing: a crash leaves a database of version 1. */
static enum cl_status migrate(struct cl_store *s, struct cl_err *err)
{
    CL_TRY(cl_store_begin(s, err));
    enum cl_status st = exec(s, from_1_to_2, err);
    st = st == CL_OK ? exec(s, added_2, err) : st;
    st = st == CL_OK ? exec(s, "PRAGMA user_version = 2", err) : st;
    if (st != CL_OK) {
        cl_store_rollback(s);
        return st;
    }
    return cl_store_commit(s, err);
}

static enum cl_status check_tables(struct cl_store *s, const char *path, bool *ret_old,
                                   struct cl_err *err)
{
    int64_t app = 0;
    int64_t version = 0;
    enum cl_status st = pragma_int(s, "PRAGMA application_id", &app, err);
    st = st == CL_OK ? pragma_int(s, "PRAGMA user_version", &version, err) : st;
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "open '%s'", path);
    }
    if (app != APPLICATION_ID || version < 1 || version > SCHEMA_VERSION) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "database '%s': expected a broker's database of version 1 or %d, got "
                          "%lld",
                          path, SCHEMA_VERSION, (long long)version);
    }
    *ret_old = version < SCHEMA_VERSION;
    return CL_OK;
}

enum cl_status cl_store_open(const char *path, enum cl_store_mode mode, struct cl_store **ret_s,
                             struct cl_err *err)
{
    bool create = mode == CL_STORE_CREATE;
    bool old_tables = false;
    CL_CLEANUP(cl_store_freep) struct cl_store *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return cl_err_nomem(err, "store");
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_NOFOLLOW |
                (create ? SQLITE_OPEN_CREATE : 0);
    mode_t old = umask(0077);
    int rc = sqlite3_open_v2(path, &s->db, flags, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        /* What is not a broker's stays as it is: the journal mode would be written into it. */
        enum cl_status st = create ? CL_OK : check_tables(s, path, &old_tables, err);
        if (st != CL_OK) {
            (void)umask(old);
            return st;
        }
        rc = sqlite3_exec(s->db,
                          "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                          "PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;",
                          NULL, NULL, NULL);
    }
    (void)umask(old);
    if (s->db == NULL) {
        return cl_err_nomem(err, "store");
    }
    if (rc != SQLITE_OK) {
        enum cl_status st = failed(s, err);
        return cl_err_wrap(err, st, "open '%s'", path);
    }
    CL_TRY(create ? make_tables(s, err) : CL_OK);
    CL_TRY(old_tables && mode == CL_STORE_SERVE ? migrate(s, err) : CL_OK);
    *ret_s = CL_TAKE(s);
    return CL_OK;
}

static int bind_one(sqlite3_stmt *stmt, int i, char type, va_list *ap)
{
    if (type == 'i') {
        return sqlite3_bind_int64(stmt, i, va_arg(*ap, int64_t));
    }
    if (type == 'b') {
        const void *data = va_arg(*ap, const void *);
        size_t len = va_arg(*ap, size_t);
        return sqlite3_bind_blob64(stmt, i, len > 0 ? data : "", len, SQLITE_STATIC);
    }
    const char *text = va_arg(*ap, const char *);
    return sqlite3_bind_text(stmt, i, text != NULL ? text : "", -1, SQLITE_STATIC);
}

static enum cl_status prepare(struct cl_store *s, sqlite3_stmt **ret_stmt, struct cl_err *err,
                              const char *sql, const char *types, va_list *ap)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return failed(s, err);
    }
    for (int i = 0; types[i] != '\0'; i++) {
        if (bind_one(stmt, i + 1, types[i], ap) != SQLITE_OK) {
            return failed(s, err);
        }
    }
    *ret_stmt = CL_TAKE(stmt);
    return CL_OK;
}

enum cl_status cl_sql(struct cl_store *s, sqlite3_stmt **ret_stmt, struct cl_err *err,
                      const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    enum cl_status st = prepare(s, ret_stmt, err, sql, types, &ap);
    va_end(ap);
    return st;
}

enum cl_status cl_sql_step(struct cl_store *s, sqlite3_stmt *stmt, bool *ret_row,
                           struct cl_err *err)
{
    int rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return failed(s, err);
    }
    *ret_row = rc == SQLITE_ROW;
    return CL_OK;
}

enum cl_status cl_sql_run(struct cl_store *s, struct cl_err *err, const char *sql,
                          const char *types, ...)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    bool row = false;
    va_list ap;
    va_start(ap, types);
    enum cl_status st = prepare(s, &stmt, err, sql, types, &ap);
    va_end(ap);
    return st == CL_OK ? cl_sql_step(s, stmt, &row, err) : st;
}

const char *cl_sql_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    return text != NULL ? (const char *)text : "";
}

enum cl_status cl_store_meta_put(struct cl_store *s, const char *name, const void *data, size_t len,
                                 struct cl_err *err)
{
    return cl_sql_run(s, err, "INSERT OR REPLACE INTO meta(name, value) VALUES(?, ?)", "sb", name,
                      data, len);
}

enum cl_status cl_store_meta_get(struct cl_store *s, const char *name, struct cl_buf *out,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_stmt_freep) sqlite3_stmt *stmt = NULL;
    bool row = false;
    CL_TRY(cl_sql(s, &stmt, err, "SELECT value FROM meta WHERE name = ?", "s", name));
    CL_TRY(cl_sql_step(s, stmt, &row, err));
    if (!row) {
        return cl_err_set(err, CL_ERR_MALFORMED, "database: no '%s'", name);
    }
    return cl_buf_append(out, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0),
                         err);
}
