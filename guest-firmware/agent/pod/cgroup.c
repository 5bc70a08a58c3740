/* SPDX-License-Identifier: Apache-2.0
 * cgroup.c - what the cgroups of containers say, and signals to all that is in one.
 */
#include "engine.h"

#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE (1u << 20)
#define MAX_PIDS 8192u
#define MAX_DEPTH 8u
#define MAX_DISKS 32u

static void write_word(const char *dir, const char *file, const char *word)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, file);
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && cl_write_all(fd, word, strlen(word), file, NULL) != CL_OK) {
        return; /* a controller that this kernel has not got */
    }
}

static void enable_controllers(const char *dir)
{
    static const char *const controllers[] = {"+cpu", "+memory", "+pids", "+io", "+cpuset"};
    for (size_t i = 0; i < CL_ARRAY_LEN(controllers); i++) {
        write_word(dir, "cgroup.subtree_control", controllers[i]);
    }
}

enum cl_status pod_cgroup_begin(struct agent_pod *p, struct cl_err *err)
{
    char path[POD_PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%.120s/pod", p->config.cgroup);
    enable_controllers(p->config.cgroup);
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "make '%s'", path);
    }
    enable_controllers(path);
    return CL_OK;
}

/* --- files ------------------------------------------------------------------------------------ */

static enum cl_status read_text(const char *dir, const char *file, struct cl_buf *out)
{
    char path[512];
    const char *unused = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, file);
    CL_TRY(cl_buf_read_file(out, path, MAX_FILE, NULL));
    CL_TRY(cl_buf_append(out, "", 0, NULL));
    return out->data != NULL ? cl_buf_cstr(out, file, &unused, NULL) : CL_ERR_UNAVAILABLE;
}

/* A number, or 0 when there is none; "max" is the largest. */
static uint64_t number(const char *text)
{
    return strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

static uint64_t read_number(const char *dir, const char *file)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    return read_text(dir, file, &b) == CL_OK ? number((const char *)b.data) : 0;
}

/* The value behind `key` in lines of "key value", or in words of "key=value". */
static uint64_t value_of(const char *text, const char *key, char separator)
{
    size_t n = strlen(key);
    for (const char *at = text; at != NULL && *at != '\0';) {
        if (strncmp(at, key, n) == 0 && at[n] == separator) {
            return number(at + n + 1);
        }
        at = strpbrk(at, separator == ' ' ? "\n" : " \n");
        at = at != NULL ? at + 1 : NULL;
    }
    return 0;
}

uint64_t pod_cgroup_oom_kills(const struct pod_container *c)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    return read_text(c->cgroup, "memory.events", &b) == CL_OK
               ? value_of((const char *)b.data, "oom_kill", ' ')
               : 0;
}

/* --- processes -------------------------------------------------------------------------------- */

struct pids {
    uint32_t pid[MAX_PIDS];
    size_t count;
};

static void add_pids(const char *dir, struct pids *ret)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    if (read_text(dir, "cgroup.procs", &b) != CL_OK) {
        return;
    }
    char *rest = (char *)b.data;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        uint64_t pid = number(line);
        if (pid > 1 && pid <= INT32_MAX && ret->count < MAX_PIDS) { /* 0: not of our namespace */
            ret->pid[ret->count++] = (uint32_t)pid;
        }
    }
}

/* A container may have made cgroups below its own. */
static void collect_pids(const char *dir, unsigned depth, struct pids *ret)
{
    add_pids(dir, ret);
    DIR *d = depth < MAX_DEPTH ? opendir(dir) : NULL;
    const struct dirent *e = d != NULL ? readdir(d) : NULL;
    while (e != NULL) {
        char path[1024];
        int n = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (e->d_type == DT_DIR && e->d_name[0] != '.' && n > 0 && (size_t)n < sizeof(path)) {
            collect_pids(path, depth + 1, ret);
        }
        e = readdir(d);
    }
    if (d != NULL) {
        (void)closedir(d);
    }
}

void pod_cgroup_signal(const struct pod_container *c, int signo)
{
    if (signo == SIGKILL) {
        write_word(c->cgroup, "cgroup.kill", "1");
        return;
    }
    struct pids *all = calloc(1, sizeof(*all));
    if (all != NULL) {
        collect_pids(c->cgroup, 0, all);
        for (size_t i = 0; i < all->count; i++) {
            (void)kill((pid_t)all->pid[i], signo);
        }
    }
    free(all);
}

/* --- calls ------------------------------------------------------------------------------------ */

/* Keeps the container while its files are read. */
static struct pod_container *take(struct agent_pod *p, const ProtobufCMessage *m,
                                  struct cl_err *err)
{
    const Cloister__Pod__V1__ContainerRequest *r = (const Cloister__Pod__V1__ContainerRequest *)m;
    (void)pthread_mutex_lock(&p->lock);
    struct pod_container *c = pod_container_find(p, r->container_id, err);
    if (c != NULL && (c->state == POD_CREATING || c->state == POD_DELETING)) {
        (void)pod_error(err, CL_TTRPC_NOT_FOUND, "container '%s': not found", c->id);
        c = NULL;
    }
    if (c != NULL) {
        c->users++;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return c;
}

static void give_back(struct pod_container *c)
{
    (void)pthread_mutex_lock(&c->pod->lock);
    c->users--;
    (void)pthread_cond_broadcast(&c->pod->changed);
    (void)pthread_mutex_unlock(&c->pod->lock);
}

POD_RUN(pod_pids)
{
    struct pids *all = calloc(1, sizeof(*all));
    struct pod_container *c = all != NULL ? take(p, m, err) : NULL;
    Cloister__Pod__V1__PidsResponse r;
    cloister__pod__v1__pids_response__init(&r);
    if (c == NULL) {
        bool nomem = all == NULL;
        free(all);
        return nomem ? pod_error(err, CL_TTRPC_RESOURCE_EXHAUSTED, "out of memory")
                     : CL_TTRPC_NOT_FOUND;
    }
    collect_pids(c->cgroup, 0, all);
    give_back(c);
    r.pids = all->pid;
    r.n_pids = all->count;
    enum cl_status st = pod_pack(&r.base, out, err);
    free(all);
    return pod_code(st);
}

static void memory_stat(const char *dir, Io__Containerd__Cgroups__V2__MemoryStat *m)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    const struct {
        const char *key;
        uint64_t *value;
    } members[] = {
        {"anon", &m->anon},
        {"file", &m->file},
        {"kernel_stack", &m->kernel_stack},
        {"slab", &m->slab},
        {"sock", &m->sock},
        {"shmem", &m->shmem},
        {"file_mapped", &m->file_mapped},
        {"file_dirty", &m->file_dirty},
        {"file_writeback", &m->file_writeback},
        {"inactive_anon", &m->inactive_anon},
        {"active_anon", &m->active_anon},
        {"inactive_file", &m->inactive_file},
        {"active_file", &m->active_file},
        {"unevictable", &m->unevictable},
        {"pgfault", &m->pgfault},
        {"pgmajfault", &m->pgmajfault},
    };
    if (read_text(dir, "memory.stat", &b) == CL_OK) {
        for (size_t i = 0; i < CL_ARRAY_LEN(members); i++) {
            *members[i].value = value_of((const char *)b.data, members[i].key, ' ');
        }
    }
    m->usage = read_number(dir, "memory.current");
    m->usage_limit = read_number(dir, "memory.max");
}

static void cpu_stat(const char *dir, Io__Containerd__Cgroups__V2__CPUStat *c)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    if (read_text(dir, "cpu.stat", &b) == CL_OK) {
        const char *text = (const char *)b.data;
        c->usage_usec = value_of(text, "usage_usec", ' ');
        c->user_usec = value_of(text, "user_usec", ' ');
        c->system_usec = value_of(text, "system_usec", ' ');
        c->nr_periods = value_of(text, "nr_periods", ' ');
        c->nr_throttled = value_of(text, "nr_throttled", ' ');
        c->throttled_usec = value_of(text, "throttled_usec", ' ');
    }
}

static void memory_events(const char *dir, Io__Containerd__Cgroups__V2__MemoryEvents *e)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    if (read_text(dir, "memory.events", &b) == CL_OK) {
        const char *text = (const char *)b.data;
        e->low = value_of(text, "low", ' ');
        e->high = value_of(text, "high", ' ');
        e->max = value_of(text, "max", ' ');
        e->oom = value_of(text, "oom", ' ');
        e->oom_kill = value_of(text, "oom_kill", ' ');
    }
}

struct disks {
    Io__Containerd__Cgroups__V2__IOEntry entry[MAX_DISKS];
    Io__Containerd__Cgroups__V2__IOEntry *list[MAX_DISKS];
};

/* "254:0 rbytes=1 wbytes=2 rios=3 wios=4 ..." */
static size_t io_stat(const char *dir, struct disks *ret)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    size_t n = 0;
    if (read_text(dir, "io.stat", &b) != CL_OK) {
        return 0;
    }
    char *rest = (char *)b.data;
    for (char *line = strsep(&rest, "\n"); line != NULL && n < MAX_DISKS;
         line = strsep(&rest, "\n")) {
        const char *colon = strchr(line, ':');
        if (colon != NULL) {
            Io__Containerd__Cgroups__V2__IOEntry *e = &ret->entry[n];
            io__containerd__cgroups__v2__ioentry__init(e);
            e->major = number(line);
            e->minor = number(colon + 1);
            e->rbytes = value_of(line, "rbytes", '=');
            e->wbytes = value_of(line, "wbytes", '=');
            e->rios = value_of(line, "rios", '=');
            e->wios = value_of(line, "wios", '=');
            ret->list[n++] = e;
        }
    }
    return n;
}

static enum cl_status pack_stats(const char *dir, struct cl_buf *out, struct cl_err *err)
{
    struct disks disks;
    Io__Containerd__Cgroups__V2__Metrics all;
    Io__Containerd__Cgroups__V2__PidsStat pids;
    Io__Containerd__Cgroups__V2__CPUStat cpu;
    Io__Containerd__Cgroups__V2__MemoryStat memory;
    Io__Containerd__Cgroups__V2__IOStat io;
    Io__Containerd__Cgroups__V2__MemoryEvents events;
    io__containerd__cgroups__v2__metrics__init(&all);
    io__containerd__cgroups__v2__pids_stat__init(&pids);
    io__containerd__cgroups__v2__cpustat__init(&cpu);
    io__containerd__cgroups__v2__memory_stat__init(&memory);
    io__containerd__cgroups__v2__iostat__init(&io);
    io__containerd__cgroups__v2__memory_events__init(&events);
    pids.current = read_number(dir, "pids.current");
    pids.limit = read_number(dir, "pids.max");
    pids.limit = pids.limit == UINT64_MAX ? 0 : pids.limit; /* as containerd says "none" */
    cpu_stat(dir, &cpu);
    memory_stat(dir, &memory);
    memory_events(dir, &events);
    io.n_usage = io_stat(dir, &disks);
    io.usage = disks.list;
    all.pids = &pids;
    all.cpu = &cpu;
    all.memory = &memory;
    all.io = &io;
    all.memory_events = &events;
    return pod_pack(&all.base, out, err);
}

POD_RUN(pod_stats)
{
    struct pod_container *c = take(p, m, err);
    if (c == NULL) {
        return CL_TTRPC_NOT_FOUND;
    }
    enum cl_status st = pack_stats(c->cgroup, out, err);
    give_back(c);
    return pod_code(st);
}
