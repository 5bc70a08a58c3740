/* SPDX-License-Identifier: Apache-2.0
 * pe.c - the Authenticode digest of a kernel with an EFI stub, as OVMF measures it before it starts
 * it; and the setup header as older versions of QEMU changed it on the way.
 * Trust: the kernel is hostile: every offset is bounded by the file. Threads: pure. Memory: the
 * file's first page, and one chunk.
 * Spec: Microsoft PE, Authenticode; Linux boot protocol; tdx.md b.5.
 */
#include "tdx/measure/measure_internal.h"

#include "base/bytes.h"
#include "base/io.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_SIZE 4096u /* where headers must be */
#define DOS_HEADER_SIZE 64u
#define MAX_SECTIONS 96u
#define SECTION_SIZE 40u
#define CERTIFICATES 4u /* index of that data directory */

struct range {
    uint64_t start, end;
};

struct pe {
    uint64_t checksum_at;  /* 4 bytes that are left out */
    uint64_t directory_at; /* 8 bytes that are left out; 0: there is no such entry */
    uint64_t certificates_size;
    uint64_t headers_size;
    size_t section_count;
    struct range sections[MAX_SECTIONS]; /* sorted by place in the file */
};

struct kernel {
    struct launch_image file;
    size_t head_len;
    uint8_t head[HEAD_SIZE]; /* perhaps patched: what is hashed instead of the file's */
};

static enum cl_status refuse(struct cl_err *err, const char *expected)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "PE headers: expected %s, got something else",
                      expected);
}

/* ---- headers ---- */

static enum cl_status parse_sections(struct cl_reader r, size_t count, uint64_t size, struct pe *pe,
                                     struct cl_err *err)
{
    for (size_t i = 0; i < count; i++) {
        cl_reader_skip(&r, 16, "section.name");
        uint64_t len = cl_reader_le32(&r, "section.SizeOfRawData");
        uint64_t at = cl_reader_le32(&r, "section.PointerToRawData");
        cl_reader_skip(&r, SECTION_SIZE - 24, "section");
        CL_TRY(cl_reader_check(&r, "PE headers", err));
        if (len == 0) {
            continue;
        }
        if (at < pe->headers_size || at > size || len > size - at) {
            return refuse(err, "sections behind the headers and inside the file");
        }
        pe->sections[pe->section_count++] = (struct range){at, at + len};
    }
    return CL_OK;
}

static int by_start(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* The optional header: `at` is where it begins in the file. */
static enum cl_status parse_optional(struct cl_reader *r, uint64_t at, struct pe *pe,
                                     struct cl_err *err)
{
    uint16_t magic = cl_reader_le16(r, "Magic");
    cl_reader_skip(r, 58, "optional header");
    pe->headers_size = cl_reader_le32(r, "SizeOfHeaders");
    cl_reader_skip(r, 4, "CheckSum");
    if (magic != 0x10B && magic != 0x20B) {
        return refuse(err, "PE32 or PE32+");
    }
    uint32_t directories_at = magic == 0x20B ? 112 : 96;
    cl_reader_skip(r, directories_at - 4 - 68, "optional header");
    uint32_t count = cl_reader_le32(r, "NumberOfRvaAndSizes");
    pe->checksum_at = at + 64;
    if (count > CERTIFICATES) {
        cl_reader_skip(r, CERTIFICATES * 8, "data directories");
        pe->directory_at = at + directories_at + CERTIFICATES * 8;
        cl_reader_skip(r, 4, "certificate table");
        pe->certificates_size = cl_reader_le32(r, "certificate table size");
    }
    return cl_reader_check(r, "PE headers", err);
}

static enum cl_status parse_headers(const struct kernel *k, struct pe *ret_pe, struct cl_err *err)
{
    struct pe pe = {0};
    struct cl_reader r = cl_reader_init(k->head, k->head_len);
    cl_reader_skip(&r, 0x3C, "DOS header");
    uint64_t at = cl_reader_le32(&r, "e_lfanew");
    CL_TRY(cl_reader_check(&r, "PE headers", err));
    if (at > k->head_len) {
        return refuse(err, "them in the first 4096 bytes");
    }
    r = cl_reader_init(k->head + at, k->head_len - at);
    uint32_t signature = cl_reader_le32(&r, "signature");
    cl_reader_skip(&r, 2, "Machine");
    size_t count = cl_reader_le16(&r, "NumberOfSections");
    cl_reader_skip(&r, 12, "COFF header");
    size_t optional_size = cl_reader_le16(&r, "SizeOfOptionalHeader");
    cl_reader_skip(&r, 2, "Characteristics");
    struct cl_reader optional = cl_reader_sub(&r, optional_size, "optional header");
    CL_TRY(cl_reader_check(&r, "PE headers", err));
    if (signature != 0x4550 || count > MAX_SECTIONS) {
        return refuse(err, "the signature of a PE image with at most 96 sections");
    }
    CL_TRY(parse_optional(&optional, at + 24, &pe, err));
    if (pe.headers_size > k->file.size || pe.headers_size < at + 24 + optional_size) {
        return refuse(err, "SizeOfHeaders to cover them, inside the file");
    }
    CL_TRY(parse_sections(r, count, k->file.size, &pe, err));
    qsort(pe.sections, pe.section_count, sizeof(pe.sections[0]), by_start);
    *ret_pe = pe;
    return CL_OK;
}

/* ---- the digest ---- */

static enum cl_status hash_range(const struct kernel *k, struct cl_sha384_ctx *c, uint64_t start,
                                 uint64_t end, struct cl_err *err)
{
    uint8_t chunk[LAUNCH_CHUNK_SIZE];
    while (start < end) {
        bool head = start < k->head_len;
        uint64_t stop = head && end > k->head_len ? k->head_len : end;
        size_t n = stop - start < sizeof(chunk) ? (size_t)(stop - start) : sizeof(chunk);
        if (head) {
            memcpy(chunk, k->head + start, n);
        } else {
            CL_TRY(k->file.read_at(k->file.ctx, start, chunk, n, err));
        }
        CL_TRY(cl_sha384_update(c, chunk, n, err));
        start += n;
    }
    return CL_OK;
}

/* Headers without checksum and certificate entry, sections, then what stands behind them all but
 * the certificates. */
static enum cl_status hash_image(const struct kernel *k, const struct pe *pe,
                                 struct cl_sha384_ctx *c, struct cl_err *err)
{
    uint64_t at = pe->checksum_at + 4;
    uint64_t hashed = pe->headers_size;
    CL_TRY(hash_range(k, c, 0, pe->checksum_at, err));
    if (pe->directory_at != 0) {
        CL_TRY(hash_range(k, c, at, pe->directory_at, err));
        at = pe->directory_at + 8;
    }
    CL_TRY(hash_range(k, c, at, pe->headers_size, err));
    for (size_t i = 0; i < pe->section_count; i++) {
        CL_TRY(hash_range(k, c, pe->sections[i].start, pe->sections[i].end, err));
        hashed += pe->sections[i].end - pe->sections[i].start;
    }
    if (hashed >= k->file.size) {
        return CL_OK;
    }
    if (pe->certificates_size > k->file.size - hashed) {
        return refuse(err, "certificates behind the sections");
    }
    return hash_range(k, c, hashed, k->file.size - pe->certificates_size, err);
}

/* ---- the setup header, as QEMU changed it ---- */

static void put(uint8_t *head, size_t at, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        head[at + i] = (uint8_t)(value >> (8 * i));
    }
}

#define QEMU_ACPI_SIZE 0x28000u /* what it keeps free at the top of low memory */
#define QEMU_CMDLINE_GPA 0x20000u
#define QEMU_SETUP_GPA 0x10000u
#define INITRD_MAX_OLD 0x37FFFFFFu

/* Where QEMU put the initrd; false when it does not fit. */
static bool initrd_place(const uint8_t *head, uint16_t protocol, const struct pe_patch *p,
                         uint64_t *ret_gpa)
{
    struct cl_reader r = cl_reader_init(head + 0x22C, 12);
    uint64_t max = cl_reader_le32(&r, "initrd_addr_max");
    cl_reader_skip(&r, 6, "kernel_alignment");
    bool above_4g = (cl_reader_le16(&r, "xloadflags") & 0x40) != 0;
    uint64_t low = p->memory < UINT64_C(0xB0000000) ? p->memory : UINT64_C(0x80000000);
    if (protocol >= 0x20C && above_4g) {
        max = UINT32_MAX;
    } else if (protocol >= 0x20C || protocol < 0x203 || max == 0) {
        max = INITRD_MAX_OLD;
    }
    if (low <= QEMU_ACPI_SIZE) {
        return false;
    }
    max = max >= low - QEMU_ACPI_SIZE ? low - QEMU_ACPI_SIZE - 1 : max;
    *ret_gpa = (max - p->initrd_size) & ~UINT64_C(4095);
    return p->initrd_size < max;
}

static enum cl_status patch_head(struct kernel *k, const struct pe_patch *p, struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(k->head, k->head_len);
    cl_reader_skip(&r, 0x202, "setup header");
    uint32_t magic = cl_reader_le32(&r, "setup header");
    uint16_t protocol = cl_reader_le16(&r, "setup header");
    uint64_t gpa = 0;
    CL_TRY(cl_reader_check(&r, "kernel", err));
    if (magic != 0x53726448 || protocol < 0x202 || k->head_len < 0x260 ||
        (k->head[0x211] & 1) == 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "setup header: expected a bzImage of boot protocol 2.2 or later, got "
                          "something else");
    }
    if (p->initrd_size > 0) {
        if (p->initrd_size > UINT32_MAX || !initrd_place(k->head, protocol, p, &gpa)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "memory: expected room for the initrd, got none");
        }
        put(k->head, 0x218, gpa, 4);
        put(k->head, 0x21C, p->initrd_size, 4);
    }
    k->head[0x210] = 0xB0; /* type_of_loader: QEMU */
    k->head[0x211] |= 0x80;
    put(k->head, 0x224, QEMU_CMDLINE_GPA - QEMU_SETUP_GPA - 0x200, 2);
    put(k->head, 0x228, QEMU_CMDLINE_GPA, 4);
    return CL_OK;
}

static enum cl_status hash_kernel(struct kernel *k, const struct pe_patch *patch,
                                  uint8_t ret[static CL_TDX_MR_SIZE], struct cl_err *err)
{
    CL_CLEANUP(cl_sha384_freep) struct cl_sha384_ctx *c = NULL;
    struct pe pe = {0};
    k->head_len = k->file.size < HEAD_SIZE ? (size_t)k->file.size : HEAD_SIZE;
    if (k->head_len < DOS_HEADER_SIZE) {
        return cl_err_at(err, CL_ERR_TRUNCATED, k->head_len,
                         "PE headers: expected at least %u bytes, got %zu", DOS_HEADER_SIZE,
                         k->head_len);
    }
    CL_TRY(k->file.read_at(k->file.ctx, 0, k->head, k->head_len, err));
    CL_TRY(parse_headers(k, &pe, err));
    if (patch != NULL) {
        CL_TRY(patch_head(k, patch, err));
    }
    CL_TRY(cl_sha384_new(&c, err));
    CL_TRY(hash_image(k, &pe, c, err));
    return cl_sha384_final(c, ret, err);
}

enum cl_status pe_sha384_image(const struct launch_image *im, const struct pe_patch *patch,
                               uint8_t ret[static CL_TDX_MR_SIZE], struct cl_err *err)
{
    struct kernel k = {.file = *im};
    return hash_kernel(&k, patch, ret, err);
}

enum cl_status pe_sha384(const char *path, const struct pe_patch *patch,
                         uint8_t ret[static CL_TDX_MR_SIZE], struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct launch_image im;
    CL_TRY(launch_image_open(path, &fd, &im, err));
    enum cl_status st = pe_sha384_image(&im, patch, ret, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "kernel '%s'", path);
}
