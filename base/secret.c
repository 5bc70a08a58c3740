/* SPDX-License-Identifier: Apache-2.0
 * secret.c - secrets in pages of their own, and constant-time helpers on OpenSSL's.
 */
#include "base/secret.h"

#include "base/buf.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

enum cl_status cl_secret_alloc(struct cl_secret *ret_s, size_t len, struct cl_err *err)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (len > SIZE_MAX - page) {
        return cl_err_nomem(err, "secret");
    }
    size_t map_size = (len + page) & ~(page - 1); /* at least one byte more than len */
    void *p = mmap(NULL, map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return cl_err_nomem(err, "secret");
    }
    (void)mlock(p, map_size); /* RLIMIT_MEMLOCK may forbid it; the other two lines always hold */
    (void)madvise(p, map_size, MADV_DONTDUMP);
    (void)madvise(p, map_size, MADV_WIPEONFORK);
    *ret_s = (struct cl_secret){.data = p, .len = len, .map_size = map_size};
    return CL_OK;
}

enum cl_status cl_secret_from(struct cl_secret *ret_s, const void *data, size_t len,
                              struct cl_err *err)
{
    CL_TRY(cl_secret_alloc(ret_s, len, err));
    if (len > 0) {
        memcpy(ret_s->data, data, len);
    }
    return CL_OK;
}

enum cl_status cl_secret_random(struct cl_secret *ret_s, size_t len, struct cl_err *err)
{
    struct cl_secret s = {0};
    CL_TRY(cl_secret_alloc(&s, len, err));
    enum cl_status st = cl_random(s.data, len, err);
    if (st != CL_OK) {
        cl_secret_done(&s);
        return st;
    }
    *ret_s = s;
    return CL_OK;
}

enum cl_status cl_secret_read_file(struct cl_secret *ret_s, const char *path, size_t max,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0}; /* wiped by its cleanup */
    CL_TRY(cl_buf_read_file(&raw, path, max, err));
    return cl_secret_from(ret_s, raw.data, raw.len, err);
}

void cl_secret_done(struct cl_secret *s)
{
    if (s == NULL || s->data == NULL) {
        return;
    }
    cl_wipe(s->data, s->map_size);
    (void)munmap(s->data, s->map_size);
    *s = (struct cl_secret){0};
}

void cl_wipe(void *data, size_t len)
{
    if (data != NULL) {
        OPENSSL_cleanse(data, len);
    }
}

bool cl_ct_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

enum cl_status cl_random(void *data, size_t len, struct cl_err *err)
{
    uint8_t *p = data;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return cl_err_sys(err, errno, "getrandom");
        }
        p += n;
        len -= (size_t)n;
    }
    return CL_OK;
}
