/* SPDX-License-Identifier: Apache-2.0
 * tpm_log_world.c - see tpm_log_world.h.
 */
#include "tpm_log_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "tpm_log_world.c:%d: %s\n", __LINE__, #condition);               \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

void tpm_log_done(struct tpm_log_world *w)
{
    cl_buf_done(&w->raw);
}

static void put_le(struct tpm_log_world *w, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t b = (uint8_t)(v >> (8 * i));
        MUST(cl_buf_append(&w->raw, &b, 1, NULL) == CL_OK);
    }
}

static void put_bytes(struct tpm_log_world *w, const void *data, size_t n)
{
    MUST(cl_buf_append(&w->raw, data, n, NULL) == CL_OK);
}

static const EVP_MD *hash_of(uint16_t alg, size_t *ret_size)
{
    const EVP_MD *md = alg == 0x0004   ? EVP_sha1()
                       : alg == 0x000B ? EVP_sha256()
                       : alg == 0x000C ? EVP_sha384()
                                       : EVP_sha512();
    *ret_size = (size_t)EVP_MD_get_size(md);
    return md;
}

void tpm_log_begin(struct tpm_log_world *w, const uint16_t *banks, size_t count)
{
    size_t size = 0;
    *w = (struct tpm_log_world){.bank_count = count};
    put_le(w, 0, 4);
    put_le(w, 3, 4);
    for (int i = 0; i < 20; i++) {
        put_le(w, 0, 1);
    }
    put_le(w, 16 + 8 + 4 + 4 * count + 1, 4);
    put_bytes(w, "Spec ID Event03", 16);
    put_le(w, 0, 4);          /* a client */
    put_le(w, 0x02000200, 4); /* 2.0, with 64-bit numbers */
    put_le(w, count, 4);
    for (size_t i = 0; i < count; i++) {
        w->bank[i] = banks[i];
        (void)hash_of(banks[i], &size);
        put_le(w, banks[i], 2);
        put_le(w, size, 2);
        memset(w->pcr[i][17], 0xFF, 6 * sizeof(w->pcr[i][0]));
    }
    put_le(w, 0, 1);
}

static void put_record(struct tpm_log_world *w, uint32_t pcr, uint32_t type, const void *words,
                       size_t len)
{
    put_le(w, pcr, 4);
    put_le(w, type, 4);
    put_le(w, w->bank_count, 4);
    for (size_t i = 0; i < w->bank_count; i++) {
        uint8_t digest[64] = {0}, both[128];
        size_t size = 0;
        const EVP_MD *md = hash_of(w->bank[i], &size);
        if (type != 3) {
            MUST(EVP_Digest(words, len, digest, NULL, md, NULL) == 1);
            memcpy(both, w->pcr[i][pcr], size);
            memcpy(both + size, digest, size);
            MUST(EVP_Digest(both, 2 * size, w->pcr[i][pcr], NULL, md, NULL) == 1);
        }
        put_le(w, w->bank[i], 2);
        put_bytes(w, digest, size);
    }
    put_le(w, len, 4);
    put_bytes(w, words, len);
}

void tpm_log_event(struct tpm_log_world *w, uint32_t pcr, uint32_t type, const char *words)
{
    put_record(w, pcr, type, words, strlen(words));
}

void tpm_log_locality(struct tpm_log_world *w, uint8_t locality)
{
    char data[17] = "StartupLocality";
    data[16] = (char)locality;
    put_record(w, 0, 3, data, sizeof(data));
    for (size_t i = 0; i < w->bank_count; i++) {
        size_t size = 0;
        (void)hash_of(w->bank[i], &size);
        w->pcr[i][0][size - 1] = locality;
    }
}

void tpm_log_boot(struct tpm_log_world *w)
{
    static const uint16_t banks[] = {0x0004, 0x000B, 0x000C};
    tpm_log_begin(w, banks, 3);
    tpm_log_locality(w, 3);
    tpm_log_event(w, 0, 0x00000008, "version");
    tpm_log_event(w, 0, 0x80000008, "firmware");
    tpm_log_event(w, 0xFFFFFFFF, 3, "of no register");
    tpm_log_event(w, 7, 0x80000001, "SecureBoot");
    tpm_log_event(w, 4, 0x80000003, "loader");
    tpm_log_event(w, 4, 0x00000004, "separator");
    tpm_log_event(w, 4, 0x80000003, "kernel");
    tpm_log_event(w, 9, 0x00000006, "initrd");
}

struct tpm_world_quote tpm_log_quote(const struct tpm_log_world *w, unsigned mask)
{
    struct tpm_world_quote q = tpm_world_quote();
    q.selection = (struct cl_tpm_selection){0};
    q.pcrs = (struct cl_tpm_pcrs){0};
    for (size_t i = 0; i < w->bank_count; i++) {
        if ((mask >> i & 1u) == 0) {
            continue;
        }
        q.selection.bank[q.selection.bank_count].alg = w->bank[i];
        q.selection.bank[q.selection.bank_count++].mask = 0xFFFFFF;
        for (uint32_t k = 0; k < CL_TPM_PCR_COUNT; k++) {
            MUST(cl_tpm_pcrs_set(&q.pcrs, w->bank[i], k, w->pcr[i][k], NULL) == CL_OK);
        }
    }
    return q;
}
