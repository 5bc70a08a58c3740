/* SPDX-License-Identifier: Apache-2.0
 * corim_write.c - writes a signed CoRIM, in deterministic encoding (see cloister/corim.h): what it
 * writes, corim_read.c reads. Map keys are in ascending order as they stand here.
 * Trust: the caller's values. Threads: pure.
 */
#include "corim/corim_internal.h"

#include <string.h>

static enum cl_status put_time(struct cl_buf *out, int64_t t, struct cl_err *err)
{
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_TAG, TAG_TIME, err));
    return cl_cbor_put_int(out, t, err);
}

static enum cl_status put_validity(struct cl_buf *out, const struct cl_corim *c, struct cl_err *err)
{
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_MAP, c->not_before > 0 ? 2 : 1, err));
    if (c->not_before > 0) {
        CL_TRY(cl_cbor_put_int(out, VALIDITY_NOT_BEFORE, err));
        CL_TRY(put_time(out, c->not_before, err));
    }
    CL_TRY(cl_cbor_put_int(out, VALIDITY_NOT_AFTER, err));
    return put_time(out, c->not_after, err);
}

static enum cl_status put_environment(struct cl_buf *out, const struct corim_class *class,
                                      struct cl_err *err)
{
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_MAP, 1, err));
    CL_TRY(cl_cbor_put_int(out, ENVIRONMENT_CLASS, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_MAP, 3, err));
    CL_TRY(cl_cbor_put_int(out, CLASS_ID, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_TAG, TAG_UUID, err));
    CL_TRY(cl_cbor_put_bytes(out, class->class_id, CORIM_UUID_SIZE, err));
    CL_TRY(cl_cbor_put_int(out, CLASS_VENDOR, err));
    CL_TRY(cl_cbor_put_text(out, class->vendor, err));
    CL_TRY(cl_cbor_put_int(out, CLASS_MODEL, err));
    return cl_cbor_put_text(out, class->model, err);
}

static enum cl_status put_digest(struct cl_buf *out, const uint8_t *digest, struct cl_err *err)
{
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_ARRAY, 1, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_ARRAY, 2, err));
    CL_TRY(cl_cbor_put_int(out, CORIM_HASH_SHA384, err));
    return cl_cbor_put_bytes(out, digest, CL_CORIM_MEASUREMENT_SIZE, err);
}

static enum cl_status put_registers(struct cl_buf *out, const struct cl_corim_reference *ref,
                                    uint64_t count, struct cl_err *err)
{
    CL_TRY(cl_cbor_put_int(out, VALUES_REGISTERS, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_MAP, count, err));
    for (size_t i = 0; i < CL_CORIM_RTMR_COUNT; i++) {
        if (ref->has_rtmr[i]) {
            CL_TRY(cl_cbor_put_int(out, (int64_t)i, err));
            CL_TRY(put_digest(out, ref->rtmr[i], err));
        }
    }
    return CL_OK;
}

static enum cl_status put_triple(struct cl_buf *out, const struct corim_class *class,
                                 const struct cl_corim_reference *ref, struct cl_err *err)
{
    uint64_t registers = 0;
    for (size_t i = 0; i < CL_CORIM_RTMR_COUNT; i++) {
        registers += ref->has_rtmr[i] ? 1 : 0;
    }
    if (registers > 0 && !class->has_registers) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "CoRIM: RTMRs: expected none for %s, got some",
                          class->model);
    }
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_ARRAY, 2, err));
    CL_TRY(put_environment(out, class, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_ARRAY, 1, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_MAP, 2, err));
    CL_TRY(cl_cbor_put_int(out, MEASUREMENT_KEY, err));
    CL_TRY(cl_cbor_put_int(out, 0, err));
    CL_TRY(cl_cbor_put_int(out, MEASUREMENT_VALUES, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_MAP, registers > 0 ? 2 : 1, err));
    CL_TRY(cl_cbor_put_int(out, VALUES_DIGESTS, err));
    CL_TRY(put_digest(out, ref->measurement, err));
    return registers > 0 ? put_registers(out, ref, registers, err) : CL_OK;
}

/* Each reference once for each name of its class; put: NULL counts only. */
static enum cl_status each_triple(const struct cl_corim *c, struct cl_buf *out, uint64_t *ret_count,
                                  struct cl_err *err)
{
    *ret_count = 0;
    for (size_t i = 0; i < c->count; i++) {
        for (size_t k = 0; k < corim_class_count; k++) {
            if (corim_classes[k].tee_class != c->references[i].tee_class) {
                continue;
            }
            ++*ret_count;
            if (out != NULL) {
                CL_TRY(put_triple(out, &corim_classes[k], &c->references[i], err));
            }
        }
    }
    return CL_OK;
}

static enum cl_status put_comid(struct cl_buf *out, const struct cl_corim *c, struct cl_err *err)
{
    uint64_t count = 0;
    CL_TRY(each_triple(c, NULL, &count, err));
    if (count == 0 || count > CORIM_MAX_TRIPLES) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "CoRIM: expected 1 to %u reference values of known classes, got %llu",
                          CL_CORIM_MAX_REFERENCES, (unsigned long long)count);
    }
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_MAP, 2, err));
    CL_TRY(cl_cbor_put_int(out, COMID_TAG_IDENTITY, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_MAP, 1, err));
    CL_TRY(cl_cbor_put_int(out, 0, err)); /* tag-id */
    CL_TRY(cl_cbor_put_text(out, c->id, err));
    CL_TRY(cl_cbor_put_int(out, COMID_TRIPLES, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_MAP, 1, err));
    CL_TRY(cl_cbor_put_int(out, TRIPLES_REFERENCE, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_ARRAY, count, err));
    return each_triple(c, out, &count, err);
}

static enum cl_status put_corim_map(struct cl_buf *out, const struct cl_corim *c,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf comid = {0};
    CL_TRY(put_comid(&comid, c, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_TAG, TAG_UNSIGNED_CORIM, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_MAP, 3, err));
    CL_TRY(cl_cbor_put_int(out, CORIM_ID, err));
    CL_TRY(cl_cbor_put_text(out, c->id, err));
    CL_TRY(cl_cbor_put_int(out, CORIM_TAGS, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_ARRAY, 1, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_TAG, TAG_COMID, err));
    CL_TRY(cl_cbor_put_bytes(out, comid.data, comid.len, err));
    CL_TRY(cl_cbor_put_int(out, CORIM_VALIDITY, err));
    return put_validity(out, c, err);
}

static enum cl_status put_header(struct cl_buf *out, const struct cl_corim *c, const EVP_PKEY *key,
                                 struct cl_err *err)
{
    int64_t alg = 0;
    CL_CLEANUP(cl_buf_done) struct cl_buf meta = {0};
    CL_TRY(cose_alg_of_key(key, &alg, err));
    CL_TRY(cl_cbor_put_head(&meta, CL_CBOR_MAP, 2, err));
    CL_TRY(cl_cbor_put_int(&meta, META_SIGNER, err));
    CL_TRY(cl_cbor_put_head(&meta, CL_CBOR_MAP, 1, err));
    CL_TRY(cl_cbor_put_int(&meta, 0, err)); /* signer-name */
    CL_TRY(cl_cbor_put_text(&meta, c->signer, err));
    CL_TRY(cl_cbor_put_int(&meta, META_VALIDITY, err));
    CL_TRY(put_validity(&meta, c, err));
    CL_TRY(cl_cbor_put_head(out, CL_CBOR_MAP, 3, err));
    CL_TRY(cl_cbor_put_int(out, COSE_ALG, err));
    CL_TRY(cl_cbor_put_int(out, alg, err));
    CL_TRY(cl_cbor_put_int(out, COSE_CONTENT_TYPE, err));
    CL_TRY(cl_cbor_put_text(out, CORIM_CONTENT_TYPE, err));
    CL_TRY(cl_cbor_put_int(out, CORIM_META, err));
    return cl_cbor_put_bytes(out, meta.data, meta.len, err);
}

enum cl_status cl_corim_write(const struct cl_corim *c, EVP_PKEY *key, struct cl_buf *out,
                              struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf payload = {0};
    if (c->id[0] == '\0' || c->signer[0] == '\0' || c->not_after <= c->not_before) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "CoRIM: expected an id, a signer and an end after its beginning, got %s",
                          c->id[0] == '\0'       ? "no id"
                          : c->signer[0] == '\0' ? "no signer"
                                                 : "no such end");
    }
    CL_TRY(put_corim_map(&payload, c, err));
    CL_TRY(put_header(&header, c, key, err));
    return cose_sign1_make(&header, &payload, key, out, err);
}
