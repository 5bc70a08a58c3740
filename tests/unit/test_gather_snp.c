/* SPDX-License-Identifier: Apache-2.0
 * test_gather_snp.c - an SNP report from the driver, whose ioctls are played here, with each way in
 * which host and driver may answer.
 * through configfs-tsm too.
 */
#include "cloister/gather.h"

#include "base/bytes.h"
#include "check_main.h"
#include "snp_world.h"

#include <errno.h>
#include <linux/sev-guest.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define BUFFER_MAX 0x4000u /* of the driver; it answers EINVAL to more */

static struct {
    bool large_table;  /* the host has more certificates than the driver takes */
    int error;         /* of bare reports, too */
    uint32_t firmware; /* error word of the firmware */
    uint32_t status;   /* in the answer */
    uint32_t size;     /* in the answer */
    size_t changed;    /* byte of the report that is not as it should be; SIZE_MAX: none */
    unsigned extended, bare;
} driver;

static void put32(uint8_t *at, uint32_t value)
{
    cl_le32 v;
    cl_le32_put(&v, value);
    memcpy(at, &v, sizeof(v));
}

static void put_response(const struct snp_report_req *req, uint8_t *response)
{
    struct cl_snp_report r;
    world_report(&r);
    memcpy(r.report_data, req->user_data, sizeof(r.report_data));
    put32(response, driver.status);
    put32(response + 4, driver.size);
    world_sign(&r, response + 32);
    if (driver.changed != SIZE_MAX) {
        response[32 + driver.changed] ^= 1;
    }
}

static int refuse(int error)
{
    errno = error;
    return -1;
}

static int extended(struct snp_guest_request_ioctl *io)
{
    struct snp_ext_report_req *req = (void *)(uintptr_t)io->req_data;
    driver.extended++;
    if (req->certs_len > BUFFER_MAX || req->certs_len % 4096 != 0) {
        return refuse(EINVAL);
    }
    if (driver.large_table) {
        io->exitinfo2 = (uint64_t)SNP_GUEST_VMM_ERR_INVALID_LEN << 32;
        req->certs_len = 1u << 20;
        return refuse(EIO);
    }
    memset((void *)(uintptr_t)req->certs_address, 0xCE, req->certs_len);
    put_response(&req->data, (void *)(uintptr_t)io->resp_data);
    return 0;
}

/* The linker chose this name (--wrap). */
int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    (void)fd;
    va_start(args, request);
    struct snp_guest_request_ioctl *io = va_arg(args, struct snp_guest_request_ioctl *);
    va_end(args);
    ck_assert_uint_eq(io->msg_version, 1);
    if (driver.error != 0) {
        io->exitinfo2 = driver.firmware;
        return refuse(driver.error);
    }
    if (request == SNP_GET_EXT_REPORT) {
        return extended(io);
    }
    ck_assert_uint_eq(request, SNP_GET_REPORT);
    ck_assert_uint_eq(io->exitinfo2, 0);
    driver.bare++;
    put_response((void *)(uintptr_t)io->req_data, (void *)(uintptr_t)io->resp_data);
    return 0;
}

static void setup(void)
{
    memset(&driver, 0, sizeof(driver));
    driver.changed = SIZE_MAX;
    driver.size = CL_SNP_REPORT_SIZE;
}

static enum cl_status get(struct cl_buf *report, struct cl_buf *certs, struct cl_err *err)
{
    uint8_t data[CL_REPORT_DATA_SIZE];
    memset(data, 0x5A, sizeof(data));
    return cl_sev_guest_get("/dev/null", data, report, certs, err);
}

START_TEST(test_report_with_certificates)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf certs = {0};
    struct cl_err err = {0};
    ck_assert_msg(get(&report, &certs, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(report.len, CL_SNP_REPORT_SIZE);
    ck_assert_uint_eq(report.data[0x50], 0x5A);
    ck_assert_uint_eq(certs.len, BUFFER_MAX); /* as much as the driver takes */
    ck_assert_uint_eq(certs.data[0], 0xCE);
    ck_assert_uint_eq(driver.extended, 1);
    ck_assert_uint_eq(driver.bare, 0);
}
END_TEST

/* No buffer that the driver takes would be large enough: the report is good without. */
START_TEST(test_certificates_do_not_fit)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf certs = {0};
    struct cl_err err = {0};
    driver.large_table = true;
    ck_assert_msg(get(&report, &certs, &err) == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(report.len, CL_SNP_REPORT_SIZE);
    ck_assert_uint_eq(certs.data[0], 0); /* an empty table */
    ck_assert_uint_eq(driver.extended, 1);
    ck_assert_uint_eq(driver.bare, 1);
}
END_TEST

START_TEST(test_the_driver_fails)
{
    static const struct {
        int error;
        uint32_t firmware, status, size;
        size_t changed;
        enum cl_status st;
        const char *message;
    } cases[] = {
        {EIO, 0x16, 0, 1184, SIZE_MAX, CL_ERR_SYS, "firmware 22, hypervisor 0"},
        {ENOTTY, 0xff, 0, 1184, SIZE_MAX, CL_ERR_SYS, "firmware 255"},
        {0, 0, 0x16, 0, SIZE_MAX, CL_ERR_UNAVAILABLE, "got 22 and 0"},
        {0, 0, 0, 1183, SIZE_MAX, CL_ERR_UNAVAILABLE, "got 0 and 1183"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf certs = {0};
        struct cl_err err = {0};
        driver.error = cases[i].error;
        driver.firmware = cases[i].firmware;
        driver.status = cases[i].status;
        driver.size = cases[i].size;
        driver.changed = cases[i].changed;
        enum cl_status st = get(&report, &certs, &err);
        ck_assert_msg(st == cases[i].st && strstr(err.msg, cases[i].message) != NULL, "%zu: %d %s",
                      i, st, err.msg);
        ck_assert_uint_eq(report.len, 0);
        ck_assert_uint_eq(certs.len, 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("gather_snp");
    TCase *t = tcase_create("drivers");
    world_init();
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, test_report_with_certificates);
    tcase_add_test(t, test_certificates_do_not_fit);
    tcase_add_test(t, test_the_driver_fails);
    suite_add_tcase(s, t);
    return run_suite(s);
}
