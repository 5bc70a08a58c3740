/* SPDX-License-Identifier: Apache-2.0
 * report.h - answers a guest's MSG_REPORT_REQ: a filled and signed report, and the certificates.
 * Trust: the request is hostile. Threads: one. Memory: the answer.
 * Spec: AMD 56860, MSG_REPORT_REQ; snp.md e.6; docs/interfaces.md I-3.2.
 */
#ifndef CL_SIM_PSP_REPORT_H
#define CL_SIM_PSP_REPORT_H

#include "launch.h"
#include "pki.h"

#define PSP_REPORT_REQ_SIZE 96u

struct psp_reporter {
    const struct psp_pki *pki;
    const struct psp_launch *launch;
    uint8_t report_id[32]; /* random for each VM */
    struct cl_buf certs;   /* AMD's certificate table, made once */
};

CL_NODISCARD enum cl_status psp_reporter_init(struct psp_reporter *r, const struct psp_pki *pki,
                                              const struct psp_launch *launch, struct cl_err *err);
void psp_reporter_done(struct psp_reporter *r); /* zeroed is fine */

/* Appends the body of the answer to out. A refusal is an answer too; an error is ours. */
CL_NODISCARD enum cl_status psp_report_answer(const struct psp_reporter *r, const uint8_t *body,
                                              size_t len, struct cl_buf *out, struct cl_err *err);

#endif
