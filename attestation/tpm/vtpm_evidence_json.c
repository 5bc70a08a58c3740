/* SPDX-License-Identifier: Apache-2.0
 * vtpm_evidence_json.c - Trustee's JSON of TPM evidence: versions 0 to 2 of the az forms, and tpm.
 * Trust: hostile JSON; every size has its maximum. Threads: none of its own. Memory: the parts.
 * Spec: kbs-protocol.md 13. Version 0 has arrays of integers where the others have text.
 */
#include "base/encode.h"
#include "base/json.h"
#include "tpm/vtpm_internal.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

enum text { TEXT_HEX, TEXT_B64, TEXT_B64URL };

static enum cl_status from_integers(const json_t *a, const char *key, struct cl_buf *out,
                                    struct cl_err *err)
{
    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *v = json_array_get(a, i);
        json_int_t n = json_integer_value(v);
        uint8_t byte = (uint8_t)n;
        if (!json_is_integer(v) || n < 0 || n > 255) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "TPM evidence: %s: expected integers of 0 to 255, got another value",
                              key);
        }
        CL_TRY(cl_buf_append(out, &byte, 1, err));
    }
    return CL_OK;
}

static enum cl_status from_text(const char *text, enum text form, const char *key,
                                struct cl_buf *out, struct cl_err *err)
{
    size_t len = strlen(text);
    if (form == TEXT_HEX) {
        CL_TRY(cl_buf_reserve(out, len / 2 + 1, err));
        CL_TRY(cl_unhex(out->data, len / 2, text, key, err));
        out->len = len / 2;
        return CL_OK;
    }
    if (form == TEXT_B64) {
        return cl_b64_decode(out, text, len, key, err);
    }
    /* The URL's alphabet, and padded to groups of four. */
    bool padded = len % 4 == 0;
    for (size_t k = 0; k < 2 && padded && len > 0 && text[len - 1] == '='; k++) {
        len--;
    }
    return cl_b64url_decode(out, text, len, key, err);
}

/* A value that is text of that form, or (version 0) integers. */
static enum cl_status get_value(const json_t *v, const char *key, enum text form, size_t max,
                                struct cl_buf *out, struct cl_err *err)
{
    const char *text = json_string_value(v);
    if ((json_is_array(v) ? json_array_size(v) : json_string_length(v) / 2) > max) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TPM evidence: %s: expected at most %zu bytes, "
                          "got more",
                          key, max);
    }
    if (json_is_array(v)) {
        return from_integers(v, key, out, err);
    }
    if (text == NULL || strlen(text) != json_string_length(v)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TPM evidence: %s: expected text, got another value or nothing", key);
    }
    return from_text(text, form, key, out, err);
}

static enum cl_status get_member(const json_t *obj, const char *key, enum text form, size_t max,
                                 struct cl_buf *out, struct cl_err *err)
{
    return get_value(json_object_get(obj, key), key, form, max, out, err);
}

/* ---- registers ---- */

static enum cl_status set_pcr(struct cl_tpm_pcrs *p, uint16_t alg, uint32_t index, const json_t *v,
                              struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf value = {0};
    CL_TRY(get_value(v, "pcrs", TEXT_HEX, CL_TPM_DIGEST_MAX, &value, err));
    alg = alg != 0 ? alg : cl_tpm_hash_by_size(value.len);
    if (alg == 0 || cl_tpm_hash_size(alg) != value.len) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TPM evidence: pcrs: expected a digest of %zu bytes, got %zu",
                          alg != 0 ? cl_tpm_hash_size(alg) : CL_SHA256_SIZE, value.len);
    }
    return cl_tpm_pcrs_set(p, alg, index, value.data, err);
}

/* Trustee's: 24 digests of one hash, which their size names. */
static enum cl_status pcrs_from_array(const json_t *a, struct cl_tpm_pcrs *p, struct cl_err *err)
{
    if (json_array_size(a) != CL_TPM_PCR_COUNT) {
        return cl_err_set(err, CL_ERR_MALFORMED, "TPM evidence: pcrs: expected %u values, got %zu",
                          CL_TPM_PCR_COUNT, json_array_size(a));
    }
    for (uint32_t i = 0; i < CL_TPM_PCR_COUNT; i++) {
        CL_TRY(set_pcr(p, i == 0 ? 0 : p->bank[0].alg, i, json_array_get(a, i), err));
    }
    return CL_OK;
}

static enum cl_status bank_from_object(const char *name, json_t *values, struct cl_tpm_pcrs *p,
                                       struct cl_err *err)
{
    const char *index = NULL;
    json_t *v = NULL;
    uint16_t alg = cl_tpm_hash_by_name(name);
    if (alg == 0 || !json_is_object(values)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TPM evidence: pcrs: expected banks sha1, sha256, sha384, sha512, got "
                          "'%.16s'",
                          name);
    }
    json_object_foreach(values, index, v)
    {
        char again[12];
        uint32_t n = 0;
        for (; n < CL_TPM_PCR_COUNT; n++) {
            (void)snprintf(again, sizeof(again), "%u", (unsigned)n);
            if (strcmp(again, index) == 0) {
                break;
            }
        }
        CL_TRY(set_pcr(p, alg, n, v, err)); /* refuses an index past the last */
    }
    return CL_OK;
}

static enum cl_status pcrs_from_json(json_t *j, struct cl_tpm_pcrs *p, struct cl_err *err)
{
    const char *name = NULL;
    json_t *values = NULL;
    if (json_is_array(j)) {
        return pcrs_from_array(j, p, err);
    }
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TPM evidence: pcrs: expected 24 values, got another value or nothing");
    }
    json_object_foreach(j, name, values)
    {
        CL_TRY(bank_from_object(name, values, p, err));
    }
    return CL_OK;
}

/* ---- the forms ---- */

enum cl_tee_class cl_vtpm_evidence_guess(const json_t *j)
{
    if (json_object_get(j, "ak_public") != NULL) {
        return CL_TEE_CLASS_TPM;
    }
    /* What `cloister evidence` gave without a TD quote has the TDREPORT to make one of. */
    if (json_object_get(j, "td_quote") != NULL ||
        (json_object_get(j, "td_report") != NULL && json_object_get(j, "hcl_report") != NULL)) {
        return CL_TEE_CLASS_AZ_TDX_VTPM;
    }
    /* Version 0 calls the paravisor's report "report", and the TPM's quote "quote". */
    bool v0 =
        json_is_array(json_object_get(j, "report")) && json_is_object(json_object_get(j, "quote"));
    return v0 || json_object_get(j, "hcl_report") != NULL ? CL_TEE_CLASS_AZ_SNP_VTPM
                                                          : CL_TEE_CLASS_NONE;
}

static enum cl_status quote_from_json(const json_t *j, const char *key, enum text form,
                                      struct cl_vtpm_parts *p, struct cl_err *err)
{
    json_t *q = NULL;
    CL_TRY(cl_json_get_object(j, "TPM evidence", key, &q, err));
    CL_TRY(get_member(q, "message", form, CL_TPM_QUOTE_MAX_SIZE, &p->message, err));
    CL_TRY(get_member(q, "signature", form, CL_TPM_QUOTE_MAX_SIZE, &p->signature, err));
    return pcrs_from_json(json_object_get(q, "pcrs"), &p->pcrs, err);
}

/* Version 0: the VCEK as PEM text. */
static enum cl_status vcek_from_pem(const json_t *j, struct cl_buf *out, struct cl_err *err)
{
    const char *text = NULL;
    unsigned char *der = NULL;
    CL_TRY(cl_json_get_string(j, "TPM evidence", "vcek", &text, err));
    BIO *bio = BIO_new_mem_buf(text, (int)strlen(text));
    X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    int n = x != NULL ? i2d_X509(x, &der) : 0;
    enum cl_status st =
        n > 0 ? cl_buf_append(out, der, (size_t)n, err)
              : cl_err_set(err, CL_ERR_MALFORMED,
                           "TPM evidence: vcek: expected a certificate in PEM, got something else");
    OPENSSL_free(der);
    X509_free(x);
    BIO_free(bio);
    return st;
}

static enum cl_status az_from_json(const json_t *j, struct cl_vtpm_parts *p, struct cl_err *err)
{
    int64_t version = 0;
    bool snp = p->kind == CL_TEE_CLASS_AZ_SNP_VTPM;
    if (json_object_get(j, "version") != NULL) {
        CL_TRY(cl_json_get_int(j, "TPM evidence", "version", 0, 2, &version, err));
    }
    p->version = (unsigned)version;
    bool old = version == 0 && snp;
    CL_TRY(quote_from_json(j, old ? "quote" : "tpm_quote", TEXT_HEX, p, err));
    CL_TRY(
        get_member(j, old ? "report" : "hcl_report", TEXT_B64URL, CL_HCL_MAX_SIZE, &p->hcl, err));
    if (!snp) {
        return get_member(j, "td_quote", TEXT_B64URL, CL_TDX_QUOTE_MAX_SIZE, &p->td_quote, err);
    }
    const json_t *vcek = json_object_get(j, "vcek");
    if (vcek == NULL || json_is_null(vcek)) {
        return CL_OK;
    }
    return old ? vcek_from_pem(j, &p->vcek, err)
               : get_member(j, "vcek", TEXT_B64URL, CL_SNP_CERT_MAX_SIZE, &p->vcek, err);
}

static enum cl_status tpm_from_json(const json_t *j, struct cl_vtpm_parts *p, struct cl_err *err)
{
    CL_TRY(get_member(j, "ak_public", TEXT_B64, CL_TPM_QUOTE_MAX_SIZE, &p->ak_spki, err));
    if (json_object_get(j, "ak_public_area") != NULL) {
        CL_TRY(get_member(j, "ak_public_area", TEXT_B64, CL_TPM_QUOTE_MAX_SIZE, &p->ak_area, err));
    }
    return quote_from_json(j, "tpm_quote", TEXT_B64, p, err);
}

enum cl_status cl_vtpm_evidence_from_json(const json_t *j, struct cl_vtpm_evidence **ret_ev,
                                          struct cl_err *err)
{
    CL_CLEANUP(cl_vtpm_parts_done) struct cl_vtpm_parts p = {.kind = cl_vtpm_evidence_guess(j)};
    if (p.kind == CL_TEE_CLASS_NONE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TPM evidence: expected members hcl_report or ak_public, got neither");
    }
    CL_TRY(p.kind == CL_TEE_CLASS_TPM ? tpm_from_json(j, &p, err) : az_from_json(j, &p, err));
    return cl_vtpm_evidence_from_parts(&p, ret_ev, err);
}

enum cl_status cl_vtpm_evidence_from_json_text(const void *data, size_t len,
                                               struct cl_vtpm_evidence **ret_ev, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(cl_json_parse(data, len, "TPM evidence", &j, err));
    return cl_vtpm_evidence_from_json(j, ret_ev, err);
}

/* ---- to JSON ---- */

static enum cl_status put(json_t *obj, const char *key, const struct cl_buf *b, enum text form,
                          struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    if (form == TEXT_HEX) {
        CL_TRY(cl_buf_reserve(&text, 2 * b->len + 1, err));
        cl_hex((char *)text.data, b->data, b->len);
    } else if (form == TEXT_B64) {
        CL_TRY(cl_b64_encode(&text, b->data, b->len, err));
    } else {
        CL_TRY(cl_b64url_encode(&text, b->data, b->len, err));
        while (text.len % 4 != 0) {
            CL_TRY(cl_buf_append_str(&text, "=", err));
        }
    }
    return json_object_set_new(obj, key, json_string((const char *)text.data)) == 0
               ? CL_OK
               : cl_err_nomem(err, "TPM evidence");
}

static json_t *hex_to_json(const uint8_t *value, uint16_t alg)
{
    char hex[2 * CL_TPM_DIGEST_MAX + 1];
    cl_hex(hex, value, cl_tpm_hash_size(alg));
    return json_string(hex);
}

static json_t *bank_to_json(const struct cl_tpm_bank *b)
{
    json_t *o = json_object();
    for (uint32_t i = 0; o != NULL && i < CL_TPM_PCR_COUNT; i++) {
        char index[12];
        (void)snprintf(index, sizeof(index), "%u", (unsigned)i);
        if ((b->present >> i & 1u) != 0 &&
            json_object_set_new(o, index, hex_to_json(b->value[i], b->alg)) != 0) {
            json_decref(o);
            return NULL;
        }
    }
    return o;
}

static enum cl_status pcrs_to_json(const struct cl_tpm_pcrs *p, json_t **ret_j, struct cl_err *err)
{
    bool whole = p->bank_count == 1 && p->bank[0].present == (1u << CL_TPM_PCR_COUNT) - 1;
    CL_CLEANUP(cl_json_decrefp) json_t *out = whole ? json_array() : json_object();
    for (uint32_t i = 0; whole && i < CL_TPM_PCR_COUNT; i++) {
        if (json_array_append_new(out, hex_to_json(p->bank[0].value[i], p->bank[0].alg)) != 0) {
            return cl_err_nomem(err, "TPM evidence");
        }
    }
    for (size_t i = 0; !whole && i < p->bank_count; i++) {
        if (json_object_set_new(out, cl_tpm_alg_name(p->bank[i].alg), bank_to_json(&p->bank[i])) !=
            0) {
            return cl_err_nomem(err, "TPM evidence");
        }
    }
    *ret_j = CL_TAKE(out);
    return CL_OK;
}

static enum cl_status quote_to_json(const struct cl_vtpm_parts *p, enum text form, json_t *out,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *q = json_object();
    json_t *pcrs = NULL;
    CL_TRY(put(q, "signature", &p->signature, form, err));
    CL_TRY(put(q, "message", &p->message, form, err));
    CL_TRY(pcrs_to_json(&p->pcrs, &pcrs, err));
    if (json_object_set_new(q, "pcrs", pcrs) != 0 || json_object_set(out, "tpm_quote", q) != 0) {
        return cl_err_nomem(err, "TPM evidence");
    }
    return CL_OK;
}

static enum cl_status az_to_json(const struct cl_vtpm_parts *p, json_t *out, struct cl_err *err)
{
    unsigned version = p->version < 2 ? 1 : 2; /* 1 says the same as 0, in text */
    if (json_object_set_new(out, "version", json_integer((json_int_t)version)) != 0) {
        return cl_err_nomem(err, "TPM evidence");
    }
    CL_TRY(quote_to_json(p, TEXT_HEX, out, err));
    CL_TRY(put(out, "hcl_report", &p->hcl, TEXT_B64URL, err));
    if (p->td_quote.len > 0) {
        return put(out, "td_quote", &p->td_quote, TEXT_B64URL, err);
    }
    return p->vcek.len > 0 ? put(out, "vcek", &p->vcek, TEXT_B64URL, err) : CL_OK;
}

static enum cl_status tpm_to_json(const struct cl_vtpm_parts *p, json_t *out, struct cl_err *err)
{
    CL_TRY(put(out, "ak_public", &p->ak_spki, TEXT_B64, err));
    if (p->ak_area.len > 0) {
        CL_TRY(put(out, "ak_public_area", &p->ak_area, TEXT_B64, err));
    }
    return quote_to_json(p, TEXT_B64, out, err);
}

enum cl_status cl_vtpm_parts_to_json(const struct cl_vtpm_parts *p, json_t **ret_j,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *out = json_object();
    CL_TRY(p->kind == CL_TEE_CLASS_TPM ? tpm_to_json(p, out, err) : az_to_json(p, out, err));
    *ret_j = CL_TAKE(out);
    return CL_OK;
}

enum cl_status cl_vtpm_evidence_to_json(const struct cl_vtpm_evidence *ev, json_t **ret_j,
                                        struct cl_err *err)
{
    return cl_vtpm_parts_to_json(&ev->parts, ret_j, err);
}
