/* SPDX-License-Identifier: Apache-2.0
 * test_agent_runtime.c - what the running guest measures into RTMR3: the register first, by either
 * interface of the kernel, then the record; a kernel that does not is not believed.
 */
#include "agent/evidence.h"

#include "base/digest.h"
#include "base/encode.h"
#include "base/json.h"
#include "broker_worlds.h"
#include "check_main.h"
#include "cloister/tdx_event_log.h"
#include "tee_kernel.h"

#include <errno.h>
#include <string.h>

struct td {
    struct bw_guest g;
    struct tee_kernel kernel;
    struct agent_evidence evidence;
    struct agent_runtime_log log;
    int error;    /* of extending */
    bool pretend; /* says yes, does nothing */
    unsigned extended;
};

static int extend(void *ctx, unsigned rtmr, const uint8_t digest[48])
{
    struct td *t = ctx;
    uint8_t both[96];
    ck_assert_uint_eq(rtmr, 3);
    t->extended++;
    if (t->error != 0 || t->pretend) {
        return t->error;
    }
    memcpy(both, t->g.rtmr3, 48);
    memcpy(both + 48, digest, 48);
    ck_assert_int_eq(cl_sha384(t->g.rtmr3, both, sizeof(both), NULL), CL_OK);
    return 0;
}

static int tdreport(void *ctx, const uint8_t report_data[64], uint8_t ret_report[1024])
{
    struct td *t = ctx;
    tw_tdreport(bw_td(&t->g, report_data), ret_report);
    return 0;
}

static void quote(void *ctx, const uint8_t report_data[64], struct cl_buf *out, struct cl_buf *aux)
{
    struct td *t = ctx;
    (void)aux;
    (void)bw_td(&t->g, report_data);
    tw_quote_bytes(&t->g.td, out);
}

static void start(struct td *t, bool sysfs)
{
    *t = (struct td){.kernel = {.provider = "tdx_guest\n",
                                .outblob = quote,
                                .tdreport = tdreport,
                                .extend = extend,
                                .sysfs = sysfs,
                                .ctx = t}};
    bw_guest_init(&t->g, BW_TDX, "initdata");
    tee_kernel_start(&t->kernel);
    t->evidence = tee_kernel_evidence(&t->kernel, AGENT_TEE_TDX);
    agent_runtime_log_init(&t->log);
    t->evidence.runtime = &t->log;
}

static void finish(struct td *t)
{
    agent_runtime_log_done(&t->log);
    tee_kernel_stop(&t->kernel);
}

/* The log of the evidence, parsed; it must explain all registers. */
static struct cl_tdx_event_log *evidence_log(struct td *t)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    struct cl_tdx_event_log *log = NULL;
    struct cl_tdx_replay replay;
    struct cl_err err = {0};
    const uint8_t data[64] = {7};
    enum cl_status st = agent_evidence_json(&t->evidence, data, &out, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert_int_eq(cl_json_parse(out.data, out.len, "evidence", &j, NULL), CL_OK);
    const char *text = json_string_value(json_object_get(j, "cc_eventlog"));
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(cl_b64_decode(&raw, text, strlen(text), "log", NULL), CL_OK);
    st = cl_tdx_event_log_parse(raw.data, raw.len, &log, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert_int_eq(cl_tdx_event_log_replay(log, &replay, NULL), CL_OK);
    ck_assert_mem_eq(replay.rtmr[3], t->g.rtmr3, 48);
    return log;
}

static const uint8_t manifest[32] = {0x0c, 0x0c, [31] = 0x0d};
#define TEXT                                                                                       \
    "cloister PullImage "                                                                          \
    "{\"digest\":\"sha256:0c0c00000000000000000000000000000000000000000000000000000000000d\"}"

START_TEST(test_event_is_in_register_and_log)
{
    struct td t;
    uint8_t log[1024], both[96] = {0};
    struct cl_err err = {0};
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *parsed = NULL;
    start(&t, _i == 1);
    size_t len = bw_event_log(&t.g, log, sizeof(log));
    memset(log + len, 0xFF, 32); /* as its area is larger */
    tee_kernel_ccel(&t.kernel, log, len + 32);
    enum cl_status st = agent_runtime_image(&t.log, &t.evidence, manifest, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert_int_eq(agent_runtime_image(&t.log, &t.evidence, manifest, &err), CL_OK);
    parsed = evidence_log(&t);
    size_t n = cl_tdx_event_log_count(parsed);
    ck_assert_uint_eq(n, 6); /* four of the firmware */
    const struct cl_tdx_event *e = cl_tdx_event_log_event(parsed, n - 1);
    ck_assert_uint_eq(e->mr, 4);
    ck_assert_uint_eq(e->type, 6);
    ck_assert_uint_eq(e->data_len, 8 + strlen(TEXT));
    ck_assert_mem_eq(e->data, "LEAA", 4);
    ck_assert_mem_eq(e->data + 8, TEXT, strlen(TEXT));
    ck_assert_int_eq(cl_sha384(both, e->data, e->data_len, NULL), CL_OK);
    ck_assert_mem_eq(both, e->digest, 48);
    ck_assert_uint_eq(t.extended, 2);
    finish(&t);
}
END_TEST

START_TEST(test_a_log_of_the_guests_own_where_there_is_no_other)
{
    struct td t;
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *parsed = NULL;
    start(&t, true);
    ck_assert_int_eq(agent_runtime_image(&t.log, &t.evidence, manifest, NULL), CL_OK);
    parsed = evidence_log(&t);
    ck_assert_uint_eq(cl_tdx_event_log_count(parsed), 1);
    finish(&t);
}
END_TEST

START_TEST(test_nothing_is_recorded_that_was_not_measured)
{
    struct td t;
    struct cl_err err = {0};
    start(&t, _i == 1);
    t.pretend = true;
    ck_assert_int_eq(agent_runtime_image(&t.log, &t.evidence, manifest, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "rtmr3: expected the value of this event, got another");
    t.error = EIO;
    ck_assert_int_eq(agent_runtime_image(&t.log, &t.evidence, manifest, &err), CL_ERR_SYS);
    ck_assert_uint_eq(t.log.count, 0);
    ck_assert_uint_eq(t.log.records.len, 0);
    finish(&t);
}
END_TEST

START_TEST(test_a_kernel_or_class_without_registers)
{
    struct td t;
    struct cl_err err = {0};
    start(&t, false);
    t.error = ENOTTY;
    ck_assert_int_eq(agent_runtime_image(&t.log, &t.evidence, manifest, &err), CL_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.msg, "rtmr3: expected a kernel that extends it"));
    t.error = EINVAL; /* it has the request, and says no */
    ck_assert_int_eq(agent_runtime_image(&t.log, &t.evidence, manifest, &err), CL_ERR_SYS);
    t.evidence.tee = AGENT_TEE_SNP;
    ck_assert_int_eq(agent_runtime_image(&t.log, &t.evidence, manifest, &err), CL_ERR_UNAVAILABLE);
    ck_assert_uint_eq(t.log.count, 0);
    finish(&t);
}
END_TEST

START_TEST(test_the_number_of_events_is_bounded)
{
    struct td t;
    struct cl_err err = {0};
    start(&t, true);
    t.log.count = AGENT_RUNTIME_MAX_EVENTS;
    ck_assert_int_eq(agent_runtime_image(&t.log, &t.evidence, manifest, &err), CL_ERR_REJECTED);
    ck_assert_uint_eq(t.extended, 0);
    finish(&t);
}
END_TEST

/* A log of the firmware's that cannot be read is not cut somewhere. */
START_TEST(test_a_broken_log_is_an_error)
{
    struct td t;
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    const uint8_t data[64] = {7};
    struct cl_err err = {0};
    start(&t, true);
    ck_assert_int_eq(agent_runtime_image(&t.log, &t.evidence, manifest, NULL), CL_OK);
    tee_kernel_ccel(&t.kernel, "nonsense", 8);
    ck_assert_int_eq(agent_evidence_json(&t.evidence, data, &out, &err), CL_ERR_TRUNCATED);
    ck_assert_ptr_nonnull(strstr(err.msg, "event log"));
    finish(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("agent_runtime");
    TCase *t = tcase_create("all");
    tw_init(); /* the keys that are needed: others take long */
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, test_event_is_in_register_and_log, 0, 2);
    tcase_add_test(t, test_a_log_of_the_guests_own_where_there_is_no_other);
    tcase_add_loop_test(t, test_nothing_is_recorded_that_was_not_measured, 0, 2);
    tcase_add_test(t, test_a_kernel_or_class_without_registers);
    tcase_add_test(t, test_the_number_of_events_is_bounded);
    tcase_add_test(t, test_a_broken_log_is_an_error);
    suite_add_tcase(s, t);
    return run_suite(s);
}
