/* SPDX-License-Identifier: Apache-2.0
 * units.h - the units of deploy/systemd, byte for byte, each with a NUL behind it. Trust: the
 * build's. Threads: constant. Memory: static.
 */
#ifndef NODE_UNITS_H
#define NODE_UNITS_H

extern const char node_unit_service[];
extern const char node_unit_socket[];

#endif
