/* SPDX-License-Identifier: Apache-2.0
 * pinned_roots.h - a test program's own pinned roots of class snp and tdx (see pinned_roots.c).
 */
#ifndef CL_TEST_PINNED_ROOTS_H
#define CL_TEST_PINNED_ROOTS_H

#include "cloister/snp_verify.h"
#include "cloister/tdx_verify.h"

void pinned_roots_set(const uint8_t amd_milan[static CL_SNP_ROOT_SIZE],
                      const uint8_t intel[static CL_TDX_ROOT_SIZE]);

#endif
