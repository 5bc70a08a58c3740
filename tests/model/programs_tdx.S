/* SPDX-License-Identifier: Apache-2.0
 * programs_tdx.S - a ROM of 64 KiB with tiny guests of a TD. From the reset vector each vCPU goes to
 * 64-bit mode on tables of its own, at 8000 + 5000 * index, with its stack above them; then to the
 * program whose offset INIT_VCPU gave it.
 *   fatal error: 0 is a program's success, 1 to FF its own complaint;
 *   1000 + N: #VE with exit reason N that the program did not expect; 2000 + N: vector N
 */
#define ROM 0xFFFF0000
#define AT(label) (ROM + (label - td_rom))
#define SHARED 0x800000 /* 2 MiB that the tables map as shared */
#define MAILBOX 0x30000
#define TDCALL .byte 0x66, 0x0F, 0x01, 0xCC

    .section .rodata
    .balign 4096
    .globl td_rom, td_rom_end
td_rom:
    .code32
start32:
    mov %ecx, %edi /* the program; its top bit: TDCALL here and now */
    test %ecx, %ecx
    jns 1f
    TDCALL
1:  lgdtl AT(gdtr)
    ljmp $0x08, $AT(flat32)
flat32:
    mov $0x18, %eax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    imul $0x5000, %esi, %ebp
    add $0x8000, %ebp
    lea 0x1003(%ebp), %eax
    mov %eax, (%ebp)
    lea 0x2003(%ebp), %eax
    mov %eax, 0x1000(%ebp)
    lea 0x3003(%ebp), %eax
    mov %eax, 0x1018(%ebp)
    xor %ecx, %ecx
1:  mov %ecx, %eax /* the first GiB, and the last below 4 GiB */
    shl $21, %eax
    or $0x83, %eax
    mov %eax, 0x2000(%ebp,%ecx,8)
    or $0xC0000000, %eax
    mov %eax, 0x3000(%ebp,%ecx,8)
    inc %ecx
    cmp $512, %ecx
    jne 1b
    lea -33(%ebx), %ecx /* GPAW - 1, in the entry's upper half */
    mov $1, %eax
    shl %cl, %eax
    mov %eax, 0x2024(%ebp)
    mov %ebp, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $0x620, %eax
    mov %eax, %cr4
    mov %cr0, %eax
    or $0x80000001, %eax
    mov %eax, %cr0
    ljmp $0x10, $AT(start64)

    .code64
start64:
    mov %ebp, %ebp
    lea 0x5000(%rbp), %rsp
    lidt idtr(%rip)
    lea td_rom(%rip), %rax
    mov %edi, %edi
    add %rdi, %rax
    jmp *%rax

    .balign 8
gdt:
    .quad 0
    .quad 0x00CF9B000000FFFF /* 08: 32-bit code */
    .quad 0x00AF9B000000FFFF /* 10: 64-bit code */
    .quad 0x00CF93000000FFFF /* 18: data */
gdtr:
    .word 31
    .long AT(gdt)
idtr:
    .word 21 * 16 - 1
    .quad AT(idt)
idtr_nested:
    .word 21 * 16 - 1
    .quad AT(idt_nested)
.macro GATE handler
    .word \handler - td_rom, 0x10
    .byte 0, 0x8E
    .word 0xFFFF
    .quad 0
.endm
.macro NO_GATES count
    .fill 2 * \count, 8, 0
.endm
    .balign 16
idt:
    NO_GATES 6
    GATE ud
    NO_GATES 1
    GATE df
    NO_GATES 4
    GATE gp
    NO_GATES 6
    GATE ve
idt_nested:
    NO_GATES 8
    GATE df
    NO_GATES 11
    GATE ve_careless

/* r11: function, r12 on: arguments. r10: status */
vmcall:
    xor %eax, %eax
    xor %r10d, %r10d
    mov $0xFC00, %ecx
    TDCALL
    ret

/* r12: reason; ends the guest */
fatal:
    mov $0x10003, %r11d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    call vmcall
    ud2
.macro FINISH reason
    mov $\reason, %r12d
    jmp fatal
.endm

ud: FINISH 0x2006
df: FINISH 0x2008
gp: FINISH 0x200D

/* CPUID is asked of the host; anything else ends the guest */
ve: push %rax
    push %rcx
    mov $3, %eax
    TDCALL
    cmp $10, %ecx
    jne 1f
    mov %r10d, %r10d
    add %r10, 16(%rsp)
    pop %r13
    pop %r12
    mov $10, %r11d
    xor %r14d, %r14d
    xor %r15d, %r15d
    call vmcall
    mov %r12d, %eax
    mov %r13d, %ebx
    mov %r14d, %ecx
    mov %r15d, %edx
    iretq
1:  lea 0x1000(%rcx), %r12d
    jmp fatal

ve_careless:
    in $0x80, %al
    iretq

/* rdi: page | level. rax: status */
accept:
    mov $6, %eax
    mov %rdi, %rcx
    TDCALL
    ret
.macro ACCEPT page
    mov $\page, %edi
    call accept
.endm
/* Compares rax with a status, or ends. */
.macro EXPECT status, complaint
    mov $\status, %rdx
    cmp %rdx, %rax
    jne 7f
    jmp 8f
7:  FINISH \complaint
8:
.endm
.macro PROGRAM name
    .balign 16
    .globl td_\name
td_\name:
.endm

PROGRAM ok
    FINISH 0

PROGRAM accept
    ACCEPT 0x200000
    EXPECT 0, 1
    cmpq $0, 0x200008
    jne 1f
    movq $0x1234, 0x200008
    cmpq $0x1234, 0x200008
    jne 1f
    FINISH 0
1:  FINISH 2

PROGRAM touch /* without accepting it */
    mov 0x200000, %rax
    FINISH 0

PROGRAM again /* twice, though told that it is there */
    ACCEPT 0x200000
    ACCEPT 0x200000
    EXPECT 0x00000B0A00000000, 1
    FINISH 0

PROGRAM added /* a page of the launch: skipped */
    ACCEPT 0x8000
    EXPECT 0x00000B0A00000000, 1
    FINISH 0

PROGRAM large
    ACCEPT 0x400001
    mov $0xC0000B0B00000001, %rdx
    cmp %rdx, %rax
    je 1f
    EXPECT 0, 1
    movq $1, 0x5FFFF8
    FINISH 0
1:  mov $0x400000, %ebx /* page by page */
2:  mov %ebx, %edi
    call accept
    test %rax, %rax
    jnz 3f
    add $0x1000, %ebx
    cmp $0x600000, %ebx
    jne 2b
    movq $1, 0x5FFFF8
    FINISH 6
3:  FINISH 7

PROGRAM patient /* tries a page five times while the module is busy */
    mov $5, %ebx
1:  ACCEPT 0x200000
    test %rax, %rax
    jz 2f
    dec %ebx
    jnz 1b
    FINISH 5
2:  FINISH 0

PROGRAM retouch /* leaves the page to the host for one call */
    ACCEPT 0x200000
    EXPECT 0, 1
    movq $0x55, 0x200000
    mov $0x10000, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    call vmcall
    cmpq $0x55, 0x200000
    jne 1f
    FINISH 0
1:  FINISH 2

PROGRAM state /* what the reset left: EBX, ESI, R8, control registers */
    cmp $48, %ebx
    je 1f
    cmp $52, %ebx
    jne 9f
1:  cmp %r8, %rdi
    jne 9f
    test %esi, %esi
    jnz 9f
    mov %cr0, %rax
    mov $0x80000021, %ecx
    cmp %rcx, %rax
    jne 9f
    mov %cr4, %rax
    cmp $0x660, %rax
    jne 9f
    mov $0xC0000080, %ecx
    rdmsr
    cmp $0xD01, %eax
    jne 9f
    wrmsr /* as it is: no change */
    FINISH 0
9:  FINISH 1

PROGRAM efer /* clears NXE */
    mov $0xC0000080, %ecx
    rdmsr
    and $~0x800, %eax
    wrmsr
    FINISH 0

PROGRAM cr4 /* clears MCE */
    mov $0x620, %eax
    mov %rax, %cr4
    FINISH 0

PROGRAM cr0 /* clears NE */
    mov $0x80000001, %eax
    mov %rax, %cr0
    FINISH 0

PROGRAM info
    mov %rbx, %rbp
    mov $1, %eax
    TDCALL
    EXPECT 0, 1
    cmp %rbp, %rcx
    jne 9f
    cmp $1, %r8d
    jne 9f
    test %r9, %r9
    jnz 9f
    FINISH 0
9:  FINISH 2

PROGRAM operands
    ACCEPT 0x200002 /* level 2 */
    EXPECT 0xC000010000000001, 1
    ACCEPT 0x201001 /* 2 MiB, unaligned */
    EXPECT 0xC000010000000001, 2
    mov $2, %eax
    mov $0x8020, %ecx /* not on 64 bytes */
    xor %edx, %edx
    TDCALL
    EXPECT 0xC000010000000001, 3
    mov $2, %eax
    mov $0x8040, %ecx
    mov $4, %edx /* RTMR4 */
    TDCALL
    EXPECT 0xC000010000000002, 4
    mov $4, %eax
    mov $0xC200, %ecx /* not on 1024 bytes */
    mov $0xC040, %edx
    xor %r8d, %r8d
    TDCALL
    EXPECT 0xC000010000000001, 5
    mov $4, %eax
    mov $0xC400, %ecx
    mov $0xC040, %edx
    mov $1, %r8d
    TDCALL
    EXPECT 0xC000010000000008, 6
    mov $99, %eax
    TDCALL
    EXPECT 0xC000010000000000, 7
    mov $3, %eax /* no #VE was there */
    TDCALL
    EXPECT 0xC000070400000000, 8
    FINISH 0

PROGRAM rtmr /* digest 00..2F into RTMR1, again if it is refused, three times at most */
    lea 0x4000(%rbp), %rcx
    xor %eax, %eax
1:  mov %al, (%rcx,%rax)
    inc %eax
    cmp $48, %eax
    jne 1b
    mov $3, %ebx
2:  mov $2, %eax
    mov $1, %edx
    TDCALL
    test %rax, %rax
    jz 3f
    dec %ebx
    jnz 2b
    FINISH 1
3:  FINISH 0

PROGRAM report
    movb $0x5A, 0xC040
    mov $4, %eax
    mov $0xC400, %ecx
    mov $0xC040, %edx
    xor %r8d, %r8d
    TDCALL
    EXPECT 0, 1
    FINISH 0

PROGRAM report_pending /* the report onto a page that is not accepted */
    mov $4, %eax
    mov $0x200000, %ecx
    mov $0xC040, %edx
    xor %r8d, %r8d
    TDCALL
    FINISH 0

PROGRAM cpuid /* one leaf of the module's, one of the host's */
    mov $0x21, %eax
    xor %ecx, %ecx
    cpuid
    cmp $0x65746E49, %ebx
    jne 9f
    mov $0x40000000, %eax
    xor %ecx, %ecx
    cpuid
    cmp $0x4B4D564B, %ebx
    jne 9f
    FINISH 0
9:  FINISH 1

PROGRAM port
    mov $0x41, %al
    out %al, $0x80
    FINISH 0

PROGRAM halt
    hlt
    FINISH 0

PROGRAM wbinvd
    wbinvd
    FINISH 0

PROGRAM msr
    mov $0x802, %ecx /* x2APIC id: native */
    rdmsr
    test %eax, %eax
    jnz 9f
    mov $0x1A0, %ecx
    rdmsr
9:  FINISH 1

PROGRAM vmgexit /* SNP's instruction: none here */
    .byte 0xF3, 0x0F, 0x01, 0xD9
    FINISH 0

PROGRAM nested
    lidt idtr_nested(%rip)
    mov $0x40000000, %eax
    cpuid
    FINISH 0

PROGRAM io
    mov $30, %r11d
    mov $1, %r12d
    mov $1, %r13d
    mov $0x80, %r14d
    mov $0x41, %r15d
    call vmcall
    test %r10, %r10
    jnz 9f
    mov $30, %r11d
    mov $1, %r12d
    xor %r13d, %r13d
    mov $0x81, %r14d
    xor %r15d, %r15d
    call vmcall
    cmp $0x5A, %r11
    jne 9f
    FINISH 0
9:  FINISH 1

PROGRAM hlt_call
    mov $12, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    call vmcall
    FINISH 0

/* rax: the shared bit */
shared_bit:
    mov %ebx, %ecx
    dec %ecx
    mov $1, %eax
    shl %cl, %rax
    ret

PROGRAM mmio
    call shared_bit
    mov $0xD0000000, %r14d
    or %rax, %r14
    mov $48, %r11d
    mov $4, %r12d
    xor %r13d, %r13d
    xor %r15d, %r15d
    call vmcall
    cmp $0x5A, %r11
    jne 9f
    FINISH 0
9:  FINISH 1

PROGRAM mask /* exposes RAX */
    mov $30, %r11d
    xor %eax, %eax
    xor %r10d, %r10d
    mov $0xFC01, %ecx
    TDCALL
    EXPECT 0xC000010000000001, 1
    FINISH 0

PROGRAM narrow /* hides an argument */
    mov $12, %r11d
    xor %eax, %eax
    xor %r10d, %r10d
    mov $0xC00, %ecx
    TDCALL
    FINISH 0

PROGRAM leak /* RBX goes out with its contents */
    mov $12, %r11d
    xor %eax, %eax
    xor %r10d, %r10d
    xor %r12d, %r12d
    mov $0x1C08, %ecx
    mov $0x5EC4E7, %ebx
    TDCALL
    FINISH 0

PROGRAM exposed /* a register that is exposed does not come back as it was */
    mov $12, %r11d
    xor %eax, %eax
    xor %r10d, %r10d
    xor %r12d, %r12d
    mov $0x1C08, %ecx
    xor %ebx, %ebx
    mov $0x77, %ebp
    TDCALL
    cmp $0x77, %ebp
    jne 1f
    test %rbx, %rbx
    jnz 2f
    FINISH 0
1:  FINISH 1
2:  FINISH 2

PROGRAM unknown
    mov $0x20000, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    call vmcall
    mov %r10, %rax
    EXPECT 0x8000000000000003, 1
    FINISH 0

/* MapGPA of the window: rax 0 private, the shared bit shared. Goes on after RETRY as long as the
 * host makes progress. rax: status; 7 if it does not */
map_window:
    mov %rax, %r8
    lea SHARED(%rax), %r12
    mov $0x200000, %r13d
1:  mov $0x10001, %r11d
    xor %r14d, %r14d
    xor %r15d, %r15d
    lea (%r12,%r13), %r9 /* the end */
    mov %r12, %rdi
    call vmcall
    cmp $1, %r10
    jne 3f
    cmp %rdi, %r11
    jbe 2f
    cmp %r9, %r11
    jae 2f
    mov %r11, %r12
    mov %r9, %r13
    sub %r12, %r13
    jmp 1b
2:  mov $7, %eax
    ret
3:  mov %r10, %rax
    ret

PROGRAM map /* gives the window away, uses it, takes it back */
    call shared_bit
    call map_window
    EXPECT 0, 7
    movq $0x1234, SHARED
    xor %eax, %eax
    call map_window
    EXPECT 0, 8
    ACCEPT SHARED
    EXPECT 0, 9
    FINISH 0

PROGRAM map_again /* accepts what it had accepted before it gave it away: no objection */
    ACCEPT SHARED
    EXPECT 0, 9
    call shared_bit
    call map_window
    EXPECT 0, 7
    xor %eax, %eax
    call map_window
    EXPECT 0, 8
    ACCEPT SHARED
    EXPECT 0, 9
    FINISH 0

PROGRAM window /* the window as the attributes have it; a conversion by memory fault otherwise */
    movq $0x1234, SHARED
    mov SHARED, %rax
    mov SHARED, %rbx
    cmp %rax, %rbx
    jne 1f
    FINISH 0
1:  FINISH 3

PROGRAM quote
    call shared_bit
    lea SHARED(%rax), %r12
    mov $0x10002, %r11d
    mov $0x1000, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    call vmcall
    test %r10, %r10
    jnz 9f
    FINISH 0
9:  FINISH 1

PROGRAM notify
    mov $0x10004, %r11d
    mov $0x40, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    call vmcall
    test %r10, %r10
    jnz 9f
    FINISH 0
9:  FINISH 1

PROGRAM fetch_shared
    mov $SHARED, %eax
    jmp *%rax

PROGRAM idt_shared
    sub $16, %rsp
    movw $0x14F, (%rsp)
    movq $SHARED, 2(%rsp)
    lidt (%rsp)
    int3

PROGRAM table_shared /* the directory of the first GiB, as if it were in shared memory */
    call shared_bit
    or %rax, 0x1000(%rbp)
    mov %cr3, %rcx
    mov %rcx, %cr3
    mov 0x200000, %rax

PROGRAM table_reserved /* bit 51, where the guest's addresses have 48 bits */
    mov $0x8000000000000, %rax
    or %rax, 0x2008(%rbp)
    mov %cr3, %rcx
    mov %rcx, %cr3
    mov 0x200000, %rax

PROGRAM device /* a shared page where nothing is */
    call shared_bit
    or $0x3000083, %rax
    mov %rax, 0x2028(%rbp)
    mov %cr3, %rcx
    mov %rcx, %cr3
    mov 0xA00010, %eax
    FINISH 0

PROGRAM wakeful /* to interrupts */
    sti
    jmp td_io

PROGRAM calls /* two calls, between which the host may do something */
    mov $2, %ebp
1:  mov $0x10000, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    call vmcall
    test %r10, %r10
    jnz 9f
    dec %ebp
    jnz 1b
    FINISH 0
9:  FINISH 1

/* ---- The Linux entry, and the other processors ---- */
PROGRAM enter
    mov $0x20000, %esi
    mov $0x100200, %eax
    pushq $0x10
    push %rax
    lretq

PROGRAM enter_late /* after a page that the host may take back was accepted */
    ACCEPT 0x40000
    jmp td_enter

PROGRAM enter_rtmr /* with one event in RTMR1 */
    lea 0x4000(%rbp), %rcx
    movl $0, (%rcx)
    mov $2, %eax
    mov $1, %edx
    TDCALL
    jmp td_enter

PROGRAM ap
1:  pause
    cmpw $1, MAILBOX
    jne 1b
    mov $0x802, %ecx
    rdmsr
    cmp %eax, MAILBOX + 4
    jne 1b
    mov MAILBOX + 8, %rax
    movw $0, MAILBOX
    jmp *%rax

PROGRAM ap_keeps /* the command */
1:  cmpw $1, MAILBOX
    jne 1b
    mov MAILBOX + 8, %rax
    jmp *%rax

PROGRAM ap_interruptible
    sti
    jmp td_ap

PROGRAM ap_deaf
1:  mov $12, %r11d
    xor %r12d, %r12d
    xor %r13d, %r13d
    xor %r14d, %r14d
    xor %r15d, %r15d
    call vmcall
    jmp 1b

PROGRAM ap_any /* takes every command for its own */
1:  cmpw $1, MAILBOX
    jne 1b
    mov MAILBOX + 8, %rax
    movw $0, MAILBOX
    jmp *%rax

PROGRAM ap_linux /* to the entry, where only the first belongs */
    mov $0x100200, %eax
    jmp *%rax

PROGRAM ap_moved /* the trampoline's page elsewhere: 2 MiB of its own for the first 2 MiB */
    ACCEPT 0x69F000
1:  cmpw $1, MAILBOX
    jne 1b
    mov MAILBOX + 8, %r9
    movw $0, MAILBOX
    movq $0x600083, 0x2000(%rbp)
    mov %cr3, %rax
    mov %rax, %cr3
    jmp *%r9

PROGRAM empties /* the mailbox before the other one looks at it; then lets it */
    movq $0, MAILBOX
    movq $0, MAILBOX + 8
    jmp td_hlt_call

    .code32
    .org 0xFFF0
    jmp start32
    .org 0x10000
td_rom_end:
    .section .note.GNU-stack, "", @progbits
