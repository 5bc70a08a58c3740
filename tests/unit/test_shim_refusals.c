/* SPDX-License-Identifier: Apache-2.0
 * test_shim_refusals.c - what a specification may not ask of a VM, each with its line; broken and
 * cut documents.
 */
#include "shim_host.h"

#include "base/json.h"
#include "edit.h"

struct row {
    const char *from, *to; /* an edit of the vector, whose text is compact */
    const char *msg;       /* a piece of the message */
    enum cl_status st;
};

/* A vector as compact text. */
static char *compact(const char *name)
{
    json_t *j = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = vector(name);
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    char *large = strstr((const char *)raw.data, "18446744073709551615");
    if (large != NULL) { /* jansson would not read it */
        memset(large + 1, ' ', 19);
    }
    ck_assert_int_eq(cl_json_parse(raw.data, raw.len, name, &j, NULL), CL_OK);
    ck_assert_int_eq(cl_json_compact(j, &out, NULL), CL_OK);
    json_decref(j);
    return strdup((const char *)out.data);
}

static enum cl_status translate(const char *text, size_t len,
                                const struct shim_translate_options *o, struct cl_err *err)
{
    CL_CLEANUP(shim_spec_done) struct shim_spec s = {0};
    return shim_spec_translate(text, len, o, &s, err);
}

static void run_rows(const char *name, const struct row *rows, size_t count)
{
    char *good = compact(name);
    ck_assert_int_eq(translate(good, strlen(good), &test_options, NULL), CL_OK);
    for (size_t i = 0; i < count; i++) {
        struct cl_err err = {0};
        char *text = edit(good, rows[i].from, rows[i].to);
        enum cl_status st = translate(text, strlen(text), &test_options, &err);
        ck_assert_msg(st == rows[i].st, "%s -> %s: status %s: %s", rows[i].from, rows[i].to,
                      cl_status_name(st), err.msg);
        ck_assert_msg(strstr(err.msg, rows[i].msg) != NULL, "%s -> %s: %s", rows[i].from,
                      rows[i].to, err.msg);
        free(text);
    }
    free(good);
}
#define RUN(name, rows) run_rows(name, rows, CL_ARRAY_LEN(rows))

#define NO CL_ERR_REJECTED
#define BAD CL_ERR_MALFORMED

START_TEST(test_namespaces_of_a_single_container)
{
    static const struct row rows[] = {
        {",{\"type\":\"network\"}", "",
         "linux.namespaces: network: expected the pod's own, got the host's (hostNetwork)", NO},
        {"{\"type\":\"pid\"},", "",
         "linux.namespaces: pid: expected the pod's own, got the host's (hostPID)", NO},
        {"{\"type\":\"ipc\"},", "",
         "linux.namespaces: ipc: expected the pod's own, got the host's (hostIPC)", NO},
        {"{\"type\":\"uts\"},", "", "linux.namespaces: uts: expected the pod's own, got the host's",
         NO},
        {"{\"type\":\"mount\"},", "",
         "linux.namespaces: mount: expected the pod's own, got the host's", NO},
        {"{\"type\":\"uts\"},", "{\"type\":\"uts\"},{\"type\":\"user\"},",
         "linux.namespaces: user: expected none, got one", NO},
        {"{\"type\":\"uts\"},", "{\"type\":\"uts\"},{\"type\":\"time\"},",
         "linux.namespaces: time: expected none, got one", NO},
        {"{\"type\":\"pid\"}", "{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"}",
         "linux.namespaces: pid: expected a new one, got '/proc/1/ns/pid'", NO},
        {"{\"type\":\"mount\"}", "{\"type\":\"mount\",\"path\":\"/proc/1/ns/mnt\"}",
         "linux.namespaces: mount: expected a new one", NO},
        {"{\"type\":\"uts\"},", "{\"type\":\"uts\"},{\"type\":\"uts\"},",
         "linux.namespaces: uts: expected one", BAD},
        {"{\"type\":\"network\"}", "{\"type\":\"network\",\"path\":\"../x\"}",
         "linux.namespaces: network: expected one, with an absolute path", BAD},
        {"{\"type\":\"uts\"},", "{\"type\":7},", "linux.namespaces: type: expected string", BAD},
        {"\"namespaces\":[",
         "\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":1}],"
         "\"namespaces\":[",
         "linux: uidMappings: expected none, got one", NO},
        {"\"namespaces\":[", "\"timeOffsets\":{\"boottime\":{\"secs\":1}},\"namespaces\":[",
         "linux: timeOffsets: expected none, got one", NO},
        {"\"namespaces\":[", "\"intelRdt\":{\"closID\":\"x\"},\"namespaces\":[",
         "linux: intelRdt: expected none, got one", NO},
        {"\"namespaces\":[", "\"namespaces\":7,\"x\":[", "linux: namespaces: expected array", BAD},
    };
    RUN("single-1.6.json", rows);
}
END_TEST

START_TEST(test_namespaces_of_pods)
{
    static const struct row sandbox[] = {
        {",{\"type\":\"network\",\"path\":\"/var/run/netns/cni-6d1e6a4c\"}", "", "(hostNetwork)",
         NO},
        {"{\"type\":\"pid\"},", "", "(hostPID)", NO},
        {"{\"type\":\"ipc\"},", "", "(hostIPC)", NO},
    };
    static const struct row container[] = {
        {",{\"type\":\"network\",\"path\":\"/proc/4711/ns/net\"}", "", "(hostNetwork)", NO},
        {",\"path\":\"/proc/4711/ns/net\"", "", "network: expected the pod's own, got a new one",
         NO},
        {"{\"type\":\"pid\"},", "", "(hostPID)", NO},
        {"{\"type\":\"ipc\",\"path\":\"/proc/4711/ns/ipc\"},", "", "(hostIPC)", NO},
        {"{\"type\":\"cgroup\"}", "{\"type\":\"cgroup\",\"path\":\"/proc/1/ns/cgroup\"}",
         "cgroup: expected a new one", NO},
        {"{\"type\":\"cgroup\"}", "{\"type\":\"user\",\"path\":\"/proc/1/ns/user\"}",
         "user: expected none", NO},
    };
    RUN("sandbox-1.6.json", sandbox);
    RUN("container-1.7.json", container);
}
END_TEST

START_TEST(test_process)
{
    static const struct row rows[] = {
        {"\"cwd\":\"/srv\"", "\"cwd\":\"srv\"", "process: cwd: expected an absolute path", BAD},
        {"\"cwd\":\"/srv\"", "\"x\":0", "process: cwd: expected string, got nothing", BAD},
        {"\"args\":[\"/bin/app\",\"-v\",\"two words\"]", "\"args\":[]",
         "process: args: expected 1 to", BAD},
        {"\"args\":[\"/bin/app\",", "\"args\":[7,", "process: args: expected text", BAD},
        {"\"env\":[", "\"env\":[{},", "process: env: expected text", BAD},
        {"\"uid\":1000", "\"uid\":-1", "process.user: uid: expected 0 to", BAD},
        {"\"uid\":1000", "\"uid\":4294967295", "process.user: uid: expected 0 to", BAD},
        {"\"gid\":1000", "\"gid\":\"x\"", "process.user: gid: expected integer", BAD},
        {"\"gid\":1000", "\"umask\":512", "process.user: umask: expected", BAD},
        {"\"additionalGids\":[1000", "\"additionalGids\":[-5", "process.user: additionalGids", BAD},
        {"\"CAP_CHOWN\"", "\"chown\"", "process.capabilities: bounding: expected names", BAD},
        {"\"bounding\"", "\"extra\"", "process.capabilities: extra: expected none", NO},
        {"RLIMIT_NOFILE", "RLIMIT_FREE", "process.rlimits: type: expected a limit of Linux", NO},
        {"\"hard\":1024", "\"hard\":-1", "process.rlimits: hard: expected 0 to", BAD},
        {"\"oomScoreAdj\":-1000", "\"oomScoreAdj\":-1001", "process: oomScoreAdj: expected", BAD},
        {"\"oomScoreAdj\":-1000", "\"ioPriority\":{\"class\":\"IOPRIO_CLASS_RT\"}",
         "process: ioPriority: expected none", NO},
        {"\"height\":24", "\"height\":65536", "process.consoleSize: height: expected 0 to", BAD},
        {"\"terminal\":true", "\"terminal\":1", "process: terminal: expected boolean", BAD},
        {"\"noNewPrivileges\":true", "\"noNewPrivileges\":\"\"", "noNewPrivileges: expected bool",
         BAD},
    };
    RUN("single-1.6.json", rows);
}
END_TEST

START_TEST(test_resources)
{
    static const struct row rows[] = {
        {"\"quota\":150000", "\"quota\":-2", "linux.resources.cpu: quota: expected -1 to", BAD},
        {"\"shares\":512", "\"shares\":true", "linux.resources.cpu: shares: expected int", BAD},
        {"\"shares\":512", "\"realtimeRuntime\":5", "linux.resources.cpu: realtimeRuntime", NO},
        {"\"limit\":268435456", "\"disableOOMKiller\":true", "memory: disableOOMKiller: expected",
         NO},
        {"\"quota\":150000", "\"quota\":9000000000000", "cpu limit: expected at most 4096", NO},
        {"\"memory\":", "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":2097152}],\"memory\":",
         "linux.resources.hugepageLimits: limit: expected 0, got 2097152", NO},
        {"\"memory\":", "\"unified\":{\"cgroup.procs\":\"1\"},\"memory\":",
         "linux.resources.unified: expected a file of cpu, memory or pids, got 'cgroup.procs'", NO},
        {"\"memory\":", "\"unified\":{\"memory./../x\":\"1\"},\"memory\":",
         "linux.resources.unified: expected a file of", NO},
        {"\"memory\":", "\"unified\":{\"memory.max\":1},\"memory\":",
         "linux.resources.unified: memory.max: expected string", BAD},
        {"\"memory\":", "\"future\":{\"x\":1},\"memory\":",
         "linux.resources: future: expected none", NO},
        {"\"memory\":", "\"pids\":{\"limit\":\"max\"},\"memory\":",
         "linux.resources.pids: limit: expected integer", BAD},
    };
    RUN("single-1.6.json", rows);
}
END_TEST

#define WITH_DEVICE(d) "\"devices\":[" d "],\"resources\":"

START_TEST(test_devices_settings_and_filters)
{
    static const struct row rows[] = {
        {"\"resources\":",
         WITH_DEVICE("{\"path\":\"/dev/kvm\",\"type\":\"c\",\"major\":10,"
                     "\"minor\":232}"),
         "linux.devices: expected none of the host's but block devices, got '/dev/kvm'", NO},
        {"\"resources\":", WITH_DEVICE("{\"path\":\"/dev/p\",\"type\":\"p\"}"),
         "linux.devices: expected none", NO},
        {"\"resources\":", WITH_DEVICE("{\"path\":\"dev\",\"type\":\"b\"}"),
         "linux.devices: path: expected an absolute path", BAD},
        {"\"resources\":", WITH_DEVICE("{\"path\":\"/dev/x\",\"type\":\"b\",\"major\":-1}"),
         "linux.devices: major: expected 0 to", BAD},
        {"\"net.ipv4.ip_forward\"", "\"vm.overcommit_memory\"",
         "linux.sysctl: expected settings of the pod's namespaces, got 'vm.overcommit_memory'", NO},
        {"\"net.ipv4.ip_forward\"", "\"kernel.core_pattern\"", "linux.sysctl: expected settings",
         NO},
        {"\"net.ipv4.ip_forward\"", "\"net./../kernel\"", "linux.sysctl: expected settings", NO},
        {"\"net.ipv4.ip_forward\"", "\"net...kernel\"", "linux.sysctl: expected settings", NO},
        {"\"net.ipv4.ip_forward\":\"1\"", "\"net.x\":1", "linux.sysctl: net.x: expected string",
         BAD},
        {"\"maskedPaths\":[\"/proc/acpi\"", "\"maskedPaths\":[\"proc\"",
         "linux: maskedPaths: expected absolute paths, got 'proc'", BAD},
        {"\"readonlyPaths\":[\"/proc/asound\"", "\"readonlyPaths\":[\"/proc/../etc\"",
         "linux: readonlyPaths: expected absolute paths", BAD},
        {"\"cgroupsPath\":\"/default/one\"", "\"cgroupsPath\":\"/default/../../one\"",
         "linux.cgroupsPath: expected a path without '..'", BAD},
        {"\"resources\":", "\"rootfsPropagation\":\"every\",\"resources\":",
         "linux.rootfsPropagation: expected a kind of mount propagation", BAD},
        {"\"resources\":", "\"seccomp\":{\"listenerPath\":\"/run/x\"},\"resources\":",
         "linux.seccomp: listenerPath: expected none", NO},
        {"\"resources\":", "\"seccomp\":{\"syscalls\":[{\"names\":[\"../x\"]}]},\"resources\":",
         "linux.seccomp: names: expected names of system calls", BAD},
        {"\"resources\":",
         "\"seccomp\":{\"syscalls\":[{\"names\":[\"x\"],\"args\":[{\"index\":0,"
         "\"value\":18446744073709551615,\"op\":\"SCMP_CMP_EQ\"}]}]},\"resources\":",
         "linux.seccomp: value: expected 0 to", BAD},
    };
    RUN("single-1.6.json", rows);
}
END_TEST

START_TEST(test_document)
{
    static const struct row rows[] = {
        {"\"ociVersion\":\"1.0.2-dev\"", "\"ociVersion\":\"2.0.0\"",
         "ociVersion: expected 1.x, got '2.0.0'", CL_ERR_UNSUPPORTED},
        {"\"ociVersion\":\"1.0.2-dev\",", "", "config: ociVersion: expected string", BAD},
        {"\"hostname\":\"alone\"", "\"hostname\":\"a b\"", "hostname: expected 1 to 64", BAD},
        {"\"hostname\":", "\"hostname\":\"x\",\"hostname\":", "duplicate", BAD},
        {"\"hostname\":", "\"hooks\":{\"createRuntime\":[{\"path\":\"/bin/x\"}]},\"hostname\":",
         "hooks: createRuntime: expected none, got one", NO},
        {"\"hostname\":", "\"hooks\":{\"poststop\":[{\"path\":\"/bin/x\"}]},\"hostname\":",
         "hooks: poststop: expected none, got one", NO},
        {"\"hostname\":", "\"windows\":{\"layerFolders\":[\"x\"]},\"hostname\":",
         "config: windows: expected none, got one", NO},
        {"\"hostname\":", "\"domainname\":\"x\",\"hostname\":", "config: domainname: expected none",
         NO},
        {"\"root\":{", "\"root\":{\"lowerdir\":\"/x\",", "root: lowerdir: expected none", NO},
        {"\"root\":", "\"rood\":", "config: rood: expected none", NO},
        {"\"readonly\":true", "\"readonly\":\"yes\"", "root: readonly: expected boolean", BAD},
        {"\"linux\":", "\"linux\":7,\"x\":", "config: ", NO},
        {"\"process\":", "\"process\":[],\"annotations\":", "annotations", BAD},
        {"}}", "}}x", "not JSON", BAD},
    };
    RUN("single-1.6.json", rows);
}
END_TEST

START_TEST(test_annotations)
{
    static const struct row sandbox[] = {
        {"container-type\":\"sandbox\"", "container-type\":\"pod\"",
         "container type: expected sandbox or container, got 'pod'", BAD},
        {"\"dev.cloister.initdata\":", "\"dev.cloister.initdate\":",
         "expected no other of Cloister than dev.cloister.initdata, got 'dev.cloister.initdate'",
         NO},
        {"\"dev.cloister.initdata\":", "\"dev.cloister.privileged\":", "expected no other of Cloi",
         NO},
        {"\"dev.cloister.initdata\":",
         "\"io.katacontainers.config.hypervisor.cc_init_data\":\"b3RoZXI=\","
         "\"dev.cloister.initdata\":",
         "dev.cloister.initdata: expected the same as in "
         "io.katacontainers.config.hypervisor.cc_init_data",
         NO},
        {"\"dev.cloister.initdata\":\"aW5pdGRhdGE=\"", "\"dev.cloister.initdata\":{}",
         "annotations: dev.cloister.initdata: expected text", BAD},
        {"\"250000\"", "\"25e4\"", "io.kubernetes.cri.sandbox-cpu-quota", BAD},
        {"\"536870912\"", "\"99999999999999999999\"", "io.kubernetes.cri.sandbox-memory", BAD},
        {"\"250000\"", "\"9000000000000\"", "cpu limit: expected at most 4096 CPUs", NO},
        {"sandbox-uid\":\"0f9d", "sandbox-uid\":\"../", "pod uid: expected a name", BAD},
        {"\"dev.cloister.initdata\":",
         "\"io.kubernetes.cri-o.ContainerType\":\"container\",\"dev.cloister.initdata\":",
         "container type: expected containerd's or CRI-O's, got both", NO},
    };
    static const struct row container[] = {
        {"sandbox-id\":\"5b", "sandbox-id\":\"../", "sandbox id: expected 1 to 76", BAD},
        {"sandbox-id\":\"5b", "sandbox-x\":\"", "sandbox id: expected 1 to 76", BAD},
        {"container-name\":\"app", "container-name\":\"a/b", "container name: expected 1 to 255",
         BAD},
    };
    static const struct row crio[] = {
        {"memory_limit_in_bytes\\\": ", "memory_limit_in_bytes\\\" ", "PodLinuxResources", BAD},
        {"io.kubernetes.cri-o.ContainerType\":\"sandbox", "io.kubernetes.cri-o.ContainerType\":\"x",
         "container type: expected sandbox or container", BAD},
    };
    RUN("sandbox-1.6.json", sandbox);
    RUN("container-1.7.json", container);
    RUN("sandbox-crio.json", crio);
}
END_TEST

#define FROM "\"source\":\"" POD "/volumes/kubernetes.io~empty-dir/cache\""
#define SOURCE(path) "\"source\":\"" path "\""

START_TEST(test_mounts)
{
    static const struct row rows[] = {
        {FROM, SOURCE("/etc"),
         "'/cache': source: expected a volume of the pod, not a path of the host (hostPath), got "
         "'/etc'",
         NO},
        {FROM, SOURCE("/proc/1/root"), "(hostPath)", NO},
        {FROM, SOURCE("/dev/shm"), "(hostPath)", NO},
        {FROM, SOURCE("etc"), "source: expected an absolute path, got 'etc'", NO},
        {FROM, SOURCE("/var/lib/kubelet/../../../etc"), "expected an absolute path", NO},
        {FROM, SOURCE("/"), "expected an absolute path", NO},
        {FROM, SOURCE("/var/lib/kubelet/pods/other/volumes/kubernetes.io~secret/tls"),
         "source: expected a volume of this pod", NO},
        {FROM, SOURCE("/var/lib/kubelet/pki/kubelet.key"), "expected a volume of this pod", NO},
        {FROM, SOURCE(POD "/plugins/x"), "source: expected a volume of the pod", NO},
        {FROM, SOURCE(POD), "source: expected a volume of the pod", NO},
        {FROM, SOURCE(POD "/volumes/kubernetes.io~empty-dir"), "expected a volume of the pod", NO},
        {FROM, SOURCE(POD "/volumes/kubernetes.io~csi/pvc-1/mount"),
         "volume 'pvc-1': expected configMap, secret, projected, downwardAPI or emptyDir (or "
         "volumeMode Block), got 'kubernetes.io~csi'",
         NO},
        {FROM, SOURCE(POD "/volumes/kubernetes.io~nfs/share"), "got 'kubernetes.io~nfs'", NO},
        {FROM, SOURCE(POD "/volumes/kubernetes.io~empty-dir/huge"),
         "emptyDir 'huge': expected a folder or a tmpfs, got a hugetlbfs", NO},
        {FROM, SOURCE(POD "/volumes/kubernetes.io~secret/settings"),
         "volume 'settings': expected one of that name, got two", NO},
        {FROM, SOURCE(POD "/volume-subpaths/cache/app/8"), "expected a subPath of a volume", NO},
        {FROM, SOURCE(POD "/volume-subpaths/cache/app/9"), "expected a subPath of a volume", NO},
        {FROM, SOURCE(POD "/volume-subpaths/tls/app/5"), "expected a subPath of a volume", NO},
        {FROM, SOURCE("/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/" UID "/hostname"),
         "(hostPath)", NO},
        {FROM, SOURCE("/run/containerd/io.containerd.grpc.v1.cri/sandboxes/" SANDBOX "/shm/x"),
         "(hostPath)", NO},
        {FROM ",\"options\":[\"rbind\",\"rprivate\"", FROM ",\"options\":[\"rbind\",\"rshared\"",
         "options: expected ones that a mount in a VM can have, got 'rshared'", NO},
        {FROM ",\"options\":[\"rbind\"", FROM ",\"options\":[\"rbind\",\"idmap\"", "got 'idmap'",
         NO},
        {FROM ",\"options\":[\"rbind\"", FROM ",\"uidMappings\":[{}],\"options\":[\"rbind\"",
         "mount: uidMappings: expected none", NO},
        {FROM ",\"options\":[\"rbind\"", FROM ",\"options\":[7", "options: expected", NO},
        {"\"destination\":\"/cache\"", "\"destination\":\"cache\"",
         "destination: expected an absolute path", BAD},
        {"\"destination\":\"/cache\"", "\"destination\":\"/a/../b\"",
         "destination: expected an absolute path", BAD},
        {"\"type\":\"mqueue\"", "\"type\":\"nfs\"",
         "type: expected bind, proc, sysfs, tmpfs, devpts, mqueue or cgroup, got 'nfs'", NO},
        {"\"size=65536k\"", "\"size=65536k,x\"", "options: expected", NO},
        {"\"size=65536k\"", "\"mpol=bind\"", "got 'mpol=bind'", NO},
        {"\"source\":\"" POD "/etc-hosts\"", "\"source\":7", "source: expected string", BAD},
        {"\"type\":\"b\",\"major\":259,\"minor\":3,\"fileMode\"",
         "\"type\":\"c\",\"major\":9,"
         "\"minor\":3,\"fileMode\"",
         "linux.devices: expected none", NO},
    };
    RUN("container-1.7.json", rows);
}
END_TEST

/* Pods' annotations that containerd passes on do not speak for CRI-O. */
START_TEST(test_made_up_annotations)
{
    char *good = compact("container-1.7.json");
    char *a = edit(good, "\"annotations\":{",
                   "\"annotations\":{\"io.kubernetes.cri-o.ResolvPath\":\"/etc/shadow\",");
    char *b = edit(a, FROM, SOURCE("/etc/shadow"));
    struct cl_err err = {0};
    ck_assert_int_eq(translate(a, strlen(a), &test_options, &err), CL_OK);
    ck_assert_int_eq(translate(b, strlen(b), &test_options, &err), CL_ERR_REJECTED);
    free(good);
    free(a);
    free(b);
}
END_TEST

/* What means the same in a VM under another name. */
START_TEST(test_options_that_change)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"\"rslave\"", "[\"rprivate\"]"},
        {"\"slave\"", "[\"private\"]"},
        {"\"rro\"", "[\"ro\"]"},
        {"\"tmpcopyup\",\"rw\"", "[\"rw\"]"},
        {"\"mode=0755\"", "[\"mode=0755\"]"},
    };
    char *good = compact("single-1.6.json");
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        char text[256];
        struct cl_err err = {0};
        CL_CLEANUP(shim_spec_done) struct shim_spec s = {0};
        (void)snprintf(text, sizeof(text),
                       "\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[%s]},",
                       rows[i].from);
        char *config = edit(good, "\"mounts\":[", text);
        ck_assert_msg(shim_spec_translate(config, strlen(config), &test_options, &s, &err) == CL_OK,
                      "%s", err.msg);
        (void)snprintf(text, sizeof(text), "\"destination\":\"/x\",\"options\":%s,", rows[i].to);
        ck_assert_msg(strstr((const char *)s.guest.data, text) != NULL, "%s: %s", text,
                      (const char *)s.guest.data);
        free(config);
    }
    free(good);
}
END_TEST

/* Only where the node's configuration says so, only to read, only files and folders. */
START_TEST(test_host_files)
{
    const struct shim_translate_options o = {.host = &test_host, .host_files = true};
    static const struct {
        const char *source, *options, *refusal;
    } rows[] = {
        {"/srv/folder", "\"ro\"", NULL},
        {"/srv/file.conf", "\"ro\"", NULL},
        {"/srv/folder", "\"rw\"", "expected a volume of the pod, or 'ro' for a path of the host"},
        {"/srv/socket", "\"ro\"", "expected a file or a folder of the host"},
        {"/srv/absent", "\"ro\"", "expected a file or a folder of the host"},
        {"/dev/sda", "\"ro\"", "expected a file or a folder of the host"},
        {"/var/lib/kubelet/pki", "\"ro\"", "expected a volume of this pod"},
    };
    char *good = compact("single-1.6.json");
    for (size_t i = 0; i < CL_ARRAY_LEN(rows); i++) {
        char mount[256];
        struct cl_err err = {0};
        struct shim_spec s = {0};
        (void)snprintf(mount, sizeof(mount),
                       "\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"%s\","
                       "\"options\":[%s]},",
                       rows[i].source, rows[i].options);
        char *text = edit(good, "\"mounts\":[", mount);
        enum cl_status st = shim_spec_translate(text, strlen(text), &o, &s, &err);
        free(text);
        if (rows[i].refusal != NULL) {
            ck_assert_int_eq(st, CL_ERR_REJECTED);
            ck_assert_msg(strstr(err.msg, rows[i].refusal) != NULL, "%s", err.msg);
            continue;
        }
        ck_assert_msg(st == CL_OK, "%s", err.msg);
        ck_assert_uint_eq(s.volume_count, 1);
        ck_assert_int_eq(s.volume[0].kind, SHIM_VOLUME_FILES);
        ck_assert(!s.volume[0].watch);
        ck_assert_str_eq(s.volume[0].host_path, rows[i].source);
        ck_assert_int_eq(strstr((const char *)s.guest.data, "/file.conf\"") != NULL, i == 1);
        shim_spec_done(&s);
    }
    free(good);
}
END_TEST

START_TEST(test_cut_anywhere)
{
    static const char *const names[] = {"single-1.6.json",    "sandbox-1.6.json",
                                        "container-1.7.json", "privileged-2.1.json",
                                        "sandbox-crio.json",  "container-crio.json"};
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        char *good = compact(names[i]);
        for (size_t n = 0; n < strlen(good); n++) {
            struct cl_err err = {0};
            enum cl_status st = translate(good, n, &test_options, &err);
            ck_assert_int_eq(st, n == 0 ? CL_ERR_TRUNCATED : CL_ERR_MALFORMED);
        }
        free(good);
    }
}
END_TEST

START_TEST(test_cut_process_and_resources)
{
    static const char *const names[] = {"process.json", "resources.json"};
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        char *good = compact(names[i]);
        for (size_t n = 0; n < strlen(good); n++) {
            CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
            enum cl_status st = i == 0 ? shim_process_translate(good, n, &out, NULL)
                                       : shim_resources_translate(good, n, &out, NULL);
            ck_assert_int_eq(st, n == 0 ? CL_ERR_TRUNCATED : CL_ERR_MALFORMED);
            ck_assert_uint_eq(out.len, 0);
        }
        free(good);
    }
}
END_TEST

START_TEST(test_size_and_depth)
{
    char *big = malloc(SHIM_SPEC_MAX + 1);
    ck_assert_ptr_nonnull(big);
    struct cl_err err = {0};
    memset(big, ' ', SHIM_SPEC_MAX + 1);
    ck_assert_int_eq(translate(big, SHIM_SPEC_MAX + 1, &test_options, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "config.json: expected at most 4194304 bytes, got 4194305");
    memset(big, '[', SHIM_SPEC_MAX);
    ck_assert_int_eq(translate(big, SHIM_SPEC_MAX, &test_options, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "config.json: nested deeper than 32");
    ck_assert_int_eq(translate("[]", 2, &test_options, &err), CL_ERR_MALFORMED);
    ck_assert_str_eq(err.msg, "config.json: expected an object");
    free(big);
}
END_TEST

START_TEST(test_number_of_volumes)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf mounts = {0};
    char *good = compact("container-1.7.json");
    struct cl_err err = {0};
    ck_assert_int_eq(cl_buf_append_str(&mounts, "\"mounts\":[", NULL), CL_OK);
    for (unsigned i = 0; i < SHIM_MAX_VOLUMES; i++) {
        ck_assert_int_eq(cl_buf_printf(&mounts, NULL,
                                       "{\"destination\":\"/v%u\",\"type\":\"bind\",\"source\":"
                                       "\"" POD "/volumes/kubernetes.io~empty-dir/v%u\"},",
                                       i, i),
                         CL_OK);
    }
    char *text = edit(good, "\"mounts\":[", (const char *)mounts.data);
    ck_assert_int_eq(translate(text, strlen(text), &test_options, &err), CL_ERR_REJECTED);
    ck_assert_msg(strstr(err.msg, "mounts: expected at most 128 volumes") != NULL, "%s", err.msg);
    free(text);
    free(good);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shim_refusals");
    TCase *t = tcase_create("refusals");
    tcase_set_timeout(t, 120); /* each byte of each document is where one of them ends */
    tcase_add_test(t, test_namespaces_of_a_single_container);
    tcase_add_test(t, test_namespaces_of_pods);
    tcase_add_test(t, test_process);
    tcase_add_test(t, test_resources);
    tcase_add_test(t, test_devices_settings_and_filters);
    tcase_add_test(t, test_document);
    tcase_add_test(t, test_annotations);
    tcase_add_test(t, test_mounts);
    tcase_add_test(t, test_made_up_annotations);
    tcase_add_test(t, test_options_that_change);
    tcase_add_test(t, test_host_files);
    tcase_add_test(t, test_cut_anywhere);
    tcase_add_test(t, test_cut_process_and_resources);
    tcase_add_test(t, test_size_and_depth);
    tcase_add_test(t, test_number_of_volumes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
