/* SPDX-License-Identifier: Apache-2.0
 * io.h - files, descriptors, Unix sockets and time, with our errors. EINTR is handled inside.
 */
#ifndef CL_BASE_IO_H
#define CL_BASE_IO_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

void cl_close_fdp(int *fd); /* for CL_CLEANUP; -1 is fine */
CL_NODISCARD enum cl_status cl_write_all(int fd, const void *data, size_t n, const char *what,
                                         struct cl_err *err);
/* Exactly n bytes; CL_ERR_TRUNCATED when the stream ends before. */
CL_NODISCARD enum cl_status cl_read_all(int fd, void *data, size_t n, const char *what,
                                        struct cl_err *err);
/* Writes a file under a temporary name beside it, fsyncs file and directory, renames. Nothing
 * half-written is ever seen. */
CL_NODISCARD enum cl_status cl_write_file(const char *path, const void *data, size_t n, mode_t mode,
                                          struct cl_err *err);
/* Stream socket listening on path (a stale socket file is replaced), mode 0600, CLOEXEC. The path
 * appears when it can be connected to: until then it has a '~' at its end. */
CL_NODISCARD enum cl_status cl_unix_listen(const char *path, int *ret_fd, struct cl_err *err);
CL_NODISCARD enum cl_status cl_unix_connect(const char *path, int *ret_fd, struct cl_err *err);
/* The same, waiting at most so long (1..) for a listener that is busy; the limit stays on what is
 * sent later. */
CL_NODISCARD enum cl_status cl_unix_connect_within(const char *path, unsigned timeout_ms,
                                                   int *ret_fd, struct cl_err *err);
uint64_t cl_monotonic_us(void);
/* "2026-11-23T20:10:00Z" for seconds since 1970, and back (exactly this form). ret holds 21 bytes.
 */
void cl_time_format(char ret[static 21], int64_t unix_seconds);
CL_NODISCARD enum cl_status cl_time_parse(const char *text, int64_t *ret_unix_seconds,
                                          struct cl_err *err);
/* "512M" -> bytes; suffixes K, M, G (binary). CL_ERR_MALFORMED otherwise. */
CL_NODISCARD enum cl_status cl_size_parse(const char *text, const char *field, uint64_t *ret_bytes,
                                          struct cl_err *err);
/* Decimal digits only, in min..max. */
CL_NODISCARD enum cl_status cl_uint_parse(const char *text, const char *field, uint64_t min,
                                          uint64_t max, uint64_t *ret_u, struct cl_err *err);
/* 1 to `digits` hex digits (at most 16), with or without 0x. */
CL_NODISCARD enum cl_status cl_hex_uint_parse(const char *text, const char *field, size_t digits,
                                              uint64_t *ret_u, struct cl_err *err);

#endif
