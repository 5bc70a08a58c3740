/* SPDX-License-Identifier: Apache-2.0
 * test_measure_cmd.c - `cloister measure` and `idblock` as a user meets them: exit status, stdout,
 * the one line on stderr.
 */
#include "cmd_rig.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "check_main.h"
#include "cloister/corim.h"
#include "cloister/pem.h"
#include "tdx_image.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DIGEST_1                                                                                   \
    "111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"   \
    "111111"

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
    rig_path("id.key", path);
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
    rig_path("guest.cmdline", path);
    ck_assert_int_eq(cl_write_file(path, "cloister.tee=sim", 16, 0600, NULL), CL_OK);
    CL_CLEANUP(outcome_done) struct outcome guest = run("measure snp --guest @ --cpus 1");
    ck_assert_int_eq(guest.status, 0);
    ck_assert_str_eq((const char *)guest.out.data, (const char *)named.out.data);
    /* What `cloister run --tee snp` launches: without the word. */
    CL_CLEANUP(outcome_done)
    struct outcome bare = run(FW "--kernel @/kernel --initrd @/kernel --cmdline quiet");
    ck_assert_int_eq(cl_write_file(path, "cloister.tee=sim quiet", 22, 0600, NULL), CL_OK);
    CL_CLEANUP(outcome_done) struct outcome snp = run("measure snp --guest @ --cpus 1 --class snp");
    ck_assert_str_eq((const char *)snp.out.data, (const char *)bare.out.data);
    CL_CLEANUP(outcome_done)
    struct outcome sim = run("measure snp --guest @ --cpus 1 --class sim-snp");
    ck_assert_str_ne((const char *)sim.out.data, (const char *)bare.out.data);
    expect("measure snp --guest @ --cpus 1 --class tdx", 2, "--class: expected snp or sim-snp");
    expect("measure snp --guest @ --cpus 1 --class snp --corim @/c --corim-key @/k --corim-class "
           "sim-snp",
           2, "--corim-class: expected snp, as --class, got sim-snp");
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

#define CORIM FW "--vcpu-sig 800f12 --corim @/out.cbor "
START_TEST(test_measure_writes_a_corim)
{
    struct cl_corim c;
    char path[128];
    struct evp_pkey_st *key = NULL;
    uint8_t golden[CL_CORIM_MEASUREMENT_SIZE];
    ck_assert_int_eq(cl_unhex(golden, sizeof(golden), GOLDEN, "golden", NULL), CL_OK);
    rig_path("ed25519.pub", path);
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
        ck_assert_int_eq(c.not_before, 0); /* archived evidence may be older than the file */
        int64_t left = c.not_after - (int64_t)time(NULL);
        ck_assert(left > INT64_C(364) * 86400 && left <= INT64_C(365) * 86400);
    }
    cl_pem_key_freep(&key);
    rig_path("out.cbor", path);
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

int main(void)
{
    if (!rig_init()) {
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("measure_cmd");
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
    tcase_add_test(t, test_measure_writes_a_corim);
    suite_add_tcase(s, t);
    int rc = run_suite(s);
    rig_done();
    return rc;
}
