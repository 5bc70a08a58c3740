/* SPDX-License-Identifier: Apache-2.0
 * hob.c - the hand-off blocks of a TD as they must be (docs/interfaces.md I-1.7, tdx.md b.3), so
 * that those of the VMM need no parser: they are these bytes, or refused. Trust: no input but the
 * RAM size, bounded before. Memory: the caller's buffer.
 */
#include "tdx.h"

#define PHIT_SIZE 56u
#define RESOURCE_SIZE 48u
#define VERSION 9u
#define ATTRIBUTES 7u /* present, initialised, tested */

enum block_type { BLOCK_PHIT = 1, BLOCK_RESOURCE = 3, BLOCK_END = 0xFFFF };
enum resource { MEMORY = 0, UNACCEPTED = 7 };

static void put_head(struct cl_writer *w, enum block_type type, uint16_t size)
{
    cl_writer_le16(w, (uint16_t)type);
    cl_writer_le16(w, size);
    cl_writer_le32(w, 0);
}

static void put_resource(struct cl_writer *w, enum resource type, uint64_t start, uint64_t end)
{
    put_head(w, BLOCK_RESOURCE, RESOURCE_SIZE);
    cl_writer_zero(w, 16); /* owner */
    cl_writer_le32(w, type);
    cl_writer_le32(w, ATTRIBUTES);
    cl_writer_le64(w, start);
    cl_writer_le64(w, end - start);
}

size_t s0_hob_build(uint64_t ram_size, uint8_t ret_list[static S0_HOB_MAX])
{
    const uint64_t hob_end = STAGE0_TD_HOB_GPA + STAGE0_TD_HOB_SIZE;
    uint64_t low_end = ram_size < STAGE0_LOW_RAM_MAX ? ram_size : STAGE0_LOW_RAM_MAX;
    struct cl_writer w = cl_writer_init(ret_list, S0_HOB_MAX);
    cl_writer_zero(&w, PHIT_SIZE); /* written last: it has the end of the list */
    put_resource(&w, UNACCEPTED, 0, STAGE0_OWN_GPA);
    put_resource(&w, MEMORY, STAGE0_OWN_GPA, STAGE0_OWN_END);
    put_resource(&w, MEMORY, STAGE0_HASH_PAGE_GPA, STAGE0_HASH_PAGE_GPA + STAGE0_PAGE_SIZE);
    put_resource(&w, UNACCEPTED, STAGE0_MAILBOX_GPA, STAGE0_TD_HOB_GPA);
    put_resource(&w, MEMORY, STAGE0_TD_HOB_GPA, hob_end);
    put_resource(&w, UNACCEPTED, hob_end, low_end);
    if (ram_size > low_end) {
        put_resource(&w, UNACCEPTED, STAGE0_HIGH_RAM_GPA, STAGE0_HIGH_RAM_GPA + ram_size - low_end);
    }
    put_head(&w, BLOCK_END, S0_HOB_END_SIZE);
    struct cl_writer head = cl_writer_init(ret_list, PHIT_SIZE);
    put_head(&head, BLOCK_PHIT, PHIT_SIZE);
    cl_writer_le32(&head, VERSION);
    cl_writer_zero(&head, 36); /* boot mode; top and bottom of memory, and of what is free of it */
    cl_writer_le64(&head, STAGE0_TD_HOB_GPA + w.len);
    return w.len;
}
_Static_assert(PHIT_SIZE + 7 * RESOURCE_SIZE + S0_HOB_END_SIZE <= S0_HOB_MAX, "list fits");
