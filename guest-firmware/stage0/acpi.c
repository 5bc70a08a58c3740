/* SPDX-License-Identifier: Apache-2.0
 * acpi.c - RSDP, XSDT, FADT, MADT and DSDT of a hardware-reduced machine (guest-boot.md 2.2); CCEL
 * of a TD. Trust: the only input is the CPU count, bounded before. The host's tables are never
 * looked at.
 */
#include "stage0.h"

#include <string.h>

#define RSDP_SIZE 36u
#define CHECKSUM_OFFSET 9u /* in a table header */
#define RSDP_V1_SIZE 20u
#define RSDP_CHECKSUM 8u
#define RSDP_EXT_CHECKSUM 32u

#define FADT_PWR_BUTTON (UINT32_C(1) << 4) /* "no fixed button" */
#define FADT_SLP_BUTTON (UINT32_C(1) << 5)
#define FADT_RESET_REG_SUP (UINT32_C(1) << 10)
#define FADT_HW_REDUCED (UINT32_C(1) << 20)
#define BOOT_NO_VGA (1u << 2)
#define BOOT_NO_CMOS_RTC (1u << 5)
#define GAS_SYSTEM_IO 1u
#define GAS_ACCESS_BYTE 1u

#define OEM_ID "CLSTR "
#define OEM_TABLE_ID "STAGE0  "
#define CREATOR_ID "CLST"

struct table {
    struct cl_writer *w;
    size_t at;
};

static struct table begin_table(struct cl_writer *w, const char signature[static 4],
                                uint8_t revision)
{
    struct table t = {w, w->len};
    cl_writer_bytes(w, signature, 4);
    cl_writer_le32(w, 0); /* length, set by end_table() */
    cl_writer_u8(w, revision);
    cl_writer_u8(w, 0); /* checksum */
    cl_writer_bytes(w, OEM_ID, 6);
    cl_writer_bytes(w, OEM_TABLE_ID, 8);
    cl_writer_le32(w, 1);
    cl_writer_bytes(w, CREATOR_ID, 4);
    cl_writer_le32(w, 1);
    return t;
}

/* The byte that makes the sum of all 0. */
static uint8_t checksum(const uint8_t *data, size_t len)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + data[i]);
    }
    return (uint8_t)(0u - sum);
}

static void end_table(struct table t)
{
    if (t.w->overflow) {
        return;
    }
    uint8_t *table = t.w->data + t.at;
    size_t len = t.w->len - t.at;
    cl_le32 length;
    cl_le32_put(&length, (uint32_t)len);
    memcpy(table + 4, &length, sizeof(length));
    table[CHECKSUM_OFFSET] = checksum(table, len);
    cl_writer_zero(t.w, (16 - t.w->len % 16) % 16);
}

static void put_gas_io(struct cl_writer *w, uint16_t port)
{
    cl_writer_u8(w, GAS_SYSTEM_IO);
    cl_writer_u8(w, 8); /* bits */
    cl_writer_u8(w, 0);
    cl_writer_u8(w, GAS_ACCESS_BYTE);
    cl_writer_le64(w, port);
}

/* Zeros up to `offset` of the table. */
static void pad_to(struct table t, size_t offset)
{
    cl_writer_zero(t.w, t.at + offset - t.w->len);
}

static void put_fadt(struct cl_writer *w, uint64_t dsdt_gpa)
{
    struct table t = begin_table(w, "FACP", 6);
    pad_to(t, 109);
    cl_writer_le16(w, BOOT_NO_VGA | BOOT_NO_CMOS_RTC);
    pad_to(t, 112);
    cl_writer_le32(w, FADT_HW_REDUCED | FADT_RESET_REG_SUP | FADT_PWR_BUTTON | FADT_SLP_BUTTON);
    put_gas_io(w, STAGE0_PORT_RESET); /* 116 */
    cl_writer_u8(w, STAGE0_RESET_VALUE);
    pad_to(t, 140);
    cl_writer_le64(w, dsdt_gpa);
    pad_to(t, 244);
    put_gas_io(w, STAGE0_PORT_SLEEP_CONTROL);
    put_gas_io(w, STAGE0_PORT_SLEEP_STATUS);
    cl_writer_bytes(w, "CLOISTER", 8); /* hypervisor vendor, 268 */
    end_table(t);
}

static void put_madt(struct cl_writer *w, uint32_t cpu_count, enum s0_tee tee)
{
    struct table t = begin_table(w, "APIC", 5);
    cl_writer_le32(w, STAGE0_LAPIC_GPA);
    cl_writer_le32(w, 0); /* no 8259 */
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        cl_writer_u8(w, 0); /* processor local APIC */
        cl_writer_u8(w, 8);
        cl_writer_u8(w, (uint8_t)cpu);
        cl_writer_u8(w, (uint8_t)cpu); /* APIC id = CPU index (I-1.1) */
        cl_writer_le32(w, 1);          /* enabled */
    }
    cl_writer_u8(w, 1); /* I/O APIC */
    cl_writer_u8(w, 12);
    cl_writer_le16(w, 0);
    cl_writer_le32(w, STAGE0_IOAPIC_GPA);
    cl_writer_le32(w, 0); /* its first GSI */
    if (tee == S0_TDX) {
        cl_writer_u8(w, 0x10); /* multiprocessor wake-up */
        cl_writer_u8(w, 16);
        cl_writer_le16(w, 0); /* version of the mailbox */
        cl_writer_le32(w, 0);
        cl_writer_le64(w, STAGE0_MAILBOX_GPA);
    }
    end_table(t);
}

static void put_ccel(struct cl_writer *w)
{
    struct table t = begin_table(w, "CCEL", 1);
    cl_writer_le32(w, 2); /* type TDX, subtype 0 */
    cl_writer_le64(w, STAGE0_EVENT_LOG_SIZE);
    cl_writer_le64(w, STAGE0_EVENT_LOG_GPA);
    end_table(t);
}

static void put_rsdp(uint8_t *at, uint64_t xsdt_gpa)
{
    struct cl_writer w = cl_writer_init(at, RSDP_SIZE);
    cl_writer_bytes(&w, "RSD PTR ", 8);
    cl_writer_u8(&w, 0);
    cl_writer_bytes(&w, OEM_ID, 6);
    cl_writer_u8(&w, 2);   /* revision */
    cl_writer_le32(&w, 0); /* no RSDT */
    cl_writer_le32(&w, RSDP_SIZE);
    cl_writer_le64(&w, xsdt_gpa);
    cl_writer_zero(&w, 4);
    at[RSDP_CHECKSUM] = checksum(at, RSDP_V1_SIZE);
    at[RSDP_EXT_CHECKSUM] = checksum(at, RSDP_SIZE);
}

enum stage0_reason s0_acpi_build(uint8_t *area, size_t size, uint64_t gpa, uint32_t cpu_count,
                                 enum s0_tee tee)
{
    struct cl_writer w = cl_writer_init(area, size);
    cl_writer_zero(&w, 48); /* the RSDP goes here, rounded up to 16 bytes */
    uint64_t dsdt_gpa = gpa + w.len;
    struct table dsdt = begin_table(&w, "DSDT", 2);
    s0_aml_dsdt_body(&w);
    end_table(dsdt);
    uint64_t fadt_gpa = gpa + w.len;
    put_fadt(&w, dsdt_gpa);
    uint64_t madt_gpa = gpa + w.len;
    put_madt(&w, cpu_count, tee);
    uint64_t ccel_gpa = gpa + w.len;
    if (tee == S0_TDX) {
        put_ccel(&w);
    }
    uint64_t xsdt_gpa = gpa + w.len;
    struct table xsdt = begin_table(&w, "XSDT", 1);
    cl_writer_le64(&w, fadt_gpa);
    cl_writer_le64(&w, madt_gpa);
    if (tee == S0_TDX) {
        cl_writer_le64(&w, ccel_gpa);
    }
    end_table(xsdt);
    if (w.overflow) {
        return STAGE0_R_INTERNAL;
    }
    put_rsdp(area, xsdt_gpa);
    memset(area + w.len, 0, size - w.len);
    return STAGE0_R_OK;
}
