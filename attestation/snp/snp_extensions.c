/* SPDX-License-Identifier: Apache-2.0
 * snp_extensions.c - AMD's extensions of a VCEK or VLEK certificate. Which ones must, may and must
 * not stand there follows from StructVersion; everything else under AMD's arc is refused.
 * Trust: the certificate is hostile; values count only after the chain has verified.
 * Threads: pure. Memory: the caller's struct.
 * Spec: AMD 57230 (VCEK and KDS); snp.md a.6.
 */
#include "snp/snp_chain.h"

#include <openssl/objects.h>
#include <stdio.h>
#include <string.h>

#define AMD_ARC "1.3.6.1.4.1.3704.1."

enum ext_id {
    EXT_STRUCT_VERSION,
    EXT_PRODUCT_NAME,
    EXT_SPL_BL,
    EXT_SPL_TEE,
    EXT_SPL_SNP,
    EXT_SPL_4,
    EXT_SPL_5,
    EXT_SPL_6,
    EXT_SPL_7,
    EXT_SPL_UCODE,
    EXT_SPL_FMC,
    EXT_HW_ID,
    EXT_CSP_ID,
    EXT_COUNT,
};

enum presence { NO, MAY, MUST };

static const struct {
    const char *tail;
    const char *name;
    enum presence in_version[2];
} table[EXT_COUNT] = {
    [EXT_STRUCT_VERSION] = {"1", "structVersion", {MUST, MUST}},
    [EXT_PRODUCT_NAME] = {"2", "productName", {MUST, MUST}},
    [EXT_SPL_BL] = {"3.1", "blSPL", {MUST, MUST}},
    [EXT_SPL_TEE] = {"3.2", "teeSPL", {MUST, MUST}},
    [EXT_SPL_SNP] = {"3.3", "snpSPL", {MUST, MUST}},
    [EXT_SPL_4] = {"3.4", "spl_4", {MUST, MAY}},
    [EXT_SPL_5] = {"3.5", "spl_5", {MUST, MAY}},
    [EXT_SPL_6] = {"3.6", "spl_6", {MUST, MAY}},
    [EXT_SPL_7] = {"3.7", "spl_7", {MUST, MAY}},
    [EXT_SPL_UCODE] = {"3.8", "ucodeSPL", {MUST, MUST}},
    [EXT_SPL_FMC] = {"3.9", "fmcSPL", {NO, MUST}},
    [EXT_HW_ID] = {"4", "hwID", {MAY, MAY}},
    [EXT_CSP_ID] = {"5", "cspID", {MAY, MAY}},
};

struct found {
    const uint8_t *data[EXT_COUNT];
    size_t len[EXT_COUNT];
};

static enum cl_status bad(struct cl_err *err, enum ext_id id, const char *expected, const char *got)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "certificate: %s: expected %s, got %s", table[id].name,
                      expected, got);
}

static enum cl_status collect_one(X509_EXTENSION *ext, struct found *f, struct cl_err *err)
{
    char oid[64];
    size_t arc = sizeof(AMD_ARC) - 1;
    int n = OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(ext), /* no_name= */ 1);
    if (n <= 0 || strncmp(oid, AMD_ARC, arc) != 0) {
        return CL_OK; /* other people's extensions: snp_chain.c looks at the critical ones */
    }
    for (int id = 0; id < EXT_COUNT; id++) {
        if ((size_t)n < sizeof(oid) && strcmp(oid + arc, table[id].tail) == 0) {
            if (f->data[id] != NULL) {
                return bad(err, (enum ext_id)id, "one extension", "two");
            }
            const ASN1_OCTET_STRING *s = X509_EXTENSION_get_data(ext);
            f->data[id] = ASN1_STRING_get0_data(s);
            f->len[id] = (size_t)ASN1_STRING_length(s);
            if (f->len[id] == 0) {
                return bad(err, (enum ext_id)id, "a value", "nothing");
            }
            return CL_OK;
        }
    }
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "certificate: extensions: expected AMD's known ones, got %s", oid);
}

/* DER INTEGER 0..255, in its one shortest form. */
static enum cl_status get_u8(const struct found *f, enum ext_id id, uint8_t *ret,
                             struct cl_err *err)
{
    const uint8_t *p = f->data[id];
    if (p == NULL) {
        *ret = 0;
        return CL_OK;
    }
    if (f->len[id] == 3 && p[0] == 0x02 && p[1] == 1 && p[2] < 0x80) {
        *ret = p[2];
        return CL_OK;
    }
    if (f->len[id] == 4 && p[0] == 0x02 && p[1] == 2 && p[2] == 0 && p[3] >= 0x80) {
        *ret = p[3];
        return CL_OK;
    }
    return bad(err, id, "a DER INTEGER from 0 to 255", "another value");
}

/* DER IA5String of printable characters, at most size - 1 of them. */
static enum cl_status get_text(const struct found *f, enum ext_id id, char *ret, size_t size,
                               struct cl_err *err)
{
    const uint8_t *p = f->data[id];
    size_t len = f->len[id];
    if (len < 3 || p[0] != 0x16 || p[1] >= 0x80 || p[1] != len - 2 || p[1] >= size) {
        return bad(err, id, "a short DER IA5String", "another value");
    }
    for (size_t i = 2; i < len; i++) {
        if (p[i] < 0x20 || p[i] > 0x7E) {
            return bad(err, id, "printable characters", "others");
        }
    }
    memcpy(ret, p + 2, len - 2);
    ret[len - 2] = '\0';
    return CL_OK;
}

/* The chip id stands there raw in real certificates; newer ones may wrap it in an OCTET STRING.
 * The length decides, never the first byte: a chip id may begin with any. */
static enum cl_status get_hw_id(const struct found *f, struct snp_extensions *e, struct cl_err *err)
{
    const uint8_t *p = f->data[EXT_HW_ID];
    size_t want = e->struct_version == 0 ? 64 : 8;
    if (f->len[EXT_HW_ID] == want + 2 && p[0] == 0x04 && p[1] == want) {
        p += 2;
    } else if (f->len[EXT_HW_ID] != want) {
        return bad(err, EXT_HW_ID, want == 64 ? "64 bytes" : "8 bytes", "another length");
    }
    memcpy(e->hw_id, p, want);
    e->hw_id_len = want;
    e->has_hw_id = true;
    return CL_OK;
}

static enum cl_status check_presence(const struct found *f, uint8_t version, struct cl_err *err)
{
    for (int id = 0; id < EXT_COUNT; id++) {
        enum presence p = table[id].in_version[version];
        if (p == MUST && f->data[id] == NULL) {
            return bad(err, (enum ext_id)id, "one extension", "none");
        }
        if (p == NO && f->data[id] != NULL) {
            return bad(err, (enum ext_id)id, "none with this structVersion", "one");
        }
    }
    if ((f->data[EXT_HW_ID] != NULL) == (f->data[EXT_CSP_ID] != NULL)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "certificate: extensions: expected either hwID or cspID, got %s",
                          f->data[EXT_HW_ID] != NULL ? "both" : "neither");
    }
    return CL_OK;
}

static enum cl_status get_tcb(const struct found *f, struct snp_extensions *e, struct cl_err *err)
{
    e->tcb.has_fmc = e->struct_version == 1;
    CL_TRY(get_u8(f, EXT_SPL_FMC, &e->tcb.fmc, err));
    CL_TRY(get_u8(f, EXT_SPL_BL, &e->tcb.bootloader, err));
    CL_TRY(get_u8(f, EXT_SPL_TEE, &e->tcb.tee, err));
    CL_TRY(get_u8(f, EXT_SPL_SNP, &e->tcb.snp, err));
    CL_TRY(get_u8(f, EXT_SPL_UCODE, &e->tcb.microcode, err));
    for (int id = EXT_SPL_4; id <= EXT_SPL_7; id++) { /* reserved components */
        uint8_t v = 0;
        CL_TRY(get_u8(f, (enum ext_id)id, &v, err));
        if (v != 0) {
            return bad(err, (enum ext_id)id, "0", "another value");
        }
    }
    return CL_OK;
}

enum cl_status snp_extensions_parse(const X509 *x, struct snp_extensions *ret_ext,
                                    struct cl_err *err)
{
    struct found f = {0};
    struct snp_extensions e = {0};
    for (int i = 0; i < X509_get_ext_count(x); i++) {
        CL_TRY(collect_one(X509_get_ext(x, i), &f, err));
    }
    if (f.data[EXT_STRUCT_VERSION] == NULL) {
        return bad(err, EXT_STRUCT_VERSION, "one extension", "none");
    }
    CL_TRY(get_u8(&f, EXT_STRUCT_VERSION, &e.struct_version, err));
    if (e.struct_version > 1) {
        return bad(err, EXT_STRUCT_VERSION, "0 or 1", "a newer one");
    }
    CL_TRY(check_presence(&f, e.struct_version, err));
    CL_TRY(get_text(&f, EXT_PRODUCT_NAME, e.product_name, sizeof(e.product_name), err));
    CL_TRY(get_tcb(&f, &e, err));
    if (f.data[EXT_HW_ID] != NULL) {
        CL_TRY(get_hw_id(&f, &e, err));
    } else {
        CL_TRY(get_text(&f, EXT_CSP_ID, e.csp_id, sizeof(e.csp_id), err));
        e.has_csp_id = true;
    }
    *ret_ext = e;
    return CL_OK;
}

enum cl_snp_product snp_extensions_product(const struct snp_extensions *ext)
{
    static const struct {
        const char *name;
        enum cl_snp_product product;
    } names[] = {{"Milan", CL_SNP_PRODUCT_MILAN},
                 {"Genoa", CL_SNP_PRODUCT_GENOA},
                 {"Turin", CL_SNP_PRODUCT_TURIN}};
    size_t n = strcspn(ext->product_name, "-");
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        if (strlen(names[i].name) == n && memcmp(names[i].name, ext->product_name, n) == 0) {
            return names[i].product;
        }
    }
    return CL_SNP_PRODUCT_UNKNOWN;
}
