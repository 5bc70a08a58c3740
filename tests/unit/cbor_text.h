/* SPDX-License-Identifier: Apache-2.0
 * cbor_text.h - CBOR out of a line of text, for tests that need odd documents:
 *   "T501 M2 0 'id' 1 A1 T506 < M1 0 1 >"    tag 501, map of 2, 0, text, 1, array of 1, tag, bytes
 * T, M, A: head of a tag, map, array; numbers; 'text'; h0a0b: bytes; < ... >: the inside as bytes;
 * x0a0b: these bytes as they are.
 */
#ifndef CL_TEST_CBOR_TEXT_H
#define CL_TEST_CBOR_TEXT_H

#include "cbor/cbor.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static inline size_t cbor_text_hex(const char *p, uint8_t *out)
{
    size_t n = 0;
    for (; p[0] != '\0' && p[0] != ' '; p += 2) {
        char pair[3] = {p[0], p[1], '\0'};
        out[n++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n;
}

static inline const char *cbor_text_part(const char *p, struct cl_buf *out)
{
    static const struct {
        char letter;
        enum cl_cbor_type type;
    } heads[] = {{'T', CL_CBOR_TAG}, {'M', CL_CBOR_MAP}, {'A', CL_CBOR_ARRAY}};
    struct cl_cbor_writer w = cl_cbor_writer_init(out);
    uint8_t bytes[1024];
    while (*p != '\0' && *p != '>') {
        if (*p == ' ') {
            p++;
            continue;
        }
        if (*p == '<') {
            struct cl_buf inner = {0};
            p = cbor_text_part(p + 1, &inner);
            assert(*p == '>');
            cl_cbor_put_bytes(&w, inner.data, inner.len);
            cl_buf_done(&inner);
            p++;
        } else if (*p == '\'') {
            size_t n = strcspn(p + 1, "'");
            char text[512] = "";
            assert(n < sizeof(text));
            memcpy(text, p + 1, n);
            cl_cbor_put_text(&w, text);
            p += n + 2;
        } else {
            bool done = false;
            for (size_t i = 0; i < CL_ARRAY_LEN(heads); i++) {
                if (*p == heads[i].letter) {
                    cl_cbor_put_head(&w, heads[i].type, strtoull(p + 1, NULL, 10));
                    done = true;
                }
            }
            if (*p == 'h') {
                cl_cbor_put_bytes(&w, bytes, cbor_text_hex(p + 1, bytes));
            } else if (*p == 'x') {
                enum cl_status st = cl_buf_append(out, bytes, cbor_text_hex(p + 1, bytes), NULL);
                assert(st == CL_OK);
                (void)st;
            } else if (!done) {
                cl_cbor_put_int(&w, strtoll(p, NULL, 10));
            }
            p += strcspn(p, " ");
        }
    }
    assert(cl_cbor_writer_check(&w, NULL) == CL_OK);
    return p;
}

static inline void cbor_text(const char *text, struct cl_buf *out)
{
    cl_buf_reset(out);
    (void)cbor_text_part(text, out);
}

#endif
