/* SPDX-License-Identifier: Apache-2.0
 * failures.c - see failures.h.
 */
#include "failures.h"

#include <errno.h>
#include <stdio.h>

static const struct {
    enum model_call call;
    int error;
    const char *name;
} failures[] = {{MODEL_CALL_IOCTL, ENOMEM, "ioctl"},
                {MODEL_CALL_IOCTL, EIO, "ioctl"},
                {MODEL_CALL_ALLOC, ENOMEM, "allocation"},
                {MODEL_CALL_MMAP, ENOMEM, "mmap"},
                {MODEL_CALL_OPEN, EMFILE, "open"}};
const unsigned failure_count = CL_ARRAY_LEN(failures);

/* False: there was no nth call. */
static bool fails_at(struct world *w, unsigned kind, unsigned n)
{
    enum model_call call = failures[kind].call;
    w->cfg.cpu_count = 2;
    model_fail_nth(w->model, call, n, failures[kind].error);
    unsigned before = model_calls(w->model, call);
    enum cl_status st = world_launch(w);
    bool reached = model_calls(w->model, call) - before >= n;
    ck_assert_msg(st == CL_OK || reached, "%s", w->err.msg);
    if (st == CL_OK) { /* not reached, or a question about something that may be absent */
        uint8_t digest[48];
        world_one_digest(w, digest);
    }
    ck_assert(st == CL_OK || w->err.msg[0] != '\0');
    return reached;
}

void failures_try(struct world *w, unsigned kind, void (*init)(void), void (*done)(void))
{
    unsigned n = 0;
    bool reached = true;
    while (reached) {
        init();
        reached = fails_at(w, kind, ++n);
        done();
    }
    printf("%s: %u places\n", failures[kind].name, n - 1);
    ck_assert_uint_ge(n, 2);
}
