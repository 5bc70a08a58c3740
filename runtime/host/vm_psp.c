/* SPDX-License-Identifier: Apache-2.0
 * vm_psp.c - starts the simulated security processor of a VM. Trust, threads, memory: vm.h.
 */
#include "vm_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* All folders above the last name. */
static enum cl_status make_parents(char *path, struct cl_err *err)
{
    for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        bool ok = mkdir(path, 0700) == 0 || errno == EEXIST;
        int error = errno;
        *p = '/';
        if (!ok) {
            return cl_err_sys(err, error, "create folders of '%.200s'", path);
        }
    }
    return CL_OK;
}

enum cl_status host_psp_state_find(const char *given, char *ret, size_t size, struct cl_err *err)
{
    const char *base = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int n = 0;
    if (given != NULL) {
        n = snprintf(ret, size, "%s", given);
    } else if (geteuid() == 0) {
        n = snprintf(ret, size, "/var/lib/cloister/sim-psp");
    } else if (base != NULL && base[0] == '/') {
        n = snprintf(ret, size, "%s/cloister/sim-psp", base);
    } else if (home != NULL && home[0] == '/') {
        n = snprintf(ret, size, "%s/.local/state/cloister/sim-psp", home);
    }
    if (n <= 0 || (size_t)n >= size) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--psp-state: expected a folder, got none");
    }
    return make_parents(ret, err);
}

enum cl_status vm_psp_start(struct host_vm *vm, struct cl_err *err)
{
    char state[1024];
    char launch[VM_PATH_SIZE];
    char guest[VM_PATH_SIZE];
    const char *const argv[] = {"cloister-sim-psp", "--state", state, "--launch-socket", launch,
                                "--guest-socket",   guest,     NULL};
    CL_TRY(vm_path(vm, "psp.sock", launch, err));
    CL_TRY(vm_path(vm, "guest_1030.sock", guest, err));
    CL_TRY(host_psp_state_find(vm->cfg.psp_state, state, sizeof(state), err));
    return host_child_start(&vm->psp, "cloister-sim-psp", argv, /* keep= */ NULL, err);
}

bool vm_psp_ready(const struct host_vm *vm)
{
    char path[VM_PATH_SIZE];
    return vm_path(vm, "psp.sock", path, NULL) == CL_OK && access(path, F_OK) == 0;
}
