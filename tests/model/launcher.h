/* SPDX-License-Identifier: Apache-2.0
 * launcher.h - the smallest VMM that launches an SNP guest, for the model's own tests: it follows
 * snp.md d.3 step by step and each step can be bent. It is not the product's launch code.
 */
#ifndef CL_MODEL_LAUNCHER_H
#define CL_MODEL_LAUNCHER_H

#include "model.h"

#include <sys/mman.h>

#define LAUNCHER_MAX_SLOTS 4u
#define LAUNCHER_MAX_VCPUS 16u

struct launcher_slot {
    int gmem;
    uint64_t gpa, size;
    uint8_t *shared;
};

struct launcher {
    struct model *m;
    int kvm, sev, vm;
    struct launcher_slot slots[LAUNCHER_MAX_SLOTS];
    unsigned slot_count;
    int vcpus[LAUNCHER_MAX_VCPUS];
    struct kvm_run *runs[LAUNCHER_MAX_VCPUS];
    unsigned vcpu_count;
    struct mu_sev_cmd cmd; /* the last command of KVM_MEMORY_ENCRYPT_OP */
    uint32_t signature;    /* RDX of each vCPU */
    bool leave_eagain;     /* do not try again */
    void (*adjust)(struct kvm_sregs *s, struct kvm_regs *r, struct kvm_fpu *f, unsigned index);
};

int launcher_ioctl(struct launcher *l, int fd, unsigned long request, void *arg);
int launcher_op(struct launcher *l, uint32_t id, void *data);
int launcher_open(struct launcher *l, struct model *m);             /* 1, and INIT2 not yet */
int launcher_init2(struct launcher *l);                             /* 2 */
int launcher_slot(struct launcher *l, uint64_t gpa, uint64_t size); /* 3 */
int launcher_start(struct launcher *l, uint64_t policy);            /* 4 */
int launcher_vcpus(struct launcher *l, unsigned count, uint32_t ap_entry); /* 5 */
/* Of 5, for either class: the vCPU is there, with its run page mapped. */
int launcher_vcpu(struct launcher *l, unsigned index);
/* 6: attribute, then LAUNCH_UPDATE until nothing is left; data NULL for ZERO */
int launcher_update(struct launcher *l, uint8_t type, uint64_t gpa, uint64_t size, void *data);
int launcher_attributes(struct launcher *l, uint64_t gpa, uint64_t size, bool private);
int launcher_finish(struct launcher *l); /* 7 */
/* 1-4 with RAM of ram_size at 0 and a ROM slot that ends at 4 GiB */
int launcher_begin(struct launcher *l, struct model *m, uint64_t ram_size, uint64_t rom_size);
void launcher_close(struct launcher *l); /* NULLs and half-built ones are fine */

#endif
