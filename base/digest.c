/* SPDX-License-Identifier: Apache-2.0
 * digest.c - SHA-2 through OpenSSL's EVP.
 */
#include "base/digest.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct cl_sha256_ctx {
    EVP_MD_CTX *md;
};

static enum cl_status digest(const EVP_MD *md, uint8_t *ret, const void *data, size_t len,
                             struct cl_err *err)
{
    if (EVP_Digest(data, len, ret, NULL, md, NULL) != 1) {
        return cl_err_nomem(err, "digest");
    }
    return CL_OK;
}

enum cl_status cl_sha256(uint8_t ret[static CL_SHA256_SIZE], const void *data, size_t len,
                         struct cl_err *err)
{
    return digest(EVP_sha256(), ret, data, len, err);
}

enum cl_status cl_sha384(uint8_t ret[static CL_SHA384_SIZE], const void *data, size_t len,
                         struct cl_err *err)
{
    return digest(EVP_sha384(), ret, data, len, err);
}

enum cl_status cl_sha256_new(struct cl_sha256_ctx **ret_c, struct cl_err *err)
{
    struct cl_sha256_ctx *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return cl_err_nomem(err, "sha256");
    }
    c->md = EVP_MD_CTX_new();
    if (c->md == NULL || EVP_DigestInit_ex(c->md, EVP_sha256(), NULL) != 1) {
        cl_sha256_free(c);
        return cl_err_nomem(err, "sha256");
    }
    *ret_c = c;
    return CL_OK;
}

enum cl_status cl_sha256_update(struct cl_sha256_ctx *c, const void *data, size_t len,
                                struct cl_err *err)
{
    return EVP_DigestUpdate(c->md, data, len) == 1 ? CL_OK : cl_err_nomem(err, "sha256");
}

enum cl_status cl_sha256_final(struct cl_sha256_ctx *c, uint8_t ret[static CL_SHA256_SIZE],
                               struct cl_err *err)
{
    return EVP_DigestFinal_ex(c->md, ret, NULL) == 1 ? CL_OK : cl_err_nomem(err, "sha256");
}

void cl_sha256_free(struct cl_sha256_ctx *c)
{
    if (c != NULL) {
        EVP_MD_CTX_free(c->md);
        free(c);
    }
}

void cl_sha256_freep(struct cl_sha256_ctx **c)
{
    cl_sha256_free(*c);
    *c = NULL;
}

struct cl_sha384_ctx {
    EVP_MD_CTX *md;
};

enum cl_status cl_sha384_new(struct cl_sha384_ctx **ret_c, struct cl_err *err)
{
    struct cl_sha384_ctx *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return cl_err_nomem(err, "sha384");
    }
    c->md = EVP_MD_CTX_new();
    if (c->md == NULL || EVP_DigestInit_ex(c->md, EVP_sha384(), NULL) != 1) {
        cl_sha384_free(c);
        return cl_err_nomem(err, "sha384");
    }
    *ret_c = c;
    return CL_OK;
}

enum cl_status cl_sha384_update(struct cl_sha384_ctx *c, const void *data, size_t len,
                                struct cl_err *err)
{
    return EVP_DigestUpdate(c->md, data, len) == 1 ? CL_OK : cl_err_nomem(err, "sha384");
}

enum cl_status cl_sha384_final(struct cl_sha384_ctx *c, uint8_t ret[static CL_SHA384_SIZE],
                               struct cl_err *err)
{
    /* NULL: the algorithm that it has, without looking it up again. */
    return EVP_DigestFinal_ex(c->md, ret, NULL) == 1 && EVP_DigestInit_ex(c->md, NULL, NULL) == 1
               ? CL_OK
               : cl_err_nomem(err, "sha384");
}

void cl_sha384_free(struct cl_sha384_ctx *c)
{
    if (c != NULL) {
        EVP_MD_CTX_free(c->md);
        free(c);
    }
}

void cl_sha384_freep(struct cl_sha384_ctx **c)
{
    cl_sha384_free(*c);
    *c = NULL;
}

enum cl_status cl_oci_digest_parse(const char *text, uint8_t ret[static CL_SHA256_SIZE],
                                   struct cl_err *err)
{
    static const char prefix[] = "sha256:";
    if (strncmp(text, prefix, sizeof(prefix) - 1) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "digest: expected sha256:<hex>, got '%.32s'",
                          text);
    }
    return cl_unhex(ret, CL_SHA256_SIZE, text + sizeof(prefix) - 1, "digest", err);
}

void cl_oci_digest_format(char ret[static CL_OCI_DIGEST_SIZE],
                          const uint8_t digest_bytes[static CL_SHA256_SIZE])
{
    memcpy(ret, "sha256:", 7);
    cl_hex(ret + 7, digest_bytes, CL_SHA256_SIZE);
}
