/* SPDX-License-Identifier: Apache-2.0
 * tdx_measure.c - MRTD and the run-time registers (tdx.md b.1, b.5).
 */
#include "tdx_internal.h"

#include <string.h>

#define CHUNK 256u
#define NAME 16u

/* b.1: a record begins with its name and, at 16, the address. */
static void header(uint8_t record[static 128], const char *name, uint64_t gpa)
{
    memset(record, 0, 128);
    for (size_t i = 0; name[i] != '\0' && i < NAME; i++) {
        record[i] = (uint8_t)name[i];
    }
    model_put_le(record + NAME, 8, gpa);
}

bool tdx_measure_add(struct tdx_td *td, uint64_t gpa, const uint8_t page[static MODEL_PAGE])
{
    uint8_t record[128];
    if (td->trace_len == MODEL_MAX_TRACE) {
        return false;
    }
    header(record, "MEM.PAGE.ADD", gpa);
    struct model_td_page *t = &td->trace[td->trace_len++];
    *t = (struct model_td_page){.gpa = gpa};
    model_sha384(page, MODEL_PAGE, t->contents);
    return EVP_DigestUpdate(td->hash, record, sizeof(record)) == 1;
}

bool tdx_measure_extend(struct tdx_td *td, uint64_t gpa, const uint8_t page[static MODEL_PAGE])
{
    for (uint64_t at = 0; at < MODEL_PAGE; at += CHUNK) {
        uint8_t record[128];
        header(record, "MR.EXTEND", gpa + at);
        if (EVP_DigestUpdate(td->hash, record, sizeof(record)) != 1 ||
            EVP_DigestUpdate(td->hash, page + at, CHUNK) != 1) {
            return false;
        }
    }
    for (size_t i = td->trace_len; i > 0; i--) { /* the page was added just before */
        if (td->trace[i - 1].gpa == gpa) {
            td->trace[i - 1].extended = true;
            break;
        }
    }
    td->extended += MODEL_PAGE;
    return true;
}

bool tdx_measure_now(const struct tdx_td *td, uint8_t ret[static MODEL_DIGEST_SIZE])
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    bool good = copy != NULL && EVP_MD_CTX_copy_ex(copy, td->hash) == 1 &&
                EVP_DigestFinal_ex(copy, ret, NULL) == 1;
    EVP_MD_CTX_free(copy);
    return good;
}

bool tdx_rtmr_extend(struct tdx_td *td, unsigned index,
                     const uint8_t digest[static MODEL_DIGEST_SIZE])
{
    uint8_t both[2 * MODEL_DIGEST_SIZE];
    if (index >= TDX_RTMRS) {
        return false;
    }
    memcpy(both, td->rtmr[index], MODEL_DIGEST_SIZE);
    memcpy(both + MODEL_DIGEST_SIZE, digest, MODEL_DIGEST_SIZE);
    model_sha384(both, sizeof(both), td->rtmr[index]);
    return true;
}

const uint8_t *model_mrtd(const struct model_vm *vm)
{
    return vm->td != NULL ? vm->td->mrtd : NULL;
}

const uint8_t *model_rtmr(const struct model_vm *vm, unsigned index)
{
    return vm->td != NULL && index < TDX_RTMRS ? vm->td->rtmr[index] : NULL;
}

uint64_t model_td_extended(const struct model_vm *vm)
{
    return vm->td != NULL ? vm->td->extended : 0;
}

size_t model_td_trace(const struct model_vm *vm, const struct model_td_page **ret_pages)
{
    *ret_pages = vm->td != NULL ? vm->td->trace : NULL;
    return vm->td != NULL ? vm->td->trace_len : 0;
}
