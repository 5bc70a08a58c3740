/* SPDX-License-Identifier: Apache-2.0
 * model.h - an executable model of a host with SEV-SNP: what a VMM sees of /dev/kvm and /dev/sev.
 *
 * Written from specs/snp.md alone; includes no header of the product (check_includes). Each refusal
 * carries the id of the rule that was broken (model_reason), so that a test can demand not just an
 * error but the right one.
 * Threads: the table's functions may be called from several threads; one call runs at a time, and
 * KVM_RUN gives way after a slice of instructions (-EINTR). Everything else belongs to one thread
 * at a time. No global state: all hangs from struct model.
 */
#ifndef CL_MODEL_H
#define CL_MODEL_H

#include "uapi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_PAGE 4096u
#define MODEL_DIGEST_SIZE 48u

struct model;    /* one host: descriptors, VMs, memory, and what it has been told to fail */
struct model_vm; /* one VM of it, alive while any of its descriptors is open */

/* The narrow table through which a VMM reaches KVM: ctx is the model, or nothing for the kernel.
 * Results are >= 0, or a negative errno; mmap gives NULL and writes the negative errno. */
struct model_ops {
    int (*open)(void *ctx, const char *path, int flags);
    int (*close)(void *ctx, int fd);
    int (*ioctl)(void *ctx, int fd, unsigned long request, void *arg);
    void *(*mmap)(void *ctx, size_t size, int prot, int flags, int fd, int64_t offset,
                  int *ret_err);
    int (*munmap)(void *ctx, void *addr, size_t size);
    int (*fallocate)(void *ctx, int fd, int mode, uint64_t offset, uint64_t size);
};
extern const struct model_ops model_kvm_ops;

/* The machine that is played. Zero in a field means what model_config_default() gives. */
struct model_config {
    bool no_snp;            /* a host without SNP: VM type 4 is refused */
    bool smt;               /* SMT is on: a policy without bit 16 is refused (snp.md a.2) */
    uint64_t policy_bits;   /* policy bits that KVM lets through */
    uint64_t vmsa_features; /* features that INIT2 may ask for, without bit 0 */
    uint8_t api_major;      /* of the firmware */
    uint8_t api_minor;
    uint8_t cbit;   /* position of the encryption bit (snp.md e.1: 51 on Milan and later) */
    uint64_t seed;  /* where "random" values of the firmware come from */
    bool req_certs; /* the kernel knows KVM_EXIT_SNP_REQ_CERTS */
    /* An Intel machine: no SNP; model_config_tdx() of tdx.h fills these. */
    bool intel;
    bool no_tdx;            /* without TDX: VM type 5 is refused */
    bool no_ept5;           /* without 5-level EPT: GPAW 52 is refused */
    bool two_pass;          /* INIT_MEM_REGION: all ADDs, then all EXTENDs (tdx.md b.1) */
    bool small_pages;       /* the host augments 4 KiB at a time, as Linux 6.16 does */
    uint64_t td_attributes; /* that INIT_VM may ask for */
    uint64_t td_xfam;
    unsigned td_max_vcpus;
};
struct model_config model_config_default(void);

struct model *model_new(const struct model_config *config); /* NULL: out of memory */
void model_free(struct model *m);                           /* frees what leaked, too */

/* The rule that the last refused call broke ("snp.update.aligned"), or "" after a success. */
const char *model_reason(const struct model *m);

/* ---- Failure injection (issue 5, "must show" 4) ---- */
enum model_call {
    MODEL_CALL_OPEN,
    MODEL_CALL_IOCTL,
    MODEL_CALL_MMAP,
    MODEL_CALL_ALLOC,
    MODEL_CALLS
};

/* The nth call of this kind from now (1 is the next) fails with errno `error`; 0 takes it back. */
void model_fail_nth(struct model *m, enum model_call call, unsigned nth, int error);
unsigned model_calls(const struct model *m, enum model_call call); /* since model_new() */
/* LAUNCH_UPDATE takes at most this many pages per call (0: all), as a signal would have it. */
void model_update_limit(struct model *m, unsigned pages);
/* The nth LAUNCH_UPDATE from now says EAGAIN and has done nothing. */
void model_update_eagain(struct model *m, unsigned nth);

struct model_leaks {
    unsigned files, vms, vcpus, gmems, mappings;
    size_t bytes; /* of the model's memory for VMs */
};
struct model_leaks model_leaks(const struct model *m);
bool model_clean(const struct model *m); /* nothing is left */

/* ---- What a test may look at ---- */
struct model_vm *model_vm_of(struct model *m, int vm_fd);      /* NULL: not a VM's descriptor */
const uint8_t *model_launch_digest(const struct model_vm *vm); /* MODEL_DIGEST_SIZE bytes */

/* One measured page, as the vectors' traces print it. */
struct model_measured {
    uint8_t type;
    uint64_t gpa;
    uint8_t contents[MODEL_DIGEST_SIZE];
    uint8_t digest[MODEL_DIGEST_SIZE]; /* after this page */
};
size_t model_trace(const struct model_vm *vm, const struct model_measured **ret_pages);
uint64_t model_measured_bytes(const struct model_vm *vm); /* whose contents went into the digest */

/* State of the page that stands at gpa: what the RMP has for it. */
struct model_page {
    bool private_attribute; /* KVM_SET_MEMORY_ATTRIBUTES */
    bool assigned;
    bool validated;
    bool vmsa;
    uint64_t gpa; /* that the RMP binds it to */
};
struct model_page model_page_at(const struct model_vm *vm, uint64_t gpa);
uint8_t *model_private(struct model_vm *vm, uint64_t gpa); /* plaintext; NULL: no such page */

#endif
