/* SPDX-License-Identifier: Apache-2.0
 * main.c - `cloister`: joins the subcommands of the components into one program.
 * Trust, threads, memory: see the subcommands.
 */
#include "image/image.h"

#include "base/cmd.h"
#include "base/log.h"

#include <signal.h>

static const struct cl_cmd commands[] = {
    {"image", cl_cmd_image, "encrypt and inspect images"},
    {0},
};

int main(int argc, char **argv)
{
    cl_log_init("cloister", false);
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of write(2) */
    return cl_cmd_dispatch(commands, "cloister", "cloister run --tee sim oci:app:v1", argc, argv);
}
