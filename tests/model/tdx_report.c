/* SPDX-License-Identifier: Apache-2.0
 * tdx_report.c - TDG.MR.REPORT: the TD's state in 1024 bytes, with its two hashes and a MAC that
 * only this platform can check (tdx.md a.1).
 */
#include "tdx_internal.h"

#include <openssl/hmac.h>
#include <string.h>

#define TCB_INFO 256u
#define TCB_INFO_SIZE 239u
#define TD_INFO 512u
#define TD_INFO_SIZE 512u

static void tcb_info(uint8_t *p)
{
    const uint8_t svn[3] = {TDX_MODULE_SVN, TDX_MODULE_MAJOR, 0};
    model_put_le(p, 8, 0x301FF); /* VALID */
    memcpy(p + 8, svn, sizeof(svn));
    memset(p + 24, 0x5E, MODEL_DIGEST_SIZE); /* MRSEAM: a module of nobody's */
}

static void td_info(const struct tdx_td *td, uint8_t *p)
{
    model_put_le(p, 8, td->attributes);
    model_put_le(p + 8, 8, td->xfam);
    memcpy(p + 16, td->mrtd, MODEL_DIGEST_SIZE);
    memcpy(p + 64, td->mrconfigid, MODEL_DIGEST_SIZE);
    memcpy(p + 112, td->mrowner, MODEL_DIGEST_SIZE);
    memcpy(p + 160, td->mrownerconfig, MODEL_DIGEST_SIZE);
    memcpy(p + 208, td->rtmr, sizeof(td->rtmr));
}

static bool mac(struct model *m, uint8_t report[static TDX_REPORT_SIZE])
{
    uint8_t key[32];
    unsigned len = 32;
    model_put_le(key, 8, m->config.seed); /* the platform's, so to speak */
    memset(key + 8, 0xC3, sizeof(key) - 8);
    return HMAC(EVP_sha256(), key, sizeof(key), report, 224, report + 224, &len) != NULL;
}

bool tdx_report(const struct model_vm *vm, const uint8_t data[static 64],
                uint8_t ret_report[static TDX_REPORT_SIZE])
{
    uint8_t r[TDX_REPORT_SIZE] = {0};
    if (vm->td == NULL || vm->td->state != TDX_RUNNABLE) {
        return false;
    }
    r[0] = 0x81;
    memset(r + 16, 0x0B, 16); /* CPUSVN */
    tcb_info(r + TCB_INFO);
    td_info(vm->td, r + TD_INFO);
    model_sha384(r + TCB_INFO, TCB_INFO_SIZE, r + 32);
    model_sha384(r + TD_INFO, TD_INFO_SIZE, r + 80);
    memcpy(r + 128, data, 64);
    if (!mac(vm->m, r)) {
        return false;
    }
    memcpy(ret_report, r, sizeof(r));
    return true;
}

bool tdx_report_genuine(const struct model_vm *vm, const uint8_t report[static TDX_REPORT_SIZE])
{
    uint8_t again[TDX_REPORT_SIZE], hash[MODEL_DIGEST_SIZE];
    memcpy(again, report, sizeof(again));
    if (!mac(vm->m, again) || memcmp(again + 224, report + 224, 32) != 0) {
        return false;
    }
    model_sha384(report + TCB_INFO, TCB_INFO_SIZE, hash);
    if (memcmp(hash, report + 32, sizeof(hash)) != 0) {
        return false;
    }
    model_sha384(report + TD_INFO, TD_INFO_SIZE, hash);
    return memcmp(hash, report + 80, sizeof(hash)) == 0;
}
