/* SPDX-License-Identifier: Apache-2.0
 * initdata_disk.h - the disk that carries initdata into the guest (docs/interfaces.md I-4.4).
 */
#ifndef HOST_INITDATA_DISK_H
#define HOST_INITDATA_DISK_H

#include "base/err.h"

/* Writes the document, 1 to CL_INITDATA_MAX_SIZE bytes, as a disk image, mode 0600. */
CL_NODISCARD enum cl_status host_initdata_disk_write(const char *path, const void *text, size_t len,
                                                     struct cl_err *err);

#endif
