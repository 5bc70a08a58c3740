/* SPDX-License-Identifier: Apache-2.0
 * play_answers.c - see play.h.
 */
#include "play.h"
#include "snp_world.h"
#include "tdx_world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENTRY_SIZE 24u
#define ENTRIES_SIZE (4 * ENTRY_SIZE) /* three, and the end */

void play_put_cert(uint8_t table[static PLAY_CERTS_MAX], uint32_t *size, unsigned entry,
                   const char *guid, const struct cl_buf *der)
{
    uint8_t *e = table + (size_t)entry * ENTRY_SIZE;
    uint32_t at = *size == 0 ? ENTRIES_SIZE : *size;
    if (der->len > PLAY_CERTS_MAX - at) {
        abort();
    }
    for (size_t i = 0; i < 16; i++, guid += 2) {
        guid += *guid == '-';
        unsigned byte = 0;
        if (sscanf(guid, "%2x", &byte) != 1) {
            abort();
        }
        e[i] = (uint8_t)byte;
    }
    play_le32(e + 16, at);
    play_le32(e + 20, (uint32_t)der->len);
    memcpy(table + at, der->data, der->len);
    *size = at + (uint32_t)der->len;
}

void play_snp_report(const struct play *p, const uint8_t data[static PLAY_DATA_SIZE], uint32_t vmpl,
                     uint8_t ret[static CL_SNP_REPORT_SIZE])
{
    struct cl_snp_report r;
    if (p->lie == PLAY_RECORDED) {
        memcpy(ret, p->recorded, CL_SNP_REPORT_SIZE);
        return;
    }
    world_report(&r);
    r.vmpl = vmpl;
    memcpy(r.report_data, data, PLAY_DATA_SIZE);
    if (p->lie == PLAY_OTHER_DATA) {
        r.report_data[PLAY_DATA_SIZE - 1] ^= 1;
    }
    world_sign(&r, ret);
    if (p->lie == PLAY_FORGED) {
        ret[0x90] ^= 1; /* MEASUREMENT */
    }
}

static void td_of(const struct play *p, const uint8_t data[static PLAY_DATA_SIZE], struct tw *ret_w)
{
    tw_default(ret_w);
    memcpy(ret_w->td.report_data, data, PLAY_DATA_SIZE);
    if (p->lie == PLAY_OTHER_DATA) {
        ret_w->td.report_data[PLAY_DATA_SIZE - 1] ^= 1;
    }
}

void play_tdreport(const struct play *p, const uint8_t data[static PLAY_DATA_SIZE],
                   uint8_t ret[static CL_TDX_REPORT_SIZE])
{
    static struct tw w;
    td_of(p, data, &w);
    tw_tdreport(&w.td, ret);
}

void play_quote(const struct play *p, const uint8_t data[static PLAY_DATA_SIZE], struct cl_buf *out)
{
    static struct tw w;
    td_of(p, data, &w);
    tw_quote_bytes(&w, out);
    if (p->lie == PLAY_FORGED) {
        out->data[48 + 136] ^= 1; /* MRTD, behind the quote's header */
    }
}

bool play_wait(const char *path, pid_t player)
{
    for (int i = 0; i < 1000; i++) {
        if (access(path, F_OK) == 0) {
            return true;
        }
        if (waitpid(player, NULL, WNOHANG) != 0) {
            return false;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    return false;
}

void play_stop(pid_t player)
{
    (void)kill(player, SIGTERM);
    while (waitpid(player, NULL, 0) < 0 && errno == EINTR) {
    }
}
