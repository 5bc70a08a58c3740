/* SPDX-License-Identifier: Apache-2.0
 * snp_verify.c - the verification algorithm of SNP evidence, step by step, each a named check.
 * First whether it is authentic (format, chain, signature, binding to the certificate), then what
 * the policy says of it. Nothing returns early: one look shows everything that is wrong.
 * Trust: the evidence is hostile, the policy is the caller's. Threads: pure. Memory: the result.
 * Spec: snp.md a.10; the number of each step stands at its function.
 */
#include "snp/snp_internal.h"

#include "base/encode.h"
#include "base/json.h"
#include "x509/x509.h"

#include <inttypes.h>
#include <string.h>

#define POLICY_MUST_BE_ONE (UINT64_C(1) << 17)
#define POLICY_RESERVED (~UINT64_C(0) << 26)

struct cl_check *snp_check(struct snp_ctx *c, const char *id, bool good)
{
    return cl_verdict_add(c->result, id, good ? CL_CHECK_PASS : CL_CHECK_FAIL);
}

void snp_cannot(struct snp_ctx *c, const char *id, const char *why)
{
    cl_check_why(cl_verdict_add(c->result, id, CL_CHECK_UNKNOWN), "%s", why);
}

void snp_skip(struct snp_ctx *c, const char *id, const char *why)
{
    cl_check_why(cl_verdict_add(c->result, id, CL_CHECK_SKIPPED), "%s", why);
}

bool snp_all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Step 1: what a report of a known version must look like. */
static void check_format(struct snp_ctx *c)
{
    const struct cl_snp_report *r = c->report;
    struct cl_check *k = snp_check(c, "snp.report.version", r->version >= 2 && r->version <= 5);
    cl_check_expected(k, "2 to 5");
    cl_check_actual(k, "%u", r->version);
    if (r->version > 5) {
        cl_check_why(k, "a newer report may give other meanings to its bytes: upgrade Cloister");
    }
    k = snp_check(c, "snp.report.signature_algo", r->signature_algo == 1);
    cl_check_expected(k, "1 (ECDSA P-384 with SHA-384)");
    cl_check_actual(k, "%u", r->signature_algo);

    c->signing_key = snp_signing_key(r);
    k = snp_check(c, "snp.report.key_info",
                  (r->key_info >> 5) == 0 && (r->key_info & 2u) == 0 &&
                      (c->signing_key == SNP_KEY_VCEK || c->signing_key == SNP_KEY_VLEK));
    cl_check_expected(k, "signed with VCEK or VLEK, chip key not masked");
    cl_check_actual(k, "0x%x", r->key_info);

    k = snp_check(c, "snp.report.policy",
                  (r->policy & POLICY_MUST_BE_ONE) != 0 && (r->policy & POLICY_RESERVED) == 0);
    cl_check_expected(k, "bit 17 set, bits 26 to 63 clear");
    cl_check_actual(k, "0x%" PRIx64, r->policy);

    size_t at = 0;
    bool set = cl_snp_report_reserved_set(r, &at);
    k = snp_check(c, "snp.report.reserved", !set);
    cl_check_expected(k, "zero");
    if (set) {
        cl_check_actual(k, "0x%02x at byte 0x%03zx", r->raw[at], at);
    } else {
        cl_check_actual(k, "zero");
    }
    snp_signature_check_format(c);
}

/* The product as the certificate says it, for reports too old to say it themselves. */
static enum cl_snp_product product_of_cert(const struct snp_ctx *c)
{
    return c->chain->ext_good ? snp_extensions_product(&c->chain->ext) : CL_SNP_PRODUCT_UNKNOWN;
}

/* Step 2: the product line, which decides the root and the layout of the TCBs. */
static void check_product(struct snp_ctx *c)
{
    const struct cl_snp_report *r = c->report;
    if (r->version < 3 && !c->chain->ext_good) {
        snp_cannot(c, "snp.product",
                   "a version 2 report does not say its product, and there is no good certificate");
        return;
    }
    c->product = r->version >= 3 ? cl_snp_product_from_fms(r->cpuid_fam_id, r->cpuid_mod_id)
                                 : product_of_cert(c);
    c->result->product = cl_snp_product_name(c->product);
    /* Version 2 never came from Turin, and its layout of TCBs could not be told. */
    bool good = c->product != CL_SNP_PRODUCT_UNKNOWN &&
                !(r->version < 3 && c->product == CL_SNP_PRODUCT_TURIN);
    struct cl_check *k = snp_check(c, "snp.product", good);
    cl_check_expected(k, "milan, genoa or turin");
    cl_check_actual(k, "%s (family 0x%02x model 0x%02x)",
                    c->result->product != NULL ? c->result->product : "unknown", r->cpuid_fam_id,
                    r->cpuid_mod_id);
    if (r->version < 3) {
        cl_check_why(k, "taken from the certificate: a version 2 report does not say it");
    }
}

/* Step 3, the leaf: right key, known extensions, of the kind that KEY_INFO names. */
static void check_ek(struct snp_ctx *c)
{
    static const char *const ids[] = {"snp.ek.key", "snp.ek.extensions", "snp.ek.kind"};
    if (c->chain->certs[SNP_CHAIN_EK] == NULL) {
        for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
            snp_cannot(c, ids[i], "no VCEK or VLEK certificate was given");
        }
        return;
    }
    struct cl_check *k = snp_check(c, "snp.ek.key", c->chain->ek_key_good);
    cl_check_expected(k, "an EC key on the named curve P-384");
    cl_check_actual(k, "%s", c->chain->ek_key_good ? "the same" : "another key");

    k = snp_check(c, "snp.ek.extensions", c->chain->ext_good);
    cl_check_expected(k, "AMD's extensions, each once and well-formed");
    cl_check_actual(k, "%s", c->chain->ext_good ? "the same" : c->chain->ext_error);
    if (!c->chain->ext_good) {
        snp_skip(c, "snp.ek.kind", "the certificate's extensions are not good");
        return;
    }
    bool vlek = c->signing_key == SNP_KEY_VLEK;
    k = snp_check(c, "snp.ek.kind", c->chain->ext.has_csp_id == vlek);
    cl_check_expected(k, "%s", vlek ? "VLEK" : "VCEK");
    cl_check_actual(k, "%s", c->chain->ext.has_csp_id ? "VLEK" : "VCEK");
    if (c->chain->ext.has_csp_id) {
        cl_check_why(k, "loaded by %s", c->chain->ext.csp_id);
    }
}

static void check_ek_product(struct snp_ctx *c)
{
    if (!c->chain->ext_good || c->product == CL_SNP_PRODUCT_UNKNOWN) {
        snp_cannot(c, "snp.ek.product", "certificate or product is not known");
        return;
    }
    bool turin = c->product == CL_SNP_PRODUCT_TURIN;
    struct cl_check *k =
        snp_check(c, "snp.ek.product",
                  product_of_cert(c) == c->product && (c->chain->ext.struct_version == 1) == turin);
    cl_check_expected(k, "%s, structVersion %d", cl_snp_product_name(c->product), turin ? 1 : 0);
    cl_check_actual(k, "%s, structVersion %u", c->chain->ext.product_name,
                    c->chain->ext.struct_version);
}

/* Step 5: the certificate is the one of this chip at this TCB. */
static void check_binding(struct snp_ctx *c)
{
    if (!c->chain->ext_good) {
        snp_cannot(c, "snp.tcb.certificate", "no certificate with good extensions");
        return;
    }
    char want[CL_SNP_TCB_TEXT_SIZE], got[CL_SNP_TCB_TEXT_SIZE];
    struct cl_snp_tcb tcb = cl_snp_tcb_decode(c->report->reported_tcb, c->chain->ext.tcb.has_fmc);
    uint8_t again[8];
    cl_snp_tcb_encode(&c->chain->ext.tcb, again); /* reserved bytes must be zero as well */
    struct cl_check *k = snp_check(c, "snp.tcb.certificate",
                                   memcmp(again, c->report->reported_tcb, sizeof(again)) == 0);
    cl_snp_tcb_format(&c->chain->ext.tcb, want);
    cl_snp_tcb_format(&tcb, got);
    cl_check_expected(k, "%s", want);
    cl_check_actual(k, "%s", got);
    cl_check_why(k, "REPORTED_TCB, beside the TCB in the certificate");
}

static void check_chip_id(struct snp_ctx *c)
{
    const uint8_t *chip = c->report->chip_id;
    if (snp_all_zero(chip, CL_SNP_CHIP_ID_SIZE)) {
        if (c->rules->allow_masked_chip) {
            struct cl_check *k = snp_check(c, "snp.chip_id", true);
            cl_check_why(k, "the host masks CHIP_ID, which the policy allows");
            k->warning = true;
        } else {
            snp_cannot(c, "snp.chip_id", "the host masks CHIP_ID: the chip cannot be told");
        }
        return;
    }
    if (!c->chain->ext_good) {
        snp_cannot(c, "snp.chip_id", "no certificate with good extensions");
        return;
    }
    if (!c->chain->ext.has_hw_id) {
        snp_skip(c, "snp.chip_id", "a VLEK is not bound to a chip");
        return;
    }
    size_t n = c->chain->ext.hw_id_len;
    bool good = memcmp(c->chain->ext.hw_id, chip, n) == 0 &&
                snp_all_zero(chip + n, CL_SNP_CHIP_ID_SIZE - n);
    struct cl_check *k = snp_check(c, "snp.chip_id", good);
    cl_check_hex(k, c->chain->ext.hw_id, chip, n);
}

/* Authentic: every check so far passed. CHIP_ID is policy when masked, a failure when wrong. */
static enum cl_tristate authentic_so_far(const struct cl_verify_result *r)
{
    enum cl_tristate t = CL_YES;
    for (size_t i = 0; i < r->check_count; i++) {
        if (r->checks[i].status == CL_CHECK_FAIL) {
            return CL_NO;
        }
        if (r->checks[i].status == CL_CHECK_UNKNOWN) {
            t = CL_UNKNOWN;
        }
    }
    return t;
}

static void check_authenticity(struct snp_ctx *c)
{
    check_format(c);
    check_ek(c);
    check_product(c);
    check_ek_product(c);
    snp_chain_check(c);
    snp_signature_check(c);
    check_binding(c);
    c->result->authentic = authentic_so_far(c->result);
}

/* After those that make evidence authentic: what makes it not so when it fails, but may be left
 * open by policy. */
static void deny_when_failed(struct snp_ctx *c, size_t from)
{
    for (size_t i = from; i < c->result->check_count; i++) {
        if (c->result->checks[i].status == CL_CHECK_FAIL) {
            c->result->authentic = CL_NO;
        }
    }
}

enum cl_status snp_verify_with_roots(const struct cl_snp_report *report,
                                     const struct cl_snp_chain *chain,
                                     const struct cl_snp_policy *policy,
                                     const struct snp_root *roots,
                                     struct cl_verify_result **ret_result, struct cl_err *err)
{
    struct cl_verify_result *result = NULL;
    CL_TRY(cl_verdict_new(policy->time, &result, err));
    const struct cl_snp_rules defaults = cl_snp_rules_default();
    struct snp_ctx c = {
        .report = report, .policy = policy, .result = result, .chain = chain, .roots = roots};
    check_authenticity(&c);
    c.rules = c.root_class == CL_TEE_CLASS_SIM_SNP ? policy->sim_rules : policy->rules;
    c.rules = c.rules != NULL ? c.rules : &defaults;
    size_t from = result->check_count;
    check_chip_id(&c);
    snp_crl_check(&c);
    deny_when_failed(&c, from);
    result->tee_class = result->authentic == CL_YES ? c.root_class : CL_TEE_CLASS_NONE;
    bool compared = snp_appraise(&c);
    cl_verdict_conclude(result, compared, policy->authenticity_only);
    *ret_result = result;
    return CL_OK;
}

enum cl_status cl_snp_verify_chain(const struct cl_snp_report *report,
                                   const struct cl_snp_chain *chain,
                                   const struct cl_snp_policy *policy,
                                   struct cl_verify_result **ret_result, struct cl_err *err)
{
    return snp_verify_with_roots(report, chain, policy, snp_amd_roots, ret_result, err);
}

enum cl_status cl_snp_verify(const struct cl_snp_evidence *ev, const struct cl_snp_policy *policy,
                             struct cl_verify_result **ret_result, struct cl_err *err)
{
    CL_CLEANUP(cl_snp_chain_freep) struct cl_snp_chain *chain = NULL;
    CL_TRY(cl_snp_chain_new(ev, &chain, err));
    return cl_snp_verify_chain(&ev->report, chain, policy, ret_result, err);
}

enum cl_status cl_snp_verify_claims(const struct cl_snp_evidence *ev,
                                    const struct cl_verify_result *result, json_t **ret_claims,
                                    struct cl_err *err)
{
    enum cl_snp_product product =
        ev->report.version >= 3
            ? cl_snp_product_from_fms(ev->report.cpuid_fam_id, ev->report.cpuid_mod_id)
        : result->product != NULL ? CL_SNP_PRODUCT_MILAN /* version 2 knows one layout only */
                                  : CL_SNP_PRODUCT_UNKNOWN;
    return cl_snp_report_claims(&ev->report, product, ret_claims, err);
}
