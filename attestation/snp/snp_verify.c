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
#define POLICY_MIGRATE_MA (UINT64_C(1) << 18)
#define POLICY_DEBUG (UINT64_C(1) << 19)
#define POLICY_RESERVED (~UINT64_C(0) << 26)
#define PLATFORM_ALIAS_CHECK (UINT64_C(1) << 5)
#define PLATFORM_KNOWN UINT64_C(0xBF) /* bits 0 to 5 and 7: snp.md a.3 */

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

static bool all_zero(const uint8_t *p, size_t n)
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

    c->signing_key = (enum snp_signing_key)((r->key_info >> 2) & 7u);
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
    return c->ext_good ? snp_extensions_product(&c->ext) : CL_SNP_PRODUCT_UNKNOWN;
}

/* Step 2: the product line, which decides the root and the layout of the TCBs. */
static void check_product(struct snp_ctx *c)
{
    const struct cl_snp_report *r = c->report;
    if (r->version < 3 && !c->ext_good) {
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
    snp_chain_pick_ek(c);
    if (c->ek == NULL) {
        for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
            snp_cannot(c, ids[i], "no VCEK or VLEK certificate was given");
        }
        return;
    }
    struct cl_err err = {0};
    struct cl_check *k = snp_check(c, "snp.ek.key", cl_x509_key_is_p384(c->ek));
    cl_check_expected(k, "an EC key on the named curve P-384");
    cl_check_actual(k, "%s", k->status == CL_CHECK_PASS ? "the same" : "another key");

    c->ext_good = snp_extensions_parse(c->ek, &c->ext, &err) == CL_OK;
    k = snp_check(c, "snp.ek.extensions", c->ext_good);
    cl_check_expected(k, "AMD's extensions, each once and well-formed");
    cl_check_actual(k, "%s", c->ext_good ? "the same" : err.msg);
    if (!c->ext_good) {
        snp_skip(c, "snp.ek.kind", "the certificate's extensions are not good");
        return;
    }
    bool vlek = c->signing_key == SNP_KEY_VLEK;
    k = snp_check(c, "snp.ek.kind", c->ext.has_csp_id == vlek);
    cl_check_expected(k, "%s", vlek ? "VLEK" : "VCEK");
    cl_check_actual(k, "%s", c->ext.has_csp_id ? "VLEK" : "VCEK");
    if (c->ext.has_csp_id) {
        cl_check_why(k, "loaded by %s", c->ext.csp_id);
    }
}

static void check_ek_product(struct snp_ctx *c)
{
    if (!c->ext_good || c->product == CL_SNP_PRODUCT_UNKNOWN) {
        snp_cannot(c, "snp.ek.product", "certificate or product is not known");
        return;
    }
    bool turin = c->product == CL_SNP_PRODUCT_TURIN;
    struct cl_check *k =
        snp_check(c, "snp.ek.product",
                  product_of_cert(c) == c->product && (c->ext.struct_version == 1) == turin);
    cl_check_expected(k, "%s, structVersion %d", cl_snp_product_name(c->product), turin ? 1 : 0);
    cl_check_actual(k, "%s, structVersion %u", c->ext.product_name, c->ext.struct_version);
}

/* Step 5: the certificate is the one of this chip at this TCB. */
static void check_binding(struct snp_ctx *c)
{
    if (!c->ext_good) {
        snp_cannot(c, "snp.tcb.certificate", "no certificate with good extensions");
        return;
    }
    char want[CL_SNP_TCB_TEXT_SIZE], got[CL_SNP_TCB_TEXT_SIZE];
    struct cl_snp_tcb tcb = cl_snp_tcb_decode(c->report->reported_tcb, c->ext.tcb.has_fmc);
    uint8_t again[8];
    cl_snp_tcb_encode(&c->ext.tcb, again); /* reserved bytes must be zero as well */
    struct cl_check *k = snp_check(c, "snp.tcb.certificate",
                                   memcmp(again, c->report->reported_tcb, sizeof(again)) == 0);
    cl_snp_tcb_format(&c->ext.tcb, want);
    cl_snp_tcb_format(&tcb, got);
    cl_check_expected(k, "%s", want);
    cl_check_actual(k, "%s", got);
    cl_check_why(k, "REPORTED_TCB, beside the TCB in the certificate");
}

static void check_chip_id(struct snp_ctx *c)
{
    const uint8_t *chip = c->report->chip_id;
    if (all_zero(chip, CL_SNP_CHIP_ID_SIZE)) {
        if (c->policy->allow_masked_chip_id) {
            struct cl_check *k = snp_check(c, "snp.chip_id", true);
            cl_check_why(k, "the host masks CHIP_ID, which the policy allows");
            k->warning = true;
        } else {
            snp_cannot(c, "snp.chip_id", "the host masks CHIP_ID: the chip cannot be told");
        }
        return;
    }
    if (!c->ext_good) {
        snp_cannot(c, "snp.chip_id", "no certificate with good extensions");
        return;
    }
    if (!c->ext.has_hw_id) {
        snp_skip(c, "snp.chip_id", "a VLEK is not bound to a chip");
        return;
    }
    size_t n = c->ext.hw_id_len;
    bool good = memcmp(c->ext.hw_id, chip, n) == 0 && all_zero(chip + n, CL_SNP_CHIP_ID_SIZE - n);
    struct cl_check *k = snp_check(c, "snp.chip_id", good);
    cl_check_hex(k, c->ext.hw_id, chip, n);
}

struct tcbs {
    struct cl_snp_tcb current, reported, committed, launch;
};

/* Step 6: the order that firmware keeps. */
static void check_tcb_order(struct snp_ctx *c, const struct tcbs *t)
{
    struct cl_check *k = snp_check(c, "snp.tcb.order",
                                   cl_snp_tcb_at_least(&t->current, &t->reported) &&
                                       cl_snp_tcb_at_least(&t->current, &t->committed));
    cl_check_expected(k, "REPORTED and COMMITTED no newer than CURRENT");
    cl_check_actual(k, "%s", k->status == CL_CHECK_PASS ? "the same" : "another order");

    const struct cl_snp_report *r = c->report;
    bool same = cl_snp_tcb_equal(&t->current, &t->committed) &&
                memcmp(&r->current, &r->committed, sizeof(r->current)) == 0;
    k = snp_check(c, "snp.tcb.provisional", same || !c->policy->strict_tcb);
    cl_check_expected(k, "CURRENT equal to COMMITTED");
    cl_check_actual(k, "%s", same ? "equal" : "different");
    if (!same) {
        cl_check_why(k, "provisional firmware: the host could still roll it back");
        k->warning = true;
    }
}

/* Step 7: minimum TCB, for what is reported and for what cannot be rolled back any more. */
static void check_tcb_minimum(struct snp_ctx *c, const struct tcbs *t)
{
    const struct cl_snp_tcb *min = c->policy->min_tcb;
    if (min == NULL) {
        snp_skip(c, "snp.tcb.minimum", "no minimum TCB was given");
        return;
    }
    bool reported = cl_snp_tcb_at_least(&t->reported, min);
    char want[CL_SNP_TCB_TEXT_SIZE], got[CL_SNP_TCB_TEXT_SIZE];
    struct cl_check *k =
        snp_check(c, "snp.tcb.minimum", reported && cl_snp_tcb_at_least(&t->committed, min));
    cl_snp_tcb_format(min, want);
    cl_snp_tcb_format(reported ? &t->committed : &t->reported, got);
    cl_check_expected(k, "at least %s", want);
    cl_check_actual(k, "%s", got);
    cl_check_why(k, "%s", reported ? "COMMITTED_TCB" : "REPORTED_TCB");
}

static void check_tcbs(struct snp_ctx *c)
{
    static const char *const ids[] = {"snp.tcb.order", "snp.tcb.provisional", "snp.tcb.minimum"};
    if (c->product == CL_SNP_PRODUCT_UNKNOWN) {
        for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
            snp_cannot(c, ids[i], "the layout of a TCB is not known without the product");
        }
        return;
    }
    bool turin = c->product == CL_SNP_PRODUCT_TURIN;
    struct tcbs t = {.current = cl_snp_tcb_decode(c->report->current_tcb, turin),
                     .reported = cl_snp_tcb_decode(c->report->reported_tcb, turin),
                     .committed = cl_snp_tcb_decode(c->report->committed_tcb, turin),
                     .launch = cl_snp_tcb_decode(c->report->launch_tcb, turin)};
    check_tcb_order(c, &t);
    check_tcb_minimum(c, &t);
}

/* Steps 8 and 9: guest policy and platform. */
static void check_guest_policy(struct snp_ctx *c)
{
    const struct cl_snp_report *r = c->report;
    struct cl_check *k = snp_check(c, "snp.policy.debug", (r->policy & POLICY_DEBUG) == 0);
    cl_check_expected(k, "debugging not allowed");
    cl_check_actual(k, "%s", k->status == CL_CHECK_PASS ? "not allowed" : "allowed");
    if (k->status == CL_CHECK_FAIL) {
        cl_check_why(k, "the host can read and write the memory of a debug guest");
    }
    k = snp_check(c, "snp.policy.migrate_ma", (r->policy & POLICY_MIGRATE_MA) == 0);
    cl_check_expected(k, "no migration agent");
    cl_check_actual(k, "%s", k->status == CL_CHECK_PASS ? "none" : "allowed");

    bool alias = (r->platform_info & PLATFORM_ALIAS_CHECK) != 0;
    bool unknown = (r->platform_info & ~PLATFORM_KNOWN) != 0;
    k = snp_check(c, "snp.platform_info", true); /* warns only: a policy may demand more */
    cl_check_expected(k, "alias check complete");
    cl_check_actual(k, "0x%" PRIx64, r->platform_info);
    k->warning = !alias;
    cl_check_why(k, "%s%s", alias ? "" : "memory aliases (BadRAM) were not excluded; ",
                 unknown ? "a bit that this version does not know is set" : "");
}

/* Step 1, its policy: only version 3 and later prove their product. */
static void check_min_version(struct snp_ctx *c)
{
    if (c->policy->min_version == 0) {
        snp_skip(c, "snp.report.min_version", "no minimum was given");
        return;
    }
    struct cl_check *k =
        snp_check(c, "snp.report.min_version", c->report->version >= c->policy->min_version);
    cl_check_expected(k, "at least %u", c->policy->min_version);
    cl_check_actual(k, "%u", c->report->version);
}

/* Step 11. */
static void check_vmpl(struct snp_ctx *c)
{
    struct cl_check *k = snp_check(c, "snp.vmpl", c->report->vmpl == c->policy->vmpl);
    cl_check_expected(k, "%u", c->policy->vmpl);
    cl_check_actual(k, "%u", c->report->vmpl);
    if (c->report->vmpl == UINT32_MAX) {
        cl_check_why(k, "the host asked for this report, not the guest");
    }
}

static void check_class(struct snp_ctx *c)
{
    enum cl_tee_class want = c->policy->require_class;
    if (want == CL_TEE_CLASS_NONE) {
        snp_skip(c, "snp.class", "no class was demanded");
        return;
    }
    if (c->root_class == CL_TEE_CLASS_NONE) {
        snp_cannot(c, "snp.class", "no accepted root vouches for the evidence");
    } else {
        struct cl_check *k = snp_check(c, "snp.class", c->root_class == want);
        cl_check_expected(k, "%s", cl_tee_class_name(want));
        cl_check_actual(k, "%s", cl_tee_class_name(c->root_class));
    }
}

/* Step 10: a measurement counts for evidence of its own class only. True when compared. */
static bool check_measurement(struct snp_ctx *c)
{
    const struct cl_snp_policy *p = c->policy;
    const struct cl_snp_reference *first = NULL;
    size_t count = 0;
    bool found = false;
    if (p->reference_count == 0) {
        const char *why = "no trusted measurement was given to compare with";
        if (p->authenticity_only) {
            snp_skip(c, "snp.measurement", why);
        } else {
            snp_cannot(c, "snp.measurement", why);
        }
        return false;
    }
    if (c->root_class == CL_TEE_CLASS_NONE) {
        snp_cannot(c, "snp.measurement", "no accepted root: which references apply is not known");
        return false;
    }
    for (size_t i = 0; i < p->reference_count; i++) {
        const struct cl_snp_reference *ref = &p->references[i];
        if (ref->tee_class == c->root_class) {
            count++;
            first = first != NULL ? first : ref;
            found = found ||
                    memcmp(ref->measurement, c->report->measurement, sizeof(ref->measurement)) == 0;
        }
    }
    struct cl_check *k = snp_check(c, "snp.measurement", found);
    cl_check_hex(k,
                 found           ? c->report->measurement
                 : first != NULL ? first->measurement
                                 : NULL,
                 c->report->measurement, CL_SNP_MEASUREMENT_SIZE);
    if (first == NULL) {
        cl_check_expected(k, "a reference value of class %s", cl_tee_class_name(c->root_class));
    }
    cl_check_why(k, "%zu reference values of class %s", count, cl_tee_class_name(c->root_class));
    return true;
}

/* Step 12. */
static void check_exact(struct snp_ctx *c, const char *id, const uint8_t *want, const uint8_t *got,
                        size_t n)
{
    if (want == NULL) {
        snp_skip(c, id, "no expected value was given");
        return;
    }
    struct cl_check *k = snp_check(c, id, memcmp(want, got, n) == 0); /* public values */
    cl_check_hex(k, want, got, n);
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

enum cl_status cl_snp_verify(const struct cl_snp_evidence *ev, const struct cl_snp_policy *policy,
                             struct cl_verify_result **ret_result, struct cl_err *err)
{
    struct cl_verify_result *result = NULL;
    CL_TRY(cl_verdict_new(policy->time, &result, err));
    struct snp_ctx c = {.ev = ev, .report = &ev->report, .policy = policy, .result = result};
    check_format(&c);
    check_ek(&c);
    check_product(&c);
    check_ek_product(&c);
    snp_chain_check(&c);
    snp_signature_check(&c);
    check_binding(&c);
    result->authentic = authentic_so_far(result);
    check_chip_id(&c);
    if (result->checks[result->check_count - 1].status == CL_CHECK_FAIL) {
        result->authentic = CL_NO;
    }
    result->tee_class = result->authentic == CL_YES ? c.root_class : CL_TEE_CLASS_NONE;

    check_tcbs(&c);
    check_min_version(&c);
    check_guest_policy(&c);
    check_vmpl(&c);
    check_class(&c);
    bool compared = check_measurement(&c);
    check_exact(&c, "snp.report_data", policy->report_data, ev->report.report_data,
                CL_SNP_REPORT_DATA_SIZE);
    check_exact(&c, "snp.host_data", policy->host_data, ev->report.host_data,
                CL_SNP_HOST_DATA_SIZE);
    snp_skip(&c, "snp.revocation", "no revocation list is part of this verification"); /* 13 */
    cl_verdict_conclude(result, compared, policy->authenticity_only);
    *ret_result = result;
    return CL_OK;
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
