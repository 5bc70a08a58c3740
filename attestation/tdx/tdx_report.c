/* SPDX-License-Identifier: Apache-2.0
 * tdx_report.c - TDREPORT, what TDG.MR.REPORT gives a TD, and the claims of a TD.
 * Trust: the bytes are hostile; the MAC cannot be checked here. Threads: pure. Memory: none.
 * Spec: Intel TDX module ABI, TDREPORT_STRUCT; tdx.md a.1.
 */
#include "tdx/tdx_internal.h"

#include "base/digest.h"
#include "base/encode.h"

#include <string.h>

#define TYPE_TDX 0x81u
#define TCB_INFO_SIZE 239u
#define TD_INFO_SIZE 512u

struct tdreport_wire {
    uint8_t type, subtype, version, reserved_3;
    uint8_t reserved_4[12];
    uint8_t cpusvn[16];
    uint8_t tee_tcb_info_hash[48];
    uint8_t tee_info_hash[48];
    uint8_t report_data[CL_TDX_REPORT_DATA_SIZE];
    uint8_t reserved_192[32];
    uint8_t mac[32];
    /* TEE_TCB_INFO */
    cl_le64 valid;
    uint8_t tee_tcb_svn[CL_TDX_SVN_SIZE];
    uint8_t mrseam[CL_TDX_MR_SIZE];
    uint8_t mrsignerseam[CL_TDX_MR_SIZE];
    cl_le64 seam_attributes;
    uint8_t tee_tcb_svn2[CL_TDX_SVN_SIZE];
    uint8_t reserved_400[95];
    uint8_t reserved_495[17];
    /* TDINFO */
    cl_le64 td_attributes;
    cl_le64 xfam;
    uint8_t mrtd[CL_TDX_MR_SIZE];
    uint8_t mrconfigid[CL_TDX_MR_SIZE];
    uint8_t mrowner[CL_TDX_MR_SIZE];
    uint8_t mrownerconfig[CL_TDX_MR_SIZE];
    uint8_t rtmr[CL_TDX_RTMR_COUNT][CL_TDX_MR_SIZE];
    uint8_t servtd_hash[CL_TDX_MR_SIZE];
    uint8_t reserved_960[64];
};
_Static_assert(_Alignof(struct tdreport_wire) == 1, "wire structs have no padding");
_Static_assert(sizeof(struct tdreport_wire) == CL_TDX_REPORT_SIZE, "TDREPORT: size");
#define AT(field, offset)                                                                          \
    _Static_assert(offsetof(struct tdreport_wire, field) == (offset), "TDREPORT: " #field)
AT(cpusvn, 16);
AT(tee_tcb_info_hash, 32);
AT(tee_info_hash, 80);
AT(report_data, 128);
AT(mac, 224);
AT(valid, 256);
AT(tee_tcb_svn, 264);
AT(mrseam, 280);
AT(mrsignerseam, 328);
AT(seam_attributes, 376);
AT(tee_tcb_svn2, 384);
AT(reserved_495, 495);
AT(td_attributes, 512);
AT(mrtd, 528);
AT(rtmr, 720);
AT(servtd_hash, 912);
AT(reserved_960, 960);
#undef AT

static enum cl_status check_hash(const char *field, const void *data, size_t len,
                                 const uint8_t want[static CL_SHA384_SIZE], struct cl_err *err)
{
    uint8_t got[CL_SHA384_SIZE];
    CL_TRY(cl_sha384(got, data, len, err));
    if (memcmp(got, want, sizeof(got)) != 0) { /* public values */
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TDREPORT: %s: expected the digest of what it covers, got another",
                          field);
    }
    return CL_OK;
}

static enum cl_status check_form(const struct tdreport_wire *w, struct cl_err *err)
{
    if (w->type != TYPE_TDX) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, 0,
                         "TDREPORT: type: expected 0x81 (TDX), got 0x%02x", w->type);
    }
    if (w->subtype != 0 || w->version > 1) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, 1,
                         "TDREPORT: version: expected subtype 0, version 0 or 1, got %u, %u",
                         w->subtype, w->version);
    }
    if (w->reserved_3 != 0 || !tdx_all_zero(w->reserved_4, sizeof(w->reserved_4)) ||
        !tdx_all_zero(w->reserved_192, sizeof(w->reserved_192)) ||
        !tdx_all_zero(w->reserved_400, sizeof(w->reserved_400)) ||
        !tdx_all_zero(w->reserved_495, sizeof(w->reserved_495)) ||
        !tdx_all_zero(w->reserved_960, sizeof(w->reserved_960))) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "TDREPORT: reserved bytes: expected zero, got others");
    }
    return CL_OK;
}

#define COPY(dst, src)                                                                             \
    do {                                                                                           \
        _Static_assert(sizeof(dst) == sizeof(src), "fields of one size");                          \
        memcpy(&(dst), &(src), sizeof(dst));                                                       \
    } while (0)

enum cl_status cl_tdx_report_decode(const uint8_t *data, size_t len, struct cl_tdx_td *ret_td,
                                    bool *ret_tdx15, struct cl_err *err)
{
    struct tdreport_wire w;
    if (len != sizeof(w)) {
        return cl_err_at(err, len < sizeof(w) ? CL_ERR_TRUNCATED : CL_ERR_MALFORMED,
                         len < sizeof(w) ? len : sizeof(w),
                         "TDREPORT: size: expected %u bytes, got %zu", CL_TDX_REPORT_SIZE, len);
    }
    memcpy(&w, data, sizeof(w));
    CL_TRY(check_form(&w, err));
    CL_TRY(check_hash("tee_tcb_info_hash", data + offsetof(struct tdreport_wire, valid),
                      TCB_INFO_SIZE, w.tee_tcb_info_hash, err));
    CL_TRY(check_hash("tee_info_hash", data + offsetof(struct tdreport_wire, td_attributes),
                      TD_INFO_SIZE, w.tee_info_hash, err));
    struct cl_tdx_td td = {0};
    COPY(td.tee_tcb_svn, w.tee_tcb_svn);
    COPY(td.mrseam, w.mrseam);
    COPY(td.mrsignerseam, w.mrsignerseam);
    COPY(td.seam_attributes, w.seam_attributes);
    COPY(td.td_attributes, w.td_attributes);
    COPY(td.xfam, w.xfam);
    COPY(td.mrtd, w.mrtd);
    COPY(td.mrconfigid, w.mrconfigid);
    COPY(td.mrowner, w.mrowner);
    COPY(td.mrownerconfig, w.mrownerconfig);
    COPY(td.rtmr, w.rtmr);
    COPY(td.report_data, w.report_data);
    COPY(td.tee_tcb_svn2, w.tee_tcb_svn2);
    COPY(td.mrservicetd, w.servtd_hash);
    *ret_tdx15 = !tdx_all_zero(w.tee_tcb_svn2, sizeof(w.tee_tcb_svn2)) ||
                 !tdx_all_zero(w.servtd_hash, sizeof(w.servtd_hash));
    *ret_td = td;
    return CL_OK;
}

static const struct {
    const char *name;
    bool tdx15; /* only there */
    size_t offset, size;
} claims[] = {
#define ROW(name, tdx15, field)                                                                    \
    {                                                                                              \
        name, tdx15, offsetof(struct cl_tdx_td, field), sizeof(((struct cl_tdx_td *)NULL)->field)  \
    }
    ROW("tee_tcb_svn", false, tee_tcb_svn),
    ROW("mrseam", false, mrseam),
    ROW("mrsignerseam", false, mrsignerseam),
    ROW("seam_attributes", false, seam_attributes),
    ROW("td_attributes", false, td_attributes),
    ROW("xfam", false, xfam),
    ROW("mrtd", false, mrtd),
    ROW("mrconfigid", false, mrconfigid),
    ROW("mrowner", false, mrowner),
    ROW("mrownerconfig", false, mrownerconfig),
    ROW("rtmr0", false, rtmr[0]),
    ROW("rtmr1", false, rtmr[1]),
    ROW("rtmr2", false, rtmr[2]),
    ROW("rtmr3", false, rtmr[3]),
    ROW("report_data", false, report_data),
    ROW("tee_tcb_svn2", true, tee_tcb_svn2),
    ROW("mrservicetd", true, mrservicetd),
#undef ROW
};

/* All as the bytes on the wire, attributes too: so Intel's and everybody's tools print them. */
enum cl_status cl_tdx_td_claims(const struct cl_tdx_td *td, bool tdx15, json_t *out,
                                struct cl_err *err)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(claims); i++) {
        char text[2 * CL_TDX_REPORT_DATA_SIZE + 1];
        if (claims[i].tdx15 && !tdx15) {
            continue;
        }
        cl_hex(text, (const uint8_t *)td + claims[i].offset, claims[i].size);
        if (json_object_set_new(out, claims[i].name, json_string(text)) != 0) {
            return cl_err_nomem(err, "claims");
        }
    }
    return CL_OK;
}
