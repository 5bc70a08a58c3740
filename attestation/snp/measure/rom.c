/* SPDX-License-Identifier: Apache-2.0
 * rom.c - the descriptor tables at the end of a firmware image: reset block, SEV metadata, place
 * of the hash table. Table-driven and strict: what is ambiguous is refused.
 * Trust: the image is hostile. Threads: pure. Memory: see guid_table.h.
 * Spec: OVMF's reset vector tables; snp.md c.2.
 */
#include "snp/measure/measure_internal.h"

#include "base/bytes.h"
#include "launch/guid_table.h"

#include <string.h>

#define FOUR_GIB (UINT64_C(1) << 32)
#define META_HEADER 16u
#define META_ENTRY 12u

enum entry_id { ENTRY_RESET, ENTRY_METADATA, ENTRY_HASH_AREA, ENTRY_COUNT };

static const struct launch_guid_entry entries[ENTRY_COUNT] = {
    [ENTRY_RESET] = {"SEV-ES reset block",
                     1,
                     {0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f, 0x89, 0x0e, 0x68, 0xc7, 0x7e,
                      0x2f, 0xb4, 0x4e}},
    [ENTRY_METADATA] = {"SEV metadata",
                        1,
                        {0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47, 0xa7, 0x5e, 0x55, 0x85,
                         0xa7, 0xbf, 0x67, 0xcc}},
    [ENTRY_HASH_AREA] = {"hash table area",
                         2,
                         {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b, 0x92, 0x7b, 0x1d, 0xa6,
                          0xef, 0xa8, 0xd4, 0x54}},
};

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

const char *snp_section_name(uint32_t type)
{
    switch (type) {
    case SNP_SECTION_SEC_MEM:
        return "sec-mem";
    case SNP_SECTION_SECRETS:
        return "secrets";
    case SNP_SECTION_CPUID:
        return "cpuid";
    case SNP_SECTION_SVSM_CAA:
        return "svsm-caa";
    case SNP_SECTION_KERNEL_HASHES:
        return "kernel-hashes";
    default:
        return NULL;
    }
}

static enum cl_status check_section(const struct snp_rom *rom, const struct snp_section *s,
                                    uint64_t rom_size, struct cl_err *err)
{
    size_t i = rom->section_count;
    if (snp_section_name(s->type) == NULL) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware: section %zu: type: expected 1 to 4 or 0x10, got 0x%x", i,
                          s->type);
    }
    if (s->size == 0 || (s->gpa | s->size) % SNP_PAGE_SIZE != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: section %zu: expected whole pages, got 0x%x bytes at 0x%x", i,
                          s->size, s->gpa);
    }
    if ((uint64_t)s->gpa + s->size > FOUR_GIB || overlaps(s->gpa, s->size, rom->base, rom_size)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: section %zu: expected memory below the image, got 0x%x bytes "
                          "at 0x%x",
                          i, s->size, s->gpa);
    }
    /* The processor has one page of each; tools measure longer ones differently. */
    if ((s->type == SNP_SECTION_SECRETS || s->type == SNP_SECTION_CPUID) &&
        s->size != SNP_PAGE_SIZE) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware: section %zu (%s): expected one page, got 0x%x bytes", i,
                          snp_section_name(s->type), s->size);
    }
    for (size_t k = 0; k < i; k++) {
        if (overlaps(s->gpa, s->size, rom->sections[k].gpa, rom->sections[k].size)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "firmware: section %zu: expected memory of its own, got overlap with "
                              "section %zu",
                              i, k);
        }
    }
    return CL_OK;
}

static enum cl_status parse_sections(struct cl_reader *r, uint32_t count, uint64_t rom_size,
                                     struct snp_rom *rom, struct cl_err *err)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct snp_section s;
        s.gpa = cl_reader_le32(r, "section.gpa");
        s.size = cl_reader_le32(r, "section.size");
        s.type = cl_reader_le32(r, "section.type");
        CL_TRY(cl_reader_check(r, "firmware: SEV metadata", err));
        CL_TRY(check_section(rom, &s, rom_size, err));
        pages += s.size / SNP_PAGE_SIZE;
        if (pages > SNP_ROM_MAX_SECTION_PAGES) {
            return cl_err_set(err, CL_ERR_UNSUPPORTED,
                              "firmware: sections: expected at most %u pages together, got more",
                              SNP_ROM_MAX_SECTION_PAGES);
        }
        rom->sections[rom->section_count++] = s;
    }
    return CL_OK;
}

static enum cl_status parse_metadata(const struct launch_image *im, uint32_t from_end,
                                     struct snp_rom *rom, struct cl_err *err)
{
    uint8_t buf[META_HEADER + SNP_ROM_MAX_SECTIONS * META_ENTRY];
    if (from_end > im->size || from_end < META_HEADER) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: SEV metadata: offset: expected 16 to %llu from the end, got "
                          "%u",
                          (unsigned long long)im->size, from_end);
    }
    size_t n = from_end < sizeof(buf) ? from_end : sizeof(buf);
    CL_TRY(im->read_at(im->ctx, im->size - from_end, buf, n, err));
    struct cl_reader r = cl_reader_init(buf, n);
    const uint8_t *magic = cl_reader_bytes(&r, 4, "signature");
    uint32_t len = cl_reader_le32(&r, "length");
    uint32_t version = cl_reader_le32(&r, "version");
    uint32_t count = cl_reader_le32(&r, "count");
    CL_TRY(cl_reader_check(&r, "firmware: SEV metadata", err));
    if (memcmp(magic, "ASEV", 4) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: SEV metadata: signature: expected ASEV, got another");
    }
    if (version != 1 || count > SNP_ROM_MAX_SECTIONS) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware: SEV metadata: expected version 1 with at most %u sections, "
                          "got version %u with %u",
                          SNP_ROM_MAX_SECTIONS, version, count);
    }
    if (len != META_HEADER + count * META_ENTRY) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: SEV metadata: length: expected %u, got %u",
                          META_HEADER + count * META_ENTRY, len);
    }
    return parse_sections(&r, count, im->size, rom, err);
}

enum cl_status snp_rom_parse(const struct launch_image *im, struct snp_rom *ret_rom,
                             struct cl_err *err)
{
    struct launch_guid_found found[ENTRY_COUNT];
    CL_TRY(launch_image_check_size(im, err));
    CL_TRY(launch_guid_table_read(im, entries, ENTRY_COUNT, found, err));
    struct snp_rom rom = {
        .base = FOUR_GIB - im->size,
        .has_reset = found[ENTRY_RESET].present,
        .reset = found[ENTRY_RESET].value[0],
        .has_hash_area = found[ENTRY_HASH_AREA].present,
        .hash_base = found[ENTRY_HASH_AREA].value[0],
        .hash_size = found[ENTRY_HASH_AREA].value[1],
    };
    if (found[ENTRY_METADATA].present) {
        CL_TRY(parse_metadata(im, found[ENTRY_METADATA].value[0], &rom, err));
    }
    *ret_rom = rom;
    return CL_OK;
}
