/* SPDX-License-Identifier: Apache-2.0
 * sev_guest.c - an extended report from the driver of kernels before configfs-tsm (Linux 6.7).
 * Trust: see gather.h. Threads: none of its own. Memory: one buffer for certificates.
 * Spec: Linux include/uapi/linux/sev-guest.h; GHCB 2.03, 4.1.8; snp.md a.9.
 */
#include "cloister/gather.h"

#include "base/bytes.h"
#include "base/io.h"
#include "cloister/snp_report.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sev-guest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* The driver's own buffer; it refuses more, and what is no whole page. */
#define CERTS_SIZE 0x4000u

/* MSG_REPORT_RSP: status, size, 24 reserved bytes, then the report. */
static enum cl_status take_report(const struct snp_report_resp *resp, struct cl_buf *ret_report,
                                  struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(resp->data, sizeof(resp->data));
    uint32_t status = cl_reader_le32(&r, "status");
    uint32_t size = cl_reader_le32(&r, "report_size");
    cl_reader_skip(&r, 24, "reserved");
    const uint8_t *report = cl_reader_bytes(&r, CL_SNP_REPORT_SIZE, "report");
    CL_TRY(cl_reader_check(&r, "sev-guest", err));
    if (status != 0 || size != CL_SNP_REPORT_SIZE) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "sev-guest: report: expected status 0 and %u bytes, got %u and %u",
                          CL_SNP_REPORT_SIZE, (unsigned)status, (unsigned)size);
    }
    return cl_buf_append(ret_report, report, CL_SNP_REPORT_SIZE, err);
}

/* The report and the host's table. Where the table does not fit into what the driver takes, no
 * buffer of ours would help: then the bare report, whose certificates are for the verifier to find.
 */
static enum cl_status ask(int fd, const uint8_t report_data[static CL_REPORT_DATA_SIZE],
                          uint8_t *certs, struct snp_report_resp *resp, struct cl_err *err)
{
    struct snp_ext_report_req req = {.certs_address = (uint64_t)(uintptr_t)certs,
                                     .certs_len = CERTS_SIZE};
    struct snp_guest_request_ioctl io = {.msg_version = 1,
                                         .req_data = (uint64_t)(uintptr_t)&req,
                                         .resp_data = (uint64_t)(uintptr_t)resp};
    memcpy(req.data.user_data, report_data, sizeof(req.data.user_data));
    int answer = ioctl(fd, SNP_GET_EXT_REPORT, &io);
    if (answer != 0 && io.vmm_error == SNP_GUEST_VMM_ERR_INVALID_LEN) {
        io.exitinfo2 = 0;
        io.req_data = (uint64_t)(uintptr_t)&req.data;
        answer = ioctl(fd, SNP_GET_REPORT, &io);
    }
    if (answer != 0) {
        return cl_err_sys(err, errno, "sev-guest: report: firmware %u, hypervisor %u",
                          (unsigned)io.fw_error, (unsigned)io.vmm_error);
    }
    return CL_OK;
}

enum cl_status cl_sev_guest_get(const char *device,
                                const uint8_t report_data[static CL_REPORT_DATA_SIZE],
                                struct cl_buf *ret_report, struct cl_buf *ret_certs,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(device, O_RDWR | O_CLOEXEC);
    struct snp_report_resp resp = {0};
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", device);
    }
    uint8_t *certs = aligned_alloc(4096, CERTS_SIZE);
    if (certs == NULL) {
        return cl_err_nomem(err, "certificates");
    }
    memset(certs, 0, CERTS_SIZE); /* an empty table, unless the host has one */
    enum cl_status st = ask(fd, report_data, certs, &resp, err);
    if (st == CL_OK) {
        st = take_report(&resp, ret_report, err);
    }
    if (st == CL_OK) {
        st = cl_buf_append(ret_certs, certs, CERTS_SIZE, err);
    }
    free(certs);
    return st;
}
