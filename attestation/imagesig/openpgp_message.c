/* SPDX-License-Identifier: Apache-2.0
 * openpgp_message.c - a signed message as GnuPG writes it (RFC 4880 11.3): perhaps compressed, then
 * one-pass signature, literal data, signature. Nothing else is a message here.
 */
#include "imagesig_internal.h"

#include <openssl/err.h>
#include <string.h>

#define BINARY_DOCUMENT 0x00

/* What a message is made of. */
struct message {
    uint8_t key_algorithm; /* of the one-pass packet */
    uint8_t hash_algorithm;
    uint8_t issuer[OPENPGP_KEY_ID_SIZE];
    struct cl_reader literal; /* the data */
    struct openpgp_signature signature;
};

static enum cl_status expect_tag(const struct openpgp_packet *p, unsigned tag, const char *name,
                                 struct cl_err *err)
{
    return p->tag == tag ? CL_OK
                         : cl_err_set(err, CL_ERR_UNSUPPORTED,
                                      "signature.format: expected %s, got packet %u", name, p->tag);
}

/* 5.4 */
static enum cl_status read_one_pass(struct cl_reader body, struct message *m, struct cl_err *err)
{
    uint8_t version = cl_reader_u8(&body, "version");
    uint8_t type = cl_reader_u8(&body, "type");
    m->hash_algorithm = cl_reader_u8(&body, "hash algorithm");
    m->key_algorithm = cl_reader_u8(&body, "public-key algorithm");
    cl_reader_copy(&body, m->issuer, sizeof(m->issuer), "key id");
    uint8_t last = cl_reader_u8(&body, "nested");
    CL_TRY(cl_reader_finish(&body, "signature.format: one-pass signature", err));
    if (version != 3 || type != BINARY_DOCUMENT || last == 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "signature.format: expected one signature of version 3 of a binary "
                          "document, got version %u, type 0x%02x%s",
                          (unsigned)version, (unsigned)type, last == 0 ? ", another behind" : "");
    }
    return CL_OK;
}

/* 5.9 */
static enum cl_status read_literal(struct cl_reader body, struct message *m, struct cl_err *err)
{
    uint8_t format = cl_reader_u8(&body, "format");
    cl_reader_skip(&body, cl_reader_u8(&body, "file name"), "file name");
    cl_reader_skip(&body, 4, "date");
    CL_TRY(cl_reader_check(&body, "signature.format: literal data", err));
    if (format != 'b') {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "signature.format: expected binary literal data, got format 0x%02x",
                          (unsigned)format);
    }
    m->literal = cl_reader_init(body.data + body.pos, cl_reader_left(&body));
    return CL_OK;
}

static enum cl_status read_signature(struct cl_reader body, struct message *m, struct cl_err *err)
{
    struct openpgp_signature *s = &m->signature;
    CL_TRY(openpgp_signature_parse(body, s, err));
    if (s->type != BINARY_DOCUMENT || s->key_algorithm != m->key_algorithm ||
        s->hash_algorithm != m->hash_algorithm ||
        (s->has_issuer &&
         memcmp(s->issuer, m->issuer, sizeof(m->issuer)) != 0)) { /* both are public */
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "signature.format: expected the signature that was announced, got "
                          "another");
    }
    if (s->created < 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "signature.created: expected a time that is signed, got none");
    }
    return CL_OK;
}

/* joined: for the literal data, as long as m is used. */
static enum cl_status read_message(struct cl_reader *r, struct cl_buf *joined, struct message *m,
                                   struct cl_err *err)
{
    struct openpgp_packet p;
    CL_TRY(openpgp_next(r, joined, &p, err));
    CL_TRY(expect_tag(&p, OPENPGP_ONE_PASS, "a one-pass signature", err));
    CL_TRY(read_one_pass(p.body, m, err));
    CL_TRY(openpgp_next(r, joined, &p, err));
    CL_TRY(expect_tag(&p, OPENPGP_LITERAL, "literal data", err));
    CL_TRY(read_literal(p.body, m, err));
    CL_TRY(openpgp_next(r, joined, &p, err));
    CL_TRY(expect_tag(&p, OPENPGP_SIGNATURE, "a signature", err));
    CL_TRY(read_signature(p.body, m, err));
    return cl_reader_finish(r, "signature.format", err);
}

/* 5.6: the message in *r, inflated into `plain` when it is compressed. */
static enum cl_status open_message(struct cl_reader *r, struct cl_buf *joined, struct cl_buf *plain,
                                   struct cl_err *err)
{
    struct cl_reader look = *r;
    struct openpgp_packet p;
    CL_TRY(openpgp_next(&look, joined, &p, err));
    if (p.tag != OPENPGP_COMPRESSED) {
        cl_buf_reset(joined);
        return CL_OK;
    }
    CL_TRY(cl_reader_finish(&look, "signature.format: compressed data", err));
    uint8_t algorithm = cl_reader_u8(&p.body, "compression");
    CL_TRY(cl_reader_check(&p.body, "signature.format: compressed data", err));
    if (algorithm != 1 && algorithm != 2) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "signature.format: compression: expected ZIP or ZLIB, got %u",
                          (unsigned)algorithm);
    }
    CL_TRY(openpgp_inflate(p.body, algorithm == 2, plain, err));
    *r = cl_reader_init(plain->data, plain->len);
    return CL_OK;
}

/* --- the hash --------------------------------------------------------------------------------- */

static const EVP_MD *hash_of(uint8_t algorithm)
{
    switch (algorithm) { /* 9.4 */
    case 8:
        return EVP_sha256();
    case 9:
        return EVP_sha384();
    case 10:
        return EVP_sha512();
    default:
        return NULL;
    }
}

/* 5.2.4: the data, the hashed part of the signature, and the length of that part. */
static bool hash_message(const struct message *m, const EVP_MD *md,
                         uint8_t ret[static EVP_MAX_MD_SIZE])
{
    const struct openpgp_signature *s = &m->signature;
    uint8_t end[6] = {4, 0xff};
    struct cl_writer w = cl_writer_init(end + 2, 4);
    cl_writer_be32(&w, (uint32_t)s->hashed_len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestInit_ex(ctx, md, NULL) == 1 &&
                EVP_DigestUpdate(ctx, m->literal.data, m->literal.len) == 1 &&
                EVP_DigestUpdate(ctx, s->hashed, s->hashed_len) == 1 &&
                EVP_DigestUpdate(ctx, end, sizeof(end)) == 1 &&
                EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

/* --- the key ---------------------------------------------------------------------------------- */

static const struct openpgp_key *find_key(const struct openpgp_ring *ring, const uint8_t *id)
{
    for (size_t i = 0; i < ring->count; i++) {
        const struct openpgp_key *k = &ring->keys[i];
        const uint8_t *own = k->fingerprint + OPENPGP_FINGERPRINT_SIZE - OPENPGP_KEY_ID_SIZE;
        if (k->key != NULL && memcmp(own, id, OPENPGP_KEY_ID_SIZE) == 0) { /* both are public */
            return k;
        }
    }
    return NULL;
}

static bool fits_algorithm(const struct openpgp_key *k, uint8_t algorithm)
{
    switch (k->kind) {
    case IMAGESIG_RSA:
        return algorithm == 1 || algorithm == 3;
    case IMAGESIG_P256:
        return algorithm == 19;
    case IMAGESIG_ED25519:
        return algorithm == 22;
    }
    return false;
}

/* What the owner says of a key holds for the time of the signature and for now. */
static enum cl_status check_life(const struct openpgp_key *k, const struct openpgp_signature *s,
                                 int64_t now, struct cl_err *err)
{
    if (k->revoked) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "signature.key: expected one that may sign, got one that is revoked");
    }
    if (s->created < k->created) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "signature.created: expected after the key's making at %lld, got %lld",
                          (long long)k->created, (long long)s->created);
    }
    if (k->expires != 0 && (s->created >= k->expires || now >= k->expires)) {
        return cl_err_set(
            err, CL_ERR_REJECTED, "signature.key.expired: expected a time before %lld, got %lld",
            (long long)k->expires, (long long)(s->created >= k->expires ? s->created : now));
    }
    return CL_OK;
}

/* A subkey lives no longer than the key that it belongs to. */
static enum cl_status check_key(const struct openpgp_ring *ring, const struct openpgp_key *k,
                                const struct openpgp_signature *s, int64_t now, struct cl_err *err)
{
    if (!fits_algorithm(k, s->key_algorithm)) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "signature.key: algorithm: expected that of the key, got %u",
                          (unsigned)s->key_algorithm);
    }
    if (!k->signs) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "signature.key: expected one that may sign, got one for other things");
    }
    CL_TRY(check_life(&ring->keys[k->primary], s, now, err));
    CL_TRY(check_life(k, s, now, err));
    if (s->expires_after != 0 && now >= s->created + s->expires_after) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "signature.expired: expected a time before %lld, got %lld",
                          (long long)(s->created + s->expires_after), (long long)now);
    }
    return CL_OK;
}

/* --- the signature ---------------------------------------------------------------------------- */

/* r and s, each padded to half of 64 bytes. */
static bool join_eddsa(const uint8_t *r, size_t r_len, const uint8_t *s, size_t s_len, uint8_t *ret)
{
    if (r_len > 32 || s_len > 32) {
        return false;
    }
    memset(ret, 0, 64);
    memcpy(ret + 32 - r_len, r, r_len);
    memcpy(ret + 64 - s_len, s, s_len);
    return true;
}

/* The form that OpenSSL takes. */
static enum cl_status encode_signature(const struct openpgp_key *k, struct cl_reader mpis,
                                       uint8_t ret[static IMAGESIG_MAX_SIGNATURE], size_t *ret_len,
                                       struct cl_err *err)
{
    size_t r_len = 0;
    size_t s_len = 0;
    const uint8_t *r = openpgp_mpi(&mpis, IMAGESIG_MAX_SIGNATURE, &r_len, "number of a signature");
    const uint8_t *s = k->kind == IMAGESIG_RSA ? NULL
                                               : openpgp_mpi(&mpis, IMAGESIG_MAX_SIGNATURE, &s_len,
                                                             "number of a signature");
    CL_TRY(cl_reader_finish(&mpis, "signature.format", err));
    bool good = true;
    if (k->kind == IMAGESIG_RSA) {
        size_t size = (size_t)EVP_PKEY_get_size(k->key);
        good = size <= IMAGESIG_MAX_SIGNATURE && r_len <= size;
        if (good) {
            memset(ret, 0, size - r_len);
            memcpy(ret + size - r_len, r, r_len);
            *ret_len = size;
        }
    } else if (k->kind == IMAGESIG_ED25519) {
        *ret_len = 64;
        good = join_eddsa(r, r_len, s, s_len, ret);
    } else {
        good = imagesig_ecdsa_der(r, r_len, s, s_len, ret, ret_len);
    }
    return good ? CL_OK
                : cl_err_set(err, CL_ERR_MALFORMED,
                             "signature.format: expected numbers of the key's size, got larger");
}

static enum cl_status check_signature(const struct openpgp_key *k, const struct message *m,
                                      struct cl_err *err)
{
    uint8_t sig[IMAGESIG_MAX_SIGNATURE];
    size_t sig_len = 0;
    uint8_t hash[EVP_MAX_MD_SIZE];
    const EVP_MD *md = hash_of(m->hash_algorithm);
    if (md == NULL) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "signature.hash: expected SHA-256, SHA-384 or SHA-512, got %u",
                          (unsigned)m->hash_algorithm);
    }
    CL_TRY(encode_signature(k, m->signature.mpis, sig, &sig_len, err));
    if (!hash_message(m, md, hash)) {
        return cl_err_nomem(err, "hash");
    }
    bool good =
        memcmp(hash, m->signature.left, sizeof(m->signature.left)) == 0 && /* both are public */
        imagesig_key_verifies(k->key, md, hash, (size_t)EVP_MD_get_size(md), sig, sig_len);
    return good ? CL_OK
                : cl_err_set(err, CL_ERR_REJECTED,
                             "signature.key: expected a signature of this content, got another");
}

static enum cl_status verify(const struct openpgp_ring *ring, const struct message *m, int64_t now,
                             struct cl_err *err)
{
    const struct openpgp_key *k = find_key(ring, m->issuer);
    if (k == NULL) {
        const uint8_t *id = m->issuer;
        return cl_err_set(err, CL_ERR_REJECTED,
                          "signature.key: expected one of the key ring, got "
                          "%02x%02x%02x%02x%02x%02x%02x%02x",
                          id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]);
    }
    CL_TRY(check_signature(k, m, err));
    return check_key(ring, k, &m->signature, now, err);
}

enum cl_status openpgp_message_verify(const struct openpgp_ring *ring, const void *data, size_t len,
                                      int64_t now, struct cl_buf *content, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf plain = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf outer = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf joined = {0};
    struct cl_reader r = cl_reader_init(data, len);
    struct message m = {0};
    CL_TRY(open_message(&r, &outer, &plain, err));
    CL_TRY(read_message(&r, &joined, &m, err));
    CL_TRY(verify(ring, &m, now, err));
    return cl_buf_append(content, m.literal.data, m.literal.len, err);
}
