/* SPDX-License-Identifier: Apache-2.0
 * bench.c - see bench.h.
 */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

bool bench_init(struct bench *b, int argc, char **argv, int count, const char *words)
{
    *b = (struct bench){.program = argv[0]};
    const char *slash = strrchr(argv[0], '/');
    b->program = slash != NULL ? slash + 1 : argv[0];
    b->json = argc > 1 && strcmp(argv[1], "--json") == 0;
    b->args = argv + (b->json ? 2 : 1);
    if (argc - (b->json ? 2 : 1) != count) {
        (void)fprintf(stderr, "usage: %s [--json]%s\n", b->program, words);
        return false;
    }
    if (!b->json && (count == 0 || strcmp(b->args[0], "-") != 0)) {
        printf("%-44s %12s %12s %7s %10s  %s\n", "name", "value", "reference", "ratio", "bound",
               "verdict");
    }
    return true;
}

static void put(struct bench *b, const char *name, double value, double reference,
                enum bench_bound how, double bound)
{
    static const char *const sign[] = {">=", "<="};
    double judged = reference > 0 ? value / reference : value;
    bool good =
        how == BENCH_NO_BOUND || (how == BENCH_AT_LEAST ? judged >= bound : judged <= bound);
    const char *verdict = how == BENCH_NO_BOUND ? "-" : good ? "good" : "MISSED";
    char ref[32] = "-";
    char ratio[32] = "-";
    char limit[32] = "-";
    b->missed = b->missed || !good;
    if (b->json) {
        printf("{\"schema\":\"cloister.bench/1\",\"program\":\"%s\",\"name\":\"%s\",\"value\":%g,"
               "\"reference\":%g,\"bound\":\"%s%g\",\"verdict\":\"%s\"}\n",
               b->program, name, value, reference, how == BENCH_NO_BOUND ? "" : sign[how], bound,
               verdict);
        return;
    }
    if (reference > 0) {
        (void)snprintf(ref, sizeof(ref), "%.1f", reference);
        (void)snprintf(ratio, sizeof(ratio), "%.2f", value / reference);
    }
    if (how != BENCH_NO_BOUND) {
        (void)snprintf(limit, sizeof(limit), "%s%g", sign[how], bound);
    }
    printf("%-44s %12.1f %12s %7s %10s  %s\n", name, value, ref, ratio, limit, verdict);
    (void)fflush(stdout);
}

void bench_ratio(struct bench *b, const char *name, double value, double reference,
                 enum bench_bound how, double bound)
{
    put(b, name, value, reference, how, bound);
}

void bench_value(struct bench *b, const char *name, double value, enum bench_bound how,
                 double bound)
{
    put(b, name, value, /* reference= */ 0, how, bound);
}

int bench_status(const struct bench *b)
{
    return b->missed ? 1 : 0;
}

uint64_t bench_now_ns(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t bench_self_kib(const char *field)
{
    char line[256];
    uint64_t kib = 0;
    size_t n = strlen(field);
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, field, n) == 0 && line[n] == ':') {
            (void)sscanf(line + n + 1, "%" SCNu64, &kib);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return kib;
}

void bench_reset_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (f != NULL) {
        (void)fputs("5", f);
        (void)fclose(f);
    }
}
