/* SPDX-License-Identifier: Apache-2.0
 * tdvf.c - reads the TDVF descriptor: what a launch of TDX adds to a TD's memory before it runs.
 * Trust: the image is hostile. Threads: no state. Memory: none. Spec: tdx.md b.2.
 */
#include "tee/rom.h"

#include <string.h>

#define TDVF_HEAD 16u
#define TDVF_SECTION 32u
#define ATTRIBUTE_MEASURE 1u
#define GPA_MAX (1ull << 32) /* what firmware needs lies below */

/* Stands just before the descriptor. */
static const uint8_t GUID_DESCRIPTOR[16] = {0xf3, 0xf9, 0xea, 0xe9, 0x8e, 0x16, 0xd5, 0x44,
                                            0xa8, 0xeb, 0x7f, 0x4d, 0x87, 0x38, 0xf6, 0xae};

static bool has_data(uint32_t type)
{
    return type == TEE_TDVF_BFV || type == TEE_TDVF_CFV;
}

static enum cl_status check_form(const struct tee_tdvf_section *s, size_t index, size_t image_size,
                                 struct cl_err *err)
{
    if (s->type > TEE_TDVF_TEMP_MEM) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "TDVF: section %zu: type: expected 0..3, got %u",
                          index, (unsigned)s->type);
    }
    if (s->size == 0 || s->size % TEE_PAGE_SIZE != 0 || s->gpa % TEE_PAGE_SIZE != 0 ||
        s->gpa > GPA_MAX || s->size > GPA_MAX - s->gpa) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TDVF: section %zu: expected whole pages below 4 GiB, got 0x%llx bytes "
                          "at 0x%llx",
                          index, (unsigned long long)s->size, (unsigned long long)s->gpa);
    }
    if (s->data_size != (has_data(s->type) ? s->size : 0)) {
        /* Data that does not fill its section is read in two ways (tdx.md b.2). */
        return cl_err_set(
            err, CL_ERR_UNSUPPORTED, "TDVF: section %zu: data: expected 0x%llx bytes, got 0x%x",
            index, (unsigned long long)(has_data(s->type) ? s->size : 0), (unsigned)s->data_size);
    }
    if (s->data_offset > image_size || s->data_size > image_size - s->data_offset ||
        s->data_offset % TEE_PAGE_SIZE != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TDVF: section %zu: expected whole pages inside the image, got 0x%x "
                          "bytes at offset 0x%x",
                          index, (unsigned)s->data_size, (unsigned)s->data_offset);
    }
    return CL_OK;
}

/* Every page is added once; the list of memory has one place. */
static enum cl_status check_others(const struct tee_rom *rom, size_t index, struct cl_err *err)
{
    const struct tee_tdvf_section *s = &rom->tdvf[index];
    for (size_t i = 0; i < index; i++) {
        const struct tee_tdvf_section *o = &rom->tdvf[i];
        if (s->gpa < o->gpa + o->size && o->gpa < s->gpa + s->size) {
            return cl_err_set(err, CL_ERR_MALFORMED, "TDVF: section %zu overlaps section %zu",
                              index, i);
        }
        if (s->type == TEE_TDVF_TD_HOB && o->type == TEE_TDVF_TD_HOB) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "TDVF: section %zu: second section for the TD HOB", index);
        }
    }
    return CL_OK;
}

static enum cl_status read_section(struct cl_reader *r, size_t index, size_t image_size,
                                   struct tee_rom *rom, struct cl_err *err)
{
    struct tee_tdvf_section *s = &rom->tdvf[index];
    s->data_offset = cl_reader_le32(r, "section.data_offset");
    s->data_size = cl_reader_le32(r, "section.data_size");
    s->gpa = cl_reader_le64(r, "section.gpa");
    s->size = cl_reader_le64(r, "section.size");
    s->type = cl_reader_le32(r, "section.type");
    uint32_t attributes = cl_reader_le32(r, "section.attributes");
    CL_TRY(cl_reader_check(r, "TDVF", err));
    if ((attributes & ~ATTRIBUTE_MEASURE) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "TDVF: section %zu: attributes: expected 0 or 1, got 0x%x", index,
                          (unsigned)attributes);
    }
    s->measured = attributes == ATTRIBUTE_MEASURE;
    CL_TRY(check_form(s, index, image_size, err));
    return check_others(rom, index, err);
}

enum cl_status tee_tdvf_parse(const uint8_t *image, size_t len, uint32_t offset,
                              struct tee_rom *rom, struct cl_err *err)
{
    if (offset < TDVF_HEAD || offset > len - sizeof(GUID_DESCRIPTOR)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "TDVF: offset: expected %u..%zu, got %u",
                          TDVF_HEAD, len - sizeof(GUID_DESCRIPTOR), (unsigned)offset);
    }
    struct cl_reader r = cl_reader_init(image + len - offset, offset);
    const uint8_t *magic = cl_reader_bytes(&r, 4, "magic");
    uint32_t total = cl_reader_le32(&r, "length");
    uint32_t version = cl_reader_le32(&r, "version");
    uint32_t count = cl_reader_le32(&r, "count");
    CL_TRY(cl_reader_check(&r, "TDVF", err));
    if (memcmp(magic, "TDVF", 4) != 0 ||
        memcmp(magic - sizeof(GUID_DESCRIPTOR), GUID_DESCRIPTOR, sizeof(GUID_DESCRIPTOR)) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "TDVF: no GUID and \"TDVF\" at its start");
    }
    if (version != 1) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "TDVF: version: expected 1, got %u",
                          (unsigned)version);
    }
    if (count == 0 || count > TEE_ROM_MAX_SECTIONS || total != TDVF_HEAD + TDVF_SECTION * count) {
        return cl_err_set(err, CL_ERR_MALFORMED, "TDVF: %u sections (1 to %u) in %u bytes",
                          (unsigned)count, TEE_ROM_MAX_SECTIONS, (unsigned)total);
    }
    for (uint32_t i = 0; i < count; i++) {
        CL_TRY(read_section(&r, i, len, rom, err));
    }
    rom->tdvf_count = count;
    return CL_OK;
}

const struct tee_tdvf_section *tee_tdvf_hob(const struct tee_rom *rom)
{
    for (size_t i = 0; i < rom->tdvf_count; i++) {
        if (rom->tdvf[i].type == TEE_TDVF_TD_HOB) {
            return &rom->tdvf[i];
        }
    }
    return NULL;
}
