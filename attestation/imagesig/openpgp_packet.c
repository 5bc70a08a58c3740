/* SPDX-License-Identifier: Apache-2.0
 * openpgp_packet.c - OpenPGP's framing (RFC 4880 3 to 5.2): packets, numbers, and what stands in a
 * signature of version 4. Nothing here knows a key.
 */
#include "imagesig_internal.h"

#include <string.h>

#define MIN_FIRST_PART 512u /* 4.2.2.4 */
#define CRITICAL 0x80u

/* Subpackets that we know (5.2.3.1); 33 is the issuer's fingerprint of later drafts. */
enum {
    SUB_CREATED = 2,
    SUB_EXPIRES = 3,
    SUB_KEY_EXPIRES = 9,
    SUB_ISSUER = 16,
    SUB_FLAGS = 27,
    SUB_ISSUER_FINGERPRINT = 33,
};

/* --- packets ---------------------------------------------------------------------------------- */

/* A length of the new format; *ret_more: there is another piece behind this one. */
static size_t new_length(struct cl_reader *r, bool *ret_more)
{
    uint8_t first = cl_reader_u8(r, "length");
    *ret_more = false;
    if (first < 192) {
        return first;
    }
    if (first < 224) {
        return (size_t)(first - 192) * 256 + cl_reader_u8(r, "length") + 192;
    }
    if (first == 255) {
        return cl_reader_be32(r, "length");
    }
    *ret_more = true;
    return (size_t)1 << (first & 0x1f);
}

static bool may_be_open(unsigned tag)
{
    return tag == OPENPGP_COMPRESSED || tag == OPENPGP_LITERAL;
}

static enum cl_status old_body(struct cl_reader *r, uint8_t head, struct openpgp_packet *p,
                               struct cl_err *err)
{
    size_t len = 0;
    switch (head & 3) {
    case 0:
        len = cl_reader_u8(r, "length");
        break;
    case 1:
        len = cl_reader_be16(r, "length");
        break;
    case 2:
        len = cl_reader_be32(r, "length");
        break;
    default:
        len = cl_reader_left(r);
        if (!may_be_open(p->tag)) {
            return cl_err_set(err, CL_ERR_UNSUPPORTED,
                              "openpgp: packet %u: length: expected a number, got an open end",
                              p->tag);
        }
    }
    p->body = cl_reader_sub(r, len, "packet");
    return CL_OK;
}

static enum cl_status join_parts(struct cl_reader *r, size_t len, struct cl_buf *joined,
                                 struct openpgp_packet *p, struct cl_err *err)
{
    bool more = true;
    size_t start = joined->len;
    if (!may_be_open(p->tag) || len < MIN_FIRST_PART || start != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "openpgp: packet %u: length: expected a whole body, got pieces", p->tag);
    }
    for (;;) {
        const uint8_t *part = cl_reader_bytes(r, len, "piece of a packet");
        CL_TRY(cl_reader_check(r, "openpgp", err));
        CL_TRY(cl_buf_append(joined, part, len, err));
        if (!more) {
            break;
        }
        len = new_length(r, &more);
        CL_TRY(cl_reader_check(r, "openpgp", err));
    }
    p->body = cl_reader_init(joined->data, joined->len);
    return CL_OK;
}

enum cl_status openpgp_next(struct cl_reader *r, struct cl_buf *joined, struct openpgp_packet *ret,
                            struct cl_err *err)
{
    struct openpgp_packet p = {0};
    bool more = false;
    uint8_t head = cl_reader_u8(r, "packet");
    CL_TRY(cl_reader_check(r, "openpgp", err));
    if ((head & 0x80) == 0) {
        return cl_err_at(err, CL_ERR_MALFORMED, r->pos - 1,
                         "openpgp: expected a packet in binary, got a byte 0x%02x", head);
    }
    if ((head & 0x40) == 0) {
        p.tag = (head >> 2) & 0xf;
        CL_TRY(old_body(r, head, &p, err));
    } else {
        p.tag = head & 0x3f;
        size_t len = new_length(r, &more);
        CL_TRY(cl_reader_check(r, "openpgp", err));
        if (more) {
            CL_TRY(join_parts(r, len, joined, &p, err));
        } else {
            p.body = cl_reader_sub(r, len, "packet");
        }
    }
    CL_TRY(cl_reader_check(r, "openpgp", err));
    *ret = p;
    return CL_OK;
}

const uint8_t *openpgp_mpi(struct cl_reader *r, size_t max, size_t *ret_len, const char *field)
{
    size_t bits = cl_reader_be16(r, field);
    size_t len = (bits + 7) / 8;
    const uint8_t *data = cl_reader_bytes(r, len, field);
    bool good = data != NULL && len > 0 && len <= max && data[0] != 0 &&
                (unsigned)data[0] >> ((bits - 1) % 8) == 1;
    if (!good) {
        r->failed = r->failed != NULL ? r->failed : field;
        return NULL;
    }
    *ret_len = len;
    return data;
}

/* --- signatures ------------------------------------------------------------------------------- */

struct subpacket {
    uint8_t type;
    bool critical;
    struct cl_reader body;
};

static bool next_subpacket(struct cl_reader *area, struct subpacket *ret)
{
    size_t len = cl_reader_u8(area, "subpacket");
    if (len == 255) {
        len = cl_reader_be32(area, "subpacket");
    } else if (len >= 192) {
        len = (len - 192) * 256 + cl_reader_u8(area, "subpacket") + 192;
    }
    ret->body = cl_reader_sub(area, len, "subpacket");
    uint8_t type = cl_reader_u8(&ret->body, "type of a subpacket");
    ret->type = type & (uint8_t)~CRITICAL;
    ret->critical = (type & CRITICAL) != 0;
    return area->failed == NULL && ret->body.failed == NULL;
}

/* RFC 4880 5.2.3.5, and 5.2.3.28 of its successor. */
static void take_issuer(struct subpacket *p, struct openpgp_signature *s)
{
    if (p->type == SUB_ISSUER_FINGERPRINT) {
        if (cl_reader_u8(&p->body, "issuer") != 4) { /* version of the key */
            p->body.failed = "issuer";
        }
        cl_reader_skip(&p->body, OPENPGP_FINGERPRINT_SIZE - OPENPGP_KEY_ID_SIZE, "issuer");
    }
    uint8_t id[OPENPGP_KEY_ID_SIZE];
    cl_reader_copy(&p->body, id, sizeof(id), "issuer");
    if (s->has_issuer && memcmp(s->issuer, id, sizeof(id)) != 0) { /* both are public */
        p->body.failed = "issuer";
    }
    memcpy(s->issuer, id, sizeof(id));
    s->has_issuer = true;
}

/* Of the hashed ones. What is critical and not known makes a signature none (5.2.3.1). */
static enum cl_status take_hashed(struct subpacket *p, struct openpgp_signature *s,
                                  struct cl_err *err)
{
    switch (p->type) {
    case SUB_CREATED:
        s->created = cl_reader_be32(&p->body, "time of a signature");
        break;
    case SUB_EXPIRES:
        s->expires_after = cl_reader_be32(&p->body, "end of a signature");
        break;
    case SUB_KEY_EXPIRES:
        s->key_expires_after = cl_reader_be32(&p->body, "end of a key");
        break;
    case SUB_FLAGS:
        s->has_flags = true;
        s->flags = cl_reader_left(&p->body) > 0 ? cl_reader_u8(&p->body, "flags of a key") : 0;
        p->body.pos = p->body.len;
        break;
    case SUB_ISSUER:
    case SUB_ISSUER_FINGERPRINT:
        take_issuer(p, s);
        break;
    default:
        if (p->critical) {
            return cl_err_set(err, CL_ERR_UNSUPPORTED,
                              "openpgp: signature: expected no critical subpacket %u, got it",
                              (unsigned)p->type);
        }
        p->body.pos = p->body.len;
    }
    return cl_reader_finish(&p->body, "openpgp: signature", err);
}

static enum cl_status read_hashed(struct cl_reader area, struct openpgp_signature *s,
                                  struct cl_err *err)
{
    struct subpacket p;
    while (cl_reader_left(&area) > 0 && next_subpacket(&area, &p)) {
        CL_TRY(take_hashed(&p, s, err));
    }
    return cl_reader_finish(&area, "openpgp: hashed subpackets", err);
}

/* Of those that are not hashed only who made it, which the key itself will confirm. */
static enum cl_status read_unhashed(struct cl_reader area, struct openpgp_signature *s,
                                    struct cl_err *err)
{
    struct subpacket p;
    while (cl_reader_left(&area) > 0 && next_subpacket(&area, &p)) {
        if (p.type == SUB_ISSUER || p.type == SUB_ISSUER_FINGERPRINT) {
            take_issuer(&p, s);
            CL_TRY(cl_reader_finish(&p.body, "openpgp: signature", err));
        }
    }
    return cl_reader_finish(&area, "openpgp: unhashed subpackets", err);
}

enum cl_status openpgp_signature_parse(struct cl_reader body, struct openpgp_signature *ret,
                                       struct cl_err *err)
{
    struct openpgp_signature s = {.created = -1};
    const uint8_t *start = body.data + body.pos;
    uint8_t version = cl_reader_u8(&body, "version");
    if (body.failed == NULL && version != 4) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "openpgp: signature: version: expected 4, got %u", (unsigned)version);
    }
    s.type = cl_reader_u8(&body, "type");
    s.key_algorithm = cl_reader_u8(&body, "public-key algorithm");
    s.hash_algorithm = cl_reader_u8(&body, "hash algorithm");
    struct cl_reader hashed =
        cl_reader_sub(&body, cl_reader_be16(&body, "hashed subpackets"), "hashed subpackets");
    s.hashed = start;
    s.hashed_len = (size_t)(body.data + body.pos - start);
    struct cl_reader unhashed =
        cl_reader_sub(&body, cl_reader_be16(&body, "unhashed subpackets"), "unhashed subpackets");
    cl_reader_copy(&body, s.left, sizeof(s.left), "left bytes of the hash");
    CL_TRY(cl_reader_check(&body, "openpgp: signature", err));
    CL_TRY(read_hashed(hashed, &s, err));
    CL_TRY(read_unhashed(unhashed, &s, err));
    s.mpis = body;
    *ret = s;
    return CL_OK;
}
