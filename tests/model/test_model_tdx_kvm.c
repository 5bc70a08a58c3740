/* SPDX-License-Identifier: Apache-2.0
 * test_model_tdx_kvm.c - KVM's side of a TD refuses what tdx.md c and the kernel's documentation
 * refuse, with the documented error and for the documented reason, and leaves nothing behind.
 */
#include "bench_tdx.h"

#include "../unit/check_main.h"

#include <errno.h>
#include <stdlib.h>

static _Alignas(4096) const uint8_t zeroes[4096 * 8];
static _Alignas(4096) const uint8_t ones[4096] = {1};

static uint64_t address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

START_TEST(test_commands_out_of_order)
{
    struct bench b;
    struct mu_tdx_mem_region r = {.source_addr = address(zeroes), .gpa = BENCH_HOB, .nr_pages = 1};
    bench_open(&b, NULL);
    struct td *t = &b.t;
    EXPECT(&b, td_finalize(t), EINVAL, "finalize.init");
    EXPECT(&b, bench_vm(&b, KVM_CREATE_VCPU, NULL), EIO, "tdx.vcpu_order");
    ck_assert_int_eq(td_init(t), 0);
    EXPECT(&b, td_init(t), EINVAL, "init_vm.twice");
    EXPECT(&b, td_finalize(t), EINVAL, "finalize.vcpus");
    ck_assert_int_eq(launcher_slot(&t->l, 0, BENCH_RAM), 0);
    ck_assert_int_eq(td_vcpus(t, 1, BENCH_HOB), 0);
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_INIT_VCPU, 0, 0), EINVAL, "init_vcpu.twice");
    EXPECT(&b, bench_vcpu(&b, KVM_RUN, NULL), EINVAL, "run.before_finish");
    t->l.vcpus[1] = bench_vm(&b, KVM_CREATE_VCPU, (void *)(uintptr_t)1);
    t->l.vcpu_count = 2;
    ck_assert_int_gt(t->l.vcpus[1], 0);
    EXPECT(&b, td_op(t, t->l.vcpus[1], MU_TDX_INIT_MEM_REGION, 0, address(&r)), EINVAL,
           "mem_region.vcpu");
    EXPECT(&b, td_op(t, t->l.vcpus[1], MU_TDX_INIT_VCPU, 0, 0), EINVAL, "init_vcpu.x2apic");
    EXPECT(&b, td_finalize(t), EINVAL, "finalize.init_vcpu");
    ck_assert_int_eq(model_kvm_ops.close(b.m, t->l.vcpus[1]), 0);
    t->l.vcpu_count = 1;
    ck_assert_int_eq(td_finalize(t), 0);
    EXPECT(&b, td_finalize(t), EINVAL, "finalize.twice");
    EXPECT(&b, td_init(t), EINVAL, "init_vm.twice");
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_INIT_MEM_REGION, 0, address(&r)), EINVAL,
           "tdx.after_finalize");
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_INIT_VCPU, 0, 0), EINVAL, "tdx.after_finalize");
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_GET_CPUID, 0, 0), EINVAL, "tdx.after_finalize");
    EXPECT(&b, bench_vm(&b, KVM_CREATE_VCPU, (void *)(uintptr_t)1), EIO, "tdx.vcpu_order");
    bench_done(&b);
}
END_TEST

START_TEST(test_commands_on_the_wrong_descriptor)
{
    struct bench b;
    bench_setup(&b, 1);
    struct td *t = &b.t;
    const uint32_t of_vcpu[] = {MU_TDX_INIT_VCPU, MU_TDX_INIT_MEM_REGION, MU_TDX_GET_CPUID, 6, 99};
    const uint32_t of_vm[] = {MU_TDX_CAPABILITIES, MU_TDX_INIT_VM, MU_TDX_FINALIZE_VM, 6, 99};
    for (size_t i = 0; i < 5; i++) {
        EXPECT(&b, td_op(t, t->l.vm, of_vcpu[i], 0, 0), EINVAL, "tdx.vm_id");
        EXPECT(&b, td_op(t, t->l.vcpus[0], of_vm[i], 0, 0), EINVAL, "tdx.vcpu_id");
    }
    struct mu_tdx_cmd stale = {.id = MU_TDX_FINALIZE_VM, .hw_error = 1};
    EXPECT(&b, bench_vm(&b, MU_MEMORY_ENCRYPT_OP, &stale), EINVAL, "tdx.hw_error");
    EXPECT(&b, bench_vcpu(&b, MU_MEMORY_ENCRYPT_OP, &stale), EINVAL, "tdx.hw_error");
    EXPECT(&b, bench_vm(&b, MU_MEMORY_ENCRYPT_OP, NULL), EFAULT, "tdx.cmd");
    EXPECT(&b, bench_vcpu(&b, MU_MEMORY_ENCRYPT_OP, NULL), EFAULT, "tdx.cmd");
    bench_done(&b);
}
END_TEST

START_TEST(test_the_machine_and_its_type)
{
    struct bench b;
    struct model_config none = model_config_tdx();
    none.no_tdx = true;
    b.m = model_new(&none);
    EXPECT(&b, td_open(&b.t, b.m), EINVAL, "vm.type");
    bench_done(&b);
    b.m = model_new(NULL); /* AMD's */
    EXPECT(&b, td_open(&b.t, b.m), EINVAL, "vm.type");
    bench_done(&b);
    struct model_config few = model_config_tdx();
    few.td_max_vcpus = 3;
    bench_open(&b, &few);
    ck_assert_int_eq(bench_vm(&b, KVM_CHECK_EXTENSION, (void *)(uintptr_t)KVM_CAP_MAX_VCPUS), 3);
    ck_assert_int_gt(launcher_ioctl(&b.t.l, b.t.l.kvm, KVM_CHECK_EXTENSION,
                                    (void *)(uintptr_t)KVM_CAP_MAX_VCPUS),
                     3);
    ck_assert_int_eq(
        launcher_ioctl(&b.t.l, b.t.l.kvm, KVM_CHECK_EXTENSION, (void *)(uintptr_t)MU_CAP_VM_TYPES),
        1 | 1 << MU_VM_TYPE_TDX);
    ck_assert_int_eq(td_init(&b.t), 0);
    EXPECT(&b, bench_vm(&b, KVM_CREATE_VCPU, (void *)(uintptr_t)3), EINVAL, "vcpu.index");
    EXPECT(&b, model_kvm_ops.open(b.m, "/dev/sev", 0), ENOENT, "open.path");
    int plain = launcher_ioctl(&b.t.l, b.t.l.kvm, KVM_CREATE_VM, NULL);
    ck_assert_int_gt(plain, 0);
    int vcpu = launcher_ioctl(&b.t.l, plain, KVM_CREATE_VCPU, NULL);
    struct mu_tdx_cmd cmd = {0};
    EXPECT(&b, launcher_ioctl(&b.t.l, plain, MU_MEMORY_ENCRYPT_OP, &cmd), ENOTTY, "op.type");
    EXPECT(&b, launcher_ioctl(&b.t.l, vcpu, MU_MEMORY_ENCRYPT_OP, &cmd), EINVAL, "vcpu.encrypt_op");
    ck_assert_int_eq(model_kvm_ops.close(b.m, vcpu), 0);
    ck_assert_int_eq(model_kvm_ops.close(b.m, plain), 0);
    bench_done(&b);
}
END_TEST

static int enable(struct bench *b, int vm, uint32_t cap, uint64_t arg)
{
    struct kvm_enable_cap c = {.cap = cap, .args = {arg}};
    return launcher_ioctl(&b->t.l, vm, KVM_ENABLE_CAP, &c);
}

START_TEST(test_interrupt_controller_and_clocks)
{
    struct bench b;
    bench_open(&b, NULL);
    struct td *t = &b.t;
    int vm = launcher_ioctl(&t->l, t->l.kvm, KVM_CREATE_VM, (void *)(uintptr_t)MU_VM_TYPE_TDX);
    int first = t->l.vm;
    ck_assert_int_gt(vm, 0);
    EXPECT(&b, launcher_ioctl(&t->l, vm, KVM_CREATE_IRQCHIP, NULL), ENOTTY, "tdx.irqchip");
    EXPECT(&b, enable(&b, vm, MU_CAP_APIC_BUS_CYCLES_NS, 40), ENXIO, "cap.apic_bus_irqchip");
    t->l.vm = vm;
    ck_assert_int_eq(td_init(t), 0);
    EXPECT(&b, launcher_ioctl(&t->l, vm, KVM_CREATE_VCPU, NULL), EINVAL, "tdx.vcpu_irqchip");
    ck_assert_int_eq(enable(&b, vm, KVM_CAP_SPLIT_IRQCHIP, 24), 0);
    EXPECT(&b, launcher_ioctl(&t->l, vm, KVM_CREATE_VCPU, NULL), EINVAL, "tdx.apic_bus");
    EXPECT(&b, launcher_ioctl(&t->l, vm, KVM_CREATE_IRQCHIP, NULL), EEXIST, "irqchip.twice");
    EXPECT(&b, enable(&b, vm, MU_CAP_APIC_BUS_CYCLES_NS, 0), EINVAL, "cap.apic_bus");
    EXPECT(&b, enable(&b, vm, MU_CAP_APIC_BUS_CYCLES_NS, 1ull << 40), EINVAL, "cap.apic_bus");
    ck_assert_int_eq(enable(&b, vm, MU_CAP_APIC_BUS_CYCLES_NS, 40), 0);
    ck_assert_int_eq(td_vcpus(t, 1, 0), 0);
    EXPECT(&b, enable(&b, vm, MU_CAP_APIC_BUS_CYCLES_NS, 40), EINVAL, "cap.apic_bus_order");
    EXPECT(&b, bench_vm(&b, KVM_CREATE_PIT2, NULL), ENOENT, "pit.irqchip");
    EXPECT(&b, bench_vm(&b, KVM_SET_TSC_KHZ, (void *)(uintptr_t)2500000), EINVAL, "tdx.tsc_order");
    ck_assert_int_eq(model_kvm_ops.close(b.m, first), 0);
    bench_done(&b);
}
END_TEST

/* ---- INIT_VM: one thing wrong each ---- */

union room {
    struct mu_tdx_init_vm init;
    struct mu_tdx_capabilities caps;
    struct kvm_cpuid2 cpuid;
    uint8_t bytes[4096 + TD_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
};

struct wrong {
    void (*bend)(struct mu_tdx_init_vm *in);
    int error;
    const char *why;
    uint64_t hw_error;
    unsigned long tsc_khz;
    uint32_t flags;
};

static void add_leaf(struct mu_tdx_init_vm *in, struct kvm_cpuid_entry2 e)
{
    in->entries[in->nent++] = e;
}

static void reserved(struct mu_tdx_init_vm *in)
{
    in->reserved[11] = 1;
}

static void padding(struct mu_tdx_init_vm *in)
{
    in->padding = 1;
}

static void many(struct mu_tdx_init_vm *in)
{
    in->nent = 257;
}

static void debug(struct mu_tdx_init_vm *in)
{
    in->attributes |= TDX_ATTR_DEBUG; /* not among what CAPABILITIES reported */
}

static void xfam_unknown(struct mu_tdx_init_vm *in)
{
    in->xfam |= 1 << 8;
}

static void xfam_half(struct mu_tdx_init_vm *in)
{
    in->xfam |= 1 << 17; /* one of AMX's two */
}

static void xfam_avx512(struct mu_tdx_init_vm *in)
{
    in->xfam = 0xE3; /* AVX512 without AVX */
}

static void no_gpaw(struct mu_tdx_init_vm *in)
{
    in->nent = 0;
}

static void gpaw_47(struct mu_tdx_init_vm *in)
{
    in->entries[0].eax = 47 << 16;
}

static void gpaw_52(struct mu_tdx_init_vm *in)
{
    in->entries[0].eax = 52 << 16;
}

static void phys_bits(struct mu_tdx_init_vm *in)
{
    in->entries[0].eax |= 48; /* not configurable: to be masked away */
}

static void hypervisor_leaf(struct mu_tdx_init_vm *in)
{
    add_leaf(in, (struct kvm_cpuid_entry2){.function = 0x40000000});
}

static void leaf_twice(struct mu_tdx_init_vm *in)
{
    add_leaf(in, in->entries[0]);
}

static void tsx(struct mu_tdx_init_vm *in)
{
    add_leaf(in, (struct kvm_cpuid_entry2){.function = 7, .ebx = 1 << 11});
}

static void waitpkg(struct mu_tdx_init_vm *in)
{
    add_leaf(in, (struct kvm_cpuid_entry2){.function = 7, .ecx = 1 << 5});
}

static void nothing(struct mu_tdx_init_vm *in)
{
    (void)in;
}

static const struct wrong wrongs[] = {
    {reserved, EINVAL, "init_vm.reserved", 0, 0, 0},
    {padding, EINVAL, "init_vm.padding", 0, 0, 0},
    {many, E2BIG, "init_vm.nent", 0, 0, 0},
    {debug, EINVAL, "init_vm.attributes", 0, 0, 0},
    {xfam_unknown, EINVAL, "init_vm.xfam", 0, 0, 0},
    {xfam_half, EINVAL, "init_vm.xfam_whole", 0xC000010000000041, 0, 0},
    {xfam_avx512, EINVAL, "init_vm.xfam_whole", 0xC000010000000041, 0, 0},
    {no_gpaw, EINVAL, "init_vm.gpaw_leaf", 0, 0, 0},
    {gpaw_47, EINVAL, "init_vm.gpaw", 0, 0, 0},
    {gpaw_52, EINVAL, "init_vm.gpaw_ept", 0, 0, 0},
    {phys_bits, EINVAL, "init_vm.cpuid_bits", 0xC000010000000045, 0, 0},
    {hypervisor_leaf, EINVAL, "init_vm.cpuid_leaves", 0, 0, 0},
    {leaf_twice, EINVAL, "init_vm.cpuid_leaves", 0, 0, 0},
    {tsx, EINVAL, "init_vm.cpuid_unsupported", 0, 0, 0},
    {waitpkg, EINVAL, "init_vm.cpuid_unsupported", 0, 0, 0},
    {nothing, EINVAL, "init_vm.tsc_range", 0xC000010000000046, 75000, 0},
    {nothing, EINVAL, "init_vm.tsc_range", 0xC000010000000046, 10025000, 0},
    {nothing, EINVAL, "init_vm.tsc_multiple", 0, 2000001, 0},
    {nothing, EINVAL, "init_vm.flags", 0, 0, 1},
};

START_TEST(test_arguments_of_init_vm)
{
    const struct wrong *w = &wrongs[_i];
    struct model_config config = model_config_tdx();
    struct bench b;
    config.no_ept5 = true;
    bench_open(&b, &config);
    struct td *t = &b.t;
    union room *room = calloc(1, 16384);
    ck_assert_ptr_nonnull(room);
    struct mu_tdx_init_vm *in = &room->init;
    in->attributes = TDX_ATTR_SEPT_VE_DISABLE;
    in->xfam = 7;
    add_leaf(in, (struct kvm_cpuid_entry2){.function = 0x80000008, .eax = 48 << 16});
    if (w->tsc_khz != 0) {
        ck_assert_int_eq(bench_vm(&b, KVM_SET_TSC_KHZ, (void *)w->tsc_khz), 0);
    }
    w->bend(in);
    EXPECT(&b, td_op(t, t->l.vm, MU_TDX_INIT_VM, w->flags, address(in)), w->error, w->why);
    ck_assert_uint_eq(t->cmd.hw_error, w->hw_error);
    EXPECT(&b, td_op(t, t->l.vm, MU_TDX_INIT_VM, 0, 0), EFAULT, "init_vm.flags");
    ck_assert_int_eq(bench_vm(&b, KVM_GET_TSC_KHZ, NULL),
                     w->tsc_khz != 0 ? (int)w->tsc_khz : 2000000);
    ck_assert_int_eq(bench_vm(&b, KVM_SET_TSC_KHZ, NULL), 0); /* and then it still can be done */
    ck_assert_int_eq(td_init(t), 0);
    free(room);
    bench_done(&b);
}
END_TEST

START_TEST(test_entropy_runs_out)
{
    struct bench b;
    bench_open(&b, NULL);
    model_tdx_no_entropy(b.m, 1);
    b.t.leave_again = true;
    EXPECT(&b, td_init(&b.t), EAGAIN, "init_vm.entropy");
    model_tdx_no_entropy(b.m, 3);
    b.t.leave_again = false;
    ck_assert_int_eq(td_init(&b.t), 0);
    bench_done(&b);
}
END_TEST

START_TEST(test_capabilities_and_cpuid)
{
    struct bench b;
    bench_open(&b, NULL);
    struct td *t = &b.t;
    union room *room = calloc(1, sizeof(*room));
    ck_assert_ptr_nonnull(room);
    uint64_t at = address(room);
    EXPECT(&b, td_op(t, t->l.vm, MU_TDX_CAPABILITIES, 1, at), EINVAL, "capabilities.flags");
    EXPECT(&b, td_op(t, t->l.vm, MU_TDX_CAPABILITIES, 0, 0), EFAULT, "capabilities.data");
    EXPECT(&b, td_op(t, t->l.vm, MU_TDX_CAPABILITIES, 0, at), E2BIG, "capabilities.nent");
    room->caps.nent = 1;
    while (td_op(t, t->l.vm, MU_TDX_CAPABILITIES, 0, at) == -E2BIG) {
        room->caps.nent *= 2; /* c: doubling */
    }
    ck_assert_uint_eq(room->caps.supported_attrs, TDX_ATTR_SEPT_VE_DISABLE);
    ck_assert_uint_eq(room->caps.supported_xfam & 3, 3);
    ck_assert_uint_ge(room->caps.nent, 8);
    ck_assert_int_eq(td_init(t), 0);
    t->l.vcpus[0] = bench_vm(&b, KVM_CREATE_VCPU, NULL);
    t->l.vcpu_count = 1;
    memset(room, 0, sizeof(*room));
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_GET_CPUID, 1, at), EINVAL, "get_cpuid.flags");
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_GET_CPUID, 0, 0), EFAULT, "get_cpuid.data");
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_GET_CPUID, 0, at), E2BIG, "get_cpuid.nent");
    ck_assert_uint_gt(room->cpuid.nent, 8); /* and what it takes is told */
    ck_assert_int_eq(td_op(t, t->l.vcpus[0], MU_TDX_GET_CPUID, 0, at), 0);
    for (uint32_t i = 0; i < room->cpuid.nent; i++) {
        if (room->cpuid.entries[i].function == 0x80000008) {
            ck_assert_uint_eq(room->cpuid.entries[i].eax >> 16 & 0xFF, 48);
            room->cpuid.entries[i].eax ^= 4 << 16;
        }
    }
    EXPECT(&b, bench_vcpu(&b, KVM_SET_CPUID2, room), EINVAL, "tdx.cpuid_consistent");
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_INIT_VCPU, 1, 0), EINVAL, "init_vcpu.flags");
    free(room);
    bench_done(&b);
}
END_TEST

/* ---- INIT_MEM_REGION ---- */

START_TEST(test_arguments_of_a_region)
{
    struct bench b;
    bench_setup(&b, 1);
    struct td *t = &b.t;
    const struct mu_tdx_mem_region good = {
        .source_addr = address(zeroes), .gpa = 0x1000, .nr_pages = 1};
    const struct {
        struct mu_tdx_mem_region r;
        uint32_t flags;
        int error;
        const char *why;
    } rows[] = {
        {good, 2, EINVAL, "mem_region.flags"},
        {{address(zeroes) + 1, 0x1000, 1}, 0, EINVAL, "mem_region.source"},
        {{address(zeroes), 0x1001, 1}, 0, EINVAL, "mem_region.gpa"},
        {{address(zeroes), 0x1000, 0}, 0, EINVAL, "mem_region.pages"},
        {{address(zeroes), 0x1000, UINT64_MAX}, 0, EINVAL, "mem_region.pages"},
        {{address(zeroes), 0xFFFFFFFFFFFFF000, 2}, 0, EINVAL, "mem_region.pages"},
        {{address(zeroes), 1ull << 47, 1}, 0, EINVAL, "mem_region.private"},
        {{address(zeroes), (1ull << 47) - 0x1000, 2}, 0, EINVAL, "mem_region.private"},
        {{address(zeroes), 1ull << 33, 1}, 0, EINVAL, "mem_region.slot"},
        {{0, 0x1000, 1}, 0, EFAULT, "mem_region.source_null"},
        {good, 0, EINVAL, "mem_region.attribute"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mu_tdx_mem_region r = rows[i].r;
        EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_INIT_MEM_REGION, rows[i].flags, address(&r)),
               rows[i].error, rows[i].why);
        ck_assert_mem_eq(&r, &rows[i].r, sizeof(r));
    }
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_INIT_MEM_REGION, 0, 0), EFAULT, "mem_region.data");
    ck_assert_int_eq(td_region(t, 0x1000, 4096, zeroes, true), 0);
    EXPECT(&b, td_region(t, 0x1000, 4096, zeroes, true), EEXIST, "mem_region.twice");
    ck_assert_int_eq(model_kvm_ops.close(b.m, t->l.slots[0].gmem), 0);
    EXPECT(&b, td_region(t, 0x2000, 4096, zeroes, true), EFAULT, "mem_region.gmem");
    EXPECT(&b, td_op(t, t->l.vm, MU_TDX_FINALIZE_VM, 1, 0), EINVAL, "finalize.flags");
    EXPECT(&b, td_op(t, t->l.vm, MU_TDX_FINALIZE_VM, 0, 1), EINVAL, "finalize.flags");
    t->l.slots[0].gmem = launcher_ioctl(&t->l, t->l.kvm, KVM_CREATE_VM, NULL); /* for closing */
    bench_done(&b);
}
END_TEST

/* c: EAGAIN and EINTR come with the structure advanced; what went in stays in, and counts once. */
START_TEST(test_partial_progress)
{
    struct bench b;
    bench_setup(&b, 1);
    struct td *t = &b.t;
    struct mu_tdx_mem_region r = {.source_addr = address(zeroes), .gpa = 0x2000, .nr_pages = 5};
    const struct model_td_page *pages;
    ck_assert_int_eq(launcher_attributes(&t->l, 0, 0x10000, true), 0);
    model_update_limit(b.m, 2);
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_INIT_MEM_REGION, 1, address(&r)), EINTR, "injected");
    ck_assert_uint_eq(r.nr_pages, 3);
    ck_assert_uint_eq(r.gpa, 0x4000);
    ck_assert_uint_eq(r.source_addr, address(zeroes) + 0x2000);
    model_update_eagain(b.m, 1);
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_INIT_MEM_REGION, 1, address(&r)), EAGAIN, "injected");
    ck_assert_uint_eq(r.nr_pages, 1);
    ck_assert_int_eq(td_op(t, t->l.vcpus[0], MU_TDX_INIT_MEM_REGION, 1, address(&r)), 0);
    ck_assert_uint_eq(r.nr_pages, 0);
    model_update_limit(b.m, 0);
    model_update_eagain(b.m, 1);
    r = (struct mu_tdx_mem_region){.source_addr = address(ones), .gpa = 0x9000, .nr_pages = 1};
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_INIT_MEM_REGION, 0, address(&r)), EAGAIN, "injected");
    ck_assert_uint_eq(r.nr_pages, 1);
    ck_assert_int_eq(td_op(t, t->l.vcpus[0], MU_TDX_INIT_MEM_REGION, 0, address(&r)), 0);
    struct model_vm *vm = model_vm_of(b.m, t->l.vm);
    ck_assert_uint_eq(model_td_trace(vm, &pages), 6);
    ck_assert_uint_eq(pages[4].gpa, 0x6000);
    ck_assert(pages[4].extended && !pages[5].extended);
    ck_assert_uint_eq(model_td_extended(vm), 5u * 4096);
    ck_assert_uint_eq(model_private(vm, 0x9000)[0], 1);
    bench_done(&b);
}
END_TEST

/* An error in the middle: the struct says how far, and what is in stays in. */
START_TEST(test_error_in_the_middle_of_a_region)
{
    struct bench b;
    bench_setup(&b, 1);
    struct td *t = &b.t;
    struct mu_tdx_mem_region r = {.source_addr = address(zeroes), .gpa = 0x2000, .nr_pages = 5};
    ck_assert_int_eq(launcher_attributes(&t->l, 0, 0x4000, true), 0);
    EXPECT(&b, td_op(t, t->l.vcpus[0], MU_TDX_INIT_MEM_REGION, 1, address(&r)), EINVAL,
           "mem_region.attribute");
    ck_assert_uint_eq(r.nr_pages, 3);
    ck_assert_uint_eq(r.gpa, 0x4000);
    ck_assert_int_eq(launcher_attributes(&t->l, 0x4000, 0x4000, true), 0);
    ck_assert_int_eq(td_op(t, t->l.vcpus[0], MU_TDX_INIT_MEM_REGION, 1, address(&r)), 0);
    bench_done(&b);
}
END_TEST

START_TEST(test_state_is_protected)
{
    struct bench b;
    union {
        struct kvm_sregs sregs;
        struct kvm_lapic_state lapic;
        struct kvm_guest_debug debug;
        struct kvm_xcrs xcrs;
    } any = {0};
    const unsigned long state[] = {
        KVM_GET_REGS, KVM_SET_REGS,      KVM_GET_SREGS,     KVM_SET_SREGS, KVM_GET_FPU,
        KVM_SET_FPU,  KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, KVM_SET_XCRS,  KVM_SET_GUEST_DEBUG};
    bench_setup(&b, 1);
    for (size_t i = 0; i < sizeof(state) / sizeof(state[0]); i++) {
        EXPECT(&b, bench_vcpu(&b, state[i], &any), EINVAL, "tdx.protected");
    }
    EXPECT(&b, bench_vcpu(&b, KVM_GET_LAPIC, &any), EINVAL, "tdx.lapic");
    EXPECT(&b, bench_vcpu(&b, KVM_SET_LAPIC, &any), EINVAL, "tdx.lapic");
    struct mu_memory_region2 rom = {.slot = 9, .flags = KVM_MEM_READONLY, .size = 4096};
    rom.gpa = 1ull << 32;
    EXPECT(&b, bench_vm(&b, MU_SET_USER_MEMORY_REGION2, &rom), EINVAL, "tdx.readonly");
    bench_done(&b);
}
END_TEST

static int whole_launch(struct td *t, struct model *m)
{
    int r = td_begin(t, m, BENCH_RAM, BENCH_ROM);
    r = r != 0 ? r : td_vcpus(t, 2, BENCH_HOB);
    r = r != 0 ? r : td_region(t, 0x1000, 3 * 4096, zeroes, true);
    return r != 0 ? r : td_finalize(t);
}

START_TEST(test_every_call_can_fail_and_nothing_is_left)
{
    for (enum model_call call = 0; call < MODEL_CALLS; call++) {
        unsigned failed = 0;
        for (unsigned n = 1;; n++) {
            struct model_config config = model_config_tdx();
            struct bench b = {.m = model_new(&config)};
            model_fail_nth(b.m, call, n, ENOMEM);
            int r = whole_launch(&b.t, b.m);
            bool reached = model_calls(b.m, call) >= n;
            bench_done(&b);
            ck_assert_int_eq(r, reached ? -ENOMEM : 0);
            if (!reached) {
                break;
            }
            failed++;
        }
        ck_assert_uint_ge(failed, call == MODEL_CALL_OPEN ? 1 : 2);
    }
}
END_TEST

START_TEST(test_64_gib_of_page_accounting)
{
    struct bench b;
    const uint64_t size = 64ull << 30, last = (1ull << 32) + size - 4096;
    bench_setup(&b, 1);
    ck_assert_int_eq(launcher_slot(&b.t.l, 1ull << 32, size), 0);
    ck_assert_int_eq(launcher_attributes(&b.t.l, 1ull << 32, size, true), 0);
    ck_assert_int_eq(td_region(&b.t, last, 4096, zeroes, true), 0);
    struct model_td_entry e = model_td_entry_at(model_vm_of(b.m, b.t.l.vm), last);
    ck_assert(e.state == MODEL_SEPT_MAPPED && e.private_attribute && !e.large);
    bench_done(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_tdx_kvm");
    TCase *t = tcase_create("kvm");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_commands_out_of_order);
    tcase_add_test(t, test_commands_on_the_wrong_descriptor);
    tcase_add_test(t, test_the_machine_and_its_type);
    tcase_add_test(t, test_interrupt_controller_and_clocks);
    tcase_add_loop_test(t, test_arguments_of_init_vm, 0, (int)(sizeof(wrongs) / sizeof(wrongs[0])));
    tcase_add_test(t, test_entropy_runs_out);
    tcase_add_test(t, test_capabilities_and_cpuid);
    tcase_add_test(t, test_arguments_of_a_region);
    tcase_add_test(t, test_partial_progress);
    tcase_add_test(t, test_error_in_the_middle_of_a_region);
    tcase_add_test(t, test_state_is_protected);
    tcase_add_test(t, test_every_call_can_fail_and_nothing_is_left);
    tcase_add_test(t, test_64_gib_of_page_accounting);
    suite_add_tcase(s, t);
    return run_suite(s);
}
