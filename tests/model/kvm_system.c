/* SPDX-License-Identifier: Apache-2.0
 * kvm_system.c - ioctls of /dev/kvm: what the host can do, and making VMs.
 */
#include "internal.h"
#include "tdx_internal.h"

#include <errno.h>
#include <string.h>

/* snp.md d.1. Host facts that a VMM may ask before it begins. */
int model_extension(const struct model *m, long cap)
{
    switch (cap) {
    case MU_CAP_VM_TYPES:
        if (m->config.intel) {
            return m->config.no_tdx ? 1 : 1 | 1 << MU_VM_TYPE_TDX;
        }
        return m->config.no_snp ? 1 : 1 | 1 << MU_VM_TYPE_SNP;
    case MU_CAP_EXIT_HYPERCALL:
        return 1 << MU_HC_MAP_GPA_RANGE;
    case MU_CAP_MEMORY_ATTRIBUTES:
        return (int)MU_ATTRIBUTE_PRIVATE;
    case MU_CAP_USER_MEMORY2:
    case MU_CAP_MEMORY_FAULT_INFO:
    case MU_CAP_GUEST_MEMFD:
    case KVM_CAP_IRQCHIP:
    case KVM_CAP_USER_MEMORY:
    case KVM_CAP_SET_TSS_ADDR:
    case KVM_CAP_SET_IDENTITY_MAP_ADDR:
    case KVM_CAP_EXT_CPUID:
    case KVM_CAP_MP_STATE:
    case KVM_CAP_IOEVENTFD:
    case KVM_CAP_IRQFD:
    case KVM_CAP_SPLIT_IRQCHIP:
    case KVM_CAP_XCRS:
    case KVM_CAP_SIGNAL_MSI:
    case KVM_CAP_IMMEDIATE_EXIT:
    case KVM_CAP_TSC_CONTROL:
    case KVM_CAP_GET_TSC_KHZ:
    case MU_CAP_APIC_BUS_CYCLES_NS:
    case MU_CAP_VM_TSC_CONTROL:
        return 1;
    case KVM_CAP_IRQ_ROUTING:
        return 4096;
    case KVM_CAP_NR_MEMSLOTS:
        return MODEL_MAX_SLOTS;
    case KVM_CAP_NR_VCPUS:
    case KVM_CAP_MAX_VCPUS:
    case KVM_CAP_MAX_VCPU_ID:
        return MODEL_MAX_VCPUS;
    default:
        return 0;
    }
}

int model_vm_extension(const struct model_vm *vm, long cap)
{
    if (vm->td != NULL && cap == KVM_CAP_MAX_VCPUS) { /* tdx.md c: a TD has its own limit */
        return (int)vm->td->max_vcpus;
    }
    return model_extension(vm->m, cap);
}

/* snp.md d.2: KVM_GET_DEVICE_ATTR on /dev/kvm, group 1. */
static int device_attr(struct model *m, const struct kvm_device_attr *a, bool get)
{
    uint64_t value;
    if (m->config.no_snp || m->config.intel || a->group != MU_GRP_SEV || a->flags != 0) {
        return model_refuse(m, ENXIO, "attr.group");
    }
    switch (a->attr) {
    case MU_ATTR_VMSA_FEATURES:
        value = m->config.vmsa_features;
        break;
    case MU_ATTR_POLICY_BITS:
        value = m->config.policy_bits;
        break;
    case MU_ATTR_REQ_CERTS:
        if (m->config.req_certs) {
            value = 1;
            break;
        }
        return model_refuse(m, ENXIO, "attr.req_certs");
    default:
        return model_refuse(m, ENXIO, "attr.number");
    }
    if (get) {
        memcpy((void *)(uintptr_t)a->addr, &value, sizeof(value));
    }
    return 0;
}

/* What the played processor has: enough leaves that a VMM has something to filter, among them bits
 * that the firmware refuses in a CPUID page (snp.md d.4). */
size_t model_host_cpuid(const struct model *m,
                        struct kvm_cpuid_entry2 ret[static MODEL_HOST_LEAVES])
{
    const struct kvm_cpuid_entry2 host[] = {
        {.function = 0, .eax = 0x10, .ebx = 0x68747541, .ecx = 0x444d4163, .edx = 0x69746e65},
        {.function = 1, .eax = 0x00800F12, .ebx = 0x00010800, .ecx = 0xFFFA3203, .edx = 0x178BFBFF},
        {.function = 7,
         .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
         .ebx = 0x019C97AB /* no SHA: Unicorn has none */,
         .edx = 0x10},
        {.function = 0xD,
         .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
         .eax = 7,
         .ebx = 0x340,
         .ecx = 0x340},
        {.function = 0xD, .index = 1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 0xF},
        {.function = 0x40000000,
         .eax = 0x40000001,
         .ebx = 0x4b4d564b,
         .ecx = 0x564b4d56,
         .edx = 0x4d},
        {.function = 0x40000001, .eax = 0x01007efb},
        {.function = 0x80000000,
         .eax = 0x80000021,
         .ebx = 0x68747541,
         .ecx = 0x444d4163,
         .edx = 0x69746e65},
        {.function = 0x80000001, .eax = 0x00800F12, .ecx = 0x00400DF7, .edx = 0x2FD3FBFF},
        {.function = 0x80000008, .eax = 0x3030, .ebx = 0x0200D205},
        {.function = 0x8000001F, .eax = 0x1B, .ebx = (uint32_t)m->config.cbit | 1u << 6},
        {.function = 0x80000021, .eax = 0x45, .ecx = 1},
    };
    memcpy(ret, host, sizeof(host));
    return sizeof(host) / sizeof(host[0]);
}

static int supported_cpuid(struct model *m, struct kvm_cpuid2 *c)
{
    struct kvm_cpuid_entry2 host[MODEL_HOST_LEAVES];
    size_t n = m->config.intel ? tdx_host_cpuid(host) : model_host_cpuid(m, host);
    if (c->nent < n) {
        return model_refuse(m, E2BIG, "cpuid.nent");
    }
    memcpy(c->entries, host, n * sizeof(host[0]));
    c->nent = (uint32_t)n;
    return 0;
}

int model_system_ioctl(struct model *m, unsigned long request, void *arg)
{
    switch (request) {
    case KVM_GET_API_VERSION:
        return KVM_API_VERSION;
    case KVM_CHECK_EXTENSION:
        return model_extension(m, (long)(uintptr_t)arg);
    case KVM_GET_VCPU_MMAP_SIZE:
        return MODEL_RUN_SIZE;
    case KVM_GET_SUPPORTED_CPUID:
        return supported_cpuid(m, arg);
    case KVM_HAS_DEVICE_ATTR:
        return device_attr(m, arg, false);
    case KVM_GET_DEVICE_ATTR:
        return device_attr(m, arg, true);
    case KVM_CREATE_VM:
        return model_vm_create(m, (unsigned long)(uintptr_t)arg);
    default:
        return model_refuse(m, ENOTTY, "system.request");
    }
}
