/* SPDX-License-Identifier: Apache-2.0
 * err.h - the one error type: a status, and a message to which context is added on the way up.
 * No allocation, so every program down to the VMM's device threads shares it. `err` may be NULL
 * everywhere. Threads: no shared state.
 */
#ifndef CL_BASE_ERR_H
#define CL_BASE_ERR_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

enum cl_status {
    CL_OK = 0,
    CL_ERR_TRUNCATED,   /* input ends inside a field */
    CL_ERR_MALFORMED,   /* input breaks its own format */
    CL_ERR_UNSUPPORTED, /* well formed, but a version or feature we do not handle */
    CL_ERR_REJECTED,    /* understood, and evidence or policy says no */
    CL_ERR_UNAVAILABLE, /* cannot tell: collateral, broker or device not reachable */
    CL_ERR_NOMEM,
    CL_ERR_SYS, /* a system call failed; see sys_errno */
};

#define CL_ERR_MSG_SIZE 512u

struct cl_err {
    enum cl_status status;
    int sys_errno; /* errno value; 0 when no system call was involved */
    size_t offset; /* byte offset into the input; SIZE_MAX when not parsing */
    char
        msg[CL_ERR_MSG_SIZE]; /* outermost context first; hostile text is escaped; never a secret */
};

/* Fills err (when not NULL) with a formatted message and returns st. Bytes that are not printable
 * ASCII become \xNN. */
CL_PRINTF(3, 4)
enum cl_status cl_err_set(struct cl_err *err, enum cl_status st, const char *fmt, ...);

/* The same for input at a byte offset. */
CL_PRINTF(4, 5)
enum cl_status cl_err_at(struct cl_err *err, enum cl_status st, size_t offset, const char *fmt,
                         ...);

/* CL_ERR_SYS with the text of `sys_errno` appended ("open 'x': No such file or directory"). */
CL_PRINTF(3, 4)
enum cl_status cl_err_sys(struct cl_err *err, int sys_errno, const char *fmt, ...);

/* CL_ERR_NOMEM, naming what could not be allocated. */
enum cl_status cl_err_nomem(struct cl_err *err, const char *what);

/* Puts "<context>: " before the message already in err; returns st. */
CL_PRINTF(3, 4)
enum cl_status cl_err_wrap(struct cl_err *err, enum cl_status st, const char *fmt, ...);

/* A word for a status ("malformed", "rejected", ...). Never NULL. */
const char *cl_status_name(enum cl_status st);

/* The exit status that design/cli.md gives a status: 0 done, 1 rejected, 3 cannot tell, 4
 * malformed, 5 system. */
int cl_status_exit_code(enum cl_status st);

/* clang's analyzer sees one file at a time and cannot know that these return the status they are
 * given, so it would follow the paths where they return CL_OK. Here it is told. */
#if defined(__clang_analyzer__) && !defined(CL_ERR_DEFINES)
#define cl_err_set(err, st, ...) ((void)(cl_err_set)(err, st, __VA_ARGS__), (st))
#define cl_err_at(err, st, ...) ((void)(cl_err_at)(err, st, __VA_ARGS__), (st))
#define cl_err_sys(...) ((void)(cl_err_sys)(__VA_ARGS__), CL_ERR_SYS)
#define cl_err_nomem(...) ((void)(cl_err_nomem)(__VA_ARGS__), CL_ERR_NOMEM)
#define cl_err_wrap(err, st, ...) ((void)(cl_err_wrap)(err, st, __VA_ARGS__), (st))
#endif

#endif
