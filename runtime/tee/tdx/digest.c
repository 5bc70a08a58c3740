/* SPDX-License-Identifier: Apache-2.0
 * digest.c - MRTD of what we placed, as the TDX module computes it: for the log, and to be
 * compared. Nobody trusts it; `cloister measure tdx` computes it on its own, before. Trust: no
 * input. Threads: one. Memory: none. Spec: tdx.md b.1 (each page in a single pass).
 */
#include "tdx_internal.h"

#include <string.h>

#define RECORD_SIZE 128u
#define NAME_SIZE 16u
#define CHUNK_SIZE 256u

static enum cl_status record(struct cl_sha384_ctx *mrtd, const char *name, uint64_t gpa,
                             struct cl_err *err)
{
    uint8_t r[RECORD_SIZE] = {0};
    struct cl_writer w = cl_writer_init(r, sizeof(r));
    cl_writer_bytes(&w, name, strlen(name));
    cl_writer_zero(&w, NAME_SIZE - strlen(name));
    cl_writer_le64(&w, gpa);
    return cl_sha384_update(mrtd, r, sizeof(r), err);
}

enum cl_status tdx_digest_page(struct cl_sha384_ctx *mrtd, uint64_t gpa,
                               const uint8_t page[static TEE_PAGE_SIZE], bool measured,
                               struct cl_err *err)
{
    CL_TRY(record(mrtd, "MEM.PAGE.ADD", gpa, err));
    for (size_t at = 0; measured && at < TEE_PAGE_SIZE; at += CHUNK_SIZE) {
        CL_TRY(record(mrtd, "MR.EXTEND", gpa + at, err));
        CL_TRY(cl_sha384_update(mrtd, page + at, CHUNK_SIZE, err));
    }
    return CL_OK;
}
