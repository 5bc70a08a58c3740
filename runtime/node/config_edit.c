/* SPDX-License-Identifier: Apache-2.0
 * config_edit.c - what we must know of containerd's configuration, and our edits of it. Trust,
 * threads, memory: config.h.
 */
#include "config_lines.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_BEGIN "# >>> cloister node install: what stands from here"
#define MARK_END "# <<< to here is removed by cloister node uninstall"
#define MARK_LINE " (and one line end before)" /* the file had none at its end */
#define MARK_IMPORT " # cloister node install"

/* --- scanning
 * ------------------------------------------------------------------------------------------- */

static bool begins(const char *text, const struct node_span *s, const char *word)
{
    size_t n = strlen(word);
    return s->end - s->begin >= n && memcmp(text + s->begin, word, n) == 0;
}

bool node_config_is_ours(const struct node_table *t)
{
    static const char *const above[] = {"plugins", NULL, "containerd", "runtimes"};
    for (size_t i = 0; i < t->part_count && i < CL_ARRAY_LEN(above); i++) {
        if (above[i] != NULL && strcmp(t->part[i], above[i]) != 0) {
            return false;
        }
    }
    if (t->part_count > 1 && strcmp(t->part[1], "io.containerd.grpc.v1.cri") != 0 &&
        strcmp(t->part[1], "io.containerd.cri.v1.runtime") != 0) {
        return false;
    }
    return t->part_count > 0 &&
           (t->part_count <= 4 || strncmp(t->part[4], "cloister-", strlen("cloister-")) == 0);
}

static enum cl_status take_version(const char *text, const struct node_line *l,
                                   struct node_config *c, struct cl_err *err)
{
    size_t n = l->value.end - l->value.begin;
    char digit = n > 0 ? text[l->value.begin] : '\0';
    if (digit < '1' || digit > '9' ||
        (n > 1 && strchr(" \t\r\n#", text[l->value.begin + 1]) == NULL)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "version: expected one digit, got '%.*s'",
                          (int)(n < 20 ? n : 20), text + l->value.begin);
    }
    c->version = digit - '0';
    return CL_OK;
}

static enum cl_status take_imports(const char *text, const struct node_line *l,
                                   struct node_config *c, struct cl_err *err)
{
    size_t end = l->value.end;
    if (l->text_count > NODE_CONFIG_MAX_IMPORTS || c->array.end != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "imports: expected one list of at most %u",
                          NODE_CONFIG_MAX_IMPORTS);
    }
    if (text[l->value.begin] != '[') {
        return cl_err_set(err, CL_ERR_MALFORMED, "imports: expected a list of paths");
    }
    size_t after = l->text_count > 0 ? l->text[l->text_count - 1].end : l->value.begin;
    const char *close = memchr(text + after, ']', end - after);
    if (close == NULL || memchr(text + after, '#', (size_t)(close - text) - after) != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "imports: expected a list without a comment before its end");
    }
    c->array = (struct node_span){l->value.begin, (size_t)(close - text) + 1};
    c->import_count = l->text_count;
    memcpy(c->import, l->text, l->text_count * sizeof(l->text[0]));
    return CL_OK;
}

static bool is_table(const struct node_table *t, const char *const *part, size_t count)
{
    bool same = t->part_count == count;
    for (size_t i = 0; same && i < count; i++) {
        same = strcmp(t->part[i], part[i]) == 0;
    }
    return same;
}

static enum cl_status take_line(const char *text, const struct node_line *l, bool *in_table,
                                struct node_config *c, struct cl_err *err)
{
    static const char *const proxy[] = {"proxy_plugins", "cloister"};
    static const char *const containerd[] = {"plugins", "io.containerd.grpc.v1.cri", "containerd"};
    bool in_block = c->block.begin != c->block.end && c->block.end == SIZE_MAX;
    if (l->kind == NODE_LINE_COMMENT && begins(text, &l->span, MARK_BEGIN)) {
        if (c->block.end != 0) {
            return cl_err_set(err, CL_ERR_MALFORMED, "our mark: expected it once, got it twice");
        }
        c->block = (struct node_span){l->span.begin, SIZE_MAX};
    } else if (in_block && l->kind == NODE_LINE_COMMENT && begins(text, &l->span, MARK_END)) {
        c->block.end = l->span.end;
    } else if (l->kind == NODE_LINE_TABLE) {
        *in_table = true;
        c->has_table = c->has_table || !in_block;
        c->has_runtimes = c->has_runtimes || (!in_block && l->table.part_count >= 5 &&
                                              strcmp(l->table.part[3], "runtimes") == 0);
        c->has_proxy = c->has_proxy || (!in_block && is_table(&l->table, proxy, 2));
        c->has_containerd = c->has_containerd || (!in_block && is_table(&l->table, containerd, 3));
        if (!in_block && l->table.part_count >= 5 && node_config_is_ours(&l->table)) {
            (void)snprintf(c->handler, sizeof(c->handler), "%s", l->table.part[4]);
        }
    } else if (!*in_table && node_line_key_is(text, l, "version")) {
        c->after_version = l->span.end;
        return take_version(text, l, c, err);
    } else if (!*in_table && node_line_key_is(text, l, "imports")) {
        return take_imports(text, l, c, err);
    } else if (l->kind == NODE_LINE_KEY) {
        c->has_table = true;
    }
    return CL_OK;
}

enum cl_status node_config_scan(const char *text, size_t len, struct node_config *ret,
                                struct cl_err *err)
{
    struct node_config c = {0};
    struct node_line *l = calloc(1, sizeof(*l));
    enum cl_status st = CL_OK;
    size_t pos = 0;
    bool in_table = false;
    if (l == NULL) {
        return cl_err_nomem(err, "configuration");
    }
    if (len > NODE_CONFIG_MAX_SIZE) {
        st = cl_err_set(err, CL_ERR_MALFORMED, "expected at most %u bytes, got %zu",
                        NODE_CONFIG_MAX_SIZE, len);
    }
    while (st == CL_OK && node_line_next(text, len, &pos, l, &st, err)) {
        st = take_line(text, l, &in_table, &c, err);
    }
    free(l);
    if (st == CL_OK && c.block.end == SIZE_MAX) {
        st = cl_err_set(err, CL_ERR_MALFORMED, "our mark: expected the one that ends, got none");
    }
    if (st == CL_OK) {
        *ret = c;
    }
    return st;
}

/* --- imports
 * ---------------------------------------------------------------------------------------- */

/* The text between the quotes of an import, as long as it has no escapes. */
static bool import_text(const char *text, const struct node_span *s, char *ret, size_t size)
{
    size_t n = s->end - s->begin - 2;
    if (s->end - s->begin < 2 || n >= size || memchr(text + s->begin, '\\', n) != NULL) {
        return false;
    }
    memcpy(ret, text + s->begin + 1, n);
    ret[n] = '\0';
    return true;
}

bool node_config_imports(const char *text, const struct node_config *c, const char *dir,
                         const char *path)
{
    char value[1024];
    char full[2048];
    for (size_t i = 0; i < c->import_count; i++) {
        if (!import_text(text, &c->import[i], value, sizeof(value))) {
            continue;
        }
        (void)snprintf(full, sizeof(full), "%s%s%s", value[0] == '/' ? "" : dir,
                       value[0] == '/' ? "" : "/", value);
        if (fnmatch(full, path, FNM_PATHNAME) == 0) {
            return true;
        }
    }
    return false;
}

enum cl_status node_config_add_import(const char *text, size_t len, const char *path,
                                      struct cl_buf *ret, struct cl_err *err)
{
    struct node_config c;
    CL_TRY(node_config_scan(text, len, &c, err));
    size_t at = c.import_count > 0 ? c.import[c.import_count - 1].end
                : c.array.end != 0 ? c.array.begin + 1
                                   : c.after_version;
    CL_TRY(cl_buf_append(ret, text, at, err));
    if (c.array.end != 0) {
        CL_TRY(cl_buf_printf(ret, err, "%s\"%s\"", c.import_count > 0 ? ", " : "", path));
    } else {
        CL_TRY(cl_buf_printf(ret, err, "%simports = [\"%s\"]" MARK_IMPORT "\n",
                             at > 0 && text[at - 1] != '\n' ? "\n" : "", path));
    }
    return cl_buf_append(ret, text + at, len - at, err);
}

enum cl_status node_config_add_block(const char *text, size_t len, const char *tables,
                                     struct cl_buf *ret, struct cl_err *err)
{
    bool line = len > 0 && text[len - 1] != '\n';
    CL_TRY(cl_buf_append(ret, text, len, err));
    return cl_buf_printf(ret, err, "%s" MARK_BEGIN "%s\n%s" MARK_END "\n", line ? "\n" : "",
                         line ? MARK_LINE : "", tables);
}

/* --- without us
 * -------------------------------------------------------------------------------------- */

/* The bytes of import i with the comma that goes with it; its whole line if that is ours. */
static struct node_span import_cut(const char *text, size_t len, const struct node_config *c,
                                   size_t i)
{
    size_t begin = c->array.begin;
    size_t end = c->array.end;
    while (begin > 0 && text[begin - 1] != '\n') {
        begin--;
    }
    struct node_span rest = {end, len};
    if (c->import_count == 1 && begins(text, &rest, MARK_IMPORT "\n")) {
        return (struct node_span){begin, end + strlen(MARK_IMPORT "\n")};
    }
    if (i > 0) {
        return (struct node_span){c->import[i - 1].end, c->import[i].end};
    }
    return (struct node_span){c->import[0].begin,
                              c->import_count > 1 ? c->import[1].begin : c->import[0].end};
}

static struct node_span block_cut(const char *text, const struct node_config *c)
{
    struct node_span mark = {c->block.begin + strlen(MARK_BEGIN), c->block.end};
    bool line = c->block.begin > 0 && begins(text, &mark, MARK_LINE);
    return (struct node_span){c->block.begin - line, c->block.end};
}

static enum cl_status without(const char *text, size_t len, struct node_span cut,
                              struct cl_buf *ret, struct cl_err *err)
{
    CL_TRY(cl_buf_append(ret, text, cut.begin, err));
    return cl_buf_append(ret, text + cut.end, len - cut.end, err);
}

enum cl_status node_config_strip(const char *text, size_t len, const char *path, struct cl_buf *ret,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf half = {0};
    struct node_config c;
    char value[1024];
    struct node_span cut = {0, 0};
    CL_TRY(node_config_scan(text, len, &c, err));
    if (c.block.end != 0) {
        cut = block_cut(text, &c);
    }
    CL_TRY(without(text, len, cut, &half, err));
    cut = (struct node_span){0, 0};
    const char *rest = half.data != NULL ? (const char *)half.data : "";
    CL_TRY(node_config_scan(rest, half.len, &c, err));
    for (size_t i = 0; i < c.import_count; i++) {
        if (import_text(rest, &c.import[i], value, sizeof(value)) && strcmp(value, path) == 0) {
            cut = import_cut(rest, half.len, &c, i);
        }
    }
    return without(rest, half.len, cut, ret, err);
}
