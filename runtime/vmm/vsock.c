/* SPDX-License-Identifier: Apache-2.0
 * vsock.c - the vsock device: queues, the table of connections, whose turn it is. Trust, threads:
 * see vsock.h.
 */
#include "vsock.h"

#include "base/bytes.h"
#include "iov.h"
#include "vsock_conn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VSOCK_DEVICE_ID 19u
#define QUEUE_RX 0u
#define QUEUE_TX 1u
#define FIRST_HOST_PORT 0x40000000u
#define BATCH 256u /* packets each way before others get their turn */

static uint64_t vsock_features(CL_UNUSED void *dev)
{
    return 0; /* streams only, which need no bit */
}

static void vsock_config_read(CL_UNUSED void *dev, uint32_t offset, uint8_t *ret, uint32_t size)
{
    cl_le64 cid;
    cl_le64_put(&cid, VMM_VSOCK_GUEST_CID);
    for (uint32_t i = 0; i < size && offset < sizeof(cid) && i < sizeof(cid) - offset; i++) {
        ret[i] = cid.b[offset + i];
    }
}

static void vsock_reset(void *dev)
{
    struct vmm_vsock *s = dev;
    for (unsigned i = 0; i < s->conn_count; i++) {
        if (vmm_vsock_conn_at(s, i)->state != VMM_VSOCK_FREE) {
            vsock_conn_close(vmm_vsock_conn_at(s, i));
        }
    }
    s->orphan_count = 0;
}

static const struct vmm_virtio_ops vsock_ops = {
    .device_id = VSOCK_DEVICE_ID,
    .queue_count = 3,
    .queue_max = VMM_VSOCK_QUEUE_MAX,
    .features = vsock_features,
    .config_read = vsock_config_read,
    .reset = vsock_reset,
};

void vmm_vsock_init(struct vmm_vsock *s, const struct vmm_vsock_host *host,
                    const struct vmm_mem *mem)
{
    *s = (struct vmm_vsock){.host = *host, .next_port = FIRST_HOST_PORT};
    vmm_virtio_init(&s->virtio, &vsock_ops, s, mem);
}

void vmm_vsock_done(struct vmm_vsock *s)
{
    if (s != NULL) {
        vsock_reset(s);
        for (unsigned i = 0; i < VMM_VSOCK_BLOCKS; i++) {
            free(s->block[i]);
            s->block[i] = NULL;
        }
        s->conn_count = 0;
        vmm_virtio_done(&s->virtio);
    }
}

static struct vmm_vsock_conn *find(struct vmm_vsock *s, uint32_t host_port, uint32_t guest_port)
{
    for (unsigned i = 0; i < s->conn_count; i++) {
        struct vmm_vsock_conn *c = vmm_vsock_conn_at(s, i);
        if ((c->state == VMM_VSOCK_OPEN || c->state == VMM_VSOCK_REQUESTED) &&
            c->host_port == host_port && c->guest_port == guest_port) {
            return c;
        }
    }
    return NULL;
}

static bool add_block(struct vmm_vsock *s)
{
    unsigned n = s->conn_count / VMM_VSOCK_BLOCK;
    struct vmm_vsock_conn *block =
        n < VMM_VSOCK_BLOCKS ? calloc(VMM_VSOCK_BLOCK, sizeof(*block)) : NULL;
    if (block == NULL) {
        return false;
    }
    for (unsigned i = 0; i < VMM_VSOCK_BLOCK; i++) {
        block[i].fd = -1;
        block[i].index = (uint16_t)(s->conn_count + i);
    }
    s->block[n] = block;
    s->conn_count += VMM_VSOCK_BLOCK;
    return true;
}

static struct vmm_vsock_conn *find_free(struct vmm_vsock *s)
{
    unsigned i = 0;
    while (i < s->conn_count && vmm_vsock_conn_at(s, i)->state != VMM_VSOCK_FREE) {
        i++;
    }
    return i < s->conn_count || add_block(s) ? vmm_vsock_conn_at(s, i) : NULL;
}

/* A reset for a packet that belongs to nothing. When too many are owed, the rest is silence: the
 * guest's own time-out serves it. */
static void owe_orphan(struct vmm_vsock *s, const struct vsock_packet *p)
{
    if (p->op != VSOCK_OP_RST && s->orphan_count < VMM_VSOCK_ORPHANS) {
        s->orphan[s->orphan_count].host_port = p->dst_port;
        s->orphan[s->orphan_count].guest_port = p->src_port;
        s->orphan_count++;
    }
}

static void open_from_guest(struct vmm_vsock *s, const struct vsock_packet *p)
{
    struct vmm_vsock_conn *c = find_free(s);
    if (c == NULL) {
        owe_orphan(s, p);
        return;
    }
    int fd = s->host.connect(s->host.ctx, p->dst_port);
    if (fd < 0) {
        owe_orphan(s, p);
        return;
    }
    c->state = VMM_VSOCK_OPEN;
    c->fd = fd;
    c->host_port = p->dst_port;
    c->guest_port = p->src_port;
    c->peer_alloc = p->buf_alloc;
    c->peer_fwd = p->fwd_cnt;
    c->readable = true; /* until it says otherwise */
    c->writable = true;
    c->owed = VMM_VSOCK_OWE_RESPONSE;
    if (!s->host.watch(s->host.ctx, fd, c->index, c->generation)) {
        vsock_conn_close(c);
        owe_orphan(s, p);
    }
}

static void dispatch(struct vmm_vsock *s, const struct vsock_packet *p, struct iovec *payload,
                     size_t payload_count)
{
    if (p->src_cid != VMM_VSOCK_GUEST_CID || p->dst_cid != VMM_VSOCK_HOST_CID) {
        return; /* forged source, or nobody we know: dropped */
    }
    struct vmm_vsock_conn *c = find(s, p->dst_port, p->src_port);
    if (p->type != VSOCK_TYPE_STREAM) {
        owe_orphan(s, p); /* 5.10.6.4.2: unknown type is answered by a reset */
    } else if (c != NULL) {
        vsock_conn_receive(c, p, payload, payload_count);
    } else if (p->op == VSOCK_OP_REQUEST) {
        open_from_guest(s, p);
    } else {
        owe_orphan(s, p);
    }
}

/* One packet of the guest. false: the chain is no packet, and the device must be reset. */
static bool take_packet(struct vmm_vsock *s, struct vmm_chain *c)
{
    uint8_t raw[VMM_VSOCK_HEAD]; /* our copy */
    struct vsock_packet p;
    struct iovec *iov = c->iov;
    size_t count = c->out_count;
    if (!vmm_iov_read(iov, count, raw, sizeof(raw))) {
        return false;
    }
    vsock_packet_decode(raw, &p);
    vmm_iov_skip(&iov, &count, sizeof(raw));
    if (p.op != VSOCK_OP_RW) {
        p.len = 0; /* only RW carries bytes */
    }
    if (p.len > vmm_iov_size(iov, count) || p.len > VSOCK_MAX_PAYLOAD) {
        return false;
    }
    vmm_iov_trim(iov, &count, p.len);
    dispatch(s, &p, iov, count);
    vmm_virtq_push(&s->virtio.queue[QUEUE_TX], c->head, 0);
    return true;
}

static bool service_tx(struct vmm_vsock *s)
{
    struct vmm_virtio *v = &s->virtio;
    struct vmm_virtq *q = &v->queue[QUEUE_TX];
    unsigned n = 0;
    while (n < BATCH && vmm_virtio_is_live(v)) {
        enum vmm_virtq_result got = vmm_virtq_pop(q, &s->chain);
        if (got == VMM_VIRTQ_EMPTY && vmm_virtq_enable_notify(q)) {
            continue;
        }
        if (got == VMM_VIRTQ_EMPTY) {
            break;
        }
        if (got == VMM_VIRTQ_BROKEN || !take_packet(s, &s->chain)) {
            vmm_virtio_fail(v);
        }
        n++;
    }
    vmm_virtio_signal_used(v, q);
    return n == BATCH;
}

/* The next packet for the guest into iov, in turn. */
static bool next_packet(struct vmm_vsock *s, struct iovec *iov, size_t count,
                        struct vsock_packet *ret_p)
{
    if (s->orphan_count > 0) {
        s->orphan_count--;
        *ret_p = (struct vsock_packet){
            .src_cid = VMM_VSOCK_HOST_CID,
            .dst_cid = VMM_VSOCK_GUEST_CID,
            .src_port = s->orphan[s->orphan_count].host_port,
            .dst_port = s->orphan[s->orphan_count].guest_port,
            .type = VSOCK_TYPE_STREAM,
            .op = VSOCK_OP_RST,
        };
        return true;
    }
    for (unsigned i = 0; i < s->conn_count; i++) {
        struct vmm_vsock_conn *c = vmm_vsock_conn_at(s, (s->next_conn + i) % s->conn_count);
        struct iovec copy[VMM_CHAIN_MAX]; /* next_packet shortens it */
        if (!vsock_conn_has_packet(c)) {
            continue;
        }
        memcpy(copy, iov, count * sizeof(copy[0]));
        if (vsock_conn_next_packet(c, copy, count, ret_p)) {
            s->next_conn = c->index + 1u;
            return true;
        }
    }
    return false;
}

static bool anything_owed(const struct vmm_vsock *s)
{
    bool owed = s->orphan_count > 0;
    for (unsigned i = 0; i < s->conn_count && !owed; i++) {
        owed = vsock_conn_has_packet(vmm_vsock_conn_at(s, i));
    }
    return owed;
}

enum give_result { GAVE, NOTHING_TO_GIVE, NO_BUFFER };

static enum give_result give_packet(struct vmm_vsock *s, struct vmm_virtq *q)
{
    struct vsock_packet p;
    uint8_t raw[VMM_VSOCK_HEAD];
    enum vmm_virtq_result got = vmm_virtq_pop(q, &s->chain);
    if (got == VMM_VIRTQ_EMPTY) {
        return vmm_virtq_enable_notify(q) ? GAVE : NO_BUFFER;
    }
    struct iovec *iov = s->chain.iov + s->chain.out_count;
    size_t count = s->chain.in_count;
    if (got == VMM_VIRTQ_BROKEN || vmm_iov_size(iov, count) < sizeof(raw)) {
        vmm_virtio_fail(&s->virtio);
        return NO_BUFFER;
    }
    struct iovec rest[VMM_CHAIN_MAX];
    struct iovec *body = rest;
    size_t body_count = count;
    memcpy(rest, iov, count * sizeof(rest[0]));
    vmm_iov_skip(&body, &body_count, sizeof(raw));
    if (!next_packet(s, body, body_count, &p)) {
        vmm_virtq_unpop(q);
        return NOTHING_TO_GIVE;
    }
    vsock_packet_encode(&p, raw);
    (void)vmm_iov_write(iov, count, raw, sizeof(raw)); /* it fits: seen above */
    vmm_virtq_push(q, s->chain.head, (uint32_t)sizeof(raw) + p.len);
    return GAVE;
}

static bool service_rx(struct vmm_vsock *s)
{
    struct vmm_virtio *v = &s->virtio;
    struct vmm_virtq *q = &v->queue[QUEUE_RX];
    unsigned n = 0;
    while (n < BATCH && vmm_virtio_is_live(v) && anything_owed(s) && give_packet(s, q) == GAVE) {
        n++;
    }
    vmm_virtio_signal_used(v, q);
    return n == BATCH;
}

bool vmm_vsock_service(struct vmm_vsock *s)
{
    (void)pthread_mutex_lock(&s->virtio.lock);
    bool more = service_tx(s);
    more = service_rx(s) || more;
    (void)pthread_mutex_unlock(&s->virtio.lock);
    return more;
}

void vmm_vsock_accept(struct vmm_vsock *s, int fd)
{
    (void)pthread_mutex_lock(&s->virtio.lock);
    struct vmm_vsock_conn *c = find_free(s);
    if (c == NULL || !s->host.watch(s->host.ctx, fd, c->index, c->generation)) {
        (void)close(fd);
    } else {
        c->state = VMM_VSOCK_HANDSHAKE;
        c->fd = fd;
    }
    (void)pthread_mutex_unlock(&s->virtio.lock);
}

/* Host ports of our own connections: the next that this guest port does not use already. */
static void request_port(struct vmm_vsock *s, struct vmm_vsock_conn *c, uint32_t guest_port)
{
    do {
        s->next_port = s->next_port == UINT32_MAX - 1 ? FIRST_HOST_PORT : s->next_port + 1;
    } while (find(s, s->next_port, guest_port) != NULL);
    c->host_port = s->next_port;
    c->guest_port = guest_port;
    c->state = VMM_VSOCK_REQUESTED;
    c->owed = VMM_VSOCK_OWE_REQUEST;
}

void vmm_vsock_conn_event(struct vmm_vsock *s, uint16_t conn, uint16_t generation, bool readable,
                          bool writable, bool hung_up)
{
    (void)pthread_mutex_lock(&s->virtio.lock);
    struct vmm_vsock_conn *c = conn < s->conn_count ? vmm_vsock_conn_at(s, conn) : NULL;
    if (c != NULL && c->state != VMM_VSOCK_FREE && c->generation == generation && c->fd >= 0) {
        uint32_t port = 0;
        c->readable = (c->readable || readable) && !c->host_eof;
        c->writable = c->writable || writable;
        c->hung_up = c->hung_up || hung_up;
        if (c->state == VMM_VSOCK_HANDSHAKE && vsock_conn_handshake(c, &port)) {
            request_port(s, c, port);
        }
        vsock_conn_progress(c);
    }
    (void)pthread_mutex_unlock(&s->virtio.lock);
}
