/* SPDX-License-Identifier: Apache-2.0
 * fuzz_ocicrypt_packet.c - key packets and ocicrypt's options. What parses is written and parsed
 * again, and is the same.
 */
#include "oci/ocicrypt.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void packet(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_ocicrypt_packet_done) struct cl_ocicrypt_packet p = {0};
    CL_CLEANUP(cl_ocicrypt_packet_done) struct cl_ocicrypt_packet again = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    if (cl_ocicrypt_packet_parse(data, len, &p, NULL) != CL_OK) {
        return;
    }
    if (cl_ocicrypt_packet_make(&p, &out, NULL) != CL_OK ||
        cl_ocicrypt_packet_parse(out.data, out.len, &again, NULL) != CL_OK ||
        again.wrapped_len != p.wrapped_len ||
        memcmp(again.wrapped, p.wrapped, p.wrapped_len) != 0) {
        abort();
    }
}

static void options(const uint8_t *data, size_t len)
{
    CL_CLEANUP(cl_ocicrypt_private_done) struct cl_ocicrypt_private p = {0};
    CL_CLEANUP(cl_ocicrypt_private_done) struct cl_ocicrypt_private again = {0};
    CL_CLEANUP(cl_secret_done) struct cl_secret json = {0};
    if (cl_ocicrypt_private_parse(data, len, &p, NULL) != CL_OK) {
        return;
    }
    if (cl_ocicrypt_private_make(&p, &json, NULL) != CL_OK ||
        cl_ocicrypt_private_parse(json.data, json.len, &again, NULL) != CL_OK ||
        memcmp(again.nonce, p.nonce, sizeof(p.nonce)) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct cl_ocicrypt_packet *packets = NULL;
    struct cl_ocicrypt_public pub;
    size_t count = 0;
    packet(data, len);
    options(data, len);
    char *text = malloc(len + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, len);
    text[len] = '\0';
    if (cl_ocicrypt_packets_parse(text, &packets, &count, NULL) == CL_OK) {
        cl_ocicrypt_packets_free(packets, count);
    }
    (void)!cl_ocicrypt_public_parse(text, &pub, NULL);
    free(text);
    return 0;
}
