/* SPDX-License-Identifier: Apache-2.0
 * client.h - one repository, at the hosts that have it: requests with the credentials of each.
 * Trust: all servers are hostile (image/http.h); credentials go to the host that they are for, and
 *        to the token server that this host names over TLS, and nowhere else.
 * Threads: one. Memory: a token and the CA files of each host.
 */
#ifndef FETCH_CLIENT_H
#define FETCH_CLIENT_H

#include "creds.h"
#include "hosts.h"

#include "image/http.h"

struct fetch_options {   /* all borrowed; NULL: none */
    const char *certs;   /* folder of hosts.toml files */
    const char *auth;    /* docker's config.json */
    const char *only_ca; /* PEM file of the only CA to believe of the registry itself */
    unsigned stall_s;    /* 0: image/http.h's */
};

struct fetch_client {
    const struct fetch_options *options;
    char registry[300]; /* "host[:port]" */
    char repository[256];
    struct fetch_hosts hosts;
    struct fetch_access {
        struct cl_buf header; /* "Authorization: ..."; empty: none yet */
        struct cl_buf ca;
        bool has_ca;
    } access[FETCH_MAX_HOSTS];
};

/* `name` as containerd has it: "host[:port]/repository[:tag][@digest]". CL_ERR_MALFORMED. */
CL_NODISCARD enum cl_status fetch_client_init(struct fetch_client *c, const char *name,
                                              const struct fetch_options *options,
                                              struct cl_err *err);
void fetch_client_done(struct fetch_client *c);

struct fetch_get {
    const char *kind; /* "manifests" or "blobs" */
    const uint8_t *digest;
    uint64_t offset;
    bool (*begin)(void *ctx, uint64_t start);
    bool (*sink)(void *ctx, const uint8_t *data, size_t len);
    void *ctx;
};

/* One request to one host, and another with what it asks for when it is not allowed. *ret_status is
 * the HTTP status, 0 when none came. Returns CL_OK for 200 and 206; CL_ERR_UNAVAILABLE where
 * another try may help (5xx, 408, 416, 429, a broken connection), CL_ERR_REJECTED where it will
 * not. */
CL_NODISCARD enum cl_status fetch_client_get(struct fetch_client *c, size_t host,
                                             const struct fetch_get *g, long *ret_status,
                                             struct cl_err *err);

#endif
