/* SPDX-License-Identifier: Apache-2.0
 * toml.c - a strict subset of TOML 1.0 as a recursive-free, line-oriented parser.
 * Trust: the text is hostile. Every loop moves `pos` forward and is bounded by `len`.
 */
#include "base/toml.h"

#include <string.h>

#define TOML_MAX_KEYS 4096u
#define TOML_MAX_ARRAY 4096u

struct toml {
    const char *text;
    size_t len;
    size_t pos;
    unsigned line;
    unsigned keys;
    const char *what;
    struct cl_err *err;
};

static enum cl_status bad(const struct toml *t, const char *why)
{
    return cl_err_at(t->err, CL_ERR_MALFORMED, t->pos, "%s: line %u: %s", t->what, t->line, why);
}

static int peek(const struct toml *t, size_t ahead)
{
    return ahead < t->len - t->pos ? (unsigned char)t->text[t->pos + ahead] : -1;
}

static bool looking_at(const struct toml *t, const char *s)
{
    size_t n = strlen(s);
    return n <= t->len - t->pos && memcmp(t->text + t->pos, s, n) == 0;
}

static void skip_blanks(struct toml *t)
{
    while (peek(t, 0) == ' ' || peek(t, 0) == '\t') {
        t->pos++;
    }
}

/* Moves over "\n" or "\r\n". */
static bool take_newline(struct toml *t)
{
    size_t n = peek(t, 0) == '\n' ? 1 : peek(t, 0) == '\r' && peek(t, 1) == '\n' ? 2 : 0;
    t->pos += n;
    t->line += n != 0;
    return n != 0;
}

static bool is_control(int c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static enum cl_status skip_comment(struct toml *t)
{
    if (peek(t, 0) != '#') {
        return CL_OK;
    }
    while (t->pos < t->len && peek(t, 0) != '\n' && !(peek(t, 0) == '\r' && peek(t, 1) == '\n')) {
        if (is_control(peek(t, 0))) {
            return bad(t, "control character in a comment");
        }
        t->pos++;
    }
    return CL_OK;
}

/* White space, comments and line ends, as between the items of an array. */
static enum cl_status skip_space(struct toml *t)
{
    do {
        skip_blanks(t);
        CL_TRY(skip_comment(t));
    } while (take_newline(t));
    return CL_OK;
}

static enum cl_status end_of_line(struct toml *t)
{
    skip_blanks(t);
    CL_TRY(skip_comment(t));
    if (t->pos < t->len && !take_newline(t)) {
        return bad(t, "expected the end of the line");
    }
    return CL_OK;
}

static enum cl_status append_utf8(struct toml *t, struct cl_buf *out, uint32_t c)
{
    uint8_t b[4];
    size_t n = 0;
    if (c < 0x80) {
        b[n++] = (uint8_t)c;
    } else if (c < 0x800) {
        b[n++] = (uint8_t)(0xc0 | c >> 6);
        b[n++] = (uint8_t)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        b[n++] = (uint8_t)(0xe0 | c >> 12);
        b[n++] = (uint8_t)(0x80 | (c >> 6 & 63));
        b[n++] = (uint8_t)(0x80 | (c & 63));
    } else {
        b[n++] = (uint8_t)(0xf0 | c >> 18);
        b[n++] = (uint8_t)(0x80 | (c >> 12 & 63));
        b[n++] = (uint8_t)(0x80 | (c >> 6 & 63));
        b[n++] = (uint8_t)(0x80 | (c & 63));
    }
    return cl_buf_append(out, b, n, t->err);
}

static enum cl_status take_unicode(struct toml *t, size_t digits, struct cl_buf *out)
{
    uint32_t c = 0;
    for (size_t i = 0; i < digits; i++) {
        int d = peek(t, 0);
        int v = d >= '0' && d <= '9'   ? d - '0'
                : d >= 'a' && d <= 'f' ? d - 'a' + 10
                : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                       : -1;
        if (v < 0) {
            return bad(t, "bad \\u escape");
        }
        c = c << 4 | (uint32_t)v;
        t->pos++;
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return bad(t, "escape names no character allowed here");
    }
    return append_utf8(t, out, c);
}

/* The part of an escape behind its backslash. */
static enum cl_status take_escape(struct toml *t, bool multi, struct cl_buf *out)
{
    static const char from[] = "btnfr\"\\";
    static const char to[] = "\b\t\n\f\r\"\\";
    int c = peek(t, 0);
    const char *hit = c > 0 ? strchr(from, c) : NULL;
    if (hit != NULL) {
        t->pos++;
        return cl_buf_append(out, &to[hit - from], 1, t->err);
    }
    if (c == 'u' || c == 'U') {
        t->pos++;
        return take_unicode(t, c == 'u' ? 4 : 8, out);
    }
    if (multi && (c == '\n' || c == '\r' || c == ' ' || c == '\t')) { /* line-ending backslash */
        skip_blanks(t);
        if (!take_newline(t)) {
            return bad(t, "bad escape");
        }
        do {
            skip_blanks(t);
        } while (take_newline(t));
        return CL_OK;
    }
    return bad(t, "bad escape");
}

/* One string of the given delimiter (quote, or quote three times), the opening one already taken.
 */
static enum cl_status take_string_body(struct toml *t, const char *delim, struct cl_buf *out)
{
    bool multi = delim[1] != '\0';
    bool basic = delim[0] == '"';
    if (multi) {
        (void)take_newline(t); /* one directly behind the delimiter does not count */
    }
    for (;;) {
        if (t->pos >= t->len) {
            return bad(t, "string without an end");
        }
        if (looking_at(t, delim)) {
            /* a multi-line string may end in one or two quotes of its own */
            if (!multi || peek(t, 3) != delim[0]) {
                t->pos += strlen(delim);
                return cl_buf_append(out, "", 0, t->err);
            }
        }
        size_t start = t->pos;
        if (multi && take_newline(t)) {
            CL_TRY(cl_buf_append(out, t->text + start, t->pos - start, t->err));
            continue;
        }
        int c = peek(t, 0);
        if (is_control(c)) {
            return bad(t, "control character in a string");
        }
        t->pos++;
        if (basic && c == '\\') {
            CL_TRY(take_escape(t, multi, out));
        } else {
            CL_TRY(cl_buf_append(out, t->text + start, 1, t->err));
        }
    }
}

static enum cl_status take_string(struct toml *t, bool allow_multi, struct cl_buf *out)
{
    static const char *const delims[] = {"\"\"\"", "'''", "\"", "'"};
    for (size_t i = allow_multi ? 0 : 2; i < CL_ARRAY_LEN(delims); i++) {
        if (looking_at(t, delims[i])) {
            t->pos += strlen(delims[i]);
            return take_string_body(t, delims[i], out);
        }
    }
    return bad(t, "expected a string");
}

static bool is_bare(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static enum cl_status take_key(struct toml *t, struct cl_buf *out)
{
    if (++t->keys > TOML_MAX_KEYS) {
        return bad(t, "too many keys");
    }
    if (peek(t, 0) == '"' || peek(t, 0) == '\'') {
        return take_string(t, /* allow_multi= */ false, out);
    }
    size_t start = t->pos;
    while (is_bare(peek(t, 0))) {
        t->pos++;
    }
    if (t->pos == start) {
        return bad(t, "expected a key");
    }
    return cl_buf_append(out, t->text + start, t->pos - start, t->err);
}

static enum cl_status take_integer(struct toml *t, json_t **ret)
{
    bool negative = peek(t, 0) == '-';
    t->pos += negative;
    int64_t x = 0;
    size_t start = t->pos;
    while (peek(t, 0) >= '0' && peek(t, 0) <= '9') {
        if (__builtin_mul_overflow(x, 10, &x) ||
            __builtin_add_overflow(x, (int64_t)(peek(t, 0) - '0'), &x)) {
            return bad(t, "integer out of range");
        }
        t->pos++;
    }
    size_t digits = t->pos - start;
    if (digits == 0 || (digits > 1 && t->text[start] == '0')) {
        return bad(t, "expected a string, integer, boolean or array");
    }
    *ret = json_integer(negative ? -x : x);
    return *ret != NULL ? CL_OK : cl_err_nomem(t->err, t->what);
}

static enum cl_status take_scalar(struct toml *t, json_t **ret)
{
    int c = peek(t, 0);
    if (c == '"' || c == '\'') {
        CL_CLEANUP(cl_buf_done) struct cl_buf s = {0};
        CL_TRY(take_string(t, /* allow_multi= */ true, &s));
        *ret = json_stringn((const char *)s.data, s.len);
        return *ret != NULL ? CL_OK : bad(t, "expected UTF-8 text");
    }
    if (looking_at(t, "true") || looking_at(t, "false")) {
        bool v = c == 't';
        t->pos += v ? 4 : 5;
        *ret = json_boolean(v);
        return is_bare(peek(t, 0)) ? bad(t, "expected a boolean") : CL_OK;
    }
    return take_integer(t, ret);
}

/* Of arrays of arrays one level: pairs of a list. */
static enum cl_status take_array(struct toml *t, unsigned level, json_t *array)
{
    t->pos++; /* '[' */
    for (;;) {
        CL_TRY(skip_space(t));
        if (peek(t, 0) == ']') {
            t->pos++;
            return CL_OK;
        }
        json_t *item = NULL;
        if (peek(t, 0) == '[' && level == 0) {
            CL_CLEANUP(cl_json_decrefp) json_t *inner = json_array();
            if (inner == NULL) {
                return cl_err_nomem(t->err, t->what);
            }
            CL_TRY(take_array(t, level + 1, inner));
            item = CL_TAKE(inner);
        } else {
            CL_TRY(take_scalar(t, &item));
        }
        if (json_array_append_new(array, item) != 0) {
            return cl_err_nomem(t->err, t->what);
        }
        if (json_array_size(array) > TOML_MAX_ARRAY) {
            return bad(t, "array too long");
        }
        CL_TRY(skip_space(t));
        if (peek(t, 0) == ',') {
            t->pos++;
        } else if (peek(t, 0) != ']') {
            return bad(t, "expected ',' or ']'");
        }
    }
}

static enum cl_status key_text(struct toml *t, const struct cl_buf *key, const char **ret)
{
    struct cl_err inner = {0};
    if (cl_buf_cstr(key, "key", ret, &inner) != CL_OK) {
        return bad(t, "NUL in a key");
    }
    return CL_OK;
}

static enum cl_status take_assignment(struct toml *t, json_t *table)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf key = {0};
    CL_TRY(take_key(t, &key));
    const char *name = NULL;
    CL_TRY(key_text(t, &key, &name));
    skip_blanks(t);
    if (peek(t, 0) != '=') {
        return bad(t, "expected '=' behind the key");
    }
    t->pos++;
    skip_blanks(t);
    if (json_object_get(table, name) != NULL) {
        return bad(t, "key given twice");
    }
    CL_CLEANUP(cl_json_decrefp) json_t *value = NULL;
    if (peek(t, 0) == '[') {
        value = json_array();
        if (value == NULL) {
            return cl_err_nomem(t->err, t->what);
        }
        CL_TRY(take_array(t, 0, value));
    } else {
        CL_TRY(take_scalar(t, &value));
    }
    if (json_object_set(table, name, value) != 0) {
        return bad(t, "expected a UTF-8 key");
    }
    return end_of_line(t);
}

/* "[a.b]": walks or makes the tables and leaves the last one in *ret_table. Naming the same table
 * twice is an error. */
static enum cl_status take_header(struct toml *t, json_t *root, json_t *seen, json_t **ret_table)
{
    json_t *table = root;
    CL_CLEANUP(cl_buf_done) struct cl_buf path = {0};
    t->pos++; /* '[' */
    for (unsigned depth = 0;; depth++) {
        skip_blanks(t);
        CL_CLEANUP(cl_buf_done) struct cl_buf key = {0};
        CL_TRY(take_key(t, &key));
        const char *name = NULL;
        CL_TRY(key_text(t, &key, &name));
        if (depth >= 8) {
            return bad(t, "tables nested too deep");
        }
        json_t *next = json_object_get(table, name);
        if (next == NULL) {
            next = json_object();
            if (json_object_set_new(table, name, next) != 0) {
                return bad(t, "expected a UTF-8 key");
            }
        } else if (!json_is_object(next)) {
            return bad(t, "table named like a key");
        }
        table = next;
        CL_TRY(cl_buf_printf(&path, t->err, "%zu:%s.", strlen(name), name));
        skip_blanks(t);
        if (peek(t, 0) != '.') {
            break;
        }
        t->pos++;
    }
    if (peek(t, 0) != ']') {
        return bad(t, "expected ']'");
    }
    t->pos++;
    const char *id = (const char *)path.data;
    if (json_object_get(seen, id) != NULL || json_object_set_new(seen, id, json_true()) != 0) {
        return bad(t, "table given twice");
    }
    *ret_table = table;
    return end_of_line(t);
}

enum cl_status cl_toml_parse(const char *text, size_t len, const char *what, json_t **ret_j,
                             struct cl_err *err)
{
    if (len > CL_TOML_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: size: expected at most %u bytes, got %zu",
                          what, CL_TOML_MAX_SIZE, len);
    }
    struct toml t = {.text = text, .len = len, .line = 1, .what = what, .err = err};
    CL_CLEANUP(cl_json_decrefp) json_t *root = json_object();
    CL_CLEANUP(cl_json_decrefp) json_t *seen = json_object();
    if (root == NULL || seen == NULL) {
        return cl_err_nomem(err, what);
    }
    json_t *table = root;
    for (;;) {
        CL_TRY(skip_space(&t));
        if (t.pos >= t.len) {
            break;
        }
        if (peek(&t, 0) == '[') {
            CL_TRY(take_header(&t, root, seen, &table));
        } else {
            CL_TRY(take_assignment(&t, table));
        }
    }
    *ret_j = CL_TAKE(root);
    return CL_OK;
}

enum cl_status cl_toml_put_string(struct cl_buf *out, const char *key, const char *value,
                                  struct cl_err *err)
{
    bool bare = *key != '\0';
    for (const char *p = key; *p != '\0'; p++) {
        bare = bare && is_bare((unsigned char)*p);
    }
    if (strpbrk(key, "\"\\\n\r") != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TOML key: quotes, backslashes, line ends not written");
    }
    const char *quote = bare ? "" : "\"";
    CL_TRY(cl_buf_printf(out, err, "%s%s%s = ", quote, key, quote));
    bool printable = true;
    for (const char *p = value; *p != '\0'; p++) {
        printable = printable && (*p == '\n' || !is_control((unsigned char)*p));
    }
    size_t n = strlen(value);
    if (printable && strchr(value, '\n') != NULL && strstr(value, "'''") == NULL &&
        (n == 0 || value[n - 1] != '\'')) {
        return cl_buf_printf(out, err, "'''\n%s'''\n", value);
    }
    CL_TRY(cl_buf_append_str(out, "\"", err));
    for (const char *p = value; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            CL_TRY(cl_buf_printf(out, err, "\\%c", c));
        } else if (c < 0x20 || c == 0x7f) {
            CL_TRY(cl_buf_printf(out, err, "\\u%04x", (unsigned)c));
        } else {
            CL_TRY(cl_buf_append(out, p, 1, err));
        }
    }
    return cl_buf_append_str(out, "\"\n", err);
}
