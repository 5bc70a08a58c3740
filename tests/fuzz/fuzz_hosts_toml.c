/* SPDX-License-Identifier: Apache-2.0
 * fuzz_hosts_toml.c - any hosts.toml.
 */
#include "hosts.h"

#include <string.h>

#undef NDEBUG /* the assertions are the test */
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fetch_hosts h;
    if (fetch_hosts_parse((const char *)data, size, "t", "/dir", "r.example:5000", &h, NULL) !=
        CL_OK) {
        return 0;
    }
    assert(h.count >= 1 && h.count <= FETCH_MAX_HOSTS && h.host[h.count - 1].is_server);
    for (size_t i = 0; i < h.count; i++) {
        const struct fetch_host *t = &h.host[i];
        assert(strncmp(t->url, t->plain ? "http://" : "https://", t->plain ? 7 : 8) == 0);
        assert(t->name[0] != '\0' && strpbrk(t->url, " \r\n?#@") == NULL);
        assert(t->headers[t->header_count] == NULL);
        for (size_t n = 0; n < t->header_count; n++) {
            assert(strpbrk(t->headers[n], "\r\n") == NULL && strchr(t->headers[n], ':') != NULL);
        }
    }
    fetch_hosts_done(&h);
    return 0;
}
