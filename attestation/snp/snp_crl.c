/* SPDX-License-Identifier: Apache-2.0
 * snp_crl.c - revocation: lists that the root (or the intermediate) of a chain signed, whether one
 * of them is in its period, and whether one of them names a certificate of the chain.
 * Trust: lists are hostile until their signature verified; what a hostile host can do is to leave
 *        one out, or to give an older one: a policy that requires lists says how old is too old.
 * Threads: pure. Memory: one list at a time. Spec: snp.md a.8, a.10 step 13; RFC 5280 section 5.
 */
#include "snp/snp_internal.h"

#include "base/io.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define DAY INT64_C(86400)

/* A full list of version 2 for everything that its issuer issued: any critical extension (a
 * distribution point, a delta) would narrow that. */
static bool is_plain(const X509_CRL *crl)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        if (X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, i)) != 0) {
            return false;
        }
    }
    return X509_CRL_get_version(crl) == X509_CRL_VERSION_2 &&
           X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) < 0 &&
           X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1) < 0;
}

static bool signed_by(X509_CRL *crl, const X509 *issuer)
{
    bool good = X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) == 0 &&
                cl_x509_key_is_rsa4096(issuer) && cl_x509_crl_signed_with_pss_sha384(crl) &&
                (X509_get_key_usage((X509 *)(uintptr_t)issuer) & X509v3_KU_CRL_SIGN) != 0 &&
                X509_CRL_verify(crl, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    return good;
}

/* A certificate that the list's issuer issued, by its serial. */
static bool lists(X509_CRL *crl, const struct cl_snp_chain *c, enum snp_chain_level level)
{
    X509_REVOKED *entry = NULL;
    return X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(c->certs[level])) == 0 &&
           X509_CRL_get0_by_cert(crl, &entry, c->certs[level]) > 0;
}

static bool examine(const struct cl_snp_chain *c, const uint8_t *der, size_t len,
                    struct snp_crl *ret)
{
    CL_CLEANUP(cl_x509_crl_freep) X509_CRL *crl = NULL;
    if (cl_x509_crl_parse(der, len, &crl, /* err= */ NULL) != CL_OK || !is_plain(crl) ||
        !cl_x509_crl_dates(crl, &ret->this_update, &ret->next_update)) {
        return false;
    }
    ret->by_root = signed_by(crl, c->certs[SNP_CHAIN_ARK]);
    if (!ret->by_root && !signed_by(crl, c->certs[SNP_CHAIN_ASK])) {
        return false;
    }
    for (unsigned i = 0; i < SNP_CHAIN_LEVELS; i++) {
        ret->lists[i] = lists(crl, c, (enum snp_chain_level)i);
    }
    return true;
}

void snp_crl_examine(struct cl_snp_chain *chain, const struct cl_snp_evidence *ev)
{
    for (size_t i = 0; i < ev->cert_count; i++) {
        const struct snp_cert *x = &ev->certs[i];
        if (x->type != CL_SNP_CERT_CRL) {
            continue;
        }
        if (examine(chain, x->der, x->len, &chain->crls[chain->crl_count])) {
            chain->crl_count++;
        } else {
            chain->crls[chain->crl_count] = (struct snp_crl){0};
            chain->crls_refused++;
        }
    }
}

static int64_t max_age(const struct cl_snp_policy *p)
{
    return p->common != NULL ? (int64_t)p->common->max_collateral_age_days * DAY : 0;
}

static bool in_its_period(const struct snp_ctx *c, const struct snp_crl *l)
{
    int64_t t = c->policy->time, age = max_age(c->policy);
    return l->this_update <= t && t < l->next_update && (age == 0 || t - l->this_update <= age);
}

/* The newest list of the root, or NULL. */
static const struct snp_crl *newest_of_root(const struct cl_snp_chain *chain)
{
    const struct snp_crl *best = NULL;
    for (size_t i = 0; i < chain->crl_count; i++) {
        const struct snp_crl *l = &chain->crls[i];
        if (l->by_root && (best == NULL || l->this_update > best->this_update)) {
            best = l;
        }
    }
    return best;
}

static const struct snp_crl *current_of_root(const struct snp_ctx *c)
{
    for (size_t i = 0; i < c->chain->crl_count; i++) {
        if (c->chain->crls[i].by_root && in_its_period(c, &c->chain->crls[i])) {
            return &c->chain->crls[i];
        }
    }
    return NULL;
}

static void describe(struct cl_check *k, const struct snp_ctx *c, const struct snp_crl *l)
{
    char a[21], b[21], now[21];
    cl_time_format(now, c->policy->time);
    cl_check_expected(k, "a list of the root in its period at %s", now);
    if (l == NULL) {
        cl_check_actual(k, "%s",
                        c->chain->crls_refused > 0
                            ? "none that the root signed and that is well-formed"
                            : "none");
        return;
    }
    cl_time_format(a, l->this_update);
    cl_time_format(b, l->next_update);
    cl_check_actual(k, "one from %s, before %s", a, b);
}

/* Without a list that is good now, nothing is known of revocation: undetermined when the policy
 * requires one, otherwise only said. */
static bool check_current(struct snp_ctx *c)
{
    bool required = c->policy->common != NULL && c->policy->common->require_crls;
    const struct snp_crl *current = current_of_root(c);
    enum cl_check_status st = current != NULL ? CL_CHECK_PASS
                              : required      ? CL_CHECK_UNKNOWN
                                              : CL_CHECK_SKIPPED;
    struct cl_check *k = cl_verdict_add(c->result, "snp.crl", st);
    describe(k, c, current != NULL ? current : newest_of_root(c->chain));
    if (current == NULL) {
        cl_check_why(k, required ? "the policy requires a revocation list"
                                 : "no revocation list that is good at this time was given");
        /* One that was given and does not help is worth a person's attention. */
        k->warning = !required && c->chain->crl_count + c->chain->crls_refused > 0;
    }
    return current != NULL;
}

static const char *first_listed(const struct cl_snp_chain *chain)
{
    static const char *const words[SNP_CHAIN_LEVELS] = {"the endorsement key's certificate",
                                                        "the intermediate's certificate",
                                                        "the root's certificate"};
    for (unsigned level = SNP_CHAIN_LEVELS; level-- > 0;) {
        for (size_t i = 0; i < chain->crl_count; i++) {
            if (chain->crls[i].lists[level]) {
                return words[level];
            }
        }
    }
    return NULL;
}

void snp_crl_check(struct snp_ctx *c)
{
    if (!c->chain->complete || c->root_class == CL_TEE_CLASS_NONE) {
        const char *why = "no chain up to an accepted root whose lists would count";
        snp_skip(c, "snp.crl", why);
        snp_skip(c, "snp.revocation", why);
        return;
    }
    bool current = check_current(c);
    const char *listed = first_listed(c->chain);
    if (listed != NULL) { /* by any list, however old: revocation is for good */
        struct cl_check *k = snp_check(c, "snp.revocation", false);
        cl_check_expected(k, "no certificate on a revocation list");
        cl_check_actual(k, "%s", listed);
    } else if (current) {
        (void)snp_check(c, "snp.revocation", true);
    } else {
        snp_skip(c, "snp.revocation", "no list to look into: see snp.crl");
    }
}
