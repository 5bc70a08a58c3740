/* SPDX-License-Identifier: Apache-2.0
 * guest.c - see guest.h.
 */
#include "guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm.h" /* vmm_kvm_real */

static const uint8_t code[64] = {
    [0] = 0x8B,  0x03, 0xF4,       /* mov (%ebx), %eax; hlt */
    [16] = 0x89, 0x03, 0xF4,       /* mov %eax, (%ebx); hlt */
    [32] = 0xFC, 0xF3, 0xAB, 0xF4, /* cld; rep stosl; hlt */
    [48] = 0x0F, 0x01, 0xD9, 0xF4, /* vmmcall; hlt */
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "test_guest_memfd: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void must_be_ok(enum cl_status st, const struct cl_err *err)
{
    if (st != CL_OK) {
        (void)fprintf(stderr, "test_guest_memfd: %s\n", err->msg);
        exit(1);
    }
}

static uint8_t *shared_side(size_t size)
{
    uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(p != MAP_FAILED, "mmap");
    /* Whole huge pages would hide what is given back. */
    must(madvise(p, size, MADV_NOHUGEPAGE) == 0 || errno == EINVAL, "madvise");
    return p;
}

static void add(struct guest *g, enum guest_slot slot, uint64_t gpa, uint64_t size, uint8_t **ret)
{
    struct cl_err err = {0};
    *ret = shared_side(size);
    const struct tee_memory m = {.slot = slot,
                                 .gpa = gpa,
                                 .size = size,
                                 .hva = *ret,
                                 .read_only = slot == SLOT_ROM,
                                 .side = slot == SLOT_CODE ? TEE_SIDE_SHARED : TEE_SIDE_BOTH};
    must_be_ok(tee_private_add(&g->memory, &m, &err), &err);
}

/* 32-bit protected mode, flat, no paging. */
static void set_mode(struct guest *g)
{
    struct kvm_sregs s;
    const struct kvm_segment data = {
        .limit = 0xffffffff, .selector = 0x10, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
    must(vmm_kvm_fd(&g->kvm, g->vcpu, KVM_GET_SREGS, &s) == 0, "KVM_GET_SREGS");
    s.ds = s.es = s.ss = s.fs = s.gs = s.cs = data;
    s.cs.selector = 8;
    s.cs.type = 11;
    s.cr0 |= 1;
    must(vmm_kvm_fd(&g->kvm, g->vcpu, KVM_SET_SREGS, &s) == 0, "KVM_SET_SREGS");
}

static void make_vcpu(struct guest *g)
{
    g->vcpu = vmm_kvm_vm(&g->kvm, KVM_CREATE_VCPU, NULL);
    must(g->vcpu >= 0, "KVM_CREATE_VCPU");
    int size = vmm_kvm_dev(&g->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
    must(size > 0, "KVM_GET_VCPU_MMAP_SIZE");
    g->run_size = (size_t)size;
    g->run = g->kvm.ops->map_run(g->kvm.ctx, g->vcpu, g->run_size);
    must(g->run != MAP_FAILED, "mmap kvm_run");
    set_mode(g);
}

bool guest_start(struct guest *g)
{
    struct cl_err err = {0};
    *g = (struct guest){.kvm = {.ops = &vmm_kvm_real, .dev_fd = -1, .vm_fd = -1}, .vcpu = -1};
    g->memory.kvm = &g->kvm;
    g->kvm.dev_fd = g->kvm.ops->open(NULL, "/dev/kvm");
    if (g->kvm.dev_fd < 0 ||
        tee_need_capability(&g->kvm, KC_CAP_VM_TYPES, 1u << VM_TYPE_SW_PROTECTED,
                            "software-protected VMs", &err) != CL_OK) {
        printf("SKIP: %s\n", g->kvm.dev_fd < 0 ? "no /dev/kvm" : err.msg);
        return false;
    }
    must_be_ok(tee_private_check(&g->kvm, &err), &err);
    g->kvm.vm_fd = vmm_kvm_dev(&g->kvm, KVM_CREATE_VM, (void *)(uintptr_t)VM_TYPE_SW_PROTECTED);
    must(g->kvm.vm_fd >= 0, "KVM_CREATE_VM");
    must_be_ok(tee_private_enable_exits(&g->kvm, &err), &err);
    add(g, SLOT_CODE, CODE_GPA, TEE_PAGE_SIZE, &g->code);
    add(g, SLOT_RAM, RAM_GPA, RAM_SIZE, &g->ram);
    add(g, SLOT_ROM, ROM_GPA, ROM_SIZE, &g->rom);
    memcpy(g->code, code, sizeof(code));
    make_vcpu(g);
    return true;
}

void guest_done(struct guest *g)
{
    if (g->run != NULL) {
        (void)g->kvm.ops->unmap_run(g->kvm.ctx, g->run, g->run_size);
    }
    vmm_kvm_close(&g->kvm, &g->vcpu);
    tee_private_done(&g->memory);
    vmm_kvm_close(&g->kvm, &g->kvm.vm_fd);
    vmm_kvm_close(&g->kvm, &g->kvm.dev_fd);
    (void)munmap(g->code, TEE_PAGE_SIZE);
    (void)munmap(g->ram, RAM_SIZE);
    (void)munmap(g->rom, ROM_SIZE);
}

static void set_registers(struct guest *g, unsigned entry, const struct guest_call *c)
{
    struct kvm_regs r = {.rip = entry,
                         .rflags = 2,
                         .rax = c->eax,
                         .rbx = c->ebx,
                         .rcx = c->ecx,
                         .rdx = c->edx,
                         .rdi = c->edi};
    must(vmm_kvm_fd(&g->kvm, g->vcpu, KVM_SET_REGS, &r) == 0, "KVM_SET_REGS");
}

enum guest_end guest_run(struct guest *g, unsigned entry, const struct guest_call *call,
                         bool give_up, struct cl_err *err)
{
    set_registers(g, entry, call);
    for (;;) {
        int r = vmm_kvm_fd(&g->kvm, g->vcpu, KVM_RUN, NULL);
        if (r < 0 && errno == EFAULT && g->run->exit_reason == KC_EXIT_MEMORY_FAULT) {
            g->faults++;
            memcpy(&g->fault, kc_exit_data(g->run), sizeof(g->fault));
            if (give_up) {
                return GUEST_FAULTED;
            }
            if (tee_private_fault(&g->memory, g->run, err) != TEE_EXIT_DONE) {
                return GUEST_REFUSED;
            }
            continue;
        }
        must(r == 0 || errno == EINTR, "KVM_RUN");
        if (r == 0 && g->run->exit_reason == KVM_EXIT_HYPERCALL) {
            g->conversions++;
            if (tee_private_hypercall(&g->memory, g->run, err) != TEE_EXIT_DONE) {
                return GUEST_REFUSED;
            }
        } else if (r == 0 && g->run->exit_reason == KVM_EXIT_HLT) {
            return GUEST_HALTED;
        } else if (r == 0) {
            (void)fprintf(stderr, "test_guest_memfd: exit reason: expected HLT, got %u\n",
                          g->run->exit_reason);
            exit(1);
        }
    }
}

static uint32_t eax(struct guest *g)
{
    struct kvm_regs r;
    must(vmm_kvm_fd(&g->kvm, g->vcpu, KVM_GET_REGS, &r) == 0, "KVM_GET_REGS");
    return (uint32_t)r.rax;
}

bool guest_read(struct guest *g, uint32_t gpa, uint32_t *ret)
{
    struct cl_err err = {0};
    bool ok =
        guest_run(g, ENTRY_READ, &(struct guest_call){.ebx = gpa}, true, &err) == GUEST_HALTED;
    *ret = ok ? eax(g) : 0;
    return ok;
}

bool guest_write(struct guest *g, uint32_t gpa, uint32_t value)
{
    struct cl_err err = {0};
    return guest_run(g, ENTRY_WRITE, &(struct guest_call){.ebx = gpa, .eax = value}, true, &err) ==
           GUEST_HALTED;
}

bool guest_fill(struct guest *g, uint32_t gpa, uint32_t size, uint32_t value)
{
    struct cl_err err = {0};
    return guest_run(g, ENTRY_FILL, &(struct guest_call){.edi = gpa, .ecx = size / 4, .eax = value},
                     true, &err) == GUEST_HALTED;
}

int guest_turn(struct guest *g, uint32_t gpa, uint32_t pages, bool private)
{
    struct cl_err err = {0};
    const struct guest_call call = {.eax = KC_HC_MAP_GPA_RANGE,
                                    .ebx = gpa,
                                    .ecx = pages,
                                    .edx = private ? (uint32_t)KC_MAP_GPA_ENCRYPTED : 0};
    if (guest_run(g, ENTRY_CALL, &call, true, &err) != GUEST_HALTED) {
        (void)fprintf(stderr, "test_guest_memfd: hypercall: %s\n", err.msg);
        return 1;
    }
    return (int)eax(g);
}
