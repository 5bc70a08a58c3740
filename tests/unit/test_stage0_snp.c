/* SPDX-License-Identifier: Apache-2.0
 * test_stage0_snp.c - how stage0 makes memory its own, against a hypervisor played here: honest,
 * slow, and lying in each answer. The real bytes run in tests/model; this is the logic by itself.
 */
#include "check_main.h"
#include "snp.h"
#include "stage0_machine.h"

#include <stdlib.h>
#include <string.h>

#define LARGE 0x200000u
#define OFF_RAX 0x1F8u
#define OFF_CODE 0x390u
#define OFF_INFO1 0x398u
#define OFF_INFO2 0x3A0u
#define OFF_SCRATCH 0x3A8u
#define OFF_VALID 0x3F0u

enum lie {
    HONEST,
    LIE_INFO1,
    LIE_INFO2,
    LIE_STUCK,
    LIE_BACK,
    LIE_TOO_FAR,
    LIE_OTHER_END,
    LIE_RESERVED,
    LIE_COUNT
};

static struct {
    uint8_t *ghcb;
    uint8_t *window; /* 2 MiB that stand for whatever is mapped */
    uint64_t mapped; /* the guest address of it */
    uint64_t pages;  /* of the address space that is watched */
    uint8_t *asked;  /* a page: times it was asked to be private */
    uint8_t *valid;  /* a page: times it was validated */
    unsigned exits;
    unsigned step; /* entries served in one exit; 0: all */
    enum lie lie;
    unsigned lie_at; /* the exit that lies */
    bool small;      /* 2 MiB are never one page for the hypervisor */
    uint64_t known;  /* this page is valid already */
    uint64_t refuse; /* this one cannot be */
    struct s0_snp snp;
} h;

static uint64_t get(size_t offset)
{
    return s0t_get64(h.ghcb + offset);
}

static void put(size_t offset, uint64_t x)
{
    memcpy(h.ghcb + offset, &x, 8);
}

static void serve_entry(uint64_t entry)
{
    uint64_t gfn = (entry & 0x000FFFFFFFFFF000u) >> 12;
    ck_assert_uint_eq(entry & 0xFFFu, 0);
    ck_assert_uint_eq(entry >> 52 & 0xF, 1); /* private */
    ck_assert_uint_eq(entry >> 57, 0);
    uint64_t count = (entry >> 56 & 1) != 0 ? 512 : 1;
    ck_assert_uint_le(gfn + count, h.pages);
    for (uint64_t i = 0; i < count; i++) {
        h.asked[gfn + i]++;
    }
}

static void lie(uint64_t next, uint64_t end)
{
    switch (h.lie) {
    case LIE_INFO1:
        put(OFF_INFO1, 1); /* "take this exception" */
        break;
    case LIE_INFO2:
        put(OFF_INFO2, 0x100000000u);
        break;
    case LIE_STUCK:
        put(S0_GHCB_BUFFER, next | end << 16);
        break;
    case LIE_BACK:
        put(S0_GHCB_BUFFER, 0 | end << 16);
        break;
    case LIE_TOO_FAR:
        put(S0_GHCB_BUFFER, (end + 2) | end << 16);
        break;
    case LIE_OTHER_END:
        put(S0_GHCB_BUFFER, (end + 1) | (end - 1) << 16);
        break;
    default:
        put(S0_GHCB_BUFFER, (end + 1) | end << 16 | UINT64_C(1) << 40);
        break;
    }
}

static bool is_given(size_t offset)
{
    size_t bit = offset / 8;
    return (h.ghcb[OFF_VALID + bit / 8] >> bit % 8 & 1) != 0;
}

static void vmgexit(CL_UNUSED const struct s0_snp *snp)
{
    ck_assert(is_given(OFF_CODE) && is_given(OFF_INFO1) && is_given(OFF_INFO2));
    ck_assert_uint_eq(get(OFF_CODE), 0x80000010u);
    ck_assert(is_given(OFF_SCRATCH) && get(OFF_SCRATCH) == STAGE0_GHCB_GPA + S0_GHCB_BUFFER);
    ck_assert_uint_eq(h.ghcb[0xFFA] | h.ghcb[0xFFB] << 8, 2);
    uint64_t head = get(S0_GHCB_BUFFER);
    uint64_t next = head & 0xFFFF;
    uint64_t end = head >> 16 & 0xFFFF;
    uint64_t first = next;
    ck_assert_uint_le(end, 252);
    put(OFF_INFO1, 0);
    put(OFF_INFO2, 0);
    for (; next <= end && (h.step == 0 || next < first + h.step); next++) {
        serve_entry(get(S0_GHCB_BUFFER + 8 + next * 8));
    }
    put(S0_GHCB_BUFFER, next | end << 16);
    if (h.lie != HONEST && h.exits == h.lie_at) {
        lie(first, end);
    }
    h.exits++;
}

static enum s0_pvalidate pvalidate(CL_UNUSED const struct s0_snp *snp, uintptr_t address,
                                   bool large, bool validate)
{
    uint64_t gfn = (h.mapped + (address - (uintptr_t)h.window)) >> 12;
    ck_assert(validate && address - (uintptr_t)h.window < LARGE);
    ck_assert(!large || gfn % 512 == 0);
    uint64_t count = large ? 512 : 1;
    if (large && h.small) {
        return S0_PVALIDATE_SIZE;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (h.asked[gfn + i] != 1) {
            ck_abort_msg("page 0x%llx was not asked for", (unsigned long long)(gfn + i) << 12);
        }
        if (gfn + i == h.refuse) {
            return S0_PVALIDATE_INPUT;
        }
        if (gfn + i == h.known) {
            return S0_PVALIDATE_UNCHANGED;
        }
        h.valid[gfn + i]++;
    }
    return S0_PVALIDATE_OK;
}

static uintptr_t window(CL_UNUSED const struct s0_snp *snp, uint64_t gpa)
{
    ck_assert_uint_eq(gpa % LARGE, 0);
    h.mapped = gpa;
    return (uintptr_t)h.window;
}

static void start(uint64_t top)
{
    memset(&h, 0, sizeof(h));
    h.ghcb = calloc(1, 4096);
    h.window = calloc(1, LARGE);
    h.pages = top >> 12;
    h.asked = calloc(1, h.pages);
    h.valid = calloc(1, h.pages);
    h.known = h.refuse = UINT64_MAX;
    ck_assert(h.ghcb != NULL && h.window != NULL && h.asked != NULL && h.valid != NULL);
    h.snp = (struct s0_snp){
        .ghcb = h.ghcb, .vmgexit = vmgexit, .pvalidate = pvalidate, .window = window};
}

static void stop(void)
{
    free(h.ghcb);
    free(h.window);
    free(h.asked);
    free(h.valid);
}

/* RAM that the launch did not validate. */
static bool is_ours_to_take(uint64_t gpa, uint64_t ram)
{
    uint64_t low = ram < 0x80000000u ? ram : 0x80000000u;
    bool low_ram =
        gpa < low && !(gpa >= 0x1000 && gpa < 0x13000) && !(gpa >= 0xA0000 && gpa < 0x100000);
    return low_ram || (gpa >= 0x100000000u && gpa - 0x100000000u < ram - low);
}

static const uint64_t sizes[] = {128u << 20, 256u << 20, 0x80000000u, 0x80200000u, 0x140000000u};

START_TEST(test_every_page_once)
{
    uint64_t ram = sizes[_i];
    start(0x100000000u + 0x100000000u);
    ck_assert_int_eq(s0_snp_accept(&h.snp, ram), STAGE0_R_OK);
    uint64_t taken = 0;
    for (uint64_t gfn = 0; gfn < h.pages; gfn++) {
        unsigned want = is_ours_to_take(gfn << 12, ram) ? 1 : 0;
        if (h.valid[gfn] != want ||
            h.asked[gfn] != want) { /* an assertion a page would take long */
            ck_abort_msg("page 0x%llx", (unsigned long long)gfn << 12);
        }
        taken += want;
    }
    ck_assert_uint_le(h.exits, 3 + taken / 200);
    stop();
}
END_TEST

START_TEST(test_slow_hypervisor_and_small_pages)
{
    start(256u << 20);
    h.step = 7;
    h.small = true;
    ck_assert_int_eq(s0_snp_accept(&h.snp, 256u << 20), STAGE0_R_OK);
    for (uint64_t gfn = 0; gfn < h.pages; gfn++) {
        ck_assert_uint_eq(h.valid[gfn], is_ours_to_take(gfn << 12, 256u << 20) ? 1 : 0);
    }
    ck_assert_uint_gt(h.exits, 50);
    stop();
}
END_TEST

START_TEST(test_a_lie_ends_the_boot)
{
    for (unsigned at = 0; at < 4; at++) {
        start(256u << 20);
        h.step = 100; /* so that there is a way back */
        h.lie = (enum lie)_i;
        h.lie_at = at;
        enum stage0_reason want = _i == LIE_INFO1 ? STAGE0_R_SNP_ANSWER : STAGE0_R_SNP_PAGE_STATE;
        ck_assert_int_eq(s0_snp_accept(&h.snp, 256u << 20), want);
        ck_assert_uint_eq(h.exits, at + 1); /* nothing was asked afterwards */
        stop();
    }
}
END_TEST

START_TEST(test_a_page_that_was_valid)
{
    static const uint64_t pages[] = {0, 0x13, 0x9F, 0x100, 0x1FF, 0x200, 0xFFFF};
    for (size_t i = 0; i < CL_ARRAY_LEN(pages); i++) {
        start(256u << 20);
        h.known = pages[i];
        ck_assert_int_eq(s0_snp_accept(&h.snp, 256u << 20), STAGE0_R_SNP_VALIDATED);
        stop();
        start(256u << 20);
        h.refuse = pages[i];
        h.small = true;
        ck_assert_int_eq(s0_snp_accept(&h.snp, 256u << 20), STAGE0_R_SNP_VALIDATE);
        stop();
    }
}
END_TEST

static uint64_t answer1;

static void take_out(CL_UNUSED const struct s0_snp *snp)
{
    ck_assert_uint_eq(get(OFF_CODE), 0x7B);
    ck_assert_uint_eq(get(OFF_INFO1), (uint64_t)0x501 << 16 | 1u << 9 | 1u << 5);
    ck_assert(is_given(OFF_RAX) && get(OFF_RAX) == 0x1234);
    ck_assert(!is_given(OFF_SCRATCH));
    put(OFF_INFO1, answer1);
}

START_TEST(test_port_output)
{
    start(1u << 20);
    h.snp.vmgexit = take_out;
    answer1 = 0;
    ck_assert_int_eq(s0_ghcb_out(&h.snp, 0x501, 2, 0x1234), STAGE0_R_OK);
    for (answer1 = 1; answer1 < 3; answer1++) {
        ck_assert_int_eq(s0_ghcb_out(&h.snp, 0x501, 2, 0x1234), STAGE0_R_SNP_ANSWER);
    }
    stop();
}
END_TEST

/* A CPUID page with one leaf: count, then 48 bytes an entry. */
static void put32(uint8_t *page, size_t offset, uint32_t x)
{
    memcpy(page + offset, &x, 4);
}

START_TEST(test_cpuid_page)
{
    uint8_t page[4096] = {0};
    struct s0_cpu cpu = {.table = page};
    ck_assert_int_eq(s0_cpuid_table_check(page), STAGE0_R_SNP_CPUID);
    put32(page, 0, 2);
    put32(page, 16, 7);
    put32(page, 20, 1);
    put32(page, 40, 0x77);
    put32(page, 64, 0x8000001F);
    put32(page, 88, 0x1A);
    put32(page, 92, 51);
    ck_assert_int_eq(s0_cpuid_table_check(page), STAGE0_R_OK);
    ck_assert_uint_eq(s0_cpuid(&cpu, 7, 1).eax, 0x77);
    ck_assert_uint_eq(s0_cpuid(&cpu, 7, 0).eax, 0);
    put32(page, 92, 47);
    ck_assert_int_eq(s0_cpuid_table_check(page), STAGE0_R_SNP_BIT);
    put32(page, 92, 51);
    for (unsigned bit = 1; bit < 5; bit += bit == 1 ? 2 : 1) {
        put32(page, 88, 0x1A & ~(1u << bit));
        ck_assert_int_eq(s0_cpuid_table_check(page), STAGE0_R_SNP_CPUID);
    }
    put32(page, 88, 0x1A);
    put32(page, 0, 65);
    ck_assert_int_eq(s0_cpuid_table_check(page), STAGE0_R_SNP_CPUID);
    put32(page, 0, 1); /* the leaf lies behind the count */
    ck_assert_int_eq(s0_cpuid_table_check(page), STAGE0_R_SNP_CPUID);
    put32(page, 0, 64);
    ck_assert_int_eq(s0_cpuid_table_check(page), STAGE0_R_OK);
    put32(page, 4, 1);
    ck_assert_int_eq(s0_cpuid_table_check(page), STAGE0_R_SNP_CPUID);
}
END_TEST

START_TEST(test_linux_is_told)
{
    uint8_t page[4096];
    const uint8_t seed[32] = {1};
    s0_setup_data_build(page, seed, true);
    uint64_t next = s0t_get64(page);
    ck_assert_uint_eq(next, STAGE0_SETUP_DATA_GPA + 64);
    ck_assert_uint_eq(s0t_get32(page + 64 + 8), 7);
    ck_assert_uint_eq(s0t_get32(page + 64 + 12), 4);
    ck_assert_uint_eq(s0t_get64(page + 64), 0);
    const uint8_t *blob = page + (s0t_get32(page + 64 + 16) - STAGE0_SETUP_DATA_GPA);
    ck_assert_uint_eq(s0t_get32(blob), 0x45444D41);
    ck_assert_uint_eq(s0t_get64(blob + 8), 0x11000);
    ck_assert_uint_eq(s0t_get32(blob + 16), 4096);
    ck_assert_uint_eq(s0t_get64(blob + 24), 0x12000);
    ck_assert_uint_eq(s0t_get32(blob + 32), 4096);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stage0_snp");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, test_every_page_once, 0, (int)CL_ARRAY_LEN(sizes));
    tcase_add_test(tc, test_slow_hypervisor_and_small_pages);
    tcase_add_loop_test(tc, test_a_lie_ends_the_boot, LIE_INFO1, LIE_COUNT);
    tcase_add_test(tc, test_a_page_that_was_valid);
    tcase_add_test(tc, test_port_output);
    tcase_add_test(tc, test_cpuid_page);
    tcase_add_test(tc, test_linux_is_told);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
