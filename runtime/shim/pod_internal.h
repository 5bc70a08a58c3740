/* SPDX-License-Identifier: Apache-2.0
 * pod_internal.h - the tables of a pod, and the steps that its files share.
 * Threads: all of it belongs to the loop's thread.
 */
#ifndef SHIM_POD_INTERNAL_H
#define SHIM_POD_INTERNAL_H

#include "cgroup.h"
#include "files.h"
#include "network.h"
#include "pod.h"
#include "streams.h"
#include "translate.h"

#include "pod.pb-c.h"

#define POD_STATUS_LOST 137u    /* of a process whose VM is gone: as if killed */
#define POD_STATUS_UNKNOWN 255u /* of a process whose end the agent did not tell sensibly */

enum proc_state { PROC_CREATING, PROC_CREATED, PROC_STARTING, PROC_RUNNING, PROC_STOPPED };

struct container;

/* A process: the init of a container (id empty) or a further one. */
struct proc {
    struct proc *next;
    struct container *c;
    char id[SHIM_ID_MAX + 1];
    enum proc_state state;
    bool started;     /* TaskStart was told: so must the exit be */
    bool ended;       /* the guest says so; STOPPED follows when its output is out */
    bool overdue;     /* and is not waited for any longer */
    bool deleting;    /* its Delete is under way */
    unsigned results; /* files that are being fetched */
    struct event
        *timer; /* from `ended` on: until overdue; before, of a SIGKILL: until the VM ends */
    struct shim_streams *io;
    struct shim_rpc_call *making; /* an Exec that waits for what takes the output; NULL */
    char *path[3];
    bool terminal;
    uint32_t exit_status;
    struct timespec exited_at;
    struct shim_rpc_call **waiter;
    size_t waiter_count;
};

/* A volume that goes with the container, unless another has it, too. */
struct own_volume {
    char name[SHIM_NAME_MAX + 1];
    char *result_path; /* of the host's file that gets what the container wrote; NULL: nothing does
                        */
};

/* A volume that the guest has: containers of a pod share them by name. */
struct volume_name {
    struct volume_name *next;
    char name[SHIM_NAME_MAX + 1];
    char *watched; /* the host's path of which changes are told; NULL: none */
    bool changed;  /* and not yet put into the guest */
    bool transient;
    bool unused; /* to be taken away */
};

/* A block device of the host in a slot of the VM. */
#define SHIM_FIRST_BLOCK_SLOT 3u
#define SHIM_MAX_BLOCKS 6u
struct block {
    char name[SHIM_NAME_MAX + 1]; /* of the volume */
    unsigned slot;
    bool read_only;
};

struct creation; /* create.c */
struct forwards; /* forward.c */

struct container {
    struct container *next;
    struct shim_pod *pod;
    char id[SHIM_ID_MAX + 1];
    char *bundle;
    enum shim_kind kind;
    bool in_guest; /* the agent has it, or may have it */
    bool paused;
    struct creation *creation; /* while CREATING */
    struct shim_image *image;
    struct own_volume *own;
    size_t own_count;
    struct proc init;
    struct proc *execs;
};

struct shim_pod {
    struct shim_pod_config cfg;
    struct shim_vm *vm;
    bool vm_ended;        /* and there will not be another */
    char why[256];        /* it ended */
    uint64_t memory;      /* of the VM, bytes */
    pid_t vm_pid;         /* as last known; told for every process */
    uint32_t kill_signal; /* that the sandbox was ended with; 0: it was not */
    struct shim_rpc *agent;
    struct job *jobs;
    struct container *containers;
    size_t container_count;
    size_t exec_count;           /* of all containers */
    struct volume_name *volumes; /* that the guest has */
    struct block block[SHIM_MAX_BLOCKS];
    size_t block_count;
    uint64_t generation;          /* of the next files */
    unsigned fillings;            /* volumes of so many containers are being filled, or one is being
                                     taken away */
    bool refreshing;              /* one volume is */
    struct shim_watch *watch;     /* NULL: none is watched */
    unsigned events;              /* since the last pause */
    struct event *event_timer;    /* before the agent is asked for its next event */
    struct shim_network *network; /* NULL: none, or left */
    struct forwards *forwards;    /* NULL: no ports are forwarded */
    struct shim_cgroup *cgroup;   /* that we are in; NULL */
};

/* --- pod.c */
bool id_good(const char *id); /* 1 to SHIM_ID_MAX of A-Z a-z 0-9 _ . - (I-10.1) */
#define ID_EXPECTED "%s: expected 1 to 76 characters of A-Z a-z 0-9 _ . -, got '%.100s'"
struct container *pod_find(const struct shim_pod *pod, const char *id);
/* exec_id empty or NULL: the container's own. NULL with err when there is none. */
struct proc *pod_find_proc(const struct shim_pod *pod, const char *id, const char *exec_id,
                           struct cl_err *err);
/* images_signatures.c: as host/serve.h's open_signature; ctx is the pod. */
CL_NODISCARD enum cl_status pod_open_signature(void *ctx, const char *name, int *ret_fd,
                                               uint64_t *ret_size, struct cl_err *err);
/* Boots the VM. Then creation_booted(), or creation_failed() of the creation. */
CL_NODISCARD enum cl_status pod_boot(struct shim_pod *pod, const struct shim_vm_config *vm,
                                     struct cl_err *err);
/* There is no VM (any more). */
void pod_leave_network(struct shim_pod *pod);
/* Writes down what `delete` must end or undo, should this process be killed. */
void pod_note_leftovers(const struct shim_pod *pod);
/* Asks the VM to end, if there is one. */
void pod_stop_vm(struct shim_pod *pod, const char *why);
/* Asks for events, as long as the agent has some. */
void pod_ask_events(struct shim_pod *pod);
void pod_container_free(struct container *c); /* takes it out of the pod's table */
uint32_t pod_pid(const struct shim_pod *pod);
/* Calls of this process (all, when it is a container's own) find it gone when they are answered. */
void pod_forget_proc(struct shim_pod *pod, const struct proc *p);

/* --- agent.c: calls to the agent */
struct job {
    struct job *prev;
    struct job *next;
    struct shim_pod *pod;
    struct proc *proc;          /* that it is about; NULL: none, or gone */
    struct shim_rpc_call *call; /* to be answered; NULL: none */
    char container_id[SHIM_ID_MAX + 1];
    char exec_id[SHIM_ID_MAX + 1];
    void *ctx;
    /* Once. Answers j->call if there is one. code 0: payload is the answer, at most
     * SHIM_ANSWER_MAX bytes. The job is freed afterwards. */
    void (*done)(struct job *j, enum shim_code code, const char *message, const void *payload,
                 size_t len);
};
#define SHIM_ANSWER_MAX (128u << 10)

struct job_spec {
    struct proc *proc; /* NULL: none */
    struct shim_rpc_call *call;
    const char *method;
    const ProtobufCMessage *request;
    int timeout_ms;
    void *ctx;
    void (*done)(struct job *j, enum shim_code code, const char *message, const void *payload,
                 size_t len);
};
/* `done` is called in any case, perhaps at once. */
void pod_call(struct shim_pod *pod, const struct job_spec *spec);
/* A `done` that answers j->call: empty, or the agent's refusal. */
void job_answer_empty(struct job *j, enum shim_code code, const char *message, const void *payload,
                      size_t len);
void job_refuse(const struct job *j, enum shim_code code, const char *message);
/* Nobody is told. */
void job_ignore(struct job *j, enum shim_code code, const char *message, const void *payload,
                size_t len);

/* --- create.c */
void pod_create(void *ctx, struct shim_rpc_call *call,
                const Containerd__Task__V2__CreateTaskRequest *r);
/* No volumes are being filled: the next container that waits for that may have its own filled. */
void creations_go_on(struct shim_pod *pod);
void creation_spawned(struct creation *cr); /* the VM runs: time does, too */
void creation_booted(struct creation *cr);
void creation_failed(struct creation *cr, enum shim_code code, const char *message);
/* SHIM_CODE for a status of ours. */
enum shim_code code_of(enum cl_status st);

/* --- process.c */
/* Fills what a new process has; the strings are copied. */
CL_NODISCARD enum cl_status proc_init(struct proc *p, struct container *c, const char *id,
                                      bool terminal, const char *in, const char *out,
                                      const char *errors, struct cl_err *err);
void proc_done(struct proc *p); /* its waiters are answered */
void proc_wait(struct proc *p); /* asks the agent when it ends */
/* The guest says that it ended, or is gone itself. */
void proc_ended(struct proc *p, uint32_t status);
/* Told as it is, without waiting for anything. */
void proc_finish(struct proc *p);
void proc_check(struct proc *p); /* is everything there that its end waits for? */
void proc_arm(struct proc *p, int ms);
void pod_start(void *ctx, struct shim_rpc_call *call, const Containerd__Task__V2__StartRequest *r);
void pod_exec(void *ctx, struct shim_rpc_call *call,
              const Containerd__Task__V2__ExecProcessRequest *r);
void pod_kill(void *ctx, struct shim_rpc_call *call, const Containerd__Task__V2__KillRequest *r);
void pod_resize(void *ctx, struct shim_rpc_call *call,
                const Containerd__Task__V2__ResizePtyRequest *r);
/* Code 9: "expected <expected>, got <its state>". */
void proc_refuse(struct shim_rpc_call *call, const struct proc *p, const char *expected);
void pod_wait(void *ctx, struct shim_rpc_call *call, const Containerd__Task__V2__WaitRequest *r);

/* --- delete.c */
void pod_delete(void *ctx, struct shim_rpc_call *call,
                const Containerd__Task__V2__DeleteRequest *r);

/* --- exec.c */
void exec_free(struct proc *p); /* takes it out of its container's list */

/* --- forward.c: ports of the pod (I-10.5) */
/* From now on connections to the loopback addresses of the pod's namespace are the guest's. A node
 * whose kernel cannot is said so; the pod goes on. */
void forwards_begin(struct shim_pod *pod);
/* Resets those that wait. Fine when there are none. */
void forwards_end(struct shim_pod *pod);
/* The guest has a connection for the one of this number, once; *ret_fd is the caller's. */
bool forwards_take(struct shim_pod *pod, uint64_t id, int *ret_fd);
/* One that was taken has ended. */
void forwards_one_ended(struct shim_pod *pod);

/* --- volume.c */
/* Makes the volumes of a container that the guest does not have yet, and fills them; then calls
 * `next`, with what went wrong or SHIM_CODE_OK. Nothing is called when the process goes away. */
void volumes_make(struct proc *p, const struct shim_spec *spec,
                  void (*next)(struct proc *p, enum shim_code code, const char *message));
/* Fetches the container's results; p->results counts them. */
void volumes_fetch_results(struct proc *p);
void volumes_done(struct shim_pod *pod);
/* Now that a container is gone from the pod's table: takes away what no container has any more, as
 * soon as nothing is being filled. */
void volumes_drop_unused(struct shim_pod *pod);
/* pod->fillings went down: whatever waited for that goes on. */
void volumes_idle(struct shim_pod *pod);
/* Puts the next of the files into a volume, *file advances; then `done`, perhaps at once. p: NULL:
 * of no process. */
void volume_put(struct shim_pod *pod, struct proc *p, const char *name,
                const struct shim_files *files, size_t *file, uint64_t generation, void *ctx,
                void (*done)(struct job *j, enum shim_code code, const char *message,
                             const void *payload, size_t len));

/* --- block.c */
/* The slot in which v, of kind BLOCK, is from now on. CL_ERR_REJECTED says what is wrong with it.
 */
CL_NODISCARD enum cl_status block_attach(struct shim_pod *pod, const struct shim_volume *v,
                                         unsigned *ret_slot, struct cl_err *err);

/* --- refresh.c */
/* Changes of the folder will be brought into the guest. Before it is read. */
void volume_watch(struct shim_pod *pod, struct volume_name *v, const char *path);
/* Begins with a volume that has changed, if one has and nothing else is being put. */
void volumes_refresh(struct shim_pod *pod);

#endif
