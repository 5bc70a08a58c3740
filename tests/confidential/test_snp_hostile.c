/* SPDX-License-Identifier: Apache-2.0
 * test_snp_hostile.c - the host does what it can to a guest that boots. Each case has a name and
 * one right end: the firmware's own reason, a shutdown, or a standstill; never the Linux entry with
 * a byte that is not the measured one or a page that is not the guest's (threats.md B).
 *
 * Exits of an honest boot, in order: 1 SEV information, 2 hypervisor features, 3 the GHCB page is
 * shared, 4 and registered, 5 mark "entered", 6 to 8 page state changes (128 MiB: 2 lists), then
 * marks and the end. Names below say which.
 */
#include "base/encode.h"
#include "tee/snp/snp_internal.h"
#include "window.h"

#include <stdio.h>
#include <string.h>

#define RAM WINDOW_RAM
#define GHCB 0xF000u
#define INFO1 (GHCB + 0x398u)
#define INFO2 (GHCB + 0x3A0u)
#define PSC (GHCB + 0x800u)

enum { AT_INFO = 1, AT_FEATURES, AT_SHARE, AT_REGISTER, AT_ENTERED, AT_PSC };

static struct world w;

static void prepare(void)
{
    window_prepare(&w, world_init);
}

static void launch(void)
{
    window_launch(&w);
}

static void expect_end(int end)
{
    window_expect_end(&w, end);
}

/* ---- At an exit ---- */

struct at_exit {
    const char *name;
    unsigned nth;
    enum model_when when;
    void (*act)(struct model_vm *vm, unsigned vcpu, void *ctx);
    uint64_t a, b;
    int end;
};

static void act_msr(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    model_evil_msr(vm, vcpu, ((const struct at_exit *)ctx)->a);
}

/* Eight bytes b at a, which is shared. */
static void act_write(struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    const struct at_exit *x = ctx;
    model_evil_write(vm, x->a, &x->b, sizeof(x->b));
}

static void act_unvalidate(struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    const struct at_exit *x = ctx;
    model_evil_rmpupdate(vm, x->a, x->b != 0);
}

static void act_remap(struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    const struct at_exit *x = ctx;
    model_evil_remap(vm, x->a, x->b);
}

static void act_swap(struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    const struct at_exit *x = ctx;
    model_evil_swap(vm, x->a, x->b);
}

static void act_inject(struct model_vm *vm, unsigned vcpu, void *ctx)
{
    const struct at_exit *x = ctx;
    model_evil_inject(vm, vcpu, (unsigned)x->a, x->b != 0, x->b);
}

static void act_lie(struct model_vm *vm, CL_UNUSED unsigned vcpu, CL_UNUSED void *ctx)
{
    model_evil_psc_lie(vm, true);
}

static void act_refuse(struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    model_evil_psc_refuse(vm, (uint32_t)((const struct at_exit *)ctx)->a);
}

static void act_small(struct model_vm *vm, CL_UNUSED unsigned vcpu, CL_UNUSED void *ctx)
{
    model_evil_small_pages(vm, true);
}

/* The next PVALIDATE has this status and this carry flag. */
static void act_pvalidate(struct model_vm *vm, CL_UNUSED unsigned vcpu, void *ctx)
{
    const struct at_exit *x = ctx;
    model_evil_pvalidate(vm, (uint32_t)x->a, x->b != 0);
}

#define ENTRY MODEL_BEFORE_ENTRY
#define REPLY MODEL_BEFORE_REPLY
#define LAST_252 ((uint64_t)252 << 16)

static const struct at_exit exits[] = {
    {"SEV information: another code", AT_INFO, ENTRY, act_msr, 0x3300020002000002u, 0,
     R(SNP_ANSWER)},
    {"SEV information: nothing was answered", AT_INFO, ENTRY, act_msr, 0x002, 0, R(SNP_ANSWER)},
    {"SEV information: only older protocols", AT_INFO, ENTRY, act_msr, 0x0001000133000001u, 0,
     R(SNP_VERSION)},
    {"SEV information: only newer protocols", AT_INFO, ENTRY, act_msr, 0x0004000333000001u, 0,
     R(SNP_VERSION)},
    {"SEV information: encryption bit 47", AT_INFO, ENTRY, act_msr, 0x000200012F000001u, 0,
     R(SNP_BIT)},
    {"SEV information: encryption bit 0", AT_INFO, ENTRY, act_msr, 0x0002000100000001u, 0,
     R(SNP_BIT)},
    {"features: another code", AT_FEATURES, ENTRY, act_msr, 0x1080, 0, R(SNP_ANSWER)},
    {"features: no SNP", AT_FEATURES, ENTRY, act_msr, 0x2081, 0, R(SNP_HYPERVISOR)},
    {"GHCB page not shared: error", AT_SHARE, ENTRY, act_msr, 0x0000000100000015u, 0,
     R(SNP_PAGE_STATE)},
    {"GHCB page not shared: another code", AT_SHARE, ENTRY, act_msr, 0x014, 0, R(SNP_PAGE_STATE)},
    {"GHCB page not shared: reserved bits", AT_SHARE, ENTRY, act_msr, 0x0000000000001015u, 0,
     R(SNP_PAGE_STATE)},
    {"GHCB page refused", AT_REGISTER, ENTRY, act_msr, UINT64_MAX & ~UINT64_C(0xFEC), 0,
     R(SNP_GHCB)},
    {"GHCB page: another one instead", AT_REGISTER, ENTRY, act_msr, 0xE013, 0, R(SNP_GHCB)},
    {"GHCB page: another code", AT_REGISTER, ENTRY, act_msr, 0xF012, 0, R(SNP_GHCB)},
    {"port output: an exception to take", AT_ENTERED, ENTRY, act_write, INFO1, 1, R(SNP_ANSWER)},
    {"port output: bad input", AT_ENTERED, ENTRY, act_write, INFO1, 2, R(SNP_ANSWER)},
    {"port output: all ones", AT_ENTERED, ENTRY, act_write, INFO1, UINT64_MAX, R(SNP_ANSWER)},
    {"page state: an exception to take", AT_PSC, ENTRY, act_write, INFO1, 1, R(SNP_ANSWER)},
    {"page state: error", AT_PSC, ENTRY, act_write, INFO2, 0x100000001u, R(SNP_PAGE_STATE)},
    {"page state: low error", AT_PSC, ENTRY, act_write, INFO2, 1, R(SNP_PAGE_STATE)},
    {"page state: nothing done", AT_PSC, ENTRY, act_write, PSC, LAST_252, R(SNP_PAGE_STATE)},
    {"page state: beyond the end", AT_PSC, ENTRY, act_write, PSC, LAST_252 | 254,
     R(SNP_PAGE_STATE)},
    {"page state: far beyond", AT_PSC, ENTRY, act_write, PSC, LAST_252 | 0xFFFF, R(SNP_PAGE_STATE)},
    {"page state: another end", AT_PSC, ENTRY, act_write, PSC, (uint64_t)3 << 16 | 253,
     R(SNP_PAGE_STATE)},
    {"page state: reserved bits", AT_PSC, ENTRY, act_write, PSC, UINT64_C(1) << 32 | LAST_252 | 253,
     R(SNP_PAGE_STATE)},
    {"page state: entries for other pages", AT_PSC, REPLY, act_write, PSC + 8,
     UINT64_C(0x0010000000300000), END_SAFE},
    {"page state: refused", AT_PSC, REPLY, act_refuse, 0x100000005u & UINT32_MAX, 0,
     R(SNP_PAGE_STATE)},
    {"page state: said, not done", AT_PSC, REPLY, act_lie, 0, 0, END_SAFE},
    {"2 MiB are small pages for the host", AT_ENTERED, REPLY, act_small, 0, 0, END_SAFE},
    {"PVALIDATE: input refused", AT_PSC, ENTRY, act_pvalidate, 1, 0, R(SNP_VALIDATE)},
    {"PVALIDATE: nothing changed", AT_PSC, ENTRY, act_pvalidate, 0, 1, R(SNP_VALIDATED)},
    {"stack unvalidated", AT_ENTERED, ENTRY, act_unvalidate, 0xB000, 1, END_SHUTDOWN},
    {"stack taken away", AT_ENTERED, ENTRY, act_unvalidate, 0xB000, 0, END_SHUTDOWN},
    {"state unvalidated", AT_ENTERED, ENTRY, act_unvalidate, 0xD000, 1, R(EXC_29)},
    {"page table unvalidated", AT_ENTERED, ENTRY, act_unvalidate, 0x3000, 1, END_SHUTDOWN},
    {"interrupt table unvalidated", AT_ENTERED, ENTRY, act_unvalidate, 0xC000, 1, END_SAFE},
    {"hash page unvalidated", AT_ENTERED, ENTRY, act_unvalidate, 0x10000, 1, R(EXC_29)},
    {"CPUID page unvalidated", AT_REGISTER, ENTRY, act_unvalidate, 0x12000, 1, END_SAFE},
    {"kernel unvalidated after the copy", AT_PSC + 2, ENTRY, act_unvalidate, 0x1000000, 1,
     R(EXC_29)},
    {"initrd unvalidated after the copy", AT_PSC + 2, ENTRY, act_unvalidate, RAM - 0x1000, 1,
     R(EXC_29)},
    {"kernel page remapped", AT_PSC + 2, ENTRY, act_remap, 0x1000000, 0x1001000, END_STANDSTILL},
    {"kernel pages swapped", AT_PSC + 2, ENTRY, act_swap, 0x1000000, 0x1001000, END_STANDSTILL},
    {"state page remapped", AT_ENTERED, ENTRY, act_remap, 0xD000, 0xE000, END_STANDSTILL},
    {"hash page remapped", AT_ENTERED, ENTRY, act_remap, 0x10000, 0x200000, END_SAFE},
    {"page to accept remapped onto the ROM", AT_ENTERED, ENTRY, act_remap, 0x200000, 0xFFFF0000,
     END_STANDSTILL},
    {"page to accept remapped onto an accepted one", AT_ENTERED, ENTRY, act_remap, 0x400000,
     0x200000, END_STANDSTILL},
    {"divide error injected", AT_ENTERED, ENTRY, act_inject, 0, 0, R(EXC_0)},
    {"NMI injected", AT_ENTERED, ENTRY, act_inject, 2, 0, R(EXC_2)},
    {"invalid opcode injected", AT_ENTERED, ENTRY, act_inject, 6, 0, R(EXC_6)},
    {"double fault injected", AT_ENTERED, ENTRY, act_inject, 8, 0, END_SAFE},
    {"general protection injected", AT_ENTERED, ENTRY, act_inject, 13, 0x10, R(EXC_13)},
    {"page fault injected", AT_ENTERED, ENTRY, act_inject, 14, 2, R(EXC_14)},
    {"machine check injected", AT_ENTERED, ENTRY, act_inject, 18, 0, R(EXC_18)},
    {"#VC with the code of CPUID", AT_ENTERED, ENTRY, act_inject, 29, 0x72, R(EXC_29)},
    {"#VC with the code of port I/O", AT_ENTERED, ENTRY, act_inject, 29, 0x7B, R(EXC_29)},
    {"#VC with the code of MMIO", AT_ENTERED, ENTRY, act_inject, 29, 0x400, R(EXC_29)},
    {"#VC: page not validated", AT_ENTERED, ENTRY, act_inject, 29, 0x404, R(EXC_29)},
    {"external interrupt 32", AT_ENTERED, ENTRY, act_inject, 32, 0, R(INTERRUPT)},
    {"external interrupt 0x80", AT_ENTERED, ENTRY, act_inject, 0x80, 0, R(INTERRUPT)},
    {"external interrupt 255", AT_PSC + 2, ENTRY, act_inject, 255, 0, R(INTERRUPT)},
    {"interrupt before there is a table", AT_INFO, ENTRY, act_inject, 32, 0, R(INTERRUPT)},
};

START_TEST(test_at_exit)
{
    const struct at_exit *x = &exits[_i];
    prepare();
    launch();
    struct at_exit ctx = *x;
    ck_assert(model_plan(world_vm(&w), x->nth, x->when, x->act, &ctx));
    world_run(&w);
    printf("%s: outcome %d %s\n", x->name, model_outcome(world_vm(&w)), w.vmm.status.reason);
    expect_end(x->end);
}
END_TEST

START_TEST(test_in_window)
{
    window_try(&w, world_init, (unsigned)_i);
}
END_TEST

START_TEST(test_bytes_that_change)
{
    window_try_changes(&w, world_init, window_flips[_i]);
}
END_TEST

/* In the descriptor, the command line, kernel and initrd; none whose copy begins a page that the
 * model has not mapped yet: that store faults, and the instruction starts again with its read. */
static const unsigned words[] = {8,      16,     24,     32,     40,     48,
                                 56,     64,     0xFF8,  0x1000, 0x2000, 0x21F0,
                                 0x2200, 0x4000, 0x6E18, 0x7008, 0x9320};

/* So that there is no second value that somebody could mean, whatever the host does in between. */
START_TEST(test_every_word_is_read_once)
{
    prepare();
    launch();
    ck_assert(model_plan_read(world_vm(&w), STAGE0_WINDOW_GPA + words[_i], 8, /* nth= */ UINT32_MAX,
                              /* action= */ NULL, NULL));
    world_run(&w);
    world_expect_linux(&w);
    ck_assert_uint_eq(model_shared_reads(world_vm(&w)), 1);
    world_free(&w);
}
END_TEST

/* ---- What the host launches ---- */

static struct tee_ops evil;
static uint8_t evil_page[4096] __attribute__((aligned(4096)));

static enum cl_status place_no_hashes(struct tee *t, enum tee_page_type type, uint64_t gpa,
                                      const void *hva, size_t size, struct cl_err *err)
{
    memset(evil_page, 0, sizeof(evil_page));
    return tee_snp_ops.place_page(t, type, gpa, gpa == 0x10000 ? evil_page : hva, size, err);
}

/* One page more than the firmware asks for, validated by the launch. */
static enum cl_status start_with_more(struct tee *t, uint32_t ap_entry, struct cl_err *err)
{
    CL_TRY(tee_snp_ops.place_page(t, TEE_PAGE_ZERO, 0x100000, evil_page, 4096, err));
    return tee_snp_ops.start_vcpus(t, ap_entry, err);
}

static enum cl_status take_no_table(struct tee *t, const int *fds, struct cl_err *err)
{
    CL_TRY(tee_snp_ops.take_vcpus(t, fds, err));
    memset(t->cpuid_page, 0, 4096);
    return CL_OK;
}

static void change_leaf(struct tee *t, uint32_t leaf, size_t reg, uint32_t and, uint32_t or)
{
    for (size_t i = 0; i < 64; i++) {
        uint8_t *e = t->cpuid_page + 16 + i * 48;
        uint32_t x = 0;
        memcpy(&x, e, 4);
        if (x == leaf) {
            memcpy(&x, e + 24 + 4 * reg, 4);
            x = (x & and) | or ;
            memcpy(e + 24 + 4 * reg, &x, 4);
        }
    }
}

static enum cl_status take_other_bit(struct tee *t, const int *fds, struct cl_err *err)
{
    CL_TRY(tee_snp_ops.take_vcpus(t, fds, err));
    change_leaf(t, 0x8000001F, 1, ~0x3Fu, 47);
    return CL_OK;
}

static enum cl_status take_no_snp(struct tee *t, const int *fds, struct cl_err *err)
{
    CL_TRY(tee_snp_ops.take_vcpus(t, fds, err));
    change_leaf(t, 0x8000001F, 0, ~(1u << 4), 0);
    return CL_OK;
}

/* The processor's firmware takes the bit out, and the launch gives the page again. */
static enum cl_status take_deadline(struct tee *t, const int *fds, struct cl_err *err)
{
    CL_TRY(tee_snp_ops.take_vcpus(t, fds, err));
    change_leaf(t, 1, 2, UINT32_MAX, 1u << 24);
    return CL_OK;
}

static enum cl_status take_no_random(struct tee *t, const int *fds, struct cl_err *err)
{
    CL_TRY(tee_snp_ops.take_vcpus(t, fds, err));
    change_leaf(t, 1, 2, ~(1u << 30), 0);
    change_leaf(t, 7, 1, ~(1u << 18), 0);
    return CL_OK;
}

static const struct {
    const char *name;
    enum cl_status (*place)(struct tee *, enum tee_page_type, uint64_t, const void *, size_t,
                            struct cl_err *);
    enum cl_status (*take)(struct tee *, const int *, struct cl_err *);
    enum cl_status (*start)(struct tee *, uint32_t, struct cl_err *);
    int end;
} launches[] = {
    {"no hashes in the hash page", place_no_hashes, NULL, NULL, R(HASH_MISSING)},
    {"one more validated page", NULL, NULL, start_with_more, R(SNP_VALIDATED)},
    {"empty CPUID page", NULL, take_no_table, NULL, END_SHUTDOWN},
    {"CPUID: another encryption bit", NULL, take_other_bit, NULL, R(SNP_BIT)},
    {"CPUID: no SNP", NULL, take_no_snp, NULL, R(SNP_CPUID)},
    {"CPUID: a bit that is refused", NULL, take_deadline, NULL, END_SAFE},
    {"CPUID: no random numbers", NULL, take_no_random, NULL, R(NO_RANDOM)},
};

START_TEST(test_launch)
{
    evil = tee_snp_ops;
    evil.place_page = launches[_i].place != NULL ? launches[_i].place : evil.place_page;
    evil.take_vcpus = launches[_i].take != NULL ? launches[_i].take : evil.take_vcpus;
    evil.start_vcpus = launches[_i].start != NULL ? launches[_i].start : evil.start_vcpus;
    prepare();
    w.cfg.tee = &evil;
    launch();
    world_run(&w);
    printf("launch, %s: %s\n", launches[_i].name, w.vmm.status.reason);
    expect_end(launches[_i].end);
}
END_TEST

/* Features of the VMSA, which SEV_STATUS shows the firmware (snp.md c.4, e.1). */
static uint64_t evil_features;

static enum cl_status create_with_features(struct tee *t, int *ret_vm_fd, struct cl_err *err)
{
    struct kvm_enable_cap cap = {.cap = KC_CAP_EXIT_HYPERCALL, .args = {1u << KC_HC_MAP_GPA_RANGE}};
    struct kc_sev_init init = {.vmsa_features = evil_features, .ghcb_version = 2};
    *ret_vm_fd = vmm_kvm_dev(t->cfg.kvm, KVM_CREATE_VM, (void *)(uintptr_t)KC_VM_SNP);
    ck_assert_int_ge(*ret_vm_fd, 0);
    ck_assert_int_ge(vmm_kvm_vm(t->cfg.kvm, KVM_ENABLE_CAP, &cap), 0);
    return snp_command(t, KC_SEV_INIT2, &init, NULL, "KVM_SEV_INIT2", err);
}

static const struct {
    uint64_t features;
    int end;
} statuses[] = {{1u << 1, R(SNP_STATUS)}, /* virtual top of memory */
                {1u << 2, R(SNP_STATUS)}, /* reflected #VC */
                {1u << 3, R(SNP_STATUS)}, /* restricted injection */
                {1u << 4, R(SNP_STATUS)}, /* alternate injection */
                {1u << 5, END_SAFE},      /* debug registers swapped */
                {1u << 8, R(SNP_STATUS)}, /* reserved */
                {1u << 10, R(SNP_STATUS)}};

START_TEST(test_status)
{
    struct model_config config = model_config_default();
    config.vmsa_features = UINT32_MAX & ~1u;
    prepare();
    model_free(w.model);
    w.model = model_new(&config);
    evil = tee_snp_ops;
    evil.create_vm = create_with_features;
    evil_features = statuses[_i].features;
    w.cfg.tee = &evil;
    launch();
    world_run(&w);
    ck_assert(statuses[_i].end != END_SAFE || model_outcome(world_vm(&w)) == MODEL_ENTERED);
    expect_end(statuses[_i].end);
}
END_TEST

/* Every vector, at every exit: none is let in. */
START_TEST(test_every_vector)
{
    for (unsigned nth = 1; nth <= 12; nth++) {
        struct at_exit x = {.a = (unsigned)_i};
        prepare();
        launch();
        ck_assert(model_plan(world_vm(&w), nth, ENTRY, act_inject, &x));
        world_run(&w);
        ck_assert_msg(model_outcome(world_vm(&w)) != MODEL_ENTERED, "vector %d at exit %u", _i,
                      nth);
        world_free(&w);
    }
}
END_TEST

/* A second processor is run before anybody asked for it: it stays where it was measured to be, or
 * ends, and asks for nothing. _i: KVM holds it back, or the host runs it regardless. */
START_TEST(test_other_cpu_early)
{
    prepare();
    w.cfg.cpu_count = 2;
    launch();
    if (_i == 1) {
        model_evil_start(world_vm(&w), 1);
    }
    for (unsigned i = 0; i < 50 && model_outcome(world_vm(&w)) == MODEL_GOING; i++) {
        (void)vmm_vcpu_step(&w.vmm.vcpu[1]);
    }
    ck_assert_uint_eq(model_counts(world_vm(&w)).vmgexits, 0);
    ck_assert_int_ne(model_outcome(world_vm(&w)), MODEL_ENTERED);
    world_run(&w);
    printf("another CPU early: outcome %d\n", model_outcome(world_vm(&w)));
    if (_i == 0) {
        world_expect_linux(&w);
    }
    world_free(&w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snp_hostile");
    /* Cases by name, so that run_mutants takes the short ones first. */
    TCase *exit = tcase_create("exit");
    tcase_add_loop_test(exit, test_at_exit, 0, (int)CL_ARRAY_LEN(exits));
    suite_add_tcase(s, exit);
    TCase *window = tcase_create("window");
    tcase_add_loop_test(window, test_in_window, 0, (int)window_case_count);
    tcase_add_loop_test(window, test_every_word_is_read_once, 0, (int)CL_ARRAY_LEN(words));
    tcase_add_loop_test(window, test_launch, 0, (int)CL_ARRAY_LEN(launches));
    tcase_add_loop_test(window, test_status, 0, (int)CL_ARRAY_LEN(statuses));
    tcase_add_loop_test(window, test_other_cpu_early, 0, 2);
    suite_add_tcase(s, window);
    TCase *change = tcase_create("change");
    tcase_set_tags(change, "costly");
    tcase_add_loop_test(change, test_bytes_that_change, 0, 1);
    tcase_add_loop_test(change, test_every_vector, 28, 34);
    suite_add_tcase(s, change);
    TCase *changes = tcase_create("changes"); /* at every read of each byte: a minute */
    tcase_set_tags(changes, "long");
    tcase_add_loop_test(changes, test_bytes_that_change, 1, (int)window_flip_count);
    suite_add_tcase(s, changes);
    return run_suite(s);
}
