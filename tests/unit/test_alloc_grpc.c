/* SPDX-License-Identifier: Apache-2.0
 * test_alloc_grpc.c - a gRPC call and containerd's messages while memory runs out at every point in
 * turn: an error, nothing half done, and never a crash or a leak.
 */
#include "exchange.h"
#include "failing_alloc.h"
#include "grpc_frames.h"
#include "messages.h"

#include <stdlib.h>

static struct cl_buf reply;
static const char container[] = "\n\x1d\n\2c1\x12\6\n\1k\x12\1v\x1a\3x:1\x32\6native:\2c1";
static const char image[] =
    "\n\x52\n\3x:1\x1a\x4b\x12\x47sha256:"
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\x18\5";
static const char plugins[] =
    "\n\x31\n\x18io.containerd.content.v1\x12\7content*\x0c\n\4root\x12\4/var";

static enum cl_status call(void)
{
    static const struct cl_grpc_call c = {
        .path = "/a.B/C", .message = "x", .len = 1, .max_reply = 1000, .timeout_ms = 1000};
    CL_CLEANUP(grpc_exchange_freep) struct grpc_exchange *x = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf message = {0};
    const uint8_t *out = NULL;
    size_t len = 0;
    unsigned code = 0;
    CL_TRY(grpc_exchange_new(&c, &x, NULL));
    do {
        CL_TRY(grpc_exchange_output(x, &out, &len, NULL));
    } while (len > 0);
    CL_TRY(grpc_exchange_input(x, reply.data, reply.len, NULL));
    return grpc_exchange_result(x, &code, &message, NULL);
}

static enum cl_status read_container(void)
{
    CL_CLEANUP(cl_containerd_container_done) struct cl_containerd_container c = {0};
    return containerd_container_parse(container, sizeof(container) - 1, "c1", &c, NULL);
}

static enum cl_status read_image(void)
{
    uint8_t digest[CL_SHA256_SIZE];
    return containerd_image_parse(image, sizeof(image) - 1, "x:1", digest, NULL);
}

static enum cl_status read_plugins(void)
{
    char *root = NULL;
    enum cl_status st = containerd_plugins_parse(plugins, sizeof(plugins) - 1, &root, NULL);
    free(root);
    return st;
}

START_TEST(test_a_call)
{
    put_good_reply(&reply);
    failing_alloc_each(call, EVERY_ONE_COUNTS, 1);
    cl_buf_done(&reply);
}
END_TEST

START_TEST(test_messages)
{
    failing_alloc_each(read_container, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(read_image, EVERY_ONE_COUNTS, 1);
    failing_alloc_each(read_plugins, EVERY_ONE_COUNTS, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("alloc_grpc");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_a_call);
    tcase_add_test(t, test_messages);
    suite_add_tcase(s, t);
    return run_suite(s);
}
