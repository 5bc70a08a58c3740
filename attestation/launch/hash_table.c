/* SPDX-License-Identifier: Apache-2.0
 * hash_table.c - see hash_table.h.
 */
#include "launch/hash_table.h"

#include "base/bytes.h"
#include "base/digest.h"

#include <string.h>

/* GUIDs of the table and its entries, as they stand in memory. */
static const uint8_t guid_table[16] = {0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c,
                                       0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21};
static const uint8_t guid_cmdline[16] = {0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c,
                                         0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a};
static const uint8_t guid_initrd[16] = {0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b,
                                        0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d};
static const uint8_t guid_kernel[16] = {0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42,
                                        0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b};

enum cl_status launch_hashes_take(const char *kernel, const char *initrd, const char *cmdline,
                                  struct launch_hashes *ret_h, struct cl_err *err)
{
    const char *text = cmdline != NULL ? cmdline : "";
    CL_TRY(cl_sha256(ret_h->cmdline, text, strlen(text) + 1, err)); /* with its NUL */
    if (initrd != NULL) {
        CL_TRY(launch_file_sha256(initrd, ret_h->initrd, err));
    } else {
        CL_TRY(cl_sha256(ret_h->initrd, "", 0, err));
    }
    return launch_file_sha256(kernel, ret_h->kernel, err);
}

static void put_hash(struct cl_writer *w, const uint8_t guid[static 16],
                     const uint8_t digest[static 32])
{
    cl_writer_bytes(w, guid, 16);
    cl_writer_le16(w, 50);
    cl_writer_bytes(w, digest, 32);
}

enum cl_status launch_hash_page(const struct launch_hashes *h, uint32_t page_gpa,
                                uint32_t table_gpa, uint32_t area_size,
                                uint8_t ret_page[static LAUNCH_PAGE_SIZE], struct cl_err *err)
{
    uint32_t at = table_gpa % LAUNCH_PAGE_SIZE;
    if (table_gpa - at != page_gpa || area_size < LAUNCH_HASH_TABLE_SIZE ||
        at + LAUNCH_HASH_TABLE_SIZE > LAUNCH_PAGE_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: kernel hashes: expected one page with the hash table area "
                          "inside, got something else");
    }
    memset(ret_page, 0, LAUNCH_PAGE_SIZE);
    struct cl_writer w = cl_writer_init(ret_page + at, LAUNCH_HASH_TABLE_SIZE);
    cl_writer_bytes(&w, guid_table, 16);
    cl_writer_le16(&w, 168);
    put_hash(&w, guid_cmdline, h->cmdline);
    put_hash(&w, guid_initrd, h->initrd);
    put_hash(&w, guid_kernel, h->kernel);
    return cl_writer_check(&w, "kernel hash table", err);
}
