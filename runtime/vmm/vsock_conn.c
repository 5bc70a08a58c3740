/* SPDX-License-Identifier: Apache-2.0
 * vsock_conn.c - the state machine of one vsock stream. Trust, threads: see vsock_conn.h.
 */
#include "vsock_conn.h"

#include "base/bytes.h"
#include "base/io.h"
#include "iov.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void vsock_packet_decode(const uint8_t raw[static VMM_VSOCK_HEAD], struct vsock_packet *ret_p)
{
    struct cl_reader r = cl_reader_init(raw, VMM_VSOCK_HEAD);
    ret_p->src_cid = cl_reader_le64(&r, "src_cid");
    ret_p->dst_cid = cl_reader_le64(&r, "dst_cid");
    ret_p->src_port = cl_reader_le32(&r, "src_port");
    ret_p->dst_port = cl_reader_le32(&r, "dst_port");
    ret_p->len = cl_reader_le32(&r, "len");
    ret_p->type = cl_reader_le16(&r, "type");
    ret_p->op = cl_reader_le16(&r, "op");
    ret_p->flags = cl_reader_le32(&r, "flags");
    ret_p->buf_alloc = cl_reader_le32(&r, "buf_alloc");
    ret_p->fwd_cnt = cl_reader_le32(&r, "fwd_cnt");
}

void vsock_packet_encode(const struct vsock_packet *p, uint8_t ret_raw[static VMM_VSOCK_HEAD])
{
    struct cl_writer w = cl_writer_init(ret_raw, VMM_VSOCK_HEAD);
    cl_writer_le64(&w, p->src_cid);
    cl_writer_le64(&w, p->dst_cid);
    cl_writer_le32(&w, p->src_port);
    cl_writer_le32(&w, p->dst_port);
    cl_writer_le32(&w, p->len);
    cl_writer_le16(&w, p->type);
    cl_writer_le16(&w, p->op);
    cl_writer_le32(&w, p->flags);
    cl_writer_le32(&w, p->buf_alloc);
    cl_writer_le32(&w, p->fwd_cnt);
}

static void drop_buffer(struct vmm_vsock_conn *c)
{
    free(c->buf);
    c->buf = NULL;
    c->buf_start = 0;
    c->buf_len = 0;
}

static void close_host(struct vmm_vsock_conn *c)
{
    if (c->fd >= 0) {
        (void)close(c->fd);
        c->fd = -1;
    }
    c->readable = false;
    c->writable = false;
    c->host_eof = true;
    c->host_deaf = true;
}

void vsock_conn_close(struct vmm_vsock_conn *c)
{
    uint16_t generation = c->generation;
    close_host(c);
    drop_buffer(c);
    *c = (struct vmm_vsock_conn){
        .fd = -1, .index = c->index, .generation = (uint16_t)(generation + 1)};
}

/* The connection ends with a reset to the guest; the host program sees its socket close. */
static void reset(struct vmm_vsock_conn *c)
{
    close_host(c);
    drop_buffer(c);
    c->owed = VMM_VSOCK_OWE_RST;
}

static void forwarded(struct vmm_vsock_conn *c, uint32_t n)
{
    c->fwd_count += n;
    /* Four updates for each buffer keep the guest sending, and cost little. */
    if (c->state == VMM_VSOCK_OPEN && c->fwd_count - c->told_fwd >= VMM_VSOCK_BUF / 4) {
        c->owed |= VMM_VSOCK_OWE_CREDIT;
    }
}

/* The host program does not listen any more: what it will not get is dropped. */
static void host_went_deaf(struct vmm_vsock_conn *c)
{
    uint32_t dropped = c->buf_len;
    c->host_deaf = true;
    drop_buffer(c);
    forwarded(c, dropped);
    c->owed |= VMM_VSOCK_OWE_SHUTDOWN;
}

/* Sends what it takes; returns the bytes that are done with (sent, or dropped). */
static size_t send_some(struct vmm_vsock_conn *c, struct iovec *iov, size_t count)
{
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
    size_t total = vmm_iov_size(iov, count);
    if (c->host_deaf || c->fd < 0) {
        return total;
    }
    ssize_t n = -1;
    do {
        n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
        c->writable = (size_t)n == total;
        return (size_t)n;
    }
    c->writable = false;
    if (errno == EAGAIN || errno == ENOBUFS) {
        return 0;
    }
    host_went_deaf(c);
    return total;
}

/* Both ends of the ring buffer's contents. */
static size_t buffer_iov(struct vmm_vsock_conn *c, struct iovec iov[static 2])
{
    uint32_t first = VMM_VSOCK_BUF - c->buf_start;
    if (first > c->buf_len) {
        first = c->buf_len;
    }
    iov[0] = (struct iovec){.iov_base = c->buf + c->buf_start, .iov_len = first};
    iov[1] = (struct iovec){.iov_base = c->buf, .iov_len = c->buf_len - first};
    return first < c->buf_len ? 2 : 1;
}

static void flush_buffer(struct vmm_vsock_conn *c)
{
    while (c->buf_len > 0 && c->writable) {
        struct iovec iov[2];
        size_t n = send_some(c, iov, buffer_iov(c, iov));
        if (c->buf_len == 0) {
            return; /* dropped by host_went_deaf() */
        }
        c->buf_start = (c->buf_start + (uint32_t)n) % VMM_VSOCK_BUF;
        c->buf_len -= (uint32_t)n;
        forwarded(c, (uint32_t)n);
    }
    if (c->buf_len == 0) {
        drop_buffer(c);
    }
}

/* n is at most what credit allowed, so it fits. */
static bool keep(struct vmm_vsock_conn *c, const struct iovec *iov, size_t count)
{
    if (c->buf == NULL) {
        c->buf = malloc(VMM_VSOCK_BUF);
        if (c->buf == NULL) {
            return false;
        }
        c->buf_start = 0;
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = iov[i].iov_base;
        size_t left = iov[i].iov_len;
        while (left > 0) {
            uint32_t end = (c->buf_start + c->buf_len) % VMM_VSOCK_BUF;
            size_t room = end < c->buf_start ? c->buf_start - end : VMM_VSOCK_BUF - end;
            size_t n = left < room ? left : room;
            memcpy(c->buf + end, p, n);
            c->buf_len += (uint32_t)n;
            p += n;
            left -= n;
        }
    }
    return true;
}

/* When the guest's last byte is out: tell the host program, and the guest when it is done too. */
static void finish_if_drained(struct vmm_vsock_conn *c)
{
    if (c->buf_len > 0 || c->state == VMM_VSOCK_FREE) {
        return;
    }
    if (c->state == VMM_VSOCK_LINGER) {
        vsock_conn_close(c);
        return;
    }
    if (c->shutdown == VSOCK_SHUTDOWN_BOTH) {
        reset(c);
    } else if ((c->shutdown & VSOCK_SHUTDOWN_SEND) != 0 && c->fd >= 0 && !c->host_deaf) {
        (void)shutdown(c->fd, SHUT_WR);
        c->host_deaf = true;
    }
}

static void receive_data(struct vmm_vsock_conn *c, const struct vsock_packet *p,
                         const struct iovec *payload, size_t payload_count)
{
    struct iovec iov[VMM_CHAIN_MAX];
    size_t count = payload_count;
    struct iovec *rest = iov;
    if ((c->shutdown & VSOCK_SHUTDOWN_SEND) != 0 ||
        p->len > VMM_VSOCK_BUF - (c->rx_count - c->fwd_count)) {
        reset(c); /* more than its credit, or after its end */
        return;
    }
    c->rx_count += p->len;
    if (count == 0) {
        return;
    }
    memcpy(iov, payload, count * sizeof(iov[0]));
    if (c->buf_len == 0) {
        size_t n = send_some(c, rest, count);
        forwarded(c, (uint32_t)n);
        vmm_iov_skip(&rest, &count, n);
    }
    if (!keep(c, rest, count)) {
        reset(c);
    }
}

static void receive_shutdown(struct vmm_vsock_conn *c, uint32_t flags)
{
    c->shutdown |= (uint8_t)(flags & VSOCK_SHUTDOWN_BOTH);
    if ((c->shutdown & VSOCK_SHUTDOWN_RCV) != 0 && c->fd >= 0 && !c->host_eof) {
        (void)shutdown(c->fd, SHUT_RD);
        c->readable = false;
        c->host_eof = true;
        c->sent_shutdown |= VSOCK_SHUTDOWN_SEND; /* the guest knows */
    }
    finish_if_drained(c);
}

static void receive_rst(struct vmm_vsock_conn *c)
{
    /* Linux waits only seconds for our reset after its close(): bytes that it sent before are
     * delivered all the same. */
    if (c->buf_len > 0 && (c->shutdown & VSOCK_SHUTDOWN_SEND) != 0 && c->fd >= 0) {
        c->state = VMM_VSOCK_LINGER;
        c->owed = 0;
        return;
    }
    vsock_conn_close(c);
}

static void receive_response(struct vmm_vsock_conn *c)
{
    char line[VMM_VSOCK_LINE];
    int n = snprintf(line, sizeof(line), "OK %u\n", (unsigned)c->guest_port);
    c->state = VMM_VSOCK_OPEN;
    c->writable = true;
    if (send(c->fd, line, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n) {
        reset(c); /* a fresh socket has room for a line: the program is gone */
        return;
    }
    c->readable = true;
}

void vsock_conn_receive(struct vmm_vsock_conn *c, const struct vsock_packet *p,
                        const struct iovec *payload, size_t payload_count)
{
    if (p->op == VSOCK_OP_RST) {
        receive_rst(c);
        return;
    }
    if ((c->owed & VMM_VSOCK_OWE_RST) != 0) {
        return; /* it will learn */
    }
    c->peer_alloc = p->buf_alloc;
    c->peer_fwd = p->fwd_cnt;
    c->asked_credit = false;
    if (c->state == VMM_VSOCK_REQUESTED) {
        if (p->op == VSOCK_OP_RESPONSE) {
            receive_response(c);
        } else {
            reset(c);
        }
        return;
    }
    switch (p->op) {
    case VSOCK_OP_RW:
        receive_data(c, p, payload, payload_count);
        break;
    case VSOCK_OP_SHUTDOWN:
        receive_shutdown(c, p->flags);
        break;
    case VSOCK_OP_CREDIT_UPDATE:
        break;
    case VSOCK_OP_CREDIT_REQUEST:
        c->owed |= VMM_VSOCK_OWE_CREDIT;
        break;
    default: /* a second REQUEST or RESPONSE, or nonsense */
        reset(c);
        break;
    }
}

void vsock_conn_progress(struct vmm_vsock_conn *c)
{
    if (c->state == VMM_VSOCK_OPEN || c->state == VMM_VSOCK_LINGER) {
        if (c->hung_up && !c->host_deaf) {
            host_went_deaf(c);
        }
        flush_buffer(c);
        finish_if_drained(c);
    } else if (c->hung_up && c->state == VMM_VSOCK_REQUESTED) {
        if ((c->owed & VMM_VSOCK_OWE_REQUEST) != 0) {
            vsock_conn_close(c); /* the guest never heard of it */
        } else {
            reset(c);
        }
    }
}

bool vsock_conn_handshake(struct vmm_vsock_conn *c, uint32_t *ret_port)
{
    static const char verb[] = "CONNECT ";
    while (c->readable) {
        char ch = 0;
        ssize_t n = recv(c->fd, &ch, 1, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            c->readable = errno == EINTR;
            continue;
        }
        if (n <= 0 || c->line_len == sizeof(c->line) - 1) {
            vsock_conn_close(c);
            return false;
        }
        if (ch != '\n') {
            c->line[c->line_len++] = ch;
            continue;
        }
        uint64_t port = 0;
        c->line[c->line_len] = '\0';
        if (strlen(c->line) != c->line_len || strncmp(c->line, verb, sizeof(verb) - 1) != 0 ||
            cl_uint_parse(c->line + sizeof(verb) - 1, "port", 0, UINT32_MAX - 1, &port, NULL) !=
                CL_OK) {
            vsock_conn_close(c);
            return false;
        }
        *ret_port = (uint32_t)port;
        return true;
    }
    return false;
}

static uint32_t credit(const struct vmm_vsock_conn *c)
{
    uint32_t in_flight = c->tx_count - c->peer_fwd;
    return in_flight < c->peer_alloc ? c->peer_alloc - in_flight : 0;
}

static bool wants_to_read(const struct vmm_vsock_conn *c)
{
    return c->state == VMM_VSOCK_OPEN && c->readable && !c->host_eof && c->fd >= 0;
}

bool vsock_conn_has_packet(const struct vmm_vsock_conn *c)
{
    if (c->state == VMM_VSOCK_FREE || c->state == VMM_VSOCK_HANDSHAKE ||
        c->state == VMM_VSOCK_LINGER) {
        return false;
    }
    return c->owed != 0 || (wants_to_read(c) && (credit(c) > 0 || !c->asked_credit));
}

/* The flags the guest should know by now. */
static uint8_t shutdown_flags(const struct vmm_vsock_conn *c)
{
    uint8_t flags = 0;
    if (c->host_eof) {
        flags |= VSOCK_SHUTDOWN_SEND;
    }
    if (c->host_deaf && (c->shutdown & VSOCK_SHUTDOWN_SEND) == 0) {
        flags |= VSOCK_SHUTDOWN_RCV;
    }
    return flags;
}

static void host_ended(struct vmm_vsock_conn *c)
{
    c->host_eof = true;
    c->readable = false;
    if (c->hung_up) {
        close_host(c);
    }
    c->owed |= VMM_VSOCK_OWE_SHUTDOWN;
}

/* Reads from the host program into the guest's buffer. */
static bool read_data(struct vmm_vsock_conn *c, struct iovec *iov, size_t iov_count,
                      struct vsock_packet *p)
{
    uint32_t room = credit(c);
    if (room == 0) {
        c->asked_credit = true;
        p->op = VSOCK_OP_CREDIT_REQUEST;
        return true;
    }
    if (room > VSOCK_MAX_PAYLOAD) {
        room = VSOCK_MAX_PAYLOAD;
    }
    vmm_iov_trim(iov, &iov_count, room);
    if (iov_count == 0) {
        return false; /* a receive buffer with room for a header only */
    }
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = iov_count};
    ssize_t n = -1;
    do {
        n = recvmsg(c->fd, &msg, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        c->readable = false;
        return false;
    }
    if (n <= 0) {
        host_ended(c);
        return false;
    }
    c->tx_count += (uint32_t)n;
    p->op = VSOCK_OP_RW;
    p->len = (uint32_t)n;
    return true;
}

static bool make_packet(struct vmm_vsock_conn *c, struct iovec *iov, size_t iov_count,
                        struct vsock_packet *p)
{
    static const struct {
        uint32_t owed;
        uint16_t op;
    } simple[] = {{VMM_VSOCK_OWE_RST, VSOCK_OP_RST},
                  {VMM_VSOCK_OWE_REQUEST, VSOCK_OP_REQUEST},
                  {VMM_VSOCK_OWE_RESPONSE, VSOCK_OP_RESPONSE}};
    for (size_t i = 0; i < CL_ARRAY_LEN(simple); i++) {
        if ((c->owed & simple[i].owed) != 0) {
            c->owed &= ~simple[i].owed;
            p->op = simple[i].op;
            return true;
        }
    }
    if (wants_to_read(c) && (credit(c) > 0 || !c->asked_credit) &&
        read_data(c, iov, iov_count, p)) {
        return true;
    }
    if ((c->owed & VMM_VSOCK_OWE_SHUTDOWN) != 0) {
        c->owed &= ~(uint32_t)VMM_VSOCK_OWE_SHUTDOWN;
        p->flags = shutdown_flags(c);
        if ((p->flags & ~(uint32_t)c->sent_shutdown) != 0) {
            c->sent_shutdown |= (uint8_t)p->flags;
            p->op = VSOCK_OP_SHUTDOWN;
            return true;
        }
    }
    if ((c->owed & VMM_VSOCK_OWE_CREDIT) != 0) {
        p->op = VSOCK_OP_CREDIT_UPDATE;
        return true;
    }
    return false;
}

bool vsock_conn_next_packet(struct vmm_vsock_conn *c, struct iovec *iov, size_t iov_count,
                            struct vsock_packet *ret_p)
{
    struct vsock_packet p = {
        .src_cid = VMM_VSOCK_HOST_CID,
        .dst_cid = VMM_VSOCK_GUEST_CID,
        .src_port = c->host_port,
        .dst_port = c->guest_port,
        .type = VSOCK_TYPE_STREAM,
    };
    if (!make_packet(c, iov, iov_count, &p)) {
        return false;
    }
    p.buf_alloc = VMM_VSOCK_BUF; /* every packet carries our credit */
    p.fwd_cnt = c->fwd_count;
    c->told_fwd = c->fwd_count;
    c->owed &= ~(uint32_t)VMM_VSOCK_OWE_CREDIT;
    *ret_p = p;
    if (p.op == VSOCK_OP_RST) {
        vsock_conn_close(c);
    }
    return true;
}
