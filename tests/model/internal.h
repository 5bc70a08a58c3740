/* SPDX-License-Identifier: Apache-2.0
 * internal.h - the model's own structures, for its files and for nobody else.
 */
#ifndef CL_MODEL_INTERNAL_H
#define CL_MODEL_INTERNAL_H

#include "model.h"

#include <pthread.h>

#define MODEL_MAX_FILES 256u
#define MODEL_MAX_MAPPINGS 128u
#define MODEL_MAX_SLOTS 32u
#define MODEL_MAX_VCPUS 64u
#define MODEL_MAX_TRACE (1u << 16)
#define MODEL_MAX_GFN (1ull << 25) /* 128 GiB: more than the 64 GiB of the page accounting */
#define MODEL_RUN_SIZE (3u * MODEL_PAGE)
#define MODEL_FIRST_FD 1000000 /* no real descriptor: a call past the table gets EBADF */

enum model_kind { MODEL_KVM, MODEL_SEV, MODEL_VM, MODEL_VCPU, MODEL_GMEM };

struct model_file {
    int fd; /* 0: free; numbers are never used twice */
    enum model_kind kind;
    void *object;
};

/* One entry of the reverse map table: who owns a physical page, and as which guest page. */
struct model_rmp {
    uint32_t gfn;
    bool assigned;
    bool validated;
    bool vmsa;
    uint8_t touched; /* since PVALIDATE: 1 first line, 2 last line; guest-boot.md 6 */
};

struct model_gmem {
    struct model_vm *vm;
    uint64_t size;
    uint8_t *data;         /* plaintext of private pages */
    struct model_rmp *rmp; /* one per page */
};

struct model_slot {
    bool used;
    struct mu_memory_region2 r;
    struct model_gmem *gmem; /* NULL: none, or its descriptor was closed */
};

#define MODEL_CPUID_MAX 256u /* KVM_MAX_CPUID_ENTRIES */

enum tdx_pending {
    TDX_PENDING_NONE,
    TDX_PENDING_MAP_GPA,
    TDX_PENDING_IO,
    TDX_PENDING_MMIO,
    TDX_PENDING_SIMPLE, /* the VMM's ret goes to R10 */
    TDX_PENDING_INFO,
    TDX_PENDING_HLT,
};

/* Of a vCPU of a TD (tdx_internal.h). */
struct tdx_vp {
    bool initialised;
    uint64_t rcx; /* of INIT_VCPU: initial RCX and R8 */
    enum tdx_pending pending;
    uint64_t map_next, map_end; /* of MapGPA, the shared bit included */
};

struct model_vcpu {
    struct model_vm *vm;
    unsigned index;
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_fpu fpu;
    struct kvm_debugregs debug;
    bool guest_debug;
    uint64_t pat;
    uint64_t xcr0;
    uint32_t mp_state;
    bool has_cpuid;
    uint32_t cpuid_count;
    struct kvm_cpuid_entry2 cpuid[MODEL_CPUID_MAX];
    bool measured; /* its VMSA is part of the digest: registers are out of reach */
    uint8_t vmsa[MODEL_PAGE];
    struct kvm_run *run;   /* the mapping's once it is mapped; NULL: unmapped */
    struct guest_cpu *cpu; /* the emulator, once it has run */
    struct tdx_vp vp;
};

enum model_launch { MODEL_NEW, MODEL_INITIALISED, MODEL_LAUNCHING, MODEL_RUNNING };

struct model_vm {
    struct model *m;
    unsigned refs;
    unsigned long type;
    bool irqchip;
    bool split;          /* only the local APICs are in the kernel */
    uint64_t hypercalls; /* KVM_CAP_EXIT_HYPERCALL */
    enum model_launch launch;
    uint64_t vmsa_features;
    uint64_t policy;
    uint8_t gosvw[16];
    bool req_certs;
    bool vcek_disabled;
    uint8_t ld[MODEL_DIGEST_SIZE];
    struct model_measured *trace;
    uint8_t cpuid_page[MODEL_PAGE]; /* as launched */
    size_t trace_len;
    uint8_t host_data[32];
    uint8_t family_id[16], image_id[16];
    uint32_t guest_svn;
    uint8_t id_key_digest[MODEL_DIGEST_SIZE], author_key_digest[MODEL_DIGEST_SIZE];
    bool author_key;
    uint8_t report_id[32];
    uint8_t vmpck[4][32];
    uint64_t report_seq;
    uint8_t *attributes; /* one byte per gfn */
    struct model_slot slots[MODEL_MAX_SLOTS];
    struct model_vcpu *vcpus[MODEL_MAX_VCPUS];
    unsigned vcpu_count;
    struct guest *guest; /* guest.h; NULL until the first KVM_RUN */
    struct tdx_td *td;   /* tdx_internal.h; NULL: not a TD */
};

struct model_mapping {
    void *addr; /* NULL: free */
    size_t size;
};

struct model {
    struct model_config config;
    pthread_mutex_t lock; /* of the next three: calls of the table come in turn */
    pthread_cond_t turn;
    uint64_t next_ticket, serving;
    const struct model_chain *chain; /* report.h; borrowed; NULL: reports are refused */
    struct model_file files[MODEL_MAX_FILES];
    int next_fd;
    struct model_mapping mappings[MODEL_MAX_MAPPINGS];
    unsigned calls[MODEL_CALLS];
    unsigned fail_at[MODEL_CALLS]; /* absolute call number; 0: never */
    int fail_error[MODEL_CALLS];
    unsigned update_limit;
    unsigned updates, update_eagain_at;
    unsigned tdx_no_entropy; /* INIT_VM calls that will say EAGAIN */
    uint64_t random;
    struct model_leaks live;
    char reason[64];
};

/* kvm.c */
int model_refuse(struct model *m, int error, const char *reason); /* returns -error */
bool model_fails(struct model *m, enum model_call call, int *ret_error);
void *model_alloc(struct model *m, size_t size); /* zeroed; counted */
void model_release(struct model *m, void *p, size_t size);
int model_file_add(struct model *m, enum model_kind kind, void *object); /* descriptor or -errno */
struct model_file *model_file_get(struct model *m, int fd, enum model_kind kind);
struct model_file *model_file_any(struct model *m, int fd); /* NULL: not open */
void model_file_close(struct model *m, struct model_file *f);
bool model_is_mapped(const struct model *m, const void *addr);
void model_random(struct model *m, uint8_t *out, size_t size); /* repeatable: from the seed */

/* kvm_vm.c, kvm_memory.c, kvm_vcpu.c, kvm_system.c */
int model_system_ioctl(struct model *m, unsigned long request, void *arg);
int model_vm_create(struct model *m, unsigned long type);
int model_vm_ioctl(struct model_vm *vm, unsigned long request, void *arg);
void model_vm_put(struct model_vm *vm);
#define MODEL_HOST_LEAVES 24u
size_t model_host_cpuid(const struct model *m,
                        struct kvm_cpuid_entry2 ret[static MODEL_HOST_LEAVES]);
int model_extension(const struct model *m, long cap);
int model_vm_extension(const struct model_vm *vm, long cap); /* as a VM of its type answers */
int model_gmem_create(struct model_vm *vm, struct mu_create_guest_memfd *arg);
void model_gmem_close(struct model_gmem *gmem);
int model_region2(struct model_vm *vm, const struct mu_memory_region2 *r);
int model_attributes(struct model_vm *vm, const struct mu_memory_attributes *a);
int model_gmem_fallocate(struct model_gmem *gmem, int mode, uint64_t offset, uint64_t size);
int model_vcpu_create(struct model_vm *vm, unsigned long index);
int model_vcpu_ioctl(struct model_vcpu *vcpu, unsigned long request, void *arg);
void model_vcpu_close(struct model_vcpu *vcpu);

/* Where a guest page lies: its slot and the physical page behind it. */
struct model_slot *model_slot_at(struct model_vm *vm, uint64_t gpa);
struct model_rmp *model_rmp_at(struct model_vm *vm, uint64_t gpa);
bool model_is_private(const struct model_vm *vm, uint64_t gpa);

/* snp_launch.c */
int model_encrypt_op(struct model_vm *vm, struct mu_sev_cmd *cmd);
/* snp_digest.c */
int model_measure(struct model_vm *vm, uint8_t type, uint64_t gpa, const uint8_t *page);
void model_sha384(const void *data, size_t size, uint8_t ret[static MODEL_DIGEST_SIZE]);
/* snp_vmsa.c */
void model_vmsa_sync(struct model_vcpu *vcpu);
/* snp_cpuid.c: false, and the page corrected, when the firmware would refuse it */
bool model_cpuid_check(uint8_t page[static MODEL_PAGE]);
/* snp_secrets.c */
void model_secrets_fill(struct model_vm *vm, uint8_t page[static MODEL_PAGE]);
/* snp_idblock.c: 0 or a status of the firmware, and the rule that was broken */
uint32_t model_id_block(struct model_vm *vm, const uint8_t block[static 96],
                        const uint8_t auth[static MODEL_PAGE], bool author,
                        const char **ret_reason);

/* Little-endian fields of pages. */
static inline uint64_t model_le(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

static inline void model_put_le(uint8_t *p, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

#endif
