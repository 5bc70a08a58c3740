/* SPDX-License-Identifier: Apache-2.0
 * vtpm_verify.h - decides whether a TPM quote is genuine and what we expected, and whether hardware
 * vouches for the key that signed it.
 *
 * What each part proves: the hardware report, that the paravisor of a known measurement runs in
 * encrypted memory and chose the runtime data; the runtime data, which key signs the quotes of its
 * TPM; the quote, what booted. So evidence of the az classes is accepted only when the measurement
 * *and* registers were compared: with the one alone, any guest of that cloud would do, with the
 * other alone, any paravisor.
 *
 * Trust: the evidence is hostile; the policy is the caller's. Classes az-snp-vtpm and az-tdx-vtpm
 * need a hardware report that is authentic under a root pinned in this library. Class tpm is
 * authentic only by a key that the policy names, and says nothing of encrypted memory.
 * Threads: pure; no network. Memory: one result. Spec: tdx.md e.1, e.2.
 */
#ifndef CLOISTER_VTPM_VERIFY_H
#define CLOISTER_VTPM_VERIFY_H

#include "cloister/snp_verify.h"
#include "cloister/tdx_verify.h"
#include "cloister/tpm_event_log.h"
#include "cloister/vtpm_evidence.h"

struct cl_tpm_pcr_value { /* what a register must hold; several for one register: either */
    uint16_t alg;         /* the bank's hash */
    uint32_t index;
    uint8_t value[CL_TPM_DIGEST_MAX]; /* cl_tpm_hash_size(alg) bytes */
};

struct cl_tpm_ak_id {            /* an attestation key that the policy trusts: */
    size_t len;                  /* 32: by the SHA-256 of its SubjectPublicKeyInfo in DER; */
    uint8_t id[CL_TPM_NAME_MAX]; /* 34 and more: by its TPM name, which covers its attributes too */
};

struct cl_vtpm_policy { /* all zero: the strict default, which accepts nothing; pointers borrowed */
    int64_t time;       /* when to verify, seconds since 1970 */
    const uint8_t
        *nonce; /* what the quote's qualifying data must be, exactly; NULL: not compared */
    size_t nonce_len;
    const struct cl_tpm_pcr_value *pcrs;
    size_t pcr_count;
    struct cl_tpm_selection required; /* registers that must be quoted, whatever they hold */
    /* To replay against the quoted registers, or NULL. It alone says nothing: values are compared
     * with pcrs. A register that it does not lead to is a rejection; only one from 8 on that it
     * does not speak of at all is a warning, for the running system extends those. */
    const struct cl_tpm_event_log *event_log;
    /* Digests of the events of some registers, each register's in order: the log must be there, and
     * have these and no others; the register must be quoted. */
    const struct cl_tpm_pcr_value *events;
    size_t event_count;
    const uint8_t *initdata_digest; /* 32 bytes, bound by PCR 8 of bank sha256, or NULL */
    const struct cl_tpm_ak_id *aks; /* for class tpm */
    size_t ak_count;
    /* az: measurements of paravisors, of 48 bytes, besides the references below; or NULL. */
    const struct cl_policy_list *paravisors;
    enum cl_tee_class require_class; /* NONE: any of the three */
    bool class_refused;              /* there is a policy, and it has no section of this class */
    /* az-snp-vtpm: what its SNP report must be. References count when their class is
     * az-snp-vtpm. Time, VMPL (0), REPORT_DATA (the paravisor's), classes and roots stand here in
     * vain: this verification decides them. */
    struct cl_snp_policy snp;
    /* az-tdx-vtpm: the same for its TD quote, with references of class az-tdx-vtpm. Of its rules,
     * those about the platform hold; who the TD is, event logs and SEPT_VE_DISABLE stand in vain.
     */
    struct cl_tdx_policy tdx;
    const struct cl_tdx_verifier *tdx_verifier; /* with its collateral, or NULL */
    bool require_secure_boot;                   /* az: the paravisor's word for it */
    bool require_user_data; /* az: user-data begins with the nonce, also in forms before 2 */
    bool authenticity_only; /* accept authentic evidence that is compared with nothing */
};

/* Verifies. CL_OK with a result also when the verdict is `rejected`; an error only when
 * verification could not be carried out. The checks are the hardware's ("snp.*", "tdx.*"), then
 * "hcl.*" and "tpm.*". ret_tcb: of az-tdx-vtpm, else zeroed; may be NULL. */
CL_NODISCARD enum cl_status cl_vtpm_verify(const struct cl_vtpm_evidence *ev,
                                           const struct cl_vtpm_policy *policy,
                                           struct cl_verify_result **ret_result,
                                           struct cl_tdx_tcb *ret_tcb, struct cl_err *err);

/* The hardware's claims with "hcl" and "tpm" beside them. tcb: what cl_vtpm_verify() gave; used for
 * az-tdx-vtpm only. */
CL_NODISCARD enum cl_status cl_vtpm_verify_claims(const struct cl_vtpm_evidence *ev,
                                                  const struct cl_verify_result *result,
                                                  const struct cl_tdx_tcb *tcb, json_t **ret_claims,
                                                  struct cl_err *err);

#endif
