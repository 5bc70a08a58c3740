/* SPDX-License-Identifier: Apache-2.0
 * config_lines.h - a TOML text as a run of lines: comments, names of tables, keys with their
 * values (which may go over several lines). Trust, threads, memory: config.h.
 */
#ifndef NODE_CONFIG_LINES_H
#define NODE_CONFIG_LINES_H

#include "config.h"

enum node_line_kind { NODE_LINE_EMPTY, NODE_LINE_COMMENT, NODE_LINE_TABLE, NODE_LINE_KEY };

struct node_line {
    enum node_line_kind kind;
    struct node_span span;                          /* whole, with the line's end */
    struct node_table table;                        /* of a table: its name */
    struct node_span key;                           /* of a key */
    struct node_span value;                         /* up to the line's end, that included */
    struct node_span text[NODE_CONFIG_MAX_IMPORTS]; /* texts in the value, with quotes */
    size_t text_count;                              /* may be more than there is room for */
};

/* *pos: 0 at first. false: no more, or an error in *ret_status. */
CL_NODISCARD bool node_line_next(const char *text, size_t len, size_t *pos, struct node_line *ret,
                                 enum cl_status *ret_status, struct cl_err *err);
bool node_line_key_is(const char *text, const struct node_line *l, const char *key);

#endif
