/* SPDX-License-Identifier: Apache-2.0
 * idverify.c - what the security processor checks of an ID block at launch, and comparisons.
 * Trust: block, keys and signatures are hostile; a good signature proves only who holds the key.
 * Threads: pure. Memory: one result. Spec: AMD 56860, SNP_LAUNCH_FINISH; snp.md b.
 */
#include "snp/idblock/idblock.h"

#include "base/digest.h"
#include "verdict/verdict.h"

#include <string.h>

struct id_ctx {
    const uint8_t *block;
    struct id_auth_wire auth;
    const struct cl_snp_id_policy *policy;
    struct cl_snp_id_facts facts;
    struct cl_verify_result *result;
    bool compared;
};

static struct cl_check *check(struct id_ctx *c, const char *id, bool good)
{
    return cl_verdict_add(c->result, id, good ? CL_CHECK_PASS : CL_CHECK_FAIL);
}

static void skip(struct id_ctx *c, const char *id, const char *why)
{
    cl_check_why(cl_verdict_add(c->result, id, CL_CHECK_SKIPPED), "%s", why);
}

/* Without an author its algorithm is 0 or, as some tools write it, that of the ID key. */
static void check_algorithms(struct id_ctx *c)
{
    uint32_t id = cl_le32_get(&c->auth.id_key_algo);
    uint32_t author = cl_le32_get(&c->auth.author_key_algo);
    bool good = id == ID_ALGO_P384_SHA384 &&
                (author == ID_ALGO_P384_SHA384 || (author == 0 && !c->facts.has_author));
    struct cl_check *k = check(c, "snp.idblock.algorithms", good);
    cl_check_expected(k, "1 (ECDSA P-384 with SHA-384) for each key");
    cl_check_actual(k, "%u and %u", id, author);
}

static void check_reserved(struct id_ctx *c)
{
    bool good = id_all_zero(c->auth.zero0, sizeof(c->auth.zero0)) &&
                id_all_zero(c->auth.zero1, sizeof(c->auth.zero1)) &&
                id_all_zero(c->auth.zero2, sizeof(c->auth.zero2));
    struct cl_check *k = check(c, "snp.idblock.reserved", good);
    cl_check_expected(k, "zero bytes in reserved places");
    cl_check_actual(k, "%s", good ? "zero bytes" : "others");
}

static bool check_signature(struct id_ctx *c, const char *id, const struct id_signature_wire *sig,
                            const struct id_key_wire *key, const void *data, size_t n,
                            const char *what)
{
    bool good = id_signature_good(sig, key, data, n);
    struct cl_check *k = check(c, id, good);
    cl_check_expected(k, "ECDSA P-384 with SHA-384 over %s", what);
    cl_check_actual(k, "%s", good ? "the same" : "a key or signature that does not verify");
    return good;
}

static void check_signatures(struct id_ctx *c)
{
    bool good = check_signature(c, "snp.idblock.signature", &c->auth.block_signature,
                                &c->auth.id_key, c->block, CL_SNP_ID_BLOCK_SIZE, "the ID block");
    if (c->facts.has_author) {
        good = check_signature(c, "snp.idblock.author_signature", &c->auth.id_key_signature,
                               &c->auth.author_key, &c->auth.id_key, sizeof(c->auth.id_key),
                               "the ID key") &&
               good;
    } else {
        skip(c, "snp.idblock.author_signature", "there is no author key");
    }
    c->result->authentic = good ? CL_YES : CL_NO;
}

static void compare_digest(struct id_ctx *c, const char *id, const uint8_t *expected,
                           const uint8_t *actual)
{
    if (expected == NULL) {
        skip(c, id, "nothing to compare it with was given");
        return;
    }
    /* public values */
    struct cl_check *k = check(c, id, memcmp(expected, actual, CL_SNP_ID_DIGEST_SIZE) == 0);
    cl_check_hex(k, expected, actual, CL_SNP_ID_DIGEST_SIZE);
    c->compared = true;
}

static void compare_author(struct id_ctx *c)
{
    static const char id[] = "snp.idblock.author_key_digest";
    if (c->facts.has_author || c->policy->author_key_digest == NULL) {
        compare_digest(c, id, c->policy->author_key_digest, c->facts.author_key_digest);
        return;
    }
    struct cl_check *k = check(c, id, /* good= */ false);
    cl_check_hex(k, c->policy->author_key_digest, NULL, CL_SNP_ID_DIGEST_SIZE);
    cl_check_actual(k, "no author key");
    c->compared = true;
}

static void compare(struct id_ctx *c)
{
    const struct cl_snp_id_policy *p = c->policy;
    compare_digest(c, "snp.idblock.id_key_digest", p->id_key_digest, c->facts.id_key_digest);
    compare_author(c);
    compare_digest(c, "snp.idblock.measurement", p->measurement, c->facts.block.measurement);
    if (!p->has_policy) {
        skip(c, "snp.idblock.policy", "nothing to compare it with was given");
        return;
    }
    struct cl_check *k = check(c, "snp.idblock.policy", p->policy == c->facts.block.policy);
    cl_check_expected(k, "%llx", (unsigned long long)p->policy);
    cl_check_actual(k, "%llx", (unsigned long long)c->facts.block.policy);
    c->compared = true;
}

static enum cl_status take_facts(struct id_ctx *c, struct cl_err *err)
{
    const struct id_auth_wire *a = &c->auth;
    c->facts.has_author = !id_all_zero(&a->author_key, sizeof(a->author_key)) ||
                          !id_all_zero(&a->id_key_signature, sizeof(a->id_key_signature));
    CL_TRY(cl_sha384(c->facts.id_key_digest, &a->id_key, sizeof(a->id_key), err));
    if (c->facts.has_author) {
        CL_TRY(cl_sha384(c->facts.author_key_digest, &a->author_key, sizeof(a->author_key), err));
    }
    return CL_OK;
}

enum cl_status cl_snp_id_verify(const uint8_t *block, size_t block_len, const uint8_t *auth,
                                size_t auth_len, const struct cl_snp_id_policy *policy,
                                struct cl_snp_id_facts *ret_facts,
                                struct cl_verify_result **ret_result, struct cl_err *err)
{
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *result = NULL;
    struct id_ctx c = {.block = block, .policy = policy};
    CL_TRY(cl_snp_id_block_decode(block, block_len, &c.facts.block, err));
    CL_TRY(id_check_size("ID authentication information", auth_len, sizeof(c.auth), err));
    memcpy(&c.auth, auth, sizeof(c.auth));
    CL_TRY(take_facts(&c, err));
    CL_TRY(cl_verdict_new(/* t= */ 0, &result, err));
    c.result = result;
    check_algorithms(&c);
    check_reserved(&c);
    check_signatures(&c);
    compare(&c);
    cl_verdict_conclude(result, c.compared, /* authenticity_only= */ false);
    if (ret_facts != NULL) {
        *ret_facts = c.facts;
    }
    *ret_result = CL_TAKE(result);
    return CL_OK;
}
