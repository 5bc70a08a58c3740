/* SPDX-License-Identifier: Apache-2.0
 * meaning.h - what each named check is about: its question in plain words for people, its place in
 * the chain of trust, and the AR4SI claim that it bears on.
 */
#ifndef CL_ATTESTATION_MEANING_H
#define CL_ATTESTATION_MEANING_H

#include "cloister/ear.h"

enum check_step { /* in the order in which trust is handed on */
                  STEP_ROOT,
                  STEP_INTERMEDIATE,
                  STEP_KEY,
                  STEP_EVIDENCE,
                  STEP_PLATFORM,
                  STEP_GUEST,
                  STEP_COUNT,
};

struct check_meaning {
    const char *id;
    enum check_step step;
    enum cl_ar4si_claim claim;
    const char *question;
};

/* The row of that id, else one without a question that takes it for the hardware's. Never NULL. */
const struct check_meaning *check_meaning(const char *id);

#endif
