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
#include "snp_image.h"
#include "snp_world.h"
#include "tdx_image.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

#define TDX "measure tdx --firmware @/tdx.bin "
#define MRTD                                                                                       \
    "606ac2bff977e69986ab1c76db86ff14b28351adab65e40ed0b0d213a49c293309c91b051656a0fde3f123113b6f" \
    "3490"
#define MRTD_TWO_PASS                                                                              \
    "07f5f52c81aed537fc10255e39d0faa15b73d48ce15abff607dd99fe413ba9bc528fd75d4666cbc95813982af865" \
    "ac49"

START_TEST(test_measure_tdx_prints_registers)
{
    CL_CLEANUP(outcome_done) struct outcome o = run(TDX "--two-pass");
    ck_assert_int_eq(o.status, 0);
    ck_assert_str_eq((const char *)o.out.data,
                     "mrtd   " MRTD_TWO_PASS "\nrtmr0  needs the memory size\n"
                     "rtmr1  needs a kernel\nrtmr2  needs a kernel\n");
    CL_CLEANUP(outcome_done) struct outcome json = run(TDX "--memory 1G --explain --json");
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
    CL_CLEANUP(outcome_done) struct outcome o = run(TDX "--memory 1G --explain " MRTD);
    ck_assert_int_eq(o.status, 0);
    ck_assert_ptr_nonnull(strstr((const char *)o.out.data, "0000ffff0000  measured bfv"));
    ck_assert_ptr_nonnull(strstr((const char *)o.out.data, "rtmr0  TD HOB\n       event "));
    expect(TDX "--explain " MRTD_TWO_PASS, 1,
           "hint: it is mrtd of these files with: --variant two-pass");
    expect(TDX "--explain " DIGEST_1, 1, "hint: no known variation (page order, VMM, memory");
}
END_TEST

START_TEST(test_measure_tdx_usage)
{
    expect(TDX "--memory x", 2, "--memory: expected");
    expect(TDX "--vmm gce", 2, "VMM: expected cloister or qemu, got 'gce'");
    expect(TDX "--variant x", 2, "variant: expected two-pass, read-on,");
    expect(TDX "--variant patched-kernel", 4, "variants: expected ones that go together");
    expect(TDX "--memory 1M", 4, "memory: expected a multiple of 2 MiB up to 64 TiB");
    expect(TDX "--explain ab", 2, "--explain: expected 96 hex digits");
    expect(TDX "word", 2, "argument: expected none, got 'word'");
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
    expect("verify --tee tpm --evidence @/report.bin", 4,
           "--tee: expected a class that this version verifies, got tpm");
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

/* Both halves of a new key, in PEM. */
static void put_key(const char *group, const char *name, const char *public_name)
{
    const char *text = NULL;
    EVP_PKEY *key = EVP_EC_gen(group);
    BIO *pem = BIO_new(BIO_s_mem()), *pub = BIO_new(BIO_s_mem());
    if (key == NULL || PEM_write_bio_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_PUBKEY(pub, key) != 1) {
        abort();
    }
    long n = BIO_get_mem_data(pem, &text);
    put(name, text, (size_t)n);
    n = BIO_get_mem_data(pub, &text);
    put(public_name, text, (size_t)n);
    BIO_free(pem);
    BIO_free(pub);
    EVP_PKEY_free(key);
}

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
    tdx_image_make(&tdx, 'B');
    put("tdx.bin", tdx.data, tdx.size);
    put_key("P-384", "id.key", "id.pub");
    put_key("P-256", "p256.key", "p256.pub");
}

static void remove_files(void)
{
    static const char *const names[] = {
        "report.bin",     "ek.der",        "ask.der",    "ark.der", "fw.bin", "stage0.bin",
        "kernel",         "vmlinuz",       "initrd.img", "empty",   "stdout", "stderr",
        "reference.json", "evidence.json", "tdx.bin",    "id.key",  "id.pub", "p256.key",
        "p256.pub",       "id.block",      "id.auth"};
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
    tcase_add_test(t, test_verify_takes_json_evidence);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    remove_files();
    return rc;
}
