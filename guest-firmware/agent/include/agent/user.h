/* SPDX-License-Identifier: Apache-2.0
 * user.h - "user[:group]" by the image's own etc/passwd and etc/group.
 * Trust: the image's files are bounded and parsed line by line; links in them stay inside the root.
 */
#ifndef AGENT_USER_H
#define AGENT_USER_H

#include "base/err.h"

#define AGENT_MAX_GROUPS 1024u

struct agent_user {
    uint32_t uid;
    uint32_t gid;
    uint32_t groups[AGENT_MAX_GROUPS];
    size_t group_count;
    char home[256]; /* "/" when nobody says otherwise */
};

/* text: NULL or empty means root. A number needs no entry; a name that is not there is
 * CL_ERR_REJECTED. */
CL_NODISCARD enum cl_status agent_user_resolve(int root_fd, const char *text,
                                               struct agent_user *ret, struct cl_err *err);

#endif
