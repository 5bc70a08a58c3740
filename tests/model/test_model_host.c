/* SPDX-License-Identifier: Apache-2.0
 * test_model_host.c - the hostile host: each action does to a guest what it says.
 */
#include "rig.h"

#include "../unit/check_main.h"

#include <string.h>

#define PROGRAM(name) extern const uint8_t program_##name[]
PROGRAM(convert);
PROGRAM(cpuid);
PROGRAM(info);
PROGRAM(ok);
PROGRAM(twice);
PROGRAM(psc_page);
PROGRAM(random);
PROGRAM(validate);

static unsigned run(struct rig *r)
{
    rig_seal(r);
    (void)rig_run(r);
    return rig_reason(r);
}

static void act_remap(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    (void)vcpu;
    (void)ctx;
    model_evil_remap(vm, 0x200000, 0x300000);
}

static void act_swap_stack(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    (void)vcpu;
    (void)ctx;
    model_evil_swap(vm, 0xF000, 0xE000);
}

static void act_unvalidate(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    (void)vcpu;
    (void)ctx;
    model_evil_rmpupdate(vm, 0xF000, true); /* the stack */
}

static void act_inject(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    (void)ctx;
    model_evil_inject(vm, vcpu, 29, true, 0x7C);
}

static void act_reply(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    model_evil_msr(vm, vcpu, *(const uint64_t *)ctx);
}

static void act_write(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    (void)vcpu;
    model_evil_write(vm, 0x803000, ctx, 4);
}

/* Page remapped: the validated-to-be page is another one, which the RMP binds elsewhere or nowhere.
 */
START_TEST(test_remapped_page_is_another_page)
{
    struct rig r;
    rig_launch(&r, NULL, program_convert, 1);
    rig_page(&r, MU_PAGE_ZERO, 0x300000, NULL, MODEL_PAGE);
    ck_assert(model_plan(r.vm, 1, MODEL_BEFORE_ENTRY, act_remap, NULL));
    ck_assert_uint_eq(run(&r), 0);
    ck_assert_int_eq(model_outcome(r.vm), MODEL_STUCK); /* the RMP binds it to 300000 */
    rig_done(&r);
}
END_TEST

START_TEST(test_swapped_pages_stop_the_guest)
{
    struct rig r;
    rig_launch(&r, NULL, program_convert, 1);
    ck_assert(model_plan(r.vm, 1, MODEL_BEFORE_ENTRY, act_swap_stack, NULL));
    ck_assert_uint_eq(run(&r), 0);
    ck_assert_int_eq(model_outcome(r.vm), MODEL_STUCK);
    rig_done(&r);
}
END_TEST

START_TEST(test_page_taken_away_is_no_longer_validated)
{
    struct rig r;
    rig_launch(&r, NULL, program_convert, 1);
    ck_assert(model_plan(r.vm, 1, MODEL_BEFORE_ENTRY, act_unvalidate, NULL));
    ck_assert_uint_eq(run(&r), 0);
    ck_assert(model_objects(r.vm, "guest.unvalidated"));
    ck_assert_int_eq(model_outcome(r.vm), MODEL_SHUTDOWN); /* #VC without a stack */
    rig_done(&r);
}
END_TEST

START_TEST(test_conversion_refused_or_lied_about)
{
    struct rig r;
    rig_launch(&r, NULL, program_convert, 1);
    model_evil_psc_refuse(r.vm, 5);
    ck_assert_uint_eq(run(&r), 0x201);
    rig_done(&r);
    rig_launch(&r, NULL, program_convert, 1);
    model_evil_psc_lie(r.vm, true);
    ck_assert_uint_eq(run(&r), 0x200); /* an honest VMM mends it by memory fault */
    ck_assert_uint_eq(r.converted, 0);
    ck_assert_uint_eq(r.faults, 1);
    rig_done(&r);
    rig_launch(&r, NULL, program_psc_page, 1);
    model_evil_psc_refuse(r.vm, 5);
    ck_assert_uint_eq(run(&r), 0x201);
    rig_done(&r);
}
END_TEST

START_TEST(test_lies_about_cpuid_and_cbit)
{
    struct rig r;
    rig_launch(&r, NULL, program_cpuid, 1);
    model_evil_cpuid(r.vm, 1, 0, 0xDEAD);
    ck_assert_uint_eq(run(&r), 0x201);
    rig_done(&r);
    rig_launch(&r, NULL, program_info, 1);
    model_evil_cbit(r.vm, 47);
    ck_assert_uint_eq(run(&r), 0x201);
    rig_done(&r);
}
END_TEST

START_TEST(test_injected_exception_is_taken)
{
    struct rig r;
    rig_launch(&r, NULL, program_info, 1);
    ck_assert(model_plan(r.vm, 1, MODEL_BEFORE_ENTRY, act_inject, NULL));
    ck_assert_uint_eq(run(&r), 0x17C); /* its #VC handler met an exit code it does not expect */
    rig_done(&r);
}
END_TEST

START_TEST(test_false_reply)
{
    struct rig r;
    uint64_t reply = 0x015 | 1ull << 32;
    rig_launch(&r, NULL, program_convert, 1);
    ck_assert(model_plan(r.vm, 1, MODEL_BEFORE_ENTRY, act_reply, &reply));
    ck_assert_uint_eq(run(&r), 0x201);
    rig_done(&r);
}
END_TEST

START_TEST(test_shared_memory_changes_between_two_reads)
{
    uint32_t other = 7;
    for (unsigned nth = 0; nth < 3; nth++) {
        struct rig r;
        rig_launch(&r, NULL, program_twice, 1);
        ck_assert(model_plan_read(r.vm, 0x803000, 4, nth, act_write, &other));
        ck_assert_uint_eq(run(&r), nth == 1 ? 0x203 : 0x200); /* 1: after the first read */
        ck_assert_uint_eq(model_shared_reads(r.vm), 2);
        rig_done(&r);
    }
}
END_TEST

START_TEST(test_validation_refused)
{
    const struct {
        uint32_t status;
        bool carry;
        unsigned reason;
    } rows[] = {{0, false, 0x200}, {1, false, 0x201}, {6, false, 0x206}, {0, true, 0x20F}};
    for (unsigned i = 0; i < 4; i++) {
        struct rig r;
        rig_launch(&r, NULL, program_validate, 1);
        model_evil_pvalidate(r.vm, rows[i].status, rows[i].carry);
        ck_assert_uint_eq(run(&r), rows[i].reason);
        ck_assert_ptr_null(model_objection(r.vm, 0));
        rig_done(&r);
    }
}
END_TEST

START_TEST(test_no_random_numbers)
{
    struct rig r;
    rig_launch(&r, NULL, program_random, 1);
    model_evil_starve(r.vm, true);
    ck_assert_uint_eq(run(&r), 0x201);
    rig_done(&r);
}
END_TEST

/* The second processor runs from its measured state, wherever that leads: here, the same program.
 */
START_TEST(test_processor_started_by_the_host)
{
    struct rig r;
    rig_launch(&r, NULL, program_ok, 2);
    model_evil_start(r.vm, 1);
    rig_seal(&r);
    ck_assert_int_eq(launcher_ioctl(&r.l, r.l.vcpus[1], KVM_RUN, NULL), 0);
    ck_assert_int_ne(model_outcome(r.vm), MODEL_GOING);
    rig_done(&r);
}
END_TEST

START_TEST(test_plan_has_a_bound)
{
    struct rig r;
    unsigned n = 0;
    rig_launch(&r, NULL, program_ok, 1);
    while (n < 1000 && model_plan(r.vm, 1000, MODEL_BEFORE_ENTRY, act_remap, NULL)) {
        n++;
    }
    ck_assert_uint_eq(n, 64);
    ck_assert_uint_eq(run(&r), 0x200);
    rig_done(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_host");
    TCase *t = tcase_create("host");
    tcase_add_test(t, test_remapped_page_is_another_page);
    tcase_add_test(t, test_swapped_pages_stop_the_guest);
    tcase_add_test(t, test_page_taken_away_is_no_longer_validated);
    tcase_add_test(t, test_conversion_refused_or_lied_about);
    tcase_add_test(t, test_lies_about_cpuid_and_cbit);
    tcase_add_test(t, test_injected_exception_is_taken);
    tcase_add_test(t, test_false_reply);
    tcase_add_test(t, test_shared_memory_changes_between_two_reads);
    tcase_add_test(t, test_validation_refused);
    tcase_add_test(t, test_no_random_numbers);
    tcase_add_test(t, test_processor_started_by_the_host);
    tcase_add_test(t, test_plan_has_a_bound);
    suite_add_tcase(s, t);
    return run_suite(s);
}
