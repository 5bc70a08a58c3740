/* SPDX-License-Identifier: Apache-2.0
 * bench_boot.c - cloister-vmm beside QEMU's microvm, both on /dev/kvm, with the same kernel, initrd
 * and command line: start to the guest's init, the firmware's hashing apart, host memory beyond
 * guest RAM. Runs where KVM is (in the lab where the machine has none). The VMs take turns; the
 * best of each counts. The guest is one of make-guest with bench_init as its first program.
 */
#include "bench.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 4u
#define RAM_MB 256u
#define MAX_ARGS 40u
#define LINE 512u

#define PATH 512u

struct setup {
    char dir[64]; /* throw-away; where we work */
    char vmm[PATH];
    char psp[PATH];
    char rom[PATH];
    char kernel[PATH];
    char initrd[PATH];
    struct cl_buf cmdline;
    char kernel_hex[65];
    char initrd_hex[65];
    uint64_t hashed; /* bytes that the firmware hashes */
    double sha_rate; /* of one thread here, bytes a second */
};

struct sample {
    double init_s; /* start to init; 0: not seen */
    double hash_s; /* of it, the firmware's hashing */
    double own_s;  /* of it, VMM and firmware without hashing; the rest is the kernel's own */
    uint64_t start_ns;
    uint64_t beyond_kib; /* memory of the VMM's processes without guest RAM */
    uint64_t used_kib;   /* the guest's MemTotal - MemAvailable */
    uint64_t total_kib;  /* MemTotal */
};

static void must(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "bench_boot: %s: %s\n", what, strerror(errno));
        exit(5);
    }
}

static void join(char ret[static PATH], const char *dir, const char *name)
{
    int n = snprintf(ret, PATH, "%s/%s", dir, name);
    must(n > 0 && n < (int)PATH, dir);
}

static FILE *open_proc(const char *pid, const char *name)
{
    char path[PATH];
    (void)snprintf(path, sizeof(path), "/proc/%s/%s", pid, name);
    return fopen(path, "r");
}

/* ---- memory of a process and its children */

static uint64_t beyond_ram(const char *pid)
{
    char line[LINE];
    FILE *f = open_proc(pid, "smaps");
    uint64_t sum = 0;
    bool ram = false;
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        uint64_t from = 0;
        uint64_t to = 0;
        uint64_t kib = 0;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &from, &to) == 2) {
            ram = to - from >= (uint64_t)RAM_MB << 19; /* half of it: nothing else is so large */
        } else if (!ram && sscanf(line, "Pss: %" SCNu64, &kib) == 1) {
            sum += kib;
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return sum;
}

static int parent_of(const char *pid)
{
    char line[LINE];
    int parent = -1;
    FILE *f = open_proc(pid, "status");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        (void)sscanf(line, "PPid: %d", &parent);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return parent;
}

static uint64_t family_kib(pid_t pid)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "%d", (int)pid);
    uint64_t sum = beyond_ram(name);
    DIR *d = opendir("/proc");
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && parent_of(e->d_name) == pid) {
            sum += beyond_ram(e->d_name);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return sum;
}

/* ---- one start */

static pid_t spawn(const char *const argv[], int out, int status_fd)
{
    union {
        const char *const *in;
        char *const *out;
    } args = {.in = argv}; /* exec's type is older than const */
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        (void)dup2(null, 0);
        (void)dup2(out >= 0 ? out : null, 1);
        if (status_fd >= 0) {
            (void)dup2(status_fd, 3);
        }
        (void)execvp(argv[0], args.out);
        _exit(127);
    }
    return pid;
}

/* What the guest says, as it comes. */
static void follow(FILE *console, pid_t pid, uint64_t start, struct sample *s)
{
    char line[LINE];
    uint64_t available = 0;
    while (fgets(line, sizeof(line), console) != NULL) {
        const char *at = strstr(line, "BENCH ");
        if (at == NULL) {
            continue;
        }
        if (strncmp(at, "BENCH init", 10) == 0) {
            s->init_s = (double)(bench_now_ns() - start) / 1e9;
        } else if (strncmp(at, "BENCH idle", 10) == 0) {
            s->beyond_kib = family_kib(pid);
        }
        (void)sscanf(at, "BENCH MemTotal: %" SCNu64, &s->total_kib);
        (void)sscanf(at, "BENCH MemAvailable: %" SCNu64, &available);
    }
    s->used_kib = s->total_kib > available ? s->total_kib - available : 0;
}

static struct sample start_vm(const char *const argv[], int status_fd)
{
    struct sample s = {0};
    int pipefd[2];
    int status = 0;
    must(pipe2(pipefd, O_CLOEXEC) == 0, "pipe");
    uint64_t start = bench_now_ns();
    s.start_ns = start;
    pid_t pid = spawn(argv, pipefd[1], status_fd);
    (void)close(pipefd[1]);
    FILE *console = fdopen(pipefd[0], "r");
    must(console != NULL, "console");
    follow(console, pid, start, &s);
    (void)fclose(console);
    must(waitpid(pid, &status, 0) == pid, "waitpid");
    if (s.init_s <= 0 || status != 0) {
        (void)fprintf(stderr, "bench_boot: %s: expected init and a clean end, got status %d\n",
                      argv[0], status);
        s.init_s = 0;
    }
    return s;
}

static uint64_t mark_us(const struct cl_buf *events, const char *name)
{
    char key[64];
    (void)snprintf(key, sizeof(key), "\"name\":\"%s\",\"us\":", name);
    const char *at = strstr((const char *)events->data, key);
    return at != NULL ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* The simulated security processor is there before the clock starts. */
static pid_t start_psp(const struct setup *c)
{
    const char *const argv[] = {c->psp,
                                "--state",
                                "psp",
                                "--launch-socket",
                                "launch.sock",
                                "--guest-socket",
                                "vsock/guest_1030.sock",
                                NULL};
    struct stat st;
    (void)unlink("vsock/guest_1030.sock");
    pid_t pid = spawn(argv, -1, -1);
    for (int i = 0; i < 1200 && stat("launch.sock", &st) != 0; i++) { /* the first makes RSA keys */
        (void)usleep(100000);
    }
    return pid;
}

static struct sample start_ours(const struct setup *c)
{
    static const char zero[] = "0000000000000000000000000000000000000000000000000000000000000000";
    const char *const argv[] = {c->vmm,        "--tee",
                                "sim-snp",     "--firmware",
                                c->rom,        "--kernel",
                                c->kernel,     "--initrd",
                                c->initrd,     "--cmdline-file",
                                "cmdline",     "--cpus",
                                "1",           "--memory",
                                "256M",        "--host-data",
                                zero,          "--vsock-dir",
                                "vsock",       "--psp-socket",
                                "launch.sock", "--console",
                                "-",           "--kernel-digest",
                                c->kernel_hex, "--initrd-digest",
                                c->initrd_hex, "--status-fd",
                                "3",           NULL};
    struct cl_buf events = {0};
    pid_t psp = start_psp(c);
    int fd = open("status", O_RDWR | O_CREAT | O_TRUNC, 0600); /* the VMM gets it */
    must(fd >= 0, "status");
    struct sample s = start_vm(argv, fd);
    must(cl_buf_read_file(&events, "status", 65536, NULL) == CL_OK, "status");
    s.hash_s =
        (double)(mark_us(&events, "payload.verified") - mark_us(&events, "payload.copied")) / 1e6;
    s.own_s = (double)mark_us(&events, "linux.jump") / 1e6 - (double)s.start_ns / 1e9 - s.hash_s;
    (void)close(fd);
    (void)kill(psp, SIGTERM);
    (void)waitpid(psp, NULL, 0);
    cl_buf_done(&events);
    return s;
}

/* As its manual makes it fastest; ACPI for the power-off. */
static struct sample start_qemu(const struct setup *c)
{
    const char *const argv[] = {"qemu-system-x86_64",
                                "-machine",
                                "microvm,accel=kvm,acpi=on,x-option-roms=off,pit=off,pic=off,"
                                "rtc=off,isa-serial=on",
                                "-cpu",
                                "host",
                                "-smp",
                                "1",
                                "-m",
                                "256",
                                "-nodefaults",
                                "-no-user-config",
                                "-display",
                                "none",
                                "-no-reboot",
                                "-serial",
                                "stdio",
                                "-kernel",
                                c->kernel,
                                "-initrd",
                                c->initrd,
                                "-append",
                                (const char *)c->cmdline.data,
                                NULL};
    return start_vm(argv, -1);
}

/* ---- all */

static void digest_file(struct setup *c, const char *path, char ret_hex[static 65])
{
    struct cl_buf data = {0};
    uint8_t digest[CL_SHA256_SIZE];
    must(cl_buf_read_file(&data, path, 1u << 28, NULL) == CL_OK, path);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t t = bench_now_ns();
        must(cl_sha256(digest, data.data, data.len, NULL) == CL_OK, "SHA-256");
        double rate = (double)data.len * 1e9 / (double)(bench_now_ns() - t);
        c->sha_rate = rate > c->sha_rate ? rate : c->sha_rate;
    }
    c->hashed += data.len;
    cl_hex(ret_hex, digest, sizeof(digest));
    cl_buf_done(&data);
}

static void prepare(struct setup *c, const char *bin, const char *guest)
{
    char path[PATH];
    join(c->vmm, bin, "cloister-vmm");
    join(c->psp, bin, "cloister-sim-psp");
    join(c->rom, guest, "stage0.bin");
    join(c->kernel, guest, "vmlinuz");
    join(c->initrd, guest, "initrd.img");
    join(path, guest, "guest.cmdline");
    must(cl_buf_read_file(&c->cmdline, path, 4096, NULL) == CL_OK, path);
    (void)snprintf(c->dir, sizeof(c->dir), "/tmp/bench-boot-XXXXXX");
    must(mkdtemp(c->dir) != NULL && chmod(c->dir, 0755) == 0 && chdir(c->dir) == 0, "mkdtemp");
    must(mkdir("vsock", 0755) == 0, "mkdir");
    must(cl_write_file("cmdline", c->cmdline.data, c->cmdline.len, 0644, NULL) == CL_OK, "cmdline");
}

/* The quicker start; failed ones do not count. */
static void keep(struct sample *best, const struct sample *s)
{
    if (s->init_s > 0 &&
        (best->init_s <= 0 || s->init_s - s->hash_s < best->init_s - best->hash_s)) {
        *best = *s;
    }
}

static void print(struct bench *b, const struct setup *c, const struct sample *ours,
                  const struct sample *qemu, double hash_s)
{
    double reference = c->sha_rate / 1e6;
    bench_ratio(b, "start to init less hashing / QEMU [ms]", (ours->init_s - ours->hash_s) * 1e3,
                qemu->init_s * 1e3, BENCH_AT_MOST, 0.5);
    bench_ratio(b, "start to init / QEMU [ms]", ours->init_s * 1e3, qemu->init_s * 1e3,
                BENCH_NO_BOUND, 0);
    bench_ratio(b, "of it VMM and firmware / QEMU [ms]", ours->own_s * 1e3, qemu->init_s * 1e3,
                BENCH_NO_BOUND, 0);
    bench_ratio(b, "firmware hashing / one thread [MB/s]", (double)c->hashed / 1e6 / hash_s,
                reference, BENCH_AT_LEAST, 0.8);
    bench_value(b, "VMM memory beyond guest RAM [KiB]", (double)ours->beyond_kib, BENCH_AT_MOST,
                5120);
    bench_ratio(b, "VMM memory / QEMU [KiB]", (double)ours->beyond_kib, (double)qemu->beyond_kib,
                BENCH_NO_BOUND, 0);
    bench_ratio(b, "guest memory used by the kernel [KiB]", (double)ours->used_kib,
                (double)qemu->used_kib, BENCH_NO_BOUND, 0);
    bench_ratio(b, "guest memory that the kernel keeps [KiB]",
                RAM_MB * 1024.0 - (double)ours->total_kib,
                RAM_MB * 1024.0 - (double)qemu->total_kib, BENCH_NO_BOUND, 0);
}

static void clean(struct setup *c)
{
    char command[96];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", c->dir);
    must(system(command) == 0, "rm");
    cl_buf_done(&c->cmdline);
}

/* For bench_job: one start of QEMU, in milliseconds. */
static int qemu_alone(struct setup *c)
{
    struct sample s = start_qemu(c);
    clean(c);
    printf("%.0f\n", s.init_s * 1e3);
    return s.init_s > 0 ? 0 : 5;
}

int main(int argc, char **argv)
{
    struct bench b;
    static struct setup c;
    struct sample ours = {0};
    struct sample qemu = {0};
    double hash_s = 1e9;
    if (!bench_init(&b, argc, argv, 2, " /BIN-DIR /GUEST-DIR")) {
        return 2;
    }
    prepare(&c, b.args[0], b.args[1]);
    if (strcmp(b.args[0], "-") == 0) {
        return qemu_alone(&c);
    }
    digest_file(&c, c.kernel, c.kernel_hex);
    digest_file(&c, c.initrd, c.initrd_hex);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct sample s = start_ours(&c);
        keep(&ours, &s);
        hash_s = s.init_s > 0 && s.hash_s > 0 && s.hash_s < hash_s ? s.hash_s : hash_s;
        s = start_qemu(&c);
        keep(&qemu, &s);
    }
    must(ours.init_s > 0 && qemu.init_s > 0, "no VM reached its init");
    print(&b, &c, &ours, &qemu, hash_s);
    clean(&c);
    return bench_status(&b);
}
