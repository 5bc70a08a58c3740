/* SPDX-License-Identifier: Apache-2.0
 * test_model_tdx_guest.c - tiny TDs under the model: what a TD's processor and its module do for
 * them, and that the model objects to each rule they break.
 */
#include "rig_tdx.h"

#include "../unit/check_main.h"

#include <errno.h>
#include <string.h>

#define PROGRAM(name) extern const uint8_t td_##name[]
PROGRAM(ok);
PROGRAM(accept);
PROGRAM(touch);
PROGRAM(again);
PROGRAM(added);
PROGRAM(large);
PROGRAM(state);
PROGRAM(efer);
PROGRAM(cr0);
PROGRAM(cr4);
PROGRAM(info);
PROGRAM(operands);
PROGRAM(rtmr);
PROGRAM(report);
PROGRAM(report_pending);
PROGRAM(cpuid);
PROGRAM(port);
PROGRAM(halt);
PROGRAM(wbinvd);
PROGRAM(msr);
PROGRAM(vmgexit);
PROGRAM(nested);
PROGRAM(io);
PROGRAM(hlt_call);
PROGRAM(mmio);
PROGRAM(mask);
PROGRAM(narrow);
PROGRAM(leak);
PROGRAM(unknown);
PROGRAM(map);
PROGRAM(map_again);
PROGRAM(window);
PROGRAM(quote);
PROGRAM(notify);
PROGRAM(fetch_shared);
PROGRAM(idt_shared);
PROGRAM(table_shared);
PROGRAM(table_reserved);
PROGRAM(device);

static void judge(const struct td_rig *r, uint64_t reason, const char *rule)
{
    uint64_t got = td_rig_reason(r);
    const struct model_objection *o = model_objection(r->vm, 0);
    ck_assert_msg(got == reason, "ended with %#lx, outcome %d: %s: %s", (unsigned long)got,
                  model_outcome(r->vm), o != NULL ? o->rule : "", o != NULL ? o->text : "");
    if (rule == NULL) {
        ck_assert_msg(o == NULL, "%s: %s", o != NULL ? o->rule : "", o != NULL ? o->text : "");
    } else {
        ck_assert_msg(model_objects(r->vm, rule), "no objection %s", rule);
    }
}

/* Runs a program; expects its reason, and the one objection, NULL for none. */
static void expect(struct td_rig *r, const uint8_t *program, uint64_t reason, const char *rule)
{
    (void)td_rig_program(r, program);
    judge(r, reason, rule);
}

static void run(struct td_rig *r, const uint8_t *program)
{
    td_rig_launch(r, NULL, program, 1);
    td_rig_seal(r);
    (void)td_rig_run(r);
}

#define ENDS_WITHOUT_A_WORD UINT64_MAX

/* Programs that need nothing of the test: how each ends. */
static const struct {
    const uint8_t *program;
    uint64_t reason;
    const char *rule;
} plain[] = {
    {td_ok, 0, NULL},
    {td_accept, 0, NULL},
    {td_again, 0, "guest.accept_twice"},
    {td_added, 0, NULL},
    {td_state, 0, NULL},
    {td_efer, 0x1020, "guest.efer"},
    {td_cr0, 0x101C, "guest.cr_fixed"},
    {td_cr4, 0x101C, "guest.cr_fixed"},
    {td_info, 0, NULL},
    {td_operands, 0, "guest.td_operand"},
    {td_cpuid, 0, NULL},
    {td_port, 0x101E, NULL},
    {td_halt, 0x100C, NULL},
    {td_wbinvd, 0x1036, NULL},
    {td_msr, 0x101F, NULL},
    {td_vmgexit, 0x2006, NULL},
    {td_nested, 0x2008, "guest.nested_ve"},
    {td_hlt_call, 0, NULL},
    {td_mmio, 0, NULL},
    {td_mask, 0, "guest.vmcall_mask"},
    {td_narrow, 0, "guest.vmcall_mask"},
    {td_leak, 0, "guest.vmcall_leak"},
    {td_unknown, 0, "guest.vmcall_refused"},
    {td_map_again, 0, NULL},
    {td_fetch_shared, ENDS_WITHOUT_A_WORD, "guest.fetch_shared"},
    {td_table_shared, ENDS_WITHOUT_A_WORD, "guest.table_shared"},
    {td_table_reserved, ENDS_WITHOUT_A_WORD, "guest.table_reserved"},
    {td_idt_shared, ENDS_WITHOUT_A_WORD, "guest.idt_shared"},
    {td_device, 0x1030, NULL},
};

START_TEST(test_what_each_program_meets)
{
    struct td_rig r;
    expect(&r, plain[_i].program, plain[_i].reason, plain[_i].rule);
    td_rig_done(&r);
}
END_TEST

START_TEST(test_reset_state_and_shared_bit_of_52_bits)
{
    const uint8_t *const programs[] = {td_state, td_info, td_map};
    for (unsigned i = 0; i < 3; i++) {
        struct td_rig r;
        td_rig_init(&r);
        r.gpaw = 52;
        run(&r, programs[i]);
        judge(&r, 0, NULL);
        td_rig_done(&r);
    }
}
END_TEST

/* SEPT_VE_DISABLE makes of an access before acceptance the TD's end; without it there is a #VE. */
START_TEST(test_touch_before_acceptance)
{
    struct td_rig r;
    expect(&r, td_touch, ENDS_WITHOUT_A_WORD, "guest.unaccepted");
    ck_assert_int_eq(model_outcome(r.vm), MODEL_STUCK);
    ck_assert_int_eq(r.error, -EIO);
    ck_assert_int_eq(launcher_ioctl(&r.t.l, r.t.l.vcpus[0], KVM_RUN, NULL), -EIO);
    td_rig_done(&r);
    td_rig_init(&r);
    r.attributes = 0;
    run(&r, td_touch);
    judge(&r, 0x1030, "guest.unaccepted");
    td_rig_done(&r);
    expect(&r, td_report_pending, ENDS_WITHOUT_A_WORD, "guest.unaccepted");
    ck_assert_str_eq(model_reason(r.m), "run.pending");
    td_rig_done(&r);
}
END_TEST

START_TEST(test_tdcall_outside_of_64_bit_mode)
{
    struct td_rig r;
    td_rig_init(&r);
    r.programs[0] = 1u << 31;
    run(&r, NULL);
    judge(&r, ENDS_WITHOUT_A_WORD, "guest.tdcall_mode");
    ck_assert_int_eq(model_outcome(r.vm), MODEL_SHUTDOWN);
    td_rig_done(&r);
}
END_TEST

START_TEST(test_large_page_and_size_mismatch)
{
    struct td_rig r;
    struct model_config large = model_config_tdx();
    for (unsigned small = 0; small < 2; small++) {
        large.small_pages = small != 0;
        td_rig_init(&r);
        td_rig_launch(&r, &large, td_large, 1);
        td_rig_seal(&r);
        (void)td_rig_run(&r);
        judge(&r, small != 0 ? 6 : 0, NULL);
        ck_assert_uint_eq(model_counts(r.vm).accepts, small != 0 ? 512 : 1);
        td_rig_done(&r);
    }
    large.small_pages = false;
    td_rig_init(&r);
    td_rig_launch(&r, &large, td_large, 1);
    td_rig_seal(&r);
    model_evil_small_pages(r.vm, true);
    (void)td_rig_run(&r);
    judge(&r, 6, NULL);
    td_rig_done(&r);
}
END_TEST

/* b.5: the golden value of 00..2F into a register that is zero. */
START_TEST(test_rtmr_is_extended)
{
    static const uint8_t want[] = {0xFE, 0x83, 0xF7, 0x42, 0xD1, 0xCA, 0xB5, 0xC7};
    struct td_rig r;
    expect(&r, td_rtmr, 0, NULL);
    ck_assert_mem_eq(model_rtmr(r.vm, 1), want, sizeof(want));
    ck_assert_uint_eq(model_rtmr(r.vm, 0)[0], 0);
    ck_assert_uint_eq(model_counts(r.vm).rtmr_extends, 1);
    td_rig_done(&r);
}
END_TEST

START_TEST(test_report_is_written)
{
    struct td_rig r;
    expect(&r, td_report, 0, NULL);
    const uint8_t *report = model_private(r.vm, 0xC400);
    ck_assert_uint_eq(report[0], 0x81);
    ck_assert_uint_eq(report[128], 0x5A);
    ck_assert_mem_eq(report + 512 + 16, model_mrtd(r.vm), MODEL_DIGEST_SIZE);
    td_rig_done(&r);
}
END_TEST

START_TEST(test_calls_become_exits)
{
    struct td_rig r;
    expect(&r, td_io, 0, NULL);
    ck_assert_uint_eq(r.out, 0x41);
    td_rig_done(&r);
    expect(&r, td_quote, 0, NULL);
    ck_assert_uint_eq(r.quotes, 1);
    td_rig_done(&r);
    expect(&r, td_notify, 0, NULL);
    ck_assert_uint_eq(r.notifies, 1);
    td_rig_done(&r);
}
END_TEST

START_TEST(test_window_is_given_away_and_taken_back)
{
    struct td_rig r;
    expect(&r, td_map, 0, NULL);
    ck_assert_uint_eq(r.converted, 1024);
    ck_assert_uint_eq(model_counts(r.vm).psc_pages, 1024);
    td_rig_done(&r);
    td_rig_init(&r);
    r.refuse_map = true;
    run(&r, td_map);
    judge(&r, 7, NULL);
    td_rig_done(&r);
}
END_TEST

/* A shared access of memory that is private by its attribute, and the reverse. */
START_TEST(test_conversion_by_memory_fault)
{
    struct td_rig r;
    expect(&r, td_window, 0, NULL);
    ck_assert_uint_eq(r.faults, 1);
    td_rig_done(&r);
    td_rig_init(&r);
    td_rig_launch(&r, NULL, td_accept, 1);
    td_rig_seal(&r);
    ck_assert_int_eq(launcher_attributes(&r.t.l, 0x200000, 0x1000, false), 0);
    (void)td_rig_run(&r);
    judge(&r, 0, NULL);
    ck_assert_uint_eq(r.faults, 1);
    td_rig_done(&r);
}
END_TEST

START_TEST(test_no_run_before_it_is_final)
{
    struct td_rig r;
    td_rig_init(&r);
    td_rig_launch(&r, NULL, td_ok, 1);
    ck_assert_int_eq(launcher_ioctl(&r.t.l, r.t.l.vcpus[0], KVM_RUN, NULL), -EINVAL);
    ck_assert_str_eq(model_reason(r.m), "run.before_finish");
    td_rig_done(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_tdx_guest");
    TCase *t = tcase_create("guest");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, test_what_each_program_meets, 0,
                        (int)(sizeof(plain) / sizeof(plain[0])));
    tcase_add_test(t, test_reset_state_and_shared_bit_of_52_bits);
    tcase_add_test(t, test_touch_before_acceptance);
    tcase_add_test(t, test_tdcall_outside_of_64_bit_mode);
    tcase_add_test(t, test_large_page_and_size_mismatch);
    tcase_add_test(t, test_rtmr_is_extended);
    tcase_add_test(t, test_report_is_written);
    tcase_add_test(t, test_calls_become_exits);
    tcase_add_test(t, test_window_is_given_away_and_taken_back);
    tcase_add_test(t, test_conversion_by_memory_fault);
    tcase_add_test(t, test_no_run_before_it_is_final);
    suite_add_tcase(s, t);
    return run_suite(s);
}
