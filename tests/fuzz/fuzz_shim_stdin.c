/* SPDX-License-Identifier: Apache-2.0
 * fuzz_shim_stdin.c - what `start` reads on stdin (containerd-shim.md 1.2).
 */
#include "args.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct shim_args a = {.action = SHIM_START, .id = "c1", .name_space = "k8s.io"};
    if (shim_args_take_stdin(&a, data, size, NULL) == CL_OK &&
        (strcmp(a.id, "c1") != 0 || strcmp(a.name_space, "k8s.io") != 0)) {
        __builtin_trap();
    }
    shim_args_done(&a);
    struct shim_args none = {.action = SHIM_START};
    if (shim_args_take_stdin(&none, data, size, NULL) == CL_OK && strchr(none.id, '/') != NULL) {
        __builtin_trap();
    }
    shim_args_done(&none);
    return 0;
}
