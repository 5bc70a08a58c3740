/* SPDX-License-Identifier: Apache-2.0
 * fuzz_virtq.c - a split queue whose rings and descriptors are the input.
 * Input: u8 flags (1: event index), u8 log2 of the size, then the bytes of guest RAM from the rings
 * on.
 */
#include "../unit/vmm_rig.h"

#define MAX_POPS 600u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Every segment must lie inside RAM: a sanitizer sees the first byte that does not. */
static void touch(const struct vmm_chain *c)
{
    for (size_t i = 0; i < c->out_count + c->in_count; i++) {
        const volatile uint8_t *p = c->iov[i].iov_base;
        (void)p[0];
        (void)p[c->iov[i].iov_len - 1];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct vmm_chain chain;
    struct rig rig;
    if (len < 2) {
        return 0;
    }
    rig_init(&rig);
    size_t n = len - 2 < RIG_RAM - RIG_QUEUE_GPA(0) ? len - 2 : RIG_RAM - RIG_QUEUE_GPA(0);
    memcpy(rig.ram + RIG_QUEUE_GPA(0), data + 2, n);
    struct vmm_virtq q = {.size = (uint16_t)(1u << (data[1] % 9)),
                          .desc_gpa = RIG_QUEUE_GPA(0),
                          .avail_gpa = RIG_QUEUE_GPA(0) + 0x400,
                          .used_gpa = RIG_QUEUE_GPA(0) + 0x800,
                          .event_idx = (data[0] & 1) != 0};
    if (vmm_virtq_start(&q, &rig.mem)) {
        for (unsigned i = 0; i < MAX_POPS && vmm_virtq_pop(&q, &chain) == VMM_VIRTQ_GOT; i++) {
            touch(&chain);
            vmm_virtq_push(&q, chain.head, i);
            (void)vmm_virtq_must_signal(&q);
            (void)vmm_virtq_enable_notify(&q);
        }
    }
    rig_done(&rig);
    return 0;
}
