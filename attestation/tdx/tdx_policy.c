/* SPDX-License-Identifier: Apache-2.0
 * tdx_policy.c - the sections "tdx" and "sim-tdx" of a policy.
 * Trust: the user's word, but its bytes may be anything. Threads: pure. Memory: the lists.
 */
#include "cloister/tdx_policy.h"

#include "policy/policy_section.h"
#include "tdx/tdx_internal.h"

#include <string.h>

#define BIT(x) (UINT64_C(1) << (x))
#define AT(member) .offset = offsetof(struct cl_tdx_rules, member)
#define LIST(member, bytes)                                                                        \
    {                                                                                              \
        .name = #member, .kind = POLICY_HEX_LIST, AT(member), .limit = (bytes)                     \
    }
#define RTMR(i)                                                                                    \
    {                                                                                              \
        .name = "rtmr" #i, .kind = POLICY_HEX_LIST, AT(rtmr[i]), .limit = CL_TDX_MR_SIZE           \
    }
#define MAX_GRACE_DAYS 3650

/* No word for Revoked: no policy accepts it. */
static const struct policy_word status_words[] = {
    {"UpToDate", BIT(CL_TDX_TCB_UP_TO_DATE)},
    {"SWHardeningNeeded", BIT(CL_TDX_TCB_SW_HARDENING_NEEDED)},
    {"ConfigurationNeeded", BIT(CL_TDX_TCB_CONFIGURATION_NEEDED)},
    {"ConfigurationAndSWHardeningNeeded", BIT(CL_TDX_TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED)},
    {"OutOfDate", BIT(CL_TDX_TCB_OUT_OF_DATE)},
    {"OutOfDateConfigurationNeeded", BIT(CL_TDX_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED)},
    {"TDRelaunchAdvised", BIT(CL_TDX_TCB_TD_RELAUNCH_ADVISED)},
    {"TDRelaunchAdvisedConfigurationNeeded",
     BIT(CL_TDX_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED)},
    {NULL, 0},
};

/* {"OutOfDate": 30, ...} */
static enum cl_status read_grace(const json_t *obj, const char *what, void *section,
                                 struct cl_err *err)
{
    struct cl_tdx_rules *r = section;
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)obj, name, value)
    {
        enum cl_tdx_tcb_status s = CL_TDX_TCB_UNKNOWN;
        int64_t days = 0;
        enum cl_status st = cl_tdx_tcb_status_parse(name, &s, err);
        if (st == CL_OK) {
            st = cl_json_get_int(obj, "grace_days", name, 1, MAX_GRACE_DAYS, &days, err);
        }
        if (st != CL_OK) {
            return cl_err_wrap(err, st, "%s: grace_days", what);
        }
        r->grace_days[s] = (uint32_t)days;
    }
    return CL_OK;
}

static const struct policy_field fields[] = {
    LIST(mrtd, CL_TDX_MR_SIZE),
    RTMR(0),
    RTMR(1),
    RTMR(2),
    RTMR(3),
    LIST(mrconfigid, CL_TDX_MR_SIZE),
    LIST(mrowner, CL_TDX_MR_SIZE),
    LIST(mrownerconfig, CL_TDX_MR_SIZE),
    LIST(report_data, CL_TDX_REPORT_DATA_SIZE),
    {.name = "require_event_log", .kind = POLICY_BOOL, AT(require_event_log)},
    LIST(mrseam, CL_TDX_MR_SIZE),
    {.name = "statuses", .kind = POLICY_WORDS, AT(statuses), .words = status_words},
    {.name = "grace_days", .kind = POLICY_OBJECT, .parse = read_grace},
    {.name = "allowed_advisories",
     .kind = POLICY_TEXT_LIST,
     AT(allowed_advisories),
     .limit = CL_TDX_ADVISORY_SIZE},
    {.name = "denied_advisories",
     .kind = POLICY_TEXT_LIST,
     AT(denied_advisories),
     .limit = CL_TDX_ADVISORY_SIZE},
    {.name = "min_evaluation_number",
     .kind = POLICY_UINT,
     AT(min_evaluation_number),
     .limit = UINT32_MAX},
    {.name = "collateral_grace_days",
     .kind = POLICY_UINT,
     AT(collateral_grace_days),
     .limit = MAX_GRACE_DAYS},
    {.name = "attributes_allowed", .kind = POLICY_HEX64, AT(attributes_allowed)},
    {.name = "xfam_allowed", .kind = POLICY_HEX64, AT(xfam_allowed)},
    {.name = "allow_sept_ve", .kind = POLICY_BOOL, AT(allow_sept_ve)},
    {.name = "allow_service_td", .kind = POLICY_BOOL, AT(allow_service_td)},
    {.name = "forbid_trailing_bytes", .kind = POLICY_BOOL, AT(forbid_trailing_bytes)},
    {.name = NULL}};

struct cl_tdx_rules cl_tdx_rules_default(void)
{
    return (struct cl_tdx_rules){.statuses = BIT(CL_TDX_TCB_UP_TO_DATE)};
}

static void set_defaults(void *section)
{
    *(struct cl_tdx_rules *)section = cl_tdx_rules_default();
}

/* Grace for a status that is not accepted would look like a demand. */
static enum cl_status check(const json_t *obj, const void *section, struct cl_err *err)
{
    const struct cl_tdx_rules *r = section;
    (void)obj;
    for (unsigned i = 0; i < CL_TDX_TCB_STATUS_COUNT; i++) {
        if (r->grace_days[i] != 0 && (r->statuses & BIT(i)) == 0) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "tdx: grace_days: expected statuses that are accepted, got %s",
                              cl_tdx_tcb_status_name((enum cl_tdx_tcb_status)i));
        }
    }
    return CL_OK;
}

const struct policy_section policy_section_tdx = {.name = "tdx",
                                                  .size = sizeof(struct cl_tdx_rules),
                                                  .fields = fields,
                                                  .set_defaults = set_defaults,
                                                  .check = check};
const struct policy_section policy_section_sim_tdx = {.name = "sim-tdx",
                                                      .size = sizeof(struct cl_tdx_rules),
                                                      .fields = fields,
                                                      .set_defaults = set_defaults,
                                                      .check = check};

const struct cl_tdx_rules *cl_verify_policy_tdx(const struct cl_verify_policy *policy)
{
    return policy_section_get(policy, &policy_section_tdx);
}

const struct cl_tdx_rules *cl_verify_policy_sim_tdx(const struct cl_verify_policy *policy)
{
    return policy_section_get(policy, &policy_section_sim_tdx);
}
