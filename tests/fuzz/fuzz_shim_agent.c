/* SPDX-License-Identifier: Apache-2.0
 * fuzz_shim_agent.c - a pod whose guest answers anything: containerd's calls come in the usual
 * order while the input says what the agent answers to each of them, and which streams and blobs
 * the guest asks for in between. Input: for each request of the shim a byte of code, a byte of
 * length (times two) and so many bytes of answer; code 0xff: no answer; 0xfe: what follows is asked
 * for as a stream first; 0xfd: the VM dies.
 */
#include "pod.h"
#include "translate.h"

#include "base/io.h"
#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_KEPT 64u
#define TURNS 6

struct rig {
    struct event_base *base;
    struct shim_daemon daemon;
    struct shim_config settings;
    struct shim_pod *pod;
    struct shim_task_ops ops;
    struct shim_rpc *server; /* containerd's connection, our side */
    struct shim_rpc *client;
    struct shim_rpc *agent;
    struct shim_vm_callbacks vm;
    bool vm_dead;
    struct shim_rpc_call *kept[MAX_KEPT];
    size_t kept_count;
    const uint8_t *data;
    size_t left;
};

static struct rig *the_rig;
static char bundles[] = "/tmp/fuzz-shim-XXXXXX";

/* --- the specification: the sandbox is called sb, all else is in it ------------------------------
 */

enum cl_status shim_spec_translate(const void *config, size_t len,
                                   const struct shim_translate_options *options,
                                   struct shim_spec *ret, struct cl_err *err)
{
    (void)options;
    bool sandbox = len > 0 && *(const char *)config == 's';
    *ret = (struct shim_spec){.kind = sandbox ? SHIM_SANDBOX : SHIM_CONTAINER};
    if (!sandbox) {
        (void)snprintf(ret->sandbox_id, sizeof(ret->sandbox_id), "sb");
        ret->volume_count = 1;
        ret->volume[0] = (struct shim_volume){.kind = SHIM_VOLUME_RESULT, .name = "r"};
        ret->volume[0].host_path = strdup("/dev/null");
    }
    return cl_buf_append_str(&ret->guest, "{}", err);
}

void shim_spec_done(struct shim_spec *s)
{
    for (size_t i = 0; i < s->volume_count; i++) {
        free(s->volume[i].host_path);
    }
    cl_buf_done(&s->guest);
}

enum cl_status shim_process_translate(const void *json, size_t len, struct cl_buf *ret_guest,
                                      struct cl_err *err)
{
    return cl_buf_append(ret_guest, json, len, err);
}

enum cl_status shim_resources_translate(const void *json, size_t len, struct cl_buf *ret_guest,
                                        struct cl_err *err)
{
    return cl_buf_append(ret_guest, json, len, err);
}

/* --- the guest
 * ---------------------------------------------------------------------------------------------- */

static void turn(struct rig *r)
{
    for (int i = 0; i < TURNS; i++) {
        (void)event_base_loop(r->base, EVLOOP_NONBLOCK);
    }
}

static size_t take(struct rig *r, const uint8_t **ret, size_t n)
{
    n = n < r->left ? n : r->left;
    *ret = r->data;
    r->data += n;
    r->left -= n;
    return n;
}

static void ask_for(struct rig *r, const uint8_t *name, size_t len)
{
    char text[160];
    uint8_t digest[CL_SHA256_SIZE] = {0};
    uint64_t size = 0;
    int fd = -1;
    bool owned = false;
    len = len < sizeof(text) ? len : sizeof(text) - 1;
    memcpy(text, name, len);
    text[len] = '\0';
    if (r->vm.open_stdio(r->vm.ctx, text, (unsigned)(len % 3), &fd, &owned) && owned) {
        (void)close(fd);
    }
    if (r->vm.open_forward(r->vm.ctx, len, &fd)) {
        (void)close(fd);
        r->vm.forward_end(r->vm.ctx);
    }
    r->vm.output_end(r->vm.ctx, text, (unsigned)(len % 4));
    memcpy(digest, text, len < sizeof(digest) ? len : sizeof(digest));
    if (r->vm.open_blob(r->vm.ctx, digest, &fd, &size, NULL) == CL_OK) {
        (void)close(fd);
    }
}

static void on_request(void *ctx, struct shim_rpc_call *call, const char *service,
                       const char *method, const void *payload, size_t len)
{
    struct rig *r = ctx;
    const uint8_t *head = NULL;
    const uint8_t *bytes = NULL;
    (void)service;
    (void)method;
    (void)payload;
    (void)len;
    size_t got = take(r, &head, 2);
    size_t n = got == 2 ? take(r, &bytes, 2 * (size_t)head[1]) : 0;
    if (got < 2 || head[0] == 0xff) {
        if (r->kept_count < MAX_KEPT) {
            r->kept[r->kept_count++] = call;
        } else {
            shim_rpc_answer(call, SHIM_CODE_CANCELED, NULL, NULL, 0);
        }
        return;
    }
    if (head[0] == 0xfe) {
        ask_for(r, bytes, n);
    }
    r->vm_dead = r->vm_dead || head[0] == 0xfd;
    char message[64];
    (void)snprintf(message, sizeof(message), "%.*s", (int)(n < 60 ? n : 60), (const char *)bytes);
    shim_rpc_answer(call, head[0] < 32 ? (enum shim_code)head[0] : SHIM_CODE_OK, message, bytes, n);
}

/* --- the VM and the images
 * ------------------------------------------------------------------------------------ */

static enum cl_status vm_start(const struct shim_vm_config *cfg, struct shim_vm **ret_vm,
                               struct cl_err *err)
{
    struct rig *r = the_rig;
    (void)err;
    r->vm = cfg->cb;
    *ret_vm = (struct shim_vm *)r;
    return CL_OK;
}

static void vm_stop(struct shim_vm *vm)
{
    ((struct rig *)vm)->vm_dead = true;
}

static void vm_free(struct shim_vm *vm)
{
    (void)vm;
}

static pid_t vm_pid(const struct shim_vm *vm)
{
    (void)vm;
    return 2;
}

static size_t vm_processes(const struct shim_vm *vm, pid_t ret[SHIM_VM_MAX_PROCESSES])
{
    (void)vm;
    (void)ret;
    return 0;
}

static const char *vm_folder(const struct shim_vm *vm)
{
    (void)vm;
    return "/nonexistent";
}

static enum cl_status resolve(void *ctx, const struct shim_image_request *q, shim_image_done done,
                              void *done_ctx, struct shim_image **ret, struct cl_err *err)
{
    (void)q;
    (void)err;
    *ret = ctx;
    done(done_ctx, CL_OK, "sha256:00", NULL);
    return CL_OK;
}

static enum cl_status open_blob(struct shim_image *i, const uint8_t digest[CL_SHA256_SIZE],
                                int *ret_fd, uint64_t *ret_size, struct cl_err *err)
{
    (void)i;
    (void)digest;
    (void)ret_fd;
    (void)ret_size;
    return cl_err_set(err, CL_ERR_REJECTED, "blob: none");
}

static void release(struct shim_image *i)
{
    (void)i;
}

/* --- containerd
 * -----------------------------------------------------------------------------------------------
 */

static void on_answer(void *ctx, int code, const char *message, const void *payload, size_t len)
{
    (void)ctx;
    (void)code;
    (void)message;
    (void)payload;
    (void)len;
}

/* Requests come as bytes of what they are about, packed by us: id, exec id. */
static void on_task(void *ctx, struct shim_rpc_call *call, const char *service, const char *method,
                    const void *payload, size_t len)
{
    struct rig *r = ctx;
    char id[8] = "";
    char exec[8] = "";
    char bundle[64];
    uint8_t json[] = "{}";
    (void)service;
    (void)snprintf(id, sizeof(id), "%.*s", (int)len, (const char *)payload);
    char *slash = strchr(id, '/');
    if (slash != NULL) {
        (void)snprintf(exec, sizeof(exec), "%s", slash + 1);
        *slash = '\0';
    }
    (void)snprintf(bundle, sizeof(bundle), "%s/%s", bundles, id);
    Google__Protobuf__Any any;
    google__protobuf__any__init(&any);
    any.value = (ProtobufCBinaryData){.data = json, .len = 2};
#define CALL(op, Type, lower, ...)                                                                 \
    do {                                                                                           \
        Containerd__Task__V2__##Type m;                                                            \
        containerd__task__v2__##lower##__init(&m);                                                 \
        m.id = id;                                                                                 \
        __VA_ARGS__;                                                                               \
        r->ops.op(r->ops.ctx, call, &m);                                                           \
    } while (0)
    switch (method[0]) {
    case 'C':
        CALL(create, CreateTaskRequest, create_task_request, m.bundle = bundle);
        break;
    case 'S':
        CALL(start, StartRequest, start_request, m.exec_id = exec);
        break;
    case 'E':
        CALL(exec, ExecProcessRequest, exec_process_request, m.exec_id = exec; m.spec = &any);
        break;
    case 'W':
        CALL(wait, WaitRequest, wait_request, m.exec_id = exec);
        break;
    case 'K':
        CALL(kill, KillRequest, kill_request, m.exec_id = exec; m.signal = SIGTERM);
        break;
    case 'M':
        CALL(stats, StatsRequest, stats_request, (void)0);
        break;
    case 'P':
        CALL(pause, PauseRequest, pause_request, (void)0);
        break;
    case 'R':
        CALL(resume, ResumeRequest, resume_request, (void)0);
        break;
    case 'U':
        CALL(update, UpdateTaskRequest, update_task_request, m.resources = &any);
        break;
    default:
        CALL(del, DeleteRequest, delete_request, m.exec_id = exec);
        break;
    }
}

static void drive(struct rig *r)
{
    static const char *const calls[][2] = {
        {"C", "sb"},    {"S", "sb"}, {"C", "c1"}, {"W", "c1"}, {"S", "c1"},    {"E", "c1/e1"},
        {"S", "c1/e1"}, {"M", "c1"}, {"P", "c1"}, {"R", "c1"}, {"U", "c1"},    {"C", "c2"},
        {"S", "c2"},    {"K", "c2"}, {"K", "c1"}, {"D", "c2"}, {"D", "c1/e1"}, {"D", "c1"}};
    for (size_t i = 0; i < CL_ARRAY_LEN(calls); i++) {
        if (shim_rpc_invoke(r->client, "t", calls[i][0], calls[i][1], strlen(calls[i][1]), -1,
                            on_answer, r, NULL) != CL_OK) {
            return;
        }
        turn(r);
        if (i == 0 && r->vm.ctx != NULL) {
            int pair[2];
            const struct shim_rpc_callbacks cb = {.request = on_request, .ctx = r};
            if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
                shim_rpc_new(r->base, pair[0], &cb, &r->agent, NULL) != CL_OK) {
                return;
            }
            r->vm.spawned(r->vm.ctx);
            r->vm.agent(r->vm.ctx, pair[1]);
            turn(r);
        }
        if (r->vm_dead && r->vm.ctx != NULL) {
            r->vm.ended(r->vm.ctx, "poweroff");
            r->vm.ctx = NULL;
            turn(r);
        }
    }
}

static bool up(struct rig *r)
{
    static const struct shim_vm_ops vm = {.start = vm_start,
                                          .stop = vm_stop,
                                          .free = vm_free,
                                          .pid = vm_pid,
                                          .processes = vm_processes,
                                          .folder = vm_folder};
    static struct shim_image_ops images;
    int pair[2];
    const struct shim_rpc_callbacks none = {0};
    const struct shim_rpc_callbacks task = {.request = on_task, .ctx = r};
    images = (struct shim_image_ops){
        .ctx = r, .resolve = resolve, .open_blob = open_blob, .release = release};
    shim_config_default(&r->settings);
    r->base = event_base_new();
    r->daemon = (struct shim_daemon){
        .base = r->base, .name_space = "k8s.io", .id = "sb", .bundle = "/nonexistent"};
    const struct shim_pod_config cfg = {.daemon = &r->daemon,
                                        .settings = &r->settings,
                                        .vm = &vm,
                                        .images = &images,
                                        .times = SHIM_TIMES};
    if (shim_pod_new(&cfg, &r->pod, NULL) != CL_OK ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        return false;
    }
    shim_pod_ops(r->pod, &r->ops);
    return shim_rpc_new(r->base, pair[0], &task, &r->server, NULL) == CL_OK &&
           shim_rpc_new(r->base, pair[1], &none, &r->client, NULL) == CL_OK;
}

static void down(struct rig *r)
{
    shim_pod_free(r->pod);
    for (size_t i = 0; i < r->kept_count; i++) {
        shim_rpc_answer(r->kept[i], SHIM_CODE_CANCELED, NULL, NULL, 0);
    }
    shim_rpc_free(r->agent);
    shim_rpc_free(r->client);
    shim_rpc_free(r->server);
    event_base_free(r->base);
}

static void remove_bundles(void)
{
    static const char *const ids[] = {"sb", "c1", "c2"};
    char path[96];
    for (size_t i = 0; i < CL_ARRAY_LEN(ids); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s/config.json", bundles, ids[i]);
        (void)unlink(path);
        (void)snprintf(path, sizeof(path), "%s/%s", bundles, ids[i]);
        (void)rmdir(path);
    }
    (void)rmdir(bundles);
}

/* Once: the bundles, which say no more than which of them is the sandbox's. */
static bool make_bundles(void)
{
    static const char *const ids[] = {"sb", "c1", "c2"};
    static bool made;
    char path[96];
    if (made) {
        return true;
    }
    made = setenv("CLOISTER_LOG", "error", 1) == 0 && mkdtemp(bundles) != NULL &&
           atexit(remove_bundles) == 0;
    cl_log_init("fuzz", false);
    for (size_t i = 0; made && i < CL_ARRAY_LEN(ids); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", bundles, ids[i]);
        made = mkdir(path, 0700) == 0;
        (void)snprintf(path, sizeof(path), "%s/%s/config.json", bundles, ids[i]);
        made = made && cl_write_file(path, i == 0 ? "s" : "c", 1, 0600, NULL) == CL_OK;
    }
    return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rig r = {.data = data, .left = size};
    the_rig = &r;
    if (!make_bundles()) {
        abort();
    }
    if (up(&r)) {
        drive(&r);
    }
    down(&r);
    return 0;
}
