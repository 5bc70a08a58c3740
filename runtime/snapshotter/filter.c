/* SPDX-License-Identifier: Apache-2.0
 * filter.c - selectors of List. Trust, memory: filter.h.
 */
#include "filter.h"

#include <string.h>

#define REF_FIELD "labels.containerd.io/snapshot.ref"
#define MAX_FIELD 256u

struct scan {
    const uint8_t *data;
    size_t len, pos;
};

struct selector {
    char field[MAX_FIELD]; /* its parts, unquoted, joined by dots */
    char op;               /* '=', '!', '~'; 0: the field is there */
    struct snap_text value;
};

static enum cl_status bad(const struct scan *s, const char *expected, struct cl_err *err)
{
    return cl_err_at(err, CL_ERR_MALFORMED, s->pos, "filter: at byte %zu: expected %s", s->pos,
                     expected);
}

static bool at(const struct scan *s, char c)
{
    return s->pos < s->len && s->data[s->pos] == (uint8_t)c;
}

static enum cl_status put(const struct scan *s, struct snap_text *t, uint8_t byte,
                          struct cl_err *err)
{
    if (t->len == sizeof(t->data)) {
        return bad(s, "a shorter text", err);
    }
    t->data[t->len++] = byte;
    return CL_OK;
}

/* Go's quoted string, of which the escapes \" and \\ can stand in a name. */
static enum cl_status scan_quoted(struct scan *s, struct snap_text *ret, struct cl_err *err)
{
    ret->len = 0;
    for (s->pos++; !at(s, '"'); s->pos++) {
        if (at(s, '\\')) {
            s->pos++;
            if (!at(s, '\\') && !at(s, '"')) {
                return bad(s, "an escaped quote or backslash", err);
            }
        }
        if (s->pos >= s->len) {
            return bad(s, "a closing quote", err);
        }
        CL_TRY(put(s, ret, s->data[s->pos], err));
    }
    s->pos++;
    return CL_OK;
}

/* Up to one of `ends`, or to the end. */
static enum cl_status scan_plain(struct scan *s, const char *ends, struct snap_text *ret,
                                 struct cl_err *err)
{
    ret->len = 0;
    while (s->pos < s->len && s->data[s->pos] != 0 && strchr(ends, s->data[s->pos]) == NULL) {
        CL_TRY(put(s, ret, s->data[s->pos], err));
        s->pos++;
    }
    return CL_OK;
}

static enum cl_status scan_text(struct scan *s, const char *ends, struct snap_text *ret,
                                struct cl_err *err)
{
    return at(s, '"') ? scan_quoted(s, ret, err) : scan_plain(s, ends, ret, err);
}

static enum cl_status scan_field(struct scan *s, struct selector *sel, struct cl_err *err)
{
    size_t n = 0;
    for (bool more = true; more; s->pos += more ? 1 : 0) {
        struct snap_text part;
        CL_TRY(scan_text(s, ".,=!~\"", &part, err));
        if (part.len == 0 || memchr(part.data, 0, part.len) != NULL ||
            part.len + 2 > sizeof(sel->field) - n) {
            return bad(s, "a field", err);
        }
        memcpy(sel->field + n, part.data, part.len);
        n += part.len;
        more = at(s, '.');
        sel->field[n++] = '.';
    }
    sel->field[n - 1] = '\0';
    return CL_OK;
}

static enum cl_status scan_selector(struct scan *s, struct selector *ret, struct cl_err *err)
{
    CL_TRY(scan_field(s, ret, err));
    ret->op = 0;
    ret->value.len = 0;
    if (s->pos == s->len || at(s, ',')) {
        return CL_OK;
    }
    if (!(at(s, '=') || at(s, '!') || at(s, '~'))) {
        return bad(s, "an operator", err);
    }
    ret->op = (char)s->data[s->pos++];
    if (!at(s, '=')) {
        return bad(s, "'='", err);
    }
    s->pos++;
    return scan_text(s, ",\"", &ret->value, err);
}

static bool text_equal(const struct snap_text *a, const struct snap_text *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool text_is(const struct snap_text *a, const char *s)
{
    return a->len == strlen(s) && memcmp(a->data, s, a->len) == 0;
}

struct search {
    struct snap_match found;
    bool have_ref, have_parent, none;
};

/* Equality with a text that is already another's value selects nothing. */
static void pin(struct search *s, bool *have, struct snap_text *to, const struct snap_text *value)
{
    s->none = s->none || (*have && !text_equal(to, value));
    *to = *value;
    *have = true;
}

/* A selector that does not say which snapshot it wants is answered with none: containerd asks such
 * questions of its own database. */
static void take_selector(struct search *s, const struct selector *sel)
{
    if (sel->op == '=' && (strcmp(sel->field, REF_FIELD) == 0 || strcmp(sel->field, "name") == 0)) {
        pin(s, &s->have_ref, &s->found.ref, &sel->value);
    } else if (sel->op == '=' && strcmp(sel->field, "parent") == 0) {
        pin(s, &s->have_parent, &s->found.parent, &sel->value);
    } else if (!(sel->op == '=' && strcmp(sel->field, "kind") == 0 &&
                 text_is(&sel->value, "committed"))) {
        s->none = true;
    }
}

enum cl_status snap_filter_match(const uint8_t *filter, size_t len, struct snap_match *ret_m,
                                 struct cl_err *err)
{
    struct scan s = {.data = filter, .len = len};
    struct search search = {0};
    struct selector sel;
    if (len > SNAP_MAX_FILTER) {
        return bad(&s, "a shorter filter", err);
    }
    for (bool more = len > 0; more; s.pos += more ? 1 : 0) {
        CL_TRY(scan_selector(&s, &sel, err));
        take_selector(&search, &sel);
        more = at(&s, ',');
        if (!more && s.pos < s.len) {
            return bad(&s, "',' or the end", err);
        }
    }
    const struct snap_text *parent = &search.found.parent;
    *ret_m = (struct snap_match){0};
    if (!search.none && snap_is_chain_id(search.found.ref.data, search.found.ref.len) &&
        (parent->len == 0 || snap_name_good(parent->data, parent->len))) {
        *ret_m = search.found;
    }
    return CL_OK;
}
