/* SPDX-License-Identifier: Apache-2.0
 * launcher.c - see launcher.h.
 */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define FOUR_GIB 0x100000000ull

int launcher_ioctl(struct launcher *l, int fd, unsigned long request, void *arg)
{
    return model_kvm_ops.ioctl(l->m, fd, request, arg);
}

int launcher_op(struct launcher *l, uint32_t id, void *data)
{
    l->cmd = (struct mu_sev_cmd){
        .id = id, .data = (uint64_t)(uintptr_t)data, .sev_fd = (uint32_t)l->sev};
    return launcher_ioctl(l, l->vm, MU_MEMORY_ENCRYPT_OP, &l->cmd);
}

int launcher_open(struct launcher *l, struct model *m)
{
    *l = (struct launcher){.m = m, .kvm = -1, .sev = -1, .vm = -1, .signature = 0x800F12};
    l->kvm = model_kvm_ops.open(m, "/dev/kvm", O_RDWR | O_CLOEXEC);
    if (l->kvm < 0) {
        return l->kvm;
    }
    l->vm = launcher_ioctl(l, l->kvm, KVM_CREATE_VM, (void *)(uintptr_t)MU_VM_TYPE_SNP);
    if (l->vm < 0) {
        return l->vm;
    }
    struct kvm_enable_cap cap = {.cap = MU_CAP_EXIT_HYPERCALL, .args = {1u << MU_HC_MAP_GPA_RANGE}};
    int r = launcher_ioctl(l, l->vm, KVM_ENABLE_CAP, &cap);
    if (r == 0) {
        cap = (struct kvm_enable_cap){.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {24}};
        r = launcher_ioctl(l, l->vm, KVM_ENABLE_CAP, &cap);
    }
    if (r == 0) {
        l->sev = model_kvm_ops.open(m, "/dev/sev", O_RDWR | O_CLOEXEC);
        r = l->sev < 0 ? l->sev : 0;
    }
    return r;
}

int launcher_init2(struct launcher *l)
{
    struct mu_sev_init init = {.ghcb_version = 2};
    return launcher_op(l, MU_SEV_INIT2, &init);
}

int launcher_slot(struct launcher *l, uint64_t gpa, uint64_t size)
{
    struct launcher_slot *s = &l->slots[l->slot_count];
    struct mu_create_guest_memfd g = {.size = size};
    *s = (struct launcher_slot){.gmem = -1, .gpa = gpa, .size = size};
    s->gmem = launcher_ioctl(l, l->vm, MU_CREATE_GUEST_MEMFD, &g);
    if (s->gmem < 0) {
        return s->gmem;
    }
    int error = 0;
    s->shared = model_kvm_ops.mmap(l->m, size, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &error);
    if (s->shared == NULL) {
        (void)model_kvm_ops.close(l->m, s->gmem);
        return error;
    }
    struct mu_memory_region2 r = {.slot = l->slot_count,
                                  .flags = MU_MEM_GUEST_MEMFD,
                                  .gpa = gpa,
                                  .size = size,
                                  .userspace_addr = (uint64_t)(uintptr_t)s->shared,
                                  .gmem_fd = (uint32_t)s->gmem};
    l->slot_count++;
    return launcher_ioctl(l, l->vm, MU_SET_USER_MEMORY_REGION2, &r);
}

int launcher_start(struct launcher *l, uint64_t policy)
{
    struct mu_launch_start start = {.policy = policy};
    return launcher_op(l, MU_SNP_LAUNCH_START, &start);
}

static int vcpu_state(struct launcher *l, int fd, unsigned index, uint32_t ap_entry)
{
    struct kvm_sregs s;
    struct kvm_regs r;
    struct kvm_fpu f;
    int error = launcher_ioctl(l, fd, KVM_GET_SREGS, &s);
    error = error != 0 ? error : launcher_ioctl(l, fd, KVM_GET_REGS, &r);
    error = error != 0 ? error : launcher_ioctl(l, fd, KVM_GET_FPU, &f);
    if (error != 0) {
        return error;
    }
    r.rdx = l->signature;
    if (index > 0) { /* snp.md c.2: the SEV-ES reset block */
        s.cs.base = ap_entry & 0xFFFF0000;
        r.rip = ap_entry & 0xFFFF;
    }
    if (l->adjust != NULL) {
        l->adjust(&s, &r, &f, index);
    }
    error = launcher_ioctl(l, fd, KVM_SET_SREGS, &s);
    error = error != 0 ? error : launcher_ioctl(l, fd, KVM_SET_REGS, &r);
    return error != 0 ? error : launcher_ioctl(l, fd, KVM_SET_FPU, &f);
}

int launcher_vcpu(struct launcher *l, unsigned index)
{
    int fd = launcher_ioctl(l, l->vm, KVM_CREATE_VCPU, (void *)(uintptr_t)index);
    if (fd < 0) {
        return fd;
    }
    l->vcpus[index] = fd;
    l->vcpu_count = index + 1;
    int error = 0;
    int size = launcher_ioctl(l, l->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
    if (size < 0) {
        return size;
    }
    l->runs[index] =
        model_kvm_ops.mmap(l->m, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &error);
    return l->runs[index] == NULL ? error : 0;
}

static int vcpu(struct launcher *l, unsigned index, uint32_t ap_entry)
{
    struct kvm_cpuid2 none = {0};
    int error = launcher_vcpu(l, index);
    if (error != 0) {
        return error;
    }
    error = launcher_ioctl(l, l->vcpus[index], KVM_SET_CPUID2, &none);
    return error != 0 ? error : vcpu_state(l, l->vcpus[index], index, ap_entry);
}

int launcher_vcpus(struct launcher *l, unsigned count, uint32_t ap_entry)
{
    for (unsigned i = 0; i < count; i++) {
        int error = vcpu(l, i, ap_entry);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int launcher_attributes(struct launcher *l, uint64_t gpa, uint64_t size, bool private)
{
    struct mu_memory_attributes a = {
        .address = gpa, .size = size, .attributes = private ? MU_ATTRIBUTE_PRIVATE : 0};
    return launcher_ioctl(l, l->vm, MU_SET_MEMORY_ATTRIBUTES, &a);
}

int launcher_update(struct launcher *l, uint8_t type, uint64_t gpa, uint64_t size, void *data)
{
    int error = launcher_attributes(l, gpa, size, true);
    struct mu_launch_update u = {.gfn_start = gpa / MODEL_PAGE,
                                 .uaddr = (uint64_t)(uintptr_t)data,
                                 .len = size,
                                 .type = type};
    while (error == 0 && u.len > 0) {
        error = launcher_op(l, MU_SNP_LAUNCH_UPDATE, &u);
        error = error == -EAGAIN && !l->leave_eagain ? 0 : error;
    }
    return error;
}

int launcher_finish(struct launcher *l)
{
    struct mu_launch_finish finish = {0};
    return launcher_op(l, MU_SNP_LAUNCH_FINISH, &finish);
}

int launcher_begin(struct launcher *l, struct model *m, uint64_t ram_size, uint64_t rom_size)
{
    int error = launcher_open(l, m);
    error = error != 0 ? error : launcher_init2(l);
    error = error != 0 ? error : launcher_slot(l, 0, ram_size);
    error = error != 0 ? error : launcher_slot(l, FOUR_GIB - rom_size, rom_size);
    return error != 0 ? error : launcher_start(l, 0x30000);
}

void launcher_close(struct launcher *l)
{
    for (unsigned i = 0; i < l->vcpu_count; i++) {
        if (l->runs[i] != NULL) {
            (void)model_kvm_ops.munmap(l->m, l->runs[i], 3u * MODEL_PAGE);
        }
        (void)model_kvm_ops.close(l->m, l->vcpus[i]);
    }
    for (unsigned i = 0; i < l->slot_count; i++) {
        (void)model_kvm_ops.close(l->m, l->slots[i].gmem);
        (void)model_kvm_ops.munmap(l->m, l->slots[i].shared, l->slots[i].size);
    }
    const int rest[] = {l->vm, l->sev, l->kvm};
    for (unsigned i = 0; i < 3; i++) {
        if (rest[i] >= 0) {
            (void)model_kvm_ops.close(l->m, rest[i]);
        }
    }
    *l = (struct launcher){.kvm = -1, .sev = -1, .vm = -1};
}
