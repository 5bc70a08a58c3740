/* SPDX-License-Identifier: Apache-2.0
 * watch.h - tells when a folder that kubelet keeps up to date has changed (configMap, secret,
 * projected, downwardAPI), whatever its size.
 * Trust: names in the folders are not looked at; who changes them often is told at most every
 * SHIM_WATCH_MAX_MS. Threads: the loop's. Memory: a path a folder, one descriptor in all.
 */
#ifndef SHIM_WATCH_H
#define SHIM_WATCH_H

#include "base/err.h"

#include <event2/event.h>

#define SHIM_WATCH_QUIET_MS 100u /* without a change before the folder is said to have changed */
#define SHIM_WATCH_MAX_MS 2000u  /* but no later than this after the first one */
#define SHIM_WATCH_POLL_MS 5000u /* where the kernel gives no inotify: links are looked at */
#define SHIM_WATCH_MAX 1024u     /* folders */

struct shim_watch; /* opaque */

/* changed: some time after the folder changed; the watch may be freed in it, and folders added and
 * removed. path lives until it returns. */
CL_NODISCARD enum cl_status shim_watch_new(struct event_base *base,
                                           void (*changed)(void *ctx, const char *path), void *ctx,
                                           struct shim_watch **ret_w, struct cl_err *err);
void shim_watch_free(struct shim_watch *w); /* NULL is fine */

/* A folder, once or again. Add it first and read it then, so that no change is missed. A folder
 * that goes away is forgotten in silence. CL_ERR_SYS, CL_ERR_REJECTED for too many. */
CL_NODISCARD enum cl_status shim_watch_add(struct shim_watch *w, const char *path,
                                           struct cl_err *err);
void shim_watch_remove(struct shim_watch *w, const char *path); /* an unknown one is fine */

#endif
