/* SPDX-License-Identifier: Apache-2.0
 * edit.h - for table tests of parsers: a good text with one piece exchanged.
 */
#ifndef CL_TEST_EDIT_H
#define CL_TEST_EDIT_H

#include "check_main.h"

#include <string.h>

/* `text` with the first `from` replaced by `to`; the caller frees it. `from` must be there. */
static inline char *edit(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    ck_assert_msg(at != NULL, "not in the text: %s", from);
    size_t head = (size_t)(at - text);
    size_t tail = strlen(at + strlen(from));
    char *out = malloc(head + strlen(to) + tail + 1);
    ck_assert_ptr_nonnull(out);
    memcpy(out, text, head);
    memcpy(out + head, to, strlen(to));
    memcpy(out + head + strlen(to), at + strlen(from), tail + 1);
    return out;
}

#endif
