/* SPDX-License-Identifier: Apache-2.0
 * yaml_tree.c - see yaml_tree.h: libyaml's events, one level of recursion a level of the tree.
 */
#include "yaml_tree.h"

#include "yaml_scalar.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; `held` says whether there is one */
    bool held;
    const char *what;
    size_t nodes;
    struct cl_err *err;
};

static void drop(struct reader *r)
{
    if (r->held) {
        yaml_event_delete(&r->event);
        r->held = false;
    }
}

static enum cl_status not_yaml(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) {
        return cl_err_nomem(r->err, r->what);
    }
    return cl_err_at(r->err, CL_ERR_MALFORMED, p->problem_mark.index, "%s: line %zu: %.160s",
                     r->what, p->problem_mark.line + 1,
                     p->problem != NULL ? p->problem : "not YAML");
}

static enum cl_status next(struct reader *r)
{
    drop(r);
    if (yaml_parser_parse(&r->parser, &r->event) == 0) {
        return not_yaml(r);
    }
    r->held = true;
    return CL_OK;
}

/* Where the current event begins, before a message that has no context yet. */
static enum cl_status here(struct reader *r, enum cl_status st)
{
    return st == CL_OK
               ? CL_OK
               : cl_err_wrap(r->err, st, "%s: line %zu", r->what, r->event.start_mark.line + 1);
}

CL_PRINTF(3, 4)
static enum cl_status fail(struct reader *r, enum cl_status st, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return here(r, cl_err_at(r->err, st, r->event.start_mark.index, "%s", text));
}

static enum cl_status no_tag(struct reader *r, const yaml_char_t *tag)
{
    return tag == NULL
               ? CL_OK
               : fail(r, CL_ERR_UNSUPPORTED, "tag: expected none, got '%.64s'", (const char *)tag);
}

static enum cl_status scalar(struct reader *r, json_t **ret)
{
    const char *text = (const char *)r->event.data.scalar.value;
    size_t len = r->event.data.scalar.length;
    CL_TRY(no_tag(r, r->event.data.scalar.tag));
    if (strlen(text) != len) {
        return fail(r, CL_ERR_MALFORMED, "expected text, got a NUL character");
    }
    if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        return here(r, cl_yaml_plain(text, len, ret, r->err));
    }
    *ret = json_stringn(text, len);
    return *ret != NULL ? CL_OK : fail(r, CL_ERR_MALFORMED, "expected UTF-8");
}

static enum cl_status node(struct reader *r, unsigned depth, json_t **ret);

static enum cl_status sequence(struct reader *r, unsigned depth, json_t **ret)
{
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_array();
    CL_TRY(no_tag(r, r->event.data.sequence_start.tag));
    for (;;) {
        json_t *item = NULL;
        CL_TRY(next(r));
        if (r->event.type == YAML_SEQUENCE_END_EVENT) {
            break;
        }
        CL_TRY(node(r, depth, &item));
        if (json_array_append_new(out, item) != 0) {
            return cl_err_nomem(r->err, r->what);
        }
    }
    *ret = CL_TAKE(out);
    return *ret != NULL ? CL_OK : cl_err_nomem(r->err, r->what);
}

/* ret: a new string. */
static enum cl_status key(struct reader *r, const json_t *object, json_t **ret)
{
    CL_CLEANUP(cl_json_decrefp) json_t *k = NULL;
    if (r->event.type == YAML_ALIAS_EVENT) {
        return node(r, 0, ret); /* refuses it */
    }
    if (r->event.type != YAML_SCALAR_EVENT) {
        return fail(r, CL_ERR_MALFORMED, "key: expected text, got a list or a mapping");
    }
    CL_TRY(scalar(r, &k));
    const char *text = (const char *)r->event.data.scalar.value;
    if (!json_is_string(k)) { /* Kubernetes would make "true" of a key `on` */
        return fail(r, CL_ERR_MALFORMED, "key: expected text, got %.64s without quotes", text);
    }
    if (strcmp(text, "<<") == 0 && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        return fail(r, CL_ERR_UNSUPPORTED, "key: expected no merge, got '<<'");
    }
    if (json_object_get(object, text) != NULL) {
        return fail(r, CL_ERR_MALFORMED, "key '%.64s': expected it once, got it twice", text);
    }
    *ret = CL_TAKE(k);
    return CL_OK;
}

static enum cl_status mapping(struct reader *r, unsigned depth, json_t **ret)
{
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    CL_TRY(no_tag(r, r->event.data.mapping_start.tag));
    for (;;) {
        CL_CLEANUP(cl_json_decrefp) json_t *k = NULL;
        json_t *value = NULL;
        CL_TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT) {
            break;
        }
        CL_TRY(key(r, out, &k));
        CL_TRY(next(r));
        CL_TRY(node(r, depth, &value));
        if (json_object_set_new(out, json_string_value(k), value) != 0) {
            return cl_err_nomem(r->err, r->what);
        }
    }
    *ret = CL_TAKE(out);
    return *ret != NULL ? CL_OK : cl_err_nomem(r->err, r->what);
}

/* The node that begins with the current event; ends at its last event. */
static enum cl_status node(struct reader *r, unsigned depth, json_t **ret)
{
    if (++r->nodes > CL_YAML_MAX_NODES) {
        return fail(r, CL_ERR_MALFORMED, "expected at most %u nodes, got more", CL_YAML_MAX_NODES);
    }
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        return scalar(r, ret);
    case YAML_ALIAS_EVENT:
        return fail(r, CL_ERR_UNSUPPORTED, "alias: expected none, got '*%.64s'",
                    (const char *)r->event.data.alias.anchor);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        if (depth >= CL_YAML_MAX_DEPTH) {
            return fail(r, CL_ERR_MALFORMED, "expected at most %u levels, got more",
                        CL_YAML_MAX_DEPTH);
        }
        return r->event.type == YAML_MAPPING_START_EVENT ? mapping(r, depth + 1, ret)
                                                         : sequence(r, depth + 1, ret);
    default:
        return fail(r, CL_ERR_MALFORMED, "expected a value, got something else");
    }
}

static enum cl_status document(struct reader *r, json_t *documents)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    if (json_array_size(documents) == CL_YAML_MAX_DOCUMENTS) {
        return fail(r, CL_ERR_MALFORMED, "expected at most %u documents, got more",
                    CL_YAML_MAX_DOCUMENTS);
    }
    CL_TRY(next(r));
    CL_TRY(node(r, 0, &j));
    if (!json_is_null(j) && json_array_append(documents, j) != 0) {
        return cl_err_nomem(r->err, r->what);
    }
    return next(r); /* the end of the document */
}

static enum cl_status documents(struct reader *r, json_t **ret)
{
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_array();
    if (out == NULL) {
        return cl_err_nomem(r->err, r->what);
    }
    do {
        CL_TRY(next(r));
        if (r->event.type == YAML_DOCUMENT_START_EVENT) {
            CL_TRY(document(r, out));
        }
    } while (r->event.type != YAML_STREAM_END_EVENT);
    *ret = CL_TAKE(out);
    return CL_OK;
}

enum cl_status cl_yaml_parse(const void *data, size_t len, const char *what, json_t **ret,
                             struct cl_err *err)
{
    struct cl_err own;
    struct reader r = {.what = what, .err = err != NULL ? err : &own};
    if (len > CL_YAML_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected at most %u bytes, got %zu", what,
                          CL_YAML_MAX_SIZE, len);
    }
    if (yaml_parser_initialize(&r.parser) == 0) {
        return cl_err_nomem(err, what);
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, len > 0 ? data : (const unsigned char *)"", len);
    enum cl_status st = documents(&r, ret);
    drop(&r);
    yaml_parser_delete(&r.parser);
    return st;
}
