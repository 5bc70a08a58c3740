/* SPDX-License-Identifier: Apache-2.0
 * entry.S - where exceptions end, and the last step into Linux. Trust: none needed; no input.
 */
#include "stage0_abi.h"
#include "tdx_abi.h"

STAGE0_REASONS(STAGE0_ASM_REASON)

#define CR4_VECTOR 0x600 /* OSFXSR, OSXMMEXCPT */

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
    .globl fw_refuse_eax
fw_refuse_eax:
    cmpl $STAGE0_TEE_TDX, STAGE0_TEE_GPA /* by fw_main; CR4 does not tell: KVM shows a guest the host's MCE */
    je fw_refuse_tdx
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

/* As often as the VMM comes back from it. */
    .globl fw_refuse_tdx
fw_refuse_tdx:
    mov $STAGE0_TERM_SET, %ebx
    shl $32, %rbx
    mov %eax, %eax
    or %rax, %rbx
1:  mov $TDG_VP_VMCALL, %eax
    mov $TDVMCALL_REGISTERS, %ecx
    xor %r10d, %r10d
    mov $TDVMCALL_REPORT_FATAL_ERROR, %r11d
    mov %rbx, %r12
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    TDCALL
    pause
    jmp 1b

/* void fw_tdcall(const struct s0_tdx *tdx, struct s0_tdx_regs *regs): TDCALL with the registers of
 * *regs, and what it left in them. Of a call to the VMM only R10 to R15 pass, as RCX says; what it
 * put there stays in *regs alone.
 */
    .globl fw_tdcall
fw_tdcall:
    push %r12
    push %r13
    push %r14
    push %r15
    push %rsi
    mov (%rsi), %rax
    mov 8(%rsi), %rcx
    mov 16(%rsi), %rdx
    mov 24(%rsi), %r8
    mov 32(%rsi), %r9
    mov 40(%rsi), %r10
    mov 48(%rsi), %r11
    mov 56(%rsi), %r12
    mov 64(%rsi), %r13
    mov 72(%rsi), %r14
    mov 80(%rsi), %r15
    TDCALL
    pop %rsi
    mov %rax, (%rsi)
    mov %rcx, 8(%rsi)
    mov %rdx, 16(%rsi)
    mov %r8, 24(%rsi)
    mov %r9, 32(%rsi)
    mov %r10, 40(%rsi)
    mov %r11, 48(%rsi)
    mov %r12, 56(%rsi)
    mov %r13, 64(%rsi)
    mov %r14, 72(%rsi)
    mov %r15, 80(%rsi)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    xor %ecx, %ecx
    xor %edx, %edx
    xor %r8d, %r8d
    xor %r9d, %r9d
    xor %r10d, %r10d
    xor %r11d, %r11d
    ret

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
    mov %cr4, %rax
    and $~CR4_VECTOR, %eax /* vector unit off again */
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
