/* SPDX-License-Identifier: Apache-2.0
 * hosts.c - containerd's hosts.toml. Trust, threads, memory, spec: hosts.h.
 */
#include "hosts.h"

#include "base/toml.h"
#include "image/http.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_PATH 4096u

static void host_done(struct fetch_host *h)
{
    free(h->url);
    free(h->name);
    free(h->client_cert);
    free(h->client_key);
    for (size_t i = 0; i < h->ca_count; i++) {
        free(h->ca[i]);
    }
    for (size_t i = 0; i < h->header_count; i++) {
        free(h->headers[i]);
    }
    *h = (struct fetch_host){0};
}

void fetch_hosts_done(struct fetch_hosts *h)
{
    if (h == NULL) {
        return;
    }
    for (size_t i = 0; i < h->count; i++) {
        host_done(&h->host[i]);
    }
    h->count = 0;
}

/* --- URLs
 * -------------------------------------------------------------------------------------------- */

/* "host[:port][/path]", with brackets around an IPv6 address. */
static bool is_loopback(const char *name)
{
    char host[256];
    bool v6 = name[0] == '[';
    size_t n = v6 ? strcspn(name + 1, "]") : strcspn(name, ":/");
    if (n >= sizeof(host)) {
        return false;
    }
    memcpy(host, name + (v6 ? 1 : 0), n);
    host[n] = '\0';
    return cl_http_is_loopback(host);
}

static enum cl_status bad_url(const char *url, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "URL: expected [http[s]://]host[:port][/path], got '%.100s'", url);
}

/* As containerd reads them: without a scheme https, but http on loopback. */
static enum cl_status take_url(struct fetch_host *h, const char *url, bool override,
                               struct cl_err *err)
{
    const char *rest = url;
    bool scheme = true;
    if (strncasecmp(url, "https://", 8) == 0) {
        rest += 8;
    } else if (strncasecmp(url, "http://", 7) == 0) {
        rest += 7;
        h->plain = true;
    } else {
        scheme = false;
        h->plain = is_loopback(url);
    }
    size_t host = strcspn(rest, "/");
    size_t len = strlen(rest);
    for (size_t i = 0; i < len; i++) {
        if (isalnum((unsigned char)rest[i]) == 0 && strchr("-._~:/[]%+", rest[i]) == NULL) {
            return bad_url(url, err);
        }
    }
    if (host == 0 || host > 261 || len > FETCH_MAX_URL || (!scheme && strstr(url, "://") != NULL)) {
        return bad_url(url, err);
    }
    while (len > host && rest[len - 1] == '/') {
        len--;
    }
    h->name = strndup(rest, host);
    /* docker.io is a name, and not a machine */
    bool hub = h->name != NULL && strcmp(h->name, "docker.io") == 0;
    bool version = len >= host + 3 && strncmp(rest + len - 3, "/v2", 3) == 0;
    if (h->name == NULL || asprintf(&h->url, "%s://%s%.*s%s", h->plain ? "http" : "https",
                                    hub ? "registry-1.docker.io" : h->name, (int)(len - host),
                                    rest + host, override || version ? "" : "/v2") < 0) {
        h->url = NULL;
        return cl_err_nomem(err, "registry host");
    }
    return CL_OK;
}

/* --- members of a table
 * ------------------------------------------------------------------------------ */

static enum cl_status wrong(const char *key, const char *expected, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected %s, got something else", key, expected);
}

static enum cl_status take_path(const json_t *v, const char *dir, const char *key, char **ret,
                                struct cl_err *err)
{
    const char *s = json_string_value(v);
    if (s == NULL || s[0] == '\0' || strlen(s) >= MAX_PATH) {
        return wrong(key, "the name of a file", err);
    }
    bool absolute = s[0] == '/' || dir == NULL;
    if (asprintf(ret, "%s%s%s", absolute ? "" : dir, absolute ? "" : "/", s) < 0) {
        *ret = NULL;
        return cl_err_nomem(err, key);
    }
    return CL_OK;
}

static enum cl_status take_ca(const json_t *table, const char *dir, struct fetch_host *h,
                              struct cl_err *err)
{
    const json_t *v = json_object_get(table, "ca");
    size_t count = json_is_array(v) ? json_array_size(v) : 1;
    if (v == NULL) {
        return CL_OK;
    }
    if (count > FETCH_MAX_CA) {
        return cl_err_set(err, CL_ERR_MALFORMED, "ca: expected at most %u files, got %zu",
                          FETCH_MAX_CA, count);
    }
    for (size_t i = 0; i < count; i++) {
        CL_TRY(take_path(json_is_array(v) ? json_array_get(v, i) : v, dir, "ca", &h->ca[i], err));
        h->ca_count = i + 1;
    }
    return CL_OK;
}

/* "file", ["file"], ["certificate", "key"] or [["certificate", "key"]]: one pair at most. */
static enum cl_status take_client(const json_t *table, const char *dir, struct fetch_host *h,
                                  struct cl_err *err)
{
    const json_t *v = json_object_get(table, "client");
    if (json_is_array(v) && json_array_size(v) == 1) {
        v = json_array_get(v, 0);
    }
    if (v == NULL) {
        return CL_OK;
    }
    if (json_is_string(v)) {
        return take_path(v, dir, "client", &h->client_cert, err);
    }
    if (!json_is_array(v) || json_array_size(v) < 1 || json_array_size(v) > 2) {
        return wrong("client", "one certificate with its key", err);
    }
    CL_TRY(take_path(json_array_get(v, 0), dir, "client", &h->client_cert, err));
    const json_t *key = json_array_get(v, 1);
    return key == NULL || json_string_length(key) == 0
               ? CL_OK
               : take_path(key, dir, "client", &h->client_key, err);
}

static bool header_good(const char *name, const char *value)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (const char *p = name; *p != '\0'; p++) {
        if (isalnum((unsigned char)*p) == 0 && strchr(marks, *p) == NULL) {
            return false;
        }
    }
    for (const char *p = value; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            return false; /* above all no line end: it would be another header */
        }
    }
    /* what decides of the request itself is ours */
    return name[0] != '\0' && strcasecmp(name, "host") != 0 && strcasecmp(name, "range") != 0 &&
           strcasecmp(name, "content-length") != 0 && strcasecmp(name, "transfer-encoding") != 0;
}

static enum cl_status add_header(struct fetch_host *h, const char *name, const json_t *v,
                                 struct cl_err *err)
{
    const char *value = json_string_value(v);
    if (value == NULL || !header_good(name, value)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "header: %.60s: expected printable text under a header's name", name);
    }
    if (h->header_count == FETCH_MAX_HEADERS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "header: expected at most %u, got more",
                          FETCH_MAX_HEADERS);
    }
    if (asprintf(&h->headers[h->header_count], "%s: %s", name, value) < 0) {
        h->headers[h->header_count] = NULL;
        return cl_err_nomem(err, "header");
    }
    h->header_count++;
    return CL_OK;
}

static enum cl_status take_headers(const json_t *table, struct fetch_host *h, struct cl_err *err)
{
    json_t *headers = NULL;
    const char *name = NULL;
    json_t *v = NULL;
    CL_TRY(cl_json_opt_object(table, "host", "header", &headers, err));
    json_object_foreach(headers, name, v)
    {
        if (!json_is_array(v)) {
            CL_TRY(add_header(h, name, v, err));
            continue;
        }
        for (size_t i = 0; i < json_array_size(v); i++) {
            CL_TRY(add_header(h, name, json_array_get(v, i), err));
        }
    }
    return CL_OK;
}

/* Without the list a host may everything. "push" is nothing to us; "resolve" alone gives names, and
 * we ask by digest. */
static enum cl_status take_capabilities(const json_t *table, struct fetch_host *h,
                                        struct cl_err *err)
{
    const json_t *list = json_object_get(table, "capabilities");
    h->pull = list == NULL;
    if (list != NULL && !json_is_array(list)) {
        return wrong("capabilities", "a list of pull, resolve and push", err);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *s = json_string_value(json_array_get(list, i));
        if (s == NULL ||
            (strcmp(s, "pull") != 0 && strcmp(s, "resolve") != 0 && strcmp(s, "push") != 0)) {
            return wrong("capabilities", "a list of pull, resolve and push", err);
        }
        h->pull = h->pull || strcmp(s, "pull") == 0;
    }
    return CL_OK;
}

static enum cl_status take_host(const json_t *table, const char *url, const char *dir,
                                struct fetch_host *h, struct cl_err *err)
{
    bool override = false;
    CL_TRY(cl_json_opt_bool(table, "host", "override_path", &override, err));
    CL_TRY(cl_json_opt_bool(table, "host", "skip_verify", &h->skip_verify, err));
    CL_TRY(take_url(h, url, override, err));
    CL_TRY(take_capabilities(table, h, err));
    CL_TRY(take_ca(table, dir, h, err));
    CL_TRY(take_client(table, dir, h, err));
    return take_headers(table, h, err);
}

/* --- a file
 * ------------------------------------------------------------------------------------------ */

#define HOST_KEYS "capabilities", "ca", "client", "skip_verify", "header", "override_path"

static enum cl_status next_host(struct fetch_hosts *hosts, struct fetch_host **ret,
                                struct cl_err *err)
{
    if (hosts->count == FETCH_MAX_HOSTS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "host: expected at most %u, got more",
                          FETCH_MAX_HOSTS - 1);
    }
    *ret = &hosts->host[hosts->count++];
    **ret = (struct fetch_host){0};
    return CL_OK;
}

static enum cl_status take_file(const json_t *root, const char *dir, const char *registry,
                                struct fetch_hosts *ret, struct cl_err *err)
{
    static const char *const root_keys[] = {"server", "host", HOST_KEYS, NULL};
    static const char *const host_keys[] = {HOST_KEYS, NULL};
    json_t *tables = NULL;
    const char *url = NULL;
    json_t *table = NULL;
    const char *server = registry;
    struct fetch_host *h = NULL;
    CL_TRY(cl_json_only_keys(root, "file", root_keys, err));
    CL_TRY(cl_json_opt_object(root, "file", "host", &tables, err));
    json_object_foreach(tables, url, table)
    {
        if (!json_is_object(table)) {
            return wrong("host", "tables [host.\"URL\"]", err);
        }
        CL_TRY(cl_json_only_keys(table, url, host_keys, err));
        CL_TRY(next_host(ret, &h, err));
        enum cl_status st = take_host(table, url, dir, h, err);
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "host.%.100s", url);
        }
    }
    if (json_object_get(root, "server") != NULL) {
        CL_TRY(cl_json_get_string(root, "file", "server", &server, err));
    }
    CL_TRY(next_host(ret, &h, err));
    h->is_server = true;
    return take_host(root, server, dir, h, err);
}

enum cl_status fetch_hosts_parse(const char *text, size_t len, const char *what, const char *dir,
                                 const char *registry, struct fetch_hosts *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *root = NULL;
    *ret = (struct fetch_hosts){0};
    CL_TRY(cl_toml_parse(text, len, what, &root, err));
    enum cl_status st = take_file(root, dir, registry, ret, err);
    if (st != CL_OK) {
        fetch_hosts_done(ret);
        return cl_err_wrap(err, st, "'%.200s'", what);
    }
    return CL_OK;
}

/* false: there is none of that name. */
static enum cl_status read_file(const char *certs, const char *name, const char *registry,
                                bool *ret_found, struct fetch_hosts *ret, struct cl_err *err)
{
    char dir[MAX_PATH];
    char path[MAX_PATH + 16];
    struct cl_err inner = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    if (snprintf(dir, sizeof(dir), "%s/%s", certs, name) >= (int)sizeof(dir)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "'%.100s': path too long", certs);
    }
    (void)snprintf(path, sizeof(path), "%s/hosts.toml", dir);
    enum cl_status st = cl_buf_read_file(&text, path, FETCH_HOSTS_MAX_SIZE, &inner);
    if (st == CL_ERR_SYS && (inner.sys_errno == ENOENT || inner.sys_errno == ENOTDIR)) {
        return CL_OK;
    }
    if (st != CL_OK) {
        return cl_err_set(err, st, "%s", inner.msg);
    }
    *ret_found = true;
    return fetch_hosts_parse((const char *)text.data, text.len, path, dir, registry, ret, err);
}

enum cl_status fetch_hosts_find(const char *certs, const char *registry, bool tls,
                                struct fetch_hosts *ret, struct cl_err *err)
{
    char url[320];
    char under[300];
    bool found = false;
    const char *colon = strrchr(registry, ':');
    const char *const names[] = {under, registry, "_default"};
    if (colon != NULL && strchr(colon, ']') == NULL) {
        (void)snprintf(under, sizeof(under), "%.*s_%.8s_", (int)(colon - registry), registry,
                       colon + 1);
    } else {
        (void)snprintf(under, sizeof(under), "%.296s", registry);
    }
    for (size_t i = 0; certs != NULL && i < CL_ARRAY_LEN(names); i++) {
        CL_TRY(read_file(certs, names[i], registry, &found, ret, err));
        if (found) {
            return CL_OK;
        }
    }
    *ret = (struct fetch_hosts){.count = 1};
    ret->host[0] = (struct fetch_host){.pull = true, .is_server = true};
    (void)snprintf(url, sizeof(url), "%s%.300s", tls ? "https://" : "", registry);
    enum cl_status st = take_url(&ret->host[0], url, /* override= */ false, err);
    if (st != CL_OK) {
        fetch_hosts_done(ret);
    }
    return st;
}

enum cl_status fetch_host_ca(const struct fetch_host *h, struct cl_buf *out, struct cl_err *err)
{
    for (size_t i = 0; i < h->ca_count; i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
        const char *text = NULL;
        CL_TRY(cl_buf_read_file(&pem, h->ca[i], FETCH_MAX_CA_SIZE, err));
        if (cl_buf_cstr(&pem, "contents", &text, NULL) != CL_OK ||
            strstr(text, "-----BEGIN CERTIFICATE-----") == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "'%.200s': expected certificates in PEM, got something else",
                              h->ca[i]);
        }
        CL_TRY(cl_buf_append(out, pem.data, pem.len, err));
        CL_TRY(cl_buf_append_str(out, "\n", err));
    }
    return CL_OK;
}
