/* SPDX-License-Identifier: Apache-2.0
 * quote_kernel.h - where quote_kernel.S has what in the guest's memory. For C and for assembler.
 */
#ifndef CONFIDENTIAL_QUOTE_KERNEL_H
#define CONFIDENTIAL_QUOTE_KERNEL_H

/* In the memory that the kernel asks for behind itself. */
#define QUOTE_PML4 0x1200000
#define QUOTE_PDPT 0x1201000
#define QUOTE_PD 0x1202000
#define QUOTE_STACK_END 0x1210000
#define QUOTE_DATA 0x1211000
#define QUOTE_REPORT 0x1211400
#define QUOTE_COPY 0x1220000   /* of the buffer, with the quote */
#define QUOTE_END 0x1230000    /* a word: 0 until it ends */
#define QUOTE_SHARED 0x8000000 /* 2 MiB, the buffer at their start */
#define QUOTE_BUFFER_SIZE 0x4000
#define QUOTE_DATA_BYTE 0x5A /* each of the REPORT_DATA */

/* What it ends with; another value names the step that failed. */
#define QUOTE_GOT 1

#ifndef __ASSEMBLER__
#include <stdint.h>

extern const uint8_t quote_kernel[], quote_kernel_end[];
#endif

#endif
