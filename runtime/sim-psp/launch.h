/* SPDX-License-Identifier: Apache-2.0
 * launch.h - the launch of one VM as SNP firmware sees it: a state machine that takes pages in, and
 * the launch digest that comes out.
 * Trust: every message is hostile. Threads: one. Memory: constant (a bitmap of pages, 128 KiB).
 * Spec: AMD 56860, SNP_LAUNCH_*; docs/interfaces.md I-3.1.
 */
#ifndef CL_SIM_PSP_LAUNCH_H
#define CL_SIM_PSP_LAUNCH_H

#include "base/err.h"

#include <stdbool.h>

#define PSP_MSG_HEADER 8u
#define PSP_MSG_MAX (1u << 20) /* bytes of a body */
#define PSP_LD_SIZE 48u

enum psp_op {
    PSP_OP_LAUNCH_START = 1,
    PSP_OP_LAUNCH_UPDATE = 2,
    PSP_OP_LAUNCH_FINISH = 3,
    PSP_OP_VM_GONE = 4,
    PSP_OP_REPORT_REQ = 16,
};

enum psp_status { /* firmware status codes: snp.md d.5 */
                  PSP_SUCCESS = 0x00,
                  PSP_INVALID_GUEST_STATE = 0x02,
                  PSP_INVALID_LEN = 0x04,
                  PSP_POLICY_FAILURE = 0x07,
                  PSP_INVALID_ADDRESS = 0x09,
                  PSP_INVALID_COMMAND = 0x11,
                  PSP_HW_ERROR = 0x13,
                  PSP_INVALID_PARAM = 0x16,
                  PSP_INVALID_PAGE_STATE = 0x1A,
                  PSP_INVALID_KEY = 0x27,
};

enum psp_launch_state { PSP_LAUNCH_NONE, PSP_LAUNCH_PAGES, PSP_LAUNCH_VCPUS, PSP_LAUNCH_DONE };

struct psp_launch {
    enum psp_launch_state state;
    uint64_t policy;
    uint8_t digest[PSP_LD_SIZE];
    uint8_t host_data[32];
    uint32_t vcpu_count;
    uint8_t *taken; /* owned: one bit for each page below 4 GiB that was given to the guest */
};

CL_NODISCARD enum cl_status psp_launch_init(struct psp_launch *l, struct cl_err *err);
void psp_launch_done(struct psp_launch *l); /* zeroed is fine */

#define PSP_LAUNCH_ANSWER_MAX 52u
/* One message of the launch socket. Writes the body of the answer (at most PSP_LAUNCH_ANSWER_MAX
 * bytes; none for VM_GONE) and its length. *ret_gone: the VM is over. */
void psp_launch_message(struct psp_launch *l, uint32_t op, const uint8_t *body, size_t len,
                        uint8_t ret_answer[static PSP_LAUNCH_ANSWER_MAX], size_t *ret_len,
                        bool *ret_gone);

#endif
