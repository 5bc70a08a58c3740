/* SPDX-License-Identifier: Apache-2.0
 * fuzz_stage0_boot.c - a whole boot of stage0's logic on hostile input: descriptor, hash table,
 * command line and kernel. Pages that stage0 must not touch fault. Whatever boots must equal, byte
 * for byte, what the hash table promises (OpenSSL decides).
 * Input: mode (bit 0: make a hash table that fits the payload, as an approving verifier would),
 * 72 bytes of descriptor, u8 length and bytes of the command line, u8 length and bytes of the hash
 * table area, the rest is the beginning of the kernel.
 */
#include "stage0_machine.h"

#include "base/digest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOB_MAX (UINT64_C(256) << 10) /* larger ones only cost time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(bool ok)
{
    if (!ok) {
        abort();
    }
}

static bool digest_is(const struct s0t *t, uint64_t gpa, uint64_t size, size_t table_offset)
{
    uint8_t digest[CL_SHA256_SIZE];
    require(cl_sha256(digest, t->memory + gpa, size, NULL) == CL_OK);
    return memcmp(digest, t->memory + STAGE0_HASH_TABLE_GPA + table_offset, sizeof(digest)) == 0;
}

/* What must hold after a boot that was not refused. */
static void check_booted(const struct s0t *t)
{
    const struct s0_layout *l = &t->state.layout;
    const uint8_t *page = t->memory + STAGE0_ZERO_PAGE_GPA;
    require(digest_is(t, STAGE0_CMDLINE_GPA, l->cmdline_size, 36));
    require(digest_is(t, l->initrd_gpa, l->initrd_size, 86));
    require(digest_is(t, l->kernel_file_gpa, l->kernel_size, 136));
    uint64_t start = s0t_get32(page + 0x218);
    uint64_t size = s0t_get32(page + 0x21C);
    require(size == l->initrd_size);
    require(size == 0 || (start >= STAGE0_KERNEL_GPA + t->state.kernel.init_size &&
                          start + size <= l->low_ram_end));
    require(page[0x1EF] == 0 && page[0x210] == 0xFF);
    require(s0t_get32(page + 0x214) == STAGE0_KERNEL_GPA);
    require(t->memory[STAGE0_CMDLINE_GPA + l->cmdline_size - 1] == 0);
}

static void take(struct cl_reader *r, uint8_t *at, size_t room)
{
    size_t n = cl_reader_u8(r, "length");
    n = n < cl_reader_left(r) ? n : cl_reader_left(r);
    const uint8_t *bytes = cl_reader_bytes(r, n, "bytes");
    if (bytes != NULL) {
        memcpy(at, bytes, n < room ? n : room);
    }
}

/* Puts the rest of the input where the payload says. */
static void fill_window(struct s0t *t, struct cl_reader *r, const struct s0_payload *p)
{
    memset(t->memory + p->cmdline.gpa, 'a', p->cmdline.size);
    t->memory[p->cmdline.gpa + p->cmdline.size - 1] = 0;
    take(r, t->memory + p->cmdline.gpa, p->cmdline.size);
    take(r, t->memory + STAGE0_HASH_TABLE_GPA, STAGE0_HASH_TABLE_SIZE);
    size_t n = cl_reader_left(r) < p->kernel.size ? cl_reader_left(r) : p->kernel.size;
    const uint8_t *kernel = cl_reader_bytes(r, n, "kernel");
    if (kernel != NULL) {
        memcpy(t->memory + p->kernel.gpa, kernel, n);
    }
}

static void put_digest(struct s0t *t, const struct s0_blob *blob, size_t table_offset)
{
    const uint8_t *from = blob->size == 0 ? t->memory : t->memory + blob->gpa;
    require(cl_sha256(t->memory + STAGE0_HASH_TABLE_GPA + table_offset, from, blob->size, NULL) ==
            CL_OK);
}

static void fuzz(struct s0t *t, struct cl_reader *r)
{
    uint8_t mode = cl_reader_u8(r, "mode");
    const uint8_t *head = cl_reader_bytes(r, STAGE0_DESC_OFF_ZERO, "descriptor");
    if (head == NULL) {
        return;
    }
    uint8_t *window = t->memory + STAGE0_WINDOW_GPA;
    memcpy(window, head, STAGE0_DESC_OFF_ZERO);
    window[STAGE0_DESC_SIZE - 1] = mode >> 7;
    struct s0_payload p;
    if (s0_payload_parse(window, &p) == STAGE0_R_OK) {
        if (p.kernel.size > BLOB_MAX || p.initrd.size > BLOB_MAX) {
            return;
        }
        s0t_make_hashes(t);
        fill_window(t, r, &p);
        if ((mode & 1) != 0) {
            s0t_make_hashes(t);
            put_digest(t, &p.cmdline, 36);
            put_digest(t, &p.initrd, 86);
            put_digest(t, &p.kernel, 136);
        }
    }
    if (s0t_boot(t) == STAGE0_R_OK) {
        check_booted(t);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct s0t *t;
    if (t == NULL) {
        t = s0t_new();
    }
    /* Memory as after a reset. */
    require(madvise(t->memory, STAGE0_WINDOW_END, MADV_DONTNEED) == 0);
    memset(&t->state, 0, sizeof(t->state));
    struct cl_reader r = cl_reader_init(data, len);
    fuzz(t, &r);
    return 0;
}
