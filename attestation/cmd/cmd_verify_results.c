/* SPDX-License-Identifier: Apache-2.0
 * cmd_verify_results.c - the files that `cloister verify` writes: the EAR token, and the page with
 * everything attached that the user named.
 * Trust: the user's command line; the files are hostile and only attached. They are read again
 * here: whoever verifies the page's attachments finds out if one was changed meanwhile. Memory:
 * what CL_HTML_MAX_ATTACHED allows.
 */
#include "cmd/cmd_verify.h"

#include "base/io.h"
#include "cloister/ear.h"
#include "cloister/pem.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EAR_MODE 0600 /* whoever has it can show it */
#define HTML_MODE 0644
#define MAX_DEMANDS (VERIFY_MAX_INPUTS * 2 + 16)
#define MAX_NAME 512u

struct page { /* what the page is made of, owned here */
    const struct verify_options *o;
    struct cl_html_report report;
    struct cl_html_file files[CL_HTML_MAX_FILES];
    struct cl_buf contents[CL_HTML_MAX_FILES], names[CL_HTML_MAX_FILES]; /* of files 1 and on */
    struct cl_html_demand demands[MAX_DEMANDS];
    struct cl_buf command;
    char by[MAX_NAME], as_of[21];
    const char *role, *option; /* of the file that is added next */
};

static void page_done(struct page *p)
{
    for (size_t i = 0; i < p->report.file_count; i++) {
        cl_buf_done(&p->contents[i]);
        cl_buf_done(&p->names[i]);
    }
    cl_buf_done(&p->command);
}

/* One argument for a shell: in quotes unless it is made of harmless characters. */
static enum cl_status put_argument(struct cl_buf *out, const char *s, struct cl_err *err)
{
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789_./:=@%+,-";
    if (s[0] != '\0' && strspn(s, harmless) == strlen(s)) {
        return cl_buf_append_str(out, s, err);
    }
    CL_TRY(cl_buf_append_str(out, "'", err));
    for (; *s != '\0'; s++) {
        CL_TRY(*s == '\'' ? cl_buf_append_str(out, "'\\''", err) : cl_buf_append(out, s, 1, err));
    }
    return cl_buf_append_str(out, "'", err);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static enum cl_status put_option(struct page *p, const char *option, const char *value,
                                 struct cl_err *err)
{
    CL_TRY(cl_buf_printf(&p->command, err, " \\\n    %s", option));
    if (value == NULL) {
        return CL_OK;
    }
    CL_TRY(cl_buf_append_str(&p->command, " ", err));
    return put_argument(&p->command, value, err);
}

static enum cl_status attach(const char *path, void *arg, struct cl_err *err)
{
    struct page *p = arg;
    size_t n = p->report.file_count;
    if (n == CL_HTML_MAX_FILES) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--html: expected at most %u files, got more",
                          CL_HTML_MAX_FILES);
    }
    p->report.file_count++;
    CL_TRY(verify_read_file(path, CL_HTML_MAX_ATTACHED, &p->contents[n], err));
    CL_TRY(cl_buf_append_str(&p->names[n], path, err));
    p->files[n] = (struct cl_html_file){.role = p->role,
                                        .name = (const char *)p->names[n].data,
                                        .data = p->contents[n].data,
                                        .len = p->contents[n].len};
    return p->option != NULL ? put_option(p, p->option, base_name(path), err) : CL_OK;
}

static enum cl_status attach_named(struct page *p, const char *role, const char *option,
                                   const char *path, struct cl_err *err)
{
    p->role = role;
    p->option = option;
    return path != NULL ? verify_each_file(path, verify_cert_suffixes, attach, p, err) : CL_OK;
}

/* A bundle, a file, or a folder whose names say what is what: the command names it as a whole. */
static enum cl_status attach_collateral(struct page *p, const char *path, struct cl_err *err)
{
    static const char *const suffixes[] = {".der", ".pem", ".crt", ".cer", ".crl", ".json", NULL};
    p->role = "Collateral";
    p->option = NULL;
    CL_TRY(put_option(p, "--collateral", base_name(path), err));
    return verify_each_file(path, suffixes, attach, p, err);
}

static enum cl_status attach_all(struct page *p, const struct cl_buf *evidence, struct cl_err *err)
{
    const struct verify_options *o = p->o;
    p->files[0] = (struct cl_html_file){
        .role = "Evidence", .name = o->evidence, .data = evidence->data, .len = evidence->len};
    p->report.file_count = 1;
    CL_TRY(cl_buf_append_str(&p->command, "cloister verify", err));
    CL_TRY(put_option(p, "--evidence", base_name(o->evidence), err));
    for (size_t i = 0; i < o->cert_count; i++) {
        CL_TRY(attach_named(p, "Certificate", "--certs", o->certs[i], err));
    }
    for (size_t i = 0; i < o->collateral_count; i++) {
        CL_TRY(attach_collateral(p, o->collateral[i], err));
    }
    CL_TRY(attach_named(p, "Event log", "--event-log", o->event_log, err));
    CL_TRY(attach_named(p, "Policy", "--policy", o->policy_file, err));
    CL_TRY(attach_named(p, "Distrusted platforms", "--distrust", o->distrust_file, err));
    CL_TRY(attach_named(p, "Key of the distrust document", "--distrust-key", o->distrust_key_file,
                        err));
    for (size_t i = 0; i < o->sim_root_count; i++) {
        CL_TRY(attach_named(p, "Simulated root", "--sim-root", o->sim_root_files[i], err));
    }
    CL_TRY(attach_named(p, "Reference values", "--reference", o->reference, err));
    CL_TRY(attach_named(p, "Key of the reference values", "--corim-key", o->corim_key, err));
    return attach_named(p, "Initial data of the guest", "--initdata", o->initdata, err);
}

static void demand(struct page *p, const char *name, const char *value)
{
    if (value != NULL && p->report.demand_count < MAX_DEMANDS) {
        p->demands[p->report.demand_count++] = (struct cl_html_demand){name, value};
    }
}

/* A demand that is a value on the command line, and goes into the command as it is. */
static enum cl_status demand_value(struct page *p, const char *name, const char *option,
                                   const char *value, struct cl_err *err)
{
    demand(p, name, value);
    return value != NULL ? put_option(p, option, value, err) : CL_OK;
}

static enum cl_status demand_all(struct page *p, struct cl_err *err)
{
    const struct verify_options *o = p->o;
    const char *tee = o->tee != CL_TEE_CLASS_NONE ? cl_tee_class_name(o->tee) : NULL;
    const char *yes = "yes";
    demand(p, "Reference values", o->reference);
    demand(p, "Initial data of the guest", o->initdata);
    demand(p, "Policy", o->policy_file);
    demand(p, "Distrusted platforms", o->distrust_file);
    CL_TRY(demand_value(p, "Signer of the collateral", "--collateral-signer", o->collateral_signer,
                        err));
    for (size_t i = 0; i < o->sim_root_count; i++) {
        demand(p, "Simulated root, which protects nothing", o->sim_root_files[i]);
    }
    for (size_t i = 0; i < o->measurement_count; i++) {
        CL_TRY(demand_value(p, "Measurement", "--measurement", o->measurements[i], err));
    }
    CL_TRY(demand_value(p, "Report data", "--report-data", o->report_data, err));
    CL_TRY(demand_value(p, "Host data", "--host-data", o->host_data, err));
    CL_TRY(demand_value(p, "Privilege level (VMPL)", "--vmpl", o->vmpl, err));
    CL_TRY(demand_value(p, "Policy, built in", "--profile", o->profile, err));
    CL_TRY(demand_value(p, "Class", "--tee", tee, err));
    CL_TRY(demand_value(p, "Time of verification", "--time", p->as_of, err));
    const struct {
        bool on;
        const char *name, *option;
    } flags[] = {
        {o->allow_masked_chip, "The chip may be hidden", "--allow-masked-chip"},
        {o->authenticity_only, "Authenticity only", "--authenticity-only"},
        {o->allow_unsigned_corim, "The CoRIM may be unsigned", "--allow-unsigned-corim"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(flags); i++) {
        if (flags[i].on) {
            demand(p, flags[i].name, yes);
            CL_TRY(put_option(p, flags[i].option, NULL, err));
        }
    }
    return CL_OK;
}

static void who(char ret[static MAX_NAME])
{
    char host[128] = "an unnamed machine";
    const struct passwd *pw = getpwuid(getuid()); // NOLINT(concurrency-mt-unsafe): one thread
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(ret, MAX_NAME, "cloister verify %s, run by %s on %s", CL_VERSION,
                   pw != NULL ? pw->pw_name : "an unnamed user", host);
}

static enum cl_status write_html(const struct verify_options *o, const struct cl_buf *evidence,
                                 const struct verify_answer *answer, struct page *p,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    who(p->by);
    cl_time_format(p->as_of, o->time);
    CL_TRY(attach_all(p, evidence, err));
    CL_TRY(demand_all(p, err));
    struct cl_html_report *r = &p->report;
    for (; r->cert_count < answer->cert_count; r->cert_count++) {
        const struct cl_buf *c = &answer->certs[r->cert_count];
        r->certs[r->cert_count] = (struct cl_html_cert){c->data, c->len};
    }
    r->result = answer->result;
    r->claims = answer->claims;
    r->verified_by = p->by;
    r->command = (const char *)p->command.data;
    r->made_at = (int64_t)time(NULL);
    r->files = p->files;
    r->demands = p->demands;
    CL_TRY(cl_html_report(r, &out, err));
    return cl_write_file(o->html, out.data, out.len, HTML_MODE, err);
}

static enum cl_status write_ear(const struct verify_options *o, const struct verify_answer *answer,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_pem_key_freep) struct evp_pkey_st *key = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_TRY(cl_pem_private_key(o->ear_key, &key, err));
    enum cl_status st =
        cl_ear_of_result(key, answer->result, answer->claims, (int64_t)time(NULL), &out, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "EAR '%s'", o->ear);
    }
    return cl_write_file(o->ear, out.data, out.len, EAR_MODE, err);
}

enum cl_status verify_write_results(const struct verify_options *o, const struct cl_buf *evidence,
                                    const struct verify_answer *answer, struct cl_err *err)
{
    if (o->ear != NULL) {
        CL_TRY(write_ear(o, answer, err));
    }
    if (o->html == NULL) {
        return CL_OK;
    }
    struct page p = {.o = o};
    enum cl_status st = write_html(o, evidence, answer, &p, err);
    page_done(&p);
    return st;
}
