/* SPDX-License-Identifier: Apache-2.0
 * test_pod_forward.c - forwarded ports on the agent's side: listeners of this machine (the rig's
 * own network namespace), the host is the test's.
 */
#include "pod_rig.h"

#include "cloister/pod_policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool measured;

static void measure(struct agent_pod_measured *ret)
{
    struct cl_buf text = {0};
    struct cl_pod_policy *policy = NULL;
    struct cl_err err = {0};
    ck_assert_int_eq(
        cl_buf_printf(
            &text, NULL,
            "{\"schema\":\"cloister.pod-policy/1\",\"sandbox\":{\"forward_ports\":[7001]},"
            "\"containers\":[{\"name\":\"app\",\"image\":{\"manifest\":\"%s\","
            "\"encryption\":\"optional\"},\"args\":[\"/program\"],\"cwd\":\"/\","
            "\"user\":{\"uid\":0,\"gid\":0}}]}",
            rig.digest),
        CL_OK);
    ck_assert_msg(cl_pod_policy_parse(text.data, text.len, &policy, &err) == CL_OK, "%s", err.msg);
    cl_buf_done(&text);
    *ret = (struct agent_pod_measured){.policy = policy};
}

static void loopback_up(void)
{
    struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &r), 0);
    (void)close(fd);
}

static int listen_at(bool ipv6, uint16_t port)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
    const int one = 1;
    int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    ck_assert_int_eq(ipv6 ? bind(fd, (struct sockaddr *)&in6, sizeof(in6))
                          : bind(fd, (struct sockaddr *)&in, sizeof(in)),
                     0);
    ck_assert_int_eq(listen(fd, 128), 0);
    return fd;
}

static int forward(uint64_t id, uint32_t port)
{
    Cloister__Pod__V1__ForwardRequest r;
    cloister__pod__v1__forward_request__init(&r);
    r.id = id;
    r.port = port;
    return rig_call("Forward", &r.base, NULL);
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* The host's end; the agent has sent its line when it answers, but the rig may not have read it. */
static struct rig_stream *host_end(unsigned id)
{
    for (int i = 0; i < 2000; i++) {
        (void)pthread_mutex_lock(&rig.lock);
        struct rig_stream *s = rig_stream_find("CLFWD1", id);
        (void)pthread_mutex_unlock(&rig.lock);
        if (s != NULL) {
            return s;
        }
        (void)usleep(5000);
    }
    ck_abort_msg("no connection %u", id);
    return NULL;
}

START_TEST(test_not_before_the_sandbox)
{
    loopback_up();
    ck_assert_int_eq(forward(1, 7001), CL_TTRPC_FAILED_PRECONDITION);
    ck_assert_str_eq(rig_message, "Forward: expected Sandbox first");
    ck_assert_msg(rig_sandbox("pod", false) == 0, "%s", rig_message);
}
END_TEST

START_TEST(test_refusals)
{
    ck_assert_int_eq(forward(1, 0), CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_str_eq(rig_message, "port: expected 1 to 65535, got 0");
    ck_assert_int_eq(forward(1, 65536 + 7001), CL_TTRPC_INVALID_ARGUMENT);
    ck_assert_int_eq(forward(1, 7001), CL_TTRPC_FAILED_PRECONDITION); /* nobody listens */
    ck_assert_str_eq(rig_message, "port 7001: Connection refused");
    if (measured) {
        int other = listen_at(false, 7002);
        ck_assert_int_eq(forward(1, 7002), CL_TTRPC_PERMISSION_DENIED);
        ck_assert_str_eq(
            rig_message,
            "policy: sandbox: forward_ports: expected one of 1 of the policy, got 7002");
        (void)close(other);
    }
}
END_TEST

START_TEST(test_bytes_and_ends_go_both_ways)
{
    char got[32] = {0};
    unsigned id = 10 + (unsigned)_i;
    int listener = listen_at(_i == 1, 7001);
    ck_assert_msg(forward(id, 7001) == 0, "%s", rig_message);
    int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    struct rig_stream *host = host_end(id);
    say(host->fd, "question");
    (void)shutdown(host->fd, SHUT_WR);
    ck_assert_int_eq(recv(server, got, 8, MSG_WAITALL), 8);
    ck_assert_str_eq(got, "question");
    ck_assert_int_eq(recv(server, got, 1, 0), 0); /* the end of it, too */
    say(server, "answer");
    (void)close(server);
    ck_assert_str_eq(rig_output("CLFWD1", id, NULL), "answer");
    (void)close(listener);
}
END_TEST

#define MANY (1u << 20)

/* More than any buffer, to a reader that takes its time. */
START_TEST(test_a_slow_reader_holds_back_the_writer)
{
    size_t got = 0;
    char *data = calloc(1, MANY);
    int listener = listen_at(false, 7001);
    ck_assert_int_eq(forward(20, 7001), 0);
    int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    struct rig_stream *host = host_end(20);
    pid_t writer = fork();
    if (writer == 0) {
        for (size_t n = 0; n < MANY;) {
            ssize_t w = send(host->fd, data + n, MANY - n, MSG_NOSIGNAL);
            if (w <= 0) {
                _exit(1);
            }
            n += (size_t)w;
        }
        (void)shutdown(host->fd, SHUT_WR);
        _exit(0);
    }
    (void)usleep(200000);
    for (ssize_t n = 1; n > 0; got += n > 0 ? (size_t)n : 0) {
        n = recv(server, data, MANY, 0);
    }
    ck_assert_uint_eq(got, MANY);
    (void)close(server);
    (void)rig_output("CLFWD1", 20, NULL);
    (void)close(listener);
    free(data);
}
END_TEST

START_TEST(test_connections_are_bounded_and_a_hang_up_frees_one)
{
    int listener = listen_at(false, 7001);
    int server[AGENT_POD_MAX_FORWARDS];
    for (unsigned i = 0; i < AGENT_POD_MAX_FORWARDS; i++) {
        ck_assert_msg(forward(100 + i, 7001) == 0, "%u: %s", i, rig_message);
        server[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    }
    ck_assert_int_eq(forward(200, 7001), CL_TTRPC_RESOURCE_EXHAUSTED);
    ck_assert_str_eq(rig_message, "port-forward: expected at most 64 connections, got more");
    (void)shutdown(host_end(100)->fd, SHUT_RDWR); /* as a connection of vsock that is gone */
    (void)close(server[0]);
    int code = CL_TTRPC_RESOURCE_EXHAUSTED;
    for (int i = 0; i < 1000 && code == CL_TTRPC_RESOURCE_EXHAUSTED; i++) {
        (void)usleep(5000);
        code = forward(300, 7001);
    }
    ck_assert_msg(code == 0, "%s", rig_message);
    for (unsigned i = 1; i < AGENT_POD_MAX_FORWARDS; i++) {
        (void)close(server[i]);
    }
    (void)close(listener);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pod_forward");
    TCase *tc = tcase_create("forward");
    measured = getenv("MEASURED") != NULL;
    if (measured) {
        rig.measure = measure;
    }
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_not_before_the_sandbox);
    tcase_add_test(tc, test_refusals);
    tcase_add_loop_test(tc, test_bytes_and_ends_go_both_ways, 0, 2);
    tcase_add_test(tc, test_a_slow_reader_holds_back_the_writer);
    tcase_add_test(tc, test_connections_are_bounded_and_a_hang_up_frees_one);
    suite_add_tcase(s, tc);
    return s;
}

int main(int argc, char **argv)
{
    return pod_rig_run(argc, argv, suite);
}
