/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_measure.c - MRTD, TD HOB and RTMRs: golden ones, those of real event logs, refusals, and
 * digests that are explained.
 */
#include "cloister/tdx_measure.h"

#include "base/bytes.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "check_main.h"
#include "shared_vectors.h"
#include "tdx/measure/measure_internal.h"
#include "tdx_image.h"

#include <string.h>

#define MRTD_B                                                                                     \
    "606ac2bff977e69986ab1c76db86ff14b28351adab65e40ed0b0d213a49c293309c91b051656a0fde3f123113b6f" \
    "3490"
#define MRTD_B_TWO_PASS                                                                            \
    "07f5f52c81aed537fc10255e39d0faa15b73d48ce15abff607dd99fe413ba9bc528fd75d4666cbc95813982af865" \
    "ac49"

static char dir[64]; /* a, b, c, initrd, kernel, acpi0.. */
static char path_a[80], path_b[80], path_c[80], path_initrd[80], path_kernel[80], path_other[80];

static void write_image(char which, char path[80])
{
    static struct tdx_image im;
    tdx_image_make(&im, which);
    (void)snprintf(path, 80, "%s/%c", dir, which);
    ck_assert_int_eq(cl_write_file(path, im.data, im.size, 0600, NULL), CL_OK);
}

static void setup(void)
{
    uint8_t data[4096];
    (void)snprintf(dir, sizeof(dir), "/tmp/cl-tdx-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    write_image('A', path_a);
    write_image('B', path_b);
    write_image('C', path_c);
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)i;
    }
    (void)snprintf(path_initrd, sizeof(path_initrd), "%s/initrd", dir);
    (void)snprintf(path_kernel, sizeof(path_kernel), "%s/kernel", dir);
    (void)snprintf(path_other, sizeof(path_other), "%s/other", dir);
    ck_assert_int_eq(cl_write_file(path_initrd, data, sizeof(data), 0600, NULL), CL_OK);
    tdx_kernel_make(data);
    ck_assert_int_eq(cl_write_file(path_kernel, data, sizeof(data), 0600, NULL), CL_OK);
}

static void teardown(void)
{
    const char *const files[] = {path_a, path_b, path_c, path_initrd, path_kernel, path_other};
    for (size_t i = 0; i < CL_ARRAY_LEN(files); i++) {
        (void)unlink(files[i]);
    }
    (void)rmdir(dir);
}

static void expect_hex(const uint8_t *value, const char *hex)
{
    char got[97];
    cl_hex(got, value, 48);
    ck_assert_str_eq(got, hex);
}

static struct cl_tdx_measurement measure(const struct cl_tdx_measure_config *c)
{
    struct cl_tdx_measurement m;
    struct cl_err err = {0};
    ck_assert_msg(cl_tdx_measure(c, &m, &err) == CL_OK, "%s", err.msg);
    return m;
}

struct seen {
    uint64_t pages, measured;
    size_t events;
    uint8_t last[CL_TDX_MR_COUNT][48];
};

static void see_page(void *ctx, const struct cl_tdx_page *p)
{
    struct seen *s = ctx;
    ck_assert_uint_eq(p->index, s->pages);
    ck_assert_int_eq(p->measured, p->content != NULL);
    s->pages++;
    s->measured += p->measured ? 1 : 0;
}

static void see_event(void *ctx, const struct cl_tdx_predicted *e)
{
    struct seen *s = ctx;
    s->events++;
    memcpy(s->last[e->mr], e->value, 48);
}

static void expect_found(const struct cl_tdx_measure_config *given,
                         const struct cl_tdx_measure_config *other, enum cl_tdx_mr mr,
                         const char *words)
{
    struct cl_tdx_variation v;
    struct cl_err err = {0};
    struct cl_tdx_measurement m = measure(other);
    ck_assert(m.known[mr]);
    ck_assert_msg(cl_tdx_measure_find(given, m.mr[mr], &v, &err) == CL_OK, "%s", err.msg);
    ck_assert_int_eq(v.mr, mr);
    ck_assert_str_eq(v.words, words);
}

/* ---- golden values (tdx.md b.3 to b.5) ---- */

START_TEST(test_mrtd_equals_golden)
{
    const struct {
        const char *path;
        unsigned variants;
        const char *mrtd;
    } rows[] = {
        {path_a, 0,
         "e612c8dbe9cfebec53401f2f8e8a106940e7c3296628f824ec8ca851e82e47a01ca5c563e3358c33abac2455c"
         "51f591d"},
        {path_a, CL_TDX_TWO_PASS,
         "e612c8dbe9cfebec53401f2f8e8a106940e7c3296628f824ec8ca851e82e47a01ca5c563e3358c33abac2455c"
         "51f591d"},
        {path_b, 0, MRTD_B},
        {path_b, CL_TDX_TWO_PASS, MRTD_B_TWO_PASS},
        {path_c, 0,
         "bd36a80255aa8166092443860540b791458584b28c3d660dbe26a1dd34dc3dbecce7233030aa214ad4ab92a1c"
         "6396be0"},
        {path_c, CL_TDX_TWO_PASS,
         "7a28411be2861fcae5dd80865a2fd4b343f135a17919a78f2fe60468ad35c5b1ccaf42518762fb14c1fed2c5b"
         "387f7ac"},
        {path_c, CL_TDX_READ_ON,
         "6420191407da514de4404f7536fecf6327bf8db382c3e79cfdca17ce1c07f09848cdf29b829a1eac5ed36e8a8"
         "16f4c60"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        struct cl_tdx_measurement m = measure(&(struct cl_tdx_measure_config){
            .firmware = rows[i].path, .variants = rows[i].variants});
        expect_hex(m.mr[CL_TDX_MRTD], rows[i].mrtd);
        ck_assert(!m.known[CL_TDX_RTMR0] && !m.known[CL_TDX_RTMR1] && !m.known[CL_TDX_RTMR2]);
        ck_assert_str_eq(m.missing[CL_TDX_RTMR0], "needs the memory size");
        ck_assert_str_eq(m.missing[CL_TDX_RTMR1], "needs a kernel");
    }
}
END_TEST

START_TEST(test_hob_equals_golden)
{
    static const struct {
        uint64_t mib;
        const char *sha384;
    } rows[] = {
        {1024, "1055c9b9a1fc534e688560e2304e18c8597b7261818cf61fb163d40c130547309b750575947a4dcaedb"
               "dce4b8d0535f2"},
        {2048, "0b8772e5b0b41b83e6044a68397e02f49fb47066b4fbe4917ea2c45c64f323fdacbb37948f821ebaf8b"
               "c9c938ba8a749"},
        {4096, "5b684faf8d02a733945f821d9cdd170802e72103977acf66949c9382500283adc90cbec57f8e7653f8b"
               "ee1cab83689de"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        struct cl_tdx_measurement m = measure(&(struct cl_tdx_measure_config){
            .firmware = path_b, .vmm = CL_TDX_VMM_QEMU, .memory = rows[i].mib << 20});
        expect_hex(m.hob_sha384, rows[i].sha384);
    }
    /* 2.5 GiB: q35 keeps it below 4 GiB in one piece, our VMM splits at 2 GiB. */
    struct cl_tdx_measure_config c = {.firmware = path_b, .memory = UINT64_C(2560) << 20};
    struct cl_tdx_measurement ours = measure(&c);
    c.vmm = CL_TDX_VMM_QEMU;
    struct cl_tdx_measurement qemu = measure(&c);
    ck_assert(memcmp(ours.hob_sha384, qemu.hob_sha384, 48) != 0);
}
END_TEST

START_TEST(test_rtmr2_of_direct_boot_equals_golden)
{
    struct cl_tdx_measure_config c = {.firmware = path_b,
                                      .kernel = path_kernel,
                                      .initrd = path_initrd,
                                      .cmdline = "console=ttyS0 root=/dev/vda1 ro",
                                      .vmm = CL_TDX_VMM_QEMU,
                                      .variants = CL_TDX_NO_INITRD_ARG};
    struct cl_tdx_measurement m = measure(&c);
    expect_hex(m.mr[CL_TDX_RTMR2], "307e3fe80b4522fd5cc54494957da5503cba4e35ef6beb4b068823422106b65"
                                   "6192e31e098c597d6a74de1c963f9fa0b");
    c.variants = 0; /* what OVMF adds can be in the command line itself */
    struct cl_tdx_measurement with = measure(&c);
    c.cmdline = "console=ttyS0 root=/dev/vda1 ro initrd=initrd";
    c.variants = CL_TDX_NO_INITRD_ARG;
    m = measure(&c);
    ck_assert(memcmp(m.mr[CL_TDX_RTMR2], with.mr[CL_TDX_RTMR2], 48) == 0);
    c.cmdline = "initrd=initrd console=ttyS0 root=/dev/vda1 ro";
    m = measure(&c);
    c.cmdline = "console=ttyS0 root=/dev/vda1 ro";
    c.variants = CL_TDX_INITRD_ARG_FIRST;
    with = measure(&c);
    ck_assert(memcmp(m.mr[CL_TDX_RTMR2], with.mr[CL_TDX_RTMR2], 48) == 0);
}
END_TEST

/* I-1.7, as measure_model.py computes it: the page of hashes in MRTD, everything else in RTMRs. */
START_TEST(test_our_own_launch_equals_the_model)
{
    static struct tdx_image im;
    struct seen s = {0};
    tdx_image_make(&im, 'B');
    tdx_image_add_hash_area(&im, 0x820C00, 0x400);
    ck_assert_int_eq(cl_write_file(path_other, im.data, im.size, 0600, NULL), CL_OK);
    struct cl_tdx_measure_config c = {.firmware = path_other,
                                      .kernel = path_kernel,
                                      .initrd = path_initrd,
                                      .cmdline = "quiet",
                                      .memory = UINT64_C(1) << 30,
                                      .page = see_page,
                                      .event = see_event,
                                      .ctx = &s};
    struct cl_tdx_measurement m = measure(&c);
    expect_hex(m.mr[CL_TDX_MRTD], "b6ffdedd4b6a95d4c1a760d19150837737659e7f8a71798a000f56317ce6489d"
                                  "3308c1cb17d56c93f953353866ee7d09");
    expect_hex(m.mr[CL_TDX_RTMR0], "11b5b6921db3627ccf6242f7759acd43086b0c3b5379834bc0b42368446df85"
                                   "bf81bf7cec1bbe9aed456ce09687595b2");
    expect_hex(m.mr[CL_TDX_RTMR1], "9904a5bb0e7f79a685d786659d408f141c85354a25a29a7977abed29ffe50ef"
                                   "7242e4026a69677f3353e51882f39016e");
    expect_hex(m.mr[CL_TDX_RTMR2], "c96f39e618d8638d6411048c556a010963125ccf53a418a5c2fe0bfe480a61f"
                                   "0babec901e1f45423fc5ebe819b82d982");
    ck_assert_uint_eq(s.pages, 59);
    ck_assert_uint_eq(s.measured, 17);
    ck_assert_uint_eq(s.events, 1 + 2 + 2);
    const struct cl_tdx_measure_config given = c;
    c.page = NULL;
    c.event = NULL;
    c.cmdline = NULL;
    c.initrd = NULL;
    expect_found(&given, &c, CL_TDX_MRTD, "no initrd, an empty command line");
    expect_found(&given, &c, CL_TDX_RTMR2, "no initrd, an empty command line");
    c.kernel = NULL;
    expect_found(&given, &c, CL_TDX_MRTD, "no kernel hashes (without --kernel)");
    c.vmm = CL_TDX_VMM_QEMU;
    c.kernel = path_kernel;
    expect_found(&given, &c, CL_TDX_RTMR2, "--vmm qemu, no initrd, an empty command line");
}
END_TEST

/* ---- real event logs: the digests of files come from the log, everything else is computed ---- */

struct log {
    size_t count;
    struct {
        unsigned mr; /* 1: RTMR0 */
        uint8_t digest[48];
    } events[64];
};

static void read_ccel(const char *name, struct log *log)
{
    char path[1024];
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    shared_path(path, "tdx/%s", name);
    read_whole(path, &b);
    struct cl_reader r = cl_reader_init(b.data, b.len);
    cl_reader_skip(&r, 28, "first event");
    cl_reader_skip(&r, cl_reader_le32(&r, "size"), "first event");
    for (log->count = 0; log->count < CL_ARRAY_LEN(log->events); log->count++) {
        unsigned mr = cl_reader_le32(&r, "MrIndex");
        cl_reader_skip(&r, 4, "type");
        if (mr == UINT32_MAX || cl_reader_le32(&r, "count") != 1) {
            break;
        }
        log->events[log->count].mr = mr;
        cl_reader_skip(&r, 2, "algorithm");
        cl_reader_copy(&r, log->events[log->count].digest, 48, "digest");
        cl_reader_skip(&r, cl_reader_le32(&r, "size"), "event");
    }
    ck_assert_ptr_null(r.failed);
}

static const uint8_t *event(const struct log *log, unsigned mr, size_t i)
{
    for (size_t k = 0; k < log->count; k++) {
        if (log->events[k].mr == mr && i-- == 0) {
            return log->events[k].digest;
        }
    }
    ck_abort_msg("event is not in the log");
    return NULL;
}

/* Parts as if the files had been there: firmware volume, ACPI files, kernel. */
static void parts_of_log(const struct log *log, struct tdx_parts *p)
{
    static struct tdx_image im;
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    struct launch_image image;
    tdx_image_make(&im, 'B'); /* the sections below 16 MiB are OVMF's */
    ck_assert_int_eq(launch_image_open(path_b, &fd, &image, NULL), CL_OK);
    *p = (struct tdx_parts){.has_kernel = true, .has_acpi = true, .has_cfv = true};
    ck_assert_int_eq(tdvf_parse(&image, &p->tdvf, NULL), CL_OK);
    memcpy(p->cfv, event(log, 1, 1), 48);
    for (size_t i = 0; i < 3; i++) {
        memcpy(p->acpi[i], event(log, 1, 8 + i), 48);
    }
    memcpy(p->kernel_pe, event(log, 2, 0), 48);
}

static void expect_rtmrs(const struct log *log, uint64_t memory, unsigned variants,
                         const char *rtmr0, const char *rtmr1)
{
    struct tdx_parts parts;
    uint8_t value[48];
    const char *missing = NULL;
    parts_of_log(log, &parts);
    struct tdx_choice c = {.parts = &parts,
                           .vmm = CL_TDX_VMM_QEMU,
                           .memory = memory,
                           .variants = variants,
                           .cmdline = ""};
    ck_assert_int_eq(rtmr_compute(&c, CL_TDX_RTMR0, value, &missing, NULL), CL_OK);
    expect_hex(value, rtmr0);
    ck_assert_int_eq(rtmr_compute(&c, CL_TDX_RTMR1, value, &missing, NULL), CL_OK);
    expect_hex(value, rtmr1);
}

START_TEST(test_rtmrs_equal_those_of_a_real_log)
{
    static struct log log;
    if (!shared_available("tdx/ovmf_direct_boot_ccel_data.bin")) {
        return;
    }
    read_ccel("ovmf_direct_boot_ccel_data.bin", &log);
    expect_rtmrs(&log, UINT64_C(2) << 30, CL_TDX_SEPARATOR_RTMR0,
                 "8566f998798db09443b244c62de9a3041fb02e2e6936c4396d784bba2e90177329ec5aba3bb484404"
                 "f2ab9cc90abe193",
                 "775b9f6bfe99f8a31396f0d0218e67ffa796d3b96ccf961cbb0deba48c79c00f082cda1a5567c1c16"
                 "305f1fc210c13c6");
}
END_TEST

START_TEST(test_rtmrs_equal_those_of_a_real_quote)
{
    static struct log log;
    char path[1024];
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *events = NULL;
    if (!shared_available("tdx/v4_dstack_quote_report.json")) {
        return;
    }
    shared_path(path, "tdx/v4_dstack_quote_report.json");
    ck_assert_int_eq(cl_json_read_file(path, 1u << 20, &j, NULL), CL_OK);
    const char *text = json_string_value(json_object_get(j, "event_log"));
    ck_assert_int_eq(cl_json_parse(text, strlen(text), "log", &events, NULL), CL_OK);
    log.count = json_array_size(events);
    ck_assert_uint_le(log.count, CL_ARRAY_LEN(log.events));
    for (size_t i = 0; i < log.count; i++) {
        const json_t *e = json_array_get(events, i);
        log.events[i].mr = 1 + (unsigned)json_integer_value(json_object_get(e, "imr"));
        ck_assert_int_eq(cl_unhex(log.events[i].digest, 48,
                                  json_string_value(json_object_get(e, "digest")), "digest", NULL),
                         CL_OK);
    }
    expect_rtmrs(&log, UINT64_C(64) << 30, 0,
                 "2e3843265f8ecdd4e2282694747f6f2f111605c33f2a8882f5734ee6f3a6ce63d8f34aeef06093dcd"
                 "a76fa5f9d33d8d6",
                 "a1b79d76021970f57c45c4a7c395f780bab37011a4df27fe44e8559bd1abb4d6e52f12f866d1d0840"
                 "5448eb797a5970f");
}
END_TEST

/* ---- --explain ---- */

START_TEST(test_measure_tells_pages_and_events)
{
    struct seen s = {0};
    struct cl_tdx_measure_config c = {.firmware = path_b,
                                      .kernel = path_kernel,
                                      .initrd = path_initrd,
                                      .memory = UINT64_C(1) << 30,
                                      .vmm = CL_TDX_VMM_QEMU,
                                      .acpi_loader = path_a,
                                      .acpi_rsdp = path_b,
                                      .acpi_tables = path_c,
                                      .page = see_page,
                                      .event = see_event,
                                      .ctx = &s};
    struct cl_tdx_measurement m = measure(&c);
    ck_assert_uint_eq(s.pages, m.page_count);
    ck_assert_uint_eq(s.pages, 58);
    ck_assert_uint_eq(s.measured, 16);
    ck_assert_uint_eq(s.events, 13 + 5 + 2);
    for (int mr = CL_TDX_RTMR0; mr < CL_TDX_MR_COUNT; mr++) {
        ck_assert(m.known[mr] && memcmp(s.last[mr], m.mr[mr], 48) == 0);
    }
}
END_TEST

START_TEST(test_find_names_the_variation)
{
    const struct cl_tdx_measure_config given = {.firmware = path_b,
                                                .kernel = path_kernel,
                                                .initrd = path_initrd,
                                                .cmdline = "quiet",
                                                .memory = UINT64_C(1) << 30,
                                                .vmm = CL_TDX_VMM_QEMU,
                                                .acpi_loader = path_a,
                                                .acpi_rsdp = path_b,
                                                .acpi_tables = path_c};
    struct cl_tdx_measure_config other = given;
    expect_found(&given, &other, CL_TDX_MRTD, "");
    other.variants = CL_TDX_TWO_PASS;
    expect_found(&given, &other, CL_TDX_MRTD, "--variant two-pass");
    other.variants = CL_TDX_SEPARATOR_RTMR0;
    other.memory = UINT64_C(8) << 30;
    expect_found(&given, &other, CL_TDX_RTMR0, "--memory 8192M, --variant separator-rtmr0");
    other = given;
    other.variants = CL_TDX_PATCHED_KERNEL | CL_TDX_SEPARATOR_RTMR0;
    expect_found(&given, &other, CL_TDX_RTMR1,
                 "--variant patched-kernel, --variant separator-rtmr0");
    expect_found(&other, &given, CL_TDX_RTMR1,
                 "no --variant patched-kernel, no --variant separator-rtmr0");
    other = given;
    other.cmdline = "quiet\n";
    other.variants = CL_TDX_INITRD_ARG_FIRST;
    expect_found(&given, &other, CL_TDX_RTMR2,
                 "--variant initrd-arg-first, the command line with a line end");
    other = given;
    other.initrd = NULL;
    expect_found(&given, &other, CL_TDX_RTMR2, "no initrd");
    struct cl_tdx_variation v;
    uint8_t zero[48] = {0};
    ck_assert_int_eq(cl_tdx_measure_find(&given, zero, &v, NULL), CL_ERR_REJECTED);
}
END_TEST

/* ---- refusals ---- */

static enum cl_status memory_read_at(void *ctx, uint64_t offset, void *dst, size_t n,
                                     struct cl_err *err)
{
    const struct tdx_image *im = ctx;
    (void)err;
    ck_assert(offset <= im->size && n <= im->size - offset); /* the parser asks inside only */
    memcpy(dst, im->data + offset, n);
    return CL_OK;
}

static void expect_refused(struct tdx_image *im, enum cl_status st, const char *msg)
{
    struct tdvf t;
    struct cl_err err = {0};
    const struct launch_image image = {memory_read_at, im, im->size};
    ck_assert_int_eq(tdvf_parse(&image, &t, &err), st);
    ck_assert_str_eq(err.msg, msg);
}

START_TEST(test_tdvf_refuses_each_broken_field)
{
    static struct tdx_image im;
    uint8_t *d = im.data + 0x1F800;
    uint8_t *s = d + 16;
#define BREAK(at, value, size)                                                                     \
    tdx_image_make(&im, 'B');                                                                      \
    tdx_image_put(at, value, size)
    BREAK(d, 0, 1);
    expect_refused(&im, CL_ERR_MALFORMED,
                   "firmware: TDVF descriptor: signature: expected TDVF, got another");
    BREAK(d + 4, 207, 4);
    expect_refused(&im, CL_ERR_MALFORMED,
                   "firmware: TDVF descriptor: length: expected 208, got 207");
    BREAK(d + 8, 2, 4);
    expect_refused(&im, CL_ERR_UNSUPPORTED,
                   "firmware: TDVF descriptor: expected version 1 with at most 64 sections, got "
                   "version 2 with 6");
    BREAK(d + 12, 65, 4);
    expect_refused(&im, CL_ERR_UNSUPPORTED,
                   "firmware: TDVF descriptor: expected version 1 with at most 64 sections, got "
                   "version 1 with 65");
    BREAK(s + 24, 9, 4);
    expect_refused(&im, CL_ERR_UNSUPPORTED,
                   "firmware: section 0: expected type 0 to 8 and attributes 0 to 3, got type 0x9 "
                   "and 0x1");
    BREAK(s + 28, 4, 4);
    expect_refused(&im, CL_ERR_UNSUPPORTED,
                   "firmware: section 0: expected type 0 to 8 and attributes 0 to 3, got type 0x0 "
                   "and 0x4");
    BREAK(s + 28, 3, 4);
    expect_refused(&im, CL_ERR_UNSUPPORTED,
                   "firmware: section 0 (bfv): expected contents of the image to be measured, got "
                   "others");
    BREAK(s + 4, 0, 4);
    expect_refused(&im, CL_ERR_MALFORMED,
                   "firmware: section 0 (bfv): expected contents in the image, got 0x0 bytes");
    BREAK(s + 2 * 32 + 4, 1, 4);
    expect_refused(&im, CL_ERR_MALFORMED,
                   "firmware: section 2 (temp-mem): expected no contents in the image, got 0x1 "
                   "bytes");
    BREAK(s + 4 * 32 + 28, 1, 4);
    expect_refused(&im, CL_ERR_UNSUPPORTED,
                   "firmware: section 4 (td-hob): expected contents of the image to be measured, "
                   "got others");
    BREAK(s + 8, 0xFFFF0001, 8);
    expect_refused(&im, CL_ERR_MALFORMED,
                   "firmware: section 0: expected whole pages for 0x10000 bytes, got 0x10000 bytes "
                   "at 0xffff0001");
    BREAK(s + 16, 0xF000, 8);
    expect_refused(&im, CL_ERR_MALFORMED,
                   "firmware: section 0: expected whole pages for 0x10000 bytes, got 0xf000 bytes "
                   "at 0xffff0000");
    BREAK(s + 8, UINT64_C(0xFFFFFFFFFFFF0000), 8);
    expect_refused(&im, CL_ERR_MALFORMED,
                   "firmware: section 0: expected whole pages for 0x10000 bytes, got 0x10000 bytes "
                   "at 0xffffffffffff0000");
    BREAK(s, 0x10001, 4);
    expect_refused(&im, CL_ERR_MALFORMED,
                   "firmware: section 0: expected contents inside the image, got 0x10000 bytes at "
                   "0x10001");
    BREAK(s + 32 + 8, 0xFFFF0000, 8);
    expect_refused(&im, CL_ERR_MALFORMED,
                   "firmware: section 1: expected memory of its own, got overlap with section 0");
    BREAK(s + 3 * 32 + 24, 2, 4);
    expect_refused(&im, CL_ERR_MALFORMED, "firmware: section 4: expected one TD HOB, got two");
    BREAK(s + 2 * 32 + 16, UINT64_C(0x20000000), 8);
    tdx_image_put(s + 2 * 32 + 8, UINT64_C(0x10000000), 8);
    expect_refused(&im, CL_ERR_UNSUPPORTED,
                   "firmware: sections: expected at most 65536 pages together, got more");
#undef BREAK
}
END_TEST

START_TEST(test_tdvf_refuses_descriptors_elsewhere)
{
    static struct tdx_image im;
    tdx_image_make(&im, 'B');
    uint8_t *from_end = im.data + im.size - 72;
    tdx_image_put(from_end, 15, 4);
    expect_refused(&im, CL_ERR_MALFORMED,
                   "firmware: TDVF descriptor: offset: expected 16 to 131072 from the end, got 15");
    tdx_image_put(from_end, 0x20001, 4);
    expect_refused(&im, CL_ERR_MALFORMED,
                   "firmware: TDVF descriptor: offset: expected 16 to 131072 from the end, got "
                   "131073");
    tdx_image_put(from_end, 20, 4); /* cut off by the image's end */
    memcpy(im.data + im.size - 20, "TDVF\x30\0\0\0\1\0\0\0\1\0\0\0", 16);
    expect_refused(&im, CL_ERR_TRUNCATED,
                   "firmware: TDVF descriptor: section.raw_size at byte 20: expected more bytes, "
                   "got the end of the input");
    tdx_image_make(&im, 'B');
    memset(im.data + im.size - 48, 0, 16); /* no table at all */
    expect_refused(&im, CL_ERR_UNSUPPORTED,
                   "firmware: tables: expected a TDVF descriptor, got none");
    struct tdvf t;
    const struct launch_image image = {memory_read_at, &im, im.size};
    tdx_image_put(im.data + im.size - 32, im.descriptor, 4); /* td-shim's way */
    ck_assert_int_eq(tdvf_parse(&image, &t, NULL), CL_OK);
    ck_assert_uint_eq(t.section_count, 6);
    tdx_image_put(im.data + im.size - 32, im.size - 15, 4);
    expect_refused(&im, CL_ERR_UNSUPPORTED,
                   "firmware: tables: expected a TDVF descriptor, got none");
}
END_TEST

START_TEST(test_page_of_hashes_has_memory_of_its_own)
{
    struct tdvf t = {.has_hash_area = true,
                     .hash_base = 0x800C00,
                     .hash_size = 0x400,
                     .section_count = 1,
                     .sections = {{0, 0, 0x801000, 0x1000, TDVF_TEMP_MEM, 0}}};
    uint32_t gpa = 0;
    struct cl_err err = {0};
    ck_assert_int_eq(tdvf_hash_page(&t, &gpa, NULL), CL_OK);
    ck_assert_uint_eq(gpa, 0x800000);
    t.sections[0].gpa = 0x800000;
    ck_assert_int_eq(tdvf_hash_page(&t, &gpa, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "firmware: kernel hashes: expected memory of their own, got overlap "
                              "with section 0");
    t.has_hash_area = false;
    ck_assert_int_eq(tdvf_hash_page(&t, &gpa, NULL), CL_ERR_UNSUPPORTED);
}
END_TEST

static void expect_config(const struct cl_tdx_measure_config *c, enum cl_status st, const char *msg)
{
    struct cl_tdx_measurement m;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_tdx_measure(c, &m, &err), st);
    ck_assert_msg(strstr(err.msg, msg) != NULL, "%s", err.msg);
}

START_TEST(test_measure_refuses_bad_configurations)
{
    const struct cl_tdx_measure_config good = {.firmware = path_b};
    struct cl_tdx_measure_config c = good;
    c.initrd = path_initrd;
    expect_config(&c, CL_ERR_MALFORMED, "kernel: expected one beside an initrd, got none");
    c = good;
    c.memory = 4096;
    expect_config(&c, CL_ERR_MALFORMED,
                  "memory: expected a multiple of 2 MiB up to 64 TiB, got 4096 bytes");
    c.memory = UINT64_C(2) << 20;
    expect_config(&c, CL_ERR_MALFORMED,
                  "memory: expected all sections of the firmware inside of it");
    c = good;
    c.variants = CL_TDX_PATCHED_KERNEL;
    expect_config(&c, CL_ERR_MALFORMED,
                  "variants: expected ones that go together and with the VMM");
    c.vmm = CL_TDX_VMM_QEMU;
    c.variants = CL_TDX_NO_INITRD_ARG | CL_TDX_INITRD_ARG_FIRST;
    expect_config(&c, CL_ERR_MALFORMED,
                  "variants: expected ones that go together and with the VMM");
    c = good;
    c.vmm = CL_TDX_VMM_QEMU;
    c.acpi_rsdp = path_a;
    expect_config(&c, CL_ERR_MALFORMED,
                  "ACPI files: expected table loader, RSDP and tables, got some of them");
    c = good;
    c.kernel = path_kernel;
    expect_config(&c, CL_ERR_UNSUPPORTED,
                  "kernel hashes: expected a place for them (a kernel was given), got none");
    c.vmm = CL_TDX_VMM_QEMU;
    c.kernel = path_initrd;
    expect_config(&c, CL_ERR_MALFORMED, "PE headers: ");
    c.firmware = path_initrd;
    expect_config(&c, CL_ERR_UNSUPPORTED, "tables: expected a TDVF descriptor, got none");
    c.firmware = "/nonexistent";
    expect_config(&c, CL_ERR_SYS, "open '/nonexistent': No such file or directory");
}
END_TEST

START_TEST(test_words)
{
    unsigned variant = 0;
    enum cl_tdx_vmm vmm = CL_TDX_VMM_CLOISTER;
    for (unsigned bit = 1; cl_tdx_variant_name(bit) != NULL; bit <<= 1) {
        ck_assert_int_eq(cl_tdx_variant_parse(cl_tdx_variant_name(bit), &variant, NULL), CL_OK);
        ck_assert_uint_eq(variant, bit);
    }
    ck_assert_int_eq(cl_tdx_variant_parse("one-pass", &variant, NULL), CL_ERR_MALFORMED);
    ck_assert_int_eq(cl_tdx_vmm_parse("qemu", &vmm, NULL), CL_OK);
    ck_assert_int_eq(vmm, CL_TDX_VMM_QEMU);
    ck_assert_int_eq(cl_tdx_vmm_parse("gce", &vmm, NULL), CL_ERR_MALFORMED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_measure");
    TCase *t = tcase_create("measure");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_add_test(t, test_mrtd_equals_golden);
    tcase_add_test(t, test_hob_equals_golden);
    tcase_add_test(t, test_rtmr2_of_direct_boot_equals_golden);
    tcase_add_test(t, test_our_own_launch_equals_the_model);
    tcase_add_test(t, test_rtmrs_equal_those_of_a_real_log);
    tcase_add_test(t, test_rtmrs_equal_those_of_a_real_quote);
    tcase_add_test(t, test_measure_tells_pages_and_events);
    tcase_add_test(t, test_find_names_the_variation);
    tcase_add_test(t, test_tdvf_refuses_each_broken_field);
    tcase_add_test(t, test_tdvf_refuses_descriptors_elsewhere);
    tcase_add_test(t, test_page_of_hashes_has_memory_of_its_own);
    tcase_add_test(t, test_measure_refuses_bad_configurations);
    tcase_add_test(t, test_words);
    suite_add_tcase(s, t);
    return run_suite(s);
}
