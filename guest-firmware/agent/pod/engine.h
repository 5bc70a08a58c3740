/* SPDX-License-Identifier: Apache-2.0
 * engine.h - the state that the parts of the pod service share. Everything in it is guarded by
 * agent_pod.lock, but what a worker has to itself while an object is in one of the states that end
 * in -ing.
 */
#ifndef AGENT_ENGINE_H
#define AGENT_ENGINE_H

#include "agent/podspec.h"
#include "base/buf.h"
#include "base/digest.h"
#include "cloister/pod_policy.h"
#include "crun.h"
#include "pod.h"
#include "pod.pb-c.h"
#include "streams.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#define POD_MAX_ENDS 64u
#define POD_PATH_SIZE                                                                              \
    160u /* of paths that we make: ids are not in them, but in those of cgroups                    \
          */

/* --- calls.c: what is asked, and the queue of what workers do --------------------------------- */

struct pod_job {
    struct pod_job *next;
    struct cl_ttrpc_call call;
    const struct pod_method *method;
    ProtobufCMessage *request; /* owned */
};

struct pod_queue {
    struct pod_job *first;
    struct pod_job **last;
    unsigned workers;
    unsigned idle;
    pthread_cond_t changed;
};

struct pod_waiter {
    struct pod_waiter *next;
    struct cl_ttrpc_call call;
};

/* --- process.c -------------------------------------------------------------------------------- */

enum pod_process_state {
    POD_MADE,     /* an exec that was not started */
    POD_STARTING, /* crun is at it */
    POD_RUNNING,  /* there is a process: of a container, perhaps not started yet */
    POD_DRAINING, /* it has ended; output is on its way */
    POD_DONE,
};

struct pod_process {
    struct pod_process *next; /* among a container's execs */
    struct pod_container *container;
    struct agent_pod *pod;
    char id[AGENT_POD_MAX_ID + 1]; /* of the exec; empty: the container's init */
    enum pod_process_state state;
    bool busy; /* some worker has it: it must not be freed */
    pid_t pid; /* 0: not known yet */
    unsigned status;
    unsigned outputs; /* streams that have not ended */
    struct agent_stdio io;
    bool terminal;
    int console; /* master; -1: none */
    uint32_t rows;
    uint32_t cols;
    json_t *spec; /* of an exec that was not started; owned */
    struct pod_waiter *waiters;
};

/* A child of ours that is waited for by a worker: crun. */
struct pod_child {
    struct pod_child *next;
    pid_t pid;
    bool ended;
    int status;
};

/* --- container.c ------------------------------------------------------------------------------ */

enum pod_container_state {
    POD_CREATING,
    POD_CREATED,
    POD_BEGINNING, /* crun start */
    POD_STARTED,   /* whether it still runs, its init says */
    POD_DELETING,
};

struct pod_container {
    struct pod_container *next;
    struct agent_pod *pod;
    char id[AGENT_POD_MAX_ID + 1];
    char dir[POD_PATH_SIZE];
    char layer[POD_PATH_SIZE]; /* what it writes; the same as dir without a disk */
    char cgroup[POD_PATH_SIZE + AGENT_POD_MAX_ID]; /* absolute */
    enum pod_container_state state;
    unsigned users; /* workers that use it: it must not be deleted */
    struct pod_process init;
    struct pod_process *execs;
    unsigned bind_count;        /* of our own bind mounts below dir */
    struct pod_volume **volume; /* owned array: what it mounts, each counted in its users */
    size_t volume_count;
    bool mounted; /* its root is */
    bool shares_pid;
    const struct cl_pod_policy_container *policy; /* NULL: none */
    json_t *user;  /* of its processes, under a policy; owned; NULL: not known yet */
    int oom_score; /* of its processes */
    bool oom;      /* the host was not told yet */
    uint64_t oom_kills;
    int watch; /* inotify's, of memory.events; -1: none */
};

/* --- store.c ---------------------------------------------------------------------------------- */

struct pod_image {
    struct pod_image *next;
    uint8_t digest[CL_SHA256_SIZE];
    bool encrypted; /* every layer had to be */
    bool fetching;
    bool ready;
    unsigned waiting; /* for `fetching` to end */
    struct cl_err err;
};

/* --- volume.c --------------------------------------------------------------------------------- */

struct pod_volume {
    struct pod_volume *next;
    char name[AGENT_POD_MAX_NAME + 1];
    char dir[POD_PATH_SIZE];
    int kind;                       /* Cloister__Pod__V1__VolumeRequest__Kind */
    unsigned slot;                  /* of kind BLOCK */
    char disk[AGENT_POD_DISK_PATH]; /* of kind BLOCK: the guest's device */
    char opened[32];                /* the device above it, with a key; empty: not open */
    const struct cl_pod_volume *is; /* of kind BLOCK: what it turned out to be; NULL: not known */
    bool mounted;                   /* dir is a tmpfs */
    bool busy;                      /* a worker writes files */
    unsigned users;      /* containers that mount it, workers that read it: it must not be freed */
    uint64_t generation; /* in place; 0: none */
    uint64_t staged;     /* being written; 0: none */
    uint64_t staged_size;
    unsigned staged_count;
};

struct agent_pod {
    struct agent_pod_config config;
    struct agent_pod_measured measured;            /* policy NULL: nothing was */
    bool ended_well[CL_POD_POLICY_MAX_CONTAINERS]; /* of the policy's containers: with status 0 */
    const char *data; /* where what is large goes: config.dir, or on a disk */
    struct agent_crun crun;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a child, process, image, container or the pod's own state */
    enum { POD_UNDECIDED, POD_SERVING, POD_REFUSING } mode;
    enum cl_ttrpc_code refusal;
    char refusal_text[CL_ERR_MSG_SIZE + 48];
    bool hung_up;
    bool stopping;
    bool stopped;          /* Stop was answered */
    unsigned pending;      /* calls without an answer */
    struct pod_queue slow; /* Create */
    struct pod_queue quick;
    uint64_t counter; /* for names of files */
    bool sandbox_begun;
    bool sandbox;    /* Sandbox was answered */
    pid_t pause_pid; /* holds the shared PID namespace; 0: none yet */
    struct pod_container *containers;
    size_t container_count;
    size_t process_count;
    struct pod_child *children;
    unsigned spawning; /* runs of crun that will tell a pid */
    struct {
        pid_t pid;
        int status;
    } end[POD_MAX_ENDS]; /* of nobody we know yet, while spawning */
    size_t end_count;
    struct pod_image *images;
    struct pod_volume *volumes;
    size_t volume_count;
    unsigned forwards; /* connections to ports */
    struct pod_waiter *event_waiters;
    int inotify; /* -1: none */
};

/* A code for a status, where nothing better is known. */
enum cl_ttrpc_code pod_code(enum cl_status st);
/* Fills err and gives the code. */
CL_PRINTF(3, 4)
enum cl_ttrpc_code pod_error(struct cl_err *err, enum cl_ttrpc_code code, const char *fmt, ...);

/* What workers do. err is filled unless CL_TTRPC_OK is given; out is the encoded answer. */
struct pod_method {
    const char *name;
    const ProtobufCMessageDescriptor *request;
    /* Exactly one of these. `now` is called by the thread that reads, with the lock held, and
     * answers by itself, soon or later. */
    enum cl_ttrpc_code (*run)(struct agent_pod *p, const ProtobufCMessage *m, struct cl_buf *out,
                              struct cl_err *err);
    void (*now)(struct agent_pod *p, struct cl_ttrpc_call call, const ProtobufCMessage *m);
    bool slow;
    bool before_sandbox; /* may be called before Sandbox */
};

#define POD_RUN(name)                                                                              \
    enum cl_ttrpc_code name(struct agent_pod *p, const ProtobufCMessage *m, struct cl_buf *out,    \
                            struct cl_err *err)
#define POD_NOW(name)                                                                              \
    void name(struct agent_pod *p, struct cl_ttrpc_call call, const ProtobufCMessage *m)

/* calls.c */
/* With the lock held: the answer to a call that was counted. */
void pod_answer(struct agent_pod *p, struct cl_ttrpc_call call, enum cl_ttrpc_code code,
                const char *message, const struct cl_buf *payload);
CL_NODISCARD enum cl_status pod_pack(const ProtobufCMessage *m, struct cl_buf *out,
                                     struct cl_err *err);
CL_NODISCARD enum cl_status pod_queue_init(struct pod_queue *q, struct cl_err *err);
void pod_calls_begin(struct agent_pod *p); /* lets workers at what came before */
void pod_calls_refuse(struct agent_pod *p);
void pod_call(void *ctx, struct cl_ttrpc_call call, const struct cl_ttrpc_request *r);

/* sandbox.c */
POD_RUN(pod_sandbox);
POD_RUN(pod_stop);
/* With the lock held: kills every process of every container. */
void pod_kill_all(struct agent_pod *p);
/* The process whose PID namespace the containers share. *ret_pid stays until the pod's end. */
CL_NODISCARD enum cl_status pod_pause(struct agent_pod *p, pid_t *ret_pid, struct cl_err *err);

/* policy.c: what the host asks for against the measured policy. All is well when there is none. */
CL_NODISCARD enum cl_status pod_policy_sandbox(const struct agent_pod *p,
                                               const Cloister__Pod__V1__SandboxRequest *r,
                                               struct cl_err *err);
CL_NODISCARD enum cl_status pod_policy_volume(const struct agent_pod *p, const char *name, int kind,
                                              struct cl_err *err);
CL_NODISCARD enum cl_status pod_policy_put(const struct agent_pod *p, const char *volume,
                                           struct cl_err *err);
CL_NODISCARD enum cl_status pod_policy_get(const struct agent_pod *p, const char *volume,
                                           struct cl_err *err);
CL_NODISCARD enum cl_status pod_policy_forward(const struct agent_pod *p, uint16_t port,
                                               struct cl_err *err);
/* With the lock held: whether a container that the policy calls `c` may be made now. */
CL_NODISCARD enum cl_status pod_policy_turn(const struct agent_pod *p,
                                            const struct cl_pod_policy_container *c,
                                            struct cl_err *err);
/* With the lock held: a process has ended, perhaps an init container. */
void pod_policy_ended(const struct pod_process *x);
/* Whether the policy wants this image encrypted, for c or for any container of the same digest. */
bool pod_policy_encrypted(const struct agent_pod *p, const struct cl_pod_policy_container *c,
                          const uint8_t manifest[static CL_SHA256_SIZE]);
/* Whom c's processes run as: the policy's numbers, or its name as the image has it; with the
 * policy's groups and those that the image gives the user. Without a policy: whom the host says, by
 * number, or by a name of the image. */
CL_NODISCARD enum cl_status pod_policy_user(struct pod_container *c, const char *image,
                                            struct agent_podspec *spec, struct cl_err *err);

/* store.c */
CL_NODISCARD enum cl_status pod_store_begin(struct agent_pod *p, struct cl_err *err);
/* That a signature of the manifest fits the policy's rule; CL_OK where there is no rule. Blocks. */
CL_NODISCARD enum cl_status pod_image_signed(struct agent_pod *p,
                                             const struct cl_pod_policy_container *c,
                                             const uint8_t digest[static CL_SHA256_SIZE],
                                             struct cl_err *err);
/* The directory of an image's root, fetched when it is not there. encrypted: every layer must be.
 * Blocks. */
CL_NODISCARD enum cl_status pod_image_get(struct agent_pod *p,
                                          const uint8_t digest[static CL_SHA256_SIZE],
                                          bool encrypted, char ret_dir[static POD_PATH_SIZE],
                                          struct cl_err *err);

/* container.c */
POD_RUN(pod_create);
POD_RUN(pod_delete);
POD_RUN(pod_pause_container);
POD_RUN(pod_resume_container);
POD_RUN(pod_update);
/* With the lock held; NULL: err is filled (code 5). */
struct pod_container *pod_container_find(struct agent_pod *p, const char *id, struct cl_err *err);
struct pod_process *pod_process_find(struct agent_pod *p, const char *container, const char *exec,
                                     struct cl_err *err);
/* With the lock held: it still has a process. */
bool pod_process_lives(const struct pod_process *x);

/* rootfs.c: what a container stands on; without the lock. */
CL_NODISCARD enum cl_status pod_rootfs_make(struct pod_container *c, const char *image,
                                            struct agent_podspec *spec, struct cl_err *err);
void pod_rootfs_remove(struct pod_container *c);
/* A directory of ours becomes a mount of the container that the host did not ask for. */
CL_NODISCARD enum cl_status pod_rootfs_bind(struct pod_container *c, const char *dir,
                                            const char *destination, bool read_only,
                                            struct agent_podspec *spec, struct cl_err *err);
/* A directory with all in it. Best effort: what is nested too deep stays. */
void pod_remove_tree(const char *path);
CL_NODISCARD enum cl_status pod_add_devices(struct agent_podspec *spec, struct cl_err *err);

/* process.c */
POD_RUN(pod_exec);
POD_RUN(pod_start);
POD_RUN(pod_kill);
POD_NOW(pod_wait);
POD_NOW(pod_resize);
void pod_process_init(struct pod_process *x, struct pod_container *c);
void pod_process_done(struct pod_process *x); /* not without the lock, unless nobody knows it */
/* With the lock held: who waits for a process that will never end is told so. */
void pod_process_forget(struct pod_process *x);
/* Its number in the names of files that belong to it. With the lock held. */
uint64_t pod_next_number(struct agent_pod *p);
/* Connects what the host wants carried; then `outputs` is set. Without the lock. */
CL_NODISCARD enum cl_status pod_process_open(struct pod_process *x, const bool stream[static 3],
                                             struct cl_err *err);
/* Runs `crun VERB OPTION ... ID`, and takes over the process that it leaves. Without the lock. */
CL_NODISCARD enum cl_status pod_process_spawn(struct pod_process *x, const char *verb,
                                              const char *option, struct cl_err *err);
/* With the lock held: told by the reaper, and by the stream that ends last. */
void pod_process_ended(struct pod_process *x, int wait_status);

/* reap.c */
CL_NODISCARD enum cl_status pod_reap_begin(struct agent_pod *p, struct cl_err *err);
/* With the lock held: whether this child was reaped while nobody knew whose it was. */
bool pod_reaped(const struct agent_pod *p, pid_t pid, int *ret_status);
/* Runs crun to its end, with agent_crun_spawn()'s score. CL_ERR_UNAVAILABLE with its own words when
 * it fails. */
CL_NODISCARD enum cl_status pod_crun(struct agent_pod *p, const char *const *args,
                                     const int fds[static 3], const char *log, int oom_score,
                                     struct cl_err *err);
/* The same with /dev/null and a log of its own in the container's directory. */
CL_NODISCARD enum cl_status pod_crun_quiet(struct pod_container *c, const char *const *args,
                                           struct cl_err *err);

/* cgroup.c */
POD_RUN(pod_stats);
POD_RUN(pod_pids);
CL_NODISCARD enum cl_status pod_cgroup_begin(struct agent_pod *p, struct cl_err *err);
/* Signals every process below the cgroup. */
void pod_cgroup_signal(const struct pod_container *c, int signo);
/* oom_kill of memory.events; 0 when it cannot be read. */
uint64_t pod_cgroup_oom_kills(const struct pod_container *c);

/* oom.c */
POD_NOW(pod_next_event);
CL_NODISCARD enum cl_status pod_oom_begin(struct agent_pod *p, struct cl_err *err);
/* With the lock held. */
void pod_oom_watch(struct pod_container *c);
void pod_oom_unwatch(struct pod_container *c);
void pod_oom_check(struct pod_container *c);

/* forward.c */
POD_NOW(pod_forward);

/* volume.c, files.c */
POD_RUN(pod_make_volume);
POD_RUN(pod_remove_volume);
POD_RUN(pod_put_files);
POD_RUN(pod_get_file);
/* block.c, without the lock: device i of a container. */
CL_NODISCARD enum cl_status pod_block_give(struct pod_container *c, struct agent_podspec *spec,
                                           size_t i, struct cl_err *err);
/* A block volume that a container has no longer: what was written is written. */
void pod_block_rest(struct agent_pod *p, struct pod_volume *v);
/* With the lock held; NULL: there is none. */
struct pod_volume *pod_volume_find(struct agent_pod *p, const char *name);
/* Without the lock: the volume stays as long as c uses it. CL_ERR_MALFORMED: there is none. */
CL_NODISCARD enum cl_status pod_volume_use(struct pod_container *c, const char *name, size_t max,
                                           struct pod_volume **ret_v, struct cl_err *err);
/* Without the lock: c uses none any more. */
void pod_volumes_unuse(struct pod_container *c);
/* Opens `path` below a volume's root (O_PATH), made as a directory in a volume that containers may
 * write when it is not there. Without the lock. */
CL_NODISCARD enum cl_status pod_volume_open(const struct pod_volume *v, const char *path,
                                            int *ret_fd, struct cl_err *err);

#endif
