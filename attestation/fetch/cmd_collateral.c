/* SPDX-License-Identifier: Apache-2.0
 * cmd_collateral.c - `cloister collateral`: the table of its subcommands, and what they share.
 * Trust: the user's command line. Threads: one. Memory: one small file.
 */
#include "cloister/collateral_cmd.h"

#include "base/cmd.h"
#include "base/io.h"
#include "fetch.h"

#include <getopt.h>
#include <time.h>

enum cl_status fetch_parse_options(const struct fetch_option *table, const bool *help, int argc,
                                   char **argv, int *ret_operand, struct cl_err *err)
{
    struct option options[FETCH_MAX_OPTIONS + 1] = {0};
    int count = 0;
    for (; table[count].name != NULL && count < (int)FETCH_MAX_OPTIONS; count++) {
        options[count].name = table[count].name;
        options[count].has_arg = table[count].value != NULL ? required_argument : no_argument;
        options[count].val = count + 1;
    }
    opterr = 0;
    optind = 0; /* the dispatcher may have been here before: start anew */
    for (int c = 0; !*help && (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c < 1 || c > count) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "option: expected one of --help's list with its value, got another");
        }
        if (table[c - 1].value != NULL) {
            *table[c - 1].value = optarg;
        } else {
            *table[c - 1].flag = true;
        }
    }
    *ret_operand = optind;
    return CL_OK;
}

enum cl_status fetch_parse_time(const char *text, int64_t *ret, struct cl_err *err)
{
    *ret = (int64_t)time(NULL);
    return text != NULL ? cl_time_parse(text, ret, err) : CL_OK;
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
