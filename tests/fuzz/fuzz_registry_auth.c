/* SPDX-License-Identifier: Apache-2.0
 * fuzz_registry_auth.c - any challenge of a registry, and any answer of a token server.
 */
#include "challenge.h"

#include <string.h>

#undef NDEBUG /* the assertions are the test */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fetch_challenge c;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    const char *s = NULL;
    if (fetch_token_parse(data, size, &out, NULL) == CL_OK) {
        assert(strpbrk((const char *)out.data, "\r\n") == NULL);
    }
    cl_buf_reset(&out);
    if (cl_buf_append(&text, data, size, NULL) == CL_OK && text.data != NULL &&
        cl_buf_cstr(&text, "t", &s, NULL) == CL_OK && fetch_challenge_parse(s, &c, NULL) == CL_OK) {
        assert(!c.bearer || c.realm[0] != '\0');
        assert(strpbrk(c.realm, "\r\n") == NULL);
        assert(fetch_challenge_url(&c, "x", &out, NULL) == CL_OK);
    }
    return 0;
}
