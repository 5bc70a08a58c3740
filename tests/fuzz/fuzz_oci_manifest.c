/* SPDX-License-Identifier: Apache-2.0
 * fuzz_oci_manifest.c - manifests, indexes and layouts: whatever parses keeps its limits.
 */
#include "oci/image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_oci_manifest_done) struct cl_oci_manifest m = {0};
    struct cl_err err = {0};
    struct cl_oci_desc d = {0};
    enum cl_oci_kind kind = CL_OCI_KIND_MANIFEST;
    if (cl_oci_manifest_parse(data, len, &m, &err) == CL_OK) {
        if (m.layer_count < 1 || m.layer_count > CL_OCI_MAX_LAYERS || m.config.size < 1 ||
            cl_oci_kind(data, len, &kind, &err) != CL_OK || kind != CL_OCI_KIND_MANIFEST) {
            abort();
        }
        for (size_t i = 0; i < m.layer_count; i++) {
            if (m.layers[i].encrypted != (m.layers[i].packet_count > 0)) {
                abort();
            }
        }
    }
    if (cl_oci_index_select(data, len, &d, &err) == CL_OK && d.size > CL_OCI_MAX_MANIFEST) {
        abort();
    }
    (void)!cl_oci_layout_select(data, len, "tag", &d, &kind, &err);
    return 0;
}
