/* SPDX-License-Identifier: Apache-2.0
 * tdx_image.h - makes the firmware images A, B and C of the specification (tdx.md b.4) from their
 * recipes, and a kernel.
 */
#ifndef CL_TEST_TDX_IMAGE_H
#define CL_TEST_TDX_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TDX_IMAGE_MAX 0x20000u

struct tdx_image {
    uint8_t data[TDX_IMAGE_MAX];
    size_t size, descriptor; /* where the descriptor begins */
};

struct tdx_recipe_section {
    uint32_t data_offset, raw_size;
    uint64_t gpa, mem_size;
    uint32_t type, attributes;
};

struct tdx_recipe {
    size_t size, descriptor, count;
    struct tdx_recipe_section sections[6];
};

static const struct tdx_recipe tdx_recipes[] = {
    {0x1000, 0xE00, 2, {{0, 0x1000, 0xFFFFF000, 0x1000, 0, 1}, {0, 0, 0x809000, 0x2000, 2, 0}}},
    {0x20000,
     0x1F800,
     6,
     {{0x10000, 0x10000, 0xFFFF0000, 0x10000, 0, 1},
      {0, 0x10000, 0xFFFE0000, 0x10000, 1, 0},
      {0, 0, 0x810000, 0x10000, 3, 0},
      {0, 0, 0x80B000, 0x2000, 3, 0},
      {0, 0, 0x809000, 0x2000, 2, 0},
      {0, 0, 0x800000, 0x6000, 3, 0}}},
    {0x8000,
     0x7C00,
     5,
     {{0x4000, 0x4000, 0xFFFFC000, 0x4000, 0, 1},
      {0, 0x1234, 0x1000000, 0x3000, 5, 1},
      {0, 0, 0x2000000, 0x1000, 6, 0},
      {0, 0, 0x80000000, 0x10000, 4, 2},
      {0, 0, 0x809000, 0x1000, 2, 0}}},
};

static inline void tdx_image_put(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

static inline void tdx_put_section(uint8_t *p, const struct tdx_recipe_section *s)
{
    tdx_image_put(p, s->data_offset, 4);
    tdx_image_put(p + 4, s->raw_size, 4);
    tdx_image_put(p + 8, s->gpa, 8);
    tdx_image_put(p + 16, s->mem_size, 8);
    tdx_image_put(p + 24, s->type, 4);
    tdx_image_put(p + 28, s->attributes, 4);
}

static inline void tdx_image_make(struct tdx_image *im, char which)
{
    static const uint8_t before[16] = {0xf3, 0xf9, 0xea, 0xe9, 0x8e, 0x16, 0xd5, 0x44,
                                       0xa8, 0xeb, 0x7f, 0x4d, 0x87, 0x38, 0xf6, 0xae};
    static const uint8_t entry[16] = {0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98, 0x98, 0x47,
                                      0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2};
    static const uint8_t footer[16] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                       0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};
    const struct tdx_recipe *r = &tdx_recipes[which - 'A'];
    uint8_t *d = im->data + r->descriptor;
    uint8_t *end = im->data + r->size;
    im->size = r->size;
    im->descriptor = r->descriptor;
    for (size_t i = 0; i < r->size; i++) {
        im->data[i] = (uint8_t)(((i * 7) ^ (i >> 8)) & 0xFF);
    }
    memcpy(d - 16, before, 16);
    memcpy(d, "TDVF", 4);
    tdx_image_put(d + 4, 16 + 32 * r->count, 4);
    tdx_image_put(d + 8, 1, 4);
    tdx_image_put(d + 12, r->count, 4);
    for (size_t i = 0; i < r->count; i++) {
        tdx_put_section(d + 16 + 32 * i, &r->sections[i]);
    }
    memset(end - 32, 0, 32);
    memcpy(end - 16, "\xeb\xfe", 2);
    memcpy(end - 48, footer, 16);
    tdx_image_put(end - 50, 40, 2);
    memcpy(end - 66, entry, 16);
    tdx_image_put(end - 68, 22, 2);
    tdx_image_put(end - 72, r->size - r->descriptor, 4);
}

/* An entry for the hash table area in front of the others. */
static inline void tdx_image_add_hash_area(struct tdx_image *im, uint32_t gpa, uint32_t size)
{
    static const uint8_t guid[16] = {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b,
                                     0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54};
    uint8_t *end = im->data + im->size;
    tdx_image_put(end - 98, gpa, 4);
    tdx_image_put(end - 94, size, 4);
    tdx_image_put(end - 90, 26, 2);
    memcpy(end - 88, guid, sizeof(guid));
    tdx_image_put(end - 50, 66, 2);
}

/* A PE image with one section, which is a bzImage's head too. */
static inline void tdx_kernel_make(uint8_t k[static 0x1000])
{
    for (size_t i = 0; i < 0x1000; i++) {
        k[i] = (uint8_t)(i * 31);
    }
    tdx_image_put(k + 0x3C, 0x80, 4);
    memset(k + 0x80, 0, 0x180);
    tdx_image_put(k + 0x80, 0x4550, 4);
    tdx_image_put(k + 0x86, 1, 2);                /* sections */
    tdx_image_put(k + 0x80 + 20, 112 + 48, 2);    /* optional header: six directories */
    tdx_image_put(k + 0x98, 0x20B, 2);            /* PE32+ */
    tdx_image_put(k + 0x98 + 60, 0x400, 4);       /* SizeOfHeaders */
    tdx_image_put(k + 0x98 + 108, 6, 4);          /* directories */
    tdx_image_put(k + 0x98 + 160 + 16, 0xA00, 4); /* section: size and place */
    tdx_image_put(k + 0x98 + 160 + 20, 0x400, 4);
    memcpy(k + 0x202, "HdrS", 4);
    tdx_image_put(k + 0x206, 0x20F, 2);
    tdx_image_put(k + 0x210, 0, 2);
    k[0x211] = 1;
    tdx_image_put(k + 0x236, 0x7F, 2);
}

#endif
