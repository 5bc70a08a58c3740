/* SPDX-License-Identifier: Apache-2.0
 * cli.h - the subcommands that live in runtime/cli.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

int cl_cmd_run(int argc, char **argv);
int cl_cmd_initdata(int argc, char **argv);
int cl_cmd_guest(int argc, char **argv);
int cl_cmd_host(int argc, char **argv);
int cl_cmd_node(int argc, char **argv);
int cl_cmd_policy(int argc, char **argv);
int cl_cmd_collect(int argc, char **argv);

#endif
