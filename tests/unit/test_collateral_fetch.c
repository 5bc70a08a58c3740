/* SPDX-License-Identifier: Apache-2.0
 * test_collateral_fetch.c - `cloister collateral` against a server that speaks the URLs of AMD's
 * KDS and of a PCCS, in good and in bad ways. Loopback only.
 */
#include "check_main.h"
#include "collateral_server.h"
#include "collateral_world.h"
#include "fetch.h"
#include "shared_vectors.h"

#include "base/io.h"
#include "base/json.h"
#include "cloister/collateral.h"
#include "cloister/collateral_cmd.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char base_dir[64];

static char *path_of(char ret[static 512], const char *dir, const char *name)
{
    int n = snprintf(ret, 512, "%s/%s", dir, name);
    if (n <= 0 || n >= 512) {
        abort();
    }
    return ret;
}

static void remove_tree(const char *dir)
{
    DIR *d = opendir(dir);
    char path[512];
    for (struct dirent *e = NULL; d != NULL && (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        if (unlink(path_of(path, dir, e->d_name)) != 0) {
            remove_tree(path);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    (void)rmdir(dir);
}

struct fixture {
    struct collateral_server server;
    char dir[512]; /* of this test: evidence, cache, out, stdout, stderr */
};

static void fx_start(struct fixture *f)
{
    uint8_t report[CL_SNP_REPORT_SIZE];
    char path[512];
    (void)snprintf(f->dir, sizeof(f->dir), "%s/XXXXXX", base_dir);
    ck_assert_ptr_nonnull(mkdtemp(f->dir));
    cw_report(report);
    ck_assert_int_eq(
        cl_write_file(path_of(path, f->dir, "report.bin"), report, sizeof(report), 0644, NULL),
        CL_OK);
    server_start(&f->server);
}

static void fx_done(struct fixture *f)
{
    server_stop(&f->server);
    remove_tree(f->dir);
}

#define MAX_ARGS 24

/* Runs the command in a process of its own, its output in `dir`; starts only. */
static pid_t start(const struct fixture *f, const char *const *args)
{
    char path[512];
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int argc = 0;
        char *argv[MAX_ARGS + 1] = {0};
        while (args[argc] != NULL && argc < MAX_ARGS) {
            argv[argc] = (char *)(uintptr_t)args[argc];
            argc++;
        }
        if (freopen(path_of(path, f->dir, "stdout"), "w", stdout) == NULL ||
            freopen(path_of(path, f->dir, "stderr"), "w", stderr) == NULL) {
            _exit(99);
        }
        exit(cl_cmd_collateral(argc, argv)); /* so that a sanitizer looks for leaks */
    }
    return pid;
}

static int finish(pid_t pid)
{
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void read_text(const struct fixture *f, const char *name, struct cl_buf *out)
{
    char path[512];
    cl_buf_reset(out);
    ck_assert_int_eq(cl_buf_read_file(out, path_of(path, f->dir, name), 1u << 20, NULL), CL_OK);
    ck_assert_int_eq(cl_buf_append_str(out, "", NULL), CL_OK);
}

enum what { SNP, TDX };

/* The arguments of a fetch; `mode` chooses the server's behaviour. */
struct fetch_args {
    char url[64], out[512], cache[512], report[512];
    const char *argv[MAX_ARGS + 1];
    int argc;
};

static void fetch_args(const struct fixture *f, const char *mode, enum what what,
                       struct fetch_args *a)
{
    (void)snprintf(a->url, sizeof(a->url), "http://127.0.0.1:%u/%s", (unsigned)f->server.port,
                   mode);
    path_of(a->out, f->dir, "out");
    path_of(a->cache, f->dir, "cache");
    path_of(a->report, f->dir, "report.bin");
    const char *snp[] = {"collateral", "fetch",     "--out", a->out,      "--cache",
                         a->cache,     "--timeout", "2",     "--kds-url", a->url,
                         "--evidence", a->report,   NULL};
    const char *tdx[] = {"collateral", "fetch",        "--out", a->out,      "--cache",
                         a->cache,     "--timeout",    "2",     "--pcs-url", a->url,
                         "--fmspc",    "b0c06f000000", "--ca",  "platform",  NULL};
    const char **from = what == SNP ? snp : tdx;
    a->argc = 0;
    for (; from[a->argc] != NULL; a->argc++) {
        a->argv[a->argc] = from[a->argc];
    }
    a->argv[a->argc] = NULL;
}

static void add_arg(struct fetch_args *a, const char *arg)
{
    ck_assert_int_lt(a->argc, MAX_ARGS);
    a->argv[a->argc++] = arg;
    a->argv[a->argc] = NULL;
}

static int fetch(const struct fixture *f, const char *mode, enum what what)
{
    struct fetch_args a;
    fetch_args(f, mode, what, &a);
    return finish(start(f, a.argv));
}

/* What the out folder holds, loaded as verify would. */
static size_t loaded(const struct fixture *f)
{
    char path[512];
    struct cl_collateral *c = NULL;
    struct cl_err err = {0};
    struct cl_collateral_options o = {.time = (int64_t)time(NULL)};
    ck_assert_int_eq(cl_collateral_new(&c, NULL), CL_OK);
    ck_assert_msg(cl_collateral_add_path(c, path_of(path, f->dir, "out"), &o, &err) == CL_OK, "%s",
                  err.msg);
    size_t n = cl_collateral_count(c);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(cl_collateral_check_issuer(c, cl_collateral_item(c, i), NULL), CL_OK);
    }
    cl_collateral_free(c);
    return n;
}

static bool exists(const struct fixture *f, const char *name)
{
    char path[512];
    return access(path_of(path, f->dir, name), F_OK) == 0;
}

START_TEST(test_fetches_what_evidence_needs)
{
    struct fixture f;
    struct cl_buf out = {0};
    fx_start(&f);
    ck_assert_int_eq(fetch(&f, _i == 2 ? "hex" : "ok", _i == 0 ? SNP : TDX), 0);
    ck_assert_uint_eq(loaded(&f), _i == 0 ? 3 : 4);
    ck_assert_uint_eq(*f.server.requests, _i == 0 ? 3 : 4);
    read_text(&f, "stdout", &out);
    ck_assert_ptr_nonnull(strstr((char *)out.data, _i == 0 ? "fetched  amd-vcek-chain.milan.pem"
                                                           : "fetched  intel-root-crl.der"));
    cl_buf_done(&out);
    fx_done(&f);
}
END_TEST

START_TEST(test_the_cache_saves_requests)
{
    struct fixture f;
    struct cl_buf out = {0};
    struct fetch_args a;
    fx_start(&f);
    ck_assert_int_eq(fetch(&f, "ok", TDX), 0);
    ck_assert_int_eq(fetch(&f, "ok", TDX), 0);
    ck_assert_uint_eq(*f.server.requests, 4);
    read_text(&f, "stdout", &out);
    ck_assert_ptr_nonnull(strstr((char *)out.data, "cached   intel-pck-crl.platform.der"));
    fetch_args(&f, "ok", TDX, &a);
    add_arg(&a, "--refresh");
    ck_assert_int_eq(finish(start(&f, a.argv)), 0);
    ck_assert_uint_eq(*f.server.requests, 8);
    fetch_args(&f, "ok", TDX, &a);
    add_arg(&a, "--max-age");
    add_arg(&a, "0");
    ck_assert_int_eq(finish(start(&f, a.argv)), 0);
    ck_assert_uint_eq(*f.server.requests, 12);
    cl_buf_done(&out);
    fx_done(&f);
}
END_TEST

/* Damage to every file of the cache: it is fetched again, never used. */
START_TEST(test_a_damaged_cache_is_not_used)
{
    struct fixture f;
    char dir[512], path[512];
    fx_start(&f);
    ck_assert_int_eq(fetch(&f, "ok", TDX), 0);
    DIR *d = opendir(path_of(dir, f.dir, "cache"));
    for (struct dirent *e = NULL; (e = readdir(d)) != NULL;) {
        if (strstr(e->d_name, ".json") != NULL) {
            struct stat st;
            ck_assert_int_eq(stat(path_of(path, dir, e->d_name), &st), 0);
            ck_assert_int_eq(st.st_mode & 0777, 0600);
            ck_assert_int_eq(truncate(path, st.st_size / 2), 0);
        }
    }
    (void)closedir(d);
    ck_assert_int_eq(fetch(&f, "ok", TDX), 0);
    ck_assert_uint_eq(*f.server.requests, 8);
    fx_done(&f);
}
END_TEST

/* A server that goes away: what is still in its period is used, and said to be stale. */
START_TEST(test_a_server_that_is_gone_leaves_the_cache)
{
    struct fixture f;
    struct cl_buf out = {0};
    struct fetch_args a;
    fx_start(&f);
    ck_assert_int_eq(fetch(&f, "ok", TDX), 0);
    server_stop(&f.server);
    fetch_args(&f, "ok", TDX, &a);
    add_arg(&a, "--refresh");
    ck_assert_int_eq(finish(start(&f, a.argv)), 0);
    read_text(&f, "stdout", &out);
    ck_assert_ptr_nonnull(strstr((char *)out.data, "stale    intel-pck-crl.platform.der"));
    server_start(&f.server);
    cl_buf_done(&out);
    fx_done(&f);
}
END_TEST

START_TEST(test_waits_as_a_busy_server_asks)
{
    struct fixture f;
    struct fetch_args a;
    fx_start(&f);
    fetch_args(&f, _i == 0 ? "busy" : "busy503", SNP, &a);
    add_arg(&a, "--timeout");
    add_arg(&a, "20");
    uint64_t from = cl_monotonic_us();
    ck_assert_int_eq(finish(start(&f, a.argv)), 0);
    uint64_t took = cl_monotonic_us() - from;
    ck_assert_uint_eq(*f.server.requests, 6); /* each of three twice */
    ck_assert_uint_ge(took, _i == 0 ? 3000000 : 1500000);
    ck_assert_uint_eq(loaded(&f), 3);
    fx_done(&f);
}
END_TEST

static const struct {
    const char *mode;
    enum what what;
    int rc;
    const char *message; /* a part of it */
} failures[] = {
    {"later", SNP, 3, "got 429; the server wants 3600 s more, past --timeout"},
    {"stall", SNP, 3, "answer: expected a whole one, got 'Timeout was reached"},
    {"silent", SNP, 3, "answer: expected a whole one, got 'Timeout was reached"},
    {"cut", SNP, 3, "answer: expected a whole one, got 'Transferred a partial file"},
    {"down", SNP, 3, "answer: expected a whole one, got 'Server returned nothing"},
    {"big", SNP, 4, "size: expected at most 1048576 bytes, got more"},
    {"endless", SNP, 4, "size: expected at most 1048576 bytes, got more"},
    {"headers", SNP, 4, "headers: expected at most 262144 bytes, got more"},
    {"garbage", SNP, 4, "amd-vcek-chain: PEM: contents: expected a certificate, got none"},
    {"garbage", TDX, 4, "intel-tcb-info: issuer chain: expected one, got none"},
    {"empty", SNP, 4, "amd-vcek-chain: size: expected 1 to 1048576 bytes, got 0"},
    {"missing", SNP, 3, "HTTP status: expected 200, got 404"},
    {"error", SNP, 3, "HTTP status: expected 200, got 500"},
    {"redirect", SNP, 3, "HTTP status: expected 200 and no redirect, got 302"},
    {"moved", SNP, 3, "HTTP status: expected 200 and no redirect, got 301"},
    {"product", SNP, 1, "amd-vcek-chain: subject: expected what the URL names, got another's"},
    {"product", TDX, 1, "intel-tcb-info: subject: expected what the URL names, got another's"},
    {"chain", SNP, 1, "amd-vcek: signature: expected its issuer's, got another"},
    {"chip", SNP, 1, "amd-vcek: subject: expected what the URL names, got another's"},
    {"forged", SNP, 1, "amd-vcek-crl: signature: expected its issuer's, got another"},
    {"forged", TDX, 1, "intel-tcb-info: signature: expected its issuer's, got another"},
    {"expired", TDX, 3, "expiry: expected a time to come, got "},
    {"nochain", TDX, 4, "intel-tcb-info: issuer chain: expected one, got none"},
    {"twochains", TDX, 4, "issuer chain: expected one, of a bounded size, got others"},
    {"badchain", TDX, 4, "intel-tcb-info: issuer chain: PEM: contents: expected a certificate"},
};

START_TEST(test_bad_answers_store_nothing)
{
    struct fixture f;
    struct cl_buf text = {0};
    fx_start(&f);
    uint64_t from = cl_monotonic_us();
    int rc = fetch(&f, failures[_i].mode, failures[_i].what);
    read_text(&f, "stderr", &text);
    ck_assert_msg(rc == failures[_i].rc && strstr((char *)text.data, failures[_i].message) != NULL,
                  "%s: %d: %s", failures[_i].mode, rc, (char *)text.data);
    ck_assert_uint_lt(cl_monotonic_us() - from, 20000000);
    ck_assert(!exists(&f, "out"));
    read_text(&f, "stdout", &text);
    ck_assert_uint_eq(text.len, 0);
    cl_buf_done(&text);
    fx_done(&f);
}
END_TEST

/* Eight at once: each URL is asked for once, and all have everything. */
START_TEST(test_concurrent_fetches_ask_once)
{
    struct fixture f;
    struct fetch_args a;
    pid_t pids[8];
    fx_start(&f);
    fetch_args(&f, "slow", SNP, &a);
    add_arg(&a, "--timeout");
    add_arg(&a, "60");
    for (size_t i = 0; i < CL_ARRAY_LEN(pids); i++) {
        pids[i] = start(&f, a.argv);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(pids); i++) {
        ck_assert_int_eq(finish(pids[i]), 0);
    }
    ck_assert_uint_eq(*f.server.requests, 3);
    ck_assert_uint_eq(loaded(&f), 3);
    fx_done(&f);
}
END_TEST

START_TEST(test_flags_name_what_is_needed)
{
    struct fixture f;
    struct fetch_args a;
    char chip[129];
    fx_start(&f);
    fetch_args(&f, "ok", SNP, &a);
    a.argc -= 2; /* no --evidence */
    add_arg(&a, "--product");
    add_arg(&a, "milan");
    if (_i == 0) {
        add_arg(&a, "--vlek");
    } else if (_i == 1) {
        for (size_t i = 0; i < 64; i++) {
            memcpy(chip + 2 * i, "c1", 3);
        }
        add_arg(&a, "--chip-id");
        add_arg(&a, chip);
        add_arg(&a, "--tcb");
        add_arg(&a, "04000000000018db");
    }
    add_arg(&a, "--json");
    ck_assert_int_eq(finish(start(&f, a.argv)), 0);
    ck_assert_uint_eq(loaded(&f), _i == 1 ? 3 : 2);
    ck_assert(exists(&f, _i == 0 ? "out/amd-vlek-crl.milan.der" : "out/amd-vcek-crl.milan.der"));
    struct cl_buf out = {0};
    json_t *j = NULL;
    read_text(&f, "stdout", &out);
    ck_assert_int_eq(cl_json_parse(out.data, out.len, "out", &j, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(j, "schema")),
                     "cloister.collateral-fetch/1");
    ck_assert_uint_eq(json_array_size(json_object_get(j, "items")), _i == 1 ? 3 : 2);
    json_decref(j);
    cl_buf_done(&out);
    fx_done(&f);
}
END_TEST

/* A TDX quote names its platform in the PCK certificate that it brings. */
START_TEST(test_quotes_say_what_they_need)
{
    struct fixture f;
    struct fetch_args a;
    char quote[1024];
    if (_i == 1 && !shared_available("tdx")) {
        return;
    }
    fx_start(&f);
    path_of(quote, f.dir, "quote.bin");
    ck_assert_int_eq(
        cl_write_file(quote, cw_doc(CW_QUOTE)->data, cw_doc(CW_QUOTE)->len, 0644, NULL), CL_OK);
    if (_i == 1) { /* a real one of the same platform */
        shared_path(quote, "tdx/v4_dcapqvl_uptodate.quote.bin");
    }
    fetch_args(&f, "ok", TDX, &a);
    a.argc -= 4; /* no --fmspc and --ca */
    add_arg(&a, "--evidence");
    add_arg(&a, quote);
    ck_assert_int_eq(finish(start(&f, a.argv)), 0);
    ck_assert_uint_eq(loaded(&f), 4);
    fx_done(&f);
}
END_TEST

/* --tls-ca names the roots; without it a certificate of the server's own making is refused, and so
 * is one for another name. */
START_TEST(test_tls_is_always_verified)
{
    static const struct {
        const char *host;
        bool trusted;
        int rc;
    } rows[] = {{"127.0.0.1", true, 0}, {"127.0.0.1", false, 1}, {"localhost", true, 1}};
    struct fixture f;
    struct fetch_args a;
    struct cl_buf text = {0};
    char cert[512];
    fx_start(&f);
    server_stop(&f.server);
    server_start_tls(&f.server, path_of(cert, f.dir, "tls.pem"));
    fetch_args(&f, "ok", SNP, &a);
    (void)snprintf(a.url, sizeof(a.url), "https://%s:%u/ok", rows[_i].host,
                   (unsigned)f.server.port);
    if (rows[_i].trusted) {
        add_arg(&a, "--tls-ca");
        add_arg(&a, cert);
    }
    int rc = finish(start(&f, a.argv));
    read_text(&f, "stderr", &text);
    ck_assert_msg(rc == rows[_i].rc, "%d: %s", rc, (char *)text.data);
    if (rc != 0) {
        ck_assert_ptr_nonnull(strstr((char *)text.data, "TLS certificate: expected a trusted one"));
        ck_assert(!exists(&f, "out"));
    }
    cl_buf_done(&text);
    fx_done(&f);
}
END_TEST

START_TEST(test_a_version_2_report_does_not_name_its_product)
{
    struct fixture f;
    struct fetch_args a;
    struct cl_buf text = {0};
    uint8_t report[CL_SNP_REPORT_SIZE];
    fx_start(&f);
    cw_report(report);
    report[0] = 2;
    fetch_args(&f, "ok", SNP, &a);
    ck_assert_int_eq(cl_write_file(a.report, report, sizeof(report), 0644, NULL), CL_OK);
    ck_assert_int_eq(finish(start(&f, a.argv)), 4);
    read_text(&f, "stderr", &text);
    ck_assert_ptr_nonnull(
        strstr((char *)text.data, "report: product: expected one that the report"));
    add_arg(&a, "--product");
    add_arg(&a, "milan");
    ck_assert_int_eq(finish(start(&f, a.argv)), 0);
    ck_assert_uint_eq(loaded(&f), 3);
    cl_buf_done(&text);
    fx_done(&f);
}
END_TEST

START_TEST(test_urls_are_those_of_the_services)
{
    static const char *const amd[] = {
        "https://kdsintf.amd.com/vcek/v1/Turin/cert_chain",
        "https://kdsintf.amd.com/vcek/v1/Turin/crl",
        ("https://kdsintf.amd.com/vcek/v1/Turin/"
         "0102030400000000?fmcSPL=01&blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219")};
    static const char *const intel[] = {
        "https://api.trustedservices.intel.com/sgx/certification/v4/tcb?fmspc=00906ed50000",
        "https://api.trustedservices.intel.com/sgx/certification/v4/qe/identity",
        ("https://api.trustedservices.intel.com/sgx/certification/v4/"
         "pckcrl?ca=processor&encoding=der"),
        "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"};
    struct fetch_options o = {
        .kds_url = FETCH_KDS_URL, .pcs_url = FETCH_PCS_URL, .root_crl_url = FETCH_ROOT_CRL_URL};
    struct fetch_request turin = {
        .product = CL_SNP_PRODUCT_TURIN,
        .has_chip = true,
        .chip_id = {1, 2, 3, 4},
        .tcb = {.has_fmc = true, .fmc = 1, .bootloader = 4, .snp = 24, .microcode = 219}};
    struct fetch_request sgx = {.intel = true,
                                .tee = CL_COLLATERAL_SGX,
                                .ca = CL_COLLATERAL_PROCESSOR,
                                .fmspc = {0, 0x90, 0x6e, 0xd5}};
    struct fetch_target t[FETCH_MAX_TARGETS];
    size_t n = 0;
    ck_assert_int_eq(fetch_plan(&o, &turin, t, &n, NULL), CL_OK);
    ck_assert_uint_eq(n, CL_ARRAY_LEN(amd));
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_eq(t[i].url, amd[i]);
    }
    ck_assert_int_eq(fetch_plan(&o, &sgx, t, &n, NULL), CL_OK);
    ck_assert_uint_eq(n, CL_ARRAY_LEN(intel));
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_eq(t[i].url, intel[i]);
    }
}
END_TEST

static const struct {
    const char *args[10]; /* behind `collateral fetch` */
    const char *message;
} misuse[] = {
    {{"--product", "milan"}, "--out: expected a folder, got nothing"},
    {{"--out", "x"}, "--evidence: expected it, --product or --fmspc, got none"},
    {{"--out", "x", "--fmspc", "000000000000"}, "--fmspc: expected it together with --ca"},
    {{"--out", "x", "--fmspc", "00", "--ca", "platform"}, "--fmspc: expected 12 hex digits"},
    {{"--out", "x", "--product", "rome"}, "--product: expected one of --help's words, got 'rome'"},
    {{"--out", "x", "--product", "milan", "--tcb", "00"}, "--chip-id: expected it together"},
    {{"--out", "x", "--product", "milan", "--kds-url", "http://192.0.2.1"},
     "--kds-url: expected https (http only to this machine), got 'http://192.0.2.1'"},
    {{"--out", "x", "--product", "milan", "--kds-url", "ftp://localhost"}, "--kds-url: expected"},
    {{"--out", "x", "--product", "milan", "--kds-url", "https://u@h"}, "--kds-url: expected"},
    {{"--out", "x", "--product", "milan", "--kds-url", "https://h/?q"}, "--kds-url: expected"},
    {{"--out", "x", "--product", "milan", "--kds-url", "https://h/"}, "--kds-url: expected"},
    {{"--out", "x", "--product", "milan", "--timeout", "0"}, "--timeout: expected"},
    {{"--out", "x", "--product", "milan", "more"}, "argument: expected none, got 'more'"},
};

START_TEST(test_misuse_is_told_before_anything_is_asked)
{
    struct fixture f;
    struct cl_buf text = {0};
    const char *argv[MAX_ARGS + 1] = {"collateral", "fetch"};
    fx_start(&f);
    memcpy(argv + 2, misuse[_i].args, sizeof(misuse[_i].args));
    ck_assert_int_eq(finish(start(&f, argv)), 2);
    read_text(&f, "stderr", &text);
    ck_assert_msg(strstr((char *)text.data, misuse[_i].message) != NULL, "%s", (char *)text.data);
    ck_assert_uint_eq(*f.server.requests, 0);
    cl_buf_done(&text);
    fx_done(&f);
}
END_TEST

/* fetch, bundle, show: from a server to one signed file, of which the server is no longer needed.
 */
START_TEST(test_from_server_to_signed_bundle)
{
    struct fixture f;
    struct cl_buf text = {0};
    json_t *j = NULL;
    char out[512], bundle[512], key[512];
    fx_start(&f);
    path_of(out, f.dir, "out");
    path_of(bundle, f.dir, "bundle.json");
    path_of(key, f.dir, "signer.key");
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    FILE *fp = fopen(key, "w");
    ck_assert_int_eq(PEM_write_PrivateKey(fp, pkey, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(fp);
    EVP_PKEY_free(pkey);
    ck_assert_int_eq(fetch(&f, "ok", SNP), 0);
    ck_assert_int_eq(fetch(&f, "ok", TDX), 0);
    const char *make[] = {"collateral", "bundle", "--key", key, "--out", bundle, out, NULL};
    ck_assert_int_eq(finish(start(&f, make)), 0);
    const char *show[] = {"collateral", "show", "--signer", key, "--json", bundle, NULL};
    ck_assert_int_eq(finish(start(&f, show)), 0);
    read_text(&f, "stdout", &text);
    ck_assert_int_eq(cl_json_parse(text.data, text.len, "show", &j, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(j, "schema")), "cloister.collateral-show/1");
    ck_assert_uint_eq(json_array_size(json_object_get(j, "items")), 7);
    json_decref(j);
    const char *later[] = {"collateral", "show", "--time", "2096-01-01T00:00:00Z", bundle, NULL};
    ck_assert_int_eq(finish(start(&f, later)), 3);
    read_text(&f, "stderr", &text);
    ck_assert_ptr_nonnull(strstr((char *)text.data, ": bundle: expected expiry after 2096"));
    const char *foreign[] = {
        "collateral", "show",
        "--signer",   "0000000000000000000000000000000000000000000000000000000000000000",
        bundle,       NULL};
    ck_assert_int_eq(finish(start(&f, foreign)), 1);
    cl_buf_done(&text);
    fx_done(&f);
}
END_TEST

int main(void)
{
    cw_init((int64_t)time(NULL));
    (void)snprintf(base_dir, sizeof(base_dir), "/tmp/cloister-fetch-XXXXXX");
    if (mkdtemp(base_dir) == NULL) {
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("collateral fetch");
    TCase *t = tcase_create("fetch");
    tcase_add_loop_test(t, test_fetches_what_evidence_needs, 0, 3);
    tcase_add_test(t, test_the_cache_saves_requests);
    tcase_add_test(t, test_a_damaged_cache_is_not_used);
    tcase_add_test(t, test_a_server_that_is_gone_leaves_the_cache);
    tcase_add_loop_test(t, test_waits_as_a_busy_server_asks, 0, 2);
    tcase_add_loop_test(t, test_bad_answers_store_nothing, 0, (int)CL_ARRAY_LEN(failures));
    tcase_add_test(t, test_concurrent_fetches_ask_once);
    tcase_add_loop_test(t, test_flags_name_what_is_needed, 0, 3);
    tcase_add_loop_test(t, test_quotes_say_what_they_need, 0, 2);
    tcase_add_loop_test(t, test_tls_is_always_verified, 0, 3);
    tcase_add_test(t, test_a_version_2_report_does_not_name_its_product);
    tcase_add_test(t, test_urls_are_those_of_the_services);
    tcase_add_loop_test(t, test_misuse_is_told_before_anything_is_asked, 0,
                        (int)CL_ARRAY_LEN(misuse));
    tcase_add_test(t, test_from_server_to_signed_bundle);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    remove_tree(base_dir);
    return rc;
}
