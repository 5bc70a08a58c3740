/* SPDX-License-Identifier: Apache-2.0
 * keyprovider.h - ocicrypt's key-provider protocol (one JSON document in, one out), for CoCo's
 * annotation packets.
 * Trust: whoever starts the provider is trusted with the key he names; the annotation of an unwrap
 *        request is hostile. Threads: no shared state. Memory: CL_KEYPROVIDER_MAX. The layer key
 *        comes in as JSON, so it passes through jansson's memory: the program is one-shot, and not
 *        dumpable.
 * Spec: coco-guest.md 4, "Key-provider protocol".
 */
#ifndef CL_KEYPROVIDER_H
#define CL_KEYPROVIDER_H

#include "base/buf.h"
#include "base/secret.h"

#include <stdbool.h>

#define CL_KEYPROVIDER_MAX (1u << 20)

struct cl_keyprovider {
    const char *key_path; /* when the parameters name none; NULL: they must */
    /* Reads the 32-byte key; generate: makes the file first when it is not there. */
    enum cl_status (*load_key)(const char *path, bool generate, struct cl_secret *ret,
                               struct cl_err *err);
};

/* Answers one request. Parameters, joined by "::": keyid=kbs:///r/t/g (wrap), keypath=FILE,
 * algorithm=A256GCM, generate=true. Byte strings are written as arrays of integers, which Go and
 * Rust both read. */
CL_NODISCARD enum cl_status cl_keyprovider_handle(const struct cl_keyprovider *k,
                                                  const uint8_t *request, size_t len,
                                                  struct cl_buf *out, struct cl_err *err);

/* load_key for real: the file must hold exactly 32 bytes. A new one is made 0600, and whole or not
 * at all: ocicrypt starts a provider for each layer, at the same time. */
CL_NODISCARD enum cl_status cl_keyprovider_load_key(const char *path, bool generate,
                                                    struct cl_secret *ret, struct cl_err *err);

#endif
