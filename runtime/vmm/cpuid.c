/* SPDX-License-Identifier: Apache-2.0
 * cpuid.c - per-CPU CPUID tables. Trust, threads: see cpuid.h.
 */
#include "cpuid.h"

#include <string.h>

#define BIT(n) (1u << (n))

#define L1_ECX_VMX BIT(5)
#define L1_ECX_TSC_DEADLINE BIT(24)
#define L1_ECX_XSAVE BIT(26)
#define L1_ECX_RDRAND BIT(30)
#define L1_ECX_HYPERVISOR BIT(31)
#define L1_EDX_HTT BIT(28)
#define X1_ECX_SVM BIT(2)
#define X1_ECX_CMP_LEGACY BIT(1)
/* What needs the state that XSAVE keeps: FMA, AVX, F16C; AVX2, AVX-512 and what builds on them; XOP
 * and FMA4. */
#define L1_ECX_AVX (BIT(12) | BIT(28) | BIT(29))
#define L7_EBX_AVX                                                                                 \
    (BIT(5) | BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31))
#define L7_ECX_AVX (BIT(1) | BIT(6) | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(14))
#define X1_ECX_AVX (BIT(11) | BIT(16))

#define LEAF_ENCRYPTION 0x8000001fu /* a simulated guest must not see it */
#define ENCRYPTION_SNP (BIT(1) | BIT(3) | BIT(4))

#define KVM_LEAF_BASE 0x40000000u
#define KVM_LEAF_FEATURES 0x40000001u
#define KVM_CLOCK_BITS (BIT(0) | BIT(3))
/* Clock, no I/O delay, EOI, wake-up and IPI help. Not: asynchronous page faults, steal time,
 * migration, what lets the host write into guest memory behind its back. */
#define KVM_FEATURES_KEPT (BIT(0) | BIT(1) | BIT(3) | BIT(6) | BIT(7) | BIT(11) | BIT(24))
/* A TD shares no pages for a clock or for EOI: it has a clock of its own, and APIC virtualization.
 */
#define KVM_FEATURES_TD (BIT(1) | BIT(7) | BIT(11))

static unsigned log2_up(unsigned n)
{
    unsigned bits = 0;
    while (1u << bits < n) {
        bits++;
    }
    return bits;
}

/* Leaf 0xB: one thread a core, all cores in one package; the APIC id is the CPU's index. KVM leaves
 * the whole leaf to us. */
static struct kvm_cpuid_entry2 topology(uint32_t level, unsigned index, unsigned count)
{
    return (struct kvm_cpuid_entry2){
        .function = 0x0b,
        .index = level,
        .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
        .eax = level == 0 ? 0 : log2_up(count),
        .ebx = level == 0 ? 1 : count,
        .ecx = level | (level + 1) << 8, /* 1: threads, 2: cores */
        .edx = index,
    };
}

static void leaf1(struct kvm_cpuid_entry2 *e, unsigned index, unsigned count, bool tsc_deadline)
{
    e->ebx = (e->ebx & 0x0000ffffu) | index << 24 | count << 16;
    e->ecx &= ~(L1_ECX_VMX | L1_ECX_TSC_DEADLINE);
    e->ecx |= L1_ECX_HYPERVISOR | (tsc_deadline ? L1_ECX_TSC_DEADLINE : 0);
    e->edx = count > 1 ? e->edx | L1_EDX_HTT : e->edx & ~L1_EDX_HTT;
}

/* true: the leaf does not reach the guest. */
static bool is_dropped(uint32_t leaf)
{
    switch (leaf) {
    case 0x0a:       /* performance counters */
    case 0x0b:       /* made by topology() */
    case 0x12:       /* SGX */
    case 0x1f:       /* a second topology; 0xB says it all */
    case 0x21:       /* TDX: a simulated guest must not see one */
    case 0x8000000a: /* SVM */
    case 0x80000026: /* AMD's second topology */
        return true;
    default:
        return false;
    }
}

static void adjust(struct kvm_cpuid_entry2 *e, unsigned index, unsigned count, bool tsc_deadline,
                   enum tee_guest guest)
{
    switch (e->function) {
    case 1:
        leaf1(e, index, count, tsc_deadline);
        break;
    case 4:
    case 0x8000001d: /* caches belong to one core each */
        e->eax &= 0x00003fffu;
        e->eax |= e->function == 4 ? (count - 1) << 26 : 0;
        break;
    case KVM_LEAF_FEATURES:
        e->eax &= guest == TEE_GUEST_TD ? KVM_FEATURES_TD : KVM_FEATURES_KEPT;
        e->edx = 0;
        break;
    case 0x80000001:
        e->ecx &= ~(X1_ECX_SVM | X1_ECX_CMP_LEGACY);
        e->ecx |= count > 1 ? X1_ECX_CMP_LEGACY : 0;
        break;
    case 0x80000008:
        e->ecx = (e->ecx & ~0xf0ffu) | (count - 1) | log2_up(count) << 12;
        break;
    case LEAF_ENCRYPTION:
        e->eax = ENCRYPTION_SNP;
        e->ebx &= 0xfffu; /* where the bit is, and what it costs */
        e->ecx = e->edx = 0;
        break;
    case 0x8000001e:
        e->eax = index;
        e->ebx = index; /* core id, one thread */
        e->ecx = 0;     /* node 0 of 1 */
        break;
    default:
        break;
    }
}

/* An emulated processor may offer AVX without XSAVE; Linux believes the one and dies of the other.
 */
static void drop_avx(struct tee_cpuid *c)
{
    for (uint32_t i = 0; i < c->head.nent && i < TEE_CPUID_MAX; i++) {
        struct kvm_cpuid_entry2 *e = &c->entry[i];
        if (e->function == 1) {
            e->ecx &= ~L1_ECX_AVX;
        } else if (e->function == 7 && e->index == 0) {
            e->ebx &= ~L7_EBX_AVX;
            e->ecx &= ~L7_ECX_AVX;
        } else if (e->function == 0x80000001) {
            e->ecx &= ~X1_ECX_AVX;
        }
    }
}

enum cl_status vmm_cpuid_apply(struct tee_cpuid *c, unsigned index, unsigned count,
                               bool tsc_deadline, enum tee_guest guest, struct cl_err *err)
{
    bool rdrand = false;
    bool clock = false;
    bool xsave = false;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->head.nent && i < TEE_CPUID_MAX; i++) {
        struct kvm_cpuid_entry2 *e = &c->entry[i];
        if (is_dropped(e->function) || (e->function == LEAF_ENCRYPTION && guest != TEE_GUEST_SNP)) {
            continue;
        }
        adjust(e, index, count, tsc_deadline, guest);
        xsave = xsave || (e->function == 1 && (e->ecx & L1_ECX_XSAVE) != 0);
        rdrand = rdrand || (e->function == 1 && (e->ecx & L1_ECX_RDRAND) != 0);
        clock = clock || (e->function == KVM_LEAF_FEATURES && (e->eax & KVM_CLOCK_BITS) != 0);
        c->entry[kept++] = *e;
    }
    for (uint32_t level = 0; level < 2 && kept < TEE_CPUID_MAX; level++) {
        c->entry[kept++] = topology(level, index, count);
    }
    c->head.nent = kept;
    if (!xsave) {
        drop_avx(c);
    }
    if (!rdrand) {
        return cl_err_set(err, CL_ERR_SYS, "CPU: expected RDRAND, got a CPU without");
    }
    if (!clock && guest != TEE_GUEST_TD) {
        return cl_err_set(err, CL_ERR_SYS, "KVM: expected kvm-clock, got none");
    }
    return CL_OK;
}
