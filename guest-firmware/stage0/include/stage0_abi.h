/* SPDX-License-Identifier: Apache-2.0
 * stage0_abi.h - the contract between the VMM and stage0 (docs/interfaces.md, I-1): addresses, the
 * payload descriptor, ports, reason codes. For C and for assembly: plain numbers, no suffixes.
 * Trust: stage0 believes nothing that lies behind these addresses until it has copied and checked
 * it; the VMM believes no value that arrives at the ports.
 *
 * Guest physical memory
 *
 *   0x0000_0000  page 0, never mapped by stage0
 *   0x0000_1000  stage0: page tables, guard page, stack, state; wiped before Linux runs
 *   0x0001_0000  kernel-hash page (measured), table at +0xC00
 *   0x0001_1000  SNP secrets page; TDX: mailbox that wakes the other CPUs
 *   0x0001_2000  SNP CPUID page; TDX: event log
 *   0x0001_3000  TD hand-off block list, two pages (TDX)
 *   0x0002_0000  zero page (boot_params)            \
 *   0x0002_1000  command line                        |
 *   0x0002_2000  setup_data (random seed)            |  handed to Linux
 *   0x0002_3000  page tables: PML4, PDPT, 3 PDs      |
 *   0x0002_8000  ACPI tables, 32 KiB                /
 *   0x0003_0000  free below 0xA0000
 *   0x0100_0000  protected-mode part of the kernel; its setup part ends here
 *        ...     initrd, ending at min(ram, 2 GiB)
 *   0x8000_0000  payload window: descriptor page, then kernel, initrd, command line
 *   0xD000_0000  11 virtio-mmio pages, then pvpanic at 0xD001_0000
 *   0xFEC0_0000  I/O APIC;  0xFEE0_0000  local APICs
 *   0xFFFF_0000  this ROM, 64 KiB
 *   0x1_0000_0000  RAM beyond the first 2 GiB
 */
#ifndef STAGE0_ABI_H
#define STAGE0_ABI_H

/* I-1.1: guest physical memory */
#define STAGE0_PAGE_SIZE 0x1000

#define STAGE0_OWN_GPA 0x1000 /* stage0's private low memory ... */
#define STAGE0_OWN_END 0x10000
#define STAGE0_PML4_GPA 0x1000
#define STAGE0_PDPT_GPA 0x2000
#define STAGE0_PD_GPA 0x3000 /* four pages: 4 GiB */
#define STAGE0_PT_LOW_GPA 0x7000
#define STAGE0_PT_ROM_GPA 0x8000
#define STAGE0_GUARD_GPA 0x9000 /* never mapped: below the stack */
#define STAGE0_STACK_GPA 0xA000
#define STAGE0_STACK_END 0xC000
#define STAGE0_IDT_GPA 0xC000
#define STAGE0_STATE_GPA 0xD000 /* struct s0_state */
#define STAGE0_STATE_END 0xF000
#define STAGE0_TEE_GPA 0xEFFC  /* the last word of it: enum s0_tee, for entry.S */
#define STAGE0_GHCB_GPA 0xF000 /* SNP: shared with the hypervisor until just before the jump */
#define STAGE0_TDX_GPA 0xF000  /* TDX: struct s0_tdx */

#define STAGE0_HASH_PAGE_GPA 0x10000
#define STAGE0_HASH_TABLE_OFFSET 0xC00
#define STAGE0_HASH_TABLE_GPA 0x10C00
#define STAGE0_HASH_TABLE_SIZE 0x400 /* the area; the table itself has 176 bytes */
#define STAGE0_SECRETS_GPA 0x11000
#define STAGE0_CPUID_GPA 0x12000
#define STAGE0_MAILBOX_GPA 0x11000 /* TDX: ACPI multiprocessor wake-up */
#define STAGE0_EVENT_LOG_GPA 0x12000
#define STAGE0_EVENT_LOG_SIZE 0x1000
#define STAGE0_TD_HOB_GPA 0x13000
#define STAGE0_TD_HOB_SIZE 0x2000
/* TDX: a word that the launch measures as zero, because the hash page is empty here; stage0 sets it
 * once the mailbox is the TD's. */
#define STAGE0_READY_GPA STAGE0_HASH_PAGE_GPA

#define STAGE0_LINUX_GPA 0x20000 /* everything handed to Linux below 1 MiB ... */
#define STAGE0_LINUX_END 0x30000
#define STAGE0_ZERO_PAGE_GPA 0x20000
#define STAGE0_CMDLINE_GPA 0x21000
#define STAGE0_SETUP_DATA_GPA 0x22000
#define STAGE0_LINUX_PT_GPA 0x23000 /* PML4, PDPT, PD of GiB 0, 1 and 3 */
#define STAGE0_LINUX_PT_SIZE 0x5000
#define STAGE0_ACPI_GPA 0x28000
#define STAGE0_ACPI_SIZE 0x8000
#define STAGE0_LOW_END 0xA0000 /* RAM that Linux gets below 1 MiB ends here */
#define STAGE0_HIGH_GPA 0x100000

#define STAGE0_KERNEL_GPA 0x1000000
#define STAGE0_LOW_RAM_MAX 0x80000000
#define STAGE0_HIGH_RAM_GPA 0x100000000

#define STAGE0_WINDOW_GPA 0x80000000
#define STAGE0_WINDOW_SIZE 0x20000000
#define STAGE0_WINDOW_END 0xA0000000

#define STAGE0_VIRTIO_GPA 0xD0000000
#define STAGE0_VIRTIO_STRIDE 0x1000
#define STAGE0_VIRTIO_COUNT 15
#define STAGE0_VIRTIO_GSI 5 /* of device 0; edge triggered, active high */
#define STAGE0_VIRTIO_VSOCK 0
#define STAGE0_VIRTIO_BLOCK_FIRST 1
#define STAGE0_VIRTIO_BLOCK_COUNT 8
#define STAGE0_VIRTIO_CONSOLE 9
#define STAGE0_VIRTIO_ENTROPY 10
#define STAGE0_VIRTIO_NET_FIRST 11
#define STAGE0_VIRTIO_NET_COUNT 4
#define STAGE0_PVPANIC_GPA 0xD0010000
#define STAGE0_PVPANIC_SIZE 0x1000
#define STAGE0_PVPANIC_PANICKED 1

#define STAGE0_IOAPIC_GPA 0xFEC00000
#define STAGE0_IOAPIC_PINS 24
#define STAGE0_LAPIC_GPA 0xFEE00000
#define STAGE0_KVM_TSS_GPA 0xFFFBD000
#define STAGE0_ROM_GPA 0xFFFF0000
#define STAGE0_ROM_SIZE 0x10000

#define STAGE0_RAM_MIN 0x8000000
#define STAGE0_RAM_MAX 0x8000000000
#define STAGE0_RAM_UNIT 0x200000
#define STAGE0_CPU_MAX 16

/* SEV-SNP: the bit of page-table entries that means "encrypted", on every product so far. */
#define STAGE0_SNP_BIT 51
#define STAGE0_TERM_SET                                                                            \
    5 /* of GHCB termination requests: the reason is one of I-1.4; TDX: likewise,                  \
         in the upper half of a fatal error's code */

/* I-1.2: payload descriptor, first page of the window */
#define STAGE0_DESC_SIZE 0x1000
#define STAGE0_DESC_MAGIC "CLBOOT1" /* eight bytes with its NUL */
#define STAGE0_DESC_MAGIC_SIZE 8
#define STAGE0_DESC_VERSION 1
#define STAGE0_DESC_OFF_MAGIC 0
#define STAGE0_DESC_OFF_VERSION 8
#define STAGE0_DESC_OFF_CPU_COUNT 12
#define STAGE0_DESC_OFF_RAM_SIZE 16
#define STAGE0_DESC_OFF_KERNEL_GPA 24
#define STAGE0_DESC_OFF_KERNEL_SIZE 32
#define STAGE0_DESC_OFF_INITRD_GPA 40
#define STAGE0_DESC_OFF_INITRD_SIZE 48
#define STAGE0_DESC_OFF_CMDLINE_GPA 56
#define STAGE0_DESC_OFF_CMDLINE_SIZE 64
#define STAGE0_DESC_OFF_ZERO 72 /* zero from here to the end of the page */
#define STAGE0_KERNEL_SIZE_MAX 0x4000000
#define STAGE0_INITRD_SIZE_MAX 0x10000000
#define STAGE0_CMDLINE_SIZE_MAX 2048 /* with its NUL */

/* I-1.3: ports */
#define STAGE0_PORT_REFUSE 0x501  /* 16 bits: a reason code */
#define STAGE0_PORT_PAYLOAD 0x502 /* 8 bits: STAGE0_PAYLOAD_DONE */
#define STAGE0_PORT_MARK 0x503    /* 16 bits: STAGE0_MARK_* */
#define STAGE0_PAYLOAD_DONE 1
#define STAGE0_MARK_ENTERED 1
#define STAGE0_MARK_COPIED 2
#define STAGE0_MARK_VERIFIED 3
#define STAGE0_MARK_JUMP 4
#define STAGE0_PORT_SLEEP_CONTROL 0x600
#define STAGE0_SLEEP_POWER_OFF 0x34 /* SLP_TYP 5, SLP_EN */
#define STAGE0_SLEEP_TYPE_S5 5
#define STAGE0_PORT_SLEEP_STATUS 0x601
#define STAGE0_PORT_RESET 0x604
#define STAGE0_RESET_VALUE 1
#define STAGE0_PORT_I8042 0x64
#define STAGE0_I8042_RESET 0xFE
#define STAGE0_PORT_SERIAL 0x3F8
#define STAGE0_SERIAL_GSI 4

/* I-1.4: why stage0 refuses to boot: X(NAME, code, "words"). Codes never change their meaning and
 * stay below 128. 96 + n is exception n of the CPU.
 */
#define STAGE0_REASONS(X)                                                                          \
    X(NO_LONG_MODE, 1, "the CPU has no 64-bit mode")                                               \
    X(NO_NX, 2, "the CPU cannot mark pages as not executable")                                     \
    X(TEE_SEV, 3, "the CPU reports AMD SEV, which this firmware build does not support")           \
    X(TEE_TDX, 4, "the CPU reports Intel TDX, but did not start as one of a TD does")              \
    X(NO_RANDOM, 5, "the CPU has neither RDSEED nor RDRAND")                                       \
    X(RANDOM_FAILED, 6, "the random number generator of the CPU gives no values")                  \
    X(RANDOM_STUCK, 7, "the random number generator of the CPU repeats one value")                 \
    X(INTERRUPT, 8, "unexpected external interrupt")                                               \
    X(INTERNAL, 9, "the firmware contradicts itself")                                              \
    X(DESC_MAGIC, 16, "payload descriptor: wrong magic")                                           \
    X(DESC_VERSION, 17, "payload descriptor: unknown version")                                     \
    X(DESC_CPU_COUNT, 18, "payload descriptor: CPU count out of bounds")                           \
    X(DESC_RAM_SIZE, 19, "payload descriptor: RAM size out of bounds")                             \
    X(DESC_RAM_UNIT, 20, "payload descriptor: RAM size is not a multiple of 2 MiB")                \
    X(DESC_NOT_ZERO, 21, "payload descriptor: reserved bytes are not zero")                        \
    X(KERNEL_SIZE, 22, "payload descriptor: kernel size out of bounds")                            \
    X(KERNEL_ALIGN, 23, "payload descriptor: kernel is not page aligned")                          \
    X(KERNEL_WINDOW, 24, "payload descriptor: kernel lies outside the window")                     \
    X(INITRD_SIZE, 25, "payload descriptor: initrd size out of bounds")                            \
    X(INITRD_ALIGN, 26, "payload descriptor: initrd is not page aligned")                          \
    X(INITRD_WINDOW, 27, "payload descriptor: initrd lies outside the window")                     \
    X(CMDLINE_SIZE, 28, "payload descriptor: command line size out of bounds")                     \
    X(CMDLINE_ALIGN, 29, "payload descriptor: command line is not page aligned")                   \
    X(CMDLINE_WINDOW, 30, "payload descriptor: command line lies outside the window")              \
    X(BLOBS_OVERLAP, 31, "payload descriptor: kernel, initrd and command line overlap")            \
    X(FW_CFG_NO_KERNEL, 32, "fw_cfg: no kernel; QEMU needs -kernel")                               \
    X(FW_CFG_DIRECTORY, 33, "fw_cfg: the file directory is malformed")                             \
    X(FW_CFG_MEMORY, 34, "fw_cfg: no memory map, or a malformed one")                              \
    X(INITRD_NO_ROOM, 41, "the initrd does not fit into low RAM beside the kernel")                \
    X(HASH_MISSING, 48, "the page of kernel hashes is empty")                                      \
    X(HASH_GUID, 49, "kernel hashes: wrong table GUID")                                            \
    X(HASH_LENGTH, 50, "kernel hashes: wrong table length")                                        \
    X(HASH_ENTRY_GUID, 51, "kernel hashes: unknown entry, or entries out of order")                \
    X(HASH_ENTRY_LENGTH, 52, "kernel hashes: wrong entry length")                                  \
    X(HASH_PADDING, 53, "kernel hashes: padding is not zero")                                      \
    X(CMDLINE_HASH, 54, "the command line does not match its measured hash")                       \
    X(INITRD_HASH, 55, "the initrd does not match its measured hash")                              \
    X(KERNEL_HASH, 56, "the kernel does not match its measured hash")                              \
    X(CMDLINE_NOT_TERMINATED, 60, "the command line does not end in NUL")                          \
    X(CMDLINE_NUL_INSIDE, 61, "the command line has a NUL before its end")                         \
    X(CMDLINE_CHARACTER, 62, "the command line has a character that is not printable ASCII")       \
    X(CMDLINE_TOO_LONG, 63, "the command line is longer than the kernel takes")                    \
    X(TDX_RTMR, 64, "a measurement register of the TD could not be extended")                      \
    X(TDX_CPU_COUNT, 65, "the TD does not have as many CPUs as the payload descriptor says")       \
    X(TDX_ATTRIBUTES, 66, "the TD was made so that missing memory is an exception")                \
    X(KERNEL_TRUNCATED, 70, "kernel: the file ends inside its setup part")                         \
    X(KERNEL_BOOT_FLAG, 71, "kernel: no boot flag 0xAA55")                                         \
    X(KERNEL_MAGIC, 72, "kernel: no HdrS signature")                                               \
    X(KERNEL_VERSION, 73, "kernel: boot protocol older than 2.12")                                 \
    X(KERNEL_HEADER_LENGTH, 74, "kernel: setup header is too short")                               \
    X(KERNEL_NOT_HIGH, 75, "kernel: not a bzImage")                                                \
    X(KERNEL_NO_64BIT, 76, "kernel: no 64-bit entry")                                              \
    X(KERNEL_LOAD_ADDRESS, 77, "kernel: cannot run where stage0 loads it")                         \
    X(KERNEL_INIT_SIZE, 78, "kernel: init_size is smaller than the kernel or exceeds low RAM")     \
    X(KERNEL_INITRD_OVERLAP, 79,                                                                   \
      "the initrd lies in memory that the kernel needs while it starts")                           \
    X(INITRD_TOO_HIGH, 80, "the initrd lies above the kernel's limit")                             \
    X(SNP_STATUS, 81, "SEV-SNP is off, or has a feature on that this firmware does not know")      \
    X(SNP_BIT, 82, "the encryption bit is not where this firmware was built for")                  \
    X(SNP_VERSION, 83, "the hypervisor does not speak version 2 of the GHCB protocol")             \
    X(SNP_HYPERVISOR, 84, "the hypervisor does not support SEV-SNP")                               \
    X(SNP_CPUID, 85, "the CPUID page is malformed")                                                \
    X(SNP_ANSWER, 86, "the hypervisor gave an answer that the GHCB protocol does not know")        \
    X(SNP_GHCB, 87, "the hypervisor does not take the page for the GHCB")                          \
    X(SNP_PAGE_STATE, 88, "the hypervisor did not change the state of a page")                     \
    X(SNP_VALIDATE, 89, "a page could not be validated")                                           \
    X(SNP_VALIDATED, 90, "a page was validated before: somebody plays with memory")                \
    X(TDX_ANSWER, 91, "the TDX module or the VMM gave an answer that this firmware does not know") \
    X(TDX_WIDTH, 92, "guest physical addresses are neither 48 nor 52 bits wide")                   \
    X(TDX_ACCEPT, 93, "a page could not be accepted")                                              \
    X(TDX_ACCEPTED, 94, "a page was accepted before: somebody plays with memory")                  \
    X(TDX_HOB, 95, "the TD hand-off blocks are not those of this RAM size")                        \
    X(EXC_0, 96, "exception 0 in the firmware: divide error")                                      \
    X(EXC_1, 97, "exception 1 in the firmware: debug")                                             \
    X(EXC_2, 98, "exception 2 in the firmware: non-maskable interrupt")                            \
    X(EXC_3, 99, "exception 3 in the firmware: breakpoint")                                        \
    X(EXC_4, 100, "exception 4 in the firmware: overflow")                                         \
    X(EXC_5, 101, "exception 5 in the firmware: bound range")                                      \
    X(EXC_6, 102, "exception 6 in the firmware: invalid opcode")                                   \
    X(EXC_7, 103, "exception 7 in the firmware: device not available")                             \
    X(EXC_8, 104, "exception 8 in the firmware: double fault")                                     \
    X(EXC_9, 105, "exception 9 in the firmware")                                                   \
    X(EXC_10, 106, "exception 10 in the firmware: invalid TSS")                                    \
    X(EXC_11, 107, "exception 11 in the firmware: segment not present")                            \
    X(EXC_12, 108, "exception 12 in the firmware: stack segment")                                  \
    X(EXC_13, 109, "exception 13 in the firmware: general protection")                             \
    X(EXC_14, 110, "exception 14 in the firmware: page fault")                                     \
    X(EXC_15, 111, "exception 15 in the firmware")                                                 \
    X(EXC_16, 112, "exception 16 in the firmware: x87 floating point")                             \
    X(EXC_17, 113, "exception 17 in the firmware: alignment check")                                \
    X(EXC_18, 114, "exception 18 in the firmware: machine check")                                  \
    X(EXC_19, 115, "exception 19 in the firmware: SIMD floating point")                            \
    X(EXC_20, 116, "exception 20 in the firmware: virtualization")                                 \
    X(EXC_21, 117, "exception 21 in the firmware: control protection")                             \
    X(EXC_22, 118, "exception 22 in the firmware")                                                 \
    X(EXC_23, 119, "exception 23 in the firmware")                                                 \
    X(EXC_24, 120, "exception 24 in the firmware")                                                 \
    X(EXC_25, 121, "exception 25 in the firmware")                                                 \
    X(EXC_26, 122, "exception 26 in the firmware")                                                 \
    X(EXC_27, 123, "exception 27 in the firmware")                                                 \
    X(EXC_28, 124, "exception 28 in the firmware: hypervisor injection")                           \
    X(EXC_29, 125, "exception 29 in the firmware: VMM communication")                              \
    X(EXC_30, 126, "exception 30 in the firmware: security")                                       \
    X(EXC_31, 127, "exception 31 in the firmware")
#define STAGE0_REASON_EXCEPTION 96 /* plus the vector */

#ifdef __ASSEMBLER__

/* STAGE0_R_NAME as an assembler symbol: clang-format must not touch the statement separator. */
/* clang-format off */
#define STAGE0_ASM_REASON(name, code, words) .set STAGE0_R_##name, code ;
/* clang-format on */

#else

/* STAGE0_R_NAME; 0 means: go on. */
enum stage0_reason {
    STAGE0_R_OK = 0,
#define STAGE0_ENUM_REASON(name, code, words) STAGE0_R_##name = code,
    STAGE0_REASONS(STAGE0_ENUM_REASON)
#undef STAGE0_ENUM_REASON
};

/* The words of a code as the guest wrote it to port 0x501; NULL when no stage0 says this. */
static inline const char *stage0_reason_words(unsigned code)
{
    switch (code) {
#define STAGE0_CASE_REASON(name, value, words)                                                     \
    case value:                                                                                    \
        return words;
        STAGE0_REASONS(STAGE0_CASE_REASON)
#undef STAGE0_CASE_REASON
    default:
        return 0;
    }
}

#endif /* __ASSEMBLER__ */

#endif
