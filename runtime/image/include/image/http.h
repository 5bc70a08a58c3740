/* SPDX-License-Identifier: Apache-2.0
 * http.h - one GET from a registry or a mirror, over libcurl, with every redirect judged.
 * Trust: the server is hostile, and so is what it redirects to. What the operator configured for a
 *        server (credentials, headers, client certificate, CA, plain HTTP) holds for that scheme,
 *        host and port alone: a redirect to anywhere else carries none of it, must be https, and
 *        may not lead to this node or to link-local addresses.
 * Threads: a request belongs to its caller's thread. Memory: libcurl's buffers.
 */
#ifndef CL_IMAGE_HTTP_H
#define CL_IMAGE_HTTP_H

#include "base/buf.h"

#include <stdatomic.h>
#include <stdbool.h>

#define CL_HTTP_MAX_REDIRECTS 5u
#define CL_HTTP_MAX_CHALLENGE 4096u /* bytes of a WWW-Authenticate header */
#define CL_HTTP_STALL_S 30u         /* no byte for so long: the server is gone */
#define CL_HTTP_CONNECT_S 10u

#define CL_HTTP_ACCEPT_MANIFEST                                                                    \
    "Accept: application/vnd.oci.image.manifest.v1+json, "                                         \
    "application/vnd.oci.image.index.v1+json, "                                                    \
    "application/vnd.docker.distribution.manifest.v2+json, "                                       \
    "application/vnd.docker.distribution.manifest.list.v2+json"

/* How one server is spoken to. All borrowed. */
struct cl_http_server {
    const char *label;          /* for messages: "registry 'host'" */
    const char *only_ca;        /* PEM file of the only CA to believe; NULL: the system's */
    const struct cl_buf *ca;    /* PEM certificates besides the system's; NULL: none */
    const char *client_cert;    /* PEM files; NULL: none */
    const char *client_key;     /* NULL: it is in client_cert */
    bool skip_verify;           /* its certificate is not looked at */
    const char *const *headers; /* "Name: value", ends with NULL; NULL: none */
    bool proxy;                 /* HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment hold */
};

struct cl_http_request {
    const struct cl_http_server *server;
    const char *accept;        /* "Accept: ..."; NULL: none */
    const char *authorization; /* "Authorization: ..."; NULL: none */
    const char *post;          /* body of a POST; NULL: a GET */
    uint64_t offset;           /* asks for the bytes from there on; 0: for all */
    unsigned stall_s;          /* 0: CL_HTTP_STALL_S */
    atomic_bool *stopping;     /* true ends the request; NULL: nothing does */
    /* Before the first byte of a body with status 200 or 206; `start` is the offset of that byte.
     * NULL: not asked. false ends the request. */
    bool (*begin)(void *ctx, uint64_t start);
    bool (*sink)(void *ctx, const uint8_t *data, size_t len); /* false ends the request */
    void *ctx;
};

struct cl_http_response {
    long status;                           /* HTTP status; 0: there was none */
    char url[1024];                        /* the last one, for messages; may be cut */
    char challenge[CL_HTTP_MAX_CHALLENGE]; /* WWW-Authenticate of a 401; empty: none */
};

/* One request with its redirects. The body of a status other than 200 and 206 is thrown away, and
 * such a status is no error here.
 * Returns CL_OK; CL_ERR_REJECTED for a redirect that is not followed, a certificate that is not
 *         believed, a header that breaks its form; CL_ERR_UNAVAILABLE when the server cannot be
 *         reached, stalls or breaks off (also when sink or begin ended it). Messages begin
 *         "<label>: ". */
CL_NODISCARD enum cl_status cl_http_get(const struct cl_http_request *q, const char *url,
                                        struct cl_http_response *ret, struct cl_err *err);

/* A name or address of this node itself, without brackets: plain HTTP to it crosses no network. */
bool cl_http_is_loopback(const char *host);

/* "bytes 100-199/200" of a Content-Range header: the offset of its first byte. */
CL_NODISCARD bool cl_http_range_parse(const char *value, uint64_t *ret_start);

#endif
