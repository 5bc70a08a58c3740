/* SPDX-License-Identifier: Apache-2.0
 * service.h - containerd's Snapshots service, answered out of the request alone.
 * Every layer that is asked for by its chain id is claimed to be there; a container's own snapshot
 * is an empty file system to mount on the host, where nothing of the image is. Nothing is stored,
 * so nothing can be lost: the same request has the same answer before and after a restart, an
 * upgrade, or a change of containerd's database. Trust: requests are hostile. Threads: no shared
 * state. Memory: that of one decoded request, four times its size, and of its answer. Spec:
 * containerd's api/services/snapshots/v1; core/metadata for what is asked when.
 */
#ifndef SNAPSHOTTER_SERVICE_H
#define SNAPSHOTTER_SERVICE_H

#include "grpc/server.h"

#define SNAP_SERVICE "/containerd.services.snapshots.v1.Snapshots/"
#define SNAP_MAX_LABELS 256u /* of one snapshot */
/* What the placeholder's source begins with; the snapshot's key is behind it. */
#define SNAP_SOURCE "cloister:"

/* For cl_grpc_service; ctx is not used. */
void snap_call(void *ctx, const char *path, const uint8_t *message, size_t len,
               struct cl_grpc_answer *answer);

#endif
