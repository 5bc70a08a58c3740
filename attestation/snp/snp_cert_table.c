/* SPDX-License-Identifier: Apache-2.0
 * snp_cert_table.c - the certificate table that a host puts beside a report, in both directions.
 * Trust: the table is hostile: every offset and length is checked against the table.
 * Threads: pure. Memory: copies of the certificates.
 * Spec: AMD 56421 (GHCB), extended guest request; snp.md a.9. GUIDs are in textual order here,
 * unlike in firmware tables.
 */
#include "snp/snp_evidence.h"

#include "base/bytes.h"

#include <string.h>

#define ENTRY_SIZE 24u

static const struct {
    enum cl_snp_cert_type type;
    uint8_t guid[16];
} known[] = {
    {CL_SNP_CERT_VCEK,
     {0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac,
      0xcd}},
    {CL_SNP_CERT_VLEK,
     {0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8,
      0xa1}},
    {CL_SNP_CERT_ASK,
     {0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7,
      0x82}},
    {CL_SNP_CERT_ARK,
     {0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0,
      0xae}},
    {CL_SNP_CERT_CRL,
     {0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67,
      0xea}},
};

static enum cl_snp_cert_type type_of(const uint8_t guid[static 16])
{
    for (size_t i = 0; i < CL_ARRAY_LEN(known); i++) {
        if (memcmp(known[i].guid, guid, 16) == 0) {
            return known[i].type;
        }
    }
    return CL_SNP_CERT_OTHER;
}

static enum cl_status add_entry(struct cl_snp_evidence *ev, const uint8_t *table, size_t len,
                                const uint8_t guid[static 16], uint32_t offset, uint32_t size,
                                struct cl_err *err)
{
    if (offset > len || size > len - offset) {
        return cl_err_set(err, CL_ERR_TRUNCATED,
                          "certificate table: entry %zu: expected to end by byte %zu, got bytes "
                          "%u to %llu",
                          ev->cert_count, len, offset, (unsigned long long)offset + size);
    }
    enum cl_snp_cert_type type = type_of(guid);
    enum cl_status st = snp_evidence_add(ev, type, type == CL_SNP_CERT_OTHER ? guid : NULL,
                                         table + offset, size, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "certificate table");
}

enum cl_status cl_snp_evidence_add_table(struct cl_snp_evidence *ev, const uint8_t *data,
                                         size_t len, struct cl_err *err)
{
    static const uint8_t end[16] = {0};
    if (len == 0) { /* some hosts answer an empty table without its terminator */
        return CL_OK;
    }
    if (len > CL_SNP_CERT_TABLE_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "certificate table: size: expected at most %u bytes, got %zu",
                          CL_SNP_CERT_TABLE_MAX_SIZE, len);
    }
    struct cl_reader r = cl_reader_init(data, len);
    for (;;) {
        uint8_t guid[16];
        cl_reader_copy(&r, guid, sizeof(guid), "guid");
        uint32_t offset = cl_reader_le32(&r, "offset");
        uint32_t size = cl_reader_le32(&r, "length");
        CL_TRY(cl_reader_check(&r, "certificate table", err));
        if (memcmp(guid, end, sizeof(guid)) == 0 && offset == 0 && size == 0) {
            return CL_OK;
        }
        CL_TRY(add_entry(ev, data, len, guid, offset, size, err));
    }
}

static const uint8_t *guid_of(const struct snp_cert *c)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(known); i++) {
        if (known[i].type == c->type) {
            return known[i].guid;
        }
    }
    return c->other_guid;
}

enum cl_status cl_snp_evidence_table(const struct cl_snp_evidence *ev, struct cl_buf *out,
                                     struct cl_err *err)
{
    uint8_t head[(CL_SNP_CERTS_MAX + 1) * ENTRY_SIZE];
    struct cl_writer w = cl_writer_init(head, sizeof(head));
    size_t offset = (ev->cert_count + 1) * ENTRY_SIZE;
    for (size_t i = 0; i < ev->cert_count; i++) {
        cl_writer_bytes(&w, guid_of(&ev->certs[i]), 16);
        cl_writer_le32(&w, (uint32_t)offset);
        cl_writer_le32(&w, (uint32_t)ev->certs[i].len);
        offset += ev->certs[i].len;
    }
    cl_writer_zero(&w, ENTRY_SIZE);
    CL_TRY(cl_writer_check(&w, "certificate table", err));
    CL_TRY(cl_buf_append(out, head, w.len, err));
    for (size_t i = 0; i < ev->cert_count; i++) {
        CL_TRY(cl_buf_append(out, ev->certs[i].der, ev->certs[i].len, err));
    }
    return CL_OK;
}
