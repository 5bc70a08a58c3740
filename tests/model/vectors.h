/* SPDX-License-Identifier: Apache-2.0
 * vectors.h - where the model's tests find the launch vectors: $CLOISTER_SHARED, else ../shared
 * beside the tree. Without them a test says SKIP and passes.
 */
#ifndef CL_MODEL_VECTORS_H
#define CL_MODEL_VECTORS_H

#include <check.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline const char *vector_path(char ret[static 1024], const char *name)
{
    const char *root = getenv("CLOISTER_SHARED");
    (void)snprintf(ret, 1024, "%s/vectors/snp/launch/%s", root != NULL ? root : MODEL_SHARED_DIR,
                   name);
    return ret;
}

static inline bool vectors_available(void)
{
    char path[1024];
    if (access(vector_path(path, "expected.json"), R_OK) == 0) {
        return true;
    }
    printf("SKIP: no vectors at '%s' (set CLOISTER_SHARED)\n", path);
    return false;
}

/* A file in page-aligned memory, padded with zeroes to whole pages; freed with free(). */
static inline uint8_t *vector_load(const char *name, size_t *ret_size)
{
    char path[1024];
    FILE *f = fopen(vector_path(path, name), "rb");
    ck_assert_msg(f != NULL, "open '%s'", path);
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    ck_assert(size > 0 && size < 1 << 20);
    rewind(f);
    size_t whole = ((size_t)size + 4095u) / 4096u * 4096u;
    uint8_t *data = aligned_alloc(4096, whole);
    ck_assert_ptr_nonnull(data);
    for (size_t i = (size_t)size; i < whole; i++) {
        data[i] = 0;
    }
    ck_assert_uint_eq(fread(data, 1, (size_t)size, f), (size_t)size);
    (void)fclose(f);
    *ret_size = (size_t)size;
    return data;
}

#endif
