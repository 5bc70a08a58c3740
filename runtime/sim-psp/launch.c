/* SPDX-License-Identifier: Apache-2.0
 * launch.c - see launch.h. The digest is computed here with code of its own, on purpose: that
 * `cloister measure` predicts it is what the tests show.
 */
#include "launch.h"

#include "base/bytes.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
#define PAGES_BELOW_4G (UINT64_C(1) << 20)
#define VMSA_GPA UINT64_C(0xFFFFFFFFF000)
#define MAX_VCPUS 512u
#define MAX_PAGES_A_MESSAGE 65536u /* bounds the time that one message can take */

#define POLICY_ABI_MINOR 0xFFu
#define POLICY_ABI_MAJOR_SHIFT 8
#define POLICY_MUST_BE_ONE (UINT64_C(1) << 17)
#define POLICY_RESERVED (~UINT64_C(0) << 26)

enum { TYPE_NORMAL = 1, TYPE_VMSA = 2, TYPE_ZERO = 3, TYPE_CPUID = 6 };

enum cl_status psp_launch_init(struct psp_launch *l, struct cl_err *err)
{
    *l = (struct psp_launch){.state = PSP_LAUNCH_NONE};
    l->taken = calloc(1, PAGES_BELOW_4G / 8);
    return l->taken != NULL ? CL_OK : cl_err_nomem(err, "map of launched pages");
}

void psp_launch_done(struct psp_launch *l)
{
    free(l->taken);
    *l = (struct psp_launch){.state = PSP_LAUNCH_NONE};
}

static bool sha384(uint8_t ret[static PSP_LD_SIZE], const void *data, size_t len)
{
    return EVP_Digest(data, len, ret, NULL, EVP_sha384(), NULL) == 1;
}

/* PAGE_INFO, byte by byte: old digest, digest of the contents, length, type, and the address. */
static bool extend(struct psp_launch *l, uint8_t type, uint64_t gpa, const uint8_t *contents)
{
    uint8_t info[0x70] = {0};
    memcpy(info, l->digest, PSP_LD_SIZE);
    if (contents != NULL && !sha384(info + 0x30, contents, PAGE)) {
        return false;
    }
    info[0x60] = sizeof(info);
    info[0x62] = type;
    for (size_t i = 0; i < 8; i++) {
        info[0x68 + i] = (uint8_t)(gpa >> (8 * i));
    }
    return sha384(l->digest, info, sizeof(info));
}

static enum psp_status launch_start(struct psp_launch *l, struct cl_reader *r)
{
    uint64_t policy = cl_reader_le64(r, "policy");
    if (cl_reader_finish(r, "LAUNCH_START", NULL) != CL_OK) {
        return PSP_INVALID_LEN;
    }
    if (l->state != PSP_LAUNCH_NONE) {
        return PSP_INVALID_GUEST_STATE;
    }
    uint64_t abi_major = (policy >> POLICY_ABI_MAJOR_SHIFT) & 0xFF;
    uint64_t abi_minor = policy & POLICY_ABI_MINOR;
    if ((policy & POLICY_MUST_BE_ONE) == 0 || (policy & POLICY_RESERVED) != 0 || abi_major > 1 ||
        (abi_major == 1 && abi_minor > 55)) { /* we pretend to be firmware 1.55 */
        return PSP_POLICY_FAILURE;
    }
    l->policy = policy;
    l->state = PSP_LAUNCH_PAGES;
    return PSP_SUCCESS;
}

/* Every page is given to the guest once: real hardware tracks that in its RMP. */
static enum psp_status take_pages(struct psp_launch *l, uint64_t gpa, uint32_t count)
{
    uint64_t first = gpa / PAGE;
    if (gpa % PAGE != 0 || first >= PAGES_BELOW_4G || count > PAGES_BELOW_4G - first) {
        return PSP_INVALID_ADDRESS;
    }
    for (uint64_t p = first; p < first + count; p++) {
        if ((l->taken[p / 8] & (uint8_t)(1u << (p % 8))) != 0) {
            return PSP_INVALID_PAGE_STATE;
        }
    }
    for (uint64_t p = first; p < first + count; p++) {
        l->taken[p / 8] = (uint8_t)(l->taken[p / 8] | (1u << (p % 8)));
    }
    return PSP_SUCCESS;
}

static enum psp_status check_vmsa(struct psp_launch *l, uint64_t gpa, uint32_t count)
{
    if (gpa != VMSA_GPA) {
        return PSP_INVALID_ADDRESS;
    }
    if (count != 1 || l->vcpu_count == MAX_VCPUS) {
        return PSP_INVALID_PARAM;
    }
    l->vcpu_count++;
    l->state = PSP_LAUNCH_VCPUS; /* from here on nothing but VMSA pages */
    return PSP_SUCCESS;
}

static enum psp_status launch_update(struct psp_launch *l, struct cl_reader *r)
{
    uint64_t gpa = cl_reader_le64(r, "gpa");
    uint32_t type = cl_reader_le32(r, "page_type");
    uint32_t count = cl_reader_le32(r, "count");
    if (cl_reader_check(r, "LAUNCH_UPDATE", NULL) != CL_OK) {
        return PSP_INVALID_LEN;
    }
    if (type < TYPE_NORMAL || type > TYPE_CPUID || count == 0 || count > MAX_PAGES_A_MESSAGE) {
        return PSP_INVALID_PARAM;
    }
    bool with_contents = type == TYPE_NORMAL || type == TYPE_VMSA;
    if (cl_reader_left(r) != (with_contents ? (size_t)count * PAGE : 0)) {
        return PSP_INVALID_LEN;
    }
    if (l->state != PSP_LAUNCH_PAGES && !(l->state == PSP_LAUNCH_VCPUS && type == TYPE_VMSA)) {
        return PSP_INVALID_GUEST_STATE;
    }
    enum psp_status st = type == TYPE_VMSA ? check_vmsa(l, gpa, count) : take_pages(l, gpa, count);
    for (uint32_t i = 0; st == PSP_SUCCESS && i < count; i++) {
        const uint8_t *page = with_contents ? cl_reader_bytes(r, PAGE, "page") : NULL;
        if (!extend(l, (uint8_t)type, gpa + (uint64_t)i * PAGE, page)) {
            st = PSP_HW_ERROR;
        }
    }
    return st;
}

static enum psp_status launch_finish(struct psp_launch *l, struct cl_reader *r)
{
    const uint8_t *host_data = cl_reader_bytes(r, sizeof(l->host_data), "host_data");
    if (host_data == NULL || cl_reader_finish(r, "LAUNCH_FINISH", NULL) != CL_OK) {
        return PSP_INVALID_LEN;
    }
    if (l->state != PSP_LAUNCH_VCPUS) { /* also when there is no vCPU */
        return PSP_INVALID_GUEST_STATE;
    }
    memcpy(l->host_data, host_data, sizeof(l->host_data));
    l->state = PSP_LAUNCH_DONE;
    return PSP_SUCCESS;
}

void psp_launch_message(struct psp_launch *l, uint32_t op, const uint8_t *body, size_t len,
                        uint8_t ret_answer[static PSP_LAUNCH_ANSWER_MAX], size_t *ret_len,
                        bool *ret_gone)
{
    struct cl_reader r = cl_reader_init(body, len);
    enum psp_status st = PSP_INVALID_COMMAND;
    *ret_gone = false;
    switch (op) {
    case PSP_OP_LAUNCH_START:
        st = launch_start(l, &r);
        break;
    case PSP_OP_LAUNCH_UPDATE:
        st = launch_update(l, &r);
        break;
    case PSP_OP_LAUNCH_FINISH:
        st = launch_finish(l, &r);
        break;
    case PSP_OP_VM_GONE:
        *ret_gone = true;
        *ret_len = 0;
        return;
    default:
        break;
    }
    struct cl_writer w = cl_writer_init(ret_answer, PSP_LAUNCH_ANSWER_MAX);
    cl_writer_le32(&w, st);
    if (op == PSP_OP_LAUNCH_FINISH) {
        static const uint8_t none[PSP_LD_SIZE] = {0};
        cl_writer_bytes(&w, st == PSP_SUCCESS ? l->digest : none, PSP_LD_SIZE);
    }
    *ret_len = w.len;
}
