/* SPDX-License-Identifier: Apache-2.0
 * rcar_msg.h - the bodies of /auth and /attest, and the protocol's errors (kbs-protocol.md 3 to 6).
 * Trust: bodies are hostile. Only the form is judged here.
 */
#ifndef CL_BROKER_RCAR_MSG_H
#define CL_BROKER_RCAR_MSG_H

#include "base/json.h"
#include "cloister/rcar.h"
#include "family.h"

#define CL_RCAR_MAX_BODY (2u << 20)

struct cl_auth_request {
    enum cl_rcar_version version;
    const struct cl_family *family; /* of the TEE it names */
};
/* CL_ERR_UNSUPPORTED for a version or TEE that we do not serve. */
CL_NODISCARD enum cl_status cl_auth_request_parse(const void *data, size_t len,
                                                  struct cl_auth_request *ret, struct cl_err *err);

struct cl_attest_request {
    enum cl_rcar_version version; /* told by the form of the body */
    json_t *body;                 /* owned; everything below is borrowed from it */
    struct cl_jwk *tee_key;       /* owned */
    const char *nonce;            /* NULL in 0.2.0 */
    const json_t *primary;        /* evidence */
    const char *additional;       /* "" when there is none */
    const char *initdata;         /* TOML text; NULL when none was sent */
    size_t initdata_len;
};
CL_NODISCARD enum cl_status cl_attest_request_parse(const void *data, size_t len,
                                                    struct cl_attest_request *ret,
                                                    struct cl_err *err);
void cl_attest_request_done(struct cl_attest_request *r);

/* The digest of this initdata text by its own `algorithm`: 32, 48 or 64 bytes. */
CL_NODISCARD enum cl_status cl_initdata_text_digest(const char *text, size_t len,
                                                    uint8_t ret[static CL_INITDATA_DIGEST_MAX],
                                                    size_t *ret_len, struct cl_err *err);

/* {"type":".../<name>","detail":"<detail>"} */
CL_NODISCARD enum cl_status cl_rcar_error(const char *name, const char *detail, struct cl_buf *out,
                                          struct cl_err *err);

#endif
