/* SPDX-License-Identifier: Apache-2.0
 * play_cuse.c - see play.h: /dev/sev-guest and /dev/tdx_guest. An ioctl of theirs has pointers in
 * its structure, which CUSE knows nothing of: each answer "retry" names the memory that is needed
 * next, until all is there.
 */
#define FUSE_USE_VERSION 35
#include "play.h"

#include <cuse_lowlevel.h>
#include <errno.h>
#include <linux/sev-guest.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PAGE 4096u
#define NO_FIRMWARE_CALL 0xffu
#define FIRMWARE_INVALID_PARAM 0x16u
#define RESPONSE_HEAD 32u /* MSG_REPORT_RSP: status, size, reserved */
#define TDX_CMD_GET_REPORT0 _IOWR('T', 1, uint8_t[PLAY_DATA_SIZE + CL_TDX_REPORT_SIZE])

/* ---- /dev/sev-guest ---- */

struct request { /* as far as the caller's memory was read */
    fuse_req_t req;
    unsigned long command;
    uint8_t *arg;
    struct snp_guest_request_ioctl io;
    size_t in_size;
    union {
        struct snp_report_req report;
        struct snp_ext_report_req ext;
        struct snp_derived_key_req key;
    } in;
};

static size_t in_size_of(unsigned long command)
{
    switch (command) {
    case SNP_GET_REPORT:
        return sizeof(struct snp_report_req);
    case SNP_GET_EXT_REPORT:
        return sizeof(struct snp_ext_report_req);
    case SNP_GET_DERIVED_KEY:
        return sizeof(struct snp_derived_key_req);
    default:
        return 0;
    }
}

static struct iovec at(uint64_t address, size_t size)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)address, .iov_len = size};
}

static size_t certs_room(const struct request *r)
{
    return r->command == SNP_GET_EXT_REPORT && r->in.ext.certs_address != 0 ? r->in.ext.certs_len
                                                                            : 0;
}

/* What is written back, in this order: the ioctl's structure, for extended reports the request with
 * its length, the answer, the certificates. A refusal writes the first two. */
static void ask_for_all(const struct request *r)
{
    const struct iovec in[] = {at((uintptr_t)r->arg, sizeof(r->io)),
                               at(r->io.req_data, r->in_size)};
    struct iovec out[4] = {at((uintptr_t)r->arg, sizeof(r->io))};
    size_t n = 1;
    if (r->command == SNP_GET_EXT_REPORT) {
        out[n++] = at(r->io.req_data, sizeof(r->in.ext));
    }
    out[n++] =
        at(r->io.resp_data, r->command == SNP_GET_DERIVED_KEY ? sizeof(struct snp_derived_key_resp)
                                                              : sizeof(struct snp_report_resp));
    if (certs_room(r) > 0) {
        out[n++] = at(r->in.ext.certs_address, certs_room(r));
    }
    (void)fuse_reply_ioctl_retry(r->req, in, 2, out, n);
}

static void refuse(struct request *r, struct play *p, int error, uint32_t firmware, uint32_t host)
{
    uint8_t out[sizeof(r->io) + sizeof(r->in.ext)];
    size_t size = sizeof(r->io);
    r->io.fw_error = firmware;
    r->io.vmm_error = host;
    memcpy(out, &r->io, sizeof(r->io));
    if (r->command == SNP_GET_EXT_REPORT) {
        memcpy(out + size, &r->in.ext, sizeof(r->in.ext));
        size += sizeof(r->in.ext);
    }
    p->refusals++;
    (void)fuse_reply_ioctl(r->req, -error, out, size);
}

static void derived_key(struct request *r)
{
    uint8_t out[sizeof(r->io) + sizeof(struct snp_derived_key_resp)] = {0};
    memcpy(out, &r->io, sizeof(r->io));
    /* The key depends on all of the request; what it is made from does not matter here. */
    (void)EVP_Digest(&r->in.key, sizeof(r->in.key), out + sizeof(r->io) + 32, NULL, EVP_sha256(),
                     NULL);
    (void)fuse_reply_ioctl(r->req, 0, out, sizeof(out));
}

static void put_response(const struct play *p, const struct request *r, uint8_t *response)
{
    if (p->lie == PLAY_STATUS) {
        play_le32(response, FIRMWARE_INVALID_PARAM);
        return;
    }
    play_le32(response + 4, p->lie == PLAY_LENGTH ? CL_SNP_REPORT_SIZE - 1 : CL_SNP_REPORT_SIZE);
    play_snp_report(p, r->in.report.user_data, r->in.report.vmpl, response + RESPONSE_HEAD);
}

static void put_table(const struct play *p, uint8_t *at_certs)
{
    bool recorded = p->lie == PLAY_RECORDED;
    memcpy(at_certs, recorded ? p->recorded_table : p->table,
           recorded ? p->recorded_table_size : p->table_size);
    if (p->lie == PLAY_BAD_TABLE) {
        play_le32(at_certs + 20, PLAY_CERTS_MAX);
    }
}

static void report(struct request *r, struct play *p)
{
    size_t certs = certs_room(r);
    size_t head =
        sizeof(r->io) + (r->command == SNP_GET_EXT_REPORT ? sizeof(struct snp_ext_report_req) : 0);
    size_t size = head + sizeof(struct snp_report_resp) + certs;
    uint8_t *out = calloc(1, size);
    if (out == NULL) {
        abort();
    }
    memcpy(out, &r->io, sizeof(r->io));
    memcpy(out + sizeof(r->io), &r->in, head - sizeof(r->io));
    put_response(p, r, out + head);
    if (certs > 0) {
        put_table(p, out + head + sizeof(struct snp_report_resp));
    }
    (void)fuse_reply_ioctl(r->req, 0, out, p->lie == PLAY_SHORT ? head : size);
    free(out);
}

/* The request is whole: what would the driver, the hypervisor and the firmware say? */
static void answer(struct request *r, struct play *p)
{
    uint32_t have = p->lie == PLAY_RECORDED ? p->recorded_table_size : p->table_size;
    uint32_t pages = p->lie == PLAY_LARGE_TABLE ? 256 : (have + PAGE - 1) / PAGE;
    p->calls++;
    r->io.exitinfo2 = 0;
    if (p->lie == PLAY_FIRMWARE) {
        refuse(r, p, EIO, FIRMWARE_INVALID_PARAM, 0);
    } else if (p->lie == PLAY_BUSY) {
        refuse(r, p, EIO, NO_FIRMWARE_CALL, SNP_GUEST_VMM_ERR_BUSY);
    } else if (r->command == SNP_GET_DERIVED_KEY) {
        derived_key(r);
    } else if (r->command == SNP_GET_EXT_REPORT && certs_room(r) < (size_t)pages * PAGE) {
        r->in.ext.certs_len = pages * PAGE;
        refuse(r, p, EIO, 0, SNP_GUEST_VMM_ERR_INVALID_LEN);
    } else {
        report(r, p);
    }
}

static void sev_guest_ioctl(fuse_req_t req, int number, void *arg,
                            CL_UNUSED struct fuse_file_info *fi, CL_UNUSED unsigned flags,
                            const void *in, size_t in_size, size_t out_size)
{
    struct play *p = fuse_req_userdata(req);
    unsigned command = (unsigned)number;
    struct request r = {.req = req, .command = command, .arg = arg, .in_size = in_size_of(command)};
    const struct iovec first = at((uintptr_t)arg, sizeof(r.io));
    if (in_size < sizeof(r.io)) {
        (void)fuse_reply_ioctl_retry(req, &first, 1, NULL, 0);
        return;
    }
    memcpy(&r.io, in, sizeof(r.io));
    r.io.exitinfo2 = NO_FIRMWARE_CALL;
    if (r.io.msg_version == 0) {
        (void)fuse_reply_err(req, EINVAL);
    } else if (r.in_size == 0) {
        (void)fuse_reply_err(req, ENOTTY);
    } else if (r.io.req_data == 0 || r.io.resp_data == 0) {
        (void)fuse_reply_err(req, EINVAL);
    } else if (in_size < sizeof(r.io) + r.in_size) {
        const struct iovec both[] = {first, at(r.io.req_data, r.in_size)};
        (void)fuse_reply_ioctl_retry(req, both, 2, NULL, 0);
    } else {
        memcpy(&r.in, (const uint8_t *)in + sizeof(r.io), r.in_size);
        if (certs_room(&r) > PLAY_CERTS_MAX || certs_room(&r) % PAGE != 0) {
            (void)fuse_reply_err(req, EINVAL);
        } else if (out_size == 0) {
            ask_for_all(&r);
        } else {
            answer(&r, p);
        }
    }
}

/* ---- /dev/tdx_guest ---- */

static void tdx_guest_ioctl(fuse_req_t req, int number, void *arg,
                            CL_UNUSED struct fuse_file_info *fi, CL_UNUSED unsigned flags,
                            const void *in, size_t in_size, CL_UNUSED size_t out_size)
{
    struct play *p = fuse_req_userdata(req);
    uint8_t tdreport[CL_TDX_REPORT_SIZE];
    const struct iovec from = at((uintptr_t)arg, PLAY_DATA_SIZE);
    const struct iovec to = at((uintptr_t)arg + PLAY_DATA_SIZE, CL_TDX_REPORT_SIZE);
    if ((unsigned)number != TDX_CMD_GET_REPORT0) {
        (void)fuse_reply_err(req, ENOTTY);
    } else if (in_size < PLAY_DATA_SIZE) {
        (void)fuse_reply_ioctl_retry(req, &from, 1, &to, 1);
    } else if (p->lie == PLAY_FIRMWARE || p->lie == PLAY_BUSY) {
        p->refusals++;
        (void)fuse_reply_err(req, p->lie == PLAY_BUSY ? EBUSY : EIO);
    } else {
        p->calls++;
        play_tdreport(p, in, tdreport);
        (void)fuse_reply_ioctl(req, 0, tdreport,
                               p->lie == PLAY_SHORT ? CL_TDX_REPORT_SIZE / 2 : sizeof(tdreport));
    }
}

/* ---- both ---- */

static void device_open(fuse_req_t req, struct fuse_file_info *fi)
{
    (void)fuse_reply_open(req, fi);
}

static pid_t start(struct play *p, const char *name, const struct cuse_lowlevel_ops *ops)
{
    char device[64];
    (void)snprintf(device, sizeof(device), "/dev/%s", name);
    pid_t player = fork();
    if (player == 0) {
        char variable[64], program[] = "play", foreground[] = "-f", one_thread[] = "-s";
        char *argv[] = {program, foreground, one_thread, NULL};
        (void)snprintf(variable, sizeof(variable), "DEVNAME=%s", name);
        const char *info[] = {variable};
        const struct cuse_info ci = {
            .dev_info_argc = 1, .dev_info_argv = info, .flags = CUSE_UNRESTRICTED_IOCTL};
        _exit(cuse_lowlevel_main(3, argv, &ci, ops, p) == 0 ? 0 : 1);
    }
    if (player > 0 && !play_wait(device, player)) {
        play_stop(player);
        return -1;
    }
    return player;
}

pid_t play_sev_guest(struct play *p)
{
    static const struct cuse_lowlevel_ops ops = {.open = device_open, .ioctl = sev_guest_ioctl};
    return start(p, "sev-guest", &ops);
}

pid_t play_tdx_guest(struct play *p)
{
    static const struct cuse_lowlevel_ops ops = {.open = device_open, .ioctl = tdx_guest_ioctl};
    return start(p, "tdx_guest", &ops);
}
