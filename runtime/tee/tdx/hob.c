/* SPDX-License-Identifier: Apache-2.0
 * hob.c - see hob.h. One descriptor for each piece of RAM, in the order of addresses; what was
 * added before the TD runs is never joined with its neighbours.
 */
#include "hob.h"

#define HOB_HANDOFF 1u
#define HOB_RESOURCE 3u
#define HOB_END 0xffffu
#define HANDOFF_SIZE 56u
#define RESOURCE_SIZE 48u
#define END_SIZE 8u
#define HANDOFF_VERSION 9u
#define RESOURCE_MEMORY 0u     /* added already */
#define RESOURCE_UNACCEPTED 7u /* the guest accepts it */
#define RESOURCE_ATTRIBUTES 7u /* present, initialised, tested */

static void put_head(struct cl_writer *w, uint16_t type, uint16_t size)
{
    cl_writer_le16(w, type);
    cl_writer_le16(w, size);
    cl_writer_zero(w, 4);
}

static void put_resource(struct cl_writer *w, uint32_t type, uint64_t gpa, uint64_t size)
{
    if (size == 0) {
        return;
    }
    put_head(w, HOB_RESOURCE, RESOURCE_SIZE);
    cl_writer_zero(w, 16); /* owner */
    cl_writer_le32(w, type);
    cl_writer_le32(w, RESOURCE_ATTRIBUTES);
    cl_writer_le64(w, gpa);
    cl_writer_le64(w, size);
}

/* How many of `there` lie in this range of RAM. */
static size_t put_range(struct cl_writer *w, const struct tee_range *ram,
                        const struct tee_range *there, size_t there_count)
{
    uint64_t at = ram->gpa;
    uint64_t end = ram->gpa + ram->size;
    size_t used = 0;
    for (; used < there_count; used++) {
        const struct tee_range *t = &there[used];
        if (t->gpa < at || t->gpa >= end || t->size > end - t->gpa) {
            break;
        }
        put_resource(w, RESOURCE_UNACCEPTED, at, t->gpa - at);
        put_resource(w, RESOURCE_MEMORY, t->gpa, t->size);
        at = t->gpa + t->size;
    }
    put_resource(w, RESOURCE_UNACCEPTED, at, end - at);
    return used;
}

enum cl_status tee_td_hob_write(const struct tee_range *ram, size_t ram_count,
                                const struct tee_range *there, size_t there_count, uint64_t gpa,
                                uint8_t *ret, size_t size, struct cl_err *err)
{
    struct cl_writer w = cl_writer_init(ret, size);
    size_t used = 0;
    cl_writer_zero(&w, HANDOFF_SIZE); /* when its end is known */
    for (size_t i = 0; i < ram_count; i++) {
        used += put_range(&w, &ram[i], there + used, there_count - used);
    }
    put_head(&w, HOB_END, END_SIZE);
    CL_TRY(cl_writer_check(&w, "TD HOB", err));
    if (used < there_count) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: TDVF section at 0x%llx: expected inside the guest's RAM, got "
                          "0x%llx bytes",
                          (unsigned long long)there[used].gpa,
                          (unsigned long long)there[used].size);
    }
    struct cl_writer head = cl_writer_init(ret, HANDOFF_SIZE);
    put_head(&head, HOB_HANDOFF, HANDOFF_SIZE);
    cl_writer_le32(&head, HANDOFF_VERSION);
    cl_writer_zero(&head, 4 + 4 * 8); /* boot mode; top, bottom, free top, free bottom */
    cl_writer_le64(&head, gpa + w.len);
    return CL_OK;
}
