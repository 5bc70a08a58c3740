/* SPDX-License-Identifier: Apache-2.0
 * fetch.h - the blobs of one image into the node's cache: those that containerd's content store
 * lacks.
 * Trust: registries are hostile: what they send is bounded by what the manifest says, and is seen
 *        under its name only when its digest was right. The manifest itself is checked against the
 *        digest that containerd keeps for the image's name.
 * Threads: one. Memory: manifest and buffers, a few MiB whatever the blobs' size.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include "cache.h"
#include "client.h"

#include "oci/image.h"

#define FETCH_TRIES 5u        /* of one host, one after the other without a byte more */
#define FETCH_MIRROR_TRIES 2u /* where another host is left */
#define FETCH_MAX_TRIES 100u  /* and in all */
#define FETCH_PROGRESS_S 5u

struct fetch_image_request {
    const char *name;               /* as containerd has it */
    uint8_t target[CL_SHA256_SIZE]; /* manifest or index */
    const char *store;              /* folder of blobs that are there already; NULL: none */
};

struct fetch_totals {
    unsigned blobs;  /* that the store lacked */
    uint64_t moved;  /* bytes from registries */
    uint64_t cached; /* bytes that were in the cache */
};

/* *ret_held gets descriptors (count of them) that keep the blobs from being evicted until they are
 * closed; it has room for FETCH_MAX_HELD. */
#define FETCH_MAX_HELD (CL_OCI_MAX_LAYERS + 3)
struct fetch_held {
    int fd[FETCH_MAX_HELD];
    size_t count;
};
void fetch_held_done(struct fetch_held *h);

/* Messages begin "image '<name>': ". */
CL_NODISCARD enum cl_status fetch_image(const struct fetch_cache *cache,
                                        const struct fetch_options *options,
                                        const struct fetch_image_request *image,
                                        struct fetch_held *held, struct fetch_totals *ret,
                                        struct cl_err *err);

#endif
