/* SPDX-License-Identifier: Apache-2.0
 * bus.c - ports and memory-mapped registers outside the virtio devices: what each access means.
 * Trust: every port, address, size and value is the guest's. Unknown ones are ignored and read as
 *        all ones. Threads: vCPU threads; bus_lock serialises what has state.
 */
#include "base/io.h"
#include "vmm.h"

#include <string.h>

void vmm_bus_refuse(struct vmm *v, uint32_t code)
{
    const char *words = stage0_reason_words(code);
    vmm_status_end(&v->status, VMM_END_REFUSED, code,
                   words != NULL ? words
                                 : "the firmware gave a reason that this VMM does not know");
}

static void mark(struct vmm *v, uint32_t number)
{
    static const char *const names[] = {
        [STAGE0_MARK_ENTERED] = "stage0.enter",
        [STAGE0_MARK_COPIED] = "payload.copied",
        [STAGE0_MARK_VERIFIED] = "payload.verified",
        [STAGE0_MARK_JUMP] = "linux.jump",
    };
    /* Each once and in order: a guest cannot flood the status descriptor. */
    (void)pthread_mutex_lock(&v->bus_lock);
    bool good = number > v->last_mark && number < CL_ARRAY_LEN(names);
    if (good) {
        v->last_mark = number;
    }
    (void)pthread_mutex_unlock(&v->bus_lock);
    if (good) {
        vmm_status_mark(&v->status, names[number], cl_monotonic_us());
    }
}

/* stage0 has its copy: the window leaves the guest and our memory. */
static void drop_payload(struct vmm *v)
{
    struct cl_err err = {0};
    (void)pthread_mutex_lock(&v->bus_lock);
    if (v->payload.map != NULL) {
        if (v->cfg->tee->remove_memory(v->tee, VMM_SLOT_PAYLOAD, &err) != CL_OK) {
            vmm_status_fail(&v->status, &err);
        } else {
            vmm_payload_done(&v->payload);
        }
    }
    (void)pthread_mutex_unlock(&v->bus_lock);
}

static void write_port(struct vmm *v, uint16_t port, unsigned size, uint32_t value)
{
    if (port == STAGE0_PORT_REFUSE && size == 2) {
        vmm_bus_refuse(v, value);
    } else if (port == STAGE0_PORT_PAYLOAD && size == 1 && value == STAGE0_PAYLOAD_DONE) {
        drop_payload(v);
    } else if (port == STAGE0_PORT_MARK && size == 2) {
        mark(v, value);
    } else if (port == STAGE0_PORT_SLEEP_CONTROL && size == 1 && value == STAGE0_SLEEP_POWER_OFF) {
        vmm_status_end(&v->status, VMM_END_POWEROFF, 0, "the guest powered off");
    } else if ((port == STAGE0_PORT_RESET && size == 1 && value == STAGE0_RESET_VALUE) ||
               (port == STAGE0_PORT_I8042 && size == 1 && value == STAGE0_I8042_RESET)) {
        vmm_status_end(&v->status, VMM_END_RESET, 0, "the guest asked for a reset");
    }
}

static bool is_serial(const struct vmm *v, uint16_t port)
{
    return v->files->console_fd >= 0 && port >= STAGE0_PORT_SERIAL && port < STAGE0_PORT_SERIAL + 8;
}

static void serial_access(struct vmm *v, bool write, uint16_t port, uint8_t *data)
{
    unsigned reg = port - STAGE0_PORT_SERIAL;
    (void)pthread_mutex_lock(&v->bus_lock);
    if (write) {
        vmm_serial_write(&v->serial, reg, *data);
    } else {
        *data = vmm_serial_read(&v->serial, reg);
    }
    (void)pthread_mutex_unlock(&v->bus_lock);
}

void vmm_bus_pio(struct vmm *v, bool write, uint16_t port, unsigned size, uint8_t *data)
{
    if (size == 1 && is_serial(v, port)) {
        serial_access(v, write, port, data);
        return;
    }
    if (!write) {
        memset(data, port == STAGE0_PORT_SLEEP_STATUS && size == 1 ? 0 : 0xff, size);
        return;
    }
    uint32_t value = 0;
    memcpy(&value, data, size < sizeof(value) ? size : sizeof(value));
    write_port(v, port, size, value);
}

static struct vmm_virtio *virtio_of(struct vmm *v, unsigned device)
{
    if (device == STAGE0_VIRTIO_VSOCK) {
        return &v->vsock.virtio;
    }
    if (device >= STAGE0_VIRTIO_BLOCK_FIRST && device < STAGE0_VIRTIO_BLOCK_FIRST + VMM_DISKS) {
        return &v->disk[device - STAGE0_VIRTIO_BLOCK_FIRST].virtio;
    }
    if (device >= STAGE0_VIRTIO_NET_FIRST && device < STAGE0_VIRTIO_NET_FIRST + VMM_NETS) {
        return &v->net[device - STAGE0_VIRTIO_NET_FIRST].virtio;
    }
    return NULL;
}

static uint64_t virtio_access(struct vmm *v, bool write, uint32_t offset, unsigned size,
                              uint64_t value)
{
    static struct vmm_virtio absent; /* reads as an empty slot; never changes */
    struct vmm_virtio *dev = virtio_of(v, offset / STAGE0_VIRTIO_STRIDE);
    dev = dev != NULL ? dev : &absent;
    if (write) {
        vmm_virtio_mmio_write(dev, offset % STAGE0_VIRTIO_STRIDE, size, value);
        return 0;
    }
    return vmm_virtio_mmio_read(dev, offset % STAGE0_VIRTIO_STRIDE, size);
}

static uint64_t ioapic_access(struct vmm *v, bool write, uint32_t offset, unsigned size,
                              uint64_t value)
{
    uint64_t result = 0;
    (void)pthread_mutex_lock(&v->bus_lock);
    if (!write) {
        result = vmm_ioapic_read(&v->ioapic, offset, size);
    } else if (vmm_ioapic_write(&v->ioapic, offset, size, (uint32_t)value)) {
        vmm_irq_update_routes(v);
    }
    (void)pthread_mutex_unlock(&v->bus_lock);
    return result;
}

static uint64_t pvpanic_access(struct vmm *v, bool write, uint32_t offset, uint64_t value)
{
    if (write && offset == 0 && (value & STAGE0_PVPANIC_PANICKED) != 0) {
        vmm_status_end(&v->status, VMM_END_PANIC, 0, "the guest's kernel panicked");
    }
    return offset == 0 ? STAGE0_PVPANIC_PANICKED : 0; /* the events we understand */
}

/* *ret_offset: of gpa in [base, base + size). */
static bool inside(uint64_t gpa, uint64_t base, uint64_t size, uint32_t *ret_offset)
{
    *ret_offset = (uint32_t)(gpa - base);
    return gpa >= base && gpa - base < size;
}

void vmm_bus_mmio(struct vmm *v, bool write, uint64_t gpa, unsigned size, uint8_t data[static 8])
{
    uint64_t value = 0;
    uint64_t result = UINT64_MAX;
    uint32_t offset = 0;
    memcpy(&value, data, size <= 8 ? size : 8);
    if (inside(gpa, STAGE0_VIRTIO_GPA, STAGE0_VIRTIO_COUNT * STAGE0_VIRTIO_STRIDE, &offset)) {
        result = virtio_access(v, write, offset, size, value);
    } else if (inside(gpa, STAGE0_PVPANIC_GPA, STAGE0_PVPANIC_SIZE, &offset)) {
        result = pvpanic_access(v, write, offset, value);
    } else if (inside(gpa, STAGE0_IOAPIC_GPA, VMM_IOAPIC_SIZE, &offset)) {
        result = ioapic_access(v, write, offset, size, value);
    }
    if (!write) {
        memcpy(data, &result, 8);
    }
}
