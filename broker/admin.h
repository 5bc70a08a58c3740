/* SPDX-License-Identifier: Apache-2.0
 * admin.h - the table of admin routes, which the tests walk, and the functions behind it.
 */
#ifndef CL_BROKER_ADMIN_H
#define CL_BROKER_ADMIN_H

#include "broker_internal.h"

enum { CL_ROLE_ANYBODY = 0, CL_ROLE_ADMIN = 1, CL_ROLE_AUDITOR = 2 };

struct cl_admin_call {
    struct cl_request *req;
    unsigned role;
    char rest[CL_HTTP_PATH_MAX]; /* of the path, behind a prefix route */
    char object[128];            /* what was changed, when the path does not say it */
    char note[64];               /* for the audit's `check` */
    json_t *answer;              /* owned */
    struct cl_secret secret;     /* owned; answered instead */
    bool policy_changed;
    bool trust_changed;
};

typedef enum cl_status cl_admin_fn(struct cl_broker *b, struct cl_admin_call *call,
                                   struct cl_err *err);

struct cl_admin_route {
    enum cl_method method;
    const char *path;
    unsigned roles;    /* CL_ROLE_ANYBODY, or a set */
    const char *audit; /* action; NULL: reads nothing secret and changes nothing */
    cl_admin_fn *run;
};
const struct cl_admin_route *cl_admin_routes(size_t *ret_count);

/* The request's body, a JSON object. */
CL_NODISCARD enum cl_status cl_admin_body(const struct cl_admin_call *call, json_t **ret_j,
                                          struct cl_err *err);
/* Answers {"schema":S,"<name>":list}; takes list. */
CL_NODISCARD enum cl_status cl_admin_answer_list(struct cl_admin_call *call, const char *schema,
                                                 const char *name, json_t *list,
                                                 struct cl_err *err);
enum cl_status cl_admin_absent(const char *what, const char *name, struct cl_err *err);

/* Statuses: MALFORMED 400, UNAVAILABLE 404, REJECTED 409, others 500. */
cl_admin_fn cl_admin_health, cl_admin_resource_put, cl_admin_resource_get, cl_admin_resource_delete,
    cl_admin_resource_list, cl_admin_policy_put, cl_admin_policy_get, cl_admin_policy_history,
    cl_admin_policy_test, cl_admin_reference_put, cl_admin_reference_list,
    cl_admin_reference_delete, cl_admin_root_put, cl_admin_root_list, cl_admin_root_delete,
    cl_admin_revoke, cl_admin_revoked_list, cl_admin_unrevoke, cl_admin_audit_list,
    cl_admin_verify_policy_put, cl_admin_verify_policy_get, cl_admin_verify_policy_history,
    cl_admin_collateral_put, cl_admin_collateral_get, cl_admin_collateral_delete,
    cl_admin_distrust_put, cl_admin_distrust_get, cl_admin_distrust_delete;

#endif
