/* SPDX-License-Identifier: Apache-2.0
 * guest_files.h - finds the files of the installed guest (docs/interfaces.md I-6): what `measure`
 * computes over, what `run` boots and what `guest info` shows, so that the three always agree.
 * Trust: the directory is the user's own choice; the files' contents are not looked at here.
 * Threads: reads the environment; otherwise no shared state. Memory: the caller's struct only.
 */
#ifndef CLOISTER_GUEST_FILES_H
#define CLOISTER_GUEST_FILES_H

#include "base/buf.h"

#include <stdbool.h>

#define CL_GUEST_PATH_SIZE 1024u
#define CL_GUEST_CMDLINE_MAX 2047u /* bytes without the NUL: I-1.2 */

struct cl_guest_files { /* each a path, NUL-terminated; only dir and firmware are known to exist */
    char dir[CL_GUEST_PATH_SIZE];
    char firmware[CL_GUEST_PATH_SIZE]; /* stage0.bin */
    char kernel[CL_GUEST_PATH_SIZE];   /* vmlinuz */
    char initrd[CL_GUEST_PATH_SIZE];   /* initrd.img */
    char cmdline[CL_GUEST_PATH_SIZE];  /* guest.cmdline */
    char info[CL_GUEST_PATH_SIZE];     /* guest.json */
};

/* Looks in `dir` (the --guest option, may be NULL), $CLOISTER_GUEST_DIR, the build tree's guest/
 * (`../guest` beside the folder of the running program), /usr/lib/cloister/guest. The first of the
 * first two that is set decides alone: a wrong one is an error, never skipped. Of the others, the
 * first that holds a stage0.bin.
 * Returns CL_OK; CL_ERR_SYS (ENOENT, ...) naming the directory; CL_ERR_MALFORMED for a path that
 * is too long. */
CL_NODISCARD enum cl_status cl_guest_find(const char *dir, struct cl_guest_files *ret_files,
                                          struct cl_err *err);

/* Reads a command line file into `out` as it is. One line end at its end is an error, as is a NUL,
 * since either would silently change the measurement; so are more than CL_GUEST_CMDLINE_MAX bytes.
 */
CL_NODISCARD enum cl_status cl_guest_read_cmdline(const char *path, struct cl_buf *out,
                                                  struct cl_err *err);

/* The command line with which a class is launched, from the guest's own: of class sim as it is; of
 * the hardware classes without each word CL_GUEST_SIM_WORD and the space at it, so that it is byte
 * for byte that of a guest made for hardware. Errors as cl_guest_read_cmdline(). */
#define CL_GUEST_SIM_WORD "cloister.tee=sim"
CL_NODISCARD enum cl_status cl_guest_read_class_cmdline(const char *path, bool hardware,
                                                        struct cl_buf *out, struct cl_err *err);

#endif
