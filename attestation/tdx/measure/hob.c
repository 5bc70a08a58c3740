/* SPDX-License-Identifier: Apache-2.0
 * hob.c - the TD HOB: the list in which a VMM tells firmware how much memory there is, and which of
 * it was added before the TD started.
 * Trust: the descriptor has been checked (tdvf.c). Threads: pure. Memory: 8 KiB.
 * Spec: UEFI PI, hand-off blocks; tdx.md b.3; docs/interfaces.md I-1.7.
 */
#include "tdx/measure/measure_internal.h"

#include "base/bytes.h"

#include <stdlib.h>

#define PHIT_SIZE 56u
#define RESOURCE_SIZE 48u
#define END_SIZE 8u
#define MAX_RANGES (2u * (TDVF_MAX_SECTIONS + 1u) + 2u)
#define FOUR_GIB (UINT64_C(1) << 32)
#define TWO_GIB (UINT64_C(1) << 31)
#define QEMU_LOW_MAX UINT64_C(0xB0000000) /* q35: with more, the low part is 2 GiB */

enum { RESOURCE_MEMORY = 0, RESOURCE_UNACCEPTED = 7 };

struct range {
    uint64_t start, size;
};

struct list {
    size_t there_count; /* added before the start, sorted */
    struct range there[TDVF_MAX_SECTIONS + 1];
    struct cl_writer w;
};

static void put_resource(struct cl_writer *w, uint32_t type, uint64_t start, uint64_t end)
{
    if (start >= end) {
        return;
    }
    cl_writer_le16(w, 3);
    cl_writer_le16(w, RESOURCE_SIZE);
    cl_writer_le32(w, 0);
    cl_writer_zero(w, 16); /* owner */
    cl_writer_le32(w, type);
    cl_writer_le32(w, 7); /* present, initialised, tested */
    cl_writer_le64(w, start);
    cl_writer_le64(w, end - start);
}

/* One range of RAM, cut where memory is there already. *taken counts what of that lay inside. */
static void put_ram(struct list *l, uint64_t start, uint64_t end, size_t *taken)
{
    uint64_t at = start;
    for (size_t i = 0; i < l->there_count; i++) {
        const struct range *r = &l->there[i];
        if (r->start < start || r->start + r->size > end) {
            continue;
        }
        put_resource(&l->w, RESOURCE_UNACCEPTED, at, r->start);
        put_resource(&l->w, RESOURCE_MEMORY, r->start, r->start + r->size);
        at = r->start + r->size;
        (*taken)++;
    }
    put_resource(&l->w, RESOURCE_UNACCEPTED, at, end);
}

static int by_start(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static enum cl_status collect(const struct tdvf *t, bool hash_page, struct list *l,
                              struct cl_err *err)
{
    for (size_t i = 0; i < t->section_count; i++) {
        const struct tdvf_section *s = &t->sections[i];
        if ((s->type == TDVF_TD_HOB || s->type == TDVF_TEMP_MEM) && s->mem_size > 0) {
            l->there[l->there_count++] = (struct range){s->gpa, s->mem_size};
        }
    }
    if (hash_page) {
        uint32_t gpa = 0;
        CL_TRY(tdvf_hash_page(t, &gpa, err));
        l->there[l->there_count++] = (struct range){gpa, LAUNCH_PAGE_SIZE};
    }
    qsort(l->there, l->there_count, sizeof(l->there[0]), by_start);
    return CL_OK;
}

static uint64_t low_end(enum cl_tdx_vmm vmm, uint64_t memory)
{
    uint64_t most = vmm == CL_TDX_VMM_QEMU ? QEMU_LOW_MAX - 1 : TWO_GIB;
    return memory <= most ? memory : TWO_GIB;
}

static enum cl_status write_list(struct list *l, const struct tdvf_section *hob,
                                 enum cl_tdx_vmm vmm, uint64_t memory, struct cl_err *err)
{
    uint64_t low = low_end(vmm, memory);
    size_t taken = 0;
    struct cl_writer head = cl_writer_init(l->w.data, PHIT_SIZE);
    cl_writer_zero(&l->w, PHIT_SIZE); /* written last: it holds the end of the list */
    put_ram(l, 0, low, &taken);
    put_ram(l, FOUR_GIB, FOUR_GIB + (memory - low), &taken);
    CL_TRY(cl_writer_check(&l->w, "TD HOB", err));
    if (taken != l->there_count || l->w.len + END_SIZE > hob->mem_size) {
        return cl_err_set(
            err, CL_ERR_MALFORMED,
            "memory: expected all sections of the firmware inside of it, and room for "
            "its description, got 0x%llx bytes",
            (unsigned long long)memory);
    }
    cl_writer_le16(&head, 1);
    cl_writer_le16(&head, PHIT_SIZE);
    cl_writer_le32(&head, 0);
    cl_writer_le32(&head, 9); /* version */
    cl_writer_le32(&head, 0); /* boot mode */
    cl_writer_zero(&head, 32);
    cl_writer_le64(&head, hob->gpa + l->w.len + END_SIZE);
    return cl_writer_check(&head, "TD HOB", err);
}

enum cl_status hob_sha384(const struct tdvf *t, enum cl_tdx_vmm vmm, uint64_t memory,
                          bool hash_page, uint8_t ret[static CL_TDX_MR_SIZE], struct cl_err *err)
{
    uint8_t buf[PHIT_SIZE + MAX_RANGES * RESOURCE_SIZE];
    const struct tdvf_section *hob = tdvf_find(t, TDVF_TD_HOB);
    struct list l = {.w = cl_writer_init(buf, sizeof(buf))};
    if (hob == NULL) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware: sections: expected one for the TD HOB, got none");
    }
    CL_TRY(collect(t, hash_page, &l, err));
    CL_TRY(write_list(&l, hob, vmm, memory, err));
    return cl_sha384(ret, l.w.data, l.w.len, err);
}
