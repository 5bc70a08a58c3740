/* SPDX-License-Identifier: Apache-2.0
 * fuzz_toml.c - cl_toml_parse over hostile text; what parses must survive being written and read
 * again.
 */
#include "base/toml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    json_t *j = NULL;
    struct cl_err err = {0};
    if (cl_toml_parse((const char *)data, len, "fuzz", &j, &err) != CL_OK) {
        return 0;
    }
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(j, key, value)
    {
        struct cl_buf out = {0};
        if (json_is_string(value) &&
            strlen(json_string_value(value)) == json_string_length(value) &&
            cl_toml_put_string(&out, "k", json_string_value(value), NULL) == CL_OK) {
            json_t *again = NULL;
            if (cl_toml_parse((const char *)out.data, out.len, "again", &again, &err) != CL_OK ||
                !json_equal(json_object_get(again, "k"), value)) {
                abort();
            }
            json_decref(again);
        }
        cl_buf_done(&out);
    }
    json_decref(j);
    return 0;
}
