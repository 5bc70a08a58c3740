/* SPDX-License-Identifier: Apache-2.0
 * test_agent_tee.c - which TEE the agent takes itself to be in: every combination of what the
 * processor shows and what the measured command line says.
 */
#include "agent/tee.h"

#include "check_main.h"

#include <string.h>

static const char *const without_sim[] = {
    "",
    "quiet",
    "cloister.tee=si",
    "cloister.tee=simx",
    "xcloister.tee=sim",
    "cloister.tee=sim,snp",
    "cloister.tee= sim",
    "CLOISTER.TEE=sim",
    "cloister.tee=snp",
    "init=/cloister.tee=sim",
    "a=\"cloister.tee=sim\"",
    "cloister.tee=sim\tquiet",
};
static const char *const with_sim[] = {"cloister.tee=sim",         "cloister.tee=sim\n",
                                       "quiet cloister.tee=sim",   "  cloister.tee=sim  quiet\n",
                                       "cloister.tee=sim panic=1", "a\ncloister.tee=sim"};

static void refuse(bool snp, bool tdx, const char *cmdline, const char *message)
{
    struct cl_err err = {0};
    enum agent_tee tee = AGENT_TEE_SNP;
    enum cl_status st = agent_tee_choose(snp, tdx, cmdline, &tee, &err);
    ck_assert_msg(st == CL_ERR_REJECTED, "'%s': %d", cmdline, (int)st);
    ck_assert_str_eq(err.msg, message);
    ck_assert_int_eq(tee, AGENT_TEE_NONE);
}

static void take(bool snp, bool tdx, const char *cmdline, enum agent_tee want)
{
    struct cl_err err = {0};
    enum agent_tee tee = AGENT_TEE_NONE;
    ck_assert_msg(agent_tee_choose(snp, tdx, cmdline, &tee, &err) == CL_OK, "%s", err.msg);
    ck_assert_msg(tee == want, "'%s': expected %d, got %d", cmdline, (int)want, (int)tee);
}

START_TEST(test_sim_only_without_hardware_and_when_named)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(with_sim); i++) {
        take(false, false, with_sim[i], AGENT_TEE_SIM);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(without_sim); i++) {
        refuse(false, false, without_sim[i],
               "tee: expected SEV-SNP, TDX, or a measured cloister.tee=sim, got none");
    }
}
END_TEST

START_TEST(test_hardware_wins_whatever_the_command_line_says)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(with_sim); i++) {
        take(true, false, with_sim[i], AGENT_TEE_SNP);
        take(false, true, with_sim[i], AGENT_TEE_TDX);
        refuse(true, true, with_sim[i], "tee: expected SEV-SNP or TDX, got both");
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(without_sim); i++) {
        take(true, false, without_sim[i], AGENT_TEE_SNP);
        take(false, true, without_sim[i], AGENT_TEE_TDX);
    }
}
END_TEST

START_TEST(test_tdx_leaf_is_the_modules_name_to_the_last_bit)
{
    const uint32_t b = 0x65746E49; /* "Inte" */
    const uint32_t d = 0x5844546C; /* "lTDX" */
    const uint32_t c = 0x20202020; /* "    " */
    ck_assert(agent_tee_is_tdx_leaf(b, c, d));
    for (unsigned bit = 0; bit < 32; bit++) {
        ck_assert(!agent_tee_is_tdx_leaf(b ^ (UINT32_C(1) << bit), c, d));
        ck_assert(!agent_tee_is_tdx_leaf(b, c ^ (UINT32_C(1) << bit), d));
        ck_assert(!agent_tee_is_tdx_leaf(b, c, d ^ (UINT32_C(1) << bit)));
    }
    ck_assert(!agent_tee_is_tdx_leaf(0, 0, 0));
    ck_assert(!agent_tee_is_tdx_leaf(b, d, c)); /* the order of the registers */
}
END_TEST

START_TEST(test_names)
{
    ck_assert_str_eq(agent_tee_name(AGENT_TEE_SNP), "snp");
    ck_assert_str_eq(agent_tee_name(AGENT_TEE_TDX), "tdx");
    ck_assert_str_eq(agent_tee_name(AGENT_TEE_SIM), "sim");
    ck_assert_str_eq(agent_tee_name(AGENT_TEE_NONE), "");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("agent_tee");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_sim_only_without_hardware_and_when_named);
    tcase_add_test(t, test_hardware_wins_whatever_the_command_line_says);
    tcase_add_test(t, test_tdx_leaf_is_the_modules_name_to_the_last_bit);
    tcase_add_test(t, test_names);
    suite_add_tcase(s, t);
    return run_suite(s);
}
