/* SPDX-License-Identifier: Apache-2.0
 * guid_table.c - see guid_table.h.
 */
#include "launch/guid_table.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define FOOTER_END 32u /* the table ends that many bytes before the image does */
#define ENTRY_TAIL 18u /* u16 length and GUID, behind each entry's data */

static const uint8_t guid_footer[16] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                        0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};

struct wanted {
    const struct launch_guid_entry *entries;
    size_t count;
    struct launch_guid_found *found;
};

static enum cl_status take_entry(const struct wanted *w, const uint8_t *guid, const uint8_t *data,
                                 size_t len, struct cl_err *err)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct launch_guid_entry *e = &w->entries[i];
        if (memcmp(e->guid, guid, sizeof(e->guid)) != 0) { /* public */
            continue;
        }
        if (w->found[i].present) {
            return cl_err_set(err, CL_ERR_MALFORMED, "firmware: %s: expected one entry, got two",
                              e->name);
        }
        if (len != 4 * e->value_count) {
            return cl_err_set(err, CL_ERR_MALFORMED, "firmware: %s: expected %zu bytes, got %zu",
                              e->name, 4 * e->value_count, len);
        }
        struct cl_reader r = cl_reader_init(data, len);
        w->found[i].present = true;
        for (size_t k = 0; k < e->value_count; k++) {
            w->found[i].value[k] = cl_reader_le32(&r, e->name);
        }
        return cl_reader_finish(&r, e->name, err);
    }
    return CL_OK; /* entries of others: SVSM, IGVM, launch secret */
}

/* Backwards: each entry is data, u16 length (with its own 18 bytes), GUID. */
static enum cl_status walk(const uint8_t *table, size_t len, const struct wanted *w,
                           struct cl_err *err)
{
    size_t end = len;
    while (end > 0) {
        if (end < ENTRY_TAIL) {
            return cl_err_at(err, CL_ERR_MALFORMED, end,
                             "firmware: footer table: expected an entry, got %zu bytes", end);
        }
        struct cl_reader r = cl_reader_init(table + end - ENTRY_TAIL, ENTRY_TAIL);
        size_t size = cl_reader_le16(&r, "length");
        const uint8_t *guid = cl_reader_bytes(&r, 16, "GUID");
        if (size < ENTRY_TAIL || size > end) {
            return cl_err_at(err, CL_ERR_MALFORMED, end,
                             "firmware: footer table: expected an entry of 18 to %zu bytes, got "
                             "%zu",
                             end, size);
        }
        CL_TRY(take_entry(w, guid, table + end - size, size - ENTRY_TAIL, err));
        end -= size;
    }
    return CL_OK;
}

enum cl_status launch_guid_table_read(const struct launch_image *im,
                                      const struct launch_guid_entry *entries, size_t count,
                                      struct launch_guid_found *ret_found, struct cl_err *err)
{
    const struct wanted w = {entries, count, ret_found};
    uint8_t tail[ENTRY_TAIL];
    uint64_t tail_at = im->size - FOOTER_END - sizeof(tail);
    memset(ret_found, 0, count * sizeof(*ret_found));
    CL_TRY(im->read_at(im->ctx, tail_at, tail, sizeof(tail), err));
    if (memcmp(tail + 2, guid_footer, sizeof(guid_footer)) != 0) { /* public */
        return CL_OK;
    }
    struct cl_reader r = cl_reader_init(tail, sizeof(tail));
    size_t total = cl_reader_le16(&r, "length");
    if (total < ENTRY_TAIL || total > im->size - FOOTER_END) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: footer table: length: expected 18 to %llu, got %zu",
                          (unsigned long long)im->size - FOOTER_END, total);
    }
    size_t len = total - ENTRY_TAIL;
    uint8_t *table = malloc(len > 0 ? len : 1);
    if (table == NULL) {
        return cl_err_nomem(err, "firmware tables");
    }
    enum cl_status st = im->read_at(im->ctx, tail_at - len, table, len, err);
    if (st == CL_OK) {
        st = walk(table, len, &w, err);
    }
    free(table);
    return st;
}
