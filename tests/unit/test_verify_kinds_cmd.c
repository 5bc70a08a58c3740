/* SPDX-License-Identifier: Apache-2.0
 * test_verify_kinds_cmd.c - `cloister verify` of TDX and TPM evidence as a user meets it.
 */
#include "cmd_rig.h"

#include "base/encode.h"
#include "base/json.h"
#include "check_main.h"
#include "tdx_world.h"
#include "tpm_world.h"

#include <stdio.h>
#include <string.h>

#define TDX                                                                                        \
    "verify --evidence @/quote.bin --collateral @/collateral.json --sim-root @/tdx-root.pem "      \
    "--time 2026-01-01T00:00:00Z "

/* A QuoteCollateralV3 document of the world. */
static void put_collateral(const struct tdx_material *m)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    char tcb_signature[129], qe_signature[129];
    char *pck_crl = malloc(2 * m->pck_crl.len + 1), *root_crl = malloc(2 * m->root_crl.len + 1);
    if (pck_crl == NULL || root_crl == NULL) {
        abort();
    }
    cl_hex(tcb_signature, m->tcb_signature, 64);
    cl_hex(qe_signature, m->qe_signature, 64);
    cl_hex(pck_crl, m->pck_crl.data, m->pck_crl.len);
    cl_hex(root_crl, m->root_crl.data, m->root_crl.len);
    json_t *j =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "tcb_info", m->tcb_info.data,
                  "tcb_info_signature", tcb_signature, "tcb_info_issuer_chain", m->tcb_chain.data,
                  "qe_identity", m->qe_identity.data, "qe_identity_signature", qe_signature,
                  "qe_identity_issuer_chain", m->qe_chain.data, "pck_crl", pck_crl,
                  "pck_crl_issuer_chain", m->pck_chain.data, "root_ca_crl", root_crl);
    if (j == NULL || cl_json_compact(j, &text, NULL) != CL_OK) {
        abort();
    }
    put("collateral.json", text.data, text.len);
    json_decref(j);
    free(pck_crl);
    free(root_crl);
}

static void put_tdx_world(void)
{
    static struct tw w;
    struct tdx_material m = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    tw_init();
    tw_default(&w);
    tw_material(&w, &m);
    tw_quote_bytes(&w, &raw);
    tw_cert_pem(&w, &w.root, &pem);
    put("quote.bin", raw.data, raw.len);
    put("tdx-root.pem", pem.data, pem.len);
    put_collateral(&m);
    tdx_material_done(&m);
}

START_TEST(test_verify_tdx)
{
    put_tdx_world();
    expect(TDX "--measurement " MEASUREMENT, 0, "");
    expect(TDX "--tee sim-tdx --measurement " MEASUREMENT, 0, "");
    expect(TDX "--tee tdx --measurement " MEASUREMENT, 1,
           "rejected: tdx.class: expected tdx, got sim-tdx");
    expect(TDX, 3, "/quote.bin': undetermined: tdx.mrtd: no trusted measurement");
    expect(TDX "--measurement " GOLDEN, 1, "rejected: tdx.mrtd: expected " GOLDEN);
    expect(TDX "--authenticity-only", 0, "");
    expect(TDX "--authenticity-only --report-data dada", 1, "rejected: tdx.report_data");
    expect(TDX "--authenticity-only --host-data 40", 1, "rejected: tdx.mrconfigid");
    expect(TDX "--authenticity-only --host-data " MEASUREMENT, 1, "rejected: tdx.mrconfigid");
    expect(TDX "--authenticity-only --initdata @/kernel", 1, "rejected: tdx.mrconfigid");
    expect(TDX "--initdata @/kernel --host-data 40", 4, "expected the value of --host-data");
    expect("verify --evidence @/quote.bin --authenticity-only", 1, "rejected: tdx.pck.root");
    expect("verify --evidence @/quote.bin --sim-root @/tdx-root.pem --time 2026-01-01T00:00:00Z "
           "--measurement " MEASUREMENT,
           3, "undetermined: tdx.tcb_info.signature: no TCB Info was given");
}
END_TEST

static size_t count_in(const struct cl_buf *b, const char *text)
{
    size_t n = 0;
    for (const char *at = (const char *)b->data; (at = strstr(at, text)) != NULL; at++) {
        n++;
    }
    return n;
}

/* The chain that the quote brings is drawn; none when it cannot be read. */
START_TEST(test_page_of_tdx_draws_the_chain)
{
    static struct tw w;
    CL_CLEANUP(cl_buf_done) struct cl_buf page = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf broken = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf bad_page = {0};
    put_tdx_world();
    expect(TDX "--measurement " MEASUREMENT " --html @/page.html", 0, "");
    slurp("page.html", &page);
    ck_assert_uint_eq(count_in(&page, "<strong>Intel SGX Root CA<"), 1);
    ck_assert_uint_eq(count_in(&page, "<strong>Intel SGX PCK Platform CA<"), 1);
    ck_assert_uint_eq(count_in(&page, "<strong>Intel SGX PCK Certificate<"), 1);
    ck_assert_uint_eq(count_in(&page, "not among the files given"), 0);
    tw_default(&w);
    ck_assert_int_eq(cl_buf_append_str(&broken, "-----BEGIN", NULL), CL_OK);
    tw_quote_with_chain(&w, &broken, &raw);
    put("quote.bin", raw.data, raw.len);
    expect(TDX "--measurement " MEASUREMENT " --html @/page.html", 1, "rejected: tdx.pck.chain");
    slurp("page.html", &bad_page);
    ck_assert_uint_eq(count_in(&bad_page, "not among the files given"), 3);
}
END_TEST

START_TEST(test_verify_tdx_references)
{
    put_tdx_world();
#define HEAD                                                                                       \
    "{\"schema\":\"cloister.reference/1\",\"class\":\"sim-tdx\",\"measurement\":\"" MEASUREMENT    \
    "\",\"expires\":\"2026-06-01T00:00:00Z\""
    put_reference(HEAD "}");
    expect(TDX "--reference @/reference.json", 0, "");
    put_reference(HEAD ",\"rtmr1\":\"" MEASUREMENT "\"}");
    expect(TDX "--reference @/reference.json", 1, "rejected: tdx.rtmr1: expected " MEASUREMENT);
    /* The broker's name for it, with the events that a register was made of. */
    put_reference(
        "{\"schema\":\"cloister.reference/1\",\"class\":\"sim-tdx\",\"mrtd\":\"" MEASUREMENT
        "\",\"events\":[],\"expires\":\"2026-06-01T00:00:00Z\"}");
    expect(TDX "--reference @/reference.json", 0, "");
    put_reference(HEAD ",\"mrtd\":\"" MEASUREMENT "\"}");
    expect(TDX "--reference @/reference.json", 4, "measurement: expected it or mrtd, got both");
    put_reference(HEAD ",\"rtmr4\":\"" MEASUREMENT "\"}");
    expect(TDX "--reference @/reference.json", 4, "unknown member 'rtmr4'");
    put_reference("{\"schema\":\"cloister.reference/2\"}");
    expect(TDX "--reference @/reference.json", 4, "schema: expected cloister.reference/1");
    put_reference("{\"schema\":\"cloister.reference/1\",\"class\":\"tdx\",\"measurement\":"
                  "\"" MEASUREMENT "\",\"expires\":\"2025-06-01T00:00:00Z\"}");
    expect(TDX "--reference @/reference.json", 3, "expires: expected a time to come");
#undef HEAD
}
END_TEST

/* A CoRIM for a TD says more than MRTD: each register in it must be so. */
START_TEST(test_verify_tdx_takes_a_corim)
{
    put_tdx_world();
    expect("measure tdx --firmware @/tdx.bin --memory 512M --corim @/out.cbor --corim-key "
           "@/ed25519.key --corim-class sim-tdx",
           0, "");
    expect(TDX "--reference @/out.cbor --corim-key @/ed25519.pub", 1, "rejected: tdx.mrtd");
    expect(TDX "--reference @/ref.cbor --corim-key @/ed25519.pub --time 2026-01-01T00:00:00Z", 3,
           "undetermined: tdx.mrtd"); /* one for SNP compares with nothing */
}
END_TEST

/* A policy without a section for the class does not accept it. */
START_TEST(test_verify_tdx_needs_a_section)
{
    put_tdx_world();
    static const char policy[] = "{\"schema\":\"cloister.verify-policy/1\",\"snp\":{}}";
    put("policy.json", policy, sizeof(policy) - 1);
    expect(TDX "--policy @/policy.json --measurement " MEASUREMENT, 1,
           "tdx.tcb.status: expected a policy with a section for this class");
}
END_TEST

START_TEST(test_verify_tdx_usage_and_bad_files)
{
    put_tdx_world();
    expect(TDX "--vmpl 0", 4, "--vmpl: expected only beside SNP evidence");
    expect(TDX "--certs @", 4, "--certs: expected only beside SNP evidence");
    expect(TDX "--allow-masked-chip", 4, "--allow-masked-chip: expected only beside SNP evidence");
    expect(TDX "--event-log @/kernel", 4, "/kernel': event log: ");
    expect(TDX "--event-log @/nothing", 5, "/nothing': No such file");
    expect(TDX "--event-log @/empty", 4, "expected contents, got none");
    expect(TDX "--collateral @/nothing", 5, "/nothing'");
    expect(TDX "--collateral @/kernel", 4, "/kernel'");
    expect(TDX "--measurement ab", 4, "--measurement: expected 96 hex");
    expect(TDX "--report-data zz", 4, "--report-data: expected lower");
    expect(TDX "--host-data " MEASUREMENT "40", 4, "--host-data: expected 1 to 48 bytes in hex");
    expect("verify --evidence @/quote.bin --sim-root @/kernel", 4, "simulated root '");
    expect("verify --evidence @/kernel --tee tdx", 4, "/kernel': quote: ");
    expect("verify --evidence @/report.bin --event-log @/kernel", 4,
           "--event-log: expected only beside a TDX or TPM quote");
}
END_TEST

#define PCR4 "0404040404040404040404040404040404040404040404040404040404040404"

/* A quote of a TPM whose key is in ak.der; register 4 holds fours, the nonce is "challenge". */
START_TEST(test_verify_takes_tpm_evidence)
{
    static const struct {
        const char *options, *err;
        int status;
    } cases[] = {
        {"--tpm-ak @/ark.der", "attestation key", 4},
        {"", "tpm.ak.trusted", 3},
        {"--tpm-ak @/reference.json --pcr 4=" PCR4, "", 0},
        {"--tpm-ak @/reference.json --pcr sha256:4=" PCR4 " --report-data 6368616c6c656e6765", "",
         0},
        {"--tpm-ak @/reference.json", "tpm.pcr.values", 3},
        {"--tpm-ak @/reference.json --authenticity-only", "", 0},
        {"--tpm-ak @/reference.json --pcr 5=" PCR4, "rejected: tpm.pcr.values: expected 0404", 1},
        {"--tpm-ak @/reference.json --pcr 4=" PCR4 " --report-data 00", "tpm.quote.nonce", 1},
        {"--tpm-ak @/reference.json --pcr 4=" PCR4 " --initdata @/kernel", "tpm.pcr.initdata", 1},
        {"--tpm-ak @/reference.json --pcr 4=" PCR4 " --tee az-snp-vtpm", "tpm.class", 1},
        {"--pcr 4", "--pcr: expected [BANK:]INDEX=HEX, got '4'", 4},
        {"--pcr 24=" PCR4, "--pcr", 4},
        {"--pcr sha1:4=" PCR4, "--pcr", 4},
        {"--pcr md5:4=" PCR4, "expected bank sha1", 4},
        {"--pcr sha256sha256:4=" PCR4, "--pcr", 4},
        {"--measurement 00", "--measurement: expected only beside evidence", 4},
        {"--sim-root @/ark.der", "--sim-root: expected only beside evidence", 4},
        {"--vmpl 0", "--vmpl", 4},
    };
    struct tpm_world_quote q = tpm_world_quote();
    struct cl_vtpm_parts p;
    struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    tpm_world_parts(&q, &p);
    put("reference.json", p.ak_spki.data,
        p.ak_spki.len); /* the key, under a name that is removed */
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
    ck_assert_int_eq(cl_vtpm_evidence_to_json(ev, &j, NULL), CL_OK);
    ck_assert_int_eq(cl_json_compact(j, &text, NULL), CL_OK);
    put("evidence.json", text.data, text.len);
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        char line[1024];
        (void)snprintf(line, sizeof(line), "verify --evidence @/evidence.json %s",
                       cases[i].options);
        expect(line, cases[i].status, cases[i].err);
    }
    expect("verify --evidence @/report.bin --pcr 4=" PCR4, 4,
           "--pcr: expected only beside a TPM quote");
    put("evidence.json", "HCLA", 4);
    expect("verify --evidence @/evidence.json", 4, "got a bare HCL report");
    cl_vtpm_evidence_free(ev);
}
END_TEST

int main(void)
{
    if (!rig_init()) {
        return EXIT_FAILURE;
    }
    tpm_world_init();
    Suite *s = suite_create("verify_kinds_cmd");
    TCase *t = tcase_create("cmd");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_verify_tdx);
    tcase_add_test(t, test_page_of_tdx_draws_the_chain);
    tcase_add_test(t, test_verify_tdx_references);
    tcase_add_test(t, test_verify_tdx_takes_a_corim);
    tcase_add_test(t, test_verify_tdx_needs_a_section);
    tcase_add_test(t, test_verify_tdx_usage_and_bad_files);
    tcase_add_test(t, test_verify_takes_tpm_evidence);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    rig_done();
    return rc;
}
