/* SPDX-License-Identifier: Apache-2.0
 * cmd_rig.h - what the tests of attestation's commands share: a folder with the files of a world of
 * our own, and a way to run a command line as a user would.
 */
#ifndef CL_TEST_CMD_RIG_H
#define CL_TEST_CMD_RIG_H

#include "base/buf.h"
#include "cloister/snp_report.h"

#define FW "measure snp --firmware @/fw.bin --cpus 1 "
#define GOLDEN                                                                                     \
    "8e0f73a64a39c7abf1c98e710039875089cfd53bf1f4b0f6c7f55a1ef103cde45a008c1be1d4435f0908e5a88f8c" \
    "28d2"
#define MEASUREMENT                                                                                \
    "3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e" \
    "3e3e"

struct outcome {
    int status;
    struct cl_buf out, err;
};
void outcome_done(struct outcome *o);

/* Makes the folder and its files: report.bin, ek.der, ask.der, ark.der, fw.bin, tdx.bin, kernel,
 * keys, lists, ref.cbor, ... False when it cannot. */
bool rig_init(void);
void rig_done(void);
/* The name of a file of the folder, in storage of the caller. */
void rig_path(const char *name, char ret[static 128]);
void slurp(const char *name, struct cl_buf *out);
void put(const char *name, const void *data, size_t len);
void put_reference(const char *text); /* reference.json */

/* Runs a command line in a child; words are separated by single spaces, @ stands for the folder. */
struct outcome run(const char *line);
/* Runs it; in_stderr must stand there, and nothing but one or two lines when it failed. */
void expect(const char *line, int status, const char *in_stderr);

#endif
