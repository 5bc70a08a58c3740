/* SPDX-License-Identifier: Apache-2.0
 * snp_idblock.c - the firmware's check of ID block and ID authentication (snp.md b).
 */
#include "internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#define KEY_SIZE 0x404u
#define SIG_SIZE 512u
#define NUMBER 72u /* little-endian numbers of keys and signatures */
#define P384 48u

static EVP_PKEY *key_from(const uint8_t key[static KEY_SIZE])
{
    uint8_t point[1 + 2 * P384] = {4};
    for (unsigned i = 0; i < P384; i++) {
        point[P384 - i] = key[0x04 + i];
        point[2 * P384 - i] = key[0x4C + i];
    }
    char group[] = "P-384";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        pkey = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static int signature_der(const uint8_t sig[static SIG_SIZE], uint8_t **ret_der)
{
    ECDSA_SIG *s = ECDSA_SIG_new();
    BIGNUM *r = BN_lebin2bn(sig, NUMBER, NULL);
    BIGNUM *v = BN_lebin2bn(sig + NUMBER, NUMBER, NULL);
    int len = -1;
    if (s != NULL && r != NULL && v != NULL && ECDSA_SIG_set0(s, r, v) == 1) {
        r = v = NULL;
        len = i2d_ECDSA_SIG(s, ret_der);
    }
    BN_free(r);
    BN_free(v);
    ECDSA_SIG_free(s);
    return len;
}

static bool verify(const uint8_t *key, const uint8_t *sig, const uint8_t *data, size_t size)
{
    EVP_PKEY *pkey = key_from(key);
    uint8_t *der = NULL;
    int len = signature_der(sig, &der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = pkey != NULL && len > 0 && ctx != NULL &&
                EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, pkey) == 1 &&
                EVP_DigestVerify(ctx, der, (size_t)len, data, size) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    EVP_PKEY_free(pkey);
    return good;
}

static bool all_zero(const uint8_t *p, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum |= p[i];
    }
    return sum == 0;
}

uint32_t model_id_block(struct model_vm *vm, const uint8_t block[static 96],
                        const uint8_t auth[static MODEL_PAGE], bool author, const char **ret_reason)
{
    const uint8_t *id_key = auth + 0x240;
    const uint8_t *author_key = auth + 0x880;
    if (model_le(block + 0x50, 4) != 1) {
        *ret_reason = "id.version";
        return MU_FW_BAD_VERSION;
    }
    if (model_le(auth, 4) != 1 || model_le(id_key, 4) != 2 || !all_zero(auth + 0x008, 56) ||
        !all_zero(id_key + 0x094, 880) ||
        (author && (model_le(auth + 4, 4) != 1 || model_le(author_key, 4) != 2))) {
        *ret_reason = "id.algorithm";
        return MU_FW_INVALID_PARAM;
    }
    if (memcmp(block, vm->ld, MODEL_DIGEST_SIZE) != 0) { /* public; no wildcard */
        *ret_reason = "id.measurement";
        return MU_FW_BAD_MEASUREMENT;
    }
    if (model_le(block + 0x58, 8) != vm->policy) {
        *ret_reason = "id.policy";
        return MU_FW_POLICY_FAILURE;
    }
    if (!verify(id_key, auth + 0x040, block, 96)) {
        *ret_reason = "id.signature";
        return MU_FW_BAD_SIGNATURE;
    }
    if (author && !verify(author_key, auth + 0x680, id_key, KEY_SIZE)) {
        *ret_reason = "id.author_signature";
        return MU_FW_BAD_SIGNATURE;
    }
    memcpy(vm->family_id, block + 0x30, 16);
    memcpy(vm->image_id, block + 0x40, 16);
    vm->guest_svn = (uint32_t)model_le(block + 0x54, 4);
    model_sha384(id_key, KEY_SIZE, vm->id_key_digest);
    vm->author_key = author;
    if (author) {
        model_sha384(author_key, KEY_SIZE, vm->author_key_digest);
    }
    return 0;
}
