/* SPDX-License-Identifier: Apache-2.0
 * tpm_policy.c - the sections "tpm", "az-snp-vtpm" and "az-tdx-vtpm" of a policy.
 * Trust: any bytes. Threads: pure. Memory: one list.
 */
#include "cloister/tpm_policy.h"

#include "base/encode.h"
#include "policy/policy_section.h"
#include "tpm/tpm_internal.h"

#include <stdio.h>
#include <string.h>

#define AT(member) .offset = offsetof(struct cl_tpm_rules, member)

static enum cl_status need_array(const json_t *j, const char *what, const char *name,
                                 struct cl_err *err)
{
    return json_is_array(j) && json_array_size(j) > 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected a list of values, got %s",
                            what, name, json_is_array(j) ? "an empty one" : "another type");
}

static enum cl_status read_bank_name(const char *name, const char *what, uint16_t *ret_alg,
                                     struct cl_err *err)
{
    *ret_alg = cl_tpm_hash_by_name(name);
    return *ret_alg != 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "%s: expected banks sha1, sha256, sha384, sha512, got '%.16s'", what,
                            name);
}

/* "4", and not "04" or "+4". */
static enum cl_status read_index(const char *text, const char *what, uint32_t *ret_index,
                                 struct cl_err *err)
{
    for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        char again[12];
        (void)snprintf(again, sizeof(again), "%u", (unsigned)i);
        if (strcmp(again, text) == 0) {
            *ret_index = i;
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected a register of 0 to %u, got '%.16s'",
                      what, CL_TPM_PCR_COUNT - 1, text);
}

struct values { /* of a section */
    const char *what;
    struct cl_tpm_pcr_value *list; /* CL_TPM_RULES_PCRS_MAX of them */
    size_t *count;
};

static enum cl_status read_values(const json_t *list, const struct cl_tpm_pcr_value *of,
                                  const struct values *to, struct cl_err *err)
{
    CL_TRY(need_array(list, to->what, "register", err));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *hex = json_string_value(json_array_get(list, i));
        if (hex == NULL || *to->count == CL_TPM_RULES_PCRS_MAX) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "%s: expected at most %u digests in hex, got %s", to->what,
                              CL_TPM_RULES_PCRS_MAX, hex == NULL ? "another type" : "more");
        }
        struct cl_tpm_pcr_value v = *of;
        CL_TRY(cl_unhex(v.value, cl_tpm_hash_size(v.alg), hex, to->what, err));
        to->list[(*to->count)++] = v;
    }
    return CL_OK;
}

/* {"sha256": {"4": ["<hex>", ...], ...}, ...} */
static enum cl_status read_registers(const json_t *obj, const struct values *to, struct cl_err *err)
{
    const char *bank = NULL, *index = NULL;
    json_t *registers = NULL, *list = NULL;
    json_object_foreach((json_t *)(uintptr_t)obj, bank, registers)
    {
        struct cl_tpm_pcr_value v = {0};
        CL_TRY(read_bank_name(bank, to->what, &v.alg, err));
        if (json_object_size(registers) == 0) { /* of another type, too */
            return cl_err_set(err, CL_ERR_MALFORMED, "%s: %s: expected registers, got none",
                              to->what, bank);
        }
        json_object_foreach(registers, index, list)
        {
            CL_TRY(read_index(index, to->what, &v.index, err));
            CL_TRY(read_values(list, &v, to, err));
        }
    }
    return CL_OK;
}

static enum cl_status read_pcrs(const json_t *obj, const char *what, void *section,
                                struct cl_err *err)
{
    struct cl_tpm_rules *r = section;
    (void)what;
    return read_registers(obj, &(struct values){"pcrs", r->pcrs, &r->pcr_count}, err);
}

static enum cl_status read_events(const json_t *obj, const char *what, void *section,
                                  struct cl_err *err)
{
    struct cl_tpm_rules *r = section;
    (void)what;
    return read_registers(obj, &(struct values){"pcr_events", r->events, &r->event_count}, err);
}

/* {"sha256": [0, 1, 7], ...} */
static enum cl_status read_required(const json_t *obj, const char *what, void *section,
                                    struct cl_err *err)
{
    struct cl_tpm_selection *s = &((struct cl_tpm_rules *)section)->required;
    const char *bank = NULL;
    json_t *list = NULL;
    (void)what;
    json_object_foreach((json_t *)(uintptr_t)obj, bank, list)
    {
        uint16_t alg = 0;
        CL_TRY(read_bank_name(bank, "required_pcrs", &alg, err));
        CL_TRY(need_array(list, "required_pcrs", bank, err));
        s->bank[s->bank_count].alg = alg; /* fits: each hash once */
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *n = json_array_get(list, i);
            json_int_t v = json_integer_value(n);
            if (!json_is_integer(n) || v < 0 || v >= (json_int_t)CL_TPM_PCR_COUNT) {
                return cl_err_set(
                    err, CL_ERR_MALFORMED,
                    "required_pcrs: %s: expected numbers of 0 to %u, got another value", bank,
                    CL_TPM_PCR_COUNT - 1);
            }
            s->bank[s->bank_count].mask |= 1u << v;
        }
        s->bank_count++;
    }
    return CL_OK;
}

static enum cl_status read_ak_list(const json_t *obj, const char *name, size_t size,
                                   struct cl_tpm_rules *r, struct cl_err *err)
{
    const json_t *list = json_object_get(obj, name);
    if (list == NULL) {
        return CL_OK;
    }
    CL_TRY(need_array(list, "aks", name, err));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *hex = json_string_value(json_array_get(list, i));
        if (hex == NULL || r->ak_count == CL_TPM_RULES_AKS_MAX) {
            return cl_err_set(err, CL_ERR_MALFORMED, "aks: %s: expected at most %u values, got %s",
                              name, CL_TPM_RULES_AKS_MAX, hex == NULL ? "another type" : "more");
        }
        struct cl_tpm_ak_id *id = &r->aks[r->ak_count];
        CL_TRY(cl_unhex(id->id, size, hex, name, err));
        id->len = size;
        r->ak_count++;
    }
    return CL_OK;
}

/* {"keys": [SHA-256 of a SubjectPublicKeyInfo], "names": [TPM names by SHA-256]} */
static enum cl_status read_aks(const json_t *obj, const char *what, void *section,
                               struct cl_err *err)
{
    static const char *const keys[] = {"keys", "names", NULL};
    (void)what;
    CL_TRY(cl_json_only_keys(obj, "aks", keys, err));
    CL_TRY(read_ak_list(obj, "keys", CL_SHA256_SIZE, section, err));
    return read_ak_list(obj, "names", 2 + CL_SHA256_SIZE, section, err);
}

#define PCR_FIELDS                                                                                 \
    {.name = "pcrs", .kind = POLICY_OBJECT, .parse = read_pcrs},                                   \
        {.name = "pcr_events", .kind = POLICY_OBJECT, .parse = read_events},                       \
    {                                                                                              \
        .name = "required_pcrs", .kind = POLICY_OBJECT, .parse = read_required                     \
    }

static const struct policy_field tpm_fields[] = {
    PCR_FIELDS, {.name = "aks", .kind = POLICY_OBJECT, .parse = read_aks}, {.name = NULL}};

static const struct policy_field az_fields[] = {
    PCR_FIELDS,
    {.name = "measurements", .kind = POLICY_HEX_LIST, AT(measurements), .limit = 48},
    {.name = "require_secure_boot", .kind = POLICY_BOOL, AT(require_secure_boot)},
    {.name = "require_user_data", .kind = POLICY_BOOL, AT(require_user_data)},
    {.name = NULL}};

static void set_defaults(void *section)
{
    *(struct cl_tpm_rules *)section = (struct cl_tpm_rules){.accepted = true};
}

const struct policy_section policy_section_tpm = {.name = "tpm",
                                                  .size = sizeof(struct cl_tpm_rules),
                                                  .fields = tpm_fields,
                                                  .set_defaults = set_defaults};
const struct policy_section policy_section_az_snp_vtpm = {.name = "az-snp-vtpm",
                                                          .size = sizeof(struct cl_tpm_rules),
                                                          .fields = az_fields,
                                                          .set_defaults = set_defaults};
const struct policy_section policy_section_az_tdx_vtpm = {.name = "az-tdx-vtpm",
                                                          .size = sizeof(struct cl_tpm_rules),
                                                          .fields = az_fields,
                                                          .set_defaults = set_defaults};

const struct cl_tpm_rules *cl_verify_policy_tpm(const struct cl_verify_policy *policy,
                                                enum cl_tee_class c)
{
    return policy_section_get(policy, c == CL_TEE_CLASS_AZ_SNP_VTPM   ? &policy_section_az_snp_vtpm
                                      : c == CL_TEE_CLASS_AZ_TDX_VTPM ? &policy_section_az_tdx_vtpm
                                                                      : &policy_section_tpm);
}

void cl_tpm_rules_apply(const struct cl_tpm_rules *rules, struct cl_vtpm_policy *policy)
{
    policy->class_refused = !rules->accepted;
    policy->pcrs = rules->pcrs;
    policy->pcr_count = rules->pcr_count;
    policy->events = rules->events;
    policy->event_count = rules->event_count;
    policy->required = rules->required;
    policy->aks = rules->aks;
    policy->ak_count = rules->ak_count;
    policy->paravisors = &rules->measurements;
    policy->require_secure_boot = policy->require_secure_boot || rules->require_secure_boot;
    policy->require_user_data = policy->require_user_data || rules->require_user_data;
}
