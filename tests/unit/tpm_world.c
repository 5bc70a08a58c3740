/* SPDX-License-Identifier: Apache-2.0
 * tpm_world.c - see tpm_world.h.
 */
#include "tpm_world.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/encode.h"
#include "cloister/snp_evidence.h"
#include "snp_world.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not Check's assertions: the world is also made before any test runs. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "tpm_world.c:%d: %s\n", __LINE__, #condition);                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static EVP_PKEY *keys[TPM_KEY_COUNT];

void tpm_world_init(void)
{
    keys[TPM_RSA] = EVP_RSA_gen(2048);
    keys[TPM_RSA_OTHER] = EVP_RSA_gen(2048);
    keys[TPM_P256] = EVP_EC_gen("P-256");
    keys[TPM_P384] = EVP_EC_gen("P-384");
    keys[TPM_RSA_1024] = EVP_RSA_gen(1024);
    for (size_t i = 0; i < TPM_KEY_COUNT; i++) {
        MUST(keys[i] != NULL);
    }
}

EVP_PKEY *tpm_world_pkey(enum tpm_world_key key)
{
    return keys[key];
}

void tpm_world_set_key(enum tpm_world_key key, EVP_PKEY *pkey)
{
    EVP_PKEY_free(keys[key]);
    keys[key] = pkey;
}

void tpm_world_add_bank(struct tpm_world_quote *q, uint16_t alg, uint32_t mask)
{
    uint8_t value[CL_TPM_DIGEST_MAX];
    q->selection.bank[q->selection.bank_count].alg = alg;
    q->selection.bank[q->selection.bank_count++].mask = mask;
    for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        memset(value, (int)i, sizeof(value));
        MUST(cl_tpm_pcrs_set(&q->pcrs, alg, i, value, NULL) == CL_OK);
    }
}

struct tpm_world_quote tpm_world_quote(void)
{
    struct tpm_world_quote q = {.magic = CL_TPM_MAGIC,
                                .type = CL_TPM_ST_QUOTE,
                                .nonce = "challenge",
                                .key = TPM_RSA,
                                .scheme = CL_TPM_ALG_RSASSA,
                                .hash = CL_TPM_ALG_SHA256};
    tpm_world_add_bank(&q, CL_TPM_ALG_SHA256, 0xFFFFFF);
    return q;
}

static void pcr_digest(const struct tpm_world_quote *q, uint8_t ret[EVP_MAX_MD_SIZE])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    MUST(EVP_DigestInit_ex(md, EVP_get_digestbyname(cl_tpm_alg_name(q->hash)), NULL) == 1);
    for (size_t b = 0; b < q->selection.bank_count; b++) {
        for (size_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
            if ((q->selection.bank[b].mask >> i & 1u) != 0) {
                MUST(EVP_DigestUpdate(md, q->pcrs.bank[b].value[i],
                                      cl_tpm_hash_size(q->selection.bank[b].alg)) == 1);
            }
        }
    }
    MUST(EVP_DigestFinal_ex(md, ret, NULL) == 1);
    EVP_MD_CTX_free(md);
}

void tpm_world_message(const struct tpm_world_quote *q, struct cl_buf *out)
{
    uint8_t raw[512], digest[EVP_MAX_MD_SIZE], name[34] = {0, 0x0B};
    struct cl_writer w = cl_writer_init(raw, sizeof(raw));
    cl_writer_be32(&w, q->magic);
    cl_writer_be16(&w, q->type);
    cl_writer_be16(&w, sizeof(name));
    cl_writer_bytes(&w, name, sizeof(name));
    cl_writer_be16(&w, (uint16_t)strlen(q->nonce));
    cl_writer_bytes(&w, q->nonce, strlen(q->nonce));
    cl_writer_be64(&w, 1234);
    cl_writer_be32(&w, 5);
    cl_writer_be32(&w, 6);
    cl_writer_u8(&w, 1);
    cl_writer_be64(&w, 0x2020031200120003);
    cl_writer_be32(&w, (uint32_t)q->selection.bank_count);
    for (size_t i = 0; i < q->selection.bank_count; i++) {
        cl_writer_be16(&w, q->selection.bank[i].alg);
        cl_writer_u8(&w, 3);
        cl_writer_u8(&w, (uint8_t)q->selection.bank[i].mask);
        cl_writer_u8(&w, (uint8_t)(q->selection.bank[i].mask >> 8));
        cl_writer_u8(&w, (uint8_t)(q->selection.bank[i].mask >> 16));
    }
    pcr_digest(q, digest);
    cl_writer_be16(&w, (uint16_t)cl_tpm_hash_size(q->hash));
    cl_writer_bytes(&w, digest, cl_tpm_hash_size(q->hash));
    cl_writer_zero(&w, q->padding);
    MUST(!w.overflow);
    MUST(cl_buf_append(out, raw, w.len, NULL) == CL_OK);
}

static void put_2b(struct cl_writer *w, const uint8_t *data, size_t n)
{
    cl_writer_be16(w, (uint16_t)n);
    cl_writer_bytes(w, data, n);
}

void tpm_world_sign(const struct tpm_world_quote *q, const struct cl_buf *message, bool bare,
                    struct cl_buf *out)
{
    uint8_t sig[1024], raw[1100];
    size_t len = sizeof(sig);
    EVP_PKEY_CTX *p = NULL;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    MUST(EVP_DigestSignInit(md, &p, EVP_get_digestbyname(cl_tpm_alg_name(q->hash)), NULL,
                            keys[q->key]) == 1);
    if (q->scheme == CL_TPM_ALG_RSAPSS) {
        MUST(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) > 0);
    }
    MUST(EVP_DigestSign(md, sig, &len, message->data, message->len) == 1);
    EVP_MD_CTX_free(md);
    struct cl_writer w = cl_writer_init(raw, sizeof(raw));
    cl_writer_be16(&w, q->scheme);
    cl_writer_be16(&w, q->hash);
    if (EVP_PKEY_is_a(keys[q->key], "EC") == 1) {
        uint8_t r[66], s[66];
        const unsigned char *der = sig;
        int field = EVP_PKEY_get_bits(keys[q->key]) / 8;
        ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &der, (long)len);
        MUST(BN_bn2binpad(ECDSA_SIG_get0_r(parsed), r, field) > 0);
        MUST(BN_bn2binpad(ECDSA_SIG_get0_s(parsed), s, field) > 0);
        put_2b(&w, r, (size_t)field);
        put_2b(&w, s, (size_t)field);
        ECDSA_SIG_free(parsed);
    } else {
        put_2b(&w, sig, len);
    }
    MUST(!w.overflow);
    MUST(cl_buf_append(out, bare ? sig : raw, bare ? len : w.len, NULL) == CL_OK);
}

void tpm_world_spki(enum tpm_world_key key, struct cl_buf *out)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(keys[key], &der);
    MUST(n > 0 && cl_buf_append(out, der, (size_t)n, NULL) == CL_OK);
    OPENSSL_free(der);
}

static size_t modulus(enum tpm_world_key key, uint8_t ret[static 512])
{
    BIGNUM *n = NULL;
    MUST(EVP_PKEY_get_bn_param(keys[key], OSSL_PKEY_PARAM_RSA_N, &n) == 1);
    int len = BN_bn2bin(n, ret);
    BN_free(n);
    return (size_t)len;
}

void tpm_world_area(enum tpm_world_key key, uint32_t attributes, uint16_t scheme, uint16_t hash,
                    struct cl_buf *out)
{
    uint8_t raw[700], number[512];
    bool rsa = EVP_PKEY_is_a(keys[key], "RSA") == 1;
    struct cl_writer w = cl_writer_init(raw, sizeof(raw));
    cl_writer_be16(&w, rsa ? CL_TPM_ALG_RSA : CL_TPM_ALG_ECC);
    cl_writer_be16(&w, CL_TPM_ALG_SHA256);
    cl_writer_be32(&w, attributes);
    cl_writer_be16(&w, 0); /* authPolicy */
    cl_writer_be16(&w, CL_TPM_ALG_NULL);
    cl_writer_be16(&w, scheme);
    if (scheme != CL_TPM_ALG_NULL) {
        cl_writer_be16(&w, hash);
    }
    if (rsa) {
        size_t n = modulus(key, number);
        cl_writer_be16(&w, (uint16_t)(n * 8));
        cl_writer_be32(&w, 0);
        put_2b(&w, number, n);
    } else {
        size_t n = 0, field = (size_t)EVP_PKEY_get_bits(keys[key]) / 8;
        MUST(EVP_PKEY_get_octet_string_param(keys[key], OSSL_PKEY_PARAM_PUB_KEY, number,
                                             sizeof(number), &n) == 1);
        MUST(n == 1 + 2 * field);
        cl_writer_be16(&w, field == 32 ? 3 : 4);
        cl_writer_be16(&w, CL_TPM_ALG_NULL);
        put_2b(&w, number + 1, field);
        put_2b(&w, number + 1 + field, field);
    }
    MUST(!w.overflow);
    MUST(cl_buf_append(out, raw, w.len, NULL) == CL_OK);
}

void tpm_world_runtime(enum tpm_world_key key, const char *more, struct cl_buf *out)
{
    uint8_t n[512];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    size_t len = modulus(key, n);
    MUST(cl_b64url_encode(&text, n, len, NULL) == CL_OK);
    MUST(cl_buf_printf(out, NULL,
                       "{\"keys\":[{\"kid\":\"HCLAkPub\",\"key_ops\":[\"sign\"],\"kty\":\"RSA\","
                       "\"e\":\"AQAB\",\"n\":\"%s\"}],\"vm-configuration\":{\"secure-boot\":true,"
                       "\"tpm-enabled\":true,\"vmUniqueId\":\"6332533D-5649\"}%s}",
                       (const char *)text.data, more) == CL_OK);
}

void tpm_world_hcl(const struct tpm_world_hcl *h, struct cl_buf *out)
{
    uint8_t raw[8192];
    uint32_t n = (uint32_t)strlen(h->runtime);
    struct cl_writer w = cl_writer_init(raw, sizeof(raw));
    cl_writer_bytes(&w, "HCLA", 4);
    cl_writer_le32(&w, h->version);
    cl_writer_le32(&w, 1236 + n);
    cl_writer_le32(&w, 2);
    cl_writer_zero(&w, 16);
    cl_writer_bytes(&w, h->hardware, 1184);
    cl_writer_le32(&w, 20 + n);
    cl_writer_le32(&w, 1);
    cl_writer_le32(&w, h->type);
    cl_writer_le32(&w, h->hash_type);
    cl_writer_le32(&w, n);
    cl_writer_bytes(&w, h->runtime, n);
    cl_writer_zero(&w, h->zeros);
    MUST(!w.overflow);
    MUST(cl_buf_append(out, raw, w.len, NULL) == CL_OK);
}

static json_t *integers(const uint8_t *data, size_t len)
{
    json_t *a = json_array();
    for (size_t i = 0; i < len; i++) {
        MUST(json_array_append_new(a, json_integer(data[i])) == 0);
    }
    return a;
}

json_t *tpm_world_version_0(const struct cl_vtpm_parts *p, json_t *vcek)
{
    json_t *pcrs = json_array();
    for (size_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        MUST(json_array_append_new(pcrs, integers(p->pcrs.bank[0].value[i], CL_SHA256_SIZE)) == 0);
    }
    json_t *j = json_pack("{s:{s:o,s:o,s:o},s:o,s:o*}", "quote", "signature",
                          integers(p->signature.data, p->signature.len), "message",
                          integers(p->message.data, p->message.len), "pcrs", pcrs, "report",
                          integers(p->hcl.data, p->hcl.len), "vcek", vcek);
    MUST(j != NULL);
    return j;
}

void tpm_world_parts(const struct tpm_world_quote *q, struct cl_vtpm_parts *ret_p)
{
    *ret_p = (struct cl_vtpm_parts){.kind = CL_TEE_CLASS_TPM, .pcrs = q->pcrs};
    tpm_world_message(q, &ret_p->message);
    tpm_world_sign(q, &ret_p->message, /* bare= */ false, &ret_p->signature);
    tpm_world_spki(q->key, &ret_p->ak_spki);
}

void tpm_world_az_parts(const struct tpm_world_quote *q, const char *runtime,
                        struct cl_vtpm_parts *ret_p)
{
    struct cl_snp_report report;
    uint8_t raw[CL_SNP_REPORT_SIZE];
    *ret_p =
        (struct cl_vtpm_parts){.kind = CL_TEE_CLASS_AZ_SNP_VTPM, .version = 1, .pcrs = q->pcrs};
    tpm_world_message(q, &ret_p->message);
    tpm_world_sign(q, &ret_p->message, /* bare= */ true, &ret_p->signature);
    world_report(&report);
    memset(report.report_data, 0, sizeof(report.report_data));
    MUST(cl_sha256(report.report_data, runtime, strlen(runtime), NULL) == CL_OK);
    world_sign(&report, raw);
    struct tpm_world_hcl h = {
        .version = 2, .type = 2, .hash_type = 1, .hardware = raw, .runtime = runtime, .zeros = 64};
    tpm_world_hcl(&h, &ret_p->hcl);
    struct world_cert vcek = world_vcek();
    world_cert_der(&vcek, &ret_p->vcek);
}

struct cl_vtpm_evidence *tpm_world_az_evidence(struct cl_vtpm_parts *p)
{
    struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf ask_der = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf ark_der = {0};
    struct world_cert ask = world_ask(), ark = world_ark();
    MUST(cl_vtpm_evidence_from_parts(p, &ev, NULL) == CL_OK);
    world_cert_der(&ask, &ask_der);
    world_cert_der(&ark, &ark_der);
    MUST(cl_snp_evidence_add_der(cl_vtpm_evidence_snp(ev), CL_SNP_CERT_ASK, ask_der.data,
                                 ask_der.len, NULL) == CL_OK);
    MUST(cl_snp_evidence_add_der(cl_vtpm_evidence_snp(ev), CL_SNP_CERT_ARK, ark_der.data,
                                 ark_der.len, NULL) == CL_OK);
    return ev;
}
