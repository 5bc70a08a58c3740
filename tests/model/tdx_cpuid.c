/* SPDX-License-Identifier: Apache-2.0
 * tdx_cpuid.c - CPUID of an Intel host and of a TD: what the module fixes, what it lets a VMM
 * configure (tdx.md c), and what the guest then sees (tdx.md d).
 */
#include "tdx_internal.h"

#include <errno.h>
#include <string.h>

#define X2APIC (1u << 21)
#define TSX (1u << 4 | 1u << 11) /* leaf 7 EBX: HLE, RTM */
#define WAITPKG (1u << 5)        /* leaf 7 ECX */
#define INDEX KVM_CPUID_FLAG_SIGNIFCANT_INDEX

/* The host, as KVM_GET_SUPPORTED_CPUID tells it. */
static const struct kvm_cpuid_entry2 intel[] = {
    {.function = 0, .eax = 0x21, .ebx = 0x756E6547, .ecx = 0x6C65746E, .edx = 0x49656E69},
    {.function = 1, .eax = 0x000806F8, .ebx = 0x00100800, .ecx = 0xFFFA3203, .edx = 0x1F8BFBFF},
    {.function = 4, .flags = INDEX, .eax = 0x121, .ebx = 0x02C0003F, .ecx = 0x3F},
    {.function = 4, .index = 1, .flags = INDEX, .eax = 0x122, .ebx = 0x01C0003F, .ecx = 0x3F},
    {.function = 4, .index = 2, .flags = INDEX, .eax = 0x143, .ebx = 0x03C0003F, .ecx = 0x7FF},
    {.function = 4, .index = 3, .flags = INDEX},
    {.function = 7, .flags = INDEX, .ebx = 0x019C97AB | TSX, .ecx = WAITPKG, .edx = 0x10},
    {.function = 0xB, .flags = INDEX, .ebx = 1, .ecx = 0x100},
    {.function = 0xB, .index = 1, .flags = INDEX, .ecx = 0x201, .eax = 6, .ebx = 64},
    {.function = 0xD, .flags = INDEX, .eax = 7, .ebx = 0x340, .ecx = 0x340},
    {.function = 0xD, .index = 1, .flags = INDEX, .eax = 0xF},
    {.function = 0x15, .eax = 1, .ebx = 80, .ecx = 25000000},
    {.function = 0x1F, .flags = INDEX, .ebx = 1, .ecx = 0x100},
    {.function = 0x1F, .index = 1, .flags = INDEX, .ecx = 0x201, .eax = 6, .ebx = 64},
    {.function = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b, .ecx = 0x564b4d56, .edx = 0x4d},
    {.function = 0x40000001, .eax = 0x01007efb},
    {.function = 0x80000000, .eax = 0x80000008},
    {.function = 0x80000001, .ecx = 0x121, .edx = 0x2C100800},
    {.function = 0x80000007, .edx = 0x100},
    {.function = 0x80000008, .eax = 0x3034, .ebx = 0x200},
};
_Static_assert(sizeof(intel) / sizeof(intel[0]) <= MODEL_HOST_LEAVES, "the host's leaves fit");

/* Which bits a VMM may set in INIT_VM. GPAW is KVM's own addition (tdx.md c). */
static const struct tdx_cpuid configurable[] = {
    {.leaf = 1, .mask = {0x0FFF3FFF, 0x00FF0000, 0x01048188, 0xB0401000}},
    {.leaf = 4, .has_subleaf = true, .mask = {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 7}},
    {.leaf = 4, .subleaf = 1, .has_subleaf = true, .mask = {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 7}},
    {.leaf = 4, .subleaf = 2, .has_subleaf = true, .mask = {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 7}},
    {.leaf = 4, .subleaf = 3, .has_subleaf = true, .mask = {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 7}},
    {.leaf = 7, .has_subleaf = true, .mask = {0, 0x00000228, 0, 0x10}},
    {.leaf = 0x1F, .has_subleaf = true, .mask = {0x1F, 0xFFFF, 0xFFFF, 0}},
    {.leaf = 0x1F, .subleaf = 1, .has_subleaf = true, .mask = {0x1F, 0xFFFF, 0xFFFF, 0}},
    {.leaf = 0x80000007, .mask = {0, 0, 0, 0x100}},
    {.leaf = 0x80000008, .mask = {0x00FF0000, 0x200, 0, 0}},
};
_Static_assert(sizeof(configurable) / sizeof(configurable[0]) <= TDX_MAX_CONFIG, "leaves fit");

size_t tdx_host_cpuid(struct kvm_cpuid_entry2 ret[static MODEL_HOST_LEAVES])
{
    memcpy(ret, intel, sizeof(intel));
    return sizeof(intel) / sizeof(intel[0]);
}

void tdx_cpuid_reset(struct tdx_td *td)
{
    memcpy(td->cpuid, configurable, sizeof(configurable));
    td->cpuid_count = sizeof(configurable) / sizeof(configurable[0]);
}

void tdx_cpuid_report(const struct tdx_td *td, struct kvm_cpuid_entry2 *ret)
{
    for (unsigned i = 0; i < td->cpuid_count; i++) {
        const struct tdx_cpuid *c = &td->cpuid[i];
        ret[i] = (struct kvm_cpuid_entry2){.function = c->leaf,
                                           .index = c->subleaf,
                                           .flags = c->has_subleaf ? INDEX : 0,
                                           .eax = c->mask[0],
                                           .ebx = c->mask[1],
                                           .ecx = c->mask[2],
                                           .edx = c->mask[3]};
    }
}

/* KVM's search: an entry without the flag is of every subleaf. */
static const struct kvm_cpuid_entry2 *find(const struct kvm_cpuid_entry2 *e, uint32_t count,
                                           uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t i = 0; i < count; i++) {
        if (e[i].function == leaf && ((e[i].flags & INDEX) == 0 || e[i].index == subleaf)) {
            return &e[i];
        }
    }
    return NULL;
}

bool tdx_cpuid_has_x2apic(const struct model_vcpu *v)
{
    const struct kvm_cpuid_entry2 *e = find(v->cpuid, v->cpuid_count, 1, 0);
    return v->has_cpuid && e != NULL && (e->ecx & X2APIC) != 0;
}

/* GPAW from leaf 0x80000008 EAX[23:16]. */
static int gpaw(struct model_vm *vm, const struct kvm_cpuid_entry2 *entries, uint32_t count)
{
    const struct kvm_cpuid_entry2 *e = find(entries, count, 0x80000008, 0);
    if (e == NULL) {
        return model_refuse(vm->m, EINVAL, "init_vm.gpaw_leaf");
    }
    unsigned bits = e->eax >> 16 & 0xFF;
    if (bits != 48 && bits != 52) {
        return model_refuse(vm->m, EINVAL, "init_vm.gpaw");
    }
    if (bits == 52 && vm->m->config.no_ept5) {
        return model_refuse(vm->m, EINVAL, "init_vm.gpaw_ept");
    }
    vm->td->gpaw = bits;
    return 0;
}

int tdx_cpuid_configure(struct model_vm *vm, const struct kvm_cpuid_entry2 *entries, uint32_t count,
                        uint64_t *ret_hw_error)
{
    struct tdx_td *td = vm->td;
    uint32_t copied = 0;
    int error = gpaw(vm, entries, count);
    if (error != 0) {
        return error;
    }
    tdx_cpuid_reset(td);
    for (unsigned i = 0; i < td->cpuid_count; i++) {
        struct tdx_cpuid *slot = &td->cpuid[i];
        const struct kvm_cpuid_entry2 *e = find(entries, count, slot->leaf, slot->subleaf);
        if (e == NULL) {
            continue;
        }
        if (e->function == 7 && ((e->ebx & TSX) != 0 || (e->ecx & WAITPKG) != 0)) {
            return model_refuse(vm->m, EINVAL, "init_vm.cpuid_unsupported");
        }
        copied++;
        memcpy(slot->value, &e->eax, sizeof(slot->value));
    }
    if (copied != count) { /* leaves that the module knows nothing of, or the same twice */
        return model_refuse(vm->m, EINVAL, "init_vm.cpuid_leaves");
    }
    for (unsigned i = 0; i < td->cpuid_count; i++) {
        for (unsigned r = 0; r < 4; r++) {
            if ((td->cpuid[i].value[r] & ~td->cpuid[i].mask[r]) != 0) {
                *ret_hw_error = TDX_OPERAND_INVALID | TDX_OPERAND_CPUID_CONFIG;
                return model_refuse(vm->m, EINVAL, "init_vm.cpuid_bits");
            }
        }
    }
    return 0;
}

/* What the module makes of a native leaf before the VMM's choice. */
static void fixed(const struct model_vcpu *v, uint32_t leaf, uint32_t regs[static 4])
{
    const struct tdx_td *td = v->vm->td;
    switch (leaf) {
    case 1:
        regs[1] = (regs[1] & 0x00FFFFFF) | v->index << 24;
        break;
    case 7:
        regs[1] &= ~TSX;
        regs[2] &= ~WAITPKG;
        break;
    case 0xB:
    case 0x1F:
        regs[3] = v->index;
        break;
    case 0xD:
        regs[0] = regs[1] == 0 ? regs[0] : (uint32_t)td->xfam & 0x2FF;
        break;
    case 0x15:
        regs[1] = td->tsc_khz / 25000;
        break;
    default:
        break;
    }
}

bool tdx_guest_cpuid(const struct model_vcpu *v, uint32_t leaf, uint32_t subleaf,
                     uint32_t ret_regs[static 4])
{
    const struct tdx_td *td = v->vm->td;
    if (leaf == 0x21) { /* d: "IntelTDX    " */
        const uint32_t id[4] = {0, 0x65746E49, 0x20202020, 0x5844546C};
        memcpy(ret_regs, id, sizeof(id));
        return true;
    }
    const struct kvm_cpuid_entry2 *e = find(intel, sizeof(intel) / sizeof(intel[0]), leaf, subleaf);
    if (e == NULL || (leaf >= 0x40000000 && leaf < 0x80000000)) {
        return false; /* the hypervisor's leaves are asked by #VE */
    }
    memcpy(ret_regs, &e->eax, 4 * sizeof(ret_regs[0]));
    fixed(v, leaf, ret_regs);
    for (unsigned i = 0; i < td->cpuid_count; i++) {
        const struct tdx_cpuid *c = &td->cpuid[i];
        if (c->leaf != leaf || (c->has_subleaf && c->subleaf != subleaf)) {
            continue;
        }
        for (unsigned r = 0; r < 4; r++) {
            ret_regs[r] = (ret_regs[r] & ~c->mask[r]) | (c->value[r] & c->mask[r]);
        }
    }
    return true;
}

uint32_t tdx_cpuid_list(const struct model_vcpu *v, struct kvm_cpuid_entry2 ret[static 64])
{
    uint32_t n = 0;
    for (size_t i = 0; i <= sizeof(intel) / sizeof(intel[0]); i++) {
        bool last = i == sizeof(intel) / sizeof(intel[0]);
        struct kvm_cpuid_entry2 e = {.function = last ? 0x21 : intel[i].function,
                                     .index = last ? 0 : intel[i].index,
                                     .flags = last ? 0 : intel[i].flags};
        uint32_t regs[4];
        if (tdx_guest_cpuid(v, e.function, e.index, regs)) {
            memcpy(&e.eax, regs, sizeof(regs));
            ret[n++] = e;
        }
    }
    return n;
}

bool tdx_cpuid_consistent(const struct model_vcpu *v, const struct kvm_cpuid2 *c)
{
    const struct tdx_td *td = v->vm->td;
    for (unsigned i = 0; i < td->cpuid_count; i++) {
        const struct tdx_cpuid *slot = &td->cpuid[i];
        const struct kvm_cpuid_entry2 *e = find(c->entries, c->nent, slot->leaf, slot->subleaf);
        uint32_t regs[4];
        if (e == NULL || !tdx_guest_cpuid(v, slot->leaf, slot->subleaf, regs)) {
            continue;
        }
        const uint32_t said[4] = {e->eax, e->ebx, e->ecx, e->edx};
        for (unsigned r = 0; r < 4; r++) {
            if (((said[r] ^ regs[r]) & slot->mask[r]) != 0) {
                return false;
            }
        }
    }
    return true;
}
