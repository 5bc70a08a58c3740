/* SPDX-License-Identifier: Apache-2.0
 * pod_rig.h - runs the agent's pod service on this machine, as the first process of namespaces of
 * its own, with a host of the test's that serves blobs, takes streams and calls.
 */
#ifndef CL_TEST_POD_RIG_H
#define CL_TEST_POD_RIG_H

#include "agent_image.h"
#include "check_main.h"

#include "base/buf.h"
#include "pod.h"
#include "pod.pb-c.h"
#include "rpc/ttrpc.h"

/* Runs `suite` as process 1 of new namespaces; says SKIP, and gives success, where the machine does
 * not allow it (not root, no crun, no cgroup v2). */
int pod_rig_run(int argc, char **argv, Suite *(*suite)(void));

#define RIG_STREAMS 1024u

struct rig_stream {
    char name[200]; /* "<container>[/<exec>] <n>", "CLFWD1 <id>" */
    int fd;
    bool ended;
    struct cl_buf data;
};

struct agent_blockvol;
struct rig {
    struct fake_host host; /* first: host_dial() finds it */
    uint8_t manifest[CL_SHA256_SIZE];
    char digest[CL_OCI_DIGEST_SIZE];
    struct agent_pod *pod;
    struct cl_ttrpc_server *server;
    pthread_t serving;
    int fd; /* our end of the connection */
    uint32_t next_stream;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t reading;
    struct {
        uint32_t stream;
        bool taken;
        struct cl_ttrpc_response r;
    } answer[1024];
    size_t answer_count;
    struct rig_stream stream[RIG_STREAMS];
    size_t stream_count;
    bool hold_output;    /* the host does not read what comes */
    const char *disk[9]; /* devices in block slots; NULL: empty */
    /* Stands in for the device mapper; NULL: nothing does. */
    enum cl_status (*open_volume)(const struct agent_blockvol *v, char ret_path[static 32],
                                  struct cl_err *err);
    bool read_only_root;    /* of what rig_create() makes */
    const char *capability; /* one that it gets; NULL: none */
    const char *name;       /* Create.name; NULL: none */
    const char *env;        /* JSON strings, of containers and execs; NULL: PATH=/ */
    /* Set before the first call: what was measured of the pod, once its image is known. Then the
     * image is encrypted with `kek`. NULL: nothing was. */
    void (*measure)(struct agent_pod_measured *ret);
    struct cl_secret kek;
};

/* One rig for the whole program: a guest serves one pod. */
extern struct rig rig;

/* Sends a call; *ret its stream. */
uint32_t rig_send(const char *method, const ProtobufCMessage *m);
/* Its answer, which must come within timeout_ms; false when it does not. Freed with
 * cl_ttrpc_response_done(). */
bool rig_answer(uint32_t stream, int timeout_ms, struct cl_ttrpc_response *ret);
/* Both; the code. `ret` may be NULL. The message is kept in rig_message. */
int rig_call(const char *method, const ProtobufCMessage *m, struct cl_ttrpc_response *ret);
extern char rig_message[CL_ERR_MSG_SIZE];

/* A container with these arguments (ends with NULL) and default everything; the code of Create.
 * more: JSON members for the specification, NULL or beginning with a comma. */
int rig_create(const char *id, const char *more, const char *mounts, const char *const *args);
int rig_start(const char *id, const char *exec);
/* The exit status; fails the test when it does not come. */
unsigned rig_wait(const char *id, const char *exec);
int rig_kill(const char *id, const char *exec, unsigned signo, bool all);
int rig_delete(const char *id, const char *exec);
int rig_exec(const char *id, const char *exec, bool terminal, const char *const *args);
/* Sandbox with these; the code. */
int rig_sandbox(const char *hostname, bool share_processes);
/* A volume of a kind (the numbers of pod.proto); the code. */
int rig_volume(const char *name, unsigned kind, uint64_t size);
/* A block volume; the code. */
int rig_block(const char *name, unsigned slot);
/* One file of a generation, and whether it is the last one; link NULL: a file with `data`. */
int rig_put(const char *volume, uint64_t generation, const char *path, const char *data,
            const char *link, bool last);
/* The file's bytes (owned by the caller), or NULL and *ret_code. */
char *rig_get(const char *volume, const char *path, int *ret_code);
/* Pause, Resume, Stats, Pids. */
int rig_about(const char *method, const char *id, struct cl_ttrpc_response *ret);
/* create, start, wait, delete; standard output (borrowed until the next call). */
const char *rig_run(const char *id, const char *more, const char *mounts, const char *const *args,
                    unsigned *ret_status);
/* What came on stream n so far, once it ended or `text` is in it. */
const char *rig_output(const char *name, unsigned n, const char *text);
/* Writes to a process's standard input, or ends it (data NULL). */
void rig_input(const char *name, const char *data);
struct rig_stream *rig_stream_find(const char *name, unsigned n);

#endif
