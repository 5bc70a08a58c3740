/* SPDX-License-Identifier: Apache-2.0
 * test_host_disk.c - a disk for a VM that runs: what is sent to the VMM, and what its answers are
 * taken for.
 */
#include "host/disk.h"

#include "base/io.h"
#include "check_main.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[64];
static int listening = -1;
static const char *answer; /* NULL: hangs up */
static char got[128];
static bool got_fd;

static void setup(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(dir, sizeof(dir), "/tmp/diskXXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/control.sock", dir);
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listening, (const struct sockaddr *)&a, sizeof(a)), 0);
    ck_assert_int_eq(listen(listening, 1), 0);
    got_fd = false;
    memset(got, 0, sizeof(got));
}

static void teardown(void)
{
    char path[100];
    cl_close_fdp(&listening);
    (void)snprintf(path, sizeof(path), "%s/control.sock", dir);
    (void)unlink(path);
    (void)rmdir(dir);
}

static void *vmm(void *arg)
{
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {.iov_base = got, .iov_len = sizeof(got) - 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.buf,
                         .msg_controllen = sizeof(control.buf)};
    int fd = accept(listening, NULL, NULL);
    if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) > 0 && CMSG_FIRSTHDR(&msg) != NULL) {
        int passed = -1;
        memcpy(&passed, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
        got_fd = fcntl(passed, F_GETFL) >= 0;
        (void)close(passed);
    }
    if (answer != NULL) {
        (void)!write(fd, answer, strlen(answer));
    }
    (void)close(fd);
    return arg;
}

static enum cl_status attach(const char *text, struct cl_err *err)
{
    pthread_t t;
    answer = text;
    CL_CLEANUP(cl_close_fdp) int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(pthread_create(&t, NULL, vmm, NULL), 0);
    enum cl_status st = host_disk_attach(dir, 3, fd, err);
    (void)pthread_join(t, NULL);
    return st;
}

START_TEST(test_what_is_sent)
{
    struct cl_err err = {0};
    ck_assert_msg(attach("{\"ok\":true}\n", &err) == CL_OK, "%s", err.msg);
    ck_assert_str_eq(got, "{\"op\":\"disk\",\"slot\":3,\"path\":\"volume\"}\n");
    ck_assert(got_fd);
}
END_TEST

static const struct {
    const char *answer;
    enum cl_status st;
    const char *words;
} bad[] = {
    {"{\"ok\":false,\"error\":\"disk: slot 3: expected empty, got in use\"}\n", CL_ERR_REJECTED,
     "VMM: disk: slot 3: expected empty, got in use"},
    {"{\"ok\":false}\n", CL_ERR_REJECTED, "VMM: refused"},
    {"{\"ok\":\"true\"}\n", CL_ERR_REJECTED, "VMM: refused"},
    {"{}\n", CL_ERR_REJECTED, "VMM: refused"},
    {"ok\n", CL_ERR_MALFORMED, "VMM"},
    {"\n", CL_ERR_TRUNCATED, "VMM"},
    {"{\"ok\":true}", CL_ERR_UNAVAILABLE, "expected an answer of one line"},
    {NULL, CL_ERR_UNAVAILABLE, "expected an answer of one line"},
};

START_TEST(test_answers_that_are_no_yes)
{
    struct cl_err err = {0};
    ck_assert_int_eq(attach(bad[_i].answer, &err), bad[_i].st);
    ck_assert_msg(strstr(err.msg, bad[_i].words) != NULL, "%s", err.msg);
}
END_TEST

START_TEST(test_a_line_without_end)
{
    static char text[HOST_DISK_ANSWER + 10];
    struct cl_err err = {0};
    memset(text, 'x', sizeof(text) - 1);
    ck_assert_int_eq(attach(text, &err), CL_ERR_UNAVAILABLE);
}
END_TEST

START_TEST(test_no_vmm)
{
    struct cl_err err = {0};
    ck_assert_int_eq(host_disk_attach("/no/such", 3, 0, &err), CL_ERR_UNAVAILABLE);
    char path[200];
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    ck_assert_int_eq(host_disk_attach(path, 3, 0, &err), CL_ERR_MALFORMED);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("disks of a VM that runs");
    TCase *t = tcase_create("disks");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_what_is_sent);
    tcase_add_loop_test(t, test_answers_that_are_no_yes, 0, CL_ARRAY_LEN(bad));
    tcase_add_test(t, test_a_line_without_end);
    tcase_add_test(t, test_no_vmm);
    suite_add_tcase(s, t);
    return run_suite(s);
}
