/* SPDX-License-Identifier: Apache-2.0
 * cmdline.h - command lines that people and tools measure by mistake instead of the one that was
 * meant: with or without a line end, a NUL, white space, anything.
 * Trust: the text is the user's. Threads: pure. Memory: the caller's.
 */
#ifndef CL_ATTESTATION_LAUNCH_CMDLINE_H
#define CL_ATTESTATION_LAUNCH_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

#define LAUNCH_CMDLINE_VARIANTS 7u
#define LAUNCH_CMDLINE_SIZE 4096u /* longer ones have no variants; kernels take 2048 */

struct launch_cmdline {
    char text[LAUNCH_CMDLINE_SIZE]; /* NUL-terminated */
    size_t len;                     /* bytes that are measured: with the NUL or without */
    const char *words;              /* what is different; NULL: nothing; static */
};

/* Variant i of a text, 0: as it is and with its NUL (snp.md c.3). False: there is none. */
bool launch_cmdline_variant(const char *text, unsigned i, struct launch_cmdline *ret_c);

#endif
