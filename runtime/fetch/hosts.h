/* SPDX-License-Identifier: Apache-2.0
 * hosts.h - where the blobs of a registry come from: containerd's `certs.d/<host>/hosts.toml`.
 * Trust: the node operator's files, parsed strictly: a key that is not known is an error, for a
 *        mirror or a CA that is silently ignored is worse than a pod that does not start.
 * Threads: plain values. Memory: strings of the file.
 * Spec: containerd's docs/hosts.md.
 */
#ifndef FETCH_HOSTS_H
#define FETCH_HOSTS_H

#include "base/buf.h"

#include <stdbool.h>

#define FETCH_HOSTS_MAX_SIZE 65536u /* bytes of a file */
#define FETCH_MAX_HOSTS 17u         /* host tables, and the server itself */
#define FETCH_MAX_CA 8u             /* files of one host */
#define FETCH_MAX_CA_SIZE (1u << 20)
#define FETCH_MAX_HEADERS 32u
#define FETCH_MAX_URL 1024u

struct fetch_host {
    char *url;      /* "https://host[:port][/path]/v2", without a slash at the end */
    char *name;     /* "host[:port]": whose credentials are meant */
    bool plain;     /* http:// */
    bool pull;      /* layers may come from here */
    bool is_server; /* the registry itself, and no mirror of it */
    bool skip_verify;
    char *client_cert; /* NULL: none */
    char *client_key;  /* NULL: in the same file */
    char *ca[FETCH_MAX_CA];
    size_t ca_count;
    char *headers[FETCH_MAX_HEADERS + 1]; /* "Name: value", ends with NULL */
    size_t header_count;
};

struct fetch_hosts {
    struct fetch_host host[FETCH_MAX_HOSTS]; /* in the order in which they are asked */
    size_t count;
};

/* `registry` is "host[:port]" as the image's name has it. `dir`: the file's folder, for relative
 * names. `what` names the text in messages: CL_ERR_MALFORMED "'<what>': host.<url>: ca: ...". */
CL_NODISCARD enum cl_status fetch_hosts_parse(const char *text, size_t len, const char *what,
                                              const char *dir, const char *registry,
                                              struct fetch_hosts *ret, struct cl_err *err);
/* The file of that registry below `certs`, "host_port_", "host:port" and "_default" as containerd
 * looks for them; without any the registry itself: https, and http where it is on loopback, unless
 * tls. certs: NULL for none. */
CL_NODISCARD enum cl_status fetch_hosts_find(const char *certs, const char *registry, bool tls,
                                             struct fetch_hosts *ret, struct cl_err *err);
void fetch_hosts_done(struct fetch_hosts *h);
/* Appends the certificates of a host's CA files. */
CL_NODISCARD enum cl_status fetch_host_ca(const struct fetch_host *h, struct cl_buf *out,
                                          struct cl_err *err);

#endif
