/* SPDX-License-Identifier: Apache-2.0
 * test_host_serve.c - what the host serves to a guest: blobs of its image only, the streams that
 * are allowed, the relay; with back-pressure, half-close and hostile request lines.
 */
#include "host/serve.h"

#include "image/image.h"
#include "image_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define OCI_TAR "application/vnd.oci.image.layer.v1.tar"
#define BIG (UINT64_C(100) << 20)

/* --- a server that runs in a thread of its own, as cloister run does in its loop
 * -------------------- */

struct host {
    struct event_base *base;
    struct cl_image *image;
    struct host_server *server;
    int stdio[3]; /* -1: refused; each once */
    bool owned;   /* the server is given the descriptors */
    int agent_fd;
    unsigned output_ends;
    char ended[HOST_PROCESS_SIZE];
    int wake[2];
    struct event *wake_ev;
    pthread_t thread;
};

static void on_agent(void *ctx, int fd)
{
    struct host *h = ctx;
    ck_assert_int_eq(h->agent_fd, -1);
    h->agent_fd = fd;
}

static void on_output_end(void *ctx, const char *process, unsigned stream)
{
    struct host *h = ctx;
    ck_assert_uint_ge(stream, 1);
    (void)snprintf(h->ended, sizeof(h->ended), "%s", process);
    h->output_ends++;
}

#define SOME_DIGEST "sha256:1111111111111111111111111111111111111111111111111111111111111111"

static enum cl_status open_blob(void *ctx, const uint8_t digest[CL_SHA256_SIZE], int *ret_fd,
                                uint64_t *ret_size, struct cl_err *err)
{
    struct host *h = ctx;
    return cl_image_blob_open(h->image, digest, ret_fd, ret_size, err);
}

static bool open_stdio(void *ctx, const char *process, unsigned stream, int *ret_fd,
                       bool *ret_owned)
{
    struct host *h = ctx;
    if ((strcmp(process, "c1") != 0 && strcmp(process, "c1/e.1") != 0) || h->stdio[stream] < 0) {
        return false;
    }
    *ret_fd = h->stdio[stream];
    *ret_owned = h->owned;
    h->stdio[stream] = -1;
    return true;
}

struct take {
    int port, fd;
};

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
    struct host *h = ctx;
    struct take t;
    (void)what;
    ck_assert_int_eq(read((int)fd, &t, sizeof(t)), sizeof(t));
    if (t.fd < 0) {
        (void)event_base_loopbreak(h->base);
        return;
    }
    host_server_take(h->server, (enum host_port)t.port, t.fd);
}

static void *host_main(void *arg)
{
    struct host *h = arg;
    (void)event_base_dispatch(h->base);
    return NULL;
}

struct streams {
    int in, out, err;
    bool owned;
};

static const struct streams no_streams = {-1, -1, -1, false};

static void host_up(struct host *h, struct host_server_config *cfg, const struct streams *s)
{
    (void)signal(SIGPIPE, SIG_IGN);
    *h = (struct host){.agent_fd = -1, .stdio = {s->in, s->out, s->err}, .owned = s->owned};
    if (access("img", F_OK) != 0) {
        fixture_layout("img", OCI_TAR);
    }
    ck_assert_int_eq(cl_image_open("oci:img", NULL, &h->image, NULL), CL_OK);
    h->base = event_base_new();
    cfg->base = h->base;
    cfg->open_blob = open_blob;
    cfg->open_stdio = open_stdio;
    cfg->on_agent = on_agent;
    cfg->on_output_end = on_output_end;
    cfg->ctx = h;
    ck_assert_int_eq(host_server_new(cfg, &h->server, NULL), CL_OK);
    ck_assert_int_eq(pipe2(h->wake, O_CLOEXEC), 0);
    h->wake_ev = event_new(h->base, h->wake[0], EV_READ | EV_PERSIST, on_wake, h);
    ck_assert_int_eq(event_add(h->wake_ev, NULL), 0);
    ck_assert_int_eq(pthread_create(&h->thread, NULL, host_main, h), 0);
}

static void host_down(struct host *h)
{
    const struct take end = {0, -1};
    ck_assert_int_eq(write(h->wake[1], &end, sizeof(end)), sizeof(end));
    ck_assert_int_eq(pthread_join(h->thread, NULL), 0);
    host_server_free(h->server);
    event_free(h->wake_ev);
    event_base_free(h->base);
    cl_image_free(h->image);
    (void)close(h->wake[0]);
    (void)close(h->wake[1]);
}

/* The guest's end of a new connection. */
static int dial(struct host *h, int port)
{
    int pair[2];
    struct timeval tv = {.tv_sec = 20};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    (void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    const struct take t = {port, pair[1]};
    ck_assert_int_eq(write(h->wake[1], &t, sizeof(t)), sizeof(t));
    return pair[0];
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void expect_end(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);
    ck_assert_msg(n == 0 || (n < 0 && errno == ECONNRESET), "%zd %s", n, strerror(errno));
    (void)close(fd);
}

/* --- blobs
 * -------------------------------------------------------------------------------------------- */

static uint8_t ask_blob(struct host *h, const char *line, struct cl_buf *ret)
{
    uint8_t head[9];
    uint64_t size = 0;
    int fd = dial(h, HOST_PORT_BLOB);
    say(fd, line);
    ck_assert_int_eq(cl_read_all(fd, head, sizeof(head), "head", NULL), CL_OK);
    for (unsigned i = 0; i < 8; i++) {
        size = size << 8 | head[1 + i];
    }
    ck_assert_int_eq(cl_buf_read_fd(ret, fd, 1u << 20, NULL), CL_OK);
    ck_assert_uint_eq(ret->len, size);
    (void)close(fd);
    return head[0];
}

START_TEST(test_blobs_of_the_image_and_no_others)
{
    struct host h;
    struct host_server_config cfg = {0};
    host_up(&h, &cfg, &no_streams);
    const struct cl_oci_manifest *m = cl_image_manifest(h.image);
    const uint8_t *good[] = {cl_image_manifest_digest(h.image), m->config.digest,
                             m->layers[0].desc.digest, m->layers[2].desc.digest};
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
        char digest[CL_OCI_DIGEST_SIZE];
        char line[100];
        cl_oci_digest_format(digest, good[i]);
        (void)snprintf(line, sizeof(line), "CLBLOB1 %s\n", digest);
        ck_assert_uint_eq(ask_blob(&h, line, &b), 0);
        ck_assert_int_eq(cl_oci_verify(b.data, b.len, good[i], "blob", NULL), CL_OK);
    }
    static const struct {
        const char *line;
        unsigned status;
    } bad[] = {
        {"CLBLOB1 sha256:1111111111111111111111111111111111111111111111111111111111111111\n", 2},
        {"CLBLOB1 sha256:11\n", 3},
        {"CLBLOB1 signatures:" SOME_DIGEST "\n", 1}, /* nobody has any */
        {"CLBLOB1 simple-signature:" SOME_DIGEST "/1\n", 1},
        {"CLBLOB1 other:" SOME_DIGEST "\n", 3},
        {"CLBLOB1 ../../etc/passwd\n", 3},
        {"CLBLOB1 sha512:1111111111111111111111111111111111111111111111111111111111111111\n", 3},
        {"CLBLOB1\n", 3},
        {"\n", 3},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
        ck_assert_msg(ask_blob(&h, bad[i].line, &b) == bad[i].status, "%s", bad[i].line);
        ck_assert_uint_eq(b.len, 0);
    }
    host_down(&h);
}
END_TEST

START_TEST(test_a_blob_that_is_gone_is_absent)
{
    struct host h;
    struct host_server_config cfg = {0};
    char path[128], line[100], digest[CL_OCI_DIGEST_SIZE];
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    host_up(&h, &cfg, &no_streams);
    cl_oci_digest_format(digest, cl_image_manifest(h.image)->layers[1].desc.digest);
    (void)snprintf(path, sizeof(path), "img/blobs/sha256/%s", digest + 7);
    (void)snprintf(line, sizeof(line), "CLBLOB1 %s\n", digest);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_uint_eq(ask_blob(&h, line, &b), 1);
    host_down(&h);
}
END_TEST

/* --- request lines
 * ------------------------------------------------------------------------------------- */

START_TEST(test_hostile_request_lines_end_the_connection)
{
    struct host h;
    struct host_server_config cfg = {0};
    char longest[HOST_SERVE_LINE + 10];
    host_up(&h, &cfg, &no_streams);
    for (int port = HOST_PORT_BLOB; port <= HOST_PORT_STDIO; port++) {
        int fd = dial(&h, port);
        memset(longest, 'a', sizeof(longest));
        (void)send(fd, longest, sizeof(longest), MSG_NOSIGNAL);
        expect_end(fd);
        fd = dial(&h, port);
        (void)send(fd, "CL\0B\n", 5, MSG_NOSIGNAL);
        expect_end(fd);
        fd = dial(&h, port); /* closed before a line came */
        say(fd, "CLBLOB1 ");
        (void)shutdown(fd, SHUT_WR);
        expect_end(fd);
    }
    /* In pieces it is a line all the same. */
    int fd = dial(&h, HOST_PORT_BLOB);
    const char *line =
        "CLBLOB1 sha256:1111111111111111111111111111111111111111111111111111111111111111\n";
    for (const char *p = line; *p != '\0'; p++) {
        ck_assert_int_eq(send(fd, p, 1, MSG_NOSIGNAL), 1);
    }
    uint8_t head[9];
    ck_assert_int_eq(cl_read_all(fd, head, sizeof(head), "head", NULL), CL_OK);
    ck_assert_uint_eq(head[0], 2);
    expect_end(fd);
    host_down(&h);
}
END_TEST

START_TEST(test_connections_are_bounded)
{
    struct host h;
    struct host_server_config cfg = {0};
    int fd[HOST_SERVE_MAX + 1];
    char byte;
    struct rlimit files;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    host_up(&h, &cfg, &no_streams);
    for (size_t i = 0; i < CL_ARRAY_LEN(fd); i++) {
        fd[i] = dial(&h, HOST_PORT_BLOB);
    }
    ck_assert_int_eq(recv(fd[HOST_SERVE_MAX], &byte, 1, 0), 0);
    ck_assert_int_eq(recv(fd[0], &byte, 1, MSG_DONTWAIT), -1);
    for (size_t i = 0; i < CL_ARRAY_LEN(fd); i++) {
        (void)close(fd[i]);
    }
    host_down(&h);
}
END_TEST

START_TEST(test_one_agent_connection)
{
    struct host h;
    struct host_server_config cfg = {0};
    host_up(&h, &cfg, &no_streams);
    int first = dial(&h, HOST_PORT_AGENT);
    int second = dial(&h, HOST_PORT_AGENT);
    expect_end(second);
    host_down(&h);
    ck_assert_int_ge(h.agent_fd, 0);
    say(h.agent_fd, "x");
    (void)close(h.agent_fd);
    (void)close(first);
}
END_TEST

/* --- stdio
 * ------------------------------------------------------------------------------------------------
 */

START_TEST(test_streams_that_are_refused)
{
    struct host h;
    int out[2];
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    const struct streams streams = {-1, out[1], -1, false};
    struct host_server_config cfg = {0};
    static const char *const bad[] = {"CLSTDIO1 c1 0\n", "CLSTDIO1 c1 2\n",  "CLSTDIO1 c1 3\n",
                                      "CLSTDIO1 c2 1\n", "CLSTDIO1 c1 1 \n", "CLSTDIO1 c1 01\n",
                                      "CLSTDIO2 c1 1\n", "CLSTDIO1  1\n"};
    host_up(&h, &cfg, &streams);
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        int fd = dial(&h, HOST_PORT_STDIO);
        say(fd, bad[i]);
        expect_end(fd);
    }
    int fd = dial(&h, HOST_PORT_STDIO);
    int again = dial(&h, HOST_PORT_STDIO);
    say(fd, "CLSTDIO1 c1 1\nhello");
    char got[5];
    ck_assert_int_eq(cl_read_all(out[0], got, 5, "out", NULL), CL_OK);
    ck_assert_mem_eq(got, "hello", 5);
    say(again, "CLSTDIO1 c1 1\n"); /* each stream once */
    expect_end(again);
    (void)shutdown(fd, SHUT_WR);
    expect_end(fd); /* the host closes when everything is written */
    host_down(&h);
    ck_assert_uint_eq(h.output_ends, 1);
    (void)close(out[0]);
    (void)close(out[1]);
}
END_TEST

static uint8_t pattern(uint64_t i)
{
    return (uint8_t)(i * UINT64_C(2654435761) >> 13);
}

struct feed {
    int fd;
    uint64_t size;
    bool stop; /* shutdown instead of close */
};

static void *feed_main(void *arg)
{
    const struct feed *f = arg;
    uint8_t buf[10007];
    for (uint64_t done = 0; done < f->size;) {
        size_t n = f->size - done < sizeof(buf) ? (size_t)(f->size - done) : sizeof(buf);
        for (size_t i = 0; i < n; i++) {
            buf[i] = pattern(done + i);
        }
        ck_assert_int_eq(cl_write_all(f->fd, buf, n, "feed", NULL), CL_OK);
        done += n;
    }
    if (f->stop) {
        (void)shutdown(f->fd, SHUT_WR);
    } else {
        (void)close(f->fd);
    }
    return NULL;
}

static void drain(int fd, uint64_t size)
{
    uint8_t buf[65536];
    uint64_t done = 0;
    for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0; done += (uint64_t)n) {
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] != pattern(done + (uint64_t)i)) {
                ck_abort_msg("byte %llu is wrong", (unsigned long long)(done + (uint64_t)i));
            }
        }
    }
    ck_assert_uint_eq(done, size);
}

START_TEST(test_100_megabytes_each_way_with_half_close)
{
    struct host h;
    int in[2], out[2];
    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    const struct streams streams = {in[0], out[1], -1, false};
    struct host_server_config cfg = {0};
    host_up(&h, &cfg, &streams);
    int guest_in = dial(&h, HOST_PORT_STDIO);
    int guest_out = dial(&h, HOST_PORT_STDIO);
    say(guest_in, "CLSTDIO1 c1 0\n");
    say(guest_out, "CLSTDIO1 c1 1\n");
    pthread_t person, container;
    struct feed to_stdin = {.fd = in[1], .size = BIG};
    struct feed to_stdout = {.fd = guest_out, .size = BIG, .stop = true};
    ck_assert_int_eq(pthread_create(&person, NULL, feed_main, &to_stdin), 0);
    ck_assert_int_eq(pthread_create(&container, NULL, feed_main, &to_stdout), 0);
    drain(guest_in, BIG); /* ends: the end of stdin was passed on */
    uint8_t buf[65536];
    uint64_t done = 0;
    while (done < BIG) {
        ssize_t n = read(out[0], buf, sizeof(buf));
        ck_assert_int_gt(n, 0);
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] != pattern(done + (uint64_t)i)) {
                ck_abort_msg("byte %llu is wrong", (unsigned long long)(done + (uint64_t)i));
            }
        }
        done += (uint64_t)n;
    }
    expect_end(guest_out);
    ck_assert_int_eq(pthread_join(person, NULL), 0);
    ck_assert_int_eq(pthread_join(container, NULL), 0);
    /* Neither of the person's descriptors was made non-blocking. */
    ck_assert_int_eq(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(fcntl(out[1], F_GETFL) & O_NONBLOCK, 0);
    host_down(&h);
    (void)close(guest_in);
    (void)close(in[0]);
    (void)close(out[0]);
    (void)close(out[1]);
}
END_TEST

START_TEST(test_a_slow_reader_holds_back_the_writer)
{
    struct host h;
    int out[2];
    size_t sent = 0;
    static uint8_t zeros[65536];
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    const struct streams streams = {-1, out[1], -1, false};
    struct host_server_config cfg = {0};
    host_up(&h, &cfg, &streams);
    int fd = dial(&h, HOST_PORT_STDIO);
    say(fd, "CLSTDIO1 c1 1\n");
    for (int idle = 0; idle < 20;) { /* until nothing has gone through for 200 ms */
        ssize_t n = send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
        if (n < 0) {
            (void)usleep(10000);
        }
    }
    ck_assert_uint_lt(sent, 2u << 20); /* pipe, socket and one buffer; not a byte more */
    host_down(&h);
    ck_assert_uint_eq(h.output_ends, 0);
    (void)close(fd);
    (void)close(out[0]);
    (void)close(out[1]);
}
END_TEST

START_TEST(test_stdin_from_a_file)
{
    struct host h;
    fixture_write("input", "from a file", 11);
    int in = open("input", O_RDONLY | O_CLOEXEC);
    const struct streams streams = {in, -1, -1, false};
    struct host_server_config cfg = {0};
    host_up(&h, &cfg, &streams);
    int fd = dial(&h, HOST_PORT_STDIO);
    say(fd, "CLSTDIO1 c1 0\n");
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    ck_assert_int_eq(cl_buf_read_fd(&b, fd, 100, NULL), CL_OK);
    ck_assert_str_eq((char *)b.data, "from a file");
    host_down(&h);
    (void)close(fd);
    (void)close(in);
}
END_TEST

START_TEST(test_output_whose_reader_is_gone)
{
    struct host h;
    int out[2];
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    const struct streams streams = {-1, out[1], -1, false};
    struct host_server_config cfg = {0};
    host_up(&h, &cfg, &streams);
    int fd = dial(&h, HOST_PORT_STDIO);
    (void)close(out[0]);
    say(fd, "CLSTDIO1 c1 1\nhello");
    expect_end(fd); /* the container learns it as a broken connection */
    host_down(&h);
    (void)close(out[1]);
}
END_TEST

START_TEST(test_stdio_requests)
{
    char longest[400];
    char id[HOST_ID_MAX + 2];
    char process[HOST_PROCESS_SIZE];
    unsigned stream = 9;
    static const struct {
        const char *line, *process;
        unsigned stream;
    } good[] = {{"CLSTDIO1 c 0", "c", 0},
                {"CLSTDIO1 A-Z_a.z09/x 2", "A-Z_a.z09/x", 2},
                {"CLSTDIO1 ../.. 1", "../..", 1}};
    static const char *const bad[] = {"",
                                      "CLSTDIO1",
                                      "CLSTDIO1 ",
                                      "CLSTDIO1  0",
                                      "CLSTDIO1 c",
                                      "CLSTDIO1 c ",
                                      "CLSTDIO1 c 3",
                                      "CLSTDIO1 c 00",
                                      "CLSTDIO1 c 0 ",
                                      "CLSTDIO1 c/ 0",
                                      "CLSTDIO1 /e 0",
                                      "CLSTDIO1 c/e/f 0",
                                      "CLSTDIO1 c\x80 0",
                                      "CLSTDIO1 c,d 0",
                                      "CLSTDIO1 c  0",
                                      "CLSTDIO1 c//e 0",
                                      "clstdio1 c 0"};
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        ck_assert_int_eq(host_stdio_request_parse(good[i].line, process, &stream, NULL), CL_OK);
        ck_assert_str_eq(process, good[i].process);
        ck_assert_uint_eq(stream, good[i].stream);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(bad); i++) {
        ck_assert_msg(host_stdio_request_parse(bad[i], process, &stream, NULL) == CL_ERR_MALFORMED,
                      "%s", bad[i]);
    }
    for (size_t n = HOST_ID_MAX; n <= HOST_ID_MAX + 1; n++) {
        enum cl_status want = n == HOST_ID_MAX ? CL_OK : CL_ERR_MALFORMED;
        memset(id, 'i', n);
        id[n] = '\0';
        (void)snprintf(longest, sizeof(longest), "CLSTDIO1 %s/%.*s 1", id, (int)HOST_ID_MAX, id);
        ck_assert_int_eq(host_stdio_request_parse(longest, process, &stream, NULL), want);
        (void)snprintf(longest, sizeof(longest), "CLSTDIO1 %.*s/%s 1", (int)HOST_ID_MAX, id, id);
        ck_assert_int_eq(host_stdio_request_parse(longest, process, &stream, NULL), want);
    }
}
END_TEST

/* What `host_down` has to wait for happens in the loop's thread. */
static bool is_closed(int fd)
{
    for (int i = 0; i < 1000 && fcntl(fd, F_GETFD) >= 0; i++) {
        (void)usleep(10000);
    }
    return fcntl(fd, F_GETFD) < 0;
}

START_TEST(test_an_exec_whose_streams_the_server_owns)
{
    struct host h;
    int in[2], out[2];
    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    const struct streams streams = {in[0], out[1], -1, true};
    struct host_server_config cfg = {0};
    host_up(&h, &cfg, &streams);
    int guest_in = dial(&h, HOST_PORT_STDIO);
    int guest_out = dial(&h, HOST_PORT_STDIO);
    say(guest_in, "CLSTDIO1 c1/e.1 0\n");
    say(guest_out, "CLSTDIO1 c1/e.1 1\nhello");
    char got[5];
    ck_assert_int_eq(cl_read_all(out[0], got, 5, "out", NULL), CL_OK);
    ck_assert_int_eq(write(in[1], "input", 5), 5);
    ck_assert_int_eq(cl_read_all(guest_in, got, 5, "in", NULL), CL_OK);
    ck_assert_mem_eq(got, "input", 5);
    (void)close(guest_out);
    ck_assert_int_eq(read(out[0], got, 1), 0); /* closed behind the last byte */
    ck_assert(is_closed(out[1]));
    /* The process has gone while its input is still open on our side. */
    (void)close(guest_in);
    ck_assert(is_closed(in[0]));
    host_down(&h);
    ck_assert_uint_eq(h.output_ends, 1);
    ck_assert_str_eq(h.ended, "c1/e.1");
    (void)close(in[1]);
    (void)close(out[0]);
}
END_TEST

START_TEST(test_input_that_ends_before_the_guest_closes)
{
    struct host h;
    int in[2];
    char byte;
    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    const struct streams streams = {in[0], -1, -1, true};
    struct host_server_config cfg = {0};
    host_up(&h, &cfg, &streams);
    int fd = dial(&h, HOST_PORT_STDIO);
    say(fd, "CLSTDIO1 c1 0\n");
    (void)close(in[1]);
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
    ck_assert(is_closed(in[0]));
    say(fd, "x"); /* which the guest may not: the connection goes */
    struct timeval tv = {.tv_sec = 20};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    for (int i = 0; i < 1000 && send(fd, "x", 1, MSG_NOSIGNAL) == 1; i++) {
        (void)usleep(10000);
    }
    ck_assert_int_eq(send(fd, "x", 1, MSG_NOSIGNAL), -1);
    host_down(&h);
    (void)close(fd);
}
END_TEST

/* --- relay
 * -------------------------------------------------------------------------------------------------
 */

static void read_line(int fd, char *ret, size_t size)
{
    size_t n = 0;
    while (n + 1 < size && recv(fd, ret + n, 1, 0) == 1 && ret[n] != '\n') {
        n++;
    }
    ret[n] = '\0';
}

static int tcp_listen(uint16_t *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

START_TEST(test_relay_copies_both_ways_with_half_close)
{
    struct host h;
    struct host_server_config cfg = {0};
    uint16_t port = 0;
    char line[200];
    int listener = tcp_listen(&port);
    (void)snprintf(cfg.allow.named[0].host, 32, "127.0.0.1");
    cfg.allow.named[0].port = port;
    cfg.allow.count = 1;
    cfg.allow.has_initdata = true;
    cfg.allow.initdata = cfg.allow.named[0];
    host_up(&h, &cfg, &no_streams);
    int fd = dial(&h, HOST_PORT_RELAY);
    (void)snprintf(line, sizeof(line), "CLRELAY1 127.0.0.1 %u\n", port);
    say(fd, line);
    read_line(fd, line, sizeof(line));
    ck_assert_str_eq(line, "OK");
    int broker = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    say(fd, "question");
    (void)shutdown(fd, SHUT_WR);
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    ck_assert_int_eq(cl_buf_read_fd(&b, broker, 100, NULL), CL_OK); /* to the end: half-closed */
    ck_assert_str_eq((char *)b.data, "question");
    say(broker, "answer");
    (void)close(broker);
    cl_buf_reset(&b);
    ck_assert_int_eq(cl_buf_read_fd(&b, fd, 100, NULL), CL_OK);
    ck_assert_str_eq((char *)b.data, "answer");
    (void)close(fd);
    (void)close(listener);
    host_down(&h);
    ck_assert_uint_eq(h.output_ends, 0);
}
END_TEST

START_TEST(test_relay_refuses)
{
    struct host h;
    struct host_server_config cfg = {0};
    uint16_t port = 0;
    char named[100], line[300], request[200];
    (void)close(tcp_listen(&port)); /* nobody listens there now */
    (void)snprintf(named, sizeof(named), "127.0.0.1");
    memcpy(cfg.allow.named[0].host, named, strlen(named) + 1);
    cfg.allow.named[0].port = port;
    memcpy(cfg.allow.named[1].host, "other", 6);
    cfg.allow.named[1].port = 1;
    cfg.allow.count = 2;
    cfg.allow.has_initdata = true;
    cfg.allow.initdata = cfg.allow.named[0];
    host_up(&h, &cfg, &no_streams);
    (void)snprintf(request, sizeof(request), "CLRELAY1 127.0.0.1 %u\n", port);
    const struct {
        const char *request, *answer;
    } t[] = {
        {request, "Connection refused"},
        {"CLRELAY1 127.0.0.1 22\n", "expected a broker that the operator named"},
        {"CLRELAY1 169.254.169.254 80\n", "expected a broker that the operator named"},
        {"CLRELAY1 other 1\n", "expected the broker that initdata names, got another"},
        {"CLRELAY1 x\n", "expected 'CLRELAY1 host port'"},
        {"GET / HTTP/1.1\n", "expected 'CLRELAY1 host port'"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        int fd = dial(&h, HOST_PORT_RELAY);
        say(fd, t[i].request);
        read_line(fd, line, sizeof(line));
        ck_assert_msg(strncmp(line, "NO relay", 8) == 0 && strstr(line, t[i].answer) != NULL, "%s",
                      line);
        expect_end(fd);
    }
    host_down(&h);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("host_serve");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_checked_fixture(t, fixture_up, fixture_down);
    tcase_add_test(t, test_blobs_of_the_image_and_no_others);
    tcase_add_test(t, test_a_blob_that_is_gone_is_absent);
    tcase_add_test(t, test_hostile_request_lines_end_the_connection);
    tcase_add_test(t, test_connections_are_bounded);
    tcase_add_test(t, test_one_agent_connection);
    tcase_add_test(t, test_streams_that_are_refused);
    tcase_add_test(t, test_100_megabytes_each_way_with_half_close);
    tcase_add_test(t, test_a_slow_reader_holds_back_the_writer);
    tcase_add_test(t, test_stdin_from_a_file);
    tcase_add_test(t, test_output_whose_reader_is_gone);
    tcase_add_test(t, test_stdio_requests);
    tcase_add_test(t, test_an_exec_whose_streams_the_server_owns);
    tcase_add_test(t, test_input_that_ends_before_the_guest_closes);
    tcase_add_test(t, test_relay_copies_both_ways_with_half_close);
    tcase_add_test(t, test_relay_refuses);
    suite_add_tcase(s, t);
    return run_suite(s);
}
