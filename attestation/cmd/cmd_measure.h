/* SPDX-License-Identifier: Apache-2.0
 * cmd_measure.h - what the subcommands of `cloister measure` share.
 */
#ifndef CL_ATTESTATION_CMD_MEASURE_H
#define CL_ATTESTATION_CMD_MEASURE_H

#include "base/buf.h"
#include "cloister/guest_files.h"

#include <stdbool.h>

struct measure_guest { /* the installed guest; cmdline is the caller's to free */
    const char *dir;   /* --guest, or NULL */
    struct cl_guest_files files;
    struct cl_buf cmdline;
};

struct measure_files { /* as they were named; NULL: not */
    const char *firmware, *kernel, *initrd, *cmdline;
};

/* Files that were not named come from the installed guest: all of them, or only the firmware when a
 * kernel was named. A named firmware stands alone. f borrows from g. */
CL_NODISCARD enum cl_status measure_take_files(struct measure_guest *g, struct measure_files *f,
                                               struct cl_err *err);
/* Behind the options: the digest that may follow --explain, and nothing else. *ret_digest stays as
 * it is when there is none. */
CL_NODISCARD enum cl_status measure_take_operands(bool explain, int argc, char **argv,
                                                  const char **ret_digest, struct cl_err *err);

int cmd_measure_tdx(int argc, char **argv);

#endif
