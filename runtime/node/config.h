/* SPDX-License-Identifier: Apache-2.0
 * config.h - containerd's configuration as text: what of it we must know, and the two edits that
 * we make. Nothing is parsed and written anew: whatever else stands there keeps its bytes.
 * Trust: the text is hostile; what has no clear structure is CL_ERR_MALFORMED with its line, and
 *        nobody edits it. Threads: pure. Memory: NODE_CONFIG_MAX_SIZE and what is read of it.
 *
 * Why two edits (seen with `containerd config dump` of 1.6.20; 2.x by its sources):
 * - containerd 2.x merges the tables of a drop-in into those of the main file: our runtimes are a
 *   drop-in of ours, and the main file gets at most one `imports` entry.
 * - 1.6 and 1.7 replace the table of a plugin as a whole: a drop-in with one runtime would silently
 *   take away everything that the node's own file says of the CRI plugin, runc among it. There our
 *   runtimes stand at the end of the main file, between two lines that mark them.
 * - There, too, a file that names any runtime takes away the default ones (runc): where the node's
 *   own file names none, our tables repeat them as containerd's own account has them.
 */
#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H

#include "node/node.h"

#define NODE_CONFIG_MAX_IMPORTS 64u
#define NODE_CONFIG_MAX_PARTS 16u  /* of a table's name */
#define NODE_CONFIG_PART_SIZE 256u /* bytes, with the NUL */

struct node_span { /* bytes begin..end of the text */
    size_t begin;
    size_t end;
};

struct node_table { /* a table's name */
    char part[NODE_CONFIG_MAX_PARTS][NODE_CONFIG_PART_SIZE];
    size_t part_count;
};

struct node_config {
    int version;            /* 0: none said, which is 1 */
    bool has_table;         /* or any key but version and imports */
    size_t after_version;   /* where a line may be put that belongs to no table */
    struct node_span array; /* of imports, brackets included; 0, 0: none */
    struct node_span import[NODE_CONFIG_MAX_IMPORTS]; /* each with its quotes */
    size_t import_count;
    struct node_span block; /* our own, with its marks; 0, 0: none */
    char
        handler[NODE_CONFIG_PART_SIZE]; /* a runtime cloister-... that is not in our block; or "" */
    bool has_proxy;                     /* a table proxy_plugins.cloister, not in our block */
    bool has_containerd;                /* the table of CRI's `containerd`, not in our block */
    bool has_runtimes;                  /* tables of CRI runtimes that are not in our block */
};

/* Reads the structure. text need not end with a NUL. */
CL_NODISCARD enum cl_status node_config_scan(const char *text, size_t len, struct node_config *ret,
                                             struct cl_err *err);
/* Whether one of the imports means `path`; dir: folder of the file, for relative ones. */
bool node_config_imports(const char *text, const struct node_config *c, const char *dir,
                         const char *path);
/* The text with `path` among its imports. Appended to ret. */
CL_NODISCARD enum cl_status node_config_add_import(const char *text, size_t len, const char *path,
                                                   struct cl_buf *ret, struct cl_err *err);
/* The text with our tables at its end. */
CL_NODISCARD enum cl_status node_config_add_block(const char *text, size_t len, const char *tables,
                                                  struct cl_buf *ret, struct cl_err *err);
/* The text without what the two have added, also when it was changed elsewhere since. */
CL_NODISCARD enum cl_status node_config_strip(const char *text, size_t len, const char *path,
                                              struct cl_buf *ret, struct cl_err *err);

/* Compares two outputs of `containerd config dump`: `after` has everything of `before`, and besides
 * only tables of our runtimes. CL_ERR_REJECTED names the first table that is not so. */
CL_NODISCARD enum cl_status node_config_compare(const char *before, size_t before_len,
                                                const char *after, size_t after_len,
                                                struct cl_err *err);
/* Such an output as one object: table's parts and key, each ended by a line end, to the value's
 * text. */
CL_NODISCARD enum cl_status node_config_flatten(const char *text, size_t len, json_t **ret,
                                                struct cl_err *err);
/* Tables of the runtimes that a flattened output of 1.x has, as text. */
CL_NODISCARD enum cl_status node_config_runtimes(const json_t *flat, struct cl_buf *ret,
                                                 struct cl_err *err);
/* Text `key` of the CRI plugin's table `table` (its parts behind the plugin's, each ended by a line
 * end) in a flattened output, without quotes; false: none. */
bool node_config_cri(const json_t *flat, const char *table, const char *key, char *ret,
                     size_t size);

/* Whether a table is one of our runtimes', or one that stands above them. */
bool node_config_is_ours(const struct node_table *t);

#endif
