/* SPDX-License-Identifier: Apache-2.0
 * snp_evidence.h - the body of struct cl_snp_evidence, for the files of this folder.
 */
#ifndef CL_ATTESTATION_SNP_EVIDENCE_H
#define CL_ATTESTATION_SNP_EVIDENCE_H

#include "cloister/snp_evidence.h"

#include <openssl/x509.h>

struct snp_cert {
    enum cl_snp_cert_type type; /* a label: nothing is decided by it */
    uint8_t other_guid[16];     /* for CL_SNP_CERT_OTHER */
    uint8_t *der;               /* owned */
    size_t len;
    X509 *x509; /* owned; NULL for OTHER and CRL */
};

struct cl_snp_evidence {
    struct cl_snp_report report;
    size_t cert_count;
    struct snp_cert certs[CL_SNP_CERTS_MAX];
};

CL_NODISCARD enum cl_status snp_evidence_new(struct cl_snp_evidence **ret_ev, struct cl_err *err);
/* guid: 16 bytes for OTHER, else NULL. */
CL_NODISCARD enum cl_status snp_evidence_add(struct cl_snp_evidence *ev, enum cl_snp_cert_type type,
                                             const uint8_t *guid, const uint8_t *data, size_t len,
                                             struct cl_err *err);

#define SNP_GUID_TEXT_SIZE 37u
/* 16 bytes in textual order <-> "63da758d-e664-4564-adc5-f4b93be8accd" (lower case). */
void snp_guid_format(const uint8_t guid[static 16], char ret[static SNP_GUID_TEXT_SIZE]);
CL_NODISCARD enum cl_status snp_guid_parse(const char *text, uint8_t ret[static 16],
                                           struct cl_err *err);

#endif
