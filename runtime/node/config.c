/* SPDX-License-Identifier: Apache-2.0
 * config.c - the structure of a TOML text, line by line. Trust, threads, memory: config.h.
 */
#include "config_lines.h"

#include <stdio.h>
#include <string.h>

/* --- values
 * ---------------------------------------------------------------------------------------------- */

struct scan { /* pos <= len */
    const char *text;
    size_t len;
    size_t pos;
};

static bool starts(const struct scan *s, const char *word)
{
    size_t n = strlen(word);
    return s->len - s->pos >= n && memcmp(s->text + s->pos, word, n) == 0;
}

static enum cl_status wrong(const struct scan *s, const char *what, struct cl_err *err)
{
    size_t line = 1;
    for (size_t i = 0; i < s->pos; i++) {
        line += s->text[i] == '\n';
    }
    return cl_err_at(err, CL_ERR_MALFORMED, s->pos, "line %zu: %s", line, what);
}

static void skip_blanks(struct scan *s)
{
    while (s->pos < s->len && (s->text[s->pos] == ' ' || s->text[s->pos] == '\t')) {
        s->pos++;
    }
}

static void skip_line(struct scan *s)
{
    while (s->pos < s->len && s->text[s->pos] != '\n') {
        s->pos++;
    }
    s->pos += s->pos < s->len;
}

/* A text, from its first quote to behind its last one. */
static enum cl_status skip_text(struct scan *s, struct cl_err *err)
{
    char quote[4] = {s->text[s->pos], '\0', '\0', '\0'};
    bool basic = quote[0] == '"';
    char three[4] = {quote[0], quote[0], quote[0], '\0'};
    bool lines = starts(s, three);
    const char *end = lines ? three : quote;
    s->pos += strlen(end);
    while (s->pos < s->len && !starts(s, end)) {
        if (!lines && s->text[s->pos] == '\n') {
            break;
        }
        s->pos += basic && s->text[s->pos] == '\\' && s->pos + 1 < s->len ? 2 : 1;
    }
    if (!starts(s, end)) {
        return wrong(s, "expected the end of a text, got none", err);
    }
    s->pos += strlen(end);
    while (lines && s->pos < s->len && s->text[s->pos] == quote[0]) { /* up to two belong to it */
        s->pos++;
    }
    return CL_OK;
}

/* A value to the end of its line, arrays over several lines included. on_text is told each text. */
static enum cl_status skip_value(struct scan *s, struct node_span *texts, size_t max,
                                 size_t *ret_count, struct cl_err *err)
{
    size_t depth = 0;
    size_t count = 0;
    while (s->pos < s->len) {
        char c = s->text[s->pos];
        size_t begin = s->pos;
        if (c == '"' || c == '\'') {
            CL_TRY(skip_text(s, err));
            if (count < max) {
                texts[count] = (struct node_span){begin, s->pos};
            }
            count++;
            continue;
        }
        if (c == '#') {
            skip_line(s);
            s->pos -= s->pos > begin && s->text[s->pos - 1] == '\n';
            continue;
        }
        if (c == '\n' && depth == 0) {
            break;
        }
        depth += c == '[' || c == '{';
        if (c == ']' || c == '}') {
            if (depth == 0) {
                return wrong(s, "expected a value, got a bracket that closes nothing", err);
            }
            depth--;
        }
        s->pos++;
    }
    s->pos += s->pos < s->len;
    *ret_count = count;
    return depth == 0 ? CL_OK : wrong(s, "expected the end of an array, got none", err);
}

/* --- names of tables
 * ------------------------------------------------------------------------------------- */

static bool is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static enum cl_status take_part(struct scan *s, char ret[static NODE_CONFIG_PART_SIZE],
                                struct cl_err *err)
{
    size_t begin = s->pos;
    size_t quotes = 0;
    if (s->pos < s->len && (s->text[s->pos] == '"' || s->text[s->pos] == '\'')) {
        CL_TRY(skip_text(s, err));
        quotes = 1;
    } else {
        while (s->pos < s->len && is_bare(s->text[s->pos])) {
            s->pos++;
        }
    }
    size_t n = s->pos - begin - 2 * quotes;
    if (s->pos == begin || n >= NODE_CONFIG_PART_SIZE) {
        return wrong(s, "expected a table's name", err);
    }
    memcpy(ret, s->text + begin + quotes, n);
    ret[n] = '\0';
    return CL_OK;
}

/* At a '['. Afterwards behind the line. */
static enum cl_status take_header(struct scan *s, struct node_table *t, struct cl_err *err)
{
    bool twice = starts(s, "[[");
    s->pos += twice ? 2 : 1;
    t->part_count = 0;
    for (;;) {
        skip_blanks(s);
        if (t->part_count == NODE_CONFIG_MAX_PARTS) {
            return wrong(s, "expected a name of fewer parts", err);
        }
        CL_TRY(take_part(s, t->part[t->part_count], err));
        t->part_count++;
        skip_blanks(s);
        if (!starts(s, ".")) {
            break;
        }
        s->pos++;
    }
    if (!starts(s, twice ? "]]" : "]")) {
        return wrong(s, "expected the end of a table's name", err);
    }
    s->pos += twice ? 2 : 1;
    skip_blanks(s);
    if (s->pos < s->len && strchr("#\r\n", s->text[s->pos]) == NULL) {
        return wrong(s, "expected the end of the line after a table's name", err);
    }
    skip_line(s);
    return CL_OK;
}

/* --- lines
 * -----------------------------------------------------------------------------------------------
 */

static enum cl_status take_key(struct scan *s, struct node_line *l, struct cl_err *err)
{
    l->key.begin = s->pos;
    while (s->pos < s->len && s->text[s->pos] != '=' && s->text[s->pos] != '\n') {
        if (s->text[s->pos] == '"' || s->text[s->pos] == '\'') {
            CL_TRY(skip_text(s, err));
            continue;
        }
        s->pos++;
    }
    if (!starts(s, "=")) {
        return wrong(s, "expected a key and '='", err);
    }
    l->key.end = s->pos;
    while (l->key.end > l->key.begin &&
           (s->text[l->key.end - 1] == ' ' || s->text[l->key.end - 1] == '\t')) {
        l->key.end--;
    }
    s->pos++;
    skip_blanks(s);
    l->value.begin = s->pos;
    CL_TRY(skip_value(s, l->text, CL_ARRAY_LEN(l->text), &l->text_count, err));
    l->value.end = s->pos;
    return CL_OK;
}

bool node_line_next(const char *text, size_t len, size_t *pos, struct node_line *ret,
                    enum cl_status *ret_status, struct cl_err *err)
{
    struct scan s = {.text = text, .len = len, .pos = *pos};
    *ret_status = CL_OK;
    if (s.pos >= len) {
        return false;
    }
    ret->span.begin = s.pos;
    skip_blanks(&s);
    char c = s.pos < len ? text[s.pos] : '\n';
    if (c == '\0' || memchr(text + ret->span.begin, '\0', 1) != NULL) {
        *ret_status = wrong(&s, "expected text, got a NUL", err);
    } else if (c == '\n' || c == '\r' || c == '#') {
        ret->kind = c == '#' ? NODE_LINE_COMMENT : NODE_LINE_EMPTY;
        skip_line(&s);
    } else if (c == '[') {
        ret->kind = NODE_LINE_TABLE;
        *ret_status = take_header(&s, &ret->table, err);
    } else {
        ret->kind = NODE_LINE_KEY;
        *ret_status = take_key(&s, ret, err);
    }
    ret->span.end = s.pos;
    *pos = s.pos;
    return *ret_status == CL_OK;
}

bool node_line_key_is(const char *text, const struct node_line *l, const char *key)
{
    size_t n = strlen(key);
    return l->kind == NODE_LINE_KEY && l->key.end - l->key.begin == n &&
           memcmp(text + l->key.begin, key, n) == 0;
}
