/* SPDX-License-Identifier: Apache-2.0
 * vmm_driver.c - the VMM's tests against a real /dev/kvm, run in the lab as root: boots, ends,
 * disks, vsock, refusals, the jail seen from outside. usage: vmm_driver VMM SIM-PSP STAGE0
 * IMAGE-DIR [TEST-CASE]
 */
#include "base/buf.h"
#include "base/io.h"
#include "stage0_abi.h"
#include "vmm_host.h"
#include "vmm_pattern.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK_SIZE (1u << 20)
#define SOME_USER 1234u

static const char *disk_arg(const char *mode, const char *path)
{
    char *arg = NULL;
    ck_assert_int_gt(asprintf(&arg, "%s:%s", mode, path), 0);
    return arg;
}

static pid_t start_psp(struct vm *vm)
{
    const char *launch = vm_path(vm, "launch.sock");
    const char *guest = vm_path(vm, "guest_1030.sock");
    const char *state = vm_path(vm, "psp");
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)execl(vm_files.psp, vm_files.psp, "--state", state, "--launch-socket", launch,
                    "--guest-socket", guest, (char *)NULL);
        _exit(98);
    }
    for (int i = 0; i < 1200 && access(launch, F_OK) != 0; i++) { /* it makes RSA keys first */
        (void)usleep(100000);
    }
    vm_arg(vm, "--psp-socket", launch);
    return pid;
}

/* One vCPU; read-only and read-write disk, one attached while running; the real processor measures;
 * power-off. */
START_TEST(test_boots_measured_with_disks_and_powers_off)
{
    struct vm vm;
    vm_init(&vm, 1, "cpus1,ro1,rw2,fill3,poweroff");
    pid_t psp = start_psp(&vm);
    const char *ro = vm_path(&vm, "ro.img");
    const char *rw = vm_path(&vm, "rw.img");
    const char *late = vm_path(&vm, "late.img");
    static uint8_t zeroes[DISK_SIZE];
    vm_pattern_file(ro, DISK_SIZE);
    vm_write_file(rw, zeroes, DISK_SIZE);
    vm_pattern_file(late, DISK_SIZE);
    vm_arg(&vm, "--disk", disk_arg("ro", ro));
    vm_arg(&vm, "--disk", disk_arg("rw", rw));
    vm_start(&vm);
    vm_wait_console(&vm, "GUEST slot empty");
    int fd = open(late, O_RDONLY | O_CLOEXEC);
    ck_assert_str_eq(vm_control(&vm, "{\"op\":\"disk\",\"slot\":3,\"path\":\"late.img\"}\n", fd),
                     "{\"ok\":true}\n");
    ck_assert_str_eq(vm_control(&vm, "{\"op\":\"disk\",\"slot\":3,\"path\":\"late.img\"}\n", fd),
                     "{\"ok\":false,\"error\":\"control: 'late.img': disk: slot 3: expected empty, "
                     "got in use\"}\n");
    vm_expect_exit(&vm, 0);
    vm_expect_action(&vm, "cpus1");
    vm_expect_action(&vm, "ro1");
    vm_expect_action(&vm, "rw2");
    vm_expect_action(&vm, "fill3");
    ck_assert(vm_is_pattern_file(ro, DISK_SIZE)); /* the guest tried to write it */
    ck_assert(vm_is_pattern_file(rw, DISK_SIZE));
    static const char *const events[] = {
        "\"name\":\"vmm.start\"",
        "\"event\":\"launched\",\"measurement\":\"",
        "\"name\":\"stage0.enter\"",
        "\"name\":\"payload.copied\"",
        "\"name\":\"payload.verified\"",
        "\"name\":\"linux.jump\"",
        "{\"event\":\"end\",\"status\":\"poweroff\",\"code\":0,",
    };
    const char *at = vm.events;
    for (size_t i = 0; i < CL_ARRAY_LEN(events); i++) { /* each once, in this order */
        vm_expect_event(&vm, events[i]);
        ck_assert_ptr_nonnull(strstr(at, events[i]));
        at = strstr(at, events[i]);
    }
    ck_assert_int_eq(waitpid(psp, NULL, 0), psp); /* it ends when the VMM hangs up */
    ck_assert_int_ne(access(vm_path(&vm, "host.sock"), F_OK), 0);
    ck_assert_int_ne(access(vm_path(&vm, "control.sock"), F_OK), 0);
}
END_TEST

/* Two vCPUs; streams of so many MiB both ways, with a host that reads slowly and a guest that does;
 * reset. */
static void expect_every_byte(unsigned mib)
{
    struct vm vm;
    uint8_t got[5] = {0};
    char sink[16];
    char list[64];
    (void)snprintf(sink, sizeof(sink), "sink%u", mib);
    (void)snprintf(list, sizeof(list), "cpus2,echo,%s,source,listen,reset", sink);
    vm_init(&vm, 2, list);
    vm_serve_echo(&vm);
    vm_serve_sink(&vm, 0);
    vm_serve_source(&vm, (uint64_t)mib << 20);
    vm_start(&vm);
    vm_wait_console(&vm, "GUEST listen ready");
    ck_assert_int_lt(vm_dial(&vm, 4999), 0); /* nobody listens in the guest */
    int fd = vm_dial(&vm, VMM_TEST_PORT_GUEST);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(cl_write_all(fd, "hello", 5, "guest", NULL), CL_OK);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    ck_assert_int_eq(cl_read_all(fd, got, 5, "guest", NULL), CL_OK);
    ck_assert_mem_eq(got, "hello", 5);
    ck_assert_int_eq(read(fd, got, 1), 0); /* and its end */
    vm_expect_exit(&vm, 10);
    const char *const actions[] = {"cpus2", "echo", sink, "source", "listen"};
    for (size_t i = 0; i < CL_ARRAY_LEN(actions); i++) {
        vm_expect_action(&vm, actions[i]);
    }
    vm_expect_event(&vm, "\"status\":\"reset\",\"code\":0");
}

START_TEST(test_vsock_keeps_every_byte)
{
    expect_every_byte(12);
}
END_TEST

START_TEST(test_vsock_keeps_every_byte_of_100_mib)
{
    expect_every_byte(100);
}
END_TEST

START_TEST(test_vsock_waits_for_a_slow_host)
{
    struct vm vm;
    vm_init(&vm, 1, "sink4,poweroff");
    vm_serve_sink(&vm, 20000);
    vm_start(&vm);
    vm_expect_exit(&vm, 0);
    vm_expect_action(&vm, "sink4");
}
END_TEST

START_TEST(test_panic_is_told_apart)
{
    struct vm vm;
    vm_init(&vm, 4, "cpus4,mem2304,panic");
    vm_replace_arg(&vm, "--memory", "2304M"); /* some of it above 4 GiB */
    vm_start(&vm);
    vm_expect_exit(&vm, 11);
    vm_expect_action(&vm, "cpus4");
    vm_expect_action(&vm, "mem2304");
    vm_expect_event(&vm,
                    "\"status\":\"panic\",\"code\":0,\"reason\":\"the guest's kernel panicked\"");
}
END_TEST

/* Plays the security processor only to get between the measurement and the first instruction: there
 * the host changes the initrd's file. */
struct evil {
    int listen_fd;
    const char *initrd;
};

static void *evil_main(void *arg)
{
    const struct evil *e = arg;
    int fd = accept(e->listen_fd, NULL, NULL);
    uint32_t head[2];
    uint8_t *body = malloc(1u << 20);
    while (body != NULL && cl_read_all(fd, head, sizeof(head), "psp", NULL) == CL_OK &&
           head[1] <= 1u << 20 && cl_read_all(fd, body, head[1], "psp", NULL) == CL_OK) {
        uint32_t answer[3 + 12] = {head[0], head[0] == 3 ? 52 : 4, 0};
        if (head[0] == 3) {
            int file = open(e->initrd, O_RDWR | O_CLOEXEC);
            uint8_t byte = 0;
            ck_assert_int_eq(pread(file, &byte, 1, 1000), 1);
            byte ^= 1;
            ck_assert_int_eq(pwrite(file, &byte, 1, 1000), 1);
            (void)close(file);
        }
        ck_assert_int_eq(cl_write_all(fd, answer, 8 + answer[1], "psp", NULL), CL_OK);
    }
    free(body);
    return NULL;
}

START_TEST(test_initrd_changed_after_its_measurement_is_refused)
{
    struct vm vm;
    struct evil evil;
    pthread_t thread;
    char event[256];
    vm_init(&vm, 1, "poweroff");
    char *original = NULL;
    ck_assert_int_gt(asprintf(&original, "%s/initrd.img", vm_files.image), 0);
    evil.initrd = vm_path(&vm, "initrd.img");
    vm_copy_file(original, evil.initrd);
    vm_replace_arg(&vm, "--initrd", evil.initrd);
    const char *launch = vm_path(&vm, "launch.sock");
    ck_assert_int_eq(cl_unix_listen(launch, &evil.listen_fd, NULL), CL_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, evil_main, &evil), 0);
    vm_arg(&vm, "--psp-socket", launch);
    vm_start(&vm);
    vm_expect_exit(&vm, 12);
    (void)snprintf(event, sizeof(event),
                   "{\"event\":\"end\",\"status\":\"refused\",\"code\":%d,\"reason\":\"%s\"}",
                   STAGE0_R_INITRD_HASH, stage0_reason_words(STAGE0_R_INITRD_HASH));
    vm_expect_event(&vm, event);
    ck_assert(!vm_console_has(&vm, "GUEST"));
}
END_TEST

/* A digest that the caller only claims to know. */
START_TEST(test_wrong_known_digest_is_refused)
{
    static const char zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct vm vm;
    vm_init(&vm, 1, "poweroff");
    vm_arg(&vm, "--kernel-digest", zero);
    vm_start(&vm);
    vm_expect_exit(&vm, 12);
    vm_expect_event(&vm, stage0_reason_words(STAGE0_R_KERNEL_HASH));
}
END_TEST

/* stage0 with another first instruction: LIDT of zeroes, then INT3. */
START_TEST(test_triple_fault_is_told_apart)
{
    static const uint8_t code[] = {0x0f, 0x01, 0x1e, 0x00, 0x10, 0xcc};
    struct vm vm;
    struct cl_buf rom = {0};
    vm_init(&vm, 1, "poweroff");
    ck_assert_int_eq(cl_buf_read_file(&rom, vm_files.stage0, STAGE0_ROM_SIZE, NULL), CL_OK);
    memcpy(rom.data + STAGE0_ROM_SIZE - 16, code, sizeof(code));
    const char *path = vm_path(&vm, "rom");
    vm_write_file(path, rom.data, rom.len);
    cl_buf_done(&rom);
    vm_replace_arg(&vm, "--firmware", path);
    vm_start(&vm);
    vm_expect_exit(&vm, 13);
    vm_expect_event(&vm, "\"status\":\"triple-fault\"");
}
END_TEST

static const char *proc_text(pid_t pid, const char *name)
{
    char path[64];
    struct cl_buf data = {0};
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    ck_assert_msg(cl_buf_read_file(&data, path, 1u << 20, NULL) == CL_OK, "%s", path);
    return data.data != NULL ? (const char *)data.data : "";
}

static void expect_line(pid_t pid, const char *line)
{
    ck_assert_msg(strstr(proc_text(pid, "status"), line) != NULL, "no \"%s\" in:\n%s", line,
                  proc_text(pid, "status"));
}

static void expect_own_namespace(pid_t pid, const char *name)
{
    char theirs_path[64];
    char ours_path[64];
    char theirs[64] = {0};
    char ours[64] = {0};
    (void)snprintf(theirs_path, sizeof(theirs_path), "/proc/%d/ns/%s", (int)pid, name);
    (void)snprintf(ours_path, sizeof(ours_path), "/proc/self/ns/%s", name);
    ck_assert_int_gt(readlink(theirs_path, theirs, sizeof(theirs) - 1), 0);
    ck_assert_int_gt(readlink(ours_path, ours, sizeof(ours) - 1), 0);
    ck_assert_str_ne(theirs, ours);
}

static unsigned count_lines(const char *text)
{
    unsigned n = 0;
    for (; *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

/* Seccomp is a thread's property: main, disks and both vCPUs must have it. */
static void expect_all_filtered(pid_t pid)
{
    char dir_name[64];
    unsigned threads = 0;
    (void)snprintf(dir_name, sizeof(dir_name), "/proc/%d/task", (int)pid);
    DIR *dir = opendir(dir_name);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] != '.') {
            pid_t thread = (pid_t)strtol(e->d_name, NULL, 10);
            expect_line(thread, "NoNewPrivs:\t1\nSeccomp:\t2\n");
            /* KVM's own worker (kvm-nx-lpage-recovery) runs as a thread of its VM's process. */
            threads += strncmp(proc_text(thread, "comm"), "kvm-", 4) != 0;
        }
    }
    (void)closedir(dir);
    ck_assert_uint_ge(threads, 4);
    ck_assert_uint_le(threads, 5); /* newer kernels put a worker of KVM's among them */
}

/* Every layer, as the host sees it. */
static void expect_jail(struct vm *vm)
{
    static const char *const namespaces[] = {"user", "mnt", "pid", "net", "ipc", "uts"};
    pid_t pid = vm_child(vm);
    for (size_t i = 0; i < CL_ARRAY_LEN(namespaces); i++) {
        expect_own_namespace(pid, namespaces[i]);
    }
    expect_line(pid,
                "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
                "CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\n");
    expect_line(pid, "NoNewPrivs:\t1\nSeccomp:\t2\n");
    /* The empty root and the vsock directory, nothing else; both without devices and programs. */
    const char *mounts = proc_text(pid, "mountinfo");
    ck_assert_msg(count_lines(mounts) == 2, "%s", mounts);
    ck_assert_msg(strstr(mounts, " / ro,nosuid,nodev,noexec") != NULL, "%s", mounts);
    ck_assert_msg(strstr(mounts, " /vsock rw,nosuid,nodev,noexec") != NULL, "%s", mounts);
    char root[64];
    (void)snprintf(root, sizeof(root), "/proc/%d/root/etc", (int)pid);
    ck_assert_int_ne(access(root, F_OK), 0);
    ck_assert_ptr_nonnull(strstr(proc_text(pid, "limits"), "Max core file size        0"));
    /* Each thread has a filter, and the waiting parent has given up everything too. */
    expect_all_filtered(pid);
    expect_line(vm->pid, "CapEff:\t0000000000000000\n");
    expect_line(vm->pid, "NoNewPrivs:\t1\nSeccomp:\t2\n");
}

static void run_in_jail(uid_t uid)
{
    struct vm vm;
    vm_init(&vm, 2, "hang");
    vm.uid = uid;
    vm_start(&vm);
    vm_wait_console(&vm, "GUEST hang");
    expect_jail(&vm);
    ck_assert_int_eq(kill(vm.pid, SIGTERM), 0);
    vm_expect_exit(&vm, 14);
    vm_expect_event(&vm, "\"status\":\"stopped\",\"code\":0,\"reason\":\"stopped by a signal\"");
}

START_TEST(test_jail_of_root)
{
    run_in_jail(0);
}
END_TEST

START_TEST(test_jail_of_a_user)
{
    run_in_jail(SOME_USER);
}
END_TEST

static unsigned long field_kb(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    ck_assert_ptr_nonnull(at);
    return strtoul(at + strlen(name), NULL, 10);
}

/* The first line of the mapping whose "Size:" line follows at `p`. */
static const char *start_of_mapping(const char *text, const char *p)
{
    while (p > text && p[-1] != '\n') {
        p--;
    }
    return p;
}

/* Host memory beyond the guest's RAM: everything in the maps but the RAM mapping. */
static unsigned long overhead_kb(pid_t pid)
{
    const char *text = proc_text(pid, "smaps");
    const char *p = text;
    unsigned long total = 0;
    while ((p = strstr(p, "\nSize:")) != NULL) {
        unsigned long size = field_kb(p, "Size:");
        unsigned long pss = field_kb(p, "\nPss:");
        if (size < 256u << 10) {
            total += pss;
            if (pss >= 100) { /* what is worth looking at */
                printf("%8lu KiB %.*s\n", pss, (int)(p - start_of_mapping(text, p)),
                       start_of_mapping(text, p));
            }
        }
        p += 6;
    }
    return total;
}

START_TEST(test_memory_beyond_the_guest_is_small)
{
    struct vm vm;
    vm_init(&vm, 1, "hang");
    vm_start(&vm);
    vm_wait_console(&vm, "GUEST hang");
    unsigned long vmm = overhead_kb(vm_child(&vm));
    unsigned long keeper = overhead_kb(vm.pid);
    printf("memory beyond guest RAM: %lu KiB, and %lu KiB of the waiting parent\n", vmm, keeper);
    ck_assert_uint_le(vmm + keeper, 5u << 10);
    ck_assert_str_eq(vm_control(&vm, "{\"op\":\"stop\"}\n", -1), "{\"ok\":true}\n");
    vm_expect_exit(&vm, 14);
    vm_expect_event(&vm, "\"reason\":\"stopped by request\"");
}
END_TEST

static bool is_gone(pid_t pid)
{
    for (int i = 0; i < 100; i++) {
        if (kill(pid, 0) != 0) {
            return true;
        }
        (void)usleep(100000);
    }
    return false;
}

/* Early in the boot: no guest needs to come up for these. */
START_TEST(test_no_owner_no_vm)
{
    struct vm vm;
    vm_init(&vm, 1, "hang");
    vm_start(&vm);
    (void)sleep(2);
    (void)close(vm.status_fd);
    vm.status_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    vm_expect_exit(&vm, 14);
}
END_TEST

START_TEST(test_killed_parent_takes_the_vmm_along)
{
    struct vm vm;
    vm_init(&vm, 1, "hang");
    vm_start(&vm);
    (void)sleep(2);
    pid_t child = vm_child(&vm);
    vm_stop_hard(&vm);
    ck_assert(is_gone(child));
}
END_TEST

START_TEST(test_killed_vmm_is_reported)
{
    struct vm vm;
    vm_init(&vm, 1, "hang");
    vm_start(&vm);
    (void)sleep(2);
    ck_assert_int_eq(kill(vm_child(&vm), SIGKILL), 0);
    vm_expect_exit(&vm, 5);
    vm_expect_event(
        &vm, "\"status\":\"error\",\"code\":0,\"reason\":\"the VMM was killed by signal 9\"");
}
END_TEST

static void set_sysctl(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    ck_assert_int_eq(write(fd, value, strlen(value)), (ssize_t)strlen(value));
    (void)close(fd);
}

/* A layer that the host does not give is an error that names it. */
static const struct {
    const char *limit;
    const char *layer;
} layers[] = {
    {"user", "jail: user namespace: "},        {"pid", "jail: PID namespace: "},
    {"mnt", "jail: mount namespace: "},        {"net", "jail: net namespace: "},
    {"ipc", "jail: IPC and UTS namespaces: "},
};

START_TEST(test_missing_layer_is_an_error)
{
    struct vm vm;
    char path[96];
    vm_init(&vm, 1, "poweroff");
    (void)snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", layers[_i].limit);
    set_sysctl(path, "0");
    vm_start(&vm);
    int status = vm_wait(&vm);
    set_sysctl(path, "10000");
    ck_assert_msg(status == 125, "exit status %d\n%s", status, vm.events);
    vm_expect_event(&vm, layers[_i].layer);
}
END_TEST

START_TEST(test_no_jail_is_visible)
{
    struct vm vm;
    vm_init(&vm, 1, "hang");
    vm_arg(&vm, "--insecure-no-jail", NULL);
    vm_start(&vm);
    (void)sleep(2);
    ck_assert_int_eq(kill(vm.pid, SIGINT), 0);
    vm_expect_exit(&vm, 14);
    struct cl_buf log = {0};
    ck_assert_int_eq(cl_buf_read_file(&log, vm_path(&vm, "stderr"), 65536, NULL), CL_OK);
    ck_assert_ptr_nonnull(strstr((const char *)log.data, "WARNING: --insecure-no-jail"));
    cl_buf_done(&log);
}
END_TEST

static const struct {
    const char *option;
    const char *file; /* NULL: absent file; "": empty */
    size_t size;
    int exit_status;
    const char *reason;
} broken[] = {
    {"--firmware", NULL, 0, 5, "No such file or directory"},
    {"--firmware", "fw", 0, 4, "size: expected 65536, got 0"},
    {"--firmware", "fw", 65535, 4, "size: expected 65536, got 65535"},
    {"--firmware", "fw", 65536, 4, "firmware: GUID table: no footer"},
    {"--kernel", NULL, 0, 5, "No such file or directory"},
    {"--kernel", "kernel", 0, 4, "kernel: size: expected 1..67108864 bytes, got 0"},
    {"--initrd", NULL, 0, 5, "No such file or directory"},
    {"--cmdline-file", NULL, 0, 5, "No such file or directory"},
    {"--cmdline-file", "cmd", 2048, 4, "cmd"},
    {"--vsock-dir", NULL, 0, 5, "No such file or directory"},
    {"--kernel", "text", 4096, 12, "kernel: "},
};

START_TEST(test_broken_input)
{
    static uint8_t data[65536 + 1];
    struct vm vm;
    vm_init(&vm, 1, "poweroff");
    const char *path = vm_path(&vm, broken[_i].file != NULL ? broken[_i].file : "absent");
    if (broken[_i].file != NULL) {
        memset(data, 'a', sizeof(data));
        vm_write_file(path, data, broken[_i].size);
    }
    vm_replace_arg(&vm, broken[_i].option, path);
    vm_start(&vm);
    vm_expect_exit(&vm, broken[_i].exit_status);
    vm_expect_event(&vm, broken[_i].reason);
}
END_TEST

static TCase *add_case(Suite *s, const char *name)
{
    TCase *c = tcase_create(name);
    tcase_set_timeout(c, 400);
    suite_add_tcase(s, c);
    return c;
}

static Suite *make_suite(void)
{
    Suite *s = suite_create("vmm");
    TCase *boot = add_case(s, "boot");
    tcase_add_test(boot, test_boots_measured_with_disks_and_powers_off);
    tcase_add_test(boot, test_panic_is_told_apart);
    tcase_add_test(boot, test_initrd_changed_after_its_measurement_is_refused);
    tcase_add_test(boot, test_wrong_known_digest_is_refused);
    tcase_add_test(boot, test_triple_fault_is_told_apart);
    TCase *vsock = add_case(s, "vsock");
    tcase_add_test(vsock, test_vsock_keeps_every_byte);
    tcase_add_test(vsock, test_vsock_waits_for_a_slow_host);
    TCase *stream = add_case(s, "stream"); /* --long */
    tcase_add_test(stream, test_vsock_keeps_every_byte_of_100_mib);
    TCase *jail = add_case(s, "jail");
    tcase_add_test(jail, test_jail_of_root);
    tcase_add_test(jail, test_jail_of_a_user);
    tcase_add_test(jail, test_memory_beyond_the_guest_is_small);
    tcase_add_test(jail, test_no_owner_no_vm);
    tcase_add_test(jail, test_killed_parent_takes_the_vmm_along);
    tcase_add_test(jail, test_killed_vmm_is_reported);
    tcase_add_loop_test(jail, test_missing_layer_is_an_error, 0, (int)CL_ARRAY_LEN(layers));
    tcase_add_test(jail, test_no_jail_is_visible);
    TCase *input = add_case(s, "input");
    tcase_add_loop_test(input, test_broken_input, 0, (int)CL_ARRAY_LEN(broken));
    return s;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        (void)fprintf(stderr, "usage: %s VMM SIM-PSP STAGE0 IMAGE-DIR [TEST-CASE]\n", argv[0]);
        return 2;
    }
    vm_files =
        (struct vm_files){.vmm = argv[1], .psp = argv[2], .stage0 = argv[3], .image = argv[4]};
    (void)signal(SIGPIPE, SIG_IGN);
    SRunner *r = srunner_create(make_suite());
    srunner_run(r, NULL, argc > 5 ? argv[5] : NULL, CK_VERBOSE); /* NULL: all */
    int failed = srunner_ntests_failed(r);
    int ran = srunner_ntests_run(r);
    srunner_free(r);
    return failed == 0 && ran > 0 ? 0 : 1;
}
