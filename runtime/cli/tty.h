/* SPDX-License-Identifier: Apache-2.0
 * tty.h - the person's terminal: raw while a container has it, and as it was afterwards.
 * Trust: the terminal is the person's. Threads: one. Memory: none.
 */
#ifndef CLI_TTY_H
#define CLI_TTY_H

#include <stdbool.h>
#include <termios.h>

struct cli_tty {
    bool raw;
    struct termios saved;
};

void cli_tty_raw(struct cli_tty *t); /* no terminal on stdin: does nothing */
void cli_tty_restore(struct cli_tty *t);
/* Size of the terminal on stdin or stdout; 0 by 0 without one. */
void cli_tty_size(unsigned *ret_rows, unsigned *ret_cols);

#endif
