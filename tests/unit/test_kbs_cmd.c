/* SPDX-License-Identifier: Apache-2.0
 * test_kbs_cmd.c - `cloister kbs` against the real broker: what each command does, what it prints,
 * its exit status and its error.
 */
#include "broker_fixture.h"
#include "cloister/corim.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char out_text[1u << 16];
static char err_text[4096];

static void slurp(const char *path, char *ret, size_t size)
{
    FILE *f = fopen(path, "r");
    size_t n = f != NULL ? fread(ret, 1, size - 1, f) : 0;
    ret[n] = '\0';
    if (f != NULL) {
        (void)fclose(f);
    }
}

static void put(const struct fx *f, const char *name, const char *text, char *ret_path)
{
    struct cl_err err = {0};
    (void)snprintf(ret_path, 256, "%s/%s", f->dir, name);
    fx_ok(cl_write_file(ret_path, text, strlen(text), 0600, &err), &err);
}

/* Runs `cloister kbs ARGS...` in a child (it writes to stdout); args end with NULL. */
static int kbs(const struct fx *f, const char *const *args)
{
    char out[256];
    char err[256];
    int status = 0;
    (void)snprintf(out, sizeof(out), "%s/out", f->dir);
    (void)snprintf(err, sizeof(err), "%s/err", f->dir);
    /* Another program, not a fork of this one: the broker's threads may hold any lock here. */
    union {
        const char *in[24];
        char *out[24];
    } argv = {.in = {"cloister", "kbs"}}; /* exec's type is older than const */
    for (size_t i = 0; args[i] != NULL && i + 3 < CL_ARRAY_LEN(argv.in); i++) {
        argv.in[i + 2] = args[i];
    }
    pid_t pid = fork();
    if (pid == 0) {
        int out_fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int err_fd = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (dup2(out_fd, 1) < 0 || dup2(err_fd, 2) < 0) {
            _exit(99);
        }
        (void)execv(CL_TEST_CLOISTER, argv.out);
        _exit(99);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    slurp(out, out_text, sizeof(out_text));
    slurp(err, err_text, sizeof(err_text));
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}
#define KBS(f, ...) kbs(f, (const char *const[]){__VA_ARGS__, NULL})

static void environment(const struct fx *f)
{
    char url[64];
    char path[256];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u",
                   (unsigned)cl_broker_admin_port(f->broker));
    ck_assert_int_eq(setenv("CLOISTER_KBS_URL", url, 1), 0);
    (void)snprintf(path, sizeof(path), "%s/tls.crt", f->dir);
    ck_assert_int_eq(setenv("CLOISTER_KBS_CERT", path, 1), 0);
    (void)snprintf(path, sizeof(path), "%s/admin.key", fx_base.state);
    ck_assert_int_eq(setenv("CLOISTER_KBS_ADMIN_KEY", path, 1), 0);
}

static void expect(int got, int want)
{
    ck_assert_msg(got == want, "exit %d, out: %s err: %s", got, out_text, err_text);
}
static void expect_out(const char *part)
{
    ck_assert_msg(strstr(out_text, part) != NULL, "expected %s in %s", part, out_text);
}
static void expect_err(const char *part)
{
    ck_assert_msg(strstr(err_text, part) != NULL, "expected %s in %s", part, err_text);
}

START_TEST(test_resources)
{
    struct fx f;
    char file[256];
    fx_start(&f, NULL);
    environment(&f);
    put(&f, "secret", "sesame", file);
    expect(KBS(&f, "set-resource", "a/b/c", file), 0);
    expect(KBS(&f, "get-resource", "a/b/c"), 0);
    ck_assert_str_eq(out_text, "sesame");
    expect(KBS(&f, "list-resources"), 0);
    expect_out("         6  a/b/c\n");
    expect(KBS(&f, "list-resources", "--json"), 0);
    expect_out("{\"schema\":\"cloister.resources/1\",\"resources\":[{\"path\":\"a/b/c\"");
    expect(KBS(&f, "delete-resource", "a/b/c"), 0);
    expect(KBS(&f, "get-resource", "a/b/c"), 1);
    expect_err("cloister: kbs get-resource: broker: refused: resource 'a/b/c': not found");
    expect(KBS(&f, "set-resource", "a/b", file), 4);
    expect_err("path: expected repository/type/tag");
    put(&f, "empty", "", file);
    expect(KBS(&f, "set-resource", "a/b/c", file), 4);
    expect_err("expected a secret, got an empty file");
    expect(KBS(&f, "set-resource", "a/b/c", "/nonexistent"), 5);
    expect_err("No such file or directory");
    fx_done(&f);
}
END_TEST

#define D1 "1111111111111111111111111111111111111111111111111111111111111111"
#define RULE(resource)                                                                             \
    "{\"resource\":\"" resource "\",\"classes\":[\"sim-snp\"],\"initdata\":[\"" D1 "\"]}"
#define POLICY(rules) "{\"schema\":\"cloister.resource-policy/1\",\"rules\":[" rules "]}"

START_TEST(test_resource_policy)
{
    struct fx f;
    char file[256];
    fx_start(&f, NULL);
    environment(&f);
    put(&f, "policy", POLICY(RULE("a/b/*") "," RULE("x/y/*")), file);
    expect(KBS(&f, "set-policy", file), 0);
    expect(KBS(&f, "get-policy"), 0);
    ck_assert_str_eq(out_text, POLICY(RULE("a/b/*") "," RULE("x/y/*")) "\n");
    put(&f, "part", POLICY(RULE("a/b/*") "," RULE("a/b/*")), file);
    expect(KBS(&f, "set-policy", "--resource", "a/b/*", file), 0);
    expect(KBS(&f, "get-policy"), 0);
    ck_assert_str_eq(out_text, POLICY(RULE("x/y/*") "," RULE("a/b/*") "," RULE("a/b/*")) "\n");
    expect(KBS(&f, "set-policy", "--resource", "x/y/*", file), 4);
    expect_err("policy: rule 0: resource: expected 'x/y/*', got 'a/b/*'");
    expect(KBS(&f, "get-policy", "--history"), 0);
    expect_out("\"version\":3");
    put(&f, "bad", "{\"schema\":\"cloister.resource-policy/1\",\"rules\":[{}]}", file);
    expect(KBS(&f, "set-policy", file), 4);
    expect_err("policy: rule 0: resource: expected string, got nothing");
    fx_done(&f);
}
END_TEST

#define HEX96                                                                                      \
    "4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d" \
    "4d"                                                                                           \
    "4d"

START_TEST(test_trust)
{
    struct fx f;
    char file[256];
    char ark[256];
    fx_start(&f, NULL);
    environment(&f);
    put(&f, "measure",
        "{\"schema\":\"cloister.measure/1\",\"tee\":\"snp\",\"digest\":\"" HEX96 "\"}", file);
    expect(KBS(&f, "from-measure", file), 4);
    expect_err("expected --class snp or sim-snp, got none");
    expect(KBS(&f, "from-measure", "--class", "sim-snp", "--days", "3", file), 0);
    expect(KBS(&f, "list-references"), 0);
    expect_out("sim-snp  " HEX96);
    expect(KBS(&f, "delete-reference", "sim-snp", HEX96), 0);
    put(&f, "reference",
        "{\"schema\":\"cloister.reference/1\",\"measurement\":\"" HEX96
        "\",\"expires\":\"2120-01-01T00:00:00Z\"}",
        file);
    expect(KBS(&f, "set-reference", file), 4);
    expect(KBS(&f, "set-reference", "--class", "snp", file), 0);
    expect(KBS(&f, "list-references", "--json"), 0);
    expect_out("\"class\":\"snp\"");
    (void)snprintf(ark, sizeof(ark), "%s/ark.der", fx_base.pki);
    expect(KBS(&f, "set-sim-root", ark), 0);
    expect(KBS(&f, "list-sim-roots"), 0);
    ck_assert_uint_gt(strlen(out_text), 96);
    expect(KBS(&f, "revoke", "measurement", HEX96, "--note", "lost"), 0);
    expect(KBS(&f, "list-revocations"), 0);
    expect_out("measurement  " HEX96);
    expect(KBS(&f, "unrevoke", "measurement", HEX96), 0);
    expect(KBS(&f, "unrevoke", "measurement", HEX96), 1);
    expect(KBS(&f, "revoke", "guest", "00"), 4);
    expect(KBS(&f, "audit"), 0);
    expect_out("allowed  revoke          measurement/" HEX96);
    expect(KBS(&f, "audit", "--json"), 0);
    expect_out("{\"schema\":\"cloister.audit/1\",\"lines\":[{\"id\":");
    fx_done(&f);
}
END_TEST

/* ref.cbor of two classes, one value with these RTMRs (bits); key.pub that signed it. */
static void put_corim(struct fx *f, unsigned rtmrs, char file[static 256], char pub[static 256])
{
    struct cl_buf out = {0};
    char *text = NULL;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *bio = BIO_new(BIO_s_mem());
    struct cl_corim c = {.id = "release 7",
                         .signer = "tests",
                         .not_before = 1,
                         .not_after = INT64_C(4000000000),
                         .count = 2};
    c.references[0].tee_class = CL_TEE_CLASS_SNP;
    c.references[1].tee_class = rtmrs != 0 ? CL_TEE_CLASS_SIM_TDX : CL_TEE_CLASS_SIM_SNP;
    for (size_t i = 0; i < CL_CORIM_RTMR_COUNT; i++) {
        c.references[1].has_rtmr[i] = (rtmrs >> i & 1u) != 0;
    }
    memset(c.references[0].measurement, 0x4d, sizeof(c.references[0].measurement));
    memset(c.references[1].measurement, 0x4e, sizeof(c.references[1].measurement));
    ck_assert_int_eq(cl_corim_write(&c, key, &out, NULL), CL_OK);
    put(f, "key.pub", "", pub);
    ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, key), 1);
    long len = BIO_get_mem_data(bio, &text);
    ck_assert_int_eq(cl_write_file(pub, text, (size_t)len, 0600, NULL), CL_OK);
    put(f, "ref.cbor", "", file);
    ck_assert_int_eq(cl_write_file(file, out.data, out.len, 0600, NULL), CL_OK);
    BIO_free(bio);
    EVP_PKEY_free(key);
    cl_buf_done(&out);
}

#define EVENT48                                                                                    \
    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a" \
    "5a"                                                                                           \
    "5a"

/* What `measure tdx --explain --json` prints: its events go along when they give the register. */
START_TEST(test_measured_td_as_reference)
{
    struct fx f;
    char file[256];
    char rtmr[97];
    char text[2048];
    uint8_t both[96] = {0};
    memset(both + 48, 0x5a, 48);
    ck_assert_int_eq(cl_sha384(both, both, sizeof(both), NULL), CL_OK);
    cl_hex(rtmr, both, 48);
    fx_start(&f, NULL);
    environment(&f);
    (void)snprintf(text, sizeof(text),
                   "{\"schema\":\"cloister.measure/1\",\"tee\":\"tdx\",\"mrtd\":\"" HEX96
                   "\",\"rtmr0\":null,\"rtmr1\":\"%s\",\"rtmr2\":\"" HEX96
                   "\",\"events\":[{\"register\":\"rtmr0\",\"name\":\"x\",\"digest\":\"" HEX96
                   "\"},{\"register\":\"rtmr1\",\"name\":\"kernel\",\"digest\":\"" EVENT48 "\"}]}",
                   rtmr);
    put(&f, "measure", text, file);
    expect(KBS(&f, "from-measure", file), 4);
    expect_err("expected --class tdx or sim-tdx, got none");
    expect(KBS(&f, "from-measure", "--class", "sim-tdx", file), 0);
    expect(KBS(&f, "list-references", "--json"), 0);
    expect_out("\"events\":{\"rtmr1\":[\"" EVENT48 "\"]}");
    expect_out("\"mrtd\":\"" HEX96 "\"");
    expect(KBS(&f, "from-measure", "--class", "snp", file), 4);
    fx_done(&f);
}
END_TEST

START_TEST(test_what_evidence_is_judged_by)
{
    struct fx f;
    char file[256];
    fx_start(&f, NULL);
    environment(&f);
    expect(KBS(&f, "get-verify-policy"), 0);
    expect_out("\"name\":\"default\"");
    put(&f, "policy", "{\"schema\":\"cloister.verify-policy/1\",\"sim-snp\":{}}", file);
    expect(KBS(&f, "set-verify-policy", file), 0);
    expect(KBS(&f, "get-verify-policy"), 0);
    ck_assert_str_eq(out_text, "{\"schema\":\"cloister.verify-policy/1\",\"sim-snp\":{}}\n");
    expect(KBS(&f, "get-verify-policy", "--history"), 0);
    expect_out("\"document\":{\"schema\":\"cloister.verify-policy/1\"");
    put(&f, "policy", "{\"schema\":\"cloister.verify-policy/1\",\"wish\":{}}", file);
    expect(KBS(&f, "set-verify-policy", file), 4);
    expect_err("wish");
    expect(KBS(&f, "set-collateral", file), 4);
    expect(KBS(&f, "list-collateral"), 0);
    ck_assert_str_eq(out_text, "");
    expect(KBS(&f, "delete-collateral"), 1);
    expect_err("not found");
    expect(KBS(&f, "set-distrust", file, file), 4);
    expect_err("distrust: key: expected a public key in PEM");
    expect(KBS(&f, "set-distrust", file), 2);
    expect(KBS(&f, "delete-distrust"), 1);
    fx_done(&f);
}
END_TEST

START_TEST(test_corim_as_reference)
{
    struct fx f;
    char file[256], pub[256], other[256], old[256];
    fx_start(&f, NULL);
    environment(&f);
    put_corim(&f, 0, file, pub);
    expect(KBS(&f, "set-reference", file), 4);
    expect_err("expected --corim-key with a CoRIM, got none");
    expect(KBS(&f, "set-reference", "--corim-key", pub, file), 0);
    expect(KBS(&f, "list-references", "--json"), 0);
    expect_out("\"class\":\"snp\",\"measurement\":\"" HEX96
               "\",\"expires\":\"2096-10-02T07:06:40Z\"");
    expect_out("\"class\":\"sim-snp\",\"measurement\":\"4e4e");
    expect(KBS(&f, "set-reference", "--class", "tdx", "--corim-key", pub, file), 1);
    (void)snprintf(old, sizeof(old), "%s", file);
    put(&f, "other.pub", "nothing", other);
    expect(KBS(&f, "set-reference", "--corim-key", other, old), 4);
    put_corim(&f, 1, file, pub); /* another key signed it, and it does not bind the kernel */
    expect(KBS(&f, "set-reference", "--class", "sim-tdx", "--corim-key", pub, file), 4);
    expect_err("RTMR1: expected a value, for the kernel is bound by it, got none");
    put_corim(&f, 7, file, pub);
    expect(KBS(&f, "set-reference", "--class", "sim-tdx", "--corim-key", pub, file), 0);
    expect(KBS(&f, "list-references", "--json"), 0);
    expect_out("\"class\":\"sim-tdx\",\"mrtd\":\"4e4e");
    fx_done(&f);
}
END_TEST

START_TEST(test_usage_and_refusals)
{
    struct fx f;
    char file[256];
    fx_start(&f, NULL);
    ck_assert_int_eq(unsetenv("CLOISTER_KBS_URL"), 0);
    expect(KBS(&f, "--help"), 0);
    expect_out("usage: cloister kbs");
    expect(KBS(&f, "nonsense"), 2);
    expect_err("cloister kbs: command: expected one of --help's list, got 'nonsense'");
    expect(KBS(&f, "--json"), 2);
    expect(KBS(&f, "get-resource"), 2);
    expect_err("get-resource: expected PATH, got 0 arguments");
    expect(KBS(&f, "get-resource", "a/b/c", "--nonsense"), 2);
    expect_err("unknown or incomplete option '--nonsense'");
    expect(KBS(&f, "list-resources"), 4);
    expect_err("cloister: kbs list-resources: expected --url (or CLOISTER_KBS_URL), got none");
    environment(&f);
    expect(KBS(&f, "--url", "http://127.0.0.1:1", "list-resources"), 4);
    expect_err("URL: expected https://host:port");
    expect(KBS(&f, "--url", "https://127.0.0.1:1", "list-resources"), 3);
    expect_err("Connection refused");
    /* a key the broker does not know */
    EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    ck_assert_int_eq(PEM_write_bio_PrivateKey(bio, other, NULL, NULL, 0, NULL, NULL), 1);
    ck_assert_int_eq(BIO_write(bio, "", 1), 1);
    (void)BIO_get_mem_data(bio, &pem);
    put(&f, "other.key", pem, file);
    expect(KBS(&f, "--admin-key", file, "list-resources"), 1);
    expect_err(
        "admin access denied for endpoint /kbs/v0/resources: JWT: signature does not verify");
    ck_assert_int_eq(chmod(file, 0644), 0);
    expect(KBS(&f, "--admin-key", file, "list-resources"), 1);
    expect_err("mode: expected 0600, got 0644");
    BIO_free(bio);
    EVP_PKEY_free(other);
    fx_done(&f);
}
END_TEST

/* ---- attest, against the simulated processor's socket ---- */

static void serve_reports(const struct guest *g, int listen_fd)
{
    for (;;) {
        int fd = accept(listen_fd, NULL, NULL);
        uint8_t request[8 + PSP_REPORT_REQ_SIZE];
        CL_CLEANUP(cl_buf_done) struct cl_buf answer = {0};
        uint8_t head[8];
        if (fd < 0 || cl_read_all(fd, request, sizeof(request), "request", NULL) != CL_OK ||
            psp_report_answer(&g->reporter, request + 8, PSP_REPORT_REQ_SIZE, &answer, NULL) !=
                CL_OK) {
            _exit(1);
        }
        struct cl_writer w = cl_writer_init(head, sizeof(head));
        cl_writer_le32(&w, PSP_OP_REPORT_REQ);
        cl_writer_le32(&w, (uint32_t)answer.len);
        if (cl_write_all(fd, head, sizeof(head), "answer", NULL) != CL_OK ||
            cl_write_all(fd, answer.data, answer.len, "answer", NULL) != CL_OK) {
            _exit(1);
        }
        (void)close(fd);
    }
}

START_TEST(test_attest_and_test_policy)
{
    struct fx f;
    struct guest g;
    int listen_fd = -1;
    char socket_path[256];
    char initdata[256];
    char evidence_file[256];
    char policy[256];
    uint8_t zero[64] = {0};
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf evidence = {0};
    fx_start(&f, NULL);
    environment(&f);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    (void)snprintf(socket_path, sizeof(socket_path), "%.100s/psp", fx_base.dir);
    fx_ok(cl_unix_listen(socket_path, &listen_fd, &err), &err);
    pid_t psp = fork();
    ck_assert_int_ge(psp, 0);
    if (psp == 0) {
        serve_reports(&g, listen_fd);
    }
    put(&f, "initdata", guest_initdata, initdata);
    expect(KBS(&f, "attest", "--url", f.url, "--tee", "sim", "--psp-socket", socket_path,
               "--initdata", initdata, "--resource", "default/key/1"),
           0);
    ck_assert_str_eq(out_text, "sesame");
    expect(KBS(&f, "attest", "--url", f.url, "--tee", "sim", "--psp-socket", socket_path), 0);
    ck_assert_int_eq(strncmp(out_text, "eyJ", 3), 0);
    expect(KBS(&f, "attest", "--url", f.url, "--tee", "sim", "--psp-socket", socket_path,
               "--resource", "other/key/1"),
           1);
    expect_err("Access denied by policy: policy.resource");
    expect(KBS(&f, "attest", "--url", f.url, "--tee", "snp"), 4);
    expect_err("--tee: expected sim, got snp");
    ck_assert_int_eq(kill(psp, SIGKILL), 0); /* SIGTERM has a handler of Check */
    (void)waitpid(psp, NULL, 0);
    /* the same evidence, tried against a policy that is not in force */
    fx_ok(guest_evidence(&g, zero, &evidence, &err), &err);
    put(&f, "evidence", (const char *)evidence.data, evidence_file);
    put(&f, "policy", POLICY(RULE("a/b/*")), policy);
    expect(KBS(&f, "test-policy", policy, "--evidence", evidence_file, "--resource", "a/b/c"), 1);
    expect_err("denied: policy.initdata: expected " D1 ", got ");
    expect(KBS(&f, "test-policy", policy), 4);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    fx_base_make();
    Suite *s = suite_create("kbs_cmd");
    TCase *t = tcase_create("kbs_cmd");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_resources);
    tcase_add_test(t, test_resource_policy);
    tcase_add_test(t, test_trust);
    tcase_add_test(t, test_measured_td_as_reference);
    tcase_add_test(t, test_what_evidence_is_judged_by);
    tcase_add_test(t, test_corim_as_reference);
    tcase_add_test(t, test_usage_and_refusals);
    tcase_add_test(t, test_attest_and_test_policy);
    suite_add_tcase(s, t);
    return fx_base_done(run_suite(s));
}
