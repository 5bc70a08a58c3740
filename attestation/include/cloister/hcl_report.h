/* SPDX-License-Identifier: Apache-2.0
 * hcl_report.h - the report that Azure's paravisor keeps in a virtual TPM: a hardware report, and
 * the runtime data that its REPORT_DATA binds, among which the key of the TPM's quotes.
 * Trust: every byte is hostile until the hardware report is genuine and binds the runtime data.
 * Threads: pure. Memory: a parsed report borrows its input; claims own a key.
 * Spec: tdx.md e.1.
 */
#ifndef CLOISTER_HCL_REPORT_H
#define CLOISTER_HCL_REPORT_H

#include "base/err.h"
#include "cloister/verify.h"

struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

#define CL_HCL_MAX_SIZE 16384u     /* bytes; 2600 and 2048 are seen */
#define CL_HCL_HARDWARE_SIZE 1184u /* an SNP report, or a TDREPORT with zeros behind it */
#define CL_HCL_TDREPORT_SIZE 1024u
#define CL_HCL_USER_DATA_SIZE 64u

enum cl_hcl_hardware { CL_HCL_SNP = 2, CL_HCL_TDX = 4 };

struct cl_hcl_report { /* pointers into the input */
    uint32_t version;
    enum cl_hcl_hardware hardware_type;
    uint16_t hash;           /* enum cl_tpm_alg: over the runtime data */
    const uint8_t *hardware; /* CL_HCL_HARDWARE_SIZE bytes */
    const uint8_t *runtime;  /* JSON */
    size_t runtime_len;
};

/* Parses the structure; all padding must be zero, so every bit that is not the hardware report's or
 * the runtime data's is decided here. CL_ERR_UNSUPPORTED for a version or kind we do not know. */
CL_NODISCARD enum cl_status cl_hcl_report_parse(const uint8_t *data, size_t len,
                                                struct cl_hcl_report *ret_r, struct cl_err *err);

/* Does this REPORT_DATA bind the runtime data: its hash, then zeros? `ret_hash` gets what the first
 * bytes must be, zeros behind. */
CL_NODISCARD enum cl_status cl_hcl_report_binding(const struct cl_hcl_report *r,
                                                  const uint8_t report_data[static 64],
                                                  uint8_t ret_hash[static 64], bool *ret_bound,
                                                  struct cl_err *err);

struct cl_hcl_claims {
    struct evp_pkey_st *ak;       /* HCLAkPub; owned */
    enum cl_tristate secure_boot; /* UNKNOWN: not said */
    enum cl_tristate tpm_enabled;
    bool has_user_data;
    uint8_t user_data[CL_HCL_USER_DATA_SIZE];
    char vm_id[64]; /* vmUniqueId; empty when not said or not plain */
};

/* Parses the runtime data: exactly one key HCLAkPub, RSA. Free with cl_hcl_claims_done(). */
CL_NODISCARD enum cl_status cl_hcl_claims_parse(const uint8_t *json, size_t len,
                                                struct cl_hcl_claims *ret_c, struct cl_err *err);
void cl_hcl_claims_done(struct cl_hcl_claims *c); /* zeroed is fine */

#endif
