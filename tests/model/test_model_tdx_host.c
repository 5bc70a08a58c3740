/* SPDX-License-Identifier: Apache-2.0
 * test_model_tdx_host.c - what a hostile host can do to a TD in the model: each act has the effect
 * that hardware would give it.
 */
#include "rig_tdx.h"

#include "../unit/check_main.h"

#include <string.h>

#define PROGRAM(name) extern const uint8_t td_##name[]
PROGRAM(accept);
PROGRAM(patient);
PROGRAM(retouch);
PROGRAM(rtmr);
PROGRAM(map);
PROGRAM(window);
PROGRAM(exposed);
PROGRAM(calls);
PROGRAM(wakeful);
PROGRAM(cpuid);
PROGRAM(io);

#define PAGE 0x200000u
#define BUSY 0x8000020000000001ull
#define ALREADY 0x00000B0A00000000ull
#define STUCK UINT64_MAX

static void start(struct td_rig *r, const uint8_t *program)
{
    td_rig_init(r);
    td_rig_launch(r, NULL, program, 1);
    td_rig_seal(r);
}

static void ends(struct td_rig *r, uint64_t reason, const char *rule)
{
    (void)td_rig_run(r);
    const struct model_objection *o = model_objection(r->vm, 0);
    uint64_t got = td_rig_reason(r);
    ck_assert_msg(got == reason, "ended with %#lx, outcome %d: %s: %s", (unsigned long)got,
                  model_outcome(r->vm), o != NULL ? o->rule : "", o != NULL ? o->text : "");
    ck_assert_msg(rule == NULL ? o == NULL : model_objects(r->vm, rule), "%s",
                  o != NULL ? o->rule : "no objection");
    td_rig_done(r);
}

static void take_away(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    (void)vcpu;
    (void)ctx;
    model_td_evil_remove(vm, PAGE);
}

static void augment(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    (void)vcpu;
    (void)ctx;
    model_td_evil_aug(vm, PAGE);
}

static void block(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    (void)vcpu;
    (void)ctx;
    model_td_evil_block(vm, PAGE, true);
}

/* Between acceptance and use the page goes: the TD stops, and is not to blame. */
START_TEST(test_page_taken_away_after_acceptance)
{
    static const model_action acts[] = {take_away, augment, block};
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned when = MODEL_BEFORE_REPLY; when <= MODEL_BEFORE_ENTRY; when++) {
            struct td_rig r;
            start(&r, td_retouch);
            ck_assert(model_plan(r.vm, 1, (enum model_when)when, acts[i], NULL));
            (void)td_rig_run(&r);
            ck_assert_int_eq(model_outcome(r.vm), MODEL_STUCK);
            ck_assert_ptr_null(model_objection(r.vm, 0));
            td_rig_done(&r);
        }
    }
}
END_TEST

/* The same by an interrupt right after MEM.PAGE.ACCEPT; a page cannot be put elsewhere. */
START_TEST(test_page_taken_away_between_two_instructions)
{
    struct td_rig r;
    for (unsigned i = 0; i < 2; i++) {
        start(&r, td_accept);
        ck_assert(model_td_plan(r.vm, 1, i == 0 ? take_away : block, NULL));
        ends(&r, STUCK, NULL);
    }
    start(&r, td_accept);
    model_evil_remap(r.vm, PAGE, PAGE + MODEL_PAGE);
    ends(&r, 0, NULL);
}
END_TEST

START_TEST(test_acceptance_refused)
{
    struct td_rig r;
    start(&r, td_patient);
    model_td_evil_accept(r.vm, BUSY, 4);
    ends(&r, 0, NULL);
    start(&r, td_patient);
    model_td_evil_accept(r.vm, BUSY, 5);
    ends(&r, 5, NULL);
    start(&r, td_accept);
    model_td_evil_accept(r.vm, ALREADY, 1);
    ends(&r, 1, NULL);
    start(&r, td_accept); /* a page that stands there before it is asked for */
    model_td_evil_aug(r.vm, PAGE);
    ends(&r, 0, NULL);
}
END_TEST

START_TEST(test_rtmr_refused)
{
    struct td_rig r;
    start(&r, td_rtmr);
    model_td_evil_rtmr(r.vm, BUSY, 2);
    ends(&r, 0, NULL);
    start(&r, td_rtmr);
    model_td_evil_rtmr(r.vm, BUSY, 3);
    ends(&r, 1, NULL);
}
END_TEST

/* MapGPA: said to be done and not done, refused, and never at an end. */
START_TEST(test_conversion_lied_about)
{
    struct td_rig r;
    start(&r, td_map);
    model_evil_psc_lie(r.vm, true);
    ends(&r, 0, NULL); /* each access converts its page by itself */
    start(&r, td_map);
    model_evil_psc_refuse(r.vm, 1);
    ends(&r, 7, NULL);
    const uint64_t next[] = {0, TD_RIG_WINDOW, TD_RIG_WINDOW | 1ull << 47,
                             (TD_RIG_WINDOW | 1ull << 47) + 0x200000};
    for (unsigned i = 0; i < 4; i++) {
        start(&r, td_map);
        model_td_evil_map_stall(r.vm, true, next[i]);
        ends(&r, 7, NULL);
    }
}
END_TEST

static void wrong_status(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    model_td_evil_reply(vm, vcpu, 10, *(const uint64_t *)ctx);
    model_td_evil_reply(vm, vcpu, 3, 0xBAD); /* RBX is not exposed: stays */
}

START_TEST(test_replies_of_the_host)
{
    struct td_rig r;
    uint64_t status = 0x8000000000000000;
    for (unsigned nth = 1; nth <= 2; nth++) {
        start(&r, td_calls);
        ck_assert(model_plan(r.vm, nth, MODEL_BEFORE_ENTRY, wrong_status, &status));
        ends(&r, 1, NULL);
    }
    start(&r, td_exposed);
    ends(&r, 0, NULL);
    start(&r, td_exposed);
    model_td_evil_scramble(r.vm, true);
    ends(&r, 2, NULL);
    start(&r, td_cpuid);
    model_evil_cpuid(r.vm, 0x40000000, 1, 0x12345678);
    ends(&r, 1, NULL);
    start(&r, td_cpuid); /* a leaf of the module's is beyond the host */
    model_evil_cpuid(r.vm, 0x21, 1, 0x12345678);
    ends(&r, 0, NULL);
}
END_TEST

static void change(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    static const uint8_t other[] = {0x99};
    (void)vcpu;
    (void)ctx;
    model_evil_write(vm, TD_RIG_WINDOW, other, sizeof(other));
}

START_TEST(test_shared_memory_changes_between_two_reads)
{
    for (unsigned nth = 0; nth < 3; nth++) { /* before the first, between, after both */
        struct td_rig r;
        start(&r, td_window);
        ck_assert(model_plan_read(r.vm, TD_RIG_WINDOW, MODEL_PAGE, nth, change, NULL));
        ends(&r, nth == 1 ? 3 : 0, NULL);
    }
}
END_TEST

struct event {
    unsigned vector;
    uint64_t reason;
};

static void inject(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    const struct event *e = ctx;
    if (e->vector == 20) {
        model_td_evil_ve(vm, vcpu, 48, 0, 0xD0000000);
    } else {
        model_evil_inject(vm, vcpu, e->vector, false, 0);
    }
}

/* A maskable vector waits for RFLAGS.IF; one that the guest has no gate for ends it. */
START_TEST(test_unexpected_events)
{
    struct td_rig r;
    static const uint8_t *const programs[] = {td_io, td_io, td_io, td_io, td_wakeful};
    struct event events[] = {{20, 0x1030}, {6, 0x2006}, {3, STUCK}, {0x80, 0}, {0x80, STUCK}};
    for (unsigned i = 0; i < 5; i++) {
        start(&r, programs[i]);
        ck_assert(model_plan(r.vm, 1, MODEL_BEFORE_ENTRY, inject, &events[i]));
        ends(&r, events[i].reason, events[i].reason == STUCK ? "guest.shutdown" : NULL);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_tdx_host");
    TCase *t = tcase_create("host");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, test_page_taken_away_after_acceptance);
    tcase_add_test(t, test_page_taken_away_between_two_instructions);
    tcase_add_test(t, test_acceptance_refused);
    tcase_add_test(t, test_rtmr_refused);
    tcase_add_test(t, test_conversion_lied_about);
    tcase_add_test(t, test_replies_of_the_host);
    tcase_add_test(t, test_shared_memory_changes_between_two_reads);
    tcase_add_test(t, test_unexpected_events);
    suite_add_tcase(s, t);
    return run_suite(s);
}
