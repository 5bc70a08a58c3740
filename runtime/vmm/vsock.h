/* SPDX-License-Identifier: Apache-2.0
 * vsock.h - a virtio socket device (virtio 1.2, 5.10; streams) served in user space: guest
 * connections end in Unix sockets of the host, and host programs reach guest ports through one
 * listening socket (interfaces.md I-2).
 * Trust: packets come from the guest and are hostile. The host's sockets are the user's, but what
 *        is typed into the CONNECT line is checked as well.
 * Threads: vmm_vsock_service() and the *_event functions on the main thread; the transport's lock
 *          serialises with register accesses.
 * Memory: a table of connections that grows in blocks, with as many as there ever were at once, and
 *         is bounded; at most VMM_VSOCK_BUF bytes for each whose host side does not keep up.
 * Nothing is buffered towards the guest: bytes are read from the socket straight into the guest's
 * buffers when credit allows.
 */
#ifndef VMM_VSOCK_H
#define VMM_VSOCK_H

#include "virtio.h"

#define VMM_VSOCK_GUEST_CID 3u
#define VMM_VSOCK_HOST_CID 2u
#define VMM_VSOCK_QUEUE_MAX 128u
#define VMM_VSOCK_BLOCK 64u /* connections of a block of the table */
#define VMM_VSOCK_BLOCKS 24u
#define VMM_VSOCK_CONNS                                                                            \
    (VMM_VSOCK_BLOCK * VMM_VSOCK_BLOCKS) /* streams of a pod: docs/limits.md                       \
                                          */
#define VMM_VSOCK_BUF (64u << 10)        /* our buf_alloc */
#define VMM_VSOCK_ORPHANS 256u           /* resets owed to connections that we do not know */
#define VMM_VSOCK_LINE 24u               /* "CONNECT 4294967295\n" */
#define VMM_VSOCK_HEAD 44u

enum vmm_vsock_state {
    VMM_VSOCK_FREE,
    VMM_VSOCK_HANDSHAKE, /* a host program has not finished its CONNECT line */
    VMM_VSOCK_REQUESTED, /* the guest was asked for a port */
    VMM_VSOCK_OPEN,
    VMM_VSOCK_LINGER, /* the guest is done; what it sent is still on its way to the host program */
};

/* What is owed to the guest, one packet each. */
enum {
    VMM_VSOCK_OWE_REQUEST = 1,
    VMM_VSOCK_OWE_RESPONSE = 2,
    VMM_VSOCK_OWE_SHUTDOWN = 4,
    VMM_VSOCK_OWE_CREDIT = 8,
    VMM_VSOCK_OWE_ASK_CREDIT = 16,
    VMM_VSOCK_OWE_RST = 32, /* and then the connection is gone */
};

struct vmm_vsock_conn {
    enum vmm_vsock_state state;
    int fd; /* owned, non-blocking; -1: the host program is gone */
    uint32_t host_port;
    uint32_t guest_port;
    uint32_t owed;
    bool readable; /* the socket may have bytes, or its end */
    bool writable;
    bool hung_up;          /* the host program closed both directions */
    bool host_eof;         /* it will send no more */
    bool host_deaf;        /* it reads no more: bytes of the guest are dropped */
    uint8_t shutdown;      /* flags the guest sent */
    uint8_t sent_shutdown; /* flags the guest knows */
    bool asked_credit;
    uint32_t peer_alloc; /* the guest's buffer, and how much of it we know to be free */
    uint32_t peer_fwd;
    uint32_t tx_count;  /* bytes sent to the guest */
    uint32_t rx_count;  /* bytes received from it */
    uint32_t fwd_count; /* of these, handed on */
    uint32_t told_fwd;  /* as last told to the guest */
    uint8_t *buf;       /* VMM_VSOCK_BUF bytes while any are held */
    uint32_t buf_start;
    uint32_t buf_len;
    uint16_t index; /* in the table */
    uint16_t generation;
    uint8_t line_len;
    char line[VMM_VSOCK_LINE];
};

struct vmm_vsock_host {
    /* A connected or connecting non-blocking stream to the program behind a port; -1: nobody. */
    int (*connect)(void *ctx, uint32_t port);
    /* Starts edge-triggered watching of fd; later events call vmm_vsock_conn_event(). */
    bool (*watch)(void *ctx, int fd, uint16_t conn, uint16_t generation);
    void *ctx;
};

struct vmm_vsock {
    struct vmm_virtio virtio;
    struct vmm_vsock_host host;
    struct vmm_vsock_conn *block[VMM_VSOCK_BLOCKS];
    unsigned conn_count; /* of the blocks that there are */
    uint32_t next_port;  /* of host-initiated connections */
    unsigned next_conn;  /* whose turn it is */
    unsigned orphan_count;
    struct {
        uint32_t host_port;
        uint32_t guest_port;
    } orphan[VMM_VSOCK_ORPHANS];
    struct vmm_chain chain; /* scratch of the main thread */
};

/* i < conn_count */
static inline struct vmm_vsock_conn *vmm_vsock_conn_at(const struct vmm_vsock *s, unsigned i)
{
    return &s->block[i / VMM_VSOCK_BLOCK][i % VMM_VSOCK_BLOCK];
}

void vmm_vsock_init(struct vmm_vsock *s, const struct vmm_vsock_host *host,
                    const struct vmm_mem *mem);
void vmm_vsock_done(struct vmm_vsock *s);

/* Works on all queues until nothing moves; true when its share is used up and there may be more.
 * Takes the lock. */
bool vmm_vsock_service(struct vmm_vsock *s);
/* A host program connected to the listening socket; takes fd. Takes the lock. */
void vmm_vsock_accept(struct vmm_vsock *s, int fd);
/* Events of a watched socket; ignored when the connection is another one by now. Follow with
 * vmm_vsock_service(). Takes the lock. */
void vmm_vsock_conn_event(struct vmm_vsock *s, uint16_t conn, uint16_t generation, bool readable,
                          bool writable, bool hung_up);

#endif
