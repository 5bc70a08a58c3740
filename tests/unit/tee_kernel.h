/* SPDX-License-Identifier: Apache-2.0
 * tee_kernel.h - the kernel of a confidential guest, played: configfs-tsm by a folder whose outblob
 * is a FIFO, so that each reading is answered at that moment, and the two devices by ioctl() and
 * write(), which the linker has come here (-Wl,--wrap=ioctl,--wrap=write). One at a time in a
 * program.
 */
#ifndef CL_TEST_TEE_KERNEL_H
#define CL_TEST_TEE_KERNEL_H

#include "agent/evidence.h"

#include <pthread.h>
#include <stdatomic.h>

struct tee_kernel { /* zeroed, then set what is to be played; NULL: not there */
    /* configfs-tsm */
    const char *provider; /* NULL: there is no such folder */
    void (*outblob)(void *ctx, const uint8_t report_data[64], struct cl_buf *out,
                    struct cl_buf *aux);
    unsigned races; /* so many readings see another writer's generation behind them */
    /* /dev/sev-guest and /dev/tdx_guest: errno, or 0 */
    int (*ext_report)(void *ctx, const uint8_t report_data[64], uint8_t ret_answer[4000],
                      struct cl_buf *certs);
    int (*tdreport)(void *ctx, const uint8_t report_data[64], uint8_t ret_report[1024]);
    /* A register: by the file of Linux 6.16 when `sysfs`, else by the request of Intel's driver. */
    int (*extend)(void *ctx, unsigned rtmr, const uint8_t digest[48]);
    bool sysfs;
    void *ctx;
    /* the rest is the rig's own */
    char root[64], dir[96], ccel[96];
    _Atomic unsigned readings;
    unsigned generation;
    _Atomic bool stop;
    bool running;
    pthread_t thread;
};

void tee_kernel_start(struct tee_kernel *k);
void tee_kernel_stop(struct tee_kernel *k);
/* Between a reading and a change of what `ctx` has: a FIFO orders the two threads, but no sanitizer
 * knows. */
void tee_kernel_settle(void);
/* The firmware's event log: a file; none when it is not called. */
void tee_kernel_ccel(struct tee_kernel *k, const void *data, size_t len);
/* Where the agent finds it all; a device that is not played is a path that does not exist. */
struct agent_evidence tee_kernel_evidence(const struct tee_kernel *k, enum agent_tee tee);

#endif
