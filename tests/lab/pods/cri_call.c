/* SPDX-License-Identifier: Apache-2.0
 * cri_call.c - one unary gRPC call, carried by libcurl.
 * Trust: test tooling; the server is the containerd of the test. Sizes are bounded all the same.
 */
#include "cri_call.h"

#include "base/bytes.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX (16u << 20) /* bytes; containerd's own limit of a message */
#define PREFIX_SIZE 5u       /* of a message: compressed or not, length */

struct answer {
    struct cl_buf body;
    long status; /* grpc-status; -1 until it came */
    char message[512];
};

static void curl_freep(CURL **c)
{
    curl_easy_cleanup(*c);
}
static void list_freep(struct curl_slist **l)
{
    curl_slist_free_all(*l);
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct answer *a = context;
    size_t n = size * count;
    if (n > BODY_MAX - a->body.len || cl_buf_append(&a->body, data, n, /* err= */ NULL) != CL_OK) {
        return 0;
    }
    return n;
}

/* Headers and trailers; a message is percent-encoded, which we leave as it is. */
static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct answer *a = context;
    size_t n = size * count;
    char line[512];
    size_t len = n < sizeof(line) - 1 ? n : sizeof(line) - 1;
    memcpy(line, data, len);
    line[len] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, "grpc-status: ", 13) == 0) {
        a->status = strtol(line + 13, /* endptr= */ NULL, 10);
    } else if (strncmp(line, "grpc-message: ", 14) == 0) {
        (void)snprintf(a->message, sizeof(a->message), "%s", line + 14);
    }
    return n;
}

static enum cl_status set_headers(struct curl_slist **headers, unsigned timeout_s,
                                  struct cl_err *err)
{
    char timeout[48];
    (void)snprintf(timeout, sizeof(timeout), "grpc-timeout: %uS", timeout_s);
    const char *const lines[] = {"content-type: application/grpc", "te: trailers", timeout};
    for (size_t i = 0; i < CL_ARRAY_LEN(lines); i++) {
        struct curl_slist *longer = curl_slist_append(*headers, lines[i]);
        if (longer == NULL) {
            return cl_err_nomem(err, "headers");
        }
        *headers = longer;
    }
    return CL_OK;
}

static enum cl_status frame(const struct cl_buf *message, struct cl_buf *ret_body,
                            struct cl_err *err)
{
    uint8_t prefix[PREFIX_SIZE] = {0};
    for (unsigned i = 0; i < 4; i++) {
        prefix[1 + i] = (uint8_t)(message->len >> (8 * (3 - i)));
    }
    CL_TRY(cl_buf_append(ret_body, prefix, sizeof(prefix), err));
    return cl_buf_append(ret_body, message->data, message->len, err);
}

static enum cl_status unframe(const struct answer *a, struct cl_buf *ret_message,
                              struct cl_err *err)
{
    if (a->status != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "code %ld: %s", a->status, a->message);
    }
    struct cl_reader r = cl_reader_init(a->body.data, a->body.len);
    uint8_t compressed = cl_reader_u8(&r, "compressed");
    uint32_t len = cl_reader_be32(&r, "length");
    const uint8_t *data = cl_reader_bytes(&r, len, "message");
    CL_TRY(cl_reader_finish(&r, "response", err));
    if (compressed != 0) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "response: expected it uncompressed");
    }
    return cl_buf_append(ret_message, data, len, err);
}

enum cl_status cri_call(const char *socket, const char *method, const struct cl_buf *message,
                        unsigned timeout_s, struct cl_buf *ret_message, struct cl_err *err)
{
    CL_CLEANUP(curl_freep) CURL *c = curl_easy_init();
    CL_CLEANUP(list_freep) struct curl_slist *headers = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf body = {0};
    char url[256];
    (void)snprintf(url, sizeof(url), "http://localhost/%s", method);
    if (c == NULL) {
        return cl_err_nomem(err, "call");
    }
    CL_TRY(set_headers(&headers, timeout_s, err));
    CL_TRY(frame(message, &body, err));
    struct answer a = {.status = -1};
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)timeout_s + 5);
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)body.len);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, (const char *)body.data);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &a);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, &a);
    CURLcode rc = curl_easy_perform(c);
    enum cl_status st = rc == CURLE_OK ? unframe(&a, ret_message, err)
                                       : cl_err_set(err, CL_ERR_UNAVAILABLE, "socket '%s': %s",
                                                    socket, curl_easy_strerror(rc));
    cl_buf_done(&a.body);
    return st;
}
