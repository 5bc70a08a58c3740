/* SPDX-License-Identifier: Apache-2.0
 * tty.c - the person's terminal. Trust, threads, memory: tty.h.
 */
#include "tty.h"

#include <sys/ioctl.h>
#include <unistd.h>

void cli_tty_raw(struct cli_tty *t)
{
    struct termios raw;
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &t->saved) != 0) {
        return;
    }
    raw = t->saved;
    cfmakeraw(&raw);
    t->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void cli_tty_restore(struct cli_tty *t)
{
    if (t->raw) {
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &t->saved);
        t->raw = false;
    }
}

void cli_tty_size(unsigned *ret_rows, unsigned *ret_cols)
{
    struct winsize w = {0};
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) != 0) {
        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
    }
    *ret_rows = w.ws_row;
    *ret_cols = w.ws_col;
}
