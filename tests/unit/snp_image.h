/* SPDX-License-Identifier: Apache-2.0
 * snp_image.h - makes fw-c-16k of the specification (snp.md c.6) from its recipe, so that tests
 * have a firmware image with tables without any file.
 */
#ifndef CL_TEST_SNP_IMAGE_H
#define CL_TEST_SNP_IMAGE_H

#include <stdint.h>
#include <string.h>

struct image {
    uint8_t data[16384];
    size_t size;
};

static const uint8_t guid_footer[] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                      0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};
static const uint8_t guid_reset[] = {0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f,
                                     0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e};
static const uint8_t guid_meta[] = {0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47,
                                    0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc};
static const uint8_t guid_hash[] = {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b,
                                    0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54};

static inline void put_le(uint8_t *p, uint32_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

/* One entry ending at `end`; returns where it begins. */
static inline size_t put_entry(struct image *im, size_t end, const uint8_t *guid,
                               const uint8_t *data, size_t n)
{
    memcpy(im->data + end - 16, guid, 16);
    put_le(im->data + end - 18, (uint32_t)n + 18, 2);
    memcpy(im->data + end - 18 - n, data, n);
    return end - 18 - n;
}

#define META_AT 0x400u /* from the end of the image */

/* fw-c-16k of the specification: reset block, hash area, six sections. */
static inline void make_image(struct image *im)
{
    static const uint32_t sections[][3] = {
        {0x800000, 0x9000, 1}, {0x80A000, 0x3000, 1},  {0x80D000, 0x1000, 2},
        {0x80E000, 0x1000, 3}, {0x810000, 0x1000, 16}, {0x811000, 0xF000, 1},
    };
    uint8_t data[8];
    im->size = sizeof(im->data);
    for (size_t i = 0; i < im->size; i++) {
        im->data[i] = (uint8_t)((i ^ (i >> 8)) & 0xFF);
    }
    memset(im->data + im->size - 32, 0, 32);
    size_t end = im->size - 32 - 18;
    size_t at = end;
    put_le(data, 0x80B004, 4);
    at = put_entry(im, at, guid_reset, data, 4);
    put_le(data, 0x810C00, 4);
    put_le(data + 4, 0x400, 4);
    at = put_entry(im, at, guid_hash, data, 8);
    put_le(data, META_AT, 4);
    at = put_entry(im, at, guid_meta, data, 4);
    memcpy(im->data + end + 2, guid_footer, 16);
    put_le(im->data + end, (uint32_t)(end + 18 - at), 2);
    uint8_t *m = im->data + im->size - META_AT;
    memcpy(m, "ASEV", 4);
    put_le(m + 4, 16 + 12 * 6, 4);
    put_le(m + 8, 1, 4);
    put_le(m + 12, 6, 4);
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < 3; k++) {
            put_le(m + 16 + 12 * i + 4 * k, sections[i][k], 4);
        }
    }
}

#endif
