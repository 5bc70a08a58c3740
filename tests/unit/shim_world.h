/* SPDX-License-Identifier: Apache-2.0
 * shim_world.h - a pod with everything around it played by the test, in one event loop: containerd
 * (the Task service's client, and the taker of events), a VM that is none, an agent whose answers
 * are chosen, images, and a specification that says in a few words what the real one would.
 */
#ifndef CL_TEST_SHIM_WORLD_H
#define CL_TEST_SHIM_WORLD_H

#include "host/serve.h"
#include "pod.h"
#include "translate.h"

#include "pod.pb-c.h"

#include <string.h>

#define WORLD_MAX_LINES 512
#define WORLD_MAX_KEPT 64
#define WORLD_PID 4242
#define WORLD_ANY_TIME 20000 /* ms that a test waits for what must come */

/* What the agent does with a method. */
enum reply { REPLY_OK, REPLY_CODE, REPLY_HOLD, REPLY_BYTES };

struct behaviour {
    const char *method;
    enum reply reply;
    int code; /* REPLY_CODE */
    const char *message;
    const void *bytes; /* REPLY_BYTES: code 0 and these */
    size_t len;
};

struct kept { /* a request that the agent has not answered */
    struct shim_rpc_call *call;
    char method[16];
    char who[180]; /* "c1", "c1/e1" */
};

struct answer { /* to a call of containerd's */
    bool done;
    int code;
    char message[600];
    struct cl_buf payload;
};

struct world {
    struct event_base *base;
    char dir[64];
    struct shim_daemon daemon;
    struct shim_config settings;
    struct shim_pod *pod;
    struct shim_service *service;
    struct shim_rpc *client; /* containerd */
    unsigned finished;

    /* events, "create c1", "exit c1/e1 137", as containerd gets them */
    int events_fd;
    struct event *events_ev;
    struct shim_rpc *events_rpc;
    char event[WORLD_MAX_LINES][200];
    size_t event_count;

    /* the VM */
    struct host_server *server; /* its stdio service, once it runs */
    struct shim_vm_callbacks vm;
    uint64_t vm_memory;
    unsigned vm_cpus;
    const struct cl_podnet *vm_net; /* that it was given; valid until its agent was told */
    bool vm_started;
    bool vm_fails;     /* to start */
    bool vm_slow;      /* the agent does not call by itself */
    bool vm_deaf;      /* to stop */
    unsigned vm_disks; /* bits of slots that were filled */
    unsigned vm_stops;
    struct event *vm_end_ev;
    struct event *vm_up_ev;

    /* the agent */
    struct shim_rpc *agent;
    struct behaviour behave[16];
    struct kept kept[WORLD_MAX_KEPT];
    size_t kept_count;
    char said[WORLD_MAX_LINES][240]; /* "Create c1", "Kill c1 9 all" */
    size_t said_count;
    struct cl_buf sandbox;   /* the last Sandbox request */
    bool agent_ends_on_kill; /* a signal that kills answers Wait */

    /* images */
    bool image_fails;
    bool image_holds;
    unsigned images; /* that are held */
};

extern int world_call_ms; /* that the agent has for an answer; before world_up() */
void world_up(struct world *w);
/* With another VM and other images; a test that is compiled with WORLD_REAL_SPEC takes the real
 * specification, too. */
void world_up_on(struct world *w, const struct shim_vm_ops *vm,
                 const struct shim_image_ops *images);
void world_down(struct world *w);
/* Turns the loop until nothing more happens. */
void world_settle(struct world *w);
/* Turns the loop until *flag. */
void world_until(struct world *w, const bool *flag);
/* Turns the loop for so long. */
void world_pass(struct world *w, int ms);

/* A bundle DIR/ID with config.json of this text. ret: its path. */
void world_bundle(struct world *w, const char *id, const char *config, char ret[static 160]);

/* --- containerd's calls. _begin: a is filled when the answer comes. */
void world_begin(struct world *w, const char *method, const ProtobufCMessage *m, struct answer *a);
void world_call(struct world *w, const char *method, const ProtobufCMessage *m, struct answer *a);
void answer_done(struct answer *a);
/* The same in short; return the code. */
int world_create(struct world *w, const char *id, const char *config, struct answer *a);
void world_create_begin(struct world *w, const char *id, const char *config, const char *in,
                        const char *out, const char *err, struct answer *a);
int world_start(struct world *w, const char *id, const char *exec, struct answer *a);
int world_exec(struct world *w, const char *id, const char *exec, struct answer *a);
int world_kill(struct world *w, const char *id, const char *exec, uint32_t sig, struct answer *a);
int world_delete(struct world *w, const char *id, const char *exec, struct answer *a);
void world_wait_begin(struct world *w, const char *id, const char *exec, struct answer *a);
int world_state(struct world *w, const char *id, const char *exec,
                Containerd__Task__V2__StateResponse **ret);
int world_status(struct world *w, const char *id, const char *exec); /* -code when there is none */
uint32_t wait_status(const struct answer *a); /* of a Wait that was answered */

/* --- the agent */
void agent_on(struct world *w, const struct behaviour *b); /* replaces the method's */
void agent_calls(struct world *w); /* connects, where vm_slow keeps it from doing so by itself */
void agent_exit(struct world *w, const char *who, uint32_t status); /* answers Wait */
/* Answers what is kept of a method. */
void agent_answer(struct world *w, const char *method, int code, const void *payload, size_t len);
/* Its end, non-blocking. process NULL: of the forwarded connection of that number. */
int agent_stream(struct world *w, const char *process, unsigned stream);
static inline bool agent_heard(const struct world *w, const char *line)
{
    for (size_t i = 0; i < w->said_count; i++) {
        if (strcmp(w->said[i], line) == 0) {
            return true;
        }
    }
    return false;
}
void vm_dies(struct world *w);

/* --- events */
bool event_is(const struct world *w, size_t index, const char *line);
size_t event_find(struct world *w, const char *line); /* index; turns the loop; fails the test */
bool event_seen(const struct world *w, const char *line);

#endif
