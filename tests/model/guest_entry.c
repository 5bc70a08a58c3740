/* SPDX-License-Identifier: Apache-2.0
 * guest_entry.c - what must be true when the guest jumps to Linux (guest-boot.md 1.2 to 1.5, 2.5,
 * 6); what a TEE adds is checked beside it (struct guest_tee). Everything is read as the kernel
 * will read it: through the page tables that were left to it, from validated private memory.
 */
#include "guest_internal.h"

#include <stdlib.h>
#include <string.h>

#define FLAG_IF 0x200u

void model_expect_entry(struct model_vm *vm, const struct model_entry *entry)
{
    struct guest *g = guest_of(vm);
    if (g != NULL) {
        g->entry = *entry;
        g->has_entry = true;
    }
}

/* Each byte of [gpa, gpa+size) is mapped to itself with C=1, and its page is validated. */
bool guest_mapped_private(struct guest_cpu *c, uint64_t gpa, uint64_t size, const char *what)
{
    for (uint64_t at = gpa & ~(uint64_t)(MODEL_PAGE - 1); at < gpa + size; at += MODEL_PAGE) {
        struct guest_walk w;
        uint8_t *host;
        bool good = guest_translate(c, at, &w) && w.gpa == at && !w.shared &&
                    guest_look(c, at, false, &host) == LOOK_GOOD;
        if (!good) {
            guest_object(c->guest, "entry.private",
                         "%s: %#lx is not identity-mapped private memory", what, (unsigned long)at);
            return false;
        }
    }
    return true;
}

static void same(struct guest_cpu *c, uint64_t gpa, const void *want, size_t size, const char *rule)
{
    uint8_t *got = malloc(size);
    if (size > 0 && guest_mapped_private(c, gpa, size, rule) &&
        (got == NULL || !guest_copy(c, gpa, got, size, false) ||
         memcmp(got, want, size) != 0)) { /* public */
        guest_object(c->guest, rule, "%zu bytes at %#lx differ from what was verified", size,
                     (unsigned long)gpa);
    }
    free(got);
}

/* guest-boot.md 1.4 */
static void check_processor(struct guest_cpu *c)
{
    uint8_t raw[8];
    uc_x86_mmr gdtr = {0};
    (void)uc_reg_read(c->uc, UC_X86_REG_GDTR, &gdtr);
    if ((guest_reg(c, UC_X86_REG_EFLAGS) & FLAG_IF) != 0) {
        guest_object(c->guest, "entry.interrupts", "RFLAGS.IF is set");
    }
    if (c->cs != 0x10) {
        guest_object(c->guest, "entry.cs", "CS is %#x, not 0x10", c->cs);
    }
    if (gdtr.limit < 0x1F || !guest_copy(c, gdtr.base + 0x10, raw, 8, false) ||
        (raw[5] & 0x98) != 0x98 || (raw[6] & 0x20) == 0) {
        guest_object(c->guest, "entry.gdt", "selector 0x10 is no 64-bit code segment");
    }
    if (gdtr.limit < 0x1F || !guest_copy(c, gdtr.base + 0x18, raw, 8, false) ||
        (raw[5] & 0x9A) != 0x92) {
        guest_object(c->guest, "entry.gdt", "selector 0x18 is no writable data segment");
    }
}

/* guest-boot.md 1.2, 6: E820 in order, apart, and RAM that is all there. */
static void check_e820(struct guest_cpu *c, const uint8_t *bp, struct guest_map *ret_map)
{
    unsigned count = bp[0x1E8];
    uint64_t end = 0;
    ret_map->count = 0;
    if (count == 0 || count > GUEST_E820_MAX) {
        guest_object(c->guest, "entry.e820", "%u entries", count);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *e = bp + 0x2D0 + 20u * (size_t)i;
        struct guest_range r = {model_le(e, 8), model_le(e + 8, 8), (uint32_t)model_le(e + 16, 4)};
        if (r.size == 0 || r.base + r.size < r.base || r.base < end) {
            guest_object(c->guest, "entry.e820", "entry %u: %#lx+%#lx", i, (unsigned long)r.base,
                         (unsigned long)r.size);
        }
        end = r.base + r.size;
        ret_map->r[i] = r;
    }
    ret_map->count = count;
}

/* 2.5, 6: Linux accepts no plain RAM by itself, so every page of it is validated. */
static void check_ram(struct guest_cpu *c, const struct guest_map *map)
{
    struct model_vm *vm = c->vcpu->vm;
    uint64_t ram = 0;
    for (unsigned i = 0; i < map->count; i++) {
        const struct guest_range *r = &map->r[i];
        if (r->type != 1) {
            continue;
        }
        for (uint64_t at = r->base; at < r->base + r->size; at += MODEL_PAGE) {
            if (!guest_usable(vm, at)) {
                guest_object(c->guest, "entry.ram_validated", "RAM at %#lx", (unsigned long)at);
                return;
            }
            if (c->guest->watch_touch && model_rmp_at(vm, at)->touched != 3) {
                guest_object(c->guest, "entry.touched", "page %#lx", (unsigned long)at);
                return;
            }
            ram += MODEL_PAGE;
        }
    }
    if (ram > c->guest->entry.ram_size || ram + (2u << 20) < c->guest->entry.ram_size) {
        guest_object(c->guest, "entry.ram_size", "%#lx bytes of RAM in E820", (unsigned long)ram);
    }
}

/* guest-boot.md 8 (13): nothing of the firmware's secrets is left. */
static void check_wiped(struct guest_cpu *c)
{
    const struct model_entry *e = &c->guest->entry;
    for (size_t i = 0; i < e->wiped_count; i++) {
        for (uint64_t at = e->wiped[i].gpa; at < e->wiped[i].gpa + e->wiped[i].size; at++) {
            const uint8_t *p = model_private(c->vcpu->vm, at);
            if (p == NULL || *p != 0) {
                guest_object(c->guest, "entry.wiped", "byte at %#lx", (unsigned long)at);
                break;
            }
        }
    }
}

bool guest_is_ram(const struct guest_map *map, uint64_t gpa)
{
    for (unsigned i = 0; i < map->count; i++) {
        const struct guest_range *r = &map->r[i];
        if (r->type == 1 && gpa >= r->base && gpa - r->base < r->size) {
            return true;
        }
    }
    return false;
}

static void check_payload(struct guest_cpu *c, const uint8_t *bp)
{
    const struct model_entry *e = &c->guest->entry;
    uint64_t initrd = model_le(bp + 0x218, 4) | model_le(bp + 0x0C0, 4) << 32;
    uint64_t size = model_le(bp + 0x21C, 4) | model_le(bp + 0x0C4, 4) << 32;
    uint64_t cmdline = model_le(bp + 0x228, 4) | model_le(bp + 0x0C8, 4) << 32;
    same(c, e->rip - 0x200, e->kernel, e->kernel_size, "entry.kernel");
    if (size != e->initrd_size) {
        guest_object(c->guest, "entry.initrd", "%lu bytes", (unsigned long)size);
    } else {
        same(c, initrd, e->initrd, e->initrd_size, "entry.initrd");
    }
    same(c, cmdline, e->cmdline, strlen(e->cmdline) + 1, "entry.cmdline");
    uint64_t init_size = model_le(bp + 0x260, 4);
    (void)guest_mapped_private(c, e->rip - 0x200, init_size, "init_size");
}

void guest_check_entry(struct guest_cpu *c)
{
    uint8_t bp[MODEL_PAGE];
    struct guest_map map;
    struct guest_acpi acpi = {0};
    uint64_t at = guest_gpr(c, RSI);
    guest_went_on(c, "the jump to Linux");
    check_processor(c);
    if (!guest_mapped_private(c, at, MODEL_PAGE, "boot_params") ||
        !guest_copy(c, at, bp, sizeof(bp), false)) {
        return;
    }
    if (model_le(bp + 0x202, 4) != 0x53726448 || model_le(bp + 0x1FE, 2) != 0xAA55) {
        guest_object(c->guest, "entry.header", "no setup header in boot_params");
    }
    if (bp[0x210] == 0) {
        guest_object(c->guest, "entry.loader", "type_of_loader is 0");
    }
    if (bp[0x1EF] != 0) {
        guest_object(c->guest, "entry.sentinel", "sentinel is %#x", bp[0x1EF]);
    }
    check_e820(c, bp, &map);
    check_ram(c, &map);
    check_payload(c, bp);
    check_wiped(c);
    if (c->guest->entry.acpi) {
        guest_check_acpi(c, model_le(bp + 0x070, 8), &acpi);
    }
    c->guest->tee->check_entry(c, bp, &map, &acpi);
}
