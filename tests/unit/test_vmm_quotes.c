/* SPDX-License-Identifier: Apache-2.0
 * test_vmm_quotes.c - the client of the quote generation service against one that is played: its
 * messages, its lies, its silence; the process that connects; the queue of a TD's requests.
 */
#include "base/bytes.h"
#include "base/io.h"
#include "check_main.h"
#include "vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define QUOTE_SIZE 5000u
/* Under the filters of system calls that there are in a jail; a sanitizer would break them. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__clang__)
#define JAILED false
#else
#define JAILED true
#endif

/* ---- Messages ---- */

struct message {
    uint8_t data[VMM_QGS_MESSAGE_MAX + 64];
    size_t size; /* without the length before it */
};

static struct message message;

/* A right answer with an id of id_size bytes. */
static void answer(struct message *m, uint32_t id_size, uint32_t quote_size)
{
    struct cl_writer w = cl_writer_init(m->data, sizeof(m->data));
    cl_writer_le16(&w, 1);
    cl_writer_le16(&w, 1);
    cl_writer_le32(&w, 1);
    cl_writer_le32(&w, 16 + 8 + id_size + quote_size);
    cl_writer_le32(&w, 0);
    cl_writer_le32(&w, id_size);
    cl_writer_le32(&w, quote_size);
    cl_writer_zero(&w, id_size);
    for (uint32_t i = 0; i < quote_size; i++) {
        cl_writer_u8(&w, (uint8_t)(i * 13));
    }
    ck_assert(!w.overflow);
    m->size = w.len;
}

static enum cl_status parse(const struct message *m, const uint8_t **quote, size_t *size,
                            struct cl_err *err)
{
    uint8_t *exact = malloc(m->size + 1); /* its end is where a sanitizer sees it */
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, m->data, m->size);
    enum cl_status st = vmm_qgs_response(exact, m->size, quote, size, err);
    *quote = st == CL_OK ? m->data + (*quote - exact) : NULL;
    free(exact);
    return st;
}

START_TEST(test_request)
{
    static const uint8_t head[] = {0, 0, 4, 24, 1, 0, 1, 0, 0, 0, 0, 0, 24, 4,
                                   0, 0, 0, 0,  0, 0, 0, 4, 0, 0, 0, 0, 0,  0};
    uint8_t report[VMM_QGS_REPORT_SIZE], request[VMM_QGS_REQUEST_SIZE];
    memset(report, 0x81, sizeof(report));
    vmm_qgs_request(request, report);
    ck_assert_mem_eq(request, head, sizeof(head));
    ck_assert_mem_eq(request + sizeof(head), report, sizeof(report));
}
END_TEST

START_TEST(test_answers)
{
    static const uint32_t ids[] = {0, 16, 4000};
    for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
        const uint8_t *quote = NULL;
        size_t size = 0;
        answer(&message, ids[i], QUOTE_SIZE);
        ck_assert_int_eq(parse(&message, &quote, &size, NULL), CL_OK);
        ck_assert_uint_eq(size, QUOTE_SIZE);
        ck_assert_ptr_eq(quote, message.data + 24 + ids[i]);
    }
}
END_TEST

/* size bytes at `at` become `value`, of an answer with an id of 16 bytes and a quote of 64. */
static const struct {
    size_t at, size;
    uint32_t value;
    enum cl_status status;
    const char *text;
} lies[] = {
    {0, 2, 2, CL_ERR_UNSUPPORTED, "quote service: version: expected 1, got 2"},
    {0, 2, 0, CL_ERR_UNSUPPORTED, "quote service: version: expected 1, got 0"},
    {4, 4, 0, CL_ERR_MALFORMED, "quote service: expected type 1 of 104 bytes, got type 0 of 104"},
    {4, 4, 3, CL_ERR_MALFORMED, NULL},
    {8, 4, 103, CL_ERR_MALFORMED, NULL},
    {8, 4, 105, CL_ERR_MALFORMED, NULL},
    {8, 4, UINT32_MAX, CL_ERR_MALFORMED, NULL},
    {12, 4, 0x12001, CL_ERR_REJECTED, "quote service: it answered 0x12001, unexpected error"},
    {12, 4, 0x12007, CL_ERR_REJECTED, "quote service: it answered 0x12007, invalid code"},
    {12, 4, 0x12008, CL_ERR_REJECTED, "quote service: it answered 0x12008, an error of its own"},
    {12, 4, 1, CL_ERR_REJECTED, "quote service: it answered 0x1, an error of its own"},
    {16, 4, 0, CL_ERR_MALFORMED, NULL}, /* bytes behind the quote */
    {16, 4, 17, CL_ERR_TRUNCATED, NULL},
    {16, 4, UINT32_MAX, CL_ERR_TRUNCATED, NULL},
    {20, 4, 63, CL_ERR_MALFORMED, NULL},
    {20, 4, 65, CL_ERR_TRUNCATED, NULL},
    {20, 4, UINT32_MAX, CL_ERR_TRUNCATED, NULL},
    {20, 4, UINT32_MAX - 15, CL_ERR_TRUNCATED, NULL},
};

START_TEST(test_lies)
{
    const uint8_t *quote = NULL;
    size_t size = 0;
    struct cl_err err = {0};
    answer(&message, 16, 64);
    for (size_t i = 0; i < lies[_i].size; i++) {
        message.data[lies[_i].at + i] = (uint8_t)(lies[_i].value >> 8 * i);
    }
    ck_assert_int_eq(parse(&message, &quote, &size, &err), lies[_i].status);
    if (lies[_i].text != NULL) {
        ck_assert_str_eq(err.msg, lies[_i].text);
    }
}
END_TEST

START_TEST(test_every_truncation)
{
    const uint8_t *quote = NULL;
    size_t size = 0;
    answer(&message, 16, 64);
    for (message.size = 0; message.size < 104; message.size++) {
        if (message.size >= 16) {
            message.data[8] = (uint8_t)message.size;
        }
        ck_assert_int_eq(parse(&message, &quote, &size, NULL), CL_ERR_TRUNCATED);
    }
    answer(&message, 0, 0);
    ck_assert_int_eq(parse(&message, &quote, &size, NULL), CL_ERR_MALFORMED);
}
END_TEST

/* ---- A service ---- */

enum manner {
    HONEST,
    IN_PIECES,
    WRONG_ENDIAN, /* the length */
    TOO_LONG,
    TOO_SHORT,
    REFUSES,
    CLOSES_AT_ONCE,
    CLOSES_EARLY, /* after half of it */
    SILENT,
    MANNERS
};

struct service {
    char dir[64];
    char path[128];
    int listen_fd;
    enum manner manner;
    unsigned served; /* atomic */
    uint8_t first;   /* byte of the last report; atomic */
    pthread_t thread;
};

static struct service service;

static void put_length(uint8_t at[static 4], uint32_t n, bool little)
{
    for (unsigned i = 0; i < 4; i++) {
        at[little ? i : 3 - i] = (uint8_t)(n >> 8 * i);
    }
}

static void give(int fd, const void *data, size_t size)
{
    if (cl_write_all(fd, data, size, "client", NULL) != CL_OK) {
        return; /* it has seen enough */
    }
}

static void serve_one(struct service *s, int fd)
{
    static struct message m;
    uint8_t request[VMM_QGS_REQUEST_SIZE], length[4];
    if (cl_read_all(fd, request, sizeof(request), "client", NULL) != CL_OK) {
        return;
    }
    __atomic_store_n(&s->first, request[28], __ATOMIC_SEQ_CST);
    answer(&m, 0, s->manner == TOO_LONG ? VMM_QGS_MESSAGE_MAX - 23 : QUOTE_SIZE);
    m.data[12] = s->manner == REFUSES ? 5 : 0;
    put_length(length, s->manner == TOO_SHORT ? 15 : (uint32_t)m.size, s->manner == WRONG_ENDIAN);
    if (s->manner == CLOSES_AT_ONCE) {
        return;
    }
    if (s->manner == SILENT) {
        uint8_t byte = 0;
        ck_assert_int_le(read(fd, &byte, 1), 0); /* until the client has gone */
        return;
    }
    give(fd, length, sizeof(length));
    if (s->manner == IN_PIECES) {
        for (size_t i = 0; i < m.size; i++) {
            give(fd, m.data + i, 1);
        }
        return;
    }
    give(fd, m.data, s->manner == CLOSES_EARLY ? m.size / 2 : m.size);
}

static void *service_main(void *arg)
{
    struct service *s = arg;
    for (;;) {
        int fd = accept(s->listen_fd, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        serve_one(s, fd);
        __atomic_add_fetch(&s->served, 1, __ATOMIC_SEQ_CST);
        (void)close(fd);
    }
}

static void service_start(enum manner manner)
{
    memset(&service, 0, sizeof(service));
    service.manner = manner;
    (void)snprintf(service.dir, sizeof(service.dir), "/tmp/cl-qgs-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(service.dir));
    (void)snprintf(service.path, sizeof(service.path), "%s/qgs.socket", service.dir);
    ck_assert_int_eq(cl_unix_listen(service.path, &service.listen_fd, NULL), CL_OK);
    ck_assert_int_eq(pthread_create(&service.thread, NULL, service_main, &service), 0);
}

static void service_stop(void)
{
    (void)shutdown(service.listen_fd, SHUT_RDWR);
    (void)pthread_join(service.thread, NULL);
    (void)close(service.listen_fd);
    (void)unlink(service.path);
    (void)rmdir(service.dir);
}

/* ---- The exchange, through the process that connects ---- */

static struct vmm_qgs qgs;

static void client_start(const char *path)
{
    struct vmm_qgs_address a;
    ck_assert_int_eq(vmm_qgs_address_parse(path, &a, NULL), CL_OK);
    memset(&qgs, 0, sizeof(qgs));
    qgs.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ck_assert_int_eq(vmm_dialer_start(&a, JAILED, &qgs.dial_fd, NULL), CL_OK);
}

static void client_stop(void)
{
    cl_close_fdp(&qgs.dial_fd);
    cl_close_fdp(&qgs.stop_fd);
}

static enum cl_status exchange(unsigned timeout_ms, struct cl_err *err)
{
    static uint8_t buffer[VMM_QGS_MESSAGE_MAX];
    uint8_t report[VMM_QGS_REPORT_SIZE];
    const uint8_t *quote = NULL;
    size_t size = 0;
    memset(report, 0xa5, sizeof(report));
    qgs.deadline_us = cl_monotonic_us() + timeout_ms * 1000ull;
    CL_TRY(vmm_qgs_exchange(&qgs, report, buffer, &quote, &size, err));
    ck_assert_uint_eq(size, QUOTE_SIZE);
    for (size_t i = 0; i < size; i++) {
        ck_assert_uint_eq(quote[i], (uint8_t)(i * 13));
    }
    ck_assert_uint_eq(__atomic_load_n(&service.first, __ATOMIC_SEQ_CST), 0xa5);
    return CL_OK;
}

START_TEST(test_services)
{
    static const struct {
        enum cl_status status;
        const char *text;
    } want[MANNERS] = {
        [HONEST] = {CL_OK, NULL},
        [IN_PIECES] = {CL_OK, NULL},
        [WRONG_ENDIAN] = {CL_ERR_MALFORMED, "quote service: length: expected 16..131072, got "},
        [TOO_LONG] = {CL_ERR_MALFORMED, "quote service: length: expected 16..131072, got 131073"},
        [TOO_SHORT] = {CL_ERR_MALFORMED, "quote service: length: expected 16..131072, got 15"},
        [REFUSES] = {CL_ERR_REJECTED, "quote service: it answered 0x5"},
        [CLOSES_AT_ONCE] = {CL_ERR_TRUNCATED, "quote service: expected 4 bytes more, got the end"},
        [CLOSES_EARLY] = {CL_ERR_TRUNCATED, "quote service: expected 2512 bytes more"},
        [SILENT] = {CL_ERR_SYS, "quote service: Connection timed out"},
    };
    struct cl_err err = {0};
    service_start((enum manner)_i);
    client_start(service.path);
    for (unsigned again = 0; again < 2; again++) { /* a connection each */
        enum cl_status st = exchange(_i == SILENT ? 100 : 20000, &err);
        ck_assert_msg(st == want[_i].status, "%d: %s", st, err.msg);
        ck_assert(st == CL_OK || strncmp(err.msg, want[_i].text, strlen(want[_i].text)) == 0);
    }
    client_stop();
    service_stop();
}
END_TEST

START_TEST(test_no_service)
{
    struct cl_err err = {0};
    service_start(HONEST);
    client_start(service.path);
    ck_assert_int_eq(exchange(20000, &err), CL_OK);
    service_stop();
    ck_assert_int_eq(exchange(20000, &err), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "quote service: connect: No such file or directory");
    /* The process that connects was killed. */
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    (void)close(qgs.dial_fd);
    qgs.dial_fd = fds[0];
    (void)close(fds[1]);
    ck_assert_int_eq(exchange(20000, &err), CL_ERR_UNAVAILABLE);
    client_stop();
}
END_TEST

/* A connection that came too late belongs to nobody. */
START_TEST(test_late_connection)
{
    struct cl_err err = {0};
    int fds[2];
    service_start(HONEST);
    client_start(service.path);
    int real = qgs.dial_fd;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    qgs.dial_fd = fds[0];
    ck_assert_int_eq(exchange(50, &err), CL_ERR_SYS); /* nobody answers */
    struct vmm_dial d = {0};
    ck_assert_int_eq(read(fds[1], &d, sizeof(d)), (ssize_t)sizeof(d));
    ck_assert_uint_eq(d.number, 1);
    ck_assert_int_eq(write(fds[1], &d, sizeof(d)), (ssize_t)sizeof(d)); /* late, and without one */
    d.number = 2;
    d.error = ECONNREFUSED;
    ck_assert_int_eq(write(fds[1], &d, sizeof(d)), (ssize_t)sizeof(d));
    ck_assert_int_eq(exchange(20000, &err), CL_ERR_UNAVAILABLE);
    ck_assert_str_eq(err.msg, "quote service: connect: Connection refused");
    (void)close(fds[0]);
    (void)close(fds[1]);
    qgs.dial_fd = real;
    ck_assert_int_eq(exchange(20000, &err), CL_OK);
    client_stop();
    service_stop();
}
END_TEST

START_TEST(test_addresses)
{
    struct vmm_qgs_address a;
    char path[200];
    struct cl_err err = {0};
    ck_assert_int_eq(vmm_qgs_address_parse("vsock", &a, &err), CL_OK);
    ck_assert_int_eq(a.to.any.sa_family, AF_VSOCK);
    ck_assert_int_eq(vmm_qgs_address_parse("vsock:3", &a, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(vmm_qgs_address_parse("", &a, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(vmm_qgs_address_parse("qgs.socket", &a, &err), CL_ERR_MALFORMED);
    memset(path, '/', sizeof(path));
    path[107] = '\0';
    ck_assert_int_eq(vmm_qgs_address_parse(path, &a, &err), CL_OK);
    path[107] = '/';
    path[108] = '\0';
    ck_assert_int_eq(vmm_qgs_address_parse(path, &a, &err), CL_ERR_MALFORMED);
}
END_TEST

/* ---- The queue ---- */

static struct vmm vmm;
static struct vmm_files files;
static unsigned answered; /* atomic */
static enum tee_quote_result results[64];

static void on_quote(struct tee *t, const struct tee_quote_job *job, enum tee_quote_result result,
                     const uint8_t *quote, size_t size)
{
    (void)t;
    (void)quote;
    ck_assert(result != TEE_QUOTE_OK || size == QUOTE_SIZE);
    results[job->size] = result; /* its number */
    __atomic_add_fetch(&answered, 1, __ATOMIC_SEQ_CST);
}

static const struct tee_ops quiet_ops = {.name = "tdx", .quote_done = on_quote};
static const struct vmm_config config = {.tee = &quiet_ops, .jailed = JAILED};

static void queue_start(void)
{
    struct cl_err err = {0};
    vmm.cfg = &config;
    vmm.files = &files;
    files.qgs_fd = qgs.dial_fd;
    answered = 0;
    vmm_quotes_init(&vmm.quotes);
    ck_assert_msg(vmm_quotes_start(&vmm, &err) == CL_OK, "%s", err.msg);
}

static void wait_for_answers(unsigned n)
{
    for (unsigned i = 0; i < 20000 && __atomic_load_n(&answered, __ATOMIC_SEQ_CST) < n; i++) {
        (void)usleep(1000);
    }
    ck_assert_uint_eq(__atomic_load_n(&answered, __ATOMIC_SEQ_CST), n);
}

START_TEST(test_queue)
{
    service_start(HONEST);
    client_start(service.path);
    queue_start();
    for (unsigned i = 0; i < 40; i++) { /* round the ring */
        struct tee_quote_job job = {.size = i};
        memset(job.report, (int)i, sizeof(job.report));
        results[i] = TEE_QUOTE_FAILED;
        ck_assert(vmm_quotes_submit(&vmm, &job));
        if (i % 10 == 9) {
            wait_for_answers(i + 1);
        }
    }
    for (unsigned i = 0; i < 40; i++) {
        ck_assert_int_eq(results[i], TEE_QUOTE_OK);
    }
    vmm_quotes_stop(&vmm);
    vmm_quotes_done(&vmm.quotes);
    client_stop();
    service_stop();
}
END_TEST

/* A service that says nothing holds up neither the guest nor the end of the VM. */
START_TEST(test_queue_is_full)
{
    struct tee_quote_job job = {.size = 0};
    service_start(SILENT);
    client_start(service.path);
    queue_start();
    uint64_t start = cl_monotonic_us();
    for (unsigned i = 0; i < VMM_QUOTES_MAX; i++) {
        job.size = i;
        ck_assert(vmm_quotes_submit(&vmm, &job));
    }
    ck_assert(!vmm_quotes_submit(&vmm, &job));
    vmm_quotes_stop(&vmm);
    ck_assert_uint_lt(cl_monotonic_us() - start, 20000000);
    vmm_quotes_done(&vmm.quotes);
    client_stop();
    service_stop();
}
END_TEST

START_TEST(test_queue_without_a_service)
{
    struct tee_quote_job job = {.size = 0};
    client_start("/nonexistent/qgs.socket");
    queue_start();
    ck_assert(vmm_quotes_submit(&vmm, &job));
    wait_for_answers(1);
    ck_assert_int_eq(results[0], TEE_QUOTE_UNAVAILABLE);
    vmm_quotes_stop(&vmm);
    vmm_quotes_done(&vmm.quotes);
    client_stop();
    files.qgs_fd = -1; /* nothing to start */
    vmm_quotes_init(&vmm.quotes);
    ck_assert_int_eq(vmm_quotes_start(&vmm, NULL), CL_OK);
    ck_assert(!vmm.quotes.worker.started);
    vmm_quotes_done(&vmm.quotes);
}
END_TEST

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as the VMM does */
    Suite *s = suite_create("vmm quotes");
    TCase *c = tcase_create("all");
    tcase_add_test(c, test_request);
    tcase_add_test(c, test_answers);
    tcase_add_loop_test(c, test_lies, 0, (int)CL_ARRAY_LEN(lies));
    tcase_add_test(c, test_every_truncation);
    tcase_add_loop_test(c, test_services, 0, MANNERS);
    tcase_add_test(c, test_no_service);
    tcase_add_test(c, test_late_connection);
    tcase_add_test(c, test_addresses);
    tcase_add_test(c, test_queue);
    tcase_add_test(c, test_queue_is_full);
    tcase_add_test(c, test_queue_without_a_service);
    suite_add_tcase(s, c);
    return run_suite(s);
}
