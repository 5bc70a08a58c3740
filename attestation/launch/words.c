/* SPDX-License-Identifier: Apache-2.0
 * words.c - see words.h.
 */
#include "launch/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void launch_words_add(char *text, size_t size, unsigned *count, const char *fmt, ...)
{
    size_t at = strlen(text);
    if (*count > 0 && at + 3 < size) {
        memcpy(text + at, ", ", 3);
        at += 2;
    }
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text + at, size - at, fmt, ap);
    va_end(ap);
    (*count)++;
}
