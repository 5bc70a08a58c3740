/* SPDX-License-Identifier: Apache-2.0
 * corim_write.c - writes a signed CoRIM, in deterministic encoding (see cloister/corim.h): what it
 * writes, corim_read.c reads. Map keys are in ascending order as they stand here.
 * Trust: the caller's values. Threads: pure.
 */
#include "corim/corim_internal.h"

#include <string.h>

static void put_time(struct cl_cbor_writer *w, int64_t t)
{
    cl_cbor_put_head(w, CL_CBOR_TAG, TAG_TIME);
    cl_cbor_put_int(w, t);
}

static void put_validity(struct cl_cbor_writer *w, const struct cl_corim *c)
{
    cl_cbor_put_head(w, CL_CBOR_MAP, c->not_before > 0 ? 2 : 1);
    if (c->not_before > 0) {
        cl_cbor_put_int(w, VALIDITY_NOT_BEFORE);
        put_time(w, c->not_before);
    }
    cl_cbor_put_int(w, VALIDITY_NOT_AFTER);
    put_time(w, c->not_after);
}

static void put_environment(struct cl_cbor_writer *w, const struct corim_class *class)
{
    cl_cbor_put_head(w, CL_CBOR_MAP, 1);
    cl_cbor_put_int(w, ENVIRONMENT_CLASS);
    cl_cbor_put_head(w, CL_CBOR_MAP, 3);
    cl_cbor_put_int(w, CLASS_ID);
    cl_cbor_put_head(w, CL_CBOR_TAG, TAG_UUID);
    cl_cbor_put_bytes(w, class->class_id, CORIM_UUID_SIZE);
    cl_cbor_put_int(w, CLASS_VENDOR);
    cl_cbor_put_text(w, class->vendor);
    cl_cbor_put_int(w, CLASS_MODEL);
    cl_cbor_put_text(w, class->model);
}

static void put_digest(struct cl_cbor_writer *w, const uint8_t *digest)
{
    cl_cbor_put_head(w, CL_CBOR_ARRAY, 1);
    cl_cbor_put_head(w, CL_CBOR_ARRAY, 2);
    cl_cbor_put_int(w, CORIM_HASH_SHA384);
    cl_cbor_put_bytes(w, digest, CL_CORIM_MEASUREMENT_SIZE);
}

static uint64_t register_count(const struct cl_corim_reference *ref)
{
    uint64_t n = 0;
    for (size_t i = 0; i < CL_CORIM_RTMR_COUNT; i++) {
        n += ref->has_rtmr[i] ? 1 : 0;
    }
    return n;
}

static void put_registers(struct cl_cbor_writer *w, const struct cl_corim_reference *ref)
{
    cl_cbor_put_int(w, VALUES_REGISTERS);
    cl_cbor_put_head(w, CL_CBOR_MAP, register_count(ref));
    for (size_t i = 0; i < CL_CORIM_RTMR_COUNT; i++) {
        if (ref->has_rtmr[i]) {
            cl_cbor_put_int(w, (int64_t)i);
            put_digest(w, ref->rtmr[i]);
        }
    }
}

static void put_triple(struct cl_cbor_writer *w, const struct corim_class *class,
                       const struct cl_corim_reference *ref)
{
    bool registers = register_count(ref) > 0;
    cl_cbor_put_head(w, CL_CBOR_ARRAY, 2);
    put_environment(w, class);
    cl_cbor_put_head(w, CL_CBOR_ARRAY, 1);
    cl_cbor_put_head(w, CL_CBOR_MAP, 2);
    cl_cbor_put_int(w, MEASUREMENT_KEY);
    cl_cbor_put_int(w, 0);
    cl_cbor_put_int(w, MEASUREMENT_VALUES);
    cl_cbor_put_head(w, CL_CBOR_MAP, registers ? 2 : 1);
    cl_cbor_put_int(w, VALUES_DIGESTS);
    put_digest(w, ref->measurement);
    if (registers) {
        put_registers(w, ref);
    }
}

/* A reference becomes one triple for each name of its class; *count grows by that. */
static enum cl_status count_triples(const struct cl_corim_reference *ref, uint64_t *count,
                                    struct cl_err *err)
{
    uint64_t names = 0;
    for (size_t k = 0; k < corim_class_count; k++) {
        if (corim_classes[k].tee_class != ref->tee_class) {
            continue;
        }
        if (!corim_classes[k].has_registers && register_count(ref) > 0) {
            return cl_err_set(err, CL_ERR_UNSUPPORTED,
                              "CoRIM: RTMRs: expected none for %s, got some",
                              corim_classes[k].model);
        }
        names++;
    }
    if (names == 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "CoRIM: reference value: expected one of a known class, got '%s'",
                          cl_tee_class_name(ref->tee_class));
    }
    *count += names;
    return CL_OK;
}

static enum cl_status put_triples(struct cl_cbor_writer *w, const struct cl_corim *c,
                                  struct cl_err *err)
{
    uint64_t count = 0;
    for (size_t i = 0; i < c->count; i++) {
        CL_TRY(count_triples(&c->references[i], &count, err));
    }
    cl_cbor_put_head(w, CL_CBOR_ARRAY, count);
    for (size_t i = 0; i < c->count; i++) {
        for (size_t k = 0; k < corim_class_count; k++) {
            if (corim_classes[k].tee_class == c->references[i].tee_class) {
                put_triple(w, &corim_classes[k], &c->references[i]);
            }
        }
    }
    return CL_OK;
}

static enum cl_status put_comid(struct cl_buf *out, const struct cl_corim *c, struct cl_err *err)
{
    struct cl_cbor_writer w = cl_cbor_writer_init(out);
    cl_cbor_put_head(&w, CL_CBOR_MAP, 2);
    cl_cbor_put_int(&w, COMID_TAG_IDENTITY);
    cl_cbor_put_head(&w, CL_CBOR_MAP, 1);
    cl_cbor_put_int(&w, 0); /* tag-id */
    cl_cbor_put_text(&w, c->id);
    cl_cbor_put_int(&w, COMID_TRIPLES);
    cl_cbor_put_head(&w, CL_CBOR_MAP, 1);
    cl_cbor_put_int(&w, TRIPLES_REFERENCE);
    CL_TRY(put_triples(&w, c, err));
    return cl_cbor_writer_check(&w, err);
}

static enum cl_status put_corim_map(struct cl_buf *out, const struct cl_corim *c,
                                    struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf comid = {0};
    struct cl_cbor_writer w = cl_cbor_writer_init(out);
    CL_TRY(put_comid(&comid, c, err));
    cl_cbor_put_head(&w, CL_CBOR_TAG, TAG_UNSIGNED_CORIM);
    cl_cbor_put_head(&w, CL_CBOR_MAP, 3);
    cl_cbor_put_int(&w, CORIM_ID);
    cl_cbor_put_text(&w, c->id);
    cl_cbor_put_int(&w, CORIM_TAGS);
    cl_cbor_put_head(&w, CL_CBOR_ARRAY, 1);
    cl_cbor_put_head(&w, CL_CBOR_TAG, TAG_COMID);
    cl_cbor_put_bytes(&w, comid.data, comid.len);
    cl_cbor_put_int(&w, CORIM_VALIDITY);
    put_validity(&w, c);
    return cl_cbor_writer_check(&w, err);
}

static enum cl_status put_meta(struct cl_buf *out, const struct cl_corim *c, struct cl_err *err)
{
    struct cl_cbor_writer w = cl_cbor_writer_init(out);
    cl_cbor_put_head(&w, CL_CBOR_MAP, 2);
    cl_cbor_put_int(&w, META_SIGNER);
    cl_cbor_put_head(&w, CL_CBOR_MAP, 1);
    cl_cbor_put_int(&w, 0); /* signer-name */
    cl_cbor_put_text(&w, c->signer);
    cl_cbor_put_int(&w, META_VALIDITY);
    put_validity(&w, c);
    return cl_cbor_writer_check(&w, err);
}

static enum cl_status put_header(struct cl_buf *out, const struct cl_corim *c, const EVP_PKEY *key,
                                 struct cl_err *err)
{
    int64_t alg = 0;
    CL_CLEANUP(cl_buf_done) struct cl_buf meta = {0};
    struct cl_cbor_writer w = cl_cbor_writer_init(out);
    CL_TRY(cose_alg_of_key(key, &alg, err));
    CL_TRY(put_meta(&meta, c, err));
    cl_cbor_put_head(&w, CL_CBOR_MAP, 3);
    cl_cbor_put_int(&w, COSE_ALG);
    cl_cbor_put_int(&w, alg);
    cl_cbor_put_int(&w, COSE_CONTENT_TYPE);
    cl_cbor_put_text(&w, CORIM_CONTENT_TYPE);
    cl_cbor_put_int(&w, CORIM_META);
    cl_cbor_put_bytes(&w, meta.data, meta.len);
    return cl_cbor_writer_check(&w, err);
}

enum cl_status cl_corim_write(const struct cl_corim *c, EVP_PKEY *key, struct cl_buf *out,
                              struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf header = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf payload = {0};
    const char *wrong = c->id[0] == '\0'                ? "no id"
                        : c->signer[0] == '\0'          ? "no signer"
                        : c->count == 0                 ? "no reference value"
                        : c->not_after <= c->not_before ? "no such end"
                                                        : NULL;
    if (wrong != NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "CoRIM: expected an id, a signer, reference values and an end after its "
                          "beginning, got %s",
                          wrong);
    }
    CL_TRY(put_corim_map(&payload, c, err));
    CL_TRY(put_header(&header, c, key, err));
    return cose_sign1_make(&header, &payload, key, out, err);
}
