/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify.h - options of `cloister verify`, the families of evidence it knows, and the reading
 * of files that they share. A family is one table entry and one file, cmd_verify_<family>.c.
 */
#ifndef CL_ATTESTATION_CMD_VERIFY_H
#define CL_ATTESTATION_CMD_VERIFY_H

#include "base/buf.h"
#include "cloister/collateral.h"
#include "cloister/corim.h"
#include "cloister/distrust.h"
#include "cloister/html_report.h"
#include "cloister/snp_verify.h"
#include "cloister/tdx_verify.h"
#include "cloister/verify_policy.h"

#define VERIFY_MAX_INPUTS 64u

struct verify_options { /* as they stand on the command line; strings are borrowed */
    const char *evidence;
    const char *certs[VERIFY_MAX_INPUTS]; /* files or directories */
    size_t cert_count;
    const char *collateral[VERIFY_MAX_INPUTS]; /* files or directories */
    size_t collateral_count;
    const char *collateral_signer; /* a file, or 64 hex digits */
    const char *event_log;
    const char *sim_root_files[VERIFY_MAX_INPUTS];
    size_t sim_root_count;
    const char *measurements[VERIFY_MAX_INPUTS];
    size_t measurement_count;
    const char *reference;
    const char *corim_key; /* public key of a reference that is a CoRIM */
    const char *html, *ear, *ear_key;
    const char *report_data, *host_data, *initdata;
    const char *vmpl;
    const char *pcrs[VERIFY_MAX_INPUTS]; /* [BANK:]INDEX=HEX */
    size_t pcr_count;
    const char *aks[VERIFY_MAX_INPUTS]; /* files */
    size_t ak_count;
    const char *policy_file, *profile;
    const char *distrust_file, *distrust_key_file;
    const struct cl_distrust *distrust;    /* read and verified; NULL: none was given */
    const struct cl_verify_policy *policy; /* what either says, or the profile "default"; never NULL
                                       when a family runs */
    int64_t time;                          /* seconds since 1970: --time, or now */
    enum cl_tee_class tee;                 /* NONE: auto */
    bool allow_masked_chip, authenticity_only, allow_unsigned_corim, json, help;
};

struct verify_answer { /* zeroed is fine */
    struct cl_verify_result *result;
    json_t *claims;
    struct cl_buf certs[CL_HTML_MAX_CERTS]; /* DER, the signer's first, for the page's drawing */
    size_t cert_count;
};

struct verify_family {
    unsigned classes; /* bits 1u << enum cl_tee_class: those that --tee may ask of it */
    /* For --tee auto: is this such evidence? Looks at hostile bytes; a guess only. */
    bool (*detect)(const uint8_t *data, size_t len);
    /* Parses the evidence, reads what else the options name, and verifies. Errors name the file or
     * the option. CL_OK with an answer also when the verdict is `rejected`; CL_ERR_UNAVAILABLE when
     * something to compare with has expired. */
    enum cl_status (*run)(const struct verify_options *o, const struct cl_buf *evidence,
                          struct verify_answer *ret_answer, struct cl_err *err);
};

extern const struct verify_family verify_family_snp;  /* cmd_verify_snp.c */
extern const struct verify_family verify_family_tdx;  /* cmd_verify_tdx.c */
extern const struct verify_family verify_family_vtpm; /* cmd_verify_vtpm.c */

/* cmd_verify_collateral.c */

/* For evidence that an SNP report vouches for: adds what --certs and --collateral name. */
CL_NODISCARD enum cl_status verify_add_snp_certs(const struct verify_options *o,
                                                 struct cl_snp_evidence *ev, struct cl_err *err);
/* For evidence that a TDX quote vouches for: what --collateral names for the quote's platform.
 * Without any, both stay NULL. */
CL_NODISCARD enum cl_status verify_read_tdx_collateral(const struct verify_options *o,
                                                       const struct cl_tdx_quote *quote,
                                                       struct cl_collateral **ret_store,
                                                       struct cl_tdx_verifier **ret_verifier,
                                                       struct cl_err *err);

/* For the drawing of the chain in the page: the certificates that came with the evidence, the
 * signer's first. A chain in a quote that cannot be read is not drawn; the checks say why. */
CL_NODISCARD enum cl_status verify_draw_snp_certs(const struct cl_snp_evidence *ev,
                                                  struct verify_answer *answer, struct cl_err *err);
CL_NODISCARD enum cl_status verify_draw_tdx_certs(const struct cl_tdx_quote *quote,
                                                  struct verify_answer *answer, struct cl_err *err);

/* cmd_verify_reference.c */

#define VERIFY_RTMR_COUNT 4u

struct verify_reference { /* a measurement that somebody trusts, for evidence of one class */
    enum cl_tee_class tee_class;
    uint8_t measurement[48];
    unsigned rtmr_mask; /* bit i: rtmr[i] is named, and must be so; classes of TDX only */
    uint8_t rtmr[VERIFY_RTMR_COUNT][48];
};
struct verify_references { /* what --reference holds, of any class */
    struct cl_corim corim; /* count 0: the file is no CoRIM */
    size_t count;
    struct verify_reference values[CL_CORIM_MAX_REFERENCES];
};
/* Reads --reference: one value (cloister.reference/1), or a CoRIM under --corim-key and
 * --allow-unsigned-corim. Without the option there are none. CL_ERR_UNAVAILABLE when it has expired
 * at o->time. */
CL_NODISCARD enum cl_status verify_read_references(const struct verify_options *o,
                                                   struct verify_references *ret,
                                                   struct cl_err *err);
/* Adds the check `reference.signature` to a result that was compared with a CoRIM: a warning when
 * nobody signed it. */
void verify_note_references(struct cl_verify_result *result, const struct verify_references *refs);

/* cmd_verify_input.c */

/* CL_ERR_MALFORMED for a folder; what is absent is for the reader to say. */
CL_NODISCARD enum cl_status verify_is_file(const char *path, struct cl_err *err);
/* Reads a whole regular file that is not empty. */
CL_NODISCARD enum cl_status verify_read_file(const char *path, size_t max, struct cl_buf *out,
                                             struct cl_err *err);
/* Calls fn for a file, or for each file of a directory whose name ends in one of `suffixes`
 * (NULL-terminated list), in order of names; the first error ends it. */
typedef enum cl_status verify_file_fn(const char *path, void *arg, struct cl_err *err);
CL_NODISCARD enum cl_status verify_each_file(const char *path, const char *const *suffixes,
                                             verify_file_fn *fn, void *arg, struct cl_err *err);
/* The suffixes of certificates in a folder, for verify_each_file(). */
extern const char *const verify_cert_suffixes[];
#define VERIFY_ROOT_SIZE 48u     /* SHA-384 of a SubjectPublicKeyInfo in DER */
#define VERIFY_HOST_DATA_MAX 48u /* HOST_DATA has 32 bytes, MRCONFIGID 48 */

/* --sim-root: a certificate, or the 96 hex digits of its key's digest. digest_of: the family's. */
typedef enum cl_status verify_root_fn(const uint8_t *cert, size_t len,
                                      uint8_t ret[static VERIFY_ROOT_SIZE], struct cl_err *err);
CL_NODISCARD enum cl_status verify_read_sim_root(const char *path, verify_root_fn *digest_of,
                                                 uint8_t ret[static VERIFY_ROOT_SIZE],
                                                 struct cl_err *err);
/* --initdata: its digest, padded with zeros, into the `size` bytes of data. Those hold --host-data
 * already where that is given, and must then be the same. */
CL_NODISCARD enum cl_status verify_read_initdata(const struct verify_options *o, uint8_t *data,
                                                 size_t size, struct cl_err *err);
/* First byte that is no white space is '{'. */
bool verify_looks_like_json(const uint8_t *data, size_t len);

/* cmd_verify_results.c */

/* Writes what --ear and --html name. */
CL_NODISCARD enum cl_status verify_write_results(const struct verify_options *o,
                                                 const struct cl_buf *evidence,
                                                 const struct verify_answer *answer,
                                                 struct cl_err *err);

#endif
