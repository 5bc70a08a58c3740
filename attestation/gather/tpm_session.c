/* SPDX-License-Identifier: Apache-2.0
 * tpm_session.c - see tpm_session.h. Trust: the TPM is the one of this machine. Threads: one
 * conversation, one thread. Memory: tpm2-tss'. Spec: TPM 2.0 Part 3; tdx.md e.3.
 */
#include "tpm_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tcti_device.h>
#include <unistd.h>

#define NV_CHUNK 512u /* below what any TPM reads at once */
#define PCR_CHUNK 8u  /* digests in one answer */

enum cl_status tpm_answer(TSS2_RC rc, const char *what, struct cl_err *err)
{
    return rc == TSS2_RC_SUCCESS
               ? CL_OK
               : cl_err_set(err, CL_ERR_UNAVAILABLE, "TPM: %s: expected success, got %s", what,
                            Tss2_RC_Decode(rc));
}

/* tpm2-tss prints to stderr by itself; so the device is looked at before. */
static enum cl_status open_device(struct tpm_session *s, struct cl_err *err)
{
    size_t size = 0;
    if (access(CL_TPM_DEVICE, R_OK | W_OK) != 0) {
        return cl_err_sys(err, errno, "open '" CL_TPM_DEVICE "'");
    }
    CL_TRY(tpm_answer(Tss2_Tcti_Device_Init(NULL, &size, CL_TPM_DEVICE), CL_TPM_DEVICE, err));
    s->own_tcti = calloc(1, size);
    if (s->own_tcti == NULL) {
        return cl_err_nomem(err, "TPM");
    }
    TSS2_RC rc = Tss2_Tcti_Device_Init(s->own_tcti, &size, CL_TPM_DEVICE);
    if (rc != TSS2_RC_SUCCESS) {
        free(s->own_tcti);
        s->own_tcti = NULL;
    }
    return tpm_answer(rc, CL_TPM_DEVICE, err);
}

enum cl_status tpm_session_open(struct tpm_session *s, TSS2_TCTI_CONTEXT *tcti, struct cl_err *err)
{
    s->key = ESYS_TR_NONE;
    if (tcti == NULL) {
        CL_TRY(open_device(s, err));
        tcti = s->own_tcti;
    }
    return tpm_answer(Esys_Initialize(&s->esys, tcti, NULL), "start", err);
}

void tpm_session_done(struct tpm_session *s)
{
    if (s->esys != NULL && s->key_is_made) {
        (void)Esys_FlushContext(s->esys, s->key);
    }
    Esys_Finalize(&s->esys);
    if (s->own_tcti != NULL) {
        Tss2_Tcti_Finalize(s->own_tcti);
        free(s->own_tcti);
    }
    *s = (struct tpm_session){0};
}

ESYS_TR tpm_session_find(struct tpm_session *s, TPM2_HANDLE handle)
{
    TPMS_CAPABILITY_DATA *cap = NULL;
    TPMI_YES_NO more = 0;
    ESYS_TR tr = ESYS_TR_NONE;
    /* Asked for before it is opened, because tpm2-tss prints when there is none. */
    if (Esys_GetCapability(s->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
                           handle, 1, &more, &cap) == TSS2_RC_SUCCESS &&
        cap->data.handles.count == 1 && cap->data.handles.handle[0] == handle &&
        Esys_TR_FromTPMPublic(s->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr) !=
            TSS2_RC_SUCCESS) {
        tr = ESYS_TR_NONE;
    }
    Esys_Free(cap);
    return tr;
}

static TPMT_PUBLIC key_template(enum cl_tpm_key_kind kind)
{
    TPMT_PUBLIC t = {.nameAlg = TPM2_ALG_SHA256,
                     .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                         TPMA_OBJECT_SENSITIVEDATAORIGIN |
                                         TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_RESTRICTED |
                                         TPMA_OBJECT_SIGN_ENCRYPT};
    if (kind == CL_TPM_KEY_ECC) {
        t.type = TPM2_ALG_ECC;
        t.parameters.eccDetail = (TPMS_ECC_PARMS){
            .symmetric.algorithm = TPM2_ALG_NULL,
            .scheme = {.scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = TPM2_ALG_SHA256},
            .curveID = TPM2_ECC_NIST_P256,
            .kdf.scheme = TPM2_ALG_NULL};
    } else {
        t.type = TPM2_ALG_RSA;
        t.parameters.rsaDetail = (TPMS_RSA_PARMS){
            .symmetric.algorithm = TPM2_ALG_NULL,
            .scheme = {.scheme = TPM2_ALG_RSASSA, .details.rsassa.hashAlg = TPM2_ALG_SHA256},
            .keyBits = 2048};
    }
    return t;
}

enum cl_status tpm_session_make_key(struct tpm_session *s, enum cl_tpm_key_kind kind,
                                    struct cl_err *err)
{
    const TPM2B_SENSITIVE_CREATE no_secret = {0};
    const TPM2B_DATA no_data = {0};
    const TPML_PCR_SELECTION no_pcrs = {0};
    TPM2B_PUBLIC template = {.publicArea = key_template(kind)};
    ESYS_TR key = ESYS_TR_NONE;
    CL_TRY(tpm_answer(Esys_CreatePrimary(s->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD,
                                         ESYS_TR_NONE, ESYS_TR_NONE, &no_secret, &template,
                                         &no_data, &no_pcrs, &key, NULL, NULL, NULL, NULL),
                      "attestation key", err));
    s->key = key;
    s->key_is_made = true;
    return CL_OK;
}

enum cl_status tpm_session_key_area(struct tpm_session *s, struct cl_buf *out, struct cl_err *err)
{
    uint8_t raw[sizeof(TPM2B_PUBLIC)];
    size_t n = 0;
    TPM2B_PUBLIC *area = NULL;
    CL_TRY(tpm_answer(Esys_ReadPublic(s->esys, s->key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                      &area, NULL, NULL),
                      "public area of the attestation key", err));
    TSS2_RC rc = Tss2_MU_TPM2B_PUBLIC_Marshal(area, raw, sizeof(raw), &n);
    Esys_Free(area);
    CL_TRY(tpm_answer(rc, "public area of the attestation key", err));
    return cl_buf_append(out, raw, n, err);
}

static enum cl_status nv_size(struct tpm_session *s, ESYS_TR nv, size_t max, size_t *ret_size,
                              struct cl_err *err)
{
    TPM2B_NV_PUBLIC *area = NULL;
    CL_TRY(tpm_answer(
        Esys_NV_ReadPublic(s->esys, nv, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, NULL),
        "size of an NV index", err));
    *ret_size = area->nvPublic.dataSize;
    Esys_Free(area);
    return *ret_size <= max
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "TPM: NV index: expected at most %zu bytes, got %zu", max, *ret_size);
}

enum cl_status tpm_session_read_nv(struct tpm_session *s, ESYS_TR nv, size_t max,
                                   struct cl_buf *out, struct cl_err *err)
{
    size_t size = 0;
    CL_TRY(nv_size(s, nv, max, &size, err));
    while (out->len < size) {
        TPM2B_MAX_NV_BUFFER *part = NULL;
        size_t n = size - out->len < NV_CHUNK ? size - out->len : NV_CHUNK;
        CL_TRY(
            tpm_answer(Esys_NV_Read(s->esys, ESYS_TR_RH_OWNER, nv, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                    ESYS_TR_NONE, (uint16_t)n, (uint16_t)out->len, &part),
                       "read an NV index", err));
        bool whole = part->size == n;
        enum cl_status st = cl_buf_append(out, part->buffer, part->size, err);
        Esys_Free(part);
        CL_TRY(st);
        if (!whole) {
            return cl_err_set(err, CL_ERR_TRUNCATED, "TPM: NV index: expected %zu bytes, got fewer",
                              n);
        }
    }
    return CL_OK;
}

static enum cl_status define_nv(struct tpm_session *s, TPM2_HANDLE handle, size_t size,
                                ESYS_TR *ret_nv, struct cl_err *err)
{
    const TPM2B_AUTH no_auth = {0};
    const TPM2B_NV_PUBLIC area = {.nvPublic = {.nvIndex = handle,
                                               .nameAlg = TPM2_ALG_SHA256,
                                               .attributes = TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE,
                                               .dataSize = (uint16_t)size}};
    return tpm_answer(Esys_NV_DefineSpace(s->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                          ESYS_TR_NONE, &no_auth, &area, ret_nv),
                      "make an NV index", err);
}

enum cl_status tpm_session_write_nv(struct tpm_session *s, TPM2_HANDLE handle, const uint8_t *data,
                                    size_t len, struct cl_err *err)
{
    TPM2B_MAX_NV_BUFFER part = {.size = (uint16_t)len};
    ESYS_TR nv = tpm_session_find(s, handle);
    if (len > NV_CHUNK) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TPM: NV index: expected at most %u bytes to write, got %zu", NV_CHUNK,
                          len);
    }
    if (nv == ESYS_TR_NONE) {
        CL_TRY(define_nv(s, handle, len, &nv, err));
    }
    memcpy(part.buffer, data, len);
    return tpm_answer(Esys_NV_Write(s->esys, ESYS_TR_RH_OWNER, nv, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                    ESYS_TR_NONE, &part, 0),
                      "write an NV index", err);
}

static TPML_PCR_SELECTION to_tss(uint16_t alg, uint32_t mask)
{
    return (TPML_PCR_SELECTION){
        .count = 1,
        .pcrSelections = {
            {.hash = alg,
             .sizeofSelect = 3,
             .pcrSelect = {(uint8_t)mask, (uint8_t)(mask >> 8), (uint8_t)(mask >> 16)}}}};
}

/* The first PCR_CHUNK registers of mask, or fewer; *ret_mask gets those that came. */
static enum cl_status read_some(struct tpm_session *s, uint16_t alg, uint32_t mask,
                                struct cl_tpm_pcrs *p, uint32_t *ret_mask, struct cl_err *err)
{
    TPML_PCR_SELECTION want = to_tss(alg, mask);
    TPML_PCR_SELECTION *got = NULL;
    TPML_DIGEST *values = NULL;
    uint32_t n = 0, seen = 0;
    enum cl_status st = tpm_answer(Esys_PCR_Read(s->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                                 &want, NULL, &got, &values),
                                   "read registers", err);
    for (uint32_t i = 0; st == CL_OK && got->count == 1 && i < CL_TPM_PCR_COUNT; i++) {
        if ((got->pcrSelections[0].pcrSelect[i / 8] >> (i % 8) & 1u) == 0 || n >= values->count) {
            continue;
        }
        if (values->digests[n].size != cl_tpm_hash_size(alg)) {
            break;
        }
        st = cl_tpm_pcrs_set(p, alg, i, values->digests[n++].buffer, err);
        seen |= 1u << i;
    }
    Esys_Free(got);
    Esys_Free(values);
    *ret_mask = seen;
    return st;
}

enum cl_status tpm_session_read_pcrs(struct tpm_session *s,
                                     const struct cl_tpm_selection *selection,
                                     struct cl_tpm_pcrs *ret_pcrs, struct cl_err *err)
{
    struct cl_tpm_pcrs p = {0};
    for (size_t b = 0; b < selection->bank_count; b++) {
        for (uint32_t left = selection->bank[b].mask; left != 0;) {
            uint32_t seen = 0;
            CL_TRY(read_some(s, selection->bank[b].alg, left, &p, &seen, err));
            if (seen == 0) {
                return cl_err_set(err, CL_ERR_UNAVAILABLE,
                                  "TPM: registers: expected bank %s, got none of that name",
                                  cl_tpm_alg_name(selection->bank[b].alg));
            }
            left &= ~seen;
        }
    }
    *ret_pcrs = p;
    return CL_OK;
}

static enum cl_status marshal(const TPM2B_ATTEST *attest, const TPMT_SIGNATURE *sig,
                              struct cl_buf *message, struct cl_buf *signature, struct cl_err *err)
{
    uint8_t raw[sizeof(TPMT_SIGNATURE)];
    size_t n = 0;
    cl_buf_reset(message);
    cl_buf_reset(signature);
    CL_TRY(tpm_answer(Tss2_MU_TPMT_SIGNATURE_Marshal(sig, raw, sizeof(raw), &n), "signature", err));
    CL_TRY(cl_buf_append(signature, raw, n, err));
    return cl_buf_append(message, attest->attestationData, attest->size, err);
}

enum cl_status tpm_session_quote(struct tpm_session *s, const struct cl_tpm_request *request,
                                 struct cl_buf *message, struct cl_buf *signature,
                                 struct cl_err *err)
{
    const TPMT_SIG_SCHEME of_the_key = {.scheme = TPM2_ALG_NULL};
    const struct cl_tpm_selection *want = &request->selection;
    TPML_PCR_SELECTION pcrs = {.count = (uint32_t)want->bank_count};
    TPM2B_DATA nonce = {.size = (uint16_t)request->nonce_len};
    TPM2B_ATTEST *attest = NULL;
    TPMT_SIGNATURE *sig = NULL;
    if (request->nonce_len > 0) {
        memcpy(nonce.buffer, request->nonce, request->nonce_len);
    }
    for (size_t i = 0; i < want->bank_count; i++) {
        pcrs.pcrSelections[i] = to_tss(want->bank[i].alg, want->bank[i].mask).pcrSelections[0];
    }
    CL_TRY(tpm_answer(Esys_Quote(s->esys, s->key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                 &nonce, &of_the_key, &pcrs, &attest, &sig),
                      "quote", err));
    enum cl_status st = marshal(attest, sig, message, signature, err);
    Esys_Free(attest);
    Esys_Free(sig);
    return st;
}
