/* SPDX-License-Identifier: Apache-2.0
 * corim_read.c - a CoRIM file from its first byte: signature first, then what it says (see
 * cloister/corim.h). Nothing of a signed file but its shape is looked at before it verified.
 * Trust: hostile bytes. Threads: pure. Spec: draft-ietf-rats-corim, corim-map and signed-corim.
 */
#include "corim/corim_internal.h"

#include "base/io.h"

#include <string.h>

#define MAX_TIME ((int64_t)1 << 40)
#define FIRST_BYTE_SIGNED 0xD2u   /* tag 18 */
#define FIRST_BYTE_UNSIGNED 0xD9u /* a tag of two bytes */

bool cl_corim_looks_like(const uint8_t *data, size_t len)
{
    return len > 0 && (data[0] == FIRST_BYTE_SIGNED || data[0] == FIRST_BYTE_UNSIGNED);
}

static bool is_key(const struct cl_cbor_item *key, uint64_t n)
{
    return key->type == CL_CBOR_UINT && key->u == n;
}

enum cl_status corim_read_text(const struct cl_cbor_item *i, const char *field,
                               char ret[static CL_CORIM_TEXT_SIZE], struct cl_err *err)
{
    bool good = i->type == CL_CBOR_TEXT && i->u > 0 && i->u < CL_CORIM_TEXT_SIZE;
    for (size_t k = 0; good && k < i->u; k++) {
        good = i->data[k] >= 0x20 && i->data[k] < 0x7F;
    }
    if (!good) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: expected 1 to %u printable characters, got something else", field,
                          CL_CORIM_TEXT_SIZE - 1);
    }
    memcpy(ret, i->data, (size_t)i->u);
    ret[i->u] = '\0';
    return CL_OK;
}

static enum cl_status read_time(struct cl_cbor_reader *r, const char *field, int64_t *ret,
                                struct cl_err *err)
{
    struct cl_cbor_item i;
    CL_TRY(cl_cbor_expect_tag(r, field, TAG_TIME, err));
    CL_TRY(cl_cbor_expect(r, field, CL_CBOR_UINT, &i, err));
    if (i.u == 0 || i.u >= (uint64_t)MAX_TIME) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos, "%s: expected seconds since 1970, got %llu",
                         field, (unsigned long long)i.u);
    }
    *ret = (int64_t)i.u;
    return CL_OK;
}

enum cl_status corim_read_validity(struct cl_cbor_reader *r, int64_t *ret_before,
                                   int64_t *ret_after, struct cl_err *err)
{
    struct cl_cbor_map m;
    struct cl_cbor_item key;
    CL_TRY(cl_cbor_map(r, "validity", 2, &m, err));
    for (bool more = true;;) {
        CL_TRY(cl_cbor_map_key(r, "validity", &m, &key, &more, err));
        if (!more) {
            return CL_OK;
        }
        if (is_key(&key, VALIDITY_NOT_BEFORE)) {
            CL_TRY(read_time(r, "not-before", ret_before, err));
        } else if (is_key(&key, VALIDITY_NOT_AFTER)) {
            CL_TRY(read_time(r, "not-after", ret_after, err));
        } else {
            return cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos,
                             "validity: expected not-before and not-after, got another key");
        }
    }
}

static enum cl_status check_times(const char *what, int64_t before, int64_t after, int64_t now,
                                  struct cl_err *err)
{
    char when[21];
    if (after != 0 && now > after) {
        cl_time_format(when, after);
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "%s: not-after: expected a time to come, got %s",
                          what, when);
    }
    if (now < before) {
        cl_time_format(when, before);
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "%s: not-before: expected a time past, got %s",
                          what, when);
    }
    return CL_OK;
}

/* corim-meta: who signed, and how long the signature counts. */
static enum cl_status read_meta(const struct cl_cbor_item *bytes, int64_t now, struct cl_corim *c,
                                struct cl_err *err)
{
    struct cl_cbor_reader r = cl_cbor_reader_init(bytes->data, (size_t)bytes->u);
    struct cl_cbor_map m, signer;
    struct cl_cbor_item key, name;
    bool more = true;
    int64_t before = 0, after = 0;
    CL_TRY(cl_cbor_map(&r, "corim-meta", 2, &m, err));
    CL_TRY(cl_cbor_map_key(&r, "corim-meta", &m, &key, &more, err));
    if (!is_key(&key, META_SIGNER)) {
        return cl_err_at(err, CL_ERR_MALFORMED, r.pos, "corim-meta: expected a signer, got none");
    }
    CL_TRY(cl_cbor_map(&r, "signer", CORIM_MAX_KEYS, &signer, err));
    CL_TRY(cl_cbor_map_key(&r, "signer", &signer, &key, &more, err));
    if (!is_key(&key, 0)) {
        return cl_err_at(err, CL_ERR_MALFORMED, r.pos, "signer: expected a name, got none");
    }
    CL_TRY(cl_cbor_next(&r, "signer-name", &name, err));
    CL_TRY(corim_read_text(&name, "signer-name", c->signer, err));
    for (;;) { /* signer-uri and extensions say nothing that is compared */
        CL_TRY(cl_cbor_map_key(&r, "signer", &signer, &key, &more, err));
        if (!more) {
            break;
        }
        CL_TRY(cl_cbor_skip(&r, "signer", err));
    }
    CL_TRY(cl_cbor_map_key(&r, "corim-meta", &m, &key, &more, err));
    if (more && !is_key(&key, META_VALIDITY)) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, r.pos,
                         "corim-meta: expected signer and validity, got another key");
    }
    if (more) {
        CL_TRY(corim_read_validity(&r, &before, &after, err));
    }
    CL_TRY(cl_cbor_finish(&r, "corim-meta", err));
    return check_times("signature", before, after, now, err);
}

static enum cl_status check_alg(struct cl_cbor_reader *r, const EVP_PKEY *key, struct cl_err *err)
{
    struct cl_cbor_item alg;
    int64_t want = 0;
    CL_TRY(cose_alg_of_key(key, &want, err));
    CL_TRY(cl_cbor_next(r, "alg", &alg, err));
    if (alg.type != CL_CBOR_NEGINT || alg.u != (uint64_t)(-1 - want)) {
        return cl_err_at(err, CL_ERR_REJECTED, r->pos,
                         "alg: expected %lld, which the key is for, got another", (long long)want);
    }
    return CL_OK;
}

static enum cl_status check_content_type(struct cl_cbor_reader *r, struct cl_err *err)
{
    struct cl_cbor_item type;
    char text[CL_CORIM_TEXT_SIZE];
    CL_TRY(cl_cbor_next(r, "content type", &type, err));
    CL_TRY(corim_read_text(&type, "content type", text, err));
    if (strcmp(text, CORIM_CONTENT_TYPE) != 0) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos, "content type: expected %s, got '%.60s'",
                         CORIM_CONTENT_TYPE, text);
    }
    return CL_OK;
}

/* The signed header. Labels that we do not know are ignored, as COSE has it, but not critical ones
 * and not CWT claims, which could limit what we would not see. */
static enum cl_status read_header(const struct cose_sign1 *s, const EVP_PKEY *key, int64_t now,
                                  struct cl_corim *c, struct cl_err *err)
{
    struct cl_cbor_reader r = cl_cbor_reader_init(s->protected_header, s->protected_len);
    struct cl_cbor_map m;
    struct cl_cbor_item label, meta;
    bool alg = false, content_type = false, has_meta = false;
    CL_TRY(cl_cbor_map(&r, "header", CORIM_MAX_KEYS, &m, err));
    for (bool more = true;;) {
        CL_TRY(cl_cbor_map_key(&r, "header", &m, &label, &more, err));
        if (!more) {
            break;
        }
        if (is_key(&label, COSE_ALG)) {
            CL_TRY(check_alg(&r, key, err));
            alg = true;
        } else if (is_key(&label, COSE_CONTENT_TYPE)) {
            CL_TRY(check_content_type(&r, err));
            content_type = true;
        } else if (is_key(&label, CORIM_META)) {
            CL_TRY(cl_cbor_expect(&r, "corim-meta", CL_CBOR_BYTES, &meta, err));
            CL_TRY(read_meta(&meta, now, c, err));
            has_meta = true;
        } else if (is_key(&label, COSE_CRIT) || is_key(&label, COSE_CWT_CLAIMS)) {
            return cl_err_at(err, CL_ERR_UNSUPPORTED, r.pos, "header: label %llu is not supported",
                             (unsigned long long)label.u);
        } else {
            CL_TRY(cl_cbor_skip(&r, "header", err));
        }
    }
    if (!alg || !content_type || !has_meta) {
        return cl_err_at(err, CL_ERR_MALFORMED, r.pos, "header: %s: expected it, got none",
                         !alg            ? "alg"
                         : !content_type ? "content type"
                                         : "corim-meta");
    }
    return cl_cbor_finish(&r, "header", err);
}

static enum cl_status read_tags(struct cl_cbor_reader *r, struct cl_corim *c, struct cl_err *err)
{
    uint64_t n = 0;
    CL_TRY(cl_cbor_array(r, "tags", 1, CORIM_MAX_TAGS, &n, err));
    for (; n > 0; n--) {
        struct cl_cbor_item tag, body;
        CL_TRY(cl_cbor_expect(r, "tag", CL_CBOR_TAG, &tag, err));
        CL_TRY(cl_cbor_expect(r, "tag", CL_CBOR_BYTES, &body, err));
        if (tag.u == TAG_COMID) { /* others (CoSWID, CoTL) hold no reference values of ours */
            CL_TRY(corim_read_comid(body.data, (size_t)body.u, c, err));
        }
    }
    return CL_OK;
}

static enum cl_status read_corim_map(struct cl_cbor_reader *r, struct cl_corim *c,
                                     struct cl_err *err)
{
    struct cl_cbor_map m;
    struct cl_cbor_item key, id;
    bool has_id = false;
    CL_TRY(cl_cbor_expect_tag(r, "CoRIM", TAG_UNSIGNED_CORIM, err));
    CL_TRY(cl_cbor_map(r, "CoRIM", CORIM_MAX_KEYS, &m, err));
    for (bool more = true;;) {
        CL_TRY(cl_cbor_map_key(r, "CoRIM", &m, &key, &more, err));
        if (!more) {
            break;
        }
        if (is_key(&key, CORIM_ID)) {
            CL_TRY(cl_cbor_next(r, "id", &id, err));
            CL_TRY(corim_read_text(&id, "id", c->id, err));
            has_id = true;
        } else if (is_key(&key, CORIM_TAGS)) {
            CL_TRY(read_tags(r, c, err));
        } else if (is_key(&key, CORIM_VALIDITY)) {
            CL_TRY(corim_read_validity(r, &c->not_before, &c->not_after, err));
        } else if (is_key(&key, CORIM_PROFILE)) { /* it may change what the rest means */
            return cl_err_at(err, CL_ERR_UNSUPPORTED, r->pos, "profile: expected none, got one");
        } else {
            CL_TRY(cl_cbor_skip(r, "CoRIM", err));
        }
    }
    if (!has_id || c->count == 0 || c->not_after == 0) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos, "CoRIM: %s: expected it, got none",
                         !has_id         ? "id"
                         : c->count == 0 ? "a reference value of a known class"
                                         : "validity with not-after");
    }
    return cl_cbor_finish(r, "CoRIM", err);
}

static enum cl_status read_signed(struct cl_cbor_reader *r, EVP_PKEY *key, int64_t now,
                                  struct cl_corim *c, struct cl_err *err)
{
    struct cose_sign1 s;
    CL_TRY(cose_sign1_parse(r, &s, err));
    CL_TRY(cl_cbor_finish(r, "COSE_Sign1", err));
    if (key == NULL) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "signature: expected a key to verify it with, "
                          "got none");
    }
    CL_TRY(cose_sign1_verify(&s, key, err));
    c->is_signed = true;
    CL_TRY(read_header(&s, key, now, c, err));
    *r = cl_cbor_reader_init(s.payload, s.payload_len);
    return CL_OK;
}

enum cl_status cl_corim_read(const uint8_t *data, size_t len, EVP_PKEY *key,
                             enum cl_corim_need need, int64_t now, struct cl_corim *ret_c,
                             struct cl_err *err)
{
    struct cl_cbor_reader r = cl_cbor_reader_init(data, len);
    struct cl_corim c = {0};
    if (len > CL_CORIM_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, "CoRIM: size: expected at most %u bytes, got %zu",
                          CL_CORIM_MAX_SIZE, len);
    }
    if (len > 0 && data[0] == FIRST_BYTE_UNSIGNED) {
        if (need != CL_CORIM_MAY_BE_UNSIGNED) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "signature: expected a signed CoRIM, got an unsigned one");
        }
    } else {
        CL_TRY(read_signed(&r, key, now, &c, err));
    }
    CL_TRY(read_corim_map(&r, &c, err));
    CL_TRY(check_times("CoRIM", c.not_before, c.not_after, now, err));
    *ret_c = c;
    return CL_OK;
}
