/* SPDX-License-Identifier: Apache-2.0
 * test_gmem_answers.c - what KVM answers to each right and wrong use of guest_memfd, slots and
 * memory attributes: one table, asked of the executable model on every test run, and of a real KVM
 * in the lab. Where the model knowingly answers otherwise, its column says so.
 *
 * usage: test_gmem_answers model | real          real: needs software-protected VMs; exit status 77
 * without
 */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SKIPPED 77
#define PAGE ((uint64_t)MODEL_PAGE)
#define SIZE (256 * PAGE) /* of each guest_memfd and slot here */
#define GPA (0x1000 * PAGE)
#define VM_TYPE_SW_PROTECTED 1u

/* One KVM, and in it a VM with a guest_memfd, of which slot 0 has the first half. */
struct side {
    struct model *model; /* NULL: the real one */
    int kvm, vm, memfd;
    uint8_t *shared;
};

static int do_open(struct side *s)
{
    if (s->model != NULL) {
        return model_kvm_ops.open(s->model, "/dev/kvm", O_RDWR | O_CLOEXEC);
    }
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

static int do_ioctl(struct side *s, int fd, unsigned long request, void *arg)
{
    if (s->model != NULL) {
        return model_kvm_ops.ioctl(s->model, fd, request, arg);
    }
    int r = ioctl(fd, request, arg);
    return r >= 0 ? r : -errno;
}

static int do_close(struct side *s, int fd)
{
    if (s->model != NULL) {
        return model_kvm_ops.close(s->model, fd);
    }
    return close(fd) == 0 ? 0 : -errno;
}

static int do_fallocate(struct side *s, int fd, int mode, uint64_t offset, uint64_t size)
{
    if (s->model != NULL) {
        return model_kvm_ops.fallocate(s->model, fd, mode, offset, size);
    }
    return fallocate(fd, mode, (off_t)offset, (off_t)size) == 0 ? 0 : -errno;
}

static int create_vm(struct side *s)
{
    unsigned long type = s->model != NULL ? MU_VM_TYPE_SNP : VM_TYPE_SW_PROTECTED;
    return do_ioctl(s, s->kvm, KVM_CREATE_VM, (void *)(uintptr_t)type);
}

static int create(struct side *s, uint64_t size, uint64_t flags)
{
    struct mu_create_guest_memfd c = {.size = size, .flags = flags};
    return do_ioctl(s, s->vm, MU_CREATE_GUEST_MEMFD, &c);
}

static int made(struct side *s, int fd)
{
    return fd < 0 ? fd : do_close(s, fd);
}

static struct mu_memory_region2 second(const struct side *s)
{
    return (struct mu_memory_region2){.slot = 1,
                                      .flags = MU_MEM_GUEST_MEMFD,
                                      .gpa = GPA + SIZE,
                                      .size = SIZE / 2,
                                      .userspace_addr = (uintptr_t)s->shared,
                                      .gmem_offset = SIZE / 2,
                                      .gmem_fd = (uint32_t)s->memfd};
}

static int set(struct side *s, struct mu_memory_region2 r)
{
    return do_ioctl(s, s->vm, MU_SET_USER_MEMORY_REGION2, &r);
}

static int set_first(struct side *s)
{
    struct mu_memory_region2 r = second(s);
    r.slot = 0;
    r.gpa = GPA;
    r.gmem_offset = 0;
    return set(s, r);
}

static int attributes(struct side *s, uint64_t gpa, uint64_t size, uint64_t bits, uint64_t flags)
{
    struct mu_memory_attributes a = {
        .address = gpa, .size = size, .attributes = bits, .flags = flags};
    return do_ioctl(s, s->vm, MU_SET_MEMORY_ATTRIBUTES, &a);
}

/* ---- the questions ---- */

static int q_create(struct side *s)
{
    return made(s, create(s, SIZE, 0));
}
static int q_create_flags(struct side *s)
{
    return made(s, create(s, SIZE, 1u << 31));
}
static int q_create_empty(struct side *s)
{
    return made(s, create(s, 0, 0));
}
static int q_create_unaligned(struct side *s)
{
    return made(s, create(s, SIZE + 1, 0));
}
static int q_create_negative(struct side *s)
{
    return made(s, create(s, UINT64_MAX - PAGE + 1, 0));
}

static int q_slot(struct side *s)
{
    return set(s, second(s));
}

#define SLOT_QUESTION(name, change)                                                                \
    static int name(struct side *s)                                                                \
    {                                                                                              \
        struct mu_memory_region2 r = second(s);                                                    \
        change;                                                                                    \
        return set(s, r);                                                                          \
    }
SLOT_QUESTION(q_slot_flags, r.flags |= 1u << 30)
SLOT_QUESTION(q_slot_read_only, r.flags |= KVM_MEM_READONLY)
SLOT_QUESTION(q_slot_dirty_log, r.flags |= KVM_MEM_LOG_DIRTY_PAGES)
SLOT_QUESTION(q_slot_gpa_unaligned, r.gpa += 1)
SLOT_QUESTION(q_slot_size_unaligned, r.size += 1)
SLOT_QUESTION(q_slot_hva_unaligned, r.userspace_addr += 1)
SLOT_QUESTION(q_slot_offset_unaligned, r.gmem_offset += 1)
SLOT_QUESTION(q_slot_offset_beyond, r.gmem_offset = SIZE)
SLOT_QUESTION(q_slot_offset_partly, r.gmem_offset = SIZE / 2 + PAGE)
SLOT_QUESTION(q_slot_offset_wraps, r.gmem_offset = UINT64_MAX - PAGE + 1)
SLOT_QUESTION(q_slot_gpa_wraps, r.gpa = UINT64_MAX - PAGE + 1)
SLOT_QUESTION(q_slot_number, r.slot = 0xffff)
SLOT_QUESTION(q_slot_space, r.slot = 7u << 16)
SLOT_QUESTION(q_slot_overlap, r.gpa = GPA + SIZE / 2 - PAGE)
SLOT_QUESTION(q_slot_same_memory, r.gmem_offset = 0)
SLOT_QUESTION(q_slot_no_file, r.gmem_fd = 12345)
SLOT_QUESTION(q_slot_other_file, r.gmem_fd = (uint32_t)s->vm)
SLOT_QUESTION(q_slot_plain, r.flags = 0)
SLOT_QUESTION(q_slot_absent, r.size = 0)

static int q_slot_again(struct side *s)
{
    return set_first(s);
}

static int q_slot_moved(struct side *s)
{
    struct mu_memory_region2 r = second(s);
    r.slot = 0;
    return set(s, r);
}

static int q_slot_removed(struct side *s)
{
    return set(s, (struct mu_memory_region2){.slot = 0});
}

static int q_slot_removed_and_back(struct side *s)
{
    int r = q_slot_removed(s);
    return r == 0 ? set_first(s) : r;
}

static int q_slot_old_ioctl(struct side *s)
{
    struct kvm_userspace_memory_region r = {.slot = 1,
                                            .flags = MU_MEM_GUEST_MEMFD,
                                            .guest_phys_addr = GPA + SIZE,
                                            .memory_size = SIZE / 2,
                                            .userspace_addr = (uintptr_t)s->shared};
    return do_ioctl(s, s->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

static int q_slot_of_other_vm(struct side *s)
{
    int mine = s->vm, other = create_vm(s);
    struct mu_memory_region2 r = second(s);
    if (other < 0) {
        return other;
    }
    s->vm = other;
    int answer = set(s, r);
    s->vm = mine;
    (void)do_close(s, other);
    return answer;
}

static int q_slot_file_closed(struct side *s)
{
    struct mu_memory_region2 r = second(s);
    (void)do_close(s, s->memfd);
    s->memfd = -1;
    return set(s, r);
}

static int q_private(struct side *s)
{
    return attributes(s, GPA, SIZE, MU_ATTRIBUTE_PRIVATE, 0);
}
static int q_shared(struct side *s)
{
    return attributes(s, GPA, SIZE, 0, 0);
}
static int q_attributes_bits(struct side *s)
{
    return attributes(s, GPA, SIZE, 1, 0);
}
static int q_attributes_flags(struct side *s)
{
    return attributes(s, GPA, SIZE, MU_ATTRIBUTE_PRIVATE, 1);
}
static int q_attributes_empty(struct side *s)
{
    return attributes(s, GPA, 0, MU_ATTRIBUTE_PRIVATE, 0);
}
static int q_attributes_gpa(struct side *s)
{
    return attributes(s, GPA + 1, SIZE, MU_ATTRIBUTE_PRIVATE, 0);
}
static int q_attributes_size(struct side *s)
{
    return attributes(s, GPA, SIZE + 1, MU_ATTRIBUTE_PRIVATE, 0);
}
static int q_attributes_wrap(struct side *s)
{
    return attributes(s, UINT64_MAX - PAGE + 1, 2 * PAGE, MU_ATTRIBUTE_PRIVATE, 0);
}
static int q_attributes_no_slot(struct side *s)
{
    return attributes(s, 0x40000 * PAGE, PAGE, MU_ATTRIBUTE_PRIVATE, 0);
}

#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
static int q_punch(struct side *s)
{
    return do_fallocate(s, s->memfd, PUNCH, PAGE, PAGE);
}
static int q_punch_offset(struct side *s)
{
    return do_fallocate(s, s->memfd, PUNCH, 1, PAGE);
}
static int q_punch_size(struct side *s)
{
    return do_fallocate(s, s->memfd, PUNCH, 0, PAGE + 1);
}
static int q_punch_empty(struct side *s)
{
    return do_fallocate(s, s->memfd, PUNCH, 0, 0);
}
static int q_punch_beyond(struct side *s)
{
    return do_fallocate(s, s->memfd, PUNCH, SIZE, PAGE);
}
static int q_allocate(struct side *s)
{
    return do_fallocate(s, s->memfd, FALLOC_FL_KEEP_SIZE, 0, 4 * PAGE);
}
static int q_allocate_beyond(struct side *s)
{
    return do_fallocate(s, s->memfd, FALLOC_FL_KEEP_SIZE, SIZE, PAGE);
}
static int q_allocate_grow(struct side *s)
{
    return do_fallocate(s, s->memfd, 0, 0, PAGE);
}
static int q_zero_range(struct side *s)
{
    return do_fallocate(s, s->memfd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE);
}

static int capability(struct side *s, unsigned long number)
{
    return do_ioctl(s, s->kvm, KVM_CHECK_EXTENSION, (void *)(uintptr_t)number) > 0 ? 0 : -ENOSYS;
}
static int q_cap_memfd(struct side *s)
{
    return capability(s, MU_CAP_GUEST_MEMFD);
}
static int q_cap_attributes(struct side *s)
{
    return capability(s, MU_CAP_MEMORY_ATTRIBUTES);
}
static int q_cap_fault(struct side *s)
{
    return capability(s, MU_CAP_MEMORY_FAULT_INFO);
}
static int q_cap_region2(struct side *s)
{
    return capability(s, MU_CAP_USER_MEMORY2);
}
static int q_cap_hypercall(struct side *s)
{
    return capability(s, MU_CAP_EXIT_HYPERCALL);
}

static int hypercalls(struct side *s, uint64_t mask)
{
    struct kvm_enable_cap cap = {.cap = MU_CAP_EXIT_HYPERCALL, .args = {mask}};
    return do_ioctl(s, s->vm, KVM_ENABLE_CAP, &cap);
}
static int q_hypercalls(struct side *s)
{
    return hypercalls(s, 1u << MU_HC_MAP_GPA_RANGE);
}
static int q_hypercalls_other(struct side *s)
{
    return hypercalls(s, 1u << 5);
}
static int q_vm_type(struct side *s)
{
    return do_ioctl(s, s->kvm, KVM_CREATE_VM, (void *)(uintptr_t)31);
}

#define AS_REAL 0
static const struct {
    const char *name;
    int (*ask)(struct side *s);
    int real;  /* errno; 0: taken */
    int model; /* AS_REAL, or the errno that the model answers; -1: the model takes it */
} questions[] = {
    {"guest_memfd", q_create, 0, AS_REAL},
    {"guest_memfd: unknown flag", q_create_flags, EINVAL, AS_REAL},
    {"guest_memfd: no bytes", q_create_empty, EINVAL, AS_REAL},
    {"guest_memfd: not whole pages", q_create_unaligned, EINVAL, AS_REAL},
    {"guest_memfd: negative size", q_create_negative, EINVAL, AS_REAL},
    {"slot", q_slot, 0, AS_REAL},
    {"slot: unknown flag", q_slot_flags, EINVAL, AS_REAL},
    {"slot: read-only and private", q_slot_read_only, EINVAL, AS_REAL},
    {"slot: dirty log and private", q_slot_dirty_log, EINVAL, AS_REAL},
    {"slot: gpa not aligned", q_slot_gpa_unaligned, EINVAL, AS_REAL},
    {"slot: size not whole pages", q_slot_size_unaligned, EINVAL, AS_REAL},
    {"slot: hva not aligned", q_slot_hva_unaligned, EINVAL, AS_REAL},
    {"slot: offset not aligned", q_slot_offset_unaligned, EINVAL, AS_REAL},
    {"slot: offset beyond the file", q_slot_offset_beyond, EINVAL, AS_REAL},
    {"slot: end beyond the file", q_slot_offset_partly, EINVAL, AS_REAL},
    {"slot: offset wraps", q_slot_offset_wraps, EINVAL, AS_REAL},
    {"slot: gpa wraps", q_slot_gpa_wraps, EINVAL, AS_REAL},
    {"slot: number too large", q_slot_number, EINVAL, AS_REAL},
    {"slot: address space unknown", q_slot_space, EINVAL, AS_REAL},
    {"slot: overlaps another", q_slot_overlap, EEXIST, AS_REAL},
    {"slot: private memory that another has", q_slot_same_memory, EINVAL, AS_REAL},
    {"slot: no such descriptor", q_slot_no_file, EBADF, AS_REAL},
    {"slot: another kind of descriptor", q_slot_other_file, EINVAL, AS_REAL},
    {"slot: of another VM's private memory", q_slot_of_other_vm, EINVAL, AS_REAL},
    {"slot: private memory closed before", q_slot_file_closed, EBADF, AS_REAL},
    {"slot: without private memory", q_slot_plain, 0, AS_REAL},
    {"slot: the same again", q_slot_again, EINVAL, AS_REAL},
    {"slot: moved", q_slot_moved, EINVAL, AS_REAL},
    {"slot: removed", q_slot_removed, 0, AS_REAL},
    {"slot: removed and made again", q_slot_removed_and_back, 0, AS_REAL},
    {"slot: removed, but there is none", q_slot_absent, EINVAL, AS_REAL},
    {"slot: private, by the old ioctl", q_slot_old_ioctl, EINVAL, AS_REAL},
    {"attributes: private", q_private, 0, AS_REAL},
    {"attributes: shared", q_shared, 0, AS_REAL},
    {"attributes: unknown bit", q_attributes_bits, EINVAL, AS_REAL},
    {"attributes: flags", q_attributes_flags, EINVAL, AS_REAL},
    {"attributes: no bytes", q_attributes_empty, EINVAL, AS_REAL},
    {"attributes: gpa not aligned", q_attributes_gpa, EINVAL, AS_REAL},
    {"attributes: size not whole pages", q_attributes_size, EINVAL, AS_REAL},
    {"attributes: range wraps", q_attributes_wrap, EINVAL, AS_REAL},
    {"attributes: where no slot is", q_attributes_no_slot, 0, AS_REAL},
    {"punch", q_punch, 0, AS_REAL},
    {"punch: offset not aligned", q_punch_offset, EINVAL, AS_REAL},
    {"punch: size not whole pages", q_punch_size, EINVAL, AS_REAL},
    {"punch: no bytes", q_punch_empty, EINVAL, AS_REAL},
    {"punch: beyond the file", q_punch_beyond, 0, EINVAL},
    {"allocate", q_allocate, 0, AS_REAL},
    {"allocate: beyond the file", q_allocate_beyond, EINVAL, AS_REAL},
    {"allocate: without keep-size", q_allocate_grow, EOPNOTSUPP, AS_REAL},
    {"fallocate: another mode", q_zero_range, EOPNOTSUPP, AS_REAL},
    {"capability: guest_memfd", q_cap_memfd, 0, AS_REAL},
    {"capability: attributes", q_cap_attributes, 0, AS_REAL},
    {"capability: memory fault exits", q_cap_fault, 0, AS_REAL},
    {"capability: slots of the new form", q_cap_region2, 0, AS_REAL},
    {"capability: page state exits", q_cap_hypercall, 0, AS_REAL},
    {"page state exits", q_hypercalls, 0, AS_REAL},
    {"page state exits: another hypercall", q_hypercalls_other, EINVAL, AS_REAL},
    {"VM: unknown type", q_vm_type, EINVAL, AS_REAL},
};

/* ---- asking ---- */

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "test_gmem_answers: %s\n", what);
        exit(1);
    }
}

static void start(struct side *s)
{
    s->vm = create_vm(s);
    must(s->vm >= 0, "KVM_CREATE_VM");
    s->memfd = create(s, SIZE, 0);
    must(s->memfd >= 0, "KVM_CREATE_GUEST_MEMFD");
    must(set_first(s) == 0, "the first slot");
}

static void stop(struct side *s)
{
    if (s->memfd >= 0) {
        (void)do_close(s, s->memfd);
    }
    (void)do_close(s, s->vm);
}

static unsigned ask_all(struct side *s)
{
    unsigned wrong = 0, differ = 0;
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        int want = questions[i].real;
        if (s->model != NULL && questions[i].model != AS_REAL) {
            want = questions[i].model < 0 ? 0 : questions[i].model;
            differ++;
        }
        start(s);
        int got = questions[i].ask(s);
        stop(s);
        if (got != -want) {
            printf("FAILED: %s: expected %s, got %s\n", questions[i].name,
                   want == 0 ? "it is taken" : strerror(want),
                   got >= 0 ? "it is taken" : strerror(-got));
            wrong++;
        }
    }
    printf("%zu questions, %u wrong", sizeof(questions) / sizeof(questions[0]), wrong);
    printf(s->model != NULL ? "; %u in which the model knowingly differs\n" : "\n", differ);
    return wrong;
}

int main(int argc, char **argv)
{
    bool real = argc == 2 && strcmp(argv[1], "real") == 0;
    struct side s = {.model = real ? NULL : model_new(NULL)};
    must(argc == 2 && (real || strcmp(argv[1], "model") == 0), "usage: model | real");
    must(real || s.model != NULL, "model");
    s.kvm = do_open(&s);
    if (real && (s.kvm < 0 ||
                 (do_ioctl(&s, s.kvm, KVM_CHECK_EXTENSION, (void *)(uintptr_t)MU_CAP_VM_TYPES) &
                  1 << VM_TYPE_SW_PROTECTED) == 0)) {
        printf("SKIP: this kernel has no software-protected VMs\n");
        return SKIPPED;
    }
    must(s.kvm >= 0, "open /dev/kvm");
    s.shared = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(s.shared != MAP_FAILED, "mmap");
    unsigned wrong = ask_all(&s);
    (void)do_close(&s, s.kvm);
    must(real || model_clean(s.model), "the model: expected nothing left, got leaks");
    model_free(s.model);
    return wrong == 0 ? 0 : 1;
}
