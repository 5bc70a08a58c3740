/* SPDX-License-Identifier: Apache-2.0
 * fuzz_snapshots.c - any message to the snapshotter; the first byte says to which method.
 */
#include "service.h"

#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whole messages, one behind the other. */
static void check_messages(const struct cl_buf *b)
{
    size_t pos = 0;
    while (pos < b->len) {
        assert(b->len - pos >= CL_GRPC_PREFIX_SIZE && b->data[pos] == 0);
        pos += CL_GRPC_PREFIX_SIZE + cl_grpc_prefix_length(b->data + pos, b->len - pos);
    }
    assert(pos == b->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = {"Prepare", "View",   "Mounts", "Commit", "Remove",
                                          "Stat",    "Update", "List",   "Usage",  "Cleanup"};
    struct cl_grpc_answer a = {0};
    char path[100];
    if (size == 0) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), SNAP_SERVICE "%s", methods[data[0] % CL_ARRAY_LEN(methods)]);
    snap_call(NULL, path, data + 1, size - 1, &a);
    assert(a.code == CL_GRPC_OK || a.code == CL_GRPC_INVALID_ARGUMENT ||
           a.code == CL_GRPC_ALREADY_EXISTS || a.code == CL_GRPC_RESOURCE_EXHAUSTED);
    assert((a.code == CL_GRPC_OK) == (a.text[0] == '\0'));
    check_messages(&a.messages);
    cl_buf_done(&a.messages);
    return 0;
}
