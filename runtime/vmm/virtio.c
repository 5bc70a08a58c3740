/* SPDX-License-Identifier: Apache-2.0
 * virtio.c - the registers of virtio-mmio, version 2. Trust, threads: see virtio.h.
 */
#include "virtio.h"

#define REG_MAGIC 0x000u
#define REG_VERSION 0x004u
#define REG_DEVICE_ID 0x008u
#define REG_VENDOR_ID 0x00cu
#define REG_DEVICE_FEATURES 0x010u
#define REG_DEVICE_FEATURES_SEL 0x014u
#define REG_DRIVER_FEATURES 0x020u
#define REG_DRIVER_FEATURES_SEL 0x024u
#define REG_QUEUE_SEL 0x030u
#define REG_QUEUE_SIZE_MAX 0x034u
#define REG_QUEUE_SIZE 0x038u
#define REG_QUEUE_READY 0x044u
#define REG_QUEUE_NOTIFY VMM_VIRTIO_NOTIFY
#define REG_INTERRUPT_STATUS 0x060u
#define REG_INTERRUPT_ACK 0x064u
#define REG_STATUS 0x070u
#define REG_QUEUE_DESC_LOW 0x080u
#define REG_QUEUE_DESC_HIGH 0x084u
#define REG_QUEUE_DRIVER_LOW 0x090u
#define REG_QUEUE_DRIVER_HIGH 0x094u
#define REG_QUEUE_DEVICE_LOW 0x0a0u
#define REG_QUEUE_DEVICE_HIGH 0x0a4u
#define REG_SHM_LEN_LOW 0x0b0u
#define REG_SHM_BASE_HIGH 0x0bcu
#define REG_CONFIG_GENERATION 0x0fcu
#define REG_CONFIG 0x100u

#define MMIO_MAGIC 0x74726976u
#define MMIO_VENDOR 0x534c4343u /* "CCLS" */

#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define STATUS_NEEDS_RESET 64u
#define STATUS_FAILED 128u
#define STATUS_DRIVER_BITS                                                                         \
    (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | STATUS_FEATURES_OK | STATUS_FAILED)

void vmm_virtio_init(struct vmm_virtio *v, const struct vmm_virtio_ops *ops, void *dev,
                     const struct vmm_mem *mem)
{
    *v = (struct vmm_virtio){.ops = ops, .dev = dev, .mem = mem};
    (void)pthread_mutex_init(&v->lock, NULL); /* cannot fail for a default mutex */
}

void vmm_virtio_done(struct vmm_virtio *v)
{
    if (v != NULL) {
        (void)pthread_mutex_destroy(&v->lock);
    }
}

static uint64_t offered(const struct vmm_virtio *v)
{
    return VMM_VIRTIO_COMMON | v->ops->features(v->dev);
}

static void raise(struct vmm_virtio *v, unsigned bits)
{
    /* The driver reads the reason after the edge, so the reason comes first. */
    atomic_fetch_or(&v->isr, bits);
    if (v->irq != NULL) {
        v->irq(v->irq_ctx);
    }
}

static struct vmm_virtq *selected(struct vmm_virtio *v)
{
    return v->queue_sel < v->ops->queue_count ? &v->queue[v->queue_sel] : NULL;
}

static void reset(struct vmm_virtio *v)
{
    v->status = 0;
    v->features_sel = 0;
    v->driver_features_sel = 0;
    v->driver_features = 0;
    v->queue_sel = 0;
    atomic_store(&v->isr, 0);
    for (unsigned i = 0; i < VMM_VIRTIO_MAX_QUEUES; i++) {
        vmm_virtq_reset(&v->queue[i]);
    }
    v->ops->reset(v->dev);
}

/* A set of features that we cannot serve leaves FEATURES_OK unset (3.1.1, 2.2.2): everything the
 * driver took must have been offered, and the two bits without which we do not work be in it. */
static bool features_acceptable(const struct vmm_virtio *v)
{
    uint64_t need = VMM_VIRTIO_F_VERSION_1 | VMM_VIRTIO_F_ACCESS_PLATFORM;
    return (v->driver_features & ~offered(v)) == 0 && (v->driver_features & need) == need;
}

static void write_status(struct vmm_virtio *v, uint32_t value)
{
    if (value == 0) {
        reset(v);
        return;
    }
    uint32_t set = value & STATUS_DRIVER_BITS & ~v->status; /* bits are only ever added */
    if ((set & STATUS_FEATURES_OK) != 0 && !features_acceptable(v)) {
        set &= ~STATUS_FEATURES_OK;
    }
    if (((v->status | set) & STATUS_FEATURES_OK) == 0) {
        set &= ~STATUS_DRIVER_OK;
    }
    v->status |= set;
    if ((set & STATUS_DRIVER_OK) != 0 && v->kick != NULL) {
        for (unsigned i = 0; i < v->ops->queue_count; i++) {
            v->kick(v->kick_ctx, i); /* work may have been queued before */
        }
    }
}

static void write_ready(struct vmm_virtio *v, struct vmm_virtq *q, uint32_t value)
{
    if (value != 1) {
        vmm_virtq_reset(q);
        return;
    }
    if (q->ready || (v->status & STATUS_FEATURES_OK) == 0) {
        return;
    }
    q->event_idx = (v->driver_features & VMM_VIRTIO_F_EVENT_IDX) != 0;
    if (q->size > v->ops->queue_max || !vmm_virtq_start(q, v->mem)) {
        vmm_virtio_fail(v);
    }
}

static void set_low(uint64_t *addr, uint32_t value)
{
    *addr = (*addr & ~0xffffffffull) | value;
}

static void set_high(uint64_t *addr, uint32_t value)
{
    *addr = (*addr & 0xffffffffull) | (uint64_t)value << 32;
}

/* Registers of the selected queue; while it is ready they are fixed (4.2.2.2). */
static void write_queue(struct vmm_virtio *v, uint32_t offset, uint32_t value)
{
    struct vmm_virtq *q = selected(v);
    if (q == NULL) {
        return;
    }
    if (offset == REG_QUEUE_READY) {
        write_ready(v, q, value);
        return;
    }
    if (q->ready) {
        return;
    }
    switch (offset) {
    case REG_QUEUE_SIZE:
        q->size = value <= v->ops->queue_max ? (uint16_t)value : 0;
        break;
    case REG_QUEUE_DESC_LOW:
        set_low(&q->desc_gpa, value);
        break;
    case REG_QUEUE_DESC_HIGH:
        set_high(&q->desc_gpa, value);
        break;
    case REG_QUEUE_DRIVER_LOW:
        set_low(&q->avail_gpa, value);
        break;
    case REG_QUEUE_DRIVER_HIGH:
        set_high(&q->avail_gpa, value);
        break;
    case REG_QUEUE_DEVICE_LOW:
        set_low(&q->used_gpa, value);
        break;
    case REG_QUEUE_DEVICE_HIGH:
        set_high(&q->used_gpa, value);
        break;
    default:
        break;
    }
}

static void write_driver_features(struct vmm_virtio *v, uint32_t value)
{
    if ((v->status & STATUS_FEATURES_OK) != 0 || v->driver_features_sel > 1) {
        return;
    }
    if (v->driver_features_sel == 0) {
        set_low(&v->driver_features, value);
    } else {
        set_high(&v->driver_features, value);
    }
}

static void write_register(struct vmm_virtio *v, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case REG_DEVICE_FEATURES_SEL:
        v->features_sel = value;
        break;
    case REG_DRIVER_FEATURES:
        write_driver_features(v, value);
        break;
    case REG_DRIVER_FEATURES_SEL:
        v->driver_features_sel = value;
        break;
    case REG_QUEUE_SEL:
        v->queue_sel = value;
        break;
    case REG_QUEUE_NOTIFY:
        if (value < v->ops->queue_count && v->kick != NULL) {
            v->kick(v->kick_ctx, value);
        }
        break;
    case REG_STATUS:
        write_status(v, value);
        break;
    default:
        write_queue(v, offset, value);
        break;
    }
}

void vmm_virtio_mmio_write(struct vmm_virtio *v, uint32_t offset, uint32_t size, uint64_t value)
{
    if (v->ops == NULL || size != 4 || offset % 4 != 0) {
        return; /* registers are 32 bits wide (4.2.2.2); no configuration space is writable */
    }
    if (offset == REG_INTERRUPT_ACK) {
        atomic_fetch_and(&v->isr, ~(unsigned)value);
        return;
    }
    (void)pthread_mutex_lock(&v->lock);
    write_register(v, offset, (uint32_t)value);
    (void)pthread_mutex_unlock(&v->lock);
}

static uint32_t read_features(const struct vmm_virtio *v)
{
    if (v->features_sel > 1) {
        return 0;
    }
    return (uint32_t)(offered(v) >> (32 * v->features_sel));
}

static uint32_t read_register(struct vmm_virtio *v, uint32_t offset)
{
    const struct vmm_virtq *q = selected(v);
    switch (offset) {
    case REG_DEVICE_FEATURES:
        return read_features(v);
    case REG_QUEUE_SIZE_MAX:
        return q != NULL ? v->ops->queue_max : 0;
    case REG_QUEUE_READY:
        return q != NULL && q->ready;
    case REG_STATUS:
        return v->status;
    case REG_CONFIG_GENERATION:
        return v->config_generation;
    default:
        /* No shared memory regions: length and base of all ones (4.2.2.2). */
        return offset >= REG_SHM_LEN_LOW && offset <= REG_SHM_BASE_HIGH ? UINT32_MAX : 0;
    }
}

static uint64_t read_config(struct vmm_virtio *v, uint32_t offset, uint32_t size)
{
    uint8_t raw[8] = {0};
    uint64_t value = 0;
    v->ops->config_read(v->dev, offset, raw, size);
    for (uint32_t i = 0; i < size; i++) {
        value |= (uint64_t)raw[i] << (8 * i);
    }
    return value;
}

/* What never changes, and what must not wait for the lock. */
static bool read_constant(struct vmm_virtio *v, uint32_t offset, uint32_t *ret)
{
    switch (offset) {
    case REG_MAGIC:
        *ret = MMIO_MAGIC;
        return true;
    case REG_VERSION:
        *ret = 2;
        return true;
    case REG_DEVICE_ID:
        *ret = v->ops != NULL ? v->ops->device_id : 0;
        return true;
    case REG_VENDOR_ID:
        *ret = MMIO_VENDOR;
        return true;
    case REG_INTERRUPT_STATUS:
        *ret = atomic_load(&v->isr);
        return true;
    default:
        *ret = 0;
        return v->ops == NULL;
    }
}

uint64_t vmm_virtio_mmio_read(struct vmm_virtio *v, uint32_t offset, uint32_t size)
{
    uint32_t constant = 0;
    uint64_t value = 0;
    if (size > 8 || offset >= VMM_VIRTIO_MMIO_SIZE) {
        return 0;
    }
    if (offset < REG_CONFIG) {
        if (size != 4 || offset % 4 != 0 || read_constant(v, offset, &constant)) {
            return size == 4 ? constant : 0;
        }
    } else if (v->ops == NULL) {
        return 0;
    }
    (void)pthread_mutex_lock(&v->lock);
    value =
        offset < REG_CONFIG ? read_register(v, offset) : read_config(v, offset - REG_CONFIG, size);
    (void)pthread_mutex_unlock(&v->lock);
    return value;
}

bool vmm_virtio_is_live(const struct vmm_virtio *v)
{
    return (v->status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET | STATUS_FAILED)) ==
           STATUS_DRIVER_OK;
}

void vmm_virtio_fail(struct vmm_virtio *v)
{
    v->status |= STATUS_NEEDS_RESET;
    raise(v, VMM_VIRTIO_ISR_CONFIG);
}

void vmm_virtio_signal_used(struct vmm_virtio *v, struct vmm_virtq *q)
{
    if (vmm_virtq_must_signal(q)) {
        raise(v, VMM_VIRTIO_ISR_USED);
    }
}

void vmm_virtio_config_changed(struct vmm_virtio *v)
{
    v->config_generation++;
    if ((v->status & STATUS_DRIVER_OK) != 0) {
        raise(v, VMM_VIRTIO_ISR_CONFIG);
    }
}
