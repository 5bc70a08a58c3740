/* SPDX-License-Identifier: Apache-2.0
 * tee.c - which TEE we are in, from the processor, never from what the host offers. The simulated
 * one is taken only when the processor shows neither SNP nor TDX and the measured command line
 * names it.
 */
#include "agent.h"

#include "base/io.h"

#include <cpuid.h>
#include <string.h>
#include <unistd.h>

#define MAX_CMDLINE 4096u

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

/* The kernel makes this device exactly when it read SEV_STATUS with SNP active at boot (that
 * register is guarded by the processor; CPUID 0x8000001F alone would only say what the processor
 * could do). */
static bool is_snp(void)
{
    return access("/sys/devices/platform/sev-guest", F_OK) == 0;
}

/* TDX module, CPUID leaf 0x21: "IntelTDX    ", answered by the module and not by the host. */
static bool is_tdx(void)
{
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    char name[12];
    if (__get_cpuid_max(0, NULL) < 0x21 || __get_cpuid_count(0x21, 0, &a, &b, &c, &d) == 0) {
        return false;
    }
    memcpy(name, &b, 4);
    memcpy(name + 4, &d, 4);
    memcpy(name + 8, &c, 4);
    return memcmp(name, "IntelTDX    ", sizeof(name)) == 0; /* public */
}

static enum cl_status cmdline_names_sim(bool *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    const char *text = NULL;
    CL_TRY(cl_buf_read_file(&raw, "/proc/cmdline", MAX_CMDLINE, err));
    CL_TRY(cl_buf_cstr(&raw, "/proc/cmdline", &text, err));
    char *rest = (char *)raw.data;
    *ret = false;
    for (char *word = strsep(&rest, " \n"); word != NULL; word = strsep(&rest, " \n")) {
        *ret = *ret || strcmp(word, "cloister.tee=sim") == 0;
    }
    return CL_OK;
}

enum cl_status agent_tee_decide(enum agent_tee *ret_tee, struct cl_err *err)
{
    bool sim = false;
    if (is_snp() || is_tdx()) {
        *ret_tee = is_snp() ? AGENT_TEE_SNP : AGENT_TEE_TDX;
        return CL_OK;
    }
    CL_TRY(cmdline_names_sim(&sim, err));
    if (!sim) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "tee: expected SEV-SNP, TDX, or a measured cloister.tee=sim, got none");
    }
    *ret_tee = AGENT_TEE_SIM;
    return CL_OK;
}
