/* SPDX-License-Identifier: Apache-2.0
 * rootfile.h - opening paths below the container's root, with links that stay below it.
 */
#ifndef AGENT_ROOTFILE_H
#define AGENT_ROOTFILE_H

/* openat2 with RESOLVE_IN_ROOT and no magic links, O_CLOEXEC added; -1 and errno like openat(). */
int agent_open_in_root(int root_fd, const char *path, int flags);

#endif
