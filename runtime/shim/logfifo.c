/* SPDX-License-Identifier: Apache-2.0
 * logfifo.c - stderr as the bundle's FIFO.
 */
#include "logfifo.h"

#include "base/io.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A writer's descriptor of a FIFO is good again when a new reader comes: only another file needs
 * another descriptor. */
static bool is_stderr(const char *path)
{
    struct stat there;
    struct stat here;
    return stat(path, &there) == 0 && fstat(STDERR_FILENO, &here) == 0 &&
           there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

void shim_log_attach(const char *bundle)
{
    char path[4096];
    struct stat sb;
    if (snprintf(path, sizeof(path), "%s/log", bundle) >= (int)sizeof(path) || is_stderr(path)) {
        return;
    }
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && fstat(fd, &sb) == 0 && S_ISFIFO(sb.st_mode)) {
        (void)dup2(fd, STDERR_FILENO);
    }
}
