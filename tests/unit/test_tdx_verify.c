/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_verify.c - verification of TDX quotes in a world of the tests' own: certificates, dates,
 * revocation and collateral each fail for their own reason, and nobody smuggles a root in.
 */
#include "base/json.h"
#include "tdx_rig.h"

START_TEST(test_a_perfect_world_is_accepted_as_simulated)
{
    struct cl_tdx_tcb tcb;
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    fresh();
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = tw_quote(&w);
    struct cl_verify_result *r = verify_quote(q, &tcb);
    ck_assert_int_eq(r->tee_class, CL_TEE_CLASS_SIM_TDX);
    ck_assert_int_eq(r->authentic, CL_YES);
    ck_assert_int_eq(r->appraisal, CL_APPRAISAL_WARNING);
    ck_assert_int_eq(cl_tdx_verify_claims(q, &tcb, &claims, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(claims, "tcb_status")), "UpToDate");
    ck_assert_str_eq(json_string_value(json_object_get(claims, "fmspc")), "b0c06f000000");
    ck_assert_str_eq(json_string_value(json_object_get(claims, "tcb_date")),
                     "2025-08-13T00:00:00Z");
    expect_result(r, CL_VERDICT_ACCEPTED, NULL);
    w.version = 5;
    accepted();
}
END_TEST

START_TEST(test_a_forged_world_is_never_of_class_tdx)
{
    fresh();
    policy.sim_root_count = 0; /* names, chain, quote, collateral: all perfect */
    rejected("tdx.pck.root");
    policy.sim_root_count = 0;
    policy.authenticity_only = true;
    rejected("tdx.pck.root");
    policy.require_class = CL_TEE_CLASS_TDX;
    rejected("tdx.class");
    reference.tee_class = CL_TEE_CLASS_TDX;
    rejected("tdx.mrtd");
    policy.require_class = CL_TEE_CLASS_SIM_TDX;
    accepted();
}
END_TEST

/* The chain in the quote: other orders, one more, one less, a root that did not sign. */
START_TEST(test_chains_of_other_shapes)
{
    fresh();
    struct tw_cert other_root = w.root;
    other_root.key = other_root.issuer_key = TW_OTHER;
    const struct {
        const struct tw_cert *certs[4];
        const char *id;
    } cases[] = {
        {{&w.pck, &w.ca}, "tdx.pck.chain"},
        {{&w.pck, &w.ca, &w.root, &w.root}, "tdx.pck.chain"},
        {{&w.ca, &w.pck, &w.root}, "tdx.pck.names"},
        {{&w.pck, &w.ca, &other_root}, "tdx.pck.root"},
        {{&w.pck, &other_root, &w.root}, "tdx.pck.names"},
        {{&w.pck, &w.ca, &w.signer}, "tdx.pck.root"},
        {{&w.signer, &w.ca, &w.root}, "tdx.pck.names"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
        for (size_t k = 0; k < 4 && cases[i].certs[k] != NULL; k++) {
            tw_cert_pem(&w, cases[i].certs[k], &pem);
        }
        tw_quote_with_chain(&w, &pem, &raw);
        ck_assert_int_eq(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL), CL_OK);
        expect_result(verify_quote(q, NULL), CL_VERDICT_REJECTED, cases[i].id);
    }
}
END_TEST

START_TEST(test_certificates_that_are_not_what_they_should_be)
{
    fresh();
    struct {
        struct tw_cert *cert;
        const char *constraints, *algorithms;
    } cases[] = {{&w.pck, "tdx.pck.constraints", "tdx.pck.algorithms"},
                 {&w.ca, "tdx.pck.constraints", "tdx.pck.algorithms"},
                 {&w.root, "tdx.pck.constraints", "tdx.pck.algorithms"},
                 {&w.signer, "tdx.tcb_info.chain", "tdx.tcb_info.chain"}};
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct tw_cert *c = cases[i].cert;
        c->key_usage = NULL;
        rejected(cases[i].constraints);
        c->key_usage = "critical,keyAgreement";
        rejected(cases[i].constraints);
        c->unknown_critical = true;
        rejected(cases[i].constraints);
        c->basic_constraints = i == 0 || i == 3 ? "critical,CA:TRUE" : "critical,CA:FALSE";
        rejected(cases[i].constraints);
        c->sha384 = true;
        rejected(cases[i].algorithms);
        if (c != &w.root) {
            c->issuer_key = TW_OTHER;
            rejected(i == 3 ? cases[i].algorithms : "tdx.pck.signatures");
        }
    }
    w.root.basic_constraints = "critical,CA:TRUE,pathlen:0";
    rejected("tdx.pck.constraints");
    w.pck.key = TW_P384;
    rejected("tdx.pck.algorithms");
    w.ca.cn = w.pck.issuer_cn = "Intel SGX PCK Someone CA";
    rejected("tdx.pck.names");
    w.signer.cn = "Intel SGX TCB Signed";
    rejected("tdx.tcb_info.chain");
}
END_TEST

/* Each date: one second too early or too late, and just right. */
START_TEST(test_validity_to_the_second)
{
    fresh();
    struct tw_cert *const certs[] = {&w.pck, &w.ca, &w.root};
    for (size_t i = 0; i < CL_ARRAY_LEN(certs); i++) {
        certs[i]->until = TW_TIME;
        rejected("tdx.pck.validity");
        certs[i]->until = TW_TIME + 1;
        accepted();
        certs[i]->from = TW_TIME + 1;
        rejected("tdx.pck.validity");
        certs[i]->from = TW_TIME;
        accepted();
    }
    w.signer.until = TW_TIME;
    undetermined("tdx.tcb_info.validity");
    w.signer.until = TW_TIME + 1;
    accepted();
    const struct {
        const char **issued, **next, *id;
    } documents[] = {{&w.tcb_issued, &w.tcb_next, "tdx.tcb_info.validity"},
                     {&w.qe_issued, &w.qe_next, "tdx.qe_identity.validity"}};
    for (size_t i = 0; i < CL_ARRAY_LEN(documents); i++) {
        *documents[i].next = "2025-12-31T23:59:59Z";
        undetermined(documents[i].id);
        *documents[i].next = "2026-01-01T00:00:00Z";
        accepted();
        *documents[i].issued = "2026-01-01T00:00:01Z";
        undetermined(documents[i].id);
        *documents[i].issued = "2026-01-01T00:00:00Z";
        accepted();
    }
    const struct {
        struct tw_crl *crl;
        const char *id;
    } crls[] = {{&w.pck_crl, "tdx.pck_crl.validity"}, {&w.root_crl, "tdx.root_crl.validity"}};
    for (size_t i = 0; i < CL_ARRAY_LEN(crls); i++) {
        crls[i].crl->until = TW_TIME - 1;
        undetermined(crls[i].id);
        crls[i].crl->until = TW_TIME;
        accepted();
        crls[i].crl->from = TW_TIME + 1;
        undetermined(crls[i].id);
        crls[i].crl->until = TW_TIME - 1;
        rules.collateral_grace_days = 1;
        accepted();
        crls[i].crl->from = TW_TIME - 401 * TW_DAY;
        common.max_collateral_age_days = 400;
        undetermined(crls[i].id);
    }
}
END_TEST

START_TEST(test_revocation_at_each_level)
{
    fresh();
    w.pck_crl.revoked = w.pck.serial;
    rejected("tdx.pck.revocation");
    w.pck_crl.revoked = w.pck.serial + 1;
    accepted();
    w.root_crl.revoked = w.ca.serial;
    rejected("tdx.pck.ca_revocation");
    w.root_crl.revoked = w.signer.serial;
    rejected("tdx.collateral.revocation");
    w.root_crl.revoked = w.pck.serial; /* not of that issuer */
    accepted();
    struct tw_crl *const crls[] = {&w.pck_crl, &w.root_crl};
    static const char *const ids[] = {"tdx.pck_crl.signature", "tdx.root_crl.signature"};
    for (size_t i = 0; i < CL_ARRAY_LEN(crls); i++) {
        crls[i]->key = TW_OTHER;
        rejected(ids[i]);
        crls[i]->issuer_cn = "Intel SGX PCK Processor CA";
        rejected(ids[i]);
        crls[i]->critical = true;
        rejected(ids[i]);
    }
}
END_TEST

/* The CRL of the other CA: nothing is known of this PCK certificate. */
START_TEST(test_a_crl_of_another_ca_decides_nothing)
{
    struct tw other;
    fresh();
    tw_material(&w, &m);
    tw_default(&other);
    other.ca.cn = other.pck_crl.issuer_cn = "Intel SGX PCK Processor CA";
    struct tdx_material theirs = {0};
    tw_material(&other, &theirs);
    tdx_put(&m.pck_crl, theirs.pck_crl.data, theirs.pck_crl.len);
    tdx_put(&m.pck_chain, theirs.pck_chain.data, theirs.pck_chain.len);
    keep_material = true;
    undetermined("tdx.pck.revocation");
    tdx_material_done(&theirs);
}
END_TEST

START_TEST(test_missing_collateral_is_cannot_tell)
{
    static const char *const ids[] = {"tdx.tcb_info.signature", "tdx.qe_identity.signature",
                                      "tdx.pck_crl.signature", "tdx.root_crl.signature"};
    for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
        for (int only = 0; only < 2; only++) {
            fresh();
            tw_material(&w, &m);
            struct cl_buf *const pieces[] = {&m.tcb_info, &m.qe_identity, &m.pck_crl, &m.root_crl};
            cl_buf_done(pieces[i]);
            keep_material = true;
            policy.authenticity_only = only == 1;
            if (only == 1) {
                accepted();
            } else {
                undetermined(ids[i]);
            }
        }
    }
}
END_TEST

START_TEST(test_collateral_from_another_root_is_refused)
{
    fresh();
    tw_material(&w, &m);
    struct tw other;
    struct tdx_material theirs = {0};
    tw_default(&other);
    other.root.key = other.root.issuer_key = other.signer.issuer_key = TW_OTHER;
    tw_material(&other, &theirs);
    tdx_put(&m.tcb_chain, theirs.tcb_chain.data, theirs.tcb_chain.len);
    keep_material = true;
    rejected("tdx.collateral.root");
    tdx_material_done(&theirs);
    tw_material(&w, &m);
    tdx_put(&m.tcb_chain, m.pck_chain.data, m.pck_chain.len); /* swapped */
    keep_material = true;
    rejected("tdx.tcb_info.chain");
    tw_material(&w, &m);
    tdx_put(&m.pck_chain, m.tcb_chain.data, m.tcb_chain.len);
    keep_material = true;
    rejected("tdx.pck_crl.chain");
    tw_material(&w, &m);
    cl_buf_done(&m.qe_chain);
    keep_material = true;
    rejected("tdx.qe_identity.chain");
}
END_TEST

START_TEST(test_tcb_info_is_about_the_platform)
{
    fresh();
    w.fmspc[5] = 1;
    rejected("tdx.tcb_info.platform");
    w.pceid[1] = 1;
    rejected("tdx.tcb_info.platform");
    w.sgx.fmspc[0] = 0x90;
    rejected("tdx.tcb_info.platform");
}
END_TEST

/* Documents that their signer has signed and that are wrong all the same; one that was signed in
 * another spelling; one that says more. */
START_TEST(test_documents_out_of_form)
{
    static const struct {
        bool qe;
        const char *from, *to;
    } cases[] = {
        {false, "\"id\":\"TDX\"", "\"id\":\"SGX\""},
        {false, "\"version\":3", "\"version\":2"},
        {false, "\"tcbType\":0", "\"tcbType\":1"},
        {false, "\"fmspc\":\"b0c06f000000\"", "\"fmspc\":\"b0c06f0000\""},
        {false, "\"pceId\":\"0000\"", "\"pceId\":\"zz00\""},
        {false, "\"issueDate\":\"2025", "\"issueDate\":\"x025"},
        {false, "\"nextUpdate\"", "\"nextupdate\""},
        {false, "\"tcbEvaluationDataNumber\":18", "\"tcbEvaluationDataNumber\":-1"},
        {false, "\"tdxModule\":{", "\"tdxmodule\":{"},
        {false, "\"id\":\"TDX_01\"", "\"id\":\"TDX_0+\""},
        {false, "\"id\":\"TDX_01\"", "\"id\":\"TDX_001\""},
        {false, "\"tcbStatus\":\"UpToDate\"", "\"tcbStatus\":\"Uptodate\""},
        {false, "\"tcbDate\":\"2025-08-13T00:00:00Z\"", "\"tcbDate\":\"2025-08-13\""},
        {false, "\"svn\":3", "\"svn\":256"},
        {false, "{\"svn\":3},", ""},
        {false, "\"pcesvn\":13", "\"pcesvn\":65536"},
        {false, "\"isvsvn\":5", "\"isvsvn\":\"5\""},
        {false, "\"INTEL-SA-00001\"", "1"},
        {false, "\"INTEL-SA-00001\"", "\"INTEL-SA-00001-00001-00001-00001\""},
        {false, "\"advisoryIDs\":[]", "\"advisoryIDs\":{}"},
        {false, "\"tcbType\":0", "\"tcbType\":0,\"tcbType\":0"},
        {true, "\"id\":\"TD_QE\"", "\"id\":\"QE\""},
        {true, "\"version\":2", "\"version\":3"},
        {true, "\"isvprodid\":2", "\"isvprodid\":70000"},
        {true, "\"miscselect\":\"00000000\"", "\"miscselect\":\"0000\""},
        {true, "\"miscselectMask\"", "\"miscselectmask\""},
        {true, "\"attributes\"", "\"attribute\""},
        {true, "\"attributesMask\"", "\"attributeMask\""},
        {true, "\"mrsigner\"", "\"mrSigner\""},
        {true, "\"tcbLevels\":[", "\"tcblevels\":["},
        {true, "\"tcb\":{\"isvsvn\":6}", "\"tcb\":6"},
        {false, "\"mrsigner\":\"00", "\"mrsigner\":\"0"},
        {false, "\"attributes\":", "\"attribute\":"},
        {false, "\"attributesMask\":", "\"attributeMask\":"},
        {false, "\"tdxModuleIdentities\":[{\"mrsigner\"", "\"tdxModuleIdentities\":[{\"mrsignr\""},
        {false, "\"tdxModuleIdentities\":[", "\"tdxModuleIdentities\":[1,"},
        {false, "\"tdxModuleIdentities\":[", "\"tdxModuleIdentities\":{},\"x\":["},
        {false, "\"id\":\"TDX_01\"", "\"ID\":\"TDX_01\""},
        {false, "\"tcbLevels\":[{\"tcb\":{\"isvsvn\"", "\"tcblevels\":[{\"tcb\":{\"isvsvn\""},
        {false, "\"sgxtcbcomponents\"", "\"sgxcomponents\""},
        {false, "\"tdxtcbcomponents\"", "\"tdxcomponents\""},
        {false, "{\"tcb\":{\"sgx", "{\"tbc\":{\"sgx"},
        {false, "\"tcbType\"", "\"tcbtype\""},
        {false, "\"fmspc\"", "\"FMSPC\""},
        {false, "\"pceId\"", "\"pceid\""},
        {true, "\"id\"", "\"ID\""},
        {true, "\"tcbEvaluationDataNumber\"", "\"number\""},
        {true, "\"issueDate\"", "\"issued\""},
        {true, "\"tcbStatus\"", "\"status\""},
        {true, "\"tcbDate\"", "\"date\""},
        {true, "}]}", "}]"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        fresh();
        tw_material(&w, &m);
        struct cl_buf *body = cases[i].qe ? &m.qe_identity : &m.tcb_info;
        CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
        const char *all = (const char *)body->data;
        const char *at = strstr(all, cases[i].from);
        ck_assert_msg(at != NULL, "%s", cases[i].from);
        ck_assert_int_eq(cl_buf_append(&text, all, (size_t)(at - all), NULL), CL_OK);
        ck_assert_int_eq(cl_buf_append_str(&text, cases[i].to, NULL), CL_OK);
        ck_assert_int_eq(cl_buf_append_str(&text, at + strlen(cases[i].from), NULL), CL_OK);
        tdx_put(body, text.data, text.len);
        keep_material = true;
        expect(CL_VERDICT_REJECTED,
               cases[i].qe ? "tdx.qe_identity.signature" : "tdx.tcb_info.signature");
        tw_sign(TW_SIGNER, body->data, body->len, cases[i].qe ? m.qe_signature : m.tcb_signature);
        rejected(cases[i].qe ? "tdx.qe_identity.contents" : "tdx.tcb_info.contents");
    }
}
END_TEST

START_TEST(test_levels_and_modules_have_maxima)
{
    static const char *const lists[] = {"tcbLevels", "tdxModuleIdentities"};
    for (size_t i = 0; i < 2; i++) {
        for (int many = 0; many < 2; many++) {
            CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
            fresh();
            tw_material(&w, &m);
            ck_assert_int_eq(cl_json_parse(m.tcb_info.data, m.tcb_info.len, "x", &j, NULL), CL_OK);
            json_t *list = json_object_get(j, lists[i]);
            json_t *one = json_deep_copy(json_array_get(list, 0));
            for (int k = 0; many == 1 && k < 70; k++) {
                ck_assert_int_eq(json_array_append(list, one), 0);
            }
            if (many == 0 && i == 0) {
                json_array_clear(list);
            } else if (many == 0) {
                ck_assert_int_eq(json_array_append(list, one), 0); /* the same id twice */
            }
            json_decref(one);
            cl_buf_done(&m.tcb_info);
            ck_assert_int_eq(cl_json_compact(j, &m.tcb_info, NULL), CL_OK);
            tw_sign(TW_SIGNER, m.tcb_info.data, m.tcb_info.len, m.tcb_signature);
            keep_material = true;
            rejected("tdx.tcb_info.contents");
        }
    }
}
END_TEST

START_TEST(test_the_quoting_enclave_must_be_intels)
{
    fresh();
    w.qe.mrsigner[31] ^= 1;
    rejected("tdx.qe.identity");
    cl_le16_put(&w.qe.isvprodid, 1);
    rejected("tdx.qe.identity");
    w.qe.attributes[0] |= 2; /* DEBUG */
    rejected("tdx.qe.identity");
    w.qe.attributes[0] |= 8;
    rejected("tdx.qe.identity");
    w.qe.attributes[0] |= 4; /* outside of the mask */
    accepted();
    cl_le32_put(&w.qe.miscselect, 1);
    rejected("tdx.qe.identity");
    /* and without a QE Identity as well */
    w.qe.mrsigner[0] ^= 1;
    tw_material(&w, &m);
    cl_buf_done(&m.qe_identity);
    keep_material = true;
    policy.authenticity_only = true;
    rejected("tdx.qe.identity");
}
END_TEST

START_TEST(test_the_sgx_extension_is_complete_and_has_nothing_else)
{
    static const char *const members[] = {"1",   "2",   "3",    "4",    "5",    "6",   "7",  "2.1",
                                          "2.2", "2.9", "2.16", "2.17", "2.18", "7.1", "7.2"};
    for (size_t i = 0; i < CL_ARRAY_LEN(members); i++) {
        bool optional = members[i][0] >= '6';
        fresh();
        w.sgx.drop = members[i];
        if (optional) {
            accepted();
        } else {
            rejected("tdx.pck.extension");
        }
        w.sgx.twice = members[i];
        rejected("tdx.pck.extension");
        w.sgx.unknown = members[i];
        rejected("tdx.pck.extension");
        w.sgx.damaged = members[i];
        rejected("tdx.pck.extension");
    }
    fresh();
    w.sgx.none = true;
    rejected("tdx.pck.extension");
    w.sgx.two_extensions = true;
    rejected("tdx.pck.extension");
}
END_TEST

START_TEST(test_frame_and_bytes_behind_the_quote)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
    fresh();
    tw_quote_bytes(&w, &raw);
    ck_assert_int_eq(cl_buf_append(&raw, "more", 4, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL), CL_OK);
    expect_result(verify_quote(q, NULL), CL_VERDICT_ACCEPTED, NULL);
    rules.forbid_trailing_bytes = true;
    expect_result(verify_quote(q, NULL), CL_VERDICT_REJECTED, "tdx.quote.trailing");
}
END_TEST

START_TEST(test_collateral_that_cannot_be_read)
{
    static const uint8_t big[CL_TDX_COLLATERAL_MAX + 1];
    static const char *const ids[] = {"tdx.tcb_info.signature", "tdx.pck_crl.signature",
                                      "tdx.root_crl.signature"};
    for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
        fresh();
        tw_material(&w, &m);
        struct cl_buf *const pieces[] = {&m.tcb_info, &m.pck_crl, &m.root_crl};
        tdx_put(pieces[i], "junk", 4);
        keep_material = true;
        rejected(ids[i]);
        tw_material(&w, &m);
        tdx_put(pieces[i], big, sizeof(big));
        keep_material = true;
        rejected(ids[i]);
    }
    tw_material(&w, &m);
    tdx_put(&m.tcb_chain, "no PEM", 6);
    keep_material = true;
    rejected("tdx.tcb_info.chain");
    tw_material(&w, &m); /* with no good chain at all nobody can have signed the root's CRL */
    cl_buf_done(&m.tcb_info);
    cl_buf_done(&m.qe_identity);
    cl_buf_done(&m.pck_crl);
    keep_material = true;
    policy.authenticity_only = true;
    undetermined("tdx.root_crl.signature");
}
END_TEST

START_TEST(test_pem_that_is_not_strict)
{
    static struct tdx_chain_der chain;
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf many = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf large = {0};
    fresh();
    tw_cert_pem(&w, &w.pck, &pem);
    ck_assert_int_eq(tdx_pem_decode(pem.data, pem.len, &chain, NULL), CL_OK);
    ck_assert_int_eq(tdx_pem_decode(pem.data, pem.len - 1, &chain, NULL), CL_OK);
    ck_assert_int_eq(tdx_pem_decode(pem.data, pem.len + 1, &chain, NULL), CL_OK); /* and a NUL */
    for (size_t n = 0; n < pem.len - 1; n++) {
        ck_assert_int_ne(tdx_pem_decode(pem.data, n, &chain, NULL), CL_OK);
    }
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(cl_buf_append(&many, pem.data, pem.len, NULL), CL_OK);
    }
    ck_assert_int_eq(tdx_pem_decode(many.data, many.len, &chain, NULL), CL_ERR_MALFORMED);
    ck_assert_int_eq(cl_buf_append_str(&large, "-----BEGIN CERTIFICATE-----\n", NULL), CL_OK);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(
            cl_buf_append_str(
                &large, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", NULL),
            CL_OK);
    }
    ck_assert_int_eq(tdx_pem_decode(large.data, large.len, &chain, NULL), CL_ERR_MALFORMED);
}
END_TEST

/* Every bit of what is signed, of signatures and keys; each 11th of the certificates' text, all of
 * which test_tdx_flips tries on real quotes. */
START_TEST(test_no_bit_of_a_quote_can_be_changed)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    fresh();
    tw_quote_bytes(&w, &raw);
    tw_material(&w, &m);
    struct cl_tdx_collateral views = tdx_views(&m);
    ck_assert_int_eq(cl_tdx_verifier_new(&views, &v, NULL), CL_OK);
    const uint8_t *text = memmem(raw.data, raw.len, "-----BEGIN", 10);
    ck_assert_ptr_nonnull(text);
    size_t pem = 8 * (size_t)(text - raw.data);
    for (size_t i = 0; i < 8 * raw.len; i += i < pem ? 1 : 11) {
        CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = NULL;
        CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
        raw.data[i / 8] ^= (uint8_t)(1u << (i % 8));
        if (cl_tdx_quote_parse(raw.data, raw.len, &q, NULL) == CL_OK) {
            ck_assert_int_eq(cl_tdx_verify(v, q, &policy, &r, NULL, NULL), CL_OK);
            ck_assert_msg(r->verdict == CL_VERDICT_REJECTED && r->authentic == CL_NO, "bit %zu", i);
        }
        raw.data[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
}
END_TEST

/* More platforms than a verifier remembers: all are accepted, the first one again at the end. */
START_TEST(test_platforms_that_are_met_and_forgotten)
{
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    fresh();
    tw_material(&w, &m);
    struct cl_tdx_collateral views = tdx_views(&m);
    ck_assert_int_eq(cl_tdx_verifier_new(&views, &v, NULL), CL_OK);
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *first = tw_quote(&w);
    for (int i = 0; i < 70; i++) {
        CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = tw_quote(&w); /* signed anew */
        for (int again = 0; again < 2; again++) {
            CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
            ck_assert_int_eq(
                cl_tdx_verify(v, i == 0 || i == 69 ? first : q, &policy, &r, NULL, NULL), CL_OK);
            ck_assert_int_eq(r->verdict, CL_VERDICT_ACCEPTED);
        }
    }
    /* What is remembered does not outlive the policy: no root, no class. */
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    policy.sim_root_count = 0;
    ck_assert_int_eq(cl_tdx_verify(v, first, &policy, &r, NULL, NULL), CL_OK);
    ck_assert_str_eq(cl_verify_result_deciding(r)->id, "tdx.pck.root");
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *late = NULL;
    fresh();
    policy.time = w.pck.until;
    ck_assert_int_eq(cl_tdx_verify(v, first, &policy, &late, NULL, NULL), CL_OK);
    ck_assert_str_eq(cl_verify_result_deciding(late)->id, "tdx.pck.validity");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_verify");
    TCase *t = tcase_create("tdx_verify");
    tw_init();
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_a_perfect_world_is_accepted_as_simulated);
    tcase_add_test(t, test_a_forged_world_is_never_of_class_tdx);
    tcase_add_test(t, test_chains_of_other_shapes);
    tcase_add_test(t, test_certificates_that_are_not_what_they_should_be);
    tcase_add_test(t, test_validity_to_the_second);
    tcase_add_test(t, test_revocation_at_each_level);
    tcase_add_test(t, test_a_crl_of_another_ca_decides_nothing);
    tcase_add_test(t, test_missing_collateral_is_cannot_tell);
    tcase_add_test(t, test_collateral_from_another_root_is_refused);
    tcase_add_test(t, test_tcb_info_is_about_the_platform);
    tcase_add_test(t, test_documents_out_of_form);
    tcase_add_test(t, test_levels_and_modules_have_maxima);
    tcase_add_test(t, test_the_quoting_enclave_must_be_intels);
    tcase_add_test(t, test_the_sgx_extension_is_complete_and_has_nothing_else);
    tcase_add_test(t, test_frame_and_bytes_behind_the_quote);
    tcase_add_test(t, test_collateral_that_cannot_be_read);
    tcase_add_test(t, test_pem_that_is_not_strict);
    tcase_add_test(t, test_no_bit_of_a_quote_can_be_changed);
    tcase_add_test(t, test_platforms_that_are_met_and_forgotten);
    suite_add_tcase(s, t);
    return run_suite(s);
}
