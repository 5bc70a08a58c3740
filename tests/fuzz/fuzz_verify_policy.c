/* SPDX-License-Identifier: Apache-2.0
 * fuzz_verify_policy.c - a policy of any bytes. What is accepted can be asked for every section.
 */
#include "cloister/snp_policy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = NULL;
    struct cl_err err = {0};
    enum cl_status st = cl_verify_policy_parse(data, len, &p, &err);
    if ((st == CL_OK) != (p != NULL) || (st != CL_OK && err.msg[0] == '\0')) {
        abort();
    }
    if (p == NULL) {
        return 0;
    }
    const struct cl_snp_rules *r = cl_verify_policy_snp(p);
    /* A key list never stands alone: a key vouches for every image. */
    if (r->id_keys.count + r->author_keys.count > 0 &&
        r->family_ids.count + r->image_ids.count == 0) {
        abort();
    }
    return cl_verify_policy_common(p) == NULL || cl_verify_policy_sim_snp(p) == NULL;
}
