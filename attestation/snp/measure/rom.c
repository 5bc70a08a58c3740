/* SPDX-License-Identifier: Apache-2.0
 * rom.c - the descriptor tables at the end of a firmware image: footer, reset block, SEV metadata,
 * place of the hash table. Table-driven and strict: what is ambiguous is refused.
 * Trust: the image is hostile. Threads: pure. Memory: 64 KiB for the footer table.
 * Spec: OVMF's reset vector tables; snp.md c.2.
 */
#include "snp/measure/measure_internal.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define FOUR_GIB (UINT64_C(1) << 32)
#define FOOTER_END 32u /* the tables end that many bytes before the image does */
#define ENTRY_TAIL 18u /* u16 length and GUID, behind each entry's data */
#define META_HEADER 16u
#define META_ENTRY 12u

/* GUIDs as they stand in an image (first three groups little-endian). */
static const uint8_t guid_footer[16] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                        0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};

enum entry_id { ENTRY_RESET, ENTRY_METADATA, ENTRY_HASH_AREA, ENTRY_COUNT };

static const struct {
    const char *name;
    size_t size;
    uint8_t guid[16];
} entries[ENTRY_COUNT] = {
    [ENTRY_RESET] = {"SEV-ES reset block",
                     4,
                     {0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f, 0x89, 0x0e, 0x68, 0xc7, 0x7e,
                      0x2f, 0xb4, 0x4e}},
    [ENTRY_METADATA] = {"SEV metadata",
                        4,
                        {0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47, 0xa7, 0x5e, 0x55, 0x85,
                         0xa7, 0xbf, 0x67, 0xcc}},
    [ENTRY_HASH_AREA] = {"hash table area",
                         8,
                         {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b, 0x92, 0x7b, 0x1d, 0xa6,
                          0xef, 0xa8, 0xd4, 0x54}},
};

struct tables {
    const uint8_t *data[ENTRY_COUNT]; /* into the footer table; NULL when absent */
};

static enum cl_status take_entry(const uint8_t *guid, const uint8_t *data, size_t len,
                                 struct tables *t, struct cl_err *err)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        if (memcmp(entries[i].guid, guid, 16) != 0) {
            continue;
        }
        if (t->data[i] != NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED, "firmware: %s: expected one entry, got two",
                              entries[i].name);
        }
        if (len != entries[i].size) {
            return cl_err_set(err, CL_ERR_MALFORMED, "firmware: %s: expected %zu bytes, got %zu",
                              entries[i].name, entries[i].size, len);
        }
        t->data[i] = data;
        return CL_OK;
    }
    return CL_OK; /* entries of others: SVSM, TDX, IGVM, launch secret */
}

/* Walks the table backwards: each entry is data, u16 length (with its own 18 bytes), GUID. */
static enum cl_status walk(const uint8_t *table, size_t len, struct tables *t, struct cl_err *err)
{
    size_t end = len;
    while (end > 0) {
        if (end < ENTRY_TAIL) {
            return cl_err_at(err, CL_ERR_MALFORMED, end,
                             "firmware: footer table: expected an entry, got %zu bytes", end);
        }
        struct cl_reader r = cl_reader_init(table + end - ENTRY_TAIL, ENTRY_TAIL);
        size_t size = cl_reader_le16(&r, "length");
        const uint8_t *guid = cl_reader_bytes(&r, 16, "GUID");
        if (size < ENTRY_TAIL || size > end) {
            return cl_err_at(err, CL_ERR_MALFORMED, end,
                             "firmware: footer table: expected an entry of 18 to %zu bytes, got "
                             "%zu",
                             end, size);
        }
        CL_TRY(take_entry(guid, table + end - size, size - ENTRY_TAIL, t, err));
        end -= size;
    }
    return CL_OK;
}

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

static enum cl_status parse_metadata(const struct snp_rom_source *src, uint32_t from_end,
                                     struct snp_rom *rom, struct cl_err *err)
{
    uint8_t buf[META_HEADER + SNP_ROM_MAX_SECTIONS * META_ENTRY];
    if (from_end > src->size || from_end < META_HEADER) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: SEV metadata: offset: expected 16 to %llu from the end, got "
                          "%u",
                          (unsigned long long)src->size, from_end);
    }
    size_t n = from_end < sizeof(buf) ? from_end : sizeof(buf);
    CL_TRY(src->read_at(src->ctx, src->size - from_end, buf, n, err));
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
    return parse_sections(&r, count, src->size, rom, err);
}

static uint32_t u32_at(const uint8_t *p)
{
    struct cl_reader r = cl_reader_init(p, 4);
    return cl_reader_le32(&r, "value");
}

static enum cl_status parse_tables(const struct snp_rom_source *src, const uint8_t *table,
                                   size_t len, struct snp_rom *rom, struct cl_err *err)
{
    struct tables t = {0};
    CL_TRY(walk(table, len, &t, err));
    if (t.data[ENTRY_RESET] != NULL) {
        rom->has_reset = true;
        rom->reset = u32_at(t.data[ENTRY_RESET]);
    }
    if (t.data[ENTRY_HASH_AREA] != NULL) {
        rom->has_hash_area = true;
        rom->hash_base = u32_at(t.data[ENTRY_HASH_AREA]);
        rom->hash_size = u32_at(t.data[ENTRY_HASH_AREA] + 4);
    }
    if (t.data[ENTRY_METADATA] != NULL) {
        CL_TRY(parse_metadata(src, u32_at(t.data[ENTRY_METADATA]), rom, err));
    }
    return CL_OK;
}

enum cl_status snp_rom_parse(const struct snp_rom_source *src, struct snp_rom *ret_rom,
                             struct cl_err *err)
{
    struct snp_rom rom = {.base = FOUR_GIB - src->size};
    uint8_t tail[ENTRY_TAIL];
    if (src->size == 0 || src->size % SNP_PAGE_SIZE != 0 || src->size > SNP_ROM_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: size: expected whole pages up to %u bytes, got %llu",
                          SNP_ROM_MAX_SIZE, (unsigned long long)src->size);
    }
    uint64_t tail_at = src->size - FOOTER_END - sizeof(tail);
    CL_TRY(src->read_at(src->ctx, tail_at, tail, sizeof(tail), err));
    if (memcmp(tail + 2, guid_footer, sizeof(guid_footer)) != 0) {
        *ret_rom = rom; /* no tables: only the firmware pages can be measured */
        return CL_OK;
    }
    struct cl_reader r = cl_reader_init(tail, sizeof(tail));
    size_t total = cl_reader_le16(&r, "length");
    if (total < ENTRY_TAIL || total > src->size - FOOTER_END) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: footer table: length: expected 18 to %llu, got %zu",
                          (unsigned long long)src->size - FOOTER_END, total);
    }
    size_t len = total - ENTRY_TAIL;
    uint8_t *table = malloc(len > 0 ? len : 1);
    if (table == NULL) {
        return cl_err_nomem(err, "firmware tables");
    }
    enum cl_status st = src->read_at(src->ctx, tail_at - len, table, len, err);
    if (st == CL_OK) {
        st = parse_tables(src, table, len, &rom, err);
    }
    free(table);
    if (st == CL_OK) {
        *ret_rom = rom;
    }
    return st;
}
