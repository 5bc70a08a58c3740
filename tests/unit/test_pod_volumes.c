/* SPDX-License-Identifier: Apache-2.0
 * test_pod_volumes.c - volumes that come and go with their containers, in the agent's engine.
 */
#include "pod_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define ARGS(...) ((const char *const[]){"/program", __VA_ARGS__, NULL})
#define FILES 1u
#define SCRATCH 2u
#define MEMORY 3u
#define BLOCK 5u
#define DISK_SIZE (1 << 20)
#define RESTARTS 500u

static int remove_volume(const char *name)
{
    char text[80];
    Cloister__Pod__V1__RemoveVolumeRequest r;
    cloister__pod__v1__remove_volume_request__init(&r);
    (void)snprintf(text, sizeof(text), "%s", name);
    r.name = text;
    return rig_call("RemoveVolume", &r.base, NULL);
}

static unsigned entries(const char *dir)
{
    struct stat s;
    ck_assert_int_eq(stat(dir, &s), 0);
    return (unsigned)s.st_nlink;
}

static const char *mount_of(const char *volume)
{
    static char text[160];
    (void)snprintf(text, sizeof(text),
                   ",{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"volume:%s\","
                   "\"options\":[\"rbind\"]}",
                   volume);
    return text;
}

/* As a shim does it for a container that ends at once, for days. */
START_TEST(test_restarts_without_end)
{
    ck_assert_int_eq(rig_sandbox("volumes", false), 0);
    unsigned before = entries("/run/cloister/volumes");
    for (unsigned i = 0; i < RESTARTS; i++) {
        char name[64];
        char id[32];
        int code = 0;
        unsigned status = 0;
        (void)snprintf(name, sizeof(name), "result_%x", i);
        (void)snprintf(id, sizeof(id), "c%u", i);
        ck_assert_msg(rig_volume(name, SCRATCH, 0) == 0, "%u: %s", i, rig_message);
        ck_assert_int_eq(rig_put(name, i + 1, "message", "", NULL, true), 0);
        if (i % 25 == 0) { /* each is two runs of crun: what is new with every one are volumes */
            (void)rig_run(id, NULL, mount_of(name), ARGS("put", "/data/message", "bye"), &status);
            ck_assert_uint_eq(status, 0);
            char *text = rig_get(name, "message", &code);
            ck_assert_str_eq(text, "bye");
            free(text);
        }
        ck_assert_msg(remove_volume(name) == 0, "%u: %s", i, rig_message);
        ck_assert_int_eq(remove_volume(name), CL_TTRPC_NOT_FOUND);
    }
    ck_assert_uint_eq(entries("/run/cloister/volumes"), before);
}
END_TEST

START_TEST(test_what_is_in_use_stays)
{
    int code = 0;
    ck_assert_int_eq(rig_volume("image_a", SCRATCH, 0), 0);
    ck_assert_int_eq(rig_volume("host_a", FILES, 0), 0);
    ck_assert_int_eq(rig_put("host_a", 1, "f", "x", NULL, true), 0);
    ck_assert_msg(rig_create("u1", NULL, mount_of("image_a"), ARGS("wait")) == 0, "%s",
                  rig_message);
    ck_assert_int_eq(remove_volume("image_a"), CL_TTRPC_FAILED_PRECONDITION);
    ck_assert_str_eq(rig_message,
                     "volume 'image_a': expected one that nobody uses, got one in use");
    ck_assert_int_eq(rig_start("u1", ""), 0);
    ck_assert_int_eq(remove_volume("image_a"), CL_TTRPC_FAILED_PRECONDITION);
    ck_assert_int_eq(rig_create("u2", NULL, mount_of("image_a"), ARGS("wait")), 0);
    ck_assert_int_eq(rig_kill("u1", "", SIGKILL, false), 0);
    (void)rig_wait("u1", "");
    ck_assert_int_eq(remove_volume("image_a"), CL_TTRPC_FAILED_PRECONDITION); /* its root stands */
    ck_assert_int_eq(rig_delete("u1", ""), 0);
    ck_assert_int_eq(remove_volume("image_a"), CL_TTRPC_FAILED_PRECONDITION); /* and u2's */
    ck_assert_int_eq(rig_delete("u2", ""), 0);
    ck_assert_int_eq(remove_volume("image_a"), 0);
    ck_assert_int_ne(rig_create("u3", NULL, mount_of("image_a"), ARGS("wait")), 0);
    ck_assert_int_eq(remove_volume("host_a"), 0);
    ck_assert_ptr_null(rig_get("host_a", "f", &code));
    ck_assert_int_eq(code, CL_TTRPC_NOT_FOUND);
}
END_TEST

/* A Create that fails half way uses nothing any more. */
START_TEST(test_a_create_that_fails_leaves_nothing_in_use)
{
    char mounts[400];
    ck_assert_int_eq(rig_volume("result_f", SCRATCH, 0), 0);
    (void)snprintf(mounts, sizeof(mounts), "%s", mount_of("result_f"));
    (void)snprintf(mounts + strlen(mounts), sizeof(mounts) - strlen(mounts), "%s",
                   mount_of("absent"));
    ck_assert_int_eq(rig_create("f1", NULL, mounts, ARGS("wait")), CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_int_eq(remove_volume("result_f"), 0);
}
END_TEST

/* What containers share is not the host's to take away: an emptyDir would be empty again. */
START_TEST(test_what_is_the_pods_stays)
{
    static const struct {
        const char *name;
        unsigned kind;
    } v[] = {{"cache", SCRATCH}, {"etc_hosts", FILES}, {"results", SCRATCH}, {"image_m", MEMORY}};
    for (size_t i = 0; i < CL_ARRAY_LEN(v); i++) {
        ck_assert_int_eq(rig_volume(v[i].name, v[i].kind, 0), 0);
        ck_assert_int_eq(remove_volume(v[i].name), CL_TTRPC_FAILED_PRECONDITION);
        ck_assert_ptr_nonnull(strstr(rig_message, "expected one of a single container"));
    }
    ck_assert_int_eq(remove_volume(""), CL_TTRPC_NOT_FOUND);
    ck_assert_int_eq(remove_volume("../x"), CL_TTRPC_NOT_FOUND);
}
END_TEST

/* --- block devices ----------------------------------------------------------------------------
 */

/* A loop device, which goes with its last user; -1 where there are none. ret_file: what it shows.
 */
static int loop_device(char ret_path[static 32], int *ret_file)
{
    char name[] = "/tmp/blockXXXXXX";
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int n = control >= 0 ? ioctl(control, LOOP_CTL_GET_FREE) : -1;
    (void)close(control);
    (void)snprintf(ret_path, 32, "/dev/loop%d", n);
    *ret_file = mkstemp(name);
    ck_assert_int_ge(*ret_file, 0);
    (void)unlink(name);
    ck_assert_int_eq(ftruncate(*ret_file, DISK_SIZE), 0);
    const struct loop_config c = {.fd = (uint32_t)*ret_file,
                                  .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    int fd = n >= 0 ? open(ret_path, O_RDWR | O_CLOEXEC) : -1;
    return fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &c) == 0 ? fd : -1;
}

#define DEVICE(path, source, type)                                                                 \
    ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"}],\"devices\":[{\"path\":\"" path               \
    "\",\"type\":\"" type "\",\"source\":\"" source "\"}]}"

START_TEST(test_a_block_device_of_the_container)
{
    static char path[32];
    char got[16] = "";
    unsigned status = 0;
    int file = -1;
    int loop = loop_device(path, &file);
    if (loop < 0) {
        printf("SKIP: no loop devices here: %s\n", strerror(errno));
        return;
    }
    rig.disk[3] = path;
    ck_assert_msg(rig_block("block_7_0", 3) == 0, "%s", rig_message);
    const char *out = rig_run("b1", DEVICE("/dev/data", "volume:block_7_0", "b"), NULL,
                              ARGS("put", "/dev/data", "by a pod"), &status);
    ck_assert_msg(status == 0, "%s %s", out, rig_message);
    ck_assert_int_eq(fsync(loop), 0);
    ck_assert_int_eq(pread(file, got, 8, 0), 8);
    ck_assert_str_eq(got, "by a pod");
    (void)rig_run("b2", NULL, NULL, ARGS("show", "/dev/data"), &status);
    ck_assert_uint_ne(status, 0); /* not there without being asked for */
    ck_assert_int_eq(remove_volume("block_7_0"), CL_TTRPC_FAILED_PRECONDITION);
    (void)close(loop);
    (void)close(file);
}
END_TEST

START_TEST(test_block_devices_that_are_none)
{
    static char null[] = "/dev/null";
    static const struct {
        const char *more;
        const char *words;
    } bad[] = {
        {DEVICE("/dev/x", "volume:absent", "b"), "expected a volume of the pod, got 'absent'"},
        {DEVICE("/dev/x", "volume:files", "b"), "expected a block device, got a volume of files"},
        {DEVICE("/dev/x", "volume:block_1_3", "b"), "volume 'block_1_3': '/dev/null'"},
        {DEVICE("/dev/x", "/dev/vda", "b"), "source: expected volume:NAME, got '/dev/vda'"},
        {DEVICE("/dev/x", "volume:../x", "b"), "source"},
        {DEVICE("/etc/x", "volume:block_1_3", "b"), "path: expected one below /dev, got '/etc/x'"},
        {DEVICE("/dev/../x", "volume:block_1_3", "b"), "path: expected one below /dev"},
        {DEVICE("/dev/", "volume:block_1_3", "b"), "path: expected one below /dev"},
        {DEVICE("/dev/x", "volume:block_1_3", "c"), "type: expected b, got 'c'"},
    };
    ck_assert_int_eq(rig_block("block_1_4", 2), CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_str_eq(rig_message, "volume 'block_1_4': slot: expected 3 to 8, got 2");
    ck_assert_int_eq(rig_block("block_1_4", 9), CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_int_ne(rig_block("block_1_4", 5), 0);
    rig.disk[4] = null;
    ck_assert_int_eq(rig_block("block_1_3", 4), 0);
    ck_assert_int_eq(rig_block("block_1_4", 4), CL_TTRPC_ALREADY_EXISTS); /* one disk, two names */
    ck_assert_int_eq(rig_volume("files", SCRATCH, 0), 0);
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_int_ne(rig_create("bad", bad[i].more, NULL, ARGS("wait")), 0);
        ck_assert_msg(strstr(rig_message, bad[i].words) != NULL, "%s: %s", bad[i].more,
                      rig_message);
    }
    ck_assert_int_ne(rig_create("bad", NULL, mount_of("block_1_3"), ARGS("wait")), 0);
    ck_assert_ptr_nonnull(strstr(rig_message, "expected a volume of files, got a block device"));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pod volumes");
    TCase *t = tcase_create("volumes");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, test_restarts_without_end);
    tcase_add_test(t, test_what_is_in_use_stays);
    tcase_add_test(t, test_a_create_that_fails_leaves_nothing_in_use);
    tcase_add_test(t, test_what_is_the_pods_stays);
    tcase_add_test(t, test_a_block_device_of_the_container);
    tcase_add_test(t, test_block_devices_that_are_none);
    suite_add_tcase(s, t);
    return s;
}

int main(int argc, char **argv)
{
    return pod_rig_run(argc, argv, suite);
}
