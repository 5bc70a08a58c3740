/* SPDX-License-Identifier: Apache-2.0
 * test_node_snapshotter.c - `cloister node verify` asks the snapshotter itself: a socket that
 * nobody serves is not one that answers.
 */
#include "snapshotter.h"

#include "service.h"

#include "base/io.h"

#include "check_main.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(test_node_snapshotter_answers)
{
    static const struct cl_grpc_service service = {.call = snap_call};
    char dir[] = "/tmp/node-snapshotter.XXXXXX";
    char path[64];
    struct cl_err err = {0};
    int listen_fd = -1;
    int stop[2];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/s", dir);
    ck_assert(!node_snapshotter_answers(path, &err)); /* absent */
    ck_assert_int_eq(cl_unix_listen(path, &listen_fd, &err), CL_OK);
    ck_assert_int_eq(pipe(stop), 0);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(cl_grpc_serve(&service, listen_fd, stop[0], NULL) == CL_OK ? 0 : 1);
    }
    ck_assert_msg(node_snapshotter_answers(path, &err), "%s", err.msg);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_eq(close(listen_fd), 0);
    ck_assert(!node_snapshotter_answers(path, &err)); /* a socket of nobody */
    (void)close(stop[0]);
    (void)close(stop[1]);
    (void)unlink(path);
    (void)rmdir(dir);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("node_snapshotter");
    TCase *t = tcase_create("node_snapshotter");
    tcase_add_test(t, test_node_snapshotter_answers);
    suite_add_tcase(s, t);
    return run_suite(s);
}
