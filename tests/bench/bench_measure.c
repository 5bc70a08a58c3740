/* SPDX-License-Identifier: Apache-2.0
 * bench_measure.c - launch measurement of a 4 MiB firmware image beside one SHA-384 pass over it,
 * in turns with it; the same as a process; and the peak memory of that process with an initrd of
 * 256 MiB (a file of zeroes with no blocks: it is read, not stored).
 */
#include "bench.h"

#include "base/io.h"
#include "cloister/snp_measure.h"
#include "cloister/tdx_measure.h"
#include "snp_image.h"
#include "tdx_image.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define IMAGE_SIZE (4u << 20)
#define INITRD_SIZE ((off_t)256 << 20)
#define ROUNDS 30u
#define PROCESS_ROUNDS 15u

struct files {
    char dir[64], snp[96], tdx[96], kernel[96], initrd[96];
};

static void must(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "bench_measure: %s failed\n", what);
        exit(5);
    }
}

/* An image of IMAGE_SIZE whose end is `tail`. */
static void write_image(const char *path, const uint8_t *tail, size_t tail_size)
{
    uint8_t *data = malloc(IMAGE_SIZE);
    must(data != NULL, "memory");
    for (size_t i = 0; i < IMAGE_SIZE - tail_size; i++) {
        data[i] = (uint8_t)(i * 31 + (i >> 9));
    }
    memcpy(data + IMAGE_SIZE - tail_size, tail, tail_size);
    must(cl_write_file(path, data, IMAGE_SIZE, 0600, NULL) == CL_OK, "writing the image");
    free(data);
}

static void make_files(struct files *f)
{
    static struct image snp;
    static struct tdx_image tdx;
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/cl-bench-XXXXXX");
    must(mkdtemp(f->dir) != NULL, "mkdtemp");
    (void)snprintf(f->snp, sizeof(f->snp), "%s/snp", f->dir);
    (void)snprintf(f->tdx, sizeof(f->tdx), "%s/tdx", f->dir);
    (void)snprintf(f->kernel, sizeof(f->kernel), "%s/kernel", f->dir);
    (void)snprintf(f->initrd, sizeof(f->initrd), "%s/initrd", f->dir);
    make_image(&snp);
    write_image(f->snp, snp.data, snp.size);
    tdx_image_make(&tdx, 'B');
    uint8_t *section = tdx.data + tdx.descriptor + 16; /* all of the image, measured */
    tdx_image_put(section, 0, 4);
    tdx_image_put(section + 4, IMAGE_SIZE, 4);
    tdx_image_put(section + 8, (UINT64_C(1) << 32) - IMAGE_SIZE, 8);
    tdx_image_put(section + 16, IMAGE_SIZE, 8);
    tdx_image_put(section + 32 + 8, 0xF0000000, 8); /* the other one out of the way */
    write_image(f->tdx, tdx.data, tdx.size);
    must(cl_write_file(f->kernel, "kernel", 6, 0600, NULL) == CL_OK, "writing the kernel");
    int fd = open(f->initrd, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    must(fd >= 0 && ftruncate(fd, INITRD_SIZE) == 0 && close(fd) == 0, "making the initrd");
}

static void remove_files(const struct files *f)
{
    (void)unlink(f->snp);
    (void)unlink(f->tdx);
    (void)unlink(f->kernel);
    (void)unlink(f->initrd);
    (void)rmdir(f->dir);
}

/* ---- as a process */

struct cost {
    double ms, kib;
};

static struct cost run_process(const char *cloister, const struct files *f, const char *initrd)
{
    const char *const argv[] = {cloister,      "measure",    "snp",
                                "--firmware",  f->snp,       "--kernel",
                                f->kernel,     "--cpus",     "4",
                                "--vcpu-type", "EPYC-Milan", initrd != NULL ? "--initrd" : NULL,
                                initrd,        NULL};
    union {
        const char *const *text;
        char *const *args;
    } words = {argv};
    struct rusage usage;
    int status = 0;
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        (void)dup2(null, STDOUT_FILENO);
        (void)execv(cloister, words.args);
        _exit(127);
    }
    must(wait4(pid, &status, 0, &usage) == pid && status == 0, "cloister measure snp");
    double ms = 1e3 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
    return (struct cost){ms, (double)usage.ru_maxrss};
}

static void bench_process(struct bench *b, const char *cloister, const struct files *f)
{
    double best = run_process(cloister, f, /* initrd= */ NULL).ms;
    for (unsigned i = 1; i < PROCESS_ROUNDS; i++) {
        double ms = run_process(cloister, f, /* initrd= */ NULL).ms;
        best = ms < best ? ms : best;
    }
    bench_value(b, "measure snp, 4 MiB image, process, ms", best, BENCH_AT_MOST, 20);
    struct cost c = run_process(cloister, f, f->initrd);
    bench_value(b, "peak memory with an initrd of 256 MiB, MiB", c.kib / 1024, BENCH_AT_MOST, 8);
}

/* ---- in this process */

static double now_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double hash_ms(const uint8_t *data)
{
    uint8_t out[EVP_MAX_MD_SIZE];
    double start = now_ms();
    must(EVP_Digest(data, IMAGE_SIZE, out, NULL, EVP_sha384(), NULL) == 1, "SHA-384");
    return now_ms() - start;
}

static double snp_ms(const struct files *f)
{
    struct cl_snp_measurement m;
    const struct cl_snp_measure_config c = {
        .firmware = f->snp, .kernel = f->kernel, .cpus = 4, .guest_features = 1};
    double start = now_ms();
    must(cl_snp_measure(&c, &m, NULL) == CL_OK, "cl_snp_measure");
    return now_ms() - start;
}

static double tdx_ms(const struct files *f)
{
    struct cl_tdx_measurement m;
    const struct cl_tdx_measure_config c = {.firmware = f->tdx, .vmm = CL_TDX_VMM_QEMU};
    double start = now_ms();
    must(cl_tdx_measure(&c, &m, NULL) == CL_OK, "cl_tdx_measure");
    return now_ms() - start;
}

static void bench_library(struct bench *b, const struct files *f)
{
    double hash = 1e9, snp = 1e9, tdx = 1e9;
    uint8_t *data = malloc(IMAGE_SIZE);
    must(data != NULL, "memory");
    memset(data, 0x5A, IMAGE_SIZE);
    for (unsigned i = 0; i < ROUNDS; i++) {
        double h = hash_ms(data), s = snp_ms(f), t = tdx_ms(f);
        hash = h < hash ? h : hash;
        snp = s < snp ? s : snp;
        tdx = t < tdx ? t : tdx;
    }
    free(data);
    bench_ratio(b, "measure snp, 4 MiB; one SHA-384 pass, ms", snp, hash, BENCH_AT_MOST, 1.3);
    /* MRTD hashes 128 bytes beside every 256: half as much again */
    bench_ratio(b, "measure tdx, 4 MiB; one SHA-384 pass, ms", tdx, hash, BENCH_NO_BOUND, 0);
}

int main(int argc, char **argv)
{
    struct bench b;
    struct files f;
    if (!bench_init(&b, argc, argv, 1, " CLOISTER")) {
        return 2;
    }
    make_files(&f);
    bench_process(&b, b.args[0], &f); /* first, while this process is small: see wait4(2) */
    bench_library(&b, &f);
    remove_files(&f);
    return bench_status(&b);
}
