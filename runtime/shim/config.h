/* SPDX-License-Identifier: Apache-2.0
 * config.h - the node's settings of the shim: /etc/cloister/cloister.toml, or the file that the
 * runtime's ConfigPath names. See cloister.toml(5).
 * Trust: the node operator's file. Strict all the same: a key that is not known is an error, for a
 * setting that is silently ignored is worse than a pod that does not start.
 * Threads: plain values. Memory: strings of the file.
 */
#ifndef SHIM_CONFIG_H
#define SHIM_CONFIG_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHIM_CONFIG_PATH "/etc/cloister/cloister.toml"
#define SHIM_CONFIG_MAX_SIZE 65536u /* bytes */
#define SHIM_CONFIG_MAX_RELAY 16u
#define SHIM_MEMORY_MIN_MIB 128u /* what the firmware asks for */
#define SHIM_MEMORY_MAX_MIB 524288u
#define SHIM_CACHE_MAX_MIB 1073741824u
#define SHIM_CPUS_MAX 16u

struct shim_config {
    char *tee;       /* "sim", "snp" or "tdx" */
    char *guest;     /* folder of guest files; NULL: where I-6 looks */
    char *psp_state; /* class sim: folder of the simulated processor's keys; NULL: this machine's */
    char *certs;     /* class snp: certificate table for the guests' reports; NULL: none */
    char *qgs; /* class tdx: socket of the quoting service, or "vsock"; NULL: its usual place */
    bool insecure_no_jail;
    char *console; /* folder for what guests write to their consoles, ID.log; NULL: not kept */
    uint32_t cpus; /* of a pod without a limit */
    uint32_t cpus_max;
    uint32_t memory_mib; /* of a pod without a limit */
    uint32_t memory_max_mib;
    uint32_t overhead_mib;    /* what the guest needs besides the pod's own limit */
    uint32_t scratch_mib;     /* of a pod's scratch disk; 0: none */
    char *scratch_dir;        /* folder of the files behind them; NULL: HOST_SCRATCH_DIR */
    uint32_t boot_timeout_s;  /* from the VMM's start until the agent answers */
    uint32_t image_timeout_s; /* for the guest to have the image of one container */
    char *relay_allow[SHIM_CONFIG_MAX_RELAY]; /* HOST:PORT */
    size_t relay_count;
    char *registry_ca;  /* PEM file; NULL: the system's */
    char *signatures;   /* folder of image/signatures.h; NULL: none */
    char *cache_dir;    /* of fetched blobs; NULL: SHIM_FETCH_CACHE */
    uint32_t cache_mib; /* 0: cloister-fetch's default */
    char *certs_dir;    /* of hosts.toml files; NULL: containerd's */
    char *auth_file;    /* docker's config.json; NULL: no credentials */
    char *kubelet;      /* kubelet's folder; NULL: /var/lib/kubelet */
    bool host_files;    /* hostPath volumes may be copied in, read-only */
};

/* What holds without a file: everything but `tee`, which nobody is given without asking. */
void shim_config_default(struct shim_config *ret);
/* CL_ERR_MALFORMED "'<path>': vm.cpus: expected 1 to 16, got 17"; CL_ERR_SYS for the file. */
CL_NODISCARD enum cl_status shim_config_read(const char *path, struct shim_config *ret,
                                             struct cl_err *err);
/* The same for a text; `what` names it. */
CL_NODISCARD enum cl_status shim_config_parse(const char *text, size_t len, const char *what,
                                              struct shim_config *ret, struct cl_err *err);
void shim_config_done(struct shim_config *c);

#endif
