/* SPDX-License-Identifier: Apache-2.0
 * guest_linux.c - the end of a run, at the Linux entry. Of a TD with several processors the model
 * then plays Linux: it wakes one after the other through the mailbox, and each has to arrive where
 * it was sent (tdx.md d; guest-boot.md 2.3).
 */
#include "guest_internal.h"

#include <errno.h>

#define LOW_RAM_END 0xA0000u
#define FLAG_IF 0x200u
#define MAX_POLLS 100000u

/* Linux' trampoline lies in RAM below 1 MiB if there is some. */
static uint64_t trampoline(const struct guest *g, const struct guest_map *map)
{
    uint64_t best = 0;
    for (unsigned i = 0; i < map->count; i++) {
        const struct guest_range *r = &map->r[i];
        uint64_t end = r->base + r->size < LOW_RAM_END ? r->base + r->size : LOW_RAM_END;
        if (r->type == 1 && r->base < end && end - r->base >= MODEL_PAGE) {
            best = (end & ~(uint64_t)(MODEL_PAGE - 1)) - MODEL_PAGE;
        }
    }
    return best != 0 ? best : g->entry.rip - 0x200;
}

static void wake(struct guest *g, unsigned target)
{
    struct guest_linux *l = &g->linux_played;
    uint8_t *mailbox = model_private(g->vm, l->mailbox);
    l->target = target;
    if (mailbox != NULL && guest_usable(g->vm, l->mailbox)) {
        model_put_le(mailbox + 8, 8, l->vector);
        model_put_le(mailbox + 4, 4, target);
        model_put_le(mailbox, 2, 1);
    }
}

void guest_linux_begin(struct guest_cpu *c, const struct guest_map *map,
                       const struct guest_acpi *acpi)
{
    struct guest *g = c->guest;
    struct guest_linux *l = &g->linux_played;
    if (g->entry.cpus < 2 || acpi->mailboxes != 1) {
        return;
    }
    l->map = *map;
    l->mailbox = acpi->mailbox;
    l->vector = trampoline(g, map);
    l->on = true;
    guest_flush(g);
    wake(g, 1);
}

/* The state in which Linux takes a processor over. */
static void check_arrival(struct guest_cpu *c)
{
    struct guest *g = c->guest;
    const struct guest_linux *l = &g->linux_played;
    struct guest_walk w;
    const uint8_t *mailbox = model_private(g->vm, l->mailbox);
    if (c->vcpu->index != l->target || c->arrived) {
        guest_object(g, "entry.ap_wrong", "processor %u answers for %u", c->vcpu->index, l->target);
    }
    if (mailbox == NULL || model_le(mailbox, 2) != 0) {
        guest_object(g, "entry.ap_command", "processor %u left the command standing", l->target);
    }
    if ((guest_reg(c, UC_X86_REG_EFLAGS) & FLAG_IF) != 0) {
        guest_object(g, "entry.ap_interrupts", "processor %u has RFLAGS.IF", l->target);
    }
    if (!guest_translate(c, l->vector, &w) || w.gpa != l->vector || w.shared) {
        guest_object(g, "entry.ap_identity", "processor %u: %#lx is not mapped to itself",
                     l->target, (unsigned long)l->vector);
        return;
    }
    for (unsigned i = 0; i < w.levels; i++) {
        if (guest_is_ram(&l->map, w.tables[i])) {
            guest_object(g, "entry.ap_tables", "processor %u: page table at %#lx is Linux' RAM",
                         l->target, (unsigned long)w.tables[i]);
        }
    }
}

static int arrive(struct guest_cpu *c)
{
    struct guest *g = c->guest;
    struct guest_linux *l = &g->linux_played;
    check_arrival(c);
    c->arrived = true;
    if (c->vcpu->index == l->target && l->target + 1 < g->entry.cpus) {
        wake(g, l->target + 1);
    } else if (c->vcpu->index == l->target) {
        guest_end(g, MODEL_ENTERED);
        return 0;
    }
    return model_refuse(g->vm->m, EAGAIN, "run.waiting");
}

/* Linux waits for ever; the model does not. */
static int poll(struct guest *g)
{
    struct guest_linux *l = &g->linux_played;
    const struct model_vcpu *v = l->target < MODEL_MAX_VCPUS ? g->vm->vcpus[l->target] : NULL;
    if (v == NULL || (v->cpu != NULL && v->cpu->woken_runs > GUEST_WOKEN_RUNS) ||
        ++l->polls > MAX_POLLS) {
        guest_object(g, "entry.ap_lost", "processor %u does not come", l->target);
        guest_end(g, MODEL_ENTERED);
        return 0;
    }
    return model_refuse(g->vm->m, EINTR, "run.slice");
}

bool guest_at_linux(struct guest_cpu *c, int *ret_error)
{
    struct guest *g = c->guest;
    uint64_t ip = guest_ip(c);
    *ret_error = 0;
    if (c->mode != GUEST_64) {
        return false;
    }
    if (g->linux_played.on && c->vcpu->index != 0 && ip == g->linux_played.vector) {
        *ret_error = arrive(c);
        return true;
    }
    if (!g->has_entry || ip != g->entry.rip) {
        return false;
    }
    if (g->linux_played.on && c->vcpu->index == 0) {
        *ret_error = poll(g);
        return true;
    }
    if (c->vcpu->index != 0) {
        guest_object(g, "entry.bsp", "processor %u comes to the entry", c->vcpu->index);
    }
    guest_check_entry(c);
    if (!g->linux_played.on) {
        guest_end(g, MODEL_ENTERED);
    }
    return true;
}
