/* SPDX-License-Identifier: Apache-2.0
 * from_signature.c - who signs an image: the rule that stands in a policy instead of a digest.
 */
#include "from_internal.h"

#include <string.h>

/* Those of the options that are about this container, as a list. */
static enum cl_status fitting(const struct policy_container *c, const struct cl_strv *given,
                              bool *used, json_t *to, struct cl_err *err)
{
    for (size_t i = 0; given != NULL && i < given->count; i++) {
        const char *rest = NULL;
        if (policy_option_fits(c, given->v[i], &rest)) {
            used[i] = true;
            CL_TRY(policy_append(to, json_string(rest), err));
        }
    }
    return CL_OK;
}

/* cosign writes repositories only; simple signing writes what was pushed, with its tag. */
static enum cl_status identity(const struct policy_container *c, bool cosign, json_t **ret,
                               struct cl_err *err)
{
    const char *given = c->f->options->signature_identity;
    const char *word = cosign ? "matchRepository" : "matchRepoDigestOrExact";
    if (given != NULL && given[0] == '{') {
        return cl_json_parse(given, strlen(given), "--signature-identity", ret, err);
    }
    *ret = json_pack("{s:s}", "type", given != NULL ? given : word);
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "policy");
}

enum cl_status policy_signature_build(struct policy_container *c, const char *name, json_t **ret,
                                      struct cl_err *err)
{
    struct policy_from *f = c->f;
    CL_CLEANUP(cl_json_decrefp) json_t *keys = json_array();
    CL_CLEANUP(cl_json_decrefp) json_t *rings = json_array();
    json_t *by = NULL;
    CL_TRY(fitting(c, f->options->signature_keys, f->key_used, keys, err));
    CL_TRY(fitting(c, f->options->signature_rings, f->ring_used, rings, err));
    bool cosign = json_array_size(keys) > 0;
    if (!cosign && json_array_size(rings) == 0) {
        *ret = NULL;
        return CL_OK;
    }
    if (json_array_size(rings) + (cosign ? 1 : 0) != 1) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "image '%.200s': expected keys or one key ring, got %zu and %zu", name,
                          json_array_size(keys), json_array_size(rings));
    }
    CL_TRY(identity(c, cosign, &by, err));
    *ret = json_pack("{s:s, s:s, s:o, s:O}", "type", cosign ? "cosign" : "simple", "reference",
                     name, "identity", by, cosign ? "keys" : "keyring",
                     cosign ? keys : json_array_get(rings, 0));
    return *ret != NULL ? CL_OK : cl_err_nomem(err, "policy");
}
