/* SPDX-License-Identifier: Apache-2.0
 * html_escape.c - the only way by which text that we did not write gets into a page.
 */
#include "cloister/html_report.h"

static const char *reference(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

enum cl_status cl_html_escape(struct cl_buf *out, const char *text, size_t len, struct cl_err *err)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        unsigned char b = (unsigned char)text[i];
        const char *ref = reference(text[i]);
        char code[4] = {'\\', 'x', digits[b >> 4], digits[b & 15]};
        if (ref != NULL) {
            CL_TRY(cl_buf_append_str(out, ref, err));
        } else if (b >= 0x20 && b < 0x7F) {
            CL_TRY(cl_buf_append(out, &text[i], 1, err));
        } else {
            CL_TRY(cl_buf_append(out, code, sizeof(code), err));
        }
    }
    return CL_OK;
}
