/* SPDX-License-Identifier: Apache-2.0
 * test_vmm_virtq.c - split queues in hostile memory: good chains, every way to break one, events.
 */
#include "check_main.h"
#include "vmm_rig.h"

#define SIZE 8u

static struct rig rig;
static struct rig_queue rq;
static struct vmm_virtq q;
static struct vmm_chain chain;

static void setup(void)
{
    rig_init(&rig);
    rq = rig_queue(&rig, 0, SIZE);
    q = (struct vmm_virtq){.size = SIZE,
                           .desc_gpa = RIG_QUEUE_GPA(0),
                           .avail_gpa = RIG_QUEUE_GPA(0) + 0x2000,
                           .used_gpa = RIG_QUEUE_GPA(0) + 0x3000};
    ck_assert(vmm_virtq_start(&q, &rig.mem));
}

static void teardown(void)
{
    rig_done(&rig);
}

static void expect_broken(void)
{
    ck_assert_int_eq(vmm_virtq_pop(&q, &chain), VMM_VIRTQ_BROKEN);
    ck_assert(q.broken);
    ck_assert_int_eq(vmm_virtq_pop(&q, &chain), VMM_VIRTQ_BROKEN); /* it stays */
    uint64_t before = rig_get(rq.used, 8);
    vmm_virtq_push(&q, 0, 1);
    ck_assert_uint_eq(rig_get(rq.used, 8), before); /* and is never written again */
    ck_assert(!vmm_virtq_must_signal(&q));
    ck_assert(!vmm_virtq_enable_notify(&q));
}

START_TEST(test_chain_of_readable_and_writable)
{
    rig_desc(&rq, 3, RIG_DATA, 16, RIG_NEXT, 5);
    rig_desc(&rq, 5, RIG_DATA + 64, 100, RIG_NEXT | RIG_WRITE, 1);
    rig_desc(&rq, 1, RIG_DATA + 512, 1, RIG_WRITE, 7);
    ck_assert_int_eq(vmm_virtq_pop(&q, &chain), VMM_VIRTQ_EMPTY);
    rig_offer(&rq, 3);
    ck_assert_int_eq(vmm_virtq_pop(&q, &chain), VMM_VIRTQ_GOT);
    ck_assert_uint_eq(chain.head, 3);
    ck_assert_uint_eq(chain.out_count, 1);
    ck_assert_uint_eq(chain.in_count, 2);
    ck_assert_ptr_eq(chain.iov[0].iov_base, rig.ram + RIG_DATA);
    ck_assert_uint_eq(chain.iov[1].iov_len, 100);
    ck_assert_ptr_eq(chain.iov[2].iov_base, rig.ram + RIG_DATA + 512);
    vmm_virtq_push(&q, chain.head, 101);
    uint32_t id = 0;
    uint32_t len = 0;
    ck_assert(rig_take(&rq, &id, &len));
    ck_assert_uint_eq(id, 3);
    ck_assert_uint_eq(len, 101);
    ck_assert_int_eq(vmm_virtq_pop(&q, &chain), VMM_VIRTQ_EMPTY);
}
END_TEST

START_TEST(test_indices_wrap_around)
{
    uint32_t id = 0;
    uint32_t len = 0;
    rig_desc(&rq, 0, RIG_DATA, 16, 0, 0);
    for (unsigned i = 0; i < 70000; i++) {
        rig_offer(&rq, 0);
        ck_assert_int_eq(vmm_virtq_pop(&q, &chain), VMM_VIRTQ_GOT);
        vmm_virtq_push(&q, chain.head, i);
        ck_assert(rig_take(&rq, &id, &len));
        ck_assert_uint_eq(len, i);
    }
}
END_TEST

START_TEST(test_unpop_gives_the_same_chain_again)
{
    rig_desc(&rq, 2, RIG_DATA, 16, 0, 0);
    rig_offer(&rq, 2);
    ck_assert_int_eq(vmm_virtq_pop(&q, &chain), VMM_VIRTQ_GOT);
    vmm_virtq_unpop(&q);
    ck_assert_int_eq(vmm_virtq_pop(&q, &chain), VMM_VIRTQ_GOT);
    ck_assert_uint_eq(chain.head, 2);
}
END_TEST

START_TEST(test_indirect_chain)
{
    uint8_t *table = rig.ram + RIG_DATA;
    rig_desc_at(table, 0, RIG_DATA + 0x1000, 16, RIG_NEXT, 2);
    rig_desc_at(table, 2, RIG_DATA + 0x2000, 32, RIG_WRITE, 0);
    rig_desc(&rq, 4, RIG_DATA, 3 * 16, RIG_INDIRECT, 0);
    rig_offer(&rq, 4);
    ck_assert_int_eq(vmm_virtq_pop(&q, &chain), VMM_VIRTQ_GOT);
    ck_assert_uint_eq(chain.head, 4);
    ck_assert_uint_eq(chain.out_count, 1);
    ck_assert_uint_eq(chain.in_count, 1);
    ck_assert_uint_eq(chain.iov[1].iov_len, 32);
}
END_TEST

/* One descriptor that must break the queue. */
static const struct {
    uint64_t gpa;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
} bad_desc[] = {
    {RIG_RAM, 1, 0, 0},                                    /* behind RAM */
    {RIG_RAM - 1, 2, 0, 0},                                /* across its end */
    {UINT64_MAX, 2, 0, 0},                                 /* wraps */
    {UINT64_MAX - 15, 16, 0, 0},                           /* ends at 2^64 */
    {RIG_DATA, UINT32_MAX, 0, 0},                          /* longer than RAM */
    {RIG_DATA, 0, 0, 0},                                   /* empty */
    {RIG_DATA, 16, RIG_NEXT, SIZE},                        /* next out of the table */
    {RIG_DATA, 16, RIG_NEXT, UINT16_MAX},                  /* the same */
    {RIG_DATA, 16, RIG_NEXT, 0},                           /* a loop of one */
    {RIG_DATA, 16, RIG_INDIRECT | RIG_NEXT, 1},            /* goes on behind an indirect one */
    {RIG_DATA, 0, RIG_INDIRECT, 0},                        /* empty indirect table */
    {RIG_DATA, 15, RIG_INDIRECT, 0},                       /* not whole descriptors */
    {RIG_DATA + 4, 16, RIG_INDIRECT, 0},                   /* misaligned */
    {RIG_RAM, 16, RIG_INDIRECT, 0},                        /* behind RAM */
    {RIG_DATA, (VMM_CHAIN_MAX + 1) * 16, RIG_INDIRECT, 0}, /* too many */
};

START_TEST(test_bad_descriptor_breaks_the_queue)
{
    /* What an indirect table at RIG_DATA would hold is good. */
    rig_desc_at(rig.ram + RIG_DATA, 0, RIG_DATA, 16, 0, 0);
    rig_desc(&rq, 0, bad_desc[_i].gpa, bad_desc[_i].len, bad_desc[_i].flags, bad_desc[_i].next);
    rig_offer(&rq, 0);
    expect_broken();
}
END_TEST

START_TEST(test_long_loop_ends)
{
    for (unsigned i = 0; i < SIZE; i++) {
        rig_desc(&rq, i, RIG_DATA, 16, RIG_NEXT, (uint16_t)((i + 1) % SIZE));
    }
    rig_offer(&rq, 0);
    expect_broken();
}
END_TEST

START_TEST(test_loop_inside_an_indirect_table_ends)
{
    uint8_t *table = rig.ram + RIG_DATA;
    rig_desc_at(table, 0, RIG_DATA, 16, RIG_NEXT, 1);
    rig_desc_at(table, 1, RIG_DATA, 16, RIG_NEXT, 0);
    rig_desc(&rq, 0, RIG_DATA, 32, RIG_INDIRECT, 0);
    rig_offer(&rq, 0);
    expect_broken();
}
END_TEST

START_TEST(test_indirect_inside_indirect)
{
    rig_desc_at(rig.ram + RIG_DATA, 0, RIG_DATA, 16, RIG_INDIRECT, 0);
    rig_desc(&rq, 0, RIG_DATA, 16, RIG_INDIRECT, 0);
    rig_offer(&rq, 0);
    expect_broken();
}
END_TEST

START_TEST(test_readable_behind_writable)
{
    rig_desc(&rq, 0, RIG_DATA, 16, RIG_NEXT | RIG_WRITE, 1);
    rig_desc(&rq, 1, RIG_DATA, 16, 0, 0);
    rig_offer(&rq, 0);
    expect_broken();
}
END_TEST

START_TEST(test_head_out_of_the_table)
{
    rig_offer(&rq, SIZE);
    expect_broken();
}
END_TEST

START_TEST(test_more_offered_than_fits)
{
    rig_desc(&rq, 0, RIG_DATA, 16, 0, 0);
    rig_put(rq.avail + 2, SIZE + 1, 2);
    expect_broken();
}
END_TEST

START_TEST(test_index_that_runs_backwards)
{
    rig_put(rq.avail + 2, 0xffff, 2); /* -1 */
    expect_broken();
}
END_TEST

START_TEST(test_total_of_a_chain_is_bounded)
{
    /* 65 MiB out of one MiB of RAM, by naming it again and again. */
    uint8_t *table = rig.ram + RIG_DATA;
    for (unsigned i = 0; i < 65; i++) {
        rig_desc_at(table, i, 0, RIG_RAM, i < 64 ? RIG_NEXT : 0, (uint16_t)(i + 1));
    }
    rig_desc(&rq, 0, RIG_DATA, 64 * 16, RIG_INDIRECT, 0);
    rig_desc_at(table, 63, 0, RIG_RAM, 0, 0);
    rig_offer(&rq, 0);
    ck_assert_int_eq(vmm_virtq_pop(&q, &chain), VMM_VIRTQ_GOT); /* 64 MiB: just allowed */
    rig_desc_at(table, 63, 0, RIG_RAM, RIG_NEXT, 64);
    rig_desc(&rq, 0, RIG_DATA, 65 * 16, RIG_INDIRECT, 0);
    rig_offer(&rq, 0);
    expect_broken();
}
END_TEST

static const struct {
    uint16_t size;
    uint64_t desc, avail, used;
} bad_queue[] = {
    {0, 0x1000, 0x2000, 0x3000},
    {3, 0x1000, 0x2000, 0x3000},
    {512, 0x1000, 0x4000, 0x8000},
    {8, 0x1008, 0x2000, 0x3000},
    {8, 0x1000, 0x2001, 0x3000},
    {8, 0x1000, 0x2000, 0x3002},
    {8, RIG_RAM - 8 * 16 + 16, 0x2000, 0x3000},
    {8, 0x1000, RIG_RAM - 20, 0x3000},
    {8, 0x1000, 0x2000, RIG_RAM - 68},
    {8, UINT64_MAX - 15, 0x2000, 0x3000},
};

START_TEST(test_bad_queue_does_not_start)
{
    struct vmm_virtq b = {.size = bad_queue[_i].size,
                          .desc_gpa = bad_queue[_i].desc,
                          .avail_gpa = bad_queue[_i].avail,
                          .used_gpa = bad_queue[_i].used};
    ck_assert(!vmm_virtq_start(&b, &rig.mem));
    ck_assert(!b.ready);
    ck_assert_int_eq(vmm_virtq_pop(&b, &chain), VMM_VIRTQ_EMPTY);
}
END_TEST

START_TEST(test_queue_at_the_very_end_of_ram)
{
    struct vmm_virtq b = {.size = 8,
                          .desc_gpa = RIG_RAM - 8 * 16,
                          .avail_gpa = RIG_RAM - 22,
                          .used_gpa = RIG_RAM - 72}; /* 6 + 8 * 8 = 70, aligned to 4 */
    ck_assert(vmm_virtq_start(&b, &rig.mem));
}
END_TEST

START_TEST(test_signal_by_flag)
{
    rig_desc(&rq, 0, RIG_DATA, 16, 0, 0);
    ck_assert(!vmm_virtq_must_signal(&q)); /* nothing pushed */
    vmm_virtq_push(&q, 0, 0);
    ck_assert(vmm_virtq_must_signal(&q));
    ck_assert(!vmm_virtq_must_signal(&q)); /* once */
    rig_put(rq.avail, 1, 2);               /* NO_INTERRUPT */
    vmm_virtq_push(&q, 0, 0);
    ck_assert(!vmm_virtq_must_signal(&q));
}
END_TEST

START_TEST(test_signal_by_event_index)
{
    q.event_idx = true;
    uint8_t *used_event = rq.avail + 4 + 2 * SIZE;
    rig_put(used_event, 1, 2); /* wake me when entry 1 is used */
    vmm_virtq_push(&q, 0, 0);
    ck_assert(!vmm_virtq_must_signal(&q));
    vmm_virtq_push(&q, 0, 0);
    ck_assert(vmm_virtq_must_signal(&q));
    vmm_virtq_push(&q, 0, 0);
    ck_assert(!vmm_virtq_must_signal(&q));
    rig_put(used_event, 4, 2);
    vmm_virtq_push(&q, 0, 0);
    vmm_virtq_push(&q, 0, 0);
    vmm_virtq_push(&q, 0, 0); /* passes 4 in a batch */
    ck_assert(vmm_virtq_must_signal(&q));
}
END_TEST

START_TEST(test_notify_is_asked_for_at_the_right_index)
{
    q.event_idx = true;
    rig_desc(&rq, 0, RIG_DATA, 16, 0, 0);
    rig_offer(&rq, 0);
    ck_assert(vmm_virtq_enable_notify(&q)); /* something is there already */
    ck_assert_int_eq(vmm_virtq_pop(&q, &chain), VMM_VIRTQ_GOT);
    ck_assert(!vmm_virtq_enable_notify(&q));
    ck_assert_uint_eq(rig_get(rq.used + 4 + 8 * SIZE, 2), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmm virtq");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, test_chain_of_readable_and_writable);
    tcase_add_test(c, test_indices_wrap_around);
    tcase_add_test(c, test_unpop_gives_the_same_chain_again);
    tcase_add_test(c, test_indirect_chain);
    tcase_add_loop_test(c, test_bad_descriptor_breaks_the_queue, 0,
                        (int)(sizeof(bad_desc) / sizeof(bad_desc[0])));
    tcase_add_test(c, test_long_loop_ends);
    tcase_add_test(c, test_loop_inside_an_indirect_table_ends);
    tcase_add_test(c, test_indirect_inside_indirect);
    tcase_add_test(c, test_readable_behind_writable);
    tcase_add_test(c, test_head_out_of_the_table);
    tcase_add_test(c, test_more_offered_than_fits);
    tcase_add_test(c, test_index_that_runs_backwards);
    tcase_add_test(c, test_total_of_a_chain_is_bounded);
    tcase_add_loop_test(c, test_bad_queue_does_not_start, 0,
                        (int)(sizeof(bad_queue) / sizeof(bad_queue[0])));
    tcase_add_test(c, test_queue_at_the_very_end_of_ram);
    tcase_add_test(c, test_signal_by_flag);
    tcase_add_test(c, test_signal_by_event_index);
    tcase_add_test(c, test_notify_is_asked_for_at_the_right_index);
    suite_add_tcase(s, c);
    return run_suite(s);
}
