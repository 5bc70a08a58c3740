/* SPDX-License-Identifier: Apache-2.0
 * challenge.c - WWW-Authenticate and token answers. Trust, spec: challenge.h.
 */
#include "challenge.h"

#include "base/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static enum cl_status bad(struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "WWW-Authenticate: expected Bearer realm=\"...\", got something else");
}

/* A quoted string or a token; *p is behind it afterwards. */
static bool take_value(const char **p, char *ret, size_t size)
{
    size_t n = 0;
    bool quoted = **p == '"';
    *p += quoted ? 1 : 0;
    while (**p != '\0' && (quoted ? **p != '"' : strchr(", \t", **p) == NULL)) {
        if (quoted && **p == '\\' && (*p)[1] != '\0') {
            (*p)++;
        }
        if ((unsigned char)**p < 0x20 || **p == 0x7f || n + 1 >= size) {
            return false;
        }
        ret[n++] = *(*p)++;
    }
    ret[n] = '\0';
    if (quoted && **p != '"') {
        return false;
    }
    *p += quoted ? 1 : 0;
    return true;
}

static bool take_parameter(const char **p, struct fetch_challenge *c)
{
    char other[1024];
    const char *name = *p;
    size_t n = strcspn(name, "=, \t");
    if (n == 0 || name[n] != '=') {
        return false;
    }
    *p += n + 1;
    if (n == 5 && strncasecmp(name, "realm", n) == 0) {
        return take_value(p, c->realm, sizeof(c->realm));
    }
    if (n == 7 && strncasecmp(name, "service", n) == 0) {
        return take_value(p, c->service, sizeof(c->service));
    }
    if (n == 5 && strncasecmp(name, "scope", n) == 0) {
        return take_value(p, c->scope, sizeof(c->scope));
    }
    return take_value(p, other, sizeof(other));
}

enum cl_status fetch_challenge_parse(const char *text, struct fetch_challenge *ret,
                                     struct cl_err *err)
{
    struct fetch_challenge c = {0};
    size_t n = strcspn(text, " \t");
    c.bearer = n == 6 && strncasecmp(text, "bearer", n) == 0;
    if (!c.bearer && !(n == 5 && strncasecmp(text, "basic", n) == 0)) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "WWW-Authenticate: expected Bearer or Basic, got '%.40s'", text);
    }
    const char *p = text + n;
    for (;;) {
        p += strspn(p, ", \t");
        if (*p == '\0') {
            break;
        }
        if (!take_parameter(&p, &c)) {
            return bad(err);
        }
        if (*p != '\0' && strchr(", \t", *p) == NULL) {
            return bad(err);
        }
    }
    if (c.bearer && c.realm[0] == '\0') {
        return bad(err);
    }
    *ret = c;
    return CL_OK;
}

enum cl_status fetch_escape(const char *text, struct cl_buf *out, struct cl_err *err)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (isalnum((unsigned char)*p) != 0 || strchr("-._~", *p) != NULL) {
            CL_TRY(cl_buf_append(out, p, 1, err));
        } else {
            CL_TRY(cl_buf_printf(out, err, "%%%02X", (unsigned)(unsigned char)*p));
        }
    }
    return CL_OK;
}

enum cl_status fetch_challenge_url(const struct fetch_challenge *c, const char *scope,
                                   struct cl_buf *out, struct cl_err *err)
{
    CL_TRY(
        cl_buf_printf(out, err, "%s%cscope=", c->realm, strchr(c->realm, '?') == NULL ? '?' : '&'));
    CL_TRY(fetch_escape(c->scope[0] != '\0' ? c->scope : scope, out, err));
    if (c->service[0] != '\0') {
        CL_TRY(cl_buf_append_str(out, "&service=", err));
        CL_TRY(fetch_escape(c->service, out, err));
    }
    return CL_OK;
}

enum cl_status fetch_token_parse(const void *text, size_t len, struct cl_buf *out,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *root = NULL;
    CL_TRY(cl_json_parse(text, len, "token", &root, err));
    const char *token = json_string_value(json_object_get(root, "token"));
    token = token != NULL && token[0] != '\0'
                ? token
                : json_string_value(json_object_get(root, "access_token"));
    if (token == NULL || token[0] == '\0' || strlen(token) > FETCH_TOKEN_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "token: expected one of at most %u bytes",
                          FETCH_TOKEN_MAX);
    }
    for (const char *p = token; *p != '\0'; p++) {
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "token: expected printable text without "
                              "blanks, got something else");
        }
    }
    return cl_buf_printf(out, err, "Authorization: Bearer %s", token);
}
