/* SPDX-License-Identifier: Apache-2.0
 * policy.c - the document of a policy: its head, and the sections that this version knows.
 * Trust: any bytes. Threads: pure. Memory: one object and its lists.
 */
#include "cloister/verify_policy.h"

#include "policy/policy_profiles.h"
#include "policy/policy_section.h"

#include <stdlib.h>
#include <string.h>

#define SCHEMA "cloister.verify-policy/1"

static const struct policy_field common_fields[] = {
    {.name = "require_crls",
     .kind = POLICY_BOOL,
     .offset = offsetof(struct cl_policy_common, require_crls)},
    {.name = "require_distrust",
     .kind = POLICY_BOOL,
     .offset = offsetof(struct cl_policy_common, require_distrust)},
    {.name = "max_collateral_age_days",
     .kind = POLICY_UINT,
     .offset = offsetof(struct cl_policy_common, max_collateral_age_days),
     .limit = 3650},
    {.name = NULL},
};

static const struct policy_section section_common = {
    .name = "common", .size = sizeof(struct cl_policy_common), .fields = common_fields};

/* Each family that this version verifies has its entry here, and a section in profiles/. */
const struct policy_section *const policy_sections[] = {
    &section_common,
    &policy_section_snp,
    &policy_section_sim_snp,
    &policy_section_tdx,
    &policy_section_sim_tdx,
    &policy_section_az_snp_vtpm,
    &policy_section_az_tdx_vtpm,
    &policy_section_tpm,
};
const size_t policy_section_count = CL_ARRAY_LEN(policy_sections);

struct cl_verify_policy {
    void *section[CL_ARRAY_LEN(policy_sections)]; /* by the table; never NULL once parsed */
};

void cl_verify_policy_free(struct cl_verify_policy *policy)
{
    for (size_t i = 0; policy != NULL && i < CL_ARRAY_LEN(policy_sections); i++) {
        if (policy->section[i] != NULL) {
            policy_free_fields(policy_sections[i]->fields, policy->section[i]);
            free(policy->section[i]);
        }
    }
    free(policy);
}

void cl_verify_policy_freep(struct cl_verify_policy **policy)
{
    cl_verify_policy_free(*policy);
    *policy = NULL;
}

static enum cl_status parse_section(const struct policy_section *s, const json_t *obj,
                                    void *section, struct cl_err *err)
{
    if (!json_is_object(obj)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected an object, got another type",
                          s->name);
    }
    if (s->set_defaults != NULL) {
        s->set_defaults(section);
    }
    CL_TRY(policy_read_fields(obj, s->name, s->fields, section, err));
    return s->check != NULL ? s->check(obj, section, err) : CL_OK;
}

static enum cl_status check_head(const json_t *doc, struct cl_err *err)
{
    const char *schema = NULL, *name = NULL, *key = NULL;
    json_t *value = NULL;
    CL_TRY(cl_json_get_string(doc, "policy", "schema", &schema, err));
    if (strcmp(schema, SCHEMA) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "schema: expected %s, got '%.40s'", SCHEMA,
                          schema);
    }
    if (json_object_get(doc, "name") != NULL) {
        CL_TRY(cl_json_get_string(doc, "policy", "name", &name, err));
    }
    json_object_foreach((json_t *)(uintptr_t)doc, key, value)
    {
        bool known = strcmp(key, "schema") == 0 || strcmp(key, "name") == 0;
        for (size_t i = 0; i < CL_ARRAY_LEN(policy_sections); i++) {
            known = known || strcmp(key, policy_sections[i]->name) == 0;
        }
        if (!known) {
            return cl_err_set(err, CL_ERR_UNSUPPORTED,
                              "policy: expected sections that this version knows, got '%.64s'",
                              key);
        }
    }
    return CL_OK;
}

static enum cl_status parse_document(const json_t *doc, struct cl_verify_policy *p,
                                     struct cl_err *err)
{
    if (!json_is_object(doc)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "policy: expected an object, got another type");
    }
    CL_TRY(check_head(doc, err));
    for (size_t i = 0; i < CL_ARRAY_LEN(policy_sections); i++) {
        const json_t *obj = json_object_get(doc, policy_sections[i]->name);
        p->section[i] = calloc(1, policy_sections[i]->size);
        if (p->section[i] == NULL) {
            return cl_err_nomem(err, "policy");
        }
        if (obj != NULL) {
            CL_TRY(parse_section(policy_sections[i], obj, p->section[i], err));
        }
    }
    return CL_OK;
}

enum cl_status cl_verify_policy_parse(const void *data, size_t len,
                                      struct cl_verify_policy **ret_policy, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *doc = NULL;
    if (len > CL_VERIFY_POLICY_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "policy: size: expected at most %u bytes, got %zu",
                          CL_VERIFY_POLICY_MAX_SIZE, len);
    }
    CL_TRY(cl_json_parse(data, len, "policy", &doc, err));
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return cl_err_nomem(err, "policy");
    }
    CL_TRY(parse_document(doc, p, err));
    *ret_policy = CL_TAKE(p);
    return CL_OK;
}

const char *cl_verify_policy_profile_text(const char *name)
{
    for (size_t i = 0; i < policy_profile_count; i++) {
        if (strcmp(policy_profiles[i].name, name) == 0) {
            return (const char *)policy_profiles[i].text;
        }
    }
    return NULL;
}

enum cl_status cl_verify_policy_profile(const char *name, struct cl_verify_policy **ret_policy,
                                        struct cl_err *err)
{
    const char *text = cl_verify_policy_profile_text(name);
    if (text == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "profile: expected default or regulated, got '%.40s'", name);
    }
    return cl_verify_policy_parse(text, strlen(text), ret_policy, err);
}

const void *policy_section_get(const struct cl_verify_policy *policy,
                               const struct policy_section *section)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(policy_sections); i++) {
        if (policy_sections[i] == section) {
            return policy->section[i];
        }
    }
    return NULL;
}

const struct cl_policy_common *cl_verify_policy_common(const struct cl_verify_policy *policy)
{
    return policy_section_get(policy, &section_common);
}
