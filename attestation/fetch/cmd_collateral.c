/* SPDX-License-Identifier: Apache-2.0
 * cmd_collateral.c - `cloister collateral`: the table of its subcommands, and what they share.
 * Trust: the user's command line. Threads: one. Memory: one small file.
 */
#include "cloister/collateral_cmd.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"
#include "fetch.h"

#include <string.h>
#include <time.h>

#define MAX_KEY_FILE 16384u

enum cl_status fetch_parse_time(const char *text, int64_t *ret, struct cl_err *err)
{
    *ret = (int64_t)time(NULL);
    return text != NULL ? cl_time_parse(text, ret, err) : CL_OK;
}

enum cl_status fetch_parse_signer(const char *text, uint8_t ret[static CL_COLLATERAL_SIGNER_SIZE],
                                  struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    if (strlen(text) == 2 * (size_t)CL_COLLATERAL_SIGNER_SIZE &&
        cl_unhex(ret, CL_COLLATERAL_SIGNER_SIZE, text, "--signer", NULL) == CL_OK) {
        return CL_OK;
    }
    CL_TRY(cl_buf_read_file(&raw, text, MAX_KEY_FILE, err));
    enum cl_status st = cl_collateral_signer_parse(raw.data, raw.len, ret, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "--signer '%s'", text);
}

int cl_cmd_collateral(int argc, char **argv)
{
    static const struct cl_cmd table[] = {
        {"fetch", fetch_cmd_fetch, "get what evidence needs from AMD, Intel or a PCCS"},
        {"bundle", fetch_cmd_bundle, "make one signed, expiring file of it"},
        {"show", fetch_cmd_show, "print what a bundle or folder holds"},
        {0},
    };
    return cl_cmd_dispatch(table, "cloister collateral",
                           "cloister collateral fetch --evidence report.bin --out collateral", argc,
                           argv);
}
