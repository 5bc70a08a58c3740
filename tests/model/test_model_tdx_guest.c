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

/* Runs a program; expects its reason, and the one objection, NULL for none. */
static void expect(struct td_rig *r, const uint8_t *program, uint64_t reason, const char *rule)
{
    uint64_t got = td_rig_program(r, program);
    const struct model_objection *o = model_objection(r->vm, 0);
    ck_assert_msg(got == reason, "ended with %#lx, outcome %d: %s: %s", (unsigned long)got,
                  model_outcome(r->vm), o != NULL ? o->rule : "", o != NULL ? o->text : "");
    if (rule == NULL) {
        ck_assert_msg(o == NULL, "%s: %s", o != NULL ? o->rule : "", o != NULL ? o->text : "");
    } else {
        ck_assert_msg(model_objects(r->vm, rule), "no objection %s", rule);
    }
}

START_TEST(test_reset_vector_reaches_64_bit)
{
    struct td_rig r;
    expect(&r, td_ok, 0, NULL);
    ck_assert_uint_gt(model_counts(r.vm).instructions, 1000);
    td_rig_done(&r);
}
END_TEST

START_TEST(test_page_is_accepted_and_used)
{
    struct td_rig r;
    expect(&r, td_accept, 0, NULL);
    ck_assert_uint_eq(model_counts(r.vm).accepts, 1);
    ck_assert_int_eq(model_td_entry_at(r.vm, 0x200000).state, MODEL_SEPT_MAPPED);
    td_rig_done(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_tdx_guest");
    TCase *t = tcase_create("guest");
    tcase_add_test(t, test_reset_vector_reaches_64_bit);
    tcase_add_test(t, test_page_is_accepted_and_used);
    suite_add_tcase(s, t);
    return run_suite(s);
}
