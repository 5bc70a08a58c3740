/* SPDX-License-Identifier: Apache-2.0
 * programs.S - a ROM of 64 KiB with tiny guests for the model's tests. From reset it goes to 32- and
 * 64-bit mode as a firmware does, then to the program whose offset is in EBX. The launch has given
 * it page tables and a stack as zeroed pages at 8000-FFFF.
 *   termination: set 2 reason 0 is a program's success, set 2 reason N its own complaint;
 *   set 1 reason N: #VC with exit code N (its low byte) that the program did not expect
 */
#define ROM 0xFFFF0000
#define AT(label) (ROM + (label - rom))
#define GHCB 0x800000
#define C_HIGH 0x80000 /* bit 51 */

    .section .rodata
    .balign 4096
    .globl rom, rom_end
rom:
    .code32
start32:
    mov $0x18, %eax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    movl $0x9003, 0x8000
    movl $C_HIGH, 0x8004
    movl $0xA003, 0x9000
    movl $C_HIGH, 0x9004
    movl $0xB003, 0x9018
    movl $C_HIGH, 0x901C
    xor %ecx, %ecx
1:  mov %ecx, %eax /* the first GiB, private */
    shl $21, %eax
    or $0x83, %eax
    mov %eax, 0xA000(,%ecx,8)
    movl $C_HIGH, 0xA004(,%ecx,8)
    mov %ecx, %eax /* the last below 4 GiB, private */
    shl $21, %eax
    or $0xC0000083, %eax
    mov %eax, 0xB000(,%ecx,8)
    movl $C_HIGH, 0xB004(,%ecx,8)
    inc %ecx
    cmp $512, %ecx
    jne 1b
    movl $0, 0xA024 /* 8 MiB to 10 MiB are shared */
    mov $0x8000, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $0x620, %eax
    mov %eax, %cr4
    mov $0xC0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80000001, %eax
    mov %eax, %cr0
    ljmp $0x10, $AT(start64)

    .code64
start64:
    mov $0x10000, %esp
    lidt idtr(%rip)
    lea rom(%rip), %rax
    mov %ebx, %ebx
    add %rbx, %rax
    jmp *%rax

    .balign 8
    .globl rom_gdt
rom_gdt:
    .quad 0
    .quad 0x00CF9B000000FFFF /* 08: 32-bit code */
    .quad 0x00AF9B000000FFFF /* 10: 64-bit code */
    .quad 0x00CF93000000FFFF /* 18: data */
    .quad 0x00AF9B000000FFFF /* 20: 64-bit code, too */
gdtr:
    .word 39
    .long AT(rom_gdt)
gdtr_short:
    .word 0x17
    .quad AT(rom_gdt)
idtr:
    .word 30 * 16 - 1
    .quad AT(idt)
    .balign 16
idt:
    .fill 58, 8, 0
    .word vc - rom, 0x10
    .byte 0, 0x8E
    .word 0xFFFF
    .quad 0

/* eax: value; ends the guest */
terminate:
    xor %edx, %edx
    mov $0xC0010130, %ecx
    wrmsr
    .byte 0xF3, 0x0F, 0x01, 0xD9 /* VMGEXIT */
    hlt
.macro FINISH set, reason
    mov $(0x100 | (\set << 12) | (\reason << 16)), %eax
    jmp terminate
.endm

/* rax: GHCB MSR request; rax: reply */
msr_call:
    mov %rax, %rdx
    shr $32, %rdx
    mov $0xC0010130, %ecx
    wrmsr
    .byte 0xF3, 0x0F, 0x01, 0xD9 /* VMGEXIT */
    rdmsr
    shl $32, %rdx
    or %rdx, %rax
    ret

/* CPUID is answered by the MSR protocol, EAX only; anything else ends the guest */
vc:
    pop %r15
    cmp $0x72, %r15d
    jne 1f
    push %rcx
    push %rdx
    shl $32, %rax
    or $4, %rax
    call msr_call
    shr $32, %rax
    pop %rdx
    pop %rcx
    addq $2, (%rsp)
    iretq
1:  movzbl %r15b, %eax
    shl $16, %eax
    or $0x1100, %eax
    jmp terminate

/* rdi: page; esi: 1 private, 2 shared. Error in rax. */
psc:
    mov %rsi, %rax
    shl $52, %rax
    or %rdi, %rax
    or $0x14, %rax
    call msr_call
    shr $32, %rax
    ret

/* rdi: page; esi: size; edx: validate. eax: status, r14b: carry */
pvalidate:
    mov %rdi, %rax
    mov %esi, %ecx
    .byte 0xF2, 0x0F, 0x01, 0xFF
    setc %r14b
    ret
.macro PVALIDATE page, size, validate
    mov $\page, %edi
    mov $\size, %esi
    mov $\validate, %edx
    call pvalidate
.endm
.macro PSC page, op
    mov $\page, %edi
    mov $\op, %esi
    call psc
.endm

.macro PROGRAM name
    .globl program_\name
program_\name:
.endm

PROGRAM ok
    FINISH 2, 0

PROGRAM convert
    PSC 0x200000, 1
    test %eax, %eax
    jnz 9f
    PVALIDATE 0x200000, 0, 1
    test %eax, %eax
    jnz 9f
    test %r14b, %r14b
    jnz 9f
    movq $0x1234, 0x200008
    cmpq $0x1234, 0x200008
    jne 9f
    PVALIDATE 0x200000, 0, 0
    PSC 0x200000, 2
    test %eax, %eax
    jnz 9f
    FINISH 2, 0
9:  FINISH 2, 1

PROGRAM carry /* stops as it should at CF=1 */
    PVALIDATE 0x200000, 0, 1
    PVALIDATE 0x200000, 0, 1
    test %r14b, %r14b
    jnz 1f
    FINISH 2, 0
1:  FINISH 2, 2

PROGRAM careless /* goes on after CF=1 */
    PVALIDATE 0x200000, 0, 1
    PVALIDATE 0x200000, 0, 1
    PSC 0x201000, 1
    FINISH 2, 0

PROGRAM touch /* without PVALIDATE */
    PSC 0x200000, 1
    mov 0x200000, %rax
    FINISH 2, 0

PROGRAM keep /* makes a validated page shared without rescinding */
    PVALIDATE 0x200000, 0, 1
    PSC 0x200000, 2
    FINISH 2, 0

PROGRAM large
    PVALIDATE 0x400000, 1, 1
    cmp $6, %eax
    je 1f
    movq $1, 0x5FFFF8
    FINISH 2, 0
1:  FINISH 2, 6

PROGRAM cpuid
    mov $1, %eax
    cpuid
    cmp $0x800F12, %eax
    jne 1f
    FINISH 2, 0
1:  FINISH 2, 1

PROGRAM port
    mov $0x41, %al
    out %al, $0x80
    FINISH 2, 0

PROGRAM fetch_shared
    mov $GHCB, %eax
    jmp *%rax

PROGRAM random
    mov $0, %eax
    rdseed %rax
    jnc 1f
    test %rax, %rax
    jz 1f
    rdrand %ecx
    jnc 1f
    FINISH 2, 0
1:  FINISH 2, 1

PROGRAM info /* the reply of SEV_INFO must name bit 51 */
    mov $2, %eax
    call msr_call
    shr $24, %eax
    cmp $51, %al
    jne 1f
    FINISH 2, 0
1:  FINISH 2, 1

/* ---- GHCB page ---- */
register:
    mov $(GHCB | 0x12), %eax
    jmp msr_call

/* rax: exit code, rdi: info1, rsi: info2; eax: low half of info1 after it */
ghcb_call:
    mov $GHCB, %r8d
    mov %rax, 0x390(%r8)
    mov %rdi, 0x398(%r8)
    mov %rsi, 0x3A0(%r8)
    orb $0x1C, 0x3FE(%r8)
    movw $2, 0xFFA(%r8)
    mov $GHCB, %eax
    xor %edx, %edx
    mov $0xC0010130, %ecx
    wrmsr
    .byte 0xF3, 0x0F, 0x01, 0xD9 /* VMGEXIT */
    mov $GHCB, %r8d
    mov 0x398(%r8), %eax
    ret

PROGRAM ghcb
    call register
    mov $0x8000FFFD, %eax
    xor %edi, %edi
    xor %esi, %esi
    call ghcb_call
    test %eax, %eax
    jnz 9f
    testb $2, 0x3A0(%r8)
    jz 9f
    movq $0x41, 0x1F8(%r8)
    orb $0x80, 0x3F7(%r8)
    mov $0x7B, %eax
    mov $0x800010, %edi /* OUT of a byte to port 80 */
    call ghcb_call
    test %eax, %eax
    jnz 9f
    mov $0x7B, %eax
    mov $0x810011, %edi /* IN of a byte from port 81 */
    call ghcb_call
    cmpb $0x5A, 0x1F8(%r8)
    jne 9f
    FINISH 2, 0
9:  FINISH 2, 1

PROGRAM ghcb_unregistered
    mov $0x8000FFFD, %eax
    call ghcb_call
    cmp $2, %eax
    jne 9f
    FINISH 2, 0
9:  FINISH 2, 1

PROGRAM ghcb_missing /* CPUID without RAX passed */
    call register
    mov $0x72, %eax
    call ghcb_call
    cmp $2, %eax
    jne 9f
    FINISH 2, 0
9:  FINISH 2, 1

PROGRAM psc_page /* two neighbours, one 2 MiB page, one page back */
    call register
    mov $GHCB, %r8d
    movw $0, 0x800(%r8)
    movw $3, 0x802(%r8)
    movl $0, 0x804(%r8)
    mov $0x0010000000200000, %rax
    mov %rax, 0x808(%r8)
    add $0x1000, %rax
    mov %rax, 0x810(%r8)
    mov $0x0110000000400000, %rax
    mov %rax, 0x818(%r8)
    mov $0x0020000000600000, %rax
    mov %rax, 0x820(%r8)
    movq $(GHCB + 0x800), 0x3A8(%r8)
    orb $0x20, 0x3FE(%r8)
    mov $0x80000010, %eax
    xor %edi, %edi
    xor %esi, %esi
    call ghcb_call
    mov 0x3A0(%r8), %rax
    test %rax, %rax
    jnz 9f
    cmpw $4, 0x800(%r8)
    jne 9f
    PVALIDATE 0x200000, 0, 1
    PVALIDATE 0x201000, 0, 1
    PVALIDATE 0x400000, 1, 1
    test %eax, %eax
    jnz 9f
    movq $7, 0x201FF8
    FINISH 2, 0
9:  FINISH 2, 1

/* A second processor: its VMSA was launched at 12000 as a normal page */
.macro CREATE
    call register
    movq $1, 0x8001F8
    orb $0x80, 0x8003F7
    mov $0x80000013, %eax
    mov $1, %edi
    shl $32, %rdi
    or $1, %rdi
    mov $0x12000, %esi
    call ghcb_call
.endm
PROGRAM ap
    mov $0x12000, %eax
    xor %ecx, %ecx
    mov $0x10001, %edx
    .byte 0xF3, 0x0F, 0x01, 0xFE /* RMPADJUST */
    test %eax, %eax
    jnz 9f
    CREATE
    test %eax, %eax
    jnz 9f
    mov $6, %eax /* holds: the other ends the guest */
    call msr_call
9:  FINISH 2, 1

PROGRAM ap_unmarked
    CREATE
    cmp $2, %eax
    jne 9f
    FINISH 2, 0
9:  FINISH 2, 1

PROGRAM ap_side
    FINISH 2, 7

PROGRAM report
    call register
    mov $0x80000011, %eax
    mov $0x801000, %edi
    mov $0x802000, %esi
    call ghcb_call
    mov 0x3A0(%r8), %rax
    test %rax, %rax
    jnz 9f
    FINISH 2, 0
9:  FINISH 2, 1

PROGRAM twice /* reads one shared word twice, as nobody should */
    mov 0x803000, %eax
    mov 0x803000, %edx
    cmp %eax, %edx
    jne 9f
    FINISH 2, 0
9:  FINISH 2, 3

PROGRAM ap_spin /* the first waits in memory for what the second writes */
    mov $0x12000, %eax
    xor %ecx, %ecx
    mov $0x10001, %edx
    .byte 0xF3, 0x0F, 0x01, 0xFE
    CREATE
1:  cmpl $0x77, 0x9800
    jne 1b
    FINISH 2, 8

PROGRAM ap_writes
    movl $0x77, 0x9800
1:  jmp 1b

PROGRAM certs /* an extended request with two pages for certificates at 804000 */
    call register
    mov $GHCB, %r8d
    movq $0x804000, 0x1F8(%r8)
    movq $2, 0x318(%r8)
    orb $0x80, 0x3F7(%r8)
    orb $0x08, 0x3FC(%r8)
    mov $0x80000012, %eax
    mov $0x801000, %edi
    mov $0x802000, %esi
    call ghcb_call
    mov 0x3A4(%r8), %eax
    shl $16, %eax
    or $0x2100, %eax
    jmp terminate

PROGRAM validate /* one page, then whatever the status was: 2/N; 2/F for the carry */
    PVALIDATE 0x200000, 0, 1
    test %r14b, %r14b
    jnz 9f
    shl $16, %eax
    or $0x2100, %eax
    jmp terminate
9:  FINISH 2, 15

PROGRAM enter_touching /* one more page of RAM, read in its first and its last byte */
    PVALIDATE 0x40000, 0, 1
    mov 0x40000, %al
    mov 0x40FFF, %al
    jmp program_enter

PROGRAM enter_lazy /* read in its first byte only */
    PVALIDATE 0x40000, 0, 1
    mov 0x40000, %al
    jmp program_enter

PROGRAM call /* one MSR request, found at 806000; the reason is the reply's low byte */
    mov 0x806000, %rax
    call msr_call
    movzbl %al, %eax
    shl $16, %eax
    or $0x2100, %eax
    jmp terminate

PROGRAM page_call /* one event, as it lies in the GHCB; the reason is info1 * 16 + info2 */
    call register
    mov $GHCB, %eax
    xor %edx, %edx
    mov $0xC0010130, %ecx
    wrmsr
    .byte 0xF3, 0x0F, 0x01, 0xD9
    mov $GHCB, %r8d
    mov 0x398(%r8), %eax
    shl $4, %eax
    mov 0x3A0(%r8), %edx
    and $15, %edx
    or %edx, %eax
    movzbl %al, %eax
    shl $16, %eax
    or $0x2100, %eax
    jmp terminate

PROGRAM table_cbit /* a page-table entry without C */
    movl $0, 0x9004
    mov %cr3, %rax
    mov %rax, %cr3
    push %rax
    FINISH 2, 0

PROGRAM table_shared /* a page table that is no private memory */
    movl $0x300003, 0x9008
    movl $C_HIGH, 0x900C
    mov 0x40000000, %eax
    FINISH 2, 0

PROGRAM rmp_shared /* PVALIDATE through a mapping without C */
    PVALIDATE GHCB, 0, 1
    FINISH 2, 0

PROGRAM rmpadjust /* of a page that is not validated */
    PSC 0x200000, 1
    mov $0x200000, %eax
    xor %ecx, %ecx
    mov $0x10001, %edx
    .byte 0xF3, 0x0F, 0x01, 0xFE
    shl $16, %eax
    or $0x2100, %eax
    jmp terminate

PROGRAM rmpadjust_self /* VMPL0 on itself */
    mov $0x12000, %eax
    xor %ecx, %ecx
    mov $0x10000, %edx
    .byte 0xF3, 0x0F, 0x01, 0xFE
    shl $16, %eax
    or $0x2100, %eax
    jmp terminate

PROGRAM far_window /* 32 MiB: mapped as shared, read and written */
    movl $0x2000083, 0xA080
    movl $0, 0xA084
    mov %cr3, %rax
    mov %rax, %cr3
    cmpl $0x11223344, 0x2000000
    jne 9f
    movl $0x11, 0x2000008
    FINISH 2, 0
9:  FINISH 2, 1

PROGRAM no_memory
    mov 0x20000000, %eax
    FINISH 2, 0

PROGRAM enter_cs
    mov $0x20000, %esi
    mov $0x100200, %eax
    pushq $0x20
    push %rax
    lretq

PROGRAM enter_gdt
    lgdt gdtr_short(%rip)
    mov $0x20000, %esi
    mov $0x100200, %eax
    jmp *%rax

PROGRAM enter_cpuid
    movl $0, 0x7000
    movl $1, 0x7FF0
    jmp program_enter

PROGRAM sweep /* 2 MiB of RAM page by page, each touched; then written at one go */
    mov $0x600000, %edi
1:  mov %rdi, %rax
    xor %ecx, %ecx
    mov $1, %edx
    .byte 0xF2, 0x0F, 0x01, 0xFF
    jc 9f
    mov (%rdi), %al
    mov 0xFFF(%rdi), %al
    add $0x1000, %rdi
    cmp $0x800000, %rdi
    jne 1b
    mov $0x600000, %edi
    mov $0x40000, %ecx
    mov $0x5555, %eax
    rep stosq
    cmpq $0x5555, 0x7FFFF8
    jne 9f
    FINISH 2, 0
9:  FINISH 2, 1

PROGRAM across /* accesses that begin in one TLB entry and end in another */
    PVALIDATE 0x200000, 0, 1
    PVALIDATE 0x201000, 0, 1
    PVALIDATE 0x202000, 0, 1
    PVALIDATE 0x203000, 0, 1
    PVALIDATE 0x204000, 0, 1
    mov $0x1122334455667788, %rax
    mov %rax, 0x200FFC
    mov %rax, 0x203FFC
    mov %cr3, %rbx
    mov %rbx, %cr3
    cmp 0x203FFC, %rax
    jne 9f
    mov $0x200001, %edi
    mov $0x4F00, %ecx
    mov $0xAB, %al
    rep stosb
    cmpb $0xAB, 0x204F00
    jne 9f
    mov $0x200800, %esi
    mov $0x201800, %edi
    mov $0x3000, %ecx
    std
    lea 0x2FFF(%rsi), %rsi
    lea 0x2FFF(%rdi), %rdi
    rep movsb
    cld
    FINISH 2, 0
9:  FINISH 2, 1

    .code32
    .balign 8
idt32:
    .fill 29, 8, 0
    .word vc32 - rom, 0x08, 0x8E00, 0xFFFF
idtr32:
    .word 30 * 8 - 1
    .long AT(idt32)
vc32: /* CPUID with EAX only, as above */
    cmpl $0x72, (%esp)
    jne 1f
    push %ecx
    push %edx
    mov %eax, %edx
    mov $4, %eax
    mov $0xC0010130, %ecx
    wrmsr
    .byte 0xF3, 0x0F, 0x01, 0xD9
    rdmsr
    mov %edx, %eax
    pop %edx
    pop %ecx
    add $4, %esp
    addl $2, (%esp)
    iret
1:  hlt
PROGRAM side_vc /* a second processor that asks CPUID in 32-bit mode */
    lidtl %cs:AT(idtr32)
    mov $0x18, %eax
    mov %ax, %ds
    mov %ax, %ss
    mov $0xF800, %esp
    mov $1, %eax
    cpuid
    xor %edx, %edx
    cmp $0x800F12, %eax
    mov $0x92100, %eax
    je 1f
    mov $0x12100, %eax
1:  mov $0xC0010130, %ecx
    wrmsr
    .byte 0xF3, 0x0F, 0x01, 0xD9
    hlt

PROGRAM side_32 /* a second processor that switches paging on where nothing is mapped */
    mov $0xC000, %eax
    mov %eax, %cr3
    mov $0x20, %eax
    mov %eax, %cr4
    mov $0xC0000080, %ecx
    mov $0x1100, %eax
    xor %edx, %edx
    wrmsr
    mov $0x80000011, %eax
    mov %eax, %cr0
    ljmp $0x10, $AT(start64)
    .code64

PROGRAM count /* 30 million instructions */
    mov $10000000, %ecx
1:  add %rcx, %rax
    dec %ecx
    jnz 1b
    FINISH 2, 0

PROGRAM enter
    mov $0x20000, %esi
    mov $0x100200, %eax
    pushq $0x10
    push %rax
    lretq

PROGRAM enter_interruptible
    sti
    jmp program_enter

    .code16
start16:
    cli
    lgdtl %cs:(gdtr - rom)
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $0x08, $AT(start32)
    .org 0xFFF0
    .byte 0xE9 /* a near jump around the end of the segment */
    .word start16 - rom + 0x10000 - 0xFFF3
    .org 0x10000
rom_end:
    .section .note.GNU-stack, "", @progbits
