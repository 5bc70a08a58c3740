/* SPDX-License-Identifier: Apache-2.0
 * kbs_cmd.h - the subcommands about the key broker, for runtime/cli's table (base/cmd.h); library
 * `cl_kbs_cmd`.
 */
#ifndef CLOISTER_KBS_CMD_H
#define CLOISTER_KBS_CMD_H

/* "administer a key broker" */
int cl_cmd_kbs(int argc, char **argv);
/* "run a key broker": becomes cloister-broker */
int cl_cmd_broker(int argc, char **argv);

#endif
