/* SPDX-License-Identifier: Apache-2.0
 * resource_policy.c - parsing and evaluating resource policies (see resource_policy.h).
 */
#include "resource_policy.h"

#include "base/encode.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA "cloister.resource-policy/1"
#define SHORT_HEX 64u /* of a digest of 32 bytes, behind which zeros are meant */

struct rule {
    char *glob;
    unsigned classes; /* bit per enum cl_tee_class */
    uint8_t (*initdata)[CL_INITDATA_SIZE];
    size_t initdata_count;
};

struct cl_resource_policy {
    struct rule *rules;
    size_t count;
};

void cl_deny(struct cl_denial *d, const char *check, const char *actual, const char *expected, ...)
{
    char text[sizeof(d->expected)];
    struct cl_err escaped = {0};
    va_list ap;
    va_start(ap, expected);
    (void)vsnprintf(text, sizeof(text), expected, ap);
    va_end(ap);
    (void)snprintf(d->check, sizeof(d->check), "%s", check);
    (void)cl_err_set(&escaped, CL_ERR_REJECTED, "%s", text);
    (void)snprintf(d->expected, sizeof(d->expected), "%.255s", escaped.msg);
    (void)cl_err_set(&escaped, CL_ERR_REJECTED, "%s", actual);
    (void)snprintf(d->actual, sizeof(d->actual), "%.439s", escaped.msg);
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Three segments; with stars also '*'. */
static bool path_good(const char *path, bool stars)
{
    unsigned segments = 1;
    bool start = true;
    size_t n = 0;
    for (; path[n] != '\0' && n <= CL_RESOURCE_MAX; n++) {
        char c = path[n];
        if (c == '/' && !start) {
            segments++;
            start = true;
        } else if (word_char(c) || (c == '.' && !start) || (c == '*' && stars)) {
            start = false;
        } else {
            return false;
        }
    }
    return segments == 3 && !start && n <= CL_RESOURCE_MAX;
}

bool cl_resource_path_good(const char *path)
{
    return path_good(path, false);
}

/* '*' stands for any run of characters inside one segment. Linear: only the last star is tried
 * again, and it cannot pass a slash. */
static bool glob_match(const char *glob, const char *text)
{
    const char *star = NULL;
    const char *resume = NULL;
    while (*text != '\0') {
        if (*glob == '*') {
            star = glob++;
            resume = text;
        } else if (*glob == *text) {
            glob++;
            text++;
            if (text[-1] == '/') {
                star = NULL;
            }
        } else if (star != NULL && *resume != '/') {
            glob = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*glob == '*') {
        glob++;
    }
    return *glob == '\0';
}

void cl_resource_policy_free(struct cl_resource_policy *p)
{
    for (size_t i = 0; p != NULL && i < p->count; i++) {
        free(p->rules[i].glob);
        free(p->rules[i].initdata);
    }
    if (p != NULL) {
        free(p->rules);
        free(p);
    }
}

void cl_resource_policy_freep(struct cl_resource_policy **p)
{
    cl_resource_policy_free(*p);
}

static enum cl_status parse_classes(const json_t *j, const char *what, struct rule *r,
                                    struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_json_get_array(j, what, "classes", &list, err));
    for (size_t i = 0; i < json_array_size(list); i++) {
        enum cl_tee_class c = CL_TEE_CLASS_NONE;
        const char *name = json_string_value(json_array_get(list, i));
        enum cl_status st = cl_tee_class_parse(name != NULL ? name : "", &c, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "%s: classes", what);
        }
        r->classes |= 1u << c;
    }
    return r->classes != 0 ? CL_OK
                           : cl_err_set(err, CL_ERR_MALFORMED,
                                        "%s: classes: expected at least one, got none", what);
}

static enum cl_status parse_initdata(const json_t *j, const char *what, struct rule *r,
                                     struct cl_err *err)
{
    json_t *list = NULL;
    CL_TRY(cl_json_get_array(j, what, "initdata", &list, err));
    size_t n = json_array_size(list);
    if (n == 0 || n > CL_RESOURCE_POLICY_MAX_INITDATA) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: initdata: expected 1 to %u digests, got %zu",
                          what, CL_RESOURCE_POLICY_MAX_INITDATA, n);
    }
    r->initdata = calloc(n, sizeof(*r->initdata));
    if (r->initdata == NULL) {
        return cl_err_nomem(err, "policy");
    }
    static const uint8_t zero[CL_INITDATA_SIZE];
    for (size_t i = 0; i < n; i++) {
        const char *hex = json_string_value(json_array_get(list, i));
        size_t size = hex != NULL && strlen(hex) > SHORT_HEX ? CL_INITDATA_SIZE : SHORT_HEX / 2;
        enum cl_status st = cl_unhex(r->initdata[i], size, hex != NULL ? hex : "", "initdata", err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "%s", what);
        }
        if (memcmp(r->initdata[i], zero, sizeof(zero)) == 0) { /* "no initdata" allows anything */
            return cl_err_set(err, CL_ERR_MALFORMED, "%s: initdata: all zero", what);
        }
    }
    r->initdata_count = n;
    return CL_OK;
}

static enum cl_status parse_rule(const json_t *j, size_t index, struct rule *r, struct cl_err *err)
{
    static const char *const keys[] = {"resource", "classes", "initdata", "note", NULL};
    char what[64];
    const char *glob = NULL;
    (void)snprintf(what, sizeof(what), "policy: rule %zu", index);
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected object", what);
    }
    CL_TRY(cl_json_only_keys(j, what, keys, err));
    CL_TRY(cl_json_get_string(j, what, "resource", &glob, err));
    if (!path_good(glob, true)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: resource: expected repository/type/tag, got '%.64s'", what, glob);
    }
    r->glob = strdup(glob);
    if (r->glob == NULL) {
        return cl_err_nomem(err, "policy");
    }
    CL_TRY(parse_classes(j, what, r, err));
    return parse_initdata(j, what, r, err);
}

enum cl_status cl_resource_policy_parse(const void *data, size_t len,
                                        struct cl_resource_policy **ret_p, struct cl_err *err)
{
    static const char *const keys[] = {"schema", "rules", "note", NULL};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_resource_policy_freep) struct cl_resource_policy *p = NULL;
    json_t *rules = NULL;
    const char *schema = NULL;
    if (len > CL_RESOURCE_POLICY_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "policy: expected at most %u bytes, got %zu",
                          CL_RESOURCE_POLICY_MAX_SIZE, len);
    }
    CL_TRY(cl_json_parse(data, len, "policy", &j, err));
    CL_TRY(cl_json_get_string(j, "policy", "schema", &schema, err));
    if (strcmp(schema, SCHEMA) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "policy: schema: expected " SCHEMA ", got %.64s",
                          schema);
    }
    CL_TRY(cl_json_only_keys(j, "policy", keys, err));
    CL_TRY(cl_json_get_array(j, "policy", "rules", &rules, err));
    size_t n = json_array_size(rules);
    if (n > CL_RESOURCE_POLICY_MAX_RULES) {
        return cl_err_set(err, CL_ERR_MALFORMED, "policy: rules: expected at most %u, got %zu",
                          CL_RESOURCE_POLICY_MAX_RULES, n);
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL || (p->rules = calloc(n + 1, sizeof(*p->rules))) == NULL) {
        return cl_err_nomem(err, "policy");
    }
    p->count = n;
    for (size_t i = 0; i < n; i++) {
        CL_TRY(parse_rule(json_array_get(rules, i), i, &p->rules[i], err));
    }
    *ret_p = CL_TAKE(p);
    return CL_OK;
}

static bool rule_has_initdata(const struct rule *r, const uint8_t *digest)
{
    for (size_t i = 0; i < r->initdata_count; i++) {
        if (memcmp(r->initdata[i], digest, CL_INITDATA_SIZE) == 0) { /* public values */
            return true;
        }
    }
    return false;
}

static void deny_class(const struct rule *r, enum cl_tee_class got, struct cl_denial *d)
{
    char want[CL_CHECK_TEXT_SIZE] = "";
    size_t len = 0;
    for (unsigned c = 1; c < CL_TEE_CLASS_COUNT; c++) {
        if ((r->classes & (1u << c)) != 0 && len < sizeof(want)) {
            int n = snprintf(want + len, sizeof(want) - len, "%s%s", len > 0 ? " or " : "",
                             cl_tee_class_name((enum cl_tee_class)c));
            len += n > 0 ? (size_t)n : 0;
        }
    }
    cl_deny(d, "policy.class", cl_tee_class_name(got), "%s", want);
}

/* Without the zeros behind a digest of 32 bytes. */
static void initdata_hex(char ret[static 2 * CL_INITDATA_SIZE + 1], const uint8_t *digest)
{
    static const uint8_t zero[CL_INITDATA_SIZE - SHORT_HEX / 2];
    bool cut = memcmp(digest + SHORT_HEX / 2, zero, sizeof(zero)) == 0;
    cl_hex(ret, digest, cut ? SHORT_HEX / 2 : CL_INITDATA_SIZE);
}

static void deny_initdata(const struct rule *r, const uint8_t *got, struct cl_denial *d)
{
    char want_hex[2 * CL_INITDATA_SIZE + 1];
    char got_hex[2 * CL_INITDATA_SIZE + 1];
    initdata_hex(want_hex, r->initdata[0]);
    initdata_hex(got_hex, got);
    if (r->initdata_count == 1) {
        cl_deny(d, "policy.initdata", got_hex, "%s", want_hex);
    } else {
        cl_deny(d, "policy.initdata", got_hex, "%s or %zu others", want_hex, r->initdata_count - 1);
    }
}

bool cl_resource_policy_allows(const struct cl_resource_policy *p, const char *path,
                               enum cl_tee_class tee_class,
                               const uint8_t initdata[static CL_INITDATA_SIZE], size_t *ret_rule,
                               struct cl_denial *ret_denial)
{
    int best = 0; /* how far the nearest rule came */
    cl_deny(ret_denial, "policy.resource", path, "a rule that names this resource");
    for (size_t i = 0; i < p->count; i++) {
        const struct rule *r = &p->rules[i];
        if (!glob_match(r->glob, path)) {
            continue;
        }
        if (tee_class == CL_TEE_CLASS_NONE || (r->classes & (1u << tee_class)) == 0) {
            if (best < 1) {
                deny_class(r, tee_class, ret_denial);
                best = 1;
            }
        } else if (rule_has_initdata(r, initdata)) {
            *ret_rule = i;
            return true;
        } else if (best < 2) {
            deny_initdata(r, initdata, ret_denial);
            best = 2;
        }
    }
    return false;
}
