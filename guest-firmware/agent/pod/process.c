/* SPDX-License-Identifier: Apache-2.0
 * process.c - processes of containers: what Exec adds, Start starts, Wait waits for and Kill
 * signals.
 */
#include "engine.h"

#include "agent/ports.h"
#include "base/io.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONSOLE_MS 5000 /* crun has sent the terminal before it ended */
#define MAX_PID_FILE 16u

uint64_t pod_next_number(struct agent_pod *p)
{
    return ++p->counter;
}

void pod_process_init(struct pod_process *x, struct pod_container *c)
{
    *x = (struct pod_process){.container = c, .pod = c->pod, .console = -1};
    agent_stdio_init(&x->io);
}

void pod_process_done(struct pod_process *x)
{
    agent_stdio_end(&x->io);
    agent_stdio_done(&x->io);
    cl_close_fdp(&x->console);
    json_decref(x->spec);
    x->spec = NULL;
}

bool pod_process_lives(const struct pod_process *x)
{
    return x->state == POD_STARTING || x->state == POD_RUNNING;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void answer_waiters(struct pod_process *x)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    Cloister__Pod__V1__WaitResponse m;
    cloister__pod__v1__wait_response__init(&m);
    m.status = x->status;
    bool good = pod_pack(&m.base, &out, NULL) == CL_OK;
    while (x->waiters != NULL) {
        struct pod_waiter *w = x->waiters;
        x->waiters = w->next;
        pod_answer(x->pod, w->call, good ? CL_TTRPC_OK : CL_TTRPC_RESOURCE_EXHAUSTED,
                   good ? NULL : "out of memory", &out);
        free(w);
    }
}

void pod_process_forget(struct pod_process *x)
{
    while (x->waiters != NULL) {
        struct pod_waiter *w = x->waiters;
        x->waiters = w->next;
        pod_answer(x->pod, w->call, CL_TTRPC_NOT_FOUND, "the process was deleted", NULL);
        free(w);
    }
}

/* With the lock held: it has ended and the host has its output. */
static void finish(struct pod_process *x)
{
    x->state = POD_DONE;
    cl_close_fdp(&x->console);
    answer_waiters(x);
    (void)pthread_cond_broadcast(&x->pod->changed);
}

void pod_process_ended(struct pod_process *x, int wait_status)
{
    x->status =
        (unsigned)(WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status));
    x->state = POD_DRAINING;
    pod_oom_check(x->container);
    pod_policy_ended(x);
    if (x == &x->container->init && x->container->shares_pid) {
        pod_cgroup_signal(x->container, SIGKILL); /* else the kernel has done so */
    }
    agent_stdio_end(&x->io);
    if (x->outputs == 0) {
        finish(x);
    }
}

/* From the thread of a stream. */
static void stream_closed(void *ctx)
{
    struct pod_process *x = ctx;
    (void)pthread_mutex_lock(&x->pod->lock);
    x->outputs--;
    if (x->outputs == 0 && x->state == POD_DRAINING) {
        finish(x);
    }
    (void)pthread_mutex_unlock(&x->pod->lock);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static enum cl_status dial_stdio(void *ctx, int *ret_fd, struct cl_err *err)
{
    const struct agent_pod *p = ctx;
    return p->config.dial(p->config.ctx, AGENT_PORT_STDIO, /* patient= */ true, ret_fd, err);
}

enum cl_status pod_process_open(struct pod_process *x, const bool stream[static 3],
                                struct cl_err *err)
{
    char id[2 * AGENT_POD_MAX_ID + 2];
    (void)snprintf(id, sizeof(id), "%s%s%s", x->container->id, x->id[0] != '\0' ? "/" : "", x->id);
    const struct agent_stdio_want want = {
        .id = id,
        .terminal = x->terminal,
        .stream = {stream[0], stream[1], stream[2]},
        .dial = dial_stdio,
        .dial_ctx = x->pod,
    };
    CL_TRY(agent_stdio_open(&x->io, &want, err));
    x->io.closed = stream_closed;
    x->io.ctx = x;
    x->outputs = agent_stdio_outputs(&x->io);
    return CL_OK;
}

/* With the lock held. */
static void apply_size(const struct pod_process *x)
{
    struct winsize w = {.ws_row = (unsigned short)x->rows, .ws_col = (unsigned short)x->cols};
    if (x->console >= 0 && x->rows > 0 && x->cols > 0) {
        (void)ioctl(x->console, TIOCSWINSZ, &w);
    }
}

static enum cl_status take_console(struct pod_process *x, int listener, struct cl_err *err)
{
    struct pollfd f = {.fd = listener, .events = POLLIN};
    int master = -1;
    if (poll(&f, 1, CONSOLE_MS) <= 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "terminal: crun did not send it");
    }
    CL_CLEANUP(cl_close_fdp) int conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (conn < 0) {
        return cl_err_sys(err, errno, "terminal");
    }
    CL_TRY(agent_crun_receive_console(conn, &master, err));
    (void)pthread_mutex_lock(&x->pod->lock);
    if (x->state == POD_DONE) {
        (void)close(master);
        master = -1;
    }
    x->console = master;
    apply_size(x);
    (void)pthread_mutex_unlock(&x->pod->lock);
    return master >= 0 ? agent_stdio_console(&x->io, master, err) : CL_OK;
}

static enum cl_status read_pid(const char *path, pid_t *ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    uint64_t pid = 0;
    CL_TRY(cl_buf_read_file(&b, path, MAX_PID_FILE, err));
    if (b.len == 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "crun: expected a pid, got none");
    }
    b.data[strcspn((const char *)b.data, "\n")] = '\0';
    CL_TRY(cl_uint_parse((const char *)b.data, "pid", 2, INT32_MAX, &pid, err));
    *ret = (pid_t)pid;
    return CL_OK;
}

/* With the lock held. The reaper may have seen the end already. */
static enum cl_status take_process(struct pod_process *x, const char *pid_file, struct cl_err *err)
{
    int status = 0;
    CL_TRY(read_pid(pid_file, &x->pid, err));
    x->state = POD_RUNNING;
    if (pod_reaped(x->pod, x->pid, &status)) {
        pod_process_ended(x, status);
    }
    return CL_OK;
}

/* What cannot be served is ended: whoever waits gets its status, without the rest of its output. */
static enum cl_status give_up(struct pod_process *x, enum cl_status st)
{
    (void)pthread_mutex_lock(&x->pod->lock);
    if (x->state == POD_RUNNING && x->pid > 0) {
        (void)kill(x->pid, SIGKILL);
    }
    for (size_t i = 0; i < AGENT_STREAMS; i++) {
        if (i > 0 && x->io.host[i] >= 0) { /* no thread has it */
            x->outputs--;
        }
    }
    if (x->outputs == 0 && x->state == POD_DRAINING) {
        finish(x);
    }
    (void)pthread_mutex_unlock(&x->pod->lock);
    return st;
}

/* Runs crun, and knows the process before anybody can look for it. */
static enum cl_status run_crun(struct pod_process *x, const char *const *args, const char *log,
                               const char *pid_file, struct cl_err *err)
{
    struct agent_pod *p = x->pod;
    (void)pthread_mutex_lock(&p->lock);
    p->spawning++;
    (void)pthread_mutex_unlock(&p->lock);
    enum cl_status st = pod_crun(p, args, x->io.child, log, x->container->oom_score, err);
    (void)pthread_mutex_lock(&p->lock);
    st = st == CL_OK ? take_process(x, pid_file, err) : st;
    p->spawning--;
    if (p->spawning == 0) {
        p->end_count = 0;
    }
    (void)pthread_mutex_unlock(&p->lock);
    (void)unlink(pid_file);
    return st;
}

/* The files of one run of crun. */
struct spawn_files {
    char pid[POD_PATH_SIZE + 32];
    char log[POD_PATH_SIZE + 32];
    char tty[POD_PATH_SIZE + 32];
    char pid_option[POD_PATH_SIZE + 64];
    char tty_option[POD_PATH_SIZE + 64];
};

static void name_files(const struct pod_process *x, struct spawn_files *f)
{
    const char *dir = x->container->dir;
    (void)pthread_mutex_lock(&x->pod->lock);
    unsigned long long n = pod_next_number(x->pod);
    (void)pthread_mutex_unlock(&x->pod->lock);
    (void)snprintf(f->pid, sizeof(f->pid), "%s/pid.%llu", dir, n);
    (void)snprintf(f->log, sizeof(f->log), "%s/log.%llu", dir, n);
    (void)snprintf(f->tty, sizeof(f->tty), "%s/tty.%llu", dir, n);
    (void)snprintf(f->pid_option, sizeof(f->pid_option), "--pid-file=%s", f->pid);
    (void)snprintf(f->tty_option, sizeof(f->tty_option), "--console-socket=%s", f->tty);
}

enum cl_status pod_process_spawn(struct pod_process *x, const char *verb, const char *option,
                                 struct cl_err *err)
{
    struct spawn_files f;
    const char *args[8] = {verb};
    size_t n = 1;
    CL_CLEANUP(cl_close_fdp) int listener = -1;
    name_files(x, &f);
    if (strcmp(verb, "exec") == 0) {
        args[n++] = "--detach";
    }
    args[n++] = option;
    args[n++] = f.pid_option;
    if (x->terminal) {
        args[n++] = f.tty_option;
        CL_TRY(cl_unix_listen(f.tty, &listener, err));
    }
    args[n] = x->container->id;
    enum cl_status st = run_crun(x, args, f.log, f.pid, err);
    if (st == CL_OK && x->terminal) {
        st = take_console(x, listener, err);
    }
    (void)unlink(f.tty);
    st = st == CL_OK ? agent_stdio_pump(&x->io, err) : st;
    return st == CL_OK ? CL_OK : give_up(x, st);
}

/* --- calls ------------------------------------------------------------------------------------ */

/* With the lock held: whether this container, NULL or not, may have one more process of this id. */
static enum cl_ttrpc_code check_exec(struct agent_pod *p, const struct pod_container *c,
                                     const Cloister__Pod__V1__ExecRequest *r, struct cl_err *err)
{
    if (c == NULL) {
        return CL_TTRPC_NOT_FOUND;
    }
    if (c->state != POD_STARTED || !pod_process_lives(&c->init)) {
        return pod_error(err, CL_TTRPC_FAILED_PRECONDITION,
                         "container '%s': expected a running one, got another state", c->id);
    }
    if (pod_process_find(p, r->container_id, r->exec_id, NULL) != NULL) {
        return pod_error(err, CL_TTRPC_ALREADY_EXISTS, "exec '%s': exists already", r->exec_id);
    }
    if (p->process_count >= AGENT_POD_MAX_PROCESSES) {
        return pod_error(err, CL_TTRPC_RESOURCE_EXHAUSTED,
                         "processes: expected at most %u, got more", AGENT_POD_MAX_PROCESSES);
    }
    return CL_TTRPC_OK;
}

/* With the lock held: a new exec of a container that runs; NULL: *ret_code tells why. */
static struct pod_process *add_exec(struct agent_pod *p, const Cloister__Pod__V1__ExecRequest *r,
                                    enum cl_ttrpc_code *ret_code, struct cl_err *err)
{
    struct pod_container *c = pod_container_find(p, r->container_id, err);
    *ret_code = check_exec(p, c, r, err);
    struct pod_process *x = *ret_code == CL_TTRPC_OK ? malloc(sizeof(*x)) : NULL;
    if (x == NULL) {
        *ret_code = *ret_code != CL_TTRPC_OK
                        ? *ret_code
                        : pod_error(err, CL_TTRPC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    pod_process_init(x, c);
    (void)snprintf(x->id, sizeof(x->id), "%s", r->exec_id);
    x->next = c->execs;
    x->busy = true;
    c->execs = x;
    c->users++;
    p->process_count++;
    return x;
}

/* With the lock held. */
static void remove_exec(struct pod_process *x)
{
    struct pod_process **at = &x->container->execs;
    while (*at != x) {
        at = &(*at)->next;
    }
    *at = x->next;
    pod_process_forget(x);
    x->pod->process_count--;
    (void)pthread_cond_broadcast(&x->pod->changed);
}

/* What was read of an Exec, before anything is done about it. */
struct exec_wish {
    const Cloister__Pod__V1__ExecRequest *r;
    json_t *spec; /* owned */
    bool terminal;
    bool stream[3];
};

/* Of a container of the policy, whose user comes from there. */
static enum cl_ttrpc_code read_measured(struct agent_pod *p, struct exec_wish *w,
                                        struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *user = NULL;
    const struct cl_pod_exec *allowed = NULL;
    (void)pthread_mutex_lock(&p->lock);
    const struct pod_container *c = pod_container_find(p, w->r->container_id, err);
    const struct cl_pod_policy_container *policy = c != NULL ? c->policy : NULL;
    user = c != NULL ? json_incref(c->user) : NULL;
    (void)pthread_mutex_unlock(&p->lock);
    if (policy == NULL) {
        return CL_TTRPC_NOT_FOUND;
    }
    if (user == NULL) {
        return pod_error(err, CL_TTRPC_FAILED_PRECONDITION,
                         "container '%s': expected one that was made, got one that is being made",
                         w->r->container_id);
    }
    enum cl_status st = agent_podspec_measured_process(
        w->r->process.data, w->r->process.len, policy, user, &w->spec, &w->terminal, &allowed, err);
    if (st == CL_OK) {
        w->stream[0] = w->stream[0] && allowed->streams.stdin_allowed;
        w->stream[1] = w->stream[1] && allowed->streams.stdout_allowed;
        w->stream[2] = w->stream[2] && allowed->streams.stderr_allowed;
    }
    return pod_code(st);
}

static enum cl_ttrpc_code read_exec(struct agent_pod *p, struct exec_wish *w, struct cl_err *err)
{
    enum cl_status st = agent_pod_check_id(w->r->exec_id, "exec id", err);
    enum cl_ttrpc_code code = pod_code(st);
    if (st == CL_OK && p->measured.policy != NULL) {
        code = read_measured(p, w, err);
    } else if (st == CL_OK) {
        code = pod_code(agent_podspec_process(w->r->process.data, w->r->process.len, &w->spec,
                                              &w->terminal, err));
    }
    if (code == CL_TTRPC_OK && w->terminal != w->r->terminal) {
        code = pod_code(
            cl_err_set(err, CL_ERR_MALFORMED, "terminal: expected as in process, got another"));
    }
    return code;
}

/* Called without the lock; an exec that could not be opened is gone. */
static enum cl_status open_exec(struct pod_process *x, const struct exec_wish *w,
                                struct cl_err *err)
{
    enum cl_status st = pod_process_open(x, w->stream, err);
    (void)pthread_mutex_lock(&x->pod->lock);
    x->busy = false;
    x->container->users--;
    if (st != CL_OK) {
        remove_exec(x);
    }
    (void)pthread_cond_broadcast(&x->pod->changed);
    (void)pthread_mutex_unlock(&x->pod->lock);
    if (st != CL_OK) {
        pod_process_done(x);
        free(x);
    }
    return st;
}

POD_RUN(pod_exec)
{
    const Cloister__Pod__V1__ExecRequest *r = (const Cloister__Pod__V1__ExecRequest *)m;
    struct exec_wish w = {.r = r, .stream = {r->attach_stdin, r->attach_stdout, r->attach_stderr}};
    (void)out;
    enum cl_ttrpc_code code = read_exec(p, &w, err);
    if (code != CL_TTRPC_OK) {
        json_decref(w.spec);
        return code;
    }
    (void)pthread_mutex_lock(&p->lock);
    struct pod_process *x = add_exec(p, r, &code, err);
    (void)pthread_mutex_unlock(&p->lock);
    if (x == NULL) {
        json_decref(w.spec);
        return code;
    }
    x->terminal = w.terminal;
    x->rows = r->rows & UINT16_MAX;
    x->cols = r->cols & UINT16_MAX;
    x->spec = w.spec;
    return pod_code(open_exec(x, &w, err));
}

static enum cl_status spawn_exec(struct pod_process *x, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf json = {0};
    char path[POD_PATH_SIZE + 32];
    char option[POD_PATH_SIZE + 64];
    (void)pthread_mutex_lock(&x->pod->lock);
    unsigned long long n = pod_next_number(x->pod);
    (void)pthread_mutex_unlock(&x->pod->lock);
    (void)snprintf(path, sizeof(path), "%s/process.%llu", x->container->dir, n);
    (void)snprintf(option, sizeof(option), "--process=%s", path);
    CL_TRY(cl_json_compact(x->spec, &json, err));
    CL_TRY(cl_write_file(path, json.data, json.len, 0600, err));
    enum cl_status st = pod_process_spawn(x, "exec", option, err);
    (void)unlink(path);
    return st;
}

/* Called with the lock, which it lets go for a while. */
static enum cl_ttrpc_code start_exec(struct pod_process *x, struct cl_err *err)
{
    struct pod_container *c = x->container;
    if (x->state != POD_MADE || x->busy || c->state != POD_STARTED ||
        !pod_process_lives(&c->init)) {
        return pod_error(err, CL_TTRPC_FAILED_PRECONDITION,
                         "exec '%s': expected one to start in a running container, got another "
                         "state",
                         x->id);
    }
    x->state = POD_STARTING;
    x->busy = true;
    c->users++;
    (void)pthread_mutex_unlock(&x->pod->lock);
    enum cl_status st = spawn_exec(x, err);
    (void)pthread_mutex_lock(&x->pod->lock);
    x->busy = false;
    c->users--;
    if (st != CL_OK && x->state == POD_STARTING) { /* there is no process, and was none */
        x->outputs = 0;
        agent_stdio_done(&x->io); /* nor is there a thread */
        x->status = 255;
        finish(x);
    }
    (void)pthread_cond_broadcast(&x->pod->changed);
    return st == CL_OK ? CL_TTRPC_OK : CL_TTRPC_INTERNAL;
}

static enum cl_ttrpc_code start_init(struct pod_container *c, struct cl_err *err)
{
    const char *const args[] = {"start", c->id, NULL};
    if (c->state != POD_CREATED || c->init.state != POD_RUNNING) {
        return pod_error(err, CL_TTRPC_FAILED_PRECONDITION,
                         "container '%s': expected one that was created, got another state", c->id);
    }
    c->state = POD_BEGINNING;
    c->users++;
    (void)pthread_mutex_unlock(&c->pod->lock);
    enum cl_status st = pod_crun_quiet(c, args, err);
    (void)pthread_mutex_lock(&c->pod->lock);
    c->users--;
    c->state = st == CL_OK ? POD_STARTED : POD_CREATED;
    (void)pthread_cond_broadcast(&c->pod->changed);
    return st == CL_OK ? CL_TTRPC_OK : CL_TTRPC_INTERNAL;
}

POD_RUN(pod_start)
{
    const Cloister__Pod__V1__ProcessRequest *r = (const Cloister__Pod__V1__ProcessRequest *)m;
    Cloister__Pod__V1__StartResponse answer;
    cloister__pod__v1__start_response__init(&answer);
    enum cl_ttrpc_code code = CL_TTRPC_NOT_FOUND;
    (void)pthread_mutex_lock(&p->lock);
    struct pod_process *x = pod_process_find(p, r->container_id, r->exec_id, err);
    if (x != NULL) {
        code = x == &x->container->init ? start_init(x->container, err) : start_exec(x, err);
        answer.pid = code == CL_TTRPC_OK ? (uint32_t)x->pid : 0;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return code == CL_TTRPC_OK ? pod_code(pod_pack(&answer.base, out, err)) : code;
}

POD_RUN(pod_kill)
{
    const Cloister__Pod__V1__KillRequest *r = (const Cloister__Pod__V1__KillRequest *)m;
    enum cl_ttrpc_code code = CL_TTRPC_OK;
    (void)out;
    if (r->signal < 1 || r->signal > 64) {
        return pod_error(err, CL_TTRPC_INVALID_ARGUMENT, "signal: expected 1 to 64, got %u",
                         (unsigned)r->signal);
    }
    (void)pthread_mutex_lock(&p->lock);
    struct pod_process *x = pod_process_find(p, r->container_id, r->exec_id, err);
    if (x == NULL) {
        code = CL_TTRPC_NOT_FOUND;
    } else if (x->state == POD_DRAINING || x->state == POD_DONE) {
        code = pod_error(err, CL_TTRPC_NOT_FOUND, "process already finished");
    } else if (x->state != POD_RUNNING) {
        code = pod_error(err, CL_TTRPC_FAILED_PRECONDITION,
                         "process: expected a started one, got another state");
    } else if (r->all) {
        pod_cgroup_signal(x->container, (int)r->signal);
    } else if (kill(x->pid, (int)r->signal) != 0) { /* not reaped: the pid is still its own */
        code = pod_error(err, CL_TTRPC_INTERNAL, "signal %u: %s", (unsigned)r->signal,
                         strerror(errno)); /* NOLINT(concurrency-mt-unsafe) */
    }
    (void)pthread_mutex_unlock(&p->lock);
    return code;
}

POD_NOW(pod_wait)
{
    const Cloister__Pod__V1__ProcessRequest *r = (const Cloister__Pod__V1__ProcessRequest *)m;
    struct cl_err err = {0};
    struct pod_process *x = pod_process_find(p, r->container_id, r->exec_id, &err);
    struct pod_waiter *w = x != NULL ? malloc(sizeof(*w)) : NULL;
    if (w == NULL) {
        pod_answer(p, call, x == NULL ? CL_TTRPC_NOT_FOUND : CL_TTRPC_RESOURCE_EXHAUSTED,
                   x == NULL ? err.msg : "out of memory", NULL);
        return;
    }
    *w = (struct pod_waiter){x->waiters, call};
    x->waiters = w;
    if (x->state == POD_DONE) {
        answer_waiters(x);
    }
}

POD_NOW(pod_resize)
{
    const Cloister__Pod__V1__ResizeRequest *r = (const Cloister__Pod__V1__ResizeRequest *)m;
    struct cl_err err = {0};
    struct pod_process *x = pod_process_find(p, r->container_id, r->exec_id, &err);
    if (x != NULL) {
        x->rows = r->rows & UINT16_MAX;
        x->cols = r->cols & UINT16_MAX;
        apply_size(x);
    }
    pod_answer(p, call, x != NULL ? CL_TTRPC_OK : CL_TTRPC_NOT_FOUND, x != NULL ? NULL : err.msg,
               NULL);
}
