/* SPDX-License-Identifier: Apache-2.0
 * evidence.c - where this guest's evidence comes from: the kernel's interfaces, or for class sim
 * the host. What it is worth: agent/evidence.h.
 */
#include "agent.h"

#include <errno.h>
#include <sys/mount.h>

#define CONFIGFS "/sys/kernel/config"

static enum cl_status dial_sim(void *ctx, int *ret_fd, struct cl_err *err)
{
    (void)ctx;
    return agent_dial(AGENT_PORT_PSP, /* patient= */ false, ret_fd, err);
}

/* A kernel without configfs has the devices. */
static enum cl_status mount_configfs(struct cl_err *err)
{
    return mount("configfs", CONFIGFS, "configfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) == 0 ||
                   errno == EBUSY || errno == ENODEV || errno == ENOENT
               ? CL_OK
               : cl_err_sys(err, errno, "mount '" CONFIGFS "'");
}

enum cl_status agent_evidence_open(enum agent_tee tee, struct agent_evidence *ret_e,
                                   struct cl_err *err)
{
    if (tee != AGENT_TEE_SIM) {
        CL_TRY(mount_configfs(err));
    }
    *ret_e = (struct agent_evidence){.tee = tee,
                                     .tsm_root = CL_TSM_ROOT,
                                     .sev_guest = CL_SEV_GUEST_DEVICE,
                                     .tdx_guest = CL_TDX_GUEST_DEVICE,
                                     .ccel = CL_CCEL_PATH,
                                     .measurements = CL_TDX_MEASUREMENTS,
                                     .dial_sim = dial_sim};
    return CL_OK;
}
