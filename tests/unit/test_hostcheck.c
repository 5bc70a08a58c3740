/* SPDX-License-Identifier: Apache-2.0
 * test_hostcheck.c - recorded hosts: what is right and wrong with each, and nothing else; hostile
 * trees stay bounded; kernels against the table of known flaws.
 */
#include "check_main.h"
#include "hostcheck_internal.h"

#include "base/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void judge(const char *root, struct hc_report *r)
{
    struct hc_facts f;
    struct cl_err err = {0};
    ck_assert_msg(hc_read(root, NULL, &f, &err) == CL_OK, "%s", err.msg);
    hc_judge(&f, r);
}

static const struct hc_check *find(const struct hc_report *r, const char *id)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->check[i].id, id) == 0) {
            return &r->check[i];
        }
    }
    ck_abort_msg("no check '%s'", id);
    return NULL;
}

/* The checks of some classes that did not pass: "id=fail id=unknown". */
static void wrong(const struct hc_report *r, unsigned classes, char *text, size_t size)
{
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < r->count; i++) {
        const struct hc_check *c = &r->check[i];
        ck_assert((c->status == HC_PASS) == (c->mend == NULL));
        ck_assert(c->expected[0] != '\0' && c->actual[0] != '\0');
        if ((c->classes & classes) != 0 && c->status != HC_PASS) {
            n += (size_t)snprintf(text + n, size - n, "%s%s=%s", n > 0 ? " " : "", c->id,
                                  hc_status_name(c->status));
        }
    }
}

static const struct {
    const char *tree;
    enum hc_class class;
    enum hc_verdict verdict;
    const char *wrong;
} hosts[] = {
    {"snp-good", HC_SNP, HC_YES, ""},
    {"snp-good", HC_SIM, HC_YES, ""},
    {"snp-good", HC_PODS, HC_YES, ""},
    {"snp-no-rmp", HC_SNP, HC_NO,
     "snp.module.sev_snp=fail snp.kvm.vm-type=fail snp.rmp=fail snp.firmware.api=unknown"},
    {"snp-no-rmp", HC_SIM, HC_YES, ""},
    {"snp-old-kernel", HC_SNP, HC_NO,
     "snp.kernel.CVE-2026-53360=fail snp.kernel.CVE-2026-63938=fail "
     "snp.kernel.CVE-2026-63940=fail snp.kernel.CVE-2026-72286=fail "
     "snp.kernel.CVE-2026-31591=fail"},
    {"snp-vendor-kernel", HC_SNP, HC_MAYBE,
     "snp.kernel.version=unknown snp.kernel.CVE-2026-53360=unknown "
     "snp.kernel.CVE-2026-63938=unknown snp.kernel.CVE-2026-63940=unknown "
     "snp.kernel.CVE-2026-72286=unknown snp.kernel.CVE-2026-31591=unknown"},
    {"snp-iommu-pt", HC_SNP, HC_NO, "snp.rmp=fail snp.iommu=fail snp.dev.sev=fail"},
    {"tdx-good", HC_TDX, HC_YES, ""},
    {"tdx-good", HC_SIM, HC_YES, ""},
    {"tdx-no-module", HC_TDX, HC_NO, "tdx.module.tdx=fail tdx.kvm.vm-type=fail tdx.qgs=unknown"},
    {"none", HC_SIM, HC_NO, "host.dev.kvm=fail host.kvm.hardware=fail host.kvm.api=unknown"},
    {"none", HC_PODS, HC_NO,
     "pods.dev.tun=fail pods.module.sch_ingress=fail pods.module.cls_u32=fail "
     "pods.module.act_mirred=fail pods.cgroups=fail"},
};

START_TEST(test_each_host_has_what_is_wrong_with_it)
{
    struct hc_report r;
    char path[512];
    char text[2048];
    (void)snprintf(path, sizeof(path), "%s/%s", HOSTS, hosts[_i].tree);
    judge(path, &r);
    wrong(&r, 1u << hosts[_i].class, text, sizeof(text));
    ck_assert_str_eq(text, hosts[_i].wrong);
    ck_assert_int_eq(r.verdict[hosts[_i].class], hosts[_i].verdict);
}
END_TEST

START_TEST(test_a_host_of_one_vendor_does_not_run_the_other_class)
{
    struct hc_report r;
    judge(HOSTS "/tdx-good", &r);
    ck_assert_int_eq(r.verdict[HC_SNP], HC_NO);
    ck_assert_str_eq(hc_obstacle(&r, HC_SNP)->id, "snp.cpu.vendor");
    judge(HOSTS "/snp-good", &r);
    ck_assert_int_eq(r.verdict[HC_TDX], HC_NO);
    ck_assert_str_eq(hc_obstacle(&r, HC_TDX)->id, "tdx.cpu.vendor");
    judge(HOSTS "/none", &r);
    ck_assert_int_eq(r.verdict[HC_SNP], HC_NO);
    ck_assert_int_eq(r.verdict[HC_TDX], HC_NO);
    ck_assert_str_eq(hc_obstacle(&r, HC_TDX)->id, "tdx.cpu.platform");
    ck_assert_int_eq(find(&r, "host.cpu.vulnerabilities")->status, HC_FAIL);
    ck_assert_str_eq(find(&r, "host.cpu.vulnerabilities")->actual, "l1tf");
}
END_TEST

START_TEST(test_firmware_is_told)
{
    struct hc_facts f;
    struct hc_report r;
    ck_assert_int_eq(hc_read(HOSTS "/snp-good", NULL, &f, NULL), CL_OK);
    ck_assert(f.firmware.known && f.firmware.rmp_initialized && f.firmware.alias_check_complete);
    ck_assert_uint_eq(f.firmware.build, 21);
    ck_assert_uint_eq(f.family, 25);
    ck_assert_uint_eq(f.model, 1);
    f.firmware.api_minor = 50;
    f.firmware.alias_check_complete = false;
    f.firmware.reported_tcb = 1;
    hc_judge(&f, &r);
    ck_assert_int_eq(find(&r, "snp.firmware.api")->status, HC_FAIL);
    ck_assert_int_eq(find(&r, "snp.firmware.alias-check")->status, HC_FAIL);
    ck_assert_int_eq(find(&r, "snp.firmware.tcb")->status, HC_FAIL);
    ck_assert_int_eq(r.verdict[HC_SNP], HC_NO);
}
END_TEST

/* Whatever is not known, of any class, is not yes. */
START_TEST(test_an_empty_host_is_never_yes)
{
    struct hc_facts f = {0};
    struct hc_report r;
    hc_judge(&f, &r);
    for (size_t i = 0; i < r.count; i++) {
        ck_assert_int_eq(r.check[i].status, HC_CANNOT_TELL);
    }
    for (size_t c = 0; c < HC_CLASS_COUNT; c++) {
        ck_assert_int_eq(r.verdict[c], HC_MAYBE);
    }
}
END_TEST

/* --- hostile trees
 * ------------------------------------------------------------------------------------ */

static void put(const char *dir, const char *name, const void *data, size_t len)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    for (char *slash = path + strlen(dir) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(cl_write_all(fd, data, len, path, NULL), CL_OK);
    (void)close(fd);
}

static void new_dir(char dir[static 64])
{
    (void)snprintf(dir, 64, "/tmp/test-hostcheck-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(const char *dir)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(test_hostile_trees_are_bounded)
{
    static char huge[HC_MAX_CPUINFO * 2];
    static const char binary[] = "Y\x1b[2J\xff\0Y\n";
    struct hc_facts f;
    struct hc_report r;
    char dir[64];
    char path[128];
    new_dir(dir);
    memset(huge, 'Y', sizeof(huge));
    put(dir, "proc/sys/kernel/osrelease", huge, sizeof(huge));
    put(dir, "proc/cpuinfo", huge, sizeof(huge));
    put(dir, "cpuid", huge, sizeof(huge));
    put(dir, "kvm", huge, HC_MAX_SMALL);
    put(dir, "sev", binary, sizeof(binary));
    put(dir, "sys/module/kvm_amd/parameters/sev", binary, sizeof(binary));
    put(dir, "sys/module/kvm_amd/parameters/sev_es", huge, sizeof(huge));
    (void)snprintf(path, sizeof(path), "%s/sys/module/kvm_amd/parameters/sev_snp", dir);
    ck_assert_int_eq(mkfifo(path, 0644), 0); /* must not block */
    (void)snprintf(path, sizeof(path), "%s/sys/module/kvm_intel", dir);
    ck_assert_int_eq(symlink("/proc/self", path), 0); /* stays inside, where there is none */
    for (unsigned i = 0; i < 2 * HC_MAX_ENTRIES; i++) {
        (void)snprintf(path, sizeof(path), "sys/devices/system/cpu/vulnerabilities/v%u", i);
        put(dir, path, "Vulnerable\n", 11);
    }
    ck_assert_int_eq(hc_read(dir, NULL, &f, NULL), CL_OK);
    ck_assert_int_eq(f.kernel.seen, HC_UNKNOWN);
    ck_assert_int_eq(f.flag_sev_snp, HC_UNKNOWN);
    ck_assert(f.vendor[0] == '\0' && !f.kvm_api.known && !f.firmware.known);
    ck_assert_str_eq(f.param_sev.text, "Y?[2J??Y");
    ck_assert_int_eq(f.param_sev_es.seen, HC_UNKNOWN);
    ck_assert_int_eq(f.param_sev_snp.seen, HC_UNKNOWN);
    ck_assert_int_eq(f.kvm_intel, HC_ABSENT);
    hc_judge(&f, &r);
    for (size_t c = 0; c < HC_CLASS_COUNT; c++) {
        ck_assert_int_ne(r.verdict[c], HC_YES);
    }
    remove_dir(dir);
}
END_TEST

/* Each thing that a class rests on, taken away from a host that can run it. */
START_TEST(test_without_any_one_fact_it_is_not_yes)
{
    static const struct {
        const char *tree;
        enum hc_class class;
        const char *file;
    } rows[] = {{"snp-good", HC_SNP, "cpuid"},
                {"snp-good", HC_SNP, "kvm"},
                {"snp-good", HC_SNP, "sev"},
                {"snp-good", HC_SNP, "dev/kvm"},
                {"snp-good", HC_SNP, "dev/sev"},
                {"snp-good", HC_SNP, "proc/cmdline"},
                {"snp-good", HC_SNP, "proc/sys/kernel/osrelease"},
                {"snp-good", HC_SNP, "sys/class/iommu/one"},
                {"snp-good", HC_SNP, "sys/module/kvm_amd/parameters/sev"},
                {"snp-good", HC_SNP, "sys/module/kvm_amd/parameters/sev_es"},
                {"snp-good", HC_SNP, "sys/module/kvm_amd/parameters/sev_snp"},
                {"tdx-good", HC_TDX, "cpuid"},
                {"tdx-good", HC_TDX, "kvm"},
                {"tdx-good", HC_TDX, "dev/kvm"},
                {"tdx-good", HC_TDX, "proc/cpuinfo"},
                {"tdx-good", HC_TDX, "proc/sys/kernel/osrelease"},
                {"tdx-good", HC_TDX, "run/tdx-qgs/qgs.socket"},
                {"tdx-good", HC_TDX, "sys/module/kvm_intel/parameters/tdx"},
                {"tdx-good", HC_SIM, "sys/module/kvm_intel"},
                {"tdx-good", HC_PODS, "dev/net/tun"},
                {"tdx-good", HC_PODS, "lib/modules/6.18.44/modules.dep"},
                {"tdx-good", HC_PODS, "sys/module/sch_ingress"},
                {"tdx-good", HC_PODS, "sys/fs/cgroup/cgroup.controllers"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hc_report r;
        char dir[64];
        char tree[80];
        char command[1024];
        new_dir(dir);
        (void)snprintf(tree, sizeof(tree), "%s/t", dir);
        (void)snprintf(command, sizeof(command), "cp -R '%s/%s' '%s' && rm -r '%s/%s'", HOSTS,
                       rows[i].tree, tree, tree, rows[i].file);
        ck_assert_int_eq(system(command), 0);
        judge(tree, &r);
        ck_assert_msg(r.verdict[rows[i].class] != HC_YES, "%s", rows[i].file);
        remove_dir(dir);
    }
}
END_TEST

START_TEST(test_every_truncation_of_every_text_is_no_more_than_the_whole)
{
    static const char *const names[] = {"cpuid", "kvm", "sev", "proc/cpuinfo"};
    for (size_t i = 0; i < 4; i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/snp-good/%s", HOSTS, names[i]);
        ck_assert_int_eq(cl_buf_read_file(&b, path, HC_MAX_CPUINFO, NULL), CL_OK);
        for (size_t n = 0; n + 1 < b.len; n++) {
            struct hc_facts f;
            struct hc_report r;
            ck_assert_int_eq(hc_read(HOSTS "/snp-good", NULL, &f, NULL), CL_OK);
            f.sev.known = f.vm_types.known = f.firmware.known = false;
            f.flag_sev_snp = HC_UNKNOWN;
            if (i == 0) {
                f.vendor[0] = '\0';
                hc_parse_cpuid((char *)b.data, n, &f);
            } else if (i == 1) {
                hc_parse_kvm((char *)b.data, n, &f);
            } else if (i == 2) {
                hc_parse_sev((char *)b.data, n, &f);
            } else {
                hc_parse_cpuinfo((char *)b.data, n, &f);
            }
            hc_judge(&f, &r);
            ck_assert_int_ne(r.verdict[HC_SNP], HC_YES);
        }
    }
}
END_TEST

START_TEST(test_a_record_gives_the_same_answers)
{
    struct hc_report here;
    struct hc_report there;
    struct hc_facts f;
    char dir[64];
    char record[80];
    new_dir(dir);
    (void)snprintf(record, sizeof(record), "%s/r", dir);
    ck_assert_int_eq(hc_read(NULL, record, &f, NULL), CL_OK);
    hc_judge(&f, &here);
    ck_assert_int_eq(hc_read(record, NULL, &f, NULL), CL_OK);
    hc_judge(&f, &there);
    ck_assert_uint_eq(here.count, there.count);
    for (size_t i = 0; i < here.count; i++) {
        ck_assert_str_eq(here.check[i].id, there.check[i].id);
        ck_assert_msg(here.check[i].status == there.check[i].status, "%s", here.check[i].id);
    }
    ck_assert_int_eq(hc_read(NULL, record, &f, NULL), CL_ERR_SYS); /* it is there */
    ck_assert_int_eq(hc_read("/nonexistent", NULL, &f, NULL), CL_ERR_SYS);
    remove_dir(dir);
}
END_TEST

/* --- kernels
 * ------------------------------------------------------------------------------------------ */

static enum hc_status free_of(const char *release, const char *cve)
{
    struct hc_kernel k;
    ck_assert_msg(hc_kernel_parse(release, &k), "%s", release);
    for (const struct hc_flaw *f = hc_flaws; f->cve != NULL; f++) {
        if (strcmp(f->cve, cve) == 0) {
            return hc_kernel_free_of(&k, f);
        }
    }
    ck_abort_msg("no row '%s'", cve);
    return HC_FAIL;
}

START_TEST(test_kernels_against_the_table)
{
    static const struct {
        const char *release;
        const char *cve;
        enum hc_status status;
    } rows[] = {
        {"6.9.12", "CVE-2026-53360", HC_PASS}, /* before the code */
        {"6.10.0", "CVE-2026-53360", HC_FAIL},
        {"6.12.92", "CVE-2026-53360", HC_FAIL},
        {"6.12.93", "CVE-2026-53360", HC_PASS},
        {"6.12.94+deb13-amd64", "CVE-2026-63940", HC_FAIL},
        {"6.12.95+deb13-amd64", "CVE-2026-63940", HC_PASS},
        {"6.14.11", "CVE-2026-63938", HC_FAIL}, /* a branch without a fix */
        {"6.18.39", "CVE-2026-72286", HC_FAIL},
        {"6.18.40", "CVE-2026-72286", HC_PASS},
        {"7.1.4", "CVE-2026-72286", HC_FAIL},
        {"7.2", "CVE-2026-72286", HC_PASS},
        {"7.2.0-rc1", "CVE-2026-72286", HC_CANNOT_TELL},
        {"6.12.99", "CVE-2026-31591", HC_FAIL},
        {"7.0.1", "CVE-2026-31591", HC_PASS},
        {"6.8.0-45-generic", "CVE-2026-53360", HC_CANNOT_TELL},
        {"6.1.0-28-amd64", "CVE-2026-63940", HC_CANNOT_TELL},
        {"5.14.0-503.el9.x86_64", "CVE-2026-63940", HC_CANNOT_TELL},
        {"8.0.3", "CVE-2026-53360", HC_PASS},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(free_of(rows[i].release, rows[i].cve) == rows[i].status, "%s %s",
                      rows[i].release, rows[i].cve);
    }
}
END_TEST

START_TEST(test_versions_of_kernels)
{
    static const char *const bad[] = {"", "x", "6", "6.", ".1", "6.x", "6.1.", "1234567.1", "-6.1"};
    struct hc_kernel k;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!hc_kernel_parse(bad[i], &k), "%s", bad[i]);
    }
    ck_assert(hc_kernel_parse("6.10.9", &k));
    ck_assert_int_eq(hc_kernel_at_least(&k, 6, 11), HC_FAIL);
    ck_assert(hc_kernel_parse("6.11", &k));
    ck_assert_int_eq(hc_kernel_at_least(&k, 6, 11), HC_PASS);
    ck_assert(hc_kernel_parse("6.11.0-rc2", &k));
    ck_assert_int_eq(hc_kernel_at_least(&k, 6, 11), HC_CANNOT_TELL);
    ck_assert(hc_kernel_parse("7.0.1", &k));
    ck_assert_int_eq(hc_kernel_at_least(&k, 6, 16), HC_PASS);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hostcheck");
    TCase *tc = tcase_create("hostcheck");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_each_host_has_what_is_wrong_with_it, 0,
                        (int)(sizeof(hosts) / sizeof(hosts[0])));
    tcase_add_test(tc, test_a_host_of_one_vendor_does_not_run_the_other_class);
    tcase_add_test(tc, test_firmware_is_told);
    tcase_add_test(tc, test_an_empty_host_is_never_yes);
    tcase_add_test(tc, test_hostile_trees_are_bounded);
    tcase_add_test(tc, test_without_any_one_fact_it_is_not_yes);
    tcase_add_test(tc, test_every_truncation_of_every_text_is_no_more_than_the_whole);
    tcase_add_test(tc, test_a_record_gives_the_same_answers);
    tcase_add_test(tc, test_kernels_against_the_table);
    tcase_add_test(tc, test_versions_of_kernels);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
