/* SPDX-License-Identifier: Apache-2.0
 * test_frompod.c - what a policy says of a pod, and which pods have none.
 */
#include "frompod_world.h"

static struct world w;

static void setup(void)
{
    world_init(&w);
}

static void teardown(void)
{
    world_done(&w);
}

#define C "container 'app': "

START_TEST(test_arguments)
{
    world_expect(&w, POD("", ""), "args", "[\"/bin/app\",\"serve\"]");
    world_expect(&w, POD("", "args: [x]"), "args", "[\"/bin/app\",\"x\"]");
    world_expect(&w, POD("", "command: [sh]"), "args", "[\"sh\"]");
    world_expect(&w, POD("", "command: [sh], args: ['-c', '']"), "args", "[\"sh\",\"-c\",\"\"]");
    world_expect(&w, POD("", "command: [], args: []"), "args", "[\"/bin/app\",\"serve\"]");
    world_expect(&w, POD("", "args: ['$(A)$$(A)$(B)$(', '$$', '$x$'], env: [{name: A, value: 1a}]"),
                 "args", "[\"/bin/app\",\"1a$(A)$(B)$(\",\"$\",\"$x$\"]");
    world_refused(&w, POD("", "args: [1]"), CL_ERR_MALFORMED,
                  C "args[0]: expected text, got something else (numbers and words like yes need "
                    "quotes)");
    cl_strv_done(&w.config.entrypoint);
    w.config.entrypoint = (struct cl_strv){0};
    world_expect(&w, POD("", ""), "args", "[\"serve\"]");
    cl_strv_done(&w.config.cmd);
    w.config.cmd = (struct cl_strv){0};
    world_refused(&w, POD("", ""), CL_ERR_REJECTED,
                  C "command: expected a program of the pod's or the image's, got none");
}
END_TEST

START_TEST(test_values_of_the_host_are_not_compared)
{
    world_refused(&w,
                  POD("", "args: ['$(IP)'], env: [{name: IP, valueFrom: {fieldRef: {fieldPath: "
                          "status.podIP}}}]"),
                  CL_ERR_REJECTED,
                  C "args[0]: $(IP): expected a variable whose value is known here, got one of the "
                    "host's");
    ck_assert_str_eq(w.hint, "give its value with --env");
    world_refused(&w, POD("", "args: ['$(DB_SERVICE_HOST)']"), CL_ERR_REJECTED,
                  C "args[0]: $(DB_SERVICE_HOST): expected a variable whose value is known here, "
                    "got one of the host's");
    world_add(&w.env, "app:IP=10.0.0.1");
    world_expect(&w,
                 POD("", "args: ['$(IP)'], env: [{name: IP, valueFrom: {fieldRef: {fieldPath: "
                         "status.podIP}}}]"),
                 "args", "[\"/bin/app\",\"10.0.0.1\"]");
    world_refused(&w, POD("", ""), CL_ERR_REJECTED,
                  "--env 'app:IP': expected a variable whose value the manifest leaves open, got "
                  "none");
}
END_TEST

START_TEST(test_environment)
{
    world_expect(&w, POD("", ""), "env", "[\"PATH=/bin\",\"HOSTNAME=web-0\"]");
    world_expect(&w,
                 POD("", "tty: true, env: [{name: B}, {name: PATH, value: /x}, {name: B, value: "
                         "'$(PATH)$(C)'}]"),
                 "env", "[\"PATH=/x\",\"HOSTNAME=web-0\",\"TERM=xterm\",\"B=/x$(C)\"]");
    world_expect(&w,
                 POD("", "env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"),
                 "env", "[\"PATH=/bin\",\"HOSTNAME=web-0\",\"NAME=web-0\"]");
    world_expect(&w,
                 POD("", "env: [{name: S, valueFrom: {secretKeyRef: {name: s, key: k}}}, {name: "
                         "U, value: 'x$(S)'}]"),
                 "env_host", "[\"S\",\"U\"]");
    world_expect(&w,
                 "kind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: "
                 "[{name: app, image: a}]}}}\n",
                 "env_host", "[\"HOSTNAME\"]");
    world_refused(&w, POD("", "env: [{name: B, value: yes}]"), CL_ERR_MALFORMED,
                  C "env 'B': env: value: expected string, got boolean");
    world_refused(&w, POD("", "env: [{name: 'A=B', value: x}]"), CL_ERR_MALFORMED,
                  C "env 'A=B': env: expected a name, got 'A=B'");
    world_refused(&w, POD("", "env: [{name: A, valueFrom: {fileKeyRef: {}}}]"), CL_ERR_UNSUPPORTED,
                  C "env 'A': valueFrom: fileKeyRef: expected none, got one");
}
END_TEST

START_TEST(test_configmaps_beside_the_pod)
{
    static const char map[] = "---\nkind: ConfigMap\nmetadata: {name: m}\ndata: {K: v, L: 'w'}\n"
                              "---\nkind: Secret\nmetadata: {name: s}\ndata: {P: eA==}\n";
    char text[2048];
    (void)snprintf(text, sizeof(text), "%s%s",
                   POD("",
                       "envFrom: [{prefix: X_, configMapRef: {name: m}}, {secretRef: {name: "
                       "s}}], env: [{name: YY, valueFrom: {configMapKeyRef: {name: m, key: K}}}, "
                       "{name: Z, valueFrom: {configMapKeyRef: {name: m, key: none, optional: "
                       "true}}}]"),
                   map);
    world_expect(&w, text, "env",
                 "[\"PATH=/bin\",\"HOSTNAME=web-0\",\"X_K=v\",\"X_L=w\",\"YY=v\"]");
    world_expect(&w, text, "env_host", "[\"P\"]");
    world_refused(&w, POD("", "envFrom: [{configMapRef: {name: m}}]"), CL_ERR_REJECTED,
                  C "envFrom: configMapRef: expected the ConfigMap 'm' beside the pod, got none");
}
END_TEST

START_TEST(test_user)
{
    world_expect(&w, POD("", ""), "user", "{\"groups\":[],\"uid\":0,\"gid\":0}");
    world_expect(&w,
                 POD("securityContext: {runAsUser: 5, runAsGroup: 6, fsGroup: 7, "
                     "supplementalGroups: [8, 7]}, ",
                     "securityContext: {runAsUser: 9}"),
                 "user", "{\"groups\":[8,7],\"uid\":9,\"gid\":6}");
    world_expect(&w, POD("", "securityContext: {runAsUser: 9}"), "user",
                 "{\"groups\":[],\"name\":\"9\"}"); /* its group is the image's to say */
    world_refused(&w, POD("", "securityContext: {runAsUser: 4294967295}"), CL_ERR_MALFORMED,
                  C "securityContext: runAsUser: expected 0 to 4294967294, got 4294967295");
    w.config.user = strdup("www");
    world_expect(&w, POD("", ""), "user", "{\"groups\":[],\"name\":\"www\"}");
    world_expect(&w, POD("securityContext: {runAsGroup: 6, fsGroup: 7}, ", ""), "user",
                 "{\"groups\":[7],\"name\":\"www:6\"}");
    free(w.config.user);
    w.config.user = strdup("www:web"); /* containerd does not look at the group */
    world_expect(&w, POD("", ""), "user", "{\"groups\":[],\"name\":\"www\"}");
    free(w.config.user);
    w.config.user = strdup("w w");
    world_refused(
        &w, POD("", ""), CL_ERR_MALFORMED,
        "pod policy: containers[app]: user: name: expected a user, or a user and ':' and a "
        "group, got 'w w'");
}
END_TEST

START_TEST(test_capabilities)
{
    world_expect(&w, POD("", "securityContext: {capabilities: {drop: [ALL]}}"), "capabilities",
                 "[]");
    world_expect(&w,
                 POD("", "securityContext: {capabilities: {add: [CAP_sys_time, chown], drop: "
                         "[all]}}"),
                 "capabilities", "[\"CAP_SYS_TIME\",\"CAP_CHOWN\"]");
    world_refused(&w, POD("", "securityContext: {capabilities: {add: [NOPE]}}"), CL_ERR_REJECTED,
                  C "securityContext: capabilities: expected one of Linux, got 'NOPE'");
    world_refused(&w, POD("", "securityContext: {privileged: true, capabilities: {drop: [ALL]}}"),
                  CL_ERR_REJECTED,
                  C "securityContext: capabilities: expected none beside privileged, got some");
    json_t *p = world_policy(&w, POD("", "securityContext: {privileged: true}"));
    json_t *c = json_array_get(json_object_get(p, "containers"), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(c, "capabilities")), 41);
    ck_assert(json_is_true(json_object_get(c, "privileged")));
    json_decref(p);
    p = world_policy(&w, POD("", "securityContext: {capabilities: {add: [ALL], drop: [BPF]}}"));
    c = json_array_get(json_object_get(p, "containers"), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(c, "capabilities")), 40);
    json_decref(p);
}
END_TEST

START_TEST(test_flags)
{
    world_expect(&w, POD("", ""), "no_new_privileges", "false");
    world_expect(&w, POD("", "securityContext: {allowPrivilegeEscalation: true}"),
                 "no_new_privileges", "false");
    world_expect(&w, POD("", "securityContext: {allowPrivilegeEscalation: false}"),
                 "no_new_privileges", "true");
    world_expect(&w, POD("", "securityContext: {readOnlyRootFilesystem: true}"), "read_only_root",
                 "true");
    world_expect(&w, POD("", "securityContext: {procMount: Unmasked}"), "unmasked", "true");
    world_expect(&w, POD("shareProcessNamespace: true, ", ""), "pid", "\"pod\"");
    world_expect(&w,
                 POD("hostname: h, securityContext: {sysctls: [{name: net.core.somaxconn, value: "
                     "'1'}]}, ",
                     ""),
                 "sandbox",
                 "{\"hostname\":\"h\",\"share_processes\":false,\"network\":true,"
                 "\"forward_ports\":[],\"sysctls\":{"
                 "\"net.core.somaxconn\":\"1\"}}");
    w.options.allow_forward = true;
    world_expect(&w,
                 POD("hostname: h, ",
                     "ports: [{containerPort: 80}, {containerPort: 53, protocol: UDP}, "
                     "{containerPort: 443, protocol: TCP}, {containerPort: 80}]"),
                 "sandbox",
                 "{\"hostname\":\"h\",\"share_processes\":false,\"network\":true,"
                 "\"forward_ports\":[80,443],\"sysctls\":{}}");
    world_refused(&w, POD("", "ports: [{containerPort: 65536}]"), CL_ERR_MALFORMED,
                  "container: ports: containerPort: expected 1 to 65535, got 65536");
    w.options.allow_forward = false;
    world_expect(&w, POD("", "stdin: true"), "streams",
                 "{\"terminal\":false,\"stdin\":true,\"stdout\":false,\"stderr\":false}");
    w.options.allow_logs = true;
    world_expect(&w, POD("", ""), "streams",
                 "{\"terminal\":false,\"stdin\":false,\"stdout\":true,\"stderr\":true}");
    world_expect(&w, POD("", "tty: true"), "streams",
                 "{\"terminal\":true,\"stdin\":false,\"stdout\":true,\"stderr\":false}");
}
END_TEST

START_TEST(test_execs)
{
    world_expect(&w,
                 POD("", "livenessProbe: {exec: {command: [a, '$(V)$(W)']}}, readinessProbe: "
                         "{httpGet: {port: 1}}, env: [{name: V, value: '$(Z)'}]"),
                 "exec",
                 "[{\"args\":[\"a\",\"$(Z)$(W)\"],\"streams\":{\"terminal\":false,\"stdin\":false,"
                 "\"stdout\":false,\"stderr\":false}}]");
    world_expect(&w,
                 POD("", "lifecycle: {postStart: {exec: {command: ['$(V)']}}, preStop: {exec: "
                         "{command: ['$(V)']}}}, env: [{name: V, value: x}]"),
                 "exec",
                 "[{\"args\":[\"$(V)\"],\"streams\":{\"terminal\":false,\"stdin\":false,"
                 "\"stdout\":false,\"stderr\":false}}]");
    world_refused(&w, POD("", "startupProbe: {exec: {command: []}}"), CL_ERR_MALFORMED,
                  C "startupProbe: exec: command: expected a program, got none");
    world_add(&w.execs, "[\"sh\", \"-c\", \"a b\"]");
    world_add(&w.execs, "app:ls -l");
    json_t *p = world_policy(&w, POD("", ""));
    json_t *list = json_object_get(json_array_get(json_object_get(p, "containers"), 0), "exec");
    ck_assert_uint_eq(json_array_size(list), 4); /* each with and without a terminal */
    json_t *args = json_object_get(json_array_get(list, 0), "args");
    ck_assert_str_eq(json_string_value(json_array_get(args, 2)), "a b");
    args = json_object_get(json_array_get(list, 2), "args");
    ck_assert_str_eq(json_string_value(json_array_get(args, 1)), "-l");
    json_decref(p);
    world_add(&w.execs, "other:ls");
    world_refused(&w, POD("", ""), CL_ERR_REJECTED,
                  "--allow-exec 'other:ls': expected a container of that name, got none");
}
END_TEST

START_TEST(test_what_a_vm_cannot_have)
{
    static const struct {
        const char *yaml, *message;
    } t[] = {
        {POD("hostNetwork: true, ", ""), "spec: hostNetwork: expected false, got true"},
        {POD("hostPID: true, ", ""), "spec: hostPID: expected false, got true"},
        {POD("hostIPC: true, ", ""), "spec: hostIPC: expected false, got true"},
        {POD("hostUsers: false, ", ""), "spec: hostUsers: expected true, got false"},
        {POD("volumes: [{name: v, hostPath: {path: /}}], ", ""),
         C "volume 'v': expected configMap, secret, projected, downwardAPI, emptyDir or "
           "persistentVolumeClaim, got 'hostPath'"},
        {POD("volumes: [{name: v, nfs: {}}], ", ""),
         C "volume 'v': expected configMap, secret, projected, downwardAPI, emptyDir or "
           "persistentVolumeClaim, got 'nfs'"},
        {POD("volumes: [{name: v, emptyDir: {medium: HugePages}}], ", ""),
         C "volume 'v': emptyDir: medium: expected Memory or none, got 'HugePages'"},
        {POD("volumes: [{name: v, persistentVolumeClaim: {claimName: c}}], ",
             "volumeMounts: [{name: v, mountPath: /v}]"),
         C "volumeMounts '/v': volume 'v': expected a device (volumeDevices), got a file system of "
           "the host's"},
        {POD("volumes: [{name: v, emptyDir: {}}], ",
             "volumeMounts: [{name: v, mountPath: /v, mountPropagation: Bidirectional}]"),
         C "volumeMounts '/v': mountPropagation: expected None or HostToContainer, got "
           "'Bidirectional'"},
        {POD("volumes: [{name: v, emptyDir: {}}], ",
             "volumeMounts: [{name: v, mountPath: /v/../etc}]"),
         C "volumeMounts '/v/../etc': mountPath: expected an absolute path without empty parts and "
           "dots, once"},
        {POD("volumes: [{name: v, emptyDir: {}}], ",
             "volumeMounts: [{name: v, mountPath: /v, subPath: ../x}]"),
         C "volumeMounts '/v': subPath: expected a path below the volume, got '../x'"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        world_refused(&w, t[i].yaml, CL_ERR_REJECTED, t[i].message);
    }
    world_refused(&w, POD("ephemeralContainers: [], ", ""), CL_ERR_UNSUPPORTED,
                  "spec: ephemeralContainers: expected none, got one");
    world_refused(&w, POD("", "newThing: 1"), CL_ERR_UNSUPPORTED,
                  C "container: newThing: expected none, got one");
    world_refused(&w, POD("", "volumeMounts: [{name: v, mountPath: /v}]"), CL_ERR_MALFORMED,
                  C "volumeMounts '/v': volume 'v': expected one of the pod's, got none");
}
END_TEST

START_TEST(test_images)
{
    world_expect(&w, POD("", ""), "image",
                 "{\"manifest\":\"sha256:"
                 "1111111111111111111111111111111111111111111111111111111111111111\","
                 "\"encryption\":\"required\"}");
    world_refused(&w, "kind: Pod\nspec: {containers: [{name: app, image: missing}]}",
                  CL_ERR_UNAVAILABLE, C "image 'missing': expected one, got none");
    world_refused(&w, "kind: Pod\nspec: {containers: [{name: app}]}", CL_ERR_MALFORMED,
                  C "container: image: expected string, got nothing");
    w.encrypted = false;
    world_refused(&w, POD("", ""), CL_ERR_REJECTED,
                  C "image 'a': expected every layer encrypted, got one that is not");
    w.options.encryption_required = false;
    world_expect(&w, POD("", ""), "cwd", "\"/\"");
}
END_TEST

START_TEST(test_devices_and_init)
{
    static const char pod[] =
        "kind: Pod\nspec:\n  initContainers:\n  - {name: one, image: a}\n"
        "  - {name: side, image: a, restartPolicy: Always}\n"
        "  containers:\n  - {name: app, image: a, volumeDevices: [{name: d, devicePath: /dev/x}]}\n"
        "  volumes: [{name: d, persistentVolumeClaim: {claimName: c}}]\n"
        "  automountServiceAccountToken: false\n";
    json_t *p = world_policy(&w, pod);
    json_t *list = json_object_get(p, "containers");
    static const bool init[] = {true, false, false};
    for (size_t i = 0; i < CL_ARRAY_LEN(init); i++) {
        ck_assert_int_eq(json_is_true(json_object_get(json_array_get(list, i), "init")), init[i]);
    }
    char *devices = json_dumps(json_object_get(json_array_get(list, 2), "devices"), JSON_COMPACT);
    ck_assert_str_eq(devices, "[{\"path\":\"/dev/x\",\"volume\":\"block_*\"}]");
    free(devices);
    char *all = json_dumps(p, JSON_COMPACT);
    ck_assert_ptr_null(strstr(all, "kube-api-access"));
    free(all);
    json_decref(p);
}
END_TEST

START_TEST(test_claims_with_a_key)
{
    static const char pod[] =
        "kind: Pod\nspec:\n  containers:\n"
        "  - {name: app, image: a, volumeDevices: [{name: d, devicePath: /dev/x}]}\n"
        "  - {name: two, image: a, volumeDevices: [{name: d, devicePath: /dev/y}]}\n"
        "  volumes: [{name: d, persistentVolumeClaim: {claimName: c}}]\n";
    world_add(&w.volumes, "d=kbs:///a/b/c,mount=/srv,format=if-blank");
    json_t *p = world_policy(&w, pod);
    char *all = json_dumps(p, JSON_COMPACT);
    ck_assert_ptr_nonnull(strstr(all, "{\"name\":\"d\",\"kind\":\"block\",\"encrypted\":{\"key\":"
                                      "\"kbs:///a/b/c\",\"format\":\"if-blank\"}}"));
    ck_assert_ptr_nonnull(
        strstr(all, "[{\"path\":\"/dev/x\",\"volume\":\"d\",\"mount\":\"/srv\"}]"));
    ck_assert_ptr_nonnull(
        strstr(all, "[{\"path\":\"/dev/y\",\"volume\":\"d\",\"mount\":\"/srv\"}]"));
    ck_assert_ptr_null(strstr(all, "block_*"));
    free(all);
    json_decref(p);
}
END_TEST

static const char *const bad_claims[][2] = {
    {"e=kbs:///a/b/c", "--volume"},
    {"d=kbs:///a/b", "key: expected kbs:///repository/type/tag"},
    {"d=a/b/c", "key: expected kbs:///repository/type/tag"},
    {"d=kbs:///a/b/c,size=1", "--volume: expected NAME=kbs:///KEY"},
    {"d=kbs:///a/b/c,mount=", "--volume: expected NAME=kbs:///KEY"},
    {"d=kbs:///a/b/c,mount=srv", "mount: expected an absolute path"},
    {"d=kbs:///a/b/c,format=always", "format: expected never"},
};

START_TEST(test_claims_that_are_none)
{
    static const char pod[] =
        "kind: Pod\nspec:\n  containers:\n"
        "  - {name: app, image: a, volumeDevices: [{name: d, devicePath: /dev/x}]}\n"
        "  volumes: [{name: d, persistentVolumeClaim: {claimName: c}}]\n";
    world_add(&w.volumes, bad_claims[_i][0]);
    struct cl_buf out = {0};
    ck_assert_int_ne(world_make(&w, pod, &out), CL_OK);
    cl_buf_done(&out);
    ck_assert_msg(strstr(w.err.msg, bad_claims[_i][1]) != NULL, "%s", w.err.msg);
}
END_TEST

#define TEMPLATE "{template: {spec: {containers: [{name: app, image: a}]}}}"

START_TEST(test_which_pod)
{
    static const char *const good[] = {
        "kind: Deployment\nspec: " TEMPLATE,
        "kind: StatefulSet\nspec: " TEMPLATE,
        "kind: DaemonSet\nspec: " TEMPLATE,
        "kind: ReplicaSet\nspec: " TEMPLATE,
        "kind: Job\nspec: " TEMPLATE,
        "kind: CronJob\nspec: {jobTemplate: {spec: " TEMPLATE "}}",
        "kind: Service\nspec: {}\n---\nkind: Job\nspec: " TEMPLATE,
        "kind: List\nitems:\n- {kind: ConfigMap}\n- {kind: Job, spec: " TEMPLATE "}",
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(good); i++) {
        world_expect(&w, good[i], "cwd", "\"/\"");
    }
    world_refused(&w, "", CL_ERR_REJECTED, "pods: expected one, got 0");
    world_refused(&w, "kind: Service", CL_ERR_REJECTED, "pods: expected one, got 0");
    world_refused(&w, "[]", CL_ERR_MALFORMED, "object: kind: expected string, got nothing");
    world_refused(&w, "kind: Job\nmetadata: {name: j}\nspec: {}", CL_ERR_MALFORMED,
                  "Job 'j': object: template: expected object, got nothing");
    world_refused(&w, "kind: Pod\nspec: {}", CL_ERR_MALFORMED,
                  "pod policy: containers: expected 1 to 64, got 0");
    static const char two[] = "kind: Job\nmetadata: {name: a}\nspec: " TEMPLATE
                              "\n---\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: "
                              "app, image: a, workingDir: /w}]}";
    world_refused(&w, two, CL_ERR_REJECTED, "pods: expected one, got 2");
    w.options.select = "a";
    world_refused(&w, two, CL_ERR_REJECTED, "pods that are a: expected one, got 2");
    w.options.select = "Pod/a";
    world_expect(&w, two, "cwd", "\"/w\"");
    w.options.select = "Pod/b";
    world_refused(&w, two, CL_ERR_REJECTED, "pods that are Pod/b: expected one, got 0");
}
END_TEST

/* Every member of a full pod becomes each other type in turn: never accepted as something else than
 * an error or a policy that parses. */
static void mutate(json_t *at, json_t *documents)
{
    const char *key = NULL;
    json_t *v = NULL;
    void *next = NULL;
    json_object_foreach_safe(at, next, key, v)
    {
        json_t *others[] = {json_null(),  json_true(),   json_integer(-1), json_string(""),
                            json_array(), json_object(), json_pack("[n]"), json_pack("[{}]")};
        json_t *own = json_incref(v);
        for (size_t i = 0; i < CL_ARRAY_LEN(others); i++) {
            struct cl_buf out = {0};
            ck_assert_int_eq(json_object_set_new(at, key, others[i]), 0);
            enum cl_status st = policy_from_pod(documents, &w.options, &out, &w.hint, &w.err);
            ck_assert_int_eq(st == CL_OK, out.len > 0);
            cl_buf_done(&out);
        }
        ck_assert_int_eq(json_object_set_new(at, key, own), 0);
        mutate(json_object_get(at, key), documents);
    }
    size_t i = 0;
    json_array_foreach(at, i, v)
    {
        mutate(v, documents);
    }
}

START_TEST(test_every_member_of_another_type)
{
    static const char pod[] =
        POD("hostname: h, securityContext: {runAsUser: 1, runAsGroup: 2, fsGroup: 3, "
            "supplementalGroups: [4], sysctls: [{name: net.a, value: b}]}, volumes: [{name: v, "
            "emptyDir: "
            "{medium: Memory}}, {name: d, ephemeral: {}}], automountServiceAccountToken: true, ",
            "command: [a], args: [b], workingDir: /, tty: true, stdin: true, env: [{name: A, "
            "value: b}, "
            "{name: B, valueFrom: {configMapKeyRef: {name: m, key: K}}}], envFrom: [{prefix: P, "
            "configMapRef: {name: m}}], securityContext: {capabilities: {add: [CHOWN], drop: "
            "[ALL]}, "
            "privileged: false, procMount: Default}, volumeMounts: [{name: v, mountPath: /v, "
            "subPath: x, "
            "readOnly: true}], volumeDevices: [{name: d, devicePath: /d}], livenessProbe: {exec: "
            "{command: [a]}}, lifecycle: {preStop: {exec: {command: [b]}}}, "
            "terminationMessagePath: /t") "---\nkind: ConfigMap\nmetadata: {name: m}\ndata: {K: "
                                          "v}\n";
    json_t *documents = NULL;
    json_t *p = world_policy(&w, pod);
    json_decref(p);
    ck_assert_int_eq(cl_yaml_parse(pod, strlen(pod), "test", &documents, &w.err), CL_OK);
    mutate(json_array_get(documents, 0), documents);
    mutate(json_array_get(documents, 1), documents);
    json_decref(documents);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("frompod");
    TCase *t = tcase_create("frompod");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_arguments);
    tcase_add_test(t, test_values_of_the_host_are_not_compared);
    tcase_add_test(t, test_environment);
    tcase_add_test(t, test_configmaps_beside_the_pod);
    tcase_add_test(t, test_user);
    tcase_add_test(t, test_capabilities);
    tcase_add_test(t, test_flags);
    tcase_add_test(t, test_execs);
    tcase_add_test(t, test_what_a_vm_cannot_have);
    tcase_add_test(t, test_images);
    tcase_add_test(t, test_devices_and_init);
    tcase_add_test(t, test_claims_with_a_key);
    tcase_add_loop_test(t, test_claims_that_are_none, 0, CL_ARRAY_LEN(bad_claims));
    tcase_add_test(t, test_which_pod);
    tcase_add_test(t, test_every_member_of_another_type);
    suite_add_tcase(s, t);
    return run_suite(s);
}
