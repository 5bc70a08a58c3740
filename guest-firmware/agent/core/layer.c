/* SPDX-License-Identifier: Apache-2.0
 * layer.c - the chain from ciphertext to tar bytes, and its four checks. Each link runs in a thread
 * of its own and belongs to that thread: fetched (digest), decrypted (HMAC, plain digest), inflated
 * (ratio); the caller's thread makes the diffID. Links that a layer does not need are absent.
 */
#include "agent/layer.h"

#include "ahead.h"
#include "inflate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct agent_layer {
    struct agent_blob *blob;
    struct agent_limits limits;
    bool encrypted;
    bool verified; /* everything matched */
    uint8_t hmac[CL_OCICRYPT_HMAC_SIZE];
    uint8_t plain_digest[CL_SHA256_SIZE];
    uint8_t diff_id[CL_SHA256_SIZE];
    struct cl_ocicrypt_cipher *cipher; /* NULL: not encrypted */
    struct cl_sha256_ctx *plain_hash;  /* before decompression; NULL when that equals diff_hash */
    struct cl_sha256_ctx *diff_hash;   /* of the tar bytes */
    struct agent_inflate *inflate;
    uint64_t in_total;      /* of decompression */
    uint64_t out_total;     /* the same */
    const uint8_t *pending; /* decrypted, lent by the link before */
    size_t pending_len;
    struct agent_ahead *fetched;
    struct agent_ahead *decrypted; /* NULL: not encrypted */
    struct agent_ahead *inflated;  /* NULL: not compressed */
};

void agent_layer_free(struct agent_layer *l)
{
    if (l != NULL) {
        agent_blob_cancel(l->blob); /* a link may wait for the host */
        agent_ahead_free(l->inflated);
        agent_ahead_free(l->decrypted);
        agent_ahead_free(l->fetched);
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

/* The last link before decompression. */
static struct agent_ahead *source(const struct agent_layer *l)
{
    return l->decrypted != NULL ? l->decrypted : l->fetched;
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

/* Link 1. Full buffers: the host decides how it cuts the stream. */
static enum cl_status fetch(void *layer, uint8_t *data, size_t size, size_t *ret_len,
                            struct cl_err *err)
{
    struct agent_layer *l = layer;
    size_t len = 0;
    size_t n = 1;
    while (len < size && n > 0) {
        CL_TRY(agent_blob_read(l->blob, data + len, size - len, &n, err));
        len += n;
    }
    *ret_len = len;
    return CL_OK;
}

static enum cl_status end_of_ciphertext(struct agent_layer *l, struct cl_err *err)
{
    uint8_t got[CL_SHA256_SIZE];
    CL_TRY(cl_ocicrypt_decrypt_final(l->cipher, l->hmac, err));
    if (l->plain_hash == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_sha256_final(l->plain_hash, got, err));
    return compare("plain digest", l->plain_digest, got, err);
}

/* Link 2. */
static enum cl_status decrypt(void *layer, uint8_t *data, CL_UNUSED size_t size, size_t *ret_len,
                              struct cl_err *err)
{
    struct agent_layer *l = layer;
    const uint8_t *in = NULL;
    size_t n = 0;
    _Static_assert(AGENT_AHEAD_CHUNK <= INT32_MAX, "what one link gives, the next one can hold");
    CL_TRY(agent_ahead_next(l->fetched, &in, &n, err));
    if (n == 0) {
        CL_TRY(end_of_ciphertext(l, err));
    } else {
        CL_TRY(cl_ocicrypt_update(l->cipher, data, in, n, err));
        if (l->plain_hash != NULL) {
            CL_TRY(cl_sha256_update(l->plain_hash, data, n, err));
        }
    }
    *ret_len = n;
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

/* Link 3. */
static enum cl_status inflate_some(void *layer, uint8_t *data, size_t size, size_t *ret_len,
                                   struct cl_err *err)
{
    struct agent_layer *l = layer;
    for (;;) {
        CL_TRY(
            agent_inflate_run(l->inflate, &l->pending, &l->pending_len, data, size, ret_len, err));
        if (*ret_len > 0) {
            l->out_total += *ret_len;
            return check_ratio(l, err);
        }
        if (l->pending_len == 0) {
            CL_TRY(agent_ahead_next(source(l), &l->pending, &l->pending_len, err));
            if (l->pending_len == 0) {
                return agent_inflate_end(l->inflate, err);
            }
            l->in_total += l->pending_len;
        }
    }
}

static enum cl_status start_links(struct agent_layer *l, enum cl_oci_compression how,
                                  struct cl_err *err)
{
    CL_TRY(agent_ahead_new(fetch, l, &l->fetched, err));
    if (l->cipher != NULL) {
        CL_TRY(agent_ahead_new(decrypt, l, &l->decrypted, err));
    }
    if (how != CL_OCI_PLAIN) {
        CL_TRY(agent_ahead_new(inflate_some, l, &l->inflated, err));
    }
    return CL_OK;
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
    CL_TRY(start_links(l, cfg->layer->compression, err));
    *ret_l = CL_TAKE(l);
    return CL_OK;
}

static enum cl_status end_of_layer(struct agent_layer *l, struct cl_err *err)
{
    uint8_t got[CL_SHA256_SIZE];
    CL_TRY(cl_sha256_final(l->diff_hash, got, err));
    if (l->encrypted && l->plain_hash == NULL) { /* the plain digest names these bytes */
        CL_TRY(compare("plain digest", l->plain_digest, got, err));
    }
    CL_TRY(compare("diffID", l->diff_id, got, err));
    l->verified = true;
    return CL_OK;
}

enum cl_status agent_layer_next(void *layer, const uint8_t **ret_data, size_t *ret_len,
                                struct cl_err *err)
{
    struct agent_layer *l = layer;
    const uint8_t *data = NULL;
    size_t n = 0;
    if (!l->verified) {
        struct agent_ahead *last = l->inflated != NULL ? l->inflated : source(l);
        CL_TRY(agent_ahead_next(last, &data, &n, err));
        CL_TRY(n > 0 ? cl_sha256_update(l->diff_hash, data, n, err) : end_of_layer(l, err));
    }
    *ret_data = data;
    *ret_len = n;
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
    if (!is_about_the_bytes(st)) {
        return st;
    }
    struct cl_err deeper = {0};
    enum cl_status cause = CL_OK;
    agent_ahead_stop(l->inflated); /* its source is read here now */
    for (n = 1; cause == CL_OK && n > 0;) {
        cause = agent_ahead_next(source(l), &data, &n, &deeper);
    }
    if (cause == CL_ERR_REJECTED) {
        return cl_err_set(err, cause, "%s", deeper.msg);
    }
    return st;
}
