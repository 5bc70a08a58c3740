/* SPDX-License-Identifier: Apache-2.0
 * test_alloc_snapshotter.c - calls to the snapshotter through the gRPC server while memory runs out
 * at every point in turn: another answer, or none, and never a crash or a leak.
 */
#include "conn.h"
#include "failing_alloc.h"
#include "grpc_frames.h"
#include "service.h"

#include <nghttp2/nghttp2.h>

#define CHAIN "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define REF "containerd.io/snapshot.ref"

/* Field 2 of every request: a key, or a filter. */
static const struct {
    const char *path, *key;
} calls[] = {{SNAP_SERVICE "Prepare", "k8s.io/7/c1"},
             {SNAP_SERVICE "Stat", CHAIN},
             {SNAP_SERVICE "List", "labels.\"" REF "\"==" CHAIN ",parent==\"\""}};

static struct cl_buf requests[CL_ARRAY_LEN(calls)];
static size_t wanted[CL_ARRAY_LEN(calls)];

static void make_request(size_t i)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf message = {0};
    const uint8_t len = (uint8_t)strlen(calls[i].key);
    const char *const headers[] = {
        ":authority",  "localhost",    ":method",          "POST", ":scheme", "http", ":path",
        calls[i].path, "content-type", "application/grpc", NULL};
    ck_assert_uint_lt(len, 128);
    put_bytes(&message, (const uint8_t[]){0, 0, 0, 0, (uint8_t)(len + 2), 0x12, len}, 7);
    put_bytes(&message, calls[i].key, len);
    put_bytes(&requests[i], NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    put_frame(&requests[i], H2_SETTINGS, 0, 0, NULL, 0);
    put_headers(&requests[i], 0, headers);
    put_frame(&requests[i], H2_DATA, H2_END_STREAM, 1, message.data, message.len);
}

/* Bytes of the messages that the server answers; 0: none. */
static size_t answered(size_t i)
{
    static const struct cl_grpc_service service = {.call = snap_call};
    CL_CLEANUP(grpc_conn_freep) struct grpc_conn *c = NULL;
    const uint8_t *out = NULL;
    size_t len = 0, pending = 4096, got = 0;
    if (grpc_conn_new(&service, &pending, &c, NULL) != CL_OK ||
        grpc_conn_input(c, requests[i].data, requests[i].len, 0, NULL) != CL_OK) {
        return 0;
    }
    while (grpc_conn_output(c, &out, &len, NULL) == CL_OK && len > 0) {
        got += len > 9 && out[3] == H2_DATA ? len - 9 : 0;
    }
    return got;
}

static enum cl_status ask(size_t i)
{
    return answered(i) == wanted[i] ? CL_OK : CL_ERR_NOMEM;
}

static enum cl_status prepare(void)
{
    return ask(0);
}

static enum cl_status stat_one(void)
{
    return ask(1);
}

static enum cl_status list(void)
{
    return ask(2);
}

START_TEST(test_calls)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(calls); i++) {
        make_request(i);
        wanted[i] = answered(i);
        ck_assert_uint_gt(wanted[i], 50);
    }
    failing_alloc_each(prepare, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(stat_one, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(list, EVERY_ONE_COUNTS, 1);
    for (size_t i = 0; i < CL_ARRAY_LEN(calls); i++) {
        cl_buf_done(&requests[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("alloc_snapshotter");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_calls);
    suite_add_tcase(s, t);
    failing_alloc_init();
    return run_suite(s);
}
