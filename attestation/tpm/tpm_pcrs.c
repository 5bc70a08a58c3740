/* SPDX-License-Identifier: Apache-2.0
 * tpm_pcrs.c - the hashes of a TPM, sets of register values, and the digest over a selection.
 * Trust: values come with the evidence; only a quote whose digest they give makes them true.
 * Threads: pure. Memory: OpenSSL's, while a digest is made. Spec: TPM 2.0 Part 3, 18.4.
 */
#include "cloister/tpm_quote.h"

#include "base/compiler.h"

#include <openssl/evp.h>
#include <string.h>

static const struct {
    uint16_t alg;
    uint8_t size; /* 0: no hash */
    const char *name;
} algs[] = {
    {CL_TPM_ALG_SHA1, 20, "sha1"},     {CL_TPM_ALG_SHA256, 32, "sha256"},
    {CL_TPM_ALG_SHA384, 48, "sha384"}, {CL_TPM_ALG_SHA512, 64, "sha512"},
    {CL_TPM_ALG_RSA, 0, "rsa"},        {CL_TPM_ALG_ECC, 0, "ecc"},
    {CL_TPM_ALG_NULL, 0, "null"},      {CL_TPM_ALG_RSASSA, 0, "rsassa"},
    {CL_TPM_ALG_RSAPSS, 0, "rsapss"},  {CL_TPM_ALG_ECDSA, 0, "ecdsa"},
};

size_t cl_tpm_hash_size(uint16_t alg)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(algs); i++) {
        if (algs[i].alg == alg) {
            return algs[i].size;
        }
    }
    return 0;
}

const char *cl_tpm_alg_name(uint16_t alg)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(algs); i++) {
        if (algs[i].alg == alg) {
            return algs[i].name;
        }
    }
    return "unknown";
}

uint16_t cl_tpm_hash_by_name(const char *name)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(algs); i++) {
        if (algs[i].size != 0 && strcmp(algs[i].name, name) == 0) {
            return algs[i].alg;
        }
    }
    return 0;
}

uint16_t cl_tpm_hash_by_size(size_t size)
{
    for (size_t i = 0; size != 0 && i < CL_ARRAY_LEN(algs); i++) {
        if (algs[i].size == size) {
            return algs[i].alg;
        }
    }
    return 0;
}

static struct cl_tpm_bank *bank_of(struct cl_tpm_pcrs *p, uint16_t alg)
{
    for (size_t i = 0; i < p->bank_count; i++) {
        if (p->bank[i].alg == alg) {
            return &p->bank[i];
        }
    }
    if (p->bank_count == CL_TPM_BANKS_MAX) {
        return NULL; /* cannot be: there are no more hashes than that */
    }
    struct cl_tpm_bank *b = &p->bank[p->bank_count++];
    *b = (struct cl_tpm_bank){.alg = alg};
    return b;
}

enum cl_status cl_tpm_pcrs_set(struct cl_tpm_pcrs *p, uint16_t alg, uint32_t index,
                               const uint8_t *value, struct cl_err *err)
{
    size_t size = cl_tpm_hash_size(alg);
    if (size == 0 || index >= CL_TPM_PCR_COUNT) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "PCR: expected sha1, sha256, sha384 or sha512 and 0 to %u, got %s and %u",
                          CL_TPM_PCR_COUNT - 1, cl_tpm_alg_name(alg), (unsigned)index);
    }
    struct cl_tpm_bank *b = bank_of(p, alg);
    if (b == NULL || (b->present >> index & 1u) != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "PCR %u of %s: expected one value, got another",
                          (unsigned)index, cl_tpm_alg_name(alg));
    }
    b->present |= 1u << index;
    memcpy(b->value[index], value, size);
    return CL_OK;
}

const uint8_t *cl_tpm_pcrs_get(const struct cl_tpm_pcrs *p, uint16_t alg, uint32_t index)
{
    for (size_t i = 0; index < CL_TPM_PCR_COUNT && i < p->bank_count; i++) {
        if (p->bank[i].alg == alg) {
            return (p->bank[i].present >> index & 1u) != 0 ? p->bank[i].value[index] : NULL;
        }
    }
    return NULL;
}

bool cl_tpm_selection_has(const struct cl_tpm_selection *s, uint16_t alg, uint32_t index)
{
    for (size_t i = 0; index < CL_TPM_PCR_COUNT && i < s->bank_count; i++) {
        if (s->bank[i].alg == alg) {
            return (s->bank[i].mask >> index & 1u) != 0;
        }
    }
    return false;
}

static enum cl_status add_bank(EVP_MD_CTX *md, const struct cl_tpm_pcrs *p, uint16_t alg,
                               uint32_t mask, struct cl_err *err)
{
    for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        if ((mask >> i & 1u) == 0) {
            continue;
        }
        const uint8_t *value = cl_tpm_pcrs_get(p, alg, i);
        if (value == NULL) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE, "PCR %u of %s: expected a value, got none",
                              (unsigned)i, cl_tpm_alg_name(alg));
        }
        if (EVP_DigestUpdate(md, value, cl_tpm_hash_size(alg)) != 1) {
            return cl_err_nomem(err, "digest of PCRs");
        }
    }
    return CL_OK;
}

enum cl_status cl_tpm_pcrs_digest(const struct cl_tpm_pcrs *p,
                                  const struct cl_tpm_selection *selection, uint16_t hash,
                                  uint8_t ret[static CL_TPM_DIGEST_MAX], struct cl_err *err)
{
    uint8_t out[EVP_MAX_MD_SIZE];
    const EVP_MD *kind =
        cl_tpm_hash_size(hash) != 0 ? EVP_get_digestbyname(cl_tpm_alg_name(hash)) : NULL;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    enum cl_status st = CL_OK;
    if (kind == NULL || md == NULL || EVP_DigestInit_ex(md, kind, NULL) != 1) {
        st = cl_err_set(err, CL_ERR_SYS, "digest of PCRs: OpenSSL failed");
    }
    for (size_t i = 0; st == CL_OK && i < selection->bank_count; i++) {
        st = add_bank(md, p, selection->bank[i].alg, selection->bank[i].mask, err);
    }
    if (st == CL_OK && EVP_DigestFinal_ex(md, out, NULL) != 1) {
        st = cl_err_set(err, CL_ERR_SYS, "digest of PCRs: OpenSSL failed");
    }
    EVP_MD_CTX_free(md);
    if (st == CL_OK) {
        memcpy(ret, out, cl_tpm_hash_size(hash));
    }
    return st;
}
