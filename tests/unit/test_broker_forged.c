/* SPDX-License-Identifier: Apache-2.0
 * test_broker_forged.c - the forged worlds against the broker as it is shipped: evidence that is
 * perfect but for its root. Nothing an admin can set makes it class snp, tdx or az-...; a root that
 * is named as simulated gives a sim-* class, which no token calls good.
 */
#include "tee_fixture.h"

static void set_sim_root(struct tee *t, const uint8_t digest[static 48])
{
    char hex[97];
    char body[160];
    cl_hex(hex, digest, 48);
    (void)snprintf(body, sizeof(body), "{\"spki-sha384\":\"%s\"}", hex);
    fx_post(&t->f, "/kbs/v0/sim-root", body);
}

/* Everything an admin can do for it: references of its class, collateral, and `simulated` roots. */
static void forged_start(struct tee *t, enum bw_kind kind, bool simulated, const char *tee_class)
{
    uint8_t amd[48];
    uint8_t intel[48];
    tee_serve(t, kind, tee_class);
    world_root(amd);
    tw_root_digest(&t->g.td, intel);
    if (simulated) {
        set_sim_root(t, amd);
        set_sim_root(t, intel);
    }
}

static const struct {
    enum bw_kind kind;
    bool simulated;
    const char *tee_class, *check;
} cases[] = {
    {BW_SNP, false, "snp", "snp.chain.root"},
    {BW_TDX, false, "tdx", "tdx.pck.root"},
    {BW_AZ_SNP, false, "az-snp-vtpm", "snp.chain.root"},
    {BW_AZ_TDX, false, "az-tdx-vtpm", "tdx.pck.root"},
    {BW_AZ_SNP, true, "az-snp-vtpm", "snp.chain.root"},
    {BW_AZ_TDX, true, "az-tdx-vtpm", "tdx.pck.root"},
    /* AMD's own names under another root: not even simulated */
    {BW_SNP, true, "snp", "snp.chain.names"},
    /* a reference of the real class does not count for the simulated one */
    {BW_TDX, true, "tdx", "reference.mrtd"},
};

START_TEST(test_forged_roots_are_refused_whatever_admins_set)
{
    struct tee t;
    forged_start(&t, cases[_i].kind, cases[_i].simulated, cases[_i].tee_class);
    tee_expect_denied(&t, "forged", cases[_i].check, NULL);
    fx_done(&t.f);
}
END_TEST

START_TEST(test_a_simulated_td_is_accepted_as_that_and_never_called_good)
{
    struct tee t;
    struct cl_err err = {0};
    const char *status = NULL;
    forged_start(&t, BW_TDX, /* simulated= */ true, "sim-tdx");
    struct cl_kbs *k = tee_client(&t);
    fx_ok(cl_kbs_attest(k, &err), &err);
    json_t *claims = tee_claims(cl_kbs_token(k));
    const json_t *evidence = tee_annotated(claims, &status);
    ck_assert_str_eq(status, "contraindicated");
    ck_assert_str_eq(json_string_value(json_object_get(evidence, "cloister_class")), "sim-tdx");
    json_decref(claims);
    cl_kbs_free(k);
    fx_done(&t.f);
}
END_TEST

int main(void)
{
    fx_base_make();
    bw_init();
    Suite *s = suite_create("broker_forged");
    TCase *t = tcase_create("broker_forged");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_forged_roots_are_refused_whatever_admins_set, 0,
                        (int)CL_ARRAY_LEN(cases));
    tcase_add_test(t, test_a_simulated_td_is_accepted_as_that_and_never_called_good);
    suite_add_tcase(s, t);
    return fx_base_done(run_suite(s));
}
