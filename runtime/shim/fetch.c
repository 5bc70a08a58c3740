/* SPDX-License-Identifier: Apache-2.0
 * fetch.c - cloister-fetch and its end. Trust, threads, memory: fetch.h.
 */
#include "fetch.h"

#include "config.h"

#include "base/io.h"
#include "host/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *cache_dir(const struct shim_config *s)
{
    return s->cache_dir != NULL ? s->cache_dir : SHIM_FETCH_CACHE;
}

void shim_fetch_folder(const struct shim_config *settings, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s/sha256", cache_dir(settings));
}

/* As base/cmd.h's cl_fail() makes exit statuses of them. */
static enum cl_status status_of(int wait_status)
{
    switch (WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0) {
    case 1:
        return CL_ERR_REJECTED;
    case 4:
        return CL_ERR_MALFORMED;
    case 5:
        return CL_ERR_SYS;
    default:
        return CL_ERR_UNAVAILABLE;
    }
}

/* What the program says of its failure, until it ends; `why` holds a C string afterwards. */
static enum cl_status listen_to(const struct shim_fetch_request *r, int fd, char *why, size_t size,
                                struct cl_err *err)
{
    uint64_t end = cl_monotonic_us() + (uint64_t)r->settings->image_timeout_s * 1000000;
    size_t len = 0;
    char rest[128];
    for (;;) {
        struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = r->stop_fd, .events = POLLIN}};
        uint64_t now = cl_monotonic_us();
        int left = now < end ? (int)((end - now) / 1000) + 1 : 0;
        int n = poll(p, CL_ARRAY_LEN(p), left);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n == 0) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE,
                              "image '%.100s': expected its blobs within %u s (image.timeout-s); "
                              "what came is kept for the next try",
                              r->image, (unsigned)r->settings->image_timeout_s);
        }
        if (n < 0 || p[1].revents != 0) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE, "image '%.100s': given up", r->image);
        }
        bool full = len + 1 >= size;
        ssize_t got = read(fd, full ? rest : why + len, full ? sizeof(rest) : size - len - 1);
        if (got <= 0) {
            why[len] = '\0';
            return CL_OK;
        }
        len += full ? 0 : (size_t)got;
    }
}

static enum cl_status start(const struct shim_fetch_request *r, int report,
                            struct host_child *child, struct cl_err *err)
{
    const struct shim_config *s = r->settings;
    char digest[CL_OCI_DIGEST_SIZE];
    char mib[16];
    const char *argv[24] = {"cloister-fetch", "--report",   "--image", r->image,
                            "--digest",       digest,       "--store", r->store,
                            "--cache",        cache_dir(s), NULL};
    size_t n = 10;
    const struct {
        const char *option, *value;
    } given[] = {{"--cache-mib", s->cache_mib > 0 ? mib : NULL},
                 {"--certs", s->certs_dir},
                 {"--auth-file", s->auth_file},
                 {"--registry-ca", s->registry_ca}};
    const struct host_keep keep = {.fd = {report}, .count = 1};
    cl_oci_digest_format(digest, r->target);
    (void)snprintf(mib, sizeof(mib), "%u", (unsigned)s->cache_mib);
    for (size_t i = 0; i < CL_ARRAY_LEN(given); i++) {
        if (given[i].value != NULL) {
            argv[n++] = given[i].option;
            argv[n++] = given[i].value;
        }
    }
    return host_child_start(child, "cloister-fetch", argv, &keep, err);
}

enum cl_status shim_fetch(const struct shim_fetch_request *r, struct cl_err *err)
{
    struct host_child child = {0};
    char why[CL_ERR_MSG_SIZE] = "";
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        return cl_err_sys(err, errno, "fetch");
    }
    enum cl_status st = start(r, report[1], &child, err);
    (void)close(report[1]);
    st = st == CL_OK ? listen_to(r, report[0], why, sizeof(why), err) : st;
    (void)close(report[0]);
    if (st != CL_OK) {
        host_child_kill(&child);
        return st;
    }
    while (waitpid(child.pid, &child.wait_status, 0) < 0 && errno == EINTR) {
    }
    child.ended = true;
    if (host_child_good(&child)) {
        return CL_OK;
    }
    if (why[0] == '\0') {
        host_child_words(&child, why, sizeof(why));
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "image '%.100s': cloister-fetch %s", r->image,
                          why);
    }
    return cl_err_set(err, status_of(child.wait_status), "%s", why);
}
