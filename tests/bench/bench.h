/* SPDX-License-Identifier: Apache-2.0
 * bench.h - what the benchmarks share: a clock, memory of a process, and the table they print, one
 * line `name value reference ratio bound verdict`, or with --json one object a line.
 */
#ifndef CL_BENCH_H
#define CL_BENCH_H

#include <stdbool.h>
#include <stdint.h>

struct bench {
    const char *program;
    bool json;
    bool missed; /* a bound */
    char **args; /* behind --json */
};

enum bench_bound { BENCH_AT_LEAST, BENCH_AT_MOST, BENCH_NO_BOUND };

/* [--json] and then the arguments that `words` names, `count` of them; false after a usage error
 * was printed. Prints the table's head. */
bool bench_init(struct bench *b, int argc, char **argv, int count, const char *words);
/* value beside reference, in the unit that `name` says; the bound is on value / reference. */
void bench_ratio(struct bench *b, const char *name, double value, double reference,
                 enum bench_bound how, double bound);
/* The bound is on the value itself. */
void bench_value(struct bench *b, const char *name, double value, enum bench_bound how,
                 double bound);
int bench_status(const struct bench *b); /* of the program: 1 when a bound was missed */

uint64_t bench_now_ns(void);
/* A field such as "VmHWM" of /proc/self/status in KiB; 0: not there. */
uint64_t bench_self_kib(const char *field);
/* Makes VmHWM what VmRSS is now. */
void bench_reset_peak(void);

#endif
