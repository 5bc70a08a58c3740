/* SPDX-License-Identifier: Apache-2.0
 * rig.h - runs one program of programs.S as an SNP guest: launches it, and plays an honest VMM.
 */
#ifndef CL_MODEL_RIG_H
#define CL_MODEL_RIG_H

#include "guest.h"
#include "launcher.h"

extern const uint8_t rom[], rom_end[], rom_gdt[];

#define RIG_RAM (16u << 20)
#define RIG_SECRETS 0x6000u
#define RIG_CPUID 0x7000u

struct rig {
    struct model *m;
    struct model_vm *vm;
    struct launcher l;
    uint8_t out;        /* the last byte the guest wrote to a port */
    unsigned port;      /* where */
    unsigned exits;     /* that the VMM served */
    unsigned faults;    /* of them conversions by memory fault */
    unsigned converted; /* pages by hypercall */
};

/* A launched guest that will run `program`; further pages may be added before rig_seal(). */
void rig_launch(struct rig *r, const struct model_config *config, const uint8_t *program,
                unsigned vcpus);
void rig_page(struct rig *r, uint8_t type, uint64_t gpa, const void *data, size_t size);
void rig_seal(struct rig *r); /* LAUNCH_FINISH */
enum model_outcome rig_run(struct rig *r);
/* All three, and what the program ended with: set<<8 | reason; 0 for anything but a termination */
unsigned rig_program(struct rig *r, const uint8_t *program);
unsigned rig_reason(const struct rig *r);
void rig_done(struct rig *r);

#endif
