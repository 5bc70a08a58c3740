/* SPDX-License-Identifier: Apache-2.0
 * virtio.h - the virtio-mmio transport (virtio 1.2, 4.2; version 2, modern only): registers,
 * status, feature negotiation, queues. Devices hang below it as a table of functions. Trust:
 * register accesses come from the guest and are hostile. Threads: registers are accessed on vCPU
 * threads, queues are worked on by the device's thread; `lock` serialises both. InterruptStatus is
 * atomic, so that acknowledging an interrupt never waits for a disk.
 */
#ifndef VMM_VIRTIO_H
#define VMM_VIRTIO_H

#include "virtq.h"

#include <pthread.h>
#include <stdatomic.h>

#define VMM_VIRTIO_MMIO_SIZE 0x1000u
#define VMM_VIRTIO_NOTIFY 0x050u /* register that ioeventfds stand on */
#define VMM_VIRTIO_MAX_QUEUES 3u

#define VMM_VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VMM_VIRTIO_F_EVENT_IDX (1ull << 29)
#define VMM_VIRTIO_F_VERSION_1 (1ull << 32)
#define VMM_VIRTIO_F_ACCESS_PLATFORM (1ull << 33)
#define VMM_VIRTIO_COMMON                                                                          \
    (VMM_VIRTIO_F_INDIRECT_DESC | VMM_VIRTIO_F_EVENT_IDX | VMM_VIRTIO_F_VERSION_1 |                \
     VMM_VIRTIO_F_ACCESS_PLATFORM)

#define VMM_VIRTIO_ISR_USED 1u
#define VMM_VIRTIO_ISR_CONFIG 2u

struct vmm_virtio;

struct vmm_virtio_ops {
    uint32_t device_id;
    unsigned queue_count;
    uint16_t queue_max; /* entries; a power of two, at most VMM_VIRTQ_MAX_SIZE */
    /* Device bits; the common ones are added. Called with the lock held. */
    uint64_t (*features)(void *dev);
    /* Bytes of the configuration space; what lies behind its end reads as zero. */
    void (*config_read)(void *dev, uint32_t offset, uint8_t *ret, uint32_t size);
    void (*reset)(void *dev); /* the driver started over; queues are off already */
};

struct vmm_virtio {
    const struct vmm_virtio_ops *ops; /* NULL: an empty slot, DeviceID 0 */
    void *dev;
    const struct vmm_mem *mem;
    void (*irq)(void *ctx); /* raises the device's edge */
    void *irq_ctx;
    void (*kick)(void *ctx, unsigned queue); /* a notification that came as an ordinary write */
    void *kick_ctx;
    pthread_mutex_t lock;
    atomic_uint isr;
    uint32_t status;
    uint32_t features_sel;
    uint32_t driver_features_sel;
    uint64_t driver_features;
    uint32_t queue_sel;
    uint32_t config_generation;
    struct vmm_virtq queue[VMM_VIRTIO_MAX_QUEUES];
};

void vmm_virtio_init(struct vmm_virtio *v, const struct vmm_virtio_ops *ops, void *dev,
                     const struct vmm_mem *mem);
void vmm_virtio_done(struct vmm_virtio *v);

/* A guest access to the device's page, size 1, 2, 4 or 8. Takes the lock. */
uint64_t vmm_virtio_mmio_read(struct vmm_virtio *v, uint32_t offset, uint32_t size);
void vmm_virtio_mmio_write(struct vmm_virtio *v, uint32_t offset, uint32_t size, uint64_t value);

/* For the device's thread, with the lock held. */
bool vmm_virtio_is_live(const struct vmm_virtio *v); /* DRIVER_OK, and nothing broken */
void vmm_virtio_fail(struct vmm_virtio *v);          /* NEEDS_RESET, and tells the driver */
void vmm_virtio_signal_used(struct vmm_virtio *v, struct vmm_virtq *q);
void vmm_virtio_config_changed(struct vmm_virtio *v);

#endif
