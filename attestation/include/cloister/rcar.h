/* SPDX-License-Identifier: Apache-2.0
 * rcar.h - what the RCAR handshake binds into the hardware report: the canonical text of nonce, TEE
 * key and additional evidence, and its SHA-384 as REPORT_DATA (kbs-protocol.md 5). Client and
 * broker share these few functions so that they cannot disagree.
 */
#ifndef CLOISTER_RCAR_H
#define CLOISTER_RCAR_H

#include "base/buf.h"
#include "cloister/jwk.h"

#define CL_RCAR_REPORT_DATA_SIZE 64u
#define CL_RCAR_MAX_NONCE 256u
#define CL_RCAR_MAX_ADDITIONAL (64u << 10)

enum cl_rcar_version { CL_RCAR_0_4_0, CL_RCAR_0_2_0 };

/* "0.4.0" and "0.2.0", build metadata ("+x") ignored. Everything else is CL_ERR_UNSUPPORTED. */
CL_NODISCARD enum cl_status cl_rcar_version_parse(const char *text, enum cl_rcar_version *ret_v,
                                                  struct cl_err *err);
const char *cl_rcar_version_text(enum cl_rcar_version v);

/* Appends the RFC 8785 text that is hashed. additional: the additional-evidence string, "" when
 * there are no devices; not used in 0.2.0. */
CL_NODISCARD enum cl_status cl_rcar_runtime_text(enum cl_rcar_version v, const char *nonce,
                                                 const struct cl_jwk *tee_key,
                                                 const char *additional, struct cl_buf *out,
                                                 struct cl_err *err);
/* SHA-384 of that text and 16 zero bytes. */
CL_NODISCARD enum cl_status cl_rcar_report_data(enum cl_rcar_version v, const char *nonce,
                                                const struct cl_jwk *tee_key,
                                                const char *additional,
                                                uint8_t ret[static CL_RCAR_REPORT_DATA_SIZE],
                                                struct cl_err *err);

#endif
