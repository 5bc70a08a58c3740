/* SPDX-License-Identifier: Apache-2.0
 * tdx_rig.h - one world, one policy, one reference that fit each other; a test changes something
 * and says which check must decide. After each verdict all is fresh again.
 */
#ifndef CL_TEST_TDX_RIG_H
#define CL_TEST_TDX_RIG_H

#include "check_main.h"
#include "cloister/tdx_verify.h"
#include "tdx_world.h"

static struct tw w; /* each test runs in its own process */
static uint8_t sim_root[1][CL_TDX_ROOT_SIZE];
static struct cl_tdx_reference reference;
static struct cl_tdx_policy policy;
static struct cl_tdx_rules rules;
static struct cl_policy_common common;
static struct tdx_material m;
static bool keep_material; /* a test has put its own */

static inline void fresh(void)
{
    tw_default(&w);
    tw_root_digest(&w, sim_root[0]);
    reference = (struct cl_tdx_reference){.tee_class = CL_TEE_CLASS_SIM_TDX, .rtmr_mask = 7};
    memcpy(reference.mrtd, w.td.mrtd, sizeof(reference.mrtd));
    memcpy(reference.rtmr, w.td.rtmr, sizeof(reference.rtmr));
    policy = (struct cl_tdx_policy){.time = TW_TIME,
                                    .references = &reference,
                                    .reference_count = 1,
                                    .sim_roots = (const uint8_t(*)[CL_TDX_ROOT_SIZE])sim_root,
                                    .sim_root_count = 1};
    rules = cl_tdx_rules_default();
    common = (struct cl_policy_common){0};
    policy.sim_rules = &rules;
    policy.common = &common;
    keep_material = false;
}

/* A list with these values, which the caller keeps. */
static inline struct cl_policy_list list_of(const void *data, size_t count, size_t size)
{
    return (struct cl_policy_list){(uint8_t *)(uintptr_t)data, count, size};
}

static inline struct cl_verify_result *verify_quote(const struct cl_tdx_quote *q,
                                                    struct cl_tdx_tcb *tcb)
{
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = NULL;
    struct cl_verify_result *r = NULL;
    if (!keep_material) {
        tw_material(&w, &m);
    }
    struct cl_tdx_collateral views = tdx_views(&m);
    ck_assert_int_eq(cl_tdx_verifier_new(&views, &v, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_verify(v, q, &policy, &r, tcb, NULL), CL_OK);
    return r;
}

static inline void expect_result(struct cl_verify_result *r, enum cl_verdict verdict,
                                 const char *deciding)
{
    const struct cl_check *k = cl_verify_result_deciding(r);
    ck_assert_msg(
        r->verdict == verdict &&
            (k == NULL ? deciding == NULL : deciding != NULL && strcmp(k->id, deciding) == 0),
        "%s: %s: expected %s, got %s: %s (wanted %s)", cl_verdict_name(r->verdict),
        k != NULL ? k->id : "-", k != NULL ? k->expected : "", k != NULL ? k->actual : "",
        k != NULL ? k->why : "", deciding != NULL ? deciding : "-");
    cl_verify_result_free(r);
}

static inline void expect(enum cl_verdict verdict, const char *deciding)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *q = tw_quote(&w);
    expect_result(verify_quote(q, NULL), verdict, deciding);
}

static inline void rejected(const char *id)
{
    expect(CL_VERDICT_REJECTED, id);
    fresh();
}

static inline void undetermined(const char *id)
{
    expect(CL_VERDICT_UNDETERMINED, id);
    fresh();
}

static inline void accepted(void)
{
    expect(CL_VERDICT_ACCEPTED, NULL);
    fresh();
}

#endif
