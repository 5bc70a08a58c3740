/* SPDX-License-Identifier: Apache-2.0
 * collateral_world.h - what AMD's and Intel's services serve, made under a PKI of our own, in good
 * shape or in one of several bad ones. Nothing of it is trusted by the library.
 */
#ifndef CL_TEST_COLLATERAL_WORLD_H
#define CL_TEST_COLLATERAL_WORLD_H

#include "base/buf.h"
#include "cloister/collateral.h"
#include "snp_world.h"

#include <jansson.h>

enum cw_doc {
    CW_AMD_CHAIN, /* PEM: SEV-Milan, ARK-Milan */
    CW_AMD_VLEK_CHAIN,
    CW_AMD_CRL,
    CW_AMD_VCEK,
    CW_AMD_VLEK,
    CW_GENOA_CHAIN,    /* the same keys under another product's names */
    CW_FOREIGN_CHAIN,  /* names of Milan, another intermediate key: signed nothing here */
    CW_OTHER_VCEK,     /* a chip of another TCB */
    CW_FORGED_CRL,     /* ARK-Milan's name, another key */
    CW_TCB_INFO,       /* TDX, FMSPC b0c06f000000, number 17 */
    CW_OTHER_TCB_INFO, /* FMSPC 00806f050000 */
    CW_OLD_TCB_INFO,   /* number 15, earlier, not expired */
    CW_EXPIRED_TCB_INFO,
    CW_FORGED_TCB_INFO, /* one digit of the body changed */
    CW_QE_IDENTITY,
    CW_PCK_CRL, /* platform */
    CW_PROCESSOR_CRL,
    CW_ROOT_CRL,
    CW_TCB_CHAIN, /* PEM: Intel SGX TCB Signing, Intel SGX Root CA */
    CW_PCK_CHAIN, /* PEM: Intel SGX PCK Platform CA, root */
    CW_PROCESSOR_CHAIN,
    CW_QUOTE, /* the beginning of a TDX quote, and its PCK chain: FMSPC b0c06f000000, platform CA */
    CW_COUNT,
    CW_NO_DOC = CW_COUNT,
};

/* Keys and documents; once, before any test runs. now: seconds since 1970; documents are issued an
 * hour before and end thirty days after. */
void cw_init(int64_t now);
const struct cl_buf *cw_doc(enum cw_doc doc); /* borrowed */

/* The good document of a kind, and its issuer chain or CW_NO_DOC. */
enum cw_doc cw_good(enum cl_collateral_kind kind), cw_good_chain(enum cl_collateral_kind kind);
enum cl_status cw_add(struct cl_collateral *c, enum cl_collateral_kind kind, enum cw_doc doc,
                      enum cw_doc chain, struct cl_err *err);
/* One good item of each kind, in the order of the kinds. */
enum cl_status cw_add_all(struct cl_collateral *c, struct cl_err *err);
/* A QuoteCollateralV3 document of the good items, as QPL-like tools write it. The caller's. */
json_t *cw_quote_collateral(void);
/* A certificate in DER as a block of PEM. */
void cw_append_pem(struct cl_buf *out, const struct cl_buf *der);
void cw_append_cert(struct cl_buf *out, const struct world_cert *x);

/* A signed SNP report of the chip of CW_AMD_VCEK. */
void cw_report(uint8_t ret[static CL_SNP_REPORT_SIZE]);

#endif
