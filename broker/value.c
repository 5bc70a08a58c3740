/* SPDX-License-Identifier: Apache-2.0
 * value.c - named digests (see value.h).
 */
#include "value.h"

#include "base/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_ID_SIZE 16u

static const struct {
    const char *name;
    size_t size;
    const char *revocation;
} kinds[] = {
    {"measurement", 48, "measurement"},
    {"mrtd", 48, "measurement"},
    {"rtmr0", 48, "measurement"},
    {"rtmr1", 48, "measurement"},
    {"rtmr2", 48, "measurement"},
    {"rtmr3", 48, "measurement"},
    {"chip-id", 64, "chip"},
    {"platform-instance-id", 16, "platform"},
    {"ak", 32, "ak"},
};

enum cl_status cl_values_add(struct cl_values *v, const char *name, const void *data, size_t size,
                             struct cl_err *err)
{
    if (v->count >= CL_VALUES_MAX || size == 0 || size > CL_VALUE_MAX_SIZE ||
        strlen(name) >= CL_VALUE_NAME_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%.32s: expected at most %u values, got more",
                          name, CL_VALUES_MAX);
    }
    struct cl_value *x = &v->list[v->count++];
    (void)snprintf(x->name, sizeof(x->name), "%s", name);
    x->size = (uint8_t)size;
    memcpy(x->data, data, size);
    return CL_OK;
}

const struct cl_value *cl_values_find(const struct cl_values *v, const char *name)
{
    for (size_t i = 0; i < v->count; i++) {
        if (strcmp(v->list[i].name, name) == 0) {
            return &v->list[i];
        }
    }
    return NULL;
}

bool cl_value_equal(const struct cl_value *a, const struct cl_value *b)
{
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

/* "sha256:7": bank and index, without leading zeros. */
static size_t register_size(const char *name)
{
    static const struct {
        const char *bank;
        size_t size;
    } banks[] = {{"sha256:", 32}, {"sha384:", 48}};
    for (size_t i = 0; i < CL_ARRAY_LEN(banks); i++) {
        size_t n = strlen(banks[i].bank);
        if (strncmp(name, banks[i].bank, n) != 0) {
            continue;
        }
        for (unsigned index = 0; index < 24; index++) {
            char want[4];
            (void)snprintf(want, sizeof(want), "%u", index);
            if (strcmp(name + n, want) == 0) {
                return banks[i].size;
            }
        }
    }
    return 0;
}

size_t cl_value_size(const char *name)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(kinds); i++) {
        if (strcmp(name, kinds[i].name) == 0) {
            return kinds[i].size;
        }
    }
    return register_size(name);
}

const char *cl_value_revocation(const char *name)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(kinds); i++) {
        if (strcmp(name, kinds[i].name) == 0) {
            return kinds[i].revocation;
        }
    }
    return NULL;
}

size_t cl_revocation_size(const char *kind)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(kinds); i++) {
        if (strcmp(kind, kinds[i].revocation) == 0) {
            return kinds[i].size;
        }
    }
    return strcmp(kind, "token") == 0 ? TOKEN_ID_SIZE : 0;
}

bool cl_value_put_hex(json_t *j, const char *name, const void *data, size_t size)
{
    char hex[2 * CL_VALUE_MAX_SIZE + 1];
    if (j == NULL || size > CL_VALUE_MAX_SIZE) {
        return false;
    }
    cl_hex(hex, data, size);
    return json_object_set_new(j, name, json_string(hex)) == 0;
}

bool cl_value_append_hex(json_t *list, const void *data, size_t size)
{
    char hex[2 * CL_VALUE_MAX_SIZE + 1];
    if (size > CL_VALUE_MAX_SIZE) {
        return false;
    }
    cl_hex(hex, data, size);
    return json_array_append_new(list, json_string(hex)) == 0;
}
