/* SPDX-License-Identifier: Apache-2.0
 * test_model_tdx_entry.c - the Linux entry of a TD: one good hand-over, after which Linux, played
 * by the model, wakes the other processors; and one breach of each rule.
 */
#include "handover.h"
#include "rig_tdx.h"

#include "../unit/check_main.h"

#include <string.h>

#define PROGRAM(name) extern const uint8_t td_##name[]
PROGRAM(enter);
PROGRAM(enter_rtmr);
PROGRAM(hlt_call);
PROGRAM(empties);
PROGRAM(ap);
PROGRAM(ap_keeps);
PROGRAM(ap_interruptible);
PROGRAM(ap_deaf);
PROGRAM(ap_any);
PROGRAM(ap_linux);
PROGRAM(ap_moved);

#define MAILBOX 0x30000u
#define LOG 0x31000u
#define TRAMPOLINE 0x9F000u
#define LOG_SIZE 0x400u
#define EVENT 67u /* bytes of one record without data, and one byte of it */

struct td_handover {
    struct handover h;
    uint8_t mailbox[4096], log[LOG_SIZE];
    uint8_t rtmrs[4][48];
    const uint8_t *program, *ap, *ap2;
    unsigned vcpus;
    bool prefilled; /* a host that puts a command into the mailbox */
};

/* Head, and one event of RTMR1 whose digest is zero: what td_enter_rtmr extends. */
static void event_log(struct td_handover *t)
{
    uint8_t *p = t->log;
    memset(p, 0xFF, LOG_SIZE);
    memset(p, 0, 32 + 33 + EVENT);
    handover_put(p, 4, 1);
    handover_put(p + 4, 4, 3);
    handover_put(p + 28, 4, 33);
    memcpy(p + 32, "Spec ID Event03", 16);
    handover_put(p + 32 + 24, 4, 1);
    handover_put(p + 32 + 28, 2, 0xC);
    handover_put(p + 32 + 30, 2, 48);
    p += 65;
    handover_put(p, 4, 2);
    handover_put(p + 4, 4, 0xD);
    handover_put(p + 8, 4, 1);
    handover_put(p + 12, 2, 0xC);
    handover_put(p + 62, 4, 1);
}

/* Beside the tables for two processors: mailbox in the MADT, and CCEL at 320. */
static void tables(struct td_handover *t)
{
    uint8_t *a = t->h.acpi;
    handover_acpi(&t->h);
    handover_put(a + 0x104, 4, 36 + 24);
    handover_put(a + 0x100 + 52, 8, ACPI + 0x320);
    memcpy(a + 0x320, "CCEL", 4);
    handover_put(a + 0x324, 4, 56);
    a[0x320 + 36] = 2;
    handover_put(a + 0x320 + 40, 8, LOG_SIZE);
    handover_put(a + 0x320 + 48, 8, LOG);
    handover_put(a + 0x404, 4, 44 + 8 + 16 + 16);
    uint8_t *e = a + 0x400 + 44 + 8; /* the second as an x2APIC */
    memset(e, 0, 8);
    e[0] = 9;
    e[1] = 16;
    handover_put(e + 4, 4, 1);
    e[8] = 1;
    e += 16;
    e[0] = 0x10;
    e[1] = 16;
    handover_put(e + 8, 8, MAILBOX);
}

static void sums(struct td_handover *t)
{
    uint8_t *a = t->h.acpi;
    handover_sum(a + 0x100, 36 + 24, 9);
    handover_sum(a + 0x320, 56, 9);
    handover_sum(a + 0x400, 84, 9);
}

static void good(struct td_handover *t)
{
    static const uint8_t extended[] = {0xF5, 0x7B, 0xB7, 0xED, 0x82, 0xC6, 0xAE, 0x4A, 0x29, 0xE6,
                                       0xC9, 0x87, 0x93, 0x38, 0xC5, 0x92, 0xC7, 0xD4, 0x2A, 0x39,
                                       0x13, 0x55, 0x83, 0xE8, 0xCC, 0xBE, 0x39, 0x40, 0xF2, 0x34,
                                       0x4B, 0x0E, 0xB6, 0xEB, 0x85, 0x03, 0xDB, 0x0F, 0xFD, 0x6A,
                                       0x39, 0xDD, 0xD0, 0x0C, 0xD0, 0x7D, 0x83, 0x17}; /* b.5 */
    memset(t, 0, sizeof(*t));
    handover_good(&t->h);
    handover_put(t->h.boot_params + 0x250, 8, 0);
    t->h.boot_params[0x1E8] = 0;
    handover_e820(&t->h, BOOT_PARAMS, 0x4000, 1);
    handover_e820(&t->h, ACPI, 0x2000, 2);
    handover_e820(&t->h, MAILBOX, 0x2000, 4); /* and the log */
    handover_e820(&t->h, TRAMPOLINE, 0x1000, 1);
    handover_e820(&t->h, KERNEL, 0x2000, 1);
    handover_e820(&t->h, INITRD, 0x2000, 1);
    tables(t);
    sums(t);
    event_log(t);
    t->h.want.ram_size = 0x9000;
    memcpy(t->rtmrs[1], extended, sizeof(extended));
    t->h.want.rtmrs = t->rtmrs[0];
    t->program = td_enter_rtmr;
    t->ap = t->ap2 = td_ap;
    t->vcpus = 2;
}

static void launch(struct td_rig *r, struct td_handover *t)
{
    const struct handover *h = &t->h;
    td_rig_init(r);
    r->programs[1] = (uint64_t)(t->ap - td_rom);
    r->programs[2] = (uint64_t)(t->ap2 - td_rom);
    td_rig_launch(r, NULL, t->program, t->vcpus);
    td_rig_page(r, BOOT_PARAMS, h->boot_params, sizeof(h->boot_params), false);
    td_rig_page(r, CMDLINE, h->cmdline, sizeof(h->cmdline), false);
    td_rig_page(r, SETUP_DATA, h->setup_data, sizeof(h->setup_data), false);
    td_rig_page(r, CC_BLOB, h->cc_blob, sizeof(h->cc_blob), false);
    td_rig_page(r, ACPI, h->acpi, sizeof(h->acpi), false);
    td_rig_page(r, MAILBOX, t->mailbox, sizeof(t->mailbox), false);
    td_rig_page(r, LOG, t->log, sizeof(t->log), false);
    td_rig_page(r, TRAMPOLINE, NULL, MODEL_PAGE, false);
    td_rig_page(r, KERNEL, h->kernel, sizeof(h->kernel), true);
    td_rig_page(r, INITRD, h->initrd, sizeof(h->initrd), false);
    td_rig_seal(r);
    model_expect_entry(r->vm, &h->want);
}

static void run(struct td_rig *r, struct td_handover *t)
{
    launch(r, t);
    enum model_outcome outcome = td_rig_run(r);
    const struct model_objection *o = model_objection(r->vm, 0);
    ck_assert_msg(outcome == MODEL_ENTERED, "outcome %d, %s: %s", outcome, o != NULL ? o->rule : "",
                  o != NULL ? o->text : "");
}

START_TEST(test_good_handover_and_all_processors_come)
{
    static struct td_handover t;
    for (unsigned cpus = 1; cpus <= 3; cpus++) {
        struct td_rig r;
        good(&t);
        t.vcpus = cpus;
        t.h.want.cpus = cpus;
        if (cpus == 1) { /* the second is not enabled */
            t.h.acpi[0x400 + 44 + 8 + 8] = 0;
        } else if (cpus == 3) { /* its entry in the place of the mailbox's, which follows */
            uint8_t *e = t.h.acpi + 0x400 + 44 + 8 + 16;
            memcpy(e + 16, e, 16);
            memcpy(e, e - 16, 16);
            handover_put(e + 4, 4, 2);
            handover_put(t.h.acpi + 0x404, 4, 100);
        }
        sums(&t);
        handover_sum(t.h.acpi + 0x400, cpus == 3 ? 100 : 84, 9);
        run(&r, &t);
        const struct model_objection *o = model_objection(r.vm, 0);
        ck_assert_msg(o == NULL, "%s: %s", o != NULL ? o->rule : "", o != NULL ? o->text : "");
        td_rig_done(&r);
    }
}
END_TEST

#define BP(offset) (offsetof(struct td_handover, h.boot_params) + (offset))
#define TABLE(offset) (offsetof(struct td_handover, h.acpi) + (offset))
#define IN_LOG(offset) (offsetof(struct td_handover, log) + (offset))
#define EVENT_AT 65u
#define MADT_X2 (0x400u + 44u + 8u)
#define MADT_MAILBOX (MADT_X2 + 16u)

static const struct {
    const char *rule;
    size_t at; /* in struct td_handover */
    unsigned size;
    uint64_t value;
} breaches[] = {
    {"entry.ccel", TABLE(0x320), 1, 'X'}, /* no such table */
    {"entry.ccel", TABLE(0x320 + 36), 1, 1},
    {"entry.ccel", TABLE(0x320 + 40), 8, 0},
    {"entry.ccel", TABLE(0x320 + 40), 8, 0x100001},
    {"entry.acpi", TABLE(0x320 + 4), 4, 57},
    {"entry.private", TABLE(0x320 + 48), 8, 0x800000}, /* the log in shared memory */
    {"entry.log", IN_LOG(4), 4, 4},
    {"entry.log", IN_LOG(28), 4, LOG_SIZE},
    {"entry.log", IN_LOG(32), 1, 's'},
    {"entry.log", IN_LOG(32 + 28), 2, 0xB},
    {"entry.log", IN_LOG(EVENT_AT), 4, 5},
    {"entry.log", IN_LOG(EVENT_AT), 4, 0},
    {"entry.log", IN_LOG(EVENT_AT + 8), 4, 2},
    {"entry.log", IN_LOG(EVENT_AT + 62), 4, LOG_SIZE},
    {"entry.log_replay", IN_LOG(EVENT_AT), 4, 3},
    {"entry.log_replay", IN_LOG(EVENT_AT + 4), 4, 3},
    {"entry.log_replay", IN_LOG(EVENT_AT + 14), 1, 1},
    {"entry.log_replay", IN_LOG(EVENT_AT), 4, UINT32_MAX},
    {"entry.log_ram", TABLE(0x320 + 48), 8, CC_BLOB},
    {"entry.mailbox", TABLE(MADT_MAILBOX), 1, 0x11}, /* no such entry */
    {"entry.mailbox", TABLE(MADT_MAILBOX + 2), 2, 2},
    {"entry.mailbox", TABLE(MADT_MAILBOX + 8), 8, MAILBOX + 8},
    {"entry.mailbox_e820", BP(0x2D0 + 40 + 16), 4, 3},
    {"entry.mailbox_e820", TABLE(MADT_MAILBOX + 8), 8, TRAMPOLINE},
    {"entry.private", TABLE(MADT_MAILBOX + 8), 8, 0x800000},
    {"entry.mailbox_zero", offsetof(struct td_handover, mailbox) + 2047, 1, 1},
    {"entry.apic_ids", TABLE(MADT_X2 + 4), 4, 5},
    {"entry.rtmr", offsetof(struct td_handover, rtmrs) + 48, 1, 0},
    {"entry.cc_blob", BP(0x250), 8, SETUP_DATA},
    {"entry.ram_validated", BP(0x2D0 + 60), 8, TRAMPOLINE - 0x1000},
};

START_TEST(test_each_breach_is_seen)
{
    static struct td_handover t;
    struct td_rig r;
    good(&t);
    t.ap = td_ap_deaf; /* what comes after the entry does not matter */
    handover_put((uint8_t *)&t + breaches[_i].at, breaches[_i].size, breaches[_i].value);
    sums(&t);
    run(&r, &t);
    ck_assert_msg(model_objects(r.vm, breaches[_i].rule), "no objection %s (case %d)",
                  breaches[_i].rule, _i);
    td_rig_done(&r);
}
END_TEST

START_TEST(test_each_way_not_to_come)
{
    static struct td_handover t;
    static const struct {
        const uint8_t *ap, *ap2;
        const char *rule;
        bool tables_in_ram;
    } rows[] = {{td_ap_deaf, NULL, "entry.ap_lost", false},
                {td_ap_keeps, NULL, "entry.ap_command", false},
                {td_ap_interruptible, NULL, "entry.ap_interrupts", false},
                {td_ap_moved, NULL, "entry.ap_identity", false},
                {td_ap, NULL, "entry.ap_tables", true},
                {td_ap_deaf, td_ap_any, "entry.ap_wrong", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct td_rig r;
        good(&t);
        t.ap = rows[i].ap;
        t.ap2 = rows[i].ap2 != NULL ? rows[i].ap2 : td_ap;
        t.vcpus = rows[i].ap2 != NULL ? 3 : 2;
        if (rows[i].tables_in_ram) { /* the reserved range becomes RAM where they lie */
            handover_put(t.h.boot_params + 0x2D0, 8, 0xD000);
            handover_put(t.h.boot_params + 0x2D8, 8, 0x5000);
        }
        run(&r, &t);
        ck_assert_msg(model_objects(r.vm, rows[i].rule), "no objection %s", rows[i].rule);
        td_rig_done(&r);
    }
}
END_TEST

/* A mailbox that the host filled before the launch: a processor that believes it goes astray, one
 * whose mailbox is emptied first does not. */
START_TEST(test_mailbox_filled_by_the_host)
{
    static struct td_handover t;
    uint8_t command[16] = {1, 0, 0, 0, 1};
    handover_put(command + 8, 8, KERNEL + 0x200);
    for (unsigned emptied = 0; emptied < 2; emptied++) {
        struct td_rig r;
        good(&t);
        t.program = emptied != 0 ? td_empties : td_hlt_call;
        t.ap = td_ap_any;
        launch(&r, &t);
        ck_assert(model_td_evil_prefill(r.vm, MAILBOX, command, sizeof(command)));
        ck_assert(!model_td_evil_prefill(r.vm, KERNEL, command, sizeof(command))); /* measured */
        ck_assert(!model_td_evil_prefill(r.vm, 0x200000, command, sizeof(command)));
        (void)td_rig_run(&r);
        ck_assert(!model_td_evil_prefill(r.vm, MAILBOX, command, sizeof(command))); /* too late */
        ck_assert_int_eq(model_objects(r.vm, "entry.bsp"), emptied == 0);
        ck_assert_uint_eq(td_rig_reason(&r), emptied != 0 ? 0 : UINT64_MAX);
        td_rig_done(&r);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_tdx_entry");
    TCase *t = tcase_create("entry");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, test_good_handover_and_all_processors_come);
    tcase_add_loop_test(t, test_each_breach_is_seen, 0,
                        (int)(sizeof(breaches) / sizeof(breaches[0])));
    tcase_add_test(t, test_each_way_not_to_come);
    tcase_add_test(t, test_mailbox_filled_by_the_host);
    suite_add_tcase(s, t);
    return run_suite(s);
}
