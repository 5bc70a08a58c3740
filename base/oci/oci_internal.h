/* SPDX-License-Identifier: Apache-2.0
 * oci_internal.h - what the parsers of cl_oci share.
 */
#ifndef CL_OCI_INTERNAL_H
#define CL_OCI_INTERNAL_H

#include "oci/image.h"

#define OCI_TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_TYPE_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_TYPE_CONFIG "application/vnd.oci.image.config.v1+json"
#define DOCKER_TYPE_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_TYPE_INDEX "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_TYPE_CONFIG "application/vnd.docker.container.image.v1+json"

/* digest and size of a descriptor object; size 1..max. */
CL_NODISCARD enum cl_status oci_desc_parse(const json_t *obj, const char *what, uint64_t max,
                                           struct cl_oci_desc *ret, struct cl_err *err);
/* Parses one document of at most max bytes that must be an object with schemaVersion 2. */
CL_NODISCARD enum cl_status oci_document(const uint8_t *data, size_t len, size_t max,
                                         const char *what, json_t **ret_j, struct cl_err *err);
/* An optional string member (absent or null: NULL). Borrowed. */
CL_NODISCARD enum cl_status oci_opt_string(const json_t *obj, const char *what, const char *key,
                                           const char **ret, struct cl_err *err);

#endif
