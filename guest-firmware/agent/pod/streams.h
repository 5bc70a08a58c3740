/* SPDX-License-Identifier: Apache-2.0
 * streams.h - bytes between a process of a container and the host (I-4.3): one connection and one
 * thread for each stream. The process gets pipes (or a terminal) and never the connection itself.
 * Trust: neither side is; a host that does not read holds up only the stream that it does not read.
 * Threads: the functions of one object belong to one thread at a time. Memory: 32 KiB and a stack
 * of 64 KiB for each stream that moves bytes.
 */
#ifndef AGENT_STREAMS_H
#define AGENT_STREAMS_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>

#define AGENT_STREAMS 3u

struct agent_stdio {
    bool terminal;
    bool linger;              /* wait (5 s) until the host has closed a stream that has ended */
    int child[AGENT_STREAMS]; /* what the process gets as 0, 1, 2; -1 once closed */
    int ours[AGENT_STREAMS];  /* our ends; -1: none, or a thread has it */
    int host[AGENT_STREAMS];  /* connections; the same */
    int ended;                /* eventfd: the process has ended */
    pthread_t thread[AGENT_STREAMS];
    bool running[AGENT_STREAMS];
    /* Called by the thread of an output stream when the host was told of its end; NULL: nobody. */
    void (*closed)(void *ctx);
    void *ctx;
};

struct agent_stdio_want {
    const char *id; /* "<container>[/<exec>]" */
    bool terminal;
    bool stream[AGENT_STREAMS]; /* which ones the host may carry; with a terminal never the third */
    /* A connection to the host's stdio port. */
    enum cl_status (*dial)(void *ctx, int *ret_fd, struct cl_err *err);
    void *dial_ctx;
};

void agent_stdio_init(struct agent_stdio *s);
/* Connects the streams and makes the pipes. */
CL_NODISCARD enum cl_status
agent_stdio_open(struct agent_stdio *s, const struct agent_stdio_want *want, struct cl_err *err);
/* Output streams that will call `closed`, once _pump was called. */
unsigned agent_stdio_outputs(const struct agent_stdio *s);
/* With a terminal: its master, duplicated. */
CL_NODISCARD enum cl_status agent_stdio_console(struct agent_stdio *s, int master,
                                                struct cl_err *err);
/* Closes our copies of what the process got, and starts to move bytes. */
CL_NODISCARD enum cl_status agent_stdio_pump(struct agent_stdio *s, struct cl_err *err);
/* The process has ended: input stops; what others that hold its output still write counts for 10 s,
 * and the host has 30 s more to take it. From any thread. */
void agent_stdio_end(struct agent_stdio *s);
/* Waits for the threads (after _end) and closes everything. */
void agent_stdio_done(struct agent_stdio *s);

#endif
