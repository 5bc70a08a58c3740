/* SPDX-License-Identifier: Apache-2.0
 * test_model_entry.c - the Linux entry: one good hand-over, and one breach of each rule.
 */
#include "handover.h"
#include "rig.h"

#include "../unit/check_main.h"

#include <stdio.h>
#include <string.h>

#define PROGRAM(name) extern const uint8_t program_##name[]
PROGRAM(enter);
PROGRAM(enter_interruptible);
PROGRAM(enter_touching);
PROGRAM(enter_lazy);
PROGRAM(enter_cs);
PROGRAM(enter_gdt);
PROGRAM(enter_cpuid);

static void run(struct rig *r, const struct handover *h)
{
    rig_launch(r, NULL, h->program != NULL ? h->program : program_enter, 1);
    rig_page(r, MU_PAGE_NORMAL, BOOT_PARAMS, h->boot_params, sizeof(h->boot_params));
    rig_page(r, MU_PAGE_NORMAL, CMDLINE, h->cmdline, sizeof(h->cmdline));
    rig_page(r, MU_PAGE_NORMAL, SETUP_DATA, h->setup_data, sizeof(h->setup_data));
    rig_page(r, MU_PAGE_NORMAL, CC_BLOB, h->cc_blob, sizeof(h->cc_blob));
    rig_page(r, MU_PAGE_NORMAL, ACPI, h->acpi, sizeof(h->acpi));
    rig_page(r, MU_PAGE_NORMAL, KERNEL, h->kernel, sizeof(h->kernel));
    rig_page(r, MU_PAGE_NORMAL, INITRD, h->initrd, sizeof(h->initrd));
    rig_seal(r);
    if (h->touch) {
        model_watch_touch(r->vm);
    }
    model_expect_entry(r->vm, &h->want);
    ck_assert_int_eq(rig_run(r), MODEL_ENTERED);
}

START_TEST(test_good_handover_meets_no_objection)
{
    static struct handover h;
    struct rig r;
    handover_good(&h);
    run(&r, &h);
    const struct model_objection *o = model_objection(r.vm, 0);
    ck_assert_msg(o == NULL, "%s: %s", o != NULL ? o->rule : "", o != NULL ? o->text : "");
    rig_done(&r);
}
END_TEST

struct breach {
    const char *rule;
    size_t at; /* in struct handover */
    unsigned size;
    uint64_t value;
};
#define BP(offset) (offsetof(struct handover, boot_params) + (offset))

static const struct breach breaches[] = {
    {"entry.header", BP(0x202), 4, 0},
    {"entry.loader", BP(0x210), 1, 0},
    {"entry.sentinel", BP(0x1EF), 1, 1},
    {"entry.e820", BP(0x1E8), 1, 0},
    {"entry.e820", BP(0x1E8), 1, 129},
    {"entry.e820", BP(0x2D0 + 20), 8, 0x23000},        /* overlaps */
    {"entry.e820", BP(0x2D0 + 48), 8, UINT64_MAX},     /* wraps */
    {"entry.ram_validated", BP(0x2D0 + 36), 4, 1},     /* the reserved page as RAM */
    {"entry.ram_size", BP(0x2D0 + 60 + 8), 8, 0x1000}, /* less RAM than there is */
    {"entry.private", BP(0x250), 8, 0x800000},         /* in shared memory */
    {"entry.cc_blob", BP(0x250), 8, 0},
    {"entry.setup_data", offsetof(struct handover, setup_data), 8, SETUP_DATA}, /* a loop */
    {"entry.cc_blob", offsetof(struct handover, cc_blob), 4, 0},
    {"entry.cc_blob", offsetof(struct handover, cc_blob) + 16, 4, 4095},
    {"entry.secrets", offsetof(struct handover, cc_blob) + 8, 8, RIG_CPUID},
    {"entry.cpuid", offsetof(struct handover, cc_blob) + 24, 8, RIG_SECRETS},
    {"entry.kernel", offsetof(struct handover, kernel) + KERNEL_SIZE - 1, 1, 0x77},
    {"entry.initrd", offsetof(struct handover, initrd), 1, 1},
    {"entry.initrd", BP(0x21C), 4, INITRD_SIZE - 1},
    {"entry.cmdline", offsetof(struct handover, cmdline) + 7, 1, '2'},
    {"entry.private", BP(0x260), 4, KERNEL_SIZE + 0x4000}, /* init_size beyond validated memory */
};

START_TEST(test_each_breach_is_seen)
{
    static struct handover h;
    const struct breach *b = &breaches[_i];
    struct rig r;
    handover_good(&h);
    if (strcmp(b->rule, "entry.ram_size") == 0) {
        h.want.ram_size = 8u << 20;
    }
    handover_put((uint8_t *)&h + b->at, b->size, b->value);
    run(&r, &h);
    ck_assert_msg(model_objects(r.vm, b->rule), "no objection %s (case %d)", b->rule, _i);
    rig_done(&r);
}
END_TEST

/* The ACPI tables of a good hand-over, and one byte of them changed. */
START_TEST(test_acpi_tables)
{
    static const struct {
        size_t at;
        const char *rule;
    } rows[] = {{0, "entry.acpi"},           {15, "entry.acpi"},    {0x100, "entry.acpi"},
                {0x200 + 140, "entry.acpi"}, {0x400, "entry.acpi"}, {0x500, "entry.acpi"}};
    static struct handover h;
    struct rig r;
    for (unsigned i = 0; i <= 6; i++) {
        handover_good(&h);
        handover_acpi(&h);
        if (i > 0) {
            h.acpi[rows[i - 1].at] ^= 0x20;
        }
        run(&r, &h);
        ck_assert_int_eq(model_objection(r.vm, 0) != NULL, i > 0);
        ck_assert(i == 0 || model_objects(r.vm, rows[i - 1].rule));
        rig_done(&r);
    }
    handover_good(&h);
    handover_acpi(&h);
    h.want.cpus = 1;
    run(&r, &h);
    ck_assert(model_objects(r.vm, "entry.acpi_cpus"));
    rig_done(&r);
}
END_TEST

START_TEST(test_validated_pages_are_touched)
{
    static struct handover h;
    for (unsigned lazy = 0; lazy < 2; lazy++) {
        struct rig r;
        handover_good(&h);
        h.boot_params[0x1E8] = 1; /* RAM anew: the page at 40000 is part of it */
        handover_e820(&h, 0x40000, 0x1000, 1);
        handover_e820(&h, KERNEL, 0x2000, 1);
        handover_e820(&h, INITRD, 0x2000, 1);
        h.want.ram_size = 0x9000;
        h.touch = true;
        h.program = lazy != 0 ? program_enter_lazy : program_enter_touching;
        run(&r, &h);
        ck_assert_int_eq(model_objects(r.vm, "entry.touched"), lazy != 0);
        ck_assert_int_eq(model_objection(r.vm, 0) != NULL, lazy != 0);
        rig_done(&r);
    }
}
END_TEST

START_TEST(test_what_must_be_wiped)
{
    static struct handover h;
    static const struct model_range ranges[] = {{0xE000, 0x1000}, {0x8000, 8}};
    struct rig r;
    handover_good(&h);
    h.want.wiped = ranges;
    h.want.wiped_count = 1;
    run(&r, &h);
    ck_assert_ptr_null(model_objection(r.vm, 0));
    rig_done(&r);
    h.want.wiped_count = 2; /* there stand page tables */
    run(&r, &h);
    ck_assert(model_objects(r.vm, "entry.wiped"));
    rig_done(&r);
}
END_TEST

START_TEST(test_state_of_the_processor_and_the_cpuid_page)
{
    static struct handover h;
    const struct {
        const uint8_t *program;
        const char *rule;
    } rows[] = {{program_enter_interruptible, "entry.interrupts"},
                {program_enter_cs, "entry.cs"},
                {program_enter_gdt, "entry.gdt"},
                {program_enter_cpuid, "entry.cpuid_changed"}};
    for (unsigned i = 0; i < 4; i++) {
        struct rig r;
        handover_good(&h);
        h.program = rows[i].program;
        run(&r, &h);
        ck_assert_msg(model_objects(r.vm, rows[i].rule), "no objection %s", rows[i].rule);
        rig_done(&r);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_entry");
    TCase *t = tcase_create("entry");
    tcase_add_test(t, test_good_handover_meets_no_objection);
    tcase_add_loop_test(t, test_each_breach_is_seen, 0,
                        (int)(sizeof(breaches) / sizeof(breaches[0])));
    tcase_add_test(t, test_acpi_tables);
    tcase_add_test(t, test_validated_pages_are_touched);
    tcase_add_test(t, test_what_must_be_wiped);
    tcase_add_test(t, test_state_of_the_processor_and_the_cpuid_page);
    suite_add_tcase(s, t);
    return run_suite(s);
}
