/* SPDX-License-Identifier: Apache-2.0
 * cose.c - COSE_Sign1 (RFC 9052, 4.2) with one signature by the key that the caller names.
 * Trust: the structure is hostile. Its header must name the algorithm of the caller's key, nothing
 *        may be critical, and nothing may stand in the unprotected header, which is not signed.
 * Threads: pure.
 */
#include "corim/corim_internal.h"
#include "token/sign.h"

#define SIGN1_PARTS 4u

static enum cl_status get_bytes(struct cl_cbor_reader *r, const char *field, const uint8_t **ret,
                                size_t *ret_len, struct cl_err *err)
{
    struct cl_cbor_item i;
    CL_TRY(cl_cbor_expect(r, field, CL_CBOR_BYTES, &i, err));
    *ret = i.data;
    *ret_len = (size_t)i.u;
    return CL_OK;
}

enum cl_status cose_sign1_parse(struct cl_cbor_reader *r, struct cose_sign1 *ret_s,
                                struct cl_err *err)
{
    uint64_t n = 0;
    struct cose_sign1 s = {0};
    struct cl_cbor_item unprotected;
    CL_TRY(cl_cbor_expect_tag(r, "COSE_Sign1", TAG_COSE_SIGN1, err));
    CL_TRY(cl_cbor_array(r, "COSE_Sign1", SIGN1_PARTS, SIGN1_PARTS, &n, err));
    CL_TRY(get_bytes(r, "protected header", &s.protected_header, &s.protected_len, err));
    CL_TRY(cl_cbor_expect(r, "unprotected header", CL_CBOR_MAP, &unprotected, err));
    if (unprotected.u != 0) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos,
                         "unprotected header: expected it empty, got %llu entries",
                         (unsigned long long)unprotected.u);
    }
    CL_TRY(get_bytes(r, "payload", &s.payload, &s.payload_len, err));
    CL_TRY(get_bytes(r, "signature", &s.signature, &s.signature_len, err));
    *ret_s = s;
    return CL_OK;
}

/* RFC 9052 4.4. */
static enum cl_status sig_structure(const void *header, size_t header_len, const void *payload,
                                    size_t payload_len, struct cl_buf *out, struct cl_err *err)
{
    struct cl_cbor_writer w = cl_cbor_writer_init(out);
    cl_cbor_put_head(&w, CL_CBOR_ARRAY, SIGN1_PARTS);
    cl_cbor_put_text(&w, "Signature1");
    cl_cbor_put_bytes(&w, header, header_len);
    cl_cbor_put_head(&w, CL_CBOR_BYTES, 0); /* external_aad */
    cl_cbor_put_bytes(&w, payload, payload_len);
    return cl_cbor_writer_check(&w, err);
}

static enum cl_status key_alg(const EVP_PKEY *key, enum cl_sig_alg *ret_alg, struct cl_err *err)
{
    return cl_sig_alg_of_key(key, ret_alg)
               ? CL_OK
               : cl_err_set(err, CL_ERR_UNSUPPORTED,
                            "key: expected P-256, P-384 or Ed25519, got another kind");
}

enum cl_status cose_alg_of_key(const EVP_PKEY *key, int64_t *ret_alg, struct cl_err *err)
{
    static const int64_t numbers[] = {
        [CL_SIG_ES256] = -7, [CL_SIG_ES384] = -35, [CL_SIG_EDDSA] = -8};
    enum cl_sig_alg alg;
    CL_TRY(key_alg(key, &alg, err));
    *ret_alg = numbers[alg];
    return CL_OK;
}

enum cl_status cose_sign1_verify(const struct cose_sign1 *s, EVP_PKEY *key, struct cl_err *err)
{
    enum cl_sig_alg alg;
    CL_CLEANUP(cl_buf_done) struct cl_buf tbs = {0};
    CL_TRY(key_alg(key, &alg, err));
    if (s->signature_len != cl_sig_size(alg)) {
        return cl_err_set(err, CL_ERR_REJECTED, "signature: expected %zu bytes (%s), got %zu",
                          cl_sig_size(alg), cl_sig_alg_name(alg), s->signature_len);
    }
    CL_TRY(sig_structure(s->protected_header, s->protected_len, s->payload, s->payload_len, &tbs,
                         err));
    return cl_sig_check(alg, key, tbs.data, tbs.len, s->signature, err);
}

enum cl_status cose_sign1_make(const struct cl_buf *protected_header, const struct cl_buf *payload,
                               EVP_PKEY *key, struct cl_buf *out, struct cl_err *err)
{
    enum cl_sig_alg alg;
    uint8_t sig[CL_SIG_MAX_SIZE];
    CL_CLEANUP(cl_buf_done) struct cl_buf tbs = {0};
    CL_TRY(key_alg(key, &alg, err));
    CL_TRY(sig_structure(protected_header->data, protected_header->len, payload->data, payload->len,
                         &tbs, err));
    CL_TRY(cl_sig_make(alg, key, tbs.data, tbs.len, sig, err));
    struct cl_cbor_writer w = cl_cbor_writer_init(out);
    cl_cbor_put_head(&w, CL_CBOR_TAG, TAG_COSE_SIGN1);
    cl_cbor_put_head(&w, CL_CBOR_ARRAY, SIGN1_PARTS);
    cl_cbor_put_bytes(&w, protected_header->data, protected_header->len);
    cl_cbor_put_head(&w, CL_CBOR_MAP, 0);
    cl_cbor_put_bytes(&w, payload->data, payload->len);
    cl_cbor_put_bytes(&w, sig, cl_sig_size(alg));
    return cl_cbor_writer_check(&w, err);
}
