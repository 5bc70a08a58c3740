/* SPDX-License-Identifier: Apache-2.0
 * own_netns.h - a folder of network namespaces of the test's own, so that tests of several builds
 * may run at once. Header only.
 */
#ifndef CL_TEST_OWN_NETNS_H
#define CL_TEST_OWN_NETNS_H

#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* /run/netns is empty and nobody else's from now on; false when that is not to be had. */
static inline bool own_netns(void)
{
    (void)mkdir("/run/netns", 0755);
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("netns", "/run/netns", "tmpfs", 0, NULL) == 0;
}

#endif
