/* SPDX-License-Identifier: Apache-2.0
 * test_kvm_ioctl.c - the lab's /dev/kvm is a real one: a VM of one page of real-mode code adds two
 * numbers, writes the sum to a port and to memory, and halts. Trust: nothing hostile here. Threads:
 * one. Memory: two pages of guest memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define GUEST_SIZE 0x3000u
#define CODE_GPA 0x1000u
#define DATA_GPA 0x2000u
#define OUT_PORT 0x3F8u
#define SUM 42u

static const uint8_t code[] = {
    0xBA, 0xF8, 0x03, /* mov $0x3f8, %dx */
    0x01, 0xD8,       /* add %bx, %ax */
    0xEE,             /* out %al, (%dx) */
    0xA3, 0x00, 0x20, /* mov %ax, 0x2000 */
    0xF4,             /* hlt */
};

static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "test_kvm_ioctl: %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static uint8_t *add_memory(int vm)
{
    uint8_t *mem =
        mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(mem != MAP_FAILED, "mmap guest memory");
    memcpy(mem + CODE_GPA, code, sizeof(code));
    struct kvm_userspace_memory_region region = {.memory_size = GUEST_SIZE,
                                                 .userspace_addr = (uintptr_t)mem};
    check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) == 0, "KVM_SET_USER_MEMORY_REGION");
    return mem;
}

static void set_registers(int vcpu)
{
    struct kvm_sregs sregs;
    check(ioctl(vcpu, KVM_GET_SREGS, &sregs) == 0, "KVM_GET_SREGS");
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    check(ioctl(vcpu, KVM_SET_SREGS, &sregs) == 0, "KVM_SET_SREGS");
    struct kvm_regs regs = {.rip = CODE_GPA, .rax = 5, .rbx = SUM - 5, .rflags = 2};
    check(ioctl(vcpu, KVM_SET_REGS, &regs) == 0, "KVM_SET_REGS");
}

/* Runs to the HLT; returns how often the guest wrote the sum to the port. */
static unsigned run(int vcpu, const struct kvm_run *shared)
{
    for (unsigned writes = 0;;) {
        check(ioctl(vcpu, KVM_RUN, 0) == 0, "KVM_RUN");
        switch (shared->exit_reason) {
        case KVM_EXIT_IO:
            check(shared->io.direction == KVM_EXIT_IO_OUT && shared->io.port == OUT_PORT &&
                      shared->io.size == 1 &&
                      ((const uint8_t *)shared)[shared->io.data_offset] == SUM,
                  "the port write");
            writes++;
            break;
        case KVM_EXIT_HLT:
            return writes;
        default:
            fprintf(stderr, "test_kvm_ioctl: exit reason: expected IO or HLT, got %u\n",
                    shared->exit_reason);
            exit(1);
        }
    }
}

int main(void)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    check(kvm >= 0, "open /dev/kvm");
    check(ioctl(kvm, KVM_GET_API_VERSION, 0) == 12, "KVM_GET_API_VERSION is 12");
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    check(vm >= 0, "KVM_CREATE_VM");
    const uint8_t *mem = add_memory(vm);
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    check(vcpu >= 0, "KVM_CREATE_VCPU");
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    check(size >= (int)sizeof(struct kvm_run), "KVM_GET_VCPU_MMAP_SIZE");
    const struct kvm_run *shared =
        mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    check(shared != MAP_FAILED, "mmap vcpu");
    set_registers(vcpu);
    check(run(vcpu, shared) == 1, "one port write");
    check(mem[DATA_GPA] == SUM && mem[DATA_GPA + 1] == 0, "the sum in guest memory");
    printf("KVM: API 12, guest code ran, sum %u\n", mem[DATA_GPA]);
    return 0;
}
