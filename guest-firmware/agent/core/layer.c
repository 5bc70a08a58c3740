/* SPDX-License-Identifier: Apache-2.0
 * layer.c - the chain from ciphertext to tar bytes, and its four checks.
 */
#include "agent/layer.h"

#include "inflate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536u

struct agent_layer {
    struct agent_blob *blob;
    struct agent_limits limits;
    bool encrypted;
    bool source_ended; /* digest, HMAC and plain digest matched */
    bool source_failed;
    bool verified; /* and the diffID */
    uint8_t hmac[CL_OCICRYPT_HMAC_SIZE];
    uint8_t plain_digest[CL_SHA256_SIZE];
    uint8_t diff_id[CL_SHA256_SIZE];
    struct cl_ocicrypt_cipher *cipher; /* NULL: not encrypted */
    struct cl_sha256_ctx *plain_hash;  /* before decompression; NULL when that equals diff_hash */
    struct cl_sha256_ctx *diff_hash;   /* of the tar bytes */
    struct agent_inflate *inflate;
    uint64_t in_total;
    uint64_t out_total;
    const uint8_t *pending; /* decrypted, in `in` */
    size_t pending_len;
    uint8_t in[CHUNK];
    uint8_t out[CHUNK];
};

void agent_layer_free(struct agent_layer *l)
{
    if (l != NULL) {
        agent_blob_free(l->blob);
        cl_ocicrypt_free(l->cipher);
        cl_sha256_free(l->plain_hash);
        cl_sha256_free(l->diff_hash);
        agent_inflate_free(l->inflate);
        cl_wipe(l, sizeof(*l));
        free(l);
    }
}

void agent_layer_freep(struct agent_layer **l)
{
    agent_layer_free(*l);
    *l = NULL;
}

enum cl_status agent_layer_new(struct agent_blob *blob, const struct agent_layer_config *cfg,
                               struct agent_layer **ret_l, struct cl_err *err)
{
    CL_CLEANUP(agent_layer_freep) struct agent_layer *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        agent_blob_free(blob);
        return cl_err_nomem(err, "layer");
    }
    l->blob = blob;
    l->limits = *cfg->limits;
    l->encrypted = cfg->layer->encrypted;
    if (l->encrypted != (cfg->key != NULL)) {
        return cl_err_set(err, CL_ERR_REJECTED, "layer: key: expected %s, got %s",
                          l->encrypted ? "one" : "none", l->encrypted ? "none" : "one");
    }
    memcpy(l->diff_id, cfg->diff_id, sizeof(l->diff_id));
    CL_TRY(cl_sha256_new(&l->diff_hash, err));
    CL_TRY(agent_inflate_new(cfg->layer->compression, &l->inflate, err));
    if (cfg->key != NULL) { /* exactly when it is encrypted, as checked above */
        memcpy(l->hmac, cfg->layer->pub.hmac, sizeof(l->hmac));
        memcpy(l->plain_digest, cfg->key->plain_digest, sizeof(l->plain_digest));
        CL_TRY(cl_ocicrypt_decrypt_new(&cfg->key->key, cfg->key->nonce, &l->cipher, err));
        /* skopeo puts the digest of the layer as it found it into the private options, also when it
         * compressed the layer on its way to the cipher: then that is the diffID, checked as such.
         */
        if (cfg->layer->compression != CL_OCI_PLAIN &&
            !cl_ct_equal(l->plain_digest, l->diff_id, CL_SHA256_SIZE)) {
            CL_TRY(cl_sha256_new(&l->plain_hash, err));
        }
    }
    *ret_l = CL_TAKE(l);
    return CL_OK;
}

static enum cl_status compare(const char *field, const uint8_t want[static CL_SHA256_SIZE],
                              const uint8_t got[static CL_SHA256_SIZE], struct cl_err *err)
{
    if (cl_ct_equal(want, got, CL_SHA256_SIZE)) {
        return CL_OK;
    }
    char want_text[CL_OCI_DIGEST_SIZE];
    char got_text[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(want_text, want);
    cl_oci_digest_format(got_text, got);
    return cl_err_set(err, CL_ERR_REJECTED, "layer: %s: expected %s, got %s", field, want_text,
                      got_text);
}

static enum cl_status end_of_source(struct agent_layer *l, struct cl_err *err)
{
    uint8_t got[CL_SHA256_SIZE];
    if (l->cipher != NULL) {
        CL_TRY(cl_ocicrypt_decrypt_final(l->cipher, l->hmac, err));
    }
    if (l->plain_hash != NULL) {
        CL_TRY(cl_sha256_final(l->plain_hash, got, err));
        CL_TRY(compare("plain digest", l->plain_digest, got, err));
    }
    l->source_ended = true;
    return CL_OK;
}

static enum cl_status refill_once(struct agent_layer *l, struct cl_err *err)
{
    size_t n = 0;
    CL_TRY(agent_blob_read(l->blob, l->in, sizeof(l->in), &n, err));
    if (n == 0) {
        return end_of_source(l, err);
    }
    if (l->cipher != NULL) {
        CL_TRY(cl_ocicrypt_update(l->cipher, l->in, l->in, n, err));
    }
    if (l->plain_hash != NULL) {
        CL_TRY(cl_sha256_update(l->plain_hash, l->in, n, err));
    }
    l->in_total += n;
    l->pending = l->in;
    l->pending_len = n;
    return CL_OK;
}

/* The next decrypted bytes to `pending`; none once the source has ended well. */
static enum cl_status refill(struct agent_layer *l, struct cl_err *err)
{
    enum cl_status st = refill_once(l, err);
    l->source_failed = st != CL_OK;
    return st;
}

static enum cl_status end_of_layer(struct agent_layer *l, struct cl_err *err)
{
    uint8_t got[CL_SHA256_SIZE];
    CL_TRY(agent_inflate_end(l->inflate, err));
    CL_TRY(cl_sha256_final(l->diff_hash, got, err));
    if (l->encrypted && l->plain_hash == NULL) { /* the plain digest names these bytes */
        CL_TRY(compare("plain digest", l->plain_digest, got, err));
    }
    CL_TRY(compare("diffID", l->diff_id, got, err));
    l->verified = true;
    return CL_OK;
}

static enum cl_status check_ratio(const struct agent_layer *l, struct cl_err *err)
{
    if (l->out_total > l->limits.ratio_free && l->out_total / l->limits.max_ratio > l->in_total) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "layer: compression ratio: expected at most %" PRIu32
                          ", got more at %" PRIu64 " bytes",
                          l->limits.max_ratio, l->out_total);
    }
    return CL_OK;
}

enum cl_status agent_layer_next(void *layer, const uint8_t **ret_data, size_t *ret_len,
                                struct cl_err *err)
{
    struct agent_layer *l = layer;
    while (!l->verified) {
        size_t n = 0;
        CL_TRY(agent_inflate_run(l->inflate, &l->pending, &l->pending_len, l->out, sizeof(l->out),
                                 &n, err));
        if (n > 0) {
            l->out_total += n;
            CL_TRY(check_ratio(l, err));
            CL_TRY(cl_sha256_update(l->diff_hash, l->out, n, err));
            *ret_data = l->out;
            *ret_len = n;
            return CL_OK;
        }
        if (l->source_ended) {
            CL_TRY(end_of_layer(l, err));
        } else if (l->pending_len == 0) {
            CL_TRY(refill(l, err));
        }
    }
    *ret_data = NULL;
    *ret_len = 0;
    return CL_OK;
}

/* What the host did, what the machine lacks: no reason to look further. */
static bool is_about_the_bytes(enum cl_status st)
{
    return st == CL_ERR_MALFORMED || st == CL_ERR_TRUNCATED || st == CL_ERR_UNSUPPORTED ||
           st == CL_ERR_REJECTED;
}

enum cl_status agent_layer_finish(struct agent_layer *l, enum cl_status st, struct cl_err *err)
{
    const uint8_t *data = NULL;
    size_t n = 1;
    while (st == CL_OK && n > 0) {
        st = agent_layer_next(l, &data, &n, err);
    }
    if (!is_about_the_bytes(st) || l->source_ended || l->source_failed) {
        return st;
    }
    struct cl_err deeper = {0};
    enum cl_status cause = CL_OK;
    while (cause == CL_OK && !l->source_ended) {
        cause = refill(l, &deeper);
    }
    if (cause == CL_ERR_REJECTED) {
        return cl_err_set(err, cause, "%s", deeper.msg);
    }
    return st;
}
