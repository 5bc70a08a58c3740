/* SPDX-License-Identifier: Apache-2.0
 * report.c - see report.h.
 */
#include "report.h"

#include "base/bytes.h"
#include "base/secret.h"
#include "cloister/snp_evidence.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <string.h>

#define KEY_SEL_DEFAULT 0u
#define KEY_SEL_VCEK 1u
#define KEY_SEL_VLEK 2u
#define PLATFORM_INFO UINT64_C(0x25) /* SMT, ECC, ALIAS_CHECK_COMPLETE */

static enum cl_status make_table(struct psp_reporter *r, struct cl_err *err)
{
    static const uint8_t blank[CL_SNP_REPORT_SIZE] = {0};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    const struct psp_pki *p = r->pki;
    CL_TRY(cl_snp_evidence_from_report(blank, sizeof(blank), &ev, err));
    CL_TRY(cl_snp_evidence_add_der(ev, CL_SNP_CERT_VCEK, p->vcek_der.data, p->vcek_der.len, err));
    CL_TRY(cl_snp_evidence_add_der(ev, CL_SNP_CERT_ASK, p->ask_der.data, p->ask_der.len, err));
    CL_TRY(cl_snp_evidence_add_der(ev, CL_SNP_CERT_ARK, p->ark_der.data, p->ark_der.len, err));
    return cl_snp_evidence_table(ev, &r->certs, err);
}

enum cl_status psp_reporter_init(struct psp_reporter *r, const struct psp_pki *pki,
                                 const struct psp_launch *launch, struct cl_err *err)
{
    *r = (struct psp_reporter){.pki = pki, .launch = launch};
    CL_TRY(cl_random(r->report_id, sizeof(r->report_id), err));
    return make_table(r, err);
}

void psp_reporter_done(struct psp_reporter *r)
{
    cl_buf_done(&r->certs);
    *r = (struct psp_reporter){0};
}

static void fill(const struct psp_reporter *r, const uint8_t *data, uint32_t vmpl,
                 struct cl_snp_report *out)
{
    static const struct cl_snp_fw_version fw = {.major = 1, .minor = 55, .build = 29};
    *out = (struct cl_snp_report){.version = 3,
                                  .policy = r->launch->policy,
                                  .vmpl = vmpl,
                                  .signature_algo = 1,
                                  .platform_info = PLATFORM_INFO,
                                  .cpuid_fam_id = 0x19, /* Milan */
                                  .cpuid_mod_id = 0x01,
                                  .cpuid_step = 0x01,
                                  .current = fw,
                                  .committed = fw};
    cl_snp_tcb_encode(&psp_tcb, out->current_tcb);
    cl_snp_tcb_encode(&psp_tcb, out->reported_tcb);
    cl_snp_tcb_encode(&psp_tcb, out->committed_tcb);
    cl_snp_tcb_encode(&psp_tcb, out->launch_tcb);
    memcpy(out->report_data, data, sizeof(out->report_data));
    memcpy(out->measurement, r->launch->digest, sizeof(out->measurement));
    memcpy(out->host_data, r->launch->host_data, sizeof(out->host_data));
    memcpy(out->report_id, r->report_id, sizeof(out->report_id));
    memset(out->report_id_ma, 0xFF, sizeof(out->report_id_ma)); /* no migration agent */
    memcpy(out->chip_id, r->pki->chip_id, sizeof(out->chip_id));
}

/* DER signature to R and S, little-endian in 72 bytes each. */
static bool split_signature(const unsigned char *der, size_t len, struct cl_snp_report *out)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool good =
        sig != NULL &&
        BN_bn2lebinpad(ECDSA_SIG_get0_r(sig), out->signature_r, sizeof(out->signature_r)) > 0 &&
        BN_bn2lebinpad(ECDSA_SIG_get0_s(sig), out->signature_s, sizeof(out->signature_s)) > 0;
    ECDSA_SIG_free(sig);
    return good;
}

static bool sign(EVP_PKEY *key, struct cl_snp_report *report,
                 uint8_t ret[static CL_SNP_REPORT_SIZE])
{
    unsigned char der[128];
    size_t len = sizeof(der);
    cl_snp_report_encode(report, ret);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool good = md != NULL && EVP_DigestSignInit(md, NULL, EVP_sha384(), NULL, key) == 1 &&
                EVP_DigestSign(md, der, &len, ret, CL_SNP_SIGNED_SIZE) == 1 &&
                split_signature(der, len, report);
    EVP_MD_CTX_free(md);
    cl_snp_report_encode(report, ret);
    return good;
}

static enum psp_status check_request(const struct psp_reporter *r, struct cl_reader *in,
                                     const uint8_t **ret_data, uint32_t *ret_vmpl)
{
    *ret_data = cl_reader_bytes(in, 64, "data");
    *ret_vmpl = cl_reader_le32(in, "vmpl");
    uint32_t key_sel = cl_reader_le32(in, "key_sel");
    const uint8_t *zero = cl_reader_bytes(in, 24, "reserved");
    if (cl_reader_finish(in, "MSG_REPORT_REQ", NULL) != CL_OK) {
        return PSP_INVALID_LEN;
    }
    if (r->launch->state != PSP_LAUNCH_DONE) {
        return PSP_INVALID_GUEST_STATE;
    }
    for (size_t i = 0; i < 24; i++) {
        if (zero[i] != 0) {
            return PSP_INVALID_PARAM;
        }
    }
    if (*ret_vmpl > 3 || key_sel > KEY_SEL_VLEK) {
        return PSP_INVALID_PARAM;
    }
    return key_sel == KEY_SEL_VLEK ? PSP_INVALID_KEY : PSP_SUCCESS; /* there is no VLEK */
}

enum cl_status psp_report_answer(const struct psp_reporter *r, const uint8_t *body, size_t len,
                                 struct cl_buf *out, struct cl_err *err)
{
    struct cl_reader in = cl_reader_init(body, len);
    struct cl_snp_report report;
    uint8_t raw[CL_SNP_REPORT_SIZE], head[12];
    const uint8_t *data = NULL;
    uint32_t vmpl = 0;
    enum psp_status st = check_request(r, &in, &data, &vmpl);
    if (st == PSP_SUCCESS) {
        fill(r, data, vmpl, &report);
        st = sign(r->pki->vcek_key, &report, raw) ? PSP_SUCCESS : PSP_HW_ERROR;
    }
    bool good = st == PSP_SUCCESS;
    struct cl_writer w = cl_writer_init(head, sizeof(head));
    cl_writer_le32(&w, st);
    cl_writer_le32(&w, good ? CL_SNP_REPORT_SIZE : 0);
    cl_writer_le32(&w, good ? (uint32_t)r->certs.len : 0);
    CL_TRY(cl_buf_append(out, head, sizeof(head), err));
    if (good) {
        CL_TRY(cl_buf_append(out, raw, sizeof(raw), err));
        CL_TRY(cl_buf_append(out, r->certs.data, r->certs.len, err));
    }
    return CL_OK;
}
