/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_quote.c - decoding of TDX quotes: real ones give the fields that the vectors' INDEX
 * lists; each truncation and each field out of range is refused with its name.
 */
#include "cloister/tdx_quote.h"

#include "base/encode.h"
#include "base/json.h"
#include "check_main.h"
#include "shared_vectors.h"
#include "tdx_world.h"

#include <string.h>

static void load(const char *name, struct cl_buf *out)
{
    char path[1024];
    shared_path(path, "%s", name);
    read_whole(path, out);
}

static void make_quote(struct cl_buf *out)
{
    static struct tw w;
    tw_default(&w);
    tw_quote_bytes(&w, out);
}

static const struct {
    const char *file, *fmspc, *td_attributes, *xfam, *mrtd, *rtmr1;
    size_t trailing;
    bool tdx15;
} vectors[] = {
    {"tdx/v4_dcapqvl_uptodate.quote.bin", "b0c06f000000", "0000001000000000", "e702060000000000",
     "91eb2b44d141d4ece09f0c75c2c53d247a3c68edd7fafe8a3520c942a604a407de03ae6dc5f87f27428b253887311"
     "8"
     "b7",
     "0084452c01668329d4bc06acdf58a7205c26743304509973949e5619bf81a6a7aea8c323c173019b3093d54e579e9"
     "3"
     "78",
     70, false},
    {"tdx/v5_gotdx_sample.quote.bin", "90c06f000000", "0000001000000000", "e702060000000000",
     "7348651a34b2d2d3462822e3a750ec6110125f36757c78480bbfc69cc0d21fb001a1ced3ee19747dda8f750c3bc8f"
     "8"
     "76",
     "463acaace1b6e97c76e92e41fe312aa66f3fd4dad60ec7acf169859db0343e3d1e591646795cdc80fbc0ca5f7041d"
     "2"
     "53",
     0, true},
    {"tdx/v4_cos113.quote.bin", "00806f050000", "0000001000000000", "e700060000000000",
     "dae67181d3d65e073ad8f95b7907d5e927bfe9761c9ff3e9b89734a45d8954dba41394c7717cb2735396c1d04231f"
     "9"
     "4a",
     "f62dbc072bd5d3f3438b7b35c39a727f5aea2ffc2473f43723953f530daf62504f0a7944aa62c41a86e8a878c2b12"
     "2"
     "c1",
     3065, false},
    {"tdx/v4_gotdx_spr_e4.quote.bin", "50806f000000", "0000004000000000", "e71a060000000000",
     "6363b8043668a3ad953278e10389574d326c6749fb78aa810ecd9336923db86f22fc00b8dcd404bc10d5e119d7215"
     "c"
     "bb",
     "2c700b8ba9b85783f8be9fb9443647bdc0bb3c50747f06297cc6538c25a5f589c4b56d035c59107c6bc5800db2cac"
     "b"
     "61",
     39, false},
    {"tdx/v4_trustee_debug_td.quote.bin", "50806f000000", "0100001000000000", "e742060000000000",
     "705ee9381b8633a9fbe532b52345e8433343d2868959f57889d84ca377c395b689cac1599ccea1b7d420483a9ce5f"
     "0"
     "31",
     "559cfcf42716ed6c40a48a73d5acb7da255435012f0a9f00fbe8c1c57612ede486a5684c4c9ff3ddf52315fcdca3a"
     "5"
     "96",
     0, false},
};

static void expect_claim(const json_t *claims, const char *name, const char *want)
{
    ck_assert_str_eq(json_string_value(json_object_get(claims, name)), want);
}

START_TEST(test_real_quotes_have_their_published_fields)
{
    if (!shared_available("tdx")) {
        return;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(vectors); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
        CL_CLEANUP(cl_json_decrefp) json_t *claims = json_object();
        struct cl_tdx_platform platform;
        struct cl_err err = {0};
        char fmspc[2 * CL_TDX_FMSPC_SIZE + 1];
        load(vectors[i].file, &raw);
        ck_assert(cl_tdx_quote_detect(raw.data, raw.len));
        ck_assert_msg(cl_tdx_quote_parse(raw.data, raw.len, &q, &err) == CL_OK, "%s: %s",
                      vectors[i].file, err.msg);
        ck_assert_uint_eq(cl_tdx_quote_trailing(q), vectors[i].trailing);
        ck_assert(cl_tdx_quote_is_tdx15(q) == vectors[i].tdx15);
        ck_assert_int_eq(
            cl_tdx_td_claims(cl_tdx_quote_td(q), cl_tdx_quote_is_tdx15(q), claims, NULL), CL_OK);
        expect_claim(claims, "td_attributes", vectors[i].td_attributes);
        expect_claim(claims, "xfam", vectors[i].xfam);
        expect_claim(claims, "mrtd", vectors[i].mrtd);
        expect_claim(claims, "rtmr1", vectors[i].rtmr1);
        ck_assert((json_object_get(claims, "tee_tcb_svn2") != NULL) == vectors[i].tdx15);
        ck_assert_msg(cl_tdx_quote_platform(q, &platform, &err) == CL_OK, "%s", err.msg);
        cl_hex(fmspc, platform.fmspc, sizeof(platform.fmspc));
        ck_assert_str_eq(fmspc, vectors[i].fmspc);
        ck_assert_int_eq(platform.ca, CL_TDX_PCK_CA_PLATFORM);
    }
}
END_TEST

START_TEST(test_an_sgx_quote_is_refused_by_name)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct cl_tdx_quote *q = NULL;
    struct cl_err err = {0};
    if (!shared_available("tdx")) {
        return;
    }
    load("tdx/v3_sgx.quote.bin", &raw);
    ck_assert(cl_tdx_quote_detect(raw.data, raw.len));
    ck_assert_int_eq(cl_tdx_quote_parse(raw.data, raw.len, &q, &err), CL_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "got an SGX quote of version 3"));
}
END_TEST

START_TEST(test_every_truncation_is_refused)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    make_quote(&raw);
    for (size_t n = 0; n < raw.len; n++) {
        struct cl_tdx_quote *q = NULL;
        ck_assert_int_eq(cl_tdx_quote_parse(raw.data, n, &q, NULL), CL_ERR_TRUNCATED);
    }
}
END_TEST

START_TEST(test_each_field_of_the_frame_must_fit)
{
    static const struct {
        size_t at;
        uint8_t value;
        enum cl_status status;
        const char *message;
    } cases[] = {
        {0, 6, CL_ERR_UNSUPPORTED, "version: expected 4 or 5, got 6"},
        {0, 3, CL_ERR_UNSUPPORTED, "got an SGX quote of version 3"},
        {2, 3, CL_ERR_UNSUPPORTED, "att_key_type: expected 2 (ECDSA P-256), got 3"},
        {4, 0, CL_ERR_UNSUPPORTED, "got an SGX quote of version 4"},
        {4, 0x80, CL_ERR_UNSUPPORTED, "tee_type: expected 129 (TDX), got 128"},
        {0, 5, CL_ERR_UNSUPPORTED, "body_type: expected 2 or 3 (a TD)"},
        {635, 0x7F, CL_ERR_TRUNCATED, "signature_data"},
        {764, 5, CL_ERR_UNSUPPORTED, "cert_type: expected 6 (QE report certification data), got 5"},
        {768, 0x7F, CL_ERR_TRUNCATED, "cert_data"},
        {1252, 4, CL_ERR_UNSUPPORTED, "cert_type: expected 5 (the chain of the PCK in PEM), got 4"},
    };
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    make_quote(&raw);
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct cl_tdx_quote *q = NULL;
        struct cl_err err = {0};
        uint8_t was = raw.data[cases[i].at];
        raw.data[cases[i].at] = cases[i].value;
        enum cl_status st = cl_tdx_quote_parse(raw.data, raw.len, &q, &err);
        ck_assert_msg(st == cases[i].status && strstr(err.msg, cases[i].message) != NULL, "%zu: %s",
                      i, err.msg);
        raw.data[cases[i].at] = was;
    }
}
END_TEST

START_TEST(test_a_quote_larger_than_the_maximum_is_refused)
{
    static uint8_t big[CL_TDX_QUOTE_MAX_SIZE + 1];
    struct cl_tdx_quote *q = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_tdx_quote_parse(big, sizeof(big), &q, &err), CL_ERR_MALFORMED);
    ck_assert_ptr_nonnull(strstr(err.msg, "size: expected at most 65536 bytes, got 65537"));
}
END_TEST

static void certs_done(struct cl_buf certs[static CL_TDX_QUOTE_MAX_CERTS])
{
    for (size_t i = 0; i < CL_TDX_QUOTE_MAX_CERTS; i++) {
        cl_buf_done(&certs[i]);
    }
}

START_TEST(test_certificates_of_a_quote)
{
    static struct tw w;
    struct cl_buf certs[CL_TDX_QUOTE_MAX_CERTS] = {0}, none[CL_TDX_QUOTE_MAX_CERTS] = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf broken = {0};
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *bad = NULL;
    size_t n = 0;
    tw_default(&w);
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = tw_quote(&w);
    ck_assert_int_eq(cl_tdx_quote_certs(q, certs, &n, NULL), CL_OK);
    ck_assert_uint_eq(n, 3); /* the PCK's, its CA's, the root's */
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_gt(certs[i].len, 300);
        ck_assert_uint_eq(certs[i].data[0], 0x30); /* SEQUENCE */
    }
    certs_done(certs);
    ck_assert_int_eq(cl_buf_append_str(&broken, "-----BEGIN", NULL), CL_OK);
    tw_quote_with_chain(&w, &broken, &raw);
    ck_assert_int_eq(cl_tdx_quote_parse(raw.data, raw.len, &bad, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_quote_certs(bad, none, &n, NULL), CL_ERR_MALFORMED);
    ck_assert_uint_eq(n, 0);
    certs_done(none);
}
END_TEST

START_TEST(test_the_chain_in_a_quote_has_one_spelling)
{
    static struct tdx_chain_der chain;
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
    make_quote(&raw);
    ck_assert_int_eq(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL), CL_OK);
    size_t len = q->pck_chain.len;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    ck_assert_int_eq(cl_buf_append(&text, q->pck_chain.data, len, NULL), CL_OK);
    ck_assert_int_eq(tdx_pem_decode(text.data, len, &chain, NULL), CL_OK);
    ck_assert_uint_eq(chain.count, 3);
    struct tdx_chain_der good = chain;
    for (size_t i = 0; i < len * 8; i++) {
        text.data[i / 8] ^= (uint8_t)(1u << (i % 8));
        bool same = tdx_pem_decode(text.data, len, &chain, NULL) == CL_OK &&
                    chain.count == good.count && memcmp(chain.len, good.len, sizeof(good.len)) == 0;
        for (size_t k = 0; same && k < good.count; k++) {
            same = memcmp(chain.der[k], good.der[k], good.len[k]) == 0;
        }
        ck_assert_msg(!same, "bit %zu of the text changes nothing", i);
        text.data[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_quote");
    TCase *t = tcase_create("tdx_quote");
    tw_init();
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_real_quotes_have_their_published_fields);
    tcase_add_test(t, test_an_sgx_quote_is_refused_by_name);
    tcase_add_test(t, test_every_truncation_is_refused);
    tcase_add_test(t, test_each_field_of_the_frame_must_fit);
    tcase_add_test(t, test_a_quote_larger_than_the_maximum_is_refused);
    tcase_add_test(t, test_certificates_of_a_quote);
    tcase_add_test(t, test_the_chain_in_a_quote_has_one_spelling);
    suite_add_tcase(s, t);
    return run_suite(s);
}
