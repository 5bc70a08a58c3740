/* SPDX-License-Identifier: Apache-2.0
 * test_model_tdx_exits.c - the secure EPT under KVM's handling, and TDG.VP.VMCALL turned into exits
 * (tdx.md c, d), without a processor: the guest's side is played by hand.
 */
#include "bench_tdx.h"
#include "guest.h"
#include "tdx_internal.h"

#include "../unit/check_main.h"

#include <errno.h>
#include <linux/falloc.h>

#define SHARED (1ull << 47)
#define LARGE 0x200000u

static _Alignas(4096) const uint8_t pattern[4096] = {0xA5, 0x5A};

static struct model_vm *launched(struct bench *b)
{
    bench_setup(b, 1);
    ck_assert_int_eq(td_region(&b->t, 0x1000, 4096, pattern, true), 0);
    ck_assert_int_eq(launcher_attributes(&b->t.l, 0, BENCH_RAM, true), 0);
    ck_assert_int_eq(td_finalize(&b->t), 0);
    return model_vm_of(b->m, b->t.l.vm);
}

static struct mu_exit_memory_fault fault_of(const struct bench *b)
{
    struct mu_exit_memory_fault f;
    memcpy(&f, b->t.l.runs[0]->padding, sizeof(f));
    ck_assert_uint_eq(b->t.l.runs[0]->exit_reason, MU_EXIT_MEMORY_FAULT);
    return f;
}

START_TEST(test_first_touch_is_augmented_and_accepted_once)
{
    struct bench b;
    struct model_vm *vm = launched(&b);
    struct model_vcpu *v = vm->vcpus[0];
    uint8_t *host = NULL;
    ck_assert_int_eq(tdx_access(vm, 0x1000, false, &host), TDX_ACCESS_GOOD); /* added: accepted */
    ck_assert_uint_eq(host[0], 0xA5);
    ck_assert_int_eq(tdx_accept(vm, 0x1000, 0), TDX_ACCEPT_ALREADY);
    ck_assert_uint_eq(host[0], 0xA5); /* and stays as it is */
    ck_assert_int_eq(tdx_access(vm, 0x5000, false, &host), TDX_ACCESS_FAULT);
    ck_assert_int_eq(tdx_accept(vm, 0x5000, 0), TDX_ACCEPT_FAULT);
    ck_assert_int_eq(tdx_ept_violation(v, 0x5000, false, 0), 0);
    ck_assert_int_eq(tdx_access(vm, 0x5000, false, &host), TDX_ACCESS_PENDING);
    model_private(vm, 0x5000)[7] = 1; /* whatever the host left there */
    ck_assert_int_eq(tdx_accept(vm, 0x5000, 0), TDX_ACCEPT_OK);
    ck_assert_int_eq(tdx_access(vm, 0x5000, false, &host), TDX_ACCESS_GOOD);
    ck_assert_uint_eq(host[7], 0);
    ck_assert_int_eq(tdx_accept(vm, 0x5000, 0), TDX_ACCEPT_ALREADY);
    ck_assert_int_eq(tdx_accept(vm, 0x5001, 0), TDX_ACCEPT_INVALID);
    ck_assert_int_eq(tdx_accept(vm, 0x5000, 1), TDX_ACCEPT_INVALID); /* not aligned to 2 MiB */
    ck_assert_int_eq(tdx_accept(vm, 0x5000, 2), TDX_ACCEPT_INVALID);
    ck_assert_int_eq(tdx_accept(vm, SHARED, 0), TDX_ACCEPT_INVALID);
    bench_done(&b);
}
END_TEST

START_TEST(test_large_pages)
{
    struct bench b;
    struct model_vm *vm = launched(&b);
    struct model_vcpu *v = vm->vcpus[0];
    uint8_t *host;
    ck_assert_int_eq(tdx_accept(vm, LARGE, 1), TDX_ACCEPT_FAULT);
    ck_assert_int_eq(tdx_ept_violation(v, LARGE, false, 1), 0);
    ck_assert(model_td_entry_at(vm, LARGE + 0x1FF000).large);
    ck_assert_int_eq(tdx_accept(vm, LARGE + 0x3000, 0), TDX_ACCEPT_SIZE_MISMATCH);
    ck_assert_int_eq(tdx_accept(vm, LARGE, 1), TDX_ACCEPT_OK);
    ck_assert_int_eq(tdx_access(vm, LARGE + 0x1FF000, false, &host), TDX_ACCESS_GOOD);
    ck_assert_int_eq(tdx_accept(vm, LARGE, 1), TDX_ACCEPT_ALREADY);
    /* 0-2 MiB has a page that was added: 4 KiB leaves, so 2 MiB do not fit */
    ck_assert_int_eq(tdx_accept(vm, 0, 1), TDX_ACCEPT_SIZE_MISMATCH);
    ck_assert_int_eq(tdx_ept_violation(v, 0x3000, false, 1), 0);
    ck_assert(!model_td_entry_at(vm, 0x3000).large);
    ck_assert_int_eq(model_td_entry_at(vm, 0x4000).state, MODEL_SEPT_FREE);
    /* a host that only gives small ones: Linux 6.16 */
    vm->td->small_pages = true;
    ck_assert_int_eq(tdx_ept_violation(v, 2 * LARGE, false, 1), 0);
    ck_assert_int_eq(tdx_accept(vm, 2 * LARGE, 1), TDX_ACCEPT_SIZE_MISMATCH);
    ck_assert_int_eq(tdx_accept(vm, 2 * LARGE, 0), TDX_ACCEPT_OK);
    bench_done(&b);
}
END_TEST

START_TEST(test_attributes_decide)
{
    struct bench b;
    struct model_vm *vm = launched(&b);
    struct model_vcpu *v = vm->vcpus[0];
    uint8_t *host;
    ck_assert_int_eq(tdx_access(vm, 0x6000, true, &host), TDX_ACCESS_FAULT);
    EXPECT(&b, tdx_ept_violation(v, 0x6010, true, 0), EFAULT, "run.memory_fault");
    ck_assert_uint_eq(fault_of(&b).gpa, 0x6000);
    ck_assert_uint_eq(fault_of(&b).flags, 0);
    ck_assert_int_eq(launcher_attributes(&b.t.l, 0x6000, 4096, false), 0);
    ck_assert_int_eq(tdx_access(vm, 0x6000, true, &host), TDX_ACCESS_GOOD);
    ck_assert_ptr_eq(host, b.t.l.slots[0].shared + 0x6000);
    ck_assert_int_eq(tdx_ept_violation(v, 0x6000, true, 0), 0);
    EXPECT(&b, tdx_ept_violation(v, 0x6000, false, 0), EFAULT, "run.memory_fault");
    ck_assert_uint_eq(fault_of(&b).flags, MU_FAULT_PRIVATE);
    /* nothing there: shared is MMIO, private is the VMM's to explain */
    ck_assert_int_eq(tdx_access(vm, 0xD0000000, true, &host), TDX_ACCESS_MMIO);
    ck_assert_int_eq(launcher_attributes(&b.t.l, 0xD0000000, 4096, true), 0);
    EXPECT(&b, tdx_ept_violation(v, 0xD0000000, false, 0), EFAULT, "run.memory_fault");
    ck_assert_uint_eq(fault_of(&b).gpa, 0xD0000000);
    bench_done(&b);
}
END_TEST

/* What leaves the TD is lost, whichever way it leaves; a 2 MiB leaf that loses a part is split. */
START_TEST(test_removal)
{
    struct bench b;
    struct model_vm *vm = launched(&b);
    struct model_vcpu *v = vm->vcpus[0];
    ck_assert_int_eq(tdx_ept_violation(v, LARGE, false, 1), 0);
    ck_assert_int_eq(tdx_accept(vm, LARGE, 1), TDX_ACCEPT_OK);
    model_private(vm, LARGE + 0x4000)[0] = 9;
    ck_assert_int_eq(launcher_attributes(&b.t.l, LARGE + 0x4000, 4096, false), 0);
    ck_assert_int_eq(model_td_entry_at(vm, LARGE + 0x4000).state, MODEL_SEPT_FREE);
    ck_assert_uint_eq(model_private(vm, LARGE + 0x4000)[0], 0);
    ck_assert_int_eq(model_td_entry_at(vm, LARGE).state, MODEL_SEPT_MAPPED);
    ck_assert(!model_td_entry_at(vm, LARGE).large);
    ck_assert_int_eq(launcher_attributes(&b.t.l, LARGE + 0x4000, 4096, true), 0);
    ck_assert_int_eq(tdx_accept(vm, LARGE + 0x4000, 0), TDX_ACCEPT_FAULT); /* from the start */
    ck_assert_int_eq(model_kvm_ops.fallocate(b.m, b.t.l.slots[0].gmem,
                                             FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0x1000,
                                             4096),
                     0);
    ck_assert_int_eq(model_td_entry_at(vm, 0x1000).state, MODEL_SEPT_FREE);
    ck_assert_uint_eq(model_private(vm, 0x1000)[0], 0);
    struct mu_memory_region2 gone = {.slot = 0};
    ck_assert_int_eq(bench_vm(&b, MU_SET_USER_MEMORY_REGION2, &gone), 0);
    ck_assert_int_eq(model_td_entry_at(vm, LARGE).state, MODEL_SEPT_FREE);
    bench_done(&b);
}
END_TEST

START_TEST(test_hostile_host)
{
    struct bench b;
    struct model_vm *vm = launched(&b);
    uint8_t *host;
    model_td_evil_block(vm, 0x1000, true);
    ck_assert_int_eq(tdx_access(vm, 0x1000, false, &host), TDX_ACCESS_BLOCKED);
    ck_assert_int_eq(tdx_accept(vm, 0x1000, 0), TDX_ACCEPT_BLOCKED);
    model_td_evil_block(vm, 0x1000, false);
    ck_assert_int_eq(tdx_access(vm, 0x1000, false, &host), TDX_ACCESS_GOOD);
    ck_assert_uint_eq(host[0], 0xA5);
    model_td_evil_aug(vm, 0x1000); /* replaced: the TD must not take it for the old one */
    ck_assert_int_eq(tdx_access(vm, 0x1000, false, &host), TDX_ACCESS_PENDING);
    model_td_evil_remove(vm, 0x1000);
    ck_assert_int_eq(tdx_access(vm, 0x1000, false, &host), TDX_ACCESS_FAULT);
    EXPECT(&b, tdx_kill(vm, "tdx.dead"), EIO, "tdx.dead");
    EXPECT(&b, bench_vcpu(&b, KVM_RUN, NULL), EIO, "tdx.dead");
    EXPECT(&b, bench_vm(&b, KVM_CHECK_EXTENSION, NULL), EIO, "tdx.dead");
    bench_done(&b);
}
END_TEST

/* ---- VMCALLs ---- */

static bool call(struct bench *b, struct tdx_regs *r, uint64_t function, uint64_t r12, uint64_t r13,
                 uint64_t r14, uint64_t r15)
{
    bool exit = true;
    memset(r, 0, sizeof(*r));
    r->r[11] = function;
    r->r[12] = r12;
    r->r[13] = r13;
    r->r[14] = r14;
    r->r[15] = r15;
    struct model_vm *vm = model_vm_of(b->m, b->t.l.vm);
    ck_assert_int_eq(tdx_vmcall(vm->vcpus[0], r, &exit), 0);
    return exit;
}

static bool resume(struct bench *b, struct tdx_regs *r)
{
    bool exit = true;
    struct model_vm *vm = model_vm_of(b->m, b->t.l.vm);
    ck_assert_int_eq(tdx_vmcall_resume(vm->vcpus[0], r, &exit), 0);
    return exit;
}

static struct mu_exit_hypercall *hypercall(struct bench *b)
{
    ck_assert_uint_eq(b->t.l.runs[0]->exit_reason, KVM_EXIT_HYPERCALL);
    return (void *)b->t.l.runs[0]->padding;
}

START_TEST(test_map_gpa)
{
    struct bench b;
    struct tdx_regs r;
    (void)launched(&b);
    ck_assert(call(&b, &r, 0x10001, SHARED | 0x7000, 0x3000, 0, 0));
    ck_assert_uint_eq(hypercall(&b)->nr, MU_HC_MAP_GPA_RANGE);
    ck_assert_uint_eq(hypercall(&b)->args[0], 0x7000);
    ck_assert_uint_eq(hypercall(&b)->args[1], 3);
    ck_assert_uint_eq(hypercall(&b)->args[2], 0);
    ck_assert_uint_eq(hypercall(&b)->ret, 0);
    ck_assert(!resume(&b, &r));
    ck_assert_uint_eq(r.r[10], 0);
    /* a large range comes in pieces of 2 MiB */
    ck_assert(call(&b, &r, 0x10001, 0x100000, 0x500000, 0, 0));
    ck_assert_uint_eq(hypercall(&b)->args[1], 512);
    ck_assert_uint_eq(hypercall(&b)->args[2], MU_MAP_PRIVATE);
    ck_assert(resume(&b, &r));
    ck_assert_uint_eq(hypercall(&b)->args[0], 0x300000);
    ck_assert(resume(&b, &r));
    ck_assert_uint_eq(hypercall(&b)->args[1], 256);
    hypercall(&b)->ret = 1; /* the VMM refuses the rest */
    ck_assert(!resume(&b, &r));
    ck_assert_uint_eq(r.r[10], TDVMCALL_INVALID_OPERAND);
    ck_assert_uint_eq(r.r[11], 0x500000);
    bench_done(&b);
}
END_TEST

START_TEST(test_map_gpa_refused)
{
    const struct {
        uint64_t gpa, size, status;
    } rows[] = {
        {0x1000, 0, TDVMCALL_INVALID_OPERAND},
        {0x1000, UINT64_MAX - 0x0FFF, TDVMCALL_INVALID_OPERAND},
        {1ull << 48, 0x1000, TDVMCALL_INVALID_OPERAND},
        {SHARED - 0x1000, 0x2000, TDVMCALL_INVALID_OPERAND}, /* across the shared bit */
        {0x1001, 0x1000, TDVMCALL_ALIGN_ERROR},
        {0x1000, 0x1001, TDVMCALL_ALIGN_ERROR},
    };
    struct bench b;
    struct tdx_regs r;
    (void)launched(&b);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert(!call(&b, &r, 0x10001, rows[i].gpa, rows[i].size, 0, 0));
        ck_assert_uint_eq(r.r[10], rows[i].status);
        ck_assert_uint_eq(r.r[11], rows[i].gpa);
    }
    model_vm_of(b.m, b.t.l.vm)->hypercalls = 0; /* a VMM that did not enable the exit */
    ck_assert(!call(&b, &r, 0x10001, 0x1000, 0x1000, 0, 0));
    ck_assert_uint_eq(r.r[10], TDVMCALL_SUBFUNC_UNSUPPORTED);
    bench_done(&b);
}
END_TEST

START_TEST(test_ports_and_mmio)
{
    struct bench b;
    struct tdx_regs r;
    (void)launched(&b);
    struct kvm_run *run = b.t.l.runs[0];
    ck_assert(call(&b, &r, 30, 2, 1, 0x510, 0x12345));
    ck_assert_uint_eq(run->exit_reason, KVM_EXIT_IO);
    ck_assert(run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 2 && run->io.count == 1);
    ck_assert_uint_eq(run->io.port, 0x510);
    ck_assert_uint_eq(model_le((uint8_t *)run + run->io.data_offset, 2), 0x2345);
    ck_assert(!resume(&b, &r));
    ck_assert(call(&b, &r, 30, 4, 0, 0x514, 0));
    ck_assert_uint_eq(run->io.direction, KVM_EXIT_IO_IN);
    model_put_le((uint8_t *)run + run->io.data_offset, 8, 0x11223344AABBCCDD);
    ck_assert(!resume(&b, &r));
    ck_assert_uint_eq(r.r[11], 0xAABBCCDD);
    ck_assert(!call(&b, &r, 30, 3, 0, 0x514, 0)); /* sizes and directions */
    ck_assert_uint_eq(r.r[10], TDVMCALL_INVALID_OPERAND);
    ck_assert(!call(&b, &r, 30, 1, 2, 0x514, 0));
    ck_assert_uint_eq(r.r[10], TDVMCALL_INVALID_OPERAND);

    ck_assert(call(&b, &r, 48, 4, 1, SHARED | 0xD0000070, 0x1FFFFFFFF));
    ck_assert_uint_eq(run->exit_reason, KVM_EXIT_MMIO);
    ck_assert(run->mmio.is_write == 1 && run->mmio.len == 4);
    ck_assert_uint_eq(run->mmio.phys_addr, 0xD0000070);
    ck_assert_uint_eq(model_le(run->mmio.data, 8), 0xFFFFFFFF);
    ck_assert(!resume(&b, &r));
    ck_assert(call(&b, &r, 48, 8, 0, SHARED | 0xD0000000, 0));
    model_put_le(run->mmio.data, 8, 0x74726976);
    ck_assert(!resume(&b, &r));
    ck_assert_uint_eq(r.r[11], 0x74726976);
    const uint64_t bad[][3] = {
        {3, 0, SHARED}, {4, 2, SHARED}, {4, 0, 0xD0000000}, {8, 0, SHARED - 4}};
    for (size_t i = 0; i < 4; i++) {
        ck_assert(!call(&b, &r, 48, bad[i][0], bad[i][1], bad[i][2], 0));
        ck_assert_uint_eq(r.r[10], TDVMCALL_INVALID_OPERAND);
    }
    bench_done(&b);
}
END_TEST

static struct mu_exit_tdx *tdx_exit(struct bench *b, uint64_t nr)
{
    struct mu_exit_tdx *x = (void *)b->t.l.runs[0]->padding;
    ck_assert_uint_eq(b->t.l.runs[0]->exit_reason, MU_EXIT_TDX);
    ck_assert_uint_eq(x->nr, nr);
    ck_assert_uint_eq(x->flags, 0);
    return x;
}

START_TEST(test_exits_of_tdx)
{
    struct bench b;
    struct tdx_regs r;
    (void)launched(&b);
    ck_assert(call(&b, &r, 0x10002, SHARED | 0x800000, 0x2000, 0, 0));
    ck_assert_uint_eq(tdx_exit(&b, 0x10002)->get_quote.gpa, 0x800000);
    ck_assert_uint_eq(tdx_exit(&b, 0x10002)->get_quote.size, 0x2000);
    ck_assert(!resume(&b, &r)); /* nobody set ret */
    ck_assert_uint_eq(r.r[10], TDVMCALL_SUBFUNC_UNSUPPORTED);
    ck_assert(!call(&b, &r, 0x10002, 0x800000, 0x2000, 0, 0)); /* a private buffer */
    ck_assert_uint_eq(r.r[10], TDVMCALL_INVALID_OPERAND);

    ck_assert(!call(&b, &r, 0x10000, 0, 0, 0, 0)); /* leaf 0: KVM answers */
    ck_assert_uint_eq(r.r[10], 0);
    ck_assert_uint_eq(r.r[11], 0);
    ck_assert(call(&b, &r, 0x10000, 1, 0, 0, 0));
    ck_assert_uint_eq(tdx_exit(&b, 0x10000)->info.leaf, 1);
    tdx_exit(&b, 0x10000)->info.r11 = 2;
    ck_assert(!resume(&b, &r));
    ck_assert_uint_eq(r.r[10], 0);
    ck_assert_uint_eq(r.r[11], 2);
    ck_assert(!call(&b, &r, 0x10000, 2, 0, 0, 0));
    ck_assert_uint_eq(r.r[10], TDVMCALL_INVALID_OPERAND);

    ck_assert(call(&b, &r, 0x10004, 0x51, 0, 0, 0));
    ck_assert_uint_eq(tdx_exit(&b, 0x10004)->notify.vector, 0x51);
    tdx_exit(&b, 0x10004)->notify.ret = 0;
    ck_assert(!resume(&b, &r));
    ck_assert_uint_eq(r.r[10], 0);
    struct kvm_msi msi = {.address_lo = 0xFEE00000, .data = 0x51};
    unsigned vector;
    ck_assert_int_eq(bench_vm(&b, KVM_SIGNAL_MSI, &msi), 0);
    ck_assert_uint_eq(model_td_interrupts(model_vm_of(b.m, b.t.l.vm), &vector), 1);
    ck_assert_uint_eq(vector, 0x51);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(!call(&b, &r, 0x10004, i == 0 ? 31 : 256, 0, 0, 0));
        ck_assert_uint_eq(r.r[10], TDVMCALL_INVALID_OPERAND);
    }
    ck_assert(!call(&b, &r, 0x10005, 0, 0, 0, 0));
    ck_assert_uint_eq(r.r[10], TDVMCALL_SUBFUNC_UNSUPPORTED);
    bench_done(&b);
}
END_TEST

START_TEST(test_fatal_error)
{
    struct bench b;
    struct tdx_regs r = {
        .r = {[1] = 0xFC00, [3] = 33, [8] = 88, [11] = 0x10003, [12] = 7, [13] = 9}};
    struct model_vm *vm = launched(&b);
    bool exit = false;
    ck_assert_int_eq(tdx_vmcall(vm->vcpus[0], &r, &exit), 0);
    ck_assert(exit && vm->td->fatal);
    const struct mu_exit_system_event *e = (const void *)b.t.l.runs[0]->padding;
    ck_assert_uint_eq(b.t.l.runs[0]->exit_reason, KVM_EXIT_SYSTEM_EVENT);
    ck_assert_uint_eq(e->type, MU_SYSTEM_EVENT_TDX_FATAL);
    ck_assert_uint_eq(e->ndata, 16);
    ck_assert(e->data[1] == 0xFC00 && e->data[3] == 33 && e->data[8] == 88);
    ck_assert(e->data[11] == 0x10003 && e->data[12] == 7 && e->data[13] == 9);
    bench_done(&b);
}
END_TEST

START_TEST(test_what_kvm_answers_itself)
{
    struct bench b;
    struct tdx_regs r;
    bool exit = false;
    struct model_vm *vm = launched(&b);
    struct model_vcpu *v = vm->vcpus[0];
    ck_assert(!call(&b, &r, 10, 0x80000008, 0, 0, 0)); /* from SET_CPUID2 */
    ck_assert_uint_eq(r.r[12] >> 16 & 0xFF, 48);
    ck_assert(!call(&b, &r, 10, 0x12345, 0, 0, 0));
    ck_assert_uint_eq(r.r[12] | r.r[13] | r.r[14] | r.r[15], 0);
    ck_assert(!call(&b, &r, 31, 0x1B, 0, 0, 0));
    ck_assert_uint_eq(r.r[10], 0);
    ck_assert_uint_eq(r.r[11], 0xFEE00D00); /* x2APIC, BSP */
    ck_assert(!call(&b, &r, 32, 0x1B, 0, 0, 0));
    ck_assert_uint_eq(r.r[10], TDVMCALL_INVALID_OPERAND);
    ck_assert(!call(&b, &r, 32, 0x277, 0x0606060606060606, 0, 0));
    ck_assert(!call(&b, &r, 31, 0x277, 0, 0, 0));
    ck_assert_uint_eq(r.r[11], 0x0606060606060606);
    ck_assert(!call(&b, &r, 31, 0xC0010130, 0, 0, 0)); /* SNP's, and unknown */
    ck_assert_uint_eq(r.r[10], TDVMCALL_INVALID_OPERAND);
    memset(&r, 0, sizeof(r));
    r.r[11] = 12;
    EXPECT(&b, tdx_vmcall(v, &r, &exit), EAGAIN, "run.halted");
    ck_assert(exit);
    ck_assert(!resume(&b, &r));
    ck_assert_uint_eq(r.r[10], 0);
    r.r[10] = 1; /* a hypercall of the vendor's */
    ck_assert_int_eq(tdx_vmcall(v, &r, &exit), 0);
    ck_assert_int_eq((int64_t)r.r[10], -1000);
    bench_done(&b);
}
END_TEST

START_TEST(test_cpuid_inside_the_td)
{
    struct bench b;
    uint32_t regs[4];
    bench_setup(&b, 2);
    const struct model_vcpu *v = model_vm_of(b.m, b.t.l.vm)->vcpus[1];
    ck_assert(tdx_guest_cpuid(v, 0x21, 0, regs)); /* d: "IntelTDX    " in EBX, EDX, ECX */
    ck_assert_mem_eq(&regs[1], "Inte", 4);
    ck_assert_mem_eq(&regs[3], "lTDX", 4);
    ck_assert_mem_eq(&regs[2], "    ", 4);
    ck_assert(tdx_guest_cpuid(v, 0x1F, 0, regs));
    ck_assert_uint_eq(regs[3], 1); /* its x2APIC id */
    ck_assert(tdx_guest_cpuid(v, 0x15, 0, regs));
    ck_assert(regs[1] * 25u == 2000 && regs[2] == 25000000); /* guest-boot.md 2.1: the TSC */
    ck_assert(tdx_guest_cpuid(v, 7, 0, regs));
    ck_assert_uint_eq(regs[1] & 1u << 11, 0);
    ck_assert(tdx_guest_cpuid(v, 0x80000007, 0, regs));
    ck_assert_uint_eq(regs[3], 0); /* configurable, and INIT_VM did not say it */
    ck_assert(!tdx_guest_cpuid(v, 0x40000000, 0, regs));
    ck_assert(!tdx_guest_cpuid(v, 2, 0, regs));
    bench_done(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_tdx_exits");
    TCase *t = tcase_create("exits");
    tcase_add_test(t, test_first_touch_is_augmented_and_accepted_once);
    tcase_add_test(t, test_large_pages);
    tcase_add_test(t, test_attributes_decide);
    tcase_add_test(t, test_removal);
    tcase_add_test(t, test_hostile_host);
    tcase_add_test(t, test_map_gpa);
    tcase_add_test(t, test_map_gpa_refused);
    tcase_add_test(t, test_ports_and_mmio);
    tcase_add_test(t, test_exits_of_tdx);
    tcase_add_test(t, test_fatal_error);
    tcase_add_test(t, test_what_kvm_answers_itself);
    tcase_add_test(t, test_cpuid_inside_the_td);
    suite_add_tcase(s, t);
    return run_suite(s);
}
