/* SPDX-License-Identifier: Apache-2.0
 * log.h - the log sink of a program: level and area filter from CLOISTER_LOG
 * ("info,vmm.virtio=debug"), text or JSON lines on stderr. Libraries log only at debug level.
 * Hostile text is escaped. Secrets have no way in. Threads: a line is written with one write(2).
 */
#ifndef CL_BASE_LOG_H
#define CL_BASE_LOG_H

#include "base/err.h"

#include <stdbool.h>

enum cl_log_level { CL_LOG_ERROR, CL_LOG_WARN, CL_LOG_INFO, CL_LOG_DEBUG };

/* Called once by main(). program: name at the head of each line. json: one object a line. */
void cl_log_init(const char *program, bool json);
bool cl_log_enabled(enum cl_log_level level, const char *area);
CL_PRINTF(3, 4) void cl_log(enum cl_log_level level, const char *area, const char *fmt, ...);
/* The final report of a failure: "<program>: <err->msg>" and, when hint is not NULL, "hint:
 * <hint>". */
void cl_report(const struct cl_err *err, const char *hint);

#endif
