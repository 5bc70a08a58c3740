/* SPDX-License-Identifier: Apache-2.0
 * launcher_tdx.h - the smallest VMM that launches a TD in the order of tdx.md c, one step at a
 * time. Slots, attributes and closing are those of launcher.h.
 */
#ifndef CL_MODEL_LAUNCHER_TDX_H
#define CL_MODEL_LAUNCHER_TDX_H

#include "launcher.h"
#include "tdx.h"
#include "uapi_tdx.h"

#define TD_ENTRIES 64u

struct td {
    struct launcher l;
    struct mu_tdx_cmd cmd; /* as the last command left it */
    uint64_t attributes, xfam;
    unsigned gpaw;
    unsigned long tsc_khz; /* 0: the host's */
    uint8_t mrconfigid[48], mrowner[48], mrownerconfig[48];
    bool leave_again; /* EAGAIN and EINTR are given back, not tried again */
};

/* Defaults of a good TD; then /dev/kvm, the VM and its capabilities. 0 or -errno, as all here. */
int td_open(struct td *t, struct model *m);
int td_op(struct td *t, int fd, uint32_t id, uint32_t flags, uint64_t data);
int td_init(struct td *t); /* CAPABILITIES and INIT_VM, with CPUID as small as may be */
int td_vcpu(struct td *t, unsigned index, uint64_t hob);
int td_vcpus(struct td *t, unsigned count, uint64_t hob);
/* INIT_MEM_REGION of whole pages, after the attribute. */
int td_region(struct td *t, uint64_t gpa, uint64_t size, const void *data, bool measure);
int td_finalize(struct td *t);
/* The first three, with RAM of ram_size at 0 and a slot for the firmware that ends at 4 GiB. */
int td_begin(struct td *t, struct model *m, uint64_t ram_size, uint64_t rom_size);

#endif
