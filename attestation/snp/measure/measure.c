/* SPDX-License-Identifier: Apache-2.0
 * measure.c - the launch digest: a chain of SHA-384 over one record for each page, in the order in
 * which a VMM hands pages to the security processor.
 * Trust: the firmware image may be hostile (rom.c bounds it); kernel and initrd are only hashed.
 * Threads: pure. Memory: constant; files are streamed.
 * Spec: AMD 56860, PAGE_INFO; snp.md c; docs/interfaces.md I-1.5.
 */
#include "snp/measure/measure_internal.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_SIZE 65536u
#define VMSA_GPA UINT64_C(0x0000FFFFFFFFF000) /* where KVM puts every VMSA */
#define HASH_TABLE_SIZE 176u

enum page_type {
    PAGE_NORMAL = 1,
    PAGE_VMSA = 2,
    PAGE_ZERO = 3,
    PAGE_UNMEASURED = 4,
    PAGE_SECRETS = 5,
    PAGE_CPUID = 6,
};

struct page_info_wire { /* PAGE_INFO */
    uint8_t digest_cur[48];
    uint8_t contents[48];
    cl_le16 length;
    uint8_t page_type;
    uint8_t imi_page;
    uint8_t vmpl_perms[3];
    uint8_t reserved;
    cl_le64 gpa;
};
_Static_assert(_Alignof(struct page_info_wire) == 1, "wire structs have no padding");
_Static_assert(sizeof(struct page_info_wire) == 0x70, "PAGE_INFO: size");
_Static_assert(offsetof(struct page_info_wire, page_type) == 0x62, "PAGE_INFO: PAGE_TYPE");
_Static_assert(offsetof(struct page_info_wire, gpa) == 0x68, "PAGE_INFO: GPA");

struct run { /* one measurement in progress */
    const struct cl_snp_measure_config *config;
    uint8_t digest[CL_SNP_LD_SIZE];
    uint64_t page_count;
};

static const uint8_t no_contents[48] = {0};

static enum cl_status extend(struct run *m, uint8_t type, uint64_t gpa, const uint8_t contents[48],
                             const char *region, struct cl_err *err)
{
    struct page_info_wire w = {.page_type = type};
    memcpy(w.digest_cur, m->digest, sizeof(w.digest_cur));
    memcpy(w.contents, contents, sizeof(w.contents));
    cl_le16_put(&w.length, sizeof(w));
    cl_le64_put(&w.gpa, gpa);
    CL_TRY(cl_sha384(m->digest, &w, sizeof(w), err));
    if (m->config->page != NULL) {
        struct cl_snp_page page = {.index = m->page_count,
                                   .gpa = gpa,
                                   .type = type,
                                   .region = region,
                                   .content = contents,
                                   .digest = m->digest};
        m->config->page(m->config->page_ctx, &page);
    }
    m->page_count++;
    return CL_OK;
}

static enum cl_status extend_content(struct run *m, uint8_t type, uint64_t gpa,
                                     const uint8_t page[static SNP_PAGE_SIZE], const char *region,
                                     struct cl_err *err)
{
    uint8_t contents[48];
    CL_TRY(cl_sha384(contents, page, SNP_PAGE_SIZE, err));
    return extend(m, type, gpa, contents, region, err);
}

/* ---- files ---- */

static enum cl_status open_regular(const char *path, int *ret_fd, uint64_t *ret_size,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "file '%s': expected a regular file, got something else", path);
    }
    *ret_size = (uint64_t)st.st_size;
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status file_read_at(void *ctx, uint64_t offset, void *dst, size_t n,
                                   struct cl_err *err)
{
    const int *fd = ctx;
    uint8_t *p = dst;
    while (n > 0) {
        ssize_t got = pread(*fd, p, n, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return cl_err_sys(err, errno, "read firmware");
        }
        if (got == 0) {
            return cl_err_at(err, CL_ERR_TRUNCATED, (size_t)offset,
                             "firmware: expected more bytes, got the end of the file");
        }
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return CL_OK;
}

static enum cl_status sha256_fd(int fd, uint8_t ret[static 32], struct cl_err *err)
{
    CL_CLEANUP(cl_sha256_freep) struct cl_sha256_ctx *ctx = NULL;
    uint8_t chunk[CHUNK_SIZE];
    CL_TRY(cl_sha256_new(&ctx, err));
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return cl_err_sys(err, errno, "read");
        }
        if (n == 0) {
            return cl_sha256_final(ctx, ret, err);
        }
        CL_TRY(cl_sha256_update(ctx, chunk, (size_t)n, err));
    }
}

static enum cl_status sha256_file(const char *path, uint8_t ret[static 32], struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    uint64_t size = 0;
    CL_TRY(open_regular(path, &fd, &size, err));
    if (size == 0) {
        return cl_err_at(err, CL_ERR_TRUNCATED, 0, "file '%s': expected contents, got none", path);
    }
    enum cl_status st = sha256_fd(fd, ret, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "file '%s'", path);
}

/* ---- firmware ---- */

static enum cl_status firmware_pages(struct run *m, const struct snp_rom_source *src,
                                     struct cl_err *err)
{
    uint8_t chunk[CHUNK_SIZE];
    uint64_t base = (UINT64_C(1) << 32) - src->size;
    for (uint64_t at = 0; at < src->size; at += sizeof(chunk)) {
        size_t n = src->size - at < sizeof(chunk) ? (size_t)(src->size - at) : sizeof(chunk);
        CL_TRY(src->read_at(src->ctx, at, chunk, n, err));
        for (size_t k = 0; k < n; k += SNP_PAGE_SIZE) {
            CL_TRY(extend_content(m, PAGE_NORMAL, base + at + k, chunk + k, "firmware", err));
        }
    }
    return CL_OK;
}

/* ---- kernel hashes ---- */

/* GUIDs of the table and its entries, as they stand in memory (snp.md c.3). */
static const uint8_t guid_table[16] = {0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c,
                                       0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21};
static const uint8_t guid_cmdline[16] = {0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c,
                                         0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a};
static const uint8_t guid_initrd[16] = {0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b,
                                        0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d};
static const uint8_t guid_kernel[16] = {0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42,
                                        0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b};

static enum cl_status hash_inputs(const struct cl_snp_measure_config *config,
                                  struct cl_snp_measurement *out, struct cl_err *err)
{
    const char *cmdline = config->cmdline != NULL ? config->cmdline : "";
    CL_TRY(cl_sha256(out->cmdline_sha256, cmdline, strlen(cmdline) + 1, err)); /* with its NUL */
    if (config->initrd != NULL) {
        CL_TRY(sha256_file(config->initrd, out->initrd_sha256, err));
    } else {
        CL_TRY(cl_sha256(out->initrd_sha256, "", 0, err));
    }
    return sha256_file(config->kernel, out->kernel_sha256, err);
}

static void put_hash(struct cl_writer *w, const uint8_t guid[static 16],
                     const uint8_t digest[static 32])
{
    cl_writer_bytes(w, guid, 16);
    cl_writer_le16(w, 50);
    cl_writer_bytes(w, digest, 32);
}

static enum cl_status hash_page(const struct snp_rom *rom, const struct snp_section *section,
                                const struct cl_snp_measurement *hashes,
                                uint8_t page[static SNP_PAGE_SIZE], struct cl_err *err)
{
    uint32_t at = rom->hash_base % SNP_PAGE_SIZE;
    if (!rom->has_hash_area || section->size != SNP_PAGE_SIZE ||
        rom->hash_base - at != section->gpa || rom->hash_size < HASH_TABLE_SIZE ||
        at + HASH_TABLE_SIZE > SNP_PAGE_SIZE) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "firmware: kernel hashes: expected one page with the hash table area "
                          "inside, got something else");
    }
    memset(page, 0, SNP_PAGE_SIZE);
    struct cl_writer w = cl_writer_init(page + at, HASH_TABLE_SIZE);
    cl_writer_bytes(&w, guid_table, 16);
    cl_writer_le16(&w, 168);
    put_hash(&w, guid_cmdline, hashes->cmdline_sha256);
    put_hash(&w, guid_initrd, hashes->initrd_sha256);
    put_hash(&w, guid_kernel, hashes->kernel_sha256);
    return cl_writer_check(&w, "kernel hash table", err);
}

/* ---- sections ---- */

static enum cl_status measure_section(struct run *m, const struct snp_rom *rom,
                                      const struct snp_section *s,
                                      const struct cl_snp_measurement *hashes, struct cl_err *err)
{
    uint8_t page[SNP_PAGE_SIZE];
    uint8_t type = PAGE_ZERO;
    if (s->type == SNP_SECTION_KERNEL_HASHES && m->config->kernel != NULL) {
        CL_TRY(hash_page(rom, s, hashes, page, err));
        return extend_content(m, PAGE_NORMAL, s->gpa, page, "kernel-hashes", err);
    }
    if (s->type == SNP_SECTION_SECRETS) {
        type = PAGE_SECRETS;
    } else if (s->type == SNP_SECTION_CPUID) {
        type = PAGE_CPUID;
    } else if (s->type == SNP_SECTION_SEC_MEM && m->config->vmm == CL_SNP_VMM_GCE) {
        type = PAGE_UNMEASURED;
    }
    for (uint32_t at = 0; at < s->size; at += SNP_PAGE_SIZE) {
        CL_TRY(extend(m, type, (uint64_t)s->gpa + at, no_contents, snp_section_name(s->type), err));
    }
    return CL_OK;
}

static enum cl_status measure_sections(struct run *m, const struct snp_rom *rom,
                                       const struct cl_snp_measurement *hashes, struct cl_err *err)
{
    bool cpuid_last = m->config->vmm == CL_SNP_VMM_EC2;
    bool has_hash_page = false;
    for (int pass = 0; pass < (cpuid_last ? 2 : 1); pass++) {
        for (size_t i = 0; i < rom->section_count; i++) {
            const struct snp_section *s = &rom->sections[i];
            has_hash_page = has_hash_page || s->type == SNP_SECTION_KERNEL_HASHES;
            if (!cpuid_last || (s->type == SNP_SECTION_CPUID) == (pass == 1)) {
                CL_TRY(measure_section(m, rom, s, hashes, err));
            }
        }
    }
    if (m->config->kernel != NULL && !has_hash_page) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware '%s': kernel hashes: expected a section for them (a kernel was "
                          "given), got none",
                          m->config->firmware);
    }
    return CL_OK;
}

static enum cl_status measure_vcpus(struct run *m, uint32_t reset, struct cl_err *err)
{
    const struct cl_snp_measure_config *c = m->config;
    uint8_t page[SNP_PAGE_SIZE];
    uint8_t contents[48];
    snp_vmsa_build(page, c->vmm, /* bsp= */ true, reset, c->vcpu_sig, c->guest_features);
    CL_TRY(extend_content(m, PAGE_VMSA, VMSA_GPA, page, "vmsa", err));
    snp_vmsa_build(page, c->vmm, /* bsp= */ false, reset, c->vcpu_sig, c->guest_features);
    CL_TRY(cl_sha384(contents, page, sizeof(page), err)); /* all others are equal: hashed once */
    for (uint32_t i = 1; i < c->cpus; i++) {
        CL_TRY(extend(m, PAGE_VMSA, VMSA_GPA, contents, "vmsa", err));
    }
    return CL_OK;
}

static enum cl_status check_config(const struct cl_snp_measure_config *c, struct cl_err *err)
{
    if (c->cpus < 1 || c->cpus > CL_SNP_MEASURE_MAX_CPUS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "vCPUs: expected 1 to %u, got %u",
                          CL_SNP_MEASURE_MAX_CPUS, c->cpus);
    }
    if (c->kernel == NULL && (c->initrd != NULL || c->cmdline != NULL)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "kernel: expected one beside %s, got none",
                          c->initrd != NULL ? "an initrd" : "a command line");
    }
    return CL_OK;
}

static enum cl_status measure_source(struct run *m, const struct snp_rom_source *src,
                                     struct cl_snp_measurement *out, struct cl_err *err)
{
    const struct cl_snp_measure_config *c = m->config;
    struct snp_rom rom;
    enum cl_status st = snp_rom_parse(src, &rom, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "'%s'", c->firmware);
    }
    if (!rom.has_reset) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED,
                          "firmware '%s': tables: expected an SEV-ES reset block, got none",
                          c->firmware);
    }
    if (c->kernel != NULL) {
        CL_TRY(hash_inputs(c, out, err));
    }
    if (c->firmware_digest != NULL) {
        memcpy(m->digest, c->firmware_digest, sizeof(m->digest));
    } else {
        CL_TRY(firmware_pages(m, src, err));
    }
    memcpy(out->firmware_digest, m->digest, sizeof(out->firmware_digest));
    CL_TRY(measure_sections(m, &rom, out, err));
    return measure_vcpus(m, rom.reset, err);
}

enum cl_status cl_snp_measure(const struct cl_snp_measure_config *config,
                              struct cl_snp_measurement *ret_m, struct cl_err *err)
{
    struct run m = {.config = config};
    struct cl_snp_measurement out = {0};
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    uint64_t size = 0;
    CL_TRY(check_config(config, err));
    CL_TRY(open_regular(config->firmware, &fd, &size, err));
    struct snp_rom_source src = {.read_at = file_read_at, .ctx = &fd, .size = size};
    CL_TRY(measure_source(&m, &src, &out, err));
    memcpy(out.digest, m.digest, sizeof(out.digest));
    out.page_count = m.page_count;
    *ret_m = out;
    return CL_OK;
}

enum cl_status cl_snp_measure_firmware(const char *firmware, uint8_t ret[static CL_SNP_LD_SIZE],
                                       struct cl_err *err)
{
    const struct cl_snp_measure_config config = {.firmware = firmware};
    struct run m = {.config = &config};
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    uint64_t size = 0;
    struct snp_rom rom;
    CL_TRY(open_regular(firmware, &fd, &size, err));
    struct snp_rom_source src = {.read_at = file_read_at, .ctx = &fd, .size = size};
    CL_TRY(snp_rom_parse(&src, &rom, err)); /* broken tables are refused here too */
    CL_TRY(firmware_pages(&m, &src, err));
    memcpy(ret, m.digest, CL_SNP_LD_SIZE);
    return CL_OK;
}
