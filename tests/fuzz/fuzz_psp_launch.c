/* SPDX-License-Identifier: Apache-2.0
 * fuzz_psp_launch.c - a series of messages to the simulated processor's launch: each is one byte of
 * op, two of length, and the body.
 */
#include "base/bytes.h"
#include "launch.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    CL_CLEANUP(psp_launch_done) struct psp_launch l = {0};
    struct cl_reader r = cl_reader_init(data, len);
    bool gone = false;
    if (psp_launch_init(&l, NULL) != CL_OK) {
        return 0;
    }
    while (!gone && cl_reader_left(&r) > 3) {
        uint8_t answer[PSP_LAUNCH_ANSWER_MAX];
        size_t answer_len = 0;
        enum psp_launch_state before = l.state;
        uint32_t op = cl_reader_u8(&r, "op");
        size_t n = cl_reader_le16(&r, "len");
        n = n < cl_reader_left(&r) ? n : cl_reader_left(&r);
        const uint8_t *body = cl_reader_bytes(&r, n, "body");
        psp_launch_message(&l, op, body, n, answer, &answer_len, &gone);
        if (l.state < before || answer_len > sizeof(answer) || (answer_len == 0) != gone) {
            abort(); /* a launch only goes forward, and everything is answered */
        }
    }
    return 0;
}
