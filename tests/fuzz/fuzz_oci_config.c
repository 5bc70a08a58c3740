/* SPDX-License-Identifier: Apache-2.0
 * fuzz_oci_config.c - image configurations.
 */
#include "oci/image.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_oci_config_done) struct cl_oci_config c = {0};
    struct cl_err err = {0};
    if (cl_oci_config_parse(data, len, &c, &err) != CL_OK) {
        return 0;
    }
    for (size_t i = 0; i < c.env.count; i++) {
        if (strchr(c.env.v[i], '=') == NULL) {
            abort();
        }
    }
    if (c.diff_id_count < 1 || c.diff_id_count > CL_OCI_MAX_LAYERS) {
        abort();
    }
    return 0;
}
