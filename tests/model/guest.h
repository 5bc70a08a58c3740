/* SPDX-License-Identifier: Apache-2.0
 * guest.h - the guest's side of the model: processors that run the launched memory, what the
 * model has to object to them, and what a hostile host may do to them.
 */
#ifndef CL_MODEL_GUEST_H
#define CL_MODEL_GUEST_H

#include "model.h"

struct guest;     /* of a VM: remappings, objections, the hostile host's plan */
struct guest_cpu; /* of a vCPU */
struct model_vcpu;

/* How a guest ended; KVM_RUN reports all but the first two as KVM_EXIT_SHUTDOWN. */
enum model_outcome {
    MODEL_GOING,
    MODEL_TERMINATED, /* GHCB termination or fatal error of a TD: KVM_EXIT_SYSTEM_EVENT */
    MODEL_SHUTDOWN,   /* triple fault */
    MODEL_STUCK,   /* a nested fault that the host cannot mend: the RMP or the secure EPT says no;
                      of a TD that touches a pending page, KVM_RUN says EIO */
    MODEL_ENTERED, /* reached the Linux entry */
};
enum model_outcome model_outcome(const struct model_vm *vm);
/* The GHCB value: set and reason; of a TD, the code of ReportFatalError (R12). */
uint64_t model_termination(const struct model_vm *vm);

/* Rules that the guest broke, in order. Hardware would let some of them pass: that is why the model
 * tells. NULL: no nth objection. */
struct model_objection {
    char rule[40];
    char text[120];
};
const struct model_objection *model_objection(const struct model_vm *vm, unsigned nth);
bool model_objects(const struct model_vm *vm, const char *rule);

struct model_counts {
    uint64_t instructions;
    uint64_t vmgexits;             /* of a TD: TDG.VP.VMCALLs */
    uint64_t psc_exits, psc_pages; /* of a TD: MapGPA */
    uint64_t pvalidates;
    uint64_t tdcalls, accepts, rtmr_extends;
};
struct model_counts model_counts(const struct model_vm *vm);

struct model_range {
    uint64_t gpa, size;
};

/* What must be true at the Linux entry (guest-boot.md 1). A TD with several cpus runs on until
 * Linux, which the model plays, has woken all of them through the mailbox. Bytes are borrowed until
 * the VM ends. */
struct model_entry {
    uint64_t rip;          /* load address + 0x200: the run ends here */
    const uint8_t *kernel; /* protected-mode part as it must lie at rip - 0x200 */
    size_t kernel_size;
    const uint8_t *initrd;
    size_t initrd_size;
    const char *cmdline;
    bool acpi; /* tables are handed over, with this many processors */
    unsigned cpus;
    const struct model_range *wiped; /* that the firmware must have zeroed */
    size_t wiped_count;
    uint64_t ram_size;    /* every byte of it, but for what E820 holds back, is RAM and validated */
    const uint8_t *rtmrs; /* of a TD: RTMR0 to RTMR3, 4 * MODEL_DIGEST_SIZE bytes; NULL: any */
};
/* At the entry also demands that each page the guest validated was then touched in its first and
 * its last line (guest-boot.md 6, CVE-2025-38560). Before the first KVM_RUN; slows the guest down.
 */
void model_watch_touch(struct model_vm *vm);
void model_expect_entry(struct model_vm *vm, const struct model_entry *entry);

/* ---- Hostile host: actions, and when ---- */
enum model_when { MODEL_BEFORE_REPLY, MODEL_BEFORE_ENTRY };
typedef void (*model_action)(struct model_vm *vm, unsigned vcpu, void *ctx);

/* At the nth VMGEXIT, or TDG.VP.VMCALL, of the VM (1 is the first): before KVM looks at it, or
 * after its reply stands and just before the guest goes on. False: the plan is full. */
bool model_plan(struct model_vm *vm, unsigned nth, enum model_when when, model_action action,
                void *ctx);
/* After the nth read of shared memory in [gpa, gpa + size): the bytes may change between a check
 * and a use. To be called before the first KVM_RUN. */
bool model_plan_read(struct model_vm *vm, uint64_t gpa, uint64_t size, unsigned nth,
                     model_action action, void *ctx);
uint64_t model_shared_reads(const struct model_vm *vm); /* that fell into the watched range */

/* Nested page table; of a TD, whose secure EPT is out of reach, nothing happens. */
void model_evil_remap(struct model_vm *vm, uint64_t gpa, uint64_t onto);
void model_evil_swap(struct model_vm *vm, uint64_t a, uint64_t b);
void model_evil_rmpupdate(struct model_vm *vm, uint64_t gpa, bool assigned); /* unvalidates */
void model_evil_write(struct model_vm *vm, uint64_t gpa, const void *data,
                      size_t size);                                      /* shared */
void model_evil_msr(struct model_vm *vm, unsigned vcpu, uint64_t value); /* GHCB MSR reply */
void model_evil_inject(struct model_vm *vm, unsigned vcpu, unsigned vector, bool has_error,
                       uint64_t error);
void model_evil_psc_lie(struct model_vm *vm, bool on);           /* says done, does nothing */
void model_evil_psc_refuse(struct model_vm *vm, uint32_t error); /* 0: no more */
void model_evil_small_pages(struct model_vm *vm, bool on);       /* 2 MiB PVALIDATE: SIZEMISMATCH */
void model_evil_pvalidate(struct model_vm *vm, uint32_t status, bool carry); /* the next one */
void model_evil_starve(struct model_vm *vm, bool on);      /* RDRAND and RDSEED give CF=0 */
void model_evil_start(struct model_vm *vm, unsigned vcpu); /* an AP, before the guest asks */
void model_evil_cpuid(struct model_vm *vm, uint32_t leaf, unsigned reg, uint32_t value);
void model_evil_cbit(struct model_vm *vm, uint8_t position); /* in the SEV_INFO reply */

/* Of a TD; more in tdx.h. After its nth TDCALL, as the host may take the processor away at any
 * time. */
bool model_td_plan(struct model_vm *vm, unsigned nth, model_action action, void *ctx);
void model_td_evil_accept(struct model_vm *vm, uint64_t status,
                          unsigned times);                                     /* MEM.PAGE.ACCEPT */
void model_td_evil_rtmr(struct model_vm *vm, uint64_t status, unsigned times); /* RTMR.EXTEND */
/* MapGPA says RETRY with this next address, for ever, and does nothing. */
void model_td_evil_map_stall(struct model_vm *vm, bool on, uint64_t next);
/* What a VMCALL exposed, but for results, comes back as something else. */
void model_td_evil_scramble(struct model_vm *vm, bool on);
/* In an action before the entry: one register of the reply, if the guest exposed it. */
void model_td_evil_reply(struct model_vm *vm, unsigned vcpu, unsigned reg, uint64_t value);
/* A #VE that no instruction caused. */
void model_td_evil_ve(struct model_vm *vm, unsigned vcpu, uint32_t reason, uint64_t qualification,
                      uint64_t gpa);
/* What the host had put into a page before it added it unmeasured (TD HOB, temporary memory):
 * before the first KVM_RUN, inside one page. False: the page is measured, not there, or too late.
 */
bool model_td_evil_prefill(struct model_vm *vm, uint64_t gpa, const void *data, size_t size);

/* ---- For the rest of the model ---- */
int guest_run(struct model_vcpu *vcpu); /* KVM_RUN */
void guest_cpu_free(struct guest_cpu *cpu);
void guest_free(struct guest *guest);
void guest_flush(struct guest *guest); /* every TLB, before a vCPU runs again; NULL is fine */
void guest_forget_memory(struct guest *guest); /* slots changed */
uint64_t guest_remapped(const struct guest *guest, uint64_t gpa);

#endif
