/* SPDX-License-Identifier: Apache-2.0
 * main.c - `cloister`: joins the subcommands of the components into one program.
 * Trust, threads, memory: see the subcommands.
 */
#include "cli.h"

#include "cloister/attestation_cmd.h"
#include "cloister/collateral_cmd.h"
#include "cloister/gather.h"
#include "cloister/kbs_cmd.h"
#include "image/image.h"

#include "base/cmd.h"
#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct cl_cmd commands[] = {
    {"run", cl_cmd_run, "run a container in a measured virtual machine"},
    {"initdata", cl_cmd_initdata, "what a guest will run and whom it will trust"},
    {"policy", cl_cmd_policy, "what a pod may be: from its manifest, in words, compared"},
    {"node", cl_cmd_node, "set a node up for pods, verify it, upgrade it, take it back"},
    {"image", cl_cmd_image, "encrypt and inspect images"},
    {"measure", cl_cmd_measure, "compute the launch digest from files and flags"},
    {"idblock", cl_cmd_idblock, "ID blocks of SEV-SNP: make, sign, verify"},
    {"verify", cl_cmd_verify, "verify evidence and say why"},
    {"collateral", cl_cmd_collateral, "fetch, bundle and show what offline verification needs"},
    {"evidence", cl_cmd_evidence, "gather evidence about this machine"},
    {"broker", cl_cmd_broker, "the embedded key broker"},
    {"kbs", cl_cmd_kbs, "talk to a key broker: resources, policies, reference values, audit"},
    {"guest", cl_cmd_guest, "the installed guest"},
    {"host", cl_cmd_host, "what this host can run"},
    {"collect", cl_cmd_collect, "a problem reproducer without secrets"},
    {0},
};

/* A descriptor that we open must never land where stdout is expected. */
static void fill_standard_descriptors(void)
{
    for (int fd = open("/dev/null", O_RDWR); fd >= 0; fd = open("/dev/null", O_RDWR)) {
        if (fd > STDERR_FILENO) {
            (void)close(fd);
            return;
        }
    }
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    cl_log_init("cloister", false);
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of write(2) */
    int rc = cl_cmd_dispatch(commands, "cloister", "cloister run --tee sim oci:app:v1", argc, argv);
    return cl_finish_stdout(rc, argc > 1 && strcmp(argv[1], "run") == 0 ? 125 : 5);
}
