/* SPDX-License-Identifier: Apache-2.0
 * tee.h - the one interface between the VMM and a TEE, and the launch order that all share.
 * Trust: the VMM and the back-end are one program of the (untrusted) host; what makes a launch
 *        trustworthy is that the TEE measures it. The ROM is hostile input (rom.h).
 * Threads: launch runs on one thread before any vCPU does; handle_exit on the vCPU's own thread.
 */
#ifndef TEE_TEE_H
#define TEE_TEE_H

#include "tee/cpuid_table.h"
#include "tee/hashes.h"
#include "tee/kvm_ops.h"
#include "tee/rom.h"

#define TEE_DIGEST_SIZE 48u
#define TEE_HOST_DATA_SIZE 32u
#define TEE_SNP_CPU_SIG 0x00a00f11u /* EPYC-Milan, whatever runs; interfaces.md I-1.5 */
#define TEE_SNP_POLICY 0x30000u
#define TEE_SNP_FEATURES 1u
#define TEE_MAX_CPUS 16u
#define TEE_TERM_SET_FIRMWARE 5u /* whose reasons are stage0's (interfaces.md I-1.4) */
#define TEE_MR_CONFIG_ID_SIZE 48u
#define TEE_TDREPORT_SIZE 1024u

struct kvm_run;

/* What the guest's CPUID tells, who has its registers, and which tables of the ROM count. */
enum tee_guest {
    TEE_GUEST_PLAIN, /* registers are the VMM's; SEV metadata */
    TEE_GUEST_SNP,   /* CPUID leaf 0x8000001f; SEV metadata */
    TEE_GUEST_TD,    /* no kvm-clock; registers are the TDX module's; TDVF descriptor */
};

/* The values are AMD's page types; a back-end for another TEE translates. */
enum tee_page_type {
    TEE_PAGE_NORMAL = 1,
    TEE_PAGE_VMSA = 2,
    TEE_PAGE_ZERO = 3,
    TEE_PAGE_UNMEASURED = 4,
    TEE_PAGE_SECRETS = 5,
    TEE_PAGE_CPUID = 6,
};

/* A TD's request for a quote, between its exit and its answer. */
struct tee_quote_job {
    uint8_t *buffer; /* the guest's, shared with it: hostile and moving; for quote_done() alone */
    size_t size;
    uint8_t report[TEE_TDREPORT_SIZE]; /* our copy */
};

enum tee_quote_result { TEE_QUOTE_OK, TEE_QUOTE_UNAVAILABLE, TEE_QUOTE_FAILED };

/* Who has quotes made. */
struct tee_quoter {
    /* Takes a copy of the job; quote_done() follows, on another thread. false: too many at a time.
     * NULL: nobody makes quotes. */
    bool (*submit)(void *ctx, const struct tee_quote_job *job);
    void *ctx;
};

struct tee_config {
    const struct vmm_kvm *kvm; /* borrowed, outlives the TEE; vm_fd is set after create_vm */
    int psp_fd;                /* sim: connected launch socket, -1: nobody measures */
    uint8_t host_data[TEE_HOST_DATA_SIZE];
    unsigned cpu_count;
    uint32_t cpu_sig; /* what RDX of each measured VMSA has */
    /* snp */
    int sev_fd;              /* /dev/sev */
    uint64_t policy;         /* of the guest; snp.md a.2 */
    const uint8_t *id_block; /* 96 bytes, borrowed; NULL: none. snp.md b */
    const uint8_t *id_auth;  /* 4096 bytes, borrowed, with id_block */
    bool id_author;          /* id_auth holds an author key, too */
    const uint8_t *certs;    /* certificate table for the guest's reports; borrowed. snp.md a.9 */
    size_t certs_size;
    /* tdx */
    uint8_t mr_config_id[TEE_MR_CONFIG_ID_SIZE];
    uint64_t td_hob_gpa; /* what RCX and R8 of each vCPU will be */
    struct tee_quoter quoter;
};

enum tee_side {
    TEE_SIDE_BOTH,   /* private as far as the guest makes it so, the rest shared */
    TEE_SIDE_SHARED, /* the host's, which the guest reads as such */
};

struct tee_memory {
    uint32_t slot;
    uint64_t gpa;
    uint64_t size;
    void *hva; /* borrowed until the slot is removed */
    bool read_only;
    enum tee_side side;
};

enum tee_exit {
    TEE_EXIT_UNKNOWN, /* not one of mine */
    TEE_EXIT_DONE,
    TEE_EXIT_REFUSED, /* the firmware gave up, with a code of interfaces.md I-1.4 (0: none) */
    TEE_EXIT_PANIC,   /* the guest's kernel gave up */
    TEE_EXIT_FAILED,
};

struct tee; /* opaque, one per VM, of the back-end */

struct tee_ops {
    const char *name; /* "sim-snp" */
    enum tee_guest guest;
    CL_NODISCARD enum cl_status (*open)(const struct tee_config *cfg, struct tee **ret_tee,
                                        struct cl_err *err);
    /* KVM_CREATE_VM with the type this TEE needs. */
    CL_NODISCARD enum cl_status (*create_vm)(struct tee *t, int *ret_vm_fd, struct cl_err *err);
    /* The interrupt controller exists, memory and vCPUs do not. cpuid: the table that the first
     * vCPU is to have. NULL: nothing to do. */
    CL_NODISCARD enum cl_status (*init_vm)(struct tee *t, const struct tee_cpuid *cpuid,
                                           struct cl_err *err);
    CL_NODISCARD enum cl_status (*add_memory)(struct tee *t, const struct tee_memory *m,
                                              struct cl_err *err);
    CL_NODISCARD enum cl_status (*remove_memory)(struct tee *t, uint32_t slot, struct cl_err *err);
    /* Starts the measured launch, before there are vCPUs. */
    CL_NODISCARD enum cl_status (*launch_start)(struct tee *t, struct cl_err *err);
    /* A vCPU exists; its table may be changed before KVM gets it. NULL: nothing to do. */
    CL_NODISCARD enum cl_status (*vcpu_cpuid)(struct tee *t, int vcpu_fd, struct tee_cpuid *cpuid,
                                              struct cl_err *err);
    /* The vCPUs exist, cpu_count of them, with their CPUID tables. The descriptors are borrowed
     * until finish. Pages follow in the order in which they are measured. */
    CL_NODISCARD enum cl_status (*take_vcpus)(struct tee *t, const int *vcpu_fd,
                                              struct cl_err *err);
    /* size bytes at gpa, whose contents stand at hva (ignored for ZERO, SECRETS and CPUID). */
    CL_NODISCARD enum cl_status (*place_page)(struct tee *t, enum tee_page_type type, uint64_t gpa,
                                              const void *hva, size_t size, struct cl_err *err);
    /* Gives the vCPUs their initial state and measures it. ap_entry is the firmware's. */
    CL_NODISCARD enum cl_status (*start_vcpus)(struct tee *t, uint32_t ap_entry,
                                               struct cl_err *err);
    /* *ret_measured is false when nobody measured (sim without its processor). */
    CL_NODISCARD enum cl_status (*finish)(struct tee *t, uint8_t ret_digest[static TEE_DIGEST_SIZE],
                                          bool *ret_measured, struct cl_err *err);
    /* An exit that only this TEE knows. All but DONE and UNKNOWN fill err, REFUSED *ret_code too.
     */
    enum tee_exit (*handle_exit)(struct tee *t, unsigned cpu, struct kvm_run *run,
                                 uint32_t *ret_code, struct cl_err *err);
    /* The answer to a job of the quoter, which is over with it. On any one thread. NULL where no
     * guest asks. */
    void (*quote_done)(struct tee *t, const struct tee_quote_job *job, enum tee_quote_result result,
                       const uint8_t *quote, size_t size);
    void (*free)(struct tee *t); /* NULL is fine */
};

extern const struct tee_ops tee_sim_ops;
extern const struct tee_ops tee_snp_ops;
extern const struct tee_ops tee_tdx_ops;

#define TEE_RAM_RANGES_MAX 2u

struct tee_range {
    uint64_t gpa, size;
};

/* What is measured, in the order of I-1.5 or I-1.7. */
struct tee_launch {
    const struct tee_rom *rom;
    const uint8_t *rom_data;
    size_t rom_size; /* its last byte stands at 4 GiB - 1 */
    /* The guest's RAM at [gpa, gpa + size), or NULL. */
    void *(*ram)(void *ctx, uint64_t gpa, uint64_t size);
    void *ram_ctx;
    struct tee_range ram_range[TEE_RAM_RANGES_MAX]; /* ascending; of size 0: absent */
    struct tee_kernel_hashes hashes;
    const int *vcpu_fd; /* cpu_count of them */
};

/* After launch_start: writes the hash page (and the TD HOB) into RAM and walks the rest of the
 * launch. The digest is valid when *ret_measured. CL_ERR_MALFORMED when the ROM's sections do not
 * fit the guest's RAM or lack the hash page, CL_ERR_REJECTED when the TEE refuses. */
CL_NODISCARD enum cl_status tee_launch(const struct tee_ops *ops, struct tee *t,
                                       const struct tee_launch *l,
                                       uint8_t ret_digest[static TEE_DIGEST_SIZE],
                                       bool *ret_measured, struct cl_err *err);

#endif
