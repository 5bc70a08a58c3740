/* SPDX-License-Identifier: Apache-2.0
 * iov.h - small helpers over arrays of struct iovec: copying in and out, and dropping bytes at
 * either end. Trust: lengths were checked when the vector was made (virtq.c); the bytes are
 * hostile. Threads: pure functions.
 */
#ifndef VMM_IOV_H
#define VMM_IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

size_t vmm_iov_size(const struct iovec *iov, size_t count);
/* Copies exactly n bytes out of (into) the vector, from its start; false when it is shorter, and
 * then nothing was copied. */
bool vmm_iov_read(const struct iovec *iov, size_t count, void *dst, size_t n);
bool vmm_iov_write(const struct iovec *iov, size_t count, const void *src, size_t n);
/* Drops n bytes (at most all) from the front; *iov and *count move. */
void vmm_iov_skip(struct iovec **iov, size_t *count, size_t n);
/* Shortens the vector to n bytes (at most its size). */
void vmm_iov_trim(struct iovec *iov, size_t *count, size_t n);

#endif
