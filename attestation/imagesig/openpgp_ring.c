/* SPDX-License-Identifier: Apache-2.0
 * openpgp_ring.c - a key ring: public keys of version 4 and their subkeys. Names are ignored. The
 * ring was measured as a whole, so what a key's own signatures say of it (when it ends, what it is
 * for, that it is revoked) is taken from them without verifying them.
 */
#include "imagesig_internal.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MPI 1024u /* bytes of a number of a key: more than IMAGESIG_MAX_RSA_BITS */
#define FLAG_SIGNS 0x02u

/* Public-key algorithms (RFC 4880 9.1, RFC 6637 5; 22 as GnuPG has it). */
enum {
    KEY_RSA_ANY = 1,
    KEY_RSA_ENCRYPT = 2,
    KEY_RSA_SIGN = 3,
    KEY_ELGAMAL = 16,
    KEY_ECDH = 18,
    KEY_ECDSA = 19,
    KEY_EDDSA = 22
};

/* Types of signatures (5.2.1). */
enum {
    CERTIFIES_FIRST = 0x10,
    CERTIFIES_LAST = 0x13,
    BINDS_SUBKEY = 0x18,
    ON_KEY = 0x1f,
    REVOKES_KEY = 0x20,
    REVOKES_SUBKEY = 0x28,
};

static const uint8_t oid_p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t oid_ed25519[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01};

/* --- one key ---------------------------------------------------------------------------------- */

static enum cl_status fingerprint_of(struct cl_reader body, uint8_t *ret, struct cl_err *err)
{
    const uint8_t head[] = {0x99, (uint8_t)(body.len >> 8), (uint8_t)body.len};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1 &&
                EVP_DigestUpdate(ctx, head, sizeof(head)) == 1 &&
                EVP_DigestUpdate(ctx, body.data, body.len) == 1 &&
                EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good ? CL_OK : cl_err_nomem(err, "fingerprint");
}

static enum cl_status read_rsa(struct cl_reader *r, struct openpgp_key *k, struct cl_err *err)
{
    size_t n_len = 0;
    size_t e_len = 0;
    const uint8_t *n = openpgp_mpi(r, MAX_MPI, &n_len, "modulus");
    const uint8_t *e = openpgp_mpi(r, MAX_MPI, &e_len, "exponent");
    CL_TRY(cl_reader_finish(r, "openpgp: key", err));
    return imagesig_key_from_rsa(n, n_len, e, e_len, &k->key, err);
}

static enum cl_status read_curve(struct cl_reader *r, const uint8_t *oid, size_t oid_len,
                                 const char *name, const uint8_t **ret_point, size_t *ret_len,
                                 struct cl_err *err)
{
    size_t len = cl_reader_u8(r, "curve");
    const uint8_t *got = cl_reader_bytes(r, len, "curve");
    *ret_point = openpgp_mpi(r, MAX_MPI, ret_len, "point");
    if (got != NULL && (len != oid_len || memcmp(got, oid, len) != 0)) { /* both are public */
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "openpgp: key: curve: expected %s, got another",
                          name);
    }
    return cl_reader_finish(r, "openpgp: key", err);
}

static enum cl_status read_ecdsa(struct cl_reader *r, struct openpgp_key *k, struct cl_err *err)
{
    const uint8_t *point = NULL;
    size_t len = 0;
    CL_TRY(read_curve(r, oid_p256, sizeof(oid_p256), "P-256", &point, &len, err));
    return imagesig_key_from_p256(point, len, &k->key, err);
}

/* The point has a byte 0x40 before it. */
static enum cl_status read_eddsa(struct cl_reader *r, struct openpgp_key *k, struct cl_err *err)
{
    const uint8_t *point = NULL;
    size_t len = 0;
    CL_TRY(read_curve(r, oid_ed25519, sizeof(oid_ed25519), "Ed25519", &point, &len, err));
    if (len != 33 || point[0] != 0x40) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "openpgp: key: point: expected 0x40 and 32 bytes, got %zu bytes", len);
    }
    return imagesig_key_from_ed25519(point + 1, len - 1, &k->key, err);
}

/* Keys that only encrypt stay without one. */
static enum cl_status read_material(struct cl_reader *r, uint8_t algorithm, struct openpgp_key *k,
                                    struct cl_err *err)
{
    switch (algorithm) {
    case KEY_RSA_ENCRYPT:
    case KEY_ELGAMAL:
    case KEY_ECDH:
        return CL_OK;
    case KEY_RSA_ANY:
    case KEY_RSA_SIGN:
        CL_TRY(read_rsa(r, k, err));
        break;
    case KEY_ECDSA:
        CL_TRY(read_ecdsa(r, k, err));
        break;
    case KEY_EDDSA:
        CL_TRY(read_eddsa(r, k, err));
        break;
    default:
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "openpgp: key: algorithm: expected RSA, ECDSA or EdDSA, got %u",
                          (unsigned)algorithm);
    }
    return imagesig_key_kind(k->key, "openpgp: key", &k->kind, err);
}

static enum cl_status read_key(struct cl_reader body, struct openpgp_key *k, struct cl_err *err)
{
    struct cl_reader whole = cl_reader_init(body.data + body.pos, cl_reader_left(&body));
    uint8_t version = cl_reader_u8(&body, "version");
    if (body.failed == NULL && version != 4) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "openpgp: key: version: expected 4, got %u",
                          (unsigned)version);
    }
    if (whole.len > UINT16_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "openpgp: key: expected at most %u bytes, got %zu",
                          (unsigned)UINT16_MAX, whole.len);
    }
    k->created = cl_reader_be32(&body, "time of a key");
    uint8_t algorithm = cl_reader_u8(&body, "algorithm");
    CL_TRY(cl_reader_check(&body, "openpgp: key", err));
    CL_TRY(fingerprint_of(whole, k->fingerprint, err));
    return read_material(&body, algorithm, k, err);
}

/* --- what is said of it ----------------------------------------------------------------------- */

/* The youngest word counts. */
static void certify(struct openpgp_key *k, const struct openpgp_signature *s)
{
    if (s->created < k->certified) {
        return;
    }
    k->certified = s->created;
    k->expires = s->key_expires_after != 0 ? k->created + s->key_expires_after : 0;
    k->signs = s->has_flags ? (s->flags & FLAG_SIGNS) != 0 : !k->subkey;
}

/* last: the key or subkey that the signature stands behind. */
static enum cl_status take_signature(struct cl_reader body, struct openpgp_key *primary,
                                     struct openpgp_key *last, struct cl_err *err)
{
    struct openpgp_signature s;
    if (cl_reader_left(&body) > 0 && body.data[body.pos] != 4) {
        return CL_OK; /* of an older version: it says nothing of these things */
    }
    const uint8_t *id = primary->fingerprint + OPENPGP_FINGERPRINT_SIZE - OPENPGP_KEY_ID_SIZE;
    enum cl_status st = openpgp_signature_parse(body, &s, err);
    if (st != CL_OK) {
        return st;
    }
    if (!s.has_issuer || memcmp(s.issuer, id, OPENPGP_KEY_ID_SIZE) != 0) { /* both are public */
        return CL_OK;                                                      /* of somebody else */
    }
    if ((s.type >= CERTIFIES_FIRST && s.type <= CERTIFIES_LAST) || s.type == ON_KEY) {
        certify(primary, &s);
    } else if (s.type == BINDS_SUBKEY && last->subkey) {
        certify(last, &s);
    } else if (s.type == REVOKES_KEY) {
        primary->revoked = true;
    } else if (s.type == REVOKES_SUBKEY && last->subkey) {
        last->revoked = true;
    }
    return CL_OK;
}

/* --- the ring --------------------------------------------------------------------------------- */

void openpgp_ring_done(struct openpgp_ring *ring)
{
    for (size_t i = 0; i < ring->count; i++) {
        EVP_PKEY_free(ring->keys[i].key);
    }
    free(ring->keys);
    *ring = (struct openpgp_ring){0};
}

static enum cl_status add_key(struct openpgp_ring *ring, struct cl_reader body, bool subkey,
                              size_t primary, struct cl_err *err)
{
    if (ring->count == OPENPGP_MAX_KEYS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "openpgp: expected at most %u keys, got more",
                          OPENPGP_MAX_KEYS);
    }
    struct openpgp_key *k = &ring->keys[ring->count];
    *k = (struct openpgp_key){
        .subkey = subkey, .primary = primary, .signs = !subkey, .certified = -1};
    ring->count++;
    return read_key(body, k, err);
}

static enum cl_status take_packet(struct openpgp_ring *ring, const struct openpgp_packet *p,
                                  size_t *primary, struct cl_err *err)
{
    if (p->tag != OPENPGP_KEY && ring->count == 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "openpgp: expected a public key first, got packet %u", p->tag);
    }
    switch (p->tag) {
    case OPENPGP_KEY:
        *primary = ring->count;
        return add_key(ring, p->body, false, *primary, err);
    case OPENPGP_SUBKEY:
        return add_key(ring, p->body, true, *primary, err);
    case OPENPGP_SIGNATURE:
        return take_signature(p->body, &ring->keys[*primary], &ring->keys[ring->count - 1], err);
    case OPENPGP_USER_ID:
    case OPENPGP_USER_ATTRIBUTE:
    case OPENPGP_TRUST:
        return CL_OK;
    default:
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "openpgp: expected public keys and what belongs to them, got packet %u",
                          p->tag);
    }
}

static enum cl_status read_ring(struct cl_reader *r, struct openpgp_ring *ring, struct cl_err *err)
{
    size_t primary = 0;
    bool usable = false;
    while (cl_reader_left(r) > 0) {
        CL_CLEANUP(cl_buf_done) struct cl_buf joined = {0};
        struct openpgp_packet p;
        CL_TRY(openpgp_next(r, &joined, &p, err));
        CL_TRY(take_packet(ring, &p, &primary, err));
    }
    for (size_t i = 0; i < ring->count; i++) {
        usable = usable || (ring->keys[i].key != NULL && ring->keys[i].signs);
    }
    return usable
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "openpgp: expected a key that signs, got none");
}

enum cl_status openpgp_ring_parse(const void *data, size_t len, const char *what,
                                  struct openpgp_ring *ret, struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(data, len);
    struct openpgp_ring ring = {.keys = calloc(OPENPGP_MAX_KEYS, sizeof(*ring.keys))};
    enum cl_status st =
        ring.keys != NULL ? read_ring(&r, &ring, err) : cl_err_nomem(err, "key ring");
    if (st != CL_OK) {
        openpgp_ring_done(&ring);
        return cl_err_wrap(err, st, "%s", what);
    }
    *ret = ring;
    return CL_OK;
}
