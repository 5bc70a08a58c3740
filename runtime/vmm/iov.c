/* SPDX-License-Identifier: Apache-2.0
 * iov.c - see iov.h.
 */
#include "iov.h"

#include <string.h>

size_t vmm_iov_size(const struct iovec *iov, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += iov[i].iov_len; /* bounded: VMM_CHAIN_MAX_SIZE */
    }
    return total;
}

bool vmm_iov_read(const struct iovec *iov, size_t count, void *dst, size_t n)
{
    uint8_t *p = dst;
    if (vmm_iov_size(iov, count) < n) {
        return false;
    }
    for (size_t i = 0; n > 0; i++) {
        size_t part = iov[i].iov_len < n ? iov[i].iov_len : n;
        memcpy(p, iov[i].iov_base, part);
        p += part;
        n -= part;
    }
    return true;
}

bool vmm_iov_write(const struct iovec *iov, size_t count, const void *src, size_t n)
{
    const uint8_t *p = src;
    if (vmm_iov_size(iov, count) < n) {
        return false;
    }
    for (size_t i = 0; n > 0; i++) {
        size_t part = iov[i].iov_len < n ? iov[i].iov_len : n;
        memcpy(iov[i].iov_base, p, part);
        p += part;
        n -= part;
    }
    return true;
}

void vmm_iov_skip(struct iovec **iov, size_t *count, size_t n)
{
    while (*count > 0 && n >= (*iov)->iov_len) {
        n -= (*iov)->iov_len;
        (*iov)++;
        (*count)--;
    }
    if (*count > 0) {
        (*iov)->iov_base = (uint8_t *)(*iov)->iov_base + n;
        (*iov)->iov_len -= n;
    }
}

void vmm_iov_trim(struct iovec *iov, size_t *count, size_t n)
{
    size_t i = 0;
    for (; i < *count && n > 0; i++) {
        if (iov[i].iov_len > n) {
            iov[i].iov_len = n;
        }
        n -= iov[i].iov_len;
    }
    *count = i;
}
