/* SPDX-License-Identifier: Apache-2.0
 * handover.c - see handover.h.
 */
#include "handover.h"

#include <stdio.h>
#include <string.h>

void handover_put(uint8_t *p, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

void handover_e820(struct handover *h, uint64_t base, uint64_t size, uint32_t type)
{
    uint8_t *e = h->boot_params + 0x2D0 + 20u * (size_t)h->boot_params[0x1E8]++;
    handover_put(e, 8, base);
    handover_put(e + 8, 8, size);
    handover_put(e + 16, 4, type);
}

void handover_good(struct handover *h)
{
    memset(h, 0, sizeof(*h));
    uint8_t *bp = h->boot_params;
    handover_put(bp + 0x1FE, 2, 0xAA55);
    handover_put(bp + 0x202, 4, 0x53726448);
    bp[0x210] = 0xFF;
    handover_put(bp + 0x218, 4, INITRD);
    handover_put(bp + 0x21C, 4, INITRD_SIZE);
    handover_put(bp + 0x228, 4, CMDLINE);
    handover_put(bp + 0x250, 8, SETUP_DATA);
    handover_put(bp + 0x260, 4, KERNEL_SIZE);
    handover_e820(h, 0x20000, 0x4000, 1);
    handover_e820(h, ACPI, 0x2000, 2);
    handover_e820(h, KERNEL, 0x2000, 1);
    handover_e820(h, INITRD, 0x2000, 1);
    handover_put(h->setup_data + 8, 4, 7);
    handover_put(h->setup_data + 12, 4, 4);
    handover_put(h->setup_data + 16, 4, CC_BLOB);
    handover_put(h->cc_blob, 4, 0x45444D41);
    handover_put(h->cc_blob + 8, 8, HANDOVER_SECRETS);
    handover_put(h->cc_blob + 16, 4, 4096);
    handover_put(h->cc_blob + 24, 8, HANDOVER_CPUID);
    handover_put(h->cc_blob + 32, 4, 4096);
    (void)snprintf((char *)h->cmdline, sizeof(h->cmdline), "panic=-1");
    for (unsigned i = 0; i < KERNEL_SIZE; i++) {
        h->kernel[i] = h->want_kernel[i] = (uint8_t)(i ^ i >> 8);
    }
    for (unsigned i = 0; i < INITRD_SIZE; i++) {
        h->initrd[i] = h->want_initrd[i] = (uint8_t)(i * 7);
    }
    h->want = (struct model_entry){.rip = KERNEL + 0x200,
                                   .kernel = h->want_kernel,
                                   .kernel_size = KERNEL_SIZE,
                                   .initrd = h->want_initrd,
                                   .initrd_size = INITRD_SIZE,
                                   .cmdline = "panic=-1",
                                   .ram_size = 0x8000};
}

void handover_sum(uint8_t *p, size_t size, size_t at)
{
    uint8_t s = 0;
    p[at] = 0;
    for (size_t i = 0; i < size; i++) {
        s = (uint8_t)(s + p[i]);
    }
    p[at] = (uint8_t)-s;
}

/* RSDP at 0, XSDT at 100, FADT at 200, MADT with two processors at 400, an empty DSDT at 500. */
void handover_acpi(struct handover *h)
{
    uint8_t *a = h->acpi;
    const struct {
        unsigned at, size;
        const char *name;
    } tables[] = {
        {0x100, 36 + 16, "XSDT"}, {0x200, 276, "FACP"}, {0x400, 60, "APIC"}, {0x500, 36, "DSDT"}};
    handover_put(h->boot_params + 0x070, 8, ACPI);
    h->want.acpi = true;
    h->want.cpus = 2;
    memcpy(a, "RSD PTR ", 8);
    a[15] = 2;
    handover_put(a + 20, 4, 36);
    handover_put(a + 24, 8, ACPI + 0x100);
    handover_put(a + 0x100 + 36, 8, ACPI + 0x200);
    handover_put(a + 0x100 + 44, 8, ACPI + 0x400);
    handover_put(a + 0x200 + 140, 8, ACPI + 0x500);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *e = a + 0x400 + 44 + 8u * (size_t)i;
        e[1] = 8;
        e[3] = (uint8_t)i;
        e[4] = 1;
    }
    for (unsigned i = 0; i < 4; i++) {
        memcpy(a + tables[i].at, tables[i].name, 4);
        handover_put(a + tables[i].at + 4, 4, tables[i].size);
        handover_sum(a + tables[i].at, tables[i].size, 9);
    }
    handover_sum(a, 20, 8);
    handover_sum(a, 36, 32);
}
