/* SPDX-License-Identifier: Apache-2.0
 * test_shim_parts.c - settings, sizes, cgroups, initdata and files of the host: what a pod is made
 * from.
 */
#include "check_main.h"

#include "cgroup.h"
#include "config.h"
#include "initdata.h"
#include "sizing.h"

#include "base/encode.h"
#include "base/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#define MIB (UINT64_C(1) << 20)

/* --- settings
 * ----------------------------------------------------------------------------------------------------
 */

static enum cl_status parse(const char *text, struct shim_config *ret, struct cl_err *err)
{
    return shim_config_parse(text, strlen(text), "/etc/c.toml", ret, err);
}

START_TEST(test_settings_have_defaults)
{
    struct shim_config c;
    struct cl_err err = {0};
    ck_assert_int_eq(parse("", &c, &err), CL_OK);
    ck_assert_ptr_null(c.tee); /* nobody gets a class that he did not ask for */
    ck_assert_uint_eq(c.cpus, 1);
    ck_assert_uint_eq(c.memory_mib, 256);
    ck_assert_uint_eq(c.boot_timeout_s, 60);
    ck_assert_uint_eq(c.relay_count, 0);
    ck_assert(!c.insecure_no_jail && !c.host_files);
    shim_config_done(&c);
    shim_config_done(&c);
}
END_TEST

START_TEST(test_settings_are_read)
{
    struct shim_config c;
    struct cl_err err = {0};
    enum cl_status st =
        parse("[vm]\n"
              "tee = \"sim\"\nguest = \"/g\"\npsp-state = \"/p\"\nconsole = \"/c\"\n"
              "insecure-no-jail = true\ncpus = 2\ncpus-max = 4\nmemory-mib = 512\n"
              "memory-max-mib = 4096\noverhead-mib = 64\nboot-timeout-s = 120\n"
              "scratch-mib = 16\nscratch-dir = \"/s\"\n"
              "[relay]\nallow = [\"kbs.example:8080\", \"[fd00::1]:443\"]\n"
              "[image]\nregistry-ca = \"/ca.pem\"\ntimeout-s = 30\n"
              "[pod]\nkubelet = \"/k\"\nhost-files = true\n",
              &c, &err);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert_str_eq(c.tee, "sim");
    ck_assert_str_eq(c.guest, "/g");
    ck_assert_str_eq(c.psp_state, "/p");
    ck_assert_str_eq(c.console, "/c");
    ck_assert_uint_eq(c.cpus, 2);
    ck_assert_uint_eq(c.cpus_max, 4);
    ck_assert_uint_eq(c.memory_mib, 512);
    ck_assert_uint_eq(c.memory_max_mib, 4096);
    ck_assert_uint_eq(c.overhead_mib, 64);
    ck_assert_uint_eq(c.boot_timeout_s, 120);
    ck_assert_uint_eq(c.scratch_mib, 16);
    ck_assert_str_eq(c.scratch_dir, "/s");
    ck_assert_uint_eq(c.image_timeout_s, 30);
    ck_assert_uint_eq(c.relay_count, 2);
    ck_assert_str_eq(c.relay_allow[1], "[fd00::1]:443");
    ck_assert_str_eq(c.registry_ca, "/ca.pem");
    ck_assert_str_eq(c.kubelet, "/k");
    ck_assert(c.insecure_no_jail && c.host_files);
    shim_config_done(&c);
}
END_TEST

START_TEST(test_settings_of_a_class)
{
    struct shim_config c;
    struct cl_err err = {0};
    ck_assert_int_eq(parse("[vm]\ntee = \"snp\"\ncerts = \"/t\"\n", &c, &err), CL_OK);
    ck_assert_str_eq(c.certs, "/t");
    shim_config_done(&c);
    ck_assert_int_eq(parse("[vm]\ntee = \"tdx\"\nqgs = \"vsock\"\n", &c, &err), CL_OK);
    ck_assert_str_eq(c.qgs, "vsock");
    shim_config_done(&c);
    ck_assert_int_eq(parse("[vm]\ntee = \"tdx\"\nqgs = \"/q\"\n", &c, &err), CL_OK);
    ck_assert_str_eq(c.qgs, "/q");
    shim_config_done(&c);
}
END_TEST

static const struct {
    const char *text;
    const char *message; /* behind "'/etc/c.toml': " */
} bad_settings[] = {
    {"[vmm]\n", "settings: unknown member 'vmm'"},
    {"tee = \"sim\"\n", "settings: unknown member 'tee'"},
    {"[vm]\ncpu = 1\n", "vm: unknown member 'cpu'"},
    {"[vm]\ntee = \"sgx\"\n", "vm: tee: expected sim, snp or tdx, got 'sgx'"},
    {"[vm]\ntee = 1\n", "vm: tee: expected string, got integer"},
    {"[vm]\nguest = \"relative\"\n", "vm: guest: expected an absolute path, got 'relative'"},
    {"[vm]\ncpus = 0\n", "vm: cpus: "},
    {"[vm]\ncpus = 17\n", "vm: cpus: "},
    {"[vm]\ncpus-max = 2\ncpus = 3\n", "vm: cpus: "},
    {"[vm]\nmemory-max-mib = 127\n", "vm: memory-max-mib: "},
    {"[vm]\nmemory-max-mib = 256\nmemory-mib = 257\n", "vm: memory-mib: "},
    {"[vm]\nboot-timeout-s = 0\n", "vm: boot-timeout-s: "},
    {"[vm]\nscratch-mib = 15\n", "vm: scratch-mib: expected 0, or 16 to 1048576, got 15"},
    {"[vm]\nscratch-mib = 1048577\n", "vm: scratch-mib: "},
    {"[vm]\nscratch-dir = \"s\"\n", "vm: scratch-dir: expected an absolute path, got 's'"},
    {"[vm]\ninsecure-no-jail = \"yes\"\n", "vm: insecure-no-jail: "},
    {"[vm]\ntee = \"tdx\"\ncerts = \"/c\"\n", "vm: certs: expected with tee = \"snp\", got tdx"},
    {"[vm]\ncerts = \"/c\"\n", "vm: certs: expected with tee = \"snp\", got none"},
    {"[vm]\ntee = \"snp\"\ncerts = \"c\"\n", "vm: certs: expected an absolute path, got 'c'"},
    {"[vm]\ntee = \"snp\"\nqgs = \"vsock\"\n", "vm: qgs: expected with tee = \"tdx\", got snp"},
    {"[vm]\ntee = \"tdx\"\nqgs = \"vsock:1\"\n",
     "vm: qgs: expected an absolute path, got 'vsock:1'"},
    {"[vm]\ntee = \"tdx\"\nqgs = 4050\n", "vm: qgs: expected string, got integer"},
    {"[relay]\nallow = \"a:1\"\n", "relay: allow: expected array, got string"},
    {"[relay]\nallow = [\"a\"]\n", "relay: allow: expected HOST:PORT, got 'a'"},
    {"[relay]\nallow = [1]\n", "relay: allow: expected HOST:PORT, got 'no string'"},
    {"[image]\ntimeout-s = 100000\n", "image: timeout-s: "},
    {"[pod]\nhost-files = 1\n", "pod: host-files: "},
    {"vm = 1\n", "settings: vm: expected object, got integer"},
};

START_TEST(test_settings_that_are_wrong)
{
    struct shim_config c;
    struct cl_err err = {0};
    char want[200];
    ck_assert_int_eq(parse(bad_settings[_i].text, &c, &err), CL_ERR_MALFORMED);
    (void)snprintf(want, sizeof(want), "'/etc/c.toml': %s", bad_settings[_i].message);
    ck_assert_msg(strncmp(err.msg, want, strlen(want)) == 0, "%s\n%s", err.msg, want);
}
END_TEST

START_TEST(test_too_many_relays)
{
    struct shim_config c;
    struct cl_err err = {0};
    char text[400] = "[relay]\nallow = [";
    for (unsigned i = 0; i <= SHIM_CONFIG_MAX_RELAY; i++) {
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "\"a:1\",");
    }
    text[strlen(text) - 1] = ']';
    ck_assert_int_eq(parse(text, &c, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(shim_config_read("/nonexistent", &c, &err), CL_ERR_SYS);
}
END_TEST

/* --- sizes
 * -------------------------------------------------------------------------------------------------------
 */

START_TEST(test_sizes)
{
    static const struct {
        uint32_t cpus;
        uint64_t memory;
        uint32_t want_cpus;
        uint64_t want_mib; /* 0: refused */
    } cases[] = {
        {0, 0, 1, 308},             /* 256 + 4 + 48 */
        {1, 64 * MIB, 1, 128},      /* what the firmware asks for at least */
        {16, 512 * MIB, 16, 568},   /* 512 + 8 + 48 */
        {1, 512 * MIB + 1, 1, 570}, /* whole pages of 2 MiB */
        {17, 0, 0, 0},
        {1, 524288 * MIB, 0, 0}, /* no room for the overhead */
        {1, 524289 * MIB, 0, 0},
        {1, UINT64_MAX, 0, 0},
        {1, 400000 * MIB, 1, 406298}, /* 400000 + 6250 + 48 */
    };
    struct shim_config c;
    struct shim_size size = {0};
    struct cl_err err = {0};
    shim_config_default(&c);
    enum cl_status st = shim_size_for(&c, cases[_i].cpus, cases[_i].memory, &size, &err);
    ck_assert_int_eq(st, cases[_i].want_mib != 0 ? CL_OK : CL_ERR_REJECTED);
    ck_assert_uint_eq(size.cpus, cases[_i].want_cpus);
    ck_assert_uint_eq(size.memory, cases[_i].want_mib * MIB);
}
END_TEST

/* --- cgroups
 * -----------------------------------------------------------------------------------------------------
 */

START_TEST(test_cgroup_paths)
{
    static const struct {
        const char *path;
        const char *parent; /* NULL: refused */
    } cases[] = {
        {"/kubepods/burstable/pod1/abc", "/kubepods/burstable/pod1"},
        {"/default/c1", "/default"},
        {"/c1", ""},
        {"kubepods-burstable-pod1_2.slice:cri-containerd:abc",
         "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice"},
        {"system.slice:x:abc", "/system.slice"},
        {"", NULL},
        {"relative/c1", NULL},
        {"/a/../c1", NULL},
        {"/a/./c1", NULL},
        {"/a//c1", NULL},
        {"/a/", NULL},
        {"a.slice:abc", NULL},
        {".slice:x:abc", NULL},
        {"-.slice:x:abc", NULL},
        {"../x.slice:x:abc", NULL},
        {"a.scope:x:abc", NULL},
    };
    char parent[256];
    struct cl_err err = {0};
    enum cl_status st = shim_cgroup_parent(cases[_i].path, parent, sizeof(parent), &err);
    ck_assert_int_eq(st, cases[_i].parent != NULL ? CL_OK : CL_ERR_MALFORMED);
    if (st == CL_OK) {
        ck_assert_str_eq(parent, cases[_i].parent);
    }
}
END_TEST

/* A folder that looks like cgroup file systems: only that new folders have no cgroup.procs. */
static void make(const char *root, const char *path)
{
    char full[512];
    (void)snprintf(full, sizeof(full), "%s/%s", root, path);
    for (char *p = strchr(full + strlen(root) + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        (void)mkdir(full, 0700);
        *p = '/';
    }
    if (full[strlen(full) - 1] != '/') {
        int fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        (void)close(fd);
    }
}

static void remove_tree(const char *dir)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/bin/rm", "rm", "-rf", dir, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(pid, NULL, 0);
}

static bool holds_us(const char *root, const char *path)
{
    char full[512];
    struct cl_buf b = {0};
    (void)snprintf(full, sizeof(full), "%s/%s", root, path);
    bool us = cl_buf_read_file(&b, full, 100, NULL) == CL_OK && b.len > 0 &&
              strtol((const char *)b.data, NULL, 10) == getpid();
    cl_buf_done(&b);
    return us;
}

START_TEST(test_a_cgroup_is_entered_where_it_is)
{
    char root[] = "/tmp/shim-cgroup-XXXXXX";
    char self[64];
    struct shim_cgroup *g = NULL;
    struct cl_err err = {0};
    static const char *const lines[] = {"0::/init\n",
                                        "5:memory:/\n4:cpu,cpuacct:/x\n1:name=systemd:"
                                        "/\n3:cpuset:/\n",
                                        "5:memory:/\n0::/\n", "garbage\n5:x\n::\n", ""};
    ck_assert_ptr_nonnull(mkdtemp(root));
    make(root, "init/cgroup.procs");
    make(root, "pods/cloister-sb/cgroup.procs");
    make(root, "memory/cgroup.procs");
    make(root, "memory/pods/cloister-sb/cgroup.procs");
    make(root, "cpu,cpuacct/x/cgroup.procs");
    make(root, "cpu,cpuacct/pods/cloister-sb/cgroup.procs");
    make(root, "systemd/other/");
    make(root, "cpuset/pods/"); /* takes no processes */
    (void)snprintf(self, sizeof(self), "%s/self", root);
    ck_assert_int_eq(cl_write_file(self, lines[_i], strlen(lines[_i]), 0600, NULL), CL_OK);
    ck_assert_int_eq(shim_cgroup_enter(root, self, "/pods/sb", "sb", &g, &err), CL_OK);
    ck_assert_int_eq(holds_us(root, "pods/cloister-sb/cgroup.procs"), _i == 0 || _i == 2);
    ck_assert_int_eq(holds_us(root, "memory/pods/cloister-sb/cgroup.procs"), _i == 1 || _i == 2);
    ck_assert_int_eq(holds_us(root, "cpu,cpuacct/pods/cloister-sb/cgroup.procs"), _i == 1);
    ck_assert_int_eq(g != NULL, _i < 3);
    shim_cgroup_leave(g);
    ck_assert_int_eq(holds_us(root, "init/cgroup.procs"), _i == 0);
    ck_assert_int_eq(holds_us(root, "cpu,cpuacct/x/cgroup.procs"), _i == 1);
    ck_assert_int_eq(shim_cgroup_enter(root, self, "/gone/sb", "sb", &g, &err), CL_OK);
    ck_assert_ptr_null(g);
    ck_assert_int_eq(shim_cgroup_enter(root, self, "gone/sb", "sb", &g, &err), CL_ERR_MALFORMED);
    remove_tree(root);
}
END_TEST

/* --- initdata
 * ----------------------------------------------------------------------------------------------------
 */

static void encode(const void *data, size_t len, struct cl_buf *ret)
{
    cl_buf_reset(ret);
    ck_assert_int_eq(cl_b64_encode(ret, data, len, NULL), CL_OK);
}

static size_t gzip(const void *data, size_t len, uint8_t *ret, size_t size)
{
    z_stream z = {0};
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)len;
    z.next_out = ret;
    z.avail_out = (uInt)size;
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = size - z.avail_out;
    (void)deflateEnd(&z);
    return n;
}

START_TEST(test_initdata_plain_and_packed)
{
    static const char text[] = "version = \"0.1.0\"\n";
    struct cl_buf coded = {0};
    struct cl_buf got = {0};
    struct cl_err err = {0};
    uint8_t packed[200];
    encode(text, strlen(text), &coded);
    ck_assert_int_eq(shim_initdata_decode((char *)coded.data, &got, &err), CL_OK);
    ck_assert_str_eq((char *)got.data, text);
    cl_buf_done(&got);
    size_t len = gzip(text, strlen(text), packed, sizeof(packed));
    encode(packed, len, &coded);
    ck_assert_int_eq(shim_initdata_decode((char *)coded.data, &got, &err), CL_OK);
    ck_assert_uint_eq(got.len, strlen(text));
    ck_assert_int_eq(memcmp(got.data, text, got.len), 0); /* public */
    cl_buf_done(&got);
    for (size_t cut = 2; cut < len; cut++) { /* below, it is no gzip but some text */
        encode(packed, cut, &coded);
        ck_assert_int_eq(shim_initdata_decode((char *)coded.data, &got, &err), CL_ERR_MALFORMED);
        cl_buf_done(&got);
    }
    packed[len] = 0; /* something behind it */
    encode(packed, len + 1, &coded);
    ck_assert_int_eq(shim_initdata_decode((char *)coded.data, &got, &err), CL_ERR_MALFORMED);
    cl_buf_done(&got);
    packed[len / 2] ^= 0x55;
    encode(packed, len, &coded);
    ck_assert_int_eq(shim_initdata_decode((char *)coded.data, &got, &err), CL_ERR_MALFORMED);
    cl_buf_done(&got);
    ck_assert_int_eq(shim_initdata_decode("", &got, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(shim_initdata_decode("@@@@", &got, &err), CL_ERR_MALFORMED);
    cl_buf_done(&coded);
    cl_buf_done(&got);
}
END_TEST

START_TEST(test_initdata_is_bounded)
{
    struct cl_buf coded = {0};
    struct cl_buf got = {0};
    struct cl_err err = {0};
    static uint8_t big[SHIM_INITDATA_MAX + 1];
    static uint8_t packed[8192];
    memset(big, 'a', sizeof(big));
    encode(big, SHIM_INITDATA_MAX, &coded);
    ck_assert_int_eq(shim_initdata_decode((char *)coded.data, &got, &err), CL_OK);
    ck_assert_uint_eq(got.len, SHIM_INITDATA_MAX);
    cl_buf_done(&got);
    encode(big, sizeof(big), &coded);
    ck_assert_int_eq(shim_initdata_decode((char *)coded.data, &got, &err), CL_ERR_MALFORMED);
    cl_buf_done(&got);
    size_t len = gzip(big, sizeof(big), packed, sizeof(packed)); /* a bomb, if a small one */
    encode(packed, len, &coded);
    ck_assert_int_eq(shim_initdata_decode((char *)coded.data, &got, &err), CL_ERR_MALFORMED);
    cl_buf_done(&got);
    cl_buf_done(&coded);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("shim_parts");
    TCase *tc = tcase_create("parts");
    tcase_add_test(tc, test_settings_have_defaults);
    tcase_add_test(tc, test_settings_are_read);
    tcase_add_test(tc, test_settings_of_a_class);
    tcase_add_loop_test(tc, test_settings_that_are_wrong, 0, CL_ARRAY_LEN(bad_settings));
    tcase_add_test(tc, test_too_many_relays);
    tcase_add_loop_test(tc, test_sizes, 0, 9);
    tcase_add_loop_test(tc, test_cgroup_paths, 0, 16);
    tcase_add_loop_test(tc, test_a_cgroup_is_entered_where_it_is, 0, 5);
    tcase_add_test(tc, test_initdata_plain_and_packed);
    tcase_add_test(tc, test_initdata_is_bounded);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
