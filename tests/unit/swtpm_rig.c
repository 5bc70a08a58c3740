/* SPDX-License-Identifier: Apache-2.0
 * swtpm_rig.c - see swtpm_rig.h.
 */
#include "swtpm_rig.h"

#include "check_main.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <tss2/tss2_tcti_swtpm.h>
#include <unistd.h>

static struct {
    char dir[64];
    pid_t pid;
    TSS2_TCTI_CONTEXT *tcti;
} tpm;

void swtpm_start(void)
{
    char state[96], server[160], control[160], conf[160];
    (void)snprintf(tpm.dir, sizeof(tpm.dir), "/tmp/cloister-tpm-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(tpm.dir));
    (void)snprintf(state, sizeof(state), "dir=%s", tpm.dir);
    (void)snprintf(server, sizeof(server), "type=unixio,path=%s/server", tpm.dir);
    (void)snprintf(control, sizeof(control), "type=unixio,path=%s/server.ctrl", tpm.dir);
    (void)snprintf(conf, sizeof(conf), "path=%s/server", tpm.dir);
    tpm.pid = fork();
    if (tpm.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test ends without tpm_stop() */
        if (freopen("/dev/null", "w", stderr) == NULL) {
            _exit(126);
        }
        execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state, "--server", server,
               "--ctrl", control, "--flags", "not-need-init,startup-clear", (char *)NULL);
        _exit(127);
    }
    size_t size = 0;
    ck_assert_uint_eq(Tss2_Tcti_Swtpm_Init(NULL, &size, conf), TSS2_RC_SUCCESS);
    tpm.tcti = calloc(1, size);
    TSS2_RC rc = TSS2_TCTI_RC_IO_ERROR;
    for (int i = 0; i < 200 && rc != TSS2_RC_SUCCESS; i++) {
        char path[96];
        (void)snprintf(path, sizeof(path), "%s/server.ctrl", tpm.dir);
        (void)usleep(20000);
        rc = access(path, F_OK) == 0 ? Tss2_Tcti_Swtpm_Init(tpm.tcti, &size, conf) : rc;
    }
    ck_assert_uint_eq(rc, TSS2_RC_SUCCESS);
}

void swtpm_stop(void)
{
    static const char *const names[] = {"server", "server.ctrl", "tpm2-00.permall",
                                        "tpm2-00.volatilestate", ".lock"};
    char path[128];
    if (tpm.tcti != NULL) {
        Tss2_Tcti_Finalize(tpm.tcti);
        free(tpm.tcti);
    }
    (void)kill(tpm.pid, SIGTERM);
    (void)waitpid(tpm.pid, NULL, 0);
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", tpm.dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(tpm.dir);
}

TSS2_TCTI_CONTEXT *swtpm_tcti(void)
{
    return tpm.tcti;
}

bool swtpm_have(void)
{
    if (system("command -v swtpm >/dev/null") == 0) { /* a fixed text */
        return true;
    }
    printf("SKIP: no swtpm (see scripts/packages.txt)\n");
    return false;
}

void swtpm_azure_key(ESYS_CONTEXT *esys, uint8_t ret_n[static 256])
{
    const TPM2B_SENSITIVE_CREATE no_secret = {0};
    const TPM2B_DATA no_data = {0};
    const TPML_PCR_SELECTION no_pcrs = {0};
    TPM2B_PUBLIC template = {
        .publicArea = {
            .type = TPM2_ALG_RSA,
            .nameAlg = TPM2_ALG_SHA256,
            .objectAttributes = 0x00050072,
            .parameters.rsaDetail = {
                .symmetric.algorithm = TPM2_ALG_NULL,
                .scheme = {.scheme = TPM2_ALG_RSASSA, .details.rsassa.hashAlg = TPM2_ALG_SHA256},
                .keyBits = 2048}}};
    TPM2B_PUBLIC *area = NULL;
    ESYS_TR key = ESYS_TR_NONE, kept = ESYS_TR_NONE;
    ck_assert_uint_eq(Esys_CreatePrimary(esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                         ESYS_TR_NONE, &no_secret, &template, &no_data, &no_pcrs,
                                         &key, &area, NULL, NULL, NULL),
                      TSS2_RC_SUCCESS);
    memcpy(ret_n, area->publicArea.unique.rsa.buffer, 256);
    ck_assert_uint_eq(Esys_EvictControl(esys, ESYS_TR_RH_OWNER, key, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                        ESYS_TR_NONE, 0x81000003, &kept),
                      TSS2_RC_SUCCESS);
    ck_assert_uint_eq(Esys_FlushContext(esys, key), TSS2_RC_SUCCESS);
    Esys_Free(area);
}

void swtpm_write_nv(ESYS_CONTEXT *esys, TPM2_HANDLE index, const struct cl_buf *data)
{
    const TPM2B_AUTH no_auth = {0};
    TPM2B_NV_PUBLIC info = {.nvPublic = {.nvIndex = index,
                                         .nameAlg = TPM2_ALG_SHA256,
                                         .attributes = TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE,
                                         .dataSize = (uint16_t)data->len}};
    ESYS_TR nv = ESYS_TR_NONE;
    ck_assert_uint_eq(Esys_NV_DefineSpace(esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                          ESYS_TR_NONE, &no_auth, &info, &nv),
                      TSS2_RC_SUCCESS);
    for (size_t at = 0; at < data->len; at += 512) {
        TPM2B_MAX_NV_BUFFER part = {.size =
                                        (uint16_t)(data->len - at < 512 ? data->len - at : 512)};
        memcpy(part.buffer, data->data + at, part.size);
        ck_assert_uint_eq(Esys_NV_Write(esys, ESYS_TR_RH_OWNER, nv, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                        ESYS_TR_NONE, &part, (uint16_t)at),
                          TSS2_RC_SUCCESS);
    }
}
