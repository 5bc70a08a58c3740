/* SPDX-License-Identifier: Apache-2.0
 * podpolicy_text.h - a policy that uses every member, and a specification that it allows.
 */
#ifndef CL_TEST_PODPOLICY_TEXT_H
#define CL_TEST_PODPOLICY_TEXT_H

#define HEX16 "0123456789abcdef"
#define MANIFEST "sha256:" HEX16 HEX16 HEX16 HEX16

#define POLICY_CONTAINER                                                                           \
    "{\"name\":\"app\",\"image\":{\"manifest\":\"" MANIFEST "\",\"encryption\":\"required\"},"     \
    "\"args\":[\"/bin/app\",\"--serve\"],"                                                         \
    "\"env\":[\"PATH=/bin\",\"MODE=safe\"],\"env_host\":[\"HOSTNAME\",\"NODE_*\"],"                \
    "\"service_env\":true,\"cwd\":\"/srv\",\"user\":{\"uid\":10,\"gid\":20,\"groups\":[30]},"      \
    "\"capabilities\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"ambient\":[\"CAP_KILL\"],"                    \
    "\"no_new_privileges\":true,\"read_only_root\":true,\"privileged\":false,"                     \
    "\"pid\":\"container\",\"unmasked\":false,"                                                    \
    "\"streams\":{\"stdout\":true,\"stderr\":true},"                                               \
    "\"mounts\":[{\"destination\":\"/etc/app\",\"volume\":\"config\"},"                            \
    "{\"destination\":\"/data\",\"volume\":\"data\",\"path\":\"sub\"},"                            \
    "{\"destination\":\"/cache\",\"volume\":\"image_*\",\"optional\":true},"                       \
    "{\"destination\":\"/more\",\"volume\":\"image_*\",\"optional\":true},"                        \
    "{\"destination\":\"/ro\",\"volume\":\"data\",\"path\":\"*\",\"read_only\":true,"              \
    "\"optional\":true,\"propagation\":\"slave\"}],"                                               \
    "\"devices\":[{\"path\":\"/dev/disk\",\"volume\":\"disk\"},"                                   \
    "{\"path\":\"/dev/vault\",\"volume\":\"vault\",\"mount\":\"/vault\",\"read_only\":true}],"     \
    "\"exec\":[{\"args\":[\"/bin/app\",\"--check\"],\"streams\":{\"stdout\":true}},"               \
    "{\"args\":[\"/bin/sh\"],\"streams\":{\"terminal\":true,\"stdin\":true,\"stdout\":true}}]}"
#define POLICY_SANDBOX                                                                             \
    "{\"hostname\":\"web-0\",\"sysctls\":{\"net.core.somaxconn\":\"64\"},"                         \
    "\"share_processes\":false,\"network\":false,\"forward_ports\":[8080,65535]}"
#define POLICY_VOLUMES                                                                             \
    "[{\"name\":\"config\",\"kind\":\"files\",\"host_writes\":true},"                              \
    "{\"name\":\"data\",\"kind\":\"scratch\"},{\"name\":\"image_*\",\"kind\":\"scratch\"},"        \
    "{\"name\":\"result_*\",\"kind\":\"scratch\",\"host_writes\":true,\"host_reads\":true},"       \
    "{\"name\":\"dev_shm\",\"kind\":\"shm\"},{\"name\":\"fast\",\"kind\":\"memory\"},"             \
    "{\"name\":\"disk\",\"kind\":\"block\"},"                                                      \
    "{\"name\":\"vault\",\"kind\":\"block\",\"encrypted\":{\"key\":\"kbs:///a/b/c\","              \
    "\"format\":\"if-blank\"}}]"
#define POLICY                                                                                     \
    "{\"schema\":\"cloister.pod-policy/1\",\"sandbox\":" POLICY_SANDBOX                            \
    ",\"volumes\":" POLICY_VOLUMES ",\"containers\":[" POLICY_CONTAINER "]}"

#define SPEC_PROCESS                                                                               \
    "{\"terminal\":false,\"args\":[\"/bin/app\",\"--serve\"],"                                     \
    "\"env\":[\"HOSTNAME=web-0\",\"MODE=safe\",\"PATH=/bin\",\"DB_SERVICE_HOST=10.0.0.1\"],"       \
    "\"cwd\":\"/srv\",\"user\":{\"uid\":10,\"gid\":20,\"additionalGids\":[20,30,99]},"             \
    "\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_CHOWN\"],"                                 \
    "\"effective\":[\"CAP_CHOWN\",\"CAP_KILL\"],\"permitted\":[\"CAP_CHOWN\",\"CAP_KILL\"],"       \
    "\"inheritable\":[\"CAP_KILL\"],\"ambient\":[\"CAP_KILL\"]},"                                  \
    "\"noNewPrivileges\":true,\"oomScoreAdj\":900,"                                                \
    "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":9,\"soft\":9}]}"
#define SPEC                                                                                       \
    "{\"ociVersion\":\"1.0.2\",\"process\":" SPEC_PROCESS                                          \
    ",\"root\":{\"path\":\"rootfs\",\"readonly\":true},"                                           \
    "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"options\":[\"nosuid\"]},"          \
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"options\":[\"mode=755\",\"size=65536k\"]},"    \
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"options\":[\"ro\"]},"                          \
    "{\"destination\":\"/etc/app\",\"type\":\"bind\",\"source\":\"volume:config\","                \
    "\"options\":[\"rbind\",\"rprivate\",\"ro\"]},"                                                \
    "{\"destination\":\"/data\",\"type\":\"bind\",\"source\":\"volume:data/sub\","                 \
    "\"options\":[\"rbind\",\"rprivate\",\"rw\"]},"                                                \
    "{\"destination\":\"/cache\",\"type\":\"bind\",\"source\":\"volume:image_1\","                 \
    "\"options\":[\"rbind\",\"rw\"]}],"                                                            \
    "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"   \
    "\"devices\":[{\"path\":\"/dev/disk\",\"type\":\"b\",\"source\":\"volume:disk\"},"             \
    "{\"path\":\"/dev/vault\",\"type\":\"b\",\"source\":\"volume:block_8_16\"}],"                  \
    "\"resources\":{\"memory\":{\"limit\":1}},\"seccomp\":{},\"maskedPaths\":[\"/proc/x\"]}}"

#endif
