/* SPDX-License-Identifier: Apache-2.0
 * snp_policy.c - the sections "snp" and "sim-snp" of a policy: names of members and of bits.
 * Trust: any bytes. Threads: pure. Memory: the lists.
 * Spec: snp.md a.2 (POLICY), a.3 (PLATFORM_INFO), a.4 (TCB).
 */
#include "cloister/snp_policy.h"

#include "policy/policy_section.h"

#include <string.h>

#define BIT(n) (UINT64_C(1) << (n))

static const struct policy_word product_words[] = {{"milan", BIT(CL_SNP_PRODUCT_MILAN)},
                                                   {"genoa", BIT(CL_SNP_PRODUCT_GENOA)},
                                                   {"turin", BIT(CL_SNP_PRODUCT_TURIN)},
                                                   {NULL, 0}};
static const struct policy_word key_words[] = {
    {"vcek", CL_SNP_KEY_VCEK}, {"vlek", CL_SNP_KEY_VLEK}, {NULL, 0}};
static const struct policy_word tcb_words[] = {{"reported", CL_SNP_TCB_REPORTED},
                                               {"committed", CL_SNP_TCB_COMMITTED},
                                               {"launch", CL_SNP_TCB_LAUNCH},
                                               {NULL, 0}};
/* DEBUG and MIGRATE_MA are not here: the first is always refused, the second goes by its agent. */
static const struct policy_word guest_policy_words[] = {{"smt", BIT(16)},
                                                        {"single_socket", BIT(20)},
                                                        {"cxl", BIT(21)},
                                                        {"mem_aes_256_xts", BIT(22)},
                                                        {"rapl_dis", BIT(23)},
                                                        {"ciphertext_hiding_dram", BIT(24)},
                                                        {"page_swap_disable", BIT(25)},
                                                        {NULL, 0}};
static const struct policy_word platform_words[] = {{"smt", BIT(0)},
                                                    {"tsme", BIT(1)},
                                                    {"ecc", BIT(2)},
                                                    {"rapl_dis", BIT(3)},
                                                    {"ciphertext_hiding_dram", BIT(4)},
                                                    {"alias_check_complete", BIT(5)},
                                                    {"tio", BIT(7)},
                                                    {NULL, 0}};

#define AT(member) .offset = offsetof(struct cl_snp_rules, member)
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

static const struct policy_field guest_policy_fields[] = {
    {.name = "required",
     .kind = POLICY_WORDS,
     AT(guest_policy_required),
     .words = guest_policy_words},
    {.name = "forbidden",
     .kind = POLICY_WORDS,
     AT(guest_policy_forbidden),
     .words = guest_policy_words},
    {.name = "min_abi_major", .kind = POLICY_UINT, AT(min_abi_major), .limit = 255},
    {.name = "min_abi_minor", .kind = POLICY_UINT, AT(min_abi_minor), .limit = 255},
    END};

static enum cl_status contradiction(struct cl_err *err, const char *what, uint64_t required,
                                    uint64_t forbidden)
{
    if ((required & forbidden) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: required: expected no word of 'forbidden', got one", what);
    }
    return CL_OK;
}

static enum cl_status read_guest_policy(const json_t *obj, const char *what, void *section,
                                        struct cl_err *err)
{
    struct cl_snp_rules *r = section;
    (void)what;
    CL_TRY(policy_read_fields(obj, "guest_policy", guest_policy_fields, section, err));
    return contradiction(err, "guest_policy", r->guest_policy_required, r->guest_policy_forbidden);
}

static const struct policy_field platform_fields[] = {
    {.name = "required", .kind = POLICY_WORDS, AT(platform_required), .words = platform_words},
    {.name = "forbidden", .kind = POLICY_WORDS, AT(platform_forbidden), .words = platform_words},
    {.name = "refuse_unknown_bits", .kind = POLICY_BOOL, AT(refuse_unknown_platform_bits)},
    END};

static enum cl_status read_platform_info(const json_t *obj, const char *what, void *section,
                                         struct cl_err *err)
{
    struct cl_snp_rules *r = section;
    (void)what;
    CL_TRY(policy_read_fields(obj, "platform_info", platform_fields, section, err));
    return contradiction(err, "platform_info", r->platform_required, r->platform_forbidden);
}

static enum cl_status read_component(const json_t *obj, const char *what, const char *name,
                                     uint8_t *ret, struct cl_err *err)
{
    int64_t v = 0;
    if (json_object_get(obj, name) == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_int(obj, what, name, 0, 255, &v, err));
    *ret = (uint8_t)v;
    return CL_OK;
}

/* {"snp": 24, "microcode": 219}: components that are not named have no minimum. */
static enum cl_status read_tcb(const json_t *obj, const char *what, bool turin,
                               struct cl_snp_tcb *ret, struct cl_err *err)
{
    static const char *const keys[] = {"bootloader", "tee", "snp", "microcode", "fmc", NULL};
    static const char *const keys_without_fmc[] = {"bootloader", "tee", "snp", "microcode", NULL};
    struct cl_snp_tcb t = {.has_fmc = turin};
    CL_TRY(cl_json_only_keys(obj, what, turin ? keys : keys_without_fmc, err));
    CL_TRY(read_component(obj, what, "fmc", &t.fmc, err));
    CL_TRY(read_component(obj, what, "bootloader", &t.bootloader, err));
    CL_TRY(read_component(obj, what, "tee", &t.tee, err));
    CL_TRY(read_component(obj, what, "snp", &t.snp, err));
    CL_TRY(read_component(obj, what, "microcode", &t.microcode, err));
    *ret = t;
    return CL_OK;
}

static enum cl_status read_min_tcb(const json_t *obj, const char *what, void *section,
                                   struct cl_err *err)
{
    struct cl_snp_rules *r = section;
    static const char *const keys[] = {"milan", "genoa", "turin", NULL};
    (void)what;
    CL_TRY(cl_json_only_keys(obj, "min_tcb", keys, err));
    for (unsigned p = CL_SNP_PRODUCT_MILAN; p < CL_SNP_PRODUCT_COUNT; p++) {
        const char *name = cl_snp_product_name((enum cl_snp_product)p);
        json_t *tcb = NULL;
        if (json_object_get(obj, name) == NULL) {
            continue;
        }
        CL_TRY(cl_json_get_object(obj, "min_tcb", name, &tcb, err));
        CL_TRY(read_tcb(tcb, name, p == CL_SNP_PRODUCT_TURIN, &r->min_tcb[p], err));
        r->min_tcb_given |= BIT(p);
    }
    return CL_OK;
}

static enum cl_status read_min_firmware(const json_t *obj, const char *what, void *section,
                                        struct cl_err *err)
{
    struct cl_snp_rules *r = section;
    static const char *const keys[] = {"major", "minor", "build", NULL};
    (void)what;
    CL_TRY(cl_json_only_keys(obj, "min_firmware", keys, err));
    CL_TRY(read_component(obj, "min_firmware", "major", &r->min_firmware.major, err));
    CL_TRY(read_component(obj, "min_firmware", "minor", &r->min_firmware.minor, err));
    return read_component(obj, "min_firmware", "build", &r->min_firmware.build, err);
}

#define LIST(member, bytes)                                                                        \
    {                                                                                              \
        .name = #member, .kind = POLICY_HEX_LIST, AT(member), .limit = (bytes)                     \
    }

static const struct policy_field fields[] = {
    {.name = "products", .kind = POLICY_WORDS, AT(products), .words = product_words},
    {.name = "products_by_chip",
     .kind = POLICY_WORDS,
     AT(products_by_chip),
     .words = product_words},
    {.name = "signing_keys", .kind = POLICY_WORDS, AT(signing_keys), .words = key_words},
    {.name = "vmpls", .kind = POLICY_NUMBERS, AT(vmpls), .limit = 3},
    {.name = "min_version", .kind = POLICY_UINT, AT(min_version), .limit = 5},
    LIST(measurements, CL_SNP_MEASUREMENT_SIZE),
    LIST(id_keys, 48),
    LIST(author_keys, 48),
    {.name = "min_guest_svn", .kind = POLICY_UINT, AT(min_guest_svn), .limit = UINT32_MAX},
    LIST(family_ids, 16),
    LIST(image_ids, 16),
    LIST(report_data, CL_SNP_REPORT_DATA_SIZE),
    LIST(host_data, CL_SNP_HOST_DATA_SIZE),
    LIST(migration_agents, 32),
    LIST(chips_allowed, CL_SNP_CHIP_ID_SIZE),
    LIST(chips_denied, CL_SNP_CHIP_ID_SIZE),
    {.name = "csp_ids", .kind = POLICY_TEXT_LIST, AT(csp_ids), .limit = CL_SNP_CSP_ID_SIZE},
    {.name = "allow_masked_chip", .kind = POLICY_BOOL, AT(allow_masked_chip)},
    {.name = "min_tcb", .kind = POLICY_OBJECT, .parse = read_min_tcb},
    {.name = "tcbs_compared", .kind = POLICY_WORDS, AT(tcbs_compared), .words = tcb_words},
    {.name = "min_firmware", .kind = POLICY_OBJECT, .parse = read_min_firmware},
    {.name = "refuse_provisional_firmware", .kind = POLICY_BOOL, AT(refuse_provisional_firmware)},
    {.name = "launch_mitigations", .kind = POLICY_HEX64, AT(launch_mitigations)},
    {.name = "current_mitigations", .kind = POLICY_HEX64, AT(current_mitigations)},
    {.name = "guest_policy", .kind = POLICY_OBJECT, .parse = read_guest_policy},
    {.name = "platform_info", .kind = POLICY_OBJECT, .parse = read_platform_info},
    END};

struct cl_snp_rules cl_snp_rules_default(void)
{
    return (struct cl_snp_rules){
        .products =
            BIT(CL_SNP_PRODUCT_MILAN) | BIT(CL_SNP_PRODUCT_GENOA) | BIT(CL_SNP_PRODUCT_TURIN),
        .signing_keys = CL_SNP_KEY_VCEK | CL_SNP_KEY_VLEK,
        .vmpls = BIT(0),
        .tcbs_compared = CL_SNP_TCB_REPORTED | CL_SNP_TCB_COMMITTED | CL_SNP_TCB_LAUNCH,
    };
}

static void set_defaults(void *section)
{
    *(struct cl_snp_rules *)section = cl_snp_rules_default();
}

/* A key vouches for every image it ever signed: the policy must say which of them. */
static enum cl_status check(const json_t *obj, const void *section, struct cl_err *err)
{
    const struct cl_snp_rules *r = section;
    if (r->id_keys.count == 0 && r->author_keys.count == 0) {
        return CL_OK;
    }
    if (json_object_get(obj, "min_guest_svn") == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "snp: min_guest_svn: expected a number beside id_keys or author_keys, "
                          "got nothing");
    }
    if (r->family_ids.count == 0 && r->image_ids.count == 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "snp: image_ids: expected these or family_ids beside id_keys or "
                          "author_keys, got neither");
    }
    return CL_OK;
}

const struct policy_section policy_section_snp = {.name = "snp",
                                                  .size = sizeof(struct cl_snp_rules),
                                                  .fields = fields,
                                                  .set_defaults = set_defaults,
                                                  .check = check};
const struct policy_section policy_section_sim_snp = {.name = "sim-snp",
                                                      .size = sizeof(struct cl_snp_rules),
                                                      .fields = fields,
                                                      .set_defaults = set_defaults,
                                                      .check = check};

const struct cl_snp_rules *cl_verify_policy_snp(const struct cl_verify_policy *policy)
{
    return policy_section_get(policy, &policy_section_snp);
}

const struct cl_snp_rules *cl_verify_policy_sim_snp(const struct cl_verify_policy *policy)
{
    return policy_section_get(policy, &policy_section_sim_snp);
}
