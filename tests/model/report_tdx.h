/* SPDX-License-Identifier: Apache-2.0
 * report_tdx.h - quotes over a modelled TD, by a test PKI in Intel's form, the collateral that goes
 * with it, and a quote generation service that speaks QGS's messages (tdx.md a, c).
 */
#ifndef CL_MODEL_REPORT_TDX_H
#define CL_MODEL_REPORT_TDX_H

#include "tdx.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#define MODEL_TDREPORT_SIZE 1024u
#define MODEL_QUOTE_MAX 8192u
#define MODEL_QGS_MAX (MODEL_QUOTE_MAX + 64u)

/* Names and forms of Intel's, but a root that is nobody's: nothing of production accepts it. */
struct model_pki {
    X509 *root, *ca, *pck, *tcb_signing;
    EVP_PKEY *root_key, *ca_key, *pck_key, *tcb_key;
    EVP_PKEY *attestation_key;
    uint8_t fmspc[6];
    uint8_t component_svn[16]; /* of the PCK's TCB */
    uint16_t pce_svn;
    uint16_t qe_svn;
};
bool model_pki_make(struct model_pki *ret_pki); /* false: OpenSSL failed */
void model_pki_done(struct model_pki *pki);
/* root, CA and PCK, or root and TCB signing, as PEM, leaf first. NULL: no memory; else free(). */
char *model_pki_chain(const struct model_pki *pki, bool tcb);

/* The TD's report (TDG.MR.REPORT). False: not a TD, or not finalized. */
bool model_tdreport(const struct model_vm *vm, const uint8_t data[static 64],
                    uint8_t ret_report[static MODEL_TDREPORT_SIZE]);

/* A quote of version 4 over a report of this machine. 0: the report is not genuine, or OpenSSL
 * failed. */
size_t model_quote(const struct model_vm *vm, const struct model_pki *pki,
                   const uint8_t report[static MODEL_TDREPORT_SIZE],
                   uint8_t ret_quote[static MODEL_QUOTE_MAX]);

/* Answers one message as it comes from the socket, its four bytes of length included; what is wrong
 * with it is answered, too (tdx.md c: 0x12001...). Returns the answer's size, never 0. */
size_t model_qgs(const struct model_vm *vm, const struct model_pki *pki, const uint8_t *request,
                 size_t size, uint8_t ret_answer[static MODEL_QGS_MAX]);

/* What a PCS would give for the platform, as one JSON object (tdx.md a.9, QuoteCollateralV3).
 * `now` in seconds since 1970: issued an hour before, good for 30 days. */
struct model_collateral_plan {
    const char *platform_status; /* NULL: UpToDate; of the level that the platform meets */
    const char *module_status;
    const char *qe_status;
    bool revoke_pck, revoke_ca;
    bool spoil_tcb_info, spoil_qe_identity; /* their signatures do not hold */
    bool other_fmspc;
};
char *model_collateral(const struct model_pki *pki, int64_t now,
                       const struct model_collateral_plan *plan); /* NULL: failed; else free() */

#endif
