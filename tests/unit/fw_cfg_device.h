/* SPDX-License-Identifier: Apache-2.0
 * fw_cfg_device.h - QEMU's fw_cfg device for stage0's logic on a test machine, honest until a test
 * changes what it says.
 */
#ifndef TEST_FW_CFG_DEVICE_H
#define TEST_FW_CFG_DEVICE_H

#include "fw_cfg.h"
#include "stage0_machine.h"

#define FWD_ITEMS 0x40u
#define FWD_FILE 0x21u /* etc/e820 */
#define FWD_DIRECTORY_SIZE (4u + 3u * 64u)

struct fwd {
    struct s0_fw_cfg dev;
    struct {
        const uint8_t *data;
        size_t size;
    } item[FWD_ITEMS];
    unsigned selects[FWD_ITEMS]; /* how often each was selected */
    uint16_t selected;
    size_t pos;     /* in it */
    size_t given;   /* bytes, of all items */
    size_t limit;   /* from this byte on everything is zero */
    size_t flipped; /* this byte is another than it should be */
    uint8_t number[FWD_ITEMS][4];
    uint8_t directory[FWD_DIRECTORY_SIZE];
    uint8_t e820[20 * 65];
};

/* The payload of t, 256 MiB and two CPUs; t->m asks this device from now on. */
void fwd_init(struct fwd *d, struct s0t *t);
void fwd_put_number(struct fwd *d, uint16_t item, uint32_t x);
/* The next range of the map. */
void fwd_put_range(struct fwd *d, uint64_t gpa, uint64_t size, uint32_t type);
/* Entry i of the directory. */
void fwd_put_file(struct fwd *d, size_t i, const char *name, uint16_t item, uint32_t size);

#endif
