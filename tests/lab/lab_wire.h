/* SPDX-License-Identifier: Apache-2.0
 * lab_wire.h - what lab_client (on the machine) and lab_server (in the lab) say to each other over
 * a virtio-serial port. Trust: test tooling; both sides are ours and the lab has nothing to hide.
 * Bounds are checked all the same.
 *
 * A request:  LAB_REQUEST_MAGIC, u64 nonce, u32 argc, u32 envc, u32 body_len, then body_len bytes:
 * NUL-terminated strings, the working directory first, then argc arguments, then envc of "K=V".
 * argc 0 is a ping. The answer: LAB_READY_MAGIC, u64 nonce, then frames (u32 type, u32 len, len
 * bytes) until LAB_FRAME_EXIT. The client skips whatever stands before the magic and its nonce: it
 * may be the rest of an answer that nobody waited for. A client that goes away ends its command.
 * Integers are in the machine's byte order: both ends are the same CPU family.
 */
#ifndef LAB_WIRE_H
#define LAB_WIRE_H

#include <stdint.h>

#define LAB_MAGIC_SIZE 8u
#define LAB_REQUEST_MAGIC "CLLABREQ"
#define LAB_READY_MAGIC "CLLABRDY"
#define LAB_BODY_MAX (4u << 20)
#define LAB_FRAME_MAX 65536u
#define LAB_PORT_MAX 4u /* virtio-serial ports, called lab.0 to lab.3: as many commands at once */

enum lab_frame_type {
    LAB_FRAME_STDOUT = 1,
    LAB_FRAME_STDERR = 2,
    LAB_FRAME_EXIT = 3, /* body: u32 exit status, 128+n for a signal */
};

struct lab_request {
    uint8_t magic[LAB_MAGIC_SIZE];
    uint64_t nonce;
    uint32_t argc;
    uint32_t envc;
    uint32_t body_len;
    uint32_t zero;
};

struct lab_ready {
    uint8_t magic[LAB_MAGIC_SIZE];
    uint64_t nonce;
};

struct lab_frame {
    uint32_t type;
    uint32_t len;
};

#endif
