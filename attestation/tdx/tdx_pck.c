/* SPDX-License-Identifier: Apache-2.0
 * tdx_pck.c - Intel's extension of a PCK certificate: which platform it is, at which TCB. Each
 * known member exactly once, nothing unknown, each value in its one DER form.
 * Trust: the certificate is hostile; values count only after the chain has verified.
 * Threads: pure. Memory: the caller's struct.
 * Spec: Intel SGX PCK Certificate and CRL Profile, 1.3.5; tdx.md a.8.
 */
#include "tdx/tdx_internal.h"

#include "x509/x509.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <string.h>

#define SGX_OID "1.2.840.113741.1.13.1"
#define TAG_BOOLEAN 0x01u
#define TAG_INTEGER 0x02u
#define TAG_OCTETS 0x04u
#define TAG_OID 0x06u
#define TAG_ENUM 0x0Au
#define TAG_SEQUENCE 0x30u

/* DER of the OID above without tag and length; members append one or two small arcs. */
static const uint8_t arc[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

enum kind { OCTETS, SVN8, SVN16, ENUM8, BOOLEAN, NESTED };

struct member {
    uint8_t id; /* the last arc */
    const char *name;
    enum kind kind;
    bool optional;
    size_t offset, size; /* in struct tdx_pck_extension; size 0: not kept */
    const struct member *inner;
    size_t inner_count;
};

#define KEEP(f) offsetof(struct tdx_pck_extension, f), sizeof(((struct tdx_pck_extension *)0)->f)
#define COMP(i)                                                                                    \
    {                                                                                              \
        (i), "compSvn", SVN8, false, offsetof(struct tdx_pck_extension, comp_svn) + (i)-1, 1,      \
            NULL, 0                                                                                \
    }
static const struct member tcb_members[] = {
    COMP(1),
    COMP(2),
    COMP(3),
    COMP(4),
    COMP(5),
    COMP(6),
    COMP(7),
    COMP(8),
    COMP(9),
    COMP(10),
    COMP(11),
    COMP(12),
    COMP(13),
    COMP(14),
    COMP(15),
    COMP(16),
    {17, "pcesvn", SVN16, false, KEEP(pcesvn), NULL, 0},
    {18, "cpusvn", OCTETS, false, KEEP(cpusvn), NULL, 0},
};
static const struct member configuration_members[] = {
    {1, "dynamicPlatform", BOOLEAN, true, 0, 0, NULL, 0},
    {2, "cachedKeys", BOOLEAN, true, 0, 0, NULL, 0},
    {3, "smtEnabled", BOOLEAN, true, 0, 0, NULL, 0},
};
static const struct member top_members[] = {
    {1, "ppid", OCTETS, false, KEEP(ppid), NULL, 0},
    {2, "tcb", NESTED, false, 0, 0, tcb_members, CL_ARRAY_LEN(tcb_members)},
    {3, "pceid", OCTETS, false, KEEP(pceid), NULL, 0},
    {4, "fmspc", OCTETS, false, KEEP(fmspc), NULL, 0},
    {5, "sgxType", ENUM8, false, KEEP(sgx_type), NULL, 0},
    {6, "platformInstanceId", OCTETS, true, KEEP(platform_instance), NULL, 0},
    {7, "configuration", NESTED, true, 0, 0, configuration_members,
     CL_ARRAY_LEN(configuration_members)},
};
#undef COMP
#undef KEEP
#define PLATFORM_INSTANCE 6u

static enum cl_status bad(const char *name, const char *expected, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "PCK certificate: %s: expected %s, got another value",
                      name, expected);
}

/* One DER element of that tag, with a length in its shortest form of up to two bytes. */
static bool open_der(struct cl_reader *r, unsigned tag, struct cl_reader *ret_inner)
{
    if (cl_reader_u8(r, "tag") != tag) {
        return false;
    }
    size_t len = cl_reader_u8(r, "length");
    if (len == 0x81) {
        len = cl_reader_u8(r, "length");
        len = len < 0x80 ? SIZE_MAX : len;
    } else if (len == 0x82) {
        len = cl_reader_be16(r, "length");
        len = len < 0x100 ? SIZE_MAX : len;
    } else if (len >= 0x80) {
        return false;
    }
    *ret_inner = cl_reader_sub(r, len, "value");
    return r->failed == NULL;
}

/* An INTEGER of 0..max in its one shortest form. */
static bool read_uint(struct cl_reader *r, unsigned tag, uint32_t max, uint32_t *ret)
{
    struct cl_reader v;
    if (!open_der(r, tag, &v) || v.len == 0 || v.len > 3 || (v.data[0] & 0x80) != 0 ||
        (v.len > 1 && v.data[0] == 0 && (v.data[1] & 0x80) == 0)) {
        return false;
    }
    uint32_t x = 0;
    for (size_t i = 0; i < v.len; i++) {
        x = x << 8 | v.data[i];
    }
    *ret = x;
    return x <= max;
}

static enum cl_status read_members(struct cl_reader *seq, const struct member *parent,
                                   const struct member *table, size_t count,
                                   struct tdx_pck_extension *e, struct cl_err *err);

static enum cl_status read_octets(struct cl_reader *r, const struct member *m,
                                  struct tdx_pck_extension *e, struct cl_err *err)
{
    struct cl_reader v;
    if (!open_der(r, TAG_OCTETS, &v) || v.len != m->size) {
        return bad(m->name, "an OCTET STRING of its size", err);
    }
    memcpy((uint8_t *)e + m->offset, v.data, m->size);
    e->has_platform_instance = e->has_platform_instance || m->id == PLATFORM_INSTANCE;
    return CL_OK;
}

static enum cl_status read_value(struct cl_reader *r, const struct member *m,
                                 struct tdx_pck_extension *e, struct cl_err *err)
{
    struct cl_reader v;
    uint32_t x = 0;
    switch (m->kind) {
    case OCTETS:
        return read_octets(r, m, e, err);
    case SVN8:
    case ENUM8:
        if (!read_uint(r, m->kind == SVN8 ? TAG_INTEGER : TAG_ENUM, 0xFF, &x)) {
            return bad(m->name, "a number from 0 to 255", err);
        }
        *((uint8_t *)e + m->offset) = (uint8_t)x;
        return CL_OK;
    case SVN16:
        if (!read_uint(r, TAG_INTEGER, 0xFFFF, &x)) {
            return bad(m->name, "a number from 0 to 65535", err);
        }
        e->pcesvn = (uint16_t)x;
        return CL_OK;
    case BOOLEAN:
        if (!open_der(r, TAG_BOOLEAN, &v) || v.len != 1 || (v.data[0] != 0 && v.data[0] != 0xFF)) {
            return bad(m->name, "a BOOLEAN", err);
        }
        return CL_OK;
    case NESTED:
        if (!open_der(r, TAG_SEQUENCE, &v)) {
            return bad(m->name, "a SEQUENCE", err);
        }
        return read_members(&v, m, m->inner, m->inner_count, e, err);
    }
    return bad(m->name, "a known kind", err);
}

/* The member that an OID names under its parent, or NULL. */
static const struct member *find_member(const struct cl_reader *oid, const struct member *parent,
                                        const struct member *table, size_t count)
{
    size_t n = sizeof(arc) + (parent != NULL ? 1 : 0);
    if (oid->len != n + 1 || memcmp(oid->data, arc, sizeof(arc)) != 0 ||
        (parent != NULL && oid->data[sizeof(arc)] != parent->id)) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (table[i].id == oid->data[n]) {
            return &table[i];
        }
    }
    return NULL;
}

static enum cl_status read_members(struct cl_reader *seq, const struct member *parent,
                                   const struct member *table, size_t count,
                                   struct tdx_pck_extension *e, struct cl_err *err)
{
    uint32_t seen = 0;
    const char *where = parent != NULL ? parent->name : "SGX extension";
    while (cl_reader_left(seq) > 0) {
        struct cl_reader pair, oid;
        if (!open_der(seq, TAG_SEQUENCE, &pair) || !open_der(&pair, TAG_OID, &oid)) {
            return bad(where, "pairs of OID and value", err);
        }
        const struct member *m = find_member(&oid, parent, table, count);
        if (m == NULL) {
            return bad(where, "known members only", err);
        }
        if ((seen & 1u << m->id) != 0) {
            return bad(m->name, "one of it", err);
        }
        seen |= 1u << m->id;
        CL_TRY(read_value(&pair, m, e, err));
        if (cl_reader_left(&pair) != 0) {
            return bad(m->name, "one value", err);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!table[i].optional && (seen & 1u << table[i].id) == 0) {
            return cl_err_set(err, CL_ERR_MALFORMED, "PCK certificate: %s: expected one, got none",
                              table[i].name);
        }
    }
    return CL_OK;
}

enum cl_status tdx_pck_extension_parse(const X509 *x, struct tdx_pck_extension *ret_ext,
                                       struct cl_err *err)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(SGX_OID, /* no_name= */ 1);
    int at = oid != NULL ? X509_get_ext_by_OBJ(x, oid, -1) : -1;
    int again = at >= 0 ? X509_get_ext_by_OBJ(x, oid, at) : -1;
    ASN1_OBJECT_free(oid);
    if (at < 0 || again >= 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "PCK certificate: SGX extension: expected one, got %s",
                          at < 0 ? "none" : "two");
    }
    const ASN1_OCTET_STRING *s = X509_EXTENSION_get_data(X509_get_ext(x, at));
    struct cl_reader r = cl_reader_init(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
    struct cl_reader seq;
    struct tdx_pck_extension e = {0};
    if (!open_der(&r, TAG_SEQUENCE, &seq) || cl_reader_left(&r) != 0) {
        return bad("SGX extension", "a SEQUENCE", err);
    }
    CL_TRY(read_members(&seq, /* parent= */ NULL, top_members, CL_ARRAY_LEN(top_members), &e, err));
    *ret_ext = e;
    return CL_OK;
}

enum cl_tdx_pck_ca tdx_pck_ca_of(const X509 *leaf)
{
    char cn[CL_X509_CN_SIZE];
    cl_x509_cn(X509_get_issuer_name(leaf), cn);
    return strcmp(cn, "Intel SGX PCK Platform CA") == 0    ? CL_TDX_PCK_CA_PLATFORM
           : strcmp(cn, "Intel SGX PCK Processor CA") == 0 ? CL_TDX_PCK_CA_PROCESSOR
                                                           : CL_TDX_PCK_CA_UNKNOWN;
}

const char *cl_tdx_pck_ca_name(enum cl_tdx_pck_ca ca)
{
    return ca == CL_TDX_PCK_CA_PLATFORM    ? "platform"
           : ca == CL_TDX_PCK_CA_PROCESSOR ? "processor"
                                           : "unknown";
}

enum cl_status cl_tdx_quote_platform(const struct cl_tdx_quote *quote,
                                     struct cl_tdx_platform *ret_platform, struct cl_err *err)
{
    struct tdx_chain_der chain;
    CL_CLEANUP(cl_x509_freep) X509 *leaf = NULL;
    struct tdx_pck_extension e;
    CL_TRY(tdx_pem_decode(quote->pck_chain.data, quote->pck_chain.len, &chain, err));
    CL_TRY(cl_x509_parse(chain.der[0], chain.len[0], &leaf, err));
    CL_TRY(tdx_pck_extension_parse(leaf, &e, err));
    struct cl_tdx_platform p = {.ca = tdx_pck_ca_of(leaf), .has_instance = e.has_platform_instance};
    memcpy(p.instance, e.platform_instance, sizeof(p.instance));
    memcpy(p.fmspc, e.fmspc, sizeof(p.fmspc));
    memcpy(p.pceid, e.pceid, sizeof(p.pceid));
    *ret_platform = p;
    return CL_OK;
}

enum cl_status cl_tdx_quote_certs(const struct cl_tdx_quote *quote,
                                  struct cl_buf ret_certs[static CL_TDX_QUOTE_MAX_CERTS],
                                  size_t *ret_count, struct cl_err *err)
{
    struct tdx_chain_der chain;
    *ret_count = 0;
    CL_TRY(tdx_pem_decode(quote->pck_chain.data, quote->pck_chain.len, &chain, err));
    for (size_t i = 0; i < chain.count; i++) {
        CL_TRY(cl_buf_append(&ret_certs[(*ret_count)++], chain.der[i], chain.len[i], err));
    }
    return CL_OK;
}
