/* SPDX-License-Identifier: Apache-2.0
 * tee.c - the decision which TEE the guest is in. Trust: agent/tee.h. Threads: none. Memory: none.
 */
#include "agent/tee.h"

#include <string.h>

const char *agent_tee_name(enum agent_tee tee)
{
    switch (tee) {
    case AGENT_TEE_SNP:
        return "snp";
    case AGENT_TEE_TDX:
        return "tdx";
    case AGENT_TEE_SIM:
        return "sim";
    case AGENT_TEE_NONE:
        break;
    }
    return "";
}

bool agent_tee_is_tdx_leaf(uint32_t ebx, uint32_t ecx, uint32_t edx)
{
    char name[12];
    memcpy(name, &ebx, 4);
    memcpy(name + 4, &edx, 4);
    memcpy(name + 8, &ecx, 4);
    return memcmp(name, "IntelTDX    ", sizeof(name)) == 0; /* public */
}

static bool names_sim(const char *cmdline)
{
    static const char word[] = "cloister.tee=sim";
    for (const char *p = cmdline; *p != '\0'; p += strspn(p, " \n")) {
        size_t n = strcspn(p, " \n");
        if (n == sizeof(word) - 1 && memcmp(p, word, n) == 0) { /* public */
            return true;
        }
        p += n;
    }
    return false;
}

enum cl_status agent_tee_choose(bool snp, bool tdx, const char *cmdline, enum agent_tee *ret_tee,
                                struct cl_err *err)
{
    *ret_tee = AGENT_TEE_NONE;
    if (snp && tdx) {
        return cl_err_set(err, CL_ERR_REJECTED, "tee: expected SEV-SNP or TDX, got both");
    }
    if (snp || tdx) {
        *ret_tee = snp ? AGENT_TEE_SNP : AGENT_TEE_TDX;
        return CL_OK;
    }
    if (!names_sim(cmdline)) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "tee: expected SEV-SNP, TDX, or a measured cloister.tee=sim, got none");
    }
    *ret_tee = AGENT_TEE_SIM;
    return CL_OK;
}
