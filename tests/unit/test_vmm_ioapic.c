/* SPDX-License-Identifier: Apache-2.0
 * test_vmm_ioapic.c - the I/O APIC's registers and the messages of its pins; the debug serial port.
 */
#include "check_main.h"
#include "ioapic.h"
#include "serial.h"

#include <string.h>

static struct vmm_ioapic io;

static uint32_t rd(uint32_t reg)
{
    (void)vmm_ioapic_write(&io, 0, 4, reg);
    return vmm_ioapic_read(&io, 0x10, 4);
}

static bool wr(uint32_t reg, uint32_t value)
{
    (void)vmm_ioapic_write(&io, 0, 4, reg);
    return vmm_ioapic_write(&io, 0x10, 4, value);
}

static void setup(void)
{
    vmm_ioapic_init(&io);
}

START_TEST(test_starts_masked)
{
    struct vmm_msi msi;
    for (unsigned pin = 0; pin < VMM_IOAPIC_PINS; pin++) {
        ck_assert_uint_eq(rd(0x10 + 2 * pin), 0x10000);
        ck_assert_uint_eq(rd(0x11 + 2 * pin), 0);
        ck_assert(!vmm_ioapic_route(&io, pin, &msi));
    }
    ck_assert(!vmm_ioapic_route(&io, VMM_IOAPIC_PINS, &msi));
    ck_assert(!vmm_ioapic_route(&io, UINT32_MAX, &msi));
    ck_assert_uint_eq(rd(1), 0x00170011);
}
END_TEST

START_TEST(test_fixed_and_lowest_priority)
{
    struct vmm_msi msi;
    ck_assert(wr(0x10 + 2 * 5 + 1, 3u << 24)); /* APIC 3 */
    ck_assert(wr(0x10 + 2 * 5, 0x31));
    ck_assert(vmm_ioapic_route(&io, 5, &msi));
    ck_assert_uint_eq(msi.address, 0xfee03000);
    ck_assert_uint_eq(msi.data, 0x31);
    ck_assert(wr(0x10 + 2 * 5, 0x131 | 1u << 11)); /* lowest priority, logical */
    ck_assert(vmm_ioapic_route(&io, 5, &msi));
    ck_assert_uint_eq(msi.address, 0xfee0300c);
    ck_assert_uint_eq(msi.data, 0x131);
    ck_assert(!wr(0x10 + 2 * 5, 0x131 | 1u << 11)); /* nothing new */
}
END_TEST

START_TEST(test_level_is_delivered_as_edge)
{
    struct vmm_msi msi;
    ck_assert(wr(0x10, 0x40 | 1u << 15 | 1u << 13));
    ck_assert(vmm_ioapic_route(&io, 0, &msi));
    ck_assert_uint_eq(msi.data, 0x40);
}
END_TEST

START_TEST(test_only_ordinary_interrupts)
{
    struct vmm_msi msi;
    for (uint32_t delivery = 2; delivery < 8; delivery++) { /* SMI, NMI, INIT, ExtINT, reserved */
        (void)wr(0x10, 0x40 | delivery << 8);
        ck_assert(!vmm_ioapic_route(&io, 0, &msi));
    }
    for (uint32_t vector = 0; vector < 16; vector++) { /* exceptions */
        (void)wr(0x10, vector);
        ck_assert(!vmm_ioapic_route(&io, 0, &msi));
    }
}
END_TEST

START_TEST(test_read_only_bits)
{
    (void)wr(0x10, UINT32_MAX);
    (void)wr(0x11, UINT32_MAX);
    ck_assert_uint_eq(rd(0x10), 0x0001afff); /* no delivery status, no remote IRR */
    ck_assert_uint_eq(rd(0x11), 0xff000000);
    (void)wr(0, UINT32_MAX);
    ck_assert_uint_eq(rd(0), 0x0f000000);
    ck_assert_uint_eq(rd(2), 0x0f000000);
    (void)wr(1, 0);
    ck_assert_uint_eq(rd(1), 0x00170011);
}
END_TEST

START_TEST(test_registers_that_do_not_exist)
{
    for (uint32_t reg = 0x40; reg < 0x100; reg++) {
        ck_assert(!wr(reg, UINT32_MAX));
        ck_assert_uint_eq(rd(reg), 0);
    }
    for (uint32_t reg = 3; reg < 0x10; reg++) {
        ck_assert(!wr(reg, UINT32_MAX));
        ck_assert_uint_eq(rd(reg), 0);
    }
    ck_assert(!vmm_ioapic_write(&io, 0x20, 4, 1));
    ck_assert_uint_eq(vmm_ioapic_read(&io, 0x20, 4), 0);
    ck_assert_uint_eq(vmm_ioapic_read(&io, 0xfff, 4), 0);
    (void)vmm_ioapic_write(&io, 0, 4, 0x10);
    ck_assert(!vmm_ioapic_write(&io, 0x10, 1, 0)); /* only 32 bits wide */
    ck_assert(!vmm_ioapic_write(&io, 0x10, 8, 0));
    ck_assert_uint_eq(vmm_ioapic_read(&io, 0x10, 2), 0);
    ck_assert_uint_eq(rd(0x10), 0x10000);
}
END_TEST

static char printed[1024];
static size_t printed_len;
static unsigned pulses;

static void put(void *ctx, const uint8_t *text, size_t len)
{
    (void)ctx;
    memcpy(printed + printed_len, text, len);
    printed_len += len;
}

static void pulse(void *ctx)
{
    (void)ctx;
    pulses++;
}

START_TEST(test_serial_prints_lines)
{
    struct vmm_serial s = {.put = put, .irq = pulse};
    for (const char *p = "ab\ncd"; *p != '\0'; p++) {
        vmm_serial_write(&s, 0, (uint8_t)*p);
    }
    ck_assert_uint_eq(printed_len, 3);
    vmm_serial_flush(&s);
    ck_assert_mem_eq(printed, "ab\ncd", 5);
    for (unsigned i = 0; i < VMM_SERIAL_LINE; i++) { /* no line end: a full buffer goes out */
        vmm_serial_write(&s, 0, 'x');
    }
    ck_assert_uint_eq(printed_len, 5 + VMM_SERIAL_LINE);
    ck_assert_uint_eq(pulses, 0);
}
END_TEST

START_TEST(test_serial_interrupts_and_probing)
{
    struct vmm_serial s = {.put = put, .irq = pulse};
    ck_assert_uint_eq(vmm_serial_read(&s, 5), 0x60);
    ck_assert_uint_eq(vmm_serial_read(&s, 2), 0x01);
    vmm_serial_write(&s, 1, 0xff);
    ck_assert_uint_eq(vmm_serial_read(&s, 1), 0x0f); /* how 8250 tells that it exists */
    ck_assert_uint_eq(pulses, 1);
    ck_assert_uint_eq(vmm_serial_read(&s, 2), 0x02);
    ck_assert_uint_eq(vmm_serial_read(&s, 2), 0x01); /* reading it is the acknowledgement */
    vmm_serial_write(&s, 0, 'x');
    ck_assert_uint_eq(pulses, 2);
    vmm_serial_write(&s, 3, 0x80);
    vmm_serial_write(&s, 0, 0x12);
    vmm_serial_write(&s, 1, 0x34);
    ck_assert_uint_eq(vmm_serial_read(&s, 0), 0x12);
    ck_assert_uint_eq(vmm_serial_read(&s, 1), 0x34);
    vmm_serial_write(&s, 3, 0x03);
    ck_assert_uint_eq(vmm_serial_read(&s, 1), 0x0f);
    vmm_serial_write(&s, 7, 0x5a);
    ck_assert_uint_eq(vmm_serial_read(&s, 7), 0x5a);
    ck_assert_uint_eq(vmm_serial_read(&s, 6), 0xb0);
    vmm_serial_write(&s, 4, 0x1a); /* loopback of RTS and OUT2 */
    ck_assert_uint_eq(vmm_serial_read(&s, 6), 0x90);
    vmm_serial_write(&s, 2, 1);
    ck_assert_uint_eq(vmm_serial_read(&s, 2) & 0xc0, 0xc0);
    ck_assert_uint_eq(vmm_serial_read(&s, 99), 0xff);
    vmm_serial_write(&s, 99, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmm ioapic, serial");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, test_starts_masked);
    tcase_add_test(c, test_fixed_and_lowest_priority);
    tcase_add_test(c, test_level_is_delivered_as_edge);
    tcase_add_test(c, test_only_ordinary_interrupts);
    tcase_add_test(c, test_read_only_bits);
    tcase_add_test(c, test_registers_that_do_not_exist);
    tcase_add_test(c, test_serial_prints_lines);
    tcase_add_test(c, test_serial_interrupts_and_probing);
    suite_add_tcase(s, c);
    return run_suite(s);
}
