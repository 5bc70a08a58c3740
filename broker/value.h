/* SPDX-License-Identifier: Apache-2.0
 * value.h - named digests: what evidence says of a guest, and what a reference value demands,
 * whatever the TEE.
 *   measurement            launch digest (SNP)                 chip-id               CHIP_ID (SNP)
 *   mrtd, rtmr0 .. rtmr3   registers of a TD                   platform-instance-id  (TDX)
 *   sha256:0 ..            registers of a TPM, bank and index  ak   SHA-256 of its key's SPKI
 * Trust: values are public; where they come from decides whether they are believed.
 */
#ifndef CL_BROKER_VALUE_H
#define CL_BROKER_VALUE_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

#define CL_VALUE_MAX_SIZE 64u
#define CL_VALUE_NAME_SIZE 24u
#define CL_VALUES_MAX 56u /* 24 registers of two banks, and what else there is */

struct cl_value {
    char name[CL_VALUE_NAME_SIZE];
    uint8_t size; /* bytes of data */
    uint8_t data[CL_VALUE_MAX_SIZE];
};

struct cl_values { /* zeroed: none */
    size_t count;
    struct cl_value list[CL_VALUES_MAX];
};

/* CL_ERR_MALFORMED when there are too many, or one is too long. */
CL_NODISCARD enum cl_status cl_values_add(struct cl_values *v, const char *name, const void *data,
                                          size_t size, struct cl_err *err);
/* NULL when there is none of that name. Borrowed. */
const struct cl_value *cl_values_find(const struct cl_values *v, const char *name);
bool cl_value_equal(const struct cl_value *a, const struct cl_value *b);
/* Bytes that a value of this name has; 0 for a name that is none of ours. */
size_t cl_value_size(const char *name);
/* The word by which `revoke` names values of this kind, or NULL: "measurement", "chip", ... */
const char *cl_value_revocation(const char *name);
/* Bytes of the value that a revocation of this kind names; 0: no such kind. */
size_t cl_revocation_size(const char *kind);

bool cl_value_append_hex(json_t *list, const void *data, size_t size);
/* Sets name: hex. False without memory. */
bool cl_value_put_hex(json_t *j, const char *name, const void *data, size_t size);

#endif
