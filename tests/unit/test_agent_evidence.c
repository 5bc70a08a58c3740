/* SPDX-License-Identifier: Apache-2.0
 * test_agent_evidence.c - what the agent makes of a hostile host's answers: everything that is not
 * the answer to its question, of its class and well formed, is an error, and initdata's field comes
 * from the processor alone.
 */
#include "agent/evidence.h"

#include "base/bytes.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "broker_worlds.h"
#include "check_main.h"
#include "cloister/snp_evidence.h"
#include "cloister/tdx_evidence.h"
#include "tee_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a guest whose host may lie ---- */

static const char initdata[] = "initdata";

struct lies { /* zeroed: none */
    struct bw_guest g;
    bool stale;               /* over other data */
    size_t cut;               /* bytes that are missing at the end */
    size_t more;              /* bytes too many */
    const struct cl_buf *aux; /* instead of the certificates */
    bool no_certs;
    uint32_t status, size; /* of MSG_REPORT_RSP; size 0: right */
    int error;             /* of the device */
    size_t flip;           /* bit of the answer; 0: none */
    bool other_td;         /* the quote is of another TD */
    bool stale_td;         /* the TDREPORT is over other data */
};

static void asked_for(const struct lies *l, const uint8_t report_data[64], uint8_t ret[64])
{
    memcpy(ret, report_data, 64);
    ret[63] ^= l->stale ? 1 : 0;
}

static void distort(const struct lies *l, struct cl_buf *out)
{
    out->len -= l->cut;
    for (size_t i = 0; i < l->more; i++) {
        ck_assert_int_eq(cl_buf_append(out, "\xA5", 1, NULL), CL_OK);
    }
    if (l->flip > 0) {
        out->data[l->flip / 8] ^= (uint8_t)(1u << l->flip % 8);
    }
}

static void put_certs(const struct lies *l, const struct cl_snp_evidence *ev, struct cl_buf *aux)
{
    if (l->aux != NULL) {
        ck_assert_int_eq(cl_buf_append(aux, l->aux->data, l->aux->len, NULL), CL_OK);
    } else if (!l->no_certs) {
        ck_assert_int_eq(cl_snp_evidence_table(ev, aux, NULL), CL_OK);
    }
}

static void snp_outblob(void *ctx, const uint8_t report_data[64], struct cl_buf *out,
                        struct cl_buf *aux)
{
    struct lies *l = ctx;
    uint8_t data[64], raw[CL_SNP_REPORT_SIZE];
    asked_for(l, report_data, data);
    struct cl_snp_evidence *ev = bw_snp(&l->g, data, raw);
    ck_assert_int_eq(cl_buf_append(out, raw, sizeof(raw), NULL), CL_OK);
    put_certs(l, ev, aux);
    cl_snp_evidence_free(ev);
    distort(l, out);
}

static int snp_device(void *ctx, const uint8_t report_data[64], uint8_t ret_answer[4000],
                      struct cl_buf *certs)
{
    struct lies *l = ctx;
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    struct cl_writer w = cl_writer_init(ret_answer, 4000);
    if (l->error != 0) {
        return l->error;
    }
    snp_outblob(ctx, report_data, &report, certs);
    cl_writer_le32(&w, l->status);
    cl_writer_le32(&w, l->size != 0 ? l->size : CL_SNP_REPORT_SIZE);
    cl_writer_zero(&w, 24);
    cl_writer_bytes(&w, report.data, report.len);
    ck_assert(!w.overflow);
    return 0;
}

static void tdx_outblob(void *ctx, const uint8_t report_data[64], struct cl_buf *out,
                        struct cl_buf *aux)
{
    struct lies *l = ctx;
    uint8_t data[64];
    (void)aux;
    asked_for(l, report_data, data);
    (void)bw_td(&l->g, data);
    struct tw of = l->g.td;
    of.td.mrconfigid[0] ^= l->other_td ? 1 : 0;
    tw_quote_bytes(&of, out);
    distort(l, out);
}

static int td_device(void *ctx, const uint8_t report_data[64], uint8_t ret_report[1024])
{
    struct lies *l = ctx;
    uint8_t data[64];
    if (l->error != 0) {
        return l->error;
    }
    memcpy(data, report_data, sizeof(data));
    data[0] ^= l->stale_td ? 1 : 0;
    tw_tdreport(bw_td(&l->g, data), ret_report);
    return 0;
}

static struct tee_kernel snp_kernel(struct lies *l)
{
    bw_guest_init(&l->g, BW_SNP, initdata);
    return (struct tee_kernel){.provider = "sev_guest\n", .outblob = snp_outblob, .ctx = l};
}

static struct tee_kernel tdx_kernel(struct lies *l)
{
    bw_guest_init(&l->g, BW_TDX, initdata);
    return (struct tee_kernel){
        .provider = "tdx_guest\n", .outblob = tdx_outblob, .tdreport = td_device, .ctx = l};
}

static uint8_t question[64];

static enum cl_status ask(const struct tee_kernel *k, enum agent_tee tee, struct cl_buf *out,
                          struct cl_err *err)
{
    struct agent_evidence e = tee_kernel_evidence(k, tee);
    memset(question, 0xDA, sizeof(question));
    tee_kernel_settle();
    enum cl_status st = agent_evidence_json(&e, question, out, err);
    tee_kernel_settle();
    return st;
}

static void refuse(const struct tee_kernel *k, enum agent_tee tee, enum cl_status want,
                   const char *words)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    struct cl_err err = {0};
    enum cl_status st = ask(k, tee, &out, &err);
    ck_assert_msg(st == want && strstr(err.msg, words) != NULL, "expected %s %s, got %s %s",
                  cl_status_name(want), words, cl_status_name(st), err.msg);
    ck_assert_uint_eq(out.len, 0);
}

static size_t field_of(const struct tee_kernel *k, enum agent_tee tee, uint8_t ret[48])
{
    struct agent_evidence e = tee_kernel_evidence(k, tee);
    struct cl_err err = {0};
    size_t size = 0;
    enum cl_status st = agent_evidence_launch_field(&e, ret, &size, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    return size;
}

/* ---- SEV-SNP ---- */

static void expect_snp(const struct tee_kernel *k, const struct lies *l, size_t certs)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = NULL;
    struct cl_err err = {0};
    enum cl_status st = ask(k, AGENT_TEE_SNP, &out, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert_int_eq(cl_snp_evidence_from_json_text(out.data, out.len, &ev, NULL), CL_OK);
    const struct cl_snp_report *r = cl_snp_evidence_report(ev);
    ck_assert_mem_eq(r->report_data, question, 64);
    ck_assert_mem_eq(r->measurement, l->g.report.measurement, 48);
    ck_assert_uint_eq(cl_snp_evidence_cert_count(ev), certs);
}

START_TEST(test_snp_report_with_and_without_certificates)
{
    struct lies l = {0};
    struct tee_kernel k = snp_kernel(&l);
    uint8_t field[48];
    tee_kernel_start(&k);
    expect_snp(&k, &l, 3);
    ck_assert_uint_eq(field_of(&k, AGENT_TEE_SNP, field), 32);
    ck_assert_mem_eq(field, l.g.initdata, 32);
    tee_kernel_stop(&k);
    struct lies none = {.no_certs = true};
    struct tee_kernel k2 = snp_kernel(&none);
    tee_kernel_start(&k2);
    expect_snp(&k2, &none, 0);
    tee_kernel_stop(&k2);
}
END_TEST

/* A kernel before Linux 6.7. */
START_TEST(test_snp_device_where_there_is_no_configfs)
{
    struct lies l = {0};
    struct tee_kernel k = snp_kernel(&l);
    uint8_t field[48];
    k.provider = NULL;
    k.ext_report = snp_device;
    tee_kernel_start(&k);
    expect_snp(&k, &l, 3);
    ck_assert_uint_eq(field_of(&k, AGENT_TEE_SNP, field), 32);
    l.stale = true;
    refuse(&k, AGENT_TEE_SNP, CL_ERR_REJECTED, "report: report_data: expected what was asked for");
    l.stale = false;
    l.status = 0x16;
    refuse(&k, AGENT_TEE_SNP, CL_ERR_UNAVAILABLE, "expected status 0 and 1184 bytes, got 22");
    l.status = 0;
    l.size = 1183;
    refuse(&k, AGENT_TEE_SNP, CL_ERR_UNAVAILABLE, "got 0 and 1183");
    l.size = 0;
    l.error = EIO;
    refuse(&k, AGENT_TEE_SNP, CL_ERR_SYS, "sev-guest: report");
    k.ext_report = NULL;
    refuse(&k, AGENT_TEE_SNP, CL_ERR_SYS, "/nonexistent");
    tee_kernel_stop(&k);
}
END_TEST

START_TEST(test_snp_answer_to_another_question)
{
    struct lies l = {.stale = true};
    struct tee_kernel k = snp_kernel(&l);
    struct cl_err err = {0};
    uint8_t field[48];
    size_t size = 0;
    tee_kernel_start(&k);
    refuse(&k, AGENT_TEE_SNP, CL_ERR_REJECTED, "report: report_data: expected what was asked for");
    struct agent_evidence e = tee_kernel_evidence(&k, AGENT_TEE_SNP);
    ck_assert_int_eq(agent_evidence_launch_field(&e, field, &size, &err), CL_ERR_REJECTED);
    ck_assert_uint_eq(size, 0);
    tee_kernel_stop(&k);
}
END_TEST

START_TEST(test_snp_report_of_another_length)
{
    for (size_t cut = 1; cut <= CL_SNP_REPORT_SIZE; cut += cut < 40 ? 13 : 229) {
        struct lies l = {.cut = cut};
        struct tee_kernel k = snp_kernel(&l);
        tee_kernel_start(&k);
        refuse(&k, AGENT_TEE_SNP, CL_ERR_TRUNCATED, "report");
        tee_kernel_stop(&k);
    }
    struct lies l = {.more = 1};
    struct tee_kernel k = snp_kernel(&l);
    tee_kernel_start(&k);
    refuse(&k, AGENT_TEE_SNP, CL_ERR_MALFORMED, "report");
    tee_kernel_stop(&k);
}
END_TEST

START_TEST(test_generation_of_another_writer)
{
    struct lies l = {0};
    struct tee_kernel k = snp_kernel(&l);
    k.races = 3;
    tee_kernel_start(&k);
    expect_snp(&k, &l, 3);
    ck_assert_uint_eq(atomic_load(&k.readings), 4); /* asked again each time */
    k.races = 100;
    refuse(&k, AGENT_TEE_SNP, CL_ERR_UNAVAILABLE, "another writer's in each of 5 tries");
    tee_kernel_stop(&k);
}
END_TEST

/* ---- the certificate table, which is the host's own ---- */

struct entry {
    uint32_t offset, size;
};

/* Entries of some unknown kind; without an end unless asked for; then `rest` bytes. */
static void table(struct cl_buf *out, const struct entry *e, size_t n, bool end, size_t rest)
{
    static const uint8_t zero[64];
    uint8_t head[24];
    for (size_t i = 0; i < n; i++) {
        struct cl_writer w = cl_writer_init(head, sizeof(head));
        cl_writer_bytes(&w, "GUID of nobody..", 16);
        cl_writer_le32(&w, e[i].offset);
        cl_writer_le32(&w, e[i].size);
        ck_assert_int_eq(cl_buf_append(out, head, sizeof(head), NULL), CL_OK);
    }
    if (end) {
        ck_assert_int_eq(cl_buf_append(out, zero, 24, NULL), CL_OK);
    }
    for (size_t i = 0; i < rest; i++) {
        ck_assert_int_eq(cl_buf_append(out, "\x30", 1, NULL), CL_OK);
    }
}

static void refuse_table(struct cl_buf *t, enum cl_status want, const char *words)
{
    struct lies l = {.aux = t};
    struct tee_kernel k = snp_kernel(&l);
    tee_kernel_start(&k);
    refuse(&k, AGENT_TEE_SNP, want, words);
    tee_kernel_stop(&k);
    cl_buf_reset(t);
}

START_TEST(test_certificate_table_malformed)
{
    static const struct {
        struct entry e;
        const char *words;
    } cases[] = {
        {{48, 101}, "entry 0: expected to end by byte 148, got bytes 48 to 149"},
        {{149, 0}, "entry 0: expected to end by byte 148"},
        {{0xFFFFFFFF, 2}, "entry 0: expected to end by byte 148"},
        {{48, 0xFFFFFFFF}, "entry 0: expected to end by byte 148"},
        {{0xFFFFFFFF, 0xFFFFFFFF}, "got bytes 4294967295 to 8589934590"},
    };
    CL_CLEANUP(cl_buf_done) struct cl_buf t = {0};
    const struct entry one = {48, 100};
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        table(&t, &cases[i].e, 1, true, 100);
        refuse_table(&t, CL_ERR_TRUNCATED, cases[i].words);
    }
    for (size_t cut = 1; cut < 48; cut += 5) { /* no end, and half of one */
        table(&t, &one, 1, true, 0);
        t.len -= cut;
        refuse_table(&t, CL_ERR_TRUNCATED, "certificate table");
    }
    const struct entry large = {48, CL_SNP_CERT_MAX_SIZE + 1};
    table(&t, &large, 1, true, CL_SNP_CERT_MAX_SIZE + 1);
    refuse_table(&t, CL_ERR_MALFORMED, "certificate table");
    struct entry many[CL_SNP_CERTS_MAX + 1];
    for (size_t i = 0; i < CL_ARRAY_LEN(many); i++) {
        many[i] = (struct entry){0, 24};
    }
    table(&t, many, CL_ARRAY_LEN(many), true, 0);
    refuse_table(&t, CL_ERR_MALFORMED, "certificate table");
    table(&t, &one, 1, true, CL_SNP_CERT_TABLE_MAX_SIZE);
    refuse_table(&t, CL_ERR_MALFORMED, "at most");
}
END_TEST

/* ---- TDX ---- */

static void expect_tdx(const struct tee_kernel *k, const void *log, size_t log_len)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf got = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_tdx_evidence_done) struct cl_tdx_evidence ev = {0};
    struct cl_err err = {0};
    enum cl_status st = ask(k, AGENT_TEE_TDX, &out, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert_int_eq(cl_json_parse(out.data, out.len, "evidence", &j, NULL), CL_OK);
    ck_assert_int_eq(cl_tdx_evidence_from_json(j, &ev, NULL), CL_OK);
    ck_assert_mem_eq(cl_tdx_quote_td(ev.quote)->report_data, question, 64);
    const char *text = json_string_value(json_object_get(j, "cc_eventlog"));
    if (log == NULL) {
        ck_assert_ptr_null(text);
        return;
    }
    ck_assert_int_eq(cl_b64_decode(&got, text, strlen(text), "log", NULL), CL_OK);
    ck_assert_uint_eq(got.len, log_len);
    ck_assert_mem_eq(got.data, log, log_len);
}

START_TEST(test_tdx_quote_with_and_without_a_log)
{
    struct lies l = {0};
    struct tee_kernel k = tdx_kernel(&l);
    uint8_t field[48], want[48] = {0}, log[1024];
    tee_kernel_start(&k);
    expect_tdx(&k, NULL, 0);
    size_t len = bw_event_log(&l.g, log, sizeof(log));
    tee_kernel_ccel(&k, log, len);
    expect_tdx(&k, log, len);
    ck_assert_uint_eq(field_of(&k, AGENT_TEE_TDX, field), 48);
    memcpy(want, l.g.initdata, 32); /* and zeros behind it */
    ck_assert_mem_eq(field, want, 48);
    tee_kernel_stop(&k);
}
END_TEST

/* The host makes quotes, and may make one of any TD that it has. */
START_TEST(test_tdx_quote_of_another_td)
{
    struct lies l = {.other_td = true};
    struct tee_kernel k = tdx_kernel(&l);
    uint8_t field[48];
    tee_kernel_start(&k);
    refuse(&k, AGENT_TEE_TDX, CL_ERR_REJECTED, "quote: TD: expected this one");
    ck_assert_uint_eq(field_of(&k, AGENT_TEE_TDX, field), 48);
    ck_assert_mem_eq(field, l.g.td.td.mrconfigid, 48); /* the processor's, whatever quotes say */
    tee_kernel_stop(&k);
}
END_TEST

START_TEST(test_tdx_answers_that_are_none)
{
    struct lies l = {.stale = true};
    struct tee_kernel k = tdx_kernel(&l);
    tee_kernel_start(&k);
    refuse(&k, AGENT_TEE_TDX, CL_ERR_REJECTED, "quote: report_data: expected what was asked for");
    l.stale = false;
    l.stale_td = true;
    refuse(&k, AGENT_TEE_TDX, CL_ERR_MALFORMED, "tdx_guest: report_data");
    l.stale_td = false;
    l.error = EIO;
    refuse(&k, AGENT_TEE_TDX, CL_ERR_SYS, "tdx_guest: report");
    l.error = 0;
    k.races = 100;
    refuse(&k, AGENT_TEE_TDX, CL_ERR_UNAVAILABLE, "another writer's");
    tee_kernel_stop(&k);
}
END_TEST

/* Whatever length the host says, and whatever length the quote says of its own parts. */
START_TEST(test_tdx_quote_length_lied_about)
{
    struct lies l = {0};
    struct tee_kernel k = tdx_kernel(&l);
    CL_CLEANUP(cl_buf_done) struct cl_buf whole = {0};
    tee_kernel_start(&k);
    tw_quote_bytes(&l.g.td, &whole);
    for (l.cut = 1; l.cut < whole.len; l.cut += l.cut < 20 ? 7 : 701) {
        refuse(&k, AGENT_TEE_TDX, CL_ERR_TRUNCATED, "quote");
    }
    l.cut = whole.len;
    refuse(&k, AGENT_TEE_TDX, CL_ERR_TRUNCATED, "quote");
    l.cut = 0;
    for (unsigned bit = 8; bit < 32; bit += 3) { /* the length of the signature data */
        l.flip = (size_t)(48 + 584) * 8 + bit;
        CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
        struct cl_err err = {0};
        enum cl_status st = ask(&k, AGENT_TEE_TDX, &out, &err);
        ck_assert_msg(st == CL_ERR_TRUNCATED || st == CL_ERR_MALFORMED, "bit %u: %s", bit, err.msg);
    }
    l.flip = 0;
    l.more = CL_TDX_QUOTE_MAX_SIZE;
    refuse(&k, AGENT_TEE_TDX, CL_ERR_MALFORMED, "quote");
    l.more = CL_GATHER_MAX_BLOB;
    refuse(&k, AGENT_TEE_TDX, CL_ERR_MALFORMED, "at most 1048576");
    tee_kernel_stop(&k);
}
END_TEST

START_TEST(test_event_log_that_is_too_large)
{
    struct lies l = {0};
    struct tee_kernel k = tdx_kernel(&l);
    static uint8_t log[CL_TDX_EVENT_LOG_MAX_SIZE + 1];
    tee_kernel_start(&k);
    tee_kernel_ccel(&k, log, sizeof(log));
    refuse(&k, AGENT_TEE_TDX, CL_ERR_MALFORMED, "at most 1048576");
    tee_kernel_stop(&k);
}
END_TEST

/* ---- classes ---- */

START_TEST(test_evidence_of_another_class)
{
    struct lies l = {0}, l2 = {0};
    struct tee_kernel snp = snp_kernel(&l), tdx = tdx_kernel(&l2);
    tee_kernel_start(&snp);
    refuse(&snp, AGENT_TEE_TDX, CL_ERR_REJECTED, "provider: expected tdx_guest, got 'sev_guest'");
    refuse(&snp, AGENT_TEE_NONE, CL_ERR_REJECTED, "evidence: class: expected snp, tdx or sim");
    tee_kernel_stop(&snp);
    tee_kernel_start(&tdx);
    refuse(&tdx, AGENT_TEE_SNP, CL_ERR_REJECTED, "provider: expected sev_guest, got 'tdx_guest'");
    tee_kernel_stop(&tdx);
    ck_assert_str_eq(agent_evidence_form(AGENT_TEE_SNP), "snp");
    ck_assert_str_eq(agent_evidence_form(AGENT_TEE_SIM), "snp");
    ck_assert_str_eq(agent_evidence_form(AGENT_TEE_TDX), "tdx");
}
END_TEST

/* ---- the simulated processor ---- */

struct sim { /* what is sent, before it is asked */
    uint32_t op, len, status, report_len, certs_len;
    size_t cut, more;
    struct bw_guest g;
};

static enum cl_status dial(void *ctx, int *ret_fd, struct cl_err *err)
{
    struct sim *s = ctx;
    CL_CLEANUP(cl_buf_done) struct cl_buf answer = {0};
    uint8_t head[20], raw[CL_SNP_REPORT_SIZE];
    int fds[2];
    (void)err;
    memset(question, 0xDA, sizeof(question));
    struct cl_snp_evidence *ev = bw_snp(&s->g, question, raw);
    cl_snp_evidence_free(ev);
    struct cl_writer w = cl_writer_init(head, sizeof(head));
    cl_writer_le32(&w, s->op);
    cl_writer_le32(&w, s->len);
    cl_writer_le32(&w, s->status);
    cl_writer_le32(&w, s->report_len);
    cl_writer_le32(&w, s->certs_len);
    ck_assert_int_eq(cl_buf_append(&answer, head, sizeof(head), NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append(&answer, raw, sizeof(raw), NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append(&answer, "certs", s->more, NULL), CL_OK);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(cl_write_all(fds[1], answer.data, answer.len - s->cut, "answer", NULL), CL_OK);
    ck_assert_int_eq(shutdown(fds[1], SHUT_WR), 0); /* stays open for the question */
    *ret_fd = fds[0];
    return CL_OK;
}

START_TEST(test_simulated_processor_that_lies)
{
    const struct sim good = {.op = 16, .len = 12 + 1184, .report_len = 1184};
    const struct {
        struct sim s;
        enum cl_status status;
        const char *words;
    } cases[] = {
        {good, CL_OK, ""},
        {{.op = 17, .len = 1196, .report_len = 1184}, CL_ERR_MALFORMED, "got op 17"},
        {{.op = 16, .len = (1u << 20) + 1, .report_len = 1184}, CL_ERR_MALFORMED, "1048577 bytes"},
        {{.op = 16, .len = 1197, .report_len = 1184}, CL_ERR_TRUNCATED, "report answer"},
        {{.op = 16, .len = 1196, .report_len = 1184, .cut = 1}, CL_ERR_TRUNCATED, "report answer"},
        {{.op = 16, .len = 11, .report_len = 1184}, CL_ERR_TRUNCATED, "report answer"},
        {{.op = 16, .len = 1196, .status = 7, .report_len = 1184},
         CL_ERR_UNAVAILABLE,
         "status: expected 0, got 7"},
        {{.op = 16, .len = 1196, .report_len = 1185}, CL_ERR_TRUNCATED, "report answer"},
        {{.op = 16, .len = 1196, .report_len = 0xFFFFFFFF}, CL_ERR_TRUNCATED, "report answer"},
        {{.op = 16, .len = 1196, .report_len = 1184, .certs_len = 1}, CL_ERR_TRUNCATED, "certs"},
        {{.op = 16, .len = 1196, .report_len = 1183, .certs_len = 1}, CL_ERR_TRUNCATED, "report"},
        {{.op = 16, .len = 1196, .report_len = 1183}, CL_ERR_MALFORMED, "report answer"},
        {{.op = 16, .len = 1201, .report_len = 1184, .certs_len = 5, .more = 5},
         CL_ERR_TRUNCATED,
         "certificate table"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        struct sim s = cases[i].s;
        struct agent_evidence e = {.tee = AGENT_TEE_SIM, .dial_sim = dial, .ctx = &s};
        CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
        struct cl_err err = {0};
        bw_guest_init(&s.g, BW_SNP, initdata);
        memset(question, 0xDA, sizeof(question));
        enum cl_status st = agent_evidence_json(&e, question, &out, &err);
        ck_assert_msg(st == cases[i].status && strstr(err.msg, cases[i].words) != NULL,
                      "%zu: %s %s", i, cl_status_name(st), err.msg);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("agent_evidence");
    TCase *t = tcase_create("all");
    world_init();
    tw_init();
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_snp_report_with_and_without_certificates);
    tcase_add_test(t, test_snp_device_where_there_is_no_configfs);
    tcase_add_test(t, test_snp_answer_to_another_question);
    tcase_add_test(t, test_snp_report_of_another_length);
    tcase_add_test(t, test_generation_of_another_writer);
    tcase_add_test(t, test_certificate_table_malformed);
    tcase_add_test(t, test_tdx_quote_with_and_without_a_log);
    tcase_add_test(t, test_tdx_quote_of_another_td);
    tcase_add_test(t, test_tdx_answers_that_are_none);
    tcase_add_test(t, test_tdx_quote_length_lied_about);
    tcase_add_test(t, test_event_log_that_is_too_large);
    tcase_add_test(t, test_evidence_of_another_class);
    tcase_add_test(t, test_simulated_processor_that_lies);
    suite_add_tcase(s, t);
    return run_suite(s);
}
