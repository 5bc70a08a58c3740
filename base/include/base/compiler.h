/* SPDX-License-Identifier: Apache-2.0
 * compiler.h - the few GNU attributes Cloister uses, behind one name each. Freestanding.
 */
#ifndef CL_BASE_COMPILER_H
#define CL_BASE_COMPILER_H

#define CL_NODISCARD __attribute__((warn_unused_result))
#define CL_PRINTF(fmt_index, first_arg) __attribute__((format(printf, fmt_index, first_arg)))
#define CL_UNUSED __attribute__((unused))
#define CL_NORETURN __attribute__((noreturn))
#define CL_CLEANUP(fn) __attribute__((cleanup(fn)))

/* Moves a pointer out of a variable that has a cleanup, leaving NULL behind. */
#define CL_TAKE(p)                                                                                 \
    (__extension__({                                                                               \
        __auto_type cl_p_ = (p);                                                                   \
        (p) = NULL;                                                                                \
        cl_p_;                                                                                     \
    }))

/* Returns from the calling function when `expr` is not CL_OK. */
#define CL_TRY(expr)                                                                               \
    do {                                                                                           \
        enum cl_status cl_st_ = (expr);                                                            \
        if (cl_st_ != CL_OK) {                                                                     \
            return cl_st_;                                                                         \
        }                                                                                          \
    } while (0)

#define CL_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
