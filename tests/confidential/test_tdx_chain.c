/* SPDX-License-Identifier: Apache-2.0
 * test_tdx_chain.c - from a launch to a verdict: a TD boots by our firmware, its kernel asks for a
 * quote, our VMM has it made by a quote generation service, and what the guest then holds is
 * accepted by our verifier for what `cloister measure` says. The service and its keys are the
 * model's (class sim-tdx); nothing else is played.
 */
#include "base/bytes.h"
#include "base/io.h"
#include "cloister/collateral.h"
#include "cloister/tdx_verify.h"
#include "quote_kernel.h"
#include "report_tdx.h"
#include "world.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ENTRY_IN_FILE (2 * 512 + 0x200) /* boot sector, one setup sector, 64-bit entry */

static struct world w;
static struct model_pki pki;
static char dir[64], path[96];
static int listen_fd;

static void init(bool with_service)
{
    struct vmm_qgs_address address;
    (void)signal(SIGPIPE, SIG_IGN); /* as the VMM does */
    ck_assert(model_pki_make(&pki));
    (void)snprintf(dir, sizeof(dir), "/tmp/cl-tdx-quote-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/qgs.socket", dir);
    ck_assert_int_eq(cl_unix_listen(path, &listen_fd, NULL), CL_OK);
    if (!with_service) {
        ck_assert_int_eq(unlink(path), 0);
    }
    world_init_tdx(&w);
    int fd = open(w.kernel, O_WRONLY | O_CLOEXEC);
    ssize_t size = quote_kernel_end - quote_kernel;
    ck_assert_int_eq(pwrite(fd, quote_kernel, (size_t)size, ENTRY_IN_FILE), size);
    (void)close(fd);
    ck_assert_int_eq(vmm_qgs_address_parse(path, &address, NULL), CL_OK);
    ck_assert_int_eq(vmm_dialer_start(&address, /* jailed= */ false, &w.files.qgs_fd, NULL), CL_OK);
    memset(w.cfg.mr_config_id, 0xC1, sizeof(w.cfg.mr_config_id));
    world_must_launch(&w);
    ck_assert_int_eq(vmm_quotes_start(&w.vmm, NULL), CL_OK);
}

static void done(void)
{
    int fd = w.files.qgs_fd;
    vmm_quotes_stop(&w.vmm);
    world_free(&w);
    (void)close(fd);
    (void)close(listen_fd);
    (void)unlink(path);
    (void)rmdir(dir);
    model_pki_done(&pki);
}

/* Whoever has connected is answered, by a service that may lie. */
static void serve(void (*spoil)(uint8_t *answer, size_t size))
{
    struct pollfd p = {.fd = listen_fd, .events = POLLIN};
    uint8_t request[VMM_QGS_REQUEST_SIZE];
    static uint8_t answer[MODEL_QGS_MAX];
    if (poll(&p, 1, 0) != 1) {
        return;
    }
    int fd = accept(listen_fd, NULL, NULL);
    ck_assert_int_eq(cl_read_all(fd, request, sizeof(request), "client", NULL), CL_OK);
    size_t size = model_qgs(world_vm(&w), &pki, request, sizeof(request), answer);
    if (spoil != NULL) {
        spoil(answer, size);
    }
    ck_assert_int_eq(cl_write_all(fd, answer, size, "client", NULL), CL_OK);
    (void)close(fd);
}

static void from_guest(uint64_t gpa, uint8_t *ret, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        const uint8_t *page = model_private(world_vm(&w), (gpa + at) & ~(uint64_t)(MODEL_PAGE - 1));
        ck_assert_ptr_nonnull(page);
        ret[at] = page[(gpa + at) % MODEL_PAGE];
    }
}

/* Runs the guest until its kernel says what it ended with. */
static uint64_t run(void (*spoil)(uint8_t *answer, size_t size))
{
    uint64_t end = 0;
    uint64_t deadline = cl_monotonic_us() + 60000000;
    while (end == 0 && cl_monotonic_us() < deadline && vmm_vcpu_step(&w.vmm.vcpu[0])) {
        serve(spoil);
        from_guest(QUOTE_END, (uint8_t *)&end, sizeof(end));
    }
    const struct model_objection *o = model_objection(world_vm(&w), 0);
    ck_assert_msg(o == NULL, "the model objects: %s: %s", o->rule, o->text);
    ck_assert_msg(model_outcome(world_vm(&w)) == MODEL_GOING, "%s", w.vmm.status.reason);
    return end;
}

/* What goes with the quote, as Intel's service would have it. */
static struct cl_collateral *collateral_of(void)
{
    struct cl_collateral *store = NULL;
    struct cl_collateral_options options = {.time = time(NULL)};
    struct cl_err err = {0};
    char *text = model_collateral(&pki, options.time, NULL);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(cl_collateral_new(&store, NULL), CL_OK);
    ck_assert_msg(cl_collateral_add_document(store, text, strlen(text), &options, &err) == CL_OK,
                  "%s", err.msg);
    free(text);
    return store;
}

static struct cl_tdx_verifier *verifier_for(const struct cl_tdx_quote *quote,
                                            const struct cl_collateral *store)
{
    struct cl_tdx_verifier *v = NULL;
    struct cl_tdx_platform platform;
    struct cl_tdx_collateral views;
    ck_assert_int_eq(cl_tdx_quote_platform(quote, &platform, NULL), CL_OK);
    cl_tdx_collateral_select(store, &platform, &views);
    ck_assert_int_eq(cl_tdx_verifier_new(&views, &v, NULL), CL_OK);
    return v;
}

static void root_digest(uint8_t ret[static CL_TDX_ROOT_SIZE])
{
    uint8_t *der = NULL;
    int size = i2d_X509(pki.root, &der);
    ck_assert_int_gt(size, 0);
    ck_assert_int_eq(cl_tdx_root_digest(der, (size_t)size, ret, NULL), CL_OK);
    OPENSSL_free(der);
}

/* All that a broker asks of a quote: whose it is, of which launch, over which question, with which
 * initdata, and that the event log explains the registers. */
static void verify(const uint8_t *bytes, size_t size, const struct cl_tdx_measurement *m,
                   enum cl_verdict want, const char *deciding)
{
    CL_CLEANUP(cl_tdx_quote_freep) struct cl_tdx_quote *quote = NULL;
    CL_CLEANUP(cl_collateral_freep) struct cl_collateral *store = collateral_of();
    CL_CLEANUP(cl_tdx_event_log_freep) struct cl_tdx_event_log *log = NULL;
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *result = NULL;
    static uint8_t log_bytes[STAGE0_EVENT_LOG_SIZE];
    uint8_t root[1][CL_TDX_ROOT_SIZE], report_data[64];
    struct cl_err err = {0};
    struct cl_tdx_reference reference = {.tee_class = CL_TEE_CLASS_SIM_TDX, .rtmr_mask = 7};
    memcpy(reference.mrtd, m->mr[CL_TDX_MRTD], CL_TDX_MR_SIZE);
    memcpy(reference.rtmr, m->mr[CL_TDX_RTMR0], sizeof(reference.rtmr[0]) * 3);
    memset(report_data, QUOTE_DATA_BYTE, sizeof(report_data));
    root_digest(root[0]);
    from_guest(STAGE0_EVENT_LOG_GPA, log_bytes, sizeof(log_bytes));
    ck_assert_msg(cl_tdx_event_log_parse(log_bytes, sizeof(log_bytes), &log, &err) == CL_OK, "%s",
                  err.msg);
    ck_assert_msg(cl_tdx_quote_parse(bytes, size, &quote, &err) == CL_OK, "%s", err.msg);
    CL_CLEANUP(cl_tdx_verifier_freep) struct cl_tdx_verifier *v = verifier_for(quote, store);
    struct cl_tdx_policy policy = {.time = time(NULL),
                                   .references = &reference,
                                   .reference_count = 1,
                                   .report_data = report_data,
                                   .mrconfigid = w.cfg.mr_config_id,
                                   .event_log = log,
                                   .sim_roots = (const uint8_t(*)[CL_TDX_ROOT_SIZE])root,
                                   .sim_root_count = 1};
    ck_assert_int_eq(cl_tdx_verify(v, quote, &policy, &result, NULL, NULL), CL_OK);
    const struct cl_check *k = cl_verify_result_deciding(result);
    ck_assert_msg(result->verdict == want, "%s: %s: expected %s, got %s: %s",
                  cl_verdict_name(result->verdict), k != NULL ? k->id : "-",
                  k != NULL ? k->expected : "", k != NULL ? k->actual : "",
                  k != NULL ? k->why : "");
    if (deciding != NULL) {
        ck_assert_str_eq(k->id, deciding);
    }
}

/* The size of the quote in *ret_buffer behind its head (tdx.md c). */
static size_t quote_in_guest(uint8_t ret_buffer[static QUOTE_BUFFER_SIZE])
{
    cl_le32 out_len;
    from_guest(QUOTE_COPY, ret_buffer, QUOTE_BUFFER_SIZE);
    memcpy(&out_len, ret_buffer + 20, sizeof(out_len));
    size_t size = cl_le32_get(&out_len);
    ck_assert(size > 1000 && size <= QUOTE_BUFFER_SIZE - 24);
    return size;
}

START_TEST(test_from_launch_to_verdict)
{
    static uint8_t buffer[QUOTE_BUFFER_SIZE];
    struct cl_tdx_measurement m, other;
    init(/* with_service= */ true);
    ck_assert_uint_eq(run(NULL), QUOTE_GOT);
    size_t size = quote_in_guest(buffer);
    world_registers(&w, &m);
    verify(buffer + 24, size, &m, CL_VERDICT_ACCEPTED, NULL);
    other = m; /* another kernel's, initrd's or command line's */
    other.mr[CL_TDX_RTMR0 + 1][0] ^= 1;
    verify(buffer + 24, size, &other, CL_VERDICT_REJECTED, NULL);
    other = m; /* another firmware's */
    other.mr[CL_TDX_MRTD][47] ^= 1;
    verify(buffer + 24, size, &other, CL_VERDICT_REJECTED, NULL);
    w.cfg.mr_config_id[0] ^= 1; /* other initdata's */
    verify(buffer + 24, size, &m, CL_VERDICT_REJECTED, "tdx.mrconfigid");
    w.cfg.mr_config_id[0] ^= 1;
    done();
}
END_TEST

static void other_td(uint8_t *answer, size_t size)
{
    ck_assert_uint_gt(size, 600);
    answer[4 + 24 + 48 + 136] ^= 1; /* MRTD in the quote's body (a.4) */
}

static void refuses(uint8_t *answer, size_t size)
{
    ck_assert_uint_gt(size, 20);
    answer[4 + 12] = 1; /* error_code */
}

/* A host whose service changes the quote gets it to the guest, and nowhere further. */
START_TEST(test_service_that_lies)
{
    static uint8_t buffer[QUOTE_BUFFER_SIZE];
    struct cl_tdx_measurement m;
    init(/* with_service= */ true);
    ck_assert_uint_eq(run(other_td), QUOTE_GOT);
    size_t size = quote_in_guest(buffer);
    world_registers(&w, &m);
    verify(buffer + 24, size, &m, CL_VERDICT_REJECTED, "tdx.quote.signature");
    done();
}
END_TEST

/* The guest goes on and knows. */
START_TEST(test_no_quote)
{
    init(/* with_service= */ _i == 0);
    ck_assert_uint_eq(run(refuses), 5);
    done();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tdx_chain");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_from_launch_to_verdict);
    tcase_add_test(t, test_service_that_lies);
    tcase_add_loop_test(t, test_no_quote, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
