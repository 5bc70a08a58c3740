/* SPDX-License-Identifier: Apache-2.0
 * cmd_measure_corim.h - `--corim` of `cloister measure snp|tdx`: the measurement as a signed file
 * of reference values.
 */
#ifndef CL_ATTESTATION_CMD_MEASURE_CORIM_H
#define CL_ATTESTATION_CMD_MEASURE_CORIM_H

#include "cloister/corim.h"

#define MEASURE_CORIM_HELP                                                                         \
    "  --corim FILE          write the measurement as a signed CoRIM too\n"                        \
    "  --corim-key FILE      the private key that signs it: P-256, P-384 or Ed25519, in PEM\n"     \
    "  --corim-class CLASS   the class it holds for; default: --class, or the one of this "        \
    "command\n"                                                                                    \
    "  --corim-expires TIME  until when it holds (2027-01-31T00:00:00Z); default: for a year\n"

struct measure_corim { /* zeroed: no CoRIM is asked for; strings are borrowed */
    const char *file, *key;
    enum cl_tee_class tee_class; /* NONE: the command's own */
    int64_t expires;             /* seconds since 1970; 0: a year from now */
};

/* The options belong together. by_default: the class when none is said; own, simulated: the classes
 * that the command measures for. */
CL_NODISCARD enum cl_status measure_corim_check(struct measure_corim *c,
                                                enum cl_tee_class by_default, enum cl_tee_class own,
                                                enum cl_tee_class simulated, struct cl_err *err);
/* Writes the file; the class of ref is c's. Does nothing when none is asked for. */
CL_NODISCARD enum cl_status measure_corim_write(const struct measure_corim *c,
                                                const struct cl_corim_reference *ref,
                                                struct cl_err *err);

#endif
