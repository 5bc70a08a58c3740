/* SPDX-License-Identifier: Apache-2.0
 * cloister/hostcheck.h - what a host can run: facts about it, checks of them, a verdict for each
 * class. Spec: snp.md d, tdx.md c, threats.md 34.
 * Trust: a recorded tree is hostile; texts of it are bounded, and escaped by whoever prints them.
 * Threads: no shared state. Memory: fixed, in the caller's structures.
 */
#ifndef CLOISTER_HOSTCHECK_H
#define CLOISTER_HOSTCHECK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HC_MAX_TEXT 192u           /* bytes of a text that is shown */
#define HC_MAX_SMALL 4096u         /* bytes of a file of /sys, of `cpuid`, `kvm`, `sev` */
#define HC_MAX_CPUINFO 16384u      /* bytes read of /proc/cpuinfo: one processor is enough */
#define HC_MAX_MODULES (16u << 20) /* bytes of modules.dep, modules.builtin */
#define HC_MAX_ENTRIES 64u         /* files looked at in one folder */
#define HC_MAX_CHECKS 64u
#define HC_POD_MODULES 3u

/* What is known of a thing that is there or not. */
enum hc_seen { HC_UNKNOWN, HC_ABSENT, HC_PRESENT };

enum hc_status { HC_PASS, HC_FAIL, HC_CANNOT_TELL };

enum hc_class { HC_SIM, HC_SNP, HC_TDX, HC_PODS, HC_CLASS_COUNT };

enum hc_verdict { HC_YES, HC_NO, HC_MAYBE };

/* A text of the host: empty unless HC_PRESENT. */
struct hc_text {
    enum hc_seen seen;
    char text[HC_MAX_TEXT];
};

struct hc_number {
    bool known;
    uint64_t value;
};

/* SNP_PLATFORM_STATUS (snp.md d.5). */
struct hc_firmware {
    bool known;
    uint8_t api_major;
    uint8_t api_minor;
    uint8_t state;
    bool rmp_initialized;
    bool alias_check_complete;
    uint32_t build;
    uint64_t current_tcb;
    uint64_t reported_tcb;
};

struct hc_facts {
    struct hc_text kernel;        /* uname -r */
    struct hc_text cmdline_iommu; /* words of /proc/cmdline about the IOMMU; "" when none */
    char vendor[13];              /* "" when unknown */
    struct hc_number cpu;         /* CPUID 1, EAX */
    uint32_t family;
    uint32_t model;
    bool virtual_machine;      /* CPUID 1, ECX bit 31 */
    struct hc_number sev;      /* CPUID 0x8000001F, EAX; known and 0 where there is no such leaf */
    enum hc_seen flag_sev_snp; /* of /proc/cpuinfo */
    enum hc_seen flag_tdx_host_platform; /* of /proc/cpuinfo */
    enum hc_seen kvm_amd;
    enum hc_seen kvm_intel;
    struct hc_text param_sev;
    struct hc_text param_sev_es;
    struct hc_text param_sev_snp;
    struct hc_text param_tdx;
    struct hc_text dev_kvm; /* "ok", or the name of an error */
    struct hc_text dev_sev;
    struct hc_text dev_tun;
    struct hc_number kvm_api;
    struct hc_number exit_hypercall;
    struct hc_number user_memory2;
    struct hc_number memory_fault_info;
    struct hc_number memory_attributes;
    struct hc_number guest_memfd;
    struct hc_number vm_types;
    struct hc_firmware firmware;
    struct hc_text tdx_module_version;
    enum hc_seen qgs_socket;
    enum hc_seen iommu;             /* an entry in /sys/class/iommu */
    struct hc_text vulnerabilities; /* names whose file says Vulnerable; "" when none */
    enum hc_seen pod_module[HC_POD_MODULES];
    struct hc_text controllers; /* of the root of cgroup v2 */
};

struct hc_check {
    char id[48]; /* stable: "snp.rmp" */
    enum hc_status status;
    unsigned classes; /* bit 1 << enum hc_class: which verdicts it decides; 0: told only */
    char expected[HC_MAX_TEXT];
    char actual[HC_MAX_TEXT + 64];
    const char *mend; /* one line; NULL when passed */
};

struct hc_report {
    struct hc_check check[HC_MAX_CHECKS];
    size_t count;
    enum hc_verdict verdict[HC_CLASS_COUNT];
};

/* Reads the facts of this machine (root NULL) or of a recorded tree. record: NULL, or a folder
 * that is made and that gets the tree; it must not be there. What cannot be read is unknown, no
 * error. Returns CL_OK; CL_ERR_SYS when root cannot be opened or the record not be written;
 * CL_ERR_NOMEM. Opens /dev/kvm, /dev/sev and /dev/net/tun of this machine and asks what they can
 * do; makes nothing with them. */
CL_NODISCARD enum cl_status hc_read(const char *root, const char *record, struct hc_facts *ret,
                                    struct cl_err *err);

/* All checks, in a fixed order. */
void hc_judge(const struct hc_facts *facts, struct hc_report *ret);

const char *hc_status_name(enum hc_status status);    /* "pass" */
const char *hc_class_name(enum hc_class class);       /* "snp" */
const char *hc_verdict_name(enum hc_verdict verdict); /* "cannot tell" */
bool hc_class_parse(const char *text, enum hc_class *ret_class);

/* The first check that keeps a class from yes: one that failed before one that is unknown; NULL
 * when there is none. Borrowed. */
const struct hc_check *hc_obstacle(const struct hc_report *report, enum hc_class class);

#endif
