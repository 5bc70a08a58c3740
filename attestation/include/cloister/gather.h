/* SPDX-License-Identifier: Apache-2.0
 * gather.h - asks the machine that this program runs on for evidence of itself.
 * Trust: kernel and device are what they are: whoever verifies decides. Here only form is checked,
 *        and that the answer carries the data that was asked for, so that a stale one is noticed.
 * Threads: one request at a time for each directory or device. Memory: the answer.
 * Spec: snp.md a.9, tdx.md d and e.3; Linux Documentation/ABI/testing/configfs-tsm-report.
 */
#ifndef CLOISTER_GATHER_H
#define CLOISTER_GATHER_H

#include "base/buf.h"
#include "cloister/tpm_quote.h"

#include <jansson.h>

#define CL_REPORT_DATA_SIZE 64u
#define CL_GATHER_MAX_BLOB (1u << 20) /* bytes of one answer of the kernel */

/* ---- configfs-tsm, for SNP and TDX ---- */

#define CL_TSM_ROOT "/sys/kernel/config/tsm/report"

struct cl_tsm_report {    /* zeroed is fine */
    char provider[32];    /* "sev_guest", "tdx_guest" */
    struct cl_buf report; /* outblob: an SNP report or a TDX quote */
    struct cl_buf certs;  /* auxblob: AMD's certificate table; empty when there is none */
};
void cl_tsm_report_done(struct cl_tsm_report *r);

/* One report through a directory of its own under root (CL_TSM_ROOT; a test has another one).
 * Asks again when another writer came between, and when the host was busy.
 * Returns CL_OK; CL_ERR_SYS with sys_errno (ENOENT: the kernel has no configfs-tsm);
 *         CL_ERR_UNAVAILABLE when it stayed busy or kept changing. */
CL_NODISCARD enum cl_status cl_tsm_get(const char *root,
                                       const uint8_t report_data[static CL_REPORT_DATA_SIZE],
                                       struct cl_tsm_report *ret_r, struct cl_err *err);

/* ---- /dev/sev-guest, for kernels before configfs-tsm ---- */

#define CL_SEV_GUEST_DEVICE "/dev/sev-guest"

/* An extended report: the bare 1184 bytes, and AMD's certificate table, which is empty where the
 * host has none, or one that is larger than the driver takes (16 KiB). Returns as cl_tsm_get(). */
CL_NODISCARD enum cl_status cl_sev_guest_get(const char *device,
                                             const uint8_t report_data[static CL_REPORT_DATA_SIZE],
                                             struct cl_buf *ret_report, struct cl_buf *ret_certs,
                                             struct cl_err *err);

/* ---- /dev/tdx_guest, for kernels before configfs-tsm ---- */

#define CL_TDX_GUEST_DEVICE "/dev/tdx_guest"

/* A TDREPORT (CL_TDX_REPORT_SIZE bytes), which only the platform that made it can verify: it is no
 * quote, and what a quoting service would make one of.
 * Returns CL_OK; CL_ERR_SYS with sys_errno (ENOENT: no such device); what cl_tdx_report_decode()
 *         says of the answer; CL_ERR_MALFORMED when it carries other data than was asked for */
CL_NODISCARD enum cl_status cl_tdx_guest_get(const char *device,
                                             const uint8_t report_data[static CL_REPORT_DATA_SIZE],
                                             struct cl_buf *ret_report, struct cl_err *err);

/* ---- a TD's runtime registers ---- */

#define CL_TDX_MEASUREMENTS "/sys/devices/virtual/misc/tdx_guest/measurements"

/* RTMR[rtmr] = SHA-384(RTMR[rtmr] || digest), by the kernel's file for it below `root` (Linux 6.16,
 * CL_TDX_MEASUREMENTS), or where it has none by the request that Intel's own driver has.
 * rtmr     2 or 3: the others are the firmware's
 * Returns  CL_OK; CL_ERR_UNAVAILABLE when this kernel has neither; CL_ERR_SYS */
CL_NODISCARD enum cl_status cl_tdx_rtmr_extend(const char *root, const char *device, unsigned rtmr,
                                               const uint8_t digest[static 48], struct cl_err *err);

/* ---- as brokers take it (kbs-protocol.md 13) ---- */

#define CL_CCEL_PATH "/sys/firmware/acpi/tables/data/CCEL"

/* The firmware's event log of a TD, appended to out. Nothing is appended where there is none, which
 * is no error. CL_ERR_SYS; CL_ERR_MALFORMED for more than CL_TDX_EVENT_LOG_MAX_SIZE bytes. */
CL_NODISCARD enum cl_status cl_ccel_read(const char *path, struct cl_buf *out, struct cl_err *err);

/* An SNP report and the certificate table beside it (empty: none), each hostile.
 * *ret_j   owned
 * Returns  CL_OK; what cl_snp_evidence_from_report(), _add_table() and _to_json() return */
CL_NODISCARD enum cl_status cl_snp_gathered_json(const struct cl_buf *report,
                                                 const struct cl_buf *certs, json_t **ret_j,
                                                 struct cl_err *err);
/* A quote and the event log of its TD (empty: none), which are not looked at. *ret_j: owned. */
CL_NODISCARD enum cl_status cl_tdx_gathered_json(const struct cl_buf *quote,
                                                 const struct cl_buf *log, json_t **ret_j,
                                                 struct cl_err *err);

/* ---- a TPM; in the library cl_gather, which needs tpm2-tss ---- */

struct TSS2_TCTI_OPAQUE_CONTEXT_BLOB; /* tpm2-tss' TSS2_TCTI_CONTEXT */
struct cl_vtpm_evidence;
struct cl_vtpm_parts;

#define CL_TPM_DEVICE "/dev/tpmrm0"

enum cl_tpm_key_kind { CL_TPM_KEY_RSA = 0, CL_TPM_KEY_ECC }; /* RSASSA-2048; ECDSA P-256 */

struct cl_tpm_request { /* all zero: all of bank sha256, an RSA key; nonce empty */
    const uint8_t *nonce;
    size_t nonce_len; /* at most CL_REPORT_DATA_SIZE */
    struct cl_tpm_selection selection;
    enum cl_tpm_key_kind key; /* of a key that is made; Azure's is there already */
    /* Behind a paravisor: have it put the nonce, padded with zeros, into its report as user-data
     * (evidence of version 2), by writing it to an NV index of the TPM, and wait that long for the
     * report that has it. 0: not asked for. */
    unsigned user_data_timeout_ms;
    /* Behind a paravisor on TDX: the quote of the TDREPORT in its report, which no one can make
     * without the cloud's metadata service; or NULL. Borrowed. */
    const struct cl_buf *td_quote;
};

/* A quote. Where the TPM holds a paravisor's report it is by the paravisor's key, with that report:
 * class az-snp-vtpm, without a VCEK, which is for the verifier to find; or az-tdx-vtpm. Else it is
 * by a restricted key that is made under the endorsement hierarchy, the same one each time for one
 * TPM.
 * tcti     how to reach the TPM, borrowed; NULL: CL_TPM_DEVICE
 * Returns  CL_OK; CL_ERR_SYS with ENOENT (no TPM); CL_ERR_UNAVAILABLE when the TPM refuses, when
 *          the report did not get the user-data in time, and for az-tdx-vtpm without td_quote;
 *          CL_ERR_REJECTED when td_quote is of another report */
CL_NODISCARD enum cl_status cl_tpm_gather(struct TSS2_TCTI_OPAQUE_CONTEXT_BLOB *tcti,
                                          const struct cl_tpm_request *request,
                                          struct cl_vtpm_evidence **ret_ev, struct cl_err *err);

/* The same, as parts, which for az-tdx-vtpm without td_quote are not whole: what is there can be
 * written, and the TDREPORT in the report be made a quote. Free with cl_vtpm_parts_done(). */
CL_NODISCARD enum cl_status cl_tpm_gather_parts(struct TSS2_TCTI_OPAQUE_CONTEXT_BLOB *tcti,
                                                const struct cl_tpm_request *request,
                                                struct cl_vtpm_parts *ret_parts,
                                                struct cl_err *err);

/* `cloister evidence` (base/cmd.h): "gather evidence about this machine" */
int cl_cmd_evidence(int argc, char **argv);

#endif
