/* SPDX-License-Identifier: Apache-2.0
 * test_gather.c - evidence of this machine: configfs-tsm played by a folder of files, and a TPM in
 * software (swtpm), whose quotes are then verified, and refused when anything about them is wrong.
 */
#include "cloister/gather.h"

#include "base/io.h"
#include "base/json.h"
#include "check_main.h"
#include "snp_world.h"
#include "swtpm_rig.h"
#include "tpm/vtpm_internal.h"
#include "tpm_world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <tss2/tss2_esys.h>
#include <unistd.h>

/* ---- configfs-tsm ---- */

struct tree { /* ROOT/cloister-PID/ with its attributes as files */
    char root[64], dir[96];
};

static void put_file(const struct tree *t, const char *name, const void *data, size_t len)
{
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/%s", t->dir, name);
    ck_assert_int_eq(cl_write_file(path, data, len, 0600, NULL), CL_OK);
}

static void tree_make(struct tree *t, const char *provider)
{
    (void)snprintf(t->root, sizeof(t->root), "/tmp/cloister-tsm-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t->root));
    (void)snprintf(t->dir, sizeof(t->dir), "%s/cloister-%d", t->root, (int)getpid());
    ck_assert_int_eq(mkdir(t->dir, 0700), 0);
    put_file(t, "inblob", "", 0);
    put_file(t, "generation", "7\n", 2);
    put_file(t, "provider", provider, strlen(provider));
    put_file(t, "outblob", "report", 6);
}

static void tree_done(struct tree *t)
{
    static const char *const names[] = {"inblob", "generation", "provider", "outblob", "auxblob"};
    char path[160];
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", t->dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(t->dir);
    ck_assert_int_eq(rmdir(t->root), 0);
}

START_TEST(test_tsm_gives_report_provider_and_certificates)
{
    CL_CLEANUP(tree_done) struct tree t;
    CL_CLEANUP(cl_tsm_report_done) struct cl_tsm_report r = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf asked = {0};
    uint8_t data[CL_REPORT_DATA_SIZE];
    char path[160];
    struct cl_err err = {0};
    memset(data, 0xDA, sizeof(data));
    tree_make(&t, "sev_guest\n");
    put_file(&t, "auxblob", "certs", 5);
    ck_assert_msg(cl_tsm_get(t.root, data, &r, &err) == CL_OK, "%s", err.msg);
    ck_assert_str_eq(r.provider, "sev_guest");
    ck_assert_uint_eq(r.report.len, 6);
    ck_assert_mem_eq(r.report.data, "report", 6);
    ck_assert_mem_eq(r.certs.data, "certs", 5);
    (void)snprintf(path, sizeof(path), "%s/inblob", t.dir);
    ck_assert_int_eq(cl_buf_read_file(&asked, path, 100, NULL), CL_OK);
    ck_assert_uint_eq(asked.len, sizeof(data));
    ck_assert_mem_eq(asked.data, data, sizeof(data));
}
END_TEST

START_TEST(test_tsm_without_certificates)
{
    CL_CLEANUP(tree_done) struct tree t;
    CL_CLEANUP(cl_tsm_report_done) struct cl_tsm_report r = {0};
    const uint8_t data[CL_REPORT_DATA_SIZE] = {1};
    tree_make(&t, "tdx_guest\n");
    ck_assert_int_eq(cl_tsm_get(t.root, data, &r, NULL), CL_OK);
    ck_assert_str_eq(r.provider, "tdx_guest");
    ck_assert_uint_eq(r.certs.len, 0);
}
END_TEST

START_TEST(test_tsm_failures)
{
    CL_CLEANUP(tree_done) struct tree t;
    CL_CLEANUP(cl_tsm_report_done) struct cl_tsm_report r = {0};
    const uint8_t data[CL_REPORT_DATA_SIZE] = {1};
    char path[160];
    struct cl_err err = {0};
    tree_make(&t, "sev_guest\n");
    ck_assert_int_eq(cl_tsm_get("/nonexistent", data, &r, &err), CL_ERR_SYS);
    ck_assert_int_eq(err.sys_errno, ENOENT);
    /* The generation is another one at each look: somebody else writes. */
    (void)snprintf(path, sizeof(path), "%s/generation", t.dir);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink("/proc/sys/kernel/random/uuid", path), 0);
    ck_assert_int_eq(cl_tsm_get(t.root, data, &r, &err), CL_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.msg, "another writer's in each of 5 tries"));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_ne(cl_tsm_get(t.root, data, &r, &err), CL_OK);
    ck_assert_ptr_nonnull(strstr(err.msg, "generation"));
    ck_assert_uint_eq(r.report.len, 0);
}
END_TEST

START_TEST(test_no_sev_guest_device)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf certs = {0};
    const uint8_t data[CL_REPORT_DATA_SIZE] = {1};
    struct cl_err err = {0};
    ck_assert_int_eq(cl_sev_guest_get("/nonexistent", data, &report, &certs, &err), CL_ERR_SYS);
    ck_assert_int_eq(err.sys_errno, ENOENT);
    ck_assert_int_eq(cl_sev_guest_get("/dev/null", data, &report, &certs, &err), CL_ERR_SYS);
    ck_assert_int_eq(err.sys_errno, ENOTTY);
}
END_TEST

/* ---- swtpm ---- */

/* Extends a register, so that they are not all alike. */
static void extend(ESYS_CONTEXT *esys, ESYS_TR pcr)
{
    TPML_DIGEST_VALUES v = {.count = 3,
                            .digests = {{.hashAlg = TPM2_ALG_SHA1},
                                        {.hashAlg = TPM2_ALG_SHA256},
                                        {.hashAlg = TPM2_ALG_SHA384}}};
    memset(&v.digests[0].digest, 1, 20);
    memset(&v.digests[1].digest, 2, 32);
    memset(&v.digests[2].digest, 3, 48);
    ck_assert_uint_eq(Esys_PCR_Extend(esys, pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &v),
                      TSS2_RC_SUCCESS);
}

static struct cl_vtpm_evidence *gather(uint16_t bank, uint32_t mask, enum cl_tpm_key_kind key,
                                       const char *nonce)
{
    struct cl_vtpm_evidence *ev = NULL;
    struct cl_err err = {0};
    struct cl_tpm_request request = {.nonce = (const uint8_t *)nonce,
                                     .nonce_len = strlen(nonce),
                                     .selection = {.bank_count = 1, .bank = {{bank, mask}}},
                                     .key = key};
    ck_assert_msg(cl_tpm_gather(swtpm_tcti(), &request, &ev, &err) == CL_OK, "%s", err.msg);
    return ev;
}

/* A policy that wants this evidence, key, nonce and PCR 16, as it is. */
struct policy_world {
    struct cl_tpm_ak_id ak;
    struct cl_tpm_pcr_value pcr;
    struct cl_vtpm_policy policy;
};

static void policy_init(struct policy_world *w, const struct cl_vtpm_evidence *ev, uint16_t bank)
{
    *w = (struct policy_world){.pcr = {.alg = bank, .index = 16}};
    w->ak.len = ev->area.name_len;
    memcpy(w->ak.id, ev->area.name, ev->area.name_len);
    const uint8_t *value = cl_tpm_pcrs_get(&ev->parts.pcrs, bank, 16);
    ck_assert_ptr_nonnull(value);
    memcpy(w->pcr.value, value, cl_tpm_hash_size(bank));
    w->policy = (struct cl_vtpm_policy){.nonce = (const uint8_t *)"nonce",
                                        .nonce_len = 5,
                                        .aks = &w->ak,
                                        .ak_count = 1,
                                        .pcrs = &w->pcr,
                                        .pcr_count = 1};
}

static void expect(const struct cl_vtpm_evidence *ev, const struct cl_vtpm_policy *policy,
                   const char *failing)
{
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    ck_assert_int_eq(cl_vtpm_verify(ev, policy, &r, NULL, NULL), CL_OK);
    const struct cl_check *c = cl_verify_result_deciding(r);
    ck_assert_msg(failing == NULL ? c == NULL : c != NULL && strcmp(c->id, failing) == 0,
                  "%s instead of %s: %s", c != NULL ? c->id : "accepted",
                  failing != NULL ? failing : "accepted", c != NULL ? c->actual : "");
}

START_TEST(test_quotes_of_three_banks_and_two_keys)
{
    static const uint16_t banks[] = {CL_TPM_ALG_SHA1, CL_TPM_ALG_SHA256, CL_TPM_ALG_SHA384};
    static const enum cl_tpm_key_kind kinds[] = {CL_TPM_KEY_RSA, CL_TPM_KEY_ECC};
    ESYS_CONTEXT *esys = NULL;
    if (!swtpm_have()) {
        return;
    }
    swtpm_start();
    ck_assert_uint_eq(Esys_Initialize(&esys, swtpm_tcti(), NULL), TSS2_RC_SUCCESS);
    extend(esys, 16);
    for (size_t b = 0; b < CL_ARRAY_LEN(banks); b++) {
        for (size_t k = 0; k < CL_ARRAY_LEN(kinds); k++) {
            struct policy_world w;
            CL_CLEANUP(cl_vtpm_evidence_freep)
            struct cl_vtpm_evidence *ev = gather(banks[b], 0xFFFFFF, kinds[k], "nonce");
            CL_CLEANUP(cl_vtpm_evidence_freep)
            struct cl_vtpm_evidence *other = gather(banks[b], 0xFFFFFF, kinds[1 - k], "nonce");
            policy_init(&w, ev, banks[b]);
            expect(ev, &w.policy, NULL);
            expect(other, &w.policy, "tpm.ak.trusted");
            w.policy.nonce = (const uint8_t *)"Nonce";
            expect(ev, &w.policy, "tpm.quote.nonce");
            policy_init(&w, ev, banks[b]);
            w.pcr.value[0] ^= 1;
            expect(ev, &w.policy, "tpm.pcr.values");
            policy_init(&w, ev, banks[b]);
            w.pcr.alg = banks[(b + 1) % CL_ARRAY_LEN(banks)]; /* another bank than was quoted */
            expect(ev, &w.policy, "tpm.pcr.values");
            policy_init(&w, ev, banks[b]);
            extend(esys, 16); /* the old value is history */
            CL_CLEANUP(cl_vtpm_evidence_freep)
            struct cl_vtpm_evidence *later = gather(banks[b], 0xFFFFFF, kinds[k], "nonce");
            expect(later, &w.policy, "tpm.pcr.values");
        }
    }
    Esys_Finalize(&esys);
    swtpm_stop();
}
END_TEST

START_TEST(test_a_quote_of_several_banks_goes_through_json)
{
    struct cl_vtpm_evidence *made = NULL;
    struct cl_err err = {0};
    struct policy_world w;
    if (!swtpm_have()) {
        return;
    }
    swtpm_start();
    struct cl_tpm_request request = {
        .nonce = (const uint8_t *)"nonce",
        .nonce_len = 5,
        .selection = {.bank_count = 2,
                      .bank = {{CL_TPM_ALG_SHA384, 0x010001}, {CL_TPM_ALG_SHA1, 0x00F0F0}}}};
    ck_assert_msg(cl_tpm_gather(swtpm_tcti(), &request, &made, &err) == CL_OK, "%s", err.msg);
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *ev = made;
    CL_CLEANUP(cl_vtpm_evidence_freep) struct cl_vtpm_evidence *again = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    ck_assert_int_eq(cl_vtpm_evidence_to_json(ev, &j, NULL), CL_OK);
    ck_assert_msg(cl_vtpm_evidence_from_json(j, &again, &err) == CL_OK, "%s", err.msg);
    policy_init(&w, again, CL_TPM_ALG_SHA384);
    expect(again, &w.policy, NULL);
    /* A bank that this TPM does not have. */
    struct cl_vtpm_evidence *none = NULL;
    request.selection.bank[0].alg = 0x0027; /* SHA3-256 */
    ck_assert_int_eq(cl_tpm_gather(swtpm_tcti(), &request, &none, &err), CL_ERR_UNAVAILABLE);
    request.nonce_len = 65;
    ck_assert_int_eq(cl_tpm_gather(swtpm_tcti(), &request, &none, &err), CL_ERR_MALFORMED);
    swtpm_stop();
}
END_TEST

/* ---- the same TPM with a paravisor's report in it ---- */

START_TEST(test_a_paravisor_vouches_for_the_tpm)
{
    static uint8_t root[1][CL_SNP_ROOT_SIZE];
    ESYS_CONTEXT *esys = NULL;
    uint8_t n[256];
    EVP_PKEY *key = NULL;
    if (!swtpm_have()) {
        return;
    }
    swtpm_start();
    ck_assert_uint_eq(Esys_Initialize(&esys, swtpm_tcti(), NULL), TSS2_RC_SUCCESS);
    swtpm_azure_key(esys, n);
    ck_assert_int_eq(tpm_key_from_rsa(n, sizeof(n), &key, NULL), CL_OK);
    CL_CLEANUP(cl_buf_done) struct cl_buf runtime = {0};
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {0};
    struct tpm_world_quote unused = tpm_world_quote();
    tpm_world_set_key(TPM_RSA_OTHER, key); /* the world now knows it under that name */
    tpm_world_runtime(TPM_RSA_OTHER, "", &runtime);
    tpm_world_az_parts(&unused, (const char *)runtime.data, &p);
    swtpm_write_nv(esys, 0x01400001, &p.hcl);
    Esys_Finalize(&esys);

    CL_CLEANUP(cl_vtpm_evidence_freep)
    struct cl_vtpm_evidence *ev = gather(CL_TPM_ALG_SHA256, 0xFFFFFF, CL_TPM_KEY_RSA, "nonce");
    ck_assert_int_eq(ev->parts.kind, CL_TEE_CLASS_AZ_SNP_VTPM);
    ck_assert_uint_eq(ev->parts.hcl.len, p.hcl.len);
    ck_assert_mem_eq(ev->parts.hcl.data, p.hcl.data, p.hcl.len);
    struct world_cert certs[] = {world_vcek(), world_ask(), world_ark()};
    for (size_t i = 0; i < CL_ARRAY_LEN(certs); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
        world_cert_der(&certs[i], &der);
        ck_assert_int_eq(
            cl_snp_evidence_add_der(ev->snp, CL_SNP_CERT_OTHER + 1, der.data, der.len, NULL),
            CL_OK);
    }
    world_root(root[0]);
    struct cl_vtpm_policy policy = {.time = WORLD_TIME,
                                    .nonce = (const uint8_t *)"nonce",
                                    .nonce_len = 5,
                                    .authenticity_only = true};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    ck_assert_int_eq(
        vtpm_verify_with(ev, &policy, (const uint8_t(*)[CL_SNP_ROOT_SIZE])root, 1, &r, NULL, NULL),
        CL_OK);
    const struct cl_check *c = cl_verify_result_deciding(r);
    ck_assert_msg(r->verdict == CL_VERDICT_ACCEPTED, "%s: %s", c->id, c->actual);
    swtpm_stop();
}
END_TEST

int main(void)
{
    world_init();
    tpm_world_init();
    (void)setenv("TSS2_LOG", "all+none", 1); /* the TPM's refusals are what is tested */
    Suite *s = suite_create("gather");
    TCase *t = tcase_create("gather");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_tsm_gives_report_provider_and_certificates);
    tcase_add_test(t, test_tsm_without_certificates);
    tcase_add_test(t, test_tsm_failures);
    tcase_add_test(t, test_no_sev_guest_device);
    tcase_add_test(t, test_quotes_of_three_banks_and_two_keys);
    tcase_add_test(t, test_a_quote_of_several_banks_goes_through_json);
    tcase_add_test(t, test_a_paravisor_vouches_for_the_tpm);
    suite_add_tcase(s, t);
    return run_suite(s);
}
