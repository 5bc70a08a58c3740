/* SPDX-License-Identifier: Apache-2.0
 * cmd_measure.h - the subcommands of `cloister measure` that stand in files of their own.
 */
#ifndef CL_ATTESTATION_CMD_MEASURE_H
#define CL_ATTESTATION_CMD_MEASURE_H

int cmd_measure_tdx(int argc, char **argv);

#endif
