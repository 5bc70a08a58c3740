/* SPDX-License-Identifier: Apache-2.0
 * virtq.c - fetches descriptor chains out of hostile memory and returns them. Trust: see virtq.h.
 */
#include "virtq.h"

#include "base/bytes.h"

#include <string.h>

#define DESC_SIZE 16u
#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u
#define AVAIL_NO_INTERRUPT 1u

struct desc {
    uint64_t gpa;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

/* x86 only: guest and host are little-endian, and aligned loads and stores are single. */
static uint16_t load16(const uint8_t *p)
{
    return __atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_ACQUIRE);
}

static void store16(uint8_t *p, uint16_t x)
{
    __atomic_store_n((uint16_t *)(void *)p, x, __ATOMIC_RELEASE);
}

/* The one read of a descriptor. Volatile, so that the compiler cannot look twice. */
static struct desc fetch_desc(const uint8_t *table, size_t index)
{
    const volatile uint64_t *p =
        (const volatile uint64_t *)(const void *)(table + index * DESC_SIZE);
    uint64_t lo = p[0];
    uint64_t hi = p[1];
    return (struct desc){.gpa = lo,
                         .len = (uint32_t)hi,
                         .flags = (uint16_t)(hi >> 32),
                         .next = (uint16_t)(hi >> 48)};
}

bool vmm_virtq_start(struct vmm_virtq *q, const struct vmm_mem *mem)
{
    if (q->size == 0 || q->size > VMM_VIRTQ_MAX_SIZE || (q->size & (q->size - 1)) != 0) {
        return false;
    }
    /* virtio 1.2, 2.7: alignment of the three parts */
    if (q->desc_gpa % 16 != 0 || q->avail_gpa % 2 != 0 || q->used_gpa % 4 != 0) {
        return false;
    }
    q->desc = vmm_mem_view(mem, q->desc_gpa, (uint64_t)q->size * DESC_SIZE);
    q->avail = vmm_mem_view(mem, q->avail_gpa, 6 + 2ull * q->size);
    q->used = vmm_mem_view(mem, q->used_gpa, 6 + 8ull * q->size);
    if (q->desc == NULL || q->avail == NULL || q->used == NULL) {
        return false;
    }
    q->mem = mem;
    q->next_avail = 0;
    q->next_used = 0;
    q->signalled = 0;
    q->broken = false;
    q->ready = true;
    return true;
}

void vmm_virtq_reset(struct vmm_virtq *q)
{
    *q = (struct vmm_virtq){0};
}

/* Adds one checked descriptor to the chain. Readable ones come first (2.7.4.2). */
static bool add_segment(struct vmm_virtq *q, struct vmm_chain *c, const struct desc *d,
                        uint64_t *total)
{
    size_t n = c->out_count + c->in_count;
    bool writable = (d->flags & DESC_WRITE) != 0;
    if (n == VMM_CHAIN_MAX || (!writable && c->in_count > 0)) {
        return false;
    }
    void *p = vmm_mem_view(q->mem, d->gpa, d->len);
    *total += d->len;
    if (p == NULL || *total > VMM_CHAIN_MAX_SIZE) {
        return false;
    }
    c->iov[n] = (struct iovec){.iov_base = p, .iov_len = d->len};
    c->out_count += !writable;
    c->in_count += writable;
    return true;
}

/* Follows one table (the queue's own, or an indirect one) from `index`. Bounded by `count` steps,
 * so a loop ends. An indirect descriptor is the last of its chain (2.7.5.3.1). */
static bool walk(struct vmm_virtq *q, struct vmm_chain *c, const uint8_t *table, size_t count,
                 size_t index, bool indirect, uint64_t *total)
{
    for (size_t steps = 0; steps < count; steps++) {
        if (index >= count) {
            return false;
        }
        struct desc d = fetch_desc(table, index);
        if ((d.flags & DESC_INDIRECT) != 0) {
            if (indirect || (d.flags & DESC_NEXT) != 0 || d.len == 0 || d.len % DESC_SIZE != 0 ||
                d.len / DESC_SIZE > VMM_CHAIN_MAX || d.gpa % 8 != 0) {
                return false;
            }
            const uint8_t *inner = vmm_mem_view(q->mem, d.gpa, d.len);
            return inner != NULL && walk(q, c, inner, d.len / DESC_SIZE, 0, true, total);
        }
        if (!add_segment(q, c, &d, total)) {
            return false;
        }
        if ((d.flags & DESC_NEXT) == 0) {
            return true;
        }
        index = d.next;
    }
    return false; /* a loop */
}

enum vmm_virtq_result vmm_virtq_pop(struct vmm_virtq *q, struct vmm_chain *ret_chain)
{
    if (!q->ready || q->broken) {
        return q->broken ? VMM_VIRTQ_BROKEN : VMM_VIRTQ_EMPTY;
    }
    uint16_t avail = load16(q->avail + 2);
    uint16_t pending = (uint16_t)(avail - q->next_avail);
    if (pending == 0) {
        return VMM_VIRTQ_EMPTY;
    }
    ret_chain->out_count = 0;
    ret_chain->in_count = 0;
    ret_chain->head = load16(q->avail + 4 + 2u * (q->next_avail & (q->size - 1u)));
    uint64_t total = 0;
    if (pending > q->size || ret_chain->head >= q->size ||
        !walk(q, ret_chain, q->desc, q->size, ret_chain->head, false, &total)) {
        q->broken = true;
        return VMM_VIRTQ_BROKEN;
    }
    q->next_avail++;
    return VMM_VIRTQ_GOT;
}

void vmm_virtq_unpop(struct vmm_virtq *q)
{
    q->next_avail--;
}

void vmm_virtq_push_all(struct vmm_virtq *q, const struct vmm_used *used, size_t count)
{
    if (!q->ready || q->broken) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t *slot = q->used + 4 + 8u * (q->next_used & (q->size - 1u));
        cl_le32 id;
        cl_le32 len;
        cl_le32_put(&id, used[i].head);
        cl_le32_put(&len, used[i].written);
        memcpy(slot, &id, sizeof(id));
        memcpy(slot + 4, &len, sizeof(len));
        q->next_used++;
    }
    store16(q->used + 2, q->next_used);
}

void vmm_virtq_push(struct vmm_virtq *q, uint16_t head, uint32_t written)
{
    const struct vmm_used used = {head, written};
    vmm_virtq_push_all(q, &used, 1);
}

bool vmm_virtq_must_signal(struct vmm_virtq *q)
{
    if (!q->ready || q->broken || q->next_used == q->signalled) {
        return false;
    }
    /* The index must be visible before we read what the driver wants (2.7.7.2). */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint16_t old = q->signalled;
    q->signalled = q->next_used;
    if (!q->event_idx) {
        return (load16(q->avail) & AVAIL_NO_INTERRUPT) == 0;
    }
    uint16_t event = load16(q->avail + 4 + 2u * q->size);
    return (uint16_t)(q->next_used - event - 1) < (uint16_t)(q->next_used - old);
}

bool vmm_virtq_enable_notify(struct vmm_virtq *q)
{
    if (!q->ready || q->broken) {
        return false;
    }
    if (q->event_idx) {
        store16(q->used + 4 + 8u * q->size, q->next_avail);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return load16(q->avail + 2) != q->next_avail;
}
