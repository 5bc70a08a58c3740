/* SPDX-License-Identifier: Apache-2.0
 * pem.c - the keys of people, from files: one PEM block, no passphrase (see cloister/pem.h).
 * Trust: the file is the user's; that it holds a key of a kind we sign with is checked.
 * Memory: a private key's text is wiped.
 */
#include "cloister/pem.h"

#include "base/secret.h"
#include "sign.h"
#include "token_internal.h"

#include <openssl/pem.h>

#define MAX_PEM 16384u

/* Never asks at the terminal. */
static int no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
    (void)buf, (void)size, (void)rwflag, (void)ctx;
    return -1;
}

static enum cl_status take_key(EVP_PKEY *key, const char *path, const char *kind, EVP_PKEY **ret,
                               struct cl_err *err)
{
    enum cl_sig_alg alg;
    ERR_clear_error();
    if (key == NULL || !cl_sig_alg_of_key(key, &alg)) {
        EVP_PKEY_free(key);
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "key '%s': contents: expected a %s key in PEM (P-256, P-384 or Ed25519), "
                          "got something else",
                          path, kind);
    }
    *ret = key;
    return CL_OK;
}

enum cl_status cl_pem_private_key(const char *path, EVP_PKEY **ret_key, struct cl_err *err)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret pem = {0};
    CL_TRY(cl_secret_read_file(&pem, path, MAX_PEM, err));
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return take_key(key, path, "private", ret_key, err);
}

enum cl_status cl_pem_public_key(const char *path, EVP_PKEY **ret_key, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    CL_TRY(cl_buf_read_file(&pem, path, MAX_PEM, err));
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return take_key(key, path, "public", ret_key, err);
}

void cl_pem_key_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
    *key = NULL;
}
