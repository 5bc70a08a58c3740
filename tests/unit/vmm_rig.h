/* SPDX-License-Identifier: Apache-2.0
 * vmm_rig.h - a driver's side of virtio for tests and fuzz targets of the devices: a little guest
 * RAM, rings in it, and the register writes that bring a device up. Header only.
 */
#ifndef VMM_RIG_H
#define VMM_RIG_H

#include "virtio.h"

#include <stdlib.h>
#include <string.h>

#define RIG_RAM (1u << 20)
#define RIG_QUEUE_GPA(n) (0x10000u + 0x4000u * (n)) /* rings of queue n */
#define RIG_DATA 0x40000u                           /* free for the test */

#define RIG_NEXT 1u
#define RIG_WRITE 2u
#define RIG_INDIRECT 4u

struct rig {
    uint8_t *ram;
    struct vmm_mem mem;
    unsigned irqs;
    unsigned kicks;
};

struct rig_queue {
    uint8_t *desc, *avail, *used;
    uint16_t size;
    uint16_t offered;
    uint16_t seen;
};

static inline void rig_put(uint8_t *p, uint64_t x, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        p[i] = (uint8_t)(x >> (8 * i));
    }
}

static inline uint64_t rig_get(const uint8_t *p, unsigned size)
{
    uint64_t x = 0;
    for (unsigned i = 0; i < size; i++) {
        x |= (uint64_t)p[i] << (8 * i);
    }
    return x;
}

static inline void rig_init(struct rig *r)
{
    *r = (struct rig){.ram = calloc(1, RIG_RAM)};
    if (r->ram == NULL) {
        abort();
    }
    vmm_mem_init_static(&r->mem, r->ram, RIG_RAM);
}

static inline void rig_done(struct rig *r)
{
    free(r->ram);
}

static inline void rig_irq(void *ctx)
{
    ((struct rig *)ctx)->irqs++;
}

static inline void rig_kick(void *ctx, unsigned queue)
{
    (void)queue;
    ((struct rig *)ctx)->kicks++;
}

static inline struct rig_queue rig_queue(struct rig *r, unsigned n, uint16_t size)
{
    struct rig_queue q = {.size = size};
    q.desc = r->ram + RIG_QUEUE_GPA(n);
    q.avail = q.desc + 0x2000;
    q.used = q.desc + 0x3000;
    return q;
}

static inline void rig_w32(struct vmm_virtio *v, uint32_t offset, uint32_t value)
{
    vmm_virtio_mmio_write(v, offset, 4, value);
}

static inline uint32_t rig_r32(struct vmm_virtio *v, uint32_t offset)
{
    return (uint32_t)vmm_virtio_mmio_read(v, offset, 4);
}

static inline void rig_setup_queue(struct vmm_virtio *v, unsigned n, uint16_t size)
{
    rig_w32(v, 0x030, n);
    rig_w32(v, 0x038, size);
    rig_w32(v, 0x080, RIG_QUEUE_GPA(n));
    rig_w32(v, 0x084, 0);
    rig_w32(v, 0x090, RIG_QUEUE_GPA(n) + 0x2000);
    rig_w32(v, 0x094, 0);
    rig_w32(v, 0x0a0, RIG_QUEUE_GPA(n) + 0x3000);
    rig_w32(v, 0x0a4, 0);
    rig_w32(v, 0x044, 1);
}

/* The sequence of virtio 1.2, 3.1.1, taking `features`. */
static inline void rig_negotiate(struct rig *r, struct vmm_virtio *v, uint64_t features)
{
    v->irq = rig_irq;
    v->irq_ctx = r;
    v->kick = rig_kick;
    v->kick_ctx = r;
    rig_w32(v, 0x070, 0);
    rig_w32(v, 0x070, 1);
    rig_w32(v, 0x070, 3);
    rig_w32(v, 0x024, 0);
    rig_w32(v, 0x020, (uint32_t)features);
    rig_w32(v, 0x024, 1);
    rig_w32(v, 0x020, (uint32_t)(features >> 32));
    rig_w32(v, 0x070, 11);
}

static inline void rig_bring_up(struct rig *r, struct vmm_virtio *v, uint64_t features,
                                unsigned queues, uint16_t size)
{
    rig_negotiate(r, v, features);
    for (unsigned i = 0; i < queues; i++) {
        rig_setup_queue(v, i, size);
    }
    rig_w32(v, 0x070, 15);
}

static inline void rig_desc_at(uint8_t *table, unsigned i, uint64_t gpa, uint32_t len,
                               uint16_t flags, uint16_t next)
{
    uint8_t *d = table + 16u * i;
    rig_put(d, gpa, 8);
    rig_put(d + 8, len, 4);
    rig_put(d + 12, flags, 2);
    rig_put(d + 14, next, 2);
}

static inline void rig_desc(struct rig_queue *q, unsigned i, uint64_t gpa, uint32_t len,
                            uint16_t flags, uint16_t next)
{
    rig_desc_at(q->desc, i, gpa, len, flags, next);
}

static inline void rig_offer(struct rig_queue *q, uint16_t head)
{
    rig_put(q->avail + 4 + 2u * (q->offered % q->size), head, 2);
    q->offered++;
    rig_put(q->avail + 2, q->offered, 2);
}

/* The next used entry, if there is one. */
static inline bool rig_take(struct rig_queue *q, uint32_t *ret_id, uint32_t *ret_len)
{
    if ((uint16_t)rig_get(q->used + 2, 2) == q->seen) {
        return false;
    }
    const uint8_t *e = q->used + 4 + 8u * (q->seen % q->size);
    *ret_id = (uint32_t)rig_get(e, 4);
    *ret_len = (uint32_t)rig_get(e + 4, 4);
    q->seen++;
    return true;
}

#endif
