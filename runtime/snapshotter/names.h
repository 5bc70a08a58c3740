/* SPDX-License-Identifier: Apache-2.0
 * names.h - what the form of a snapshot's name says. There is nothing else to tell it by.
 * containerd's metadata layer names what it asks for "<namespace>/<sequence>/<its client's name>",
 * and keeps the names that we give in List as they are: those are chain ids.
 * Trust: hostile bytes. Threads, memory: none.
 */
#ifndef SNAPSHOTTER_NAMES_H
#define SNAPSHOTTER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAP_MAX_NAME 1024u /* bytes of a key, name or parent; a mount's source takes 4095 */

enum snap_kind {
    SNAP_ACTIVE,    /* a container's own, or a view */
    SNAP_UNPACKING, /* "extract-<...> <chain id>": a client unpacks a layer into it */
    SNAP_COMMITTED, /* a chain id */
};

/* A name of 1 to SNAP_MAX_NAME bytes, without control characters. */
bool snap_name_good(const uint8_t *name, size_t len);
/* "sha256:" and 64 digits of lower case hex. */
bool snap_is_chain_id(const uint8_t *name, size_t len);
enum snap_kind snap_kind_of(const uint8_t *name, size_t len);

#endif
