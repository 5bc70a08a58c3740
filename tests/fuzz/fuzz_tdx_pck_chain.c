/* SPDX-License-Identifier: Apache-2.0
 * fuzz_tdx_pck_chain.c - the chain of a quote, as PEM of any bytes, or one certificate's DER: the
 * strict reader takes nothing that OpenSSL's does not take too, and the SGX extension is read.
 */
#include "tdx/tdx_internal.h"
#include "x509/x509.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct seen {
    const struct tdx_chain_der *chain;
    size_t count;
};

static enum cl_status compare(void *ctx, const uint8_t *der, size_t len, struct cl_err *err)
{
    struct seen *s = ctx;
    (void)err;
    if (s->count >= s->chain->count || len != s->chain->len[s->count] ||
        memcmp(der, s->chain->der[s->count], len) != 0) {
        abort();
    }
    s->count++;
    return CL_OK;
}

static void read_extension(const uint8_t *der, size_t len)
{
    CL_CLEANUP(cl_x509_freep) X509 *x = NULL;
    struct tdx_pck_extension e;
    if (cl_x509_parse(der, len, &x, NULL) == CL_OK &&
        tdx_pck_extension_parse(x, &e, NULL) == CL_OK && X509_get_ext_count(x) == 0) {
        abort(); /* read out of nothing */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct tdx_chain_der chain;
    read_extension(data, len);
    if (tdx_pem_decode(data, len, &chain, NULL) == CL_OK) {
        struct seen s = {.chain = &chain};
        if (cl_x509_pem_each(data, len, compare, &s, NULL) != CL_OK || s.count != chain.count) {
            abort();
        }
        for (size_t i = 0; i < chain.count; i++) {
            read_extension(chain.der[i], chain.len[i]);
        }
    }
    return 0;
}
