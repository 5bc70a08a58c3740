/* SPDX-License-Identifier: Apache-2.0
 * test_pod_blocks.c - block volumes of a measured pod in the agent's engine: which key opens which
 * disk, and where its file system goes. Loop devices are the disks; what opens them is played.
 */
#include "blockvol.h"
#include "pod_rig.h"

#include "cloister/pod_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#define ARGS(...) ((const char *const[]){"/program", __VA_ARGS__, NULL})
#define DISK_SIZE (8 << 20)

static char path[2][32];
static int file[2] = {-1, -1};
static int loop[2] = {-1, -1};
static unsigned opens;
static bool refuse = true;
static char asked[64]; /* of the broker */
static char opened[128];

static enum cl_status get_key(void *ctx, const char *name, struct cl_secret *ret,
                              struct cl_err *err)
{
    static const uint8_t key[AGENT_BLOCKVOL_KEY_SIZE] = {7};
    (void)ctx;
    if (strcmp(name, "default/image-kek/1") == 0) {
        return cl_secret_from(ret, rig.kek.data, rig.kek.len, err);
    }
    (void)snprintf(asked, sizeof(asked), "%s", name);
    return cl_secret_from(ret, key, sizeof(key), err);
}

static enum cl_status open_volume(const struct agent_blockvol *v, char ret_path[static 32],
                                  struct cl_err *err)
{
    (void)snprintf(opened, sizeof(opened), "%s %s %zu %d %s%s", v->disk, v->name, v->key->len,
                   v->key->data[0], v->format_blank ? "format " : "", v->filesystem ? "fs" : "");
    opens++;
    if (refuse) {
        return cl_err_set(err, CL_ERR_REJECTED, "expected blocks of its key, got others");
    }
    (void)snprintf(ret_path, 32, "%s", v->disk);
    return CL_OK;
}

#define CONTAINER(name, devices)                                                                   \
    "{\"name\":\"" name "\",\"image\":{\"manifest\":\"%s\",\"encryption\":\"required\"},"          \
    "\"args\":[\"/program\",\"wait\"],\"env\":[\"PATH=/\"],\"cwd\":\"/\","                         \
    "\"user\":{\"uid\":0,\"gid\":0},\"devices\":[" devices "],\"exec\":["                          \
    "{\"args\":[\"/program\",\"put\",\"/srv/x\",\"kept\"]},"                                       \
    "{\"args\":[\"/program\",\"show\",\"/srv/x\"],\"streams\":{\"stdout\":true}}]}"
#define FS "{\"path\":\"/dev/data\",\"volume\":\"data\",\"mount\":\"/srv\"}"

static void measure(struct agent_pod_measured *ret)
{
    struct cl_buf text = {0};
    struct cl_pod_policy *policy = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(
        cl_buf_printf(
            &text, NULL,
            "{\"schema\":\"cloister.pod-policy/1\",\"volumes\":[{\"name\":\"data\",\"kind\":"
            "\"block\",\"encrypted\":{\"key\":\"kbs:///default/volume/data\"}},"
            "{\"name\":\"raw\",\"kind\":\"block\",\"encrypted\":{\"key\":"
            "\"kbs:///default/volume/raw\",\"format\":\"if-blank\"}}],\"containers\":[" CONTAINER(
                "app", FS) "," CONTAINER("app2",
                                         FS) "," CONTAINER("raw",
                                                           "{\"path\":\"/dev/"
                                                           "data\",\"volume\":\"raw\"}") "]}",
            rig.digest, rig.digest, rig.digest),
        CL_OK);
    ck_assert_msg(cl_pod_policy_parse(text.data, text.len, &policy, &err) == CL_OK, "%s", err.msg);
    cl_buf_done(&text);
    *ret = (struct agent_pod_measured){.policy = policy, .get_key = get_key};
}

static bool loop_device(unsigned i)
{
    char name[] = "/tmp/blockXXXXXX";
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int n = control >= 0 ? ioctl(control, LOOP_CTL_GET_FREE) : -1;
    (void)close(control);
    (void)snprintf(path[i], sizeof(path[i]), "/dev/loop%d", n);
    file[i] = mkstemp(name);
    ck_assert_int_ge(file[i], 0);
    ck_assert_int_eq(ftruncate(file[i], DISK_SIZE), 0);
    char command[96];
    (void)snprintf(command, sizeof(command), "/sbin/mke2fs -qF %s >/dev/null 2>&1", name);
    bool made = i > 0 || system(command) == 0; /* NOLINT(cert-env33-c): a test's own name */
    (void)unlink(name);
    const struct loop_config c = {.fd = (uint32_t)file[i],
                                  .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
    loop[i] = n >= 0 ? open(path[i], O_RDWR | O_CLOEXEC) : -1;
    return made && loop[i] >= 0 && ioctl(loop[i], LOOP_CONFIGURE, &c) == 0;
}

static int create(const char *name, const char *id, const char *volume)
{
    char more[300];
    (void)snprintf(more, sizeof(more),
                   ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"}],\"devices\":[{\"path\":"
                   "\"/dev/data\",\"type\":\"b\",\"source\":\"volume:%s\"}]}",
                   volume);
    rig.name = name;
    return rig_create(id, more, NULL, ARGS("wait"));
}

START_TEST(test_block_volumes_of_a_measured_pod)
{
    if (!loop_device(0) || !loop_device(1)) {
        printf("SKIP: no loop devices here: %s\n", strerror(errno));
        return;
    }
    rig.disk[3] = path[0];
    rig.disk[4] = path[1];
    rig.env = "\"PATH=/\"";
    ck_assert_int_eq(rig_sandbox("h", false), 0);
    ck_assert_int_eq(rig_block("disk", 3), CL_TTRPC_PERMISSION_DENIED);
    ck_assert_int_eq(rig_block("block_8_0", 3), 0);
    ck_assert_int_eq(rig_block("block_8_16", 4), 0);
    /* what the key does not open there is no container with */
    ck_assert_int_eq(create("app", "a", "block_8_0"), CL_TTRPC_PERMISSION_DENIED);
    ck_assert_str_eq(rig_message, "volume 'data': expected blocks of its key, got others");
    ck_assert_str_eq(asked, "default/volume/data");
    ck_assert_int_eq(strncmp(opened, path[0], strlen(path[0])), 0);
    ck_assert_str_eq(opened + strlen(path[0]), " cloister-volume-3 128 7 fs");
    refuse = false;
    ck_assert_msg(create("app", "a", "block_8_0") == 0, "%s", rig_message);
    ck_assert_int_eq(rig_start("a", ""), 0);
    ck_assert_msg(rig_exec("a", "w", false, ARGS("put", "/srv/x", "kept")) == 0, "%s", rig_message);
    ck_assert_int_eq(rig_start("a", "w"), 0);
    ck_assert_uint_eq(rig_wait("a", "w"), 0);
    ck_assert_msg(create("app2", "b", "block_8_0") == 0, "%s", rig_message); /* shared */
    ck_assert_uint_eq(opens, 2);
    /* neither is this disk another volume, nor this volume another disk */
    ck_assert_int_eq(create("raw", "c", "block_8_0"), CL_TTRPC_PERMISSION_DENIED);
    ck_assert_str_eq(rig_message, "policy: volumes[raw]: expected a disk of its own, got 'data'");
    ck_assert_int_eq(rig_kill("a", "", 9, false), 0);
    (void)rig_wait("a", "");
    ck_assert_int_eq(rig_delete("a", ""), 0);
    ck_assert_int_eq(create("app", "a2", "block_8_16"), CL_TTRPC_PERMISSION_DENIED);
    ck_assert_str_eq(rig_message,
                     "policy: volumes[data]: expected one disk, 'block_8_0', got another");
    ck_assert_int_eq(rig_delete("b", ""), 0);
    ck_assert_msg(create("app", "a3", "block_8_0") == 0, "%s", rig_message); /* mounted again */
    ck_assert_int_eq(rig_start("a3", ""), 0);
    ck_assert_int_eq(rig_exec("a3", "r", false, ARGS("show", "/srv/x")), 0);
    ck_assert_int_eq(rig_start("a3", "r"), 0);
    ck_assert_uint_eq(rig_wait("a3", "r"), 0);
    ck_assert_str_eq(rig_output("a3/r", 1, "kept"), "kept");
    ck_assert_msg(create("raw", "d", "block_8_16") == 0, "%s", rig_message);
    ck_assert_str_eq(asked, "default/volume/raw");
    ck_assert_ptr_nonnull(strstr(opened, " cloister-volume-4 128 7 format "));
    ck_assert_ptr_null(strstr(opened, "fs"));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pod blocks");
    TCase *t = tcase_create("blocks");
    rig.measure = measure;
    rig.open_volume = open_volume;
    tcase_set_timeout(t, 0);
    tcase_add_test(t, test_block_volumes_of_a_measured_pod);
    suite_add_tcase(s, t);
    return s;
}

int main(int argc, char **argv)
{
    return pod_rig_run(argc, argv, suite);
}
