/* SPDX-License-Identifier: Apache-2.0
 * store.h - the broker's SQLite database: resources (sealed), policy with history, reference
 * values, simulated roots, revocations, audit.
 * Trust: the file is the broker's own, but disks are not private: contents of resources and keys
 * are sealed by vault.h before they come here. Names are opaque keys, never paths of files.
 * Durability: WAL with synchronous=FULL; a write that returned CL_OK survives a crash.
 * Threads: one thread per store.
 */
#ifndef CL_BROKER_STORE_H
#define CL_BROKER_STORE_H

#include "base/buf.h"
#include "base/json.h"
#include "cloister/snp_verify.h"

#include <stdbool.h>

struct sqlite3;
struct sqlite3_stmt;
struct cl_store; /* opaque */

/* create: makes the tables in a new file; without it the file must be a broker's database. */
CL_NODISCARD enum cl_status cl_store_open(const char *path, bool create, struct cl_store **ret_s,
                                          struct cl_err *err);
void cl_store_free(struct cl_store *s);
void cl_store_freep(struct cl_store **s);
struct sqlite3 *cl_store_db(struct cl_store *s);

/* Transactions; rollback ignores errors and is fine when none is open. */
CL_NODISCARD enum cl_status cl_store_begin(struct cl_store *s, struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_commit(struct cl_store *s, struct cl_err *err);
void cl_store_rollback(struct cl_store *s);

/* Prepares sql and binds its parameters by types: 's' text, 'i' int64_t, 'b' blob (pointer,
 * size_t), borrowed until the statement is finished. */
CL_NODISCARD enum cl_status cl_sql(struct cl_store *s, struct sqlite3_stmt **ret_stmt,
                                   struct cl_err *err, const char *sql, const char *types, ...);
/* Runs a statement without rows. */
CL_NODISCARD enum cl_status cl_sql_run(struct cl_store *s, struct cl_err *err, const char *sql,
                                       const char *types, ...);
/* One step: *ret_row tells whether there is a row. */
CL_NODISCARD enum cl_status cl_sql_step(struct cl_store *s, struct sqlite3_stmt *stmt,
                                        bool *ret_row, struct cl_err *err);
void cl_stmt_freep(struct sqlite3_stmt **stmt);
/* Text of a column, never NULL. */
const char *cl_sql_text(struct sqlite3_stmt *stmt, int column);

/* Named blobs: identity, versions. */
CL_NODISCARD enum cl_status cl_store_meta_put(struct cl_store *s, const char *name,
                                              const void *data, size_t len, struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_meta_get(struct cl_store *s, const char *name,
                                              struct cl_buf *out, struct cl_err *err);

/* Resources. get: *ret_found false when there is none. */
CL_NODISCARD enum cl_status cl_store_resource_put(struct cl_store *s, const char *path,
                                                  const struct cl_buf *sealed, int64_t now,
                                                  struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_resource_get(struct cl_store *s, const char *path,
                                                  struct cl_buf *out, bool *ret_found,
                                                  struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_resource_delete(struct cl_store *s, const char *path,
                                                     bool *ret_found, struct cl_err *err);
/* [{"path","bytes","updated"}] */
CL_NODISCARD enum cl_status cl_store_resource_list(struct cl_store *s, json_t **ret_j,
                                                   struct cl_err *err);

/* Resource policy: documents only grow; the newest is in force. version 0: none yet. */
CL_NODISCARD enum cl_status cl_store_policy_put(struct cl_store *s, const struct cl_buf *document,
                                                const char *author, int64_t now,
                                                int64_t *ret_version, struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_policy_get(struct cl_store *s, struct cl_buf *out,
                                                int64_t *ret_version, struct cl_err *err);
/* [{"version","created","author","policy"}], newest first, at most 1000 */
CL_NODISCARD enum cl_status cl_store_policy_history(struct cl_store *s, json_t **ret_j,
                                                    struct cl_err *err);

/* Reference values. expires in seconds since 1970. */
struct cl_reference {
    enum cl_tee_class tee_class;
    uint8_t measurement[CL_SNP_MEASUREMENT_SIZE];
    int64_t expires;
};
CL_NODISCARD enum cl_status cl_store_reference_put(struct cl_store *s,
                                                   const struct cl_reference *ref, const char *note,
                                                   int64_t now, struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_reference_delete(struct cl_store *s, enum cl_tee_class c,
                                                      const char *measurement_hex, bool *ret_found,
                                                      struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_reference_list(struct cl_store *s, json_t **ret_j,
                                                    struct cl_err *err);
/* expires of the reference for this class and measurement; 0 when there is none. */
CL_NODISCARD enum cl_status cl_store_reference_find(struct cl_store *s, enum cl_tee_class c,
                                                    const uint8_t *measurement,
                                                    int64_t *ret_expires, struct cl_err *err);
/* Those not expired, in one allocation (free()). */
CL_NODISCARD enum cl_status cl_store_reference_valid(struct cl_store *s, int64_t now,
                                                     struct cl_snp_reference **ret_refs,
                                                     size_t *ret_count, struct cl_err *err);

/* Simulated roots by the SHA-384 of their public key. */
typedef uint8_t cl_root_digest[CL_SNP_ROOT_SIZE];
CL_NODISCARD enum cl_status cl_store_root_put(struct cl_store *s, const cl_root_digest digest,
                                              const char *note, int64_t now, struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_root_delete(struct cl_store *s, const char *hex,
                                                 bool *ret_found, struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_root_list(struct cl_store *s, json_t **ret_j,
                                               struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_root_all(struct cl_store *s, cl_root_digest **ret_roots,
                                              size_t *ret_count, struct cl_err *err);

/* Revocations. kind: "chip", "measurement", "token"; value: hex. */
CL_NODISCARD enum cl_status cl_store_revoke(struct cl_store *s, const char *kind, const char *value,
                                            const char *note, int64_t now, struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_unrevoke(struct cl_store *s, const char *kind,
                                              const char *value, bool *ret_found,
                                              struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_is_revoked(struct cl_store *s, const char *kind,
                                                const void *value, size_t len, bool *ret_yes,
                                                struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_revoked_list(struct cl_store *s, json_t **ret_j,
                                                  struct cl_err *err);

/* What a client can cause without end is kept in rings of this many lines; the rest for good. */
enum cl_audit_ring { CL_AUDIT_KEEP, CL_AUDIT_ANONYMOUS, CL_AUDIT_DENIED };
#define CL_AUDIT_MAX_ANONYMOUS 10000 /* denied before anything authentic was seen */
#define CL_AUDIT_MAX_DENIED 100000   /* denied to authentic evidence */

/* One line of the audit log. Strings are borrowed; NULL is written as "". */
struct cl_audit {
    int64_t time;
    const char *actor;  /* "guest 127.0.0.1" or "admin 127.0.0.1 role" */
    const char *action; /* "attest", "get-resource", "set-policy", ... */
    const char *object;
    const char *verdict; /* "allowed", "denied", "failed" */
    const char *check;   /* what decided a denial: "snp.signature", "policy.class", ... */
    const char *expected;
    const char *actual;
    const json_t *evidence; /* summary, or NULL */
    enum cl_audit_ring ring;
};
CL_NODISCARD enum cl_status cl_store_audit(struct cl_store *s, const struct cl_audit *line,
                                           struct cl_err *err);
/* Lines with id > after, oldest first, at most limit. */
CL_NODISCARD enum cl_status cl_store_audit_list(struct cl_store *s, int64_t after, int64_t limit,
                                                json_t **ret_j, struct cl_err *err);

#endif
