/* SPDX-License-Identifier: Apache-2.0
 * client.c - requests to the hosts of a repository. Trust, threads, memory: client.h.
 */
#include "client.h"

#include "challenge.h"

#include "base/digest.h"
#include "base/encode.h"
#include "image/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- which repository
 * -------------------------------------------------------------------------------- */

enum cl_status fetch_client_init(struct fetch_client *c, const char *name,
                                 const struct fetch_options *options, struct cl_err *err)
{
    char ref[1200];
    struct cl_image_ref r;
    *c = (struct fetch_client){.options = options};
    if (snprintf(ref, sizeof(ref), "docker://%s", name) >= (int)sizeof(ref) ||
        cl_image_ref_parse(ref, &r, NULL) != CL_OK) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "reference: expected host[:port]/name[:tag][@sha256:...], got '%.150s'",
                          name);
    }
    size_t host = strcspn(name, "/");
    (void)snprintf(c->registry, sizeof(c->registry), "%.*s", (int)host, name);
    (void)snprintf(c->repository, sizeof(c->repository), "%s", r.name);
    return fetch_hosts_find(options->certs, c->registry, options->only_ca != NULL, &c->hosts, err);
}

void fetch_client_done(struct fetch_client *c)
{
    for (size_t i = 0; i < FETCH_MAX_HOSTS; i++) {
        cl_buf_done(&c->access[i].header);
        cl_buf_done(&c->access[i].ca);
    }
    fetch_hosts_done(&c->hosts);
}

/* --- access
 * ------------------------------------------------------------------------------------------ */

struct text {
    struct cl_buf *out;
    size_t max;
};

static bool text_sink(void *ctx, const uint8_t *data, size_t len)
{
    struct text *t = ctx;
    return len <= t->max - t->out->len && cl_buf_append(t->out, data, len, NULL) == CL_OK;
}

static enum cl_status basic(const struct fetch_creds *creds, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf pair = {0};
    CL_TRY(cl_buf_printf(&pair, err, "%s:%s", creds->user, creds->password));
    CL_TRY(cl_buf_append_str(out, "Authorization: Basic ", err));
    return cl_b64_encode(out, pair.data, pair.len, err);
}

static enum cl_status identity_form(const struct fetch_client *c, const struct fetch_challenge *ch,
                                    const struct fetch_creds *creds, struct cl_buf *out,
                                    struct cl_err *err)
{
    char scope[300];
    (void)snprintf(scope, sizeof(scope), "repository:%s:pull", c->repository);
    CL_TRY(cl_buf_append_str(out, "grant_type=refresh_token&client_id=cloister&service=", err));
    CL_TRY(fetch_escape(ch->service, out, err));
    CL_TRY(cl_buf_append_str(out, "&scope=", err));
    CL_TRY(fetch_escape(ch->scope[0] != '\0' ? ch->scope : scope, out, err));
    CL_TRY(cl_buf_append_str(out, "&refresh_token=", err));
    return fetch_escape(creds->identity, out, err);
}

/* The token server is whom the registry names. In the clear only where the registry itself is, and
 * then the same one: else credentials would cross a network that nobody chose. */
static enum cl_status check_realm(const struct fetch_host *h, const struct fetch_challenge *ch,
                                  struct cl_err *err)
{
    size_t n = strlen(h->name);
    if (strncasecmp(ch->realm, "https://", 8) == 0) {
        return CL_OK;
    }
    if (h->plain && strncasecmp(ch->realm, "http://", 7) == 0 &&
        strncasecmp(ch->realm + 7, h->name, n) == 0 &&
        (ch->realm[7 + n] == '/' || ch->realm[7 + n] == '\0')) {
        return CL_OK;
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "registry '%.100s': token server: expected https, got '%.100s'", h->name,
                      ch->realm);
}

static enum cl_status get_token(struct fetch_client *c, size_t host,
                                const struct cl_http_server *like, const struct fetch_challenge *ch,
                                const struct fetch_creds *creds, struct cl_err *err)
{
    const struct fetch_host *h = &c->hosts.host[host];
    char scope[300];
    struct cl_http_response answer;
    CL_CLEANUP(cl_buf_done) struct cl_buf url = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf post = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf authorization = {0};
    struct text sink = {.out = &body, .max = FETCH_TOKEN_MAX_SIZE};
    struct cl_http_server server = *like;
    server.headers = NULL; /* they are for the registry */
    struct cl_http_request q = {
        .server = &server, .stall_s = c->options->stall_s, .sink = text_sink, .ctx = &sink};
    CL_TRY(check_realm(h, ch, err));
    (void)snprintf(scope, sizeof(scope), "repository:%s:pull", c->repository);
    if (creds->identity != NULL) {
        CL_TRY(cl_buf_append_str(&url, ch->realm, err));
        CL_TRY(identity_form(c, ch, creds, &post, err));
        q.post = (const char *)post.data;
    } else {
        CL_TRY(fetch_challenge_url(ch, scope, &url, err));
        if (creds->user != NULL) {
            CL_TRY(basic(creds, &authorization, err));
            q.authorization = (const char *)authorization.data;
        }
    }
    CL_TRY(cl_http_get(&q, (const char *)url.data, &answer, err));
    if (answer.status != 200) {
        return cl_err_set(err, answer.status >= 500 ? CL_ERR_UNAVAILABLE : CL_ERR_REJECTED,
                          "registry '%.100s': token server '%.100s': expected HTTP status 200, got "
                          "%ld",
                          h->name, ch->realm, answer.status);
    }
    enum cl_status st = fetch_token_parse(body.data, body.len, &c->access[host].header, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "registry '%.100s'", h->name);
}

/* Fills access[host].header with what the challenge asks for. */
static enum cl_status answer_challenge(struct fetch_client *c, size_t host,
                                       const struct cl_http_server *server, const char *challenge,
                                       struct cl_err *err)
{
    const struct fetch_host *h = &c->hosts.host[host];
    struct cl_buf *header = &c->access[host].header;
    struct fetch_challenge ch;
    CL_CLEANUP(fetch_creds_done) struct fetch_creds creds = {0};
    CL_TRY(fetch_challenge_parse(challenge, &ch, err));
    if (c->options->auth != NULL) {
        CL_TRY(fetch_creds_read(c->options->auth, h->name, c->repository, &creds, err));
    }
    cl_buf_reset(header);
    if (ch.bearer && creds.registry_token != NULL) {
        return cl_buf_printf(header, err, "Authorization: Bearer %s", creds.registry_token);
    }
    if (ch.bearer) {
        return get_token(c, host, server, &ch, &creds, err);
    }
    if (creds.user == NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "registry '%.100s': access: expected credentials (image.auth-file), got "
                          "none",
                          h->name);
    }
    return basic(&creds, header, err);
}

/* --- requests
 * ---------------------------------------------------------------------------------------- */

static enum cl_status http_status(const struct fetch_host *h, const struct cl_http_response *a,
                                  struct cl_err *err)
{
    if (a->status == 200 || a->status == 206) {
        return CL_OK;
    }
    if (a->status == 401 || a->status == 403) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "registry '%.100s': access: expected credentials that it takes, got HTTP "
                          "status %ld",
                          h->name, a->status);
    }
    bool again = a->status >= 500 || a->status == 408 || a->status == 416 || a->status == 429;
    return cl_err_set(err, again ? CL_ERR_UNAVAILABLE : CL_ERR_REJECTED,
                      "registry '%.100s': HTTP status: expected 200, got %ld", h->name, a->status);
}

static enum cl_status make_url(const struct fetch_client *c, const struct fetch_host *h,
                               const struct fetch_get *g, struct cl_buf *out, struct cl_err *err)
{
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, g->digest);
    CL_TRY(cl_buf_printf(out, err, "%s/%s/%s/%s", h->url, c->repository, g->kind, digest));
    if (!h->is_server && strcmp(h->name, c->registry) != 0) { /* a mirror: of whom */
        CL_TRY(cl_buf_append_str(out, "?ns=", err));
        return fetch_escape(c->registry, out, err);
    }
    return CL_OK;
}

static enum cl_status load_ca(struct fetch_client *c, size_t host, struct cl_err *err)
{
    struct fetch_access *a = &c->access[host];
    if (a->has_ca) {
        return CL_OK;
    }
    CL_TRY(fetch_host_ca(&c->hosts.host[host], &a->ca, err));
    a->has_ca = true;
    return CL_OK;
}

enum cl_status fetch_client_get(struct fetch_client *c, size_t host, const struct fetch_get *g,
                                long *ret_status, struct cl_err *err)
{
    const struct fetch_host *h = &c->hosts.host[host];
    struct fetch_access *a = &c->access[host];
    char label[300];
    struct cl_http_response answer = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf url = {0};
    *ret_status = 0;
    CL_TRY(load_ca(c, host, err));
    CL_TRY(make_url(c, h, g, &url, err));
    (void)snprintf(label, sizeof(label), "registry '%.260s'", h->name);
    const struct cl_http_server server = {
        .label = label,
        .only_ca = h->is_server && h->ca_count == 0 ? c->options->only_ca : NULL,
        .ca = &a->ca,
        .client_cert = h->client_cert,
        .client_key = h->client_key,
        .skip_verify = h->skip_verify,
        .headers = (const char *const *)h->headers,
        .proxy = true};
    struct cl_http_request q = {
        .server = &server,
        .accept = strcmp(g->kind, "manifests") == 0 ? CL_HTTP_ACCEPT_MANIFEST : NULL,
        .authorization = (const char *)a->header.data,
        .offset = g->offset,
        .stall_s = c->options->stall_s,
        .begin = g->begin,
        .sink = g->sink,
        .ctx = g->ctx};
    enum cl_status st = cl_http_get(&q, (const char *)url.data, &answer, err);
    if (st == CL_OK && answer.status == 401 && answer.challenge[0] != '\0') {
        CL_TRY(answer_challenge(c, host, &server, answer.challenge, err));
        q.authorization = (const char *)a->header.data;
        st = cl_http_get(&q, (const char *)url.data, &answer, err);
    }
    *ret_status = answer.status;
    return st == CL_OK ? http_status(h, &answer, err) : st;
}
