/* SPDX-License-Identifier: Apache-2.0
 * tdx_tcb.c - judges a platform by Intel's levels, as Intel's quote verification library does: the
 * platform's level, the module's, the quoting enclave's, and what they come to together.
 * Trust: decides only; everything given has been decoded. Threads: pure. Memory: none.
 * Spec: tdx.md a.10, steps 7 to 11; the number stands at each function.
 */
#include "tdx/tdx_tcb.h"

/* A status is a set of reasons; that of several parts is the union. This gives the table of Intel's
 * library (OutOfDate swallows SWHardeningNeeded but keeps ConfigurationNeeded), and is strict where
 * that table is silent. */
#define REASON_SW 1u
#define REASON_CONFIGURATION 2u
#define REASON_OUT_OF_DATE 4u
#define REASON_REVOKED 8u
#define REASON_NOT_SUPPORTED 16u

static unsigned reasons_of(enum cl_tdx_tcb_status s)
{
    switch (s) {
    case CL_TDX_TCB_UP_TO_DATE:
        return 0;
    case CL_TDX_TCB_SW_HARDENING_NEEDED:
        return REASON_SW;
    case CL_TDX_TCB_CONFIGURATION_NEEDED:
        return REASON_CONFIGURATION;
    case CL_TDX_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED:
        return REASON_SW | REASON_CONFIGURATION;
    case CL_TDX_TCB_OUT_OF_DATE:
        return REASON_OUT_OF_DATE;
    case CL_TDX_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED:
        return REASON_OUT_OF_DATE | REASON_CONFIGURATION;
    case CL_TDX_TCB_REVOKED:
        return REASON_REVOKED;
    case CL_TDX_TCB_UNKNOWN:
    case CL_TDX_TCB_TD_RELAUNCH_ADVISED: /* never of a level alone */
    case CL_TDX_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED:
    case CL_TDX_TCB_NOT_SUPPORTED:
    case CL_TDX_TCB_STATUS_COUNT:
        break;
    }
    return REASON_NOT_SUPPORTED;
}

static enum cl_tdx_tcb_status status_of(unsigned reasons)
{
    bool configuration = (reasons & REASON_CONFIGURATION) != 0;
    if ((reasons & REASON_NOT_SUPPORTED) != 0) {
        return CL_TDX_TCB_NOT_SUPPORTED;
    }
    if ((reasons & REASON_REVOKED) != 0) {
        return CL_TDX_TCB_REVOKED;
    }
    if ((reasons & REASON_OUT_OF_DATE) != 0) {
        return configuration ? CL_TDX_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED : CL_TDX_TCB_OUT_OF_DATE;
    }
    if ((reasons & REASON_SW) != 0) {
        return configuration ? CL_TDX_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED
                             : CL_TDX_TCB_SW_HARDENING_NEEDED;
    }
    return configuration ? CL_TDX_TCB_CONFIGURATION_NEEDED : CL_TDX_TCB_UP_TO_DATE;
}

/* Step 4: modules before version 1 are spoken of by `tdxModule`. */
const struct tdx_module *tdx_find_module(const struct tdx_tcb_info *info, uint8_t version)
{
    if (version == 0) {
        return &info->module_v0;
    }
    for (size_t i = 0; i < info->module_count; i++) {
        if (info->modules[i].version == version) {
            return &info->modules[i];
        }
    }
    return NULL;
}

static bool at_least(const uint8_t *have, const uint8_t *want, size_t from)
{
    for (size_t i = from; i < CL_TDX_SVN_SIZE; i++) {
        if (have[i] < want[i]) {
            return false;
        }
    }
    return true;
}

/* Step 7. From module version 1 on, components 0 and 1 are judged by the module's identity. */
static void find_platform_level(const struct tdx_tcb_info *info, const struct tdx_svns *s,
                                struct tdx_judgement *j)
{
    size_t from = s->tee_tcb_svn[1] > 0 ? 2 : 0;
    for (size_t i = 0; i < info->level_count && j->platform == NULL; i++) {
        const struct tdx_platform_level *l = &info->levels[i];
        if (!at_least(s->comp_svn, l->sgx, 0) || s->pcesvn < l->pcesvn) {
            continue;
        }
        j->sgx = j->sgx != NULL ? j->sgx : l;
        if (at_least(s->tee_tcb_svn, l->tdx, from)) {
            j->platform = l;
        }
    }
}

static const struct tdx_svn_level *find_svn_level(const struct tdx_svn_level *levels, size_t count,
                                                  unsigned svn)
{
    for (size_t i = 0; i < count; i++) {
        if (svn >= levels[i].isvsvn) {
            return &levels[i];
        }
    }
    return NULL;
}

/* Step 8. */
static unsigned module_reasons(const struct tdx_svns *s, struct tdx_judgement *j)
{
    if (j->module == NULL) {
        return REASON_NOT_SUPPORTED;
    }
    if (s->tee_tcb_svn[1] == 0) {
        return 0;
    }
    j->module_level = find_svn_level(j->module->levels, j->module->level_count, s->tee_tcb_svn[0]);
    return j->module_level != NULL ? reasons_of(j->module_level->words.status)
                                   : REASON_NOT_SUPPORTED;
}

/* Step 10: the module loaded now is good, and only the one at the TD's launch was not. */
static bool relaunch_helps(const struct tdx_tcb_info *info, const struct tdx_svns *s)
{
    const uint8_t *now = s->tee_tcb_svn2;
    const struct tdx_platform_level *newest = &info->levels[0];
    const struct tdx_module *m = tdx_find_module(info, now[1]);
    if (m == NULL || now[2] < newest->tdx[2]) {
        return false;
    }
    return now[1] == 0 ? now[0] >= newest->tdx[0] : now[0] >= m->levels[0].isvsvn;
}

static bool relaunch_advised(const struct tdx_tcb_info *info, const struct tdx_svns *s,
                             const struct tdx_judgement *j, unsigned converged, unsigned qe)
{
    const unsigned bad = REASON_OUT_OF_DATE | REASON_REVOKED | REASON_NOT_SUPPORTED;
    return s->tdx15 && (qe & bad) == 0 && j->module_level != NULL &&
           j->module_level->words.status == CL_TDX_TCB_OUT_OF_DATE && j->sgx != NULL &&
           (reasons_of(j->sgx->words.status) & bad) == 0 &&
           (converged & bad) == REASON_OUT_OF_DATE && relaunch_helps(info, s);
}

void tdx_judge(const struct tdx_tcb_info *info, const struct tdx_qe_identity *id,
               const struct tdx_svns *svns, struct tdx_judgement *ret_j)
{
    struct tdx_judgement j = {.module = tdx_find_module(info, svns->tee_tcb_svn[1])};
    unsigned qe = 0;
    find_platform_level(info, svns, &j);
    if (id != NULL) {
        j.qe_level = find_svn_level(id->levels, id->level_count, svns->qe_isvsvn);
        qe = j.qe_level != NULL ? reasons_of(j.qe_level->words.status) : REASON_NOT_SUPPORTED;
    }
    unsigned platform =
        j.platform != NULL ? reasons_of(j.platform->words.status) : REASON_NOT_SUPPORTED;
    unsigned converged = platform | module_reasons(svns, &j); /* step 9 */
    if (relaunch_advised(info, svns, &j, converged, qe)) {
        unsigned all = converged | reasons_of(j.sgx->words.status) | qe;
        j.status = (all & REASON_CONFIGURATION) != 0
                       ? CL_TDX_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
                       : CL_TDX_TCB_TD_RELAUNCH_ADVISED;
    } else {
        j.status = status_of(converged | qe); /* step 11 */
    }
    *ret_j = j;
}
