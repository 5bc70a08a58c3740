/* SPDX-License-Identifier: Apache-2.0
 * fw_cfg_device.c - see fw_cfg_device.h.
 */
#include "fw_cfg_device.h"

#include <stdio.h>
#include <string.h>

static void select_item(const struct s0_fw_cfg *dev, uint16_t item)
{
    struct fwd *d = (struct fwd *)dev->ctx;
    d->selected = item;
    d->pos = 0;
    if (item < FWD_ITEMS) {
        d->selects[item]++;
    }
}

static void read_bytes(const struct s0_fw_cfg *dev, void *dst, size_t size)
{
    struct fwd *d = (struct fwd *)dev->ctx;
    uint8_t *out = (uint8_t *)dst;
    for (size_t i = 0; i < size; i++, d->pos++, d->given++) {
        bool there = d->selected < FWD_ITEMS && d->pos < d->item[d->selected].size;
        out[i] = there && d->given < d->limit ? d->item[d->selected].data[d->pos] : 0;
        out[i] ^= d->given == d->flipped ? 0x10 : 0;
    }
}

static void put_item(struct fwd *d, uint16_t item, const void *data, size_t size)
{
    d->item[item].data = (const uint8_t *)data;
    d->item[item].size = size;
}

void fwd_put_number(struct fwd *d, uint16_t item, uint32_t x)
{
    s0t_put32(d->number[item], x);
    put_item(d, item, d->number[item], 4);
}

static void put_be(uint8_t *at, uint32_t x, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(x >> 8 * (size - 1 - i));
    }
}

void fwd_put_file(struct fwd *d, size_t i, const char *name, uint16_t item, uint32_t size)
{
    uint8_t *entry = d->directory + 4 + 64 * i;
    memset(entry, 0, 64);
    put_be(entry, size, 4);
    put_be(entry + 4, item, 2);
    (void)snprintf((char *)entry + 8, 56, "%s", name);
}

void fwd_put_range(struct fwd *d, uint64_t gpa, uint64_t size, uint32_t type)
{
    uint8_t *entry = d->e820 + d->item[FWD_FILE].size;
    s0t_put64(entry, gpa);
    s0t_put64(entry + 8, size);
    s0t_put32(entry + 16, type);
    put_item(d, FWD_FILE, d->e820, d->item[FWD_FILE].size + 20);
    fwd_put_file(d, 1, "etc/e820", FWD_FILE, (uint32_t)d->item[FWD_FILE].size);
}

void fwd_init(struct fwd *d, struct s0t *t)
{
    memset(d, 0, sizeof(*d));
    d->dev = (struct s0_fw_cfg){.select = select_item, .read = read_bytes, .ctx = d};
    d->limit = SIZE_MAX;
    d->flipped = SIZE_MAX;
    put_item(d, 0x00, "QEMU", 4);
    fwd_put_number(d, 0x05, 2);
    fwd_put_number(d, 0x08, S0T_KERNEL_SIZE - S0T_SETUP_SIZE);
    fwd_put_number(d, 0x0B, (uint32_t)t->initrd_size);
    put_item(d, 0x11, t->kernel + S0T_SETUP_SIZE, S0T_KERNEL_SIZE - S0T_SETUP_SIZE);
    put_item(d, 0x12, t->initrd, t->initrd_size);
    fwd_put_number(d, 0x14, (uint32_t)t->cmdline_size);
    put_item(d, 0x15, t->cmdline, t->cmdline_size);
    fwd_put_number(d, 0x17, S0T_SETUP_SIZE);
    put_item(d, 0x18, t->kernel, S0T_SETUP_SIZE);
    put_be(d->directory, 3, 4);
    put_item(d, 0x19, d->directory, sizeof(d->directory));
    fwd_put_file(d, 0, "bootorder", 0x20, 0);
    fwd_put_file(d, 2, "etc/system-states", 0x22, 6);
    fwd_put_range(d, 0, UINT64_C(256) << 20, S0_E820_RAM);
    t->m.fw_cfg = &d->dev;
}
