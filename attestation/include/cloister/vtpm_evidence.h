/* SPDX-License-Identifier: Apache-2.0
 * vtpm_evidence.h - a TPM quote with what vouches for its key: a paravisor's hardware report
 * (az-snp-vtpm, az-tdx-vtpm), or nothing but a policy (tpm). In Trustee's JSON forms.
 * Trust: everything is hostile; nothing is believed before cl_vtpm_verify().
 * Threads: an evidence object is immutable between calls that add to it.
 * Memory: bounded by the maxima of its parts.
 * Spec: kbs-protocol.md 13, az-snp-vtpm, az-tdx-vtpm and tpm.
 */
#ifndef CLOISTER_VTPM_EVIDENCE_H
#define CLOISTER_VTPM_EVIDENCE_H

#include "base/buf.h"
#include "cloister/snp_evidence.h"
#include "cloister/tdx_quote.h"
#include "cloister/tpm_quote.h"
#include "cloister/verify.h"

#include <jansson.h>

struct cl_vtpm_evidence; /* opaque */

struct cl_vtpm_parts {       /* zeroed is fine; buffers are owned */
    enum cl_tee_class kind;  /* AZ_SNP_VTPM, AZ_TDX_VTPM, TPM: what the evidence calls itself */
    unsigned version;        /* of the az forms: 0, 1, 2 */
    struct cl_buf message;   /* TPMS_ATTEST */
    struct cl_buf signature; /* TPMT_SIGNATURE; of the az forms, the bare RSASSA-SHA256 value */
    struct cl_tpm_pcrs pcrs;
    struct cl_buf hcl;      /* az: the paravisor's report */
    struct cl_buf vcek;     /* az-snp: certificate in DER; may be empty */
    struct cl_buf td_quote; /* az-tdx */
    struct cl_buf ak_spki;  /* tpm: SubjectPublicKeyInfo in DER */
    struct cl_buf ak_area;  /* tpm: TPM2B_PUBLIC; may be empty */
};
void cl_vtpm_parts_done(struct cl_vtpm_parts *p);

/* Parses every part. CL_ERR_TRUNCATED, CL_ERR_MALFORMED, CL_ERR_UNSUPPORTED name the part. The
 * parts' buffers are moved into the evidence on success. */
CL_NODISCARD enum cl_status cl_vtpm_evidence_from_parts(struct cl_vtpm_parts *parts,
                                                        struct cl_vtpm_evidence **ret_ev,
                                                        struct cl_err *err);
/* From Trustee's JSON. Values of registers come as 24 digests of one hash, or (ours, for more than
 * one bank) as {"sha256": {"0": "<hex>", ...}, ...}. Members that no form names are ignored. */
CL_NODISCARD enum cl_status
cl_vtpm_evidence_from_json(const json_t *j, struct cl_vtpm_evidence **ret_ev, struct cl_err *err);
CL_NODISCARD enum cl_status cl_vtpm_evidence_from_json_text(const void *data, size_t len,
                                                            struct cl_vtpm_evidence **ret_ev,
                                                            struct cl_err *err);
/* The newest JSON form of this evidence. */
CL_NODISCARD enum cl_status cl_vtpm_evidence_to_json(const struct cl_vtpm_evidence *ev,
                                                     json_t **ret_j, struct cl_err *err);
/* The same of parts, whole or not: az-tdx-vtpm without a TD quote lacks that member. */
CL_NODISCARD enum cl_status cl_vtpm_parts_to_json(const struct cl_vtpm_parts *parts, json_t **ret_j,
                                                  struct cl_err *err);
/* Which of the forms this JSON has, by its members; NONE when it has none of them. A guess. */
enum cl_tee_class cl_vtpm_evidence_guess(const json_t *j);

enum cl_tee_class cl_vtpm_evidence_kind(const struct cl_vtpm_evidence *ev);
/* For az-snp-vtpm: the hardware report with its certificates, to which more may be added
 * (snp_evidence.h); NULL for other kinds. Borrowed. */
struct cl_snp_evidence *cl_vtpm_evidence_snp(struct cl_vtpm_evidence *ev);
/* For az-tdx-vtpm: the TD quote; NULL for other kinds. Borrowed. */
const struct cl_tdx_quote *cl_vtpm_evidence_tdx(const struct cl_vtpm_evidence *ev);

/* Of every kind: the quote, the values that came with it (only those that the quote selects prove
 * anything), and the SHA-256 of the SubjectPublicKeyInfo of the key that is said to have signed;
 * CL_ERR_MALFORMED when runtime data names no key. Borrowed. */
const struct cl_tpm_quote *cl_vtpm_evidence_quote(const struct cl_vtpm_evidence *ev);
const struct cl_tpm_pcrs *cl_vtpm_evidence_pcrs(const struct cl_vtpm_evidence *ev);
CL_NODISCARD enum cl_status cl_vtpm_evidence_ak(const struct cl_vtpm_evidence *ev,
                                                uint8_t ret[static 32], struct cl_err *err);

void cl_vtpm_evidence_free(struct cl_vtpm_evidence *ev);   /* NULL is fine */
void cl_vtpm_evidence_freep(struct cl_vtpm_evidence **ev); /* for CL_CLEANUP */

#endif
