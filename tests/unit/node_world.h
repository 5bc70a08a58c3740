/* SPDX-License-Identifier: Apache-2.0
 * node_world.h - trees of a node for tests of runtime/node, payloads, and what a tree looks like.
 */
#ifndef NODE_WORLD_H
#define NODE_WORLD_H

#include "node/node.h"

#include "base/buf.h"

#include "check_main.h"

struct node_world {
    char root[64];
    char payload[2][96];
    struct node_options o; /* install of class sim with payload[0] into root */
};

/* config: containerd's configuration, or NULL for none. version: of containerd. */
void node_world_init(struct node_world *w, const char *config, const char *version);
void node_world_done(struct node_world *w);
/* Every path of the tree with its mode and contents. New. */
char *node_world_look(const struct node_world *w);
/* It looks as it did `before` (freed), and is done with. */
void node_world_end(struct node_world *w, char *before);
void node_world_write(const struct node_world *w, const char *path, const char *text);
/* New. */
char *node_world_read(const struct node_world *w, const char *path);

#define CONFIG "/etc/containerd/config.toml"
typedef enum cl_status node_operation(const struct node_options *o, json_t **ret,
                                      const char **ret_hint, struct cl_err *err);
/* Runs one and expects this of it; the document is dropped. */
void node_world_run(node_operation *f, const struct node_options *o, enum cl_status expected);

#endif
