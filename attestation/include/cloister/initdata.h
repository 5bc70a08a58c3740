/* SPDX-License-Identifier: Apache-2.0
 * initdata.h - initdata: what a guest will run and whom it will trust, one TOML document in CoCo's
 * format whose SHA-256 the hardware carries (HOST_DATA, MRCONFIGID).
 * Trust: in the guest the bytes are the host's until cl_initdata_verify() found their digest to be
 *        the measured one; only then may they be parsed. The parser is strict all the same: an
 *        unknown key is an error, for it would be a wish that nobody fulfils.
 * Threads: no shared state. Memory: bounded by CL_INITDATA_MAX_SIZE.
 * Spec: coco-guest.md 7, docs/interfaces.md I-5.
 */
#ifndef CLOISTER_INITDATA_H
#define CLOISTER_INITDATA_H

#include "base/buf.h"
#include "base/digest.h"
#include "oci/strv.h"

#include <stdbool.h>

struct cl_pod_policy;

#define CL_INITDATA_MAX_SIZE (1u << 20)
#define CL_INITDATA_FIELD_MAX 48u
#define CL_INITDATA_MAX_ARGS 1024u
#define CL_INITDATA_MAX_ARG 65536u

struct cl_initdata {
    /* "aa.toml"; both NULL or both set. A document with encryption = "required" has them. */
    char *kbs_url;  /* owned; "https://host:port" */
    char *kbs_cert; /* owned; PEM of the one certificate the broker must present */
    /* "pod-policy.json": when set, all that follows is zero, and there is no "cloister.toml". */
    char *pod_policy;          /* owned; its text, which is what counts; NULL: none */
    struct cl_pod_policy *pod; /* owned; the same as parsed. cl_initdata_make() does not need it */
    /* [image] */
    uint8_t manifest[CL_SHA256_SIZE]; /* of the platform manifest */
    bool encryption_required;
    /* [container] */
    bool has_command; /* false: entry point and command of the image */
    struct cl_strv command;
    struct cl_strv env; /* "NAME=value", added to the image's */
    char *workdir;      /* owned; NULL: the image's */
    char *user;         /* owned; NULL: the image's */
    bool terminal;
    bool stdin_allowed; /* absent keys are false: nothing is carried that was not asked for */
    bool stdout_allowed;
    bool stderr_allowed;
};

void cl_initdata_done(struct cl_initdata *i); /* zeroed is fine */

/* SHA-256 over the exact bytes. */
CL_NODISCARD enum cl_status cl_initdata_digest(const void *data, size_t len,
                                               uint8_t ret[static CL_SHA256_SIZE],
                                               struct cl_err *err);
/* The field of `size` bytes in which a digest stands at launch: cut, or with zeros behind it
 * (HOST_DATA has 32 bytes, MRCONFIGID 48). */
void cl_initdata_fit(uint8_t *ret, size_t size, const uint8_t *digest, size_t len);
/* CL_OK when the digest of the bytes, fitted, is the launch's field, and that is not all zero; else
 * CL_ERR_REJECTED "initdata: digest: expected .., got ..". size: 32 to CL_INITDATA_FIELD_MAX. */
CL_NODISCARD enum cl_status cl_initdata_verify(const void *data, size_t len, const uint8_t *field,
                                               size_t size, struct cl_err *err);
/* CL_ERR_MALFORMED, CL_ERR_UNSUPPORTED (version, algorithm, encryption word we do not know). */
CL_NODISCARD enum cl_status cl_initdata_parse(const void *data, size_t len, struct cl_initdata *ret,
                                              struct cl_err *err);
/* The TOML text; what it gives parses to an equal struct (checked before it is handed out). */
CL_NODISCARD enum cl_status cl_initdata_make(const struct cl_initdata *i, struct cl_buf *out,
                                             struct cl_err *err);
bool cl_initdata_equal(const struct cl_initdata *a, const struct cl_initdata *b);
/* Host and port of kbs_url. ret_host holds 256 bytes. */
CL_NODISCARD enum cl_status cl_initdata_broker(const struct cl_initdata *i,
                                               char ret_host[static 256], uint16_t *ret_port,
                                               struct cl_err *err);

#endif
