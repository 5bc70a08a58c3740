/* SPDX-License-Identifier: Apache-2.0
 * hcl_report.c - the paravisor's report and the runtime data in it.
 * Trust: hostile bytes and JSON. Threads: pure. Memory: jansson's while parsing, one key.
 * Spec: tdx.md e.1; every field is little-endian.
 */
#include "cloister/hcl_report.h"

#include "base/encode.h"
#include "base/json.h"
#include "tpm/tpm_internal.h"

#include <string.h>

#define REQUEST_TYPE 2u
#define REQUEST_HEAD 20u /* from data_size to the runtime data */
#define AK_NAME "HCLAkPub"
#define KEYS_MAX 16u

static uint16_t hash_of(uint32_t hash_type)
{
    static const uint16_t hashes[] = {0, CL_TPM_ALG_SHA256, CL_TPM_ALG_SHA384, CL_TPM_ALG_SHA512};
    return hash_type < CL_ARRAY_LEN(hashes) ? hashes[hash_type] : 0;
}

/* Zero padding decides nothing, and may not carry anything either. */
static enum cl_status need_zeros(const uint8_t *p, size_t n, size_t at, struct cl_err *err)
{
    for (size_t i = 0; p != NULL && i < n; i++) {
        if (p[i] != 0) {
            return cl_err_at(err, CL_ERR_MALFORMED, at + i,
                             "HCL report: padding: expected zeros, got 0x%02x at %zu",
                             (unsigned)p[i], at + i);
        }
    }
    return CL_OK;
}

static enum cl_status read_head(struct cl_reader *r, struct cl_hcl_report *h, uint32_t *ret_size,
                                struct cl_err *err)
{
    const uint8_t *magic = cl_reader_bytes(r, 4, "signature");
    h->version = cl_reader_le32(r, "version");
    *ret_size = cl_reader_le32(r, "report_size");
    uint32_t request = cl_reader_le32(r, "request_type");
    uint32_t status = cl_reader_le32(r, "status");
    const uint8_t *reserved = cl_reader_bytes(r, 12, "reserved");
    h->hardware = cl_reader_bytes(r, CL_HCL_HARDWARE_SIZE, "hardware report");
    CL_TRY(cl_reader_check(r, "HCL report", err));
    if (memcmp(magic, "HCLA", 4) != 0) {
        return cl_err_at(err, CL_ERR_MALFORMED, 0,
                         "HCL report: signature: expected HCLA, got %02x%02x%02x%02x", magic[0],
                         magic[1], magic[2], magic[3]);
    }
    if (h->version != 1 && h->version != 2) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, 4, "HCL report: version: expected 1 or 2, got %u",
                         (unsigned)h->version);
    }
    if (request != REQUEST_TYPE || status != 0) {
        return cl_err_at(err, CL_ERR_MALFORMED, 12,
                         "HCL report: request_type: expected 2 with status 0, got %u with %u",
                         (unsigned)request, (unsigned)status);
    }
    return need_zeros(reserved, 12, 20, err);
}

static enum cl_status read_request(struct cl_reader *r, struct cl_hcl_report *h, uint32_t size,
                                   struct cl_err *err)
{
    size_t at = r->pos;
    uint32_t data_size = cl_reader_le32(r, "data_size");
    uint32_t version = cl_reader_le32(r, "data version");
    uint32_t type = cl_reader_le32(r, "report_type");
    uint32_t hash_type = cl_reader_le32(r, "hash_type");
    h->runtime_len = cl_reader_le32(r, "variable_data_size");
    h->runtime = cl_reader_bytes(r, h->runtime_len, "variable_data");
    CL_TRY(cl_reader_check(r, "HCL report", err));
    h->hardware_type = (enum cl_hcl_hardware)type;
    h->hash = hash_of(hash_type);
    if (version != 1 || (type != CL_HCL_SNP && type != CL_HCL_TDX) || h->hash == 0) {
        return cl_err_at(err, CL_ERR_UNSUPPORTED, at,
                         "HCL report: request data: expected version 1, type 2 or 4, hash 1 to 3, "
                         "got %u, %u, %u",
                         (unsigned)version, (unsigned)type, (unsigned)hash_type);
    }
    if (data_size != REQUEST_HEAD + h->runtime_len || size != r->pos) {
        return cl_err_at(
            err, CL_ERR_MALFORMED, at, "HCL report: sizes: expected %zu and %zu, got %u and %u",
            REQUEST_HEAD + h->runtime_len, r->pos, (unsigned)data_size, (unsigned)size);
    }
    return CL_OK;
}

enum cl_status cl_hcl_report_parse(const uint8_t *data, size_t len, struct cl_hcl_report *ret_r,
                                   struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(data, len);
    struct cl_hcl_report h = {0};
    uint32_t size = 0;
    if (len > CL_HCL_MAX_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "HCL report: size: expected at most %u bytes, got %zu", CL_HCL_MAX_SIZE,
                          len);
    }
    CL_TRY(read_head(&r, &h, &size, err));
    CL_TRY(read_request(&r, &h, size, err));
    if (h.hardware_type == CL_HCL_TDX) {
        size_t at = (size_t)(h.hardware - data) + CL_HCL_TDREPORT_SIZE;
        CL_TRY(need_zeros(data + at, CL_HCL_HARDWARE_SIZE - CL_HCL_TDREPORT_SIZE, at, err));
    }
    CL_TRY(need_zeros(data + r.pos, len - r.pos, r.pos, err));
    *ret_r = h;
    return CL_OK;
}

enum cl_status cl_hcl_report_binding(const struct cl_hcl_report *r,
                                     const uint8_t report_data[static 64],
                                     uint8_t ret_hash[static 64], bool *ret_bound,
                                     struct cl_err *err)
{
    memset(ret_hash, 0, 64);
    if (EVP_Digest(r->runtime, r->runtime_len, ret_hash, NULL,
                   EVP_get_digestbyname(cl_tpm_alg_name(r->hash)), NULL) != 1) {
        return cl_err_nomem(err, "digest of the runtime data");
    }
    *ret_bound = memcmp(ret_hash, report_data, 64) == 0; /* public values */
    return CL_OK;
}

/* ---- the runtime data ---- */

static enum cl_status take_ak(const json_t *key, struct cl_hcl_claims *c, struct cl_err *err)
{
    const char *kty = NULL, *n = NULL, *e = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf modulus = {0};
    CL_TRY(cl_json_get_string(key, AK_NAME, "kty", &kty, err));
    CL_TRY(cl_json_get_string(key, AK_NAME, "n", &n, err));
    CL_TRY(cl_json_get_string(key, AK_NAME, "e", &e, err));
    if (c->ak != NULL || strcmp(kty, "RSA") != 0 || strcmp(e, "AQAB") != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          AK_NAME ": expected one RSA key with exponent AQAB, got %s",
                          c->ak != NULL ? "another beside it" : "another kind");
    }
    CL_TRY(cl_b64url_decode(&modulus, n, strlen(n), AK_NAME ": n", err));
    return tpm_key_from_rsa(modulus.data, modulus.len, &c->ak, err);
}

static enum cl_status find_ak(const json_t *j, struct cl_hcl_claims *c, struct cl_err *err)
{
    json_t *keys = NULL;
    CL_TRY(cl_json_get_array(j, "runtime data", "keys", &keys, err));
    if (json_array_size(keys) > KEYS_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "runtime data: keys: expected at most %u, got %zu",
                          KEYS_MAX, json_array_size(keys));
    }
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const char *kid = NULL;
        CL_TRY(cl_json_get_string(json_array_get(keys, i), "runtime data", "kid", &kid, err));
        if (strcmp(kid, AK_NAME) == 0) {
            CL_TRY(take_ak(json_array_get(keys, i), c, err));
        }
    }
    if (c->ak == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "runtime data: keys: expected " AK_NAME ", got none of that name");
    }
    return CL_OK;
}

static enum cl_tristate boolean(const json_t *j)
{
    return json_is_true(j) ? CL_YES : json_is_false(j) ? CL_NO : CL_UNKNOWN;
}

static enum cl_status take_user_data(const json_t *j, struct cl_hcl_claims *c, struct cl_err *err)
{
    char digits[2 * CL_HCL_USER_DATA_SIZE + 1];
    const char *hex = NULL;
    if (json_object_get(j, "user-data") == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_string(j, "runtime data", "user-data", &hex, err));
    if (strlen(hex) != sizeof(digits) - 1) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "runtime data: user-data: expected 128 digits, got %zu", strlen(hex));
    }
    for (size_t i = 0; i < sizeof(digits); i++) { /* the paravisor writes capitals */
        digits[i] = hex[i] >= 'A' && hex[i] <= 'F' ? (char)(hex[i] - 'A' + 'a') : hex[i];
    }
    CL_TRY(cl_unhex(c->user_data, sizeof(c->user_data), digits, "runtime data: user-data", err));
    c->has_user_data = true;
    return CL_OK;
}

static void take_configuration(const json_t *j, struct cl_hcl_claims *c)
{
    const json_t *vm = json_object_get(j, "vm-configuration");
    const char *id = json_string_value(json_object_get(vm, "vmUniqueId"));
    c->secure_boot = boolean(json_object_get(vm, "secure-boot"));
    c->tpm_enabled = boolean(json_object_get(vm, "tpm-enabled"));
    if (id != NULL && strlen(id) < sizeof(c->vm_id) &&
        strspn(id, "0123456789abcdefABCDEF-") == strlen(id)) {
        memcpy(c->vm_id, id, strlen(id) + 1);
    }
}

enum cl_status cl_hcl_claims_parse(const uint8_t *json, size_t len, struct cl_hcl_claims *ret_c,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_hcl_claims_done) struct cl_hcl_claims c = {0};
    CL_TRY(cl_json_parse(json, len, "runtime data", &j, err));
    CL_TRY(find_ak(j, &c, err));
    CL_TRY(take_user_data(j, &c, err));
    take_configuration(j, &c);
    *ret_c = c;
    c.ak = NULL; /* moved */
    return CL_OK;
}

void cl_hcl_claims_done(struct cl_hcl_claims *c)
{
    EVP_PKEY_free(c->ak);
    *c = (struct cl_hcl_claims){0};
}
