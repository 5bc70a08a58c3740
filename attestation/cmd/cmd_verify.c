/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify.c - `cloister verify`: is this evidence genuine, and what we expected?
 * Trust: the user's command line; the evidence is hostile and its text is escaped before printing.
 * Threads: one. Memory: bounded by the inputs' own limits.
 */
#include "cmd/cmd_verify.h"

#include "base/cmd.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/attestation_cmd.h"
#include "cloister/jwt.h"
#include "cloister/pem.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PROG "cloister verify"
#define MAX_EVIDENCE (4u << 20)

static const struct verify_family *const families[] = {
    &verify_family_vtpm, &verify_family_tdx, &verify_family_snp, /* takes the rest */
};

static void help(void)
{
    printf(
        "usage: " PROG " --evidence FILE [OPTION]...\n\n"
        "Verifies evidence of a confidential VM, offline: an SEV-SNP report or a TDX quote, raw\n"
        "or in the JSON that guests send; or a TPM quote in such JSON, alone or behind one.\n\n"
        "  --tee NAME            auto (default), snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm, "
        "sim-snp,\n"
        "                        sim-tdx\n"
        "  --certs FILE-OR-DIR   VCEK or VLEK, ASK or ASVK, ARK: DER, PEM or AMD's table;\n"
        "                        may be given several times\n"
        "  --collateral FILE-OR-DIR\n"
        "                        revocation lists, TCB info, QE identity: files, a folder of "
        "them,\n"
        "                        or a bundle; may be given several times\n"
        "  --collateral-signer FILE\n"
        "                        the key that must have signed every bundle (PEM, or 64 hex\n"
        "                        digits); loose files are refused then\n"
        "  --event-log FILE      the event log of the TD (CCEL), to replay against its RTMRs, or "
        "of\n"
        "                        the TPM (binary_bios_measurements), against the quoted registers\n"
        "  --policy FILE         what to demand (cloister.verify-policy/1)\n"
        "  --profile NAME        a built-in policy: default, regulated\n"
        "  --distrust FILE       what is known of broken platforms\n"
        "                        (cloister.platform-distrust/1, signed)\n"
        "  --distrust-key FILE   the public key that signed it: PEM, P-256 or Ed25519\n"
        "  --measurement HEX     a launch digest (TDX: MRTD) to expect; may be given several\n"
        "                        times\n"
        "  --reference FILE      a reference value (cloister.reference/1), or a CoRIM\n"
        "  --corim-key FILE      the public key that must have signed the CoRIM, in PEM\n"
        "  --allow-unsigned-corim\n"
        "                        take a CoRIM that nobody signed, with a warning\n"
        "  --report-data HEX     what REPORT_DATA must be; shorter than 64 bytes is padded with\n"
        "                        zeros at its end. Of a TPM quote: its nonce, exactly\n"
        "  --host-data HEX       what HOST_DATA (TDX: MRCONFIGID) must be\n"
        "  --initdata FILE       the same, as the SHA-256 of this file\n"
        "  --time TIME           verify as of then (2026-01-31T00:00:00Z); default: now\n"
        "  --vmpl N              the VMPL to expect; default 0\n"
        "  --pcr [BANK:]N=HEX    what a TPM's register must hold; BANK is sha1, sha256 (default),\n"
        "                        sha384 or sha512; may be given several times\n"
        "  --tpm-ak FILE         the key of a TPM to trust (PEM, DER, or digest of the key); for\n"
        "                        class tpm; may be given several times\n"
        "  --allow-masked-chip   accept a report whose host hides the chip's identity\n"
        "  --sim-root FILE       accept this simulated root (certificate, or digest of its key)\n"
        "                        as class sim-snp or sim-tdx, which protects nothing\n"
        "  --authenticity-only   ask only whether the evidence is genuine\n"
        "  --json                one JSON document (cloister.verify/1)\n"
        "  --html FILE           write the verdict as one HTML page, evidence attached\n"
        "  --ear FILE            write the verdict as an EAR token (EAT, ES256), valid 5 minutes\n"
        "  --ear-key FILE        the P-256 private key that signs it, in PEM\n\n"
        "Exit status: 0 accepted, 1 rejected, 3 cannot tell, 4 malformed input.\n\n"
        "example: " PROG " --evidence report.bin --certs vcek.der --certs cert_chain.pem "
        "--measurement \"$(cloister measure snp --cpus 2)\"\n");
}

enum opt {
    OPT_EVIDENCE = 1,
    OPT_TEE,
    OPT_CERTS,
    OPT_COLLATERAL,
    OPT_COLLATERAL_SIGNER,
    OPT_POLICY,
    OPT_PROFILE,
    OPT_DISTRUST,
    OPT_DISTRUST_KEY,
    OPT_EVENT_LOG,
    OPT_MEASUREMENT,
    OPT_REFERENCE,
    OPT_REPORT_DATA,
    OPT_HOST_DATA,
    OPT_INITDATA,
    OPT_TIME,
    OPT_VMPL,
    OPT_PCR,
    OPT_TPM_AK,
    OPT_MASKED,
    OPT_SIM_ROOT,
    OPT_AUTHENTICITY,
    OPT_JSON,
    OPT_CORIM_KEY,
    OPT_UNSIGNED_CORIM,
    OPT_HTML,
    OPT_EAR,
    OPT_EAR_KEY,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"evidence", required_argument, NULL, OPT_EVIDENCE},
    {"tee", required_argument, NULL, OPT_TEE},
    {"certs", required_argument, NULL, OPT_CERTS},
    {"collateral", required_argument, NULL, OPT_COLLATERAL},
    {"collateral-signer", required_argument, NULL, OPT_COLLATERAL_SIGNER},
    {"policy", required_argument, NULL, OPT_POLICY},
    {"profile", required_argument, NULL, OPT_PROFILE},
    {"distrust", required_argument, NULL, OPT_DISTRUST},
    {"distrust-key", required_argument, NULL, OPT_DISTRUST_KEY},
    {"event-log", required_argument, NULL, OPT_EVENT_LOG},
    {"measurement", required_argument, NULL, OPT_MEASUREMENT},
    {"reference", required_argument, NULL, OPT_REFERENCE},
    {"report-data", required_argument, NULL, OPT_REPORT_DATA},
    {"host-data", required_argument, NULL, OPT_HOST_DATA},
    {"initdata", required_argument, NULL, OPT_INITDATA},
    {"time", required_argument, NULL, OPT_TIME},
    {"vmpl", required_argument, NULL, OPT_VMPL},
    {"pcr", required_argument, NULL, OPT_PCR},
    {"tpm-ak", required_argument, NULL, OPT_TPM_AK},
    {"allow-masked-chip", no_argument, NULL, OPT_MASKED},
    {"sim-root", required_argument, NULL, OPT_SIM_ROOT},
    {"authenticity-only", no_argument, NULL, OPT_AUTHENTICITY},
    {"json", no_argument, NULL, OPT_JSON},
    {"corim-key", required_argument, NULL, OPT_CORIM_KEY},
    {"allow-unsigned-corim", no_argument, NULL, OPT_UNSIGNED_CORIM},
    {"html", required_argument, NULL, OPT_HTML},
    {"ear", required_argument, NULL, OPT_EAR},
    {"ear-key", required_argument, NULL, OPT_EAR_KEY},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static enum cl_status add_to(const char **list, size_t *count, const char *option,
                             struct cl_err *err)
{
    if (*count == VERIFY_MAX_INPUTS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected at most %u, got more", option,
                          VERIFY_MAX_INPUTS);
    }
    list[(*count)++] = optarg;
    return CL_OK;
}

/* Options whose value is kept as it stands. */
static const char **text_of(struct verify_options *o, int c)
{
    const struct {
        enum opt option;
        const char **text;
    } texts[] = {
        {OPT_EVIDENCE, &o->evidence},
        {OPT_COLLATERAL_SIGNER, &o->collateral_signer},
        {OPT_POLICY, &o->policy_file},
        {OPT_PROFILE, &o->profile},
        {OPT_DISTRUST, &o->distrust_file},
        {OPT_DISTRUST_KEY, &o->distrust_key_file},
        {OPT_EVENT_LOG, &o->event_log},
        {OPT_REFERENCE, &o->reference},
        {OPT_REPORT_DATA, &o->report_data},
        {OPT_HOST_DATA, &o->host_data},
        {OPT_INITDATA, &o->initdata},
        {OPT_VMPL, &o->vmpl},
        {OPT_CORIM_KEY, &o->corim_key},
        {OPT_HTML, &o->html},
        {OPT_EAR, &o->ear},
        {OPT_EAR_KEY, &o->ear_key},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(texts); i++) {
        if ((int)texts[i].option == c) {
            return texts[i].text;
        }
    }
    return NULL;
}

static enum cl_status take_option(struct verify_options *o, int c, struct cl_err *err)
{
    const char **text = text_of(o, c);
    if (text != NULL) {
        *text = optarg;
        return CL_OK;
    }
    switch (c) {
    case OPT_TEE:
        return strcmp(optarg, "auto") == 0 ? CL_OK : cl_tee_class_parse(optarg, &o->tee, err);
    case OPT_CERTS:
        return add_to(o->certs, &o->cert_count, "--certs", err);
    case OPT_COLLATERAL:
        return add_to(o->collateral, &o->collateral_count, "--collateral", err);
    case OPT_MEASUREMENT:
        return add_to(o->measurements, &o->measurement_count, "--measurement", err);
    case OPT_PCR:
        return add_to(o->pcrs, &o->pcr_count, "--pcr", err);
    case OPT_TPM_AK:
        return add_to(o->aks, &o->ak_count, "--tpm-ak", err);
    case OPT_SIM_ROOT:
        return add_to(o->sim_root_files, &o->sim_root_count, "--sim-root", err);
    case OPT_TIME:
        return cl_time_parse(optarg, &o->time, err);
    case OPT_MASKED:
        o->allow_masked_chip = true;
        return CL_OK;
    case OPT_AUTHENTICITY:
        o->authenticity_only = true;
        return CL_OK;
    case OPT_JSON:
        o->json = true;
        return CL_OK;
    case OPT_UNSIGNED_CORIM:
        o->allow_unsigned_corim = true;
        return CL_OK;
    case OPT_HELP:
        o->help = true;
        return CL_OK;
    default:
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "option: expected one of --help's list with its "
                          "value, got another");
    }
}

/* What no option alone can tell. */
static enum cl_status check_options(const struct verify_options *o, struct cl_err *err)
{
    if (o->policy_file != NULL && o->profile != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--profile: expected this or --policy, got both");
    }
    if (o->profile != NULL && cl_verify_policy_profile_text(o->profile) == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--profile: expected default or regulated, got '%.40s'", o->profile);
    }
    if ((o->distrust_file != NULL) != (o->distrust_key_file != NULL)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "--distrust: expected this and --distrust-key, got one of them");
    }
    return CL_OK;
}

static enum cl_status parse(struct verify_options *o, int argc, char **argv, struct cl_err *err)
{
    opterr = 0;
    optind = 0; /* the dispatcher may have been here before: start anew */
    for (int c = 0; (c = getopt_long(argc, argv, ":", long_options, NULL)) != -1;) {
        CL_TRY(take_option(o, c, err));
        if (o->help) {
            return CL_OK;
        }
    }
    if (optind != argc) {
        return cl_err_set(err, CL_ERR_MALFORMED, "argument: expected none, got '%s'", argv[optind]);
    }
    if (o->evidence == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--evidence: expected a file, got nothing");
    }
    if ((o->ear == NULL) != (o->ear_key == NULL)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected it beside the other, got nothing",
                          o->ear == NULL ? "--ear" : "--ear-key");
    }
    return check_options(o, err);
}

static void print_check(const struct cl_check *c)
{
    static const char *const words[] = {[CL_CHECK_UNKNOWN] = "UNKNOWN",
                                        [CL_CHECK_PASS] = "pass",
                                        [CL_CHECK_FAIL] = "FAIL",
                                        [CL_CHECK_SKIPPED] = "skipped"};
    printf("  %-8s %s", c->warning ? "warning" : words[c->status], c->id);
    if (c->status == CL_CHECK_FAIL) {
        printf(": expected %s, got %s", c->expected, c->actual);
    }
    printf("%s%s\n", c->why[0] != '\0' ? ": " : "", c->why);
}

static void print_text(const struct cl_verify_result *r)
{
    /* TDX and TPMs have no product lines. */
    printf("%s: class %s%s%s, authentic: %s\n", cl_verdict_name(r->verdict),
           cl_tee_class_name(r->tee_class), r->product != NULL ? ", product " : "",
           r->product != NULL ? r->product : "",
           r->authentic == CL_YES  ? "yes"
           : r->authentic == CL_NO ? "no"
                                   : "unknown");
    for (size_t i = 0; i < r->check_count; i++) {
        print_check(&r->checks[i]);
    }
}

static enum cl_status print_json(const struct verify_answer *a, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_verify_result_to_json(a->result, json_incref(a->claims), &j, err));
    CL_TRY(cl_json_compact(j, &text, err));
    printf("%s\n", (const char *)text.data);
    return CL_OK;
}

static enum cl_status find_family(const struct verify_options *o, const struct cl_buf *evidence,
                                  const struct verify_family **ret_f, struct cl_err *err)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(families); i++) {
        const struct verify_family *f = families[i];
        if (o->tee != CL_TEE_CLASS_NONE ? (f->classes & (1u << o->tee)) != 0
                                        : f->detect(evidence->data, evidence->len)) {
            if (f != &verify_family_vtpm && (o->pcr_count != 0 || o->ak_count != 0)) {
                return cl_err_set(err, CL_ERR_MALFORMED,
                                  "%s: expected only beside a TPM quote, got it beside other "
                                  "evidence",
                                  o->pcr_count != 0 ? "--pcr" : "--tpm-ak");
            }
            *ret_f = f;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_UNSUPPORTED,
                      "--tee: expected a class that this version verifies, got %s",
                      cl_tee_class_name(o->tee));
}

static void answer_done(struct verify_answer *a)
{
    cl_verify_result_free(a->result);
    json_decref(a->claims);
    for (size_t i = 0; i < a->cert_count; i++) {
        cl_buf_done(&a->certs[i]);
    }
    *a = (struct verify_answer){0};
}

static enum cl_status read_policy(const struct verify_options *o,
                                  struct cl_verify_policy **ret_policy, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    if (o->policy_file == NULL) {
        return cl_verify_policy_profile(o->profile != NULL ? o->profile : "default", ret_policy,
                                        err);
    }
    enum cl_status st = verify_read_file(o->policy_file, CL_VERIFY_POLICY_MAX_SIZE, &raw, err);
    if (st == CL_OK) {
        st = cl_verify_policy_parse(raw.data, raw.len, ret_policy, err);
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "policy '%s'", o->policy_file);
}

static enum cl_status read_distrust(const struct verify_options *o,
                                    struct cl_distrust **ret_distrust, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_pem_key_freep) struct evp_pkey_st *key = NULL;
    if (o->distrust_file == NULL) {
        return CL_OK;
    }
    CL_TRY(verify_is_file(o->distrust_key_file, err));
    CL_TRY(cl_pem_public_key(o->distrust_key_file, &key, err));
    enum cl_status st = verify_read_file(o->distrust_file, CL_JWT_MAX_SIZE, &raw, err);
    while (raw.len > 0 && raw.data[raw.len - 1] == '\n') { /* of a text file */
        raw.len--;
    }
    if (st == CL_OK) {
        st = cl_distrust_read((const char *)raw.data, raw.len, key, o->time, ret_distrust, err);
    }
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "distrust '%s'", o->distrust_file);
}

static enum cl_status run(struct verify_options *o, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf evidence = {0};
    CL_CLEANUP(answer_done) struct verify_answer answer = {0};
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *policy = NULL;
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *distrust = NULL;
    const struct verify_family *family = NULL;
    enum cl_status st = verify_read_file(o->evidence, MAX_EVIDENCE, &evidence, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "evidence '%s'", o->evidence);
    }
    CL_TRY(find_family(o, &evidence, &family, err));
    CL_TRY(read_policy(o, &policy, err));
    CL_TRY(read_distrust(o, &distrust, err));
    o->policy = policy;
    o->distrust = distrust;
    if (o->event_log != NULL && family == &verify_family_snp) {
        return cl_err_set(
            err, CL_ERR_MALFORMED,
            "--event-log: expected only beside a TDX or TPM quote, got other evidence");
    }
    CL_TRY(family->run(o, &evidence, &answer, err));
    CL_TRY(verify_write_results(o, &evidence, &answer, err));
    if (o->json) {
        CL_TRY(print_json(&answer, err));
    } else {
        print_text(answer.result);
    }
    if (fflush(stdout) != 0) {
        return cl_err_sys(err, errno, "write 'stdout'");
    }
    st = cl_verify_result_status(answer.result, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "verify '%s'", o->evidence);
}

int cl_cmd_verify(int argc, char **argv)
{
    struct cl_err err = {0};
    struct verify_options o = {.time = (int64_t)time(NULL)};
    enum cl_status st = parse(&o, argc, argv, &err);
    if (st != CL_OK) {
        return cl_usage_error(PROG, "%s", err.msg);
    }
    if (o.help) {
        help();
        return 0;
    }
    st = run(&o, &err);
    if (st == CL_OK) {
        return 0;
    }
    return cl_fail(&err, st == CL_ERR_UNAVAILABLE && o.measurement_count == 0 &&
                                 o.reference == NULL && o.policy_file == NULL &&
                                 !o.authenticity_only
                             ? "give --measurement or --reference, or ask for --authenticity-only"
                             : NULL);
}
