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
    "  --corim-class CLASS   the class it holds for; default: the one of this command\n"           \
    "  --corim-expires TIME  until when it holds (2027-01-31T00:00:00Z); default: for a year\n"

enum { /* getopt's values, apart from those of a command */
       MEASURE_OPT_CORIM = 1000,
       MEASURE_OPT_CORIM_KEY,
       MEASURE_OPT_CORIM_CLASS,
       MEASURE_OPT_CORIM_EXPIRES,
};
#define MEASURE_CORIM_OPTIONS                                                                      \
    {"corim", required_argument, NULL, MEASURE_OPT_CORIM},                                         \
        {"corim-key", required_argument, NULL, MEASURE_OPT_CORIM_KEY},                             \
        {"corim-class", required_argument, NULL, MEASURE_OPT_CORIM_CLASS},                         \
    {                                                                                              \
        "corim-expires", required_argument, NULL, MEASURE_OPT_CORIM_EXPIRES                        \
    }

struct measure_corim { /* zeroed: no CoRIM is asked for; strings are borrowed */
    const char *file, *key;
    enum cl_tee_class tee_class; /* NONE: the command's own */
    int64_t expires;             /* seconds since 1970; 0: a year from now */
};

/* One of those options. */
CL_NODISCARD enum cl_status measure_corim_take(struct measure_corim *c, int option,
                                               const char *value, struct cl_err *err);
/* The options belong together. own, simulated: the classes that the command measures for. */
CL_NODISCARD enum cl_status measure_corim_check(struct measure_corim *c, enum cl_tee_class own,
                                                enum cl_tee_class simulated, struct cl_err *err);
/* Writes the file; the class of ref is c's. Does nothing when none is asked for. */
CL_NODISCARD enum cl_status measure_corim_write(const struct measure_corim *c,
                                                const struct cl_corim_reference *ref,
                                                struct cl_err *err);

#endif
