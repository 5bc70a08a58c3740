/* SPDX-License-Identifier: Apache-2.0
 * snp_chain_check.c - the decisions about the certificates of a report, by what snp_chain.c found
 * out about them. Trust: the root counts only when the SHA-384 of its key is pinned for the
 * report's product (class snp) or named by the policy (class sim-snp). Threads: pure. Memory: none.
 * Spec: snp.md a.6, a.7, a.10 step 3.
 */
#include "snp/snp_internal.h"

#include "base/io.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

static void check_root(struct snp_ctx *c)
{
    const uint8_t *spki = c->chain->root_spki;
    if (!c->chain->root_key_known) {
        snp_cannot(c, "snp.chain.root", "the root's key could not be read");
        return;
    }
    const uint8_t *pinned = snp_root_of(c->roots, c->product);
    enum cl_snp_product owner = snp_root_product(c->roots, spki);
    if (owner != CL_SNP_PRODUCT_UNKNOWN && owner == c->product) {
        c->root_class = CL_TEE_CLASS_SNP;
    }
    for (size_t i = 0; owner == CL_SNP_PRODUCT_UNKNOWN && i < c->policy->sim_root_count; i++) {
        if (memcmp(c->policy->sim_roots[i], spki, CL_SNP_ROOT_SIZE) == 0) {
            c->root_class = CL_TEE_CLASS_SIM_SNP;
            pinned = spki;
        }
    }
    struct cl_check *k = snp_check(c, "snp.chain.root", c->root_class != CL_TEE_CLASS_NONE);
    cl_check_hex(k, pinned, spki, CL_SNP_ROOT_SIZE);
    if (pinned == NULL) {
        cl_check_expected(k, "a pinned root of a known product");
    }
    if (c->root_class == CL_TEE_CLASS_SIM_SNP) {
        cl_check_why(k, "a simulated root that the policy names: memory is not protected");
        k->warning = true;
    } else if (c->root_class == CL_TEE_CLASS_NONE) {
        cl_check_why(k, "SHA-384 of the root's public key: %s",
                     owner != CL_SNP_PRODUCT_UNKNOWN ? "this is the root of another product line"
                                                     : "neither pinned nor named by the policy");
    }
}

struct names {
    char ek[CL_X509_CN_SIZE], ask[CL_X509_CN_SIZE], ark[CL_X509_CN_SIZE];
};

static void expected_names(const struct snp_ctx *c, struct names *n)
{
    static const char *const products[CL_SNP_PRODUCT_COUNT] = {"?", "Milan", "Genoa", "Turin"};
    if (c->root_class == CL_TEE_CLASS_SIM_SNP) {
        *n = (struct names){"Cloister simulated VCEK", "Cloister simulated ASK",
                            "Cloister simulated ARK"};
        return;
    }
    bool vlek = c->signing_key == SNP_KEY_VLEK;
    const char *product = products[c->product];
    (void)snprintf(n->ek, sizeof(n->ek), "SEV-%s", vlek ? "VLEK" : "VCEK");
    (void)snprintf(n->ask, sizeof(n->ask), "SEV-%s%s", vlek ? "VLEK-" : "", product);
    (void)snprintf(n->ark, sizeof(n->ark), "ARK-%s", product);
}

static void check_names(struct snp_ctx *c)
{
    struct names want;
    const char *ek = c->chain->cn[SNP_CHAIN_EK], *ask = c->chain->cn[SNP_CHAIN_ASK],
               *ark = c->chain->cn[SNP_CHAIN_ARK];
    expected_names(c, &want);
    bool good = strcmp(want.ek, ek) == 0 && strcmp(want.ask, ask) == 0 &&
                strcmp(want.ark, ark) == 0 && c->chain->root_self_issued;
    struct cl_check *k = snp_check(c, "snp.chain.names", good);
    cl_check_expected(k, "%s < %s < %s", want.ek, want.ask, want.ark);
    cl_check_actual(k, "%s < %s < %s", ek, ask, ark);
}

static void check_algorithms(struct snp_ctx *c)
{
    static const char *const words[] = {"the endorsement key's certificate",
                                        "the intermediate's certificate", "the root's certificate"};
    size_t bad = 0;
    while (bad < SNP_CHAIN_LEVELS && c->chain->algorithm_good[bad]) {
        bad++;
    }
    bool good = bad == SNP_CHAIN_LEVELS;
    struct cl_check *k = snp_check(c, "snp.chain.algorithms", good);
    cl_check_expected(k, "RSA-4096 PSS, SHA-384, MGF1 SHA-384, salt 48");
    cl_check_actual(k, "%s", good ? "the same" : "something else");
    cl_check_why(k, "%s", good ? "all three" : words[bad]);
}

static const char *word(bool good)
{
    return good ? "good" : "bad";
}

static void check_signatures(struct snp_ctx *c)
{
    const bool *good = c->chain->signature_good;
    struct cl_check *k =
        snp_check(c, "snp.chain.signatures",
                  good[SNP_CHAIN_EK] && good[SNP_CHAIN_ASK] && good[SNP_CHAIN_ARK]);
    cl_check_expected(k, "endorsement key good, intermediate good, root good");
    cl_check_actual(k, "endorsement key %s, intermediate %s, root %s", word(good[SNP_CHAIN_EK]),
                    word(good[SNP_CHAIN_ASK]), word(good[SNP_CHAIN_ARK]));
}

static void check_constraints(struct snp_ctx *c)
{
    struct cl_check *k = snp_check(c, "snp.chain.constraints", c->chain->constraints_good);
    cl_check_expected(k, "X.509 v3: a leaf under two CAs that may sign certificates, no unknown "
                         "critical extension");
    cl_check_actual(k, "%s", c->chain->constraints_good ? "the same" : "something else");
}

static void check_validity(struct snp_ctx *c)
{
    int64_t t = c->policy->time;
    char a[21], b[21], now[21];
    cl_time_format(a, c->chain->from);
    cl_time_format(b, c->chain->until);
    cl_time_format(now, t);
    struct cl_check *k =
        snp_check(c, "snp.chain.validity",
                  c->chain->dates_good && t >= c->chain->from && t < c->chain->until);
    cl_check_expected(k, "from %s, before %s", a, b); /* as OpenSSL has it */
    cl_check_actual(k, "%s", now);
    cl_check_why(k, "the time at which all three certificates are valid");
}

static void check_path(struct snp_ctx *c)
{
    if (c->root_class == CL_TEE_CLASS_NONE) {
        snp_skip(c, "snp.chain.path", "no accepted root to build a path to");
        return;
    }
    if (!c->chain->path_possible) {
        snp_skip(c, "snp.chain.path", "the intermediate's key is of another kind");
        return;
    }
    int e = c->chain->path_error;
    struct cl_check *k = snp_check(c, "snp.chain.path", e == X509_V_OK);
    cl_check_expected(k, "a valid path to the root");
    cl_check_actual(k, "%s",
                    e == X509_V_OK ? "a valid path to the root" : X509_verify_cert_error_string(e));
}

void snp_chain_check(struct snp_ctx *c)
{
    static const char *const ids[] = {"snp.chain.root",        "snp.chain.names",
                                      "snp.chain.algorithms",  "snp.chain.signatures",
                                      "snp.chain.constraints", "snp.chain.validity",
                                      "snp.chain.path"};
    if (!c->chain->complete) {
        const char *why = c->chain->certs[SNP_CHAIN_EK] == NULL
                              ? "no VCEK or VLEK certificate was given"
                          : c->chain->certs[SNP_CHAIN_ASK] == NULL
                              ? "the certificate of the intermediate (ASK or ASVK) "
                                "was not given"
                              : "the certificate of the root (ARK) was not given";
        for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
            snp_cannot(c, ids[i], why);
        }
        return;
    }
    check_root(c);
    check_names(c);
    check_algorithms(c);
    check_signatures(c);
    check_constraints(c);
    check_validity(c);
    check_path(c);
}
