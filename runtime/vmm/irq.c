/* SPDX-License-Identifier: Apache-2.0
 * irq.c - eventfds in both directions: irqfds that pulse a pin of the I/O APIC, ioeventfds that
 * turn QueueNotify writes into wake-ups; and the MSI routes behind the pins.
 * Trust: the guest chooses vectors and destinations of its own interrupts, nothing else.
 * Threads: routes change under bus_lock.
 */
#include "vmm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

void vmm_event_set(int fd)
{
    uint64_t one = 1;
    /* Fails only when the counter is full, and then the reader is awake already. */
    if (fd >= 0 && write(fd, &one, sizeof(one)) < 0) {
        return;
    }
}

void vmm_event_clear(int fd)
{
    uint64_t value = 0;
    if (read(fd, &value, sizeof(value)) < 0) {
        return; /* EAGAIN: somebody else was faster */
    }
}

static void pulse(void *ctx)
{
    vmm_event_set(*(const int *)ctx);
}

/* ctx: the eventfd of the device's first queue, with those of the others behind it. */
static void kick(void *ctx, unsigned queue)
{
    vmm_event_set(((const int *)ctx)[queue]);
}

static enum cl_status new_event(int *ret_fd, struct cl_err *err)
{
    *ret_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return *ret_fd < 0 ? cl_err_sys(err, errno, "eventfd") : CL_OK;
}

static enum cl_status new_irq(struct vmm *v, uint32_t gsi, int *ret_fd, struct cl_err *err)
{
    CL_TRY(new_event(ret_fd, err));
    struct kvm_irqfd irqfd = {.fd = (uint32_t)*ret_fd, .gsi = gsi};
    if (vmm_kvm_vm(&v->kvm, KVM_IRQFD, &irqfd) < 0) {
        return cl_err_sys(err, errno, "KVM_IRQFD of GSI %u", (unsigned)gsi);
    }
    return CL_OK;
}

static enum cl_status new_notify(struct vmm *v, unsigned device, unsigned queue, int *ret_fd,
                                 struct cl_err *err)
{
    CL_TRY(new_event(ret_fd, err));
    struct kvm_ioeventfd io = {
        .datamatch = queue,
        .addr = STAGE0_VIRTIO_GPA + (uint64_t)device * STAGE0_VIRTIO_STRIDE + VMM_VIRTIO_NOTIFY,
        .len = 4,
        .fd = *ret_fd,
        .flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
    };
    if (vmm_kvm_vm(&v->kvm, KVM_IOEVENTFD, &io) < 0) {
        return cl_err_sys(err, errno, "KVM_IOEVENTFD of device %u", device);
    }
    return CL_OK;
}

static enum cl_status connect_device(struct vmm *v, unsigned device, struct vmm_virtio *virtio,
                                     int *irq_fd, int *queue_fd, struct cl_err *err)
{
    CL_TRY(new_irq(v, STAGE0_VIRTIO_GSI + device, irq_fd, err));
    for (unsigned q = 0; q < virtio->ops->queue_count; q++) {
        CL_TRY(new_notify(v, device, q, &queue_fd[q], err));
    }
    virtio->irq = pulse;
    virtio->irq_ctx = irq_fd;
    virtio->kick = kick;
    virtio->kick_ctx = queue_fd;
    return CL_OK;
}

enum cl_status vmm_irq_init(struct vmm *v, struct cl_err *err)
{
    CL_TRY(connect_device(v, STAGE0_VIRTIO_VSOCK, &v->vsock.virtio, &v->irq_fd[0], &v->queue_fd[0],
                          err));
    for (unsigned i = 0; i < VMM_DISKS; i++) {
        CL_TRY(connect_device(v, STAGE0_VIRTIO_BLOCK_FIRST + i, &v->disk[i].virtio,
                              &v->irq_fd[VMM_IRQ_DISK(i)], &v->queue_fd[VMM_QUEUE_DISK(i)], err));
    }
    for (unsigned i = 0; i < v->cfg->net_count; i++) {
        CL_TRY(connect_device(v, STAGE0_VIRTIO_NET_FIRST + i, &v->net[i].virtio,
                              &v->irq_fd[VMM_IRQ_NET(i)], &v->queue_fd[VMM_QUEUE_NET(i, 0)], err));
    }
    if (v->files->console_fd >= 0) {
        CL_TRY(new_irq(v, STAGE0_SERIAL_GSI, &v->serial_irq_fd, err));
        v->serial.irq = pulse;
        v->serial.irq_ctx = &v->serial_irq_fd;
    }
    return CL_OK;
}

struct routing { /* struct kvm_irq_routing with room for its entries */
    struct {
        uint32_t nr;
        uint32_t flags;
    } head;
    struct kvm_irq_routing_entry entry[VMM_IOAPIC_PINS];
};
_Static_assert(offsetof(struct routing, entry) == offsetof(struct kvm_irq_routing, entries),
               "KVM_SET_GSI_ROUTING");

static enum cl_status set_routes(struct vmm *v, const struct vmm_msi *msi, struct cl_err *err)
{
    struct routing r;
    memset(&r, 0, sizeof(r));
    for (unsigned pin = 0; pin < VMM_IOAPIC_PINS; pin++) {
        if (msi[pin].address == 0) {
            continue;
        }
        struct kvm_irq_routing_entry *e = &r.entry[r.head.nr++];
        e->gsi = pin;
        e->type = KVM_IRQ_ROUTING_MSI;
        e->u.msi.address_lo = (uint32_t)msi[pin].address;
        e->u.msi.address_hi = (uint32_t)(msi[pin].address >> 32);
        e->u.msi.data = msi[pin].data;
    }
    if (vmm_kvm_vm(&v->kvm, KVM_SET_GSI_ROUTING, &r) < 0) {
        return cl_err_sys(err, errno, "KVM_SET_GSI_ROUTING");
    }
    return CL_OK;
}

void vmm_irq_update_routes(struct vmm *v)
{
    struct vmm_msi want[VMM_IOAPIC_PINS];
    bool changed = false;
    for (unsigned pin = 0; pin < VMM_IOAPIC_PINS; pin++) {
        want[pin] = (struct vmm_msi){0};
        (void)vmm_ioapic_route(&v->ioapic, pin, &want[pin]); /* masked: stays zero */
        changed = changed || want[pin].address != v->routes[pin].address ||
                  want[pin].data != v->routes[pin].data;
    }
    if (!changed) {
        return;
    }
    struct cl_err err = {0};
    if (set_routes(v, want, &err) != CL_OK) {
        vmm_status_fail(&v->status, &err);
        return;
    }
    for (unsigned pin = 0; pin < VMM_IOAPIC_PINS; pin++) {
        v->routes[pin] = want[pin];
    }
}
