/* SPDX-License-Identifier: Apache-2.0
 * pinned_roots.c - takes the place of the library's two files of pinned roots in test programs that
 * are linked with it: the linker finds these symbols here and does not open the library's. So tests
 * can show class snp and tdx being accepted, while the library has no switch, and no shipped
 * program contains this file.
 */
#include "pinned_roots.h"

#include <string.h>

#define snp_amd_roots snp_amd_roots_unused
#include "snp/snp_roots.c" /* NOLINT(bugprone-suspicious-include) */
#undef snp_amd_roots
#define tdx_pinned_root tdx_pinned_root_unused
#include "tdx/tdx_roots.c" /* NOLINT(bugprone-suspicious-include) */
#undef tdx_pinned_root

/* Until a test says otherwise nothing is trusted. */
struct snp_root snp_amd_roots[2];
static uint8_t tdx_root[CL_TDX_ROOT_SIZE];

const uint8_t *tdx_pinned_root(void);
const uint8_t *tdx_pinned_root(void)
{
    return tdx_root;
}

void pinned_roots_set(const uint8_t amd_milan[static CL_SNP_ROOT_SIZE],
                      const uint8_t intel[static CL_TDX_ROOT_SIZE])
{
    snp_amd_roots[0].product = CL_SNP_PRODUCT_MILAN;
    memcpy(snp_amd_roots[0].spki_sha384, amd_milan, CL_SNP_ROOT_SIZE);
    memcpy(tdx_root, intel, sizeof(tdx_root));
}
