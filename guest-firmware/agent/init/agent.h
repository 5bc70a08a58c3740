/* SPDX-License-Identifier: Apache-2.0
 * agent.h - the parts of cloister-agent, PID 1 of the guest, and the state they share.
 * Trust: the kernel, and what was measured. The host is hostile: everything it gives is checked
 * before use. Threads: the main thread goes through the steps; one thread serves the host's calls;
 * one for each stream of stdio. What they share lies in struct agent_host and struct
 * agent_container, each with its lock.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/evidence.h"
#include "agent/ports.h"
#include "agent/tee.h"
#include "base/buf.h"
#include "cloister/initdata.h"
#include "oci/image.h"
#include "pod.h"
#include "rpc/agent_server.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#define AGENT_BUNDLE "/run/cloister"
#define AGENT_ROOTFS AGENT_BUNDLE "/rootfs"
#define AGENT_SCRATCH AGENT_BUNDLE "/scratch"

/* --- say.c: the kernel's log, for the debug console. Never a secret, never guest data. */
CL_PRINTF(1, 2) void agent_say(const char *fmt, ...);

/* --- vsock.c: a stream to the host (CID 2, nobody else). Reads and writes end after a time without
 * progress, unless `patient`. CL_ERR_UNAVAILABLE when the host does not answer. */
CL_NODISCARD enum cl_status agent_dial(uint32_t port, bool patient, int *ret_fd,
                                       struct cl_err *err);

/* --- early.c: proc, sys, dev, descriptors 0 to 2; kernel modules of the initrd, and no others ever
 * after. */
CL_NODISCARD enum cl_status agent_mount_early(struct cl_err *err);
CL_NODISCARD enum cl_status agent_load_modules(struct cl_err *err);
CL_NODISCARD enum cl_status agent_loopback_up(struct cl_err *err);

/* --- tee.c: what the processor says we run in. CL_ERR_REJECTED when that is nothing we trust. */
CL_NODISCARD enum cl_status agent_tee_decide(enum agent_tee *ret_tee, struct cl_err *err);

/* --- evidence.c: makes the kernel's interfaces ready and names them. */
CL_NODISCARD enum cl_status agent_evidence_open(enum agent_tee tee, struct agent_evidence *ret_e,
                                                struct cl_err *err);

/* --- disk.c: "/dev/vdb" for a block slot; *ret_present is false when the host has no disk there,
 * or an empty one (which is what a slot without a disk looks like). */
#define AGENT_DISK_PATH_SIZE 272u
CL_NODISCARD enum cl_status agent_disk_find(unsigned slot, bool *ret_present,
                                            char ret_path[static AGENT_DISK_PATH_SIZE],
                                            struct cl_err *err);
/* Initdata's bytes from block slot 1 (I-4.4), not yet believed. */
/* Whether the slot has a disk with anything on it. */
CL_NODISCARD enum cl_status agent_initdata_present(bool *ret, struct cl_err *err);
CL_NODISCARD enum cl_status agent_initdata_read(struct cl_buf *out, struct cl_err *err);

/* --- root.c: from the initramfs to a tmpfs, and the mounts a container needs. */
CL_NODISCARD enum cl_status agent_switch_root(struct cl_err *err);
CL_NODISCARD enum cl_status agent_mount_late(struct cl_err *err);
/* Where pods have what they are made of: images, roots, volumes. */
CL_NODISCARD enum cl_status agent_mount_pods(struct cl_err *err);

/* --- scratch.c: mounts AGENT_SCRATCH on the disk in block slot 2, encrypted with a key of this
 * boot. *ret_size: bytes of it; 0: the host gave no disk, and nothing was mounted. */
CL_NODISCARD enum cl_status agent_mount_scratch(uint64_t *ret_size, struct cl_err *err);

/* --- host.c: the connection on which the host calls us, for `cloister run` or for pods. */
struct agent_host {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct cl_ttrpc_server *ttrpc; /* NULL before the host was reached */
    struct cl_agent_server *server;
    struct agent_pod *pod;
    pthread_t thread;
    struct cl_agent_start start; /* what the host wants, once start_seen */
    bool start_seen;
    bool gone; /* the connection has ended */
    enum agent_tee tee;
    struct agent_container *container;
};
CL_NODISCARD enum cl_status agent_host_connect(struct agent_host *h, struct cl_err *err);
/* Waits for Start. CL_ERR_UNAVAILABLE when it does not come in time, or the host went away. */
CL_NODISCARD enum cl_status agent_host_wait_start(struct agent_host *h, int timeout_ms,
                                                  struct cl_err *err);

/* --- container.c: crun. */
struct agent_container {
    pthread_mutex_t lock;
    bool running;  /* crun has been started and not been reaped */
    bool ended;    /* and now it has been */
    int pending;   /* a signal that came before there was a container; 0: none */
    int console;   /* master side of the terminal; -1: none */
    uint32_t rows; /* wanted size, kept for a console that is not there yet */
    uint32_t cols;
};
void agent_container_init(struct agent_container *c);
/* Before the container was started the signal is kept, and ends the run in its place. */
CL_NODISCARD enum cl_status agent_container_signal(struct agent_container *c, uint32_t signo,
                                                   struct cl_err *err);
CL_NODISCARD enum cl_status agent_container_resize(struct agent_container *c, uint32_t rows,
                                                   uint32_t cols, struct cl_err *err);
/* Runs the container whose root is AGENT_ROOTFS to its end. *ret_status: its own, 128 + n after a
 * signal, 126 or 127 when the program cannot be executed or is not there. */
CL_NODISCARD enum cl_status agent_container_run(struct agent_container *c,
                                                const struct cl_initdata *i,
                                                const struct cl_oci_config *config, const char *id,
                                                void (*started)(void *ctx), void *ctx,
                                                int *ret_status, struct cl_err *err);

/* --- what an image may cost this guest. */
struct agent_limits agent_image_limits(void);

/* --- power.c */
CL_NORETURN void agent_power_off(void);

#endif
