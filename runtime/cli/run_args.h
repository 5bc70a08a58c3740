/* SPDX-License-Identifier: Apache-2.0
 * run_args.h - the flags of `cloister run` and `cloister initdata make`, and initdata out of them.
 * Trust: the command line is the person's own; an initdata file given to us is checked against
 *        every flag, so that nobody runs something else than he wrote.
 * Threads: one. Memory: strings of argv are borrowed.
 */
#ifndef CLI_RUN_ARGS_H
#define CLI_RUN_ARGS_H

#include "cloister/initdata.h"
#include "host/allow.h"
#include "image/image.h"

enum cli_tee { CLI_TEE_AUTO, CLI_TEE_SNP, CLI_TEE_TDX, CLI_TEE_SIM };

struct cli_run_args {
    /* What the guest will run and trust: initdata's fields. NULL and false: no flag was given. */
    const char *image;
    const char *kbs_url;
    const char *kbs_cert; /* file */
    const char *workdir;
    const char *user;
    const char *encryption; /* "required" or "optional" */
    const char *stdio;      /* "none", or some of in,out,err joined by commas */
    struct cl_strv env;
    struct cl_strv command; /* after "--"; empty: none given */
    bool tty;
    /* The rest. */
    enum cli_tee tee;
    const char *initdata; /* file */
    const char *guest;    /* folder */
    const char *psp_state;
    const char *id_block, *id_auth, *certs; /* files for class snp */
    bool id_author;
    const char *qgs; /* class tdx: the quoting service; NULL: find it */
    const char *console;
    const char *registry_ca;
    const char *timing;
    const char *result;
    const char *out; /* initdata make: file instead of stdout */
    struct host_endpoint relay_allow[HOST_MAX_ALLOW];
    size_t relay_allow_count;
    uint64_t cpus;
    uint64_t memory;
    bool insecure_no_jail;
};

void cli_run_args_done(struct cli_run_args *a);
/* -1: go on; else the exit status (help 0, usage error `usage_status`). make: only the flags of
 * `initdata make`. */
int cli_run_args_parse(int argc, char **argv, bool make, int usage_status,
                       struct cli_run_args *ret);

/* Initdata from the flags and the resolved image. default_stdio: when --stdio was not given. */
CL_NODISCARD enum cl_status cli_initdata_from_args(const struct cli_run_args *a,
                                                   const struct cl_image *image,
                                                   const char *default_stdio,
                                                   struct cl_initdata *ret, struct cl_err *err);
/* The file of --kbs-cert: one certificate in PEM, and no private key. *ret is the caller's. */
CL_NODISCARD enum cl_status cli_read_cert(const char *path, char **ret, struct cl_err *err);
/* CL_ERR_REJECTED "initdata: <field>: expected <initdata's>, got <the flag's>" when a flag that was
 * given, or the image, differs. */
CL_NODISCARD enum cl_status cli_initdata_agrees(const struct cli_run_args *a,
                                                const uint8_t manifest[static CL_SHA256_SIZE],
                                                const struct cl_initdata *i, struct cl_err *err);
/* An image that is to be encrypted and is not (or only partly): CL_ERR_REJECTED. */
CL_NODISCARD enum cl_status cli_image_fits(const struct cl_image *image,
                                           const struct cl_initdata *i, struct cl_err *err);

#endif
