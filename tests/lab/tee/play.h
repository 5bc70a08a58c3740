/* SPDX-License-Identifier: Apache-2.0
 * play.h - the devices of confidential guests, played: /dev/sev-guest and /dev/tdx_guest by CUSE
 * with the driver's own ioctls, configfs-tsm by FUSE. What they answer is signed by the tests' own
 * chains; and they lie as told. Trust: test tooling. Threads: each player is a process of its own;
 * what it shall do stands in memory that is shared with the test. Spec: Linux 6.12,
 * drivers/virt/coco; snp.md a.9, e.6, e.7; tdx.md d.
 */
#ifndef CL_LAB_PLAY_H
#define CL_LAB_PLAY_H

#include "base/buf.h"
#include "base/bytes.h"
#include "cloister/snp_report.h"
#include "cloister/tdx_quote.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/types.h>

#define PLAY_DATA_SIZE 64u
#define PLAY_CERTS_MAX 0x4000u /* what the driver has room for: SEV_FW_BLOB_MAX_SIZE */

enum play_lie {
    PLAY_HONEST,
    PLAY_SHORT,       /* less than the structure is written back */
    PLAY_LENGTH,      /* another length stands in the answer */
    PLAY_STATUS,      /* the firmware says "invalid parameter" in its answer */
    PLAY_FIRMWARE,    /* EIO, with the firmware's error */
    PLAY_BUSY,        /* always */
    PLAY_BUSY_TWICE,  /* and then not */
    PLAY_LARGE_TABLE, /* certificates that do not fit into what the driver takes */
    PLAY_BAD_TABLE,   /* an entry that points behind the table */
    PLAY_OTHER_DATA,  /* a good report, of another REPORT_DATA */
    PLAY_FORGED,      /* changed after it was signed */
    PLAY_RECORDED,    /* a report of somebody's machine, whatever is asked */
    PLAY_WRITERS,     /* tsm: somebody else writes all the time */
    PLAY_NO_PROVIDER, /* tsm: no driver behind it */
    PLAY_PROVIDER,    /* tsm: a provider of another name */
    PLAY_EMPTY,       /* tsm: an empty report */
    PLAY_LARGE,       /* tsm: a report of 2 MiB */
};

struct play {
    _Atomic int lie; /* enum play_lie */
    _Atomic unsigned calls, refusals;
    _Atomic bool td;               /* tsm: of a TD */
    uint8_t table[PLAY_CERTS_MAX]; /* the host's certificates, and those of the recorded report */
    uint32_t table_size;
    uint8_t recorded_table[PLAY_CERTS_MAX];
    uint32_t recorded_table_size;
    uint8_t recorded[CL_SNP_REPORT_SIZE];
};

/* As the devices' structures have it. */
static inline void play_le32(uint8_t *at, uint32_t value)
{
    cl_le32 v;
    cl_le32_put(&v, value);
    memcpy(at, &v, sizeof(v));
}

/* play_answers.c: what is answered. Worlds (snp_world.h, tdx_world.h) are made before. */
void play_put_cert(uint8_t table[static PLAY_CERTS_MAX], uint32_t *size, unsigned entry,
                   const char *guid, const struct cl_buf *der);
void play_snp_report(const struct play *p, const uint8_t data[static PLAY_DATA_SIZE], uint32_t vmpl,
                     uint8_t ret[static CL_SNP_REPORT_SIZE]);
void play_tdreport(const struct play *p, const uint8_t data[static PLAY_DATA_SIZE],
                   uint8_t ret[static CL_TDX_REPORT_SIZE]);
void play_quote(const struct play *p, const uint8_t data[static PLAY_DATA_SIZE],
                struct cl_buf *out);

/* Each starts a player; returns its process, or -1 when the kernel lacks what it needs. The device
 * is there when they return. */
pid_t play_sev_guest(struct play *p);
pid_t play_tdx_guest(struct play *p);
pid_t play_tsm(struct play *p, const char *mountpoint);
void play_stop(pid_t player); /* and waits for its end */
/* Waits until `path` is there; false when the player ended first, or nothing came. */
bool play_wait(const char *path, pid_t player);

#endif
