/* SPDX-License-Identifier: Apache-2.0
 * options.h - the command line of cloister-vmm (interfaces.md I-2), and opening what it names.
 * Trust: the person or program that started us. Threads: one, at the start.
 */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include "vmm.h"

struct vmm_disk_option {
    bool read_only;
    const char *path; /* NULL: fd instead */
    int fd;           /* open already; -1: the slot stays empty */
};

#define VMM_ID_BLOCK_SIZE 96u /* snp.md b */
#define VMM_ID_AUTH_SIZE 4096u
#define VMM_CERTS_MAX (64u << 10)

struct vmm_options {
    struct vmm_config cfg;
    const char *firmware;
    const char *kernel;
    const char *initrd;
    const char *cmdline_file;
    const char *vsock_dir;
    const char *psp_socket;
    const char *console;
    const char *control;
    const char *log_level;
    const char *id_block; /* of class snp, as the next two; NULL: none */
    const char *id_auth;
    const char *certs;
    bool has_qgs; /* of class tdx */
    struct vmm_qgs_address qgs;
    int status_fd;
    unsigned disk_count;
    struct vmm_disk_option disk[VMM_DISKS];
    int net_fd[VMM_NETS]; /* cfg.net_count of them */
    bool insecure_no_jail;
};

/* Fills *ret_o. Returns -1 to go on, else the exit status (--help, --version, usage errors). */
int vmm_options_parse(int argc, char **argv, struct vmm_options *ret_o);

/* Opens every file and socket. On failure what was opened may be given to vmm_files_done(). */
CL_NODISCARD enum cl_status vmm_files_open(struct vmm_files *f, const struct vmm_options *o,
                                           struct cl_err *err);
void vmm_files_init(struct vmm_files *f);
void vmm_files_done(struct vmm_files *f);
/* Removes the names of our listening sockets. */
void vmm_files_unlink(const struct vmm_options *o);

#endif
