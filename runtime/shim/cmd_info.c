/* SPDX-License-Identifier: Apache-2.0
 * cmd_info.c - `-info`: the runtime about itself (containerd-shim.md 1.5).
 */
#include "commands.h"
#include "pb.h"
#include "runtimeinfo.pb-c.h"

/* containerd mounts everything itself that the list does not name. */
#define ALLOW_MOUNTS "containerd.io/runtime-allow-mounts"

enum cl_status shim_info(struct cl_buf *out, struct cl_err *err)
{
    Containerd__Types__RuntimeInfo m;
    Containerd__Types__RuntimeVersion v;
    Containerd__Types__RuntimeInfo__AnnotationsEntry entry;
    Containerd__Types__RuntimeInfo__AnnotationsEntry *entries[] = {&entry};
    containerd__types__runtime_info__init(&m);
    containerd__types__runtime_version__init(&v);
    containerd__types__runtime_info__annotations_entry__init(&entry);
    v.version = shim_pb_ref(CL_VERSION);
    entry.key = shim_pb_ref(ALLOW_MOUNTS);
    m.name = shim_pb_ref("io.containerd.cloister.v2");
    m.version = &v;
    m.annotations = entries;
    m.n_annotations = CL_ARRAY_LEN(entries);
    return shim_pb_pack(&m.base, out, err);
}
