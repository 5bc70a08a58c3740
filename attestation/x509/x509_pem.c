/* SPDX-License-Identifier: Apache-2.0
 * x509_pem.c - certificates out of PEM text, and chains in which each is issued by the next.
 * Trust: hostile text. Threads: pure. Memory: one block at a time; a chain's certificates.
 */
#include "x509/x509.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

/* One PEM block: 1 when one was read into *ret_der (OpenSSL's memory), 0 at the end, -1 on error.
 */
static int next_pem(BIO *bio, unsigned char **ret_der, long *ret_len, char **ret_name)
{
    char *header = NULL;
    if (PEM_read_bio(bio, ret_name, &header, ret_der, ret_len) != 1) {
        unsigned long e = ERR_peek_last_error();
        bool end = ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
        ERR_clear_error();
        return end ? 0 : -1;
    }
    OPENSSL_free(header);
    return 1;
}

enum cl_status cl_x509_pem_each(const void *data, size_t len, cl_x509_der_fn *each, void *ctx,
                                struct cl_err *err)
{
    BIO *bio = len <= INT32_MAX ? BIO_new_mem_buf(data, (int)len) : NULL;
    if (bio == NULL) {
        return cl_err_nomem(err, "PEM reader");
    }
    enum cl_status st = CL_OK;
    size_t count = 0;
    for (int more = 1; st == CL_OK && more == 1;) {
        unsigned char *der = NULL;
        char *name = NULL;
        long der_len = 0;
        more = next_pem(bio, &der, &der_len, &name);
        if (more < 0) {
            st = cl_err_set(err, CL_ERR_MALFORMED, "PEM: contents: expected a whole block, got %s",
                            "one that is cut or damaged");
        } else if (more == 1 && strcmp(name, "CERTIFICATE") == 0) {
            st = each(ctx, der, (size_t)der_len, err);
            count++;
        }
        OPENSSL_free(der);
        OPENSSL_free(name);
    }
    BIO_free(bio);
    if (st == CL_OK && count == 0) {
        st = cl_err_set(err, CL_ERR_MALFORMED, "PEM: contents: expected a certificate, got none");
    }
    return st;
}

void cl_x509_chain_done(struct cl_x509_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        X509_free(chain->certs[i]);
    }
    *chain = (struct cl_x509_chain){0};
}

static enum cl_status add_to_chain(void *ctx, const uint8_t *der, size_t len, struct cl_err *err)
{
    struct cl_x509_chain *chain = ctx;
    if (chain->count == CL_X509_CHAIN_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "chain: expected at most %u certificates, got %s",
                          CL_X509_CHAIN_MAX, "more");
    }
    CL_TRY(cl_x509_parse(der, len, &chain->certs[chain->count], err));
    chain->count++;
    return CL_OK;
}

enum cl_status cl_x509_chain_parse(const void *pem, size_t len, struct cl_x509_chain *ret_chain,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_x509_chain_done) struct cl_x509_chain chain = {0};
    CL_TRY(cl_x509_pem_each(pem, len, add_to_chain, &chain, err));
    for (size_t i = 0; i < chain.count; i++) {
        const X509 *issuer = chain.certs[i + 1 < chain.count ? i + 1 : i];
        if (X509_NAME_cmp(X509_get_issuer_name(chain.certs[i]), X509_get_subject_name(issuer)) !=
            0) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "chain: certificate %zu: expected one issued by %s, got another",
                              i + 1, i + 1 < chain.count ? "the next" : "itself, a root");
        }
    }
    *ret_chain = chain;
    chain.count = 0; /* moved */
    return CL_OK;
}
