/* SPDX-License-Identifier: Apache-2.0
 * container.c - containers from Create to Delete.
 */
#include "engine.h"

#include "base/io.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct pod_container *pod_container_find(struct agent_pod *p, const char *id, struct cl_err *err)
{
    struct pod_container *c = p->containers;
    while (c != NULL && strcmp(c->id, id) != 0) {
        c = c->next;
    }
    if (c == NULL) {
        (void)pod_error(err, CL_TTRPC_NOT_FOUND, "container '%.80s': not found", id);
    }
    return c;
}

struct pod_process *pod_process_find(struct agent_pod *p, const char *container, const char *exec,
                                     struct cl_err *err)
{
    struct pod_container *c = pod_container_find(p, container, err);
    if (c == NULL) {
        return NULL;
    }
    struct pod_process *x = exec[0] == '\0' ? &c->init : c->execs;
    while (x != NULL && x != &c->init && strcmp(x->id, exec) != 0) {
        x = x->next;
    }
    if (x == NULL) {
        (void)pod_error(err, CL_TTRPC_NOT_FOUND, "exec '%.80s': not found", exec);
    }
    return x;
}

/* --- Create ----------------------------------------------------------------------------------- */

/* What was read of a Create, before anything is done about it. */
struct wish {
    const Cloister__Pod__V1__CreateRequest *r;
    uint8_t digest[CL_SHA256_SIZE];
    struct agent_podspec *spec;
    const struct cl_pod_policy_container *policy; /* NULL: none */
};

static enum cl_status read_spec(const struct agent_pod *p, const char *cgroup, struct wish *w,
                                struct cl_err *err)
{
    const ProtobufCBinaryData *spec = &w->r->spec;
    if (p->measured.policy == NULL) {
        return agent_podspec_parse(spec->data, spec->len, cgroup, w->spec, err);
    }
    CL_TRY(cl_pod_policy_find(p->measured.policy, w->r->name, &w->policy, err));
    return agent_podspec_measured(spec->data, spec->len, cgroup, w->policy, w->digest, w->spec,
                                  err);
}

static enum cl_status read_wish(const struct agent_pod *p,
                                const Cloister__Pod__V1__CreateRequest *r, struct wish *ret,
                                struct cl_err *err)
{
    char cgroup[AGENT_POD_MAX_ID + 8];
    ret->r = r;
    CL_TRY(agent_pod_check_id(r->container_id, "container id", err));
    (void)snprintf(cgroup, sizeof(cgroup), "/pod/%s", r->container_id);
    if (cl_oci_digest_parse(r->manifest_digest, ret->digest, NULL) != CL_OK) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "manifest digest: expected sha256 and 64 hex digits, got '%.80s'",
                          r->manifest_digest);
    }
    CL_TRY(read_spec(p, cgroup, ret, err));
    if (ret->spec->terminal != r->terminal) {
        return cl_err_set(err, CL_ERR_MALFORMED, "terminal: expected as in spec, got another");
    }
    return CL_OK;
}

/* With the lock held: whether there may be one more, of this id. */
static enum cl_ttrpc_code check_room(struct agent_pod *p, const struct wish *w, struct cl_err *err)
{
    if (pod_container_find(p, w->r->container_id, NULL) != NULL) {
        return pod_error(err, CL_TTRPC_ALREADY_EXISTS, "container '%s': exists already",
                         w->r->container_id);
    }
    if (p->container_count >= AGENT_POD_MAX_CONTAINERS ||
        p->process_count >= AGENT_POD_MAX_PROCESSES) {
        return pod_error(err, CL_TTRPC_RESOURCE_EXHAUSTED,
                         "containers: expected at most %u with %u processes, got more",
                         AGENT_POD_MAX_CONTAINERS, AGENT_POD_MAX_PROCESSES);
    }
    return pod_code(pod_policy_turn(p, w->policy, err));
}

/* With the lock held; NULL: *ret_code tells why. */
static struct pod_container *add_container(struct agent_pod *p, const struct wish *w,
                                           enum cl_ttrpc_code *ret_code, struct cl_err *err)
{
    *ret_code = check_room(p, w, err);
    struct pod_container *c = *ret_code == CL_TTRPC_OK ? calloc(1, sizeof(*c)) : NULL;
    if (c == NULL) {
        *ret_code = *ret_code != CL_TTRPC_OK
                        ? *ret_code
                        : pod_error(err, CL_TTRPC_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    c->pod = p;
    c->policy = w->policy;
    c->watch = -1;
    pod_process_init(&c->init, c);
    c->init.state = POD_STARTING;
    c->init.terminal = w->r->terminal;
    c->init.rows = w->r->rows & UINT16_MAX;
    c->init.cols = w->r->cols & UINT16_MAX;
    c->shares_pid = !w->spec->own_pid;
    (void)snprintf(c->id, sizeof(c->id), "%s", w->r->container_id);
    unsigned long long number = pod_next_number(p);
    (void)snprintf(c->dir, sizeof(c->dir), "%.100s/containers/%llu", p->config.dir, number);
    (void)snprintf(c->layer, sizeof(c->layer), "%.100s/containers/%llu", p->data, number);
    (void)snprintf(c->cgroup, sizeof(c->cgroup), "%.100s/pod/%s", p->config.cgroup, c->id);
    c->next = p->containers;
    p->containers = c;
    p->container_count++;
    p->process_count++;
    return c;
}

/* With the lock held, and nobody else about it. */
static void remove_container(struct pod_container *c)
{
    struct agent_pod *p = c->pod;
    struct pod_container **at = &p->containers;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    pod_process_forget(&c->init);
    p->container_count--;
    p->process_count--;
    (void)pthread_cond_broadcast(&p->changed);
}

static enum cl_status add_pid_namespace(struct pod_container *c, struct agent_podspec *spec,
                                        struct cl_err *err)
{
    char path[48];
    pid_t pid = 0;
    CL_TRY(pod_pause(c->pod, &pid, err));
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
    return agent_podspec_set_pid_namespace(spec, path, err);
}

static enum cl_status write_config(const struct pod_container *c, const struct agent_podspec *spec,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf json = {0};
    char path[POD_PATH_SIZE + 16];
    (void)snprintf(path, sizeof(path), "%s/config.json", c->dir);
    CL_TRY(cl_json_compact(spec->config, &json, err));
    return cl_write_file(path, json.data, json.len, 0600, err);
}

static enum cl_status make(struct pod_container *c, const struct wish *w, struct cl_err *err)
{
    const bool stream[3] = {
        w->r->attach_stdin && (w->policy == NULL || w->policy->streams.stdin_allowed),
        w->r->attach_stdout && (w->policy == NULL || w->policy->streams.stdout_allowed),
        w->r->attach_stderr && (w->policy == NULL || w->policy->streams.stderr_allowed),
    };
    char image[POD_PATH_SIZE];
    char bundle[POD_PATH_SIZE + 16];
    CL_TRY(pod_image_signed(c->pod, w->policy, w->digest, err));
    CL_TRY(pod_image_get(c->pod, w->digest, pod_policy_encrypted(c->pod, w->policy, w->digest),
                         image, err));
    CL_TRY(pod_policy_user(c, image, w->spec, err));
    CL_TRY(pod_rootfs_make(c, image, w->spec, err));
    if (w->spec->privileged) {
        CL_TRY(pod_add_devices(w->spec, err));
    }
    if (!w->spec->own_pid) {
        CL_TRY(add_pid_namespace(c, w->spec, err));
    }
    c->oom_score = (int)json_integer_value(
        json_object_get(json_object_get(w->spec->config, "process"), "oomScoreAdj"));
    CL_TRY(write_config(c, w->spec, err));
    CL_TRY(pod_process_open(&c->init, stream, err));
    (void)snprintf(bundle, sizeof(bundle), "--bundle=%s", c->dir);
    return pod_process_spawn(&c->init, "create", bundle, err);
}

/* Without the lock, once no process is left. */
static void dismantle(struct pod_container *c)
{
    const char *const args[] = {"delete", "--force", c->id, NULL};
    if (pod_crun_quiet(c, args, NULL) != CL_OK) {
        pod_cgroup_signal(c, SIGKILL);
    }
    pod_process_done(&c->init);
    pod_rootfs_remove(c);
    json_decref(c->user);
    c->user = NULL;
    (void)rmdir(c->cgroup); /* gone already, as a rule */
}

/* With the lock held: waits until nothing of the container runs or writes. */
static void await_end(struct pod_container *c)
{
    for (;;) {
        bool busy = c->users > 0 || (c->init.state != POD_DONE && c->init.state != POD_MADE &&
                                     !(c->init.state == POD_STARTING && c->init.pid == 0));
        for (struct pod_process *x = c->execs; x != NULL; x = x->next) {
            busy = busy || (x->state != POD_DONE && x->state != POD_MADE);
        }
        if (!busy) {
            return;
        }
        (void)pthread_cond_wait(&c->pod->changed, &c->pod->lock);
    }
}

static void discard(struct pod_container *c)
{
    (void)pthread_mutex_lock(&c->pod->lock);
    await_end(c);
    (void)pthread_mutex_unlock(&c->pod->lock);
    dismantle(c);
    (void)pthread_mutex_lock(&c->pod->lock);
    remove_container(c);
    (void)pthread_mutex_unlock(&c->pod->lock);
    free(c);
}

static enum cl_ttrpc_code create(struct agent_pod *p, const struct wish *w, struct cl_err *err)
{
    enum cl_ttrpc_code code = CL_TTRPC_OK;
    (void)pthread_mutex_lock(&p->lock);
    struct pod_container *c = add_container(p, w, &code, err);
    (void)pthread_mutex_unlock(&p->lock);
    if (c == NULL) {
        return code;
    }
    enum cl_status st = make(c, w, err);
    if (st != CL_OK) {
        discard(c);
        return pod_code(st);
    }
    (void)pthread_mutex_lock(&p->lock);
    c->state = POD_CREATED;
    pod_oom_watch(c);
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
    return CL_TTRPC_OK;
}

POD_RUN(pod_create)
{
    struct wish w = {.spec = calloc(1, sizeof(*w.spec))}; /* large: not for a worker's stack */
    (void)out;
    if (w.spec == NULL) {
        return pod_error(err, CL_TTRPC_RESOURCE_EXHAUSTED, "out of memory");
    }
    enum cl_status st = read_wish(p, (const Cloister__Pod__V1__CreateRequest *)m, &w, err);
    enum cl_ttrpc_code code = st == CL_OK ? create(p, &w, err) : pod_code(st);
    agent_podspec_done(w.spec);
    free(w.spec);
    return code;
}

/* --- Delete ----------------------------------------------------------------------------------- */

/* Called with the lock, which it lets go while output drains. */
static enum cl_ttrpc_code delete_exec(struct pod_process *x, struct cl_err *err)
{
    struct pod_container *c = x->container;
    if (x->busy || pod_process_lives(x)) {
        return pod_error(err, CL_TTRPC_FAILED_PRECONDITION,
                         "exec '%s': expected one that has ended, got a running one", x->id);
    }
    x->busy = true;
    c->users++;
    while (x->state == POD_DRAINING) {
        (void)pthread_cond_wait(&c->pod->changed, &c->pod->lock);
    }
    struct pod_process **at = &c->execs;
    while (*at != x) {
        at = &(*at)->next;
    }
    *at = x->next;
    pod_process_forget(x);
    c->users--;
    c->pod->process_count--;
    (void)pthread_cond_broadcast(&c->pod->changed);
    (void)pthread_mutex_unlock(&c->pod->lock);
    pod_process_done(x);
    (void)pthread_mutex_lock(&c->pod->lock);
    free(x);
    return CL_TTRPC_OK;
}

static void free_execs(struct pod_container *c)
{
    while (c->execs != NULL) {
        struct pod_process *x = c->execs;
        c->execs = x->next;
        pod_process_forget(x);
        c->pod->process_count--;
        (void)pthread_mutex_unlock(&c->pod->lock);
        pod_process_done(x);
        (void)pthread_mutex_lock(&c->pod->lock);
        free(x);
    }
}

/* Called with the lock, which it lets go for a while. */
static enum cl_ttrpc_code delete_container(struct pod_container *c, struct cl_err *err)
{
    bool ready =
        c->state == POD_CREATED || (c->state == POD_STARTED && !pod_process_lives(&c->init));
    if (!ready) {
        return pod_error(err, CL_TTRPC_FAILED_PRECONDITION,
                         "container '%s': expected one that has ended, got a running one", c->id);
    }
    c->state = POD_DELETING;
    if (c->init.state == POD_RUNNING) {
        (void)kill(c->init.pid, SIGKILL);
    }
    pod_cgroup_signal(c, SIGKILL); /* nothing, unless the PID namespace is shared */
    await_end(c);
    pod_oom_unwatch(c);
    free_execs(c);
    (void)pthread_mutex_unlock(&c->pod->lock);
    dismantle(c);
    (void)pthread_mutex_lock(&c->pod->lock);
    remove_container(c);
    free(c);
    return CL_TTRPC_OK;
}

POD_RUN(pod_delete)
{
    const Cloister__Pod__V1__ProcessRequest *r = (const Cloister__Pod__V1__ProcessRequest *)m;
    enum cl_ttrpc_code code = CL_TTRPC_NOT_FOUND;
    (void)out;
    (void)pthread_mutex_lock(&p->lock);
    struct pod_process *x = pod_process_find(p, r->container_id, r->exec_id, err);
    if (x != NULL) {
        code = x == &x->container->init ? delete_container(x->container, err) : delete_exec(x, err);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return code;
}

/* --- what crun does to a running container ---------------------------------------------------- */

/* Runs `crun ARGS...`, the container's id last. */
static enum cl_ttrpc_code with_running(struct agent_pod *p, const char *id, const char *verb,
                                       const char *option, struct cl_err *err)
{
    (void)pthread_mutex_lock(&p->lock);
    struct pod_container *c = pod_container_find(p, id, err);
    enum cl_ttrpc_code code = CL_TTRPC_NOT_FOUND;
    if (c != NULL && c->state != POD_STARTED && c->state != POD_CREATED) {
        code = pod_error(err, CL_TTRPC_FAILED_PRECONDITION,
                         "container '%s': expected a running one, got another state", c->id);
    } else if (c != NULL && !pod_process_lives(&c->init)) {
        code = pod_error(err, CL_TTRPC_FAILED_PRECONDITION,
                         "container '%s': expected a running one, got one that has ended", c->id);
    } else if (c != NULL) {
        code = CL_TTRPC_OK;
        c->users++;
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (code != CL_TTRPC_OK) {
        return code;
    }
    const char *const args[] = {verb, option != NULL ? option : c->id,
                                option != NULL ? c->id : NULL, NULL};
    enum cl_status st = pod_crun_quiet(c, args, err);
    (void)pthread_mutex_lock(&p->lock);
    c->users--;
    (void)pthread_cond_broadcast(&p->changed);
    (void)pthread_mutex_unlock(&p->lock);
    return pod_code(st);
}

POD_RUN(pod_pause_container)
{
    (void)out;
    return with_running(p, ((const Cloister__Pod__V1__ContainerRequest *)m)->container_id, "pause",
                        NULL, err);
}

POD_RUN(pod_resume_container)
{
    (void)out;
    return with_running(p, ((const Cloister__Pod__V1__ContainerRequest *)m)->container_id, "resume",
                        NULL, err);
}

static enum cl_ttrpc_code update(struct agent_pod *p, const char *id, const json_t *resources,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf json = {0};
    char path[POD_PATH_SIZE + 32];
    char option[POD_PATH_SIZE + 64];
    (void)pthread_mutex_lock(&p->lock);
    unsigned long long n = pod_next_number(p);
    (void)pthread_mutex_unlock(&p->lock);
    (void)snprintf(path, sizeof(path), "%s/update.%llu", p->config.dir, n);
    (void)snprintf(option, sizeof(option), "--resources=%s", path);
    enum cl_status st = cl_json_compact(resources, &json, err);
    st = st == CL_OK ? cl_write_file(path, json.data, json.len, 0600, err) : st;
    if (st != CL_OK) {
        return pod_code(st);
    }
    enum cl_ttrpc_code code = with_running(p, id, "update", option, err);
    (void)unlink(path);
    return code;
}

POD_RUN(pod_update)
{
    const Cloister__Pod__V1__UpdateRequest *r = (const Cloister__Pod__V1__UpdateRequest *)m;
    CL_CLEANUP(cl_json_decrefp) json_t *resources = NULL;
    (void)out;
    enum cl_status st =
        agent_podspec_resources(r->resources.data, r->resources.len, &resources, err);
    return st == CL_OK ? update(p, r->container_id, resources, err) : pod_code(st);
}
