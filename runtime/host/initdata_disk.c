/* SPDX-License-Identifier: Apache-2.0
 * initdata_disk.c - the disk that carries initdata: magic, length, the text, zeros up to a whole
 * sector.
 */
#include "host/initdata_disk.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/io.h"

#define SECTOR 512u

enum cl_status host_initdata_disk_write(const char *path, const void *text, size_t len,
                                        struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf disk = {0};
    static const uint8_t zeros[SECTOR];
    uint8_t head[16];
    struct cl_writer w = cl_writer_init(head, sizeof(head));
    cl_writer_bytes(&w, "CLINITD1", 8);
    cl_writer_le64(&w, len);
    CL_TRY(cl_buf_append(&disk, head, sizeof(head), err));
    CL_TRY(cl_buf_append(&disk, text, len, err));
    CL_TRY(cl_buf_append(&disk, zeros, (SECTOR - disk.len % SECTOR) % SECTOR, err));
    return cl_write_file(path, disk.data, disk.len, 0600, err);
}
