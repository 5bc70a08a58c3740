/* SPDX-License-Identifier: Apache-2.0
 * policy_profiles.h - the built-in policies: the files of profiles/, put into a table by the build.
 */
#ifndef CL_ATTESTATION_POLICY_PROFILES_H
#define CL_ATTESTATION_POLICY_PROFILES_H

#include <stddef.h>

struct policy_profile {
    const char *name;
    const unsigned char *text; /* NUL-terminated JSON */
};

extern const struct policy_profile policy_profiles[];
extern const size_t policy_profile_count;

#endif
