/* SPDX-License-Identifier: Apache-2.0
 * mrtd.c - MRTD: one SHA-384 over a record for each page that is added and for each 256 bytes that
 * are measured, in the order of the calls.
 * Trust: the descriptor has been checked (tdvf.c). Threads: pure. Memory: a page.
 * Spec: Intel TDX module, TDH.MEM.PAGE.ADD, TDH.MR.EXTEND; tdx.md b.1; docs/interfaces.md I-1.7.
 */
#include "tdx/measure/measure_internal.h"

#include "base/bytes.h"

#include <string.h>

#define EXTEND_SIZE 256u
#define RECORD_SIZE 128u

struct run {
    const struct mrtd_config *config;
    struct cl_sha384_ctx *mrtd, *page;
    uint64_t page_count;
};

/* A section as it is added: from the image, or one page of ours. */
struct region {
    const char *name;
    uint64_t gpa, mem_size;
    bool measured;
    uint64_t data_offset, data_size; /* of the image; zero behind */
    const uint8_t *page;             /* instead of the image */
};

static enum cl_status add_record(struct run *m, const char *name, uint64_t gpa, struct cl_err *err)
{
    uint8_t record[RECORD_SIZE] = {0};
    cl_le64 at;
    cl_le64_put(&at, gpa);
    memcpy(record, name, strlen(name));
    memcpy(record + 16, &at, sizeof(at));
    return cl_sha384_update(m->mrtd, record, sizeof(record), err);
}

static enum cl_status read_page(const struct run *m, const struct region *r, uint64_t at,
                                uint8_t ret[static LAUNCH_PAGE_SIZE], struct cl_err *err)
{
    const struct launch_image *im = m->config->image;
    memset(ret, 0, LAUNCH_PAGE_SIZE);
    if (r->page != NULL) {
        memcpy(ret, r->page, LAUNCH_PAGE_SIZE);
        return CL_OK;
    }
    if (at >= r->data_size) {
        return CL_OK;
    }
    uint64_t left = r->data_size - at;
    size_t n = left < LAUNCH_PAGE_SIZE ? (size_t)left : LAUNCH_PAGE_SIZE;
    return im->read_at(im->ctx, r->data_offset + at, ret, n, err);
}

static enum cl_status extend_page(struct run *m, uint64_t gpa, const uint8_t *page,
                                  struct cl_err *err)
{
    for (size_t k = 0; k < LAUNCH_PAGE_SIZE; k += EXTEND_SIZE) {
        CL_TRY(add_record(m, "MR.EXTEND", gpa + k, err));
        CL_TRY(cl_sha384_update(m->mrtd, page + k, EXTEND_SIZE, err));
    }
    return CL_OK;
}

/* Tells who asked for it about one added page. */
static enum cl_status tell(struct run *m, const struct region *r, uint64_t at, struct cl_err *err)
{
    uint8_t page[LAUNCH_PAGE_SIZE], content[CL_TDX_MR_SIZE];
    struct cl_tdx_page p = {
        .index = m->page_count, .gpa = r->gpa + at, .region = r->name, .measured = r->measured};
    m->page_count++;
    if (m->config->page == NULL) {
        return CL_OK;
    }
    if (r->measured) {
        CL_TRY(read_page(m, r, at, page, err));
        CL_TRY(cl_sha384_update(m->page, page, sizeof(page), err));
        CL_TRY(cl_sha384_final(m->page, content, err));
        p.content = content;
    }
    m->config->page(m->config->ctx, &p);
    return CL_OK;
}

/* One pass: each page added and extended in turn; two: all added, then all extended. */
static enum cl_status run_pass(struct run *m, const struct region *r, bool add, bool extend,
                               struct cl_err *err)
{
    uint8_t page[LAUNCH_PAGE_SIZE];
    for (uint64_t at = 0; at < r->mem_size; at += LAUNCH_PAGE_SIZE) {
        if (add) {
            CL_TRY(add_record(m, "MEM.PAGE.ADD", r->gpa + at, err));
            CL_TRY(tell(m, r, at, err));
        }
        if (extend && r->measured) {
            CL_TRY(read_page(m, r, at, page, err));
            CL_TRY(extend_page(m, r->gpa + at, page, err));
        }
    }
    return CL_OK;
}

static enum cl_status add_region(struct run *m, const struct region *r, struct cl_err *err)
{
    if ((m->config->variants & CL_TDX_TWO_PASS) == 0) {
        return run_pass(m, r, /* add= */ true, /* extend= */ true, err);
    }
    CL_TRY(run_pass(m, r, /* add= */ true, /* extend= */ false, err));
    return run_pass(m, r, /* add= */ false, /* extend= */ true, err);
}

static enum cl_status add_section(struct run *m, const struct tdvf_section *s, struct cl_err *err)
{
    struct region r = {.name = tdvf_type_name(s->type),
                       .gpa = s->gpa,
                       .mem_size = s->mem_size,
                       .measured = (s->attributes & TDVF_EXTEND) != 0,
                       .data_offset = s->data_offset,
                       .data_size = s->raw_size};
    if ((s->attributes & TDVF_AUG) != 0) {
        return CL_OK; /* added later by the guest, which MRTD does not see */
    }
    if ((m->config->variants & CL_TDX_READ_ON) != 0 && s->raw_size > 0) {
        uint64_t left = m->config->image->size - s->data_offset;
        r.data_size = left < s->mem_size ? left : s->mem_size;
    }
    return add_region(m, &r, err);
}

static enum cl_status add_hash_page(struct run *m, struct cl_err *err)
{
    const struct tdvf *t = m->config->tdvf;
    uint8_t page[LAUNCH_PAGE_SIZE];
    uint32_t gpa = 0;
    CL_TRY(tdvf_hash_page(t, &gpa, err));
    CL_TRY(launch_hash_page(m->config->hashes, gpa, t->hash_base, t->hash_size, page, err));
    const struct region r = {.name = "kernel-hashes",
                             .gpa = gpa,
                             .mem_size = LAUNCH_PAGE_SIZE,
                             .measured = true,
                             .page = page};
    return add_region(m, &r, err);
}

enum cl_status mrtd_compute(const struct mrtd_config *c, uint8_t ret[static CL_TDX_MR_SIZE],
                            uint64_t *ret_pages, struct cl_err *err)
{
    CL_CLEANUP(cl_sha384_freep) struct cl_sha384_ctx *mrtd = NULL;
    CL_CLEANUP(cl_sha384_freep) struct cl_sha384_ctx *page = NULL;
    CL_TRY(cl_sha384_new(&mrtd, err));
    CL_TRY(cl_sha384_new(&page, err));
    struct run m = {.config = c, .mrtd = mrtd, .page = page};
    for (size_t i = 0; i < c->tdvf->section_count; i++) {
        CL_TRY(add_section(&m, &c->tdvf->sections[i], err));
    }
    if (c->hashes != NULL) {
        CL_TRY(add_hash_page(&m, err));
    }
    *ret_pages = m.page_count;
    return cl_sha384_final(mrtd, ret, err);
}
