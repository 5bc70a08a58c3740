/* SPDX-License-Identifier: Apache-2.0
 * tdvf.c - the TDVF descriptor of a firmware image: which parts of it a VMM adds to a TD, where,
 * and what of them is measured. Strict: what is ambiguous is refused.
 * Trust: the image is hostile. Threads: pure. Memory: see guid_table.h.
 * Spec: TDVF design guide, metadata; tdx.md b.2.
 */
#include "tdx/measure/measure_internal.h"

#include "base/bytes.h"
#include "launch/guid_table.h"

#include <string.h>

#define HEADER_SIZE 16u
#define SECTION_SIZE 32u
#define OFFSET_AT 0x20u /* from the end: images without a GUID table have the offset there */

enum entry_id { ENTRY_TDVF, ENTRY_HASH_AREA, ENTRY_COUNT };

static const struct launch_guid_entry entries[ENTRY_COUNT] = {
    [ENTRY_TDVF] = {"TDVF descriptor",
                    1,
                    {0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47, 0x86, 0x5e, 0x46, 0x85, 0xa7,
                     0xbf, 0x8e, 0xc2}},
    [ENTRY_HASH_AREA] = {"hash table area",
                         2,
                         {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b, 0x92, 0x7b, 0x1d, 0xa6,
                          0xef, 0xa8, 0xd4, 0x54}},
};

const char *tdvf_type_name(uint32_t type)
{
    static const char *const names[] = {"bfv",     "cfv",   "td-hob",  "temp-mem", "perm-mem",
                                        "payload", "param", "td-info", "td-params"};
    return type < CL_ARRAY_LEN(names) ? names[type] : NULL;
}

const struct tdvf_section *tdvf_find(const struct tdvf *t, uint32_t type)
{
    for (size_t i = 0; i < t->section_count; i++) {
        if (t->sections[i].type == type) {
            return &t->sections[i];
        }
    }
    return NULL;
}

static bool meets(const struct tdvf_section *s, uint64_t gpa, uint64_t size)
{
    return gpa < s->gpa + s->mem_size && s->gpa < gpa + size;
}

enum cl_status tdvf_hash_page(const struct tdvf *t, uint32_t *ret_gpa, struct cl_err *err)
{
    uint32_t gpa = t->hash_base - t->hash_base % LAUNCH_PAGE_SIZE;
    if (!t->has_hash_area) {
        return cl_err_set(
            err, CL_ERR_UNSUPPORTED,
            "kernel hashes: expected a place for them (a kernel was given), got none");
    }
    for (size_t i = 0; i < t->section_count; i++) {
        if (meets(&t->sections[i], gpa, LAUNCH_PAGE_SIZE)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "firmware: kernel hashes: expected memory of their own, got overlap "
                              "with section %zu",
                              i);
        }
    }
    *ret_gpa = gpa;
    return CL_OK;
}

static enum cl_status check_kind(const struct tdvf_section *s, size_t i, struct cl_err *err)
{
    bool from_image = s->type == TDVF_BFV || s->type == TDVF_CFV;
    bool empty = s->type == TDVF_TD_HOB || s->type == TDVF_TEMP_MEM || s->type == TDVF_PERM_MEM;
    if (tdvf_type_name(s->type) == NULL || (s->attributes & ~(TDVF_EXTEND | TDVF_AUG)) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware: section %zu: expected type 0 to 8 and attributes 0 to 3, got "
                          "type 0x%x and 0x%x",
                          i, s->type, s->attributes);
    }
    if ((from_image && s->raw_size == 0) || (empty && s->raw_size != 0)) {
        return cl_err_set(
            err, CL_ERR_MALFORMED, "firmware: section %zu (%s): expected %s, got 0x%x bytes", i,
            tdvf_type_name(s->type),
            from_image ? "contents in the image" : "no contents in the image", s->raw_size);
    }
    /* Contents that only the VMM knows cannot be computed here, nor what is added later. */
    bool unknowable = s->raw_size == 0 && s->type != TDVF_TEMP_MEM && s->type != TDVF_PERM_MEM;
    if ((s->attributes & TDVF_EXTEND) != 0 && (unknowable || (s->attributes & TDVF_AUG) != 0)) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware: section %zu (%s): expected contents of the image to be "
                          "measured, got others",
                          i, tdvf_type_name(s->type));
    }
    return CL_OK;
}

static enum cl_status check_place(const struct tdvf *t, const struct tdvf_section *s,
                                  uint64_t image_size, struct cl_err *err)
{
    size_t i = t->section_count;
    if ((s->gpa | s->mem_size) % LAUNCH_PAGE_SIZE != 0 || s->mem_size < s->raw_size ||
        s->mem_size > TDVF_GPA_END || s->gpa > TDVF_GPA_END - s->mem_size) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: section %zu: expected whole pages for 0x%x bytes, got 0x%llx "
                          "bytes at 0x%llx",
                          i, s->raw_size, (unsigned long long)s->mem_size,
                          (unsigned long long)s->gpa);
    }
    if (s->raw_size > image_size || s->data_offset > image_size - s->raw_size) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: section %zu: expected contents inside the image, got 0x%x "
                          "bytes at 0x%x",
                          i, s->raw_size, s->data_offset);
    }
    for (size_t k = 0; k < i; k++) {
        if (meets(&t->sections[k], s->gpa, s->mem_size)) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "firmware: section %zu: expected memory of its own, got overlap with "
                              "section %zu",
                              i, k);
        }
    }
    return CL_OK;
}

static enum cl_status add_section(struct tdvf *t, const struct tdvf_section *s, uint64_t image_size,
                                  uint64_t *pages, struct cl_err *err)
{
    CL_TRY(check_kind(s, t->section_count, err));
    CL_TRY(check_place(t, s, image_size, err));
    if (s->type == TDVF_TD_HOB && tdvf_find(t, TDVF_TD_HOB) != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: section %zu: expected one TD HOB, got two", t->section_count);
    }
    *pages += (s->attributes & TDVF_AUG) == 0 ? s->mem_size / LAUNCH_PAGE_SIZE : 0;
    if (*pages > TDVF_MAX_PAGES) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware: sections: expected at most %u pages together, got more",
                          TDVF_MAX_PAGES);
    }
    t->sections[t->section_count++] = *s;
    return CL_OK;
}

static enum cl_status parse_sections(struct cl_reader *r, uint32_t count, uint64_t image_size,
                                     struct tdvf *t, struct cl_err *err)
{
    uint64_t pages = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct tdvf_section s;
        s.data_offset = cl_reader_le32(r, "section.data_offset");
        s.raw_size = cl_reader_le32(r, "section.raw_size");
        s.gpa = cl_reader_le64(r, "section.gpa");
        s.mem_size = cl_reader_le64(r, "section.mem_size");
        s.type = cl_reader_le32(r, "section.type");
        s.attributes = cl_reader_le32(r, "section.attributes");
        CL_TRY(cl_reader_check(r, "firmware: TDVF descriptor", err));
        CL_TRY(add_section(t, &s, image_size, &pages, err));
    }
    return CL_OK;
}

static enum cl_status parse_descriptor(const struct launch_image *im, uint64_t at, struct tdvf *t,
                                       struct cl_err *err)
{
    uint8_t buf[HEADER_SIZE + TDVF_MAX_SECTIONS * SECTION_SIZE];
    size_t n = im->size - at < sizeof(buf) ? (size_t)(im->size - at) : sizeof(buf);
    CL_TRY(im->read_at(im->ctx, at, buf, n, err));
    struct cl_reader r = cl_reader_init(buf, n);
    const uint8_t *magic = cl_reader_bytes(&r, 4, "signature");
    uint32_t len = cl_reader_le32(&r, "length");
    uint32_t version = cl_reader_le32(&r, "version");
    uint32_t count = cl_reader_le32(&r, "count");
    CL_TRY(cl_reader_check(&r, "firmware: TDVF descriptor", err));
    if (memcmp(magic, "TDVF", 4) != 0) { /* public */
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: TDVF descriptor: signature: expected TDVF, got another");
    }
    if (version != 1 || count > TDVF_MAX_SECTIONS) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware: TDVF descriptor: expected version 1 with at most %u sections, "
                          "got version %u with %u",
                          TDVF_MAX_SECTIONS, version, count);
    }
    if (len != HEADER_SIZE + count * SECTION_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: TDVF descriptor: length: expected %u, got %u",
                          HEADER_SIZE + count * SECTION_SIZE, len);
    }
    return parse_sections(&r, count, im->size, t, err);
}

/* td-shim's way: the offset of the descriptor near the image's end. */
static enum cl_status offset_without_table(const struct launch_image *im, uint64_t *ret_at,
                                           struct cl_err *err)
{
    uint8_t value[4], magic[4] = {0};
    CL_TRY(im->read_at(im->ctx, im->size - OFFSET_AT, value, sizeof(value), err));
    struct cl_reader r = cl_reader_init(value, sizeof(value));
    uint64_t at = cl_reader_le32(&r, "offset");
    if (at <= im->size - HEADER_SIZE) {
        CL_TRY(im->read_at(im->ctx, at, magic, sizeof(magic), err));
    }
    if (memcmp(magic, "TDVF", 4) != 0) { /* public */
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware: tables: expected a TDVF descriptor, got none");
    }
    *ret_at = at;
    return CL_OK;
}

enum cl_status tdvf_parse(const struct launch_image *im, struct tdvf *ret_t, struct cl_err *err)
{
    struct launch_guid_found found[ENTRY_COUNT];
    uint64_t at = 0;
    CL_TRY(launch_image_check_size(im, err));
    CL_TRY(launch_guid_table_read(im, entries, ENTRY_COUNT, found, err));
    uint32_t from_end = found[ENTRY_TDVF].value[0];
    if (!found[ENTRY_TDVF].present) {
        CL_TRY(offset_without_table(im, &at, err));
    } else if (from_end > im->size || from_end < HEADER_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: TDVF descriptor: offset: expected 16 to %llu from the end, "
                          "got %u",
                          (unsigned long long)im->size, from_end);
    } else {
        at = im->size - from_end;
    }
    struct tdvf t = {.has_hash_area = found[ENTRY_HASH_AREA].present,
                     .hash_base = found[ENTRY_HASH_AREA].value[0],
                     .hash_size = found[ENTRY_HASH_AREA].value[1]};
    CL_TRY(parse_descriptor(im, at, &t, err));
    *ret_t = t;
    return CL_OK;
}
