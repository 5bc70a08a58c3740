/* SPDX-License-Identifier: Apache-2.0
 * io.c - files, descriptors, time, and numbers in text.
 */
#include "base/io.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void cl_close_fdp(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

enum cl_status cl_write_all(int fd, const void *data, size_t n, const char *what,
                            struct cl_err *err)
{
    const uint8_t *p = data;
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return cl_err_sys(err, errno, "write %s", what);
        }
        p += done;
        n -= (size_t)done;
    }
    return CL_OK;
}

enum cl_status cl_read_all(int fd, void *data, size_t n, const char *what, struct cl_err *err)
{
    uint8_t *p = data;
    size_t got = 0;
    while (got < n) {
        ssize_t done = read(fd, p + got, n - got);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            return cl_err_sys(err, errno, "read %s", what);
        }
        if (done == 0) {
            return cl_err_at(err, CL_ERR_TRUNCATED, got, "%s: expected %zu bytes, got %zu", what, n,
                             got);
        }
        got += (size_t)done;
    }
    return CL_OK;
}

static enum cl_status sync_dir_of(const char *path, struct cl_err *err)
{
    char dir[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (len >= sizeof(dir)) {
        return cl_err_sys(err, ENAMETOOLONG, "sync '%s'", path);
    }
    memcpy(dir, path, len);
    dir[len] = '\0';
    const char *name = slash == NULL ? "." : len == 0 ? "/" : dir;
    CL_CLEANUP(cl_close_fdp) int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return cl_err_sys(err, errno, "sync directory '%s'", name);
    }
    return CL_OK;
}

enum cl_status cl_write_file(const char *path, const void *data, size_t n, mode_t mode,
                             struct cl_err *err)
{
    char tmp[4096];
    int k = snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path);
    if (k < 0 || (size_t)k >= sizeof(tmp)) {
        return cl_err_sys(err, ENAMETOOLONG, "write '%s'", path);
    }
    CL_CLEANUP(cl_close_fdp) int fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "create '%s'", path);
    }
    enum cl_status st = cl_write_all(fd, data, n, path, err);
    if (st == CL_OK && (fchmod(fd, mode) != 0 || fsync(fd) != 0 || rename(tmp, path) != 0)) {
        st = cl_err_sys(err, errno, "write '%s'", path);
    }
    if (st != CL_OK) {
        (void)unlink(tmp);
        return st;
    }
    return sync_dir_of(path, err);
}

uint64_t cl_monotonic_us(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

void cl_time_format(char ret[static 21], int64_t unix_seconds)
{
    time_t t = (time_t)unix_seconds;
    struct tm tm = {0};
    if (gmtime_r(&t, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 8099 ||
        strftime(ret, 21, "%Y-%m-%dT%H:%M:%SZ", &tm) != 20) {
        memcpy(ret, "0000-00-00T00:00:00Z", 21);
    }
}

enum cl_status cl_time_parse(const char *text, int64_t *ret_unix_seconds, struct cl_err *err)
{
    struct tm tm = {0};
    const char *end = strlen(text) == 20 ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;
    char again[21] = "-"; /* equals no input while nothing was parsed */
    int64_t t = 0;
    if (end != NULL && *end == '\0') {
        t = (int64_t)timegm(&tm);
        cl_time_format(again, t);
    }
    if (strcmp(again, text) != 0) { /* also refuses 30 February, which timegm would move */
        return cl_err_set(err, CL_ERR_MALFORMED, "time: expected YYYY-MM-DDTHH:MM:SSZ, got '%.40s'",
                          text);
    }
    *ret_unix_seconds = t;
    return CL_OK;
}

/* Leading decimal digits; false when there are none or they do not fit. */
static bool take_digits(const char **text, uint64_t *ret)
{
    uint64_t x = 0;
    const char *p = *text;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(x, 10u, &x) ||
            __builtin_add_overflow(x, (uint64_t)(*p - '0'), &x)) {
            return false;
        }
    }
    if (p == *text) {
        return false;
    }
    *text = p;
    *ret = x;
    return true;
}

enum cl_status cl_size_parse(const char *text, const char *field, uint64_t *ret_bytes,
                             struct cl_err *err)
{
    const char *p = text;
    uint64_t x = 0;
    bool good = take_digits(&p, &x);
    unsigned shift = *p == 'K' ? 10 : *p == 'M' ? 20 : *p == 'G' ? 30 : 0;
    p += shift != 0;
    if (!good || *p != '\0' || x > UINT64_MAX >> shift) {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected a size such as 512M, got '%.40s'",
                          field, text);
    }
    *ret_bytes = x << shift;
    return CL_OK;
}

enum cl_status cl_uint_parse(const char *text, const char *field, uint64_t min, uint64_t max,
                             uint64_t *ret_u, struct cl_err *err)
{
    const char *p = text;
    uint64_t x = 0;
    if (!take_digits(&p, &x) || *p != '\0' || x < min || x > max) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: expected a number from %llu to %llu, got '%.40s'", field,
                          (unsigned long long)min, (unsigned long long)max, text);
    }
    *ret_u = x;
    return CL_OK;
}

enum cl_status cl_hex_uint_parse(const char *text, const char *field, size_t digits,
                                 uint64_t *ret_u, struct cl_err *err)
{
    const char *p = strncmp(text, "0x", 2) == 0 ? text + 2 : text;
    size_t n = strspn(p, "0123456789abcdefABCDEF");
    if (n == 0 || n > digits || p[n] != '\0') {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected 1 to %zu hex digits, got '%.40s'",
                          field, digits, text);
    }
    *ret_u = strtoull(p, NULL, 16);
    return CL_OK;
}
