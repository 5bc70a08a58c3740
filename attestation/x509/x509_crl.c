/* SPDX-License-Identifier: Apache-2.0
 * x509_crl.c - certificate revocation lists: strict DER, dates.
 * Trust: every CRL is hostile. Threads: pure. Memory: OpenSSL's.
 */
#include "x509/x509.h"

#include <openssl/err.h>
#include <string.h>

void cl_x509_crl_freep(X509_CRL **crl)
{
    X509_CRL_free(*crl);
    *crl = NULL;
}

enum cl_status cl_x509_crl_parse(const uint8_t *der, size_t len, X509_CRL **ret_crl,
                                 struct cl_err *err)
{
    if (len > INT32_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "CRL: size: expected less, got %zu", len);
    }
    const unsigned char *p = der;
    CL_CLEANUP(cl_x509_crl_freep) X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)len);
    if (crl == NULL) {
        ERR_clear_error();
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "CRL: contents: expected a CRL in DER, got something else");
    }
    size_t used = (size_t)(p - der);
    if (used != len) {
        return cl_err_at(err, CL_ERR_MALFORMED, used,
                         "CRL: size: expected %zu bytes, got %zu more behind them", used,
                         len - used);
    }
    *ret_crl = CL_TAKE(crl);
    return CL_OK;
}

bool cl_x509_crl_dates(const X509_CRL *crl, int64_t *ret_this_update, int64_t *ret_next_update)
{
    return cl_x509_time(X509_CRL_get0_lastUpdate(crl), ret_this_update) &&
           cl_x509_time(X509_CRL_get0_nextUpdate(crl), ret_next_update);
}
