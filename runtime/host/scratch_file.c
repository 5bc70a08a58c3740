/* SPDX-License-Identifier: Apache-2.0
 * scratch_file.c - the file behind a pod's scratch disk.
 */
#include "host/scratch_file.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum cl_status host_scratch_file(const char *dir, uint64_t size, int *ret_fd, struct cl_err *err)
{
    if (dir == NULL) {
        dir = HOST_SCRATCH_DIR;
        if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
            return cl_err_sys(err, errno, "create '%s'", dir);
        }
    }
    CL_CLEANUP(cl_close_fdp) int fd = open(dir, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0) {
        return cl_err_sys(err, errno, "scratch file in '%s'", dir);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}
