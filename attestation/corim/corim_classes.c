/* SPDX-License-Identifier: Apache-2.0
 * corim_classes.c - how an environment-map names our TEE classes. Class `snp` has the two names of
 * the profile for SEV-SNP reports (draft-deeglaze-amd-sev-snp-corim-profile: signed with a VCEK,
 * with a VLEK); a simulated class has a name of its own, which no other verifier knows.
 */
#include "corim/corim_internal.h"

const struct corim_class corim_classes[] = {
    {CL_TEE_CLASS_SNP,
     {0xd0, 0x5e, 0x6d, 0x1b, 0x9f, 0x46, 0x4a, 0xe2, 0xa6, 0x10, 0xce, 0x3e, 0x6e, 0xe7, 0xe1,
      0x53},
     "AMD",
     "SEV-SNP"},
    {CL_TEE_CLASS_SNP,
     {0x89, 0xa7, 0xa1, 0xf0, 0xe7, 0x04, 0x4f, 0xaa, 0xac, 0xbd, 0x81, 0xc8, 0x6d, 0xf8, 0xa9,
      0x61},
     "AMD",
     "SEV-SNP"},
    {CL_TEE_CLASS_SIM_SNP,
     {0x5d, 0x17, 0x3a, 0x88, 0x0c, 0x0e, 0x4b, 0x5f, 0x9b, 0x6e, 0x0e, 0x5c, 0x2f, 0x71, 0xd4,
      0x02},
     "Cloister",
     "simulated SEV-SNP"},
};
const size_t corim_class_count = CL_ARRAY_LEN(corim_classes);
