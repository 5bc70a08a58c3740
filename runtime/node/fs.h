/* SPDX-License-Identifier: Apache-2.0
 * fs.h - files of a tree: looked at without following links, replaced atomically and durably.
 * Trust: paths are ours or the operator's. A link where a file is expected is an error: to replace
 *        it would break what the operator built. Threads: plain values. Memory: the caller's.
 */
#ifndef NODE_FS_H
#define NODE_FS_H

#include "base/buf.h"

#include "base/digest.h"

#include <stdbool.h>
#include <sys/types.h>

#define NODE_PATH_SIZE 1024u
#define NODE_HEX_SIZE (2 * CL_SHA256_SIZE + 1)

struct node_tree {
    char root[NODE_PATH_SIZE]; /* "" for this machine */
};

struct node_file { /* what lies at a path */
    bool there;
    char sha256[NODE_HEX_SIZE];
    mode_t mode; /* permission bits */
    uid_t uid;
    gid_t gid;
};

/* root + path into ret. CL_ERR_MALFORMED for a path that is not absolute, has a part "..", or is
 * too long. */
CL_NODISCARD enum cl_status node_path(const struct node_tree *t, const char *path,
                                      char ret[static NODE_PATH_SIZE], struct cl_err *err);
/* there == false when there is nothing. CL_ERR_REJECTED for what is no regular file. */
CL_NODISCARD enum cl_status node_stat(const struct node_tree *t, const char *path,
                                      struct node_file *ret, struct cl_err *err);
/* CL_ERR_SYS, ENOENT when absent. */
CL_NODISCARD enum cl_status node_read(const struct node_tree *t, const char *path, size_t max,
                                      struct cl_buf *ret, struct cl_err *err);
/* Copies `from` (a path of the machine) to a new file beside `path`, checks that it has the digest
 * and renames. CL_ERR_REJECTED when the source has another. */
CL_NODISCARD enum cl_status node_put(const struct node_tree *t, const char *from, const char *path,
                                     const struct node_file *want, struct cl_err *err);
/* Absent is fine. */
CL_NODISCARD enum cl_status node_remove(const struct node_tree *t, const char *path,
                                        struct cl_err *err);
/* There already is fine. */
CL_NODISCARD enum cl_status node_mkdir(const struct node_tree *t, const char *path, mode_t mode,
                                       struct cl_err *err);
/* Absent is fine; so is one that is not empty, which stays. */
CL_NODISCARD enum cl_status node_rmdir(const struct node_tree *t, const char *path,
                                       struct cl_err *err);
bool node_is_dir(const struct node_tree *t, const char *path);
CL_NODISCARD enum cl_status node_sha256(const void *data, size_t len,
                                        char ret[static NODE_HEX_SIZE], struct cl_err *err);

#endif
