/* SPDX-License-Identifier: Apache-2.0
 * serve_internal.h - connections of the server, shared by the services.
 */
#ifndef HOST_SERVE_INTERNAL_H
#define HOST_SERVE_INTERNAL_H

#include "host/pump.h"
#include "host/serve.h"

struct relay_job; /* a thread that resolves and dials */

struct conn {
    struct conn *prev, *next;
    struct host_server *server;
    enum host_port port;
    int fd;    /* the guest's side; ours, non-blocking */
    int other; /* ours too: blob, the broker's side, a stream that its owner gave away; -1 */
    char process[HOST_PROCESS_SIZE]; /* stdio: whose */
    unsigned stream;                 /* stdio: 0, 1, 2 */
    bool forward;                    /* it carries one, and its end is told */
    char line[HOST_SERVE_LINE];
    size_t line_len;
    struct event *ev; /* waiting for the line, with a time limit; stdin: for the guest's close */
    struct host_pump *to_guest;
    struct host_pump *from_guest;
    struct relay_job *job;
};

struct host_server {
    struct host_server_config cfg;
    struct conn *conns;
    size_t count;
    bool agent_seen;
    struct listener {
        struct host_server *server;
        enum host_port port;
        int fd;
        struct event *ev;
    } listen[4];
    int note[2]; /* from the dialling threads to the loop */
    struct event *note_ev;
};

void serve_conn_free(struct conn *c);
/* The services. `line` is the request without its line end. Each owns the connection from then on.
 */
void serve_blob(struct conn *c, const char *line);
void serve_stdio(struct conn *c, const char *line);
void serve_relay(struct conn *c, const char *line);
void serve_forward(struct conn *c, const char *line);
/* Copies between the guest and fd (taken), with half-closes, until both ways have ended or one has
 * failed. The guest gets `head` first. */
void serve_both_ways(struct conn *c, int fd, const char *head, size_t len);
/* Relay: messages of the dialling threads; a connection goes away before its thread is ready. */
CL_NODISCARD enum cl_status serve_relay_init(struct host_server *s, struct cl_err *err);
void serve_relay_done(struct host_server *s);
void serve_relay_forget(struct conn *c);

#endif
