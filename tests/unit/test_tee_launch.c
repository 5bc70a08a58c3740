/* SPDX-License-Identifier: Apache-2.0
 * test_tee_launch.c - the firmware's tables, the hash page, the VMSA page, and the order in which
 * all are measured: together they must give the golden launch digest.
 */
#include "tee/tee.h"

#include "base/encode.h"
#include "base/io.h"
#include "check_main.h"
#include "shared_vectors.h"
#include "snp_image.h"
#include "tee/vmsa.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

/* The worked case of snp.md c.6: fw-c-16k, one EPYC-v4, kernel, initrd, command line. */
#define GOLDEN                                                                                     \
    "212e5849b1388209a42cffb5f1500e5bf40452089d2806e64811b41ce39f920a090b9ea8d89fc5971d434cf4d748" \
    "07b2"
#define GOLDEN_SIG 0x00800f12u
#define RAM_SIZE 0x820000u

static struct image image;

static void setup(void)
{
    make_image(&image);
}

START_TEST(test_tables_of_a_good_rom)
{
    struct tee_rom rom;
    struct cl_err err = {0};
    ck_assert_msg(tee_rom_parse(image.data, image.size, &rom, &err) == CL_OK, "%s", err.msg);
    ck_assert(rom.has_ap_entry && rom.has_hash_area);
    ck_assert_uint_eq(rom.ap_entry, 0x80b004);
    ck_assert_uint_eq(rom.hash_gpa, 0x810c00);
    ck_assert_uint_eq(rom.hash_size, 0x400);
    ck_assert_uint_eq(rom.section_count, 6);
    ck_assert_uint_eq(rom.section[4].type, TEE_SECTION_KERNEL_HASHES);
    ck_assert_uint_eq(rom.section[5].gpa, 0x811000);
    ck_assert_uint_eq(rom.section[5].size, 0xf000);
}
END_TEST

START_TEST(test_every_truncation_is_refused)
{
    struct tee_rom rom;
    for (size_t len = 0; len < image.size; len += 256) {
        ck_assert_int_eq(tee_rom_parse(image.data, len, &rom, NULL), CL_ERR_MALFORMED);
    }
}
END_TEST

#define END sizeof(image.data)
#define META (END - META_AT)

/* size bytes at `at` become `value`. */
static const struct {
    size_t at;
    size_t size;
    uint32_t value;
    enum cl_status status;
    const char *message;
} bad_rom[] = {
    {END - 48, 1, 0, CL_ERR_MALFORMED, "GUID table: no footer 32 bytes before the end"},
    {END - 50, 2, 17, CL_ERR_MALFORMED, "GUID table: length: expected 18..16352, got 17"},
    {END - 50, 2, 0xffff, CL_ERR_MALFORMED, "GUID table: length: expected 18..16352, got 65535"},
    {END - 50, 2, 20, CL_ERR_MALFORMED, "GUID table: entry 0: 2 bytes left (at most 32 entries)"},
    {END - 68, 2, 17, CL_ERR_MALFORMED, "GUID table: entry 0: length: expected 18..70, got 17"},
    {END - 68, 2, 71, CL_ERR_MALFORMED, "GUID table: entry 0: length: expected 18..70, got 71"},
    {END - 68, 2, 23, CL_ERR_MALFORMED, NULL}, /* a reset block of five bytes */
    {END - 68, 2, 21, CL_ERR_TRUNCATED, NULL}, /* of three */
    {META, 1, 'X', CL_ERR_MALFORMED, "SEV metadata: no \"ASEV\" at its start"},
    {META + 4, 4, 87, CL_ERR_MALFORMED, "SEV metadata: 6 sections (at most 16) in 87 bytes"},
    {META + 8, 4, 2, CL_ERR_UNSUPPORTED, "SEV metadata: version: expected 1, got 2"},
    {META + 12, 4, 17, CL_ERR_MALFORMED, "SEV metadata: 17 sections (at most 16) in 88 bytes"},
    {META + 12, 4, UINT32_MAX, CL_ERR_MALFORMED,
     "SEV metadata: 4294967295 sections (at most 16) in 88 bytes"},
    {META + 16, 4, 0x800001, CL_ERR_MALFORMED,
     "SEV metadata: section 0: expected whole pages, got 0x9000 bytes at 0x800001"},
    {META + 20, 4, 0, CL_ERR_MALFORMED,
     "SEV metadata: section 0: expected whole pages, got 0x0 bytes at 0x800000"},
    {META + 20, 4, 0x1001, CL_ERR_MALFORMED,
     "SEV metadata: section 0: expected whole pages, got 0x1001 bytes at 0x800000"},
    {META + 20, 4, 0xfffff000, CL_ERR_MALFORMED,
     "SEV metadata: section 0: expected whole pages, got 0xfffff000 bytes at 0x800000"},
    {META + 24, 4, 5, CL_ERR_UNSUPPORTED,
     "SEV metadata: section 0: type: expected 1..4 or 0x10, got 0x5"},
    {META + 24, 4, 0, CL_ERR_UNSUPPORTED,
     "SEV metadata: section 0: type: expected 1..4 or 0x10, got 0x0"},
    {META + 28, 4, 0x808000, CL_ERR_MALFORMED, "SEV metadata: section 1 overlaps section 0"},
    {META + 44, 4, 0x2000, CL_ERR_MALFORMED,
     "SEV metadata: section 2: size: expected 0x1000, got 0x2000"},
    {META + 60, 4, 2, CL_ERR_MALFORMED, "SEV metadata: section 3: second section of type 0x2"},
    {META + 64, 4, 0x820000, CL_ERR_MALFORMED,
     "GUID table: hash area: expected inside the section at 0x820000, got 0x400 bytes at 0x810c00"},
};

START_TEST(test_bad_rom)
{
    struct tee_rom rom;
    struct cl_err err = {0};
    put_le(image.data + bad_rom[_i].at, bad_rom[_i].value, bad_rom[_i].size);
    enum cl_status st = tee_rom_parse(image.data, image.size, &rom, &err);
    ck_assert_msg(st == bad_rom[_i].status, "%d: %s", st, err.msg);
    if (bad_rom[_i].message != NULL) {
        ck_assert_str_eq(err.msg, bad_rom[_i].message);
    }
}
END_TEST

START_TEST(test_metadata_offset_out_of_bounds)
{
    struct tee_rom rom;
    struct cl_err err = {0};
    /* footer 18, reset 22, hashes 26, then the metadata entry: offset, length, GUID */
    size_t at = END - 32 - 18 - 22 - 26 - 22;
    static const uint32_t offsets[] = {0, 15, (uint32_t)END + 1, UINT32_MAX};
    for (size_t i = 0; i < CL_ARRAY_LEN(offsets); i++) {
        put_le(image.data + at, offsets[i], 4);
        ck_assert_int_eq(tee_rom_parse(image.data, image.size, &rom, &err), CL_ERR_MALFORMED);
        ck_assert_ptr_nonnull(strstr(err.msg, "SEV metadata: offset: expected 16..16384, got "));
    }
}
END_TEST

START_TEST(test_vmsa_equals_the_golden_pages)
{
    static const struct {
        const char *name;
        uint32_t ap;
    } golden[] = {{"snp/launch/vmsa-qemu-bsp.bin", 0}, {"snp/launch/vmsa-qemu-ap.bin", 0x80b004}};
    if (!shared_available("snp/launch")) {
        return;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(golden); i++) {
        char path[1024];
        uint8_t page[4096];
        CL_CLEANUP(cl_buf_done) struct cl_buf want = {0};
        shared_path(path, "%s", golden[i].name);
        read_whole(path, &want);
        tee_vmsa_build(page, golden[i].ap, GOLDEN_SIG, 1);
        ck_assert_uint_eq(want.len, sizeof(page));
        ck_assert_mem_eq(page, want.data, sizeof(page));
    }
}
END_TEST

/* A TEE that computes the digest of snp.md (c) from what it is told. */
struct tee {
    uint8_t digest[48];
    unsigned cpu_count;
    bool finished;
};

static struct tee fake;
static uint8_t *ram;

static void extend(enum tee_page_type type, uint64_t gpa, const uint8_t *page)
{
    uint8_t info[0x70] = {0};
    struct cl_writer w = cl_writer_init(info, sizeof(info));
    uint8_t contents[48] = {0};
    if (type == TEE_PAGE_NORMAL || type == TEE_PAGE_VMSA) {
        ck_assert_int_eq(cl_sha384(contents, page, 4096, NULL), CL_OK);
    }
    cl_writer_bytes(&w, fake.digest, 48);
    cl_writer_bytes(&w, contents, 48);
    cl_writer_le16(&w, 0x70);
    cl_writer_u8(&w, (uint8_t)type);
    cl_writer_zero(&w, 5);
    cl_writer_le64(&w, gpa);
    ck_assert_int_eq(cl_sha384(fake.digest, info, sizeof(info), NULL), CL_OK);
}

static enum cl_status fake_start(struct tee *t, struct cl_err *err)
{
    (void)err;
    *t = (struct tee){.cpu_count = t->cpu_count};
    return CL_OK;
}

static enum cl_status fake_place(struct tee *t, enum tee_page_type type, uint64_t gpa,
                                 const void *hva, size_t size, struct cl_err *err)
{
    (void)t;
    (void)err;
    for (size_t at = 0; at < size; at += 4096) {
        extend(type, gpa + at, (const uint8_t *)hva + at);
    }
    return CL_OK;
}

static enum cl_status fake_take(struct tee *t, const int *vcpu_fd, struct cl_err *err)
{
    (void)t;
    (void)vcpu_fd;
    (void)err;
    return CL_OK;
}

static enum cl_status fake_vcpus(struct tee *t, uint32_t ap_entry, struct cl_err *err)
{
    uint8_t page[4096];
    (void)err;
    for (unsigned i = 0; i < t->cpu_count; i++) {
        tee_vmsa_build(page, i == 0 ? 0 : ap_entry, GOLDEN_SIG, 1);
        extend(TEE_PAGE_VMSA, TEE_VMSA_GPA, page);
    }
    return CL_OK;
}

static enum cl_status fake_finish(struct tee *t, uint8_t ret_digest[static 48], bool *ret_measured,
                                  struct cl_err *err)
{
    (void)err;
    memcpy(ret_digest, t->digest, 48);
    *ret_measured = true;
    t->finished = true;
    return CL_OK;
}

static const struct tee_ops fake_ops = {
    .launch_start = fake_start,
    .take_vcpus = fake_take,
    .place_page = fake_place,
    .start_vcpus = fake_vcpus,
    .finish = fake_finish,
};

static void *ram_view(void *ctx, uint64_t gpa, uint64_t size)
{
    (void)ctx;
    return gpa + size <= RAM_SIZE ? ram + gpa : NULL;
}

static struct tee_launch golden_launch(struct tee_rom *rom)
{
    static uint8_t kernel[5000];
    static char initrd[16 * 257 + 1];
    static const char cmdline[] = "console=ttyS0 panic=-1";
    for (size_t i = 0; i < sizeof(kernel); i++) {
        kernel[i] = (uint8_t)((i ^ (i >> 8)) & 0xff);
    }
    for (size_t i = 0; i < 257; i++) {
        memcpy(initrd + 16 * i, "cloister-initrd\n", 16);
    }
    struct tee_launch l = {
        .rom = rom, .rom_data = image.data, .rom_size = image.size, .ram = ram_view};
    fake = (struct tee){.cpu_count = 1};
    ck_assert_int_eq(tee_rom_parse(image.data, image.size, rom, NULL), CL_OK);
    ck_assert_int_eq(cl_sha256(l.hashes.kernel, kernel, sizeof(kernel), NULL), CL_OK);
    ck_assert_int_eq(cl_sha256(l.hashes.initrd, initrd, 16 * 257, NULL), CL_OK);
    ck_assert_int_eq(cl_sha256(l.hashes.cmdline, cmdline, sizeof(cmdline), NULL), CL_OK);
    ram = calloc(1, RAM_SIZE);
    ck_assert_ptr_nonnull(ram);
    return l;
}

START_TEST(test_launch_gives_the_golden_digest)
{
    struct tee_rom rom;
    struct tee_launch l = golden_launch(&rom);
    uint8_t digest[48];
    char hex[97];
    bool measured = false;
    ck_assert_int_eq(fake_ops.launch_start(&fake, NULL), CL_OK);
    ck_assert_int_eq(tee_launch(&fake_ops, &fake, &l, digest, &measured, NULL), CL_OK);
    ck_assert(measured);
    cl_hex(hex, digest, 48);
    ck_assert_str_eq(hex, GOLDEN);
    free(ram);
}
END_TEST

START_TEST(test_launch_needs_the_hash_page)
{
    struct tee_rom rom;
    struct cl_err err = {0};
    uint8_t digest[48];
    bool measured = false;
    struct tee_launch l = golden_launch(&rom);
    rom.section[4].type = TEE_SECTION_SEC_MEM;
    ck_assert_int_eq(tee_launch(&fake_ops, &fake, &l, digest, &measured, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "firmware: SEV metadata: expected a section of type 0x10, got none");
    rom.section[4].type = TEE_SECTION_KERNEL_HASHES;
    rom.hash_size = TEE_HASH_TABLE_SIZE - 1;
    ck_assert_int_eq(tee_launch(&fake_ops, &fake, &l, digest, &measured, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "firmware: hash area: expected at least 176 bytes, got 175");
    rom.hash_size = 0x400;
    rom.has_ap_entry = false;
    ck_assert_int_eq(tee_launch(&fake_ops, &fake, &l, digest, &measured, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "firmware: GUID table: expected a reset block, got none");
    rom.has_ap_entry = true;
    rom.section[5].gpa = RAM_SIZE;
    ck_assert_int_eq(tee_launch(&fake_ops, &fake, &l, digest, &measured, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "firmware: section at 0x820000: expected inside the guest's RAM, got "
                              "0xf000 bytes");
    ck_assert(!measured && !fake.finished);
    free(ram);
}
END_TEST

/* Answers of a security processor, right and wrong: u32 words after one request was read. */
static const struct {
    uint32_t word[3];
    size_t len;
    enum cl_status status;
    const char *message;
} answers[] = {
    {{1, 4, 0}, 12, CL_OK, NULL},
    {{1, 4, 7},
     12,
     CL_ERR_REJECTED,
     "security processor: launch op 1: status: expected 0, got 0x7"},
    {{2, 4, 0}, 12, CL_ERR_MALFORMED, "security processor: op: expected 1, got 2"},
    {{1, 5, 0}, 12, CL_ERR_MALFORMED, "security processor: length: expected 4, got 5"},
    {{1, 4, 0}, 11, CL_ERR_TRUNCATED, "security processor: expected 12 bytes, got 11"},
    {{1, 4, 0}, 0, CL_ERR_TRUNCATED, "security processor: expected 12 bytes, got 0"},
};

START_TEST(test_answers_of_the_processor)
{
    int fd[2];
    struct vmm_kvm kvm = {0};
    struct tee *t = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    struct tee_config cfg = {.kvm = &kvm, .psp_fd = fd[0], .cpu_count = 1, .cpu_sig = GOLDEN_SIG};
    ck_assert_int_eq(tee_sim_ops.open(&cfg, &t, NULL), CL_OK);
    ck_assert_int_eq(cl_write_all(fd[1], answers[_i].word, answers[_i].len, "x", NULL), CL_OK);
    ck_assert_int_eq(shutdown(fd[1], SHUT_WR), 0);
    ck_assert_int_eq(tee_sim_ops.launch_start(t, &err), answers[_i].status);
    if (answers[_i].message != NULL) {
        ck_assert_str_eq(err.msg, answers[_i].message);
    }
    uint32_t request[4] = {0};
    ck_assert_int_eq(cl_read_all(fd[1], request, sizeof(request), "x", NULL), CL_OK);
    ck_assert_uint_eq(request[0], 1);
    ck_assert_uint_eq(request[1], 8);
    ck_assert_uint_eq(request[2], TEE_SNP_POLICY);
    tee_sim_ops.free(t);
    (void)close(fd[0]);
    (void)close(fd[1]);
}
END_TEST

START_TEST(test_without_a_processor_nobody_measures)
{
    struct vmm_kvm kvm = {0};
    struct tee *t = NULL;
    uint8_t digest[48];
    bool measured = true;
    struct tee_config cfg = {.kvm = &kvm, .psp_fd = -1, .cpu_count = 1};
    ck_assert_int_eq(tee_sim_ops.open(&cfg, &t, NULL), CL_OK);
    ck_assert_int_eq(tee_sim_ops.launch_start(t, NULL), CL_OK);
    ck_assert_int_eq(tee_sim_ops.place_page(t, TEE_PAGE_NORMAL, 0, digest, 0, NULL), CL_OK);
    ck_assert_int_eq(tee_sim_ops.start_vcpus(t, 0, NULL), CL_OK);
    ck_assert_int_eq(tee_sim_ops.finish(t, digest, &measured, NULL), CL_OK);
    ck_assert(!measured);
    ck_assert_int_eq(tee_sim_ops.handle_exit(t, 0, NULL, NULL, NULL), TEE_EXIT_UNKNOWN);
    tee_sim_ops.free(t);
    tee_sim_ops.free(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tee launch");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, NULL);
    tcase_add_test(c, test_tables_of_a_good_rom);
    tcase_add_test(c, test_every_truncation_is_refused);
    tcase_add_loop_test(c, test_bad_rom, 0, (int)CL_ARRAY_LEN(bad_rom));
    tcase_add_test(c, test_metadata_offset_out_of_bounds);
    tcase_add_test(c, test_vmsa_equals_the_golden_pages);
    tcase_add_test(c, test_launch_gives_the_golden_digest);
    tcase_add_test(c, test_launch_needs_the_hash_page);
    tcase_add_loop_test(c, test_answers_of_the_processor, 0, (int)CL_ARRAY_LEN(answers));
    tcase_add_test(c, test_without_a_processor_nobody_measures);
    suite_add_tcase(s, c);
    return run_suite(s);
}
