/* SPDX-License-Identifier: Apache-2.0
 * tpm_session.h - one conversation with a TPM through tpm2-tss.
 */
#ifndef CL_ATTESTATION_TPM_SESSION_H
#define CL_ATTESTATION_TPM_SESSION_H

#include "cloister/gather.h"

#include <tss2/tss2_esys.h>

struct tpm_session { /* zeroed is fine */
    ESYS_CONTEXT *esys;
    TSS2_TCTI_CONTEXT *own_tcti; /* NULL when the caller brought one */
    ESYS_TR key;                 /* what quotes */
    bool key_is_made;            /* and is flushed again */
};

/* tcti: borrowed, or NULL for CL_TPM_DEVICE. */
CL_NODISCARD enum cl_status tpm_session_open(struct tpm_session *s, TSS2_TCTI_CONTEXT *tcti,
                                             struct cl_err *err);
void tpm_session_done(struct tpm_session *s);

/* CL_OK for success; else CL_ERR_UNAVAILABLE with what the TPM answered. */
CL_NODISCARD enum cl_status tpm_answer(TSS2_RC rc, const char *what, struct cl_err *err);

/* A persistent object or NV index of that handle; ESYS_TR_NONE when the TPM has none. */
ESYS_TR tpm_session_find(struct tpm_session *s, TPM2_HANDLE handle);
/* Makes the restricted signing key under the endorsement hierarchy. */
CL_NODISCARD enum cl_status tpm_session_make_key(struct tpm_session *s, enum cl_tpm_key_kind kind,
                                                 struct cl_err *err);
/* The public area of s->key, marshalled as TPM2B_PUBLIC. */
CL_NODISCARD enum cl_status tpm_session_key_area(struct tpm_session *s, struct cl_buf *out,
                                                 struct cl_err *err);
/* A whole NV index, with the owner's (empty) authorization. */
CL_NODISCARD enum cl_status tpm_session_read_nv(struct tpm_session *s, ESYS_TR nv, size_t max,
                                                struct cl_buf *out, struct cl_err *err);
/* Writes a whole NV index of that size with the owner's (empty) authorization; made where there is
 * none. */
CL_NODISCARD enum cl_status tpm_session_write_nv(struct tpm_session *s, TPM2_HANDLE handle,
                                                 const uint8_t *data, size_t len,
                                                 struct cl_err *err);
/* The registers of a selection. CL_ERR_UNAVAILABLE when the TPM lacks one of its banks. */
CL_NODISCARD enum cl_status tpm_session_read_pcrs(struct tpm_session *s,
                                                  const struct cl_tpm_selection *selection,
                                                  struct cl_tpm_pcrs *ret_pcrs, struct cl_err *err);
/* A quote of s->key: message is the TPMS_ATTEST, signature the TPMT_SIGNATURE, marshalled. */
CL_NODISCARD enum cl_status tpm_session_quote(struct tpm_session *s,
                                              const struct cl_tpm_request *request,
                                              struct cl_buf *message, struct cl_buf *signature,
                                              struct cl_err *err);

#endif
