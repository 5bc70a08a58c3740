/* SPDX-License-Identifier: Apache-2.0
 * psp_client.c - messages {u32 op, u32 len, body} to the simulated security processor and their
 * answers. Trust, threads: see psp_client.h.
 */
#include "psp_client.h"

#include "base/io.h"

#include <string.h>

#define PSP_LAUNCH_START 1u
#define PSP_LAUNCH_UPDATE 2u
#define PSP_LAUNCH_FINISH 3u
#define PSP_HEAD 8u
#define PSP_CHUNK_PAGES 128u /* of one update: half of the largest message */

static enum cl_status send_head(int fd, uint32_t op, size_t len, struct cl_err *err)
{
    uint8_t head[PSP_HEAD];
    struct cl_writer w = cl_writer_init(head, sizeof(head));
    cl_writer_le32(&w, op);
    cl_writer_le32(&w, (uint32_t)len);
    return cl_write_all(fd, head, sizeof(head), "security processor", err);
}

/* Reads an answer to op with exactly len bytes behind its status, which must be 0. */
static enum cl_status read_answer(int fd, uint32_t op, uint8_t *ret_body, size_t len,
                                  struct cl_err *err)
{
    uint8_t raw[PSP_HEAD + 4];
    CL_TRY(cl_read_all(fd, raw, sizeof(raw), "security processor", err));
    struct cl_reader r = cl_reader_init(raw, sizeof(raw));
    uint32_t got_op = cl_reader_le32(&r, "op");
    uint32_t got_len = cl_reader_le32(&r, "len");
    uint32_t status = cl_reader_le32(&r, "status");
    CL_TRY(cl_reader_finish(&r, "security processor: answer", err));
    if (got_op != op) {
        return cl_err_set(err, CL_ERR_MALFORMED, "security processor: op: expected %u, got %u",
                          (unsigned)op, (unsigned)got_op);
    }
    if (status != 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "security processor: launch op %u: status: expected 0, got 0x%x",
                          (unsigned)op, (unsigned)status);
    }
    if (got_len != 4 + len) {
        return cl_err_set(err, CL_ERR_MALFORMED, "security processor: length: expected %zu, got %u",
                          4 + len, (unsigned)got_len);
    }
    return len > 0 ? cl_read_all(fd, ret_body, len, "security processor", err) : CL_OK;
}

enum cl_status sim_psp_launch_start(int fd, uint64_t policy, struct cl_err *err)
{
    cl_le64 body;
    cl_le64_put(&body, policy);
    CL_TRY(send_head(fd, PSP_LAUNCH_START, sizeof(body), err));
    CL_TRY(cl_write_all(fd, &body, sizeof(body), "security processor", err));
    return read_answer(fd, PSP_LAUNCH_START, NULL, 0, err);
}

static enum cl_status update_chunk(int fd, uint64_t gpa, enum tee_page_type type,
                                   const uint8_t *data, size_t pages, struct cl_err *err)
{
    uint8_t head[16];
    struct cl_writer w = cl_writer_init(head, sizeof(head));
    cl_writer_le64(&w, gpa);
    cl_writer_le32(&w, (uint32_t)type);
    cl_writer_le32(&w, (uint32_t)pages);
    bool with_data = type == TEE_PAGE_NORMAL || type == TEE_PAGE_VMSA;
    size_t len = with_data ? pages * TEE_PAGE_SIZE : 0;
    CL_TRY(send_head(fd, PSP_LAUNCH_UPDATE, sizeof(head) + len, err));
    CL_TRY(cl_write_all(fd, head, sizeof(head), "security processor", err));
    if (with_data) {
        CL_TRY(cl_write_all(fd, data, len, "security processor", err));
    }
    return read_answer(fd, PSP_LAUNCH_UPDATE, NULL, 0, err);
}

enum cl_status sim_psp_launch_update(int fd, uint64_t gpa, enum tee_page_type type,
                                     const void *data, size_t size, struct cl_err *err)
{
    const uint8_t *p = data;
    size_t pages = size / TEE_PAGE_SIZE;
    while (pages > 0) {
        size_t n = pages < PSP_CHUNK_PAGES ? pages : PSP_CHUNK_PAGES;
        CL_TRY(update_chunk(fd, gpa, type, p, n, err));
        pages -= n;
        gpa += n * TEE_PAGE_SIZE;
        p = p != NULL ? p + n * TEE_PAGE_SIZE : NULL;
    }
    return CL_OK;
}

enum cl_status sim_psp_launch_finish(int fd, const uint8_t host_data[static TEE_HOST_DATA_SIZE],
                                     uint8_t ret_digest[static TEE_DIGEST_SIZE], struct cl_err *err)
{
    CL_TRY(send_head(fd, PSP_LAUNCH_FINISH, TEE_HOST_DATA_SIZE, err));
    CL_TRY(cl_write_all(fd, host_data, TEE_HOST_DATA_SIZE, "security processor", err));
    return read_answer(fd, PSP_LAUNCH_FINISH, ret_digest, TEE_DIGEST_SIZE, err);
}
