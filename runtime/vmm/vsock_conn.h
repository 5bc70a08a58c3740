/* SPDX-License-Identifier: Apache-2.0
 * vsock_conn.h - one connection of the vsock device: its packets, its credit, its two ends.
 * Internal to vsock.c, vsock_conn.c and their tests. Trust: packets are hostile. Threads: the
 * device's lock is held.
 */
#ifndef VMM_VSOCK_CONN_H
#define VMM_VSOCK_CONN_H

#include "vsock.h"

enum {
    VSOCK_OP_REQUEST = 1,
    VSOCK_OP_RESPONSE = 2,
    VSOCK_OP_RST = 3,
    VSOCK_OP_SHUTDOWN = 4,
    VSOCK_OP_RW = 5,
    VSOCK_OP_CREDIT_UPDATE = 6,
    VSOCK_OP_CREDIT_REQUEST = 7,
};
#define VSOCK_TYPE_STREAM 1u
#define VSOCK_SHUTDOWN_RCV 1u
#define VSOCK_SHUTDOWN_SEND 2u
#define VSOCK_SHUTDOWN_BOTH 3u
#define VSOCK_MAX_PAYLOAD (64u << 10)

struct vsock_packet {
    uint64_t src_cid;
    uint64_t dst_cid;
    uint32_t src_port;
    uint32_t dst_port;
    uint32_t len;
    uint16_t type;
    uint16_t op;
    uint32_t flags;
    uint32_t buf_alloc;
    uint32_t fwd_cnt;
};

void vsock_packet_decode(const uint8_t raw[static VMM_VSOCK_HEAD], struct vsock_packet *ret_p);
void vsock_packet_encode(const struct vsock_packet *p, uint8_t ret_raw[static VMM_VSOCK_HEAD]);

void vsock_conn_close(struct vmm_vsock_conn *c); /* frees the slot */
/* A packet of the guest for this connection; payload as it stands in the guest's memory. */
void vsock_conn_receive(struct vmm_vsock_conn *c, const struct vsock_packet *p,
                        const struct iovec *payload, size_t payload_count);
/* The socket became readable, writable or hung up. */
void vsock_conn_progress(struct vmm_vsock_conn *c);
/* Reads the CONNECT line. Returns true with the port when it is complete, else keeps waiting or
 * closes the connection. */
bool vsock_conn_handshake(struct vmm_vsock_conn *c, uint32_t *ret_port);
/* Is there a packet for the guest? (With data only as far as its credit goes.) */
bool vsock_conn_has_packet(const struct vmm_vsock_conn *c);
/* Makes the next packet: header fields in *ret_p, payload read into iov. false: nothing after all.
 * May close the connection. */
bool vsock_conn_next_packet(struct vmm_vsock_conn *c, struct iovec *iov, size_t iov_count,
                            struct vsock_packet *ret_p);

#endif
