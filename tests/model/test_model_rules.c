/* SPDX-License-Identifier: Apache-2.0
 * test_model_rules.c - the guest's side, rule by rule: GHCB requests that are wrong in one thing,
 * page tables, RMP instructions, and the states of KVM_RUN.
 */
#include "rig.h"

#include "../unit/check_main.h"

#include <errno.h>
#include <string.h>

#define PROGRAM(name) extern const uint8_t program_##name[]
PROGRAM(ap);
PROGRAM(call);
PROGRAM(page_call);
PROGRAM(table_cbit);
PROGRAM(table_shared);
PROGRAM(rmp_shared);
PROGRAM(rmpadjust);
PROGRAM(rmpadjust_self);
PROGRAM(no_memory);
PROGRAM(side_32);
PROGRAM(side_vc);
PROGRAM(sweep);
PROGRAM(across);
PROGRAM(validate);

static void put(uint8_t *p, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

START_TEST(test_msr_requests)
{
    static const struct {
        uint64_t request;
        unsigned reason; /* 0x200 | low byte of the reply; 0: no reply */
        const char *rule;
    } rows[] = {
        {0x002, 0x201, NULL},
        {1ull << 32 | 0x004, 0x205, NULL},
        {0x010, 0x211, NULL},
        {0x800012, 0x213, NULL},
        {0x080, 0x281, NULL},
        {3ull << 52 | 0x200000 | 0x014, 0x215, "guest.psc_op"},
        {0x016, 0, "guest.ghcb_code"}, /* SVSM's */
        {0xFFF, 0, "guest.ghcb_code"},
        {0x9000, 0, "guest.ghcb_private"}, /* a page number: the GHCB lies in private memory */
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig r;
        rig_launch(&r, NULL, program_call, 1);
        rig_seal(&r);
        put(r.l.slots[0].shared + 0x806000, 8, rows[i].request);
        (void)rig_run(&r);
        ck_assert_msg(rig_reason(&r) == rows[i].reason, "row %u: %#x", i, rig_reason(&r));
        ck_assert(rows[i].rule == NULL ? model_objection(r.vm, 0) == NULL
                                       : model_objects(r.vm, rows[i].rule));
        rig_done(&r);
    }
}
END_TEST

/* An event in the GHCB. All fields are marked as passed. */
struct event {
    uint64_t code, info1, info2, scratch;
    uint32_t usage;
    uint16_t version;
    uint64_t psc_header, psc_entry;
    unsigned reason;
    const char *rule;
};

#define SHARED_BUFFER 0x800800u

static const struct event events[] = {
    {.code = 0x72, .version = 2, .reason = 0x200},
    {.code = 0x72, .version = 1, .reason = 0x200},
    {.code = 0x72, .version = 3, .reason = 0x222, .rule = "guest.ghcb_usage"},
    {.code = 0x72, .version = 2, .usage = 1, .reason = 0x222, .rule = "guest.ghcb_usage"},
    {.code = 0x7C, .version = 2, .reason = 0x200},
    {.code = 0x7B, .version = 2, .info1 = 0x800014, .reason = 0x225, .rule = "guest.ghcb_io"},
    {.code = 0x7B, .version = 2, .info1 = 0x800000, .reason = 0x225, .rule = "guest.ghcb_io"},
    {.code = 0x80000005, .version = 2, .reason = 0x226, .rule = "guest.ghcb_event"},
    {.code = 0x80000001, .version = 2, .reason = 0x226, .rule = "guest.ghcb_event"},
    {.code = 0x80000010,
     .version = 2,
     .scratch = 0x900000,
     .reason = 0x223,
     .rule = "guest.ghcb_scratch"},
    {.code = 0x80000010,
     .version = 2,
     .scratch = SHARED_BUFFER + 8,
     .reason = 0x223,
     .rule = "guest.ghcb_scratch"},
    {.code = 0x80000010,
     .version = 2,
     .scratch = SHARED_BUFFER,
     .psc_entry = 3ull << 52,
     .reason = 0x202,
     .rule = "guest.psc_entry"},
    {.code = 0x80000010,
     .version = 2,
     .scratch = SHARED_BUFFER,
     .psc_header = 253ull << 16,
     .psc_entry = 1ull << 52 | 0x200000,
     .reason = 0x202,
     .rule = "guest.psc_entry"},
    {.code = 0x80000010,
     .version = 2,
     .scratch = SHARED_BUFFER,
     .psc_entry = 1ull << 56 | 1ull << 52 | 0x201000,
     .reason = 0x202,
     .rule = "guest.psc_entry"},
    {.code = 0x80000010,
     .version = 2,
     .scratch = SHARED_BUFFER,
     .psc_header = 2,
     .reason = 0x200}, /* cur beyond end: nothing to do */
    {.code = 0x80000011,
     .version = 2,
     .info1 = 0x801000,
     .info2 = 0x801000,
     .reason = 0x225,
     .rule = "guest.request_pages"},
    {.code = 0x80000011,
     .version = 2,
     .info1 = 0x801000,
     .info2 = 0x9000,
     .reason = 0x225,
     .rule = "guest.request_pages"},
    {.code = 0x80000011,
     .version = 2,
     .info1 = 0x801008,
     .info2 = 0x802000,
     .reason = 0x225,
     .rule = "guest.request_pages"},
    {.code = 0x80000013,
     .version = 2,
     .info1 = 9ull << 32 | 1,
     .info2 = 0x12000,
     .reason = 0x225,
     .rule = "guest.ap_target"},
    {.code = 0x80000013,
     .version = 2,
     .info1 = 1ull << 16 | 1,
     .info2 = 0x12000,
     .reason = 0x225,
     .rule = "guest.ap_target"},
    {.code = 0x80000013,
     .version = 2,
     .info1 = 1,
     .info2 = 0x200000,
     .reason = 0x225,
     .rule = "guest.ap_aligned"},
    {.code = 0x80000013,
     .version = 2,
     .info1 = 1,
     .info2 = 0x201000,
     .reason = 0x225,
     .rule = "guest.ap_private"},
    {.code = 0x80000013, .version = 2, .info1 = 2, .info2 = 0, .reason = 0x200},
};

START_TEST(test_ghcb_events)
{
    const struct event *e = &events[_i];
    struct rig r;
    rig_launch(&r, NULL, program_page_call, 1);
    rig_seal(&r);
    uint8_t *ghcb = r.l.slots[0].shared + 0x800000;
    put(ghcb + 0x390, 8, e->code);
    put(ghcb + 0x398, 8, e->info1);
    put(ghcb + 0x3A0, 8, e->info2);
    put(ghcb + 0x3A8, 8, e->scratch);
    memset(ghcb + 0x3F0, 0xFF, 16);
    put(ghcb + 0x800, 8, e->psc_header);
    put(ghcb + 0x808, 8, e->psc_entry);
    put(ghcb + 0xFFA, 2, e->version);
    put(ghcb + 0xFFC, 4, e->usage);
    (void)rig_run(&r);
    ck_assert_msg(rig_reason(&r) == e->reason, "case %d: %#x", _i, rig_reason(&r));
    ck_assert_msg(e->rule == NULL ? model_objection(r.vm, 0) == NULL : model_objects(r.vm, e->rule),
                  "case %d: no objection %s", _i, e->rule != NULL ? e->rule : "(none)");
    rig_done(&r);
}
END_TEST

START_TEST(test_tables_and_rmp)
{
    const struct {
        const uint8_t *program;
        unsigned reason;
        enum model_outcome outcome;
        const char *rule;
    } rows[] = {
        {program_table_cbit, 0x200, MODEL_TERMINATED, "guest.table_cbit"},
        {program_table_shared, 0, MODEL_SHUTDOWN, "guest.table"},
        {program_table_shared, 0, MODEL_SHUTDOWN, "guest.shutdown"}, /* #PF without a handler */
        {program_rmp_shared, 0, MODEL_STUCK, "guest.rmp_shared"},
        {program_rmpadjust, 0x201, MODEL_TERMINATED, "guest.rmpadjust"},
        {program_rmpadjust_self, 0x202, MODEL_TERMINATED, NULL},
        {program_no_memory, 0, MODEL_STUCK, "guest.no_memory"},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct rig r;
        rig_launch(&r, NULL, rows[i].program, 1);
        rig_page(&r, MU_PAGE_ZERO, 0x12000, NULL, MODEL_PAGE);
        rig_seal(&r);
        ck_assert_int_eq(rig_run(&r), rows[i].outcome);
        ck_assert_uint_eq(rig_reason(&r), rows[i].reason);
        ck_assert_msg(rows[i].rule == NULL || model_objects(r.vm, rows[i].rule), "no objection %s",
                      rows[i].rule);
        rig_done(&r);
    }
}
END_TEST

/* The second processor's page: 32-bit code without paging. */
static void state_32(uint8_t vmsa[static MODEL_PAGE], const uint8_t *program)
{
    memset(vmsa, 0, MODEL_PAGE);
    put(vmsa + 0x010, 8, 0x08);
    put(vmsa + 0x064, 4, 39);
    put(vmsa + 0x068, 8, 0xFFFF0000u + (uint64_t)(rom_gdt - rom));
    put(vmsa + 0x0D0, 8, 0x1000);
    put(vmsa + 0x158, 8, 0x11);
    put(vmsa + 0x178, 8, 0xFFFF0000u + (uint64_t)(program - rom));
    put(vmsa + 0x3B0, 8, 1);
}

static void run_second(struct rig *r, const uint8_t *vmsa)
{
    rig_launch(r, NULL, program_ap, 2);
    rig_page(r, MU_PAGE_NORMAL, 0x12000, vmsa, MODEL_PAGE);
    rig_seal(r);
    (void)rig_run(r);
}

START_TEST(test_states_of_a_second_processor)
{
    static const struct {
        unsigned at;
        uint64_t value;
        const char *rule;
    } rows[] = {{0x3B0, 3, "guest.ap_features"},
                {0x0D0, 0x0100, "guest.ap_svme"},
                {0x0D0, 0x1000, "guest.identity"}};
    for (unsigned i = 0; i < 3; i++) {
        uint8_t vmsa[MODEL_PAGE];
        struct rig r;
        state_32(vmsa, program_side_32);
        put(vmsa + rows[i].at, 8, rows[i].value);
        run_second(&r, vmsa);
        ck_assert_msg(model_objects(r.vm, rows[i].rule), "no objection %s", rows[i].rule);
        rig_done(&r);
    }
}
END_TEST

START_TEST(test_exception_in_32_bit_code)
{
    uint8_t vmsa[MODEL_PAGE];
    struct rig r;
    state_32(vmsa, program_side_vc);
    run_second(&r, vmsa);
    ck_assert_msg(rig_reason(&r) == 0x209, "%#x", rig_reason(&r));
    ck_assert_ptr_null(model_objection(r.vm, 0));
    rig_done(&r);
}
END_TEST

/* Each byte of the guest's memory is where it belongs, however its TLB entries lie. */
START_TEST(test_accesses_across_entries)
{
    struct rig r;
    ck_assert_uint_eq(rig_program(&r, program_across), 0x200);
    ck_assert_ptr_null(model_objection(r.vm, 0));
    const uint8_t *p = model_private(r.vm, 0x200000);
    ck_assert_uint_eq(p[0], 0);
    for (unsigned i = 1; i <= 0x4F00; i++) {
        ck_assert_uint_eq(p[i], 0xAB);
    }
    ck_assert_uint_eq(p[0x4F01], 0);
    rig_done(&r);
    ck_assert_uint_eq(rig_program(&r, program_sweep), 0x200);
    ck_assert_uint_eq(model_counts(r.vm).pvalidates, 512);
    rig_done(&r);
}
END_TEST

START_TEST(test_states_of_kvm_run)
{
    struct rig r;
    rig_launch(&r, NULL, program_validate, 2);
    rig_seal(&r);
    ck_assert_int_eq(launcher_ioctl(&r.l, r.l.vcpus[1], KVM_RUN, NULL), -EAGAIN);
    ck_assert_str_eq(model_reason(r.m), "run.waiting");
    r.l.runs[0]->immediate_exit = 1;
    ck_assert_int_eq(launcher_ioctl(&r.l, r.l.vcpus[0], KVM_RUN, NULL), -EINTR);
    ck_assert_str_eq(model_reason(r.m), "run.immediate_exit");
    r.l.runs[0]->immediate_exit = 0;
    for (unsigned i = 0; i < 2; i++) { /* again and again, until the VMM converts the page */
        ck_assert_int_eq(launcher_ioctl(&r.l, r.l.vcpus[0], KVM_RUN, NULL), -EFAULT);
        ck_assert_str_eq(model_reason(r.m), "run.memory_fault");
        const struct mu_exit_memory_fault *fault = (const void *)r.l.runs[0]->padding;
        ck_assert_uint_eq(r.l.runs[0]->exit_reason, MU_EXIT_MEMORY_FAULT);
        ck_assert_uint_eq(fault->gpa, 0x200000);
        ck_assert_uint_eq(fault->flags, MU_FAULT_PRIVATE);
    }
    (void)rig_run(&r);
    ck_assert_uint_eq(rig_reason(&r), 0x200);
    ck_assert_int_eq(launcher_ioctl(&r.l, r.l.vcpus[1], KVM_RUN, NULL), 0); /* it has ended */
    ck_assert_uint_eq(r.l.runs[1]->exit_reason, KVM_EXIT_SHUTDOWN);
    ck_assert_int_eq(model_kvm_ops.munmap(r.m, r.l.runs[1], 3 * MODEL_PAGE), 0);
    r.l.runs[1] = NULL;
    ck_assert_int_eq(launcher_ioctl(&r.l, r.l.vcpus[1], KVM_RUN, NULL), -EFAULT);
    ck_assert_str_eq(model_reason(r.m), "run.unmapped");
    rig_done(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_rules");
    TCase *t = tcase_create("rules");
    tcase_add_test(t, test_msr_requests);
    tcase_add_loop_test(t, test_ghcb_events, 0, (int)(sizeof(events) / sizeof(events[0])));
    tcase_add_test(t, test_tables_and_rmp);
    tcase_add_test(t, test_states_of_a_second_processor);
    tcase_add_test(t, test_exception_in_32_bit_code);
    tcase_add_test(t, test_accesses_across_entries);
    tcase_add_test(t, test_states_of_kvm_run);
    suite_add_tcase(s, t);
    return run_suite(s);
}
