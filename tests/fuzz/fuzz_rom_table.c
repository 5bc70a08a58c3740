/* SPDX-License-Identifier: Apache-2.0
 * fuzz_rom_table.c - the tables at the end of a firmware image. Input: the image's last bytes.
 */
#include "tee/rom.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t size = (len + TEE_PAGE_SIZE - 1) / TEE_PAGE_SIZE * TEE_PAGE_SIZE;
    uint8_t *rom = calloc(1, size > 0 ? size : 1);
    struct tee_rom parsed;
    struct cl_err err = {0};
    if (rom == NULL) {
        return 0;
    }
    if (len > 0) {
        memcpy(rom + size - len, data, len);
    }
    if (tee_rom_parse(rom, size, &parsed, &err) == CL_OK) {
        for (size_t i = 0; i < parsed.section_count; i++) { /* what the launch relies on */
            const struct tee_section *s = &parsed.section[i];
            if (s->size == 0 || s->size % TEE_PAGE_SIZE != 0 ||
                (uint64_t)s->gpa + s->size > 1ull << 32) {
                abort();
            }
        }
    }
    free(rom);
    return 0;
}
