/* SPDX-License-Identifier: Apache-2.0
 * test_attestation_cmd.c - `cloister measure`, `idblock` and `verify` as a user meets them: exit
 * status, stdout, the one line on stderr.
 */
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "check_main.h"
#include "cloister/attestation_cmd.h"
#include "cloister/corim.h"
#include "cloister/ear.h"
#include "cloister/jwt.h"
#include "cloister/pem.h"
#include "snp_image.h"
#include "snp_world.h"
#include "tdx_image.h"
#include "tdx_world.h"
#include "tpm_world.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char dir[64]; /* report.bin, ek.der, ask.der, ark.der, fw.bin, kernel, empty */

struct outcome {
    int status;
    struct cl_buf out, err;
};

static void outcome_done(struct outcome *o)
{
    cl_buf_done(&o->out);
    cl_buf_done(&o->err);
}

static void slurp(const char *name, struct cl_buf *out)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    ck_assert_int_eq(cl_buf_read_file(out, path, 1u << 22, NULL), CL_OK);
}

/* Runs a command line in a child; words are separated by single spaces, @ stands for the folder. */
static struct outcome run(const char *line)
{
    char text[2048], *argv[40], *save = NULL;
    size_t n = 0, argc = 0;
    for (const char *p = line; *p != '\0'; p++) {
        int k = *p == '@' ? snprintf(text + n, sizeof(text) - n, "%s", dir)
                          : snprintf(text + n, sizeof(text) - n, "%c", *p);
        n += (size_t)k;
        ck_assert_uint_lt(n, sizeof(text));
    }
    for (char *w = strtok_r(text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
        argv[argc++] = w;
        ck_assert_uint_lt(argc, CL_ARRAY_LEN(argv));
    }
    argv[argc] = NULL;
    (void)fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/stdout", dir);
        if (freopen(path, "w", stdout) == NULL) {
            _exit(99);
        }
        (void)snprintf(path, sizeof(path), "%s/stderr", dir);
        if (freopen(path, "w", stderr) == NULL) {
            _exit(99);
        }
        cl_log_init("cloister", false);
        int rc = strcmp(argv[0], "measure") == 0   ? cl_cmd_measure((int)argc, argv)
                 : strcmp(argv[0], "idblock") == 0 ? cl_cmd_idblock((int)argc, argv)
                                                   : cl_cmd_verify((int)argc, argv);
        (void)fflush(NULL);
        _exit(rc);
    }
    struct outcome o = {0};
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    o.status = WEXITSTATUS(status);
    slurp("stdout", &o.out);
    slurp("stderr", &o.err);
    return o;
}

static void expect(const char *line, int status, const char *in_stderr)
{
    CL_CLEANUP(outcome_done) struct outcome o = run(line);
    const char *err = o.err.data != NULL ? (const char *)o.err.data : "";
    ck_assert_msg(o.status == status, "%s: %d: %s", line, o.status, err);
    ck_assert_msg(strstr(err, in_stderr) != NULL, "%s: %s", line, err);
}

static void put(const char *name, const void *data, size_t len)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (cl_write_file(path, data, len, 0600, NULL) != CL_OK) {
        abort();
    }
}

static void put_cert(const char *name, const struct world_cert *c)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    world_cert_der(c, &der);
    put(name, der.data, der.len);
}

#define FW "measure snp --firmware @/fw.bin --cpus 1 "
#define DIGEST_1                                                                                   \
    "111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"   \
    "111111"
#define GOLDEN                                                                                     \
    "8e0f73a64a39c7abf1c98e710039875089cfd53bf1f4b0f6c7f55a1ef103cde45a008c1be1d4435f0908e5a88f8c" \
    "28d2"

START_TEST(test_measure_prints_the_digest_alone)
{
    CL_CLEANUP(outcome_done) struct outcome o = run(FW "--vcpu-type EPYC-v4 --vmm qemu");
    ck_assert_int_eq(o.status, 0);
    ck_assert_str_eq((const char *)o.out.data, GOLDEN "\n");
    ck_assert_uint_eq(o.err.len, 0);
    CL_CLEANUP(outcome_done)
    struct outcome same = run("measure snp --firmware @/fw.bin --vcpus 1 --vcpu-sig 0x800F12");
    ck_assert_str_eq((const char *)same.out.data, GOLDEN "\n");
}
END_TEST

START_TEST(test_measure_explains)
{
    CL_CLEANUP(outcome_done) struct outcome o = run(FW "--vcpu-sig 800f12 --explain " GOLDEN);
    ck_assert_int_eq(o.status, 0);
    ck_assert_ptr_nonnull(strstr((const char *)o.out.data, "000000810000  zero       "
                                                           "kernel-hashes"));
    CL_CLEANUP(outcome_done) struct outcome no = run(FW "--explain " GOLDEN);
    ck_assert_int_eq(no.status, 1);
    ck_assert_ptr_nonnull(strstr((const char *)no.err.data, "/fw.bin': digest: expected " GOLDEN));
    ck_assert_ptr_nonnull(strstr((const char *)no.err.data,
                                 "hint: it is the digest of these files with: --vcpu-type EPYC"));
    expect(FW "--explain " DIGEST_1, 1, "hint: no known variation (vCPUs, VMM, features");
    expect(FW "--kernel @/kernel --vmm gce --vcpu-sig 800f12 --explain " GOLDEN, 1,
           "with: --vmm cloister, no kernel hashes (without --kernel)");
    expect("measure snp --firmware @/fw.bin --cpus 7 --vcpu-sig 800f12 --guest-features 21 "
           "--explain " GOLDEN,
           1, "with: --cpus 1, --guest-features 1");
    CL_CLEANUP(outcome_done) struct outcome json = run(FW "--explain --json");
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    ck_assert_int_eq(cl_json_parse(json.out.data, json.out.len, "out", &j, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(j, "schema")), "cloister.measure/1");
    ck_assert_uint_eq(json_array_size(json_object_get(j, "pages")),
                      (size_t)json_integer_value(json_object_get(j, "page_count")));
    ck_assert_str_eq(json_string_value(json_object_get(j, "vcpu_sig")), "00a00f11");
}
END_TEST

#define MEASURE_TDX "measure tdx --firmware @/tdx.bin "
#define MRTD                                                                                       \
    "606ac2bff977e69986ab1c76db86ff14b28351adab65e40ed0b0d213a49c293309c91b051656a0fde3f123113b6f" \
    "3490"
#define MRTD_TWO_PASS                                                                              \
    "07f5f52c81aed537fc10255e39d0faa15b73d48ce15abff607dd99fe413ba9bc528fd75d4666cbc95813982af865" \
    "ac49"

START_TEST(test_measure_tdx_prints_registers)
{
    CL_CLEANUP(outcome_done) struct outcome o = run(MEASURE_TDX "--two-pass");
    ck_assert_int_eq(o.status, 0);
    ck_assert_str_eq((const char *)o.out.data,
                     "mrtd   " MRTD_TWO_PASS "\nrtmr0  needs the memory size\n"
                     "rtmr1  needs a kernel\nrtmr2  needs a kernel\n");
    CL_CLEANUP(outcome_done) struct outcome json = run(MEASURE_TDX "--memory 1G --explain --json");
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    ck_assert_int_eq(cl_json_parse(json.out.data, json.out.len, "out", &j, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(j, "schema")), "cloister.measure/1");
    ck_assert_str_eq(json_string_value(json_object_get(j, "tee")), "tdx");
    ck_assert_str_eq(json_string_value(json_object_get(j, "mrtd")), MRTD);
    ck_assert(json_is_null(json_object_get(j, "rtmr1")));
    ck_assert_uint_eq(json_array_size(json_object_get(j, "pages")), 58);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "events")), 1);
}
END_TEST

START_TEST(test_measure_tdx_explains)
{
    CL_CLEANUP(outcome_done) struct outcome o = run(MEASURE_TDX "--memory 1G --explain " MRTD);
    ck_assert_int_eq(o.status, 0);
    ck_assert_ptr_nonnull(strstr((const char *)o.out.data, "0000ffff0000  measured bfv"));
    ck_assert_ptr_nonnull(strstr((const char *)o.out.data, "rtmr0  TD HOB\n       event "));
    expect(MEASURE_TDX "--explain " MRTD_TWO_PASS, 1,
           "hint: it is mrtd of these files with: --variant two-pass");
    expect(MEASURE_TDX "--explain " DIGEST_1, 1,
           "hint: no known variation (page order, VMM, memory");
}
END_TEST

START_TEST(test_measure_tdx_usage)
{
    expect(MEASURE_TDX "--memory x", 2, "--memory: expected");
    expect(MEASURE_TDX "--vmm gce", 2, "VMM: expected cloister or qemu, got 'gce'");
    expect(MEASURE_TDX "--variant x", 2, "variant: expected two-pass, read-on,");
    expect(MEASURE_TDX "--variant patched-kernel", 4, "variants: expected ones that go together");
    expect(MEASURE_TDX "--memory 1M", 4, "memory: expected a multiple of 2 MiB up to 64 TiB");
    expect(MEASURE_TDX "--explain ab", 2, "--explain: expected 96 hex digits");
    expect(MEASURE_TDX "word", 2, "argument: expected none, got 'word'");
    expect("measure tdx --firmware @/fw.bin", 4, "tables: expected a TDVF descriptor, got none");
    CL_CLEANUP(outcome_done) struct outcome help = run("measure tdx --help");
    ck_assert_ptr_nonnull(strstr((const char *)help.out.data, "example: cloister measure tdx"));
}
END_TEST

#define ID_VERIFY "idblock verify --id-block @/id.block --id-auth @/id.auth "

START_TEST(test_idblock_is_made_signed_and_verified)
{
    const char *digest = NULL;
    char line[256];
    expect("idblock make --measurement " DIGEST_1 " --guest-svn 7 --out @/id.block", 0, "");
    CL_CLEANUP(outcome_done)
    struct outcome o = run("idblock sign --id-block @/id.block --id-key @/id.key --author-key "
                           "@/id.key --out @/id.auth --json");
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    ck_assert_int_eq(o.status, 0);
    ck_assert_int_eq(cl_json_parse(o.out.data, o.out.len, "out", &j, NULL), CL_OK);
    digest = json_string_value(json_object_get(j, "id_key_digest"));
    ck_assert_str_eq(json_string_value(json_object_get(j, "schema")), "cloister.idblock/1");
    (void)snprintf(line, sizeof(line), ID_VERIFY "--id-key-digest %s", digest);
    expect(line, 0, "");
    expect(ID_VERIFY "--id-key @/id.pub --author-key @/id.pub --measurement " DIGEST_1, 0, "");
    expect(ID_VERIFY, 3, "undetermined");
    expect(ID_VERIFY, 3, "hint: give --id-key, --id-key-digest, --measurement or another");
    expect(ID_VERIFY "--measurement " GOLDEN, 1,
           "rejected: snp.idblock.measurement: expected " GOLDEN ", got " DIGEST_1);
    expect(ID_VERIFY "--policy 30001", 1, "snp.idblock.policy: expected 30001, got 30000");
    expect(ID_VERIFY "--id-key-digest " DIGEST_1, 1, "rejected: snp.idblock.id_key_digest");
    CL_CLEANUP(outcome_done) struct outcome out = run(ID_VERIFY "--json --id-key @/id.pub");
    CL_CLEANUP(cl_json_decrefp) json_t *v = NULL;
    ck_assert_int_eq(cl_json_parse(out.out.data, out.out.len, "out", &v, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(v, "verdict")), "accepted");
    ck_assert_int_eq(json_integer_value(json_object_get(v, "guest_svn")), 7);
    ck_assert_uint_eq(json_array_size(json_object_get(v, "checks")), 8);
}
END_TEST

START_TEST(test_idblock_usage_and_bad_keys)
{
    char path[128];
    expect("idblock", 2, "command: expected one, got none");
    expect("idblock make --out @/id.block", 2, "--measurement: expected a value, got nothing");
    expect("idblock make --measurement ab --out @/id.block", 2, "--measurement: expected 96 hex");
    expect("idblock make --nope", 2, "option: expected one of --help's list");
    expect("idblock make --measurement " DIGEST_1 " --out x word", 2, "argument: expected none");
    expect(ID_VERIFY "--id-key @/id.pub --id-key-digest " DIGEST_1, 2,
           "--id-key: expected a key file or a digest, got both");
    expect(ID_VERIFY "--id-key @/kernel", 4, "/kernel': expected a public key in PEM");
    expect("idblock sign --id-block @/id.block --id-key @/id.pub --out @/id.auth", 4,
           "/id.pub': expected a private key in PEM, got something else");
    expect("idblock sign --id-block @/kernel --id-key @/id.key --out @/id.auth", 4,
           "/kernel': ID block: ");
    (void)snprintf(path, sizeof(path), "%s/id.key", dir);
    ck_assert_int_eq(chmod(path, 0644), 0);
    expect("idblock sign --id-block @/id.block --id-key @/id.key --out @/id.auth", 1,
           "/id.key': mode: expected 0600, got 0644");
    ck_assert_int_eq(chmod(path, 0600), 0);
    expect("idblock sign --id-block @/id.block --id-key @/p256.key --out @/id.auth", 4,
           "key: expected ECDSA P-384, got another kind");
}
END_TEST

START_TEST(test_measure_takes_the_installed_guest)
{
    char path[128];
    CL_CLEANUP(outcome_done)
    struct outcome named = run(FW "--kernel @/kernel --initrd @/kernel --cmdline cloister.tee=sim");
    ck_assert_int_eq(named.status, 0);
    (void)snprintf(path, sizeof(path), "%s/guest.cmdline", dir);
    ck_assert_int_eq(cl_write_file(path, "cloister.tee=sim", 16, 0600, NULL), CL_OK);
    CL_CLEANUP(outcome_done) struct outcome guest = run("measure snp --guest @ --cpus 1");
    ck_assert_int_eq(guest.status, 0);
    ck_assert_str_eq((const char *)guest.out.data, (const char *)named.out.data);
    ck_assert_int_eq(cl_write_file(path, "cloister.tee=sim\n", 17, 0600, NULL), CL_OK);
    expect("measure snp --guest @ --cpus 1", 4, "last byte: expected no line end, got one");
    expect("measure snp --guest /nonexistent --cpus 1", 5, "cloister: guest file '/nonexistent/");
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(test_measure_usage_and_bad_files)
{
    expect("measure", 2, "command: expected one, got none");
    expect("measure sev", 2, "got 'sev'");
    expect("measure snp --firmware @/fw.bin", 2, "--cpus: expected a number, got nothing");
    expect("measure snp --firmware @/fw.bin --cpus 0", 2, "--cpus: expected a number from 1");
    expect(FW "--vmm qemu", 2, "--vcpu-type: expected it or --vcpu-sig with --vmm qemu");
    expect(FW "--vmm xen", 2, "VMM: expected cloister, qemu, ec2 or gce, got 'xen'");
    expect(FW "--vcpu-type 386", 2, "vCPU type: expected EPYC");
    expect(FW "--vcpu-type EPYC --vcpu-sig 1", 2, "got both");
    expect(FW "--vcpu-sig xyz", 2, "--vcpu-sig: expected 1 to 8 hex digits, got 'xyz'");
    expect(FW "--guest-features 12345678123456781", 2, "--guest-features: expected 1 to 16 hex");
    expect(FW "--explain abc", 2, "--explain: expected 96 hex digits");
    expect(FW "more", 2, "argument: expected none, got 'more'");
    expect(FW "--nonsense", 2, "option: expected one of --help's list");
    expect(FW "--kernel", 2, "option: expected one of --help's list with its value");
    expect(FW "--initrd @/kernel", 4, "kernel: expected one beside an initrd, got none");
    expect(FW "--kernel @/nothing", 5, "/nothing': No such file or directory");
    expect(FW "--kernel @/empty", 4, "/empty': expected contents, got none");
    expect(FW "--kernel @", 4, "expected a regular file, got something else");
    expect("measure snp --cpus 1 --firmware @/empty", 4, "firmware: size: expected whole pages");
    expect("measure snp --cpus 1 --firmware @/ek.der", 4, "firmware: size: expected whole pages");
    CL_CLEANUP(outcome_done) struct outcome help = run("measure snp --help");
    ck_assert_int_eq(help.status, 0);
    ck_assert_ptr_nonnull(strstr((const char *)help.out.data, "example: cloister measure snp"));
}
END_TEST

#define VERIFY                                                                                     \
    "verify --evidence @/report.bin --certs @ --sim-root @/ark.der --time 2026-01-01T00:00:00Z "
#define MEASUREMENT                                                                                \
    "3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e" \
    "3e3e"

START_TEST(test_verify_verdicts)
{
    expect(VERIFY "--measurement " MEASUREMENT, 0, "");
    expect(VERIFY "--tee sim-snp --measurement " MEASUREMENT, 0, "");
    expect(VERIFY "--tee snp --measurement " MEASUREMENT, 1,
           "rejected: snp.class: expected snp, "
           "got sim-snp");
    expect(VERIFY "--authenticity-only", 0, "");
    expect(VERIFY, 3, "/report.bin': undetermined: snp.measurement: no trusted measurement");
    expect(VERIFY, 3, "hint: give --measurement or --reference, or ask for --authenticity-only");
    expect(VERIFY "--measurement " GOLDEN, 1,
           "rejected: snp.measurement: expected " GOLDEN ", got " MEASUREMENT);
    expect(VERIFY "--measurement " GOLDEN " --measurement " MEASUREMENT, 0, "");
    expect(VERIFY "--authenticity-only --report-data dada", 1, "rejected: snp.report_data");
    expect(VERIFY "--authenticity-only --vmpl 1", 1, "rejected: snp.vmpl: expected 1, got 0");
    expect("verify --evidence @/report.bin --certs @ --authenticity-only", 1,
           "rejected: snp.chain.root");
    expect("verify --evidence @/report.bin --authenticity-only", 3, "undetermined: snp.ek.key");
    expect("verify --evidence @/report.bin --certs @ --sim-root @/ark.der --authenticity-only "
           "--time 2036-01-01T00:00:00Z",
           1, "rejected: snp.chain.validity");
}
END_TEST

START_TEST(test_verify_host_data_and_initdata)
{
    char line[512];
    expect(VERIFY "--authenticity-only --host-data "
                  "4040404040404040404040404040404040404040404040404040404040404040",
           0, "");
    expect(VERIFY "--authenticity-only --initdata @/kernel", 1, "rejected: snp.host_data");
    (void)snprintf(line, sizeof(line), "%s",
                   VERIFY
                   "--authenticity-only --initdata @/kernel "
                   "--host-data 4040404040404040404040404040404040404040404040404040404040404040");
    expect(line, 4, "digest: expected the value of --host-data, got another");
}
END_TEST

static void put_reference(const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/reference.json", dir);
    ck_assert_int_eq(cl_write_file(path, text, strlen(text), 0600, NULL), CL_OK);
}

START_TEST(test_verify_references)
{
    put_reference("{\"schema\":\"cloister.reference/1\",\"class\":\"sim-snp\",\"measurement\":"
                  "\"" MEASUREMENT "\",\"expires\":\"2026-06-01T00:00:00Z\",\"note\":\"test\"}");
    expect(VERIFY "--reference @/reference.json", 0, "");
    expect("verify --evidence @/report.bin --certs @ --sim-root @/ark.der "
           "--time 2026-06-01T00:00:01Z --reference @/reference.json",
           3, "expires: expected a time to come, got 2026-06-01T00:00:00Z");
    put_reference("{\"schema\":\"cloister.reference/1\",\"class\":\"snp\",\"measurement\":"
                  "\"" MEASUREMENT "\",\"expires\":\"2026-06-01T00:00:00Z\"}");
    expect(VERIFY "--reference @/reference.json", 1,
           "snp.measurement: expected a reference value of class sim-snp");
    put_reference("{\"schema\":\"cloister.reference/2\"}");
    expect(VERIFY "--reference @/reference.json", 4, "schema: expected cloister.reference/1");
    put_reference("{\"schema\":\"cloister.reference/1\",\"extra\":1}");
    expect(VERIFY "--reference @/reference.json", 4, "unknown member 'extra'");
}
END_TEST

START_TEST(test_verify_json_document)
{
    CL_CLEANUP(outcome_done) struct outcome o = run(VERIFY "--json --measurement " MEASUREMENT);
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    ck_assert_int_eq(o.status, 0);
    ck_assert_int_eq(cl_json_parse(o.out.data, o.out.len, "out", &j, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(j, "schema")), "cloister.verify/1");
    ck_assert_str_eq(json_string_value(json_object_get(j, "verdict")), "accepted");
    ck_assert_str_eq(json_string_value(json_object_get(j, "appraisal")), "warning");
    ck_assert_str_eq(json_string_value(json_object_get(j, "tee")), "sim-snp");
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(j, "claims"), "measurement")),
        MEASUREMENT);
    CL_CLEANUP(outcome_done) struct outcome no = run(VERIFY "--json");
    ck_assert_int_eq(no.status, 3);
    cl_json_decrefp(&j);
    ck_assert_int_eq(cl_json_parse(no.out.data, no.out.len, "out", &j, NULL), CL_OK);
    ck_assert_str_eq(json_string_value(json_object_get(j, "verdict")), "undetermined");
}
END_TEST

START_TEST(test_verify_usage_and_bad_files)
{
    expect("verify", 2, "--evidence: expected a file, got nothing");
    expect("verify --tee sgx --evidence x", 2,
           "class: expected one of snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm, sim-snp, sim-tdx, got "
           "'sgx'");
    expect("verify --tee tpm --evidence @/report.bin", 4, "report.bin': TPM evidence: not JSON");
    expect("verify --nonsense", 2, "option: expected one of --help's list");
    expect("verify --evidence @/report.bin more", 2, "argument: expected none, got 'more'");
    expect("verify --evidence @/nothing", 5, "open '");
    expect("verify --evidence @", 4, "expected a file, got a directory");
    expect("verify --evidence @/empty", 4, "expected contents, got none");
    expect("verify --evidence @/ek.der", 4, "SNP report: size: expected 1184 bytes");
    expect("verify --evidence @/report.bin --certs @/nothing", 5, "/nothing': No such file");
    expect("verify --evidence @/report.bin --certs @/kernel", 4, "certificates '");
    expect("verify --evidence @/report.bin --certs @/empty", 4, "expected contents, got none");
    expect("verify --evidence @/report.bin --time today", 2, "time: expected YYYY-MM-DD");
    expect("verify --evidence @/report.bin --measurement ab", 4, "--measurement: expected 96 hex");
    expect("verify --evidence @/report.bin --report-data zz", 4, "--report-data: expected lower");
    expect("verify --evidence @/report.bin --vmpl 4", 4, "--vmpl: expected a number from 0 to 3");
    expect("verify --evidence @/report.bin --sim-root @/kernel", 4, "simulated root '");
    CL_CLEANUP(outcome_done) struct outcome help = run("verify --help");
    ck_assert_int_eq(help.status, 0);
    ck_assert_ptr_nonnull(strstr((const char *)help.out.data, "example: cloister verify"));
}
END_TEST

START_TEST(test_verify_policies)
{
    static const char head[] = "{\"schema\":\"cloister.verify-policy/1\",";
    char text[1024];
    expect(VERIFY "--profile default --measurement " MEASUREMENT, 0, "");
    expect(VERIFY "--profile regulated --measurement " MEASUREMENT, 1,
           "rejected: snp.product.allowed: expected a policy with rules for class sim-snp");
    expect(VERIFY "--profile strict", 2, "--profile: expected default or regulated, got 'strict'");
    expect(VERIFY "--profile default --policy @/empty", 2,
           "--profile: expected this or --policy, got both");
    (void)snprintf(text, sizeof(text), "%s\"sim-snp\":{\"measurements\":[\"%s\"]}}", head,
                   MEASUREMENT);
    put("policy.json", text, strlen(text));
    expect(VERIFY "--policy @/policy.json", 0, "");
    expect(VERIFY "--policy @/policy.json --vmpl 2", 1, "snp.vmpl: expected 2, got 0");
    (void)snprintf(text, sizeof(text),
                   "%s\"common\":{\"require_crls\":true},\"sim-snp\":{\"vmpls\":[3]}}", head);
    put("policy.json", text, strlen(text));
    expect(VERIFY "--policy @/policy.json --authenticity-only", 1, "snp.vmpl: expected 3, got 0");
    expect(VERIFY "--policy @/policy.json --authenticity-only --vmpl 0", 3,
           "undetermined: snp.crl: expected a list of the root in its period at "
           "2026-01-01T00:00:00Z, got none");
    expect(VERIFY "--policy @/policy.json --authenticity-only --vmpl 0 --collateral @/root.list", 0,
           "");
    expect(VERIFY "--policy @/policy.json --authenticity-only --vmpl 0 --certs @/root.list", 0, "");
    expect(VERIFY "--authenticity-only --collateral @/revoked.list", 1,
           "snp.revocation: expected no certificate on a revocation list, got the root's");
}
END_TEST

static void put_distrust(const char *entries, int64_t expires)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    json_t *claims =
        json_pack("{s:s,s:i,s:I,s:o}", "schema", "cloister.platform-distrust/1", "iat", 1, "exp",
                  (json_int_t)expires, "entries", json_loads(entries, 0, NULL));
    struct cl_err err = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    ck_assert_int_eq(cl_jwt_sign(CL_JWT_EDDSA, key, NULL, claims, &token, &err), CL_OK);
    ck_assert_int_eq(cl_buf_append(&token, "\n", 1, NULL), CL_OK);
    ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, key), 1);
    long n = BIO_get_mem_data(bio, &data);
    put("distrust.key", data, (size_t)n);
    put("distrust.jws", token.data, token.len);
    BIO_free(bio);
    EVP_PKEY_free(key);
    json_decref(claims);
}

#define DISTRUST "--authenticity-only --distrust @/distrust.jws --distrust-key @/distrust.key"

START_TEST(test_verify_distrust)
{
    put_distrust("[]", 4000000000);
    expect(VERIFY DISTRUST, 0, "");
    expect(VERIFY "--authenticity-only --distrust @/distrust.jws", 2,
           "--distrust: expected this and --distrust-key, got one of them");
    expect(VERIFY "--authenticity-only --distrust @/distrust.jws --distrust-key @/kernel", 4,
           "/kernel': contents: expected a public key in PEM");
    put_distrust("[{\"id\":\"X-1\",\"source\":\"s\",\"reason\":\"r\",\"family\":\"sim-snp\"}]",
                 4000000000);
    expect(VERIFY DISTRUST, 1,
           "rejected: snp.distrust: expected a platform that no entry distrusts, got X-1");
    put_distrust("[]", 1767225600);
    expect(VERIFY DISTRUST, 3, "/distrust.jws': distrust: exp: expected a time to come");
    put_distrust("[{\"id\":\"X-1\"}]", 4000000000);
    expect(VERIFY DISTRUST, 4, "distrust: entry 0: entry: source: expected string, got nothing");
    CL_CLEANUP(cl_buf_done) struct cl_buf token = {0};
    put_distrust("[]", 4000000000);
    slurp("distrust.jws", &token);
    put_distrust("[]", 4000000000); /* another key */
    put("distrust.jws", token.data, token.len);
    expect(VERIFY DISTRUST, 1, "/distrust.jws': JWT: signature does not verify");
}
END_TEST

/* Each option that takes a file, and what may stand in its place. */
START_TEST(test_verify_every_file_that_is_none)
{
    static const struct {
        const char *option;
        bool folder;       /* may be a folder */
        const char *other; /* what another format gets */
    } options[] = {
        {"--policy", false, "/kernel': policy: not JSON at byte"},
        {"--certs", true, "certificates '"},
        {"--collateral", true, "certificates '"},
        {"--reference", false, "/kernel': reference: not JSON at byte"},
        {"--sim-root", false, "simulated root '"},
        {"--distrust-key @/distrust.key --distrust", false, "JWT: expected three parts"},
        {"--distrust @/distrust.jws --distrust-key", false, "expected a public key in PEM"},
    };
    char line[256];
    put_distrust("[]", 4000000000);
    for (size_t i = 0; i < CL_ARRAY_LEN(options); i++) {
        const struct {
            const char *file;
            int status;
            const char *message;
        } files[] = {{"nothing", 5, "No such file or directory"},
                     {"empty", 4, ""},
                     {"", 4, ""},
                     {"kernel", 4, options[i].other},
                     {"big", 4, ""}};
        for (size_t k = 0; k < CL_ARRAY_LEN(files); k++) {
            (void)snprintf(line, sizeof(line),
                           "verify --evidence @/report.bin --authenticity-only %s @/%s",
                           options[i].option, files[k].file);
            CL_CLEANUP(outcome_done) struct outcome o = run(line);
            const char *err = o.err.data != NULL ? (const char *)o.err.data : "";
            if (files[k].file[0] == '\0' && options[i].folder) {
                ck_assert_int_ne(o.status, 5); /* the folder's certificates, or its big file */
                continue;
            }
            ck_assert_msg(o.status == files[k].status, "%s: %d: %s", line, o.status, err);
            ck_assert_msg(strstr(err, files[k].message) != NULL, "%s: %s", line, err);
            ck_assert_msg(strchr(err, '\n') == err + strlen(err) - 1, "%s: %s", line, err);
            ck_assert_msg(strstr(err, dir) != NULL, "%s: %s", line, err);
        }
    }
}
END_TEST

START_TEST(test_verify_takes_json_evidence)
{
    struct cl_snp_evidence *ev = NULL;
    json_t *j = NULL;
    char path[128];
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    slurp("report.bin", &raw);
    ck_assert_int_eq(cl_snp_evidence_from_report(raw.data, raw.len, &ev, NULL), CL_OK);
    ck_assert_int_eq(cl_snp_evidence_to_json(ev, &j, NULL), CL_OK);
    ck_assert_int_eq(cl_json_compact(j, &text, NULL), CL_OK);
    (void)snprintf(path, sizeof(path), "%s/evidence.json", dir);
    ck_assert_int_eq(cl_write_file(path, text.data, text.len, 0600, NULL), CL_OK);
    expect("verify --evidence @/evidence.json --certs @ --sim-root @/ark.der --authenticity-only "
           "--time 2026-01-01T00:00:00Z",
           0, "");
    ck_assert_int_eq(cl_write_file(path, text.data, text.len - 1, 0600, NULL), CL_OK);
    expect("verify --evidence @/evidence.json", 4, "evidence.json': SNP evidence: not JSON");
    json_decref(j);
    cl_snp_evidence_free(ev);
}
END_TEST

#define PCR4 "0404040404040404040404040404040404040404040404040404040404040404"

/* A quote of a TPM whose key is in ak.der; register 4 holds fours, the nonce is "challenge". */
START_TEST(test_verify_takes_tpm_evidence)
{
    static const struct {
        const char *options, *err;
        int status;
    } cases[] = {
        {"--tpm-ak @/ark.der", "attestation key", 4},
        {"", "tpm.ak.trusted", 3},
        {"--tpm-ak @/reference.json --pcr 4=" PCR4, "", 0},
        {"--tpm-ak @/reference.json --pcr sha256:4=" PCR4 " --report-data 6368616c6c656e6765", "",
         0},
        {"--tpm-ak @/reference.json", "tpm.pcr.values", 3},
        {"--tpm-ak @/reference.json --authenticity-only", "", 0},
        {"--tpm-ak @/reference.json --pcr 5=" PCR4, "rejected: tpm.pcr.values: expected 0404", 1},
        {"--tpm-ak @/reference.json --pcr 4=" PCR4 " --report-data 00", "tpm.quote.nonce", 1},
        {"--tpm-ak @/reference.json --pcr 4=" PCR4 " --initdata @/kernel", "tpm.pcr.initdata", 1},
        {"--tpm-ak @/reference.json --pcr 4=" PCR4 " --tee az-snp-vtpm", "tpm.class", 1},
        {"--pcr 4", "--pcr: expected [BANK:]INDEX=HEX, got '4'", 4},
        {"--pcr 24=" PCR4, "--pcr", 4},
        {"--pcr sha1:4=" PCR4, "--pcr", 4},
        {"--pcr md5:4=" PCR4, "expected bank sha1", 4},
        {"--pcr sha256sha256:4=" PCR4, "--pcr", 4},
        {"--measurement 00", "--measurement: expected only beside evidence", 4},
        {"--sim-root @/ark.der", "--sim-root: expected only beside evidence", 4},
        {"--vmpl 0", "--vmpl", 4},
    };
    struct tpm_world_quote q = tpm_world_quote();
    struct cl_vtpm_parts p;
    struct cl_vtpm_evidence *ev = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    tpm_world_parts(&q, &p);
    put("reference.json", p.ak_spki.data,
        p.ak_spki.len); /* the key, under a name that is removed */
    ck_assert_int_eq(cl_vtpm_evidence_from_parts(&p, &ev, NULL), CL_OK);
    ck_assert_int_eq(cl_vtpm_evidence_to_json(ev, &j, NULL), CL_OK);
    ck_assert_int_eq(cl_json_compact(j, &text, NULL), CL_OK);
    put("evidence.json", text.data, text.len);
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        char line[1024];
        (void)snprintf(line, sizeof(line), "verify --evidence @/evidence.json %s",
                       cases[i].options);
        expect(line, cases[i].status, cases[i].err);
    }
    expect("verify --evidence @/report.bin --pcr 4=" PCR4, 4,
           "--pcr: expected only beside a TPM quote");
    put("evidence.json", "HCLA", 4);
    expect("verify --evidence @/evidence.json", 4, "got a bare HCL report");
    cl_vtpm_evidence_free(ev);
}
END_TEST

#define CORIM FW "--vcpu-sig 800f12 --corim @/out.cbor "
START_TEST(test_measure_writes_a_corim)
{
    struct cl_corim c;
    char path[128];
    struct evp_pkey_st *key = NULL;
    uint8_t golden[CL_CORIM_MEASUREMENT_SIZE];
    ck_assert_int_eq(cl_unhex(golden, sizeof(golden), GOLDEN, "golden", NULL), CL_OK);
    (void)snprintf(path, sizeof(path), "%s/ed25519.pub", dir);
    ck_assert_int_eq(cl_pem_public_key(path, &key, NULL), CL_OK);
    for (int sim = 0; sim < 2; sim++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
        expect(sim != 0 ? CORIM "--corim-key @/ed25519.key --corim-class sim-snp"
                        : CORIM "--corim-key @/ed25519.key",
               0, "");
        slurp("out.cbor", &raw);
        ck_assert_int_eq(
            cl_corim_read(raw.data, raw.len, key, CL_CORIM_SIGNED, (int64_t)time(NULL), &c, NULL),
            CL_OK);
        ck_assert_uint_eq(c.count, 1);
        ck_assert_int_eq(c.references[0].tee_class,
                         sim != 0 ? CL_TEE_CLASS_SIM_SNP : CL_TEE_CLASS_SNP);
        ck_assert_mem_eq(c.references[0].measurement, golden, sizeof(golden));
        ck_assert_int_eq(c.not_after - c.not_before, INT64_C(365) * 86400);
    }
    cl_pem_key_freep(&key);
    (void)snprintf(path, sizeof(path), "%s/out.cbor", dir);
    ck_assert_int_eq(unlink(path), 0);
    expect(CORIM "--corim-key @/ed25519.key --explain " MEASUREMENT, 1, "digest: expected");
    ck_assert_int_eq(access(path, F_OK), -1); /* a digest that is not the one is not handed on */
    expect(CORIM, 2, "--corim-key: expected a file beside the other options of --corim, got none");
    expect(FW "--corim-key @/ed25519.key", 2, "--corim: expected a file");
    expect(CORIM "--corim-key @/ed25519.key --corim-class tdx", 2,
           "--corim-class: expected snp or sim-snp, got tdx");
    expect(CORIM "--corim-key @/ed25519.key --corim-expires 2020-01-01T00:00:00Z", 4,
           "--corim-expires: expected a time to come");
    expect(CORIM "--corim-key @/ed25519.pub", 4, "expected a private key in PEM");
    expect(CORIM "--corim-key @/kernel", 4, "/kernel': contents: expected a private key in PEM");
    expect(CORIM "--corim-key @/nothing", 5, "/nothing");
}
END_TEST

#define REFERENCE VERIFY "--reference @/ref.cbor "
START_TEST(test_verify_takes_a_corim)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(outcome_done) struct outcome o = run(REFERENCE "--corim-key @/ed25519.pub");
    ck_assert_int_eq(o.status, 0);
    ck_assert_ptr_nonnull(strstr((const char *)o.out.data, "pass     reference.signature"));
    expect(REFERENCE, 3, "/ref.cbor': signature: expected a key to verify it with, got none");
    expect(REFERENCE "--corim-key @/p256.pub", 1, "/ref.cbor': ");
    expect(REFERENCE "--corim-key @/ed25519.key", 4, "expected a public key in PEM");
    expect(REFERENCE "--corim-key @/nothing", 5, "/nothing");
    expect("verify --evidence @/report.bin --certs @ --sim-root @/ark.der --corim-key "
           "@/ed25519.pub --time 2026-01-01T00:16:41Z --reference @/ref.cbor",
           3, "not-after: expected a time to come, got 2026-01-01T00:16:40Z");
    /* The payload alone, which nobody signed. */
    slurp("ref.cbor", &raw);
    const uint8_t tag[] = {0xD9, 0x01, 0xF5};
    const uint8_t *at = memmem(raw.data, raw.len, tag, sizeof(tag));
    ck_assert_ptr_nonnull(at);
    put("out.cbor", at, (size_t)(raw.data + raw.len - at) - 66); /* without the signature */
    expect(VERIFY "--reference @/out.cbor", 1,
           "/out.cbor': signature: expected a signed CoRIM, got an unsigned one");
    CL_CLEANUP(outcome_done)
    struct outcome warned = run(VERIFY "--reference @/out.cbor --allow-unsigned-corim");
    ck_assert_int_eq(warned.status, 0);
    ck_assert_ptr_nonnull(strstr((const char *)warned.out.data, "warning  reference.signature"));
}
END_TEST

START_TEST(test_verify_writes_a_token)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *claims = NULL;
    json_t *cpu0 = NULL, *annotated = NULL;
    struct evp_pkey_st *key = NULL;
    struct stat st;
    char path[128];
    expect(VERIFY "--ear @/out.jwt --ear-key @/p256.key --measurement " MEASUREMENT, 0, "");
    slurp("out.jwt", &raw);
    (void)snprintf(path, sizeof(path), "%s/p256.pub", dir);
    ck_assert_int_eq(cl_pem_public_key(path, &key, NULL), CL_OK);
    ck_assert_int_eq(cl_ear_token_open(key, (const char *)raw.data, raw.len, (int64_t)time(NULL),
                                       &claims, &cpu0, &annotated, NULL),
                     CL_OK);
    cl_pem_key_freep(&key);
    ck_assert_str_eq(json_string_value(json_object_get(cpu0, "ear.status")), "contraindicated");
    ck_assert_str_eq(json_string_value(json_object_get(annotated, "cloister_class")), "sim-snp");
    (void)snprintf(path, sizeof(path), "%s/out.jwt", dir);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777u, 0600u);
    expect(VERIFY "--ear @/out.jwt", 2, "--ear-key: expected it beside the other, got nothing");
    expect(VERIFY "--ear-key @/p256.key", 2, "--ear: expected it beside the other, got nothing");
    expect(VERIFY "--ear @/out.jwt --ear-key @/ed25519.key", 4,
           "/out.jwt': key does not fit ES256");
}
END_TEST

START_TEST(test_verify_writes_a_page)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    static const char *const parts[] = {
        "<title>accepted: AMD SEV-SNP evidence, Cloister</title>",
        "Accepted, simulated hardware</h1>",
        "<th scope=\"row\">Reference values</th>",
        "download=\"report.bin\" href=\"data:application/octet-stream;base64,",
        "download=\"ref.cbor\"",
        "Cloister simulated ARK",
        "--corim-key ed25519.pub",
        "--time 2026-01-01T00:00:00Z",
        "snp.chain.signatures",
        "Page made",
    };
    expect(REFERENCE "--corim-key @/ed25519.pub --html @/out.html", 0, "");
    slurp("out.html", &raw);
    for (size_t i = 0; i < CL_ARRAY_LEN(parts); i++) {
        ck_assert_msg(strstr((const char *)raw.data, parts[i]) != NULL, "%s", parts[i]);
    }
    expect(VERIFY "--html @/nowhere/out.html --authenticity-only", 5, "/nowhere/");
    cl_buf_reset(&raw);
    expect(VERIFY "--html @/out.html --measurement " GOLDEN, 1, "snp.measurement"); /* and a page */
    slurp("out.html", &raw);
    ck_assert_ptr_nonnull(strstr((const char *)raw.data, "Rejected</h1>"));
}
END_TEST

/* NAME.key and NAME.pub; not .pem, which --certs would take out of a folder. */
static void put_key(const char *name, EVP_PKEY *key)
{
    char file[64];
    char *text = NULL;
    BIO *secret = BIO_new(BIO_s_mem()), *public = BIO_new(BIO_s_mem());
    if (key == NULL || PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_PUBKEY(public, key) != 1) {
        abort();
    }
    long len = BIO_get_mem_data(secret, &text);
    (void)snprintf(file, sizeof(file), "%s.key", name);
    put(file, text, (size_t)len);
    len = BIO_get_mem_data(public, &text);
    (void)snprintf(file, sizeof(file), "%s.pub", name);
    put(file, text, (size_t)len);
    BIO_free(secret);
    BIO_free(public);
}

#define TDX                                                                                        \
    "verify --evidence @/quote.bin --collateral @/collateral.json --sim-root @/tdx-root.pem "      \
    "--time 2026-01-01T00:00:00Z "

/* A QuoteCollateralV3 document of the world. */
static void put_collateral(const struct tdx_material *m)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    char tcb_signature[129], qe_signature[129];
    char *pck_crl = malloc(2 * m->pck_crl.len + 1), *root_crl = malloc(2 * m->root_crl.len + 1);
    if (pck_crl == NULL || root_crl == NULL) {
        abort();
    }
    cl_hex(tcb_signature, m->tcb_signature, 64);
    cl_hex(qe_signature, m->qe_signature, 64);
    cl_hex(pck_crl, m->pck_crl.data, m->pck_crl.len);
    cl_hex(root_crl, m->root_crl.data, m->root_crl.len);
    json_t *j =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "tcb_info", m->tcb_info.data,
                  "tcb_info_signature", tcb_signature, "tcb_info_issuer_chain", m->tcb_chain.data,
                  "qe_identity", m->qe_identity.data, "qe_identity_signature", qe_signature,
                  "qe_identity_issuer_chain", m->qe_chain.data, "pck_crl", pck_crl,
                  "pck_crl_issuer_chain", m->pck_chain.data, "root_ca_crl", root_crl);
    if (j == NULL || cl_json_compact(j, &text, NULL) != CL_OK) {
        abort();
    }
    put("collateral.json", text.data, text.len);
    json_decref(j);
    free(pck_crl);
    free(root_crl);
}

static void put_tdx_world(void)
{
    static struct tw w;
    struct tdx_material m = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    tw_init();
    tw_default(&w);
    tw_material(&w, &m);
    tw_quote_bytes(&w, &raw);
    tw_cert_pem(&w, &w.root, &pem);
    put("quote.bin", raw.data, raw.len);
    put("tdx-root.pem", pem.data, pem.len);
    put_collateral(&m);
    tdx_material_done(&m);
}

START_TEST(test_verify_tdx)
{
    put_tdx_world();
    expect(TDX "--measurement " MEASUREMENT, 0, "");
    expect(TDX "--tee sim-tdx --measurement " MEASUREMENT, 0, "");
    expect(TDX "--tee tdx --measurement " MEASUREMENT, 1,
           "rejected: tdx.class: expected tdx, got sim-tdx");
    expect(TDX, 3, "/quote.bin': undetermined: tdx.mrtd: no trusted measurement");
    expect(TDX "--measurement " GOLDEN, 1, "rejected: tdx.mrtd: expected " GOLDEN);
    expect(TDX "--authenticity-only", 0, "");
    expect(TDX "--authenticity-only --report-data dada", 1, "rejected: tdx.report_data");
    expect(TDX "--authenticity-only --host-data 40", 1, "rejected: tdx.mrconfigid");
    expect(TDX "--authenticity-only --host-data " MEASUREMENT, 1, "rejected: tdx.mrconfigid");
    expect(TDX "--authenticity-only --initdata @/kernel", 1, "rejected: tdx.mrconfigid");
    expect(TDX "--initdata @/kernel --host-data 40", 4, "expected the value of --host-data");
    expect("verify --evidence @/quote.bin --authenticity-only", 1, "rejected: tdx.pck.root");
    expect("verify --evidence @/quote.bin --sim-root @/tdx-root.pem --time 2026-01-01T00:00:00Z "
           "--measurement " MEASUREMENT,
           3, "undetermined: tdx.tcb_info.signature: no TCB Info was given");
}
END_TEST

START_TEST(test_verify_tdx_references)
{
    put_tdx_world();
#define HEAD                                                                                       \
    "{\"schema\":\"cloister.reference/1\",\"class\":\"sim-tdx\",\"measurement\":\"" MEASUREMENT    \
    "\",\"expires\":\"2026-06-01T00:00:00Z\""
    put_reference(HEAD "}");
    expect(TDX "--reference @/reference.json", 0, "");
    put_reference(HEAD ",\"rtmr1\":\"" MEASUREMENT "\"}");
    expect(TDX "--reference @/reference.json", 1, "rejected: tdx.rtmr1: expected " MEASUREMENT);
    put_reference(HEAD ",\"rtmr4\":\"" MEASUREMENT "\"}");
    expect(TDX "--reference @/reference.json", 4, "unknown member 'rtmr4'");
    put_reference("{\"schema\":\"cloister.reference/2\"}");
    expect(TDX "--reference @/reference.json", 4, "schema: expected cloister.reference/1");
    put_reference("{\"schema\":\"cloister.reference/1\",\"class\":\"tdx\",\"measurement\":"
                  "\"" MEASUREMENT "\",\"expires\":\"2025-06-01T00:00:00Z\"}");
    expect(TDX "--reference @/reference.json", 3, "expires: expected a time to come");
#undef HEAD
}
END_TEST

START_TEST(test_verify_tdx_usage_and_bad_files)
{
    put_tdx_world();
    expect(TDX "--vmpl 0", 4, "--vmpl: expected only beside SNP evidence");
    expect(TDX "--certs @", 4, "--certs: expected only beside SNP evidence");
    expect(TDX "--allow-masked-chip", 4, "--allow-masked-chip: expected only beside SNP evidence");
    expect(TDX "--event-log @/kernel", 4, "/kernel': event log: ");
    expect(TDX "--event-log @/nothing", 5, "/nothing': No such file");
    expect(TDX "--event-log @/empty", 4, "expected contents, got none");
    expect(TDX "--collateral @/nothing", 5, "/nothing'");
    expect(TDX "--collateral @/kernel", 4, "/kernel'");
    expect(TDX "--measurement ab", 4, "--measurement: expected 96 hex");
    expect(TDX "--report-data zz", 4, "--report-data: expected lower");
    expect(TDX "--host-data " MEASUREMENT "40", 4, "--host-data: expected 1 to 48 bytes in hex");
    expect("verify --evidence @/quote.bin --sim-root @/kernel", 4, "simulated root '");
    expect("verify --evidence @/kernel --tee tdx", 4, "/kernel': quote: ");
    expect(VERIFY "--event-log @/kernel", 4, "--event-log: expected only beside a TDX quote");
}
END_TEST

/* Of class sim-snp and the report's measurement, valid around the time of the tests. */
static void put_corim(EVP_PKEY *key)
{
    struct cl_corim c = {.id = "id",
                         .signer = "tests",
                         .not_before = WORLD_TIME - 1000,
                         .not_after = WORLD_TIME + 1000,
                         .count = 1};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    c.references[0].tee_class = CL_TEE_CLASS_SIM_SNP;
    memset(c.references[0].measurement, 0x3e, sizeof(c.references[0].measurement));
    if (cl_corim_write(&c, key, &out, NULL) != CL_OK) {
        abort();
    }
    put("ref.cbor", out.data, out.len);
}

static void put_crl(const char *name, const struct world_crl *c)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    world_crl_der(c, &der);
    put(name, der.data, der.len);
}

/* Both halves of a new key, in PEM. */
static void make_files(void)
{
    static struct image im;
    static struct tdx_image tdx;
    struct cl_snp_report r;
    uint8_t raw[CL_SNP_REPORT_SIZE];
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    world_report(&r);
    world_sign(&r, raw);
    make_image(&im);
    put("report.bin", raw, sizeof(raw));
    put_cert("ek.der", &ek);
    put_cert("ask.der", &ask);
    put_cert("ark.der", &ark);
    put("fw.bin", im.data, im.size);
    put("stage0.bin", im.data, im.size);
    put("kernel", "kernel", 6);
    put("vmlinuz", "kernel", 6);
    put("initrd.img", "kernel", 6);
    put("empty", "", 0);
    struct world_crl crl = world_crl();
    put_crl("root.list", &crl);
    crl.serials[0] = 0; /* every certificate of this world has that serial */
    crl.serials[1] = -1;
    put_crl("revoked.list", &crl);
    static uint8_t big[(1u << 20) + 1];
    put("big", big, sizeof(big));
    EVP_PKEY *p256 = EVP_EC_gen("P-256"), *p384 = EVP_EC_gen("P-384"),
             *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    put_key("p256", p256);
    put_key("id", p384);
    put_key("ed25519", ed25519);
    put_corim(ed25519);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(ed25519);
    tdx_image_make(&tdx, 'B');
    put("tdx.bin", tdx.data, tdx.size);
}

static void remove_files(void)
{
    static const char *const names[] = {
        "report.bin",     "ek.der",        "ask.der",         "ark.der",
        "fw.bin",         "stage0.bin",    "kernel",          "vmlinuz",
        "initrd.img",     "empty",         "stdout",          "stderr",
        "reference.json", "evidence.json", "policy.json",     "root.list",
        "revoked.list",   "big",           "distrust.key",    "distrust.jws",
        "p256.key",       "p256.pub",      "ed25519.key",     "ed25519.pub",
        "ref.cbor",       "out.cbor",      "out.html",        "out.jwt",
        "quote.bin",      "tdx-root.pem",  "collateral.json", "tdx.bin",
        "id.key",         "id.pub",        "id.block",        "id.auth"};
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

int main(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/cl-cmd-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return EXIT_FAILURE;
    }
    world_init();
    tpm_world_init();
    make_files();
    Suite *s = suite_create("attestation_cmd");
    TCase *t = tcase_create("cmd");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_measure_prints_the_digest_alone);
    tcase_add_test(t, test_measure_explains);
    tcase_add_test(t, test_measure_tdx_prints_registers);
    tcase_add_test(t, test_measure_tdx_explains);
    tcase_add_test(t, test_measure_tdx_usage);
    tcase_add_test(t, test_idblock_is_made_signed_and_verified);
    tcase_add_test(t, test_idblock_usage_and_bad_keys);
    tcase_add_test(t, test_measure_takes_the_installed_guest);
    tcase_add_test(t, test_measure_usage_and_bad_files);
    tcase_add_test(t, test_verify_verdicts);
    tcase_add_test(t, test_verify_host_data_and_initdata);
    tcase_add_test(t, test_verify_references);
    tcase_add_test(t, test_verify_json_document);
    tcase_add_test(t, test_verify_usage_and_bad_files);
    tcase_add_test(t, test_verify_policies);
    tcase_add_test(t, test_verify_distrust);
    tcase_add_test(t, test_verify_every_file_that_is_none);
    tcase_add_test(t, test_verify_takes_json_evidence);
    tcase_add_test(t, test_measure_writes_a_corim);
    tcase_add_test(t, test_verify_takes_a_corim);
    tcase_add_test(t, test_verify_writes_a_token);
    tcase_add_test(t, test_verify_writes_a_page);
    tcase_add_test(t, test_verify_tdx);
    tcase_add_test(t, test_verify_tdx_references);
    tcase_add_test(t, test_verify_tdx_usage_and_bad_files);
    tcase_add_test(t, test_verify_takes_tpm_evidence);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    remove_files();
    return rc;
}
