/* SPDX-License-Identifier: Apache-2.0
 * test_snp_exits.c - what a guest asks of the VMM is bounded: exits with every number that a guest
 * could put there, handled on a launched VM of the model (snp.md d.2, d.3, e.2).
 */
#include "tee/kvm_coco.h"
#include "world.h"

#include <errno.h>
#include <string.h>

#define RAM (128u << 20)
#define PAGE 4096u
#define SOME 0x400000u /* a page of RAM that the launch did not touch */

static struct world w;
static struct kvm_run run;

static void setup(void)
{
    world_init(&w);
    w.cfg.ram_size = RAM;
}

static void launch(void)
{
    ck_assert_msg(world_launch(&w) == CL_OK, "%s [%s]", w.err.msg, model_reason(w.model));
}

static enum tee_exit handle(uint32_t *ret_code)
{
    struct cl_err err = {0};
    return tee_snp_ops.handle_exit(w.vmm.tee, 0, &run, ret_code, &err);
}

static enum tee_exit map_range(uint64_t gpa, uint64_t pages, uint64_t attributes)
{
    memset(&run, 0, sizeof(run));
    run.exit_reason = KVM_EXIT_HYPERCALL;
    run.hypercall.nr = KC_HC_MAP_GPA_RANGE;
    run.hypercall.args[0] = gpa;
    run.hypercall.args[1] = pages;
    run.hypercall.args[2] = attributes;
    run.hypercall.ret = 77;
    return handle(NULL);
}

static enum tee_exit fault(uint64_t gpa, uint64_t size, uint64_t flags)
{
    struct kc_exit_memory_fault f = {.flags = flags, .gpa = gpa, .size = size};
    memset(&run, 0, sizeof(run));
    run.exit_reason = KC_EXIT_MEMORY_FAULT;
    memcpy(kc_exit_data(&run), &f, sizeof(f));
    return handle(NULL);
}

static bool is_private(uint64_t gpa)
{
    return model_page_at(world_vm(&w), gpa).private_attribute;
}

/* Ranges that are not RAM, from end to end. */
static const struct {
    const char *name;
    uint64_t gpa, size;
} outside[] = {
    {"ROM", STAGE0_ROM_GPA, PAGE},
    {"last page of the ROM", UINT64_C(0xFFFFF000), PAGE},
    {"payload window", STAGE0_WINDOW_GPA, PAGE},
    {"behind RAM", RAM, PAGE},
    {"the end of RAM and one page more", RAM - PAGE, 2 * PAGE},
    {"all of RAM and one page more", 0, RAM + PAGE},
    {"no size", SOME, 0},
    {"unaligned", SOME + 8, PAGE},
    {"around the end of the address space", SOME, UINT64_MAX - PAGE + 1},
    {"beyond all memory", UINT64_MAX - PAGE + 1, PAGE},
};

START_TEST(test_map_outside)
{
    setup();
    launch();
    for (unsigned private = 0; private < 2; private ++) {
        ck_assert_int_eq(map_range(outside[_i].gpa, outside[_i].size / PAGE,
                                   private != 0 ? KC_MAP_GPA_ENCRYPTED : 0),
                         TEE_EXIT_DONE);
        ck_assert_msg(run.hypercall.ret == (uint64_t)-EINVAL, "%s: %lld", outside[_i].name,
                      (long long)run.hypercall.ret);
    }
    ck_assert(is_private(STAGE0_ROM_GPA) && is_private(UINT64_C(0xFFFFF000)));
    ck_assert(!is_private(SOME) && !is_private(RAM - PAGE));
    world_free(&w);
}
END_TEST

/* pages * 4096 must not wrap to something small. */
START_TEST(test_map_count_that_wraps)
{
    setup();
    launch();
    ck_assert_int_eq(map_range(SOME, (UINT64_C(1) << 52) + 1, KC_MAP_GPA_ENCRYPTED), TEE_EXIT_DONE);
    ck_assert_uint_eq(run.hypercall.ret, (uint64_t)-EINVAL);
    ck_assert(!is_private(SOME));
    run.hypercall.nr = 11;
    ck_assert_int_eq(handle(NULL), TEE_EXIT_DONE);
    ck_assert_uint_eq(run.hypercall.ret, (uint64_t)-ENOSYS);
    world_free(&w);
}
END_TEST

START_TEST(test_fault_outside)
{
    setup();
    launch();
    ck_assert_int_eq(fault(outside[_i].gpa, outside[_i].size, 0), TEE_EXIT_FAILED);
    ck_assert_int_eq(fault(outside[_i].gpa, outside[_i].size, KC_MEMORY_FAULT_PRIVATE),
                     TEE_EXIT_FAILED);
    ck_assert(is_private(STAGE0_ROM_GPA) && is_private(UINT64_C(0xFFFFF000)));
    ck_assert(!is_private(SOME) && !is_private(RAM - PAGE));
    world_free(&w);
}
END_TEST

/* What changes sides leaves nothing behind on the side that it was on. */
static void turn(bool by_fault, bool private)
{
    if (by_fault) {
        ck_assert_int_eq(fault(SOME, 2 * PAGE, private ? KC_MEMORY_FAULT_PRIVATE : 0),
                         TEE_EXIT_DONE);
    } else {
        ck_assert_int_eq(map_range(SOME, 2, private ? KC_MAP_GPA_ENCRYPTED : 0), TEE_EXIT_DONE);
        ck_assert_uint_eq(run.hypercall.ret, 0);
    }
    ck_assert(is_private(SOME) == private && is_private(SOME + PAGE) == private);
    ck_assert(!is_private(SOME + 2 * PAGE) && !is_private(SOME - PAGE));
}

START_TEST(test_turn)
{
    setup();
    launch();
    uint8_t *shared = vmm_mem_view(&w.vmm.mem, SOME, 3 * PAGE);
    memset(shared, 0x5A, 3 * PAGE);
    turn(_i == 1, true);
    ck_assert_uint_eq(shared[0], 0); /* the host has its memory back */
    ck_assert_uint_eq(shared[2 * PAGE - 1], 0);
    ck_assert_uint_eq(shared[2 * PAGE], 0x5A);
    size_t before = model_leaks(w.model).bytes;
    turn(_i == 1, false);
    turn(_i == 1, true);
    ck_assert_uint_le(model_leaks(w.model).bytes, before);
    world_free(&w);
}
END_TEST

/* A page of the launch: when it is shared, what was private there is gone. */
START_TEST(test_private_bytes_go)
{
    setup();
    launch();
    ck_assert(model_page_at(world_vm(&w), STAGE0_HASH_PAGE_GPA).validated);
    ck_assert_int_eq(map_range(STAGE0_HASH_PAGE_GPA, 1, 0), TEE_EXIT_DONE);
    const uint8_t *page = model_private(world_vm(&w), STAGE0_HASH_PAGE_GPA);
    ck_assert(page[STAGE0_HASH_TABLE_OFFSET] == 0xEE && page[0] == 0xEE); /* the model's scramble */
    ck_assert_int_eq(map_range(STAGE0_HASH_PAGE_GPA, 1, KC_MAP_GPA_ENCRYPTED), TEE_EXIT_DONE);
    ck_assert(!model_page_at(world_vm(&w), STAGE0_HASH_PAGE_GPA).validated);
    world_free(&w);
}
END_TEST

START_TEST(test_termination)
{
    static const struct {
        uint64_t ghcb;
        enum tee_exit want;
        uint32_t code;
    } rows[] = {
        {0x115100, TEE_EXIT_REFUSED, 0x11}, {0x005100, TEE_EXIT_REFUSED, 0},
        {0x110100, TEE_EXIT_FAILED, 0},     {0x111100, TEE_EXIT_FAILED, 0},
        {0x115101, TEE_EXIT_FAILED, 0},     {0, TEE_EXIT_FAILED, 0},
    };
    setup();
    launch();
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        uint32_t code = 0;
        memset(&run, 0, sizeof(run));
        run.exit_reason = KVM_EXIT_SYSTEM_EVENT;
        run.system_event.type = KC_EVENT_SEV_TERM;
        run.system_event.ndata = 1;
        run.system_event.data[0] = rows[i].ghcb;
        ck_assert_int_eq(handle(&code), rows[i].want);
        ck_assert_uint_eq(code, rows[i].code);
    }
    world_free(&w);
}
END_TEST

static struct kc_exit_certs ask_certs(uint64_t gpa, uint64_t pages)
{
    struct kc_exit_certs c = {.gpa = gpa, .pages = pages, .ret = 99};
    memset(&run, 0, sizeof(run));
    run.exit_reason = KC_EXIT_SNP_REQ_CERTS;
    memcpy(kc_exit_data(&run), &c, sizeof(c));
    ck_assert_int_eq(handle(NULL), TEE_EXIT_DONE);
    memcpy(&c, kc_exit_data(&run), sizeof(c));
    return c;
}

START_TEST(test_certificates)
{
    uint8_t table[PAGE + 100];
    memset(table, 0xC5, sizeof(table));
    setup();
    ck_assert_int_eq(cl_buf_append(&w.files.certs, table, sizeof(table), NULL), CL_OK);
    launch();
    uint8_t *at = vmm_mem_view(&w.vmm.mem, SOME, 3 * PAGE);
    memset(at, 0x11, 3 * PAGE);
    for (uint64_t pages = 0; pages < 2; pages++) {
        struct kc_exit_certs c = ask_certs(SOME, pages);
        ck_assert(c.ret == ENOSPC && c.pages == 2 && at[0] == 0x11);
    }
    ck_assert_uint_eq(ask_certs(RAM - PAGE, 2).ret, EIO);
    ck_assert_uint_eq(ask_certs(STAGE0_WINDOW_GPA, 2).ret, EIO);
    ck_assert_uint_eq(ask_certs(SOME + 8, 2).ret, EIO);
    ck_assert_uint_eq(ask_certs(UINT64_MAX - PAGE + 1, 2).ret, EIO);
    ck_assert_uint_eq(at[8], 0x11);
    ck_assert_uint_eq(ask_certs(SOME, 3).ret, 0);
    ck_assert_mem_eq(at, table, sizeof(table));
    ck_assert_uint_eq(at[sizeof(table)], 0);
    ck_assert_uint_eq(at[2 * PAGE - 1], 0);
    ck_assert_uint_eq(at[2 * PAGE], 0x11);
    world_free(&w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snp_exits");
    TCase *tc = tcase_create("small");
    tcase_add_loop_test(tc, test_map_outside, 0, (int)CL_ARRAY_LEN(outside));
    tcase_add_test(tc, test_map_count_that_wraps);
    tcase_add_loop_test(tc, test_fault_outside, 0, (int)CL_ARRAY_LEN(outside));
    tcase_add_loop_test(tc, test_turn, 0, 2);
    tcase_add_test(tc, test_private_bytes_go);
    tcase_add_test(tc, test_termination);
    tcase_add_test(tc, test_certificates);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
