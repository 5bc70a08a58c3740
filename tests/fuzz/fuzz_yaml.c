/* SPDX-License-Identifier: Apache-2.0
 * fuzz_yaml.c - cl_yaml_parse over hostile text; what parses is JSON, and as YAML is the same
 * again.
 */
#include "yaml_tree.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    json_t *documents = NULL;
    json_t *again = NULL;
    struct cl_err err = {0};
    struct cl_buf text = {0};
    if (cl_yaml_parse(data, len, "fuzz", &documents, &err) != CL_OK) {
        return 0;
    }
    if (cl_json_compact(documents, &text, &err) != CL_OK ||
        cl_json_parse(text.data, text.len, "fuzz", &again, &err) != CL_OK) {
        /* One level more than a document may have: the array of them. */
        if (err.status != CL_ERR_MALFORMED) {
            abort();
        }
    } else if (!json_equal(documents, again)) {
        abort();
    }
    json_decref(again);
    json_decref(documents);
    cl_buf_done(&text);
    return 0;
}
