/* SPDX-License-Identifier: Apache-2.0
 * tree.h - walking and changing a directory tree by descriptors, without ever following a symbolic
 * link. Trust: paths are hostile. Threads: one per tree. Memory: fixed.
 */
#ifndef AGENT_TREE_H
#define AGENT_TREE_H

#include "agent/limits.h"

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* A path taken apart: no empty, "." or ".." components, no leading or trailing slash. */
struct agent_path {
    char text[AGENT_MAX_PATH + 1]; /* "a/b/c"; empty: the root itself */
    size_t len;
    size_t parent_len; /* "a/b" */
    const char *name;  /* "c"; into text */
    unsigned depth;
};

/* Messages name `what`. */
CL_NODISCARD enum cl_status agent_path_parse(const char *text, const char *what, unsigned max_depth,
                                             struct agent_path *ret, struct cl_err *err);

struct agent_tree {
    int root_fd;   /* borrowed */
    int parent_fd; /* of the last path asked for; -1: none */
    char parent[AGENT_MAX_PATH + 1];
};

void agent_tree_init(struct agent_tree *t, int root_fd);
void agent_tree_done(struct agent_tree *t);
/* The directory that holds the path's last component; borrowed until the next call. create: missing
 * directories are made (0755, root). A component that is not a directory (a symbolic link above
 * all) is CL_ERR_REJECTED. */
CL_NODISCARD enum cl_status agent_tree_parent(struct agent_tree *t, const struct agent_path *p,
                                              bool create, int *ret_fd, struct cl_err *err);
/* Forgets the cached descriptor; needed after a directory was removed. */
void agent_tree_forget(struct agent_tree *t);

/* Removes `path` (a file, or a directory with what is in it), except what `keep` says stays, and
 * directories that hold it. keep NULL: everything goes. Something absent is fine. */
struct agent_keep {
    void *ctx;
    bool (*keep)(void *ctx, const char *path);
};
CL_NODISCARD enum cl_status agent_tree_remove(struct agent_tree *t, const struct agent_path *p,
                                              const struct agent_keep *keep, struct cl_err *err);
/* The same for what is in a directory; the directory stays. */
CL_NODISCARD enum cl_status agent_tree_clear(struct agent_tree *t, const struct agent_path *dir,
                                             const struct agent_keep *keep, struct cl_err *err);

#endif
