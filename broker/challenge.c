/* SPDX-License-Identifier: Apache-2.0
 * challenge.c - cookies and nonces (see challenge.h).
 */
#include "challenge.h"

#include "base/bytes.h"
#include "base/encode.h"

#include <openssl/evp.h>
#include <string.h>

#define MAC_SIZE 32u
#define HEAD_SIZE 5u /* expiry, family */

enum cl_status cl_challenge_init(struct cl_challenge *c, struct cl_err *err)
{
    return cl_secret_random(&c->key, MAC_SIZE, err);
}

void cl_challenge_done(struct cl_challenge *c)
{
    cl_secret_done(&c->key);
}

enum cl_status cl_challenge_cookie(int64_t expires, unsigned family,
                                   char ret[static CL_COOKIE_TEXT_SIZE], struct cl_err *err)
{
    uint8_t cookie[CL_COOKIE_SIZE];
    struct cl_writer w = cl_writer_init(cookie, HEAD_SIZE);
    cl_writer_be32(&w, (uint32_t)expires); /* good until 2106 */
    cl_writer_u8(&w, (uint8_t)family);
    CL_TRY(cl_random(cookie + HEAD_SIZE, sizeof(cookie) - HEAD_SIZE, err));
    cl_hex(ret, cookie, sizeof(cookie));
    return CL_OK;
}

bool cl_challenge_cookie_parse(const char *text, uint8_t ret[static CL_COOKIE_SIZE],
                               int64_t *ret_expires, unsigned *ret_family)
{
    if (strlen(text) != CL_COOKIE_TEXT_SIZE - 1 ||
        cl_unhex(ret, CL_COOKIE_SIZE, text, "cookie", NULL) != CL_OK) {
        return false;
    }
    struct cl_reader r = cl_reader_init(ret, HEAD_SIZE);
    *ret_expires = cl_reader_be32(&r, "expiry");
    *ret_family = cl_reader_u8(&r, "family");
    return true;
}

enum cl_status cl_challenge_nonce(const struct cl_challenge *c, const char *cookie, const char *tee,
                                  enum cl_rcar_version v, char ret[static CL_NONCE_TEXT_SIZE],
                                  struct cl_err *err)
{
    uint8_t mac[MAC_SIZE];
    size_t mac_len = 0;
    CL_CLEANUP(cl_buf_done) struct cl_buf input = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cl_buf_printf(&input, err, "cloister nonce 1\n%s\n%s\n%s\n", cookie, tee,
                         cl_rcar_version_text(v)));
    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, c->key.data, c->key.len, input.data,
                  input.len, mac, sizeof(mac), &mac_len) == NULL ||
        mac_len != sizeof(mac)) {
        return cl_err_set(err, CL_ERR_SYS, "nonce: OpenSSL failed");
    }
    CL_TRY(cl_b64_encode(&text, mac, sizeof(mac), err));
    memcpy(ret, text.data, CL_NONCE_TEXT_SIZE);
    return CL_OK;
}
