/* SPDX-License-Identifier: Apache-2.0
 * snp_evidence.h - a report together with the certificates that came with it, in each form in which
 * it travels: raw bytes, AMD's certificate table, Trustee's JSON.
 * Trust: everything is hostile; nothing is believed before cl_snp_verify().
 * Threads: an evidence object is immutable between calls that add to it.
 * Memory: the report and at most CL_SNP_CERTS_MAX certificates of CL_SNP_CERT_MAX_SIZE.
 * Spec: kbs-protocol 13 `snp`; snp.md a.9.
 */
#ifndef CLOISTER_SNP_EVIDENCE_H
#define CLOISTER_SNP_EVIDENCE_H

#include "base/buf.h"
#include "cloister/snp_report.h"

#define CL_SNP_CERTS_MAX 32u
#define CL_SNP_CERT_MAX_SIZE 16384u
#define CL_SNP_CERT_TABLE_MAX_SIZE (1u << 20)

enum cl_snp_cert_type {
    CL_SNP_CERT_OTHER = 0, /* carried, never interpreted */
    CL_SNP_CERT_VCEK,
    CL_SNP_CERT_VLEK,
    CL_SNP_CERT_ASK, /* ASVK too */
    CL_SNP_CERT_ARK,
    CL_SNP_CERT_CRL,
};

struct cl_snp_evidence; /* opaque */

void cl_snp_evidence_free(struct cl_snp_evidence *ev);   /* NULL is fine */
void cl_snp_evidence_freep(struct cl_snp_evidence **ev); /* for CL_CLEANUP */

/* From the bare 1184 bytes, without certificates. */
CL_NODISCARD enum cl_status cl_snp_evidence_from_report(const uint8_t *data, size_t len,
                                                        struct cl_snp_evidence **ret_ev,
                                                        struct cl_err *err);

/* From Trustee's JSON, already parsed or as text. The binary report is rebuilt from the members, so
 * reserved bytes are zero. Members that this form does not name are ignored: they are not signed.
 */
CL_NODISCARD enum cl_status
cl_snp_evidence_from_json(const json_t *j, struct cl_snp_evidence **ret_ev, struct cl_err *err);
CL_NODISCARD enum cl_status cl_snp_evidence_from_json_text(const void *data, size_t len,
                                                           struct cl_snp_evidence **ret_ev,
                                                           struct cl_err *err);

/* Trustee's JSON of this evidence (what an agent sends). CL_ERR_UNSUPPORTED when the report has a
 * bit that this form cannot carry: a reserved byte, or an integer of 2^63 and more. */
CL_NODISCARD enum cl_status cl_snp_evidence_to_json(const struct cl_snp_evidence *ev,
                                                    json_t **ret_j, struct cl_err *err);

/* Adds one DER certificate. `type` is a label for encoding only; verification looks inside. */
CL_NODISCARD enum cl_status cl_snp_evidence_add_der(struct cl_snp_evidence *ev,
                                                    enum cl_snp_cert_type type, const uint8_t *der,
                                                    size_t len, struct cl_err *err);
/* Adds every entry of AMD's certificate table (an empty input is an empty table). */
CL_NODISCARD enum cl_status cl_snp_evidence_add_table(struct cl_snp_evidence *ev,
                                                      const uint8_t *data, size_t len,
                                                      struct cl_err *err);
/* Adds what a file holds: one certificate or revocation list in DER, any number of them in PEM, or
 * a certificate table. */
CL_NODISCARD enum cl_status cl_snp_evidence_add_file_bytes(struct cl_snp_evidence *ev,
                                                           const uint8_t *data, size_t len,
                                                           struct cl_err *err);

/* AMD's certificate table of the certificates in ev, in the order they were added. */
CL_NODISCARD enum cl_status cl_snp_evidence_table(const struct cl_snp_evidence *ev,
                                                  struct cl_buf *out, struct cl_err *err);

const struct cl_snp_report *cl_snp_evidence_report(const struct cl_snp_evidence *ev);
size_t cl_snp_evidence_cert_count(const struct cl_snp_evidence *ev);
/* Certificate i < count; borrowed. */
const uint8_t *cl_snp_evidence_cert(const struct cl_snp_evidence *ev, size_t i,
                                    enum cl_snp_cert_type *ret_type, size_t *ret_len);

#endif
