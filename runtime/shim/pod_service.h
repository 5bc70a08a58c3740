/* SPDX-License-Identifier: Apache-2.0
 * pod_service.h - the Task service of the program: a pod in a real VM, with images of containerd's
 * and the node's settings.
 */
#ifndef SHIM_POD_SERVICE_H
#define SHIM_POD_SERVICE_H

#include "daemon.h"

/* make: CL_ERR_MALFORMED and CL_ERR_SYS for the settings. */
extern const struct shim_daemon_service shim_pod_service;

#endif
