/* SPDX-License-Identifier: Apache-2.0
 * serve.h - what the host serves to one guest over vsock (docs/interfaces.md I-4): the agent's
 * connection, blobs, the relay to the broker, the container's stdio.
 * Trust: the guest is hostile. It gets the blobs of its image and no others, the broker that
 *        operator and initdata both name, and the streams that initdata allows, each once.
 * Threads: the loop's; names are resolved and dialled in detached threads that share nothing with
 *        it but a message. Memory: at most CLI_SERVE_MAX connections, a pump or two each.
 */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include "allow.h"
#include "image/image.h"

#include <event2/event.h>
#include <stdbool.h>

#define CLI_SERVE_MAX 64u
#define CLI_SERVE_LINE 512u    /* bytes of a request line */
#define CLI_SERVE_LINE_S 30    /* seconds until it must be there */
#define CLI_RELAY_TIMEOUT_S 20 /* to connect */

enum cli_port { CLI_PORT_AGENT = 1024, CLI_PORT_BLOB, CLI_PORT_RELAY, CLI_PORT_STDIO };

struct cli_server; /* opaque */

struct cli_server_config {
    struct event_base *base;
    struct cl_image *image; /* borrowed */
    struct cli_allow allow;
    const char *container_id; /* borrowed */
    int stdio[3];             /* borrowed; -1: the host does not carry this stream */
    /* The agent's connection, once; takes the descriptor. */
    void (*on_agent)(void *ctx, int fd);
    /* An output stream has ended and is written out. */
    void (*on_output_end)(void *ctx);
    void *ctx;
};

CL_NODISCARD enum cl_status cli_server_new(const struct cli_server_config *cfg,
                                           struct cli_server **ret_s, struct cl_err *err);
void cli_server_free(struct cli_server *s); /* NULL is fine */
/* Listens on DIR/guest_1024.sock to guest_1027.sock. */
CL_NODISCARD enum cl_status cli_server_listen(struct cli_server *s, const char *dir,
                                              struct cl_err *err);
/* One connection, as if accepted on that port. Takes the descriptor. */
void cli_server_take(struct cli_server *s, enum cli_port port, int fd);
/* Output of the container is still on its way to our stdout or stderr. */
bool cli_server_output_pending(const struct cli_server *s);
size_t cli_server_connections(const struct cli_server *s);

#endif
