/* SPDX-License-Identifier: Apache-2.0
 * snp_report.c - makes and signs attestation reports (snp.md a.1).
 */
#include "internal.h"
#include "report.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <string.h>

#define SIGNED 0x2A0u

void model_set_chain(struct model *m, const struct model_chain *chain)
{
    m->chain = chain;
}

static void fill(const struct model_vm *vm, const uint8_t *data, uint32_t vmpl, uint8_t *r)
{
    const struct model_chain *chain = vm->m->chain;
    model_put_le(r + 0x000, 4, 3); /* VERSION */
    model_put_le(r + 0x004, 4, vm->guest_svn);
    model_put_le(r + 0x008, 8, vm->policy);
    memcpy(r + 0x010, vm->family_id, 16);
    memcpy(r + 0x020, vm->image_id, 16);
    model_put_le(r + 0x030, 4, vmpl);
    model_put_le(r + 0x034, 4, 1); /* ECDSA P-384 with SHA-384 */
    memcpy(r + 0x038, chain->tcb, 8);
    model_put_le(r + 0x040, 8, (vm->m->config.smt ? 1u : 0u) | 1u << 5); /* alias check done */
    model_put_le(r + 0x048, 4, vm->author_key ? 1 : 0);
    memcpy(r + 0x050, data, 64);
    memcpy(r + 0x090, vm->ld, MODEL_DIGEST_SIZE);
    memcpy(r + 0x0C0, vm->host_data, 32);
    memcpy(r + 0x0E0, vm->id_key_digest, MODEL_DIGEST_SIZE);
    memcpy(r + 0x110, vm->author_key_digest, MODEL_DIGEST_SIZE);
    memcpy(r + 0x140, vm->report_id, 32);
    memset(r + 0x160, 0xFF, 32); /* no migration agent */
    memcpy(r + 0x180, chain->tcb, 8);
    r[0x188] = 0x19; /* a.5: Milan */
    r[0x189] = 0x01;
    r[0x18A] = 0x01;
    memcpy(r + 0x1A0, chain->chip_id, 64);
    memcpy(r + 0x1E0, chain->tcb, 8);
    const uint8_t version[] = {29, vm->m->config.api_minor, vm->m->config.api_major};
    memcpy(r + 0x1E8, version, 3);
    memcpy(r + 0x1EC, version, 3);
    memcpy(r + 0x1F0, chain->tcb, 8);
}

static bool sign(EVP_PKEY *key, uint8_t *r)
{
    uint8_t der[160];
    size_t len = sizeof(der);
    const uint8_t *p = der;
    ECDSA_SIG *sig = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key) == 1 &&
                EVP_DigestSign(ctx, der, &len, r, SIGNED) == 1 &&
                (sig = d2i_ECDSA_SIG(NULL, &p, (long)len)) != NULL &&
                BN_bn2lebinpad(ECDSA_SIG_get0_r(sig), r + 0x2A0, 72) == 72 &&
                BN_bn2lebinpad(ECDSA_SIG_get0_s(sig), r + 0x2E8, 72) == 72;
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
    return good;
}

bool model_report(const struct model_vm *vm, const uint8_t data[static 64], uint32_t vmpl,
                  uint8_t ret_report[static MODEL_REPORT_SIZE])
{
    if (vm->m->chain == NULL || vm->vcek_disabled || vm->launch != MODEL_RUNNING) {
        return false;
    }
    uint8_t r[MODEL_REPORT_SIZE] = {0};
    fill(vm, data, vmpl, r);
    if (!sign(vm->m->chain->vcek_key, r)) {
        return false;
    }
    memcpy(ret_report, r, sizeof(r));
    return true;
}
