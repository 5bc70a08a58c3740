/* SPDX-License-Identifier: Apache-2.0
 * fuzz_containerd_reply.c - containerd's messages. The first byte says which.
 */
#include "messages.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CL_CLEANUP(cl_containerd_container_done) struct cl_containerd_container c = {0};
    uint8_t digest[CL_SHA256_SIZE];
    char *root = NULL;
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 3) {
    case 0:
        (void)!containerd_container_parse(data + 1, size - 1, "c1", &c, NULL);
        break;
    case 1:
        (void)!containerd_image_parse(data + 1, size - 1, "x:1", digest, NULL);
        break;
    default:
        if (containerd_plugins_parse(data + 1, size - 1, &root, NULL) == CL_OK) {
            free(root);
        }
    }
    return 0;
}
