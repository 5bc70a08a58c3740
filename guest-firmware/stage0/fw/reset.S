/* SPDX-License-Identifier: Apache-2.0
 * reset.S - from the reset vector to 64-bit C: 16-bit, 32-bit with the first page tables, long
 * mode. Trust: nothing but the measured registers and this ROM. Memory: writes only the early page
 * tables at STAGE0_PML4_GPA; the stack is not used before long mode.
 */
#include "stage0_abi.h"

STAGE0_REASONS(STAGE0_ASM_REASON)

/* High half of SNP's encryption bit in a page-table entry. */
#define SNP_BIT_HIGH (1 << (STAGE0_SNP_BIT - 32))

#define CR0_BOOT 0x80010033 /* PG WP NE ET MP PE; CD and NW clear */
#define CR4_PAE 0x20
#define MSR_EFER 0xC0000080
#define EFER_LME_NXE 0x900
#define CODE32 0x08
#define CODE64 0x10 /* these two as Linux's boot protocol wants them */
#define DATA 0x18
#define TABLE_COUNT 6 /* PML4, PDPT, four page directories */

/* ---- 0xFFFFFFF0. TDX starts here in 32-bit mode, everything else in 16-bit mode; both read the
 * first two instructions alike.
 */
    .section .reset, "ax"
    .code16
    .globl reset_vector
reset_vector:
    mov %cr0, %eax
    test $1, %al
    jz 1f
    .code32
    jmp tdx_entry
    .code16
1:  jmp entry16

    .section .early, "ax"
/* ---- Application processors of an SEV-ES start (the AP reset block names this address). This
 * build starts none: Linux wakes them by INIT and SIPI.
 */
    .code16
    .globl ap_entry
ap_entry:
    cli
1:  hlt
    jmp 1b

entry16:
    cli
    cld
    lgdtl %cs:gdt_pointer_offset
    mov %cr0, %eax
    or $1, %eax
    and $0x9FFFFFFF, %eax /* caches on: CD and NW clear */
    mov %eax, %cr0
    ljmpl $CODE32, $entry32

    .code32
tdx_entry:
    mov $STAGE0_R_TEE_TDX, %eax
    jmp refuse32

entry32:
    mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %eax, %fs
    mov %eax, %gs

    /* SNP is told by the page that its launch filled, which no other start has. A lie ends here: in
     * an SNP guest CPUID would be an exception without a handler, outside of one the MSRs would. All
     * memory is private while paging is off. EBP: what private memory's entries have. */
    xor %ebp, %ebp
    cmpl $0, STAGE0_CPUID_GPA
    je 3f
    mov $SNP_BIT_HIGH, %ebp
    jmp 4f

3:  mov $0x80000000, %eax
    cpuid
    mov $STAGE0_R_NO_LONG_MODE, %esi
    cmp $0x80000001, %eax
    jb refuse_esi
    mov $0x80000001, %eax
    cpuid
    bt $29, %edx
    jnc refuse_esi
    mov $STAGE0_R_NO_NX, %esi
    bt $20, %edx
    jnc refuse_esi

4:  /* All tables zero; then one 4 GiB identity map of 2 MiB pages, tightened later in C. */
    mov $STAGE0_PML4_GPA, %edi
    mov $(TABLE_COUNT * STAGE0_PAGE_SIZE / 4), %ecx
    xor %eax, %eax
    rep stosl
    movl $(STAGE0_PDPT_GPA + 3), STAGE0_PML4_GPA
    movl %ebp, STAGE0_PML4_GPA + 4
    mov $STAGE0_PDPT_GPA, %edi
    mov $(STAGE0_PD_GPA + 3), %eax
    mov $4, %ecx
1:  mov %eax, (%edi)
    movl %ebp, 4(%edi)
    add $STAGE0_PAGE_SIZE, %eax
    add $8, %edi
    loop 1b
    mov $STAGE0_PD_GPA, %edi
    mov $0x83, %eax /* present, writable, 2 MiB */
    mov $(4 * 512), %ecx
2:  mov %eax, (%edi)
    movl %ebp, 4(%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 2b

    mov $CR4_PAE, %eax
    mov %eax, %cr4
    mov $STAGE0_PML4_GPA, %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME_NXE, %eax
    wrmsr
    mov $CR0_BOOT, %eax
    mov %eax, %cr0
    ljmpl $CODE64, $entry64

refuse_esi:
    mov %esi, %eax
refuse32:
    mov $STAGE0_PORT_REFUSE, %edx
    out %ax, %dx
1:  cli
    hlt
    jmp 1b

    .code64
entry64:
    mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $STAGE0_STACK_END, %esp /* zero-extends */
    xor %edi, %edi
    test %ebp, %ebp
    setnz %dil
    xor %ebp, %ebp
    call fw_main
    ud2 /* does not return */

/* In ROM, so the accessed bits are set already and no CPU needs to write here. */
    .balign 8
    .globl gdt
gdt:
    .quad 0
    .quad 0x00CF9B000000FFFF /* 0x08 32-bit code */
    .quad 0x00AF9B000000FFFF /* 0x10 64-bit code */
    .quad 0x00CF93000000FFFF /* 0x18 data */
gdt_end:
    .globl gdt_pointer
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt

    .section .note.GNU-stack, "", @progbits
