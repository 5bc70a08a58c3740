/* SPDX-License-Identifier: Apache-2.0
 * tdx_rtmr.c - extends a runtime register of a TD.
 * Trust: the kernel. Threads: the kernel's. Memory: none.
 * Spec: tdx.md d (files of Linux 6.16; TDX_CMD_EXTEND_RTMR of Intel's driver).
 */
#include "cloister/gather.h"

#include "base/io.h"
#include "cloister/tdx_quote.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct tdx_extend_rtmr_req { /* of Intel's driver; Linux' own has no such request */
    uint8_t data[CL_TDX_MR_SIZE];
    uint8_t index;
};
#define TDX_CMD_EXTEND_RTMR _IOR('T', 3, struct tdx_extend_rtmr_req)

static enum cl_status by_device(const char *device, unsigned rtmr, const uint8_t digest[static 48],
                                struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(device, O_RDWR | O_CLOEXEC);
    struct tdx_extend_rtmr_req req = {.index = (uint8_t)rtmr};
    if (fd < 0 && errno != ENOENT) {
        return cl_err_sys(err, errno, "open '%s'", device);
    }
    memcpy(req.data, digest, sizeof(req.data));
    if (fd >= 0 && ioctl(fd, TDX_CMD_EXTEND_RTMR, &req) == 0) {
        return CL_OK;
    }
    return fd < 0 || errno == ENOTTY
               ? cl_err_set(err, CL_ERR_UNAVAILABLE,
                            "rtmr%u: expected a kernel that extends it (Linux 6.16), got one that "
                            "does not",
                            rtmr)
               : cl_err_sys(err, errno, "tdx_guest: extend rtmr%u", rtmr);
}

enum cl_status cl_tdx_rtmr_extend(const char *root, const char *device, unsigned rtmr,
                                  const uint8_t digest[static 48], struct cl_err *err)
{
    char path[256];
    assert(rtmr == 2 || rtmr == 3);
    int n = snprintf(path, sizeof(path), "%s/rtmr%u:sha384", root, rtmr);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return cl_err_sys(err, ENAMETOOLONG, "open '%s'", root);
    }
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? by_device(device, rtmr, digest, err)
                               : cl_err_sys(err, errno, "open '%s'", path);
    }
    ssize_t done = write(fd, digest, CL_TDX_MR_SIZE); /* it takes one write, and all of it */
    return done == (ssize_t)CL_TDX_MR_SIZE
               ? CL_OK
               : cl_err_sys(err, done < 0 ? errno : EIO, "write '%s'", path);
}
