/* SPDX-License-Identifier: Apache-2.0
 * corim_internal.h - numbers of draft-ietf-rats-corim and of COSE (RFC 9052), and what the files of
 * this folder share.
 */
#ifndef CL_ATTESTATION_CORIM_INTERNAL_H
#define CL_ATTESTATION_CORIM_INTERNAL_H

#include "cbor/cbor.h"
#include "cloister/corim.h"

#include <openssl/evp.h>

/* CBOR tags */
#define TAG_TIME 1u
#define TAG_COSE_SIGN1 18u
#define TAG_UUID 37u
#define TAG_UNSIGNED_CORIM 501u
#define TAG_COMID 506u

/* keys of the maps, in the draft's names */
enum { CORIM_ID, CORIM_TAGS, CORIM_DEPENDENT_RIMS, CORIM_PROFILE, CORIM_VALIDITY };
enum { VALIDITY_NOT_BEFORE, VALIDITY_NOT_AFTER };
enum { COMID_TAG_IDENTITY = 1, COMID_TRIPLES = 4 };
enum { TRIPLES_REFERENCE };
enum { ENVIRONMENT_CLASS };
enum { CLASS_ID, CLASS_VENDOR, CLASS_MODEL };
enum { MEASUREMENT_KEY, MEASUREMENT_VALUES };
enum { VALUES_DIGESTS = 2, VALUES_REGISTERS = 14 };
enum { META_SIGNER, META_VALIDITY };
enum { COSE_ALG = 1, COSE_CRIT = 2, COSE_CONTENT_TYPE = 3, CORIM_META = 8, COSE_CWT_CLAIMS = 15 };

#define CORIM_CONTENT_TYPE "application/rim+cbor"
#define CORIM_HASH_SHA384 7u /* IANA, named information hash algorithms */
#define CORIM_MAX_TAGS 16u
#define CORIM_MAX_TRIPLES 256u
#define CORIM_MAX_KEYS 32u /* pairs in one map */
#define CORIM_MAX_DIGESTS 8u
#define CORIM_UUID_SIZE 16u

/* What a class is called in an environment. Two rows of one class are two names of it. */
struct corim_class {
    enum cl_tee_class tee_class;
    uint8_t class_id[CORIM_UUID_SIZE];
    const char *vendor, *model;
    bool has_registers; /* RTMRs; of another class they would be a demand that nobody compares */
};
extern const struct corim_class corim_classes[];
extern const size_t corim_class_count;

/* COSE_Sign1 taken apart; everything borrowed from the file. */
struct cose_sign1 {
    const uint8_t *protected_header, *payload, *signature;
    size_t protected_len, payload_len, signature_len;
};
CL_NODISCARD enum cl_status cose_sign1_parse(struct cl_cbor_reader *r, struct cose_sign1 *ret_s,
                                             struct cl_err *err);
/* Signature over both parts with the algorithm of the key. */
CL_NODISCARD enum cl_status cose_sign1_verify(const struct cose_sign1 *s, EVP_PKEY *key,
                                              struct cl_err *err);
/* Appends the tagged structure. The header is the caller's, complete. */
CL_NODISCARD enum cl_status cose_sign1_make(const struct cl_buf *protected_header,
                                            const struct cl_buf *payload, EVP_PKEY *key,
                                            struct cl_buf *out, struct cl_err *err);
/* The number in COSE's registry of the algorithm that the key is for. CL_ERR_UNSUPPORTED. */
CL_NODISCARD enum cl_status cose_alg_of_key(const EVP_PKEY *key, int64_t *ret_alg,
                                            struct cl_err *err);

/* A validity-map; 0 for a limit that is not there. */
CL_NODISCARD enum cl_status corim_read_validity(struct cl_cbor_reader *r, int64_t *ret_before,
                                                int64_t *ret_after, struct cl_err *err);
/* Text of at most CL_CORIM_TEXT_SIZE - 1 printable ASCII characters. */
CL_NODISCARD enum cl_status corim_read_text(const struct cl_cbor_item *i, const char *field,
                                            char ret[static CL_CORIM_TEXT_SIZE],
                                            struct cl_err *err);
/* The contents of a CoMID tag; appends its reference values to c. */
CL_NODISCARD enum cl_status corim_read_comid(const uint8_t *data, size_t len, struct cl_corim *c,
                                             struct cl_err *err);

#endif
