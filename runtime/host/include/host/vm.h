/* SPDX-License-Identifier: Apache-2.0
 * vm.h - one VM on this host: starts cloister-vmm (of class sim cloister-sim-psp before it),
 * follows what the VMM says of itself (docs/interfaces.md I-2), and ends both. Trust: both are our
 * programs, but the VMM has been close to the guest: its events are hostile bytes, and texts of
 * callbacks are printable and bounded, and no more than its claim. Threads: the loop's, which must
 * be one that lives as long as the VM (the children die with the thread that started them). Memory:
 * HOST_STATUS_LINE, and small objects.
 */
#ifndef HOST_VM_H
#define HOST_VM_H

#include "base/digest.h"

#include <event2/event.h>
#include <stdbool.h>

#define HOST_VM_DISKS 7u /* slots 1 to 7 (I-1.1) */
#define HOST_VM_NETS 4u
#define HOST_VM_PSP_S 300 /* for the security processor to be ready: it may make its keys first */
#define HOST_VM_STOP_S 10 /* from SIGTERM to SIGKILL */

struct cl_guest_files;
struct host_vm; /* opaque */

enum host_vm_class { HOST_VM_SIM_SNP = 0, HOST_VM_SNP, HOST_VM_TDX };
const char *host_vm_class_name(enum host_vm_class class); /* "sim-snp", "snp", "tdx" */

/* How the VM ended. */
struct host_vm_end {
    bool started; /* there was a VM; all else is empty when not */
    /* The VMM's last word ("poweroff", "panic", ...: I-2); empty when it ended without one, and
     * then `reason` says how its process did. */
    char status[32];
    int64_t code;
    char reason[CL_ERR_MSG_SIZE];
};

/* None of them may free the VM. */
struct host_vm_callbacks {
    /* Something was reached: "psp.ready", "vmm.spawned", "vmm.end", and marks of the VMM's own.
     * us: CLOCK_MONOTONIC, 0 for now. */
    void (*mark)(void *ctx, const char *name, uint64_t us);
    void (*spawned)(void *ctx); /* the VMM runs */
    /* 96 hex digits: the launch digest as the security processor computed it. */
    void (*launched)(void *ctx, const char *measurement);
    /* At most once, before `ended`: the VM could not be started, or has lost its security
     * processor; it is being ended. who: "host", "sim-psp"; step: "sim-psp", "vmm". */
    void (*failed)(void *ctx, const char *who, const char *step, const struct cl_err *err);
    /* Once, and the last: there is no VMM (any more), and everything it said was heard. */
    void (*ended)(void *ctx, const struct host_vm_end *end);
    void *ctx;
};

/* A network interface of the VM: an open tap, which is the caller's until `spawned`, and needed no
 * longer then. */
struct host_vm_net {
    int tap_fd;
    uint8_t mac[6];
    uint32_t mtu;
};

struct host_vm_config { /* pointers are borrowed until host_vm_free() */
    struct event_base *base;
    const struct cl_guest_files *guest;
    enum host_vm_class tee_class;
    const char *dir;       /* the run folder: all sockets */
    const char *psp_state; /* class sim: folder of the security processor's keys; NULL: this
                            * machine's, see host_psp_state_find() */
    /* Go to the VMM as they are; NULL: none. */
    const char *id_block, *id_auth; /* snp, both or neither */
    bool id_author;                 /* with them */
    const char *certs;              /* snp */
    const char *qgs; /* tdx: the quoting service's socket, or "vsock"; NULL: its usual socket where
                      * there is one, else vsock */
    uint64_t cpus;
    uint64_t memory;                 /* bytes; whole MiB */
    const uint8_t *initdata_digest;  /* 32 bytes, for HOST_DATA or MRCONFIGID; NULL: none, which is
                                      * zeros */
    const char *disk[HOST_VM_DISKS]; /* the VMM's --disk: "ro:FILE" or "rw:FILE", from slot 1 on */
    size_t disk_count;
    /* A file open for writing, for slot 2 (I-4.5), where disk_count is at most 1; the caller's
     * until `spawned`, and needed no longer then. 0: none. */
    int scratch_fd;
    struct host_vm_net net[HOST_VM_NETS];
    size_t net_count;
    const char *console; /* the VMM's --console; NULL: none */
    bool insecure_no_jail;
    struct host_vm_callbacks cb;
};

/* Starts it, or of class sim its security processor: the rest follows in the loop. Of the hardware
 * classes the command line is the guest's without the word that names the simulated processor
 * (cl_guest_read_class_cmdline()), in a file of the run folder. After CL_OK, `ended` will come. */
CL_NODISCARD enum cl_status host_vm_start(const struct host_vm_config *cfg, struct host_vm **ret_vm,
                                          struct cl_err *err);
/* Asks the VMM to end, and makes it after HOST_VM_STOP_S. Again: nothing more. */
void host_vm_stop(struct host_vm *vm);
/* Kills what still runs; no callback comes any more. NULL is fine. */
void host_vm_free(struct host_vm *vm);
int host_vm_pid(const struct host_vm *vm); /* the VMM's; 0: none runs */

/* Where the keys of this machine's simulated processor live: `given`, or /var/lib/cloister/sim-psp
 * (root), $XDG_STATE_HOME/cloister/sim-psp, ~/.local/state/cloister/sim-psp. Folders above it are
 * made. */
CL_NODISCARD enum cl_status host_psp_state_find(const char *given, char *ret, size_t size,
                                                struct cl_err *err);

#endif
