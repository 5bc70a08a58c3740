/* SPDX-License-Identifier: Apache-2.0
 * tdx_material.h - collateral of a TDX quote in memory that tests own and may change.
 */
#ifndef CL_TEST_TDX_MATERIAL_H
#define CL_TEST_TDX_MATERIAL_H

#include "base/buf.h"
#include "base/encode.h"
#include "cloister/tdx_verify.h"

#include <stdlib.h>
#include <string.h>

struct tdx_material { /* owned; views point into it */
    struct cl_buf tcb_info, qe_identity, pck_crl, root_crl;
    struct cl_buf tcb_chain, qe_chain, pck_chain;
    uint8_t tcb_signature[64], qe_signature[64];
};

static inline void tdx_material_done(struct tdx_material *m)
{
    struct cl_buf *const all[] = {&m->tcb_info,  &m->qe_identity, &m->pck_crl,  &m->root_crl,
                                  &m->tcb_chain, &m->qe_chain,    &m->pck_chain};
    for (size_t i = 0; i < CL_ARRAY_LEN(all); i++) {
        cl_buf_done(all[i]);
    }
}

static inline struct cl_tdx_collateral tdx_views(const struct tdx_material *m)
{
    return (struct cl_tdx_collateral){
        .tcb_info = {m->tcb_info.data, m->tcb_info.len, m->tcb_signature,
                     (const char *)m->tcb_chain.data, m->tcb_chain.len},
        .qe_identity = {m->qe_identity.data, m->qe_identity.len, m->qe_signature,
                        (const char *)m->qe_chain.data, m->qe_chain.len},
        .pck_crl = {m->pck_crl.data, m->pck_crl.len, (const char *)m->pck_chain.data,
                    m->pck_chain.len},
        .root_crl = {m->root_crl.data, m->root_crl.len, NULL, 0},
    };
}

/* Without Check, for worlds are also made before any test runs. */
static inline void tdx_must(bool good)
{
    if (!good) {
        abort();
    }
}

static inline void tdx_put(struct cl_buf *out, const void *data, size_t len)
{
    cl_buf_done(out);
    tdx_must(cl_buf_append(out, data, len, NULL) == CL_OK);
}

static inline void tdx_put_hex(struct cl_buf *out, const char *hex)
{
    size_t n = strlen(hex) / 2;
    cl_buf_done(out);
    tdx_must(cl_buf_reserve(out, n + 1, NULL) == CL_OK);
    tdx_must(cl_unhex(out->data, n, hex, "hex", NULL) == CL_OK);
    out->len = n;
}

#endif
