/* SPDX-License-Identifier: Apache-2.0
 * broker.h - the embedded key broker: a library, so that the tests run the real server in their own
 * process. `cloister-broker` is its command line.
 * Trust: every client is hostile, admins included until their token verified. The state directory
 *        and the clock are the broker's own.
 * Threads: one thread runs one broker; cl_broker_stop() may be called from any thread or a signal.
 */
#ifndef CL_BROKER_BROKER_H
#define CL_BROKER_BROKER_H

#include "base/err.h"

#include <stdint.h>

struct cl_broker; /* opaque */

struct cl_broker_config {
    const char *state_dir;
    const char *listen;          /* "127.0.0.1:8080"; port 0 picks one */
    const char *admin_listen;    /* a listener of its own: admin routes exist nowhere else */
    uint32_t max_sessions;       /* 0: 65536 */
    uint32_t max_connections;    /* 0: 512, for each listener */
    uint32_t session_seconds;    /* 0: 300; life of a challenge, and of a token */
    uint32_t connection_seconds; /* 0: 120; a connection is closed after that, whatever it does */
    uint32_t idle_seconds;       /* 0: 20; without a byte */
    int64_t (*now)(void *ctx);   /* NULL: the system's clock */
    void *now_ctx;
};

/* Opens the state and both listeners. Errors name the file or the address. */
CL_NODISCARD enum cl_status cl_broker_new(const struct cl_broker_config *cfg,
                                          struct cl_broker **ret_b, struct cl_err *err);
void cl_broker_free(struct cl_broker *b);
uint16_t cl_broker_port(const struct cl_broker *b);
uint16_t cl_broker_admin_port(const struct cl_broker *b);
/* Registers the root certificate of simulated evidence (PEM or DER) before serving. */
CL_NODISCARD enum cl_status cl_broker_trust_sim_root(struct cl_broker *b, const char *file,
                                                     struct cl_err *err);
/* Serves until cl_broker_stop(). */
CL_NODISCARD enum cl_status cl_broker_run(struct cl_broker *b, struct cl_err *err);
void cl_broker_stop(struct cl_broker *b); /* async-signal-safe */

#endif
