/* SPDX-License-Identifier: Apache-2.0
 * link.h - one HTTPS connection to a broker whose certificate is pinned, kept open between
 * requests. Trust: the transport is hostile; the peer is the holder of the pinned certificate's
 * key. Threads: one link per thread.
 */
#ifndef CL_KBS_LINK_H
#define CL_KBS_LINK_H

#include "cloister/kbs_client.h"
#include "http_response.h"

#define CL_KBS_HOST_SIZE 256u

struct cl_kbs_tls;  /* opaque: TLS over one descriptor */
struct cl_kbs_link; /* opaque */

/* TLS 1.2 and later over fd, which it takes even when it fails. pin_der: the exact certificate. */
CL_NODISCARD enum cl_status cl_kbs_tls_open(int fd, const char *host, const struct cl_buf *pin_der,
                                            uint64_t deadline_us, struct cl_kbs_tls **ret_t,
                                            struct cl_err *err);
CL_NODISCARD enum cl_status cl_kbs_tls_write(struct cl_kbs_tls *t, const void *data, size_t n,
                                             uint64_t deadline_us, struct cl_err *err);
/* *ret_n is 0 when the peer ended the stream. */
CL_NODISCARD enum cl_status cl_kbs_tls_read(struct cl_kbs_tls *t, void *data, size_t size,
                                            size_t *ret_n, uint64_t deadline_us,
                                            struct cl_err *err);
void cl_kbs_tls_free(struct cl_kbs_tls *t);

/* "https://host[:port][/]"; brackets around IPv6 addresses; port 443 when there is none. */
CL_NODISCARD enum cl_status cl_kbs_url_parse(const char *url,
                                             char ret_host[static CL_KBS_HOST_SIZE],
                                             uint16_t *ret_port, struct cl_err *err);

CL_NODISCARD enum cl_status cl_kbs_link_new(const char *url, const char *cert_pem,
                                            const struct cl_kbs_transport *transport,
                                            struct cl_kbs_link **ret_l, struct cl_err *err);
void cl_kbs_link_free(struct cl_kbs_link *l);
void cl_kbs_link_freep(struct cl_kbs_link **l);

struct cl_kbs_request {
    const char *method;
    const char *path;    /* "/kbs/v0/auth" */
    const char *headers; /* further fields, each ended by CRLF, or NULL */
    const void *body;    /* NULL: none */
    size_t body_len;
};
/* Sends and waits for the whole answer. Any status is CL_OK here. */
CL_NODISCARD enum cl_status cl_kbs_link_request(struct cl_kbs_link *l,
                                                const struct cl_kbs_request *req,
                                                struct cl_http_response *ret, struct cl_err *err);
/* The error that a status other than 200 stands for: "<what>: refused: <detail>". ret_name (64
 * bytes, may be NULL) gets the last part of the error's type ("PolicyDeny"). */
enum cl_status cl_kbs_refusal(const struct cl_http_response *resp, const char *what, char *ret_name,
                              struct cl_err *err);

#endif
