/* SPDX-License-Identifier: Apache-2.0
 * cri_client.c - asks a container runtime what the kubelet asks it, one call a run: pods,
 * containers, images. Takes crictl's files (a pod's and a container's config as JSON, names as in
 * cri.proto), prints ids or JSON.
 *
 * usage: cri_client [--socket S] [--deadline S] VERB [ARGUMENT]...   (the table below)
 * Exit status: 0; 1 it was not done; 2 usage. exec-sync: that of the process, 125 when there is
 * none. Trust: test tooling.
 */
#include "base/io.h"
#include "base/log.h"
#include "cri.pb-c.h"
#include "cri_json.h"
#include "grpc/client.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_SIZE (1u << 20)

struct options {
    const char *socket;
    const char *runtime; /* handler of a pod */
    unsigned deadline_s; /* of the call */
    unsigned timeout_s;  /* of what is asked: stop, exec-sync */
};

typedef enum cl_status build_fn(const struct options *o, char **args, json_t **ret_j,
                                struct cl_err *err);

struct verb {
    const char *name;
    const char *arguments;
    int min, max; /* how many */
    const char *method;
    const ProtobufCMessageDescriptor *request, *response;
    build_fn *build;
    const char *id; /* the member that is printed alone; NULL: all, as JSON */
};

/* --- requests --- */

static enum cl_status packed(json_t *j, json_t **ret_j, struct cl_err *err)
{
    if (j == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "arguments: expected text in UTF-8 and memory");
    }
    *ret_j = j;
    return CL_OK;
}

static enum cl_status build_nothing(const struct options *o CL_UNUSED, char **args CL_UNUSED,
                                    json_t **ret_j, struct cl_err *err)
{
    return packed(json_object(), ret_j, err);
}

static enum cl_status build_pod(const struct options *o CL_UNUSED, char **args, json_t **ret_j,
                                struct cl_err *err)
{
    return packed(json_pack("{ss}", "pod_sandbox_id", args[0]), ret_j, err);
}

static enum cl_status build_pod_status(const struct options *o CL_UNUSED, char **args,
                                       json_t **ret_j, struct cl_err *err)
{
    return packed(json_pack("{ss,sb}", "pod_sandbox_id", args[0], "verbose", 1), ret_j, err);
}

static enum cl_status build_container(const struct options *o CL_UNUSED, char **args,
                                      json_t **ret_j, struct cl_err *err)
{
    return packed(json_pack("{ss}", "container_id", args[0]), ret_j, err);
}

static enum cl_status build_container_status(const struct options *o CL_UNUSED, char **args,
                                             json_t **ret_j, struct cl_err *err)
{
    return packed(json_pack("{ss,sb}", "container_id", args[0], "verbose", 1), ret_j, err);
}

static enum cl_status build_list(const struct options *o CL_UNUSED, char **args, json_t **ret_j,
                                 struct cl_err *err)
{
    if (args[0] == NULL) {
        return packed(json_object(), ret_j, err);
    }
    return packed(json_pack("{s{ss}}", "filter", "pod_sandbox_id", args[0]), ret_j, err);
}

static enum cl_status build_image(const struct options *o CL_UNUSED, char **args, json_t **ret_j,
                                  struct cl_err *err)
{
    return packed(json_pack("{s{ss}}", "image", "image", args[0]), ret_j, err);
}

static enum cl_status build_pull(const struct options *o CL_UNUSED, char **args, json_t **ret_j,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *pod = NULL;
    if (args[1] == NULL) {
        return build_image(o, args, ret_j, err);
    }
    CL_TRY(cl_json_read_file(args[1], FILE_MAX_SIZE, &pod, err));
    return packed(json_pack("{s{ss},sO}", "image", "image", args[0], "sandbox_config", pod), ret_j,
                  err);
}

static enum cl_status build_runp(const struct options *o, char **args, json_t **ret_j,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *pod = NULL;
    CL_TRY(cl_json_read_file(args[0], FILE_MAX_SIZE, &pod, err));
    return packed(json_pack("{sO,ss}", "config", pod, "runtime_handler", o->runtime), ret_j, err);
}

static enum cl_status build_create(const struct options *o CL_UNUSED, char **args, json_t **ret_j,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *container = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *pod = NULL;
    CL_TRY(cl_json_read_file(args[1], FILE_MAX_SIZE, &container, err));
    CL_TRY(cl_json_read_file(args[2], FILE_MAX_SIZE, &pod, err));
    return packed(json_pack("{ss,sO,sO}", "pod_sandbox_id", args[0], "config", container,
                            "sandbox_config", pod),
                  ret_j, err);
}

static enum cl_status build_stop(const struct options *o, char **args, json_t **ret_j,
                                 struct cl_err *err)
{
    return packed(
        json_pack("{ss,sI}", "container_id", args[0], "timeout", (json_int_t)o->timeout_s), ret_j,
        err);
}

static enum cl_status command_of(char **words, json_t **ret_command, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *command = json_array();
    for (; *words != NULL; words++) {
        if (json_array_append_new(command, json_string(*words)) != 0) {
            return cl_err_set(err, CL_ERR_MALFORMED, "command: expected text in UTF-8");
        }
    }
    *ret_command = CL_TAKE(command);
    return CL_OK;
}

static enum cl_status build_exec(const struct options *o, char **args, json_t **ret_j,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *command = NULL;
    CL_TRY(command_of(args + 1, &command, err));
    return packed(json_pack("{ss,sO,sI}", "container_id", args[0], "cmd", command, "timeout",
                            (json_int_t)o->timeout_s),
                  ret_j, err);
}

static enum cl_status build_exec_url(const struct options *o CL_UNUSED, char **args, json_t **ret_j,
                                     struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *command = NULL;
    CL_TRY(command_of(args + 1, &command, err));
    return packed(json_pack("{ss,sO,sb,sb,sb}", "container_id", args[0], "cmd", command, "stdin", 1,
                            "stdout", 1, "stderr", 1),
                  ret_j, err);
}

static enum cl_status build_forward(const struct options *o CL_UNUSED, char **args, json_t **ret_j,
                                    struct cl_err *err)
{
    uint64_t port = 0;
    CL_TRY(cl_uint_parse(args[1], "port", 1, UINT16_MAX, &port, err));
    return packed(json_pack("{ss,s[I]}", "pod_sandbox_id", args[0], "port", (json_int_t)port),
                  ret_j, err);
}

static enum cl_status build_update(const struct options *o CL_UNUSED, char **args, json_t **ret_j,
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *resources = NULL;
    CL_TRY(cl_json_parse(args[1], strlen(args[1]), "resources", &resources, err));
    return packed(json_pack("{ss,sO}", "container_id", args[0], "linux", resources), ret_j, err);
}

#define RUNTIME(method) "/runtime.v1.RuntimeService/" method
#define IMAGE(method) "/runtime.v1.ImageService/" method
#define TYPE(name) &runtime__v1__##name##__descriptor

static const struct verb verbs[] = {
    {"version", "", 0, 0, RUNTIME("Version"), TYPE(version_request), TYPE(version_response),
     build_nothing, NULL},
    {"status", "", 0, 0, RUNTIME("Status"), TYPE(status_request), TYPE(status_response),
     build_nothing, NULL},
    {"pull", "IMAGE [POD.json]", 1, 2, IMAGE("PullImage"), TYPE(pull_image_request),
     TYPE(pull_image_response), build_pull, "image_ref"},
    {"images", "", 0, 0, IMAGE("ListImages"), TYPE(empty), TYPE(list_images_response),
     build_nothing, NULL},
    {"inspecti", "IMAGE", 1, 1, IMAGE("ImageStatus"), TYPE(image_status_request),
     TYPE(image_status_response), build_image, NULL},
    {"rmi", "IMAGE", 1, 1, IMAGE("RemoveImage"), TYPE(remove_image_request), TYPE(empty),
     build_image, NULL},
    {"runp", "[--runtime HANDLER] POD.json", 1, 1, RUNTIME("RunPodSandbox"),
     TYPE(run_pod_sandbox_request), TYPE(pod_id), build_runp, "pod_sandbox_id"},
    {"stopp", "POD", 1, 1, RUNTIME("StopPodSandbox"), TYPE(pod_id), TYPE(empty), build_pod, NULL},
    {"rmp", "POD", 1, 1, RUNTIME("RemovePodSandbox"), TYPE(pod_id), TYPE(empty), build_pod, NULL},
    {"pods", "", 0, 0, RUNTIME("ListPodSandbox"), TYPE(list_pod_sandbox_request),
     TYPE(list_pod_sandbox_response), build_nothing, NULL},
    {"inspectp", "POD", 1, 1, RUNTIME("PodSandboxStatus"), TYPE(pod_sandbox_status_request),
     TYPE(pod_sandbox_status_response), build_pod_status, NULL},
    {"statsp", "POD", 1, 1, RUNTIME("PodSandboxStats"), TYPE(pod_id),
     TYPE(pod_sandbox_stats_response), build_pod, NULL},
    {"create", "POD CONTAINER.json POD.json", 3, 3, RUNTIME("CreateContainer"),
     TYPE(create_container_request), TYPE(container_id), build_create, "container_id"},
    {"start", "CONTAINER", 1, 1, RUNTIME("StartContainer"), TYPE(container_id), TYPE(empty),
     build_container, NULL},
    {"stop", "[--timeout S] CONTAINER", 1, 1, RUNTIME("StopContainer"),
     TYPE(stop_container_request), TYPE(empty), build_stop, NULL},
    {"rm", "CONTAINER", 1, 1, RUNTIME("RemoveContainer"), TYPE(container_id), TYPE(empty),
     build_container, NULL},
    {"ps", "[POD]", 0, 1, RUNTIME("ListContainers"), TYPE(list_containers_request),
     TYPE(list_containers_response), build_list, NULL},
    {"inspect", "CONTAINER", 1, 1, RUNTIME("ContainerStatus"), TYPE(container_status_request),
     TYPE(container_status_response), build_container_status, NULL},
    {"exec-sync", "[--timeout S] CONTAINER COMMAND...", 2, 256, RUNTIME("ExecSync"),
     TYPE(exec_sync_request), TYPE(exec_sync_response), build_exec, NULL},
    {"exec", "CONTAINER COMMAND...", 2, 256, RUNTIME("Exec"), TYPE(exec_request), TYPE(stream_url),
     build_exec_url, "url"},
    {"port-forward", "POD PORT", 2, 2, RUNTIME("PortForward"), TYPE(port_forward_request),
     TYPE(stream_url), build_forward, "url"},
    {"stats", "[CONTAINER]", 1, 1, RUNTIME("ContainerStats"), TYPE(container_id),
     TYPE(container_stats_response), build_container, NULL},
    {"statss", "", 0, 0, RUNTIME("ListContainerStats"), TYPE(empty),
     TYPE(list_container_stats_response), build_nothing, NULL},
    {"update", "CONTAINER RESOURCES", 2, 2, RUNTIME("UpdateContainerResources"),
     TYPE(update_container_resources_request), TYPE(empty), build_update, NULL},
    {"reopen-log", "CONTAINER", 1, 1, RUNTIME("ReopenContainerLog"), TYPE(container_id),
     TYPE(empty), build_container, NULL},
};

/* --- one call --- */

static void message_freep(ProtobufCMessage **m)
{
    if (*m != NULL) {
        protobuf_c_message_free_unpacked(*m, /* allocator= */ NULL);
    }
}

static enum cl_status ask(const struct options *o, const struct verb *v, char **args,
                          ProtobufCMessage **ret_m, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(message_freep) ProtobufCMessage *request = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf in = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    CL_TRY(v->build(o, args, &j, err));
    CL_TRY(cri_from_json(v->request, j, &request, err));
    size_t size = protobuf_c_message_get_packed_size(request);
    CL_TRY(cl_buf_reserve(&in, size + 1, err));
    in.len = protobuf_c_message_pack(request, in.data);
    const struct cl_grpc_call call = {.path = v->method,
                                      .message = in.data,
                                      .len = in.len,
                                      .max_reply = CL_GRPC_MAX_REPLY,
                                      .timeout_ms = o->deadline_s * 1000};
    CL_TRY(cl_grpc_unary(o->socket, &call, /* ret_code= */ NULL, &out, err));
    *ret_m = protobuf_c_message_unpack(v->response, /* allocator= */ NULL, out.len, out.data);
    if (*ret_m == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED, "response: expected %s, %zu bytes are not",
                          v->response->short_name, out.len);
    }
    return CL_OK;
}

static enum cl_status print_json(const struct verb *v, const ProtobufCMessage *m,
                                 struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_TRY(cri_to_json(m, &j, err));
    if (v->id != NULL) {
        const char *id = NULL;
        CL_TRY(cl_json_get_string(j, "response", v->id, &id, err));
        CL_TRY(cl_buf_append_str(&text, id, err));
    } else if (json_object_size(j) != 0) {
        CL_TRY(cl_json_compact(j, &text, err));
    } else {
        return CL_OK;
    }
    CL_TRY(cl_buf_append_str(&text, "\n", err));
    return cl_write_all(STDOUT_FILENO, text.data, text.len, "stdout", err);
}

static enum cl_status print_exec(const Runtime__V1__ExecSyncResponse *r, int *ret_status,
                                 struct cl_err *err)
{
    CL_TRY(cl_write_all(STDOUT_FILENO, r->stdout.data, r->stdout.len, "stdout", err));
    CL_TRY(cl_write_all(STDERR_FILENO, r->stderr.data, r->stderr.len, "stderr", err));
    *ret_status = r->exit_code;
    return CL_OK;
}

static int run(const struct options *o, const struct verb *v, char **args)
{
    CL_CLEANUP(message_freep) ProtobufCMessage *m = NULL;
    struct cl_err err = {0};
    int status = 0;
    bool exec = v->response == &runtime__v1__exec_sync_response__descriptor;
    enum cl_status st = ask(o, v, args, &m, &err);
    if (st == CL_OK) {
        st = exec ? print_exec((const void *)m, &status, &err) : print_json(v, m, &err);
    }
    if (st != CL_OK) {
        fprintf(stderr, "cri_client: %s: %s\n", v->name, err.msg);
        return exec ? 125 : 1;
    }
    return status;
}

/* --- the command line --- */

static int usage(const char *why)
{
    fprintf(stderr, "cri_client: %s\nusage: cri_client [--socket S] [--deadline S] VERB...\n", why);
    for (size_t i = 0; i < CL_ARRAY_LEN(verbs); i++) {
        fprintf(stderr, "  %s %s\n", verbs[i].name, verbs[i].arguments);
    }
    return 2;
}

static const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

/* Options up to the first other word, which it returns the place of; 0 when they are wrong. */
static int options_read(int argc, char **argv, struct options *o)
{
    static const struct option table[] = {
        {"socket", required_argument, NULL, 's'},
        {"deadline", required_argument, NULL, 'd'},
        {"runtime", required_argument, NULL, 'r'},
        {"timeout", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    uint64_t seconds = 0;
    int c = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, "+", table, /* longindex= */ NULL)) != -1) {
        if (c == 's') {
            o->socket = optarg;
        } else if (c == 'r') {
            o->runtime = optarg;
        } else if ((c == 'd' || c == 't') &&
                   cl_uint_parse(optarg, "seconds", 0, 3600, &seconds, /* err= */ NULL) == CL_OK) {
            *(c == 'd' ? &o->deadline_s : &o->timeout_s) = (unsigned)seconds;
        } else {
            return 0;
        }
    }
    return optind;
}

int main(int argc, char **argv)
{
    struct options o = {
        .socket = getenv("CONTAINERD_ADDRESS"), .runtime = "", .deadline_s = 120, .timeout_s = 10};
    int first = options_read(argc, argv, &o);
    if (first == 0 || first >= argc) {
        return usage("expected a verb");
    }
    const struct verb *v = verb_find(argv[first]);
    if (v == NULL) {
        return usage("unknown verb");
    }
    int second = options_read(argc - first, argv + first, &o);
    char **args = argv + first + second;
    int count = argc - first - second;
    if (second == 0 || count < v->min || count > v->max) {
        return usage(v->name);
    }
    return run(&o, v, args);
}
