/* SPDX-License-Identifier: Apache-2.0
 * cmd_kbs.h - options of `cloister kbs`, and the connection of an admin.
 */
#ifndef CL_KBS_CMD_INTERNAL_H
#define CL_KBS_CMD_INTERNAL_H

#include "base/json.h"
#include "link.h"

#include <stdbool.h>

#define KBS_PROG "cloister kbs"
#define KBS_MAX_ARGS 8

struct kbs_options {
    const char *url;
    const char *cert;
    const char *admin_key;
    const char *resource;
    const char *tee_class;
    const char *evidence;
    const char *initdata;
    const char *tee;
    const char *psp_socket;
    const char *out;
    const char *note;
    const char *corim_key;
    uint64_t days;
    bool json;
    bool follow;
    bool history;
    const char *args[KBS_MAX_ARGS + 1]; /* behind the subcommand; NULL-ended */
    int arg_count;
};

struct kbs_admin; /* opaque: link, admin key */

CL_NODISCARD enum cl_status kbs_admin_open(const struct kbs_options *o, struct kbs_admin **ret_a,
                                           struct cl_err *err);
void kbs_admin_freep(struct kbs_admin **a);
/* One request; a status other than 200 is an error. */
CL_NODISCARD enum cl_status kbs_admin_send(struct kbs_admin *a, const char *method,
                                           const char *path, const void *body, size_t len,
                                           struct cl_http_response *ret, struct cl_err *err);
CL_NODISCARD enum cl_status kbs_admin_send_json(struct kbs_admin *a, const char *path,
                                                const json_t *body, struct cl_http_response *ret,
                                                struct cl_err *err);
/* GET of a JSON document. */
CL_NODISCARD enum cl_status kbs_admin_get_json(struct kbs_admin *a, const char *path,
                                               json_t **ret_j, struct cl_err *err);
/* URL and certificate must be known: by option or environment. */
CL_NODISCARD enum cl_status kbs_need_broker(const struct kbs_options *o, struct cl_err *err);
CL_NODISCARD enum cl_status kbs_read_cert(const struct kbs_options *o, struct cl_buf *out,
                                          struct cl_err *err);
/* Writes to --out (0600) or stdout. */
CL_NODISCARD enum cl_status kbs_write_out(const struct kbs_options *o, const void *data, size_t len,
                                          struct cl_err *err);

/* GET a list; for people one line an item, the given members between two spaces. */
CL_NODISCARD enum cl_status kbs_print_list(const struct kbs_options *o, const char *path,
                                           const char *name, const char *const *members,
                                           struct cl_err *err);
/* GET a document; for people only that member of it (NULL: all), which is what set-... takes. */
CL_NODISCARD enum cl_status kbs_print_document(const struct kbs_options *o, const char *path,
                                               const char *member, struct cl_err *err);
/* DELETE head[/one[/two]]. */
CL_NODISCARD enum cl_status kbs_delete_path(const struct kbs_options *o, const char *head,
                                            const char *one, const char *two, struct cl_err *err);

/* The subcommands. */
typedef enum cl_status kbs_fn(const struct kbs_options *o, struct cl_err *err);
kbs_fn kbs_set_resource, kbs_get_resource, kbs_delete_resource, kbs_list_resources, kbs_set_policy,
    kbs_get_policy, kbs_test_policy, kbs_set_reference, kbs_list_references, kbs_delete_reference,
    kbs_from_measure, kbs_set_sim_root, kbs_list_sim_roots, kbs_delete_sim_root, kbs_revoke,
    kbs_unrevoke, kbs_list_revocations, kbs_audit, kbs_attest, kbs_set_verify_policy,
    kbs_get_verify_policy, kbs_set_collateral, kbs_list_collateral, kbs_delete_collateral,
    kbs_set_distrust, kbs_delete_distrust;

#endif
