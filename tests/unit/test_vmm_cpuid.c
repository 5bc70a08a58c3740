/* SPDX-License-Identifier: Apache-2.0
 * test_vmm_cpuid.c - what a guest sees of the CPU; how the payload window is laid out; how a VM's
 * end is told.
 */
#include "check_main.h"
#include "cpuid.h"
#include "payload.h"
#include "stage0_abi.h"
#include "status.h"

#include "base/encode.h"
#include "base/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct tee_cpuid table;

static struct kvm_cpuid_entry2 *leaf(uint32_t function, uint32_t index)
{
    for (uint32_t i = 0; i < table.head.nent; i++) {
        if (table.entry[i].function == function && table.entry[i].index == index) {
            return &table.entry[i];
        }
    }
    return NULL;
}

static void add(uint32_t function, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
    table.entry[table.head.nent++] = (struct kvm_cpuid_entry2){
        .function = function, .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx};
}

static void setup(void)
{
    memset(&table, 0, sizeof(table));
    add(0, 0x1f, 0, 0, 0);
    add(1, 0xa00f11, 0x12345678, UINT32_MAX, UINT32_MAX);
    add(0x0b, 7, 7, 7, 7);
    add(0x1f, 7, 7, 7, 7);
    add(0x21, 7, 7, 7, 7);
    add(0x40000001, UINT32_MAX, 0, 0, UINT32_MAX);
    add(0x80000001, 0, 0, UINT32_MAX, 0);
    add(0x80000008, 0x3030, 0, 0xffff, 0);
    add(0x8000000a, 7, 7, 7, 7);
    add(0x8000001e, 7, 7, 7, 7);
    add(0x8000001f, 7, 7, 7, 7);
}

START_TEST(test_topology_of_one_of_three)
{
    ck_assert_int_eq(vmm_cpuid_apply(&table, 2, 3, true, TEE_GUEST_PLAIN, NULL), CL_OK);
    ck_assert_uint_eq(leaf(1, 0)->ebx, 0x02035678);
    ck_assert_uint_eq(leaf(0x0b, 0)->eax, 0);
    ck_assert_uint_eq(leaf(0x0b, 0)->ebx, 1);
    ck_assert_uint_eq(leaf(0x0b, 0)->ecx, 0x100);
    ck_assert_uint_eq(leaf(0x0b, 1)->eax, 2);
    ck_assert_uint_eq(leaf(0x0b, 1)->ebx, 3);
    ck_assert_uint_eq(leaf(0x0b, 1)->ecx, 0x201);
    ck_assert_uint_eq(leaf(0x0b, 1)->edx, 2);
    ck_assert_uint_eq(leaf(0x80000008, 0)->ecx, 0x2f02);
    ck_assert_uint_eq(leaf(0x8000001e, 0)->eax, 2);
}
END_TEST

START_TEST(test_no_avx_without_xsave)
{
    add(7, 0, UINT32_MAX, UINT32_MAX, 0);
    ck_assert_int_eq(vmm_cpuid_apply(&table, 0, 1, true, TEE_GUEST_PLAIN, NULL), CL_OK);
    ck_assert_uint_ne(leaf(1, 0)->ecx & 1u << 28, 0);
    ck_assert_uint_ne(leaf(7, 0)->ebx & 1u << 5, 0);
    setup();
    add(7, 0, UINT32_MAX, UINT32_MAX, 0);
    leaf(1, 0)->ecx &= ~(1u << 26);
    ck_assert_int_eq(vmm_cpuid_apply(&table, 0, 1, true, TEE_GUEST_PLAIN, NULL), CL_OK);
    ck_assert_uint_eq(leaf(1, 0)->ecx & (1u << 12 | 1u << 28 | 1u << 29), 0);
    ck_assert_uint_ne(leaf(1, 0)->ecx & 1u << 25, 0); /* AES-NI needs no XSAVE */
    ck_assert_uint_eq(leaf(7, 0)->ebx & (1u << 5 | 1u << 16), 0);
    ck_assert_uint_ne(leaf(7, 0)->ebx & 1u << 29, 0); /* nor do SHA extensions */
    ck_assert_uint_eq(leaf(7, 0)->ecx & (1u << 9 | 1u << 10), 0);
    ck_assert_uint_eq(leaf(0x80000001, 0)->ecx & (1u << 11 | 1u << 16), 0);
}
END_TEST

START_TEST(test_nothing_nested_and_no_other_tee)
{
    static const uint32_t gone[] = {0x1f, 0x21, 0x8000000a, 0x8000001f};
    ck_assert_int_eq(vmm_cpuid_apply(&table, 0, 1, true, TEE_GUEST_PLAIN, NULL), CL_OK);
    for (size_t i = 0; i < CL_ARRAY_LEN(gone); i++) {
        ck_assert_ptr_null(leaf(gone[i], 0));
    }
    ck_assert_uint_eq(leaf(1, 0)->ecx & 1u << 5, 0);          /* VMX */
    ck_assert_uint_eq(leaf(0x80000001, 0)->ecx & 1u << 2, 0); /* SVM */
    ck_assert_uint_eq(leaf(1, 0)->ecx >> 30, 3);              /* RDRAND, hypervisor */
    ck_assert_uint_eq(leaf(1, 0)->edx & 1u << 28, 0);         /* one CPU: no HTT */
    ck_assert_uint_eq(leaf(0x40000001, 0)->eax & 1u << 4, 0); /* asynchronous page faults */
    ck_assert_uint_eq(leaf(0x40000001, 0)->eax & 9, 9);       /* kvm-clock */
}
END_TEST

START_TEST(test_tsc_deadline_follows_kvm)
{
    ck_assert_int_eq(vmm_cpuid_apply(&table, 0, 1, false, TEE_GUEST_PLAIN, NULL), CL_OK);
    ck_assert_uint_eq(leaf(1, 0)->ecx & 1u << 24, 0);
    setup();
    leaf(1, 0)->ecx &= ~(1u << 24);
    ck_assert_int_eq(vmm_cpuid_apply(&table, 0, 1, true, TEE_GUEST_PLAIN, NULL), CL_OK);
    ck_assert_uint_eq(leaf(1, 0)->ecx & 1u << 24, 1u << 24);
}
END_TEST

START_TEST(test_rdrand_and_clock_are_required)
{
    struct cl_err err = {0};
    leaf(1, 0)->ecx &= ~(1u << 30);
    ck_assert_int_eq(vmm_cpuid_apply(&table, 0, 1, true, TEE_GUEST_PLAIN, &err), CL_ERR_SYS);
    ck_assert_str_eq(err.msg, "CPU: expected RDRAND, got a CPU without");
    setup();
    leaf(0x40000001, 0)->eax = ~9u;
    ck_assert_int_eq(vmm_cpuid_apply(&table, 0, 1, true, TEE_GUEST_PLAIN, &err), CL_ERR_SYS);
    ck_assert_str_eq(err.msg, "KVM: expected kvm-clock, got none");
}
END_TEST

/* And shares no pages with KVM for it, or for anything else. */
START_TEST(test_a_td_has_a_clock_of_its_own)
{
    ck_assert_int_eq(vmm_cpuid_apply(&table, 0, 1, true, TEE_GUEST_TD, NULL), CL_OK);
    ck_assert_uint_eq(leaf(0x40000001, 0)->eax, 1u << 1 | 1u << 7 | 1u << 11);
    ck_assert_ptr_null(leaf(0x8000001f, 0));
    setup();
    leaf(0x40000001, 0)->eax = 0;
    ck_assert_int_eq(vmm_cpuid_apply(&table, 0, 1, true, TEE_GUEST_TD, NULL), CL_OK);
}
END_TEST

static int file_of(const char *text, size_t size)
{
    int fd = memfd_create("payload", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
    ck_assert_int_eq(pwrite(fd, text, strlen(text), 0), (ssize_t)strlen(text));
    return fd;
}

static uint64_t field(const struct vmm_payload *p, size_t offset)
{
    uint64_t x = 0;
    memcpy(&x, p->map + offset, sizeof(x));
    return x;
}

START_TEST(test_payload_window)
{
    struct vmm_payload p;
    char hex[65];
    struct vmm_payload_source src = {.kernel_fd = file_of("kernel", 5000),
                                     .initrd_fd = file_of("initrd", 4096),
                                     .cmdline = "console=ttyS0",
                                     .cpu_count = 3,
                                     .ram_size = 256u << 20};
    ck_assert_int_eq(vmm_payload_init(&p, &src, NULL), CL_OK);
    ck_assert_uint_eq(p.size, 5 * 4096);
    ck_assert_str_eq((const char *)p.map, STAGE0_DESC_MAGIC);
    ck_assert_uint_eq(field(&p, 8), 1 | 3ull << 32);
    ck_assert_uint_eq(field(&p, STAGE0_DESC_OFF_RAM_SIZE), 256u << 20);
    ck_assert_uint_eq(field(&p, STAGE0_DESC_OFF_KERNEL_GPA), 0x80002000);
    ck_assert_uint_eq(field(&p, STAGE0_DESC_OFF_KERNEL_SIZE), 5000);
    ck_assert_uint_eq(field(&p, STAGE0_DESC_OFF_INITRD_GPA), 0x80004000);
    ck_assert_uint_eq(field(&p, STAGE0_DESC_OFF_INITRD_SIZE), 4096);
    ck_assert_uint_eq(field(&p, STAGE0_DESC_OFF_CMDLINE_GPA), 0x80001000);
    ck_assert_uint_eq(field(&p, STAGE0_DESC_OFF_CMDLINE_SIZE), 14);
    ck_assert_str_eq((const char *)p.map + 0x1000, "console=ttyS0");
    ck_assert_mem_eq(p.map + 0x2000, "kernel", 7);
    ck_assert_mem_eq(p.map + 0x4000, "initrd", 7);
    uint8_t want[32];
    ck_assert_int_eq(cl_sha256(want, "console=ttyS0", 14, NULL), CL_OK); /* with its NUL */
    ck_assert_mem_eq(p.hashes.cmdline, want, 32);
    vmm_payload_done(&p);
    vmm_payload_done(&p);
    src.initrd_fd = -1;
    ck_assert_int_eq(vmm_payload_init(&p, &src, NULL), CL_OK);
    ck_assert_uint_eq(field(&p, STAGE0_DESC_OFF_INITRD_GPA), 0);
    cl_hex(hex, p.hashes.initrd, 32);
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    vmm_payload_done(&p);
    uint8_t known[32] = {1, 2, 3};
    src.kernel_digest = known; /* believed: the firmware will see */
    ck_assert_int_eq(vmm_payload_init(&p, &src, NULL), CL_OK);
    ck_assert_mem_eq(p.hashes.kernel, known, 32);
    vmm_payload_done(&p);
}
END_TEST

START_TEST(test_payload_limits)
{
    struct vmm_payload p;
    struct cl_err err = {0};
    char cmdline[STAGE0_CMDLINE_SIZE_MAX + 1];
    struct vmm_payload_source src = {
        .kernel_fd = file_of("", 0), .initrd_fd = -1, .cmdline = "", .cpu_count = 1};
    ck_assert_int_eq(vmm_payload_init(&p, &src, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "kernel: size: expected 1..67108864 bytes, got 0");
    src.kernel_fd = file_of("", STAGE0_KERNEL_SIZE_MAX + 1);
    ck_assert_int_eq(vmm_payload_init(&p, &src, &err), CL_ERR_MALFORMED);
    src.kernel_fd = file_of("k", 1);
    src.initrd_fd = file_of("", STAGE0_INITRD_SIZE_MAX + 1);
    ck_assert_int_eq(vmm_payload_init(&p, &src, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "initrd: size: expected 0..268435456 bytes, got 268435457");
    src.initrd_fd = -1;
    memset(cmdline, 'a', sizeof(cmdline));
    cmdline[STAGE0_CMDLINE_SIZE_MAX] = '\0';
    src.cmdline = cmdline;
    ck_assert_int_eq(vmm_payload_init(&p, &src, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "command line: expected at most 2047 bytes, got 2048");
    cmdline[STAGE0_CMDLINE_SIZE_MAX - 1] = '\0';
    ck_assert_int_eq(vmm_payload_init(&p, &src, &err), CL_OK);
    vmm_payload_done(&p);
    src.kernel_fd = open("/dev", O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(vmm_payload_init(&p, &src, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "kernel: expected a regular file, got something else");
}
END_TEST

static const struct {
    enum vmm_end end;
    int exit_status;
    const char *line;
} told[] = {
    {VMM_END_POWEROFF, 0,
     "{\"event\":\"end\",\"status\":\"poweroff\",\"code\":7,\"reason\":\"why\"}\n"},
    {VMM_END_RESET, 10, "{\"event\":\"end\",\"status\":\"reset\",\"code\":7,\"reason\":\"why\"}\n"},
    {VMM_END_PANIC, 11, "{\"event\":\"end\",\"status\":\"panic\",\"code\":7,\"reason\":\"why\"}\n"},
    {VMM_END_REFUSED, 12,
     "{\"event\":\"end\",\"status\":\"refused\",\"code\":7,\"reason\":\"why\"}\n"},
    {VMM_END_TRIPLE_FAULT, 13,
     "{\"event\":\"end\",\"status\":\"triple-fault\",\"code\":7,\"reason\":\"why\"}\n"},
    {VMM_END_STOPPED, 14,
     "{\"event\":\"end\",\"status\":\"stopped\",\"code\":7,\"reason\":\"why\"}\n"},
};

START_TEST(test_first_end_is_told)
{
    int fd[2];
    char line[512] = {0};
    struct vmm_status s;
    ck_assert_int_eq(pipe(fd), 0);
    ck_assert_int_eq(vmm_status_init(&s, fd[1], NULL), CL_OK);
    ck_assert(!vmm_status_ended(&s));
    vmm_status_end(&s, told[_i].end, 7, "why");
    vmm_status_end(&s, VMM_END_RESET, 1, "later");
    ck_assert(vmm_status_ended(&s));
    ck_assert_int_eq(vmm_status_report(&s), told[_i].exit_status);
    ck_assert_int_gt(read(fd[0], line, sizeof(line) - 1), 0);
    ck_assert_str_eq(line, told[_i].line);
    vmm_status_done(&s);
}
END_TEST

START_TEST(test_errors_are_told_as_json)
{
    int fd[2];
    char line[512] = {0};
    struct vmm_status s;
    struct cl_err err = {0};
    ck_assert_int_eq(pipe(fd), 0);
    ck_assert_int_eq(vmm_status_init(&s, fd[1], NULL), CL_OK);
    (void)cl_err_set(&err, CL_ERR_MALFORMED, "file 'a\"b\\c'");
    vmm_status_fail(&s, &err);
    ck_assert_int_eq(vmm_status_report(&s), 4);
    ck_assert_int_gt(read(fd[0], line, sizeof(line) - 1), 0);
    ck_assert_str_eq(line, "{\"event\":\"end\",\"status\":\"error\",\"code\":0,\"reason\":\"file "
                           "'a\\\"b\\\\c'\"}\n");
    vmm_status_done(&s);
    ck_assert_int_eq(vmm_status_init(&s, -1, NULL), CL_OK); /* nobody listens: still works */
    (void)cl_err_set(&err, CL_ERR_REJECTED, "no");
    vmm_status_mark(&s, "vmm.start", 1);
    vmm_status_fail(&s, &err);
    ck_assert_int_eq(vmm_status_report(&s), 5);
    vmm_status_done(&s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("vmm cpuid, payload, status");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, test_topology_of_one_of_three);
    tcase_add_test(c, test_no_avx_without_xsave);
    tcase_add_test(c, test_nothing_nested_and_no_other_tee);
    tcase_add_test(c, test_tsc_deadline_follows_kvm);
    tcase_add_test(c, test_rdrand_and_clock_are_required);
    tcase_add_test(c, test_a_td_has_a_clock_of_its_own);
    tcase_add_test(c, test_payload_window);
    tcase_add_test(c, test_payload_limits);
    tcase_add_loop_test(c, test_first_end_is_told, 0, (int)CL_ARRAY_LEN(told));
    tcase_add_test(c, test_errors_are_told_as_json);
    suite_add_tcase(s, c);
    return run_suite(s);
}
