/* SPDX-License-Identifier: Apache-2.0
 * reference.h - reference values: the digests that a guest of one class must have, all of them
 * (docs/interfaces.md I-7, schema cloister.reference/1).
 *   snp, sim-snp    measurement
 *   tdx, sim-tdx    mrtd, rtmr1, rtmr2 (the kernel is bound by them); rtmr0, rtmr3 if wanted; and
 *                   "events", the digests that make up a register, so that a denial can name one
 *   az-snp-vtpm     measurement, pcrs        az-tdx-vtpm     mrtd, pcrs        tpm     ak, pcrs
 * A document may call MRTD `measurement`.
 * Trust: an admin's word, parsed strictly. The first value is the anchor: it says which references
 *        a guest is compared with.
 */
#ifndef CL_BROKER_REFERENCE_H
#define CL_BROKER_REFERENCE_H

#include "cloister/verify.h"
#include "value.h"

#define CL_REFERENCE_ID_SIZE 48u
#define CL_REFERENCE_ID_TEXT (2 * CL_REFERENCE_ID_SIZE + 1)
#define CL_REFERENCE_MAX_EVENTS 64u /* of one register */

struct cl_reference { /* zeroed is fine */
    enum cl_tee_class tee_class;
    int64_t expires; /* seconds since 1970 */
    struct cl_values values;
    json_t *events; /* {"rtmr1":["<96 hex>",...],...}; NULL: none given; owned */
    /* How it is named: the measurement where that is all there is, else the SHA-384 of its values'
     * canonical JSON. */
    char id[CL_REFERENCE_ID_TEXT];
};
void cl_reference_done(struct cl_reference *r);

/* From an admin's document. CL_ERR_UNSUPPORTED for another schema, CL_ERR_MALFORMED that names the
 * member. The members `expires` and `note` are the caller's to read. */
CL_NODISCARD enum cl_status cl_reference_from_json(const json_t *j, struct cl_reference *ret,
                                                   struct cl_err *err);
/* The values and events alone, as the database keeps them, and back. */
CL_NODISCARD enum cl_status cl_reference_values_json(const struct cl_reference *r, json_t **ret_j,
                                                     struct cl_err *err);
CL_NODISCARD enum cl_status cl_reference_from_values(enum cl_tee_class c, const json_t *j,
                                                     struct cl_reference *ret, struct cl_err *err);

/* The name of the value by which references of a class are found; NULL for no class. */
const char *cl_reference_anchor(enum cl_tee_class c);
/* True when every value of r stands among `got`. Else *ret_differs is the first that does not. */
bool cl_reference_matches(const struct cl_reference *r, const struct cl_values *got,
                          const struct cl_value **ret_differs);

#endif
