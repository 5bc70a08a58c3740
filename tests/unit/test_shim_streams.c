/* SPDX-License-Identifier: Apache-2.0
 * test_shim_streams.c - streams between real FIFOs and the guest's connections: kept while
 * containerd is away, each with its own back-pressure, out before the exit is told
 * (containerd-shim.md 3.2).
 */
#include "check_main.h"
#include "shim_world.h"
#include "streams.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SINGLE "{\"kind\":\"single\"}"

struct names {
    char path[3][120];
};

static void fifos(struct world *w, struct names *n)
{
    static const char *const names[] = {"in", "out", "err"};
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(n->path[i], sizeof(n->path[i]), "%s/%s", w->dir, names[i]);
        ck_assert_int_eq(mkfifo(n->path[i], 0600), 0);
    }
}

static int open_end(const char *path, int flags)
{
    int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    return fd;
}

static void up_with(struct world *w, const char *in, const char *out, const char *err)
{
    struct answer a = {0};
    world_create_begin(w, "c1", SINGLE, in, out, err, &a);
    world_until(w, &a.done);
    ck_assert_msg(a.code == 0, "%d %s", a.code, a.message);
    answer_done(&a);
}

static void start(struct world *w)
{
    struct answer a = {0};
    ck_assert_int_eq(world_start(w, "c1", NULL, &a), 0);
    answer_done(&a);
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* What comes, while the loop turns, until there are so many bytes. */
static void expect(struct world *w, int fd, const char *text)
{
    char got[4096];
    size_t len = 0;
    uint64_t end = cl_monotonic_us() + WORLD_ANY_TIME * UINT64_C(1000);
    while (len < strlen(text) && cl_monotonic_us() < end) {
        ssize_t n = read(fd, got + len, sizeof(got) - 1 - len);
        len += n > 0 ? (size_t)n : 0;
        world_pass(w, 1);
    }
    got[len] = '\0';
    ck_assert_str_eq(got, text);
}

static bool at_end(struct world *w, int fd)
{
    char byte;
    world_settle(w);
    return read(fd, &byte, 1) == 0;
}

static bool waits(struct world *w, int fd)
{
    char byte;
    world_settle(w);
    return read(fd, &byte, 1) < 0 && errno == EAGAIN;
}

/* --- output
 * --------------------------------------------------------------------------------------------------------
 */

START_TEST(test_output_reaches_the_fifos_and_ends)
{
    struct world w;
    struct names n;
    struct answer wait = {0};
    world_up(&w);
    fifos(&w, &n);
    up_with(&w, NULL, n.path[1], n.path[2]); /* nobody reads yet: Create does not wait for it */
    int guest_out = agent_stream(&w, "c1", 1);
    int guest_err = agent_stream(&w, "c1", 2);
    start(&w);
    int out = open_end(n.path[1], O_RDONLY);
    int err = open_end(n.path[2], O_RDONLY);
    world_wait_begin(&w, "c1", NULL, &wait);
    say(guest_out, "to stdout");
    say(guest_err, "to stderr");
    expect(&w, out, "to stdout");
    expect(&w, err, "to stderr");
    ck_assert(waits(&w, out));
    say(guest_out, ", the last");
    (void)close(guest_out);
    (void)close(guest_err);
    agent_exit(&w, "c1", 0);
    world_until(&w, &wait.done);
    expect(&w, out, ", the last");
    ck_assert(at_end(&w, out));
    ck_assert(at_end(&w, err));
    (void)close(out);
    (void)close(err);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

START_TEST(test_output_waits_for_a_containerd_that_is_away)
{
    struct world w;
    struct names n;
    struct answer wait = {0};
    struct answer a = {0};
    world_up(&w);
    fifos(&w, &n);
    up_with(&w, NULL, n.path[1], NULL);
    int guest = agent_stream(&w, "c1", 1);
    start(&w);
    int out = open_end(n.path[1], O_RDONLY);
    say(guest, "before");
    expect(&w, out, "before");
    (void)close(out); /* containerd goes */
    say(guest, "meanwhile");
    world_settle(&w);
    out = open_end(n.path[1], O_RDONLY); /* and comes again */
    expect(&w, out, "meanwhile");
    (void)close(out);
    say(guest, "at the end");
    (void)close(guest);
    world_wait_begin(&w, "c1", NULL, &wait);
    agent_exit(&w, "c1", 0);
    world_until(&w, &wait.done);
    out = open_end(n.path[1], O_RDONLY);
    expect(&w, out, "at the end");
    ck_assert(at_end(&w, out));
    (void)close(out);
    ck_assert_int_eq(world_delete(&w, "c1", NULL, &a), 0);
    answer_done(&wait);
    answer_done(&a);
    world_down(&w);
}
END_TEST

static size_t fill(int fd)
{
    static const char block[4096];
    size_t sum = 0;
    for (ssize_t n = 1; n > 0;) {
        n = write(fd, block, sizeof(block));
        sum += n > 0 ? (size_t)n : 0;
    }
    return sum;
}

START_TEST(test_a_stream_that_nobody_reads_stops_no_other)
{
    struct world w;
    struct names n;
    struct answer wait = {0};
    world_up(&w);
    fifos(&w, &n);
    up_with(&w, NULL, n.path[1], n.path[2]);
    int guest_out = agent_stream(&w, "c1", 1);
    int guest_err = agent_stream(&w, "c1", 2);
    start(&w);
    int err = open_end(n.path[2], O_RDONLY);
    size_t sum = 0;
    for (int i = 0; i < 20; i++) { /* until nothing more goes in */
        sum += fill(guest_out);
        world_settle(&w);
    }
    ck_assert_uint_lt(sum, 1u << 20); /* two pipes and a buffer, no more */
    ck_assert_uint_eq(fill(guest_out), 0);
    say(guest_err, "still here");
    expect(&w, err, "still here");
    /* The process ends: its exit is told although its output is stuck, and the output stays. */
    (void)close(guest_out);
    (void)close(guest_err);
    world_wait_begin(&w, "c1", NULL, &wait);
    agent_exit(&w, "c1", 5);
    world_settle(&w);
    ck_assert(!wait.done);
    world_until(&w, &wait.done);
    ck_assert_uint_eq(wait_status(&wait), 5);
    int out = open_end(n.path[1], O_RDONLY);
    size_t got = 0;
    static char block[65536];
    while (got < sum) {
        ssize_t r = read(out, block, sizeof(block));
        got += r > 0 ? (size_t)r : 0;
        ck_assert_msg(r != 0, "end after %zu of %zu bytes", got, sum);
        world_pass(&w, 1);
    }
    ck_assert(at_end(&w, out));
    (void)close(out);
    (void)close(err);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

START_TEST(test_one_file_for_both_outputs)
{
    struct world w;
    struct names n;
    char uri[160];
    char got[64] = {0};
    char path[120];
    world_up(&w);
    fifos(&w, &n);
    (void)snprintf(path, sizeof(path), "%s/log", w.dir);
    (void)snprintf(uri, sizeof(uri), "file://%s", path);
    ck_assert_int_eq(cl_write_file(path, "old;", 4, 0600, NULL), CL_OK);
    if (_i == 0) { /* as a FIFO */
        up_with(&w, NULL, n.path[1], n.path[1]);
    } else { /* as a file, one of them by its plain name */
        up_with(&w, NULL, uri, _i == 1 ? uri : path);
    }
    int out = _i == 0 ? open_end(n.path[1], O_RDONLY) : -1;
    int guest_out = agent_stream(&w, "c1", 1);
    int guest_err = agent_stream(&w, "c1", 2);
    start(&w);
    say(guest_out, "one;");
    world_settle(&w);
    say(guest_err, "two;");
    world_settle(&w);
    (void)close(guest_out);
    world_settle(&w);
    say(guest_err, "three;");
    (void)close(guest_err);
    if (_i == 0) {
        expect(&w, out, "one;two;three;");
        ck_assert(at_end(&w, out));
        (void)close(out);
    } else {
        world_settle(&w);
        out = open_end(path, O_RDONLY);
        ck_assert_int_gt(read(out, got, sizeof(got) - 1), 0);
        ck_assert_str_eq(got, "old;one;two;three;");
        (void)close(out);
    }
    world_down(&w);
}
END_TEST

/* --- input
 * ---------------------------------------------------------------------------------------------------------
 */

static void close_io(struct world *w)
{
    struct answer a = {0};
    Containerd__Task__V2__CloseIORequest r;
    containerd__task__v2__close_iorequest__init(&r);
    r.id = (char[]){"c1"};
    r.stdin = 1;
    world_call(w, "CloseIO", &r.base, &a);
    ck_assert_int_eq(a.code, 0);
    answer_done(&a);
}

START_TEST(test_input_ends_with_close_io_and_not_before)
{
    struct world w;
    struct names n;
    world_up(&w);
    fifos(&w, &n);
    up_with(&w, n.path[0], NULL, NULL);
    int guest = agent_stream(&w, "c1", 0);
    start(&w);
    ck_assert(waits(&w, guest)); /* no writer yet: that is no end */
    int in = open_end(n.path[0], O_WRONLY);
    say(in, "first");
    expect(&w, guest, "first");
    ck_assert(waits(&w, guest));
    say(in, "second");
    if (_i == 0) { /* the order of ctr: CloseIO, then the last of the writer */
        close_io(&w);
        say(in, ", third");
        (void)close(in);
    } else {
        say(in, ", third");
        (void)close(in);
        close_io(&w);
    }
    expect(&w, guest, "second, third");
    ck_assert(at_end(&w, guest));
    close_io(&w); /* again */
    (void)close(guest);
    world_down(&w);
}
END_TEST

/* --- what the guest may open
 * -------------------------------------------------------------------------------------------- */

static bool refused(struct world *w, const char *process, unsigned stream)
{
    int fd = agent_stream(w, process, stream);
    bool ended = at_end(w, fd);
    (void)close(fd);
    return ended;
}

START_TEST(test_streams_are_opened_once_and_by_their_process)
{
    struct world w;
    struct names n;
    world_up(&w);
    fifos(&w, &n);
    up_with(&w, NULL, n.path[1], NULL);
    ck_assert(refused(&w, "c1", 0));
    ck_assert(refused(&w, "c1", 2));
    ck_assert(refused(&w, "c2", 1));
    ck_assert(refused(&w, "c1/e1", 1));
    int guest = agent_stream(&w, "c1", 1);
    ck_assert(waits(&w, guest));
    ck_assert(refused(&w, "c1", 1));
    (void)close(guest);
    ck_assert(refused(&w, "c1", 1));
    world_down(&w);
}
END_TEST

START_TEST(test_a_process_that_ended_opens_nothing)
{
    struct world w;
    struct names n;
    struct answer wait = {0};
    world_up(&w);
    fifos(&w, &n);
    up_with(&w, NULL, n.path[1], NULL);
    int out = open_end(n.path[1], O_RDONLY);
    start(&w);
    world_wait_begin(&w, "c1", NULL, &wait);
    agent_exit(&w, "c1", 0);
    world_until(&w, &wait.done);
    ck_assert(at_end(&w, out)); /* although the guest never opened it */
    ck_assert(refused(&w, "c1", 1));
    (void)close(out);
    answer_done(&wait);
    world_down(&w);
}
END_TEST

/* --- input that ends with its writer
 * --------------------------------------------------------------------------------------------------------
 */

/* Of a container of its own; in a pod of containerd's CRI only CloseIO ends it. */
START_TEST(test_input_ends_with_its_writer)
{
    char dir[] = "/tmp/shim-in-XXXXXX";
    char path[64];
    char byte = 0;
    struct cl_err err = {0};
    struct shim_streams *io = NULL;
    int fd = -1;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/in", dir);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    const struct shim_streams_config cfg = {.path = {path, NULL, NULL},
                                            .hang_up_ends = _i == 1,
                                            .container_id = "c1",
                                            .name_space = "default"};
    ck_assert_msg(shim_streams_open(&cfg, &io, &err) == CL_OK, "%s", err.msg);
    ck_assert(shim_streams_take(io, 0, &fd));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 0), 0); /* nobody has come: not the end */
    int writer = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(write(writer, "x", 1), 1);
    (void)close(writer); /* and no CloseIO */
    ck_assert_int_eq(poll(&p, 1, 0), 1);
    ck_assert_int_eq(read(fd, &byte, 1), 1);
    ck_assert_int_eq(poll(&p, 1, 0), _i);
    shim_streams_close_stdin(io);
    ck_assert_int_eq(poll(&p, 1, 0), 1);
    ck_assert_int_eq(read(fd, &byte, 1), 0);
    (void)close(fd);
    shim_streams_free(io);
    (void)unlink(path);
    (void)rmdir(dir);
}
END_TEST

/* --- schemes
 * --------------------------------------------------------------------------------------------------------
 */

static enum cl_status try_open(const char *in, const char *out, struct cl_err *err)
{
    struct shim_streams *io = NULL;
    struct event_base *base = event_base_new();
    const struct shim_streams_config cfg = {
        .base = base, .path = {in, out, NULL}, .container_id = "c1", .name_space = "k8s.io"};
    enum cl_status st = shim_streams_open(&cfg, &io, err);
    shim_streams_free(io);
    event_base_free(base);
    return st;
}

START_TEST(test_what_is_no_stream_is_refused)
{
    struct cl_err err = {0};
    ck_assert_int_eq(try_open("", "", &err), CL_OK);
    ck_assert_int_eq(try_open("/dev/zero", NULL, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(try_open(NULL, "/dev/full", &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(try_open(NULL, "/tmp", &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(try_open(NULL, "file:///tmp", &err), CL_ERR_SYS);
    ck_assert_int_eq(try_open(NULL, "relative", &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(try_open(NULL, "/nonexistent/fifo", &err), CL_ERR_SYS);
    ck_assert_int_eq(try_open(NULL, "binary-v2:///bin/true", &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(try_open(NULL, "ttrpc+unix:///run/x?streaming_id=1", &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(try_open("http://host/", NULL, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(
        err.msg, "stdio 'http://host/': expected a FIFO or a file, got no absolute path of one");
}
END_TEST

START_TEST(test_loggers)
{
    struct world w;
    struct cl_err err = {0};
    char script[120];
    char uri[400];
    char got[256] = {0};
    char path[120];
    static const char text[] = "#!/bin/sh\n"
                               "exec 5>&-\n" /* ready */
                               "{ echo \"$CONTAINER_ID $CONTAINER_NAMESPACE $2 $3\"; cat <&3; "
                               "cat <&4; } > \"$1\"\n"
                               "mv \"$1\" \"$1.done\"\n";
    world_up(&w);
    (void)snprintf(script, sizeof(script), "%s/logger", w.dir);
    (void)snprintf(path, sizeof(path), "%s/out.done", w.dir);
    ck_assert_int_eq(cl_write_file(script, text, strlen(text), 0700, NULL), CL_OK);
    (void)snprintf(uri, sizeof(uri), "binary://%s?%s/out=a%%20b&c", script, w.dir);
    up_with(&w, NULL, uri, uri);
    int guest_out = agent_stream(&w, "c1", 1);
    int guest_err = agent_stream(&w, "c1", 2);
    start(&w);
    say(guest_out, "to 3\n");
    say(guest_err, "to 4\n");
    (void)close(guest_out);
    (void)close(guest_err);
    for (int i = 0; i < 2000 && access(path, F_OK) != 0; i++) {
        world_pass(&w, 5);
    }
    int fd = open_end(path, O_RDONLY);
    ck_assert_int_gt(read(fd, got, sizeof(got) - 1), 0);
    ck_assert_str_eq(got, "c1 k8s.io a b c\nto 3\nto 4\n");
    (void)close(fd);
    ck_assert_int_eq(try_open(NULL, "binary:///nonexistent", &err), CL_ERR_SYS);
    ck_assert_int_eq(try_open(NULL, "binary://relative", &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(try_open(NULL, "binary:///bin/true?%4", &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(try_open(NULL, "binary:///bin/true?%00", &err), CL_ERR_MALFORMED);
    world_down(&w);
}
END_TEST

/* A container's, and then an exec's: the pod answers others meanwhile. */
START_TEST(test_a_logger_that_is_never_ready_holds_up_nobody_else)
{
    struct world w;
    struct answer slow = {0};
    struct answer a = {0};
    Containerd__Task__V2__ExecProcessRequest r;
    Google__Protobuf__Any any = {0};
    world_up(&w);
    if (_i == 0) {
        world_create_begin(&w, "c1", SINGLE, NULL, "binary:///bin/sleep?9", NULL, &slow);
    } else {
        up_with(&w, NULL, NULL, NULL);
        start(&w);
        containerd__task__v2__exec_process_request__init(&r);
        google__protobuf__any__init(&any);
        r.id = (char[]){"c1"};
        r.exec_id = (char[]){"e1"};
        r.stdout = (char[]){"binary:///bin/sleep?9"};
        any.value.data = (uint8_t[]){"{}"};
        any.value.len = 2;
        r.spec = &any;
        world_begin(&w, "Exec", &r.base, &slow);
    }
    uint64_t begun = cl_monotonic_us();
    world_settle(&w);
    ck_assert_int_ge(world_status(&w, "c1", NULL), 0); /* answered */
    ck_assert_uint_lt(cl_monotonic_us() - begun, 1000000);
    ck_assert(!slow.done);
    if (_i == 2) { /* the container goes first */
        agent_exit(&w, "c1", 0);
        world_settle(&w);
        ck_assert_int_eq(world_delete(&w, "c1", NULL, &a), 0);
        world_settle(&w);
        ck_assert(slow.done);
        ck_assert_str_eq(slow.message, "c1/e1: was deleted");
    }
    world_until(&w, &slow.done);
    ck_assert_int_ne(slow.code, 0);
    ck_assert_msg(_i == 2 ||
                      strstr(slow.message, "logger '/bin/sleep': not ready within 2000 ms") != NULL,
                  "%s", slow.message);
    ck_assert(_i != 1 || agent_heard(&w, "Delete c1/e1"));
    answer_done(&slow);
    answer_done(&a);
    world_down(&w);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("shim_streams");
    TCase *tc = tcase_create("streams");
    tcase_add_test(tc, test_output_reaches_the_fifos_and_ends);
    tcase_add_test(tc, test_output_waits_for_a_containerd_that_is_away);
    tcase_add_test(tc, test_a_stream_that_nobody_reads_stops_no_other);
    tcase_add_loop_test(tc, test_one_file_for_both_outputs, 0, 3);
    tcase_add_loop_test(tc, test_input_ends_with_close_io_and_not_before, 0, 2);
    tcase_add_test(tc, test_streams_are_opened_once_and_by_their_process);
    tcase_add_test(tc, test_a_process_that_ended_opens_nothing);
    tcase_add_loop_test(tc, test_input_ends_with_its_writer, 0, 2);
    tcase_add_test(tc, test_what_is_no_stream_is_refused);
    tcase_add_test(tc, test_loggers);
    tcase_add_loop_test(tc, test_a_logger_that_is_never_ready_holds_up_nobody_else, 0, 3);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
