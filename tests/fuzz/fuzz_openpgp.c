/* SPDX-License-Identifier: Apache-2.0
 * fuzz_openpgp.c - OpenPGP that a host brings, or that stands in a policy: the input is read as a
 * key ring and as a signed message, against a ring with a key whose private half nobody has.
 */
#include "cloister/image_signature.h"

#include "imagesig/imagesig_internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An Ed25519 key of version 4 without more. */
static const uint8_t lone_key[] = {
    0xc6, 0x33, 0x04, 0x65, 0x53, 0xf1, 0x00, 0x16, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01,
    0xda, 0x47, 0x0f, 0x01, 0x01, 0x07, 0x40, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a,
    0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda,
    0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct openpgp_ring ring = {0};
    struct openpgp_ring ours = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf content = {0};
    if (openpgp_ring_parse(data, size, "ring", &ring, NULL) == CL_OK) {
        if (ring.count == 0 || ring.count > OPENPGP_MAX_KEYS) {
            abort();
        }
        /* A ring is no message, with any key. */
        if (openpgp_message_verify(&ring, data, size, 1800000000, &content, NULL) == CL_OK) {
            abort();
        }
        openpgp_ring_done(&ring);
    }
    if (openpgp_ring_parse(lone_key, sizeof(lone_key), "ours", &ours, NULL) != CL_OK) {
        abort();
    }
    if (size <= CL_IMAGE_SIG_MAX_SIMPLE &&
        openpgp_message_verify(&ours, data, size, 1800000000, &content, NULL) == CL_OK) {
        abort();
    }
    if (content.len != 0) {
        abort();
    }
    openpgp_ring_done(&ours);
    return 0;
}
