/* SPDX-License-Identifier: Apache-2.0
 * tee.c - reads what decides which TEE we are in: from the processor and the kernel, never from
 * what the host offers. The decision is agent_tee_choose(). What cannot be read is an error:
 * "cannot tell" is not "none".
 */
#include "agent.h"

#include "base/io.h"

#include <cpuid.h>
#include <errno.h>
#include <unistd.h>

#define MAX_CMDLINE 4096u
#define SEV_GUEST "/sys/devices/platform/sev-guest"
#define TDX_LEAF 0x21u

/* The kernel makes this device exactly when it read SEV_STATUS with SNP active at boot (that
 * register is guarded by the processor; CPUID 0x8000001F alone would only say what the processor
 * could do). */
static enum cl_status is_snp(bool *ret, struct cl_err *err)
{
    *ret = access(SEV_GUEST, F_OK) == 0;
    if (!*ret && (errno != ENOENT || access("/sys/devices/platform", F_OK) != 0)) {
        return cl_err_sys(err, errno, "look at '" SEV_GUEST "'");
    }
    return CL_OK;
}

static bool is_tdx(void)
{
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return (unsigned)__get_cpuid_max(0, NULL) >= TDX_LEAF &&
           __get_cpuid_count(TDX_LEAF, 0, &a, &b, &c, &d) != 0 && agent_tee_is_tdx_leaf(b, c, d);
}

enum cl_status agent_tee_decide(enum agent_tee *ret_tee, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    const char *cmdline = NULL;
    bool snp = false;
    CL_TRY(is_snp(&snp, err));
    CL_TRY(cl_buf_read_file(&raw, "/proc/cmdline", MAX_CMDLINE, err));
    CL_TRY(cl_buf_cstr(&raw, "/proc/cmdline", &cmdline, err));
    return agent_tee_choose(snp, is_tdx(), cmdline, ret_tee, err);
}
