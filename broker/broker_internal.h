/* SPDX-License-Identifier: Apache-2.0
 * broker_internal.h - the running broker, shared by the files that serve its two listeners.
 */
#ifndef CL_BROKER_INTERNAL_H
#define CL_BROKER_INTERNAL_H

#include "appraise.h"
#include "broker/broker.h"
#include "http.h"
#include "resource_policy.h"
#include "state.h"

#define CL_DOMAIN_RESOURCE "resource"
#define CL_KBS_PREFIX "/kbs/v0/"

struct cl_broker {
    struct cl_broker_config cfg; /* defaults filled in */
    struct cl_state state;
    struct cl_challenge challenge;
    struct cl_sessions *sessions;
    struct cl_resource_policy *policy; /* the one in force */
    int64_t policy_version;
    struct cl_trust_state trust;
    struct event_base *base;
    struct event *stop_event;
    int stop_pipe[2];
    SSL_CTX *tls;
    struct cl_http *guest;
    struct cl_http *admin;
};

int64_t cl_broker_now(const struct cl_broker *b);

/* The handlers of the two listeners; ctx is the broker. */
void cl_broker_handle_guest(void *ctx, struct cl_request *req);
void cl_broker_handle_admin(void *ctx, struct cl_request *req);

/* Writes one line of the audit; who: "guest" or "admin <role>". */
CL_NODISCARD enum cl_status cl_broker_audit(struct cl_broker *b, const struct cl_request *req,
                                            const char *who, struct cl_audit *line,
                                            struct cl_err *err);

/* What evidence is judged by now; borrowed until an admin changes it. */
struct cl_trust cl_broker_trust(const struct cl_broker *b);

/* Takes the newest policy of the store into force. */
CL_NODISCARD enum cl_status cl_broker_load_policy(struct cl_broker *b, struct cl_err *err);

/* 500 with the protocol's error; the cause goes to the log only. */
void cl_broker_reply_failure(struct cl_request *req, const char *what, const struct cl_err *err);
void cl_broker_reply_json(struct cl_request *req, const json_t *j);

#endif
