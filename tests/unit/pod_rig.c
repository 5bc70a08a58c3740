/* SPDX-License-Identifier: Apache-2.0
 * pod_rig.c - namespaces, a host and a client for the pod service.
 */
#include "pod_rig.h"

#include "agent/ports.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define CRUN "/usr/bin/crun"
#define TIMEOUT_MS 30000

struct rig rig;
char rig_message[CL_ERR_MSG_SIZE];

/* --- namespaces ------------------------------------------------------------------------------- */

static int skip(const char *why)
{
    printf("SKIP: pods are not run natively: %s\n", why);
    return EXIT_SUCCESS;
}

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

/* A cgroup of our own becomes the root that the agent sees. */
static bool enter_cgroup(const char *dir, char *ret_cgroup, size_t size)
{
    char path[256];
    if (mount("cgroup2", dir, "cgroup2", 0, NULL) != 0) {
        return false;
    }
    (void)snprintf(ret_cgroup, size, "%s/cloister-test-%d", dir, (int)getpid());
    (void)snprintf(path, sizeof(path), "%s/cgroup.procs", ret_cgroup);
    return mkdir(ret_cgroup, 0755) == 0 && write_text(path, "0") && unshare(CLONE_NEWCGROUP) == 0;
}

/* What ran in it has been killed with its PID namespace, but may not be gone yet. */
static void remove_cgroup(const char *path, unsigned depth)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    DIR *d = depth < 4 ? opendir(path) : NULL;
    const struct dirent *e = d != NULL ? readdir(d) : NULL;
    while (e != NULL) {
        char child[512];
        int n = snprintf(child, sizeof(child), "%s/%s", path, e->d_name);
        if (e->d_type == DT_DIR && e->d_name[0] != '.' && n > 0 && (size_t)n < sizeof(child)) {
            remove_cgroup(child, depth + 1);
        }
        e = readdir(d);
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    for (unsigned i = 0; i < 200 && rmdir(path) != 0 && errno == EBUSY; i++) {
        (void)nanosleep(&pause, NULL);
    }
}

/* While we stand in the cgroup that is the pod's root, crun cannot hand controllers down from it,
 * and tries for two seconds a container. */
static void step_out(const char *dir)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
    (void)write_text(path, "0");
}

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "pod_rig: %s: %s\n", what, strerror(errno));
        exit(EXIT_FAILURE);
    }
}

static void make_world(void)
{
    must(mount("proc", "/proc", "proc", 0, NULL) == 0, "proc");
    must(mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") == 0, "/run");
    must(mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) == 0, "cgroup2");
    must(mkdir("/sys/fs/cgroup/init", 0755) == 0, "cgroup init");
    must(write_text("/sys/fs/cgroup/init/cgroup.procs", "0"), "enter cgroup init");
    must(mkdir("/run/cloister", 0700) == 0, "/run/cloister");
    must(mount("tmpfs", "/run/cloister", "tmpfs", MS_NODEV, "mode=0700") == 0, "/run/cloister");
    must(sethostname("unset", 5) == 0, "hostname");
}

/* crun, or where root may not raise its limits, a script that helps it over that. */
static const char *crun_program(void)
{
    static const char path[] = "/run/crun.sh";
    static const char script[] =
        "#!/bin/sh\nexec env LD_PRELOAD=" POD_NO_MEMLOCK " " CRUN " \"$@\"\n";
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_MEMLOCK, &all) == 0) {
        return CRUN;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    must(fd >= 0 && write(fd, script, sizeof(script) - 1) == (ssize_t)sizeof(script) - 1, path);
    (void)close(fd);
    return path;
}

static int run_inside(Suite *(*suite)(void))
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    make_world();
    SRunner *r = srunner_create(suite());
    srunner_set_fork_status(r, CK_NOFORK); /* the pod lives in this process */
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int pod_rig_run(int argc, char **argv, Suite *(*suite)(void))
{
    if (argc == 2 && strcmp(argv[0], AGENT_POD_PAUSE) == 0) {
        agent_pod_pause(argv[1]);
    }
    char dir[] = "/tmp/cl-pod-XXXXXX";
    char cgroup[256] = "";
    int status = 1 << 8;
    if (geteuid() != 0) {
        return skip("not root");
    }
    if (access(CRUN, X_OK) != 0) {
        return skip("no crun");
    }
    if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        return skip("no namespaces");
    }
    if (mkdtemp(dir) == NULL || !enter_cgroup(dir, cgroup, sizeof(cgroup)) ||
        unshare(CLONE_NEWPID) != 0) {
        return skip("no cgroup v2");
    }
    pid_t pid = fork();
    if (pid == 0) {
        int failed = run_inside(suite);
        (void)fflush(NULL);
        /* Without a sanitizer's look back: pods never end, and process 1 cannot be looked at. */
        (void)syscall(SYS_exit_group, failed);
    }
    step_out(dir);
    (void)waitpid(pid, &status, 0);
    remove_cgroup(cgroup, 0);
    (void)umount2(dir, MNT_DETACH);
    (void)rmdir(dir);
    /* Nor here: whoever's PID namespace has ended cannot make the thread that would look. */
    (void)fflush(NULL);
    (void)syscall(SYS_exit_group, WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
    return EXIT_FAILURE;
}

/* --- the host's streams ----------------------------------------------------------------------- */

static void *stream_thread(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char line[200];
    size_t n = 0;
    while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n') {
        n++;
    }
    line[n] = '\0';
    (void)pthread_mutex_lock(&rig.lock);
    struct rig_stream *s = rig.stream_count < RIG_STREAMS ? &rig.stream[rig.stream_count++] : NULL;
    if (s == NULL || (strncmp(line, "CLSTDIO1 ", 9) != 0 && strncmp(line, "CLFWD1 ", 7) != 0)) {
        (void)pthread_mutex_unlock(&rig.lock);
        (void)close(fd);
        return NULL;
    }
    (void)snprintf(s->name, sizeof(s->name), "%s", line[2] == 'S' ? line + 9 : line);
    s->fd = fd;
    (void)pthread_cond_broadcast(&rig.changed);
    while (rig.hold_output) {
        (void)pthread_cond_wait(&rig.changed, &rig.lock);
    }
    (void)pthread_mutex_unlock(&rig.lock);
    for (;;) {
        char data[4096];
        ssize_t got = read(fd, data, sizeof(data));
        (void)pthread_mutex_lock(&rig.lock);
        s->ended = got <= 0 || cl_buf_append(&s->data, data, (size_t)got, NULL) != CL_OK;
        (void)pthread_cond_broadcast(&rig.changed);
        (void)pthread_mutex_unlock(&rig.lock);
        if (got <= 0) {
            return NULL;
        }
    }
}

static enum cl_status rig_dial(void *ctx, uint32_t port, bool patient, int *ret_fd,
                               struct cl_err *err)
{
    int sv[2];
    pthread_t t;
    (void)ctx;
    (void)patient;
    if (port == AGENT_PORT_BLOB) {
        (void)pthread_mutex_lock(&rig.lock);
        rig.host.serving_count = 0; /* nobody joins them */
        enum cl_status st = host_dial(&rig.host, ret_fd, err);
        (void)pthread_detach(rig.host.serving[0]);
        (void)pthread_mutex_unlock(&rig.lock);
        return st;
    }
    ck_assert_uint_eq(port, AGENT_PORT_STDIO);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    ck_assert_int_eq(pthread_create(&t, NULL, stream_thread, (void *)(intptr_t)sv[1]), 0);
    (void)pthread_detach(t);
    *ret_fd = sv[0];
    return CL_OK;
}

static void until(struct timespec *t, int ms)
{
    (void)clock_gettime(CLOCK_REALTIME, t);
    t->tv_sec += ms / 1000;
    t->tv_nsec += (long)(ms % 1000) * 1000000;
    t->tv_sec += t->tv_nsec / 1000000000;
    t->tv_nsec %= 1000000000;
}

struct rig_stream *rig_stream_find(const char *name, unsigned n)
{
    char want[200];
    (void)snprintf(want, sizeof(want), "%s %u", name, n);
    for (size_t i = 0; i < rig.stream_count; i++) {
        if (strcmp(rig.stream[i].name, want) == 0) {
            return &rig.stream[i];
        }
    }
    return NULL;
}

const char *rig_output(const char *name, unsigned n, const char *text)
{
    struct timespec t;
    int rc = 0;
    until(&t, TIMEOUT_MS);
    (void)pthread_mutex_lock(&rig.lock);
    struct rig_stream *s = NULL;
    for (;;) {
        s = rig_stream_find(name, n);
        const char *data = s != NULL && s->data.data != NULL ? (const char *)s->data.data : "";
        if (rc != 0 || (s != NULL && (s->ended || (text != NULL && strstr(data, text) != NULL)))) {
            break;
        }
        rc = pthread_cond_timedwait(&rig.changed, &rig.lock, &t);
    }
    (void)pthread_mutex_unlock(&rig.lock);
    ck_assert_msg(rc == 0, "no output '%s' on stream %u of '%s'", text != NULL ? text : "", n,
                  name);
    return s->data.data != NULL ? (const char *)s->data.data : "";
}

void rig_input(const char *name, const char *data)
{
    struct rig_stream *s = rig_stream_find(name, 0);
    ck_assert_ptr_nonnull(s);
    if (data == NULL) {
        (void)shutdown(s->fd, SHUT_WR);
    } else {
        ck_assert_int_eq(write(s->fd, data, strlen(data)), (ssize_t)strlen(data));
    }
}

/* --- calls ------------------------------------------------------------------------------------ */

static void *serve_thread(void *arg)
{
    (void)arg;
    struct cl_err err = {0};
    if (cl_ttrpc_server_run(rig.server, &err) != CL_OK) {
        fprintf(stderr, "rig: %s\n", err.msg);
    }
    agent_pod_hang_up(rig.pod);
    return NULL;
}

static void *read_thread(void *arg)
{
    (void)arg;
    for (;;) {
        struct cl_ttrpc_header h = {0};
        struct cl_buf data = {0};
        struct cl_ttrpc_response r = {0};
        bool eof = false;
        if (cl_ttrpc_read(rig.fd, &h, &data, &eof, NULL) != CL_OK || eof ||
            cl_ttrpc_response_parse(data.data, data.len, &r, NULL) != CL_OK) {
            cl_buf_done(&data);
            return NULL;
        }
        cl_buf_done(&data);
        (void)pthread_mutex_lock(&rig.lock);
        for (size_t i = 0; i < CL_ARRAY_LEN(rig.answer); i++) {
            if (rig.answer[i].stream == 0) {
                rig.answer[i].stream = h.stream;
                rig.answer[i].r = r;
                break;
            }
        }
        (void)pthread_cond_broadcast(&rig.changed);
        (void)pthread_mutex_unlock(&rig.lock);
    }
}

static void add_program(struct cl_buf *tar)
{
    struct cl_buf program = {0};
    ck_assert_int_eq(cl_buf_read_file(&program, POD_PROGRAM, 1u << 25, NULL), CL_OK);
    struct tar_entry e = {.type = '0',
                          .name = "program",
                          .data = (const char *)program.data,
                          .size = program.len,
                          .mode = 0755};
    tar_add(tar, &e);
    cl_buf_done(&program);
}

static void make_rig_image(void)
{
    static const char *const dirs[] = {"proc", "sys", "dev", "tmp", "data", "etc"};
    struct made_layer layer = {
        .how = CL_OCI_GZIP, .encrypted = rig.measure != NULL, .kid = "kbs:///default/image-kek/1"};
    if (layer.encrypted) {
        ck_assert_int_eq(cl_secret_random(&rig.kek, 32, NULL), CL_OK);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(dirs); i++) {
        tar_dir(&layer.tar, dirs[i]);
    }
    tar_file(&layer.tar, "etc/issue", "of the image\n");
    tar_file(&layer.tar, "etc/plain", "not a program\n");
    tar_file(&layer.tar, "etc/passwd", "root:x:0:0::/:\napp:x:1000:1001::/:\n");
    tar_file(&layer.tar, "etc/group", "root:x:0:\napp:x:1001:\nextra:x:2000:other,app\n");
    tar_link(&layer.tar, '2', "escape", "/proc/1/root/etc");
    add_program(&layer.tar);
    tar_end(&layer.tar);
    make_layer(&layer, &rig.kek);
    make_image(&rig.host, &layer, 1, rig.manifest);
    cl_oci_digest_format(rig.digest, rig.manifest);
    layer_done(&layer);
}

static enum cl_status rig_disk(void *ctx, unsigned slot, char ret_path[static AGENT_POD_DISK_PATH],
                               struct cl_err *err)
{
    (void)ctx;
    if (rig.disk[slot] == NULL) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "block slot %u: expected a disk, got none",
                          slot);
    }
    (void)snprintf(ret_path, AGENT_POD_DISK_PATH, "%s", rig.disk[slot]);
    return CL_OK;
}

static enum cl_status rig_open_volume(void *ctx, const struct agent_blockvol *v,
                                      char ret_path[static 32], struct cl_err *err)
{
    (void)ctx;
    return rig.open_volume != NULL
               ? rig.open_volume(v, ret_path, err)
               : cl_err_set(err, CL_ERR_UNSUPPORTED, "expected no encrypted volume here");
}

static void begin(void)
{
    int sv[2];
    struct cl_err err = {0};
    const struct agent_pod_config config = {
        .dial = rig_dial,
        .disk = rig_disk,
        .open_volume = rig_open_volume,
        .dir = "/run/cloister",
        .crun = crun_program(),
        .crun_root = "/run/crun",
        .cgroup = "/sys/fs/cgroup",
        .limits = {1u << 28, AGENT_MAX_ENTRIES, AGENT_MAX_DEPTH, AGENT_MAX_RATIO, AGENT_RATIO_FREE},
    };
    (void)pthread_mutex_init(&rig.lock, NULL);
    (void)pthread_cond_init(&rig.changed, NULL);
    rig.next_stream = 1;
    make_rig_image();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    ck_assert_int_eq(agent_pod_new(&config, &rig.pod, &err), CL_OK);
    const struct cl_ttrpc_service service = agent_pod_service(rig.pod);
    ck_assert_int_eq(cl_ttrpc_server_new(sv[0], &service, 1, &rig.server, &err), CL_OK);
    rig.fd = sv[1];
    ck_assert_int_eq(pthread_create(&rig.serving, NULL, serve_thread, NULL), 0);
    ck_assert_int_eq(pthread_create(&rig.reading, NULL, read_thread, NULL), 0);
    if (rig.measure != NULL) {
        struct agent_pod_measured measured = {0};
        rig.measure(&measured);
        agent_pod_measure(rig.pod, &measured);
    }
#ifdef POD_RIG_DISK
    ck_assert_int_eq(mkdir("/run/cloister/scratch", 0700), 0);
    ck_assert_int_eq(mount("disk", "/run/cloister/scratch", "tmpfs", MS_NODEV, "mode=0700"), 0);
    agent_pod_use_disk(rig.pod, "/run/cloister/scratch", 1u << 28);
#endif
    ck_assert_msg(agent_pod_begin(rig.pod, &err) == CL_OK, "%s", err.msg);
}

uint32_t rig_send(const char *method, const ProtobufCMessage *m)
{
    struct cl_buf payload = {0};
    struct cl_buf frame = {0};
    if (rig.pod == NULL) {
        begin();
    }
    ck_assert_int_eq(cl_buf_reserve(&payload, protobuf_c_message_get_packed_size(m) + 1, NULL),
                     CL_OK);
    payload.len = protobuf_c_message_pack(m, payload.data);
    ck_assert_int_eq(
        cl_ttrpc_request_encode(AGENT_POD_SERVICE, method, payload.data, payload.len, &frame, NULL),
        CL_OK);
    uint32_t stream = rig.next_stream;
    rig.next_stream += 2;
    ck_assert_int_eq(cl_ttrpc_write(rig.fd, stream, CL_TTRPC_REQUEST, frame.data, frame.len, NULL),
                     CL_OK);
    cl_buf_done(&payload);
    cl_buf_done(&frame);
    return stream;
}

bool rig_answer(uint32_t stream, int timeout_ms, struct cl_ttrpc_response *ret)
{
    struct timespec t;
    bool found = false;
    int rc = 0;
    until(&t, timeout_ms);
    (void)pthread_mutex_lock(&rig.lock);
    while (!found && rc == 0) {
        for (size_t i = 0; i < CL_ARRAY_LEN(rig.answer) && !found; i++) {
            if (rig.answer[i].stream == stream) {
                *ret = rig.answer[i].r;
                rig.answer[i].stream = 0;
                found = true;
            }
        }
        if (!found) {
            rc = pthread_cond_timedwait(&rig.changed, &rig.lock, &t);
        }
    }
    (void)pthread_mutex_unlock(&rig.lock);
    return found;
}

int rig_call(const char *method, const ProtobufCMessage *m, struct cl_ttrpc_response *ret)
{
    struct cl_ttrpc_response r = {0};
    uint32_t stream = rig_send(method, m);
    ck_assert_msg(rig_answer(stream, TIMEOUT_MS, &r), "%s: no answer", method);
    int code = r.code;
    (void)snprintf(rig_message, sizeof(rig_message), "%s", r.message != NULL ? r.message : "");
    if (ret != NULL) {
        *ret = r;
    } else {
        cl_ttrpc_response_done(&r);
    }
    return code;
}

#define PATH_ONLY "\"PATH=/\""

static void put_args(struct cl_buf *out, const char *const *args)
{
    for (size_t i = 0; args[i] != NULL; i++) {
        ck_assert_int_eq(cl_buf_printf(out, NULL, "%s\"%s\"", i > 0 ? "," : "", args[i]), CL_OK);
    }
}

int rig_create(const char *id, const char *more, const char *mounts, const char *const *args)
{
    struct cl_buf spec = {0};
    char name[128];
    char policy_name[80];
    Cloister__Pod__V1__CreateRequest r;
    cloister__pod__v1__create_request__init(&r);
    bool terminal = more != NULL && strstr(more, "\"terminal\":true") != NULL;
    const char *process = more != NULL && strncmp(more, ",\"terminal\"", 11) == 0 ? more : "";
    const char *cap = rig.capability != NULL ? rig.capability : "";
    const char *q = rig.capability != NULL ? "\"" : "";
    (void)snprintf(name, sizeof(name), "%s", id);
    ck_assert_int_eq(
        cl_buf_printf(&spec, NULL,
                      "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\",\"readonly\":%s},"
                      "\"process\":{\"capabilities\":{\"bounding\":[%s%s%s],"
                      "\"effective\":[%s%s%s],\"permitted\":[%s%s%s]},\"cwd\":\"/"
                      "\",\"env\":[%s],\"user\":{\"uid\":0,\"gid\":0}%s,"
                      "\"args\":[",
                      rig.read_only_root ? "true" : "false", q, cap, q, q, cap, q, q, cap, q,
                      rig.env != NULL ? rig.env : PATH_ONLY, process),
        CL_OK);
    put_args(&spec, args);
    ck_assert_int_eq(
        cl_buf_printf(
            &spec, NULL,
            "]},\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},"
            "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"options\":[\"nosuid\",\"mode=755\"]},"
            "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"options\":[\"newinstance\"]}%s]%s"
            "%s}",
            mounts != NULL ? mounts : "", process[0] == '\0' && more != NULL ? more : "",
            more != NULL && strstr(more, "\"linux\"") != NULL
                ? ""
                : ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"}]}"),
        CL_OK);
    (void)snprintf(policy_name, sizeof(policy_name), "%s", rig.name != NULL ? rig.name : "");
    r.name = policy_name;
    r.container_id = name;
    r.manifest_digest = rig.digest;
    r.spec = (ProtobufCBinaryData){.len = spec.len, .data = spec.data};
    r.terminal = terminal;
    r.attach_stdin = true;
    r.attach_stdout = true;
    r.attach_stderr = true;
    r.rows = 24;
    r.cols = 80;
    int code = rig_call("Create", &r.base, NULL);
    cl_buf_done(&spec);
    return code;
}

static Cloister__Pod__V1__ProcessRequest process_request(char *id, size_t size, const char *text,
                                                         char *exec, size_t exec_size,
                                                         const char *exec_text)
{
    Cloister__Pod__V1__ProcessRequest r;
    cloister__pod__v1__process_request__init(&r);
    (void)snprintf(id, size, "%s", text);
    (void)snprintf(exec, exec_size, "%s", exec_text);
    r.container_id = id;
    r.exec_id = exec;
    return r;
}

static int about_process(const char *method, const char *id, const char *exec,
                         struct cl_ttrpc_response *ret)
{
    char a[128];
    char b[128];
    Cloister__Pod__V1__ProcessRequest r = process_request(a, sizeof(a), id, b, sizeof(b), exec);
    return rig_call(method, &r.base, ret);
}

int rig_start(const char *id, const char *exec)
{
    return about_process("Start", id, exec, NULL);
}

int rig_delete(const char *id, const char *exec)
{
    return about_process("Delete", id, exec, NULL);
}

unsigned rig_wait(const char *id, const char *exec)
{
    struct cl_ttrpc_response r = {0};
    int code = about_process("Wait", id, exec, &r);
    ck_assert_msg(code == 0, "Wait: %s", rig_message);
    Cloister__Pod__V1__WaitResponse *w =
        cloister__pod__v1__wait_response__unpack(NULL, r.payload_len, r.payload);
    ck_assert_ptr_nonnull(w);
    unsigned status = w->status;
    cloister__pod__v1__wait_response__free_unpacked(w, NULL);
    cl_ttrpc_response_done(&r);
    return status;
}

int rig_kill(const char *id, const char *exec, unsigned signo, bool all)
{
    char a[128];
    char b[128];
    Cloister__Pod__V1__KillRequest r;
    cloister__pod__v1__kill_request__init(&r);
    (void)snprintf(a, sizeof(a), "%s", id);
    (void)snprintf(b, sizeof(b), "%s", exec);
    r.container_id = a;
    r.exec_id = b;
    r.signal = signo;
    r.all = all;
    return rig_call("Kill", &r.base, NULL);
}

int rig_exec(const char *id, const char *exec, bool terminal, const char *const *args)
{
    struct cl_buf json = {0};
    char a[128];
    char b[128];
    Cloister__Pod__V1__ExecRequest r;
    cloister__pod__v1__exec_request__init(&r);
    (void)snprintf(a, sizeof(a), "%s", id);
    (void)snprintf(b, sizeof(b), "%s", exec);
    ck_assert_int_eq(cl_buf_printf(&json, NULL,
                                   "{\"cwd\":\"/\",\"terminal\":%s,\"env\":[%s],\"args\":[",
                                   terminal ? "true" : "false", rig.env != NULL ? rig.env : ""),
                     CL_OK);
    put_args(&json, args);
    ck_assert_int_eq(cl_buf_append_str(&json, "]}", NULL), CL_OK);
    r.container_id = a;
    r.exec_id = b;
    r.process = (ProtobufCBinaryData){.len = json.len, .data = json.data};
    r.terminal = terminal;
    r.attach_stdin = true;
    r.attach_stdout = true;
    r.attach_stderr = true;
    r.rows = 33;
    r.cols = 44;
    int code = rig_call("Exec", &r.base, NULL);
    cl_buf_done(&json);
    return code;
}

const char *rig_run(const char *id, const char *more, const char *mounts, const char *const *args,
                    unsigned *ret_status)
{
    ck_assert_msg(rig_create(id, more, mounts, args) == 0, "Create: %s", rig_message);
    ck_assert_msg(rig_start(id, "") == 0, "Start: %s", rig_message);
    *ret_status = rig_wait(id, "");
    const char *text = rig_output(id, 1, NULL);
    ck_assert_msg(rig_delete(id, "") == 0, "Delete: %s", rig_message);
    return text;
}

int rig_sandbox(const char *hostname, bool share_processes)
{
    char id[] = "sandbox";
    char name[80];
    Cloister__Pod__V1__SandboxRequest r;
    cloister__pod__v1__sandbox_request__init(&r);
    (void)snprintf(name, sizeof(name), "%s", hostname);
    r.sandbox_id = id;
    r.hostname = name;
    r.share_processes = share_processes;
    return rig_call("Sandbox", &r.base, NULL);
}

int rig_volume(const char *name, unsigned kind, uint64_t size)
{
    char text[128];
    Cloister__Pod__V1__VolumeRequest r;
    cloister__pod__v1__volume_request__init(&r);
    (void)snprintf(text, sizeof(text), "%s", name);
    r.name = text;
    r.kind = (Cloister__Pod__V1__VolumeRequest__Kind)kind;
    r.size = size;
    return rig_call("Volume", &r.base, NULL);
}

int rig_block(const char *name, unsigned slot)
{
    char text[128];
    Cloister__Pod__V1__VolumeRequest r;
    cloister__pod__v1__volume_request__init(&r);
    (void)snprintf(text, sizeof(text), "%s", name);
    r.name = text;
    r.kind = CLOISTER__POD__V1__VOLUME_REQUEST__KIND__BLOCK;
    r.slot = slot;
    return rig_call("Volume", &r.base, NULL);
}

int rig_put(const char *volume, uint64_t generation, const char *path, const char *data,
            const char *link, bool last)
{
    char text[3][512];
    Cloister__Pod__V1__PutFilesRequest r;
    Cloister__Pod__V1__File f;
    Cloister__Pod__V1__File *files[] = {&f};
    cloister__pod__v1__put_files_request__init(&r);
    cloister__pod__v1__file__init(&f);
    (void)snprintf(text[0], sizeof(text[0]), "%s", volume);
    (void)snprintf(text[1], sizeof(text[1]), "%s", path != NULL ? path : "");
    (void)snprintf(text[2], sizeof(text[2]), "%s", link != NULL ? link : "");
    r.volume = text[0];
    r.generation = generation;
    r.n_files = path != NULL;
    r.files = files;
    r.last = last;
    f.path = text[1];
    f.link = text[2];
    f.mode = 0644;
    struct cl_buf copy = {0};
    ck_assert_int_eq(cl_buf_append_str(&copy, data != NULL ? data : "", NULL), CL_OK);
    f.data = (ProtobufCBinaryData){.len = copy.len, .data = copy.data};
    int code = rig_call("PutFiles", &r.base, NULL);
    cl_buf_done(&copy);
    return code;
}

char *rig_get(const char *volume, const char *path, int *ret_code)
{
    char text[2][256];
    struct cl_ttrpc_response a = {0};
    Cloister__Pod__V1__GetFileRequest r;
    cloister__pod__v1__get_file_request__init(&r);
    (void)snprintf(text[0], sizeof(text[0]), "%s", volume);
    (void)snprintf(text[1], sizeof(text[1]), "%s", path);
    r.volume = text[0];
    r.path = text[1];
    *ret_code = rig_call("GetFile", &r.base, &a);
    char *copy = NULL;
    if (*ret_code == 0) {
        Cloister__Pod__V1__GetFileResponse *g =
            cloister__pod__v1__get_file_response__unpack(NULL, a.payload_len, a.payload);
        ck_assert_ptr_nonnull(g);
        copy = strndup(g->data.data != NULL ? (const char *)g->data.data : "", g->data.len);
        cloister__pod__v1__get_file_response__free_unpacked(g, NULL);
    }
    cl_ttrpc_response_done(&a);
    return copy;
}

int rig_about(const char *method, const char *id, struct cl_ttrpc_response *ret)
{
    char text[128];
    Cloister__Pod__V1__ContainerRequest r;
    cloister__pod__v1__container_request__init(&r);
    (void)snprintf(text, sizeof(text), "%s", id);
    r.container_id = text;
    return rig_call(method, &r.base, ret);
}
