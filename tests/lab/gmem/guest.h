/* SPDX-License-Identifier: Apache-2.0
 * guest.h - a VM of KVM's type "software-protected" with the product's private memory, and a guest
 * of three instructions: it reads, writes, fills, or asks for pages to be turned, as the test sets
 * its registers. Trust: nothing hostile here. Threads: one.
 */
#ifndef CL_LAB_GMEM_GUEST_H
#define CL_LAB_GMEM_GUEST_H

#include "tee/private_memory.h"

#include <stdbool.h>

#define VM_TYPE_SW_PROTECTED 1u
#define MIB (1u << 20)
#define CODE_GPA 0x1000u /* one shared page; the guest's code */
#define RAM_GPA 0x1000000u
#define RAM_SIZE (32u * MIB)
#define ROM_GPA 0x8000000u /* with a private side, and not to be turned */
#define ROM_SIZE (1u * MIB)

enum guest_slot { SLOT_CODE, SLOT_RAM, SLOT_ROM };

struct guest {
    struct vmm_kvm kvm;
    struct tee_private memory;
    int vcpu;
    struct kvm_run *run;
    size_t run_size;
    uint8_t *code, *ram, *rom;         /* the shared side */
    unsigned conversions;              /* exits that asked for pages to be turned */
    unsigned faults;                   /* memory fault exits */
    struct kc_exit_memory_fault fault; /* the last */
};

/* False when this kernel has no such VMs; any other failure ends the program. */
bool guest_start(struct guest *g);
void guest_done(struct guest *g);

/* Runs until HLT. A page-state exit goes to the product; a memory fault ends the run when
 * `give_up`, else it goes to the product as well. */
enum guest_end { GUEST_HALTED, GUEST_FAULTED, GUEST_REFUSED };
struct guest_call {
    uint32_t eax, ebx, ecx, edx, edi;
};
enum guest_end guest_run(struct guest *g, unsigned entry, const struct guest_call *call,
                         bool give_up, struct cl_err *err);
bool guest_read(struct guest *g, uint32_t gpa, uint32_t *ret);
bool guest_write(struct guest *g, uint32_t gpa, uint32_t value);
bool guest_fill(struct guest *g, uint32_t gpa, uint32_t size, uint32_t value);
/* KVM_HC_MAP_GPA_RANGE; what the guest got in EAX. */
int guest_turn(struct guest *g, uint32_t gpa, uint32_t pages, bool private);

enum {
    ENTRY_READ = CODE_GPA,
    ENTRY_WRITE = CODE_GPA + 16,
    ENTRY_FILL = CODE_GPA + 32,
    ENTRY_CALL = CODE_GPA + 48
};

#endif
