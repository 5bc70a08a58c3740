/* SPDX-License-Identifier: Apache-2.0
 * test_model_guest.c - tiny guests under the model: what an SNP processor does for them, and that
 * the model objects to each rule they break.
 */
#include "rig.h"

#include "../unit/check_main.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM(name) extern const uint8_t program_##name[]
PROGRAM(ok);
PROGRAM(convert);
PROGRAM(carry);
PROGRAM(careless);
PROGRAM(touch);
PROGRAM(keep);
PROGRAM(large);
PROGRAM(cpuid);
PROGRAM(port);
PROGRAM(fetch_shared);
PROGRAM(random);
PROGRAM(info);
PROGRAM(ghcb);
PROGRAM(ghcb_unregistered);
PROGRAM(ghcb_missing);
PROGRAM(psc_page);
PROGRAM(ap);
PROGRAM(ap_unmarked);
PROGRAM(ap_side);
PROGRAM(ap_spin);
PROGRAM(ap_writes);
PROGRAM(count);
PROGRAM(far_window);

/* Runs a program; expects how it ends (set<<8 | reason) and the one objection, NULL for none. */
static void expect(struct rig *r, const uint8_t *program, unsigned reason, const char *rule)
{
    unsigned got = rig_program(r, program);
    const struct model_objection *o = model_objection(r->vm, 0);
    ck_assert_msg(got == reason, "ended with %#x, outcome %d: %s: %s", got, model_outcome(r->vm),
                  o != NULL ? o->rule : "", o != NULL ? o->text : "");
    if (rule == NULL) {
        ck_assert_msg(o == NULL, "%s: %s", o != NULL ? o->rule : "", o != NULL ? o->text : "");
    } else {
        ck_assert_msg(model_objects(r->vm, rule), "no objection %s", rule);
    }
}

START_TEST(test_reset_vector_reaches_64_bit)
{
    struct rig r;
    expect(&r, program_ok, 0x200, NULL);
    ck_assert_uint_gt(model_counts(r.vm).instructions, 1000);
    rig_done(&r);
}
END_TEST

START_TEST(test_page_is_converted_validated_and_given_back)
{
    struct rig r;
    expect(&r, program_convert, 0x200, NULL);
    ck_assert_uint_eq(r.converted, 2);
    ck_assert(!model_page_at(r.vm, 0x200000).assigned);
    rig_done(&r);
}
END_TEST

START_TEST(test_second_validation_sets_carry)
{
    struct rig r;
    expect(&r, program_carry, 0x202, NULL);
    ck_assert_uint_eq(r.faults, 1); /* implicit conversion by the first */
    rig_done(&r);
    expect(&r, program_careless, 0x200, "guest.went_on");
    rig_done(&r);
}
END_TEST

START_TEST(test_unvalidated_page_is_an_exception)
{
    struct rig r;
    expect(&r, program_touch, 0x104, "guest.unvalidated");
    rig_done(&r);
}
END_TEST

START_TEST(test_validated_page_must_not_become_shared)
{
    struct rig r;
    expect(&r, program_keep, 0x200, "guest.psc_validated");
    rig_done(&r);
}
END_TEST

START_TEST(test_large_page_and_size_mismatch)
{
    struct rig r;
    rig_launch(&r, NULL, program_large, 1);
    rig_seal(&r);
    ck_assert_int_eq(launcher_attributes(&r.l, 0x400000, 0x200000, true), 0);
    (void)rig_run(&r);
    ck_assert_uint_eq(rig_reason(&r), 0x200);
    ck_assert(model_page_at(r.vm, 0x5FF000).validated);
    rig_done(&r);
    rig_launch(&r, NULL, program_large, 1);
    rig_seal(&r);
    model_evil_small_pages(r.vm, true);
    (void)rig_run(&r);
    ck_assert_uint_eq(rig_reason(&r), 0x206);
    rig_done(&r);
}
END_TEST

START_TEST(test_cpuid_and_ports_trap)
{
    struct rig r;
    expect(&r, program_cpuid, 0x200, NULL);
    rig_done(&r);
    expect(&r, program_port, 0x17B, NULL);
    rig_done(&r);
}
END_TEST

START_TEST(test_code_in_shared_memory_is_refused)
{
    struct rig r;
    expect(&r, program_fetch_shared, 0, "guest.fetch_shared");
    ck_assert_int_eq(model_outcome(r.vm), MODEL_SHUTDOWN);
    rig_done(&r);
}
END_TEST

/* A window of shared memory in a slot of its own, as a VMM has it for what the firmware verifies.
 */
START_TEST(test_slot_without_private_memory)
{
    static _Alignas(4096) uint8_t window[4096];
    struct rig r;
    rig_launch(&r, NULL, program_far_window, 1);
    struct kvm_userspace_memory_region old = {.slot = 20,
                                              .guest_phys_addr = 0x2000000,
                                              .memory_size = sizeof(window),
                                              .userspace_addr = (uint64_t)(uintptr_t)window};
    ck_assert_int_eq(launcher_ioctl(&r.l, r.l.vm, KVM_SET_USER_MEMORY_REGION, &old), 0);
    memcpy(window, "\x44\x33\x22\x11", 4);
    rig_seal(&r);
    (void)rig_run(&r);
    ck_assert_uint_eq(rig_reason(&r), 0x200);
    ck_assert_uint_eq(window[8], 0x11);
    ck_assert_ptr_null(model_objection(r.vm, 0));
    rig_done(&r);
}
END_TEST

START_TEST(test_random_numbers_and_sev_info)
{
    struct rig r;
    expect(&r, program_random, 0x200, NULL);
    rig_done(&r);
    expect(&r, program_info, 0x200, NULL);
    rig_done(&r);
}
END_TEST

START_TEST(test_ghcb_page)
{
    struct rig r;
    expect(&r, program_ghcb, 0x200, NULL);
    ck_assert_uint_eq(r.out, 0x41);
    ck_assert_uint_eq(r.port, 0x81);
    rig_done(&r);
    expect(&r, program_ghcb_unregistered, 0x200, "guest.ghcb_unregistered");
    rig_done(&r);
    expect(&r, program_ghcb_missing, 0x200, "guest.ghcb_missing");
    rig_done(&r);
}
END_TEST

START_TEST(test_page_state_changes_in_one_page)
{
    struct rig r;
    expect(&r, program_psc_page, 0x200, NULL);
    ck_assert_uint_eq(r.converted, 2 + 512 + 1);
    ck_assert_uint_eq(model_counts(r.vm).psc_exits, 1);
    rig_done(&r);
}
END_TEST

/* The state of the second processor: 64-bit, at its program, on the first one's tables. */
static void ap_vmsa(uint8_t page[static MODEL_PAGE], const uint8_t *program)
{
    memset(page, 0, MODEL_PAGE);
    const struct {
        unsigned at;
        uint64_t value;
    } fields[] = {{0x010, 0x10},       {0x0D0, 0x1500},
                  {0x148, 0x660},      {0x150, 0x8000},
                  {0x158, 0x80000011}, {0x178, 0xFFFF0000u + (uint64_t)(program - rom)},
                  {0x1D8, 0x10000},    {0x3B0, 1}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        for (unsigned b = 0; b < 8; b++) {
            page[fields[i].at + b] = (uint8_t)(fields[i].value >> 8 * b);
        }
    }
}

static void launch_ap(struct rig *r, const uint8_t *program, const uint8_t *second)
{
    uint8_t vmsa[MODEL_PAGE];
    ap_vmsa(vmsa, second);
    rig_launch(r, NULL, program, 2);
    rig_page(r, MU_PAGE_NORMAL, 0x12000, vmsa, sizeof(vmsa));
    rig_seal(r);
}

static void run_ap(struct rig *r, const uint8_t *program)
{
    launch_ap(r, program, program_ap_side);
    (void)rig_run(r);
}

START_TEST(test_processors_take_turns_on_one_thread)
{
    struct rig r;
    launch_ap(&r, program_ap_spin, program_ap_writes);
    (void)rig_run(&r);
    ck_assert_uint_eq(rig_reason(&r), 0x208);
    ck_assert_ptr_null(model_objection(r.vm, 0));
    rig_done(&r);
}
END_TEST

struct side {
    struct rig *r;
    unsigned vcpu;
};

static void *side_main(void *arg)
{
    struct side *s = arg;
    const struct kvm_run *run = s->r->l.runs[s->vcpu];
    int error;
    do {
        error = launcher_ioctl(&s->r->l, s->r->l.vcpus[s->vcpu], KVM_RUN, NULL);
    } while (error != 0 ||
             (run->exit_reason != KVM_EXIT_SHUTDOWN && run->exit_reason != KVM_EXIT_SYSTEM_EVENT));
    return NULL;
}

/* One thread a vCPU, as a VMM has them. The pages they need are converted beforehand. */
START_TEST(test_processors_on_a_thread_each)
{
    struct rig r;
    pthread_t threads[2];
    launch_ap(&r, program_ap_spin, program_ap_writes);
    struct side sides[2] = {{&r, 0}, {&r, 1}};
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, side_main, &sides[i]), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_uint_eq(rig_reason(&r), 0x208);
    rig_done(&r);
}
END_TEST

START_TEST(test_long_runs_give_way)
{
    struct rig r;
    unsigned slices = 0;
    rig_launch(&r, NULL, program_count, 1);
    rig_seal(&r);
    while (launcher_ioctl(&r.l, r.l.vcpus[0], KVM_RUN, NULL) == -EINTR) {
        ck_assert_str_eq(model_reason(r.m), "run.slice");
        slices++;
    }
    ck_assert_uint_eq(rig_reason(&r), 0x200);
    ck_assert_uint_eq(slices, model_counts(r.vm).instructions / 2000000);
    rig_done(&r);
}
END_TEST

START_TEST(test_second_processor_starts_from_a_marked_page)
{
    struct rig r;
    run_ap(&r, program_ap);
    ck_assert_uint_eq(rig_reason(&r), 0x207);
    ck_assert_ptr_null(model_objection(r.vm, 0));
    rig_done(&r);
    run_ap(&r, program_ap_unmarked);
    ck_assert_uint_eq(rig_reason(&r), 0x200);
    ck_assert(model_objects(r.vm, "guest.ap_rmpadjust"));
    rig_done(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_guest");
    TCase *t = tcase_create("guest");
    tcase_add_test(t, test_reset_vector_reaches_64_bit);
    tcase_add_test(t, test_page_is_converted_validated_and_given_back);
    tcase_add_test(t, test_second_validation_sets_carry);
    tcase_add_test(t, test_unvalidated_page_is_an_exception);
    tcase_add_test(t, test_validated_page_must_not_become_shared);
    tcase_add_test(t, test_large_page_and_size_mismatch);
    tcase_add_test(t, test_cpuid_and_ports_trap);
    tcase_add_test(t, test_code_in_shared_memory_is_refused);
    tcase_add_test(t, test_slot_without_private_memory);
    tcase_add_test(t, test_random_numbers_and_sev_info);
    tcase_add_test(t, test_ghcb_page);
    tcase_add_test(t, test_page_state_changes_in_one_page);
    tcase_add_test(t, test_second_processor_starts_from_a_marked_page);
    tcase_add_test(t, test_processors_take_turns_on_one_thread);
    tcase_add_test(t, test_processors_on_a_thread_each);
    tcase_add_test(t, test_long_runs_give_way);
    suite_add_tcase(s, t);
    return run_suite(s);
}
