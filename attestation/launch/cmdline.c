/* SPDX-License-Identifier: Apache-2.0
 * cmdline.c - see cmdline.h.
 */
#include "launch/cmdline.h"

#include "base/compiler.h"

#include <string.h>

static const struct {
    const char *words;
    bool empty, strip, line_end, no_nul;
} variants[LAUNCH_CMDLINE_VARIANTS] = {
    {.words = NULL},
    {.words = "the command line with a line end", .line_end = true},
    {.words = "the command line without its NUL", .no_nul = true},
    {.words = "the command line with a line end and no NUL", .line_end = true, .no_nul = true},
    {.words = "an empty command line", .empty = true},
    {.words = "the command line without white space at its end", .strip = true},
    {.words = "no bytes at all as the command line", .empty = true, .no_nul = true},
};

bool launch_cmdline_variant(const char *text, unsigned i, struct launch_cmdline *ret_c)
{
    size_t n = strlen(text);
    if (i >= LAUNCH_CMDLINE_VARIANTS || n + 2 > sizeof(ret_c->text)) {
        return false;
    }
    memcpy(ret_c->text, text, n);
    if (variants[i].empty) {
        n = 0;
    }
    while (variants[i].strip && n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' ')) {
        n--;
    }
    if (variants[i].line_end) {
        ret_c->text[n++] = '\n';
    }
    ret_c->text[n] = '\0';
    ret_c->len = n + (variants[i].no_nul ? 0 : 1);
    ret_c->words = variants[i].words;
    return true;
}
