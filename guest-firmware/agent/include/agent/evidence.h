/* SPDX-License-Identifier: Apache-2.0
 * evidence.h - what the guest can show of itself: a report or quote over the broker's challenge, in
 * the form that brokers take, and the field of it that the launch fixed for initdata.
 * Trust: the kernel and, through it, the processor. What passes the host on its way is hostile: the
 *        certificate table beside a report, a whole quote, all of what class sim's processor says.
 *        So a report or quote must be of the class that was decided, well formed, and over the data
 *        that was asked for; initdata's field is taken from what the processor gives the kernel
 *        itself, never from a quote, and a quote must be of the same TD.
 * Threads: calls are independent; two at once wait for each other in the kernel.
 * Memory: one answer, at most CL_GATHER_MAX_BLOB.
 * Spec: snp.md e, tdx.md d, kbs-protocol.md 13; docs/interfaces.md I-3.2, I-4.7.
 */
#ifndef AGENT_EVIDENCE_H
#define AGENT_EVIDENCE_H

#include "agent/runtime_log.h"
#include "agent/tee.h"
#include "base/buf.h"
#include "cloister/gather.h"
#include "cloister/tdx_quote.h"

#define AGENT_LAUNCH_FIELD_MAX 48u

struct agent_evidence {                /* borrowed for as long as it is used */
    enum agent_tee tee;                /* decided before; never found out here */
    const char *tsm_root;              /* CL_TSM_ROOT */
    const char *sev_guest;             /* CL_SEV_GUEST_DEVICE: where there is no configfs-tsm */
    const char *tdx_guest;             /* CL_TDX_GUEST_DEVICE */
    const char *ccel;                  /* CL_CCEL_PATH */
    const char *measurements;          /* CL_TDX_MEASUREMENTS */
    struct agent_runtime_log *runtime; /* NULL: nothing is measured while the guest runs */
    /* Class sim: a connection to the simulated processor (I-3.2). */
    enum cl_status (*dial_sim)(void *ctx, int *ret_fd, struct cl_err *err);
    void *ctx;
};

/* "snp" or "tdx": the form of the evidence, which is also the protocol's name. Class sim has that
 * of snp. */
const char *agent_evidence_form(enum agent_tee tee);

/* HOST_DATA (32 bytes) or MRCONFIGID (48), as the processor reports it now.
 * Returns  CL_OK; CL_ERR_REJECTED (an answer to another question); CL_ERR_MALFORMED and its kin;
 *          CL_ERR_UNAVAILABLE, CL_ERR_SYS */
CL_NODISCARD enum cl_status
agent_evidence_launch_field(const struct agent_evidence *e,
                            uint8_t ret_field[static AGENT_LAUNCH_FIELD_MAX], size_t *ret_size,
                            struct cl_err *err);

/* The evidence as a broker takes it, as JSON text appended to out. Statuses as above. */
CL_NODISCARD enum cl_status agent_evidence_json(const struct agent_evidence *e,
                                                const uint8_t report_data[static 64],
                                                struct cl_buf *out, struct cl_err *err);

/* What the TDX module says of this TD: by a call that the host has no part in. */
CL_NODISCARD enum cl_status agent_evidence_td(const struct agent_evidence *e,
                                              const uint8_t report_data[static 64],
                                              struct cl_tdx_td *ret_td, struct cl_err *err);

/* evidence_sim.c: report and certificate table of the simulated processor, neither looked at. */
CL_NODISCARD enum cl_status agent_evidence_sim(const struct agent_evidence *e,
                                               const uint8_t report_data[static 64],
                                               struct cl_buf *ret_report, struct cl_buf *ret_certs,
                                               struct cl_err *err);

#endif
