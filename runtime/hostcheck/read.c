/* SPDX-License-Identifier: Apache-2.0
 * read.c - the facts of a host: its files, and what no file says; of this machine or of a record.
 * Trust: see source.c. What cannot be read stays unknown.
 */
#include "hostcheck_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const char *const hc_pod_modules[HC_POD_MODULES] = {"sch_ingress", "cls_u32", "act_mirred"};

static void read_vulnerabilities(struct hc_source *s, struct hc_facts *f)
{
    struct hc_names names;
    f->vulnerabilities.seen = hc_source_list(s, "sys/devices/system/cpu/vulnerabilities", &names);
    for (size_t i = 0; i < names.count; i++) {
        char path[160];
        struct hc_text one;
        size_t n = strlen(f->vulnerabilities.text);
        (void)snprintf(path, sizeof(path), "sys/devices/system/cpu/vulnerabilities/%s",
                       names.name[i]);
        hc_source_line(s, path, &one);
        if (one.seen != HC_PRESENT || one.text[0] == '\0') {
            f->vulnerabilities.seen = HC_UNKNOWN;
        } else if (strncmp(one.text, "Vulnerable", 10) == 0) {
            (void)snprintf(f->vulnerabilities.text + n, sizeof(f->vulnerabilities.text) - n, "%s%s",
                           n > 0 ? " " : "", names.name[i]);
        }
    }
}

/* A module is there when it is loaded, built in, or can be loaded. */
static void read_pod_modules(struct hc_source *s, struct hc_facts *f)
{
    static const char *const lists[] = {"modules.builtin", "modules.dep"};
    enum hc_seen listed[2] = {HC_UNKNOWN, HC_UNKNOWN};
    for (size_t m = 0; m < HC_POD_MODULES; m++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "sys/module/%s", hc_pod_modules[m]);
        f->pod_module[m] = hc_source_exists(s, path, true);
    }
    for (size_t i = 0; f->kernel.seen == HC_PRESENT && strchr(f->kernel.text, '/') == NULL && i < 2;
         i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf kept = {0};
        char path[HC_MAX_TEXT + 64];
        (void)snprintf(path, sizeof(path), "lib/modules/%s/%s", f->kernel.text, lists[i]);
        listed[i] = hc_source_read(s, path, HC_MAX_MODULES, false, &text);
        for (size_t m = 0; m < HC_POD_MODULES; m++) {
            if (hc_parse_has_module((char *)text.data, text.len, hc_pod_modules[m])) {
                f->pod_module[m] = HC_PRESENT;
                (void)!cl_buf_printf(&kept, NULL, "kernel/%s.ko:\n", hc_pod_modules[m]);
            }
        }
        if (listed[i] == HC_PRESENT) {
            hc_source_record(s, path, kept.data, kept.len);
        }
    }
    for (size_t m = 0; m < HC_POD_MODULES; m++) {
        if (f->pod_module[m] == HC_ABSENT && (listed[0] != HC_PRESENT || listed[1] != HC_PRESENT)) {
            f->pod_module[m] = HC_UNKNOWN;
        }
    }
}

static void read_tree(struct hc_source *s, struct hc_facts *f)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf b = {0};
    struct hc_names names;
    hc_source_line(s, "proc/sys/kernel/osrelease", &f->kernel);
    if (hc_source_read(s, "proc/cpuinfo", HC_MAX_CPUINFO, true, &b) == HC_PRESENT) {
        hc_parse_cpuinfo((char *)b.data, b.len, f);
        hc_source_record(s, "proc/cpuinfo", b.data, b.len);
    }
    if (hc_source_read(s, "proc/cmdline", HC_MAX_SMALL, false, &b) == HC_PRESENT) {
        hc_parse_cmdline((char *)b.data, b.len, f); /* the rest of it may be a secret */
        hc_source_record(s, "proc/cmdline", f->cmdline_iommu.text, strlen(f->cmdline_iommu.text));
    }
    f->kvm_amd = hc_source_exists(s, "sys/module/kvm_amd", true);
    f->kvm_intel = hc_source_exists(s, "sys/module/kvm_intel", true);
    hc_source_line(s, "sys/module/kvm_amd/parameters/sev", &f->param_sev);
    hc_source_line(s, "sys/module/kvm_amd/parameters/sev_es", &f->param_sev_es);
    hc_source_line(s, "sys/module/kvm_amd/parameters/sev_snp", &f->param_sev_snp);
    hc_source_line(s, "sys/module/kvm_intel/parameters/tdx", &f->param_tdx);
    hc_source_line(s, "sys/devices/faux/tdx_host/version", &f->tdx_module_version);
    f->qgs_socket = hc_source_exists(s, "run/tdx-qgs/qgs.socket", false);
    f->iommu = hc_source_list(s, "sys/class/iommu", &names);
    if (f->iommu == HC_PRESENT && names.count == 0) {
        f->iommu = HC_ABSENT;
    } else if (f->iommu == HC_PRESENT) {
        hc_source_record(s, "sys/class/iommu/one", "", 0);
    }
    read_vulnerabilities(s, f);
    read_pod_modules(s, f);
    hc_source_line(s, "sys/fs/cgroup/cgroup.controllers", &f->controllers);
}

/* --- what no file says: of this machine asked, of a record read; written down either way */

static void device(struct hc_source *s, bool live, const char *path, struct hc_text *ret)
{
    if (!live) {
        hc_source_line(s, path, ret);
        return;
    }
    char name[32];
    (void)snprintf(name, sizeof(name), "/%s", path);
    const char *says = hc_probe_open(name);
    ret->seen = HC_PRESENT;
    (void)snprintf(ret->text, sizeof(ret->text), "%s", says);
    hc_source_record(s, path, says, strlen(says));
}

static enum cl_status answers(struct hc_source *s, bool live, struct hc_facts *f,
                              struct cl_err *err)
{
    static const struct {
        const char *file;
        enum cl_status (*probe)(struct cl_buf *, struct cl_err *);
        void (*parse)(const char *, size_t, struct hc_facts *);
    } table[] = {{"cpuid", hc_probe_cpuid, hc_parse_cpuid},
                 {"kvm", hc_probe_kvm, hc_parse_kvm},
                 {"sev", hc_probe_sev, hc_parse_sev}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
        if (live) {
            CL_TRY(table[i].probe(&text, err));
            hc_source_record(s, table[i].file, text.data, text.len);
        } else {
            (void)hc_source_read(s, table[i].file, HC_MAX_SMALL, false, &text);
        }
        if (text.len > 0) {
            table[i].parse((char *)text.data, text.len, f);
        }
    }
    return CL_OK;
}

enum cl_status hc_read(const char *root, const char *record, struct hc_facts *ret,
                       struct cl_err *err)
{
    const char *at = root != NULL ? root : "/";
    CL_CLEANUP(cl_close_fdp) int tree = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CL_CLEANUP(cl_close_fdp) int to = -1;
    struct hc_facts f = {0};
    if (tree < 0) {
        return cl_err_sys(err, errno, "open '%s'", at);
    }
    if (record != NULL) {
        to = mkdir(record, 0755) == 0 ? open(record, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (to < 0) {
            return cl_err_sys(err, errno, "make '%s'", record);
        }
    }
    struct hc_source s = {.root = tree, .record = to};
    read_tree(&s, &f);
    device(&s, root == NULL, "dev/kvm", &f.dev_kvm);
    device(&s, root == NULL, "dev/sev", &f.dev_sev);
    device(&s, root == NULL, "dev/net/tun", &f.dev_tun);
    CL_TRY(answers(&s, root == NULL, &f, err));
    if (s.failed) {
        return cl_err_sys(err, errno, "record '%s'", record);
    }
    *ret = f;
    return CL_OK;
}
