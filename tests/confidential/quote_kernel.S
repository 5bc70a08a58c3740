/* SPDX-License-Identifier: Apache-2.0
 * quote_kernel.S - what stands at the 64-bit entry of a kernel that does nothing but ask for a quote
 * of its TD (tdx.md c, d): tables of its own with 2 MiB that are shared, TDG.MR.REPORT,
 * TDG.VP.VMCALL<GetQuote>, a wait for its end. What it ended with is told in a word of its memory.
 */
#include "quote_kernel.h"

#define TDCALL .byte 0x66, 0x0F, 0x01, 0xCC
#define INFO 1
#define REPORT 4
#define MAP_GPA 0x10001
#define GET_QUOTE 0x10002
#define LARGE 0x200000
#define PRESENT 0x3
#define PRESENT_LARGE 0x83

    .section .rodata
    .globl quote_kernel, quote_kernel_end
    .code64
quote_kernel:
    cld
    mov $QUOTE_STACK_END, %esp
    mov $QUOTE_PML4, %edi
    xor %eax, %eax
    mov $0x2000 / 8, %ecx
    rep stosq
    movq $QUOTE_PDPT + PRESENT, QUOTE_PML4
    movq $QUOTE_PD + PRESENT, QUOTE_PDPT
1:  mov %rcx, %rax /* the first GiB; rcx was 0 */
    shl $21, %rax
    or $PRESENT_LARGE, %rax
    mov %rax, QUOTE_PD(,%rcx,8)
    inc %ecx
    cmp $512, %ecx
    jne 1b

    mov $INFO, %eax
    TDCALL
    and $0x3F, %ecx /* GPAW; the bit below it says shared */
    dec %ecx
    mov $1, %ebx
    shl %cl, %rbx
    or %rbx, QUOTE_PD + QUOTE_SHARED / LARGE * 8
    mov $QUOTE_PML4, %eax
    mov %rax, %cr3

    mov $MAP_GPA, %r11d
    lea QUOTE_SHARED(%rbx), %r12
    mov $LARGE, %r13d
    call vmcall
    mov $2, %eax
    jnz end

    mov $QUOTE_DATA, %edi
    mov $QUOTE_DATA_BYTE, %eax
    mov $64, %ecx
    rep stosb
    mov $QUOTE_REPORT, %ecx
    mov $QUOTE_DATA, %edx
    xor %r8d, %r8d
    mov $REPORT, %eax
    TDCALL
    test %rax, %rax
    mov $3, %eax
    jnz end

    movq $1, QUOTE_SHARED /* version; status 0 */
    movq $0, QUOTE_SHARED + 8
    movq $1024, QUOTE_SHARED + 16 /* in_len; out_len 0 */
    mov $QUOTE_REPORT, %esi
    mov $QUOTE_SHARED + 24, %edi
    mov $1024 / 8, %ecx
    rep movsq
    mov $GET_QUOTE, %r11d
    lea QUOTE_SHARED(%rbx), %r12
    mov $QUOTE_BUFFER_SIZE, %r13d
    call vmcall
    mov $4, %eax
    jnz end
1:  pause
    mov QUOTE_SHARED + 8, %rax
    cmp $-1, %rax /* it is being made */
    je 1b
    test %rax, %rax
    mov $5, %eax
    jnz end

    mov $QUOTE_SHARED, %esi
    mov $QUOTE_COPY, %edi
    mov $QUOTE_BUFFER_SIZE / 8, %ecx
    rep movsq
    mov $QUOTE_GOT, %eax
end:
    mov %rax, QUOTE_END
1:  pause
    jmp 1b

/* r11: function; r12, r13: its arguments. ZF: it was done. */
vmcall:
    xor %eax, %eax
    xor %r10d, %r10d
    mov $0x3C00, %ecx
    TDCALL
    or %r10, %rax
    ret
quote_kernel_end:
    .section .note.GNU-stack, "", @progbits
