/* SPDX-License-Identifier: Apache-2.0
 * test_gather_td.c - evidence of a TD: a TDREPORT from the driver, whose ioctl is played here, and
 * the parts of a paravisor's evidence out of a TPM in software, whole and not.
 */
#include "gather/evidence_sources.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "check_main.h"
#include "cloister/tdx_evidence.h"
#include "swtpm_rig.h"
#include "tdx_world.h"
#include "tpm/vtpm_internal.h"
#include "tpm_log_world.h"
#include "tpm_world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- the driver: the linker has the library's ioctl() come here (tpmlog.cmake) ---- */

static struct {
    int error;           /* errno of the answer; 0: a report */
    size_t changed;      /* byte of it that is not as it should be; SIZE_MAX: none */
    unsigned long asked; /* number of the last request */
    unsigned calls;
} driver;
static struct tw world;

/* The linker chose this name (--wrap). */
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    (void)fd;
    va_start(args, request);
    uint8_t *io = va_arg(args, uint8_t *);
    va_end(args);
    driver.calls++;
    driver.asked = request;
    if (driver.error != 0) {
        errno = driver.error;
        return -1;
    }
    tw_default(&world);
    memcpy(world.td.report_data, io, 64);
    tw_tdreport(&world.td, io + 64);
    if (driver.changed != SIZE_MAX) {
        io[64 + driver.changed] ^= 1;
    }
    return 0;
}

static enum cl_status get(struct cl_buf *report, struct cl_err *err)
{
    uint8_t data[CL_REPORT_DATA_SIZE];
    memset(data, 0xDA, sizeof(data));
    return cl_tdx_guest_get("/dev/null", data, report, err);
}

START_TEST(test_the_driver_gives_a_tdreport)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    struct cl_err err = {0};
    driver.changed = SIZE_MAX;
    ck_assert_msg(get(&report, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(report.len, CL_TDX_REPORT_SIZE);
    ck_assert_uint_eq(report.data[128], 0xDA);
    ck_assert_uint_eq(driver.asked, 0xC4405401); /* _IOWR('T', 1, 1088 bytes) */
    ck_assert_uint_eq(driver.calls, 1);
}
END_TEST

START_TEST(test_the_driver_fails)
{
    static const struct {
        int error;
        size_t changed;
        enum cl_status status;
        const char *message;
    } cases[] = {
        {EIO, SIZE_MAX, CL_ERR_SYS, "tdx_guest: report"},
        {0, 128, CL_ERR_MALFORMED, "report_data: expected what was asked for"},
        {0, 0, CL_ERR_UNSUPPORTED, "TDREPORT: type"},
        {0, 528, CL_ERR_MALFORMED, "tee_info_hash"},
    };
    const uint8_t data[CL_REPORT_DATA_SIZE] = {0};
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
        struct cl_err err = {0};
        driver.error = cases[i].error;
        driver.changed = cases[i].changed;
        enum cl_status st = get(&report, &err);
        ck_assert_msg(st == cases[i].status && strstr(err.msg, cases[i].message) != NULL,
                      "%zu: %d %s", i, st, err.msg);
        ck_assert_uint_eq(report.len, 0);
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf none = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_tdx_guest_get("/nonexistent", data, &none, &err), CL_ERR_SYS);
    ck_assert_int_eq(err.sys_errno, ENOENT);
}
END_TEST

/* What is written for it is no evidence, and verifying says so. */
START_TEST(test_a_tdreport_is_said_to_be_no_quote)
{
    CL_CLEANUP(evidence_found_done) struct evidence_found f = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    uint8_t raw[CL_TDX_REPORT_SIZE];
    struct cl_tdx_evidence ev;
    struct cl_err err = {0};
    tw_default(&world);
    tw_tdreport(&world.td, raw);
    ck_assert_int_eq(evidence_of_tdreport(raw, &f, &err), CL_OK);
    ck_assert_ptr_nonnull(strstr(f.missing, "expected a TDX quote, got only a TDREPORT"));
    ck_assert_ptr_nonnull(f.hint);
    ck_assert_int_eq(cl_json_compact(f.json, &text, NULL), CL_OK);
    ck_assert(cl_tdx_evidence_detect(text.data, text.len));
    ck_assert_int_eq(cl_tdx_evidence_from_bytes(text.data, text.len, &ev, &err),
                     CL_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected a quote, got a TDREPORT"));
}
END_TEST

/* ---- a paravisor on TDX ---- */

static struct cl_buf runtime_text, td_quote;

/* A TPM with Azure's key, and a report of TDX with `more` among its runtime data. */
static void azure_start(const char *more)
{
    uint8_t n[256], raw[CL_HCL_HARDWARE_SIZE] = {0};
    ESYS_CONTEXT *esys = NULL;
    EVP_PKEY *key = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf hcl = {0};
    swtpm_start();
    ck_assert_uint_eq(Esys_Initialize(&esys, swtpm_tcti(), NULL), TSS2_RC_SUCCESS);
    swtpm_azure_key(esys, n);
    ck_assert_int_eq(tpm_key_from_rsa(n, sizeof(n), &key, NULL), CL_OK);
    tpm_world_set_key(TPM_RSA_OTHER, key);
    cl_buf_reset(&runtime_text);
    cl_buf_reset(&td_quote);
    tpm_world_runtime(TPM_RSA_OTHER, more, &runtime_text);
    tw_default(&world);
    memset(world.td.report_data, 0, sizeof(world.td.report_data));
    ck_assert_int_eq(cl_sha256(world.td.report_data, runtime_text.data, runtime_text.len, NULL),
                     CL_OK);
    tw_tdreport(&world.td, raw);
    tw_quote_bytes(&world, &td_quote);
    struct tpm_world_hcl h = {.version = 2,
                              .type = 4,
                              .hash_type = 1,
                              .hardware = raw,
                              .runtime = (const char *)runtime_text.data,
                              .zeros = 64};
    tpm_world_hcl(&h, &hcl);
    swtpm_write_nv(esys, 0x01400001, &hcl);
    Esys_Finalize(&esys);
}

static struct cl_tpm_request request_of(const char *nonce)
{
    return (struct cl_tpm_request){.nonce = (const uint8_t *)nonce, .nonce_len = strlen(nonce)};
}

START_TEST(test_without_a_td_quote_the_parts_name_what_is_missing)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(evidence_found_done) struct evidence_found f = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    struct cl_vtpm_evidence *ev = NULL;
    struct cl_err err = {0};
    if (!swtpm_have()) {
        return;
    }
    azure_start("");
    struct cl_tpm_request request = request_of("nonce");
    ck_assert_int_eq(cl_tpm_gather(swtpm_tcti(), &request, &ev, &err), CL_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.msg, "td_quote: expected the quote of the paravisor's"));
    ck_assert_int_eq(cl_tpm_gather_parts(swtpm_tcti(), &request, &p, &err), CL_OK);
    ck_assert_int_eq(evidence_of_parts(&p, &f, &err), CL_OK);
    ck_assert_ptr_nonnull(strstr(f.missing, "the cloud's metadata service makes it"));
    ck_assert_ptr_nonnull(strstr(f.hint, "--td-quote"));
    ck_assert_int_eq(json_integer_value(json_object_get(f.json, "version")), 1);
    ck_assert_ptr_null(json_object_get(f.json, "td_quote"));
    const char *text = json_string_value(json_object_get(f.json, "td_report"));
    ck_assert_int_eq(cl_b64url_decode(&report, text, strlen(text), "td_report", NULL), CL_OK);
    ck_assert_uint_eq(report.len, CL_TDX_REPORT_SIZE);
    ck_assert_mem_eq(report.data, p.hcl.data + 32, CL_TDX_REPORT_SIZE);
    /* Nobody takes it for evidence. */
    ck_assert_int_eq(cl_vtpm_evidence_from_json(f.json, &ev, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "td_quote: expected text"));
    swtpm_stop();
}
END_TEST

START_TEST(test_with_a_td_quote_the_evidence_verifies)
{
    static uint8_t root[1][CL_TDX_ROOT_SIZE];
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *none = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf other = {0};
    struct tdx_material m = {0};
    struct cl_err err = {0};
    if (!swtpm_have()) {
        return;
    }
    azure_start("");
    struct cl_tpm_request request = request_of("nonce");
    request.td_quote = &td_quote;
    ck_assert_msg(cl_tpm_gather(swtpm_tcti(), &request, &ev, &err) == CL_OK, "%s", err.msg);
    ck_assert_int_eq(cl_vtpm_evidence_kind(ev), CL_TEE_CLASS_AZ_TDX_VTPM);
    tw_material(&world, &m);
    struct cl_tdx_collateral views = tdx_views(&m);
    ck_assert_int_eq(cl_tdx_verifier_new(&views, &v, NULL), CL_OK);
    tw_root_digest(&world, root[0]);
    struct cl_vtpm_policy policy = {.time = TW_TIME,
                                    .nonce = request.nonce,
                                    .nonce_len = request.nonce_len,
                                    .tdx_verifier = v,
                                    .authenticity_only = true};
    ck_assert_int_eq(
        vtpm_verify_with(ev, &policy, (const uint8_t(*)[CL_SNP_ROOT_SIZE])root, 1, &r, NULL, NULL),
        CL_OK);
    const struct cl_check *c = cl_verify_result_deciding(r);
    ck_assert_msg(r->verdict == CL_VERDICT_ACCEPTED, "%s: %s", c->id, c->actual);
    /* One of another report is noticed here. */
    world.td.report_data[0] ^= 1;
    tw_quote_bytes(&world, &other);
    request.td_quote = &other;
    ck_assert_int_eq(cl_tpm_gather(swtpm_tcti(), &request, &none, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected that of the paravisor's report"));
    other.len = 100;
    ck_assert_int_eq(cl_tpm_gather(swtpm_tcti(), &request, &none, &err), CL_ERR_TRUNCATED);
    tdx_material_done(&m);
    swtpm_stop();
}
END_TEST

/* Has the TPM itself measure the words, in each of its banks. */
static void measure(ESYS_CONTEXT *esys, ESYS_TR pcr, const char *words)
{
    TPML_DIGEST_VALUES *digests = NULL;
    TPM2B_EVENT event = {.size = (uint16_t)strlen(words)};
    memcpy(event.buffer, words, event.size);
    ck_assert_uint_eq(
        Esys_PCR_Event(esys, pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &event, &digests),
        TSS2_RC_SUCCESS);
    Esys_Free(digests);
}

static const struct cl_check *verify_with_log(const struct cl_vtpm_evidence *ev,
                                              const struct tpm_log_world *l, const char *id)
{
    static struct cl_check kept;
    CL_CLEANUP(cl_tpm_event_log_freep) struct cl_tpm_event_log *log = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    struct cl_vtpm_policy policy = {.time = TW_TIME, .authenticity_only = true};
    ck_assert_int_eq(cl_tpm_event_log_parse(l->raw.data, l->raw.len, &log, NULL), CL_OK);
    policy.event_log = log;
    ck_assert_int_eq(cl_vtpm_verify(ev, &policy, &r, NULL, NULL), CL_OK);
    const struct cl_check *c = cl_verify_result_check(r, id);
    ck_assert_ptr_nonnull(c);
    kept = *c;
    return &kept;
}

/* The registers of a TPM that somebody else wrote: as they begin, and as it extends them. */
START_TEST(test_a_log_leads_to_the_registers_of_a_real_tpm)
{
    static const uint16_t banks[] = {CL_TPM_ALG_SHA1, CL_TPM_ALG_SHA256, CL_TPM_ALG_SHA384};
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(tpm_log_done) struct tpm_log_world l;
    ESYS_CONTEXT *esys = NULL;
    struct cl_err err = {0};
    if (!swtpm_have()) {
        return;
    }
    azure_start("");
    ck_assert_uint_eq(Esys_Initialize(&esys, swtpm_tcti(), NULL), TSS2_RC_SUCCESS);
    measure(esys, ESYS_TR_PCR4, "loader");
    measure(esys, ESYS_TR_PCR4, "kernel");
    measure(esys, ESYS_TR_PCR0, "version");
    Esys_Finalize(&esys);
    struct cl_tpm_request request = request_of("nonce");
    request.td_quote = &td_quote;
    for (size_t i = 0; i < CL_ARRAY_LEN(banks); i++) {
        request.selection.bank[i].alg = banks[i];
        request.selection.bank[i].mask = 0xFFFFFF;
    }
    request.selection.bank_count = CL_ARRAY_LEN(banks);
    ck_assert_msg(cl_tpm_gather(swtpm_tcti(), &request, &ev, &err) == CL_OK, "%s", err.msg);
    tpm_log_begin(&l, banks, CL_ARRAY_LEN(banks));
    tpm_log_event(&l, 0, 8, "version");
    tpm_log_event(&l, 4, 0x80000003, "loader");
    ck_assert_int_eq(verify_with_log(ev, &l, "tpm.event_log.pcr04")->status, CL_CHECK_FAIL);
    tpm_log_event(&l, 4, 0x80000003, "kernel");
    for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "tpm.event_log.pcr%02u", (unsigned)i);
        const struct cl_check *c = verify_with_log(ev, &l, id);
        ck_assert_msg(c->status == CL_CHECK_PASS && !c->warning, "%s: %s", id, c->why);
    }
    swtpm_stop();
}
END_TEST

/* "challenge", padded, as the paravisor writes it. */
#define USER_DATA                                                                                  \
    ",\"user-data\":\"6368616C6C656E676500000000000000000000000000000000000000000000000000000000"  \
    "000000000000000000000000000000000000000000000000000000\""

START_TEST(test_user_data_is_waited_for)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts none = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf written = {0};
    struct cl_err err = {0};
    ESYS_CONTEXT *esys = NULL;
    if (!swtpm_have()) {
        return;
    }
    azure_start(USER_DATA);
    struct cl_tpm_request request = request_of("challenge");
    request.user_data_timeout_ms = 300;
    ck_assert_msg(cl_tpm_gather_parts(swtpm_tcti(), &request, &p, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(p.version, 2);
    /* No paravisor is there to take another one; the index was made and written, twice. */
    for (int i = 0; i < 2; i++) {
        request.nonce = (const uint8_t *)"another";
        request.nonce_len = 7;
        ck_assert_int_eq(cl_tpm_gather_parts(swtpm_tcti(), &request, &none, &err),
                         CL_ERR_UNAVAILABLE);
        ck_assert_ptr_nonnull(strstr(err.msg, "user-data: expected what was written"));
    }
    TPM2B_MAX_NV_BUFFER *got = NULL;
    ESYS_TR nv = ESYS_TR_NONE;
    ck_assert_uint_eq(Esys_Initialize(&esys, swtpm_tcti(), NULL), TSS2_RC_SUCCESS);
    ck_assert_uint_eq(
        Esys_TR_FromTPMPublic(esys, 0x01400002, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &nv),
        TSS2_RC_SUCCESS);
    ck_assert_uint_eq(Esys_NV_Read(esys, ESYS_TR_RH_OWNER, nv, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                   ESYS_TR_NONE, 64, 0, &got),
                      TSS2_RC_SUCCESS);
    ck_assert_mem_eq(got->buffer, "another\0", 8);
    Esys_Free(got);
    Esys_Finalize(&esys);
    swtpm_stop();
}
END_TEST

START_TEST(test_a_plain_tpm_has_no_paravisor)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf some = {0};
    struct cl_err err = {0};
    if (!swtpm_have()) {
        return;
    }
    swtpm_start();
    struct cl_tpm_request request = request_of("nonce");
    request.user_data_timeout_ms = 1;
    ck_assert_int_eq(cl_tpm_gather_parts(swtpm_tcti(), &request, &p, &err), CL_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected a paravisor that takes it"));
    request.user_data_timeout_ms = 0;
    request.td_quote = &some;
    ck_assert_int_eq(cl_tpm_gather_parts(swtpm_tcti(), &request, &p, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "expected none beside a TPM without"));
    swtpm_stop();
}
END_TEST

static enum cl_status read_quote(const void *contents, size_t len, struct cl_buf *out,
                                 struct cl_err *err)
{
    char path[] = "/tmp/cloister-td-quote-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    cl_close_fdp(&fd);
    ck_assert_int_eq(cl_write_file(path, contents, len, 0600, NULL), CL_OK);
    enum cl_status st = evidence_read_td_quote(path, out, err);
    (void)remove(path);
    return st;
}

/* A quote, or the metadata service's answer, with padding or without. */
START_TEST(test_a_td_quote_is_read_in_two_forms)
{
    static const char *const ends[] = {"\"}", "=\"}", "==\"}"};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    tw_default(&world);
    tw_quote_bytes(&world, &raw);
    ck_assert_int_eq(read_quote(raw.data, raw.len, &out, NULL), CL_OK);
    ck_assert_uint_eq(out.len, raw.len);
    for (size_t i = 0; i < CL_ARRAY_LEN(ends); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf json = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf again = {0};
        ck_assert_int_eq(cl_buf_append_str(&json, "{\"quote\":\"", NULL), CL_OK);
        ck_assert_int_eq(cl_b64url_encode(&json, raw.data, raw.len, NULL), CL_OK);
        ck_assert_int_eq(cl_buf_append_str(&json, ends[i], NULL), CL_OK);
        ck_assert_int_eq(read_quote(json.data, json.len, &again, NULL), CL_OK);
        ck_assert_uint_eq(again.len, raw.len);
        ck_assert_mem_eq(again.data, raw.data, raw.len);
    }
}
END_TEST

START_TEST(test_a_td_quote_of_another_form_is_refused)
{
    static const struct {
        const char *contents;
        enum cl_status status;
        const char *message;
    } cases[] = {
        {"words", CL_ERR_TRUNCATED, "TD quote '/tmp/cloister-"},
        {"{\"quote\":\"AbC+/w\"}", CL_ERR_MALFORMED, "quote: expected"},
        {"{\"quote\":\"AbCw\"}", CL_ERR_TRUNCATED, "TD quote '/tmp/cloister-"},
        {"{\"quote\":5}", CL_ERR_MALFORMED, "quote: expected"},
        {"{", CL_ERR_MALFORMED, "TD quote"},
        {"", CL_ERR_TRUNCATED, "expected contents, got none"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
        struct cl_err err = {0};
        enum cl_status st = read_quote(cases[i].contents, strlen(cases[i].contents), &out, &err);
        ck_assert_msg(st == cases[i].status && strstr(err.msg, cases[i].message) != NULL,
                      "%zu: %d %s", i, st, err.msg);
    }
}
END_TEST

int main(void)
{
    tw_init();
    tpm_world_init();
    (void)setenv("TSS2_LOG", "all+none", 1); /* the TPM's refusals are what is tested */
    Suite *s = suite_create("gather_td");
    TCase *t = tcase_create("gather_td");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_the_driver_gives_a_tdreport);
    tcase_add_test(t, test_the_driver_fails);
    tcase_add_test(t, test_a_tdreport_is_said_to_be_no_quote);
    tcase_add_test(t, test_without_a_td_quote_the_parts_name_what_is_missing);
    tcase_add_test(t, test_with_a_td_quote_the_evidence_verifies);
    tcase_add_test(t, test_a_log_leads_to_the_registers_of_a_real_tpm);
    tcase_add_test(t, test_user_data_is_waited_for);
    tcase_add_test(t, test_a_plain_tpm_has_no_paravisor);
    tcase_add_test(t, test_a_td_quote_is_read_in_two_forms);
    tcase_add_test(t, test_a_td_quote_of_another_form_is_refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
