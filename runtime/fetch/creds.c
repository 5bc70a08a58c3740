/* SPDX-License-Identifier: Apache-2.0
 * creds.c - docker's config.json. Trust, threads, memory: creds.h.
 */
#include "creds.h"

#include "base/encode.h"
#include "base/json.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void wipe_text(char **s)
{
    if (*s != NULL) {
        cl_wipe(*s, strlen(*s));
        free(*s);
        *s = NULL;
    }
}

void fetch_creds_done(struct fetch_creds *c)
{
    if (c == NULL) {
        return;
    }
    wipe_text(&c->user);
    wipe_text(&c->password);
    wipe_text(&c->identity);
    wipe_text(&c->registry_token);
}

/* --- which entry
 * ------------------------------------------------------------------------------------- */

static bool is_hub(const char *host, size_t len)
{
    static const char *const names[] = {"docker.io", "index.docker.io", "registry-1.docker.io"};
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        if (strlen(names[i]) == len && strncasecmp(names[i], host, len) == 0) {
            return true;
        }
    }
    return false;
}

/* How well a key fits: 0 not at all, else 1 and the length of its path. */
static size_t fit(const char *key, const char *host, const char *repository)
{
    const char *rest = key;
    if (strncasecmp(rest, "https://", 8) == 0) {
        rest += 8;
    } else if (strncasecmp(rest, "http://", 7) == 0) {
        rest += 7;
    }
    size_t n = strcspn(rest, "/");
    bool same = n == strlen(host) && strncasecmp(rest, host, n) == 0;
    if (!same && !(is_hub(rest, n) && is_hub(host, strlen(host)))) {
        return 0;
    }
    const char *path = rest + n + (rest[n] == '/' ? 1 : 0);
    size_t len = strlen(path);
    while (len > 0 && path[len - 1] == '/') {
        len--;
    }
    if (len == 0 || (len == 2 && (strncmp(path, "v1", 2) == 0 || strncmp(path, "v2", 2) == 0))) {
        return 1;
    }
    bool below =
        strncmp(repository, path, len) == 0 && (repository[len] == '\0' || repository[len] == '/');
    return below ? 1 + len : 0;
}

/* --- what is in it
 * ----------------------------------------------------------------------------------- */

static enum cl_status keep(const char *value, size_t len, char **ret, struct cl_err *err)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f) {
            return cl_err_set(err, CL_ERR_MALFORMED, "expected printable text, got control bytes");
        }
    }
    if (len > FETCH_CREDS_MAX_TEXT) {
        return cl_err_set(err, CL_ERR_MALFORMED, "expected at most %u bytes, got %zu",
                          FETCH_CREDS_MAX_TEXT, len);
    }
    *ret = strndup(value, len);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "credentials");
}

static enum cl_status take_text(const json_t *entry, const char *key, char **ret,
                                struct cl_err *err)
{
    const json_t *v = json_object_get(entry, key);
    if (v == NULL || json_string_length(v) == 0) {
        return v == NULL || json_is_string(v)
                   ? CL_OK
                   : cl_err_set(err, CL_ERR_MALFORMED, "%s: expected a string", key);
    }
    enum cl_status st = keep(json_string_value(v), json_string_length(v), ret, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "%s", key);
}

/* base64 of "user:password". docker pads the end with NULs at times. */
static enum cl_status take_auth(const char *auth, struct fetch_creds *c, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    if (cl_b64_decode(&text, auth, strlen(auth), "auth", NULL) != CL_OK) {
        return cl_err_set(err, CL_ERR_MALFORMED, "auth: expected base64 of user:password");
    }
    while (text.len > 0 && text.data[text.len - 1] == '\0') {
        text.len--;
    }
    const char *s = (const char *)text.data;
    const char *colon = text.len > 0 ? memchr(s, ':', text.len) : NULL;
    if (colon == NULL || colon == s) {
        return cl_err_set(err, CL_ERR_MALFORMED, "auth: expected base64 of user:password");
    }
    size_t user = (size_t)(colon - s);
    wipe_text(&c->user);
    wipe_text(&c->password);
    enum cl_status st = keep(s, user, &c->user, err);
    st = st == CL_OK ? keep(colon + 1, text.len - user - 1, &c->password, err) : st;
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "auth");
}

static enum cl_status take_entry(const json_t *entry, struct fetch_creds *c, struct cl_err *err)
{
    const char *auth = json_string_value(json_object_get(entry, "auth"));
    if (!json_is_object(entry)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "expected an object");
    }
    CL_TRY(take_text(entry, "username", &c->user, err));
    CL_TRY(take_text(entry, "password", &c->password, err));
    CL_TRY(take_text(entry, "identitytoken", &c->identity, err));
    CL_TRY(take_text(entry, "registrytoken", &c->registry_token, err));
    if (auth != NULL && auth[0] != '\0') {
        CL_TRY(take_auth(auth, c, err));
    }
    if ((c->user == NULL) != (c->password == NULL)) {
        /* a user alone goes with an identity token; a password alone is a mistake */
        if (c->user == NULL || c->identity == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED, "expected a user and a password, got one");
        }
        wipe_text(&c->user);
    }
    return CL_OK;
}

enum cl_status fetch_creds_parse(const void *text, size_t len, const char *what, const char *host,
                                 const char *repository, struct fetch_creds *ret,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *root = NULL;
    json_t *auths = NULL;
    const char *key = NULL;
    json_t *entry = NULL;
    const char *best_key = NULL;
    const json_t *best = NULL;
    size_t best_fit = 0;
    *ret = (struct fetch_creds){0};
    CL_TRY(cl_json_parse(text, len, what, &root, err));
    if (!json_is_object(root)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "'%.200s': expected an object", what);
    }
    enum cl_status st = cl_json_opt_object(root, "file", "auths", &auths, err);
    json_object_foreach(auths, key, entry)
    {
        size_t n = fit(key, host, repository);
        if (n > best_fit) {
            best_fit = n;
            best_key = key;
            best = entry;
        }
    }
    if (st == CL_OK && best != NULL) {
        st = take_entry(best, ret, err);
        if (st != CL_OK) {
            fetch_creds_done(ret);
            (void)cl_err_wrap(err, st, "auths.%.100s", best_key);
        }
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "'%.200s'", what);
}

enum cl_status fetch_creds_read(const char *path, const char *host, const char *repository,
                                struct fetch_creds *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_buf_read_file(&text, path, FETCH_CREDS_MAX_SIZE, err));
    return fetch_creds_parse(text.data, text.len, path, host, repository, ret, err);
}
