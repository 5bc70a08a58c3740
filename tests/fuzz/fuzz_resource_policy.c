/* SPDX-License-Identifier: Apache-2.0
 * fuzz_resource_policy.c - policy documents: none allows evidence without a class, or initdata of
 * all zero bytes; deciding ends for hostile patterns too.
 */
#include "resource_policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_resource_policy_freep) struct cl_resource_policy *p = NULL;
    struct cl_denial d;
    uint8_t zero[CL_INITDATA_SIZE] = {0};
    uint8_t ones[CL_INITDATA_SIZE];
    size_t rule = 0;
    memset(ones, 0x11, sizeof(ones));
    if (cl_resource_policy_parse(data, len, &p, NULL) != CL_OK) {
        return 0;
    }
    if (cl_resource_policy_allows(p, "a/b/c", CL_TEE_CLASS_SNP, zero, &rule, &d) ||
        cl_resource_policy_allows(p, "a/b/c", CL_TEE_CLASS_NONE, ones, &rule, &d)) {
        abort();
    }
    (void)cl_resource_policy_allows(p, "default/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/b",
                                    CL_TEE_CLASS_SIM_SNP, ones, &rule, &d);
    return 0;
}
