/* SPDX-License-Identifier: Apache-2.0
 * fuzz_snp_rom.c - the tables of a firmware image. The input is the end of an image of one to four
 * pages, since that is where tables stand; the rest is zero.
 */
#include "snp/measure/measure_internal.h"

#include <stdlib.h>
#include <string.h>

struct image {
    uint8_t data[4 * SNP_PAGE_SIZE];
    size_t size;
};

static enum cl_status read_at(void *ctx, uint64_t offset, void *dst, size_t n, struct cl_err *err)
{
    const struct image *im = ctx;
    (void)err;
    if (offset > im->size || n > im->size - offset) {
        abort(); /* the parser may ask inside only */
    }
    memcpy(dst, im->data + offset, n);
    return CL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct image im;
    struct snp_rom rom;
    uint64_t pages = 0;
    if (len == 0 || len > sizeof(im.data)) {
        return 0;
    }
    im.size = (len + SNP_PAGE_SIZE - 1) / SNP_PAGE_SIZE * SNP_PAGE_SIZE;
    memset(im.data, 0, sizeof(im.data));
    memcpy(im.data + im.size - len, data, len);
    struct launch_image src = {.read_at = read_at, .ctx = &im, .size = im.size};
    if (snp_rom_parse(&src, &rom, NULL) != CL_OK) {
        return 0;
    }
    for (size_t i = 0; i < rom.section_count; i++) {
        const struct snp_section *s = &rom.sections[i];
        pages += s->size / SNP_PAGE_SIZE;
        if ((uint64_t)s->gpa + s->size > rom.base || snp_section_name(s->type) == NULL) {
            abort();
        }
    }
    if (rom.section_count > SNP_ROM_MAX_SECTIONS || pages > SNP_ROM_MAX_SECTION_PAGES) {
        abort();
    }
    return 0;
}
