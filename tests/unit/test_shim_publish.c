/* SPDX-License-Identifier: Apache-2.0
 * test_shim_publish.c - events as a containerd gets them: in order, whatever becomes of it
 * meanwhile (containerd-shim.md 3.3).
 */
#include "check_main.h"

#include "base/io.h"
#include "events.pb-c.h"
#include "pb.h"
#include "publish.h"
#include "rpc.h"
#include "shim_rig.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SEEN 2100

/* A containerd that takes events. */
struct world {
    struct event_base *base;
    struct shim_publisher *p;
    char path[64];
    int listener;
    struct event *acceptable;
    struct shim_rpc *rpc;
    char seen[MAX_SEEN][96]; /* "topic type id" */
    size_t count;
    ProtobufCMessage *last; /* the event itself */
    int refuse;             /* answers so many with an error */
    int drop;               /* closes the connection so many times instead of an answer */
    bool flushed;
};

static const struct {
    const char *type;
    const ProtobufCMessageDescriptor *d;
} types[] = {
    {"containerd.events.TaskCreate", &containerd__events__task_create__descriptor},
    {"containerd.events.TaskStart", &containerd__events__task_start__descriptor},
    {"containerd.events.TaskExit", &containerd__events__task_exit__descriptor},
    {"containerd.events.TaskDelete", &containerd__events__task_delete__descriptor},
    {"containerd.events.TaskExecAdded", &containerd__events__task_exec_added__descriptor},
    {"containerd.events.TaskExecStarted", &containerd__events__task_exec_started__descriptor},
    {"containerd.events.TaskOOM", &containerd__events__task_oom__descriptor},
    {"containerd.events.TaskPaused", &containerd__events__task_paused__descriptor},
    {"containerd.events.TaskResumed", &containerd__events__task_resumed__descriptor},
};

static void take_event(struct world *w, const Containerd__Events__Envelope *e)
{
    ck_assert_str_eq(e->namespace_, "k8s.io");
    ck_assert_ptr_nonnull(e->timestamp);
    ck_assert_int_gt(e->timestamp->seconds, 1700000000);
    for (size_t i = 0; i < CL_ARRAY_LEN(types); i++) {
        if (strcmp(types[i].type, e->event->type_url) == 0) {
            if (w->last != NULL) {
                protobuf_c_message_free_unpacked(w->last, NULL);
            }
            w->last = shim_pb_unpack(types[i].d, e->event->value.data, e->event->value.len);
        }
    }
    ck_assert_ptr_nonnull(w->last);
    ck_assert_uint_lt(w->count, MAX_SEEN);
    /* Each of them begins with its container's id. */
    const Containerd__Events__TaskOOM *first = (const Containerd__Events__TaskOOM *)w->last;
    (void)snprintf(w->seen[w->count++], sizeof(w->seen[0]), "%s %s %s", e->topic,
                   e->event->type_url + strlen("containerd.events."), first->container_id);
}

static void on_request(void *ctx, struct shim_rpc_call *call, const char *service,
                       const char *method, const void *payload, size_t len)
{
    struct world *w = ctx;
    ck_assert_str_eq(service, "containerd.services.events.ttrpc.v1.Events");
    ck_assert_str_eq(method, "Forward");
    if (w->drop > 0) {
        w->drop--;
        shim_rpc_free(w->rpc);
        w->rpc = NULL;
        shim_rpc_answer(call, SHIM_CODE_OK, NULL, NULL, 0);
        return;
    }
    if (w->refuse > 0) {
        w->refuse--;
        shim_rpc_answer(call, SHIM_CODE_INVALID, "not now", NULL, 0);
        return;
    }
    ProtobufCMessage *m =
        shim_pb_unpack(&containerd__events__forward_request__descriptor, payload, len);
    ck_assert_ptr_nonnull(m);
    take_event(w, ((const Containerd__Events__ForwardRequest *)m)->envelope);
    protobuf_c_message_free_unpacked(m, NULL);
    shim_rpc_answer(call, SHIM_CODE_OK, NULL, NULL, 0);
}

static void on_closed(void *ctx, struct shim_rpc *rpc, const struct cl_err *why)
{
    (void)why;
    struct world *w = ctx;
    shim_rpc_free(rpc);
    w->rpc = NULL;
}

static void on_acceptable(evutil_socket_t listener, short what, void *ctx)
{
    (void)what;
    struct world *w = ctx;
    struct shim_rpc_callbacks cb = {.request = on_request, .closed = on_closed, .ctx = w};
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    shim_rpc_free(w->rpc);
    ck_assert_int_eq(shim_rpc_new(w->base, fd, &cb, &w->rpc, NULL), CL_OK);
}

static void containerd_up(struct world *w)
{
    ck_assert_int_eq(cl_unix_listen(w->path, &w->listener, NULL), CL_OK);
    w->acceptable = event_new(w->base, w->listener, EV_READ | EV_PERSIST, on_acceptable, w);
    ck_assert_ptr_nonnull(w->acceptable);
    ck_assert_int_eq(event_add(w->acceptable, NULL), 0);
}

static void containerd_down(struct world *w)
{
    shim_rpc_free(w->rpc);
    w->rpc = NULL;
    event_free(w->acceptable);
    w->acceptable = NULL;
    (void)close(w->listener);
    (void)unlink(w->path);
}

static void publisher(struct world *w, const char *ttrpc, const char *binary)
{
    struct shim_publisher_config c = {.name_space = "k8s.io",
                                      .ttrpc_address = ttrpc,
                                      .grpc_address = "/run/c.sock",
                                      .publish_binary = binary};
    ck_assert_int_eq(shim_publisher_new(w->base, &c, &w->p, NULL), CL_OK);
}

static struct world *setup(void)
{
    struct world *w = calloc(1, sizeof(*w));
    ck_assert_ptr_nonnull(w);
    w->base = event_base_new();
    ck_assert_ptr_nonnull(w->base);
    (void)snprintf(w->path, sizeof(w->path), "/tmp/shim-events-%d", (int)getpid());
    return w;
}

static void teardown(struct world *w)
{
    shim_publisher_free(w->p);
    if (w->acceptable != NULL) {
        containerd_down(w);
    }
    if (w->last != NULL) {
        protobuf_c_message_free_unpacked(w->last, NULL);
    }
    event_base_free(w->base);
    free(w);
}

static void on_flushed(void *ctx)
{
    struct world *w = ctx;
    ck_assert(!w->flushed);
    w->flushed = true;
}

static void flush(struct world *w, int timeout_ms)
{
    w->flushed = false;
    shim_publisher_flush(w->p, timeout_ms, on_flushed, w);
    ck_assert(!w->flushed); /* only from the loop */
    ck_assert(rig_until(w->base, &w->flushed));
}

static const struct timespec when = {.tv_sec = 1700000001, .tv_nsec = 9};

START_TEST(test_each_event_has_its_topic_and_its_fields)
{
    struct world *w = setup();
    containerd_up(w);
    publisher(w, w->path, "/nowhere");
    const char *const options[] = {"lowerdir=/a", "ro"};
    struct shim_event_mount mount = {"overlay", "o", NULL, options, 2};
    struct shim_event_create create = {.container_id = "c",
                                       .bundle = "/b",
                                       .rootfs = &mount,
                                       .rootfs_count = 1,
                                       .stdout_path = "/out",
                                       .terminal = true,
                                       .pid = 7};
    shim_publish_create(w->p, &create);
    flush(w, 5000);
    const Containerd__Events__TaskCreate *c = (const Containerd__Events__TaskCreate *)w->last;
    ck_assert_str_eq(c->bundle, "/b");
    ck_assert_uint_eq(c->pid, 7);
    ck_assert_uint_eq(c->n_rootfs, 1);
    ck_assert_str_eq(c->rootfs[0]->options[1], "ro");
    ck_assert_str_eq(c->io->stdout, "/out");
    ck_assert_str_eq(c->io->stdin, "");
    ck_assert(c->io->terminal);
    shim_publish_exit(w->p, "c", NULL, 7, 137, when);
    flush(w, 5000);
    const Containerd__Events__TaskExit *x = (const Containerd__Events__TaskExit *)w->last;
    ck_assert_str_eq(x->id, "c"); /* the container's own process is called as it is */
    ck_assert_uint_eq(x->exit_status, 137);
    ck_assert_int_eq(x->exited_at->seconds, when.tv_sec);
    ck_assert_int_eq(x->exited_at->nanos, when.tv_nsec);
    shim_publish_delete(w->p, "c", "e", 7, 0, when);
    flush(w, 5000);
    ck_assert_str_eq(((const Containerd__Events__TaskDelete *)w->last)->id, "e");
    shim_publish_exec_added(w->p, "c", "e");
    shim_publish_exec_started(w->p, "c", "e", 8);
    flush(w, 5000);
    ck_assert_uint_eq(((const Containerd__Events__TaskExecStarted *)w->last)->pid, 8);
    shim_publish_start(w->p, "c", 7);
    shim_publish_oom(w->p, "c");
    shim_publish_paused(w->p, "c");
    shim_publish_resumed(w->p, "c");
    flush(w, 5000);
    static const char *const all[] = {"/tasks/create TaskCreate c",
                                      "/tasks/exit TaskExit c",
                                      "/tasks/delete TaskDelete c",
                                      "/tasks/exec-added TaskExecAdded c",
                                      "/tasks/exec-started TaskExecStarted c",
                                      "/tasks/start TaskStart c",
                                      "/tasks/oom TaskOOM c",
                                      "/tasks/paused TaskPaused c",
                                      "/tasks/resumed TaskResumed c"};
    ck_assert_uint_eq(w->count, CL_ARRAY_LEN(all));
    for (size_t i = 0; i < CL_ARRAY_LEN(all); i++) {
        ck_assert_str_eq(w->seen[i], all[i]);
    }
    teardown(w);
}
END_TEST

static void publish_many(struct world *w, int from, int to)
{
    for (int i = from; i < to; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "c%d", i);
        shim_publish_oom(w->p, id);
    }
}

static void expect_many(const struct world *w, int from, int to)
{
    ck_assert_uint_eq(w->count, (size_t)(to - from));
    for (int i = from; i < to; i++) {
        char line[64];
        (void)snprintf(line, sizeof(line), "/tasks/oom TaskOOM c%d", i);
        ck_assert_str_eq(w->seen[i - from], line);
    }
}

START_TEST(test_order_is_kept_over_a_restart_of_containerd)
{
    struct world *w = setup();
    publisher(w, w->path, NULL);
    publish_many(w, 0, 5); /* there is none yet */
    rig_settle(w->base);
    containerd_up(w);
    flush(w, 20000);
    expect_many(w, 0, 5);
    containerd_down(w);
    publish_many(w, 5, 10);
    rig_settle(w->base);
    ck_assert_uint_eq(w->count, 5);
    containerd_up(w);
    flush(w, 20000);
    expect_many(w, 0, 10);
    teardown(w);
}
END_TEST

START_TEST(test_connections_that_end_and_refusals_are_tried_again)
{
    struct world *w = setup();
    containerd_up(w);
    publisher(w, w->path, NULL);
    w->drop = 1;
    publish_many(w, 0, 3);
    flush(w, 20000);
    expect_many(w, 0, 3);
    w->refuse = 2;
    publish_many(w, 3, 6);
    flush(w, 20000);
    expect_many(w, 0, 6);
    teardown(w);
}
END_TEST

START_TEST(test_event_that_is_always_refused_is_given_up)
{
    struct world *w = setup();
    containerd_up(w);
    publisher(w, w->path, NULL);
    w->refuse = 6;
    publish_many(w, 0, 2);
    flush(w, 60000);
    ck_assert_int_eq(w->refuse, 0);
    expect_many(w, 1, 2);
    teardown(w);
}
END_TEST

START_TEST(test_queue_is_bounded_and_loses_the_oldest)
{
    struct world *w = setup();
    publisher(w, w->path, NULL);
    publish_many(w, 0, 3000);
    containerd_up(w);
    flush(w, 60000);
    expect_many(w, 3000 - (int)SHIM_MAX_EVENTS, 3000);
    teardown(w);
}
END_TEST

START_TEST(test_flush_has_a_deadline)
{
    struct world *w = setup();
    publisher(w, w->path, NULL);
    flush(w, 5000); /* nothing waits: at once */
    publish_many(w, 0, 3);
    uint64_t before = cl_monotonic_us();
    flush(w, 50);
    ck_assert_uint_ge(cl_monotonic_us() - before, 40000);
    teardown(w); /* with what still waits */
}
END_TEST

/* A program that keeps what it was given. */
static void write_program(const char *path, const char *log, int status)
{
    FILE *f = fopen(path, "we");
    ck_assert_ptr_nonnull(f);
    (void)fprintf(f, "#!/bin/sh\necho \"$@\" >>%s\ncat >%s.in\nexit %d\n", log, log, status);
    (void)fclose(f);
    ck_assert_int_eq(chmod(path, 0700), 0);
}

START_TEST(test_program_publishes_where_there_is_no_address)
{
    struct world *w = setup();
    char program[96], log[96], in[96];
    (void)snprintf(program, sizeof(program), "%s.sh", w->path);
    (void)snprintf(log, sizeof(log), "%s.log", w->path);
    (void)snprintf(in, sizeof(in), "%s.log.in", w->path);
    write_program(program, log, 0);
    publisher(w, "", program);
    shim_publish_start(w->p, "c", 7);
    shim_publish_oom(w->p, "c");
    flush(w, 20000);
    struct cl_buf b = {0};
    ck_assert_int_eq(cl_buf_read_file(&b, log, 4096, NULL), CL_OK);
    ck_assert_str_eq((const char *)b.data,
                     "-address /run/c.sock publish --topic /tasks/start --namespace k8s.io\n"
                     "-address /run/c.sock publish --topic /tasks/oom --namespace k8s.io\n");
    cl_buf_reset(&b);
    ck_assert_int_eq(cl_buf_read_file(&b, in, 4096, NULL), CL_OK);
    Google__Protobuf__Any *any = google__protobuf__any__unpack(NULL, b.len, b.data);
    ck_assert_ptr_nonnull(any);
    ck_assert_str_eq(any->type_url, "containerd.events.TaskOOM");
    google__protobuf__any__free_unpacked(any, NULL);
    /* One that fails, one that is not there; and freed while one runs. */
    write_program(program, log, 1);
    publish_many(w, 0, 1);
    flush(w, 300);
    (void)unlink(program);
    flush(w, 300);
    cl_buf_done(&b);
    (void)unlink(log);
    (void)unlink(in);
    teardown(w);
}
END_TEST

START_TEST(test_nowhere_to_publish)
{
    struct world *w = setup();
    publisher(w, NULL, NULL);
    publish_many(w, 0, 3);
    flush(w, 5000);
    shim_publish_oom(NULL, "c");
    teardown(w);
    shim_publisher_free(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_publish");
    TCase *t = tcase_create("shim_publish");
    tcase_add_test(t, test_each_event_has_its_topic_and_its_fields);
    tcase_add_test(t, test_order_is_kept_over_a_restart_of_containerd);
    tcase_add_test(t, test_connections_that_end_and_refusals_are_tried_again);
    tcase_add_test(t, test_event_that_is_always_refused_is_given_up);
    tcase_add_test(t, test_queue_is_bounded_and_loses_the_oldest);
    tcase_add_test(t, test_flush_has_a_deadline);
    tcase_add_test(t, test_program_publishes_where_there_is_no_address);
    tcase_add_test(t, test_nowhere_to_publish);
    suite_add_tcase(s, t);
    return run_suite(s);
}
