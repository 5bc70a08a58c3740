/* SPDX-License-Identifier: Apache-2.0
 * test_tee_tdx.c - the TDX back-end on a KVM that is played: MRTD, what a TD is created with, every
 * failure, every exit.
 */
#include "base/encode.h"
#include "check_main.h"
#include "tdx_kvm.h"
#include "tee_tdx_image.h"

#include <stdio.h>

#define RAM_SIZE 0x1000000u
#define ROM_GPA(im) ((1ull << 32) - (im)->size)

static struct tdx_image image;
static struct played played;
static struct vmm_kvm kvm;
static struct tee *td;
static uint8_t *ram;
static const struct tee_ops *ops = &tee_tdx_ops;
static int vcpus[] = {PLAYED_VCPU, PLAYED_VCPU + 1};
static struct tee_quote_job submitted;
static bool room;

static void *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(p != MAP_FAILED);
    return p;
}

static void setup(void)
{
    played_init(&played);
    kvm = (struct vmm_kvm){.ops = &played_ops, .ctx = &played, .dev_fd = PLAYED_DEV, .vm_fd = -1};
    td = NULL;
    ram = map(RAM_SIZE);
    room = true;
    memset(&submitted, 0, sizeof(submitted));
}

static void teardown(void)
{
    ops->free(td);
    td = NULL;
    vmm_kvm_close(&kvm, &kvm.vm_fd);
    (void)munmap(ram, RAM_SIZE);
    ck_assert_uint_eq(played.open_fds, 0);
}

static bool submit(void *ctx, const struct tee_quote_job *job)
{
    (void)ctx;
    submitted = *job;
    return room;
}

static void make_cpuid(struct tee_cpuid *c)
{
    memset(c, 0, sizeof(*c));
    c->head.nent = 4;
    c->entry[0] = (struct kvm_cpuid_entry2){
        .function = 1, .eax = 0xf00c06f2, .ebx = 0x01020304, .ecx = UINT32_MAX};
    c->entry[1] = (struct kvm_cpuid_entry2){.function = 4, .index = 0, .flags = 1, .eax = 1};
    c->entry[2] = (struct kvm_cpuid_entry2){.function = 4, .index = 1, .flags = 1, .eax = 2};
    c->entry[3] = (struct kvm_cpuid_entry2){.function = 0x80000008, .eax = 0x00342e2e};
}

/* Up to the first page, with RAM, the image as the ROM, and two vCPUs. */
static enum cl_status begin(struct cl_err *err)
{
    struct tee_cpuid cpuid;
    struct tee_config cfg = {
        .kvm = &kvm, .cpu_count = 2, .td_hob_gpa = 0x13000, .quoter = {.submit = submit}};
    memset(cfg.mr_config_id, 0xc1, sizeof(cfg.mr_config_id));
    make_cpuid(&cpuid);
    CL_TRY(ops->open(&cfg, &td, err));
    CL_TRY(ops->create_vm(td, &kvm.vm_fd, err));
    CL_TRY(ops->init_vm(td, &cpuid, err));
    struct tee_memory low = {.slot = 0, .gpa = 0, .size = RAM_SIZE, .hva = ram};
    struct tee_memory rom = {.slot = 1,
                             .gpa = ROM_GPA(&image),
                             .size = image.size,
                             .hva = image.data,
                             .read_only = true};
    struct tee_memory window = {
        .slot = 2, .gpa = 0x80000000, .size = 4096, .hva = ram, .side = TEE_SIDE_SHARED};
    CL_TRY(ops->add_memory(td, &low, err));
    CL_TRY(ops->add_memory(td, &rom, err));
    CL_TRY(ops->add_memory(td, &window, err));
    CL_TRY(ops->launch_start(td, err));
    for (size_t i = 0; i < 2; i++) {
        make_cpuid(&cpuid);
        CL_TRY(ops->vcpu_cpuid(td, vcpus[i], &cpuid, err));
    }
    return CL_OK;
}

static void begun(void)
{
    struct cl_err err = {0};
    ck_assert_msg(begin(&err) == CL_OK, "%s", err.msg);
}

/* ---- MRTD ---- */

static void place_all(const struct tee_rom *rom)
{
    static const uint8_t zeros[0x10000];
    struct cl_err err = {0};
    for (size_t i = 0; i < rom->tdvf_count; i++) {
        const struct tee_tdvf_section *s = &rom->tdvf[i];
        const uint8_t *data = s->data_size > 0 ? image.data + s->data_offset : zeros;
        enum tee_page_type type = s->measured ? TEE_PAGE_NORMAL : TEE_PAGE_UNMEASURED;
        ck_assert_msg(ops->place_page(td, type, s->gpa, data, s->size, &err) == CL_OK, "%s",
                      err.msg);
    }
}

START_TEST(test_golden_mrtd)
{
    static const char *const golden[] = {
        "e612c8dbe9cfebec53401f2f8e8a106940e7c3296628f824ec8ca851e82e47a01ca5c563e3358c33abac2455c5"
        "1f591d",
        "606ac2bff977e69986ab1c76db86ff14b28351adab65e40ed0b0d213a49c293309c91b051656a0fde3f123113b"
        "6f3490"};
    struct tee_rom rom;
    uint8_t digest[48];
    char hex[97];
    bool measured = false;
    if (_i == 0) {
        tdx_image_a(&image);
    } else {
        tdx_image_b(&image);
    }
    ck_assert_int_eq(tee_rom_parse(image.data, image.size, &rom, NULL), CL_OK);
    begun();
    ck_assert_int_eq(ops->take_vcpus(td, vcpus, NULL), CL_OK);
    place_all(&rom);
    ck_assert_int_eq(ops->start_vcpus(td, 0, NULL), CL_OK);
    ck_assert_int_eq(ops->finish(td, digest, &measured, NULL), CL_OK);
    ck_assert(measured && played.finalized);
    cl_hex(hex, digest, 48);
    ck_assert_str_eq(hex, golden[_i]);
}
END_TEST

/* ---- Our own ROM's launch ---- */

static void *ram_view(void *ctx, uint64_t gpa, uint64_t size)
{
    (void)ctx;
    return gpa < RAM_SIZE && size <= RAM_SIZE - gpa ? ram + gpa : NULL;
}

static struct tee_launch our_launch(struct tee_rom *rom)
{
    tdx_image_ours(&image);
    ck_assert_int_eq(tee_rom_parse(image.data, image.size, rom, NULL), CL_OK);
    struct tee_launch l = {.rom = rom,
                           .rom_data = image.data,
                           .rom_size = image.size,
                           .ram = ram_view,
                           .ram_range = {{0, RAM_SIZE}, {1ull << 32, 0}},
                           .vcpu_fd = vcpus};
    memset(&l.hashes, 0x5a, sizeof(l.hashes));
    return l;
}

static enum cl_status launch(const struct tee_launch *l, uint8_t digest[static 48],
                             struct cl_err *err)
{
    bool measured = false;
    return tee_launch(ops, td, l, digest, &measured, err);
}

/* MRTD of what KVM was given, written down from tdx.md b.1 a second time. */
static void mrtd_of_played(uint8_t ret[static 48])
{
    struct cl_sha384_ctx *c = NULL;
    ck_assert_int_eq(cl_sha384_new(&c, NULL), CL_OK);
    for (size_t i = 0; i < played.page_count; i++) {
        const struct played_page *p = &played.page[i];
        uint8_t r[128] = "MEM.PAGE.ADD";
        put_le64(r + 16, p->gpa);
        ck_assert_int_eq(cl_sha384_update(c, r, 128, NULL), CL_OK);
        for (uint64_t at = 0; p->measured && at < 4096; at += 256) {
            uint8_t x[128] = "MR.EXTEND";
            put_le64(x + 16, p->gpa + at);
            ck_assert_int_eq(cl_sha384_update(c, x, 128, NULL), CL_OK);
            ck_assert_int_eq(cl_sha384_update(c, p->bytes + at, 256, NULL), CL_OK);
        }
    }
    ck_assert_int_eq(cl_sha384_final(c, ret, NULL), CL_OK);
    cl_sha384_free(c);
}

static void expect_launch(void)
{
    uint8_t digest[48], want[48];
    static const uint8_t zeros[4096];
    struct tee_rom rom;
    struct cl_err err = {0};
    struct tee_launch l = our_launch(&rom);
    begun();
    ck_assert_msg(launch(&l, digest, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(played.page_count, 16 + 15 + 2 + 1);
    for (size_t i = 0; i < played.page_count; i++) {
        ck_assert(played.page[i].measured == (i < 16 || i == 33));
    }
    ck_assert_mem_eq(played.page[0].bytes, image.data, 4096);
    ck_assert_uint_eq(played.page[16].gpa, 0x1000);
    ck_assert_mem_eq(played.page[30].bytes, zeros, 4096);
    ck_assert_uint_eq(played.page[31].gpa, 0x13000);
    ck_assert_uint_eq(played.page[31].bytes[0], 1); /* PHIT */
    ck_assert_uint_eq(played.page[33].gpa, 0x10000);
    ck_assert_mem_eq(played.page[33].bytes, zeros, 0xc00);
    uint8_t table[TEE_HASH_TABLE_SIZE];
    tee_hash_table_build(table, &l.hashes);
    ck_assert_mem_eq(played.page[33].bytes + 0xc00, table, sizeof(table));
    mrtd_of_played(want);
    ck_assert_mem_eq(digest, want, 48);
}

START_TEST(test_launch)
{
    expect_launch();
    /* What it was created with. */
    ck_assert_uint_eq(played.vm.attributes, 1ull << 28);
    ck_assert_uint_eq(played.vm.xfam, 0x602e7);
    ck_assert_uint_eq(played.vm.mr_config_id[0], 0xc1);
    ck_assert_uint_eq(played.vm.mr_config_id[47], 0xc1);
    ck_assert_uint_eq(played.vm.mr_owner[0] | played.vm.mr_owner_config[0], 0);
    ck_assert_uint_eq(played.vm_entries, 3);
    ck_assert_uint_eq(played.vm_cpuid[0].eax, 0x000c06f2);
    ck_assert_uint_eq(played.vm_cpuid[0].ebx, 0x00020000);
    ck_assert_uint_eq(played.vm_cpuid[0].ecx, 0x80000000);
    ck_assert_uint_eq(played.vm_cpuid[1].index, 1);
    ck_assert_uint_eq(played.vm_cpuid[1].eax, 2);
    ck_assert_uint_eq(played.vm_cpuid[2].eax, 0x0030002e); /* 48 bits */
    ck_assert_uint_eq(played.tsc_set, 2100000);
    ck_assert_uint_eq(played.bus_set, 40);
    ck_assert_uint_eq(played.hypercalls, 1 << 12);
    ck_assert_uint_eq(played.vcpus, 2);
    ck_assert_uint_eq(played.hob, 0x13000);
    ck_assert_uint_eq(played.private_bytes, RAM_SIZE + 0x10000); /* all but the window */
}
END_TEST

/* A slow KVM, one that asks again, one that does not write back, one short of entropy. */
START_TEST(test_slow_kvm)
{
    played.region_pages = _i == 0 ? 3 : 0;
    played.region_again = _i == 1;
    played.region_silent = _i == 2;
    played.no_entropy = _i == 3 ? 3 : 0;
    played.capability_entries = _i == 4 ? 500 : 4;
    expect_launch();
}
END_TEST

START_TEST(test_cpuid_of_a_vcpu)
{
    struct tee_cpuid c;
    tdx_image_ours(&image);
    begun();
    make_cpuid(&c);
    c.entry[c.head.nent++] = (struct kvm_cpuid_entry2){.function = 0x0b, .edx = 1};
    ck_assert_int_eq(ops->vcpu_cpuid(td, vcpus[1], &c, NULL), CL_OK);
    ck_assert_uint_eq(c.head.nent, 7);
    ck_assert_uint_eq(c.entry[0].eax, 0xc06f2);
    ck_assert_uint_eq(c.entry[0].ebx, 0x01100800); /* the APIC id stays ours */
    ck_assert_uint_eq(c.entry[4].edx, 1);          /* and the topology */
    ck_assert_uint_eq(c.entry[5].function, 0x21);
    ck_assert_uint_eq(c.entry[6].function, 0x15);
    ck_assert_uint_eq(c.entry[6].eax, 1);
    ck_assert_uint_eq(c.entry[6].ebx, 84); /* times 25 MHz */
    ck_assert_uint_eq(c.entry[6].ecx, 25000000);
    c.head.nent = TEE_CPUID_MAX;
    c.entry[5].function = c.entry[6].function = 0x99;
    ck_assert_int_eq(ops->vcpu_cpuid(td, vcpus[1], &c, NULL), CL_ERR_UNSUPPORTED);
}
END_TEST

START_TEST(test_firmware_without_its_parts)
{
    uint8_t digest[48];
    struct tee_rom rom;
    struct cl_err err = {0};
    struct tee_launch l = our_launch(&rom);
    begun();
    struct tee_rom good = rom;
    rom.tdvf_count = 0;
    ck_assert_int_eq(launch(&l, digest, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "firmware: TDVF: expected a section for the TD HOB, got none");
    rom = good;
    rom.has_hash_area = false;
    ck_assert_int_eq(launch(&l, digest, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "firmware: GUID table: expected a hash area, got none");
    rom = good;
    rom.hash_gpa = 0x10f51; /* the table would end one byte behind its page */
    ck_assert_int_eq(launch(&l, digest, &err), CL_ERR_MALFORMED);
    rom.hash_gpa = 0x14000;
    ck_assert_int_eq(launch(&l, digest, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "firmware: hash area: expected outside of TDVF section 2, got 0x14000");
    rom = good;
    rom.tdvf[1].gpa = RAM_SIZE;
    ck_assert_int_eq(launch(&l, digest, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "firmware: section at 0x1000000: expected inside the guest's RAM, "
                              "got 0xf000 bytes");
    ck_assert(!played.finalized);
}
END_TEST

/* ---- What KVM or the TDX module have not ---- */

START_TEST(test_hosts_without)
{
    struct cl_err err = {0};
    tdx_image_ours(&image);
    static const struct {
        uint32_t capability;
        const char *words;
    } absent[] = {{235, "VMs of type TDX"},           {234, "private memory"},
                  {231, "slots with private memory"}, {233, "the private attribute"},
                  {232, "memory fault exits"},        {201, "page state exits"},
                  {237, "an APIC clock of 25 MHz"}};
    if ((size_t)_i < CL_ARRAY_LEN(absent)) {
        char want[128];
        played.absent_capability = absent[_i].capability;
        (void)snprintf(want, sizeof(want), "KVM: expected %s, got a KVM without", absent[_i].words);
        ck_assert_int_eq(begin(&err), CL_ERR_UNAVAILABLE);
        ck_assert_str_eq(err.msg, want);
        return;
    }
    switch (_i) {
    case 7:
        played.attributes = 1;
        ck_assert_int_eq(begin(&err), CL_ERR_UNAVAILABLE);
        ck_assert_ptr_nonnull(strstr(err.msg, "expected SEPT_VE_DISABLE"));
        break;
    case 8:
        played.xfam = 0x602e6;
        ck_assert_int_eq(begin(&err), CL_ERR_UNAVAILABLE);
        break;
    case 9:
        played.max_vcpus = 1;
        ck_assert_int_eq(begin(&err), CL_ERR_UNAVAILABLE);
        ck_assert_str_eq(err.msg, "KVM: expected TDs with 2 vCPUs, got at most 1");
        break;
    case 10:
        played.capability_entries = 1025;
        ck_assert_int_eq(begin(&err), CL_ERR_SYS);
        ck_assert_int_eq(err.sys_errno, E2BIG);
        break;
    case 11:
        played.capability_entries = 2; /* no leaf 0x80000008 */
        ck_assert_int_eq(begin(&err), CL_ERR_UNAVAILABLE);
        break;
    case 12:
        played.hw_error = 0xC000010000000001ull;
        ck_assert_int_eq(begin(&err), CL_ERR_REJECTED);
        ck_assert_str_eq(err.msg, "KVM_TDX_INIT_VM: the TDX module answered 0xc000010000000001, "
                                  "operand invalid");
        break;
    case 13:
        played.tsc_khz = 80000;
        ck_assert_int_eq(begin(&err), CL_ERR_UNAVAILABLE);
        break;
    default:
        played.no_entropy = 100000;
        ck_assert_int_eq(begin(&err), CL_ERR_SYS);
        ck_assert_int_eq(err.sys_errno, EAGAIN);
        break;
    }
}
END_TEST

/* State components that go together, of what a host may offer. */
START_TEST(test_xfam)
{
    static const uint64_t cases[][2] = {{3, 3},
                                        {7, 7},
                                        {0x23, 3},
                                        {0x67, 7},
                                        {0xe3, 3},
                                        {0xe7, 0xe7},
                                        {0x20007, 7},
                                        {0x60007, 0x60007},
                                        {0x5d07, 7},
                                        {0x207, 0x207},
                                        {UINT64_MAX, 0x602e7}};
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct cl_err err = {0};
        tdx_image_ours(&image);
        played.xfam = cases[i][0];
        begun();
        ck_assert_uint_eq(played.vm.xfam, cases[i][1]);
        ops->free(td);
        td = NULL;
        vmm_kvm_close(&kvm, &kvm.vm_fd);
        (void)err;
    }
}
END_TEST

/* The nth ioctl fails, for every n: an error with words, nothing left open. */
START_TEST(test_every_failure)
{
    static const int errors[] = {EIO, ENOMEM, EINVAL, EBUSY};
    unsigned n = 1;
    for (;; n++) {
        uint8_t digest[48];
        struct tee_rom rom;
        struct cl_err err = {0};
        struct tee_launch l = our_launch(&rom);
        played_init(&played);
        played.fail_nth = n;
        played.error = errors[_i];
        memset(ram, 0, 0x20000);
        enum cl_status st = begin(&err);
        st = st == CL_OK ? launch(&l, digest, &err) : st;
        bool reached = played.ioctls >= n;
        ck_assert_msg((st == CL_OK) == !reached, "%u: %s", n, err.msg);
        ck_assert(st == CL_OK || err.msg[0] != '\0');
        ops->free(td);
        td = NULL;
        vmm_kvm_close(&kvm, &kvm.vm_fd);
        ck_assert_uint_eq(played.open_fds, 0);
        if (!reached) {
            break;
        }
    }
    ck_assert_uint_gt(n, 30);
}
END_TEST

/* ---- Exits ---- */

static struct kvm_run *run;

static enum tee_exit leave(uint32_t reason, uint32_t *ret_code, struct cl_err *err)
{
    run->exit_reason = reason;
    return ops->handle_exit(td, 1, run, ret_code, err);
}

static uint64_t vmcall(uint64_t nr, uint64_t a, uint64_t b)
{
    struct kc_exit_tdx x = {.nr = nr, .ret = 77, .get_quote = {a, b}};
    memcpy(kc_exit_data(run), &x, sizeof(x));
    ck_assert_int_eq(leave(KC_EXIT_TDX, NULL, NULL), TEE_EXIT_DONE);
    memcpy(&x, kc_exit_data(run), sizeof(x));
    return x.ret;
}

static void running(void)
{
    run = map(4096);
    tdx_image_ours(&image);
    begun();
}

START_TEST(test_pages_that_turn)
{
    running();
    run->hypercall.nr = 12;
    run->hypercall.args[0] = 0x200000;
    run->hypercall.args[1] = 2;
    run->hypercall.args[2] = 0;
    ck_assert_int_eq(leave(KVM_EXIT_HYPERCALL, NULL, NULL), TEE_EXIT_DONE);
    ck_assert_uint_eq(run->hypercall.ret, 0);
    ck_assert_uint_eq(played.last_attributes.gpa, 0x200000);
    ck_assert_uint_eq(played.last_attributes.size, 0x2000);
    ck_assert_uint_eq(played.last_attributes.attributes, 0);
    ck_assert_uint_eq(played.punched, 1);
    run->hypercall.args[0] = 0xffff0000; /* the firmware */
    ck_assert_int_eq(leave(KVM_EXIT_HYPERCALL, NULL, NULL), TEE_EXIT_DONE);
    ck_assert_uint_eq(run->hypercall.ret, (uint64_t)-EINVAL);
    struct kc_exit_memory_fault f = {.flags = 8, .gpa = 0x200000, .size = 0x1000};
    memcpy(kc_exit_data(run), &f, sizeof(f));
    ck_assert_int_eq(leave(KC_EXIT_MEMORY_FAULT, NULL, NULL), TEE_EXIT_DONE);
    ck_assert_uint_eq(played.last_attributes.attributes, 8);
    f.gpa = 0x80000000; /* the window has no private side */
    memcpy(kc_exit_data(run), &f, sizeof(f));
    ck_assert_int_eq(leave(KC_EXIT_MEMORY_FAULT, NULL, NULL), TEE_EXIT_FAILED);
    ck_assert_int_eq(leave(KVM_EXIT_DEBUG, NULL, NULL), TEE_EXIT_UNKNOWN);
}
END_TEST

START_TEST(test_questions)
{
    struct kc_exit_tdx x;
    running();
    ck_assert_uint_eq(vmcall(KC_VMCALL_INFO, 1, 5), KC_VMCALL_OK);
    memcpy(&x, kc_exit_data(run), sizeof(x));
    ck_assert_uint_eq(x.info.r11, 2);
    ck_assert_uint_eq(x.info.r12 | x.info.r13 | x.info.r14, 0);
    ck_assert_uint_eq(vmcall(KC_VMCALL_INFO, 0, 5), KC_VMCALL_OK);
    memcpy(&x, kc_exit_data(run), sizeof(x));
    ck_assert_uint_eq(x.info.r11, 0);
    ck_assert_uint_eq(vmcall(KC_VMCALL_INFO, 2, 0), KC_VMCALL_INVALID);
    ck_assert_uint_eq(vmcall(KC_VMCALL_EVENT_NOTIFY, 31, 0), KC_VMCALL_INVALID);
    ck_assert_uint_eq(vmcall(KC_VMCALL_EVENT_NOTIFY, 256, 0), KC_VMCALL_INVALID);
    ck_assert_uint_eq(vmcall(KC_VMCALL_EVENT_NOTIFY, 1ull << 32 | 40, 0), KC_VMCALL_INVALID);
    ck_assert_uint_eq(vmcall(KC_VMCALL_EVENT_NOTIFY, 32, 0), KC_VMCALL_OK);
    ck_assert_uint_eq(vmcall(KC_VMCALL_EVENT_NOTIFY, 255, 0), KC_VMCALL_OK);
    ck_assert_uint_eq(vmcall(0x10005, 0, 0), KC_VMCALL_UNSUPPORTED);
}
END_TEST

static void fatal(uint64_t r12, uint64_t r13, const char text[static 64])
{
    static const int order[] = {14, 15, 3, 7, 6, 8, 9, 2};
    memset(run, 0, sizeof(*run));
    run->system_event.type = 7;
    run->system_event.ndata = 16;
    run->system_event.data[12] = r12;
    run->system_event.data[13] = r13;
    for (size_t i = 0; i < 8; i++) {
        uint64_t word = 0;
        memcpy(&word, text + 8 * i, 8);
        run->system_event.data[order[i]] = word;
    }
}

START_TEST(test_guests_that_give_up)
{
    static const char words[64] = "TD misconfiguration: SEPT_VE_DISABLE\n\x1b[31m attribute";
    char whole[64];
    uint32_t code = 0;
    struct cl_err err = {0};
    running();
    fatal(5ull << 32 | 54, 0, words);
    ck_assert_int_eq(leave(KVM_EXIT_SYSTEM_EVENT, &code, &err), TEE_EXIT_REFUSED);
    ck_assert_uint_eq(code, 54);
    fatal(0, 0, words);
    ck_assert_int_eq(leave(KVM_EXIT_SYSTEM_EVENT, &code, &err), TEE_EXIT_PANIC);
    ck_assert_str_eq(err.msg, "the guest's kernel gave up with code 0x0: TD misconfiguration: "
                              "SEPT_VE_DISABLE..[31m attribute");
    fatal(5ull << 32 | 54, 1, words); /* not as stage0 does it */
    ck_assert_int_eq(leave(KVM_EXIT_SYSTEM_EVENT, &code, &err), TEE_EXIT_PANIC);
    fatal(1ull << 63 | 5ull << 32 | 54, 0, words);
    ck_assert_int_eq(leave(KVM_EXIT_SYSTEM_EVENT, &code, &err), TEE_EXIT_PANIC);
    memset(whole, 'x', sizeof(whole)); /* no NUL */
    fatal(4ull << 32, 0, whole);
    ck_assert_int_eq(leave(KVM_EXIT_SYSTEM_EVENT, &code, &err), TEE_EXIT_PANIC);
    ck_assert_ptr_nonnull(strstr(err.msg, "0x400000000: xxxxxxxx"));
    run->system_event.ndata = 0;
    ck_assert_int_eq(leave(KVM_EXIT_SYSTEM_EVENT, &code, &err), TEE_EXIT_PANIC);
    ck_assert_str_eq(err.msg, "the guest's kernel gave up with code 0x0: (no words)");
    run->system_event.ndata = UINT32_MAX;
    ck_assert_int_eq(leave(KVM_EXIT_SYSTEM_EVENT, &code, &err), TEE_EXIT_PANIC);
    run->system_event.type = 6;
    ck_assert_int_eq(leave(KVM_EXIT_SYSTEM_EVENT, &code, &err), TEE_EXIT_UNKNOWN);
}
END_TEST

/* ---- Quotes ---- */

#define QUOTE_GPA 0x300000u

static uint8_t *quote_buffer(uint64_t version, uint32_t in_len)
{
    uint8_t *b = ram + QUOTE_GPA;
    memset(b, 0, 0x4000);
    put_le64(b, version);
    put_le(b + 16, in_len, 4);
    put_le(b + 20, 0x77, 4);
    memset(b + 24, 0xab, 1024);
    return b;
}

static uint64_t status_of(const uint8_t *b)
{
    uint64_t s = 0;
    memcpy(&s, b + 8, 8);
    return s;
}

static uint32_t out_len_of(const uint8_t *b)
{
    uint32_t n = 0;
    memcpy(&n, b + 20, 4);
    return n;
}

START_TEST(test_quote)
{
    static uint8_t quote[0x4000];
    memset(quote, 0xcd, sizeof(quote));
    running();
    uint8_t *b = quote_buffer(1, 1024);
    ck_assert_uint_eq(vmcall(KC_VMCALL_GET_QUOTE, QUOTE_GPA, 0x4000), KC_VMCALL_OK);
    ck_assert_uint_eq(status_of(b), UINT64_MAX);
    ck_assert_uint_eq(submitted.report[0] & submitted.report[1023], 0xab);
    ck_assert_ptr_eq(submitted.buffer, b);
    memset(b, 0xff, 0x4000); /* whatever the guest does meanwhile */
    ops->quote_done(td, &submitted, TEE_QUOTE_OK, quote, 0x4000 - 24);
    ck_assert_uint_eq(status_of(b), 0);
    ck_assert_uint_eq(out_len_of(b), 0x4000 - 24);
    ck_assert_mem_eq(b + 24, quote, 0x4000 - 24);
    ck_assert_uint_eq(played.msis, 0); /* nobody asked to be told */
    ck_assert_uint_eq(vmcall(KC_VMCALL_EVENT_NOTIFY, 0x41, 0), KC_VMCALL_OK);
    ops->quote_done(td, &submitted, TEE_QUOTE_OK, quote, 0x4000 - 23); /* has no room */
    ck_assert_uint_eq(status_of(b), 0x8000000000000000ull);
    ck_assert_uint_eq(out_len_of(b), 0);
    ck_assert_uint_eq(played.msis, 1);
    ck_assert_uint_eq(played.msi.address_lo, 0xfee01000); /* CPU 1 */
    ck_assert_uint_eq(played.msi.data, 0x41);
    ops->quote_done(td, &submitted, TEE_QUOTE_UNAVAILABLE, NULL, 0);
    ck_assert_uint_eq(status_of(b), 0x8000000000000001ull);
    ops->quote_done(td, &submitted, TEE_QUOTE_FAILED, NULL, 0);
    ck_assert_uint_eq(status_of(b), 0x8000000000000000ull);
    ck_assert_uint_eq(played.msis, 3);
    ops->quote_done(td, &submitted, TEE_QUOTE_OK, quote, 1);
    ck_assert_uint_eq(status_of(b), 0);
    ck_assert_uint_eq(played.msis, 4); /* of a quote as of each failure */
}
END_TEST

START_TEST(test_quote_refusals)
{
    static const struct {
        uint64_t gpa, size, ret;
    } calls[] = {
        {QUOTE_GPA + 1, 0x4000, KC_VMCALL_ALIGN},
        {QUOTE_GPA, 0x4001, KC_VMCALL_ALIGN},
        {QUOTE_GPA, 0, KC_VMCALL_INVALID},
        {QUOTE_GPA, 0x21000, KC_VMCALL_INVALID},
        {QUOTE_GPA, UINT64_MAX & ~0xfffull, KC_VMCALL_INVALID},
        {RAM_SIZE - 0x1000, 0x2000, KC_VMCALL_INVALID},
        {RAM_SIZE, 0x1000, KC_VMCALL_INVALID},
        {0xffff0000, 0x1000, KC_VMCALL_INVALID}, /* the firmware */
        {0x80000000, 0x1000, KC_VMCALL_INVALID}, /* the window */
    };
    running();
    put_le64(image.data, 1); /* the firmware's first bytes look like a request */
    put_le(image.data + 16, 1024, 4);
    for (size_t i = 0; i < CL_ARRAY_LEN(calls); i++) {
        (void)quote_buffer(1, 1024);
        ck_assert_uint_eq(vmcall(KC_VMCALL_GET_QUOTE, calls[i].gpa, calls[i].size), calls[i].ret);
    }
    uint8_t *b = quote_buffer(2, 1024);
    ck_assert_uint_eq(vmcall(KC_VMCALL_GET_QUOTE, QUOTE_GPA, 0x1000), KC_VMCALL_INVALID);
    b = quote_buffer(1, 1023);
    ck_assert_uint_eq(vmcall(KC_VMCALL_GET_QUOTE, QUOTE_GPA, 0x1000), KC_VMCALL_OK);
    ck_assert_uint_eq(status_of(b), 0x8000000000000000ull);
    b = quote_buffer(1, UINT32_MAX);
    ck_assert_uint_eq(vmcall(KC_VMCALL_GET_QUOTE, QUOTE_GPA, 0x1000), KC_VMCALL_OK);
    ck_assert_uint_eq(status_of(b), 0x8000000000000000ull);
    ck_assert_ptr_null(submitted.buffer);
    b = quote_buffer(1, 1024);
    room = false;
    ck_assert_uint_eq(vmcall(KC_VMCALL_GET_QUOTE, QUOTE_GPA, 0x1000), KC_VMCALL_RETRY);
    ck_assert_uint_eq(status_of(b), 0x8000000000000000ull);
}
END_TEST

START_TEST(test_quote_without_a_service)
{
    struct tee_config cfg = {.kvm = &kvm, .cpu_count = 1};
    struct tee_cpuid cpuid;
    run = map(4096);
    make_cpuid(&cpuid);
    ck_assert_int_eq(ops->open(&cfg, &td, NULL), CL_OK);
    ck_assert_int_eq(ops->create_vm(td, &kvm.vm_fd, NULL), CL_OK);
    struct tee_memory low = {.slot = 0, .gpa = 0, .size = RAM_SIZE, .hva = ram};
    ck_assert_int_eq(ops->add_memory(td, &low, NULL), CL_OK);
    uint8_t *b = quote_buffer(1, 1024);
    ck_assert_uint_eq(vmcall(KC_VMCALL_GET_QUOTE, QUOTE_GPA, 0x1000), KC_VMCALL_OK);
    ck_assert_uint_eq(status_of(b), 0x8000000000000001ull);
    ck_assert_uint_eq(out_len_of(b), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tee tdx");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, test_golden_mrtd, 0, 2);
    tcase_add_test(c, test_launch);
    tcase_add_loop_test(c, test_slow_kvm, 0, 5);
    tcase_add_test(c, test_cpuid_of_a_vcpu);
    tcase_add_test(c, test_firmware_without_its_parts);
    tcase_add_loop_test(c, test_hosts_without, 0, 15);
    tcase_add_test(c, test_xfam);
    tcase_add_loop_test(c, test_every_failure, 0, 4);
    tcase_add_test(c, test_pages_that_turn);
    tcase_add_test(c, test_questions);
    tcase_add_test(c, test_guests_that_give_up);
    tcase_add_test(c, test_quote);
    tcase_add_test(c, test_quote_refusals);
    tcase_add_test(c, test_quote_without_a_service);
    suite_add_tcase(s, c);
    return run_suite(s);
}
