/* SPDX-License-Identifier: Apache-2.0
 * snp_identity.c - whether the guest is one that the policy trusts, and says what it should: its
 * measurement or the keys that vouch for it, its ids, REPORT_DATA and HOST_DATA.
 * Trust: the report is hostile, the rules are the caller's. Threads: pure. Memory: none.
 * Spec: snp.md a.10 steps 10 and 12. All values compared here are public.
 */
#include "snp/snp_internal.h"

#include <string.h>

#define KEY_INFO_AUTHOR_KEY_EN 1u

/* How the report compares with what is trusted. */
struct identity {
    bool by_measurement, by_id_key, by_author_key; /* is there something to compare with? */
    bool measurement, id_key, author_key;          /* is it listed? */
    size_t reference_count;                        /* of the report's class */
    const uint8_t *first;                          /* a trusted measurement, to show */
};

/* A measurement counts for evidence of its own class only; the rules are those of the class. */
static void compare_measurement(const struct snp_ctx *c, struct identity *id)
{
    const uint8_t *got = c->report->measurement;
    const struct cl_policy_list *list = &c->rules->measurements;
    id->by_measurement = c->policy->reference_count > 0 || list->count > 0;
    id->reference_count = list->count;
    id->first = list->data;
    id->measurement = cl_policy_list_has(list, got);
    for (size_t i = 0; i < c->policy->reference_count; i++) {
        const struct cl_snp_reference *ref = &c->policy->references[i];
        if (ref->tee_class == c->root_class) {
            id->reference_count++;
            id->first = id->first != NULL ? id->first : ref->measurement;
            id->measurement =
                id->measurement || memcmp(ref->measurement, got, sizeof(ref->measurement)) == 0;
        }
    }
}

static struct identity compare(const struct snp_ctx *c)
{
    const struct cl_snp_report *r = c->report;
    struct identity id = {.by_id_key = c->rules->id_keys.count > 0,
                          .by_author_key = c->rules->author_keys.count > 0};
    compare_measurement(c, &id);
    id.id_key = cl_policy_list_has(&c->rules->id_keys, r->id_key_digest) &&
                !snp_all_zero(r->id_key_digest, sizeof(r->id_key_digest));
    id.author_key = (r->key_info & KEY_INFO_AUTHOR_KEY_EN) != 0 &&
                    cl_policy_list_has(&c->rules->author_keys, r->author_key_digest) &&
                    !snp_all_zero(r->author_key_digest, sizeof(r->author_key_digest));
    return id;
}

static void check_measurement(struct snp_ctx *c, const struct identity *id)
{
    if (!id->by_measurement) {
        snp_skip(c, "snp.measurement", "the policy goes by keys");
        return;
    }
    if (!id->measurement && (id->id_key || id->author_key)) {
        snp_skip(c, "snp.measurement", "not a listed one, but a listed key vouches for it");
        return;
    }
    struct cl_check *k = snp_check(c, "snp.measurement", id->measurement);
    const uint8_t *got = c->report->measurement;
    cl_check_hex(k, id->measurement ? got : id->first, got, CL_SNP_MEASUREMENT_SIZE);
    if (id->first == NULL) {
        cl_check_expected(k, "a reference value of class %s", cl_tee_class_name(c->root_class));
    }
    cl_check_why(k, "%zu reference values of class %s", id->reference_count,
                 cl_tee_class_name(c->root_class));
}

static void check_key(struct snp_ctx *c, const char *name, bool demanded, bool listed, bool other,
                      const struct cl_policy_list *list, const uint8_t got[static 48])
{
    if (!demanded || (!listed && other)) {
        snp_skip(c, name,
                 demanded ? "not a listed one, but the guest is trusted without"
                          : "no key was demanded");
        return;
    }
    struct cl_check *k = snp_check(c, name, listed);
    cl_check_hex(k, listed ? got : list->data, got, 48);
    cl_check_why(k, "%zu keys are trusted", list->count);
}

/* Step 10. False: there was nothing to compare with. */
static bool check_identity(struct snp_ctx *c)
{
    struct identity id = compare(c);
    if (!id.by_measurement && !id.by_id_key && !id.by_author_key) {
        const char *why = "no trusted measurement was given to compare with";
        if (c->policy->authenticity_only) {
            snp_skip(c, "snp.measurement", why);
        } else {
            snp_cannot(c, "snp.measurement", why);
        }
        return false;
    }
    if (c->root_class == CL_TEE_CLASS_NONE) {
        snp_cannot(c, "snp.measurement", "no accepted root: which references apply is not known");
        return false;
    }
    check_measurement(c, &id);
    check_key(c, "snp.id_key", id.by_id_key, id.id_key, id.measurement || id.author_key,
              &c->rules->id_keys, c->report->id_key_digest);
    check_key(c, "snp.author_key", id.by_author_key, id.author_key, id.measurement || id.id_key,
              &c->rules->author_keys, c->report->author_key_digest);
    return true;
}

static void check_guest_svn(struct snp_ctx *c)
{
    if (c->rules->min_guest_svn == 0) {
        snp_skip(c, "snp.guest_svn", "no minimum was given");
        return;
    }
    struct cl_check *k =
        snp_check(c, "snp.guest_svn", c->report->guest_svn >= c->rules->min_guest_svn);
    cl_check_expected(k, "at least %u", c->rules->min_guest_svn);
    cl_check_actual(k, "%u", c->report->guest_svn);
}

/* What the caller expects exactly, and what the policy lists: both must hold. */
static void check_value(struct snp_ctx *c, const char *name, const uint8_t *want,
                        const struct cl_policy_list *list, const uint8_t *got, size_t n)
{
    if (want == NULL && list->count == 0) {
        snp_skip(c, name, "no expected value was given");
        return;
    }
    bool exact = want == NULL || memcmp(want, got, n) == 0;
    bool listed = list->count == 0 || cl_policy_list_has(list, got);
    struct cl_check *k = snp_check(c, name, exact && listed);
    cl_check_hex(k, !exact ? want : listed ? got : list->data, got, n);
    if (list->count > 1) {
        cl_check_why(k, "%zu values are listed", list->count);
    }
}

bool snp_identity_check(struct snp_ctx *c)
{
    const struct cl_snp_report *r = c->report;
    bool compared = check_identity(c);
    check_guest_svn(c);
    check_value(c, "snp.family_id", NULL, &c->rules->family_ids, r->family_id,
                sizeof(r->family_id));
    check_value(c, "snp.image_id", NULL, &c->rules->image_ids, r->image_id, sizeof(r->image_id));
    check_value(c, "snp.report_data", c->policy->report_data, &c->rules->report_data,
                r->report_data, sizeof(r->report_data));
    check_value(c, "snp.host_data", c->policy->host_data, &c->rules->host_data, r->host_data,
                sizeof(r->host_data));
    return compared;
}
