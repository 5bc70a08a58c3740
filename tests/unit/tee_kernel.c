/* SPDX-License-Identifier: Apache-2.0
 * tee_kernel.c - see tee_kernel.h.
 */
#include "tee_kernel.h"

#include "base/io.h"
#include "check_main.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sev-guest.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define GET_REPORT0 _IOC(_IOC_READ | _IOC_WRITE, 'T', 1, 1088)
#define EXTEND_RTMR _IOC(_IOC_READ, 'T', 3, 49)

static struct tee_kernel *current;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* of whoever uses its ctx */

/* ---- the devices ---- */

/* The linker chose these names (--wrap). */
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_ioctl(int fd, unsigned long request, ...);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __real_write(int fd, const void *data, size_t len);

static int answer(int error)
{
    errno = error;
    return error == 0 ? 0 : -1;
}

static void *at(uint64_t address)
{
    return (void *)(uintptr_t)address; /* NOLINT(performance-no-int-to-ptr): the ABI's */
}

static int ext_report(struct snp_guest_request_ioctl *io)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf certs = {0};
    const struct snp_ext_report_req *req = at(io->req_data);
    struct snp_report_resp *resp = at(io->resp_data);
    ck_assert_uint_eq(io->msg_version, 1);
    int error = current->ext_report(current->ctx, req->data.user_data, resp->data, &certs);
    if (error == 0 && certs.len > 0) {
        ck_assert_uint_le(certs.len, req->certs_len);
        memcpy(at(req->certs_address), certs.data, certs.len);
    }
    return answer(error);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *arg = va_arg(args, void *);
    va_end(args);
    uint8_t *io = arg;
    if (current != NULL && request == SNP_GET_EXT_REPORT && current->ext_report != NULL) {
        return ext_report(arg);
    }
    if (current != NULL && request == GET_REPORT0 && current->tdreport != NULL) {
        return answer(current->tdreport(current->ctx, io, io + 64));
    }
    if (current != NULL && request == EXTEND_RTMR && current->extend != NULL && !current->sysfs) {
        return answer(current->extend(current->ctx, io[48], io));
    }
    return __real_ioctl(fd, request, arg);
}

static void rtmr_path(const struct tee_kernel *k, char ret[static 160])
{
    (void)snprintf(ret, 160, "%s/rtmr3:sha384", k->root);
}

static bool is_rtmr3(int fd)
{
    char path[160];
    struct stat a, b;
    if (current == NULL || !current->sysfs) {
        return false;
    }
    rtmr_path(current, path);
    return stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    if (!is_rtmr3(fd)) {
        return __real_write(fd, data, len);
    }
    if (len != 48) {
        return answer(EINVAL);
    }
    return answer(current->extend(current->ctx, 3, data)) == 0 ? (ssize_t)len : -1;
}

/* ---- configfs-tsm ---- */

static void put(const struct tee_kernel *k, const char *name, const void *data, size_t len)
{
    char path[160], fresh[160];
    (void)snprintf(path, sizeof(path), "%s/%s", k->dir, name);
    (void)snprintf(fresh, sizeof(fresh), "%s/fresh", k->dir);
    ck_assert_int_eq(cl_write_file(fresh, data, len, 0600, NULL), CL_OK);
    ck_assert_int_eq(rename(fresh, path), 0);
}

static void put_generation(struct tee_kernel *k)
{
    char text[16];
    int n = snprintf(text, sizeof(text), "%u\n", k->generation++);
    put(k, "generation", text, (size_t)n);
}

/* A new one for each reading: whoever has the old one open reads its end. */
static void new_fifo(const struct tee_kernel *k, char path[static 160])
{
    char fresh[160];
    (void)snprintf(path, 160, "%s/outblob", k->dir);
    (void)snprintf(fresh, sizeof(fresh), "%s/fresh-fifo", k->dir);
    ck_assert_int_eq(mkfifo(fresh, 0600), 0);
    ck_assert_int_eq(rename(fresh, path), 0);
}

static void serve_one(struct tee_kernel *k, int fd)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf in = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf aux = {0};
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/inblob", k->dir);
    ck_assert_int_eq(cl_buf_read_file(&in, path, 64, NULL), CL_OK);
    ck_assert_uint_eq(in.len, 64);
    (void)pthread_mutex_lock(&turn);
    k->outblob(k->ctx, in.data, &out, &aux);
    (void)pthread_mutex_unlock(&turn);
    if (aux.len > 0) {
        put(k, "auxblob", aux.data, aux.len);
    }
    if (atomic_fetch_add(&k->readings, 1) < k->races) {
        put_generation(k);
    }
    (void)!cl_write_all(fd, out.data, out.len, "outblob", NULL); /* who asked may have gone */
}

static void *serve(void *arg)
{
    struct tee_kernel *k = arg;
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/outblob", k->dir);
    for (;;) {
        int fd = open(path, O_WRONLY | O_CLOEXEC); /* until somebody reads */
        if (fd < 0 || atomic_load(&k->stop)) {
            cl_close_fdp(&fd);
            return NULL;
        }
        new_fifo(k, path);
        serve_one(k, fd);
        (void)close(fd);
    }
}

void tee_kernel_start(struct tee_kernel *k)
{
    char path[160];
    (void)snprintf(k->root, sizeof(k->root), "/tmp/cloister-kernel-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(k->root));
    (void)snprintf(k->dir, sizeof(k->dir), "%s/cloister-%d", k->root, (int)getpid());
    (void)snprintf(k->ccel, sizeof(k->ccel), "%s/CCEL", k->root);
    if (k->sysfs) {
        rtmr_path(k, path);
        ck_assert_int_eq(cl_write_file(path, "", 0, 0600, NULL), CL_OK);
    }
    current = k;
    if (k->provider == NULL) {
        return;
    }
    ck_assert_int_eq(mkdir(k->dir, 0700), 0);
    put(k, "inblob", "", 0);
    put(k, "provider", k->provider, strlen(k->provider));
    put_generation(k);
    new_fifo(k, path);
    (void)signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(pthread_create(&k->thread, NULL, serve, k), 0);
    k->running = true;
}

void tee_kernel_settle(void)
{
    (void)pthread_mutex_lock(&turn);
    (void)pthread_mutex_unlock(&turn);
}

void tee_kernel_stop(struct tee_kernel *k)
{
    char command[128];
    char path[160];
    if (k->running) {
        (void)snprintf(path, sizeof(path), "%s/outblob", k->dir);
        atomic_store(&k->stop, true);
        int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        (void)pthread_join(k->thread, NULL);
        cl_close_fdp(&fd);
    }
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", k->root);
    ck_assert_int_eq(system(command), 0);
    current = NULL;
}

void tee_kernel_ccel(struct tee_kernel *k, const void *data, size_t len)
{
    ck_assert_int_eq(cl_write_file(k->ccel, data, len, 0600, NULL), CL_OK);
}

struct agent_evidence tee_kernel_evidence(const struct tee_kernel *k, enum agent_tee tee)
{
    return (struct agent_evidence){.tee = tee,
                                   .tsm_root = k->provider != NULL ? k->root : "/nonexistent",
                                   .sev_guest =
                                       k->ext_report != NULL ? "/dev/null" : "/nonexistent",
                                   .tdx_guest = k->tdreport != NULL ? "/dev/null" : "/nonexistent",
                                   .ccel = k->ccel,
                                   .measurements = k->root};
}
