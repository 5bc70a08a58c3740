/* SPDX-License-Identifier: Apache-2.0
 * reap.c - the first process of its PID namespace inherits every orphan. One thread reaps them all
 * and knows whose they are: crun's runs belong to the worker that waits, the processes that crun
 * leaves behind to containers.
 */
#include "engine.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREAD_STACK (128u << 10)

static bool is_process(const struct pod_process *x, pid_t pid)
{
    return x->state == POD_RUNNING && x->pid == pid;
}

static struct pod_process *find_process(struct agent_pod *p, pid_t pid)
{
    for (struct pod_container *c = p->containers; c != NULL; c = c->next) {
        if (is_process(&c->init, pid)) {
            return &c->init;
        }
        for (struct pod_process *x = c->execs; x != NULL; x = x->next) {
            if (is_process(x, pid)) {
                return x;
            }
        }
    }
    return NULL;
}

/* A process that crun has just made may be ours to reap, and be gone, before crun has told its pid:
 * its end is kept for the worker that will hear it. Only what crun makes comes to us so; orphans of
 * containers have an init of their own. */
static void keep_end(struct agent_pod *p, pid_t pid, int status)
{
    if (p->spawning == 0) {
        return;
    }
    if (p->end_count == POD_MAX_ENDS) {
        p->end_count--;
        memmove(p->end, p->end + 1, p->end_count * sizeof(p->end[0]));
    }
    p->end[p->end_count].pid = pid;
    p->end[p->end_count++].status = status;
}

bool pod_reaped(const struct agent_pod *p, pid_t pid, int *ret_status)
{
    for (size_t i = 0; i < p->end_count; i++) {
        if (p->end[i].pid == pid) {
            *ret_status = p->end[i].status;
            return true;
        }
    }
    return false;
}

/* With the lock held: after it the pid may be somebody else's. */
static void reap(struct agent_pod *p, pid_t pid)
{
    int status = 0;
    struct pod_child *child = p->children;
    while (child != NULL && child->pid != pid) {
        child = child->next;
    }
    struct pod_process *x = child == NULL ? find_process(p, pid) : NULL;
    if (waitpid(pid, &status, 0) != pid) {
        return;
    }
    if (child != NULL) {
        child->ended = true;
        child->status = status;
    } else if (x != NULL) {
        pod_process_ended(x, status);
    } else {
        keep_end(p, pid, status);
    }
    (void)pthread_cond_broadcast(&p->changed);
}

static void *reap_thread(void *arg)
{
    struct agent_pod *p = arg;
    for (;;) {
        siginfo_t info = {0};
        int rc = waitid(P_ALL, 0, &info, WEXITED | WNOWAIT);
        int e = errno;
        (void)pthread_mutex_lock(&p->lock);
        if (rc == 0) {
            reap(p, info.si_pid);
        } else if (e == ECHILD && p->children == NULL) {
            /* Nobody is there, so nobody can be orphaned before a worker starts something. */
            (void)pthread_cond_wait(&p->changed, &p->lock);
        }
        (void)pthread_mutex_unlock(&p->lock);
    }
    return NULL;
}

enum cl_status pod_reap_begin(struct agent_pod *p, struct cl_err *err)
{
    pthread_attr_t attr;
    pthread_t thread;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, THREAD_STACK);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attr, reap_thread, p);
    (void)pthread_attr_destroy(&attr);
    return rc == 0 ? CL_OK : cl_err_sys(err, rc, "thread that reaps");
}

static void forget_child(struct agent_pod *p, struct pod_child *child)
{
    struct pod_child **at = &p->children;
    while (*at != child) {
        at = &(*at)->next;
    }
    *at = child->next;
}

/* One line that says why; the words of a missing program are those that containerd's users know. */
static enum cl_status crun_error(const char *verb, const char *log, int status, struct cl_err *err)
{
    char msg[400];
    if (!agent_crun_last_error(log, msg, sizeof(msg))) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "crun %s: ended with status %d", verb,
                          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    int shell = agent_crun_exec_failure(msg);
    if (shell != 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "unable to start container process: %s: %s",
                          shell == 127 ? "executable file not found in $PATH"
                                       : "permission denied or not executable",
                          msg);
    }
    return cl_err_set(err, CL_ERR_UNAVAILABLE, "crun %s: %s", verb, msg);
}

enum cl_status pod_crun(struct agent_pod *p, const char *const *args, const int fds[static 3],
                        const char *log, int oom_score, struct cl_err *err)
{
    struct pod_child child = {0};
    (void)pthread_mutex_lock(&p->lock);
    enum cl_status st = agent_crun_spawn(&p->crun, args, fds, log, oom_score, &child.pid, err);
    if (st == CL_OK) {
        child.next = p->children;
        p->children = &child;
        (void)pthread_cond_broadcast(&p->changed);
        while (!child.ended) {
            (void)pthread_cond_wait(&p->changed, &p->lock);
        }
        forget_child(p, &child);
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (st == CL_OK && child.status != 0) {
        st = crun_error(args[0], log, child.status, err);
    }
    (void)unlink(log);
    return st;
}

enum cl_status pod_crun_quiet(struct pod_container *c, const char *const *args, struct cl_err *err)
{
    char log[POD_PATH_SIZE + 32];
    CL_CLEANUP(cl_close_fdp) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int fds[3] = {null, null, null};
    if (null < 0) {
        return cl_err_sys(err, errno, "open '/dev/null'");
    }
    (void)pthread_mutex_lock(&c->pod->lock);
    uint64_t n = pod_next_number(c->pod);
    (void)pthread_mutex_unlock(&c->pod->lock);
    (void)snprintf(log, sizeof(log), "%s/log.%llu", c->dir, (unsigned long long)n);
    return pod_crun(c->pod, args, fds, log, AGENT_CRUN_OWN_SCORE, err);
}
