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
#include "reference.h"

#include <stdbool.h>

struct sqlite3;
struct sqlite3_stmt;
struct cl_store; /* opaque */

enum cl_store_mode {
    CL_STORE_COPY,   /* to copy it: tables of an older version are left alone */
    CL_STORE_SERVE,  /* to use it: older tables are brought up to date; the caller holds the lock */
    CL_STORE_CREATE, /* makes the tables in a new file; otherwise it must be a broker's database */
};
CL_NODISCARD enum cl_status cl_store_open(const char *path, enum cl_store_mode mode,
                                          struct cl_store **ret_s, struct cl_err *err);
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

/* Reference values. One of the same class and values replaces the older one. */
CL_NODISCARD enum cl_status cl_store_reference_put(struct cl_store *s,
                                                   const struct cl_reference *ref, const char *note,
                                                   int64_t now, struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_reference_delete(struct cl_store *s, enum cl_tee_class c,
                                                      const char *id, bool *ret_found,
                                                      struct cl_err *err);
/* [{"class","id","expires","note","created", and the values}] */
CL_NODISCARD enum cl_status cl_store_reference_list(struct cl_store *s, json_t **ret_j,
                                                    struct cl_err *err);
/* expires of the reference of this class and id; 0 when there is none. */
CL_NODISCARD enum cl_status cl_store_reference_expires(struct cl_store *s, enum cl_tee_class c,
                                                       const char *id, int64_t *ret_expires,
                                                       struct cl_err *err);
/* The reference that a guest of this class with these values comes nearest to: one that matches and
 * has not expired, else one that matches, else one of the same anchor. */
struct cl_reference_answer {
    bool known;   /* there is one of this anchor */
    bool matches; /* `nearest` does; it may have expired */
    struct cl_reference nearest;
    char differs[CL_VALUE_NAME_SIZE]; /* without a match: the first value that is not equal */
};
void cl_reference_answer_done(struct cl_reference_answer *a);
CL_NODISCARD enum cl_status cl_store_reference_find(struct cl_store *s, enum cl_tee_class c,
                                                    const struct cl_values *got, int64_t now,
                                                    struct cl_reference_answer *ret_a,
                                                    struct cl_err *err);

/* What evidence is judged by, each kind with its history: "verify-policy", "collateral",
 * "distrust". An empty document withdraws what was there. */
struct cl_trust_document {
    struct cl_buf data; /* empty: none */
    int64_t version;    /* of this kind's newest row; 0: there never was one */
};
void cl_trust_document_done(struct cl_trust_document *d);
/* expires: seconds since 1970, 0 when the document has no end. keep: older documents of the kind
 * stay readable in the history; else only what they were (digest, size, times) does. */
CL_NODISCARD enum cl_status cl_store_document_put(struct cl_store *s, const char *kind,
                                                  const void *data, size_t len, int64_t expires,
                                                  bool keep, const char *author, int64_t now,
                                                  int64_t *ret_version, struct cl_err *err);
CL_NODISCARD enum cl_status cl_store_document_get(struct cl_store *s, const char *kind,
                                                  struct cl_trust_document *ret_d,
                                                  struct cl_err *err);
/* [{"version","sha256","bytes","expires","author","created"[,"document"]}], newest first, at most
 * 1000; documents: JSON text that was kept. */
CL_NODISCARD enum cl_status cl_store_document_history(struct cl_store *s, const char *kind,
                                                      bool documents, json_t **ret_j,
                                                      struct cl_err *err);
/* A number that grows with each change of any kind; 0 when there was none. */
CL_NODISCARD enum cl_status cl_store_trust_version(struct cl_store *s, int64_t *ret_version,
                                                   struct cl_err *err);

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

void cl_root_digests_freep(cl_root_digest **roots); /* for CL_CLEANUP */

/* Revocations. kind: "chip", "measurement", "token", "platform", "ak"; value: hex. */
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
