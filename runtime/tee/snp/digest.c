/* SPDX-License-Identifier: Apache-2.0
 * digest.c - the launch digest of what we placed, as the firmware computes it: for the log, and to
 * be compared. Nobody trusts it; `cloister measure` computes it on its own, before.
 * Trust: no input. Threads: one. Memory: none. Spec: snp.md c.
 */
#include "snp_internal.h"

#include <string.h>

struct page_info {
    uint8_t before[TEE_DIGEST_SIZE];
    uint8_t contents[TEE_DIGEST_SIZE];
    cl_le16 length;
    uint8_t type;
    uint8_t imi_page;
    uint8_t permissions[3]; /* VMPL3 to VMPL1: none under KVM */
    uint8_t reserved;
    cl_le64 gpa;
};
_Static_assert(sizeof(struct page_info) == 0x70, "PAGE_INFO");

enum cl_status snp_digest_page(uint8_t digest[static TEE_DIGEST_SIZE], uint8_t type, uint64_t gpa,
                               const uint8_t *page, struct cl_err *err)
{
    struct page_info info = {.type = type};
    memcpy(info.before, digest, TEE_DIGEST_SIZE);
    cl_le16_put(&info.length, sizeof(info));
    cl_le64_put(&info.gpa, gpa);
    if (page != NULL) {
        CL_TRY(cl_sha384(info.contents, page, TEE_PAGE_SIZE, err));
    }
    return cl_sha384(digest, &info, sizeof(info), err);
}
