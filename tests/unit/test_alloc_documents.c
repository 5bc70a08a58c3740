/* SPDX-License-Identifier: Apache-2.0
 * test_alloc_documents.c - CoRIM, collateral, policies and distrust documents while memory runs out
 * at every point in turn: an error, no half of a document, and never a crash or a leak.
 */
#include "base/json.h"
#include "check_main.h"
#include "cloister/collateral.h"
#include "cloister/corim.h"
#include "cloister/distrust.h"
#include "cloister/jwt.h"
#include "cloister/verify_policy.h"
#include "collateral_world.h"
#include "failing_alloc.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <string.h>

#define NOW INT64_C(1790000000)

static EVP_PKEY *p256, *ed25519;
static struct cl_corim values;
static struct cl_buf corim, bundle, distrust, quote_collateral;
static struct cl_collateral *collateral; /* one item of each kind */
static uint8_t signer[CL_COLLATERAL_SIGNER_SIZE];

static const char policy_text[] =
    "{\"schema\":\"cloister.verify-policy/1\",\"snp\":{\"measurements\":[\""
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e"
    "2f\"],\"products\":[\"milan\",\"genoa\"]},\"tdx\":{\"statuses\":[\"UpToDate\"],"
    "\"allowed_advisories\":[\"INTEL-SA-00001\"]},\"tpm\":{\"required_pcrs\":{\"sha256\":[0,7]}}}";

/* ---- CoRIM ---- */

static enum cl_status write_corim(void)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_TRY(cl_corim_write(&values, p256, &out, NULL));
    return cl_corim_looks_like(out.data, out.len) ? CL_OK : CL_ERR_MALFORMED;
}

static enum cl_status write_ed25519_corim(void)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    return cl_corim_write(&values, ed25519, &out, NULL);
}

static enum cl_status read_corim(void)
{
    struct cl_corim c;
    return cl_corim_read(corim.data, corim.len, p256, CL_CORIM_SIGNED, NOW, &c, NULL);
}

START_TEST(test_corim)
{
    failing_alloc_each(write_corim, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(write_ed25519_corim, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(read_corim, EVERY_ONE_COUNTS, 1);
}
END_TEST

/* ---- collateral ---- */

static enum cl_status add_items(void)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = NULL;
    CL_TRY(cl_collateral_new(&c, NULL));
    return cw_add_all(c, NULL);
}

static enum cl_status check_issuers(void)
{
    for (size_t i = 0; i < cl_collateral_count(collateral); i++) {
        CL_TRY(cl_collateral_check_issuer(collateral, cl_collateral_item(collateral, i), NULL));
    }
    return CL_OK;
}

static enum cl_status write_bundle(void)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    return cl_collateral_write_bundle(collateral, NOW, NOW + 1000, p256, &out, NULL);
}

static enum cl_status write_ed25519_bundle(void)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    return cl_collateral_write_bundle(collateral, NOW, NOW + 1000, ed25519, &out, NULL);
}

static enum cl_status read_document(const struct cl_buf *text, const uint8_t *by)
{
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *c = NULL;
    struct cl_collateral_options options = {.time = NOW, .signer = by};
    CL_TRY(cl_collateral_new(&c, NULL));
    return cl_collateral_add_document(c, text->data, text->len, &options, NULL);
}

static enum cl_status read_bundle(void)
{
    return read_document(&bundle, signer);
}

static enum cl_status read_quote_collateral(void)
{
    return read_document(&quote_collateral, NULL);
}

static enum cl_status name_signer(void)
{
    uint8_t digest[CL_COLLATERAL_SIGNER_SIZE];
    return cl_collateral_signer_of(p256, digest, NULL);
}

START_TEST(test_items_of_collateral)
{
    failing_alloc_each(add_items, EVERY_ONE_COUNTS, 23);
    failing_alloc_each(check_issuers, EVERY_ONE_COUNTS, 23);
}
END_TEST

START_TEST(test_documents_of_collateral)
{
    failing_alloc_each(write_bundle, EVERY_ONE_COUNTS, 5);
    failing_alloc_each(write_ed25519_bundle, EVERY_ONE_COUNTS, 5);
    failing_alloc_each(read_bundle, EVERY_ONE_COUNTS, 41);
    failing_alloc_each(read_quote_collateral, EVERY_ONE_COUNTS, 41);
    failing_alloc_each(name_signer, EVERY_ONE_COUNTS, 1);
}
END_TEST

/* ---- policies ---- */

static enum cl_status read_policy(void)
{
    CL_CLEANUP(cl_verify_policy_freep) struct cl_verify_policy *p = NULL;
    return cl_verify_policy_parse(policy_text, strlen(policy_text), &p, NULL);
}

static enum cl_status read_distrust(void)
{
    CL_CLEANUP(cl_distrust_freep) struct cl_distrust *d = NULL;
    return cl_distrust_read((const char *)distrust.data, distrust.len, ed25519, NOW, &d, NULL);
}

START_TEST(test_policies)
{
    failing_alloc_each(read_policy, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(read_distrust, EVERY_ONE_COUNTS, 1);
}
END_TEST

/* ---- the world ---- */

static void make_values(void)
{
    values = (struct cl_corim){.id = "cloister:snp:0123",
                               .signer = "build farm",
                               .not_before = NOW - 10,
                               .not_after = NOW + 1000,
                               .count = 2};
    values.references[0].tee_class = CL_TEE_CLASS_SNP;
    values.references[1].tee_class = CL_TEE_CLASS_SIM_TDX;
    values.references[1].has_rtmr[1] = true;
}

static enum cl_status make_quote_collateral(void)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = cw_quote_collateral();
    return cl_json_compact(j, &quote_collateral, NULL);
}

static enum cl_status make_distrust(void)
{
    CL_CLEANUP(cl_json_decrefp)
    json_t *j =
        json_pack("{s:s,s:I,s:I,s:[{s:s,s:s,s:s,s:s}]}", "schema", "cloister.platform-distrust/1",
                  "iat", NOW - 10, "exp", NOW + 1000, "entries", "id", "X-1", "source", "a paper",
                  "reason", "keys are out", "family", "snp");
    return cl_jwt_sign(CL_JWT_EDDSA, ed25519, NULL, j, &distrust, NULL);
}

static enum cl_status make_world(void)
{
    p256 = EVP_EC_gen("P-256");
    ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    cw_init(NOW);
    make_values();
    CL_TRY(cl_corim_write(&values, p256, &corim, NULL));
    CL_TRY(cl_collateral_new(&collateral, NULL));
    CL_TRY(cw_add_all(collateral, NULL));
    CL_TRY(cl_collateral_write_bundle(collateral, NOW, NOW + 1000, p256, &bundle, NULL));
    CL_TRY(cl_collateral_signer_of(p256, signer, NULL));
    CL_TRY(make_quote_collateral());
    return make_distrust();
}

int main(void)
{
    failing_alloc_init();
    if (make_world() != CL_OK) {
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("alloc_documents");
    TCase *t = tcase_create("alloc_documents");
    tcase_set_timeout(t, 240);
    tcase_add_test(t, test_corim);
    tcase_add_test(t, test_items_of_collateral);
    tcase_add_test(t, test_documents_of_collateral);
    tcase_add_test(t, test_policies);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    struct cl_buf *bufs[] = {&corim, &bundle, &distrust, &quote_collateral};
    for (size_t i = 0; i < CL_ARRAY_LEN(bufs); i++) {
        cl_buf_done(bufs[i]);
    }
    cl_collateral_free(collateral);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(ed25519);
    return rc;
}
