/* SPDX-License-Identifier: Apache-2.0
 * guest_request.c - GUEST_REQUEST and its extended form: the message of a guest to the firmware
 * (snp.md e.3, e.6), here a request for a report.
 */
#include "guest_internal.h"
#include "report.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

enum { INFO1 = 0x398, INFO2 = 0x3A0, G_RAX = 0x1F8, G_RBX = 0x318 };
enum { HEADER = 96, TAG = 16, AAD_AT = 0x30, AAD_SIZE = 48 };
#define REPORT_REQ 5u
#define REPORT_RSP 6u
#define REQ_SIZE 96u
#define INVALID_PARAM 0x16u

/* e.6: AES-256-GCM, IV = SEQNO LE64 || 0, AAD = bytes 30..5F. */
static bool gcm(const uint8_t key[static 32], uint8_t *message, uint8_t *payload, size_t size,
                bool seal)
{
    uint8_t iv[12] = {0};
    int n = 0;
    memcpy(iv, message + 0x20, 8);
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    bool good = x != NULL && EVP_CipherInit_ex(x, EVP_aes_256_gcm(), NULL, key, iv, seal) == 1 &&
                EVP_CipherUpdate(x, NULL, &n, message + AAD_AT, AAD_SIZE) == 1 &&
                EVP_CipherUpdate(x, payload, &n, message + HEADER, (int)size) == 1 &&
                (seal || EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, TAG, message) == 1) &&
                EVP_CipherFinal_ex(x, payload + n, &n) == 1 &&
                (!seal || EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, TAG, message) == 1);
    EVP_CIPHER_CTX_free(x);
    return good;
}

/* e.6: what a header must say. */
static bool header_good(const struct model_vm *vm, const uint8_t *q)
{
    return q[0x30] == 1 && q[0x31] == 1 && model_le(q + 0x32, 2) == HEADER &&
           q[0x34] == REPORT_REQ && q[0x35] == 1 && model_le(q + 0x36, 2) == REQ_SIZE &&
           q[0x3C] <= 3 && model_le(q + 0x20, 8) == vm->report_seq + 1;
}

static size_t report_payload(struct model_vm *vm, const uint8_t *req, unsigned vmpck, uint8_t *out)
{
    uint32_t vmpl = (uint32_t)model_le(req + 0x40, 4);
    uint32_t select = (uint32_t)model_le(req + 0x44, 4);
    memset(out, 0, 32);
    if (vmpl > 3 || vmpl < vmpck || select > 1) { /* e.5: VMPCKn asks at VMPL >= n; no VLEK here */
        model_put_le(out, 4, vmpl > 3 || vmpl < vmpck ? INVALID_PARAM : 0x27);
        return 32;
    }
    if (!model_report(vm, req, vmpl, out + 32)) {
        model_put_le(out, 4, 0x27);
        return 32;
    }
    model_put_le(out + 4, 4, MODEL_REPORT_SIZE);
    return 32 + MODEL_REPORT_SIZE;
}

/* False: the firmware refused the message itself (status in EXITINFO2). */
static bool answer(struct guest *g, const uint8_t *q, uint8_t *r)
{
    struct model_vm *vm = g->vm;
    uint8_t copy[MODEL_PAGE], req[REQ_SIZE + TAG];
    memcpy(copy, q, sizeof(copy));
    if (!header_good(vm, copy) || !gcm(vm->vmpck[copy[0x3C]], copy, req, REQ_SIZE, false)) {
        guest_object(g, "guest.request", "message refused, sequence number %lu",
                     (unsigned long)model_le(copy + 0x20, 8));
        return false;
    }
    uint8_t out[MODEL_PAGE] = {0};
    size_t size = report_payload(vm, req, copy[0x3C], out + HEADER);
    memcpy(out + AAD_AT, copy + AAD_AT, AAD_SIZE);
    model_put_le(out + 0x20, 8, vm->report_seq + 2);
    out[0x34] = REPORT_RSP;
    model_put_le(out + 0x36, 2, size);
    if (!gcm(vm->vmpck[copy[0x3C]], out, out + HEADER, size, true)) {
        return false;
    }
    vm->report_seq += 2;
    memcpy(r, out, sizeof(out));
    return true;
}

static void pages_wrong(struct guest_cpu *c, uint8_t *ghcb, const char *what)
{
    guest_object(c->guest, "guest.request_pages", "%s: request %#lx, response %#lx", what,
                 (unsigned long)model_le(ghcb + INFO1, 8),
                 (unsigned long)model_le(ghcb + INFO2, 8));
    guest_ghcb_result(ghcb, 2, 5);
}

static void go_on(struct guest_cpu *c, uint8_t *ghcb, uint64_t request, uint64_t response)
{
    uint8_t *q = guest_shared(c->vcpu->vm, request, MODEL_PAGE);
    uint8_t *r = guest_shared(c->vcpu->vm, response, MODEL_PAGE);
    if (q != NULL && r != NULL) {
        guest_ghcb_result(ghcb, 0, answer(c->guest, q, r) ? 0 : INVALID_PARAM);
    }
}

/* d.2, d.3: the VMM fills in the certificate table, and the request goes on afterwards. */
static void ask_certs(struct guest_cpu *c, uint8_t *ghcb, bool *ret_exit)
{
    struct mu_exit_req_certs certs = {.gpa = model_le(ghcb + G_RAX, 8),
                                      .npages = model_le(ghcb + G_RBX, 8)};
    struct kvm_run *run = c->vcpu->run;
    run->exit_reason = MU_EXIT_SNP_REQ_CERTS;
    memcpy(run->padding, &certs, sizeof(certs));
    c->request = model_le(ghcb + INFO1, 8);
    c->response = model_le(ghcb + INFO2, 8);
    c->pending = PENDING_CERTS;
    *ret_exit = true;
}

void guest_resume_certs(struct guest_cpu *c, uint8_t *ghcb)
{
    struct mu_exit_req_certs certs;
    memcpy(&certs, c->vcpu->run->padding, sizeof(certs));
    switch (certs.ret) { /* d.2: positive errno values */
    case 0:
        go_on(c, ghcb, c->request, c->response);
        break;
    case ENOSPC: /* e.3: too small, RBX = pages needed */
        guest_ghcb_set(ghcb, G_RBX, certs.npages);
        guest_ghcb_result(ghcb, 0, 1ull << 32);
        break;
    case EAGAIN: /* e.3: busy, the same message again */
        guest_ghcb_result(ghcb, 0, 2ull << 32);
        break;
    default:
        guest_ghcb_result(ghcb, 0, 3ull << 32);
        break;
    }
}

void guest_request(struct guest_cpu *c, uint8_t *ghcb, bool extended, bool *ret_exit)
{
    struct model_vm *vm = c->vcpu->vm;
    uint64_t request = model_le(ghcb + INFO1, 8), response = model_le(ghcb + INFO2, 8);
    if (guest_shared(vm, request, MODEL_PAGE) == NULL ||
        guest_shared(vm, response, MODEL_PAGE) == NULL || request == response ||
        request % MODEL_PAGE != 0 || response % MODEL_PAGE != 0 || model_is_private(vm, request) ||
        model_is_private(vm, response)) { /* e.3: both shared pages, distinct */
        pages_wrong(c, ghcb, "not two shared pages");
        return;
    }
    uint64_t certs = model_le(ghcb + G_RAX, 8), pages = model_le(ghcb + G_RBX, 8);
    if (extended && vm->req_certs) {
        if (certs % MODEL_PAGE != 0 || pages > 64 ||
            guest_shared(vm, certs, pages * MODEL_PAGE) == NULL || model_is_private(vm, certs)) {
            pages_wrong(c, ghcb, "certificates");
            return;
        }
        ask_certs(c, ghcb, ret_exit);
        return;
    }
    if (extended && pages > 0 && certs % MODEL_PAGE == 0) { /* d.3: older kernels: an empty table */
        uint8_t *table = guest_shared(vm, certs, 24);
        if (table != NULL) {
            memset(table, 0, 24);
        }
    }
    go_on(c, ghcb, request, response);
}
