/* SPDX-License-Identifier: Apache-2.0
 * test_snp_evidence.c - the forms evidence travels in: certificate table, PEM, Trustee's JSON.
 */
#include "cloister/snp_evidence.h"

#include "base/bytes.h"
#include "base/json.h"
#include "check_main.h"
#include "snp_world.h"

#include <openssl/pem.h>
#include <string.h>

static struct cl_buf ek_der, ask_der, ark_der; /* made once in main() */

static struct cl_snp_evidence *blank(void)
{
    static const uint8_t raw[CL_SNP_REPORT_SIZE] = {3};
    struct cl_snp_evidence *ev = NULL;
    ck_assert_int_eq(cl_snp_evidence_from_report(raw, sizeof(raw), &ev, NULL), CL_OK);
    return ev;
}

static void add(struct cl_snp_evidence *ev, enum cl_snp_cert_type type, const struct cl_buf *der)
{
    ck_assert_int_eq(cl_snp_evidence_add_der(ev, type, der->data, der->len, NULL), CL_OK);
}

static void make_table(struct cl_buf *out)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = blank();
    add(ev, CL_SNP_CERT_VCEK, &ek_der);
    add(ev, CL_SNP_CERT_ASK, &ask_der);
    add(ev, CL_SNP_CERT_ARK, &ark_der);
    ck_assert_int_eq(cl_snp_evidence_table(ev, out, NULL), CL_OK);
}

static enum cl_status parse_table(const uint8_t *data, size_t len, size_t *ret_count,
                                  struct cl_err *err)
{
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = blank();
    uint8_t *exact = malloc(len > 0 ? len : 1); /* so that a sanitizer sees one byte too many */
    memcpy(exact, data, len);
    enum cl_status st = cl_snp_evidence_add_table(ev, exact, len, err);
    free(exact);
    *ret_count = cl_snp_evidence_cert_count(ev);
    return st;
}

START_TEST(test_table_round_trip)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf table = {0};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = blank();
    static const uint8_t vcek_guid[] = {0x63, 0xda, 0x75, 0x8d}; /* textual order */
    make_table(&table);
    ck_assert_mem_eq(table.data, vcek_guid, sizeof(vcek_guid));
    ck_assert_int_eq(cl_snp_evidence_add_table(ev, table.data, table.len, NULL), CL_OK);
    ck_assert_uint_eq(cl_snp_evidence_cert_count(ev), 3);
    static const enum cl_snp_cert_type types[] = {CL_SNP_CERT_VCEK, CL_SNP_CERT_ASK,
                                                  CL_SNP_CERT_ARK};
    const struct cl_buf *ders[] = {&ek_der, &ask_der, &ark_der};
    for (size_t i = 0; i < 3; i++) {
        enum cl_snp_cert_type type = CL_SNP_CERT_OTHER;
        size_t len = 0;
        const uint8_t *der = cl_snp_evidence_cert(ev, i, &type, &len);
        ck_assert_int_eq(type, types[i]);
        ck_assert_uint_eq(len, ders[i]->len);
        ck_assert_mem_eq(der, ders[i]->data, len);
    }
}
END_TEST

START_TEST(test_every_truncation_of_a_table_is_refused)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf table = {0};
    size_t count = 0;
    make_table(&table);
    ck_assert_int_eq(parse_table(table.data, 0, &count, NULL), CL_OK); /* an empty one is allowed */
    ck_assert_uint_eq(count, 0);
    for (size_t len = 1; len < table.len; len++) {
        ck_assert_int_eq(parse_table(table.data, len, &count, NULL), CL_ERR_TRUNCATED);
    }
    ck_assert_int_eq(parse_table(table.data, table.len, &count, NULL), CL_OK);
}
END_TEST

START_TEST(test_tables_with_bad_fields)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf table = {0};
    struct cl_err err = {0};
    size_t count = 0;
    make_table(&table);
    /* offset + length wraps in 32 bits */
    memset(table.data + 16, 0xFF, 8);
    ck_assert_int_eq(parse_table(table.data, table.len, &count, &err), CL_ERR_TRUNCATED);
    ck_assert_ptr_nonnull(strstr(err.msg, "certificate table: entry 0: expected to end by byte"));
    cl_buf_reset(&table);
    make_table(&table);
    memset(table.data + 20, 0, 4); /* an empty certificate */
    ck_assert_int_eq(parse_table(table.data, table.len, &count, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "certificate table: certificate: size: expected 1 to 16384 bytes, got 0");
    cl_buf_reset(&table);
    make_table(&table);
    table.data[20]++; /* one byte of the next behind it */
    ck_assert_int_eq(parse_table(table.data, table.len, &count, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "1 more behind them"));
    /* Unknown entries are carried, up to the maximum of all. */
    uint8_t many[34 * 24] = {0};
    for (size_t i = 0; i < 33; i++) {
        memset(many + i * 24, 0xAB, 16);
        many[i * 24 + 20] = 1;
    }
    ck_assert_int_eq(parse_table(many, sizeof(many), &count, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "certificate table: certificates: expected at most 32, got more");
    memset(many + 32 * 24, 0, 24);
    ck_assert_int_eq(parse_table(many, sizeof(many), &count, &err), CL_OK);
    ck_assert_uint_eq(count, 32);
}
END_TEST

static void append_pem(struct cl_buf *out, const char *name, const struct cl_buf *der)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    ck_assert_int_gt(PEM_write_bio(bio, name, "", der->data, (long)der->len), 0);
    long len = BIO_get_mem_data(bio, &text);
    ck_assert_int_eq(cl_buf_append(out, text, (size_t)len, NULL), CL_OK);
    BIO_free(bio);
}

START_TEST(test_pem_files)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = blank();
    struct cl_err err = {0};
    append_pem(&pem, "CERTIFICATE", &ask_der);
    append_pem(&pem, "CERTIFICATE", &ark_der);
    ck_assert_int_eq(cl_snp_evidence_add_file_bytes(ev, pem.data, pem.len, &err), CL_OK);
    ck_assert_uint_eq(cl_snp_evidence_cert_count(ev), 2);
    enum cl_snp_cert_type type = CL_SNP_CERT_OTHER;
    size_t len = 0;
    (void)cl_snp_evidence_cert(ev, 0, &type, &len);
    ck_assert_int_eq(type, CL_SNP_CERT_ASK);
    (void)cl_snp_evidence_cert(ev, 1, &type, &len);
    ck_assert_int_eq(type, CL_SNP_CERT_ARK);
    /* Cut in the middle of the second block. */
    ck_assert_int_eq(cl_snp_evidence_add_file_bytes(ev, pem.data, pem.len - 100, &err),
                     CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg,
                     "PEM: contents: expected a whole block, got one that is cut or damaged");
    cl_buf_reset(&pem);
    append_pem(&pem, "PRIVATE KEY", &ask_der);
    ck_assert_int_eq(cl_snp_evidence_add_file_bytes(ev, pem.data, pem.len, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "PEM: contents: expected a certificate, got none");
    ck_assert_int_eq(cl_snp_evidence_add_file_bytes(ev, pem.data, 0, &err), CL_ERR_TRUNCATED);
}
END_TEST

START_TEST(test_every_truncation_of_a_certificate_is_refused)
{
    for (size_t len = 0; len < ek_der.len; len++) {
        CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = blank();
        ck_assert_int_eq(cl_snp_evidence_add_der(ev, CL_SNP_CERT_VCEK, ek_der.data, len, NULL),
                         CL_ERR_MALFORMED);
    }
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = blank();
    CL_CLEANUP(cl_buf_done) struct cl_buf longer = {0};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_buf_append(&longer, ek_der.data, ek_der.len, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append(&longer, "x", 1, NULL), CL_OK);
    ck_assert_int_eq(cl_snp_evidence_add_der(ev, CL_SNP_CERT_VCEK, longer.data, longer.len, &err),
                     CL_ERR_MALFORMED);
    ck_assert_uint_eq(err.offset, ek_der.len);
}
END_TEST

/* ---- JSON ---- */

/* Evidence of a version and family, with three certificates and one of another kind. */
static json_t *evidence_json(uint32_t version, uint8_t family, uint8_t ret_raw[1184])
{
    struct cl_snp_report r;
    struct cl_snp_evidence *ev = NULL;
    json_t *j = NULL;
    struct cl_err err = {0};
    world_report(&r);
    r.version = version;
    r.cpuid_fam_id = family;
    r.cpuid_mod_id = r.cpuid_step = 0;
    r.guest_svn = 0xFFFFFFFF;
    if (family == 0x1A) {
        static const struct cl_snp_tcb t = {true, 1, 2, 3, 4, 5};
        cl_snp_tcb_encode(&t, r.current_tcb);
        cl_snp_tcb_encode(&t, r.reported_tcb);
        cl_snp_tcb_encode(&t, r.committed_tcb);
        cl_snp_tcb_encode(&t, r.launch_tcb);
    }
    world_sign(&r, ret_raw);
    ck_assert_int_eq(cl_snp_evidence_from_report(ret_raw, 1184, &ev, NULL), CL_OK);
    add(ev, CL_SNP_CERT_VCEK, &ek_der);
    add(ev, CL_SNP_CERT_ASK, &ask_der);
    add(ev, CL_SNP_CERT_ARK, &ark_der);
    uint8_t extra[48 + 8] = {
        0xec, 0xae, 0x0c, 0x0f, 0x95, 0x02, 0x43, 0xb1, 0xaf, 0xa2, 0x0a,
        0xe2, 0xe0, 0xd5, 0x65, 0xb6, 48,   0,    0,    0,    8}; /* Google's extra platform info */
    ck_assert_int_eq(cl_snp_evidence_add_table(ev, extra, sizeof(extra), NULL), CL_OK);
    ck_assert_msg(cl_snp_evidence_to_json(ev, &j, &err) == CL_OK, "%s", err.msg);
    cl_snp_evidence_free(ev);
    return j;
}

START_TEST(test_json_round_trip)
{
    static const struct {
        uint32_t version;
        uint8_t family;
    } cases[] = {{2, 0}, {3, 0x19}, {3, 0x1A}, {5, 0x19}, {5, 0x1A}};
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        uint8_t raw[1184];
        CL_CLEANUP(cl_json_decrefp)
        json_t *j = evidence_json(cases[i].version, cases[i].family, raw);
        CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
        CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
        struct cl_err err = {0};
        ck_assert_int_eq(cl_json_compact(j, &text, NULL), CL_OK);
        ck_assert_msg(cl_snp_evidence_from_json_text(text.data, text.len, &ev, &err) == CL_OK, "%s",
                      err.msg);
        ck_assert_mem_eq(cl_snp_evidence_report(ev)->raw, raw, sizeof(raw));
        ck_assert_uint_eq(cl_snp_evidence_cert_count(ev), 4);
        const json_t *report = json_object_get(j, "attestation_report");
        ck_assert_int_eq(json_is_null(json_object_get(report, "cpuid_fam_id")),
                         cases[i].version == 2);
        ck_assert_int_eq(json_is_null(json_object_get(report, "launch_mit_vector")),
                         cases[i].version < 5);
        ck_assert_int_eq(
            json_is_null(json_object_get(json_object_get(report, "launch_tcb"), "fmc")),
            cases[i].family != 0x1A);
        ck_assert_int_eq(json_integer_value(json_object_get(report, "guest_svn")), 0xFFFFFFFFll);
        ck_assert_uint_eq(json_array_size(json_object_get(report, "report_data")), 64);
        const json_t *other = json_array_get(json_object_get(j, "cert_chain"), 3);
        ck_assert_str_eq(
            json_string_value(json_object_get(json_object_get(other, "cert_type"), "OTHER")),
            "ecae0c0f-9502-43b1-afa2-0ae2e0d565b6");
    }
}
END_TEST

START_TEST(test_each_missing_member_is_named)
{
    static const char *const optional[] = {"launch_mit_vector", "current_mit_vector"};
    uint8_t raw[1184];
    CL_CLEANUP(cl_json_decrefp) json_t *j = evidence_json(3, 0x19, raw);
    json_t *report = json_object_get(j, "attestation_report");
    CL_CLEANUP(cl_json_decrefp) json_t *copy = json_deep_copy(report);
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(copy, key, value)
    {
        struct cl_snp_evidence *ev = NULL;
        struct cl_err err = {0};
        bool may = strcmp(key, optional[0]) == 0 || strcmp(key, optional[1]) == 0;
        ck_assert_int_eq(json_object_del(report, key), 0);
        enum cl_status st = cl_snp_evidence_from_json(j, &ev, &err);
        ck_assert_int_eq(st, may ? CL_OK : CL_ERR_MALFORMED);
        ck_assert(may || strstr(err.msg, key) != NULL);
        cl_snp_evidence_free(ev);
        ck_assert_int_eq(json_object_set_new(report, key, json_string("no")), 0);
        ev = NULL;
        ck_assert_int_eq(cl_snp_evidence_from_json(j, &ev, &err), CL_ERR_MALFORMED);
        ck_assert_ptr_nonnull(strstr(err.msg, key));
        ck_assert_int_eq(json_object_set(report, key, value), 0);
    }
}
END_TEST

/* Sets one member (path "a.b") to a JSON text and expects the message. */
static void expect_refusal(const char *object, const char *key, const char *value_text,
                           const char *message)
{
    uint8_t raw[1184];
    CL_CLEANUP(cl_json_decrefp) json_t *j = evidence_json(3, 0x19, raw);
    json_t *o = json_object_get(j, "attestation_report");
    struct cl_snp_evidence *ev = NULL;
    struct cl_err err = {0};
    if (object != NULL) {
        o = json_object_get(o, object);
    }
    json_t *v = json_loads(value_text, JSON_DECODE_ANY, NULL);
    ck_assert_ptr_nonnull(v);
    ck_assert_int_eq(json_object_set_new(o, key, v), 0);
    ck_assert_int_eq(cl_snp_evidence_from_json(j, &ev, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, message);
}

START_TEST(test_json_fields_out_of_range)
{
    expect_refusal(NULL, "version", "-1",
                   "SNP evidence: version: expected 0 to 4294967295, got -1");
    expect_refusal(NULL, "guest_svn", "4294967296",
                   "SNP evidence: guest_svn: expected 0 to 4294967295, got 4294967296");
    expect_refusal(NULL, "policy", "-1",
                   "SNP evidence: policy: expected 0 to 9223372036854775807, got -1");
    expect_refusal(NULL, "cpuid_step", "256",
                   "SNP evidence: cpuid_step: expected 0 to 255, got 256");
    expect_refusal(NULL, "cpuid_step", "null",
                   "SNP evidence: cpuid_step: expected an integer, got null");
    expect_refusal(NULL, "launch_mit_vector", "1",
                   "SNP evidence: launch_mit_vector: expected null in this report version, got 1");
    expect_refusal(NULL, "family_id", "[1]", "SNP evidence: family_id: expected 16 bytes, got 1");
    expect_refusal(NULL, "image_id", "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,256]",
                   "SNP evidence: image_id: expected integers from 0 to 255, got another value at "
                   "15");
    expect_refusal(NULL, "image_id", "[-1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
                   "SNP evidence: image_id: expected integers from 0 to 255, got another value at "
                   "0");
    expect_refusal("reported_tcb", "fmc", "0",
                   "SNP evidence: reported_tcb.fmc: expected null, got a value");
    expect_refusal("reported_tcb", "snp", "256", "reported_tcb: snp: expected 0 to 255, got 256");
    expect_refusal("current", "major", "1.0", "current: major: expected integer, got real number");
    expect_refusal("signature", "r", "[]", "signature: r: expected 72 bytes, got 0");
}
END_TEST

START_TEST(test_json_certificates)
{
    static const struct {
        const char *chain;
        enum cl_status st;
        const char *message;
    } cases[] = {
        {"null", CL_OK, NULL},
        {"[]", CL_OK, NULL},
        {"[{\"cert_type\":\"Empty\",\"data\":[]}]", CL_OK, NULL},
        {"[{\"cert_type\":\"CRL\",\"data\":[1]}]", CL_OK, NULL},
        {"{}", CL_ERR_MALFORMED, "SNP evidence: cert_chain: expected array, got object"},
        {"[1]", CL_ERR_MALFORMED, "SNP evidence: cert_chain: expected objects, got another value"},
        {"[{\"cert_type\":\"vcek\",\"data\":[]}]", CL_ERR_MALFORMED,
         "SNP evidence: cert_type: expected ARK, ASK, VCEK, VLEK, CRL, Empty or OTHER, got 'vcek'"},
        {"[{\"cert_type\":{\"OTHER\":\"ecae0c0f\"},\"data\":[]}]", CL_ERR_MALFORMED,
         "GUID: expected 8-4-4-4-12 digits, got 'ecae0c0f'"},
        {"[{\"cert_type\":\"VCEK\",\"data\":[48,0]}]", CL_ERR_MALFORMED,
         "certificate: contents: expected X.509 in DER, got something else"},
        {"[{\"cert_type\":\"CRL\",\"data\":[300]}]", CL_ERR_MALFORMED,
         "SNP evidence: data: expected integers from 0 to 255, got another value at 0"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        uint8_t raw[1184];
        CL_CLEANUP(cl_json_decrefp) json_t *j = evidence_json(3, 0x19, raw);
        struct cl_snp_evidence *ev = NULL;
        struct cl_err err = {0};
        ck_assert_int_eq(
            json_object_set_new(j, "cert_chain", json_loads(cases[i].chain, JSON_DECODE_ANY, NULL)),
            0);
        ck_assert_int_eq(cl_snp_evidence_from_json(j, &ev, &err), cases[i].st);
        if (cases[i].message != NULL) {
            ck_assert_str_eq(err.msg, cases[i].message);
        }
        cl_snp_evidence_free(ev);
    }
}
END_TEST

START_TEST(test_reports_that_json_cannot_carry)
{
    struct cl_err err = {0};
    static const size_t offsets[] = {0x4C, 0x38 + 2, 0x18B, 0x1EB, 0x208, 0x330, 0x40 + 7};
    for (size_t i = 0; i < CL_ARRAY_LEN(offsets); i++) {
        struct cl_snp_report r;
        uint8_t raw[1184];
        struct cl_snp_evidence *ev = NULL;
        json_t *j = NULL;
        world_report(&r);
        world_sign(&r, raw);
        raw[offsets[i]] = 0x80;
        ck_assert_int_eq(cl_snp_evidence_from_report(raw, sizeof(raw), &ev, NULL), CL_OK);
        ck_assert_int_eq(cl_snp_evidence_to_json(ev, &j, &err), CL_ERR_UNSUPPORTED);
        cl_snp_evidence_free(ev);
    }
    ck_assert_str_eq(err.msg, "SNP report: contents: expected what its JSON form can carry, got a "
                              "reserved byte or an integer of 2^63 and more");
}
END_TEST

START_TEST(test_json_text_is_strict)
{
    struct cl_snp_evidence *ev = NULL;
    static const char *const bad[] = {
        "", "{", "[]", "{}", "{\"attestation_report\":{}} x", "{\"attestation_report\":1}"};
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        enum cl_status st = cl_snp_evidence_from_json_text(bad[i], strlen(bad[i]), &ev, NULL);
        ck_assert(st == CL_ERR_MALFORMED || (i == 0 && st == CL_ERR_TRUNCATED));
    }
}
END_TEST

int main(void)
{
    world_init();
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    world_cert_der(&ek, &ek_der);
    world_cert_der(&ask, &ask_der);
    world_cert_der(&ark, &ark_der);
    Suite *s = suite_create("snp_evidence");
    TCase *t = tcase_create("evidence");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_table_round_trip);
    tcase_add_test(t, test_every_truncation_of_a_table_is_refused);
    tcase_add_test(t, test_tables_with_bad_fields);
    tcase_add_test(t, test_pem_files);
    tcase_add_test(t, test_every_truncation_of_a_certificate_is_refused);
    tcase_add_test(t, test_json_round_trip);
    tcase_add_test(t, test_each_missing_member_is_named);
    tcase_add_test(t, test_json_fields_out_of_range);
    tcase_add_test(t, test_json_certificates);
    tcase_add_test(t, test_reports_that_json_cannot_carry);
    tcase_add_test(t, test_json_text_is_strict);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    cl_buf_done(&ek_der);
    cl_buf_done(&ask_der);
    cl_buf_done(&ark_der);
    return rc;
}
