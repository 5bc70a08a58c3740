/* SPDX-License-Identifier: Apache-2.0
 * test_host_vm.c - the life of a VM's two processes, which are shell scripts here: programs are
 * found beside the running executable, so the test runs as a copy of itself that stands beside
 * them.
 */
#include "host/vm.h"

#include "cloister/guest_files.h"
#include "image_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/* Waits for its launch socket's reader, as the real one does. */
#define PSP_GOOD "#!/bin/sh\n: > \"$4\"\nexec sleep 100\n"

struct life {
    struct event_base *base;
    struct host_vm *vm;
    char marks[256];
    char measurement[97];
    unsigned spawned, failed, ended;
    char who[16], step[16], why[CL_ERR_MSG_SIZE];
    struct host_vm_end end;
    bool stop_when_spawned;
    unsigned stop_ms; /* stop it after that time; 0: not */
    int scratch_fd;   /* 0: none, and two disks */
    bool initdata;    /* with scratch_fd: a disk before it */
    enum host_vm_class tee_class;
};

static void on_mark(void *ctx, const char *name, uint64_t us)
{
    struct life *l = ctx;
    size_t len = strlen(l->marks);
    (void)us;
    (void)snprintf(l->marks + len, sizeof(l->marks) - len, "%s ", name);
}

static void on_spawned(void *ctx)
{
    struct life *l = ctx;
    l->spawned++;
    if (l->stop_when_spawned) {
        host_vm_stop(l->vm);
    }
}

static void on_launched(void *ctx, const char *measurement)
{
    struct life *l = ctx;
    (void)snprintf(l->measurement, sizeof(l->measurement), "%s", measurement);
}

static void on_failed(void *ctx, const char *who, const char *step, const struct cl_err *err)
{
    struct life *l = ctx;
    ck_assert_uint_eq(l->ended, 0);
    l->failed++;
    (void)snprintf(l->who, sizeof(l->who), "%s", who);
    (void)snprintf(l->step, sizeof(l->step), "%s", step);
    (void)snprintf(l->why, sizeof(l->why), "%s", err->msg);
}

static void on_ended(void *ctx, const struct host_vm_end *end)
{
    struct life *l = ctx;
    l->ended++;
    l->end = *end;
    (void)event_base_loopbreak(l->base);
}

static void on_stop(evutil_socket_t fd, short what, void *ctx)
{
    struct life *l = ctx;
    (void)fd;
    (void)what;
    host_vm_stop(l->vm);
    host_vm_stop(l->vm); /* twice is fine */
}

static void script(const char *path, const char *text)
{
    fixture_write(path, text, strlen(text));
    ck_assert_int_eq(chmod(path, 0755), 0);
}

/* One life, to its end. */
static void live(struct life *l, const char *psp, const char *vmm)
{
    static struct cl_guest_files guest = {
        .firmware = "fw", .kernel = "k", .initrd = "none", .cmdline = "c"};
    static const uint8_t digest[32] = {0xAB, [31] = 0xCD};
    const struct host_vm_config cfg = {
        .base = l->base = event_base_new(),
        .guest = &guest,
        .tee_class = l->tee_class,
        .id_block = "block",
        .id_auth = "auth",
        .id_author = true,
        .certs = "certs",
        .qgs = "/run/qgs",
        .initdata_digest = l->tee_class != HOST_VM_SIM_SNP ? digest : NULL,
        .dir = "run",
        .psp_state = "state/keys",
        .cpus = 3,
        .memory = UINT64_C(512) << 20,
        .disk = {"ro:a", "rw:b"},
        .disk_count = l->scratch_fd == 0 ? 2 : l->initdata,
        .scratch_fd = l->scratch_fd,
        .cb = {on_mark, on_spawned, on_launched, on_failed, on_ended, l},
    };
    const struct timeval limit = {.tv_sec = 60};
    const struct timeval stop = {.tv_usec = (suseconds_t)l->stop_ms * 1000};
    (void)mkdir("run", 0700);
    (void)unlink("run/psp.sock");
    script("cloister-sim-psp", psp);
    script("cloister-vmm", vmm);
    ck_assert_int_eq(host_vm_start(&cfg, &l->vm, NULL), CL_OK);
    ck_assert_int_eq(event_base_loopexit(l->base, &limit), 0);
    if (l->stop_ms != 0) {
        ck_assert_int_eq(event_base_once(l->base, -1, EV_TIMEOUT, on_stop, l, &stop), 0);
    }
    ck_assert_int_ge(event_base_dispatch(l->base), 0);
    ck_assert_uint_eq(l->ended, 1);
    host_vm_free(l->vm);
    event_base_free(l->base);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left, not even dead */
    ck_assert_uint_eq(l->ended, 1);
}

START_TEST(test_a_whole_life)
{
    struct life l = {0};
    char args[1024] = "";
    live(
        &l, PSP_GOOD,
        "#!/bin/sh\necho \"$@\" > args\n"
        "echo '{\"event\":\"mark\",\"name\":\"vmm.start\",\"us\":5}' >&3\n"
        "echo '{\"event\":\"launched\",\"measurement\":\"000102030405060708090a0b0c0d0e0f1011121314"
        "15161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f\"}' >&3\n"
        "echo '{\"event\":\"end\",\"status\":\"poweroff\",\"code\":0,\"reason\":\"off\"}' >&3\n");
    ck_assert_uint_eq(l.failed, 0);
    ck_assert_uint_eq(l.spawned, 1);
    ck_assert_int_eq(strncmp(l.marks, "psp.ready vmm.spawned ", 22), 0);
    ck_assert_ptr_nonnull(strstr(l.marks, "vmm.start "));
    ck_assert_ptr_nonnull(strstr(l.marks, "vmm.end "));
    ck_assert_int_eq(strncmp(l.measurement, "00010203", 8), 0);
    ck_assert(l.end.started);
    ck_assert_str_eq(l.end.status, "poweroff");
    ck_assert_str_eq(l.end.reason, "off");
    int fd = open("args", O_RDONLY | O_CLOEXEC);
    ck_assert_int_gt(read(fd, args, sizeof(args) - 1), 0);
    (void)close(fd);
    ck_assert_str_eq(args, "--tee sim-snp --firmware fw --kernel k --cmdline-file c --cpus 3 "
                           "--memory 512M --host-data "
                           "0000000000000000000000000000000000000000000000000000000000000000 "
                           "--vsock-dir run --disk ro:a --disk rw:b --psp-socket run/psp.sock "
                           "--control run/control.sock --status-fd 3\n");
}
END_TEST

#define DIGEST "ab000000000000000000000000000000000000000000000000000000000000cd"

/* No security processor is started, nothing names the simulated one, and each class has its own
 * options and no other's. */
START_TEST(test_hardware_classes)
{
    static const struct {
        enum host_vm_class tee_class;
        const char *args;
    } cases[] = {
        {HOST_VM_SNP,
         "--tee snp --firmware fw --kernel k --cmdline-file run/guest.cmdline --cpus 3 "
         "--memory 512M --host-data " DIGEST " --vsock-dir run --disk ro:a --disk rw:b "
         "--id-block block --id-auth auth --id-author --certs certs --control "
         "run/control.sock --status-fd 3\n"},
        {HOST_VM_TDX,
         "--tee tdx --firmware fw --kernel k --cmdline-file run/guest.cmdline --cpus 3 "
         "--memory 512M --mr-config-id " DIGEST "00000000000000000000000000000000 "
         "--vsock-dir run --disk ro:a --disk rw:b --qgs /run/qgs --control "
         "run/control.sock --status-fd 3\n"},
    };
    struct life l = {.tee_class = cases[_i].tee_class};
    char args[1024] = "";
    char line[128] = "";
    fixture_write("c", "cloister.tee=sim panic=-1", 25);
    live(&l, "#!/bin/sh\n: > psp-ran\n", "#!/bin/sh\necho \"$@\" > args\n");
    ck_assert_str_eq(l.marks, "vmm.spawned vmm.end ");
    ck_assert_int_ne(access("psp-ran", F_OK), 0);
    int fd = open("args", O_RDONLY | O_CLOEXEC);
    ck_assert_int_gt(read(fd, args, sizeof(args) - 1), 0);
    (void)close(fd);
    ck_assert_str_eq(args, cases[_i].args);
    fd = open("run/guest.cmdline", O_RDONLY | O_CLOEXEC);
    ck_assert_int_gt(read(fd, line, sizeof(line) - 1), 0);
    (void)close(fd);
    ck_assert_str_eq(line, "panic=-1");
}
END_TEST

/* In slot 2, whether or not there is a disk in slot 1. */
START_TEST(test_scratch_disk)
{
    static const char *const want[] = {" --disk none --disk fd:4 --psp-",
                                       " --disk ro:a --disk fd:4 --psp-"};
    struct life l = {.initdata = _i == 1};
    char text[1024] = "";
    l.scratch_fd = open("scratch", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    live(&l, PSP_GOOD, "#!/bin/sh\necho \"$@\" >&4\n");
    ck_assert_int_gt(pread(l.scratch_fd, text, sizeof(text) - 1, 0), 0);
    ck_assert_msg(strstr(text, want[_i]) != NULL, "got %s", text);
    (void)close(l.scratch_fd);
}
END_TEST

START_TEST(test_a_vmm_that_ends_without_a_word)
{
    struct life l = {0};
    live(&l, PSP_GOOD, "#!/bin/sh\nexit 5\n");
    ck_assert(l.end.started);
    ck_assert_str_eq(l.end.status, "");
    ck_assert_str_eq(l.end.reason, "cloister-vmm ended with status 5");
    ck_assert_uint_eq(l.failed, 0);
}
END_TEST

START_TEST(test_a_security_processor_that_ends_at_once)
{
    struct life l = {0};
    live(&l, "#!/bin/sh\nexit 3\n", "#!/bin/sh\nexit 5\n");
    ck_assert_uint_eq(l.failed, 1);
    ck_assert_uint_eq(l.spawned, 0);
    ck_assert_str_eq(l.who, "sim-psp");
    ck_assert_str_eq(l.why, "cloister-sim-psp ended with status 3");
    ck_assert(!l.end.started);
}
END_TEST

START_TEST(test_a_security_processor_that_dies_takes_the_vm_along)
{
    struct life l = {0};
    live(&l, "#!/bin/sh\n: > \"$4\"\nsleep 0.3\nkill -9 $$\n", "#!/bin/sh\nexec sleep 100\n");
    ck_assert_uint_eq(l.failed, 1);
    ck_assert_uint_eq(l.spawned, 1);
    ck_assert_str_eq(l.why, "cloister-sim-psp was killed by signal 9");
    ck_assert_str_eq(l.end.reason, "cloister-vmm was killed by signal 15");
}
END_TEST

START_TEST(test_stopped_before_there_is_a_vm)
{
    struct life l = {.stop_ms = 100};
    live(&l, "#!/bin/sh\nexec sleep 100\n", "#!/bin/sh\nexit 5\n");
    ck_assert_uint_eq(l.failed, 0);
    ck_assert_uint_eq(l.spawned, 0);
    ck_assert(!l.end.started);
    ck_assert_str_eq(l.end.status, "");
}
END_TEST

START_TEST(test_stopped_from_inside_a_callback)
{
    struct life l = {.stop_when_spawned = true};
    live(&l, PSP_GOOD, "#!/bin/sh\nexec sleep 100\n");
    ck_assert_uint_eq(l.failed, 0);
    ck_assert(l.end.started);
    ck_assert_str_eq(l.end.reason, "cloister-vmm was killed by signal 15");
}
END_TEST

START_TEST(test_a_vmm_that_does_not_want_to_end_is_killed)
{
    struct life l = {.stop_ms = 300};
    live(&l, PSP_GOOD, "#!/bin/sh\ntrap '' TERM\nexec sleep 100\n");
    ck_assert_str_eq(l.end.reason, "cloister-vmm was killed by signal 9");
}
END_TEST

START_TEST(test_a_missing_program)
{
    static struct cl_guest_files guest;
    struct cl_err err = {0};
    struct host_vm *vm = NULL;
    struct life l = {.base = event_base_new()};
    const struct host_vm_config cfg = {
        .base = l.base,
        .guest = &guest,
        .dir = "run",
        .psp_state = "state",
        .cb = {on_mark, on_spawned, on_launched, on_failed, on_ended, &l},
    };
    (void)unlink("cloister-sim-psp");
    ck_assert_int_eq(host_vm_start(&cfg, &vm, &err), CL_ERR_SYS);
    ck_assert_ptr_nonnull(strstr(err.msg, "program 'cloister-sim-psp'"));
    ck_assert_ptr_null(vm);
    event_base_free(l.base);
    host_vm_free(NULL);
}
END_TEST

static int run_tests(void)
{
    Suite *s = suite_create("host_vm");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_a_whole_life);
    tcase_add_loop_test(t, test_hardware_classes, 0, 2);
    tcase_add_loop_test(t, test_scratch_disk, 0, 2);
    tcase_add_test(t, test_a_vmm_that_ends_without_a_word);
    tcase_add_test(t, test_a_security_processor_that_ends_at_once);
    tcase_add_test(t, test_a_security_processor_that_dies_takes_the_vm_along);
    tcase_add_test(t, test_stopped_before_there_is_a_vm);
    tcase_add_test(t, test_stopped_from_inside_a_callback);
    tcase_add_test(t, test_a_vmm_that_does_not_want_to_end_is_killed);
    tcase_add_test(t, test_a_missing_program);
    suite_add_tcase(s, t);
    return run_suite(s);
}

/* A copy of this program, in a folder of its own. Not inside a test: no assertions of Check's. */
static bool copy_self(void)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf self = {0};
    (void)snprintf(fixture_dir, sizeof(fixture_dir), "%s", "/tmp/cloister-test-XXXXXX");
    return mkdtemp(fixture_dir) != NULL && chdir(fixture_dir) == 0 &&
           cl_buf_read_file(&self, "/proc/self/exe", 256u << 20, NULL) == CL_OK &&
           cl_write_file("test", self.data, self.len, 0755, NULL) == CL_OK;
}

int main(int argc, char **argv)
{
    int status = 1;
    if (argc == 2 && strcmp(argv[1], "beside") == 0) {
        return run_tests();
    }
    if (!copy_self()) {
        return EXIT_FAILURE;
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl("./test", argv[0], "beside", (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0) {
    }
    (void)nftw(fixture_dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
