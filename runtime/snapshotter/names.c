/* SPDX-License-Identifier: Apache-2.0
 * names.c - what the form of a snapshot's name says. Trust: names.h.
 */
#include "names.h"

#include <string.h>

#define PREFIX "sha256:"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define CHAIN_ID_LEN (PREFIX_LEN + 64)
#define EXTRACT "extract-"

bool snap_name_good(const uint8_t *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (name[i] < 0x20 || name[i] == 0x7f) {
            return false;
        }
    }
    return len > 0 && len <= SNAP_MAX_NAME;
}

bool snap_is_chain_id(const uint8_t *name, size_t len)
{
    if (len != CHAIN_ID_LEN || memcmp(name, PREFIX, PREFIX_LEN) != 0) {
        return false;
    }
    for (size_t i = PREFIX_LEN; i < len; i++) {
        if (!((name[i] >= '0' && name[i] <= '9') || (name[i] >= 'a' && name[i] <= 'f'))) {
            return false;
        }
    }
    return true;
}

/* Steps over "<namespace>/<sequence>/" where that is what the name begins with. */
static size_t prefix_len(const uint8_t *name, size_t len)
{
    const uint8_t *slash = memchr(name, '/', len);
    size_t i = slash != NULL ? (size_t)(slash - name) + 1 : len;
    size_t first_digit = i;
    while (i < len && name[i] >= '0' && name[i] <= '9') {
        i++;
    }
    return i > first_digit && i < len && name[i] == '/' ? i + 1 : 0;
}

enum snap_kind snap_kind_of(const uint8_t *name, size_t len)
{
    size_t skip = prefix_len(name, len);
    name += skip;
    len -= skip;
    if (snap_is_chain_id(name, len)) {
        return SNAP_COMMITTED;
    }
    bool extract = len > strlen(EXTRACT) && memcmp(name, EXTRACT, strlen(EXTRACT)) == 0;
    const uint8_t *space = extract ? memchr(name, ' ', len) : NULL;
    return space != NULL && snap_is_chain_id(space + 1, len - (size_t)(space + 1 - name))
               ? SNAP_UNPACKING
               : SNAP_ACTIVE;
}
