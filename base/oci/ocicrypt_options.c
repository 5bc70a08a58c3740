/* SPDX-License-Identifier: Apache-2.0
 * ocicrypt_options.c - ocicrypt's public and private options, parsed and made.
 * Trust: public options are hostile. Private options come out of an authenticated packet, yet are
 *        parsed as strictly.
 * Threads: no shared state. Memory: the symmetric key passes through struct cl_secret only, which
 *          is why the private options have a reader of their own and do not go through jansson,
 *          whose copies nobody wipes.
 */
#include "oci/ocicrypt.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#define CIPHER_NAME "AES_256_CTR_HMAC_SHA256"

/* --- public ---------------------------------------------------------------------------------- */

static enum cl_status public_json(const json_t *j, struct cl_ocicrypt_public *ret,
                                  struct cl_err *err)
{
    const char *what = "ocicrypt public options";
    const char *cipher = NULL;
    const char *hmac = NULL;
    CL_TRY(cl_json_get_string(j, what, "cipher", &cipher, err));
    if (strcmp(cipher, CIPHER_NAME) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "%s: cipher: expected %s, got '%.64s'", what,
                          CIPHER_NAME, cipher);
    }
    CL_TRY(cl_json_get_string(j, what, "hmac", &hmac, err));
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_TRY(cl_b64_decode(&raw, hmac, strlen(hmac), "ocicrypt public options: hmac", err));
    if (raw.len != sizeof(ret->hmac)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: hmac: expected %zu bytes, got %zu", what,
                          sizeof(ret->hmac), raw.len);
    }
    memcpy(ret->hmac, raw.data, raw.len);
    return CL_OK;
}

enum cl_status cl_ocicrypt_public_parse(const char *b64, struct cl_ocicrypt_public *ret,
                                        struct cl_err *err)
{
    if (strlen(b64) > CL_OCICRYPT_MAX_OPTS) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "ocicrypt public options: expected at most %u bytes, got %zu",
                          CL_OCICRYPT_MAX_OPTS, strlen(b64));
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_b64_decode(&text, b64, strlen(b64), "ocicrypt public options", err));
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(cl_json_parse(text.data, text.len, "ocicrypt public options", &j, err));
    struct cl_ocicrypt_public p = {0};
    CL_TRY(public_json(j, &p, err));
    *ret = p;
    return CL_OK;
}

enum cl_status cl_ocicrypt_public_make(const struct cl_ocicrypt_public *p, struct cl_buf *out,
                                       struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf json = {0};
    CL_TRY(cl_buf_append_str(&json, "{\"cipher\":\"" CIPHER_NAME "\",\"hmac\":\"", err));
    CL_TRY(cl_b64_encode(&json, p->hmac, sizeof(p->hmac), err));
    CL_TRY(cl_buf_append_str(&json, "\",\"cipheroptions\":{}}", err));
    return cl_b64_encode(out, json.data, json.len, err);
}

/* --- private --------------------------------------------------------------------------------- */

/* A reader for JSON objects whose values are strings without escapes, or such objects. */
struct opts_reader {
    const uint8_t *p;
    size_t len;
    size_t pos;
    bool failed; /* sticks */
};

struct opts_text {
    const uint8_t *p; /* borrowed from the text */
    size_t len;
};

static void skip_space(struct opts_reader *r)
{
    while (r->pos < r->len && strchr(" \t\r\n", r->p[r->pos]) != NULL && r->p[r->pos] != 0) {
        r->pos++;
    }
}

/* Takes `c` when it is next. */
static bool accept(struct opts_reader *r, char c)
{
    skip_space(r);
    if (r->failed || r->pos >= r->len || r->p[r->pos] != (uint8_t)c) {
        return false;
    }
    r->pos++;
    return true;
}

static void expect(struct opts_reader *r, char c)
{
    if (!accept(r, c)) {
        r->failed = true;
    }
}

static struct opts_text read_string(struct opts_reader *r)
{
    expect(r, '"');
    size_t start = r->pos;
    while (!r->failed && r->pos < r->len && r->p[r->pos] != '"') {
        if (r->p[r->pos] == '\\' || r->p[r->pos] < 0x20) {
            r->failed = true;
        }
        r->pos++;
    }
    struct opts_text t = {.p = r->p + start, .len = r->failed ? 0 : r->pos - start};
    expect(r, '"');
    return t;
}

static bool text_is(struct opts_text t, const char *s)
{
    return t.len == strlen(s) && memcmp(t.p, s, t.len) == 0; /* names of members: public */
}

struct opts_found {
    struct opts_text symkey;
    struct opts_text digest;
    struct opts_text nonce;
};

static void take_once(struct opts_reader *r, struct opts_text *slot)
{
    struct opts_text t = read_string(r);
    if (slot->p != NULL) {
        r->failed = true; /* a member twice */
    }
    *slot = t;
}

static void read_cipher_options(struct opts_reader *r, struct opts_found *f)
{
    expect(r, '{');
    if (accept(r, '}')) {
        return;
    }
    do {
        struct opts_text key = read_string(r);
        expect(r, ':');
        if (text_is(key, "nonce")) {
            take_once(r, &f->nonce);
        } else {
            (void)read_string(r);
        }
    } while (accept(r, ','));
    expect(r, '}');
}

static bool read_private(const uint8_t *json, size_t len, struct opts_found *f)
{
    struct opts_reader r = {.p = json, .len = len};
    expect(&r, '{');
    do {
        struct opts_text key = read_string(&r);
        expect(&r, ':');
        if (text_is(key, "symkey")) {
            take_once(&r, &f->symkey);
        } else if (text_is(key, "digest")) {
            take_once(&r, &f->digest);
        } else if (text_is(key, "cipheroptions")) {
            read_cipher_options(&r, f);
        } else {
            (void)read_string(&r);
        }
    } while (!r.failed && accept(&r, ','));
    expect(&r, '}');
    skip_space(&r);
    return !r.failed && r.pos == r.len && f->symkey.p != NULL && f->digest.p != NULL &&
           f->nonce.p != NULL;
}

static enum cl_status decode_exact(struct opts_text t, size_t size, const char *field,
                                   struct cl_buf *ret, struct cl_err *err)
{
    CL_TRY(cl_buf_reserve(ret, 2 * size, err)); /* so that a key is never moved by realloc */
    if (t.len > 2 * size) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected %zu bytes", field, size);
    }
    CL_TRY(cl_b64_decode(ret, (const char *)t.p, t.len, field, err));
    if (ret->len != size) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected %zu bytes, got %zu", field, size,
                          ret->len);
    }
    return CL_OK;
}

void cl_ocicrypt_private_done(struct cl_ocicrypt_private *p)
{
    if (p != NULL) {
        cl_secret_done(&p->key);
        cl_wipe(p, sizeof(*p));
    }
}

static enum cl_status private_decode(const struct opts_found *f, struct cl_ocicrypt_private *p,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf key = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf nonce = {0};
    CL_TRY(decode_exact(f->nonce, CL_OCICRYPT_NONCE_SIZE, "ocicrypt private options: nonce", &nonce,
                        err));
    memcpy(p->nonce, nonce.data, nonce.len);
    char digest[CL_OCI_DIGEST_SIZE] = {0};
    if (f->digest.len >= sizeof(digest)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "ocicrypt private options: digest: expected %zu bytes, got %zu",
                          sizeof(digest) - 1, f->digest.len);
    }
    memcpy(digest, f->digest.p, f->digest.len);
    enum cl_status st = cl_oci_digest_parse(digest, p->plain_digest, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "ocicrypt private options");
    }
    CL_TRY(decode_exact(f->symkey, CL_OCICRYPT_KEY_SIZE, "ocicrypt private options: symkey", &key,
                        err));
    return cl_secret_from(&p->key, key.data, key.len, err);
}

enum cl_status cl_ocicrypt_private_parse(const uint8_t *json, size_t len,
                                         struct cl_ocicrypt_private *ret, struct cl_err *err)
{
    struct opts_found f = {0};
    if (len > CL_OCICRYPT_MAX_OPTS || !read_private(json, len, &f)) {
        /* No offset and no text: what stands there may be half a key. */
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "ocicrypt private options: expected symkey, digest and nonce");
    }
    CL_CLEANUP(cl_ocicrypt_private_done) struct cl_ocicrypt_private p = {0};
    CL_TRY(private_decode(&f, &p, err));
    *ret = p;
    p.key = (struct cl_secret){0}; /* moved */
    return CL_OK;
}

enum cl_status cl_ocicrypt_private_make(const struct cl_ocicrypt_private *p,
                                        struct cl_secret *ret_json, struct cl_err *err)
{
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, p->plain_digest);
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_TRY(cl_buf_reserve(&out, 512, err));
    CL_TRY(cl_buf_append_str(&out, "{\"symkey\":\"", err));
    CL_TRY(cl_b64_encode(&out, p->key.data, p->key.len, err));
    CL_TRY(cl_buf_append_str(&out, "\",\"digest\":\"", err));
    CL_TRY(cl_buf_append_str(&out, digest, err));
    CL_TRY(cl_buf_append_str(&out, "\",\"cipheroptions\":{\"nonce\":\"", err));
    CL_TRY(cl_b64_encode(&out, p->nonce, sizeof(p->nonce), err));
    CL_TRY(cl_buf_append_str(&out, "\"}}", err));
    return cl_secret_from(ret_json, out.data, out.len, err);
}
