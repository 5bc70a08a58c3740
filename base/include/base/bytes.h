/* SPDX-License-Identifier: Apache-2.0
 * bytes.h - bounds-checked reading and writing of byte strings, and integers with their endianness
 * in the type. Trust: the bytes given to a reader are hostile. The first failure sticks; later
 * reads give zero. Freestanding apart from the *_check functions.
 */
#ifndef CL_BASE_BYTES_H
#define CL_BASE_BYTES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t b[2];
} cl_le16;
typedef struct {
    uint8_t b[4];
} cl_le32;
typedef struct {
    uint8_t b[8];
} cl_le64;
typedef struct {
    uint8_t b[2];
} cl_be16;
typedef struct {
    uint8_t b[4];
} cl_be32;
typedef struct {
    uint8_t b[8];
} cl_be64;

uint16_t cl_le16_get(const cl_le16 *v);
uint32_t cl_le32_get(const cl_le32 *v);
uint64_t cl_le64_get(const cl_le64 *v);
uint16_t cl_be16_get(const cl_be16 *v);
uint32_t cl_be32_get(const cl_be32 *v);
uint64_t cl_be64_get(const cl_be64 *v);
void cl_le16_put(cl_le16 *v, uint16_t x);
void cl_le32_put(cl_le32 *v, uint32_t x);
void cl_le64_put(cl_le64 *v, uint64_t x);
void cl_be16_put(cl_be16 *v, uint16_t x);
void cl_be32_put(cl_be32 *v, uint32_t x);
void cl_be64_put(cl_be64 *v, uint64_t x);

struct cl_reader {
    const uint8_t *data; /* borrowed */
    size_t len;
    size_t pos;         /* invariant: pos <= len */
    const char *failed; /* field that could not be read; NULL while good */
};

struct cl_reader cl_reader_init(const void *data, size_t len);
/* n bytes, borrowed from the input, or NULL when they are not there. */
const uint8_t *cl_reader_bytes(struct cl_reader *r, size_t n, const char *field);
void cl_reader_copy(struct cl_reader *r, void *dst, size_t n,
                    const char *field); /* zero-fills dst on failure */
void cl_reader_skip(struct cl_reader *r, size_t n, const char *field);
uint8_t cl_reader_u8(struct cl_reader *r, const char *field);
uint16_t cl_reader_le16(struct cl_reader *r, const char *field);
uint32_t cl_reader_le32(struct cl_reader *r, const char *field);
uint64_t cl_reader_le64(struct cl_reader *r, const char *field);
uint16_t cl_reader_be16(struct cl_reader *r, const char *field);
uint32_t cl_reader_be32(struct cl_reader *r, const char *field);
uint64_t cl_reader_be64(struct cl_reader *r, const char *field);
/* A reader confined to the next n bytes; the outer one moves past them. */
struct cl_reader cl_reader_sub(struct cl_reader *r, size_t n, const char *field);
size_t cl_reader_left(const struct cl_reader *r);
/* CL_OK, or CL_ERR_TRUNCATED naming `what` and the field. */
CL_NODISCARD enum cl_status cl_reader_check(const struct cl_reader *r, const char *what,
                                            struct cl_err *err);
/* As _check, and CL_ERR_MALFORMED when bytes are left over. */
CL_NODISCARD enum cl_status cl_reader_finish(const struct cl_reader *r, const char *what,
                                             struct cl_err *err);

struct cl_writer {
    uint8_t *data; /* borrowed */
    size_t size;
    size_t len;
    bool overflow; /* sticks */
};

struct cl_writer cl_writer_init(void *data, size_t size);
void cl_writer_bytes(struct cl_writer *w, const void *src, size_t n);
void cl_writer_zero(struct cl_writer *w, size_t n);
void cl_writer_u8(struct cl_writer *w, uint8_t x);
void cl_writer_le16(struct cl_writer *w, uint16_t x);
void cl_writer_le32(struct cl_writer *w, uint32_t x);
void cl_writer_le64(struct cl_writer *w, uint64_t x);
void cl_writer_be16(struct cl_writer *w, uint16_t x);
void cl_writer_be32(struct cl_writer *w, uint32_t x);
void cl_writer_be64(struct cl_writer *w, uint64_t x);
CL_NODISCARD enum cl_status cl_writer_check(const struct cl_writer *w, const char *what,
                                            struct cl_err *err);

/* *ret = a + b, a * b; false (and *ret untouched) on overflow. */
CL_NODISCARD bool cl_add_size(size_t a, size_t b, size_t *ret);
CL_NODISCARD bool cl_mul_size(size_t a, size_t b, size_t *ret);
CL_NODISCARD bool cl_add_u64(uint64_t a, uint64_t b, uint64_t *ret);

#endif
