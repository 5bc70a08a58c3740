/* SPDX-License-Identifier: Apache-2.0
 * hostcheck_internal.h - between the parts of runtime/hostcheck.
 * Trust: every text is hostile. Memory: fixed, but for modules' lists.
 */
#ifndef HOSTCHECK_INTERNAL_H
#define HOSTCHECK_INTERNAL_H

#include "cloister/hostcheck.h"

#include "base/buf.h"

/* --- source.c */

/* A tree, and the record that is made of what is read of it. */
struct hc_source {
    int root;
    int record;  /* -1: none */
    bool failed; /* the record could not be written */
};

/* At most `max` bytes of a file, and whether there is more (HC_UNKNOWN then, unless `cut`).
 * ret is empty unless HC_PRESENT. */
enum hc_seen hc_source_read(struct hc_source *s, const char *path, size_t max, bool cut,
                            struct cl_buf *ret);
/* The first line of a small file, for people: bytes that are not printable ASCII are '?'. */
void hc_source_line(struct hc_source *s, const char *path, struct hc_text *ret);
/* Is there anything of that name? */
enum hc_seen hc_source_exists(struct hc_source *s, const char *path, bool directory);
/* Names in a folder, in order, without those that begin with '.'; at most HC_MAX_ENTRIES. */
struct hc_names {
    size_t count;
    char name[HC_MAX_ENTRIES][64];
};
enum hc_seen hc_source_list(struct hc_source *s, const char *path, struct hc_names *ret);
/* A file of the record; parents are made. */
void hc_source_record(struct hc_source *s, const char *path, const void *data, size_t len);

/* --- probe.c: this machine, in the form of the files of a record */

CL_NODISCARD enum cl_status hc_probe_cpuid(struct cl_buf *text, struct cl_err *err);
CL_NODISCARD enum cl_status hc_probe_kvm(struct cl_buf *text, struct cl_err *err);
CL_NODISCARD enum cl_status hc_probe_sev(struct cl_buf *text, struct cl_err *err);
/* "ok", or why open(2) failed: "ENOENT", "EACCES". */
const char *hc_probe_open(const char *path);

/* --- parse.c: texts of a record into facts. What is not understood changes nothing. */

void hc_parse_cpuid(const char *text, size_t len, struct hc_facts *f);
void hc_parse_kvm(const char *text, size_t len, struct hc_facts *f);
void hc_parse_sev(const char *text, size_t len, struct hc_facts *f);
void hc_parse_cpuinfo(const char *text, size_t len, struct hc_facts *f);
void hc_parse_cmdline(const char *text, size_t len, struct hc_facts *f);
/* Does a list of modules (modules.dep, modules.builtin) have NAME.ko? */
bool hc_parse_has_module(const char *text, size_t len, const char *name);
extern const char *const hc_pod_modules[HC_POD_MODULES];

/* --- kernels.c */

struct hc_kernel {
    uint32_t major;
    uint32_t minor;
    uint32_t patch;
    bool vendor;    /* x.y.0-N: a distribution's own count of patches; the third number says
                       nothing */
    bool candidate; /* -rc */
};

/* A kernel with a known flaw that a guest, or whoever may open /dev/kvm, can use. */
struct hc_flaw {
    const char *cve;
    const char *what;
    const char *record_date; /* of the CVE record that the row was taken from */
    uint32_t since[2];       /* first version with the code; 0.0: all */
    uint32_t fixed[4][3];    /* on branches; 0.0.0 ends */
    uint32_t mainline[2];    /* first version that had the fix from its start */
};

extern const struct hc_flaw hc_flaws[]; /* of class snp; cve NULL ends */

CL_NODISCARD bool hc_kernel_parse(const char *release, struct hc_kernel *ret);
/* At least major.minor? Unknown for a distribution's kernel that is older by its number: it may
 * have what was ported back. */
enum hc_status hc_kernel_at_least(const struct hc_kernel *k, uint32_t major, uint32_t minor);
/* HC_PASS: has the fix, or never had the code. */
enum hc_status hc_kernel_free_of(const struct hc_kernel *k, const struct hc_flaw *flaw);

#endif
