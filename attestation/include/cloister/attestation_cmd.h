/* SPDX-License-Identifier: Apache-2.0
 * attestation_cmd.h - the subcommands of this library, for runtime/cli's table (base/cmd.h).
 */
#ifndef CLOISTER_ATTESTATION_CMD_H
#define CLOISTER_ATTESTATION_CMD_H

/* "compute what a measured launch must show" */
int cl_cmd_measure(int argc, char **argv);
/* "ID blocks of SEV-SNP: make, sign, verify" */
int cl_cmd_idblock(int argc, char **argv);
/* "decide whether evidence is genuine and expected" */
int cl_cmd_verify(int argc, char **argv);

#endif
