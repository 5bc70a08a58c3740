/* SPDX-License-Identifier: Apache-2.0
 * kbs_client.h - the attested client of a key broker (RCAR 0.4.0): prove what we are, then fetch
 * resources that only our fresh key can open. Used by the guest's agent and by `cloister kbs`.
 * Trust: the transport is hostile (a relay on the host). The broker is whoever holds the key of the
 *        pinned certificate; its answers are still parsed as hostile bytes. Dates in certificates
 *        are ignored, for the host owns our clock: the pin is the whole of the trust.
 * Threads: one client per thread. Memory: bounded by CL_KBS_MAX_BODY and the resource's size; the
 *          private key and resources live in struct cl_secret.
 */
#ifndef CLOISTER_KBS_CLIENT_H
#define CLOISTER_KBS_CLIENT_H

#include "base/buf.h"
#include "base/secret.h"

#include <stdint.h>

#define CL_KBS_MAX_BODY (4u << 20)     /* largest response body */
#define CL_KBS_MAX_RESOURCE (2u << 20) /* largest resource, in the clear */
#define CL_KBS_MAX_INITDATA (1u << 20)
#define CL_KBS_TIMEOUT_MS 60000u /* one request, from dialling to the last byte */

/* How bytes reach the broker. dial gives a connected stream descriptor that the client will close.
 * Unreachable is CL_ERR_UNAVAILABLE. */
struct cl_kbs_transport {
    void *ctx;
    enum cl_status (*dial)(void *ctx, const char *host, uint16_t port, int *ret_fd,
                           struct cl_err *err);
};

/* How evidence is made. tee: the protocol's name ("snp", also for sim-snp). get appends the
 * primary evidence as JSON text (kbs-protocol.md 13) for the given 64 bytes of REPORT_DATA. */
struct cl_kbs_evidence {
    void *ctx;
    const char *tee;
    enum cl_status (*get)(void *ctx, const uint8_t report_data[64], struct cl_buf *ret_primary_json,
                          struct cl_err *err);
};

struct cl_kbs_config {
    const char *url;         /* "https://host:port"; nothing else is accepted */
    const char *cert_pem;    /* exactly one certificate: the one the broker must present */
    const uint8_t *initdata; /* the exact TOML text, sent as init-data; NULL: none */
    size_t initdata_len;
    struct cl_kbs_transport transport;
    struct cl_kbs_evidence evidence;
};

struct cl_kbs; /* opaque */

/* Copies everything out of cfg except what transport.ctx and evidence.ctx point to. Connects to
 * nothing. CL_ERR_MALFORMED for a bad URL or certificate. */
CL_NODISCARD enum cl_status cl_kbs_new(const struct cl_kbs_config *cfg, struct cl_kbs **ret_k,
                                       struct cl_err *err);
void cl_kbs_free(struct cl_kbs *k); /* NULL is fine; the key is wiped */
void cl_kbs_freep(struct cl_kbs **k);

/* One handshake with a fresh P-256 key. Tried again (3 times in all, one second apart) only while
 * the broker cannot be reached.
 * Returns CL_OK; CL_ERR_UNAVAILABLE when no broker answers or it is not up to answering;
 *         CL_ERR_REJECTED when it refuses us (message: its `detail`), or presents another
 *         certificate; CL_ERR_MALFORMED when it does not speak the protocol; what evidence.get
 *         returned. */
CL_NODISCARD enum cl_status cl_kbs_attest(struct cl_kbs *k, struct cl_err *err);

/* Fetches "repository/type/tag", attesting first when that has not been done, and once again when
 * the session has expired. Statuses as above; a missing or forbidden resource is CL_ERR_REJECTED.
 */
CL_NODISCARD enum cl_status cl_kbs_get_resource(struct cl_kbs *k, const char *path,
                                                struct cl_secret *ret, struct cl_err *err);

/* The broker's token of the last cl_kbs_attest (compact JWT); NULL before. Borrowed. */
const char *cl_kbs_token(const struct cl_kbs *k);

/* Whether `pem` is exactly one certificate, as cl_kbs_new wants it. CL_ERR_MALFORMED when not. */
CL_NODISCARD enum cl_status cl_kbs_check_cert(const char *pem, struct cl_err *err);

/* A transport's dial over TCP, for programs with a network. ctx is not used. */
CL_NODISCARD enum cl_status cl_kbs_dial_tcp(void *ctx, const char *host, uint16_t port, int *ret_fd,
                                            struct cl_err *err);

#endif
