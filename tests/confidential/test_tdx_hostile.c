/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_hostile.c - the host does what it can to a TD that boots. Each case has a name and one
 * right end: the firmware's own reason, a shutdown, or a standstill; never the Linux entry with a
 * byte that is not the measured one or a page that is not the TD's (threats.md B).
 *
 * Calls to the VMM in an honest boot: the marks entered, copied, verified, then "payload done" and
 * the mark jump. What is accepted comes between the first and the second, but for two pages.
 */
#include "tdx.h"
#include "window.h"

#include <stdio.h>
#include <string.h>

#define RAM WINDOW_RAM
enum { AT_START = 0, AT_ENTERED = 1, AT_COPIED, AT_VERIFIED, AT_DONE, AT_JUMP };

#define BUSY UINT64_C(0x8000020000000001)
#define ACCEPTED UINT64_C(0x00000B0A00000000)
#define WRONG_SIZE UINT64_C(0xC0000B0B00000001)
#define INVALID UINT64_C(0xC000010000000001)
#define FOR_EVER 1000000u

static struct world w;

static void prepare(void)
{
    window_prepare(&w, world_init_tdx);
}

static void launch(void)
{
    window_launch(&w);
}

static void expect_end(int end)
{
    window_expect_end(&w, end);
}

/* ---- At a call, or before the first step ---- */

struct at_call {
    const char *name;
    unsigned nth; /* 0: before the TD runs */
    void (*act)(struct model_vm *vm, unsigned vcpu, void *ctx);
    uint64_t a, b;
    int end;
};

static void act_accept(struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    const struct at_call *x = ctx;
    model_td_evil_accept(vm, x->a, (unsigned)x->b);
}

static void act_rtmr(struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    const struct at_call *x = ctx;
    model_td_evil_rtmr(vm, x->a, (unsigned)x->b);
}

static void act_reply(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    const struct at_call *x = ctx;
    model_td_evil_reply(vm, vcpu, (unsigned)x->a, x->b);
}

static void act_scramble(struct model_vm *vm, CL_UNUSED unsigned vcpu, CL_UNUSED void *ctx)
{
    model_td_evil_scramble(vm, true);
}

static void act_block(struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    model_td_evil_block(vm, ((const struct at_call *)ctx)->a, true);
}

static void act_remove(struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    model_td_evil_remove(vm, ((const struct at_call *)ctx)->a);
}

static void act_aug(struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    model_td_evil_aug(vm, ((const struct at_call *)ctx)->a);
}

static void act_ve(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    const struct at_call *x = ctx;
    model_td_evil_ve(vm, vcpu, (uint32_t)x->a, 0, x->b);
}

static void act_inject(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    const struct at_call *x = ctx;
    model_evil_inject(vm, vcpu, (unsigned)x->a, x->b != 0, x->b);
}

static void act_starve(struct model_vm *vm, CL_UNUSED unsigned vcpu, CL_UNUSED void *ctx)
{
    model_evil_starve(vm, true);
}

static const struct at_call calls[] = {
    {"mailbox accepted before", AT_START, act_accept, ACCEPTED, 1, R(TDX_ACCEPTED)},
    {"mailbox cannot be accepted", AT_START, act_accept, INVALID, 1, R(TDX_ACCEPT)},
    {"mailbox busy for ever", AT_START, act_accept, BUSY, FOR_EVER, R(TDX_ACCEPT)},
    {"mailbox smaller than a page", AT_START, act_accept, WRONG_SIZE, 1, R(TDX_ACCEPT)},
    {"mailbox busy for a while", AT_START, act_accept, BUSY, 100, END_SAFE},
    {"RAM accepted before", AT_ENTERED, act_accept, ACCEPTED, 1, R(TDX_ACCEPTED)},
    {"RAM cannot be accepted", AT_ENTERED, act_accept, INVALID, 1, R(TDX_ACCEPT)},
    {"RAM: an unknown answer", AT_ENTERED, act_accept, 1, 1, R(TDX_ACCEPT)},
    {"RAM: all ones", AT_ENTERED, act_accept, UINT64_MAX, 1, R(TDX_ACCEPT)},
    {"RAM busy for ever", AT_ENTERED, act_accept, BUSY, FOR_EVER, R(TDX_ACCEPT)},
    {"RAM busy for a while", AT_ENTERED, act_accept, BUSY, 999, END_SAFE},
    {"hand-off blocks not measured", AT_ENTERED, act_rtmr, INVALID, 1, R(TDX_RTMR)},
    {"hand-off blocks: register busy for ever", AT_ENTERED, act_rtmr, BUSY, FOR_EVER, R(TDX_RTMR)},
    {"hand-off blocks: register busy", AT_ENTERED, act_rtmr, BUSY, 5, END_SAFE},
    {"kernel not measured", AT_COPIED, act_rtmr, INVALID, 1, R(TDX_RTMR)},
    {"kernel: register busy for ever", AT_COPIED, act_rtmr, BUSY, FOR_EVER, R(TDX_RTMR)},
    {"port output: invalid operand", AT_ENTERED, act_reply, 10, UINT64_C(1) << 63, R(TDX_ANSWER)},
    {"port output: try again", AT_ENTERED, act_reply, 10, 1, R(TDX_ANSWER)},
    {"payload done: refused", AT_DONE, act_reply, 10, 1, R(TDX_ANSWER)},
    {"port output: another value comes back", AT_ENTERED, act_reply, 11, 0x501, END_SAFE},
    {"every register comes back as another", AT_ENTERED, act_scramble, 0, 0, END_SAFE},
    {"stack taken away", AT_ENTERED, act_remove, 0xB000, 0, END_STANDSTILL},
    {"state taken away", AT_ENTERED, act_remove, 0xD000, 0, END_STANDSTILL},
    {"page table taken away", AT_ENTERED, act_remove, 0x3000, 0, END_SHUTDOWN},
    {"hash page taken away", AT_ENTERED, act_remove, 0x10000, 0, END_STANDSTILL},
    {"hand-off blocks taken away", AT_ENTERED, act_remove, 0x13000, 0, END_STANDSTILL},
    {"hand-off blocks replaced", AT_ENTERED, act_aug, 0x13000, 0, END_STANDSTILL},
    {"hash page replaced", AT_ENTERED, act_aug, 0x10000, 0, END_STANDSTILL},
    {"hash page blocked", AT_ENTERED, act_block, 0x10000, 0, END_STANDSTILL},
    {"log replaced", AT_ENTERED, act_aug, 0x12000, 0, END_STANDSTILL},
    {"kernel taken away after the copy", AT_COPIED, act_remove, 0x1000000, 0, END_STANDSTILL},
    {"kernel replaced after the copy", AT_COPIED, act_aug, 0x1000000, 0, END_STANDSTILL},
    {"kernel blocked after the copy", AT_COPIED, act_block, 0x1000000, 0, END_STANDSTILL},
    {"initrd replaced after the copy", AT_COPIED, act_aug, RAM - 0x1000, 0, END_STANDSTILL},
    {"command line replaced after the copy", AT_COPIED, act_aug, 0x21000, 0, END_STANDSTILL},
    {"RAM augmented unasked", AT_ENTERED, act_aug, 0x400000, 0, END_SAFE},
    {"low RAM augmented unasked", AT_ENTERED, act_aug, 0x20000, 0, END_SAFE},
    {"ROM taken away", AT_ENTERED, act_remove, 0xFFFF3000, 0, END_STANDSTILL},
    {"#VE of a CPUID", AT_ENTERED, act_ve, 10, 0, R(EXC_20)},
    {"#VE of a port", AT_COPIED, act_ve, 30, 0, R(EXC_20)},
    {"#VE of MMIO", AT_COPIED, act_ve, 48, UINT64_C(0xD0000000), R(EXC_20)},
    {"#VE of private memory", AT_VERIFIED, act_ve, 48, 0x1000000, R(EXC_20)},
    {"divide error injected", AT_ENTERED, act_inject, 0, 0, R(EXC_0)},
    {"NMI injected", AT_ENTERED, act_inject, 2, 0, R(EXC_2)},
    {"general protection injected", AT_COPIED, act_inject, 13, 0x10, R(EXC_13)},
    {"machine check injected", AT_COPIED, act_inject, 18, 0, R(EXC_18)},
    {"external interrupt 32 waits", AT_COPIED, act_inject, 32, 0, END_SAFE},
    {"external interrupt 0x80 waits", AT_VERIFIED, act_inject, 0x80, 0, END_SAFE},
    {"no random numbers", AT_ENTERED, act_starve, 0, 0, R(RANDOM_FAILED)},
};

START_TEST(test_at_call)
{
    struct at_call x = calls[_i];
    prepare();
    launch();
    if (x.nth == AT_START) {
        x.act(world_vm(&w), 0, &x);
    } else {
        ck_assert(model_plan(world_vm(&w), x.nth, MODEL_BEFORE_ENTRY, x.act, &x));
    }
    world_run(&w);
    printf("%s: outcome %d %s\n", x.name, model_outcome(world_vm(&w)), w.vmm.status.reason);
    expect_end(x.end);
}
END_TEST

/* ---- The payload window ---- */

START_TEST(test_in_window)
{
    window_try(&w, world_init_tdx, (unsigned)_i);
}
END_TEST

START_TEST(test_bytes_that_change)
{
    window_try_changes(&w, world_init_tdx, window_flips[_i]);
}
END_TEST

/* ---- What the host puts into pages that the launch adds unmeasured ---- */

static void fill(uint64_t gpa, const void *data, size_t size)
{
    ck_assert(model_td_evil_prefill(world_vm(&w), gpa, data, size));
}

/* Temporary memory: tables, stack, state. Nothing of it is read before it is written. */
START_TEST(test_temporary_memory_of_any_content)
{
    static const uint8_t bytes[] = {0xFF, 0xCC, 0x01, 0x83};
    static uint8_t page[4096];
    prepare();
    w.cfg.cpu_count = 2;
    launch();
    memset(page, bytes[_i], sizeof(page));
    for (uint64_t gpa = STAGE0_OWN_GPA; gpa < STAGE0_OWN_END; gpa += 4096) {
        fill(gpa, page, sizeof(page));
    }
    world_run(&w);
    world_expect_linux(&w);
    world_free(&w);
}
END_TEST

static const struct {
    const char *name;
    unsigned offset;
    uint64_t value;
    int end;
} blocks[] = {
    {"another type at the head", 0, 2, R(TDX_HOB)},
    {"another length of the head", 2, 0xFFFF, R(TDX_HOB)},
    {"reserved word of the head", 4, 1, R(TDX_HOB)},
    {"another version", 8, 10, R(TDX_HOB)},
    {"another boot mode", 12, 1, R(TDX_HOB)},
    {"top of memory", 16, UINT64_MAX, R(TDX_HOB)},
    {"free memory", 40, 1, R(TDX_HOB)},
    {"end beyond the pages", 48, UINT64_C(0x15001), R(TDX_HOB)},
    {"end before the list", 48, UINT64_C(0x13000), R(TDX_HOB)},
    {"block of no length", 56 + 2, 0, R(TDX_HOB)},
    {"block that ends outside", 56 + 2, 0xFFF8, R(TDX_HOB)},
    {"owner", 56 + 8, 1, R(TDX_HOB)},
    {"unaccepted page said to be there", 56 + 24, 0, R(TDX_HOB)},
    {"attributes", 56 + 28, 3, R(TDX_HOB)},
    {"range that wraps", 56 + 40, UINT64_MAX, R(TDX_HOB)},
    {"range over the ROM", 56 + 5 * 48 + 40, UINT64_C(0x100000000), R(TDX_HOB)},
    {"range of another size", 56 + 5 * 48 + 40, UINT64_C(0x10000000), R(TDX_HOB)},
    {"overlapping range", 56 + 48 + 32, 0, R(TDX_HOB)},
    {"one more block", 56 + 6 * 48, UINT64_C(0x300003), R(TDX_HOB)},
    {"bytes behind the end", 56 + 6 * 48 + 8, 1, END_SAFE},
};

START_TEST(test_hand_off_blocks)
{
    uint8_t value[8];
    prepare();
    launch();
    memcpy(value, &blocks[_i].value, sizeof(value));
    /* as many bytes as the field has */
    unsigned offset = blocks[_i].offset;
    unsigned in_block = offset < 56 ? offset : (offset - 56) % 48;
    size_t size = in_block < 4 ? 2 : in_block == 4 || in_block == 24 || in_block == 28 ? 4 : 8;
    size = offset == 8 || offset == 12 ? 4 : offset == 56 + 6 * 48 ? 8 : size;
    fill(STAGE0_TD_HOB_GPA + offset, value, size);
    world_run(&w);
    printf("hand-off blocks, %s: %s\n", blocks[_i].name, w.vmm.status.reason);
    expect_end(blocks[_i].end);
}
END_TEST

/* ---- What the host launches ---- */

static struct tee_ops evil;
static uint8_t evil_page[4096] __attribute__((aligned(4096)));

static enum cl_status place_no_hashes(struct tee *t, enum tee_page_type type, uint64_t gpa,
                                      const void *hva, size_t size, struct cl_err *err)
{
    memset(evil_page, 0, sizeof(evil_page));
    return tee_tdx_ops.place_page(t, type, gpa, gpa == STAGE0_HASH_PAGE_GPA ? evil_page : hva, size,
                                  err);
}

/* The mailbox is there before stage0 accepts it, and says where to go. */
static enum cl_status place_mailbox(struct tee *t, enum tee_page_type type, uint64_t gpa,
                                    const void *hva, size_t size, struct cl_err *err)
{
    static const uint8_t command[16] = {1, 0, 0, 0, 1, 0, 0, 0, 0x00, 0x00, 0x00, 0x01};
    CL_TRY(tee_tdx_ops.place_page(t, type, gpa, hva, size, err));
    if (gpa != STAGE0_HASH_PAGE_GPA) {
        return CL_OK;
    }
    memset(evil_page, 0, sizeof(evil_page));
    memcpy(evil_page, command, sizeof(command));
    return tee_tdx_ops.place_page(t, type, STAGE0_MAILBOX_GPA, evil_page, 4096, err);
}

static const struct {
    const char *name;
    enum cl_status (*place)(struct tee *, enum tee_page_type, uint64_t, const void *, size_t,
                            struct cl_err *);
    int end;
} launches[] = {
    {"no hashes in the hash page", place_no_hashes, R(HASH_MISSING)},
    {"mailbox with a command", place_mailbox, R(TDX_ACCEPTED)},
};

START_TEST(test_launch)
{
    evil = tee_tdx_ops;
    evil.place_page = launches[_i].place;
    prepare();
    w.cfg.cpu_count = 2;
    w.cfg.tee = &evil;
    launch();
    world_run(&w);
    printf("launch, %s: %s\n", launches[_i].name, w.vmm.status.reason);
    expect_end(launches[_i].end);
}
END_TEST

/* The other CPU runs before the first one, and long: it asks for nothing, and goes nowhere. */
START_TEST(test_other_cpu_early)
{
    prepare();
    w.cfg.cpu_count = 2;
    launch();
    for (unsigned i = 0; i < 50 && model_outcome(world_vm(&w)) == MODEL_GOING; i++) {
        (void)vmm_vcpu_step(&w.vmm.vcpu[1]);
    }
    ck_assert_uint_eq(model_counts(world_vm(&w)).vmgexits, 0);
    ck_assert_int_eq(model_outcome(world_vm(&w)), MODEL_GOING);
    world_run(&w);
    world_expect_linux(&w);
    world_free(&w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_hostile");
    TCase *call = tcase_create("call");
    tcase_add_loop_test(call, test_at_call, 0, (int)CL_ARRAY_LEN(calls));
    tcase_add_loop_test(call, test_hand_off_blocks, 0, (int)CL_ARRAY_LEN(blocks));
    tcase_add_loop_test(call, test_temporary_memory_of_any_content, 0, 4);
    tcase_add_loop_test(call, test_launch, 0, (int)CL_ARRAY_LEN(launches));
    tcase_add_test(call, test_other_cpu_early);
    suite_add_tcase(s, call);
    TCase *window = tcase_create("window");
    tcase_add_loop_test(window, test_in_window, 0, (int)window_case_count);
    suite_add_tcase(s, window);
    TCase *change = tcase_create("change");
    tcase_set_tags(change, "costly");
    tcase_add_loop_test(change, test_bytes_that_change, 0, 1);
    suite_add_tcase(s, change);
    TCase *changes = tcase_create("changes"); /* at every read of each byte: a minute */
    tcase_set_tags(changes, "long");
    tcase_add_loop_test(changes, test_bytes_that_change, 1, (int)window_flip_count);
    suite_add_tcase(s, changes);
    return run_suite(s);
}
