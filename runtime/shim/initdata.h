/* SPDX-License-Identifier: Apache-2.0
 * initdata.h - the pod's initdata as an annotation has it: base64 of the document, or of the gzip
 * of it (Kata's form).
 * Trust: whoever may make pods: hostile, and bounded. What it says is for the guest to judge, which
 * compares its digest with the measured one.
 */
#ifndef SHIM_INITDATA_H
#define SHIM_INITDATA_H

#include "base/buf.h"

#define SHIM_INITDATA_MAX (1u << 20) /* bytes, decoded */

/* CL_ERR_MALFORMED when it is no base64, no whole gzip, empty or too long. */
CL_NODISCARD enum cl_status shim_initdata_decode(const char *text, struct cl_buf *ret,
                                                 struct cl_err *err);

#endif
