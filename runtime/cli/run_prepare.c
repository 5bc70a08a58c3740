/* SPDX-License-Identifier: Apache-2.0
 * run_prepare.c - what a run needs before there is a VM: guest files, image, initdata, folder,
 * sockets, the initdata disk.
 * Trust: image sources are hostile (runtime/image); an initdata file is the person's, and checked.
 */
#include "run_internal.h"

#include "cloister/hostcheck.h"

#include "host/initdata_disk.h"

#include "base/encode.h"
#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void take_class(struct run *r, enum host_vm_class class)
{
    r->tee_class = class;
    (void)snprintf(r->report.tee, sizeof(r->report.tee), "%s", host_vm_class_name(class));
}

/* snp or tdx, whichever the host is known to run; never sim. */
static enum cl_status pick_tee(struct run *r, const struct hc_report *report, struct cl_err *err)
{
    const struct hc_check *snp = hc_obstacle(report, HC_SNP);
    const struct hc_check *tdx = hc_obstacle(report, HC_TDX);
    if (snp == NULL || tdx == NULL) {
        take_class(r, snp == NULL ? HOST_VM_SNP : HOST_VM_TDX);
        return CL_OK;
    }
    return cl_err_set(err, CL_ERR_UNSUPPORTED,
                      "--tee auto: expected a host that can run snp or tdx (cloister "
                      "host check), got %s: %.90s; %s: %.90s",
                      snp->id, snp->actual, tdx->id, tdx->actual);
}

/* The person has decided: what cannot be told is tried, and what has failed is not. */
static enum cl_status want_tee(struct run *r, const struct hc_report *report,
                               enum host_vm_class class, struct cl_err *err)
{
    enum hc_class asked = class == HOST_VM_SNP ? HC_SNP : HC_TDX;
    take_class(r, class);
    if (report->verdict[asked] != HC_NO) {
        return CL_OK;
    }
    const struct hc_check *o = hc_obstacle(report, asked);
    return cl_err_set(err, CL_ERR_UNSUPPORTED,
                      "--tee %s: expected a host that can run it (cloister host check "
                      "--class %s), got %s: %.90s",
                      hc_class_name(asked), hc_class_name(asked), o->id, o->actual);
}

static enum cl_status check_tee(struct run *r, struct cl_err *err)
{
    struct hc_facts facts;
    struct hc_report report;
    if (r->args.tee == CLI_TEE_SIM) {
        take_class(r, HOST_VM_SIM_SNP);
        (void)fprintf(stderr, "cloister: --tee sim protects nothing: the host can read and change "
                              "the guest's memory\n");
        return CL_OK;
    }
    (void)snprintf(r->report.tee, sizeof(r->report.tee), "auto");
    CL_TRY(hc_read(NULL, NULL, &facts, err));
    hc_judge(&facts, &report);
    return r->args.tee == CLI_TEE_AUTO
               ? pick_tee(r, &report, err)
               : want_tee(r, &report, r->args.tee == CLI_TEE_SNP ? HOST_VM_SNP : HOST_VM_TDX, err);
}

static enum cl_status open_image(struct run *r, struct cl_err *err)
{
    struct cl_image_options opt = {.registry_ca = r->args.registry_ca};
    CL_TRY(cl_image_open(r->args.image, &opt, &r->image, err));
    cl_oci_digest_format(r->manifest, cl_image_manifest_digest(r->image));
    (void)snprintf(r->report.manifest, sizeof(r->report.manifest), "%s", r->manifest);
    cli_report_mark(&r->report, "image.resolved", 0);
    return CL_OK;
}

static enum cl_status given_initdata(struct run *r, struct cl_err *err)
{
    CL_TRY(cl_buf_read_file(&r->initdata_text, r->args.initdata, CL_INITDATA_MAX_SIZE, err));
    enum cl_status st =
        cl_initdata_parse(r->initdata_text.data, r->initdata_text.len, &r->initdata, err);
    if (st == CL_OK && r->initdata.pod != NULL) {
        st = cl_err_set(err, CL_ERR_UNSUPPORTED,
                        "initdata: data: expected cloister.toml, got pod-policy.json, which is for "
                        "pods");
    }
    st = st == CL_OK
             ? cli_initdata_agrees(&r->args, cl_image_manifest_digest(r->image), &r->initdata, err)
             : st;
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "'%.200s'", r->args.initdata);
}

static enum cl_status made_initdata(struct run *r, struct cl_err *err)
{
    CL_TRY(cli_initdata_from_args(
        &r->args, r->image, r->args.tee == CLI_TEE_SIM ? "in,out,err" : "none", &r->initdata, err));
    return cl_initdata_make(&r->initdata, &r->initdata_text, err);
}

static enum cl_status prepare_initdata(struct run *r, struct cl_err *err)
{
    CL_TRY(r->args.initdata != NULL ? given_initdata(r, err) : made_initdata(r, err));
    CL_TRY(
        cl_initdata_digest(r->initdata_text.data, r->initdata_text.len, r->initdata_digest, err));
    cl_hex(r->report.initdata, r->initdata_digest, CL_SHA256_SIZE);
    (void)fprintf(stderr, "cloister: initdata digest %s\n", r->report.initdata);
    return cli_image_fits(r->image, &r->initdata, err);
}

/* The host asks for exactly what initdata allows: the agent compares field by field. */
static enum cl_status fill_start(struct run *r, struct cl_err *err)
{
    const struct cl_initdata *i = &r->initdata;
    uint8_t id[12];
    CL_TRY(cl_random(id, sizeof(id), err));
    r->container_id[0] = 'c';
    cl_hex(r->container_id + 1, id, sizeof(id));
    r->start = (struct cl_agent_start){
        .container_id = r->container_id,
        .manifest = r->manifest,
        .command = (const char *const *)i->command.v,
        .command_count = i->command.count,
        .env = (const char *const *)i->env.v,
        .env_count = i->env.count,
        .workdir = i->workdir,
        .user = i->user,
        .terminal = i->terminal,
        .attach_stdin = i->stdin_allowed,
        .attach_stdout = i->stdout_allowed,
        .attach_stderr = i->stderr_allowed,
    };
    cli_tty_size(&r->start.rows, &r->start.cols);
    return CL_OK;
}

static enum cl_status write_disk(struct run *r, struct cl_err *err)
{
    char *path = r->initdata_disk + strlen("ro:");
    memcpy(r->initdata_disk, "ro:", strlen("ro:"));
    host_rundir_path(&r->dir, "initdata.img", path);
    return host_initdata_disk_write(path, r->initdata_text.data, r->initdata_text.len, err);
}

/* --- the relay's allow-list ---------------------------------------------------------------------
 */

static enum cl_status fill_allow(const struct run *r, struct host_allow *a, struct cl_err *err)
{
    struct cl_initdata flags = {0};
    memcpy(a->named, r->args.relay_allow, sizeof(a->named));
    a->count = r->args.relay_allow_count;
    if (r->args.kbs_url != NULL) {
        struct host_endpoint *e = &a->named[a->count++];
        flags.kbs_url = r->initdata.kbs_url; /* equal to --kbs: made from it or compared with it */
        CL_TRY(cl_initdata_broker(&flags, e->host, &e->port, err));
    }
    a->has_initdata = r->initdata.kbs_url != NULL;
    return a->has_initdata
               ? cl_initdata_broker(&r->initdata, a->initdata.host, &a->initdata.port, err)
               : CL_OK;
}

static void on_output_end(void *ctx, const char *process, unsigned stream)
{
    (void)process;
    (void)stream;
    run_check_end(ctx);
}

static enum cl_status open_blob(void *ctx, const uint8_t digest[CL_SHA256_SIZE], int *ret_fd,
                                uint64_t *ret_size, struct cl_err *err)
{
    struct run *r = ctx;
    return cl_image_blob_open(r->image, digest, ret_fd, ret_size, err);
}

/* The streams that initdata allows, each once: descriptors 0 to 2 are the person's. */
static bool open_stdio(void *ctx, const char *process, unsigned stream, int *ret_fd,
                       bool *ret_owned)
{
    struct run *r = ctx;
    const bool allowed[] = {r->initdata.stdin_allowed, r->initdata.stdout_allowed,
                            r->initdata.stderr_allowed};
    if (strcmp(process, r->container_id) != 0 || !allowed[stream] || r->stream_seen[stream]) {
        return false;
    }
    r->stream_seen[stream] = true;
    *ret_fd = (int)stream;
    *ret_owned = false;
    return true;
}

static enum cl_status start_server(struct run *r, struct cl_err *err)
{
    struct host_server_config cfg = {
        .base = r->base,
        .open_blob = open_blob,
        .open_stdio = open_stdio,
        .on_agent = run_on_agent,
        .on_output_end = on_output_end,
        .ctx = r,
    };
    CL_TRY(fill_allow(r, &cfg.allow, err));
    CL_TRY(host_server_new(&cfg, &r->server, err));
    return host_server_listen(r->server, r->dir.path, err);
}

/* --- all of it, in order
 * --------------------------------------------------------------------------- */

static enum cl_status find_guest(struct run *r, struct cl_err *err)
{
    return cl_guest_find(r->args.guest, &r->guest, err);
}

static enum cl_status make_dir(struct run *r, struct cl_err *err)
{
    CL_TRY(host_rundir_make(&r->dir, err));
    return write_disk(r, err);
}

bool run_prepare(struct run *r)
{
    static const struct {
        const char *name;
        enum cl_status (*run)(struct run *r, struct cl_err *err);
    } steps[] = {{"tee", check_tee},       {"guest", find_guest},
                 {"image", open_image},    {"initdata", prepare_initdata},
                 {"request", fill_start},  {"folder", make_dir},
                 {"sockets", start_server}};
    for (size_t i = 0; i < CL_ARRAY_LEN(steps); i++) {
        struct cl_err err = {0};
        if (steps[i].run(r, &err) != CL_OK) {
            cli_report_err(&r->report, steps[i].name, &err);
            return false;
        }
    }
    cli_report_mark(&r->report, "host.prepared", 0);
    return true;
}
