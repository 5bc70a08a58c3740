/* SPDX-License-Identifier: Apache-2.0
 * mem_scan.c - what an honest-but-curious host finds in the memory of a VMM, or in a file.
 * usage: mem_scan PID PATTERN-FILE RAM-BYTES ram|rest; mem_scan /FILE PATTERN-FILE 0 rest
 * Reads /proc/PID/smaps and /proc/PID/mem. `ram`: the mapping of exactly RAM-BYTES, the guest's;
 * `rest`: every other one that can be read. PATTERN-FILE: one pattern a line; "raw:HEX" means these
 * bytes.
 * Prints one line for each pattern found and last what was read. Exit status: 0 nothing found, 1
 * something found, 2 the scan itself failed. Trust: a test tool.
 */
#include "base/encode.h"
#include "base/log.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (64u << 10)
#define OVERLAP 256u
#define MAX_PATTERNS 64u

struct pattern {
    char name[OVERLAP];
    uint8_t bytes[OVERLAP];
    size_t len;
    bool seen;
};

struct scan {
    struct pattern pattern[MAX_PATTERNS];
    bool starts[65536]; /* the first two bytes of some pattern */
    size_t count;
    int mem;
    uint64_t read;
    uint64_t maps;
    uint64_t unread; /* mappings of which the kernel gives nothing */
    bool found;
};

static unsigned pair(const uint8_t *p)
{
    return p[0] | (unsigned)p[1] << 8;
}

static void report(struct scan *s, struct pattern *p, const char *where)
{
    if (!p->seen) {
        (void)printf("found '%s' in %s\n", p->name, where);
    }
    p->seen = true;
    s->found = true;
}

/* One pass for all patterns: most positions are out by their first two bytes. */
static void look(struct scan *s, const char *where, const uint8_t *data, size_t n)
{
    if (n < 2 || (data[0] == 0 && memcmp(data, data + 1, n - 1) == 0)) {
        return; /* memory that was never touched */
    }
    for (size_t at = 0; at + 1 < n; at++) {
        if (!s->starts[pair(data + at)]) {
            continue;
        }
        for (size_t i = 0; i < s->count; i++) {
            struct pattern *p = &s->pattern[i];
            if (p->len <= n - at && memcmp(data + at, p->bytes, p->len) == 0) {
                report(s, p, where);
            }
        }
    }
}

static void scan_map(struct scan *s, const char *where, uint64_t start, uint64_t end, uint8_t *buf)
{
    size_t kept = 0;
    bool any = false;
    while (start < end) {
        size_t want = end - start < CHUNK ? (size_t)(end - start) : CHUNK;
        ssize_t n = pread(s->mem, buf + kept, want, (off_t)start);
        if (n <= 0) { /* a page that cannot be read ends no mapping */
            start += 4096;
            kept = 0;
            continue;
        }
        any = true;
        look(s, where, buf, kept + (size_t)n);
        s->read += (uint64_t)n;
        start += (uint64_t)n;
        size_t have = kept + (size_t)n;
        kept = have < OVERLAP ? have : OVERLAP;
        memmove(buf, buf + have - kept, kept);
    }
    s->maps++;
    s->unread += any ? 0 : 1;
}

static bool set_pattern(struct pattern *p, const char *line)
{
    (void)snprintf(p->name, sizeof(p->name), "%s", line);
    p->len = strlen(line);
    memcpy(p->bytes, line, p->len);
    if (strncmp(line, "raw:", 4) == 0) {
        p->len = (p->len - 4) / 2;
        return cl_unhex(p->bytes, p->len, line + 4, "pattern", NULL) == CL_OK && p->len >= 8;
    }
    return p->len >= 8;
}

static bool read_patterns(struct scan *s, const char *path)
{
    char line[OVERLAP];
    FILE *f = fopen(path, "re");
    while (f != NULL && s->count < MAX_PATTERNS && fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (!set_pattern(&s->pattern[s->count++], line)) {
            s->count = 0;
            break;
        }
        s->starts[pair(s->pattern[s->count - 1].bytes)] = true;
    }
    return f != NULL && fclose(f) == 0 && s->count > 0;
}

int main(int argc, char **argv)
{
    char path[64];
    char line[512];
    static struct scan s;
    uint8_t *buf = malloc(CHUNK + OVERLAP);
    cl_log_init("mem_scan", false);
    if (argc != 5 || buf == NULL || !read_patterns(&s, argv[2])) {
        (void)fprintf(stderr, "usage: mem_scan PID PATTERN-FILE RAM-BYTES ram|rest\n");
        return 2;
    }
    uint64_t ram = strtoull(argv[3], NULL, 10);
    bool want_ram = strcmp(argv[4], "ram") == 0;
    if (argv[1][0] == '/') {
        struct stat st;
        s.mem = open(argv[1], O_RDONLY | O_CLOEXEC);
        if (s.mem < 0 || fstat(s.mem, &st) != 0) {
            perror(argv[1]);
            return 2;
        }
        scan_map(&s, argv[1], 0, (uint64_t)st.st_size, buf);
        return s.found ? 1 : 0;
    }
    (void)snprintf(path, sizeof(path), "/proc/%.20s/mem", argv[1]);
    s.mem = open(path, O_RDONLY | O_CLOEXEC);
    (void)snprintf(path, sizeof(path), "/proc/%.20s/maps", argv[1]);
    FILE *maps = fopen(path, "re");
    while (s.mem >= 0 && maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        uint64_t start = 0;
        uint64_t end = 0;
        char mode[8] = "";
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &start, &end, mode) == 3 &&
            mode[0] == 'r' && (end - start == ram) == want_ram && strstr(line, "[v") == NULL) {
            line[strcspn(line, "\n")] = '\0';
            scan_map(&s, line, start, end, buf);
        }
    }
    (void)printf("%" PRIu64 " mappings, %" PRIu64 " bytes, %" PRIu64 " unreadable\n", s.maps,
                 s.read, s.unread);
    if (!want_ram && s.read == 0) { /* a process need not have guest RAM, but it has memory */
        (void)fprintf(stderr, "mem_scan: process %s: nothing could be read\n", argv[1]);
        return 2;
    }
    return s.found ? 1 : 0;
}
