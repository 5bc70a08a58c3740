/* SPDX-License-Identifier: Apache-2.0
 * fetch.h - runs cloister-fetch(8), which brings what containerd's content store lacks into the
 * node's cache: HTTP, TLS and credentials stay out of the shim, and so does their memory.
 * Trust: the program beside our own; what it brought is checked by whoever reads it.
 * Threads: blocks its caller's. Memory: none.
 */
#ifndef SHIM_FETCH_H
#define SHIM_FETCH_H

#include "base/digest.h"

#define SHIM_FETCH_CACHE "/var/cache/cloister/blobs"
#define SHIM_FETCH_TRIES 3u /* what it brought may be evicted before it is used */

struct shim_config;

struct shim_fetch_request { /* all borrowed */
    const struct shim_config *settings;
    const char *image; /* its name, host[:port]/name... */
    const uint8_t *target;
    const char *store; /* folder of blobs that are there already */
    int stop_fd;       /* readable: nobody waits any more */
};

/* The folder of blobs by the hex of their SHA-256, as cl_image_open_store() takes it. */
void shim_fetch_folder(const struct shim_config *settings, char *ret, size_t size);
/* CL_OK: what the image is made of was there a moment ago. CL_ERR_REJECTED, CL_ERR_UNAVAILABLE,
 * CL_ERR_MALFORMED, CL_ERR_SYS with the program's own words. */
CL_NODISCARD enum cl_status shim_fetch(const struct shim_fetch_request *r, struct cl_err *err);

#endif
