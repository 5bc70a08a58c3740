/* SPDX-License-Identifier: Apache-2.0
 * words.h - the differences between a configuration and a variation of it, as one line of text.
 */
#ifndef CL_ATTESTATION_LAUNCH_WORDS_H
#define CL_ATTESTATION_LAUNCH_WORDS_H

#include "base/compiler.h"

#include <stddef.h>

/* Appends to a text of `size` bytes, behind ", " unless it is the first, and counts; what does not
 * fit is cut. */
CL_PRINTF(4, 5)
void launch_words_add(char *text, size_t size, unsigned *count, const char *fmt, ...);

#endif
