/* SPDX-License-Identifier: Apache-2.0
 * entry.S - where exceptions end, and the last step into Linux. Trust: none needed; no input.
 */
#include "stage0_abi.h"

STAGE0_REASONS(STAGE0_ASM_REASON)

#define CR4_PAE 0x20

    .section .text, "ax"
    .code64

/* One stub of 16 bytes for each exception, and one for every interrupt: stage0 expects none, so
 * each is a refusal. Nothing is read from the stack, which may be what broke.
 */
    .globl fw_vector_stubs
    .balign 16
fw_vector_stubs:
    .set vector, 0
    .rept 32
    .balign 16
    mov $(STAGE0_REASON_EXCEPTION + vector), %eax
    jmp fw_refuse_eax
    .set vector, vector + 1
    .endr
    .balign 16
    mov $STAGE0_R_INTERRUPT, %eax
fw_refuse_eax:
    cmpl $0, STAGE0_CPUID_GPA /* as reset.S told SNP */
    jne fw_refuse_snp
    mov $STAGE0_PORT_REFUSE, %edx
    out %ax, %dx
1:  cli
    hlt
    jmp 1b

/* A request of the MSR protocol, which needs no memory. */
fw_refuse_snp:
    shl $16, %eax
    or $(STAGE0_TERM_SET << 12 | 0x100), %eax
    xor %edx, %edx
    mov $0xC0010130, %ecx
    wrmsr
    rep; vmmcall
1:  cli
    hlt
    jmp 1b

/* _Noreturn void fw_refuse(uint32_t code) */
    .globl fw_refuse
fw_refuse:
    mov %edi, %eax
    jmp fw_refuse_eax

/* _Noreturn void fw_jump(uint64_t entry, uint64_t boot_params, uint64_t cr3)
 * On Linux's page tables, which map this ROM too: forgets the IDT, wipes stage0's own memory (tables,
 * stack, state, seed) and every register, and goes. No stack from here on.
 */
    .globl fw_jump
fw_jump:
    cli
    cld
    lidt null_idt(%rip)
    mov %rdx, %cr3
    mov %rdi, %rbx
    mov $STAGE0_OWN_GPA, %edi
    mov $((STAGE0_OWN_END - STAGE0_OWN_GPA) / 8), %ecx
    xor %eax, %eax
    rep stosq
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    pxor %xmm\n, %xmm\n
    .endr
    mov $CR4_PAE, %eax /* vector unit off again */
    mov %rax, %cr4
    mov $STAGE0_OWN_END, %esp
    xor %ecx, %ecx
    xor %edx, %edx
    xor %edi, %edi
    xor %ebp, %ebp
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    mov %rbx, %rax
    xor %ebx, %ebx
    jmp *%rax

    .section .rodata, "a"
null_idt:
    .word 0
    .quad 0

    .section .note.GNU-stack, "", @progbits
