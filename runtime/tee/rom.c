/* SPDX-License-Identifier: Apache-2.0
 * rom.c - reads the GUID table (backwards from 32 bytes before the image's end) and the SEV
 * metadata it points at; tdvf.c reads the TDVF descriptor. Trust: the image is hostile. Threads: no
 * state. Memory: none.
 */
#include "tee/rom.h"

#include <string.h>

#define ROM_TAIL 32u       /* the reset vector and what stands around it */
#define ROM_ENTRY_HEAD 18u /* u16 length and GUID, which follow an entry's data */
#define ROM_MAX_ENTRIES 32u
#define SEV_METADATA_HEAD 16u

/* GUIDs in the mixed-endian byte order of EFI. */
static const uint8_t GUID_FOOTER[16] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                        0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};
static const uint8_t GUID_RESET[16] = {0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f,
                                       0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e};
static const uint8_t GUID_HASHES[16] = {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b,
                                        0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54};
static const uint8_t GUID_SEV_METADATA[16] = {0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47,
                                              0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc};
static const uint8_t GUID_TDVF[16] = {0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47,
                                      0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2};

struct rom_tables {
    struct tee_rom rom;
    bool has_metadata;
    uint32_t metadata_offset; /* from the image's end, as the next one */
    bool has_tdvf;
    uint32_t tdvf_offset;
};

static enum cl_status duplicate(const char *what, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "GUID table: %s: expected one entry, got two", what);
}

static enum cl_status read_entry(const uint8_t guid[static 16], const uint8_t *data, size_t len,
                                 struct rom_tables *t, struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(data, len);
    if (memcmp(guid, GUID_RESET, 16) == 0) {
        if (t->rom.has_ap_entry) {
            return duplicate("reset block", err);
        }
        t->rom.has_ap_entry = true;
        t->rom.ap_entry = cl_reader_le32(&r, "ap_entry");
        return cl_reader_finish(&r, "reset block", err);
    }
    if (memcmp(guid, GUID_HASHES, 16) == 0) {
        if (t->rom.has_hash_area) {
            return duplicate("hash area", err);
        }
        t->rom.has_hash_area = true;
        t->rom.hash_gpa = cl_reader_le32(&r, "base");
        t->rom.hash_size = cl_reader_le32(&r, "size");
        return cl_reader_finish(&r, "hash area", err);
    }
    if (memcmp(guid, GUID_SEV_METADATA, 16) == 0) {
        if (t->has_metadata) {
            return duplicate("SEV metadata", err);
        }
        t->has_metadata = true;
        t->metadata_offset = cl_reader_le32(&r, "offset");
        return cl_reader_finish(&r, "SEV metadata entry", err);
    }
    if (memcmp(guid, GUID_TDVF, 16) == 0) {
        if (t->has_tdvf) {
            return duplicate("TDVF descriptor", err);
        }
        t->has_tdvf = true;
        t->tdvf_offset = cl_reader_le32(&r, "offset");
        return cl_reader_finish(&r, "TDVF entry", err);
    }
    return CL_OK; /* IGVM, launch secret: not ours to read */
}

/* The table without its footer: entries that are walked from the last to the first. */
static enum cl_status walk_entries(const uint8_t *table, size_t len, struct rom_tables *t,
                                   struct cl_err *err)
{
    for (unsigned i = 0; len > 0; i++) {
        if (len < ROM_ENTRY_HEAD || i == ROM_MAX_ENTRIES) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "GUID table: entry %u: %zu bytes left (at most %u entries)", i, len,
                              ROM_MAX_ENTRIES);
        }
        const uint8_t *guid = table + len - 16;
        size_t entry_len = (size_t)table[len - 18] | (size_t)table[len - 17] << 8;
        if (entry_len < ROM_ENTRY_HEAD || entry_len > len) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "GUID table: entry %u: length: expected %u..%zu, got %zu", i,
                              ROM_ENTRY_HEAD, len, entry_len);
        }
        len -= entry_len;
        CL_TRY(read_entry(guid, table + len, entry_len - ROM_ENTRY_HEAD, t, err));
    }
    return CL_OK;
}

static enum cl_status read_guid_table(const uint8_t *rom, size_t len, struct rom_tables *t,
                                      struct cl_err *err)
{
    size_t end = len - ROM_TAIL;
    if (memcmp(rom + end - 16, GUID_FOOTER, 16) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "GUID table: no footer 32 bytes before the end");
    }
    size_t table_len = (size_t)rom[end - 18] | (size_t)rom[end - 17] << 8;
    if (table_len < ROM_ENTRY_HEAD || table_len > end) {
        return cl_err_set(err, CL_ERR_MALFORMED, "GUID table: length: expected %u..%zu, got %zu",
                          ROM_ENTRY_HEAD, end, table_len);
    }
    return walk_entries(rom + end - table_len, table_len - ROM_ENTRY_HEAD, t, err);
}

static bool is_known_type(uint32_t type)
{
    return (type >= TEE_SECTION_SEC_MEM && type <= TEE_SECTION_SVSM_CAA) ||
           type == TEE_SECTION_KERNEL_HASHES;
}

static enum cl_status check_section(const struct tee_rom *rom, size_t index, struct cl_err *err)
{
    const struct tee_section *s = &rom->section[index];
    if (!is_known_type(s->type)) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "SEV metadata: section %zu: type: expected 1..4 or 0x10, got 0x%x", index,
                          (unsigned)s->type);
    }
    uint64_t end = (uint64_t)s->gpa + s->size;
    if (s->size == 0 || s->size % TEE_PAGE_SIZE != 0 || s->gpa % TEE_PAGE_SIZE != 0 ||
        end > 1ull << 32) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "SEV metadata: section %zu: expected whole pages, got 0x%x bytes at 0x%x",
                          index, (unsigned)s->size, (unsigned)s->gpa);
    }
    bool one_page = s->type == TEE_SECTION_SECRETS || s->type == TEE_SECTION_CPUID ||
                    s->type == TEE_SECTION_KERNEL_HASHES;
    if (one_page && s->size != TEE_PAGE_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "SEV metadata: section %zu: size: expected 0x1000, got 0x%x", index,
                          (unsigned)s->size);
    }
    for (size_t i = 0; i < index; i++) {
        const struct tee_section *o = &rom->section[i];
        if (s->gpa < (uint64_t)o->gpa + o->size && o->gpa < end) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "SEV metadata: section %zu overlaps section %zu", index, i);
        }
        if (one_page && s->type == o->type) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "SEV metadata: section %zu: second section of type 0x%x", index,
                              (unsigned)s->type);
        }
    }
    return CL_OK;
}

static enum cl_status read_metadata(const uint8_t *rom, size_t len, uint32_t offset,
                                    struct tee_rom *t, struct cl_err *err)
{
    if (offset < SEV_METADATA_HEAD || offset > len) {
        return cl_err_set(err, CL_ERR_MALFORMED, "SEV metadata: offset: expected %u..%zu, got %u",
                          SEV_METADATA_HEAD, len, (unsigned)offset);
    }
    struct cl_reader r = cl_reader_init(rom + len - offset, offset);
    const uint8_t *magic = cl_reader_bytes(&r, 4, "magic");
    uint32_t total = cl_reader_le32(&r, "length");
    uint32_t version = cl_reader_le32(&r, "version");
    uint32_t count = cl_reader_le32(&r, "count");
    CL_TRY(cl_reader_check(&r, "SEV metadata", err));
    if (memcmp(magic, "ASEV", 4) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "SEV metadata: no \"ASEV\" at its start");
    }
    if (version != 1) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "SEV metadata: version: expected 1, got %u",
                          (unsigned)version);
    }
    if (count > TEE_ROM_MAX_SECTIONS || total != SEV_METADATA_HEAD + 12 * count) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "SEV metadata: %u sections (at most %u) in %u bytes", (unsigned)count,
                          TEE_ROM_MAX_SECTIONS, (unsigned)total);
    }
    for (uint32_t i = 0; i < count; i++) {
        t->section[i].gpa = cl_reader_le32(&r, "section.gpa");
        t->section[i].size = cl_reader_le32(&r, "section.size");
        t->section[i].type = cl_reader_le32(&r, "section.type");
        CL_TRY(cl_reader_check(&r, "SEV metadata", err));
        CL_TRY(check_section(t, i, err));
    }
    t->section_count = count;
    return CL_OK;
}

/* The hash table must lie inside the one KERNEL_HASHES section, or be absent together with it. */
static enum cl_status check_hash_area(const struct tee_rom *rom, struct cl_err *err)
{
    for (size_t i = 0; i < rom->section_count; i++) {
        const struct tee_section *s = &rom->section[i];
        if (s->type != TEE_SECTION_KERNEL_HASHES) {
            continue;
        }
        uint64_t end = (uint64_t)rom->hash_gpa + rom->hash_size;
        if (!rom->has_hash_area || rom->hash_gpa < s->gpa || end > (uint64_t)s->gpa + s->size) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "GUID table: hash area: expected inside the section at 0x%x, got "
                              "0x%x bytes at 0x%x",
                              (unsigned)s->gpa, (unsigned)rom->hash_size, (unsigned)rom->hash_gpa);
        }
    }
    return CL_OK;
}

enum cl_status tee_rom_parse(const uint8_t *rom, size_t len, struct tee_rom *ret_rom,
                             struct cl_err *err)
{
    if (len == 0 || len % TEE_PAGE_SIZE != 0 || len > TEE_ROM_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "size: expected a multiple of 4096 up to %u, got %zu", TEE_ROM_MAX_SIZE,
                          len);
    }
    struct rom_tables t = {0};
    CL_TRY(read_guid_table(rom, len, &t, err));
    if (t.has_metadata) {
        CL_TRY(read_metadata(rom, len, t.metadata_offset, &t.rom, err));
    }
    CL_TRY(check_hash_area(&t.rom, err));
    if (t.has_tdvf) {
        CL_TRY(tee_tdvf_parse(rom, len, t.tdvf_offset, &t.rom, err));
    }
    *ret_rom = t.rom;
    return CL_OK;
}
