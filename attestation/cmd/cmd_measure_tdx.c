/* SPDX-License-Identifier: Apache-2.0
 * cmd_measure_tdx.c - `cloister measure tdx`: MRTD and RTMR0 to RTMR2 from files, before any TD
 * starts.
 * Trust: the user's command line; the files may be hostile. Threads: one. Memory: constant, plus
 * the pages of --explain --json.
 */
#include "cmd/cmd_measure.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "cloister/tdx_measure.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROG "cloister measure tdx"
#define HINT_SIZE 320u

struct options {
    struct measure_common common;
    struct cl_tdx_measure_config config; /* strings borrowed from common and argv */
    bool two_pass;
};

struct trace { /* of --explain --json */
    json_t *pages, *events;
};

static void help(void)
{
    printf(
        "usage: " PROG " [OPTION]...\n\n"
        "Prints MRTD and RTMR0 to RTMR2 that a TDX quote must show.\n\n"
        "  --guest DIR         the installed guest to take files from\n"
        "  --firmware FILE     default: the installed guest, with its kernel, initrd and\n"
        "                      command line\n"
        "  --kernel FILE       default: the installed guest's, with its initrd and command\n"
        "                      line; with --firmware none\n"
        "  --initrd FILE, --cmdline TEXT\n"
        "  --class CLASS       tdx (default): the guest's command line as class tdx is launched\n"
        "                      with it, without " CL_GUEST_SIM_WORD "; sim-tdx: as it stands\n"
        "  --memory SIZE       RAM of the TD; RTMR0 needs it\n"
        "  --vmm NAME          cloister (default), or qemu: direct boot of OVMF\n"
        "  --two-pass          the VMM adds all pages of a section before it measures them\n"
        "  --variant WORD      what versions do differently; may be repeated: two-pass,\n"
        "                      read-on, patched-kernel, separator-rtmr0, initrd-arg-first,\n"
        "                      no-initrd-arg\n"
        "  --acpi-loader FILE, --acpi-rsdp FILE, --acpi-tables FILE\n"
        "                      QEMU's fw_cfg files; RTMR0 needs them with --vmm qemu\n"
        "  --explain [DIGEST]  print every added page and every event; with a digest, say\n"
        "                      which register has it; if none (exit status 1), which known\n"
        "                      variation of the configuration\n" MEASURE_CORIM_HELP "  --json\n\n"
        "example: " PROG " --memory 512M\n");
}

static enum cl_status take_memory(void *arg, const char *value, struct cl_err *err)
{
    return cl_size_parse(value, "--memory", arg, err);
}

static enum cl_status take_vmm(void *arg, const char *value, struct cl_err *err)
{
    return cl_tdx_vmm_parse(value, arg, err);
}

static enum cl_status take_variant(void *arg, const char *value, struct cl_err *err)
{
    unsigned variant = 0;
    CL_TRY(cl_tdx_variant_parse(value, &variant, err));
    *(unsigned *)arg |= variant;
    return CL_OK;
}

static enum cl_status parse(struct options *o, int argc, char **argv, struct cl_err *err)
{
    struct cl_tdx_measure_config *c = &o->config;
    const struct measure_option own[] = {
        {"memory", .take = take_memory, .arg = &c->memory},
        {"vmm", .take = take_vmm, .arg = &c->vmm},
        {"two-pass", .flag = &o->two_pass},
        {"variant", .take = take_variant, .arg = &c->variants},
        {"acpi-loader", .text = &c->acpi_loader},
        {"acpi-rsdp", .text = &c->acpi_rsdp},
        {"acpi-tables", .text = &c->acpi_tables},
    };
    CL_TRY(measure_parse(&o->common, own, CL_ARRAY_LEN(own), argc, argv, err));
    c->variants |= o->two_pass ? CL_TDX_TWO_PASS : 0;
    if (o->common.tee_class == CL_TEE_CLASS_NONE &&
        o->common.corim.tee_class == CL_TEE_CLASS_NONE) {
        o->common.tee_class = CL_TEE_CLASS_TDX; /* nobody launches another */
    }
    return o->common.help
               ? CL_OK
               : measure_check_class(&o->common, CL_TEE_CLASS_TDX, CL_TEE_CLASS_SIM_TDX, err);
}

/* ---- --explain ---- */

static void print_page(void *ctx, const struct cl_tdx_page *p)
{
    char hex[2 * CL_TDX_MR_SIZE + 1] = "-";
    (void)ctx;
    if (p->content != NULL) {
        cl_hex(hex, p->content, CL_TDX_MR_SIZE);
    }
    printf("%6" PRIu64 "  %012" PRIx64 "  %-8s %-13s %s\n", p->index, p->gpa,
           p->measured ? "measured" : "added", p->region, hex);
}

static void print_event(void *ctx, const struct cl_tdx_predicted *e)
{
    char digest[2 * CL_TDX_MR_SIZE + 1], value[2 * CL_TDX_MR_SIZE + 1];
    (void)ctx;
    cl_hex(digest, e->digest, CL_TDX_MR_SIZE);
    cl_hex(value, e->value, CL_TDX_MR_SIZE);
    printf("%s  %s\n       event %s\n       value %s\n", cl_tdx_mr_name(e->mr), e->name, digest,
           value);
}

static json_t *hex_value(const uint8_t *data)
{
    char hex[2 * CL_TDX_MR_SIZE + 1];
    if (data == NULL) {
        return json_null();
    }
    cl_hex(hex, data, CL_TDX_MR_SIZE);
    return json_string(hex);
}

/* A lack of memory shows as a short array, which is checked. */
static void collect_page(void *ctx, const struct cl_tdx_page *p)
{
    char gpa[17];
    struct trace *t = ctx;
    (void)snprintf(gpa, sizeof(gpa), "%016" PRIx64, p->gpa);
    (void)json_array_append_new(t->pages, json_pack("{s:s,s:s,s:b,s:o}", "gpa", gpa, "region",
                                                    p->region, "measured", (int)p->measured,
                                                    "sha384", hex_value(p->content)));
}

static void collect_event(void *ctx, const struct cl_tdx_predicted *e)
{
    struct trace *t = ctx;
    (void)json_array_append_new(t->events,
                                json_pack("{s:s,s:s,s:o,s:o}", "register", cl_tdx_mr_name(e->mr),
                                          "name", e->name, "digest", hex_value(e->digest), "value",
                                          hex_value(e->value)));
}

/* ---- the answer ---- */

static json_t *variants_json(unsigned variants)
{
    json_t *list = json_array();
    for (unsigned bit = 1; list != NULL && cl_tdx_variant_name(bit) != NULL; bit <<= 1) {
        if ((variants & bit) != 0 &&
            json_array_append_new(list, json_string(cl_tdx_variant_name(bit))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static enum cl_status print_json(const struct options *o, const struct cl_tdx_measurement *m,
                                 const struct trace *t, struct cl_err *err)
{
    const uint8_t *hob = o->config.memory != 0 ? m->hob_sha384 : NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_json_decrefp)
    json_t *j =
        json_pack("{s:s,s:s,s:s,s:o,s:o,s:I}", "schema", "cloister.measure/1", "tee", "tdx", "vmm",
                  cl_tdx_vmm_name(o->config.vmm), "variants", variants_json(o->config.variants),
                  "hob_sha384", hex_value(hob), "page_count", (json_int_t)m->page_count);
    bool good = j != NULL;
    for (int mr = 0; good && mr < CL_TDX_MR_COUNT; mr++) {
        good = json_object_set_new(j, cl_tdx_mr_name((enum cl_tdx_mr)mr),
                                   hex_value(m->known[mr] ? m->mr[mr] : NULL)) == 0;
    }
    if (good && t->pages != NULL) {
        good = json_array_size(t->pages) == m->page_count &&
               json_object_set(j, "pages", t->pages) == 0 &&
               json_object_set(j, "events", t->events) == 0;
    }
    if (!good) {
        return cl_err_nomem(err, "measurement as JSON");
    }
    CL_TRY(cl_json_compact(j, &text, err));
    printf("%s\n", (const char *)text.data);
    return CL_OK;
}

static void print_text(const struct cl_tdx_measurement *m)
{
    char hex[2 * CL_TDX_MR_SIZE + 1];
    for (int mr = 0; mr < CL_TDX_MR_COUNT; mr++) {
        cl_hex(hex, m->mr[mr], CL_TDX_MR_SIZE);
        printf("%-5s  %s\n", cl_tdx_mr_name((enum cl_tdx_mr)mr),
               m->known[mr] ? hex : m->missing[mr]);
    }
}

/* Which register has the digest after --explain, if any? ret_hint says what would. */
static enum cl_status compare_expected(const struct options *o, const struct cl_tdx_measurement *m,
                                       char ret_hint[static HINT_SIZE], struct cl_err *err)
{
    uint8_t expected[CL_TDX_MR_SIZE];
    struct cl_tdx_variation v;
    if (o->common.expected == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_unhex(expected, sizeof(expected), o->common.expected, "--explain", err));
    for (int mr = 0; mr < CL_TDX_MR_COUNT; mr++) {
        if (m->known[mr] && memcmp(expected, m->mr[mr], sizeof(expected)) == 0) {
            return CL_OK;
        }
    }
    enum cl_status st = cl_tdx_measure_find(&o->config, expected, &v, err);
    if (st == CL_OK) {
        (void)snprintf(ret_hint, HINT_SIZE, "it is %s of these files with: %s",
                       cl_tdx_mr_name(v.mr), v.words);
    } else if (st == CL_ERR_REJECTED) {
        (void)snprintf(ret_hint, HINT_SIZE,
                       "no known variation (page order, VMM, memory, versions, kernel hashes) has "
                       "it: the firmware or another file differs");
    } else {
        return st;
    }
    return cl_err_set(err, CL_ERR_REJECTED,
                      "measure '%s': digest: expected %s, got registers without it",
                      o->config.firmware, o->common.expected);
}

/* RTMR3 is the workload's own. */
static enum cl_status write_corim(const struct options *o, const struct cl_tdx_measurement *m,
                                  struct cl_err *err)
{
    struct cl_corim_reference reference = {0};
    memcpy(reference.measurement, m->mr[CL_TDX_MRTD], sizeof(reference.measurement));
    for (size_t i = CL_TDX_RTMR0; i < CL_TDX_MR_COUNT; i++) {
        size_t rtmr = i - CL_TDX_RTMR0;
        reference.has_rtmr[rtmr] = m->known[i];
        memcpy(reference.rtmr[rtmr], m->mr[i], sizeof(reference.rtmr[rtmr]));
    }
    return measure_corim_write(&o->common.corim, &reference, err);
}

static enum cl_status run(struct options *o, struct trace *t, char ret_hint[static HINT_SIZE],
                          struct cl_err *err)
{
    const struct measure_common *c = &o->common;
    struct cl_tdx_measurement m;
    CL_TRY(measure_take_files(&o->common, err));
    o->config.firmware = c->firmware;
    o->config.kernel = c->kernel;
    o->config.initrd = c->initrd;
    o->config.cmdline = c->cmdline;
    if (c->explain) {
        o->config.page = c->json ? collect_page : print_page;
        o->config.event = c->json ? collect_event : print_event;
        o->config.ctx = t;
        t->pages = c->json ? json_array() : NULL;
        t->events = c->json ? json_array() : NULL;
    }
    CL_TRY(cl_tdx_measure(&o->config, &m, err));
    enum cl_status same = compare_expected(o, &m, ret_hint, err);
    if (same == CL_OK) { /* a measurement that is not the one is not handed on */
        CL_TRY(write_corim(o, &m, err));
    }
    if (c->json) {
        CL_TRY(print_json(o, &m, t, err));
    } else {
        print_text(&m);
    }
    CL_TRY(same);
    return fflush(stdout) == 0 ? CL_OK : cl_err_sys(err, errno, "write 'stdout'");
}

int cmd_measure_tdx(int argc, char **argv)
{
    struct cl_err err = {0};
    struct options o = {.config = {.vmm = CL_TDX_VMM_CLOISTER}};
    struct trace t = {0};
    char hint[HINT_SIZE] = "";
    if (parse(&o, argc, argv, &err) != CL_OK) {
        return cl_usage_error(PROG, "%s", err.msg);
    }
    if (o.common.help) {
        help();
        return 0;
    }
    enum cl_status st = run(&o, &t, hint, &err);
    json_decref(t.pages);
    json_decref(t.events);
    return measure_end(&o.common, st, &err, hint);
}
