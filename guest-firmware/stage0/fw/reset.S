/* SPDX-License-Identifier: Apache-2.0
 * reset.S - from the reset vector to 64-bit C: 16-bit, 32-bit with the first page tables, long
 * mode. Trust: nothing but the measured registers and this ROM. Memory: writes only the early page
 * tables at STAGE0_PML4_GPA; the stack is not used before long mode.
 */
#include "stage0_abi.h"
#include "tdx_abi.h"

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

#define MAILBOX_WAKEUP 1 /* ACPI 5.2.12.19: u16 command, u16, u32 APIC id, u64 vector */
#define MAILBOX_APIC_ID 4
#define MAILBOX_VECTOR 8

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

/* ---- TDX: every CPU comes here at once, in flat 32-bit mode, with nothing but this ROM. On page
 * tables in ROM into long mode: EFER is set already and must not be written, CR4.MCE must stay. No
 * register is looked at: what the VMM chose (RCX, R8) and what the module did are hard to tell.
 */
    .code32
tdx_entry:
    cli
    cld
    lgdtl gdt_pointer
    mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %eax, %fs
    mov %eax, %gs
    mov %cr4, %eax
    or $CR4_PAE, %eax
    mov %eax, %cr4
    mov $rom_pml4, %eax
    mov %eax, %cr3
    mov $CR0_BOOT, %eax
    mov %eax, %cr0
    ljmpl $CODE64, $tdx_entry64

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

/* CPU 0, by the TDX module's own word, boots. Its stack is TempMem: private, of unknown content. */
tdx_entry64:
    mov $TDG_VP_INFO, %eax
    TDCALL
    test %rax, %rax
    mov $STAGE0_R_TDX_ANSWER, %eax
    jnz fw_refuse_tdx
    test %r9d, %r9d
    jnz tdx_park
    mov $STAGE0_STACK_END, %esp
    mov $STAGE0_TEE_TDX, %edi
    call fw_main
    ud2

/* The other CPUs, of index r9d, wait for Linux without a stack, in what no one but stage0 and Linux
 * ever writes: this ROM, the hash page, the mailbox. The mailbox is unaccepted when they come, and
 * a look at it then is no way to wait: KVM ends the TD for it. TempMem and hand-off blocks have
 * bytes that the host chose. The first word of the hash page it cannot choose: MRTD has it as zero.
 * stage0 sets it when the mailbox is accepted, and thereby zero. A CPU that the host runs only when
 * Linux does finds the same; Linux keeps both pages reserved.
 * The index stands for the APIC id (I-1.1): the module gives each out once, so no two CPUs wake.
 */
tdx_park:
    pause
    cmpl $0, STAGE0_READY_GPA
    je tdx_park
    mov $STAGE0_MAILBOX_GPA, %ebx
1:  pause
    cmpl %r9d, MAILBOX_APIC_ID(%rbx) /* first: a command seen before it could be another CPU's */
    jne 1b
    cmpw $MAILBOX_WAKEUP, (%rbx)
    jne 1b
    mov MAILBOX_VECTOR(%rbx), %rax
    movw $0, (%rbx) /* taken */
    jmp *%rax

/* Of the CPUs of a TD, until they have better ones: 4 GiB, all private. Linux's code that wakes CPUs
 * runs on them, too. Accessed and dirty already, so that no CPU needs to write here.
 */
    .section .page_tables, "a"
    .balign STAGE0_PAGE_SIZE
rom_pml4:
    .quad rom_pdpt + 0x23
    .fill 511, 8, 0
rom_pdpt:
    .quad 0x000000E3, 0x400000E3, 0x800000E3, 0xC00000E3 /* 1 GiB each */
    .fill 508, 8, 0
    .section .early, "ax"

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
