/* SPDX-License-Identifier: Apache-2.0
 * journal.h - a list of changes that happens as a whole: written down before the first of them,
 * finished or undone by whoever finds it.
 *
 * The file NODE_STATE/journal: one line "cloister-node-journal/1 <sha256 of the rest>", then one
 * JSON document {"command","direction":"forward"|"back","undo":bool,"changes":[...]}. A change is
 *   {"op":"mkdir"|"rmdir","path":P,"mode":M}
 *   {"op":"put","path":P,"from":F,"after":FILE,"before":FILE|null}
 *   {"op":"remove","path":P,"before":FILE}
 * with FILE = {"sha256","mode","uid","gid"}. F is an absolute path of the machine, or "blob": then
 * it, like each `before` that may have to be restored, lies in NODE_STATE/blobs/<sha256>. Each
 * change can be done, and undone, twice.
 *
 * Trust: the file is root's; it is read as hostile all the same: a bad checksum or a path that
 *        leaves the tree is an error and nothing is touched. Threads: one at a time, node_lock().
 * Memory: NODE_JOURNAL_MAX.
 */
#ifndef NODE_JOURNAL_H
#define NODE_JOURNAL_H

#include "fs.h"
#include "node/node.h"

#define NODE_STATE "/var/lib/cloister-node"
#define NODE_BLOBS NODE_STATE "/blobs"
#define NODE_JOURNAL NODE_STATE "/journal"

struct node_run { /* one command */
    struct node_tree tree;
    const struct node_options *o;
    unsigned step;
    int lock;
};

/* The options' step(). */
void node_step(struct node_run *r);

/* New list; undo: what is cut off by an error is undone (else only finished). */
CL_NODISCARD enum cl_status node_txn_new(const char *command, bool undo, json_t **ret,
                                         struct cl_err *err);
/* Each adds one change unless it is already so. */
CL_NODISCARD enum cl_status node_txn_mkdir(struct node_run *r, json_t *txn, const char *path,
                                           mode_t mode, struct cl_err *err);
CL_NODISCARD enum cl_status node_txn_rmdir(json_t *txn, const char *path, struct cl_err *err);
/* from: a path of the machine. */
CL_NODISCARD enum cl_status node_txn_put_file(struct node_run *r, json_t *txn, const char *path,
                                              const char *from, mode_t mode, struct cl_err *err);
/* Owner and mode stay those of what is there; else root's, and mode. */
CL_NODISCARD enum cl_status node_txn_put_text(struct node_run *r, json_t *txn, const char *path,
                                              const void *data, size_t len, mode_t mode,
                                              struct cl_err *err);
/* Back to a file that blobs has; not there: removed. */
CL_NODISCARD enum cl_status node_txn_restore(struct node_run *r, json_t *txn, const char *path,
                                             const struct node_file *file, struct cl_err *err);
CL_NODISCARD enum cl_status node_txn_remove(struct node_run *r, json_t *txn, const char *path,
                                            struct cl_err *err);

/* Writes the journal and does it all. On an error everything is undone if the list may be; the
 * journal is gone then. */
CL_NODISCARD enum cl_status node_txn_run(struct node_run *r, json_t *txn, struct cl_err *err);
/* Undoes a list that was run, whose journal is gone: a later stage failed. */
CL_NODISCARD enum cl_status node_txn_undo(struct node_run *r, json_t *txn, struct cl_err *err);
/* Finishes or undoes what a journal holds. *ret_what: "none", "finished" or "undone"; *ret_command
 * (new, may be NULL): whose it was. */
CL_NODISCARD enum cl_status node_recover(struct node_run *r, const char **ret_what,
                                         struct cl_err *err);

CL_NODISCARD enum cl_status node_journal_encode(const json_t *txn, struct cl_buf *ret,
                                                struct cl_err *err);
/* CL_ERR_MALFORMED with what was expected. */
CL_NODISCARD enum cl_status node_journal_decode(const void *data, size_t len, json_t **ret,
                                                struct cl_err *err);

json_t *node_file_json(const struct node_file *f); /* null for what is not there */
CL_NODISCARD enum cl_status node_file_take(const json_t *obj, const char *key,
                                           struct node_file *ret, struct cl_err *err);
/* Puts the bytes of a file into blobs; what it has is left. */
CL_NODISCARD enum cl_status node_blob_keep(struct node_run *r, const void *data, size_t len,
                                           char ret[static NODE_HEX_SIZE], struct cl_err *err);
void node_blob_path(const struct node_run *r, const char *sha256, char ret[static NODE_PATH_SIZE]);

#endif
