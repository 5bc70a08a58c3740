/* SPDX-License-Identifier: Apache-2.0
 * shim_guest.c - the agent's pods as a program: what test_shim_engine takes for a VM. It dials the
 * sockets of a run folder as a VMM would, and ends when its standard input does.
 * usage: shim_guest DIR | shim_guest image DIR     (the latter writes an image's blobs, and prints
 * the digest of its manifest)
 * SHIM_GUEST_POLICY: file with the policy of the pod; without it there is none.
 */
#include "pod_rig.c" /* NOLINT(bugprone-suspicious-include): its namespaces, its image, its crun */

#include "base/encode.h"
#include "base/io.h"
#include "cloister/pod_policy.h"

static const char *dir;
static struct cl_ttrpc_server *guest_server;

static enum cl_status guest_dial(void *ctx, uint32_t port, bool patient, int *ret_fd,
                                 struct cl_err *err)
{
    char path[108];
    (void)ctx;
    (void)patient;
    (void)snprintf(path, sizeof(path), "%s/guest_%u.sock", dir, (unsigned)port);
    return cl_unix_connect(path, ret_fd, err);
}

static void measured_pod(struct agent_pod *pod)
{
    const char *path = getenv("SHIM_GUEST_POLICY"); /* NOLINT(concurrency-mt-unsafe) */
    struct cl_buf text = {0};
    struct cl_pod_policy *policy = NULL;
    struct cl_err err = {0};
    if (path == NULL) {
        return;
    }
    ck_assert_int_eq(cl_buf_read_file(&text, path, CL_POD_POLICY_MAX_SIZE, &err), CL_OK);
    ck_assert_msg(cl_pod_policy_parse(text.data, text.len, &policy, &err) == CL_OK, "%s", err.msg);
    cl_buf_done(&text);
    agent_pod_measure(pod, &(struct agent_pod_measured){.policy = policy});
}

static void *watch_stdin(void *arg)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    cl_ttrpc_server_shutdown(guest_server);
    return arg;
}

START_TEST(test_guest)
{
    struct agent_pod *pod = NULL;
    struct cl_err err = {0};
    int fd = -1;
    pthread_t watching;
    const struct agent_pod_config config = {
        .dial = guest_dial,
        .dir = "/run/cloister",
        .crun = crun_program(),
        .crun_root = "/run/crun",
        .cgroup = "/sys/fs/cgroup",
        .limits = {1u << 28, AGENT_MAX_ENTRIES, AGENT_MAX_DEPTH, AGENT_MAX_RATIO, AGENT_RATIO_FREE},
    };
    ck_assert_int_eq(agent_pod_new(&config, &pod, &err), CL_OK);
    ck_assert_msg(guest_dial(NULL, AGENT_PORT_RPC, true, &fd, &err) == CL_OK, "%s", err.msg);
    const struct cl_ttrpc_service service = agent_pod_service(pod);
    ck_assert_int_eq(cl_ttrpc_server_new(fd, &service, 1, &guest_server, &err), CL_OK);
    ck_assert_int_eq(pthread_create(&watching, NULL, watch_stdin, NULL), 0);
    measured_pod(pod);
    ck_assert_msg(agent_pod_begin(pod, &err) == CL_OK, "%s", err.msg);
    (void)!cl_ttrpc_server_run(guest_server, &err);
    agent_pod_hang_up(pod);
    agent_pod_wait(pod);
}
END_TEST

START_TEST(test_image)
{
    make_rig_image();
    for (size_t i = 0; i < rig.host.count; i++) {
        const struct blob *b = &rig.host.blob[i];
        char hex[2 * CL_SHA256_SIZE + 1];
        char path[256];
        cl_hex(hex, b->digest, CL_SHA256_SIZE);
        (void)snprintf(path, sizeof(path), "%s/%s", dir, hex);
        ck_assert_int_eq(cl_write_file(path, b->data.data, b->data.len, 0600, NULL), CL_OK);
    }
    printf("%s\n", rig.digest);
    (void)fflush(stdout);
}
END_TEST

static Suite *suite_of(const TTest *test)
{
    Suite *s = suite_create("guest");
    TCase *tc = tcase_create("guest");
    tcase_add_test(tc, test);
    suite_add_tcase(s, tc);
    return s;
}

static Suite *guest(void)
{
    return suite_of(test_guest);
}

int main(int argc, char **argv)
{
    dir = argv[argc - 1];
    if (argc < 3) {
        return pod_rig_run(argc, argv, guest);
    }
    SRunner *r = srunner_create(suite_of(test_image));
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
