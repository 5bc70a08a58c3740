/* SPDX-License-Identifier: Apache-2.0
 * imagesig_world.c - see imagesig_world.h.
 */
#include "imagesig_world.h"

#include "base/bytes.h"
#include "base/encode.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* What a test needs and cannot get is a broken test. */
static void must(bool good)
{
    if (!good) {
        abort();
    }
}

static void add(struct cl_buf *b, const void *data, size_t len)
{
    must(cl_buf_append(b, data, len, NULL) == CL_OK);
}

static void add_byte(struct cl_buf *b, unsigned v)
{
    const uint8_t byte = (uint8_t)v;
    add(b, &byte, 1);
}

static void add_be(struct cl_buf *b, uint64_t v, unsigned bytes)
{
    while (bytes-- > 0) {
        add_byte(b, (unsigned)(v >> (8 * bytes)) & 0xff);
    }
}

/* --- keys and cosign -------------------------------------------------------------------------- */

EVP_PKEY *sig_key(const char *type)
{
    EVP_PKEY *key = NULL;
    if (type[0] == 'P') {
        key = EVP_EC_gen(type);
    } else if (type[0] == 'R') {
        key = EVP_RSA_gen(2048);
    } else {
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    must(key != NULL);
    return key;
}

char *sig_pem(const EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    must(bio != NULL && PEM_write_bio_PUBKEY(bio, (EVP_PKEY *)(uintptr_t)key) == 1);
    long len = BIO_get_mem_data(bio, &data);
    char *pem = strndup(data, (size_t)len);
    BIO_free(bio);
    must(pem != NULL);
    return pem;
}

char *sig_payload(const char *type, const char *reference, const char *digest)
{
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:{s:{s:s}, s:{s:s}, s:s}, s:{s:s}}", "critical", "identity",
                          "docker-reference", reference, "image", "docker-manifest-digest", digest,
                          "type", type, "optional", "creator", "test");
    char *text = json_dumps(j, JSON_COMPACT);
    must(text != NULL);
    return text;
}

static void sign(EVP_PKEY *key, const EVP_MD *md, const void *data, size_t len, uint8_t *ret,
                 size_t *ret_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx != NULL &&
         EVP_DigestSignInit(ctx, NULL, EVP_PKEY_is_a(key, "ED25519") == 1 ? NULL : md, NULL, key) ==
             1 &&
         EVP_DigestSign(ctx, ret, ret_len, data, len) == 1);
    EVP_MD_CTX_free(ctx);
}

char *sig_cosign(EVP_PKEY *key, const char *payload)
{
    uint8_t sig[1024];
    size_t len = sizeof(sig);
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    sign(key, EVP_sha256(), payload, strlen(payload), sig, &len);
    must(cl_b64_encode(&text, sig, len, NULL) == CL_OK);
    char *ret = strdup((const char *)text.data);
    must(ret != NULL);
    return ret;
}

json_t *sig_cosign_rule(const EVP_PKEY *key, const char *reference, const char *identity)
{
    char *pem = sig_pem(key);
    json_t *j = json_pack("{s:s, s:s, s:o, s:[s]}", "type", "cosign", "reference", reference,
                          "identity", json_loads(identity, 0, NULL), "keys", pem);
    free(pem);
    must(j != NULL);
    return j;
}

json_t *sig_simple_rule(const struct cl_buf *ring, const char *reference, const char *identity)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    must(cl_b64_encode(&text, ring->data, ring->len, NULL) == CL_OK);
    json_t *j = json_pack("{s:s, s:s, s:o, s:s}", "type", "simple", "reference", reference,
                          "identity", json_loads(identity, 0, NULL), "keyring", text.data);
    must(j != NULL);
    return j;
}

/* --- OpenPGP ---------------------------------------------------------------------------------- */

static void add_packet(struct cl_buf *out, unsigned tag, const struct cl_buf *body)
{
    add_byte(out, 0xc0u | tag);
    if (body->len < 192) {
        add_byte(out, (unsigned)body->len);
    } else if (body->len < 8384) {
        add_byte(out, 192 + (unsigned)((body->len - 192) >> 8));
        add_byte(out, (unsigned)(body->len - 192) & 0xff);
    } else {
        add_byte(out, 255);
        add_be(out, body->len, 4);
    }
    add(out, body->data, body->len);
}

static void add_mpi(struct cl_buf *out, const uint8_t *data, size_t len)
{
    while (len > 0 && *data == 0) {
        data++;
        len--;
    }
    unsigned bits = (unsigned)len * 8;
    for (unsigned mask = 0x80; len > 0 && (data[0] & mask) == 0; mask >>= 1) {
        bits--;
    }
    add_be(out, bits, 2);
    add(out, data, len);
}

static void add_number(struct cl_buf *out, const EVP_PKEY *key, const char *name)
{
    BIGNUM *n = NULL;
    uint8_t bytes[1024];
    must(EVP_PKEY_get_bn_param(key, name, &n) == 1);
    add_mpi(out, bytes, (size_t)BN_bn2bin(n, bytes));
    BN_free(n);
}

static unsigned algorithm_of(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "RSA") == 1 ? 1 : EVP_PKEY_is_a(key, "EC") == 1 ? 19 : 22;
}

static void key_body(const struct sig_pgp *p, struct cl_buf *out)
{
    static const uint8_t p256[] = {8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static const uint8_t ed[] = {9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01};
    uint8_t point[66] = {0x40};
    size_t len = 32;
    add_byte(out, p->key_version != 0 ? p->key_version : 4);
    add_be(out, SIG_TIME, 4);
    add_byte(out, algorithm_of(p->key));
    if (algorithm_of(p->key) == 1) {
        add_number(out, p->key, OSSL_PKEY_PARAM_RSA_N);
        add_number(out, p->key, OSSL_PKEY_PARAM_RSA_E);
    } else if (algorithm_of(p->key) == 19) {
        must(EVP_PKEY_get_octet_string_param(p->key, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &len) ==
             1);
        add(out, p256, sizeof(p256));
        add_mpi(out, point, len);
    } else {
        must(EVP_PKEY_get_raw_public_key(p->key, point + 1, &len) == 1);
        add(out, ed, sizeof(ed));
        add_mpi(out, point, 33);
    }
}

static void fingerprint(const struct sig_pgp *p, uint8_t ret[static 20])
{
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf all = {0};
    key_body(p, &body);
    add_byte(&all, 0x99);
    add_be(&all, body.len, 2);
    add(&all, body.data, body.len);
    must(EVP_Digest(all.data, all.len, ret, NULL, EVP_sha1(), NULL) == 1);
}

static void add_sub(struct cl_buf *out, unsigned type, const void *data, size_t len)
{
    add_byte(out, (unsigned)len + 1);
    add_byte(out, type);
    add(out, data, len);
}

static void add_sub_be32(struct cl_buf *out, unsigned type, uint32_t v)
{
    const uint8_t b[] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    add_sub(out, type, b, sizeof(b));
}

static const EVP_MD *hash_of(uint8_t hash)
{
    return hash == 10  ? EVP_sha512()
           : hash == 9 ? EVP_sha384()
           : hash == 2 ? EVP_sha1()
                       : EVP_sha256();
}

static void add_numbers(struct cl_buf *out, const EVP_PKEY *key, const uint8_t *sig, size_t len)
{
    if (algorithm_of(key) == 1) {
        add_mpi(out, sig, len);
    } else if (algorithm_of(key) == 22) {
        add_mpi(out, sig, 32);
        add_mpi(out, sig + 32, 32);
    } else {
        uint8_t n[64];
        ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &sig, (long)len);
        must(s != NULL);
        add_mpi(out, n, (size_t)BN_bn2bin(ECDSA_SIG_get0_r(s), n));
        add_mpi(out, n, (size_t)BN_bn2bin(ECDSA_SIG_get0_s(s), n));
        ECDSA_SIG_free(s);
    }
}

/* The signature's packet over `data`, with these hashed subpackets. */
static void add_signature(const struct sig_pgp *p, uint8_t type, const void *data, size_t len,
                          const struct cl_buf *hashed, struct cl_buf *out)
{
    EVP_PKEY *key = p->signer != NULL ? p->signer : p->key;
    uint8_t hash = p->hash != 0 ? p->hash : 8;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    uint8_t sig[1024];
    size_t sig_len = sizeof(sig);
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf all = {0};
    add_byte(&body, p->version != 0 ? p->version : 4);
    add_byte(&body, type);
    add_byte(&body, algorithm_of(key));
    add_byte(&body, hash);
    add_be(&body, hashed->len, 2);
    add(&body, hashed->data, hashed->len);
    add(&all, data, len);
    add(&all, body.data, body.len);
    add_byte(&all, 4);
    add_byte(&all, 0xff);
    add_be(&all, body.len, 4);
    must(EVP_Digest(all.data, all.len, digest, &digest_len, hash_of(hash), NULL) == 1);
    if (algorithm_of(key) == 22) {
        sign(key, NULL, digest, digest_len, sig, &sig_len);
    } else {
        sign(key, hash_of(hash), all.data, all.len, sig, &sig_len);
    }
    add_be(&body, 0, 2);
    add(&body, digest, 2);
    add_numbers(&body, key, sig, sig_len);
    add_packet(out, 2, &body);
}

/* What `owner` says of a key or subkey, by a signature whose numbers are not looked at. */
static void say(EVP_PKEY *owner, uint8_t type, uint8_t flags, uint32_t expires, struct cl_buf *out)
{
    const struct sig_pgp plain = {.key = owner};
    uint8_t id[21] = {4};
    CL_CLEANUP(cl_buf_done) struct cl_buf hashed = {0};
    fingerprint(&plain, id + 1);
    add_sub(&hashed, 33, id, sizeof(id));
    add_sub_be32(&hashed, 2, SIG_TIME);
    add_sub(&hashed, 27, &flags, 1);
    if (expires != 0) {
        add_sub_be32(&hashed, 9, expires);
    }
    add_signature(&plain, type, "", 0, &hashed, out);
}

static void add_key(const struct sig_pgp *p, EVP_PKEY *key, unsigned tag, struct cl_buf *out)
{
    const struct sig_pgp plain = {.key = key, .key_version = p->key_version};
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    key_body(&plain, &body);
    add_packet(out, tag, &body);
}

void sig_pgp_ring(const struct sig_pgp *p, struct cl_buf *out)
{
    static const char name[] = "Test <test@example.org>";
    EVP_PKEY *primary = p->primary != NULL ? p->primary : p->key;
    uint8_t flags = p->flags != 0 ? p->flags : 3;
    CL_CLEANUP(cl_buf_done) struct cl_buf user = {0};
    add_key(p, primary, 6, out);
    add(&user, name, strlen(name));
    add_packet(out, 13, &user);
    if (p->no_self_signature) {
        return;
    }
    say(primary, 0x13, p->primary != NULL ? 1 : flags, p->key_expires, out);
    if (p->revoked) {
        say(primary, 0x20, flags, 0, out);
    }
    if (p->primary == NULL) {
        return;
    }
    add_key(p, p->key, 14, out);
    if (!p->subkey_unbound) {
        say(primary, 0x18, flags, 0, out);
    }
    if (p->subkey_revoked) {
        say(primary, 0x28, flags, 0, out);
    }
}

static void add_literal(const struct sig_pgp *p, const char *text, struct cl_buf *out)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    size_t len = strlen(text);
    add_byte(&body, p->format != 0 ? p->format : 'b');
    add_byte(&body, 0);
    add_be(&body, SIG_TIME, 4);
    add(&body, text, len);
    if (!p->partial) {
        add_packet(out, 11, &body);
        return;
    }
    must(body.len > 512 && body.len < 512 + 192);
    add_byte(out, 0xcb);
    add_byte(out, 224 + 9); /* 512 bytes, and more */
    add(out, body.data, 512);
    add_byte(out, (unsigned)(body.len - 512));
    add(out, body.data + 512, body.len - 512);
}

static void add_subpackets(const struct sig_pgp *p, const uint8_t *id, struct cl_buf *hashed)
{
    add_sub(hashed, 33, id, 21);
    add_sub_be32(hashed, 2, p->created != 0 ? p->created : SIG_TIME);
    if (p->expires != 0) {
        add_sub_be32(hashed, 3, p->expires);
    }
    if (p->critical != 0) {
        add_sub(hashed, 0x80u | p->critical, "x", 1);
    }
}

static void add_message(const struct sig_pgp *p, const char *text, struct cl_buf *out)
{
    const EVP_PKEY *key = p->signer != NULL ? p->signer : p->key;
    uint8_t id[21] = {4};
    CL_CLEANUP(cl_buf_done) struct cl_buf one = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf hashed = {0};
    fingerprint(p, id + 1);
    add_byte(&one, 3);
    add_byte(&one, p->type);
    add_byte(&one, p->hash != 0 ? p->hash : 8);
    add_byte(&one, algorithm_of(key));
    add(&one, id + 13, 8);
    add_byte(&one, p->nested ? 0 : 1);
    add_packet(out, 4, &one);
    add_literal(p, text, out);
    add_subpackets(p, id, &hashed);
    add_signature(p, p->type, text, strlen(text), &hashed, out);
}

static void compress_message(const struct cl_buf *in, bool header, struct cl_buf *out)
{
    uint8_t packed[8192];
    z_stream z = {0};
    must(deflateInit2(&z, 9, Z_DEFLATED, header ? 15 : -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = in->data;
    z.avail_in = (uInt)in->len;
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    must(deflate(&z, Z_FINISH) == Z_STREAM_END);
    add_byte(out, 0xa3); /* old format, to the end: as GnuPG writes it */
    add_byte(out, header ? 2 : 1);
    add(out, packed, sizeof(packed) - z.avail_out);
    (void)deflateEnd(&z);
}

void sig_pgp_message(const struct sig_pgp *p, const char *text, struct cl_buf *out)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf plain = {0};
    add_message(p, text, &plain);
    if (p->compress != 0) {
        compress_message(&plain, p->compress == 2, out);
    } else {
        add(out, plain.data, plain.len);
    }
}
