/* SPDX-License-Identifier: Apache-2.0
 * seen.c - a set of path hashes with open addressing.
 */
#include "seen.h"

#include <stdlib.h>

void agent_seen_done(struct agent_seen *s)
{
    free(s->slots);
    *s = (struct agent_seen){0};
}

/* FNV-1a; never 0. */
static uint64_t hash(const char *path, size_t len)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++) {
        h = (h ^ (uint8_t)path[i]) * UINT64_C(0x100000001b3);
    }
    return h != 0 ? h : 1;
}

static uint64_t *find(uint64_t *slots, size_t size, uint64_t h)
{
    size_t i = (size_t)h & (size - 1);
    while (slots[i] != 0 && slots[i] != h) {
        i = (i + 1) & (size - 1);
    }
    return &slots[i];
}

static enum cl_status grow(struct agent_seen *s, struct cl_err *err)
{
    size_t size = s->size == 0 ? 1024 : s->size * 2;
    uint64_t *slots = calloc(size, sizeof(*slots));
    if (slots == NULL) {
        return cl_err_nomem(err, "paths of a layer");
    }
    for (size_t i = 0; i < s->size; i++) {
        if (s->slots[i] != 0) {
            *find(slots, size, s->slots[i]) = s->slots[i];
        }
    }
    free(s->slots);
    s->slots = slots;
    s->size = size;
    return CL_OK;
}

enum cl_status agent_seen_add(struct agent_seen *s, const char *path, size_t len,
                              struct cl_err *err)
{
    if (s->count * 2 >= s->size) {
        CL_TRY(grow(s, err));
    }
    uint64_t h = hash(path, len);
    uint64_t *slot = find(s->slots, s->size, h);
    s->count += *slot == 0;
    *slot = h;
    return CL_OK;
}

bool agent_seen_has(const struct agent_seen *s, const char *path, size_t len)
{
    return s->size > 0 && *find(s->slots, s->size, hash(path, len)) != 0;
}
