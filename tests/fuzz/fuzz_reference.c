/* SPDX-License-Identifier: Apache-2.0
 * fuzz_reference.c - reference values: what parses comes back the same from the database's form,
 * matches itself, and asks for at least its anchor.
 */
#include "base/json.h"
#include "reference.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *values = NULL;
    CL_CLEANUP(cl_reference_done) struct cl_reference r = {0};
    CL_CLEANUP(cl_reference_done) struct cl_reference again = {0};
    const struct cl_value *differs = NULL;
    if (cl_json_parse(data, len, "reference", &j, NULL) != CL_OK || !json_is_object(j) ||
        cl_reference_from_json(j, &r, NULL) != CL_OK) {
        return 0;
    }
    if (cl_reference_values_json(&r, &values, NULL) != CL_OK ||
        cl_reference_from_values(r.tee_class, values, &again, NULL) != CL_OK ||
        strcmp(again.id, r.id) != 0 || !cl_reference_matches(&again, &r.values, &differs) ||
        cl_values_find(&r.values, cl_reference_anchor(r.tee_class)) == NULL) {
        abort();
    }
    return 0;
}
