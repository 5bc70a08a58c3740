/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tdvf.c - the TDVF descriptor of a firmware image, and what is computed from it: TD HOB, and
 * MRTD of images that add little. The input is the end of an image of one to four pages, since that
 * is where tables stand; the rest is zero.
 */
#include "fuzz_image.h"
#include "tdx/measure/measure_internal.h"

#define MAX_PAGES 64u /* of an image that is measured here: MRTD of more takes long */

static uint64_t check_sections(const struct tdvf *t, const struct fuzz_image *im)
{
    uint64_t pages = 0;
    for (size_t i = 0; i < t->section_count; i++) {
        const struct tdvf_section *s = &t->sections[i];
        pages += (s->attributes & TDVF_AUG) == 0 ? s->mem_size / LAUNCH_PAGE_SIZE : 0;
        if (s->gpa + s->mem_size > TDVF_GPA_END || s->raw_size > s->mem_size ||
            (uint64_t)s->data_offset + s->raw_size > im->size || tdvf_type_name(s->type) == NULL) {
            abort();
        }
    }
    if (t->section_count > TDVF_MAX_SECTIONS || pages > TDVF_MAX_PAGES) {
        abort();
    }
    return pages;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct launch_hashes hashes = {{1}, {2}, {3}};
    static uint8_t buf[FUZZ_IMAGE_MAX];
    struct fuzz_image im;
    uint8_t digest[CL_TDX_MR_SIZE];
    struct tdvf t;
    uint64_t added = 0;
    if (!fuzz_image_of_end(&im, buf, data, len)) {
        return 0;
    }
    const struct launch_image image = {fuzz_image_read_at, &im, im.size};
    if (tdvf_parse(&image, &t, NULL) != CL_OK) {
        return 0;
    }
    uint64_t pages = check_sections(&t, &im);
    for (unsigned v = 0; v < 4; v++) {
        const struct mrtd_config c = {
            .tdvf = &t, .image = &image, .hashes = t.has_hash_area ? &hashes : NULL, .variants = v};
        if (pages <= MAX_PAGES && mrtd_compute(&c, digest, &added, NULL) == CL_OK &&
            added != pages + (t.has_hash_area ? 1 : 0)) {
            abort();
        }
        enum cl_status st = hob_sha384(&t, (enum cl_tdx_vmm)(v & 1), UINT64_C(0x30000000) << v,
                                       /* hash_page= */ v > 1 && t.has_hash_area, digest, NULL);
        (void)st; /* refused or not */
    }
    return 0;
}
