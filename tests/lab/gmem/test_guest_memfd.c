/* SPDX-License-Identifier: Apache-2.0
 * test_guest_memfd.c - the product's private memory (runtime/tee/private_memory.c) on a real KVM:
 * guest_memfd, memory attributes, KVM_EXIT_MEMORY_FAULT and page-state hypercalls of a
 * software-protected VM, in which no byte is encrypted and everything else is true.
 *
 * In such a VM an access means the side that the attribute says, so the kernel never finds a guest
 * on the shared side of a private page: memory faults are had by taking away the slot, or the
 * private side. For the other direction the kernel's exit has its flag turned. Exit status 77: this
 * kernel has no software-protected VMs.
 */
#include "guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SKIPPED 77
#define PAGES(bytes) ((bytes) / TEE_PAGE_SIZE)
#define LARGE (16u * MIB) /* what is measured; far above what else changes meanwhile */

static unsigned failures, checks;

static void check(bool ok, const char *what)
{
    checks++;
    if (!ok) {
        printf("FAILED: %s\n", what);
        failures++;
    }
}

static void step(const char *what)
{
    printf("-- %s\n", what);
}

/* What a guest finds there; a fault is a failure. */
static uint32_t peek(struct guest *g, uint32_t gpa)
{
    uint32_t value = 0;
    check(guest_read(g, gpa, &value), "the guest reads");
    return value;
}

static void shared_put(struct guest *g, uint32_t gpa, uint32_t value)
{
    memcpy(g->ram + (gpa - RAM_GPA), &value, sizeof(value));
}

static uint32_t shared_get(const struct guest *g, uint32_t gpa)
{
    uint32_t value;
    memcpy(&value, g->ram + (gpa - RAM_GPA), sizeof(value));
    return value;
}

/* KiB of the page cache, to which a guest_memfd's pages belong, or of our own anonymous memory. */
static long kib(const char *file, const char *field)
{
    char line[256];
    long value = -1;
    FILE *f = fopen(file, "re");
    while (f != NULL && value < 0 && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0) {
            value = strtol(line + strlen(field), NULL, 10);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    check(value >= 0, field);
    return value;
}

static long private_kib(void)
{
    return kib("/proc/meminfo", "Unevictable:");
}

static long shared_kib(void)
{
    return kib("/proc/self/status", "RssAnon:");
}

static bool about(long got, long want)
{
    long slack = 1024;
    bool ok = got >= want - slack && got <= want + slack;
    if (!ok) {
        printf("expected about %ld KiB, got %ld\n", want, got);
    }
    return ok;
}

static void shared_at_first(struct guest *g)
{
    step("pages begin shared");
    shared_put(g, RAM_GPA, 0x11111111);
    check(peek(g, RAM_GPA) == 0x11111111, "the guest sees what the host wrote");
    check(guest_write(g, RAM_GPA + 8, 0x22222222), "the guest writes");
    check(shared_get(g, RAM_GPA + 8) == 0x22222222, "the host sees what the guest wrote");
}

static void by_hypercall(struct guest *g)
{
    const uint32_t page = RAM_GPA + 0x5000;
    step("turned by hypercall, both ways");
    shared_put(g, page, 0x33333333);
    shared_put(g, page - 4, 0x44444444);
    unsigned before = g->conversions;
    check(guest_turn(g, page, 1, true) == 0 && g->conversions == before + 1, "made private");
    check(peek(g, page) == 0, "a fresh private page is zero");
    check(peek(g, page - 4) == 0x44444444, "the page before stays shared");
    check(shared_get(g, page) == 0, "the shared side was given back");
    check(guest_write(g, page, 0x55555555) && shared_get(g, page) == 0, "the host does not see it");
    shared_put(g, page, 0x66666666);
    check(peek(g, page) == 0x55555555, "nor does what the host writes reach the guest");
    check(guest_turn(g, page, 1, false) == 0, "made shared");
    check(peek(g, page) == 0x66666666, "the shared side again");
    check(guest_turn(g, page, 1, true) == 0 && peek(g, page) == 0,
          "what was private is gone for good");
    check(guest_turn(g, page, 1, true) == 0 && guest_write(g, page, 7) &&
              guest_turn(g, page, 1, true) == 0 && peek(g, page) == 7,
          "private twice keeps the page");
    check(guest_turn(g, page, 1, false) == 0, "shared");
}

/* The answers to a guest that asks for nonsense: the kernel's own, and the product's. */
static void nonsense(struct guest *g)
{
    step("hypercalls that make no sense");
    unsigned before = g->conversions;
    check(guest_turn(g, RAM_GPA + 1, 1, true) == -EINVAL, "not aligned");
    check(guest_turn(g, RAM_GPA, 0, true) == -EINVAL, "no pages");
    check(g->conversions == before, "the kernel answers these");
    check(guest_turn(g, RAM_GPA + RAM_SIZE - TEE_PAGE_SIZE, 2, true) == -EINVAL, "beyond the slot");
    check(guest_turn(g, 0x40000000, 1, true) == -EINVAL, "no memory");
    check(guest_turn(g, CODE_GPA, 1, true) == -EINVAL, "memory without a private side");
    check(guest_turn(g, ROM_GPA, 1, true) == -EINVAL, "memory that may not turn");
    check(g->conversions == before + 4, "the product answers these");
    check(peek(g, RAM_GPA + RAM_SIZE - TEE_PAGE_SIZE) == 0, "and nothing changed");
}

static void in_chunks(struct guest *g)
{
    const uint32_t chunk = 2 * MIB;
    step("attributes in chunks; their ends");
    for (uint32_t at = 0; at < RAM_SIZE; at += MIB) {
        shared_put(g, RAM_GPA + at, 0x77000000u + at / MIB);
    }
    for (uint32_t at = 0; at < LARGE; at += 2 * chunk) { /* every other one */
        check(guest_turn(g, RAM_GPA + at, PAGES(chunk), true) == 0, "a chunk");
    }
    for (uint32_t at = 0; at < LARGE; at += MIB) {
        bool private = at / chunk % 2 == 0;
        check(peek(g, RAM_GPA + at) == (private ? 0 : 0x77000000u + at / MIB), "side of a chunk");
    }
    shared_put(g, RAM_GPA + chunk, 0x88888888);
    check(guest_write(g, RAM_GPA + chunk - 4, 0x99999999) &&
              shared_get(g, RAM_GPA + chunk - 4) == 0,
          "the last word of a private chunk");
    check(peek(g, RAM_GPA + chunk) == 0x88888888, "the first word of a shared one");
    check(guest_turn(g, RAM_GPA, PAGES(LARGE), false) == 0, "all of it at once, mixed as it is");
    check(peek(g, RAM_GPA + chunk) == 0x88888888 && peek(g, RAM_GPA + 3 * MIB) == 0x77000003 &&
              peek(g, RAM_GPA + MIB) == 0,
          "all shared");
}

static void memory_comes_back(struct guest *g)
{
    step("memory of the side that is given up comes back");
    long private = private_kib();
    check(guest_turn(g, RAM_GPA, PAGES(RAM_SIZE), false) == 0, "all shared");
    long shared = shared_kib();
    check(guest_fill(g, RAM_GPA, LARGE, 0xABABABAB), "filled while shared");
    check(about(shared_kib() - shared, LARGE / 1024), "shared memory was taken");
    check(about(private_kib() - private, 0), "and no private memory");
    check(guest_turn(g, RAM_GPA, PAGES(LARGE), true) == 0, "made private");
    check(about(shared_kib() - shared, 0), "shared memory came back");
    check(about(private_kib() - private, 0), "private memory comes when it is touched");
    check(guest_fill(g, RAM_GPA, LARGE, 0xCDCDCDCD), "filled while private");
    check(about(private_kib() - private, LARGE / 1024), "private memory was taken");
    check(about(shared_kib() - shared, 0), "and no shared memory");
    check(guest_turn(g, RAM_GPA, PAGES(LARGE / 2), false) == 0, "half of it made shared");
    check(about(private_kib() - private, LARGE / 2048), "half came back");
    check(peek(g, RAM_GPA + LARGE / 2) == 0xCDCDCDCD && peek(g, RAM_GPA) == 0, "the right half");
    check(guest_turn(g, RAM_GPA, PAGES(LARGE), false) == 0, "the rest");
    check(about(private_kib() - private, 0), "all came back");
}

/* The slot as tee_private_add() makes it; for tests of what happens without. */
static int put_back(struct guest *g)
{
    const struct tee_private_slot *s = tee_private_slot_of(&g->memory, RAM_GPA, 1);
    struct kc_region r = {.slot = s->slot,
                          .flags = KC_MEM_GUEST_MEMFD,
                          .gpa = s->gpa,
                          .size = s->size,
                          .hva = (uintptr_t)s->hva,
                          .memfd = (uint32_t)s->memfd};
    return ioctl(g->kvm.vm_fd, KC_SET_REGION, &r);
}

static void by_memory_fault(struct guest *g)
{
    const uint32_t page = RAM_GPA + 0x9000;
    struct cl_err err = {0};
    uint32_t value = 0;
    step("a slot removed, memory faults, turned by them");
    check(guest_turn(g, page, 1, true) == 0 && guest_write(g, page + 4, 0x12345678), "private");
    check(tee_private_remove(&g->memory, SLOT_RAM, &err) == CL_OK, "slot removed");
    check(tee_private_remove(&g->memory, SLOT_RAM, &err) != CL_OK && err.sys_errno == EINVAL,
          "twice: EINVAL");
    unsigned before = g->faults;
    check(!guest_read(g, page + 4, &value) && g->faults == before + 1, "the guest faults");
    check(g->fault.flags == KC_MEMORY_FAULT_PRIVATE && g->fault.gpa == page &&
              g->fault.size == TEE_PAGE_SIZE,
          "the exit says which page, and private");
    check(put_back(g) == 0, "the slot again");
    check(tee_private_fault(&g->memory, g->run, &err) == TEE_EXIT_DONE, "the product takes it");
    check(peek(g, page + 4) == 0x12345678, "and the private page is as it was");
    /* The same exit, of the other side. */
    struct kc_exit_memory_fault other = g->fault;
    other.flags = 0;
    memcpy(kc_exit_data(g->run), &other, sizeof(other));
    shared_put(g, page + 4, 0x87654321);
    check(tee_private_fault(&g->memory, g->run, &err) == TEE_EXIT_DONE, "turned to shared");
    check(peek(g, page + 4) == 0x87654321, "the shared side");
    memcpy(kc_exit_data(g->run), &g->fault, sizeof(g->fault));
    check(tee_private_fault(&g->memory, g->run, &err) == TEE_EXIT_DONE, "turned to private");
    check(peek(g, page + 4) == 0, "a fresh private page");
}

static void refused_faults(struct guest *g)
{
    struct cl_err err = {0};
    struct kc_attributes a = {
        .gpa = CODE_GPA, .size = TEE_PAGE_SIZE, .attributes = KC_ATTRIBUTE_PRIVATE};
    const struct guest_call read_ram = {.ebx = RAM_GPA};
    step("faults that the product refuses");
    check(ioctl(g->kvm.vm_fd, KC_SET_ATTRIBUTES, &a) == 0, "the code's page private");
    check(guest_run(g, ENTRY_READ, &read_ram, false, &err) == GUEST_REFUSED &&
              strstr(err.msg, "as private memory, which they cannot be") != NULL &&
              g->fault.gpa == CODE_GPA,
          "a page that has no private side");
    a.attributes = 0;
    check(ioctl(g->kvm.vm_fd, KC_SET_ATTRIBUTES, &a) == 0, "shared again");
    check(guest_run(g, ENTRY_READ, &read_ram, false, &err) == GUEST_HALTED,
          "and the guest goes on");
    const struct tee_private_slot *rom = tee_private_slot_of(&g->memory, ROM_GPA, ROM_SIZE);
    check(rom != NULL &&
              tee_private_set(&g->memory, rom, ROM_GPA, ROM_SIZE, true, false, &err) == CL_OK,
          "a firmware that is private from the launch on");
    check(guest_write(g, ROM_GPA, 5) && g->rom[0] == 0, "holds what the host does not see");
    struct kc_exit_memory_fault f = {.gpa = ROM_GPA, .size = TEE_PAGE_SIZE};
    memcpy(kc_exit_data(g->run), &f, sizeof(f));
    check(tee_private_fault(&g->memory, g->run, &err) == TEE_EXIT_FAILED && peek(g, ROM_GPA) == 5,
          "and is never turned");
}

static void closed(struct guest *g)
{
    uint32_t value = 0;
    step("private memory closed under a running guest");
    check(guest_turn(g, RAM_GPA, PAGES(LARGE), true) == 0 &&
              guest_fill(g, RAM_GPA, LARGE, 0xEFEFEFEF),
          "16 MiB private");
    long full = private_kib();
    tee_private_done(&g->memory);
    check(about(full - private_kib(), LARGE / 1024), "all of it comes back");
    check(!guest_read(g, RAM_GPA, &value) && g->fault.flags == KC_MEMORY_FAULT_PRIVATE,
          "the guest faults, and reads nothing");
}

int main(void)
{
    struct guest g;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (!guest_start(&g)) {
        return SKIPPED;
    }
    shared_at_first(&g);
    by_hypercall(&g);
    nonsense(&g);
    in_chunks(&g);
    memory_comes_back(&g);
    by_memory_fault(&g);
    refused_faults(&g);
    closed(&g);
    printf("%u checks, %u failures; %u conversions, %u memory faults\n", checks, failures,
           g.conversions, g.faults);
    guest_done(&g);
    return failures == 0 ? 0 : 1;
}
