/* SPDX-License-Identifier: Apache-2.0
 * test_snp_rules.c - each demand of a policy's SNP section, as it stands in a policy file: met, and
 * not met by exactly one thing; and what a platform-distrust document does to the verdict.
 */
#include "base/buf.h"
#include "check_main.h"
#include "cloister/jwt.h"
#include "snp_world.h"

#include <stdio.h>
#include <string.h>

#define X4(h) h h h h
#define X16(h) X4(h) X4(h) X4(h) X4(h)
#define X32(h) X16(h) X16(h)
#define X48(h) X32(h) X16(h)
#define X64(h) X32(h) X32(h)
#define KEYS "\"min_guest_svn\":0,\"image_ids\":[\"" X16("1a") "\"]"
#define ID_KEY "\"id_keys\":[\"" X48("1d") "\"]," KEYS
#define AUTHOR_KEY "\"author_keys\":[\"" X48("a0") "\"]," KEYS
#define ACCEPTED CL_VERDICT_ACCEPTED
#define REJECTED CL_VERDICT_REJECTED
#define UNDETERMINED CL_VERDICT_UNDETERMINED

static uint8_t roots[1][CL_SNP_ROOT_SIZE];
static struct cl_snp_reference reference;

static void none(struct cl_snp_report *r)
{
    (void)r;
}
static void id_block(struct cl_snp_report *r)
{
    memset(r->id_key_digest, 0x1D, sizeof(r->id_key_digest));
    memset(r->author_key_digest, 0xA0, sizeof(r->author_key_digest));
    memset(r->family_id, 0xFA, sizeof(r->family_id));
    memset(r->image_id, 0x1A, sizeof(r->image_id));
    r->guest_svn = 7;
    r->key_info |= 1; /* AUTHOR_KEY_EN */
}
static void id_block_unknown_image(struct cl_snp_report *r)
{
    id_block(r);
    memset(r->measurement, 0x77, sizeof(r->measurement));
}
static void author_not_enabled(struct cl_snp_report *r)
{
    id_block_unknown_image(r);
    r->key_info = 0;
}
static void other_measurement(struct cl_snp_report *r)
{
    r->measurement[0] ^= 1;
}
static void masked(struct cl_snp_report *r)
{
    memset(r->chip_id, 0, sizeof(r->chip_id));
}
static void migrates(struct cl_snp_report *r)
{
    r->policy |= UINT64_C(1) << 18;
    memset(r->report_id_ma, 0xAA, sizeof(r->report_id_ma));
}
static void older_launch(struct cl_snp_report *r)
{
    r->launch_tcb[6] = 23;
}
static void older_committed(struct cl_snp_report *r)
{
    r->committed_tcb[6] = 23;
    r->committed = (struct cl_snp_fw_version){1, 55, 21};
}
static void version_5(struct cl_snp_report *r)
{
    r->version = 5;
    r->launch_mit_vector = 1;
    r->current_mit_vector = 3;
}
static void abi(struct cl_snp_report *r)
{
    r->policy |= 0x0137; /* 1.55 */
}
static void odd_platform(struct cl_snp_report *r)
{
    r->platform_info |= 0x40;
}
static void vmpl_2(struct cl_snp_report *r)
{
    r->vmpl = 2;
}

static const struct {
    const char *members; /* of the section */
    void (*change)(struct cl_snp_report *r);
    enum cl_verdict verdict;
    const char *deciding;
} rows[] = {
    {"", none, ACCEPTED, ""},
    {"\"products\":[\"milan\"]", none, ACCEPTED, ""},
    {"\"products\":[\"genoa\",\"turin\"]", none, REJECTED, "snp.product.allowed"},
    {"\"signing_keys\":[\"vcek\"]", none, ACCEPTED, ""},
    {"\"signing_keys\":[\"vlek\"]", none, REJECTED, "snp.signing_key"},
    {"\"csp_ids\":[\"CN=x\"]", none, ACCEPTED, ""}, /* of a VLEK only */
    {"\"vmpls\":[1,2]", none, REJECTED, "snp.vmpl"},
    {"\"vmpls\":[1,2]", vmpl_2, ACCEPTED, ""},
    {"\"min_version\":3", none, ACCEPTED, ""},
    {"\"min_version\":4", none, REJECTED, "snp.report.min_version"},
    /* Who the guest is. */
    {"\"measurements\":[\"" X48("77") "\"]", none, ACCEPTED, ""}, /* the reference is enough */
    {"\"measurements\":[\"" X48("77") "\"]", other_measurement, REJECTED, "snp.measurement"},
    {"\"measurements\":[\"" X48("77") "\"]", id_block_unknown_image, ACCEPTED, ""},
    {ID_KEY, none, REJECTED, "snp.image_id"}, /* the ids bind whatever vouches */
    {ID_KEY, id_block, ACCEPTED, ""},
    {ID_KEY, id_block_unknown_image, ACCEPTED, ""},
    {AUTHOR_KEY, id_block_unknown_image, ACCEPTED, ""},
    {AUTHOR_KEY, author_not_enabled, REJECTED, "snp.measurement"},
    {"\"id_keys\":[\"" X48("77") "\"]," KEYS, id_block_unknown_image, REJECTED, "snp.measurement"},
    {"\"id_keys\":[\"" X48("77") "\"]," KEYS, id_block, ACCEPTED, ""},
    {"\"id_keys\":[\"" X48("00") "\"]," KEYS, other_measurement, REJECTED, "snp.measurement"},
    {"\"min_guest_svn\":7", id_block, ACCEPTED, ""},
    {"\"min_guest_svn\":8", id_block, REJECTED, "snp.guest_svn"},
    {"\"family_ids\":[\"" X16("fa") "\"]", id_block, ACCEPTED, ""},
    {"\"family_ids\":[\"" X16("fb") "\"]", id_block, REJECTED, "snp.family_id"},
    {"\"image_ids\":[\"" X16("fa") "\"]", id_block, REJECTED, "snp.image_id"},
    {"\"report_data\":[\"" X64("da") "\"]", none, ACCEPTED, ""},
    {"\"report_data\":[\"" X64("db") "\",\"" X64("dc") "\"]", none, REJECTED, "snp.report_data"},
    {"\"host_data\":[\"" X32("41") "\",\"" X32("40") "\"]", none, ACCEPTED, ""},
    {"\"host_data\":[\"" X32("41") "\"]", none, REJECTED, "snp.host_data"},
    {"", migrates, REJECTED, "snp.policy.migrate_ma"},
    {"\"migration_agents\":[\"" X32("aa") "\"]", migrates, ACCEPTED, ""},
    {"\"migration_agents\":[\"" X32("ab") "\"]", migrates, REJECTED, "snp.policy.migrate_ma"},
    /* Which chip. */
    {"\"chips_allowed\":[\"" X64("c1") "\"]", none, ACCEPTED, ""},
    {"\"chips_allowed\":[\"" X64("c2") "\"]", none, REJECTED, "snp.chip.allowed"},
    {"\"products_by_chip\":[\"milan\"]", none, REJECTED, "snp.chip.allowed"},
    {"\"products_by_chip\":[\"milan\"],\"chips_allowed\":[\"" X64("c1") "\"]", none, ACCEPTED, ""},
    {"\"products_by_chip\":[\"genoa\"],\"chips_allowed\":[\"" X64("c2") "\"]", none, ACCEPTED, ""},
    {"\"chips_denied\":[\"" X64("c2") "\"]", none, ACCEPTED, ""},
    {"\"chips_denied\":[\"" X64("c2") "\",\"" X64("c1") "\"]", none, REJECTED, "snp.chip.denied"},
    {"", masked, UNDETERMINED, "snp.chip_id"},
    {"\"allow_masked_chip\":true", masked, ACCEPTED, ""},
    {"\"allow_masked_chip\":true,\"chips_denied\":[\"" X64("c2") "\"]", masked, UNDETERMINED,
     "snp.chip.denied"},
    {"\"allow_masked_chip\":true,\"chips_allowed\":[\"" X64("c1") "\"]", masked, REJECTED,
     "snp.chip.allowed"},
    /* A chip of zeros is a masked one, not one that a list can name. */
    {"\"allow_masked_chip\":true,\"chips_allowed\":[\"" X64("00") "\"]", masked, REJECTED,
     "snp.chip.allowed"},
    /* Firmware. */
    {"\"min_tcb\":{\"milan\":{\"snp\":24,\"microcode\":219}}", none, ACCEPTED, ""},
    {"\"min_tcb\":{\"milan\":{\"snp\":25}}", none, REJECTED, "snp.tcb.minimum"},
    {"\"min_tcb\":{\"genoa\":{\"snp\":25},\"turin\":{\"fmc\":9}}", none, ACCEPTED, ""},
    {"\"min_tcb\":{\"milan\":{\"snp\":24}}", older_launch, REJECTED, "snp.tcb.minimum"},
    {"\"min_tcb\":{\"milan\":{\"snp\":24}},\"tcbs_compared\":[\"reported\",\"committed\"]",
     older_launch, ACCEPTED, ""},
    {"\"min_tcb\":{\"milan\":{\"snp\":24}},\"tcbs_compared\":[\"reported\",\"launch\"]",
     older_committed, ACCEPTED, ""},
    {"\"min_tcb\":{\"milan\":{\"snp\":24}},\"tcbs_compared\":[\"committed\"]", older_committed,
     REJECTED, "snp.tcb.minimum"},
    {"\"refuse_provisional_firmware\":true", none, ACCEPTED, ""},
    {"\"refuse_provisional_firmware\":true", older_committed, REJECTED, "snp.tcb.provisional"},
    {"\"min_firmware\":{\"major\":1,\"minor\":55,\"build\":29}", none, ACCEPTED, ""},
    {"\"min_firmware\":{\"major\":1,\"minor\":56}", none, REJECTED, "snp.firmware.minimum"},
    {"\"min_firmware\":{\"major\":2}", none, REJECTED, "snp.firmware.minimum"},
    {"\"min_firmware\":{\"major\":1,\"minor\":55,\"build\":22}", older_committed, REJECTED,
     "snp.firmware.minimum"},
    {"\"launch_mitigations\":\"0000000000000001\"", none, REJECTED, "snp.mitigations"},
    {"\"launch_mitigations\":\"0000000000000001\",\"current_mitigations\":\"0000000000000002\"",
     version_5, ACCEPTED, ""},
    {"\"launch_mitigations\":\"0000000000000002\"", version_5, REJECTED, "snp.mitigations"},
    {"\"current_mitigations\":\"8000000000000000\"", version_5, REJECTED, "snp.mitigations"},
    /* Guest policy and platform. */
    {"\"guest_policy\":{\"required\":[\"smt\"],\"forbidden\":[\"cxl\"]}", none, ACCEPTED, ""},
    {"\"guest_policy\":{\"required\":[\"single_socket\"]}", none, REJECTED, "snp.policy.bits"},
    {"\"guest_policy\":{\"required\":[\"ciphertext_hiding_dram\"]}", none, REJECTED,
     "snp.policy.bits"},
    {"\"guest_policy\":{\"forbidden\":[\"smt\"]}", none, REJECTED, "snp.policy.bits"},
    {"\"guest_policy\":{\"min_abi_major\":1,\"min_abi_minor\":55}", abi, ACCEPTED, ""},
    {"\"guest_policy\":{\"min_abi_major\":1,\"min_abi_minor\":56}", abi, REJECTED,
     "snp.policy.abi"},
    {"\"guest_policy\":{\"min_abi_minor\":1}", none, REJECTED, "snp.policy.abi"},
    {"\"platform_info\":{\"required\":[\"alias_check_complete\",\"ecc\"]}", none, ACCEPTED, ""},
    {"\"platform_info\":{\"required\":[\"ciphertext_hiding_dram\"]}", none, REJECTED,
     "snp.platform_info"},
    {"\"platform_info\":{\"forbidden\":[\"smt\"]}", none, REJECTED, "snp.platform_info"},
    {"\"platform_info\":{\"refuse_unknown_bits\":true}", none, ACCEPTED, ""},
    {"", odd_platform, ACCEPTED, ""},
    {"\"platform_info\":{\"refuse_unknown_bits\":true}", odd_platform, REJECTED,
     "snp.platform_info"},
};

static struct cl_verify_policy *parse(const char *section, const char *members)
{
    char text[4096];
    struct cl_verify_policy *p = NULL;
    struct cl_err err = {0};
    int n = snprintf(text, sizeof(text), "{\"schema\":\"cloister.verify-policy/1\",\"%s\":{%s}}",
                     section, members);
    ck_assert_int_lt(n, (int)sizeof(text));
    ck_assert_msg(cl_verify_policy_parse(text, (size_t)n, &p, &err) == CL_OK, "%s: %s", members,
                  err.msg);
    return p;
}

static struct cl_snp_policy policy_of(const struct cl_verify_policy *p)
{
    return (struct cl_snp_policy){.time = WORLD_TIME,
                                  .references = &reference,
                                  .reference_count = 1,
                                  .rules = cl_verify_policy_snp(p),
                                  .sim_rules = cl_verify_policy_sim_snp(p),
                                  .common = cl_verify_policy_common(p),
                                  .sim_roots = (const uint8_t(*)[CL_SNP_ROOT_SIZE])roots,
                                  .sim_root_count = 1};
}

static void expect(const struct cl_snp_report *r, const struct cl_snp_policy *policy,
                   enum cl_verdict verdict, const char *deciding, const char *what)
{
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    CL_CLEANUP(cl_snp_evidence_freep)
    struct cl_snp_evidence *ev = world_evidence(r, &ek, &ask, &ark);
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *res = NULL;
    ck_assert_int_eq(cl_snp_verify(ev, policy, &res, NULL), CL_OK);
    const struct cl_check *c = cl_verify_result_deciding(res);
    ck_assert_msg(res->verdict == verdict && strcmp(c != NULL ? c->id : "", deciding) == 0,
                  "%s: %s by %s: expected %s, got %s", what, cl_verdict_name(res->verdict),
                  c != NULL ? c->id : "-", c != NULL ? c->expected : "",
                  c != NULL ? c->actual : "");
}

START_TEST(test_each_demand)
{
    CL_CLEANUP(cl_verify_policy_freep)
    struct cl_verify_policy *p = parse("sim-snp", rows[_i].members);
    struct cl_snp_policy policy = policy_of(p);
    struct cl_snp_report r;
    world_report(&r);
    rows[_i].change(&r);
    expect(&r, &policy, rows[_i].verdict, rows[_i].deciding, rows[_i].members);
}
END_TEST

START_TEST(test_trusted_keys_alone_are_something_to_compare_with)
{
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = parse("sim-snp", ID_KEY);
    CL_CLEANUP(cl_verify_policy_freep)
    struct cl_verify_policy *chips =
        parse("sim-snp", "\"chips_allowed\":[\"" X64("c1") "\"],\"host_data\":[\"" X32("40") "\"]");
    struct cl_snp_policy policy = policy_of(p);
    struct cl_snp_report r;
    policy.reference_count = 0;
    world_report(&r);
    id_block(&r);
    expect(&r, &policy, ACCEPTED, "", "id key");
    memset(r.id_key_digest, 0x55, sizeof(r.id_key_digest));
    expect(&r, &policy, REJECTED, "snp.id_key", "another key");
    /* Where it runs, and what the host said, is not who the guest is. */
    policy = policy_of(chips);
    policy.reference_count = 0;
    world_report(&r);
    expect(&r, &policy, UNDETERMINED, "snp.measurement", "no identity");
}
END_TEST

START_TEST(test_a_class_without_a_section_is_refused)
{
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = parse("snp", "");
    struct cl_snp_policy policy = policy_of(p);
    struct cl_snp_report r;
    world_report(&r);
    expect(&r, &policy, REJECTED, "snp.product.allowed", "no section");
    policy.authenticity_only = true;
    policy.reference_count = 0;
    expect(&r, &policy, REJECTED, "snp.product.allowed", "no section");
}
END_TEST

START_TEST(test_rules_are_those_of_the_class_that_verified)
{
    CL_CLEANUP(cl_verify_policy_freep)
    struct cl_verify_policy *p =
        parse("snp", "\"min_tcb\":{\"milan\":{\"snp\":99}},\"measurements\":[\"" X48("3e") "\"]");
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *sim = parse("sim-snp", "");
    struct cl_snp_policy policy = policy_of(sim);
    struct cl_snp_report r;
    world_report(&r);
    policy.rules = cl_verify_policy_snp(p); /* neither its minimum nor its measurement counts */
    expect(&r, &policy, ACCEPTED, "", "sim rules");
    policy.reference_count = 0;
    expect(&r, &policy, UNDETERMINED, "snp.measurement", "sim rules");
}
END_TEST

/* A document about the world, signed with a key of the moment. */
static struct cl_distrust *distrust(const char *entry)
{
    char text[2048];
    struct cl_err err = {0};
    struct cl_distrust *d = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    (void)snprintf(text, sizeof(text),
                   "{\"schema\":\"cloister.platform-distrust/1\",\"iat\":1,\"exp\":4000000000,"
                   "\"entries\":[{\"id\":\"T-1\",\"source\":\"a paper\",\"reason\":\"keys are "
                   "out\",%s}]}",
                   entry);
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    json_t *claims = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(claims);
    ck_assert_int_eq(cl_jwt_sign(CL_JWT_EDDSA, key, NULL, claims, &token, &err), CL_OK);
    ck_assert_msg(
        cl_distrust_read((const char *)token.data, token.len, key, WORLD_TIME, &d, &err) == CL_OK,
        "%s", err.msg);
    json_decref(claims);
    EVP_PKEY_free(key);
    return d;
}

static const struct {
    const char *entry;
    void (*change)(struct cl_snp_report *r);
    enum cl_verdict verdict;
} distrusted[] = {
    {"\"family\":\"sim-snp\"", none, REJECTED},
    {"\"family\":\"snp\"", none, ACCEPTED},
    {"\"family\":\"sim-snp\",\"product\":\"milan\"", none, REJECTED},
    {"\"family\":\"sim-snp\",\"product\":\"genoa\"", none, ACCEPTED},
    {"\"family\":\"sim-snp\",\"chip_id\":\"" X64("c1") "\"", none, REJECTED},
    {"\"family\":\"sim-snp\",\"chip_id\":\"" X64("c2") "\"", none, ACCEPTED},
    {"\"family\":\"sim-snp\",\"chip_id\":\"" X64("c2") "\"", masked, UNDETERMINED},
    {"\"family\":\"sim-snp\",\"tcb_below\":{\"snp\":25}", none, REJECTED},
    {"\"family\":\"sim-snp\",\"tcb_below\":{\"snp\":24}", none, ACCEPTED},
    {"\"family\":\"sim-snp\",\"tcb_below\":{\"snp\":24}", older_launch, REJECTED},
    {"\"family\":\"sim-snp\",\"tcb_below\":{\"snp\":24}", older_committed, REJECTED},
    {"\"family\":\"sim-snp\",\"tcb_below\":{\"bootloader\":4,\"microcode\":220}", none, REJECTED},
    {"\"family\":\"sim-snp\",\"tcb_below\":{\"fmc\":1}", none, UNDETERMINED}, /* Milan has none */
};

START_TEST(test_distrusted_platform)
{
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = distrust(distrusted[_i].entry);
    CL_CLEANUP(cl_verify_policy_freep)
    struct cl_verify_policy *p = parse("sim-snp", "\"allow_masked_chip\":true");
    struct cl_snp_policy policy = policy_of(p);
    struct cl_snp_report r;
    policy.distrust = d;
    world_report(&r);
    distrusted[_i].change(&r);
    expect(&r, &policy, distrusted[_i].verdict,
           distrusted[_i].verdict == ACCEPTED ? "" : "snp.distrust", distrusted[_i].entry);
}
END_TEST

START_TEST(test_distrust_names_its_source)
{
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = distrust("\"family\":\"sim-snp\"");
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = parse("sim-snp", "");
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *res = NULL;
    struct cl_snp_policy policy = policy_of(p);
    struct cl_snp_report r;
    policy.distrust = d;
    world_report(&r);
    CL_CLEANUP(cl_snp_evidence_freep)
    struct cl_snp_evidence *ev = world_evidence(&r, &ek, &ask, &ark);
    ck_assert_int_eq(cl_snp_verify(ev, &policy, &res, NULL), CL_OK);
    const struct cl_check *c = cl_verify_result_check(res, "snp.distrust");
    ck_assert_str_eq(c->actual, "T-1");
    ck_assert_str_eq(c->why, "keys are out (a paper)");
    ck_assert_int_eq(res->authentic, CL_YES); /* genuine, and yet not to be trusted */
}
END_TEST

START_TEST(test_distrust_may_be_required)
{
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = parse("sim-snp", "");
    const struct cl_policy_common common = {.require_distrust = true};
    struct cl_snp_policy policy = policy_of(p);
    struct cl_snp_report r;
    policy.common = &common;
    world_report(&r);
    expect(&r, &policy, UNDETERMINED, "snp.distrust", "required");
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = distrust("\"family\":\"tdx\"");
    policy.distrust = d;
    expect(&r, &policy, ACCEPTED, "", "given");
}
END_TEST

int main(void)
{
    world_init();
    world_root(roots[0]);
    reference.tee_class = CL_TEE_CLASS_SIM_SNP;
    memset(reference.measurement, 0x3E, sizeof(reference.measurement));
    Suite *s = suite_create("snp_rules");
    TCase *t = tcase_create("rules");
    tcase_add_loop_test(t, test_each_demand, 0, (int)CL_ARRAY_LEN(rows));
    tcase_add_test(t, test_trusted_keys_alone_are_something_to_compare_with);
    tcase_add_test(t, test_a_class_without_a_section_is_refused);
    tcase_add_test(t, test_rules_are_those_of_the_class_that_verified);
    tcase_add_loop_test(t, test_distrusted_platform, 0, (int)CL_ARRAY_LEN(distrusted));
    tcase_add_test(t, test_distrust_names_its_source);
    tcase_add_test(t, test_distrust_may_be_required);
    suite_add_tcase(s, t);
    return run_suite(s);
}
