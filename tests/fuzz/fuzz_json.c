/* SPDX-License-Identifier: Apache-2.0
 * fuzz_json.c - cl_json_parse and the canonical form: parsing the canonical text gives an equal
 * document and equal text.
 */
#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *again = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf one = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf two = {0};
    if (cl_json_parse(data, len, "fuzz", &j, NULL) != CL_OK ||
        cl_json_canonical(j, &one, NULL) != CL_OK) {
        return 0;
    }
    if (cl_json_parse(one.data, one.len, "again", &again, NULL) != CL_OK ||
        cl_json_canonical(again, &two, NULL) != CL_OK || one.len != two.len ||
        memcmp(one.data, two.data, one.len) != 0) {
        abort();
    }
    return 0;
}
