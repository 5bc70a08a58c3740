/* SPDX-License-Identifier: Apache-2.0
 * test_sim_psp.c - the simulated security processor: its launch state machine, its PKI, and the
 * whole program over its sockets, up to evidence that verifies as sim-snp and never as snp.
 */
#include "base/bytes.h"
#include "base/encode.h"
#include "base/io.h"
#include "check_main.h"
#include "cloister/snp_measure.h"
#include "cloister/snp_verify.h"
#include "launch.h"
#include "pki.h"
#include "snp/measure/measure_internal.h"
#include "snp_image.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define VMSA_GPA UINT64_C(0xFFFFFFFFF000)

static char state_dir[64]; /* the PKI of this run, made once in main() */

/* ---- the state machine ---- */

static uint32_t message(struct psp_launch *l, uint32_t op, const void *body, size_t len)
{
    uint8_t out[PSP_LAUNCH_ANSWER_MAX];
    size_t out_len = 0;
    bool gone = false;
    psp_launch_message(l, op, body, len, out, &out_len, &gone);
    ck_assert(!gone);
    ck_assert_uint_eq(out_len, op == PSP_OP_LAUNCH_FINISH ? 52 : 4);
    return (uint32_t)out[0] | (uint32_t)out[1] << 8 | (uint32_t)out[2] << 16;
}

static size_t start_body(uint8_t *b, uint64_t policy)
{
    struct cl_writer w = cl_writer_init(b, 8);
    cl_writer_le64(&w, policy);
    return w.len;
}

static uint32_t start(struct psp_launch *l, uint64_t policy)
{
    uint8_t b[8];
    return message(l, PSP_OP_LAUNCH_START, b, start_body(b, policy));
}

/* Body of LAUNCH_UPDATE: header, and `bytes` bytes of 0x5A. */
static uint32_t update(struct psp_launch *l, uint64_t gpa, uint32_t type, uint32_t count,
                       size_t bytes)
{
    static uint8_t b[16 + 3 * PAGE];
    struct cl_writer w = cl_writer_init(b, 16);
    cl_writer_le64(&w, gpa);
    cl_writer_le32(&w, type);
    cl_writer_le32(&w, count);
    memset(b + 16, 0x5A, sizeof(b) - 16);
    return message(l, PSP_OP_LAUNCH_UPDATE, b, 16 + bytes);
}

static uint32_t finish(struct psp_launch *l)
{
    static const uint8_t host_data[32] = {1};
    return message(l, PSP_OP_LAUNCH_FINISH, host_data, sizeof(host_data));
}

START_TEST(test_launch_in_order_is_accepted)
{
    CL_CLEANUP(psp_launch_done) struct psp_launch l = {0};
    ck_assert_int_eq(psp_launch_init(&l, NULL), CL_OK);
    ck_assert_uint_eq(start(&l, 0x30000), PSP_SUCCESS);
    ck_assert_uint_eq(update(&l, 0xFFFF0000, 1, 2, 2 * PAGE), PSP_SUCCESS);
    for (uint32_t type = 3; type <= 6; type++) {
        ck_assert_uint_eq(update(&l, 0x10000 * type, type, 3, 0), PSP_SUCCESS);
    }
    ck_assert_uint_eq(update(&l, VMSA_GPA, 2, 1, PAGE), PSP_SUCCESS);
    ck_assert_uint_eq(update(&l, VMSA_GPA, 2, 1, PAGE), PSP_SUCCESS);
    ck_assert_uint_eq(finish(&l), PSP_SUCCESS);
    ck_assert_int_eq(l.state, PSP_LAUNCH_DONE);
    ck_assert_uint_eq(l.host_data[0], 1);
}
END_TEST

START_TEST(test_launch_out_of_order_is_refused)
{
    CL_CLEANUP(psp_launch_done) struct psp_launch l = {0};
    ck_assert_int_eq(psp_launch_init(&l, NULL), CL_OK);
    ck_assert_uint_eq(update(&l, 0x1000, 3, 1, 0), PSP_INVALID_GUEST_STATE); /* before start */
    ck_assert_uint_eq(finish(&l), PSP_INVALID_GUEST_STATE);
    ck_assert_uint_eq(start(&l, 0x30000), PSP_SUCCESS);
    ck_assert_uint_eq(start(&l, 0x30000), PSP_INVALID_GUEST_STATE); /* twice */
    ck_assert_uint_eq(finish(&l), PSP_INVALID_GUEST_STATE);         /* no vCPU yet */
    ck_assert_uint_eq(update(&l, VMSA_GPA, 2, 1, PAGE), PSP_SUCCESS);
    ck_assert_uint_eq(update(&l, 0x1000, 1, 1, PAGE), PSP_INVALID_GUEST_STATE); /* vCPUs are last */
    ck_assert_uint_eq(finish(&l), PSP_SUCCESS);
    ck_assert_uint_eq(finish(&l), PSP_INVALID_GUEST_STATE);
    ck_assert_uint_eq(start(&l, 0x30000), PSP_INVALID_GUEST_STATE);
    ck_assert_uint_eq(update(&l, VMSA_GPA, 2, 1, PAGE), PSP_INVALID_GUEST_STATE);
}
END_TEST

START_TEST(test_launch_refuses_bad_fields)
{
    CL_CLEANUP(psp_launch_done) struct psp_launch l = {0};
    ck_assert_int_eq(psp_launch_init(&l, NULL), CL_OK);
    ck_assert_uint_eq(start(&l, 0x10000), PSP_POLICY_FAILURE);              /* bit 17 clear */
    ck_assert_uint_eq(start(&l, 0x30000 | 1ull << 26), PSP_POLICY_FAILURE); /* reserved */
    ck_assert_uint_eq(start(&l, 0x30000 | 2u << 8), PSP_POLICY_FAILURE);    /* ABI 2.0 */
    ck_assert_uint_eq(start(&l, 0x30000 | 1u << 8 | 56), PSP_POLICY_FAILURE);
    ck_assert_uint_eq(start(&l, 0x30000 | 1u << 8 | 55), PSP_SUCCESS);
    ck_assert_uint_eq(update(&l, 0x1000, 0, 1, PAGE), PSP_INVALID_PARAM);
    ck_assert_uint_eq(update(&l, 0x1000, 7, 1, 0), PSP_INVALID_PARAM);
    ck_assert_uint_eq(update(&l, 0x1000, 3, 0, 0), PSP_INVALID_PARAM);
    ck_assert_uint_eq(update(&l, 0x1000, 3, 65537, 0), PSP_INVALID_PARAM);
    ck_assert_uint_eq(update(&l, 0x1000, 3, UINT32_MAX, 0), PSP_INVALID_PARAM);
    ck_assert_uint_eq(update(&l, 0x1001, 3, 1, 0), PSP_INVALID_ADDRESS);
    ck_assert_uint_eq(update(&l, UINT64_C(1) << 32, 3, 1, 0), PSP_INVALID_ADDRESS);
    ck_assert_uint_eq(update(&l, 0xFFFFF000, 3, 2, 0), PSP_INVALID_ADDRESS);
    ck_assert_uint_eq(update(&l, UINT64_MAX - 4095, 3, 2, 0), PSP_INVALID_ADDRESS);
    ck_assert_uint_eq(update(&l, 0x1000, 1, 2, PAGE), PSP_INVALID_LEN);
    ck_assert_uint_eq(update(&l, 0x1000, 1, 1, PAGE + 1), PSP_INVALID_LEN);
    ck_assert_uint_eq(update(&l, 0x1000, 3, 1, PAGE), PSP_INVALID_LEN);
    ck_assert_uint_eq(update(&l, 0x1000, 2, 1, PAGE), PSP_INVALID_ADDRESS); /* VMSA elsewhere */
    ck_assert_uint_eq(update(&l, VMSA_GPA, 2, 2, 2 * PAGE), PSP_INVALID_PARAM);
    ck_assert_uint_eq(update(&l, 0x1000, 3, 2, 0), PSP_SUCCESS);
    ck_assert_uint_eq(update(&l, 0x2000, 1, 1, PAGE), PSP_INVALID_PAGE_STATE); /* given already */
    ck_assert_uint_eq(message(&l, 5, NULL, 0), PSP_INVALID_COMMAND);
    ck_assert_uint_eq(message(&l, PSP_OP_REPORT_REQ, NULL, 0), PSP_INVALID_COMMAND);
}
END_TEST

START_TEST(test_launch_refuses_every_other_length)
{
    static const uint8_t body[64] = {0};
    for (size_t len = 0; len <= 40; len++) {
        CL_CLEANUP(psp_launch_done) struct psp_launch l = {0};
        ck_assert_int_eq(psp_launch_init(&l, NULL), CL_OK);
        if (len != 8) {
            ck_assert_uint_eq(message(&l, PSP_OP_LAUNCH_START, body, len), PSP_INVALID_LEN);
        }
        if (len != 32) {
            ck_assert_uint_eq(message(&l, PSP_OP_LAUNCH_FINISH, body, len), PSP_INVALID_LEN);
        }
        if (len < 16) {
            ck_assert_uint_eq(message(&l, PSP_OP_LAUNCH_UPDATE, body, len), PSP_INVALID_LEN);
        }
    }
}
END_TEST

/* ---- the program ---- */

struct psp {
    char dir[64], launch_path[96], guest_path[96];
    pid_t pid;
    int vmm;
};

static pid_t spawn(const char *const argv[], int stdout_fd)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        if (stdout_fd >= 0) {
            (void)dup2(stdout_fd, 1);
        }
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    return pid;
}

static int wait_for(pid_t pid)
{
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status), "signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static int connect_soon(const char *path)
{
    int fd = -1;
    for (int i = 0; i < 2000; i++) {
        if (cl_unix_connect(path, &fd, NULL) == CL_OK) {
            const struct timeval patience = {.tv_sec = 30};
            (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
            return fd;
        }
        (void)usleep(5000);
    }
    ck_abort_msg("nobody listens on %s", path);
    return -1;
}

static void psp_start(struct psp *p)
{
    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/cl-psp-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(p->dir));
    (void)snprintf(p->launch_path, sizeof(p->launch_path), "%s/launch", p->dir);
    (void)snprintf(p->guest_path, sizeof(p->guest_path), "%s/guest", p->dir);
    const char *const argv[] = {CL_TEST_PSP,    "--state",        state_dir,     "--launch-socket",
                                p->launch_path, "--guest-socket", p->guest_path, NULL};
    p->pid = spawn(argv, -1);
    p->vmm = connect_soon(p->launch_path);
}

/* Ends the VM by closing its connection; the program goes by itself and leaves nothing. */
static void psp_end(struct psp *p)
{
    (void)close(p->vmm);
    ck_assert_int_eq(wait_for(p->pid), 0);
    ck_assert_int_eq(rmdir(p->dir), 0); /* both sockets are gone */
}

static void send_message(int fd, uint32_t op, const void *a, size_t a_len, const void *b,
                         size_t b_len)
{
    uint8_t head[8];
    struct cl_writer w = cl_writer_init(head, sizeof(head));
    cl_writer_le32(&w, op);
    cl_writer_le32(&w, (uint32_t)(a_len + b_len));
    ck_assert_int_eq(cl_write_all(fd, head, sizeof(head), "header", NULL), CL_OK);
    ck_assert_int_eq(cl_write_all(fd, a, a_len, "body", NULL), CL_OK);
    ck_assert_int_eq(cl_write_all(fd, b, b_len, "body", NULL), CL_OK);
}

/* The body of the answer; its first four bytes are the status, which is returned. */
static uint32_t read_answer(int fd, uint32_t op, struct cl_buf *out)
{
    uint8_t head[8];
    ck_assert_int_eq(cl_read_all(fd, head, sizeof(head), "header", NULL), CL_OK);
    struct cl_reader r = cl_reader_init(head, sizeof(head));
    ck_assert_uint_eq(cl_reader_le32(&r, "op"), op);
    uint32_t len = cl_reader_le32(&r, "len");
    ck_assert_uint_le(len, 65536);
    ck_assert_uint_ge(len, 4);
    cl_buf_reset(out);
    ck_assert_int_eq(cl_buf_reserve(out, len, NULL), CL_OK);
    ck_assert_int_eq(cl_read_all(fd, out->data, len, "body", NULL), CL_OK);
    out->len = len;
    r = cl_reader_init(out->data, len);
    return cl_reader_le32(&r, "status");
}

static uint32_t call(int fd, uint32_t op, const void *a, size_t a_len, const void *b, size_t b_len)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    send_message(fd, op, a, a_len, b, b_len);
    return read_answer(fd, op, &out);
}

static void launch_pages(int fd, uint64_t gpa, uint32_t type, uint32_t count, const void *data)
{
    uint8_t head[16];
    struct cl_writer w = cl_writer_init(head, sizeof(head));
    cl_writer_le64(&w, gpa);
    cl_writer_le32(&w, type);
    cl_writer_le32(&w, count);
    ck_assert_uint_eq(call(fd, PSP_OP_LAUNCH_UPDATE, head, sizeof(head), data,
                           data != NULL ? (size_t)count * PAGE : 0),
                      PSP_SUCCESS);
}

/* Launches the image as a VMM would, and takes the digest out of the answer. */
static void launch_image(int fd, const struct image *im, uint32_t cpus, uint8_t ret[static 48])
{
    uint8_t start_msg[8], page[PAGE], host_data[32];
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    size_t n = start_body(start_msg, 0x30000);
    ck_assert_uint_eq(call(fd, PSP_OP_LAUNCH_START, start_msg, n, NULL, 0), PSP_SUCCESS);
    launch_pages(fd, 0x100000000ull - im->size, 1, (uint32_t)(im->size / PAGE), im->data);
    launch_pages(fd, 0x800000, 3, 9, NULL); /* the sections of snp_image.h */
    launch_pages(fd, 0x80A000, 3, 3, NULL);
    launch_pages(fd, 0x80D000, 5, 1, NULL);
    launch_pages(fd, 0x80E000, 6, 1, NULL);
    launch_pages(fd, 0x810000, 3, 1, NULL); /* no kernel given: zero */
    launch_pages(fd, 0x811000, 3, 15, NULL);
    for (uint32_t i = 0; i < cpus; i++) {
        snp_vmsa_build(page, CL_SNP_VMM_CLOISTER, i == 0, 0x80B004, 0x00A00F11, 1);
        launch_pages(fd, VMSA_GPA, 2, 1, page);
    }
    memset(host_data, 0xAB, sizeof(host_data));
    send_message(fd, PSP_OP_LAUNCH_FINISH, host_data, sizeof(host_data), NULL, 0);
    ck_assert_uint_eq(read_answer(fd, PSP_OP_LAUNCH_FINISH, &out), PSP_SUCCESS);
    ck_assert_uint_eq(out.len, 52);
    memcpy(ret, out.data + 4, 48);
}

static uint32_t request_report(int fd, uint32_t vmpl, uint32_t key_sel, struct cl_buf *out)
{
    uint8_t req[96] = {0};
    memset(req, 0x77, 64);
    req[64] = (uint8_t)vmpl;
    req[68] = (uint8_t)key_sel;
    send_message(fd, PSP_OP_REPORT_REQ, req, sizeof(req), NULL, 0);
    return read_answer(fd, PSP_OP_REPORT_REQ, out);
}

static struct cl_snp_evidence *evidence_of(const struct cl_buf *answer)
{
    struct cl_snp_evidence *ev = NULL;
    struct cl_reader r = cl_reader_init(answer->data, answer->len);
    ck_assert_uint_eq(cl_reader_le32(&r, "status"), 0);
    ck_assert_uint_eq(cl_reader_le32(&r, "report_len"), CL_SNP_REPORT_SIZE);
    uint32_t certs_len = cl_reader_le32(&r, "certs_len");
    const uint8_t *report = cl_reader_bytes(&r, CL_SNP_REPORT_SIZE, "report");
    const uint8_t *certs = cl_reader_bytes(&r, certs_len, "certs");
    ck_assert_int_eq(cl_reader_finish(&r, "answer", NULL), CL_OK);
    ck_assert_int_eq(cl_snp_evidence_from_report(report, CL_SNP_REPORT_SIZE, &ev, NULL), CL_OK);
    ck_assert_int_eq(cl_snp_evidence_add_table(ev, certs, certs_len, NULL), CL_OK);
    ck_assert_uint_eq(cl_snp_evidence_cert_count(ev), 3);
    return ev;
}

static void measure_image(const struct image *im, uint32_t cpus, uint8_t ret[static 48])
{
    char fw[] = "/tmp/cl-psp-fw-XXXXXX";
    struct cl_snp_measurement m;
    int fd = mkstemp(fw);
    ck_assert_int_eq(cl_write_all(fd, im->data, im->size, "image", NULL), CL_OK);
    const struct cl_snp_measure_config config = {
        .firmware = fw, .cpus = cpus, .vcpu_sig = 0x00A00F11, .guest_features = 1};
    ck_assert_int_eq(cl_snp_measure(&config, &m, NULL), CL_OK);
    memcpy(ret, m.digest, 48);
    (void)close(fd);
    (void)unlink(fw);
}

static void root_of_state(uint8_t ret[static 48])
{
    char path[128];
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    (void)snprintf(path, sizeof(path), "%s/ark.der", state_dir);
    ck_assert_int_eq(cl_buf_read_file(&der, path, 16384, NULL), CL_OK);
    ck_assert_int_eq(cl_snp_root_digest(der.data, der.len, ret, NULL), CL_OK);
}

START_TEST(test_launch_digest_equals_measure_and_report_verifies_as_sim_snp)
{
    static struct image im;
    struct psp p;
    uint8_t digest[48], predicted[48], root[1][48], data[64], host[32];
    CL_CLEANUP(cl_buf_done) struct cl_buf answer = {0};
    make_image(&im);
    psp_start(&p);
    launch_image(p.vmm, &im, 3, digest);
    measure_image(&im, 3, predicted);
    ck_assert_mem_eq(digest, predicted, 48);

    int guest = connect_soon(p.guest_path);
    ck_assert_uint_eq(request_report(guest, 0, 0, &answer), PSP_SUCCESS);
    CL_CLEANUP(cl_snp_evidence_freep) struct cl_snp_evidence *ev = evidence_of(&answer);
    root_of_state(root[0]);
    memset(data, 0x77, sizeof(data));
    memset(host, 0xAB, sizeof(host));
    struct cl_snp_reference refs[2] = {{.tee_class = CL_TEE_CLASS_SIM_SNP},
                                       {.tee_class = CL_TEE_CLASS_SNP}};
    memcpy(refs[0].measurement, predicted, 48);
    memcpy(refs[1].measurement, predicted, 48);
    struct cl_snp_rules rules = cl_snp_rules_default();
    rules.min_tcb[CL_SNP_PRODUCT_MILAN] = psp_tcb;
    rules.min_tcb_given = UINT64_C(1) << CL_SNP_PRODUCT_MILAN;
    rules.refuse_provisional_firmware = true;
    struct cl_snp_policy policy = {.time = (int64_t)time(NULL),
                                   .references = refs,
                                   .reference_count = 2,
                                   .report_data = data,
                                   .host_data = host,
                                   .sim_roots = (const uint8_t(*)[48])root,
                                   .sim_root_count = 1,
                                   .sim_rules = &rules};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(cl_snp_verify(ev, &policy, &r, NULL), CL_OK);
    ck_assert_msg(cl_verify_result_status(r, &err) == CL_OK, "%s", err.msg);
    ck_assert_int_eq(r->tee_class, CL_TEE_CLASS_SIM_SNP);
    ck_assert_int_eq(r->appraisal, CL_APPRAISAL_WARNING);

    /* A reference of class snp alone does not help it, nor does asking for that class. */
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r2 = NULL;
    policy.references = &refs[1];
    policy.reference_count = 1;
    ck_assert_int_eq(cl_snp_verify(ev, &policy, &r2, NULL), CL_OK);
    ck_assert_int_eq(cl_verify_result_status(r2, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(cl_verify_result_deciding(r2)->id, "snp.measurement");
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r3 = NULL;
    policy.references = refs;
    policy.require_class = CL_TEE_CLASS_SNP;
    ck_assert_int_eq(cl_snp_verify(ev, &policy, &r3, NULL), CL_OK);
    ck_assert_str_eq(cl_verify_result_deciding(r3)->id, "snp.class");
    /* Without the simulated root in the policy it is nothing at all. */
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r4 = NULL;
    policy.require_class = CL_TEE_CLASS_NONE;
    policy.sim_root_count = 0;
    ck_assert_int_eq(cl_snp_verify(ev, &policy, &r4, NULL), CL_OK);
    ck_assert_int_eq(r4->verdict, CL_VERDICT_REJECTED);
    ck_assert_int_eq(r4->tee_class, CL_TEE_CLASS_NONE);
    ck_assert_str_eq(cl_verify_result_deciding(r4)->id, "snp.chain.root");
    (void)close(guest);
    psp_end(&p);
}
END_TEST

START_TEST(test_reports_before_launch_and_bad_requests_are_refused)
{
    static struct image im;
    struct psp p;
    uint8_t digest[48], req[96] = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf a = {0};
    make_image(&im);
    psp_start(&p);
    int guest = connect_soon(p.guest_path);
    ck_assert_uint_eq(request_report(guest, 0, 0, &a), PSP_INVALID_GUEST_STATE);
    ck_assert_uint_eq(a.len, 12);
    launch_image(p.vmm, &im, 1, digest);
    ck_assert_uint_eq(request_report(guest, 4, 0, &a), PSP_INVALID_PARAM);
    ck_assert_uint_eq(request_report(guest, 0, 3, &a), PSP_INVALID_PARAM);
    ck_assert_uint_eq(request_report(guest, 0, 2, &a), PSP_INVALID_KEY); /* there is no VLEK */
    ck_assert_uint_eq(request_report(guest, 3, 1, &a), PSP_SUCCESS);
    req[95] = 1; /* reserved byte */
    send_message(guest, PSP_OP_REPORT_REQ, req, 96, NULL, 0);
    ck_assert_uint_eq(read_answer(guest, PSP_OP_REPORT_REQ, &a), PSP_INVALID_PARAM);
    send_message(guest, PSP_OP_REPORT_REQ, req, 95, NULL, 0);
    ck_assert_uint_eq(read_answer(guest, PSP_OP_REPORT_REQ, &a), PSP_INVALID_LEN);
    send_message(guest, PSP_OP_LAUNCH_START, req, 8, NULL, 0); /* not for guests */
    ck_assert_uint_eq(read_answer(guest, PSP_OP_LAUNCH_START, &a), PSP_INVALID_COMMAND);
    const uint8_t longer[8] = {16, 0, 0, 0, 97, 0, 0, 0}; /* than any: it is cut off */
    ck_assert_int_eq(cl_write_all(guest, longer, sizeof(longer), "header", NULL), CL_OK);
    ck_assert_uint_eq(read_answer(guest, PSP_OP_REPORT_REQ, &a), PSP_INVALID_LEN);
    ck_assert_int_eq(cl_read_all(guest, req, 1, "end", NULL), CL_ERR_TRUNCATED);
    /* Others are still served. */
    int second = connect_soon(p.guest_path);
    ck_assert_uint_eq(request_report(second, 0, 0, &a), PSP_SUCCESS);
    (void)close(guest);
    (void)close(second);
    psp_end(&p);
}
END_TEST

START_TEST(test_many_guests_do_not_starve_the_vmm)
{
    static struct image im;
    struct psp p;
    uint8_t digest[48];
    int guests[20];
    make_image(&im);
    psp_start(&p);
    for (size_t i = 0; i < CL_ARRAY_LEN(guests); i++) {
        guests[i] = connect_soon(p.guest_path);
        (void)send(guests[i], "\x10\0\0", 3, MSG_NOSIGNAL); /* half a header, then nothing */
    }
    launch_image(p.vmm, &im, 1, digest);
    for (size_t i = 0; i < CL_ARRAY_LEN(guests); i++) {
        (void)close(guests[i]);
    }
    CL_CLEANUP(cl_buf_done) struct cl_buf a = {0};
    int guest = connect_soon(p.guest_path);
    ck_assert_uint_eq(request_report(guest, 0, 0, &a), PSP_SUCCESS);
    (void)close(guest);
    psp_end(&p);
}
END_TEST

START_TEST(test_vm_gone_and_oversized_message_end_it)
{
    struct psp p;
    CL_CLEANUP(cl_buf_done) struct cl_buf a = {0};
    psp_start(&p);
    send_message(p.vmm, PSP_OP_VM_GONE, NULL, 0, NULL, 0);
    uint8_t byte = 0;
    ck_assert_int_eq(cl_read_all(p.vmm, &byte, 1, "end", NULL), CL_ERR_TRUNCATED);
    psp_end(&p);
    psp_start(&p);
    const uint8_t head[8] = {2, 0, 0, 0, 1, 0, 0x10, 0}; /* 1 MiB and a byte */
    ck_assert_int_eq(cl_write_all(p.vmm, head, sizeof(head), "header", NULL), CL_OK);
    ck_assert_uint_eq(read_answer(p.vmm, PSP_OP_LAUNCH_UPDATE, &a), PSP_INVALID_LEN);
    ck_assert_int_eq(cl_read_all(p.vmm, &byte, 1, "end", NULL), CL_ERR_TRUNCATED);
    psp_end(&p);
}
END_TEST

/* ---- the PKI ---- */

START_TEST(test_state_has_the_right_modes)
{
    static const char *const keys[] = {"ark.key", "ask.key", "vcek.key"};
    struct stat st;
    for (size_t i = 0; i < CL_ARRAY_LEN(keys); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", state_dir, keys[i]);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0600);
    }
    ck_assert_int_eq(stat(state_dir, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0700);
}
END_TEST

static int remove_state(const char *dir)
{
    static const char *const names[] = {"ark.der", "ask.der",  "vcek.der", "ark.key",
                                        "ask.key", "vcek.key", "chip-id",  "lock"};
    char path[160];
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

START_TEST(test_concurrent_first_use_makes_one_pki)
{
    char dir[] = "/tmp/cl-psp-pki-XXXXXX", roots[3][98];
    int pipes[3][2];
    pid_t pids[3];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    const char *const argv[] = {CL_TEST_PSP, "--state", dir, "--init", NULL};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(pipe(pipes[i]), 0);
        pids[i] = spawn(argv, pipes[i][1]);
        (void)close(pipes[i][1]);
    }
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(wait_for(pids[i]), 0);
        ck_assert_int_eq(cl_read_all(pipes[i][0], roots[i], 97, "root", NULL), CL_OK);
        roots[i][96] = '\0';
        (void)close(pipes[i][0]);
        ck_assert_str_eq(roots[i], roots[0]);
    }
    ck_assert_int_eq(remove_state(dir), 0);
}
END_TEST

static void copy_state(const char *to)
{
    static const char *const names[] = {"ark.der", "ask.der", "vcek.der", "vcek.key", "chip-id"};
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        char from[160], dst[160];
        CL_CLEANUP(cl_buf_done) struct cl_buf data = {0};
        (void)snprintf(from, sizeof(from), "%s/%s", state_dir, names[i]);
        (void)snprintf(dst, sizeof(dst), "%s/%s", to, names[i]);
        ck_assert_int_eq(cl_buf_read_file(&data, from, 16384, NULL), CL_OK);
        ck_assert_int_eq(cl_write_file(dst, data.data, data.len, 0600, NULL), CL_OK);
    }
}

START_TEST(test_broken_state_is_refused_not_mended)
{
    static const char *const names[] = {"ark.der", "vcek.key", "chip-id"};
    char dir[] = "/tmp/cl-psp-bad-XXXXXX", path[160];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        struct psp_pki pki = {0};
        struct cl_err err = {0};
        copy_state(dir);
        ck_assert_int_eq(psp_pki_open(&pki, dir, &err), CL_OK);
        psp_pki_done(&pki);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(psp_pki_open(&pki, dir, &err), CL_ERR_SYS);
        ck_assert_int_eq(cl_write_file(path, "x", 1, 0600, NULL), CL_OK);
        if (i > 0) { /* the root is only passed on; whoever verifies looks at it */
            ck_assert_int_eq(psp_pki_open(&pki, dir, &err), CL_ERR_MALFORMED);
        }
    }
    copy_state(dir); /* a chip id that the certificate does not carry */
    char hex[129];
    memset(hex, 'a', 128);
    (void)snprintf(path, sizeof(path), "%s/chip-id", dir);
    ck_assert_int_eq(cl_write_file(path, hex, 128, 0600, NULL), CL_OK);
    struct psp_pki pki = {0};
    struct cl_err err = {0};
    char msg[256];
    ck_assert_int_eq(psp_pki_open(&pki, dir, &err), CL_ERR_MALFORMED);
    (void)snprintf(msg, sizeof(msg),
                   "state directory '%s': vcek.der: expected the chip, TCB and key of this "
                   "processor, got others",
                   dir);
    ck_assert_str_eq(err.msg, msg);
    ck_assert_int_eq(remove_state(dir), 0);
}
END_TEST

START_TEST(test_usage)
{
    static const struct {
        const char *argv[8];
        int status;
    } cases[] = {
        {{CL_TEST_PSP, "--help"}, 0},
        {{CL_TEST_PSP, "--version"}, 0},
        {{CL_TEST_PSP}, 2},
        {{CL_TEST_PSP, "--state", "/x"}, 2},
        {{CL_TEST_PSP, "--state", "/x", "--launch-socket", "/y"}, 2},
        {{CL_TEST_PSP, "--nonsense"}, 2},
        {{CL_TEST_PSP, "--state", "/x", "--init", "more"}, 2},
        {{CL_TEST_PSP, "--state", "/nonexistent/dir", "--init"}, 5},
        {{CL_TEST_PSP, "--state", "/dev/null", "--init"}, 5},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(wait_for(spawn(cases[i].argv, -1)), cases[i].status);
    }
}
END_TEST

int main(void)
{
    (void)snprintf(state_dir, sizeof(state_dir), "/tmp/cl-psp-state-XXXXXX");
    struct psp_pki pki = {0};
    struct cl_err err = {0};
    if (mkdtemp(state_dir) == NULL || psp_pki_open(&pki, state_dir, &err) != CL_OK) {
        (void)fprintf(stderr, "no PKI: %s\n", err.msg);
        return EXIT_FAILURE;
    }
    psp_pki_done(&pki);
    (void)signal(SIGPIPE, SIG_IGN);
    Suite *s = suite_create("sim_psp");
    TCase *t = tcase_create("psp");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_launch_in_order_is_accepted);
    tcase_add_test(t, test_launch_out_of_order_is_refused);
    tcase_add_test(t, test_launch_refuses_bad_fields);
    tcase_add_test(t, test_launch_refuses_every_other_length);
    tcase_add_test(t, test_launch_digest_equals_measure_and_report_verifies_as_sim_snp);
    tcase_add_test(t, test_reports_before_launch_and_bad_requests_are_refused);
    tcase_add_test(t, test_many_guests_do_not_starve_the_vmm);
    tcase_add_test(t, test_vm_gone_and_oversized_message_end_it);
    tcase_add_test(t, test_state_has_the_right_modes);
    tcase_add_test(t, test_concurrent_first_use_makes_one_pki);
    tcase_add_test(t, test_broken_state_is_refused_not_mended);
    tcase_add_test(t, test_usage);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    return remove_state(state_dir) == 0 ? rc : EXIT_FAILURE;
}
