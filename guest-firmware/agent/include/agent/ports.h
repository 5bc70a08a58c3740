/* SPDX-License-Identifier: Apache-2.0
 * ports.h - the host's vsock ports (I-4).
 */
#ifndef AGENT_PORTS_H
#define AGENT_PORTS_H

#define AGENT_PORT_RPC 1024u
#define AGENT_PORT_BLOB 1025u
#define AGENT_PORT_RELAY 1026u
#define AGENT_PORT_STDIO 1027u
#define AGENT_PORT_PSP 1030u

#endif
