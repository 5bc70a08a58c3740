/* SPDX-License-Identifier: Apache-2.0
 * aml.c - the DSDT's byte code: names, devices and resources, no method and no operation region,
 * so that the interpreter in the guest kernel has nothing to run (guest-boot.md 8.1).
 * Trust: no input at all. Encodings: ACPI 6.x, chapter 20 (AML) and 6.4 (resources).
 */
#include "stage0.h"

#include <string.h>

enum aml_op {
    AML_BYTE = 0x0A,
    AML_NAME = 0x08,
    AML_STRING = 0x0D,
    AML_SCOPE = 0x10,
    AML_BUFFER = 0x11,
    AML_PACKAGE = 0x12,
    AML_EXT = 0x5B,
    AML_EXT_DEVICE = 0x82,
};

enum resource_tag {
    RES_MEMORY32_FIXED = 0x86,
    RES_INTERRUPT = 0x89,
    RES_IO = 0x47, /* small item, 7 bytes */
    RES_END = 0x79,
};

#define MEMORY_READ_WRITE 1u
#define IRQ_CONSUMER_EDGE_HIGH_EXCLUSIVE 0x03u /* bit 0 consumer, 1 edge; 2 low, 3 shared clear */
#define IO_DECODE_16 1u

/* Package lengths take two bytes here, whatever their value: up to 4095, patched at the end. */
static size_t begin_length(struct cl_writer *w)
{
    size_t at = w->len;
    cl_writer_zero(w, 2);
    return at;
}

static void end_length(struct cl_writer *w, size_t at)
{
    if (w->overflow) {
        return;
    }
    size_t length = w->len - at; /* counts its own bytes */
    w->data[at] = (uint8_t)(0x40u | (length & 0x0Fu));
    w->data[at + 1] = (uint8_t)(length >> 4);
}

static void put_name(struct cl_writer *w, const char name[static 4])
{
    cl_writer_u8(w, AML_NAME);
    cl_writer_bytes(w, name, 4);
}

static void put_byte(struct cl_writer *w, uint8_t x)
{
    cl_writer_u8(w, AML_BYTE);
    cl_writer_u8(w, x);
}

static void put_string(struct cl_writer *w, const char *text)
{
    cl_writer_u8(w, AML_STRING);
    cl_writer_bytes(w, text, strlen(text) + 1);
}

static void put_memory(struct cl_writer *w, uint32_t gpa, uint32_t size)
{
    cl_writer_u8(w, RES_MEMORY32_FIXED);
    cl_writer_le16(w, 9);
    cl_writer_u8(w, MEMORY_READ_WRITE);
    cl_writer_le32(w, gpa);
    cl_writer_le32(w, size);
}

static void put_interrupt(struct cl_writer *w, uint32_t gsi)
{
    cl_writer_u8(w, RES_INTERRUPT);
    cl_writer_le16(w, 6);
    cl_writer_u8(w, IRQ_CONSUMER_EDGE_HIGH_EXCLUSIVE);
    cl_writer_u8(w, 1);
    cl_writer_le32(w, gsi);
}

static void put_io(struct cl_writer *w, uint16_t port, uint8_t count)
{
    cl_writer_u8(w, RES_IO);
    cl_writer_u8(w, IO_DECODE_16);
    cl_writer_le16(w, port);
    cl_writer_le16(w, port);
    cl_writer_u8(w, 1); /* alignment */
    cl_writer_u8(w, count);
}

struct device {
    size_t device_at;
    size_t buffer_at;
    size_t size_at;
};

/* Opens Device (name) with _HID, _UID and a _CRS whose resources follow. */
static struct device begin_device(struct cl_writer *w, const char name[static 4], const char *hid,
                                  uint8_t uid)
{
    struct device d;
    cl_writer_u8(w, AML_EXT);
    cl_writer_u8(w, AML_EXT_DEVICE);
    d.device_at = begin_length(w);
    cl_writer_bytes(w, name, 4);
    put_name(w, "_HID");
    put_string(w, hid);
    put_name(w, "_UID");
    put_byte(w, uid);
    put_name(w, "_CRS");
    cl_writer_u8(w, AML_BUFFER);
    d.buffer_at = begin_length(w);
    d.size_at = w->len + 1;
    put_byte(w, 0); /* bytes in the buffer */
    return d;
}

static void end_device(struct cl_writer *w, struct device d)
{
    cl_writer_u8(w, RES_END);
    cl_writer_u8(w, 0); /* checksum 0: not used */
    if (!w->overflow) {
        w->data[d.size_at] = (uint8_t)(w->len - d.size_at - 1);
    }
    end_length(w, d.buffer_at);
    end_length(w, d.device_at);
}

static void put_virtio(struct cl_writer *w, uint8_t n)
{
    static const char digits[] = "0123456789ABCDEF";
    const char name[4] = {'V', 'I', 'O', digits[n]};
    struct device d = begin_device(w, name, "LNRO0005", n);
    put_memory(w, STAGE0_VIRTIO_GPA + n * (uint32_t)STAGE0_VIRTIO_STRIDE, STAGE0_VIRTIO_STRIDE);
    put_interrupt(w, n + (uint32_t)STAGE0_VIRTIO_GSI);
    end_device(w, d);
}

static void put_pvpanic(struct cl_writer *w)
{
    struct device d = begin_device(w, "PEVT", "QEMU0001", 0);
    put_memory(w, STAGE0_PVPANIC_GPA, STAGE0_PVPANIC_SIZE);
    end_device(w, d);
}

/* With the hardware-reduced profile Linux has no ISA interrupts, so the debug console needs its
 * own described. Where the VMM offers no console the driver's probe finds no UART and lets go.
 */
static void put_serial(struct cl_writer *w)
{
    struct device d = begin_device(w, "COM1", "PNP0501", 0);
    put_io(w, STAGE0_PORT_SERIAL, 8);
    put_interrupt(w, STAGE0_SERIAL_GSI);
    end_device(w, d);
}

void s0_aml_dsdt_body(struct cl_writer *w)
{
    cl_writer_u8(w, AML_SCOPE);
    size_t scope_at = begin_length(w);
    cl_writer_bytes(w, "_SB_", 4);
    for (uint8_t n = 0; n < STAGE0_VIRTIO_COUNT; n++) {
        put_virtio(w, n);
    }
    put_pvpanic(w);
    put_serial(w);
    end_length(w, scope_at);

    put_name(w, "_S5_"); /* sleep type of power-off */
    cl_writer_u8(w, AML_PACKAGE);
    size_t package_at = begin_length(w);
    cl_writer_u8(w, 2);
    put_byte(w, STAGE0_SLEEP_TYPE_S5);
    put_byte(w, 0);
    end_length(w, package_at);
}
