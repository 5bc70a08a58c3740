/* SPDX-License-Identifier: Apache-2.0
 * scratch_rig.c - what the agent does with a scratch disk, one step at a time, for
 * tests/lab/pods/scratch: scratch_rig open DISK MEMORY_DIR    prints the device scratch_rig mkfs
 * DEVICE MEMORY_DIR MKE2FS scratch_rig close
 */
#include "base/io.h"
#include "dm.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

static enum cl_status close_all(struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int dm = -1;
    CL_TRY(agent_dm_open(&dm, err));
    agent_dm_remove(dm, "cloister-scratch");
    agent_dm_remove(dm, "cloister-scratch-integrity");
    agent_dm_remove(dm, "cloister-scratch-lower");
    return CL_OK;
}

int main(int argc, char **argv)
{
    struct cl_err err = {0};
    enum cl_status st = CL_ERR_MALFORMED;
    char device[32];
    if (argc == 4 && strcmp(argv[1], "open") == 0) {
        st = agent_scratch_open(argv[2], argv[3], device, &err);
        if (st == CL_OK) {
            (void)puts(device);
        }
    } else if (argc == 5 && strcmp(argv[1], "mkfs") == 0) {
        st = agent_scratch_make_fs(argv[2], argv[3], argv[4], &err);
    } else if (argc == 2 && strcmp(argv[1], "close") == 0) {
        st = close_all(&err);
    }
    if (st != CL_OK) {
        (void)fprintf(stderr, "scratch_rig: %s\n", err.msg);
    }
    return st == CL_OK ? 0 : 1;
}
