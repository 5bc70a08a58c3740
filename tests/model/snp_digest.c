/* SPDX-License-Identifier: Apache-2.0
 * snp_digest.c - the launch digest: a chain of PAGE_INFO structures (snp.md c).
 */
#include "internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#define PAGE_INFO_SIZE 0x70u

void model_sha384(const void *data, size_t size, uint8_t ret[static MODEL_DIGEST_SIZE])
{
    if (EVP_Digest(data, size, ret, NULL, EVP_sha384(), NULL) != 1) {
        memset(ret, 0xFF, MODEL_DIGEST_SIZE); /* matches nothing */
    }
}

/* Only NORMAL and VMSA pages have their contents in the digest; of the others it has type and
 * address (snp.md c, CONTENTS). */
static bool has_contents(uint8_t type)
{
    return type == MU_PAGE_NORMAL || type == MU_PAGE_VMSA;
}

int model_measure(struct model_vm *vm, uint8_t type, uint64_t gpa, const uint8_t *page)
{
    if (vm->trace_len == MODEL_MAX_TRACE) {
        return model_refuse(vm->m, ENOMEM, "measure.limit"); /* the model's own bound */
    }
    struct model_measured *t = &vm->trace[vm->trace_len];
    *t = (struct model_measured){.type = type, .gpa = gpa};
    if (has_contents(type)) {
        model_sha384(page, MODEL_PAGE, t->contents);
    }
    uint8_t info[PAGE_INFO_SIZE] = {0};
    memcpy(info, vm->ld, MODEL_DIGEST_SIZE);             /* 0x00 DIGEST_CUR */
    memcpy(info + 0x30, t->contents, MODEL_DIGEST_SIZE); /* 0x30 CONTENTS */
    model_put_le(info + 0x60, 2, PAGE_INFO_SIZE);        /* 0x60 LENGTH */
    info[0x62] = type;                                   /* 0x62 PAGE_TYPE; IMI, VMPLs: 0 */
    model_put_le(info + 0x68, 8, gpa);                   /* 0x68 GPA */
    model_sha384(info, sizeof(info), vm->ld);
    memcpy(t->digest, vm->ld, MODEL_DIGEST_SIZE);
    vm->trace_len++;
    return 0;
}

const uint8_t *model_launch_digest(const struct model_vm *vm)
{
    return vm->ld;
}

size_t model_trace(const struct model_vm *vm, const struct model_measured **ret_pages)
{
    *ret_pages = vm->trace;
    return vm->trace_len;
}

uint64_t model_measured_bytes(const struct model_vm *vm)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < vm->trace_len; i++) {
        bytes += has_contents(vm->trace[i].type) ? MODEL_PAGE : 0;
    }
    return bytes;
}
