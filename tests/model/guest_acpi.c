/* SPDX-License-Identifier: Apache-2.0
 * guest_acpi.c - the ACPI tables that the firmware hands to Linux: all in private memory, sums
 * right, processors counted, and a DSDT that is pure data (guest-boot.md 2.2, 8 (1)).
 */
#include "guest_internal.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TABLE 0x10000u
#define MAX_TABLES 32u
#define HEADER 36u

static bool sum_is_zero(const uint8_t *p, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + p[i]);
    }
    return sum == 0;
}

/* A table as the kernel would read it; NULL and an objection if it cannot or must not be used. The
 * caller frees it. */
static uint8_t *load(struct guest_cpu *c, uint64_t gpa, uint32_t *ret_size)
{
    uint8_t header[HEADER];
    if (!guest_mapped_private(c, gpa, HEADER, "ACPI") ||
        !guest_copy(c, gpa, header, HEADER, false)) {
        return NULL;
    }
    uint32_t size = (uint32_t)model_le(header + 4, 4);
    uint8_t *table = size >= HEADER && size <= MAX_TABLE ? malloc(size) : NULL;
    if (table == NULL || !guest_mapped_private(c, gpa, size, "ACPI") ||
        !guest_copy(c, gpa, table, size, false) || !sum_is_zero(table, size)) {
        guest_object(c->guest, "entry.acpi", "table %.4s at %#lx", (const char *)header,
                     (unsigned long)gpa);
        free(table);
        return NULL;
    }
    *ret_size = size;
    return table;
}

/* Local APICs (type 0) and x2APICs (type 9) that are enabled, and the mailbox (type 10h). */
static void madt_entry(const uint8_t *e, uint32_t len, unsigned *cpus, struct guest_acpi *acpi)
{
    bool local = e[0] == 0 && len >= 8 && (e[4] & 1) != 0;
    bool x2 = e[0] == 9 && len >= 16 && (e[8] & 1) != 0;
    uint64_t id = local ? e[3] : x2 ? model_le(e + 4, 4) : 64;
    *cpus += local || x2;
    acpi->apic_ids |= id < 64 ? 1ull << id : 0;
    if (e[0] == 0x10) { /* tdx.md d: version 0 or 1, reserved, address */
        acpi->mailboxes++;
        acpi->mailbox_good = len == 16 && model_le(e + 2, 2) <= 1 && model_le(e + 4, 4) == 0;
        acpi->mailbox = len == 16 ? model_le(e + 8, 8) : 0;
    }
}

static void check_madt(struct guest_cpu *c, const uint8_t *t, uint32_t size,
                       struct guest_acpi *acpi)
{
    unsigned cpus = 0;
    acpi->madt = true;
    for (uint32_t at = HEADER + 8; at < size;) {
        uint32_t len = at + 2 <= size ? t[at + 1] : 0;
        if (len < 2 || len > size - at) {
            guest_object(c->guest, "entry.acpi", "MADT entry at %u", at);
            return;
        }
        madt_entry(t + at, len, &cpus, acpi);
        at += len;
    }
    if (cpus != c->guest->entry.cpus) {
        guest_object(c->guest, "entry.acpi_cpus", "MADT has %u processors, not %u", cpus,
                     c->guest->entry.cpus);
    }
}

/* tdx.md b.5: where the event log lies. */
static void check_ccel(struct guest_cpu *c, const uint8_t *t, uint32_t size,
                       struct guest_acpi *acpi)
{
    if (size != 56 || acpi->ccel) {
        guest_object(c->guest, "entry.acpi", "CCEL of %u bytes", size);
        return;
    }
    acpi->ccel = true;
    acpi->cc_type = t[36];
    acpi->log_size = model_le(t + 40, 8);
    acpi->log = model_le(t + 48, 8);
}

static void check_fadt(struct guest_cpu *c, const uint8_t *t, uint32_t size)
{
    uint32_t n = 0;
    uint64_t at = size >= 148 ? model_le(t + 140, 8) : 0; /* X_DSDT */
    uint8_t *dsdt = at != 0 ? load(c, at, &n) : NULL;
    if (dsdt == NULL || memcmp(dsdt, "DSDT", 4) != 0) { /* public */
        guest_object(c->guest, "entry.acpi", "no DSDT");
    }
    free(dsdt);
}

static void check_table(struct guest_cpu *c, uint64_t gpa, struct guest_acpi *acpi)
{
    uint32_t size;
    uint8_t *t = load(c, gpa, &size);
    if (t == NULL) {
        return;
    }
    if (memcmp(t, "APIC", 4) == 0) { /* public */
        check_madt(c, t, size, acpi);
    } else if (memcmp(t, "FACP", 4) == 0) { /* public */
        acpi->fadt = true;
        check_fadt(c, t, size);
    } else if (memcmp(t, "CCEL", 4) == 0) { /* public */
        check_ccel(c, t, size, acpi);
    }
    free(t);
}

void guest_check_acpi(struct guest_cpu *c, uint64_t rsdp, struct guest_acpi *ret_acpi)
{
    uint8_t root[36];
    uint32_t size;
    if (!guest_mapped_private(c, rsdp, sizeof(root), "RSDP") ||
        !guest_copy(c, rsdp, root, sizeof(root), false) ||
        memcmp(root, "RSD PTR ", 8) != 0 || /* public */
        root[15] < 2 || !sum_is_zero(root, 20) || !sum_is_zero(root, 36)) {
        guest_object(c->guest, "entry.acpi", "RSDP at %#lx", (unsigned long)rsdp);
        return;
    }
    uint8_t *xsdt = load(c, model_le(root + 24, 8), &size);
    if (xsdt == NULL || memcmp(xsdt, "XSDT", 4) != 0 || /* public */
        (size - HEADER) % 8 != 0 || (size - HEADER) / 8 > MAX_TABLES) {
        guest_object(c->guest, "entry.acpi", "XSDT");
        free(xsdt);
        return;
    }
    for (uint32_t at = HEADER; at < size; at += 8) {
        check_table(c, model_le(xsdt + at, 8), ret_acpi);
    }
    free(xsdt);
    if (!ret_acpi->madt || !ret_acpi->fadt) {
        guest_object(c->guest, "entry.acpi", "no %s", ret_acpi->madt ? "FADT" : "MADT");
    }
}
