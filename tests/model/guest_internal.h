/* SPDX-License-Identifier: Apache-2.0
 * guest_internal.h - structures of the guest's side.
 *
 * Unicorn 2.0.1 walks x86 page tables but then takes the virtual address for the physical one, so
 * the engine's memory is the *virtual* space: a page that it misses makes it stop, the model walks
 * the guest's tables, asks the RMP, and maps the right bytes there, as a TLB would. Each stop is
 * outside of the engine, so faults restart the instruction and exits return from KVM_RUN.
 */
#ifndef CL_MODEL_GUEST_INTERNAL_H
#define CL_MODEL_GUEST_INTERNAL_H

#include "guest.h"
#include "internal.h"

#include <unicorn/unicorn.h>

#define GUEST_TLB 64u
#define GUEST_SLICE 2000000u /* instructions of one KVM_RUN, so that other vCPUs get their turn */
#define GUEST_WOKEN_RUNS 10000u /* KVM_RUNs in which a processor has to see its wake-up */
#define GUEST_WOKEN_SLICE 2500u /* as many of them is one that used up its slice */
#define GUEST_MAX_OBJECTIONS 32u
#define GUEST_MAX_PLAN 64u
#define GUEST_MAX_REMAPS 64u
#define GUEST_MAX_LIES 16u

#define CR0_PE 1u
#define CR0_NE 0x20u
#define CR0_PG 0x80000000u
#define CR4_PAE 0x20u
#define CR4_MCE 0x40u
#define EFER_LME 0x100u
#define EFER_LMA 0x400u
#define MSR_EFER 0xC0000080u
#define MSR_GHCB 0xC0010130u       /* snp.md e.1 */
#define MSR_SEV_STATUS 0xC0010131u /* snp.md e.1 */
#define VECTOR_UD 6u
#define VECTOR_DF 8u
#define VECTOR_GP 13u
#define VECTOR_PF 14u
#define VECTOR_VE 20u
#define VECTOR_VC 29u
/* #VC error codes: the intercept's exit code, snp.md e.3 */
#define VC_CPUID 0x72u
#define VC_IOIO 0x7Bu
#define VC_MSR 0x7Cu
#define VC_HLT 0x78u
#define VC_VMMCALL 0x81u
#define VC_WBINVD 0x89u
#define VC_NPF 0x400u           /* MMIO */
#define VC_NOT_VALIDATED 0x404u /* threats.md B 5 */

enum guest_mode { GUEST_16, GUEST_32, GUEST_64 };
enum guest_access { GUEST_READ, GUEST_WRITE, GUEST_FETCH };

struct guest_tlb {
    uint64_t vaddr, size; /* size 0: free */
    uint64_t gpa;
    uint8_t *host;
    bool shared;
};

/* What KVM has to finish when the VMM comes back from an exit. */
enum guest_pending {
    PENDING_NONE,
    PENDING_PSC_MSR,
    PENDING_PSC_PAGE,
    PENDING_IO,
    PENDING_CERTS,
    PENDING_VMCALL, /* of a TD */
};

/* What TDG.VP.VEINFO.GET gives (tdx.md d). */
struct guest_ve {
    bool valid;
    uint32_t reason;
    uint64_t qualification, gla, gpa;
    uint32_t length;
};

struct guest_cpu {
    struct model_vcpu *vcpu;
    struct guest *guest;
    uc_engine *uc;
    enum guest_mode mode;
    bool started; /* has a state to run from */
    bool holding; /* AP_RESET_HOLD or AP_HLT_LOOP */
    uint64_t cr0, cr2, cr3, cr4, efer;
    uint64_t upper[8];  /* R8 to R15 while the engine has none */
    uint64_t real_base; /* of segment F000, in real mode */
    uint16_t cs;
    uint64_t ghcb_msr;
    uint64_t ghcb_gpa; /* registered; all ones: none */
    uint64_t ap_vmsa;  /* of AP_CREATION; 0: the measured one */
    struct guest_tlb tlb[GUEST_TLB];
    unsigned tlb_next;
    bool tlb_stale;         /* to be emptied before the engine runs again */
    struct guest_tlb *code; /* the last entry that was executed from */
    unsigned slice;         /* instructions left */
    /* why the engine stopped */
    bool sliced;
    bool special;
    bool missed;
    uint64_t miss_vaddr;
    enum guest_access miss_access;
    bool exception;
    uint32_t exception_vector;
    bool retried; /* the miss was served once and came again: the host does not mend it */
    enum guest_pending pending;
    uint16_t psc_entry;
    uint64_t request, response; /* of an extended request, copied before the exit */
    bool inject, inject_has_error;
    unsigned inject_vector;
    uint64_t inject_error;
    bool must_stop; /* PVALIDATE said CF=1: anything but an end is objectionable */
    struct guest_ve ve;
    uint64_t exposed; /* mask of the VMCALL that is served, its registers, and as they are now */
    uint64_t vmcall[16], vmcall_now[16];
    unsigned woken_runs; /* KVM_RUNs since the wake-up command */
    bool arrived;        /* where Linux sent it */
};

struct guest_range {
    uint64_t base, size;
    uint32_t type;
};

#define GUEST_E820_MAX 128u
struct guest_map { /* E820 */
    unsigned count;
    struct guest_range r[GUEST_E820_MAX];
};

/* What the tables told of the kind of guest that is checked. */
struct guest_acpi {
    bool madt, fadt, ccel;
    unsigned mailboxes; /* MADT entries of type 0x10 */
    bool mailbox_good;
    uint64_t mailbox;
    uint64_t apic_ids; /* one bit for each that is enabled, the first 64 */
    uint8_t cc_type;
    uint64_t log, log_size;
};

struct guest_plan {
    unsigned nth;
    enum model_when when;
    model_action action;
    void *ctx;
};

enum guest_look { LOOK_GOOD, LOOK_CONVERT, LOOK_UNVALIDATED, LOOK_MISMATCH, LOOK_ABSENT };

/* What differs between the kinds of confidential guest: guest_snp.c, guest_tdx.c. */
struct guest_insn;
struct guest_tee {
    bool set_is_shared; /* the bit in a page-table entry: SHARED; else it is the encryption bit */
    bool masks;         /* the host cannot deliver vectors from 32 on while RFLAGS.IF is clear */
    uint64_t (*bit)(const struct model_vm *vm);
    bool (*launched)(const struct model_vcpu *v);
    int (*begin)(struct guest_cpu *c);
    int (*resume)(struct guest_cpu *c, bool *ret_exit); /* after the VMM served the exit */
    /* Private memory: what the RMP or the secure EPT says to an access. */
    enum guest_look (*look)(struct guest_cpu *c, uint64_t gpa, uint8_t **ret_host);
    bool (*usable)(struct model_vm *vm, uint64_t gpa); /* validated or accepted */
    int (*denied)(struct guest_cpu *c, uint64_t gpa);  /* an access that look() denied */
    void (*mmio)(struct guest_cpu *c, uint64_t gpa);   /* a shared access where nothing is */
    int (*special)(struct guest_cpu *c, const struct guest_insn *in, bool *ret_exit);
    void (*check_entry)(struct guest_cpu *c, const uint8_t *bp, const struct guest_map *map,
                        const struct guest_acpi *acpi);
};
extern const struct guest_tee guest_snp, guest_tdx;

/* Linux, as the model plays it once the BSP of a TD is there: it wakes the other processors. */
struct guest_linux {
    bool on;
    uint64_t mailbox, vector;
    unsigned target;
    unsigned polls;
    struct guest_map map;
};

struct guest {
    struct model_vm *vm;
    const struct guest_tee *tee;
    struct guest_linux linux_played;
    enum model_outcome outcome;
    uint64_t termination;
    struct model_objection objections[GUEST_MAX_OBJECTIONS];
    unsigned objection_count;
    struct model_counts counts;
    struct guest_plan plan[GUEST_MAX_PLAN];
    unsigned plan_count;
    struct guest_plan read_plan[GUEST_MAX_PLAN];
    unsigned read_plan_count;
    uint64_t watch_gpa, watch_size, watch_reads;
    struct {
        uint64_t gpa, onto;
    } remaps[GUEST_MAX_REMAPS];
    unsigned remap_count;
    struct {
        uint32_t leaf;
        unsigned reg;
        uint32_t value;
    } lies[GUEST_MAX_LIES];
    unsigned lie_count;
    bool psc_lie, small_pages, starved;
    bool pvalidate_lie, pvalidate_carry;
    uint32_t pvalidate_status;
    bool watch_touch;
    uint32_t psc_error;
    uint8_t cbit_lie;
    /* of a TD */
    uint8_t *accepted; /* a bit for each page that the guest accepted and did not give back */
    unsigned accept_refusals, rtmr_refusals; /* that still come */
    uint64_t accept_status, rtmr_status;
    bool map_stall, scramble;
    struct guest_plan td_plan[GUEST_MAX_PLAN];
    unsigned td_plan_count;
    uint64_t map_stall_next;
    struct model_entry entry;
    bool has_entry;
};

/* guest.c */
struct guest_cpu *guest_cpu_new(struct model_vcpu *v); /* NULL: out of memory */
struct guest *guest_of(struct model_vm *vm);           /* made at first need; NULL: out of memory */
void guest_object(struct guest *g, const char *rule, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void guest_end(struct guest *g, enum model_outcome outcome);
uint64_t guest_reg(const struct guest_cpu *c, int reg);
void guest_set_reg(struct guest_cpu *c, int reg, uint64_t value);
void guest_went_on(struct guest_cpu *c, const char *what);

/* guest_walk.c. Reading and writing as the guest would; false: it would fault (ret_vector). */
struct guest_walk {
    uint64_t gpa;
    uint64_t page_size; /* 4 KiB, 2 MiB or 1 GiB; of real addressing 4 KiB */
    bool shared;        /* C=0, or SHARED=1 */
    bool writable, executable;
    unsigned levels; /* page tables that were read, from the top */
    uint64_t tables[4];
};
bool guest_translate(struct guest_cpu *c, uint64_t vaddr, struct guest_walk *ret_walk);
/* The bytes behind a translated page, or why not. */
enum guest_look guest_look(struct guest_cpu *c, uint64_t gpa, bool shared, uint8_t **ret_host);
bool guest_copy(struct guest_cpu *c, uint64_t vaddr, void *data, size_t size, bool write);
bool guest_usable(struct model_vm *vm, uint64_t gpa); /* private, and validated or accepted */
uint8_t *guest_shared(struct model_vm *vm, uint64_t gpa, size_t size); /* NULL: not there */

/* guest_tlb.c */
void guest_tlb_empty(struct guest_cpu *c);
struct guest_tlb *guest_tlb_find(struct guest_cpu *c, uint64_t vaddr);
int guest_tlb_serve(struct guest_cpu *c, bool *ret_exit); /* the miss that stopped the engine */
int guest_memory_fault(struct guest_cpu *c, uint64_t gpa, bool shared); /* what KVM_RUN says */

/* guest_engine.c; registers by their number in an encoding */
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };
uint64_t guest_gpr(const struct guest_cpu *c, unsigned n);
void guest_set_gpr(struct guest_cpu *c, unsigned n, uint64_t value);
uint64_t guest_ip(const struct guest_cpu *c);
void guest_set_ip(struct guest_cpu *c, uint64_t ip);
bool guest_engine_open(struct guest_cpu *c, enum guest_mode mode);
void guest_engine_close(struct guest_cpu *c);
bool guest_state_load(struct guest_cpu *c, const uint8_t vmsa[static MODEL_PAGE]);

/* guest_decode.c, guest_insn.c: carries out the special instruction at RIP; ret_exit: KVM_RUN
 * returns */
bool guest_is_special(const uint8_t *code, enum guest_mode mode); /* 15 bytes */
int guest_special(struct guest_cpu *c, bool *ret_exit);
void guest_carry_out(struct guest_cpu *c, const struct guest_insn *in); /* as every guest */
bool guest_msr(struct guest_cpu *c, uint32_t number, bool write, uint64_t *value);
/* guest_mode.c */
bool guest_far(struct guest_cpu *c, uint16_t selector, uint64_t target);
/* guest_event.c */
void guest_deliver(struct guest_cpu *c, unsigned vector, bool has_error, uint64_t error);
bool guest_iret(struct guest_cpu *c, bool wide);
void guest_ghcb_set(uint8_t *ghcb, unsigned offset, uint64_t value); /* and its valid bit */
void guest_ghcb_result(uint8_t *ghcb, uint64_t info1, uint64_t info2);
uint8_t *guest_ghcb_scratch(struct guest_cpu *c, uint8_t *ghcb, size_t size);
int guest_resume_msr(struct guest_cpu *c);
int guest_resume_psc(struct guest_cpu *c, uint8_t *ghcb, bool *ret_exit);
/* guest_rmp.c */
void guest_pvalidate(struct guest_cpu *c);
void guest_rmpadjust(struct guest_cpu *c);
/* guest_ghcb_msr.c, guest_ghcb.c, guest_psc.c, guest_ap.c, guest_request.c */
int guest_vmgexit(struct guest_cpu *c, bool *ret_exit);
int guest_resume_snp(struct guest_cpu *c, bool *ret_exit);
int guest_ghcb_page(struct guest_cpu *c, bool *ret_exit);
int guest_psc_page(struct guest_cpu *c, uint8_t *ghcb, bool *ret_exit);
int guest_hypercall(struct guest_cpu *c, uint64_t gpa, uint64_t pages, unsigned size, bool private);
void guest_psc_rules(struct guest_cpu *c, uint64_t gpa, bool private);
uint32_t guest_cpuid(const struct guest *g, uint32_t leaf, unsigned reg);
void guest_ap_creation(struct guest_cpu *c, uint8_t *ghcb);
void guest_request(struct guest_cpu *c, uint8_t *ghcb, bool extended, bool *ret_exit);
void guest_resume_certs(struct guest_cpu *c, uint8_t *ghcb);
/* guest_plan.c */
void guest_plan_run(struct guest_cpu *c, enum model_when when);
void guest_plan_reads(struct guest_cpu *c, uint64_t gpa);
void guest_touch(struct guest_cpu *c, uint64_t gpa);
/* guest_linux.c: at the entry, or where Linux sent it; then it is dealt with */
bool guest_at_linux(struct guest_cpu *c, int *ret_error);
void guest_linux_begin(struct guest_cpu *c, const struct guest_map *map,
                       const struct guest_acpi *acpi);
/* guest_entry.c, guest_acpi.c, guest_setup.c, guest_snp_entry.c */
void guest_check_entry(struct guest_cpu *c);
bool guest_mapped_private(struct guest_cpu *c, uint64_t gpa, uint64_t size, const char *what);
unsigned guest_setup_blobs(struct guest_cpu *c, const uint8_t *bp, uint64_t *ret_blob); /* count */
bool guest_is_ram(const struct guest_map *map, uint64_t gpa);
void guest_check_acpi(struct guest_cpu *c, uint64_t rsdp, struct guest_acpi *ret_acpi);
void guest_snp_check_entry(struct guest_cpu *c, const uint8_t *bp, const struct guest_map *map,
                           const struct guest_acpi *acpi);

#endif
