/* SPDX-License-Identifier: Apache-2.0
 * tdx_guest.c - a TDREPORT from the driver of TDs, for kernels before configfs-tsm (Linux 6.7).
 * Trust: see gather.h. Threads: none of its own. Memory: one report.
 * Spec: Linux include/uapi/linux/tdx-guest.h; tdx.md d.
 */
#include "cloister/gather.h"

#include "base/io.h"
#include "cloister/tdx_quote.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

struct tdx_report_req { /* the kernel's; our headers may be older */
    uint8_t reportdata[CL_REPORT_DATA_SIZE];
    uint8_t tdreport[CL_TDX_REPORT_SIZE];
};
#define TDX_CMD_GET_REPORT0 _IOWR('T', 1, struct tdx_report_req)

static enum cl_status check(const struct tdx_report_req *req,
                            const uint8_t report_data[static CL_REPORT_DATA_SIZE],
                            struct cl_err *err)
{
    struct cl_tdx_td td;
    bool tdx15 = false;
    CL_TRY(cl_tdx_report_decode(req->tdreport, sizeof(req->tdreport), &td, &tdx15, err));
    return memcmp(td.report_data, report_data, sizeof(td.report_data)) == 0 /* public values */
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "tdx_guest: report_data: expected what was asked for, got another");
}

enum cl_status cl_tdx_guest_get(const char *device,
                                const uint8_t report_data[static CL_REPORT_DATA_SIZE],
                                struct cl_buf *ret_report, struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(device, O_RDWR | O_CLOEXEC);
    struct tdx_report_req req = {0};
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", device);
    }
    memcpy(req.reportdata, report_data, sizeof(req.reportdata));
    if (ioctl(fd, TDX_CMD_GET_REPORT0, &req) != 0) {
        return cl_err_sys(err, errno, "tdx_guest: report");
    }
    CL_TRY(check(&req, report_data, err));
    return cl_buf_append(ret_report, req.tdreport, sizeof(req.tdreport), err);
}
