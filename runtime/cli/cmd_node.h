/* SPDX-License-Identifier: Apache-2.0
 * cmd_node.h - a document of runtime/node in words. Trust: its texts may hold file names and what
 * programs said; control characters are escaped. Threads, memory: none.
 */
#ifndef CLI_CMD_NODE_H
#define CLI_CMD_NODE_H

#include "base/json.h"

void cl_node_report(const json_t *doc);

#endif
