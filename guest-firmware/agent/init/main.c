/* SPDX-License-Identifier: Apache-2.0
 * main.c - cloister-agent, PID 1 of the guest: a list of named steps. The first that fails ends the
 * run; the host is told its name and why, and the guest powers off. Nothing is parsed before its
 * digest is known to be the measured one, and nothing of the image runs before all of it was
 * verified. A guest whose initdata has the policy of a pod serves pods instead, and one without
 * initdata, in class sim, any pod (I-10, I-11).
 */
#include "agent.h"

#include "agent/failure.h"
#include "agent/image.h"
#include "agent/start_check.h"
#include "cloister/kbs_client.h"
#include "cloister/pod_policy.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define START_TIMEOUT_MS 120000
#define DELIVER_TIMEOUT_MS 30000

struct agent {
    enum agent_tee tee;
    struct agent_evidence evidence;
    struct agent_runtime_log runtime;
    struct agent_host host;
    struct agent_container container;
    struct cl_buf raw; /* initdata's bytes */
    struct cl_initdata initdata;
    pthread_mutex_t kbs_lock; /* with pods: what needs keys are many threads */
    struct cl_kbs *kbs;
    struct cl_oci_config image;
    struct cl_agent_outcome outcome;
    const char *substep; /* a finer name than the step's, or NULL */
    bool pods;           /* serves pods, not `cloister run` */
};

static uint64_t uptime_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void phase(struct agent *a, const char *name)
{
    struct cl_agent_outcome *o = &a->outcome;
    if (o->phase_count < CL_AGENT_MAX_PHASES) {
        struct cl_agent_phase *p = &o->phase[o->phase_count++];
        (void)snprintf(p->name, sizeof(p->name), "%s", name);
        p->uptime_us = uptime_us();
    }
}

/* --- the steps -------------------------------------------------------------------------------- */

static enum cl_status step_tee(struct agent *a, struct cl_err *err)
{
    CL_TRY(agent_tee_decide(&a->tee, err));
    (void)pthread_mutex_lock(&a->host.lock);
    a->host.tee = a->tee;
    (void)pthread_mutex_unlock(&a->host.lock);
    if (a->tee == AGENT_TEE_SIM) {
        agent_say("SIMULATED TEE: the memory of this guest is NOT protected from the host");
        phase(a, "sim.memory-not-protected");
    }
    return CL_OK;
}

static bool is_zero(const uint8_t *data, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) {
        any |= data[i];
    }
    return any == 0;
}

/* HOST_DATA or MRCONFIGID is what the launcher fixed and the processor reports; initdata's bytes
 * must be its preimage. Without initdata, and only where nothing is protected anyway, the host may
 * have its pods.
 */
static enum cl_status step_initdata(struct agent *a, struct cl_err *err)
{
    uint8_t field[AGENT_LAUNCH_FIELD_MAX];
    size_t size = 0;
    bool present = false;
    CL_TRY(agent_initdata_present(&present, err));
    CL_TRY(agent_evidence_open(a->tee, &a->evidence, err));
    a->evidence.runtime = &a->runtime;
    CL_TRY(agent_evidence_launch_field(&a->evidence, field, &size, err));
    if (!present && a->tee == AGENT_TEE_SIM && is_zero(field, size)) {
        a->pods = true;
        agent_say("NO INITDATA: this guest runs whatever the host asks for; nothing of it is "
                  "measured");
        phase(a, "sim.pods-not-measured");
        return CL_OK;
    }
    CL_TRY(agent_initdata_read(&a->raw, err));
    CL_TRY(cl_initdata_verify(a->raw.data, a->raw.len, field, size, err));
    CL_TRY(cl_initdata_parse(a->raw.data, a->raw.len, &a->initdata, err));
    a->pods = a->initdata.pod != NULL;
    if (a->pods) {
        phase(a, "pods-measured");
    }
    return CL_OK;
}

static enum cl_status step_root(struct agent *a, struct cl_err *err)
{
    (void)a;
    CL_TRY(agent_switch_root(err));
    CL_TRY(agent_mount_late(err));
    return agent_loopback_up(err);
}

/* Nobody may take the agent's memory away from it, only from what it runs. */
static enum cl_status protect_from_oom(struct cl_err *err)
{
    static const char path[] = "/proc/self/oom_score_adj";
    CL_CLEANUP(cl_close_fdp) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    return cl_write_all(fd, "-1000", 5, path, err);
}

static enum cl_status get_pod_key(void *ctx, const char *path, struct cl_secret *ret,
                                  struct cl_err *err);
static enum cl_status record_image(void *ctx, const uint8_t manifest[static CL_SHA256_SIZE],
                                   struct cl_err *err);

static enum cl_status step_pods(struct agent *a, struct cl_err *err)
{
    const struct agent_pod_measured measured = {a->initdata.pod, a, get_pod_key, record_image};
    uint64_t scratch = 0;
    CL_TRY(protect_from_oom(err));
    CL_TRY(agent_mount_pods(err));
    CL_TRY(agent_mount_scratch(&scratch, err));
    if (scratch > 0) {
        agent_pod_use_disk(a->host.pod, AGENT_SCRATCH, scratch);
        phase(a, "scratch");
    }
    cl_agent_server_refuse(a->host.server, "this guest serves pods, not cloister run");
    agent_pod_measure(a->host.pod, &measured);
    return agent_pod_begin(a->host.pod, err);
}

static enum cl_status step_pods_end(struct agent *a, struct cl_err *err)
{
    (void)err;
    agent_pod_wait(a->host.pod);
    return CL_OK;
}

static enum cl_status step_start(struct agent *a, struct cl_err *err)
{
    agent_pod_refuse(a->host.pod, CL_TTRPC_FAILED_PRECONDITION,
                     "this guest serves cloister run, not pods");
    CL_TRY(agent_host_wait_start(&a->host, START_TIMEOUT_MS, err));
    CL_TRY(agent_start_check(&a->host.start, &a->initdata, err));
    return agent_container_resize(&a->container, a->host.start.rows & UINT16_MAX,
                                  a->host.start.cols & UINT16_MAX, err);
}

/* I-4.2: the host connects us with the broker, or says why not. */
static enum cl_status dial_broker(void *ctx, const char *host, uint16_t port, int *ret_fd,
                                  struct cl_err *err)
{
    char line[320];
    char answer[160];
    size_t n = 0;
    (void)ctx;
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(agent_dial(AGENT_PORT_RELAY, /* patient= */ false, &fd, err));
    int len = snprintf(line, sizeof(line), "CLRELAY1 %s %u\n", host, (unsigned)port);
    if (len < 0 || (size_t)len >= sizeof(line)) {
        return cl_err_set(err, CL_ERR_MALFORMED, "relay: the broker's name is too long");
    }
    CL_TRY(cl_write_all(fd, line, (size_t)len, "relay request", err));
    do { /* byte by byte: what follows the line belongs to the broker */
        if (n == sizeof(answer) - 1) {
            return cl_err_set(err, CL_ERR_MALFORMED, "relay: answer: expected a line, got more");
        }
        if (cl_read_all(fd, answer + n, 1, "relay answer", err) != CL_OK) {
            return cl_err_wrap(err, CL_ERR_UNAVAILABLE, "relay");
        }
    } while (answer[n++] != '\n');
    answer[n - 1] = '\0';
    if (strcmp(answer, "OK") != 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "relay: broker %s:%u: expected OK, got %s", host,
                          (unsigned)port, answer);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status get_evidence(void *ctx, const uint8_t report_data[64], struct cl_buf *out,
                                   struct cl_err *err)
{
    const struct agent *a = ctx;
    return agent_evidence_json(&a->evidence, report_data, out, err);
}

/* Into RTMR3, before the broker is asked for anything: what a reference value that names rtmr3 goes
 * by. Where nothing can be measured the broker sees that, and decides. */
static enum cl_status record_image(void *ctx, const uint8_t manifest[static CL_SHA256_SIZE],
                                   struct cl_err *err)
{
    struct agent *a = ctx;
    struct cl_err why = {0};
    enum cl_status st = agent_runtime_image(&a->runtime, &a->evidence, manifest, &why);
    if (st == CL_ERR_UNAVAILABLE && a->tee == AGENT_TEE_TDX) {
        agent_say("%s", why.msg);
    }
    return st == CL_OK || st == CL_ERR_UNAVAILABLE ? CL_OK : cl_err_set(err, st, "%s", why.msg);
}

static enum cl_status step_record(struct agent *a, struct cl_err *err)
{
    return record_image(a, a->initdata.manifest, err);
}

static enum cl_status step_attest(struct agent *a, struct cl_err *err)
{
    if (a->initdata.kbs_url == NULL) {
        return CL_OK; /* nothing is encrypted, so there is nothing to ask for */
    }
    struct cl_kbs_config cfg = {
        .url = a->initdata.kbs_url,
        .cert_pem = a->initdata.kbs_cert,
        .initdata = a->raw.data,
        .initdata_len = a->raw.len,
        .transport = {a, dial_broker},
        .evidence = {a, agent_evidence_form(a->tee), get_evidence},
    };
    CL_TRY(cl_kbs_new(&cfg, &a->kbs, err));
    return cl_kbs_attest(a->kbs, err);
}

static enum cl_status dial_blob(void *ctx, int *ret_fd, struct cl_err *err)
{
    (void)ctx;
    return agent_dial(AGENT_PORT_BLOB, /* patient= */ false, ret_fd, err);
}

static enum cl_status get_key(void *ctx, const char *path, struct cl_secret *ret,
                              struct cl_err *err)
{
    struct agent *a = ctx;
    if (a->kbs == NULL) {
        return cl_err_set(err, CL_ERR_REJECTED, "broker: expected one in initdata, got none");
    }
    return cl_kbs_get_resource(a->kbs, path, ret, err);
}

/* The first encrypted image makes us prove what we are; one that cannot be had tries again. */
static enum cl_status get_pod_key(void *ctx, const char *path, struct cl_secret *ret,
                                  struct cl_err *err)
{
    struct agent *a = ctx;
    (void)pthread_mutex_lock(&a->kbs_lock);
    enum cl_status st = a->kbs == NULL ? step_attest(a, err) : CL_OK;
    if (st != CL_OK) {
        cl_kbs_freep(&a->kbs);
        st = cl_err_wrap(err, st, "attest");
    } else {
        st = get_key(a, path, ret, err);
    }
    (void)pthread_mutex_unlock(&a->kbs_lock);
    return st;
}

static void image_done(void *ctx, const char *name)
{
    phase(ctx, name);
}

static uint64_t memory_bytes(void)
{
    struct sysinfo s;
    return sysinfo(&s) == 0 ? (uint64_t)s.totalram * s.mem_unit : 0;
}

struct agent_limits agent_image_limits(void)
{
    return (struct agent_limits){
        .max_bytes = memory_bytes(),
        .max_entries = AGENT_MAX_ENTRIES,
        .max_depth = AGENT_MAX_DEPTH,
        .max_ratio = AGENT_MAX_RATIO,
        .ratio_free = AGENT_RATIO_FREE,
    };
}

static enum cl_status step_image(struct agent *a, struct cl_err *err)
{
    const struct agent_image_ops ops = {a, dial_blob, get_key, image_done};
    const struct agent_limits limits = agent_image_limits();
    CL_CLEANUP(cl_close_fdp) int root = open(AGENT_ROOTFS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return cl_err_sys(err, errno, "open '" AGENT_ROOTFS "'");
    }
    const struct agent_image_want want = {a->initdata.manifest, a->initdata.encryption_required};
    enum cl_status st = agent_image_fetch(&want, &ops, root, &limits, &a->image, &a->substep, err);
    cl_kbs_freep(&a->kbs); /* the workload needs no key of ours */
    if (st == CL_OK) {
        a->substep = NULL;
    }
    return st;
}

static void container_started(void *ctx)
{
    phase(ctx, "container.start");
}

static enum cl_status step_container(struct agent *a, struct cl_err *err)
{
    return agent_container_run(&a->container, &a->initdata, &a->image, a->host.start.container_id,
                               container_started, a, &a->outcome.exit_status, err);
}

static enum cl_status step_host(struct agent *a, struct cl_err *err)
{
    return agent_host_connect(&a->host, err);
}

static enum cl_status step_mounts(struct agent *a, struct cl_err *err)
{
    (void)a;
    return agent_mount_early(err);
}

static enum cl_status step_modules(struct agent *a, struct cl_err *err)
{
    (void)a;
    return agent_load_modules(err);
}

enum served { SERVED_ANY, SERVED_RUN, SERVED_PODS };

static const struct {
    const char *name;
    enum cl_status (*run)(struct agent *a, struct cl_err *err);
    enum served when;
} steps[] = {
    {"mounts", step_mounts, SERVED_ANY},       {"modules", step_modules, SERVED_ANY},
    {"host", step_host, SERVED_ANY},           {"tee", step_tee, SERVED_ANY},
    {"initdata", step_initdata, SERVED_ANY},   {"root", step_root, SERVED_ANY},
    {"start", step_start, SERVED_RUN},         {"record", step_record, SERVED_RUN},
    {"attest", step_attest, SERVED_RUN},       {"image", step_image, SERVED_RUN},
    {"container", step_container, SERVED_RUN}, {"pods", step_pods, SERVED_PODS},
    {"pods.end", step_pods_end, SERVED_PODS},
};

static bool is_served(const struct agent *a, enum served when)
{
    return when == SERVED_ANY || a->pods == (when == SERVED_PODS);
}

/* Whichever service the host calls, it hears why. */
static void tell_failure(struct agent *a, const char *step, const struct cl_err *err)
{
    char text[CL_ERR_MSG_SIZE + 40];
    (void)snprintf(text, sizeof(text), "%s: %s", step, err->msg);
    agent_failure_set(&a->outcome, step, err);
    agent_say("%s", text);
    if (a->host.pod != NULL) {
        agent_pod_refuse(a->host.pod,
                         err->status == CL_ERR_REJECTED ? CL_TTRPC_PERMISSION_DENIED
                                                        : CL_TTRPC_FAILED_PRECONDITION,
                         text);
    }
}

static void run_steps(struct agent *a)
{
    phase(a, "init");
    for (size_t i = 0; i < CL_ARRAY_LEN(steps); i++) {
        struct cl_err err = {0};
        enum cl_status st = is_served(a, steps[i].when) ? steps[i].run(a, &err) : CL_OK;
        if (st != CL_OK) {
            err.status = st;
            tell_failure(a, a->substep != NULL ? a->substep : steps[i].name, &err);
            return;
        }
        if (is_served(a, steps[i].when)) {
            phase(a, steps[i].name);
        }
    }
}

int main(int argc, char **argv)
{
    static struct agent a; /* large, and there is one */
    if (argc == 2 && strcmp(argv[0], AGENT_POD_PAUSE) == 0) {
        agent_pod_pause(argv[1]);
    }
    if (getpid() != 1) {
        (void)fprintf(stderr,
                      "cloister-agent: expected to be process 1 of a guest, got process %d\n",
                      (int)getpid());
        return 125;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)pthread_mutex_init(&a.kbs_lock, NULL);
    agent_runtime_log_init(&a.runtime);
    agent_container_init(&a.container);
    a.host.container = &a.container;
    run_steps(&a);
    if (a.host.ttrpc != NULL && !(a.pods && !a.outcome.failed)) {
        cl_agent_server_finish(a.host.server, &a.outcome);
        (void)cl_agent_server_delivered(a.host.server, DELIVER_TIMEOUT_MS);
    }
    agent_power_off();
}
