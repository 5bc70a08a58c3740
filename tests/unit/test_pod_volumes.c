/* SPDX-License-Identifier: Apache-2.0
 * test_pod_volumes.c - volumes that come and go with their containers, in the agent's engine.
 */
#include "pod_rig.h"

#include <signal.h>
#include <sys/stat.h>

#define ARGS(...) ((const char *const[]){"/program", __VA_ARGS__, NULL})
#define FILES 1u
#define SCRATCH 2u
#define MEMORY 3u
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
        if (i % 10 == 0) { /* each is two runs of crun: what is new with every one are volumes */
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

static Suite *suite(void)
{
    Suite *s = suite_create("pod volumes");
    TCase *t = tcase_create("volumes");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, test_restarts_without_end);
    tcase_add_test(t, test_what_is_in_use_stays);
    tcase_add_test(t, test_a_create_that_fails_leaves_nothing_in_use);
    tcase_add_test(t, test_what_is_the_pods_stays);
    suite_add_tcase(s, t);
    return s;
}

int main(int argc, char **argv)
{
    return pod_rig_run(argc, argv, suite);
}
