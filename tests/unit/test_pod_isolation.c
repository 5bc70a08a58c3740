/* SPDX-License-Identifier: Apache-2.0
 * test_pod_isolation.c - what containers of a pod share and what they do not: names, processes,
 * volumes, system calls, the root (threats.md rows 25, 26, 36).
 */
#include "pod_rig.h"

#include <signal.h>
#include <sys/stat.h>

#define ARGS(...) ((const char *const[]){"/program", __VA_ARGS__, NULL})
#define FILES 1u
#define SCRATCH 2u
#define MEMORY 3u
#define SHM 4u
#define BLOCK 5u
#define BIND(where, what, options)                                                                 \
    ",{\"destination\":\"" where "\",\"type\":\"bind\",\"source\":\"volume:" what                  \
    "\",\"options\":[" options "]}"

static const char *run(const char *id, const char *more, const char *mounts,
                       const char *const *args)
{
    unsigned status = 0;
    return rig_run(id, more, mounts, args, &status);
}

START_TEST(test_the_pods_name_and_processes_of_ones_own)
{
    ck_assert_msg(rig_sandbox("bad name", false) == CL_TTRPC_INVALID_ARGUMENT, "%s", rig_message);
    ck_assert_msg(rig_sandbox("pod-name", false) == 0, "%s", rig_message);
    ck_assert_str_eq(run("h1", NULL, NULL, ARGS("host")), "pod-name 1\n");
    ck_assert_str_eq(run("h2",
                         ",\"hostname\":\"own\",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},"
                         "{\"type\":\"uts\"}]}",
                         NULL, ARGS("host")),
                     "own 1\n");
    ck_assert_int_eq(rig_create("h3", ",\"hostname\":\"own\"", NULL, ARGS("host")),
                     CL_TTRPC_INVALID_ARGUMENT);
}
END_TEST

START_TEST(test_a_pid_namespace_that_containers_share)
{
    const char *shared = ",\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}";
    ck_assert_msg(rig_create("s1", shared, NULL, ARGS("wait")) == 0, "%s", rig_message);
    ck_assert_int_eq(rig_start("s1", ""), 0);
    ck_assert_str_eq(rig_output("s1", 1, "ready"), "ready\n");
    ck_assert_str_eq(run("s2", shared, NULL, ARGS("show", "/proc/1/comm")), "pause\n");
    ck_assert_str_eq(run("s3", shared, NULL, ARGS("show", "/proc/2/comm")), "program\n");
    /* the one that holds it shows nothing of the guest */
    ck_assert_str_eq(run("s4", shared, NULL, ARGS("show", "/proc/1/root/run/cloister")),
                     "/proc/1/root/run/cloister: Permission denied\n");
    ck_assert_int_eq(rig_exec("s1", "orphan", false, ARGS("child", "1000")), 0);
    ck_assert_int_eq(rig_start("s1", "orphan"), 0);
    ck_assert_int_eq(rig_kill("s1", "", SIGKILL, false), 0);
    ck_assert_uint_eq(rig_wait("s1", ""), 128 + SIGKILL);
    unsigned status = rig_wait("s1", "orphan"); /* at once: its child was killed, too */
    ck_assert(status == 0 || status == 128 + SIGKILL);
    ck_assert_int_eq(rig_delete("s1", ""), 0);
}
END_TEST

START_TEST(test_roots_are_apart_and_may_be_read_only)
{
    ck_assert_str_eq(run("r1", NULL, NULL, ARGS("put", "/etc/issue", "changed")), "");
    ck_assert_str_eq(run("r2", NULL, NULL, ARGS("show", "/etc/issue")), "of the image\n");
    rig.read_only_root = true;
    ck_assert_str_eq(run("r3", NULL, NULL, ARGS("put", "/etc/issue", "changed")),
                     "/etc/issue: Read-only file system\n");
    rig.read_only_root = false;
    ck_assert_str_eq(run("r4",
                         ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"}],\"readonlyPaths\":["
                         "\"/tmp\"]}",
                         NULL, ARGS("put", "/tmp/x", "changed")),
                     "/tmp/x: Read-only file system\n");
}
END_TEST

START_TEST(test_system_calls)
{
    const char *theirs =
        ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"}],\"seccomp\":{\"defaultAction\":"
        "\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"socket\",\"read\"],\"action\":"
        "\"SCMP_ACT_ALLOW\"}]}}";
    ck_assert_str_eq(run("c1", NULL, NULL, ARGS("socket", "40")),
                     "socket 40: Address family not supported by protocol\n");
    ck_assert_str_eq(run("c2", NULL, NULL, ARGS("socket", "1")), "socket 1: open\n");
    ck_assert_str_eq(run("c3", NULL, NULL, ARGS("mount")), "mount: Operation not permitted\n");
    ck_assert_str_eq(run("c4", theirs, NULL, ARGS("socket", "40")),
                     "socket 40: Address family not supported by protocol\n");
    ck_assert_str_eq(run("c5", theirs, NULL, ARGS("socket", "1")), "socket 1: open\n");
}
END_TEST

/* An allow list such as containerd's: what is not named fails. */
START_TEST(test_an_allow_list_keeps_the_host_shut)
{
    static const char head[] =
        ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"}],\"seccomp\":{\"defaultAction\":"
        "\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\"],"
        "\"syscalls\":[{\"names\":[\"read\",\"write\",\"writev\",\"open\",\"openat\",\"close\","
        "\"fstat\",\"newfstatat\",\"brk\",\"mmap\",\"munmap\",\"mprotect\",\"execve\",\"exit\","
        "\"exit_group\",\"arch_prctl\",\"set_tid_address\",\"set_robust_list\",\"rseq\","
        "\"prlimit64\","
        "\"getrandom\",\"readlink\",\"readlinkat\",\"futex\",\"prctl\",\"capget\",\"capset\","
        "\"setuid\","
        "\"setgid\",\"setgroups\",\"getpid\",\"gettid\",\"rt_sigaction\",\"rt_sigprocmask\","
        "\"ioctl\","
        "\"chdir\",\"fcntl\",\"close_range\",\"getdents64\",\"io_uring_setup\",\"stat\",\"lseek\","
        "\"sched_getaffinity\",\"madvise\",\"unshare\",\"uname\",\"umask\",\"setresuid\","
        "\"setresgid\",\"kill\",\"recvmsg\",\"sendmsg\",\"recvfrom\",\"sendto\",\"poll\",\"ppoll\","
        "\"dup\",\"dup2\",\"dup3\",\"statx\",\"fstatfs\",\"statfs\",\"getcwd\",\"select\","
        "\"pselect6\",\"fchdir\",\"getuid\",\"geteuid\",\"getgid\",\"getppid\",\"sigaltstack\","
        "\"rt_sigreturn\",\"fchown\",\"pread64\",\"seccomp\",\"access\",\"faccessat\","
        "\"faccessat2\",\"keyctl\"],"
        "\"action\":\"SCMP_ACT_ALLOW\"},{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\"";
    char all[2048];
    char but[2048];
    (void)snprintf(all, sizeof(all), "%s}]}}", head);
    (void)snprintf(but, sizeof(but),
                   "%s,\"args\":[{\"index\":0,\"value\":40,\"op\":\"SCMP_CMP_NE\"}]}]}}", head);
    ck_assert_str_eq(run("a1", all, NULL, ARGS("socket", "40")),
                     "socket 40: Operation not permitted\n");
    ck_assert_str_eq(run("a2", all, NULL, ARGS("socket", "2")), "socket 2: open\n");
    ck_assert_str_eq(run("a3", but, NULL, ARGS("socket", "40")),
                     "socket 40: Operation not permitted\n");
    ck_assert_str_eq(run("a4", but, NULL, ARGS("socket", "1")), "socket 1: open\n");
    /* 2^32 + 40 is AF_VSOCK to the kernel */
    ck_assert_str_eq(run("a5", but, NULL, ARGS("socket", "4294967336")),
                     "socket 4294967336: Operation not permitted\n");
}
END_TEST

START_TEST(test_privileged_means_root_in_this_guest)
{
    const char *privileged = ",\"annotations\":{\"dev.cloister.privileged\":\"true\"}";
    rig.capability = "CAP_SYS_ADMIN";
    ck_assert_str_eq(run("p1", privileged, NULL, ARGS("mount")), "mount: done\n");
    ck_assert_str_eq(run("p2", NULL, NULL, ARGS("mount")),
                     "mount: done\n"); /* in its own namespace */
    rig.capability = NULL;
    ck_assert_str_eq(run("p7", NULL, NULL, ARGS("mount")), "mount: Operation not permitted\n");
    /* A name for a loop device that is made later; whether it opens is the kernel's affair. */
    ck_assert_ptr_null(
        strstr(run("p5", privileged, NULL, ARGS("show", "/dev/loop7")), "No such file"));
    ck_assert_str_eq(run("p6", NULL, NULL, ARGS("show", "/dev/loop7")),
                     "/dev/loop7: No such file or directory\n");
    ck_assert_str_eq(run("p3", privileged, NULL, ARGS("mount")),
                     "mount: Operation not permitted\n");
    ck_assert_int_eq(
        rig_create("p4", ",\"annotations\":{\"run.oci.hooks.stdout\":\"/x\"}", NULL, ARGS("wait")),
        CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_str_eq(rig_message, "spec: annotations: unknown member 'run.oci.hooks.stdout'");
}
END_TEST

START_TEST(test_files_change_all_at_once)
{
    int code = 0;
    ck_assert_msg(rig_volume("conf", FILES, 0) == 0, "%s", rig_message);
    ck_assert_int_eq(rig_volume("conf", FILES, 0), CL_TTRPC_ALREADY_EXISTS);
    ck_assert_msg(rig_put("conf", 1, "a", "one", NULL, false) == 0, "%s", rig_message);
    ck_assert_msg(rig_put("conf", 1, "dir/b", "two", NULL, false) == 0, "%s", rig_message);
    ck_assert_ptr_null(rig_get("conf", "a", &code)); /* not in place yet */
    ck_assert_int_eq(code, CL_TTRPC_NOT_FOUND);
    ck_assert_msg(rig_put("conf", 1, "link", NULL, "dir/b", true) == 0, "%s", rig_message);
    char *text = rig_get("conf", "a", &code);
    ck_assert_str_eq(text, "one");
    free(text);
    ck_assert_int_eq(rig_create("f", NULL, BIND("/data", "conf", "\"rbind\",\"rw\""), ARGS("wait")),
                     0);
    ck_assert_int_eq(rig_start("f", ""), 0);
    ck_assert_int_eq(rig_exec("f", "1", false, ARGS("show", "/data/link")), 0);
    ck_assert_int_eq(rig_start("f", "1"), 0);
    ck_assert_str_eq(rig_output("f/1", 1, NULL), "two");
    ck_assert_int_eq(rig_exec("f", "2", false, ARGS("put", "/data/a", "mine")), 0);
    ck_assert_int_eq(rig_start("f", "2"), 0);
    ck_assert_str_eq(rig_output("f/2", 1, NULL), "/data/a: Read-only file system\n");
    ck_assert_int_eq(rig_put("conf", 1, "a", "older", NULL, true), CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_int_eq(rig_put("conf", 7, "a", "newer", NULL, true), 0);
    ck_assert_int_eq(rig_exec("f", "3", false, ARGS("show", "/data/a")), 0);
    ck_assert_int_eq(rig_start("f", "3"), 0);
    ck_assert_str_eq(rig_output("f/3", 1, NULL), "newer");
    ck_assert_int_eq(rig_exec("f", "4", false, ARGS("show", "/data/link")), 0);
    ck_assert_int_eq(rig_start("f", "4"), 0);
    ck_assert_str_eq(rig_output("f/4", 1, NULL), "/data/link: No such file or directory\n");
    ck_assert_int_eq(rig_kill("f", "", SIGKILL, false), 0);
    ck_assert_uint_eq(rig_wait("f", ""), 128 + SIGKILL);
    ck_assert_int_eq(rig_delete("f", ""), 0);
    ck_assert_str_eq(run("sub", NULL, BIND("/etc/issue", "conf/a", "\"bind\",\"ro\""),
                         ARGS("show", "/etc/issue")),
                     "newer");
}
END_TEST

START_TEST(test_paths_of_files_stay_inside)
{
    static const char *const paths[] = {
        "/a", "../a", "..data/a", "a/../../b", "", "a/b/c/d/e/f/g/h/i", "..g7/x"};
    static const char *const links[] = {"/etc/passwd", "../x", "d/../../x", "d/../../../x"};
    int code = 0;
    ck_assert_int_eq(rig_volume("in", FILES, 0), 0);
    for (size_t i = 0; i < CL_ARRAY_LEN(paths); i++) {
        ck_assert_msg(rig_put("in", 1, paths[i], "x", NULL, false) != 0, "%s", paths[i]);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(links); i++) {
        ck_assert_msg(rig_put("in", 1, "l", NULL, links[i], false) == CL_TTRPC_PERMISSION_DENIED,
                      "%s", links[i]);
    }
    ck_assert_int_eq(rig_put("in", 1, "d/l", NULL, "../x", false), 0);
    ck_assert_int_eq(rig_put("in", 1, "d/l/y", "through a link", NULL, false),
                     CL_TTRPC_PERMISSION_DENIED);
    ck_assert_int_eq(rig_put("absent", 1, "d", "x", NULL, false), CL_TTRPC_NOT_FOUND);
    ck_assert_int_eq(rig_volume("../in", FILES, 0), CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_int_eq(rig_volume("in2", BLOCK, 0), CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_int_eq(rig_volume("in2", 77, 0), CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_int_eq(rig_create("v", NULL, BIND("/data", "absent", "\"bind\""), ARGS("wait")),
                     CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_ptr_null(rig_get("in", "../../containers", &code));
    ck_assert_int_ne(code, 0);
}
END_TEST

START_TEST(test_directories_that_containers_share)
{
    int code = 0;
    struct stat before;
    ck_assert_int_eq(rig_volume("scratch", SCRATCH, 0), 0);
    ck_assert_int_eq(rig_volume("mem", MEMORY, 65536), 0);
    ck_assert_int_eq(rig_volume("shm", SHM, 1 << 20), 0);
    ck_assert_str_eq(run("w", NULL, BIND("/data", "scratch/some/where", "\"rbind\""),
                         ARGS("put", "/data/x", "shared")),
                     "");
    ck_assert_str_eq(run("r", NULL, BIND("/data", "scratch", "\"rbind\",\"ro\""),
                         ARGS("show", "/data/some/where/x")),
                     "shared");
    char *text = rig_get("scratch", "some/where/x", &code);
    ck_assert_str_eq(text, "shared");
    free(text);
    ck_assert_str_eq(run("m", NULL, BIND("/data", "mem", "\"rbind\"") BIND("/dev/shm", "shm", ""),
                         ARGS("put", "/dev/shm/x", "in memory")),
                     "");
    text = rig_get("shm", "x", &code);
    ck_assert_str_eq(text, "in memory");
    free(text);
    ck_assert_int_eq(stat("/run/cloister/volumes", &before), 0);
}
END_TEST

START_TEST(test_a_volume_of_the_image_begins_with_what_is_there)
{
    ck_assert_int_eq(rig_volume("image_1", SCRATCH, 0), 0);
    ck_assert_int_eq(rig_volume("image_2", SCRATCH, 0), 0);
    ck_assert_str_eq(
        run("i1", NULL, BIND("/etc", "image_1", "\"rbind\""), ARGS("show", "/etc/issue")),
        "of the image\n");
    ck_assert_str_eq(run("i2", NULL, BIND("/etc", "image_1", "\"rbind\""),
                         ARGS("put", "/etc/issue", "of the volume")),
                     "");
    ck_assert_str_eq(
        run("i3", NULL, BIND("/etc", "image_1", "\"rbind\""), ARGS("show", "/etc/issue")),
        "of the volume");
    ck_assert_str_eq(run("i4", NULL, BIND("/new", "image_2", "\"rbind\""),
                         ARGS("put", "/new/x", "where the image has nothing")),
                     "");
}
END_TEST

/* What a container left behind leads nowhere: not for the host's GetFile, not for the next mount.
 */
START_TEST(test_links_of_containers_are_not_followed_out)
{
    int code = 0;
    unsigned status = 0;
    ck_assert_int_eq(rig_volume("trap", SCRATCH, 0), 0);
    ck_assert_str_eq(rig_run("t", NULL, BIND("/data", "trap", "\"rbind\""),
                             ARGS("link", "/etc", "/data/out"), &status),
                     "");
    ck_assert_uint_eq(status, 0);
    ck_assert_ptr_null(rig_get("trap", "out/hostname", &code));
    ck_assert_int_eq(code, CL_TTRPC_NOT_FOUND);
    ck_assert_ptr_null(rig_get("trap", "out", &code));
    ck_assert_int_ne(code, 0);
    ck_assert_int_ne(rig_create("t2", NULL, BIND("/data", "trap/out", "\"rbind\""), ARGS("wait")),
                     0);
    ck_assert_int_eq(access("/etc/hostname", F_OK), 0); /* it would have been there */
}
END_TEST

/* A termination log: made by the host, written by the container, read by the host. */
START_TEST(test_a_file_that_comes_back)
{
    int code = 0;
    ck_assert_int_eq(rig_volume("end", SCRATCH, 0), 0);
    ck_assert_msg(rig_put("end", 1, "log", "", NULL, true) == 0, "%s", rig_message);
    ck_assert_str_eq(run("e", NULL, BIND("/tmp/log", "end/log", "\"rbind\",\"rw\""),
                         ARGS("put", "/tmp/log", "last words")),
                     "");
    char *text = rig_get("end", "log", &code);
    ck_assert_str_eq(text, "last words");
    free(text);
}
END_TEST

START_TEST(test_nothing_is_left_behind)
{
    char line[512];
    FILE *f = fopen("/proc/self/mounts", "re");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        ck_assert_msg(strstr(line, "/run/cloister/containers") == NULL, "%s", line);
    }
    (void)fclose(f);
    struct stat s;
    ck_assert_int_eq(stat("/run/cloister/containers", &s), 0);
    ck_assert_uint_eq(s.st_nlink, 2);
    ck_assert_int_eq(stat("/sys/fs/cgroup/pod", &s), 0);
    ck_assert_uint_eq(s.st_nlink, 2);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pod isolation");
    TCase *t = tcase_create("pods");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, test_the_pods_name_and_processes_of_ones_own);
    tcase_add_test(t, test_a_pid_namespace_that_containers_share);
    tcase_add_test(t, test_roots_are_apart_and_may_be_read_only);
    tcase_add_test(t, test_system_calls);
    tcase_add_test(t, test_an_allow_list_keeps_the_host_shut);
    tcase_add_test(t, test_privileged_means_root_in_this_guest);
    tcase_add_test(t, test_files_change_all_at_once);
    tcase_add_test(t, test_paths_of_files_stay_inside);
    tcase_add_test(t, test_directories_that_containers_share);
    tcase_add_test(t, test_a_volume_of_the_image_begins_with_what_is_there);
    tcase_add_test(t, test_links_of_containers_are_not_followed_out);
    tcase_add_test(t, test_a_file_that_comes_back);
    tcase_add_test(t, test_nothing_is_left_behind);
    suite_add_tcase(s, t);
    return s;
}

int main(int argc, char **argv)
{
    return pod_rig_run(argc, argv, suite);
}
