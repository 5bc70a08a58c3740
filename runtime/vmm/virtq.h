/* SPDX-License-Identifier: Apache-2.0
 * virtq.h - the device side of a virtio split queue (virtio 1.2, 2.7), with indirect descriptors
 * and event indices.
 * Trust: every byte of the rings is hostile and may change while we look. Each index and each
 *        descriptor is fetched once into our own memory and checked there; chains are bounded;
 *        whatever breaks the format makes the queue broken, which the device turns into
 *        NEEDS_RESET. No later access happens through a broken queue.
 * Threads: one at a time; the transport's lock serialises.
 */
#ifndef VMM_VIRTQ_H
#define VMM_VIRTQ_H

#include "mem.h"

#include <sys/uio.h>

#define VMM_VIRTQ_MAX_SIZE 256u
#define VMM_CHAIN_MAX 132u             /* segments of one chain */
#define VMM_CHAIN_MAX_SIZE (64u << 20) /* bytes of one chain */

struct vmm_virtq {
    /* Written by the transport while the queue is not ready. */
    uint16_t size;
    uint64_t desc_gpa;
    uint64_t avail_gpa;
    uint64_t used_gpa;
    bool event_idx; /* the driver took VIRTIO_F_EVENT_IDX */
    bool ready;
    bool broken;
    /* Ours. */
    const struct vmm_mem *mem;
    uint8_t *desc; /* views, valid while ready */
    uint8_t *avail;
    uint8_t *used;
    uint16_t next_avail; /* free-running */
    uint16_t next_used;
    uint16_t signalled; /* next_used when the driver was last asked to look */
};

/* One request: what the driver lets us read, then what it lets us write. */
struct vmm_chain {
    uint16_t head;
    size_t out_count; /* readable segments, iov[0 .. out_count - 1] */
    size_t in_count;  /* writable segments, behind them */
    struct iovec iov[VMM_CHAIN_MAX];
};

enum vmm_virtq_result {
    VMM_VIRTQ_EMPTY,
    VMM_VIRTQ_GOT,
    VMM_VIRTQ_BROKEN,
};

/* Checks size, alignment and addresses and makes the queue ready; false leaves it not ready. */
bool vmm_virtq_start(struct vmm_virtq *q, const struct vmm_mem *mem);
void vmm_virtq_reset(struct vmm_virtq *q);

/* Takes the next chain. */
enum vmm_virtq_result vmm_virtq_pop(struct vmm_virtq *q, struct vmm_chain *ret_chain);
/* Puts the chain that was taken last back (nothing was given back since). */
void vmm_virtq_unpop(struct vmm_virtq *q);
/* Gives a chain back with `written` bytes filled in. */
void vmm_virtq_push(struct vmm_virtq *q, uint16_t head, uint32_t written);
/* The same for several, which the driver sees all at once. */
struct vmm_used {
    uint16_t head;
    uint32_t written;
};
void vmm_virtq_push_all(struct vmm_virtq *q, const struct vmm_used *used, size_t count);
/* Should the driver get an interrupt for what was pushed since the last call? */
bool vmm_virtq_must_signal(struct vmm_virtq *q);
/* Asks for a notification at the next chain; true when one has come meanwhile (look again). */
bool vmm_virtq_enable_notify(struct vmm_virtq *q);

#endif
