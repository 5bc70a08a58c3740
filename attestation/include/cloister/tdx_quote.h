/* SPDX-License-Identifier: Apache-2.0
 * tdx_quote.h - a TDX quote and a TDREPORT, decoded: what the TD and its platform say of
 * themselves, and whose certificate vouches for it. Nothing here is believed before
 * cl_tdx_verify() says so.
 * Trust: every byte is hostile. Threads: a quote is immutable once parsed.
 * Memory: one allocation, a copy of the input, at most CL_TDX_QUOTE_MAX_SIZE.
 * Spec: Intel TDX DCAP quoting library API, appendix A.3 (quote 4) and A.4 (quote 5); tdx.md a.1
 * to a.8.
 */
#ifndef CLOISTER_TDX_QUOTE_H
#define CLOISTER_TDX_QUOTE_H

#include "base/buf.h"
#include "base/bytes.h"

#include <jansson.h>

#define CL_TDX_QUOTE_MAX_SIZE (64u << 10) /* bytes */
#define CL_TDX_QUOTE_MAX_CERTS 4u
#define CL_TDX_REPORT_SIZE 1024u /* bytes of a TDREPORT */
#define CL_TDX_MR_SIZE 48u
#define CL_TDX_RTMR_COUNT 4u
#define CL_TDX_REPORT_DATA_SIZE 64u
#define CL_TDX_SVN_SIZE 16u
#define CL_TDX_FMSPC_SIZE 6u
#define CL_TDX_PCEID_SIZE 2u
#define CL_TDX_INSTANCE_SIZE 16u

/* What a TD report says, exactly as it stands in a quote of body type 3 (TDX 1.5); in one of type 2
 * (TDX 1.0) it ends before tee_tcb_svn2, and the rest is zero here. */
struct cl_tdx_td {
    uint8_t tee_tcb_svn[CL_TDX_SVN_SIZE]; /* 0: module SVN, 1: module major version, 2: microcode */
    uint8_t mrseam[CL_TDX_MR_SIZE];
    uint8_t mrsignerseam[CL_TDX_MR_SIZE];
    cl_le64 seam_attributes;
    cl_le64 td_attributes;
    cl_le64 xfam;
    uint8_t mrtd[CL_TDX_MR_SIZE];
    uint8_t mrconfigid[CL_TDX_MR_SIZE];
    uint8_t mrowner[CL_TDX_MR_SIZE];
    uint8_t mrownerconfig[CL_TDX_MR_SIZE];
    uint8_t rtmr[CL_TDX_RTMR_COUNT][CL_TDX_MR_SIZE];
    uint8_t report_data[CL_TDX_REPORT_DATA_SIZE];
    uint8_t tee_tcb_svn2[CL_TDX_SVN_SIZE]; /* of the module that is loaded now */
    uint8_t mrservicetd[CL_TDX_MR_SIZE];
};

struct cl_tdx_header {
    uint16_t version;      /* 4 or 5 */
    uint16_t att_key_type; /* 2: ECDSA P-256 */
    uint32_t tee_type;     /* 0x81 */
    uint8_t reserved[4];
    uint8_t qe_vendor_id[16];
    uint8_t user_data[20];
};

struct cl_tdx_quote; /* opaque */

/* data, len   borrowed for the call only; 1..CL_TDX_QUOTE_MAX_SIZE bytes. Bytes behind the quote
 *             are allowed, as those who pad it need, and counted.
 * Returns     CL_OK; CL_ERR_TRUNCATED or CL_ERR_MALFORMED with err->offset set; CL_ERR_UNSUPPORTED
 *             for what is no TDX quote of version 4 or 5 (an SGX quote, another key type, another
 *             kind of certification data); CL_ERR_NOMEM */
CL_NODISCARD enum cl_status cl_tdx_quote_parse(const uint8_t *data, size_t len,
                                               struct cl_tdx_quote **ret_quote, struct cl_err *err);
void cl_tdx_quote_free(struct cl_tdx_quote *quote); /* NULL is fine */
void cl_tdx_quote_freep(struct cl_tdx_quote **quote);

const struct cl_tdx_header *cl_tdx_quote_header(const struct cl_tdx_quote *quote); /* borrowed */
const struct cl_tdx_td *cl_tdx_quote_td(const struct cl_tdx_quote *quote);         /* borrowed */
bool cl_tdx_quote_is_tdx15(const struct cl_tdx_quote *quote); /* tee_tcb_svn2 is there */
size_t cl_tdx_quote_trailing(const struct cl_tdx_quote *quote);
/* A first guess for programs that know several kinds of evidence: does it begin like a quote of any
 * version and TEE? */
bool cl_tdx_quote_detect(const uint8_t *data, size_t len);

/* Which of Intel's two CAs issues the platform's certificates: how its CRL is named. */
enum cl_tdx_pck_ca { CL_TDX_PCK_CA_UNKNOWN = 0, CL_TDX_PCK_CA_PLATFORM, CL_TDX_PCK_CA_PROCESSOR };

/* What the PCK certificate in the quote says; unverified: enough to know which collateral to get.
 */
struct cl_tdx_platform {
    uint8_t fmspc[CL_TDX_FMSPC_SIZE];
    uint8_t pceid[CL_TDX_PCEID_SIZE];
    enum cl_tdx_pck_ca ca;
    bool has_instance; /* only the Platform CA's certificates name the machine itself */
    uint8_t instance[CL_TDX_INSTANCE_SIZE];
};
CL_NODISCARD enum cl_status cl_tdx_quote_platform(const struct cl_tdx_quote *quote,
                                                  struct cl_tdx_platform *ret_platform,
                                                  struct cl_err *err);
/* The certificates that the quote brings, in DER and in its order: the PCK's, its issuer's, the
 * root's. Unverified: to be shown. ret_certs: zeroed buffers; the caller owns what is in them, also
 * after an error. Returns CL_OK; CL_ERR_MALFORMED, CL_ERR_TRUNCATED; CL_ERR_NOMEM. */
CL_NODISCARD enum cl_status
cl_tdx_quote_certs(const struct cl_tdx_quote *quote,
                   struct cl_buf ret_certs[static CL_TDX_QUOTE_MAX_CERTS], size_t *ret_count,
                   struct cl_err *err);
const char *cl_tdx_pck_ca_name(enum cl_tdx_pck_ca ca); /* "platform", "processor", "unknown" */

/* A TDREPORT (TDG.MR.REPORT), which only the platform that made it can verify (its MAC): trusted
 * where it was asked for, never from afar. Its two inner digests and its reserved bytes are
 * checked.
 * data, len   CL_TDX_REPORT_SIZE bytes, borrowed
 * Returns     CL_OK; CL_ERR_TRUNCATED, CL_ERR_MALFORMED; CL_ERR_UNSUPPORTED (an SGX report) */
CL_NODISCARD enum cl_status cl_tdx_report_decode(const uint8_t *data, size_t len,
                                                 struct cl_tdx_td *ret_td, bool *ret_tdx15,
                                                 struct cl_err *err);

/* Every field under its specification name (tee_tcb_svn2 and mrservicetd only with tdx15), added to
 * the object `claims`, as hex of the bytes on the wire. */
CL_NODISCARD enum cl_status cl_tdx_td_claims(const struct cl_tdx_td *td, bool tdx15, json_t *claims,
                                             struct cl_err *err);

#endif
