/* SPDX-License-Identifier: Apache-2.0
 * test_results.c - what a verdict becomes: the AR4SI vector and EAR token, and the HTML page with
 * hostile text in every place that text can be.
 */
#include "base/digest.h"
#include "base/encode.h"
#include "base/json.h"
#include "check_main.h"
#include "cloister/ear.h"
#include "cloister/html_report.h"
#include "results/meaning.h"
#include "verdict/verdict.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <string.h>

#define NOW INT64_C(1767225600)

/* A result with the checks that a good report has, as far as tests need them. */
static struct cl_verify_result *result_of(enum cl_tee_class c, const char *failed,
                                          const char *unknown, const char *warned)
{
    static const char *const ids[] = {"snp.report.version", "snp.chain.root", "snp.ek.key",
                                      "snp.signature",      "snp.chip_id",    "snp.tcb.order",
                                      "snp.policy.debug",   "snp.measurement"};
    struct cl_verify_result *r = NULL;
    ck_assert_int_eq(cl_verdict_new(NOW, &r, NULL), CL_OK);
    r->authentic = CL_YES;
    r->tee_class = c;
    r->product = "milan";
    for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
        bool is_failed = failed != NULL && strcmp(failed, ids[i]) == 0;
        bool is_unknown = unknown != NULL && strcmp(unknown, ids[i]) == 0;
        struct cl_check *k = cl_verdict_add(r, ids[i],
                                            is_failed    ? CL_CHECK_FAIL
                                            : is_unknown ? CL_CHECK_UNKNOWN
                                                         : CL_CHECK_PASS);
        k->warning = warned != NULL && strcmp(warned, ids[i]) == 0;
    }
    cl_verdict_conclude(r, /* compared= */ true, /* authenticity_only= */ false);
    return r;
}

static const struct {
    enum cl_tee_class tee_class;
    const char *failed, *unknown, *warned;
    enum cl_appraisal status;
    int8_t instance, configuration, executables, hardware;
} vectors[] = {
    {CL_TEE_CLASS_SNP, NULL, NULL, NULL, CL_APPRAISAL_AFFIRMING, 2, 3, 3, 2},
    {CL_TEE_CLASS_SIM_SNP, NULL, NULL, NULL, CL_APPRAISAL_CONTRAINDICATED, 2, 3, 3, 97},
    {CL_TEE_CLASS_SNP, NULL, NULL, "snp.tcb.order", CL_APPRAISAL_WARNING, 2, 3, 3, 32},
    {CL_TEE_CLASS_SNP, "snp.measurement", NULL, NULL, CL_APPRAISAL_CONTRAINDICATED, 2, 3, 96, 2},
    {CL_TEE_CLASS_SNP, "snp.policy.debug", NULL, NULL, CL_APPRAISAL_CONTRAINDICATED, 2, 96, 3, 2},
    {CL_TEE_CLASS_SNP, "snp.tcb.order", NULL, NULL, CL_APPRAISAL_CONTRAINDICATED, 2, 3, 3, 97},
    {CL_TEE_CLASS_SNP, NULL, "snp.measurement", NULL, CL_APPRAISAL_NONE, 2, 3, 0, 2},
    {CL_TEE_CLASS_SNP, NULL, "snp.signature", NULL, CL_APPRAISAL_NONE, 2, 3, 3, 0},
};

START_TEST(test_vector_follows_the_checks)
{
    CL_CLEANUP(cl_verify_result_freep)
    struct cl_verify_result *r = result_of(vectors[_i].tee_class, vectors[_i].failed,
                                           vectors[_i].unknown, vectors[_i].warned);
    struct cl_ar4si v = cl_ar4si_of_result(r);
    ck_assert_int_eq(v.value[CL_AR4SI_INSTANCE_IDENTITY], vectors[_i].instance);
    ck_assert_int_eq(v.value[CL_AR4SI_CONFIGURATION], vectors[_i].configuration);
    ck_assert_int_eq(v.value[CL_AR4SI_EXECUTABLES], vectors[_i].executables);
    ck_assert_int_eq(v.value[CL_AR4SI_HARDWARE], vectors[_i].hardware);
    ck_assert_int_eq(v.value[CL_AR4SI_FILE_SYSTEM], 0);
    ck_assert_int_eq(cl_ear_status(r), vectors[_i].status);
}
END_TEST

START_TEST(test_evidence_that_is_not_authentic_claims_nothing_good)
{
    CL_CLEANUP(cl_verify_result_freep)
    struct cl_verify_result *r = result_of(CL_TEE_CLASS_NONE, "snp.signature", NULL, NULL);
    r->authentic = CL_NO;
    struct cl_ar4si v = cl_ar4si_of_result(r);
    ck_assert_int_eq(v.value[CL_AR4SI_HARDWARE], 99);
    ck_assert_int_eq(v.value[CL_AR4SI_EXECUTABLES], 99);
    ck_assert_int_eq(cl_ear_status(r), CL_APPRAISAL_CONTRAINDICATED);
}
END_TEST

START_TEST(test_compared_with_nothing_is_no_appraisal)
{
    CL_CLEANUP(cl_verify_result_freep)
    struct cl_verify_result *r = result_of(CL_TEE_CLASS_SNP, NULL, NULL, NULL);
    r->appraisal = CL_APPRAISAL_NONE; /* --authenticity-only */
    ck_assert_int_eq(cl_ear_status(r), CL_APPRAISAL_NONE);
}
END_TEST

START_TEST(test_only_hardware_classes_are_approved)
{
    for (int c = CL_TEE_CLASS_NONE; c < CL_TEE_CLASS_COUNT; c++) {
        struct cl_ar4si v = cl_ar4si_approved((enum cl_tee_class)c);
        bool sim = c == CL_TEE_CLASS_NONE || cl_tee_class_is_simulated((enum cl_tee_class)c);
        ck_assert_int_eq(cl_ar4si_tier(&v),
                         sim ? CL_APPRAISAL_CONTRAINDICATED : CL_APPRAISAL_AFFIRMING);
    }
}
END_TEST

START_TEST(test_tiers)
{
    static const struct {
        int8_t value;
        enum cl_appraisal tier;
    } cases[] = {{-128, CL_APPRAISAL_CONTRAINDICATED},
                 {-97, CL_APPRAISAL_CONTRAINDICATED},
                 {-96, CL_APPRAISAL_WARNING},
                 {-33, CL_APPRAISAL_WARNING},
                 {-32, CL_APPRAISAL_AFFIRMING},
                 {-2, CL_APPRAISAL_AFFIRMING},
                 {-1, CL_APPRAISAL_NONE},
                 {1, CL_APPRAISAL_NONE},
                 {2, CL_APPRAISAL_AFFIRMING},
                 {31, CL_APPRAISAL_AFFIRMING},
                 {32, CL_APPRAISAL_WARNING},
                 {95, CL_APPRAISAL_WARNING},
                 {96, CL_APPRAISAL_CONTRAINDICATED},
                 {127, CL_APPRAISAL_CONTRAINDICATED}};
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct cl_ar4si v = {{0}};
        v.value[CL_AR4SI_SOURCED_DATA] = cases[i].value;
        ck_assert_int_eq(cl_ar4si_tier(&v), cases[i].tier);
    }
}
END_TEST

START_TEST(test_meaning_of_a_check)
{
    ck_assert_int_eq(check_meaning("snp.measurement")->claim, CL_AR4SI_EXECUTABLES);
    ck_assert_int_eq(check_meaning("tdx.event_log.rtmr3")->step, STEP_GUEST);
    ck_assert_ptr_nonnull(check_meaning("tpm.pcr.values")->question);
    ck_assert_ptr_null(check_meaning("snp.measurement.more")->question);
    ck_assert_int_eq(check_meaning("unheard.of")->claim, CL_AR4SI_HARDWARE);
}
END_TEST

/* What evidence of the other kinds gives: "+id" passed, "!id" with a warning, "-id" skipped, "xid"
 * failed, "?id" cannot be told. */
static const struct {
    enum cl_tee_class tee_class;
    bool compared;
    const char *checks[12];
    enum cl_verdict verdict;
    enum cl_appraisal status;
    int8_t instance, configuration, executables, hardware;
} kinds[] = {
    {CL_TEE_CLASS_TDX,
     true,
     {"+tdx.pck.root", "+tdx.qe.identity", "+tdx.quote.signature", "+tdx.tcb.status",
      "+tdx.td.debug", "-tdx.report_data", "+tdx.mrtd", "+tdx.rtmr0", "-tdx.event_log"},
     CL_VERDICT_ACCEPTED,
     CL_APPRAISAL_AFFIRMING,
     0,
     3,
     3,
     2},
    {CL_TEE_CLASS_TDX, /* the firmware is known, what it started is not */
     true,
     {"+tdx.pck.root", "+tdx.tcb.status", "+tdx.td.debug", "+tdx.mrtd", "!tdx.rtmr1"},
     CL_VERDICT_ACCEPTED,
     CL_APPRAISAL_WARNING,
     0,
     3,
     32,
     2},
    {CL_TEE_CLASS_TDX, /* a platform that the policy forgives */
     true,
     {"+tdx.pck.root", "!tdx.tcb.status", "+tdx.td.debug", "+tdx.mrtd"},
     CL_VERDICT_ACCEPTED,
     CL_APPRAISAL_WARNING,
     0,
     3,
     3,
     32},
    {CL_TEE_CLASS_TDX, /* authenticity only: a log that fits proves nothing */
     false,
     {"+tdx.pck.root", "+tdx.td.debug", "-tdx.mrtd", "+tdx.event_log.rtmr0"},
     CL_VERDICT_ACCEPTED,
     CL_APPRAISAL_NONE,
     0,
     3,
     0,
     2},
    {CL_TEE_CLASS_TDX,
     true,
     {"+tdx.pck.root", "xtdx.td.debug", "+tdx.mrtd"},
     CL_VERDICT_REJECTED,
     CL_APPRAISAL_CONTRAINDICATED,
     0,
     96,
     3,
     2},
    {CL_TEE_CLASS_TDX,
     true,
     {"+tdx.pck.root", "?tdx.tcb_info.validity", "+tdx.td.debug", "+tdx.mrtd"},
     CL_VERDICT_UNDETERMINED,
     CL_APPRAISAL_NONE,
     0,
     3,
     3,
     0},
    {CL_TEE_CLASS_AZ_TDX_VTPM,
     true,
     {"+tdx.pck.root", "+tdx.td.debug", "+tdx.mrtd", "+hcl.tdreport", "+hcl.binding",
      "-hcl.user_data", "-hcl.secure_boot", "+tpm.signature", "+tpm.pcr.digest", "+tpm.quote.nonce",
      "+tpm.pcr.values"},
     CL_VERDICT_ACCEPTED,
     CL_APPRAISAL_AFFIRMING,
     0,
     3,
     3,
     2},
    {CL_TEE_CLASS_AZ_SNP_VTPM,
     true,
     {"+snp.chain.root", "+snp.chip_id", "+snp.policy.debug", "+snp.measurement", "+hcl.binding",
      "+tpm.signature", "+tpm.pcr.digest", "xtpm.pcr.values"},
     CL_VERDICT_REJECTED,
     CL_APPRAISAL_CONTRAINDICATED,
     2,
     3,
     96,
     2},
    {CL_TEE_CLASS_AZ_SNP_VTPM, /* the paravisor is known; of the guest nothing was asked */
     false,
     {"+snp.chain.root", "+snp.chip_id", "+snp.policy.debug", "+snp.measurement", "+hcl.binding",
      "+tpm.signature", "+tpm.pcr.digest", "-tpm.pcr.values"},
     CL_VERDICT_ACCEPTED,
     CL_APPRAISAL_NONE,
     2,
     3,
     0,
     2},
    {CL_TEE_CLASS_TPM,
     true,
     {"-tpm.ak.attributes", "+tpm.ak.trusted", "+tpm.quote.magic", "+tpm.signature",
      "+tpm.pcr.digest", "+tpm.policy", "+tpm.quote.nonce", "+tpm.pcr.values"},
     CL_VERDICT_ACCEPTED,
     CL_APPRAISAL_AFFIRMING,
     2,
     3,
     3,
     2},
};

static struct cl_verify_result *result_of_kind(size_t i)
{
    static const enum cl_check_status status[] = {['+'] = CL_CHECK_PASS,
                                                  ['!'] = CL_CHECK_PASS,
                                                  ['-'] = CL_CHECK_SKIPPED,
                                                  ['x'] = CL_CHECK_FAIL,
                                                  ['?'] = CL_CHECK_UNKNOWN};
    struct cl_verify_result *r = NULL;
    ck_assert_int_eq(cl_verdict_new(NOW, &r, NULL), CL_OK);
    r->authentic = CL_YES;
    r->tee_class = kinds[i].tee_class;
    for (const char *const *c = kinds[i].checks; *c != NULL; c++) {
        cl_verdict_add(r, *c + 1, status[(unsigned char)**c])->warning = **c == '!';
    }
    cl_verdict_conclude(r, kinds[i].compared, /* authenticity_only= */ !kinds[i].compared);
    return r;
}

START_TEST(test_vector_of_other_kinds)
{
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = result_of_kind((size_t)_i);
    struct cl_ar4si v = cl_ar4si_of_result(r);
    ck_assert_int_eq(r->verdict, kinds[_i].verdict);
    ck_assert_int_eq(v.value[CL_AR4SI_INSTANCE_IDENTITY], kinds[_i].instance);
    ck_assert_int_eq(v.value[CL_AR4SI_CONFIGURATION], kinds[_i].configuration);
    ck_assert_int_eq(v.value[CL_AR4SI_EXECUTABLES], kinds[_i].executables);
    ck_assert_int_eq(v.value[CL_AR4SI_HARDWARE], kinds[_i].hardware);
    ck_assert_int_eq(cl_ear_status(r), kinds[_i].status);
}
END_TEST

static bool page_of_kind_has(size_t i, const char *text)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf page = {0};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = result_of_kind(i);
    CL_CLEANUP(cl_json_decrefp) json_t *claims = json_pack("{s:{s:s}}", "ak", "sha256", "0a0b");
    struct cl_html_report p = {.result = r,
                               .claims = r->tee_class == CL_TEE_CLASS_TPM ? claims : NULL,
                               .verified_by = "",
                               .command = "",
                               .made_at = NOW};
    ck_assert_int_eq(cl_html_report(&p, &page, NULL), CL_OK);
    return strstr((const char *)page.data, text) != NULL;
}

START_TEST(test_chain_is_called_by_its_kind)
{
    ck_assert(page_of_kind_has(0, "4. TD quote<"));
    ck_assert(!page_of_kind_has(0, "aravisor"));
    ck_assert(page_of_kind_has(6, "4. Paravisor&#39;s TD quote and TPM quote<"));
    ck_assert(page_of_kind_has(6, "1. Intel root key<"));
    ck_assert(page_of_kind_has(7, "1. AMD root key<"));
    ck_assert(page_of_kind_has(7, "6. Paravisor and guest<"));
    ck_assert(page_of_kind_has(9, "1. Attestation key of the TPM<")); /* no root vouches for it */
    ck_assert(page_of_kind_has(9, "SHA-256 0a0b"));
    ck_assert(page_of_kind_has(9, "4. Machine<"));
    ck_assert(page_of_kind_has(9, "yes: signed by a key that the policy trusts"));
    ck_assert(!page_of_kind_has(9, "pinned"));
}
END_TEST

START_TEST(test_token_round_trip_and_refusals)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256"), *p384 = EVP_EC_gen("P-384");
    CL_CLEANUP(cl_verify_result_freep)
    struct cl_verify_result *r = result_of(CL_TEE_CLASS_SNP, NULL, NULL, NULL);
    CL_CLEANUP(cl_json_decrefp) json_t *claims = json_pack("{s:s}", "measurement", "00");
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *read = NULL;
    json_t *cpu0 = NULL, *annotated = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_ear_of_result(p384, r, claims, NOW, &token, &err), CL_ERR_UNSUPPORTED);
    ck_assert_str_eq(err.msg, "key does not fit ES256");
    ck_assert_int_eq(cl_ear_of_result(key, r, claims, NOW, &token, &err), CL_OK);
    const char *text = (const char *)token.data;
    ck_assert_int_eq(cl_ear_token_open(key, text, token.len, NOW, &read, &cpu0, &annotated, &err),
                     CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(read, "eat_profile")),
                     "tag:github.com,2023:veraison/ear");
    ck_assert_str_eq(json_string_value(json_object_get(cpu0, "ear.status")), "affirming");
    const json_t *v = json_object_get(cpu0, "ear.trustworthiness-vector");
    ck_assert_int_eq(json_integer_value(json_object_get(v, "executables")), 3);
    ck_assert_uint_eq(json_object_size(v), CL_AR4SI_COUNT);
    ck_assert_str_eq(json_string_value(json_object_get(annotated, "cloister_verdict")), "accepted");
    ck_assert_ptr_nonnull(json_object_get(json_object_get(annotated, "snp"), "measurement"));
    ck_assert_str_eq(json_string_value(json_object_get(
                         json_object_get(annotated, "cloister_checks"), "snp.signature")),
                     "pass");

    json_t *no = NULL;
    ck_assert_int_eq(cl_ear_token_open(other, text, token.len, NOW, &no, &cpu0, &annotated, &err),
                     CL_ERR_REJECTED);
    ck_assert_int_eq(cl_ear_token_open(key, text, token.len, NOW + CL_EAR_LIFETIME_SECONDS + 61,
                                       &no, &cpu0, &annotated, &err),
                     CL_ERR_REJECTED);
    ck_assert_int_eq(
        cl_ear_token_open(key, text, token.len, NOW - 61, &no, &cpu0, &annotated, &err),
        CL_ERR_REJECTED);
    for (size_t n = 0; n < token.len; n++) {
        ck_assert_int_ne(cl_ear_token_open(key, text, n, NOW, &no, &cpu0, &annotated, NULL), CL_OK);
    }
    for (size_t i = 0; i < token.len; i++) {
        token.data[i] ^= 1;
        ck_assert_int_ne(cl_ear_token_open(key, text, token.len, NOW, &no, &cpu0, &annotated, NULL),
                         CL_OK);
        token.data[i] ^= 1;
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    EVP_PKEY_free(p384);
}
END_TEST

START_TEST(test_escape_of_every_byte)
{
    for (unsigned b = 0; b < 256; b++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
        char c = (char)b, code[8];
        const char *want = b == '&'    ? "&amp;"
                           : b == '<'  ? "&lt;"
                           : b == '>'  ? "&gt;"
                           : b == '"'  ? "&quot;"
                           : b == '\'' ? "&#39;"
                                       : code;
        (void)snprintf(code, sizeof(code), b >= 0x20 && b < 0x7F ? "%c" : "\\x%02x", b);
        ck_assert_int_eq(cl_html_escape(&out, &c, 1, NULL), CL_OK);
        ck_assert_str_eq((const char *)out.data, want);
    }
}
END_TEST

/* A page with `text` in every place that takes text. */
static void page_with(const char *text, struct cl_buf *out)
{
    CL_CLEANUP(cl_verify_result_freep)
    struct cl_verify_result *r = result_of(CL_TEE_CLASS_SNP, "snp.measurement", "snp.ek.key", NULL);
    for (size_t i = 0; i < r->check_count; i++) {
        cl_check_expected(&r->checks[i], "%s", text);
        cl_check_actual(&r->checks[i], "%s", text);
        cl_check_why(&r->checks[i], "%s", text);
    }
    CL_CLEANUP(cl_json_decrefp)
    json_t *claims = json_pack("{s:s, s:{s:s}, s:[s], s:{s:{s:s}}, s:[[i]], s:n, s:b, s:i}", text,
                               text, "tcb", text, text, "list", text, "deep", text, "in", text,
                               "lists", 1, "nothing", "yes", 1, "number", 7);
    ck_assert_ptr_nonnull(claims);
    struct cl_html_file files[] = {
        {text, text, (const uint8_t *)text, strlen(text)},
        {"Certificate", "/a/b/", (const uint8_t *)"", 0},
    };
    struct cl_html_demand demands[] = {{text, text}};
    struct cl_html_report p = {.result = r,
                               .claims = claims,
                               .verified_by = text,
                               .command = text,
                               .made_at = NOW,
                               .files = files,
                               .file_count = 2,
                               .demands = demands,
                               .demand_count = 1,
                               .certs = {{(const uint8_t *)text, strlen(text)}},
                               .cert_count = 1};
    struct cl_err err = {0};
    ck_assert_msg(cl_html_report(&p, out, &err) == CL_OK, "%s", err.msg);
}

static size_t count(const struct cl_buf *b, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < b->len; i++) {
        n += b->data[i] == (uint8_t)c ? 1 : 0;
    }
    return n;
}

START_TEST(test_hostile_text_adds_no_markup)
{
    static const char *const hostile[] = {"<script>alert(1)</script>",
                                          "\"><img src=x onerror=y>",
                                          "' onclick='x",
                                          "</title></style><b>",
                                          "&lt;b&gt;",
                                          "\x1b[2J\xe2\x80\xae\xc3\x28",
                                          "<!--",
                                          "javascript:x"};
    CL_CLEANUP(cl_buf_done) struct cl_buf plain = {0};
    page_with("plain", &plain);
    for (size_t i = 0; i < plain.len; i++) {
        ck_assert(plain.data[i] == '\n' || (plain.data[i] >= 0x20 && plain.data[i] < 0x7F));
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(hostile); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf page = {0};
        if (i == 5) { /* jansson takes UTF-8 alone: claims cannot hold it */
            ck_assert_int_eq(cl_html_escape(&page, hostile[i], strlen(hostile[i]), NULL), CL_OK);
            ck_assert_str_eq((const char *)page.data, "\\x1b[2J\\xe2\\x80\\xae\\xc3(");
            continue;
        }
        page_with(hostile[i], &page);
        ck_assert_uint_eq(count(&page, '<'), count(&plain, '<'));
        ck_assert_uint_eq(count(&page, '>'), count(&plain, '>'));
        ck_assert_uint_eq(count(&page, '"'), count(&plain, '"'));
        ck_assert_ptr_null(strstr((const char *)page.data, "<script"));
    }
}
END_TEST

START_TEST(test_policy_names_the_style_sheet)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf page = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf policy = {0};
    uint8_t digest[CL_SHA256_SIZE];
    page_with("plain", &page);
    const char *begin = strstr((const char *)page.data, "<style>");
    const char *end = strstr((const char *)page.data, "</style>");
    ck_assert(begin != NULL && end != NULL);
    begin += strlen("<style>");
    ck_assert_int_eq(cl_sha256(digest, begin, (size_t)(end - begin), NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append_str(&policy, "default-src 'none'; style-src 'sha256-", NULL),
                     CL_OK);
    ck_assert_int_eq(cl_b64_encode(&policy, digest, sizeof(digest), NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append_str(&policy, "'; base-uri 'none'; form-action 'none'", NULL),
                     CL_OK);
    ck_assert_ptr_nonnull(strstr((const char *)page.data, (const char *)policy.data));
    ck_assert_ptr_null(strstr((const char *)page.data, " style="));
    ck_assert_ptr_null(strstr((const char *)page.data, "http://"));
    ck_assert_ptr_null(strstr((const char *)page.data, "https://"));
    ck_assert_ptr_null(strstr((const char *)page.data, "url("));
}
END_TEST

START_TEST(test_page_says_the_verdict_in_words)
{
    static const struct {
        enum cl_tee_class tee_class;
        const char *failed, *unknown, *warned, *word;
    } cases[] = {
        {CL_TEE_CLASS_SNP, NULL, NULL, NULL, "Accepted</h1>"},
        {CL_TEE_CLASS_SNP, NULL, NULL, "snp.tcb.order", "Accepted, with warnings</h1>"},
        {CL_TEE_CLASS_SIM_SNP, NULL, NULL, NULL, "Accepted, simulated hardware</h1>"},
        {CL_TEE_CLASS_SNP, "snp.measurement", NULL, NULL, "Rejected</h1>"},
        {CL_TEE_CLASS_SNP, NULL, "snp.ek.key", NULL, "Undetermined</h1>"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf page = {0};
        CL_CLEANUP(cl_verify_result_freep)
        struct cl_verify_result *r =
            result_of(cases[i].tee_class, cases[i].failed, cases[i].unknown, cases[i].warned);
        struct cl_html_report p = {.result = r, .verified_by = "", .command = "", .made_at = NOW};
        ck_assert_int_eq(cl_html_report(&p, &page, NULL), CL_OK);
        const char *text = (const char *)page.data;
        ck_assert_msg(strstr(text, cases[i].word) != NULL, "%s", cases[i].word);
        for (size_t k = 0; k < r->check_count; k++) {
            ck_assert_ptr_nonnull(strstr(text, r->checks[k].id));
        }
        ck_assert_ptr_nonnull(strstr(text, "Nothing was given to compare the evidence with."));
    }
}
END_TEST

START_TEST(test_difference_between_digests_is_marked)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf page = {0};
    CL_CLEANUP(cl_verify_result_freep)
    struct cl_verify_result *r = result_of(CL_TEE_CLASS_SNP, "snp.measurement", NULL, NULL);
    struct cl_check *k = &r->checks[r->check_count - 1];
    cl_check_expected(k, "00ff00ff");
    cl_check_actual(k, "00aa00fe");
    struct cl_html_report p = {.result = r, .verified_by = "", .command = "", .made_at = NOW};
    ck_assert_int_eq(cl_html_report(&p, &page, NULL), CL_OK);
    ck_assert_ptr_nonnull(
        strstr((const char *)page.data, "00<mark>aa</mark>00f<mark>e</mark></dd>"));
}
END_TEST

START_TEST(test_page_has_limits)
{
    static uint8_t big[CL_HTML_MAX_ATTACHED];
    CL_CLEANUP(cl_buf_done) struct cl_buf page = {0};
    CL_CLEANUP(cl_verify_result_freep)
    struct cl_verify_result *r = result_of(CL_TEE_CLASS_SNP, NULL, NULL, NULL);
    struct cl_html_file files[] = {{"Evidence", "a", big, sizeof(big)}, {"Evidence", "b", big, 1}};
    struct cl_html_report p = {.result = r,
                               .verified_by = "",
                               .command = "",
                               .made_at = NOW,
                               .files = files,
                               .file_count = 2};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_html_report(&p, &page, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "HTML report: attachments: expected at most 160 files and 16777216 "
                              "bytes, got 2 and 16777217");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("results");
    TCase *t = tcase_create("results");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_vector_follows_the_checks, 0, (int)CL_ARRAY_LEN(vectors));
    tcase_add_test(t, test_evidence_that_is_not_authentic_claims_nothing_good);
    tcase_add_test(t, test_compared_with_nothing_is_no_appraisal);
    tcase_add_test(t, test_only_hardware_classes_are_approved);
    tcase_add_test(t, test_tiers);
    tcase_add_test(t, test_meaning_of_a_check);
    tcase_add_loop_test(t, test_vector_of_other_kinds, 0, (int)CL_ARRAY_LEN(kinds));
    tcase_add_test(t, test_chain_is_called_by_its_kind);
    tcase_add_test(t, test_token_round_trip_and_refusals);
    tcase_add_test(t, test_escape_of_every_byte);
    tcase_add_test(t, test_hostile_text_adds_no_markup);
    tcase_add_test(t, test_policy_names_the_style_sheet);
    tcase_add_test(t, test_page_says_the_verdict_in_words);
    tcase_add_test(t, test_difference_between_digests_is_marked);
    tcase_add_test(t, test_page_has_limits);
    suite_add_tcase(s, t);
    return run_suite(s);
}
