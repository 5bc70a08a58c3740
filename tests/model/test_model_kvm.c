/* SPDX-License-Identifier: Apache-2.0
 * test_model_kvm.c - KVM's side refuses what the specifications refuse, with the documented error
 * and for the documented reason, and leaves nothing behind.
 */
#include "launcher.h"

#include "../unit/check_main.h"

#include <errno.h>
#include <linux/falloc.h>
#include <string.h>

#define RAM (2u << 20)
#define ROM (64u << 10)

static _Alignas(4096) const uint8_t zeroes[4096 * 4];

struct bench {
    struct model *m;
    struct launcher l;
};

static void setup(struct bench *b)
{
    b->m = model_new(NULL);
    ck_assert_ptr_nonnull(b->m);
    ck_assert_int_eq(launcher_begin(&b->l, b->m, RAM, ROM), 0);
}

static void teardown(struct bench *b)
{
    launcher_close(&b->l);
    ck_assert(model_clean(b->m));
    model_free(b->m);
}

#define EXPECT(bench, call, error, why)                                                            \
    do {                                                                                           \
        int got = (call);                                                                          \
        ck_assert_msg(got == -(error) && strcmp(model_reason((bench)->m), why) == 0,               \
                      "got %d '%s', expected %d '%s'", got, model_reason((bench)->m), -(error),    \
                      why);                                                                        \
    } while (0)

static int vm_ioctl(struct bench *b, unsigned long request, void *arg)
{
    return launcher_ioctl(&b->l, b->l.vm, request, arg);
}

START_TEST(test_commands_out_of_order)
{
    struct bench b = {.m = model_new(NULL)};
    struct mu_launch_start start = {.policy = 0x30000};
    struct mu_launch_update update = {.len = 4096, .type = MU_PAGE_ZERO};
    struct mu_launch_finish finish = {0};
    struct mu_sev_init init = {0};
    ck_assert_int_eq(launcher_open(&b.l, b.m), 0);
    EXPECT(&b, launcher_op(&b.l, MU_SNP_LAUNCH_START, &start), ENOTTY, "snp.init2");
    EXPECT(&b, launcher_op(&b.l, MU_SNP_LAUNCH_UPDATE, &update), ENOTTY, "snp.init2");
    ck_assert_int_eq(launcher_init2(&b.l), 0);
    EXPECT(&b, launcher_op(&b.l, MU_SEV_INIT2, &init), EPERM, "init2.twice");
    EXPECT(&b, launcher_op(&b.l, 2, &init), EPERM, "op.not_snp");
    EXPECT(&b, launcher_op(&b.l, 104, &init), EINVAL, "op.id");
    EXPECT(&b, launcher_op(&b.l, MU_SNP_LAUNCH_UPDATE, &update), EINVAL, "snp.start");
    EXPECT(&b, launcher_op(&b.l, MU_SNP_LAUNCH_FINISH, &finish), EINVAL, "snp.start");
    ck_assert_int_eq(launcher_start(&b.l, 0x30000), 0);
    EXPECT(&b, launcher_op(&b.l, MU_SNP_LAUNCH_START, &start), EINVAL, "start.twice");
    EXPECT(&b, launcher_finish(&b.l), EINVAL, "finish.vcpus");
    ck_assert_int_eq(launcher_vcpus(&b.l, 1, 0), 0);
    EXPECT(&b, launcher_ioctl(&b.l, b.l.vcpus[0], KVM_RUN, NULL), EINVAL, "run.before_finish");
    ck_assert_int_eq(launcher_finish(&b.l), 0);
    EXPECT(&b, launcher_op(&b.l, MU_SNP_LAUNCH_UPDATE, &update), EINVAL, "snp.after_finish");
    EXPECT(&b, launcher_finish(&b.l), EINVAL, "snp.after_finish");
    EXPECT(&b, vm_ioctl(&b, KVM_CREATE_VCPU, (void *)(uintptr_t)1), EINVAL, "vcpu.after_finish");
    struct kvm_regs regs;
    EXPECT(&b, launcher_ioctl(&b.l, b.l.vcpus[0], KVM_GET_REGS, &regs), EINVAL, "vcpu.sealed");
    EXPECT(&b, launcher_ioctl(&b.l, b.l.vcpus[0], KVM_SET_REGS, &regs), EINVAL, "vcpu.sealed");
    teardown(&b);
}
END_TEST

START_TEST(test_vm_needs_its_type_and_an_irqchip)
{
    struct model_config none = model_config_default();
    none.no_snp = true;
    struct bench b = {.m = model_new(&none)};
    EXPECT(&b, launcher_open(&b.l, b.m), EINVAL, "vm.type");
    EXPECT(&b, model_kvm_ops.open(b.m, "/dev/sev", 0), ENOENT, "open.path");
    teardown(&b);
    b.m = model_new(NULL);
    ck_assert_int_eq(launcher_open(&b.l, b.m), 0);
    int vm = launcher_ioctl(&b.l, b.l.kvm, KVM_CREATE_VM, (void *)(uintptr_t)MU_VM_TYPE_SNP);
    ck_assert_int_ge(vm, 0);
    EXPECT(&b, launcher_ioctl(&b.l, vm, KVM_CREATE_VCPU, NULL), EINVAL, "vcpu.irqchip");
    struct kvm_enable_cap cap = {.cap = MU_CAP_EXIT_HYPERCALL, .args = {1}};
    EXPECT(&b, launcher_ioctl(&b.l, vm, KVM_ENABLE_CAP, &cap), EINVAL, "cap.hypercall");
    ck_assert_int_eq(model_kvm_ops.close(b.m, vm), 0);
    EXPECT(&b, model_kvm_ops.close(b.m, vm), EBADF, "close.fd");
    ck_assert_int_eq(launcher_ioctl(&b.l, b.l.vm, KVM_CREATE_VCPU, NULL) > 0, 1);
    EXPECT(&b, launcher_init2(&b.l), EINVAL, "init2.vcpus");
    EXPECT(&b, vm_ioctl(&b, KVM_CREATE_VCPU, NULL), EEXIST, "vcpu.twice");
    EXPECT(&b, vm_ioctl(&b, KVM_CREATE_IRQCHIP, NULL), EEXIST, "irqchip.twice");
    ck_assert(!model_clean(b.m)); /* the vCPU's descriptor was lost */
    ck_assert_uint_eq(model_leaks(b.m).vcpus, 1);
    launcher_close(&b.l);
    ck_assert_uint_eq(model_leaks(b.m).vms, 1); /* which keeps its VM */
    model_free(b.m);
}
END_TEST

START_TEST(test_arguments_of_init2_and_start)
{
    struct bench b = {.m = model_new(NULL)};
    ck_assert_int_eq(launcher_open(&b.l, b.m), 0);
    struct mu_sev_init init = {.flags = 1};
    EXPECT(&b, launcher_op(&b.l, MU_SEV_INIT2, &init), EINVAL, "init2.flags");
    init = (struct mu_sev_init){.vmsa_features = 1}; /* bit 0 is KVM's to set */
    EXPECT(&b, launcher_op(&b.l, MU_SEV_INIT2, &init), EINVAL, "init2.features");
    init = (struct mu_sev_init){.ghcb_version = 3};
    EXPECT(&b, launcher_op(&b.l, MU_SEV_INIT2, &init), EINVAL, "init2.ghcb_version");
    ck_assert_int_eq(launcher_init2(&b.l), 0);
    EXPECT(&b, launcher_start(&b.l, 0x10000), EINVAL, "start.policy_mbo");
    EXPECT(&b, launcher_start(&b.l, 1ull << 26 | 0x30000), EINVAL, "start.policy_bits");
    EXPECT(&b, launcher_start(&b.l, 0x20000), EIO, "start.policy_smt");
    ck_assert_uint_eq(b.l.cmd.error, MU_FW_POLICY_FAILURE);
    EXPECT(&b, launcher_start(&b.l, 0x30200), EIO, "start.policy_abi");
    struct mu_launch_start start = {.policy = 0x30000, .flags = 1};
    EXPECT(&b, launcher_op(&b.l, MU_SNP_LAUNCH_START, &start), EINVAL, "start.flags");
    int sev = b.l.sev;
    b.l.sev = b.l.kvm;
    EXPECT(&b, launcher_start(&b.l, 0x30000), EBADF, "snp.sev_fd");
    b.l.sev = sev;
    ck_assert_int_eq(launcher_start(&b.l, 0x30000), 0);
    teardown(&b);
}
END_TEST

START_TEST(test_arguments_of_update)
{
    struct bench b;
    setup(&b);
    uint64_t source = (uint64_t)(uintptr_t)zeroes;
    const struct {
        struct mu_launch_update u;
        int error;
        const char *why;
    } rows[] = {
        {{.uaddr = source, .len = 4096, .type = 1, .flags = 1}, EINVAL, "update.flags"},
        {{.uaddr = source, .len = 0, .type = 1}, EINVAL, "update.len"},
        {{.uaddr = source, .len = 100, .type = 1}, EINVAL, "update.len"},
        {{.uaddr = source, .len = 4096, .type = 0}, EINVAL, "update.type"},
        {{.uaddr = source, .len = 4096, .type = 7}, EINVAL, "update.type"},
        {{.uaddr = source, .len = 4096, .type = 2}, EINVAL, "update.vmsa"},
        {{.uaddr = source + 8, .len = 4096, .type = 1}, EINVAL, "update.uaddr"},
        {{.uaddr = 0, .len = 4096, .type = 1}, EINVAL, "update.uaddr"},
        {{.gfn_start = 0x1000, .uaddr = source, .len = 4096, .type = 1}, EINVAL, "update.slot"},
        {{.uaddr = source, .len = 4096, .type = 1}, EIO, "update.attribute"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mu_launch_update u = rows[i].u;
        EXPECT(&b, launcher_op(&b.l, MU_SNP_LAUNCH_UPDATE, &u), rows[i].error, rows[i].why);
        ck_assert_uint_eq(u.len, rows[i].u.len);
    }
    const struct model_measured *pages;
    ck_assert_uint_eq(model_trace(model_vm_of(b.m, b.l.vm), &pages), 0);
    ck_assert_int_eq(launcher_update(&b.l, MU_PAGE_ZERO, 0, 4096, NULL), 0);
    EXPECT(&b, launcher_update(&b.l, MU_PAGE_ZERO, 0, 4096, NULL), EIO, "update.assigned");
    ck_assert(model_page_at(model_vm_of(b.m, b.l.vm), 0).validated);
    teardown(&b);
}
END_TEST

START_TEST(test_partial_progress_and_eagain)
{
    struct bench b;
    setup(&b);
    struct mu_launch_update u = {
        .uaddr = (uint64_t)(uintptr_t)zeroes, .len = 4 * 4096, .type = MU_PAGE_NORMAL};
    ck_assert_int_eq(launcher_attributes(&b.l, 0, 4 * 4096, true), 0);
    model_update_limit(b.m, 3);
    ck_assert_int_eq(launcher_op(&b.l, MU_SNP_LAUNCH_UPDATE, &u), 0);
    ck_assert_uint_eq(u.len, 4096);
    ck_assert_uint_eq(u.gfn_start, 3);
    ck_assert_uint_eq(u.uaddr, (uint64_t)(uintptr_t)zeroes + 3 * 4096);
    model_update_eagain(b.m, 1);
    EXPECT(&b, launcher_op(&b.l, MU_SNP_LAUNCH_UPDATE, &u), EAGAIN, "injected");
    ck_assert_uint_eq(u.len, 4096);
    ck_assert_int_eq(launcher_op(&b.l, MU_SNP_LAUNCH_UPDATE, &u), 0);
    ck_assert_uint_eq(u.len, 0);
    teardown(&b);
}
END_TEST

START_TEST(test_cpuid_page_is_corrected_once)
{
    static _Alignas(4096) uint8_t page[4096];
    struct bench b;
    setup(&b);
    page[0] = 2;
    page[16] = 1;         /* leaf 1 */
    page[16 + 35] = 0x01; /* ECX bit 24 */
    page[64] = 0xD;       /* leaf D: EBX, xcr0_in */
    ck_assert_int_eq(launcher_attributes(&b.l, 0, 4096, true), 0);
    EXPECT(&b, launcher_update(&b.l, MU_PAGE_CPUID, 0, 4096, page), EIO, "update.cpuid");
    ck_assert_uint_eq(b.l.cmd.error, MU_FW_INVALID_PARAM);
    ck_assert_uint_eq(page[16 + 35], 0); /* the corrected table came back */
    ck_assert_uint_eq(page[64 + 28] | page[64 + 29] << 8, 0x240);
    ck_assert_uint_eq(page[64 + 8], 1);
    ck_assert(!model_page_at(model_vm_of(b.m, b.l.vm), 0).assigned);
    ck_assert_int_eq(launcher_update(&b.l, MU_PAGE_CPUID, 0, 4096, page), 0);
    teardown(&b);
}
END_TEST

START_TEST(test_arguments_of_finish)
{
    struct bench b;
    setup(&b);
    ck_assert_int_eq(launcher_vcpus(&b.l, 1, 0), 0);
    struct mu_launch_finish f = {.flags = 1};
    EXPECT(&b, launcher_op(&b.l, MU_SNP_LAUNCH_FINISH, &f), EINVAL, "finish.flags");
    f = (struct mu_launch_finish){.auth_key_en = 1};
    EXPECT(&b, launcher_op(&b.l, MU_SNP_LAUNCH_FINISH, &f), EINVAL, "finish.id_block_en");
    struct kvm_guest_debug debug = {.control = KVM_GUESTDBG_ENABLE};
    ck_assert_int_eq(launcher_ioctl(&b.l, b.l.vcpus[0], KVM_SET_GUEST_DEBUG, &debug), 0);
    EXPECT(&b, launcher_finish(&b.l), EINVAL, "finish.debug");
    teardown(&b);
}
END_TEST

START_TEST(test_slots)
{
    struct bench b;
    setup(&b);
    struct mu_create_guest_memfd g = {.size = 8192};
    int gmem = vm_ioctl(&b, MU_CREATE_GUEST_MEMFD, &g);
    ck_assert_int_gt(gmem, 0);
    const struct mu_memory_region2 good = {
        .slot = 9, .flags = 4, .gpa = 1u << 30, .size = 8192, .gmem_fd = (uint32_t)gmem};
    struct mu_memory_region2 r = good;
    r.flags = 4 | KVM_MEM_LOG_DIRTY_PAGES;
    EXPECT(&b, vm_ioctl(&b, MU_SET_USER_MEMORY_REGION2, &r), EINVAL, "region.gmem_flags");
    r = good;
    r.gpa++;
    EXPECT(&b, vm_ioctl(&b, MU_SET_USER_MEMORY_REGION2, &r), EINVAL, "region.aligned");
    r = good;
    r.gpa = RAM - 4096;
    EXPECT(&b, vm_ioctl(&b, MU_SET_USER_MEMORY_REGION2, &r), EEXIST, "region.overlap");
    r = good;
    r.gmem_offset = 4096;
    EXPECT(&b, vm_ioctl(&b, MU_SET_USER_MEMORY_REGION2, &r), EINVAL, "region.gmem_range");
    r = good;
    r.gmem_fd = (uint32_t)b.l.kvm;
    EXPECT(&b, vm_ioctl(&b, MU_SET_USER_MEMORY_REGION2, &r), EINVAL, "region.gmem_fd");
    r = good;
    ck_assert_int_eq(vm_ioctl(&b, MU_SET_USER_MEMORY_REGION2, &r), 0);
    EXPECT(&b, vm_ioctl(&b, MU_SET_USER_MEMORY_REGION2, &r), EINVAL, "region.change");
    r.slot = 10;
    r.gpa = 2u << 30;
    EXPECT(&b, vm_ioctl(&b, MU_SET_USER_MEMORY_REGION2, &r), EINVAL, "region.gmem_bound");
    EXPECT(&b, model_kvm_ops.fallocate(b.m, gmem, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), EOPNOTSUPP,
           "fallocate.mode");
    EXPECT(&b, model_kvm_ops.fallocate(b.m, gmem, 3, 0, 3 * 4096), EINVAL, "fallocate.range");
    ck_assert_int_eq(model_kvm_ops.close(b.m, gmem), 0); /* the slot does not keep its memory */
    ck_assert_int_eq(launcher_attributes(&b.l, 1u << 30, 4096, true), 0);
    EXPECT(&b, launcher_update(&b.l, MU_PAGE_ZERO, 1u << 30, 4096, NULL), EIO, "update.gmem");
    struct mu_memory_attributes a = {.size = 4096, .attributes = 1};
    EXPECT(&b, vm_ioctl(&b, MU_SET_MEMORY_ATTRIBUTES, &a), EINVAL, "attributes.bits");
    a = (struct mu_memory_attributes){.size = 4097};
    EXPECT(&b, vm_ioctl(&b, MU_SET_MEMORY_ATTRIBUTES, &a), EINVAL, "attributes.range");
    a = (struct mu_memory_attributes){.size = 4096, .flags = 1};
    EXPECT(&b, vm_ioctl(&b, MU_SET_MEMORY_ATTRIBUTES, &a), EINVAL, "attributes.flags");
    teardown(&b);
}
END_TEST

/* One whole launch; whatever fails in it is its result. */
static int whole_launch(struct launcher *l, struct model *m)
{
    int r = launcher_begin(l, m, RAM, ROM);
    r = r != 0 ? r : launcher_vcpus(l, 2, 0xFFFFFFF0);
    r = r != 0 ? r : launcher_update(l, MU_PAGE_ZERO, 0x1000, 3 * 4096, NULL);
    return r != 0 ? r : launcher_finish(l);
}

START_TEST(test_every_call_can_fail_and_nothing_is_left)
{
    for (enum model_call call = 0; call < MODEL_CALLS; call++) {
        unsigned failed = 0;
        for (unsigned n = 1;; n++) {
            struct bench b = {.m = model_new(NULL)};
            model_fail_nth(b.m, call, n, ENOMEM);
            int r = whole_launch(&b.l, b.m);
            bool reached = model_calls(b.m, call) >= n;
            teardown(&b);
            ck_assert_int_eq(r, reached ? -ENOMEM : 0);
            if (!reached) {
                break;
            }
            failed++;
        }
        ck_assert_uint_ge(failed, 2);
    }
}
END_TEST

START_TEST(test_64_gib_of_page_accounting)
{
    struct bench b = {.m = model_new(NULL)};
    const uint64_t size = 64ull << 30;
    ck_assert_int_eq(launcher_open(&b.l, b.m), 0);
    ck_assert_int_eq(launcher_init2(&b.l), 0);
    ck_assert_int_eq(launcher_slot(&b.l, 1ull << 32, size), 0);
    ck_assert_int_eq(launcher_start(&b.l, 0x30000), 0);
    ck_assert_int_eq(launcher_attributes(&b.l, 1ull << 32, size, true), 0);
    uint64_t last = (1ull << 32) + size - 4096;
    ck_assert_int_eq(launcher_update(&b.l, MU_PAGE_ZERO, last, 4096, NULL), 0);
    ck_assert(model_page_at(model_vm_of(b.m, b.l.vm), last).validated);
    ck_assert_uint_eq(model_page_at(model_vm_of(b.m, b.l.vm), last).gpa, last);
    teardown(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_kvm");
    TCase *t = tcase_create("kvm");
    tcase_add_test(t, test_commands_out_of_order);
    tcase_add_test(t, test_vm_needs_its_type_and_an_irqchip);
    tcase_add_test(t, test_arguments_of_init2_and_start);
    tcase_add_test(t, test_arguments_of_update);
    tcase_add_test(t, test_partial_progress_and_eagain);
    tcase_add_test(t, test_cpuid_page_is_corrected_once);
    tcase_add_test(t, test_arguments_of_finish);
    tcase_add_test(t, test_slots);
    tcase_add_test(t, test_every_call_can_fail_and_nothing_is_left);
    tcase_add_test(t, test_64_gib_of_page_accounting);
    suite_add_tcase(s, t);
    return run_suite(s);
}
