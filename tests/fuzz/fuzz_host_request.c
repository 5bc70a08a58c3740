/* SPDX-License-Identifier: Apache-2.0
 * fuzz_host_request.c - a guest's request lines on the port of streams: of a process's stream, or
 * of a forwarded connection. What is taken is written again and must be the same.
 */
#include "host/serve.h"

#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[HOST_SERVE_LINE];
    char again[HOST_SERVE_LINE];
    char process[HOST_PROCESS_SIZE];
    unsigned stream = 9;
    uint64_t id = 0;
    size_t len = size < sizeof(line) ? size : sizeof(line) - 1;
    if (len > 0) {
        memcpy(line, data, len);
    }
    line[len] = '\0';
    if (host_stdio_request_parse(line, process, &stream, NULL) == CL_OK) {
        (void)snprintf(again, sizeof(again), "CLSTDIO1 %s %u", process, stream);
        assert(strcmp(line, again) == 0 && stream <= 2);
    }
    if (host_forward_request_parse(line, &id, NULL) == CL_OK) {
        char *end = NULL;
        assert(strncmp(line, HOST_FORWARD_MAGIC, strlen(HOST_FORWARD_MAGIC)) == 0);
        assert(strtoull(line + strlen(HOST_FORWARD_MAGIC), &end, 10) == id && *end == '\0');
    }
    return 0;
}
