/* SPDX-License-Identifier: Apache-2.0
 * launcher_tdx.c - see launcher_tdx.h.
 */
#include "launcher_tdx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define FOUR_GIB 0x100000000ull

int td_op(struct td *t, int fd, uint32_t id, uint32_t flags, uint64_t data)
{
    t->cmd = (struct mu_tdx_cmd){.id = id, .flags = flags, .data = data};
    return launcher_ioctl(&t->l, fd, MU_MEMORY_ENCRYPT_OP, &t->cmd);
}

static int cap(struct td *t, uint32_t number, uint64_t arg)
{
    struct kvm_enable_cap c = {.cap = number, .args = {arg}};
    return launcher_ioctl(&t->l, t->l.vm, KVM_ENABLE_CAP, &c);
}

int td_open(struct td *t, struct model *m)
{
    *t = (struct td){.l = {.m = m, .kvm = -1, .sev = -1, .vm = -1},
                     .attributes = TDX_ATTR_SEPT_VE_DISABLE,
                     .xfam = 0x7,
                     .gpaw = 48};
    t->l.kvm = model_kvm_ops.open(m, "/dev/kvm", O_RDWR | O_CLOEXEC);
    if (t->l.kvm < 0) {
        return t->l.kvm;
    }
    t->l.vm = launcher_ioctl(&t->l, t->l.kvm, KVM_CREATE_VM, (void *)(uintptr_t)MU_VM_TYPE_TDX);
    if (t->l.vm < 0) {
        return t->l.vm;
    }
    int error = cap(t, KVM_CAP_SPLIT_IRQCHIP, 24);
    error = error != 0 ? error : cap(t, MU_CAP_APIC_BUS_CYCLES_NS, 40);
    return error != 0 ? error : cap(t, MU_CAP_EXIT_HYPERCALL, 1u << MU_HC_MAP_GPA_RANGE);
}

/* Structures that end in CPUID entries. */
union room {
    struct mu_tdx_capabilities caps;
    struct mu_tdx_init_vm init;
    struct kvm_cpuid2 cpuid;
    uint8_t bytes[4096 + TD_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
};

/* The one leaf that INIT_VM demands: the width of guest physical addresses. */
static int init_vm(struct td *t, union room *room)
{
    struct mu_tdx_init_vm *in = &room->init;
    memset(room, 0, sizeof(*room));
    in->attributes = t->attributes;
    in->xfam = t->xfam;
    memcpy(in->mrconfigid, t->mrconfigid, 48);
    memcpy(in->mrowner, t->mrowner, 48);
    memcpy(in->mrownerconfig, t->mrownerconfig, 48);
    in->nent = 1;
    in->entries[0] = (struct kvm_cpuid_entry2){.function = 0x80000008, .eax = t->gpaw << 16};
    int error;
    do {
        error = td_op(t, t->l.vm, MU_TDX_INIT_VM, 0, (uint64_t)(uintptr_t)in);
    } while (error == -EAGAIN && !t->leave_again);
    return error;
}

int td_init(struct td *t)
{
    union room *room = calloc(1, sizeof(*room));
    if (room == NULL) {
        return -ENOMEM;
    }
    room->caps.nent = TD_ENTRIES;
    int error = td_op(t, t->l.vm, MU_TDX_CAPABILITIES, 0, (uint64_t)(uintptr_t)&room->caps);
    if (error == 0 && t->tsc_khz != 0) {
        error = launcher_ioctl(&t->l, t->l.vm, KVM_SET_TSC_KHZ, (void *)t->tsc_khz);
    }
    error = error != 0 ? error : init_vm(t, room);
    free(room);
    return error;
}

/* What the TD will see, given back as what KVM should know (tdx.md c: "merge, then SET_CPUID2"). */
static int set_cpuid(struct td *t, int fd)
{
    union room *room = calloc(1, sizeof(*room));
    if (room == NULL) {
        return -ENOMEM;
    }
    room->cpuid.nent = TD_ENTRIES;
    int error = td_op(t, fd, MU_TDX_GET_CPUID, 0, (uint64_t)(uintptr_t)&room->cpuid);
    error = error != 0 ? error : launcher_ioctl(&t->l, fd, KVM_SET_CPUID2, &room->cpuid);
    free(room);
    return error;
}

int td_vcpu(struct td *t, unsigned index, uint64_t hob)
{
    int error = launcher_vcpu(&t->l, index);
    int fd = t->l.vcpus[index];
    error = error != 0 ? error : set_cpuid(t, fd); /* before INIT_VCPU, which looks for x2APIC */
    return error != 0 ? error : td_op(t, fd, MU_TDX_INIT_VCPU, 0, hob);
}

int td_vcpus(struct td *t, unsigned count, uint64_t hob)
{
    for (unsigned i = 0; i < count; i++) {
        int error = td_vcpu(t, i, hob);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int td_region(struct td *t, uint64_t gpa, uint64_t size, const void *data, bool measure)
{
    struct mu_tdx_mem_region r = {
        .source_addr = (uint64_t)(uintptr_t)data, .gpa = gpa, .nr_pages = size / MODEL_PAGE};
    int error = launcher_attributes(&t->l, gpa, size, true);
    if (error != 0) {
        return error;
    }
    do {
        error = td_op(t, t->l.vcpus[0], MU_TDX_INIT_MEM_REGION, measure ? MU_TDX_MEASURE : 0,
                      (uint64_t)(uintptr_t)&r);
    } while ((error == -EAGAIN || error == -EINTR) && !t->leave_again);
    return error;
}

int td_finalize(struct td *t)
{
    return td_op(t, t->l.vm, MU_TDX_FINALIZE_VM, 0, 0);
}

int td_begin(struct td *t, struct model *m, uint64_t ram_size, uint64_t rom_size)
{
    int error = td_open(t, m);
    error = error != 0 ? error : td_init(t);
    error = error != 0 ? error : launcher_slot(&t->l, 0, ram_size);
    return error != 0 ? error : launcher_slot(&t->l, FOUR_GIB - rom_size, rom_size);
}
