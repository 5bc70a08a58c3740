/* SPDX-License-Identifier: Apache-2.0
 * test_attestation_cmd.c - `cloister verify` of SNP evidence as a user meets it: exit status,
 * stdout, the one line on stderr, the files it writes.
 */
#include "cmd_rig.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "check_main.h"
#include "cloister/ear.h"
#include "cloister/jwt.h"
#include "cloister/pem.h"
#include "snp_world.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define VERIFY                                                                                     \
    "verify --evidence @/report.bin --certs @ --sim-root @/ark.der --time 2026-01-01T00:00:00Z "

START_TEST(test_verify_verdicts)
{
    expect(VERIFY "--measurement " MEASUREMENT, 0, "");
    expect(VERIFY "--tee sim-snp --measurement " MEASUREMENT, 0, "");
    expect(VERIFY "--tee snp --measurement " MEASUREMENT, 1,
           "rejected: snp.class: expected snp, "
           "got sim-snp");
    expect(VERIFY "--authenticity-only", 0, "");
    expect(VERIFY, 3, "/report.bin': undetermined: snp.measurement: no trusted measurement");
    expect(VERIFY, 3, "hint: give --measurement or --reference, or ask for --authenticity-only");
    expect(VERIFY "--measurement " GOLDEN, 1,
           "rejected: snp.measurement: expected " GOLDEN ", got " MEASUREMENT);
    expect(VERIFY "--measurement " GOLDEN " --measurement " MEASUREMENT, 0, "");
    expect(VERIFY "--authenticity-only --report-data dada", 1, "rejected: snp.report_data");
    expect(VERIFY "--authenticity-only --vmpl 1", 1, "rejected: snp.vmpl: expected 1, got 0");
    expect("verify --evidence @/report.bin --certs @ --authenticity-only", 1,
           "rejected: snp.chain.root");
    expect("verify --evidence @/report.bin --authenticity-only", 3, "undetermined: snp.ek.key");
    expect("verify --evidence @/report.bin --certs @ --sim-root @/ark.der --authenticity-only "
           "--time 2036-01-01T00:00:00Z",
           1, "rejected: snp.chain.validity");
}
END_TEST

START_TEST(test_verify_host_data_and_initdata)
{
    char line[512];
    expect(VERIFY "--authenticity-only --host-data "
                  "4040404040404040404040404040404040404040404040404040404040404040",
           0, "");
    expect(VERIFY "--authenticity-only --initdata @/kernel", 1, "rejected: snp.host_data");
    (void)snprintf(line, sizeof(line), "%s",
                   VERIFY
                   "--authenticity-only --initdata @/kernel "
                   "--host-data 4040404040404040404040404040404040404040404040404040404040404040");
    expect(line, 4, "digest: expected the value of --host-data, got another");
}
END_TEST

START_TEST(test_verify_references)
{
    put_reference("{\"schema\":\"cloister.reference/1\",\"class\":\"sim-snp\",\"measurement\":"
                  "\"" MEASUREMENT "\",\"expires\":\"2026-06-01T00:00:00Z\",\"note\":\"test\"}");
    expect(VERIFY "--reference @/reference.json", 0, "");
    expect("verify --evidence @/report.bin --certs @ --sim-root @/ark.der "
           "--time 2026-06-01T00:00:01Z --reference @/reference.json",
           3, "expires: expected a time to come, got 2026-06-01T00:00:00Z");
    put_reference("{\"schema\":\"cloister.reference/1\",\"class\":\"snp\",\"measurement\":"
                  "\"" MEASUREMENT "\",\"expires\":\"2026-06-01T00:00:00Z\"}");
    expect(VERIFY "--reference @/reference.json", 1,
           "snp.measurement: expected a reference value of class sim-snp");
    put_reference("{\"schema\":\"cloister.reference/2\"}");
    expect(VERIFY "--reference @/reference.json", 4, "schema: expected cloister.reference/1");
    put_reference("{\"schema\":\"cloister.reference/1\",\"extra\":1}");
    expect(VERIFY "--reference @/reference.json", 4, "unknown member 'extra'");
}
END_TEST

START_TEST(test_verify_json_document)
{
    CL_CLEANUP(outcome_done) struct outcome o = run(VERIFY "--json --measurement " MEASUREMENT);
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    ck_assert_int_eq(o.status, 0);
    ck_assert_int_eq(cl_json_parse(o.out.data, o.out.len, "out", &j, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(j, "schema")), "cloister.verify/1");
    ck_assert_str_eq(json_string_value(json_object_get(j, "verdict")), "accepted");
    ck_assert_str_eq(json_string_value(json_object_get(j, "appraisal")), "warning");
    ck_assert_str_eq(json_string_value(json_object_get(j, "tee")), "sim-snp");
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(j, "claims"), "measurement")),
        MEASUREMENT);
    CL_CLEANUP(outcome_done) struct outcome no = run(VERIFY "--json");
    ck_assert_int_eq(no.status, 3);
    cl_json_decrefp(&j);
    ck_assert_int_eq(cl_json_parse(no.out.data, no.out.len, "out", &j, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(j, "verdict")), "undetermined");
}
END_TEST

START_TEST(test_verify_usage_and_bad_files)
{
    expect("verify", 2, "--evidence: expected a file, got nothing");
    expect("verify --tee sgx --evidence x", 2,
           "class: expected one of snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm, sim-snp, sim-tdx, got "
           "'sgx'");
    expect("verify --tee tpm --evidence @/report.bin", 4, "report.bin': TPM evidence: not JSON");
    expect("verify --nonsense", 2, "option: expected one of --help's list");
    expect("verify --evidence @/report.bin more", 2, "argument: expected none, got 'more'");
    expect("verify --evidence @/nothing", 5, "open '");
    expect("verify --evidence @", 4, "expected a file, got a directory");
    expect("verify --evidence @/empty", 4, "expected contents, got none");
    expect("verify --evidence @/ek.der", 4, "SNP report: size: expected 1184 bytes");
    expect("verify --evidence @/report.bin --certs @/nothing", 5, "/nothing': No such file");
    expect("verify --evidence @/report.bin --certs @/kernel", 4, "certificates '");
    expect("verify --evidence @/report.bin --certs @/empty", 4, "expected contents, got none");
    expect("verify --evidence @/report.bin --time today", 2, "time: expected YYYY-MM-DD");
    expect("verify --evidence @/report.bin --measurement ab", 4, "--measurement: expected 96 hex");
    expect("verify --evidence @/report.bin --report-data zz", 4, "--report-data: expected lower");
    expect("verify --evidence @/report.bin --vmpl 4", 4, "--vmpl: expected a number from 0 to 3");
    expect("verify --evidence @/report.bin --sim-root @/kernel", 4, "simulated root '");
    CL_CLEANUP(outcome_done) struct outcome help = run("verify --help");
    ck_assert_int_eq(help.status, 0);
    ck_assert_ptr_nonnull(strstr((const char *)help.out.data, "example: cloister verify"));
}
END_TEST

START_TEST(test_verify_policies)
{
    static const char head[] = "{\"schema\":\"cloister.verify-policy/1\",";
    char text[1024];
    expect(VERIFY "--profile default --measurement " MEASUREMENT, 0, "");
    expect(VERIFY "--profile regulated --measurement " MEASUREMENT, 1,
           "rejected: snp.product.allowed: expected a policy with rules for class sim-snp");
    expect(VERIFY "--profile strict", 2, "--profile: expected default or regulated, got 'strict'");
    expect(VERIFY "--profile default --policy @/empty", 2,
           "--profile: expected this or --policy, got both");
    (void)snprintf(text, sizeof(text), "%s\"sim-snp\":{\"measurements\":[\"%s\"]}}", head,
                   MEASUREMENT);
    put("policy.json", text, strlen(text));
    expect(VERIFY "--policy @/policy.json", 0, "");
    expect(VERIFY "--policy @/policy.json --vmpl 2", 1, "snp.vmpl: expected 2, got 0");
    (void)snprintf(text, sizeof(text),
                   "%s\"common\":{\"require_crls\":true},\"sim-snp\":{\"vmpls\":[3]}}", head);
    put("policy.json", text, strlen(text));
    expect(VERIFY "--policy @/policy.json --authenticity-only", 1, "snp.vmpl: expected 3, got 0");
    expect(VERIFY "--policy @/policy.json --authenticity-only --vmpl 0", 3,
           "undetermined: snp.crl: expected a list of the root in its period at "
           "2026-01-01T00:00:00Z, got none");
    expect(VERIFY "--policy @/policy.json --authenticity-only --vmpl 0 --collateral @/root.list", 0,
           "");
    expect(VERIFY "--policy @/policy.json --authenticity-only --vmpl 0 --certs @/root.list", 0, "");
    expect(VERIFY "--authenticity-only --collateral @/revoked.list", 1,
           "snp.revocation: expected no certificate on a revocation list, got the root's");
}
END_TEST

static void put_distrust(const char *entries, int64_t expires)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    json_t *claims =
        json_pack("{s:s,s:i,s:I,s:o}", "schema", "cloister.platform-distrust/1", "iat", 1, "exp",
                  (json_int_t)expires, "entries", json_loads(entries, 0, NULL));
    struct cl_err err = {0};
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    ck_assert_int_eq(cl_jwt_sign(CL_JWT_EDDSA, key, NULL, claims, &token, &err), CL_OK);
    ck_assert_int_eq(cl_buf_append(&token, "\n", 1, NULL), CL_OK);
    ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, key), 1);
    long n = BIO_get_mem_data(bio, &data);
    put("distrust.key", data, (size_t)n);
    put("distrust.jws", token.data, token.len);
    BIO_free(bio);
    EVP_PKEY_free(key);
    json_decref(claims);
}

#define DISTRUST "--authenticity-only --distrust @/distrust.jws --distrust-key @/distrust.key"

START_TEST(test_verify_distrust)
{
    put_distrust("[]", 4000000000);
    expect(VERIFY DISTRUST, 0, "");
    expect(VERIFY "--authenticity-only --distrust @/distrust.jws", 2,
           "--distrust: expected this and --distrust-key, got one of them");
    expect(VERIFY "--authenticity-only --distrust @/distrust.jws --distrust-key @/kernel", 4,
           "/kernel': contents: expected a public key in PEM");
    put_distrust("[{\"id\":\"X-1\",\"source\":\"s\",\"reason\":\"r\",\"family\":\"sim-snp\"}]",
                 4000000000);
    expect(VERIFY DISTRUST, 1,
           "rejected: snp.distrust: expected a platform that no entry distrusts, got X-1");
    put_distrust("[]", 1767225600);
    expect(VERIFY DISTRUST, 3, "/distrust.jws': distrust: exp: expected a time to come");
    put_distrust("[{\"id\":\"X-1\"}]", 4000000000);
    expect(VERIFY DISTRUST, 4, "distrust: entry 0: entry: source: expected string, got nothing");
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    put_distrust("[]", 4000000000);
    slurp("distrust.jws", &token);
    put_distrust("[]", 4000000000); /* another key */
    put("distrust.jws", token.data, token.len);
    expect(VERIFY DISTRUST, 1, "/distrust.jws': JWT: signature does not verify");
}
END_TEST

/* Each option that takes a file, and what may stand in its place. */
START_TEST(test_verify_every_file_that_is_none)
{
    static const struct {
        const char *option;
        bool folder;       /* may be a folder */
        const char *other; /* what another format gets */
    } options[] = {
        {"--policy", false, "/kernel': policy: not JSON at byte"},
        {"--certs", true, "certificates '"},
        {"--collateral", true, "certificates '"},
        {"--reference", false, "/kernel': reference: not JSON at byte"},
        {"--sim-root", false, "simulated root '"},
        {"--distrust-key @/distrust.key --distrust", false, "JWT: expected three parts"},
        {"--distrust @/distrust.jws --distrust-key", false, "expected a public key in PEM"},
    };
    char line[256];
    put_distrust("[]", 4000000000);
    for (size_t i = 0; i < CL_ARRAY_LEN(options); i++) {
        const struct {
            const char *file;
            int status;
            const char *message;
        } files[] = {{"nothing", 5, "No such file or directory"},
                     {"empty", 4, ""},
                     {"", 4, ""},
                     {"kernel", 4, options[i].other},
                     {"big", 4, ""}};
        for (size_t k = 0; k < CL_ARRAY_LEN(files); k++) {
            (void)snprintf(line, sizeof(line),
                           "verify --evidence @/report.bin --authenticity-only %s @/%s",
                           options[i].option, files[k].file);
            CL_CLEANUP(outcome_done) struct outcome o = run(line);
            const char *err = o.err.data != NULL ? (const char *)o.err.data : "";
            if (files[k].file[0] == '\0' && options[i].folder) {
                ck_assert_int_ne(o.status, 5); /* the folder's certificates, or its big file */
                continue;
            }
            ck_assert_msg(o.status == files[k].status, "%s: %d: %s", line, o.status, err);
            ck_assert_msg(strstr(err, files[k].message) != NULL, "%s: %s", line, err);
            ck_assert_msg(strchr(err, '\n') == err + strlen(err) - 1, "%s: %s", line, err);
            ck_assert_msg(strstr(err, "/tmp/cl-cmd-") != NULL, "%s: %s", line, err);
        }
    }
}
END_TEST

START_TEST(test_verify_takes_json_evidence)
{
    struct cl_snp_evidence *ev = NULL;
    json_t *j = NULL;
    char path[128];
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    slurp("report.bin", &raw);
    ck_assert_int_eq(cl_snp_evidence_from_report(raw.data, raw.len, &ev, NULL), CL_OK);
    ck_assert_int_eq(cl_snp_evidence_to_json(ev, &j, NULL), CL_OK);
    ck_assert_int_eq(cl_json_compact(j, &text, NULL), CL_OK);
    rig_path("evidence.json", path);
    ck_assert_int_eq(cl_write_file(path, text.data, text.len, 0600, NULL), CL_OK);
    expect("verify --evidence @/evidence.json --certs @ --sim-root @/ark.der --authenticity-only "
           "--time 2026-01-01T00:00:00Z",
           0, "");
    ck_assert_int_eq(cl_write_file(path, text.data, text.len - 1, 0600, NULL), CL_OK);
    expect("verify --evidence @/evidence.json", 4, "evidence.json': SNP evidence: not JSON");
    json_decref(j);
    cl_snp_evidence_free(ev);
}
END_TEST

#define REFERENCE VERIFY "--reference @/ref.cbor "
START_TEST(test_verify_takes_a_corim)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(outcome_done) struct outcome o = run(REFERENCE "--corim-key @/ed25519.pub");
    ck_assert_int_eq(o.status, 0);
    ck_assert_ptr_nonnull(strstr((const char *)o.out.data, "pass     reference.signature"));
    expect(REFERENCE, 3, "/ref.cbor': signature: expected a key to verify it with, got none");
    expect(REFERENCE "--corim-key @/p256.pub", 1, "/ref.cbor': ");
    expect(REFERENCE "--corim-key @/ed25519.key", 4, "expected a public key in PEM");
    expect(REFERENCE "--corim-key @/nothing", 5, "/nothing");
    expect("verify --evidence @/report.bin --certs @ --sim-root @/ark.der --corim-key "
           "@/ed25519.pub --time 2026-01-01T00:16:41Z --reference @/ref.cbor",
           3, "not-after: expected a time to come, got 2026-01-01T00:16:40Z");
    /* The payload alone, which nobody signed. */
    slurp("ref.cbor", &raw);
    const uint8_t tag[] = {0xD9, 0x01, 0xF5};
    const uint8_t *at = memmem(raw.data, raw.len, tag, sizeof(tag));
    ck_assert_ptr_nonnull(at);
    put("out.cbor", at, (size_t)(raw.data + raw.len - at) - 66); /* without the signature */
    expect(VERIFY "--reference @/out.cbor", 1,
           "/out.cbor': signature: expected a signed CoRIM, got an unsigned one");
    CL_CLEANUP(outcome_done)
    struct outcome warned = run(VERIFY "--reference @/out.cbor --allow-unsigned-corim");
    ck_assert_int_eq(warned.status, 0);
    ck_assert_ptr_nonnull(strstr((const char *)warned.out.data, "warning  reference.signature"));
}
END_TEST

START_TEST(test_verify_writes_a_token)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    json_t *cpu0 = NULL, *annotated = NULL;
    struct evp_pkey_st *key = NULL;
    struct stat st;
    char path[128];
    expect(VERIFY "--ear @/out.jwt --ear-key @/p256.key --measurement " MEASUREMENT, 0, "");
    slurp("out.jwt", &raw);
    rig_path("p256.pub", path);
    ck_assert_int_eq(cl_pem_public_key(path, &key, NULL), CL_OK);
    ck_assert_int_eq(cl_ear_token_open(key, (const char *)raw.data, raw.len, (int64_t)time(NULL),
                                       &claims, &cpu0, &annotated, NULL),
                     CL_OK);
    cl_pem_key_freep(&key);
    ck_assert_str_eq(json_string_value(json_object_get(cpu0, "ear.status")), "contraindicated");
    ck_assert_str_eq(json_string_value(json_object_get(annotated, "cloister_class")), "sim-snp");
    rig_path("out.jwt", path);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777u, 0600u);
    expect(VERIFY "--ear @/out.jwt", 2, "--ear-key: expected it beside the other, got nothing");
    expect(VERIFY "--ear-key @/p256.key", 2, "--ear: expected it beside the other, got nothing");
    expect(VERIFY "--ear @/out.jwt --ear-key @/ed25519.key", 4,
           "/out.jwt': key does not fit ES256");
}
END_TEST

START_TEST(test_verify_writes_a_page)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    static const char *const parts[] = {
        "<title>accepted: AMD SEV-SNP evidence, Cloister</title>",
        "Accepted, simulated hardware</h1>",
        "<th scope=\"row\">Reference values</th>",
        "download=\"report.bin\" href=\"data:application/octet-stream;base64,",
        "download=\"ref.cbor\"",
        "Cloister simulated ARK",
        "--corim-key ed25519.pub",
        "--time 2026-01-01T00:00:00Z",
        "snp.chain.signatures",
        "Page made",
    };
    expect(REFERENCE "--corim-key @/ed25519.pub --html @/out.html", 0, "");
    slurp("out.html", &raw);
    for (size_t i = 0; i < CL_ARRAY_LEN(parts); i++) {
        ck_assert_msg(strstr((const char *)raw.data, parts[i]) != NULL, "%s", parts[i]);
    }
    expect(VERIFY "--html @/nowhere/out.html --authenticity-only", 5, "/nowhere/");
    cl_buf_reset(&raw);
    expect(VERIFY "--html @/out.html --measurement " GOLDEN, 1, "snp.measurement"); /* and a page */
    slurp("out.html", &raw);
    ck_assert_ptr_nonnull(strstr((const char *)raw.data, "Rejected</h1>"));
}
END_TEST

int main(void)
{
    if (!rig_init()) {
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("attestation_cmd");
    TCase *t = tcase_create("cmd");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_verify_verdicts);
    tcase_add_test(t, test_verify_host_data_and_initdata);
    tcase_add_test(t, test_verify_references);
    tcase_add_test(t, test_verify_json_document);
    tcase_add_test(t, test_verify_usage_and_bad_files);
    tcase_add_test(t, test_verify_policies);
    tcase_add_test(t, test_verify_distrust);
    tcase_add_test(t, test_verify_every_file_that_is_none);
    tcase_add_test(t, test_verify_takes_json_evidence);
    tcase_add_test(t, test_verify_takes_a_corim);
    tcase_add_test(t, test_verify_writes_a_token);
    tcase_add_test(t, test_verify_writes_a_page);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    rig_done();
    return rc;
}
