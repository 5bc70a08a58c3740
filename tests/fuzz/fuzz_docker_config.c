/* SPDX-License-Identifier: Apache-2.0
 * fuzz_docker_config.c - any file of credentials.
 */
#include "creds.h"

#include <string.h>

#undef NDEBUG /* the assertions are the test */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text)
{
    assert(text == NULL || (text[0] != '\0' && strpbrk(text, "\r\n") == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fetch_creds c;
    if (fetch_creds_parse(data, size, "c", "docker.io", "team/app", &c, NULL) == CL_OK) {
        assert(c.user == NULL || c.password != NULL);
        check(c.user);
        check(c.identity);
        check(c.registry_token);
        fetch_creds_done(&c);
    }
    return 0;
}
