/* SPDX-License-Identifier: Apache-2.0
 * guid_table.h - the table of GUIDs that ends 32 bytes before the end of a firmware image, in which
 * SEV metadata, TDVF descriptor, reset block and hash table area are found.
 * Trust: the image is hostile; a table that is ambiguous is refused. Threads: pure. Memory: 64 KiB
 * while it runs.
 * Spec: OVMF's reset vector tables; snp.md c.2, tdx.md b.2.
 */
#ifndef CL_ATTESTATION_LAUNCH_GUID_TABLE_H
#define CL_ATTESTATION_LAUNCH_GUID_TABLE_H

#include "launch/image.h"

#include <stdbool.h>

#define LAUNCH_GUID_VALUES 2u /* u32 values in the largest entry that we read */

struct launch_guid_entry { /* one that is looked for */
    const char *name;      /* for messages */
    size_t value_count;    /* u32 values in it: 1 or 2 */
    uint8_t guid[16];      /* as it stands in an image: first three groups little-endian */
};

struct launch_guid_found {
    bool present;
    uint32_t value[LAUNCH_GUID_VALUES];
};

/* Looks for `count` entries; ret_found has as many. An image without a table has none of them.
 * Other entries are passed over. im->size has been checked (launch_image_check_size).
 * Returns CL_OK; CL_ERR_MALFORMED for a broken table, an entry of another size or two of the same;
 * what read_at returns; CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status
launch_guid_table_read(const struct launch_image *im, const struct launch_guid_entry *entries,
                       size_t count, struct launch_guid_found *ret_found, struct cl_err *err);

#endif
