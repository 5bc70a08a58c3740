/* SPDX-License-Identifier: Apache-2.0
 * world.h - a VM of class snp or tdx on the model: files, configuration, launch, run.
 */
#ifndef CONFIDENTIAL_WORLD_H
#define CONFIDENTIAL_WORLD_H

#include "check_main.h"
#include "cloister/snp_measure.h"
#include "cloister/tdx_measure.h"
#include "guest.h"
#include "kvm_model.h"
#include "vmm.h"

#define WORLD_CMDLINE "console=null reboot=a"

struct world {
    struct model *model;
    struct vmm vmm;
    struct vmm_config cfg;
    struct vmm_files files;
    char dir[64]; /* holds kernel, initrd */
    char kernel[1024], initrd[1024];
    const char *firmware;
    bool td;                              /* class tdx */
    uint8_t *kernel_bytes, *initrd_bytes; /* as the guest must have them */
    size_t kernel_size, initrd_size;
    unsigned cpus_told; /* that Linux's tables will list; 0: as many as there are */
    int status;         /* what the VMM's events can be read from */
    struct cl_err err;
};

/* An honest host and the model's ROM, a small kernel and initrd, one CPU, 256 MiB. */
void world_init(struct world *w);
/* The same of class tdx, on a machine of Intel's. The ROM is the model's or one made by the test.
 */
void world_init_tdx(struct world *w);
void world_free(struct world *w); /* the model must have nothing left */
/* Firmware, kernel and initrd from these files instead (NULL: as they are). */
void world_use(struct world *w, const char *firmware, const char *kernel, const char *initrd);
/* 1 to 16 CPUs, 256 MiB to 8 GiB, a kernel of at most kernel_max bytes, an initrd or none, a
 * command line: all as the seed has it. */
void world_randomise(struct world *w, uint32_t seed, uint32_t kernel_max);
/* The VMM's own way: opens the devices, then everything up to the first step. */
enum cl_status world_launch(struct world *w);
void world_must_launch(struct world *w);
/* The three digests (TDX: MRTDs): of the VMM's event, of the model, of `cloister measure`. */
void world_digests(struct world *w, uint8_t vmm[static 48], uint8_t model[static 48],
                   uint8_t measure[static 48]);
/* That the three are one, which it is. */
void world_one_digest(struct world *w, uint8_t ret_digest[static 48]);
/* Of a TD: MRTD and the RTMRs, as `cloister measure` says. */
void world_registers(const struct world *w, struct cl_tdx_measurement *ret);
struct model_vm *world_vm(struct world *w);

/* After a launch. What must be true at the Linux entry is told to the model, and the boot CPU (all
 * CPUs of a TD, in turn) runs until it is there or the VM has ended. */
void world_run(struct world *w);
/* It is there, and the model had nothing to object to. */
void world_expect_linux(struct world *w);
/* It ended before, refused by the firmware with that reason of I-1.4. */
void world_expect_refusal(struct world *w, enum stage0_reason reason);

#endif
