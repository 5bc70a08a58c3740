/* SPDX-License-Identifier: Apache-2.0
 * snp_distrust.c - whether a platform-distrust document says that this chip, at any of the TCBs
 * that its report names, is broken. Trust: the document was verified when it was read; the report
 * is hostile. Threads: pure. Memory: none. Spec: snp.md a.11; threats.md rows 10 to 14.
 */
#include "snp/snp_internal.h"

static enum cl_tristate look_up(const struct snp_ctx *c, const uint8_t raw_tcb[static 8],
                                struct cl_distrust_hit *ret_hit)
{
    struct cl_snp_tcb t = cl_snp_tcb_decode(raw_tcb, c->product == CL_SNP_PRODUCT_TURIN);
    const struct cl_distrust_component components[] = {{"bootloader", t.bootloader},
                                                       {"tee", t.tee},
                                                       {"snp", t.snp},
                                                       {"microcode", t.microcode},
                                                       {"fmc", t.fmc}};
    bool masked = snp_all_zero(c->report->chip_id, CL_SNP_CHIP_ID_SIZE);
    bool known = c->product != CL_SNP_PRODUCT_UNKNOWN;
    const struct cl_distrust_platform p = {
        .family = c->root_class == CL_TEE_CLASS_SIM_SNP ? "sim-snp" : "snp",
        .product = cl_snp_product_name(c->product),
        .chip_id = masked ? NULL : c->report->chip_id,
        .chip_id_len = CL_SNP_CHIP_ID_SIZE,
        .components = components,
        .component_count = !known      ? 0
                           : t.has_fmc ? 5
                                       : 4};
    return cl_distrust_find(c->policy->distrust, &p, ret_hit);
}

void snp_distrust_check(struct snp_ctx *c)
{
    const struct cl_snp_report *r = c->report;
    const uint8_t *const tcbs[] = {r->reported_tcb, r->committed_tcb, r->launch_tcb};
    struct cl_distrust_hit hit = {0};
    enum cl_tristate answer = CL_NO;
    if (c->policy->distrust == NULL) {
        const char *why = "no platform-distrust document was given";
        if (c->policy->common != NULL && c->policy->common->require_distrust) {
            snp_cannot(c, "snp.distrust", why);
        } else {
            snp_skip(c, "snp.distrust", why);
        }
        return;
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(tcbs) && answer != CL_YES; i++) {
        struct cl_distrust_hit found = {0};
        enum cl_tristate t = look_up(c, tcbs[i], &found);
        if (t == CL_YES || (t == CL_UNKNOWN && answer == CL_NO)) {
            answer = t;
            hit = found;
        }
    }
    struct cl_check *k = cl_verdict_add(c->result, "snp.distrust",
                                        answer == CL_NO        ? CL_CHECK_PASS
                                        : answer == CL_UNKNOWN ? CL_CHECK_UNKNOWN
                                                               : CL_CHECK_FAIL);
    cl_check_expected(k, "a platform that no entry distrusts");
    cl_check_actual(k, "%s", answer == CL_NO ? "one" : hit.id);
    if (answer != CL_NO) {
        cl_check_why(k, "%s%s (%s)", answer == CL_UNKNOWN ? "it cannot be told whether: " : "",
                     hit.reason, hit.source);
    }
}
