/* SPDX-License-Identifier: Apache-2.0
 * test_host_scratch.c - the file behind a scratch disk has no name and no contents, and reaches the
 * VMM as an open descriptor for slot 2. The programs are shell scripts, as in test_host_vm.
 */
#include "host/scratch_file.h"
#include "host/vm.h"

#include "cloister/guest_files.h"
#include "image_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

START_TEST(test_no_name_and_no_blocks)
{
    struct stat s;
    int fd = -1;
    ck_assert_int_eq(mkdir("files", 0700), 0);
    ck_assert_int_eq(host_scratch_file("files", UINT64_C(1) << 30, &fd, NULL), CL_OK);
    ck_assert_int_eq(fstat(fd, &s), 0);
    ck_assert_int_eq(s.st_size, 1 << 30);
    ck_assert_int_lt(s.st_blocks, 64);
    ck_assert_uint_eq(s.st_nlink, 0);
    ck_assert_int_eq(rmdir("files"), 0);
    ck_assert_int_eq(pwrite(fd, "x", 1, 12345), 1);
    (void)close(fd);
}
END_TEST

START_TEST(test_no_place)
{
    struct cl_err err = {0};
    int fd = -1;
    ck_assert_int_eq(host_scratch_file("/no/such", 4096, &fd, &err), CL_ERR_SYS);
    ck_assert_ptr_nonnull(strstr(err.msg, "scratch file in '/no/such'"));
    ck_assert_int_eq(fd, -1);
}
END_TEST

static void on_mark(void *ctx, const char *name, uint64_t us)
{
    (void)ctx;
    (void)name;
    (void)us;
}

static void on_spawned(void *ctx)
{
    (void)ctx;
}

static void on_launched(void *ctx, const char *measurement)
{
    (void)ctx;
    (void)measurement;
}

static void on_failed(void *ctx, const char *who, const char *step, const struct cl_err *err)
{
    (void)ctx;
    ck_abort_msg("%s: %s: %s", who, step, err->msg);
}

static void on_ended(void *ctx, const struct host_vm_end *end)
{
    (void)end;
    (void)event_base_loopbreak(ctx);
}

static void script(const char *path, const char *text)
{
    fixture_write(path, text, strlen(text));
    ck_assert_int_eq(chmod(path, 0755), 0);
}

/* What the VMM was told, after it wrote into descriptor 4. */
static void start(size_t disk_count, int scratch_fd, char *ret_args, size_t size)
{
    static struct cl_guest_files guest = {
        .firmware = "fw", .kernel = "k", .initrd = "none", .cmdline = "c"};
    struct event_base *base = event_base_new();
    const struct timeval limit = {.tv_sec = 60};
    struct host_vm *vm = NULL;
    const struct host_vm_config cfg = {
        .base = base,
        .guest = &guest,
        .dir = "run",
        .psp_state = "state/keys",
        .cpus = 1,
        .memory = UINT64_C(128) << 20,
        .disk = {"ro:a"},
        .disk_count = disk_count,
        .scratch_fd = scratch_fd,
        .cb = {on_mark, on_spawned, on_launched, on_failed, on_ended, base},
    };
    (void)mkdir("run", 0700);
    (void)unlink("run/psp.sock");
    script("cloister-sim-psp", "#!/bin/sh\n: > \"$4\"\nexec sleep 100\n");
    script("cloister-vmm", "#!/bin/sh\necho \"$@\" > args\n"
                           "case \"$*\" in *fd:4*) echo through >&4 ;; esac\n");
    ck_assert_int_eq(host_vm_start(&cfg, &vm, NULL), CL_OK);
    ck_assert_int_eq(event_base_loopexit(base, &limit), 0);
    ck_assert_int_ge(event_base_dispatch(base), 0);
    host_vm_free(vm);
    event_base_free(base);
    int fd = open("args", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, ret_args, size - 1);
    ck_assert_int_gt(n, 0);
    ret_args[n] = '\0';
    (void)close(fd);
}

START_TEST(test_reaches_slot_2)
{
    char args[1024];
    char text[8] = "";
    int fd = -1;
    ck_assert_int_eq(host_scratch_file(".", 8192, &fd, NULL), CL_OK);
    start(1, fd, args, sizeof(args));
    ck_assert_ptr_nonnull(strstr(args, " --disk ro:a --disk fd:4 --psp-socket "));
    ck_assert_int_eq(pread(fd, text, 7, 0), 7);
    ck_assert_str_eq(text, "through");
    start(0, fd, args, sizeof(args));
    ck_assert_ptr_nonnull(strstr(args, " --disk none --disk fd:4 --psp-socket "));
    start(0, 0, args, sizeof(args));
    ck_assert_ptr_null(strstr(args, "--disk"));
    (void)close(fd);
}
END_TEST
