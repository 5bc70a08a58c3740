/* SPDX-License-Identifier: Apache-2.0
 * fuzz_vmm_status.c - what a VMM that the guest has broken says of itself.
 */
#include "host/status.h"

#undef NDEBUG /* the assertions are the test */
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_event(void *ctx, const struct host_event *e)
{
    (void)ctx;
    assert(memchr(e->name, 0, sizeof(e->name)) != NULL);
    assert(memchr(e->reason, 0, sizeof(e->reason)) != NULL);
    assert(strchr(e->name, '\x1b') == NULL && strchr(e->reason, '\x1b') == NULL);
    assert(e->kind != HOST_EVENT_LAUNCHED || strlen(e->name) == 96);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host_status s = {0};
    host_status_feed(&s, data, size / 2, on_event, NULL);
    host_status_feed(&s, data + size / 2, size - size / 2, on_event, NULL);
    return 0;
}
