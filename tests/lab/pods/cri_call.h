/* SPDX-License-Identifier: Apache-2.0
 * cri_call.h - one unary gRPC call to a unix socket.
 */
#ifndef CRI_CALL_H
#define CRI_CALL_H

#include "base/buf.h"

/* method        "runtime.v1.RuntimeService/Version"
 * message       the request's bytes
 * timeout_s     seconds until the call is given up
 * ret_message   the response's bytes are appended
 * Returns       CL_OK; CL_ERR_REJECTED "code 5: not found: ..." when the server says no;
 *               CL_ERR_UNAVAILABLE when it cannot be asked */
CL_NODISCARD enum cl_status cri_call(const char *socket, const char *method,
                                     const struct cl_buf *message, unsigned timeout_s,
                                     struct cl_buf *ret_message, struct cl_err *err);

#endif
