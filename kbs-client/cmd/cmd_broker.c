/* SPDX-License-Identifier: Apache-2.0
 * cmd_broker.c - `cloister broker`: becomes cloister-broker, found beside the running executable,
 * then in /usr/libexec/cloister (docs/interfaces.md I-6).
 */
#include "base/cmd.h"
#include "cloister/kbs_cmd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "cloister-broker"

int cl_cmd_broker(int argc, char **argv)
{
    (void)argc;
    char path[PATH_MAX + sizeof(PROGRAM)];
    char arg0[] = PROGRAM;
    struct cl_err err = {0};
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
    char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
    argv[0] = arg0;
    if (slash != NULL) {
        memcpy(slash + 1, PROGRAM, sizeof(PROGRAM));
        (void)execv(path, argv);
    }
    if (slash == NULL || errno == ENOENT) {
        (void)execv("/usr/libexec/cloister/" PROGRAM, argv);
    }
    (void)cl_err_sys(&err, errno, "start '%s'", PROGRAM);
    return cl_fail(&err, NULL);
}
