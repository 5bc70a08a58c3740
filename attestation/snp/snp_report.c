/* SPDX-License-Identifier: Apache-2.0
 * snp_report.c - the wire layout of ATTESTATION_REPORT, in both directions, and TCB_VERSION.
 * Trust: the bytes are hostile. Threads: pure. Memory: none.
 * Spec: AMD 56860, ATTESTATION_REPORT; snp.md a.1, a.4, a.5.
 */
#include "cloister/snp_report.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

struct snp_report_wire {
    cl_le32 version;
    cl_le32 guest_svn;
    cl_le64 policy;
    uint8_t family_id[16];
    uint8_t image_id[16];
    cl_le32 vmpl;
    cl_le32 signature_algo;
    uint8_t current_tcb[8];
    cl_le64 platform_info;
    cl_le32 key_info;
    cl_le32 reserved_04c;
    uint8_t report_data[CL_SNP_REPORT_DATA_SIZE];
    uint8_t measurement[CL_SNP_MEASUREMENT_SIZE];
    uint8_t host_data[CL_SNP_HOST_DATA_SIZE];
    uint8_t id_key_digest[48];
    uint8_t author_key_digest[48];
    uint8_t report_id[32];
    uint8_t report_id_ma[32];
    uint8_t reported_tcb[8];
    uint8_t cpuid_fam_id; /* reserved before version 3 */
    uint8_t cpuid_mod_id;
    uint8_t cpuid_step;
    uint8_t reserved_18b[21];
    uint8_t chip_id[CL_SNP_CHIP_ID_SIZE];
    uint8_t committed_tcb[8];
    uint8_t current[3]; /* build, minor, major */
    uint8_t reserved_1eb;
    uint8_t committed[3];
    uint8_t reserved_1ef;
    uint8_t launch_tcb[8];
    cl_le64 launch_mit_vector; /* reserved before version 5 */
    cl_le64 current_mit_vector;
    uint8_t reserved_208[152];
    uint8_t signature_r[CL_SNP_SIG_PART_SIZE];
    uint8_t signature_s[CL_SNP_SIG_PART_SIZE];
    uint8_t reserved_330[368]; /* not signed */
};
_Static_assert(_Alignof(struct snp_report_wire) == 1, "wire structs have no padding");
_Static_assert(sizeof(struct snp_report_wire) == CL_SNP_REPORT_SIZE, "SNP report: size");
#define AT(field, offset)                                                                          \
    _Static_assert(offsetof(struct snp_report_wire, field) == (offset), "SNP report: " #field)
AT(guest_svn, 0x004);
AT(policy, 0x008);
AT(family_id, 0x010);
AT(image_id, 0x020);
AT(vmpl, 0x030);
AT(signature_algo, 0x034);
AT(current_tcb, 0x038);
AT(platform_info, 0x040);
AT(key_info, 0x048);
AT(reserved_04c, 0x04C);
AT(report_data, 0x050);
AT(measurement, 0x090);
AT(host_data, 0x0C0);
AT(id_key_digest, 0x0E0);
AT(author_key_digest, 0x110);
AT(report_id, 0x140);
AT(report_id_ma, 0x160);
AT(reported_tcb, 0x180);
AT(cpuid_fam_id, 0x188);
AT(reserved_18b, 0x18B);
AT(chip_id, 0x1A0);
AT(committed_tcb, 0x1E0);
AT(current, 0x1E8);
AT(reserved_1eb, 0x1EB);
AT(committed, 0x1EC);
AT(reserved_1ef, 0x1EF);
AT(launch_tcb, 0x1F0);
AT(launch_mit_vector, 0x1F8);
AT(current_mit_vector, 0x200);
AT(reserved_208, 0x208);
AT(signature_r, 0x2A0);
AT(signature_s, 0x2E8);
AT(reserved_330, 0x330);
#undef AT

#define COPY(dst, src)                                                                             \
    do {                                                                                           \
        _Static_assert(sizeof(dst) == sizeof(src), "fields of one size");                          \
        memcpy((dst), (src), sizeof(dst));                                                         \
    } while (0)

static struct cl_snp_fw_version fw_version_decode(const uint8_t b[static 3])
{
    return (struct cl_snp_fw_version){.build = b[0], .minor = b[1], .major = b[2]};
}

enum cl_status cl_snp_report_decode(const uint8_t *data, size_t len, struct cl_snp_report *ret_r,
                                    struct cl_err *err)
{
    struct snp_report_wire w;
    if (len != sizeof(w)) {
        return cl_err_at(err, len < sizeof(w) ? CL_ERR_TRUNCATED : CL_ERR_MALFORMED,
                         len < sizeof(w) ? len : sizeof(w),
                         "SNP report: size: expected %u bytes, got %zu", CL_SNP_REPORT_SIZE, len);
    }
    memcpy(&w, data, sizeof(w));
    struct cl_snp_report *r = ret_r;
    memcpy(r->raw, data, sizeof(r->raw));
    r->version = cl_le32_get(&w.version);
    r->guest_svn = cl_le32_get(&w.guest_svn);
    r->policy = cl_le64_get(&w.policy);
    COPY(r->family_id, w.family_id);
    COPY(r->image_id, w.image_id);
    r->vmpl = cl_le32_get(&w.vmpl);
    r->signature_algo = cl_le32_get(&w.signature_algo);
    COPY(r->current_tcb, w.current_tcb);
    r->platform_info = cl_le64_get(&w.platform_info);
    r->key_info = cl_le32_get(&w.key_info);
    COPY(r->report_data, w.report_data);
    COPY(r->measurement, w.measurement);
    COPY(r->host_data, w.host_data);
    COPY(r->id_key_digest, w.id_key_digest);
    COPY(r->author_key_digest, w.author_key_digest);
    COPY(r->report_id, w.report_id);
    COPY(r->report_id_ma, w.report_id_ma);
    COPY(r->reported_tcb, w.reported_tcb);
    r->cpuid_fam_id = w.cpuid_fam_id;
    r->cpuid_mod_id = w.cpuid_mod_id;
    r->cpuid_step = w.cpuid_step;
    COPY(r->chip_id, w.chip_id);
    COPY(r->committed_tcb, w.committed_tcb);
    r->current = fw_version_decode(w.current);
    r->committed = fw_version_decode(w.committed);
    COPY(r->launch_tcb, w.launch_tcb);
    r->launch_mit_vector = cl_le64_get(&w.launch_mit_vector);
    r->current_mit_vector = cl_le64_get(&w.current_mit_vector);
    COPY(r->signature_r, w.signature_r);
    COPY(r->signature_s, w.signature_s);
    return CL_OK;
}

static void fw_version_encode(const struct cl_snp_fw_version *v, uint8_t ret[static 3])
{
    ret[0] = v->build;
    ret[1] = v->minor;
    ret[2] = v->major;
}

void cl_snp_report_encode(const struct cl_snp_report *r, uint8_t ret[static CL_SNP_REPORT_SIZE])
{
    struct snp_report_wire w = {0};
    cl_le32_put(&w.version, r->version);
    cl_le32_put(&w.guest_svn, r->guest_svn);
    cl_le64_put(&w.policy, r->policy);
    COPY(w.family_id, r->family_id);
    COPY(w.image_id, r->image_id);
    cl_le32_put(&w.vmpl, r->vmpl);
    cl_le32_put(&w.signature_algo, r->signature_algo);
    COPY(w.current_tcb, r->current_tcb);
    cl_le64_put(&w.platform_info, r->platform_info);
    cl_le32_put(&w.key_info, r->key_info);
    COPY(w.report_data, r->report_data);
    COPY(w.measurement, r->measurement);
    COPY(w.host_data, r->host_data);
    COPY(w.id_key_digest, r->id_key_digest);
    COPY(w.author_key_digest, r->author_key_digest);
    COPY(w.report_id, r->report_id);
    COPY(w.report_id_ma, r->report_id_ma);
    COPY(w.reported_tcb, r->reported_tcb);
    w.cpuid_fam_id = r->cpuid_fam_id;
    w.cpuid_mod_id = r->cpuid_mod_id;
    w.cpuid_step = r->cpuid_step;
    COPY(w.chip_id, r->chip_id);
    COPY(w.committed_tcb, r->committed_tcb);
    fw_version_encode(&r->current, w.current);
    fw_version_encode(&r->committed, w.committed);
    COPY(w.launch_tcb, r->launch_tcb);
    cl_le64_put(&w.launch_mit_vector, r->launch_mit_vector);
    cl_le64_put(&w.current_mit_vector, r->current_mit_vector);
    COPY(w.signature_r, r->signature_r);
    COPY(w.signature_s, r->signature_s);
    memcpy(ret, &w, sizeof(w));
}

/* The areas that must be zero, each up to the version that gave them a meaning (0: none has). */
static const struct {
    size_t offset, size;
    uint32_t until_version;
} reserved_areas[] = {
    {0x04C, 4, 0}, {0x188, 3, 3},  {0x18B, 21, 0},  {0x1EB, 1, 0},
    {0x1EF, 1, 0}, {0x1F8, 16, 5}, {0x208, 152, 0}, {0x330, 368, 0},
};

bool cl_snp_report_reserved_set(const struct cl_snp_report *r, size_t *ret_offset)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(reserved_areas); i++) {
        if (reserved_areas[i].until_version != 0 && r->version >= reserved_areas[i].until_version) {
            continue;
        }
        for (size_t k = 0; k < reserved_areas[i].size; k++) {
            if (r->raw[reserved_areas[i].offset + k] != 0) {
                *ret_offset = reserved_areas[i].offset + k;
                return true;
            }
        }
    }
    return false;
}

enum cl_snp_product cl_snp_product_from_fms(uint8_t family, uint8_t model)
{
    if (family == 0x19 && model <= 0x0F) {
        return CL_SNP_PRODUCT_MILAN;
    }
    if (family == 0x19 && ((model >= 0x10 && model <= 0x1F) || (model >= 0xA0 && model <= 0xAF))) {
        return CL_SNP_PRODUCT_GENOA;
    }
    if (family == 0x1A && model <= 0x11) {
        return CL_SNP_PRODUCT_TURIN;
    }
    return CL_SNP_PRODUCT_UNKNOWN;
}

const char *cl_snp_product_name(enum cl_snp_product p)
{
    switch (p) {
    case CL_SNP_PRODUCT_MILAN:
        return "milan";
    case CL_SNP_PRODUCT_GENOA:
        return "genoa";
    case CL_SNP_PRODUCT_TURIN:
        return "turin";
    case CL_SNP_PRODUCT_UNKNOWN:
    case CL_SNP_PRODUCT_COUNT:
        break;
    }
    return NULL;
}

struct cl_snp_tcb cl_snp_tcb_decode(const uint8_t raw[static 8], bool turin)
{
    if (turin) {
        return (struct cl_snp_tcb){.has_fmc = true,
                                   .fmc = raw[0],
                                   .bootloader = raw[1],
                                   .tee = raw[2],
                                   .snp = raw[3],
                                   .microcode = raw[7]};
    }
    return (struct cl_snp_tcb){
        .bootloader = raw[0], .tee = raw[1], .snp = raw[6], .microcode = raw[7]};
}

void cl_snp_tcb_encode(const struct cl_snp_tcb *tcb, uint8_t ret[static 8])
{
    memset(ret, 0, 8);
    ret[7] = tcb->microcode;
    if (tcb->has_fmc) {
        ret[0] = tcb->fmc;
        ret[1] = tcb->bootloader;
        ret[2] = tcb->tee;
        ret[3] = tcb->snp;
    } else {
        ret[0] = tcb->bootloader;
        ret[1] = tcb->tee;
        ret[6] = tcb->snp;
    }
}

bool cl_snp_tcb_at_least(const struct cl_snp_tcb *a, const struct cl_snp_tcb *b)
{
    return a->has_fmc == b->has_fmc && a->fmc >= b->fmc && a->bootloader >= b->bootloader &&
           a->tee >= b->tee && a->snp >= b->snp && a->microcode >= b->microcode;
}

bool cl_snp_tcb_equal(const struct cl_snp_tcb *a, const struct cl_snp_tcb *b)
{
    return cl_snp_tcb_at_least(a, b) && cl_snp_tcb_at_least(b, a);
}

void cl_snp_tcb_format(const struct cl_snp_tcb *tcb, char ret[static CL_SNP_TCB_TEXT_SIZE])
{
    char fmc[16] = "";
    if (tcb->has_fmc) {
        (void)snprintf(fmc, sizeof(fmc), "fmc=%u ", tcb->fmc);
    }
    (void)snprintf(ret, CL_SNP_TCB_TEXT_SIZE, "%sbootloader=%u tee=%u snp=%u microcode=%u", fmc,
                   tcb->bootloader, tcb->tee, tcb->snp, tcb->microcode);
}
