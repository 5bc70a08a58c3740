/* SPDX-License-Identifier: Apache-2.0
 * test_snp_measure.c - launch digests: golden ones, firmware tables made here, their refusals.
 */
#include "cloister/snp_measure.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "check_main.h"
#include "shared_vectors.h"
#include "snp/measure/measure_internal.h"
#include "snp_image.h"

#include <string.h>

/* ---- golden digests ---- */

static const char *str_or_null(const json_t *c, const char *key)
{
    return json_string_value(json_object_get(c, key));
}

static void config_of_case(const json_t *c, struct cl_snp_measure_config *ret, char paths[3][1024],
                           uint8_t firmware_digest[48])
{
    struct cl_snp_measure_config m = {0};
    char vmm[16] = {0};
    shared_path(paths[0], "snp/launch/%s.bin", str_or_null(c, "image"));
    m.firmware = paths[0];
    if (str_or_null(c, "kernel") != NULL) {
        shared_path(paths[1], "snp/launch/%s", str_or_null(c, "kernel"));
        m.kernel = paths[1];
    }
    if (str_or_null(c, "initrd") != NULL) {
        shared_path(paths[2], "snp/launch/%s", str_or_null(c, "initrd"));
        m.initrd = paths[2];
    }
    m.cmdline = str_or_null(c, "append");
    m.cpus = (uint32_t)json_integer_value(json_object_get(c, "vcpus"));
    m.vcpu_sig = (uint32_t)strtoul(str_or_null(c, "sig"), NULL, 16);
    m.guest_features = strtoull(str_or_null(c, "features"), NULL, 16);
    (void)snprintf(vmm, sizeof(vmm), "%s", str_or_null(c, "vmm"));
    if (strcmp(vmm, "QEMU") == 0) {
        memcpy(vmm, "qemu", 5);
    }
    ck_assert_int_eq(cl_snp_vmm_parse(vmm, &m.vmm, NULL), CL_OK);
    if (str_or_null(c, "ovmf_hash") != NULL) {
        ck_assert_int_eq(cl_unhex(firmware_digest, 48, str_or_null(c, "ovmf_hash"), "x", NULL),
                         CL_OK);
        m.firmware_digest = firmware_digest;
    }
    if (str_or_null(c, "cpu") != NULL) {
        uint32_t sig = 0;
        ck_assert_int_eq(cl_snp_vcpu_type_parse(str_or_null(c, "cpu"), &sig, NULL), CL_OK);
        ck_assert_uint_eq(sig, m.vcpu_sig);
    }
    *ret = m;
}

START_TEST(test_measure_equals_every_golden_digest)
{
    char path[1024], paths[3][1024], hex[97];
    uint8_t firmware_digest[48];
    struct cl_err err = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    if (!shared_available("snp/launch")) {
        return;
    }
    shared_path(path, "snp/launch/expected.json");
    ck_assert_int_eq(cl_json_read_file(path, 1u << 20, &j, &err), CL_OK);
    const json_t *cases = json_object_get(j, "cases");
    ck_assert_uint_eq(json_array_size(cases), 34);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        struct cl_snp_measure_config m;
        struct cl_snp_measurement out;
        config_of_case(c, &m, paths, firmware_digest);
        ck_assert_msg(cl_snp_measure(&m, &out, &err) == CL_OK, "case %zu: %s", i, err.msg);
        cl_hex(hex, out.digest, 48);
        ck_assert_msg(strcmp(hex, str_or_null(c, "digest")) == 0, "case %zu: %s", i, hex);
        if (m.vmm == CL_SNP_VMM_QEMU) { /* our own VMM measures the same */
            m.vmm = CL_SNP_VMM_CLOISTER;
            ck_assert_int_eq(cl_snp_measure(&m, &out, &err), CL_OK);
            cl_hex(hex, out.digest, 48);
            ck_assert_str_eq(hex, str_or_null(c, "digest"));
        }
    }
}
END_TEST

START_TEST(test_measure_firmware_alone_equals_golden)
{
    char path[1024], hex[97];
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *name = NULL;
    json_t *image = NULL;
    if (!shared_available("snp/launch")) {
        return;
    }
    shared_path(path, "snp/launch/expected.json");
    ck_assert_int_eq(cl_json_read_file(path, 1u << 20, &j, NULL), CL_OK);
    json_object_foreach(json_object_get(j, "images"), name, image)
    {
        uint8_t digest[48];
        shared_path(path, "snp/launch/%s.bin", name);
        ck_assert_int_eq(cl_snp_measure_firmware(path, digest, NULL), CL_OK);
        cl_hex(hex, digest, 48);
        ck_assert_str_eq(hex, str_or_null(image, "ovmf_hash"));
    }
}
END_TEST

struct trace {
    const json_t *steps;
    size_t seen;
};

static void compare_step(void *ctx, const struct cl_snp_page *page)
{
    struct trace *t = ctx;
    char hex[97];
    const json_t *step = json_array_get(t->steps, t->seen);
    ck_assert_uint_eq(page->index, t->seen);
    ck_assert_int_eq(page->type, json_integer_value(json_object_get(step, "type")));
    ck_assert(page->gpa == strtoull(str_or_null(step, "gpa"), NULL, 16));
    cl_hex(hex, page->content, 48);
    ck_assert_str_eq(hex, str_or_null(step, "contents"));
    cl_hex(hex, page->digest, 48);
    ck_assert_str_eq(hex, str_or_null(step, "ld"));
    t->seen++;
}

static void check_trace(const char *trace_name, const char *image, bool kernel)
{
    char path[1024], fw[1024], k[1024], i[1024];
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    shared_path(path, "snp/launch/%s", trace_name);
    shared_path(fw, "snp/launch/%s", image);
    shared_path(k, "snp/launch/kernel.bin");
    shared_path(i, "snp/launch/initrd.bin");
    ck_assert_int_eq(cl_json_read_file(path, 1u << 20, &j, NULL), CL_OK);
    struct trace t = {.steps = j};
    struct cl_snp_measurement out;
    struct cl_snp_measure_config m = {.firmware = fw,
                                      .cpus = 1,
                                      .vcpu_sig = 0x800F12,
                                      .guest_features = 1,
                                      .vmm = CL_SNP_VMM_QEMU,
                                      .page = compare_step,
                                      .page_ctx = &t};
    if (kernel) {
        m.kernel = k;
        m.initrd = i;
        m.cmdline = "console=ttyS0 panic=-1";
    }
    ck_assert_int_eq(cl_snp_measure(&m, &out, NULL), CL_OK);
    ck_assert_uint_eq(t.seen, json_array_size(j));
    ck_assert_uint_eq(out.page_count, json_array_size(j));
}

START_TEST(test_measure_explains_every_page_as_the_traces)
{
    if (!shared_available("snp/launch")) {
        return;
    }
    check_trace("trace-fw-b-8k-1vcpu-epyc-v4.json", "fw-b-8k.bin", false);
    check_trace("trace-fw-c-16k-kernel-initrd-append.json", "fw-c-16k.bin", true);
}
END_TEST

START_TEST(test_vmsa_pages_equal_golden)
{
    static const struct {
        const char *file;
        enum cl_snp_vmm vmm;
        bool bsp;
    } pages[] = {
        {"qemu-bsp", CL_SNP_VMM_QEMU, true}, {"qemu-ap", CL_SNP_VMM_QEMU, false},
        {"ec2-bsp", CL_SNP_VMM_EC2, true},   {"ec2-ap", CL_SNP_VMM_EC2, false},
        {"gce-bsp", CL_SNP_VMM_GCE, true},   {"gce-ap", CL_SNP_VMM_GCE, false},
    };
    if (!shared_available("snp/launch")) {
        return;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(pages); i++) {
        char path[1024];
        uint8_t page[SNP_PAGE_SIZE];
        CL_CLEANUP(cl_buf_done) struct cl_buf want = {0};
        shared_path(path, "snp/launch/vmsa-%s.bin", pages[i].file);
        read_whole(path, &want);
        ck_assert_uint_eq(want.len, sizeof(page));
        snp_vmsa_build(page, pages[i].vmm, pages[i].bsp, 0x80B004, 0x800F12, 1);
        ck_assert_msg(memcmp(page, want.data, sizeof(page)) == 0, "%s", pages[i].file);
    }
}
END_TEST

/* ---- images made here ---- */

static enum cl_status memory_read_at(void *ctx, uint64_t offset, void *dst, size_t n,
                                     struct cl_err *err)
{
    (void)err;
    const struct image *im = ctx;
    ck_assert(offset <= im->size && n <= im->size - offset); /* the parser asks inside only */
    memcpy(dst, im->data + offset, n);
    return CL_OK;
}

static enum cl_status parse(struct image *im, struct snp_rom *rom, struct cl_err *err)
{
    struct launch_image src = {.read_at = memory_read_at, .ctx = im, .size = im->size};
    return snp_rom_parse(&src, rom, err);
}

START_TEST(test_rom_reads_all_tables)
{
    static struct image im;
    struct snp_rom rom;
    make_image(&im);
    ck_assert_int_eq(parse(&im, &rom, NULL), CL_OK);
    ck_assert(rom.has_reset && rom.has_hash_area);
    ck_assert_uint_eq(rom.reset, 0x80B004);
    ck_assert_uint_eq(rom.hash_base, 0x810C00);
    ck_assert_uint_eq(rom.section_count, 6);
    ck_assert_uint_eq(rom.sections[4].type, SNP_SECTION_KERNEL_HASHES);
    ck_assert(rom.base == 0xFFFFC000);
}
END_TEST

START_TEST(test_made_image_has_the_published_digest)
{
    static struct image im;
    char dir[] = "/tmp/cl-measure-XXXXXX";
    char fw[64], kernel[64], initrd[64], hex[97];
    uint8_t data[5000];
    CL_CLEANUP(cl_buf_done) struct cl_buf rd = {0};
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(fw, sizeof(fw), "%s/fw", dir);
    (void)snprintf(kernel, sizeof(kernel), "%s/kernel", dir);
    (void)snprintf(initrd, sizeof(initrd), "%s/initrd", dir);
    make_image(&im);
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)((i ^ (i >> 8)) & 0xFF);
    }
    for (int i = 0; i < 257; i++) {
        ck_assert_int_eq(cl_buf_append_str(&rd, "cloister-initrd\n", NULL), CL_OK);
    }
    ck_assert_int_eq(cl_write_file(fw, im.data, im.size, 0600, NULL), CL_OK);
    ck_assert_int_eq(cl_write_file(kernel, data, sizeof(data), 0600, NULL), CL_OK);
    ck_assert_int_eq(cl_write_file(initrd, rd.data, rd.len, 0600, NULL), CL_OK);
    struct cl_snp_measurement out;
    struct cl_snp_measure_config m = {.firmware = fw,
                                      .kernel = kernel,
                                      .initrd = initrd,
                                      .cmdline = "console=ttyS0 panic=-1",
                                      .cpus = 1,
                                      .vcpu_sig = 0x800F12,
                                      .guest_features = 1};
    ck_assert_int_eq(cl_snp_measure(&m, &out, NULL), CL_OK);
    cl_hex(hex, out.digest, 48); /* snp.md c.6: c, 1, kernel+initrd+append */
    ck_assert_str_eq(hex, "212e5849b1388209a42cffb5f1500e5bf40452089d2806e64811b41ce39f920a"
                          "090b9ea8d89fc5971d434cf4d74807b2");
    /* Every input moves the digest. */
    struct cl_snp_measurement other;
    m.cmdline = "console=ttyS0 panic=-2";
    ck_assert_int_eq(cl_snp_measure(&m, &other, NULL), CL_OK);
    ck_assert(memcmp(out.digest, other.digest, 48) != 0);
    m.cmdline = NULL;
    m.initrd = NULL;
    ck_assert_int_eq(cl_snp_measure(&m, &other, NULL), CL_OK);
    ck_assert(memcmp(out.digest, other.digest, 48) != 0);
    (void)unlink(fw);
    (void)unlink(kernel);
    (void)unlink(initrd);
    (void)rmdir(dir);
}
END_TEST

START_TEST(test_find_names_the_variation)
{
    char fw[] = "/tmp/cl-measure-XXXXXX";
    static struct image im;
    struct cl_snp_measurement m;
    struct cl_snp_variation v;
    uint8_t zero[48] = {0};
    int fd = mkstemp(fw);
    make_image(&im);
    ck_assert_int_eq(cl_write_all(fd, im.data, im.size, "image", NULL), CL_OK);
    const struct cl_snp_measure_config given = {.firmware = fw,
                                                .kernel = fw,
                                                .initrd = fw,
                                                .cmdline = "quiet",
                                                .cpus = 2,
                                                .vcpu_sig = 0x800F12,
                                                .guest_features = 1,
                                                .vmm = CL_SNP_VMM_QEMU};
    const struct {
        struct cl_snp_measure_config other;
        unsigned differences;
        const char *words;
    } rows[] = {
        {given, 0, ""},
        {{fw, fw, fw, "quiet", 2, 0xA10F10, 1, CL_SNP_VMM_QEMU, NULL, NULL, NULL},
         1,
         "--vcpu-type EPYC-Genoa"},
        {{fw, fw, fw, "quiet", 512, 0x800F12, 0x21, CL_SNP_VMM_QEMU, NULL, NULL, NULL},
         2,
         "--cpus 512, --guest-features 21"},
        {{fw, fw, fw, "quiet\n", 2, 0, 1, CL_SNP_VMM_GCE, NULL, NULL, NULL},
         2,
         "--vmm gce, the command line with a line end"},
        {{fw, fw, NULL, "", 1, 0, 1, CL_SNP_VMM_EC2, NULL, NULL, NULL},
         4,
         "--vmm ec2, --cpus 1, no initrd, an empty command line"},
        {{fw, NULL, NULL, NULL, 2, 0x800F12, 1, CL_SNP_VMM_CLOISTER, NULL, NULL, NULL},
         1,
         "no kernel hashes (without --kernel)"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        ck_assert_int_eq(cl_snp_measure(&rows[i].other, &m, NULL), CL_OK);
        ck_assert_int_eq(cl_snp_measure_find(&given, m.digest, &v, NULL), CL_OK);
        ck_assert_str_eq(v.words, rows[i].words);
        ck_assert_uint_eq(v.differences, rows[i].differences);
    }
    ck_assert_int_eq(cl_snp_measure_find(&given, m.firmware_digest, &v, NULL), CL_OK);
    ck_assert_str_eq(v.words, "the firmware pages alone");
    ck_assert_int_eq(cl_snp_measure_find(&given, zero, &v, NULL), CL_ERR_REJECTED);
    (void)close(fd);
    (void)unlink(fw);
}
END_TEST

static void expect(struct image *im, enum cl_status st, const char *msg)
{
    struct snp_rom rom;
    struct cl_err err = {0};
    ck_assert_int_eq(parse(im, &rom, &err), st);
    ck_assert_str_eq(err.msg, msg);
}

START_TEST(test_rom_refuses_each_broken_table)
{
    static struct image good, im;
    make_image(&good);
    uint8_t *m = im.data + im.size; /* set again after each copy */
    size_t footer = good.size - 32 - 18;

    im = good;
    im.size = good.size - 1;
    expect(&im, CL_ERR_MALFORMED,
           "firmware: size: expected whole pages up to 67108864 bytes, got 16383");
    im = good;
    put_le(im.data + footer, 17, 2);
    expect(&im, CL_ERR_MALFORMED, "firmware: footer table: length: expected 18 to 16352, got 17");
    im = good;
    put_le(im.data + footer, 0x7000, 2);
    expect(&im, CL_ERR_MALFORMED,
           "firmware: footer table: length: expected 18 to 16352, got 28672");
    im = good;
    put_le(im.data + footer - 18, 17, 2);
    expect(&im, CL_ERR_MALFORMED,
           "firmware: footer table: expected an entry of 18 to 70 bytes, got 17");
    im = good;
    put_le(im.data + footer - 18, 400, 2);
    expect(&im, CL_ERR_MALFORMED,
           "firmware: footer table: expected an entry of 18 to 70 bytes, got 400");
    im = good; /* the hash area's GUID becomes a second reset block */
    memcpy(im.data + footer - 22 - 16, guid_reset, 16);
    expect(&im, CL_ERR_MALFORMED, "firmware: SEV-ES reset block: expected one entry, got two");
    im = good;
    memcpy(im.data + footer - 16, guid_hash, 16);
    expect(&im, CL_ERR_MALFORMED, "firmware: hash table area: expected 8 bytes, got 4");

    im = good;
    m = im.data + im.size - META_AT;
    m[0] = 'B';
    expect(&im, CL_ERR_MALFORMED, "firmware: SEV metadata: signature: expected ASEV, got another");
    im = good;
    put_le(m + 8, 2, 4);
    expect(&im, CL_ERR_UNSUPPORTED,
           "firmware: SEV metadata: expected version 1 with at most 64 sections, got version 2 "
           "with 6");
    im = good;
    put_le(m + 12, 65, 4);
    expect(&im, CL_ERR_UNSUPPORTED,
           "firmware: SEV metadata: expected version 1 with at most 64 sections, got version 1 "
           "with 65");
    im = good;
    put_le(m + 4, 17, 4);
    expect(&im, CL_ERR_MALFORMED, "firmware: SEV metadata: length: expected 88, got 17");
    im = good;
    put_le(m + 16 + 8, 9, 4);
    expect(&im, CL_ERR_UNSUPPORTED, "firmware: section 0: type: expected 1 to 4 or 0x10, got 0x9");
    im = good;
    put_le(m + 16, 0x800001, 4);
    expect(&im, CL_ERR_MALFORMED,
           "firmware: section 0: expected whole pages, got 0x9000 bytes at 0x800001");
    im = good;
    put_le(m + 16 + 4, 0, 4);
    expect(&im, CL_ERR_MALFORMED,
           "firmware: section 0: expected whole pages, got 0x0 bytes at 0x800000");
    im = good;
    put_le(m + 16 + 2 * 12 + 4, 0x2000, 4);
    expect(&im, CL_ERR_UNSUPPORTED,
           "firmware: section 2 (secrets): expected one page, got 0x2000 bytes");
    im = good;
    put_le(m + 16, 0xFFFFB000, 4);
    expect(&im, CL_ERR_MALFORMED,
           "firmware: section 0: expected memory below the image, got 0x9000 bytes at 0xffffb000");
    im = good;
    put_le(m + 16 + 12, 0x808000, 4);
    expect(&im, CL_ERR_MALFORMED,
           "firmware: section 1: expected memory of its own, got overlap with section 0");
    im = good;
    put_le(m + 16 + 4, 0x20000000, 4);
    put_le(m + 16, 0x40000000, 4);
    expect(&im, CL_ERR_UNSUPPORTED,
           "firmware: sections: expected at most 65536 pages together, got more");
}
END_TEST

START_TEST(test_rom_refuses_metadata_outside)
{
    static struct image im;
    uint8_t *at = NULL;
    make_image(&im);
    at = im.data + im.size - 32 - 18 - 22 - 26 - 22; /* data of the metadata entry */
    put_le(at, 0x10000, 4);
    expect(&im, CL_ERR_MALFORMED,
           "firmware: SEV metadata: offset: expected 16 to 16384 from the end, got 65536");
    put_le(at, 15, 4);
    expect(&im, CL_ERR_MALFORMED,
           "firmware: SEV metadata: offset: expected 16 to 16384 from the end, got 15");
    put_le(at, 20, 4); /* zeroes: no signature */
    expect(&im, CL_ERR_MALFORMED, "firmware: SEV metadata: signature: expected ASEV, got another");
    memcpy(im.data + im.size - 20, "ASEV", 4); /* a table cut off by the end of the image */
    put_le(im.data + im.size - 16, 28, 4);
    put_le(im.data + im.size - 12, 1, 4);
    put_le(im.data + im.size - 8, 1, 4);
    expect(&im, CL_ERR_TRUNCATED,
           "firmware: SEV metadata: section.size at byte 20: expected more bytes, got the end of "
           "the input");
}
END_TEST

START_TEST(test_measure_refuses_bad_configurations)
{
    char fw[] = "/tmp/cl-measure-XXXXXX";
    static struct image im;
    struct cl_err err = {0};
    struct cl_snp_measurement out;
    char msg[256];
    int fd = mkstemp(fw);
    make_image(&im);
    memset(im.data, 0, 4096);
    ck_assert_int_eq(cl_write_all(fd, im.data, 4096, "image", NULL), CL_OK); /* no tables */
    struct cl_snp_measure_config m = {.firmware = fw, .cpus = 0, .guest_features = 1};
    ck_assert_int_eq(cl_snp_measure(&m, &out, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "vCPUs: expected 1 to 512, got 0");
    m.cpus = 513;
    ck_assert_int_eq(cl_snp_measure(&m, &out, &err), CL_ERR_MALFORMED);
    m.cpus = 1;
    ck_assert_int_eq(cl_snp_measure(&m, &out, &err), CL_ERR_UNSUPPORTED);
    (void)snprintf(msg, sizeof(msg),
                   "firmware '%s': tables: expected an SEV-ES reset block, got none", fw);
    ck_assert_str_eq(err.msg, msg);
    m.initrd = fw;
    ck_assert_int_eq(cl_snp_measure(&m, &out, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "kernel: expected one beside an initrd, got none");
    m.initrd = NULL;
    m.cmdline = "x";
    ck_assert_int_eq(cl_snp_measure(&m, &out, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "kernel: expected one beside a command line, got none");
    m.cmdline = NULL;
    m.firmware = "/nonexistent";
    ck_assert_int_eq(cl_snp_measure(&m, &out, &err), CL_ERR_SYS);
    ck_assert_str_eq(err.msg, "open '/nonexistent': No such file or directory");
    m.firmware = "/";
    ck_assert_int_eq(cl_snp_measure(&m, &out, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "file '/': expected a regular file, got something else");
    /* A kernel, but no page for its hashes. */
    make_image(&im);
    put_le(im.data + im.size - META_AT + 16 + 4 * 12 + 8, 1, 4);
    ck_assert_int_eq(cl_write_file(fw, im.data, im.size, 0600, NULL), CL_OK);
    m.firmware = m.kernel = fw;
    ck_assert_int_eq(cl_snp_measure(&m, &out, &err), CL_ERR_UNSUPPORTED);
    (void)snprintf(msg, sizeof(msg),
                   "firmware '%s': kernel hashes: expected a section for them (a kernel was "
                   "given), got none",
                   fw);
    ck_assert_str_eq(err.msg, msg);
    /* A hash area outside of its page. */
    make_image(&im);
    put_le(im.data + im.size - 32 - 18 - 22 - 26, 0x811C00, 4);
    ck_assert_int_eq(cl_write_file(fw, im.data, im.size, 0600, NULL), CL_OK);
    ck_assert_int_eq(cl_snp_measure(&m, &out, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "firmware: kernel hashes: expected one page with the hash table area "
                              "inside, got something else");
    (void)close(fd);
    (void)unlink(fw);
}
END_TEST

START_TEST(test_vcpu_types)
{
    static const struct {
        const char *name;
        uint32_t sig;
    } good[] = {{"EPYC", 0x800F12},         {"EPYC-v4", 0x800F12},      {"EPYC-IBPB", 0x800F12},
                {"EPYC-Rome-v3", 0x830F10}, {"EPYC-Milan", 0xA00F11},   {"EPYC-Milan-v2", 0xA00F11},
                {"EPYC-Genoa", 0xA10F10},   {"EPYC-Turin-v1", 0xB00F00}};
    static const char *const bad[] = {"", "epyc", "EPYC-", "EPYC-v", "EPYC-v123", "EPYC-Milan-x"};
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        uint32_t sig = 0;
        ck_assert_int_eq(cl_snp_vcpu_type_parse(good[i].name, &sig, NULL), CL_OK);
        ck_assert_uint_eq(sig, good[i].sig);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        uint32_t sig = 0;
        ck_assert_int_eq(cl_snp_vcpu_type_parse(bad[i], &sig, NULL), CL_ERR_MALFORMED);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snp_measure");
    TCase *t = tcase_create("measure");
    tcase_add_test(t, test_measure_equals_every_golden_digest);
    tcase_add_test(t, test_measure_firmware_alone_equals_golden);
    tcase_add_test(t, test_measure_explains_every_page_as_the_traces);
    tcase_add_test(t, test_vmsa_pages_equal_golden);
    tcase_add_test(t, test_rom_reads_all_tables);
    tcase_add_test(t, test_made_image_has_the_published_digest);
    tcase_add_test(t, test_find_names_the_variation);
    tcase_add_test(t, test_rom_refuses_each_broken_table);
    tcase_add_test(t, test_rom_refuses_metadata_outside);
    tcase_add_test(t, test_measure_refuses_bad_configurations);
    tcase_add_test(t, test_vcpu_types);
    suite_add_tcase(s, t);
    return run_suite(s);
}
