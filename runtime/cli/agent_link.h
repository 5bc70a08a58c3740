/* SPDX-License-Identifier: Apache-2.0
 * agent_link.h - the calls to the agent (which block) in threads of their own, their answers in the
 * event loop.
 * Trust: the guest is hostile; base/rpc bounds and checks its answers.
 * Threads: callbacks come in the loop; one thread starts and waits, one sends signals and sizes.
 * Memory: one outcome, and pipes.
 */
#ifndef CLI_AGENT_LINK_H
#define CLI_AGENT_LINK_H

#include "rpc/agent_client.h"

#include <event2/event.h>

#define CLI_AGENT_START_MS 120000 /* for the agent to hear the request; it works after that */

struct cli_agent; /* opaque */

struct cli_agent_callbacks {
    void (*started)(void *ctx, const struct cl_agent_info *info);
    void (*outcome)(void *ctx, const struct cl_agent_outcome *o); /* last */
    void (*lost)(void *ctx, const struct cl_err *err);            /* last */
    void (*signal_refused)(void *ctx, int signo); /* the container does not run (yet, any more) */
    void *ctx;
};

/* Takes the connection. `start` and what it points to stay the caller's until _free. */
CL_NODISCARD enum cl_status cli_agent_new(struct event_base *base, int fd,
                                          const struct cl_agent_start *start,
                                          const struct cli_agent_callbacks *cb,
                                          struct cli_agent **ret_a, struct cl_err *err);
void cli_agent_free(struct cli_agent *a); /* NULL is fine; ends the connection */
void cli_agent_signal(struct cli_agent *a, int signo);
void cli_agent_resize(struct cli_agent *a, unsigned rows, unsigned cols);

#endif
