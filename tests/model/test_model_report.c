/* SPDX-License-Identifier: Apache-2.0
 * test_model_report.c - ID blocks at LAUNCH_FINISH, and the report that a guest asks the firmware
 * for, from the encrypted message to the signature of the test VCEK.
 */
#include "report.h"
#include "rig.h"

#include "../unit/check_main.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM(name) extern const uint8_t program_##name[]
PROGRAM(report);
PROGRAM(certs);
PROGRAM(ok);

#define REQUEST 0x801000u
#define RESPONSE 0x802000u

static void put(uint8_t *p, unsigned size, uint64_t v)
{
    for (unsigned i = 0; i < size; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

static uint8_t *shared(struct rig *r, uint64_t gpa)
{
    return r->l.slots[0].shared + gpa;
}

/* snp.md e.6, written once more: what a guest's kernel does. */
static void gcm(const uint8_t *key, uint8_t *msg, size_t size, bool seal)
{
    uint8_t iv[12] = {0};
    int n;
    memcpy(iv, msg + 0x20, 8);
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    ck_assert_int_eq(EVP_CipherInit_ex(x, EVP_aes_256_gcm(), NULL, key, iv, seal), 1);
    ck_assert_int_eq(EVP_CipherUpdate(x, NULL, &n, msg + 0x30, 48), 1);
    ck_assert_int_eq(EVP_CipherUpdate(x, msg + 96, &n, msg + 96, (int)size), 1);
    if (!seal) {
        ck_assert_int_eq(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, 16, msg), 1);
    }
    ck_assert_int_eq(EVP_CipherFinal_ex(x, msg + 96 + n, &n), 1);
    if (seal) {
        ck_assert_int_eq(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, 16, msg), 1);
    }
    EVP_CIPHER_CTX_free(x);
}

static void request(struct rig *r, uint64_t seq, uint32_t vmpl)
{
    uint8_t *q = shared(r, REQUEST);
    memset(q, 0, MODEL_PAGE);
    put(q + 0x20, 8, seq);
    q[0x30] = q[0x31] = 1;
    put(q + 0x32, 2, 96);
    q[0x34] = 5;
    q[0x35] = 1;
    put(q + 0x36, 2, 96);
    for (unsigned i = 0; i < 64; i++) {
        q[96 + i] = (uint8_t)i;
    }
    put(q + 96 + 0x40, 4, vmpl);
    gcm(model_private(r->vm, RIG_SECRETS) + 0x20, q, 96, true);
}

static void check_report(struct rig *r, const uint8_t *report, const struct model_chain *chain)
{
    uint8_t der[160], *p = der;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ck_assert_int_eq(ECDSA_SIG_set0(sig, BN_lebin2bn(report + 0x2A0, 72, NULL),
                                    BN_lebin2bn(report + 0x2E8, 72, NULL)),
                     1);
    int len = i2d_ECDSA_SIG(sig, &p);
    EVP_PKEY *key = X509_get0_pubkey(chain->vcek);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, key), 1);
    ck_assert_int_eq(EVP_DigestVerify(ctx, der, (size_t)len, report, 0x2A0), 1);
    EVP_MD_CTX_free(ctx);
    ECDSA_SIG_free(sig);
    ck_assert_mem_eq(report + 0x90, model_launch_digest(r->vm), 48);
    for (unsigned i = 0; i < 64; i++) {
        ck_assert_uint_eq(report[0x50 + i], i);
    }
    ck_assert_uint_eq(report[0x0A], 3); /* policy 0x30000 */
}

START_TEST(test_guest_asks_for_a_report)
{
    struct model_chain chain;
    struct rig r;
    ck_assert(model_chain_make(&chain));
    ck_assert_int_eq(X509_verify(chain.vcek, X509_get0_pubkey(chain.ask)), 1);
    ck_assert_int_eq(X509_verify(chain.ask, X509_get0_pubkey(chain.ark)), 1);
    rig_launch(&r, NULL, program_report, 1);
    model_set_chain(r.m, &chain);
    rig_seal(&r);
    request(&r, 1, 0);
    (void)rig_run(&r);
    ck_assert_uint_eq(rig_reason(&r), 0x200);
    uint8_t *a = shared(&r, RESPONSE);
    ck_assert_uint_eq(a[0x20], 2); /* request + 1 */
    ck_assert_uint_eq(a[0x34], 6);
    gcm(model_private(r.vm, RIG_SECRETS) + 0x20, a, 32 + MODEL_REPORT_SIZE, false);
    ck_assert_uint_eq(a[96], 0);
    check_report(&r, a + 96 + 32, &chain);
    rig_done(&r);
    model_chain_done(&chain);
}
END_TEST

START_TEST(test_message_out_of_sequence_or_changed_is_refused)
{
    for (unsigned i = 0; i < 3; i++) {
        struct rig r;
        rig_launch(&r, NULL, program_report, 1);
        rig_seal(&r);
        request(&r, i == 0 ? 2 : 1, 0);
        if (i > 0) {
            shared(&r, REQUEST)[i == 1 ? 96 : 0x31] ^= 1;
        }
        (void)rig_run(&r);
        ck_assert_uint_eq(rig_reason(&r), 0x201);
        ck_assert(model_objects(r.vm, "guest.request"));
        rig_done(&r);
    }
}
END_TEST

/* snp.md d.2, d.3: the VMM is asked for the certificates, and its answer decides. */
START_TEST(test_certificates_come_from_the_vmm)
{
    static const struct {
        uint64_t ret;
        unsigned reason; /* the high half of EXITINFO2 */
    } rows[] = {{0, 0x200}, {ENOSPC, 0x201}, {EAGAIN, 0x202}, {EIO, 0x203}};
    for (unsigned i = 0; i < 4; i++) {
        struct model_config config = model_config_default();
        struct rig r;
        config.req_certs = true;
        rig_launch(&r, &config, program_certs, 1);
        ck_assert_int_eq(launcher_op(&r.l, MU_SNP_ENABLE_REQ_CERTS, NULL), 0);
        rig_seal(&r);
        request(&r, 1, 0);
        ck_assert_int_eq(launcher_ioctl(&r.l, r.l.vcpus[0], KVM_RUN, NULL), 0);
        struct mu_exit_req_certs *certs = (void *)r.l.runs[0]->padding;
        ck_assert_uint_eq(r.l.runs[0]->exit_reason, MU_EXIT_SNP_REQ_CERTS);
        ck_assert_uint_eq(certs->gpa, 0x804000);
        ck_assert_uint_eq(certs->npages, 2);
        certs->ret = rows[i].ret;
        certs->npages = 3;
        (void)rig_run(&r);
        ck_assert_uint_eq(rig_reason(&r), rows[i].reason);
        rig_done(&r);
    }
}
END_TEST

/* ---- ID block (snp.md b): the private scalar 1, whose public key is the base point ---- */
static EVP_PKEY *scalar_one(uint8_t key[static 0x404])
{
    static const char *const gx = "AA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A38"
                                  "5502F25DBF55296C3A545E3872760"
                                  "AB7";
    static const char *const gy = "3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C0"
                                  "0A60B1CE1D7E819D7A431D7C90EA0"
                                  "E5F";
    BIGNUM *x = NULL, *y = NULL;
    uint8_t point[97] = {4}, one[48] = {1};
    ck_assert_int_eq(BN_hex2bn(&x, gx), 96);
    ck_assert_int_eq(BN_hex2bn(&y, gy), 96);
    memset(key, 0, 0x404);
    key[0] = 2;
    ck_assert_int_eq(BN_bn2lebinpad(x, key + 4, 72), 72);
    ck_assert_int_eq(BN_bn2lebinpad(y, key + 0x4C, 72), 72);
    ck_assert_int_eq(BN_bn2binpad(x, point + 1, 48), 48);
    ck_assert_int_eq(BN_bn2binpad(y, point + 49, 48), 48);
    BN_free(x);
    BN_free(y);
    char group[] = "P-384";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, one, sizeof(one)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    ck_assert_int_eq(EVP_PKEY_fromdata_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static void sign(EVP_PKEY *key, const uint8_t *data, size_t size, uint8_t *out)
{
    uint8_t der[160];
    size_t len = sizeof(der);
    const uint8_t *p = der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key), 1);
    ck_assert_int_eq(EVP_DigestSign(ctx, der, &len, data, size), 1);
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    ck_assert_int_eq(BN_bn2lebinpad(ECDSA_SIG_get0_r(sig), out, 72), 72);
    ck_assert_int_eq(BN_bn2lebinpad(ECDSA_SIG_get0_s(sig), out + 72, 72), 72);
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
}

struct id {
    uint8_t block[96], auth[4096];
};

/* The digest that the launch will have: the same launch without a block gives it. */
static void make_id(struct id *id, const uint8_t *digest)
{
    memset(id, 0, sizeof(*id));
    EVP_PKEY *key = scalar_one(id->auth + 0x240);
    memcpy(id->auth + 0x880, id->auth + 0x240, 0x404); /* its own author */
    memcpy(id->block, digest, 48);
    id->block[0x30] = 0xF1;
    id->block[0x50] = 1;
    id->block[0x54] = 9;
    put(id->block + 0x58, 8, 0x30000);
    put(id->auth, 4, 1);
    put(id->auth + 4, 4, 1);
    sign(key, id->block, 96, id->auth + 0x40);
    sign(key, id->auth + 0x240, 0x404, id->auth + 0x680);
    EVP_PKEY_free(key);
}

static int finish(struct rig *r, const struct id *id)
{
    struct mu_launch_finish f = {.id_block_uaddr = (uint64_t)(uintptr_t)id->block,
                                 .id_auth_uaddr = (uint64_t)(uintptr_t)id->auth,
                                 .id_block_en = 1,
                                 .auth_key_en = 1};
    return launcher_op(&r->l, MU_SNP_LAUNCH_FINISH, &f);
}

static void launch_digest(uint8_t ret[static 48])
{
    struct rig r;
    rig_launch(&r, NULL, program_ok, 1);
    rig_seal(&r);
    memcpy(ret, model_launch_digest(r.vm), 48);
    rig_done(&r);
}

START_TEST(test_id_block)
{
    static const struct {
        size_t at; /* in struct id; a bit there is changed */
        uint32_t error;
        const char *why;
    } rows[] = {
        {0, MU_FW_BAD_MEASUREMENT, "id.measurement"},
        {0x50, MU_FW_BAD_VERSION, "id.version"},
        {0x54, MU_FW_BAD_SIGNATURE, "id.signature"},
        {0x58, MU_FW_POLICY_FAILURE, "id.policy"},
        {96, MU_FW_INVALID_PARAM, "id.algorithm"},
        {96 + 0x40, MU_FW_BAD_SIGNATURE, "id.signature"},
        {96 + 0x680, MU_FW_BAD_SIGNATURE, "id.author_signature"},
    };
    uint8_t digest[48];
    struct id id;
    struct rig r;
    launch_digest(digest);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make_id(&id, digest);
        *((uint8_t *)&id + rows[i].at) ^= 2;
        rig_launch(&r, NULL, program_ok, 1);
        ck_assert_int_eq(finish(&r, &id), -EIO);
        ck_assert_str_eq(model_reason(r.m), rows[i].why);
        ck_assert_uint_eq(r.l.cmd.error, rows[i].error);
        rig_done(&r);
    }
    make_id(&id, digest);
    rig_launch(&r, NULL, program_ok, 1);
    ck_assert_int_eq(finish(&r, &id), 0);
    rig_done(&r);
}
END_TEST

/* snp.md b: the golden digest of that key, as it stands in a report. */
START_TEST(test_key_digests_in_the_report)
{
    static const char golden[] = "01ce77b697886b46c6e363a9d02bbee2506e4b21ca4b3085f35f20e4cf66ac780"
                                 "e01e38aad53f973cbcea56e59a7b382";
    uint8_t digest[48], report[MODEL_REPORT_SIZE], data[64] = {0};
    char text[97];
    struct model_chain chain = {.vcek_key = EVP_EC_gen("P-384")};
    struct id id;
    struct rig r;
    launch_digest(digest);
    make_id(&id, digest);
    rig_launch(&r, NULL, program_ok, 1);
    ck_assert(!model_report(r.vm, data, 0, report)); /* not yet launched */
    ck_assert_int_eq(finish(&r, &id), 0);
    ck_assert(!model_report(r.vm, data, 0, report)); /* no key */
    model_set_chain(r.m, &chain);
    ck_assert(model_report(r.vm, data, 0, report));
    for (unsigned i = 0; i < 48; i++) {
        (void)snprintf(text + 2 * (size_t)i, 3, "%02x", report[0xE0 + i]);
    }
    ck_assert_str_eq(text, golden);
    ck_assert_mem_eq(report + 0xE0, report + 0x110, 48);
    ck_assert_uint_eq(report[4], 9);
    ck_assert_uint_eq(report[0x10], 0xF1);
    ck_assert_uint_eq(report[0x48], 1);
    rig_done(&r);
    EVP_PKEY_free(chain.vcek_key);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_report");
    TCase *t = tcase_create("report");
    tcase_add_test(t, test_guest_asks_for_a_report);
    tcase_add_test(t, test_message_out_of_sequence_or_changed_is_refused);
    tcase_add_test(t, test_certificates_come_from_the_vmm);
    tcase_add_test(t, test_id_block);
    tcase_add_test(t, test_key_digests_in_the_report);
    suite_add_tcase(s, t);
    return run_suite(s);
}
