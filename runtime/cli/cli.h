/* SPDX-License-Identifier: Apache-2.0
 * cli.h - the subcommands that live in runtime/cli.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

/* One document on stdout; j is taken, NULL: no memory. Returns the exit status. */
int cli_print_json(json_t *j, bool compact);

int cl_cmd_run(int argc, char **argv);
int cl_cmd_initdata(int argc, char **argv);
int cl_cmd_guest(int argc, char **argv);
int cl_cmd_host(int argc, char **argv);
int cl_cmd_node(int argc, char **argv);
int cl_cmd_policy(int argc, char **argv);
int cl_cmd_collect(int argc, char **argv);

#endif
