/* SPDX-License-Identifier: Apache-2.0
 * tsm.c - a report from the kernel's configfs-tsm.
 * Trust: see gather.h. Threads: a directory for each process. Memory: the answer.
 * Spec: Linux Documentation/ABI/testing/configfs-tsm-report.
 */
#include "cloister/gather.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TSM_TRIES 5
#define TSM_PATH 256u

void cl_tsm_report_done(struct cl_tsm_report *r)
{
    cl_buf_done(&r->report);
    cl_buf_done(&r->certs);
    *r = (struct cl_tsm_report){0};
}

static enum cl_status attribute(const char *dir, const char *name, char ret[static TSM_PATH],
                                struct cl_err *err)
{
    int n = snprintf(ret, TSM_PATH, "%s/%s", dir, name);
    return n < 0 || (size_t)n >= TSM_PATH ? cl_err_sys(err, ENAMETOOLONG, "open '%s'", dir) : CL_OK;
}

static enum cl_status put(const char *dir, const void *data, size_t len, struct cl_err *err)
{
    char path[TSM_PATH];
    CL_TRY(attribute(dir, "inblob", path, err));
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    return cl_write_all(fd, data, len, path, err); /* configfs takes one write */
}

static enum cl_status get(const char *dir, const char *name, size_t max, struct cl_buf *out,
                          struct cl_err *err)
{
    char path[TSM_PATH];
    CL_TRY(attribute(dir, name, path, err));
    cl_buf_reset(out);
    return cl_buf_read_file(out, path, max, err);
}

/* A short attribute as text, without the end of its line. */
static enum cl_status get_text(const char *dir, const char *name, char *ret, size_t size,
                               struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    CL_TRY(get(dir, name, size - 1, &b, err));
    (void)snprintf(ret, size, "%s", b.data != NULL ? (const char *)b.data : "");
    ret[strcspn(ret, "\n")] = '\0';
    return CL_OK;
}

/* One report; *ret_same tells whether inblob stayed ours from writing to reading. err is not NULL.
 */
static enum cl_status once(const char *dir, const uint8_t report_data[static CL_REPORT_DATA_SIZE],
                           struct cl_tsm_report *r, bool *ret_same, struct cl_err *err)
{
    char before[64], after[64];
    CL_TRY(put(dir, report_data, CL_REPORT_DATA_SIZE, err));
    CL_TRY(get_text(dir, "generation", before, sizeof(before), err));
    CL_TRY(get_text(dir, "provider", r->provider, sizeof(r->provider), err));
    CL_TRY(get(dir, "outblob", CL_GATHER_MAX_BLOB, &r->report, err));
    enum cl_status st = get(dir, "auxblob", CL_GATHER_MAX_BLOB, &r->certs, err);
    if (st != CL_OK && err->sys_errno != ENOENT) { /* TDX has none */
        return st;
    }
    CL_TRY(get_text(dir, "generation", after, sizeof(after), err));
    *ret_same = strcmp(before, after) == 0;
    return CL_OK;
}

static bool is_busy(const struct cl_err *err)
{
    return err->status == CL_ERR_SYS && (err->sys_errno == EBUSY || err->sys_errno == EINTR ||
                                         err->sys_errno == EAGAIN || err->sys_errno == ETIMEDOUT);
}

static enum cl_status ask(const char *dir, const uint8_t report_data[static CL_REPORT_DATA_SIZE],
                          struct cl_tsm_report *r, struct cl_err *err)
{
    const char *why = "another writer's";
    for (int i = 0; i < TSM_TRIES; i++) {
        bool same = false;
        struct cl_err last = {0};
        enum cl_status st = once(dir, report_data, r, &same, &last);
        if (st == CL_OK && same) {
            return CL_OK;
        }
        if (st != CL_OK && !is_busy(&last)) {
            return cl_err_set(err, st, "%s", last.msg);
        }
        why = st != CL_OK ? "busy" : why;
    }
    return cl_err_set(err, CL_ERR_UNAVAILABLE,
                      "configfs-tsm '%s': outblob: expected a report, got %s in each of %d tries",
                      dir, why, TSM_TRIES);
}

enum cl_status cl_tsm_get(const char *root, const uint8_t report_data[static CL_REPORT_DATA_SIZE],
                          struct cl_tsm_report *ret_r, struct cl_err *err)
{
    char name[32], dir[TSM_PATH];
    CL_CLEANUP(cl_tsm_report_done) struct cl_tsm_report r = {0};
    (void)snprintf(name, sizeof(name), "cloister-%d", (int)getpid());
    CL_TRY(attribute(root, name, dir, err));
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "make '%s'", dir);
    }
    enum cl_status st = ask(dir, report_data, &r, err);
    (void)rmdir(dir);
    CL_TRY(st);
    *ret_r = r;
    r = (struct cl_tsm_report){0}; /* moved */
    return CL_OK;
}
