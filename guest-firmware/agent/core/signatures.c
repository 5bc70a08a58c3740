/* SPDX-License-Identifier: Apache-2.0
 * signatures.c - signatures of an image, as the host brings them, until one fits.
 */
#include "agent/signatures.h"

#include "agent/blob.h"

#include <stdio.h>
#include <string.h>

#define MAX_INDICES 4u /* that are fetched to see whether they name the manifest */

struct search {
    const struct cl_image_rule *rule;
    const struct agent_image_ops *ops;
    const uint8_t *manifest;
    int64_t now;
    unsigned indices;
    bool any; /* there was a signature */
    bool verified;
    enum cl_status status; /* of the signature that got furthest; never CL_OK */
    struct cl_err best;
};

/* --- what the host gives ---------------------------------------------------------------------- */

static enum cl_status get_blob(const struct search *s, const uint8_t *digest, uint64_t size,
                               uint64_t max, struct cl_buf *out, struct cl_err *err)
{
    CL_CLEANUP(agent_blob_freep) struct agent_blob *b = NULL;
    int fd = -1;
    CL_TRY(s->ops->dial_blob(s->ops->ctx, &fd, err));
    CL_TRY(agent_blob_open(fd, digest, size, max, &b, err));
    return agent_blob_read_all(b, out, err);
}

static enum cl_status get_document(const struct search *s, const char *name, size_t max,
                                   struct cl_buf *out, struct cl_err *err)
{
    int fd = -1;
    CL_TRY(s->ops->dial_blob(s->ops->ctx, &fd, err));
    return agent_blob_document(fd, name, max, out, err);
}

/* --- which image it is about ------------------------------------------------------------------ */

/* cosign signs the index of an image for several platforms. */
static enum cl_status index_names(struct search *s, const uint8_t *index, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    struct cl_oci_desc d = {0};
    if (s->indices++ >= MAX_INDICES) {
        return cl_err_set(err, CL_ERR_REJECTED, "expected at most %u indices, got more",
                          MAX_INDICES);
    }
    CL_TRY(get_blob(s, index, /* size= */ 0, CL_OCI_MAX_MANIFEST, &raw, err));
    CL_TRY(cl_oci_index_select(raw.data, raw.len, &d, err));
    return memcmp(d.digest, s->manifest, CL_SHA256_SIZE) == 0 /* both are public */
               ? CL_OK
               : cl_err_set(err, CL_ERR_REJECTED, "an index of another image");
}

static enum cl_status check_digest(struct search *s, const struct cl_image_signed *got,
                                   struct cl_err *err)
{
    char want_text[CL_OCI_DIGEST_SIZE];
    char got_text[CL_OCI_DIGEST_SIZE];
    struct cl_err why = {0};
    if (memcmp(got->digest, s->manifest, CL_SHA256_SIZE) == 0 || /* both are public */
        index_names(s, got->digest, &why) == CL_OK) {
        return CL_OK;
    }
    cl_oci_digest_format(want_text, s->manifest);
    cl_oci_digest_format(got_text, got->digest);
    return cl_err_set(err, CL_ERR_REJECTED,
                      "signature.digest: expected %s or an index that names it, got %s (%.128s)",
                      want_text, got_text, why.msg);
}

/* Keeps the word of the signature that got furthest; CL_OK ends the search. */
static enum cl_status judge(struct search *s, enum cl_status st, const struct cl_image_signed *got,
                            struct cl_err *why)
{
    bool further = !s->any || (got->verified && !s->verified);
    s->any = true;
    if (st == CL_OK) {
        st = check_digest(s, got, why);
    }
    if (st != CL_OK && further) {
        s->status = st;
        s->best = *why;
        s->verified = got->verified;
    }
    return st;
}

/* --- cosign ----------------------------------------------------------------------------------- */

static enum cl_status try_layer(struct search *s, const struct cl_cosign_layer *layer)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf payload = {0};
    struct cl_image_signed got = {0};
    struct cl_err why = {0};
    enum cl_status st = get_blob(s, layer->digest, layer->size, layer->size, &payload, &why);
    if (st == CL_OK) {
        st = cl_image_rule_cosign(s->rule, payload.data, payload.len, layer->signature, &got, &why);
    }
    return judge(s, st, &got, &why);
}

static enum cl_status try_cosign(struct search *s, struct cl_err *err)
{
    CL_CLEANUP(cl_cosign_manifest_done) struct cl_cosign_manifest m = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    char digest[CL_OCI_DIGEST_SIZE];
    char name[AGENT_BLOB_MAX_NAME];
    cl_oci_digest_format(digest, s->manifest);
    (void)snprintf(name, sizeof(name), "signatures:%s", digest);
    CL_TRY(get_document(s, name, CL_IMAGE_SIG_MAX_MANIFEST, &raw, err));
    CL_TRY(cl_cosign_manifest_parse(raw.data, raw.len, &m, err));
    for (size_t i = 0; i < m.count; i++) {
        if (try_layer(s, &m.layers[i]) == CL_OK) {
            return CL_OK;
        }
    }
    return CL_ERR_REJECTED;
}

/* --- simple signing --------------------------------------------------------------------------- */

static enum cl_status try_simple(struct search *s, struct cl_err *err)
{
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, s->manifest);
    for (unsigned n = 1; n <= CL_IMAGE_SIG_MAX_COUNT; n++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        char name[AGENT_BLOB_MAX_NAME];
        struct cl_image_signed got = {0};
        struct cl_err why = {0};
        (void)snprintf(name, sizeof(name), "simple-signature:%s/%u", digest, n);
        CL_TRY(get_document(s, name, CL_IMAGE_SIG_MAX_SIMPLE, &raw, err)); /* the last one's end */
        enum cl_status st = cl_image_rule_simple(s->rule, raw.data, raw.len, s->now, &got, &why);
        if (judge(s, st, &got, &why) == CL_OK) {
            return CL_OK;
        }
    }
    return CL_ERR_REJECTED;
}

enum cl_status agent_image_signed(const struct cl_image_rule *rule,
                                  const struct agent_image_ops *ops,
                                  const uint8_t manifest[static CL_SHA256_SIZE], int64_t now,
                                  struct cl_err *err)
{
    struct search s = {.rule = rule, .ops = ops, .manifest = manifest, .now = now};
    struct cl_err why = {0};
    bool cosign = cl_image_rule_type(rule) == CL_IMAGE_SIG_COSIGN;
    if ((cosign ? try_cosign(&s, &why) : try_simple(&s, &why)) == CL_OK) {
        return CL_OK;
    }
    if (s.any) {
        return cl_err_set(err, s.status, "%s", s.best.msg);
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "signature: expected one of kind %s for '%.160s', got none%s%.160s",
                      cl_image_sig_type_name(cl_image_rule_type(rule)),
                      cl_image_rule_reference(rule), why.msg[0] != '\0' ? ": " : "", why.msg);
}
