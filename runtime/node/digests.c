/* SPDX-License-Identifier: Apache-2.0
 * digests.c - `upgrade --plan`: what guests of the new version will measure, to be registered with
 * the broker before a pod asks for its keys. Trust, threads, memory: node.h.
 */
#include "plan.h"

#include "shim/config.h"

#include "cloister/guest_files.h"
#include "cloister/snp_measure.h"
#include "cloister/tdx_measure.h"

#include "base/encode.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VCPU_TYPE "EPYC-Milan"

struct guest { /* the payload's, and what is not there is NULL */
    struct cl_guest_files files;
    struct cl_buf sim_cmdline, cmdline; /* of class sim, of the hardware classes */
    const char *initrd;
};

static void guest_done(struct guest *g)
{
    cl_buf_done(&g->sim_cmdline);
    cl_buf_done(&g->cmdline);
}

static enum cl_status open_guest(const struct node_payload *payload, struct guest *g,
                                 struct cl_err *err)
{
    char dir[NODE_PATH_SIZE + 16];
    (void)snprintf(dir, sizeof(dir), "%s/guest", payload->dir);
    CL_TRY(cl_guest_find(dir, &g->files, err));
    CL_TRY(
        cl_guest_read_class_cmdline(g->files.cmdline, /* hardware= */ false, &g->sim_cmdline, err));
    CL_TRY(cl_guest_read_class_cmdline(g->files.cmdline, /* hardware= */ true, &g->cmdline, err));
    g->initrd = access(g->files.initrd, F_OK) == 0 ? g->files.initrd : NULL;
    return CL_OK;
}

struct snp_list {
    json_t *list; /* NULL: no memory was left */
    const char *name, *type;
    int cpus;
};

/* The digest after a vCPU's page is that of a guest with so many. */
static void on_page(void *ctx, const struct cl_snp_page *page)
{
    struct snp_list *s = ctx;
    char hex[2 * CL_SNP_LD_SIZE + 1];
    if (strcmp(page->region, "vmsa") != 0) {
        return;
    }
    s->cpus++;
    cl_hex(hex, page->digest, CL_SNP_LD_SIZE);
    if (s->list != NULL &&
        json_array_append_new(s->list,
                              json_pack("{s:s, s:i, s:s, s:s}", "class", s->name, "cpus", s->cpus,
                                        "vcpu_type", s->type, "measurement", hex)) != 0) {
        s->list = NULL;
    }
}

static enum cl_status add_snp(const struct guest *g, const struct node_options *o, bool sim,
                              json_t *list, struct cl_err *err)
{
    const struct cl_buf *cmdline = sim ? &g->sim_cmdline : &g->cmdline;
    struct snp_list s = {.list = list,
                         .name = sim ? "sim-snp" : "snp",
                         .type = o->vcpu_type != NULL ? o->vcpu_type : VCPU_TYPE};
    struct cl_snp_measure_config c = {.firmware = g->files.firmware,
                                      .kernel = g->files.kernel,
                                      .initrd = g->initrd,
                                      .cmdline = (const char *)cmdline->data,
                                      .cpus = SHIM_CPUS_MAX,
                                      .guest_features = 1,
                                      .vmm = CL_SNP_VMM_CLOISTER,
                                      .page = on_page,
                                      .page_ctx = &s};
    struct cl_snp_measurement m;
    CL_TRY(cl_snp_vcpu_type_parse(s.type, &c.vcpu_sig, err));
    CL_TRY(cl_snp_measure(&c, &m, err));
    return s.list != NULL ? CL_OK : cl_err_nomem(err, "report");
}

static enum cl_status add_tdx(const struct guest *g, json_t *list, struct cl_err *err)
{
    struct cl_tdx_measure_config c = {.firmware = g->files.firmware,
                                      .kernel = g->files.kernel,
                                      .initrd = g->initrd,
                                      .cmdline = (const char *)g->cmdline.data,
                                      .vmm = CL_TDX_VMM_CLOISTER};
    struct cl_tdx_measurement m;
    char mrtd[2 * CL_TDX_MR_SIZE + 1];
    char rtmr1[2 * CL_TDX_MR_SIZE + 1];
    char rtmr2[2 * CL_TDX_MR_SIZE + 1];
    CL_TRY(cl_tdx_measure(&c, &m, err));
    cl_hex(mrtd, m.mr[CL_TDX_MRTD], CL_TDX_MR_SIZE);
    cl_hex(rtmr1, m.mr[CL_TDX_RTMR1], CL_TDX_MR_SIZE);
    cl_hex(rtmr2, m.mr[CL_TDX_RTMR2], CL_TDX_MR_SIZE);
    return json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "class", "tdx", "mrtd",
                                                 mrtd, "rtmr1", rtmr1, "rtmr2", rtmr2)) == 0
               ? CL_OK
               : cl_err_nomem(err, "report");
}

static enum cl_status all_digests(const struct node_options *o, unsigned classes,
                                  const struct node_payload *payload, json_t *list,
                                  struct cl_err *err)
{
    CL_CLEANUP(guest_done) struct guest g = {0};
    CL_TRY(open_guest(payload, &g, err));
    if ((classes & NODE_CLASS_SNP) != 0) {
        CL_TRY(add_snp(&g, o, /* sim= */ false, list, err));
    }
    if ((classes & NODE_CLASS_TDX) != 0) {
        CL_TRY(add_tdx(&g, list, err));
    }
    return (classes & NODE_CLASS_SIM) != 0 ? add_snp(&g, o, /* sim= */ true, list, err) : CL_OK;
}

enum cl_status node_plan(const struct node_options *o, json_t **ret, const char **ret_hint,
                         struct cl_err *err)
{
    CL_CLEANUP(node_close) struct node_run r = {.lock = -1};
    CL_CLEANUP(node_payload_done) struct node_payload payload = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *state = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *doc = NULL;
    const char *recovered = NULL;
    struct node_options dry = *o;
    dry.dry_run = true;
    CL_TRY(node_open(&dry, &r, &recovered, err));
    CL_TRY(node_state_load(&r, &state, err));
    unsigned classes = o->classes | (state != NULL ? node_state_classes(state) : 0);
    if (classes == 0) {
        *ret_hint = "say which with --class";
        return cl_err_set(err, CL_ERR_REJECTED, "plan: --class: expected one, got none");
    }
    CL_TRY(node_payload_read(o, &payload, err));
    doc = json_pack("{s:s, s:s, s:s?, s:s, s:[]}", "schema", "cloister.node/1", "command", "plan",
                    "current", state != NULL ? node_state_text(state, "current") : NULL, "version",
                    payload.version, "digests");
    if (doc == NULL) {
        return cl_err_nomem(err, "report");
    }
    enum cl_status st = all_digests(o, classes, &payload, json_object_get(doc, "digests"), err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "plan");
    }
    *ret = CL_TAKE(doc);
    return CL_OK;
}
