/* SPDX-License-Identifier: Apache-2.0
 * messages.h - containerd's messages, as far as we need them: requests out, replies in.
 * Trust: replies are hostile bytes. Memory: decoding takes at most CL_CONTAINERD_MAX_REPLY * 4.
 */
#ifndef CONTAINERD_MESSAGES_H
#define CONTAINERD_MESSAGES_H

#include "containerd/containerd.h"

#include "base/buf.h"

/* Id or name, which both requests have as their only field. */
CL_NODISCARD enum cl_status containerd_get_encode(const char *name, struct cl_buf *out,
                                                  struct cl_err *err);
CL_NODISCARD enum cl_status containerd_plugins_encode(struct cl_buf *out, struct cl_err *err);

/* `id`, `name`: what was asked for; a reply about another is CL_ERR_MALFORMED. */
CL_NODISCARD enum cl_status containerd_container_parse(const void *data, size_t len, const char *id,
                                                       struct cl_containerd_container *ret,
                                                       struct cl_err *err);
CL_NODISCARD enum cl_status containerd_image_parse(const void *data, size_t len, const char *name,
                                                   uint8_t ret_digest[static CL_SHA256_SIZE],
                                                   struct cl_err *err);
CL_NODISCARD enum cl_status containerd_plugins_parse(const void *data, size_t len, char **ret_root,
                                                     struct cl_err *err);

#endif
