/* SPDX-License-Identifier: Apache-2.0
 * copy_hosted.c - the copy from the window where stage0's logic runs as a library: under tests
 * nothing else writes there, and the sanitizers see memcpy. The firmware's own is fw/string.c.
 */
#include "stage0.h"

#include <string.h>

void s0_copy_in(void *dst, const void *shared, size_t size)
{
    memcpy(dst, shared, size);
}
