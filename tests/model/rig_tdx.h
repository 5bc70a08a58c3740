/* SPDX-License-Identifier: Apache-2.0
 * rig_tdx.h - runs one program of programs_tdx.S as a TD: launches it, and plays an honest VMM.
 */
#ifndef CL_MODEL_RIG_TDX_H
#define CL_MODEL_RIG_TDX_H

#include "guest.h"
#include "launcher_tdx.h"

extern const uint8_t td_rom[], td_rom_end[];

#define TD_RIG_RAM (16u << 20)
#define TD_RIG_TABLES 0x8000u /* temporary memory, 5 pages for each processor */
#define TD_RIG_WINDOW 0x800000u

struct td_rig {
    struct model *m;
    struct model_vm *vm;
    struct td t;
    uint8_t out;        /* the last byte the guest wrote to a port */
    unsigned exits;     /* that the VMM served */
    unsigned faults;    /* of them conversions by memory fault */
    unsigned converted; /* pages by MapGPA */
    unsigned quotes, notifies;
    int error;            /* of the KVM_RUN that ended it */
    uint64_t programs[4]; /* RCX of each vCPU */
    uint64_t attributes;  /* of the TD; SEPT_VE_DISABLE at first */
    unsigned gpaw;
    bool refuse_map; /* the VMM refuses conversions */
};

/* A TD that is launched but not final: pages may be added before td_rig_seal(). Programs of the
 * vCPUs from the second on are set in r->programs beforehand; r->attributes and r->gpaw may be. */
void td_rig_init(struct td_rig *r);
void td_rig_launch(struct td_rig *r, const struct model_config *config, const uint8_t *program,
                   unsigned vcpus);
void td_rig_page(struct td_rig *r, uint64_t gpa, const void *data, size_t size, bool measure);
void td_rig_seal(struct td_rig *r);
enum model_outcome td_rig_run(struct td_rig *r);
/* Init, launch, seal and run; what the program ended with, or UINT64_MAX. */
uint64_t td_rig_program(struct td_rig *r, const uint8_t *program);
uint64_t td_rig_reason(const struct td_rig *r);
void td_rig_done(struct td_rig *r);

#endif
