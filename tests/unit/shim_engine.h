/* SPDX-License-Identifier: Apache-2.0
 * shim_engine.h - shim and agent meet, in one pod: containerd's calls and specifications on one
 * side (shim_world.h), the agent's engine on the other, and nothing played but the VM between them,
 * which is a process with namespaces of its own (shim_guest.c). One at a time.
 */
#ifndef CL_TEST_SHIM_ENGINE_H
#define CL_TEST_SHIM_ENGINE_H

#include "shim_world.h"

#include "oci/image.h"

#include <check.h>

#define ENGINE_UID "0f9d4a6e-2b1c-4c55-9a77-5d2e1c3b7a10"

/* A test program's main(): the image of all containers is made before the tests and removed after
 * them, where Check cannot report; skipped where this machine does not allow engines. */
int engine_main(Suite *(*suite)(void));
/* That image: its blobs, files by the names of their digests, and its manifest. Both may be changed
 * by a test. */
extern char engine_blobs[64];
extern char engine_digest[CL_OCI_DIGEST_SIZE];

/* --- a pod, whose sandbox is "sb" ----------------------------------------------------------------
 */

void engine_up(struct world *w);
void engine_down(struct world *w);

struct engine_stdio {
    char path[3][120];
    int in, out, err;
};
void engine_stdio_up(struct world *w, const char *id, struct engine_stdio *s);
void engine_stdio_down(struct engine_stdio *s);
/* What comes until `text` is in it. */
void engine_expect(struct world *w, int fd, const char *text);

/* args: JSON strings behind "/program"; mounts: JSON objects, each after a comma. */
void engine_config_of(char *ret, size_t size, const char *args, const char *mounts, bool terminal);
void engine_create(struct world *w, const char *id, const char *args, const char *mounts,
                   struct engine_stdio *s);
/* Its Create fails so: one line of the guest's is what containerd gets to hear. */
void engine_denied(struct world *w, const char *id, const char *args, const char *mounts, int code,
                   const char *line);
void engine_start(struct world *w, const char *id, const char *exec);
uint32_t engine_end_of(struct world *w, const char *id, const char *exec);
void engine_forget(struct world *w, const char *id, const char *exec);

#endif
