/* SPDX-License-Identifier: Apache-2.0
 * cmd_measure_files.c - what both `cloister measure` commands take: files of the installed guest,
 * and the digest after --explain.
 * Trust: the user's command line. Threads: one. Memory: one command line.
 */
#include "cmd/cmd_measure.h"

#include "base/encode.h"

#include <getopt.h>

enum cl_status measure_take_files(struct measure_guest *g, struct measure_files *f,
                                  struct cl_err *err)
{
    if (f->firmware != NULL) {
        return CL_OK;
    }
    CL_TRY(cl_guest_find(g->dir, &g->files, err));
    f->firmware = g->files.firmware;
    if (f->kernel != NULL) {
        return CL_OK;
    }
    f->kernel = g->files.kernel;
    f->initrd = f->initrd != NULL ? f->initrd : g->files.initrd;
    if (f->cmdline == NULL) {
        CL_TRY(cl_guest_read_cmdline(g->files.cmdline, &g->cmdline, err));
        CL_TRY(cl_buf_cstr(&g->cmdline, "command line", &f->cmdline, err));
    }
    return CL_OK;
}

enum cl_status measure_take_operands(bool explain, int argc, char **argv, const char **ret_digest,
                                     struct cl_err *err)
{
    uint8_t digest[48];
    if (explain && optind + 1 == argc) {
        *ret_digest = argv[optind];
        return cl_unhex(digest, sizeof(digest), *ret_digest, "--explain", err);
    }
    return optind == argc ? CL_OK
                          : cl_err_set(err, CL_ERR_MALFORMED, "argument: expected none, got '%s'",
                                       argv[optind]);
}
