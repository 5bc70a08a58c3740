/* SPDX-License-Identifier: Apache-2.0
 * collateral_cmd.h - `cloister collateral`, for runtime/cli's table (base/cmd.h).
 */
#ifndef CLOISTER_COLLATERAL_CMD_H
#define CLOISTER_COLLATERAL_CMD_H

/* "fetch, bundle and show what offline verification needs" */
int cl_cmd_collateral(int argc, char **argv);

#endif
