/* SPDX-License-Identifier: Apache-2.0
 * vm.h - what a pod needs of the VM that it runs in: a table of functions, so that a pod can be
 * driven by tests without one. shim_vm_host() is the real one: runtime/host.
 * Trust: whatever a callback brings from the guest is the guest's claim.
 * Threads: the loop's.
 */
#ifndef SHIM_VM_H
#define SHIM_VM_H

#include "config.h"
#include "sizing.h"

#include "base/digest.h"

#include <event2/event.h>
#include <sys/types.h>

#define SHIM_VM_MAX_PROCESSES 4u

struct cl_podnet;
struct shim_vm; /* a VM that was started; opaque */

/* None of them may free the VM. */
struct shim_vm_callbacks {
    /* Its processes run. */
    void (*spawned)(void *ctx);
    /* The agent's connection, at most once; takes the descriptor. */
    void (*agent)(void *ctx, int fd);
    /* As host/serve.h has them: a blob by digest; a signature by name; a stream of "<container
     * id>[/<exec id>]"; an output stream that ended. */
    enum cl_status (*open_blob)(void *ctx, const uint8_t digest[CL_SHA256_SIZE], int *ret_fd,
                                uint64_t *ret_size, struct cl_err *err);
    enum cl_status (*open_signature)(void *ctx, const char *name, int *ret_fd, uint64_t *ret_size,
                                     struct cl_err *err);
    bool (*open_stdio)(void *ctx, const char *process, unsigned stream, int *ret_fd,
                       bool *ret_owned);
    void (*output_end)(void *ctx, const char *process, unsigned stream);
    /* A forwarded connection by its number; one that was opened has ended. */
    bool (*open_forward)(void *ctx, uint64_t id, int *ret_fd);
    void (*forward_end)(void *ctx);
    /* Once, and the last: it has ended, or could not be started. `why` is for people. */
    void (*ended)(void *ctx, const char *why);
    void *ctx;
};

/* Base and settings are borrowed until the VM is freed, the rest during the call. */
struct shim_vm_config {
    struct event_base *base;
    const struct shim_config *settings;
    const char *id; /* of the sandbox, or of the single container */
    struct shim_size size;
    const void *initdata; /* the document itself; NULL: none */
    size_t initdata_len;
    const struct cl_podnet *net; /* its taps are needed until `spawned`; NULL: no network */
    struct shim_vm_callbacks cb;
};

struct shim_vm_ops {
    /* Begins; after CL_OK `ended` will come. */
    enum cl_status (*start)(const struct shim_vm_config *cfg, struct shim_vm **ret_vm,
                            struct cl_err *err);
    /* Asks it to end, and makes it soon after. Again: nothing more. */
    void (*stop)(struct shim_vm *vm);
    /* Kills what still runs; no callback comes any more. NULL is fine. */
    void (*free)(struct shim_vm *vm);
    /* The VMM's process; 0: none runs. */
    pid_t (*pid)(const struct shim_vm *vm);
    /* All its processes, for whoever must clean up after us; returns how many. */
    size_t (*processes)(const struct shim_vm *vm, pid_t ret[SHIM_VM_MAX_PROCESSES]);
    /* Fills block slot 3 to 8 with what fd is, the caller's; a VM that runs. */
    enum cl_status (*attach)(struct shim_vm *vm, unsigned slot, int fd, struct cl_err *err);
    /* The folder of its sockets. */
    const char *(*folder)(const struct shim_vm *vm);
};

/* cloister-vmm, and what runtime/host serves to its guest. */
const struct shim_vm_ops *shim_vm_host(void);

#endif
