/* SPDX-License-Identifier: Apache-2.0
 * cbor.h - strict deterministic CBOR over libcbor's stream functions (RFC 8949, 4.2): a pull reader
 * that goes through a document item by item, and the writer beside it.
 * Trust: the bytes given to a reader are hostile. Refused: indefinite lengths, heads longer than
 *        their value needs, floats and other simple values, text that is not UTF-8, map keys out of
 *        order or twice. Nothing is allocated, and nesting is bounded by CL_CBOR_MAX_DEPTH.
 * Threads: no shared state.
 */
#ifndef CL_ATTESTATION_CBOR_H
#define CL_ATTESTATION_CBOR_H

#include "base/buf.h"

#include <stdbool.h>

#define CL_CBOR_MAX_DEPTH 16u

enum cl_cbor_type { /* UINT to TAG in the order of the major types */
                    CL_CBOR_NONE = 0,
                    CL_CBOR_UINT,
                    CL_CBOR_NEGINT, /* value is -1 - u */
                    CL_CBOR_BYTES,
                    CL_CBOR_TEXT,
                    CL_CBOR_ARRAY,
                    CL_CBOR_MAP,
                    CL_CBOR_TAG,
                    CL_CBOR_BOOL,
                    CL_CBOR_NULL,
};

struct cl_cbor_item { /* one head, with the bytes of a string */
    enum cl_cbor_type type;
    uint64_t u;          /* value, tag number, or count of elements (pairs, in a map) */
    const uint8_t *data; /* of a string: borrowed from the input, u bytes */
};

struct cl_cbor_reader {
    const uint8_t *data; /* borrowed */
    size_t len, pos;
};

struct cl_cbor_map { /* a map while it is read */
    uint64_t left;
    const uint8_t *last; /* the encoded key before; NULL at the first */
    size_t last_len;
};

struct cl_cbor_reader cl_cbor_reader_init(const void *data, size_t len);
/* The next item. CL_ERR_TRUNCATED or CL_ERR_MALFORMED with the offset, naming `field`. */
CL_NODISCARD enum cl_status cl_cbor_next(struct cl_cbor_reader *r, const char *field,
                                         struct cl_cbor_item *ret_i, struct cl_err *err);
/* The next item, which must be of that type. */
CL_NODISCARD enum cl_status cl_cbor_expect(struct cl_cbor_reader *r, const char *field,
                                           enum cl_cbor_type type, struct cl_cbor_item *ret_i,
                                           struct cl_err *err);
/* A tag of exactly that number. */
CL_NODISCARD enum cl_status cl_cbor_expect_tag(struct cl_cbor_reader *r, const char *field,
                                               uint64_t tag, struct cl_err *err);
/* An array of min to max elements; their count. */
CL_NODISCARD enum cl_status cl_cbor_array(struct cl_cbor_reader *r, const char *field, uint64_t min,
                                          uint64_t max, uint64_t *ret_count, struct cl_err *err);
/* A map of at least one and at most max pairs. */
CL_NODISCARD enum cl_status cl_cbor_map(struct cl_cbor_reader *r, const char *field, uint64_t max,
                                        struct cl_cbor_map *ret_m, struct cl_err *err);
/* The next key, an integer or text, greater than the one before; *ret_more is false at the end. */
CL_NODISCARD enum cl_status cl_cbor_map_key(struct cl_cbor_reader *r, const char *field,
                                            struct cl_cbor_map *m, struct cl_cbor_item *ret_key,
                                            bool *ret_more, struct cl_err *err);
/* Steps over one whole item, checked as strictly as what is read. */
CL_NODISCARD enum cl_status cl_cbor_skip(struct cl_cbor_reader *r, const char *field,
                                         struct cl_err *err);
/* CL_ERR_MALFORMED when bytes are left. */
CL_NODISCARD enum cl_status cl_cbor_finish(const struct cl_cbor_reader *r, const char *field,
                                           struct cl_err *err);

struct cl_cbor_writer {
    struct cl_buf *out; /* borrowed; items are appended */
    bool failed;        /* memory ran out: sticks, and later items are dropped */
};

struct cl_cbor_writer cl_cbor_writer_init(struct cl_buf *out);
/* One head, of CL_CBOR_UINT to CL_CBOR_TAG. For CL_CBOR_NEGINT u is -1 - value; strings need their
 * bytes behind. */
void cl_cbor_put_head(struct cl_cbor_writer *w, enum cl_cbor_type type, uint64_t u);
void cl_cbor_put_int(struct cl_cbor_writer *w, int64_t v);
void cl_cbor_put_bytes(struct cl_cbor_writer *w, const void *data, size_t n);
void cl_cbor_put_text(struct cl_cbor_writer *w, const char *s);
/* CL_ERR_NOMEM when something is missing. */
CL_NODISCARD enum cl_status cl_cbor_writer_check(const struct cl_cbor_writer *w,
                                                 struct cl_err *err);

#endif
