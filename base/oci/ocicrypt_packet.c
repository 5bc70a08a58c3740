/* SPDX-License-Identifier: Apache-2.0
 * ocicrypt_packet.c - CoCo's annotation packet: private options, wrapped with AES-256-GCM under a
 * key that the broker keeps.
 * Trust: a packet is hostile until the tag was verified; the key id in it is not covered by the
 * tag. Threads: no shared state. Memory: CL_OCICRYPT_MAX_PACKET per packet; plaintext in cl_secret.
 * Spec: coco-guest.md 4.
 */
#include "oci/ocicrypt.h"

#include "base/encode.h"
#include "base/json.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "key packet"

void cl_ocicrypt_packet_done(struct cl_ocicrypt_packet *p)
{
    if (p != NULL) {
        free(p->wrapped);
        *p = (struct cl_ocicrypt_packet){0};
    }
}

static enum cl_status expect_text(const json_t *j, const char *key, const char *want, bool required,
                                  struct cl_err *err)
{
    const char *got = NULL;
    if (!required && json_object_get(j, key) == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_json_get_string(j, WHAT, key, &got, err));
    if (strcmp(got, want) != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, WHAT ": %s: expected %s, got '%.64s'", key, want,
                          got);
    }
    return CL_OK;
}

static enum cl_status get_bytes(const json_t *j, const char *key, const char *field,
                                struct cl_buf *ret, struct cl_err *err)
{
    const char *text = NULL;
    CL_TRY(cl_json_get_string(j, WHAT, key, &text, err));
    return cl_b64_decode(ret, text, strlen(text), field, err);
}

static enum cl_status packet_kid(const json_t *j, struct cl_ocicrypt_packet *p, struct cl_err *err)
{
    const char *kid = NULL;
    char path[CL_OCICRYPT_MAX_PATH];
    CL_TRY(cl_json_get_string(j, WHAT, "kid", &kid, err));
    CL_TRY(cl_ocicrypt_kid_path(kid, path, err));
    if (strlen(kid) >= sizeof(p->kid)) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": kid: expected at most %zu bytes, got %zu",
                          sizeof(p->kid) - 1, strlen(kid));
    }
    memcpy(p->kid, kid, strlen(kid) + 1);
    return CL_OK;
}

static enum cl_status packet_json(const json_t *j, struct cl_ocicrypt_packet *p, struct cl_err *err)
{
    static const char *const keys[] = {
        "kid",      "wrapped_data",      "iv",          "wrap_type", "version",
        "provider", "provider_settings", "annotations", NULL};
    CL_TRY(cl_json_only_keys(j, WHAT, keys, err));
    CL_TRY(expect_text(j, "version", "0.1.0", false, err));
    CL_TRY(expect_text(j, "provider", "kbs", false, err));
    CL_TRY(expect_text(j, "wrap_type", "A256GCM", true, err));
    CL_TRY(packet_kid(j, p, err));
    CL_CLEANUP(cl_buf_done) struct cl_buf iv = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf wrapped = {0};
    CL_TRY(get_bytes(j, "iv", WHAT ": iv", &iv, err));
    if (iv.len != sizeof(p->iv)) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": iv: expected %zu bytes, got %zu",
                          sizeof(p->iv), iv.len);
    }
    memcpy(p->iv, iv.data, iv.len);
    CL_TRY(get_bytes(j, "wrapped_data", WHAT ": wrapped_data", &wrapped, err));
    if (wrapped.len <= CL_OCICRYPT_TAG_SIZE ||
        wrapped.len > CL_OCICRYPT_MAX_OPTS + CL_OCICRYPT_TAG_SIZE) {
        return cl_err_set(
            err, CL_ERR_MALFORMED, WHAT ": wrapped_data: expected %u to %u bytes, got %zu",
            CL_OCICRYPT_TAG_SIZE + 1, CL_OCICRYPT_MAX_OPTS + CL_OCICRYPT_TAG_SIZE, wrapped.len);
    }
    p->wrapped = malloc(wrapped.len);
    if (p->wrapped == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    memcpy(p->wrapped, wrapped.data, wrapped.len);
    p->wrapped_len = wrapped.len;
    return CL_OK;
}

enum cl_status cl_ocicrypt_packet_parse(const uint8_t *json, size_t len,
                                        struct cl_ocicrypt_packet *ret, struct cl_err *err)
{
    if (len > CL_OCICRYPT_MAX_PACKET) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expected at most %u bytes, got %zu",
                          CL_OCICRYPT_MAX_PACKET, len);
    }
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_TRY(cl_json_parse(json, len, WHAT, &j, err));
    if (!json_is_object(j)) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expected an object");
    }
    CL_CLEANUP(cl_ocicrypt_packet_done) struct cl_ocicrypt_packet p = {0};
    CL_TRY(packet_json(j, &p, err));
    *ret = p;
    p.wrapped = NULL; /* moved */
    return CL_OK;
}

enum cl_status cl_ocicrypt_packet_make(const struct cl_ocicrypt_packet *p, struct cl_buf *out,
                                       struct cl_err *err)
{
    char path[CL_OCICRYPT_MAX_PATH];
    CL_TRY(cl_ocicrypt_kid_path(p->kid, path, err)); /* also: no character that JSON must escape */
    CL_TRY(cl_buf_printf(out, err, "{\"kid\":\"%s\",\"wrapped_data\":\"", p->kid));
    CL_TRY(cl_b64_encode(out, p->wrapped, p->wrapped_len, err));
    CL_TRY(cl_buf_append_str(out, "\",\"iv\":\"", err));
    CL_TRY(cl_b64_encode(out, p->iv, sizeof(p->iv), err));
    return cl_buf_append_str(out, "\",\"wrap_type\":\"A256GCM\"}", err);
}

/* --- wrapping -------------------------------------------------------------------------------- */

static void evp_freep(EVP_CIPHER_CTX **c)
{
    EVP_CIPHER_CTX_free(*c);
}

static enum cl_status kek_check(const struct cl_secret *kek, struct cl_err *err)
{
    if (kek->len != 32) {
        return cl_err_set(err, CL_ERR_MALFORMED, "key-encryption key: expected 32 bytes, got %zu",
                          kek->len);
    }
    return CL_OK;
}

enum cl_status cl_ocicrypt_packet_unwrap(const struct cl_ocicrypt_packet *p,
                                         const struct cl_secret *kek, struct cl_secret *ret_json,
                                         struct cl_err *err)
{
    CL_TRY(kek_check(kek, err));
    CL_CLEANUP(evp_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL || p->wrapped_len <= CL_OCICRYPT_TAG_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": wrapped_data: too short");
    }
    int len = (int)(p->wrapped_len - CL_OCICRYPT_TAG_SIZE);
    CL_CLEANUP(cl_secret_done) struct cl_secret json = {0};
    CL_TRY(cl_secret_alloc(&json, (size_t)len, err));
    uint8_t tag[CL_OCICRYPT_TAG_SIZE];
    memcpy(tag, p->wrapped + len, sizeof(tag));
    int n = 0;
    if (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, kek->data, p->iv) != 1 ||
        EVP_DecryptUpdate(ctx, json.data, &n, p->wrapped, len) != 1 || n != len ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) != 1 ||
        EVP_DecryptFinal_ex(ctx, json.data + n, &n) != 1) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          WHAT " '%s': expected data wrapped under this key, got another", p->kid);
    }
    *ret_json = json;
    json = (struct cl_secret){0};
    return CL_OK;
}

enum cl_status cl_ocicrypt_packet_wrap(const char *kid, const struct cl_secret *kek,
                                       const uint8_t *json, size_t json_len,
                                       struct cl_ocicrypt_packet *ret, struct cl_err *err)
{
    char path[CL_OCICRYPT_MAX_PATH];
    CL_TRY(kek_check(kek, err));
    CL_TRY(cl_ocicrypt_kid_path(kid, path, err));
    if (strlen(kid) >= CL_OCICRYPT_MAX_KID || json_len < 1 || json_len > CL_OCICRYPT_MAX_OPTS) {
        return cl_err_set(err, CL_ERR_MALFORMED, WHAT ": expected 1 to %u bytes to wrap, got %zu",
                          CL_OCICRYPT_MAX_OPTS, json_len);
    }
    CL_CLEANUP(cl_ocicrypt_packet_done) struct cl_ocicrypt_packet p = {0};
    memcpy(p.kid, kid, strlen(kid) + 1);
    CL_TRY(cl_random(p.iv, sizeof(p.iv), err));
    p.wrapped = malloc(json_len + CL_OCICRYPT_TAG_SIZE);
    CL_CLEANUP(evp_freep) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (p.wrapped == NULL || ctx == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    p.wrapped_len = json_len + CL_OCICRYPT_TAG_SIZE;
    int n = 0;
    if (EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, kek->data, p.iv) != 1 ||
        EVP_EncryptUpdate(ctx, p.wrapped, &n, json, (int)json_len) != 1 || n != (int)json_len ||
        EVP_EncryptFinal_ex(ctx, p.wrapped + n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CL_OCICRYPT_TAG_SIZE,
                            p.wrapped + json_len) != 1) {
        return cl_err_set(err, CL_ERR_SYS, WHAT ": AES-256-GCM failed");
    }
    *ret = p;
    p.wrapped = NULL;
    return CL_OK;
}

/* --- annotation: packets joined by commas ------------------------------------------------------
 */

void cl_ocicrypt_packets_free(struct cl_ocicrypt_packet *packets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cl_ocicrypt_packet_done(&packets[i]);
    }
    free(packets);
}

static enum cl_status packet_b64(const char *b64, size_t len, struct cl_ocicrypt_packet *ret,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf json = {0};
    CL_TRY(cl_b64_decode(&json, b64, len, WHAT, err));
    return cl_ocicrypt_packet_parse(json.data, json.len, ret, err);
}

enum cl_status cl_ocicrypt_packets_parse(const char *value, struct cl_ocicrypt_packet **ret_packets,
                                         size_t *ret_count, struct cl_err *err)
{
    struct cl_ocicrypt_packet *packets = calloc(CL_OCICRYPT_MAX_PACKETS, sizeof(*packets));
    if (packets == NULL) {
        return cl_err_nomem(err, WHAT);
    }
    size_t count = 0;
    enum cl_status st = CL_OK;
    for (const char *p = value; st == CL_OK && p != NULL;) {
        size_t len = strcspn(p, ",");
        if (count == CL_OCICRYPT_MAX_PACKETS) {
            st = cl_err_set(err, CL_ERR_MALFORMED, WHAT "s: expected at most %u",
                            CL_OCICRYPT_MAX_PACKETS);
            break;
        }
        st = packet_b64(p, len, &packets[count], err);
        count += st == CL_OK ? 1 : 0;
        p = p[len] == ',' ? p + len + 1 : NULL;
    }
    if (st != CL_OK) {
        cl_ocicrypt_packets_free(packets, count);
        return st;
    }
    *ret_packets = packets;
    *ret_count = count;
    return CL_OK;
}
