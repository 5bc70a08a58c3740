/* SPDX-License-Identifier: Apache-2.0
 * test_model_refusals.c - what is left of KVM's refusals: one wrong argument each.
 */
#include "launcher.h"

#include "../unit/check_main.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RAM (2u << 20)
#define ROM (64u << 10)

enum target { ON_KVM, ON_VM, ON_VCPU, ON_SEV };

/* Arguments by size, so that one row of the table can hold any. */
union argument {
    struct kvm_enable_cap cap;
    struct kvm_device_attr attr;
    struct mu_create_guest_memfd gmem;
    struct mu_memory_region2 region;
    struct mu_memory_attributes attributes;
    struct kvm_userspace_memory_region old;
    struct kvm_xcrs xcrs;
    struct {
        uint32_t nent, padding;
    } cpuid; /* the head of struct kvm_cpuid2 */
};

struct row {
    enum target on;
    unsigned long request;
    union argument arg;
    int error;
    const char *why;
};

static const struct row rows[] = {
    {ON_VM,
     KVM_SET_USER_MEMORY_REGION,
     {.old = {.slot = 20, .flags = 4, .memory_size = 4096}},
     EINVAL,
     "region.old_flags"},
    {ON_VM, KVM_CREATE_PIT2, {{0}}, ENOENT, "pit.irqchip"},
    {ON_KVM, KVM_GET_DEVICE_ATTR, {.attr = {.group = 2}}, ENXIO, "attr.group"},
    {ON_KVM, KVM_GET_DEVICE_ATTR, {.attr = {.group = 1, .attr = 9}}, ENXIO, "attr.number"},
    {ON_KVM, KVM_HAS_DEVICE_ATTR, {.attr = {.group = 1, .attr = 2}}, ENXIO, "attr.req_certs"},
    {ON_KVM, KVM_GET_SUPPORTED_CPUID, {.cpuid = {.nent = 1}}, E2BIG, "cpuid.nent"},
    {ON_KVM, KVM_RUN, {{0}}, ENOTTY, "system.request"},
    {ON_SEV, KVM_RUN, {{0}}, ENOTTY, "ioctl.request"},
    {ON_VM, KVM_RUN, {{0}}, ENOTTY, "vm.request"},
    {ON_VM,
     KVM_ENABLE_CAP,
     {.cap = {.cap = KVM_CAP_SPLIT_IRQCHIP, .flags = 1}},
     EINVAL,
     "cap.flags"},
    {ON_VM, KVM_ENABLE_CAP, {.cap = {.cap = 9999}}, EINVAL, "cap.number"},
    {ON_VM, KVM_ENABLE_CAP, {.cap = {.cap = KVM_CAP_SPLIT_IRQCHIP}}, EEXIST, "irqchip.order"},
    {ON_VM, MU_CREATE_GUEST_MEMFD, {.gmem = {.size = 4096, .flags = 1}}, EINVAL, "gmem.flags"},
    {ON_VM, MU_CREATE_GUEST_MEMFD, {.gmem = {.size = 0}}, EINVAL, "gmem.size"},
    {ON_VM, MU_CREATE_GUEST_MEMFD, {.gmem = {.size = 5000}}, EINVAL, "gmem.size"},
    {ON_VM,
     MU_SET_USER_MEMORY_REGION2,
     {.region = {.slot = 20, .flags = 8, .size = 4096}},
     EINVAL,
     "region.flags"},
    {ON_VM,
     MU_SET_USER_MEMORY_REGION2,
     {.region = {.slot = 99, .size = 4096}},
     EINVAL,
     "region.slot"},
    {ON_VM,
     MU_SET_USER_MEMORY_REGION2,
     {.region = {.slot = 20, .gpa = UINT64_MAX - 4095, .size = 8192}},
     EINVAL,
     "region.range"},
    {ON_VM, MU_SET_USER_MEMORY_REGION2, {.region = {.slot = 20}}, EINVAL, "region.absent"},
    {ON_VM,
     MU_SET_MEMORY_ATTRIBUTES,
     {.attributes = {.address = 1ull << 50, .size = 4096}},
     ENOMEM,
     "attributes.limit"},
    {ON_VCPU, KVM_CREATE_VM, {{0}}, ENOTTY, "vcpu.request"},
    {ON_VCPU, KVM_SET_XCRS, {.xcrs = {.nr_xcrs = 1}}, EINVAL, "vcpu.xcrs"},
    {ON_VCPU, KVM_SET_CPUID2, {.cpuid = {.nent = 1000}}, E2BIG, "vcpu.cpuid"},
};

static void setup(struct launcher *l)
{
    struct model *m = model_new(NULL);
    ck_assert_ptr_nonnull(m);
    ck_assert_int_eq(launcher_begin(l, m, RAM, ROM), 0);
    ck_assert_int_eq(launcher_vcpus(l, 1, 0), 0);
}

static void teardown(struct launcher *l)
{
    struct model *m = l->m;
    launcher_close(l);
    ck_assert(model_clean(m));
    model_free(m);
}

#define EXPECT(l, call, error, why)                                                                \
    do {                                                                                           \
        int got = (call);                                                                          \
        ck_assert_msg(got == -(error) && strcmp(model_reason((l)->m), why) == 0,                   \
                      "got %d '%s', expected %d '%s'", got, model_reason((l)->m), -(error), why);  \
    } while (0)

START_TEST(test_one_wrong_argument)
{
    const struct row *row = &rows[_i];
    union argument arg = row->arg;
    struct launcher l;
    setup(&l);
    const int fds[] = {l.kvm, l.vm, l.vcpus[0], l.sev};
    EXPECT(&l, launcher_ioctl(&l, fds[row->on], row->request, &arg), row->error, row->why);
    teardown(&l);
}
END_TEST

START_TEST(test_descriptors_and_mappings)
{
    struct launcher l;
    int error = 0;
    setup(&l);
    EXPECT(&l, launcher_ioctl(&l, 3, KVM_RUN, NULL), EBADF, "ioctl.fd");
    EXPECT(&l, model_kvm_ops.fallocate(l.m, l.vm, 3, 0, 4096), EBADF, "fallocate.fd");
    EXPECT(&l, model_kvm_ops.munmap(l.m, &error, 4096), EINVAL, "munmap.addr");
    ck_assert_ptr_null(model_kvm_ops.mmap(l.m, 4096, PROT_READ, MAP_SHARED, l.slots[0].gmem, 0,
                                          &error)); /* private memory is not mapped */
    ck_assert_int_eq(error, -ENODEV);
    ck_assert_str_eq(model_reason(l.m), "mmap.run");
    EXPECT(&l, launcher_ioctl(&l, l.vm, KVM_CREATE_VCPU, (void *)(uintptr_t)999), EINVAL,
           "vcpu.index");
    EXPECT(&l, launcher_op(&l, MU_SNP_LAUNCH_UPDATE, NULL), EFAULT, "update.data");
    EXPECT(&l, launcher_op(&l, MU_SNP_ENABLE_REQ_CERTS, NULL), EINVAL, "req_certs.unknown");
    struct mu_launch_finish f = {.id_block_en = 1};
    EXPECT(&l, launcher_op(&l, MU_SNP_LAUNCH_FINISH, &f), EFAULT, "finish.id_uaddr");
    ck_assert_int_eq(launcher_ioctl(&l, l.vm, MU_MEMORY_ENCRYPT_OP, NULL), 0); /* the probe */
    teardown(&l);
}
END_TEST

START_TEST(test_other_vms)
{
    struct launcher l;
    setup(&l);
    int other = launcher_ioctl(&l, l.kvm, KVM_CREATE_VM, (void *)(uintptr_t)MU_VM_TYPE_SNP);
    int plain = launcher_ioctl(&l, l.kvm, KVM_CREATE_VM, NULL);
    ck_assert(other > 0 && plain > 0);
    struct mu_memory_region2 r = {.flags = 4, .size = RAM, .gmem_fd = (uint32_t)l.slots[0].gmem};
    EXPECT(&l, launcher_ioctl(&l, other, MU_SET_USER_MEMORY_REGION2, &r), EINVAL, "region.gmem_vm");
    struct mu_sev_cmd cmd = {.id = MU_SEV_INIT2};
    EXPECT(&l, launcher_ioctl(&l, plain, MU_MEMORY_ENCRYPT_OP, &cmd), ENOTTY, "op.type");
    ck_assert_int_eq(model_kvm_ops.close(l.m, other), 0);
    ck_assert_int_eq(model_kvm_ops.close(l.m, plain), 0);
    teardown(&l);
}
END_TEST

START_TEST(test_vcpu_without_cpuid_is_not_launched)
{
    struct launcher l;
    struct model *m = model_new(NULL);
    ck_assert_int_eq(launcher_begin(&l, m, RAM, ROM), 0);
    int vcpu = launcher_ioctl(&l, l.vm, KVM_CREATE_VCPU, NULL);
    ck_assert_int_gt(vcpu, 0);
    EXPECT(&l, launcher_finish(&l), EINVAL, "finish.cpuid");
    ck_assert_int_eq(model_kvm_ops.close(m, vcpu), 0);
    teardown(&l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_refusals");
    TCase *t = tcase_create("refusals");
    tcase_add_loop_test(t, test_one_wrong_argument, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(t, test_descriptors_and_mappings);
    tcase_add_test(t, test_other_vms);
    tcase_add_test(t, test_vcpu_without_cpuid_is_not_launched);
    suite_add_tcase(s, t);
    return run_suite(s);
}
