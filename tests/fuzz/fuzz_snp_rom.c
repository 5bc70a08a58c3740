/* SPDX-License-Identifier: Apache-2.0
 * fuzz_snp_rom.c - the tables of a firmware image. The input is the end of an image of one to four
 * pages, since that is where tables stand; the rest is zero.
 */
#include "fuzz_image.h"
#include "snp/measure/measure_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t buf[FUZZ_IMAGE_MAX];
    struct fuzz_image im;
    struct snp_rom rom;
    uint64_t pages = 0;
    if (!fuzz_image_of_end(&im, buf, data, len)) {
        return 0;
    }
    struct launch_image src = {.read_at = fuzz_image_read_at, .ctx = &im, .size = im.size};
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
