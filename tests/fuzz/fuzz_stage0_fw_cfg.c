/* SPDX-License-Identifier: Apache-2.0
 * fuzz_stage0_fw_cfg.c - a whole boot of stage0's logic with a fw_cfg device whose every answer is
 * the input. Pages that stage0 must not touch fault. What boots has sizes within their bounds.
 * Input: the bytes of all reads after the signature, in their order: setup size, kernel size,
 * initrd size, command line size, CPU count, number of files, entries, memory map, first sector,
 * rest of the setup part, kernel, initrd, command line. Behind its end there are zeros; a long read
 * takes at most LONG_READ, so that a large file costs no time.
 */
#include "fw_cfg.h"
#include "stage0_machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LONG_READ 4096u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct source {
    struct cl_reader r;
    bool signature; /* comes next */
};

static void require(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void select_item(const struct s0_fw_cfg *dev, uint16_t item)
{
    ((struct source *)dev->ctx)->signature = item == 0;
}

static void read_bytes(const struct s0_fw_cfg *dev, void *dst, size_t size)
{
    struct source *s = (struct source *)dev->ctx;
    if (s->signature) {
        require(size == 4);
        memcpy(dst, "QEMU", 4);
        return;
    }
    if (size <= LONG_READ) {
        memset(dst, 0, size);
    } else { /* the first and the last byte of its place at least */
        ((uint8_t *)dst)[0] = 0;
        ((uint8_t *)dst)[size - 1] = 0;
        size = LONG_READ;
    }
    size_t n = size < cl_reader_left(&s->r) ? size : cl_reader_left(&s->r);
    const uint8_t *from = cl_reader_bytes(&s->r, n, "bytes");
    if (from != NULL && n != 0) {
        memcpy(dst, from, n);
    }
}

static void check_booted(const struct s0t *t)
{
    const struct s0_payload *p = &t->state.payload;
    const struct s0_layout *l = &t->state.layout;
    require(p->from_fw_cfg && p->cpu_count >= 1 && p->cpu_count <= STAGE0_CPU_MAX);
    require(p->ram_size >= STAGE0_RAM_MIN && p->ram_size <= STAGE0_RAM_MAX);
    require(p->ram_size % STAGE0_RAM_UNIT == 0);
    require(l->kernel_file_gpa >= STAGE0_HIGH_GPA && l->kernel_size <= STAGE0_KERNEL_SIZE_MAX);
    require(l->initrd_size == 0 ||
            (l->initrd_gpa >= STAGE0_KERNEL_GPA + t->state.kernel.init_size &&
             l->initrd_gpa + l->initrd_size <= l->low_ram_end));
    require(t->memory[STAGE0_CMDLINE_GPA + l->cmdline_size - 1] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct s0t *t;
    if (t == NULL) {
        t = s0t_new();
    }
    require(madvise(t->memory, STAGE0_WINDOW_END, MADV_DONTNEED) == 0); /* as after a reset */
    memset(&t->state, 0, sizeof(t->state));
    struct source s = {.r = cl_reader_init(data, len)};
    struct s0_fw_cfg dev = {.select = select_item, .read = read_bytes, .ctx = &s};
    t->m.fw_cfg = &dev;
    if (s0t_boot(t) == STAGE0_R_OK) {
        check_booted(t);
    }
    t->m.fw_cfg = NULL;
    return 0;
}
