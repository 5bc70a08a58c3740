/* SPDX-License-Identifier: Apache-2.0
 * tee_tdx_image.h - makes firmware images with a TDVF descriptor: A and B of the specification
 * (tdx.md b.4) from their recipe, and one with the sections of our own ROM.
 */
#ifndef CL_TEST_TEE_TDX_IMAGE_H
#define CL_TEST_TEE_TDX_IMAGE_H

#include "snp_image.h"

#define TDX_IMAGE_MAX 0x20000u

struct tdx_section {
    uint32_t data_offset, data_size;
    uint64_t gpa, size;
    uint32_t type, attributes;
};

struct tdx_image {
    uint8_t data[TDX_IMAGE_MAX];
    size_t size;
    size_t descriptor; /* where it is in data */
    size_t section_count;
};

static const uint8_t guid_tdvf[] = {0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47,
                                    0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2};
static const uint8_t guid_descriptor[] = {0xf3, 0xf9, 0xea, 0xe9, 0x8e, 0x16, 0xd5, 0x44,
                                          0xa8, 0xeb, 0x7f, 0x4d, 0x87, 0x38, 0xf6, 0xae};

static inline void put_le64(uint8_t *p, uint64_t v)
{
    put_le(p, (uint32_t)v, 4);
    put_le(p + 4, (uint32_t)(v >> 32), 4);
}

/* One entry of the GUID table that ends at `end`; returns where it begins. */
static inline size_t tdx_entry(struct tdx_image *im, size_t end, const uint8_t *guid,
                               const uint32_t *words, size_t count)
{
    size_t n = 4 * count;
    memcpy(im->data + end - 16, guid, 16);
    put_le(im->data + end - 18, (uint32_t)n + 18, 2);
    for (size_t i = 0; i < count; i++) {
        put_le(im->data + end - 18 - n + 4 * i, words[i], 4);
    }
    return end - 18 - n;
}

/* hash_area: NULL, or address and size. */
static inline void tdx_image_make(struct tdx_image *im, size_t size, size_t descriptor,
                                  const struct tdx_section *s, size_t count,
                                  const uint32_t *hash_area)
{
    memset(im, 0, sizeof(*im));
    im->size = size;
    im->descriptor = descriptor;
    im->section_count = count;
    for (size_t i = 0; i < size; i++) {
        im->data[i] = (uint8_t)(((i * 7) ^ (i >> 8)) & 0xff);
    }
    memcpy(im->data + descriptor - 16, guid_descriptor, 16);
    uint8_t *at = im->data + descriptor;
    memcpy(at, "TDVF", 4);
    put_le(at + 4, (uint32_t)(16 + 32 * count), 4);
    put_le(at + 8, 1, 4);
    put_le(at + 12, (uint32_t)count, 4);
    at += 16;
    for (size_t i = 0; i < count; i++, at += 32) {
        put_le(at, s[i].data_offset, 4);
        put_le(at + 4, s[i].data_size, 4);
        put_le64(at + 8, s[i].gpa);
        put_le64(at + 16, s[i].size);
        put_le(at + 24, s[i].type, 4);
        put_le(at + 28, s[i].attributes, 4);
    }
    memset(im->data + size - 32, 0, 32);
    memcpy(im->data + size - 16, "\xeb\xfe", 2);
    size_t end = size - 32;
    size_t table = end - 18;
    if (hash_area != NULL) {
        table = tdx_entry(im, table, guid_hash, hash_area, 2);
    }
    uint32_t distance = (uint32_t)(size - descriptor);
    table = tdx_entry(im, table, guid_tdvf, &distance, 1);
    memcpy(im->data + end - 16, guid_footer, 16);
    put_le(im->data + end - 18, (uint32_t)(end - table), 2);
}

static const struct tdx_section tdx_golden_a[] = {
    {0, 0x1000, 0xfffff000, 0x1000, 0, 1},
    {0, 0, 0x809000, 0x2000, 2, 0},
};
static const struct tdx_section tdx_golden_b[] = {
    {0x10000, 0x10000, 0xffff0000, 0x10000, 0, 1},
    {0, 0x10000, 0xfffe0000, 0x10000, 1, 0},
    {0, 0, 0x810000, 0x10000, 3, 0},
    {0, 0, 0x80b000, 0x2000, 3, 0},
    {0, 0, 0x809000, 0x2000, 2, 0},
    {0, 0, 0x800000, 0x6000, 3, 0},
};
/* What our own ROM has. */
static const struct tdx_section tdx_ours[] = {
    {0, 0x10000, 0xffff0000, 0x10000, 0, 1},
    {0, 0, 0x1000, 0xf000, 3, 0},
    {0, 0, 0x13000, 0x2000, 2, 0},
};

static inline void tdx_image_a(struct tdx_image *im)
{
    tdx_image_make(im, 0x1000, 0xe00, tdx_golden_a, 2, NULL);
}

static inline void tdx_image_b(struct tdx_image *im)
{
    tdx_image_make(im, 0x20000, 0x1f800, tdx_golden_b, 6, NULL);
}

static inline void tdx_image_ours(struct tdx_image *im)
{
    static const uint32_t hashes[] = {0x10c00, 0x400};
    tdx_image_make(im, 0x10000, 0xf000, tdx_ours, 3, hashes);
}

#endif
