/* SPDX-License-Identifier: Apache-2.0
 * tdx_internal.h - the parts of a quote, and the decoders that its verifier consists of.
 * Trust: everything reached from here is hostile. Threads: pure.
 */
#ifndef CL_ATTESTATION_TDX_INTERNAL_H
#define CL_ATTESTATION_TDX_INTERNAL_H

#include "cloister/tdx_quote.h"

#include <openssl/x509.h>

#define TDX_SIG_SIZE 64u   /* r || s, big-endian */
#define TDX_POINT_SIZE 64u /* x || y, big-endian */
#define TDX_QE_REPORT_SIZE 384u
#define TDX_CERT_MAX_SIZE 4096u /* bytes of one, in DER */

struct tdx_bytes { /* borrowed */
    const uint8_t *data;
    size_t len;
};

/* A QE's own report: an SGX report body. */
struct tdx_qe_report {
    uint8_t cpusvn[16];
    cl_le32 miscselect;
    uint8_t reserved_20[28];
    uint8_t attributes[16];
    uint8_t mrenclave[32];
    uint8_t reserved_96[32];
    uint8_t mrsigner[32];
    uint8_t reserved_160[96];
    cl_le16 isvprodid;
    cl_le16 isvsvn;
    uint8_t reserved_260[60];
    uint8_t report_data[64];
};

struct cl_tdx_quote {
    struct cl_tdx_header header;
    struct cl_tdx_td td;
    bool tdx15;
    struct tdx_bytes signed_part; /* header and body, as the attestation key signs them */
    const uint8_t *signature;     /* TDX_SIG_SIZE */
    const uint8_t *att_key;       /* TDX_POINT_SIZE */
    const uint8_t *qe_report_raw; /* TDX_QE_REPORT_SIZE */
    struct tdx_qe_report qe_report;
    const uint8_t *qe_signature; /* TDX_SIG_SIZE, by the PCK */
    struct tdx_bytes qe_auth;
    struct tdx_bytes pck_chain; /* PEM */
    size_t trailing;
    size_t len;
    uint8_t raw[]; /* the pointers point in here */
};

/* tdx_pem.c: the certificates of a quote's chain in DER, leaf first. Strict: each byte of the text
 * is accounted for, so that none can change unseen; one line feed and one NUL may stand at the end.
 */
struct tdx_chain_der {
    size_t count;
    size_t len[CL_TDX_QUOTE_MAX_CERTS];
    uint8_t der[CL_TDX_QUOTE_MAX_CERTS][TDX_CERT_MAX_SIZE];
};
CL_NODISCARD enum cl_status tdx_pem_decode(const uint8_t *text, size_t len,
                                           struct tdx_chain_der *ret_chain, struct cl_err *err);

/* Intel's extension of a PCK certificate (tdx.md a.8). */
struct tdx_pck_extension {
    uint8_t ppid[16];
    uint8_t comp_svn[CL_TDX_SVN_SIZE];
    uint16_t pcesvn;
    uint8_t cpusvn[CL_TDX_SVN_SIZE];
    uint8_t pceid[CL_TDX_PCEID_SIZE];
    uint8_t fmspc[CL_TDX_FMSPC_SIZE];
    uint8_t sgx_type;
    uint8_t platform_instance[CL_TDX_INSTANCE_SIZE];
    bool has_platform_instance;
};
CL_NODISCARD enum cl_status
tdx_pck_extension_parse(const X509 *x, struct tdx_pck_extension *ret_ext, struct cl_err *err);
/* By the common name of the issuer. */
enum cl_tdx_pck_ca tdx_pck_ca_of(const X509 *leaf);

bool tdx_all_zero(const void *p, size_t n);

#endif
