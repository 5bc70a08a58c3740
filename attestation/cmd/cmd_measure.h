/* SPDX-License-Identifier: Apache-2.0
 * cmd_measure.h - what the subcommands of `cloister measure` share.
 */
#ifndef CL_ATTESTATION_CMD_MEASURE_H
#define CL_ATTESTATION_CMD_MEASURE_H

#include "base/buf.h"
#include "cloister/guest_files.h"
#include "cmd/cmd_measure_corim.h"

#include <stdbool.h>

struct measure_common { /* options of both; strings are borrowed from argv and from the guest */
    const char *guest_dir;
    const char *firmware, *kernel, *initrd, *cmdline; /* NULL: not named */
    const char *expected;                             /* the digest after --explain */
    struct measure_corim corim;
    enum cl_tee_class tee_class; /* of --class; NONE: not said */
    bool explain, json, help;
    struct cl_guest_files guest; /* the installed one */
    struct cl_buf guest_cmdline;
};

/* An option of one command: its value goes to `text`, where the last one counts, or to `take`, each
 * one; or it has none, and sets `flag`. */
typedef enum cl_status measure_take_fn(void *arg, const char *value, struct cl_err *err);
struct measure_option {
    const char *name;
    const char **text;
    bool *flag;
    measure_take_fn *take;
    void *arg; /* of take */
};

/* The whole command line, of which nothing behind --help is looked at. own: options beside the
 * common ones. Behind the options may stand the digest that belongs to --explain. */
CL_NODISCARD enum cl_status measure_parse(struct measure_common *m,
                                          const struct measure_option *own, size_t own_count,
                                          int argc, char **argv, struct cl_err *err);
/* --class is one of the two, or not said, and that of a CoRIM then follows it; with --corim-class
 * they agree. Checks the options of a CoRIM, too. */
CL_NODISCARD enum cl_status measure_check_class(struct measure_common *m,
                                                enum cl_tee_class hardware,
                                                enum cl_tee_class simulated, struct cl_err *err);
/* Files that were not named come from the installed guest: all of them, or only the firmware when a
 * kernel was named. A named firmware stands alone. The guest's command line is that of the class:
 * without one as it stands there, which is what class sim is launched with. */
CL_NODISCARD enum cl_status measure_take_files(struct measure_common *m, struct cl_err *err);
/* Frees what m owns, reports an error with its hint ("": none), and returns the exit status. */
int measure_end(struct measure_common *m, enum cl_status st, const struct cl_err *err,
                const char *hint);

int cmd_measure_tdx(int argc, char **argv);

#endif
