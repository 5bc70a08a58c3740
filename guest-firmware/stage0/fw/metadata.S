/* SPDX-License-Identifier: Apache-2.0
 * metadata.S - what QEMU, our VMM and measuring tools read from the ROM: SEV metadata, TDVF
 * descriptor, and the GUID table that ends 32 bytes before the end of the image (guest-boot.md 5.2,
 * snp.md c.2, tdx.md b.2). Distances from the image's end come from the linker script.
 */
#include "stage0_abi.h"

    .section .metadata, "a"

/* A GUID in EFI's byte order: three little-endian groups, then bytes. */
    .macro guid a, b, c, d0, d1, d2, d3, d4, d5, d6, d7
    .long \a
    .short \b, \c
    .byte \d0, \d1, \d2, \d3, \d4, \d5, \d6, \d7
    .endm

#define SEV_SEC_MEM 1
#define SEV_SECRETS 2
#define SEV_CPUID 3
#define SEV_KERNEL_HASHES 0x10

    .balign 16
    .globl sev_metadata
sev_metadata:
    .ascii "ASEV"
    .long sev_metadata_end - sev_metadata
    .long 1
    .long (sev_metadata_end - sev_sections) / 12
sev_sections:
    .long STAGE0_OWN_GPA, STAGE0_OWN_END - STAGE0_OWN_GPA, SEV_SEC_MEM
    .long STAGE0_SECRETS_GPA, STAGE0_PAGE_SIZE, SEV_SECRETS
    .long STAGE0_CPUID_GPA, STAGE0_PAGE_SIZE, SEV_CPUID
    .long STAGE0_HASH_PAGE_GPA, STAGE0_PAGE_SIZE, SEV_KERNEL_HASHES
sev_metadata_end:

#define TDVF_BFV 0
#define TDVF_TD_HOB 2
#define TDVF_TEMP_MEM 3
#define TDVF_MR_EXTEND 1

    .balign 16
    guid 0xe9eaf9f3, 0x168e, 0x44d5, 0xa8, 0xeb, 0x7f, 0x4d, 0x87, 0x38, 0xf6, 0xae
    .globl tdvf_descriptor
tdvf_descriptor:
    .ascii "TDVF"
    .long tdvf_descriptor_end - tdvf_descriptor
    .long 1
    .long (tdvf_descriptor_end - tdvf_sections) / 32
tdvf_sections:
    /* data offset, raw size; gpa; memory size; type, attributes */
    .long 0, STAGE0_ROM_SIZE
    .quad STAGE0_ROM_GPA, STAGE0_ROM_SIZE
    .long TDVF_BFV, TDVF_MR_EXTEND
    .long 0, 0
    .quad STAGE0_OWN_GPA, STAGE0_OWN_END - STAGE0_OWN_GPA
    .long TDVF_TEMP_MEM, 0
    .long 0, 0
    .quad STAGE0_TD_HOB_GPA, STAGE0_TD_HOB_SIZE
    .long TDVF_TD_HOB, 0
tdvf_descriptor_end:

/* Read backwards: each entry is data, u16 length of the whole entry, GUID. */
    .macro entry_end start
    .short . - \start + 18
    .endm

    .skip -(guid_table_end - guid_table) & 15 /* the section begins and ends on 16 bytes */
guid_table:
entry_hashes:
    .long STAGE0_HASH_TABLE_GPA, STAGE0_HASH_TABLE_SIZE
    entry_end entry_hashes
    guid 0x7255371f, 0x3a3b, 0x4b04, 0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54
entry_tdvf:
    .long tdvf_descriptor_distance
    entry_end entry_tdvf
    guid 0xe47a6535, 0x984a, 0x4798, 0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2
entry_sev:
    .long sev_metadata_distance
    entry_end entry_sev
    guid 0xdc886566, 0x984a, 0x4798, 0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc
entry_ap:
    .long ap_entry
    entry_end entry_ap
    guid 0x00f771de, 0x1a7e, 0x4fcb, 0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4, 0x4e
    .short . - guid_table + 18 /* the footer counts itself */
    guid 0x96b582de, 0x1fb2, 0x45f7, 0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d
guid_table_end:
/* Nothing may follow: the linker script puts this end at -0x20. */

    .section .note.GNU-stack, "", @progbits
