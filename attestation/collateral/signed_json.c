/* SPDX-License-Identifier: Apache-2.0
 * signed_json.c - Intel's signed JSON: the signature covers the bytes of one member's value exactly
 * as they were served, so that value is found in the text, and never written anew.
 * Trust: hostile bytes. The text has passed the strict JSON parser before it is walked.
 * Threads: pure. Memory: one JSON document.
 * Spec: tdx.md a.6.
 */
#include "collateral/collateral_internal.h"

#include "base/encode.h"

#include <string.h>

/* A place in text that is known to be one JSON object. Reading past the end gives NUL bytes. */
struct walk {
    const char *text;
    size_t len;
    size_t at;
};

static char here(const struct walk *w)
{
    return w->at < w->len ? w->text[w->at] : '\0';
}

static void skip_space(struct walk *w)
{
    while (memchr(" \t\n\r", here(w), 4) != NULL) {
        w->at++;
    }
}

static void skip_string(struct walk *w)
{
    w->at++; /* the opening quote */
    while (w->at < w->len && here(w) != '"') {
        w->at += here(w) == '\\' ? 2 : 1;
    }
    w->at++;
}

static void skip_value(struct walk *w)
{
    unsigned depth = 0;
    do {
        char c = here(w);
        if (c == '"') {
            skip_string(w);
            continue;
        }
        depth += c == '{' || c == '[' ? 1u : 0u;
        depth -= c == '}' || c == ']' ? 1u : 0u;
        w->at++;
    } while (w->at < w->len && (depth > 0 || strchr(",}] \t\r\n", here(w)) == NULL));
}

/* Where the value of a member of the outermost object stands. False when no member is written with
 * exactly this name (an escaped spelling of it is none). */
static bool find_member(const char *text, size_t len, const char *name, size_t *ret_at,
                        size_t *ret_len)
{
    struct walk w = {.text = text, .len = len};
    size_t n = strlen(name);
    skip_space(&w);
    while (here(&w) == '{' || here(&w) == ',') {
        w.at++;
        skip_space(&w);
        size_t key = w.at + 1;
        skip_string(&w);
        size_t key_end = w.at - 1;
        skip_space(&w);
        w.at++; /* the colon */
        skip_space(&w);
        size_t value = w.at;
        skip_value(&w);
        if (w.at > len) {
            return false;
        }
        if (key_end - key == n && strncmp(text + key, name, n) == 0) {
            *ret_at = value;
            *ret_len = w.at - value;
            return true;
        }
        skip_space(&w);
    }
    return false;
}

enum cl_status collateral_unhex(uint8_t *ret, size_t n, const char *hex, const char *field,
                                struct cl_err *err)
{
    char lower[2 * CL_COLLATERAL_SIGNATURE_SIZE + 1] = "";
    size_t len = strlen(hex);
    for (size_t i = 0; i < len && i < sizeof(lower) - 1; i++) {
        lower[i] = (char)(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] - 'A' + 'a' : hex[i]);
    }
    return cl_unhex(ret, n, len < sizeof(lower) ? lower : hex, field, err);
}

enum cl_status collateral_signed_json(struct cl_collateral_item *it, const char *member,
                                      json_t **ret_j, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *outer = NULL;
    const char *const keys[] = {member, "signature", NULL};
    const char *text = (const char *)it->data;
    const char *signature = NULL;
    json_t *value = NULL;
    size_t at = 0, len = 0;
    CL_TRY(cl_json_parse(it->data, it->len, "document", &outer, err));
    CL_TRY(cl_json_get_object(outer, "document", member, &value, err));
    CL_TRY(cl_json_only_keys(outer, "document", keys, err)); /* nothing beside it is signed */
    CL_TRY(cl_json_get_string(outer, "document", "signature", &signature, err));
    CL_TRY(collateral_unhex(it->signature, sizeof(it->signature), signature, "signature", err));
    if (!find_member(text, it->len, member, &at, &len)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "document: %s: expected it under its plain name, got an escaped one",
                          member);
    }
    it->body = it->data + at;
    it->body_len = len;
    *ret_j = json_incref(value);
    return CL_OK;
}
