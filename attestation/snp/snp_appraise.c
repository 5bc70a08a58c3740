/* SPDX-License-Identifier: Apache-2.0
 * snp_appraise.c - what a policy says of a report, whether or not it turned out authentic: TCBs,
 * platform, guest policy, where it ran. Each demand is a named check; one that was not made is
 * skipped. Trust: the report is hostile, the rules are the caller's. Threads: pure.
 * Memory: none. Spec: snp.md a.10 steps 6 to 11; the number of each step stands at its function.
 */
#include "snp/snp_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define POLICY_MIGRATE_MA (UINT64_C(1) << 18)
#define POLICY_DEBUG (UINT64_C(1) << 19)
#define PLATFORM_ALIAS_CHECK (UINT64_C(1) << 5)
#define PLATFORM_KNOWN UINT64_C(0xBF) /* bits 0 to 5 and 7: snp.md a.3 */

struct tcbs {
    struct cl_snp_tcb current, reported, committed, launch;
};

static bool has_product(uint64_t set, enum cl_snp_product p)
{
    return (set & (UINT64_C(1) << p)) != 0;
}

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
    k = snp_check(c, "snp.tcb.provisional", same || !c->rules->refuse_provisional_firmware);
    cl_check_expected(k, "CURRENT equal to COMMITTED");
    cl_check_actual(k, "%s", same ? "equal" : "different");
    if (!same) {
        cl_check_why(k, "provisional firmware: the host could still roll it back");
        k->warning = true;
    }
}

/* Step 7: the minimum, for what is reported, for what cannot be rolled back any more, and for what
 * the guest was launched under. */
static void check_tcb_minimum(struct snp_ctx *c, const struct tcbs *t)
{
    const struct cl_snp_tcb *min = &c->rules->min_tcb[c->product];
    const struct {
        uint64_t kind;
        const char *name;
        const struct cl_snp_tcb *tcb;
    } all[] = {{CL_SNP_TCB_REPORTED, "REPORTED_TCB", &t->reported},
               {CL_SNP_TCB_COMMITTED, "COMMITTED_TCB", &t->committed},
               {CL_SNP_TCB_LAUNCH, "LAUNCH_TCB", &t->launch}};
    if (!has_product(c->rules->min_tcb_given, c->product)) {
        snp_skip(c, "snp.tcb.minimum", "no minimum TCB was given for this product line");
        return;
    }
    size_t shown = 0;
    bool good = true;
    for (size_t i = 0; i < CL_ARRAY_LEN(all); i++) {
        bool counts = (c->rules->tcbs_compared & all[i].kind) != 0;
        if (good && counts) {
            good = cl_snp_tcb_at_least(all[i].tcb, min);
            shown = i;
        }
    }
    char want[CL_SNP_TCB_TEXT_SIZE], got[CL_SNP_TCB_TEXT_SIZE];
    struct cl_check *k = snp_check(c, "snp.tcb.minimum", good);
    cl_snp_tcb_format(min, want);
    cl_snp_tcb_format(all[shown].tcb, got);
    cl_check_expected(k, "at least %s", want);
    cl_check_actual(k, "%s", got);
    cl_check_why(k, "%s", all[shown].name);
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

static unsigned version_number(const struct cl_snp_fw_version *v)
{
    return (unsigned)v->major << 16 | (unsigned)v->minor << 8 | v->build;
}

/* Step 7: firmware that cannot be rolled back any more, and the mitigations it had. */
static void check_firmware(struct snp_ctx *c)
{
    const struct cl_snp_report *r = c->report;
    const struct cl_snp_fw_version *min = &c->rules->min_firmware;
    if (version_number(min) == 0) {
        snp_skip(c, "snp.firmware.minimum", "no minimum firmware was given");
    } else {
        struct cl_check *k = snp_check(c, "snp.firmware.minimum",
                                       version_number(&r->committed) >= version_number(min));
        cl_check_expected(k, "at least %u.%u.%u", min->major, min->minor, min->build);
        cl_check_actual(k, "%u.%u.%u", r->committed.major, r->committed.minor, r->committed.build);
        cl_check_why(k, "COMMITTED firmware");
    }
    uint64_t launch = c->rules->launch_mitigations, current = c->rules->current_mitigations;
    if ((launch | current) == 0) {
        snp_skip(c, "snp.mitigations", "no mitigation was demanded");
        return;
    }
    bool known = r->version >= 5; /* before, these bytes were reserved: no mitigation is reported */
    bool good = known && (r->launch_mit_vector & launch) == launch &&
                (r->current_mit_vector & current) == current;
    struct cl_check *k = snp_check(c, "snp.mitigations", good);
    cl_check_expected(k, "launch 0x%" PRIx64 ", current 0x%" PRIx64, launch, current);
    cl_check_actual(k, "launch 0x%" PRIx64 ", current 0x%" PRIx64, r->launch_mit_vector,
                    r->current_mit_vector);
    if (!known) {
        cl_check_why(k, "a version %u report tells no mitigations", r->version);
    }
}

/* Step 1, its policy: only version 3 and later prove their product. */
static void check_min_version(struct snp_ctx *c)
{
    if (c->rules->min_version == 0) {
        snp_skip(c, "snp.report.min_version", "no minimum was given");
        return;
    }
    struct cl_check *k =
        snp_check(c, "snp.report.min_version", c->report->version >= c->rules->min_version);
    cl_check_expected(k, "at least %u", c->rules->min_version);
    cl_check_actual(k, "%u", c->report->version);
}

/* Step 8: debugging is refused whatever a policy says, migration without its agent too. */
static void check_guest_policy(struct snp_ctx *c)
{
    const struct cl_snp_report *r = c->report;
    struct cl_check *k = snp_check(c, "snp.policy.debug", (r->policy & POLICY_DEBUG) == 0);
    cl_check_expected(k, "debugging not allowed");
    cl_check_actual(k, "%s", k->status == CL_CHECK_PASS ? "not allowed" : "allowed");
    if (k->status == CL_CHECK_FAIL) {
        cl_check_why(k, "the host can read and write the memory of a debug guest");
    }
    bool agent = (r->policy & POLICY_MIGRATE_MA) != 0;
    bool trusted = agent && cl_policy_list_has(&c->rules->migration_agents, r->report_id_ma);
    k = snp_check(c, "snp.policy.migrate_ma", !agent || trusted);
    cl_check_expected(k, "no migration agent%s",
                      c->rules->migration_agents.count > 0 ? ", or a listed one" : "");
    cl_check_actual(k, "%s", trusted ? "a listed one" : agent ? "allowed" : "none");
}

static void check_guest_policy_bits(struct snp_ctx *c)
{
    uint64_t set = c->rules->guest_policy_required, clear = c->rules->guest_policy_forbidden;
    uint64_t policy = c->report->policy;
    if ((set | clear) == 0) {
        snp_skip(c, "snp.policy.bits", "no bit was demanded or forbidden");
    } else {
        struct cl_check *k =
            snp_check(c, "snp.policy.bits", (policy & set) == set && (policy & clear) == 0);
        cl_check_expected(k, "0x%" PRIx64 " set, 0x%" PRIx64 " clear", set, clear);
        cl_check_actual(k, "0x%" PRIx64, policy);
    }
    unsigned want = c->rules->min_abi_major << 8 | c->rules->min_abi_minor;
    if (want == 0) {
        snp_skip(c, "snp.policy.abi", "no minimum was given");
        return;
    }
    struct cl_check *k = snp_check(c, "snp.policy.abi", (policy & 0xFFFF) >= want);
    cl_check_expected(k, "at least %u.%u", want >> 8, want & 0xFF);
    cl_check_actual(k, "%u.%u", (unsigned)(policy >> 8) & 0xFF, (unsigned)policy & 0xFF);
    cl_check_why(k, "the firmware interface without which the guest does not start");
}

/* Step 9. */
static void check_platform(struct snp_ctx *c)
{
    uint64_t info = c->report->platform_info;
    uint64_t set = c->rules->platform_required, clear = c->rules->platform_forbidden;
    bool alias = (info & PLATFORM_ALIAS_CHECK) != 0;
    bool unknown = (info & ~PLATFORM_KNOWN) != 0;
    struct cl_check *k = snp_check(c, "snp.platform_info",
                                   (info & set) == set && (info & clear) == 0 &&
                                       !(unknown && c->rules->refuse_unknown_platform_bits));
    cl_check_expected(k, "0x%" PRIx64 " set, 0x%" PRIx64 " clear%s", set, clear,
                      c->rules->refuse_unknown_platform_bits ? ", no unknown bit" : "");
    cl_check_actual(k, "0x%" PRIx64, info);
    k->warning = k->status == CL_CHECK_PASS && !alias;
    cl_check_why(k, "%s%s", alias ? "" : "memory aliases (BadRAM) were not excluded; ",
                 unknown ? "a bit that this version does not know is set" : "");
}

/* Step 2, its policy. */
static void check_product_line(struct snp_ctx *c)
{
    struct cl_check *k = NULL;
    if (c->rules->products == 0 && c->root_class == CL_TEE_CLASS_NONE) {
        snp_cannot(c, "snp.product.allowed", "no accepted root: which rules apply is not known");
        return;
    }
    if (c->rules->products == 0) {
        k = snp_check(c, "snp.product.allowed", false);
        cl_check_expected(k, "a policy with rules for class %s", cl_tee_class_name(c->root_class));
        cl_check_actual(k, "none");
        return;
    }
    if (c->product == CL_SNP_PRODUCT_UNKNOWN) {
        snp_cannot(c, "snp.product.allowed", "the product is not known");
        return;
    }
    k = snp_check(c, "snp.product.allowed", has_product(c->rules->products, c->product));
    cl_check_expected(k, "a product line of the policy");
    cl_check_actual(k, "%s", cl_snp_product_name(c->product));
}

/* Step 3, its policy: a VLEK binds to no chip, so a policy may refuse it, or say whose it must be.
 */
static void check_signing_key(struct snp_ctx *c)
{
    bool vlek = c->signing_key == SNP_KEY_VLEK;
    uint64_t kind = vlek ? CL_SNP_KEY_VLEK : CL_SNP_KEY_VCEK;
    struct cl_check *k = snp_check(c, "snp.signing_key", (c->rules->signing_keys & kind) != 0);
    cl_check_expected(k, "%s",
                      c->rules->signing_keys == CL_SNP_KEY_VCEK   ? "VCEK"
                      : c->rules->signing_keys == CL_SNP_KEY_VLEK ? "VLEK"
                                                                  : "VCEK or VLEK");
    cl_check_actual(k, "%s", vlek ? "VLEK" : "VCEK");
    if (!vlek || c->rules->csp_ids.count == 0) {
        snp_skip(c, "snp.csp_id", vlek ? "no cspID was demanded" : "a VCEK has none");
    } else if (!c->chain->ext_good || !c->chain->ext.has_csp_id) {
        snp_cannot(c, "snp.csp_id", "no VLEK certificate with good extensions");
    } else {
        k = snp_check(c, "snp.csp_id",
                      cl_policy_list_has(&c->rules->csp_ids, c->chain->ext.csp_id));
        cl_check_expected(k, "a cspID of the policy");
        cl_check_actual(k, "%s", c->chain->ext.csp_id);
    }
}

/* Which chip: an attack that takes one chip's keys is answered by lists (threats.md 12, 13). */
static void check_chip_lists(struct snp_ctx *c)
{
    const struct cl_snp_rules *rules = c->rules;
    const uint8_t *chip = c->report->chip_id;
    bool masked = snp_all_zero(chip, CL_SNP_CHIP_ID_SIZE);
    bool by_list = rules->products_by_chip != 0
                       ? has_product(rules->products_by_chip, c->product) ||
                             c->product == CL_SNP_PRODUCT_UNKNOWN
                       : rules->chips_allowed.count > 0;
    if (rules->chips_denied.count == 0) {
        snp_skip(c, "snp.chip.denied", "no chip is denied");
    } else if (masked) {
        snp_cannot(c, "snp.chip.denied", "the host masks CHIP_ID: it could be a denied one");
    } else {
        struct cl_check *k =
            snp_check(c, "snp.chip.denied", !cl_policy_list_has(&rules->chips_denied, chip));
        cl_check_expected(k, "a chip that the policy does not deny");
        cl_check_hex(k, NULL, chip, CL_SNP_CHIP_ID_SIZE);
    }
    if (!by_list) {
        snp_skip(c, "snp.chip.allowed", "this product line is not accepted by chip");
        return;
    }
    struct cl_check *k = snp_check(c, "snp.chip.allowed",
                                   !masked && cl_policy_list_has(&rules->chips_allowed, chip));
    cl_check_expected(k, "a chip that the policy allows");
    cl_check_hex(k, NULL, chip, CL_SNP_CHIP_ID_SIZE);
    cl_check_why(k, "%zu chips are allowed", rules->chips_allowed.count);
}

/* Step 11: a report speaks for the VMPL that asked for it, and for none below. */
static void check_vmpl(struct snp_ctx *c)
{
    uint32_t vmpl = c->report->vmpl;
    char want[32] = "";
    size_t at = 0;
    for (unsigned i = 0; i < 4; i++) {
        if ((c->rules->vmpls & (UINT64_C(1) << i)) != 0) {
            at += (size_t)snprintf(want + at, sizeof(want) - at, "%s%u", at > 0 ? " or " : "", i);
        }
    }
    struct cl_check *k =
        snp_check(c, "snp.vmpl", vmpl < 4 && (c->rules->vmpls & (UINT64_C(1) << vmpl)) != 0);
    cl_check_expected(k, "%s", want);
    cl_check_actual(k, "%u", vmpl);
    if (vmpl == UINT32_MAX) {
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

bool snp_appraise(struct snp_ctx *c)
{
    check_product_line(c);
    check_signing_key(c);
    check_tcbs(c);
    check_firmware(c);
    check_min_version(c);
    check_guest_policy(c);
    check_guest_policy_bits(c);
    check_platform(c);
    check_chip_lists(c);
    snp_distrust_check(c);
    check_vmpl(c);
    check_class(c);
    return snp_identity_check(c);
}
