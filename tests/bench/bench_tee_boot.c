/* SPDX-License-Identifier: Apache-2.0
 * bench_tee_boot.c - what a confidential boot costs, counted and not timed: exits and instructions
 * from the reset to the Linux entry, in the executable model of the hardware; bytes that a launch
 * measures; size of the ROM beside what public sources say of others
 * (guest-firmware/stage0/README). A boot without a TEE is not counted: the model has no such VM.
 * Its exits are five port writes.
 */
#include "bench.h"
#include "tdx.h"
#include "world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_OF_GIB 262144.0 /* of 4 KiB */
#define EXITS_PER_PAGE (1.0 / 200)
#define MEASURED_MAX (256u << 10)
#define LINES_MAX 4000u
#define RAM_SMALL (256u << 20)
#define RAM_MORE (1280u << 20) /* a GiB more */
#define PAYLOAD_MORE (1u << 20)

static struct bench bench;

struct cost {
    struct model_counts counts;
    uint64_t measured;
};

/* A class whose VMs the model runs: makes the world of one. */
struct tee {
    const char *name;
    void (*init)(struct world *w);
};
static const struct tee tees[] = {{"snp", world_init}, {"tdx", world_init_tdx}};

static void enlarge_initrd(const struct world *w)
{
    static uint8_t zero[PAYLOAD_MORE];
    FILE *f = fopen(w->initrd, "ab");
    ck_assert(f != NULL && fwrite(zero, 1, sizeof(zero), f) == sizeof(zero) && fclose(f) == 0);
}

static struct cost boot(const struct tee *tee, unsigned cpus, uint64_t ram, bool large_payload)
{
    static struct world w;
    tee->init(&w);
    w.cfg.cpu_count = cpus;
    w.cfg.ram_size = ram;
    if (large_payload) {
        enlarge_initrd(&w);
    }
    ck_assert_msg(world_launch(&w) == CL_OK, "%s [%s]", w.err.msg, model_reason(w.model));
    world_run(&w);
    world_expect_linux(&w);
    const struct model_vm *vm = world_vm(&w);
    struct cost c = {model_counts(vm), w.td ? model_td_extended(vm) : model_measured_bytes(vm)};
    world_free(&w);
    return c;
}

/* One line "<class>: <what>". */
static void line(const struct tee *tee, const char *what, double value, double reference,
                 enum bench_bound how, double bound)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%s: %s", tee->name, what);
    bench_ratio(&bench, name, value, reference, how, bound);
}

static double more(uint64_t large, uint64_t small)
{
    return (double)large - (double)small;
}

static void measure_tee(const struct tee *tee)
{
    struct cost one = boot(tee, 1, RAM_SMALL, false);
    struct cost ram = boot(tee, 1, RAM_MORE, false);
    struct cost payload = boot(tee, 1, RAM_SMALL, true);
    struct cost many = boot(tee, STAGE0_CPU_MAX, RAM_SMALL, false);
    const struct model_counts *c = &one.counts;
    line(tee, "instructions to Linux, 256 MiB", (double)c->instructions, 0, BENCH_NO_BOUND, 0);
    line(tee, "for each GiB more", more(ram.counts.instructions, c->instructions), 0,
         BENCH_NO_BOUND, 0);
    line(tee, "for each MiB of payload more", more(payload.counts.instructions, c->instructions), 0,
         BENCH_NO_BOUND, 0);
    line(tee, "exits to Linux, 256 MiB", (double)c->vmgexits, 0, BENCH_NO_BOUND, 0);
    line(tee, "page-state exits a GiB / its 4 KiB pages", more(ram.counts.psc_exits, c->psc_exits),
         PAGES_OF_GIB, BENCH_AT_MOST, EXITS_PER_PAGE);
    line(tee, "measured at launch, 1 CPU [bytes]", (double)one.measured, 0, BENCH_AT_MOST,
         MEASURED_MAX);
    line(tee, "measured at launch, 16 CPUs [bytes]", (double)many.measured, 0, BENCH_AT_MOST,
         MEASURED_MAX);
}

struct lines {
    uint64_t all, code; /* code: neither empty nor comment alone */
};

static void count_lines(const char *path, struct lines *n)
{
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "cannot open '%s'", path);
    bool comment = false;
    bool code = false;
    int before = '\n';
    for (int c = getc(f); c != EOF; c = getc(f)) {
        if (!comment && before == '/' && c == '*') {
            comment = true;
            c = ' ';
        } else if (comment && before == '*' && c == '/') {
            comment = false;
            c = ' ';
        } else if (c == '\n') {
            n->all++;
            n->code += code ? 1 : 0;
            code = false;
        } else if (!comment && c != ' ' && c != '\t' && c != '/') {
            code = true;
        }
        before = c;
    }
    (void)fclose(f);
}

static bool is_source(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && (strcmp(dot, ".c") == 0 || strcmp(dot, ".h") == 0 ||
                           strcmp(dot, ".S") == 0 || strcmp(dot, ".lds") == 0);
}

/* C, assembly, linker script. */
static void count_folder(const char *source, const char *folder, struct lines *n)
{
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s", source, folder);
    DIR *d = opendir(path);
    ck_assert_msg(d != NULL, "cannot open '%s'", path);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (is_source(e->d_name)) {
            (void)snprintf(path, sizeof(path), "%s/%s/%.255s", source, folder, e->d_name);
            count_lines(path, n);
        }
    }
    (void)closedir(d);
}

/* What others say of their images: guest-firmware/stage0/README.md has the sources. */
static void measure_rom(const char *source)
{
    static const struct {
        const char *name;
        double bytes;
    } others[] = {
        {"ROM / oak stage0 for SNP [bytes]", 512u << 10},
        {"ROM / oak stage0 for TDX [bytes]", 2u << 20},
        {"ROM / OVMF for SNP or TDX [bytes]", 4u << 20},
        {"ROM / td-shim [bytes]", 16u << 20},
    };
    struct lines n = {0};
    count_folder(source, "guest-firmware/stage0", &n);
    count_folder(source, "guest-firmware/stage0/fw", &n);
    count_folder(source, "guest-firmware/stage0/include", &n);
    bench_value(&bench, "ROM [lines of code]", (double)n.code, BENCH_AT_MOST, LINES_MAX);
    bench_value(&bench, "ROM [lines, with comments]", (double)n.all, BENCH_NO_BOUND, 0);
    bench_value(&bench, "ROM [bytes]", STAGE0_ROM_SIZE, BENCH_AT_MOST, 64u << 10);
    for (size_t i = 0; i < CL_ARRAY_LEN(others); i++) {
        bench_ratio(&bench, others[i].name, STAGE0_ROM_SIZE, others[i].bytes, BENCH_NO_BOUND, 0);
    }
}

START_TEST(measure)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(tees); i++) {
        measure_tee(&tees[i]);
    }
    measure_rom(bench.args[0]);
}
END_TEST

int main(int argc, char **argv)
{
    if (!bench_init(&bench, argc, argv, 1, " SOURCE-DIR")) {
        return 2;
    }
    Suite *s = suite_create("bench");
    TCase *t = tcase_create("tee_boot");
    tcase_add_test(t, measure);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);
    if (failed > 0) {
        srunner_print(r, CK_NORMAL);
    }
    srunner_free(r);
    return failed > 0 ? 5 : bench_status(&bench);
}
