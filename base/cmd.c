/* SPDX-License-Identifier: Apache-2.0
 * cmd.c - tables of subcommands.
 */
#include "base/cmd.h"

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void print_table(const struct cl_cmd *table, const char *prog, const char *example)
{
    printf("usage: %s COMMAND [OPTION]...\n\n", prog);
    for (const struct cl_cmd *c = table; c->name != NULL; c++) {
        printf("  %-16s %s\n", c->name, c->summary);
    }
    printf("\n%s COMMAND --help tells more.\nexample: %s\n", prog, example);
}

int cl_cmd_dispatch(const struct cl_cmd *table, const char *prog, const char *example, int argc,
                    char **argv)
{
    if (argc < 2) {
        return cl_usage_error(prog, "command: expected one, got none");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_table(table, prog, example);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("%s %s\n", prog, CL_VERSION);
        return 0;
    }
    for (const struct cl_cmd *c = table; c->name != NULL; c++) {
        if (strcmp(argv[1], c->name) == 0) {
            return c->run(argc - 1, argv + 1);
        }
    }
    return cl_usage_error(prog, "command: expected one of --help's list, got '%s'", argv[1]);
}

int cl_usage_error(const char *prog, const char *fmt, ...)
{
    struct cl_err err = {0};
    char text[CL_ERR_MSG_SIZE];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)cl_err_set(&err, CL_ERR_MALFORMED, "%s", text);
    (void)fprintf(stderr, "%s: %s\nhint: see '%s --help'\n", prog, err.msg, prog);
    return 2;
}

int cl_finish_stdout(int rc, int failed)
{
    struct cl_err err = {0};
    errno = 0;
    if ((fflush(stdout) == 0 && ferror(stdout) == 0) || rc == failed) { /* said already */
        return rc;
    }
    (void)cl_err_sys(&err, errno != 0 ? errno : EIO, "write 'stdout'");
    cl_report(&err, NULL);
    return rc == 0 ? failed : rc;
}

int cl_fail(const struct cl_err *err, const char *hint)
{
    cl_report(err, hint);
    return cl_status_exit_code(err->status);
}
