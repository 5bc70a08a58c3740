/* SPDX-License-Identifier: Apache-2.0
 * tdx_kvm.h - a KVM that is played, as far as the TDX back-end needs one: it answers, writes down
 * what it was asked, and can fail the nth call. The rules of a launch are the model's to judge.
 */
#ifndef CL_TEST_TDX_KVM_H
#define CL_TEST_TDX_KVM_H

#include "tee/kvm_coco.h"
#include "tee/tee.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PLAYED_DEV 500
#define PLAYED_VM 1000
#define PLAYED_VCPU 2000
#define PLAYED_MEMFD 3000
#define PLAYED_PAGES 256

struct played_page {
    uint64_t gpa;
    bool measured;
    uint8_t bytes[4096];
};

struct played {
    /* what it is */
    uint32_t absent_capability;
    uint64_t attributes, xfam;
    unsigned capability_entries; /* of the CPUID table; further ones are filler */
    int tsc_khz, max_vcpus;
    unsigned no_entropy;   /* so many times */
    unsigned region_pages; /* at a time; 0: all */
    bool region_again;     /* every other time EAGAIN */
    bool region_silent;    /* does not write back */
    uint64_t hw_error;     /* of INIT_VM */
    /* failure */
    unsigned fail_nth; /* ioctl; 0: none */
    int error;
    /* what it was asked */
    unsigned ioctls, memfds, open_fds, init_vms, vcpus, attribute_calls, punched;
    uint64_t tsc_set, bus_set, hob, hypercalls;
    struct kc_tdx_vm vm;
    unsigned vm_entries;
    struct kvm_cpuid_entry2 vm_cpuid[64];
    bool finalized;
    struct kc_attributes last_attributes;
    uint64_t private_bytes;
    struct kvm_msi msi;
    unsigned msis;
    bool again;
    size_t page_count;
    struct played_page page[PLAYED_PAGES];
};

static inline void played_init(struct played *p)
{
    memset(p, 0, sizeof(*p));
    p->attributes = 1ull << 28 | 1ull << 63;
    p->xfam = 0x602e7 | 1ull << 8;
    p->capability_entries = 4;
    p->tsc_khz = 2099999;
    p->max_vcpus = 64;
}

static inline int played_error(int error)
{
    errno = error;
    return -1;
}

static inline int played_capability(const struct played *p, uint64_t capability)
{
    if (capability == p->absent_capability) {
        return 0;
    }
    switch (capability) {
    case 235:
        return 1 << 5;
    case 233:
        return 8;
    case 201:
        return 1 << 12;
    case KVM_CAP_MAX_VCPUS:
        return p->max_vcpus;
    default:
        return 1;
    }
}

static inline int played_capabilities(const struct played *p, uint64_t data)
{
    uint8_t *at = (uint8_t *)(uintptr_t)data;
    uint32_t room = 0;
    memcpy(&room, at + 2048, 4);
    memcpy(at, &p->attributes, 8);
    memcpy(at + 8, &p->xfam, 8);
    uint32_t count = p->capability_entries;
    memcpy(at + 2048, &count, 4);
    if (room < count) {
        return played_error(E2BIG);
    }
    struct kvm_cpuid_entry2 e[4] = {
        {.function = 1, .eax = 0x0fff3fff, .ebx = 0x00ff0000, .ecx = 0x80000000},
        {.function = 4, .index = 1, .flags = 1, .eax = UINT32_MAX},
        {.function = 0x80000008, .eax = 0x00ff00ff},
        {.function = 0x77}, /* one that nobody wants */
    };
    for (uint32_t i = 0; i < count; i++) {
        memcpy(at + 2056 + 40 * (size_t)i, &e[i < 3 ? i : 3], 40);
    }
    return 0;
}

static inline int played_init_vm(struct played *p, struct kc_tdx *c)
{
    const uint8_t *at = (const uint8_t *)(uintptr_t)c->data;
    if (p->no_entropy > 0) {
        p->no_entropy--;
        c->hw_error = 0x8000020300000000ull;
        return played_error(EAGAIN);
    }
    if (p->hw_error != 0) {
        c->hw_error = p->hw_error;
        return played_error(EIO);
    }
    memcpy(&p->vm, at, 256);
    memcpy(&p->vm_entries, at + 256, 4);
    memcpy(p->vm_cpuid, at + 264, 40 * (size_t)p->vm_entries);
    p->init_vms++;
    return 0;
}

static inline int played_get_cpuid(uint64_t data)
{
    struct tee_cpuid *c = (struct tee_cpuid *)(uintptr_t)data;
    c->head.nent = 3;
    c->entry[0] = (struct kvm_cpuid_entry2){.function = 1, .eax = 0xc06f2, .ebx = 0x00100800};
    c->entry[1] = (struct kvm_cpuid_entry2){.function = 0x0b, .edx = 77};
    c->entry[2] = (struct kvm_cpuid_entry2){.function = 0x21, .ebx = 0x65746e49};
    return 0;
}

static inline int played_region(struct played *p, const struct kc_tdx *c)
{
    struct kc_tdx_region *r = (struct kc_tdx_region *)(uintptr_t)c->data;
    struct kc_tdx_region was = *r;
    uint64_t n = p->region_pages > 0 && p->region_pages < r->pages ? p->region_pages : r->pages;
    p->again = p->region_again && !p->again;
    for (uint64_t i = 0; i < n && p->page_count < PLAYED_PAGES; i++) {
        struct played_page *page = &p->page[p->page_count++];
        page->gpa = r->gpa;
        page->measured = (c->flags & 1) != 0;
        memcpy(page->bytes, (const void *)(uintptr_t)r->hva, 4096);
        r->hva += 4096;
        r->gpa += 4096;
        r->pages--;
    }
    if (p->region_silent) {
        *r = was;
        return 0;
    }
    return p->again ? played_error(n % 2 == 0 ? EAGAIN : EINTR) : 0;
}

static inline int played_op(struct played *p, int fd, struct kc_tdx *c)
{
    if (c->hw_error != 0) {
        return played_error(EINVAL);
    }
    switch (c->id) {
    case 0:
        return played_capabilities(p, c->data);
    case 1:
        return played_init_vm(p, c);
    case 2:
        p->vcpus += fd >= PLAYED_VCPU ? 1 : 0;
        p->hob = c->data;
        return 0;
    case 3:
        return fd >= PLAYED_VCPU ? played_region(p, c) : played_error(EINVAL);
    case 4:
        p->finalized = true;
        return 0;
    case 5:
        return played_get_cpuid(c->data);
    default:
        return played_error(EINVAL);
    }
}

static inline int played_enable(struct played *p, const struct kvm_enable_cap *cap)
{
    if (cap->cap == 237) {
        p->bus_set = cap->args[0];
    } else if (cap->cap == 201) {
        p->hypercalls = cap->args[0];
    }
    return 0;
}

static inline int played_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
    struct played *p = ctx;
    if (++p->ioctls == p->fail_nth) {
        return played_error(p->error);
    }
    switch (request) {
    case KVM_CHECK_EXTENSION:
        return played_capability(p, (uintptr_t)arg);
    case KVM_CREATE_VM:
        p->open_fds++;
        return (uintptr_t)arg == 5 ? PLAYED_VM : played_error(EINVAL);
    case KC_MEMORY_ENCRYPT_OP:
        return played_op(p, fd, arg);
    case KVM_ENABLE_CAP:
        return played_enable(p, arg);
    case KVM_GET_TSC_KHZ:
        return p->tsc_khz;
    case KVM_SET_TSC_KHZ:
        p->tsc_set = (uintptr_t)arg;
        return 0;
    case KC_CREATE_GUEST_MEMFD:
        p->open_fds++;
        return PLAYED_MEMFD + (int)p->memfds++;
    case KC_SET_REGION:
        return 0;
    case KC_SET_ATTRIBUTES:
        p->last_attributes = *(struct kc_attributes *)arg;
        p->private_bytes += p->last_attributes.attributes == 8 ? p->last_attributes.size : 0;
        p->attribute_calls++;
        return 0;
    case KVM_SIGNAL_MSI:
        p->msi = *(struct kvm_msi *)arg;
        p->msis++;
        return 1;
    default:
        return played_error(ENOTTY);
    }
}

static inline int played_close(void *ctx, int fd)
{
    (void)fd;
    ((struct played *)ctx)->open_fds--;
    return 0;
}

static inline int played_punch(void *ctx, int memfd, uint64_t offset, uint64_t size)
{
    (void)memfd;
    (void)offset;
    (void)size;
    ((struct played *)ctx)->punched++;
    return 0;
}

static const struct vmm_kvm_ops played_ops = {
    .ioctl = played_ioctl, .close = played_close, .punch_hole = played_punch};

#endif
